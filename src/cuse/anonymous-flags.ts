/**
 * Is an anonymous file `O_NONBLOCK` now? As for device nodes (caller.ts), but simpler: a file of ours is opened once,
 * so all descriptors that lead to its inode are duplicates of one another and share their flags.
 */
import type { NonblockingProbe } from "./calls.js";
import { CallWatch, descriptorsOf, type AskedIoctl } from "./caller.js";
import { O_NONBLOCK } from "../linux.js";
import type { OpenFileHandle } from "./open-file-handle.js";

export interface AnonymousFlagsOptions {
  /** The flags of a descriptor of a thread's process; undefined unless it leads to the file in question. */
  readonly flagsOf: (handle: OpenFileHandle, tid: number, fd: number) => number | undefined;
  /** Default "/proc". */
  readonly proc?: string;
}

export class AnonymousFlags implements NonblockingProbe {
  readonly #flagsOf: AnonymousFlagsOptions["flagsOf"];
  readonly #proc: string;
  readonly #calls: CallWatch;

  constructor(options: AnonymousFlagsOptions) {
    this.#flagsOf = options.flagsOf;
    this.#proc = options.proc ?? "/proc";
    this.#calls = new CallWatch(this.#proc);
  }

  isNonblocking(call: AskedIoctl, handle: OpenFileHandle): boolean {
    const flags = this.#currentFlags(call, handle);
    return flags === undefined ? handle.lastKnownNonblocking : (flags & O_NONBLOCK) !== 0;
  }

  #currentFlags(call: AskedIoctl, handle: OpenFileHandle): number | undefined {
    const { tid } = call.caller;
    if (tid === 0) return undefined;
    const fd = this.#calls.descriptor(call);
    const flags = fd === undefined ? undefined : this.#flagsOf(handle, tid, fd);
    if (flags !== undefined) return flags;
    for (const candidate of descriptorsOf(`${this.#proc}/${tid}/fd`)) {
      const found = this.#flagsOf(handle, tid, candidate);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
