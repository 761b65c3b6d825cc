/** When the next frame is due. A camera does not wait for its client: a frame that nobody has room for is lost. */
import type { DriverTask, DriverTasks } from "../v4l2/index.js";

/** `virtual`: time passes only from frame to frame, by the interval, from 0 on. No frame is lost, and none is early or late. */
export type PacerClock = "real" | "virtual";

export interface PacerOptions {
  /** Of the stream: they end with it. */
  readonly tasks: DriverTasks;
  /** `undefined`: as fast as buffers come. */
  readonly intervalNs: bigint | undefined;
  /** Default: real. */
  readonly clock?: PacerClock;
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
  readonly #isVirtual: boolean;
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
    this.#isVirtual = options.clock === "virtual" && options.intervalNs !== undefined;
    this.#now = options.now ?? (() => process.hrtime.bigint());
    this.#intervalNs = options.intervalNs;
    this.#startNs = this.#isVirtual ? 0n : this.#now();
    if (options.intervalNs !== undefined && !this.#isVirtual) this.#schedule(options.intervalNs);
  }

  /** The frame after the last one is due when so much time has passed since that one. Without effect when unpaced. */
  setInterval(intervalNs: bigint): void {
    if (this.#intervalNs === undefined || this.#stopped) return;
    this.#startNs += this.#frames * this.#intervalNs;
    this.#frames = 0n;
    this.#intervalNs = intervalNs;
    if (this.#isVirtual) return;
    this.#timer?.stop();
    this.#schedule(intervalNs);
  }

  /** Unpaced or virtual: there is room for a frame. Paced: nothing, the time comes by itself. */
  poke(): void {
    const isPaced = this.#intervalNs !== undefined && !this.#isVirtual;
    if (isPaced || this.#immediate !== undefined || this.#stopped) return;
    this.#immediate = this.#options.tasks.soon(() => {
      this.#immediate = undefined;
      this.#deliver(this.#intervalNs === undefined ? this.#now() : this.#dueAfter(this.#intervalNs));
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.stop();
    this.#immediate?.stop();
    this.#immediate = undefined;
  }

  /** When the next frame is due. */
  #dueAfter(intervalNs: bigint): bigint {
    return this.#startNs + (this.#frames + 1n) * intervalNs;
  }

  #deliver(dueNs: bigint): void {
    const sequence = this.#sequence;
    this.#sequence = (sequence + 1) % WRAP;
    this.#frames += 1n;
    this.#options.onFrame(sequence, dueNs);
  }

  #schedule(intervalNs: bigint): void {
    const dueNs = this.#dueAfter(intervalNs);
    const waitNs = dueNs - this.#now();
    const waitMs = waitNs > 0n ? Number((waitNs + NS_PER_MS - 1n) / NS_PER_MS) : 0;
    const timer = this.#options.tasks.after(waitMs, () => {
      // Hardware goes on while the processor is busy elsewhere: every frame that is due by now was taken at its time,
      // and goes into a buffer if one was queued. Those that nobody had room for are lost.
      const due = Number((this.#now() - this.#startNs) / intervalNs - this.#frames);
      const isCurrent = (): boolean => !this.#stopped && this.#timer === timer;
      for (let frame = 0; frame < due && isCurrent(); frame++) {
        this.#deliver(this.#dueAfter(intervalNs));
      }
      if (isCurrent()) this.#schedule(intervalNs);
    });
    this.#timer = timer;
  }
}
