/** Every picture of every clip, decoded in a decoder process, is that of ffmpeg's own decoder. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import type { CodecName, Mode, Size } from "./stream.js";
import { framesOf, StreamDecoder } from "./stream.js";

const file = (path: string): URL => new URL(path, import.meta.url);
/** Whole macroblocks, and of interlaced streams whole pairs of them. */
const blocks = (size: number, of = 16): number => of * Math.ceil(size / of);

interface Clip extends Size {
  readonly name: string;
  readonly codec: CodecName;
  readonly format?: "NV12" | "YU12" | "P010";
}

const small = { width: 176, height: 144 };
const large = { width: 320, height: 240 };

const clips: readonly Clip[] = [
  { name: "../../gstreamer/data/h264_main_b.h264", codec: "h264", ...large },
  { name: "../../gstreamer/data/h264_720p.h264", codec: "h264", width: 1280, height: 720 },
  { name: "mbaff.h264", codec: "h264", ...small },
  { name: "slices_cqm_crop.h264", codec: "h264", width: 170, height: 138 },
  { name: "high10.h264", codec: "h264", ...small, format: "P010" },
  { name: "../../gstreamer/data/hevc_main_b.h265", codec: "hevc", ...large },
  { name: "slices_lists.h265", codec: "hevc", ...small },
  { name: "main10.h265", codec: "hevc", ...small, format: "P010" },
  { name: "../../gstreamer/data/mpeg2_b.m2v", codec: "mpeg2", ...large },
  { name: "interlaced_matrices.m2v", codec: "mpeg2", ...small },
  { name: "../../gstreamer/data/vp8.ivf", codec: "vp8", ...large },
  { name: "odd_vp8.ivf", codec: "vp8", width: 174, height: 142 },
  { name: "../../gstreamer/data/vp9.ivf", codec: "vp9", ...large },
  { name: "hidden_vp9.ivf", codec: "vp9", ...small },
  { name: "deep_vp9.ivf", codec: "vp9", ...small, format: "P010" },
  { name: "../../gstreamer/data/av1.ivf", codec: "av1", ...large },
  { name: "tiles_av1.ivf", codec: "av1", ...small },
  { name: "deep_av1.ivf", codec: "av1", ...small, format: "P010" },
  { name: "grain_av1.ivf", codec: "av1", ...small },
];

/** Sums in the order of display; so they are compared as sets. */
const sumsOf = (name: string): string[] =>
  readFileSync(file(`data/${name.replace(/^.*\//, "")}.md5`), "utf8")
    .trim()
    .split("\n");

/** @returns Sums of the pictures that are shown, in the order of decoding. */
async function decode({ name, codec, format, width, height }: Clip, mode?: Mode): Promise<string[]> {
  const coded = codec === "h264" ? { width: blocks(width), height: blocks(height, 32) } : { width, height };
  const decoder = new StreamDecoder(codec, coded, format ?? "NV12", mode);
  onTestFinished(() => {
    decoder.close();
  });
  const stream = readFileSync(file(`data/${name}`));
  const sums = new Map<bigint, string>();
  const shown: string[] = [];
  for (const frame of framesOf(codec, stream, mode)) {
    if (frame.showsExistingNs !== undefined) {
      shown.push(sums.get(frame.showsExistingNs) ?? "not decoded");
      continue;
    }
    expect(await decoder.frame(frame)).toMatchObject({ status: "done" });
    const sum = decoder.sum({ width, height });
    sums.set(frame.timestampNs, sum);
    if (frame.shown) shown.push(sum);
  }
  return shown;
}

describe("pictures equal to ffmpeg's", () => {
  it.each(clips)("$name", async (clip) => {
    expect((await decode(clip)).sort()).toEqual(sumsOf(clip.name).sort());
  });

  it.each(clips.filter(({ format }) => format === undefined).filter((_, i) => i % 4 === 0))(
    "$name, planar",
    async (clip) => {
      expect((await decode({ ...clip, format: "YU12" })).sort()).toEqual(sumsOf(clip.name).sort());
    },
  );

  it("of FWHT is the kernel's vicodec's", async () => {
    const size = { width: 640, height: 480 };
    const decoder = new StreamDecoder("fwht", size, "YU12");
    onTestFinished(() => {
      decoder.close();
    });
    const sum = createHash("md5");
    for (const frame of framesOf("fwht", readFileSync(file("../gstreamer/data/x.fwht")))) {
      expect(await decoder.frame(frame)).toMatchObject({ status: "done", ...size });
      sum.update(decoder.picture);
    }
    // Of all ten frames, as v4l2-ctl wrote them from the kernel's stateless and stateful decoders alike.
    expect(sum.digest("hex")).toBe("d05b0caa86d4b2f4654895bbe6982e3e");
  });

  const modes: readonly Mode[] = [
    { decode: "slice", startCode: "annex-b" },
    { decode: "slice", startCode: "none" },
  ];
  it.each(
    clips
      .filter(({ codec }) => codec === "h264" || codec === "hevc")
      .flatMap((clip) => modes.map((mode) => ({ ...clip, ...mode }))),
  )("$name by slices, start codes: $startCode", async ({ decode: by, startCode, ...clip }) => {
    const sums = await decode(clip, { decode: by, startCode });
    expect(sums.sort()).toEqual(sumsOf(clip.name).sort());
  });
});
