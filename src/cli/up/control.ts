/**
 * The socket on which `v4l2-cuse up` is told what to do: one line of JSON each way. It is in a folder that only its user
 * may enter, which is what keeps others away.
 */
import { chmodSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { Failure } from "../failure.js";
import { isServed, makePrivateFolder, socketRoot } from "../private-socket.js";
import type { DeviceStatus } from "./supervisor.js";

/** What may be asked. */
export type ControlRequest =
  | { readonly do: "list" }
  | {
      readonly do: "add";
      readonly driver: string;
      readonly args: readonly string[];
      readonly name?: string;
      /** Where relative paths of `args` start. */
      readonly directory?: string;
    }
  | { readonly do: "remove"; readonly name: string };

export type ControlAnswer = { readonly devices: readonly DeviceStatus[] } | { readonly error: string };

const MAX_LINE_CHARACTERS = 65536;
/** Somebody who connects and says nothing. */
const IDLE_MS = 10_000;

/** Where the socket is unless it is said: of root the machine's, of others their session's. */
export function defaultSocket(): string {
  const named = process.env["V4L2_CUSE_SOCKET"];
  if (named !== undefined && named !== "") return named;
  const root = socketRoot();
  if (root === undefined) {
    throw new Failure("there is no folder for the socket: set XDG_RUNTIME_DIR, or name one with --socket");
  }
  return `${root}/up/control`;
}

/** Makes the socket's folder, and sees that nobody else may enter it. @throws {Failure} */
function makeFolder(path: string): void {
  const folder = dirname(path);
  try {
    makePrivateFolder(folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(`the socket cannot be in ${folder}: ${reason}`);
  }
}

/** A client's request is one line; what else it sends ends it. */
function serveClient(socket: Socket, obey: (line: string) => Promise<ControlAnswer>): void {
  let line = "";
  let isAsked = false;
  socket.setEncoding("utf8");
  socket.setTimeout(IDLE_MS, () => {
    if (!isAsked) socket.destroy();
  });
  socket.on("error", () => undefined);
  socket.on("data", (text: string) => {
    line += text;
    if (line.length > MAX_LINE_CHARACTERS || (isAsked && text !== "")) {
      socket.destroy();
      return;
    }
    if (!line.endsWith("\n")) return;
    isAsked = true;
    void obey(line).then((answer) => {
      socket.end(`${JSON.stringify(answer)}\n`);
    });
  });
}

/**
 * Listens. A socket that nobody serves any more is replaced.
 * @param obey - Never rejects.
 * @throws {Failure} Another one serves there, or it cannot be made.
 */
export async function listen(
  path: string,
  obey: (line: string) => Promise<ControlAnswer>,
): Promise<{ close(): void }> {
  makeFolder(path);
  if (await isServed(path)) {
    throw new Failure(
      `another "v4l2-cuse up" runs at ${path}: add devices to it with "v4l2-cuse add", or name another --socket`,
    );
  }
  rmSync(path, { force: true });
  const server: Server = createServer((socket) => {
    serveClient(socket, obey);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      reject(new Failure(`the socket ${path} cannot be made: ${error.message}`));
    });
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return {
    close: () => {
      server.close();
      rmSync(path, { force: true });
    },
  };
}

/**
 * Asks the one that runs.
 * @throws {Failure} None runs, or it refuses.
 */
export async function ask(path: string, request: ControlRequest): Promise<readonly DeviceStatus[]> {
  const text = await new Promise<string>((resolve, reject) => {
    const socket = createConnection(path);
    let answer = "";
    socket.setEncoding("utf8");
    socket.once("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on("data", (part: string) => (answer += part));
    socket.once("end", () => {
      resolve(answer);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      const isNone = error.code === "ENOENT" || error.code === "ECONNREFUSED";
      const why = isNone ? `no "v4l2-cuse up" runs at ${path}: start one first` : `${path}: ${error.message}`;
      reject(new Failure(why));
    });
  });
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Failure(`"v4l2-cuse up" ended before it answered`);
  }
  const { error, devices } = answer as { error?: unknown; devices?: unknown };
  if (typeof error === "string") throw new Failure(error);
  return devices as readonly DeviceStatus[];
}
