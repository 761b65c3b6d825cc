/** What the camera can be set to: pixel formats, frame sizes and rates, and how a client's wish becomes one of them. */
import type { FrameLayout, PixelFormatInfo } from "../tpg/index.js";
import { frameLayout, pixelFormatInfo } from "../tpg/index.js";
import type { Fract, VideoBufType, VideoFormat } from "../v4l2/index.js";
import { Colorspace, Field, Quantization, XferFunc, YcbcrEnc, fourcc } from "../v4l2/index.js";

/** One thing the camera does at a time: what S_FMT and S_PARM choose. */
export interface Mode {
  readonly pixelFormat: PixelFormatInfo;
  readonly width: number;
  readonly height: number;
  readonly layout: FrameLayout;
}

const singlePlanar = ["YUYV", "NV12", "RGB3"] as const;
/** NV12M: luma and chroma in buffers of their own; only a multi-planar device can offer it. */
const multiPlanar = ["NM12", ...singlePlanar] as const;

export function formatsFor(multiplanar: boolean): readonly PixelFormatInfo[] {
  return (multiplanar ? multiPlanar : singlePlanar).map(known);
}

function known(name: string): PixelFormatInfo {
  const info = pixelFormatInfo(fourcc(name));
  if (info === undefined) throw new Error(`the test pattern generator does not know ${name}`);
  return info;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** From small to large, so that clients that take the first one get going anywhere. */
export const sizes: readonly Size[] = [
  { width: 320, height: 180 },
  { width: 320, height: 240 },
  { width: 640, height: 360 },
  { width: 640, height: 480 },
  { width: 1280, height: 720 },
  { width: 1920, height: 1080 },
  { width: 3840, height: 2160 },
];

/** Frame intervals, the fastest first, as cameras list them. */
export const intervals: readonly Fract[] = [60, 50, 30, 25, 15, 10, 5, 1].map((fps) => ({
  numerator: 1,
  denominator: fps,
}));

export const defaultSize: Size = { width: 640, height: 480 };
export const defaultInterval: Fract = { numerator: 1, denominator: 30 };

/** The size nearest to the wish: the least difference in width and height, as v4l2_find_nearest_size counts it. */
export function nearestSize(width: number, height: number): Size {
  let best = defaultSize;
  let least = Infinity;
  for (const size of sizes) {
    const difference = Math.abs(size.width - width) + Math.abs(size.height - height);
    if (difference < least) {
      least = difference;
      best = size;
    }
  }
  return best;
}

/** The interval nearest to the wish; a wish with a zero in it is none, and gets the default (as S_PARM demands). */
export function nearestInterval(wish: Fract): Fract {
  if (wish.numerator === 0 || wish.denominator === 0) return defaultInterval;
  const seconds = wish.numerator / wish.denominator;
  return intervals.reduce((best, interval) =>
    Math.abs(interval.numerator / interval.denominator - seconds) <
    Math.abs(best.numerator / best.denominator - seconds)
      ? interval
      : best,
  );
}

/** The mode nearest to what a client asks for; an unknown pixel format becomes the first that we have. */
export function nearestMode(wish: { pixelformat: number } & Size, formats: readonly PixelFormatInfo[]): Mode {
  const pixelFormat = formats.find((format) => format.fourcc === wish.pixelformat) ?? formats[0];
  if (pixelFormat === undefined) throw new Error("a camera without formats");
  const { width, height } = nearestSize(wish.width, wish.height);
  return { pixelFormat, width, height, layout: frameLayout(pixelFormat, width, height) };
}

/** How V4L2 describes a mode. */
export function describeMode(mode: Mode, type: VideoBufType): VideoFormat {
  return {
    type,
    width: mode.width,
    height: mode.height,
    pixelformat: mode.pixelFormat.fourcc,
    field: Field.None,
    planes: mode.layout.memoryPlanes,
    colorspace: Colorspace.Srgb,
    ycbcrEnc: YcbcrEnc.Default,
    quantization: Quantization.Default,
    xferFunc: XferFunc.Default,
    flags: 0,
  };
}
