/** VP9: frame headers and superframes, and the controls that follow from them. */
export {
  compressedControl,
  controlsOf,
  distanceOf,
  flagsOf,
  frameControl,
  frameControls,
  interpolationFilterOf,
  isCompressedControl,
  mvProbabilityOf,
  resetFrameContextOf,
} from "./controls.js";
export { chunkFrames, parseFrame, parseUnits } from "./parse.js";
export type { ChunkFrame, Vp9Frame } from "./parse.js";
export { Vp9State } from "./state.js";
export type { Slot } from "./state.js";
export * from "./syntax-compressed.js";
export * from "./syntax.js";
