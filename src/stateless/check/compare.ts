/**
 * Compares controls that a client submitted with what the bitstream says. One engine for all codecs: a codec says what
 * it expects of which fields, and which syntax element each comes from.
 */
import type { Field, FieldSink, Heading } from "../../codec/index.js";

/** Where an expected value comes from: a syntax element and its place. */
export interface FieldPlace {
  /** `frame_num`, as the specification spells it. */
  readonly element: string;
  /** Of the element in its unit, after emulation prevention; undefined where its value is inferred. */
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

/** What a control should hold. Arrays and structs are compared as far as they are given. */
export type ExpectedValue =
  Scalar | readonly (ExpectedValue | undefined)[] | { readonly [field: string]: ExpectedValue };

/** One bit of a control's `flags`. */
export interface ExpectedFlag {
  readonly name: string;
  readonly mask: number;
  readonly isSet: boolean;
  readonly element: string;
}

/** What is expected of one control. */
export interface ExpectedControl {
  readonly control: string;
  readonly fields: Readonly<Record<string, ExpectedValue>>;
  readonly flags?: readonly ExpectedFlag[];
}

/** The value of a control as the client submitted it. */
export type SubmittedControl = Readonly<Record<string, unknown>>;

/** Keeps the first place of each syntax element that a recording reader tells. */
export class FieldPlaces implements FieldSink {
  readonly #places = new Map<string, FieldPlace>();
  #section: string | undefined;

  /** @param elements - Syntax elements of control fields that have another name, by `CONTROL.field`. */
  constructor(readonly elements: Readonly<Record<string, string>> = {}) {}

  heading({ section }: Heading): void {
    this.#section = section;
  }

  field({ name, subscripts, bitPosition }: Field): void {
    const element = name + subscripts.map((subscript) => `[${subscript}]`).join("");
    if (!this.#places.has(element))
      this.#places.set(element, { element, bitPosition, section: this.#section });
  }

  of(element: string): FieldPlace {
    return this.#places.get(element) ?? { element };
  }

  /** Of a field by its path in a control. */
  ofField(control: string, field: string): FieldPlace {
    return this.of(this.elements[`${control}.${field}`] ?? field);
  }
}

/** @returns The fields that differ, in the order of `expected`. */
export function compareFields(
  { control, fields, flags = [] }: ExpectedControl,
  submitted: SubmittedControl,
  places: FieldPlaces,
): Disagreement[] {
  const found: Disagreement[] = [];
  const compare = (path: string, expected: ExpectedValue | undefined, value: unknown): void => {
    if (expected === undefined) return;
    if (isList(expected)) {
      for (const [i, element] of expected.entries()) {
        compare(`${path}[${i}]`, element, isList(value) ? value[i] : undefined);
      }
    } else if (typeof expected === "object") {
      for (const [name, member] of Object.entries(expected)) {
        compare(path === "" ? name : `${path}.${name}`, member, memberOf(value, name));
      }
    } else if (isScalar(value) && value !== expected) {
      found.push({ control, field: path, submitted: value, expected, place: places.ofField(control, path) });
    }
  };
  compare("", fields, submitted);
  const word = Number(submitted["flags"] ?? 0);
  for (const { name, mask, isSet, element } of flags) {
    const value = (word & mask) !== 0;
    if (value === isSet) continue;
    const field = `flags & ${name}`;
    found.push({ control, field, submitted: value, expected: isSet, place: places.of(element) });
  }
  return found;
}

/** `H264_DECODE_PARAMS.frame_num is 5, the bitstream says 4 (frame_num, bit 12, section 7.3.3)`. */
export function describeDisagreement({ control, field, submitted, expected, place }: Disagreement): string {
  const where = [
    place.element,
    ...(place.bitPosition === undefined ? ["inferred"] : [`bit ${place.bitPosition}`]),
    ...(place.section === undefined ? [] : [`section ${place.section}`]),
  ];
  const said = [submitted, expected].map((value) => (typeof value === "boolean" ? Number(value) : value));
  return `${control}.${field} is ${said[0] ?? 0}, the bitstream says ${said[1] ?? 0} (${where.join(", ")})`;
}

const isScalar = (value: unknown): value is Scalar =>
  typeof value === "number" || typeof value === "bigint" || typeof value === "boolean";

const isList = (value: unknown): value is readonly never[] => Array.isArray(value);

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
