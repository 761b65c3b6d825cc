/**
 * What a conversion costs: CPU time of the worker for each frame (1920x1080 unless said), and of `ffmpeg` for the same,
 * reading raw frames from memory and writing them to nowhere. CPU time is told, not the clock's: other programs run.
 *
 *   npx tsx bench/convert.ts [FRAMES]
 */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { PictureConverter, pictureLayout, type Picture } from "../src/convert/index.js";
import { fourcc } from "../src/v4l2/index.js";
import { SharedMemoryProvider } from "../src/vb2/index.js";

const frames = Number(process.argv[2] ?? 200);
const provider = new SharedMemoryProvider({ name: "bench" });
const WIDTH = 1920;
const HEIGHT = 1080;
/** Ticks of /proc/PID/stat in a second. */
const TICKS = 100;

interface Side {
  readonly code: string;
  readonly format: string;
  readonly width: number;
  readonly height: number;
}

const side = (code: string, format: string, width = WIDTH, height = HEIGHT): Side => ({
  ...{ code, format, width, height },
});

const rows: readonly (readonly [Side, Side])[] = [
  [side("YUYV", "yuyv422"), side("NV12", "nv12")],
  [side("YUYV", "yuyv422"), side("YU12", "yuv420p")],
  [side("NV12", "nv12"), side("YUYV", "yuyv422")],
  [side("NV12", "nv12"), side("XR24", "bgr0")],
  [side("XR24", "bgr0"), side("NV12", "nv12")],
  [side("YUYV", "yuyv422"), side("MJPG", "yuvj422p")],
  [side("NV12", "nv12"), side("MJPG", "yuvj420p")],
  [side("YUYV", "yuyv422"), side("YUYV", "yuyv422", 1280, 720)],
  [side("NV12", "nv12"), side("NV12", "nv12", 640, 360)],
];

function picture({ code, width, height }: Side): Picture & { readonly bytes: Uint8Array } {
  const pixelformat = fourcc(code);
  const layout = pictureLayout(pixelformat, width, height);
  if (layout === undefined) throw new Error(code);
  const memory = provider.allocPlane(layout.sizeBytes);
  const colours = { colorspace: 0, ycbcrEnc: 0, quantization: 0 };
  return { memory, bytes: memory.bytes, pixelformat, width, height, planes: layout.planes, ...colours };
}

const name = ({ code, width, height }: Side): string => `${code} ${width}x${height}`;

/** CPU seconds of a process. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function ffmpegMs(from: Side, to: Side, fast: boolean): number {
  const input = ["-f", "rawvideo", "-pix_fmt", from.format, "-s", `${from.width}x${from.height}`];
  const flags = fast ? "fast_bilinear" : "bicubic";
  const filter = `scale=${to.width}:${to.height}:flags=${flags},format=${to.format}`;
  const out = to.code === "MJPG" ? ["-c:v", "mjpeg", "-q:v", "4", "-threads", "1"] : ["-c:v", "rawvideo"];
  const time = (count: number): number => {
    const { stderr } = spawnSync(
      "ffmpeg",
      [
        ...["-nostdin", "-benchmark", "-stream_loop", "-1", "-threads", "1", "-filter_threads", "1"],
        ...[...input, "-i", "/dev/shm/v4l2-cuse-bench", "-frames:v", String(count), "-vf", filter],
        ...[...out, "-f", "null", "-"],
      ],
      { encoding: "utf8" },
    );
    const [, user = "NaN", system = "NaN"] = /utime=([\d.]+)s stime=([\d.]+)s/.exec(stderr) ?? [];
    return Number(user) + Number(system);
  };
  return ((time(frames + 1) - time(1)) * 1000) / frames;
}

/** The driver's part: CPU milliseconds of this process. */
let driverMs = 0;
let converted = 0;

process.stdout.write(`${frames} frames each, CPU milliseconds a frame\n`);
for (const fast of [false, true]) {
  for (const [from, to] of rows) {
    if (fast && from.width === to.width) continue;
    const made = spawnSync(
      "ffmpeg",
      [
        ...[
          "-v",
          "error",
          "-y",
          "-f",
          "lavfi",
          "-i",
          `testsrc2=s=${from.width}x${from.height}`,
          "-frames:v",
          "1",
        ],
        ...["-pix_fmt", from.format, "-f", "rawvideo", "/dev/shm/v4l2-cuse-bench"],
      ],
      { encoding: "utf8" },
    );
    if (made.status !== 0) throw new Error(made.stderr);
    const converter = new PictureConverter({ fast });
    const source = picture(from);
    const destination = picture(to);
    source.bytes.set(readFileSync("/dev/shm/v4l2-cuse-bench"));
    await converter.convert(source, destination);
    const pid = converter.pid ?? 0;
    const before = cpuOf(pid);
    const own = process.cpuUsage();
    for (let i = 0; i < frames; i++) await converter.convert(source, destination);
    const spent = process.cpuUsage(own);
    driverMs += (spent.user + spent.system) / 1000;
    converted += frames;
    const ours = ((cpuOf(pid) - before) * 1000) / frames;
    converter.close();
    const theirs = ffmpegMs(from, to, fast);
    process.stdout.write(
      `${name(from).padEnd(16)} ${name(to).padEnd(16)} ${fast ? "fast" : "    "}  worker ${ours.toFixed(2).padStart(6)}  ffmpeg ${theirs.toFixed(2).padStart(6)}\n`,
    );
  }
}
process.stdout.write(`driver ${(driverMs / converted).toFixed(3)}\n`);
rmSync("/dev/shm/v4l2-cuse-bench");
