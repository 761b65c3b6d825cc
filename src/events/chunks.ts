/**
 * Memory that is filled on the hot path and written in the background, in order. It is bounded: when the disk is slower
 * than the events, there is no room until something is written.
 */
import type { RecordSink } from "./sinks.js";

/** Large enough for the largest record. */
export const CHUNK_BYTES = 512 * 1024;
/** 16 MiB: what comes in while a disk pauses for a moment. */
const MAX_WAITING_BYTES = 16 << 20;
/** What was recorded is in the file after this, whatever comes: a recording of a driver that is killed lacks no more. */
const FLUSH_MS = 250;

export interface ChunkOptions {
  /** Events wait in so much memory at the most. Default: 16 MiB; at least two chunks. */
  readonly maxWaitingBytes?: number | undefined;
  /** What comes in is written after so long at the latest. Default: 250. */
  readonly flushMs?: number | undefined;
}

/** A piece of memory. */
export class Chunk {
  readonly bytes: Buffer;
  readonly view: DataView;
  used = 0;

  /** @param bytes - {@link CHUNK_BYTES} of them. */
  constructor(bytes: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, CHUNK_BYTES);
  }
}

/** Where records are put. */
export interface Chunks {
  /** A chunk with so much room; undefined: there is none now. */
  room(bytes: number): Chunk | undefined;
}

export class ChunkWriter implements Chunks {
  readonly #sink: RecordSink;
  readonly #failed: (error: Error) => void;
  readonly #maxChunks: number;
  readonly #free: Chunk[] = [];
  #made = 0;
  #full: Chunk[] = [];
  #writing: readonly Chunk[] = [];
  #hasFailed = false;
  #current: Chunk | undefined;
  readonly #timer: NodeJS.Timeout;
  #idle: (() => void) | undefined;

  /** @param failed - Called once, with what the sink said; all that comes after is lost. */
  constructor(
    sink: RecordSink,
    failed: (error: Error) => void,
    { maxWaitingBytes = MAX_WAITING_BYTES, flushMs = FLUSH_MS }: ChunkOptions = {},
  ) {
    this.#sink = sink;
    this.#failed = failed;
    this.#maxChunks = Math.max(2, Math.floor(maxWaitingBytes / CHUNK_BYTES));
    this.#timer = setInterval(() => {
      if (this.#writing.length === 0) this.flush();
    }, flushMs).unref();
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** A chunk with so much room; undefined: there is none now. */
  room(bytes: number): Chunk | undefined {
    const current = this.#current;
    if (current !== undefined && current.used + bytes <= CHUNK_BYTES) return current;
    if (this.#hasFailed || bytes > CHUNK_BYTES) return undefined;
    this.flush();
    const next = this.#free.pop() ?? this.#make();
    if (next !== undefined) next.used = 0;
    return (this.#current = next);
  }

  #make(): Chunk | undefined {
    if (this.#made === this.#maxChunks) return undefined;
    this.#made += 1;
    return new Chunk();
  }

  /** Begins to write what there is. */
  flush(): void {
    const current = this.#current;
    if (current !== undefined && current.used > 0) {
      this.#full.push(current);
      this.#current = undefined;
    }
    this.#writeNext();
  }

  #writeNext(): void {
    if (this.#writing.length > 0) return;
    if (this.#full.length === 0) {
      this.#idle?.();
      return;
    }
    this.#writing = this.#full;
    this.#full = [];
    this.#sink.write(
      this.#writing.map(({ bytes, used }) => bytes.subarray(0, used)),
      (error) => {
        if (this.#hasFailed) return;
        if (error !== undefined) {
          this.#fail(error);
          return;
        }
        this.#free.push(...this.#writing);
        this.#writing = [];
        this.#writeNext();
      },
    );
  }

  #fail(error: Error): void {
    this.#hasFailed = true;
    this.#writing = [];
    this.#full = [];
    this.#current = undefined;
    this.#failed(error);
    this.#idle?.();
  }

  /** Writes no more by itself. */
  end(): void {
    clearInterval(this.#timer);
  }

  /** Writes what there is. @returns false: it was not written in time. */
  async settled(limitMs: number): Promise<boolean> {
    this.flush();
    if (this.#writing.length === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => {
        resolve(false);
      }, limitMs);
    });
    const done = new Promise<boolean>((resolve) => {
      this.#idle = () => {
        resolve(true);
      };
    });
    const isDone = await Promise.race([done, late]);
    this.#idle = undefined;
    clearTimeout(timer);
    return isDone;
  }
}
