/** A kernel for a FUSE mount of ours, without one: a channel, a folder, memory that can be registered. */
import type { FuseMountEnvironment } from "../../../src/cuse/fuse-mount.js";
import { FakeChannel, systemError } from "./fake-channel.js";
import { hex } from "../../support/hex.js";

export const FOLDER = "/run/nodes";
export const MINOR = 35;

/** From a Linux 6.12: 7.41, flags, flags2 with FUSE_PASSTHROUGH. */
export const INIT = hex`
  68000000 1a000000 0200000000000000 0000000000000000
  00000000 00000000 00000000 0000 0000
  07000000 29000000 00000200 fbfbff73 bd000000
  00000000 00000000 00000000 00000000 00000000 00000000
  00000000 00000000 00000000 00000000 00000000
`;

export class System implements FuseMountEnvironment {
  readonly steps: string[] = [];
  /** Processes with CAP_SYS_ADMIN may register memory. */
  isAdmin = true;
  /** What the kernel says once it is mounted; undefined: nothing. */
  init: Uint8Array | undefined = INIT;
  channelError: Error | undefined;
  releaseError: Error | undefined;
  /** Messages that wait in the channel. */
  readonly waiting: Uint8Array[] = [];
  mountError: Error | undefined;
  #channel: FakeChannel | undefined;
  #lastBacking = 6;

  get channel(): FakeChannel {
    if (this.#channel === undefined) throw new Error("no channel yet");
    return this.#channel;
  }

  openChannel(...[path, bytes, handlers]: Parameters<FuseMountEnvironment["openChannel"]>): FakeChannel {
    this.steps.push(`open ${path}`);
    if (this.channelError !== undefined) throw this.channelError;
    this.#channel = new FakeChannel(handlers, bytes);
    return this.#channel;
  }

  claimFolder(folder: string, ownRoot?: string): ReturnType<FuseMountEnvironment["claimFolder"]> {
    this.steps.push(ownRoot === undefined ? `claim ${folder}` : `claim ${folder} in ${ownRoot}`);
    return Promise.resolve({
      path: folder,
      mount: (fd) => {
        this.steps.push(`mount ${fd}`);
        if (this.mountError !== undefined) throw this.mountError;
        const { init } = this;
        if (init !== undefined) setImmediate(() => this.channel.deliver(init));
        return MINOR;
      },
      release: () => {
        this.steps.push("release");
        if (this.releaseError !== undefined) throw this.releaseError;
      },
    });
  }

  ioctl(_fd: number, command: number, argument: Uint8Array): number {
    if (!this.isAdmin) throw systemError("EPERM", "ioctl");
    const isOpen = (command & 0xff) === 1;
    if (isOpen) this.#lastBacking += 1;
    const number = new DataView(argument.buffer).getUint32(0, true);
    this.steps.push(isOpen ? `register fd ${number}` : `forget memory ${number}`);
    return isOpen ? this.#lastBacking : 0;
  }

  createMemfd(): { fd: number; close(): void } {
    return { fd: 90, close: () => undefined };
  }

  readReady(_fd: number, into: Uint8Array): number {
    const next = this.waiting.shift();
    if (next === undefined) return -1;
    into.set(next);
    return next.byteLength;
  }
}
