/**
 * The enumerations and flag words that hand-written code names in TypeScript's way, `BufType.VideoCaptureMplane`. What
 * stands here is only which constants belong together, what they are called, and what is worth saying of one; the numbers
 * are the headers'.
 */
import type { Facts } from "./facts.js";

/** One const object. A member is its constant without the prefix, in TypeScript's casing. */
export interface EnumerationInput {
  readonly name: string;
  readonly doc: string;
  /** What the constants' names start with; of several, all that have one of them. */
  readonly prefixes: readonly string[];
  /** Constants to leave out: limits, and second names of a value that nobody needs. */
  readonly omit?: RegExp;
  /** Leave out smaller values. */
  readonly from?: number;
  /** Members keep the header's spelling: theirs means something, `SBGGR10_2X8_PADHI_BE`. */
  readonly spelledAsInC?: true;
  /** Names that the casing rule does not make, by the constant's name without the prefix. */
  readonly rename?: Readonly<Record<string, string>>;
  /** Doc comments of members, by their TypeScript name. */
  readonly comments?: Readonly<Record<string, string>>;
  /** Hexadecimal with that many digits. */
  readonly hex?: number;
  /** Also a type of that name, the union of the values. */
  readonly type?: true;
}

export const ENUMERATIONS: readonly EnumerationInput[] = [
  {
    name: "BufType",
    doc: "`enum v4l2_buf_type`.",
    prefixes: ["V4L2_BUF_TYPE_"],
    omit: /PRIVATE/,
    type: true,
  },
  { name: "Memory", doc: "`enum v4l2_memory`.", prefixes: ["V4L2_MEMORY_"], omit: /FLAG/, type: true },
  { name: "Field", doc: "`enum v4l2_field`.", prefixes: ["V4L2_FIELD_"], type: true },
  {
    name: "Colorspace",
    doc: "`enum v4l2_colorspace`.",
    prefixes: ["V4L2_COLORSPACE_"],
    omit: /ADOBERGB|LAST/,
    rename: { "470_SYSTEM_M": "System470M", "470_SYSTEM_BG": "System470Bg" },
    type: true,
  },
  {
    name: "YcbcrEnc",
    doc: "`enum v4l2_ycbcr_encoding`, and for HSV formats `enum v4l2_hsv_encoding` (same byte on the wire).",
    prefixes: ["V4L2_YCBCR_ENC_", "V4L2_HSV_ENC_"],
    omit: /LAST/,
    rename: { "601": "Enc601", "709": "Enc709", "180": "Hsv180", "256": "Hsv256" },
    type: true,
  },
  {
    name: "Quantization",
    doc: "`enum v4l2_quantization`.",
    prefixes: ["V4L2_QUANTIZATION_"],
    type: true,
  },
  {
    name: "XferFunc",
    doc: "`enum v4l2_xfer_func`.",
    prefixes: ["V4L2_XFER_FUNC_"],
    omit: /ADOBERGB|LAST/,
    rename: { "709": "Func709" },
    type: true,
  },
  {
    name: "Priority",
    doc: "`enum v4l2_priority`.",
    prefixes: ["V4L2_PRIORITY_"],
    omit: /DEFAULT/,
    type: true,
  },
  {
    name: "Cap",
    doc: "`V4L2_CAP_*`: bits of `VideoDeviceOptions.deviceCaps`.",
    prefixes: ["V4L2_CAP_"],
    omit: /DEVICE_CAPS|TIMEPERFRAME|ASYNCIO/,
    rename: { READWRITE: "ReadWrite" },
    comments: { ExtPixFormat: "Filled in by the core." },
    hex: 8,
  },
  {
    name: "PixFmtFlag",
    doc: "Bits of `VideoFormat.flags`, `V4L2_PIX_FMT_FLAG_*`.",
    prefixes: ["V4L2_PIX_FMT_FLAG_"],
    hex: 1,
  },
  {
    name: "FmtFlag",
    doc: "Bits of `FormatDescription.flags`, `V4L2_FMT_FLAG_*`.",
    prefixes: ["V4L2_FMT_FLAG_"],
    omit: /CSC_HSV_ENC/,
    hex: 4,
  },
  {
    name: "BufFlag",
    doc: "Bits of `Buffer.flags`, `V4L2_BUF_FLAG_*`.",
    prefixes: ["V4L2_BUF_FLAG_"],
    omit: /TIMESTAMP_UNKNOWN/,
    hex: 8,
  },
  {
    name: "BufCap",
    doc: "Bits of `RequestBuffersReply.capabilities`, `V4L2_BUF_CAP_SUPPORTS_*`.",
    prefixes: ["V4L2_BUF_CAP_SUPPORTS_"],
    hex: 3,
  },
  {
    name: "MemoryFlag",
    doc: "Bits of `RequestBuffers.flags`, `V4L2_MEMORY_FLAG_*`.",
    prefixes: ["V4L2_MEMORY_FLAG_"],
    hex: 1,
  },
  {
    name: "SelectionTarget",
    doc: "`V4L2_SEL_TGT_*`.",
    prefixes: ["V4L2_SEL_TGT_"],
    omit: /_ACTIVE$/,
    hex: 4,
  },
  {
    name: "SelectionFlag",
    doc: "Bits of `SelectionRequest.flags`, `V4L2_SEL_FLAG_*`.",
    prefixes: ["V4L2_SEL_FLAG_"],
  },
  { name: "InputType", doc: "`V4L2_INPUT_TYPE_*`.", prefixes: ["V4L2_INPUT_TYPE_"] },
  {
    name: "OutputType",
    doc: "`V4L2_OUTPUT_TYPE_*`.",
    prefixes: ["V4L2_OUTPUT_TYPE_"],
    rename: { ANALOGVGAOVERLAY: "AnalogVgaOverlay" },
  },
  {
    name: "InputCap",
    doc: "`V4L2_IN_CAP_*` and `V4L2_OUT_CAP_*` (same bits). The core fills `Std` and `DvTimings` where ops tell it.",
    prefixes: ["V4L2_IN_CAP_"],
    omit: /CUSTOM_TIMINGS/,
    hex: 1,
  },
  {
    name: "TunerType",
    doc: "`enum v4l2_tuner_type`.",
    prefixes: ["V4L2_TUNER_"],
    type: true,
    omit: /_(?:CAP|MODE|SUB)_|ADC/,
  },
  {
    name: "TunerCap",
    doc: "`V4L2_TUNER_CAP_*`.",
    prefixes: ["V4L2_TUNER_CAP_"],
    rename: { "1HZ": "OneHz" },
    hex: 4,
  },
  { name: "EncCmd", doc: "`V4L2_ENC_CMD_*`.", prefixes: ["V4L2_ENC_CMD_"], omit: /STOP_AT/ },
  {
    name: "DecCmd",
    doc: "`V4L2_DEC_CMD_*`.",
    prefixes: ["V4L2_DEC_CMD_"],
    omit: /_(?:TO|MUTE|IMMEDIATELY)(?:_|$)/,
  },
  {
    name: "EventType",
    doc: "`V4L2_EVENT_*`.",
    prefixes: ["V4L2_EVENT_"],
    omit: /_(?:SUB_FL|CTRL_CH|SRC_CH|MD_FL)_/,
  },
  {
    name: "EventSubFlag",
    doc: "Bits of `EventSubscription.flags`.",
    prefixes: ["V4L2_EVENT_SUB_FL_"],
  },
  {
    name: "CtrlWhich",
    doc: "Special values of `ExtControls.which`, `V4L2_CTRL_WHICH_*`; anything else is a control class, or 0.",
    prefixes: ["V4L2_CTRL_WHICH_"],
    hex: 8,
  },
  {
    name: "CtrlType",
    doc: "`enum v4l2_ctrl_type`.",
    prefixes: ["V4L2_CTRL_TYPE_"],
    hex: 4,
    type: true,
  },
  {
    name: "CtrlFlag",
    doc: "`V4L2_CTRL_FLAG_*`.",
    prefixes: ["V4L2_CTRL_FLAG_"],
    omit: /NEXT_/,
    comments: {
      Update: "Changing this control changes others.",
      Volatile: "The hardware changes it by itself; a getter is asked.",
      HasPayload: "Set for clients only: the value is behind a pointer.",
      ExecuteOnWrite: "Setting the value that it has already still reaches the driver.",
      ModifyLayout: "Changing it may change buffer sizes.",
      HasWhichMinMax: "`CtrlWhich.MinVal` and `MaxVal` can be read.",
    },
    hex: 4,
  },
  {
    name: "CtrlNext",
    doc: "Bits of QUERYCTRL's id: go to the next control, the next compound or array control, or (both) the next of any kind.",
    prefixes: ["V4L2_CTRL_FLAG_NEXT_"],
    hex: 8,
  },
  {
    name: "CtrlClass",
    doc: "`V4L2_CTRL_CLASS_*`.",
    prefixes: ["V4L2_CTRL_CLASS_"],
    omit: /MPEG/,
    hex: 8,
  },
  {
    name: "SubdevCap",
    doc: "`V4L2_SUBDEV_CAP_*`.",
    prefixes: ["V4L2_SUBDEV_CAP_"],
    rename: { RO_SUBDEV: "ReadOnly" },
    hex: 1,
  },
  {
    name: "SubdevFormatWhence",
    doc: "`enum v4l2_subdev_format_whence`: of the file that tries, or of the device.",
    prefixes: ["V4L2_SUBDEV_FORMAT_"],
    type: true,
  },
  {
    name: "RouteFlag",
    doc: "Bits of `Route.flags`, `V4L2_SUBDEV_ROUTE_FL_*`.",
    prefixes: ["V4L2_SUBDEV_ROUTE_FL_"],
  },
  {
    name: "MbusCode",
    doc: "Media bus formats: `MbusCode.UYVY8_1X16` is `MEDIA_BUS_FMT_UYVY8_1X16`.",
    prefixes: ["MEDIA_BUS_FMT_"],
    spelledAsInC: true,
    hex: 4,
  },
  {
    name: "CtrlChange",
    doc: "Bits of a `ctrl` event's `changes`, `V4L2_EVENT_CTRL_CH_*`.",
    prefixes: ["V4L2_EVENT_CTRL_CH_"],
    hex: 1,
  },
];

/** Control ids: the same, in a file of its own and by class. */
export const CID: EnumerationInput = {
  name: "Cid",
  doc: "Control ids: `Cid.MpegVideoH264Level` is `V4L2_CID_MPEG_VIDEO_H264_LEVEL`, `Cid.Lock3A` is `V4L2_CID_3A_LOCK`.",
  prefixes: ["V4L2_CID_"],
  // Bounds, and the second names of `CodecClass`, `Gamma` and `MpegVideoVp8Profile`.
  omit: /_(?:BASE|LASTP1|MAX_CTRLS)$|_CID_(?:MPEG_CLASS|WHITENESS|MPEG_VIDEO_VPX_PROFILE)$/,
  // Items of some menus are called like controls.
  from: 0x00980000,
  rename: { "3A_LOCK": "Lock3A" },
  hex: 8,
  type: true,
};

export interface EnumerationMember {
  readonly name: string;
  readonly cName: string;
  readonly value: number;
}

const pascal = (name: string): string =>
  name
    .toLowerCase()
    .split("_")
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("");

/** Enumerators and macros, in the order of the headers; a flag in the sign bit counts as unsigned. */
function numbers(facts: Facts): [name: string, value: number][] {
  const macros = Object.values(facts.constants).flatMap((list) =>
    list
      .filter(([, type]) => type !== "str" && type !== "s64" && type !== "u64")
      .map(([name, , value]): [string, number] => [name, Number(value)]),
  );
  const enumerators = facts.enums.flatMap(({ values }) =>
    values.map(([name, value]): [string, number] => [name, value]),
  );
  return [...macros, ...enumerators].map(([name, value]) => [name, value < 0 ? value >>> 0 : value]);
}

/** The members by ascending value; the header decides the order of those that share one. */
export function enumerationMembers(facts: Facts, input: EnumerationInput): EnumerationMember[] {
  const { prefixes, omit, from = 0, rename = {}, spelledAsInC } = input;
  const members = numbers(facts).flatMap(([cName, value]): EnumerationMember[] => {
    const prefix = prefixes.find((candidate) => cName.startsWith(candidate));
    if (prefix === undefined || value < from || omit?.test(cName) === true) return [];
    const rest = cName.slice(prefix.length);
    return [{ name: rename[rest] ?? (spelledAsInC === true ? rest : pascal(rest)), cName, value }];
  });
  members.sort((a, b) => a.value - b.value);
  const names = new Set(members.map(({ name }) => name));
  for (const name of Object.keys(input.comments ?? {}))
    if (!names.has(name)) throw new Error(`${input.name}.${name} has a comment but no constant`);
  if (members.length === 0 || names.size < members.length)
    throw new Error(`${input.name}: no members, or two of one name`);
  for (const { name } of members)
    if (!/^[A-Z]\w*$/.test(name)) throw new Error(`${input.name}: "${name}" needs another name`);
  return members;
}
