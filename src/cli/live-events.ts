/**
 * The socket on which a driver's events are heard while it runs: `v4l2-cuse events NODE`. Who connects is told what the
 * driver serves, in a line of JSON, and gets an endless recording once it has answered with "follow". The socket is in a
 * folder that only the driver's user, and root, may enter. Nothing is recorded while nobody follows, and a driver
 * that cannot listen serves its nodes all the same.
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
} from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { FILE_SYSTEM_TYPE, findMount, makeRdev } from "../cuse/index.js";
import { followEvents, streamSink, type Follower } from "../events/index.js";
import type { TraceStream } from "../v4l2/index.js";
import { isServed, makePrivateFolder, socketRoot } from "./private-socket.js";
import { packageVersion } from "./version.js";

/** What a follower is told first. */
export interface LiveHello {
  readonly program: string;
  readonly pid: number;
  /** Of the devices, as the events have them: `video0`. */
  readonly devices: readonly string[];
  /** Their paths, and of each what {@link identityOf} tells. */
  readonly nodes: readonly { readonly path: string; readonly identity: string | undefined }[];
}

/** What it answers. */
export const FOLLOW = "follow\n";
const MAX_FOLLOWERS = 16;
/** Somebody who connects and says nothing. */
const IDLE_MS = 10_000;
/** What followers get to read the end. */
const END_MS = 1000;
/** What a socket is called at first: nobody listens there yet, which is not so for long. */
const YOUNG = ".new";
const YOUNG_MS = 10_000;
const MAX_ROUNDS = 10;

/** Where drivers of this user listen; undefined: nowhere. */
export function liveFolder(): string | undefined {
  const root = socketRoot();
  return root && `${root}/events`;
}

export interface LiveDevice {
  readonly name: string;
  readonly trace: TraceStream;
}

/** Lets others follow the events of a driver. */
export class LiveEvents {
  readonly #folder: string | undefined;
  readonly #followers = new Map<Socket, Follower>();
  readonly #sockets = new Set<Socket>();
  #devices: readonly LiveDevice[] = [];
  #path: string | undefined;
  #server: Server | undefined;
  #hello = "";

  constructor(folder: string | undefined = liveFolder()) {
    this.#folder = folder;
  }

  /** Those who follow. */
  get followers(): number {
    return this.#followers.size;
  }

  /** These can be followed from now on. @returns The function that ends it. */
  listen(devices: readonly LiveDevice[]): () => void {
    this.#devices = devices;
    return () => undefined;
  }

  /** Makes the socket, if it can. Never rejects. */
  async announce(paths: readonly string[]): Promise<void> {
    if (this.#folder === undefined) return;
    const nodes = paths.map((path) => ({ path, identity: ownIdentity(path) }));
    const { pid } = process;
    const devices = this.#devices.map(({ name }) => name);
    const hello: LiveHello = { program: `v4l2-cuse ${packageVersion}`, pid, devices, nodes };
    this.#hello = `${JSON.stringify(hello)}\n`;
    try {
      await this.#serve(this.#folder);
      await removeStale(this.#folder);
    } catch {
      // The nodes are what the driver is for.
      this.#server = undefined;
    }
  }

  async #serve(folder: string): Promise<void> {
    const path = `${folder}/${process.pid}-${randomBytes(4).toString("hex")}`;
    for (let round = 0; ; round++) {
      const server = createServer((socket) => {
        this.#welcome(socket);
      });
      try {
        makePrivateFolder(folder);
        await new Promise<void>((resolve, reject) => {
          server.once("error", reject);
          server.listen(`${path}${YOUNG}`, resolve);
        });
        server.on("error", () => undefined).unref();
        chmodSync(`${path}${YOUNG}`, 0o600);
        // From now on, whoever finds that nobody listens there may take it away.
        renameSync(`${path}${YOUNG}`, path);
        [this.#server, this.#path] = [server, path];
        return;
      } catch (error) {
        // The last driver that ended has just taken the folder away.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT" || round === MAX_ROUNDS) throw error;
      }
    }
  }

  #welcome(socket: Socket): void {
    if (this.#sockets.size >= MAX_FOLLOWERS) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.unref();
    let answer = "";
    socket.setTimeout(IDLE_MS, () => {
      if (!this.#followers.has(socket)) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#followers.get(socket)?.end();
      this.#followers.delete(socket);
    });
    socket.on("data", (bytes) => {
      answer += bytes.toString("latin1");
      if (this.#followers.has(socket) || !FOLLOW.startsWith(answer)) socket.destroy();
      else if (answer === FOLLOW) this.#follow(socket);
    });
    socket.write(this.#hello);
  }

  #follow(socket: Socket): void {
    const streams = this.#devices.map(({ trace }) => trace);
    const follower = followEvents(streams, streamSink(socket), {
      program: `v4l2-cuse ${packageVersion}`,
      failed: () => socket.destroy(),
    });
    this.#followers.set(socket, follower);
  }

  /** Followers get what has happened, if they read it at once; then all is as if there had been no socket. */
  async end(): Promise<void> {
    this.#server?.close();
    if (this.#path !== undefined) {
      rmSync(this.#path, { force: true });
      removeEmptyFolders(dirname(this.#path));
    }
    await Promise.race([
      Promise.all([...this.#followers].map(([socket, follower]) => finish(socket, follower))),
      new Promise((resolve) => setTimeout(resolve, END_MS)),
    ]);
    for (const socket of this.#sockets) socket.destroy();
  }
}

async function finish(socket: Socket, follower: Follower): Promise<void> {
  await follower.finish();
  await new Promise<void>((resolve) => {
    socket.once("close", resolve);
    socket.end(resolve);
  });
}

/**
 * By what a node is known in all mount namespaces: a CUSE node by its device number, a FUSE node by that of the mount that
 * it is a file of.
 */
export function identityOf(facts: Stats): string {
  return facts.isCharacterDevice() ? `device ${facts.rdev}` : `mount ${facts.dev}`;
}

/**
 * The same of a node of ours. The mount's number is looked up: no thread of a driver may ask the driver's own file
 * system, since it could not end if it were killed while it waits for its own answer.
 */
function ownIdentity(path: string): string | undefined {
  try {
    const mount = findMount(readFileSync("/proc/self/mountinfo", "latin1"), dirname(path));
    return mount?.type === FILE_SYSTEM_TYPE
      ? `mount ${makeRdev(0, mount.minor)}`
      : identityOf(lstatSync(path));
  } catch {
    return undefined;
  }
}

/** Takes away what drivers that were killed have left. Names are not used twice, so that none of a living one goes. */
async function removeStale(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) {
    const path = `${folder}/${name}`;
    const facts = lstatSync(path, { throwIfNoEntry: false });
    if (facts === undefined || !facts.isSocket()) continue;
    if (name.endsWith(YOUNG) && Date.now() - facts.mtimeMs < YOUNG_MS) continue;
    if (!(await isServed(path))) rmSync(path, { force: true });
  }
}

/** The folder, and what is above it of ours: they go with the last driver. */
function removeEmptyFolders(folder: string): void {
  try {
    rmdirSync(folder);
    rmdirSync(dirname(folder));
  } catch {
    // Another driver is there, too.
  }
}
