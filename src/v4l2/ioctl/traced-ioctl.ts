/** An ioctl that somebody listens to: the same dispatch, and an event when it is answered. */
import { ArgWriter } from "./arg-writer.js";
import type { Call } from "../call.js";
import { dispatch } from "./dispatch.js";
import type { DispatchRecord } from "./dispatch.js";
import { errnoNumber, V4l2Error } from "../error.js";
import type { FileHandle } from "../file-handle.js";
import { ioctlName, ioctlTable } from "./ioctl-table.js";
import { traceTime } from "../trace/trace.js";
import type { Awaitable } from "../values/types.js";

/** Describes the argument of any ioctl; a number without a definition is the driver's own. */
export function describeIoctl(cmd: number, arg: Uint8Array, array: Uint8Array | undefined): ArgWriter {
  const out = new ArgWriter();
  const definition = ioctlTable.find(cmd);
  if (definition === undefined) out.item("driver-specific ioctl");
  else definition.describe(out, new definition.arg(arg), { array });
  return out;
}

/** As {@link dispatch}. */
export function tracedIoctl(file: FileHandle, cmd: number, arg: Uint8Array, call: Call): Awaitable<number> {
  const record: DispatchRecord = {};
  const started = performance.now();
  const succeeded = (result: number): number => {
    report(file, cmd, arg, call, { record, started, result, error: undefined });
    return result;
  };
  const failed = (error: unknown): never => {
    const errno = error instanceof V4l2Error ? error.errno : errnoNumber("EIO");
    report(file, cmd, arg, call, { record, started, result: errno, error });
    throw error;
  };
  let result: Awaitable<number>;
  try {
    result = dispatch(file, cmd, arg, call, record);
  } catch (error) {
    return failed(error);
  }
  return result instanceof Promise ? result.then(succeeded, failed) : succeeded(result);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : "not an Error");

interface Outcome {
  readonly record: DispatchRecord;
  readonly started: number;
  readonly result: number;
  readonly error: unknown;
}

function report(file: FileHandle, cmd: number, arg: Uint8Array, call: Call, outcome: Outcome): void {
  const { error, record, result, started } = outcome;
  // First of all: looking the client up takes longer than most ioctls.
  const durationUs = Math.round((performance.now() - started) * 1000);
  let described: ArgWriter | undefined;
  const describe = (): ArgWriter => (described ??= describeIoctl(cmd, arg, record.array));
  const isRefusal = error instanceof V4l2Error;
  file.device.trace.emit({
    kind: "ioctl",
    timeMs: traceTime(),
    device: file.device.name,
    name: ioctlName(cmd),
    cmd,
    pid: call.client.pid,
    comm: call.client.comm,
    file: file.id,
    durationUs,
    result,
    errno: error === undefined ? undefined : isRefusal ? error.code : "EIO",
    detail: error === undefined ? undefined : isRefusal ? error.detail : messageOf(error),
    text: () => describe().text,
    args: () => describe().object,
  });
}
