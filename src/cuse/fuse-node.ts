/**
 * A device node that is a file of a {@link FuseMount}: the same contract with the device as a {@link CuseSession}, and
 * the same handles.
 *
 * Differs from a CUSE node:
 * - `stat(2)` says "regular file". The device number that it stands for is {@link FuseNode.rdev}, which the extended
 *   attribute "system.v4l2-cuse.rdev" tells; programs that look are told by the helper library.
 * - Where the kernel allows it, a device gives each file memory that `mmap()` shows (OpenRequest.mapMemory). Such a file
 *   is seekable, as the kernel takes FOPEN_STREAM and FOPEN_PASSTHROUGH only one at a time; what the device is told of
 *   a `read(2)` or `write(2)` is the same (pieces.ts).
 * - Then a way to the node that needs no lookup (a bind mount of the file itself, /proc/<pid>/fd) leads to one inode,
 *   of which one file can be open at a time: the second open(2) is EBUSY. A bind mount of the folder and symbolic links
 *   have no such limit.
 * - After the driver has been killed the mount is still there, and answers ENOTCONN until the next driver takes the
 *   folder, or somebody unmounts it.
 */
import { sameFile } from "../native.js";
import { CallerFlags, CallWatch } from "./caller.js";
import type { OpenCall } from "./calls.js";
import type {
  CharDevice,
  FsyncRequest,
  IoctlRequest,
  MappableMemory,
  MappedInode,
  PendingCall,
  PollRequest,
  ReadRequest,
  SessionLog,
  WriteRequest,
} from "./char-device.js";
import { Connection, releaseRecord } from "./connection.js";
import { CharDeviceError, systemCode } from "./errors.js";
import { ALWAYS_READY, type ErrnoName } from "../linux.js";
import { assertMappable, type Access, type NodeInode } from "./fuse-folder.js";
import type { FuseMount, MountedNode } from "./fuse-mount.js";
import { FOPEN_DIRECT_IO, FOPEN_NOFLUSH, FOPEN_PASSTHROUGH, FOPEN_STREAM } from "./gen/fuse.js";
import { checkName, makeRdev, resolveAccess } from "./node.js";
import { OpenFileTable } from "./open-files.js";
import { Pieces } from "./pieces.js";
import type { SharedFile } from "./shared-file.js";

/** Name and access rights of a node, and the folder that it is in. */
export interface FuseNodeOptions {
  /** "video0" */
  readonly name: string;
  /** Permission bits; default 0600, or 0660 with a group. */
  readonly mode?: number | undefined;
  /** A name or a number; default: ours. */
  readonly group?: string | number | undefined;
  /** The folder, which stays when this node goes. */
  readonly mount: FuseMount;
  readonly log?: SessionLog | undefined;
  /** As `SessionOptions.before`. */
  readonly before?: (() => void) | undefined;
}

/** What the connection calls a file. */
class NodeFile {
  file: unknown;
  backingId: number | undefined;
  reads: Pieces | undefined;
  writes: Pieces | undefined;

  constructor(readonly inode: NodeInode) {}
}

const calls = new CallWatch("/proc");

/** What `stat(2)` tells of files that can be mapped: all that `v4l2_buffer.m.offset` can name, in whole pages of any kernel. */
const MAPPABLE_BYTES = 2 ** 32 - 65_536;

/** A node in the folder of a mount, from {@link FuseNode.start} until it is closed. */
export class FuseNode implements MountedNode {
  /** The path: "/run/v4l2-cuse/dev/video0". */
  readonly node: string;
  readonly nodes: readonly string[];
  /** As `CuseSession.closed`. */
  readonly closed: Promise<Error | undefined>;
  readonly name: string;
  readonly access: Access;
  readonly major: number;
  readonly minor: number;
  readonly sizeBytes: number;

  /** Files of this node need no other in their place. */
  readonly canShare = false;
  readonly canMap: boolean;

  readonly #mount: FuseMount;
  readonly #log: SessionLog;
  readonly #device: CharDevice<unknown>;
  readonly #files = new OpenFileTable<NodeFile>();
  readonly #connection: Connection<NodeFile>;
  readonly #adapter: CharDevice<NodeFile>;
  readonly #endBefore: (() => void) | undefined;
  #resolveClosed: (reason: Error | undefined) => void = () => undefined;
  #isOver = false;

  /**
   * Makes the node. When this resolves, it can be opened.
   * @throws {CuseError} The name is taken or invalid, there is no such group, or the mount is over.
   */
  static start<File>(device: CharDevice<File>, options: FuseNodeOptions): FuseNode {
    checkName(options.name);
    const { mode, gid } = resolveAccess(options.mode, options.group);
    const access = { mode, uid: process.getuid?.() ?? 0, gid: gid ?? process.getgid?.() ?? 0 };
    const node = new FuseNode(device, options, access);
    options.mount.add(node);
    return node;
  }

  private constructor(device: CharDevice<unknown>, options: FuseNodeOptions, access: Access) {
    const { mount } = options;
    this.name = options.name;
    this.access = access;
    this.#mount = mount;
    this.#log = options.log ?? mount.log;
    this.#device = device;
    this.node = `${mount.folder}/${options.name}`;
    this.nodes = [this.node];
    this.canMap = mount.canMap;
    this.sizeBytes = mount.canMap ? MAPPABLE_BYTES : 0;
    const { major, minor } = mount.nextNumber();
    this.major = major;
    this.minor = minor;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#adapter = new NodeDevice(device, (file) => this.#released(file));
    this.#connection = new Connection<NodeFile>({
      device: this.#adapter,
      files: this.#files,
      channel: mount.channel,
      transferBytes: mount.transferBytes,
      log: this.#log,
      probe: new CallerFlags({
        handles: () => this.#files.handles(),
        node: this.node,
        ino: () => undefined,
        inoOf: ({ fh }) => this.#files.get(fh)?.file.inode.nodeId,
        sameFile: (pid, fdA, fdB) => sameFile(pid, fdA, pid, fdB),
      }),
      isAnonymous: mount.canMap,
      message: mount.message,
      control: (message, reply) => mount.answer(message, reply),
      open: (call, nodeId) => this.#open(call, nodeId),
    });
    this.#endBefore = options.before && mount.before(options.before);
  }

  /** The device number that the node stands for: of no real device, and of no other node of the system. */
  get rdev(): number {
    return makeRdev(this.major, this.minor);
  }

  /** See {@link canShare}. */
  share(): SharedFile | undefined {
    return undefined;
  }

  /** @internal */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** @internal */
  serve(wrong: string | undefined): void {
    if (!this.#isOver) this.#connection.serve(wrong);
  }

  /** Calls that wait fail with `code`; what comes later reaches the device as before. */
  refusePending(code: ErrnoName): void {
    this.#connection.refusePending(code);
  }

  /**
   * Removes the node: calls that wait are answered with ENODEV, all files are released. What clients do with descriptors
   * that they still have fails with ENODEV while other nodes keep the mount, and with ENOTCONN from then on. May be
   * called at any time and more than once.
   */
  async close(): Promise<void> {
    // Whoever calls just now shall hear ENODEV.
    if (!this.#isOver) this.#mount.serveWaiting();
    this.end(undefined);
    await this.closed;
  }

  /** @internal */
  end(reason: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#mount.remove(this);
    this.#endBefore?.();
    // They ask again, and are told POLLERR and POLLHUP.
    for (const handle of this.#files.handles()) handle.notifyPoll();
    this.#connection.end("ENODEV");
    for (const { handle } of [...this.#files]) {
      const record = this.#files.remove(handle.fh);
      if (record !== undefined) releaseRecord(this.#adapter, record, this.#log, true);
    }
    this.#resolveClosed(reason);
  }

  #open(call: OpenCall<NodeFile>, nodeId: number): NodeFile | Promise<NodeFile> {
    const inode = this.#mount.inode(nodeId);
    if (inode === undefined) throw new CharDeviceError("ESTALE", `inode ${nodeId} is not known`);
    // STREAM: each read(2) starts at offset 0, as on a character device. NOFLUSH: close(2) has nothing to wait for.
    call.openFlags = FOPEN_DIRECT_IO | FOPEN_NOFLUSH | FOPEN_STREAM;
    const file = new NodeFile(inode);
    if (this.#mount.canMap) this.#assertSingle(inode);
    const mapMemory = this.#mount.canMap
      ? (memory: MappableMemory): MappedInode => this.#mapMemory(call, file, memory)
      : undefined;
    const failed = (error: unknown): never => {
      this.#released(file);
      throw error;
    };
    let opened: unknown;
    try {
      opened = this.#device.open({ caller: call.caller, flags: call.flags, file: call.file, mapMemory });
    } catch (error) {
      return failed(error);
    }
    const done = (value: unknown): NodeFile => {
      file.file = value;
      return file;
    };
    return opened instanceof Promise ? opened.then(done, failed) : done(opened);
  }

  #assertSingle(inode: NodeInode): void {
    try {
      assertMappable(inode);
    } catch (error) {
      this.#log.warn(
        `${this.node} was opened twice by a way that needs no lookup: bind its folder or make a symbolic link instead of binding the file`,
      );
      throw error;
    }
  }

  #mapMemory(call: OpenCall<NodeFile>, file: NodeFile, { fd }: MappableMemory): MappedInode {
    const { inode } = file;
    assertMappable(inode);
    try {
      file.backingId = this.#mount.openBacking(fd);
    } catch (error) {
      const code = systemCode(error) === "EMFILE" ? "EMFILE" : "ENOMEM";
      throw new CharDeviceError(code, `memory for a file: ${String(error)}`, { cause: error });
    }
    inode.isMapped = true;
    // Open until the release: the kernel looks it up after our answer, when the client runs.
    call.backingId = file.backingId;
    call.openFlags = FOPEN_DIRECT_IO | FOPEN_NOFLUSH | FOPEN_PASSTHROUGH;
    const pieces = (): Pieces => new Pieces(this.#mount.transferBytes, (tid) => calls.transferBytes(tid));
    file.reads = pieces();
    file.writes = pieces();
    return { ino: inode.nodeId, path: this.node };
  }

  #released(file: NodeFile): void {
    if (file.backingId === undefined) return;
    this.#mount.closeBacking(file.backingId);
    file.backingId = undefined;
    file.inode.isMapped = false;
  }
}

/** The device, for files of ours. */
class NodeDevice implements CharDevice<NodeFile> {
  readonly #device: CharDevice<unknown>;
  readonly #released: (file: NodeFile) => void;

  constructor(device: CharDevice<unknown>, released: (file: NodeFile) => void) {
    this.#device = device;
    this.#released = released;
  }

  open(): never {
    throw new CharDeviceError("EACCES", "files are opened by inode");
  }

  release(file: NodeFile): void {
    try {
      this.#device.release(file.file);
    } finally {
      this.#released(file);
    }
  }

  ioctl(file: NodeFile, request: IoctlRequest): number | Promise<number> {
    return this.#device.ioctl(file.file, request);
  }

  poll(file: NodeFile, request: PollRequest): number {
    return this.#device.poll?.(file.file, request) ?? ALWAYS_READY;
  }

  read(file: NodeFile, request: ReadRequest): Uint8Array | Promise<Uint8Array> {
    if (this.#device.read === undefined) throw new CharDeviceError("EINVAL", "the device cannot be read");
    if (file.reads === undefined) return this.#device.read(file.file, request);
    const offset = file.reads.place(request);
    return this.#device.read(file.file, { ...pendingCall(request), size: request.size, offset });
  }

  write(file: NodeFile, request: WriteRequest): number | Promise<number> {
    if (this.#device.write === undefined) throw new CharDeviceError("EINVAL", "the device cannot be written");
    if (file.writes === undefined) return this.#device.write(file.file, request);
    const { caller, data } = request;
    const offset = file.writes.place({ caller, offset: request.offset, size: data.byteLength });
    return this.#device.write(file.file, { ...pendingCall(request), data, offset });
  }

  fsync(file: NodeFile, request: FsyncRequest): void | Promise<void> {
    if (this.#device.fsync === undefined) throw new CharDeviceError("EINVAL", "the device keeps nothing");
    return this.#device.fsync(file.file, request);
  }
}

/** A request without what it transfers, of which the offset may be another. */
function pendingCall(request: PendingCall): PendingCall {
  return {
    caller: request.caller,
    nonblocking: () => request.nonblocking(),
    onInterrupt: (callback) => request.onInterrupt(callback),
  };
}
