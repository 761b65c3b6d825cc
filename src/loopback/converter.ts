/** What makes a picture of one shape out of one of another. */
import type { PlaneMemory } from "../vb2/index.js";
import type { Frame } from "./frame.js";
import type { Shape } from "./shape.js";

/** Converts and scales; src/convert is what does it. */
export interface ShapeConverter {
  /** What consumers may ask for, the most usual first. */
  readonly formats: readonly number[];
  converts(from: Shape, to: Shape): boolean;
  /**
   * @param whose - Who waits for the picture: the conversions of one do not hold up those of another more than they must.
   *
   * Both memories stay as they are until the promise is settled.
   * @returns Payload, bytes.
   * @throws {Error} By promise: the picture cannot be read, or the worker has ended. What is in `to` then is anything.
   */
  convert(whose: object, from: Frame, shape: Shape, to: PlaneMemory): Promise<number>;
  /** No more conversions are wanted; what is under way may reject. */
  finished(whose: object): void;
  /** The memory is about to be freed. */
  forget(plane: PlaneMemory): void;
  close(): void;
}
