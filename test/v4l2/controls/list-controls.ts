/** Prints controls as `v4l2-ctl --list-ctrls-menus` (v4l-utils 1.30) does, through the ioctls that it uses. */
import { CtrlFlag, CtrlNext, CtrlType } from "../../../src/v4l2/controls/index.js";
import type { ControlHandler } from "../../../src/v4l2/controls/index.js";
import { V4l2Error } from "../../../src/v4l2/error.js";
import type { QueryExtCtrlReply } from "../../../src/v4l2/values/types-device.js";
import { ext, extOutcome } from "./support.js";

const NEXT = (CtrlNext.Ctrl | CtrlNext.Compound) >>> 0;

const flagNames: readonly (readonly [number, string])[] = [
  [CtrlFlag.Grabbed, "grabbed"],
  [CtrlFlag.Disabled, "disabled"],
  [CtrlFlag.ReadOnly, "read-only"],
  [CtrlFlag.Update, "update"],
  [CtrlFlag.Inactive, "inactive"],
  [CtrlFlag.Slider, "slider"],
  [CtrlFlag.WriteOnly, "write-only"],
  [CtrlFlag.Volatile, "volatile"],
  [CtrlFlag.HasPayload, "has-payload"],
  [CtrlFlag.ExecuteOnWrite, "execute-on-write"],
  [CtrlFlag.ModifyLayout, "modify-layout"],
  [CtrlFlag.DynamicArray, "dynamic-array"],
  [CtrlFlag.HasWhichMinMax, "has-min-max"],
];

/** v4l2-ctl's own names; the PPS label is its slip, and it does not know the VP9 probabilities. */
const compoundNames: Readonly<Partial<Record<number, string>>> = {
  [CtrlType.Rect]: "rect",
  [CtrlType.Hdr10CllInfo]: "hdr10-cll-info",
  [CtrlType.Hdr10MasteringDisplay]: "hdr10-mastering-display",
  [CtrlType.H264Sps]: "h264-sps",
  [CtrlType.H264Pps]: "h264-pps",
  [CtrlType.H264ScalingMatrix]: "h264-scaling-matrix",
  [CtrlType.H264SliceParams]: "h264-slice-params",
  [CtrlType.H264DecodeParams]: "h264-decode-params",
  [CtrlType.H264PredWeights]: "h264-pred-weights",
  [CtrlType.FwhtParams]: "fwht-params",
  [CtrlType.Vp8Frame]: "vp8-frame",
  [CtrlType.Mpeg2Quantisation]: "mpeg2-quantisation",
  [CtrlType.Mpeg2Sequence]: "mpeg2-sequence",
  [CtrlType.Mpeg2Picture]: "mpeg2-picture",
  [CtrlType.Vp9Frame]: "vp9-frame",
  [CtrlType.HevcSps]: "hevc-sps",
  [CtrlType.HevcPps]: "hevc-sps",
  [CtrlType.HevcSliceParams]: "hevc-slice-params",
  [CtrlType.HevcScalingMatrix]: "hevc-scaling-matrix",
  [CtrlType.HevcDecodeParams]: "hevc-decode-params",
  [CtrlType.Av1Sequence]: "av1-sequence",
  [CtrlType.Av1TileGroupEntry]: "av1-tile-group-entry",
  [CtrlType.Av1Frame]: "av1-frame",
  [CtrlType.Av1FilmGrain]: "av1-film-grain",
};

const hex = (value: bigint | number, width = 8): string => `0x${value.toString(16).padStart(width, "0")}`;

/** `Gain, Automatic` to `gain_automatic`. */
const variable = (name: string): string =>
  name
    .replaceAll(/[^A-Za-z0-9]+/g, "_")
    .replace(/^_|_$/g, "")
    .toLowerCase();

/** Type and range, as far as v4l2-ctl prints them. */
function typeAndRange(control: QueryExtCtrlReply): string {
  const { type, minimum, maximum, step, defaultValue } = control;
  const whole = `: min=${minimum} max=${maximum} step=${step} default=${defaultValue}`;
  const items = `: min=${minimum} max=${maximum} default=${defaultValue}`;
  switch (type) {
    case CtrlType.Integer:
      return `(int)    ${whole}`;
    case CtrlType.Integer64:
      return `(int64)  ${whole}`;
    case CtrlType.String:
      return `(str)    : min=${minimum} max=${maximum} step=${step}`;
    case CtrlType.Boolean:
      return `(bool)   : default=${defaultValue}`;
    case CtrlType.Menu:
      return `(menu)   ${items}`;
    case CtrlType.IntegerMenu:
      return `(intmenu)${items}`;
    case CtrlType.Button:
      return "(button) :";
    case CtrlType.Bitmask:
      return `(bitmask): max=${hex(maximum)} default=${hex(defaultValue)}`;
    case CtrlType.Area:
      return "(area)   :";
    case CtrlType.U8:
      return `(u8)     ${whole}`;
    case CtrlType.U16:
      return `(u16)    ${whole}`;
    case CtrlType.U32:
      return `(u32)    ${whole}`;
    default: {
      const name = compoundNames[type];
      return name === undefined ? `(unknown): type=${type.toString(16)}` : `(${name}):`;
    }
  }
}

const inList = (value: bigint): string => `${value} (0x${value.toString(16)})`;

function menuItem(
  controls: ControlHandler,
  id: number,
  index: number,
  menuNumber: (value: bigint) => string,
): string | undefined {
  try {
    const item = controls.querymenu({ id, index });
    return "name" in item ? item.name : menuNumber(item.value);
  } catch (error) {
    if (error instanceof V4l2Error && error.code === "EINVAL") return undefined;
    throw error;
  }
}

function value(
  controls: ControlHandler,
  { id, type, dims, elems, elemSize, flags }: QueryExtCtrlReply,
): string {
  const text = dims.map((dim) => `[${dim}]`).join("");
  if (dims.length > 0)
    return `${(flags & CtrlFlag.DynamicArray) !== 0 ? ` elems=${elems}` : ""} dims=${text}`;
  if (type === CtrlType.Button) return " value=0";
  const control = ext(id, {
    payload: new Uint8Array(type === CtrlType.Area || type === CtrlType.String ? elems * elemSize : 0),
  });
  if (type > CtrlType.U32 && type !== CtrlType.Area) return " value=unsupported payload type";
  const [code] = extOutcome(controls, "gExtCtrls", [control]);
  if (code !== "ok") return ` error ${code}`;
  switch (type) {
    case CtrlType.Integer64:
      return ` value=${control.value64}`;
    case CtrlType.String:
      return ` value='${new TextDecoder().decode(control.payload).replace(/\0.*$/s, "")}'`;
    case CtrlType.Area: {
      const [width, height] = new Uint32Array(control.payload.buffer);
      return ` value=${width}x${height}`;
    }
    case CtrlType.Menu:
    case CtrlType.IntegerMenu:
      return ` value=${control.value} (${menuItem(controls, id, control.value, (item) => `${item} 0x${item.toString(16)}`)})`;
    default:
      return ` value=${control.value}`;
  }
}

function describe(controls: ControlHandler, control: QueryExtCtrlReply): string[] {
  const { id, type, name, flags, minimum, maximum } = control;
  if (type === CtrlType.CtrlClass) return ["", name, ""];
  const shown = flagNames.filter(([flag]) => (flags & flag) !== 0).map(([, flagName]) => flagName);
  const flagText = shown.length > 0 ? ` flags=${shown.join(", ")}` : "";
  const lines = [
    `${variable(name).padStart(31)} ${hex(id)} ${typeAndRange(control)}${value(controls, control)}${flagText}`,
  ];
  if (type !== CtrlType.Menu && type !== CtrlType.IntegerMenu) return lines;
  for (let index = Number(minimum); index <= Number(maximum); index++) {
    const item = menuItem(controls, id, index, inList);
    if (item !== undefined) lines.push(`\t\t\t\t${index}: ${item}`);
  }
  return lines;
}

export function listControls(controls: ControlHandler): string {
  const lines: string[] = [];
  for (let id = 0; ;) {
    let control: QueryExtCtrlReply;
    try {
      control = controls.queryExtCtrl((id | NEXT) >>> 0);
    } catch (error) {
      if (error instanceof V4l2Error && error.code === "EINVAL") break;
      throw error;
    }
    id = control.id;
    lines.push(...describe(controls, control));
  }
  return `${lines.join("\n")}\n`;
}
