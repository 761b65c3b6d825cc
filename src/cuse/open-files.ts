/**
 * The open files of a device, by the number (`fh`) that OPEN gave to the kernel.
 *
 * The table belongs to the device, not to a channel: messages of several channels may name the same file.
 */
import { OpenFileHandle } from "./open-file-handle.js";
import type { SharedFile } from "./shared-file.js";

/** One row: the session's side and the device's. */
export interface OpenFileRecord<File> {
  readonly handle: OpenFileHandle;
  readonly file: File;
  /** Other files lead to it, too: it is released with the last of them. */
  shared?: SharedFile<File>;
}

export class OpenFileTable<File> implements Iterable<OpenFileRecord<File>> {
  readonly #records = new Map<number, OpenFileRecord<File>>();
  /** What was asked for last: who calls mostly calls again. */
  #last: OpenFileRecord<File> | undefined;
  #lastFh = 0;
  #closed = 0;

  /** A new handle. It is not in the table before {@link add}: the device may refuse the file. */
  allocate(flags: number, openerTid: number): OpenFileHandle {
    this.#lastFh += 1;
    return new OpenFileHandle(this.#lastFh, flags, openerTid, this.#closed);
  }

  add(handle: OpenFileHandle, file: File): OpenFileRecord<File> {
    const record = { handle, file };
    this.#records.set(handle.fh, record);
    return record;
  }

  get(fh: number): OpenFileRecord<File> | undefined {
    const last = this.#last;
    if (last !== undefined && last.handle.fh === fh) return last;
    return (this.#last = this.#records.get(fh));
  }

  /** Takes a file out: whoever gets it here releases it, nobody else does. */
  remove(fh: number): OpenFileRecord<File> | undefined {
    const record = this.#records.get(fh);
    if (record !== undefined) {
      this.#records.delete(fh);
      this.#last = undefined;
      this.#closed += 1;
      record.handle.forgetPollers();
    }
    return record;
  }

  get size(): number {
    return this.#records.size;
  }

  *[Symbol.iterator](): Iterator<OpenFileRecord<File>> {
    yield* this.#records.values();
  }

  *handles(): Iterable<OpenFileHandle> {
    for (const { handle } of this.#records.values()) yield handle;
  }
}
