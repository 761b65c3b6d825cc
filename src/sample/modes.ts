/** Frames that the camera can deliver: pixel formats, sizes and colours, and how a client's wish becomes one of them. */
import type { FrameLayout, PixelFormatInfo } from "../tpg/index.js";
import { frameLayout, pixelFormatInfo } from "../tpg/index.js";
import type { VideoBufType, VideoFormat } from "../v4l2/index.js";
import {
  Colorspace,
  Field,
  FmtFlag,
  PixFmtFlag,
  Quantization,
  XferFunc,
  YcbcrEnc,
  fourcc,
} from "../v4l2/index.js";
import type { Size, Sizes } from "./sizes.js";
import { nearestSize } from "./sizes.js";

type Colors = Pick<VideoFormat, "colorspace" | "ycbcrEnc" | "quantization" | "xferFunc">;

/** What S_FMT chooses. */
export interface Mode extends Size {
  readonly pixelFormat: PixelFormatInfo;
  readonly layout: FrameLayout;
  readonly colors: Colors;
}

/** What a client says in S_FMT or TRY_FMT, as far as it matters here. */
export type Wish = Size & Pick<VideoFormat, "pixelformat"> & Partial<VideoFormat>;

const plain = [
  ...["YUYV", "UYVY", "YVYU", "VYUY", "RGB3", "BGR3", "RGBP", "XR24", "AR24", "BX24", "GREY"],
  ...["YU12", "YV12", "422P"],
];
const semiPlanar = ["NV12", "NV21", "NV16", "NV61"];
/** Every component in memory of its own: only a multi-planar device can offer these. */
const multiPlanar = ["YM12", "YM21", "YM16", "NM12", "NM21", "NM16"];

/** The first is the default. */
export function formatsFor(multiplanar: boolean): readonly PixelFormatInfo[] {
  return [...plain, ...(multiplanar ? multiPlanar : []), ...semiPlanar].map(known);
}

/** @throws {Error} The generator does not draw it: a mistake of ours. */
export function known(name: string): PixelFormatInfo {
  const info = pixelFormatInfo(fourcc(name));
  if (info === undefined) throw new Error(`the test pattern generator does not know ${name}`);
  return info;
}

/**
 * ENUM_FMT: which colour fields a client may set.
 * Differs from vivid, where a client can set some of them for luma alone: GStreamer sets all of a colorimetry or fails.
 */
export function formatFlags({ encoding }: PixelFormatInfo): number {
  if (encoding === "luma") return 0;
  const ycbcr = encoding === "yuv" ? FmtFlag.CscYcbcrEnc : 0;
  return FmtFlag.CscColorspace | FmtFlag.CscXferFunc | FmtFlag.CscQuantization | ycbcr;
}

const defaultColors: Colors = {
  colorspace: Colorspace.Srgb,
  ycbcrEnc: YcbcrEnc.Default,
  quantization: Quantization.Default,
  xferFunc: XferFunc.Default,
};

/** Those of which the generator knows the primaries. */
const colorspaces: readonly Colorspace[] = [
  ...[Colorspace.Smpte170m, Colorspace.Smpte240m, Colorspace.Rec709, Colorspace.System470M],
  ...[Colorspace.System470Bg, Colorspace.Srgb, Colorspace.Oprgb, Colorspace.Bt2020, Colorspace.DciP3],
];

/** A client must say that it means the colour fields: others send what they found there. */
function colorsFor(wish: Wish, { encoding }: PixelFormatInfo): Colors {
  const { colorspace, ycbcrEnc = 0, quantization = 0, xferFunc = 0 } = wish;
  const isMeant = encoding !== "luma" && ((wish.flags ?? 0) & PixFmtFlag.SetCsc) !== 0;
  if (!isMeant || colorspace === undefined || !colorspaces.includes(colorspace)) return defaultColors;
  return {
    colorspace,
    xferFunc,
    ycbcrEnc: encoding === "yuv" && ycbcrEnc < YcbcrEnc.Hsv180 ? ycbcrEnc : YcbcrEnc.Default,
    quantization,
  };
}

/** The mode nearest to what a client asks for; an unknown pixel format becomes the first that we have. */
export function nearestMode(wish: Wish, formats: readonly PixelFormatInfo[], sizes: Sizes): Mode {
  const pixelFormat = formats.find((format) => format.fourcc === wish.pixelformat) ?? formats[0];
  if (pixelFormat === undefined) throw new Error("a camera without formats");
  const { width, height } = nearestSize(wish, sizes);
  const least = frameLayout(pixelFormat, width, height).memoryPlanes;
  // Longer lines than needed are for clients that want padding, up to twice as long. Chroma has half the stride.
  const bytesperline = least.map((plane, index) => {
    const wanted = wish.planes?.[index]?.bytesperline ?? 0;
    return Math.min(wanted + (wanted % 2), 2 * plane.bytesperline);
  });
  const layout = frameLayout(pixelFormat, width, height, { bytesperline });
  return { pixelFormat, width, height, layout, colors: colorsFor(wish, pixelFormat) };
}

/** How V4L2 describes a mode. */
export function describeMode(mode: Mode, type: VideoBufType): VideoFormat {
  const { width, height, pixelFormat, layout, colors } = mode;
  return {
    type,
    width,
    height,
    pixelformat: pixelFormat.fourcc,
    field: Field.None,
    planes: layout.memoryPlanes,
    ...colors,
    flags: 0,
  };
}
