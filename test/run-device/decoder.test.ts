/**
 * GStreamer's stateless decoders on a decoder of their own (`run --device decoder`) make the frames of ffmpeg's own
 * decoders: every frame of every clip, in the order of display. V4L2_CUSE_STREAMS names a folder of more streams, each with
 * its FILE.framemd5. The program that decodes is built for the libraries of the root that this runs in.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { builtProgram } from "../device/support/camera.js";
import { onFuseNodes } from "../device/support/device.js";
import { temporaryFolder } from "../device/support/mem2mem.js";
import { startProgram, type ClientResult } from "../device/support/probe.js";
import { built } from "../support/built.js";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const withDecoder = path("../../scripts/lib/with-decoder");

const elements: Readonly<Record<string, string>> = {
  h264: "v4l2slh264dec",
  hevc: "v4l2slh265dec",
  mpeg2: "v4l2slmpeg2dec",
  vp8: "v4l2slvp8dec",
  vp9: "v4l2slvp9dec",
  av1: "v4l2slav1dec",
};

/** Bits of a sample. */
type Depth = 8 | 10;
/** Planes without padding, as libraries make them, which GStreamer and ffmpeg call so. */
const planesOf = {
  8: { gst: "I420", ffmpeg: "yuv420p" },
  10: { gst: "I420_10LE", ffmpeg: "yuv420p10le" },
} as const;

interface Stream {
  readonly name: string;
  readonly file: string;
  readonly codec: string;
  readonly depth?: Depth;
}

const clip = (folder: string, name: string, codec: string, depth?: Depth): Stream => ({
  name,
  file: path(`../${folder}/data/${name}`),
  codec,
  ...(depth !== undefined && { depth }),
});

const clips: readonly Stream[] = [
  clip("gstreamer", "h264_main_b.h264", "h264"),
  clip("gstreamer", "h264_720p.h264", "h264"),
  clip("decoder", "mbaff.h264", "h264"),
  clip("decoder", "slices_cqm_crop.h264", "h264"),
  clip("decoder", "high10.h264", "h264", 10),
  clip("gstreamer", "hevc_main_b.h265", "hevc"),
  clip("decoder", "slices_lists.h265", "hevc"),
  clip("decoder", "main10.h265", "hevc", 10),
  clip("gstreamer", "mpeg2_b.m2v", "mpeg2"),
  clip("decoder", "interlaced_matrices.m2v", "mpeg2"),
  clip("gstreamer", "vp8_720p.ivf", "vp8"),
  clip("decoder", "odd_vp8.ivf", "vp8"),
  clip("gstreamer", "vp9.ivf", "vp9"),
  clip("decoder", "hidden_vp9.ivf", "vp9"),
  clip("decoder", "deep_vp9.ivf", "vp9", 10),
  clip("gstreamer", "av1.ivf", "av1"),
  clip("decoder", "tiles_av1.ivf", "av1"),
  clip("decoder", "deep_av1.ivf", "av1", 10),
  clip("decoder", "grain_av1.ivf", "av1"),
];

/** Those below a folder whose folders are called as the codecs, and whose sums are known. */
function streamsIn(folder: string | undefined): readonly Stream[] {
  if (folder === undefined) return [];
  return Object.keys(elements)
    .map((codec) => join(folder, codec))
    .filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path).map((name) => join(path, name)))
    .filter((file) => existsSync(`${file}.framemd5`))
    .map((file) => ({
      name: relative(folder, file),
      file,
      codec: relative(folder, file).split("/")[0] ?? "",
    }));
}

async function finished(program: string, ...args: readonly string[]): Promise<ClientResult> {
  const result = await startProgram(program, args, { timeoutMs: 60_000 }).result;
  expect(result.code, result.stderr).toBe(0);
  return result;
}

const run = async (program: string, ...args: readonly string[]): Promise<readonly string[]> =>
  (await finished(program, ...args)).lines;

/** The sums of the frames of a stream that ffmpeg reads, in this pixel format. */
async function sums(format: string, ...input: readonly string[]): Promise<readonly string[]> {
  const lines = await run(
    ...(["ffmpeg", "-nostdin", "-loglevel", "error", ...input] as const),
    ...["-fps_mode", "passthrough", "-pix_fmt", format, "-f", "framemd5", "-"],
  );
  return hashes(lines);
}

const hashes = (lines: readonly string[]): readonly string[] =>
  lines.filter((line) => line !== "" && !line.startsWith("#")).map((line) => line.split(/, */)[5] ?? "");

/** Width and height of what is shown. */
async function sizeOf(file: string): Promise<string> {
  const entries = ["-show_entries", "stream=width,height", "-of", "csv=p=0:s=x"];
  const [line = ""] = await run("ffprobe", "-v", "error", "-select_streams", "v:0", ...entries, file);
  return /^\d+x\d+/.exec(line)?.[0] ?? "";
}

describe.runIf(onFuseNodes)("GStreamer on a decoder of its own", () => {
  beforeAll(() => {
    // Where it has to be built, that takes seconds.
    const built = spawnSync(withDecoder, ["true"], { encoding: "utf8" });
    expect(built.status, built.stderr).toBe(0);
  });

  it.each([...clips, ...streamsIn(process.env["V4L2_CUSE_STREAMS"])])(
    "decodes $name to the frames of ffmpeg's own decoder",
    async ({ file, codec, depth = 8 }) => {
      const output = join(temporaryFolder(0o777), "frames");
      const planes = planesOf[depth];
      const decoded = await finished(
        ...([withDecoder, process.execPath, builtProgram(), "run"] as const),
        ...["--device", "decoder", "--", "gst-launch-1.0", "-q"],
        ...`filesrc location=${file} ! parsebin ! ${elements[codec] ?? ""} ! videoconvert dither=none`.split(
          " ",
        ),
        ...`! video/x-raw,format=${planes.gst} ! videocodectestsink location=${output}`.split(" "),
      );
      expect(statSync(output).size).toBeGreaterThan(0);
      const size = await sizeOf(file);
      const raw = ["-f", "rawvideo", "-pix_fmt", planes.ffmpeg, "-video_size", size, "-i", output];
      const wanted = await sums(planes.ffmpeg, "-i", file);
      expect(wanted.length).toBeGreaterThan(0);
      const log = [...decoded.lines, decoded.stderr]
        .filter((line) => !/VIDIOC_|MEDIA_/.test(line))
        .join("\n");
      expect(await sums(planes.ffmpeg, ...raw), log).toEqual(wanted);
      if (existsSync(`${file}.framemd5`)) {
        expect(wanted).toEqual(hashes(readFileSync(`${file}.framemd5`, "utf8").split("\n")));
      }
    },
  );

  const seeker = built("gst-seek");
  const [small, large] = ["h264_main_b.h264", "h264_720p.h264"].map((name) =>
    path(`../gstreamer/data/${name}`),
  );

  /** What checksumsink prints, and the marks of gst-seek between. */
  async function checksums(...client: readonly string[]): Promise<readonly string[]> {
    const run = ["run", "--device", "decoder --check error", "--", ...client];
    const { lines } = await finished(withDecoder, process.execPath, builtProgram(), ...run);
    expect(lines.filter((line) => line.includes("cannot be decoded"))).toEqual([]);
    return lines.flatMap((line) =>
      line === "seek" ? [line] : (/^\d:\S+ ([\da-f]{32})$/.exec(line)?.slice(1) ?? []),
    );
  }
  const shown = "videoconvert ! video/x-raw,format=I420 ! checksumsink hash=md5 sync=false";

  it("decodes a stream whose resolution changes, twice", async () => {
    const file = join(temporaryFolder(0o755), "changing.h264");
    const parts = [small, large, small].map((name = "") => name);
    writeFileSync(file, Buffer.concat(parts.map((name) => readFileSync(name))));
    const pipeline = `filesrc location=${file} ! h264parse ! v4l2slh264dec ! ${shown}`;
    const wanted = await Promise.all(parts.map((name) => sums("yuv420p", "-i", name)));
    expect(await checksums("gst-launch-1.0", "-q", ...pipeline.split(" "))).toEqual(wanted.flat());
  });

  it("decodes from the beginning after each seek, with frames under way", async () => {
    const pipeline = `filesrc location=${path("../gstreamer/data/vp8.webm")} ! matroskademux ! v4l2slvp8dec ! ${shown}`;
    const printed = await checksums(seeker, "5", "30", pipeline);
    const wanted = await sums("yuv420p", "-i", path("../gstreamer/data/vp8.webm"));
    expect(printed.filter((line) => line === "seek")).toHaveLength(5);
    expect(printed.slice(printed.lastIndexOf("seek") + 1)).toEqual(wanted);
    for (const sum of printed) if (sum !== "seek") expect(wanted).toContain(sum);
  });
});
