import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isFullRange,
  rangeFault,
  roundBigInt,
  roundNumber,
} from "../../../src/v4l2/controls/control-ranges.js";
import { CtrlType } from "../../../src/v4l2/controls/index.js";

const range = (minimum: bigint, maximum: bigint, step: bigint, defaultValue: bigint) => ({
  minimum,
  maximum,
  step,
  defaultValue,
});
const { Boolean, Integer, Integer64, U8, U16, U32, Bitmask, Menu, IntegerMenu, String } = CtrlType;

/** v4l2-ctrls-core.c, check_range; and that a type can hold its range, which the kernel's 64 bits leave to the driver. */
describe("a range", () => {
  it.each([
    [Boolean, range(0n, 1n, 1n, 0n)],
    [Boolean, range(1n, 1n, 1n, 1n)],
    [Integer, range(-3n, 3n, 2n, 0n)],
    [Integer, range(5n, 5n, 1n, 5n)],
    [Integer, range(-0x80000000n, 0x7fffffffn, 1n, 0n)],
    [Integer64, range(-(2n ** 63n), 2n ** 63n - 1n, 1n, 0n)],
    [U8, range(0n, 255n, 1n, 255n)],
    [U16, range(0n, 0xffffn, 1n, 0n)],
    [U32, range(0n, 0xffffffffn, 1n, 0n)],
    [Bitmask, range(0n, 0b1010n, 0n, 0b1000n)],
    [Menu, range(0n, 3n, 0b0100n, 3n)],
    [Menu, range(0n, 63n, 1n, 63n)],
    [Menu, range(0n, 64n, 0n, 64n)],
    [IntegerMenu, range(1n, 1n, 0n, 1n)],
    [String, range(0n, 0n, 1n, 0n)],
    [String, range(2n, 8n, 2n, 0n)],
  ])("%$: of type %i that is fine", (type, fine) => {
    expect(rangeFault(type, fine)).toBeUndefined();
  });

  it.each([
    [Boolean, range(0n, 1n, 2n, 0n), "steps of 1"],
    [Boolean, range(0n, 2n, 1n, 0n), "from 0 to 1"],
    [Boolean, range(-1n, 1n, 1n, 0n), "from 0 to 1"],
    [Boolean, range(1n, 0n, 1n, 1n), "outside"],
    [Boolean, range(1n, 1n, 1n, 0n), "outside"],
    [Integer, range(0n, 3n, 0n, 0n), "step"],
    [Integer, range(0n, 3n, -1n, 0n), "step"],
    [Integer, range(4n, 3n, 1n, 4n), "minimum is above"],
    [Integer, range(0n, 3n, 1n, -1n), "default is outside"],
    [Integer, range(0n, 3n, 1n, 4n), "default is outside"],
    [Integer, range(-0x80000001n, 0n, 1n, 0n), "cannot hold"],
    [Integer, range(0n, 0x80000000n, 1n, 0n), "cannot hold"],
    [Integer64, range(0n, 2n ** 63n, 1n, 0n), "cannot hold"],
    [U8, range(-1n, 3n, 1n, 0n), "cannot hold"],
    [U8, range(0n, 256n, 1n, 0n), "cannot hold"],
    [U16, range(0n, 0x10000n, 1n, 0n), "cannot hold"],
    [U32, range(0n, 0x100000000n, 1n, 0n), "cannot hold"],
    [Bitmask, range(0n, 1n, 1n, 0n), "no minimum and no step"],
    [Bitmask, range(1n, 1n, 0n, 1n), "no minimum and no step"],
    [Bitmask, range(0n, 0n, 0n, 0n), "needs bits"],
    [Bitmask, range(0n, 0b1010n, 0n, 0b0100n), "bits that the maximum lacks"],
    [Menu, range(3n, 2n, 0n, 3n), "empty"],
    [Menu, range(-1n, 2n, 0n, 0n), "empty"],
    [Menu, range(1n, 2n, 0n, 0n), "outside the menu"],
    [Menu, range(0n, 2n, 0n, 3n), "outside the menu"],
    [Menu, range(0n, 64n, 1n, 64n), "at most 64 items"],
    [Menu, range(0n, 2n, 0b010n, 1n), "skipped"],
    [IntegerMenu, range(0n, 2n, 0b100n, 2n), "skipped"],
    [String, range(3n, 2n, 1n, 0n), "no range"],
    [String, range(-1n, 2n, 1n, 0n), "no range"],
    [String, range(0n, 2n, 0n, 0n), "step"],
    [String, range(0n, 2n, 1n, 1n), "no default"],
  ])("%$: of type %i that is impossible", (type, impossible, fault) => {
    expect(rangeFault(type, impossible)).toContain(fault);
  });

  it("lets every value of its type through, or not", () => {
    expect(isFullRange(U8, range(0n, 255n, 1n, 0n))).toBe(true);
    expect(isFullRange(U8, range(1n, 255n, 1n, 1n))).toBe(false);
    expect(isFullRange(U8, range(0n, 254n, 1n, 0n))).toBe(false);
    expect(isFullRange(U8, range(0n, 255n, 2n, 0n))).toBe(false);
    expect(isFullRange(Integer, range(0n, 255n, 1n, 0n))).toBe(false);
    expect(isFullRange(Bitmask, range(0n, 255n, 0n, 0n))).toBe(false);
  });
});

describe("a client's number", () => {
  it.each([
    [{ minimum: 0, maximum: 100, step: 10 }, 4, 0],
    [{ minimum: 0, maximum: 100, step: 10 }, 5, 10], // Ties go up.
    [{ minimum: 0, maximum: 100, step: 10 }, 94, 90],
    [{ minimum: 0, maximum: 100, step: 10 }, 95, 100],
    [{ minimum: 0, maximum: 100, step: 10 }, 2147483647, 100],
    [{ minimum: 0, maximum: 100, step: 10 }, -2147483648, 0],
    [{ minimum: 3, maximum: 10, step: 3 }, 10, 9], // Steps count from the minimum.
    [{ minimum: -10, maximum: -1, step: 4 }, -5, -6],
    [{ minimum: -10, maximum: -1, step: 4 }, -4, -2],
    [{ minimum: -10, maximum: -1, step: 4 }, 5, -2],
    [{ minimum: -5, maximum: 5, step: 3 }, -4, -5],
    [{ minimum: -5, maximum: 5, step: 3 }, 0, 1],
  ])("is fitted into %j: %i", (numbers, value, fitted) => {
    expect(roundNumber(value, numbers)).toBe(fitted);
    const [minimum, maximum, step] = [numbers.minimum, numbers.maximum, numbers.step].map(BigInt) as [
      bigint,
      bigint,
      bigint,
    ];
    expect(roundBigInt(BigInt(value), range(minimum, maximum, step, minimum))).toBe(BigInt(fitted));
  });

  it("is a legal one that is no further away than half a step, whatever the range", () => {
    const small = fc.integer({ min: -50, max: 50 });
    fc.assert(
      fc.property(small, fc.nat(60), fc.integer({ min: 1, max: 9 }), small, (minimum, span, step, value) => {
        const maximum = minimum + span;
        const fitted = roundNumber(value, { minimum, maximum, step });
        const greatest = minimum + step * Math.floor(span / step);
        expect((fitted - minimum) % step).toBe(0);
        expect(fitted).toBeGreaterThanOrEqual(minimum);
        expect(fitted).toBeLessThanOrEqual(maximum);
        const within = Math.min(Math.max(value, minimum), greatest);
        expect(Math.abs(fitted - within)).toBeLessThanOrEqual(step / 2);
        const big = range(BigInt(minimum), BigInt(maximum), BigInt(step), BigInt(minimum));
        expect(roundBigInt(BigInt(value), big)).toBe(BigInt(fitted));
      }),
    );
  });
});
