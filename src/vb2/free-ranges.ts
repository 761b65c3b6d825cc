/** Which bytes of a file are free: first fit, neighbours joined. Offsets and sizes are multiples of a page. */
export interface Range {
  readonly offset: number;
  readonly sizeBytes: number;
}

export class FreeRanges {
  /** By offset; no two touch. */
  #ranges: Range[];

  constructor(sizeBytes: number) {
    this.#ranges = [{ offset: 0, sizeBytes }];
  }

  /** @returns Where `sizeBytes` in a row begin; they are taken. Undefined: there are not as many. */
  take(sizeBytes: number): number | undefined {
    const index = this.#ranges.findIndex((range) => range.sizeBytes >= sizeBytes);
    const range = this.#ranges[index];
    if (range === undefined) return undefined;
    const rest = { offset: range.offset + sizeBytes, sizeBytes: range.sizeBytes - sizeBytes };
    this.#ranges.splice(index, 1, ...(rest.sizeBytes > 0 ? [rest] : []));
    return range.offset;
  }

  /** What was taken is free again. */
  give(range: Range): void {
    const all = [...this.#ranges, range].sort((a, b) => a.offset - b.offset);
    this.#ranges = [];
    for (const next of all) {
      const last = this.#ranges.at(-1);
      if (last !== undefined && last.offset + last.sizeBytes === next.offset) {
        this.#ranges.splice(-1, 1, {
          offset: last.offset,
          sizeBytes: last.sizeBytes + next.sizeBytes,
        });
      } else this.#ranges.push(next);
    }
  }
}

export const overlap = (a: Range, b: Range): boolean =>
  a.offset < b.offset + b.sizeBytes && b.offset < a.offset + a.sizeBytes;
