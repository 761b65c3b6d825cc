/** QUERYCTRL, QUERY_EXT_CTRL and QUERYMENU: descriptions of controls as clients get them. */
import { V4l2Error } from "../error.js";
import type { QueryCtrlReply, QueryExtCtrlReply, QueryMenuReply } from "../values/types-device.js";
import type { ControlImpl } from "./control.js";
import { toS32 } from "./control.js";
import type { ControlTable } from "./table.js";
import { CtrlType, PRIVATE_BASE, bareId } from "./control-types.js";

/** Types whose range fits the 32-bit fields of `struct v4l2_queryctrl`; it shows zeroes for the others. */
const shortRanges: ReadonlySet<number> = new Set([
  CtrlType.Integer,
  CtrlType.Boolean,
  CtrlType.Menu,
  CtrlType.IntegerMenu,
  CtrlType.String,
  CtrlType.Bitmask,
]);

function find(table: ControlTable, id: number): ControlImpl {
  const control = table.query(id);
  if (control === undefined) throw new V4l2Error("EINVAL", `no control for id 0x${id.toString(16)}`);
  return control;
}

/** Old clients get the id back by which they asked for a private control. */
const shownId = (asked: number, { id }: ControlImpl): number =>
  bareId(asked) >= PRIVATE_BASE ? bareId(asked) : id;

/** @throws {V4l2Error} EINVAL - no such control. */
export function queryctrl(table: ControlTable, id: number): QueryCtrlReply {
  const control = find(table, id);
  const { minimum, maximum, defaultValue } = control.range;
  const hasRange = shortRanges.has(control.type);
  return {
    id: shownId(id, control),
    type: control.type,
    name: control.name,
    minimum: hasRange ? toS32(minimum) : 0,
    maximum: hasRange ? toS32(maximum) : 0,
    step: hasRange ? toS32(control.userStep) : 0,
    defaultValue: hasRange ? toS32(defaultValue) : 0,
    flags: control.userFlags,
  };
}

/** @throws {V4l2Error} EINVAL - no such control. */
export function queryExtCtrl(table: ControlTable, id: number): QueryExtCtrlReply {
  const control = find(table, id);
  const { minimum, maximum, defaultValue } = control.range;
  return {
    id: shownId(id, control),
    type: control.type,
    name: control.name,
    minimum,
    maximum,
    step: control.userStep,
    defaultValue,
    flags: control.userFlags,
    elemSize: control.elemSize,
    elems: control.elems,
    dims: control.dims,
  };
}

/** @throws {V4l2Error} EINVAL - no such control, not a menu, or no such item. */
export function querymenu(table: ControlTable, id: number, index: number): QueryMenuReply {
  const control = table.find(id);
  if (control === undefined) throw new V4l2Error("EINVAL", `no control 0x${id.toString(16)}`);
  const { type, range, items, intItems } = control;
  const isMenu = type === CtrlType.Menu || type === CtrlType.IntegerMenu;
  if (isMenu && BigInt(index) >= range.minimum && BigInt(index) <= range.maximum && control.hasItem(index)) {
    const value = intItems?.[index];
    if (value !== undefined) return { value };
    const name = items?.[index];
    if (name !== undefined) return { name };
  }
  throw new V4l2Error("EINVAL", `${control.name} has no menu item ${index}`);
}
