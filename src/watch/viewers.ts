/** Streams of events to pages. Each is a place in the ring and a socket; nothing is kept for a slow one. */
import type { ServerResponse } from "node:http";
import { encodeDropped, type EventRingReader, type RingPlace } from "../events/index.js";

/** Pages that are told events at once. */
export const MAX_VIEWERS = 16;
/** Twenty batches a second at the most. */
const TICK_MS = 60;
/** What waits in a viewer's socket before it is passed over; and one batch has no more. */
const MAX_WAITING = 1 << 20;
const MAX_BATCH = 1 << 20;
/** A viewer that takes nothing for so long has gone. */
const PATIENCE_MS = 30_000;

interface Viewer {
  readonly response: ServerResponse;
  readonly place: RingPlace;
  lastMs: number;
}

export class Viewers {
  readonly #ring: EventRingReader;
  readonly #head: Uint8Array;
  readonly #viewers = new Set<Viewer>();
  #timer: NodeJS.Timeout | undefined;

  /** @param head - Of a recording; each stream begins with it. */
  constructor(ring: EventRingReader, head: Uint8Array) {
    this.#ring = ring;
    this.#head = head;
  }

  get count(): number {
    return this.#viewers.size;
  }

  /** Sends a recording without end, from the oldest event that the ring has. Its headers are written. */
  add(response: ServerResponse): void {
    const viewer: Viewer = { response, place: this.#ring.oldest(), lastMs: Date.now() };
    this.#viewers.add(viewer);
    response.on("close", () => this.#remove(viewer));
    response.on("error", () => this.#remove(viewer));
    response.write(this.#head);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  #remove(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const now = Date.now();
    for (const viewer of this.#viewers) {
      if (viewer.response.writableLength >= MAX_WAITING) {
        if (now - viewer.lastMs > PATIENCE_MS) viewer.response.destroy();
        continue;
      }
      viewer.lastMs = now;
      this.#send(viewer);
    }
  }

  #send({ response, place }: Viewer): void {
    for (let room = MAX_BATCH; room > 0;) {
      const { bytes, lost } = this.#ring.read(place, room);
      if (lost > 0) response.write(encodeDropped(Number(process.hrtime.bigint()), lost));
      if (bytes.byteLength === 0) return;
      response.write(bytes);
      room -= bytes.byteLength;
    }
  }

  /** Ends all streams. */
  close(): void {
    for (const { response } of this.#viewers) response.destroy();
  }
}
