/**
 * Reads, writes and prints plain values of structs, from a table of their layouts. The generated `readPlane`,
 * `writePlane` and `printPlane` call it; a layout is parsed when it is first used, so a table costs nothing to load.
 */
import {
  getNumber,
  readCString,
  setNumber,
  WIDTHS,
  writeCString,
  type BigIntKind,
  type BytesSource,
  type NumberKind,
} from "./runtime.js";

/** How a scalar is printed when not in decimal: in hex, as four characters, or by an enum's names. */
export type PrintHint = string;

export interface FieldLayout {
  /** `v4l2_plane.length`, for messages. */
  readonly label: string;
  /** Empty for an unnamed union or struct. */
  readonly name: string;
  readonly offset: number;
  /** A scalar kind, `str`, or the C name of a struct or union. */
  readonly type: string;
  /** Empty for a single value; a flexible array has the dimension 0. */
  readonly dims: readonly number[];
  /** Bytes from one element to the next, for each dimension. */
  readonly strides: readonly number[];
  readonly hint: PrintHint;
}

export interface Layout {
  readonly name: string;
  readonly kind: "struct" | "union";
  readonly size: number;
  readonly fields: readonly FieldLayout[];
  /** Union: the member that stands for all in plain values, because all are integers of one size. */
  readonly stands?: string;
}

/** `64 bytesused:0:u32 reserved:20:u32[11]`; unions start with `union` or `union=member`; a hint may follow. */
function parseLayout(name: string, text: string, sizeOf: (type: string) => number): Layout {
  const parts = text.split(" ");
  const first = parts[0] ?? "";
  const isUnion = first.startsWith("union");
  const fields = parts.slice(isUnion ? 2 : 1).map((part): FieldLayout => {
    const [field = "", offset = "", declared = "", hint = ""] = part.split(":");
    const [type = "", ...brackets] = declared.split("[");
    const dims = brackets.map((dim) => Number(dim.slice(0, -1)));
    const element = sizeOf(type);
    const strides = dims.map((_, depth) =>
      dims.slice(depth + 1).reduce((product, dim) => product * dim, element),
    );
    const label = `${name.replace(/\.<\d+>/g, "")}.${field}`;
    return { label, name: field, offset: Number(offset), type, dims, strides, hint };
  });
  const head = {
    name,
    kind: isUnion ? ("union" as const) : ("struct" as const),
    size: Number(isUnion ? parts[1] : first),
    fields,
  };
  const stands = first.slice("union=".length);
  return isUnion && stands !== "" ? { ...head, stands } : head;
}

type Plain = Record<string, unknown>;

/** The same memory, as both kinds of access need it. */
interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

function memoryOf(layout: Layout, source: BytesSource): Memory {
  const bytes = source instanceof Uint8Array ? source : source.bytes;
  if (bytes.byteLength < layout.size) {
    throw new RangeError(`${layout.kind} ${layout.name} needs ${layout.size} bytes, got ${bytes.byteLength}`);
  }
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

const isBytesSource = (value: object): value is BytesSource =>
  value instanceof Uint8Array || ("bytes" in value && value.bytes instanceof Uint8Array);

/** Arrays in a printed line show this many elements. */
const MAX_ELEMENTS = 8;
/** Raw bytes in a printed line show this many. */
const MAX_BYTES = 16;

const isScalar = (type: string): type is NumberKind | BigIntKind => type in WIDTHS;

/** Layouts by C name; each is parsed when first used. */
export class LayoutTable<Name extends string = string> {
  readonly #definitions: Readonly<Record<Name, string>>;
  readonly #enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly #parsed = new Map<string, Layout>();
  readonly #enumNames = new Map<string, ReadonlyMap<number, string>>();

  constructor(
    definitions: Readonly<Record<Name, string>>,
    enums: Readonly<Record<string, Readonly<Record<string, number>>>> = {},
  ) {
    this.#definitions = definitions;
    this.#enums = enums;
  }

  get names(): readonly Name[] {
    return Object.keys(this.#definitions) as Name[];
  }

  get(name: Name): Layout {
    return this.#layout(name);
  }

  /** @throws {RangeError} The source is shorter than the struct. */
  read(name: Name, source: BytesSource): unknown {
    const layout = this.#layout(name);
    return this.#readStruct(layout, memoryOf(layout, source), 0);
  }

  /** @throws {RangeError} The target is too short, or a value does not fit its field; bytes may be half written then. */
  write(name: Name, target: BytesSource, value: object): void {
    const layout = this.#layout(name);
    this.#writeStruct(layout, memoryOf(layout, target), 0, value as Plain);
  }

  print(name: Name, value: object): string {
    const plain = isBytesSource(value) ? this.read(name, value) : value;
    return this.#printStruct(this.#layout(name), plain as Plain);
  }

  #layout(name: string): Layout {
    let layout = this.#parsed.get(name);
    if (layout === undefined) {
      const text = (this.#definitions as Readonly<Record<string, string>>)[name];
      if (text === undefined) throw new Error(`no layout of ${name}`);
      layout = parseLayout(name, text, (type) => this.#sizeOf(type));
      this.#parsed.set(name, layout);
    }
    return layout;
  }

  #sizeOf(type: string): number {
    if (type === "str") return 1;
    return isScalar(type) ? WIDTHS[type] : this.#layout(type).size;
  }

  // -- reading

  #readStruct(layout: Layout, memory: Memory, base: number, into: Plain = {}): Plain {
    for (const field of layout.fields) {
      const at = base + field.offset;
      if (field.name === "") this.#readUnnamed(this.#layout(field.type), memory, at, into);
      else if (field.dims[0] !== 0) into[field.name] = this.#readField(field, 0, memory, at);
    }
    return into;
  }

  #readUnnamed(layout: Layout, memory: Memory, at: number, into: Plain): void {
    if (layout.kind === "struct") this.#readStruct(layout, memory, at, into);
    else if (layout.stands === undefined) into[ANONYMOUS] = memory.bytes.slice(at, at + layout.size);
    else {
      const field = standing(layout);
      into[field.name] = this.#readOne(field.type, memory, at);
    }
  }

  #readField(field: FieldLayout, depth: number, memory: Memory, at: number): unknown {
    const count = field.dims[depth];
    if (count === undefined) return this.#readOne(field.type, memory, at);
    if (field.type === "str") return readCString(memory.bytes, at, count);
    const values = new Array<unknown>(count);
    if (field.type === "u8" && depth === field.dims.length - 1) {
      for (let index = 0; index < count; index++) values[index] = memory.bytes[at + index];
      return values;
    }
    const stride = field.strides[depth] ?? 0;
    for (let index = 0; index < count; index++) {
      values[index] = this.#readField(field, depth + 1, memory, at + index * stride);
    }
    return values;
  }

  #readOne(type: string, memory: Memory, at: number): unknown {
    switch (type) {
      case "u8":
      case "s8":
      case "u16":
      case "s16":
      case "u32":
      case "s32":
        return getNumber(memory.view, at, type);
      case "s64":
        return memory.view.getBigInt64(at, true);
      case "u64":
      case "ptr":
        return memory.view.getBigUint64(at, true);
    }
    const layout = this.#layout(type);
    if (layout.kind === "union") return memory.bytes.slice(at, at + layout.size);
    return this.#readStruct(layout, memory, at);
  }

  // -- writing

  #writeStruct(layout: Layout, memory: Memory, base: number, value: Plain): void {
    for (const field of layout.fields) {
      const at = base + field.offset;
      if (field.name === "") this.#writeUnnamed(this.#layout(field.type), memory, at, value);
      else if (field.dims[0] !== 0) this.#writeField(field, 0, memory, at, value[field.name]);
    }
  }

  #writeUnnamed(layout: Layout, memory: Memory, at: number, value: Plain): void {
    if (layout.kind === "struct") this.#writeStruct(layout, memory, at, value);
    else if (layout.stands === undefined) writeRaw(layout, memory, at, value[ANONYMOUS]);
    else {
      const field = standing(layout);
      this.#writeOne(field, memory, at, value[field.name]);
    }
  }

  #writeField(field: FieldLayout, depth: number, memory: Memory, at: number, value: unknown): void {
    const count = field.dims[depth];
    if (count === undefined) return this.#writeOne(field, memory, at, value);
    if (field.type === "str") {
      if (typeof value !== "string") throw new RangeError(`${field.label}: not a string`);
      return writeCString(memory.bytes, at, count, value);
    }
    const values = value as ArrayLike<unknown>;
    if (typeof values !== "object" || values.length !== count) {
      throw new RangeError(`${field.label}: needs an array of ${count}`);
    }
    const stride = field.strides[depth] ?? 0;
    for (let index = 0; index < count; index++) {
      this.#writeField(field, depth + 1, memory, at + index * stride, values[index]);
    }
  }

  #writeOne(field: FieldLayout, memory: Memory, at: number, value: unknown): void {
    const { type } = field;
    if (isScalar(type)) {
      if (!fits(type, value)) throw new RangeError(`${field.label}: ${String(value)} is not a ${type}`);
      if (typeof value === "bigint") memory.view.setBigUint64(at, value, true);
      else setNumber(memory.view, at, type as NumberKind, value);
      return;
    }
    const layout = this.#layout(type);
    if (layout.kind === "union") writeRaw(layout, memory, at, value);
    else this.#writeStruct(layout, memory, at, value as Plain);
  }

  // -- printing

  #printStruct(layout: Layout, value: Plain): string {
    return this.#printFields(layout, value).join(", ");
  }

  #printFields(layout: Layout, value: Plain): string[] {
    const parts: string[] = [];
    for (const field of layout.fields) {
      if (field.name !== "") {
        const item = value[field.name];
        // Reserved space is worth a line only when somebody put something into it.
        if (item === undefined || (field.name.startsWith("reserved") && isZero(item))) continue;
        parts.push(`${field.name}=${this.#printField(field, item)}`);
        continue;
      }
      const inner = this.#layout(field.type);
      if (inner.kind === "struct") parts.push(...this.#printFields(inner, value));
      else if (inner.stands === undefined) parts.push(`union=${printRaw(value[ANONYMOUS] as Uint8Array)}`);
      else {
        const stands = standing(inner);
        parts.push(`${stands.name}=${this.#printField(stands, value[stands.name])}`);
      }
    }
    return parts;
  }

  #printField(field: FieldLayout, value: unknown): string {
    if (!Array.isArray(value)) return this.#printOne(field, value);
    const shown = value.slice(0, MAX_ELEMENTS).map((item) => this.#printField(field, item));
    if (value.length > MAX_ELEMENTS) shown.push(`+${value.length - MAX_ELEMENTS} more`);
    return `[${shown.join(", ")}]`;
  }

  #printOne(field: FieldLayout, value: unknown): string {
    if (typeof value === "string") return JSON.stringify(value);
    if (value instanceof Uint8Array) return printRaw(value);
    if (typeof value === "number" || typeof value === "bigint") return this.#printScalar(field, value);
    return `{${this.#printStruct(this.#layout(field.type), value as Plain)}}`;
  }

  #printScalar({ hint, type }: FieldLayout, value: number | bigint): string {
    const digits = value.toString(16);
    if (type === "ptr") return `0x${digits}`;
    switch (hint) {
      case "":
        return value.toString();
      case "x":
        return `0x${digits.padStart(this.#sizeOf(type) * 2, "0")}`;
      case "4cc":
        return printFourcc(Number(value));
      default:
        return this.enumName(hint, Number(value)) ?? value.toString();
    }
  }

  /** The first name that enum `name` gives to `value`. */
  enumName(name: string, value: number): string | undefined {
    let names = this.#enumNames.get(name);
    if (names === undefined) {
      const entries = Object.entries(this.#enums[name] ?? {}).map(
        ([text, number]) => [number, text] as const,
      );
      names = new Map(entries.reverse());
      this.#enumNames.set(name, names);
    }
    return names.get(value);
  }
}

/** The plain value's property that holds the bytes of an unnamed union. */
const ANONYMOUS = "anon";

function standing(layout: Layout): FieldLayout {
  const field = layout.fields.find(({ name }) => name === layout.stands);
  if (field === undefined) throw new Error(`${layout.name}: no member ${layout.stands ?? ""}`);
  return field;
}

function writeRaw(layout: Layout, { bytes }: Memory, at: number, value: unknown): void {
  if (!(value instanceof Uint8Array) || value.byteLength !== layout.size) {
    throw new RangeError(`${layout.kind} ${layout.name} needs a Uint8Array of ${layout.size} bytes`);
  }
  bytes.set(value, at);
}

function fits(type: NumberKind | BigIntKind, value: unknown): value is number | bigint {
  const width = WIDTHS[type];
  if (width === 8) {
    if (typeof value !== "bigint") return false;
    return value === (type === "s64" ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value));
  }
  if (!Number.isInteger(value)) return false;
  const range = 2 ** (width * 8);
  const low = type.startsWith("s") ? -range / 2 : 0;
  return (value as number) >= low && (value as number) < low + range;
}

const isZero = (value: unknown): boolean =>
  Array.isArray(value) ? value.every(isZero) : value === 0 || value === 0n;

function printRaw(bytes: Uint8Array): string {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  const hex = [...bytes.subarray(0, Math.min(end, MAX_BYTES))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  return `<${bytes.length} bytes: ${hex}${end > MAX_BYTES ? "..." : ""}>`;
}

/** `'NV12'`, `'Y16 '-BE`; in hex when not all of it is printable. */
export function printFourcc(value: number): string {
  const codes = [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
  const big = (value & 0x80000000) !== 0;
  if (big) codes[3] = (codes[3] ?? 0) & 0x7f;
  if (!codes.every((code) => code >= 0x20 && code < 0x7f)) return `0x${value.toString(16).padStart(8, "0")}`;
  return `'${String.fromCharCode(...codes)}'${big ? "-BE" : ""}`;
}
