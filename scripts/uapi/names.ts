/** How C names become TypeScript names, and the few facts about fields that the headers keep in prose. */
import type { FieldFact, StructFact } from "./facts.js";
import { parseType } from "./facts.js";

const PREFIX = "v4l2_";

const pascal = (name: string): string =>
  name
    .split("_")
    .filter((part) => part !== "")
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("");

/**
 * `v4l2_plane` -> `Plane`, `media_v2_pad` -> `MediaV2Pad`, `v4l2_plane.m` -> `PlaneM`,
 * `v4l2_ext_control.<0>` -> `ExtControlAnon`, `media_entity_desc.<0>.dev` -> `MediaEntityDescDev`.
 */
export function typeName(cName: string): string {
  const parts = cName.replace(/\.<\d+>(?=\.)/g, "").split(".");
  const [first = "", ...rest] = parts;
  const stem = first.startsWith(PREFIX) ? first.slice(PREFIX.length) : first;
  return [
    stem,
    ...rest.map((part) =>
      part.replace(/^<(\d+)>$/, (_, index: string) => (index === "0" ? "anon" : `anon${index}`)),
    ),
  ]
    .map(pascal)
    .join("");
}

export const viewName = (cName: string): string => `${typeName(cName)}View`;

/** Plain interfaces whose short name would hide a global get their prefix back. */
const GLOBALS = new Set(["Buffer", "Event"]);

export const plainName = (cName: string): string => {
  const name = typeName(cName);
  return GLOBALS.has(name) ? `V4l2${name}` : name;
};

/** Arrays of `__u8` or `char` with these names hold text; all others hold bytes. */
const TEXT_FIELDS = new Set(["name", "driver", "card", "bus_info", "description", "model", "serial"]);

export const isText = ([name, , type]: FieldFact): boolean =>
  TEXT_FIELDS.has(name) && /^(?:u8|char)\[\d+\]$/.test(type);

/** Unions of equal integers where another member than the first is the usual one. */
const PREFERRED: Readonly<Record<string, string>> = { "v4l2_ext_controls.<0>": "which" };

/** The member that stands for an unnamed union in plain values: only if all members are integers of one size. */
export function standsFor(union: StructFact, size: (base: string) => number): string | undefined {
  const whole = union.fields.every(([, , type]) => {
    const { aggregate, base, dims } = parseType(type);
    return !aggregate && dims.length === 0 && base !== "ptr" && size(base) === union.size;
  });
  return whole ? (PREFERRED[union.name] ?? union.fields[0]?.[0]) : undefined;
}

/** Fields declared as a plain integer that hold an enum's values: by field name, or by `struct.field`. */
const ENUM_FIELDS: Readonly<Record<string, string>> = {
  memory: "v4l2_memory",
  colorspace: "v4l2_colorspace",
  xfer_func: "v4l2_xfer_func",
  quantization: "v4l2_quantization",
  ycbcr_enc: "v4l2_ycbcr_encoding",
  field: "v4l2_field",
  "v4l2_sliced_vbi_data.field": "",
  "v4l2_requestbuffers.type": "v4l2_buf_type",
  "v4l2_buffer.type": "v4l2_buf_type",
  "v4l2_exportbuffer.type": "v4l2_buf_type",
  "v4l2_remove_buffers.type": "v4l2_buf_type",
  "v4l2_format.type": "v4l2_buf_type",
  "v4l2_fmtdesc.type": "v4l2_buf_type",
  "v4l2_cropcap.type": "v4l2_buf_type",
  "v4l2_crop.type": "v4l2_buf_type",
  "v4l2_selection.type": "v4l2_buf_type",
  "v4l2_streamparm.type": "v4l2_buf_type",
  "v4l2_sliced_vbi_cap.type": "v4l2_buf_type",
  "v4l2_queryctrl.type": "v4l2_ctrl_type",
  "v4l2_query_ext_ctrl.type": "v4l2_ctrl_type",
  "v4l2_event_ctrl.type": "v4l2_ctrl_type",
  "v4l2_frmsizeenum.type": "v4l2_frmsizetypes",
  "v4l2_frmivalenum.type": "v4l2_frmivaltypes",
  "v4l2_tuner.type": "v4l2_tuner_type",
  "v4l2_modulator.type": "v4l2_tuner_type",
  "v4l2_frequency.type": "v4l2_tuner_type",
  "v4l2_frequency_band.type": "v4l2_tuner_type",
  "v4l2_hw_freq_seek.type": "v4l2_tuner_type",
  "fuse_in_header.opcode": "fuse_opcode",
};

const FOURCC_FIELDS = new Set(["pixelformat", "pixel_format", "dataformat"]);

const HEX_FIELDS =
  /^(?:flags2?|.*_flags2?|flags_.*|capabilit(?:y|ies)|device_caps|std|id|standards|target|mode_mask|media_version|hw_revision|driver_version)$/;

/** The printing hint of a field, see `PrintHint` in src/uapi/runtime.ts. */
export function printHint(owner: string, [name, , type, enumName]: FieldFact): string {
  const { aggregate, base } = parseType(type);
  if (aggregate || isText([name, 0, type])) return "";
  if (enumName !== undefined && enumName !== "") return enumName;
  const known = ENUM_FIELDS[`${owner}.${name}`] ?? ENUM_FIELDS[name];
  if (known !== undefined && base.startsWith("u")) return known;
  if (FOURCC_FIELDS.has(name)) return "4cc";
  return HEX_FIELDS.test(name) && base.startsWith("u") ? "x" : "";
}
