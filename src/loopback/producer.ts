/** The side of a file that brings frames: a queue of OUTPUT buffers, or `write()`. */
import type { Fract, VideoFormat } from "../v4l2/index.js";
import { BufType, Field, V4l2Error } from "../v4l2/index.js";
import type { QueueOps, SetupPlan, SetupRequest } from "../vb2/index.js";
import { SharedMemoryProvider, VideoBuffer, VideoQueue } from "../vb2/index.js";
import type { QueueDevice } from "../vb2/index.js";
import type { AnyFile } from "../v4l2/index.js";
import { Frame } from "./frame.js";
import type { Hub } from "./hub.js";
import { nearestInterval } from "./rate.js";
import { describeShape, isCompressed, sizedByShape, wishOf } from "./shape.js";
import type { Shape } from "./shape.js";
import type { FrameSource } from "./sides.js";

/** `write()` fills one while another is being converted. */
const WRITE_BUFFERS = 3;
const LEAST_BUFFERS = 2;
const WRAP = 2 ** 32;

/** A buffer that the client has queued, until it is given back: in the order in which they came. */
interface Pending {
  readonly buffer: VideoBuffer;
  isFree: boolean;
}

/** Brings frames: one file at a time does. */
export class Producer implements QueueOps<VideoBuffer>, FrameSource {
  readonly queue: VideoQueue;
  readonly #hub: Hub;
  readonly #sized;
  /** The file has set a format: it knows what it does. */
  #hasSetFormat = false;
  /** What the buffers bring is the picture that stands in for a producer. */
  #bringsImage = false;
  /** While buffers are there: what they hold. */
  #locked: Shape | undefined;
  #arrived: VideoBuffer[] = [];
  #pending: Pending[] = [];
  #sequence = 0;
  #last: { readonly buffer: VideoBuffer; readonly frame: Frame } | undefined;

  constructor(
    hub: Hub,
    device: QueueDevice,
    readonly file: AnyFile,
  ) {
    this.#hub = hub;
    this.#sized = sizedByShape(() => this.shape);
    this.queue = new VideoQueue({
      device,
      file,
      type: BufType.VideoOutput,
      timestamps: hub.options.keepsTimestamps === true ? "copy" : "monotonic",
      io: ["mmap", "userptr", "dmabuf", "write"],
      ops: this,
      memory: new SharedMemoryProvider({ name: `${device.name}-output` }),
      createBuffer: (init) => new VideoBuffer(init),
      minReqBufs: LEAST_BUFFERS,
      fileIoBuffers: WRITE_BUFFERS,
      streamsByWrite: () => this.#hasSetFormat,
      framePerWrite: () => isCompressed(this.shape.pixelformat),
    });
  }

  get shape(): Shape {
    return (this.queue.busy ? this.#locked : undefined) ?? this.#hub.shape;
  }

  /** The newest frame, as long as its memory is there. */
  get lastFrame(): Frame | undefined {
    return this.#last?.frame;
  }

  describe(): VideoFormat {
    return describeShape(this.shape, BufType.VideoOutput);
  }

  try(wish: VideoFormat): VideoFormat {
    return describeShape(this.#hub.answer(wishOf(wish)), BufType.VideoOutput);
  }

  /** @throws {V4l2Error} EBUSY - buffers are allocated, or another file feeds the device. */
  set(wish: VideoFormat): VideoFormat {
    if (this.queue.busy) throw new V4l2Error("EBUSY", "buffers are allocated for the current format");
    if (this.#hub.settings.takesImage) return this.describe();
    const shape = this.#hub.answer(wishOf(wish));
    this.#hub.setShape(this, shape);
    this.#hasSetFormat = true;
    return this.describe();
  }

  /** @throws {V4l2Error} EBUSY */
  setInterval(wish: Fract): void {
    this.#hub.assertFree(this);
    this.#hub.setInterval(nearestInterval(wish, this.#hub.interval));
  }

  /** Before any change of the buffers there are. @throws {V4l2Error} EBUSY - another file feeds the device. */
  assertMine(): void {
    if (!this.#hub.settings.takesImage && !this.#bringsImage) this.#hub.assertFree(this);
  }

  // What the queue asks

  queueSetup(ask: SetupRequest): SetupPlan {
    this.assertMine();
    const shape = this.shape;
    const plan = this.#sized.queueSetup(ask);
    if (!this.queue.busy) this.#bringsImage = this.#hub.settings.takesImage;
    if (!this.#bringsImage) this.#hub.claim(this, shape);
    this.#locked = shape;
    return plan;
  }

  bufOutValidate(buffer: VideoBuffer): void {
    buffer.field = Field.None;
  }

  bufPrepare(buffer: VideoBuffer): void {
    const plane = buffer.plane(0);
    const { pixelformat, sizeimage } = this.shape;
    if (isCompressed(pixelformat)) return;
    this.#sized.bufPrepare(buffer);
    // What the client says of the payload of a picture that is not compressed can only be this.
    plane.bytesused = Math.max(plane.bytesused, sizeimage);
  }

  bufCleanup(buffer: VideoBuffer): void {
    this.#hub.forget(buffer);
  }

  bufQueue(buffer: VideoBuffer): void {
    this.#arrived.push(buffer);
    // The client is answered first: its buffer is queued, and then it is done.
    if (this.#arrived.length === 1) queueMicrotask(() => this.queue.tasks.run(() => this.#deliver()));
  }

  startStreaming(): void {
    this.#sequence = 0;
  }

  stopStreaming(): void {
    if (!this.#bringsImage) this.#hub.stopped(this.#last?.frame);
    this.#last = undefined;
    const kept = [...this.#pending.splice(0).map(({ buffer }) => buffer), ...this.#arrived.splice(0)];
    for (const buffer of kept) this.queue.bufferDone(buffer, "error");
  }

  #deliver(): void {
    for (const buffer of this.#arrived.splice(0)) {
      const pending: Pending = { buffer, isFree: false };
      this.#pending.push(pending);
      buffer.sequence = this.#sequence;
      this.#sequence = (this.#sequence + 1) % WRAP;
      const plane = buffer.plane(0);
      const { memory } = plane;
      if (memory === undefined) throw new Error("a queued buffer has memory");
      const { keepsTimestamps } = this.#hub.options;
      const timestampNs =
        keepsTimestamps === true && this.queue.fileIo === undefined ? buffer.timestampNs : this.#hub.now();
      const shape = this.shape;
      const length = isCompressed(shape.pixelformat) ? plane.bytesused : shape.sizeimage + plane.dataOffset;
      const bytes = plane.bytes.subarray(plane.dataOffset, length);
      const frame = new Frame(shape, bytes, { plane: memory, offset: plane.dataOffset }, timestampNs, () => {
        pending.isFree = true;
        this.#giveBack();
      });
      if (this.#bringsImage) {
        this.#hub.standby.useFrame(frame);
      } else {
        this.#last = { buffer, frame };
        this.#hub.offer(frame);
      }
      if (keepsTimestamps !== true) buffer.timestampNs = timestampNs;
      frame.release();
    }
  }

  #giveBack(): void {
    while (this.#pending[0]?.isFree === true) {
      const { buffer } = this.#pending[0];
      this.#pending.shift();
      this.queue.bufferDone(buffer, "done", { field: Field.None });
    }
  }
}

/** What producers are offered first: what is set. */
export function producerFormatAt(
  index: number,
  formats: readonly number[],
  first: number,
): number | undefined {
  if (index === 0) return first;
  return formats.filter((format) => format !== first)[index - 1];
}
