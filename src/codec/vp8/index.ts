/** VP8 (RFC 6386): frame headers, and the control that follows from them. */
export { controlsOf, flagsOf, frameControl, frameControls, frameFields, modeProbs } from "./controls.js";
export { parseFrame, parseUnits } from "./parse.js";
export type { Vp8Frame } from "./parse.js";
export { Vp8State } from "./state.js";
export type { Entropy, References } from "./state.js";
export * from "./syntax.js";
