/**
 * The second kind of door: a folder with device nodes that a FUSE file system of ours shows, where there is no CUSE.
 *
 * All nodes of a mount share one channel, so what clients do with one comes in the same order as what they do with
 * another. Each has a {@link Connection} of its own, and messages go to that of the inode that they name.
 */
import { Channel, createMemfd, ioctl, readReady } from "../native.js";
import { closeBacking, openBacking, type ChannelIoctl } from "./backing.js";
import type { CharDevice, SessionLog } from "./char-device.js";
import { Connection } from "./connection.js";
import { CharDeviceError, CuseError, stackOf, systemCode } from "./errors.js";
import { POLLERR, POLLHUP } from "../linux.js";
import { asError, cannotHappen } from "../present.js";
import { Folder, type FolderEntry } from "./fuse-folder.js";
import {
  FUSE_ATOMIC_O_TRUNC,
  FUSE_BATCH_FORGET,
  FUSE_FORGET,
  FUSE_INIT,
  FUSE_INTERRUPT,
  FUSE_NOTIFY_REPLY,
  FUSE_POLL,
  FUSE_RELEASE,
} from "./gen/fuse.js";
import { answerFuseInit, fuseTransferBytes } from "./init.js";
import { claimFolder, type ClaimedFolder } from "./node-folder.js";
import { OpenFileTable } from "./open-files.js";
import { Message, receiveBytes } from "./protocol.js";
import { Reply, ReplyWriter } from "./reply.js";
import type { SessionChannel, SessionChannelHandlers } from "./session.js";
import { serveWaiting, type MessageReader } from "./waiting-messages.js";

/** Where nodes appear. */
export interface FuseMountOptions {
  /** Made if it is missing; else it must be empty. */
  readonly folder: string;
  /** See {@link claimFolder}. */
  readonly ownRoot?: string | undefined;
  /** Default "/dev/fuse". */
  readonly devicePath?: string | undefined;
  /** Default: console.error. */
  readonly log?: SessionLog | undefined;
}

/** The system as the mount sees it; another one in tests. */
export interface FuseMountEnvironment extends MessageReader, ChannelIoctl {
  openChannel(path: string, bufferBytes: number, handlers: SessionChannelHandlers): SessionChannel;
  claimFolder(folder: string, ownRoot?: string): Promise<ClaimedFolder>;
  /** A memfd, to try what may be done with one. */
  createMemfd(name: string, sizeBytes: number): { readonly fd: number; close(): void };
}

const system: FuseMountEnvironment = {
  openChannel: (path, bufferBytes, handlers) => new Channel(path, bufferBytes, handlers),
  claimFolder,
  readReady,
  ioctl,
  createMemfd,
};

/** A node of the mount, as the mount sees it. */
export interface MountedNode extends FolderEntry {
  /**
   * Serves the message in {@link FuseMount.message}, which is about one of the node's inodes.
   * @param wrong - What `load` found.
   */
  serve(wrong: string | undefined): void;
  /** The node is gone; its inodes are not yet. */
  readonly isOver: boolean;
  /** The mount is about to go: answers whoever waits, releases all files. */
  end(reason: Error | undefined): void;
}

/** The kernel answers the mount with FUSE_INIT at once. */
const START_TIMEOUT_MS = 5000;

/**
 * Real character devices have majors up to 511 (CHRDEV_MAJOR_MAX); a `dev_t` has room for 4095. So the first node of a
 * mount is number 1024:N, the second 1025:N, and so on, where 0:N is the mount's own device number, which no other mount
 * of the system has: no two nodes and no real device share one.
 */
const FIRST_MAJOR = 1024;
const MAX_NODES = 1024;

export class FuseMount {
  /** Settles when the mount is over; never rejects. An error: the kernel ended it. */
  readonly closed: Promise<Error | undefined>;
  readonly folder: string;
  readonly log: SessionLog;
  readonly channel: SessionChannel;
  /** What one READ or WRITE carries at most, bytes. */
  readonly transferBytes = fuseTransferBytes();

  readonly #environment: FuseMountEnvironment;
  readonly #claimed: ClaimedFolder;
  readonly #root: Connection<never>;
  readonly #directory = new Folder<MountedNode>();
  /** The message at hand. */
  readonly message = new Message();
  readonly #lateReply: Reply;
  #before: readonly (() => void)[] = [];
  #minor = 0;
  #nodesMade = 0;
  #canMap = false;
  #isOver = false;
  #isServing = false;
  #resolveClosed: (reason: Error | undefined) => void = () => undefined;
  #onInit: (outcome: boolean | Error) => void = () => undefined;

  /**
   * Mounts the file system. When this resolves, the folder is there and empty.
   * @throws {CuseError} No /dev/fuse, no right to mount, a folder in use: one sentence with the remedy.
   */
  static async start(options: FuseMountOptions, environment = system): Promise<FuseMount> {
    const path = options.devicePath ?? "/dev/fuse";
    const claimed = await environment.claimFolder(options.folder, options.ownRoot);
    let made: FuseMount | undefined;
    try {
      made = new FuseMount(options, path, claimed, environment);
      await made.#start();
      return made;
    } catch (error) {
      if (made === undefined) claimed.release();
      else await made.close();
      throw error instanceof CuseError ? error : new CuseError(failureText(path, error), { cause: error });
    }
  }

  private constructor(
    { log }: FuseMountOptions,
    path: string,
    claimed: ClaimedFolder,
    environment: FuseMountEnvironment,
  ) {
    this.#environment = environment;
    this.#claimed = claimed;
    this.folder = claimed.path;
    this.log = log ?? {
      warn: (message) => console.error(`${claimed.path}: ${message}`),
      error: (message) => console.error(`${claimed.path}: ${message}`),
    };
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.channel = environment.openChannel(path, receiveBytes(this.transferBytes), {
      onMessage: (message) => this.#onMessage(message),
      onClose: (error) => this.#onChannelClosed(error),
    });
    this.#lateReply = new Reply(new ReplyWriter(this.channel, this.log));
    this.#root = new Connection<never>({
      device: folderDevice,
      files: new OpenFileTable<never>(),
      channel: this.channel,
      transferBytes: this.transferBytes,
      log: this.log,
      probe: { isNonblocking: () => cannotHappen("a folder has no files") },
      control: (message, reply) => this.#control(message, reply),
    });
  }

  async #start(): Promise<void> {
    const init = new Promise<boolean>((resolve, reject) => {
      this.#onInit = (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome));
    });
    init.catch(() => undefined);
    const timer = setTimeout(
      () => this.#onInit(new CuseError("The kernel did not offer a FUSE channel in time: try again.")),
      START_TIMEOUT_MS,
    );
    try {
      this.#minor = this.#claimed.mount(this.channel.fd);
      const offered = await init;
      this.#canMap = offered && this.#mayMap();
      this.#directory.hasInodePerFile = this.#canMap;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Can files be mapped? Needs FUSE_PASSTHROUGH and CAP_SYS_ADMIN in the first user namespace. */
  get canMap(): boolean {
    return this.#canMap;
  }

  /** Nodes that the folder shows. */
  get names(): readonly string[] {
    return this.#directory.names;
  }

  /** Inodes that the kernel knows besides the folder. */
  get inodes(): number {
    return this.#directory.size;
  }

  /** A device number for the next node. @throws {CuseError} There is no other. */
  nextNumber(): { readonly major: number; readonly minor: number } {
    if (this.#nodesMade >= MAX_NODES)
      throw new CuseError("The folder has had too many nodes: use another one.");
    this.#nodesMade += 1;
    return { major: FIRST_MAJOR + this.#nodesMade - 1, minor: this.#minor };
  }

  /** @throws {CuseError} The name is taken, or the mount is over. */
  add(node: MountedNode): void {
    if (this.#isOver) throw new CuseError(`The mount on ${this.folder} is over.`);
    if (this.names.includes(node.name)) {
      throw new CuseError(`${this.folder}/${node.name} exists already: choose another name.`);
    }
    this.#directory.add(node);
  }

  remove(node: MountedNode): void {
    this.#directory.remove(node);
  }

  inode(nodeId: number): ReturnType<Folder<MountedNode>["inode"]> {
    return this.#directory.inode(nodeId);
  }

  /** `hook` is called before each message is served; see `SessionOptions.before`. @returns What ends that. */
  before(hook: () => void): () => void {
    this.#before = [...this.#before, hook];
    return () => {
      this.#before = this.#before.filter((other) => other !== hook);
    };
  }

  /** Makes memory known to the kernel. @throws With `code`: EPERM, EOPNOTSUPP, EBADF, ENOMEM. */
  openBacking(fd: number): number {
    return openBacking(this.#environment, this.channel.fd, fd);
  }

  closeBacking(id: number): void {
    if (this.#isOver) return; // It goes with the channel.
    closeBacking(this.#environment, this.channel.fd, id, this.log);
  }

  /** Serves what waits, so that whoever calls just now hears ENODEV. Not from within a call. */
  serveWaiting(): void {
    if (this.#isOver || this.#isServing) return;
    serveWaiting(
      this.#environment,
      this.channel.fd,
      new Uint8Array(receiveBytes(this.transferBytes)),
      (message) => {
        this.#onMessage(message);
        return !this.#isEnded();
      },
    );
  }

  /**
   * Ends all nodes and unmounts. Descriptors that clients still have answer ENOTCONN from then on, and POLLERR. May be
   * called at any time and more than once.
   */
  async close(): Promise<void> {
    this.#end(undefined);
    await this.closed;
  }

  // A method, because the flag changes while messages are served.
  #isEnded(): boolean {
    return this.#isOver;
  }

  #mayMap(): boolean {
    const memory = this.#environment.createMemfd("v4l2-cuse-try", 4096);
    try {
      this.closeBacking(this.openBacking(memory.fd));
      return true;
    } catch {
      return false; // EPERM, mostly: an ordinary user in a user namespace.
    } finally {
      memory.close();
    }
  }

  #onMessage(bytes: Uint8Array): void {
    const wasServing = this.#isServing;
    this.#isServing = true;
    try {
      for (const hook of this.#before) hook();
      this.#route(bytes);
    } finally {
      this.#isServing = wasServing;
    }
  }

  /** To the node whose inode the message names. What is about inodes themselves is answered by the folder. */
  #route(bytes: Uint8Array): void {
    const { message } = this;
    const wrong = message.load(bytes);
    if (!message.hasHeader) return this.#root.onMessage(bytes); // Which says what is wrong with it.
    const { opcode, nodeId } = message;
    if (opcode === FUSE_FORGET || opcode === FUSE_BATCH_FORGET) return this.#directory.forget(message);
    const inode = this.#directory.inode(nodeId); // Neither 0 (no inode) nor the root is one of a node.
    if (inode === undefined) {
      // INTERRUPT names the request only: it is of one of the nodes.
      if (opcode !== FUSE_INTERRUPT) return this.#root.onMessage(bytes);
      for (const name of this.names) this.#directory.get(name)?.serve(wrong);
      return;
    }
    if (inode.entry.isOver) this.#serveLate(message);
    else inode.entry.serve(wrong);
  }

  /** What is about inodes: of nodes, their connections hand it on. The reply stays due if it is not known. */
  answer(message: Message, reply: Reply): void {
    this.#directory.answer(message, reply);
  }

  #control(message: Message, reply: Reply): void {
    if (message.opcode !== FUSE_INIT) return this.answer(message, reply);
    let init: ReturnType<typeof answerFuseInit>;
    try {
      init = answerFuseInit(message.body, {
        transferBytes: this.transferBytes,
        flags: FUSE_ATOMIC_O_TRUNC,
      });
    } catch (error) {
      reply.fail("EIO");
      this.#onInit(asError(error));
      return;
    }
    reply.data(init.bytes);
    this.#onInit(init.passthrough);
  }

  /** A file of a node that is gone. */
  #serveLate(message: Message): void {
    if (message.opcode === FUSE_INTERRUPT || message.opcode === FUSE_NOTIFY_REPLY) return;
    const reply = this.#lateReply;
    reply.expect(message.uniqueLow, message.uniqueHigh);
    if (message.opcode === FUSE_RELEASE) reply.done();
    else if (message.opcode === FUSE_POLL) reply.polled(POLLERR | POLLHUP);
    else {
      this.answer(message, reply);
      if (reply.due) reply.fail("ENODEV");
    }
  }

  #onChannelClosed(error: Error | undefined): void {
    const reason = error === undefined ? "" : ` (${error.message})`;
    const ended = new CuseError(`The mount on ${this.folder} was ended${reason}.`);
    this.#onInit(ended);
    this.#end(ended);
  }

  #end(reason: Error | undefined): void {
    if (this.#isOver) return;
    for (const name of this.names) this.#directory.get(name)?.end(reason);
    if (this.#isEnded()) return;
    this.#isOver = true;
    this.channel.close();
    try {
      // Not before the channel is closed: whatever it asks for on the way, nobody would answer.
      this.#claimed.release();
    } catch (error) {
      this.log.warn(`${this.folder} stays mounted: ${stackOf(error)}`);
    }
    this.#resolveClosed(reason);
  }
}

/** The folder itself has no files. */
const folderDevice: CharDevice<never> = {
  open: () => {
    throw new CharDeviceError("ESTALE", "no node has this inode");
  },
  release: () => undefined,
  ioctl: () => cannotHappen("a folder has no files"),
};

function failureText(path: string, error: unknown): string {
  switch (systemCode(error)) {
    case "ENOENT":
    case "ENODEV":
    case "ENXIO":
      return `${path} is missing: load it with "modprobe fuse" (the kernel needs CONFIG_FUSE_FS).`;
    case "EACCES":
    case "EPERM":
      return `${path} may not be used to mount by this user: run as root, or inside "unshare --user --map-root-user --mount".`;
    default:
      return `FUSE nodes cannot be made: ${error instanceof Error ? error.message : String(error)}`;
  }
}
