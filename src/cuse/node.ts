/**
 * The device node: is its name free, where does it appear, who may open it.
 *
 * The kernel makes the node (devtmpfs) before the write of the answer to CUSE_INIT returns, as 0600 root.
 * Its name is decided by us; the kernel refuses one only when another CUSE device has it, and keeps silent
 * about a node of another kind that stands in the way: so look before and after.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { CuseError, NameTakenError, systemCode } from "./errors.js";

/** Where to look; other folders in tests. */
export interface NodeFolders {
  /** Default "/dev". */
  readonly dev: string;
  /** Default "/sys/class/cuse". */
  readonly sysfsClass: string;
  /** Default "/etc/group". */
  readonly groupFile: string;
}

export const systemFolders: NodeFolders = {
  dev: "/dev",
  sysfsClass: "/sys/class/cuse",
  groupFile: "/etc/group",
};

export interface NodeAccess {
  /** Permission bits, at most 0o777. */
  readonly mode: number;
  /** Group id; undefined leaves root. */
  readonly gid: number | undefined;
}

/** A node that exists. */
export interface DeviceNode {
  readonly path: string;
  /** The device number as `stat(2)` gives it (`st_rdev`). */
  readonly rdev: number;
  readonly major: number;
  readonly minor: number;
  /** The inode number. */
  readonly ino: number;
}

/** O_PATH, which Node does not list: a descriptor that only names the node, and opens no device. Not on Alpha or Sparc. */
const O_PATH = 0o10000000;

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:+-]{0,62}$/;

/** @throws {CuseError} The name cannot be that of a device node directly under /dev. */
export function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new CuseError(
    `"${name}" is no name for a device node: use 1 to 63 letters, digits, "_", "-", "." or ":", such as "video0".`,
  );
}

/** Permission bits and group that a session asks for. @throws {CuseError} No such group, or mode above 0777. */
export function resolveAccess(
  mode: number | undefined,
  group: string | number | undefined,
  folders: NodeFolders = systemFolders,
): NodeAccess {
  if (mode !== undefined && (!Number.isInteger(mode) || mode < 0 || mode > 0o777)) {
    throw new CuseError(`The mode of a device node is from 0 to 0777, not ${modeText(mode)}.`);
  }
  const gid = group === undefined ? undefined : resolveGroup(group, folders.groupFile);
  // As udev does it: naming a group lets it in.
  return { mode: mode ?? (gid === undefined ? 0o600 : 0o660), gid };
}

const modeText = (mode: number): string =>
  Number.isInteger(mode) && mode >= 0 ? `0${mode.toString(8)}` : `${mode}`;

function resolveGroup(group: string | number, groupFile: string): number {
  const text = String(group);
  if (/^\d+$/.test(text) && Number(text) < 0xffff_ffff) return Number(text);
  for (const line of readFileSync(groupFile, "utf8").split("\n")) {
    const [name, , gid = ""] = line.split(":");
    if (name === text && /^\d+$/.test(gid)) return Number(gid);
  }
  throw new CuseError(`There is no group "${text}" in ${groupFile}: name another, or give its number.`);
}

function lstatOrUndefined(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** @throws {CuseError} Somebody has this name. */
export function assertNameIsFree(name: string, folders: NodeFolders = systemFolders): void {
  const path = `${folders.dev}/${name}`;
  if (
    lstatOrUndefined(path) !== undefined ||
    lstatOrUndefined(`${folders.sysfsClass}/${name}`) !== undefined
  ) {
    throw new NameTakenError(
      `${path} exists already: choose another name, or stop the driver that it belongs to.`,
      name,
    );
  }
}

/** The device number that the kernel gave our device, once it is registered. */
function registeredNumber(name: string, folders: NodeFolders): { major: number; minor: number } | undefined {
  let text: string;
  try {
    text = readFileSync(`${folders.sysfsClass}/${name}/dev`, "latin1");
  } catch {
    return undefined;
  }
  const found = /^(\d+):(\d+)\s*$/.exec(text);
  return found === null ? undefined : { major: Number(found[1]), minor: Number(found[2]) };
}

/** `makedev(3)` as `st_rdev` has it. */
export const makeRdev = (major: number, minor: number): number =>
  Number(
    (BigInt(major & 0xfffff000) << 32n) |
      (BigInt(major & 0xfff) << 8n) |
      (BigInt(minor & 0xffffff00) << 12n) |
      BigInt(minor & 0xff),
  );

/**
 * Waits for the node of a device that the kernel has accepted, and lets in whom the session asks for.
 *
 * The node is reached through a descriptor that was checked to be our device, so that nothing else is
 * changed whatever happens in /dev meanwhile. The group comes first and the mode last: the node is never
 * more open than asked.
 *
 * @throws {CuseError} The node does not appear, is something else, or may not be changed.
 */
export async function settleNode(
  name: string,
  access: NodeAccess,
  timeoutMs: number,
  folders: NodeFolders = systemFolders,
): Promise<DeviceNode> {
  const path = `${folders.dev}/${name}`;
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const number = registeredNumber(name, folders);
    if (number !== undefined) {
      const node = openNode(path, number.major, number.minor);
      if (node !== undefined) {
        try {
          const { ino, rdev } = fstatSync(node);
          applyAccess(node, path, access);
          tellUdev(name, folders);
          return { path, rdev, ...number, ino };
        } finally {
          closeSync(node);
        }
      }
    }
    if (Date.now() >= deadline) throw missingNode(path, number, folders);
    await sleep(10);
  }
}

/** A descriptor that names our node, or undefined while something else or nothing is there. */
function openNode(path: string, major: number, minor: number): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
  const stats = fstatSync(fd);
  if (stats.isCharacterDevice() && stats.rdev === makeRdev(major, minor)) return fd;
  closeSync(fd);
  return undefined;
}

function applyAccess(node: number, path: string, access: NodeAccess): void {
  // chown(2) and chmod(2) follow this link to the very node that the descriptor names.
  const link = `/proc/self/fd/${node}`;
  try {
    const stats = fstatSync(node);
    if (access.gid !== undefined && stats.gid !== access.gid) chownSync(link, stats.uid, access.gid);
    if ((stats.mode & 0o7777) !== access.mode) chmodSync(link, access.mode);
  } catch (error) {
    throw new CuseError(
      `The mode and group of ${path} cannot be set (${systemCode(error) ?? String(error)}): run as root.`,
      {
        cause: error,
      },
    );
  }
}

/** udev's rules saw the node before it had its mode and group. They may depend on them, and are asked again. */
function tellUdev(name: string, folders: NodeFolders): void {
  try {
    writeFileSync(`${folders.sysfsClass}/${name}/uevent`, "change");
  } catch {
    // A container's sysfs is read-only, and has no udev.
  }
}

function missingNode(
  path: string,
  number: { major: number; minor: number } | undefined,
  folders: NodeFolders,
): CuseError {
  if (number === undefined) {
    return new CuseError(
      `The kernel accepted the device, but ${folders.sysfsClass} does not show it: mount sysfs on /sys.`,
    );
  }
  if (lstatOrUndefined(path) !== undefined) {
    return new NameTakenError(
      `${path} is not our device but something that was there before: choose another name.`,
      path.slice(folders.dev.length + 1),
    );
  }
  return new CuseError(
    `The kernel has the device as ${number.major}:${number.minor}, but ${path} did not appear: ${folders.dev} must be a devtmpfs.`,
  );
}

/** Waits until the node is gone, or is another device's. @returns false after `timeoutMs`. */
export async function waitUntilGone(node: DeviceNode, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const stats = lstatOrUndefined(node.path);
    if (stats === undefined || stats.rdev !== node.rdev) return true;
    if (Date.now() >= deadline) return false;
    await sleep(5);
  }
}
