/** When the next frame is due. A camera does not wait for its client: a frame that nobody has room for is lost. */
import type { DriverTask, DriverTasks } from "../v4l2/index.js";

export interface PacerOptions {
  /** Of the stream: they end with it. */
  readonly tasks: DriverTasks;
  /** `undefined`: as fast as buffers come. */
  readonly intervalNs: bigint | undefined;
  /**
   * A frame is due.
   * @param sequence - Counts all frames since the start, lost ones too.
   */
  readonly onFrame: (sequence: number, dueNs: bigint) => void;
  /** CLOCK_MONOTONIC. */
  readonly now?: () => bigint;
}

const NS_PER_MS = 1_000_000n;
const WRAP = 2 ** 32;

/** Calls `onFrame` at multiples of the interval from the start, or from its last change, without drift. */
export class Pacer {
  readonly #options: PacerOptions;
  readonly #now: () => bigint;
  #intervalNs: bigint | undefined;
  /** From where intervals count. */
  #startNs: bigint;
  /** Frames since then. */
  #frames = 0n;
  #sequence = 0;
  #timer: DriverTask | undefined;
  #immediate: DriverTask | undefined;
  #stopped = false;

  constructor(options: PacerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => process.hrtime.bigint());
    this.#intervalNs = options.intervalNs;
    this.#startNs = this.#now();
    if (options.intervalNs !== undefined) this.#schedule(options.intervalNs);
  }

  /** The frame after the last one is due when so much time has passed since that one. Without effect when unpaced. */
  setInterval(intervalNs: bigint): void {
    if (this.#intervalNs === undefined || this.#stopped) return;
    this.#startNs += this.#frames * this.#intervalNs;
    this.#frames = 0n;
    this.#intervalNs = intervalNs;
    this.#timer?.stop();
    this.#schedule(intervalNs);
  }

  /** Unpaced: there is room for a frame. Paced: nothing, the time comes by itself. */
  poke(): void {
    if (this.#intervalNs !== undefined || this.#immediate !== undefined || this.#stopped) return;
    this.#immediate = this.#options.tasks.soon(() => {
      this.#immediate = undefined;
      this.#deliver(this.#now());
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.stop();
    this.#immediate?.stop();
    this.#immediate = undefined;
  }

  #deliver(dueNs: bigint): void {
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) % WRAP;
    this.#frames += 1n;
    this.#options.onFrame(sequence, dueNs);
  }

  #schedule(intervalNs: bigint): void {
    const dueNs = this.#startNs + (this.#frames + 1n) * intervalNs;
    const waitNs = dueNs - this.#now();
    const waitMs = waitNs > 0n ? Number((waitNs + NS_PER_MS - 1n) / NS_PER_MS) : 0;
    const timer = this.#options.tasks.after(waitMs, () => {
      // Hardware goes on while the processor is busy elsewhere: every frame that is due by now was taken at its time,
      // and goes into a buffer if one was queued. Those that nobody had room for are lost.
      const due = Number((this.#now() - this.#startNs) / intervalNs - this.#frames);
      const isCurrent = (): boolean => !this.#stopped && this.#timer === timer;
      for (let frame = 0; frame < due && isCurrent(); frame++) {
        this.#deliver(this.#startNs + (this.#frames + 1n) * intervalNs);
      }
      if (isCurrent()) this.#schedule(intervalNs);
    });
    this.#timer = timer;
  }
}
