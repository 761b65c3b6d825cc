/**
 * Trace events as tables: which fields of a control an event prints, in which order and form. From one table come the
 * text that ftrace would show, and the same as JSON.
 */
import { decimal, flagNames, flags, hex, hexArray, hexDump, symbol, unsigned } from "./render.js";
import type { ElementSize, Names, Nested, Scalar } from "./render.js";

/**
 * Paths to the numbers and arrays of numbers within a struct: `"quant.y_ac_qi"`, `"weight_factors.0.luma_weight"`.
 */
export type FieldPath<T> = {
  [K in keyof T & string]: T[K] extends Nested
    ? K
    : T[K] extends readonly (infer Element)[]
      ? `${K}.${number}.${FieldPath<Element>}`
      : `${K}.${FieldPath<T[K]>}`;
}[keyof T & string];

/** How one field is printed. */
export type FieldForm =
  | { readonly as: "decimal" | "unsigned" }
  | { readonly as: "hex"; readonly digits: number }
  | { readonly as: "array" | "dump"; readonly size: ElementSize }
  | { readonly as: "flags" | "symbol"; readonly names: Names };

export const dec: FieldForm = { as: "decimal" };
/** For signed fields that the original prints without sign. */
export const uns: FieldForm = { as: "unsigned" };
export const hexOf = (digits: number): FieldForm => ({ as: "hex", digits });
export const array = (size: ElementSize): FieldForm => ({ as: "array", size });
export const dump = (size: ElementSize): FieldForm => ({ as: "dump", size });
export const flagsOf = (...names: Names): FieldForm => ({ as: "flags", names });
/** Flags that take one bit each, from the lowest on. */
export const bits = (...names: string[]): FieldForm =>
  flagsOf(...names.map((name, bit) => [2 ** bit, name] as const));
export const symbolOf = (...names: Names): FieldForm => ({ as: "symbol", names });
/** Symbols of the values 0, 1, 2 and so on. */
export const choices = (...names: string[]): FieldForm =>
  symbolOf(...names.map((name, value) => [value, name] as const));

/**
 * One field of an event: path and form, and the text before the value where it is not the path and `separator`.
 * A field without a path is the number of the element (`trace_..._entry(entry, i)`).
 */
export type Field<T> = readonly [path: FieldPath<T> | typeof ELEMENT, form: FieldForm, label?: string];

/** Stands for the index of the array element that the event is about. */
export const ELEMENT = "#";

export interface EventTable<T> {
  readonly codec: string;
  /** `v4l2_ctrl_vp8_frame`. */
  readonly name: string;
  /** Before the first field. */
  readonly start: string;
  /** Between a field's path and its value. */
  readonly separator: string;
  /** Between fields. */
  readonly between: string;
  /** After the last field. */
  readonly end: string;
  readonly fields: readonly Field<T>[];
}

/** An event with the layout that most have: every field in a line of its own. */
export function event<T>(
  codec: string,
  name: string,
  fields: readonly Field<T>[],
  layout: Partial<Pick<EventTable<T>, "start" | "separator" | "between" | "end">> = {},
): TraceEvent<T> {
  return new TraceEvent({
    codec,
    name,
    start: "\n",
    separator: " ",
    between: "\n",
    end: "",
    ...layout,
    fields,
  });
}

/** The trace system of a codec, `visl_vp8_controls`: the folder below `events/`. */
export function traceGroup(codec: string): string {
  return `visl_${codec}_controls`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isNested(value: unknown): value is Nested {
  return typeof value === "number" || typeof value === "bigint" || Array.isArray(value);
}

function valueAt(root: unknown, path: readonly string[]): Nested {
  let value = root;
  for (const key of path) value = isRecord(value) ? value[key] : undefined;
  if (!isNested(value)) throw new TypeError(`no number at ${path.join(".")}`);
  return value;
}

function render(value: Nested, form: FieldForm): string {
  switch (form.as) {
    case "array":
      return hexArray(value, form.size);
    case "dump":
      return hexDump(value, form.size);
    default:
      return renderScalar(scalar(value), form);
  }
}

function scalar(value: Nested): Scalar {
  if (typeof value === "object") throw new TypeError("an array where a number belongs");
  return value;
}

function renderScalar(value: Scalar, form: Exclude<FieldForm, { readonly as: "array" | "dump" }>): string {
  switch (form.as) {
    case "decimal":
      return decimal(value);
    case "unsigned":
      return unsigned(value);
    case "hex":
      return hex(value, form.digits);
    case "flags":
      return flags(value, form.names);
    case "symbol":
      return symbol(value, form.names);
  }
}

/** A value in JSON: numbers beyond 2^53 as text, flags as a list of names. */
export type JsonValue = number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

function jsonOf(value: Nested): JsonValue {
  if (typeof value === "object") return value.map(jsonOf);
  return typeof value === "bigint" && value > Number.MAX_SAFE_INTEGER ? value.toString() : Number(value);
}

function fieldJson(value: Nested, form: FieldForm): JsonValue {
  if (form.as === "flags") return flagNames(scalar(value), form.names);
  if (form.as === "symbol") return symbol(scalar(value), form.names);
  return jsonOf(value);
}

interface Prepared {
  readonly path: readonly string[] | undefined;
  readonly name: string;
  readonly label: string;
  readonly form: FieldForm;
}

export class TraceEvent<T> {
  readonly codec: string;
  readonly group: string;
  readonly name: string;
  readonly #table: EventTable<T>;
  readonly #fields: readonly Prepared[];

  constructor(table: EventTable<T>) {
    this.codec = table.codec;
    this.group = traceGroup(table.codec);
    this.name = table.name;
    this.#table = table;
    this.#fields = table.fields.map(([path, form, label]) => ({
      path: path === ELEMENT ? undefined : path.split("."),
      name: path === ELEMENT ? "index" : path,
      label: label ?? `${path}${table.separator}`,
      form,
    }));
  }

  /** `visl_vp8_controls:v4l2_ctrl_vp8_frame`, as in `set_event`. */
  get fullName(): string {
    return `${this.group}:${this.name}`;
  }

  /**
   * What ftrace prints behind the event's name.
   * @param index - Of the array element that `value` is, where the event is about one.
   */
  text(value: T, index = 0): string {
    const { start, between, end } = this.#table;
    const parts = this.#fields.map(
      ({ path, label, form }) => label + render(path === undefined ? index : valueAt(value, path), form),
    );
    return start + parts.join(between) + end;
  }

  /** The fields by their paths. */
  json(value: T, index = 0): Record<string, JsonValue> {
    const fields: Record<string, JsonValue> = {};
    for (const { path, name, form } of this.#fields) {
      fields[name] = fieldJson(path === undefined ? index : valueAt(value, path), form);
    }
    return fields;
  }

  /** For tests and documentation: the fields in their order. */
  get fields(): readonly { readonly name: string; readonly label: string; readonly form: FieldForm }[] {
    return this.#fields;
  }

  get layout(): Pick<EventTable<T>, "start" | "between" | "end"> {
    return this.#table;
  }
}
