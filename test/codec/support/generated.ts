/**
 * Streams that Debian's encoders make, for comparisons with other programs: those of the tests of each codec, more that
 * the tests do not need, and what no encoder here writes, from our own writers.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import * as av1Clips from "../av1/clips.js";
import { layeredStreamFile } from "../av1/layered-stream.js";
import * as h264Streams from "../h264/streams.js";
import * as h264Synthetic from "../h264/synthetic.js";
import * as hevcStreams from "../hevc/streams.js";
import * as hevcSynthetic from "../hevc/synthetic.js";
import * as mpeg2Streams from "../mpeg2/streams.js";
import { made as vp8Clips } from "../vp8/streams.js";
import { difficult } from "../vp9/synthetic.js";
import { made as vp9Clips } from "../vp9/streams.js";
import type { HeaderCodec } from "./headers.js";

/** A shell command that writes `$out`; it has the words of `$source`, of an ffmpeg that reads a moving test picture. */
interface Command {
  readonly codec: HeaderCodec;
  /** With the extension by which its format is known. */
  readonly name: string;
  readonly programs: readonly string[];
  readonly command: string;
}

const raw = (size: string, seconds: number, filters = ""): string =>
  `ffmpeg -v error -f lavfi -i testsrc2=s=${size}:r=25:d=${seconds}${filters} -pix_fmt yuv420p -f yuv4mpegpipe -`;

const commands: readonly Command[] = [
  {
    codec: "vp9",
    name: "scaled-references.ivf",
    programs: ["vpxenc"],
    command:
      `${raw("640x480", 4, ",noise=alls=60:allf=t")} | vpxenc -q --codec=vp9 --ivf --rt --cpu-used=8 --end-usage=cbr ` +
      "--target-bitrate=60 --resize-allowed=1 --buf-sz=600 --buf-initial-sz=400 --buf-optimal-sz=500 --lag-in-frames=0 " +
      '--min-q=2 --max-q=56 -o "$out" -',
  },
  {
    codec: "vp9",
    name: "two-passes-altref.ivf",
    programs: ["vpxenc"],
    command:
      `${raw("320x180", 2)} >"$out.y4m" && vpxenc -q --codec=vp9 --ivf --passes=2 --cpu-used=4 --auto-alt-ref=1 ` +
      '--lag-in-frames=25 --arnr-maxframes=7 --tile-columns=1 --target-bitrate=150 -o "$out" "$out.y4m"',
  },
  {
    codec: "vp8",
    name: "two-passes-altref.ivf",
    programs: ["vpxenc"],
    command:
      `${raw("320x180", 2)} >"$out.y4m" && vpxenc -q --codec=vp8 --ivf --passes=2 --cpu-used=4 --auto-alt-ref=1 ` +
      '--lag-in-frames=16 --token-parts=2 --arnr-maxframes=7 --target-bitrate=150 -o "$out" "$out.y4m"',
  },
  {
    codec: "vp8",
    name: "resized.ivf",
    programs: ["vpxenc"],
    command:
      `${raw("640x480", 4, ",noise=alls=60:allf=t")} | vpxenc -q --codec=vp8 --ivf --rt --cpu-used=-8 --end-usage=cbr ` +
      '--target-bitrate=60 --resize-allowed=1 --resize-down=60 --resize-up=90 --max-q=56 -o "$out" -',
  },
  {
    codec: "vp8",
    name: "screen-content.ivf",
    programs: ["vpxenc"],
    command:
      `${raw("320x240", 1)} | vpxenc -q --codec=vp8 --ivf --rt --cpu-used=-6 --screen-content-mode=2 ` +
      '--target-bitrate=100 --error-resilient=1 -o "$out" -',
  },
  {
    codec: "mpeg2",
    name: "interlaced-frames.m2v",
    programs: ["mpeg2enc"],
    command: `${raw("352x288", 1, ",tinterlace=interleave_top")} | mpeg2enc -v 0 -f 3 -b 3000 -F 3 -I 1 -R 1 -K kvcd -o "$out"`,
  },
  {
    codec: "mpeg2",
    name: "pulldown.m2v",
    programs: ["mpeg2enc"],
    command: `${raw("352x288", 1)} | mpeg2enc -v 0 -f 3 -b 3000 -F 1 -p -R 2 -o "$out"`,
  },
  {
    codec: "av1",
    name: "svt-film-grain-10-bit.ivf",
    programs: ["SvtAv1EncApp"],
    command:
      `${raw("192x128", 1, ",noise=alls=20:allf=t").replace("yuv420p", "yuv420p10le -strict -1")} ` +
      '>"$out.y4m" && SvtAv1EncApp -i "$out.y4m" -b "$out" --preset 9 --film-grain 20 --tile-columns 1 >"$out.log" 2>&1',
  },
];

/** Runs a command; says so and gives false where its encoder is absent or fails. */
function run({ programs, command, name }: Command, target: string): boolean {
  const absent = programs.find((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
  const { status, stderr } =
    absent === undefined
      ? spawnSync("bash", ["-o", "pipefail", "-c", command], {
          env: { ...process.env, out: target },
          encoding: "utf8",
          timeout: 300_000,
        })
      : { status: 1, stderr: `there is no ${absent}` };
  for (const rest of [`${target}.y4m`, `${target}.log`]) rmSync(rest, { force: true });
  if (status === 0 && existsSync(target)) return true;
  rmSync(target, { force: true });
  console.warn(`${name} is left out: ${stderr.trim().split("\n").at(-1) ?? ""}`);
  return false;
}

/** Calls for each codec of which something can be made; what is already in the folder is not made again. */
export interface GeneratedStreams {
  /** Of Debian's encoders. */
  readonly encoded: readonly string[];
  /** Of our writers. */
  readonly written: readonly string[];
}

/** Makes all streams, in a subfolder for each codec. @returns Their full paths. */
export function generateStreams(folder: string): GeneratedStreams {
  const encoded: string[] = [];
  const written: string[] = [];
  const of = (codec: HeaderCodec): string => {
    mkdirSync(`${folder}/${codec}`, { recursive: true });
    return `${folder}/${codec}`;
  };
  const keep = (codec: HeaderCodec, file: string | undefined): void => {
    if (file === undefined || file.includes("/test/gstreamer/")) return;
    const target = `${of(codec)}/${basename(file)}`;
    copyFileSync(file, target);
    encoded.push(target);
  };
  encoded.push(...h264Streams.encodedClips(of("h264")).map(({ path }) => path));
  encoded.push(...hevcStreams.encodedClips(of("hevc")).map(({ path }) => path));
  for (const name of av1Clips.clipNames) keep("av1", av1Clips.clip(name));
  for (const [, file] of vp8Clips) keep("vp8", file());
  for (const [, file] of vp9Clips) keep("vp9", file());
  for (const [, file] of mpeg2Streams.clips) keep("mpeg2", file());
  for (const command of commands) {
    const target = `${of(command.codec)}/${command.name}`;
    if (existsSync(target) || run(command, target)) encoded.push(target);
  }
  written.push(...h264Synthetic.syntheticStreams(of("h264")).map(({ path }) => path));
  written.push(...hevcSynthetic.syntheticStreams(of("hevc")).map(({ path }) => path));
  const layers = `${of("av1")}/layers.ivf`;
  copyFileSync(layeredStreamFile(), layers);
  const difficultFile = `${of("vp9")}/difficult.ivf`;
  writeFileSync(difficultFile, difficult().ivf);
  written.push(layers, difficultFile);
  return { encoded, written };
}
