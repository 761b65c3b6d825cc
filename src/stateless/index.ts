/**
 * Stateless decoders: a client sends a piece of bitstream together with what its headers say, as controls in a media
 * request, and gets a picture. All that such a driver needs besides making pictures is here: the codecs, their
 * controls, the check of requests, tracepoints, dumps, and a tree of files for whoever debugs a client.
 *
 * What this layer guarantees to a driver: its `decode` gets one bitstream buffer, one CAPTURE buffer and the controls
 * that belong to them; a request that lacks what its codec requires was refused before; what a real decoder could not
 * decode is named. To clients: each learns of its frames in their order, and no observer changes what they get.
 */
export { BitstreamStore } from "./bitstreams.js";
export type { BitstreamDump } from "./bitstreams.js";
export { checkJobs } from "./check/jobs.js";
export type { CheckCounters, JobCheck } from "./check/jobs.js";
export type { CodedFrame, Reference, StatelessCodec, Stepwise } from "./codec.js";
export { ValueReader } from "./codec.js";
export { statelessCodecs } from "./codecs/index.js";
export { StatelessControls } from "./controls.js";
export type { UnsupportedValues } from "./controls.js";
export { statelessTree } from "./debugfs/contents.js";
export { DebugMount, MOUNT_ROOT } from "./debugfs/mount.js";
export { StatelessDevice } from "./device.js";
export type { JobListener, StatelessDeviceOptions } from "./device.js";
export type { JobCounters, StatelessFile } from "./file.js";
export { findCodec, fitSize, formatLines, tryCoded } from "./formats.js";
export type { StatelessFormats } from "./formats.js";
export { StatelessJob } from "./job.js";
export {
  defaultDumpParameters,
  defineParameter,
  dumpParameterDefinitions,
  isFrameSelected,
  Parameters,
  parseParameter,
} from "./parameters.js";
export type { DumpParameters, ParameterDefinition, ParameterSet } from "./parameters.js";
export { ftraceLine, matchEvents, traceEvents, traceJsonLine, Tracepoints } from "./trace/tracepoints.js";
export type { TraceHit, TraceHitListener } from "./trace/tracepoints.js";
