import { describe, expect, it, vi } from "vitest";
import { Cid, ControlHandler, CtrlClass, CtrlFlag, CtrlType } from "../../../src/v4l2/controls/index.js";
import { V4l2Error } from "../../../src/v4l2/error.js";
import {
  AreaView,
  CtrlHevcSliceParamsView,
  CtrlMpeg2SequenceView,
  layouts,
} from "../../../src/v4l2/gen/index.js";
import { CtrlWhich } from "../../../src/v4l2/values/types-device.js";
import type { ExtControl } from "../../../src/v4l2/values/types-device.js";
import { ext, extOutcome, text } from "./support.js";
import type { ExtOptions, Verb } from "./support.js";

const PRIVATE = 0x0098f900;
const LONG = PRIVATE;
const TEXT = PRIVATE + 1;
const GRID = PRIVATE + 2;
const AREA = PRIVATE + 3;
const OFF = PRIVATE + 4;
const SLICES = Cid.StatelessHevcSliceParams;
const SLICE_BYTES = CtrlHevcSliceParamsView.SIZE;

function sample(set: (id: number, value: unknown) => void = () => undefined): ControlHandler {
  const controls = new ControlHandler({ minMaxValues: true });
  controls.addStandard(Cid.Gain, {
    min: 10,
    max: 100,
    step: 10,
    default: 50,
    set: (value) => set(Cid.Gain, value),
  });
  controls.addStandard(Cid.Hflip, { set: (value) => set(Cid.Hflip, value) });
  controls.addMenu(Cid.PowerLineFrequency, { max: 2 });
  controls.addStandard(Cid.DoWhiteBalance, { set: () => set(Cid.DoWhiteBalance, 0) });
  controls.addStandard(Cid.MinBuffersForCapture, { max: 9, default: 3 });
  controls.addCustom({ id: LONG, name: "Long", type: CtrlType.Integer64, min: -(2n ** 40n), max: 2n ** 40n });
  controls.addCustom({ id: TEXT, name: "Text", type: CtrlType.String, min: 2, max: 6, step: 2 });
  controls.addCustom({
    id: GRID,
    name: "Grid",
    type: CtrlType.U16,
    dims: [2, 2],
    min: 1,
    max: 100,
    default: 7,
  });
  controls.addCustom({ id: AREA, name: "Area", type: CtrlType.Area, default: { width: 3, height: 4 } });
  controls.addCustom({ id: OFF, name: "Off", type: CtrlType.Boolean, flags: CtrlFlag.Disabled });
  controls.addCompound(SLICES, { dims: [600] });
  controls.addCompound(Cid.StatelessMpeg2Sequence);
  return controls;
}

/** Everything that a client could see of a handler. */
const state = (controls: ControlHandler): unknown[] => controls.controls.map(({ value }) => value);

const area = (width: number, height: number): Uint8Array => {
  const bytes = new Uint8Array(AreaView.SIZE);
  layouts.write("v4l2_area", bytes, { width, height });
  return bytes;
};

describe("VIDIOC_G_EXT_CTRLS", () => {
  it("gives values in the union or the payload, by type", () => {
    const controls = sample();
    controls.find(LONG)?.setValue(-(2n ** 39n));
    const list = [
      ext(Cid.Gain),
      ext(LONG),
      ext(TEXT, { payload: text("xxxxxx") }),
      ext(GRID, { payload: new Uint8Array(8) }),
      ext(AREA, { payload: new Uint8Array(8) }),
    ];
    expect(extOutcome(controls, "gExtCtrls", list)).toEqual(["ok", 4]);
    expect([list[0]?.value, list[1]?.value64]).toEqual([50, -(2n ** 39n)]);
    expect(list[2]?.payload).toEqual(text("  ", 7).fill(0x78, 3, 6));
    expect([...new Uint16Array(list[3]?.payload.buffer ?? new ArrayBuffer(0))]).toEqual([7, 7, 7, 7]);
    expect(list[4]?.payload).toEqual(area(3, 4));
  });

  it("names the size of a payload that does not fit, along with ENOSPC", () => {
    const controls = sample();
    for (const [id, size, needed] of [
      [GRID, 7, 8],
      [AREA, 0, 8],
      [SLICES, SLICE_BYTES - 1, SLICE_BYTES],
      [TEXT, 2, 7],
    ] as const) {
      const control = ext(id, { payload: new Uint8Array(1000), size });
      const [code, errorIdx] = extOutcome(controls, "gExtCtrls", [ext(Cid.Gain), control]);
      // Fixed sizes are checked up front; a text is known too long only when it is copied.
      expect([id, code, errorIdx, control.size]).toEqual([id, "ENOSPC", id === TEXT ? 1 : 2, needed]);
    }
  });

  it("shrinks a size that is larger than needed", () => {
    const control = ext(GRID, { payload: new Uint8Array(1000) });
    expect(extOutcome(sample(), "gExtCtrls", [control])).toEqual(["ok", 0]);
    expect([control.size, control.writes]).toEqual([8, 1]);
  });

  it.each<[string, number, ExtOptions, string, number]>([
    ["an unknown control", Cid.Hue, {}, "EINVAL", 2],
    ["an id of old clients", 0x08000000, {}, "EINVAL", 2],
    ["a disabled control", OFF, {}, "EINVAL", 2],
    ["a write-only control", Cid.DoWhiteBalance, {}, "EACCES", 2],
    ["a class", Cid.UserClass, {}, "EACCES", 2],
    ["memory that cannot be written", AREA, { payload: new Uint8Array(8), fault: "write" }, "EFAULT", 1],
  ])("refuses %s", (_, id, options, code, errorIdx) => {
    expect(extOutcome(sample(), "gExtCtrls", [ext(Cid.Gain), ext(id, options)])).toEqual([code, errorIdx]);
  });

  it("knows no ids of old clients, unlike G_CTRL", () => {
    const controls = new ControlHandler();
    controls.addCustom({ id: PRIVATE, name: "Level", type: CtrlType.Integer, max: 9, default: 4 });
    expect(controls.gCtrl(0x08000000)).toBe(4);
    expect(extOutcome(controls, "gExtCtrls", [ext(0x08000000)])).toEqual(["EINVAL", 1]);
  });

  it("gives a text into a buffer of just its size, an empty one too", () => {
    const controls = new ControlHandler();
    const title = controls.addCustom({ id: TEXT, name: "Text", type: CtrlType.String, max: 6 });
    for (const value of ["", "abc", "abcdef"]) {
      title.setValue(value);
      const fitting = ext(TEXT, { payload: new Uint8Array(value.length + 1).fill(0xff) });
      expect(extOutcome(controls, "gExtCtrls", [fitting])).toEqual(["ok", 0]);
      expect(fitting.payload).toEqual(text(value));
      const small = ext(TEXT, { payload: new Uint8Array(9), size: value.length });
      expect(extOutcome(controls, "gExtCtrls", [small])).toEqual(["ENOSPC", 0]);
    }
  });

  it("reads a volatile control from its driver, once per call and cluster", () => {
    const controls = sample();
    let reads = 0;
    controls.addStandard(Cid.Gamma, { max: 99, volatile: () => ++reads });
    const list = [ext(Cid.Gamma), ext(Cid.Gain)];
    extOutcome(controls, "gExtCtrls", list);
    expect(list.map(({ value }) => value)).toEqual([1, 50]);
    expect(extOutcome(controls, "gExtCtrls", [ext(Cid.Gamma)], { which: CtrlWhich.DefVal })).toEqual([
      "ok",
      0,
    ]);
    expect(reads).toBe(1);
  });

  it("passes a getter's refusal on, with the control's index", () => {
    const controls = sample();
    controls.addStandard(Cid.Gamma, {
      max: 99,
      volatile: () => {
        throw new V4l2Error("EIO", "no answer");
      },
    });
    expect(extOutcome(controls, "gExtCtrls", [ext(Cid.Gain), ext(Cid.Gamma)])).toEqual(["EIO", 1]);
  });
});

describe("which", () => {
  const constants = (which: number) => {
    const controls = sample();
    controls.find(Cid.Gain)?.setValue(30);
    const list = [ext(Cid.Gain), ext(LONG), ext(GRID, { payload: new Uint8Array(8) })];
    expect(extOutcome(controls, "gExtCtrls", list, { which })[0]).toBe("ok");
    return [list[0]?.value, list[1]?.value64, list[2]?.payload[0]];
  };

  it.each([
    ["DEF_VAL", CtrlWhich.DefVal, [50, 0n, 7]],
    ["CUR_VAL", CtrlWhich.CurVal, [30, 0n, 7]],
  ])("%s", (_, which, values) => {
    expect(constants(which)).toEqual(values);
  });

  it("MIN_VAL and MAX_VAL of controls that tell them", () => {
    for (const [which, gain, long] of [
      [CtrlWhich.MinVal, 10, -(2n ** 40n)],
      [CtrlWhich.MaxVal, 100, 2n ** 40n],
    ] as const) {
      const list = [ext(Cid.Gain), ext(LONG)];
      expect(extOutcome(sample(), "gExtCtrls", list, { which })).toEqual(["ok", 1]);
      expect([list[0]?.value, list[1]?.value64]).toEqual([gain, long]);
      const withArea = [...list, ext(AREA, { payload: new Uint8Array(8) })];
      expect(extOutcome(sample(), "gExtCtrls", withArea, { which })).toEqual(["EINVAL", 3]);
    }
  });

  it("MIN_VAL and MAX_VAL of a compound control that declares them", () => {
    const controls = new ControlHandler();
    const rect = (width: number) => ({ left: 0, top: 0, width, height: width });
    controls.addCustom({
      id: AREA,
      name: "Window",
      type: CtrlType.Rect,
      default: rect(5),
      min: rect(1),
      max: rect(9),
      flags: CtrlFlag.HasWhichMinMax,
    });
    const widths = [CtrlWhich.MinVal, CtrlWhich.DefVal, CtrlWhich.MaxVal].map((which) => {
      const control = ext(AREA, { payload: new Uint8Array(16) });
      expect(extOutcome(controls, "gExtCtrls", [control], { which })[0]).toBe("ok");
      return control.payload[8];
    });
    expect(widths).toEqual([1, 5, 9]);
  });

  it("MIN_VAL and MAX_VAL of types with a default of their own are zeroes and what is declared", () => {
    const controls = new ControlHandler();
    const flags = CtrlFlag.HasWhichMinMax;
    const sequence = new ControlHandler().addCompound(Cid.StatelessMpeg2Sequence).value;
    controls.addCompound(Cid.StatelessMpeg2Sequence, { max: { ...sequence, chroma_format: 3 }, flags });
    controls.addCustom({ id: TEXT, name: "Text", type: CtrlType.String, min: 1, max: 4, flags });
    const seen = [CtrlWhich.MinVal, CtrlWhich.DefVal, CtrlWhich.MaxVal].map((which) => {
      const header = ext(Cid.StatelessMpeg2Sequence, { payload: new Uint8Array(CtrlMpeg2SequenceView.SIZE) });
      const title = ext(TEXT, { payload: new Uint8Array(5) });
      expect(extOutcome(controls, "gExtCtrls", [header, title], { which })[0]).toBe("ok");
      return [new CtrlMpeg2SequenceView(header.payload).chroma_format, title.payload];
    });
    expect(seen).toEqual([
      [0, text(" ", 5)],
      [1, text(" ", 5)],
      [3, text("    ")],
    ]);
  });

  it.each<[Verb, string, number]>([
    ["gExtCtrls", "EINVAL", 2],
    ["sExtCtrls", "EINVAL", 2],
    ["tryExtCtrls", "EINVAL", 1],
  ])("%s refuses a control of another class", (verb, code, errorIdx) => {
    const list = [ext(Cid.Hflip), ext(Cid.StatelessMpeg2Sequence, { payload: new Uint8Array(12) })];
    expect(extOutcome(sample(), verb, list, { which: CtrlClass.User })).toEqual([code, errorIdx]);
  });

  it.each<Verb>(["sExtCtrls", "tryExtCtrls"])("%s refuses constants with EINVAL", (verb) => {
    for (const which of [CtrlWhich.DefVal, CtrlWhich.MinVal, CtrlWhich.MaxVal]) {
      expect(extOutcome(sample(), verb, [ext(Cid.Hflip)], { which })).toEqual(["EINVAL", 1]);
    }
  });

  it.each<Verb>(["gExtCtrls", "sExtCtrls", "tryExtCtrls"])(
    "%s with count 0 asks whether there is such a class",
    (verb) => {
      const controls = sample();
      expect(extOutcome(controls, verb, [])).toEqual(["ok", 0]);
      expect(extOutcome(controls, verb, [], { which: CtrlClass.User })).toEqual(["ok", 0]);
      expect(extOutcome(controls, verb, [], { which: CtrlClass.Camera })).toEqual(["EINVAL", 0]);
      for (const which of [CtrlWhich.DefVal, CtrlWhich.MinVal, CtrlWhich.MaxVal])
        expect(extOutcome(controls, "gExtCtrls", [], { which })).toEqual(["ok", 0]);
      expect(extOutcome(controls, verb, [], { which: CtrlWhich.MaxVal + 0x10000 })).toEqual(["EINVAL", 0]);
    },
  );

  it("REQUEST_VAL without requests is EINVAL", () => {
    const which = CtrlWhich.RequestVal;
    for (const verb of ["gExtCtrls", "sExtCtrls", "tryExtCtrls"] as const) {
      for (const requestFd of [-1, 0, 5])
        expect(extOutcome(sample(), verb, [ext(Cid.Hflip)], { which, requestFd })).toEqual(["EINVAL", 1]);
    }
  });
});

describe("VIDIOC_S_EXT_CTRLS", () => {
  it("sets all kinds, and gives the corrected values back", () => {
    const controls = sample();
    const list = [
      ext(Cid.Gain, { value: 44 }),
      ext(LONG, { value: 2n ** 50n }),
      ext(TEXT, { payload: text("abcd") }),
      ext(GRID, { payload: new Uint8Array(Uint16Array.of(0, 5, 100, 101).buffer) }),
      ext(AREA, { payload: area(7, 8) }),
    ];
    expect(extOutcome(controls, "sExtCtrls", list)[0]).toBe("ok");
    expect([Cid.Gain, LONG, TEXT, GRID, AREA].map((id) => controls.find(id)?.value)).toEqual([
      40,
      2n ** 40n,
      "abcd",
      [1, 5, 100, 100],
      { width: 7, height: 8 },
    ]);
    expect([list[0]?.value, list[1]?.value64]).toEqual([40, 2n ** 40n]);
    expect([...new Uint16Array(list[3]?.payload.buffer ?? new ArrayBuffer(0))]).toEqual([1, 5, 100, 100]);
  });

  it("writes payloads back only where they were corrected", () => {
    const grid = ext(GRID, { payload: new Uint8Array(Uint16Array.of(1, 2, 3, 4).buffer), fault: "write" });
    const size = ext(AREA, { payload: area(7, 8), fault: "write" });
    expect(
      extOutcome(sample(), "sExtCtrls", [grid, size, ext(TEXT, { payload: text("ab"), fault: "write" })]),
    ).toEqual(["ok", 2]);
  });

  it("calls set once for each control that changes, in the order of the list", () => {
    const set = vi.fn();
    const controls = sample(set);
    extOutcome(controls, "sExtCtrls", [
      ext(Cid.Hflip, { value: 1 }),
      ext(Cid.DoWhiteBalance),
      ext(Cid.Gain, { value: 50 }),
    ]);
    expect(set.mock.calls).toEqual([
      [Cid.Hflip, true],
      [Cid.DoWhiteBalance, 0],
    ]);
  });

  it("takes dynamic arrays of any length up to the greatest", () => {
    const controls = sample();
    for (const count of [3, 600, 1]) {
      const payload = new Uint8Array(count * SLICE_BYTES + 5);
      const control = ext(SLICES, { payload });
      expect(extOutcome(controls, "sExtCtrls", [control])).toEqual(["ok", 0]);
      expect([control.size, controls.queryExtCtrl(SLICES).elems]).toEqual([count * SLICE_BYTES, count]);
    }
  });

  it("sends a corrected compound value back", () => {
    const controls = new ControlHandler();
    controls.addCompound(Cid.StatelessMpeg2Picture);
    const payload = new Uint8Array(32);
    payload.set([1, 3, 0, 0xff, 0xff, 0xff, 0xff, 0xff], 24);
    const control = ext(Cid.StatelessMpeg2Picture, { payload });
    expect(extOutcome(controls, "sExtCtrls", [control])[0]).toBe("ok");
    expect([...payload.subarray(24)]).toEqual([1, 3, 0, 0, 0, 0, 0, 0]);
    expect(control.writes).toBe(1);
  });

  it("the last of several values for one control wins", () => {
    const controls = sample();
    const list = [
      ext(Cid.Gain, { value: 20 }),
      ext(AREA, { payload: area(1, 1) }),
      ext(AREA, { payload: area(2, 2) }),
      ext(Cid.Gain, { value: 30 }),
    ];
    expect(extOutcome(controls, "sExtCtrls", list)[0]).toBe("ok");
    expect([controls.find(Cid.Gain)?.value, controls.find(AREA)?.value]).toEqual([
      30,
      { width: 2, height: 2 },
    ]);
  });

  it("a payload that a later one overrules stays as it is, even if it was out of range", () => {
    const numbers = (...values: number[]) => new Uint8Array(Uint16Array.from(values).buffer);
    const [first, last] = [
      ext(GRID, { payload: numbers(0, 2, 3, 4) }),
      ext(GRID, { payload: numbers(0, 6, 7, 8) }),
    ];
    expect(extOutcome(sample(), "sExtCtrls", [first, last])[0]).toBe("ok");
    expect([first.payload, last.payload]).toEqual([numbers(0, 2, 3, 4), numbers(1, 6, 7, 8)]);
  });
});

describe("texts", () => {
  it.each<[string, string, Uint8Array, string]>([
    ["with its NUL", "ok", text("abcdef"), "abcdef"],
    ["in a larger buffer", "ok", text("abcd", 64), "abcd"],
    ["whose last byte makes room for the NUL", "ok", text("abcde", 5), "abcd"],
    ["shorter than the minimum", "ERANGE", text("a"), "  "],
    ["between two steps", "ERANGE", text("abc"), "  "],
    ["longer than the maximum", "ERANGE", text("abcdefg"), "  "],
    ["without a byte", "ERANGE", new Uint8Array(0), "  "],
  ])("%s: %s", (_, code, payload, value) => {
    const controls = sample();
    expect(extOutcome(controls, "sExtCtrls", [ext(TEXT, { payload })])[0]).toBe(code);
    expect(controls.find(TEXT)?.value).toBe(value);
    if (code === "ok") expect(payload.subarray(0, value.length + 1)).toEqual(text(value));
  });

  it("without a byte are refused where an empty one is fine", () => {
    const controls = new ControlHandler();
    controls.addCustom({ id: TEXT, name: "Text", type: CtrlType.String, max: 6 });
    const set = (payload: Uint8Array): string =>
      extOutcome(controls, "sExtCtrls", [ext(TEXT, { payload })])[0];
    expect([set(new Uint8Array(0)), set(new Uint8Array(1))]).toEqual(["ERANGE", "ok"]);
  });

  it("of an array end with their element, and are equal if each is up to its NUL", () => {
    const set = vi.fn();
    const controls = new ControlHandler();
    controls.addCustom({ id: TEXT, name: "Texts", type: CtrlType.String, max: 3, dims: [2], set });
    const given = ["ab\0xcd\0x", "ab\0ycd\0y", "ab\0ycz\0y", "abcdefgh", "abcdefgh"];
    for (const value of given)
      expect(extOutcome(controls, "sExtCtrls", [ext(TEXT, { payload: text(value, 8) })])).toEqual(["ok", 0]);
    expect(set.mock.calls.map(([value]: unknown[]) => value)).toEqual([
      ["ab", "cd"],
      ["ab", "cz"],
      ["abcd", "efgh"],
    ]);
  });

  it("are equal if they are up to the NUL", () => {
    const set = vi.fn();
    const controls = new ControlHandler();
    controls.addCustom({ id: TEXT, name: "Text", type: CtrlType.String, max: 6, set });
    for (const payload of [text("ab\0xx"), text("ab\0yy"), text("abc")]) {
      extOutcome(controls, "sExtCtrls", [ext(TEXT, { payload })]);
    }
    expect(set.mock.calls.map(([value]: unknown[]) => value)).toEqual(["ab", "abc"]);
  });
});

describe("refusals change nothing", () => {
  const good = () => [
    ext(Cid.Gain, { value: 20 }),
    ext(Cid.Hflip, { value: 1 }),
    ext(AREA, { payload: area(9, 9) }),
  ];

  const cases: [string, string, () => ExtControl][] = [
    ["an unknown control", "EINVAL", () => ext(Cid.Hue)],
    ["an id of old clients", "EINVAL", () => ext(0x08000000)],
    ["a disabled control", "EINVAL", () => ext(OFF)],
    ["a read-only control", "EACCES", () => ext(Cid.MinBuffersForCapture)],
    ["a class", "EACCES", () => ext(Cid.UserClass)],
    ["a menu item past the end", "ERANGE", () => ext(Cid.PowerLineFrequency, { value: 3 })],
    ["a payload that is too small", "EFAULT", () => ext(GRID, { payload: new Uint8Array(8), size: 7 })],
    [
      "an array without an element",
      "EFAULT",
      () => ext(SLICES, { payload: new Uint8Array(SLICE_BYTES - 1) }),
    ],
    [
      "an array that is too long",
      "ENOSPC",
      () => ext(SLICES, { payload: new Uint8Array(SLICE_BYTES * 601) }),
    ],
    ["memory that cannot be read", "EFAULT", () => ext(GRID, { payload: new Uint8Array(8), fault: "read" })],
    ["a text that is too long", "ERANGE", () => ext(TEXT, { payload: text("abcdefghi") })],
    ["a compound value that the API excludes", "EINVAL", () => ext(AREA, { payload: area(0, 1) })],
    [
      "one bad element of an array",
      "EINVAL",
      () =>
        ext(SLICES, {
          payload: new Uint8Array(2 * SLICE_BYTES).fill(16, SLICE_BYTES + 20, SLICE_BYTES + 21),
        }),
    ],
  ];

  it.each(cases)("%s: %s from S_EXT_CTRLS with errorIdx = count", (_, code, bad) => {
    const set = vi.fn();
    const controls = sample(set);
    const before = state(controls);
    expect(extOutcome(controls, "sExtCtrls", [...good(), bad()])).toEqual([code, 4]);
    expect([state(controls), set.mock.calls.length]).toEqual([before, 0]);
  });

  it.each(cases)("%s: %s from TRY_EXT_CTRLS with the control's index", (_, code, bad) => {
    const controls = sample();
    const before = state(controls);
    expect(extOutcome(controls, "tryExtCtrls", [...good(), bad(), ...good()])).toEqual([code, 3]);
    expect(state(controls)).toEqual(before);
  });

  it("a grabbed control: EBUSY for S_EXT_CTRLS, no matter for TRY_EXT_CTRLS", () => {
    const controls = sample();
    controls.find(Cid.Hflip)?.grab(true);
    const before = state(controls);
    expect(extOutcome(controls, "sExtCtrls", good())).toEqual(["EBUSY", 3]);
    expect(state(controls)).toEqual(before);
    expect(extOutcome(controls, "tryExtCtrls", good())[0]).toBe("ok");
  });

  it("a driver's try, even of the last control", () => {
    const controls = sample();
    controls.addStandard(Cid.Gamma, {
      max: 9,
      try: () => {
        throw new V4l2Error("ENODATA", "not today");
      },
    });
    const before = state(controls);
    expect(extOutcome(controls, "sExtCtrls", [...good(), ext(Cid.Gamma, { value: 5 })])).toEqual([
      "ENODATA",
      4,
    ]);
    expect(state(controls)).toEqual(before);
  });

  it("but for a driver's set: errorIdx names the control, and those before it are set", () => {
    const controls = sample((id) => {
      if (id === Cid.Hflip) throw new V4l2Error("EIO", "no answer");
    });
    expect(extOutcome(controls, "sExtCtrls", good())).toEqual(["EIO", 1]);
    expect([Cid.Gain, Cid.Hflip, AREA].map((id) => controls.find(id)?.value)).toEqual([
      20,
      false,
      { width: 3, height: 4 },
    ]);
  });

  it("a driver's own mistake goes up as it is", () => {
    const controls = sample(() => {
      throw new TypeError("bug");
    });
    expect(() => extOutcome(controls, "sExtCtrls", good())).toThrow(TypeError);
  });
});

describe("VIDIOC_TRY_EXT_CTRLS", () => {
  it("gives corrected values and changes nothing", () => {
    const set = vi.fn();
    const controls = sample(set);
    const before = state(controls);
    const gain = ext(Cid.Gain, { value: 44 });
    const grid = ext(GRID, { payload: new Uint8Array(8) });
    expect(extOutcome(controls, "tryExtCtrls", [gain, grid])).toEqual(["ok", 1]);
    expect([gain.value, grid.payload[0]]).toEqual([40, 1]);
    expect([state(controls), set.mock.calls.length]).toEqual([before, 0]);
  });
});

describe("a driver that sets other controls meanwhile", () => {
  it("does not disturb what the client asked for", () => {
    const controls = new ControlHandler();
    const brightness = controls.addStandard(Cid.Brightness, { max: 99, default: 5 });
    const size = controls.addCustom({
      id: AREA,
      name: "Area",
      type: CtrlType.Area,
      default: { width: 1, height: 1 },
    });
    controls.addStandard(Cid.Gain, {
      max: 9,
      set: () => {
        brightness.setValue(77);
        size.setValue({ width: 50, height: 50 });
      },
    });
    const list = [
      ext(Cid.Gain, { value: 3 }),
      ext(Cid.Brightness, { value: 6 }),
      ext(AREA, { payload: area(2, 3) }),
    ];
    expect(extOutcome(controls, "sExtCtrls", list)[0]).toBe("ok");
    expect([brightness.value, size.value]).toEqual([6, { width: 2, height: 3 }]);
  });

  it("and grabs one that the client sets after it: EBUSY, with that control's index", () => {
    const controls = new ControlHandler();
    const brightness = controls.addStandard(Cid.Brightness, { max: 99, default: 5 });
    const gain = controls.addStandard(Cid.Gain, {
      max: 9,
      set: () => {
        brightness.setValue(77);
        brightness.grab(true);
      },
    });
    const list = [ext(Cid.Gain, { value: 3 }), ext(Cid.Brightness, { value: 6 })];
    expect(extOutcome(controls, "sExtCtrls", list)).toEqual(["EBUSY", 1]);
    expect([gain.value, brightness.value]).toEqual([3, 77]);
  });
});

describe("compound payloads", () => {
  it("are what the driver reads", () => {
    const controls = sample();
    const payload = new Uint8Array(CtrlMpeg2SequenceView.SIZE);
    const view = new CtrlMpeg2SequenceView(payload);
    view.horizontal_size = 320;
    view.chroma_format = 2;
    extOutcome(controls, "sExtCtrls", [ext(Cid.StatelessMpeg2Sequence, { payload })]);
    expect(controls.find(Cid.StatelessMpeg2Sequence)?.value).toEqual(
      layouts.read("v4l2_ctrl_mpeg2_sequence", payload),
    );
    payload.fill(0);
    expect(controls.find(Cid.StatelessMpeg2Sequence)?.value).toMatchObject({ horizontal_size: 320 });
  });
});
