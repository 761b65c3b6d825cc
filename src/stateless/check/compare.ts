/**
 * Compares controls that a client submitted with what the bitstream says. One engine for all codecs: a codec says what
 * it expects of which fields, and which syntax element each comes from.
 */
import type { Field, FieldSink, Heading } from "../../codec/index.js";

/** Where an expected value comes from: a syntax element and its place. */
export interface FieldPlace {
  /** `frame_num`, as the specification spells it. */
  readonly element: string;
  /** Of the element in its unit, after emulation prevention; undefined where its value is inferred or derived. */
  readonly bitPosition?: number;
  /** The clause of the specification. */
  readonly section?: string | undefined;
}

/** One field that the bitstream contradicts. */
export interface Disagreement {
  /** `H264_DECODE_PARAMS`: the name of its id without `V4L2_CID_STATELESS_`. */
  readonly control: string;
  /** `dpb[2].pic_num`; of one flag `flags & FIELD_PIC`. */
  readonly field: string;
  readonly submitted: Scalar;
  readonly expected: Scalar;
  readonly place: FieldPlace;
}

export type Scalar = number | bigint | boolean;

/** What a control should hold. Arrays and structs are compared as far as they are given; nothing is said of undefined. */
export type ExpectedValue =
  | Scalar
  | ExpectedTable
  | readonly (ExpectedValue | undefined)[]
  | { readonly [field: string]: ExpectedValue | undefined };

/** Numbers of an array of several dimensions, one after the other: most are compared without an array of arrays. */
export class ExpectedTable {
  /** @param values - Nothing is said where one is -1. @param dims - The outermost first. */
  constructor(
    readonly values: Uint8Array | Int16Array,
    readonly dims: readonly number[],
  ) {}

  agrees(submitted: unknown, depth = 0, start = 0): boolean {
    const { values, dims } = this;
    if (!isList(submitted)) return false;
    const count = dims[depth] ?? 0;
    const numbers: readonly unknown[] = submitted;
    if (depth === dims.length - 1) {
      for (let i = 0; i < count; i += 1) {
        const expected = values[start + i];
        if (expected !== numbers[i] && expected !== -1) return false;
      }
      return true;
    }
    const size = this.#sizeOf(depth + 1);
    for (let i = 0; i < count; i += 1) {
      if (!this.agrees(numbers[i], depth + 1, start + i * size)) return false;
    }
    return true;
  }

  /** The array of arrays that it stands for. */
  nested(depth = 0, start = 0): readonly (ExpectedValue | undefined)[] {
    const size = this.#sizeOf(depth + 1);
    return Array.from({ length: this.dims[depth] ?? 0 }, (_, i) => {
      if (depth < this.dims.length - 1) return this.nested(depth + 1, start + i * size);
      const value = this.values[start + i] ?? -1;
      return value === -1 ? undefined : value;
    });
  }

  #sizeOf(depth: number): number {
    let size = 1;
    for (let i = depth; i < this.dims.length; i += 1) size *= this.dims[i] ?? 1;
    return size;
  }
}

/** One bit of a control's `flags`. */
export interface ExpectedFlag {
  readonly name: string;
  readonly mask: number | bigint;
  readonly isSet: boolean;
  readonly element: string;
  /** The clause that gives it a value where the bitstream has none. */
  readonly section?: string | undefined;
  /** Where the flag word is, unless it is `flags` of the control: `dpb[2].flags`, and its value. */
  readonly word?: { readonly path: string; readonly value: number | bigint };
}

/** What is expected of one control. */
export interface ExpectedControl {
  readonly control: string;
  /** Of an array control: the element that is meant, `[3]`. */
  readonly prefix?: string;
  /** A list for a control that is an array. */
  readonly fields: Readonly<Record<string, ExpectedValue | undefined>> | readonly ExpectedValue[];
  readonly flags?: readonly ExpectedFlag[];
}

/** The value of a control as the client submitted it. */
export type SubmittedControl = object;

/** An element whose subscripts are the field's indices, and the clause for when it is absent from the bitstream. */
export type ElementOrClause = readonly [element: string, section?: string];

/**
 * Where control fields that are not called like their syntax element come from, by `CONTROL.field` with `[]` for all
 * indices: the element's name, for arrays by the indices, or the place of a value that is derived.
 */
export type FieldElements = Readonly<
  Record<string, string | FieldPlace | ElementOrClause | ((indices: readonly number[]) => string)>
>;

/** Keeps the first place of each syntax element that a recording reader tells. */
export class FieldPlaces implements FieldSink {
  readonly #places = new Map<string, FieldPlace>();
  #section: string | undefined;

  constructor(readonly elements: FieldElements = {}) {}

  heading({ section }: Heading): void {
    this.#section = section;
  }

  field({ name, subscripts, bitPosition }: Field): void {
    const element = name + subscripts.map((subscript) => `[${subscript}]`).join("");
    if (!this.#places.has(element))
      this.#places.set(element, { element, bitPosition, section: this.#section });
  }

  of(element: string, section?: string): FieldPlace {
    return this.#places.get(element) ?? { element, section };
  }

  /** Of a field by its path in a control. */
  ofField(control: string, field: string): FieldPlace {
    const known =
      this.elements[`${control}.${field}`] ?? this.elements[`${control}.${field.replace(/\[\d+\]/g, "[]")}`];
    if (known === undefined) return this.of(field.replace(/^\[\d+\]\./, ""));
    if (typeof known === "string") return this.of(known);
    if (typeof known === "function") return this.of(known((field.match(/\d+(?=\])/g) ?? []).map(Number)));
    if ("element" in known) return known;
    const [element, section] = known;
    return this.of(element + (field.match(/\[\d+\]/g)?.join("") ?? ""), section);
  }
}

/** More fields of one control are not told: a client may make any number of them wrong. */
export const MOST_TOLD = 100;

/**
 * @param placesOf - Called when something differs: places are not worth their time before.
 * @param most - After so many fields and one more, nothing is looked at.
 * @returns The fields that differ, in the order of `expected`.
 */
export function compareFields(
  { control, prefix = "", fields, flags = [] }: ExpectedControl,
  submitted: SubmittedControl,
  placesOf: FieldPlaces | (() => FieldPlaces),
  most = MOST_TOLD,
): Disagreement[] {
  const found: Disagreement[] = [];
  const places = (): FieldPlaces => (typeof placesOf === "function" ? placesOf() : placesOf);
  const compare = (path: string, expected: ExpectedValue | undefined, value: unknown): void => {
    // Most fields agree, and have no need of a path.
    if (expected === undefined || expected === value || found.length > most) return;
    if (expected instanceof ExpectedTable) {
      if (!expected.agrees(value)) compare(path, expected.nested(), value);
    } else if (isList(expected)) {
      if (!isList(value)) return;
      for (let i = 0; i < expected.length; i += 1) {
        if (expected[i] !== value[i]) compare(`${path}[${i}]`, expected[i], value[i]);
      }
    } else if (typeof expected === "object") {
      for (const [name, member] of Object.entries(expected as ExpectedStruct)) {
        const its = memberOf(value, name);
        if (member !== its) compare(path === "" ? name : `${path}.${name}`, member, its);
      }
    } else if (isScalar(value)) {
      found.push({
        control,
        field: path,
        submitted: value,
        expected,
        place: places().ofField(control, path),
      });
    }
  };
  // Most often all is well, and no path has to be made.
  if (!agrees(fields, submitted)) compare(prefix, fields, submitted);
  if (flags.length === 0) return found;
  const own = memberOf(submitted, "flags");
  const ownWord = typeof own === "number" || typeof own === "bigint" ? own : 0;
  for (const { name, mask, isSet, element, section, word } of flags) {
    const value = hasBits(word?.value ?? ownWord, mask);
    if (value === isSet || found.length > most) continue;
    const path = word?.path ?? (prefix === "" ? "flags" : `${prefix}.flags`);
    const field = `${path} & ${name}`;
    found.push({ control, field, submitted: value, expected: isSet, place: places().of(element, section) });
  }
  return found;
}

type ExpectedStruct = { readonly [field: string]: ExpectedValue | undefined };

function agrees(expected: ExpectedValue | undefined, value: unknown): boolean {
  if (expected === undefined || expected === value) return true;
  if (typeof expected !== "object") return !isScalar(value);
  if (expected instanceof ExpectedTable) return expected.agrees(value);
  if (isList(expected)) {
    const values = isList(value) ? value : undefined;
    for (let i = 0; i < expected.length; i += 1) if (!agrees(expected[i], values?.[i])) return false;
    return true;
  }
  const struct = expected as ExpectedStruct;
  for (const name in struct) if (!agrees(struct[name], memberOf(value, name))) return false;
  return true;
}

function hasBits(word: number | bigint, mask: number | bigint): boolean {
  if (typeof word === "number" && typeof mask === "number") return (word & mask) !== 0;
  return (BigInt(word) & BigInt(mask)) !== 0n;
}

/** `H264_DECODE_PARAMS.frame_num is 5, the bitstream says 4 (frame_num, bit 12, section 7.3.3)`. */
export function describeDisagreement({ control, field, submitted, expected, place }: Disagreement): string {
  const where = [
    place.element,
    ...(place.bitPosition === undefined
      ? [place.section === undefined ? "inferred" : "derived"]
      : [`bit ${place.bitPosition}`]),
    ...(place.section === undefined ? [] : [`section ${place.section}`]),
  ];
  const said = [submitted, expected].map((value) => (typeof value === "boolean" ? Number(value) : value));
  const name = field.startsWith("[") ? `${control}${field}` : `${control}.${field}`;
  return `${name} is ${said[0] ?? 0}, the bitstream says ${said[1] ?? 0} (${where.join(", ")})`;
}

const isScalar = (value: unknown): value is Scalar =>
  typeof value === "number" || typeof value === "bigint" || typeof value === "boolean";

const isList = (value: unknown): value is readonly never[] => Array.isArray(value);

function memberOf(value: unknown, name: string): unknown {
  // Expected names are ours, and the types of controls have no others.
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

/** Are two values of a control the same? They have the same members. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isList(a)) {
    if (!isList(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i += 1) if (!isSame(a[i], b[i])) return false;
    return true;
  }
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) return false;
  const [left, right] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>];
  for (const name in left) if (!isSame(left[name], right[name])) return false;
  return true;
}
