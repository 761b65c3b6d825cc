/** HEVC (Rec. ITU-T H.265): syntax, reference pictures, and the controls that follow. Layer 0 only. */
export { frameControls } from "./controls.js";
export type { HevcControlsOptions, HevcFrameControls } from "./controls.js";
export { codedScalingLists } from "./control-values.js";
export type { DecodedPicture, MissingReference, ReferencePictureSet } from "./dpb.js";
export * from "./nal.js";
export { NalReader, nalTypeOf, ParameterSets, parseUnits, readSliceUnit, writeNalUnit } from "./parse.js";
export type { ActiveSets, NalUnit, ReadSlice } from "./parse.js";
export { DecodeParamFlag, DpbEntryFlag, LtRpsFlag, PpsFlag, SliceFlag, SpsFlag } from "./flags.js";
export {
  ppsOfControl,
  shortTermSetOfPicture,
  shortTermSetsOfControls,
  spsOfControl,
} from "./sets-of-controls.js";
export { NO_REFERENCE } from "./picture-controls.js";
export { codedPictures, SliceFollower } from "./pictures.js";
export type { CodedPicture, CodedSlice, Notice, PictureOptions, SliceUnit } from "./pictures.js";
export type { AccessUnitDelimiter } from "./syntax-aud.js";
export type { Hrd, SubLayerHrd } from "./syntax-hrd.js";
export { checkPps, emptyPps } from "./syntax-pps.js";
export type { Pps, PpsRangeExtension, PpsSccExtension } from "./syntax-pps.js";
export type { ProfileTier, ProfileTierLevel } from "./syntax-profile.js";
export { emptyShortTermRps } from "./syntax-rps.js";
export type { ShortTermRps } from "./syntax-rps.js";
export type { ScalingLists } from "./syntax-scaling.js";
export { SeiType } from "./syntax-sei.js";
export type { PicTiming, Sei, SeiMessage } from "./syntax-sei.js";
export { emptySliceHeader, emptySliceSegmentHeader, sliceSegmentHeader, SliceType } from "./syntax-slice.js";
export type { SliceHeader, SliceSegmentHeader } from "./syntax-slice.js";
export { emptySps } from "./syntax-sps.js";
export type { Sps, SpsRangeExtension, SpsSccExtension } from "./syntax-sps.js";
export { emptyVps } from "./syntax-vps.js";
export type { SubLayerOrdering, Vps } from "./syntax-vps.js";
export type { Vui } from "./syntax-vui.js";
export type { ListWeights, PredWeightTable } from "./syntax-weights.js";
