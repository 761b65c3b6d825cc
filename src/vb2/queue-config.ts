/** What a driver supplies for one queue: its ops, named after `struct vb2_ops`, and what the queue is like. */
import type { BufferInit, MemoryModel, QueueBuffer } from "./buffer.js";
import type { MemoryProvider } from "./memory.js";

/** What `queueSetup` is asked. */
export interface SetupRequest {
  /** Buffers that are about to be allocated. */
  readonly count: number;
  /** Buffers that are there already; 0 on REQBUFS. */
  readonly allocated: number;
  readonly memory: MemoryModel;
  /**
   * CREATE_BUFS: the plane sizes, bytes, that the client asks for: check them.
   * `undefined` on REQBUFS: use the format that is set.
   */
  readonly planeSizes: readonly number[] | undefined;
}

/** What `queueSetup` answers: how many buffers of which size. */
export interface SetupPlan {
  /** More or fewer buffers than asked for, as the driver needs. */
  readonly count: number;
  /** One size, bytes, per plane; 1 to 8 planes, no size 0. */
  readonly planeSizes: readonly number[];
}

/**
 * What a driver does for one queue. Nothing here may wait: the ops run inside a client's call.
 * Those that can refuse throw V4l2Error; an exception in the others is reported as the driver's bug.
 */
export interface QueueOps<B extends QueueBuffer> {
  /**
   * Sizes the planes. Runs before allocation, and again if fewer buffers fit than asked.
   * @throws {V4l2Error} EINVAL - CREATE_BUFS asked for planes that are too few or too small.
   */
  queueSetup(ask: SetupRequest): SetupPlan;
  /** A buffer got memory (again). May refuse; fewer buffers, or QBUF, fail then. */
  bufInit?(buffer: B): void;
  /** OUTPUT queues: checks (or corrects) what the client said, `field` above all, before a buffer is queued. */
  bufOutValidate?(buffer: B): void;
  /** Every QBUF and PREPARE_BUF. Drivers with CREATE_BUFS check the plane sizes here. May refuse. */
  bufPrepare?(buffer: B): void;
  /** The pair of `bufPrepare`: before the client gets the buffer back, in state "done" or "error" or, after a cancel, "queued" or "dequeued". */
  bufFinish?(buffer: B): void;
  /** The pair of `bufInit`. */
  bufCleanup?(buffer: B): void;
  /** STREAMON. May refuse. */
  prepareStreaming?(): void;
  /**
   * Streaming starts; `count` buffers were given already.
   * To refuse, give them back with `bufferDone(buffer, "queued")` and throw.
   */
  startStreaming?(count: number): void;
  /** Give back every owned buffer, "done" or "error", before returning. */
  stopStreaming?(): void;
  unprepareStreaming?(): void;
  /** The driver owns `buffer` from here until it calls `queue.bufferDone(buffer, ...)`. Must not throw. */
  bufQueue(buffer: B): void;
  /**
   * A buffer of a queued request is cancelled before the driver got it: complete the request's other objects.
   * Required with `supportsRequests`.
   */
  bufRequestComplete?(buffer: B): void;
}

/** A way for clients to bring and fetch data. */
export type IoMode = MemoryModel | "read" | "write";

/** What a queue is like, apart from V4L2. */
export interface QueueConfig<B extends QueueBuffer> {
  /** For log lines: `"video0 capture"`. */
  readonly name: string;
  /** OUTPUT: the client fills, the driver reads. */
  readonly isOutput: boolean;
  /** How clients may bring and fetch data. */
  readonly io: readonly IoMode[];
  readonly ops: QueueOps<B>;
  readonly memory: MemoryProvider;
  /** Makes the buffer objects; drivers extend the class to keep things of their own with a buffer. */
  readonly createBuffer: (init: BufferInit) => B;
  /** `startStreaming` waits until so many are queued. Default 0. */
  readonly minQueuedBuffers?: number;
  /** REQBUFS allocates at least so many. Default, and least, `minQueuedBuffers + 1`. */
  readonly minReqBufs?: number;
  /** read() and write() use so many. Default `minReqBufs`; with fewer, frames may be missed while one is copied. */
  readonly fileIoBuffers?: number;
  /**
   * OUTPUT: STREAMON without buffers succeeds for a client that goes on with `write()`, and STREAMOFF ends that. Programs
   * that know v4l2loopback do so. Asked with each STREAMON. Differs from vb2, where the one is EINVAL and the other EBUSY.
   * Left out: never.
   */
  readonly streamsByWrite?: () => boolean;
  /**
   * OUTPUT: is each `write(2)` a frame, though it does not fill its buffer (compressed pictures)? Asked when the first begins.
   * Default: a frame is a full buffer, however many calls bring it.
   */
  readonly framePerWrite?: () => boolean;
  /** 1 to 32767. Default 32. */
  readonly maxNumBuffers?: number;
  /**
   * Added to every `mmap()` cookie, so that the queues of a node tell their buffers apart: 0, 0x40000000, 0x80000000 or
   * 0xc0000000. Default: pictures of CAPTURE 0 and of OUTPUT 0x40000000, what else is captured 0x80000000 and put out
   * 0xc0000000.
   */
  readonly offsetBase?: number;
  /** CAPTURE buffers carry the time stamps of OUTPUT buffers, so those are kept. */
  readonly copyTimestamp: boolean;
  readonly supportsRequests?: boolean;
  /** Every buffer must come in a request. */
  readonly requiresRequests?: boolean;
  /** poll() fails until the first QBUF of a CAPTURE queue, as V4L2 always did. Default true. */
  readonly pollNeedsBuffers?: boolean;
  /**
   * How many callers may sleep in DQBUF or read() at a time; one more gets EBUSY. They are served first come,
   * first served. Default 1, as in the kernel.
   */
  readonly maxWaiters?: number;
}

/** More do not fit into an `mmap()` cookie. */
const MAX_BUFFERS = 2 ** 15 - 1;

export interface QueueLimits {
  readonly minQueuedBuffers: number;
  readonly minReqBufs: number;
  readonly maxNumBuffers: number;
}

/** The limits with their defaults. @throws {RangeError} the configuration contradicts itself. */
export function queueLimits<B extends QueueBuffer>(config: QueueConfig<B>): QueueLimits {
  const { maxNumBuffers = 32, minQueuedBuffers = 0, supportsRequests = false } = config;
  // One more than the hardware holds, or the client never gets any.
  const minReqBufs = Math.max(config.minReqBufs ?? 1, minQueuedBuffers + 1);
  const assert = (isRight: boolean, wrong: string): void => {
    if (!isRight) throw new RangeError(`queue ${config.name}: ${wrong}`);
  };
  assert(config.io.length > 0, "no I/O mode");
  assert(maxNumBuffers >= 1 && maxNumBuffers <= MAX_BUFFERS, `maxNumBuffers is not 1 to ${MAX_BUFFERS}`);
  assert(minReqBufs <= maxNumBuffers, "minReqBufs exceeds maxNumBuffers");
  const fileIoBuffers = config.fileIoBuffers ?? minReqBufs;
  assert(fileIoBuffers >= minReqBufs, "fileIoBuffers is less than minReqBufs");
  assert(fileIoBuffers <= maxNumBuffers, "fileIoBuffers exceeds maxNumBuffers");
  assert(supportsRequests || config.requiresRequests !== true, "requiresRequests without supportsRequests");
  // A request that was queued cannot fail any more, but a late startStreaming could.
  assert(!supportsRequests || minQueuedBuffers === 0, "minQueuedBuffers with supportsRequests");
  assert(
    !supportsRequests || config.ops.bufRequestComplete !== undefined,
    "supportsRequests without bufRequestComplete",
  );
  return { minQueuedBuffers, minReqBufs, maxNumBuffers };
}
