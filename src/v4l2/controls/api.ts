/** What a driver sees of controls: the control itself, its callbacks, and the options that declare it. */
import type { Numeric } from "./control-ranges.js";
import type { Range } from "./control-types.js";

/**
 * What a driver does about a control (`struct v4l2_ctrl_ops`). In a cluster only those of the first control, or of
 * the cluster itself, are called. All three may throw `V4l2Error`; nothing changes then.
 */
export interface ControlCallbacks<Value> {
  /** Refuses or adjusts `control.next`, after the API's own checks. Called for TRY and before each change. */
  try?(control: Control<Value>): void;
  /** Puts the value into effect. Not called when nothing changes, unless the control is execute-on-write. */
  set?(value: Value, control: Control<Value>): void;
  /** Reads what the hardware has now: returns it, or assigns `next` of the cluster's controls. Makes a control volatile. */
  volatile?(control: Control<Value>): Value | undefined | void;
}

/** One control (`struct v4l2_ctrl`). Values are plain: numbers, booleans, strings, structs, or arrays of these. */
export interface Control<Value = unknown> {
  readonly id: number;
  readonly name: string;
  /** `CtrlType`, or a driver's own compound type. */
  readonly type: number;
  /** `CtrlFlag` bits. */
  readonly flags: number;
  readonly range: Range;
  /** Empty unless the control is an array; a dynamic array has its greatest length here. */
  readonly dims: readonly number[];
  /** Elements of the current value. */
  readonly elems: number;
  /** Items of a menu. */
  readonly items: readonly string[] | undefined;
  readonly intItems: readonly bigint[] | undefined;

  /** The value in effect. */
  readonly value: Value;
  /** The same as it lies in memory, all elements of an array. Borrowed: it changes with the value, and is not to be written to. */
  readonly bytes: Uint8Array;
  /** Within the callbacks: the value about to be in effect (for controls that keep theirs, that one). */
  next: Value;
  /** Within the callbacks: was a value given for this control? */
  readonly isNew: boolean;
  /** Within `set`: does `next` differ from `value`? */
  readonly hasChanged: boolean;

  /**
   * Changes the value as a client would, callbacks and events included.
   * @throws {V4l2Error} As the callbacks, and EBUSY while grabbed.
   */
  setValue(value: Value): void;
  /** Gives the control another range; a value outside it becomes the default. @throws {RangeError} No such range. */
  modifyRange(range: RangeOptions): void;
  /** Gives an array other dimensions and its default value. */
  modifyDimensions(dims: readonly number[]): void;
  /** Shows the control as having an effect or none. */
  activate(active: boolean): void;
  /** While grabbed, clients get EBUSY. */
  grab(grabbed: boolean): void;
  /** `listener` runs after each change of the value. */
  onChange(listener: ((control: Control<Value>) => void) | undefined): void;
}

/** Least and greatest value, step and default; of a string the lengths, bytes. */
export interface RangeOptions {
  readonly min?: Numeric;
  readonly max?: Numeric;
  readonly step?: Numeric;
  readonly default?: Numeric;
}

interface CommonOptions<Value> extends ControlCallbacks<Value> {
  /** `CtrlFlag` bits besides the standard ones. */
  readonly flags?: number;
}

/** Of a standard control with a range. `min` and `default` are 0 and `step` is 1 when left out; numbers need a `max`. */
export interface StandardOptions<Value> extends CommonOptions<Value>, RangeOptions {}

/** Of a menu of texts. */
export interface MenuOptions extends CommonOptions<number> {
  /** Items of a standard control that has no standard menu; an empty one is a hole. */
  readonly items?: readonly string[];
  /** Index of the last item offered; the last of the menu when left out. */
  readonly max?: number;
  readonly default?: number;
  /** Indices that are not offered. */
  readonly skip?: readonly number[];
}

/** Of a menu of integers. */
export interface IntMenuOptions extends CommonOptions<number> {
  /** May be left out where the standard has a menu. */
  readonly items?: readonly (number | bigint)[];
  readonly max?: number;
  /** Index of an item. */
  readonly default?: number;
  readonly skip?: readonly number[];
}

/** Of a standard compound control that is no array. */
export interface CompoundOptions<Value> extends CommonOptions<Value> {
  readonly dims?: undefined;
  /** The API's default for the type when left out; its own corrections apply to this one too. */
  readonly default?: Value;
  readonly min?: Value;
  readonly max?: Value;
}

/** An array of compound values or numbers. Range and default are those of each element. */
export interface ArrayOptions<Element> extends CommonOptions<readonly Element[]> {
  readonly dims: readonly number[];
  readonly min?: Element | Numeric;
  readonly max?: Element | Numeric;
  readonly step?: Numeric;
  readonly default?: Element | Numeric;
}

/** How a driver's own compound type lies in memory. */
export interface PayloadType<Value> {
  /** Bytes of one element. */
  readonly size: number;
  read(bytes: Uint8Array): Value;
  write(bytes: Uint8Array, value: Value): void;
  /** Refuses or corrects one element. @throws {V4l2Error} EINVAL */
  check?(bytes: Uint8Array): void;
}
