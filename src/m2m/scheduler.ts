/**
 * One piece of hardware, many open files: runs one job at a time, in the order in which files became ready
 * (`struct v4l2_m2m_dev`). A file has at most one job waiting, so that none can starve the others.
 */
import type { TraceStream } from "../v4l2/index.js";
import { traceTime } from "../v4l2/index.js";
import type { M2mContext } from "./context.js";

/** What the hardware does (`struct v4l2_m2m_ops`). */
export interface JobOps<State> {
  /**
   * Starts a job on the next buffers of `context`, which stay where they are until it is finished: end with
   * `context.bufDoneAndJobFinish`, now or later. Must not throw.
   */
  deviceRun(context: M2mContext<State>): void;
  /** Is what the job needs besides one buffer of each queue there? */
  jobReady?(context: M2mContext<State>): boolean;
  /**
   * STREAMOFF or close wants the running job to end: finish it now. A job that is still running when this
   * returns is forgotten, and what it finishes later has no effect.
   */
  jobAbort?(context: M2mContext<State>): void;
}

export class M2mScheduler<State> {
  readonly #ops: JobOps<State>;
  readonly #device: string;
  readonly #trace: TraceStream | undefined;
  readonly #waiting: M2mContext<State>[] = [];
  #running: M2mContext<State> | undefined;
  #scheduled = false;

  constructor(device: string, ops: JobOps<State>, trace?: TraceStream) {
    this.#device = device;
    this.#ops = ops;
    this.#trace = trace;
  }

  /** The file whose job runs now. */
  get running(): M2mContext<State> | undefined {
    return this.#running;
  }

  /** Files whose jobs wait. */
  get waiting(): readonly M2mContext<State>[] {
    return this.#waiting;
  }

  isQueued(context: M2mContext<State>): boolean {
    return this.#running === context || this.#waiting.includes(context);
  }

  /** Queues a job for `context` if it can run one, and runs what waits. Call it whenever something became ready. */
  trySchedule(context: M2mContext<State>): void {
    if (!this.isQueued(context) && context.takeFrameStart() && this.#ops.jobReady?.(context) !== false) {
      this.#waiting.push(context);
      this.#emit(context, "queued");
    }
    this.#scheduleRun();
  }

  /**
   * The running job of `context` is done. The next one starts in a later turn of the event loop, so that clients are
   * served in between.
   * @returns false when that job was not running any more: it was aborted.
   */
  jobFinish(context: M2mContext<State>): boolean {
    if (this.#running !== context) return false;
    this.#running = undefined;
    this.#emit(context, "finished");
    this.trySchedule(context);
    return true;
  }

  /** Ends what `context` has waiting or running. */
  cancel(context: M2mContext<State>): void {
    if (this.#running === context) {
      this.#ops.jobAbort?.(context);
      if (this.isRunning(context)) this.#running = undefined;
      this.#emit(context, "aborted");
    }
    const index = this.#waiting.indexOf(context);
    if (index >= 0) this.#waiting.splice(index, 1);
    this.#scheduleRun();
  }

  isRunning(context: M2mContext<State>): boolean {
    return this.#running === context;
  }

  #scheduleRun(): void {
    if (this.#scheduled || this.#running !== undefined || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#runNext();
    });
  }

  #runNext(): void {
    if (this.#running !== undefined) return;
    const context = this.#waiting.shift();
    if (context === undefined) return;
    this.#running = context;
    this.#emit(context, "started");
    this.#ops.deviceRun(context);
  }

  #emit(context: M2mContext<State>, action: "queued" | "started" | "finished" | "aborted"): void {
    if (this.#trace?.active !== true) return;
    this.#trace.emit({
      kind: "job",
      timeMs: traceTime(),
      device: this.#device,
      file: context.file.id,
      action,
    });
  }
}
