/** Pictures as V4L2 has them, into what a canvas shows. */
import type { ShownFormat } from "../../../src/watch/protocol.js";
import { componentAt, readableFormat, type Component, type ReadableFormat } from "./readers.js";

/** `V4L2_COLORSPACE_*`, `V4L2_YCBCR_ENC_*`, `V4L2_QUANTIZATION_*`: what default means follows from the colorspace. */
const Colorspace = { Rec709: 3, Bt2020: 10, Dcip3: 12, Smpte240m: 2, Jpeg: 7 } as const;
const Encoding = { Bt601: 1, Bt709: 2, Xv601: 3, Xv709: 4, Bt2020: 6, Bt2020Const: 7, Smpte240m: 8 } as const;
const FULL_RANGE = 1;

/** Kr and Kb. */
function weights({ colorspace, ycbcrEnc }: ShownFormat): readonly [number, number] {
  let encoding = ycbcrEnc;
  if (encoding === 0) {
    if (colorspace === Colorspace.Rec709 || colorspace === Colorspace.Dcip3) encoding = Encoding.Bt709;
    else if (colorspace === Colorspace.Bt2020) encoding = Encoding.Bt2020;
    else if (colorspace === Colorspace.Smpte240m) encoding = Encoding.Smpte240m;
    else encoding = Encoding.Bt601;
  }
  switch (encoding) {
    case Encoding.Bt709:
    case Encoding.Xv709:
      return [0.2126, 0.0722];
    case Encoding.Bt2020:
    case Encoding.Bt2020Const:
      return [0.2627, 0.0593];
    case Encoding.Smpte240m:
      return [0.212, 0.087];
    default:
      return [0.299, 0.114];
  }
}

const isFullRange = ({ colorspace, quantization }: ShownFormat, isRgb: boolean): boolean =>
  quantization === 0 ? isRgb || colorspace === Colorspace.Jpeg : quantization === FULL_RANGE;

export interface Rgba {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

/**
 * @param planes - Bytes of each memory plane, which are one behind the other.
 * @param most - Pixels of a line at the most: of a larger picture, every second, third, ... is taken.
 * @returns undefined: pixels of that format cannot be read.
 */
export function toRgba(
  format: ShownFormat,
  bytes: Uint8Array,
  planes: readonly number[],
  most = Number.POSITIVE_INFINITY,
): Rgba | undefined {
  const reader = readableFormat(format.pixelformat);
  if (reader === undefined || format.width === 0 || format.height === 0) return undefined;
  const step = Math.max(1, Math.ceil(format.width / most));
  const width = Math.floor((format.width + step - 1) / step);
  const height = Math.floor((format.height + step - 1) / step);
  const data = new Uint8ClampedArray(new ArrayBuffer(4 * width * height));
  const lines = linesOf(reader, format, planes);
  const put = putter(reader, format, data);
  let to = 0;
  for (let y = 0; y < format.height; y += step) {
    const starts = lines.map(
      ({ offset, bytesperline, vsub }) => offset + Math.floor(y / vsub) * bytesperline,
    );
    for (let x = 0; x < format.width; x += step) {
      const pair = x >> 1;
      const [c0, c1, c2] = reader.pair[(x & 1) as 0 | 1] as readonly [Component, Component, Component];
      const value = (component: Component): number =>
        componentAt(
          bytes,
          (starts[component.plane] ?? 0) + pair * (lines[component.plane]?.bytesPerPair ?? 0),
          component,
        );
      put(to, value(c0), value(c1), value(c2));
      to += 4;
    }
  }
  return { width, height, data };
}

function linesOf(reader: ReadableFormat, format: ShownFormat, planes: readonly number[]) {
  const starts = planes.map((_size, index) => planes.slice(0, index).reduce((sum, size) => sum + size, 0));
  const strides = format.planes.map(({ bytesperline }) => bytesperline);
  const places = reader.layout(format.width, format.height, strides);
  return places.map(({ memoryPlane, offset, bytesperline }, index) => ({
    offset: (starts[memoryPlane] ?? 0) + offset,
    bytesperline,
    bytesPerPair: reader.planes[index]?.bytesPerPair ?? 0,
    vsub: reader.planes[index]?.vsub ?? 1,
  }));
}

type Put = (to: number, c0: number, c1: number, c2: number) => void;

function putter({ encoding }: ReadableFormat, format: ShownFormat, data: Uint8ClampedArray): Put {
  const isFull = isFullRange(format, encoding === "rgb");
  const [scale, offset] = isFull ? [1, 0] : [255 / 219, 16];
  if (encoding === "rgb") {
    return (to, red, green, blue) => {
      data[to] = (red - offset) * scale;
      data[to + 1] = (green - offset) * scale;
      data[to + 2] = (blue - offset) * scale;
      data[to + 3] = 255;
    };
  }
  if (encoding === "luma") {
    return (to, luma) => {
      data[to] = data[to + 1] = data[to + 2] = (luma - offset) * scale;
      data[to + 3] = 255;
    };
  }
  const [kr, kb] = weights(format);
  const chroma = isFull ? 1 : 255 / 224;
  const [red, blue] = [2 * (1 - kr) * chroma, 2 * (1 - kb) * chroma];
  const [greenOfBlue, greenOfRed] = [(blue * kb) / (1 - kr - kb), (red * kr) / (1 - kr - kb)];
  return (to, luma, cb, cr) => {
    const y = (luma - offset) * scale;
    data[to] = y + red * (cr - 128);
    data[to + 1] = y - greenOfBlue * (cb - 128) - greenOfRed * (cr - 128);
    data[to + 2] = y + blue * (cb - 128);
    data[to + 3] = 255;
  };
}
