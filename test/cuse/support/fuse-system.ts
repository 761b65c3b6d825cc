/** A kernel's FUSE for tests: a mount whose files are opened when the test says so, and processes that hold them. */
import { constants } from "node:fs";
import type { OpenedFile, Opener } from "../../../src/cuse/file-opener.js";
import type { FuseEnvironment } from "../../../src/cuse/fuse-session.js";
import { FUSE_LOOKUP } from "../../../src/cuse/gen/fuse.js";
import type { OpenFileFacts } from "../../../src/native.js";
import { FakeChannel, systemError } from "./fake-channel.js";
import { digits } from "../../support/hex.js";
import * as send from "./messages.js";

export const MOUNT_ID = 27;
export const CHANNEL_FD = 10;
export const MOUNT_FD = 11;
export const ROOT = 1;

class FuseFakeChannel extends FakeChannel {
  override readonly fd = CHANNEL_FD;
}

export const lookup = (unique: number, parent: number, name: string): Uint8Array =>
  send.about(parent, send.message(FUSE_LOOKUP, unique, Buffer.from(`${name}\0`)));

/** Opens as the kernel does: LOOKUP, then OPEN of the inode that the answer named. */
export class FakeOpener implements Opener {
  isClosed = false;
  /** What fails, by the part of the name before the colon. */
  readonly failures = new Map<string, string>();
  /** Of the last answers. */
  readonly answers: string[] = [];
  #lastFd = 50;

  constructor(readonly channel: FakeChannel) {}

  async open(name: string, flags: number): Promise<OpenedFile> {
    await Promise.resolve();
    const failure = this.failures.get(name.split(":", 1)[0] ?? "");
    if (failure !== undefined) throw systemError(failure, "openat");
    this.answers.length = 0;
    const [entry = ""] = this.#ask(lookup(2, ROOT, name));
    const inode = nodeIdOf(entry);
    if (inode === undefined) throw systemError("ENOENT", "openat");
    const [opened = ""] = this.#ask(send.about(inode, send.open(4, flags)));
    if (opened.split(" ")[1] !== "00000000") throw systemError("EACCES", "openat");
    this.#lastFd += 1;
    const file = {
      fd: this.#lastFd,
      close: () => {
        file.fd = -1;
      },
    };
    return file;
  }

  close(): void {
    this.isClosed = true;
  }

  #ask(message: Uint8Array): string[] {
    this.channel.deliver(message);
    const answers = this.channel.take();
    this.answers.push(...answers);
    return answers;
  }
}

/** From the answer to LOOKUP. */
export function nodeIdOf(entry: string): number | undefined {
  const [, error, , , nodeId] = entry.split(" ");
  if (error !== "00000000" || nodeId === undefined) return undefined;
  return Buffer.from(nodeId, "hex").readUInt32LE();
}

export class FakeFuse implements FuseEnvironment {
  readonly steps: string[] = [];
  channelError: Error | undefined;
  mountError: Error | undefined;
  /** What `/proc` shows, by "tid/fd". */
  readonly descriptors = new Map<string, OpenFileFacts>();
  factsError: Error | undefined;
  /** Messages that wait in the channel. An Error is what read(2) fails with. */
  readonly waiting: (Uint8Array | Error)[] = [];
  #channel: FuseFakeChannel | undefined;
  #opener: FakeOpener | undefined;

  constructor() {
    this.descriptors.set(`${process.pid}/${MOUNT_FD}`, {
      flags: 0o10000000,
      mountId: MOUNT_ID,
      ino: ROOT,
    });
  }

  get channel(): FuseFakeChannel {
    if (this.#channel === undefined) throw new Error("no channel yet");
    return this.#channel;
  }

  get opener(): FakeOpener {
    if (this.#opener === undefined) throw new Error("no opener yet");
    return this.#opener;
  }

  /** A process has a file of the mount. */
  holds(tid: number, fd: number, ino: number, flags: number = constants.O_RDONLY): void {
    this.descriptors.set(`${tid}/${fd}`, { flags, mountId: MOUNT_ID, ino });
  }

  openChannel(...[path, bufferBytes, handlers]: Parameters<FuseEnvironment["openChannel"]>): FuseFakeChannel {
    this.steps.push(`open ${path} ${bufferBytes}`);
    if (this.channelError) throw this.channelError;
    this.#channel = new FuseFakeChannel(handlers, bufferBytes);
    return this.#channel;
  }

  mount(channelFd: number): OpenedFile {
    this.steps.push(`mount ${channelFd}`);
    if (this.mountError) throw this.mountError;
    return { fd: MOUNT_FD, close: () => this.steps.push("unmount") };
  }

  startOpener(mountFd: number): Opener {
    this.steps.push(`opener ${mountFd}`);
    this.#opener = new FakeOpener(this.channel);
    return this.#opener;
  }

  openFileFacts(pid: number, fd: number): OpenFileFacts | undefined {
    if (this.factsError) throw this.factsError;
    return this.descriptors.get(`${pid}/${fd}`);
  }

  /** Registers memory, from 7 up. */
  ioctl(fd: number, command: number, argument: Uint8Array): number {
    this.steps.push(`ioctl ${fd} 0x${command.toString(16)} ${digits(argument)}`);
    return 7;
  }

  readReady(_fd: number, into: Uint8Array): number {
    const next = this.waiting.shift();
    if (next === undefined) return -1;
    if (next instanceof Error) throw next;
    into.set(next);
    return next.byteLength;
  }
}
