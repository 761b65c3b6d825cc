/** Constants, enums, ioctl numbers, pixel formats and controls, as TypeScript. */
import type { ConstantFact, Facts, IoctlFact, StructFact } from "./facts.js";
import { plainName, typeName, viewName } from "./names.js";

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

/** All `#define`s but the pixel formats, then the enums, of one header. */
export function constantLines(facts: Facts, header: string): string[] {
  const lines = (facts.constants[header] ?? []).filter(([name]) => !isFourcc(name)).map(constant);
  for (const { name, header: where, values } of facts.enums) {
    if (where !== header) continue;
    lines.push("", name === "" ? "// enum" : `// enum ${name}`);
    for (const [value, number] of values) lines.push(`export const ${value} = ${number};`);
  }
  return lines;
}

/** `{ enum: { NAME: value } }`, for names in logs. */
export function enumTable(facts: Facts, headers: ReadonlySet<string>): string {
  const lines = facts.enums
    .filter(({ name, header }) => name !== "" && headers.has(header))
    .map(
      ({ name, values }) =>
        `  ${name}: { ${values.map(([value, number]) => `${value}: ${number}`).join(", ")} },`,
    );
  return [
    "/** Every named enum of the headers: its names and their values. */",
    "export const ENUMS = {",
    ...lines,
    "} as const;",
  ].join("\n");
}

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
  /** The view of a struct argument. */
  readonly view?: ViewClass;
  /** The request number of an i386 caller, where it differs; with a 64-bit \`time_t\` the second one, where that differs again. */
  readonly number32?: number;
  readonly number32Time64?: number;
}`;

export function ioctlTable(
  ioctls: readonly IoctlFact[],
  structs: ReadonlyMap<string, StructFact>,
): { text: string; views: Set<string> } {
  const views = new Set<string>();
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
      views.add(struct.name);
      row.push(`view: ${viewName(struct.name)}`);
      if (struct.size32 !== undefined) row.push(`number32: ${hex(withSize(number, struct.size32))}`);
      if (struct.size32Time64 !== undefined && struct.size32Time64 !== struct.size32) {
        row.push(`number32Time64: ${hex(withSize(number, struct.size32Time64))}`);
      }
    }
    return `  ${name}: { ${row.join(", ")} },`;
  });
  const text = [
    "/** Every ioctl of the headers. */",
    "export const IOCTLS = {",
    ...rows,
    "} as const satisfies Readonly<Record<string, IoctlEntry>>;",
  ].join("\n");
  return { text, views };
}

export const FOURCC_TABLE_DOC = "Pixel, metadata, SDR and touch formats.";

export function fourccs(facts: Facts): string[] {
  const all = Object.values(facts.constants)
    .flat()
    .filter(([name]) => isFourcc(name));
  return [
    ...all.map(constant),
    "",
    "/** Four-character codes by name, in the order of the header; the first name of a value is its usual one. */",
    "export const FOURCCS: Readonly<Record<string, number>> = {",
    ...all.map(([name]) => `  ${name},`),
    "};",
  ];
}

/** Control ids by name. Bases come last, so that a search by value meets the control first. */
export function controlTable(facts: Facts): string {
  const macros = Object.values(facts.constants).flatMap((list) =>
    list.map(([name, , value]) => [name, Number(value)] as const),
  );
  const enumerators = facts.enums.flatMap(({ values }) => values);
  const all = [...macros, ...enumerators].filter(
    ([name]) => name.startsWith("V4L2_CID_") && name !== "V4L2_CID_MAX_CTRLS",
  );
  const base = ([name]: readonly [string, number]): number => (name.endsWith("_BASE") ? 1 : 0);
  all.sort((a, b) => base(a) - base(b)); // Stable: the header's order within each group.
  return [
    "/** Control ids by name; class ids and bases included, bases last. */",
    "export const CONTROL_IDS: Readonly<Record<string, number>> = {",
    ...all.map(([name, value]) => `  ${name}: ${hex(value)},`),
    "};",
  ].join("\n");
}

/** `V4L2_CTRL_TYPE_H264_SPS` and `struct v4l2_ctrl_h264_sps` belong together by name. */
function compoundControls(facts: Facts): { name: string; struct: string }[] {
  const structs = new Set(facts.structs.map(({ name }) => name));
  const types = facts.enums.find(({ name }) => name === "v4l2_ctrl_type")?.values ?? [];
  return types.flatMap(([name, value]) => {
    if (value < COMPOUND || SCALAR_COMPOUNDS.has(name)) return [];
    const stem = name.slice("V4L2_CTRL_TYPE_".length).toLowerCase();
    const struct = [`v4l2_ctrl_${stem}`, `v4l2_${stem}`].find((candidate) => structs.has(candidate));
    if (struct === undefined) throw new Error(`${name}: no payload struct`);
    return [{ name, struct }];
  });
}

/** V4L2_CTRL_COMPOUND_TYPES. */
const COMPOUND = 0x100;
const SCALAR_COMPOUNDS = new Set([
  "V4L2_CTRL_COMPOUND_TYPES",
  "V4L2_CTRL_TYPE_U8",
  "V4L2_CTRL_TYPE_U16",
  "V4L2_CTRL_TYPE_U32",
]);

const COMPOUND_TYPES = `/** How the payload of one compound control type is read, written and printed. */
export interface CompoundType<Payload> {
  readonly name: CompoundTypeName;
  /** \`enum v4l2_ctrl_type\`. */
  readonly type: number;
  /** C name of the payload. */
  readonly struct: string;
  readonly size: number;
  readonly view: ViewClass;
  read(source: BytesSource): Payload;
  write(target: BytesSource, value: Payload): void;
  print(value: Payload | BytesSource): string;
}`;

export interface CompoundTable {
  readonly lines: readonly string[];
  /** Constants that the lines use. */
  readonly constants: readonly string[];
  /** Names that the lines use of each struct. */
  readonly uses: ReadonlyMap<string, readonly string[]>;
}

export function compoundTable(facts: Facts): CompoundTable {
  const compounds = compoundControls(facts);
  const uses = new Map<string, readonly string[]>();
  const rows = compounds.map(({ name, struct }) => {
    const stem = typeName(struct);
    const view = viewName(struct);
    const [read, write, print] = [`read${stem}`, `write${stem}`, `print${stem}`];
    uses.set(struct, [view, read, write, print, `type ${plainName(struct)}`]);
    const what = `name: "${name}", type: ${name}, struct: "${struct}", size: ${view}.SIZE, view: ${view}`;
    return `  ${name}: { ${what}, read: ${read}, write: ${write}, print: ${print} },`;
  });
  const lines = [
    "/** Plain value of each compound control type. */",
    "export interface CompoundPayloads {",
    ...compounds.map(({ name, struct }) => `  ${name}: ${plainName(struct)};`),
    "}",
    "",
    "export type CompoundTypeName = keyof CompoundPayloads;",
    "",
    COMPOUND_TYPES,
    "",
    "export const COMPOUND_TYPES: { readonly [Name in CompoundTypeName]: CompoundType<CompoundPayloads[Name]> } = {",
    ...rows,
    "};",
  ];
  return { lines, constants: compounds.map(({ name }) => name), uses };
}
