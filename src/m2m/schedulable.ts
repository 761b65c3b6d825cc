/** What the scheduler and its jobs need of an open file's context; the leaf that both stand on. */
import type { VideoBuffer } from "../vb2/index.js";

/** How a job ended: what its buffers tell their client. */
export type JobState = "done" | "error";

/** An open file whose jobs can be scheduled: `M2mContext`. */
export interface Schedulable {
  readonly file: { readonly id: bigint };
  /** The driver's own of this file. */
  readonly state: unknown;
  /** The job of this file that runs. */
  readonly job: object | undefined;
  /** Jobs of this file that run besides it, the oldest first: they let the next one start. */
  readonly overlappingJobs: readonly object[];
  /** The OUTPUT buffer of the next job. */
  readonly nextSource: VideoBuffer | undefined;
  /** The CAPTURE buffer of the next job. */
  readonly nextDestination: VideoBuffer | undefined;
  /** Is one buffer of each queue there? Decides whether the next job starts a new frame. */
  takeFrameStart(): boolean;
  /** Before `deviceRun`: what every job needs. @throws {V4l2Error} what the controls of the request throw. */
  prepareJob(): void;
  /** Lets the next job start before the running one ends. */
  overlapJob(): void;
  /** Ends a job that let the next one start, once those before it have ended. */
  endOverlapping(job: object, state: JobState): void;
  /** Ends the running job and gives its buffers back. */
  bufDoneAndJobFinish(state: JobState): void;
}
