/** The standard controls: what the API fixes for every `Cid`, and the TypeScript value that follows from it. */
import { codecControls } from "./standard-codec.js";
import { deviceControls } from "./standard-device.js";
import type { StandardControl } from "./standard-kinds.js";
import { standardIntMenus, standardMenus } from "./standard-menus.js";
import type { CtrlType, ElementValue } from "./control-types.js";

const standardControls = { ...deviceControls, ...codecControls };

type StandardTable = typeof standardControls;

/** Ids that have a standard name and type. */
export type StandardId = keyof StandardTable;

/** The control type of a standard id. */
export type StandardType<Id extends number> = Id extends StandardId
  ? StandardTable[Id] extends StandardControl<infer Type>
    ? Type
    : never
  : CtrlType;

/** The value of one element of a standard control. */
export type StandardValue<Id extends number> = ElementValue<StandardType<Id>>;

const byId: Readonly<Partial<Record<number, StandardControl>>> = standardControls;

/** `v4l2_ctrl_fill`; undefined for an id without a standard name. */
export function standardControl(id: number): StandardControl | undefined {
  return byId[id];
}

/** `v4l2_ctrl_get_name`. */
export function standardName(id: number): string | undefined {
  return byId[id]?.name;
}

/** `v4l2_ctrl_get_menu`: an empty item is a hole. */
export function standardMenu(id: number): readonly string[] | undefined {
  return standardMenus[id];
}

/** `v4l2_ctrl_get_int_menu`. */
export function standardIntMenu(id: number): readonly bigint[] | undefined {
  return standardIntMenus[id];
}
