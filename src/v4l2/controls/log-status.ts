/** LOG_STATUS: one line per control. */
import type { ControlImpl } from "./control.js";
import { CtrlFlag, CtrlType } from "./control-types.js";

const SHOWN_FLAGS = [
  [CtrlFlag.Inactive, "inactive"],
  [CtrlFlag.Grabbed, "grabbed"],
  [CtrlFlag.Volatile, "volatile"],
] as const;

/** `Brightness: 128`, with notable flags behind; undefined for what has no value to show. */
export function logLine(control: ControlImpl): string | undefined {
  if (control.type === CtrlType.CtrlClass) return undefined;
  if ((control.flags & (CtrlFlag.Disabled | CtrlFlag.WriteOnly)) !== 0) return undefined;
  const flags = SHOWN_FLAGS.filter(([flag]) => (control.flags & flag) !== 0).map(([, name]) => ` ${name}`);
  return `${control.name}: ${control.describe()}${flags.join("")}`;
}
