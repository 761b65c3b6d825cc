/**
 * Plain values of structs: how one is read from bytes, written to them and printed. A layout is compiled once, into a
 * tree of small functions, one for each member; after that no call looks at a layout again.
 */
import type { EnumTable, FieldLayout, Layout } from "./layout.js";
import {
  readCString,
  WIDTHS,
  writeCString,
  type BigIntKind,
  type BytesSource,
  type NumberKind,
} from "./runtime.js";

/** Reads, writes and prints one struct. `Value` is its plain value, with the C names of its members. */
export interface StructType<Value> {
  /** The C name, `v4l2_plane`. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** A copy. @throws {RangeError} Too few bytes. */
  read(source: BytesSource): Value;
  /** Writes every member. @throws {RangeError} Too few bytes, or a value that does not fit; bytes may be half written then. */
  write(target: BytesSource, value: Value): void;
  /** One line of `name=value`, for logs. */
  print(value: Value | BytesSource): string;
}

type Plain = Record<string, unknown>;

/** The same memory, as both kinds of access need it. */
interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

type Reader = (memory: Memory, at: number) => unknown;
type Writer = (memory: Memory, at: number, value: unknown) => void;
type Printer = (value: unknown) => string;

/** One property of a plain value. */
interface Member {
  readonly name: string;
  /** What stands before its value in a printed line. */
  readonly title: string;
  /** From the start of the struct, through unnamed members. */
  readonly offset: number;
  readonly read: Reader;
  readonly write: Writer;
  readonly print: Printer;
}

/** The plain value's property that holds the bytes of an unnamed union. */
const ANONYMOUS = "anon";
/** Arrays in a printed line show this many elements. */
const MAX_ELEMENTS = 8;
/** Raw bytes in a printed line show this many. */
const MAX_BYTES = 16;

const isBytesSource = (value: object): value is BytesSource =>
  value instanceof Uint8Array || ("bytes" in value && value.bytes instanceof Uint8Array);

/** Compiles layouts; each struct is compiled once and shared by all that contain it. */
export class PlainCompiler {
  readonly #layoutOf: (type: string) => Layout;
  readonly #enums: EnumTable;
  readonly #members = new Map<string, readonly Member[]>();

  constructor(layoutOf: (type: string) => Layout, enums: EnumTable) {
    this.#layoutOf = layoutOf;
    this.#enums = enums;
  }

  /** The caller says which plain value belongs to the layout. */
  compile<Value>(layout: Layout): StructType<Value> {
    const { name, size } = layout;
    const members = this.#membersOf(layout);
    const read = structReader(members);
    const write = structWriter(layout.name, members);
    const print = structPrinter(members);
    const memoryOf = (source: BytesSource): Memory => {
      const bytes = source instanceof Uint8Array ? source : source.bytes;
      if (bytes.byteLength < size)
        throw new RangeError(`${layout.kind} ${name} needs ${size} bytes, got ${bytes.byteLength}`);
      return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
    };
    return {
      name,
      size,
      read: (source) => read(memoryOf(source), 0) as Value,
      write: (target, value) => write(memoryOf(target), 0, value),
      print: (value) =>
        print(
          typeof value === "object" && value !== null && isBytesSource(value)
            ? read(memoryOf(value), 0)
            : value,
        ),
    };
  }

  #membersOf(layout: Layout): readonly Member[] {
    let members = this.#members.get(layout.name);
    if (members === undefined) {
      members = layout.fields.flatMap((field) => this.#member(field));
      this.#members.set(layout.name, members);
    }
    return members;
  }

  #member(field: FieldLayout): readonly Member[] {
    const { name, offset } = field;
    if (name === "") return this.#unnamed(this.#layoutOf(field.type), offset);
    // A flexible array is no part of the struct's own bytes.
    if (field.dims[0] === 0) return [];
    const [read, write, print] = this.#value(field);
    return [{ name, title: name, offset, read, write, print }];
  }

  #unnamed(layout: Layout, offset: number): readonly Member[] {
    if (layout.kind === "struct" || layout.stands !== undefined) {
      const fields = layout.fields.filter(({ name }) => layout.kind === "struct" || name === layout.stands);
      return fields.flatMap((field) =>
        this.#member(field).map((member) => ({ ...member, offset: offset + member.offset })),
      );
    }
    const [read, write, print] = rawAccess(layout);
    return [{ name: ANONYMOUS, title: "union", offset, read, write, print }];
  }

  #value(field: FieldLayout): [Reader, Writer, Printer] {
    const { label, dims, type } = field;
    if (type === "str") {
      const length = dims[0] ?? 0;
      return [({ bytes }, at) => readCString(bytes, at, length), textWriter(label, length), JSON.stringify];
    }
    let [read, write, print] = this.#element(field);
    for (let depth = dims.length - 1; depth >= 0; depth--) {
      const count = dims[depth] ?? 0;
      const stride = field.strides[depth] ?? 0;
      const inBytes = type === "u8" && depth === dims.length - 1;
      read = inBytes ? byteArrayReader(count) : arrayReader(read, count, stride);
      write = arrayWriter(write, label, count, stride);
      print = arrayPrinter(print);
    }
    return [read, write, print];
  }

  #element({ label, type, hint }: FieldLayout): [Reader, Writer, Printer] {
    const scalar = SCALARS[type as ScalarKind] as Scalar | undefined;
    if (scalar !== undefined) {
      const print = this.#scalarPrinter(type as ScalarKind, hint);
      return [scalar.read, scalar.write(label), print];
    }
    const layout = this.#layoutOf(type);
    if (layout.kind === "union") return rawAccess(layout);
    const members = this.#membersOf(layout);
    const print = structPrinter(members);
    return [structReader(members), structWriter(label, members), (value) => `{${print(value)}}`];
  }

  #scalarPrinter(type: ScalarKind, hint: string): Printer {
    if (type === "ptr") return (value) => `0x${(value as bigint).toString(16)}`;
    switch (hint) {
      case "":
        return String;
      case "x": {
        const digits = WIDTHS[type] * 2;
        return (value) => `0x${(value as number | bigint).toString(16).padStart(digits, "0")}`;
      }
      case "4cc":
        return (value) => printFourcc(value as number);
      default:
        return (value) => this.#enums.nameOf(hint, Number(value)) ?? String(value);
    }
  }
}

// ---- Structs ------------------------------------------------------------------------------------------------------

function structReader(members: readonly Member[]): Reader {
  return (memory, at) => {
    const value: Plain = {};
    for (const { name, offset, read } of members) value[name] = read(memory, at + offset);
    return value;
  };
}

function structWriter(label: string, members: readonly Member[]): Writer {
  return (memory, at, value) => {
    if (typeof value !== "object" || value === null) throw new RangeError(`${label}: not an object`);
    for (const { name, offset, write } of members) write(memory, at + offset, (value as Plain)[name]);
  };
}

function structPrinter(members: readonly Member[]): Printer {
  return (value) => {
    const parts: string[] = [];
    for (const { name, title, print } of members) {
      const item = (value as Plain)[name];
      // Reserved space is worth a word only when somebody put something into it.
      if (item === undefined || (name.startsWith("reserved") && isZero(item))) continue;
      parts.push(`${title}=${print(item)}`);
    }
    return parts.join(", ");
  };
}

// ---- Unions and text ----------------------------------------------------------------------------------------------

/** A union is its bytes: only the struct around it knows which member is valid. */
function rawAccess({ kind, name, size }: Layout): [Reader, Writer, Printer] {
  return [
    ({ bytes }, at) => bytes.slice(at, at + size),
    ({ bytes }, at, value) => {
      if (!(value instanceof Uint8Array) || value.byteLength !== size)
        throw new RangeError(`${kind} ${name} needs a Uint8Array of ${size} bytes`);
      bytes.set(value, at);
    },
    (value) => printRaw(value as Uint8Array),
  ];
}

function textWriter(label: string, length: number): Writer {
  return ({ bytes }, at, value) => {
    if (typeof value !== "string") throw new RangeError(`${label}: not a string`);
    writeCString(bytes, at, length, value);
  };
}

// ---- Arrays -------------------------------------------------------------------------------------------------------

function byteArrayReader(count: number): Reader {
  return ({ bytes }, at) => {
    const values = new Array<number | undefined>(count);
    for (let index = 0; index < count; index++) values[index] = bytes[at + index];
    return values;
  };
}

function arrayReader(element: Reader, count: number, stride: number): Reader {
  return (memory, at) => {
    const values = new Array<unknown>(count);
    for (let index = 0; index < count; index++) values[index] = element(memory, at + index * stride);
    return values;
  };
}

function arrayWriter(element: Writer, label: string, count: number, stride: number): Writer {
  return (memory, at, value) => {
    const values = value as ArrayLike<unknown> | null;
    if (typeof values !== "object" || values?.length !== count)
      throw new RangeError(`${label}: needs an array of ${count}`);
    for (let index = 0; index < count; index++) element(memory, at + index * stride, values[index]);
  };
}

function arrayPrinter(element: Printer): Printer {
  return (value) => {
    const values = value as readonly unknown[];
    const shown = values.slice(0, MAX_ELEMENTS).map(element);
    if (values.length > MAX_ELEMENTS) shown.push(`+${values.length - MAX_ELEMENTS} more`);
    return `[${shown.join(", ")}]`;
  };
}

// ---- Scalars ------------------------------------------------------------------------------------------------------

type ScalarKind = NumberKind | BigIntKind;

interface Scalar {
  readonly read: Reader;
  readonly write: (label: string) => Writer;
}

type SetNumber = (view: DataView, at: number, value: number) => void;
type SetBigInt = (view: DataView, at: number, value: bigint) => void;

const misfit = (label: string, kind: ScalarKind, value: unknown): RangeError =>
  new RangeError(`${label}: ${String(value)} is not a ${kind}`);

function numberWriter(kind: NumberKind, set: SetNumber): (label: string) => Writer {
  const range = 2 ** (WIDTHS[kind] * 8);
  const low = kind.startsWith("s") ? -range / 2 : 0;
  const high = low + range - 1;
  return (label) => (memory, at, value) => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < low || value > high)
      throw misfit(label, kind, value);
    set(memory.view, at, value);
  };
}

function bigintWriter(kind: BigIntKind, set: SetBigInt): (label: string) => Writer {
  const low = kind === "s64" ? -(1n << 63n) : 0n;
  const high = low + (1n << 64n) - 1n;
  return (label) => (memory, at, value) => {
    if (typeof value !== "bigint" || value < low || value > high) throw misfit(label, kind, value);
    set(memory.view, at, value);
  };
}

const setU8: SetNumber = (view, at, value) => view.setUint8(at, value);
const setU16: SetNumber = (view, at, value) => view.setUint16(at, value, true);
const setU32: SetNumber = (view, at, value) => view.setUint32(at, value, true);
const setU64: SetBigInt = (view, at, value) => view.setBigUint64(at, value, true);

/** Signed and unsigned values of one width are written alike. */
const SCALARS: Readonly<Record<ScalarKind, Scalar>> = {
  u8: { read: ({ view }, at) => view.getUint8(at), write: numberWriter("u8", setU8) },
  s8: { read: ({ view }, at) => view.getInt8(at), write: numberWriter("s8", setU8) },
  u16: { read: ({ view }, at) => view.getUint16(at, true), write: numberWriter("u16", setU16) },
  s16: { read: ({ view }, at) => view.getInt16(at, true), write: numberWriter("s16", setU16) },
  u32: { read: ({ view }, at) => view.getUint32(at, true), write: numberWriter("u32", setU32) },
  s32: { read: ({ view }, at) => view.getInt32(at, true), write: numberWriter("s32", setU32) },
  u64: { read: ({ view }, at) => view.getBigUint64(at, true), write: bigintWriter("u64", setU64) },
  s64: { read: ({ view }, at) => view.getBigInt64(at, true), write: bigintWriter("s64", setU64) },
  ptr: { read: ({ view }, at) => view.getBigUint64(at, true), write: bigintWriter("ptr", setU64) },
};

// ---- Text for logs ------------------------------------------------------------------------------------------------

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
