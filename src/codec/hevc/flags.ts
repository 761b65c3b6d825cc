/** Flags of the HEVC controls, from linux/v4l2-controls.h; a test compares them with the generated bindings. */

/** `V4L2_HEVC_SPS_FLAG_*`. */
export const SpsFlag = {
  SeparateColourPlane: 0x1n,
  ScalingListEnabled: 0x2n,
  AmpEnabled: 0x4n,
  SampleAdaptiveOffset: 0x8n,
  PcmEnabled: 0x10n,
  PcmLoopFilterDisabled: 0x20n,
  LongTermRefPicsPresent: 0x40n,
  SpsTemporalMvpEnabled: 0x80n,
  StrongIntraSmoothingEnabled: 0x100n,
} as const;

/** `V4L2_HEVC_PPS_FLAG_*`. */
export const PpsFlag = {
  DependentSliceSegmentEnabled: 0x1n,
  OutputFlagPresent: 0x2n,
  SignDataHidingEnabled: 0x4n,
  CabacInitPresent: 0x8n,
  ConstrainedIntraPred: 0x10n,
  TransformSkipEnabled: 0x20n,
  CuQpDeltaEnabled: 0x40n,
  PpsSliceChromaQpOffsetsPresent: 0x80n,
  WeightedPred: 0x100n,
  WeightedBipred: 0x200n,
  TransquantBypassEnabled: 0x400n,
  TilesEnabled: 0x800n,
  EntropyCodingSyncEnabled: 0x1000n,
  LoopFilterAcrossTilesEnabled: 0x2000n,
  PpsLoopFilterAcrossSlicesEnabled: 0x4000n,
  DeblockingFilterOverrideEnabled: 0x8000n,
  PpsDisableDeblockingFilter: 0x10000n,
  ListsModificationPresent: 0x20000n,
  SliceSegmentHeaderExtensionPresent: 0x40000n,
  DeblockingFilterControlPresent: 0x80000n,
  UniformSpacing: 0x100000n,
} as const;

/** `V4L2_HEVC_SLICE_PARAMS_FLAG_*`. */
export const SliceFlag = {
  SliceSaoLuma: 0x1n,
  SliceSaoChroma: 0x2n,
  SliceTemporalMvpEnabled: 0x4n,
  MvdL1Zero: 0x8n,
  CabacInit: 0x10n,
  CollocatedFromL0: 0x20n,
  UseIntegerMv: 0x40n,
  SliceDeblockingFilterDisabled: 0x80n,
  SliceLoopFilterAcrossSlicesEnabled: 0x100n,
  DependentSliceSegment: 0x200n,
} as const;

/** `V4L2_HEVC_DECODE_PARAM_FLAG_*`. */
export const DecodeParamFlag = {
  IrapPic: 0x1n,
  IdrPic: 0x2n,
  NoOutputOfPrior: 0x4n,
} as const;

/** `V4L2_HEVC_DPB_ENTRY_*`. */
export const DpbEntryFlag = {
  LongTermReference: 0x1,
} as const;

/** `V4L2_HEVC_EXT_SPS_ST_RPS_FLAG_*`. */
export const StRpsFlag = {
  InterRefPicSetPred: 0x1,
} as const;

/** `V4L2_HEVC_EXT_SPS_LT_RPS_FLAG_*`. */
export const LtRpsFlag = {
  UsedLt: 0x1,
} as const;
