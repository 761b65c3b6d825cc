/** What consumers see while nobody feeds the device: bars, or the last frame without its colour, and since when. */
import { TestPattern } from "../tpg/index.js";
import { SharedMemoryProvider } from "../vb2/index.js";
import type { PlaneMemory } from "../vb2/index.js";
import { fourcc } from "../v4l2/index.js";
import { Frame } from "./frame.js";
import { takeColour } from "./grey.js";
import { drawableFormat, nearestShape } from "./shape.js";
import type { Shape } from "./shape.js";

/** Generators are kept for so many shapes. */
const MAX_PATTERNS = 8;
const LINE_PIXELS = 16;
const LEFT_PIXELS = 8;

/** A picture that is kept. */
interface Kept {
  readonly shape: Shape;
  readonly plane: PlaneMemory;
  readonly length: number;
}

/** Pictures that stand in for those of a producer. */
export class Standby {
  readonly #patterns = new Map<string, TestPattern>();
  readonly #memory: SharedMemoryProvider;
  #last: Kept | undefined;
  #scratch: Kept | undefined;

  constructor(name: string) {
    this.#memory = new SharedMemoryProvider({ name: `${name}-standby` });
  }

  /** Draws bars with `lines` of text. @returns false: there is no generator for the format. */
  drawBars(shape: Shape, bytes: Uint8Array, lines: readonly string[]): boolean {
    const pattern = this.#patternOf(shape);
    if (pattern === undefined) return false;
    const planes = [{ bytes, bytesperline: shape.bytesperline }];
    pattern.fillPlanes(planes);
    writeLines(pattern, planes, lines);
    return true;
  }

  /** Bars of the same size in a format that every converter knows. */
  barsFrame({ width, height }: Shape, lines: readonly string[], timestampNs: bigint): Frame {
    const shape = nearestShape(
      { width, height, pixelformat: fourcc("YU12") },
      { width, height, pixelformat: 0 },
    );
    this.#scratch = this.#keep(shape, shape.sizeimage, this.#scratch);
    const { plane } = this.#scratch;
    this.drawBars(shape, plane.bytes, lines);
    return new Frame(shape, plane.bytes.subarray(0, shape.sizeimage), { plane, offset: 0 }, timestampNs);
  }

  /** The last picture, for when no more come. `lines` go on top of it. */
  keepLast(shape: Shape, bytes: Uint8Array, isGrey: boolean, lines: readonly string[]): void {
    this.#last = this.#keep(shape, bytes.length, this.#last);
    const kept = this.#last.plane.bytes.subarray(0, bytes.length);
    kept.set(bytes);
    if (!isGrey) return;
    takeColour(shape, kept);
    const pattern = this.#patternOf(shape);
    if (pattern !== undefined)
      writeLines(pattern, [{ bytes: kept, bytesperline: shape.bytesperline }], lines);
  }

  lastFrame(timestampNs: bigint): Frame | undefined {
    if (this.#last === undefined) return undefined;
    const { shape, plane, length } = this.#last;
    return new Frame(shape, plane.bytes.subarray(0, length), { plane, offset: 0 }, timestampNs);
  }

  forgetLast(): void {
    this.#last?.plane.release();
    this.#last = undefined;
  }

  close(): void {
    this.forgetLast();
    this.#scratch?.plane.release();
    this.#scratch = undefined;
  }

  /** Memory for a picture: what is there, if it is large enough. @throws {V4l2Error} ENOMEM */
  #keep(shape: Shape, length: number, before: Kept | undefined): Kept {
    if (before !== undefined && before.plane.sizeBytes >= shape.sizeimage)
      return { shape, plane: before.plane, length };
    before?.plane.release();
    return { shape, plane: this.#memory.allocPlane(Math.max(shape.sizeimage, length)), length };
  }

  #patternOf(shape: Shape): TestPattern | undefined {
    const { pixelformat, width, height, colorspace, ycbcrEnc, quantization, xferFunc } = shape;
    if (drawableFormat(pixelformat) === undefined) return undefined;
    const key = [pixelformat, width, height, colorspace, ycbcrEnc, quantization, xferFunc].join();
    let pattern = this.#patterns.get(key);
    if (pattern === undefined) {
      const colors = { colorspace, ycbcrEncoding: ycbcrEnc, quantization, xferFunc };
      pattern = new TestPattern({ width, height, pixelFormat: pixelformat, ...colors });
      const [oldest] = this.#patterns.keys();
      if (this.#patterns.size >= MAX_PATTERNS && oldest !== undefined) this.#patterns.delete(oldest);
      this.#patterns.set(key, pattern);
    }
    return pattern;
  }
}

type Planes = Parameters<TestPattern["drawText"]>[0];

function writeLines(pattern: TestPattern, planes: Planes, lines: readonly string[]): void {
  for (const [index, line] of lines.entries())
    pattern.drawText(planes, LEFT_PIXELS, LEFT_PIXELS + index * LINE_PIXELS, line);
}
