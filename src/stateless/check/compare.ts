/**
 * Compares controls that a client submitted with what the bitstream says. One engine for all codecs: a codec says what
 * it expects of which fields, and which syntax element each comes from.
 */
import { CodecError, type Field, type FieldSink, type Heading } from "../../codec/index.js";

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
  Scalar | readonly (ExpectedValue | undefined)[] | { readonly [field: string]: ExpectedValue | undefined };

/** One bit of a word of flags. */
export interface ExpectedFlag {
  readonly name: string;
  readonly mask: number;
  readonly isSet: boolean;
  readonly element: string;
  /** The clause that gives it a value, where the element is absent from the bitstream. */
  readonly section?: string;
  /** Where the word is; `["flags"]` unless given. */
  readonly word?: readonly string[];
}

/** What is expected of one control. */
export interface ExpectedControl {
  readonly control: string;
  readonly fields: Readonly<Record<string, ExpectedValue | undefined>>;
  readonly flags?: readonly ExpectedFlag[];
}

/** The value of a control as the client submitted it. */
export type SubmittedControl = Readonly<Record<string, unknown>>;

/** A syntax element, or one with the clause that gives it a value where it is absent. */
export type ElementName = string | readonly [element: string, section: string];

/** Keeps the first place of each syntax element that a recording reader tells. */
export class FieldPlaces implements FieldSink {
  readonly #places = new Map<string, FieldPlace>();
  #section: string | undefined;
  #record: ((sink: FieldSink) => void) | undefined;

  /**
   * @param elements - Syntax elements of control fields that have another name, by `CONTROL.field`. An array's stands
   *   for all its entries, which are elements with the same subscripts.
   * @param record - Reads the bitstream once more, when the first place is asked for.
   */
  constructor(
    readonly elements: Readonly<Record<string, ElementName>> = {},
    record?: (sink: FieldSink) => void,
  ) {
    this.#record = record;
  }

  heading({ section }: Heading): void {
    this.#section = section;
  }

  field({ name, subscripts, bitPosition }: Field): void {
    const element = name + subscripts.map((subscript) => `[${subscript}]`).join("");
    if (!this.#places.has(element))
      this.#places.set(element, { element, bitPosition, section: this.#section });
  }

  of(element: string, section?: string): FieldPlace {
    this.#recordNow();
    return this.#places.get(element) ?? { element, section };
  }

  /** Of a field by its path in a control. */
  ofField(control: string, field: string): FieldPlace {
    const own = this.elements[`${control}.${field}`];
    if (own !== undefined) return this.#named(own, "");
    const array = field.replace(/\[\d+\]/g, "");
    const named = this.elements[`${control}.${array}`];
    if (named === undefined) return this.of(field);
    return this.#named(named, field.match(/\[\d+\]/g)?.join("") ?? "");
  }

  #named(name: ElementName, subscripts: string): FieldPlace {
    const [element, section] = typeof name === "string" ? [name, undefined] : name;
    return this.of(element + subscripts, section);
  }

  #recordNow(): void {
    const record = this.#record;
    this.#record = undefined;
    try {
      record?.(this);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
    }
  }
}

/** @returns The fields that differ, in the order of `expected`. */
export function compareFields(
  { control, fields, flags = [] }: ExpectedControl,
  submitted: SubmittedControl,
  places: FieldPlaces,
): Disagreement[] {
  const found: Disagreement[] = [];
  /** Names and subscripts of the present field: most fields agree, and need no text. */
  const path: (string | number)[] = [];
  const compare = (expected: ExpectedValue | undefined, value: unknown): void => {
    if (expected === undefined) return;
    if (isList(expected)) {
      if (!isList(value)) return;
      for (let i = 0; i < expected.length; i += 1) {
        if (expected[i] === value[i]) continue;
        path.push(i);
        compare(expected[i], value[i]);
        path.pop();
      }
    } else if (typeof expected === "object") {
      for (const [name, member] of Object.entries(expected)) {
        path.push(name);
        compare(member, memberOf(value, name));
        path.pop();
      }
    } else if (isScalar(value) && value !== expected) {
      const field = pathText(path);
      found.push({ control, field, submitted: value, expected, place: places.ofField(control, field) });
    }
  };
  compare(fields, submitted);
  for (const { name, mask, isSet, element, section, word = ["flags"] } of flags) {
    const bits = word.reduce<unknown>(memberOf, submitted);
    const value = (Number(isScalar(bits) ? bits : 0) & mask) !== 0;
    if (value === isSet) continue;
    const field = `${pathText(word)} & ${name}`;
    found.push({ control, field, submitted: value, expected: isSet, place: places.of(element, section) });
  }
  return found;
}

/** `dpb[2].pic_num` */
const pathText = (path: readonly (string | number)[]): string =>
  path.reduce<string>((text, step) => {
    if (typeof step === "number" || /^\d+$/.test(step)) return `${text}[${step}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");

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
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
