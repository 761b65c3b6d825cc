import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CodecError } from "../../../src/codec/bits/index.js";
import { frameControls, parseUnits } from "../../../src/codec/hevc/index.js";
import { temporaryFolder } from "../support/encode.js";
import { clips, conformance, encodedClips } from "./streams.js";

/** `V4L2_CUSE_MUTATIONS=300000` for a long run. */
const mutations = Number(process.env["V4L2_CUSE_MUTATIONS"] ?? 20_000);
/** A busy machine does fewer. */
const secondsAtMost = mutations / 400;

/** Numbers of a linear congruential generator: the same ones in each run. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Flips bits, sets bytes, cuts, doubles and removes pieces, most often near the start, where parameter sets are. */
function mutate(stream: Uint8Array, random: (below: number) => number): Uint8Array {
  const bytes = Buffer.from(stream);
  const place = () => random(random(3) === 0 ? bytes.length : Math.min(bytes.length, 300));
  for (let i = random(4); i >= 0; i -= 1) {
    const at = place();
    switch (random(6)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        return bytes.subarray(0, at);
      case 2:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random(40))]);
      case 3:
        return Buffer.concat([bytes.subarray(0, at + random(200)), bytes.subarray(at)]);
      default:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    }
  }
  return bytes;
}

/** Runs everything that looks at a stream; whatever is thrown and no CodecError fails the test. */
function exercise(stream: Uint8Array): "decoded" | "refused" {
  for (const unit of parseUnits(stream)) if (unit.error !== undefined) void unit.error.message;
  try {
    for (const { requests } of frameControls(stream, { onNotice: ({ sentence }) => void sentence }))
      void requests;
    return "decoded";
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return "refused";
  }
}

describe("mutated streams", () => {
  const streams = [...clips, ...conformance, ...encodedClips(temporaryFolder())].map(({ path }) =>
    readFileSync(path).subarray(0, 4000),
  );

  it(`give values or a CodecError, ${mutations} times`, { timeout: 3 * secondsAtMost * 1000 }, () => {
    const random = generator(265);
    const results = { decoded: 0, refused: 0 };
    for (const stream of streams) exercise(stream);
    const before = process.memoryUsage();
    const deadline = performance.now() + secondsAtMost * 1000;
    let slowest = 0;
    let done = 0;
    for (; done < mutations && performance.now() < deadline; done += 1) {
      const mutated = mutate(streams[random(streams.length)] ?? new Uint8Array(0), random);
      const started = process.cpuUsage();
      results[exercise(mutated)] += 1;
      const { user, system } = process.cpuUsage(started);
      slowest = Math.max(slowest, user + system);
    }
    expect(done).toBeGreaterThan(mutations / 10);
    expect(results.decoded).toBeGreaterThan(done / 50);
    expect(results.refused).toBeGreaterThan(done / 50);
    // In us, for 4 KB with each element recorded; garbage collection of what other tests left is in it.
    expect(slowest).toBeLessThan(150_000);
    expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 2 ** 20);
  });

  it("take less than 10 ms for 100 KB", () => {
    const random = generator(7);
    const noise = Buffer.from(Array.from({ length: 100_000 }, () => random(256)));
    const zeros = Buffer.alloc(100_000);
    const startCodes = Buffer.from("000001".repeat(33_333), "hex");
    const escapes = Buffer.concat([
      Buffer.from("0000014201", "hex"),
      Buffer.from("000003".repeat(33_333), "hex"),
    ]);
    const [first = zeros] = streams;
    const slices = Buffer.concat([first.subarray(0, 2600), Buffer.alloc(97_000, 0x55)]);
    const sps = Buffer.concat([first.subarray(0, 120), Buffer.alloc(99_000, 0xff)]);
    for (const [name, input] of Object.entries({ noise, zeros, startCodes, escapes, slices, sps })) {
      const times = Array.from({ length: 7 }, () => {
        const started = process.cpuUsage();
        try {
          for (const { requests } of frameControls(input)) void requests;
        } catch (error) {
          if (!(error instanceof CodecError)) throw error;
        }
        const { user, system } = process.cpuUsage(started);
        return user + system;
      });
      expect(Math.min(...times), name).toBeLessThan(10_000);
    }
  });
});
