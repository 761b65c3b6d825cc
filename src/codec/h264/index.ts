/** H.264 (Rec. ITU-T H.264, 2021): syntax, decoded picture buffer, and the controls that follow. */
export { frameControls, NO_REFERENCE } from "./controls.js";
export type { H264ControlsOptions } from "./controls.js";
export { Structure } from "./dpb.js";
export { DecodeParamFlag, PpsFlag, SliceFlag, SpsFlag } from "./flags.js";
export type { FrameStore, Reference } from "./dpb.js";
export { isSlice, ParameterSets, parseUnits, readNalUnit } from "./parse.js";
export type { NalUnit } from "./parse.js";
export { codedFrames } from "./pictures.js";
export type { CodedFrame, CodedPicture, CodedSlice } from "./pictures.js";
export { codedScalingLists } from "./scaling.js";
export * from "./syntax-nal.js";
export { emptyPps, picParameterSet } from "./syntax-pps.js";
export type { Pps } from "./syntax-pps.js";
export * from "./syntax-slice.js";
export * from "./syntax-sps.js";
export { writeNalUnit } from "./write-nal.js";
