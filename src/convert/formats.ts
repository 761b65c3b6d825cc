/** The formats that can be converted, and how V4L2 lays them out. */
import { fourcc } from "../v4l2/index.js";

/** Where the lines of a plane are. */
export interface PicturePlane {
  /** From the start of the memory, bytes. */
  readonly offset: number;
  /** From a line to the next, bytes. */
  readonly bytesPerLine: number;
}

/** A component plane of a format: a sample stands for `hsub` pixels of a line and `vsub` lines. */
interface Component {
  readonly sampleBytes: number;
  readonly hsub: 1 | 2;
  readonly vsub: 1 | 2;
}

/** A pixel format that can be converted. */
export interface ConvertibleFormat {
  readonly pixelformat: number;
  /** The name after `V4L2_PIX_FMT_`. */
  readonly name: string;
  /** What the worker calls it: `CONVERT_*` of native/convert/protocol.h. */
  readonly number: number;
  readonly encoding: "rgb" | "yuv" | "grey" | "compressed";
  /** Empty for compressed ones. */
  readonly components: readonly Component[];
  /** An image file's format: no destination. */
  readonly isSourceOnly: boolean;
}

/** The largest width and height, pixels. */
export const MAX_PICTURE_SIZE = 16384;

const part = (sampleBytes: number, hsub: 1 | 2 = 1, vsub: 1 | 2 = 1): Component => ({
  sampleBytes,
  hsub,
  vsub,
});
const pairs = part(4, 2);
const semi = (vsub: 1 | 2): readonly Component[] => [part(1), part(2, 2, vsub)];
const planar = (vsub: 1 | 2): readonly Component[] => [part(1), part(1, 2, vsub), part(1, 2, vsub)];

type Row = readonly [code: string, name: string, encoding: ConvertibleFormat["encoding"], ...Component[]];

/** The order is that of the numbers in native/convert/protocol.h, from 1. */
const rows: readonly Row[] = [
  ["YUYV", "YUYV", "yuv", pairs],
  ["UYVY", "UYVY", "yuv", pairs],
  ["YVYU", "YVYU", "yuv", pairs],
  ["NV12", "NV12", "yuv", ...semi(2)],
  ["NV21", "NV21", "yuv", ...semi(2)],
  ["NV16", "NV16", "yuv", ...semi(1)],
  ["NV24", "NV24", "yuv", part(1), part(2)],
  ["NV42", "NV42", "yuv", part(1), part(2)],
  ["YU12", "YUV420", "yuv", ...planar(2)],
  ["YV12", "YVU420", "yuv", ...planar(2)],
  ["422P", "YUV422P", "yuv", ...planar(1)],
  ["P010", "P010", "yuv", part(2), part(4, 2, 2)],
  ["GREY", "GREY", "grey", part(1)],
  ["Y10 ", "Y10", "grey", part(2)],
  ["Y16 ", "Y16", "grey", part(2)],
  ["RGB3", "RGB24", "rgb", part(3)],
  ["BGR3", "BGR24", "rgb", part(3)],
  ["XR24", "XBGR32", "rgb", part(4)],
  ["AR24", "ABGR32", "rgb", part(4)],
  ["XB24", "RGBX32", "rgb", part(4)],
  ["AB24", "RGBA32", "rgb", part(4)],
  ["BX24", "XRGB32", "rgb", part(4)],
  ["BA24", "ARGB32", "rgb", part(4)],
  ["RX24", "BGRX32", "rgb", part(4)],
  ["RA24", "BGRA32", "rgb", part(4)],
  ["BGR4", "BGR32", "rgb", part(4)],
  ["RGB4", "RGB32", "rgb", part(4)],
  ["RGBP", "RGB565", "rgb", part(2)],
  ["XR15", "XRGB555", "rgb", part(2)],
  ["MJPG", "MJPEG", "compressed"],
  ["JPEG", "JPEG", "compressed"],
  ["PNG ", "PNG", "compressed"],
];

/** Not of V4L2: a PNG file as the source of a conversion. */
export const PIXELFORMAT_PNG = fourcc("PNG ");

const formats = rows.map(([code, name, encoding, ...components], index): ConvertibleFormat => {
  const pixelformat = fourcc(code);
  const isSourceOnly = pixelformat === PIXELFORMAT_PNG;
  return { pixelformat, name, number: index + 1, encoding, components, isSourceOnly };
});
const byPixelformat = new Map(formats.map((format) => [format.pixelformat, format]));

/** What pictures can be converted to, and from. */
export const convertibleFormats: readonly ConvertibleFormat[] = formats.filter(
  (format) => !format.isSourceOnly,
);

/** @returns undefined: no format that can be converted. */
export const convertibleFormat = (pixelformat: number): ConvertibleFormat | undefined =>
  byPixelformat.get(pixelformat >>> 0);

/**
 * Can pictures of one format be made of those of the other? Any sizes can.
 * @param from - `V4L2_PIX_FMT_*`, as `to`.
 */
export function canConvert(from: number, to: number): boolean {
  return convertibleFormat(from) !== undefined && convertibleFormat(to)?.isSourceOnly === false;
}

/** The bytes of a line that hold pixels, and the lines, of a component plane. */
export function linesOf(
  { sampleBytes, hsub, vsub }: Component,
  width: number,
  height: number,
): { readonly lineBytes: number; readonly lines: number } {
  return { lineBytes: Math.ceil(width / hsub) * sampleBytes, lines: Math.ceil(height / vsub) };
}

/** Where the planes of a picture are, and how large it is. */
export interface PictureLayout {
  readonly planes: readonly PicturePlane[];
  /** Bytes from the first plane's start to the last one's end. Of compressed formats: room that is enough in practice. */
  readonly sizeBytes: number;
}

/**
 * How V4L2 lays a picture out in one memory plane: chroma lines follow from the luma line, odd sizes of formats that
 * share chroma are rounded up.
 * @param bytesPerLine - Of the first plane, where it is not the least possible; smaller ones are raised.
 * @returns undefined: no format that can be converted.
 */
export function pictureLayout(
  pixelformat: number,
  width: number,
  height: number,
  bytesPerLine = 0,
): PictureLayout | undefined {
  const format = convertibleFormat(pixelformat);
  if (format === undefined) return undefined;
  const [first] = format.components;
  if (first === undefined) {
    return { planes: [{ offset: 0, bytesPerLine: 0 }], sizeBytes: Math.max(65536, width * height * 2) };
  }
  const samples = (count: number, sub: number): number => Math.ceil(count / sub);
  const isShared = format.components.some(({ hsub }) => hsub === 2);
  const lineWidth = isShared ? 2 * Math.ceil(width / 2) : width;
  const stride = Math.max(bytesPerLine, (lineWidth / first.hsub) * first.sampleBytes);
  const planes: PicturePlane[] = [];
  let sizeBytes = 0;
  for (const { sampleBytes, hsub, vsub } of format.components) {
    const bytes = Math.floor((stride * sampleBytes * first.hsub) / (hsub * first.sampleBytes));
    planes.push({ offset: sizeBytes, bytesPerLine: bytes });
    sizeBytes += bytes * samples(height, vsub);
  }
  return { planes, sizeBytes };
}
