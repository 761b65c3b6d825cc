/**
 * read() and write() on top of a queue (vb2's file I/O emulation): the queue's buffers are used in turn, copied to
 * and from. While it lasts, the client cannot use the queue in any other way.
 *
 * One `read(2)` of a client arrives here in pieces (`offset` counts within the call). Like in the kernel it
 * ends with the frame: when a piece ended exactly there, the next one of the same call is answered with nothing.
 */
import type { Awaitable, Call } from "../v4l2/index.js";
import { Poll, V4l2Error } from "../v4l2/index.js";
import { present } from "../present.js";
import type { Plane, QueueBuffer } from "./buffer.js";
import type { DequeueUser } from "./buffer-user.js";
import type { BufferQueue } from "./core.js";

const NOTHING = new Uint8Array(0);
/** All but the last piece of a call are 128 KiB long, less a page where the client's memory begins in the middle of one. */
const LEAST_PIECE_BYTES = 124 * 1024;

export interface FileIoOptions {
  /** How many are allocated. */
  readonly buffers: number;
  /** write(): queue the buffer after each call (each piece of at most 128 KiB), full or not. */
  readonly writeImmediately: boolean;
  /** write(): OUTPUT buffers get the time of the call. */
  readonly copyTimestamp: boolean;
  /** write(): queue the buffer at the end of each `write(2)`, full or not. */
  readonly framePerWrite: boolean;
}

export class FileIo<B extends QueueBuffer> {
  /** The buffer that is being read or filled; ours, that is the client's. */
  #current: B | undefined;
  /** Position in it, bytes. */
  #at = 0;
  /** write(): buffers that were never queued are used first. */
  #nextFresh: number;
  /** Where the last piece ended together with its frame. */
  #endedAt: number | undefined;

  /** The buffer is current from the moment it leaves the queue. */
  readonly #taker: DequeueUser<B> = { describe: (buffer) => this.#take(buffer) };

  private constructor(
    private readonly queue: BufferQueue<B>,
    private readonly mode: "read" | "write",
    private readonly options: FileIoOptions,
  ) {
    this.#nextFresh = mode === "write" ? 0 : queue.numBuffers;
  }

  /**
   * Allocates buffers and starts streaming.
   * @throws {V4l2Error} EBUSY - the queue is used otherwise, or has buffers of several planes; what REQBUFS and
   *   STREAMON throw.
   */
  static start<B extends QueueBuffer>(
    queue: BufferQueue<B>,
    mode: "read" | "write",
    options: FileIoOptions,
  ): FileIo<B> {
    if (queue.streaming || queue.numBuffers > 0)
      throw new V4l2Error("EBUSY", "the queue is used for streaming");
    queue.reqbufs("mmap", options.buffers);
    try {
      if (queue.buffer(0)?.planes.length !== 1) throw new V4l2Error("EBUSY", "frames have several planes");
      const io = new FileIo(queue, mode, options);
      if (mode === "read") for (const buffer of queue.buffers()) queue.qbuf(buffer);
      queue.streamon();
      return io;
    } catch (error) {
      queue.reqbufs("mmap", 0);
      throw error;
    }
  }

  /** Gives the queue back, without buffers. */
  stop(): void {
    this.queue.streamoff();
    this.queue.reqbufs("mmap", 0);
  }

  /** @throws {V4l2Error} EBUSY - started for write(), or another thread waits; EAGAIN, EINTR, EIO as DQBUF. */
  read(request: { readonly size: number; readonly offset: bigint }, call: Call): Awaitable<Uint8Array> {
    if (this.mode !== "read") throw new V4l2Error("EBUSY", "the file is used with write()");
    const { size } = request;
    const offset = Number(request.offset);
    if (this.#isPastEnd(offset)) return NOTHING;
    const buffer = this.#current ?? this.queue.dequeue(this.#taker);
    if (buffer !== undefined) return this.#copyOut(buffer, size, offset);
    return this.#wait(call).then(() => this.read(request, call));
  }

  /** @throws {V4l2Error} as {@link read}. */
  write(request: { readonly data: Uint8Array; readonly offset: bigint }, call: Call): Awaitable<number> {
    if (this.mode !== "write") throw new V4l2Error("EBUSY", "the file is used with read()");
    const { data } = request;
    const offset = Number(request.offset);
    if (this.#isPastEnd(offset)) return 0;
    this.#endWithCall(offset);
    const buffer = this.#current ?? this.#fresh() ?? this.queue.dequeue(this.#taker);
    if (buffer !== undefined) return this.#copyIn(buffer, data, offset);
    return this.#wait(call).then(() => this.write(request, call));
  }

  /** Poll bits, where they differ from those of a streaming queue. */
  poll(events: number): number | undefined {
    const asked = events & (Poll.Out | Poll.WrNorm);
    if (this.mode === "write" && asked !== 0 && this.queue.queuedCount < this.queue.numBuffers) {
      return Poll.Out | Poll.WrNorm;
    }
    return undefined;
  }

  /** A new call begins: what the last one brought is a frame, if each call is one and its end was not seen. */
  #endWithCall(offset: number): void {
    if (offset !== 0 || !this.options.framePerWrite) return;
    if (this.#current !== undefined && this.#at > 0) this.#requeue(this.#current, this.#at);
  }

  #isPastEnd(offset: number): boolean {
    const isPast = offset > 0 && offset === this.#endedAt;
    this.#endedAt = undefined;
    return isPast;
  }

  #wait(call: Call): Promise<B> {
    if (call.nonblocking()) throw new V4l2Error("EAGAIN", "no buffer is ready");
    return this.queue.waitDequeue(this.#taker, call);
  }

  #fresh(): B | undefined {
    const buffer = this.queue.buffer(this.#nextFresh);
    if (buffer === undefined) return undefined;
    this.#nextFresh += 1;
    this.#take(buffer);
    return buffer;
  }

  #take(buffer: B): void {
    this.#current = buffer;
    this.#at = this.mode === "read" ? planeOf(buffer).dataOffset : 0;
  }

  #copyOut(buffer: B, size: number, offset: number): Uint8Array {
    const plane = planeOf(buffer);
    const start = this.#at;
    const end = Math.min(start + size, Math.max(plane.bytesused, start));
    this.#at = end;
    if (end < plane.bytesused) return plane.bytes.subarray(start, end);

    // The driver gets the buffer now and may write at once: what the client is to see is copied.
    const last = plane.bytes.slice(start, end);
    this.#requeue(buffer, 0);
    this.#endedAt = offset + last.length;
    return last;
  }

  #copyIn(buffer: B, data: Uint8Array, offset: number): number {
    const plane = planeOf(buffer);
    const taken = Math.min(data.length, plane.length - this.#at);
    plane.bytes.set(data.subarray(0, taken), this.#at);
    this.#at += taken;
    const { writeImmediately, framePerWrite } = this.options;
    const isLast = framePerWrite && data.length < LEAST_PIECE_BYTES;
    if (this.#at === plane.length || writeImmediately || isLast) {
      if (this.options.copyTimestamp) buffer.timestampNs = process.hrtime.bigint();
      this.#requeue(buffer, this.#at);
      this.#endedAt = offset + taken;
    }
    return taken;
  }

  #requeue(buffer: B, bytesused: number): void {
    planeOf(buffer).input.bytesused = bytesused;
    this.#current = undefined;
    this.queue.qbuf(buffer);
  }
}

/** The only one: a queue with frames of several planes has no read() and write(). */
const planeOf = (buffer: QueueBuffer): Plane => present(buffer.planes[0], "a buffer has planes");
