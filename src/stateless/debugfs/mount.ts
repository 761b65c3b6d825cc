/**
 * Mounts the tree of a device at `/run/v4l2-cuse/<device>` with `fuse-native`, an optional dependency: where it cannot
 * be loaded, or mounting fails, the device works without.
 *
 * Nobody waits for ever in such a mount. The kernel answers for a driver that died. Unmounting takes the tree away from
 * whoever looks for it and ends the connection: those who are inside get errors, and no thread has a request any more
 * when the process ends.
 */
import { accessSync, constants as access, existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, rmdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { unmount } from "../../native.js";
import type { FuseOperations } from "./operations.js";
import { fuseOperations } from "./operations.js";
import { mountedMinor, mountSource, staleMounts } from "./mountinfo.js";
import { isThere, ownIdentity } from "./owner.js";
import { fuseDescriptors, FuseThreads } from "./threads.js";
import type { DirectoryNode } from "./tree.js";

/** Where the trees of all devices are. */
export const MOUNT_ROOT = "/run/v4l2-cuse";

/** `fuse-native`, as far as it is used. */
interface Fuse {
  mount(done: (error: Error | null) => void): void;
  unmount(done: (error: Error | null) => void): void;
}
interface FuseModule {
  new (path: string, operations: FuseOperations, options: Readonly<Record<string, unknown>>): Fuse;
  unmount(path: string, done: (error: Error | null) => void): void;
}

const RTLD_NODELETE = 0x1000;

/** @throws {Error} not installed, or not for this machine. */
function loadFuse(): FuseModule {
  const require = createRequire(import.meta.url);
  try {
    return require("fuse-native") as FuseModule;
  } catch (error) {
    // Its binary wants libfuse.so.2, which it brings along, but where the loader does not look. Once the library is
    // in the process, the loader takes that one.
    const folder = dirname(locate(require));
    const library = join(folder, "prebuilds", `linux-${process.arch}`, "libfuse.so");
    if (!existsSync(library))
      throw new Error(`fuse-native has no binary for ${process.arch}`, { cause: error });
    try {
      process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
    } catch (notAnAddon) {
      // Loading succeeds and then fails because it is no addon; another failure shows in the next attempt.
      if (!String(notAnAddon).includes("did not self-register")) throw error;
    }
    return require("fuse-native") as FuseModule;
  }
}

/** @throws {Error} a sentence. */
function locate(require: NodeJS.Require): string {
  try {
    return require.resolve("fuse-native/package.json");
  } catch {
    throw new Error("the npm package fuse-native is not installed");
  }
}

const CAP_SYS_ADMIN = 21n;

/**
 * What libfuse would find out, and print in its own words.
 * @throws {Error} a sentence.
 */
function checkMayMount(): void {
  if (!existsSync("/dev/fuse")) throw new Error("there is no /dev/fuse; `modprobe fuse` makes it");
  try {
    accessSync("/dev/fuse", access.R_OK | access.W_OK);
  } catch {
    throw new Error("/dev/fuse may not be opened");
  }
  const [, capabilities = "0"] =
    /^CapEff:\s*([\da-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  if (((BigInt(`0x${capabilities}`) >> CAP_SYS_ADMIN) & 1n) === 0n) {
    throw new Error("mounting is not permitted, which takes CAP_SYS_ADMIN");
  }
}

const call = (run: (done: (error: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    run((error) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });

/** fuse-native takes any asterisk in DEBUG for the wish to print every message; the log's selection has one. */
async function withoutDebug(run: () => Promise<void>): Promise<void> {
  const selected = process.env["DEBUG"];
  delete process.env["DEBUG"];
  try {
    await run();
  } finally {
    if (selected !== undefined) process.env["DEBUG"] = selected;
  }
}

/** Unmounts, if anything is mounted there. Asks nobody: not the file system, and not the program fusermount. */
function unmountIfMounted(path: string): void {
  try {
    // Forced: the connection ends, whoever is inside.
    unmount(path, true);
  } catch {
    // Somebody else did it already, or it is not permitted; the driver goes on, or ends, in any case.
  }
}

/**
 * Ends a connection whose mount has no path any more: somebody else unmounted it while a program was inside.
 * @param minor - Of its device number. The connection must be there still, or the number may be another's by now.
 */
function abortConnection(minor: number): void {
  try {
    writeFileSync(`/sys/fs/fuse/connections/${minor}/abort`, "1");
  } catch {
    // That folder is not mounted, or the connection has just ended.
  }
}

/** How long close() waits for threads, which takes milliseconds, before it tries the other way, and then once more. */
const THREADS_TIMEOUT_MS = 2_000;

interface Mounted {
  readonly fuse: Fuse;
  readonly threads: FuseThreads;
  readonly minor: number | undefined;
}

/**
 * The mount of the device `name`. Its node must exist: of two drivers with CUSE nodes, one has the name. FUSE nodes of
 * different folders may have the same, and the first driver then has the tree.
 */
export class DebugMount {
  readonly path: string;
  readonly #name: string;
  #mounted: Mounted | undefined;

  constructor(name: string) {
    this.#name = name;
    this.path = join(MOUNT_ROOT, name);
  }

  /**
   * Takes away what killed drivers left mounted, and mounts `tree`. Never fails: the device works without.
   * @param tree - Undefined: nothing is mounted.
   * @returns A sentence for the log, if there is something to say.
   */
  async open(tree: DirectoryNode | undefined): Promise<string | undefined> {
    await this.#removeStale();
    if (tree === undefined) return undefined;
    try {
      await this.#mount(tree);
      return `Dumps, parameters and counters are at ${this.path}.`;
    } catch (error) {
      await rmdir(this.path).catch(() => undefined);
      const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
      return `v4l2-cuse: no files at ${this.path}: ${reason}`;
    }
  }

  /**
   * Unmounts, waits for the threads, and removes the directory. Never fails, and may be called when nothing is mounted.
   */
  async close(): Promise<void> {
    if (this.#mounted === undefined) return;
    const { fuse, threads, minor } = this.#mounted;
    this.#mounted = undefined;
    await call((done) => {
      fuse.unmount(done);
    }).catch(() => undefined);
    if (!(await threads.ended(THREADS_TIMEOUT_MS)) && minor !== undefined) {
      abortConnection(minor);
      await threads.ended(THREADS_TIMEOUT_MS);
    }
    await rmdir(this.path).catch(() => undefined);
  }

  async #removeStale(): Promise<void> {
    const mounts = readFileSync("/proc/self/mountinfo", "utf8");
    for (const path of staleMounts(mounts, MOUNT_ROOT, (identity) => isThere(identity))) {
      unmountIfMounted(path);
      await rmdir(path).catch(() => undefined);
    }
  }

  /** @throws {Error} a sentence. */
  async #mount(tree: DirectoryNode): Promise<void> {
    checkMayMount();
    if (mountedMinor(readFileSync("/proc/self/mountinfo", "utf8"), this.path) !== undefined) {
      throw new Error("those of another driver are there; give the device another number with --video");
    }
    const Module = loadFuse();
    Module.unmount = (mounted, done) => {
      unmountIfMounted(mounted);
      // Whatever happened: fuse-native lets go of the event loop only after a success.
      done(null);
    };
    // Nobody but root looks into it while the tree is not there, either.
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    const fuse = new Module(this.path, fuseOperations(tree), {
      // Sizes and contents change by themselves; text, because 0 would be taken for "not given". What follows a comma
      // is an option of libfuse that fuse-native does not know: no page cache, so that a reader sees the file as it
      // was when it was opened, whatever its size is now.
      attrTimeout: "0,direct_io",
      entryTimeout: "0",
      defaultPermissions: true,
      fsname: mountSource(this.#name, ownIdentity()),
      timeout: false,
    });
    const before = fuseDescriptors();
    await withoutDebug(() =>
      call((done) => {
        fuse.mount(done);
      }),
    );
    const mounts = readFileSync("/proc/self/mountinfo", "utf8");
    this.#mounted = { fuse, threads: new FuseThreads(before), minor: mountedMinor(mounts, this.path) };
  }
}
