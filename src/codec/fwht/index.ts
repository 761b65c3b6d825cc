/** FWHT, the codec of the kernel's vicodec test driver: its frame header, and the control that follows from it. */
export { frameControls, fwhtControl, fwhtFrames, parseUnits } from "./controls.js";
export type { FwhtFrame } from "./controls.js";
export * from "./syntax.js";
