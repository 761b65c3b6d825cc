/**
 * How far a stateful codec is with STOP: the OUTPUT buffers queued before it are still worked on, then one CAPTURE
 * buffer is the last, then nothing runs until START or STREAMOFF of CAPTURE.
 */
import { V4l2Error } from "../v4l2/index.js";
import type { VideoBuffer } from "../vb2/index.js";

/** What draining needs of the two queues. */
export interface DrainEnds {
  /** The OUTPUT buffer that was queued last and is not done yet. */
  newestSource(): VideoBuffer | undefined;
  /** The CAPTURE buffer that is next, out of the queue. */
  takeDestination(): VideoBuffer | undefined;
  /** Gives `buffer` back as the last one, with nothing in it. */
  giveEmptyLast(buffer: VideoBuffer): void;
}

export class Drain {
  readonly #ends: DrainEnds;
  #isDraining = false;
  #hasStopped = false;
  #nextIsLast = false;
  /** Means something while draining only. */
  #lastSource: VideoBuffer | undefined;

  constructor(ends: DrainEnds) {
    this.#ends = ends;
  }

  /** Between STOP and the last CAPTURE buffer. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** From the last CAPTURE buffer on. */
  get hasStopped(): boolean {
    return this.#hasStopped;
  }

  /** Everything is worked off, but no CAPTURE buffer was there to say so: the next one is the last. */
  get nextIsLast(): boolean {
    return this.#isDraining && this.#nextIsLast;
  }

  /** Was this OUTPUT buffer the newest when the client said STOP? */
  isLastSource(buffer: VideoBuffer): boolean {
    return this.#isDraining && buffer === this.#lastSource;
  }

  /** @throws {V4l2Error} EBUSY - draining already. */
  stop(): void {
    if (this.#isDraining) throw new V4l2Error("EBUSY", "the device is draining already");
    if (this.#hasStopped) return;
    this.#lastSource = this.#ends.newestSource();
    this.#isDraining = true;
    if (this.#lastSource === undefined) this.#finish();
  }

  /** @throws {V4l2Error} EBUSY - still draining. */
  start(): void {
    if (this.#isDraining) throw new V4l2Error("EBUSY", "the device is still draining");
    this.#hasStopped = false;
  }

  /** The last CAPTURE buffer is on its way to the client. */
  markStopped(): void {
    this.#isDraining = false;
    this.#nextIsLast = false;
    this.#hasStopped = true;
  }

  /** OUTPUT stopped: what was to be worked off is gone. */
  sourceStopped(): void {
    if (!this.#isDraining) return;
    this.#lastSource = undefined;
    this.#finish();
  }

  /** CAPTURE stopped: nobody waits for a last buffer any more. */
  destinationStopped(): void {
    this.#isDraining = false;
    this.#nextIsLast = false;
    this.#hasStopped = false;
    this.#lastSource = undefined;
  }

  #finish(): void {
    const destination = this.#ends.takeDestination();
    if (destination === undefined) this.#nextIsLast = true;
    else this.#ends.giveEmptyLast(destination);
  }
}
