/**
 * A device's open file that other files lead to as well: the device node's own, and anonymous files that took its
 * place in a client. To the device they are one file, which is released when the last of them is.
 */
import type {
  CharDevice,
  FsyncRequest,
  IoctlRequest,
  OpenFile,
  PollRequest,
  ReadRequest,
  WriteRequest,
} from "./char-device.js";
import { CharDeviceError } from "./errors.js";
import { ALWAYS_READY, POLLERR, POLLHUP } from "../linux.js";
import type { OpenFileHandle } from "./open-file-handle.js";

/** The device behind those other files; what it calls a file is the file's own handle. */
export class SharedFile<File = unknown> implements CharDevice<OpenFile> {
  readonly #device: CharDevice<File>;
  readonly #file: File;
  readonly #handle: OpenFileHandle;
  readonly #onEnd: () => void;
  /** Files that lead here, the device node's included. */
  #users = 1;
  #isOver = false;

  /** @param onEnd - Called once, when the file is released. */
  constructor(device: CharDevice<File>, file: File, handle: OpenFileHandle, onEnd: () => void) {
    this.#device = device;
    this.#file = file;
    this.#handle = handle;
    this.#onEnd = onEnd;
  }

  /** What the device knows the file by. */
  get id(): bigint {
    return this.#handle.id;
  }

  /** False once the device was told that the file is released. */
  get isOpen(): boolean {
    return !this.#isOver;
  }

  /**
   * One more file leads here, until it is released: to be given to {@link FuseSession.create} as `open`.
   * @throws {CharDeviceError} ENODEV - the file is released already.
   */
  readonly attach = (file: OpenFile): OpenFile => {
    this.#requireOpen();
    this.#users += 1;
    this.#handle.follow(file);
    return file;
  };

  /** @internal The device node's own file is closed. */
  detachNode(): void {
    this.#drop();
  }

  /** @internal The device is gone: whoever still has a file gets ENODEV. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd();
    try {
      this.#device.release(this.#file);
    } finally {
      this.#handle.notifyPoll();
    }
  }

  #drop(): void {
    this.#users -= 1;
    if (this.#users === 0) this.end();
  }

  #requireOpen(): void {
    if (this.#isOver) throw new CharDeviceError("ENODEV", "the device behind this file is gone");
  }

  // ---- The other files

  open(): never {
    throw new CharDeviceError("EACCES", "files are attached, not opened");
  }

  release(file: OpenFile): void {
    this.#handle.unfollow(file);
    this.#drop();
  }

  ioctl(_file: OpenFile, request: IoctlRequest): number | Promise<number> {
    this.#requireOpen();
    return this.#device.ioctl(this.#file, request);
  }

  poll(_file: OpenFile, request: PollRequest): number {
    if (this.#isOver) return POLLERR | POLLHUP;
    return this.#device.poll?.(this.#file, request) ?? ALWAYS_READY;
  }

  read(_file: OpenFile, request: ReadRequest): Uint8Array | Promise<Uint8Array> {
    this.#requireOpen();
    if (this.#device.read === undefined) throw new CharDeviceError("EINVAL", "the file cannot be read");
    return this.#device.read(this.#file, request);
  }

  write(_file: OpenFile, request: WriteRequest): number | Promise<number> {
    this.#requireOpen();
    if (this.#device.write === undefined) throw new CharDeviceError("EINVAL", "the file cannot be written");
    return this.#device.write(this.#file, request);
  }

  fsync(_file: OpenFile, request: FsyncRequest): void | Promise<void> {
    this.#requireOpen();
    if (this.#device.fsync === undefined) throw new CharDeviceError("EINVAL", "nothing to write back");
    return this.#device.fsync(this.#file, request);
  }
}
