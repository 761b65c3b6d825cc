import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Cid, ControlHandler, CtrlFlag, CtrlType } from "../../../src/v4l2/controls/index.js";
import { roundBigInt, roundNumber } from "../../../src/v4l2/controls/control-ranges.js";
import { V4l2Error } from "../../../src/v4l2/error.js";
import { FakeFile, outcome } from "./support.js";

const PRIVATE = 0x0098f900;
const file = new FakeFile();

describe("rounding to a range", () => {
  it.each([
    // value, min, max, step, result
    [7, 0, 10, 1, 7],
    [-1, 0, 10, 1, 0],
    [11, 0, 10, 1, 10],
    [7, 0, 10, 5, 5],
    [8, 0, 10, 5, 10],
    [12, 0, 12, 5, 10],
    [3, 1, 20, 4, 5],
    [2, 1, 20, 4, 1],
    [-7, -10, -1, 3, -7],
    [-6, -10, -1, 3, -7],
    [0, -10, -1, 3, -1],
    [0x7fffffff, 0, 0x7fffffff, 1, 0x7fffffff],
    [0x7fffffff, -0x80000000, 0x7fffffff, 16, 0x7ffffff0],
    [-0x80000000, -0x80000000, 0x7fffffff, 1, -0x80000000],
  ])("%d in %d..%d by %d is %d", (value, minimum, maximum, step, expected) => {
    expect(roundNumber(value, { minimum, maximum, step })).toBe(expected);
    const big = { minimum: BigInt(minimum), maximum: BigInt(maximum), step: BigInt(step), defaultValue: 0n };
    expect(roundBigInt(BigInt(value), big)).toBe(BigInt(expected));
  });

  it("gives a legal value that rounding does not change any more", () => {
    const s32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
    fc.assert(
      fc.property(s32, s32, s32, fc.integer({ min: 1, max: 0x7fffffff }), (value, one, other, step) => {
        const range = { minimum: Math.min(one, other), maximum: Math.max(one, other), step };
        const rounded = roundNumber(value, range);
        expect(rounded).toBeGreaterThanOrEqual(range.minimum);
        expect(rounded).toBeLessThanOrEqual(range.maximum);
        expect((rounded - range.minimum) % step).toBe(0);
        expect(roundNumber(rounded, range)).toBe(rounded);
      }),
    );
  });
});

describe("VIDIOC_S_CTRL", () => {
  function sample() {
    const controls = new ControlHandler();
    controls.addStandard(Cid.Gain, { min: 10, max: 100, step: 10, default: 50 });
    controls.addStandard(Cid.Hflip);
    controls.addMenu(Cid.PowerLineFrequency, { max: 2, skip: [1] });
    controls.addCustom({ id: PRIVATE, name: "Bits", type: CtrlType.Bitmask, max: 0x80000011 });
    controls.addStandard(Cid.DoWhiteBalance);
    controls.addStandard(Cid.MinBuffersForCapture, { max: 9, default: 3 });
    controls.addCustom({ id: PRIVATE + 1, name: "Long", type: CtrlType.Integer64, max: 9 });
    controls.addCustom({ id: PRIVATE + 2, name: "Text", type: CtrlType.String, max: 9 });
    controls.addCustom({ id: PRIVATE + 3, name: "List", type: CtrlType.Integer, max: 9, dims: [2] });
    controls.addCustom({ id: PRIVATE + 4, name: "Hole", type: CtrlType.Menu, items: ["a", "", "c"] });
    return controls;
  }

  it.each([
    ["an integer is rounded", Cid.Gain, 44, 40],
    ["and clamped", Cid.Gain, 1000, 100],
    ["a boolean becomes 0 or 1", Cid.Hflip, -5, 1],
    ["a bitmask loses foreign bits", PRIVATE, -1, 0x80000011 | 0],
    ["a menu item stays", Cid.PowerLineFrequency, 2, 2],
  ])("%s", (_, id, value, expected) => {
    const controls = sample();
    expect(controls.sCtrl({ id, value }, file)).toBe(expected);
    expect(controls.gCtrl(id)).toBe(expected);
  });

  it.each([
    ["an unknown control", Cid.Hue, 0, "EINVAL"],
    ["a menu item past the end", Cid.PowerLineFrequency, 3, "ERANGE"],
    ["a negative menu item", Cid.PowerLineFrequency, -1, "ERANGE"],
    ["a skipped menu item", Cid.PowerLineFrequency, 1, "EINVAL"],
    ["an empty menu item", PRIVATE + 4, 1, "EINVAL"],
    ["a read-only control", Cid.MinBuffersForCapture, 1, "EACCES"],
    ["a class", Cid.UserClass, 1, "EACCES"],
    ["a 64-bit integer", PRIVATE + 1, 1, "EINVAL"],
    ["a text", PRIVATE + 2, 1, "EINVAL"],
    ["an array", PRIVATE + 3, 1, "EINVAL"],
  ])("refuses %s", (_, id, value, code) => {
    const controls = sample();
    expect(outcome(() => controls.sCtrl({ id, value }, file))).toBe(code);
    if (id !== Cid.Hue) expect(controls.find(id)?.value).toEqual(sample().find(id)?.value);
  });

  it("refuses a grabbed control with EBUSY", () => {
    const controls = sample();
    controls.find(Cid.Gain)?.grab(true);
    expect(outcome(() => controls.sCtrl({ id: Cid.Gain, value: 20 }, file))).toBe("EBUSY");
    expect(controls.gCtrl(Cid.Gain)).toBe(50);
    controls.find(Cid.Gain)?.grab(false);
    expect(controls.sCtrl({ id: Cid.Gain, value: 20 }, file)).toBe(20);
  });

  it("reaches private user controls by their number too", () => {
    const controls = sample();
    expect(controls.sCtrl({ id: 0x08000000, value: 0x10 }, file)).toBe(0x10);
    expect(controls.gCtrl(PRIVATE)).toBe(0x10);
  });
});

describe("VIDIOC_G_CTRL", () => {
  const controls = new ControlHandler();
  controls.addStandard(Cid.DoWhiteBalance);
  controls.addCustom({ id: PRIVATE, name: "Long", type: CtrlType.Integer64, max: 9 });
  controls.addCustom({ id: PRIVATE + 1, name: "Size", type: CtrlType.Area });

  it.each([
    ["an unknown control", Cid.Hue, "EINVAL"],
    ["a write-only control", Cid.DoWhiteBalance, "EACCES"],
    ["a class", Cid.UserClass, "EACCES"],
    ["a 64-bit integer", PRIVATE, "EINVAL"],
    ["a compound control", PRIVATE + 1, "EINVAL"],
  ])("refuses %s", (_, id, code) => {
    expect(outcome(() => controls.gCtrl(id))).toBe(code);
  });
});

describe("callbacks", () => {
  it("set gets the corrected value, and only when it changes", () => {
    const set = vi.fn();
    const controls = new ControlHandler();
    controls.addStandard(Cid.Gain, { max: 100, step: 10, set });
    controls.sCtrl({ id: Cid.Gain, value: 44 }, file);
    controls.sCtrl({ id: Cid.Gain, value: 41 }, file);
    expect(set.mock.calls.map(([value]: unknown[]) => value)).toEqual([40]);
  });

  it("set of an execute-on-write control is called each time", () => {
    const set = vi.fn();
    const controls = new ControlHandler();
    controls.addStandard(Cid.Gain, { max: 100, flags: CtrlFlag.ExecuteOnWrite, set });
    for (const value of [4, 4]) controls.sCtrl({ id: Cid.Gain, value }, file);
    controls.addStandard(Cid.DoWhiteBalance, { set });
    controls.sCtrl({ id: Cid.DoWhiteBalance, value: 7 }, file);
    expect(set.mock.calls.map(([value]: unknown[]) => value)).toEqual([4, 4, 0]);
  });

  it("a set that refuses leaves the value as it was", () => {
    const controls = new ControlHandler();
    const gain = controls.addStandard(Cid.Gain, {
      max: 9,
      set: () => {
        throw new V4l2Error("EIO", "no answer");
      },
    });
    expect(outcome(() => controls.sCtrl({ id: Cid.Gain, value: 5 }, file))).toBe("EIO");
    expect(gain.value).toBe(0);
  });

  it("try may adjust what set gets, and refuse", () => {
    const set = vi.fn();
    const controls = new ControlHandler();
    const gain = controls.addStandard(Cid.Gain, {
      max: 9,
      try: (control) => {
        if (control.next === 9) throw new V4l2Error("EINVAL", "too loud");
        control.next -= control.next % 2;
      },
      set,
    });
    expect(controls.sCtrl({ id: Cid.Gain, value: 5 }, file)).toBe(4);
    expect(outcome(() => controls.sCtrl({ id: Cid.Gain, value: 9 }, file))).toBe("EINVAL");
    expect([gain.value, set.mock.calls.length]).toEqual([4, 1]);
  });

  it("volatile is asked for each read", () => {
    let reads = 0;
    const controls = new ControlHandler();
    controls.addStandard(Cid.Gain, { max: 100, volatile: () => ++reads });
    expect([controls.gCtrl(Cid.Gain), controls.gCtrl(Cid.Gain)]).toEqual([1, 2]);
    expect(controls.queryctrl(Cid.Gain).flags & CtrlFlag.Volatile).not.toBe(0);
  });

  it("setting a volatile control is accepted and has no effect, unless it is execute-on-write", () => {
    const set = vi.fn();
    const controls = new ControlHandler();
    controls.addStandard(Cid.Gain, { max: 100, volatile: () => 1, set });
    const gamma = controls.addStandard(Cid.Gamma, {
      max: 100,
      volatile: () => 1,
      set,
      flags: CtrlFlag.ExecuteOnWrite,
    });
    controls.sCtrl({ id: Cid.Gain, value: 5 }, file);
    expect(set).not.toHaveBeenCalled();
    controls.sCtrl({ id: Cid.Gamma, value: 5 }, file);
    expect(set).toHaveBeenCalledTimes(1);
    expect(gamma.value).toBe(0);
  });

  it("a volatile control without the callback is what it was last", () => {
    const controls = new ControlHandler();
    controls.addStandard(Cid.Gain, { max: 100, default: 7, flags: CtrlFlag.Volatile });
    expect(controls.gCtrl(Cid.Gain)).toBe(7);
  });

  it("onChange hears of changes only", () => {
    const heard: unknown[] = [];
    const controls = new ControlHandler();
    const gain = controls.addStandard(Cid.Gain, { max: 9 });
    gain.onChange(({ value }) => heard.push(value));
    for (const value of [3, 3, 4]) gain.setValue(value);
    gain.onChange(undefined);
    gain.setValue(5);
    expect(heard).toEqual([3, 4]);
  });
});

describe("values as drivers see them", () => {
  const controls = new ControlHandler();
  const sps = controls.addCompound(Cid.StatelessH264Sps);

  it("have the type of the control", () => {
    const flip = controls.addStandard(Cid.Hflip);
    const rate = controls.addStandard(Cid.PixelRate, { max: 2n ** 40n, default: 2n ** 33n });
    const name = controls.addStandard(Cid.RdsTxPsName, { max: 8 });
    flip.setValue(true);
    name.setValue("Radio");
    expect([flip.value, rate.value, name.value]).toEqual([true, 2n ** 33n, "Radio"]);
    expect(sps.value).toMatchObject({ chroma_format_idc: 0, flags: 0 });
  });

  it("are decoded once until they change", () => {
    const before = sps.value;
    expect(sps.value).toBe(before);
    sps.setValue({ ...before, profile_idc: 100, level_idc: 31 });
    expect(sps.value).not.toBe(before);
    expect(sps.value).toMatchObject({ profile_idc: 100, level_idc: 31 });
    expect(before.profile_idc).toBe(0);
  });

  it("are checked like a client's", () => {
    expect(outcome(() => sps.setValue({ ...sps.value, pic_order_cnt_type: 3 }))).toBe("EINVAL");
    expect(sps.value.pic_order_cnt_type).toBe(0);
  });

  it("of arrays are flat", () => {
    const grid = controls.addCustom({
      id: PRIVATE,
      name: "Grid",
      type: CtrlType.U16,
      dims: [2, 2],
      max: 99,
      default: 7,
    });
    expect(grid.value).toEqual([7, 7, 7, 7]);
    grid.setValue([1, 2, 3, 400]);
    expect(grid.value).toEqual([1, 2, 3, 99]);
    for (const wrong of [[1, 2, 3], [1, 2, 3, 4, 5], []])
      expect(() => grid.setValue(wrong)).toThrow(RangeError);
    expect(() => grid.setValue(5 as never)).toThrow("takes an array");
    const one = controls.addCustom({ id: PRIVATE + 1, name: "One", type: CtrlType.U8, dims: [1], max: 9 });
    one.setValue([12]);
    expect(one.value).toEqual([9]);
  });

  it("of dynamic arrays grow and shrink", () => {
    const entries = controls.addCompound(Cid.StatelessAv1TileGroupEntry, { dims: [512] });
    const entry = { tile_offset: 1, tile_size: 2, tile_row: 3, tile_col: 4 };
    expect(entries.value).toHaveLength(1);
    entries.setValue(new Array(300).fill(entry));
    expect(entries.value).toHaveLength(300);
    entries.setValue([entry, { ...entry, tile_row: 9 }]);
    expect(entries.value).toEqual([entry, { ...entry, tile_row: 9 }]);
    expect(() => entries.setValue([])).toThrow(RangeError);
    expect(() => entries.setValue(new Array(513).fill(entry))).toThrow(RangeError);
  });

  it("that do not fit are the driver's mistake", () => {
    const gain = controls.addStandard(Cid.Gain, { max: 9 });
    expect(() => gain.setValue(2 ** 40)).toThrow(RangeError);
    expect(() => gain.setValue(1.5)).toThrow(RangeError);
  });
});

describe("changing a control's description", () => {
  it("modifyRange keeps a value that is still legal, and rounds or replaces the others", () => {
    const controls = new ControlHandler();
    const gain = controls.addStandard(Cid.Gain, { max: 100, default: 50 });
    gain.modifyRange({ max: 80 });
    expect([gain.value, controls.queryctrl(Cid.Gain).maximum]).toEqual([50, 80]);
    gain.modifyRange({ max: 40, default: 20 });
    expect(gain.value).toBe(40);
    const menu = controls.addMenu(Cid.PowerLineFrequency, { default: 3 });
    menu.modifyRange({ max: 2, default: 1 });
    expect(menu.value).toBe(1);
    expect(() => gain.modifyRange({ min: 41 })).toThrow(RangeError);
  });

  it("modifyRange is for simple numbers", () => {
    const controls = new ControlHandler();
    const sps = controls.addCompound(Cid.StatelessH264Sps);
    const list = controls.addCustom({ id: PRIVATE, name: "List", type: CtrlType.U8, dims: [2] });
    const text = controls.addCustom({ id: PRIVATE + 1, name: "Text", type: CtrlType.String, max: 9 });
    const button = controls.addStandard(Cid.DoWhiteBalance);
    for (const control of [sps, list, text, button])
      expect(() => control.modifyRange({ max: 1 })).toThrow(TypeError);
  });

  it("modifyDimensions gives an array other dimensions and its default", () => {
    const controls = new ControlHandler();
    const grid = controls.addCustom({
      id: PRIVATE,
      name: "Grid",
      type: CtrlType.U8,
      dims: [2, 2],
      default: 3,
    });
    grid.setValue([1, 2, 4, 5]);
    grid.modifyDimensions([3, 1]);
    expect(grid.value).toEqual([3, 3, 3]);
    expect(controls.queryExtCtrl(PRIVATE)).toMatchObject({ elems: 3, dims: [3, 1] });
    expect(() => grid.modifyDimensions([3])).toThrow(TypeError);
    expect(() => grid.modifyDimensions([0, 1])).toThrow(RangeError);
  });
});

describe("a payload type of the driver's own", () => {
  it("is read, written and checked by the driver", () => {
    const controls = new ControlHandler();
    const pair = controls.addCustom({
      id: PRIVATE,
      name: "Pair",
      type: 0x7000,
      default: [1, 2] as readonly [number, number],
      payload: {
        size: 2,
        read: (bytes): readonly [number, number] => [bytes[0] ?? 0, bytes[1] ?? 0],
        write: (bytes, value) => bytes.set(value),
        check: (bytes) => {
          if (bytes[0] === 0) throw new V4l2Error("EINVAL", "no pair");
          if (bytes[0] === 9) throw new TypeError("a bug of the driver");
        },
      },
    });
    expect(pair.value).toEqual([1, 2]);
    pair.setValue([3, 4]);
    expect(pair.value).toEqual([3, 4]);
    expect(outcome(() => pair.setValue([0, 4]))).toBe("EINVAL");
    expect(() => pair.setValue([9, 4])).toThrow("a bug of the driver");
    expect(controls.queryExtCtrl(PRIVATE)).toMatchObject({ type: 0x7000, elemSize: 2 });
  });
});

describe("setup and LOG_STATUS", () => {
  function sample(log: string[]) {
    const controls = new ControlHandler();
    const gain = controls.addStandard(Cid.Gain, {
      max: 9,
      default: 4,
      set: (value) => log.push(`gain ${value}`),
    });
    controls.addStandard(Cid.Hflip, { set: (value) => log.push(`flip ${value}`) });
    controls.addMenu(Cid.PowerLineFrequency, { default: 1 });
    controls.addStandard(Cid.DoWhiteBalance, { set: () => log.push("balance") });
    controls.addStandard(Cid.MinBuffersForCapture, { max: 9, default: 3, set: () => log.push("never") });
    controls.addCustom({ id: PRIVATE, name: "Bits", type: CtrlType.Bitmask, max: 0xff, default: 0x12 });
    controls.addCustom({ id: PRIVATE + 1, name: "Grid", type: CtrlType.U8, dims: [2, 3], default: 5 });
    controls.addCustom({
      id: PRIVATE + 2,
      name: "Area",
      type: CtrlType.Area,
      default: { width: 3, height: 4 },
    });
    controls.addCompound(Cid.StatelessH264Sps);
    controls.addIntMenu(Cid.LinkFreq, { items: [100, 200], default: 1 });
    return { controls, gain };
  }

  it("setup tells the driver every value but buttons and read-only ones", () => {
    const log: string[] = [];
    sample(log).controls.setup();
    expect(log).toEqual(["gain 4", "flip false"]);
  });

  it("prints one line per readable control, in the order of declaration", () => {
    const { controls, gain } = sample([]);
    gain.grab(true);
    gain.activate(false);
    const lines: string[] = [];
    controls.logStatus((line) => lines.push(line));
    expect(lines).toEqual([
      "Gain: 4 inactive grabbed",
      "Horizontal Flip: false",
      "Power Line Frequency: 50 Hz",
      "Min Number of Capture Buffers: 3",
      "Bits: 0x00000012",
      "Grid: [2][3] 5",
      "Area: 3x4",
      "H264 Sequence Parameter Set: H264_SPS",
      "Link Frequency: 200",
    ]);
  });
});
