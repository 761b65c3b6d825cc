/** Which kind of node a device gets: a CUSE device, or a file of a FUSE mount. */
import { closeSync, constants, openSync } from "node:fs";
import type { CharDevice } from "./char-device.js";
import { CuseError, FolderInUseError, NameTakenError, systemCode } from "./errors.js";
import { FuseMount } from "./fuse-mount.js";
import { FuseNode } from "./fuse-node.js";
import { CuseSession, type SessionOptions } from "./session.js";
import type { SharedFile } from "./shared-file.js";
import type { ErrnoName } from "../linux.js";

/** "auto": CUSE where `/dev/cuse` can be opened, else FUSE. */
export type NodeKind = "cuse" | "fuse" | "auto";

/** The folders that FUSE nodes get by default: one for each driver, by the name of its first node. */
const DEFAULT_FOLDER = "/run/v4l2-cuse/dev";
/** What only drivers make, and the last of them takes away. */
const OWN_ROOT = "/run/v4l2-cuse";

/** Which kind of node, and where. */
export interface NodeChoice {
  /** Default: what the environment variable V4L2_CUSE_NODE says, or "auto". */
  readonly node?: NodeKind | undefined;
  /**
   * Where a FUSE node appears: a folder that is empty or missing. Default: V4L2_CUSE_NODE_FOLDER, or
   * `/run/v4l2-cuse/dev/<name>`.
   */
  readonly folder?: string | undefined;
  /** A folder with nodes that exists: the node is a FUSE node in it. It stays the caller's. */
  readonly mount?: FuseMount | undefined;
  /** Default "/dev/fuse". */
  readonly fusePath?: string | undefined;
}

export interface NodeStartOptions extends SessionOptions, NodeChoice {}

/** A node that is there, of either kind. */
export interface ServedNode {
  /** The node: "/dev/video0". */
  readonly node: string;
  /** The same as a list: what can be served until a signal comes has one or more. */
  readonly nodes: readonly string[];
  /** Settles when the node is gone; never rejects. undefined: {@link close} was called. */
  readonly closed: Promise<Error | undefined>;
  /**
   * The device number. `stat(2)` of a CUSE node tells it; a FUSE node is a regular file that stands for a device of this
   * number.
   */
  readonly major: number;
  readonly minor: number;
  /** The same as `st_rdev`. */
  readonly rdev: number;
  /** Can {@link share} give anything? */
  readonly canShare: boolean;
  /** Can its files be mapped as they are? Those of a CUSE node never can. */
  readonly canMap: boolean;
  /** @see CuseSession.share */
  share(id: bigint): SharedFile | undefined;
  /** Calls that wait fail with `code`; what comes later reaches the device as before. */
  refusePending(code: ErrnoName): void;
  /** Removes the node. */
  close(): Promise<void>;
}

/**
 * Makes a node.
 * @throws {CuseError} It cannot be made: one sentence with the remedy. Nothing is left behind.
 */
export async function startNode<File>(
  device: CharDevice<File>,
  options: NodeStartOptions,
): Promise<ServedNode> {
  const { name, mode, group, log, before, mount } = options;
  if (mount === undefined && kindOf(options, options.devicePath) === "cuse") {
    return CuseSession.start(device, options);
  }
  const own = mount ?? (await startMount(name, options, log));
  try {
    const node = FuseNode.start(device, { name, mode, group, log, before, mount: own });
    // A mount of its own goes with its node.
    return mount === undefined ? withMount(node, own) : node;
  } catch (error) {
    if (mount === undefined) await own.close();
    throw error;
  }
}

/**
 * The folder for the nodes of a device, if they are to be FUSE nodes.
 * @param name - Of the first node.
 * @throws {CuseError} As {@link FuseMount.start}.
 */
export async function mountForNodes(
  name: string,
  options: Omit<NodeStartOptions, "name">,
): Promise<FuseMount | undefined> {
  if (kindOf(options, options.devicePath) === "cuse") return undefined;
  return startMount(name, options, options.log);
}

async function startMount(name: string, options: NodeChoice, log: SessionOptions["log"]): Promise<FuseMount> {
  const given = options.folder ?? process.env["V4L2_CUSE_NODE_FOLDER"];
  const folder = given ?? `${DEFAULT_FOLDER}/${name}`;
  try {
    const ownRoot = given === undefined ? OWN_ROOT : undefined;
    return await FuseMount.start({ folder, ownRoot, devicePath: options.fusePath, log });
  } catch (error) {
    if (error instanceof FolderInUseError && given === undefined) {
      throw new NameTakenError(error.message, name, { cause: error });
    }
    if (!(error instanceof CuseError) || wish(options) === "fuse") throw error;
    throw new CuseError(`There is no CUSE here (see "modprobe cuse"), and no FUSE either: ${error.message}`, {
      cause: error,
    });
  }
}

function withMount(node: FuseNode, mount: FuseMount): ServedNode {
  return {
    node: node.node,
    nodes: node.nodes,
    // When the node is gone by itself, so is the mount.
    closed: mount.closed,
    major: node.major,
    minor: node.minor,
    rdev: node.rdev,
    canShare: node.canShare,
    canMap: node.canMap,
    share: () => undefined,
    refusePending: (code) => node.refusePending(code),
    close: async () => {
      await node.close();
      await mount.close();
    },
  };
}

/** @throws {CuseError} The environment names no kind. */
function wish({ node }: NodeChoice): NodeKind {
  const text = node ?? process.env["V4L2_CUSE_NODE"] ?? "auto";
  if (text === "cuse" || text === "fuse" || text === "auto") return text;
  throw new CuseError(`V4L2_CUSE_NODE is "${text}": use cuse, fuse or auto.`);
}

function kindOf(options: NodeChoice, cusePath = "/dev/cuse"): "cuse" | "fuse" {
  const kind = wish(options);
  if (kind !== "auto") return kind;
  try {
    // A channel that is closed before its first answer makes no device.
    closeSync(openSync(cusePath, constants.O_RDWR));
    return "cuse";
  } catch (error) {
    // Too many files, say, is no reason for another kind of node.
    const code = systemCode(error) ?? "";
    return ["ENOENT", "ENODEV", "ENXIO", "EACCES", "EPERM", "ENOTDIR"].includes(code) ? "fuse" : "cuse";
  }
}
