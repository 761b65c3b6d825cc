/**
 * visl: a virtual stateless decoder, with the behaviour of the kernel's test driver of that name. Clients of the
 * stateless codec API decode on it without hardware; what they submit can be traced and dumped, and the frames show
 * what the driver understood.
 *
 * What this layer guarantees to those above: the device does not depend on anyone looking (traces, dumps, debug
 * lines), and its frames follow from what clients submit alone, unless `tpgVerbose` is set.
 */
export { BitstreamStore } from "./bitstreams.js";
export type { BitstreamDump } from "./bitstreams.js";
export { vislTree } from "./debugfs/contents.js";
export { DebugMount, MOUNT_ROOT } from "./debugfs/mount.js";
export type { VislContext } from "./decoder.js";
export { VislDevice } from "./device.js";
export type { VislGeneration, VislOptions } from "./device.js";
export { codedFormats, decodedFormats } from "./formats.js";
export type { Codec } from "./formats.js";
export { defaultParameters, parameterDefinitions, Parameters, parseParameter } from "./parameters.js";
export type { ParameterDefinition, ParameterKey, ParameterValues } from "./parameters.js";
export { traceEvents } from "./trace/job.js";
export { ftraceLine, matchEvents, traceJsonLine, Tracepoints } from "./trace/tracepoints.js";
export type { TraceHit, TraceHitListener } from "./trace/tracepoints.js";
