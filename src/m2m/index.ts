/**
 * mem2mem devices: a client feeds OUTPUT buffers and gets CAPTURE buffers made of them.
 *
 * What this layer guarantees to a driver: one job at a time over all open files, unless it asks for more, and never
 * two of one file; a job has one buffer of each queue, and nobody else touches them until the driver finishes it;
 * STREAMOFF and close end a job before buffers go back.
 * To clients: every open file is a context of its own, and each gets its turn.
 */
export { statefulDecoderOps, statefulEncoderOps, statelessDecoderOps } from "./codec-commands.js";
export { CAPTURE_OFFSET_BASE, M2mContext } from "./context.js";
export type { M2mContextOptions, M2mJob, M2mQueueConfig, M2mQueueOps } from "./context.js";
export { M2mDevice } from "./device.js";
export type { M2mDeviceOptions, M2mRequestHooks, M2mSide } from "./device.js";
export { m2mFormatOps } from "./formats.js";
export type { M2mFormats } from "./formats.js";
export { Job } from "./job.js";
export { copyMetadata } from "./metadata.js";
export { m2mBufferOps, m2mFileOps, queueM2mRequest } from "./ops.js";
export type { M2mFile } from "./ops.js";
export type { JobState, Schedulable } from "./schedulable.js";
export { M2mScheduler } from "./scheduler.js";
export type { JobOps } from "./scheduler.js";
/** What `M2mDevice.start` takes and gives. */
export type { DeviceSession, StartOptions } from "../serve/index.js";
