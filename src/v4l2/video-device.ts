/**
 * A device as its driver declares it, and what the core keeps for it: open files, priorities, which ioctls are
 * valid, the stream of trace events. Knows nothing of how calls arrive: src/serve brings them.
 */
import { ALWAYS_READY } from "../linux.js";
import { attempt, isLater, settle, unchanged } from "../settle.js";
import type { Call, Client } from "./call.js";
import type { Device, DeviceIdentity, IoctlName } from "./device.js";
import { DeviceOfFile } from "./device-of-file.js";
import type { Role } from "./device-of-file.js";
import { contradictionIn } from "./device-check.js";
import { DeviceTraits, directionOf, typeOf } from "./device-traits.js";
import type { DeviceDirection, DeviceType } from "./device-traits.js";
import { DriverBugs, messageOf } from "./driver-bugs.js";
import type { DriverBug } from "./driver-bugs.js";
import { DEFAULT_PATIENCE_MS, DriverTasks, watchPromise } from "./driver-tasks.js";
import { dispatch } from "./ioctl/dispatch.js";
import { V4l2Error, withoutStack } from "./error.js";
import { EventQueue } from "./events.js";
import { FileHandle } from "./file-handle.js";
import { IOCTLS, VIDIOC_DQBUF, VIDIOC_DQEVENT } from "./gen/index.js";
import { ioctlName, ioctlsOf } from "./ioctl/ioctl-table.js";
import type { ControlOps, FileOps, IoctlOps } from "./ops.js";
import { Priorities } from "./priorities.js";
import type { RequestResolver } from "./media-request.js";
import { TraceStream, traceTimes } from "./trace/trace.js";
import type { MessageDetails } from "./trace/trace.js";
import { tracedIoctl } from "./ioctl/traced-ioctl.js";
import { fileEvent, traced } from "./trace/traced.js";
import type { FileOperation } from "./trace/traced.js";
import { Poll } from "./values/types.js";
import type { Awaitable, MmapReply, MmapRequest } from "./values/types.js";
import type { WatchedQueue } from "./watched-queue.js";

/** What a driver declares. */
export interface VideoDeviceOptions<State> extends DeviceIdentity {
  /** Kind of node; what `deviceCaps` imply unless given. */
  readonly type?: DeviceType;
  /** What `deviceCaps` imply unless given. */
  readonly direction?: DeviceDirection;
  /** Ioctls that answer ENOTTY although there is an op (`v4l2_disable_ioctl`). */
  readonly disabled?: readonly IoctlName[];
  readonly ops: IoctlOps<FileHandle<State>>;
  readonly fileOps?: FileOps<FileHandle<State>>;
  /** Controls of the device; a file may have its own instead. */
  readonly controls?: ControlOps;
  /**
   * Capabilities that a file's client is shown, and that its calls are judged by: a part of `deviceCaps`. For nodes with
   * several roles, asked with every call. Left out: all.
   */
  capsOf?(file: FileHandle<State>): number;
  /** For requests, the media device's. */
  readonly requests?: RequestResolver;
  /**
   * An op or a task whose promise takes longer is reported, ms; the call goes on. Default 10,000; 0: never. DQBUF,
   * DQEVENT, `read()`, `write()` and private ioctls may wait as long as they like.
   */
  readonly patienceMs?: number;
  /**
   * A file was opened. What it returns is `file.state`; it may also set `file.controls`.
   * @throws {V4l2Error} Refuses the open.
   */
  open(file: FileHandle<State>): State;
  /** The last descriptor of a file was closed: stop its streaming, free its buffers. */
  release?(file: FileHandle<State>): void;
}

/** Who opens a file, and how. */
export interface OpenOptions {
  readonly id: bigint;
  readonly client: Client;
  readonly flags: number;
  notifyPoll(): void;
}

/** Ioctls that the core makes of another: they go with it (v4l2-dev.c, determine_valid_ioctls). */
const madeOf: Partial<Record<IoctlName, readonly IoctlName[]>> = {
  VIDIOC_G_SELECTION: ["VIDIOC_G_CROP", "VIDIOC_CROPCAP"],
  VIDIOC_S_SELECTION: ["VIDIOC_S_CROP"],
};

/** A device: what its driver declared, its open files, and the calls on them. `startVideoDevice` makes its node. */
export class VideoDevice<State = unknown> implements Device<FileHandle<State>> {
  readonly options: VideoDeviceOptions<State>;
  readonly ops: IoctlOps<FileHandle<State>>;
  readonly fileOps: FileOps<FileHandle<State>>;
  readonly traits: DeviceTraits;
  readonly priorities = new Priorities();
  readonly trace: TraceStream;
  readonly patienceMs: number;
  /**
   * The driver's own timers and promises; they end when the device is gone. What belongs to a stream is in
   * `VideoQueue.tasks`, to a job in `job.tasks`.
   */
  readonly tasks: DriverTasks;
  /** Its buffer queues, for whoever watches it; queues enter and leave by themselves. */
  readonly queues = new Set<WatchedQueue>();
  readonly #bugs: DriverBugs;
  #registered = true;

  readonly #files = new Set<FileHandle<State>>();
  /** By the capabilities that files are shown: all of the device's, unless `capsOf` says otherwise. */
  readonly #roles = new Map<number, Role>();
  readonly #whole: Role;

  constructor(options: VideoDeviceOptions<State>) {
    this.options = options;
    this.patienceMs = options.patienceMs ?? DEFAULT_PATIENCE_MS;
    // Of several nodes in this process one tells of the event loop, which they share.
    this.trace = new TraceStream(options.subdev === undefined ? options.name : undefined);
    this.#bugs = new DriverBugs(options, this.trace);
    const where = "a task of the device";
    this.tasks = new DriverTasks({
      patienceMs: this.patienceMs,
      failed: (error) => this.reportBug({ where, error }),
      late: (error) => this.reportBug({ where, error }),
    });
    this.ops = options.ops;
    this.fileOps = options.fileOps ?? {};
    this.#whole = this.#role(options.deviceCaps);
    this.traits = this.#whole.traits;
  }

  /** What a device with these capabilities is. */
  #role(deviceCaps: number): Role {
    const known = this.#roles.get(deviceCaps);
    if (known !== undefined) return known;
    const { options } = this;
    const { type = typeOf(deviceCaps), direction = directionOf(deviceCaps) } = options;
    const traits = new DeviceTraits(type, direction, deviceCaps, this.ops, options.controls !== undefined);
    const disabled = new Set(options.disabled?.flatMap((name) => [name, ...(madeOf[name] ?? [])]));
    const valid = new Uint8Array(256);
    for (const definition of ioctlsOf(traits).all) {
      valid[definition.nr] = definition.valid(traits) && !disabled.has(definition.name) ? 1 : 0;
    }
    const role = { identity: { ...options, deviceCaps }, traits, valid };
    this.#roles.set(deviceCaps, role);
    return role;
  }

  /** The device as the file sees it. */
  #seenBy(file: () => FileHandle<State>): Device<FileHandle<State>> {
    const { options } = this;
    if (options.capsOf === undefined) return this;
    return new DeviceOfFile(this, () =>
      this.#role(options.deviceCaps & (options.capsOf?.(file()) ?? options.deviceCaps)),
    );
  }

  /** What contradicts itself in the declaration, in one sentence; no node is made then. */
  get contradiction(): string | undefined {
    const { type, deviceCaps } = this.traits;
    return contradictionIn({ type, deviceCaps, ops: this.ops });
  }

  get name(): string {
    return this.options.name;
  }

  get identity(): DeviceIdentity {
    return this.options;
  }

  /** False once the device is unplugged: calls answer ENODEV. */
  get registered(): boolean {
    return this.#registered;
  }

  get controls(): ControlOps | undefined {
    return this.options.controls;
  }

  get files(): Iterable<FileHandle<State>> {
    return this.#files;
  }

  /** Is the file open? */
  hasFile(file: FileHandle<State>): boolean {
    return this.#files.has(file);
  }

  get openCount(): number {
    return this.#files.size;
  }

  /** Is the ioctl valid for this device (not counting controls that only a file has)? */
  accepts(name: IoctlName): boolean {
    const { number, nr } = IOCTLS[name];
    return ioctlsOf(this.traits).find(number) !== undefined && this.acceptsNr(nr);
  }

  /** The same by the number of the ioctl, 0 to 255. */
  acceptsNr(nr: number): boolean {
    return this.#whole.valid[nr] === 1;
  }

  /** @throws {V4l2Error} ENODEV, or what the driver's open hook refuses with. */
  open(request: OpenOptions): FileHandle<State> {
    const { id: file, client, flags: size } = request;
    return this.#traced({ action: "open", file, client, size }, () => this.#open(request));
  }

  #open(request: OpenOptions): FileHandle<State> {
    this.#requireRegistered();
    const { id, client, flags } = request;
    const file: FileHandle<State> = new FileHandle<State>({
      device: this.#seenBy(() => file),
      id,
      client,
      flags,
      notifyPoll: () => {
        if (this.trace.active) this.#tellWait("wake", id);
        request.notifyPoll();
      },
    });
    file.controls = this.options.controls;
    if (this.ops.subscribeEvent !== undefined) file.events = new EventQueue(file);
    try {
      file.setState(this.options.open(file));
    } catch (error) {
      file.events?.close();
      throw this.#refusal(error, "open", client);
    }
    this.#files.add(file);
    this.priorities.open(file);
    return file;
  }

  /** The last descriptor of a file was closed. Harmless when repeated. */
  release(file: FileHandle<State>): void {
    if (!this.#files.delete(file)) return;
    const { id, client } = file;
    this.#traced({ action: "release", file: id, client, size: 0 }, () => {
      this.priorities.close(file);
      try {
        this.options.release?.(file);
      } catch (error) {
        this.reportBug({ where: "release", client, error });
      } finally {
        file.backing?.close();
        file.events?.close();
      }
    });
  }

  /** @throws {V4l2Error} What the client gets as errno; its `copyOut` tells whether the argument goes back. */
  ioctl(file: FileHandle<State>, cmd: number, arg: Uint8Array, call: Call): Awaitable<number> {
    try {
      const answer = this.trace.active ? tracedIoctl(file, cmd, arg, call) : dispatch(file, cmd, arg, call);
      return isLater(answer) ? this.#answeredLater(answer, cmd, call) : answer;
    } catch (error) {
      throw this.#refusal(error, cmd, call.client);
    }
  }

  #answeredLater(answer: Promise<number>, cmd: number, call: Call): Promise<number> {
    if (cmd !== VIDIOC_DQBUF && cmd !== VIDIOC_DQEVENT && ioctlsOf(this.traits).find(cmd) !== undefined) {
      watchPromise(answer, this.patienceMs, () => {
        const error = withoutStack(() => new Error(`its promise has been pending for ${this.patienceMs} ms`));
        this.reportBug({ where: ioctlName(cmd), client: call.client, error, outcome: "the client waits" });
      });
    }
    return answer.catch((error: unknown) => {
      throw this.#refusal(error, cmd, call.client);
    });
  }

  /** Tells the operator of a mistake of the driver. For what the framework does not see: a callback of a library, say. */
  reportBug(bug: DriverBug): void {
    this.#bugs.report(bug);
  }

  /** A refusal is what it is; anything else is reported, and EIO for the client. @param of - An ioctl's number, or a name. */
  #refusal(error: unknown, of: number | string, client: Client): V4l2Error {
    if (error instanceof V4l2Error) return error;
    const where = typeof of === "string" ? of : ioctlName(of);
    this.reportBug({ where, client, error, outcome: "the client got EIO" });
    return new V4l2Error("EIO", `a mistake of the driver: ${messageOf(error)}`);
  }

  /** @throws {V4l2Error} EINVAL - the device does no `read()`. */
  read(
    file: FileHandle<State>,
    request: { readonly size: number; readonly offset: bigint },
    call: Call,
  ): Awaitable<Uint8Array> {
    if (this.fileOps.read === undefined) throw new V4l2Error("EINVAL", "the device cannot be read");
    this.#requireRegistered();
    return this.#traced(
      { action: "read", file: file.id, client: call.client, size: request.size },
      () =>
        this.#careful<Uint8Array>(
          "read()",
          call,
          () => this.fileOps.read?.(file, request, call) ?? new Uint8Array(0),
          (bytes) => bytes instanceof Uint8Array && bytes.byteLength <= request.size,
        ),
      (bytes) => bytes.byteLength,
    );
  }

  /** @throws {V4l2Error} EINVAL - the device does no `write()`. */
  write(
    file: FileHandle<State>,
    request: { readonly data: Uint8Array; readonly offset: bigint },
    call: Call,
  ): Awaitable<number> {
    if (this.fileOps.write === undefined) throw new V4l2Error("EINVAL", "the device cannot be written");
    this.#requireRegistered();
    return this.#traced(
      { action: "write", file: file.id, client: call.client, size: request.data.byteLength },
      () =>
        this.#careful<number>(
          "write()",
          call,
          () => this.fileOps.write?.(file, request, call) ?? 0,
          (count) => Number.isInteger(count) && count >= 0 && count <= request.data.byteLength,
        ),
      (count) => count,
    );
  }

  /** `Poll` bits that are true now; waiting events are `Pri`. */
  poll(file: FileHandle<State>, events: number): number {
    if (!this.#registered) return Poll.Err | Poll.Hup | Poll.Pri;
    const ready = this.#askPoll(file, events);
    const bits = (file.events?.pending ?? 0) > 0 ? ready | Poll.Pri : ready;
    if (this.trace.active && (bits & (events | Poll.Err | Poll.Hup)) === 0) this.#tellWait("poll", file.id);
    return bits;
  }

  /** Somebody who polls is told to look again, or will wait. */
  #tellWait(action: "poll" | "wake", file: bigint): void {
    this.trace.emit({
      kind: "wait",
      ...traceTimes(),
      device: this.name,
      action,
      name: "poll",
      file,
      pid: undefined,
      comm: undefined,
    });
  }

  #askPoll(file: FileHandle<State>, events: number): number {
    try {
      return this.fileOps.poll?.(file, events) ?? this.#idle;
    } catch (error) {
      const outcome = "the client got EPOLLERR";
      if (!(error instanceof V4l2Error))
        this.reportBug({ where: "poll()", client: file.client, error, outcome });
      return Poll.Err;
    }
  }

  /**
   * Runs an op of a file; what it throws besides refusals is reported.
   * @param isRight - Is the answer what the op's type says?
   */
  #careful<Result>(
    name: string,
    { client }: Call,
    run: () => Awaitable<Result>,
    isRight: (result: Result) => boolean,
  ): Awaitable<Result> {
    const checked = (result: Result): Result => {
      if (isRight(result)) return result;
      throw new TypeError(`the op answered with ${describeWrong(result)}`);
    };
    return attempt<Result, Result>(
      () => settle(run(), checked),
      unchanged,
      (error) => {
        throw this.#refusal(error, name, client);
      },
    );
  }

  /** @throws {V4l2Error} ENODEV - nothing to map; EINVAL - no buffer has that offset. */
  mmap(file: FileHandle<State>, request: MmapRequest, call: Call): Awaitable<MmapReply> {
    if (this.fileOps.mmap === undefined) throw new V4l2Error("ENODEV", "the device has no memory to map");
    this.#requireRegistered();
    return this.#traced(
      { action: "mmap", file: file.id, client: call.client, size: Number(request.length) },
      () =>
        this.#careful<MmapReply>(
          "mmap()",
          call,
          () => {
            const reply = this.fileOps.mmap?.(file, request, call);
            if (reply === undefined) throw new V4l2Error("ENODEV", "the device has no memory to map");
            return reply;
          },
          ({ fd, fdOffset }) => Number.isInteger(fd) && typeof fdOffset === "bigint",
        ),
      () => 0,
    );
  }

  /** What a device without a poll op is ready for. A sub-device's descriptor tells events and nothing else (subdev_poll). */
  get #idle(): number {
    if (!this.traits.isSubdev) return ALWAYS_READY;
    return this.ops.subscribeEvent === undefined ? Poll.Err : 0;
  }

  /** The device is gone: every call answers ENODEV, pollers wake. */
  unregister(): void {
    if (!this.#registered) return;
    this.#registered = false;
    this.tasks.end();
    for (const file of this.#files) file.notifyPoll();
  }

  /** A sentence for the operator. @param details - The same in parts, for programs. */
  message(level: "info" | "warning" | "error", text: string, details?: MessageDetails): void {
    const event = { kind: "message", ...traceTimes(), device: this.name, level, text } as const;
    this.trace.message(details === undefined ? event : { ...event, details });
  }

  #requireRegistered(): void {
    if (!this.#registered) throw new V4l2Error("ENODEV", "the device is gone");
  }

  /** Runs a file operation and reports it, if anybody listens. Comes back at once if the operation does. */
  #traced<Result>(
    operation: Omit<FileOperation, "device">,
    run: () => Result,
    measure: (result: Awaited<Result>) => number = () => 0,
  ): Result {
    const whole = { ...operation, device: this.name };
    // What `run` returns, or a promise of the same if it is one.
    return traced(this.trace, {
      ...whole,
      name: operation.action,
      run: run as () => Awaitable<Awaited<Result>>,
      ended: (outcome) => {
        const { result } = outcome;
        this.trace.emit(fileEvent(whole, { ...outcome, result: result === undefined ? 0 : measure(result) }));
      },
    }) as Result;
  }
}

/** What a driver answered instead of what it should have, in a few words. */
function describeWrong(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  return typeof value === "number" ? String(value) : `a value of type ${typeof value}`;
}
