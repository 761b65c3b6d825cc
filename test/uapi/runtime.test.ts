import { describe, expect, it } from "vitest";
import { printFourcc } from "../../src/uapi/plain.js";
import {
  BigIntArray,
  NumberArray,
  readCString,
  StructArray,
  writeBytes,
  writeCString,
} from "../../src/uapi/runtime.js";

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

describe("C strings", () => {
  const written = (text: string, size = 8): number[] => {
    const bytes = new Uint8Array(size + 2).fill(0xee);
    writeCString(bytes, 1, size, text);
    expect([bytes[0], bytes[size + 1]]).toEqual([0xee, 0xee]);
    return [...bytes.subarray(1, size + 1)];
  };

  it("are written with zeroes to the end of the array", () => {
    expect(written("visl")).toEqual([0x76, 0x69, 0x73, 0x6c, 0, 0, 0, 0]);
    expect(written("")).toEqual(new Array(8).fill(0));
  });

  it("keep room for the NUL", () => {
    expect(written("12345678")).toEqual([0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0]);
  });

  it("are cut between characters, not within one", () => {
    expect(written("123456ü")).toEqual([0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0, 0]);
    expect(written("🎥🎥")).toEqual([0xf0, 0x9f, 0x8e, 0xa5, 0, 0, 0, 0]);
  });

  it("end at their first NUL, in both directions", () => {
    expect(written("ab\0cd")).toEqual([0x61, 0x62, 0, 0, 0, 0, 0, 0]);
    expect(readCString(Uint8Array.of(0x61, 0x62, 0, 0x63), 0, 4)).toBe("ab");
  });

  it("are read to the end of an array without NUL, and no further", () => {
    expect(readCString(Uint8Array.of(0x61, 0x62, 0x63, 0x64), 1, 2)).toBe("bc");
  });

  it("show bytes that are no UTF-8 as U+FFFD", () => {
    expect(readCString(Uint8Array.of(0x61, 0xff, 0x62), 0, 3)).toBe("a\ufffdb");
  });
});

describe("writeBytes", () => {
  it("zeroes what was not given, and refuses too much", () => {
    const bytes = new Uint8Array(4).fill(9);
    writeBytes(bytes, 1, 3, [1]);
    expect([...bytes]).toEqual([9, 1, 0, 0]);
    expect(() => writeBytes(bytes, 1, 3, [1, 2, 3, 4])).toThrow(RangeError);
  });
});

describe("arrays", () => {
  it("are live, at any alignment", () => {
    const bytes = new Uint8Array(9);
    const array = new NumberArray(view(bytes), 1, "s16", 4);
    array.set(1, -2);
    expect([...bytes]).toEqual([0, 0, 0, 0xfe, 0xff, 0, 0, 0, 0]);
    expect(array.get(1)).toBe(-2);
    expect(array.toArray()).toEqual([0, -2, 0, 0]);
  });

  it.each([-1, 2, 0.5, NaN])("refuse the index %d", (index) => {
    const bytes = new Uint8Array(16);
    class Item {
      static readonly SIZE = 8;
      constructor(readonly bytes: Uint8Array) {}
    }
    const numbers = new NumberArray(view(bytes), 0, "u32", 2);
    const bigints = new BigIntArray(view(bytes), 0, "u64", 2);
    const structs = new StructArray(bytes, 0, Item, 2);
    for (const array of [numbers, bigints, structs]) expect(() => array.get(index)).toThrow(RangeError);
    expect(() => numbers.set(index, 1)).toThrow(RangeError);
    expect(() => bigints.set(index, 1n)).toThrow(RangeError);
    expect([...bytes]).toEqual(new Array(16).fill(0));
  });

  it("take as many values as they hold, and zero the rest", () => {
    const array = new BigIntArray(view(new Uint8Array(24).fill(0xff)), 0, "s64", 3);
    array.assign([-5n]);
    expect(array.toArray()).toEqual([-5n, 0n, 0n]);
    expect(() => array.assign([1n, 2n, 3n, 4n])).toThrow("array holds 3 values, got 4");
  });
});

describe("printFourcc", () => {
  it.each([
    [0x3231564e, "'NV12'"],
    [0xa0363159, "'Y16 '-BE"],
    [0, "0x00000000"],
    [0x01020304, "0x01020304"],
  ])("%d is %s", (value, text) => expect(printFourcc(value)).toBe(text));
});
