/** Bytes that nobody's encoder made: an answer or a CodecError, soon, and with no memory kept. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { frameControls, parseUnits } from "../../../src/codec/av1/index.js";
import { CodecError } from "../../../src/codec/index.js";
import { layeredStream } from "./layered-stream.js";

/** `V4L2_CUSE_MUTATIONS`: how many to try. */
const MUTATIONS = Number(process.env["V4L2_CUSE_MUTATIONS"] ?? 4_000);
const SEED = 0x2f6e2b1;

/** xorshift32: the same numbers in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function mutate(stream: Uint8Array, random: (below: number) => number): Uint8Array {
  const bytes = stream.slice(0, random(8) === 0 ? random(stream.byteLength) : stream.byteLength);
  const changes = 1 + random(4);
  for (let i = 0; i < changes && bytes.byteLength > 0; i += 1) {
    const at = random(bytes.byteLength);
    const kind = random(4);
    if (kind === 0) bytes[at] = random(256);
    else if (kind === 1) bytes[at] = random(2) * 255;
    else if (kind === 2) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    else bytes.copyWithin(at, random(bytes.byteLength), random(bytes.byteLength));
  }
  return bytes;
}

/** Headers of many frames in few bytes: the clip without most of its tile data would be no stream, so short clips. */
const streams = [
  new Uint8Array(readFileSync(new URL("../../gstreamer/data/av1.ivf", import.meta.url))),
  layeredStream(),
];

/** Everything that a stream leads to. @returns Is it a stream without errors? */
function consume(bytes: Uint8Array): boolean {
  for (const unit of parseUnits(bytes)) {
    if (unit.error !== undefined && !(unit.error instanceof CodecError)) throw unit.error as Error;
  }
  try {
    for (const { requests } of frameControls(bytes)) {
      for (const { controls, payload } of requests) {
        for (const { tile_offset, tile_size } of controls.StatelessAv1TileGroupEntry ?? []) {
          if (tile_size === 0 || tile_offset + tile_size > payload.byteLength)
            throw new RangeError(`a tile of ${tile_size} bytes at ${tile_offset} of ${payload.byteLength}`);
        }
      }
    }
    return true;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return false;
  }
}

/** What {@link consume} takes; the best of some runs where the first was slow, for the machine has other work too. */
function timed(bytes: Uint8Array): { ok: boolean; milliseconds: number } {
  let ok = false;
  let milliseconds = Infinity;
  for (let run = 0; run < 8 && milliseconds > 5; run += 1) {
    const start = performance.now();
    ok = consume(bytes);
    milliseconds = Math.min(milliseconds, performance.now() - start);
  }
  return { ok, milliseconds };
}

describe("mutated streams", () => {
  it(`end in an answer or a CodecError (${MUTATIONS} mutations)`, () => {
    const random = numbers(SEED);
    const started = performance.now();
    let done = 0;
    let intact = 0;
    let slowest = 0;
    for (; done < MUTATIONS; done += 1) {
      const bytes = mutate(streams[done % streams.length] ?? new Uint8Array(0), random);
      const { ok, milliseconds } = timed(bytes);
      if (ok) intact += 1;
      slowest = Math.max(slowest, milliseconds);
      if (performance.now() - started > 20_000 && MUTATIONS <= 4_000) break;
    }
    console.info(`${done} mutations, ${intact} of them streams, the slowest took ${slowest.toFixed(1)} ms`);
    expect(done).toBeGreaterThan(1000);
    expect(intact).toBeGreaterThan(0);
    expect(intact).toBeLessThan(done);
    expect(slowest).toBeLessThan(10);
  }, 3_600_000);

  it("of 100 KB of the smallest OBUs cost little", () => {
    for (const first of [0x12, 0x7a]) {
      // Temporal delimiters, padding: two bytes each.
      const bytes = new Uint8Array(100_000).map((_, i) => (i % 2 === 0 ? first : 0));
      const times = Array.from({ length: 8 }, () => {
        const start = performance.now();
        expect([...frameControls(bytes)]).toEqual([]);
        return performance.now() - start;
      });
      console.info(`100 KB of OBUs of two bytes: ${Math.min(...times).toFixed(1)} ms`);
      // 11 ms on an idle machine; what grows faster than the stream takes seconds.
      expect(Math.min(...times)).toBeLessThan(200);
    }
  });
});
