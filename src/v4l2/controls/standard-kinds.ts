/** Row makers for the tables of standard controls; each keeps its type so that `Cid` alone tells the value's type. */
import { CtrlFlag, CtrlType } from "./control-types.js";
import type { Range } from "./control-types.js";

/** What the API fixes about a standard control (`v4l2_ctrl_fill`). */
export interface StandardControl<Type extends CtrlType = CtrlType> {
  readonly name: string;
  readonly type: Type;
  readonly flags: number;
  /** Fixed parts of the range; they win over what a driver gives. */
  readonly range: Partial<Range>;
}

/** `[minimum, maximum, step]`, or with the default too. */
type FixedRange = readonly [bigint, bigint, bigint, bigint?];

export function standard<Type extends CtrlType>(
  name: string,
  type: Type,
  flags = 0,
  fixed?: FixedRange,
): StandardControl<Type> {
  if (fixed === undefined) return { name, type, flags, range: {} };
  const [minimum, maximum, step, defaultValue] = fixed;
  const range = { minimum, maximum, step };
  return { name, type, flags, range: defaultValue === undefined ? range : { ...range, defaultValue } };
}

export const int = (name: string, flags = 0, fixed?: FixedRange) =>
  standard(name, CtrlType.Integer, flags, fixed);
export const int64 = (name: string, flags = 0, fixed?: FixedRange) =>
  standard(name, CtrlType.Integer64, flags, fixed);
export const bool = (name: string, flags = 0) => standard(name, CtrlType.Boolean, flags, [0n, 1n, 1n]);
export const menu = (name: string, flags = 0) => standard(name, CtrlType.Menu, flags);
export const intMenu = (name: string, flags = 0) => standard(name, CtrlType.IntegerMenu, flags);
export const bitmask = (name: string, flags = 0) => standard(name, CtrlType.Bitmask, flags);
export const text = (name: string, flags = 0) => standard(name, CtrlType.String, flags);
export const button = (name: string) =>
  standard(name, CtrlType.Button, CtrlFlag.WriteOnly | CtrlFlag.ExecuteOnWrite, [0n, 0n, 0n, 0n]);
/** A heading; it can be neither read nor written. */
export const controlClass = (name: string) =>
  standard(name, CtrlType.CtrlClass, CtrlFlag.ReadOnly | CtrlFlag.WriteOnly, [0n, 0n, 0n, 0n]);
