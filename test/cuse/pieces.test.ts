/** Where the pieces of a read(2) are in their call, on a file that has a position. */
import { describe, expect, it } from "vitest";
import { Pieces } from "../../src/cuse/pieces.js";

const FULL = 128 * 1024;

/** What `place` says of pieces, each an offset and a size, and perhaps another thread. */
function places(
  pieces: readonly (readonly [number, number, number?])[],
  length: (tid: number) => number | undefined = () => undefined,
): number[] {
  const calls = new Pieces(FULL, length);
  return pieces.map(([offset, size, tid = 1]) =>
    Number(calls.place({ caller: { tid }, offset: BigInt(offset), size })),
  );
}

describe("a piece", () => {
  it("continues the call while pieces are as large as they can be", () => {
    expect(
      places([
        [0, FULL],
        [FULL, FULL],
        [2 * FULL, 100],
      ]),
    ).toEqual([0, FULL, 2 * FULL]);
  });

  it("also if memory begins within a page, so that none is quite as large", () => {
    const size = FULL - 16;
    expect(
      places([
        [0, size],
        [size, size],
        [2 * size, 100],
      ]),
    ).toEqual([0, size, 2 * size]);
  });

  it("of whole pages but one page less than pieces get is the last", () => {
    const size = FULL - 4096;
    expect(
      places([
        [0, size],
        [size, size],
      ]),
    ).toEqual([0, 0]);
    expect(
      places([
        [0, size + 1],
        [size + 1, size],
      ]),
    ).toEqual([0, size + 1]);
  });

  it("after a smaller one begins a new call, at whatever position", () => {
    expect(
      places([
        [0, FULL],
        [FULL, 100],
        [FULL + 100, FULL],
      ]),
    ).toEqual([0, FULL, 0]);
    expect(
      places([
        [0, 100],
        [100, 100],
        [200, 100],
      ]),
    ).toEqual([0, 0, 0]);
  });

  it("after one that was not answered in full begins a new call", () => {
    expect(
      places([
        [0, FULL],
        [300, FULL],
      ]),
    ).toEqual([0, 0]);
  });

  it("of another thread begins a new call", () => {
    expect(
      places([
        [0, FULL, 1],
        [FULL, FULL, 2],
      ]),
    ).toEqual([0, 0]);
  });

  it("begins a new call where the call has all that it asked for, if that can be seen", () => {
    const pieces = [
      [0, FULL],
      [FULL, FULL],
      [2 * FULL, FULL],
      [3 * FULL, FULL],
    ] as const;
    expect(places(pieces, () => 2 * FULL)).toEqual([0, FULL, 0, FULL]);
    expect(places(pieces)).toEqual([0, FULL, 2 * FULL, 3 * FULL]);
  });
});
