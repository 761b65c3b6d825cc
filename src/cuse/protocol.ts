/**
 * FUSE messages from the kernel, read in place.
 *
 * A message is `struct fuse_in_header`, the struct of its opcode, and for WRITE and IOCTL the data.
 * The generated views ({@link ./gen/fuse.ts}) know the layouts; this file adds the checks that make a
 * view's promises true (the length of the message), and readers of 64-bit fields that make no `bigint`.
 */
import {
  CUSE_INIT,
  FUSE_INIT,
  FUSE_IOCTL,
  FUSE_OPEN,
  FUSE_POLL,
  FUSE_READ,
  FUSE_RELEASE,
  FUSE_WRITE,
  FUSE_FLUSH,
  FUSE_FSYNC,
  FUSE_INTERRUPT,
  CuseInitInView,
  FuseFlushInView,
  FuseFsyncInView,
  FuseInHeaderView,
  FuseInterruptInView,
  FuseIoctlInView,
  FuseOpenInView,
  FusePollInView,
  FuseReadInView,
  FuseReleaseInView,
  FuseWriteInView,
  enums,
} from "./gen/fuse.js";

export const HEADER_BYTES = FuseInHeaderView.SIZE;

/**
 * What one READ or WRITE of a CUSE device carries at most: 32 pages, the kernel's default `max_pages`, which CUSE has no
 * way to raise.
 */
export const CUSE_TRANSFER_BYTES = 128 * 1024;

/**
 * The receive buffer. The kernel refuses to fill one smaller than `max_write` plus the headers of WRITE
 * (fuse_dev_do_read, EINVAL), whatever the message at hand.
 *
 * @param transferBytes - What one WRITE carries at most.
 */
export const receiveBytes = (transferBytes: number): number => transferBytes + 4096;

/** `_IOC_SIZE` has 14 bits: the largest argument that a restricted ioctl carries. */
export const MAX_IOCTL_BYTES = 0x3fff;

export const IOC_WRITE = 1;
export const IOC_READ = 2;

/** `_IOC_DIR`: {@link IOC_WRITE} (the caller gives bytes) and {@link IOC_READ} (it takes bytes), or both, or 0. */
export const iocDir = (cmd: number): number => cmd >>> 30;

/** `_IOC_SIZE`: bytes of the argument. */
export const iocSize = (cmd: number): number => (cmd >>> 16) & MAX_IOCTL_BYTES;

/** FUSE_INIT before Linux 5.17, of which it is longer. */
export const OLD_INIT_BYTES = 16;

/** Bytes after the header that an opcode must have at least; an opcode that is missing here is not served. */
const bodyBytes: ReadonlyMap<number, number> = new Map([
  [FUSE_OPEN, FuseOpenInView.SIZE],
  [FUSE_READ, FuseReadInView.SIZE],
  [FUSE_WRITE, FuseWriteInView.SIZE],
  [FUSE_IOCTL, FuseIoctlInView.SIZE],
  [FUSE_POLL, FusePollInView.SIZE],
  [FUSE_RELEASE, FuseReleaseInView.SIZE],
  [FUSE_FLUSH, FuseFlushInView.SIZE],
  [FUSE_FSYNC, FuseFsyncInView.SIZE],
  [FUSE_INTERRUPT, FuseInterruptInView.SIZE],
  [CUSE_INIT, CuseInitInView.SIZE],
  [FUSE_INIT, OLD_INIT_BYTES],
]);

/** The same for the opcodes of files, by opcode: looked at for each message. */
const BODY_BYTES = Array.from({ length: 64 }, (_, opcode) => bodyBytes.get(opcode) ?? 0);

const LARGEST_BODY = Math.max(...bodyBytes.values());

/** `"FUSE_IOCTL"`, or `"opcode 99"`. */
export const opcodeName = (opcode: number): string =>
  enums.nameOf("fuse_opcode", opcode) ?? `opcode ${opcode}`;

/** A 64-bit field as two numbers: what the hot path uses in place of a `bigint`. */
export const joinHalves = (low: number, high: number): number => high * 0x1_0000_0000 + low;

// Where the 64-bit fields stand, from the start of the message. `fh` opens every struct that has one.
const UNIQUE = 8;
const NODE_ID = 16;
const FH = HEADER_BYTES;
const ARG = HEADER_BYTES + 16;
const KH = HEADER_BYTES + 8;
const IOCTL_DATA = HEADER_BYTES + FuseIoctlInView.SIZE;

/** Views over one place in memory. */
interface Window {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly header: FuseInHeaderView;
  readonly ioctl: FuseIoctlInView;
  readonly poll: FusePollInView;
}

function openWindow(buffer: ArrayBufferLike, byteOffset: number): Window {
  const bytes = new Uint8Array(buffer, byteOffset);
  const body = bytes.subarray(HEADER_BYTES);
  return {
    buffer,
    byteOffset,
    bytes,
    view: new DataView(buffer, byteOffset),
    header: new FuseInHeaderView(bytes),
    ioctl: new FuseIoctlInView(body),
    poll: new FusePollInView(body),
  };
}

/**
 * The message at hand. One object serves all messages of a channel: as long as they arrive in the same
 * receive buffer, nothing is allocated per message.
 *
 * Getters may be used once {@link load} has returned undefined; values past the length that it checked are
 * remains of earlier messages.
 */
export class Message {
  #window = openWindow(new ArrayBuffer(HEADER_BYTES + LARGEST_BODY), 0);
  #length = 0;
  /** What was loaded last: mostly the receive buffer, up to the same length, again. */
  #source: Uint8Array | undefined;

  /**
   * Takes the next message.
   * @returns What is wrong with it, or undefined. When there is a complete header, {@link uniqueLow},
   *   {@link uniqueHigh} and {@link opcode} are right even then.
   */
  load(message: Uint8Array): string | undefined {
    const byteLength = message === this.#source ? this.#length : this.#take(message);
    if (byteLength < HEADER_BYTES) return `${byteLength} bytes are no header`;
    const { len, opcode } = this.#window.header;
    if (len !== byteLength) return `header says ${len} bytes, ${byteLength} arrived`;
    const body = BODY_BYTES[opcode] ?? bodyBytes.get(opcode) ?? 0;
    if (byteLength < HEADER_BYTES + body) {
      return `${opcodeName(opcode)} needs ${HEADER_BYTES + body} bytes, got ${byteLength}`;
    }
    return undefined;
  }

  /** There is a header, so the request can be answered even when the rest is wrong. */
  get hasHeader(): boolean {
    return this.#length >= HEADER_BYTES;
  }

  get opcode(): number {
    return this.#window.header.opcode;
  }

  get header(): FuseInHeaderView {
    return this.#window.header;
  }

  /** The request's number, to be sent back with the answer. */
  get uniqueLow(): number {
    return this.#window.view.getUint32(UNIQUE, true);
  }

  get uniqueHigh(): number {
    return this.#window.view.getUint32(UNIQUE + 4, true);
  }

  /** The inode that this is about, as LOOKUP answered it; 1 is the root. CUSE has none. */
  get nodeId(): number {
    const { view } = this.#window;
    return joinHalves(view.getUint32(NODE_ID, true), view.getUint32(NODE_ID + 4, true));
  }

  /** The open file that this is about, as OPEN answered it. Not for OPEN, INTERRUPT and CUSE_INIT. */
  get fh(): number {
    const { view } = this.#window;
    return joinHalves(view.getUint32(FH, true), view.getUint32(FH + 4, true));
  }

  // -- IOCTL

  get ioctl(): FuseIoctlInView {
    return this.#window.ioctl;
  }

  /** The third argument of `ioctl(2)`, lower half. */
  get ioctlArgLow(): number {
    return this.#window.view.getUint32(ARG, true);
  }

  get ioctlArgHigh(): number {
    return this.#window.view.getUint32(ARG + 4, true);
  }

  /**
   * Copies the `size` bytes that the caller gave with an ioctl to `offset` of `into`.
   * @returns false when the message does not have exactly that many: nothing is copied.
   */
  copyIoctlData(size: number, into: DataView, offset: number): boolean {
    if (this.#length !== IOCTL_DATA + size) return false;
    copyBytes(this.#window.view, IOCTL_DATA, into, offset, size);
    return true;
  }

  // -- POLL

  get poll(): FusePollInView {
    return this.#window.poll;
  }

  /** The kernel's name for those who poll this file, lower half. */
  get pollHandleLow(): number {
    return this.#window.view.getUint32(KH, true);
  }

  get pollHandleHigh(): number {
    return this.#window.view.getUint32(KH + 4, true);
  }

  // -- The others: their views are made when asked for.

  /** Everything after the header. */
  get body(): Uint8Array {
    return this.#window.bytes.subarray(HEADER_BYTES, this.#length);
  }

  /**
   * The `size` bytes that the caller writes, in the receive buffer.
   * @returns undefined when the message does not have exactly that many.
   */
  writeData(size: number): Uint8Array | undefined {
    const start = HEADER_BYTES + FuseWriteInView.SIZE;
    return this.#length === start + size ? this.#window.bytes.subarray(start, start + size) : undefined;
  }

  /** @returns The length. */
  #take(message: Uint8Array): number {
    const { buffer, byteOffset, byteLength } = message;
    const isCopied = !this.#isInPlace(message);
    if (isCopied || buffer !== this.#window.buffer || byteOffset !== this.#window.byteOffset)
      this.#rebind(message);
    this.#source = isCopied ? undefined : message;
    this.#length = byteLength;
    return byteLength;
  }

  #rebind(message: Uint8Array): void {
    if (this.#isInPlace(message)) {
      this.#window = openWindow(message.buffer, message.byteOffset);
      return;
    }
    // Too short for the views: a channel that hands out buffers of the message's own size.
    const copy = new Uint8Array(HEADER_BYTES + LARGEST_BODY);
    copy.set(message);
    this.#window = openWindow(copy.buffer, 0);
  }

  /** Has the memory behind the message room for all views? */
  #isInPlace({ buffer, byteOffset }: Uint8Array): boolean {
    return buffer.byteLength - byteOffset >= HEADER_BYTES + LARGEST_BODY;
  }
}

/** Copies in words: what ioctls carry is too short for the call of a built-in function to pay. */
function copyBytes(from: DataView, fromOffset: number, to: DataView, toOffset: number, size: number): void {
  const whole = size & ~3;
  let at = 0;
  for (; at < whole; at += 4) to.setUint32(toOffset + at, from.getUint32(fromOffset + at, true), true);
  for (; at < size; at++) to.setUint8(toOffset + at, from.getUint8(fromOffset + at));
}

/** A client can make up 16383 sizes of ioctls; real ones use some dozen. */
export const MAX_CACHED_SIZES = 64;
