/** An ioctl that somebody listens to: the same dispatch, and an event when it is answered. */
import type { Awaitable } from "../../settle.js";
import type { Call } from "../call.js";
import type { FileHandle } from "../file-handle.js";
import { ioctlEvent, traced } from "../trace/traced.js";
import type { ArgWriter } from "./arg-writer.js";
import { describeDialog, type ArgBytes, type Description } from "./dialog.js";
import { dispatch } from "./dispatch.js";
import type { IoctlDefinition } from "./define-ioctl.js";
import type { DispatchRecord } from "./dispatch.js";
import { ioctlName, ioctlsOf } from "./ioctl-table.js";
import { clearBytes } from "../../uapi/runtime.js";

/** Writes the argument of an ioctl; a number without a definition is the driver's own. */
export function describeIoctl(
  out: ArgWriter,
  definition: IoctlDefinition | undefined,
  { arg, array }: ArgBytes,
): ArgWriter {
  if (definition === undefined) return out.item("driver-specific ioctl");
  definition.describe(out, new definition.arg(arg), { array });
  return out;
}

/** As {@link dispatch}. */
export function tracedIoctl(file: FileHandle, cmd: number, arg: Uint8Array, call: Call): Awaitable<number> {
  const record: DispatchRecord = {};
  const { trace, name: device, traits } = file.device;
  const definition = ioctlsOf(traits).find(cmd);
  const asked = question(definition, arg);
  return traced(
    trace,
    () => dispatch(file, cmd, arg, call, record),
    (outcome) => {
      const describe = (): Description =>
        describeDialog(
          (out, bytes) => describeIoctl(out, definition, bytes),
          asked && { arg: asked, array: record.askedArray },
          { arg, array: record.array },
          definition?.asks,
        );
      const name = ioctlName(cmd);
      return ioctlEvent({ device, name, cmd, file: file.id, client: call.client, describe }, outcome);
    },
  );
}

/** The argument as the driver gets to see it, before it is overwritten; undefined where nothing is passed in. */
function question(definition: IoctlDefinition | undefined, arg: Uint8Array): Uint8Array | undefined {
  if (definition?.writes !== true || !definition.reads) return undefined;
  const bytes = arg.slice();
  clearBytes(bytes, definition.keepBytes, definition.size);
  return bytes;
}
