/**
 * V4L2 as a driver author wants it: a device is declared with {@link VideoDevice}, its abilities are ops with the
 * names of ioctls, and everything that the kernel's core does for all drivers is done here.
 *
 * What the layers above may rely on: an op sees checked, narrowed, plain values and never a client's bytes or
 * pointers; a refusal is a {@link V4l2Error} and becomes the client's errno; anything else that is thrown is a bug,
 * is logged, and does not hurt other clients; an ioctl without an op is ENOTTY.
 */
export { anyFormat } from "./values/any-format.js";
export { ArgWriter } from "./ioctl/arg-writer.js";
export { controlPayloads, PayloadLog, type ControlPayload } from "./ioctl/call-record.js";
export { describeDialog, type Description } from "./ioctl/dialog.js";
export * from "./call.js";
export * from "./controls/index.js";
export { DEFAULT_VERSION, type Device, type DeviceIdentity, type IoctlName } from "./device.js";
export { ioctlName, ioctlNames, IoctlTable, type IoctlRow } from "./ioctl/ioctl-table.js";
export { Ioctls32, ioctls32, type Ioctl32, type Processor32 } from "./ioctl/programs-32.js";
export { askedMembers, describeVideoIoctl } from "./ioctl/traced-ioctl.js";
export { IntView, NoArgView } from "./ioctl/scalar-views.js";
export { DeviceTraits } from "./device-traits.js";
export type { DeviceDirection, DeviceType, SubdevTraits } from "./device-traits.js";
export { DriverBugs, placeOf } from "./driver-bugs.js";
export type { BugReporter, DriverBug } from "./driver-bugs.js";
export { DEFAULT_PATIENCE_MS, DriverTasks, watchPromise } from "./driver-tasks.js";
export type { DriverTask, TaskCallback, TaskOwner } from "./driver-tasks.js";
export * from "./error.js";
export * from "./events.js";
export * from "./file-handle.js";
export * from "./trace/log.js";
export { workerEvents } from "./trace/worker-events.js";
export { bufTypeName, bufTypes, escapeText, fourccText } from "./values/names.js";
export * from "./ops.js";
export type { SubdevOps } from "./ops-subdev.js";
export type { VideoOps } from "./ops-video.js";
export * from "./media-request.js";
export { singleInput } from "./single-input.js";
export { Std } from "./values/standards.js";
export * from "./trace/trace.js";
export { emitIoctl, fileEvent, traced } from "./trace/traced.js";
export * from "./values/types.js";
export * from "./values/types-device.js";
export * from "./values/types-subdev.js";
export * from "./video-device.js";
export type { WatchedBuffer, WatchedPlane, WatchedQueue } from "./watched-queue.js";
