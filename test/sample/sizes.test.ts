/** Which size and which interval is nearest, and which are listed. */
import { describe, expect, it } from "vitest";
import {
  frameIntervalAt,
  frameSizeAt,
  hasSize,
  nearestInterval,
  nearestSize,
  within,
} from "../../src/sample/sizes.js";

const size = (width: number, height: number) => ({ width, height });
const per = (denominator: number, numerator = 1) => ({ numerator, denominator });
const list = [size(640, 480), size(320, 240)];
const range = { least: size(16, 32), most: size(640, 480), step: 4 };

describe("a size", () => {
  it.each([
    [100, 16, 640, 4, 100],
    [103, 16, 640, 4, 100],
    [15, 16, 640, 4, 16],
    [0, 16, 640, 4, 16],
    [640, 16, 640, 4, 640],
    [641, 16, 640, 4, 640],
  ])("%i within %i and %i in steps of %i is %i", (value, least, most, step, expected) => {
    expect(within(value, least, most, step)).toBe(expected);
  });

  it("is the nearest of a list, of two as near the first; of a range the next lower, each side by itself", () => {
    expect(nearestSize(size(480, 360), list)).toEqual(size(640, 480));
    expect(nearestSize(size(479, 360), list)).toEqual(size(320, 240));
    expect(nearestSize(size(500, 100), list)).toEqual(size(320, 240));
    expect(nearestSize(size(17, 500), range)).toEqual(size(16, 480));
    expect(nearestSize(size(1, 1), range)).toEqual(size(16, 32));
  });

  it("is one of them if both its sides are", () => {
    const known = [size(640, 480), size(640, 240), size(320, 480), size(642, 480)];
    expect(known.map((one) => hasSize(list, one))).toEqual([true, false, false, false]);
    expect([size(20, 36), size(20, 37), size(21, 36)].map((one) => hasSize(range, one))).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("is listed by its index", () => {
    expect([0, 1, 2].map((index) => frameSizeAt(list, index))).toEqual([
      { kind: "discrete", width: 640, height: 480 },
      { kind: "discrete", width: 320, height: 240 },
      undefined,
    ]);
    expect([0, 1].map((index) => frameSizeAt(range, index))).toEqual([
      {
        ...{ kind: "stepwise", minWidth: 16, maxWidth: 640, stepWidth: 4 },
        ...{ minHeight: 32, maxHeight: 480, stepHeight: 4 },
      },
      undefined,
    ]);
  });
});

describe("an interval", () => {
  const rates = [per(30), per(10)];
  const between = { least: per(120), most: per(1, 2) };

  it("is the default if either number is 0", () => {
    for (const wish of [per(0), per(30, 0), per(0, 0)])
      for (const intervals of [rates, between])
        expect(nearestInterval(wish, intervals, per(25))).toEqual(per(25));
  });

  it("is the nearest of a list, of two as near the first; within a range the wish itself", () => {
    expect(nearestInterval(per(29), rates, per(25))).toEqual(per(30));
    expect(nearestInterval(per(11), rates, per(25))).toEqual(per(10));
    // As far from one quarter second as from three.
    expect(nearestInterval(per(2), [per(4), per(4, 3)], per(25))).toEqual(per(4));
    expect(nearestInterval(per(50), between, per(25))).toEqual(per(50));
    expect(nearestInterval(per(121), between, per(25))).toEqual(per(120));
    expect(nearestInterval(per(240, 2), between, per(25))).toEqual(per(120));
    expect(nearestInterval(per(2, 4), between, per(25))).toEqual(per(1, 2));
    expect(nearestInterval(per(2, 5), between, per(25))).toEqual(per(1, 2));
  });

  it("is listed by its index", () => {
    expect([0, 1, 2].map((index) => frameIntervalAt(rates, index))).toEqual([
      { kind: "discrete", interval: per(30) },
      { kind: "discrete", interval: per(10) },
      undefined,
    ]);
    expect([0, 1].map((index) => frameIntervalAt(between, index))).toEqual([
      { kind: "continuous", min: per(120), max: per(1, 2), step: per(1) },
      undefined,
    ]);
  });
});
