/**
 * A character device that does a little of everything, for tests of src/cuse.
 *
 * read returns what was written (it waits while there is nothing), poll tells whether there is something.
 */
import {
  CharDeviceError,
  type CharDevice,
  type IoctlRequest,
  type OpenFile,
  type OpenRequest,
  type PendingCall,
  type PollRequest,
  type ReadRequest,
  type WriteRequest,
} from "../../../src/cuse/index.js";

const ioc = (direction: number, nr: number, size: number): number =>
  ((direction << 30) | (size << 16) | (0x45 << 8) | nr) >>> 0;

/** The device's ioctls, type 'E'. */
export const ECHO = {
  /** _IOWR, 8 bytes: reverses them; returns their number. */
  reverse: ioc(3, 1, 8),
  /** _IOR, 104 bytes: the shape of VIDIOC_QUERYCAP. */
  query: ioc(2, 2, 104),
  /** _IOW, 4 bytes: what `query` returns first. */
  store: ioc(1, 3, 4),
  /** _IOWR, 4 bytes: an errno. Refuses with it. */
  fail: ioc(3, 4, 4),
  /** The same, but the bytes are changed and copied back. */
  failCopyOut: ioc(3, 5, 4),
  /** _IO: throws what is not a CharDeviceError. */
  throw: ioc(0, 6, 0),
  /** _IOWR, 4 bytes: waits until something is written; EAGAIN on a non-blocking file. */
  wait: ioc(3, 7, 4),
  /** _IO: makes everything readable, without data: wakes pollers with POLLPRI. */
  urgent: ioc(0, 8, 0),
  /** _IO: waits for ever, and does not care about signals. */
  deaf: ioc(0, 9, 0),
  /** _IOR, 16383 bytes, counting. */
  large: ioc(2, 10, 16383),
  /** _IOWR, 4 bytes: adds one, after a turn of the event loop. */
  later: ioc(3, 11, 4),
} as const;

export const POLLIN = 0x001;
export const POLLPRI = 0x002;
export const POLLOUT = 0x004;

export interface EchoFile {
  readonly file: OpenFile;
}

export class EchoDevice implements CharDevice<EchoFile> {
  readonly events: string[] = [];
  readonly openFiles = new Set<EchoFile>();
  #data: Uint8Array = new Uint8Array();
  #urgent = false;
  #stored = 0;
  readonly #waiters = new Set<() => void>();

  get waiting(): number {
    return this.#waiters.size;
  }

  open(request: OpenRequest): EchoFile {
    const { tid, uid, gid } = request.caller;
    this.events.push(`open 0${request.flags.toString(8)} by ${tid} ${uid}:${gid}`);
    return this.add(request.file);
  }

  /** A file that nobody opened by name. */
  add(file: OpenFile): EchoFile {
    const added = { file };
    this.openFiles.add(added);
    return added;
  }

  release(file: EchoFile): void {
    this.events.push("release");
    this.openFiles.delete(file);
  }

  read(_file: EchoFile, request: ReadRequest): Uint8Array | Promise<Uint8Array> {
    if (this.#data.length > 0) return this.#take(request.size);
    return this.#wait(request).then(() => this.#take(request.size));
  }

  write(_file: EchoFile, { data, offset }: WriteRequest): number {
    this.events.push(`write ${data.length} at ${offset}`);
    this.put(data);
    return data.length;
  }

  poll(_file: EchoFile, _request: PollRequest): number {
    return POLLOUT | (this.#data.length > 0 ? POLLIN : 0) | (this.#urgent ? POLLPRI : 0);
  }

  get urgent(): boolean {
    return this.#urgent;
  }

  /** Wakes pollers with POLLPRI. */
  setUrgent(): void {
    this.#urgent = true;
    this.#notify();
  }

  ioctl(_file: EchoFile, request: IoctlRequest): number | Promise<number> {
    const { arg } = request;
    switch (request.cmd) {
      case ECHO.query:
        arg[0] = this.#stored;
        arg.fill(0x5a, 4);
        return 0;
      case ECHO.reverse:
        arg.reverse();
        return arg.length;
      case ECHO.store:
        this.#stored = arg[0] ?? 0;
        return 0;
      case ECHO.fail:
        arg.fill(0xff);
        throw new CharDeviceError("EBUSY", "as asked");
      case ECHO.failCopyOut:
        arg.fill(0xff);
        throw new CharDeviceError("ERANGE", "as asked", { copyOut: true });
      case ECHO.throw:
        throw new Error("a bug");
      case ECHO.wait:
        return this.#wait(request).then(() => {
          arg[0] = 0x77;
          return 3;
        });
      case ECHO.urgent:
        this.setUrgent();
        return 0;
      case ECHO.deaf:
        this.events.push("deaf");
        return new Promise(() => undefined);
      case ECHO.large:
        for (let index = 0; index < arg.length; index++) arg[index] = index;
        return 0;
      case ECHO.later:
        return new Promise((resolve) =>
          setImmediate(() => {
            arg[0] = ((arg[0] ?? 0) + 1) & 0xff;
            resolve(0);
          }),
        );
      default:
        throw new CharDeviceError("ENOTTY", `no ioctl 0x${request.cmd.toString(16)}`);
    }
  }

  /** Something to read. */
  put(data: Uint8Array): void {
    this.#data = Buffer.concat([this.#data, data]);
    for (const wake of [...this.#waiters]) wake();
    this.#notify();
  }

  #take(size: number): Uint8Array {
    const taken = this.#data.subarray(0, size);
    this.#data = this.#data.subarray(size);
    return taken;
  }

  #notify(): void {
    for (const { file } of this.openFiles) file.notifyPoll();
  }

  /** Until somebody writes. */
  #wait(request: PendingCall): Promise<void> {
    if (request.nonblocking()) return Promise.reject(new CharDeviceError("EAGAIN", "nothing there"));
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake);
        resolve();
      };
      this.#waiters.add(wake);
      request.onInterrupt(() => {
        this.events.push("interrupted");
        this.#waiters.delete(wake);
      });
    });
  }
}
