/**
 * mem2mem devices: a client feeds OUTPUT buffers and gets CAPTURE buffers made of them.
 *
 * What this layer guarantees to a driver: one job at a time over all open files; a job has one buffer of each queue,
 * and nobody else touches them until the driver finishes it; STREAMOFF and close end a job before buffers go back.
 * To clients: every open file is a context of its own, and each gets its turn.
 */
export { CAPTURE_OFFSET_BASE, M2mContext, copyMetadata } from "./context.js";
export type { M2mContextOptions, M2mQueueConfig, M2mQueueOps } from "./context.js";
export { drainOps, m2mBufferOps, m2mFileOps, statelessDecoderOps } from "./ops.js";
export { M2mScheduler } from "./scheduler.js";
export type { JobOps } from "./scheduler.js";
