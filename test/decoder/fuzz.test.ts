/** Bitstreams that mean harm: the process may be lost, and nothing else. FUZZ_ROUNDS says how many pictures to break. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { CodecError } from "../../src/codec/index.js";
import type { CodecName } from "./stream.js";
import { framesOf, StreamDecoder } from "./stream.js";

const rounds = Number(process.env["FUZZ_ROUNDS"] ?? 60);
const large = { width: 320, height: 240 };

const clips: readonly (readonly [CodecName, string, { width: number; height: number }])[] = [
  ["h264", "h264_main_b.h264", large],
  ["hevc", "hevc_main_b.h265", large],
  ["mpeg2", "mpeg2_b.m2v", large],
  ["vp8", "vp8.ivf", large],
  ["vp9", "vp9.ivf", large],
  ["av1", "av1.ivf", large],
  ["fwht", "x.fwht", { width: 640, height: 480 }],
];

/** Numbers that are the same in each run. */
function* noise(seed: number): Generator<number> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

it.each(clips)(
  "%s: each broken request is answered, or its process is lost",
  async (codec, name, size) => {
    const stream = readFileSync(new URL(`../gstreamer/data/${name}`, import.meta.url));
    // Those that are only shown again have no requests.
    const frames = [...framesOf(codec, stream)].filter(({ requests }) => requests.length > 0);
    const random = noise(rounds + codec.length);
    const next = (below: number): number => Math.floor(random.next().value * below);
    let decoder = new StreamDecoder(codec, size);
    const ends = new Map<string, number>();
    for (let round = 0; round < rounds; round++) {
      const frame = frames[round % frames.length];
      if (frame === undefined) break;
      const requests = frame.requests.map((request) => {
        const kept = next(4) === 0 ? next(request.payload.byteLength) : request.payload.byteLength;
        // Not slice(): a Buffer's shares its bytes.
        const payload = new Uint8Array(request.payload.subarray(0, kept));
        for (let i = next(6); i > 0; i--) payload[next(payload.byteLength)] = next(256);
        return { ...request, payload };
      });
      let end: string;
      try {
        const answer = await decoder.frame({ ...frame, requests });
        end = answer?.status ?? "lost";
      } catch (error) {
        // The driver's own parsers, which never say anything else.
        expect(error).toBeInstanceOf(CodecError);
        end = "refused";
      }
      ends.set(end, (ends.get(end) ?? 0) + 1);
      if (end !== "lost") continue;
      expect(decoder.process.end).toMatch(/^ended \(|^took more/);
      decoder.close();
      decoder = new StreamDecoder(codec, size);
    }
    // It is still one that decodes.
    const fresh = new StreamDecoder(codec, size);
    const [first] = frames;
    if (first === undefined) throw new Error("no frame");
    expect(await fresh.frame(first)).toMatchObject({ status: "done" });
    fresh.close();
    decoder.close();
    if (process.env["FUZZ_ROUNDS"] !== undefined)
      process.stderr.write(`${codec} ${JSON.stringify([...ends])}\n`);
    expect([...ends.values()].reduce((sum, count) => sum + count, 0)).toBe(rounds);
  },
  3_600_000,
);
