/**
 * Callers that sleep until a queue has something for them (`done_wq`): DQBUF and read() by promise, first come,
 * first served, and files in poll().
 *
 * A wake-up is not the result: everybody looks again for himself, once the verb that caused the wake-up has
 * run to its end. So a DQBUF that sleeps through STREAMOFF sees a queue that is off, not a buffer that the
 * driver gave back on the way, as in the kernel, where the queue's lock is in between.
 */
import { asError } from "../present.js";
import type { AnyFile, Call } from "../v4l2/index.js";
import { V4l2Error } from "../v4l2/index.js";

interface Waiter {
  /** Looks again. @returns Is it settled? */
  look(): boolean;
  interrupt(): void;
}

export class WaitList {
  readonly #waiters: Waiter[] = [];
  /** Files whose last poll() was told that there is nothing; each is notified once, then it asks again. */
  readonly #pollers = new Set<AnyFile>();
  #scheduled = false;

  /** Callers that sleep in DQBUF or read(). */
  get size(): number {
    return this.#waiters.length;
  }

  /**
   * Waits until `attempt` has a value or throws.
   * @param attempt - Answers `undefined` when there is still nothing. Not called before the next wake-up.
   * @throws {V4l2Error} EINTR - a signal hit the caller, or the queue goes away.
   */
  wait<T>(attempt: () => T | undefined, call: Pick<Call, "onInterrupt">): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiter: Waiter = {
        look: () => {
          try {
            const value = attempt();
            if (value === undefined) return false;
            resolve(value);
          } catch (error) {
            reject(asError(error));
          }
          return true;
        },
        interrupt: () => reject(new V4l2Error("EINTR", "interrupted while waiting for a buffer")),
      };
      this.#waiters.push(waiter);
      call.onInterrupt(() => {
        if (this.#remove(waiter)) waiter.interrupt();
      });
    });
  }

  /** `file` wants `notifyPoll()` at the next change. */
  addPoller(file: AnyFile): void {
    this.#pollers.add(file);
  }

  /** The file is closed. */
  removePoller(file: AnyFile): void {
    this.#pollers.delete(file);
  }

  /** Something changed: everybody looks again, after the running verb. */
  wake(): void {
    if (this.#scheduled || (this.#waiters.length === 0 && this.#pollers.size === 0)) return;
    this.#scheduled = true;
    queueMicrotask(this.#look);
  }

  /** The queue goes away: nobody will be served any more. */
  interruptAll(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.interrupt();
  }

  readonly #look = (): void => {
    this.#scheduled = false;
    for (const waiter of [...this.#waiters]) {
      // An earlier waiter's attempt may have made this one give up.
      if (this.#waiters.includes(waiter) && waiter.look()) this.#remove(waiter);
    }
    for (const file of this.#pollers) {
      this.#pollers.delete(file);
      file.notifyPoll();
    }
  };

  #remove(waiter: Waiter): boolean {
    const at = this.#waiters.indexOf(waiter);
    if (at >= 0) this.#waiters.splice(at, 1);
    return at >= 0;
  }
}
