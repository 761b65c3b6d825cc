import { describe, expect, expectTypeOf, it } from "vitest";
import {
  COMPOUND_TYPES,
  Cid,
  ControlHandler,
  CtrlClass,
  CtrlFlag,
  CtrlType,
  classOf,
  standardIntMenu,
  standardMenu,
  standardName,
} from "../../../src/v4l2/controls/index.js";
import type { Control } from "../../../src/v4l2/controls/index.js";
import { elementTypes } from "../../../src/v4l2/controls/elements.js";
import { standardControl } from "../../../src/v4l2/controls/standard.js";
import * as uapi from "../../../src/v4l2/gen/index.js";
import type { CtrlH264Sps, CtrlHevcSliceParams } from "../../../src/v4l2/gen/index.js";

describe("compound types", () => {
  it("have the sizes of their structs", () => {
    for (const [type, struct] of Object.entries(uapi.COMPOUND_STRUCTS)) {
      expect([struct, elementTypes[Number(type) as CtrlType].size]).toEqual([
        struct,
        uapi.layouts.find(struct)?.size,
      ]);
    }
  });

  it("are all the types from COMPOUND_TYPES on but the integers", () => {
    const integers: readonly number[] = [CtrlType.U8, CtrlType.U16, CtrlType.U32];
    const compounds = Object.values(CtrlType).filter(
      (type) => type >= COMPOUND_TYPES && !integers.includes(type),
    );
    expect(Object.keys(uapi.COMPOUND_STRUCTS).map(Number).sort()).toEqual([...compounds].sort());
  });
});

describe("the table of standard controls", () => {
  it("names every control but those of two old drivers", () => {
    const unnamed = Object.entries(Cid).filter(([, id]) => standardName(id) === undefined);
    expect(unnamed.every(([name]) => /^Mpeg(Cx2341x|Mfc51)/.test(name))).toBe(true);
    expect(Object.keys(Cid).length - unnamed.length).toBe(411);
  });

  it("has names that fit the 32 bytes of the API", () => {
    for (const id of Object.values(Cid)) expect((standardName(id) ?? "").length).toBeLessThan(32);
  });

  it("has a heading for every class", () => {
    for (const id of Object.values(CtrlClass)) {
      expect(standardControl(id | 1)).toMatchObject({
        type: CtrlType.CtrlClass,
        flags: CtrlFlag.ReadOnly | CtrlFlag.WriteOnly,
      });
    }
    for (const id of Object.values(Cid)) expect(Object.values<number>(CtrlClass)).toContain(classOf(id));
  });

  it.each([
    [Cid.Brightness, "Brightness", CtrlType.Integer, CtrlFlag.Slider],
    [Cid.AutoWhiteBalance, "White Balance, Automatic", CtrlType.Boolean, 0],
    [Cid.PanReset, "Pan, Reset", CtrlType.Button, CtrlFlag.WriteOnly | CtrlFlag.ExecuteOnWrite],
    [Cid.ZoomRelative, "Zoom, Relative", CtrlType.Integer, CtrlFlag.WriteOnly | CtrlFlag.ExecuteOnWrite],
    [Cid.Rotate, "Rotate", CtrlType.Integer, CtrlFlag.ModifyLayout],
    [Cid.MpegVideoBFrames, "Video B Frames", CtrlType.Integer, CtrlFlag.Update],
    [Cid.MpegVideoDecPts, "Video Decoder PTS", CtrlType.Integer64, CtrlFlag.Volatile | CtrlFlag.ReadOnly],
    [Cid.MpegVideoUseLtrFrames, "Use LTR Frames", CtrlType.Bitmask, CtrlFlag.ExecuteOnWrite],
    [Cid.CameraOrientation, "Camera Orientation", CtrlType.Menu, CtrlFlag.ReadOnly],
    [Cid.UnitCellSize, "Unit Cell Size", CtrlType.Area, CtrlFlag.ReadOnly],
    [Cid.RfTunerPllLock, "PLL Lock", CtrlType.Boolean, CtrlFlag.Volatile],
    [Cid.DetectMdRegionGrid, "MD Region Grid", CtrlType.U8, 0],
    [Cid.Lock3A, "3A Lock", CtrlType.Bitmask, 0],
    [Cid.StatelessHevcSliceParams, "HEVC Slice Parameters", CtrlType.HevcSliceParams, CtrlFlag.DynamicArray],
  ])("0x%x is %s", (id, name, type, flags) => {
    expect(standardControl(id)).toMatchObject({ name, type, flags });
  });

  it("fixes what the API fixes of a range, and no default but where there is one", () => {
    expect(standardControl(Cid.Brightness)?.range).toEqual({});
    expect(standardControl(Cid.AutoWhiteBalance)?.range).toEqual({ minimum: 0n, maximum: 1n, step: 1n });
    const none = { minimum: 0n, maximum: 0n, step: 0n, defaultValue: 0n };
    expect(standardControl(Cid.PanReset)?.range).toEqual(none);
    expect(standardControl(CtrlClass.User | 1)?.range).toEqual(none);
  });

  it("has menus for all standard menu controls but three whose items a driver makes up", () => {
    const own = Object.values(Cid).filter(
      (id) => standardControl(id)?.type === CtrlType.Menu && standardMenu(id) === undefined,
    );
    expect(own).toEqual([Cid.HdrSensorMode, Cid.TestPattern, Cid.DeinterlacingMode]);
  });

  it.each([
    [Cid.MpegVideoH264Level, 20, "1", "6.2"],
    [Cid.MpegVideoAv1Level, 24, "2.0", "7.3"],
    [Cid.SceneMode, 14, "None", "Text"],
    [Cid.MpegAudioAc3Bitrate, 19, "32 kbps", "640 kbps"],
    [Cid.TunePreemphasis, 3, "None", "75 Microseconds"],
  ])("0x%x has %d items from %s to %s", (id, count, first, last) => {
    const items = standardMenu(id) ?? [];
    expect([items.length, items[0], items.at(-1)]).toEqual([count, first, last]);
  });

  it("has menus of integers", () => {
    expect(standardIntMenu(Cid.MpegVideoVpxNumPartitions)).toEqual([1n, 2n, 4n, 8n]);
    expect(standardIntMenu(Cid.LinkFreq)).toBeUndefined();
  });

  it("makes a control of every entry", () => {
    const controls = new ControlHandler();
    for (const id of Object.values(Cid)) {
      const standard = standardControl(id);
      if (standard === undefined || standard.type === CtrlType.CtrlClass) continue;
      controls.addCustom({
        id,
        type: standard.type,
        ...(standard.type <= CtrlType.U32 ? { max: 1 } : {}),
        ...(standard.type === CtrlType.Menu && standardMenu(id) === undefined ? { items: ["a", "b"] } : {}),
        ...(standard.type === CtrlType.IntegerMenu ? { intItems: [1, 2] } : {}),
        ...((standard.flags & CtrlFlag.DynamicArray) !== 0 ? { dims: [4] } : {}),
      } as never);
    }
    // The colorimetry class has compound controls only, so nothing brings its heading.
    expect(controls.controls).toHaveLength(410);
  });
});

describe("types", () => {
  const controls = new ControlHandler();

  it("follow from the id", () => {
    expectTypeOf(() => controls.addStandard(Cid.Brightness)).returns.toEqualTypeOf<Control<number>>();
    expectTypeOf(() => controls.addStandard(Cid.Hflip)).returns.toEqualTypeOf<Control<boolean>>();
    expectTypeOf(() => controls.addStandard(Cid.PixelRate)).returns.toEqualTypeOf<Control<bigint>>();
    expectTypeOf(() => controls.addStandard(Cid.RdsTxPsName)).returns.toEqualTypeOf<Control<string>>();
    expectTypeOf(() => controls.addCompound(Cid.StatelessH264Sps)).returns.toEqualTypeOf<
      Control<CtrlH264Sps>
    >();
    expectTypeOf(() =>
      controls.addCompound(Cid.StatelessHevcSliceParams, { dims: [600] }),
    ).returns.toEqualTypeOf<Control<readonly CtrlHevcSliceParams[]>>();
    expectTypeOf(controls.find(Cid.Gain)).toEqualTypeOf<Control<number> | undefined>();
    expectTypeOf(controls.find(0x00f0f000)).toEqualTypeOf<Control | undefined>();
  });

  it("of custom controls follow from their type", () => {
    const custom = { id: 0x0098f900, name: "Custom" } as const;
    expectTypeOf(() => controls.addCustom({ ...custom, type: CtrlType.Area })).returns.toEqualTypeOf<
      Control<uapi.Area>
    >();
    expectTypeOf(() => controls.addCustom({ ...custom, type: CtrlType.U8, dims: [2] })).returns.toEqualTypeOf<
      Control<readonly number[]>
    >();
  });

  it("keep mistakes out", () => {
    const mistakes = (): void => {
      // @ts-expect-error A boolean is not set to a number.
      controls.addStandard(Cid.Hflip).setValue(1);
      // @ts-expect-error There is no such standard control.
      controls.addStandard(0x1234);
      // @ts-expect-error A callback gets the control's value.
      controls.addStandard(Cid.Gain, { set: (value: string) => value });
      // @ts-expect-error Values are read-only but for `next`.
      controls.addStandard(Cid.Gain).value = 3;
    };
    expect(mistakes).toBeTypeOf("function");
  });
});
