/** Flags of the H.264 controls, from linux/v4l2-controls.h; a test compares them with the generated bindings. */

/** `V4L2_H264_SPS_FLAG_*`. */
export const SpsFlag = {
  SeparateColourPlane: 0x01,
  QpprimeYZeroTransformBypass: 0x02,
  DeltaPicOrderAlwaysZero: 0x04,
  GapsInFrameNumValueAllowed: 0x08,
  FrameMbsOnly: 0x10,
  MbAdaptiveFrameField: 0x20,
  Direct8x8Inference: 0x40,
} as const;

/** `V4L2_H264_PPS_FLAG_*`. */
export const PpsFlag = {
  EntropyCodingMode: 0x01,
  BottomFieldPicOrderInFramePresent: 0x02,
  WeightedPred: 0x04,
  DeblockingFilterControlPresent: 0x08,
  ConstrainedIntraPred: 0x10,
  RedundantPicCntPresent: 0x20,
  Transform8x8Mode: 0x40,
  ScalingMatrixPresent: 0x80,
} as const;

/** `V4L2_H264_SLICE_FLAG_*`. */
export const SliceFlag = { DirectSpatialMvPred: 0x01, SpForSwitch: 0x02 } as const;

/** `V4L2_H264_DPB_ENTRY_FLAG_*`. */
export const DpbEntryFlag = { Valid: 0x01, Active: 0x02, LongTerm: 0x04, Field: 0x08 } as const;

/** `V4L2_H264_DECODE_PARAM_FLAG_*`. */
export const DecodeParamFlag = {
  IdrPic: 0x01,
  FieldPic: 0x02,
  BottomField: 0x04,
  PFrame: 0x08,
  BFrame: 0x10,
} as const;
