/**
 * The V4L2 numbers that decide how a picture is laid out and coloured, by their videodev2.h values.
 * The generator stands below the V4L2 layer, so it names them itself; both sides meet in the plain numbers.
 */

/** `enum v4l2_field`. */
export const Field = {
  Any: 0,
  None: 1,
  Top: 2,
  Bottom: 3,
  Interlaced: 4,
  SeqTb: 5,
  SeqBt: 6,
  Alternate: 7,
  InterlacedTb: 8,
  InterlacedBt: 9,
} as const;

/** `enum v4l2_colorspace`. */
export const Colorspace = {
  Default: 0,
  Smpte170m: 1,
  Smpte240m: 2,
  Rec709: 3,
  Bt878: 4,
  SystemM470: 5,
  SystemBg470: 6,
  Jpeg: 7,
  Srgb: 8,
  Oprgb: 9,
  Bt2020: 10,
  Raw: 11,
  DciP3: 12,
} as const;

/** `enum v4l2_xfer_func`. */
export const XferFunc = {
  Default: 0,
  Rec709: 1,
  Srgb: 2,
  Oprgb: 3,
  Smpte240m: 4,
  None: 5,
  DciP3: 6,
  Smpte2084: 7,
} as const;

/** `enum v4l2_ycbcr_encoding`. */
export const YcbcrEncoding = {
  Default: 0,
  Bt601: 1,
  Rec709: 2,
  Xv601: 3,
  Xv709: 4,
  Sycc: 5,
  Bt2020: 6,
  Bt2020ConstLum: 7,
  Smpte240m: 8,
} as const;

/** `enum v4l2_quantization`. */
export const Quantization = { Default: 0, FullRange: 1, LimRange: 2 } as const;

/** The transfer function that `V4L2_XFER_FUNC_DEFAULT` means for a colorspace (videodev2.h). */
export function defaultXferFunc(colorspace: number): number {
  switch (colorspace) {
    case Colorspace.Oprgb:
      return XferFunc.Oprgb;
    case Colorspace.Smpte240m:
      return XferFunc.Smpte240m;
    case Colorspace.DciP3:
      return XferFunc.DciP3;
    case Colorspace.Raw:
      return XferFunc.None;
    case Colorspace.Srgb:
    case Colorspace.Jpeg:
      return XferFunc.Srgb;
    default:
      return XferFunc.Rec709;
  }
}

/** The Y'CbCr encoding that `V4L2_YCBCR_ENC_DEFAULT` means for a colorspace (videodev2.h). */
export function defaultYcbcrEncoding(colorspace: number): number {
  switch (colorspace) {
    case Colorspace.Rec709:
    case Colorspace.DciP3:
      return YcbcrEncoding.Rec709;
    case Colorspace.Bt2020:
      return YcbcrEncoding.Bt2020;
    case Colorspace.Smpte240m:
      return YcbcrEncoding.Smpte240m;
    default:
      return YcbcrEncoding.Bt601;
  }
}

/** The quantization that `V4L2_QUANTIZATION_DEFAULT` means: full for R'G'B', limited for Y'CbCr but JPEG's. */
export function defaultQuantization(isYcbcr: boolean, colorspace: number): number {
  return !isYcbcr || colorspace === Colorspace.Jpeg ? Quantization.FullRange : Quantization.LimRange;
}

/** Does a frame of this field order hold one field only, so half of the source's lines? */
export function hasOneField(field: number): boolean {
  return field === Field.Top || field === Field.Bottom || field === Field.Alternate;
}

/** Are the two fields of a frame stored one after the other? */
export function isSequential(field: number): boolean {
  return field === Field.SeqTb || field === Field.SeqBt;
}
