/**
 * The root directory of a FUSE mount with device nodes: names, attributes and listing.
 *
 * The kernel refuses inodes that say S_IFCHR (it would open the device of those numbers in our place), so a node is a
 * regular file. Which inode a name leads to depends on whether files can be mapped:
 *
 * - All files of one inode that can be mapped show the same memory (fuse_inode_uncached_io_start, EBUSY), and no client
 *   may see another's buffers. So each LOOKUP answers with an inode that was never used before, and names are not kept
 *   (`entry_valid` 0): every open(2) of a path comes with a LOOKUP of its own. Files that are open keep their inode.
 * - Without mapping, the node is one inode.
 */
import { CharDeviceError } from "./errors.js";
import {
  FATTR_GID,
  FATTR_MODE,
  FATTR_SIZE,
  FATTR_UID,
  FUSE_BATCH_FORGET,
  FUSE_FORGET,
  FUSE_GETATTR,
  FUSE_GETXATTR,
  FUSE_LOOKUP,
  FUSE_OPENDIR,
  FUSE_READDIR,
  FUSE_RELEASEDIR,
  FUSE_ROOT_ID,
  FUSE_SETATTR,
  FUSE_STATFS,
  FuseAttrOutView,
  FuseBatchForgetInView,
  FuseDirentView,
  FuseEntryOutView,
  FuseForgetInView,
  FuseForgetOneView,
  FuseGetxattrInView,
  FuseGetxattrOutView,
  FuseReadInView,
  FuseSetattrInView,
  FuseStatfsOutView,
  type FuseAttrView,
} from "./gen/fuse.js";
import type { Message } from "./protocol.js";
import type { Reply } from "./reply.js";
import { ATTRIBUTES_LAST, isSeek } from "./seeking.js";

/** Who may open a node; chmod(1) and chown(1) change it. */
export interface Access {
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
}

/** A name in the folder. */
export interface FolderEntry {
  readonly name: string;
  readonly access: Access;
  readonly major: number;
  readonly minor: number;
  /** What `stat(2)` tells. */
  readonly sizeBytes: number;
}

/** An inode that the kernel knows. */
export interface NodeInode<Entry extends FolderEntry = FolderEntry> {
  readonly nodeId: number;
  readonly entry: Entry;
  /** How often the kernel was told of it, and has not forgotten it since. */
  lookups: bigint;
  /** An open file of it maps memory. */
  isMapped: boolean;
}

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const DT_DIR = 4;
const DT_REG = 8;
const PERMISSIONS = 0o777;

/** What READDIR carries at most. */
const MAX_LISTING_BYTES = 64 * 1024;

/** Anybody who finds a node may ask for it, whatever the node's mode: attributes of `system.` need no right to read. */
export const NUMBER_ATTRIBUTE = "system.v4l2-cuse.rdev";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export class Folder<Entry extends FolderEntry> {
  readonly #entries = new Map<string, Entry>();
  readonly #inodes = new Map<number, NodeInode<Entry>>();
  readonly #owner: Access = { mode: 0o755, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  readonly #now = BigInt(Math.floor(Date.now() / 1000));
  #lastNodeId = FUSE_ROOT_ID;
  /** What was asked for last: who calls mostly calls again. */
  #lastAsked: NodeInode<Entry> | undefined;
  /** See above. Known before anything is asked of us. */
  hasInodePerFile = false;

  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** Inodes that the kernel knows. */
  get size(): number {
    return this.#inodes.size;
  }

  add(entry: Entry): void {
    this.#entries.set(entry.name, entry);
  }

  /** Nobody finds it any more. Its inodes stay until the kernel forgets them. */
  remove(entry: Entry): void {
    if (this.#entries.get(entry.name) === entry) this.#entries.delete(entry.name);
  }

  inode(nodeId: number): NodeInode<Entry> | undefined {
    const last = this.#lastAsked;
    if (last !== undefined && last.nodeId === nodeId) return last;
    return (this.#lastAsked = this.#inodes.get(nodeId));
  }

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
      case FUSE_GETATTR:
        this.#tellAttributes(message.nodeId, reply);
        break;
      case FUSE_SETATTR:
        this.#setAttributes(message, reply);
        break;
      case FUSE_OPENDIR:
        reply.opened(0n, 0);
        break;
      case FUSE_READDIR:
        this.#list(message, reply);
        break;
      case FUSE_RELEASEDIR:
        reply.done();
        break;
      case FUSE_GETXATTR:
        this.#tellNumber(message, reply);
        break;
      case FUSE_STATFS:
        reply.data(new Uint8Array(FuseStatfsOutView.SIZE));
        break;
    }
  }

  /** FORGET and BATCH_FORGET, which have no answer. */
  forget(message: Message): void {
    const { body } = message;
    if (message.opcode === FUSE_FORGET && body.byteLength >= FuseForgetInView.SIZE) {
      this.#forget(message.nodeId, new FuseForgetInView(body).nlookup);
    } else if (message.opcode === FUSE_BATCH_FORGET && body.byteLength >= FuseBatchForgetInView.SIZE) {
      const { count } = new FuseBatchForgetInView(body);
      let at = FuseBatchForgetInView.SIZE;
      for (let index = 0; index < count && at + FuseForgetOneView.SIZE <= body.byteLength; index++) {
        const { nodeid, nlookup } = new FuseForgetOneView(body.subarray(at));
        this.#forget(Number(nodeid), nlookup);
        at += FuseForgetOneView.SIZE;
      }
    }
  }

  #forget(nodeId: number, lookups: bigint): void {
    const inode = this.#inodes.get(nodeId);
    if (inode === undefined) return;
    inode.lookups -= lookups;
    if (inode.lookups > 0n) return;
    this.#inodes.delete(nodeId);
    this.#lastAsked = undefined;
  }

  #lookup(message: Message, reply: Reply): void {
    const name = decoder.decode(message.body).split("\0", 1)[0] ?? "";
    const entry = message.nodeId === FUSE_ROOT_ID ? this.#entries.get(name) : undefined;
    if (entry === undefined) {
      reply.fail("ENOENT");
      return;
    }
    const inode = this.#inodeOf(entry);
    const answer = new FuseEntryOutView(new Uint8Array(FuseEntryOutView.SIZE));
    answer.nodeid = BigInt(inode.nodeId);
    answer.entry_valid = 0n;
    answer.attr_valid = ATTRIBUTES_LAST;
    this.#fill(answer.attr, inode);
    inode.lookups += 1n;
    // An answer that came too late is one that the kernel does not count.
    if (!reply.data(answer.bytes)) this.#forget(inode.nodeId, 1n);
  }

  #inodeOf(entry: Entry): NodeInode<Entry> {
    if (!this.hasInodePerFile) {
      for (const inode of this.#inodes.values()) if (inode.entry === entry) return inode;
    }
    this.#lastNodeId += 1;
    const inode = { nodeId: this.#lastNodeId, entry, lookups: 0n, isMapped: false };
    this.#inodes.set(inode.nodeId, inode);
    return inode;
  }

  #tellAttributes(nodeId: number, reply: Reply): void {
    const inode = nodeId === FUSE_ROOT_ID ? undefined : this.#inodes.get(nodeId);
    if (nodeId !== FUSE_ROOT_ID && inode === undefined) {
      reply.fail("ESTALE");
      return;
    }
    const answer = new FuseAttrOutView(new Uint8Array(FuseAttrOutView.SIZE));
    answer.attr_valid = ATTRIBUTES_LAST;
    this.#fill(answer.attr, inode);
    reply.data(answer.bytes);
  }

  /**
   * chmod(2) and chown(2), whose caller's rights the kernel has checked. truncate(2) of a device is EINVAL; O_TRUNC of
   * open(2), which means nothing to one, comes with OPEN. Times are not kept.
   */
  #setAttributes(message: Message, reply: Reply): void {
    const inode = this.#inodes.get(message.nodeId);
    if (inode === undefined || message.body.byteLength < FuseSetattrInView.SIZE) {
      reply.fail("EPERM");
      return;
    }
    const { valid, mode, uid, gid } = new FuseSetattrInView(message.body);
    if ((valid & FATTR_SIZE) !== 0) {
      reply.fail("EINVAL");
      return;
    }
    const { access } = inode.entry;
    if ((valid & FATTR_MODE) !== 0) access.mode = mode & PERMISSIONS;
    if ((valid & FATTR_UID) !== 0) access.uid = uid;
    if ((valid & FATTR_GID) !== 0) access.gid = gid;
    this.#tellAttributes(message.nodeId, reply);
  }

  /**
   * The extended attribute {@link NUMBER_ATTRIBUTE}: `1024:35`. `stat(2)` cannot tell it, because the kernel drops the
   * number of a regular file.
   */
  #tellNumber(message: Message, reply: Reply): void {
    const { body } = message;
    const entry = this.#inodes.get(message.nodeId)?.entry;
    const name =
      body.byteLength < FuseGetxattrInView.SIZE
        ? undefined
        : decoder.decode(body.subarray(FuseGetxattrInView.SIZE)).split("\0", 1)[0];
    if (entry === undefined || name !== NUMBER_ATTRIBUTE) {
      reply.fail("ENODATA");
      return;
    }
    const text = encoder.encode(`${entry.major}:${entry.minor}`);
    const { size } = new FuseGetxattrInView(body);
    if (size === 0) {
      const answer = new FuseGetxattrOutView(new Uint8Array(FuseGetxattrOutView.SIZE));
      answer.size = text.byteLength;
      reply.data(answer.bytes);
    } else if (size < text.byteLength) reply.fail("ERANGE");
    else reply.data(text);
  }

  #list(message: Message, reply: Reply): void {
    if (message.body.byteLength < FuseReadInView.SIZE) {
      reply.fail("EINVAL");
      return;
    }
    const { offset, size } = new FuseReadInView(message.body);
    const names = [".", "..", ...this.#entries.keys()];
    const room = Math.min(size, MAX_LISTING_BYTES);
    const listing = new Uint8Array(room);
    let used = 0;
    for (let index = Number(offset); index < names.length; index++) {
      const name = encoder.encode(names[index]);
      const bytes = (FuseDirentView.SIZE + name.byteLength + 7) & ~7;
      if (used + bytes > room) break;
      const entry = new FuseDirentView(listing.subarray(used));
      // Numbers in a listing are hints; 0 would hide the entry.
      entry.ino = BigInt(FUSE_ROOT_ID + Math.max(0, index - 1));
      entry.off = BigInt(index + 1);
      entry.namelen = name.byteLength;
      entry.type = index < 2 ? DT_DIR : DT_REG;
      listing.set(name, used + FuseDirentView.SIZE);
      used += bytes;
    }
    reply.data(listing.subarray(0, used));
  }

  /** @param inode - Undefined: of the folder itself. */
  #fill(attr: FuseAttrView, inode: NodeInode<Entry> | undefined): void {
    const access = inode?.entry.access ?? this.#owner;
    attr.ino = BigInt(inode?.nodeId ?? FUSE_ROOT_ID);
    attr.mode = (inode === undefined ? S_IFDIR : S_IFREG) | access.mode;
    attr.uid = access.uid;
    attr.gid = access.gid;
    attr.nlink = inode === undefined ? 2 : 1;
    attr.blksize = 4096;
    attr.atime = this.#now;
    attr.mtime = this.#now;
    attr.ctime = this.#now;
    if (inode === undefined) return;
    attr.size = BigInt(inode.entry.sizeBytes);
  }
}

/** @throws {CharDeviceError} EBUSY - a file of this inode maps other memory. */
export function assertMappable(inode: NodeInode): void {
  if (!inode.isMapped) return;
  throw new CharDeviceError("EBUSY", `${inode.entry.name} is open by a way that leads to one inode only`);
}
