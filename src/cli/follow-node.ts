/** `v4l2-cuse events NODE`: finds the driver that serves a node, and hears its events. */
import { readdirSync, realpathSync, statfsSync, statSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { basename } from "node:path";
import { LiveRecording, RecordingError } from "../events/index.js";
import { escapeText, type TraceEvent } from "../v4l2/index.js";
import { Failure } from "./failure.js";
import { FOLLOW, identityOf, liveFolder, type LiveHello } from "./live-events.js";

const NODE_NAME = /^(?:(?:video|media|v4l-subdev)\d{1,3}|\d{1,3})$/;
const FUSE_SUPER_MAGIC = 0x6573_5546;
const MAX_DRIVERS = 1024;
const MAX_HELLO_BYTES = 65_536;
/** A driver that is busy, or stopped, or none of ours. */
const HELLO_MS = 3000;

/** Is it a node, or a number of one, and no recording? */
export function namesNode(text: string): boolean {
  if (!NODE_NAME.test(basename(text))) return false;
  try {
    // A FUSE node is a regular file, too, and is not opened to find out.
    return !statSync(text).isFile() || statfsSync(text).type === FUSE_SUPER_MAGIC;
  } catch {
    return true;
  }
}

/** A driver that can be followed. */
interface Driver {
  readonly hello: LiveHello;
  readonly socket: Socket;
  /** What came behind the hello. */
  readonly rest: Buffer;
}

/**
 * Gives each event of the node's driver to `take`, until the driver ends or a signal comes.
 * @param taken - Called when all that has come is taken.
 * @throws {Failure} There is no such driver.
 */
export async function followNode(
  node: string,
  take: (event: TraceEvent) => void,
  taken: () => void,
): Promise<void> {
  const { socket, rest, hello } = await findDriver(node);
  const live = new LiveRecording(`the stream of ${node}`);
  const stop = (): void => void socket.destroy();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, stop);
  // What it says of Ctrl-C is true from here on.
  process.stderr.write(
    `v4l2-cuse: following ${hello.nodes.map(({ path }) => escapeText(path)).join(" and ")} of process ${hello.pid}; Ctrl-C ends it\n`,
  );
  let failure: Error | undefined;
  const feed = (bytes: Buffer): void => {
    if (failure !== undefined) return;
    try {
      for (const event of live.push(bytes)) take(event);
      taken();
    } catch (error) {
      failure =
        error instanceof RecordingError || !(error instanceof Error)
          ? new Failure(error instanceof Error ? error.message : String(error))
          : error;
      socket.destroy();
    }
  };
  await new Promise<void>((resolve) => {
    socket.once("close", () => {
      resolve();
    });
    socket.on("error", () => undefined);
    socket.on("data", feed);
    if (socket.destroyed) resolve();
    feed(rest);
    socket.write(FOLLOW);
    socket.resume();
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.removeListener(signal, stop);
  if (failure !== undefined) throw failure;
}

/** @throws {Failure} */
async function findDriver(node: string): Promise<Driver> {
  const folder = liveFolder();
  const found: Driver[] = [];
  const others: string[] = [];
  for (const path of folder === undefined ? [] : socketsIn(folder)) {
    const driver = await meet(path);
    if (driver === undefined) continue;
    if (isOf(driver.hello, node)) found.push(driver);
    else {
      others.push(...driver.hello.nodes.map((each) => each.path));
      driver.socket.destroy();
    }
  }
  const [driver] = found;
  if (driver !== undefined && found.length === 1) return driver;
  for (const { socket } of found) socket.destroy();
  const paths = (
    driver === undefined ? others : found.flatMap(({ hello }) => hello.nodes.map((each) => each.path))
  )
    .map(escapeText)
    .join(", ");
  if (driver !== undefined) throw new Failure(`several drivers have a ${node}: name one of ${paths}`);
  const known = paths === "" ? "none can be followed: a driver's user and root can" : `there are ${paths}`;
  throw new Failure(`no driver that can be followed serves ${node}; ${known}`);
}

function socketsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .slice(0, MAX_DRIVERS)
      .map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}

/** @returns undefined: nobody is there, or it says something else. */
async function meet(path: string): Promise<Driver | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    let bytes = Buffer.alloc(0);
    const end = (): void => {
      socket.destroy();
      resolve(undefined);
    };
    const timer = setTimeout(end, HELLO_MS);
    socket.on("error", end);
    socket.once("close", end);
    const hear = (piece: Buffer): void => {
      bytes = Buffer.concat([bytes, piece]);
      const line = bytes.indexOf(10);
      if (line < 0 && bytes.byteLength <= MAX_HELLO_BYTES) return;
      clearTimeout(timer);
      const hello = line < 0 ? undefined : parseHello(bytes.toString("utf8", 0, line));
      if (hello === undefined) {
        end();
        return;
      }
      socket.pause();
      socket.removeAllListeners();
      socket.on("error", () => undefined);
      resolve({ hello, socket, rest: bytes.subarray(line + 1) });
    };
    socket.on("data", hear);
  });
}

function parseHello(line: string): LiveHello | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { program, pid, devices, nodes } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (
    typeof program !== "string" ||
    typeof pid !== "number" ||
    !Array.isArray(devices) ||
    !Array.isArray(nodes)
  )
    return undefined;
  const isNode = (each: unknown): each is LiveHello["nodes"][number] =>
    typeof each === "object" && each !== null && "path" in each && typeof each.path === "string";
  return {
    program,
    pid,
    devices: devices.filter((each) => typeof each === "string"),
    nodes: nodes.filter(isNode),
  };
}

/** By its path, by what it leads to, or by its name alone. */
function isOf({ devices, nodes }: LiveHello, node: string): boolean {
  if (/^\d+$/.test(node)) return devices.includes(`video${node}`);
  if (!node.includes("/")) return devices.includes(node);
  let real = node;
  let identity: string | undefined;
  try {
    real = realpathSync(node);
    identity = identityOf(statSync(node));
  } catch {
    // It may be a path of another mount namespace.
  }
  return nodes.some((each) => each.path === real || (identity !== undefined && each.identity === identity));
}
