/** The vocabulary of controls: types, flags, classes, and which plain TypeScript value a control type has. */
import { V4L2_CID_PRIVATE_BASE, V4L2_CTRL_COMPOUND_TYPES, V4L2_CTRL_MAX_DIMS } from "../gen/index.js";
import type { CompoundPayloads, CtrlType } from "../gen/index.js";

export { Cid, CtrlChange, CtrlClass, CtrlFlag, CtrlNext, CtrlType } from "../gen/index.js";

/** Types from here on always have a payload, and are found with `NextCompound` only. */
export const COMPOUND_TYPES = V4L2_CTRL_COMPOUND_TYPES;

/** Most dimensions of an array. */
export const MAX_DIMS = V4L2_CTRL_MAX_DIMS;

const ID_MASK = 0x0fffffff;
const CLASS_MASK = 0x0fff0000;
/** Ids from here on number a device's private controls for old clients. */
export const PRIVATE_BASE = V4L2_CID_PRIVATE_BASE;

/** The id without the {@link CtrlNext} bits. */
export const bareId = (id: number): number => id & ID_MASK;

/** The class of a control, `V4L2_CTRL_ID2WHICH`; leaves the special `which` values as they are. */
export const classOf = (id: number): number => id & CLASS_MASK;

/** Is the id one that a driver made up within its class, `V4L2_CTRL_DRIVER_PRIV`? */
export const isDriverPrivate = (id: number): boolean => (id & 0xffff) >= 0x1000;

/** What one element of a control of each type is to a driver. */
export interface ElementValues extends CompoundPayloads {
  [CtrlType.Integer]: number;
  [CtrlType.Boolean]: boolean;
  [CtrlType.Menu]: number;
  [CtrlType.Button]: number;
  [CtrlType.Integer64]: bigint;
  [CtrlType.CtrlClass]: number;
  [CtrlType.String]: string;
  /** As an unsigned number. */
  [CtrlType.Bitmask]: number;
  /** Index of the item. */
  [CtrlType.IntegerMenu]: number;
  [CtrlType.U8]: number;
  [CtrlType.U16]: number;
  [CtrlType.U32]: number;
}

/** The value of one element of a control of type `Type`. */
export type ElementValue<Type extends CtrlType> = ElementValues[Type];

/** Types whose range is four numbers. */
export type RangedType =
  | typeof CtrlType.Integer
  | typeof CtrlType.Integer64
  | typeof CtrlType.U8
  | typeof CtrlType.U16
  | typeof CtrlType.U32;

/** Minimum, maximum, step and default as the API has them: step is the skip mask for menus, 0 for bitmasks. */
export interface Range {
  readonly minimum: bigint;
  readonly maximum: bigint;
  readonly step: bigint;
  readonly defaultValue: bigint;
}
