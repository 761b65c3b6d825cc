/** How each type's value lies in memory, and what does not fit into it. */
import { describe, expect, it } from "vitest";
import { ControlHandler, CtrlType } from "../../../src/v4l2/controls/index.js";
import { elementType } from "../../../src/v4l2/controls/elements.js";
import { hex } from "../support/bytes.js";
import { outcome } from "./support.js";

const { Integer, Boolean, Integer64, Bitmask, U8, U16, U32, Menu } = CtrlType;

/** Writes `value` behind two other bytes. */
function written(type: CtrlType, value: unknown): Uint8Array {
  const element = elementType(type);
  if (element === undefined) throw new Error("no such type");
  const bytes = new Uint8Array(2 + element.size);
  element.write(new DataView(bytes.buffer), 2, element.size, value as never);
  return bytes.subarray(2);
}

function readBack(type: CtrlType, bytes: Uint8Array): unknown {
  const behind = Uint8Array.from([0xaa, 0xbb, ...bytes]);
  return elementType(type)?.read(new DataView(behind.buffer), 2, bytes.length);
}

describe("a control's value", () => {
  it.each<[string, CtrlType, unknown, string]>([
    ["integer", Integer, -2, "feffffff"],
    ["integer", Integer, 0x7fffffff, "ffffff7f"],
    ["integer", Integer, -0x80000000, "00000080"],
    ["menu", Menu, 3, "03000000"],
    ["boolean", Boolean, true, "01000000"],
    ["boolean", Boolean, false, "00000000"],
    ["bitmask", Bitmask, 0x80000001, "01000080"],
    ["64 bits", Integer64, -2n, "feffffffffffffff"],
    ["64 bits", Integer64, 2n ** 63n - 1n, "ffffffffffffff7f"],
    ["8 bits", U8, 255, "ff"],
    ["16 bits", U16, 0x1234, "3412"],
    ["32 bits", U32, 0xfedcba98, "98badcfe"],
  ])("of type %s lies in little-endian order: %$", (_name, type, value, bytes) => {
    expect(written(type, value)).toEqual(hex`${bytes}`);
    expect(readBack(type, hex`${bytes}`)).toEqual(value);
  });

  it("any boolean but 0 is true", () => {
    expect(readBack(Boolean, hex`00010000`)).toBe(true);
  });

  it.each<[string, CtrlType, unknown]>([
    ["integer", Integer, 0x80000000],
    ["integer", Integer, -0x80000001],
    ["integer", Integer, 1.5],
    ["integer", Integer, NaN],
    ["bitmask", Bitmask, 0x100000000],
    ["8 bits", U8, 256],
    ["8 bits", U8, -1],
    ["16 bits", U16, 0x10000],
    ["16 bits", U16, -1],
    ["32 bits", U32, 0x100000000],
    ["32 bits", U32, -1],
    ["64 bits", Integer64, 2n ** 63n],
    ["64 bits", Integer64, -(2n ** 63n) - 1n],
  ])("of type %s that does not fit is a mistake of the driver: %$", (_name, type, value) => {
    expect(() => written(type, value)).toThrow(RangeError);
  });

  it("is printed as LOG_STATUS does", () => {
    expect(elementType(Bitmask)?.log(0x1f)).toBe("0x0000001f");
    expect(elementType(CtrlType.Area)?.log({ width: 3, height: 4 })).toBe("3x4");
    const rect = { left: -1, top: 2, width: 3, height: 4 };
    expect(elementType(CtrlType.Rect)?.log(rect)).toBe("(-1,2)/3x4");
    expect(elementType(CtrlType.String)?.log("text")).toBe("text");
    expect(elementType(CtrlType.Vp8Frame)?.log({} as never)).toBe("VP8_FRAME");
    expect(elementType(0x7fff as never)).toBeUndefined();
  });
});

const ID = 0x0098f900;

describe("arrays of numbers", () => {
  it.each([
    [CtrlType.U8, [1, 4, 6], [0, 5, 5]],
    [CtrlType.U16, [1, 4, 6], [0, 5, 5]],
    [CtrlType.U32, [1, 4, 6], [0, 5, 5]],
    [CtrlType.Integer, [-4, 1, 6], [0, 0, 5]],
  ] as const)("are fitted into the range, each element: type %i", (type, given, fitted) => {
    const controls = new ControlHandler();
    const control = controls.addCustom({ id: ID, name: "a", type, dims: [3], max: 5, step: 5 });
    control.setValue(given);
    expect(control.value).toEqual(fitted);
  });

  it("of 64 bits, too", () => {
    const controls = new ControlHandler();
    const control = controls.addCustom({ id: ID, name: "a", type: Integer64, dims: [3], max: 5, step: 5 });
    control.setValue([1n, 4n, -6n]);
    expect(control.value).toEqual([0n, 5n, 0n]);
  });

  it("other dimensions are for arrays whose number of dimensions stays", () => {
    const controls = new ControlHandler();
    const array = controls.addCustom({ id: ID, name: "a", type: U8, dims: [2, 3], max: 5 });
    const simple = controls.addCustom({ id: ID + 1, name: "b", type: Integer, max: 5 });
    expect(() => array.modifyDimensions([6])).toThrow(TypeError);
    expect(() => simple.modifyDimensions([])).toThrow(TypeError);
    for (const dims of [
      [0, 3],
      [2, -1],
      [1.5, 2],
    ])
      expect(() => array.modifyDimensions(dims)).toThrow(RangeError);
    array.modifyDimensions([3, 1]);
    expect(array.value).toEqual([0, 0, 0]);
  });
});

describe("texts", () => {
  it("may be as long as the greatest length, without a NUL behind", () => {
    const controls = new ControlHandler();
    const options = { id: ID, name: "t", type: CtrlType.String, min: 2, max: 6, step: 2 } as const;
    const control = controls.addCustom(options);
    expect(control.value).toBe("  ");
    control.setValue("abcdef");
    expect(control.value).toBe("abcdef");
    expect(outcome(() => control.setValue("abc"))).toBe("ERANGE");
    expect(outcome(() => control.setValue("a"))).toBe("ERANGE");
    expect(control.value).toBe("abcdef");
  });

  it("have lengths that are steps from the least", () => {
    const controls = new ControlHandler();
    const options = { id: ID, name: "t", type: CtrlType.String, min: 1, max: 7, step: 3 } as const;
    const control = controls.addCustom(options);
    const outcomes = [1, 2, 3, 4, 5, 6, 7].map((length) =>
      outcome(() => control.setValue("abcdefg".slice(0, length))),
    );
    expect(outcomes).toEqual(["ok", "ERANGE", "ERANGE", "ok", "ERANGE", "ERANGE", "ok"]);
  });
});

describe("a declaration that describes no control", () => {
  const payload = { size: 4, read: () => 0, write: () => undefined };
  const declare = (options: object) => () => new ControlHandler().addCustom(options as never);

  it.each([
    ["without a name", { id: ID, type: Integer, max: 1 }, "needs a name"],
    ["with an empty one", { id: ID, name: "", type: Integer, max: 1 }, "needs a name"],
    ["with the id 0", { id: 0, name: "x", type: Integer, max: 1 }, "id 0"],
    ["with a negative id", { id: -1, name: "x", type: Integer, max: 1 }, "id -1"],
    ["with half an id", { id: 1.5, name: "x", type: Integer, max: 1 }, "id 1.5"],
    ["with an id of old clients", { id: 0x08000000, name: "x", type: Integer, max: 1 }, "id 134217728"],
    ["of an unknown type", { id: ID, name: "x", type: 0x77, max: 1 }, "needs a payload"],
    ["of a simple type with a payload", { id: ID, name: "x", type: 0x77, payload }, "is a standard one"],
    ["of a standard type with a payload", { id: ID, name: "x", type: 0x200, payload }, "is a standard one"],
    ["without a maximum", { id: ID, name: "x", type: Integer }, "needs a maximum"],
    ["with a text for a number", { id: ID, name: "x", type: Integer, max: "9" }, "made of numbers"],
    ["with a menu that is too short", { id: ID, name: "x", type: Menu, items: ["a"], max: 1 }, "no item 1"],
    [
      "as a dynamic array of two dimensions",
      { id: ID, name: "x", type: U8, dims: [2, 2], flags: 0x800 },
      "one dimension",
    ],
    ["as an array of headings", { id: ID, name: "x", type: CtrlType.CtrlClass, dims: [2] }, "has no arrays"],
    ["of no size", { id: ID, name: "x", type: 0x7777, payload: { ...payload, size: 0 } }, "has no size"],
    ["as a menu without items", { id: ID, name: "x", type: Menu, max: 1 }, "needs items"],
    [
      "as a menu of integers without items",
      { id: ID, name: "x", type: CtrlType.IntegerMenu, max: 1 },
      "needs items",
    ],
    ["as an array of buttons", { id: ID, name: "x", type: CtrlType.Button, dims: [2] }, "has no arrays"],
    ["in five dimensions", { id: ID, name: "x", type: U8, dims: [1, 1, 1, 1, 1] }, "up to 4"],
  ])("%s", (_what, options, told) => {
    expect(declare(options)).toThrow(told);
  });

  it("and one that does: a type of the driver's own, four dimensions", () => {
    expect(declare({ id: ID, name: "x", type: 0x7777, payload })).not.toThrow();
    expect(declare({ id: ID, name: "x", type: U8, dims: [1, 1, 1, 1] })).not.toThrow();
  });
});

describe("VIDIOC_QUERYMENU", () => {
  const controls = new ControlHandler();
  controls.addCustom({
    id: ID,
    name: "m",
    type: Menu,
    items: ["a", "", "c", "d"],
    min: 0,
    max: 2,
    skip: [],
  });
  controls.addCustom({
    id: ID + 1,
    name: "i",
    type: CtrlType.IntegerMenu,
    intItems: [5, 6],
    min: 1,
    default: 1,
  });
  controls.addCustom({ id: ID + 2, name: "n", type: Integer, max: 9 });

  it.each([
    [ID, 0, "a"],
    [ID, 2, "c"],
    [ID + 1, 1, 6n],
  ])("%i has item %i: %s", (id, index, item) => {
    expect(Object.values(controls.querymenu({ id, index }))).toEqual([item]);
  });

  it.each([
    ["a hole", ID, 1],
    ["an item behind the maximum", ID, 3],
    ["an item before the minimum", ID + 1, 0],
    ["an item behind the end", ID + 1, 2],
    ["a control that is no menu", ID + 2, 1],
    ["no control", ID + 3, 0],
  ])("is EINVAL for %s", (_what, id, index) => {
    expect(outcome(() => controls.querymenu({ id, index }))).toBe("EINVAL");
  });
});
