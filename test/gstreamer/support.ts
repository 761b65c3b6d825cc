/** Clips, and GStreamer pipelines that decode them on visl. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { withHelper } from "../device/support/camera.js";
import type { Client } from "../device/support/probe.js";
import { join } from "node:path";
import { builtRoot } from "../support/built.js";

const timeoutMs = 200_000;

/** The path of a file in data/. */
export const data = (name: string): string => join(builtRoot, "test/gstreamer/data", name);

export const clips = [
  ["vp8.ivf", "v4l2slvp8dec", 320, 240],
  ["vp8_720p.ivf", "v4l2slvp8dec", 1280, 720],
  ["vp9.ivf", "v4l2slvp9dec", 320, 240],
  ["h264_main_b.h264", "v4l2slh264dec", 320, 240],
  ["h264_720p.h264", "v4l2slh264dec", 1280, 720],
  ["hevc_main_b.h265", "v4l2slh265dec", 320, 240],
  ["mpeg2_b.m2v", "v4l2slmpeg2dec", 320, 240],
  ["av1.ivf", "v4l2slav1dec", 320, 240],
] as const;

/** `gst-launch-1.0` with this pipeline. */
export const gstCommand = (pipeline: string): string[] => ["gst-launch-1.0", "-q", ...pipeline.split(" ")];

/** `gst-launch-1.0` with the helper. */
export function gstLaunch(pipeline: string): Client {
  return withHelper(gstCommand(pipeline), { timeoutMs });
}

/** The pipeline that decodes a clip, or any other file, into a file of raw frames. */
export function decoding(clip: string, decoder: string, output: string): string {
  const input = clip.startsWith("/") ? clip : data(clip);
  return `filesrc location=${input} ! parsebin ! ${decoder} ! filesink location=${output}`;
}

/** Runs that pipeline. */
export const decode = (clip: string, decoder: string, output: string): Client =>
  gstLaunch(decoding(clip, decoder, output));

/** `"00 d29c..."`, a line per frame, as the golden files have them. */
export function frameSums(file: string, width: number, height: number): string[] {
  const bytes = readFileSync(file);
  const size = (width * height * 3) / 2;
  expect(bytes.length % size).toBe(0);
  return Array.from({ length: bytes.length / size }, (_, frame) => {
    const sum = createHash("md5").update(bytes.subarray(frame * size, (frame + 1) * size));
    return `${String(frame).padStart(2, "0")} ${sum.digest("hex")}`;
  });
}

/** Of the frames that the kernel's visl made. */
export const goldenSums = (clip: string): string[] =>
  readFileSync(data(`${clip}.md5`), "utf8")
    .trim()
    .split("\n");
