/** Buffers by index. Indices stay when others are removed, so there can be holes. */
export class SlotTable<B> {
  readonly #slots: (B | undefined)[];
  #count = 0;

  constructor(readonly capacity: number) {
    this.#slots = new Array<B | undefined>(capacity).fill(undefined);
  }

  get count(): number {
    return this.#count;
  }

  get(index: number): B | undefined {
    return this.#slots[index];
  }

  /** `index` must be free. */
  set(index: number, value: B): void {
    this.#slots[index] = value;
    this.#count += 1;
  }

  delete(index: number): void {
    if (this.#slots[index] === undefined) return;
    this.#slots[index] = undefined;
    this.#count -= 1;
  }

  /** What is there now, by index; later changes do not disturb whoever walks through it. */
  values(): B[] {
    const values: B[] = [];
    for (const value of this.#slots) if (value !== undefined) values.push(value);
    return values;
  }

  /** The first `wanted` free slots in a row, or the first of the longest run there is; count 0 when all are taken. */
  findRun(wanted: number): { first: number; count: number } {
    let best = { first: 0, count: 0 };
    let first = 0;
    for (let index = 0; index < this.capacity && best.count < wanted; index += 1) {
      if (this.#slots[index] !== undefined) first = index + 1;
      else if (index + 1 - first > best.count) best = { first, count: index + 1 - first };
    }
    return best;
  }
}
