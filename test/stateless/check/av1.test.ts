/** The check of AV1's controls, whatever the OUTPUT buffer holds. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { av1, ivfFrames } from "../../../src/codec/index.js";
import { Av1Check } from "../../../src/stateless/check/av1.js";
import type { CheckedRequest } from "../../../src/stateless/check/stream-check.js";
import { clip, clipNames } from "../../codec/av1/clips.js";
import { vectors } from "../../codec/support/vectors.js";
import { linesOf, linesOfAll, must, requestsOf } from "./requests.js";

const recorded = fileURLToPath(new URL("../../gstreamer/data/av1.ivf", import.meta.url));
const requests = requestsOf(av1.frameControls, recorded);

/** Copies of a request with one field of FRAME or SEQUENCE changed. */
const withFrame = (request: CheckedRequest, change: object): CheckedRequest => {
  const frame = must(request.controls.StatelessAv1Frame);
  return { ...request, controls: { ...request.controls, StatelessAv1Frame: { ...frame, ...change } } };
};
const withSequence = (request: CheckedRequest, change: object): CheckedRequest => {
  const sequence = must(request.controls.StatelessAv1Sequence);
  return { ...request, controls: { ...request.controls, StatelessAv1Sequence: { ...sequence, ...change } } };
};

describe("the check of AV1", () => {
  it.each([recorded, ...clipNames, ...vectors("av1", [".ivf"])])(
    "has nothing to say about correct requests of %s",
    (name) => {
      const path = clipNames.includes(name) ? clip(name) : name;
      if (path === undefined) return;
      const all = requestsOf(av1.frameControls, path);
      expect(all.length).toBeGreaterThan(0);
      expect(linesOfAll(new Av1Check(), all)).toEqual([]);
    },
  );

  it("names the slot, and what earlier requests left there", () => {
    const check = new Av1Check();
    expect(linesOfAll(check, requests.slice(0, 4))).toEqual([]);
    const request = must(requests[4]);
    const { reference_frame_ts } = must(request.controls.StatelessAv1Frame);
    const wrong = reference_frame_ts.map((timestamp, i) => (i === 3 ? 99n : timestamp));
    expect(linesOf(check, withFrame(request, { reference_frame_ts: wrong }))).toEqual([
      `AV1_FRAME.reference_frame_ts[3] is 99, the bitstream says ${reference_frame_ts[3] ?? 0n} ` +
        "(reference slot as earlier requests left it, derived, section 7.20)",
    ]);
  });

  it("says where a frame header has another value", () => {
    const [first, second] = requests;
    const wrong = { tx_mode: 0, superres_denom: 9 };
    const check = new Av1Check();
    // In a stream's first request, several wrong fields can as well be a wrong sequence.
    expect(linesOf(new Av1Check(), withFrame(must(first), wrong))).toEqual([
      "the request contradicts itself: a field of AV1_SEQUENCE is wrong, " +
        "or AV1_FRAME.superres_denom should be 8, AV1_FRAME.tx_mode should be 2",
    ]);
    expect(linesOf(check, must(first))).toEqual([]);
    const lines = linesOf(check, withFrame(must(second), wrong));
    expect(lines).toHaveLength(2);
    expect(lines.join("\n")).toMatch(
      /superres_denom is 9, the bitstream says 8 \(.*\n.*tx_mode is 0, the bitstream says 2 \(tx_mode_select, bit \d+/,
    );
  });

  it("names the field of SEQUENCE without which the frame header agrees with FRAME", () => {
    const [first] = requests;
    const { flags } = must(must(first).controls.StatelessAv1Sequence);
    const larger = withSequence(must(first), { flags: flags ^ 2 });
    expect(linesOf(new Av1Check(), larger)).toEqual([
      "AV1_SEQUENCE.flags & USE_128X128_SUPERBLOCK is 1, the bitstream says 0 " +
        "(with which the frame header agrees with AV1_FRAME, derived, section 5.9.2)",
    ]);
  });

  it("names a field of SEQUENCE that changes within a sequence", () => {
    const check = new Av1Check();
    expect(linesOfAll(check, requests.slice(0, 1))).toEqual([]);
    expect(linesOf(check, withSequence(must(requests[1]), { bit_depth: 10 }))).toEqual([
      "AV1_SEQUENCE.bit_depth is 10, the bitstream says 8 (sequence of the requests before, derived, section 7.5)",
    ]);
    expect(linesOfAll(check, requests.slice(2))).toEqual([]);
  });

  it("compares the tiles where the buffer has no frame header", () => {
    const path = clip("tile-groups");
    if (path === undefined) return;
    const all = requestsOf(av1.frameControls, path);
    const request = must(all[0]);
    const entries = must(request.controls.StatelessAv1TileGroupEntry);
    // From the first tile group on.
    const frame = must(request.controls.StatelessAv1Frame);
    const start = must(entries[0]).tile_offset - frame.tile_info.tile_size_bytes - 2;
    const shifted = entries.map((entry) => ({
      ...entry,
      tile_offset: entry.tile_offset - Math.max(start, 0),
    }));
    const bare = {
      ...request,
      bitstream: request.bitstream.subarray(Math.max(start, 0)),
      controls: { ...request.controls, StatelessAv1TileGroupEntry: shifted },
    };
    const lines = linesOf(new Av1Check(), bare);
    expect(lines.filter((line) => line.startsWith("AV1_FRAME"))).toEqual([]);
  });

  it("has one message for a frame that cannot be read, and none until the next key frame", () => {
    const check = new Av1Check();
    expect(linesOfAll(check, requests.slice(0, 2))).toEqual([]);
    const cut = { ...must(requests[2]), bitstream: must(requests[2]).bitstream.subarray(0, 4) };
    expect(linesOf(check, cut)).toEqual([expect.stringContaining("the frame header cannot be read: AV1: ")]);
    expect(linesOfAll(check, requests.slice(3))).toEqual([]);
    expect(linesOfAll(check, requests)).toEqual([]);
  });

  it("reads temporal units as well as payloads", () => {
    const [unit] = ivfFrames(new Uint8Array(readFileSync(recorded)));
    const whole = must(unit).data;
    const { controls, bitstream } = must(requests[0]);
    const start = Buffer.from(whole).indexOf(Buffer.from(bitstream));
    const entries = must(controls.StatelessAv1TileGroupEntry).map((entry) => ({
      ...entry,
      tile_offset: entry.tile_offset + start,
    }));
    const request = {
      ...must(requests[0]),
      bitstream: whole,
      controls: { ...controls, StatelessAv1TileGroupEntry: entries },
    };
    expect(linesOf(new Av1Check(), request)).toEqual([]);
    // With the sequence header in the buffer, every field of SEQUENCE is known.
    expect(linesOf(new Av1Check(), withSequence(request, { seq_profile: 1 }))).toEqual([
      expect.stringMatching(
        /^AV1_SEQUENCE\.seq_profile is 1, the bitstream says 0 \(seq_profile, bit \d+, section 5\.5\.1\)/,
      ),
    ]);
  });

  it("never throws, whatever bytes and controls say", () => {
    const request = must(requests[1]);
    for (let i = 0; i < 300; i += 1) {
      const bitstream = request.bitstream.slice(0, 80);
      bitstream[i % 80] = (i * 151) & 255;
      const check = new Av1Check();
      check.check(must(requests[0]));
      expect(() => check.check({ ...request, bitstream })).not.toThrow();
      expect(() =>
        new Av1Check().check(
          withSequence({ ...request, bitstream }, { flags: i * 7919, order_hint_bits: i % 256 }),
        ),
      ).not.toThrow();
    }
  });
});
