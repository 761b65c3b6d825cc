/**
 * Where log lines go. A reader that stalls (a pager, a stopped terminal) must never stall the device, so lines are
 * gathered and written in the background, and beyond a bound they are dropped, and counted.
 *
 * A sink that cannot be written (a full disk, a pipe whose reader has gone) is told once, at once, and makes the exit
 * status 74; the device goes on. So does what is still unwritten at the end.
 */
import { write } from "node:fs";
import { LOST_OUTPUT, unwritable } from "./output.js";

const MAX_WAITING_CHARS = 4 * 1024 * 1024;
const RETRY_MS = 10;
const FLUSH_MS = 1000;

export class LogSink {
  readonly #fd: number;
  readonly #what: string;
  readonly #tell: (sentence: string) => void;
  #waiting: string[] = [];
  #waitingChars = 0;
  #dropped = 0;
  #scheduled = false;
  #writing = false;
  #hasFailed = false;
  #inFlight: Buffer | undefined;
  #inFlightOffset = 0;

  /**
   * @param what - What it is, for the sentence that says that it is lost: "the log".
   * @param tell - Hears that sentence. Default: it goes to standard error, and the exit status becomes 74.
   */
  constructor(fd: number, what: string, tell: (sentence: string) => void = tellLoss) {
    this.#fd = fd;
    this.#what = what;
    this.#tell = tell;
  }

  /** Takes one line, without its newline. */
  line(text: string): void {
    if (this.#hasFailed) return;
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
      if (error !== null) {
        this.#fail(unwritable(this.#what, error));
        return;
      }
      this.#inFlightOffset += written;
      if (this.#inFlightOffset >= (this.#inFlight?.length ?? 0)) this.#inFlight = undefined;
      this.#writeNext();
    });
  }

  /** Nobody reads any more, or the disk is full: the device goes on, all lines from here on are lost. */
  #fail(sentence: string): void {
    this.#hasFailed = true;
    this.#inFlight = undefined;
    this.#waiting = [];
    this.#waitingChars = 0;
    this.#dropped = 0;
    this.#tell(sentence);
  }

  /** Resolves when all is written, or when a second has passed without that: for the end of the process. */
  async flush(): Promise<void> {
    const deadline = Date.now() + FLUSH_MS;
    while (this.#inFlight !== undefined || this.#waiting.length > 0) {
      if (Date.now() >= deadline) break;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS / 2));
    }
    if (this.#inFlight !== undefined || this.#waiting.length > 0 || this.#dropped > 0) {
      this.#fail(`the end of ${this.#what} is lost: it was not read fast enough`);
    }
  }
}

function tellLoss(sentence: string): void {
  process.exitCode = LOST_OUTPUT;
  process.stderr.write(`v4l2-cuse: ${sentence}\n`);
}
