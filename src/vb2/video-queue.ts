/** A queue of V4L2 buffers, as a driver declares and uses it. The client's verbs are in `v4l2.ts`. */
import {
  BufFlag,
  DEFAULT_PATIENCE_MS,
  DriverBugs,
  DriverTasks,
  isOutput,
  isVideoBufType,
  stepTime,
  traceTimes,
  TraceStream,
  V4l2Error,
  wallTime,
} from "../v4l2/index.js";
import type {
  AnyFile,
  Buffer,
  BufferKey,
  BufType,
  Call,
  DriverBug,
  Field,
  RequestResolver,
  WatchedQueue,
} from "../v4l2/index.js";
import { ClosedOwner } from "./closed-owner.js";
import { BufferQueue } from "./core.js";
import type { DoneState } from "./buffer-user.js";
import { frameEvent, stateOfClient, type DrawnFrame, type FrameTiming } from "./frame-event.js";
import { FileIo } from "./io.js";
import { MappedFlag } from "./mapped-flag.js";
import type { QueueConfig } from "./queue-config.js";
import type { BufferState } from "./state.js";
import { describeBuffer } from "./video-buffer.js";
import type { BufferTraits, VideoBuffer } from "./video-buffer.js";

/** `VIDEO_MAX_FRAME`: the most buffers a queue can have, as clients knew it before kernel 6.8. */
const EXPECTED_BUFFERS = 32;
/** An event tells so much of what a buffer holds. */
const DATA_PIECE_BYTES = 64 * 1024;

/** What a queue needs of the device that it is of; a `VideoDevice` is one. */
export interface QueueDevice {
  readonly name: string;
  readonly trace: TraceStream;
  readonly patienceMs: number;
  /** Where the queue can be found by whoever watches the device. */
  readonly queues?: Set<WatchedQueue>;
  reportBug(bug: DriverBug): void;
}

/** What a queue is like: type, memory, time stamps, and its driver's ops. */
export interface VideoQueueConfig<B extends VideoBuffer> extends Omit<
  QueueConfig<B>,
  "name" | "isOutput" | "copyTimestamp"
> {
  readonly type: BufType;
  /** The device, or its node name, `"video0"`: for messages, and with a device for its trace. */
  readonly device: string | QueueDevice;
  /**
   * "monotonic": buffers carry the time of the hardware, which the driver sets in `bufferDone`.
   * "copy": CAPTURE buffers carry the time stamps of the OUTPUT buffers that they were made from (mem2mem).
   */
  readonly timestamps: "monotonic" | "copy";
  /** Monotonic time stamps are of the frame's start (`TSTAMP_SRC_SOE`), not of its end. */
  readonly timestampsAtStart?: boolean;
  /** OUTPUT: a payload of 0 bytes means just that (old codecs end a stream with it), not a full plane. */
  readonly allowZeroBytesused?: boolean;
  /** OUTPUT: `V4L2_BUF_FLAG_M2M_HOLD_CAPTURE_BUF` works. */
  readonly supportsHold?: boolean;
  /**
   * CREATE_BUFS tells `maxNumBuffers`. Default: when it is not 32, which clients expect anyway.
   * Differs from vb2, which always tells: uAPI headers before 6.8 call that field reserved, and v4l2-compliance before
   * 1.28 fails when it is not zero.
   */
  readonly tellsMaxNumBuffers?: boolean;
  /** write(): queue a buffer after each call, full or not. */
  readonly writeImmediately?: boolean;
  /** Finds the requests that clients name; with `supportsRequests`. */
  readonly requests?: RequestResolver;
  /** Of the `device`, unless given. */
  readonly trace?: TraceStream;
  /** mem2mem: the file that the queue belongs to, for traces. */
  readonly file?: AnyFile;
}

/** What a driver says of a buffer that it gives back; what is left out stays as it is in the buffer. */
export interface DoneDetails {
  readonly timestampNs?: bigint;
  readonly sequence?: number;
  readonly field?: Field;
  /** {@link BufFlag} bits to set: `Keyframe`, `Last`, ... */
  readonly flags?: number;
  /** Payload per plane, bytes. */
  readonly bytesused?: readonly number[];
}

/**
 * A queue of buffers (`struct vb2_queue`): clients use it through {@link bufferOps}, its driver through {@link
 * QueueOps}.
 */
export class VideoQueue<B extends VideoBuffer = VideoBuffer> extends BufferQueue<B> {
  readonly type: BufType;
  readonly traits: BufferTraits;
  readonly requests: RequestResolver | undefined;
  /** The file that allocated the buffers or reads and writes; others get EBUSY. */
  owner: AnyFile | undefined;

  /**
   * The driver's own timers and promises of one stream: they can be asked for as soon as the driver is given buffers, and end
   * before `stopStreaming`. If one throws, the queue has failed: QBUF and DQBUF are EIO until STREAMOFF.
   */
  readonly tasks: DriverTasks;

  readonly #video: VideoQueueConfig<B>;
  readonly #device: QueueDevice;
  #io: FileIo<B> | undefined;
  #warnedOfZero = false;
  readonly #mapped = new MappedFlag();
  /** Buffers "queued", "active", and "done" or "error". */
  #waiting = 0;
  #driven = 0;
  #finished = 0;
  /** The owner's file is closed, and buffers of it are mapped. */
  #closedOwner: ClosedOwner | undefined;

  constructor(config: VideoQueueConfig<B>) {
    const output = isOutput(config.type);
    const copyTimestamp = config.timestamps === "copy";
    const device = deviceOf(config);
    super({
      offsetBase: (output ? 0x4000_0000 : 0) + (isVideoBufType(config.type) ? 0 : 0x8000_0000),
      ...config,
      name: `${device.name} ${output ? "output" : "capture"}`,
      isOutput: output,
      copyTimestamp,
    });
    if (this.supportsRequests && output && config.ops.bufOutValidate === undefined) {
      throw new RangeError(`queue ${this.name}: supportsRequests without bufOutValidate`);
    }
    if (this.supportsRequests && config.requests === undefined) {
      throw new RangeError(`queue ${this.name}: supportsRequests without requests`);
    }
    this.type = config.type;
    this.requests = this.supportsRequests ? config.requests : undefined;
    this.#video = config;
    this.#device = device;
    const where = `a task of ${this.name}`;
    this.tasks = new DriverTasks(
      {
        patienceMs: device.patienceMs,
        failed: (error, isOver) => (isOver ? this.reportBug(where, error) : this.fail(where, error)),
        late: (error) => device.reportBug({ where, error }),
      },
      false,
    );
    const source = config.timestampsAtStart === true ? BufFlag.TstampSrcSoe : BufFlag.TstampSrcEof;
    this.traits = {
      type: config.type,
      copyTimestamp,
      timestampFlags: copyTimestamp ? BufFlag.TimestampCopy : BufFlag.TimestampMonotonic | source,
      allowZeroBytesused: config.allowZeroBytesused ?? false,
      supportsHold: config.supportsHold ?? false,
    };
    device.queues?.add(this);
  }

  /** mem2mem: the file that the queue is part of. */
  get file(): AnyFile | undefined {
    return this.#video.file;
  }

  /** How clients may bring and fetch data. */
  get io(): VideoQueueConfig<B>["io"] {
    return this.#video.io;
  }

  /** Does CREATE_BUFS tell how many buffers there can be? */
  get tellsMaxNumBuffers(): boolean {
    return this.#video.tellsMaxNumBuffers ?? this.maxNumBuffers !== EXPECTED_BUFFERS;
  }

  /** @param without - {@link BufFlag} bits that are not told. */
  describe(buffer: B, without = 0): Buffer {
    return describeBuffer(buffer, this.traits, without);
  }

  /** A buffer on its way between the client and the driver, as the owner's call is told of it. */
  describeTo(call: Call, buffer: B, without = 0): Buffer {
    this.#mapped.passing(buffer, call, this.streaming);
    return this.describe(buffer, without);
  }

  /** QUERYBUF. Only the owner's processes can be looked at. */
  query(call: Call, file: AnyFile, buffer: B): Buffer {
    if (file === this.owner) this.#mapped.query(buffer, call);
    return this.describe(buffer);
  }

  /**
   * The driver gives a buffer back. A mistake (it does not own the buffer, a payload is larger than its plane, a value of
   * the wrong type) is reported; the buffer goes back in error, and the queue has failed: QBUF and DQBUF are EIO until
   * STREAMOFF.
   */
  override bufferDone(buffer: B, state: DoneState = "done", details?: DoneDetails): void {
    if (details === undefined || buffer.state !== "active") {
      super.bufferDone(buffer, state);
      return;
    }
    try {
      takeDetails(buffer, details);
    } catch (error) {
      super.bufferDone(buffer, "error");
      this.fail("bufferDone", error);
      return;
    }
    super.bufferDone(buffer, state);
  }

  // read() and write()

  /** Is the queue used with read() or write()? */
  get fileIo(): FileIo<B> | undefined {
    return this.#io;
  }

  /** @throws {V4l2Error} EBUSY - read() or write() is going on. */
  assertNoFileIo(): void {
    if (this.#io !== undefined) throw new V4l2Error("EBUSY", "read() or write() uses the queue");
  }

  /** @throws {V4l2Error} as `FileIo.start`. */
  startFileIo(mode: "read" | "write"): FileIo<B> {
    this.#io ??= FileIo.start(this, mode, {
      buffers: this.#video.fileIoBuffers ?? this.minReqBufs,
      writeImmediately: this.#video.writeImmediately ?? false,
      copyTimestamp: this.traits.copyTimestamp,
      framePerWrite: this.#video.framePerWrite?.() ?? false,
    });
    return this.#io;
  }

  /** Does STREAMON without buffers announce `write()`? */
  get streamsByWrite(): boolean {
    return this.isOutput && this.numBuffers === 0 && this.#video.streamsByWrite?.() === true;
  }

  /**
   * STREAMOFF of a client that announced `write()` with STREAMON: gives the queue back, without buffers.
   * @returns false: it did not.
   */
  endFileIo(): boolean {
    if (this.#video.streamsByWrite?.() !== true || this.#io === undefined) return false;
    this.#io.stop();
    this.#io = undefined;
    this.owner = undefined;
    return true;
  }

  override release(): void {
    this.#closedOwner?.stop();
    this.#closedOwner = undefined;
    this.#io = undefined;
    this.owner = undefined;
    super.release();
  }

  // Ownership

  /** Is the queue another file's? */
  isForeign(file: AnyFile): boolean {
    this.#closedOwner?.check();
    return this.owner !== undefined && this.owner !== file;
  }

  /** @throws {V4l2Error} EBUSY - the queue is another file's. */
  assertOwner(file: AnyFile): void {
    if (this.isForeign(file)) {
      const after = this.#closedOwner === undefined ? "" : ", which is closed, but has buffers mapped";
      throw new V4l2Error("EBUSY", `the queue belongs to ${nameOf(this.owner)}${after}`);
    }
  }

  override get busy(): boolean {
    this.#closedOwner?.check();
    return super.busy;
  }

  /**
   * `file` is closed: when the queue was its own, or nobody's, everything ends; as soon as no client has a buffer of it
   * mapped any more, if other files can use the queue.
   */
  releaseFile(file: AnyFile): void {
    this.removePoller(file);
    if (this.#video.file === file) this.#device.queues?.delete(this);
    if (this.owner !== undefined && this.owner !== file) return;
    const isShared = this.#video.file === undefined;
    const isMapped = (): boolean => file.device?.registered !== false && this.#isStillMapped;
    if (this.owner === undefined || !isShared || !isMapped()) this.release();
    else this.#closedOwner = new ClosedOwner(isMapped, () => this.release());
  }

  get #isStillMapped(): boolean {
    if (this.memory !== "mmap" || this.#io !== undefined) return false;
    return this.buffers().some(({ planes }) => planes.some(({ users }) => users?.isStillMapped() === true));
  }

  // What the world hears

  /** A client queued an OUTPUT buffer with a payload of 0 bytes. Said once. */
  noteZeroBytesused(): void {
    if (this.#warnedOfZero) return;
    this.#warnedOfZero = true;
    this.#message(
      "warning",
      this.traits.allowZeroBytesused
        ? "a client ends a stream with bytesused 0; VIDIOC_DECODER_CMD with STOP is the way that lasts"
        : "a client queues with bytesused 0, which is taken for the whole plane; it should say the actual size",
    );
  }

  /** A frame was drawn into a buffer, which is still the driver's: for whoever asks why frames are late. */
  frameDrawn({ index }: B, frame: DrawnFrame): void {
    const { trace, name } = this.#device;
    if (trace.active) trace.emit(frameEvent(name, { file: this.#fileId, type: this.type, index }, frame));
  }

  /**
   * A frame was due, and no buffer could be given to it.
   * @param frame - `drawNs`: how long the frame before it has been drawn, if that is why.
   * @param reason - A few words: "no buffer is queued".
   */
  frameLost(frame: FrameTiming & Partial<DrawnFrame>, reason: string): void {
    const { trace, name } = this.#device;
    if (!trace.active) return;
    const key = { file: this.#fileId, type: this.type, index: undefined };
    trace.emit(frameEvent(name, key, frame, reason, stateOfClient(this.owner)));
  }

  protected override reportBug(op: string, error: unknown): void {
    const outcome = this.failed ? "the queue has failed until STREAMOFF" : undefined;
    this.#device.reportBug({ where: op.includes(this.name) ? op : `${op} of ${this.name}`, error, outcome });
  }

  protected override onStream(isOn: boolean): void {
    if (isOn) this.tasks.open();
    else this.tasks.end();
  }

  #message(level: "warning", text: string): void {
    const { trace, name: device } = this.#device;
    trace.message({ kind: "message", ...traceTimes(), device, level, text: `${this.name}: ${text}` });
  }

  protected override keyOf({ index }: B): BufferKey {
    return { file: this.#fileId, type: this.type, index };
  }

  get #fileId(): bigint | undefined {
    return this.#video.file?.id ?? this.owner?.id;
  }

  protected override onTransition(buffer: B, from: BufferState, to: BufferState): void {
    this.#count(from, -1);
    this.#count(to, 1);
    const { trace, name: device } = this.#device;
    if (!trace.active) return;
    // An instant within a call. A log for people shows it; recordings do without two of six records for each frame.
    if (trace.dataBytes > 0 && isOutput(this.type)) {
      // In a request, our own memory is what the client fills; another's is not ours before the request is queued.
      const isBound = buffer.memory === "mmap" && buffer.request !== undefined;
      if (to === "in-request" ? from === "dequeued" && buffer.memory === "mmap" : to === "queued" && !isBound)
        this.#tellData(buffer, to === "in-request");
    }
    if ((to === "preparing" || from === "preparing") && !trace.isShown) return;
    // What the driver does with a buffer takes time; the rest is a matter of a call's words.
    const monotonicNs = stepTime(to === "done" || to === "error");
    trace.emit({
      kind: "buffer",
      timeMs: wallTime(monotonicNs),
      monotonicNs,
      device,
      file: this.#fileId,
      type: this.type,
      index: buffer.index,
      from,
      to,
      sequence: buffer.sequence,
      timestampNs: buffer.timestampNs,
      bytesused: buffer.planes.map((plane) => plane.bytesused),
      request: buffer.request?.name,
      queued: this.#waiting,
      active: this.#driven,
      done: this.#finished,
      buffers: this.numBuffers,
    });
  }

  /**
   * What the client queued. In pieces that have a place in any recording.
   * @param isAhead - The planes do not have yet what the client says of them.
   */
  #tellData({ index, planes }: B, isAhead: boolean): void {
    const { trace, name: device } = this.#device;
    for (const [place, plane] of planes.entries()) {
      if (plane.memory === undefined) continue;
      const said = isAhead ? plane.input.bytesused || plane.length : plane.bytesused;
      const bytesused = Math.min(said, plane.bytes.byteLength);
      const bytes = plane.bytes.subarray(0, Math.min(bytesused, trace.dataBytes));
      for (let offset = 0; offset < bytes.byteLength; offset += DATA_PIECE_BYTES) {
        trace.emitData({
          kind: "data",
          ...traceTimes(),
          device,
          file: this.#fileId,
          type: this.type,
          index,
          plane: place,
          offset,
          bytesused,
          bytes: bytes.subarray(offset, offset + DATA_PIECE_BYTES),
        });
      }
    }
  }

  /** Keeps the depths that events tell. Those of core.ts change before or after the state, and mean other things. */
  #count(state: BufferState, by: 1 | -1): void {
    if (state === "queued") this.#waiting += by;
    else if (state === "active") this.#driven += by;
    else if (state === "done" || state === "error") this.#finished += by;
  }
}

/** `ffmpeg[123] (file 2)` */
function nameOf(file: AnyFile | undefined): string {
  if (file === undefined) return "nobody";
  const { id, client } = file;
  return client === undefined ? `file ${id}` : `${client.comm}[${client.pid}] (file ${id})`;
}

/** A queue that is declared with a name only reports its driver's mistakes by itself. */
function deviceOf<B extends VideoBuffer>({ device, trace }: VideoQueueConfig<B>): QueueDevice {
  if (typeof device !== "string" && trace === undefined) return device;
  const name = typeof device === "string" ? device : device.name;
  const events = trace ?? new TraceStream();
  const bugs = new DriverBugs({ name }, events);
  return { name, trace: events, patienceMs: DEFAULT_PATIENCE_MS, reportBug: (bug) => bugs.report(bug) };
}

/** @throws {RangeError | TypeError} Nothing that a buffer could carry: a mistake of the driver. */
function takeDetails(buffer: VideoBuffer, details: DoneDetails): void {
  const {
    timestampNs = buffer.timestampNs,
    sequence = buffer.sequence,
    field = buffer.field,
    flags = 0,
  } = details;
  if (typeof timestampNs !== "bigint")
    throw new TypeError(`timestampNs is a ${typeof timestampNs}, not a bigint`);
  assertUint32("sequence", sequence);
  assertUint32("field", field);
  assertUint32("flags", flags);
  buffer.timestampNs = timestampNs;
  buffer.sequence = sequence;
  buffer.field = field;
  buffer.flags |= flags;
  for (const [index, bytesused] of (details.bytesused ?? []).entries())
    buffer.plane(index).bytesused = bytesused;
}

function assertUint32(name: string, value: unknown): void {
  if (value === Number(value) >>> 0) return;
  throw new TypeError(`${name} is ${String(value)}, not an integer of 32 bits`);
}
