/**
 * Structs in the form that v4l2-tracer of v4l-utils 1.32 gives them in its files, and back. The words are the uAPI's own; which
 * member is shown as a word, as flags or as a number was seen in files that it wrote.
 */
import { FOURCCS, layouts, WORDS } from "../v4l2/gen/index.js";
import type { FieldLayout, Layout } from "../uapi/layout.js";

export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

/** Words that begin so, in the order of the headers. */
class Family {
  readonly #words: readonly (readonly [word: string, value: number])[];

  constructor(prefix: string, without: readonly string[] = []) {
    this.#words = Object.entries(WORDS).filter(
      ([word]) =>
        word.startsWith(prefix) &&
        !word.endsWith("_BASE") &&
        !without.some((other) => word.startsWith(other)),
    );
  }

  /** The word of a value; hexadecimal if it has none, nothing for 0. */
  word(value: number): string {
    return this.#words.find(([, number]) => number === value)?.[0] ?? hex(value);
  }

  /** The words of bits. */
  flags(value: bigint): string {
    const parts: string[] = [];
    let rest = value;
    for (const [word, number] of this.#words) {
      const bits = BigInt(number);
      if (bits === 0n || (rest & bits) === 0n) continue;
      parts.push(word);
      rest &= ~bits;
    }
    if (rest !== 0n) parts.push(hex(rest));
    return parts.join("|");
  }

  valueOf(word: string): number | undefined {
    return this.#words.find(([other]) => other === word)?.[1];
  }
}

const hex = (value: number | bigint): string =>
  value === 0 || value === 0n ? "" : `0x${value.toString(16)}`;

/** v4l-utils 1.32 does not know this one. */
const NEWER = ["V4L2_BUF_CAP_SUPPORTS_REMOVE_BUFS"];

const families = {
  cap: new Family("V4L2_CAP_", ["V4L2_CAP_TIMEPERFRAME"]),
  bufCap: new Family("V4L2_BUF_CAP_SUPPORTS_", NEWER),
  bufFlag: new Family("V4L2_BUF_FLAG_", ["V4L2_BUF_FLAG_TIMESTAMP", "V4L2_BUF_FLAG_TSTAMP"]),
  cid: new Family("V4L2_CID_"),
  ctrlFlag: new Family("V4L2_CTRL_FLAG_"),
  which: new Family("V4L2_CTRL_WHICH_"),
  fmtFlag: new Family("V4L2_FMT_FLAG_"),
  memoryFlag: new Family("V4L2_MEMORY_FLAG_"),
  pixFlag: new Family("V4L2_PIX_FMT_FLAG_"),
  selTarget: new Family("V4L2_SEL_TGT_"),
  selFlag: new Family("V4L2_SEL_FLAG_"),
} as const;

/** Members that have one of these hints are shown as its words. */
const byHint: Readonly<Record<string, Family>> = {
  v4l2_buf_type: new Family("V4L2_BUF_TYPE_"),
  v4l2_field: new Family("V4L2_FIELD_"),
  v4l2_memory: new Family("V4L2_MEMORY_", ["V4L2_MEMORY_FLAG_"]),
  v4l2_colorspace: new Family("V4L2_COLORSPACE_"),
  v4l2_ycbcr_encoding: new Family("V4L2_YCBCR_ENC_"),
  v4l2_quantization: new Family("V4L2_QUANTIZATION_"),
  v4l2_xfer_func: new Family("V4L2_XFER_FUNC_"),
  v4l2_frmsizetypes: new Family("V4L2_FRMSIZE_TYPE_"),
  v4l2_ctrl_type: new Family("V4L2_CTRL_TYPE_"),
};

const flagged = (prefix: string): Rule => ({ flags: new Family(prefix) });
const plainHex: Rule = { flags: new Family("\0") };

interface Rule {
  readonly words?: Family;
  readonly flags?: Family;
  /** Seen as `6.12.0`. */
  readonly isVersion?: true;
  /** So many elements of an array count. */
  readonly count?: string;
}

/** By `struct.member`. */
const rules: Readonly<Record<string, Rule>> = {
  "v4l2_capability.version": { isVersion: true },
  "v4l2_capability.capabilities": { flags: families.cap },
  "v4l2_capability.device_caps": { flags: families.cap },
  "v4l2_fmtdesc.type": { words: byHint["v4l2_buf_type"] as Family },
  "v4l2_fmtdesc.flags": { flags: families.fmtFlag },
  "v4l2_requestbuffers.capabilities": { flags: families.bufCap },
  "v4l2_requestbuffers.flags": { flags: families.memoryFlag },
  "v4l2_create_buffers.capabilities": { flags: families.bufCap },
  "v4l2_create_buffers.flags": { flags: families.memoryFlag },
  "v4l2_pix_format.flags": { flags: families.pixFlag },
  "v4l2_pix_format_mplane.flags": { flags: families.pixFlag },
  "v4l2_pix_format_mplane.plane_fmt": { count: "num_planes" },
  "v4l2_exportbuffer.flags": plainHex,
  "v4l2_query_ext_ctrl.id": { words: families.cid },
  "v4l2_query_ext_ctrl.flags": { flags: families.ctrlFlag },
  "v4l2_query_ext_ctrl.dims": { count: "nr_of_dims" },
  "v4l2_queryctrl.id": { words: families.cid },
  "v4l2_queryctrl.flags": { flags: families.ctrlFlag },
  "v4l2_control.id": { words: families.cid },
  "v4l2_selection.target": { words: families.selTarget },
  "v4l2_selection.flags": { flags: families.selFlag },
  "v4l2_ctrl_h264_sps.flags": flagged("V4L2_H264_SPS_FLAG_"),
  // A fault of v4l2-tracer: these are V4L2_H264_SPS_CONSTRAINT_SETn_FLAG. Its retrace reads what it writes.
  "v4l2_ctrl_h264_sps.constraint_set_flags": flagged("V4L2_H264_SPS_FLAG_"),
  "v4l2_ctrl_h264_pps.flags": flagged("V4L2_H264_PPS_FLAG_"),
  "v4l2_ctrl_h264_slice_params.flags": flagged("V4L2_H264_SLICE_FLAG_"),
  "v4l2_h264_dpb_entry.flags": flagged("V4L2_H264_DPB_ENTRY_FLAG_"),
  "v4l2_ctrl_h264_decode_params.flags": flagged("V4L2_H264_DECODE_PARAM_FLAG_"),
  "v4l2_ctrl_hevc_sps.flags": flagged("V4L2_HEVC_SPS_FLAG_"),
  "v4l2_ctrl_hevc_pps.flags": flagged("V4L2_HEVC_PPS_FLAG_"),
  "v4l2_ctrl_hevc_slice_params.flags": flagged("V4L2_HEVC_SLICE_PARAMS_FLAG_"),
  "v4l2_ctrl_hevc_decode_params.flags": flagged("V4L2_HEVC_DECODE_PARAM_FLAG_"),
  "v4l2_hevc_dpb_entry.flags": flagged("V4L2_HEVC_DPB_ENTRY_LONG_TERM_REFERENCE"),
  "v4l2_vp8_segment.flags": flagged("V4L2_VP8_SEGMENT_FLAG_"),
  "v4l2_vp8_loop_filter.flags": flagged("V4L2_VP8_LF_"),
  "v4l2_ctrl_vp8_frame.flags": flagged("V4L2_VP8_FRAME_FLAG_"),
  "v4l2_vp9_loop_filter.flags": flagged("V4L2_VP9_LOOP_FILTER_FLAG_"),
  "v4l2_vp9_segmentation.flags": flagged("V4L2_VP9_SEGMENTATION_FLAG_"),
  "v4l2_ctrl_vp9_frame.flags": flagged("V4L2_VP9_FRAME_FLAG_"),
  "v4l2_ctrl_mpeg2_sequence.flags": flagged("V4L2_MPEG2_SEQ_FLAG_"),
  "v4l2_ctrl_mpeg2_picture.flags": flagged("V4L2_MPEG2_PIC_FLAG_"),
  "v4l2_ctrl_fwht_params.flags": flagged("V4L2_FWHT_FL_"),
  "v4l2_ctrl_av1_sequence.flags": flagged("V4L2_AV1_SEQUENCE_FLAG_"),
  "v4l2_av1_tile_info.flags": flagged("V4L2_AV1_TILE_INFO_FLAG_"),
  "v4l2_av1_quantization.flags": flagged("V4L2_AV1_QUANTIZATION_FLAG_"),
  "v4l2_av1_segmentation.flags": flagged("V4L2_AV1_SEGMENTATION_FLAG_"),
  "v4l2_av1_loop_filter.flags": flagged("V4L2_AV1_LOOP_FILTER_FLAG_"),
  "v4l2_av1_loop_restoration.flags": flagged("V4L2_AV1_LOOP_RESTORATION_FLAG_"),
  "v4l2_ctrl_av1_frame.flags": flagged("V4L2_AV1_FRAME_FLAG_"),
  // A fault of v4l2-tracer: this is a mask of frames.
  "v4l2_ctrl_av1_frame.refresh_frame_flags": flagged("V4L2_AV1_FRAME_FLAG_"),
  "v4l2_ctrl_av1_film_grain.flags": flagged("V4L2_AV1_FILM_GRAIN_FLAG_"),
};

/** The member of `v4l2_format.fmt` that a buffer type has. */
const formatOf = (type: number): string | undefined => {
  if (type === 1 || type === 2) return "v4l2_pix_format";
  return type === 9 || type === 10 ? "v4l2_pix_format_mplane" : undefined;
};

const fourccNames = new Map(
  Object.entries(FOURCCS)
    .reverse()
    .map(([name, value]) => [value, name]),
);

/** Members that a file does not have. */
const isLeftOut = ({ name }: FieldLayout): boolean => /^(?:reserved\d*|raw_data)$/.test(name);

const widths: Readonly<Record<string, number>> = {
  u8: 1,
  s8: 1,
  u16: 2,
  s16: 2,
  u32: 4,
  s32: 4,
  u64: 8,
  s64: 8,
  ptr: 8,
};

// ---- To JSON ----------------------------------------------------------------------------------------------------------

/** The members of a struct at the beginning of `bytes`. @throws {RangeError} Too few bytes. */
export function structToJson(name: string, bytes: Uint8Array): JsonObject {
  const layout = layouts.get(name);
  if (bytes.byteLength < layout.size) throw new RangeError(`struct ${name} needs ${layout.size} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return membersToJson(layout, view, 0);
}

function membersToJson(layout: Layout, view: DataView, at: number): JsonObject {
  const members: Record<string, Json> = {};
  const counted = layout.fields.find(({ name }) => name === "num_planes");
  // The tracer shows a count before what it counts.
  const fields = counted === undefined ? layout.fields : beforePlanes(layout.fields, counted);
  for (const field of fields) {
    if (isLeftOut(field)) continue;
    const place = at + field.offset;
    if (layout.name === "v4l2_format" && field.name === "fmt") {
      const format = formatOf(view.getUint32(at, true));
      if (format !== undefined) members[format] = membersToJson(layouts.get(format), view, place);
    } else if (field.name === "") Object.assign(members, unnamedToJson(layout.name, field, view, at));
    else if (widths[field.type] === undefined && field.type !== "str" && field.dims.length === 0) {
      const key = layout.name.startsWith("v4l2_ctrl_") ? field.type : field.name;
      members[key] = membersToJson(layouts.get(field.type), view, place);
    } else members[field.name] = fieldToJson(layout, field, view, at);
  }
  return members;
}

function beforePlanes(fields: readonly FieldLayout[], counted: FieldLayout): FieldLayout[] {
  return fields.flatMap((field) => {
    if (field === counted) return [];
    return field.name === "plane_fmt" ? [counted, field] : [field];
  });
}

function unnamedToJson(owner: string, field: FieldLayout, view: DataView, at: number): JsonObject {
  const union = layouts.get(field.type);
  const place = at + field.offset;
  if (owner !== "v4l2_frmsizeenum") return membersToJson(union, view, place);
  const type = view.getUint32(at + 8, true);
  const member = union.fields.find(({ name }) => name === (type === 1 ? "discrete" : "stepwise"));
  if (member === undefined || type === 0) return {};
  return { [member.type]: membersToJson(layouts.get(member.type), view, place) };
}

function fieldToJson(owner: Layout, field: FieldLayout, view: DataView, at: number): Json {
  const { type, dims, offset, name } = field;
  const rule = rules[`${owner.name}.${name}`] ?? {};
  const place = at + offset;
  if (type === "str") {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + place, dims[0] ?? 0);
    const end = bytes.indexOf(0);
    return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString();
  }
  if (dims.length === 0) return scalarToJson(field, rule, numberAt(view, place, type));
  const stride = field.strides.at(-1) ?? 0;
  const count = rule.count === undefined ? undefined : countOf(owner, rule.count, view, at);
  // Of several dimensions, the tracer makes one.
  const total = dims.reduce((product, dim) => product * dim, 1);
  return Array.from({ length: Math.min(count ?? total, total) }, (_, index) =>
    widths[type] === undefined
      ? membersToJson(layouts.get(type), view, place + index * stride)
      : jsonNumber(numberAt(view, place + index * stride, type)),
  );
}

function countOf(owner: Layout, name: string, view: DataView, at: number): number {
  const field = owner.fields.find((other) => other.name === name);
  return field === undefined ? 0 : Number(numberAt(view, at + field.offset, field.type));
}

function scalarToJson({ hint, type }: FieldLayout, { words, flags, isVersion }: Rule, value: bigint): Json {
  if (isVersion)
    return [16n, 8n, 0n].map((shift) => (value >> shift) & (shift === 16n ? 0xffffn : 0xffn)).join(".");
  if (flags !== undefined) return flags.flags(BigInt.asUintN(64, value));
  if (hint === "4cc") return fourccNames.get(Number(value)) ?? hex(value);
  const family = words ?? byHint[hint];
  if (family !== undefined && type !== "u64") return family.word(Number(value));
  return jsonNumber(value);
}

export const jsonNumber = (value: bigint): number | bigint => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};

function numberAt(view: DataView, at: number, type: string): bigint {
  switch (type) {
    case "u8":
      return BigInt(view.getUint8(at));
    case "s8":
      return BigInt(view.getInt8(at));
    case "u16":
      return BigInt(view.getUint16(at, true));
    case "s16":
      return BigInt(view.getInt16(at, true));
    case "s32":
      return BigInt(view.getInt32(at, true));
    case "s64":
      return view.getBigInt64(at, true);
    case "u64":
    case "ptr":
      return view.getBigUint64(at, true);
    default:
      return BigInt(view.getUint32(at, true));
  }
}

// ---- Buffers' flags ---------------------------------------------------------------------------------------------------

const TIMESTAMP_MASK = 0xe000;
const SOURCE_MASK = 0x7_0000;
const timestamps = new Family("V4L2_BUF_FLAG_TIMESTAMP_", ["V4L2_BUF_FLAG_TIMESTAMP_MASK"]);
const sources = new Family("V4L2_BUF_FLAG_TSTAMP_SRC_", ["V4L2_BUF_FLAG_TSTAMP_SRC_MASK"]);

/** Kind and place of the time stamp stand first, even where they are 0. */
export function bufferFlags(flags: number): string {
  const rest = (flags & ~(TIMESTAMP_MASK | SOURCE_MASK)) >>> 0;
  const words = [timestamps.word(flags & TIMESTAMP_MASK), sources.word(flags & SOURCE_MASK)];
  if (rest !== 0) words.push(families.bufFlag.flags(BigInt(rest)));
  return words.filter((word) => word !== "").join("|");
}

export const bufTypeWord = (type: number): string => byHint["v4l2_buf_type"]?.word(type) ?? hex(type);
export const fieldWord = (field: number): string => byHint["v4l2_field"]?.word(field) ?? hex(field);
export const memoryWord = (memory: number): string => byHint["v4l2_memory"]?.word(memory) ?? hex(memory);
export const controlWord = (id: number): string => families.cid.word(id);
export const whichWord = (which: number): string => families.which.word(which);

// ---- From JSON --------------------------------------------------------------------------------------------------------

/** Writes the members that `json` has; what it has not, stays as it is. Nothing in it can be too large or of a wrong kind. */
export function structFromJson(name: string, json: Json | undefined, bytes: Uint8Array): void {
  const layout = layouts.get(name);
  if (bytes.byteLength < layout.size) throw new RangeError(`struct ${name} needs ${layout.size} bytes`);
  membersFromJson(layout, json, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
}

function membersFromJson(layout: Layout, json: Json | undefined, view: DataView, at: number): void {
  if (!isObject(json)) return;
  for (const field of layout.fields) {
    if (isLeftOut(field) || field.type === "ptr") continue;
    const place = at + field.offset;
    if (layout.name === "v4l2_format" && field.name === "fmt") {
      const format = formatOf(view.getUint32(at, true));
      if (format !== undefined) membersFromJson(layouts.get(format), json[format], view, place);
    } else if (field.name === "") {
      const union = layouts.get(field.type);
      const [first] = union.fields;
      // Of a union, what stands first is what counts.
      if (first !== undefined)
        scalarFromJson(first, rules[`${union.name}.${first.name}`] ?? {}, json[first.name], view, place);
    } else if (widths[field.type] === undefined && field.type !== "str" && field.dims.length === 0)
      membersFromJson(layouts.get(field.type), json[field.name] ?? json[field.type], view, place);
    else fieldFromJson(layout, field, json[field.name], view, place);
  }
}

function fieldFromJson(
  owner: Layout,
  field: FieldLayout,
  json: Json | undefined,
  view: DataView,
  at: number,
): void {
  const { type, dims } = field;
  if (json === undefined) return;
  if (type === "str") {
    if (typeof json === "string")
      new Uint8Array(view.buffer, view.byteOffset + at, dims[0] ?? 0).set(
        Buffer.from(json).subarray(0, Math.max(0, (dims[0] ?? 0) - 1)),
      );
    return;
  }
  if (dims.length === 0) {
    scalarFromJson(field, rules[`${owner.name}.${field.name}`] ?? {}, json, view, at);
    return;
  }
  const stride = field.strides.at(-1) ?? 0;
  const total = dims.reduce((product, dim) => product * dim, 1);
  if (!Array.isArray(json)) return;
  for (const [index, item] of (json as readonly Json[]).slice(0, total).entries()) {
    if (widths[type] === undefined) membersFromJson(layouts.get(type), item, view, at + index * stride);
    else putNumber(view, at + index * stride, type, numberOf(item));
  }
}

function scalarFromJson(
  { hint, type }: FieldLayout,
  { words, flags, isVersion }: Rule,
  json: Json | undefined,
  view: DataView,
  at: number,
): void {
  if (json === undefined) return;
  let value = numberOf(json);
  if (typeof json === "string") {
    if (isVersion) {
      const [major = 0n, minor = 0n, patch = 0n] = json.split(".").map(numberOf);
      value = (major << 16n) | (minor << 8n) | patch;
    } else if (flags !== undefined) value = flagsOf(json, flags);
    else if (hint === "4cc") value = BigInt(Object.hasOwn(FOURCCS, json) ? (FOURCCS[json] ?? 0) : 0) || value;
    else value = BigInt((words ?? byHint[hint])?.valueOf(json) ?? Number(BigInt.asUintN(32, value)));
  }
  putNumber(view, at, type, value);
}

const flagsOf = (text: string, family: Family): bigint =>
  text.split("|").reduce((sum, word) => sum | BigInt(family.valueOf(word) ?? numberOf(word)), 0n);

export const isObject = (json: Json | undefined): json is JsonObject =>
  typeof json === "object" && json !== null && !Array.isArray(json);

/** 0 for what is no number. */
export function numberOf(json: Json | undefined): bigint {
  if (typeof json === "bigint") return json;
  if (typeof json === "number") return Number.isFinite(json) ? BigInt(Math.trunc(json)) : 0n;
  return typeof json === "string" && /^-?(?:0x[0-9a-f]{1,16}|\d{1,20})$/i.test(json)
    ? json.startsWith("-")
      ? -BigInt(json.slice(1))
      : BigInt(json)
    : 0n;
}

function putNumber(view: DataView, at: number, type: string, value: bigint): void {
  switch (widths[type]) {
    case 1:
      view.setUint8(at, Number(BigInt.asUintN(8, value)));
      break;
    case 2:
      view.setUint16(at, Number(BigInt.asUintN(16, value)), true);
      break;
    case 4:
      view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
      break;
    default:
      view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }
}

/** What {@link bufferFlags} wrote. */
export const bufferFlagsOf = (text: string): number =>
  text.split("|").reduce((sum, word) => {
    const value =
      timestamps.valueOf(word) ??
      sources.valueOf(word) ??
      families.bufFlag.valueOf(word) ??
      Number(numberOf(word));
    return (sum | value) >>> 0;
  }, 0);

const valueIn = (family: Family | undefined, text: Json | undefined): number =>
  typeof text === "string"
    ? (family?.valueOf(text) ?? Number(BigInt.asUintN(32, numberOf(text))))
    : Number(numberOf(text));

export const bufTypeOf = (text: Json | undefined): number => valueIn(byHint["v4l2_buf_type"], text);
export const fieldOf = (text: Json | undefined): number => valueIn(byHint["v4l2_field"], text);
export const memoryOf = (text: Json | undefined): number => valueIn(byHint["v4l2_memory"], text);
export const controlOf = (text: Json | undefined): number => valueIn(families.cid, text);
export const whichOf = (text: Json | undefined): number => valueIn(families.which, text);
