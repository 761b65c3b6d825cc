/**
 * Plays a session against a driver, as one client, and compares the answers. What is sent is built from the file's values
 * and the uAPI's sizes: descriptors are replaced by ours, pointers are made here, and calls that would need others are not
 * played.
 */
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { inspectFd, ioctl, isSystemError, SharedMemory } from "../native.js";
import {
  BufferView,
  ExportbufferView,
  ExtControlsView,
  ExtControlView,
  IOCTLS,
  layouts,
  VIDIOC_EXPBUF,
} from "../v4l2/gen/index.js";
import { answerDifferences, type Difference, type Ignored } from "./compare.js";
import type { IoctlArgument, IoctlStep, NodeKind, Step } from "./session.js";
import { BUFFER_IOCTLS, CONTROL_IOCTLS } from "./tracer-file.js";

/** The session cannot be played here. `message` is one sentence. */
export class ReplayError extends Error {
  override readonly name = "ReplayError";
}

export interface PlayerOptions {
  /** The node of each kind that the session opens. */
  readonly nodes: Readonly<Partial<Record<NodeKind, string>>>;
  /** What the driver gets to be as far as it was. */
  readonly timeoutMs: number;
  readonly ignored: Ignored;
}

/** An answer that is another than the session's. */
export interface Parting {
  readonly where: string;
  readonly ioctl: string;
  /** One at least. */
  readonly differences: readonly Difference[];
}

/** Memory whose address is known: pointers lead there. */
const ARENA = "v4l2-cuse-replay";
const ARENA_BYTES = 4 << 20;
const WAIT_MS = 2;
const REQUEST_FD = 0x0080_0000;
const WHICH_REQUEST = 0x0f01_0000;
const [MMAP, DMABUF] = [1, 4];
const PLANE_BYTES = 64;
/** The highest byte of V4L2_FMTDESC_FLAG_ENUM_ALL, in an index. */
const ENUM_ALL = 0x80;

/** Errors of a driver that is not as far yet as the recorded one was. */
const NOT_YET: Readonly<Record<string, readonly string[]>> = {
  VIDIOC_DQBUF: ["EAGAIN"],
  VIDIOC_DQEVENT: ["ENOENT", "EAGAIN"],
  MEDIA_REQUEST_IOC_REINIT: ["EBUSY"],
  VIDIOC_G_EXT_CTRLS: ["EACCES"],
};

/** Calls that are left to the session's client: what they answer is a matter of time, or of another client. */
const isTimely = (errno: string | undefined): boolean =>
  errno === "EAGAIN" || errno === "EINTR" || errno === "ERESTARTSYS";

export class Player {
  readonly #options: PlayerOptions;
  readonly #files = new Map<string, number>();
  /** `process:descriptor` of the session. */
  readonly #fds = new Map<string, number>();
  readonly #maps = new Map<string, SharedMemory>();
  readonly #owned = new Set<number>();
  readonly #arena = SharedMemory.create(ARENA, ARENA_BYTES);
  readonly #arenaAddress: bigint;
  #arenaUsed = 0;
  readonly #skipped = new Map<string, number>();
  #played = 0;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#arenaAddress = addressOf(ARENA);
  }

  /** Calls that were made. */
  get played(): number {
    return this.#played;
  }

  /** Calls that were not, by name. */
  get skipped(): ReadonlyMap<string, number> {
    return this.#skipped;
  }

  /**
   * @returns Where the answer is another than the session's; undefined: it is the same, or there is none.
   * @throws {ReplayError} It cannot be played.
   */
  play(step: Step): Parting | undefined {
    switch (step.kind) {
      case "open":
        this.#open(step.file, step.node, step.flags);
        return undefined;
      case "close":
        this.#close(step.file);
        return undefined;
      case "data":
        this.#write(step);
        return undefined;
      case "ioctl":
        return this.#ioctl(step);
    }
  }

  /** Closes everything. */
  end(): void {
    for (const map of this.#maps.values()) map.close();
    for (const fd of [...this.#owned, ...this.#files.values()]) closeSync(fd);
    this.#owned.clear();
    this.#files.clear();
    this.#arena.close();
  }

  #open(file: string, node: NodeKind, flags: number): void {
    const path = this.#options.nodes[node];
    if (path === undefined)
      throw new ReplayError(
        `the session opens a ${node} node: name one with ${node === "media" ? "-m" : node === "video" ? "-d" : "--subdev"}`,
      );
    this.#close(file);
    // Never blocks: a driver that is late is waited for, and not for ever.
    const mode = node === "media" ? flags & 3 : (flags & 3) | constants.O_NONBLOCK;
    try {
      this.#files.set(file, openSync(path, mode));
    } catch (error) {
      throw new ReplayError(`cannot open ${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #close(file: string): void {
    const fd = this.#files.get(file);
    if (fd === undefined) return;
    this.#forget(`${file}/`);
    this.#files.delete(file);
    closeSync(fd);
  }

  #forget(prefix: string): void {
    for (const [key, map] of this.#maps) {
      if (!key.startsWith(prefix)) continue;
      this.#maps.delete(key);
      map.close();
    }
  }

  // Buffers

  #write({ file, type, index, plane, offset, bytes, where }: Step & { readonly kind: "data" }): void {
    const key = `${file}/${type}/${index}/${plane}`;
    let map = this.#maps.get(key);
    if (map === undefined) {
      const fd = this.#files.get(file);
      if (fd === undefined) return;
      this.#maps.set(key, (map = this.#map(fd, { type, index, plane, where })));
    }
    if (offset + bytes.byteLength > map.sizeBytes)
      throw new ReplayError(
        `${where}: buffer ${index} has ${map.sizeBytes} bytes here, and the session wrote ${offset + bytes.byteLength}`,
      );
    map.bytes.set(bytes, offset);
  }

  /** The one call that the session may not have: to write into a buffer, it is exported. */
  #map(
    fd: number,
    { type, index, plane, where }: { type: number; index: number; plane: number; where: string },
  ): SharedMemory {
    const view = new ExportbufferView(new Uint8Array(IOCTLS.VIDIOC_EXPBUF.size));
    view.type = type;
    view.index = index;
    view.plane = plane;
    view.flags = constants.O_RDWR | 0x8_0000;
    try {
      ioctl(fd, VIDIOC_EXPBUF, view.bytes);
      try {
        return SharedMemory.fromFd(view.fd, inspectFd(view.fd).sizeBytes, true);
      } finally {
        closeSync(view.fd);
      }
    } catch (error) {
      throw new ReplayError(
        `${where}: the bytes of buffer ${index} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  // Ioctls

  #ioctl(step: IoctlStep): Parting | undefined {
    const { name, cmd, where, requestFd, process: client } = step;
    const known = Object.hasOwn(IOCTLS, name) ? IOCTLS[name as keyof typeof IOCTLS] : undefined;
    if (known === undefined || known.number !== cmd)
      throw new ReplayError(`${where} is no ioctl of the uAPI, and is not sent: 0x${cmd.toString(16)}`);
    const fd = requestFd === undefined ? this.#files.get(step.file) : this.#fds.get(`${client}:${requestFd}`);
    this.#arenaUsed = 0;
    const call = fd === undefined || isTimely(step.errno) ? undefined : this.#prepare(step, known);
    if (fd === undefined || call === undefined) {
      this.#skipped.set(name, (this.#skipped.get(name) ?? 0) + 1);
      return undefined;
    }
    if (name === "VIDIOC_REQBUFS" || name === "VIDIOC_REMOVE_BUFS") this.#forget(`${step.file}/`);
    const errno = this.#send(fd, step, call);
    this.#played += 1;
    const given: IoctlArgument = { arg: call.arg, array: call.array, payloads: call.payloads() };
    if (errno === undefined) this.#learn(step, call.arg);
    const differences = answerDifferences(step, { errno, given }, this.#options.ignored);
    return differences.length === 0 ? undefined : { where, ioctl: name, differences };
  }

  /** @returns undefined: it cannot be played. */
  #prepare(
    { name, asked, process: client }: IoctlStep,
    known: { readonly size: number; readonly arg: string; readonly dir: string },
  ): Call | undefined {
    const arg = new Uint8Array(known.size);
    if (known.dir !== "read") arg.set(asked.arg.subarray(0, known.size));
    const none = { array: undefined, payloads: () => new Map<number, Uint8Array>() };
    if (CONTROL_IOCTLS.has(name)) return this.#prepareControls(arg, asked, client);
    if (BUFFER_IOCTLS.has(name)) return this.#prepareBuffer(arg, asked, client);
    const struct = /^struct (\w+)$/.exec(known.arg)?.[1];
    if (struct === undefined) return { arg, ...none };
    // An overlay's window has pointers.
    if (struct === "v4l2_format" && [3, 8].includes(new DataView(arg.buffer).getUint32(0, true)))
      return undefined;
    return hasPointers(struct) ? undefined : { arg, ...none };
  }

  #prepareBuffer(arg: Uint8Array, asked: IoctlArgument, client: string): Call | undefined {
    const view = new BufferView(arg);
    const { type, memory } = view;
    if (memory !== MMAP && memory !== DMABUF && memory !== 0) return undefined;
    if ((view.flags & REQUEST_FD) !== 0) {
      const request = this.#fds.get(`${client}:${view.request_fd}`);
      if (request === undefined) return undefined;
      view.request_fd = request;
    }
    const payloads = (): Map<number, Uint8Array> => new Map();
    if (type !== 9 && type !== 10) {
      if (memory === DMABUF && !this.#replaceFd(arg, 64, client)) return undefined;
      if (memory !== DMABUF) new DataView(arg.buffer).setBigUint64(64, BigInt(view.m.offset), true);
      return { arg, array: undefined, payloads };
    }
    const count = Math.min(view.length, 8, Math.floor((asked.array?.byteLength ?? 0) / PLANE_BYTES));
    const planes = this.#take(count * PLANE_BYTES);
    planes.bytes.set((asked.array ?? new Uint8Array(0)).subarray(0, planes.bytes.byteLength));
    for (let at = 0; at < planes.bytes.byteLength; at += PLANE_BYTES)
      if (memory === DMABUF && !this.#replaceFd(planes.bytes, at + 8, client)) return undefined;
    view.length = count;
    new DataView(arg.buffer).setBigUint64(64, count === 0 ? 0n : planes.address, true);
    return { arg, array: planes.bytes, payloads };
  }

  #replaceFd(bytes: Uint8Array, at: number, client: string): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const fd = this.#fds.get(`${client}:${view.getInt32(at, true)}`);
    if (fd === undefined) return false;
    view.setBigUint64(at, BigInt(fd), true);
    return true;
  }

  #prepareControls(arg: Uint8Array, asked: IoctlArgument, client: string): Call | undefined {
    const view = new ExtControlsView(arg);
    if (view.which === WHICH_REQUEST) {
      const request = this.#fds.get(`${client}:${view.request_fd}`);
      if (request === undefined) return undefined;
      view.request_fd = request;
    }
    const count = Math.min(view.count, Math.floor((asked.array?.byteLength ?? 0) / ExtControlView.SIZE));
    const array = this.#take(count * ExtControlView.SIZE);
    array.bytes.set((asked.array ?? new Uint8Array(0)).subarray(0, array.bytes.byteLength));
    const rooms = new Map<number, Uint8Array>();
    for (let index = 0; index < count; index++) {
      const at = index * ExtControlView.SIZE;
      const control = new ExtControlView(array.bytes.subarray(at, at + ExtControlView.SIZE));
      // With a size, the value is a pointer.
      if (control.size === 0) continue;
      if (this.#arenaUsed + control.size > ARENA_BYTES) return undefined;
      const room = this.#take(control.size);
      room.bytes.set((asked.payloads.get(index) ?? new Uint8Array(0)).subarray(0, room.bytes.byteLength));
      control.value64 = BigInt.asIntN(64, room.address);
      rooms.set(index, room.bytes);
    }
    view.count = count;
    new DataView(arg.buffer).setBigUint64(24, count === 0 ? 0n : array.address, true);
    return { arg, array: array.bytes, payloads: () => rooms };
  }

  #take(size: number): { readonly bytes: Uint8Array; readonly address: bigint } {
    const at = this.#arenaUsed;
    if (at + size > ARENA_BYTES)
      throw new ReplayError("a call of the session has more memory than any program");
    this.#arenaUsed = Math.ceil((at + size) / 8) * 8;
    const bytes = this.#arena.bytes.subarray(at, at + size).fill(0);
    return { bytes, address: this.#arenaAddress + BigInt(at) };
  }

  /** @returns The errno's name. */
  #send(
    fd: number,
    { name, errno: expected, isGuessed }: IoctlStep,
    { arg, array }: Call,
  ): string | undefined {
    const end = Date.now() + this.#options.timeoutMs;
    const waitsFor = expected === undefined ? (NOT_YET[name] ?? []) : [];
    const question = arg.slice();
    const elements = array?.slice();
    for (;;) {
      try {
        ioctl(fd, IOCTLS[name as keyof typeof IOCTLS].number, arg);
        return undefined;
      } catch (error) {
        if (!isSystemError(error)) throw error;
        const isOther =
          isGuessed && name === "VIDIOC_ENUM_FMT" && expected === undefined && question[3] === 0;
        // The answer does not tell that the question had this flag.
        if (isOther && error.code === "EINVAL") question[3] = ENUM_ALL;
        else if (!waitsFor.includes(error.code) || Date.now() >= end) return error.code;
      }
      Atomics.wait(sleeper, 0, 0, WAIT_MS);
      arg.set(question);
      if (elements !== undefined) array?.set(elements);
    }
  }

  /** An answer may bring a descriptor. */
  #learn({ name, given, process: client }: IoctlStep, arg: Uint8Array): void {
    const at = name === "MEDIA_IOC_REQUEST_ALLOC" ? 0 : name === "VIDIOC_EXPBUF" ? 16 : undefined;
    if (at === undefined) return;
    const ours = new DataView(arg.buffer, arg.byteOffset).getInt32(at, true);
    this.#owned.add(ours);
    if (given.arg.byteLength < at + 4) return;
    const theirs = new DataView(given.arg.buffer, given.arg.byteOffset).getInt32(at, true);
    const key = `${client}:${theirs}`;
    const before = this.#fds.get(key);
    // The client closed it, or its number would not have come again.
    if (before !== undefined && this.#owned.delete(before)) closeSync(before);
    this.#fds.set(key, ours);
  }
}

interface Call {
  readonly arg: Uint8Array;
  readonly array: Uint8Array | undefined;
  payloads(): ReadonlyMap<number, Uint8Array>;
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Are there pointers in it? A media topology has them as numbers. */
function hasPointers(struct: string): boolean {
  const layout = layouts.find(struct);
  if (layout === undefined) return true;
  return layout.fields.some(
    ({ type, name }) =>
      type === "ptr" ||
      name.startsWith("ptr_") ||
      (layouts.find(type) !== undefined && type !== "v4l2_format.fmt" && hasPointers(type)),
  );
}

/** Where a memfd of ours is mapped. */
function addressOf(name: string): bigint {
  const line = readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .find((text) => text.includes(`/memfd:${name}`));
  const start = /^([0-9a-f]+)-/.exec(line ?? "")?.[1];
  if (start === undefined) throw new Error("the memory for pointers is not mapped");
  return BigInt(`0x${start}`);
}
