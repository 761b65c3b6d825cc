/** AV1 streams that Debian's encoders make, each with tools of its own; kept in `out/codec-av1` from run to run. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../../out/codec-av1/", import.meta.url));

interface Recipe {
  /** ffmpeg's source of pictures. */
  readonly source: string;
  readonly format?: string;
  readonly program: "aomenc" | "SvtAv1EncApp" | "ffmpeg";
  readonly options: string;
  readonly extension?: "ivf" | "obu";
}

const moving = "testsrc2=size=176x144:rate=25:duration=0.8";
const spinning = `testsrc2=size=352x288:rate=25:duration=0.6,rotate=a=0.04*n:ow=352:oh=288,crop=320:256`;
const fast = "--cpu-used=6 --end-usage=q --cq-level=40";
const live = "--rt --cpu-used=8 --lag-in-frames=0";

const recipes: Record<string, Recipe> = {
  "two-passes-lag": {
    source: "testsrc2=size=176x144:rate=25:duration=1.6",
    program: "aomenc",
    options: "--passes=2 --cpu-used=3 --lag-in-frames=35 --end-usage=q --cq-level=40 --target-bitrate=100",
  },
  "tile-groups": {
    source: "testsrc2=size=640x384:rate=25:duration=0.2",
    program: "aomenc",
    options: `${fast} --tile-columns=2 --tile-rows=2 --num-tile-groups=3 --enable-fwd-kf=0`,
  },
  "tile-sizes": {
    source: "testsrc2=size=640x384:rate=25:duration=0.2",
    program: "aomenc",
    options: `${fast} --tile-width=3,1,2 --tile-height=2,1 --sb-size=64`,
  },
  "superblocks-128": {
    source: "testsrc2=size=640x384:rate=25:duration=0.2",
    program: "aomenc",
    options: "--cpu-used=3 --sb-size=128 --end-usage=q --cq-level=55",
  },
  "film-grain": {
    source: moving,
    program: "aomenc",
    options: `${fast} --film-grain-test=1 --lag-in-frames=19`,
  },
  "film-grain-10": { source: moving, program: "aomenc", options: `${fast} --film-grain-test=10` },
  "film-grain-16": {
    source: moving,
    format: "yuv444p",
    program: "aomenc",
    options: `${fast} --profile=1 --i444 --film-grain-test=16`,
  },
  denoise: { source: moving, program: "aomenc", options: `${fast} --denoise-noise-level=25` },
  superres: {
    source: moving,
    program: "aomenc",
    options: `${fast} --superres-mode=1 --superres-denominator=13 --superres-kf-denominator=11`,
  },
  "superres-random": { source: moving, program: "aomenc", options: `${fast} --superres-mode=2` },
  "error-resilient": {
    source: moving,
    program: "aomenc",
    options: `${live} --error-resilient=1 --target-bitrate=80`,
  },
  "switch-frames": {
    source: moving,
    program: "aomenc",
    options: `${live} --sframe-dist=4 --sframe-mode=1 --target-bitrate=80 --enable-order-hint=1`,
  },
  "ten-bit": {
    source: moving,
    format: "yuv420p10le",
    program: "aomenc",
    options: `${fast} --bit-depth=10 --input-bit-depth=10 --color-primaries=bt2020 --transfer-characteristics=smpte2084`,
  },
  yuv444: { source: moving, format: "yuv444p", program: "aomenc", options: `${fast} --profile=1 --i444` },
  "yuv422-12": {
    source: moving,
    format: "yuv422p12le",
    program: "aomenc",
    options: `${fast} --profile=2 --bit-depth=12 --input-bit-depth=12 --i422`,
  },
  monochrome: { source: moving, program: "aomenc", options: `${fast} --monochrome` },
  screen: {
    source: "color=white:size=176x144:rate=25:duration=0.4,drawgrid=w=16:h=12:c=black",
    program: "aomenc",
    options: `${fast} --tune-content=screen --enable-palette=1 --enable-intrabc=1`,
  },
  still: { source: moving, program: "aomenc", options: `${fast} --limit=1` },
  "still-full-header": {
    source: moving,
    program: "aomenc",
    options: `${fast} --limit=1 --full-still-picture-hdr`,
  },
  "odd-size": {
    source: "testsrc2=size=175x143:rate=25:duration=0.4",
    program: "aomenc",
    options: `${fast} --lag-in-frames=5`,
  },
  resize: {
    source: moving,
    program: "aomenc",
    options: `${fast} --resize-mode=1 --resize-denominator=12 --resize-kf-denominator=10`,
  },
  "resize-random": { source: moving, program: "aomenc", options: `${fast} --resize-mode=2` },
  quantizers: {
    source: moving,
    program: "aomenc",
    options:
      "--cpu-used=3 --enable-qm=1 --deltaq-mode=1 --enable-tpl-model=1 --delta-lf-mode=1 --lag-in-frames=19",
  },
  "segments-variance": { source: moving, program: "aomenc", options: `${fast} --aq-mode=1` },
  "segments-cyclic": {
    source: moving,
    program: "aomenc",
    options: `${live} --aq-mode=3 --target-bitrate=60`,
  },
  lossless: { source: moving, program: "aomenc", options: "--cpu-used=6 --lossless=1 --limit=5" },
  "timing-model": {
    source: moving,
    program: "aomenc",
    options: `${live} --timing-info=model --target-bitrate=80`,
  },
  "timing-constant": { source: moving, program: "aomenc", options: `${fast} --timing-info=constant` },
  "global-motion": {
    source: spinning,
    program: "aomenc",
    options: "--cpu-used=1 --limit=12 --lag-in-frames=12 --end-usage=q --cq-level=50",
  },
  "no-order-hint": {
    source: moving,
    program: "aomenc",
    options: `${live} --enable-order-hint=0 --target-bitrate=80`,
  },
  "low-overhead": {
    source: moving,
    program: "aomenc",
    options: `${fast} --obu --annexb=0 --tile-columns=1`,
    extension: "obu",
  },
  "annex-b": {
    source: moving,
    program: "aomenc",
    options: `${fast} --obu --annexb=1 --tile-columns=1`,
    extension: "obu",
  },
  "svt-layers": {
    source: "testsrc2=size=192x128:rate=25:duration=2.4",
    program: "SvtAv1EncApp",
    options: "--preset 8 --hierarchical-levels 5 --keyint 40",
  },
  "svt-grain": {
    source: "testsrc2=size=192x128:rate=25:duration=0.8,noise=alls=20:allf=t",
    program: "SvtAv1EncApp",
    options: "--preset 8 --film-grain 30",
  },
  "svt-superres": {
    source: "testsrc2=size=192x128:rate=25:duration=0.8",
    program: "SvtAv1EncApp",
    options: "--preset 8 --superres-mode 2",
  },
  rav1e: { source: moving, program: "ffmpeg", options: "-c:v librav1e -speed 10 -tiles 4" },
};

export const clipNames: readonly string[] = Object.keys(recipes);

function run(program: string, parameters: readonly string[]): boolean {
  const { status, error } = spawnSync(program, parameters, { timeout: 120_000, stdio: "ignore" });
  return error === undefined && status === 0;
}

/** Full path of a clip, which is made now if it was not; undefined, and said so, where its encoder is absent or fails. */
export function clip(name: string): string | undefined {
  const recipe = recipes[name];
  if (recipe === undefined) throw new Error(`no clip is called ${name}`);
  const { source, format = "yuv420p", program, options, extension = "ivf" } = recipe;
  const target = `${folder}${name}.${extension}`;
  if (existsSync(target)) return target;
  mkdirSync(folder, { recursive: true });
  const raw = `${folder}${name}.${process.pid}.y4m`;
  const fresh = `${target}.${process.pid}.${extension}`;
  const words = options.split(" ");
  const input = ["-v", "error", "-y", "-f", "lavfi", "-i", source, "-pix_fmt", format];
  const made =
    program === "ffmpeg"
      ? run("ffmpeg", [...input, ...words, fresh])
      : run("ffmpeg", [...input, "-strict", "-1", raw]) &&
        (program === "aomenc"
          ? run("aomenc", [...(extension === "ivf" ? ["--ivf"] : []), ...words, "-o", fresh, raw])
          : run("SvtAv1EncApp", ["-i", raw, "-b", fresh, ...words]));
  spawnSync("rm", ["-f", raw]);
  if (!made) {
    spawnSync("rm", ["-f", fresh]);
    console.warn(
      `${program} did not make the AV1 clip ${name}; it is left out. Debian: aom-tools, svt-av1, ffmpeg.`,
    );
    return undefined;
  }
  renameSync(fresh, target);
  return target;
}

/** Its bytes. */
export function clipBytes(name: string): Uint8Array | undefined {
  const path = clip(name);
  return path === undefined ? undefined : new Uint8Array(readFileSync(path));
}
