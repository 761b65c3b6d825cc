/** Tells those who started a driver that its nodes are there, in the ways that supervisors and scripts know. */
import { closeSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { CuseError } from "../cuse/index.js";
import { sendDatagram } from "../native.js";

/** The environment variable that names the descriptor of a pipe: whoever started us waits there for our nodes. */
const READY_FD = "V4L2_CUSE_READY_FD";
/** systemd's: the socket of sd_notify(3). */
const NOTIFY_SOCKET = "NOTIFY_SOCKET";

/** Who else waits, besides those whom the environment names. */
export interface ReadyOptions {
  /** A descriptor that gets the nodes' paths, one a line, and is closed. */
  readonly readyFd?: number | undefined;
  /** A file with the same, that is there as long as the nodes are. */
  readonly readyFile?: string | undefined;
}

/** Has `v4l2-cuse run --device` started this process? Then no person wants to hear that the nodes are there. */
export const isSupervised = (): boolean => /^\d+$/.test(process.env[READY_FD] ?? "");

/** One start of a driver, from ready to gone. */
export class Readiness {
  readonly #options: ReadyOptions;
  readonly #notifySocket: string | undefined;
  #hasFile = false;

  /** Takes systemd's variable out of the environment: it is not for programs that the driver starts. */
  constructor(options: ReadyOptions = {}) {
    this.#options = options;
    this.#notifySocket = process.env[NOTIFY_SOCKET];
    Reflect.deleteProperty(process.env, NOTIFY_SOCKET);
  }

  /**
   * The nodes are there.
   * @throws {CuseError} The descriptor or the file that somebody asked for cannot be written: he would wait for ever.
   */
  ready(nodes: readonly string[]): void {
    const text = `${nodes.join("\n")}\n`;
    this.#tellRun(text);
    this.#notify(`READY=1\nSTATUS=Serving ${nodes.join(", ")}\n`);
    const { readyFd, readyFile } = this.#options;
    if (readyFd !== undefined) {
      told(`the descriptor ${readyFd}`, () => {
        writeSync(readyFd, text);
        closeSync(readyFd);
      });
    }
    if (readyFile !== undefined) {
      told(readyFile, () => {
        // Whoever finds the file finds all of it.
        const unfinished = `${readyFile}.${process.pid}`;
        rmSync(unfinished, { force: true });
        try {
          // "x": in a folder where others may write, it is no link of theirs.
          writeFileSync(unfinished, text, { flag: "wx" });
          renameSync(unfinished, readyFile);
        } catch (error) {
          rmSync(unfinished, { force: true });
          throw error;
        }
      });
      this.#hasFile = true;
    }
  }

  /** The driver has begun to end: clients are told, then the nodes go. Never throws. */
  stopping(): void {
    this.#notify("STOPPING=1\n");
    if (!this.#hasFile || this.#options.readyFile === undefined) return;
    try {
      rmSync(this.#options.readyFile, { force: true });
    } catch {
      // Somebody has put another thing there, or made the file system read-only. The nodes have to go all the same.
    }
  }

  #tellRun(text: string): void {
    if (!isSupervised()) return;
    const fd = Number(process.env[READY_FD]);
    // Not for programs that the driver starts.
    Reflect.deleteProperty(process.env, READY_FD);
    try {
      writeSync(fd, text);
      closeSync(fd);
    } catch {
      // It has gone, or an outer program's variable came down to us.
    }
  }

  #notify(state: string): void {
    if (this.#notifySocket === undefined) return;
    try {
      sendDatagram(this.#notifySocket, Buffer.from(state));
    } catch {
      // It has gone, or an outer program's variable came down to us.
    }
  }
}

function told(where: string, tell: () => void): void {
  try {
    tell();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CuseError(
      `nobody can be told that the nodes are there, for ${where} cannot be written: ${reason}`,
    );
  }
}
