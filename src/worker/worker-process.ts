/** A confined program that works on pictures for the driver, which native/worker explains, and may be lost at any time. */
import { spawn, type ChildProcess } from "node:child_process";
import { Channel, isSystemError, rebuildCommand, sendMessage, socketPair } from "../native.js";
import { decodeHello, HELLO_BYTES, WorkerFeature } from "./hello.js";

/**
 * Hears what a worker is given and what it does: `serial` is the number of what was asked ("sent", "answered"), `detail`
 * says how it ended. Called for each question, so it must be cheap.
 */
export type WorkerObserver = (
  action: "started" | "sent" | "answered" | "ended",
  pid: number | undefined,
  serial?: number,
  detail?: string,
) => void;

/** How to talk to a program. */
export interface WorkerTraits<Answer> {
  readonly path: string;
  /** Of its messages; another one is killed. */
  readonly protocol: number;
  /** Of the longest answer. */
  readonly answerBytes: number;
  /** Ends a worker that took longer for an answer. */
  readonly limitMs: number;
  /** @returns undefined: nothing that we understand. A worker may have been taken over. */
  decode(message: Uint8Array): (Answer & { readonly serial: number }) | undefined;
  readonly observer?: WorkerObserver;
}

/** What an answer's end needs to know. */
interface Pending<Answer> {
  /** When it was sent, or the one before it was answered. */
  startedMs: number;
  end(answer: Answer | undefined): void;
}

/** One process. What goes wrong with starting it is the end of what was asked first. */
export class WorkerProcess<Answer> {
  readonly #traits: WorkerTraits<Answer>;
  readonly #channel: Channel;
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending<Answer>>();
  #watch: NodeJS.Timeout | undefined;
  #serial = 0;
  #greeted = false;
  #isAccepted = false;
  #end: string | undefined;
  #reason: string | undefined;

  constructor(traits: WorkerTraits<Answer>) {
    this.#traits = traits;
    const [ours, theirs] = socketPair();
    // Of its own session, so that the terminal's signals do not reach it. What it would print is not to be trusted.
    this.#child = spawn(traits.path, [], {
      stdio: [theirs.fd, "ignore", "ignore"],
      detached: true,
      cwd: "/",
      env: {},
    });
    theirs.close();
    traits.observer?.("started", this.pid);
    this.#child.once("error", (error) => {
      this.#ended(`does not start: ${error.message}`);
    });
    this.#child.once("exit", (status, signal) => {
      this.#ended(this.#reason ?? `ended (${signal ?? `status ${status ?? 0}`})`);
    });
    this.#child.unref();
    this.#channel = new Channel(ours.fd, Math.max(HELLO_BYTES, traits.answerBytes) + 1, {
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

  /** Has it said that it is confined, and of our version? One that ended before would end so again. */
  get isAccepted(): boolean {
    return this.#isAccepted;
  }

  /** Why it takes no orders any more; undefined while it does. */
  get end(): string | undefined {
    return this.#end;
  }

  /**
   * Sends what wants an answer.
   * @param send - Called with the number that the answer will have; sends the order by {@link send}.
   * @returns undefined: the process ended before; see {@link end}. Never rejects.
   */
  ask(send: (serial: number) => void): Promise<Answer | undefined> {
    if (this.#end !== undefined) return Promise.resolve(undefined);
    const serial = (this.#serial = (this.#serial + 1) >>> 0);
    return new Promise((resolve) => {
      this.#pending.set(serial, { startedMs: performance.now(), end: resolve });
      this.#startWatch();
      this.#traits.observer?.("sent", this.pid, serial);
      send(serial);
    });
  }

  /** Sends an order, and descriptors with it. */
  send(message: Uint8Array, fds: readonly number[] = []): void {
    if (this.#end !== undefined) return;
    try {
      sendMessage(this.#channel.fd, message, fds);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      // It has ended, or closed its socket: its exit says more.
      if (error.code === "EPIPE" || error.code === "ECONNRESET") this.#child.kill("SIGKILL");
      else this.kill(`takes no orders (${error.code})`);
    }
  }

  /** @param reason - What {@link end} says then: "was ..." */
  kill(reason: string): void {
    this.#reason ??= reason;
    this.#child.kill("SIGKILL");
  }

  /** It is no longer needed: whoever waits for an answer gets none. */
  close(): void {
    this.kill("was closed");
    this.#ended("was closed");
  }

  #heard(message: Uint8Array): void {
    if (!this.#greeted) {
      this.#greeted = true;
      this.#greet(message);
      return;
    }
    const answer = this.#traits.decode(message);
    const pending = answer === undefined ? undefined : this.#pending.get(answer.serial);
    if (answer === undefined || pending === undefined) {
      this.kill("answered what nobody asked");
      return;
    }
    this.#pending.delete(answer.serial);
    const [next] = this.#pending.values();
    if (next !== undefined) next.startedMs = performance.now();
    this.#traits.observer?.("answered", this.pid, answer.serial);
    pending.end(answer);
  }

  #greet(message: Uint8Array): void {
    const hello = decodeHello(message);
    if (hello?.protocol !== this.#traits.protocol)
      this.kill(`is of another version: run \`${rebuildCommand()}\` again`);
    else if ((hello.features & WorkerFeature.IsFiltered) === 0) this.kill("is not confined");
    else this.#isAccepted = true;
  }

  /** One timer for all answers: it looks whether the oldest one is too old. */
  #startWatch(): void {
    const { limitMs } = this.#traits;
    this.#watch ??= setTimeout(() => {
      this.#watch = undefined;
      const [oldest] = this.#pending.values();
      if (oldest === undefined) return;
      if (performance.now() - oldest.startedMs >= limitMs) this.kill(`took more than ${limitMs / 1000} s`);
      else this.#startWatch();
    }, limitMs).unref();
  }

  #ended(end: string): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#traits.observer?.("ended", this.pid, undefined, end);
    clearTimeout(this.#watch);
    this.#channel.close();
    for (const pending of this.#pending.values()) pending.end(undefined);
    this.#pending.clear();
  }
}
