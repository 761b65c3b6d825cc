/** For the tests of src/graft: the program test/clients/graft-client.c, and what /proc says about processes. */
import { spawn, type ChildProcess } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { onTestFinished } from "vitest";
import { pendingCall, type GraftRequest, type Grafter, type GraftOutcome } from "../../src/graft/index.js";
import type { Step } from "../../src/graft/tracer-protocol.js";
import { SharedMemory } from "../../src/native.js";
import { clientPath } from "../native/support.js";

export interface ClientFacts {
  readonly pid: number;
  /** The thread that sleeps. */
  readonly tid: number;
  /** Number of the system call that it sleeps in. */
  readonly call: number;
  /** Address of an int that the client looks into after its call. */
  readonly mailbox: string;
  readonly target: number;
  readonly other: number;
  readonly dups: readonly number[];
  readonly fds: readonly number[];
}

/** What a client has found after its call. */
export interface ClientFindings {
  readonly result: number;
  readonly ms: number;
  /** Registers, and parts of the stack, that the call has changed and should not have. */
  readonly damaged: readonly string[];
  /** The signal mask is what it was. */
  readonly mask: boolean;
  /** What can be read through the target. */
  readonly content: string;
  readonly other?: string;
  /** What is in the mailbox, what can be read through a descriptor with that number, and its flags. */
  readonly mailbox: number;
  readonly mailed?: string;
  readonly mailedCloexec?: number;
  readonly cloexec: number;
  readonly handled: number;
  readonly disordered: number;
  readonly usr1: number;
  readonly events: readonly string[];
  readonly fds: readonly number[];
  readonly [more: string]: unknown;
}

type Json = Record<string, unknown>;

function parse(line: string): Json {
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null) throw new Error(`the client is confused: ${line}`);
  return { ...value };
}

export class Client {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #input: Writable;
  readonly #orders: Writable;
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #ordered = 0;
  facts: ClientFacts = { pid: 0, tid: 0, call: 0, mailbox: "", target: 0, other: 0, dups: [], fds: [] };
  /** Its process id as seen from here. */
  pid = 0;
  /** The thread that sleeps, as seen from here. */
  tid = 0;

  private constructor(child: ChildProcess, stdout: Readable, input: Writable, orders: Writable) {
    this.#child = child;
    this.#lines = createInterface(stdout)[Symbol.asyncIterator]();
    this.#input = input;
    this.#orders = orders;
    // It may be killed while it is written to.
    for (const stream of [input, orders]) stream.on("error", () => undefined);
    this.exit = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  }

  /** @param wrapper - A command that starts it, `unshare` say. */
  static async start(words: readonly string[], wrapper: readonly string[] = []): Promise<Client> {
    const [command = "", ...rest] = [...wrapper, clientPath("graft-client"), ...words];
    const child = spawn(command, rest, { stdio: ["pipe", "pipe", "inherit", "pipe"] });
    const orders = child.stdio[3];
    if (
      child.stdin === null ||
      child.stdout === null ||
      orders === null ||
      orders === undefined ||
      !("write" in orders)
    ) {
      throw new Error("no pipes");
    }
    const client = new Client(child, child.stdout, child.stdin, orders);
    try {
      onTestFinished(() => client.kill());
    } catch {
      // Not in a test: in a stress run.
    }
    const line = await client.#lines.next();
    if (line.done === true) throw new Error("the client does not start");
    const facts = parse(line.value) as unknown as ClientFacts;
    client.facts = facts;
    client.pid = wrapper.length === 0 ? facts.pid : descendant(child.pid ?? 0);
    client.tid = facts.tid === facts.pid ? client.pid : facts.tid;
    return client;
  }

  /** Lets the call end, if it waits for input. */
  answer(): void {
    this.#input.write("\n");
  }

  /** An order to its second thread. */
  order(letter: string): void {
    this.#ordered += 1;
    this.#orders.write(letter);
  }

  /** Has its second thread carried out what it was told so far? */
  isOrdered(): boolean {
    const tasks = `/proc/${this.pid}/task`;
    return readdirSync(tasks).some(
      (tid) => readFileSync(`${tasks}/${tid}/comm`, "utf8").trim() === `orders-${this.#ordered}`,
    );
  }

  /** Its next line. */
  async line(): Promise<Json> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error("the client has ended without a word");
    return parse(line.value);
  }

  async findings(): Promise<ClientFindings> {
    return (await this.line()) as unknown as ClientFindings;
  }

  signal(name: NodeJS.Signals | number): void {
    if (this.pid > 1) process.kill(this.pid, name);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      try {
        if (this.pid > 1) process.kill(this.pid, "SIGKILL");
      } catch {
        // Gone by itself.
      }
      this.#child.kill("SIGKILL");
      await this.exit;
    }
  }
}

/** The last of a chain of processes that each started one other. */
function descendant(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return children === "" ? pid : descendant(Number(children.split(" ")[0]));
}

/** A file for clients: its bytes start with `content`. */
export function fileWith(content: string): SharedMemory {
  const memory = SharedMemory.create("graft-test", 4096);
  memory.bytes.set(Buffer.from(content));
  try {
    onTestFinished(() => memory.close());
  } catch {
    // Not in a test.
  }
  return memory;
}

export const rdevOf = { zero: 0x105, null: 0x103 } as const;

/** Grafts `file` onto the client's target. */
export function graftOnto(
  grafter: Grafter,
  client: Client,
  newFd: number,
  more: Partial<GraftRequest> = {},
): Promise<GraftOutcome> {
  return grafter.graft({
    tid: client.tid,
    call: pendingCall(client.facts.call),
    fdNumber: client.facts.target,
    newFd,
    evenUnfinished: true,
    answer: () => undefined,
    ...more,
  });
}

/** A client that sleeps in its call. @param words - See test/clients/graft-client.c. */
export async function sleeping(words: readonly string[], wrapper: readonly string[] = []): Promise<Client> {
  const client = await Client.start(words, wrapper);
  await eventually(() => asleep(client.tid));
  return client;
}

/** Findings of a client of which nothing has changed but what its target leads to. */
export const intact = (client: Client): object => ({ damaged: [], mask: true, fds: client.facts.fds });

/** Nobody has anything to do with the client any more. */
export async function expectFree(grafter: Grafter, client: Client): Promise<void> {
  await eventually(() => {
    const tracer = status(client.tid, "TracerPid");
    return (tracer === "0" || tracer === undefined) && jobsOf(grafter.pid).length === 0;
  });
}

/** For {@link GraftRequest.pause}: what happens while the tracer waits before a step. */
export const before = (step: Step, reached: () => void | Promise<void>): Pick<GraftRequest, "pause"> => ({
  pause: { step, reached },
});

/** Value of a line of /proc/<pid>/status; undefined when there is no such process. */
export function status(pid: number, field: string): string | undefined {
  try {
    return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

/** Waits until `condition` holds, without keeping the processor. */
export async function eventually(condition: () => boolean, limitMs = 5000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error("it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Is the thread asleep, in its call? In "D" is who waits for the child of vfork(). */
export const asleep = (pid: number): boolean => /^[SD]/.test(status(pid, "State") ?? "");

/** Processes that a tracer has started and that still run: jobs. */
export function jobsOf(tracer: number): number[] {
  const children = readFileSync(`/proc/${tracer}/task/${tracer}/children`, "utf8").trim();
  return children === "" ? [] : children.split(" ").map(Number);
}

/** Targets of this process's descriptors. */
export function ownFiles(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

/** All processes in one of the states of /proc/<pid>/stat: "T" stopped, "t" traced, "Z" not waited for. */
export function processesIn(states: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && states.includes(status(pid, "State")?.[0] ?? " "));
}
