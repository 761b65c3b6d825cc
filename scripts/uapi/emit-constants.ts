/** Constants, enums, ioctl numbers, pixel formats and controls, as TypeScript. */
import { CID, ENUMERATIONS, enumerationMembers, type EnumerationInput } from "./enumerations.js";
import type { ConstantFact, Facts, IoctlFact, Struct32Fact, StructFact } from "./facts.js";
import { plainName } from "./names.js";

export const isFourcc = (name: string): boolean =>
  /^V4L2_(?:PIX|META|SDR|TCH)_FMT_(?!FLAG)/.test(name) && !NOT_FOURCC.has(name);

/** Named like pixel formats, but are not. */
const NOT_FOURCC = new Set(["V4L2_PIX_FMT_PRIV_MAGIC"]);

/** A number, a bigint for 64-bit types, or a string. A flag in the sign bit counts as unsigned: fields are. */
function literal([name, type, value]: ConstantFact): string {
  if (type === "str") return JSON.stringify(value);
  if (type === "s64" || type === "u64") return `${value}n`;
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new Error(`${name}: ${value} is no safe integer`);
  if (isFourcc(name)) return `0x${number.toString(16)}`;
  return String(number < 0 && type === "s32" ? number >>> 0 : number);
}

const constant = (fact: ConstantFact): string => `export const ${fact[0]} = ${literal(fact)};`;

/** The chosen `#define`s, then the chosen enumerators, of one header. */
export function constantLines(facts: Facts, header: string, chosen: (name: string) => boolean): string[] {
  const lines = (facts.constants[header] ?? [])
    .filter(([name]) => chosen(name) && !isFourcc(name))
    .map(constant);
  for (const { name, header: where, values } of facts.enums) {
    const kept = where === header ? values.filter(([value]) => chosen(value)) : [];
    if (kept.length === 0) continue;
    lines.push("", name === "" ? "// enum" : `// enum ${name}`);
    for (const [value, number] of kept) lines.push(`export const ${value} = ${number};`);
  }
  return lines;
}

/** `new EnumTable({ enum: { NAME: value } })`, for names in logs. */
export function enumTable(facts: Facts, names: ReadonlySet<string>): string[] {
  const lines = facts.enums
    .filter(({ name }) => names.has(name))
    .map(
      ({ name, values }) =>
        `  ${name}: { ${values.map(([value, number]) => `${value}: ${number}`).join(", ")} },`,
    );
  return [
    "/** The names of enums' values, for logs. */",
    "export const enums = new EnumTable({",
    ...lines,
    "});",
  ];
}

const digits = (value: number, hex: number | undefined): string =>
  hex === undefined ? String(value) : `0x${value.toString(16).padStart(hex, "0")}`;

/** One const object, and its type where the input asks for one. */
function enumeration(
  facts: Facts,
  input: EnumerationInput,
  heading?: (value: number) => string | undefined,
): string[] {
  const { name, doc, comments = {}, hex } = input;
  const rows: string[] = [];
  let last: string | undefined;
  for (const member of enumerationMembers(facts, input)) {
    const title = heading?.(member.value);
    if (title !== undefined && title !== last) rows.push(`  // ${title}`);
    last = title;
    const comment = comments[member.name];
    if (comment !== undefined) rows.push(`  /** ${comment} */`);
    rows.push(`  ${member.name}: ${digits(member.value, hex)},`);
  }
  const type = input.type === true ? [`export type ${name} = (typeof ${name})[keyof typeof ${name}];`] : [];
  return [`/** ${doc} */`, `export const ${name} = {`, ...rows, "} as const;", ...type];
}

export const enumerationLines = (facts: Facts): string[] =>
  ENUMERATIONS.flatMap((input) => [...enumeration(facts, input), ""]).slice(0, -1);

/** Control ids, under the names of their classes. */
export function controlIdLines(facts: Facts): string[] {
  const classes = ENUMERATIONS.find(({ name }) => name === "CtrlClass");
  if (classes === undefined) throw new Error("no classes of controls");
  const titles = new Map(enumerationMembers(facts, classes).map(({ name, value }) => [value, name]));
  return enumeration(facts, CID, (id) => titles.get(id & CLASS_MASK));
}

/** V4L2_CTRL_ID2WHICH. */
const CLASS_MASK = 0x0fff0000;

/** `_IOC_DIR`, `_IOC_SIZE` and the rest of a request number on x86 and arm. */
const split = (number: number) => ({
  dir: (["none", "write", "read", "readwrite"] as const)[number >>> 30] ?? "none",
  size: (number >>> 16) & 0x3fff,
  type: String.fromCharCode((number >>> 8) & 0xff),
  nr: number & 0xff,
});

const withSize = (number: number, size: number): number => ((number & ~0x3fff0000) | (size << 16)) >>> 0;

const hex = (number: number): string => `0x${number.toString(16).padStart(8, "0")}`;

export function ioctlConstants(ioctls: readonly IoctlFact[]): string[] {
  return ioctls.map(({ name, number }) => `export const ${name} = ${hex(number)};`);
}

export const IOCTL_TYPES = `/** One row of {@link IOCTLS}. */
export interface IoctlEntry {
  readonly name: string;
  /** The request number that LP64 callers use. */
  readonly number: number;
  /** What the request number says: \`write\` copies from the caller, \`read\` to it. */
  readonly dir: "none" | "read" | "write" | "readwrite";
  readonly type: string;
  readonly nr: number;
  readonly size: number;
  /** The argument's C type, empty if there is none. */
  readonly arg: string;
}`;

export function ioctlTable(ioctls: readonly IoctlFact[], structs: ReadonlyMap<string, StructFact>): string[] {
  const rows = ioctls.map(({ name, number, arg }) => {
    const { dir, size, type, nr } = split(number);
    const struct = structs.get(arg.replace(/^struct /, ""));
    const row = [
      `name: "${name}"`,
      `number: ${hex(number)}`,
      `dir: "${dir}"`,
      `type: "${type}"`,
      `nr: ${nr}`,
      `size: ${size}`,
      `arg: ${JSON.stringify(arg)}`,
    ];
    if (struct !== undefined) {
      if (struct.size !== size)
        throw new Error(`${name}: ${arg} has ${struct.size} bytes, the number says ${size}`);
    }
    return `  ${name}: { ${row.join(", ")} },`;
  });
  return [
    "/** Every ioctl of the headers. */",
    "export const IOCTLS = {",
    ...rows,
    "} as const satisfies Readonly<Record<string, IoctlEntry>>;",
  ];
}

/**
 * The request numbers of 32-bit programs that are others than those of 64-bit programs.
 * @throws {Error} An argument differs although its number does not: a number would mean two things.
 */
export function ioctlRows32(
  ioctls: readonly IoctlFact[],
  structs32: readonly Struct32Fact[],
): readonly string[] {
  return ioctls.flatMap(({ name, number, arg }) =>
    structs32
      .filter((struct) => arg === `struct ${struct.name}`)
      .map(({ size, abis }) => {
        const number32 = withSize(number, size);
        if (number32 === number) throw new Error(`${name}: another layout of ${arg}, but no other number`);
        return `  [${JSON.stringify(abis)}, "${name}", ${hex(number32)}],`;
      }),
  );
}

export const FOURCC_TABLE_DOC = "Pixel, metadata, SDR and touch formats.";

export function fourccs(facts: Facts): string[] {
  const all = Object.values(facts.constants)
    .flat()
    .filter(([name]) => isFourcc(name));
  return [
    "/** Four-character codes by name, in the order of the header; the first name of a value is its usual one. */",
    "export const FOURCCS: Readonly<Record<string, number>> = {",
    ...all.map((fact) => `  ${fact[0]}: ${literal(fact)},`),
    "};",
  ];
}

/** Words of the uAPI that programs write instead of numbers, beside fourccs: enumerators, flags, control ids. */
const WORDS =
  /^V4L2_(?:BUF|CAP|CID|COLORSPACE|CTRL|DEC|FIELD|FMT|FRMIVAL|FRMSIZE|FWHT|H264|HEVC|HSV|MEMORY|MODE|MPEG2|PIX_FMT_FLAG|QUANTIZATION|SEL|STATELESS|VP8|VP9|AV1|XFER|YCBCR)_/;

export function wordLines(facts: Facts): string[] {
  const constants = Object.values(facts.constants)
    .flat()
    .filter(([name, type]) => WORDS.test(name) && !isFourcc(name) && type !== "str")
    .map(([name, , value]) => [name, Number(value) < 0 ? Number(value) >>> 0 : Number(value)] as const);
  const enumerators = facts.enums.flatMap(({ values }) => values.filter(([name]) => WORDS.test(name)));
  return [
    "/** Enumerators, flags and control ids by their C names, in the order of the headers. */",
    "export const WORDS: Readonly<Record<string, number>> = {",
    ...[...constants, ...enumerators].map(([name, value]) => `  ${name}: ${value},`),
    "};",
  ];
}

/** `CtrlType.H264Sps` and `struct v4l2_ctrl_h264_sps` belong together by name. */
export function compoundControls(
  facts: Facts,
): readonly { readonly type: string; readonly struct: string }[] {
  const structs = new Set(facts.structs.map(({ name }) => name));
  const types = ENUMERATIONS.find(({ name }) => name === "CtrlType");
  if (types === undefined) throw new Error("no types of controls");
  return enumerationMembers(facts, types).flatMap(({ name, cName, value }) => {
    if (value < COMPOUND || SCALAR_COMPOUNDS.has(cName)) return [];
    const stem = cName.slice("V4L2_CTRL_TYPE_".length).toLowerCase();
    const struct = [`v4l2_ctrl_${stem}`, `v4l2_${stem}`].find((candidate) => structs.has(candidate));
    if (struct === undefined) throw new Error(`${cName}: no payload struct`);
    return [{ type: `CtrlType.${name}`, struct }];
  });
}

/** V4L2_CTRL_COMPOUND_TYPES. */
const COMPOUND = 0x100;
/** Types of integer arrays: numbered like compound types, but each element is an integer. */
const SCALAR_COMPOUNDS = new Set(["V4L2_CTRL_TYPE_U8", "V4L2_CTRL_TYPE_U16", "V4L2_CTRL_TYPE_U32"]);

export function compoundLines(facts: Facts): string[] {
  const compounds = compoundControls(facts);
  return [
    "/** Plain value of each compound control type. */",
    "export interface CompoundPayloads {",
    ...compounds.map(({ type, struct }) => `  [${type}]: ${plainName(struct)};`),
    "}",
    "",
    "/** C name of the struct that is the payload of each compound control type. */",
    "export const COMPOUND_STRUCTS = {",
    ...compounds.map(({ type, struct }) => `  [${type}]: "${struct}",`),
    "} as const;",
  ];
}
