/** Starts the drivers of `run --device` in the client's mount namespace, and ends them. */
import { spawn, type ChildProcess } from "node:child_process";
import { chownSync, lstatSync, mkdirSync, rmdirSync, unlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { unmount } from "../../native.js";
import { Failure } from "../failure.js";
import { LOST_OUTPUT } from "../output.js";
import type { Account } from "./account.js";
import type { DeviceProgram } from "./device-option.js";
import { listNodes, named, type FileNode } from "./file-nodes.js";
import { linkNode, NODES } from "./private-dev.js";

export interface DriverSettings {
  /** A descriptor for what drivers print; undefined: our standard error. */
  readonly logFd: number | undefined;
  /** Who is to have the nodes, if not us. */
  readonly account: Account | undefined;
}

/** How long a driver may take until its nodes are there; in an emulated machine Node.js alone takes seconds. */
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 5;
/** Nodes of a program that does not say when it is ready: no further one has come for so long. */
const SETTLED_MS = 500;
/** What a driver gets to remove its nodes. */
const STOP_TIMEOUT_MS = 2000;

const STDERR = 2;
/** A program that we started writes here when its nodes are there; `serveUntilSignal` does. */
const READY_FD = 3;

/** The processes that the client needs besides itself, from the first to the last. */
export class Drivers {
  readonly nodes: FileNode[] = [];
  readonly #guard: ChildProcess;
  readonly #processes: ChildProcess[] = [];
  /** Those that did not end when asked to. */
  readonly #overdue = new Set<ChildProcess>();
  #isStopping = false;
  #hasLostLog = false;

  /** Also starts the guard, which see. */
  constructor() {
    const guard = fileURLToPath(import.meta.url).replace(/drivers(\.\w+)$/, "guard$1");
    this.#guard = spawn(process.execPath, [...process.execArgv, guard], {
      // A session of its own: a Ctrl-C is not for it.
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      env: withoutPreload(),
    });
    // It went before us: then nobody listens.
    this.#guard.on("error", () => undefined);
    this.#guard.stdin?.on("error", () => undefined);
  }

  /**
   * Starts one driver and waits for its nodes, which then are in /dev.
   * @throws {Failure} It did not start. It has said why.
   */
  async start(program: DeviceProgram, settings: DriverSettings): Promise<void> {
    const folder = `${NODES}/${this.#processes.length}`;
    mkdirSync(folder);
    const child = spawn(process.execPath, program.args, {
      detached: true,
      stdio: ["ignore", settings.logFd ?? STDERR, STDERR, "pipe"],
      env: {
        ...withoutPreload(),
        V4L2_CUSE_NODE: "fuse",
        V4L2_CUSE_NODE_FOLDER: folder,
        V4L2_CUSE_READY_FD: `${READY_FD}`,
      },
    });
    this.#processes.push(child);
    await untilReady(child, program, folder);
    const nodes = listNodes(folder);
    if (settings.account !== undefined) {
      const { uid, gid } = settings.account;
      for (const node of nodes) chownSync(`${folder}/${node.nameInFolder}`, uid, gid);
    }
    const linked = nodes.map((node) => named(node, linkNode(folder, node.nameInFolder)));
    this.nodes.push(...linked);
    child.once("exit", (status, signal) => {
      // It has said so.
      if (status === LOST_OUTPUT) this.#hasLostLog = true;
      if (this.#isStopping && status === LOST_OUTPUT) return;
      // Of a driver's death the client may have heard, and ended, before us.
      if (this.#isStopping && (status === 0 || signal === "SIGTERM" || this.#overdue.has(child))) return;
      process.stderr.write(
        `v4l2-cuse: the device '${program.label}' has ended (${signal ?? `status ${status ?? 0}`}): ` +
          `its nodes (${linked.map(({ name }) => `/dev/${name}`).join(", ")}) answer ENODEV from now on\n`,
      );
      unplug(folder, linked);
    });
  }

  /**
   * Ends the drivers, then the guard.
   * @returns The exit status of a driver that could not write its log, else 0.
   */
  async stop(): Promise<number> {
    this.#isStopping = true;
    await Promise.all(this.#processes.map((child) => this.#end(child)));
    this.#guard.stdin?.end("x");
    this.#guard.unref();
    return this.#hasLostLog ? LOST_OUTPUT : 0;
  }

  async #end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) =>
      child.once("exit", () => {
        resolve();
      }),
    );
    child.kill("SIGTERM");
    const timer = setTimeout(() => {
      this.#overdue.add(child);
      child.kill("SIGKILL");
    }, STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }
}

/** Drivers are no clients. */
function withoutPreload(): NodeJS.ProcessEnv {
  const { LD_PRELOAD: _none, ...env } = process.env;
  return env;
}

async function untilReady(child: ChildProcess, program: DeviceProgram, folder: string): Promise<void> {
  const state: { ended?: string; isReady: boolean } = { isReady: false };
  child.once("error", (error) => (state.ended = error.message));
  child.once("exit", (status, signal) => (state.ended ??= signal ?? `status ${status ?? 0}`));
  child.stdio[READY_FD]?.once("data", () => (state.isReady = true));
  child.stdio[READY_FD]?.on("error", () => undefined);
  const deadline = Date.now() + START_TIMEOUT_MS;
  let last = { count: 0, since: Date.now() };
  while (!state.isReady) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (state.ended !== undefined) {
      throw new Failure(
        `the device '${program.label}' did not start (${state.ended}); the client was not started`,
      );
    }
    const count = countNodes(folder);
    if (count !== last.count) last = { count, since: Date.now() };
    if (count > 0 && Date.now() - last.since >= SETTLED_MS) return;
    if (Date.now() >= deadline) {
      throw new Failure(`the device '${program.label}' made no node in ${START_TIMEOUT_MS / 1000} seconds`);
    }
  }
}

/** 0 until the driver has mounted its file system, or when it is gone again. */
function countNodes(folder: string): number {
  try {
    return lstatSync(folder).dev === lstatSync(NODES).dev ? 0 : listNodes(folder).length;
  } catch {
    return 0;
  }
}

/** Takes away what a driver that was killed has left in the view. */
function unplug(folder: string, nodes: readonly FileNode[]): void {
  try {
    for (const { name } of nodes) unlinkSync(`/dev/${name}`);
    unmount(folder);
    rmdirSync(folder);
  } catch {
    // It has done so itself, or did not get so far.
  }
}
