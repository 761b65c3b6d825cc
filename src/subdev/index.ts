/**
 * Sub-devices: the parts of a device that have nodes of their own, `/dev/v4l-subdevN`, and are configured pad by pad.
 *
 * What this layer promises to a driver: each open file tries in a state of its own; `which`, pads and streams exist
 * before an op is called; nothing changes while the sub-device streams.
 */
export { startPipeline, type Pipeline, type PipelineOptions } from "./pipeline.js";
export { SubDevice, type PadOps, type SubDeviceOptions } from "./sub-device.js";
export { SubdevState, type PadState } from "./state.js";
