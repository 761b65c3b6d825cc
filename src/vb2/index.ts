/**
 * Buffer queues (videobuf2).
 *
 * What the layer guarantees to drivers: a buffer is in exactly one place, and a driver owns it between its
 * `bufQueue` and its `bufferDone`; ops come in pairs whatever clients do; no client's mistake reaches a driver,
 * and no driver's mistake in giving back buffers reaches a client. What it guarantees to clients is vb2's
 * behaviour, errno for errno. Memory is bounded per provider and per process.
 *
 * A driver makes a {@link VideoQueue} per queue, spreads {@link bufferOps} and {@link fileOps} into its
 * device, and calls `queue.releaseFile(file)` when a file is closed.
 */
export { Plane, QueueBuffer } from "./buffer.js";
export type { BufferInit, MemoryModel } from "./buffer.js";
export type { BufferUser, DequeueUser, DoneState, EnqueueUser } from "./buffer-user.js";
export { BufferQueue } from "./core.js";
export type { DrawnFrame, FrameTiming } from "./frame-event.js";
export { OpCounters } from "./counters.js";
export {
  DEFAULT_HANDLE_BYTES,
  DEFAULT_PLANE_BYTES,
  MemoryBudget,
  pageAlign,
  processBudget,
} from "./memory.js";
export type { ImportedMemory, ImportRequest, MemoryProvider, MemoryUsers, PlaneMemory } from "./memory.js";
export type { IoMode, QueueConfig, QueueOps, SetupPlan, SetupRequest } from "./queue-config.js";
export { SharedMemoryProvider } from "./shared-memory.js";
export type { SharedMemoryOptions } from "./shared-memory.js";
export { sizedByFormat } from "./sized-by-format.js";
export type { SizedByFormat } from "./sized-by-format.js";
export { bufferEdges, bufferOwner } from "./state.js";
export type { BufferOwner, BufferState } from "./state.js";
export {
  bufferOps,
  capabilities,
  createBufs,
  dqbuf,
  expbuf,
  fileOps,
  findPlane,
  makeBacking,
  mmap,
  poll,
  prepareBuf,
  qbuf,
  querybuf,
  reqbufs,
} from "./v4l2.js";
export type { QueueFile, SelectQueue } from "./v4l2.js";
export { VideoBuffer } from "./video-buffer.js";
export { VideoQueue } from "./video-queue.js";
export type { DoneDetails, QueueDevice, VideoQueueConfig } from "./video-queue.js";
