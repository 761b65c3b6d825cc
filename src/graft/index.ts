/**
 * Files put into other processes' descriptor tables, without their help: what makes mmap work on a CUSE node, and
 * delivers the descriptors of EXPBUF and REQUEST_ALLOC. docs/graft.md describes how, and what it touches.
 *
 * What the layer above may rely on:
 * - A {@link Grafter} never blocks: all waiting and tracing happens in the process `v4l2-cuse-tracer`.
 * - Every graft ends with one outcome. The client's thread has been let go by then, as it was before but for the file;
 *   a client that is stuck (`stuck`, `no-answer`) is let go as soon as it moves.
 * - `answer()` comes before `placed()`, `placed()` before the client runs, and that before the outcome. After an
 *   outcome neither is called.
 * - Whatever happens to the client, the driver, or the tracer, no thread is left stopped or traced, and no descriptor
 *   is left behind. One exception: a tracer that is itself killed with SIGKILL in the time (0.4 ms and more) in which it has
 *   a client's registers cannot put them back.
 * - It knows neither V4L2 nor FUSE.
 */
export {
  Grafter,
  type GraftAbilities,
  type GraftLimits,
  type GraftRequest,
  type InstallRequest,
} from "./grafter.js";
export type { Gone, Grafted, GraftOutcome, RefusalReason, Refused } from "./outcome.js";
export { pendingCall, pendingIoctl, type PendingCall } from "./pending-call.js";
export { TracerError } from "./tracer-process.js";
