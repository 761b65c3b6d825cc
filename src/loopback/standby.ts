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
/** So many shapes of the user's picture are kept. */
const MAX_PICTURES = 4;
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
  #picture: Kept | undefined;
  /** The picture as consumers have it. */
  readonly #made = new Map<string, Kept>();

  /** @param freed - Memory that a picture was in is freed. */
  constructor(
    name: string,
    private readonly freed: (plane: PlaneMemory) => void = () => undefined,
  ) {
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

  /**
   * A picture of the user's that is shown instead of bars.
   * @param pixelformat - MJPG, or PNG as the converter calls it.
   */
  usePicture(file: Uint8Array, pixelformat: number): void {
    const plane = this.#memory.allocPlane(file.length);
    plane.bytes.set(file);
    const size = { width: 16, height: 16 };
    const shape = { ...nearestShape(size, { ...size, pixelformat: fourcc("MJPG") }), pixelformat };
    this.#picture = { shape, plane, length: file.length };
  }

  /** The same from a producer. */
  useFrame({ shape, bytes }: Frame): void {
    for (const kept of this.#made.values()) this.#free(kept);
    this.#made.clear();
    this.#picture = this.#keep(shape, bytes.length, this.#picture);
    this.#picture.plane.bytes.set(bytes);
  }

  /** The user's picture in this shape if it was made before, or as it is. */
  pictureFor(shape: Shape, timestampNs: bigint): Frame | undefined {
    const kept = this.#made.get(keyOf(shape)) ?? this.#picture;
    if (kept === undefined) return undefined;
    const { plane, length } = kept;
    return new Frame(kept.shape, plane.bytes.subarray(0, length), { plane, offset: 0 }, timestampNs);
  }

  keepPicture(shape: Shape, bytes: Uint8Array): void {
    const key = keyOf(shape);
    if (this.#made.has(key)) return;
    const [oldest] = this.#made;
    if (this.#made.size >= MAX_PICTURES && oldest !== undefined) {
      this.#free(oldest[1]);
      this.#made.delete(oldest[0]);
    }
    const kept = this.#keep(shape, bytes.length, undefined);
    kept.plane.bytes.set(bytes);
    this.#made.set(key, kept);
  }

  lastFrame(timestampNs: bigint): Frame | undefined {
    if (this.#last === undefined) return undefined;
    const { shape, plane, length } = this.#last;
    return new Frame(shape, plane.bytes.subarray(0, length), { plane, offset: 0 }, timestampNs);
  }

  forgetLast(): void {
    if (this.#last !== undefined) this.#free(this.#last);
    this.#last = undefined;
  }

  close(): void {
    this.forgetLast();
    for (const kept of [this.#scratch, this.#picture, ...this.#made.values()])
      if (kept !== undefined) this.#free(kept);
    this.#scratch = undefined;
    this.#picture = undefined;
    this.#made.clear();
  }

  /** Memory for a picture: what is there, if it is large enough. @throws {V4l2Error} ENOMEM */
  #keep(shape: Shape, length: number, before: Kept | undefined): Kept {
    if (before !== undefined && before.plane.sizeBytes >= shape.sizeimage)
      return { shape, plane: before.plane, length };
    if (before !== undefined) this.#free(before);
    return { shape, plane: this.#memory.allocPlane(Math.max(shape.sizeimage, length)), length };
  }

  #free({ plane }: Kept): void {
    this.freed(plane);
    plane.release();
  }

  #patternOf(shape: Shape): TestPattern | undefined {
    const { pixelformat, width, height, colorspace, ycbcrEnc, quantization, xferFunc } = shape;
    if (drawableFormat(pixelformat) === undefined) return undefined;
    const key = keyOf(shape);
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

const keyOf = (shape: Shape): string => Object.values(shape).join();

type Planes = Parameters<TestPattern["drawText"]>[0];

function writeLines(pattern: TestPattern, planes: Planes, lines: readonly string[]): void {
  for (const [index, line] of lines.entries())
    pattern.drawText(planes, LEFT_PIXELS, LEFT_PIXELS + index * LINE_PIXELS, line);
}
