/**
 * Controls: a driver declares them on a {@link ControlHandler} and sees plain values; clients get what the kernel's
 * control framework would give them. The layer guarantees that a callback only ever sees values that the API allows,
 * and that a refused call changed nothing.
 */
export type {
  ArrayOptions,
  CompoundOptions,
  Control,
  ControlCallbacks,
  IntMenuOptions,
  MenuOptions,
  PayloadType,
  RangeOptions,
  StandardOptions,
} from "./api.js";
export type { AutoMode } from "./cluster.js";
export type { CustomArrayOptions, CustomOptions, CustomPayloadOptions } from "./declare.js";
export { ControlHandler, subscribeControlEvent } from "./handler.js";
export type { ControlHandlerOptions } from "./handler.js";
export { fieldOffsets, structSize, type FieldOffsets } from "./field-offsets.js";
export type { Numeric } from "./control-ranges.js";
export type { ControlRequest } from "./request-values.js";
export { standardIntMenu, standardMenu, standardName } from "./standard.js";
export type { StandardId, StandardType, StandardValue } from "./standard.js";
export {
  COMPOUND_TYPES,
  Cid,
  CtrlChange,
  CtrlClass,
  CtrlFlag,
  CtrlNext,
  CtrlType,
  PRIVATE_BASE,
  classOf,
  isDriverPrivate,
} from "./control-types.js";
export type { ElementValue, Range } from "./control-types.js";
