/**
 * What the generated views (`src/v4l2/gen/`, `src/cuse/gen/`) stand on: C strings, and arrays inside structs.
 * Little-endian LP64 only.
 */

/** Bytes of a struct, or a view over them. */
export type BytesSource = Uint8Array | { readonly bytes: Uint8Array };

/** The class of a generated view, for tables that name one. */
export interface ViewClass<View = unknown> {
  readonly SIZE: number;
  new (bytes: Uint8Array): View;
}

// ---- C strings ----------------------------------------------------------------------------------------------------

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Text up to the first NUL or the end of the array; bytes that are not UTF-8 become U+FFFD. */
export function readCString(bytes: Uint8Array, offset: number, length: number): string {
  const field = bytes.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return decoder.decode(end < 0 ? field : field.subarray(0, end));
}

/** Writes as many whole characters as fit before a NUL, and zeroes the rest. Text ends at its first NUL. */
export function writeCString(bytes: Uint8Array, offset: number, length: number, text: string): void {
  // Almost all text is short ASCII, which a loop writes faster than views and an encoder.
  const room = length - 1;
  let written = 0;
  for (; written < room && written < text.length; written++) {
    const code = text.charCodeAt(written);
    if (code >= 0x80) return encodeCString(bytes, offset, length, text);
    if (code === 0) break;
    bytes[offset + written] = code;
  }
  clearBytes(bytes, offset + written, offset + length);
}

/** `bytes.fill(0, start, end)`, without the call where there is little to do. */
export function clearBytes(bytes: Uint8Array, start: number, end: number): void {
  if (end - start > 128) bytes.fill(0, start, end);
  else for (let at = start; at < end; at++) bytes[at] = 0;
}

function encodeCString(bytes: Uint8Array, offset: number, length: number, text: string): void {
  const field = bytes.subarray(offset, offset + length);
  const end = text.indexOf("\0");
  const { written } = encoder.encodeInto(end < 0 ? text : text.slice(0, end), field.subarray(0, length - 1));
  field.fill(0, written);
}

// ---- Arrays -------------------------------------------------------------------------------------------------------

/** Copies `values` over the start of a `u8` array and zeroes the rest. @throws {RangeError} Too many values. */
export function writeBytes(
  bytes: Uint8Array,
  offset: number,
  length: number,
  values: ArrayLike<number>,
): void {
  if (values.length > length) throw new RangeError(`array holds ${length} values, got ${values.length}`);
  const field = bytes.subarray(offset, offset + length);
  field.set(values);
  field.fill(0, values.length);
}

export type NumberKind = "u8" | "s8" | "u16" | "s16" | "u32" | "s32";
export type BigIntKind = "u64" | "s64" | "ptr";

/** Bytes of each scalar kind. */
export const WIDTHS = { u8: 1, s8: 1, u16: 2, s16: 2, u32: 4, s32: 4, u64: 8, s64: 8, ptr: 8 } as const;

export function getNumber(view: DataView, offset: number, kind: NumberKind): number {
  switch (kind) {
    case "u8":
      return view.getUint8(offset);
    case "s8":
      return view.getInt8(offset);
    case "u16":
      return view.getUint16(offset, true);
    case "s16":
      return view.getInt16(offset, true);
    case "u32":
      return view.getUint32(offset, true);
    case "s32":
      return view.getInt32(offset, true);
  }
}

/** Signed and unsigned values of one width have the same bytes. */
export function setNumber(view: DataView, offset: number, kind: NumberKind, value: number): void {
  switch (WIDTHS[kind]) {
    case 1:
      return view.setUint8(offset, value);
    case 2:
      return view.setUint16(offset, value, true);
    case 4:
      return view.setUint32(offset, value, true);
  }
}

function checkIndex(index: number, length: number): number {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new RangeError(`index ${index} is not within ${length} elements`);
  }
  return index;
}

abstract class ScalarArray<Value> implements Iterable<Value> {
  /** Elements, all dimensions together. */
  readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  /** @throws {RangeError} `index` is not within the array. */
  abstract get(index: number): Value;
  /** @throws {RangeError} `index` is not within the array. */
  abstract set(index: number, value: Value): void;

  /** Writes the first elements and zeroes the rest. @throws {RangeError} Too many values. */
  assign(values: ArrayLike<Value>): void {
    if (values.length > this.length)
      throw new RangeError(`array holds ${this.length} values, got ${values.length}`);
    for (let index = 0; index < this.length; index++) this.set(index, values[index] ?? this.zero);
  }

  /** A copy. */
  toArray(): Value[] {
    return [...this];
  }

  *[Symbol.iterator](): Iterator<Value> {
    for (let index = 0; index < this.length; index++) yield this.get(index);
  }

  protected abstract readonly zero: Value;

  protected check(index: number): number {
    return checkIndex(index, this.length);
  }
}

/** A live array of integers of up to 32 bits inside a struct. Multi-dimensional arrays are flat here, last index fastest. */
export class NumberArray extends ScalarArray<number> {
  readonly #view: DataView;
  readonly #offset: number;
  readonly #kind: NumberKind;
  protected readonly zero = 0;

  constructor(view: DataView, offset: number, kind: NumberKind, length: number) {
    super(length);
    this.#view = view;
    this.#offset = offset;
    this.#kind = kind;
  }

  get(index: number): number {
    return getNumber(this.#view, this.#offset + this.check(index) * WIDTHS[this.#kind], this.#kind);
  }

  set(index: number, value: number): void {
    setNumber(this.#view, this.#offset + this.check(index) * WIDTHS[this.#kind], this.#kind, value);
  }
}

/** A live array of 64-bit integers inside a struct. */
export class BigIntArray extends ScalarArray<bigint> {
  readonly #view: DataView;
  readonly #offset: number;
  readonly #kind: BigIntKind;
  protected readonly zero = 0n;

  constructor(view: DataView, offset: number, kind: BigIntKind, length: number) {
    super(length);
    this.#view = view;
    this.#offset = offset;
    this.#kind = kind;
  }

  get(index: number): bigint {
    const offset = this.#offset + this.check(index) * 8;
    return this.#kind === "s64"
      ? this.#view.getBigInt64(offset, true)
      : this.#view.getBigUint64(offset, true);
  }

  set(index: number, value: bigint): void {
    this.#view.setBigUint64(this.#offset + this.check(index) * 8, value, true);
  }
}

/** A live array of structs inside a struct; each element is a view, made when first asked for. */
export class StructArray<View> implements Iterable<View> {
  readonly #bytes: Uint8Array;
  readonly #offset: number;
  readonly #type: ViewClass<View>;
  readonly #views: View[] = [];

  constructor(
    bytes: Uint8Array,
    offset: number,
    type: ViewClass<View>,
    readonly length: number,
  ) {
    this.#bytes = bytes;
    this.#offset = offset;
    this.#type = type;
  }

  /** @throws {RangeError} `index` is not within the array. */
  get(index: number): View {
    const start = this.#offset + checkIndex(index, this.length) * this.#type.SIZE;
    return (this.#views[index] ??= new this.#type(this.#bytes.subarray(start, start + this.#type.SIZE)));
  }

  *[Symbol.iterator](): Iterator<View> {
    for (let index = 0; index < this.length; index++) yield this.get(index);
  }
}
