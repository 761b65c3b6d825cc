/** One CUSE device: from opening `/dev/cuse` until its node is gone. */
import { Channel, readReady, sameFile } from "../native.js";
import type { CharDevice, SessionLog } from "./char-device.js";
import { CallerFlags } from "./caller.js";
import { describeFailure } from "./calls.js";
import { Connection, releaseRecord } from "./connection.js";
import { CuseError, NameTakenError, systemCode } from "./errors.js";
import { CUSE_INIT } from "./gen/fuse.js";
import { answerCuseInit, checkDeviceNumber, type DeviceNumber } from "./init.js";
import {
  assertNameIsFree,
  checkName,
  resolveAccess,
  settleNode,
  systemFolders,
  waitUntilGone,
  type DeviceNode,
  type NodeAccess,
} from "./node.js";
import { OpenFileTable } from "./open-files.js";
import { CUSE_TRANSFER_BYTES, receiveBytes, type Message } from "./protocol.js";
import type { Reply, ReplyChannel } from "./reply.js";
import { SharedFile } from "./shared-file.js";
import { serveWaiting, type MessageReader } from "./waiting-messages.js";
import type { ErrnoName } from "../linux.js";
import { asError, present } from "../present.js";

/** Name, number and access rights of a node. */
export interface SessionOptions {
  /** The node's name under /dev: "video0". */
  readonly name: string;
  /** Device number; default: the kernel chooses. Real V4L2 nodes have major 81. */
  readonly major?: number | undefined;
  readonly minor?: number | undefined;
  /** Permission bits of the node; default 0600, or 0660 with a group. */
  readonly mode?: number | undefined;
  /** The node's group, a name or a number; default root. */
  readonly group?: string | number | undefined;
  /** Default "/dev/cuse". */
  readonly devicePath?: string | undefined;
  /** Default: console.error. */
  readonly log?: SessionLog | undefined;
  /**
   * Called before each message is served: `catchUp` of the `FuseSession` whose files clients of this device
   * hold, so that what they did with those comes first.
   */
  readonly before?: (() => void) | undefined;
}

/** What the session needs of a channel; `Channel` of native.ts has it. */
export interface SessionChannel extends ReplyChannel {
  readonly fd: number;
  close(): void;
}

export interface SessionChannelHandlers {
  onMessage(message: Uint8Array): void;
  onClose(error: Error | undefined): void;
}

/** The system as the session sees it; another one in tests. */
export interface SessionEnvironment extends MessageReader {
  openChannel(path: string, bufferBytes: number, handlers: SessionChannelHandlers): SessionChannel;
  assertNameIsFree(name: string): void;
  settleNode(name: string, access: NodeAccess, timeoutMs: number): Promise<DeviceNode>;
  waitUntilGone(node: DeviceNode, timeoutMs: number): Promise<boolean>;
  sameFile?(pid: number, fdA: number, fdB: number): boolean;
}

/** The kernel sends CUSE_INIT at once, and makes the node before it returns from our answer. */
const START_TIMEOUT_MS = 5000;

const system: SessionEnvironment = {
  openChannel: (path, bufferBytes, handlers) => new Channel(path, bufferBytes, handlers),
  assertNameIsFree: (name) => assertNameIsFree(name),
  settleNode: (name, access, timeoutMs) => settleNode(name, access, timeoutMs),
  waitUntilGone,
  readReady,
  sameFile: (pid, fdA, fdB) => sameFile(pid, fdA, pid, fdB),
};

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A promise that is settled from elsewhere. */
interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

function defer<T>(): Deferred<T> {
  // The executor runs before the constructor of Promise returns.
  let settle: Pick<Deferred<T>, "resolve" | "reject"> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, resolve: (value) => settle?.resolve(value), reject: (error) => settle?.reject(error) };
}

/** A device node and the connection to the kernel behind it, from {@link CuseSession.start} until it is closed. */
export class CuseSession {
  /** The node: "/dev/video0". */
  readonly node: string;
  /** The same as a list: what can be served until a signal comes has one or more. */
  readonly nodes: readonly string[];
  /**
   * Settles when the device is gone, for whatever reason; never rejects. undefined: {@link close} was
   * called. An error: the kernel ended the session.
   */
  readonly closed: Promise<Error | undefined>;

  /** Anonymous files can lead to this node's files: see {@link share}. */
  readonly canShare = true;
  readonly canMap = false;

  readonly #number: DeviceNumber;
  readonly #log: SessionLog;
  readonly #environment: SessionEnvironment;
  readonly #channel: SessionChannel;
  readonly #connection: Connection<unknown>;
  readonly #device: CharDevice<unknown>;
  readonly #files = new OpenFileTable<unknown>();
  /** Those that are not released. */
  readonly #shared = new Set<SharedFile>();
  readonly #shutDownDevice: (byKernel: boolean) => void;
  readonly #started = defer<undefined>();
  readonly #ended = defer<Error | undefined>();
  readonly #name: string;
  #deviceNode: DeviceNode | undefined;
  #isOver = false;

  /**
   * Makes the device. When this resolves, the node exists with the mode and group asked for, and is served.
   *
   * @throws {CuseError} No /dev/cuse, no right to open it, the name or number is taken or invalid: the
   *   message is one sentence that says so and what to do. Nothing is left behind.
   */
  static async start<File>(
    device: CharDevice<File>,
    options: SessionOptions,
    environment = system,
  ): Promise<CuseSession> {
    const { name } = options;
    checkName(name);
    const number = checkDeviceNumber(options.major, options.minor);
    const access = resolveAccess(options.mode, options.group);
    environment.assertNameIsFree(name);
    const session = new CuseSession(device, options, number, environment);
    try {
      await session.#settle(access);
    } catch (error) {
      await session.close();
      throw error;
    }
    return session;
  }

  private constructor(
    device: CharDevice<unknown>,
    options: SessionOptions,
    number: DeviceNumber,
    environment: SessionEnvironment,
  ) {
    this.#name = options.name;
    this.#number = number;
    this.#environment = environment;
    this.node = `${systemFolders.dev}/${options.name}`;
    this.nodes = [this.node];
    this.#log = options.log ?? consoleLog(options.name);
    this.closed = this.#ended.promise;
    this.#started.promise.catch(() => undefined); // Whoever starts a session hears it; nobody else need.

    this.#device = device;
    const files = this.#files;
    const path = options.devicePath ?? "/dev/cuse";
    const { before } = options;
    let isServing = false;
    const serve = (message: Uint8Array): void => {
      isServing = true;
      try {
        before?.();
        this.#connection.onMessage(message);
      } finally {
        isServing = false;
      }
    };
    this.#channel = openChannel(environment, path, {
      onMessage: (message) => serve(message),
      onClose: (error) => this.#onChannelClosed(error),
    });
    this.#connection = new Connection({
      device,
      files,
      channel: this.#channel,
      transferBytes: CUSE_TRANSFER_BYTES,
      log: this.#log,
      probe: new CallerFlags({
        handles: () => files.handles(),
        node: this.node,
        ino: () => this.#deviceNode?.ino,
        sameFile: environment.sameFile?.bind(environment),
      }),
      control: (message, reply) => this.#control(message, reply),
    });
    this.#shutDownDevice = (byKernel) => {
      if (!byKernel && !isServing) {
        // Whoever calls just now shall hear ENODEV, not the kernel's ECONNABORTED.
        serveWaiting(
          environment,
          this.#channel.fd,
          new Uint8Array(receiveBytes(CUSE_TRANSFER_BYTES)),
          (message) => {
            serve(message);
            return true;
          },
        );
      }
      this.#connection.end("ENODEV");
      this.#channel.close();
      for (const { handle } of [...files]) {
        const record = files.remove(handle.fh);
        if (record !== undefined) releaseRecord(device, record, this.#log, true);
      }
      for (const shared of [...this.#shared]) {
        try {
          shared.end();
        } catch (error) {
          this.#log.error(describeFailure({ name: "FUSE_RELEASE" }, error));
        }
      }
    };
  }

  /**
   * An open file that anonymous files shall lead to as well (see {@link SharedFile}). From then on the last of them
   * releases it, and closing the descriptor of the node does not.
   *
   * @param id - {@link OpenFile.id}.
   * @returns undefined when it is not open.
   */
  share(id: bigint): SharedFile | undefined {
    const record = this.#files.get(Number(id));
    if (record === undefined || this.#isOver) return undefined;
    if (record.shared === undefined) {
      const shared = new SharedFile(this.#device, record.file, record.handle, () =>
        this.#shared.delete(shared),
      );
      record.shared = shared;
      this.#shared.add(shared);
    }
    return record.shared;
  }

  /** The device number as `stat(2)` gives it (`st_rdev`). */
  get rdev(): number {
    return this.#startedNode.rdev;
  }

  get major(): number {
    return this.#startedNode.major;
  }

  get minor(): number {
    return this.#startedNode.minor;
  }

  get #startedNode(): DeviceNode {
    return present(this.#deviceNode, "who has a session has waited for its node");
  }

  /** Calls that wait fail with `code`; what comes later reaches the device as before. */
  refusePending(code: ErrnoName): void {
    this.#connection.refusePending(code);
  }

  /**
   * Removes the device: calls that wait are answered with ENODEV, all files are released, the node is gone
   * when this resolves. Descriptors that clients still have open answer ENOTCONN from then on, and POLLERR.
   * May be called at any time and more than once.
   */
  async close(): Promise<void> {
    this.#end(undefined);
    await this.closed;
  }

  async #settle(access: NodeAccess): Promise<void> {
    const timer = setTimeout(
      () =>
        this.#started.reject(new CuseError("The kernel did not offer a CUSE channel in time: try again.")),
      START_TIMEOUT_MS,
    );
    try {
      await this.#started.promise;
    } finally {
      clearTimeout(timer);
    }
    // The kernel says nothing when it refuses the answer, it closes the channel. That is seen when the event
    // loop has polled once more.
    await nextTurn();
    await nextTurn();
    this.#assertNotRefused();
    this.#deviceNode = await this.#environment.settleNode(this.#name, access, START_TIMEOUT_MS);
    if (this.#isOver) throw present(await this.closed, "nobody closes a session that he does not have yet");
  }

  #assertNotRefused(): void {
    if (!this.#isOver) return;
    const { major, minor } = this.#number;
    const number = major === 0 ? "" : ` or the device number ${major}:${minor}`;
    const message = `The kernel refused the device "${this.#name}": the name${number} is taken (dmesg may say more), choose another.`;
    throw major === 0 ? new NameTakenError(message, this.#name) : new CuseError(message);
  }

  #control(message: Message, reply: Reply): void {
    if (message.opcode !== CUSE_INIT) return;
    try {
      reply.data(answerCuseInit(message.body, this.#name, this.#number));
    } catch (error) {
      reply.fail("EIO");
      this.#started.reject(asError(error));
      return;
    }
    this.#started.resolve(undefined);
  }

  #onChannelClosed(error: Error | undefined): void {
    const reason = error === undefined ? "" : ` (${error.message})`;
    const ended = new CuseError(`The kernel ended the session of ${this.node}${reason}.`);
    this.#started.reject(ended);
    this.#end(ended);
  }

  #end(reason: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#shutDownDevice(reason !== undefined);
    const node = this.#deviceNode;
    if (node === undefined) {
      this.#ended.resolve(reason);
      return;
    }
    void this.#environment.waitUntilGone(node, START_TIMEOUT_MS).then(
      (gone) => {
        if (!gone) this.#log.warn(`${node.path} is still there`);
        this.#ended.resolve(reason);
      },
      (error: unknown) => {
        this.#log.warn(`${node.path}: ${String(error)}`);
        this.#ended.resolve(reason);
      },
    );
  }
}

/** @throws {CuseError} The channel cannot be opened. */
function openChannel(
  environment: SessionEnvironment,
  path: string,
  handlers: SessionChannelHandlers,
): SessionChannel {
  try {
    return environment.openChannel(path, receiveBytes(CUSE_TRANSFER_BYTES), handlers);
  } catch (error) {
    throw new CuseError(openFailure(path, error), { cause: error });
  }
}

function openFailure(path: string, error: unknown): string {
  switch (systemCode(error)) {
    case "ENOENT":
      return `${path} is missing: load it with "modprobe cuse" (the kernel needs CONFIG_CUSE).`;
    case "ENODEV":
    case "ENXIO":
      return `${path} has no driver in this kernel: load it with "modprobe cuse" (the kernel needs CONFIG_CUSE).`;
    case "EACCES":
    case "EPERM":
      return `${path} may not be opened by this user: run as root, with "sudo" for example.`;
    default:
      return `${path} cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function consoleLog(name: string): SessionLog {
  return {
    warn: (message) => console.error(`${name}: ${message}`),
    error: (message) => console.error(`${name}: ${message}`),
  };
}
