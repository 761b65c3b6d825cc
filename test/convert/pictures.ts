/** Pictures in memory of the driver, and what ffmpeg makes of them. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import {
  convertibleFormats,
  pictureLayout,
  type ConvertibleFormat,
  type Picture,
} from "../../src/convert/index.js";
import { Colorspace } from "../../src/v4l2/index.js";
import { SharedMemoryProvider, type PlaneMemory } from "../../src/vb2/index.js";

/** A picture whose memory can be looked at. */
export interface Shown extends Picture {
  readonly memory: PlaneMemory;
}

const provider = new SharedMemoryProvider({ name: "convert-test" });

export function formatNamed(name: string): ConvertibleFormat {
  const format = convertibleFormats.find((each) => each.name === name);
  if (format === undefined) throw new Error(`no format ${name}`);
  return format;
}

/** Memory of its own for a picture, with `bytes` in it or every byte 0xa5. */
export function picture(
  name: string,
  width: number,
  height: number,
  more: Partial<Omit<Picture, "memory">> & { readonly bytes?: Uint8Array; readonly extraBytes?: number } = {},
): Shown {
  const { pixelformat } = formatNamed(name);
  const layout = pictureLayout(pixelformat, width, height);
  if (layout === undefined) throw new Error(`no layout of ${name}`);
  const { bytes, extraBytes = 0, ...rest } = more;
  const memory = provider.allocPlane(Math.max(layout.sizeBytes, bytes?.byteLength ?? 0) + extraBytes);
  onTestFinished(() => {
    memory.release();
  });
  memory.bytes.fill(0xa5);
  if (bytes !== undefined) memory.bytes.set(bytes);
  const colours = { colorspace: Colorspace.Srgb, ycbcrEnc: 0, quantization: 0 };
  return { memory, pixelformat, width, height, planes: layout.planes, ...colours, ...rest };
}

/** The bytes of a picture. */
export function bytesOf({ pixelformat, width, height, memory }: Shown): Uint8Array {
  return memory.bytes.slice(0, pictureLayout(pixelformat, width, height)?.sizeBytes);
}

/** What ffmpeg calls the formats that it has. */
export const ffmpegNames: Readonly<Record<string, string>> = {
  ...{ YUYV: "yuyv422", UYVY: "uyvy422", YVYU: "yvyu422", NV12: "nv12", NV21: "nv21", NV16: "nv16" },
  ...{ NV24: "nv24", NV42: "nv42", YUV420: "yuv420p", YUV422P: "yuv422p", P010: "p010le" },
  ...{ RGB24: "rgb24", BGR24: "bgr24", XBGR32: "bgr0", ABGR32: "bgra", RGBX32: "rgb0", RGBA32: "rgba" },
  ...{ XRGB32: "0rgb", ARGB32: "argb", BGRX32: "0bgr", BGRA32: "abgr", BGR32: "bgr0", RGB32: "0rgb" },
  ...{ RGB565: "rgb565le", XRGB555: "rgb555le" },
};

/** Runs a program in a folder of its own. */
export function inFolder<Result>(work: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs ffmpeg. */
export function ffmpeg(...args: readonly string[]): void {
  const { status, stderr } = spawnSync(
    "ffmpeg",
    ["-v", "error", "-nostdin", "-y", "-filter_threads", "1", ...args],
    {
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(`ffmpeg ${args.join(" ")}: ${stderr}`);
}

/** A raw picture, in ffmpeg's name of the format. */
export interface RawPicture {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
}

/** Separate chroma planes of the same size, interleaved. */
function interleaved(bytes: Uint8Array, lumaBytes: number): Uint8Array {
  const half = (bytes.byteLength - lumaBytes) / 2;
  return bytes.map((byte, at) => {
    if (at < lumaBytes) return byte;
    const sample = at - lumaBytes;
    return bytes[lumaBytes + (sample >> 1) + (sample % 2) * half] ?? 0;
  });
}

/** The inverse. */
function separated(bytes: Uint8Array, lumaBytes: number): Uint8Array {
  const half = (bytes.byteLength - lumaBytes) / 2;
  return bytes.map((byte, at) => {
    if (at < lumaBytes) return byte;
    const sample = at - lumaBytes;
    return bytes[lumaBytes + 2 * (sample % half) + (sample < half ? 0 : 1)] ?? 0;
  });
}

/** ffmpeg's conversions of a picture: one for each of the filters and formats. */
export function convertedByFfmpeg(
  { format, width, height, bytes }: RawPicture,
  wanted: readonly { readonly filter: string; readonly format: string }[],
): readonly Uint8Array[] {
  return inFolder((folder) => {
    const isApart = format === "nv16";
    writeFileSync(join(folder, "in"), isApart ? separated(bytes, width * height) : bytes);
    const source = [
      "-f",
      "rawvideo",
      "-pix_fmt",
      isApart ? "yuv422p" : format,
      "-s",
      `${width}x${height}`,
      "-i",
      join(folder, "in"),
    ];
    const written = (to: string): string => (to === "nv16" ? "yuv422p" : to);
    const results = wanted.flatMap(({ filter, format: to }, index) => [
      ...[
        "-vf",
        `${filter},format=${written(to)}`,
        "-frames:v",
        "1",
        "-f",
        "rawvideo",
        join(folder, `out${index}`),
      ],
    ]);
    ffmpeg(...source, ...results);
    return wanted.map(({ filter, format: to }, index) => {
      const made = new Uint8Array(readFileSync(join(folder, `out${index}`)));
      if (to !== "nv16") return made;
      const [, w = width, h = height] = /scale=(\d+):(\d+)/.exec(filter) ?? [];
      return interleaved(made, Number(w) * Number(h));
    });
  });
}

/** ffmpeg's test picture. */
export function testPicture(format: string, width: number, height: number): Uint8Array {
  return inFolder((folder) => {
    const out = join(folder, "out");
    // libswscale before 6.1 does not know NV16: its chroma is that of planar 4:2:2, put together here.
    if (format === "nv16") return interleaved(testPicture("yuv422p", width, height), width * height);
    ffmpeg(
      ...["-f", "lavfi", "-i", `testsrc2=s=${width}x${height}:r=1`, "-frames:v", "1"],
      ...["-vf", "noise=alls=20:all_seed=5", "-pix_fmt", format, "-f", "rawvideo", out],
    );
    return new Uint8Array(readFileSync(out));
  });
}
