/** What coded frames come in: Annex B byte streams, IVF files, length-prefixed samples. */
export { joinNalUnits, startCodeUnits } from "./annex-b.js";
export type { StartCodeUnit } from "./annex-b.js";
export { isIvf, ivfFrames, readIvfHeader, writeIvf } from "./ivf.js";
export type { IvfFrame, IvfHeader } from "./ivf.js";
export { joinLengthPrefixed, lengthPrefixedUnits } from "./length-prefixed.js";
