/**
 * What one open file of a mem2mem device has: an OUTPUT queue that the client feeds, a CAPTURE queue that it drains,
 * and the buffers of each that are ready for the hardware (`struct v4l2_m2m_ctx`).
 */
import type { BufType, ControlHandler, FileHandle } from "../v4l2/index.js";
import { BufFlag, Field, isOutput } from "../v4l2/index.js";
import type { QueueOps, VideoQueueConfig } from "../vb2/index.js";
import { VideoBuffer, VideoQueue } from "../vb2/index.js";
import { Drain } from "./drain.js";
import type { Job } from "./job.js";
import { copyMetadata } from "./metadata.js";
import { Overlap } from "./overlap.js";
import type { JobState, Schedulable } from "./schedulable.js";
import type { M2mScheduler } from "./scheduler.js";

/** Added to the `mmap()` cookies of the CAPTURE queue, so that both queues share one file (`DST_QUEUE_OFF_BASE`). */
export const CAPTURE_OFFSET_BASE = 0x4000_0000;

/**
 * What a driver says of one of its two queues. Buffers that are ready for the hardware are kept here, and go back to
 * the client here; `stopStreaming` runs before they do. OUTPUT buffers have field NONE unless `bufOutValidate` says
 * something else.
 */
export type M2mQueueOps = Omit<QueueOps<VideoBuffer>, "bufQueue">;

/** One of a context's two queues; what follows from mem2mem itself is left out. */
export interface M2mQueueConfig extends Omit<
  VideoQueueConfig<VideoBuffer>,
  "ops" | "createBuffer" | "device" | "timestamps" | "offsetBase" | "file"
> {
  readonly ops: M2mQueueOps;
}

/** What a context is made from; {@link M2mDevice} does it for each open file. */
export interface M2mContextOptions<State> {
  readonly file: FileHandle<M2mContext<State>>;
  readonly scheduler: M2mScheduler<M2mContext<State>>;
  readonly source: M2mQueueConfig;
  readonly destination: M2mQueueConfig;
  readonly state: State;
  /**
   * The file's controls. Given, what a request sets is put into effect before its job and completed after it (and when
   * its buffer is cancelled), and `release` closes the handler. Left out, the driver does all that.
   */
  readonly controls?: ControlHandler;
  /**
   * What is done to the buffers of a job before `deviceRun`. "copy": both get their sequence numbers, and CAPTURE
   * the time stamp, time code, field and frame type of OUTPUT. "copy-without-frame-type": encoders, which decide the
   * frame type. "driver": nothing, for codecs whose jobs do not take one buffer of each. Default "copy".
   */
  readonly metadata?: "copy" | "copy-without-frame-type" | "driver";
}

/** The ready buffers of one queue, oldest first, and the number of the next job's buffer. */
interface Ready {
  readonly buffers: VideoBuffer[];
  sequence: number;
}

/** For `queueM2mRequest`, which only sees the queues. */
const contexts = new WeakMap<object, M2mContext>();

/** The context that `queue` is part of. */
export function contextOf(queue: object): M2mContext | undefined {
  return contexts.get(queue);
}

/** A job of a mem2mem device whose driver keeps `State` for each file. */
export type M2mJob<State = unknown> = Job<M2mContext<State>>;

/** What one open file of a mem2mem device has (`struct v4l2_m2m_ctx`): two queues, and the driver's own state. */
export class M2mContext<State = unknown> implements Schedulable {
  readonly file: FileHandle<M2mContext<State>>;
  readonly state: State;
  readonly scheduler: M2mScheduler<M2mContext<State>>;
  readonly source: VideoQueue;
  readonly destination: VideoQueue;
  readonly #controls: ControlHandler | undefined;
  readonly #metadata: NonNullable<M2mContextOptions<State>["metadata"]>;
  readonly #readySource: Ready = { buffers: [], sequence: 0 };
  readonly #readyDestination: Ready = { buffers: [], sequence: 0 };
  readonly #supportsHold: boolean;
  readonly #drain: Drain;
  readonly #overlap = new Overlap<M2mJob<State>>();
  /** The running job lets the next one start as soon as there is room. */
  #overlapsNext: M2mJob<State> | undefined;
  /** The running job has ended, and jobs before it have not. */
  #endsNext: JobState | undefined;

  /** The next job starts a new frame; false for a further slice of the frame in the held CAPTURE buffer. */
  newFrame = true;
  /** Jobs need no OUTPUT buffer: the driver has input of its own left (`v4l2_m2m_set_src_buffered`). */
  sourceBuffered = false;
  /** Jobs need no CAPTURE buffer (`v4l2_m2m_set_dst_buffered`). */
  destinationBuffered = false;
  /** Jobs run while CAPTURE does not stream, to find out its format, say. */
  ignoreCaptureStreaming = false;
  /** Runs when the last CAPTURE buffer after STOP is on its way: queue the EOS event. */
  onStopped: (() => void) | undefined;

  constructor(options: M2mContextOptions<State>) {
    const { source, destination } = options;
    this.file = options.file;
    this.state = options.state;
    this.scheduler = options.scheduler;
    this.#controls = options.controls;
    this.#metadata = options.metadata ?? "copy";
    this.#supportsHold = source.supportsHold ?? false;
    this.#drain = new Drain({
      newestSource: () => this.#readySource.buffers.at(-1) ?? this.#overlap.jobs.at(-1)?.source,
      takeDestination: () => this.removeDestination(),
      giveEmptyLast: (buffer) => this.#giveEmptyLast(buffer),
    });
    this.source = this.#newQueue(options, source, 0);
    this.destination = this.#newQueue(options, destination, CAPTURE_OFFSET_BASE);
    contexts.set(this.source, this);
    contexts.set(this.destination, this);
  }

  #newQueue({ file }: M2mContextOptions<State>, config: M2mQueueConfig, offsetBase: number): VideoQueue {
    const { ops } = config;
    const isSource = isOutput(config.type);
    const ready = isSource ? this.#readySource : this.#readyDestination;
    const queueOps: QueueOps<VideoBuffer> = {
      queueSetup: (ask) => ops.queueSetup(ask),
      bufInit: (buffer) => ops.bufInit?.(buffer),
      bufOutValidate: (buffer) => {
        if (ops.bufOutValidate === undefined) buffer.field = Field.None;
        else ops.bufOutValidate(buffer);
      },
      bufPrepare: (buffer) => ops.bufPrepare?.(buffer),
      bufFinish: (buffer) => ops.bufFinish?.(buffer),
      bufCleanup: (buffer) => ops.bufCleanup?.(buffer),
      prepareStreaming: () => ops.prepareStreaming?.(),
      unprepareStreaming: () => ops.unprepareStreaming?.(),
      startStreaming: (count) => {
        ready.sequence = 0;
        try {
          ops.startStreaming?.(count);
        } catch (error) {
          const queue = isSource ? this.source : this.destination;
          for (const buffer of ready.buffers.splice(0)) queue.bufferDone(buffer, "queued");
          throw error;
        }
      },
      stopStreaming: () => {
        ops.stopStreaming?.();
        this.#stopStreaming(isSource, ops);
      },
      bufQueue: (buffer) => {
        // Differs from the kernel's codecs, which pass over buffers that were queued before STREAMON.
        if (!isSource && this.#drain.nextIsLast) this.#giveEmptyLast(buffer);
        else ready.buffers.push(buffer);
      },
      bufRequestComplete: (buffer) => this.#requestComplete(buffer, ops),
    };
    return new VideoQueue({
      ...config,
      ops: queueOps,
      device: file.device,
      file,
      offsetBase,
      timestamps: "copy",
      createBuffer: (init) => new VideoBuffer(init),
    });
  }

  queue(type: BufType): VideoQueue | undefined {
    if (type === this.source.type) return this.source;
    return type === this.destination.type ? this.destination : undefined;
  }

  // Buffers that are ready, for the driver

  /** The OUTPUT buffer of the next job, or of the running one. */
  get nextSource(): VideoBuffer | undefined {
    return this.#readySource.buffers[0];
  }

  /** The CAPTURE buffer of the next job, or of the running one. */
  get nextDestination(): VideoBuffer | undefined {
    return this.#readyDestination.buffers[0];
  }

  /** Buffers ready on each queue, those of the running job among them. */
  get readyCounts(): { readonly source: number; readonly destination: number } {
    return { source: this.#readySource.buffers.length, destination: this.#readyDestination.buffers.length };
  }

  /**
   * Takes a ready OUTPUT buffer, the next one unless told otherwise: the driver gives it back with
   * `source.bufferDone`. For jobs that do not take one buffer of each queue; they end with {@link jobFinish}.
   */
  removeSource(buffer = this.nextSource): VideoBuffer | undefined {
    return remove(this.#readySource.buffers, buffer);
  }

  /** Takes a ready CAPTURE buffer, as {@link removeSource}. */
  removeDestination(buffer = this.nextDestination): VideoBuffer | undefined {
    return remove(this.#readyDestination.buffers, buffer);
  }

  #stopStreaming(isSource: boolean, ops: M2mQueueOps): void {
    const queue = isSource ? this.source : this.destination;
    const ready = isSource ? this.#readySource : this.#readyDestination;
    for (const buffer of ready.buffers.splice(0)) {
      this.#requestComplete(buffer, ops);
      queue.bufferDone(buffer, "error");
    }
    if (isSource) this.#drain.sourceStopped();
    else this.#drain.destinationStopped();
  }

  #requestComplete(buffer: VideoBuffer, ops: M2mQueueOps): void {
    if (buffer.request === undefined) return;
    ops.bufRequestComplete?.(buffer);
    this.#controls?.complete(buffer.request);
  }

  // Jobs

  /** The job of this file that runs. */
  get job(): M2mJob<State> | undefined {
    return this.scheduler.jobOf(this);
  }

  /** Jobs of this file that let the next one start, and have not ended; the oldest first. */
  get overlappingJobs(): readonly M2mJob<State>[] {
    return this.#overlap.jobs.map(({ job }) => job);
  }

  /** Something became ready: run a job if one can. */
  trySchedule(): void {
    this.scheduler.trySchedule(this);
  }

  /** Ends the job of this file that waits or runs. */
  cancelJob(): void {
    this.scheduler.cancel(this);
  }

  /**
   * Can a job run? Gives back the CAPTURE buffer that is held for a frame which is over, and decides whether the
   * next job starts a new frame. For the scheduler.
   */
  takeFrameStart(): boolean {
    if (!this.source.streaming) return false;
    if (!this.destination.streaming && !this.ignoreCaptureStreaming) return false;
    const source = this.nextSource;
    if (source === undefined && !this.sourceBuffered) return false;
    if (this.nextDestination === undefined && !this.destinationBuffered) return false;
    // What was queued after STOP waits for START, even if the last one before it still runs.
    if (this.#overlap.jobs.some((job) => job.source !== undefined && this.isLastSource(job.source)))
      return false;

    this.newFrame = true;
    if (source !== undefined && !this.#startFrame(source)) return false;
    return !this.#drain.hasStopped;
  }

  #startFrame(source: VideoBuffer): boolean {
    const belongs = (buffer: VideoBuffer): boolean =>
      buffer.copiedTimestamp && buffer.timestampNs === source.timestampNs;
    const held = this.nextDestination;
    if (held?.isHeld === true && held.copiedTimestamp && !belongs(held)) this.#releaseHeld(held);
    const destination = this.nextDestination;
    if (destination === undefined) return this.destinationBuffered;
    if (this.#supportsHold) this.newFrame = !belongs(destination);
    return true;
  }

  #releaseHeld(buffer: VideoBuffer): void {
    buffer.isHeld = false;
    this.removeDestination(buffer);
    this.destination.bufferDone(buffer, "done");
  }

  /**
   * Before `deviceRun`: what every job needs. For the scheduler.
   * @throws {V4l2Error} what the controls of the request throw.
   */
  prepareJob(): void {
    this.#endsNext = this.#overlapsNext = undefined;
    const { nextSource: source, nextDestination: destination } = this;
    if (source?.request !== undefined) this.#controls?.setup(source.request);
    if (this.#metadata === "driver") return;
    if (source !== undefined) source.sequence = nextSequence(this.#readySource);
    if (destination !== undefined) destination.sequence = nextSequence(this.#readyDestination);
    if (source !== undefined && destination !== undefined) {
      copyMetadata(source, destination, this.#metadata === "copy");
    }
  }

  /**
   * Ends the running job: its OUTPUT buffer goes back, and its CAPTURE buffer unless the client wants it held for
   * more slices. Does nothing when no job of this file runs. A driver that finishes later calls `job.finish`, which
   * also knows whether it is still the same job.
   */
  bufDoneAndJobFinish(state: JobState): void {
    if (!this.scheduler.isRunning(this)) return;
    if (!this.#overlap.isEmpty) {
      this.#endsNext ??= state;
      return;
    }
    this.#endsNext = this.#overlapsNext = undefined;
    const source = this.removeSource();
    const destination = this.nextDestination;
    if (source?.request !== undefined) this.#controls?.complete(source.request);
    if (destination !== undefined) {
      destination.isHeld = source !== undefined && (source.flags & BufFlag.M2mHoldCaptureBuf) !== 0;
      if (!destination.isHeld) this.removeDestination(destination);
    }
    this.#giveBack(source, destination?.isHeld === true ? undefined : destination, state);
    this.jobFinish();
  }

  /** CAPTURE first: completing the OUTPUT buffer completes the request, and whoever waits for it expects both. */
  #giveBack(source: VideoBuffer | undefined, destination: VideoBuffer | undefined, state: JobState): void {
    const isLast = source !== undefined && this.#drain.isLastSource(source);
    if (destination !== undefined) {
      if (isLast) this.lastBufferDone(destination, state);
      else this.destination.bufferDone(destination, state);
    }
    if (source !== undefined) this.source.bufferDone(source, state);
  }

  /** See `Job.overlap`, which calls it. */
  overlapJob(): void {
    const { job, nextSource: source, nextDestination: destination } = this;
    if (job === undefined) return;
    const isHeld = source !== undefined && (source.flags & BufFlag.M2mHoldCaptureBuf) !== 0;
    if (isHeld || destination?.isHeld === true) return;
    if (!this.#overlap.hasRoom) {
      this.#overlapsNext = job;
      return;
    }
    this.#overlapsNext = undefined;
    this.removeSource(source);
    this.removeDestination(destination);
    // Now, before the controls of the next one are in effect: what the request did not set is recorded as it is.
    if (source?.request !== undefined) this.#controls?.complete(source.request);
    this.#overlap.add({ job, source, destination });
    if (this.#endsNext !== undefined) this.#overlap.end(job, this.#endsNext);
    this.#endsNext = undefined;
    this.scheduler.letNextStart(this);
  }

  /** Ends a job that let the next one start; its buffers go back when the jobs before it have ended. */
  endOverlapping(job: M2mJob<State>, state: JobState): void {
    this.#overlap.end(job, state);
    for (let ended = this.#overlap.takeEnded(); ended !== undefined; ended = this.#overlap.takeEnded()) {
      this.#giveBack(ended.source, ended.destination, ended.end);
      this.scheduler.overlappingFinish(this, ended.job);
      if (this.#overlapsNext !== undefined && this.#overlapsNext === this.job) this.overlapJob();
    }
    if (this.#overlap.isEmpty && this.#endsNext !== undefined) this.bufDoneAndJobFinish(this.#endsNext);
    else this.trySchedule();
  }

  /**
   * Ends the running job and leaves the buffers alone: the driver gave back what it took.
   * @returns false when no job of this file runs.
   */
  jobFinish(): boolean {
    return this.scheduler.jobFinish(this);
  }

  // Draining (STOP and START commands of stateful codecs)

  /** Was the last CAPTURE buffer after STOP given back? Nothing runs then until START. */
  get hasStopped(): boolean {
    return this.#drain.hasStopped;
  }

  /** Was this OUTPUT buffer the newest when the client said STOP? The CAPTURE buffer made of it is the last. */
  isLastSource(buffer: VideoBuffer): boolean {
    return this.#drain.isLastSource(buffer);
  }

  /**
   * STOP: the last CAPTURE buffer of what is queued gets the LAST flag.
   * @throws {V4l2Error} EBUSY - draining already.
   */
  stop(): void {
    this.#drain.stop();
  }

  /**
   * START: goes on after STOP.
   * @throws {V4l2Error} EBUSY - still draining.
   */
  start(): void {
    this.#drain.start();
    this.destination.lastBufferDequeued = false;
    this.trySchedule();
  }

  /** FLUSH of stateless decoders: no more slices come for the held CAPTURE buffer. */
  flush(): void {
    const source = this.#readySource.buffers.at(-1);
    const destination = this.#readyDestination.buffers.at(-1);
    if (source !== undefined) source.flags &= ~BufFlag.M2mHoldCaptureBuf;
    else if (destination?.isHeld === true) this.#releaseHeld(destination);
  }

  /** A CAPTURE buffer that the driver took is the last one: gives it back so, and stops (`v4l2_m2m_last_buffer_done`). */
  lastBufferDone(buffer: VideoBuffer, state: JobState = "done"): void {
    this.#drain.markStopped();
    this.destination.bufferDone(buffer, state, { flags: BufFlag.Last });
    this.onStopped?.();
  }

  #giveEmptyLast(buffer: VideoBuffer): void {
    for (const plane of buffer.planes) plane.bytesused = 0;
    buffer.field = Field.None;
    if (this.#metadata !== "driver") buffer.sequence = nextSequence(this.#readyDestination);
    this.lastBufferDone(buffer);
  }

  /**
   * After QBUF of CAPTURE: while that queue streams but has not started, and the device was told to stop, nobody
   * would ever give the buffer back; it is the last one then.
   * @returns Was it so?
   */
  forceLastBufDone(): boolean {
    const queue = this.destination;
    if (!queue.streaming || queue.started || !(this.#drain.hasStopped || this.#drain.nextIsLast)) {
      return false;
    }
    const buffer = queue.claimOldestQueued();
    if (buffer !== undefined) this.#giveEmptyLast(buffer);
    return true;
  }

  /** The file is closed: ends the job and frees both queues. */
  release(): void {
    this.cancelJob();
    this.destination.releaseFile(this.file);
    this.source.releaseFile(this.file);
    this.#controls?.close();
  }
}

function nextSequence(ready: Ready): number {
  const { sequence } = ready;
  ready.sequence = (sequence + 1) >>> 0;
  return sequence;
}

function remove(buffers: VideoBuffer[], buffer: VideoBuffer | undefined): VideoBuffer | undefined {
  const at = buffer === undefined ? -1 : buffers.indexOf(buffer);
  return at < 0 ? undefined : buffers.splice(at, 1)[0];
}
