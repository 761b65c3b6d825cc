/**
 * The newest events, in memory that threads share: one thread records into it, others read. The writer never waits for a
 * reader and does not know of any; a reader that is too slow loses what was overwritten, and learns how much that was.
 *
 * The memory is a head and slots. Chunk n, counted from 0, is in slot n modulo the number of slots, and begins with the
 * record that takes all names back, so that it can be read without those before it. A reader copies bytes, then looks
 * whether the slot still had the same chunk.
 */
import type { RecordedEvent } from "../v4l2/index.js";
import { Chunk, CHUNK_BYTES, type Chunks } from "./chunks.js";
import { RecordEncoder } from "./encoder.js";
import { NAME_KIND } from "./format.js";

/** 8 MiB: ten seconds of 3000 events each, or so. */
const SLOTS = 16;
/** A new chunk begins when the current one has less room: no record is torn, and those that are larger are dropped. */
const MARGIN_BYTES = 64 * 1024;

/** Words of the head: the number of the newest chunk; then for each slot its chunk, bytes used, and events before it. */
const NEWEST = 0;
const FIRST_SLOT = 4;
const SLOT_WORDS = 4;
const CHUNK_WORD = 0;
const USED_WORD = 1;
const BEFORE_WORD = 2;
const HEAD_BYTES = 4096;

const slotAt = (chunk: number): number => FIRST_SLOT + SLOT_WORDS * (chunk % SLOTS);
const memoryAt = (memory: SharedArrayBuffer, chunk: number): Buffer =>
  Buffer.from(memory, HEAD_BYTES + CHUNK_BYTES * (chunk % SLOTS), CHUNK_BYTES);

/** Records events into a ring. */
export class EventRing implements Chunks {
  readonly memory = new SharedArrayBuffer(HEAD_BYTES + SLOTS * CHUNK_BYTES);
  readonly #words = new Int32Array(this.memory, 0, HEAD_BYTES / 4);
  readonly #slots = Array.from({ length: SLOTS }, (_none, index) => new Chunk(memoryAt(this.memory, index)));
  readonly #encoder = new RecordEncoder(this);
  #current: Chunk | undefined;
  #number = -1;
  #events = 0;

  constructor() {
    this.#next();
  }

  /** Takes an event; never throws for it, and never waits. */
  readonly take = (event: RecordedEvent): void => {
    if ((this.#current?.used ?? 0) > CHUNK_BYTES - MARGIN_BYTES) this.#next();
    this.#encoder.encode(event);
    this.#events = (this.#events + 1) | 0;
    Atomics.store(this.#words, slotAt(this.#number) + USED_WORD, this.#current?.used ?? 0);
  };

  room(bytes: number): Chunk | undefined {
    const current = this.#current;
    return current !== undefined && current.used + bytes <= CHUNK_BYTES ? current : undefined;
  }

  #next(): void {
    const number = (this.#number += 1);
    const slot = slotAt(number);
    // Who reads the slot has to see this before the bytes change.
    Atomics.store(this.#words, slot + CHUNK_WORD, number);
    Atomics.store(this.#words, slot + USED_WORD, 0);
    Atomics.store(this.#words, slot + BEFORE_WORD, this.#events);
    const chunk = this.#slots[number % SLOTS];
    if (chunk !== undefined) chunk.used = 0;
    this.#current = chunk;
    this.#encoder.forgetNames();
    Atomics.store(this.#words, NEWEST, number);
  }
}

/** Where a reader is; {@link EventRingReader.oldest} makes one. */
export interface RingPlace {
  chunk: number;
  offset: number;
  /** Events of the chunk before the place. */
  events: number;
  /** Of the events before the chunk, all that were ever recorded (modulo 2^32). */
  before: number;
}

/** What a reader gets: whole records. */
export interface RingPiece {
  readonly bytes: Uint8Array;
  /** So many events before these are lost to this reader. */
  readonly lost: number;
}

/** Reads a ring; in any thread. */
export class EventRingReader {
  readonly #memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
    this.#words = new Int32Array(memory, 0, HEAD_BYTES / 4);
  }

  /** Where the oldest events are. */
  oldest(): RingPlace {
    // The slot after the newest one is the next that is overwritten.
    return this.#startOf(Math.max(0, Atomics.load(this.#words, NEWEST) - SLOTS + 2));
  }

  #startOf(chunk: number): RingPlace {
    return {
      chunk,
      offset: 0,
      events: 0,
      before: Atomics.load(this.#words, slotAt(chunk) + BEFORE_WORD),
    };
  }

  /**
   * The records from `place` on, of one chunk at the most, and moves the place behind them.
   * @param most - More bytes are not wanted, unless the first record alone has more.
   */
  read(place: RingPlace, most: number): RingPiece {
    let lost = 0;
    // Each turn is of a later chunk. A reader that loses again and again takes what it can get the next time.
    for (let turn = 0; turn < SLOTS; turn++) {
      const slot = slotAt(place.chunk);
      const used = Atomics.load(this.#words, slot + USED_WORD);
      const newest = Atomics.load(this.#words, NEWEST);
      const { bytes, events } = wholeRecords(memoryAt(this.#memory, place.chunk), place.offset, used, most);
      if (Atomics.load(this.#words, slot + CHUNK_WORD) !== place.chunk) {
        const next = this.#startOf(newest);
        lost += (next.before - (place.before + place.events)) >>> 0;
        Object.assign(place, next);
        continue;
      }
      if (bytes.byteLength > 0 || place.chunk >= newest) {
        place.offset += bytes.byteLength;
        place.events += events;
        return { bytes, lost };
      }
      Object.assign(place, this.#startOf(place.chunk + 1));
    }
    return { bytes: new Uint8Array(0), lost };
  }

  /** All records that are there, of chunk after chunk. */
  *pieces(): Generator<Uint8Array, void, undefined> {
    const place = this.oldest();
    const last = Atomics.load(this.#words, NEWEST) + 1;
    for (;;) {
      const { bytes } = this.read(place, CHUNK_BYTES);
      if (bytes.byteLength === 0 || place.chunk > last) return;
      yield bytes;
    }
  }
}

/** Copies whole records from `start` on. */
function wholeRecords(
  chunk: Buffer,
  start: number,
  used: number,
  most: number,
): { readonly bytes: Uint8Array; readonly events: number } {
  let end = start;
  let events = 0;
  while (end + 8 <= used) {
    const size = chunk.readUInt32LE(end);
    if (size < 8 || end + size > used || (end > start && end + size - start > most)) break;
    if (chunk.readUInt16LE(end + 4) !== NAME_KIND) events += 1;
    end += size;
  }
  return { bytes: Uint8Array.prototype.slice.call(chunk, start, end), events };
}
