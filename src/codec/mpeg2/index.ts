/** MPEG-2 video (ITU-T H.262): headers, and the controls that follow from them. */
export {
  frameControls,
  NO_REFERENCE,
  pictureControl,
  quantisationControl,
  sequenceControl,
  updateWeights,
  weightsOf,
} from "./controls.js";
export type { Weights } from "./controls.js";
export { Mpeg2Parser, mpeg2Units, parseUnits } from "./parse.js";
export type { Mpeg2StreamUnit, Mpeg2Unit } from "./parse.js";
export * from "./syntax.js";
