/**
 * What one open file of a mem2mem device has: an OUTPUT queue that the client feeds, a CAPTURE queue that it drains,
 * and the buffers of each that are ready for the hardware (`struct v4l2_m2m_ctx`).
 */
import type { BufType, FileHandle } from "../v4l2/index.js";
import { BufFlag, Field, V4l2Error, isOutput } from "../v4l2/index.js";
import type { DoneState, QueueOps, SetupPlan, SetupRequest, VideoQueueConfig } from "../vb2/index.js";
import { VideoBuffer, VideoQueue } from "../vb2/index.js";
import type { M2mScheduler } from "./scheduler.js";

/** Added to the `mmap()` cookies of the CAPTURE queue, so that both queues share one file (`DST_QUEUE_OFF_BASE`). */
export const CAPTURE_OFFSET_BASE = 0x4000_0000;

/** What a driver says of one of its two queues; the rest of `QueueOps` is done here. */
export interface M2mQueueOps {
  queueSetup(ask: SetupRequest): SetupPlan;
  bufOutValidate?(buffer: VideoBuffer): void;
  bufPrepare?(buffer: VideoBuffer): void;
  bufFinish?(buffer: VideoBuffer): void;
  startStreaming?(count: number): void;
  /** Before the queue's buffers go back to the client. */
  stopStreaming?(): void;
  /** A buffer in a request ends without its job: complete the request's controls. Required with requests. */
  bufRequestComplete?(buffer: VideoBuffer): void;
}

export interface M2mQueueConfig extends Omit<
  VideoQueueConfig<VideoBuffer>,
  "ops" | "createBuffer" | "device" | "timestamps" | "offsetBase" | "file"
> {
  readonly ops: M2mQueueOps;
}

export interface M2mContextOptions<State> {
  readonly device: string;
  readonly file: FileHandle<M2mContext<State>>;
  readonly scheduler: M2mScheduler<State>;
  readonly source: M2mQueueConfig;
  readonly destination: M2mQueueConfig;
  readonly state: State;
}

export class M2mContext<State = unknown> {
  readonly file: FileHandle<M2mContext<State>>;
  readonly state: State;
  readonly source: VideoQueue;
  readonly destination: VideoQueue;
  readonly #scheduler: M2mScheduler<State>;
  readonly #readySource: VideoBuffer[] = [];
  readonly #readyDestination: VideoBuffer[] = [];
  readonly #supportsHold: boolean;

  /** The next job starts a new frame; false for a further slice of the frame in the held CAPTURE buffer. */
  newFrame = true;
  #draining = false;
  #stopped = false;
  #nextIsLast = false;
  /** The OUTPUT buffer that was last when the client said STOP. */
  #lastSource: VideoBuffer | undefined;

  constructor(options: M2mContextOptions<State>) {
    this.file = options.file;
    this.state = options.state;
    this.#scheduler = options.scheduler;
    this.#supportsHold = options.source.supportsHold ?? false;
    this.source = this.#newQueue(options, options.source, this.#readySource, 0);
    this.destination = this.#newQueue(
      options,
      options.destination,
      this.#readyDestination,
      CAPTURE_OFFSET_BASE,
    );
  }

  #newQueue(
    { device, file }: M2mContextOptions<State>,
    config: M2mQueueConfig,
    ready: VideoBuffer[],
    offsetBase: number,
  ): VideoQueue {
    const { ops } = config;
    const queueOps: QueueOps<VideoBuffer> = {
      queueSetup: (ask) => ops.queueSetup(ask),
      bufOutValidate: (buffer) => {
        // mem2mem has no fields unless a driver says so.
        if (ops.bufOutValidate === undefined) buffer.field = Field.None;
        else ops.bufOutValidate(buffer);
      },
      bufPrepare: (buffer) => ops.bufPrepare?.(buffer),
      bufFinish: (buffer) => ops.bufFinish?.(buffer),
      bufQueue: (buffer) => {
        this.#bufQueue(config.type, ready, buffer);
      },
      startStreaming: (count) => {
        if (isOutput(config.type)) this.#lastSource = undefined;
        ops.startStreaming?.(count);
      },
      stopStreaming: () => {
        ops.stopStreaming?.();
        this.#stopStreaming(config, ready);
      },
      bufRequestComplete: (buffer) => ops.bufRequestComplete?.(buffer),
    };
    return new VideoQueue({
      ...config,
      ops: queueOps,
      device,
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

  /** The OUTPUT buffer of this job. */
  get nextSource(): VideoBuffer | undefined {
    return this.#readySource[0];
  }

  /** The CAPTURE buffer of this job. */
  get nextDestination(): VideoBuffer | undefined {
    return this.#readyDestination[0];
  }

  /** Buffers ready on each queue. */
  get readyCounts(): { readonly source: number; readonly destination: number } {
    return { source: this.#readySource.length, destination: this.#readyDestination.length };
  }

  #bufQueue(type: BufType, ready: VideoBuffer[], buffer: VideoBuffer): void {
    if (!isOutput(type) && this.#nextIsLast && this.destination.streaming) {
      for (const plane of buffer.planes) plane.bytesused = 0;
      buffer.field = Field.None;
      this.#lastBufferDone(buffer);
      return;
    }
    ready.push(buffer);
  }

  #stopStreaming(config: M2mQueueConfig, ready: VideoBuffer[]): void {
    const queue = isOutput(config.type) ? this.source : this.destination;
    for (const buffer of ready.splice(0)) {
      if (buffer.request !== undefined) config.ops.bufRequestComplete?.(buffer);
      queue.bufferDone(buffer, "error");
    }
    if (!isOutput(config.type)) {
      this.#draining = false;
      this.#stopped = false;
      this.#nextIsLast = false;
      this.#lastSource = undefined;
    } else if (this.#draining) {
      this.#lastSource = undefined;
      this.#finishDraining();
    }
  }

  // Jobs

  /** Something became ready: run a job if one can. */
  trySchedule(): void {
    this.#scheduler.trySchedule(this);
  }

  cancelJob(): void {
    this.#scheduler.cancel(this);
  }

  /**
   * Can a job run? Gives back the CAPTURE buffer that is held for a frame which is over, and decides whether the
   * next job starts a new frame.
   */
  takeFrameStart(): boolean {
    if (!this.source.streaming || !this.destination.streaming) return false;
    const source = this.nextSource;
    let destination = this.nextDestination;
    if (source === undefined || destination === undefined) return false;
    const belongs = (buffer: VideoBuffer): boolean =>
      buffer.copiedTimestamp && buffer.timestampNs === source.timestampNs;
    if (destination.isHeld && destination.copiedTimestamp && !belongs(destination)) {
      this.#releaseHeld(destination);
      destination = this.nextDestination;
      if (destination === undefined) return false;
    }
    this.newFrame = !this.#supportsHold || !belongs(destination);
    return !this.#stopped;
  }

  #releaseHeld(buffer: VideoBuffer): void {
    buffer.isHeld = false;
    this.#readyDestination.shift();
    this.destination.bufferDone(buffer, "done");
  }

  /**
   * Ends the running job: its OUTPUT buffer goes back, and its CAPTURE buffer unless the client wants it held for
   * more slices. Does nothing when the job was aborted meanwhile.
   */
  bufDoneAndJobFinish(state: Exclude<DoneState, "queued">): void {
    if (!this.#scheduler.isRunning(this)) return;
    const source = this.#readySource.shift();
    const destination = this.nextDestination;
    if (source !== undefined && destination !== undefined) {
      destination.isHeld = (source.flags & BufFlag.M2mHoldCaptureBuf) !== 0;
      const isLast = this.#draining && source === this.#lastSource;
      // CAPTURE first: completing the OUTPUT buffer completes the request, and whoever waits for it expects both.
      if (!destination.isHeld) {
        this.#readyDestination.shift();
        if (isLast) this.#lastBufferDone(destination, state);
        else this.destination.bufferDone(destination, state);
      }
      this.source.bufferDone(source, state);
    }
    this.#scheduler.jobFinish(this);
  }

  // Draining (STOP and START commands of stateful codecs)

  get hasStopped(): boolean {
    return this.#stopped;
  }

  /**
   * STOP: the last CAPTURE buffer of what is queued gets the LAST flag.
   * @throws {V4l2Error} EBUSY - draining already.
   */
  stop(): void {
    if (this.#draining) throw new V4l2Error("EBUSY", "the device is draining already");
    if (this.#stopped) return;
    this.#lastSource = this.#readySource.at(-1);
    this.#draining = true;
    if (this.#lastSource === undefined) this.#finishDraining();
  }

  /**
   * START: goes on after STOP.
   * @throws {V4l2Error} EBUSY - still draining.
   */
  start(): void {
    if (this.#draining) throw new V4l2Error("EBUSY", "the device is still draining");
    this.#stopped = false;
    this.destination.lastBufferDequeued = false;
    this.trySchedule();
  }

  /** FLUSH of stateless decoders: no more slices come for the held CAPTURE buffer. */
  flush(): void {
    const source = this.#readySource.at(-1);
    const destination = this.#readyDestination.at(-1);
    if (source !== undefined) source.flags &= ~BufFlag.M2mHoldCaptureBuf;
    else if (destination?.isHeld === true) this.#releaseHeld(destination);
  }

  #finishDraining(): void {
    const destination = this.#readyDestination.shift();
    if (destination === undefined) {
      this.#nextIsLast = true;
      return;
    }
    for (const plane of destination.planes) plane.bytesused = 0;
    this.#lastBufferDone(destination);
  }

  #lastBufferDone(buffer: VideoBuffer, state: Exclude<DoneState, "queued"> = "done"): void {
    this.destination.bufferDone(buffer, state, { flags: BufFlag.Last });
    this.#draining = false;
    this.#nextIsLast = false;
    this.#stopped = true;
  }

  /** The file is closed: ends the job and frees both queues. */
  release(): void {
    this.cancelJob();
    this.destination.releaseFile(this.file);
    this.source.releaseFile(this.file);
  }
}

/**
 * Copies what a CAPTURE buffer has from the OUTPUT buffer it was made of: time stamp, time code, field, and the frame
 * type flags unless `frameFlags` is false (encoders decide those).
 */
export function copyMetadata(source: VideoBuffer, destination: VideoBuffer, frameFlags = true): void {
  let mask = BufFlag.Timecode | BufFlag.TstampSrcMask;
  if (frameFlags) mask |= BufFlag.Keyframe | BufFlag.Pframe | BufFlag.Bframe;
  destination.timestampNs = source.timestampNs;
  if ((source.flags & BufFlag.Timecode) !== 0) destination.timecode = source.timecode;
  destination.field = source.field;
  destination.flags = (destination.flags & ~mask) | (source.flags & mask);
  destination.copiedTimestamp = true;
}
