/** What coded frames come in: Annex B byte streams, IVF files, length-prefixed samples. */
export { joinNalUnits, startCodeUnits } from "./annex-b.js";
export type { StartCodeUnit } from "./annex-b.js";
export type { DecoderConfiguration } from "./length-prefixed.js";
export { isIvf, ivfFrames, readIvfHeader, writeIvf } from "./ivf.js";
export type { IvfFrame, IvfHeader } from "./ivf.js";
export { joinLengthPrefixed, lengthPrefixedUnits, readAvcC, readHvcC } from "./length-prefixed.js";
