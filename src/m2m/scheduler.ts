/**
 * One piece of hardware, many open files: runs one job at a time, in the order in which files became ready
 * (`struct v4l2_m2m_dev`). A file has at most one job waiting or running, so that none can starve the others.
 *
 * Differs from the kernel, whose hardware does one thing at a time: a driver may say that it can run several jobs at
 * once. They are always of different files.
 */
import { isLater } from "../settle.js";
import type { Awaitable, JobEvent } from "../v4l2/index.js";
import { traceTimes, V4l2Error } from "../v4l2/index.js";
import type { QueueDevice } from "../vb2/index.js";
import { Job } from "./job.js";
import type { Schedulable } from "./schedulable.js";

/** What the hardware does (`struct v4l2_m2m_ops`). */
export interface JobOps<Context extends Schedulable> {
  /**
   * Starts a job on the next buffers of `context`, which stay where they are until it is finished: end with
   * `job.finish()`, now or later. An exception, or a promise that is rejected, ends it with "error" too; a V4l2Error's
   * detail goes to the log. That a promise is fulfilled does not end a job.
   */
  deviceRun(context: Context, job: Job<Context>): Awaitable<void>;
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
  readonly #device: QueueDevice;
  /** In the order in which they became ready, with the numbers of their jobs. */
  readonly #waiting = new Map<Context, number>();
  readonly #running = new Map<Context, Job<Context>>();
  readonly #maxJobs: number;
  /** Is being taken out: does not get back in meanwhile. */
  #cancelled: Context | undefined;
  #scheduled = false;
  #jobCount = 0;

  /**
   * @param device - Hears of jobs and of the driver's mistakes in them.
   * @param maxJobs - How many jobs may run at once.
   */
  constructor(device: QueueDevice, ops: JobOps<Context>, maxJobs = 1) {
    this.#device = device;
    this.#ops = ops;
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
    return [...this.#waiting.keys()];
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
      this.#waiting.set(context, ++this.#jobCount);
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
    const job = this.#running.get(context);
    if (job === undefined) return false;
    this.#running.delete(context);
    job.end();
    this.#emit(context, context === this.#cancelled ? "aborted" : "finished", job);
    this.trySchedule(context);
    return true;
  }

  /** The running job of `context` goes on, but the next one may start: the device took its buffers. For `M2mContext`. */
  letNextStart(context: Context): void {
    this.#running.delete(context);
    this.trySchedule(context);
  }

  /** A job that overlapped others of its file is over; does for it what {@link jobFinish} does for the running one. */
  overlappingFinish(context: Context, job: Job<Context>): void {
    job.end();
    this.#emit(context, context === this.#cancelled ? "aborted" : "finished", job);
  }

  /** Ends what `context` has waiting or running. */
  cancel(context: Context): void {
    // One that waits has not begun, and ends without an event.
    this.#waiting.delete(context);
    this.#cancelled = context;
    try {
      // Each round ends the oldest one. One that waits to overlap may take its place.
      for (let [job] = context.overlappingJobs; job !== undefined; [job] = context.overlappingJobs) {
        this.#abort(context, job as Job<Context>);
      }
      const job = this.#running.get(context);
      if (job !== undefined) this.#abort(context, job);
    } finally {
      this.#cancelled = undefined;
    }
  }

  #abort(context: Context, job: Job<Context>): void {
    this.#contain("jobAbort", () => this.#ops.jobAbort?.(context, job));
    job.finish("error");
  }

  #isReady(context: Context): boolean {
    let isReady = false;
    this.#contain("jobReady", () => {
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
    const [next] = this.#waiting;
    if (next === undefined) return;
    const [context, number] = next;
    this.#waiting.delete(context);
    const job: Job<Context> = new Job(context, number, this.#device, (error) =>
      this.#failed(job, "a task of a job", error),
    );
    this.#running.set(context, job);
    this.#emit(context, "started", job);
    this.#start(context, job);
    // Where several may run; the next one has its own turn of the event loop.
    this.#scheduleRun();
  };

  /** A driver's mistake costs one client one frame. */
  #start(context: Context, job: Job<Context>): void {
    try {
      context.prepareJob();
      const working = this.#ops.deviceRun(context, job);
      // Not with the other tasks' patience: a job may take long, as the promise of a task may not.
      if (isLater(working)) working.catch((error: unknown) => this.#failed(job, "deviceRun", error));
    } catch (error) {
      this.#failed(job, "deviceRun", error);
    }
  }

  #failed(job: Job<Context>, op: string, error: unknown): void {
    this.#report(op, error);
    job.finish("error");
  }

  #contain(op: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#report(op, error);
    }
  }

  #report(where: string, error: unknown): void {
    const { trace, name: device } = this.#device;
    if (!(error instanceof V4l2Error)) {
      this.#device.reportBug({
        where,
        error,
        outcome: where === "jobReady" ? "no job is run" : "the job has failed",
      });
    } else {
      const text = `a job failed: ${error.message}`;
      trace.message({ kind: "message", ...traceTimes(), device, level: "warning", text });
    }
  }

  /** @param job - Once it has started: its buffers may be others' by the time it is over. */
  #emit(context: Context, action: JobEvent["action"], job?: Job<Context>): void {
    const { trace, name: device } = this.#device;
    if (!trace.active) return;
    const { source, destination } = job?.buffers ?? {
      source: context.nextSource,
      destination: context.nextDestination,
    };
    trace.emit({
      kind: "job",
      ...traceTimes(),
      device,
      file: context.file.id,
      action,
      job: job?.number ?? this.#waiting.get(context) ?? 0,
      request: (job === undefined ? source?.request : job.request)?.name,
      source: source?.index,
      destination: destination?.index,
    });
  }
}
