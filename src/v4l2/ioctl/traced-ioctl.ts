/** An ioctl that somebody listens to: the same dispatch, and an event when it is answered. */
import type { Awaitable } from "../../settle.js";
import type { Call } from "../call.js";
import type { FileHandle } from "../file-handle.js";
import type { IoctlBytes } from "../trace/trace.js";
import { ioctlEvent, traced } from "../trace/traced.js";
import type { ArgWriter } from "./arg-writer.js";
import { describeDialog, type ArgBytes, type Description } from "./dialog.js";
import { dispatch } from "./dispatch.js";
import type { IoctlDefinition, NestedArray } from "./define-ioctl.js";
import type { CallRecord } from "./call-record.js";
import { ioctlName, ioctlsOf, ioctlTable, subdevIoctlTable } from "./ioctl-table.js";
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
  const record: CallRecord = {};
  const { trace, name: device, traits } = file.device;
  const definition = ioctlsOf(traits).find(cmd);
  const asked = question(definition, arg);
  return traced(
    trace,
    () => dispatch(file, cmd, arg, call, record),
    (outcome) => {
      const name = definition?.name ?? ioctlName(cmd);
      const { client } = call;
      const { askedArray, array: givenArray } = record;
      const bytes = {
        asked,
        given: arg,
        askedArray,
        givenArray,
        note: undefined,
        askedPayloads: record.askedPayloads?.bytes,
        givenPayloads: record.givenPayloads?.bytes,
      };
      const describe = (): Description => describeBytes(definition, bytes);
      giveBack(asked);
      return ioctlEvent({ device, name, cmd, file: file.id, client, describe, bytes }, outcome);
    },
    () => ({ device, name: definition?.name ?? ioctlName(cmd), file: file.id, client: call.client }),
  );
}

function describeBytes(
  definition: IoctlDefinition | undefined,
  { asked, given, askedArray, givenArray }: IoctlBytes,
): Description {
  return describeDialog(
    (out, bytes) => describeIoctl(out, definition, bytes),
    asked && { arg: asked, array: askedArray },
    { arg: given, array: givenArray },
    definition?.asks,
  );
}

/**
 * What the log says of an ioctl of a video node or sub-device, from the bytes alone.
 * @param isSubdev - Of a sub-device's node?
 * @returns undefined: the bytes are not as many as the number says.
 */
export function describeVideoIoctl(
  cmd: number,
  isSubdev: boolean,
  bytes: IoctlBytes,
): Description | undefined {
  const definition = (isSubdev ? subdevIoctlTable : ioctlTable).find(cmd);
  if (definition !== undefined && !hasSizes(definition, bytes)) return undefined;
  return describeBytes(definition, bytes);
}

/** The members with which a client asks, as the log calls them; undefined: all. The others mean nothing before the call. */
export function askedMembers(cmd: number, isSubdev: boolean): readonly string[] | undefined {
  return (isSubdev ? subdevIoctlTable : ioctlTable).find(cmd)?.asks;
}

/** Are there as many bytes as a live call would have? Arrays are as long as the argument says. */
function hasSizes(
  { size, arg, nested }: IoctlDefinition,
  { asked, given, askedArray, givenArray }: IoctlBytes,
): boolean {
  const isRight = (bytes: Uint8Array | undefined, array: Uint8Array | undefined): boolean =>
    bytes === undefined ||
    (bytes.byteLength === size &&
      (array === undefined ||
        (nested !== undefined && array.byteLength === countOf(nested, new arg(bytes)))));
  // What the driver left of the count has no array of its own.
  return (
    isRight(asked, askedArray) &&
    isRight(given, undefined) &&
    askedArray?.byteLength === givenArray?.byteLength
  );
}

const countOf = (nested: NestedArray<unknown>, view: unknown): number =>
  nested.count(view) * nested.elementBytes;

/** Copies of arguments that are needed no more, by their size. To make one takes longer than most calls. */
const spare = new Map<number, Uint8Array[]>();
/** So many calls of a kind may wait at once without making a copy anew. */
const MAX_SPARE = 16;

/** The bytes of a call whose event is being told: the next call may have them. */
function giveBack(bytes: Uint8Array | undefined): void {
  if (bytes === undefined) return;
  const others = spare.get(bytes.byteLength);
  if (others === undefined) spare.set(bytes.byteLength, [bytes]);
  else if (others.length < MAX_SPARE) others.push(bytes);
}

function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = spare.get(bytes.byteLength)?.pop();
  if (copy === undefined) return bytes.slice();
  copy.set(bytes);
  return copy;
}

/** The argument as the driver gets to see it, before it is overwritten; undefined where nothing is passed in. */
function question(definition: IoctlDefinition | undefined, arg: Uint8Array): Uint8Array | undefined {
  if (definition?.writes !== true || !definition.reads) return undefined;
  const bytes = copyOf(arg);
  clearBytes(bytes, definition.keepBytes, definition.size);
  return bytes;
}
