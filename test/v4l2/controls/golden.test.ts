/** What v4l2-ctl shows of the kernel's own drivers (6.12, v4l-utils 1.30.1), reproduced by the same declarations. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Cid, ControlHandler, CtrlFlag, CtrlType } from "../../../src/v4l2/controls/index.js";
import { listControls } from "./list-controls.js";

const golden = (name: string): string => readFileSync(new URL(`data/${name}.txt`, import.meta.url), "utf8");

/** The controls of the kernel's visl. */
function visl(): ControlHandler {
  const controls = new ControlHandler();
  controls.addCompound(Cid.StatelessFwhtParams);
  controls.addCompound(Cid.StatelessMpeg2Sequence);
  controls.addCompound(Cid.StatelessMpeg2Picture);
  controls.addCompound(Cid.StatelessMpeg2Quantisation);
  controls.addCompound(Cid.StatelessVp8Frame);
  controls.addCompound(Cid.StatelessVp9Frame);
  controls.addCompound(Cid.StatelessVp9CompressedHdr);
  controls.addCompound(Cid.StatelessH264DecodeParams);
  controls.addCompound(Cid.StatelessH264Sps);
  controls.addCompound(Cid.StatelessH264Pps);
  controls.addCompound(Cid.StatelessH264ScalingMatrix);
  controls.addMenu(Cid.StatelessH264DecodeMode);
  controls.addMenu(Cid.StatelessH264StartCode);
  controls.addCompound(Cid.StatelessH264SliceParams);
  controls.addCompound(Cid.StatelessH264PredWeights);
  controls.addCompound(Cid.StatelessHevcSps);
  controls.addCompound(Cid.StatelessHevcPps);
  controls.addCompound(Cid.StatelessHevcSliceParams, { dims: [600] });
  controls.addCompound(Cid.StatelessHevcScalingMatrix);
  controls.addCompound(Cid.StatelessHevcDecodeParams);
  controls.addMenu(Cid.StatelessHevcDecodeMode);
  controls.addMenu(Cid.StatelessHevcStartCode);
  controls.addCompound(Cid.StatelessHevcEntryPointOffsets, { dims: [256] });
  controls.addCompound(Cid.StatelessAv1Frame);
  controls.addCompound(Cid.StatelessAv1TileGroupEntry, { dims: [512] });
  controls.addCompound(Cid.StatelessAv1Sequence);
  controls.addCompound(Cid.StatelessAv1FilmGrain);
  return controls;
}

/** The user and digital video controls of the kernel's vivid: every simple type and all kinds of arrays. */
function vivid(): ControlHandler {
  const base = 0x0098f900;
  const controls = new ControlHandler();
  controls.addStandard(Cid.Brightness, { max: 255, default: 128 });
  controls.addStandard(Cid.Contrast, { max: 255, default: 128 });
  controls.addStandard(Cid.Saturation, { max: 255, default: 128 });
  controls.addStandard(Cid.Hue, { min: -128, max: 128 });
  controls.addStandard(Cid.Hflip);
  controls.addStandard(Cid.Vflip);
  const autogain = controls.addStandard(Cid.Autogain, { default: 1 });
  const gain = controls.addStandard(Cid.Gain, { max: 255, default: 100 });
  controls.autoCluster(
    [autogain, gain],
    { manualValue: 0, volatile: true },
    { volatile: () => ((gain.next = 33), undefined) },
  );
  controls.addStandard(Cid.AlphaComponent, { max: 255 });
  controls.addStandard(Cid.AudioVolume, { max: 255, default: 200 });
  controls.addStandard(Cid.AudioMute);
  controls.addCustom({ id: base, name: "Button", type: CtrlType.Button });
  controls.addCustom({ id: base + 1, name: "Boolean", type: CtrlType.Boolean, default: true });
  controls.addCustom({
    id: base + 2,
    name: "Integer 32 Bits",
    type: CtrlType.Integer,
    min: -0x80000000,
    max: 0x7fffffff,
  });
  controls.addCustom({
    id: base + 3,
    name: "Integer 64 Bits",
    type: CtrlType.Integer64,
    min: -(2n ** 63n),
    max: 2n ** 63n - 1n,
  });
  controls.addCustom({
    id: base + 4,
    name: "Menu",
    type: CtrlType.Menu,
    items: [
      "Menu Item 0 (Invalid)",
      "Menu Item 1",
      "Menu Item 2 (Invalid)",
      "Menu Item 3",
      "Menu Item 4",
      "Menu Item 5 (Invalid)",
    ],
    min: 1,
    max: 4,
    default: 3,
    skip: [0, 2],
  });
  controls.addCustom({ id: base + 5, name: "String", type: CtrlType.String, min: 2, max: 4 });
  controls.addCustom({
    id: base + 6,
    name: "Bitmask",
    type: CtrlType.Bitmask,
    max: 0x80402010,
    default: 0x80002000,
  });
  controls.addCustom({
    id: base + 7,
    name: "Integer Menu",
    type: CtrlType.IntegerMenu,
    intItems: [1, 1, 2, 3, 5, 8, 13, 21, 42],
    min: 1,
    default: 4,
    skip: [1],
  });
  controls.addCustom({
    id: base + 8,
    name: "U32 1 Element Array",
    type: CtrlType.U32,
    dims: [1],
    min: 0x10,
    max: 0x20000,
    default: 0x18,
  });
  controls.addCustom({
    id: base + 9,
    name: "U16 8x16 Matrix",
    type: CtrlType.U16,
    dims: [8, 16],
    min: 0x10,
    max: 0x2000,
    default: 0x18,
  });
  controls.addCustom({
    id: base + 10,
    name: "U8 2x3x4x5 Array",
    type: CtrlType.U8,
    dims: [2, 3, 4, 5],
    min: 0x10,
    max: 0x20,
    default: 0x18,
  });
  controls.addCustom({
    id: base + 11,
    name: "Area",
    type: CtrlType.Area,
    default: { width: 1000, height: 2000 },
  });
  controls.addCustom({
    id: base + 12,
    name: "Read-Only Integer 32 Bits",
    type: CtrlType.Integer,
    max: 255,
    flags: CtrlFlag.ReadOnly,
  });
  controls.addCustom({
    id: base + 13,
    name: "U32 Dynamic Array",
    type: CtrlType.U32,
    dims: [100],
    min: 10,
    max: 90,
    default: 50,
    flags: CtrlFlag.DynamicArray,
  });
  controls.addCustom({
    id: base + 14,
    name: "U8 Pixel Array",
    type: CtrlType.U8,
    dims: [23, 40],
    default: 0x80,
  });
  controls.addCustom({
    id: base + 15,
    name: "S32 2 Element Array",
    type: CtrlType.Integer,
    dims: [2],
    min: -10,
    max: 10,
    default: 2,
  });
  controls.addCustom({
    id: base + 16,
    name: "S64 5 Element Array",
    type: CtrlType.Integer64,
    dims: [5],
    min: -10,
    max: 10,
    default: 4,
  });
  controls.addStandard(Cid.DvRxPowerPresent, { max: 1, default: 1 });
  controls.addMenu(Cid.DvRxRgbRange);
  return controls;
}

describe("v4l2-ctl --list-ctrls-menus", () => {
  it("visl", () => {
    expect(listControls(visl())).toBe(golden("visl"));
  });

  it("vivid, but for its own class", () => {
    expect(listControls(vivid())).toBe(golden("vivid"));
  });

  it("vim2m", () => {
    const controls = new ControlHandler();
    controls.addStandard(Cid.Hflip);
    controls.addStandard(Cid.Vflip);
    controls.addCustom({
      id: 0x00981900,
      name: "Transaction Time (msec)",
      type: CtrlType.Integer,
      min: 1,
      max: 10001,
      default: 40,
    });
    controls.addCustom({
      id: 0x00981901,
      name: "Buffers Per Transaction",
      type: CtrlType.Integer,
      min: 1,
      max: 32,
    });
    expect(listControls(controls)).toBe(golden("vim2m"));
  });
});
