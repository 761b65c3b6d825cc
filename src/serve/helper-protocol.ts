/**
 * What the helper library inside a client says to the driver: private ioctls on the device's own descriptor. The
 * other half is `native/preload/protocol.h`; `test/native/protocol.test.ts` compares the two.
 *
 * | ioctl | when the helper sends it | what the driver does |
 * |---|---|---|
 * | HELLO | before every REQBUFS, CREATE_BUFS, EXPBUF and REQUEST_ALLOC, and to learn whose refusal a refusal was | notes that this file's client can map and take fds |
 * | MAP | `mmap()` on the device, which CUSE refuses with ENODEV | sends an fd over the client's socket, then replies with the place in it |
 * | FD | instead of EXPBUF and REQUEST_ALLOC, when HELLO was answered | carries the ioctl out, sends the new fd, then replies |
 *
 * The driver must send before it replies: the helper never waits on its socket. A refusal of MAP becomes the errno of `mmap()`, that of FD the errno of the ioctl.
 */

/** `_IOWR(0xC5, nr, size)`. */
const iowr = (nr: number, size: number): number => ((3 << 30) | (size << 16) | (0xc5 << 8) | nr) >>> 0;

/** The version that both sides speak. A driver refuses others with EINVAL. */
export const HELPER_VERSION = 1;

/** `V4L2_CUSE_FEATURE_*`: what the client's helper can do. */
export const HelperFeature = {
  /** It maps what MAP sends. */
  Map: 1,
  /** It takes what FD sends. */
  Fd: 2,
} as const;

/** Bytes of each argument. */
export const HELPER_HELLO_BYTES = 8;
/** Size of the argument of {@link HELPER_MAP}. */
export const HELPER_MAP_BYTES = 40;
/** Size of the argument of {@link HELPER_FD}. */
export const HELPER_FD_BYTES = 80;

/** The helper says what it can do. */
export const HELPER_HELLO = iowr(0, HELPER_HELLO_BYTES);
/** The helper asks for the memory of an `mmap()`. */
export const HELPER_MAP = iowr(1, HELPER_MAP_BYTES);
/** The helper carries an ioctl that answers with a descriptor. */
export const HELPER_FD = iowr(2, HELPER_FD_BYTES);

/** Byte offsets in the arguments, by the C names. */
export const HELPER_HELLO_FIELDS = { version: 0, features: 4 } as const;
/** Where the fields of {@link HELPER_MAP} are, bytes. */
export const HELPER_MAP_FIELDS = {
  version: 0,
  socket: 4,
  offset: 8,
  length: 16,
  prot: 24,
  flags: 28,
  fd_offset: 32,
} as const;
/** Where the fields of {@link HELPER_FD} are, bytes. */
export const HELPER_FD_FIELDS = { version: 0, socket: 4, cmd: 8, number: 12, arg: 16 } as const;

/** Is `cmd` one of the helper's ioctls? */
export function isHelperIoctl(cmd: number): boolean {
  return cmd === HELPER_HELLO || cmd === HELPER_MAP || cmd === HELPER_FD;
}

/** A HELLO as the client sent it. */
export interface HelperHello {
  readonly version: number;
  /** Bits of {@link HelperFeature}; others are from newer helpers. */
  readonly features: number;
}

/** A MAP: the arguments of `mmap()`, unchecked. */
export interface HelperMapRequest {
  readonly version: number;
  /** Number of the driver's end of a socket pair, in the calling process. Any number, from a hostile client. */
  readonly socket: number;
  readonly offset: bigint;
  /** Bytes, not rounded to pages. */
  readonly length: bigint;
  /** `PROT_*` */
  readonly prot: number;
  /** `MAP_*` */
  readonly flags: number;
}

/** An FD: an ioctl to carry out that makes a descriptor. */
export interface HelperFdRequest {
  readonly version: number;
  /** As in {@link HelperMapRequest.socket}. */
  readonly socket: number;
  readonly cmd: number;
  /** The fd's number in the client, if all goes well. */
  readonly number: number;
  /** The ioctl's own argument: 64 bytes, of which `_IOC_SIZE(cmd)` count. Changed in place for the reply. */
  readonly arg: Uint8Array;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What a client's helper can do. The bytes are the ioctl's argument. */
export function parseHello(bytes: Uint8Array): HelperHello {
  const view = viewOf(bytes);
  return {
    version: view.getUint32(HELPER_HELLO_FIELDS.version, true),
    features: view.getUint32(HELPER_HELLO_FIELDS.features, true),
  };
}

/** The reply to HELLO: the version and the features that this driver knows. */
export function emitHello(bytes: Uint8Array, features: number): void {
  const view = viewOf(bytes);
  view.setUint32(HELPER_HELLO_FIELDS.version, HELPER_VERSION, true);
  view.setUint32(HELPER_HELLO_FIELDS.features, features, true);
}

/** Which memory a client's helper wants mapped. */
export function parseMap(bytes: Uint8Array): HelperMapRequest {
  const view = viewOf(bytes);
  return {
    version: view.getUint32(HELPER_MAP_FIELDS.version, true),
    socket: view.getInt32(HELPER_MAP_FIELDS.socket, true),
    offset: view.getBigUint64(HELPER_MAP_FIELDS.offset, true),
    length: view.getBigUint64(HELPER_MAP_FIELDS.length, true),
    prot: view.getUint32(HELPER_MAP_FIELDS.prot, true),
    flags: view.getUint32(HELPER_MAP_FIELDS.flags, true),
  };
}

/** The reply to MAP: where in the sent descriptor the client maps, in bytes, a multiple of the page size. */
export function emitMap(bytes: Uint8Array, fdOffset: bigint): void {
  viewOf(bytes).setBigUint64(HELPER_MAP_FIELDS.fd_offset, fdOffset, true);
}

/** Which ioctl a client's helper carries, and the socket for the descriptor. */
export function parseFd(bytes: Uint8Array): HelperFdRequest {
  const view = viewOf(bytes);
  return {
    version: view.getUint32(HELPER_FD_FIELDS.version, true),
    socket: view.getInt32(HELPER_FD_FIELDS.socket, true),
    cmd: view.getUint32(HELPER_FD_FIELDS.cmd, true),
    number: view.getInt32(HELPER_FD_FIELDS.number, true),
    arg: bytes.subarray(HELPER_FD_FIELDS.arg, HELPER_FD_BYTES),
  };
}
