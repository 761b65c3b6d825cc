/** One control: its description, its current and its new value, and what a driver may do with it. */
import type { Subscription } from "../events.js";
import { V4l2Error } from "../error.js";
import type { AnyFile } from "../ops.js";
import { EventSubFlag } from "../values/types-device.js";
import type { EventPayload } from "../values/types-device.js";
import type { Control, ControlCallbacks, RangeOptions } from "./api.js";
import { Cluster } from "./cluster.js";
import type { ElementType } from "./elements.js";
import { isFullRange, isSkipped, rangeFault, roundBigInt, roundNumber } from "./control-ranges.js";
import type { NumberRange } from "./control-ranges.js";
import { COMPOUND_TYPES, CtrlChange, CtrlFlag, CtrlType, MAX_DIMS } from "./control-types.js";
import type { Range } from "./control-types.js";
import { ValueBytes } from "./value-bytes.js";

/** What a control is made from; the handler has filled in what the standard fixes. */
export interface ControlSpec {
  readonly id: number;
  readonly name: string;
  /** {@link CtrlType}, or a driver's own compound type. */
  readonly type: number;
  readonly flags: number;
  readonly range: Range;
  readonly dims: readonly number[];
  readonly element: ElementType<unknown>;
  readonly elemSize: number;
  readonly items?: readonly string[] | undefined;
  readonly intItems?: readonly bigint[] | undefined;
  /** Compound types: bytes of one element. */
  readonly defaultBytes?: Uint8Array | undefined;
  readonly minimumBytes?: Uint8Array | undefined;
  readonly maximumBytes?: Uint8Array | undefined;
  /** Not handed on to handlers that inherit. */
  readonly isPrivate: boolean;
}

/** Which of a control's constant values is meant. */
export type Constant = "default" | "minimum" | "maximum";

/** Types below the compound ones that have no range to modify. */
const rangeless: ReadonlySet<number> = new Set([CtrlType.String, CtrlType.Button, CtrlType.CtrlClass]);

/** Buffers that a control keeps for requests to come. */
const MAX_POOLED = 32;

/** Controls that are set together. */
export type ControlCluster = Cluster<ControlImpl>;

export class ControlImpl<Value = unknown> implements Control<Value> {
  readonly id: number;
  readonly name: string;
  readonly type: number;
  readonly elemSize: number;
  readonly isArray: boolean;
  readonly isDynamicArray: boolean;
  readonly isString: boolean;
  /** Is the value behind a pointer in `struct v4l2_ext_control`? */
  readonly isPointer: boolean;
  /** Does the value fit `struct v4l2_control`? */
  readonly isInt: boolean;
  readonly isPrivate: boolean;
  readonly items: readonly string[] | undefined;
  readonly intItems: readonly bigint[] | undefined;
  readonly subscriptions = new Set<Subscription>();

  flags: number;
  cluster: ControlCluster;
  /** Was a new value given in the present try or set? */
  isNew = false;
  /** Does the new value differ from the current one? Valid within `set`. */
  hasChanged = false;
  /** `p_cur`. */
  readonly current: ValueBytes;
  /** `p_new`. */
  readonly pending: ValueBytes;

  readonly #element: ElementType<unknown>;
  readonly #spec: ControlSpec;
  #range: Range;
  #numbers: NumberRange;
  #dims: readonly number[];
  #staged: ValueBytes | undefined;
  #snapshot: ValueBytes | undefined;
  readonly #pool: ValueBytes[] = [];
  #listener: (() => void) | undefined;
  /** A bitmask's bits. */
  #mask: number;

  /** @throws {RangeError} The description contradicts itself. */
  constructor(spec: ControlSpec, callbacks: ControlCallbacks<Value>) {
    const { id, name, type, flags, range, dims } = spec;
    this.id = id;
    this.name = name;
    this.type = type;
    this.flags = flags;
    this.elemSize = spec.elemSize;
    this.items = spec.items;
    this.intItems = spec.intItems;
    this.isPrivate = spec.isPrivate;
    this.isArray = dims.length > 0;
    this.isDynamicArray = (flags & CtrlFlag.DynamicArray) !== 0;
    this.isString = !this.isArray && type === CtrlType.String;
    this.isPointer = this.isArray || type >= COMPOUND_TYPES || this.isString;
    this.isInt = !this.isPointer && type !== CtrlType.Integer64;
    const fault = rangeFault(type, range) ?? this.#fault(dims);
    if (fault !== undefined) throw new RangeError(`control ${name}: ${fault}`);

    this.#spec = spec;
    this.#element = spec.element;
    this.#range = range;
    this.#numbers = numbersOf(range);
    this.#mask = toS32(range.maximum);
    this.#dims = dims;
    const elems = this.isDynamicArray ? 1 : product(dims);
    this.current = new ValueBytes(spec.elemSize, elems);
    this.pending = new ValueBytes(spec.elemSize, elems);
    this.fill(this.current, "default");
    this.pending.copyFrom(this.current);
    this.cluster = new Cluster<ControlImpl>([this], callbacks);
  }

  #fault(dims: readonly number[]): string | undefined {
    const { type, isDynamicArray } = this;
    if (dims.length > MAX_DIMS || dims.some((dim) => !Number.isInteger(dim) || dim < 1)) {
      return `dimensions are up to ${MAX_DIMS} positive integers`;
    }
    if (isDynamicArray && dims.length !== 1) return "a dynamic array has one dimension";
    if (this.isArray && (type === CtrlType.Button || type === CtrlType.CtrlClass))
      return "the type has no arrays";
    if (this.elemSize < 1) return "an element has no size";
    return undefined;
  }

  // ---- For drivers --------------------------------------------------------------------------------------------------

  get range(): Range {
    return this.#range;
  }

  get dims(): readonly number[] {
    return this.#dims;
  }

  get elems(): number {
    return this.current.elems;
  }

  get value(): Value {
    return this.decode(this.current);
  }

  get bytes(): Uint8Array {
    return this.current.payload;
  }

  get next(): Value {
    return this.decode(this.pending);
  }

  set next(value: Value) {
    this.#encode(value, this.pending);
  }

  setValue(value: Value): void {
    this.cluster.clearNew();
    this.#encode(value, this.pending);
    this.cluster.setOne(this, undefined, 0);
  }

  modifyRange(options: RangeOptions): void {
    const { minimum, maximum, step, defaultValue } = this.#range;
    const range: Range = {
      minimum: BigInt(options.min ?? minimum),
      maximum: BigInt(options.max ?? maximum),
      step: BigInt(options.step ?? step),
      defaultValue: BigInt(options.default ?? defaultValue),
    };
    if (this.isArray || this.#element.rules !== undefined || rangeless.has(this.type)) {
      throw new TypeError(`control ${this.name} has no range that could change`);
    }
    const fault = rangeFault(this.type, range);
    if (fault !== undefined) throw new RangeError(`control ${this.name}: ${fault}`);
    const rangeChanged =
      range.minimum !== minimum ||
      range.maximum !== maximum ||
      range.step !== step ||
      range.defaultValue !== defaultValue;
    this.#range = range;
    this.#numbers = numbersOf(range);
    this.#mask = toS32(range.maximum);

    this.cluster.clearNew();
    this.takeCurrent();
    try {
      this.validate(this.pending);
    } catch (error) {
      if (!(error instanceof V4l2Error)) throw error;
      this.fill(this.pending, "default");
    }
    if (!this.pending.equals(this.current)) this.cluster.setOne(this, undefined, CtrlChange.Range);
    else if (rangeChanged) this.notify(undefined, CtrlChange.Range);
  }

  modifyDimensions(dims: readonly number[]): void {
    if (!this.isArray || this.isDynamicArray || dims.length !== this.#dims.length) {
      throw new TypeError(`control ${this.name} has no such dimensions`);
    }
    const fault = this.#fault(dims);
    if (fault !== undefined) throw new RangeError(`control ${this.name}: ${fault}`);
    this.#dims = [...dims];
    this.current.resize(product(dims));
    this.fill(this.current, "default");
    this.currentChanged();
    this.cluster.clearNew();
    this.takeCurrent();
    this.notify(undefined, CtrlChange.Value | CtrlChange.Dimensions);
  }

  activate(active: boolean): void {
    this.#setFlag(CtrlFlag.Inactive, !active);
  }

  grab(grabbed: boolean): void {
    this.#setFlag(CtrlFlag.Grabbed, grabbed);
  }

  onChange(listener: ((control: Control<Value>) => void) | undefined): void {
    this.#listener = listener && (() => listener(this));
  }

  #setFlag(flag: number, on: boolean): void {
    const flags = on ? this.flags | flag : this.flags & ~flag;
    if (flags === this.flags) return;
    this.flags = flags;
    this.notify(undefined, CtrlChange.Flags);
  }

  // ---- Values -------------------------------------------------------------------------------------------------------

  /** Step as clients see it: 1 for menus, whose own step is the skip mask. */
  get userStep(): bigint {
    return this.type === CtrlType.Menu || this.type === CtrlType.IntegerMenu ? 1n : this.#range.step;
  }

  /** Flags as clients see them. */
  get userFlags(): number {
    return this.isPointer ? this.flags | CtrlFlag.HasPayload : this.flags;
  }

  /** The current value of a control that {@link isInt}. */
  get currentInt(): number {
    return this.current.view.getInt32(0, true);
  }

  get pendingInt(): number {
    return this.pending.view.getInt32(0, true);
  }

  set pendingInt(value: number) {
    this.pending.view.setInt32(0, value, true);
    this.pending.changed();
  }

  set pendingInt64(value: bigint) {
    this.pending.view.setBigInt64(0, value, true);
    this.pending.changed();
  }

  /** Room for a client's payload, apart from the values that a driver sees. */
  get staged(): ValueBytes {
    return (this.#staged ??= new ValueBytes(this.elemSize, this.elems));
  }

  /** The menu item is there: neither empty nor skipped. */
  hasItem(index: number): boolean {
    if (isSkipped(this.#range.step, BigInt(index))) return false;
    return this.type !== CtrlType.Menu || (this.items?.[index] ?? "") !== "";
  }

  /** The current value as LOG_STATUS prints it; of an array the dimensions and the first element. */
  describe(): string {
    const dims = this.#dims.map((dim) => `[${dim}]`).join("");
    return dims === "" ? this.#describeFirst() : `${dims} ${this.#describeFirst()}`;
  }

  #describeFirst(): string {
    if (this.items !== undefined) return this.items[this.currentInt] ?? "";
    if (this.intItems !== undefined) return String(this.intItems[this.currentInt] ?? "");
    return this.#element.log(this.#element.read(this.current.view, 0, this.elemSize));
  }

  /** Plain value of any of this control's buffers. */
  decode(bytes: ValueBytes): Value {
    // The handler makes a control of `Value` only with the element type of `Value`.
    return bytes.decoded(this.#decode) as Value;
  }

  readonly #decode = (bytes: ValueBytes): unknown => {
    const { elemSize } = this;
    if (!this.isArray) return this.#element.read(bytes.view, 0, elemSize);
    const values = new Array<unknown>(bytes.elems);
    for (let index = 0; index < bytes.elems; index++) {
      values[index] = this.#element.read(bytes.view, index * elemSize, elemSize);
    }
    return values;
  };

  #encode(value: unknown, bytes: ValueBytes): void {
    if (!this.isArray) {
      this.#element.write(bytes.view, 0, this.elemSize, value);
    } else {
      if (!Array.isArray(value)) throw new TypeError(`control ${this.name} takes an array`);
      const values: readonly unknown[] = value;
      const most = this.isDynamicArray ? (this.#dims[0] ?? 0) : bytes.elems;
      if (values.length > most || values.length < (this.isDynamicArray ? 1 : most)) {
        throw new RangeError(`control ${this.name}: ${values.length} elements do not fit`);
      }
      bytes.resize(values.length);
      values.forEach((element, index) =>
        this.#element.write(bytes.view, index * this.elemSize, this.elemSize, element),
      );
    }
    bytes.changed();
  }

  /** Writes one of the control's constants to all elements of `bytes`. */
  fill(bytes: ValueBytes, constant: Constant): void {
    for (let index = 0; index < bytes.elems; index++) this.#fillElement(bytes, index, constant);
    bytes.changed();
  }

  #fillElement(bytes: ValueBytes, index: number, constant: Constant): void {
    const { view } = bytes;
    const { minimum, maximum, defaultValue } = this.#range;
    const number = constant === "default" ? defaultValue : constant === "minimum" ? minimum : maximum;
    const at = index * this.elemSize;
    switch (this.type) {
      case CtrlType.String: {
        const length = Number(constant === "default" ? minimum : number);
        const text = new Uint8Array(view.buffer, view.byteOffset + at, this.elemSize);
        text.fill(0x20, 0, length).fill(0, length);
        return;
      }
      case CtrlType.Integer64:
        return view.setBigInt64(at, number, true);
      case CtrlType.Button:
      case CtrlType.CtrlClass:
        return view.setInt32(at, 0, true);
      case CtrlType.U8:
        return view.setUint8(at, Number(number));
      case CtrlType.U16:
        return view.setUint16(at, Number(number), true);
    }
    if (this.#element.rules === undefined) return view.setInt32(at, toS32(number), true);
    const given = this.#spec[`${constant}Bytes`];
    const element = new Uint8Array(view.buffer, view.byteOffset + at, this.elemSize);
    if (given === undefined) element.fill(0);
    else element.set(given);
    if (constant === "default") bytes.bound(index, this.#element.rules).init();
  }

  /**
   * Checks a new value and corrects it in place.
   * @throws {V4l2Error} ERANGE - outside a menu, or a string of a wrong length.
   * @throws {V4l2Error} EINVAL - no such menu item, or a compound value that the API excludes.
   */
  validate(bytes: ValueBytes): void {
    const { rules } = this.#element;
    if (rules === undefined) {
      if (isFullRange(this.type, this.#range)) return;
      for (let index = 0; index < bytes.elems; index++)
        this.#validateElement(bytes.view, index * this.elemSize);
    } else {
      try {
        for (let index = 0; index < bytes.elems; index++) bytes.bound(index, rules).check();
      } catch (error) {
        if (!(error instanceof V4l2Error)) throw error;
        throw new V4l2Error(error.code, `${this.name}: ${error.detail}`);
      }
    }
    bytes.changed();
  }

  #validateElement(view: DataView, at: number): void {
    switch (this.type) {
      case CtrlType.Integer64:
        return view.setBigInt64(at, this.validateInt64(view.getBigInt64(at, true)), true);
      case CtrlType.U8:
        return view.setUint8(at, roundNumber(view.getUint8(at), this.#numbers));
      case CtrlType.U16:
        return view.setUint16(at, roundNumber(view.getUint16(at, true), this.#numbers), true);
      case CtrlType.U32:
        return view.setUint32(at, roundNumber(view.getUint32(at, true), this.#numbers), true);
      case CtrlType.String:
        return this.#validateString(view, at);
      default:
        return view.setInt32(at, this.validateInt(view.getInt32(at, true)), true);
    }
  }

  /** {@link validate} for a control that {@link isInt}, or one element of an array of such. */
  validateInt(value: number): number {
    switch (this.type) {
      case CtrlType.Integer:
        return roundNumber(value, this.#numbers);
      case CtrlType.Boolean:
        return value === 0 ? 0 : 1;
      case CtrlType.Bitmask:
        return value & this.#mask;
      case CtrlType.Menu:
      case CtrlType.IntegerMenu: {
        const { minimum, maximum } = this.#numbers;
        if (value < minimum || value > maximum) {
          throw new V4l2Error("ERANGE", `${this.name}: item ${value} is not within ${minimum} to ${maximum}`);
        }
        if (!this.hasItem(value)) throw new V4l2Error("EINVAL", `${this.name}: there is no item ${value}`);
        return value;
      }
      default:
        return 0;
    }
  }

  /** {@link validate} for a 64-bit integer. */
  validateInt64(value: bigint): bigint {
    return roundBigInt(value, this.#range);
  }

  #validateString(view: DataView, at: number): void {
    let length = 0;
    while (length < this.elemSize && view.getUint8(at + length) !== 0) length++;
    const { minimum, step } = this.#numbers;
    if (length < minimum || (length - minimum) % step !== 0) {
      throw new V4l2Error(
        "ERANGE",
        `${this.name}: a text of ${length} bytes (at least ${minimum}, in steps of ${step})`,
      );
    }
  }

  /** Is the new value the current one? Of strings only the text counts. */
  isUnchanged(): boolean {
    if (this.type === CtrlType.String) return sameTexts(this.current, this.pending);
    return this.pending.equals(this.current);
  }

  /** `cur_to_new`. */
  takeCurrent(): void {
    this.pending.copyFrom(this.current);
  }

  /** `new_to_cur`, without its notifications. */
  makeCurrent(): void {
    this.current.copyFrom(this.pending);
    this.currentChanged();
  }

  currentChanged(): void {
    this.#snapshot = undefined;
  }

  /** The current value for keeps: later changes do not touch what was returned. */
  snapshot(): ValueBytes {
    return (this.#snapshot ??= this.current.clone());
  }

  /** A buffer for one value; give it back with {@link recycle}. */
  allocate(): ValueBytes {
    return this.#pool.pop() ?? new ValueBytes(this.elemSize, this.elems);
  }

  recycle(bytes: ValueBytes): void {
    if (this.#pool.length < MAX_POOLED) this.#pool.push(bytes);
  }

  // ---- Events -------------------------------------------------------------------------------------------------------

  /** Tells subscribers, but for `origin`, the file that made the change (unless it asked for feedback). */
  notify(origin: AnyFile | undefined, changes: number): void {
    if (this.subscriptions.size === 0) return;
    const payload = this.#eventPayload(changes);
    for (const subscription of this.subscriptions) {
      if (subscription.file !== origin || (subscription.flags & EventSubFlag.AllowFeedback) !== 0) {
        subscription.send(payload);
      }
    }
  }

  /** Sends the first event if the subscription asks for one; a class has none. */
  subscribe(subscription: Subscription): void {
    this.subscriptions.add(subscription);
    if ((subscription.flags & EventSubFlag.SendInitial) === 0 || this.type === CtrlType.CtrlClass) return;
    const readable = (this.flags & CtrlFlag.WriteOnly) === 0;
    subscription.send(this.#eventPayload(readable ? CtrlChange.Flags | CtrlChange.Value : CtrlChange.Flags));
  }

  /** The event has 32 bits for each number of the range. */
  #eventPayload(changes: number): EventPayload {
    const { minimum, maximum, defaultValue } = this.#range;
    return {
      kind: "ctrl",
      changes,
      ctrlType: this.type,
      value64: this.isPointer
        ? 0n
        : this.isInt
          ? BigInt(this.currentInt)
          : this.current.view.getBigInt64(0, true),
      flags: this.userFlags,
      minimum: toS32(minimum),
      maximum: toS32(maximum),
      step: toS32(this.userStep),
      defaultValue: toS32(defaultValue),
    };
  }

  callListener(): void {
    this.#listener?.();
  }
}

/** Compares NUL terminated texts; what is behind a NUL does not count. */
function sameTexts(left: ValueBytes, right: ValueBytes): boolean {
  for (let at = 0; at < left.elems * left.elemSize; at += left.elemSize) {
    for (let index = at; index < at + left.elemSize; index++) {
      const byte = left.view.getUint8(index);
      if (byte !== right.view.getUint8(index)) return false;
      if (byte === 0) break;
    }
  }
  return true;
}

function product(dims: readonly number[]): number {
  return dims.reduce((elems, dim) => elems * dim, 1);
}

/** The low 32 bits, signed. */
export function toS32(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

function numbersOf({ minimum, maximum, step }: Range): NumberRange {
  return { minimum: Number(minimum), maximum: Number(maximum), step: Number(step) };
}
