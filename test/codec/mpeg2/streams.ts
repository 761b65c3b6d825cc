/** The MPEG-2 streams of the tests. */
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";

const out = fileURLToPath(new URL("../../../out/codec-clips/", import.meta.url));
/** The clip that GStreamer's controls were recorded for. */
export const clip = fileURLToPath(new URL("../../gstreamer/data/mpeg2_b.m2v", import.meta.url));

/** A clip that ffmpeg makes, once. @param options - Its encoder's. */
function made(name: string, ...options: string[]): string {
  const file = `${out}${name}.m2v`;
  if (existsSync(file)) return file;
  mkdirSync(out, { recursive: true });
  const source = ["-f", "lavfi", "-i", "testsrc2=size=176x144:rate=25"];
  const unfinished = `${file}.${randomUUID()}`;
  const { status, stderr } = spawnSync(
    "ffmpeg",
    [
      "-v",
      "error",
      "-y",
      ...source,
      "-frames:v",
      "20",
      "-c:v",
      "mpeg2video",
      ...options,
      "-f",
      "mpeg2video",
      unfinished,
    ],
    { encoding: "utf8", timeout: 60_000 },
  );
  if (status !== 0) throw new Error(stderr);
  renameSync(unfinished, file);
  return file;
}

/** Names, and functions that make a clip when it is not there yet. */
export const clips: readonly (readonly [name: string, file: () => string])[] = [
  ["the clip of the golden recordings", () => clip],
  ["intra only", () => made("mpeg2-intra", "-g", "1")],
  ["two B pictures between references", () => made("mpeg2-b", "-bf", "2", "-g", "12")],
  [
    "interlaced frames with alternate scan",
    () => made("mpeg2-interlaced", "-flags", "+ildct+ilme", "-alternate_scan", "1", "-bf", "2"),
  ],
  [
    "4:2:2 with its own matrices",
    () => made("mpeg2-422", "-pix_fmt", "yuv422p", "-intra_matrix", weights(9), "-inter_matrix", weights(17)),
  ],
  [
    "non-linear quantisers and intra VLC",
    () => made("mpeg2-quant", "-non_linear_quant", "1", "-qmax", "28", "-intra_vlc", "1", "-dc", "2"),
  ],
  [
    "closed groups",
    () => made("mpeg2-closed", "-flags", "+cgop", "-g", "5", "-bf", "1", "-sc_threshold", "1000000000"),
  ],
  ["an odd size", () => made("mpeg2-odd", "-vf", "scale=178:98")],
  [
    "a tall frame, whose slices have longer positions",
    () => made("mpeg2-tall", "-vf", "scale=64:2816", "-frames:v", "3"),
  ],
  ["colours described", () => made("mpeg2-colour", "-seq_disp_ext", "1", "-color_primaries", "bt709")],
];

/** 64 weights for ffmpeg's command line; the first of an intra matrix must be 8. */
function weights(first: number): string {
  return Array.from({ length: 64 }, (_, i) => (i === 0 ? 8 : first + (i % 30))).join(",");
}
