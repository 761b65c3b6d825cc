/** A capture queue that fills with pictures: one when it is due, into the oldest buffer. */
import { TestPattern } from "../tpg/index.js";
import type { PlaneMemory, TestPatternSettings } from "../tpg/index.js";
import { SharedMemoryProvider, sizedByFormat, VideoBuffer, VideoQueue } from "../vb2/index.js";
import type { FrameTiming, QueueOps, SetupPlan, SetupRequest } from "../vb2/index.js";
import { Field, monotonicNow } from "../v4l2/index.js";
import type { PlaneFormat, VideoBufType, VideoDevice } from "../v4l2/index.js";
import { drawFrame } from "./frame-picture.js";
import { Pacer, type PacerClock } from "./pacer.js";

/** REQBUFS gives at least so many: one is being filled, the other is the client's. */
const LEAST_BUFFERS = 2;
/** `read()` uses so many: a client that is held up for a moment loses no frame. */
export const READ_BUFFERS = 4;

/** A buffer, and its memory as the generator wants it. */
class PictureBuffer extends VideoBuffer {
  readonly drawable: PlaneMemory[] = [];
}

export interface PictureQueueOptions {
  readonly device: VideoDevice<undefined>;
  readonly type: VideoBufType;
  /** Of the format that is set. */
  planes(): readonly PlaneFormat[];
  /** Time between frames; undefined: as fast as buffers come. */
  intervalNs(): bigint | undefined;
  /** Of the frames' time stamps. */
  readonly clock?: PacerClock | undefined;
  /** STREAMON. @throws {V4l2Error} Refuses it. */
  start?(): void;
  stop?(): void;
}

/** The queue of a camera, and the pictures that come in it. */
export class PictureQueue implements QueueOps<PictureBuffer> {
  readonly queue: VideoQueue<PictureBuffer>;
  readonly #options: PictureQueueOptions;
  readonly #pattern: TestPattern;
  readonly #sized;
  /** Buffers to fill, oldest first. */
  #owned: PictureBuffer[] = [];
  #pacer: Pacer | undefined;

  constructor(options: PictureQueueOptions, settings: ConstructorParameters<typeof TestPattern>[0]) {
    this.#options = options;
    this.#pattern = new TestPattern(settings);
    this.#sized = sizedByFormat(() => ({ planes: options.planes() }), true);
    this.queue = new VideoQueue<PictureBuffer>({
      device: options.device,
      type: options.type,
      timestamps: "monotonic",
      io: ["mmap", "userptr", "dmabuf", "read"],
      ops: this,
      memory: new SharedMemoryProvider({ name: `${options.device.name}-capture` }),
      createBuffer: (init) => new PictureBuffer(init),
      minReqBufs: LEAST_BUFFERS,
      fileIoBuffers: READ_BUFFERS,
    });
  }

  /** From the next frame on. */
  configure(settings: Partial<TestPatternSettings>): void {
    this.#pattern.configure(settings);
  }

  /** The interval is another one from now on. */
  intervalChanged(): void {
    const intervalNs = this.#options.intervalNs();
    if (intervalNs !== undefined) this.#pacer?.setInterval(intervalNs);
  }

  queueSetup(ask: SetupRequest): SetupPlan {
    return this.#sized.queueSetup(ask);
  }

  bufPrepare(buffer: PictureBuffer): void {
    this.#sized.bufPrepare(buffer);
    for (const [index, { bytesperline }] of this.#options.planes().entries()) {
      const { bytes } = buffer.plane(index);
      const drawable = buffer.drawable[index];
      if (drawable?.bytes !== bytes || drawable.bytesperline !== bytesperline)
        buffer.drawable[index] = { bytes, bytesperline };
    }
  }

  prepareStreaming(): void {
    this.#options.start?.();
  }

  startStreaming(): void {
    // The pattern is prepared with its first use, which would make the first frame late.
    const first = this.#owned[0];
    if (first !== undefined) this.#pattern.fillPlanes(first.drawable);
    this.#pacer = new Pacer({
      tasks: this.queue.tasks,
      intervalNs: this.#options.intervalNs(),
      clock: this.#options.clock ?? "real",
      onFrame: (sequence, dueNs) => {
        this.#deliver(sequence, dueNs);
      },
    });
    if (this.#owned.length > 0) this.#pacer.poke();
  }

  bufQueue(buffer: PictureBuffer): void {
    this.#owned.push(buffer);
    this.#pacer?.poke();
  }

  stopStreaming(): void {
    this.#pacer?.stop();
    this.#pacer = undefined;
    for (const buffer of this.#owned.splice(0)) this.queue.bufferDone(buffer, "error");
  }

  unprepareStreaming(): void {
    this.#options.stop?.();
  }

  #deliver(sequence: number, timestampNs: bigint): void {
    const { active } = this.#options.device.trace;
    const buffer = this.#owned.shift();
    if (buffer === undefined) {
      if (active) this.queue.frameLost(this.#frame(sequence, timestampNs), "no buffer is queued");
      return;
    }
    const started = active ? monotonicNow() : 0;
    drawFrame(this.#pattern, buffer.drawable, { sequence, timestampNs });
    if (active) {
      const drawNs = monotonicNow() - started;
      this.queue.frameDrawn(buffer, { ...this.#frame(sequence, timestampNs), drawNs });
    }
    this.queue.bufferDone(buffer, "done", { sequence, timestampNs, field: Field.None });
    if (this.#owned.length > 0) this.#pacer?.poke();
  }

  /** For whoever asks why a frame is late, in the time that passes for all: by a virtual clock none is due. */
  #frame(sequence: number, dueNs: bigint): FrameTiming {
    if (this.#options.clock === "virtual")
      return { sequence, dueNs: process.hrtime.bigint(), intervalNs: undefined };
    return { sequence, dueNs, intervalNs: this.#options.intervalNs() };
  }
}
