/** One buffer of a queue and its planes, as drivers see them. No V4L2 structs: `video-buffer.ts` adds those. */
import type { MediaRequest, RequestObject } from "../v4l2/index.js";
import type { MemoryUsers, PlaneMemory } from "./memory.js";
import { assertEdge } from "./state.js";
import type { BufferState } from "./state.js";

/** Who provides the bytes. */
export type MemoryModel = "mmap" | "userptr" | "dmabuf";

/** What the client said of one plane in its last QBUF or PREPARE_BUF; becomes true when the buffer is prepared. */
export interface PlaneInput {
  /** OUTPUT: 0 from the client stands for the whole plane, unless the queue allows it. */
  bytesused: number;
  /** OUTPUT: the client said 0. */
  isEmpty: boolean;
  length: number;
  dataOffset: number;
  userptr: bigint;
  fd: number;
}

/** One plane of a buffer: its memory and its payload. */
export class Plane {
  /** Size, bytes, 0 to 2^32 - 1. At least `minLength` once the plane has memory. */
  length: number;
  /** Bytes before the payload, which `bytesused` includes. */
  dataOffset = 0;
  /** Memory "userptr": address in the client; 0 while unknown. */
  userptr = 0n;
  /** Memory "dmabuf": the number in the client. */
  fd = 0;
  /** Memory "userptr" and "dmabuf": the process that `userptr` or `fd` belongs to. */
  pid = 0;
  memory: PlaneMemory | undefined;
  readonly #cookie: number;
  readonly input: PlaneInput = {
    bytesused: 0,
    isEmpty: false,
    length: 0,
    dataOffset: 0,
    userptr: 0n,
    fd: 0,
  };
  #bytesused = 0;

  constructor(
    /** What the driver asked for when the buffer was made. */
    readonly minLength: number,
    cookie: number,
  ) {
    this.length = minLength;
    this.#cookie = cookie;
  }

  /** Memory "mmap": what clients pass to `mmap()`; the place in the file's memory, or a cookie that the helper sends us. */
  get offset(): number {
    return this.memory?.mapOffset ?? this.#cookie;
  }

  /** Who has the memory besides us; undefined where that cannot be told. */
  get users(): MemoryUsers | undefined {
    return this.memory?.users;
  }

  /** Payload, bytes from the start of the plane. */
  get bytesused(): number {
    return this.#bytesused;
  }

  /** @throws {RangeError} more than the plane holds: a bug of the driver. */
  set bytesused(value: number) {
    if (!Number.isInteger(value) || value < 0 || value > this.length) {
      throw new RangeError(`a plane of ${this.length} bytes cannot hold a payload of ${value}`);
    }
    this.#bytesused = value;
  }

  /** All bytes of the plane. Do not keep it beyond `bufferDone` or `bufCleanup`. */
  get bytes(): Uint8Array {
    if (this.memory === undefined) throw new Error("the plane has no memory: the buffer was never prepared");
    return this.memory.bytes;
  }

  /** The bytes that count: from `dataOffset` to `bytesused`. */
  get payload(): Uint8Array {
    return this.bytes.subarray(this.dataOffset, this.#bytesused);
  }

  /** Forgets what came from the client; the memory has been released. */
  forget(): void {
    this.#bytesused = 0;
    this.length = 0;
    this.dataOffset = 0;
    this.userptr = 0n;
    this.fd = 0;
    this.pid = 0;
  }
}

/** What a buffer is made of; hand it to the constructor. */
export interface BufferInit {
  readonly index: number;
  readonly memory: MemoryModel;
  readonly planes: readonly Plane[];
}

/** A buffer and its state, without what only V4L2 knows; drivers get a {@link VideoBuffer}. */
export class QueueBuffer {
  readonly index: number;
  readonly memory: MemoryModel;
  readonly planes: readonly Plane[];

  timestampNs = 0n;
  /** A mem2mem driver copied the time stamp of an OUTPUT buffer into this CAPTURE buffer. */
  copiedTimestamp = false;
  /** `bufPrepare` ran and `bufFinish` did not yet: for PREPARE_BUF ("client") or on the way to the driver. */
  preparedBy: "client" | "queue" | undefined;
  /** `bufInit` ran and `bufCleanup` did not yet. */
  initialized = false;
  /** A finished picture that could not be copied to the client's memory; the client is told that it is bad. */
  undelivered = false;
  /** Has a client it mapped, or exported? What was seen last: see mapped-flag.ts. */
  mapped = false;

  /** The request that the client queued it with; kept until it is dequeued. */
  request: MediaRequest | undefined;
  /** Where the buffer is bound until it is done or the request dropped: `request`, and what was bound into it. */
  bound: { readonly request: MediaRequest; readonly object: RequestObject } | undefined;

  #state: BufferState = "dequeued";
  #observer: ((from: BufferState, to: BufferState) => void) | undefined;

  constructor(init: BufferInit) {
    this.index = init.index;
    this.memory = init.memory;
    this.planes = init.planes;
  }

  get state(): BufferState {
    return this.#state;
  }

  /** @throws {RangeError} The buffer has fewer planes than the driver thinks. */
  plane(index: number): Plane {
    const plane = this.planes[index];
    if (plane === undefined) throw new RangeError(`buffer ${this.index} has no plane ${index}`);
    return plane;
  }

  /**
   * The one place where a state changes. Only the queue calls this.
   * @returns The state before.
   * @throws {Error} on an illegal edge.
   */
  transition(to: BufferState): BufferState {
    const from = this.#state;
    assertEdge(from, to, this.index);
    this.#state = to;
    this.#observer?.(from, to);
    return from;
  }

  /** `observer` sees every change of the state from now on; for the queue. */
  observe(observer: (from: BufferState, to: BufferState) => void): void {
    this.#observer = observer;
  }

  /** The buffer is back at the client: what only counted while it was queued is reset. */
  reset(): void {
    // Nothing here; layers above override it.
  }
}
