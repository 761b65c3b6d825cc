/** What somebody who watches a device may see of its buffer queues: vb2's `VideoQueue` is one. */
import type { AnyFile } from "./ops.js";
import type { BufType } from "./values/types.js";

/** A buffer, as it is now. */
export interface WatchedBuffer {
  readonly index: number;
  /** `dequeued`, `queued`, `active`, `done`, ... */
  readonly state: string;
  readonly sequence: number;
  readonly timestampNs: bigint;
  readonly planes: readonly WatchedPlane[];
}

/** A plane of a buffer. */
export interface WatchedPlane {
  /** Payload, bytes from the start of the plane. */
  readonly bytesused: number;
  /**
   * The bytes that count. They are the client's as soon as the buffer is dequeued: look while it is neither "dequeued" nor
   * "in-request", and copy what is to be kept. May throw for a buffer that was never queued.
   */
  readonly payload: Uint8Array;
}

/** A queue, as it is now. */
export interface WatchedQueue {
  readonly type: BufType;
  /** mem2mem: the file that the queue is part of; undefined: all files of the device share it. */
  readonly file: AnyFile | undefined;
  /** The file that has allocated its buffers; undefined: none has. */
  readonly owner: AnyFile | undefined;
  readonly streaming: boolean;
  /** Of the buffers there are: `mmap`, `userptr`, `dmabuf`. */
  readonly memory: string | undefined;
  buffer(index: number): WatchedBuffer | undefined;
  buffers(): readonly WatchedBuffer[];
}
