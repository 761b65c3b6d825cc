/**
 * The file system of a {@link FuseSession}: a root directory in which nothing is ever found but a file that is being
 * opened by us, and one regular file for each {@link CharDevice} handle that clients hold descriptors of.
 *
 * Inodes are numbered from 2 and never again, so that a number names one file for the session's life.
 */
import type {
  CharDevice,
  FlushRequest,
  FsyncRequest,
  IoctlRequest,
  OpenFile,
  PendingCall,
  PollRequest,
  ReadRequest,
  WriteRequest,
} from "./char-device.js";
import { CallWatch } from "./caller.js";
import type { OpenCall } from "./calls.js";
import { CharDeviceError } from "./errors.js";
import { ALWAYS_READY } from "../linux.js";
import {
  FOPEN_DIRECT_IO,
  FOPEN_NOFLUSH,
  FOPEN_PASSTHROUGH,
  FOPEN_STREAM,
  FUSE_GETATTR,
  FUSE_LOOKUP,
  FUSE_OPENDIR,
  FUSE_ROOT_ID,
  FUSE_SETATTR,
  FUSE_STATFS,
  FuseAttrOutView,
  FuseEntryOutView,
  FuseStatfsOutView,
  type FuseAttrView,
} from "./gen/fuse.js";
import { Pieces } from "./pieces.js";
import type { Message } from "./protocol.js";
import type { Reply } from "./reply.js";
import { ATTRIBUTES_LAST, isSeek } from "./seeking.js";

/** One file: the device that serves it, and what that calls it. */
export interface Inode {
  readonly ino: number;
  readonly name: string;
  readonly device: CharDevice<unknown>;
  /** Makes the device's file, when the descriptor is opened. */
  readonly open: (file: OpenFile) => unknown;
  /** Of the memory that mappings of the file show; undefined: it cannot be mapped. */
  readonly backingId: number | undefined;
  /** What `stat(2)` tells. */
  readonly sizeBytes: number;
  /** Undefined until it is open. */
  opened: { readonly file: unknown } | undefined;
  /** Of the calls in progress: a file that can be mapped has a position. */
  readonly reads: Pieces | undefined;
  readonly writes: Pieces | undefined;
}

/** What a file is made of. */
export interface NewInode extends Pick<Inode, "device" | "open" | "backingId" | "sizeBytes"> {
  /** The name before the colon. */
  readonly label: string;
}

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;

const decoder = new TextDecoder();

/** Serves what is about inodes, and is the device behind all of them. */
export class Inodes implements CharDevice<Inode> {
  readonly #byNumber = new Map<number, Inode>();
  readonly #unopenedByName = new Map<string, Inode>();
  readonly #calls = new CallWatch("/proc");
  readonly #transferBytes: number;
  #lastNumber = FUSE_ROOT_ID;

  /** @param transferBytes - What one READ or WRITE carries at most. */
  constructor(transferBytes: number) {
    this.#transferBytes = transferBytes;
  }

  /** Files that are open or about to be. */
  get size(): number {
    return this.#byNumber.size;
  }

  get(ino: number): Inode | undefined {
    return this.#byNumber.get(ino);
  }

  /** A file that may be opened once, by its name. */
  add({ label, ...given }: NewInode): Inode {
    this.#lastNumber += 1;
    const ino = this.#lastNumber;
    const pieces = (): Pieces | undefined =>
      given.backingId === undefined
        ? undefined
        : new Pieces(this.#transferBytes, (tid) => this.#calls.transferBytes(tid));
    const name = `${label}:${ino}`;
    const inode: Inode = { ...given, ino, name, opened: undefined, reads: pieces(), writes: pieces() };
    this.#byNumber.set(ino, inode);
    this.#unopenedByName.set(inode.name, inode);
    return inode;
  }

  /** It will not be opened. Open files stay until they are released. */
  giveUp(inode: Inode): void {
    this.#unopenedByName.delete(inode.name);
    if (inode.opened === undefined) this.#byNumber.delete(inode.ino);
  }

  // -- Messages about inodes

  /** Answers what is about inodes. The reply stays due if the message is not known. */
  answer(message: Message, reply: Reply): void {
    if (isSeek(message)) {
      reply.fail("ESPIPE");
      return;
    }
    switch (message.opcode) {
      case FUSE_LOOKUP:
        this.#lookup(message, reply);
        break;
      case FUSE_GETATTR: {
        const answer = new FuseAttrOutView(new Uint8Array(FuseAttrOutView.SIZE));
        const { sizeBytes = 0 } = this.get(message.nodeId) ?? {};
        answer.attr_valid = ATTRIBUTES_LAST;
        fillAttributes(answer.attr, message.nodeId, sizeBytes);
        reply.data(answer.bytes);
        break;
      }
      case FUSE_STATFS:
        reply.data(new Uint8Array(FuseStatfsOutView.SIZE));
        break;
      case FUSE_SETATTR:
        reply.fail("EPERM");
        break;
      case FUSE_OPENDIR:
        reply.fail("EACCES");
        break;
    }
  }

  #lookup(message: Message, reply: Reply): void {
    const name = decoder.decode(message.body).split("\0", 1)[0] ?? "";
    const inode = message.nodeId === FUSE_ROOT_ID ? this.#unopenedByName.get(name) : undefined;
    if (inode === undefined) {
      reply.fail("ENOENT");
      return;
    }
    const answer = new FuseEntryOutView(new Uint8Array(FuseEntryOutView.SIZE));
    answer.nodeid = BigInt(inode.ino);
    // The name is not kept: with the last descriptor the kernel forgets the inode at once (fuse_dentry_delete).
    answer.entry_valid = 0n;
    answer.attr_valid = ATTRIBUTES_LAST;
    fillAttributes(answer.attr, inode.ino, inode.sizeBytes);
    reply.data(answer.bytes);
  }

  /**
   * Our own open, once. Any other is by somebody who has a descriptor and opens it again by way of /proc: as with
   * the kernel's anonymous files, that is no file of its own.
   *
   * @throws {CharDeviceError} EACCES.
   */
  openInode(call: OpenCall<Inode>, nodeId: number): Inode {
    const inode = this.#byNumber.get(nodeId);
    if (inode === undefined || !this.#unopenedByName.delete(inode.name)) {
      throw new CharDeviceError("EACCES", `inode ${nodeId} cannot be opened again`);
    }
    // STREAM: each read(2) starts at offset 0, as on a character device. The kernel does not take it together with
    // PASSTHROUGH (FOPEN_PASSTHROUGH_MASK): such a file has a position, see pieces.ts.
    // DIRECT_IO has read and write come to us all the same.
    call.openFlags = FOPEN_DIRECT_IO | FOPEN_NOFLUSH;
    call.openFlags |= inode.backingId === undefined ? FOPEN_STREAM : FOPEN_PASSTHROUGH;
    call.backingId = inode.backingId ?? 0;
    inode.opened = { file: inode.open(call.file) };
    return inode;
  }

  // -- The device behind each inode

  open(): never {
    throw new CharDeviceError("EACCES", "files are opened by inode");
  }

  release(inode: Inode): void {
    this.#byNumber.delete(inode.ino);
    const { opened } = inode;
    if (opened !== undefined) inode.device.release(opened.file);
  }

  ioctl(inode: Inode, request: IoctlRequest): number | Promise<number> {
    return inode.device.ioctl(fileOf(inode), request);
  }

  poll(inode: Inode, request: PollRequest): number {
    return inode.device.poll?.(fileOf(inode), request) ?? ALWAYS_READY;
  }

  read(inode: Inode, request: ReadRequest): Uint8Array | Promise<Uint8Array> {
    const { device } = inode;
    if (device.read === undefined) throw new CharDeviceError("EINVAL", "the file cannot be read");
    const offset = inode.reads?.place(request) ?? request.offset;
    return device.read(fileOf(inode), { ...pendingCall(request), size: request.size, offset });
  }

  write(inode: Inode, request: WriteRequest): number | Promise<number> {
    const { device } = inode;
    if (device.write === undefined) throw new CharDeviceError("EINVAL", "the file cannot be written");
    const { caller, data } = request;
    const piece = { caller, offset: request.offset, size: data.byteLength };
    const offset = inode.writes?.place(piece) ?? request.offset;
    return device.write(fileOf(inode), { ...pendingCall(request), data, offset });
  }

  fsync(inode: Inode, request: FsyncRequest): void | Promise<void> {
    const { device } = inode;
    if (device.fsync === undefined) throw new CharDeviceError("EINVAL", "the file has nothing to write back");
    return device.fsync(fileOf(inode), request);
  }

  /** Not implemented: a close(2) in our own thread must not wait for us. */
  declare readonly flush?: (inode: Inode, request: FlushRequest) => void;
}

/** A request without what it transfers, of which the offset may be another. */
function pendingCall(request: PendingCall): PendingCall {
  return {
    caller: request.caller,
    nonblocking: () => request.nonblocking(),
    onInterrupt: (callback) => request.onInterrupt(callback),
  };
}

function fileOf({ ino, opened }: Inode): unknown {
  if (opened === undefined) throw new Error(`inode ${ino} is not open`);
  return opened.file;
}

/** As the kernel's anonymous files: mode 0600, root's. */
function fillAttributes(attr: FuseAttrView, ino: number, sizeBytes = 0): void {
  attr.ino = BigInt(ino);
  attr.size = BigInt(sizeBytes);
  attr.mode = ino === FUSE_ROOT_ID ? S_IFDIR | 0o500 : S_IFREG | 0o600;
  attr.nlink = 1;
  attr.blksize = 4096;
}
