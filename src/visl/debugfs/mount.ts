/**
 * Mounts the tree of a device at `/run/v4l2-cuse/<device>` with `fuse-native`, an optional dependency: where it cannot
 * be loaded, or mounting fails, the device works without.
 */
import { mkdir, rmdir, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { isSystemError, unmount } from "../../native.js";
import type { FuseOperations } from "./operations.js";
import { fuseOperations } from "./operations.js";
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

export interface DebugMount {
  readonly path: string;
  /** Unmounts, and removes the directory. Never fails. */
  close(): Promise<void>;
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

/**
 * Takes away what a killed driver of a device of this name left mounted: such a mount answers ENOTCONN.
 * @throws {Error} not allowed.
 */
export async function removeStaleMount(name: string): Promise<void> {
  const path = join(MOUNT_ROOT, name);
  try {
    await stat(path);
  } catch (error) {
    if (!isSystemError(error) || error.code !== "ENOTCONN") return;
    unmount(path);
    await rmdir(path).catch(() => undefined);
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

/**
 * Mounts `tree` for the device `name`.
 * @throws {Error} no fuse-native, no /dev/fuse, or not allowed; a sentence.
 */
export async function mountTree(tree: DirectoryNode, name: string): Promise<DebugMount> {
  await removeStaleMount(name);
  const Module = loadFuse();
  // fuse-native asks the program fusermount, which root does not need and not every machine has.
  Module.unmount = (mounted, done) => {
    try {
      unmount(mounted);
      done(null);
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  };
  const path = join(MOUNT_ROOT, name);
  await mkdir(path, { recursive: true });
  const fuse = new Module(path, fuseOperations(tree), {
    // Sizes and contents change by themselves; text, because 0 would be taken for "not given".
    attrTimeout: "0",
    entryTimeout: "0",
    defaultPermissions: true,
    fsname: `v4l2-cuse-${name}`,
    timeout: false,
  });
  await withoutDebug(() =>
    call((done) => {
      fuse.mount(done);
    }),
  );
  return {
    path,
    close: async () => {
      await call((done) => {
        fuse.unmount(done);
      }).catch(() => undefined);
      await rmdir(path).catch(() => undefined);
    },
  };
}
