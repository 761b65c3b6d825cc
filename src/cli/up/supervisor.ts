/** The devices of `v4l2-cuse up`: a process for each, so that one that fails or hangs leaves the others alone. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { SpecError, programOf, type DeviceSpec } from "./spec.js";

/** "failed": it never had nodes; "ended": it had some. */
export type DeviceState = "starting" | "running" | "stopping" | "failed" | "ended";

/** A device as `list` shows it. */
export interface DeviceStatus {
  readonly name: string;
  readonly driver: string;
  readonly args: readonly string[];
  readonly state: DeviceState;
  readonly pid?: number;
  /** Paths, as the driver told them. */
  readonly nodes: readonly string[];
  /** Why it does not run. */
  readonly problem?: string;
}

/** How long a driver may take until its nodes are there; in an emulated machine Node.js alone takes seconds. */
const START_TIMEOUT_MS = 60_000;
/** What a driver gets to tell its clients and remove its nodes, which takes up to 2 s by itself. */
const STOP_TIMEOUT_MS = 5000;
/** Of what a driver prints, so much is kept to say why it ended. */
const KEPT_CHARACTERS = 2000;
const READY_FD = 3;

/** Ends a child when we are killed; part of util-linux, which every Debian has. */
const SETPRIV = "/usr/bin/setpriv";

class SupervisedDevice {
  readonly spec: DeviceSpec;
  readonly started: Promise<void>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #state: DeviceState = "starting";
  #nodes: readonly string[] = [];
  #problem: string | undefined;
  #said = "";

  /** @param said - What the driver prints. @throws {SpecError} */
  constructor(spec: DeviceSpec, said: (text: string) => void) {
    this.spec = spec;
    const program = [process.execPath, ...programOf(spec).args];
    const [file = "", ...args] = existsSync(SETPRIV) ? [SETPRIV, "--pdeathsig", "TERM", ...program] : program;
    const { V4L2_CUSE_NODE_FOLDER: _folder, ...env } = process.env;
    this.#child = spawn(file, args, {
      // Of its own group: a Ctrl-C is ours to pass on.
      detached: true,
      ...(spec.directory !== undefined && { cwd: spec.directory }),
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      env: { ...env, V4L2_CUSE_READY_FD: `${READY_FD}` },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#said = (this.#said + text).slice(-KEPT_CHARACTERS);
        said(text);
      });
    }
    this.#exited = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        this.#ended(error.message);
        resolve();
      });
      // "close": all that it printed has been read.
      this.#child.once("close", (status, signal) => {
        this.#ended(signal ?? `status ${status ?? 0}`);
        resolve();
      });
    });
    this.started = this.#untilReady();
  }

  status(): DeviceStatus {
    const { pid } = this.#child;
    const isThere = this.#state !== "failed" && this.#state !== "ended";
    const { name, driver, args } = this.spec;
    return {
      ...{ name, driver, args },
      state: this.#state,
      ...(isThere && pid !== undefined && { pid }),
      nodes: isThere ? this.#nodes : [],
      ...(this.#problem !== undefined && { problem: this.#problem }),
    };
  }

  /** Ends it as a signal does: its clients hear ENODEV, then its nodes go. */
  async stop(): Promise<void> {
    if (this.#state === "failed" || this.#state === "ended") return;
    this.#state = "stopping";
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => {
      this.#child.kill("SIGKILL");
    }, STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  async #untilReady(): Promise<void> {
    const pipe = this.#child.stdio[READY_FD];
    let told = "";
    const ready = new Promise<boolean>((resolve) => {
      if (pipe === null || pipe === undefined || !("setEncoding" in pipe)) return;
      pipe.setEncoding("utf8").on("data", (text: string) => (told += text));
      pipe.on("error", () => undefined);
      pipe.once("end", () => {
        resolve(told !== "");
      });
    });
    const timeout = new Promise<"late">((resolve) => {
      setTimeout(() => {
        resolve("late");
      }, START_TIMEOUT_MS).unref();
    });
    const outcome = await Promise.race([ready, timeout, this.#exited]);
    if (outcome === "late" && this.#state === "starting") {
      this.#said = `it made no node in ${START_TIMEOUT_MS / 1000} seconds`;
      this.#child.kill("SIGKILL");
    }
    if (outcome !== true) {
      await this.#exited;
      return;
    }
    this.#nodes = told.split("\n").filter((line) => line !== "");
    if (this.#state === "starting") this.#state = "running";
  }

  #ended(how: string): void {
    const before = this.#state;
    if (before === "failed" || before === "ended") return;
    this.#state = before === "starting" ? "failed" : "ended";
    if (before === "stopping") return;
    this.#problem = reasonIn(this.#said) ?? `it ended (${how})`;
  }

  /** Settles when it has ended. */
  get exited(): Promise<void> {
    return this.#exited;
  }
}

/** What Node.js prints behind the error of a driver that it ends, and a command behind a wrong option. */
const NO_REASON = /^(Node\.js v[\d.]+|\(.*\)|[\s}].*)$/;
const NODE_ENDED = /^Node\.js v[\d.]+$/;

/** The line of what a driver printed that says why it ended: the error that nobody caught, else the last sentence. */
function reasonIn(said: string): string | undefined {
  const lines = said.split("\n").filter((line) => line.trim() !== "");
  const thrown = NODE_ENDED.test(lines.at(-1) ?? "")
    ? lines.findLast((line) => /^[A-Za-z0-9]*Error\b.*: /.test(line))
    : undefined;
  const reason = thrown ?? lines.findLast((line) => !NO_REASON.test(line)) ?? lines.at(-1);
  return reason?.replace(/^v4l2-cuse: /, "");
}

export class Supervisor {
  readonly #devices = new Map<string, SupervisedDevice>();
  readonly #say: (text: string) => void;

  /** @param say - Prints. */
  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  list(): readonly DeviceStatus[] {
    return [...this.#devices.values()].map((device) => device.status());
  }

  names(): ReadonlySet<string> {
    return new Set(this.#devices.keys());
  }

  /**
   * Starts a device. One that has failed or ended gives its name away.
   * @returns How it is when its nodes are there, or it has ended.
   * @throws {SpecError} Another device has the name.
   */
  async add(spec: DeviceSpec): Promise<DeviceStatus> {
    const before = this.#devices.get(spec.name)?.status().state;
    if (before !== undefined && before !== "failed" && before !== "ended") {
      throw new SpecError(
        `there is a device "${spec.name}" already: remove it first, or choose another name`,
      );
    }
    const device = new SupervisedDevice(spec, (text) => {
      this.#say(text);
    });
    this.#devices.set(spec.name, device);
    await device.started;
    const status = device.status();
    if (status.state === "running") {
      void device.exited.then(() => {
        const { state, problem } = device.status();
        if (state === "ended" && problem !== undefined) {
          this.#say(`v4l2-cuse: the device "${spec.name}" has ended: ${problem}\n`);
        }
      });
    }
    return status;
  }

  /** Ends a device and forgets it. @throws {SpecError} There is none of the name. */
  async remove(name: string): Promise<void> {
    const device = this.#devices.get(name);
    if (device === undefined)
      throw new SpecError(`there is no device "${name}": "v4l2-cuse list" shows them`);
    await device.stop();
    if (this.#devices.get(name) === device) this.#devices.delete(name);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#devices.values()].map((device) => device.stop()));
  }
}
