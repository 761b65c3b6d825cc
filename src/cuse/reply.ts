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
import { MAX_CACHED_SIZES, type Message } from "./protocol.js";
import { somebodyWaits } from "./waiting.js";

/** Where answers go: a channel, or a test. */
export interface ReplyChannel {
  /** One message in one `write(2)`. Throws with `code`: ENOENT when nobody waits for this answer any more. */
  write(message: Uint8Array, payload?: Uint8Array): unknown;
  /** One message, which may be sent as late as when the handler of the message at hand returns; see `Channel.answer`. */
  answer?(message: Uint8Array, onUnsent: (error: unknown) => void): void;
}

const HEADER = FuseOutHeaderView.SIZE;
const LENGTH = 0;
const ERROR = 4;
const UNIQUE = 8;

/** Bytes of the largest body that is not an ioctl's. */
const LARGEST_BODY = FuseOpenOutView.SIZE;

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
  /** The last one: sizes mostly come again. */
  #last: SizedFrame;
  /** The answer without the argument. */
  readonly head: Uint8Array;

  /** @param capacity - Bytes of the largest argument. */
  constructor(readonly capacity: number) {
    // Cleared in words.
    this.#buffer = new ArrayBuffer((IOCTL_HEADER + capacity + 3) & ~3);
    this.view = new DataView(this.#buffer);
    this.head = new Uint8Array(this.#buffer, 0, IOCTL_HEADER);
    this.#last = this.#make(0);
  }

  /**
   * Takes the argument of the ioctl at hand: `inBytes` of it are the caller's, the rest of `size` is zero.
   * @returns false when the message has not exactly those bytes.
   */
  load(message: Message, inBytes: number, size: number): boolean {
    for (let at = IOCTL_HEADER + inBytes; at < IOCTL_HEADER + size; at += 4) this.view.setUint32(at, 0, true);
    return message.copyIoctlData(inBytes, this.view, IOCTL_HEADER);
  }

  /** The frame of an argument of `size` bytes, at most {@link capacity}. Made once for each size. */
  sized(size: number): SizedFrame {
    if (size === this.#last.size) return this.#last;
    return (this.#last = this.#sizes.get(size) ?? this.#make(size));
  }

  #make(size: number): SizedFrame {
    if (this.#sizes.size >= MAX_CACHED_SIZES) this.#sizes.clear();
    const sized = {
      size,
      arg: new Uint8Array(this.#buffer, IOCTL_HEADER, size),
      whole: new Uint8Array(this.#buffer, 0, IOCTL_HEADER + size),
    };
    this.#sizes.set(size, sized);
    return sized;
  }
}

export interface SizedFrame {
  /** Of the argument, bytes. */
  readonly size: number;
  readonly arg: Uint8Array;
  /** Headers and argument. */
  readonly whole: Uint8Array;
}

/**
 * Sends messages on one channel. Its own buffer serves all answers but those of ioctls: a write copies at once. The
 * views are over what follows the header there; whoever answers fills one and says how long it is.
 */
export class ReplyWriter {
  readonly #channel: ReplyChannel;
  readonly #log: SessionLog;
  readonly #view: DataView;
  readonly #buffer: ArrayBuffer;
  readonly #head: Uint8Array;
  /** The header with a body of so many bytes. */
  readonly #whole = new Map<number, Uint8Array>();

  readonly openOut: FuseOpenOutView;
  readonly writeOut: FuseWriteOutView;
  readonly pollOut: FusePollOutView;

  constructor(channel: ReplyChannel, log: SessionLog) {
    this.#channel = channel;
    this.#log = log;
    this.#buffer = new ArrayBuffer(HEADER + LARGEST_BODY);
    this.#view = new DataView(this.#buffer);
    this.#head = new Uint8Array(this.#buffer, 0, HEADER);
    const body = new Uint8Array(this.#buffer, HEADER);
    this.openOut = new FuseOpenOutView(body);
    this.writeOut = new FuseWriteOutView(body);
    this.pollOut = new FusePollOutView(body);
  }

  /**
   * Sends a header, and what a view was filled with.
   * @param error - 0, a negated errno, or the code of a notification.
   * @param bytes - Of the body; 0: none.
   */
  send(low: number, high: number, error: number, bytes = 0): boolean {
    putHeader(this.#view, HEADER + bytes, error, low, high);
    return this.#write(bytes === 0 ? this.#head : this.#withBody(bytes));
  }

  /** Sends a header and bytes of somebody else's. */
  data(low: number, high: number, bytes: Uint8Array): boolean {
    if (bytes.byteLength === 0) return this.send(low, high, 0);
    putHeader(this.#view, HEADER + bytes.byteLength, 0, low, high);
    return this.#write(this.#head, bytes);
  }

  /**
   * @param sized - Given: the argument is copied back.
   * @param result - Not negative, or a negated errno.
   * @returns Was it delivered, as far as is known? It may be sent when the handler returns.
   */
  ioctl(low: number, high: number, frame: IoctlFrame, result: number, sized?: SizedFrame): boolean {
    const message = sized === undefined ? frame.head : sized.whole;
    putHeader(frame.view, IOCTL_HEADER + (sized?.size ?? 0), 0, low, high);
    // The other members of `struct fuse_ioctl_out` are for retries, and stay 0.
    frame.view.setInt32(HEADER, result, true);
    if (this.#channel.answer === undefined || somebodyWaits()) return this.#write(message);
    this.#channel.answer(message, this.#unsent);
    return true;
  }

  /** Wakes those who poll with this handle. The kernel takes it without a word when nobody does. */
  notifyPoll(handleLow: number, handleHigh: number): boolean {
    // `kh`, in halves: a bigint would be allocated for each wake-up.
    this.#view.setUint32(HEADER, handleLow, true);
    this.#view.setUint32(HEADER + 4, handleHigh, true);
    return this.send(0, 0, FUSE_NOTIFY_POLL, FuseNotifyPollWakeupOutView.SIZE);
  }

  #withBody(bytes: number): Uint8Array {
    let whole = this.#whole.get(bytes);
    if (whole === undefined) {
      whole = new Uint8Array(this.#buffer, 0, HEADER + bytes);
      this.#whole.set(bytes, whole);
    }
    return whole;
  }

  /** @returns Was it delivered? Not when the caller has gone or the channel is closed. */
  #write(message: Uint8Array, payload?: Uint8Array): boolean {
    try {
      if (payload === undefined) this.#channel.write(message);
      else this.#channel.write(message, payload);
      return true;
    } catch (error) {
      this.#unsent(error);
      return false;
    }
  }

  /** Made once: the path of an ioctl hands it on. */
  readonly #unsent = (error: unknown): void => {
    switch (systemCode(error)) {
      case "ENOENT": // The request was aborted.
      case "ENODEV": // The kernel side of the channel is gone, or the channel is closed.
      case "EBADF":
        return;
      default:
        // The kernel refused what we wrote. It has ended a request that it could tell with EIO.
        this.#log.error(`a reply could not be sent: ${stackOf(error)}`);
    }
  };
}

/** `struct fuse_out_header`. The request's number comes in halves: a bigint would be allocated for each answer. */
function putHeader(view: DataView, length: number, error: number, low: number, high: number): void {
  view.setUint32(LENGTH, length, true);
  view.setInt32(ERROR, error, true);
  view.setUint32(UNIQUE, low, true);
  view.setUint32(UNIQUE + 4, high, true);
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

  #take(): ReplyWriter {
    if (!this.#due) throw new Error("this request has been answered already");
    this.#due = false;
    return this.#writer;
  }

  /** A refusal. */
  fail(code: ErrnoName): boolean {
    return this.#take().send(this.#low, this.#high, -errnoNumber(code));
  }

  /** Success, for FLUSH, FSYNC and RELEASE. */
  done(): boolean {
    return this.#take().send(this.#low, this.#high, 0);
  }

  /** Success with bytes, for READ, INIT and what is about no open file. */
  data(bytes: Uint8Array): boolean {
    return this.#take().data(this.#low, this.#high, bytes);
  }

  /** @param backingId - Of the file that FOPEN_PASSTHROUGH is about; 0 without it. */
  opened(fh: bigint, openFlags: number, backingId = 0): boolean {
    const writer = this.#take();
    writer.openOut.fh = fh;
    writer.openOut.open_flags = openFlags;
    writer.openOut.backing_id = backingId;
    return writer.send(this.#low, this.#high, 0, FuseOpenOutView.SIZE);
  }

  written(size: number): boolean {
    const writer = this.#take();
    writer.writeOut.size = size;
    writer.writeOut.padding = 0;
    return writer.send(this.#low, this.#high, 0, FuseWriteOutView.SIZE);
  }

  polled(revents: number): boolean {
    const writer = this.#take();
    writer.pollOut.revents = revents;
    writer.pollOut.padding = 0;
    return writer.send(this.#low, this.#high, 0, FusePollOutView.SIZE);
  }

  /** @param sized - Given: the argument is copied back. */
  ioctl(frame: IoctlFrame, result: number, sized?: SizedFrame): boolean {
    return this.#take().ioctl(this.#low, this.#high, frame, result, sized);
  }

  /** A refused ioctl whose argument is copied back all the same. */
  refusedIoctl(frame: IoctlFrame, error: CharDeviceError, sized: SizedFrame): boolean {
    return this.ioctl(frame, -errnoNumber(error.code), sized);
  }

  /** An ioctl that a signal hit: see {@link ERESTARTSYS}. */
  restartIoctl(frame: IoctlFrame): boolean {
    return this.ioctl(frame, -ERESTARTSYS);
  }
}
