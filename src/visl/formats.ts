/**
 * What visl makes of a client's wishes: the formats of both queues, and how frames are drawn. Pure: a file's formats are
 * a value, and setting one makes a new value.
 */
import type { StatelessCodec, StatelessFormats } from "../stateless/index.js";
import { findCodec, fitSize, statelessCodecs, tryCoded as tryCodedOf } from "../stateless/index.js";
import type { VideoFormat } from "../v4l2/index.js";
import { BufType, Colorspace, Field, Quantization, XferFunc, YcbcrEnc, fourcc } from "../v4l2/index.js";

const NV12 = fourcc("NV12");
const YUV420 = fourcc("YU12");

/** Every codec decodes to these; the first one is the default. */
export const decodedFormats: readonly number[] = [NV12, YUV420];

/** What `V4L2_FMTDESC_FLAG_ENUM_ALL` lists, whatever is set (newer kernels): one more than can be had. */
export const allDecodedFormats: readonly number[] = [...decodedFormats, fourcc("P010")];

const SFWH = fourcc("SFWH");

/** The codec that a client's pixel format means; FWHT if it means none. */
function codecOf(pixelformat: number): StatelessCodec {
  const codec = findCodec(statelessCodecs, pixelformat) ?? findCodec(statelessCodecs, SFWH);
  if (codec === undefined) throw new Error("there is no default codec");
  return codec;
}

/** The formats of one open file. */
export interface Formats extends StatelessFormats {
  /**
   * How frames are drawn: the CAPTURE format as it was when the generator was last set up. That is before S_FMT of
   * OUTPUT hands its colorimetry on, so only S_FMT of CAPTURE brings another colorspace than Rec. 709 into pictures.
   */
  readonly drawn: VideoFormat;
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
  const codec = codecOf(SFWH);
  const { minWidth: width, minHeight: height } = codec.sizes;
  const coded: VideoFormat = {
    ...plain,
    type: BufType.VideoOutputMplane,
    width,
    height,
    pixelformat: codec.pixelformat,
    // Larger than what TRY_FMT would give; clients that get and set again keep it.
    planes: [{ bytesperline: 0, sizeimage: width * height * 8 }],
  };
  const decoded = resetDecoded(coded);
  return { codec, coded, decoded, drawn: decoded };
}

/** TRY_FMT of OUTPUT. An unknown pixel format becomes the default one. */
export function tryCoded(wish: VideoFormat): VideoFormat {
  return tryCodedOf(wish, codecOf(wish.pixelformat));
}

/** TRY_FMT of CAPTURE. The size is limited by the coded format; only its colorimetry is the client's. */
export function tryDecoded(wish: VideoFormat, codec: StatelessCodec): VideoFormat {
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
  const drawn = resetDecoded(coded);
  const { colorspace, ycbcrEnc, quantization, xferFunc } = coded;
  const decoded = { ...drawn, colorspace, ycbcrEnc, quantization, xferFunc };
  return { codec: codecOf(coded.pixelformat), coded, decoded, drawn };
}

/** S_FMT of CAPTURE. */
export function setDecoded(formats: Formats, wish: VideoFormat): Formats {
  const decoded = tryDecoded(wish, formats.codec);
  return { ...formats, decoded, drawn: decoded };
}
