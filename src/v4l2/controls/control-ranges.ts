/** Ranges of controls: whether a driver's range makes sense, and how a client's number is fitted into one. */
import { CtrlType } from "./control-types.js";
import type { Range } from "./control-types.js";

/** A number that a driver gives; booleans count as 0 and 1. */
export type Numeric = number | bigint | boolean;

/** Menus have at most this many items that a skip mask can hide. */
const MASK_BITS = 64n;

/** Why a range is impossible for a type (`check_range`); undefined when it is fine. */
export function rangeFault(type: number, range: Range): string | undefined {
  const { minimum, maximum, step, defaultValue } = range;
  const outside = defaultValue < minimum || defaultValue > maximum;
  switch (type) {
    case CtrlType.Boolean:
      if (step !== 1n || maximum > 1n || minimum < 0n) return "a boolean goes from 0 to 1 in steps of 1";
      return outside || minimum > maximum ? "the default is outside the range" : undefined;
    case CtrlType.U8:
    case CtrlType.U16:
    case CtrlType.U32:
    case CtrlType.Integer:
    case CtrlType.Integer64:
      if (step <= 0n) return "the step is not positive";
      if (minimum > maximum) return "the minimum is above the maximum";
      if (outside) return "the default is outside the range";
      return fitsType(type, minimum) && fitsType(type, maximum)
        ? undefined
        : "the type cannot hold the range";
    case CtrlType.Bitmask:
      if (step !== 0n || minimum !== 0n) return "a bitmask has no minimum and no step";
      if (maximum === 0n) return "a bitmask needs bits";
      return (defaultValue & ~maximum) === 0n ? undefined : "the default has bits that the maximum lacks";
    case CtrlType.Menu:
    case CtrlType.IntegerMenu:
      if (minimum < 0n || minimum > maximum) return "the menu is empty";
      if (outside) return "the default is outside the menu";
      if (step !== 0n && maximum >= MASK_BITS) return "a menu with a skip mask has at most 64 items";
      return isSkipped(step, defaultValue) ? "the default item is skipped" : undefined;
    case CtrlType.String:
      if (minimum < 0n || minimum > maximum) return "the lengths are no range";
      if (step < 1n) return "the step is not positive";
      return defaultValue === 0n ? undefined : "a string has no default";
    default:
      return undefined;
  }
}

const LIMITS: Readonly<Partial<Record<number, readonly [bigint, bigint]>>> = {
  [CtrlType.U8]: [0n, 0xffn],
  [CtrlType.U16]: [0n, 0xffffn],
  [CtrlType.U32]: [0n, 0xffffffffn],
  [CtrlType.Integer]: [-0x80000000n, 0x7fffffffn],
  [CtrlType.Integer64]: [-0x8000000000000000n, 0x7fffffffffffffffn],
};

function fitsType(type: number, value: bigint): boolean {
  const limits = LIMITS[type];
  return limits === undefined || (value >= limits[0] && value <= limits[1]);
}

/** Does a range let every value of its type through? */
export function isFullRange(type: number, { minimum, maximum, step }: Range): boolean {
  const limits = LIMITS[type];
  return limits !== undefined && minimum === limits[0] && maximum === limits[1] && step === 1n;
}

/** Is item `index` hidden by a menu's skip mask? */
export function isSkipped(mask: bigint, index: bigint): boolean {
  return ((mask >> index) & 1n) !== 0n;
}

/** A range of up to 32 bits as numbers, for the path that every S_CTRL takes. */
export interface NumberRange {
  readonly minimum: number;
  readonly maximum: number;
  readonly step: number;
}

/** The legal value next to `value`, ties upwards; steps count from the minimum. */
export function roundNumber(value: number, { minimum, maximum, step }: NumberRange): number {
  const raised = value + Math.floor(step / 2);
  const clamped = Math.min(Math.max(raised, minimum), maximum);
  return minimum + step * Math.floor((clamped - minimum) / step);
}

/** {@link roundNumber} for 64 bits. */
export function roundBigInt(value: bigint, { minimum, maximum, step }: Range): bigint {
  const raised = value + step / 2n;
  const clamped = raised < minimum ? minimum : raised > maximum ? maximum : raised;
  return minimum + step * ((clamped - minimum) / step);
}
