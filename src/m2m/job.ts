/** One job of the hardware: the next buffer of each queue of one open file, until it is finished or aborted. */
import type { MediaRequest } from "../v4l2/index.js";
import { DriverTasks } from "../v4l2/index.js";
import type { QueueDevice, VideoBuffer } from "../vb2/index.js";
import type { JobState, Schedulable } from "./schedulable.js";

/** A job that runs: the file's state, one buffer of each queue, and the way to end it. */
export class Job<Context extends Schedulable = Schedulable> {
  readonly context: Context;
  /** Counts the jobs of the device, from 1. */
  readonly number: number;
  readonly #source: VideoBuffer | undefined;
  readonly #destination: VideoBuffer | undefined;
  /** What the OUTPUT buffer was queued with; its controls are in effect during the job. */
  readonly request: MediaRequest | undefined;

  readonly #device: QueueDevice;
  readonly #failed: (error: unknown) => void;
  #tasks: DriverTasks | undefined;
  #isOver = false;

  /** Made by the scheduler. @param failed - A task of the job threw. */
  constructor(context: Context, number: number, device: QueueDevice, failed: (error: unknown) => void) {
    this.context = context;
    this.number = number;
    this.#device = device;
    this.#failed = failed;
    this.#source = context.nextSource;
    this.#destination = context.nextDestination;
    this.request = this.#source?.request;
  }

  /** The driver's own of this file. */
  get state(): Context["state"] {
    return this.context.state;
  }

  /** What it was started with, for events. */
  get buffers(): { readonly source: VideoBuffer | undefined; readonly destination: VideoBuffer | undefined } {
    return { source: this.#source, destination: this.#destination };
  }

  /** The OUTPUT buffer. @throws {Error} There is none, which only `sourceBuffered` makes possible. */
  get source(): VideoBuffer {
    if (this.#source === undefined) throw new Error("a job without an OUTPUT buffer");
    return this.#source;
  }

  /** The CAPTURE buffer. @throws {Error} There is none, which only `destinationBuffered` makes possible. */
  get destination(): VideoBuffer {
    if (this.#destination === undefined) throw new Error("a job without a CAPTURE buffer");
    return this.#destination;
  }

  /**
   * The driver's own timers and promises of this job. They end with it, however it ends; if one throws, the job ends with
   * "error".
   */
  get tasks(): DriverTasks {
    const device = this.#device;
    const { patienceMs } = device;
    const late = (error: Error): void => device.reportBug({ where: "a task of a job", error });
    return (this.#tasks ??= new DriverTasks({ patienceMs, failed: this.#failed, late }, !this.#isOver));
  }

  /** For the scheduler: the job is over. */
  end(): void {
    this.#isOver = true;
    this.#tasks?.end();
  }

  /** False once the job was finished or aborted: its buffers are not the driver's any more. */
  get isRunning(): boolean {
    return this.context.job === this || this.#isOverlapping;
  }

  get #isOverlapping(): boolean {
    return this.context.overlappingJobs.includes(this);
  }

  /**
   * The device has all that it needs of the controls: the next job of the file may start before this one ends, so that
   * hardware with a queue is never idle. Call it during `deviceRun`. Buffers still come back in the order of the jobs,
   * whichever is finished first. A job that is part of a longer frame (`V4L2_BUF_FLAG_M2M_HOLD_CAPTURE_BUF`) does not
   * let the next one start.
   */
  overlap(): void {
    if (this.context.job === this) this.context.overlapJob();
  }

  /** Gives both buffers back and lets the next job run. Does nothing when the job was aborted meanwhile. */
  finish(state: JobState = "done"): void {
    if (this.context.job === this) this.context.bufDoneAndJobFinish(state);
    else if (this.#isOverlapping) this.context.endOverlapping(this, state);
  }
}
