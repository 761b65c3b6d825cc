/**
 * One piece of hardware, many open files: runs one job at a time, in the order in which files became ready
 * (`struct v4l2_m2m_dev`). A file has at most one job waiting or running, so that none can starve the others.
 *
 * Differs from the kernel, whose hardware does one thing at a time: a driver may say that it can run several jobs at
 * once. They are always of different files.
 */
import type { JobEvent, TraceStream } from "../v4l2/index.js";
import { traceTime, V4l2Error } from "../v4l2/index.js";
import { Job } from "./job.js";
import type { Schedulable } from "./schedulable.js";

/** What the hardware does (`struct v4l2_m2m_ops`). */
export interface JobOps<Context extends Schedulable> {
  /**
   * Starts a job on the next buffers of `context`, which stay where they are until it is finished: end with
   * `job.finish()`, now or later. An exception ends it with "error" too; a V4l2Error's detail goes to the log.
   */
  deviceRun(context: Context, job: Job<Context>): void;
  /** Is what the job needs besides one buffer of each queue there? */
  jobReady?(context: Context): boolean;
  /**
   * STREAMOFF or close ends the running job: finish it now, or stop working on it. A job that still runs when this
   * returns is finished with "error", and `job.finish()` has no effect any more. (The kernel waits for the job.)
   */
  jobAbort?(context: Context, job: Job<Context>): void;
}

/** Decides whose job runs next; a device has one. */
export class M2mScheduler<Context extends Schedulable = Schedulable> {
  readonly #ops: JobOps<Context>;
  readonly #device: string;
  readonly #trace: TraceStream | undefined;
  /** In the order in which they became ready. */
  readonly #waiting = new Set<Context>();
  readonly #running = new Map<Context, Job<Context>>();
  readonly #maxJobs: number;
  /** Is being taken out: does not get back in meanwhile. */
  #cancelled: Context | undefined;
  #scheduled = false;

  /**
   * @param device - Names the device in the log.
   * @param maxJobs - How many jobs may run at once.
   */
  constructor(device: string, ops: JobOps<Context>, trace?: TraceStream, maxJobs = 1) {
    this.#device = device;
    this.#ops = ops;
    this.#trace = trace;
    this.#maxJobs = maxJobs;
  }

  /** Running jobs, the oldest first. */
  get jobs(): readonly Job<Context>[] {
    return [...this.#running.values()];
  }

  /** The running job of `context`. */
  jobOf(context: Context): Job<Context> | undefined {
    return this.#running.get(context);
  }

  /** Files whose jobs wait, the next one first. */
  get waiting(): readonly Context[] {
    return [...this.#waiting];
  }

  isRunning(context: Context): boolean {
    return this.#running.has(context);
  }

  isQueued(context: Context): boolean {
    return this.isRunning(context) || this.#waiting.has(context);
  }

  /** Queues a job for `context` if it can run one, and runs what waits. Call it whenever something became ready. */
  trySchedule(context: Context): void {
    if (
      context !== this.#cancelled &&
      !this.isQueued(context) &&
      context.takeFrameStart() &&
      this.#isReady(context)
    ) {
      this.#waiting.add(context);
      this.#emit(context, "queued");
    }
    this.#scheduleRun();
  }

  /**
   * The running job of `context` is over. The next one starts in a later turn of the event loop, so that clients are
   * served in between.
   * @returns false when no job of `context` runs: it was aborted.
   */
  jobFinish(context: Context): boolean {
    if (!this.#running.delete(context)) return false;
    this.#emit(context, context === this.#cancelled ? "aborted" : "finished");
    this.trySchedule(context);
    return true;
  }

  /** Ends what `context` has waiting or running. */
  cancel(context: Context): void {
    this.#waiting.delete(context);
    const job = this.#running.get(context);
    if (job === undefined) return;
    this.#cancelled = context;
    try {
      this.#contain(() => this.#ops.jobAbort?.(context, job));
      job.finish("error");
    } finally {
      this.#cancelled = undefined;
    }
  }

  #isReady(context: Context): boolean {
    let isReady = false;
    this.#contain(() => {
      isReady = this.#ops.jobReady?.(context) !== false;
    });
    return isReady;
  }

  get #hasRoom(): boolean {
    return this.#running.size < this.#maxJobs;
  }

  #scheduleRun(): void {
    if (this.#scheduled || !this.#hasRoom || this.#waiting.size === 0) return;
    this.#scheduled = true;
    setImmediate(this.#runNext);
  }

  readonly #runNext = (): void => {
    this.#scheduled = false;
    const [context] = this.#waiting;
    if (!this.#hasRoom || context === undefined) return;
    this.#waiting.delete(context);
    const job = new Job(context);
    this.#running.set(context, job);
    this.#emit(context, "started");
    const ran = this.#contain(() => {
      context.prepareJob();
      this.#ops.deviceRun(context, job);
    });
    if (!ran) job.finish("error");
    // Where several may run; the next one has its own turn of the event loop.
    this.#scheduleRun();
  };

  /** A driver's mistake costs one client one frame. @returns Did it go well? */
  #contain(op: () => void): boolean {
    try {
      op();
      return true;
    } catch (error) {
      this.#report(error);
      return false;
    }
  }

  #report(error: unknown): void {
    const isRefusal = error instanceof V4l2Error;
    const stack = error instanceof Error ? error.stack : undefined;
    const text = isRefusal ? `a job failed: ${error.message}` : (stack ?? String(error));
    const level = isRefusal ? "warning" : "error";
    this.#trace?.emit({ kind: "message", timeMs: traceTime(), device: this.#device, level, text });
    if (!isRefusal) process.emitWarning(error instanceof Error ? error : new Error(text));
  }

  #emit({ file }: Context, action: JobEvent["action"]): void {
    if (this.#trace?.active !== true) return;
    this.#trace.emit({ kind: "job", timeMs: traceTime(), device: this.#device, file: file.id, action });
  }
}
