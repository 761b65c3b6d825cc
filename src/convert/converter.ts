/** Converts pictures in a confined process that may be lost at any time. */
import { ConversionError } from "./conversion-error.js";
import type { Picture, PictureMemory } from "./picture.js";

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
}

/** One sentence that says why nothing can be converted here, and what to do about it; undefined when it can. */
export function converterProblem(): string | undefined {
  throw new Error("not yet");
}

/**
 * Converts pictures, one after another, in a process of its own (one for each converter) that has no rights. The
 * process starts with the first conversion.
 */
export class PictureConverter {
  constructor(readonly options: ConverterOptions = {}) {}

  /**
   * Reads `from` and fills `to`, format, size, matrix and range: no copy is made besides. Both memories belong to the
   * worker until the promise settles: queue them as "owned by the driver". Padding of lines stays as it is, or not.
   *
   * `from` and `to` must not overlap. What a client writes into the source meanwhile is its picture's problem only.
   * The memories stay mapped in the worker, see {@link forget}.
   *
   * @throws {ConversionError} By rejection, also at once.
   */
  convert(from: Picture, to: Picture, options: ConvertOptions = {}): Promise<Converted> {
    return Promise.reject(new ConversionError("closed", String([from, to, options])));
  }

  /** Unmaps a memory in the worker. Call it when the memory is freed. Of unknown memories: nothing. */
  forget(memory: PictureMemory): void {
    void memory;
  }

  /** Ends the worker; what is under way rejects with `closed`, as all that comes later. */
  close(): void {
    return undefined;
  }
}
