/** Nodes that are FUSE files (docs/fuse-nodes.md): which there are, what they are called in /dev, what the helper is told. */
import { lstatSync, opendirSync, readFileSync, statSync } from "node:fs";
import { FILE_SYSTEM_TYPE, mountLines } from "../../cuse/index.js";
import { keepMountsToOurselves } from "./mount-view.js";
import { parseNodeName } from "./nodes.js";
import type { CuseNode } from "./nodes.js";
import { coverDev, hasPrivateDev, linkNode } from "./private-dev.js";

/** A node as its driver's folder has it. */
export interface FolderNode {
  readonly isFile: true;
  /** The folder that its driver has mounted, and the node's name in it. */
  readonly folder: string;
  readonly nameInFolder: string;
  /** `st_dev` of the folder's file system. */
  readonly mountDevice: number;
  readonly major: number;
  readonly minor: number;
}

/** The same with a name in /dev. */
export interface FileNode extends CuseNode, FolderNode {
  readonly isFile: true;
}

const FIRST_MAJOR = 1024;

/**
 * The nodes of a driver's folder. The driver numbers them: 1024:N is the first that it made, 1025:N the second, ...,
 * where 0:N is the number of the mount. The folder lists them in that order.
 */
export function listNodes(folder: string): FolderNode[] {
  const mountDevice = statSync(folder).dev;
  const minor = minorOf(mountDevice);
  const nodes: FolderNode[] = [];
  const directory = opendirSync(folder);
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      const major = FIRST_MAJOR + nodes.length;
      nodes.push({ isFile: true, folder, nameInFolder: entry.name, mountDevice, major, minor });
    }
  } finally {
    directory.closeSync();
  }
  return nodes;
}

/** Of a file system without a disk, whose number is below 2^20: see makedev(3). */
const minorOf = (device: number): number => (device & 0xff) | ((device >>> 12) & 0xfff00);

/**
 * The V4L2 and media nodes of all folders that this mount namespace shows. Like the list of CUSE devices it is the
 * kernel's. Waits for each driver's answer; the mount of one that was killed has none, and no nodes.
 */
export function findFileNodes(): FolderNode[] {
  return [...mountLines(readFileSync("/proc/self/mountinfo", "latin1"))]
    .filter(({ type }) => type === FILE_SYSTEM_TYPE)
    .flatMap(({ folder, minor }) => {
      try {
        // Another mount may cover it.
        return minorOf(statSync(folder).dev) === minor ? listNodes(folder) : [];
      } catch {
        return [];
      }
    })
    .filter(({ nameInFolder }) => parseNodeName(nameInFolder) !== undefined);
}

/** @param name - In /dev. */
export function named(node: FolderNode, name: string): FileNode {
  const [kind = "video", number = 0] = parseNodeName(name) ?? [];
  return { ...node, name, kind, number };
}

/**
 * Gives each node a name in /dev. Those that have none get one in a /dev of this thread's own, for which the mount
 * namespace must be, too.
 */
export function nameInDev(nodes: readonly FolderNode[]): FileNode[] {
  const hasName = ({ nameInFolder, mountDevice }: FolderNode): boolean =>
    statSync(`/dev/${nameInFolder}`, { throwIfNoEntry: false })?.dev === mountDevice;
  if (!hasPrivateDev() && !nodes.every(hasName)) {
    keepMountsToOurselves();
    coverDev();
  }
  return nodes.map((node) =>
    named(node, hasName(node) ? node.nameInFolder : linkNode(node.folder, node.nameInFolder)),
  );
}

/** What the helper library finds in V4L2_CUSE_VIEW: native/preload/nodes.h says what this is. */
export function describeForHelper(nodes: readonly FolderNode[]): string {
  const entries = nodes.map(
    ({ mountDevice, nameInFolder, major, minor }) => `${mountDevice}/${nameInFolder}=${major}:${minor}`,
  );
  return [`${lstatSync("/dev").dev}`, ...entries].join(" ");
}
