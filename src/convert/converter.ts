/** Converts pictures in a confined process that may be lost at any time. */
import { ConversionError } from "./conversion-error.js";
import { converterPath, programProblem } from "../native.js";
import { WorkerProcess, type WorkerObserver } from "../worker/index.js";
import { checkPictures } from "./check.js";
import { coloursOf } from "./colours.js";
import type { ConvertibleFormat } from "./formats.js";
import type { Picture, PictureMemory } from "./picture.js";
import {
  ANSWER_BYTES,
  decodeAnswer,
  encodeJob,
  FitNumber,
  JobFlag,
  PROTOCOL,
  type Answer,
  type JobOrder,
  type PictureOrder,
} from "./protocol.js";
import { SharedMemories } from "./shared-memories.js";

/** What becomes of a picture whose sides have another ratio than the destination's: stretched, or with bars, or cut. */
export type Fit = "stretch" | "bars" | "cut";

/** A part of a picture, pixels. */
export interface PictureArea {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What else a conversion does. */
export interface ConvertOptions {
  /** Only this part of the source, which lies in it. Formats that share chroma start it at even pixels and lines. */
  readonly crop?: PictureArea;
  /** "stretch" when left out. */
  readonly fit?: Fit;
  /** Without colours, and darker: a picture that is out of date. */
  readonly greyed?: boolean;
  /** Of MJPG and JPEG destinations, 1 to 100; 85 when left out. */
  readonly jpegQuality?: number;
  /** Cancels the conversion if it has not begun. */
  readonly signal?: AbortSignal;
}

/** A picture was converted. */
export interface Converted {
  /** Of the destination: from its first plane's offset to the last byte written, bytes; the size of what is compressed. */
  readonly bytesUsed: number;
}

/** How a converter works. */
export interface ConverterOptions {
  /** Scales faster and less smoothly (bilinear, not bicubic). False when left out. */
  readonly fast?: boolean;
  /** One line for the log: a worker was lost. */
  readonly log?: (text: string) => void;
  /** Hears of the worker: for events. */
  readonly observer?: WorkerObserver;
}

/** A conversion that takes longer has met a picture that means harm: the largest one takes a fraction of it. */
const LIMIT_MS = 10_000;

/** So many are sent before the answer to the first one: the worker has always something to do, and its socket room. */
const AT_ONCE = 4;

/** One sentence that says why nothing can be converted here, and what to do about it; undefined when it can. */
export const converterProblem = (): string | undefined =>
  programProblem(converterPath(), "libswscale-dev, libturbojpeg0-dev and libpng-dev");

/** A conversion that waits for its turn. */
interface Waiting {
  begin(worker: Worker): void;
  refuse(error: ConversionError): void;
}

/** A process, and what it has. */
interface Worker {
  readonly process: WorkerProcess<Answer>;
  readonly memories: SharedMemories;
}

/** A program that does not start three times in a row will not (its libraries are missing, say). */
const MOST_FAILED = 3;

/**
 * Converts pictures, one after another, in a process of its own (one for each converter) that has no rights. The
 * process starts with the first conversion.
 */
export class PictureConverter {
  readonly #options: ConverterOptions;
  readonly #path: string;
  readonly #waiting = new Set<Waiting>();
  #worker: Worker | undefined;
  #underWay = 0;
  /** Processes in a row that did not come so far as to take orders. */
  #failed = 0;
  #isClosed = false;

  /** @param path - Of the program; tests have their own. */
  constructor(options: ConverterOptions = {}, path: string = converterPath()) {
    this.#options = options;
    this.#path = path;
  }

  /** The worker's process id, while there is one; for tests. */
  get pid(): number | undefined {
    return this.#worker?.process.pid;
  }

  /**
   * Reads `from` and fills `to`, format, size, matrix and range: no copy is made besides. Both memories belong to the
   * worker until the promise settles: treat the buffers as owned by the driver. Padding of lines stays as it is, or not.
   *
   * `from` and `to` must not overlap. What a client writes into the source meanwhile is its picture's problem only.
   * The memories stay mapped in the worker, see {@link PictureConverter.forget}.
   *
   * @throws {ConversionError} By rejection, also at once.
   */
  convert(from: Picture, to: Picture, options: ConvertOptions = {}): Promise<Converted> {
    return new Promise((resolve, reject) => {
      const formats = checkPictures(from, to);
      if (this.#isClosed) throw new ConversionError("closed", "the converter is closed");
      const { signal } = options;
      const cancel = (): void => {
        if (this.#waiting.delete(waiting))
          waiting.refuse(new ConversionError("cancelled", "it was cancelled"));
      };
      const waiting: Waiting = {
        begin: (worker) => {
          signal?.removeEventListener("abort", cancel);
          this.#run(worker, (serial) =>
            orderOf(serial, { from, to, ...formats }, options, this.#options, worker),
          ).then(resolve, reject);
        },
        refuse: (error) => {
          signal?.removeEventListener("abort", cancel);
          reject(error);
        },
      };
      this.#waiting.add(waiting);
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener("abort", cancel);
      this.#goOn();
    });
  }

  /** Unmaps a memory in the worker. Call it when the memory is freed. Of unknown memories: nothing. */
  forget(memory: PictureMemory): void {
    this.#worker?.memories.forget(memory);
    if (this.#underWay === 0) this.#worker?.memories.flush();
  }

  /** Ends the worker; what is under way rejects with `closed`, as all that comes later. */
  close(): void {
    this.#isClosed = true;
    this.#worker?.process.close();
    this.#worker = undefined;
    for (const waiting of this.#waiting)
      waiting.refuse(new ConversionError("closed", "the converter was closed"));
    this.#waiting.clear();
  }

  #goOn(): void {
    for (const waiting of this.#waiting) {
      if (this.#failed >= MOST_FAILED) {
        this.#waiting.delete(waiting);
        waiting.refuse(new ConversionError("lost", "the process that converts pictures does not start"));
        continue;
      }
      if (this.#underWay >= AT_ONCE) return;
      this.#waiting.delete(waiting);
      waiting.begin(this.#workerNow());
    }
  }

  #workerNow(): Worker {
    const before = this.#worker;
    if (before !== undefined && before.process.end === undefined) return before;
    if (before !== undefined) this.#lost(before);
    const process = new WorkerProcess({
      path: this.#path,
      protocol: PROTOCOL,
      answerBytes: ANSWER_BYTES,
      limitMs: LIMIT_MS,
      decode: decodeAnswer,
      ...(this.#options.observer !== undefined && { observer: this.#options.observer }),
    });
    return (this.#worker = { process, memories: new SharedMemories(process) });
  }

  #lost(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const { isAccepted, end = "ended" } = worker.process;
    this.#failed = isAccepted ? 0 : this.#failed + 1;
    const next =
      this.#failed < MOST_FAILED
        ? "another one goes on"
        : `it did ${MOST_FAILED} times, and nothing is converted any more`;
    this.#options.log?.(`the process that converts pictures ${end}; ${next}`);
  }

  async #run({ process, memories }: Worker, order: (serial: number) => JobOrder): Promise<Converted> {
    this.#underWay += 1;
    const answer = await process.ask((serial) => {
      memories.flush();
      process.send(encodeJob(order(serial)));
    });
    this.#underWay -= 1;
    if (answer === undefined) {
      const worker = this.#worker;
      if (worker?.process === process) this.#lost(worker);
    }
    this.#goOn();
    if (answer?.status === "done") return { bytesUsed: answer.bytes };
    if (answer !== undefined) throw failures[answer.status]();
    if (this.#isClosed) throw new ConversionError("closed", "the converter was closed");
    throw new ConversionError("lost", `the process that converts pictures ${process.end ?? "ended"}`);
  }
}

const failures: Readonly<Record<Exclude<Answer["status"], "done">, () => ConversionError>> = {
  broken: () => new ConversionError("broken", "the compressed picture cannot be read"),
  "too-large": () => new ConversionError("too-large", "the compressed picture does not fit into the buffer"),
  "no-memory": () =>
    new ConversionError(
      "no-memory",
      "no memory is left for the conversion, or a picture's file became shorter",
    ),
  outside: () => new ConversionError("outside", "the part to be cut out is not in the picture"),
};

interface Job {
  readonly from: Picture;
  readonly to: Picture;
  readonly source: ConvertibleFormat;
  readonly destination: ConvertibleFormat;
}

function orderOf(
  serial: number,
  { from, to, source, destination }: Job,
  options: ConvertOptions,
  { fast }: ConverterOptions,
  { memories }: Worker,
): JobOrder {
  const { crop, fit = "stretch", greyed, jpegQuality = 85 } = options;
  return {
    serial,
    source: pictureOrder(from, source, memories.slotOf(from.memory, false), from.bytesUsed),
    destination: pictureOrder(to, destination, memories.slotOf(to.memory, true)),
    part: crop === undefined ? [0, 0, 0, 0] : [crop.left, crop.top, crop.width, crop.height],
    fit: FitNumber[fit],
    flags: (greyed === true ? JobFlag.Greyed : 0) | (fast === true ? JobFlag.Fast : 0),
    quality: Math.min(100, Math.max(1, Math.round(jpegQuality))),
  };
}

function pictureOrder(
  picture: Picture,
  format: ConvertibleFormat,
  slot: number,
  bytesUsed?: number,
): PictureOrder {
  const { width, height, planes, memory } = picture;
  const isCompressed = format.encoding === "compressed";
  const room = memory.sizeBytes - (planes[0]?.offset ?? 0);
  return {
    ...{ slot, width, height, planes, format: format.number },
    ...coloursOf(format, picture),
    bytes: isCompressed ? Math.min(bytesUsed ?? room, room) : 0,
  };
}
