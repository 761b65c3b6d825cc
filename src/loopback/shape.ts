/** What a picture is like: format, size, lines and colours; and the nearest to what a client wishes. */
import { frameLayout, pixelFormatInfo, pixelFormats } from "../tpg/index.js";
import type { PixelFormatInfo } from "../tpg/index.js";
import type { FrameInterval, FrameSize, VideoBufType, VideoFormat } from "../v4l2/index.js";
import { Colorspace, Field, fourcc, fourccText, Quantization, XferFunc, YcbcrEnc } from "../v4l2/index.js";
import { sizedByFormat, type SizedByFormat } from "../vb2/index.js";

/** Pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

type Colors = Pick<VideoFormat, "colorspace" | "ycbcrEnc" | "quantization" | "xferFunc">;

/** A format of pictures in one memory plane. */
export interface Shape extends Size, Colors {
  readonly pixelformat: number;
  /** Bytes from a line to the next, of the first component plane; 0 for compressed pictures. */
  readonly bytesperline: number;
  /** Bytes of a picture; of a compressed one the most. */
  readonly sizeimage: number;
}

/** A wish of a client's, or of the operator's: what is left out is as it was. */
export interface ShapeWish extends Partial<Size>, Partial<Colors> {
  readonly pixelformat?: number | undefined;
  readonly bytesperline?: number;
  readonly sizeimage?: number;
}

/** Compressed pictures: they go from a producer to consumers as they are, and MJPG and JPEG can be converted. */
const compressed: readonly number[] = ["MJPG", "JPEG", "H264", "HEVC", "VP80", "VP90"].map((name) =>
  fourcc(name),
);
const P010 = fourcc("P010");

const commonNames = [
  "YUYV",
  "UYVY",
  "NV12",
  "YU12",
  "YV12",
  "NV21",
  "YVYU",
  "NV16",
  "RGB3",
  "BGR3",
  "XR24",
  "GREY",
];

/** Those that are offered first, in this order. */
export const commonFormats: readonly number[] = [...commonNames, "MJPG"].map((name) => fourcc(name));

/** Formats of one memory plane with pixels that lie in whole bytes, P010 and compressed ones: what a producer may bring. */
export const producerFormats: readonly number[] = [
  ...new Set([
    ...commonNames.map((name) => fourcc(name)),
    ...pixelFormats.filter(({ memoryPlanes }) => memoryPlanes === 1).map((info) => info.fourcc),
    P010,
    ...compressed,
  ]),
];

/** Least and most pixels of a side. */
export const LEAST_SIDE = 2;
export const MOST_SIDE = 8192;
/**
 * A buffer of a compressed picture has never less bytes than this. It has as many as the picture has as YUYV, unless the
 * client wants another number.
 */
const LEAST_COMPRESSED_BYTES = 65_536;
/** Lines may be so many times as long as the pixels need. */
const MOST_PADDING = 2;

const defaultColors: Colors = {
  colorspace: Colorspace.Srgb,
  ycbcrEnc: YcbcrEnc.Default,
  quantization: Quantization.Default,
  xferFunc: XferFunc.Default,
};

export const isCompressed = (pixelformat: number): boolean => compressed.includes(pixelformat);

/** How the generator draws it; undefined: it cannot. */
export const drawableFormat = (pixelformat: number): PixelFormatInfo | undefined => {
  const info = pixelFormatInfo(pixelformat);
  return info?.memoryPlanes === 1 ? info : undefined;
};

/** `YUYV` */
export const formatName = (pixelformat: number): string => fourccText(pixelformat).slice(0, 4).trimEnd();

/** `YUYV 640x480` */
export const shapeText = ({ pixelformat, width, height }: Shape): string =>
  `${formatName(pixelformat)} ${width}x${height}`;

/** Are their bytes the same? */
export function isSameLayout(one: Shape, other: Shape): boolean {
  return (
    one.pixelformat === other.pixelformat &&
    one.width === other.width &&
    one.height === other.height &&
    one.bytesperline === other.bytesperline
  );
}

/**
 * The nearest shape to `wish`.
 * @param fallback - For what the wish leaves out or asks in vain.
 */
export function nearestShape(wish: ShapeWish, fallback: Size & ShapeWish & { pixelformat: number }): Shape {
  const pixelformat =
    wish.pixelformat !== undefined && producerFormats.includes(wish.pixelformat)
      ? wish.pixelformat
      : fallback.pixelformat;
  const side = (wanted: number | undefined, other: number): number =>
    Math.min(Math.max(wanted === undefined || wanted === 0 ? other : wanted, LEAST_SIDE), MOST_SIDE);
  const wantedWidth = side(wish.width, fallback.width);
  const wantedHeight = side(wish.height, fallback.height);
  const info = drawableFormat(pixelformat);
  const planes = info?.planes ?? [];
  // Two pixels that share chroma come in pairs.
  const isPaired = pixelformat === P010 || planes.some(({ paired, hsub }) => paired || hsub === 2);
  const isStacked = pixelformat === P010 || planes.some(({ vsub }) => vsub === 2);
  const width = isPaired ? wantedWidth & ~1 : wantedWidth;
  const height = isStacked ? wantedHeight & ~1 : wantedHeight;
  const colors = wish.colorspace === undefined || wish.colorspace === Colorspace.Default ? fallback : wish;
  return {
    pixelformat,
    width,
    height,
    ...layoutOf(info, pixelformat, { width, height }, wish),
    colorspace: colors.colorspace ?? defaultColors.colorspace,
    ycbcrEnc: colors.ycbcrEnc ?? defaultColors.ycbcrEnc,
    quantization: colors.quantization ?? defaultColors.quantization,
    xferFunc: colors.xferFunc ?? defaultColors.xferFunc,
  };
}

function layoutOf(
  info: PixelFormatInfo | undefined,
  pixelformat: number,
  { width, height }: Size,
  { bytesperline = 0, sizeimage = 0 }: ShapeWish,
): Pick<Shape, "bytesperline" | "sizeimage"> {
  if (info !== undefined) {
    const [least] = frameLayout(info, width, height).memoryPlanes;
    const [wanted] = frameLayout(info, width, height, { bytesperline: [bytesperline] }).memoryPlanes;
    // Programs send back what they were told of another size. One that means it says a size that goes with it.
    const isMeant =
      wanted?.sizeimage === sizeimage && bytesperline <= MOST_PADDING * (least?.bytesperline ?? 0);
    const plane = isMeant ? wanted : least;
    if (plane !== undefined) return { bytesperline: plane.bytesperline, sizeimage: plane.sizeimage };
  }
  if (pixelformat === P010) {
    return { bytesperline: 2 * width, sizeimage: 3 * width * height };
  }
  const room = Math.max(2 * width * height, LEAST_COMPRESSED_BYTES);
  const wanted = sizeimage === 0 ? room : Math.max(sizeimage, LEAST_COMPRESSED_BYTES);
  return { bytesperline: 0, sizeimage: Math.min(wanted, 2 * room) };
}

/** What a client says in S_FMT or TRY_FMT. */
export function wishOf(format: VideoFormat): ShapeWish {
  const { width, height, pixelformat, colorspace, ycbcrEnc, quantization, xferFunc } = format;
  const { bytesperline = 0, sizeimage = 0 } = format.planes[0] ?? {};
  return {
    width,
    height,
    pixelformat,
    colorspace,
    ycbcrEnc,
    quantization,
    xferFunc,
    bytesperline,
    sizeimage,
  };
}

/** As V4L2 describes it. */
export function describeShape(shape: Shape, type: VideoBufType): VideoFormat {
  const { bytesperline, sizeimage, width, height, pixelformat } = shape;
  const { colorspace, ycbcrEnc, quantization, xferFunc } = shape;
  return {
    type,
    ...{ width, height, pixelformat, colorspace, ycbcrEnc, quantization, xferFunc },
    field: Field.None,
    planes: [{ bytesperline, sizeimage }],
    flags: 0,
  };
}

/** ENUM_FRAMESIZES of a producer, which may bring any. */
export const anySize: FrameSize = {
  kind: "stepwise",
  minWidth: LEAST_SIDE,
  maxWidth: MOST_SIDE,
  stepWidth: 2,
  minHeight: LEAST_SIDE,
  maxHeight: MOST_SIDE,
  stepHeight: 2,
};

/** ENUM_FRAMEINTERVALS of a producer. */
export const anyInterval: FrameInterval = {
  kind: "continuous",
  min: { numerator: 1, denominator: 1000 },
  max: { numerator: 1000, denominator: 1 },
  step: { numerator: 1, denominator: 1 },
};

/** Sizes that consumers find in the list besides the producer's. */
export const listedSizes: readonly Size[] = [
  [160, 120],
  [320, 180],
  [320, 240],
  [640, 360],
  [640, 480],
  [800, 600],
  [960, 540],
  [1024, 768],
  [1280, 720],
  [1280, 960],
  [1600, 1200],
  [1920, 1080],
  [2560, 1440],
  [3840, 2160],
].map(([width = 0, height = 0]) => ({ width, height }));

/** The one with the least difference in width and height. */
export function nearestSize({ width, height }: Size, sizes: readonly Size[]): Size {
  const distance = (size: Size): number => Math.abs(size.width - width) + Math.abs(size.height - height);
  return sizes.reduce((best, size) => (distance(size) < distance(best) ? size : best));
}

/** Before anybody has said anything. */
export const defaultShape: Shape = nearestShape({}, { pixelformat: fourcc("YUYV"), width: 640, height: 480 });

/** Queue operations for buffers of one plane that hold a picture of the shape that is asked for. */
export const sizedByShape = (shape: () => Shape): SizedByFormat =>
  sizedByFormat(() => ({ planes: [{ bytesperline: 0, sizeimage: shape().sizeimage }] }), false);
