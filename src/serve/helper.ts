/** What a node does with the ioctls of the helper library inside clients (helper-protocol.ts), the same for all nodes. */
import { settle } from "../settle.js";
import { V4l2Error } from "../v4l2/index.js";
import type { Awaitable, Call, MmapReply, MmapRequest } from "../v4l2/index.js";
import { sendOver } from "./client-call.js";
import type { AdapterCall } from "./client-call.js";
import {
  emitHello,
  emitMap,
  HELPER_FD,
  HELPER_HELLO,
  HELPER_VERSION,
  HelperFeature,
  parseFd,
  parseHello,
  parseMap,
} from "./helper-protocol.js";

/** What the helper is told of a node, and what it asks of it. */
export interface HelperNode<File> {
  /** Bits of {@link HelperFeature} that the node has. */
  readonly features: number;
  /** The one ioctl whose answer is a descriptor. */
  readonly fdIoctl: number;
  /** HELLO: a client of the file has a helper that can do `features`. */
  greeted(file: File, features: number): void;
  /** Absent: the node has no memory. */
  mmap?(file: File, request: MmapRequest, call: Call): Awaitable<MmapReply>;
  /** Carries out {@link fdIoctl}. */
  ioctl(file: File, cmd: number, arg: Uint8Array, call: Call): Awaitable<number>;
  /** The descriptor will have this number in the client; for the log. */
  numbered?(arg: Uint8Array, number: number): void;
  /** What the log calls an ioctl. */
  nameOf(cmd: number): string;
}

/**
 * Serves one of the helper's ioctls.
 * @throws {V4l2Error} EINVAL - another version; ENODEV - nothing to map; ENOTTY - no descriptor comes of the ioctl; or
 *   what the node refuses with.
 */
export function serveHelper<File>(
  node: HelperNode<File>,
  file: File,
  cmd: number,
  arg: Uint8Array,
  call: AdapterCall,
): Awaitable<number> {
  switch (cmd) {
    case HELPER_HELLO:
      return hello(node, file, arg);
    case HELPER_FD:
      return makeFd(node, file, arg, call);
    default:
      return map(node, file, arg, call);
  }
}

function hello<File>(node: HelperNode<File>, file: File, arg: Uint8Array): number {
  const { version, features } = parseHello(arg);
  requireVersion(version);
  node.greeted(file, features & (HelperFeature.Map | HelperFeature.Fd));
  emitHello(arg, node.features);
  return 0;
}

/** mmap(): the memory's fd goes over the client's socket, the place in it into the reply. */
function map<File>(
  node: HelperNode<File>,
  file: File,
  arg: Uint8Array,
  call: AdapterCall,
): Awaitable<number> {
  if (node.mmap === undefined) throw new V4l2Error("ENODEV", "the node has no memory to map");
  const { version, socket, ...request } = parseMap(arg);
  requireVersion(version);
  return settle(node.mmap(file, request, call), (reply) => {
    try {
      sendOver(call, socket, reply.fd);
    } finally {
      reply.release?.();
    }
    emitMap(arg, reply.fdOffset);
    return 0;
  });
}

/** EXPBUF or REQUEST_ALLOC by a client that can take the fd; the helper writes its number where it belongs. */
function makeFd<File>(
  node: HelperNode<File>,
  file: File,
  arg: Uint8Array,
  call: AdapterCall,
): Awaitable<number> {
  const { version, socket, cmd, number, arg: inner } = parseFd(arg);
  requireVersion(version);
  if (cmd !== node.fdIoctl) throw new V4l2Error("ENOTTY", `${node.nameOf(cmd)} makes no descriptor here`);
  call.sendFd = (fd) => {
    sendOver(call, socket, fd);
    node.numbered?.(inner, number);
  };
  return node.ioctl(file, cmd, inner, call);
}

/** @throws {V4l2Error} EINVAL */
function requireVersion(version: number): void {
  if (version !== HELPER_VERSION) throw new V4l2Error("EINVAL", `helper library of version ${version}`);
}
