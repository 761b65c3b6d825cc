/**
 * Character devices in userspace: the FUSE/CUSE wire protocol, one {@link CuseSession} per device or one
 * {@link FuseNode} in the folder of a {@link FuseMount}, and one {@link FuseSession} per process for files that have no
 * name: descriptors that a driver hands to its clients.
 *
 * What the layer above may rely on:
 * - When {@link CuseSession.start} resolves, the node is there, with the mode and group asked for; when
 *   {@link CuseSession.close} resolves, nothing of it is left, and everybody who waited has been answered.
 * - Every request gets exactly one answer: the handler's, `EIO` for a handler that throws something else
 *   than a {@link CharDeviceError} or returns nonsense, the session's own when a signal hits the caller or
 *   the session ends.
 * - A handler runs to its end or to its first `await` before any other is called. Answers of handlers that
 *   return a value leave before the next message is looked at.
 * - Sizes are checked against the length of the message: `arg` and `data` have exactly the bytes that the
 *   caller's kernel sent. Their content is the client's, and nothing here has looked at it.
 * - `open` and `release` are called in pairs, whatever happens in between.
 *
 * A driver must never use its own device from its own thread: the call would wait for itself.
 */
export type {
  Caller,
  CharDevice,
  FlushRequest,
  FsyncRequest,
  IoctlRequest,
  MappableMemory,
  MappedInode,
  OpenFile,
  OpenRequest,
  PendingCall,
  PollRequest,
  ReadRequest,
  SessionLog,
  WriteRequest,
} from "./char-device.js";
export { processOf, type ProcessInfo } from "./caller.js";
export { CharDeviceError, CuseError, NameTakenError, type CharDeviceErrorOptions } from "./errors.js";
export {
  FuseSession,
  type AnonymousFile,
  type AnonymousFileOptions,
  type FuseSessionOptions,
  type Identified,
} from "./fuse-session.js";
export { MAX_IOCTL_BYTES } from "./protocol.js";
export { CuseSession, type SessionOptions } from "./session.js";
export { FuseMount, type FuseMountOptions } from "./fuse-mount.js";
export { makeRdev } from "./node.js";
export { FILE_SYSTEM_TYPE, findMount, makeFoldersAbove, mountLines } from "./node-folder.js";
export { FuseNode, type FuseNodeOptions } from "./fuse-node.js";
export {
  mountForNodes,
  startNode,
  type NodeChoice,
  type NodeKind,
  type NodeStartOptions,
  type ServedNode,
} from "./start-node.js";
export type { SharedFile } from "./shared-file.js";
