import { describe, expect, it } from "vitest";
import {
  Cid,
  ControlHandler,
  CtrlClass,
  CtrlFlag,
  CtrlNext,
  CtrlType,
} from "../../../src/v4l2/controls/index.js";
import { V4l2Error } from "../../../src/v4l2/error.js";
import { outcome } from "./support.js";

const PRIVATE = 0x0098f900;

function sample(): ControlHandler {
  const controls = new ControlHandler();
  // Out of order on purpose.
  controls.addCompound(Cid.StatelessH264Sps);
  controls.addMenu(Cid.StatelessH264DecodeMode);
  controls.addStandard(Cid.Gain, { max: 100, step: 5, default: 10 });
  controls.addStandard(Cid.Brightness, { max: 255, default: 128 });
  controls.addCustom({ id: PRIVATE + 1, name: "Grid", type: CtrlType.U8, dims: [2, 3], max: 9 });
  controls.addCustom({ id: PRIVATE, name: "Text", type: CtrlType.String, min: 2, max: 4 });
  controls.addCustom({ id: PRIVATE + 2, name: "Level", type: CtrlType.Integer, min: -3, max: 3 });
  controls.addCustom({ id: PRIVATE + 3, name: "Go", type: CtrlType.Button });
  controls.addCustom({ id: PRIVATE + 4, name: "Byte", type: CtrlType.U8 });
  return controls;
}

const walk = (controls: ControlHandler, flags: number): number[] => {
  const ids: number[] = [];
  for (let id = 0; ;) {
    try {
      id = controls.queryExtCtrl((id | flags) >>> 0).id;
    } catch (error) {
      if (error instanceof V4l2Error && error.code === "EINVAL") return ids;
      throw error;
    }
    ids.push(id);
  }
};

describe("VIDIOC_QUERYCTRL with NEXT flags", () => {
  const simple = [
    Cid.UserClass,
    Cid.Brightness,
    Cid.Gain,
    PRIVATE,
    PRIVATE + 2,
    PRIVATE + 3,
    Cid.CodecStatelessClass,
    Cid.StatelessH264DecodeMode,
  ];
  const compound = [PRIVATE + 1, PRIVATE + 4, Cid.StatelessH264Sps];

  it.each([
    ["NEXT_CTRL: controls that are neither compound nor arrays, by id, classes first", CtrlNext.Ctrl, simple],
    ["NEXT_COMPOUND: the others", CtrlNext.Compound, compound],
    ["both: all", (CtrlNext.Ctrl | CtrlNext.Compound) >>> 0, [...simple, ...compound].sort((a, b) => a - b)],
  ])("%s", (_, flags, ids) => {
    expect(walk(sample(), flags)).toEqual(ids);
  });

  it("goes on from an id that does not exist", () => {
    expect(sample().queryctrl((CtrlNext.Ctrl | (Cid.Brightness + 1)) >>> 0).id).toBe(Cid.Gain);
  });

  it("ends with EINVAL, and has nothing to go through in an empty handler", () => {
    expect(outcome(() => sample().queryctrl((CtrlNext.Ctrl | 0x0fffffff) >>> 0))).toBe("EINVAL");
    expect(outcome(() => new ControlHandler().queryctrl(CtrlNext.Ctrl))).toBe("EINVAL");
  });
});

describe("VIDIOC_QUERYCTRL", () => {
  it("describes an integer", () => {
    expect(sample().queryctrl(Cid.Gain)).toEqual({
      id: Cid.Gain,
      type: CtrlType.Integer,
      name: "Gain",
      minimum: 0,
      maximum: 100,
      step: 5,
      defaultValue: 10,
      flags: 0,
    });
  });

  it.each([
    ["array", PRIVATE + 1],
    ["compound", Cid.StatelessH264Sps],
    ["button", PRIVATE + 3],
    ["class", Cid.UserClass],
  ])("shows no range for a control of kind %s", (_, id) => {
    expect(sample().queryctrl(id)).toMatchObject({ minimum: 0, maximum: 0, step: 0, defaultValue: 0 });
  });

  it("shows the range of 64-bit integers in QUERY_EXT_CTRL only", () => {
    const controls = new ControlHandler();
    controls.addCustom({
      id: PRIVATE,
      name: "Long",
      type: CtrlType.Integer64,
      min: -(2n ** 63n),
      max: 2n ** 63n - 1n,
    });
    expect(controls.queryctrl(PRIVATE)).toMatchObject({ minimum: 0, maximum: 0, step: 0 });
    expect(controls.queryExtCtrl(PRIVATE)).toMatchObject({
      minimum: -(2n ** 63n),
      maximum: 2n ** 63n - 1n,
      step: 1n,
    });
  });

  it("wraps a bitmask's maximum into 32 bits", () => {
    const controls = new ControlHandler();
    controls.addCustom({
      id: PRIVATE,
      name: "Bits",
      type: CtrlType.Bitmask,
      max: 0x80402010,
      default: 0x80002000,
    });
    expect(controls.queryctrl(PRIVATE)).toMatchObject({
      maximum: 0x80402010 | 0,
      defaultValue: 0x80002000 | 0,
      step: 0,
    });
    expect(controls.queryExtCtrl(PRIVATE)).toMatchObject({ maximum: 0x80402010n });
  });

  it("shows 1 as a menu's step, whatever it skips", () => {
    const controls = new ControlHandler();
    controls.addMenu(Cid.Colorfx, { skip: [1, 3] });
    controls.addIntMenu(Cid.LinkFreq, { items: [1, 2, 3], skip: [1] });
    expect([Cid.Colorfx, Cid.LinkFreq].map((id) => controls.queryctrl(id).step)).toEqual([1, 1]);
  });

  it("marks payloads", () => {
    const flags = (id: number) => sample().queryctrl(id).flags & CtrlFlag.HasPayload;
    expect([PRIVATE, PRIVATE + 1, Cid.StatelessH264Sps, Cid.Gain].map(flags)).toEqual([
      0x100, 0x100, 0x100, 0,
    ]);
  });

  it("numbers private user controls that fit S_CTRL for old clients, and keeps their number as the id", () => {
    const controls = sample();
    expect([0, 1].map((index) => controls.queryctrl(0x08000000 + index))).toMatchObject([
      { id: 0x08000000, name: "Level" },
      { id: 0x08000001, name: "Go" },
    ]);
    expect(outcome(() => controls.queryctrl(0x08000002))).toBe("EINVAL");
  });

  it("refuses an unknown id with EINVAL", () => {
    expect(outcome(() => sample().queryctrl(Cid.Hue))).toBe("EINVAL");
  });
});

describe("VIDIOC_QUERY_EXT_CTRL", () => {
  it("describes arrays", () => {
    expect(sample().queryExtCtrl(PRIVATE + 1)).toMatchObject({
      elemSize: 1,
      elems: 6,
      dims: [2, 3],
      maximum: 9n,
    });
  });

  it("describes dynamic arrays: elems is the present length, dims the greatest", () => {
    const controls = new ControlHandler();
    const offsets = controls.addCompound(Cid.StatelessHevcEntryPointOffsets, {
      dims: [256],
      max: 0xffffffff,
    });
    expect(controls.queryExtCtrl(offsets.id)).toMatchObject({ elemSize: 4, elems: 1, dims: [256] });
    offsets.setValue([1, 2, 3]);
    expect(controls.queryExtCtrl(offsets.id)).toMatchObject({ elems: 3, dims: [256] });
    expect(controls.queryExtCtrl(offsets.id).flags & CtrlFlag.DynamicArray).not.toBe(0);
  });

  it("counts the NUL in a string's element size", () => {
    expect(sample().queryExtCtrl(PRIVATE)).toMatchObject({
      elemSize: 5,
      elems: 1,
      dims: [],
      minimum: 2n,
      maximum: 4n,
    });
  });
});

describe("VIDIOC_QUERYMENU", () => {
  const controls = new ControlHandler();
  controls.addMenu(Cid.PowerLineFrequency, { max: 2, skip: [0], default: 1 });
  controls.addIntMenu(Cid.LinkFreq, { items: [100_000_000, 200_000_000n], skip: [0], default: 1 });
  controls.addStandard(Cid.Gain, { max: 1 });
  controls.addCustom({
    id: PRIVATE,
    name: "Holes",
    type: CtrlType.Menu,
    items: ["", "one", "", "three"],
    min: 1,
    max: 3,
    default: 1,
  });

  it.each([
    [Cid.PowerLineFrequency, 1, { name: "50 Hz" }],
    [Cid.LinkFreq, 1, { value: 200_000_000n }],
    [PRIVATE, 3, { name: "three" }],
  ])("control 0x%x item %d", (id, index, reply) => {
    expect(controls.querymenu({ id, index })).toEqual(reply);
  });

  it.each([
    ["a skipped item", Cid.PowerLineFrequency, 0],
    ["an item past the maximum", Cid.PowerLineFrequency, 3],
    ["a skipped item of integers", Cid.LinkFreq, 0],
    ["an item before the minimum", PRIVATE, 0],
    ["an empty item", PRIVATE, 2],
    ["an index of all ones", PRIVATE, 0xffffffff],
    ["a control that is no menu", Cid.Gain, 0],
    ["an unknown control", Cid.Hue, 0],
  ])("refuses %s with EINVAL", (_, id, index) => {
    expect(outcome(() => controls.querymenu({ id, index }))).toBe("EINVAL");
  });
});

describe("declaring controls", () => {
  it("adds each class with its first simple control only", () => {
    const controls = new ControlHandler();
    controls.addCompound(Cid.StatelessH264Sps);
    expect(controls.controls.map(({ id }) => id)).toEqual([Cid.StatelessH264Sps]);
    controls.addMenu(Cid.StatelessH264DecodeMode);
    controls.addMenu(Cid.StatelessH264StartCode);
    expect(controls.controls.map(({ id }) => id)).toEqual([
      Cid.CodecStatelessClass,
      Cid.StatelessH264DecodeMode,
      Cid.StatelessH264StartCode,
      Cid.StatelessH264Sps,
    ]);
    expect(controls.queryctrl(Cid.CodecStatelessClass)).toMatchObject({
      name: "Stateless Codec Controls",
      type: CtrlType.CtrlClass,
      flags: CtrlFlag.ReadOnly | CtrlFlag.WriteOnly,
    });
  });

  it("needs a name for a class of the driver's own", () => {
    const controls = new ControlHandler();
    const own = { id: 0x00f0f000, name: "Own", type: CtrlType.Boolean } as const;
    expect(() => controls.addCustom(own)).toThrow(RangeError);
    controls.addCustom({
      id: 0x00f00001,
      name: "Own Controls",
      type: CtrlType.CtrlClass,
      flags: CtrlFlag.WriteOnly,
    });
    controls.addCustom(own);
    expect(controls.controls.map(({ name }) => name)).toEqual(["Own Controls", "Own"]);
  });

  it.each<[string, (controls: ControlHandler) => unknown]>([
    ["the same id twice", (controls) => [controls.addStandard(Cid.Hflip), controls.addStandard(Cid.Hflip)]],
    ["a default outside the range", (controls) => controls.addStandard(Cid.Gain, { max: 10, default: 11 })],
    ["a step of 0", (controls) => controls.addStandard(Cid.Gain, { max: 10, step: 0 })],
    ["a range that the type cannot hold", (controls) => controls.addStandard(Cid.Gain, { max: 2 ** 31 })],
    ["a menu past its last item", (controls) => controls.addMenu(Cid.PowerLineFrequency, { max: 4 })],
    ["a skipped default", (controls) => controls.addMenu(Cid.PowerLineFrequency, { skip: [0] })],
    ["items for a standard menu", (controls) => controls.addMenu(Cid.Colorfx, { items: ["a"] })],
    ["a menu without items", (controls) => controls.addMenu(Cid.TestPattern)],
    ["a menu of integers without items", (controls) => controls.addIntMenu(Cid.LinkFreq)],
    ["a menu by addStandard", (controls) => controls.addStandard(Cid.Colorfx)],
    ["a compound control by addStandard", (controls) => controls.addStandard(Cid.StatelessH264Sps)],
    ["a simple control by addCompound", (controls) => controls.addCompound(Cid.Gain)],
    ["a dynamic array without its length", (controls) => controls.addCompound(Cid.StatelessHevcSliceParams)],
    [
      "five dimensions",
      (controls) =>
        controls.addCustom({ id: PRIVATE, name: "x", type: CtrlType.U8, dims: [1, 1, 1, 1, 1], max: 1 }),
    ],
    [
      "a dimension of 0",
      (controls) => controls.addCustom({ id: PRIVATE, name: "x", type: CtrlType.U8, dims: [0], max: 1 }),
    ],
    [
      "an array of buttons",
      (controls) => controls.addCustom({ id: PRIVATE, name: "x", type: CtrlType.Button, dims: [2] }),
    ],
    ["an id of 0", (controls) => controls.addCustom({ id: 0, name: "x", type: CtrlType.Boolean })],
    [
      "an id of old clients",
      (controls) => controls.addCustom({ id: 0x08000000, name: "x", type: CtrlType.Boolean }),
    ],
    [
      "a bitmask without bits",
      (controls) => controls.addCustom({ id: PRIVATE, name: "x", type: CtrlType.Bitmask }),
    ],
    [
      "a string with a default",
      (controls) => controls.addCustom({ id: PRIVATE, name: "x", type: CtrlType.String, max: 4, default: 1 }),
    ],
    [
      "a boolean up to 2",
      (controls) => controls.addCustom({ id: PRIVATE, name: "x", type: CtrlType.Boolean, max: 2 }),
    ],
  ])("refuses %s", (_, declare) => {
    expect(() => declare(new ControlHandler())).toThrow(RangeError);
  });

  it("fixes what the standard fixes", () => {
    const controls = new ControlHandler();
    controls.addStandard(Cid.BgColor, { max: 7, default: 5 });
    controls.addStandard(Cid.Hflip, { max: 9 });
    controls.addStandard(Cid.MpegVideoForceKeyFrame);
    expect(controls.queryctrl(Cid.BgColor)).toMatchObject({
      minimum: 0,
      maximum: 0xffffff,
      step: 1,
      defaultValue: 5,
    });
    expect(controls.queryctrl(Cid.Hflip)).toMatchObject({ minimum: 0, maximum: 1, step: 1 });
    expect(controls.queryctrl(Cid.MpegVideoForceKeyFrame).flags).toBe(
      CtrlFlag.WriteOnly | CtrlFlag.ExecuteOnWrite,
    );
  });

  it("reports minimum and maximum values only where told to", () => {
    const old = new ControlHandler();
    const recent = new ControlHandler({ minMaxValues: true });
    for (const controls of [old, recent]) {
      controls.addStandard(Cid.Gain, { max: 9 });
      controls.addStandard(Cid.DoWhiteBalance);
      controls.addCustom({ id: PRIVATE, name: "Text", type: CtrlType.String, max: 4 });
      controls.addCustom({ id: PRIVATE + 1, name: "Bytes", type: CtrlType.U8, dims: [2] });
    }
    const flag = (controls: ControlHandler, id: number) =>
      controls.queryctrl(id).flags & CtrlFlag.HasWhichMinMax;
    expect(flag(old, Cid.Gain)).toBe(0);
    expect(flag(recent, Cid.Gain)).toBe(CtrlFlag.HasWhichMinMax);
    const without = [Cid.DoWhiteBalance, Cid.UserClass, PRIVATE, PRIVATE + 1];
    expect(without.map((id) => flag(recent, id))).toEqual([0, 0, 0, 0]);
  });
});

describe("inheriting controls", () => {
  const base = (): ControlHandler => {
    const controls = new ControlHandler();
    controls.addStandard(Cid.Brightness, { max: 9 });
    controls.addStandard(Cid.Gain, { max: 9 });
    controls.addCustom({ id: PRIVATE, name: "Secret", type: CtrlType.Boolean, private: true });
    controls.addCustom({
      id: PRIVATE + 1,
      name: "Secret payload",
      type: 0x7000,
      payload: { size: 1, read: () => 0, write: () => undefined },
      private: true,
    });
    return controls;
  };

  it("shows the same controls in both handlers, but for private ones", () => {
    const from = base();
    const to = new ControlHandler();
    to.inherit(from);
    expect(to.controls.map(({ id }) => id)).toEqual([Cid.UserClass, Cid.Brightness, Cid.Gain]);
    from.find(Cid.Gain)?.setValue(4);
    expect(to.gCtrl(Cid.Gain)).toBe(4);
  });

  it("of the handler itself changes nothing", () => {
    const controls = base();
    const before = controls.controls.map(({ id }) => id);
    controls.inherit(controls);
    expect(controls.controls.map(({ id }) => id)).toEqual(before);
  });

  it("brings headings, a driver's own too", () => {
    const from = new ControlHandler();
    from.addCustom({
      id: 0x00f00001,
      name: "Own Controls",
      type: CtrlType.CtrlClass,
      flags: CtrlFlag.WriteOnly,
    });
    from.addCustom({ id: 0x00f0f000, name: "Own", type: CtrlType.Boolean });
    const to = new ControlHandler();
    to.inherit(from);
    expect(to.controls.map(({ name }) => name)).toEqual(["Own Controls", "Own"]);
  });

  it("brings no heading without a control below it", () => {
    const to = new ControlHandler();
    to.inherit(base(), { filter: ({ id }) => id !== Cid.Brightness && id !== Cid.Gain });
    expect(to.controls).toEqual([]);
    const compound = new ControlHandler();
    compound.addCompound(Cid.StatelessH264Sps);
    to.inherit(compound);
    expect(to.controls.map(({ id }) => id)).toEqual([Cid.StatelessH264Sps]);
  });

  it("keeps a control of its own and takes what a filter lets through", () => {
    const to = new ControlHandler();
    to.addStandard(Cid.Gain, { max: 1 });
    to.inherit(base(), { filter: ({ id }) => id !== Cid.Brightness });
    expect(to.controls.map(({ id }) => id)).toEqual([Cid.UserClass, Cid.Gain]);
    expect(to.queryctrl(Cid.Gain).maximum).toBe(1);
    expect(CtrlClass.User).toBe(Cid.UserClass - 1);
  });
});
