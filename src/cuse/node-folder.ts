/**
 * The folder in which FUSE nodes appear: made if it is missing, cleared of the dead mount of a driver that was killed,
 * mounted on, and given back as it was.
 *
 * Nothing here asks our own file system, nor may any other thread of this process: the one that serves it would wait for
 * itself, and a thread that waits for an answer keeps a process that is killed from ending, so that the answer never comes.
 */
import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
} from "node:fs";
import { statfs } from "node:fs/promises";
import path from "node:path";
import { mount, MountFlag, unmount } from "../native.js";
import { CuseError, FolderInUseError, systemCode } from "./errors.js";

/** What `/proc/<pid>/mountinfo` and `mount(8)` show, and how a mount of another driver is told from other mounts. */
export const FILE_SYSTEM_TYPE = "fuse.v4l2-cuse";

/** A line of `/proc/self/mountinfo`. */
export interface MountLine {
  /** The mount point, without escapes. */
  readonly folder: string;
  readonly type: string;
  /** Of the superblock's device number; the major number of file systems without a disk is 0. */
  readonly minor: number;
}

/** id parent major:minor root mount-point options [tags...] - type source options */
const LINE = /^\d+ \d+ \d+:(\d+) \S+ (\S+) .*? - (\S+) /;

/** The topmost mount on `folder`, if there is one. @param text - Of `/proc/self/mountinfo`. */
export function findMount(text: string, folder: string): MountLine | undefined {
  let found: MountLine | undefined;
  for (const line of mountLines(text)) if (line.folder === folder) found = line;
  return found;
}

/** All mounts, from the first. @param text - Of `/proc/self/mountinfo`, read as latin1. */
export function* mountLines(text: string): Generator<MountLine> {
  for (const line of text.split("\n")) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const [, minor = "", escaped = "", type = ""] = match;
    const name = escaped.replace(/\\([0-7]{3})/g, (_match, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    // Non-ASCII bytes stand as they are: the file was read byte by byte.
    yield { folder: Buffer.from(name, "latin1").toString("utf8"), type, minor: Number(minor) };
  }
}

/** The system as far as mounts go; another one in tests. */
export interface MountSystem {
  readonly mount: typeof mount;
  readonly unmount: typeof unmount;
  /** `/proc/self/mountinfo`, read as latin1. */
  mountInfo(): string;
  /**
   * Asks the file system that is mounted on `folder`; never for long.
   * @throws With `code`: ENOTCONN, ECONNABORTED - its driver is gone.
   */
  statfs(folder: string): Promise<unknown>;
}

const realSystem: MountSystem = {
  mount,
  unmount,
  mountInfo: () => readFileSync("/proc/self/mountinfo", "latin1"),
  statfs: async (folder) => ((await somebodyHeard(folder)) ? undefined : statfs(folder)),
};

/** A driver that takes longer is stopped, or cannot end: it has its folder still. */
const ANSWER_MS = 3000;

/**
 * Has the file system answered, or not said in time that there is nobody? A program asks: a thread of ours could not be
 * ended while it waits, and we could not end before.
 */
async function somebodyHeard(folder: string): Promise<boolean> {
  const asking = spawn("stat", ["--file-system", folder], { stdio: "ignore" });
  asking.unref();
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      asking.kill("SIGKILL");
      resolve(true);
    }, ANSWER_MS);
    const told = (heard: boolean): void => {
      clearTimeout(timer);
      resolve(heard);
    };
    asking.once("exit", (status) => {
      told(status === 0);
    });
    asking.once("error", () => {
      told(false);
    });
  });
}

const mountOn = (system: MountSystem, folder: string): MountLine | undefined =>
  findMount(system.mountInfo(), folder);

/** A folder that nothing is mounted on yet. */
export interface ClaimedFolder {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /**
   * Mounts the file system that the channel serves. Any user may pass: who may open a node says its mode.
   * @returns The minor number of the mount's device number, by which the whole system tells it from others.
   * @throws With `code`: EPERM - needs CAP_SYS_ADMIN; ENODEV - no FUSE in this kernel.
   */
  mount(channelFd: number): number;
  /** Unmounts, if it was mounted, and removes the folder, if it was made. */
  release(): void;
}

/**
 * @param ownRoot - From this folder down, nobody but drivers of ours makes anything, and the last one takes it away. The
 *   folder's name stands for a device then: who makes it has the name, however many try at once. Without: the folder may
 *   be there, empty, and be anybody's.
 * @throws {CuseError} The folder cannot be used: one sentence with the remedy; {@link FolderInUseError}.
 */
export async function claimFolder(
  folder: string,
  ownRoot?: string,
  system = realSystem,
): Promise<ClaimedFolder> {
  const made =
    ownRoot === undefined ? await makeFolder(system, folder) : await makeAlone(system, folder, ownRoot);
  const real = realFolder(folder);
  await assertUnserved(system, real);
  assertEmpty(real);
  const inode = lstatSync(real).ino;
  /** Of our mount. */
  let minor: number | undefined;
  return {
    path: real,
    mount: (channelFd) => {
      system.mount("v4l2-cuse", real, {
        type: FILE_SYSTEM_TYPE,
        flags: MountFlag.NoSuid | MountFlag.NoDev | MountFlag.NoExec,
        options: mountOptions(channelFd),
      });
      minor = mountOn(system, real)?.minor;
      if (minor !== undefined) return minor;
      system.unmount(real);
      throw new CuseError("/proc does not show mounts: mount procfs on /proc.");
    },
    release: () => {
      // Somebody else may have unmounted it, and mounted something of his own since.
      if (minor !== undefined && mountOn(system, real)?.minor === minor) system.unmount(real);
      minor = undefined;
      // Another driver may have taken the name since.
      if (lstatSync(real, { throwIfNoEntry: false })?.ino === inode) removeFolders(made);
    },
  };
}

/** The folder itself may be a mount of a driver that answers nobody, and is not looked at. @throws ENOENT. */
const realFolder = (folder: string): string =>
  path.join(realpathSync(path.dirname(path.resolve(folder))), path.basename(folder));

/** `default_permissions`: the kernel itself checks mode, owner and group. `allow_other`: others than our user may pass. */
function mountOptions(channelFd: number): string {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  return `fd=${channelFd},rootmode=40000,user_id=${uid},group_id=${gid},allow_other,default_permissions`;
}

/**
 * @returns What was made, innermost first.
 * @throws {CuseError} It cannot be made; nothing is left of it.
 */
async function makeFolder(system: MountSystem, folder: string): Promise<string[]> {
  if (existsSync(path.dirname(path.resolve(folder)))) await assertUnserved(system, realFolder(folder));
  const made: string[] = [];
  try {
    for (const each of missingFolders(path.resolve(folder))) {
      makeOpen(each);
      made.unshift(each);
    }
    return made;
  } catch (error) {
    // Somebody else has just made it, or has been killed since we looked.
    if (systemCode(error) === "EEXIST" || systemCode(error) === "ENOTCONN") return made;
    removeFolders(made);
    throw cannotBeMade(folder, error);
  }
}

const cannotBeMade = (folder: string, error: unknown): CuseError =>
  new CuseError(
    `The folder ${folder} for device nodes cannot be made (${systemCode(error) ?? String(error)}): name one that you may write to, with --node-folder for example.`,
    { cause: error },
  );

/** How often a folder is tried that others make and remove at the same time. */
const MAX_ROUNDS = 100;
/** A folder without a mount that is younger belongs to a driver that is about to mount, or was, until a moment ago. */
const UNMOUNTED_MS = 5000;

/**
 * Makes the folder: mkdir(2) lets one of many succeed. What a driver that was killed has left is taken away first.
 * @returns What goes with the last driver, innermost first. @throws {FolderInUseError}
 */
async function makeAlone(system: MountSystem, folder: string, ownRoot: string): Promise<string[]> {
  const whole = path.resolve(folder);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    try {
      makeAbove(whole);
      makeOpen(whole);
      return upTo(whole, path.resolve(ownRoot));
    } catch (error) {
      // ENOENT: somebody has just taken away the folder above, with the last that was in it.
      if (systemCode(error) === "ENOENT") continue;
      if (error instanceof CuseError) throw error;
      if (systemCode(error) !== "EEXIST") throw cannotBeMade(folder, error);
    }
    if (!(await clearLeftover(system, whole))) throw inUse(whole);
  }
  throw inUse(whole);
}

/** What every user may pass through, whatever our umask is: nodes have a mode of their own. */
const OPEN = 0o755;

function makeOpen(folder: string): void {
  mkdirSync(folder);
  chmodSync(folder, OPEN);
}

/** @throws {CuseError} Something that is no folder is in the way. @throws ENOENT: try again. */
function makeAbove(folder: string): void {
  try {
    makeFoldersAbove(folder);
  } catch (error) {
    throw systemCode(error) === "EEXIST" ? cannotBeMade(folder, error) : error;
  }
}

/** Makes the folders that a path is in, where they are missing: every user may pass through them. */
export function makeFoldersAbove(whole: string): void {
  const parent = path.dirname(whole);
  const first = mkdirSync(parent, { recursive: true });
  if (first === undefined) return;
  for (const each of upTo(parent, path.resolve(first))) chmodSync(each, OPEN);
}

/** From the folder to one above it, innermost first. */
function upTo(folder: string, outermost: string): string[] {
  return folder.length <= outermost.length ? [outermost] : [folder, ...upTo(path.dirname(folder), outermost)];
}

const inUse = (folder: string): FolderInUseError =>
  new FolderInUseError(`The folder ${folder} is in use by another driver: name another one.`);

/** Takes away a folder whose driver is gone. One at a time: of two, the second would take away the first one's new mount. */
async function clearLeftover(system: MountSystem, folder: string): Promise<boolean> {
  const lock = `${folder}.clearing`;
  try {
    mkdirSync(lock);
  } catch {
    // Its holder was killed, if it is that old.
    if (ageMs(lock) > UNMOUNTED_MS) removeFolder(lock);
    return false;
  }
  try {
    let wasMounted = false;
    for (let line = mountOn(system, folder); line !== undefined; line = mountOn(system, folder)) {
      if (line.type !== FILE_SYSTEM_TYPE || (await answers(system, folder))) return false;
      unmountDead(system, folder);
      wasMounted = true;
    }
    return (wasMounted || ageMs(folder) > UNMOUNTED_MS) && removeFolder(folder);
  } finally {
    removeFolder(lock);
  }
}

/** Since it was made; Infinity if there is none. */
function ageMs(folder: string): number {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  return stats === undefined ? Infinity : Date.now() - stats.mtimeMs;
}

function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return systemCode(error) === "ENOENT";
  }
}

/**
 * From the outermost. `mkdir` with `recursive` is no way to make them: Node.js 20 never ends where mkdir(2) says ENOENT
 * although the parent is there, as it does in /proc.
 */
function missingFolders(folder: string): string[] {
  const missing: string[] = [];
  for (let each = folder; lstatSync(each, { throwIfNoEntry: false }) === undefined; each = path.dirname(each))
    missing.unshift(each);
  return missing;
}

/** Innermost first; one that somebody else uses meanwhile stays. */
function removeFolders(made: readonly string[]): void {
  for (const each of made) {
    try {
      rmdirSync(each);
    } catch {
      return;
    }
  }
}

/** Takes away mounts of drivers that were killed. @throws {FolderInUseError} A driver is there. */
async function assertUnserved(system: MountSystem, folder: string): Promise<void> {
  for (let line = mountOn(system, folder); line?.type === FILE_SYSTEM_TYPE; line = mountOn(system, folder)) {
    // STATFS is asked of the driver each time, so this finds out whether there is one.
    if (await answers(system, folder)) throw inUse(folder);
    unmountDead(system, folder);
  }
}

/** @throws {CuseError} Something else is there. */
function assertEmpty(folder: string): void {
  let entries: string[];
  try {
    entries = readdirSync(folder);
  } catch (error) {
    throw new CuseError(
      `${folder} cannot be read (${systemCode(error) ?? String(error)}): name a folder for device nodes.`,
      { cause: error },
    );
  }
  if (entries.length > 0) {
    throw new CuseError(
      `The folder ${folder} is not empty, and nodes would hide what is in it: name another one.`,
    );
  }
}

function unmountDead(system: MountSystem, folder: string): void {
  try {
    system.unmount(folder);
  } catch (error) {
    throw new CuseError(
      `A driver that was killed has left its mount on ${folder} (${systemCode(error) ?? String(error)}): unmount it with "umount ${folder}".`,
      { cause: error },
    );
  }
}

async function answers(system: MountSystem, folder: string): Promise<boolean> {
  try {
    await system.statfs(folder);
    return true;
  } catch (error) {
    return systemCode(error) !== "ENOTCONN" && systemCode(error) !== "ECONNABORTED";
  }
}
