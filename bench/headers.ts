/**
 * Headers of streams parsed per second, beside ffmpeg's bitstream filters: `trace_headers`, which tells each field as we
 * do, and the quiet filter of the codec, which reads the headers and writes them back. In frames per second of processor
 * time; of ffmpeg, what it takes to read the file without a filter is taken off. To be bundled as `check.ts` is:
 *
 *     node out/headers-bench.mjs FILE...
 */
import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { openStream } from "../src/cli/parse/stream.js";

/** A stream is read so often, each time as a whole. Starting ffmpeg takes as long as some hundred frames: take more. */
const ROUNDS = 4;

const quietFilters: Readonly<Record<string, string>> = {
  h264: "h264_metadata",
  hevc: "hevc_metadata",
  vp9: "vp9_metadata",
  av1: "av1_metadata",
};

/** Seconds of processor time of the fastest round. */
function secondsOf(work: () => void): number {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, user + system);
  }
  return best / 1e6;
}

/** Seconds of processor time of the fastest round. Undefined: it has no such filter. */
function ffmpegSeconds(file: string, filter: string | undefined): number | undefined {
  const filters = filter === undefined ? "" : `-bsf:v ${filter}`;
  const loud = filter === "trace_headers" ? "-loglevel trace" : "-loglevel error";
  const command =
    `TIMEFORMAT='%U %S'; exec 3>&2; ` +
    `time ffmpeg -nostdin ${loud} -i "$0" -c copy ${filters} -f null - >/dev/null 2>&1`;
  let best: number | undefined;
  for (let round = 0; round < ROUNDS; round += 1) {
    const { stderr, status } = spawnSync("bash", ["-c", command, file], { encoding: "utf8" });
    if (status !== 0) return undefined;
    const [user = 0, system = 0] = stderr.trim().split(" ").map(Number);
    best = Math.min(best ?? Infinity, user + system);
  }
  return best;
}

for (const file of process.argv.slice(2)) {
  const { name, codec, bytes } = await openStream(file, undefined);
  if (codec.frameControls === undefined) throw new Error(`${file}: no controls`);
  const derive = codec.frameControls;
  let frames = 0;
  const told = secondsOf(() => {
    for (const unit of codec.parseUnits(bytes)) if (unit.error !== undefined) throw unit.error;
  });
  const derived = secondsOf(() => {
    frames = 0;
    for (const _ of derive(bytes)) frames += 1;
  });
  const read = ffmpegSeconds(file, undefined) ?? 0;
  const rate = (seconds: number | undefined): string =>
    seconds === undefined || seconds <= 0 ? "-" : (frames / seconds).toFixed(0);
  const less = (seconds: number | undefined): number | undefined =>
    seconds === undefined ? undefined : seconds - read;
  const quiet = quietFilters[name];
  console.log(
    `${codec.title} ${basename(file)}: ${frames} frames; each field told ${rate(told)}/s, ` +
      `trace_headers ${rate(less(ffmpegSeconds(file, "trace_headers")))}/s; controls derived ${rate(derived)}/s, ` +
      `${quiet ?? "no quiet filter"} ${rate(quiet === undefined ? undefined : less(ffmpegSeconds(file, quiet)))}/s`,
  );
}
