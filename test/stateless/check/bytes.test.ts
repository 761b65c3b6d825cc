/** Controls compared as bytes: what is said of a request does not depend on whether there are bytes to compare. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { h264, type ControlValues, type StatelessName } from "../../../src/codec/index.js";
import { H264Check } from "../../../src/stateless/check/h264.js";
import { syntheticStreams } from "../../codec/h264/synthetic.js";
import { measuredCodecs } from "./measured.js";
import { bytesOf, decodeControl, encodeControl, linesOf } from "./requests.js";

/** A few requests behind the first ones of each stream, and in these some bytes of each control. */
const REQUESTS = 4;
const STEP = 13;

/** Each byte in its turn, so that no field and no byte of a field is left out over all streams. */
function* otherControls(
  controls: ControlValues,
  turn: number,
): Generator<{ what: string; changed: ControlValues }> {
  for (const [key, value] of Object.entries(controls)) {
    const name = key as StatelessName;
    const bytes = encodeControl(name, value);
    if (bytes === undefined) continue;
    for (let at = turn % STEP; at < bytes.byteLength; at += STEP) {
      const other = bytes.slice();
      other[at] = (other[at] ?? 0) ^ 1;
      yield { what: `${name}, byte ${at}`, changed: { ...controls, [name]: decodeControl(name, other) } };
    }
  }
}

describe.each(measuredCodecs)("the check of $name", (codec) => {
  const [path = ""] = codec.streams;
  it(`says the same of requests of ${basename(path)} with and without the bytes of their controls`, () => {
    const check = codec.start();
    let seen = 0;
    for (const request of codec.requestsOf(path)) {
      if (seen >= REQUESTS) break;
      for (const { what, changed } of otherControls(request.controls, seen)) {
        const fields = linesOf(check.clone(), { ...request, controls: changed });
        const bytes = linesOf(check.clone(), { ...request, controls: changed, bytesOf: bytesOf(changed) });
        expect(bytes, `request ${seen}, ${what}`).toEqual(fields);
      }
      check.check({ ...request, bytesOf: bytesOf(request.controls) });
      seen += 1;
    }
    expect(seen).toBeGreaterThan(0);
  });
});

/** How many requests of a stream the check reads a field of, although all are right. */
function readByField(stream: Uint8Array, timestampOf: (decodeIndex: number) => bigint): number {
  const check = new H264Check();
  let count = 0;
  for (const { requests, timestampNs } of h264.frameControls(stream, { decodeMode: "slice", timestampOf })) {
    for (const { controls, payload, holdCapture } of requests) {
      let isRead = false;
      const watched = Object.defineProperty({ ...controls }, "StatelessH264DecodeParams", {
        get: () => {
          isRead = true;
          return controls.StatelessH264DecodeParams;
        },
      });
      check.check({
        controls: watched,
        bitstream: payload,
        timestampNs,
        holdCapture,
        bytesOf: bytesOf(controls),
      });
      if (isRead) count += 1;
    }
  }
  return count;
}

describe("the check of H.264 by bytes", () => {
  it("does not take a frame that frame_num left out for the reference whose time stamp is 0", () => {
    const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-test-"));
    try {
      const stream = syntheticStreams(folder).find(({ name }) => name.includes("type 1, gaps"));
      if (stream === undefined) throw new Error("no stream has gaps");
      const bytes = new Uint8Array(readFileSync(stream.path));
      // Frames were left out before it, and it is a reference later.
      const zero = 10;
      const timestampOf = (decodeIndex: number): bigint =>
        decodeIndex === zero ? 0n : BigInt(1000 * (decodeIndex + 1));
      expect(readByField(bytes, timestampOf)).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
