/** The streams that the tests of H.264 read. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { encode, hasEncoder } from "../support/encode.js";
import { vectors } from "../support/vectors.js";

export interface Stream {
  readonly name: string;
  readonly path: string;
}

const x264 = (...options: string[]) => ["-c:v", "libx264", "-bf", "0", ...options];

/** What libx264 can vary in headers. */
const recipes: Readonly<Record<string, readonly string[]>> = {
  baseline: x264("-profile:v", "baseline", "-slices", "3"),
  "b-pyramid": x264("-bf", "5", "-x264opts", "b-pyramid=normal:b-adapt=0:ref=6"),
  "strict b-pyramid, blu-ray": x264(
    "-bf",
    "3",
    "-x264opts",
    "b-pyramid=strict:bluray-compat=1:nal-hrd=cbr:vbv-maxrate=300:vbv-bufsize=300:bitrate=300:aud=1:slices=4",
  ),
  mbaff: x264("-bf", "3", "-flags", "+ildct+ilme", "-x264opts", "tff=1:weightp=2"),
  "mbaff, cavlc": x264("-bf", "2", "-flags", "+ildct+ilme", "-x264opts", "bff=1:cabac=0"),
  "fake interlaced": x264("-x264opts", "fake-interlaced=1"),
  "weighted prediction": x264("-bf", "2", "-vf", "fade=in:0:25", "-x264opts", "weightp=2:weightb=1:ref=4"),
  "10 bit": x264("-bf", "2", "-pix_fmt", "yuv420p10le"),
  "4:2:2, 10 bit": x264("-bf", "2", "-pix_fmt", "yuv422p10le"),
  "4:4:4 with its matrices": x264("-bf", "2", "-pix_fmt", "yuv444p", "-x264opts", "cqm=jvt"),
  "lossless 4:4:4": x264("-pix_fmt", "yuv444p", "-qp", "0"),
  grey: x264("-pix_fmt", "gray"),
  "scaling matrices": x264("-x264opts", "cqm=jvt:8x8dct=1"),
  "scaling lists of the SPS": x264(
    "-x264opts",
    "cqm4iy=6,13,20,28,13,20,28,32,20,28,32,37,28,32,37,42:cqm8p=9,13,15,17,19,21,22,24,13,13,17,19,21,22,24,25,15,17,19,21,22,24,25,27,17,19,21,22,24,25,27,28,19,21,22,24,25,27,28,30,21,22,24,25,27,28,30,32,22,24,25,27,28,30,32,33,24,25,27,28,30,32,33,35",
  ),
  "16 references, open gop": x264(
    "-bf",
    "3",
    "-g",
    "8",
    "-x264opts",
    "ref=16:open-gop=1:keyint=8:min-keyint=1:scenecut=0",
  ),
  "intra refresh": x264("-x264opts", "intra-refresh=1:keyint=10"),
  "many slices": x264("-x264opts", "slice-max-size=200:constrained-intra=1:deblock=-2,3"),
  "no deblocking, frame packing": x264("-x264opts", "no-deblock=1:frame-packing=3"),
};

/** Clips that GStreamer decodes in other tests. */
export const clips: readonly Stream[] = ["h264_main_b.h264", "h264_resolutions.h264"].map((name) => ({
  name,
  path: fileURLToPath(new URL(`../../gstreamer/data/${name}`, import.meta.url)),
}));

export const conformance: readonly Stream[] = vectors("h264", [".264", ".h264", ".avc"]).map((path) => ({
  name: path.replace(/.*\//, ""),
  path,
}));

/** Makes the clips of the recipes in a folder; none, said so, without libx264. */
export function encodedClips(folder: string): Stream[] {
  if (!hasEncoder("libx264")) {
    console.warn("No ffmpeg with libx264: the tests of its clips are left out.");
    return [];
  }
  return Object.entries(recipes).map(([name, options]) => {
    const path = `${folder}/${name.replace(/\W+/g, "-")}.h264`;
    encode(path, options);
    return { name, path };
  });
}

/** Does this ffmpeg decode, for comparisons with it? */
export function hasFfmpeg(): boolean {
  return spawnSync("ffprobe", ["-version"]).status === 0 && spawnSync("ffmpeg", ["-version"]).status === 0;
}

/** The number in decoding order of each frame that ffmpeg shows, in its order of display. */
export function displayOrder(path: string): number[] {
  const { stdout } = spawnSync(
    "ffprobe",
    [
      "-v",
      "error",
      "-threads",
      "1",
      "-f",
      "h264",
      "-show_entries",
      "frame=coded_picture_number",
      "-of",
      "csv=p=0",
      path,
    ],
    { encoding: "utf8", maxBuffer: 2 ** 28, timeout: 120_000 },
  );
  return stdout
    .split("\n")
    .filter((line) => /^\d+/.test(line))
    .map((line) => Number.parseInt(line, 10));
}

/** A frame that ffmpeg's decoder holds as a reference. */
export interface HeldFrame {
  /** `frame_num`, or `LongTermFrameIdx`. */
  readonly number: number;
  readonly long: boolean;
}

/** The references that ffmpeg's decoder holds when it starts each picture: short-term ones, then long-term ones. */
export function heldReferences(path: string): HeldFrame[][] {
  const { stderr } = spawnSync(
    "ffmpeg",
    [
      "-hide_banner",
      "-nostats",
      "-threads",
      "1",
      "-debug",
      "mmco",
      "-f",
      "h264",
      "-i",
      path,
      "-fps_mode",
      "passthrough",
      "-f",
      "null",
      "-",
    ],
    { encoding: "utf8", maxBuffer: 2 ** 30, timeout: 120_000 },
  );
  // Only the decoder that runs to the end, not the one that probes the stream.
  const text = stderr.slice(stderr.lastIndexOf("Successfully parsed a group of options."));
  const slices: HeldFrame[][] = [];
  let state: "idle" | "slice" | "short" | "long" = "idle";
  let held: HeldFrame[] = [];
  let inGap = false;
  for (const line of [...text.split("\n"), "[h264 @ 0x0] end"]) {
    const body = /^\[h264 @ 0x[0-9a-f]+\] (.*)$/.exec(line)?.[1];
    if (body === undefined) continue;
    const frame = /^(\d+) fn:(\d+) poc:(-?\d+) /.exec(body);
    if (state === "long" && frame === null) {
      // Frames that frame_num left out print their own lists before the slice does.
      if (!inGap) slices.push(held);
      state = inGap ? "slice" : "idle";
      inGap = false;
    }
    if (/^nal_unit_type: [15]\(/.test(body)) state = "slice";
    else if (body.startsWith("Frame num gap")) inGap = true;
    else if (state === "slice" && body === "short term list:") {
      state = "short";
      held = [];
    } else if (state === "short" && body === "long term list:") state = "long";
    else if (frame !== null && state === "short") held.push({ number: Number(frame[2]), long: false });
    else if (frame !== null && state === "long") held.push({ number: Number(frame[1]), long: true });
  }
  return slices;
}
