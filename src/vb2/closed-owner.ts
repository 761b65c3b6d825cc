/**
 * A file that is closed while a client has buffers mapped that it allocated. On a kernel driver the mapping keeps the
 * file: the queue stays its own, and goes on as it was, until the last `munmap(2)`. Nobody tells us of that, so it is
 * looked up whenever another file wants the queue, and now and then without being asked.
 */

/** The first look: a process that ends closes its files before its mappings are gone. The next come later and later. */
const FIRST_MS = 1;
const LAST_MS = 250;

export class ClosedOwner {
  #timer: NodeJS.Timeout | undefined;
  #delayMs = FIRST_MS;

  /**
   * @param isMapped - Looks whether it is so still.
   * @param ended - Called once, when it is not.
   */
  constructor(
    private readonly isMapped: () => boolean,
    private readonly ended: () => void,
  ) {
    this.#wait();
  }

  /** Looks now. */
  check(): void {
    if (this.#timer === undefined || this.isMapped()) return;
    this.stop();
    this.ended();
  }

  /** It does not matter any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(): void {
    this.#timer = setTimeout(() => {
      this.check();
      if (this.#timer !== undefined) this.#wait();
    }, this.#delayMs);
    this.#timer.unref();
    this.#delayMs = Math.min(2 * this.#delayMs, LAST_MS);
  }
}
