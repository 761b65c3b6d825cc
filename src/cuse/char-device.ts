/**
 * What a device implements, and what it is given: the contract between this layer and the one above.
 *
 * Handlers answer with a value or with a promise of one. A value is answered before anything else
 * happens; while a promise is pending, other calls are served and the caller sleeps.
 * To refuse, throw (or reject with) a {@link CharDeviceError}; anything else that is thrown is a bug:
 * it is logged and answered with `EIO`.
 */
import type { Caller } from "../linux.js";

export type { Caller };

/** One open file of the device. Threads, forks and duplicated descriptors may share it. */
export interface OpenFile {
  /** Unique in this session, never 0, never used again. */
  readonly id: bigint;
  /**
   * Wakes everybody who sleeps in poll, select or epoll on this file; each of them asks
   * {@link CharDevice.poll} again. Costs nothing when nobody sleeps.
   */
  notifyPoll(): void;
}

/** What read, write and ioctl have in common: calls that may wait. */
export interface PendingCall {
  readonly caller: Caller;
  /**
   * Is the file `O_NONBLOCK` right now? Valid until the call is answered. For an ioctl it takes several
   * system calls to find out (the message does not say), so ask only when the call would block.
   */
  nonblocking(): boolean;
  /**
   * `callback` runs once, when a signal hits the waiting caller or the session ends; the handler should
   * then give up and settle. What it settles with is the answer when it does so before the event loop
   * turns (`EINTR` then means: restart or EINTR, as below); otherwise the session answers, and what the
   * handler settles with later is dropped.
   *
   * The session's answer to an interrupted ioctl is the kernel's own `ERESTARTSYS`: the system call
   * starts again after a handler with `SA_RESTART`, and fails with `EINTR` after one without, as it does
   * on a driver in the kernel. read, write and open fail with `EINTR`: FUSE has no way to restart them.
   */
  onInterrupt(callback: () => void): void;
}

/** Call `read(2)`, or one piece of it. */
export interface ReadRequest extends PendingCall {
  /** Where in this one `read(2)` the piece starts: 0, then what was read so far. It is not a file position. */
  readonly offset: bigint;
  /** Bytes asked for, at most 128 KiB. Fewer in the answer end the `read(2)` here. */
  readonly size: number;
}

/** Call `write(2)`, or one piece of it. */
export interface WriteRequest extends PendingCall {
  /** Where in this one `write(2)` the piece starts: 0, then what was written so far. It is not a file position. */
  readonly offset: bigint;
  /** The bytes, at most 128 KiB; they are the handler's until it has settled. */
  readonly data: Uint8Array;
}

/**
 * An ioctl. The object and `arg` serve the next call once this one is answered: a handler that answers
 * at once keeps neither. One that returns a promise has them for itself.
 */
export interface IoctlRequest extends PendingCall {
  /** The request number, unsigned 32 bit. */
  readonly cmd: number;
  /** The third argument of `ioctl(2)`: the caller's pointer, or a number. */
  readonly argAddress: bigint;
  /**
   * The argument, `_IOC_SIZE(cmd)` bytes, at most 16383: the caller's bytes for `_IOC_WRITE`, zeroes else.
   * Change it in place: it is copied back for `_IOC_READ` when the call succeeds.
   */
  readonly arg: Uint8Array;
  /** A 32-bit caller on a 64-bit kernel: `arg` has the 32-bit layout. */
  readonly compat: boolean;
  /** The descriptor maps memory by itself: that of an anonymous file, or of a node whose files can (mapMemory). */
  readonly isAnonymous: boolean;
  /**
   * From now on signals do not end this call: the handler answers soon, whatever happens. `onInterrupt` callbacks run
   * only when the session ends.
   */
  uninterruptible(): void;
}

export interface OpenRequest {
  readonly caller: Caller;
  /** The flags of `open(2)`, without `O_CREAT`, `O_EXCL`, `O_NOCTTY` and `O_TRUNC`. */
  readonly flags: number;
  /** Valid, and worth keeping, until {@link CharDevice.release}. */
  readonly file: OpenFile;
  /**
   * Has `mmap()` of this file map `memory` at the same offsets, while everything else still comes to the device. To be
   * called at most once, before the handler settles. The descriptor stays the caller's.
   *
   * Undefined where the kernel or the session's rights do not allow it: always with CUSE.
   *
   * @returns How `/proc/<pid>/maps` shows mappings of the file.
   * @throws {CharDeviceError} EBUSY - another open file of the same inode maps other memory. ENOMEM, EMFILE.
   */
  readonly mapMemory?: ((memory: MappableMemory) => MappedInode) | undefined;
}

/** Memory that an open file can be mapped to: a memfd. */
export interface MappableMemory {
  readonly fd: number;
}

/** An inode as `/proc/<pid>/maps` shows mappings of it. */
export interface MappedInode {
  readonly ino: number;
  readonly path: string;
}

/** Valid during the call only. */
export interface PollRequest {
  readonly caller: Caller;
  /** `POLLIN` and so on, what the callers wait for. A hint: answer with everything that is true. */
  readonly events: number;
}

/** Sent for each `close(2)` of a descriptor, by FUSE files only: CUSE does not send it. */
export interface FlushRequest {
  readonly caller: Caller;
  /** The same for all calls of one process (one file table). */
  readonly lockOwner: bigint;
}

/** `fsync(2)`, sent by FUSE files only: CUSE does not send it. */
export interface FsyncRequest {
  readonly caller: Caller;
  /** `fdatasync(2)`. */
  readonly dataOnly: boolean;
}

/**
 * A character device. `File` is whatever the device wants to know about one open file.
 *
 * A handler that is missing answers as a kernel driver without it does: read, write and fsync `EINVAL`,
 * poll always ready, and `close(2)` has nothing to flush.
 */
export interface CharDevice<File> {
  /** A new open file. When the opener has gone before a promise settles, `release` follows at once. */
  open(request: OpenRequest): File | Promise<File>;
  /** The last descriptor was closed, or the session ends. `close(2)` of the client waits for it. Called once. */
  release(file: File): void;
  /** @returns At most `request.size` bytes; they must not change before the next turn of the event loop. */
  read?(file: File, request: ReadRequest): Uint8Array | Promise<Uint8Array>;
  /** @returns How many bytes were taken, 0 to `request.data.length`. */
  write?(file: File, request: WriteRequest): number | Promise<number>;
  /** The hot path. @returns What `ioctl(2)` returns, 0 to 2^31 - 1. */
  ioctl(file: File, request: IoctlRequest): number | Promise<number>;
  /**
   * @returns `POLLIN`, `POLLERR` and so on, whatever is true now. Call {@link OpenFile.notifyPoll} when more
   * becomes true; not from within this handler.
   */
  poll?(file: File, request: PollRequest): number;
  flush?(file: File, request: FlushRequest): void;
  fsync?(file: File, request: FsyncRequest): void | Promise<void>;
}

/** Where a session reports bugs and oddities. One text per event, possibly of several lines. */
export interface SessionLog {
  /** Something odd that did no harm. */
  warn(message: string): void;
  /** A handler failed with something else than a refusal, or a reply could not be sent. */
  error(message: string): void;
}
