/**
 * GStreamer's stateless decoders on visl, in the Debian 13 root of scripts/guest: it finds them by itself, and the
 * frames are, bit for bit, those that the kernel's own visl made of the same clips.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { cli, withHelper } from "../device/support/camera.js";
import { until } from "../device/support/device.js";
import type { Client } from "../device/support/probe.js";

const timeoutMs = 100_000;
const data = (name: string): string => fileURLToPath(new URL(`data/${name}`, import.meta.url));

const clips = [
  ["vp8.ivf", "v4l2slvp8dec", 320, 240],
  ["vp8_720p.ivf", "v4l2slvp8dec", 1280, 720],
  ["vp9.ivf", "v4l2slvp9dec", 320, 240],
  ["h264_main_b.h264", "v4l2slh264dec", 320, 240],
  ["h264_720p.h264", "v4l2slh264dec", 1280, 720],
  ["hevc_main_b.h265", "v4l2slh265dec", 320, 240],
  ["mpeg2_b.m2v", "v4l2slmpeg2dec", 320, 240],
  ["av1.ivf", "v4l2slav1dec", 320, 240],
] as const;

let number = 50;

async function startVisl(...args: string[]): Promise<Client> {
  number += 1;
  const node = `/dev/media${number}`;
  const driver = cli(
    [
      "visl",
      "--video",
      String(number),
      "--media",
      String(number),
      "--mode",
      "0666",
      "--log",
      "none",
      ...args,
    ],
    { timeoutMs: 300_000 },
  );
  onTestFinished(async () => {
    driver.kill("SIGTERM");
    expect(await driver.result).toMatchObject({ code: 0 });
    expect(existsSync(node)).toBe(false);
  });
  await until(() => existsSync(node), `${node} appears`, 20_000);
  return driver;
}

function temporaryFile(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return join(folder, name);
}

function decode(clip: string, decoder: string, output: string): Client {
  return withHelper(
    [
      ...["gst-launch-1.0", "-q", "filesrc", `location=${data(clip)}`],
      ...["!", "parsebin", "!", decoder, "!", "filesink", `location=${output}`],
    ],
    { timeoutMs },
  );
}

/** `"00 d29c..."`, a line per frame, as the golden files have them. */
function frameSums(file: string, width: number, height: number): string[] {
  const bytes = readFileSync(file);
  const size = (width * height * 3) / 2;
  expect(bytes.length % size).toBe(0);
  return Array.from({ length: bytes.length / size }, (_, frame) => {
    const sum = createHash("md5").update(bytes.subarray(frame * size, (frame + 1) * size));
    return `${String(frame).padStart(2, "0")} ${sum.digest("hex")}`;
  });
}

const golden = (clip: string): string[] =>
  readFileSync(data(`${clip}.md5`), "utf8")
    .trim()
    .split("\n");

describe("GStreamer on visl", () => {
  it("lists a decoder for each codec", async () => {
    await startVisl();
    const { lines, code } = await withHelper(["gst-inspect-1.0", "v4l2codecs"], { timeoutMs }).result;
    expect(code).toBe(0);
    for (const decoder of new Set(clips.map(([, name]) => name))) {
      expect(
        lines.some((line) => line.trim().startsWith(`${decoder}:`)),
        decoder,
      ).toBe(true);
    }
  });

  it.each(clips)(
    "decodes %s with %s to the frames of the kernel's visl",
    async (clip, decoder, width, height) => {
      await startVisl();
      const output = temporaryFile("frames.nv12");
      expect(await decode(clip, decoder, output).result).toMatchObject({ code: 0 });
      expect(frameSums(output, width, height)).toEqual(golden(clip));
    },
  );

  it("decodes two codecs for two clients at the same time", async () => {
    await startVisl();
    const outputs = [temporaryFile("vp8.nv12"), temporaryFile("h264.nv12")] as const;
    const runs = [
      decode("vp8.ivf", "v4l2slvp8dec", outputs[0]),
      decode("h264_main_b.h264", "v4l2slh264dec", outputs[1]),
    ];
    for (const run of runs) expect(await run.result).toMatchObject({ code: 0 });
    expect(frameSums(outputs[0], 320, 240)).toEqual(golden("vp8.ivf"));
    expect(frameSums(outputs[1], 320, 240)).toEqual(golden("h264_main_b.h264"));
  });

  it("serves the next client after one was killed in the middle of a job", async () => {
    const driver = await startVisl("--transtime-ms", "300");
    const output = temporaryFile("killed.nv12");
    const killed = decode("vp8.ivf", "v4l2slvp8dec", output);
    await until(() => existsSync(output) && readFileSync(output).length > 0, "the first frame", 60_000);
    killed.kill("SIGKILL");
    await killed.result;
    expect(driver.lines).toEqual([]);
    const next = temporaryFile("next.nv12");
    expect(await decode("vp8.ivf", "v4l2slvp8dec", next).result).toMatchObject({ code: 0 });
    expect(frameSums(next, 320, 240)).toEqual(golden("vp8.ivf"));
  });
});
