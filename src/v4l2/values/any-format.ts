/** The format that drivers spread into theirs, so that they name only what they decide. */
import { BufType, Colorspace, Field, Quantization, XferFunc, YcbcrEnc } from "./types.js";
import type { VideoFormat } from "./types.js";

/** A wish for nothing in particular: what a driver makes its first format of. No planes, no size, all else default. */
export const anyFormat: VideoFormat = {
  type: BufType.VideoOutput,
  width: 0,
  height: 0,
  pixelformat: 0,
  field: Field.Any,
  planes: [],
  colorspace: Colorspace.Default,
  ycbcrEnc: YcbcrEnc.Default,
  quantization: Quantization.Default,
  xferFunc: XferFunc.Default,
  flags: 0,
};
