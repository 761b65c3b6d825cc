/**
 * Dumps of bitstream buffers, as the original keeps them in debugfs: one per job, named after the sequence number of
 * its OUTPUT buffer, shared by all open files.
 */

export interface BitstreamDump {
  /** `bitstream<sequence>`. */
  readonly name: string;
  readonly sequence: number;
  /** A copy; the client may reuse its buffer. */
  readonly bytes: Uint8Array;
}

/** More is not kept: the original would take memory until the machine has none. */
const MAX_BYTES = 1024 ** 3;

export class BitstreamStore {
  readonly #dumps = new Map<string, BitstreamDump>();
  #bytes = 0;

  /** In the order in which they were made. */
  get dumps(): Iterable<BitstreamDump> {
    return this.#dumps.values();
  }

  get count(): number {
    return this.#dumps.size;
  }

  /** All dumps together. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  find(name: string): BitstreamDump | undefined {
    return this.#dumps.get(name);
  }

  /**
   * Keeps a copy of `payload`.
   * @returns Why not, if it was not kept: a dump of that sequence number is there already (another file's, or an
   * earlier stream's), as debugfs has no two files of one name; or there is no room.
   */
  add(sequence: number, payload: Uint8Array): string | undefined {
    const name = `bitstream${sequence}`;
    if (this.#dumps.has(name)) return `${name} exists already`;
    if (this.#bytes + payload.length > MAX_BYTES) return "the dumps take 1 GiB already";
    this.#dumps.set(name, { name, sequence, bytes: payload.slice() });
    this.#bytes += payload.length;
    return undefined;
  }

  clear(): void {
    this.#dumps.clear();
    this.#bytes = 0;
  }
}
