/**
 * The pixel formats that the generator can draw: how pixels lie in memory, and how large a frame is.
 *
 * One row of the table describes a format completely. A packed format is written as its fields from the most
 * significant bit down ("x4r4g4b4", little or big endian); a format with shared chroma as the bytes that a pair of
 * neighbouring pixels takes in each plane ("y0 u y1 v").
 */

/** What the stored components are. */
export type Encoding = "rgb" | "yuv" | "luma";

/** A pixel before packing: R'G'B', Y'CbCr or luma in 8 bit each (unused ones are 0), and alpha. */
export interface Pixel {
  readonly c0: number;
  readonly c1: number;
  readonly c2: number;
  readonly alpha: number;
}

/** Writes this plane's bytes for two neighbouring pixels at `at`. */
type PairWriter = (left: Pixel, right: Pixel, out: Uint8Array, at: number) => void;

/** One component plane: where pixel x of a line lies, and how two pixels are written. */
export interface PlaneFormat {
  /** Bytes for two neighbouring pixels. */
  readonly bytesPerPair: number;
  /** Bytes per sample: of a pixel, or of half a pair where two pixels share chroma. */
  readonly sampleBytes: number;
  /** 2 when a sample stands for two pixels of a line. */
  readonly hsub: 1 | 2;
  /** 2 when a line of this plane stands for two lines of the picture. */
  readonly vsub: 1 | 2;
  /** Two pixels share chroma inside one group of bytes: a line may only be cut at even pixels. */
  readonly paired: boolean;
  readonly writePair: PairWriter;
}

/** What a pixel format is made of. */
export interface PixelFormatInfo {
  readonly fourcc: number;
  /** The name after `V4L2_PIX_FMT_`. */
  readonly name: string;
  readonly encoding: Encoding;
  /** 1, or the number of component planes for the formats that keep each in a memory plane of its own (NV12M). */
  readonly memoryPlanes: number;
  readonly planes: readonly PlaneFormat[];
}

/** The four characters of `name`, blank padded, as V4L2 packs them; `bigEndian` sets bit 31 (`v4l2_fourcc_be`). */
export function fourcc(name: string, bigEndian = false): number {
  const code = [...name.padEnd(4)].reduce((sum, char, index) => sum | (char.charCodeAt(0) << (8 * index)), 0);
  return (bigEndian ? code | (1 << 31) : code) >>> 0;
}

type ByteOrder = "le" | "be";

interface BitField {
  readonly component: string;
  readonly width: number;
  readonly shift: number;
}

function parseBitFields(layout: string): { fields: BitField[]; bytes: number } {
  const parts = [...layout.matchAll(/([a-z])(\d+)/g)].map(([, component = "x", width]) => ({
    component,
    width: Number(width),
  }));
  let shift = parts.reduce((sum, { width }) => sum + width, 0);
  const bytes = shift / 8;
  const fields = parts.map(({ component, width }) => {
    shift -= width;
    return { component, width, shift };
  });
  return { fields: fields.filter(({ component }) => component !== "x"), bytes };
}

/** The 8-bit value of a field: r, g, b or y, u, v; a is alpha; w fills Y16's low byte, see the table. */
function componentOf(pixel: Pixel, component: string): number {
  switch (component) {
    case "r":
    case "y":
      return pixel.c0;
    case "g":
    case "u":
      return pixel.c1;
    case "b":
    case "v":
      return pixel.c2;
    case "w":
      return pixel.c0 === 0xff ? 0xff : 0;
    default:
      return pixel.alpha;
  }
}

function packedPlane(order: ByteOrder, layout: string): PlaneFormat {
  const { fields, bytes } = parseBitFields(layout);
  const write = (pixel: Pixel, out: Uint8Array, at: number): void => {
    let word = 0;
    for (const { component, width, shift } of fields) {
      word |= (componentOf(pixel, component) >> (8 - width)) << shift;
    }
    for (let index = 0; index < bytes; index++) {
      out[at + (order === "le" ? index : bytes - 1 - index)] = (word >>> (8 * index)) & 0xff;
    }
  };
  return {
    bytesPerPair: 2 * bytes,
    sampleBytes: bytes,
    hsub: 1,
    vsub: 1,
    paired: false,
    writePair: (left, right, out, at) => {
      write(left, out, at);
      write(right, out, at + bytes);
    },
  };
}

/** One byte of a pair: y0, y1, u0, v1, ...; a bare u or v is the mean of both pixels, rounded down. */
function byteOf(token: string): (left: Pixel, right: Pixel) => number {
  const component = token.charAt(0);
  switch (token.charAt(1)) {
    case "0":
      return (left) => componentOf(left, component);
    case "1":
      return (_left, right) => componentOf(right, component);
    default:
      return (left, right) => (componentOf(left, component) + componentOf(right, component)) >> 1;
  }
}

function pairPlane(layout: string, vsub: 1 | 2): PlaneFormat {
  const tokens = layout.split(" ");
  const bytes = tokens.map(byteOf);
  const hsub = tokens.length === 1 ? 2 : 1;
  return {
    bytesPerPair: tokens.length,
    sampleBytes: hsub === 2 ? 1 : tokens.length / 2,
    hsub,
    vsub,
    paired: hsub === 1 && tokens.includes("u"),
    writePair: (left, right, out, at) => {
      bytes.forEach((byte, index) => {
        out[at + index] = byte(left, right);
      });
    },
  };
}

function packed(encoding: Encoding, order: ByteOrder, rows: readonly (readonly [string, number, string])[]) {
  return rows.map(([name, code, layout]): PixelFormatInfo => ({
    fourcc: code,
    name,
    encoding,
    memoryPlanes: 1,
    planes: [packedPlane(order, layout)],
  }));
}

/** `chroma`: the planes after the first; a name that ends in M keeps every plane in memory of its own. */
function planar(name: string, code: string, vsub: 1 | 2, luma: string, ...chroma: string[]): PixelFormatInfo {
  const planes = [pairPlane(luma, 1), ...chroma.map((layout) => pairPlane(layout, vsub))];
  const memoryPlanes = name.endsWith("M") ? planes.length : 1;
  return { fourcc: fourcc(code), name, encoding: "yuv", memoryPlanes, planes };
}

const formats: readonly PixelFormatInfo[] = [
  planar("YUYV", "YUYV", 1, "y0 u y1 v"),
  planar("UYVY", "UYVY", 1, "u y0 v y1"),
  planar("YVYU", "YVYU", 1, "y0 v y1 u"),
  planar("VYUY", "VYUY", 1, "v y0 u y1"),

  planar("NV12", "NV12", 2, "y0 y1", "u v"),
  planar("NV21", "NV21", 2, "y0 y1", "v u"),
  planar("NV16", "NV16", 1, "y0 y1", "u v"),
  planar("NV61", "NV61", 1, "y0 y1", "v u"),
  planar("NV24", "NV24", 1, "y0 y1", "u0 v0 u1 v1"),
  planar("NV42", "NV42", 1, "y0 y1", "v0 u0 v1 u1"),
  planar("NV12M", "NM12", 2, "y0 y1", "u v"),
  planar("NV21M", "NM21", 2, "y0 y1", "v u"),
  planar("NV16M", "NM16", 1, "y0 y1", "u v"),
  planar("NV61M", "NM61", 1, "y0 y1", "v u"),

  planar("YUV420", "YU12", 2, "y0 y1", "u", "v"),
  planar("YVU420", "YV12", 2, "y0 y1", "v", "u"),
  planar("YUV422P", "422P", 1, "y0 y1", "u", "v"),
  planar("YUV420M", "YM12", 2, "y0 y1", "u", "v"),
  planar("YVU420M", "YM21", 2, "y0 y1", "v", "u"),
  planar("YUV422M", "YM16", 1, "y0 y1", "u", "v"),
  planar("YVU422M", "YM61", 1, "y0 y1", "v", "u"),
  planar("YUV444M", "YM24", 1, "y0 y1", "u0 u1", "v0 v1"),
  planar("YVU444M", "YM42", 1, "y0 y1", "v0 v1", "u0 u1"),

  ...packed("rgb", "le", [
    ["RGB332", fourcc("RGB1"), "r3g3b2"],
    ["RGB565", fourcc("RGBP"), "r5g6b5"],
    ["RGB444", fourcc("R444"), "x4r4g4b4"],
    ["XRGB444", fourcc("XR12"), "x4r4g4b4"],
    ["ARGB444", fourcc("AR12"), "a4r4g4b4"],
    ["RGBX444", fourcc("RX12"), "r4g4b4x4"],
    ["RGBA444", fourcc("RA12"), "r4g4b4a4"],
    ["XBGR444", fourcc("XB12"), "x4b4g4r4"],
    ["ABGR444", fourcc("AB12"), "a4b4g4r4"],
    ["BGRX444", fourcc("BX12"), "b4g4r4x4"],
    ["BGRA444", fourcc("GA12"), "b4g4r4a4"],
    ["RGB555", fourcc("RGBO"), "x1r5g5b5"],
    ["XRGB555", fourcc("XR15"), "x1r5g5b5"],
    ["ARGB555", fourcc("AR15"), "a1r5g5b5"],
    ["RGBX555", fourcc("RX15"), "r5g5b5x1"],
    ["RGBA555", fourcc("RA15"), "r5g5b5a1"],
    ["XBGR555", fourcc("XB15"), "x1b5g5r5"],
    ["ABGR555", fourcc("AB15"), "a1b5g5r5"],
    ["BGRX555", fourcc("BX15"), "b5g5r5x1"],
    ["BGRA555", fourcc("BA15"), "b5g5r5a1"],
  ]),
  ...packed("rgb", "be", [
    ["RGB565X", fourcc("RGBR"), "r5g6b5"],
    ["RGB555X", fourcc("RGBQ"), "x1r5g5b5"],
    ["XRGB555X", fourcc("XR15", true), "x1r5g5b5"],
    ["ARGB555X", fourcc("AR15", true), "a1r5g5b5"],
    ["BGR666", fourcc("BGRH"), "b6g6r6x14"],
    // From here on the fields are whole bytes, so big endian means: in the order of memory.
    ["RGB24", fourcc("RGB3"), "r8g8b8"],
    ["BGR24", fourcc("BGR3"), "b8g8r8"],
    ["RGB32", fourcc("RGB4"), "x8r8g8b8"],
    ["BGR32", fourcc("BGR4"), "b8g8r8x8"],
    ["XRGB32", fourcc("BX24"), "x8r8g8b8"],
    ["ARGB32", fourcc("BA24"), "a8r8g8b8"],
    ["RGBX32", fourcc("XB24"), "r8g8b8x8"],
    ["RGBA32", fourcc("AB24"), "r8g8b8a8"],
    ["XBGR32", fourcc("XR24"), "b8g8r8x8"],
    ["ABGR32", fourcc("AR24"), "b8g8r8a8"],
    ["BGRX32", fourcc("RX24"), "x8b8g8r8"],
    ["BGRA32", fourcc("RA24"), "a8b8g8r8"],
  ]),

  ...packed("yuv", "le", [
    // Of these three and YUV32 the alpha bits are defined by no document; tpg fills them, so do we.
    ["YUV444", fourcc("Y444"), "a4y4u4v4"],
    ["YUV555", fourcc("YUVO"), "a1y5u5v5"],
    ["YUV565", fourcc("YUVP"), "y5u6v5"],
  ]),
  ...packed("yuv", "be", [
    ["YUV32", fourcc("YUV4"), "a8y8u8v8"],
    ["AYUV32", fourcc("AYUV"), "a8y8u8v8"],
    ["XYUV32", fourcc("XYUV"), "x8y8u8v8"],
    ["YUVA32", fourcc("YUVA"), "y8u8v8a8"],
    ["YUVX32", fourcc("YUVX"), "y8u8v8x8"],
    ["VUYA32", fourcc("VUYA"), "v8u8y8a8"],
    ["VUYX32", fourcc("VUYX"), "v8u8y8x8"],
  ]),

  ...packed("luma", "le", [
    ["GREY", fourcc("GREY"), "y8"],
    ["Y10", fourcc("Y10"), "x6y8x2"],
    ["Y12", fourcc("Y12"), "x4y8x4"],
    // tpg: the low byte stays 0, so that swapped bytes are seen, but for white, which shall be white.
    ["Y16", fourcc("Y16"), "y8w8"],
  ]),
  ...packed("luma", "be", [["Y16_BE", fourcc("Y16", true), "y8w8"]]),
];

/** Every format that can be drawn, YUYV first. */
export const pixelFormats: readonly PixelFormatInfo[] = formats;

const byFourcc = new Map(formats.map((format) => [format.fourcc, format]));

/** The format of this fourcc, or undefined when the generator cannot draw it. */
export function pixelFormatInfo(code: number): PixelFormatInfo | undefined {
  return byFourcc.get(code >>> 0);
}

/** Offset in bytes of pixel `x` (rounded down to the pair where chroma is shared) in a line of this plane. */
export function pixelOffset(plane: PlaneFormat, x: number): number {
  const sample = Math.floor(x / plane.hsub);
  return (plane.paired ? sample & ~1 : sample) * plane.sampleBytes;
}

/** Where one component plane lies in its memory plane. */
export interface ComponentLayout {
  readonly memoryPlane: number;
  /** In bytes, from the start of the memory plane. */
  readonly offset: number;
  readonly bytesperline: number;
  /** Bytes of a line that hold pixels; the rest up to `bytesperline` is padding and never written. */
  readonly lineBytes: number;
  readonly rows: number;
}

/** Where the pixels of a frame are: a size and lines for each memory plane. */
export interface FrameLayout {
  /** What a driver reports in `v4l2_plane_pix_format`; one entry for a single-planar format. */
  readonly memoryPlanes: readonly { readonly bytesperline: number; readonly sizeimage: number }[];
  readonly components: readonly ComponentLayout[];
}

/** What a client asked for; the rest follows from the format. */
export interface LayoutWishes {
  /** Wanted bytes per line, one per memory plane; too small or missing ones are raised to the least possible. */
  readonly bytesperline?: readonly number[];
  /** Every `bytesperline` becomes a multiple of this; 1 when left out. */
  readonly alignBytes?: number;
}

/**
 * Sizes and offsets of a frame of `width` x `height` pixels. Formats that share chroma round odd sizes up.
 *
 * @returns `sizeimage` without anything after the last line; a driver may add to it.
 */
export function frameLayout(
  format: PixelFormatInfo,
  width: number,
  height: number,
  wishes: LayoutWishes = {},
): FrameLayout {
  const { planes } = format;
  const sharesChroma = planes.some((plane) => plane.paired || plane.hsub === 2);
  const lineWidth = sharesChroma ? width + (width & 1) : width;
  const align = wishes.alignBytes ?? 1;
  const leastBytes = (plane: PlaneFormat): number => (lineWidth / plane.hsub) * plane.sampleBytes;
  const stride = (plane: PlaneFormat, index: number): number =>
    Math.ceil(Math.max(leastBytes(plane), wishes.bytesperline?.[index] ?? 0) / align) * align;

  const first = planes[0];
  if (first === undefined) throw new RangeError(`${format.name} has no planes`);
  const firstStride = stride(first, 0);
  const components: ComponentLayout[] = [];
  const memoryPlanes: { bytesperline: number; sizeimage: number }[] = [];
  planes.forEach((plane, index) => {
    const separate = format.memoryPlanes > 1;
    // In one memory plane the chroma lines follow the luma stride, as V4L2 defines `bytesperline` for planar formats.
    const bytesperline = separate
      ? stride(plane, index)
      : Math.floor((firstStride * plane.sampleBytes) / first.sampleBytes / plane.hsub);
    const rows = Math.ceil(height / plane.vsub);
    const last = separate ? undefined : memoryPlanes[0];
    components.push({
      memoryPlane: separate ? index : 0,
      offset: last?.sizeimage ?? 0,
      bytesperline,
      lineBytes: pixelOffset(plane, width),
      rows,
    });
    if (last === undefined) memoryPlanes.push({ bytesperline, sizeimage: bytesperline * rows });
    else last.sizeimage += bytesperline * rows;
  });
  return { memoryPlanes, components };
}
