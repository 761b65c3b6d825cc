/** What a file's queues can carry, and what a client's wish becomes. Pure. */
import type { StatelessCodec, StatelessFormats } from "../stateless/index.js";
import { findCodec, fitSize, tryCoded } from "../stateless/index.js";
import type { VideoFormat } from "../v4l2/index.js";
import { BufType, Colorspace, Field, fourcc, Quantization, XferFunc, YcbcrEnc } from "../v4l2/index.js";
import { LayoutNumber } from "./protocol.js";

const NV12 = fourcc("NV12");
const YU12 = fourcc("YU12");
const P010 = fourcc("P010");

/** Bits of a sample. */
export type BitDepth = 8 | 10;

/** CAPTURE formats of pictures with samples of so many bits, the preferred one first. */
export const decodedFormats = (depth: BitDepth): readonly number[] => (depth === 10 ? [P010] : [NV12, YU12]);

/** What `V4L2_FMTDESC_FLAG_ENUM_ALL` lists, whatever is set. */
export const allDecodedFormats: readonly number[] = [NV12, YU12, P010];

const layouts: Readonly<Record<number, number>> = {
  [NV12]: LayoutNumber.NV12,
  [YU12]: LayoutNumber.YU12,
  [P010]: LayoutNumber.P010,
};

/** What the decoder process calls a CAPTURE format. */
export const layoutOf = ({ pixelformat }: VideoFormat): number => layouts[pixelformat] ?? 0;

const even = (size: number): number => 2 * Math.ceil(size / 2);

/**
 * The one plane of a 4:2:0 picture. Lines have an even number of samples, so that those of interleaved chroma are as
 * long as those of luma; chroma of odd heights is rounded up.
 */
export function decodedPlanes(pixelformat: number, width: number, height: number): VideoFormat["planes"] {
  const bytesperline = even(width) * (pixelformat === P010 ? 2 : 1);
  return [{ bytesperline, sizeimage: bytesperline * (height + Math.ceil(height / 2)) }];
}

const plain = {
  field: Field.None,
  colorspace: Colorspace.Rec709,
  ycbcrEnc: YcbcrEnc.Default,
  quantization: Quantization.Default,
  xferFunc: XferFunc.Default,
  flags: 0,
} as const;

/** CAPTURE of a size and colorimetry: the first format of the bit depth. */
export function resetDecoded(coded: VideoFormat, depth: BitDepth): VideoFormat {
  const { width, height, colorspace, ycbcrEnc, quantization, xferFunc } = coded;
  const [pixelformat = NV12] = decodedFormats(depth);
  return {
    ...plain,
    ...{ colorspace, ycbcrEnc, quantization, xferFunc },
    type: BufType.VideoCaptureMplane,
    width,
    height,
    pixelformat,
    planes: decodedPlanes(pixelformat, width, height),
  };
}

/** The formats of a file that was just opened. */
export function defaultFormats(codec: StatelessCodec): StatelessFormats {
  const { minWidth: width, minHeight: height } = codec.sizes;
  const { pixelformat } = codec;
  const type = BufType.VideoOutputMplane;
  const wish: VideoFormat = {
    ...plain,
    type,
    width,
    height,
    pixelformat,
    planes: [{ bytesperline: 0, sizeimage: 0 }],
  };
  const coded = tryCoded(wish, codec);
  return { codec, coded, decoded: resetDecoded(coded, 8) };
}

/** The codec that a client's pixel format means; the first one if it means none. */
export function codecOf(codecs: readonly StatelessCodec[], pixelformat: number): StatelessCodec {
  const codec = findCodec(codecs, pixelformat) ?? codecs[0];
  if (codec === undefined) throw new Error("a decoder without codecs");
  return codec;
}

/** S_FMT of OUTPUT: CAPTURE starts anew in the same size and with the same colorimetry. */
export function setCoded(
  wish: VideoFormat,
  codecs: readonly StatelessCodec[],
  depth: BitDepth,
): StatelessFormats {
  const codec = codecOf(codecs, wish.pixelformat);
  const coded = tryCoded(wish, codec);
  return { codec, coded, decoded: resetDecoded(coded, depth) };
}

/** TRY_FMT of CAPTURE. The size is limited by the coded format; only its colorimetry is the client's. */
export function tryDecoded(wish: VideoFormat, codec: StatelessCodec, depth: BitDepth): VideoFormat {
  const { width, height } = fitSize(wish, codec.sizes);
  const formats = decodedFormats(depth);
  const pixelformat = formats.includes(wish.pixelformat) ? wish.pixelformat : (formats[0] ?? NV12);
  return {
    ...wish,
    type: BufType.VideoCaptureMplane,
    width,
    height,
    pixelformat,
    field: Field.None,
    planes: decodedPlanes(pixelformat, width, height),
  };
}
