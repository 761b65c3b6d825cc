/**
 * The calls that a device may answer later: what the handler sees of each, and how each turns the handler's
 * outcome into an answer.
 */
import type {
  Caller,
  IoctlRequest,
  OpenFile,
  OpenRequest,
  PendingCall,
  ReadRequest,
  WriteRequest,
} from "./char-device.js";
import { stackOf, type CharDeviceError } from "./errors.js";
import { O_NONBLOCK, type ErrnoName } from "../linux.js";
import { present } from "../present.js";
import { FOPEN_DIRECT_IO, FOPEN_NONSEEKABLE, FUSE_IOCTL_COMPAT } from "./gen/fuse.js";
import type { OpenFileHandle } from "./open-file-handle.js";
import { IOC_READ, IOC_WRITE, iocDir, iocSize, joinHalves, type Message } from "./protocol.js";
import { IoctlFrame, Reply, type ReplyWriter, type SizedFrame } from "./reply.js";

/** Answers {@link PendingCall.nonblocking} for an ioctl, whose message does not say it. */
export interface NonblockingProbe {
  isNonblocking(call: IoctlCall, handle: OpenFileHandle): boolean;
}

/** A mutable {@link Caller}, so that a call that is used again needs no new one. */
export class CallerRecord implements Caller {
  tid = 0;
  uid = 0;
  gid = 0;

  load(message: Message): void {
    const { header } = message;
    this.tid = header.pid;
    this.uid = header.uid;
    this.gid = header.gid;
  }
}

/**
 * A refusal must not say ENOSYS where the kernel takes that for "this device never implements the
 * operation" and asks no more: OPEN, POLL, FLUSH, FSYNC and INTERRUPT (fs/fuse/file.c, dev.c).
 */
export const withoutEnosys = (code: ErrnoName): ErrnoName => (code === "ENOSYS" ? "EOPNOTSUPP" : code);

/** A request on its way through a device. */
export abstract class Call {
  readonly reply: Reply;
  readonly caller = new CallerRecord();
  /** The request's number, while the device works on it. */
  unique = 0;
  #callbacks: (() => void)[] | undefined;
  #interrupted = false;
  #isUninterruptible = false;

  constructor(writer: ReplyWriter) {
    this.reply = new Reply(writer);
  }

  /** Signals do not end it. */
  get isUninterruptible(): boolean {
    return this.#isUninterruptible;
  }

  /** The kernel's name of the request, for logs. */
  abstract readonly name: string;

  /** The handler's outcome: answers. @throws {TypeError} The handler returned something else than promised. */
  abstract finish(value: unknown): void;

  /** The handler's outcome came when the request had been answered, or when its caller had gone. */
  discard(_value: unknown): void {
    // Most outcomes are just values.
  }

  /** The device refuses. */
  refuse(error: CharDeviceError): void {
    if (error.code === "EINTR" && this.#interrupted) this.answerInterrupted();
    else this.reply.fail(error.code);
  }

  /** The answer to a caller that a signal woke. */
  answerInterrupted(): void {
    this.reply.fail("EINTR");
  }

  protected begin(message: Message): void {
    this.reply.expect(message.uniqueLow, message.uniqueHigh);
    this.unique = joinHalves(message.uniqueLow, message.uniqueHigh);
    this.caller.load(message);
    this.#callbacks = undefined;
    this.#interrupted = false;
    this.#isUninterruptible = false;
  }

  uninterruptible(): void {
    this.#isUninterruptible = true;
  }

  onInterrupt(callback: () => void): void {
    if (this.#interrupted) callback();
    else (this.#callbacks ??= []).push(callback);
  }

  /** Tells the handler to give up. @returns What its callbacks threw. */
  interrupt(): unknown[] {
    this.#interrupted = true;
    const callbacks = this.#callbacks ?? [];
    this.#callbacks = undefined;
    const errors: unknown[] = [];
    for (const callback of callbacks) {
      try {
        callback();
      } catch (error) {
        errors.push(error);
      }
    }
    return errors;
  }
}

const isInteger = (value: unknown): value is number => Number.isInteger(value);

/** @throws {TypeError} `value` is no integer from 0 to `limit`. */
function expectInteger(value: unknown, limit: number, what: string): number {
  if (isInteger(value) && value >= 0 && value <= limit) return value;
  throw new TypeError(`${what} must be an integer from 0 to ${limit}, not ${String(value)}`);
}

export class OpenCall<File> extends Call implements OpenRequest {
  readonly name = "FUSE_OPEN";
  readonly file: OpenFile;
  /** `FOPEN_*`. DIRECT_IO and NONSEEKABLE are what a character device is; CUSE does not look at them. */
  openFlags = FOPEN_DIRECT_IO | FOPEN_NONSEEKABLE;
  /** For FOPEN_PASSTHROUGH: what mappings of the file go to. */
  backingId = 0;
  readonly #handle: OpenFileHandle;
  readonly #hooks: OpenHooks<File>;

  constructor(writer: ReplyWriter, message: Message, handle: OpenFileHandle, hooks: OpenHooks<File>) {
    super(writer);
    this.begin(message);
    this.#handle = handle;
    this.file = handle;
    this.#hooks = hooks;
  }

  get flags(): number {
    return this.#handle.flags;
  }

  finish(value: unknown): void {
    // The device's own type: whatever it returned is its file.
    const file = value as File;
    this.#hooks.add(this.#handle, file);
    const delivered = this.reply.opened(this.#handle.id, this.openFlags, this.backingId);
    if (!delivered) this.#hooks.remove(this.#handle);
  }

  override discard(value: unknown): void {
    // The kernel does not send RELEASE for a file that it was told had failed to open.
    this.#hooks.add(this.#handle, value as File);
    this.#hooks.remove(this.#handle);
  }

  override refuse(error: CharDeviceError): void {
    this.reply.fail(withoutEnosys(error.code));
  }
}

export interface OpenHooks<File> {
  add(handle: OpenFileHandle, file: File): void;
  /** Releases the file, too. */
  remove(handle: OpenFileHandle): void;
}

/** READ and WRITE say which flags the file has now. */
abstract class TransferCall extends Call implements PendingCall {
  readonly offset: bigint;
  readonly #nonblocking: boolean;

  constructor(writer: ReplyWriter, message: Message, handle: OpenFileHandle, flags: number, offset: bigint) {
    super(writer);
    this.begin(message);
    this.offset = offset;
    this.#nonblocking = (flags & O_NONBLOCK) !== 0;
    handle.flags = flags;
  }

  nonblocking(): boolean {
    return this.#nonblocking;
  }
}

export class ReadCall extends TransferCall implements ReadRequest {
  readonly name = "FUSE_READ";

  constructor(
    writer: ReplyWriter,
    message: Message,
    handle: OpenFileHandle,
    flags: number,
    offset: bigint,
    readonly size: number,
  ) {
    super(writer, message, handle, flags, offset);
  }

  finish(value: unknown): void {
    if (!(value instanceof Uint8Array))
      throw new TypeError(`read must return a Uint8Array, not ${typeof value}`);
    if (value.byteLength > this.size) {
      throw new TypeError(`read returned ${value.byteLength} bytes where ${this.size} were asked for`);
    }
    this.reply.data(value);
  }
}

export class WriteCall extends TransferCall implements WriteRequest {
  readonly name = "FUSE_WRITE";

  constructor(
    writer: ReplyWriter,
    message: Message,
    handle: OpenFileHandle,
    flags: number,
    offset: bigint,
    readonly data: Uint8Array,
  ) {
    super(writer, message, handle, flags, offset);
  }

  finish(value: unknown): void {
    this.reply.written(expectInteger(value, this.data.byteLength, "what write returns"));
  }
}

/** FLUSH and FSYNC: nothing to return. */
export class PlainCall extends Call {
  constructor(
    writer: ReplyWriter,
    message: Message,
    readonly name: string,
  ) {
    super(writer);
    this.begin(message);
  }

  finish(): void {
    this.reply.done();
  }

  override refuse(error: CharDeviceError): void {
    this.reply.fail(withoutEnosys(error.code));
  }
}

/** Arguments up to this size use the frame that is at hand; larger ones get a frame of their own. */
export const USUAL_IOCTL_BYTES = 1024;

/**
 * An ioctl. The object and its frame serve one ioctl after another as long as the device answers at once;
 * when it does not, {@link Connection} leaves them to the device and makes new ones.
 */
export class IoctlCall extends Call implements IoctlRequest {
  readonly name = "FUSE_IOCTL";
  readonly frame: IoctlFrame;
  cmd = 0;
  arg: Uint8Array;
  compat = false;
  readonly #probe: NonblockingProbe;
  #handle: OpenFileHandle | undefined;
  #sized: SizedFrame;
  #argLow = 0;
  #argHigh = 0;
  #copiesOut = false;

  constructor(
    writer: ReplyWriter,
    probe: NonblockingProbe,
    readonly isAnonymous: boolean,
    capacity = USUAL_IOCTL_BYTES,
  ) {
    super(writer);
    this.frame = new IoctlFrame(capacity);
    this.#sized = this.frame.sized(0);
    this.arg = this.#sized.arg;
    this.#probe = probe;
  }

  get argAddress(): bigint {
    return (BigInt(this.#argHigh) << 32n) | BigInt(this.#argLow);
  }

  /**
   * Takes the ioctl at hand, whose argument must not be larger than the frame.
   * @returns What is wrong with the message, or undefined.
   */
  load(message: Message, handle: OpenFileHandle): string | undefined {
    this.begin(message);
    const { ioctl } = message;
    const cmd = ioctl.cmd;
    const size = iocSize(cmd);
    const direction = iocDir(cmd);
    // Restricted mode: the kernel derives both sizes from the command, as we do.
    const inBytes = (direction & IOC_WRITE) !== 0 ? size : 0;
    const outBytes = (direction & IOC_READ) !== 0 ? size : 0;
    if (ioctl.in_size !== inBytes || ioctl.out_size !== outBytes) {
      return `ioctl 0x${cmd.toString(16)} carries ${ioctl.in_size} bytes in and ${ioctl.out_size} out`;
    }
    if (!this.frame.load(message, inBytes, size))
      return `ioctl 0x${cmd.toString(16)} lacks its ${inBytes} bytes`;

    this.#sized = this.frame.sized(size);
    this.arg = this.#sized.arg;
    this.cmd = cmd;
    this.compat = (ioctl.flags & FUSE_IOCTL_COMPAT) !== 0;
    this.#handle = handle;
    this.#argLow = message.ioctlArgLow;
    this.#argHigh = message.ioctlArgHigh;
    this.#copiesOut = outBytes !== 0;
    return undefined;
  }

  nonblocking(): boolean {
    return this.#probe.isNonblocking(this, present(this.#handle, "this ioctl has begun"));
  }

  finish(value: unknown): void {
    const result = expectInteger(value, 0x7fff_ffff, "what ioctl returns");
    if (this.#copiesOut) this.reply.ioctl(this.frame, result, this.#sized);
    else this.reply.ioctl(this.frame, result);
  }

  override refuse(error: CharDeviceError): void {
    if (error.copyOut && this.#copiesOut) this.reply.refusedIoctl(this.frame, error, this.#sized);
    else super.refuse(error);
  }

  override answerInterrupted(): void {
    this.reply.restartIoctl(this.frame);
  }
}

/** One text for a log: which request failed, how. */
export function describeFailure(call: { readonly name: string }, error: unknown): string {
  const cmd = call instanceof IoctlCall ? ` 0x${call.cmd.toString(16).padStart(8, "0")}` : "";
  return `${call.name}${cmd} failed with something else than a refusal: ${stackOf(error)}`;
}
