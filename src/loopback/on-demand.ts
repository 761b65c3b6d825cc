/**
 * Runs a command while somebody watches: from the first consumer that streams until some time after the last one has
 * stopped. What it does is its own matter; it is ended as a whole, and what it says goes to the log.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { readStat, statFields } from "../process-stat.js";

/** A program and its arguments, without a shell. */
export interface CommandLine {
  readonly words: readonly string[];
  /** What it reads on standard input, before the end. */
  readonly input?: string;
}

/** When, and as what, the command runs. */
export interface OnDemandOptions {
  /** For `sh -c`; or asked for at each start. */
  readonly command: string | (() => CommandLine);
  /** How long it goes on when nobody watches any more, ms. */
  readonly lingerMs: number;
  /** What it finds in its environment besides ours. */
  environment(): Readonly<Record<string, string>>;
  /** One line for the operator. */
  log(text: string): void;
  /** If it brings nothing for so long, it hangs, and is started again. Left out: it may take its time. */
  readonly stall?: {
    readonly limitMs: number;
    /** Since it has brought something, ms. */
    idleMs(): number;
  };
  /** Time to end after SIGTERM, ms. Default 2000. */
  readonly graceMs?: number;
}

const GRACE_MS = 2000;
/** After one that failed: the pause before the next, which doubles each time. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** How often it is looked whether one hangs. */
const STALL_LOOK_MS = 1000;
/** One that ran for so long was in order. */
const GOOD_MS = 10_000;
/** Lines of its standard error that the log has each second; and how long they may be. */
const LINES_PER_SECOND = 5;
const LINE_CHARACTERS = 300;

/** The command, while and after it runs. */
export class OnDemand {
  readonly #options: OnDemandOptions;
  #child: ChildProcess | undefined;
  #isWanted = false;
  #linger: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #kill: NodeJS.Timeout | undefined;
  #stall: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #ended: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: OnDemandOptions) {
    this.#options = options;
  }

  /** The command's process, which leads a group of its own; undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Is the process one of the command's? */
  isOurs(pid: number): boolean {
    const { pid: leader } = this;
    if (leader === undefined) return false;
    return pid === leader || groupOf(pid) === leader;
  }

  /** Somebody watches, or nobody does any more. */
  want(isWanted: boolean): void {
    if (this.#isClosed) return;
    this.#isWanted = isWanted;
    clearTimeout(this.#linger);
    if (isWanted) {
      this.#start();
      return;
    }
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#linger = setTimeout(() => this.#stop(), this.#options.lingerMs);
    this.#linger.unref();
  }

  /** Starts it anew, if it runs: what is in its environment has changed. */
  restart(): void {
    if (this.#child !== undefined) this.#stop();
  }

  /** Ends it, whoever watches. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isWanted = false;
    clearTimeout(this.#linger);
    clearTimeout(this.#retry);
    this.#stop();
    await this.#ended;
  }

  #start(): void {
    if (this.#child !== undefined || this.#retry !== undefined) return;
    const { command } = this.#options;
    const log = (text: string): void => this.#options.log(text);
    const { words, input } =
      typeof command === "string" ? { words: ["/bin/sh", "-c", command], input: undefined } : command();
    const [program = "", ...args] = words;
    const startedMs = Date.now();
    const child = spawn(program, args, {
      detached: true,
      stdio: [input === undefined ? "ignore" : "pipe", "ignore", "pipe"],
      env: { ...withoutOurs(process.env), ...this.#options.environment() },
    });
    this.#child = child;
    // One that ends without reading it says why on standard error.
    child.stdin?.on("error", () => undefined).end(input);
    listen(child, log);
    this.#watch(startedMs);
    this.#ended = new Promise((resolve) => {
      let isOver = false;
      const over = (how: string): void => {
        if (isOver) return;
        isOver = true;
        // Whatever it has left running goes with it.
        signalGroup(child, "SIGKILL");
        resolve();
        this.#over(child, how, Date.now() - startedMs);
      };
      child.once("error", (error) => over(`cannot be started: ${error.message}`));
      child.once("exit", (status, signal) => over(signal === null ? `status ${status ?? 0}` : signal));
    });
  }

  /** A camera that was unplugged does not say so: its connection is open, and nothing comes. */
  #watch(startedMs: number): void {
    const { stall } = this.#options;
    if (stall === undefined) return;
    this.#stall = setInterval(
      () => {
        if (!this.#isWanted || this.#kill !== undefined) return;
        if (Math.min(stall.idleMs(), Date.now() - startedMs) < stall.limitMs) return;
        this.#options.log(
          `the command has brought nothing for ${stall.limitMs / 1000} s; it is started again`,
        );
        this.#stop();
      },
      Math.min(STALL_LOOK_MS, stall.limitMs),
    );
    this.#stall.unref();
  }

  #over(child: ChildProcess, how: string, ranMs: number): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    clearInterval(this.#stall);
    const wasStopped = this.#kill !== undefined;
    clearTimeout(this.#kill);
    this.#kill = undefined;
    if (!this.#isWanted || this.#isClosed) return;
    if (wasStopped) {
      this.#start();
      return;
    }
    if (ranMs >= GOOD_MS) this.#pauseMs = FIRST_PAUSE_MS;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    this.#options.log(
      `the command has ended (${how}) though somebody watches; it is started again in ${pauseMs / 1000} s`,
    );
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      if (this.#isWanted) this.#start();
    }, pauseMs);
    this.#retry.unref();
  }

  #stop(): void {
    const child = this.#child;
    if (child === undefined || this.#kill !== undefined) return;
    signalGroup(child, "SIGTERM");
    this.#kill = setTimeout(() => {
      this.#options.log("the command did not end when asked to, and was killed");
      signalGroup(child, "SIGKILL");
    }, this.#options.graceMs ?? GRACE_MS);
  }
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // None of it is left.
  }
}

function groupOf(pid: number): number | undefined {
  const [, , group] = statFields(readStat(pid));
  return group === undefined ? undefined : Number(group);
}

/** What it says on standard error; a flood is counted and left out. */
function listen(child: ChildProcess, log: (text: string) => void): void {
  const { stderr } = child;
  if (stderr === null) return;
  let count = 0;
  let partial = "";
  const timer = setInterval(() => {
    if (count > LINES_PER_SECOND) log(`the command: ${count - LINES_PER_SECOND} more lines`);
    count = 0;
  }, 1000);
  timer.unref();
  const line = (text: string): void => {
    count += 1;
    if (count <= LINES_PER_SECOND && text !== "") log(`the command: ${text.slice(0, LINE_CHARACTERS)}`);
  };
  stderr.setEncoding("utf8");
  stderr.on("data", (text: string) => {
    const lines = (partial + text).split(/[\r\n]+/);
    partial = (lines.pop() ?? "").slice(0, LINE_CHARACTERS);
    for (const each of lines) line(each);
  });
  stderr.on("error", () => undefined);
  stderr.once("close", () => {
    line(partial);
    clearInterval(timer);
  });
}

/** Drivers' own settings are none of the command's. */
function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isOurs = (name: string): boolean => name.startsWith("V4L2_CUSE_") || name === "LD_PRELOAD";
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isOurs(name)));
}
