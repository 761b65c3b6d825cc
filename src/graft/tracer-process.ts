/** The process `v4l2-cuse-tracer`, which native/tracer/main.cc explains: started once, serves one job per message. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import {
  Channel,
  isSystemError,
  rebuildCommand,
  sendMessage,
  socketPair,
  tracerPath,
  type OwnedFd,
} from "../native.js";
import { decodeHello, HELLO_BYTES, PROTOCOL, type Hello } from "./tracer-protocol.js";

/** It answers after one fork; a machine that needs longer has other worries. */
const START_LIMIT_MS = 10_000;

/** The tracer cannot be used: `message` is one sentence that says why. */
export class TracerError extends Error {
  override readonly name = "TracerError";
}

export class TracerProcess {
  readonly #channel: Channel;
  readonly features: number;
  /** Its process id, for tests. */
  readonly pid: number;
  #alive = true;

  private constructor(channel: Channel, features: number, pid: number) {
    this.#channel = channel;
    this.features = features;
    this.pid = pid;
  }

  /** @throws {TracerError} */
  static start(): Promise<TracerProcess> {
    const path = tracerPath();
    if (!existsSync(path)) {
      return Promise.reject(new TracerError(`${path} is not built: run \`${rebuildCommand()}\``));
    }
    return new Promise((resolve, reject) => {
      const [ours, theirs] = socketPair();
      let started: TracerProcess | undefined;
      const fail = (message: string): void => {
        clearTimeout(limit);
        channel.close();
        if (started !== undefined) started.#alive = false;
        reject(new TracerError(message));
      };
      const limit = setTimeout(() => fail(`${path} does not say hello`), START_LIMIT_MS);
      const channel = new Channel(ours.fd, HELLO_BYTES, {
        onMessage: (message) => {
          if (started !== undefined) return;
          const hello = decodeHello(message);
          const problem = helloProblem(hello);
          if (hello === undefined || problem !== undefined) {
            fail(`${path} ${problem ?? ""}`);
            return;
          }
          clearTimeout(limit);
          started = new TracerProcess(channel, hello.features, child.pid ?? 0);
          channel.unref();
          resolve(started);
        },
        onClose: () => fail(`${path} has ended`),
      });
      ours.close(); // The channel has a duplicate.

      // Of its own session, so that the terminal's signals do not reach it: it sees our end on the socket.
      const child = spawn(path, [], {
        stdio: [theirs.fd, "ignore", "inherit"],
        detached: true,
        cwd: "/",
        env: {},
      });
      child.on("error", (error) => fail(`${path} does not start: ${error.message}`));
      child.unref();
      theirs.close();
    });
  }

  /** False once it has ended; it will not come back. */
  get alive(): boolean {
    return this.#alive;
  }

  /**
   * Hands over a job.
   * @returns Our end of the job's socket, and another whose other end is closed when nothing is left of the job.
   * @throws {TracerError} It has ended, or hundreds of jobs wait for it. {@link SystemError} `file` is no descriptor.
   */
  submit(job: Uint8Array, file: number): { readonly socket: OwnedFd; readonly life: OwnedFd } {
    const [ours, theirs] = socketPair();
    const [life, itsLife] = socketPair();
    try {
      sendMessage(this.#channel.fd, job, [theirs.fd, file, itsLife.fd]);
      return { socket: ours, life };
    } catch (error) {
      ours.close();
      life.close();
      if (!isSystemError(error) || error.code === "EBADF") throw error;
      throw new TracerError(`the tracer process takes no orders (${error.code})`, { cause: error });
    } finally {
      theirs.close();
      itsLife.close();
    }
  }

  /** It ends; jobs that it has begun come to their end, or put back what they have changed. */
  close(): void {
    this.#alive = false;
    this.#channel.close();
  }
}

function helloProblem(hello: Hello | undefined): string | undefined {
  if (hello === undefined) return "does not speak our protocol";
  if (hello.protocol === PROTOCOL) return undefined;
  return `speaks version ${hello.protocol} of the protocol, not ${PROTOCOL}: run \`${rebuildCommand()}\` again`;
}
