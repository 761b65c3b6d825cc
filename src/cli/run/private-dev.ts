/**
 * A /dev of our own, in which device nodes of ours can appear: a tmpfs that shows what /dev held, each entry bound or,
 * if it is a symbolic link, copied. Devices that are plugged in later are missing in it.
 *
 * A driver mounts its folder of nodes below {@link NODES}; /dev/video0 is a symbolic link to the node in there. (A bind
 * mount of the node itself would lead every open(2) to one inode; files that can be mapped must not share one.)
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { isSystemError, mount, MountFlag } from "../../native.js";

/** Where the folders of nodes are. */
export const NODES = "/dev/.v4l2-cuse";

/** Is /dev such a one already? */
export const hasPrivateDev = (): boolean => existsSync(NODES);

/**
 * Covers /dev for this thread and the programs that it starts. The mount namespace must be its own, and mounts must not
 * propagate from it.
 * @throws {SystemError} EPERM, ENOMEM; the namespace is of no use then.
 */
export function coverDev(): void {
  const umask = process.umask(0o022);
  const original = openSync("/dev", "r");
  const held = `/proc/self/fd/${original}`;
  try {
    const entries = readdirSync(held, { withFileTypes: true });
    mount("v4l2-cuse", "/dev", { type: "tmpfs", flags: MountFlag.NoSuid, options: "mode=755,size=4m" });
    for (const entry of entries) {
      const [source, target] = [`${held}/${entry.name}`, `/dev/${entry.name}`];
      if (entry.isSymbolicLink()) {
        symlinkSync(readlinkSync(source), target);
        continue;
      }
      if (entry.isDirectory()) mkdirSync(target);
      else writeFileSync(target, "", { mode: 0 });
      try {
        // Recursive: /dev/pts, /dev/shm and /dev/mqueue are mounts of their own.
        mount(source, target, { flags: MountFlag.Bind | MountFlag.Recursive });
      } catch (error) {
        if (!isSystemError(error) || error.code !== "ENOENT") throw error;
        rmSync(target, { recursive: true }); // unplugged meanwhile
      }
    }
    mkdirSync(NODES);
  } finally {
    closeSync(original);
    process.umask(umask);
  }
}

/** Makes the node of a driver's folder appear in /dev. @returns Its name there: its own, or if it is taken the next free. */
export function linkNode(folder: string, name: string): string {
  const [, kind = name, number = ""] = /^(.*?)(\d+)$/.exec(name) ?? [];
  for (let candidate = Number(number); ; candidate++) {
    const free = candidate === Number(number) ? name : `${kind}${candidate}`;
    try {
      symlinkSync(`${folder}/${name}`.replace(/^\/dev\//, ""), `/dev/${free}`);
      return free;
    } catch (error) {
      if (!(error instanceof Error) || !("code" in error) || error.code !== "EEXIST") throw error;
    }
  }
}
