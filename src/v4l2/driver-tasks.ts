/**
 * A driver's own callbacks under the framework's care: timers and promises that end with what they belong to (the
 * device, a stream, a job), and whose mistakes are reported and end no process.
 */
import { isLater } from "../settle.js";
import { withoutStack } from "./error.js";

/** What a task does; by promise, if it likes. */
export type TaskCallback = () => unknown;

/** One task that was asked for. */
export interface DriverTask {
  /** Does not run again. Harmless when repeated, and once it has run. */
  stop(): void;
}

/** What tasks belong to. */
export interface TaskOwner {
  /** How long a task's promise may take before that is said, ms; 0: any time. */
  readonly patienceMs: number;
  /** A task threw, or its promise was rejected. `isOver`: what it belonged to has ended before. */
  failed(error: unknown, isOver: boolean): void;
  /** The promise of a task has taken longer than `patienceMs`. */
  late(error: Error): void;
}

/** How long a promise may be pending before that is said, ms, unless a driver says something else. */
export const DEFAULT_PATIENCE_MS = 10_000;
/** Characters of an unnamed function that a report shows. */
const MAX_NAME = 60;
/** The longest time that `setTimeout` knows. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Calls `said` if `promise` is not settled within `patienceMs`. Never keeps the process alive. */
export function watchPromise(promise: Promise<unknown>, patienceMs: number, said: () => void): void {
  if (patienceMs <= 0) return;
  const timer = setTimeout(said, Math.min(patienceMs, MAX_DELAY_MS));
  timer.unref();
  const settled = (): void => clearTimeout(timer);
  promise.then(settled, settled);
}

/**
 * The tasks of a device, of a stream, or of a job. What one throws is reported with its place and hurts nobody else; a
 * stream or a job has failed then. When the device, stream or job ends they end, and nothing that is asked for later
 * runs.
 */
export class DriverTasks {
  readonly #owner: TaskOwner;
  readonly #stops = new Set<() => void>();
  #abort: AbortController | undefined;
  #isOpen: boolean;
  /** Which stream it is: promises outlive theirs. */
  #turn = 0;

  constructor(owner: TaskOwner, isOpen = true) {
    this.#owner = owner;
    this.#isOpen = isOpen;
  }

  /** Aborted when the tasks end: for `await`s that can give up. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (!this.#isOpen) this.#abort.abort();
    return this.#abort.signal;
  }

  /**
   * Calls `callback` at every multiple of `intervalMs` from now on, without drift. While the process was busy, or the
   * callback's promise is pending, calls are left out, never made up for.
   * @param callback - `tick` counts the multiples from 1 on, those that were left out among them.
   * @param intervalMs - More than 0; need not be whole.
   */
  every(intervalMs: number, callback: (tick: number) => unknown): DriverTask {
    if (!(intervalMs > 0)) throw new RangeError(`an interval of ${intervalMs} ms`);
    const startMs = performance.now();
    let tick = 0;
    const next = (): void => {
      const passed = Math.floor((performance.now() - startMs) / intervalMs);
      tick = Math.max(passed, tick) + 1;
      // Timers are early by a part of a millisecond at times, so the tick is what was asked for, not what the clock says.
      arm(startMs + tick * intervalMs - performance.now());
    };
    const { arm, stop } = this.#timer(() => {
      const missed = Math.floor((performance.now() - startMs) / intervalMs) - tick;
      if (missed > 0) tick += missed;
      this.#call(() => callback(tick), callback, next, stop);
    });
    next();
    return { stop };
  }

  /** Calls `callback` once, after `delayMs`. */
  after(delayMs: number, callback: TaskCallback): DriverTask {
    const { arm, stop } = this.#timer(() => {
      stop();
      this.#call(callback, callback);
    });
    arm(delayMs);
    return { stop };
  }

  /** Calls `callback` once, in the next turn of the event loop: clients are served in between. */
  soon(callback: TaskCallback): DriverTask {
    if (!this.#isOpen) return { stop: () => undefined };
    const stop = (): void => {
      clearImmediate(immediate);
      this.#stops.delete(stop);
    };
    const immediate = setImmediate(() => {
      this.#stops.delete(stop);
      this.#call(callback, callback);
    });
    this.#stops.add(stop);
    return { stop };
  }

  /**
   * Calls `callback` now, and watches the promise that it returns: for what begins in an op or in an event of another
   * library, and for `async` functions.
   */
  run(callback: TaskCallback): void {
    if (this.#isOpen) this.#call(callback, callback);
  }

  /** For the framework: what the tasks belong to begins. */
  open(): void {
    this.#isOpen = true;
    this.#turn += 1;
    if (this.#abort?.signal.aborted === true) this.#abort = undefined;
  }

  /** For the framework: what the tasks belong to has ended. */
  end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const stop of [...this.#stops]) stop();
    this.#abort?.abort();
  }

  #timer(fire: () => void): { arm: (delayMs: number) => void; stop: () => void } {
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      clearTimeout(timer);
      this.#stops.delete(stop);
    };
    const arm = (delayMs: number): void => {
      clearTimeout(timer);
      if (!this.#stops.has(stop)) return;
      // What is further away than a timer reaches is looked at again.
      const waitMs = Math.min(Math.max(delayMs, 0), MAX_DELAY_MS);
      timer = setTimeout(waitMs < delayMs ? () => arm(delayMs - waitMs) : fire, Math.ceil(waitMs));
    };
    if (this.#isOpen) this.#stops.add(stop);
    return { arm, stop };
  }

  /**
   * @param named - What it is called in a report.
   * @param again - After it went well.
   * @param over - After it failed.
   */
  #call(callback: TaskCallback, named: Named, again?: () => void, over?: () => void): void {
    const turn = this.#turn;
    const failed = (error: unknown): void => {
      over?.();
      const isOver = !this.#isOpen || turn !== this.#turn;
      // Giving up because the stream has ended is no mistake.
      if (isOver && error instanceof Error && error.name === "AbortError") return;
      this.#owner.failed(error, isOver);
    };
    let result: unknown;
    try {
      result = callback();
    } catch (error) {
      failed(error);
      return;
    }
    if (!isLater(result)) {
      again?.();
      return;
    }
    result.then(again, failed);
    const { patienceMs } = this.#owner;
    watchPromise(result, patienceMs, () => {
      const text = `the promise of ${nameOf(named)} has been pending for ${patienceMs} ms`;
      this.#owner.late(withoutStack(() => new Error(text)));
    });
  }
}

type Named = string | ((tick: number) => unknown);

/** The function's name, or how its text begins. */
function nameOf(callback: Named): string {
  if (typeof callback === "string") return callback;
  if (callback.name !== "") return callback.name;
  const text = String(callback).replaceAll(/\s+/g, " ");
  return text.length > MAX_NAME ? `${text.slice(0, MAX_NAME)}...` : text;
}
