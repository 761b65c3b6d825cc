/** What V4L2's colorimetry is to the process: a matrix and a range (videodev2.h's V4L2_MAP_*_DEFAULT macros). */
import { Colorspace, Quantization, YcbcrEnc } from "../v4l2/index.js";
import type { ConvertibleFormat } from "./formats.js";
import type { Picture } from "./picture.js";
import { MatrixNumber } from "./protocol.js";

const byColorspace: ReadonlyMap<number, number> = new Map<number, number>([
  [Colorspace.Rec709, MatrixNumber.bt709],
  [Colorspace.DciP3, MatrixNumber.bt709],
  [Colorspace.Bt2020, MatrixNumber.bt2020],
  [Colorspace.Smpte240m, MatrixNumber.smpte240m],
]);

const byEncoding: ReadonlyMap<number, number> = new Map<number, number>([
  [YcbcrEnc.Enc601, MatrixNumber.bt601],
  [YcbcrEnc.Enc709, MatrixNumber.bt709],
  [YcbcrEnc.Xv601, MatrixNumber.bt601],
  [YcbcrEnc.Xv709, MatrixNumber.bt709],
  [YcbcrEnc.Sycc, MatrixNumber.bt601],
  [YcbcrEnc.Bt2020, MatrixNumber.bt2020],
  [YcbcrEnc.Bt2020ConstLum, MatrixNumber.bt2020],
  [YcbcrEnc.Smpte240m, MatrixNumber.smpte240m],
]);

/** The matrix and the range of a picture. Compressed ones bring their own: JPEG's is BT.601 and full. */
export function coloursOf(
  { encoding }: ConvertibleFormat,
  { colorspace, ycbcrEnc, quantization }: Picture,
): { readonly matrix: number; readonly isFull: boolean } {
  const matrix = byEncoding.get(ycbcrEnc) ?? byColorspace.get(colorspace) ?? MatrixNumber.bt601;
  const isFullByDefault = encoding === "rgb" || colorspace === Number(Colorspace.Jpeg);
  const isFull =
    quantization === Number(Quantization.Default)
      ? isFullByDefault
      : quantization === Number(Quantization.FullRange);
  return { matrix, isFull };
}
