/**
 * Answers to the kernel: the only place that encodes them and that negates an errno.
 *
 * An answer is `struct fuse_out_header` (length, error, the request's number), and without an error the
 * struct of the opcode and data. {@link Reply} sees to it that a request gets exactly one.
 */
import { errnoNumber, type ErrnoName } from "../linux.js";
import { stackOf, systemCode, type CharDeviceError } from "./errors.js";
import type { SessionLog } from "./char-device.js";
import {
  FUSE_NOTIFY_POLL,
  FuseIoctlOutView,
  FuseNotifyPollWakeupOutView,
  FuseOpenOutView,
  FuseOutHeaderView,
  FusePollOutView,
  FuseWriteOutView,
} from "./gen/fuse.js";
import { MAX_CACHED_SIZES } from "./protocol.js";

/** Where answers go: a channel, or a test. */
export interface ReplyChannel {
  /** One message in one `write(2)`. Throws with `code`: ENOENT when nobody waits for this answer any more. */
  write(message: Uint8Array, payload?: Uint8Array): unknown;
}

const HEADER = FuseOutHeaderView.SIZE;
const LENGTH = 0;
const ERROR = 4;
const UNIQUE = 8;

/** Bytes before the argument in the answer to an ioctl. */
const IOCTL_HEADER = HEADER + FuseIoctlOutView.SIZE;

/**
 * `ERESTARTSYS`, which has no name outside the kernel: "start the system call again if the signal's handler
 * allows it (SA_RESTART) or there was none, else EINTR". An ioctl's result is passed on as it is, so a
 * device in userspace can say it too; every other answer stands in the header, which stops at 511.
 */
const ERESTARTSYS = 512;

/**
 * The answer to an ioctl, with the argument in place: copied in once, changed there by the device, and sent
 * with one write.
 */
export class IoctlFrame {
  readonly #buffer: ArrayBuffer;
  readonly view: DataView;
  readonly #sizes = new Map<number, SizedFrame>();
  /** The answer without the argument. */
  readonly head: Uint8Array;

  /** @param capacity - Bytes of the largest argument. */
  constructor(readonly capacity: number) {
    this.#buffer = new ArrayBuffer(IOCTL_HEADER + capacity);
    this.view = new DataView(this.#buffer);
    this.head = new Uint8Array(this.#buffer, 0, IOCTL_HEADER);
  }

  /** The frame of an argument of `size` bytes, at most {@link capacity}. Made once for each size. */
  sized(size: number): SizedFrame {
    let sized = this.#sizes.get(size);
    if (sized === undefined) {
      if (this.#sizes.size >= MAX_CACHED_SIZES) this.#sizes.clear();
      sized = {
        arg: new Uint8Array(this.#buffer, IOCTL_HEADER, size),
        whole: new Uint8Array(this.#buffer, 0, IOCTL_HEADER + size),
      };
      this.#sizes.set(size, sized);
    }
    return sized;
  }
}

export interface SizedFrame {
  readonly arg: Uint8Array;
  /** Headers and argument. */
  readonly whole: Uint8Array;
}

/** Sends messages on one channel. Its own buffer serves all answers but those of ioctls: a write copies at once. */
export class ReplyWriter {
  readonly #channel: ReplyChannel;
  readonly #log: SessionLog;
  readonly #view: DataView;
  readonly #head: Uint8Array;
  readonly #body8: Uint8Array;
  readonly #body16: Uint8Array;

  constructor(channel: ReplyChannel, log: SessionLog) {
    this.#channel = channel;
    this.#log = log;
    const buffer = new ArrayBuffer(HEADER + 16);
    this.#view = new DataView(buffer);
    this.#head = new Uint8Array(buffer, 0, HEADER);
    this.#body8 = new Uint8Array(buffer, 0, HEADER + 8);
    this.#body16 = new Uint8Array(buffer, 0, HEADER + 16);
  }

  /** @param error - 0, or the negated errno. */
  #header(view: DataView, length: number, error: number, low: number, high: number): void {
    view.setUint32(LENGTH, length, true);
    view.setInt32(ERROR, error, true);
    view.setUint32(UNIQUE, low, true);
    view.setUint32(UNIQUE + 4, high, true);
  }

  /** @returns Was it delivered? Not when the caller has gone or the channel is closed. */
  #send(message: Uint8Array, payload?: Uint8Array): boolean {
    try {
      if (payload === undefined) this.#channel.write(message);
      else this.#channel.write(message, payload);
      return true;
    } catch (error) {
      switch (systemCode(error)) {
        case "ENOENT": // The request was aborted.
        case "ENODEV": // The kernel side of the channel is gone, or the channel is closed.
        case "EBADF":
          return false;
        default:
          // The kernel refused what we wrote. It has ended a request that it could tell with EIO.
          this.#log.error(`a reply could not be sent: ${stackOf(error)}`);
          return false;
      }
    }
  }

  fail(low: number, high: number, code: ErrnoName): boolean {
    this.#header(this.#view, HEADER, -errnoNumber(code), low, high);
    return this.#send(this.#head);
  }

  done(low: number, high: number): boolean {
    this.#header(this.#view, HEADER, 0, low, high);
    return this.#send(this.#head);
  }

  data(low: number, high: number, bytes: Uint8Array): boolean {
    if (bytes.byteLength === 0) return this.done(low, high);
    this.#header(this.#view, HEADER + bytes.byteLength, 0, low, high);
    return this.#send(this.#head, bytes);
  }

  opened(low: number, high: number, fh: bigint, openFlags: number, backingId: number): boolean {
    this.#header(this.#view, HEADER + FuseOpenOutView.SIZE, 0, low, high);
    this.#view.setBigUint64(HEADER, fh, true);
    this.#view.setUint32(HEADER + 8, openFlags, true);
    this.#view.setInt32(HEADER + 12, backingId, true);
    return this.#send(this.#body16);
  }

  written(low: number, high: number, size: number): boolean {
    this.#header(this.#view, HEADER + FuseWriteOutView.SIZE, 0, low, high);
    this.#view.setUint32(HEADER, size, true);
    this.#view.setUint32(HEADER + 4, 0, true);
    return this.#send(this.#body8);
  }

  polled(low: number, high: number, revents: number): boolean {
    this.#header(this.#view, HEADER + FusePollOutView.SIZE, 0, low, high);
    this.#view.setUint32(HEADER, revents, true);
    this.#view.setUint32(HEADER + 4, 0, true);
    return this.#send(this.#body8);
  }

  /** @param sized - Given: the argument is copied back. @param result - Not negative, or a negated errno. */
  ioctl(low: number, high: number, frame: IoctlFrame, result: number, sized?: SizedFrame): boolean {
    const message = sized === undefined ? frame.head : sized.whole;
    this.#header(frame.view, message.byteLength, 0, low, high);
    frame.view.setInt32(HEADER, result, true);
    frame.view.setUint32(HEADER + 4, 0, true); // flags
    frame.view.setUint32(HEADER + 8, 0, true); // in_iovs
    frame.view.setUint32(HEADER + 12, 0, true); // out_iovs
    return this.#send(message);
  }

  /** Wakes those who poll with this handle. The kernel takes it without a word when nobody does. */
  notifyPoll(handleLow: number, handleHigh: number): boolean {
    this.#header(this.#view, HEADER + FuseNotifyPollWakeupOutView.SIZE, FUSE_NOTIFY_POLL, 0, 0);
    this.#view.setUint32(HEADER, handleLow, true);
    this.#view.setUint32(HEADER + 4, handleHigh, true);
    return this.#send(this.#body8);
  }
}

/**
 * The single answer to one request. Each method answers; the second answer throws, because it would reach
 * another request or nobody.
 *
 * All return whether the answer was delivered.
 */
export class Reply {
  readonly #writer: ReplyWriter;
  #low = 0;
  #high = 0;
  #due = false;

  constructor(writer: ReplyWriter) {
    this.#writer = writer;
  }

  /** Makes this the answer to the request with that number. */
  expect(uniqueLow: number, uniqueHigh: number): void {
    this.#low = uniqueLow;
    this.#high = uniqueHigh;
    this.#due = true;
  }

  /** Somebody waits for it. */
  get due(): boolean {
    return this.#due;
  }

  #take(): void {
    if (!this.#due) throw new Error("this request has been answered already");
    this.#due = false;
  }

  /** A refusal. */
  fail(code: ErrnoName): boolean {
    this.#take();
    return this.#writer.fail(this.#low, this.#high, code);
  }

  /** Success, for FLUSH, FSYNC and RELEASE. */
  done(): boolean {
    this.#take();
    return this.#writer.done(this.#low, this.#high);
  }

  /** Success with bytes, for READ, INIT and what is about no open file. */
  data(bytes: Uint8Array): boolean {
    this.#take();
    return this.#writer.data(this.#low, this.#high, bytes);
  }

  /** @param backingId - Of the file that FOPEN_PASSTHROUGH is about; 0 without it. */
  opened(fh: bigint, openFlags: number, backingId = 0): boolean {
    this.#take();
    return this.#writer.opened(this.#low, this.#high, fh, openFlags, backingId);
  }

  written(size: number): boolean {
    this.#take();
    return this.#writer.written(this.#low, this.#high, size);
  }

  polled(revents: number): boolean {
    this.#take();
    return this.#writer.polled(this.#low, this.#high, revents);
  }

  /** @param sized - Given: the argument is copied back. */
  ioctl(frame: IoctlFrame, result: number, sized?: SizedFrame): boolean {
    this.#take();
    return this.#writer.ioctl(this.#low, this.#high, frame, result, sized);
  }

  /** A refused ioctl whose argument is copied back all the same. */
  refusedIoctl(frame: IoctlFrame, error: CharDeviceError, sized: SizedFrame): boolean {
    this.#take();
    return this.#writer.ioctl(this.#low, this.#high, frame, -errnoNumber(error.code), sized);
  }

  /** An ioctl that a signal hit: see {@link ERESTARTSYS}. */
  restartIoctl(frame: IoctlFrame): boolean {
    this.#take();
    return this.#writer.ioctl(this.#low, this.#high, frame, -ERESTARTSYS);
  }
}
