/**
 * Runs clients of a device in processes of their own. A driver and its client can never share a process:
 * the client would sleep in a call that only its own thread could answer.
 *
 * `probe.c` is a client that does what it is told, step by step, and prints a line for each:
 *
 *     open rw|ro|wo[,nonblock]  open-other NODE  cloexec (is it?)  file N (use the N-th opened)  dup  close  fork
 *     read SIZE  write TEXT  write-size SIZE  ioctl CMD HEX  ioctl-bad CMD
 *     poll EVENTS TIMEOUT  select TIMEOUT  epoll EVENTS TIMEOUT COUNT
 *     nonblock 0|1 (fcntl)  fionbio 0|1 (ioctl)
 *     handler restart|interrupt  alarm MS  sleep MS  mark TEXT
 *     bench CMD COUNT  threads CMD THREADS COUNT
 *     ioctl-fd CMD (makes a descriptor, used from now on)  ioctl-on N CMD this|FD (the N-th file, about a descriptor)
 *     use FD  receive SOCKET  pass (to another process)  reopen rw|ro|path  fstat  map OFFSET LENGTH WORD
 */
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { helperPath } from "../../../src/native.js";
import { compile } from "./compile.js";
import { builtRoot } from "../../support/built.js";

const source = fileURLToPath(new URL("probe.c", import.meta.url));
const folder = `${builtRoot}/out/test/`;

type Linking = "static" | "dynamic";
const built: Partial<Record<Linking, Promise<string>>> = {};

/**
 * Compiles probe.c when it is newer than the program.
 * @param linking - Static, so that it runs in any root; dynamic, so that libraries can be preloaded.
 */
export function probeProgram(linking: Linking = "static"): Promise<string> {
  return (built[linking] ??= (async () => {
    const program = `${folder}probe-${linking}`;
    await compile(source, program, "-pthread", ...(linking === "static" ? ["-static"] : []));
    return program;
  })());
}

export interface ClientResult {
  /** What it printed, without the last line break. */
  readonly lines: readonly string[];
  readonly stderr: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running client. */
export class Client {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #partial = "";
  #stderr = "";
  #waiters: (() => void)[] = [];
  #ended = false;
  /** Its end, with all that it printed. */
  readonly result: Promise<ClientResult>;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const parts = (this.#partial + text).split("\n");
      this.#partial = parts.pop() ?? "";
      this.#lines.push(...parts);
      this.#wake();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
      this.#wake();
    });
    this.result = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        this.#ended = true;
        if (this.#partial !== "") this.#lines.push(this.#partial);
        this.#wake();
        resolve({ lines: this.#lines, stderr: this.#stderr, code, signal });
      });
    });
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("the client did not start");
    return this.#child.pid;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** What it wrote to standard error until now. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Waits for something on standard error. @throws When the client ends without it, or after `timeoutMs`. */
  async saying(wanted: RegExp, timeoutMs = 10_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!wanted.test(this.#stderr)) {
      if (this.#ended) throw new Error(`the client ended without saying ${String(wanted)}: ${this.#stderr}`);
      if (Date.now() >= deadline) {
        throw new Error(`no ${String(wanted)} in ${timeoutMs} ms: ${this.#stderr}`);
      }
      await this.#activity(deadline);
    }
  }

  /** Until it prints something, or ends. */
  #activity(deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deadline - Date.now());
      this.#waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Waits for a line. @throws When the client ends without it, or after `timeoutMs`. */
  async line(wanted: string | RegExp, timeoutMs = 10_000): Promise<string> {
    const matches = (line: string): boolean =>
      typeof wanted === "string" ? line === wanted : wanted.test(line);
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = this.#lines.find(matches);
      if (found !== undefined) return found;
      const printed = `printed:\n${this.#lines.join("\n")}\n${this.#stderr}`;
      if (this.#ended) throw new Error(`the client ended without "${String(wanted)}"; ${printed}`);
      if (Date.now() >= deadline) throw new Error(`no "${String(wanted)}" in ${timeoutMs} ms; ${printed}`);
      await this.#activity(deadline);
    }
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.#child.kill(signal);
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

export interface ClientOptions {
  /** Ends the client with SIGKILL after this time. Default 30 s. */
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
  /** Descriptors of ours that it inherits, as 3, 4, ... */
  readonly fds?: readonly number[];
}

/** Starts any program as a client. */
export function startProgram(program: string, args: readonly string[], options: ClientOptions = {}): Client {
  const { uid, gid } = options;
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe", ...(options.fds ?? [])],
    timeout: options.timeoutMs ?? 30_000,
    killSignal: "SIGKILL",
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  return new Client(child);
}

/** Runs any program to its end. */
export const runProgram = (
  program: string,
  args: readonly string[],
  options?: ClientOptions,
): Promise<ClientResult> => startProgram(program, args, options).result;

/** Steps are words: `"open rw read 4"`. */
export async function startProbe(node: string, steps: string, options?: ClientOptions): Promise<Client> {
  return startProgram(await probeProgram(), [node, ...steps.trim().split(/\s+/)], options);
}

/** The same with the helper library, as `v4l2-cuse run` starts clients. */
export async function startHelpedProbe(
  node: string,
  steps: string,
  options?: ClientOptions,
): Promise<Client> {
  const env = { ...process.env, LD_PRELOAD: helperPath() };
  return startProgram(await probeProgram("dynamic"), [node, ...steps.trim().split(/\s+/)], {
    ...options,
    env,
  });
}

/** @returns The lines that it printed. @throws When it did not end by itself, with success. */
export async function probe(
  node: string,
  steps: string,
  options?: ClientOptions,
): Promise<readonly string[]> {
  const client = await startProbe(node, steps, options);
  const { lines, stderr, code, signal } = await client.result;
  if (code !== 0) throw new Error(`probe ended with ${code ?? signal}: ${lines.join("\n")}\n${stderr}`);
  return lines;
}
