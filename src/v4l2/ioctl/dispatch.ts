/**
 * The way of an ioctl from bytes to the driver and back. The only code that looks a number up, clears, fetches
 * nested arrays, checks what is checked for every device, calls, and writes arrays back; in the order of the
 * kernel's core, which v4l2-compliance relies on:
 *
 * 1. bytes that the driver must not see are cleared;
 * 2. the nested array is bounded (EINVAL) and fetched (EFAULT);
 * 3. the device has this ioctl (ENOTTY);
 * 4. the file's priority allows it (EBUSY);
 * 5. the definition parses, calls and emits;
 * 6. the array goes back, after a refusal too where the API wants it.
 *
 * Without a promise from the driver there is no promise here. A refusal is a V4l2Error, whose `copyOut` tells
 * whether the argument goes back to the client nevertheless; whatever else is thrown passes unchanged.
 */
import { isLater, settle } from "../../settle.js";
import type { Call } from "../call.js";
import type { Device } from "../device.js";
import type { CallRecord } from "./call-record.js";
import type { IoctlContext, IoctlDefinition } from "./define-ioctl.js";
import { V4l2Error } from "../error.js";
import type { FileHandle } from "../file-handle.js";
import { ioctlsOf } from "./ioctl-table.js";
import type { IoctlOps } from "../ops.js";
import { clearBytes } from "../../uapi/runtime.js";
import type { Translation } from "../../uapi/translate.js";
import type { Awaitable } from "../values/types.js";

/**
 * Serves one ioctl of `file`.
 * @param arg - `_IOC_SIZE(cmd)` bytes: the client's, or zeroes when it passes none in. Changed in place.
 * @returns What `ioctl(2)` returns.
 */
export function dispatch(
  file: FileHandle,
  cmd: number,
  arg: Uint8Array,
  call: Call,
  record?: CallRecord,
): Awaitable<number> {
  const { device } = file;
  const definition = ioctlsOf(device.traits).find(cmd);
  if (definition?.writes === true) clearBytes(arg, definition.keepBytes, definition.size);
  if (definition !== undefined) record?.takeQuestion(definition, arg);
  if (!device.registered) throw new V4l2Error("ENODEV", "the device is gone");
  if (definition === undefined) return dispatchDefault(file, cmd, arg, call);
  const context = new Context(file, device, call, definition.view(arg), record);
  fetchArray(definition, context);
  if (record !== undefined && context.array !== undefined) {
    record.array = context.array;
    record.askedArray = context.array.slice();
  }
  return definition.alwaysCopy ? runAlwaysCopy(definition, context) : run(definition, context);
}

class Context implements IoctlContext {
  readonly ops: IoctlOps<FileHandle>;
  array: Uint8Array | undefined = undefined;
  /** The array as a 32-bit client has it, where that is another. */
  array32: Array32 | undefined = undefined;
  /** Of the array in the client, as it was before the driver saw the argument. */
  address = 0n;

  constructor(
    readonly file: FileHandle,
    readonly device: Device<FileHandle>,
    readonly call: Call,
    readonly view: unknown,
    readonly record: CallRecord | undefined,
  ) {
    this.ops = device.ops;
  }
}

/** @throws {V4l2Error} ENOTTY - unknown to the driver too. */
function dispatchDefault(file: FileHandle, cmd: number, arg: Uint8Array, call: Call): Awaitable<number> {
  const { device } = file;
  const { ops } = device;
  if (ops.default === undefined) {
    throw new V4l2Error("ENOTTY", `0x${cmd.toString(16).padStart(8, "0")} is no ioctl of this device`);
  }
  return settle(ops.default(file, cmd, arg, call, device.priorities.allows(file)), checkResult);
}

/** @throws {TypeError} It is nothing that `ioctl(2)` can return. */
function checkResult(result: number): number {
  if (Number.isInteger(result) && result >= 0 && result <= 0x7fff_ffff) return result;
  throw new TypeError(`the op answered with ${String(result)}, not an integer from 0 to 2147483647`);
}

/** @throws {V4l2Error} EINVAL - too many elements; EFAULT */
function fetchArray(definition: IoctlDefinition, context: Context): void {
  const { nested } = definition;
  if (nested === undefined) return;
  const count = nested.count(context.view);
  if (count === 0) return;
  if (count > nested.max) throw new V4l2Error("EINVAL", `${count} array elements, at most ${nested.max}`);
  context.address = nested.address(context.view);
  const array = new Uint8Array(count * nested.elementBytes);
  context.array = array;
  const { memory, structs32 } = context.call;
  if (structs32 === undefined || nested.struct32 === undefined) memory.read(context.address, array);
  else {
    context.array32 = new Array32(structs32.of(nested.struct32), array);
    memory.read(context.address, context.array32.theirs);
    context.array32.take();
  }
}

/** A nested array that the client lays out in another way. */
class Array32 {
  /** As the client has it. */
  readonly theirs: Uint8Array;
  readonly #ours: Uint8Array;
  readonly #element: Translation;

  constructor(element: Translation, ours: Uint8Array) {
    this.#element = element;
    this.#ours = ours;
    this.theirs = new Uint8Array((ours.byteLength / element.ourSize) * element.theirSize);
  }

  take(): void {
    this.#each((theirs, ours) => {
      this.#element.toOurs(theirs, ours);
    });
  }

  giveBack(): void {
    this.#each((theirs, ours) => {
      this.#element.toTheirs(ours, theirs);
    });
  }

  #each(copy: (theirs: Uint8Array, ours: Uint8Array) => void): void {
    const { ourSize, theirSize } = this.#element;
    for (let index = 0; index * ourSize < this.#ours.byteLength; index++) {
      copy(
        this.theirs.subarray(index * theirSize, (index + 1) * theirSize),
        this.#ours.subarray(index * ourSize, (index + 1) * ourSize),
      );
    }
  }
}

/** @throws {V4l2Error} EFAULT; the argument goes back even then (v4l2-ioctl.c, video_usercopy). */
function storeArray({ call, array, array32, address }: Context): void {
  if (array === undefined) return;
  try {
    array32?.giveBack();
    call.memory.write(address, array32?.theirs ?? array);
  } catch (error) {
    if (error instanceof V4l2Error) error.copyOut = true;
    throw error;
  }
}

/** @throws {V4l2Error} ENOTTY, EBUSY, or what the definition and the op refuse with. */
function invoke(definition: IoctlDefinition, context: Context): Awaitable<void> {
  const { file, device } = context;
  if (!device.acceptsNr(definition.nr) && !(definition.ctrl && file.controls !== undefined)) {
    throw new V4l2Error("ENOTTY", `the device has no ${definition.name}`);
  }
  if (definition.prio) device.priorities.check(file);
  return definition.invoke(context);
}

function run(definition: IoctlDefinition, context: Context): Awaitable<number> {
  const done = invoke(definition, context);
  if (isLater(done)) {
    return done.then(() => {
      storeArray(context);
      return 0;
    });
  }
  storeArray(context);
  return 0;
}

/** As `run`; a refusal takes the argument and the array back with it, except ENOTTY. */
function runAlwaysCopy(definition: IoctlDefinition, context: Context): Awaitable<number> {
  let done: Awaitable<void>;
  try {
    done = invoke(definition, context);
  } catch (error) {
    throw copiedOut(context, error);
  }
  if (isLater(done)) {
    return done.then(
      () => {
        storeArray(context);
        return 0;
      },
      (error: unknown) => {
        throw copiedOut(context, error);
      },
    );
  }
  storeArray(context);
  return 0;
}

function copiedOut(context: Context, error: unknown): unknown {
  if (!(error instanceof V4l2Error) || error.code === "ENOTTY") return error;
  storeArray(context);
  error.copyOut = true;
  return error;
}
