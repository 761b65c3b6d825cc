/** An ioctl that somebody listens to: the same dispatch, and an event when it is answered. */
import type { Awaitable } from "../../settle.js";
import type { Call } from "../call.js";
import type { FileHandle } from "../file-handle.js";
import { ioctlEvent, traced } from "../trace/traced.js";
import { ArgWriter } from "./arg-writer.js";
import { dispatch } from "./dispatch.js";
import type { IoctlDefinition } from "./define-ioctl.js";
import type { DispatchRecord } from "./dispatch.js";
import { ioctlName, ioctlsOf } from "./ioctl-table.js";

/** Describes the argument of an ioctl; a number without a definition is the driver's own. */
export function describeIoctl(
  definition: IoctlDefinition | undefined,
  arg: Uint8Array,
  array: Uint8Array | undefined,
): ArgWriter {
  const out = new ArgWriter();
  if (definition === undefined) out.item("driver-specific ioctl");
  else definition.describe(out, new definition.arg(arg), { array });
  return out;
}

/** As {@link dispatch}. */
export function tracedIoctl(file: FileHandle, cmd: number, arg: Uint8Array, call: Call): Awaitable<number> {
  const record: DispatchRecord = {};
  const { trace, name: device, traits } = file.device;
  return traced(
    trace,
    () => dispatch(file, cmd, arg, call, record),
    (outcome) => {
      const describe = (): ArgWriter => describeIoctl(ioctlsOf(traits).find(cmd), arg, record.array);
      const name = ioctlName(cmd);
      return ioctlEvent({ device, name, cmd, file: file.id, client: call.client, describe }, outcome);
    },
  );
}
