/** A picture on its way from the producer, or from whatever stands in for it, to the consumers. */
import type { PlaneMemory } from "../vb2/index.js";
import type { Shape } from "./shape.js";

/** One picture. Its bytes are there until nobody holds it any more. */
export class Frame {
  #holders = 1;

  /**
   * @param bytes - The picture itself, `shape.sizeimage` long, or less if it is compressed.
   * @param memory - Where it is, for the converter; and at which byte of it.
   * @param timestampNs - CLOCK_MONOTONIC.
   * @param freed - Called once, when nobody holds it any more.
   */
  constructor(
    readonly shape: Shape,
    readonly bytes: Uint8Array,
    readonly memory: { readonly plane: PlaneMemory; readonly offset: number },
    readonly timestampNs: bigint,
    private readonly freed: () => void = () => undefined,
  ) {}

  hold(): void {
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.freed();
  }
}
