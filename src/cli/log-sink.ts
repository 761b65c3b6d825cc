/**
 * Where log lines go. A reader that stalls (a pager, a stopped terminal) must never stall the device, so lines are
 * gathered and written in the background, and beyond a bound they are dropped, and counted.
 */
import { write } from "node:fs";

const MAX_WAITING_CHARS = 4 * 1024 * 1024;
const RETRY_MS = 10;
const FLUSH_MS = 1000;

export class LogSink {
  readonly #fd: number;
  #waiting: string[] = [];
  #waitingChars = 0;
  #dropped = 0;
  #scheduled = false;
  #writing = false;
  #inFlight: Buffer | undefined;
  #inFlightOffset = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Takes one line, without its newline. */
  line(text: string): void {
    if (this.#waitingChars + text.length > MAX_WAITING_CHARS) {
      this.#dropped += 1;
      return;
    }
    if (this.#dropped > 0) {
      this.#waiting.push(`(${this.#dropped} lines were lost: the log was not read fast enough)\n`);
      this.#dropped = 0;
    }
    this.#waiting.push(`${text}\n`);
    this.#waitingChars += text.length + 1;
    if (this.#scheduled || this.#writing) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#writeNext();
    });
  }

  #writeNext(): void {
    if (this.#writing || (this.#inFlight === undefined && this.#waiting.length === 0)) return;
    if (this.#inFlight === undefined) {
      this.#inFlight = Buffer.from(this.#waiting.join(""));
      this.#inFlightOffset = 0;
      this.#waiting = [];
      this.#waitingChars = 0;
    }
    this.#writing = true;
    write(this.#fd, this.#inFlight, this.#inFlightOffset, (error, written) => {
      this.#writing = false;
      if (error?.code === "EAGAIN") {
        // Somebody made the pipe or terminal non-blocking, and it is full.
        this.#scheduled = true;
        setTimeout(() => {
          this.#scheduled = false;
          this.#writeNext();
        }, RETRY_MS);
        return;
      }
      this.#advance(error, written);
      this.#writeNext();
    });
  }

  #advance(error: NodeJS.ErrnoException | null, written: number): void {
    this.#inFlightOffset += written;
    // Nobody reads any more (EPIPE), or the disk is full: the device goes on, these lines are lost.
    if (error !== null || this.#inFlightOffset >= (this.#inFlight?.length ?? 0)) this.#inFlight = undefined;
  }

  /** Resolves when all is written, or when a second has passed without that: for the end of the process. */
  async flush(): Promise<void> {
    const deadline = Date.now() + FLUSH_MS;
    while (this.#inFlight !== undefined || this.#waiting.length > 0) {
      if (Date.now() >= deadline) return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS / 2));
    }
  }
}
