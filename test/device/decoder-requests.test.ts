/**
 * A client of the decoder that is not GStreamer: test/clients/request-client.c submits what src/codec derives from a
 * stream. Its frames are ffmpeg's, by slices and by frames; and whatever is done to its requests, to its queues and to the
 * process that decodes for it, the driver and its other clients do not notice.
 *
 * V4L2_CUSE_DECODER_MUTATIONS: how many broken requests (default 700). V4L2_CUSE_DECODER_KILLS: how often the process is
 * ended (default 10).
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { recorded, type RecordOptions } from "../decoder/recorded.js";
import type { CodecName, Mode, Size } from "../decoder/stream.js";
import { onFuseNodes } from "./support/device.js";
import { temporaryFolder } from "./support/mem2mem.js";
import { startProgram, type Client } from "./support/probe.js";
import { startDecoder, type Visl } from "./support/visl.js";
import { built } from "../support/built.js";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const program = built("request-client");
const mutations = Number(process.env["V4L2_CUSE_DECODER_MUTATIONS"] ?? 700);
const kills = Number(process.env["V4L2_CUSE_DECODER_KILLS"] ?? 10);
const HOURS = 3_600_000;

interface Clip extends Size {
  readonly codec: CodecName;
  readonly file: string;
}

const large = { width: 320, height: 240 };
const small = { width: 176, height: 144 };
const clips = {
  h264: { codec: "h264", file: path("../gstreamer/data/h264_main_b.h264"), ...large },
  slicesOfH264: {
    codec: "h264",
    file: path("../decoder/data/slices_cqm_crop.h264"),
    width: 170,
    height: 138,
  },
  hevc: { codec: "hevc", file: path("../gstreamer/data/hevc_main_b.h265"), ...large },
  slicesOfHevc: { codec: "hevc", file: path("../decoder/data/slices_lists.h265"), ...small },
  mpeg2: { codec: "mpeg2", file: path("../gstreamer/data/mpeg2_b.m2v"), ...large },
  vp8: { codec: "vp8", file: path("../gstreamer/data/vp8.ivf"), ...large },
  vp9: { codec: "vp9", file: path("../gstreamer/data/vp9.ivf"), ...large },
  av1: { codec: "av1", file: path("../gstreamer/data/av1.ivf"), ...large },
  fwht: { codec: "fwht", file: path("../gstreamer/data/x.fwht"), width: 640, height: 480 },
} as const satisfies Readonly<Record<string, Clip>>;

function record({ codec, file }: Clip, options?: RecordOptions): string {
  const requests = join(temporaryFolder(0o755), "requests");
  writeFileSync(requests, recorded(codec, new Uint8Array(readFileSync(file)), options));
  return requests;
}

function submit({ video, media }: Visl, requests: string, ...options: readonly string[]): Client {
  return startProgram(program, [video, media, requests, ...options], { timeoutMs: 6 * HOURS });
}

interface Counts {
  readonly requests: number;
  readonly inError: number;
  readonly refused: number;
}

async function ended(client: Client): Promise<Counts> {
  const { code, lines, stderr } = await client.result;
  expect(code, stderr).toBe(0);
  const [, requests = "", inError = "", refused = ""] =
    /^requests: (\d+), in error: (\d+), refused: (\d+),/.exec(lines[0] ?? "") ?? [];
  return { requests: Number(requests), inError: Number(inError), refused: Number(refused) };
}

/** Sums of the shown part of pictures of planar formats, in whose order `sumsOf` has them. */
function sumsOfFrames(file: string, coded: Size, shown: Size): string[] {
  const bytes = readFileSync(file);
  const frameBytes = (coded.width * coded.height * 3) / 2;
  expect(bytes.byteLength % frameBytes).toBe(0);
  return Array.from({ length: bytes.byteLength / frameBytes }, (_, i) => {
    const frame = bytes.subarray(i * frameBytes, (i + 1) * frameBytes);
    const md5 = createHash("md5");
    let start = 0;
    for (const half of [1, 2, 2]) {
      const [stride, lines] = [coded.width / half, coded.height / half];
      for (let y = 0; y < shown.height / half; y += 1) {
        md5.update(frame.subarray(start + y * stride, start + y * stride + shown.width / half));
      }
      start += stride * lines;
    }
    return md5.digest("hex");
  });
}

const sumsOf = (clip: Clip): string[] =>
  readFileSync(path(`../decoder/data/${basename(clip.file)}.md5`), "utf8")
    .trim()
    .split("\n");

const blocks = (size: number): number => 16 * Math.ceil(size / 16);
const codedSize = ({ codec, width, height }: Clip): Size =>
  codec === "h264" ? { width: blocks(width), height: blocks(height) } : { width, height };

/** The processes that decode for a driver. */
const children = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .trim()
    .split(" ")
    .filter((child) => child !== "" && nameOf(child) === "v4l2-cuse-decod")
    .map(Number);

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return ""; // It has just ended.
  }
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** KiB that are resident. */
const residentKib = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

describe.runIf(onFuseNodes)("a client of recorded requests", () => {
  const byFrames: Mode = { decode: "frame", startCode: "annex-b" };
  const bySlices: Mode = { decode: "slice", startCode: "none" };
  const { h264, slicesOfH264, hevc, slicesOfHevc, mpeg2, vp8, av1 } = clips;
  const cases: readonly (readonly [string, Clip, Mode?])[] = [
    ...[h264, slicesOfH264, hevc, slicesOfHevc].flatMap((clip) => [
      [`${clip.codec} (${basename(clip.file)}) by frames`, clip, byFrames] as const,
      [`${clip.codec} (${basename(clip.file)}) by slices`, clip, bySlices] as const,
    ]),
    ...[mpeg2, vp8, clips.vp9, av1].map((clip) => [clip.codec, clip] as const),
  ];

  it("gets the pictures of ffmpeg's own decoders", async () => {
    const decoder = await startDecoder("--check", "error");
    for (const [name, clip, mode] of cases) {
      const frames = join(temporaryFolder(0o777), "frames");
      const requests = record(clip, { format: "YU12", ...(mode !== undefined && { mode }) });
      const counts = await ended(submit(decoder, requests, "--frames", frames, "--in-flight", "3"));
      expect(counts, name).toMatchObject({ inError: 0, refused: 0 });
      expect(sumsOfFrames(frames, codedSize(clip), clip).sort(), name).toEqual(sumsOf(clip).sort());
    }
  }, 120_000);

  it.each([h264, hevc, mpeg2, vp8, clips.vp9, av1])(
    "may queue frames of two streams of $codec in turn, which the check reports",
    async (clip) => {
      const decoder = await startDecoder("--check", "error");
      const mixed = await ended(submit(decoder, record(clip, { isMixed: true }), "--in-flight", "3"));
      expect(mixed.inError).toBeGreaterThan(0);
      expect(await ended(submit(decoder, record(clip)))).toMatchObject({ inError: 0, refused: 0 });
    },
    60_000,
  );

  it(
    "may break its requests, and stop its queues at any point",
    async () => {
      const decoder = await startDecoder();
      const each = Math.ceil(mutations / Object.keys(clips).length);
      const files = Object.values(clips).map((clip) => record(clip));
      // One that does nothing wrong, besides.
      const fine = record(vp8);
      const before = await decoder.rest();
      const memory: number[] = [];
      for (const [i, requests] of files.entries()) {
        const other = submit(decoder, fine, "--rounds", "5");
        const options = ["--rounds", String(each), "--requests", String(each), "--mutate", String(i + 1)];
        const counts = await ended(submit(decoder, requests, ...options, "--stop", String(i + 1)));
        expect(counts.requests + counts.refused).toBeGreaterThanOrEqual(each);
        expect(counts.inError + counts.refused).toBeGreaterThan(0);
        expect(await ended(other)).toMatchObject({ inError: 0, refused: 0, requests: 50 });
        memory.push(residentKib(decoder.process.pid));
      }
      expect(await decoder.rest(before)).toEqual(before);
      expect(children(decoder.process.pid)).toEqual([]);
      // What V8 takes for its code and young objects varies; frames, of 115 KiB and more, would be gigabytes.
      expect(memory.at(-1) ?? 0).toBeLessThan((memory[0] ?? 0) + 150_000);
    },
    6 * HOURS,
  );

  it(
    "loses its process at any point, and goes on with the next key frame",
    async () => {
      const decoder = await startDecoder();
      const before = await decoder.rest();
      const other = submit(decoder, record(vp8), "--rounds", "1000000");
      while (children(decoder.process.pid).length === 0) await delay(10);
      const [spared] = children(decoder.process.pid);
      const client = submit(decoder, record(h264), "--rounds", "1000000");
      let lost = 0;
      const killed = new Set<number>();
      const deadline = Date.now() + kills * 10_000;
      while (killed.size < kills) {
        expect(Date.now()).toBeLessThan(deadline);
        await delay(Math.random() * 40);
        const [victim] = children(decoder.process.pid).filter((pid) => pid !== spared && !killed.has(pid));
        if (victim === undefined) continue;
        process.kill(victim, "SIGKILL");
        killed.add(victim);
        lost += 1;
      }
      expect(lost).toBe(kills);
      expect(children(decoder.process.pid)).toContain(spared);
      // It still decodes.
      await delay(500);
      const counts = await ended(submit(decoder, record(h264)));
      expect(counts).toMatchObject({ inError: 0, refused: 0, requests: 10 });
      for (const one of [client, other]) one.kill("SIGKILL");
      await Promise.all([client.result, other.result]);
      expect(await decoder.rest(before)).toEqual(before);
      expect(children(decoder.process.pid)).toEqual([]);
    },
    6 * HOURS,
  );
});
