/** AV1: OBUs, sequence and frame headers, tile groups, and the stateless controls that follow from them. */
export {
  filmGrainControl,
  flagsOf,
  frameControl,
  frameControls,
  invalidWarps,
  restorationTypeOf,
  sequenceControl,
} from "./controls.js";
export type { Av1ControlsOptions } from "./controls.js";
export {
  emptyFilmGrain,
  emptyFrameHeader,
  FrameType,
  noFilmGrain,
  NUM_REF_FRAMES,
  SEG_LVL_MAX,
  WarpModel,
} from "./frame-header.js";
export type { FilmGrain, FrameHeader } from "./frame-header.js";
export { emptyObuHeader, guessObuFormat, obuHeader, obuName, obusOf, ObuType, trailingBits } from "./obu.js";
export type { Obu, ObuFormat, ObuHeader } from "./obu.js";
export { Av1Parser, parseUnits, streamObus } from "./parse.js";
export type { Av1Frame, ParsedObu } from "./parse.js";
export { emptyReferenceSlots, showExisting, updateReferences } from "./references.js";
export type { ReferenceSlots } from "./references.js";
export { remapLrType } from "./syntax-filters.js";
export { uncompressedHeader } from "./syntax-frame.js";
export type { FrameContext } from "./syntax-frame.js";
export { emptyOperatingPoint, emptySequenceHeader, sequenceHeader } from "./syntax-sequence.js";
export { DeltaQ } from "./syntax-quantization.js";
export type { OperatingPoint, SequenceHeader } from "./syntax-sequence.js";
export { tileGroupHeader } from "./syntax-tiles.js";
export type { Tile, TileGroupHeader } from "./syntax-tiles.js";
