/** The side of a file that gets frames: a CAPTURE queue with a format, a size and a rate of its own. */
import { ConversionError } from "../convert/index.js";
import type { AnyFile, DriverTask, Fract, VideoFormat } from "../v4l2/index.js";
import { BufType, Field, traceTimes, V4l2Error } from "../v4l2/index.js";
import type { QueueDevice, QueueOps, SetupPlan, SetupRequest } from "../vb2/index.js";
import { SharedMemoryProvider, VideoBuffer, VideoQueue } from "../vb2/index.js";
import type { Frame } from "./frame.js";
import type { Hub } from "./hub.js";
import { nanoseconds, nearestInterval, RateLimit } from "./rate.js";
import {
  commonFormats,
  describeShape,
  drawableFormat,
  isCompressed,
  isSameLayout,
  listedSizes,
  nearestShape,
  nearestSize,
  shapeText,
  sizedByShape,
  wishOf,
} from "./shape.js";
import type { Shape, Size } from "./shape.js";
import type { FrameSink } from "./sides.js";

/** What it has of its process: V4L2 wants that files of one program which say nothing else are one camera. */
export interface Fellows {
  /** The consumers of the same process, without this one. */
  others(): Iterable<Consumer>;
}

/** One is being filled, the other is the client's. */
const LEAST_BUFFERS = 2;
/** `read()` uses so many: a client that is held up for a moment loses no frame. */
export const READ_BUFFERS = 4;
const WRAP = 2 ** 32;
/** Of settings, of all files. */
let turns = 0;

/** Gets frames, or what stands in for them. */
export class Consumer implements QueueOps<VideoBuffer>, FrameSink {
  readonly queue: VideoQueue;
  readonly #hub: Hub;
  readonly #device: QueueDevice;
  readonly #fellows: Fellows;
  readonly #sized;
  /** What the file has set by S_FMT; else it follows the producer. */
  #chosen: Shape | undefined;
  #chosenTurn = 0;
  #isAlone = false;
  /** While buffers are there: what they hold. */
  #locked: Shape | undefined;
  /** What the file has set by S_PARM; else all frames are its. */
  #interval: Fract | undefined;
  #intervalTurn = 0;
  readonly #rate = new RateLimit();
  #owned: VideoBuffer[] = [];
  /** The buffer that is being converted into; one at a time. */
  #converting: VideoBuffer | undefined;
  /** When that was begun. */
  #begunNs = 0n;
  #ticks: DriverTask | undefined;
  #sequence = 0;
  /** No frame has come since the last tick. */
  #isLate = false;
  /** This stream has had a frame that could not be converted, and the log has said so. */
  #hasFailed = false;

  constructor(hub: Hub, device: QueueDevice, file: AnyFile, fellows: Fellows) {
    this.#hub = hub;
    this.#device = device;
    this.#fellows = fellows;
    this.#sized = sizedByShape(() => this.shape);
    this.queue = new VideoQueue({
      device,
      file,
      type: BufType.VideoCapture,
      timestamps: "monotonic",
      io: ["mmap", "userptr", "dmabuf", "read"],
      ops: this,
      memory: new SharedMemoryProvider({ name: `${device.name}-capture` }),
      createBuffer: (init) => new VideoBuffer(init),
      minReqBufs: LEAST_BUFFERS,
      fileIoBuffers: READ_BUFFERS,
    });
  }

  // Formats

  get shape(): Shape {
    return (this.queue.busy ? this.#locked : undefined) ?? this.#wanted;
  }

  /** Its own, or what its program has set with another file, or what the producer brings. */
  get #wanted(): Shape {
    return this.#newest(({ chosen }) => chosen) ?? this.#hub.shape;
  }

  /** What the file has set by S_FMT, and when: a count of all settings. */
  get chosen(): { readonly turn: number; readonly value: Shape } | undefined {
    return this.#chosen && { turn: this.#chosenTurn, value: this.#chosen };
  }

  /** The same of S_PARM. */
  get chosenInterval(): { readonly turn: number; readonly value: Fract } | undefined {
    return this.#interval && { turn: this.#intervalTurn, value: this.#interval };
  }

  /** It has set a format while another file of its program had buffers: it is a consumer of its own. */
  get isAlone(): boolean {
    return this.#isAlone;
  }

  #newest<Value>(
    of: (consumer: Consumer) => { readonly turn: number; readonly value: Value } | undefined,
  ): Value | undefined {
    let newest = of(this);
    if (this.isAlone) return newest?.value;
    for (const other of this.#fellows.others()) {
      const set = other.isAlone ? undefined : of(other);
      if (set !== undefined && set.turn >= (newest?.turn ?? 0)) newest = set;
    }
    return newest?.value;
  }

  /**
   * Before any change of the buffers there are.
   * @throws {V4l2Error} EBUSY - another file of its program has buffers, and this one has set no format since since.
   */
  assertMine(): void {
    if (this.isAlone || this.queue.busy) return;
    for (const { queue } of this.#fellows.others())
      if (queue.busy)
        throw new V4l2Error(
          "EBUSY",
          "another file of the program captures; this one has set no format since",
        );
  }

  /** What can be asked for, the producer's first. */
  get formats(): readonly number[] {
    const { shape, converter } = this.#hub;
    const others = this.#hub.isBound
      ? (converter?.formats ?? []).filter((other) =>
          this.#hub.reaches(nearestShape({ pixelformat: other }, shape)),
        )
      : (converter?.formats ??
        (this.#hub.followsWishes ? commonFormats.filter((each) => !isCompressed(each)) : []));
    return [...new Set([shape.pixelformat, ...others])];
  }

  /** Sizes of a format, the producer's first. */
  sizes(pixelformat: number): readonly Size[] {
    if (!this.formats.includes(pixelformat)) return [];
    const { shape, isBound, followsWishes } = this.#hub;
    const { width, height } = shape;
    const first = { width, height };
    const isFixed = isBound
      ? !this.#hub.reaches(nearestShape({ pixelformat, width: 16, height: 16 }, shape))
      : !followsWishes && this.#hub.converter === undefined;
    if (isFixed) return [first];
    return [first, ...listedSizes.filter((size) => size.width !== width || size.height !== height)];
  }

  describe(): VideoFormat {
    return describeShape(this.shape, BufType.VideoCapture);
  }

  try(wish: VideoFormat): VideoFormat {
    return describeShape(this.#nearest(wish), BufType.VideoCapture);
  }

  /** @throws {V4l2Error} EBUSY - buffers are allocated. */
  set(wish: VideoFormat): VideoFormat {
    if (this.queue.busy) throw new V4l2Error("EBUSY", "buffers are allocated for the current format");
    for (const { queue } of this.#fellows.others()) if (queue.busy) this.#isAlone = true;
    this.#chosen = this.#nearest(wish);
    this.#chosenTurn = ++turns;
    return this.describe();
  }

  #nearest(format: VideoFormat): Shape {
    const wish = wishOf(format);
    const { shape } = this.#hub;
    const known = wish.pixelformat !== undefined && this.formats.includes(wish.pixelformat);
    const pixelformat = known ? (wish.pixelformat ?? shape.pixelformat) : shape.pixelformat;
    const sizes = this.sizes(pixelformat);
    const size = nearestSize({ width: wish.width ?? 0, height: wish.height ?? 0 }, sizes);
    if (pixelformat === shape.pixelformat && size.width === shape.width && size.height === shape.height)
      return shape;
    return nearestShape({ pixelformat, ...size }, shape);
  }

  // Rates

  get interval(): Fract {
    return this.#newest(({ chosenInterval }) => chosenInterval) ?? this.#hub.interval;
  }

  setInterval(wish: Fract): void {
    this.#interval = nearestInterval(wish, this.#hub.interval);
    this.#intervalTurn = ++turns;
    this.#rate.restart();
    if (this.#ticks !== undefined) this.#tick();
  }

  // What the queue asks

  queueSetup(ask: SetupRequest): SetupPlan {
    this.assertMine();
    if (!this.queue.busy) this.#locked = this.#wanted;
    return this.#sized.queueSetup(ask);
  }

  bufPrepare(buffer: VideoBuffer): void {
    this.#sized.bufPrepare(buffer);
  }

  bufCleanup(buffer: VideoBuffer): void {
    this.#hub.forget(buffer);
  }

  bufQueue(buffer: VideoBuffer): void {
    this.#owned.push(buffer);
  }

  startStreaming(): void {
    this.#sequence = 0;
    this.#hasFailed = false;
    this.#rate.restart();
    this.#hub.started(this);
    this.#tick();
  }

  stopStreaming(): void {
    this.#ticks = undefined;
    this.#hub.stoppedConsumer(this);
    const converting = this.#converting;
    this.#converting = undefined;
    if (converting !== undefined) this.queue.bufferDone(converting, "error");
    for (const buffer of this.#owned.splice(0)) this.queue.bufferDone(buffer, "error");
  }

  // Frames

  /** The producer has brought a frame. */
  offer(frame: Frame): void {
    if (!this.#hub.reaches(this.shape)) return;
    const nowNs = this.#hub.now();
    if (!this.#rate.takes(nowNs, this.#interval && nanoseconds(this.#interval))) return;
    if (this.#converting !== undefined) {
      const drawNs = Number(nowNs - this.#begunNs);
      this.#lose({ dueNs: nowNs, drawNs }, "the one before it is being converted");
    } else if (this.#owned.length === 0) this.#lose({ dueNs: nowNs }, "no buffer is queued");
    else this.#take(frame);
  }

  /** A frame is not given to the client, who sees that by the sequence numbers. */
  #lose(frame: { readonly dueNs: bigint; readonly drawNs?: number }, reason: string): void {
    const sequence = this.#count();
    if (!this.#device.trace.active) return;
    this.queue.frameLost({ ...frame, sequence, intervalNs: nanoseconds(this.interval) }, reason);
  }

  #count(): number {
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) % WRAP;
    return sequence;
  }

  #tick(): void {
    this.#ticks?.stop();
    const intervalMs = Number(nanoseconds(this.interval)) / 1e6;
    this.#ticks = this.queue.tasks.every(intervalMs, () => {
      const isLate = this.#isLate;
      this.#isLate = true;
      if (!this.#hub.isFed || !this.#hub.reaches(this.shape)) this.#standIn();
      else if (isLate && this.#hub.settings.sustainsRate) this.#again();
    });
  }

  #again(): void {
    const last = this.#hub.standby.lastFrame(this.#hub.now());
    if (last !== undefined && this.#converting === undefined && this.#canTake(last.shape)) this.#take(last);
  }

  /** While nobody brings frames. A client that has no buffer queued misses nothing. */
  #standIn(): void {
    const [buffer] = this.#owned;
    if (buffer === undefined || this.#converting !== undefined) return;
    const { standby } = this.#hub;
    const nowNs = this.#hub.now();
    const last = standby.lastFrame(nowNs);
    if (last !== undefined && this.#canTake(last.shape)) {
      this.#take(last);
      return;
    }
    const { shape } = this;
    const picture = standby.pictureFor(shape, nowNs);
    if (picture !== undefined && this.#canTake(picture.shape)) {
      this.#take(picture, (bytes) => standby.keepPicture(shape, bytes));
      return;
    }
    const lines = this.#hub.lines(shape);
    if (drawableFormat(shape.pixelformat) !== undefined) {
      this.#begunNs = nowNs;
      standby.drawBars(shape, buffer.plane(0).bytes, lines);
      this.#owned.shift();
      this.#done(buffer, shape.sizeimage, nowNs);
      return;
    }
    const bars = standby.barsFrame(shape, lines, nowNs);
    if (this.#canTake(bars.shape)) this.#take(bars);
  }

  #canTake(shape: Shape): boolean {
    return isSameLayout(shape, this.shape) || (this.#hub.converter?.converts(shape, this.shape) ?? false);
  }

  /** @param made - Called with what a conversion has made. */
  #take(frame: Frame, made: (bytes: Uint8Array) => void = () => undefined): void {
    const buffer = this.#owned.shift();
    if (buffer === undefined) return;
    const plane = buffer.plane(0);
    const { bytes } = frame;
    this.#begunNs = this.#hub.now();
    if (isSameLayout(frame.shape, this.shape)) {
      if (bytes.length > plane.length) {
        this.#owned.unshift(buffer);
        this.#lose({ dueNs: this.#begunNs }, "it does not fit into the buffer");
        return;
      }
      plane.bytes.set(bytes);
      this.#done(buffer, bytes.length, frame.timestampNs);
      return;
    }
    const { converter } = this.#hub;
    const { memory } = plane;
    if (converter === undefined || memory === undefined) throw new Error("no converter, or no memory");
    this.#converting = buffer;
    frame.hold();
    converter
      .convert(this, frame, this.shape, memory)
      .then(
        (bytesused) => {
          if (this.#converting === buffer) made(plane.bytes.subarray(0, bytesused));
          this.#converted(buffer, bytesused, frame.timestampNs);
        },
        (error: unknown) => {
          if (this.#converting === buffer) this.#sayFailed(frame.shape, error);
          this.#converted(buffer, undefined, frame.timestampNs);
        },
      )
      .finally(() => frame.release());
  }

  /** The client waits for a frame, and cannot know why none comes. Once for each stream. */
  #sayFailed(from: Shape, error: unknown): void {
    if (this.#hasFailed || (error instanceof ConversionError && error.failure === "closed")) return;
    this.#hasFailed = true;
    const why = error instanceof Error ? error.message : String(error);
    const text = `a frame is dropped: ${shapeText(from)} cannot become ${shapeText(this.shape)}: ${why}`;
    const { name, trace } = this.#device;
    trace.message({ kind: "message", ...traceTimes(), device: name, level: "warning", text });
  }

  /** @param bytesused - Undefined: it came to nothing. */
  #converted(buffer: VideoBuffer, bytesused: number | undefined, timestampNs: bigint): void {
    // The stream has ended meanwhile, and with it whose the buffer was.
    if (this.#converting !== buffer) return;
    this.#converting = undefined;
    if (bytesused !== undefined) {
      this.#done(buffer, bytesused, timestampNs);
      return;
    }
    this.#owned.unshift(buffer);
    this.#lose({ dueNs: this.#begunNs }, "it could not be converted");
  }

  /** The buffer holds the frame that was begun last. */
  #done(buffer: VideoBuffer, bytesused: number, timestampNs: bigint): void {
    this.#isLate = false;
    const sequence = this.#count();
    if (this.#device.trace.active) {
      const drawNs = Number(this.#hub.now() - this.#begunNs);
      const intervalNs = nanoseconds(this.interval);
      this.queue.frameDrawn(buffer, { sequence, dueNs: this.#begunNs, drawNs, intervalNs });
    }
    this.queue.bufferDone(buffer, "done", {
      sequence,
      timestampNs,
      field: Field.None,
      bytesused: [bytesused],
    });
  }
}
