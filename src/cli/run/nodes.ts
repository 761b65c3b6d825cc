/**
 * Which nodes are ours, and what they say about themselves.
 *
 * There is no state file: the kernel lists the CUSE devices, and each node answers for itself as it would to any
 * client. The launcher wants few bytes of few structs, so it reads them by offset and does without the V4L2 layers,
 * which take longer to load than all of this to run; the test compares every number here with the generated bindings.
 */
import { closeSync, constants, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { ioctl, isSystemError } from "../../native.js";

export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/** How names of nodes begin in /dev, before their number. */
export const NODE_NAMES = ["video", "media", "v4l-subdev"] as const;
export type NodeName = (typeof NODE_NAMES)[number];

/** A name and a number, `["v4l-subdev", 0]`; undefined: no name of a node. */
export function parseNodeName(name: string): readonly [kind: NodeName, number: number] | undefined {
  const [, kind, number] = /^(.*?)(\d{1,5})$/.exec(name) ?? [];
  const known = NODE_NAMES.find((candidate) => candidate === kind);
  return known && [known, Number(number)];
}

export interface CuseNode extends DeviceNumber {
  /** `"video0"`, also under /dev. */
  readonly name: string;
  readonly kind: NodeName;
  /** The 0 of `video0`. */
  readonly number: number;
  /** A FUSE file, of which the kernel's sysfs knows nothing, and whose device number is the driver's invention. */
  readonly isFile?: true;
}

/** `VIDIOC_QUERYCAP`. */
export interface VideoFacts {
  readonly driver: string;
  readonly card: string;
  readonly busInfo: string;
  /** `V4L2_CAP_*` of this node. */
  readonly capabilities: number;
}

/** `MEDIA_IOC_DEVICE_INFO` and `MEDIA_IOC_G_TOPOLOGY`. */
export interface MediaFacts {
  readonly driver: string;
  readonly model: string;
  readonly busInfo: string;
  /** The device nodes that belong to it. */
  readonly interfaces: readonly DeviceNumber[];
}

/** Of a sub-device too, which has nothing to say. Facts are undefined where the node could not be opened or did not answer. */
export interface VideoNode extends CuseNode {
  readonly facts: VideoFacts | undefined;
}
export interface MediaNode extends CuseNode {
  readonly facts: MediaFacts | undefined;
}
export interface Nodes {
  readonly videos: readonly VideoNode[];
  readonly medias: readonly MediaNode[];
}

/** Where to look; other folders in tests. */
export interface NodeFolders {
  readonly dev: string;
  readonly sysfsClass: string;
}
const systemFolders: NodeFolders = { dev: "/dev", sysfsClass: "/sys/class/cuse" };

/** The bytes that are read here, and where they are. */
export const layout = {
  querycap: { request: 0x80685600, size: 104, driver: 0, card: 16, busInfo: 48, caps: 84, deviceCaps: 88 },
  deviceInfo: { request: 0xc1007c00, size: 256, driver: 0, model: 16, busInfo: 88 },
  topology: { request: 0xc0487c04, size: 72, interfaceCount: 24, interfaces: 32 },
  interface: { size: 112, major: 48, minor: 52 },
} as const;

const CAP_DEVICE_CAPS = 0x80000000;
/** No media device has more device nodes than there are minors. */
const MAX_INTERFACES = 256;
/** Calls that a signal to the launcher cut short; a driver that answers EINTR for ever is not asked for ever. */
const MAX_ATTEMPTS = 10;

/**
 * The CUSE devices that are named like V4L2 and media nodes, in the order of their numbers. A node that /dev does not
 * show as that device is not one: a program could not open it either.
 */
export function findNodes(folders: NodeFolders = systemFolders): CuseNode[] {
  let names: string[];
  try {
    names = readdirSync(folders.sysfsClass);
  } catch {
    return []; // no cuse module, or no sysfs
  }
  return names.flatMap((name) => nodeNamed(name, folders) ?? []).sort((a, b) => a.number - b.number);
}

function nodeNamed(name: string, folders: NodeFolders): CuseNode | undefined {
  const [kind, number] = parseNodeName(name) ?? [];
  if (kind === undefined || number === undefined) return undefined;
  try {
    const text = readFileSync(`${folders.sysfsClass}/${name}/dev`, "latin1");
    const [, major, minor] = /^(\d+):(\d+)\s*$/.exec(text) ?? [];
    const node = { name, kind, number, major: Number(major), minor: Number(minor) } as const;
    const stats = statSync(`${folders.dev}/${name}`, { bigint: true });
    return stats.isCharacterDevice() && isNumbered(stats.rdev, node) ? node : undefined;
  } catch {
    return undefined; // gone meanwhile
  }
}

/** Is `rdev` (of `stat(2)`) this device number? See makedev(3). */
function isNumbered(rdev: bigint, number: DeviceNumber): boolean {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return major === BigInt(number.major) && minor === BigInt(number.minor);
}

/** Asks every node. Waits for each driver's answer, as the client would. */
export function askNodes(nodes: readonly CuseNode[], dev = systemFolders.dev): Nodes {
  return {
    videos: nodes
      .filter((node) => node.kind !== "media")
      .map((node) => ({
        ...node,
        facts: node.kind === "video" ? ask(`${dev}/${node.name}`, videoFacts) : undefined,
      })),
    medias: nodes
      .filter((node) => node.kind === "media")
      .map((node) => ({ ...node, facts: ask(`${dev}/${node.name}`, mediaFacts) })),
  };
}

function ask<Facts>(path: string, question: (call: Call) => Facts): Facts | undefined {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return question((request, arg, nested) => callAgain(fd, request, arg, nested));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined; // not ours to open, gone, or no such ioctl
    throw error;
  }
}

/** {@link ioctl} on a node that is open. */
export type Call = (
  request: number,
  arg: Uint8Array,
  nested?: { readonly offset: number; readonly bytes: Uint8Array },
) => void;

function callAgain(fd: number, ...call: Parameters<Call>): void {
  for (let attempt = 1; ; attempt++) {
    try {
      ioctl(fd, ...call);
      return;
    } catch (error) {
      if (!isSystemError(error) || error.code !== "EINTR" || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

export function videoFacts(call: Call): VideoFacts {
  const { request, size, driver, card, busInfo, caps, deviceCaps } = layout.querycap;
  const arg = new Uint8Array(size);
  call(request, arg);
  const view = viewOf(arg);
  const all = view.getUint32(caps, true);
  return {
    driver: text(arg, driver, 16),
    card: text(arg, card, 32),
    busInfo: text(arg, busInfo, 32),
    capabilities: (all & CAP_DEVICE_CAPS) === 0 ? all : view.getUint32(deviceCaps, true),
  };
}

export function mediaFacts(call: Call): MediaFacts {
  const { request, size, driver, model, busInfo } = layout.deviceInfo;
  const arg = new Uint8Array(size);
  call(request, arg);
  return {
    driver: text(arg, driver, 16),
    model: text(arg, model, 32),
    busInfo: text(arg, busInfo, 32),
    interfaces: interfacesOf(call),
  };
}

/** The first call tells how many there are, the second fetches them. */
function interfacesOf(call: Call): DeviceNumber[] {
  const { request, size, interfaceCount, interfaces } = layout.topology;
  const arg = new Uint8Array(size);
  const argView = viewOf(arg);
  call(request, arg);
  const room = Math.min(argView.getUint32(interfaceCount, true), MAX_INTERFACES);
  if (room === 0) return [];

  arg.fill(0);
  argView.setUint32(interfaceCount, room, true);
  const bytes = new Uint8Array(room * layout.interface.size);
  call(request, arg, { offset: interfaces, bytes });
  const view = viewOf(bytes);
  const count = Math.min(argView.getUint32(interfaceCount, true), room);
  return Array.from({ length: count }, (_, index) => ({
    major: view.getUint32(index * layout.interface.size + layout.interface.major, true),
    minor: view.getUint32(index * layout.interface.size + layout.interface.minor, true),
  }));
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A C string; without control characters, which have no place in a line of sysfs. */
function text(bytes: Uint8Array, offset: number, size: number): string {
  const field = bytes.subarray(offset, offset + size);
  const end = field.indexOf(0);
  const string = Buffer.from(end < 0 ? field : field.subarray(0, end)).toString();
  // eslint-disable-next-line no-control-regex
  return string.replace(/[\0-\x1f\x7f]/g, " ").trim();
}
