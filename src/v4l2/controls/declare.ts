/** From what a driver declares to what a control is made from: standard names, types, flags and menus filled in. */
import type {
  ArrayOptions,
  CompoundOptions,
  ControlCallbacks,
  IntMenuOptions,
  MenuOptions,
  PayloadType,
  StandardOptions,
} from "./api.js";
import type { ControlSpec } from "./control.js";
import { elementType } from "./elements.js";
import type { ElementType } from "./elements.js";
import type { Numeric } from "./control-ranges.js";
import { anything } from "./rules.js";
import { standardControl, standardIntMenu, standardMenu } from "./standard.js";
import { COMPOUND_TYPES, CtrlType, PRIVATE_BASE } from "./control-types.js";
import type { ElementValue, Range } from "./control-types.js";

interface CustomBase {
  readonly id: number;
  /** Absent: a standard control, of which the driver changes what follows. */
  readonly name?: string;
  /** `CtrlFlag` bits. */
  readonly flags?: number;
  /** Do not show it in handlers that inherit from this one. */
  readonly private?: boolean;
}

/** `struct v4l2_ctrl_config`. Strings: `min`, `max` and `step` are of the length in bytes. */
export interface CustomOptions<Type extends CtrlType>
  extends CustomBase, ControlCallbacks<ElementValue<Type>> {
  readonly type: Type;
  readonly dims?: undefined;
  readonly min?: ElementValue<Type> | Numeric;
  readonly max?: ElementValue<Type> | Numeric;
  readonly step?: Numeric;
  readonly default?: ElementValue<Type> | Numeric;
  /** Of a menu; an empty one is a hole. */
  readonly items?: readonly string[];
  /** Of a menu of integers. */
  readonly intItems?: readonly (number | bigint)[];
  /** Indices of items that are not offered. */
  readonly skip?: readonly number[];
}

/** The same as an array; range and default are those of each element. */
export interface CustomArrayOptions<Type extends CtrlType>
  extends
    CustomBase,
    ControlCallbacks<readonly ElementValue<Type>[]>,
    Pick<CustomOptions<Type>, "type" | "min" | "max" | "step" | "default" | "items" | "intItems" | "skip"> {
  readonly dims: readonly number[];
}

/** A compound type of the driver's own. */
export interface CustomPayloadOptions<Value> extends CustomBase, ControlCallbacks<Value> {
  readonly name: string;
  /** A number from 0x100 on that no standard type has. */
  readonly type: number;
  readonly payload: PayloadType<Value>;
  readonly default?: Value;
}

/** What a handler's add method accepts. */
export type StandardKind = "simple" | "menu" | "int-menu" | "compound";

function kindOf(type: number): StandardKind {
  if (type >= COMPOUND_TYPES) return "compound";
  return type === CtrlType.Menu ? "menu" : type === CtrlType.IntegerMenu ? "int-menu" : "simple";
}

/** The options of all add methods together; which apply is a matter of the type. */
interface AnyOptions {
  readonly flags?: number;
  readonly dims?: readonly number[] | undefined;
  readonly min?: unknown;
  readonly max?: unknown;
  readonly step?: Numeric;
  readonly default?: unknown;
  readonly items?: readonly (string | number | bigint)[];
  readonly intItems?: readonly (number | bigint)[];
  readonly skip?: readonly number[];
  readonly private?: boolean;
}

type StandardAnyOptions =
  StandardOptions<unknown> | MenuOptions | IntMenuOptions | CompoundOptions<unknown> | ArrayOptions<unknown>;

/** @throws {RangeError} No such standard control, or one for another add method. */
export function standardSpec(id: number, kind: StandardKind, options: StandardAnyOptions): ControlSpec {
  const standard = standardControl(id);
  if (standard === undefined) throw new RangeError(`0x${id.toString(16)} is no standard control`);
  const { name, type, flags, range } = standard;
  if (kindOf(type) !== kind) throw new RangeError(`control ${name} is of kind ${kindOf(type)}`);
  return spec({ id, name, type, flags }, options, range);
}

/** @throws {RangeError} The options do not describe a control. */
export function customSpec(
  options: CustomOptions<CtrlType> | CustomArrayOptions<CtrlType> | CustomPayloadOptions<unknown>,
): ControlSpec {
  if ("payload" in options) return payloadSpec(options);
  const standard = options.name === undefined ? standardControl(options.id) : undefined;
  const name = options.name ?? standard?.name;
  if (name === undefined) throw new RangeError(`control 0x${options.id.toString(16)} needs a name`);
  const head = { id: options.id, name, type: standard?.type ?? options.type, flags: standard?.flags ?? 0 };
  return spec(head, options, standard?.range ?? {});
}

type Head = Pick<ControlSpec, "id" | "name" | "type" | "flags">;

function isCtrlType(type: number): type is CtrlType {
  return Object.values<number>(CtrlType).includes(type);
}

function spec(head: Head, options: AnyOptions, fixed: Partial<Range>): ControlSpec {
  const { id, name, type } = head;
  checkId(id, name);
  const element: ElementType<unknown> | undefined = isCtrlType(type) ? elementType(type) : undefined;
  if (element === undefined) throw new RangeError(`control ${name}: type ${type} needs a payload`);
  const items = type === CtrlType.Menu ? menuItems(id, name, options) : undefined;
  const intItems = type === CtrlType.IntegerMenu ? intMenuItems(id, name, options) : undefined;
  const range =
    element.rules === undefined ? rangeOf(name, type, options, fixed, items ?? intItems) : NO_RANGE;
  const bytes = (value: unknown): Uint8Array | undefined =>
    value === undefined || element.rules === undefined ? undefined : elementBytes(element, value);
  return {
    ...head,
    flags: head.flags | (options.flags ?? 0),
    range,
    dims: options.dims ?? [],
    element,
    elemSize: type === CtrlType.String ? Number(range.maximum) + 1 : element.size,
    items,
    intItems,
    defaultBytes: bytes(options.default),
    minimumBytes: bytes(options.min),
    maximumBytes: bytes(options.max),
    isPrivate: options.private ?? false,
  };
}

function payloadSpec(options: CustomPayloadOptions<unknown>): ControlSpec {
  const { id, name, type, payload } = options;
  checkId(id, name);
  if (type < COMPOUND_TYPES || isCtrlType(type))
    throw new RangeError(`control ${name}: type ${type} is a standard one`);
  const element: ElementType<unknown> = {
    size: payload.size,
    read: (view, offset, size) => payload.read(new Uint8Array(view.buffer, view.byteOffset + offset, size)),
    write: (view, offset, size, value) =>
      payload.write(new Uint8Array(view.buffer, view.byteOffset + offset, size), value),
    rules:
      payload.check === undefined
        ? anything
        : (bytes) => ({ check: () => payload.check?.(bytes), init: () => undefined }),
    log: () => `unknown type ${type}`,
  };
  return {
    id,
    name,
    type,
    flags: options.flags ?? 0,
    range: NO_RANGE,
    dims: [],
    element,
    elemSize: payload.size,
    defaultBytes: options.default === undefined ? undefined : elementBytes(element, options.default),
    isPrivate: options.private ?? false,
  };
}

function checkId(id: number, name: string): void {
  if (name === "") throw new RangeError(`control 0x${id.toString(16)} needs a name`);
  if (!Number.isInteger(id) || id <= 0 || id >= PRIVATE_BASE)
    throw new RangeError(`control ${name}: id ${id}`);
}

const NO_RANGE: Range = { minimum: 0n, maximum: 0n, step: 0n, defaultValue: 0n };

function elementBytes(element: ElementType<unknown>, value: unknown): Uint8Array {
  const bytes = new Uint8Array(element.size);
  element.write(new DataView(bytes.buffer), 0, element.size, value);
  return bytes;
}

function numeric<Fallback extends bigint | undefined>(value: unknown, fallback: Fallback): bigint | Fallback {
  switch (typeof value) {
    case "number":
    case "bigint":
    case "boolean":
      return BigInt(value);
    case "undefined":
      return fallback;
    default:
      throw new TypeError("a range is made of numbers");
  }
}

function rangeOf(
  name: string,
  type: number,
  options: AnyOptions,
  fixed: Partial<Range>,
  menu: readonly unknown[] | undefined,
): Range {
  const isMenu = menu !== undefined;
  const last = isMenu ? BigInt(menu.length - 1) : GREATEST[type];
  const minimum = fixed.minimum ?? numeric(options.min, 0n);
  const maximum = fixed.maximum ?? numeric(options.max, last);
  if (maximum === undefined) throw new RangeError(`control ${name} needs a maximum`);
  if (isMenu && last !== undefined && maximum > last) {
    throw new RangeError(`control ${name}: a menu of ${menu.length} items has no item ${maximum}`);
  }
  const step = isMenu ? skipMask(options.skip ?? []) : (fixed.step ?? numeric(options.step, stepOf(type)));
  const fallback = type === CtrlType.String || minimum < 0n ? 0n : minimum;
  const defaultValue = fixed.defaultValue ?? numeric(options.default, fallback);
  return { minimum, maximum, step, defaultValue };
}

/** The maximum that goes without saying. */
const GREATEST: Readonly<Partial<Record<number, bigint>>> = {
  [CtrlType.Boolean]: 1n,
  [CtrlType.Button]: 0n,
  [CtrlType.CtrlClass]: 0n,
  [CtrlType.U8]: 0xffn,
  [CtrlType.U16]: 0xffffn,
  [CtrlType.U32]: 0xffffffffn,
};

const stepOf = (type: number): bigint =>
  type === CtrlType.Bitmask || type === CtrlType.Button || type === CtrlType.CtrlClass ? 0n : 1n;

function skipMask(skip: readonly number[]): bigint {
  return skip.reduce((mask, index) => mask | (1n << BigInt(index)), 0n);
}

function menuItems(id: number, name: string, { items }: AnyOptions): readonly string[] {
  const standard = standardMenu(id);
  if (items !== undefined && standard !== undefined)
    throw new RangeError(`control ${name} has a standard menu`);
  const all = items?.map(String) ?? standard;
  if (all === undefined) throw new RangeError(`control ${name} needs items`);
  return all;
}

function intMenuItems(id: number, name: string, { items, intItems }: AnyOptions): readonly bigint[] {
  const all = (intItems ?? items)?.map((item) => BigInt(item)) ?? standardIntMenu(id);
  if (all === undefined) throw new RangeError(`control ${name} needs items`);
  return all;
}
