/**
 * Anonymous files: descriptors that a driver hands to its clients, on which ioctl, poll and the last close reach a
 * {@link CharDevice}, as with the kernel's anon inodes. A media request is one.
 *
 * They are files of a FUSE file system whose mount has no path: nobody can come to it but by a descriptor that we
 * gave. A client's descriptor is known by its mount and inode, which the kernel tells ({@link FuseSession.identify}).
 */
import { constants } from "node:fs";
import { Channel, ioctl, mountFuse, openFileFacts, readReady, type OpenFileFacts } from "../native.js";
import { AnonymousFlags } from "./anonymous-flags.js";
import { closeBacking, openBacking, type ChannelIoctl } from "./backing.js";
import type { CharDevice, OpenFile, SessionLog } from "./char-device.js";
import { Connection, releaseRecord } from "./connection.js";
import { CuseError, stackOf, systemCode } from "./errors.js";
import { FileOpener, type OpenedFile, type Opener } from "./file-opener.js";
import { FUSE_INIT } from "./gen/fuse.js";
import { answerFuseInit, fuseTransferBytes } from "./init.js";
import { Inodes, type Inode } from "./fuse-inodes.js";
import { OpenFileTable } from "./open-files.js";
import { receiveBytes, type Message } from "./protocol.js";
import type { Reply } from "./reply.js";
import type { SessionChannel, SessionChannelHandlers } from "./session.js";
import { serveWaiting, type MessageReader } from "./waiting-messages.js";
import type { ErrnoName } from "../linux.js";

/** A file that was made. It lives as long as anybody has a descriptor of it. */
export interface AnonymousFile {
  /** Never given to another file of the session. */
  readonly ino: number;
  /** Our own descriptor: send it, then {@link close}. -1 once closed. */
  readonly fd: number;
  close(): void;
}

export interface AnonymousFileOptions {
  /** What `/proc/<pid>/fd` shows before the colon and a number. Default "anon". */
  readonly label?: string;
  /** As for `open(2)`; default `O_RDONLY`, as the kernel opens media requests. */
  readonly flags?: number;
  /**
   * A descriptor of memory (a memfd) that `mmap()` of the file maps, at the same offsets, while everything else still
   * reaches the device. It stays the caller's, who may close it once the file is made. Where the kernel has no
   * FUSE_PASSTHROUGH ({@link FuseSession.canMap}), making the file fails with EOPNOTSUPP.
   */
  readonly backing?: number;
  /** What `stat(2)` tells; default 0. Some programs (Python) look before they map. */
  readonly sizeBytes?: number;
}

/** A client's descriptor that is one of ours. */
export interface Identified {
  readonly device: CharDevice<unknown>;
  readonly file: unknown;
}

export interface FuseSessionOptions {
  /** Default "/dev/fuse". */
  readonly devicePath?: string | undefined;
  /** Default: console.error. */
  readonly log?: SessionLog | undefined;
}

/** The system as the session sees it; another one in tests. */
export interface FuseEnvironment extends MessageReader, ChannelIoctl {
  openChannel(path: string, bufferBytes: number, handlers: SessionChannelHandlers): SessionChannel;
  mount(channelFd: number): OpenedFile;
  startOpener(mountFd: number): Opener;
  openFileFacts(pid: number, fd: number): OpenFileFacts | undefined;
}

const system: FuseEnvironment = {
  openChannel: (path, bufferBytes, handlers) => new Channel(path, bufferBytes, handlers),
  mount: mountFuse,
  startOpener: (mountFd) => new FileOpener(mountFd),
  openFileFacts,
  readReady,
  ioctl,
};

/** O_PATH, which Node does not list. Such a descriptor only names the file. */
const O_PATH = 0o10000000;

export class FuseSession {
  /**
   * Settles when the session is over; never rejects. undefined: {@link close} was called. An error: the kernel
   * ended it.
   */
  readonly closed: Promise<Error | undefined>;
  /**
   * Can files be mapped ({@link AnonymousFileOptions.backing})? Linux 6.9 and later, if built with
   * CONFIG_FUSE_PASSTHROUGH. Known when the kernel has said what it can, which it does at once.
   */
  readonly canMap: Promise<boolean>;

  readonly #log: SessionLog;
  readonly #environment: FuseEnvironment;
  readonly #transferBytes = fuseTransferBytes();
  readonly #inodes = new Inodes(this.#transferBytes);
  readonly #files = new OpenFileTable<Inode>();
  readonly #channel: SessionChannel;
  readonly #connection: Connection<Inode>;
  readonly #mount: OpenedFile;
  readonly #mountId: number;
  readonly #opener: Opener;
  #resolveClosed: (reason: Error | undefined) => void = () => undefined;
  #resolveCanMap: (can: boolean) => void = () => undefined;
  #isOver = false;
  #isServing = false;
  #receiveBuffer: Uint8Array | undefined;

  /**
   * Mounts the file system.
   * @throws {CuseError} No /dev/fuse, no right to mount, a kernel before 5.14: one sentence with the remedy.
   */
  constructor(options: FuseSessionOptions = {}, environment = system) {
    this.#environment = environment;
    this.#log = options.log ?? {
      warn: (message) => console.error(`files for clients: ${message}`),
      error: (message) => console.error(`files for clients: ${message}`),
    };
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.canMap = new Promise((resolve) => {
      this.#resolveCanMap = resolve;
    });
    const path = options.devicePath ?? "/dev/fuse";
    this.#channel = attempt(path, () =>
      environment.openChannel(path, receiveBytes(this.#transferBytes), {
        onMessage: (message) => this.#onMessage(message),
        onClose: (error) => this.#onChannelClosed(error),
      }),
    );
    let mount: OpenedFile | undefined;
    try {
      mount = attempt(path, () => environment.mount(this.#channel.fd));
      this.#mount = mount;
      this.#mountId = attempt(path, () => this.#ownMountId());
      this.#opener = attempt(path, () => environment.startOpener(this.#mount.fd));
    } catch (error) {
      mount?.close();
      this.#channel.close();
      throw error;
    }
    this.#connection = new Connection({
      device: this.#inodes,
      files: this.#files,
      channel: this.#channel,
      transferBytes: this.#transferBytes,
      log: this.#log,
      probe: new AnonymousFlags({
        flagsOf: (handle, tid, fd) => {
          const facts = this.#factsOf(tid, fd);
          return facts?.ino === this.#files.get(handle.fh)?.file.ino ? facts?.flags : undefined;
        },
      }),
      control: (message, reply) => this.#control(message, reply),
      isAnonymous: true,
      open: (call, nodeId) => this.#inodes.openInode(call, nodeId),
    });
  }

  /** Files that are open or about to be. */
  get size(): number {
    return this.#inodes.size;
  }

  /**
   * Makes a file.
   *
   * @param open - Makes what `device` calls the file; it is released when the last descriptor is closed anywhere, or
   *   when the session ends. Called before this resolves, or never.
   * @throws {CuseError} The session is over.
   * @throws With `code`: EMFILE, ENFILE, ENOMEM, ... of `open(2)`.
   */
  async create<File>(
    device: CharDevice<File>,
    open: (file: OpenFile) => File,
    options: AnonymousFileOptions = {},
  ): Promise<AnonymousFile> {
    this.#requireAlive();
    const { label = "anon", flags = constants.O_RDONLY, backing, sizeBytes = 0 } = options;
    const backingId = backing === undefined ? undefined : await this.#openBacking(backing);
    const inode = this.#inodes.add({ label, device, open, backingId, sizeBytes });
    try {
      const opened = await this.#opener.open(inode.name, flags);
      return {
        ino: inode.ino,
        get fd() {
          return opened.fd;
        },
        close: () => opened.close(),
      };
    } finally {
      this.#inodes.giveUp(inode);
      if (backingId !== undefined) this.#closeBacking(backingId); // The open file has the memory for itself.
    }
  }

  /** @throws With `code`: EOPNOTSUPP; EPERM - needs CAP_SYS_ADMIN; EBADF. */
  async #openBacking(fd: number): Promise<number> {
    if (!(await this.canMap)) {
      const text = "this kernel cannot map files of a FUSE server (it needs Linux 6.9 and FUSE_PASSTHROUGH)";
      throw Object.assign(new Error(text), { code: "EOPNOTSUPP" });
    }
    this.#requireAlive();
    return openBacking(this.#environment, this.#channel.fd, fd);
  }

  #closeBacking(id: number): void {
    if (this.#isOver) return; // It went with the channel.
    closeBacking(this.#environment, this.#channel.fd, id, this.#log);
  }

  /**
   * The file behind a client's descriptor. Asks no file system, so that no client can make us wait.
   *
   * Whoever holds such a descriptor was given it, by us or by somebody who had it: our mount has no path by which
   * another could be opened, an inode is opened but once, and numbers of mounts and inodes are not used again while
   * we live. What the client does with the number meanwhile, in another thread, it does to itself.
   *
   * @param tid - A thread of the client: the one that calls, since it may have a table of its own.
   * @returns undefined when it is none of ours, or cannot be looked at.
   */
  identify(tid: number, fd: number): Identified | undefined {
    const facts = this.#factsOf(tid, fd);
    const inode = facts === undefined ? undefined : this.#inodes.get(facts.ino);
    if (inode?.opened === undefined) return undefined;
    return { device: inode.device, file: inode.opened.file };
  }

  /**
   * Serves what clients did with their files before now. The kernel does not let `close(2)` wait until the last close
   * has been served; call this before serving what a client may have called after that on another channel.
   */
  catchUp(): void {
    if (this.#isOver || this.#isServing || this.#files.size === 0) return;
    this.#serveWaiting();
  }

  #serveWaiting(): void {
    const buffer = (this.#receiveBuffer ??= new Uint8Array(receiveBytes(this.#transferBytes)));
    serveWaiting(this.#environment, this.#channel.fd, buffer, (message) => {
      this.#onMessage(message);
      return !this.#isEnded();
    });
  }

  /** Calls that wait fail with `code`; what comes later reaches the device as before. */
  refusePending(code: ErrnoName): void {
    if (!this.#isOver) this.#connection.refusePending(code);
  }

  /**
   * Ends the session: calls that wait are answered with ENODEV, all files are released, nothing stays mounted.
   * Descriptors that clients still have answer ENOTCONN from then on, and POLLERR.
   */
  async close(): Promise<void> {
    this.#end(undefined);
    await this.closed;
  }

  // A method, because the flag changes while messages are served.
  #isEnded(): boolean {
    return this.#isOver;
  }

  #requireAlive(): void {
    if (this.#isOver) throw new CuseError("The session that serves clients' files is over.");
  }

  #ownMountId(): number {
    const facts = this.#environment.openFileFacts(process.pid, this.#mount.fd);
    if (facts === undefined) throw new CuseError("/proc does not show this process: mount procfs on /proc.");
    return facts.mountId;
  }

  /** What the kernel says about a descriptor, if it is of our mount. */
  #factsOf(tid: number, fd: number): OpenFileFacts | undefined {
    if (this.#isOver || tid <= 0 || !Number.isInteger(fd) || fd < 0) return undefined;
    let facts: OpenFileFacts | undefined;
    try {
      facts = this.#environment.openFileFacts(tid, fd);
    } catch {
      return undefined; // Not ours to look at.
    }
    return facts?.mountId === this.#mountId && (facts.flags & O_PATH) === 0 ? facts : undefined;
  }

  #onMessage(message: Uint8Array): void {
    this.#isServing = true;
    try {
      this.#connection.onMessage(message);
    } finally {
      this.#isServing = false;
    }
  }

  #control(message: Message, reply: Reply): void {
    if (message.opcode !== FUSE_INIT) return this.#inodes.answer(message, reply);
    let init: ReturnType<typeof answerFuseInit>;
    try {
      init = answerFuseInit(message.body, { transferBytes: this.#transferBytes });
    } catch (error) {
      reply.fail("EIO");
      this.#resolveCanMap(false);
      this.#log.error(error instanceof CuseError ? error.message : stackOf(error));
      return;
    }
    reply.data(init.bytes);
    this.#resolveCanMap(init.passthrough);
  }

  #onChannelClosed(error: Error | undefined): void {
    const reason = error === undefined ? "" : ` (${error.message})`;
    this.#end(new CuseError(`The kernel ended the session that serves clients' files${reason}.`));
  }

  #end(reason: Error | undefined): void {
    if (this.#isOver) return;
    // Whoever calls just now shall hear ENODEV, not the kernel's ECONNABORTED.
    if (reason === undefined && !this.#isServing) this.#serveWaiting();
    if (this.#isEnded()) return;
    this.#isOver = true;
    this.#resolveCanMap(false);
    this.#connection.end("ENODEV");
    this.#channel.close();
    this.#opener.close();
    this.#mount.close();
    for (const { handle } of [...this.#files]) {
      const record = this.#files.remove(handle.fh);
      if (record !== undefined) releaseRecord(this.#inodes, record, this.#log, true);
    }
    this.#resolveClosed(reason);
  }
}

/** @throws {CuseError} For what `step` threw. */
function attempt<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof CuseError) throw error;
    throw new CuseError(failureText(path, error), { cause: error });
  }
}

function failureText(path: string, error: unknown): string {
  switch (systemCode(error)) {
    case "ENOENT":
    case "ENODEV":
    case "ENXIO":
      return `${path} is missing: load it with "modprobe fuse" (the kernel needs CONFIG_FUSE_FS).`;
    case "EACCES":
    case "EPERM":
      return `${path} may not be used to mount by this user: run as root, with "sudo" for example.`;
    case "ENOSYS":
      return "Files for clients need Linux 5.14 or newer.";
    default:
      return `Files for clients cannot be made: ${error instanceof Error ? error.message : String(error)}`;
  }
}
