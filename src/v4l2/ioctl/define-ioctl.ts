/**
 * The form of an ioctl definition: one place that holds everything about an ioctl. What it is called, which bytes
 * the driver gets to see, what is checked, which op it calls, how the reply is emitted, how the log shows it.
 *
 * Definitions are written with {@link defineIoctl}, collected by `definitions/index.ts`, and executed by
 * `dispatch.ts`, which is the only code that calls what is in them.
 */
import { isLater } from "../../settle.js";
import type { ArgWriter } from "./arg-writer.js";
import type { CallRecord } from "./call-record.js";
import type { Call } from "../call.js";
import type { Device, IoctlName } from "../device.js";
import type { DeviceTraits } from "../device-traits.js";
import { V4l2Error } from "../error.js";
import type { FileHandle } from "../file-handle.js";
import { IOCTLS, layouts, WIDTHS } from "../gen/index.js";
import type { ViewClass } from "../gen/index.js";
import type { IoctlOps } from "../ops.js";
import type { Awaitable } from "../values/types.js";

export type OpName = keyof IoctlOps<FileHandle>;

/** What a definition works on during one call. */
export interface IoctlContext<View = unknown> {
  readonly file: FileHandle;
  readonly device: Device<FileHandle>;
  readonly ops: IoctlOps<FileHandle>;
  readonly call: Call;
  /** The argument: tail already cleared; written in place. */
  readonly view: View;
  /** The nested array, fetched; written back by dispatch. Absent when the definition has none or its count is 0. */
  readonly array: Uint8Array | undefined;
  /** Takes down what goes between client and driver besides argument and array; undefined while nobody listens. */
  readonly record?: CallRecord | undefined;
}

/** An array in the client that the argument points to. */
export interface NestedArray<View> {
  readonly elementBytes: number;
  /** The elements' C name, if 32-bit programs lay them out in another way. */
  readonly struct32?: string;
  /** More elements are EINVAL, before anything is allocated. */
  readonly max: number;
  /** 0: there is no array. */
  count(view: View): number;
  address(view: View): bigint;
}

interface IoctlSpecBase<View> {
  readonly name: IoctlName;
  readonly arg: ViewClass<View>;
  /**
   * Bytes after this field reach the driver as zero, whatever the client put there (the kernel's INFO_FL_CLEAR).
   * A path in the argument's struct: `"flags"`, `"bt.flags"`.
   */
  readonly clearAfter?: string;
  /** Refused with EBUSY while another file has a higher priority (INFO_FL_PRIO). */
  readonly prio?: true;
  /** Valid also when only the file handle has controls (INFO_FL_CTRL). */
  readonly ctrl?: true;
  /** The argument goes back to the client after a refusal too (INFO_FL_ALWAYS_COPY). */
  readonly alwaysCopy?: true;
  readonly nested?: NestedArray<View>;
  /** For which devices; absent: for all. The op must be there in addition. */
  readonly scope?: (device: DeviceTraits) => boolean;
  /** Devices for which the core serves it without the driver's op. */
  readonly withoutOp?: (device: DeviceTraits) => boolean;
  /** For the documentation, where it is neither the op nor the core: `controls.queryctrl`. */
  readonly servedBy?: string;
  /** For the documentation: what a client or a driver author would not expect. */
  readonly note?: string;
  /**
   * The fields with which the client asks, as `describe` calls them; absent: all. The others are the driver's to fill in:
   * what a client has in them is no wish, and the log does not set it against the answer.
   */
  readonly asks?: readonly string[];
  /** Shows the argument in the kernel's words; `writeOnly`: the client learns nothing from it. Never throws. */
  describe(out: ArgWriter, view: View, context: { readonly array: Uint8Array | undefined }): void;
}

type Op<Name extends OpName> = NonNullable<IoctlOps<FileHandle>[Name]>;
/** What an op is given besides file and call; `undefined` for ops that take nothing. */
type OpRequest<Name extends OpName> = Parameters<Op<Name>>[1];
type OpReply<Name extends OpName> = Awaited<ReturnType<Op<Name>>>;

/** An ioctl that is one call of an op: parse, call, emit. */
interface OpSpec<View, Name extends OpName> extends IoctlSpecBase<View> {
  /** Absent from the driver's ops => ENOTTY. */
  readonly op: Name;
  /** From client bytes to the value that the op takes, or a refusal; runs after the checks of dispatch. */
  parse(view: View, context: IoctlContext<View>): OpRequest<Name>;
  emit?(view: View, reply: OpReply<Name>, context: IoctlContext<View>): void;
}

/** An ioctl that the core serves itself, or with several ops. */
interface RunSpec<View> extends IoctlSpecBase<View> {
  /** The op that makes it valid; absent: it needs none, and `scope` alone decides. */
  readonly op?: OpName | readonly OpName[];
  run(context: IoctlContext<View>): Awaitable<void>;
}

export interface IoctlDefinition<View = unknown> {
  readonly name: IoctlName;
  readonly number: number;
  readonly nr: number;
  readonly size: number;
  /** Direction bits of the number. */
  readonly reads: boolean;
  readonly writes: boolean;
  readonly arg: ViewClass<View>;
  /** The argument. Bytes that come again, as they do while calls are answered at once, have the same view. */
  view(bytes: Uint8Array): View;
  /** Ops of which one must be there; empty for those that the core serves alone. */
  readonly ops: readonly OpName[];
  /** Who serves it, for the documentation. */
  readonly servedBy: string;
  readonly note: string | undefined;
  /** Bytes from the start that the client's values are kept of. */
  readonly keepBytes: number;
  readonly prio: boolean;
  readonly ctrl: boolean;
  readonly alwaysCopy: boolean;
  readonly nested: NestedArray<View> | undefined;
  readonly asks: readonly string[] | undefined;
  valid(device: DeviceTraits): boolean;
  invoke(context: IoctlContext<View>): Awaitable<void>;
  describe(out: ArgWriter, view: View, context: { readonly array: Uint8Array | undefined }): void;
}

/** Offset of the first byte after a field, `"bt.flags"` in `struct v4l2_dv_timings`. Unnamed members are looked through. */
export function endOfField(struct: string, path: string): number {
  const end = findEnd(struct, path.split("."));
  if (end === undefined) throw new Error(`struct ${struct} has no field ${path}`);
  return end;
}

function findEnd(struct: string, path: readonly string[]): number | undefined {
  const [first, ...rest] = path;
  for (const field of layouts.find(struct)?.fields ?? []) {
    if (field.name === first) {
      if (rest.length === 0) return field.offset + sizeOf(field.type, field.dims);
      const inner = findEnd(field.type, rest);
      if (inner !== undefined) return field.offset + inner;
    } else if (field.name === "") {
      const inner = findEnd(field.type, path);
      if (inner !== undefined) return field.offset + inner;
    }
  }
  return undefined;
}

function sizeOf(type: string, dims: readonly number[]): number {
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (type === "str") return count;
  const width = (WIDTHS as Readonly<Record<string, number>>)[type];
  if (width !== undefined) return width * count;
  const layout = layouts.find(type);
  if (layout === undefined) throw new Error(`no layout of ${type}`);
  return layout.size * count;
}

/** `undefined`, a single op, or several. */
const opsOf = (op: OpName | readonly OpName[] | undefined): readonly OpName[] =>
  op === undefined ? [] : typeof op === "string" ? [op] : op;

/** Parse, call, emit, without a promise unless the op makes one. */
function invokeOp<View, Name extends OpName>(
  spec: OpSpec<View, Name>,
): (context: IoctlContext<View>) => Awaitable<void> {
  return (context) => {
    const { ops, file, view } = context;
    // The type of `ops[op]` for an op that is only known as a type parameter; no client data is involved.
    const op = ops[spec.op] as
      ((file: FileHandle, request: OpRequest<Name>, call: Call) => Awaitable<OpReply<Name>>) | undefined;
    if (op === undefined) throw new V4l2Error("ENOTTY", `the driver has no ${spec.op}`);
    const reply = op.call(ops, file, spec.parse(view, context), context.call);
    if (isLater(reply)) return reply.then((settled) => spec.emit?.(view, settled, context));
    return spec.emit?.(view, reply, context);
  };
}

/** {@link IoctlDefinition.view} */
function lastView<View>(arg: ViewClass<View>): (bytes: Uint8Array) => View {
  let last: { readonly bytes: Uint8Array; readonly view: View } | undefined;
  return (bytes) => {
    if (last?.bytes !== bytes) last = { bytes, view: new arg(bytes) };
    return last.view;
  };
}

/** Makes a definition of a spec; number, direction and size come from the generated table. */
export function defineIoctl<View, Name extends OpName>(spec: OpSpec<View, Name>): IoctlDefinition<View>;
export function defineIoctl<View>(spec: RunSpec<View>): IoctlDefinition<View>;
export function defineIoctl<View, Name extends OpName>(
  spec: OpSpec<View, Name> | RunSpec<View>,
): IoctlDefinition<View> {
  const entry = IOCTLS[spec.name];
  const dir: string = entry.dir;
  const ops = opsOf(spec.op);
  const { scope, withoutOp, clearAfter } = spec;
  return {
    name: spec.name,
    number: entry.number,
    nr: entry.nr,
    size: entry.size,
    reads: dir === "read" || dir === "readwrite",
    writes: dir === "write" || dir === "readwrite",
    arg: spec.arg,
    view: lastView(spec.arg),
    ops,
    servedBy: spec.servedBy ?? (ops.length === 0 ? "core" : ops.join(", ")),
    note: spec.note,
    keepBytes:
      clearAfter === undefined ? entry.size : endOfField(entry.arg.replace(/^struct /, ""), clearAfter),
    prio: spec.prio ?? false,
    ctrl: spec.ctrl ?? false,
    alwaysCopy: spec.alwaysCopy ?? false,
    nested: spec.nested,
    asks: spec.asks,
    valid: (device) =>
      withoutOp?.(device) === true ||
      ((scope === undefined || scope(device)) && (ops.length === 0 || ops.some((op) => device.has(op)))),
    invoke: "run" in spec ? (context) => spec.run(context) : invokeOp(spec),
    describe: (out, view, context) => {
      spec.describe(out, view, context);
    },
  };
}

/** A value that an op says is not there: EINVAL, the end of an enumeration. */
export function orEnd<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new V4l2Error("EINVAL", `no such ${what}`);
  return value;
}
