/**
 * The words that the kernel's core uses for enumerations in its debug lines, and the log's way with hostile text.
 */
import { MbusCode } from "../gen/index.js";

/** Words by value; a hole prints as `(null)`, a value beyond the end as `unknown`, like the kernel's. */
export type NameTable = readonly (string | undefined)[];

/** Indexed by `enum v4l2_buf_type`. */
export const bufTypeNames: readonly string[] = [
  "0",
  "vid-cap",
  "vid-out",
  "vid-overlay",
  "vbi-cap",
  "vbi-out",
  "sliced-vbi-cap",
  "sliced-vbi-out",
  "vid-out-overlay",
  "vid-cap-mplane",
  "vid-out-mplane",
  "sdr-cap",
  "sdr-out",
  "meta-cap",
  "meta-out",
];

/** `vid-cap-mplane`, for what the log and its views show. */
export const bufTypeName = (type: number): string => nameOf(bufTypeNames, type);

/** `enum v4l2_buf_type` by these names. */
export const bufTypes: Readonly<Record<string, number>> = Object.fromEntries(
  // There is no type 0.
  bufTypeNames.map((name, type) => [name, type] as const).slice(1),
);

/** Indexed by `enum v4l2_memory`. */
export const memoryNames: NameTable = [undefined, "mmap", "userptr", "overlay", "dmabuf"];

/** Indexed by `enum v4l2_field`. */
export const fieldNames: NameTable = [
  "any",
  "none",
  "top",
  "bottom",
  "interlaced",
  "seq-tb",
  "seq-bt",
  "alternate",
  "interlaced-tb",
  "interlaced-bt",
];

export function nameOf(table: NameTable, value: number): string {
  if (value >= table.length) return "unknown";
  return table[value] ?? "(null)";
}

const mbusNames: ReadonlyMap<number, string> = new Map(
  Object.entries(MbusCode).map(([name, code]) => [code, `MEDIA_BUS_FMT_${name}`]),
);

/** `MEDIA_BUS_FMT_UYVY8_1X16`; a number that is none of them in hexadecimal. */
export const mbusName = (code: number): string =>
  mbusNames.get(code) ?? `0x${code.toString(16).padStart(4, "0")}`;

/** Text of a client or driver for a terminal: control characters, and what is not text, as `\xNN` or `\u{NNNN}`. */
export function escapeText(text: string): string {
  // eslint-disable-next-line no-control-regex -- finding them is the point
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffd]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** A four-character code as the kernel prints it: `NV12 little-endian (0x3231564e)`. */
export function fourccText(code: number): string {
  let text = "";
  for (let shift = 0; shift < 32; shift += 8) {
    const byte = ((code & 0x7fffffff) >>> shift) & 0xff;
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
  }
  const order = code >>> 31 === 1 ? "big" : "little";
  return `${text} ${order}-endian (0x${(code >>> 0).toString(16).padStart(8, "0")})`;
}
