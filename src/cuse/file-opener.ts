/**
 * Opens files of the file system that this thread serves, on a thread of its own ({@link startOpener} says why).
 */
import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import { Channel, receiveFd, startOpener, type OwnedFd } from "../native.js";

/** Opens files by name in one directory. */
export interface Opener {
  /**
   * @param flags - As for `open(2)`; the descriptor is close-on-exec.
   * @returns The descriptor. The opener keeps none.
   * @throws With `code`: what `open(2)` fails with; ECANCELED after {@link close}.
   */
  open(name: string, flags: number): Promise<OpenedFile>;
  close(): void;
}

export interface OpenedFile {
  /** -1 once closed. */
  readonly fd: number;
  close(): void;
}

interface Waiting {
  resolve(file: OwnedFd): void;
  reject(error: Error): void;
}

const ANSWER_BYTES = 8;

export class FileOpener implements Opener {
  readonly #channel: Channel;
  readonly #files: OwnedFd;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  /** @throws With `code`: the thread does not start. */
  constructor(directoryFd: number) {
    const { orders, files } = startOpener(directoryFd);
    this.#files = files;
    this.#channel = new Channel(orders.fd, ANSWER_BYTES, {
      onMessage: (message) => this.#onAnswer(message),
      onClose: () => this.close(),
    });
    orders.close(); // The channel has a duplicate.
    this.#channel.unref();
  }

  open(name: string, flags: number): Promise<OwnedFd> {
    this.#lastId = (this.#lastId + 1) >>> 0;
    const id = this.#lastId;
    const head = new Uint8Array(Uint32Array.of(id, flags).buffer);
    return new Promise((resolve, reject) => {
      this.#channel.write(head, new TextEncoder().encode(`${name}\0`));
      this.#waiting.set(id, { resolve, reject });
    });
  }

  close(): void {
    this.#channel.close();
    this.#files.close();
    for (const waiting of this.#waiting.values()) waiting.reject(openFailure("ECANCELED"));
    this.#waiting.clear();
  }

  #onAnswer(message: Uint8Array): void {
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    const id = view.getUint32(0, true);
    const errno = view.getUint32(4, true);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    // One file for each success, whether anybody waits for it or not.
    const file = errno === 0 ? receiveFd(this.#files.fd) : undefined;
    if (waiting === undefined) file?.close();
    else if (file === undefined) waiting.reject(openFailure(getSystemErrorName(-errno)));
    else waiting.resolve(file);
  }
}

const numbers: Partial<Record<string, number>> = constants.errno;

/** The error that `fs.open` leaves, but with a positive `errno` as native.ts has it. */
function openFailure(code: string): Error {
  return Object.assign(new Error(`openat: ${code}`), { code, errno: numbers[code] ?? 0, syscall: "openat" });
}
