/** What damaged VP9 is answered with. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CodecError } from "../../../src/codec/bits/index.js";
import { ivfFrames } from "../../../src/codec/files/index.js";
import * as vp9 from "../../../src/codec/vp9/index.js";
import { mutations } from "../support/mutations.js";
import { recorded } from "./streams.js";
import { difficult } from "./synthetic.js";

const chunks = [...ivfFrames(readFileSync(recorded))];
const first = chunks[0]?.data ?? new Uint8Array(0);
const alone = (data: Uint8Array): { data: Uint8Array; dataOffset: number }[] => [{ data, dataOffset: 0 }];

describe("damaged VP9", () => {
  it.each([
    ["an inter frame first", chunks.slice(1), /slot 0.* is empty/],
    ["an empty chunk", alone(new Uint8Array(0)), /ends inside frame_marker/],
    ["another frame marker", alone(Uint8Array.of(0x42, 0x49, 0x83, 0x42)), /frame_marker is 1/],
    ["another sync code", alone(Uint8Array.of(0x82, 0x49, 0x83, 0x43)), /frame_sync_byte_2/],
    ["a cut compressed header", alone(first.subarray(0, 100)), /has 131 bytes, and 82 are left/],
    ["a slot shown before any frame", alone(Uint8Array.of(0x8b)), /slot 3 is empty/],
    ["RGB in profile 0", alone(Uint8Array.of(0x82, 0x49, 0x83, 0x42, 0xe0)), /profile 0 has no RGB/],
    [
      "a superframe longer than its chunk",
      alone(Uint8Array.of(1, 2, 0xc0, 9, 0xc0)),
      /has 9 bytes, and 2 are/,
    ],
  ])("is refused with a reason: %s", (_name, damaged, reason) => {
    const decode = (): unknown => [...vp9.controlsOf(damaged)];
    expect(decode).toThrow(reason);
    expect(decode).toThrow(CodecError);
  });

  it("is no superframe where the bytes around the index differ", () => {
    expect(vp9.superframeIndexLength(Uint8Array.of(1, 2, 0xc1, 9, 0xc0))).toBe(0);
    expect(vp9.superframeIndexLength(Uint8Array.of(0xc7))).toBe(0);
    expect(vp9.superframeIndexLength(Uint8Array.of(0xc0, 9, 0xc0))).toBe(3);
  });

  const whole = difficult();
  it.each([
    ["of libvpx", chunks.map(({ data }) => data)],
    ["with every feature", whole.chunks],
  ])("gives values or a CodecError, in bounded time: a stream %s", (_name, data) => {
    let refused = 0;
    let accepted = 0;
    for (const [seed, chunk] of data.entries()) {
      for (const bytes of mutations(chunk, 150, seed)) {
        const start = performance.now();
        // The frames before, so that there are references.
        const stream = [...data.slice(0, seed), bytes].flatMap(alone);
        try {
          for (const { requests } of vp9.controlsOf(stream)) expect(requests.length).toBeLessThan(2);
          accepted += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
          refused += 1;
        }
        expect(performance.now() - start).toBeLessThan(1000);
      }
    }
    expect(refused).toBeGreaterThan(100);
    expect(accepted).toBeGreaterThan(100);
  });

  it("is explained as far as it goes", () => {
    for (const bytes of mutations(whole.ivf, 300, 9)) {
      try {
        for (const unit of vp9.parseUnits(bytes)) expect(unit.length).toBeGreaterThanOrEqual(0);
      } catch (error) {
        expect(error).toBeInstanceOf(CodecError);
      }
    }
  });
});
