/**
 * What the decoder reads and writes: coded formats with their frame sizes, decoded formats, and how a client's wishes
 * become one of them. Pure: a file's formats are a value, and setting one makes a new value.
 */
import type { FrameSize, VideoFormat } from "../v4l2/index.js";
import { BufType, Colorspace, Field, Quantization, XferFunc, YcbcrEnc, fourcc } from "../v4l2/index.js";

export type Codec = "fwht" | "mpeg2" | "vp8" | "vp9" | "h264" | "hevc" | "av1";

type Stepwise = Extract<FrameSize, { readonly kind: "stepwise" | "continuous" }>;

export interface CodedFormat {
  readonly codec: Codec;
  readonly pixelformat: number;
  readonly sizes: Stepwise;
}

/** Any size from `min` to `max`; shown as stepwise with a step of 1, like the original's. */
function coded(
  codec: Codec,
  name: string,
  min: readonly [number, number],
  max: readonly [number, number],
): CodedFormat {
  const [minWidth, minHeight] = min;
  const [maxWidth, maxHeight] = max;
  return {
    codec,
    pixelformat: fourcc(name),
    sizes: { kind: "stepwise", minWidth, maxWidth, stepWidth: 1, minHeight, maxHeight, stepHeight: 1 },
  };
}

const defaultCoded = coded("fwht", "SFWH", [640, 360], [4096, 2160]);

/** In the order in which clients see them; the first one is the default. */
export const codedFormats: readonly CodedFormat[] = [
  defaultCoded,
  coded("mpeg2", "MG2S", [16, 16], [1920, 1152]),
  coded("vp8", "VP8F", [64, 64], [16383, 16383]),
  coded("vp9", "VP9F", [64, 64], [8192, 4352]),
  coded("h264", "S264", [64, 64], [4096, 2304]),
  coded("hevc", "S265", [64, 64], [4096, 2304]),
  coded("av1", "AV1F", [64, 64], [4096, 2304]),
];

const NV12 = fourcc("NV12");
const YUV420 = fourcc("YU12");

/** Every codec decodes to these; the first one is the default. */
export const decodedFormats: readonly number[] = [NV12, YUV420];

/** What `V4L2_FMTDESC_FLAG_ENUM_ALL` lists, whatever is set (newer kernels): one more than can be had. */
export const allDecodedFormats: readonly number[] = [...decodedFormats, fourcc("P010")];

export function findCodedFormat(pixelformat: number): CodedFormat | undefined {
  return codedFormats.find((format) => format.pixelformat === pixelformat);
}

/** The formats of one open file. */
export interface Formats {
  readonly codec: CodedFormat;
  /** OUTPUT queue. */
  readonly coded: VideoFormat;
  /** CAPTURE queue. */
  readonly decoded: VideoFormat;
  /**
   * How frames are drawn: the CAPTURE format as it was when the generator was last set up. That is before S_FMT of
   * OUTPUT hands its colorimetry on, so only S_FMT of CAPTURE brings another colorspace than Rec. 709 into pictures.
   */
  readonly drawn: VideoFormat;
}

/** Least size of a coded buffer that a client leaves to us, bytes. */
const MIN_CODED_BYTES = 256 * 1024;

function clamp(value: number, least: number, greatest: number): number {
  return Math.min(Math.max(value, least), greatest);
}

function fitSize(wish: VideoFormat, sizes: Stepwise): { readonly width: number; readonly height: number } {
  return {
    width: clamp(wish.width, sizes.minWidth, sizes.maxWidth),
    height: clamp(wish.height, sizes.minHeight, sizes.maxHeight),
  };
}

/** The one plane of a 4:2:0 picture with 8 bits per sample; chroma of odd sizes is rounded up. */
export function pictureBytes(width: number, height: number): number {
  return width * height + 2 * Math.ceil(width / 2) * Math.ceil(height / 2);
}

function picture(width: number, height: number): VideoFormat["planes"] {
  return [{ bytesperline: width, sizeimage: pictureBytes(width, height) }];
}

const plain = {
  field: Field.None,
  colorspace: Colorspace.Rec709,
  ycbcrEnc: YcbcrEnc.Default,
  quantization: Quantization.Default,
  xferFunc: XferFunc.Default,
  flags: 0,
} as const;

/** What CAPTURE becomes when OUTPUT is set: the first decoded format in the coded size. */
function resetDecoded({ width, height }: VideoFormat): VideoFormat {
  return {
    ...plain,
    type: BufType.VideoCaptureMplane,
    width,
    height,
    pixelformat: NV12,
    planes: picture(width, height),
  };
}

/** The formats of a file that was just opened. */
export function defaultFormats(): Formats {
  const { minWidth: width, minHeight: height } = defaultCoded.sizes;
  const coded: VideoFormat = {
    ...plain,
    type: BufType.VideoOutputMplane,
    width,
    height,
    pixelformat: defaultCoded.pixelformat,
    // Larger than what TRY_FMT would give; clients that get and set again keep it.
    planes: [{ bytesperline: 0, sizeimage: width * height * 8 }],
  };
  const decoded = resetDecoded(coded);
  return { codec: defaultCoded, coded, decoded, drawn: decoded };
}

/**
 * TRY_FMT of OUTPUT. Colorimetry, flags and line length are the client's, and so is the buffer size unless it is 0.
 * An unknown pixel format becomes the default one.
 */
export function tryCoded({ unnamedPlane, ...wish }: VideoFormat): VideoFormat {
  const codec = findCodedFormat(wish.pixelformat) ?? defaultCoded;
  const { width, height } = fitSize(wish, codec.sizes);
  const asked = wish.planes[0] ?? unnamedPlane ?? { bytesperline: 0, sizeimage: 0 };
  const sizeimage = asked.sizeimage === 0 ? Math.max(MIN_CODED_BYTES, width * height * 3) : asked.sizeimage;
  return {
    ...wish,
    type: BufType.VideoOutputMplane,
    width,
    height,
    pixelformat: codec.pixelformat,
    field: Field.None,
    planes: [{ bytesperline: asked.bytesperline, sizeimage }],
  };
}

/** TRY_FMT of CAPTURE. The size is limited by the coded format; only its colorimetry is the client's. */
export function tryDecoded(wish: VideoFormat, codec: CodedFormat): VideoFormat {
  const { width, height } = fitSize(wish, codec.sizes);
  return {
    ...wish,
    type: BufType.VideoCaptureMplane,
    width,
    height,
    pixelformat: decodedFormats.includes(wish.pixelformat) ? wish.pixelformat : NV12,
    field: Field.None,
    planes: picture(width, height),
  };
}

/** S_FMT of OUTPUT: CAPTURE starts anew in the same size and with the same colorimetry. */
export function setCoded(wish: VideoFormat): Formats {
  const coded = tryCoded(wish);
  const codec = findCodedFormat(coded.pixelformat) ?? defaultCoded;
  const drawn = resetDecoded(coded);
  const { colorspace, ycbcrEnc, quantization, xferFunc } = coded;
  return { codec, coded, decoded: { ...drawn, colorspace, ycbcrEnc, quantization, xferFunc }, drawn };
}

/** S_FMT of CAPTURE. */
export function setDecoded(formats: Formats, wish: VideoFormat): Formats {
  const decoded = tryDecoded(wish, formats.codec);
  return { ...formats, decoded, drawn: decoded };
}
