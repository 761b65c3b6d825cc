/** An ioctl that somebody listens to: the same dispatch, and an event when it is answered. */
import type { Awaitable } from "../../settle.js";
import type { Call, Client } from "../call.js";
import type { FileHandle } from "../file-handle.js";
import type { IoctlBytes } from "../trace/trace.js";
import { emitIoctl, traced, type IoctlFacts, type Outcome, type TracedCall } from "../trace/traced.js";
import type { ArgWriter } from "./arg-writer.js";
import { describeDialog, type ArgBytes, type Description } from "./dialog.js";
import { dispatch } from "./dispatch.js";
import type { IoctlDefinition, NestedArray } from "./define-ioctl.js";
import type { CallRecord, PayloadLog } from "./call-record.js";
import { ioctlName, ioctlsOf, ioctlTable, subdevIoctlTable } from "./ioctl-table.js";

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
  return traced(file.device.trace, new TracedIoctl(file, cmd, arg, call));
}

/** A call, and what of it would be overwritten before its event is made. */
class TracedIoctl implements TracedCall<number>, IoctlFacts, CallRecord {
  asked: Uint8Array | undefined = undefined;
  array: Uint8Array | undefined = undefined;
  askedArray: Uint8Array | undefined = undefined;
  askedPayloads: PayloadLog | undefined = undefined;
  givenPayloads: PayloadLog | undefined = undefined;
  readonly #definition: IoctlDefinition | undefined;
  readonly #of: FileHandle;
  readonly #arg: Uint8Array;
  readonly #call: Call;

  constructor(
    of: FileHandle,
    readonly cmd: number,
    arg: Uint8Array,
    call: Call,
  ) {
    this.#definition = ioctlsOf(of.device.traits).find(cmd);
    this.#of = of;
    this.#arg = arg;
    this.#call = call;
  }

  get device(): string {
    return this.#of.device.name;
  }

  get name(): string {
    return this.#definition?.name ?? ioctlName(this.cmd);
  }

  get file(): bigint {
    return this.#of.id;
  }

  get client(): Client {
    return this.#call.client;
  }

  /** Made once: the description is made of the same. */
  get bytes(): IoctlBytes {
    return {
      asked: this.asked,
      given: this.#arg,
      askedArray: this.askedArray,
      givenArray: this.array,
      note: undefined,
      askedPayloads: this.askedPayloads?.bytes,
      givenPayloads: this.givenPayloads?.bytes,
    };
  }

  run(): Awaitable<number> {
    return dispatch(this.#of, this.cmd, this.#arg, this.#call, this);
  }

  ended(outcome: Outcome<number>): void {
    emitIoctl(this.#of.device.trace, this, outcome);
    giveBack(this.asked);
  }

  describe(bytes: IoctlBytes): Description {
    return describeBytes(this.#definition, bytes);
  }

  /** Hears the argument as the driver gets to see it, before it is overwritten. */
  takeQuestion(definition: IoctlDefinition, arg: Uint8Array): void {
    if (definition.writes && definition.reads) this.asked = copyOf(arg);
  }
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

/** The bytes of a call whose event has been told: the next call may have them. */
function giveBack(bytes: Uint8Array | undefined): void {
  if (bytes === undefined) return;
  const others = spare.get(bytes.length);
  if (others === undefined) spare.set(bytes.length, [bytes]);
  else if (others.length < MAX_SPARE) others.push(bytes);
}

function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = spare.get(bytes.length)?.pop();
  if (copy === undefined) return bytes.slice();
  copy.set(bytes);
  return copy;
}
