/** Messages of the kernel, by opcode. The bytes are written out in protocol.test.ts; here they are only put together. */
import {
  FUSE_FLUSH,
  FUSE_FSYNC,
  FUSE_INTERRUPT,
  FUSE_IOCTL,
  FUSE_OPEN,
  FUSE_POLL,
  FUSE_READ,
  FUSE_RELEASE,
  FUSE_WRITE,
  FuseFlushInView,
  FuseFsyncInView,
  FuseInHeaderView,
  FuseInterruptInView,
  FuseIoctlInView,
  FuseOpenInView,
  FusePollInView,
  FuseReadInView,
  FuseReleaseInView,
  FuseWriteInView,
} from "../../../src/cuse/gen/fuse.js";

export const CALLER = { tid: 4242, uid: 1000, gid: 1001 };

export function message(
  opcode: number,
  unique: number,
  body: Uint8Array,
  data: Uint8Array = new Uint8Array(),
): Uint8Array {
  const bytes = new Uint8Array(FuseInHeaderView.SIZE + body.length + data.length);
  const header = new FuseInHeaderView(bytes);
  header.len = bytes.length;
  header.opcode = opcode;
  header.unique = BigInt(unique);
  header.uid = CALLER.uid;
  header.gid = CALLER.gid;
  header.pid = CALLER.tid;
  bytes.set(body, FuseInHeaderView.SIZE);
  bytes.set(data, FuseInHeaderView.SIZE + body.length);
  return bytes;
}

/** The same message, about an inode. */
export function about(nodeId: number, bytes: Uint8Array): Uint8Array {
  new FuseInHeaderView(bytes).nodeid = BigInt(nodeId);
  return bytes;
}

function body<V extends { readonly bytes: Uint8Array }>(
  view: { readonly SIZE: number; new (bytes: Uint8Array): V },
  fill: (view: V) => void,
): Uint8Array {
  const filled = new view(new Uint8Array(view.SIZE));
  fill(filled);
  return filled.bytes;
}

export const open = (unique: number, flags = 2): Uint8Array =>
  message(
    FUSE_OPEN,
    unique,
    body(FuseOpenInView, (view) => {
      view.flags = flags;
    }),
  );

export const release = (unique: number, fh: number): Uint8Array =>
  message(
    FUSE_RELEASE,
    unique,
    body(FuseReleaseInView, (view) => {
      view.fh = BigInt(fh);
    }),
  );

export const interrupt = (target: number): Uint8Array =>
  message(
    FUSE_INTERRUPT,
    target + 1,
    body(FuseInterruptInView, (view) => {
      view.unique = BigInt(target);
    }),
  );

export const read = (unique: number, fh: number, size: number, flags = 2, offset = 0n): Uint8Array =>
  message(
    FUSE_READ,
    unique,
    body(FuseReadInView, (view) => {
      view.fh = BigInt(fh);
      view.size = size;
      view.flags = flags;
      view.offset = offset;
    }),
  );

export const write = (unique: number, fh: number, data: Uint8Array, flags = 2): Uint8Array =>
  message(
    FUSE_WRITE,
    unique,
    body(FuseWriteInView, (view) => {
      view.fh = BigInt(fh);
      view.size = data.length;
      view.flags = flags;
    }),
    data,
  );

/** Direction and size bits decide what is carried, as in restricted mode. `data` must match. */
export const ioctl = (
  unique: number,
  fh: number,
  cmd: number,
  data: Uint8Array = new Uint8Array(),
  arg = 0x7ffd_0000n,
): Uint8Array =>
  message(
    FUSE_IOCTL,
    unique,
    body(FuseIoctlInView, (view) => {
      view.fh = BigInt(fh);
      view.cmd = cmd;
      view.arg = arg;
      const size = (cmd >>> 16) & 0x3fff;
      view.in_size = (cmd >>> 30) & 1 ? size : 0;
      view.out_size = (cmd >>> 30) & 2 ? size : 0;
    }),
    data,
  );

export const poll = (unique: number, fh: number, handle: number, notify: boolean, events = 1): Uint8Array =>
  message(
    FUSE_POLL,
    unique,
    body(FusePollInView, (view) => {
      view.fh = BigInt(fh);
      view.kh = BigInt(handle);
      view.flags = notify ? 1 : 0;
      view.events = events;
    }),
  );

export const flush = (unique: number, fh: number): Uint8Array =>
  message(
    FUSE_FLUSH,
    unique,
    body(FuseFlushInView, (view) => {
      view.fh = BigInt(fh);
      view.lock_owner = 0x1122_3344_5566_7788n;
    }),
  );

export const fsync = (unique: number, fh: number, flags = 0): Uint8Array =>
  message(
    FUSE_FSYNC,
    unique,
    body(FuseFsyncInView, (view) => {
      view.fh = BigInt(fh);
      view.fsync_flags = flags;
    }),
  );

/** `_IOC`. */
const ioc = (direction: number, type: string, nr: number, size: number): number =>
  ((direction << 30) | (size << 16) | (type.charCodeAt(0) << 8) | nr) >>> 0;

export const io = (nr: number): number => ioc(0, "E", nr, 0);
export const iow = (nr: number, size: number): number => ioc(1, "E", nr, size);
export const ior = (nr: number, size: number): number => ioc(2, "E", nr, size);
export const iowr = (nr: number, size: number): number => ioc(3, "E", nr, size);
