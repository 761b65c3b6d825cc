/**
 * Every native function, typed and documented. The code is in `native/addon/`: system calls and memory only.
 *
 * What a native function opens has an owner with `close()`; closing twice is harmless, and the garbage collector
 * closes what was forgotten (an open {@link Channel} excepted: it is in use until closed). Failed system calls throw
 * a {@link SystemError}; arguments of the wrong type throw a TypeError.
 */
import { MessageChannel, type ChannelHandlers, type NativeChannel } from "./message-channel.js";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** A failed system call, in the form that Node.js gives its own, but with a positive `errno`. */
export interface SystemError extends Error {
  /** `"ENOENT"` */
  readonly code: string;
  readonly errno: number;
  /** `"open"` */
  readonly syscall: string;
}

export function isSystemError(error: unknown): error is SystemError {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    "errno" in error &&
    typeof error.errno === "number" &&
    "syscall" in error
  );
}

// ---- The addon -----------------------------------------------------------------------------------------------------

interface NativeSharedMemory {
  readonly fd: number;
  takeBytes(): Uint8Array;
  close(): void;
}

interface NativeFd {
  readonly fd: number;
  close(): void;
}

/** The addon's exports. `native/addon/` describes each next to its code. */
interface Addon {
  Channel: new (
    source: string | number,
    bufferBytes: number,
    onMessage: (length: number) => void,
    onClose: (error?: Error) => void,
  ) => NativeChannel;
  SharedMemory: {
    new (name: string, sizeBytes: number): NativeSharedMemory;
    new (fd: number, sizeBytes: number, writable: boolean, offset: number): NativeSharedMemory;
  };
  createMemfd(name: string, sizeBytes: number): NativeFd;
  readonly pageBytes: number;
  punchHole(fd: number, offset: number, sizeBytes: number): void;
  isHeldElsewhere(fd: number): boolean;
  familyMappings(tid: number, uid: number, names: readonly string[]): FamilyMappings;
  processRead(pid: number, address: bigint, into: Uint8Array, uid: number): void;
  processWrite(pid: number, address: bigint, from: Uint8Array, uid: number): void;
  takeFd(pid: number, fd: number, isSocket: boolean): NativeFd;
  sameFile(pidA: number, fdA: number, pidB: number, fdB: number): boolean;
  inspectFd(fd: number): FdFacts;
  sendFd(socketFd: number, fd: number): void;
  socketPeer(socketFd: number): SocketPeer;
  createDmabuf(memfd: number, sizeBytes: number, offset: number): NativeFd | undefined;
  receiveFd(socketFd: number): NativeFd;
  mountFuse(channelFd: number): NativeFd;
  readReady(fd: number, into: Uint8Array): number;
  openFileFacts(pid: number, fd: number): OpenFileFacts | undefined;
  startOpener(directoryFd: number): { orders: NativeFd; files: NativeFd };
  socketPair(): [NativeFd, NativeFd];
  sendMessage(socketFd: number, message: Uint8Array, fds: readonly number[]): void;
  sendDatagram(path: string, message: Uint8Array): void;
  ioctl(fd: number, command: number, argument: Uint8Array, offset?: number, array?: Uint8Array): number;
  unshareMounts(): void;
  mount(source: string, target: string, type: string, flags: number, options: string): void;
  unmount(target: string, flags: number): void;
  dropAmbientCapabilities(): void;
}

/**
 * A file that `make -C native` builds, or one that came built with the package for this kind of processor. This module is
 * one folder below the package's root both as source and compiled. `V4L2_CUSE_NATIVE` names another folder:
 * `make check-asan` uses it.
 */
function built(name: string): string {
  const elsewhere = process.env["V4L2_CUSE_NATIVE"];
  if (elsewhere !== undefined) return `${elsewhere}/${name}`;
  const [own, shipped] = ["build", `prebuilt/${process.arch}`].map((folder) =>
    fileURLToPath(new URL(`../native/${folder}/${name}`, import.meta.url)),
  ) as [string, string];
  return !existsSync(own) && existsSync(shipped) ? shipped : own;
}

/** Is this of Debian's package? That has nothing to build from. */
const isDeb = (): boolean => !existsSync(fileURLToPath(new URL("../native/Makefile", import.meta.url)));

/** How to get what is missing: a clone, a package of npm and one of Debian differ. */
export function rebuildCommand(): string {
  if (import.meta.url.includes("/node_modules/")) return "npm rebuild v4l2-cuse";
  return isDeb() ? "apt-get install --reinstall v4l2-cuse" : "npm run build:native";
}

let loaded: Addon | undefined;

function load(): Addon {
  const path = built("v4l2_cuse.node");
  if (!existsSync(path)) {
    throw new Error(`The native addon ${path} is not built: run \`${rebuildCommand()}\`.`);
  }
  try {
    const addon: unknown = createRequire(import.meta.url)(path);
    // Built from this repository together with this file; nothing else checks its shape but the tests.
    loaded = addon as Addon;
    return loaded;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The native addon does not load (${reason}): run \`${rebuildCommand()}\` again.`, {
      cause,
    });
  }
}

/** Loaded on first use, so that what needs no device (types, tests) needs no addon either. */
const addon = (): Addon => loaded ?? load();

/** One sentence that says why the addon cannot be used and what to do about it; undefined when it can. */
export function nativeProblem(): string | undefined {
  try {
    addon();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What mappings and their offsets are multiples of (`PAGE_SIZE`): 4096; 16384 or 65536 on some arm64 kernels. */
export const pageBytes = (): number => addon().pageBytes;

const HELPER = "libv4l2-cuse.so";

/** Where the helper library for clients (LD_PRELOAD) is, or would be: it may not be built. */
export const helperPath = (): string => built(HELPER);

/**
 * What LD_PRELOAD gets: the helper library; where there is one for 32-bit programs, too, one name for both, which the
 * loader completes for each program (`$LIB` of ld.so(8), as Debian's knows it).
 */
export function helperForLoader(): string {
  const folder = built("lib");
  const [own, other] = TRIPLETS[process.arch] ?? [];
  if (own === undefined || other === undefined || !existsSync(`/usr/lib/${own}`)) return helperPath();
  return existsSync(`${folder}/${own}/${HELPER}`) && existsSync(`${folder}/${other}/${HELPER}`)
    ? `${dirname(folder)}/$LIB/${HELPER}`
    : helperPath();
}

/** What Debian calls the folders of libraries: of 64-bit programs, and of 32-bit ones. */
const TRIPLETS: Partial<Record<NodeJS.Architecture, readonly [string, string]>> = {
  x64: ["x86_64-linux-gnu", "i386-linux-gnu"],
  arm64: ["aarch64-linux-gnu", "arm-linux-gnueabihf"],
};

/** Where the program that puts files into other processes is, or would be (`native/tracer/`). */
export const tracerPath = (): string => built("v4l2-cuse-tracer");

/** Where the program that decodes bitstreams is, or would be (`native/decoder/`). */
export const decoderPath = (): string => fitting("v4l2-cuse-decoder");

/** Where the program that converts pictures is, or would be (`native/convert/`). */
export const converterPath = (): string => fitting("v4l2-cuse-convert");

/**
 * A program that stands on libraries of the distribution. A package has it for several of their versions, and the name of
 * each ends in the library's that it needs: `v4l2-cuse-decoder.libavcodec.so.61`.
 */
function fitting(name: string): string {
  const plain = built(name);
  if (existsSync(plain)) return plain;
  const [own] = TRIPLETS[process.arch] ?? [];
  const folders = [`/usr/lib/${own ?? ""}`, "/usr/lib64", "/usr/lib"];
  const found = librariesFor(name).find((library) =>
    folders.some((folder) => existsSync(`${folder}/${library}`)),
  );
  return found === undefined ? plain : `${shippedFolder()}/${name}.${found}`;
}

/** Where a package has its native parts. */
const shippedFolder = (): string => dirname(built("v4l2_cuse.node"));

/** The libraries for which a package has this program: `libavcodec.so.61`. */
function librariesFor(name: string): string[] {
  const folder = shippedFolder();
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((file) => file.startsWith(`${name}.lib`))
        .map((file) => file.slice(name.length + 1))
    : [];
}

/**
 * One sentence that says why there is no such program here, and what to do about it; undefined when there is.
 * @param path - {@link decoderPath} or {@link converterPath}.
 * @param packages - What it is built with, as Debian and Ubuntu call it.
 */
export function programProblem(path: string, packages: string): string | undefined {
  if (existsSync(path)) return undefined;
  const build = `install the packages ${packages} (Debian and Ubuntu call them so), then run \`${rebuildCommand()}\``;
  const libraries = librariesFor(basename(path));
  if (libraries.length === 0) return `${path} is not built: ${build}`;
  const needs = `${basename(path)} is there for ${libraries.join(" and ")}, which this system does not have`;
  return isDeb()
    ? `${needs}: install one of them, or v4l2-cuse with npm, which builds what is missing`
    : `${needs}: install one of them, or ${build}`;
}

// ---- Channel -------------------------------------------------------------------------------------------------------

/**
 * An open `/dev/cuse` or `/dev/fuse`: whole messages in and out, served by the event loop of the thread that opened it.
 * Keeps that loop alive until it is closed or {@link Channel.unref}'d.
 */
export class Channel extends MessageChannel {
  /**
   * Opens `path`.
   * @param bufferBytes - Room for the largest message. The kernel refuses every read with EINVAL when
   *   it is smaller than max_write and the headers of WRITE (80 bytes): for 128 KiB of data, 132 KiB are enough.
   * @throws {SystemError} `open`: ENOENT, EACCES, ENODEV. `epoll_ctl`: EPERM for a file without readiness.
   */
  constructor(path: string, bufferBytes: number, handlers: ChannelHandlers);
  /** Serves a duplicate of the descriptor `fd`, which must keep message boundaries; `fd` stays the caller's. */
  constructor(fd: number, bufferBytes: number, handlers: ChannelHandlers);
  constructor(source: string | number, bufferBytes: number, handlers: ChannelHandlers) {
    super(handlers, (serve, end) => new (addon().Channel)(source, bufferBytes, serve, end));
  }
}

// ---- Memory --------------------------------------------------------------------------------------------------------

/**
 * Memory behind a descriptor, mapped once. Clients may hold the descriptor too and write at any time: read a value
 * once, then check it.
 */
export class SharedMemory {
  readonly #native: NativeSharedMemory;
  /**
   * The mapping. Empty once closed. V8 counts it as external memory, and the collector unmaps it when neither this
   * nor the owner can be reached any more.
   */
  readonly bytes: Uint8Array;
  readonly sizeBytes: number;

  private constructor(native: NativeSharedMemory, sizeBytes: number) {
    this.#native = native;
    this.bytes = native.takeBytes();
    this.sizeBytes = sizeBytes;
  }

  /**
   * A new memfd: zeroes, whole pages, never executable, sealed against shrinking (with the descriptor a client could
   * otherwise make our next access a SIGBUS), growing and further seals. Pages are allocated when first touched.
   *
   * @param name - For `/proc/<pid>/maps`; at most 249 bytes.
   * @param sizeBytes - 1 to 2**32 - 1.
   * @throws {SystemError} ENOMEM, EMFILE, ENFILE. EINVAL: the name is too long.
   */
  static create(name: string, sizeBytes: number): SharedMemory {
    return new SharedMemory(new (addon().SharedMemory)(name, sizeBytes), sizeBytes);
  }

  /**
   * Maps a duplicate of another's descriptor; `fd` stays the caller's. Only what cannot shrink is accepted: dma-bufs,
   * and memfds with F_SEAL_SHRINK (those of {@link SharedMemory.create}).
   *
   * @param offset - Of the mapping in the file, bytes, in whole pages.
   * @throws {SystemError} EBADF. EINVAL: can shrink, or ends before the mapping would.
   * @throws {SystemError} EACCES, EPERM: opened or sealed against writing. ENODEV, ENOTTY, EINVAL: an exporter that
   *   does not let itself be mapped.
   */
  static fromFd(fd: number, sizeBytes: number, writable: boolean, offset = 0): SharedMemory {
    return new SharedMemory(new (addon().SharedMemory)(fd, sizeBytes, writable, offset), sizeBytes);
  }

  /** The descriptor's number; -1 once closed. */
  get fd(): number {
    return this.#native.fd;
  }

  /**
   * Unmaps, closes, and empties {@link bytes} and all other views. Not while an asynchronous native call (zlib,
   * crypto) works on the bytes: it would crash.
   */
  close(): void {
    this.#native.close();
  }
}

/** As {@link SharedMemory.create}, but only the descriptor. */
export const createMemfd = (name: string, sizeBytes: number): OwnedFd =>
  OwnedFd.own(addon().createMemfd(name, sizeBytes));

/** Gives whole pages of a memfd back; mappings show zeroes there. @throws {SystemError} EPERM: sealed against it. */
export function punchHole(memfd: number, offset: number, sizeBytes: number): void {
  addon().punchHole(memfd, offset, sizeBytes);
}

/**
 * Has anybody the memfd open besides through `fd` and its duplicates, or mapped by way of another open file? A client that
 * was sent a duplicate of `fd` itself is not seen: it must get an open file of its own (`/proc/self/fd`).
 * @throws {SystemError} EBADF. EINVAL: no file of which that can be told.
 */
export function isHeldElsewhere(fd: number): boolean {
  return addon().isHeldElsewhere(fd);
}

// ---- Descriptors ---------------------------------------------------------------------------------------------------

/** A descriptor in this process, close-on-exec. */
export class OwnedFd {
  readonly #native: NativeFd;

  protected constructor(native: NativeFd) {
    this.#native = native;
  }

  /** @internal For the functions of this module. */
  static own(native: { readonly fd: number; close(): void }): OwnedFd {
    return new OwnedFd(native);
  }

  /** The descriptor's number; -1 once closed. */
  get fd(): number {
    return this.#native.fd;
  }

  close(): void {
    this.#native.close();
  }
}

/**
 * A duplicate of another process's descriptor: the same open file, of memory or of a unix socket. Any other could make
 * us wait: closing it would ask its file system to flush, which the client itself may serve. So the descriptor is looked
 * at, and closed if it is not what it should be, on a thread that is made for it and may be left behind.
 */
export class ProcessFd extends OwnedFd {
  /**
   * A memfd or a dma-buf.
   * @param pid - A process or any of its threads, as in a FUSE header.
   * @throws {SystemError} `pidfd_open`: ESRCH. `pidfd_getfd`: EBADF - it has no such descriptor; EPERM - not ours to
   *   trace (needs CAP_SYS_PTRACE for other users' processes); ENOSYS - before Linux 5.6.
   * @throws {SystemError} EINVAL - it is something else. ETIMEDOUT - too much of the process's user hangs already.
   */
  static takeMemory(pid: number, fd: number): ProcessFd {
    return new ProcessFd(addon().takeFd(pid, fd, false));
  }

  /**
   * A unix socket.
   * @throws {SystemError} As {@link takeMemory}, but ENOTSOCK - it is something else.
   */
  static takeSocket(pid: number, fd: number): ProcessFd {
    return new ProcessFd(addon().takeFd(pid, fd, true));
  }
}

export interface FdFacts {
  /** Size of the memory behind it, in bytes. */
  readonly sizeBytes: number;
  /** `F_SEAL_*` bits; 0 for files that have no seals. */
  readonly seals: number;
  readonly isDmabuf: boolean;
}

/**
 * What a client's descriptor is. Asks no file system but that of memfds and dma-bufs, so that no client can make us wait.
 * @throws {SystemError} EBADF. EINVAL: neither a memfd (of ordinary pages) nor a dma-buf.
 */
export function inspectFd(fd: number): FdFacts {
  return addon().inspectFd(fd);
}

/**
 * Sends `fd` over a unix socket, with one byte of data.
 * Neither waits nor signals: EAGAIN when the socket is full, EPIPE when the other end is closed.
 * @throws {SystemError} ENOTSOCK, EBADF, EINVAL: what a client named is no unix socket.
 */
export function sendFd(socketFd: number, fd: number): void {
  addon().sendFd(socketFd, fd);
}

export interface SocketPeer {
  /** In our pid namespace; 0 when it is not in it. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Who made the other end of a unix socket (SO_PEERCRED): for a socket pair, who made the pair. Tells a pair that the
 * calling process has just made from a connection to somebody whom a message from a root process might impress.
 * @throws {SystemError} ENOTSOCK, EBADF; for sockets of other families ids are -1, or ENOPROTOOPT.
 */
export function socketPeer(socketFd: number): SocketPeer {
  return addon().socketPeer(socketFd);
}

/**
 * A dma-buf over a memfd's pages (udmabuf), for importers that take nothing else.
 * @param sizeBytes - A multiple of the page size, as is `offset`. The kernel's default limit is 64 MiB.
 * @returns Undefined where there is no `/dev/udmabuf`.
 * @throws {SystemError} EINVAL: wrong size, or not sealed against shrinking.
 */
export function createDmabuf(memfd: number, sizeBytes: number, offset = 0): OwnedFd | undefined {
  const native = addon().createDmabuf(memfd, sizeBytes, offset);
  return native && OwnedFd.own(native);
}

/** Two connected unix sockets that keep message boundaries. */
export function socketPair(): [OwnedFd, OwnedFd] {
  const [first, second] = addon().socketPair();
  return [OwnedFd.own(first), OwnedFd.own(second)];
}

/**
 * Sends a message, and with it duplicates of at most 8 descriptors, over a unix socket.
 * Neither waits nor signals: EAGAIN when the socket is full, EPIPE when the other end is closed.
 * @throws {SystemError} ENOTSOCK, EBADF.
 */
export function sendMessage(socketFd: number, message: Uint8Array, fds: readonly number[]): void {
  addon().sendMessage(socketFd, message, fds);
}

/**
 * Sends one datagram to a unix socket with a name; `@name` is one without a file. Never waits.
 * @throws {SystemError} ENOENT, ECONNREFUSED: nobody is there. EAGAIN: the socket is full. EINVAL: 108 bytes or more.
 */
export function sendDatagram(path: string, message: Uint8Array): void {
  addon().sendDatagram(path, message);
}

// ---- Another process -----------------------------------------------------------------------------------------------

/**
 * Fills `into` from the memory of a process that is blocked in a call to us.
 *
 * @param pid - A process or any of its threads.
 * @param uid - Whose process it is. His memory may be a mapping of a file that he himself serves (FUSE), so that reading
 *   it never ends: for all but root it is read on another thread, and given up after a second. A user who keeps us
 *   waiting again and again is refused at once.
 * @throws {SystemError} EFAULT - not all of it is readable there; `into` may be partly overwritten. ETIMEDOUT.
 * @throws {SystemError} ESRCH - it is gone. EPERM - not ours to trace (needs CAP_SYS_PTRACE for other users').
 */
export function processRead(pid: number, address: bigint, into: Uint8Array, uid = 0): void {
  addon().processRead(pid, address, into, uid);
}

/**
 * Writes all of `from` into the memory of a process that is blocked in a call to us.
 * @throws {SystemError} As {@link processRead}; after EFAULT the bytes before the bad page may be written, as after
 *   the kernel's own copy_to_user().
 */
export function processWrite(pid: number, address: bigint, from: Uint8Array, uid = 0): void {
  addon().processWrite(pid, address, from, uid);
}

export interface FamilyMappings {
  /** Of `/proc/<pid>/maps`. */
  readonly lines: string;
  /** How much was looked through. */
  readonly readBytes: number;
}

/**
 * What a process and its descendants have mapped, as far as we may look: the lines of `/proc/<pid>/maps` in which one of
 * `names` occurs. Waits for a process whose memory is busy, like {@link processRead} and at most as long.
 * @param tid - Any thread of the process. What it has started is found where the kernel has CONFIG_PROC_CHILDREN.
 * @param uid - Whose process it is.
 * @throws {SystemError} ENOENT, ESRCH - it is gone. EACCES - not ours to look at. ETIMEDOUT.
 */
export function familyMappings(tid: number, uid: number, names: readonly string[]): FamilyMappings {
  return addon().familyMappings(tid, uid, names);
}

/**
 * Do two descriptors share one open file (kcmp)? Processes may be named by any of their threads.
 * @throws {SystemError} EBADF, ESRCH, EPERM. ENOSYS: a kernel built without kcmp.
 */
export function sameFile(pidA: number, fdA: number, pidB: number, fdB: number): boolean {
  return addon().sameFile(pidA, fdA, pidB, fdB);
}

// ---- Serving a file system -----------------------------------------------------------------------------------------

/** What the kernel tells about an open file without asking the file system that it is on. */
export interface OpenFileFacts {
  /** As `fcntl(F_GETFL)` gives them, with `O_CLOEXEC` of the descriptor. */
  readonly flags: number;
  /** Of the mount that it was opened through; no two mounts have the same at one time. */
  readonly mountId: number;
  readonly ino: number;
}

/**
 * What is behind a descriptor of another process (`/proc/<pid>/fdinfo/<fd>`).
 * @param pid - A process or any of its threads, as in a FUSE header.
 * @returns undefined when there is no such process or descriptor.
 * @throws {SystemError} EACCES, EPERM - not ours to look at. ENOSYS - before Linux 5.14.
 */
export function openFileFacts(pid: number, fd: number): OpenFileFacts | undefined {
  return addon().openFileFacts(pid, fd);
}

/**
 * Mounts the file system that the channel to `/dev/fuse` serves, where nobody sees it: it has no path, and ends with
 * the descriptor of its root that is returned and the last open file. Other users may use its open files.
 *
 * Does not wait for the server: FUSE_INIT is in the channel when this returns.
 *
 * @throws {SystemError} EPERM - needs CAP_SYS_ADMIN. ENODEV - no FUSE in this kernel. ENOSYS - before Linux 5.2.
 */
export function mountFuse(channelFd: number): OwnedFd {
  return OwnedFd.own(addon().mountFuse(channelFd));
}

/**
 * Reads a message if one is there.
 * @returns Its length; -1 when there is none.
 * @throws {SystemError} ENODEV: the kernel side is gone. ENOENT: the request was aborted; read on.
 */
export function readReady(fd: number, into: Uint8Array): number {
  return addon().readReady(fd, into);
}

/**
 * Starts a thread that opens files of a file system that this very thread serves: here it would wait for itself. The
 * thread shares no descriptor with the rest, so that the process can be killed at any time, in an `open()` too.
 *
 * @returns `orders` keeps message boundaries and takes `{ u32 id; u32 flags; char name[] }` (a name in the directory, in
 *   which no link is followed); each is answered with `{ u32 id; u32 errno }`. When errno is 0, the file waits in
 *   `files` for {@link receiveFd}. The thread ends when `orders` is closed.
 * @throws {SystemError} ENOSYS - before Linux 5.9.
 */
export function startOpener(directoryFd: number): { readonly orders: OwnedFd; readonly files: OwnedFd } {
  const { orders, files } = addon().startOpener(directoryFd);
  return { orders: OwnedFd.own(orders), files: OwnedFd.own(files) };
}

/**
 * Takes one descriptor that was sent over a unix socket with SCM_RIGHTS; close-on-exec. Never waits.
 * @throws {SystemError} EAGAIN - none is there. ENODATA - the message had none.
 */
export function receiveFd(socketFd: number): OwnedFd {
  return OwnedFd.own(addon().receiveFd(socketFd));
}

// ---- Device nodes, from the client's side --------------------------------------------------------------------------

/**
 * `ioctl(2)`. Sleeps until the driver has answered: never on a device that this thread serves.
 *
 * @param command - One whose number tells the size of its argument, as all of V4L2's do.
 * @param argument - At least that long; changed in place. Empty for commands without an argument, of direction "none".
 * @param nested - An array that `argument` points to: the eight bytes at `offset` become its address for the time of
 *   the call. The counts in `argument` must not promise more room than `bytes` has; nothing here knows them.
 * @throws {SystemError} What the driver answers. EINTR: a signal came first.
 */
export function ioctl(
  fd: number,
  command: number,
  argument: Uint8Array,
  nested?: { readonly offset: number; readonly bytes: Uint8Array },
): number {
  return addon().ioctl(fd, command, argument, nested?.offset, nested?.bytes);
}

// ---- Mounts --------------------------------------------------------------------------------------------------------

/** `MS_*` of `mount(2)`. */
export const MountFlag = {
  ReadOnly: 0x1,
  NoSuid: 0x2,
  NoDev: 0x4,
  NoExec: 0x8,
  Remount: 0x20,
  Bind: 0x1000,
  Recursive: 0x4000,
  Private: 0x40000,
  Slave: 0x80000,
} as const;

/**
 * Gives the calling thread, and all processes that it starts from now on, a mount namespace of their own, with the
 * mounts as they are. The namespace goes when its last process ends, and its mounts with it.
 *
 * Other threads stay where they were, the thread pool among them: what shall see the new mounts must use the
 * synchronous functions of `node:fs`.
 *
 * @throws {SystemError} EPERM - needs CAP_SYS_ADMIN.
 */
export function unshareMounts(): void {
  addon().unshareMounts();
}

/**
 * `mount(2)`.
 * @param what - `flags` are of {@link MountFlag}; `type` and `options` may be empty where the flags say so.
 * @throws {SystemError} EPERM - needs CAP_SYS_ADMIN. EINVAL, ENOENT, ENODEV.
 */
export function mount(
  source: string,
  target: string,
  what: { readonly type?: string; readonly flags?: number; readonly options?: string },
): void {
  addon().mount(source, target, what.type ?? "", what.flags ?? 0, what.options ?? "");
}

/** `umount2(2)`: MNT_DETACH, and MNT_FORCE, which aborts FUSE, if `isForced`. @throws {SystemError} EINVAL, EPERM. */
export function unmount(target: string, isForced = false): void {
  addon().unmount(target, isForced ? 3 : 2);
}

/**
 * What `unshare --keep-caps` hands on to the programs that it starts ends here: programs that this thread starts
 * have no capabilities but those of their own.
 * @throws {SystemError} EINVAL - before Linux 4.3.
 */
export function dropAmbientCapabilities(): void {
  addon().dropAmbientCapabilities();
}
