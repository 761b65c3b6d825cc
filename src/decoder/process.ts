/** The process `v4l2-cuse-decoder` of one open file, which native/decoder/main.cc explains. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { Channel, decoderPath, isSystemError, rebuildCommand, sendMessage, socketPair } from "../native.js";
import type { WorkerEvent } from "../v4l2/index.js";
import type { PlaneMemory } from "../vb2/index.js";
import type { Answer, JobOrder } from "./protocol.js";
import {
  ANSWER_BYTES,
  CAPTURE_SLOT,
  decodeAnswer,
  decodeHello,
  encodeForget,
  encodeJob,
  encodeMemory,
  Feature,
  PROTOCOL,
  SLOTS,
} from "./protocol.js";

/** A job that takes longer has met a bitstream that means harm: the largest picture takes a fraction of it. */
const JOB_LIMIT_MS = 20_000;

/** Where the memory of a job's buffers goes. */
export interface JobBuffers {
  readonly source: { readonly index: number; readonly memory: PlaneMemory };
  readonly destination: { readonly index: number; readonly memory: PlaneMemory };
}

/** One sentence that says why nothing can be decoded here, and what to do about it; undefined when it can. */
export function decoderProblem(): string | undefined {
  if (existsSync(decoderPath())) return undefined;
  return (
    `${decoderPath()} is not built: install the packages libavcodec-dev and libdav1d-dev ` +
    `(Debian and Ubuntu call them so), then run \`${rebuildCommand}\``
  );
}

/** What a job's end needs to know. */
interface Pending {
  readonly startedMs: number;
  end(answer: Answer | undefined): void;
}

/** {@link WorkerEvent}'s members. */
export type WorkerListener = (
  action: WorkerEvent["action"],
  pid: number | undefined,
  serial?: number,
  detail?: string,
) => void;

export class DecoderProcess {
  readonly #channel: Channel;
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  /** What each slot of the process holds. */
  readonly #slots = new Array<{ readonly memory: PlaneMemory; readonly fd: number } | undefined>(SLOTS);
  #watch: NodeJS.Timeout | undefined;
  #serial = 0;
  #greeted = false;
  #end: string | undefined;
  #reason: string | undefined;

  /**
   * Starts it. What goes wrong with that is the end of its first job.
   * @param tell - Hears what it is given and what it does; asked for each, so it must be cheap.
   */
  constructor(
    readonly path: string = decoderPath(),
    readonly tell: WorkerListener = () => undefined,
  ) {
    const [ours, theirs] = socketPair();
    // Of its own session, so that the terminal's signals do not reach it. What it would print is not to be trusted.
    this.#child = spawn(path, [], {
      stdio: [theirs.fd, "ignore", "ignore"],
      detached: true,
      cwd: "/",
      env: {},
    });
    theirs.close();
    tell("started", this.#child.pid);
    this.#child.once("error", (error) => {
      this.#ended(`does not start: ${error.message}`);
    });
    this.#child.once("exit", (status, signal) => {
      this.#ended(this.#reason ?? `ended (${signal ?? `status ${status ?? 0}`})`);
    });
    this.#child.unref();
    this.#channel = new Channel(ours.fd, ANSWER_BYTES + 1, {
      onMessage: (message) => {
        this.#heard(message);
      },
      // Its exit says more. If only the socket was closed, that comes now.
      onClose: () => {
        this.#child.kill("SIGKILL");
      },
    });
    ours.close(); // The channel has a duplicate.
  }

  /** Its process id; for tests. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Why it takes no jobs any more; undefined while it does. */
  get end(): string | undefined {
    return this.#end;
  }

  /**
   * Hands over a job.
   * @param job - Without the numbers of its buffers, which `buffers` are.
   * @returns undefined: the process ended before; see {@link end}. Never rejects.
   */
  decode(
    job: Omit<JobOrder, "serial" | "source" | "destination">,
    buffers: JobBuffers,
  ): Promise<Answer | undefined> {
    if (this.#end !== undefined) return Promise.resolve(undefined);
    const serial = (this.#serial = (this.#serial + 1) >>> 0);
    const source = buffers.source.index;
    const destination = CAPTURE_SLOT + buffers.destination.index;
    return new Promise((resolve) => {
      this.#pending.set(serial, { startedMs: performance.now(), end: resolve });
      this.#startWatch();
      this.#share(source, buffers.source.memory);
      this.#share(destination, buffers.destination.memory);
      this.tell("sent", this.pid, serial);
      this.#send(encodeJob({ ...job, serial, source, destination }));
    });
  }

  /** The memory of this buffer is the process's business no more. */
  forget(isOutput: boolean, index: number): void {
    const slot = isOutput ? index : CAPTURE_SLOT + index;
    if (this.#end !== undefined || this.#slots[slot] === undefined) return;
    this.#slots[slot] = undefined;
    this.#send(encodeForget(slot, 1));
  }

  /** @param reason - What {@link end} says then: "was ..." */
  kill(reason: string): void {
    this.#reason ??= reason;
    this.#child.kill("SIGKILL");
  }

  /** The file is closed. */
  close(): void {
    this.kill("was closed");
    this.#ended("was closed");
  }

  #share(slot: number, memory: PlaneMemory): void {
    const { fd } = memory;
    const shared = this.#slots[slot];
    // A plane that leaves its pool keeps its memory object and gets another file.
    if (shared?.memory === memory && shared.fd === fd) return;
    this.#slots[slot] = { memory, fd };
    this.#send(encodeMemory(slot, memory.fdOffset, memory.sizeBytes), [fd]);
  }

  #send(message: Uint8Array, fds: readonly number[] = []): void {
    try {
      sendMessage(this.#channel.fd, message, fds);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      // It has ended, or closed its socket: its exit says more.
      if (error.code === "EPIPE" || error.code === "ECONNRESET") this.#child.kill("SIGKILL");
      else this.kill(`takes no orders (${error.code})`);
    }
  }

  #heard(message: Uint8Array): void {
    if (!this.#greeted) {
      const hello = decodeHello(message);
      this.#greeted = true;
      if (hello?.protocol !== PROTOCOL) this.kill("is of another version: run `npm run build:native` again");
      else if ((hello.features & Feature.IsFiltered) === 0) this.kill("is not confined");
      return;
    }
    const answer = decodeAnswer(message);
    const pending = answer === undefined ? undefined : this.#pending.get(answer.serial);
    if (answer === undefined || pending === undefined) {
      this.kill("answered what nobody asked");
      return;
    }
    this.#pending.delete(answer.serial);
    this.tell("answered", this.pid, answer.serial);
    pending.end(answer);
  }

  /** One timer for all jobs: it looks whether the oldest one is too old. */
  #startWatch(): void {
    this.#watch ??= setTimeout(() => {
      this.#watch = undefined;
      const [oldest] = this.#pending.values();
      if (oldest === undefined) return;
      if (performance.now() - oldest.startedMs >= JOB_LIMIT_MS)
        this.kill(`took more than ${JOB_LIMIT_MS / 1000} s`);
      else this.#startWatch();
    }, JOB_LIMIT_MS).unref();
  }

  #ended(end: string): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.tell("ended", this.pid, undefined, end);
    clearTimeout(this.#watch);
    this.#channel.close();
    for (const pending of this.#pending.values()) pending.end(undefined);
    this.#pending.clear();
  }
}
