/** Two answers, or two questions: the first member that is not the same, by its name in the uAPI. */
import { BufferView, IOCTLS, layouts } from "../v4l2/gen/index.js";
import type { IoctlArgument, IoctlStep } from "./session.js";
import { BUFFER_IOCTLS, CONTROL_IOCTLS, controlStructs } from "./tracer-file.js";
import { controlWord, structToJson, type Json } from "./tracer-structs.js";

type Scalar = null | boolean | number | bigint | string;

export interface Difference {
  /** `errno`, or the member: `v4l2_format.v4l2_pix_format_mplane.width`. */
  readonly field: string;
  readonly expected: Scalar;
  readonly got: Scalar;
}

/** Members by their names, whole or the end of them: `v4l2_capability.card`, `sequence`. */
export type Ignored = readonly string[];

/** These are a matter of time, of memory, or of the process. */
export const NEVER_COMPARED: Ignored = [
  ...["timestamp", "timecode", "mem_offset", "m.offset", "fd", "request_fd", "userptr", "reserved"],
  // A pointer; what it leads to is compared.
  "v4l2_ext_controls.controls",
];
/** Mapped by somebody; queued or done already. */
const FLAGS_OF_TIME = 0x1 | 0x2 | 0x4;

interface Answer {
  readonly errno: string | undefined;
  readonly given: IoctlArgument;
}

/** @returns The members that are not the same, {@link NEVER_COMPARED} and `ignored` left aside. */
export function answerDifferences(
  step: IoctlStep,
  { errno, given }: Answer,
  ignored: Ignored,
): readonly Difference[] {
  if (step.errno !== errno)
    return isIgnored("errno", ignored)
      ? []
      : [{ field: "errno", expected: step.errno ?? "success", got: errno ?? "success" }];
  // What a refused call leaves behind is nobody's business, but for controls: error_idx.
  if (errno !== undefined && !CONTROL_IOCTLS.has(step.name)) return [];
  if ((step.cmd & 0x8000_0000) === 0) return [];
  // Without an error it means nothing.
  const left = errno === undefined ? [...ignored, "error_idx"] : ignored;
  return [...differencesOf(step.name, step.given, given, left)];
}

/** Compares two arguments of one ioctl. */
export function differenceOf(
  name: string,
  expected: IoctlArgument,
  got: IoctlArgument,
  ignored: Ignored,
): Difference | undefined {
  return differencesOf(name, expected, got, ignored).next().value ?? undefined;
}

/** All members of two arguments of one ioctl that are not the same. */
export function* differencesOf(
  name: string,
  expected: IoctlArgument,
  got: IoctlArgument,
  ignored: Ignored,
): Generator<Difference, void, undefined> {
  // Most are alike in all bytes: to name every member is most of the work of a comparison.
  if (isSameArgument(expected, got)) return;
  const [left, right] = [membersOf(name, expected), membersOf(name, got)];
  for (const [field, value] of left) {
    const other = right.get(field) ?? null;
    if (!isSame(value, other) && !isIgnored(field, ignored)) yield { field, expected: value, got: other };
  }
  for (const [field, value] of right)
    if (!left.has(field) && !isIgnored(field, ignored)) yield { field, expected: null, got: value };
}

function isSameArgument(a: IoctlArgument, b: IoctlArgument): boolean {
  if (!isSameBytes(a.arg, b.arg) || !isSameBytes(a.array, b.array)) return false;
  if (a.payloads.size !== b.payloads.size) return false;
  for (const [index, payload] of a.payloads)
    if (!b.payloads.has(index) || !isSameBytes(payload, b.payloads.get(index))) return false;
  return true;
}

function isSameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.byteLength === b.byteLength && Buffer.compare(a, b) === 0;
}

/** Words for the numbers of one argument, flat. */
export function membersOf(name: string, { arg, array, payloads }: IoctlArgument): Map<string, Scalar> {
  const members = new Map<string, Scalar>();
  if (!Object.hasOwn(IOCTLS, name)) {
    // Of a driver's own ioctl only the bytes are known.
    members.set("bytes", Buffer.from(arg).toString("hex"));
    return members;
  }
  const known = IOCTLS[name as keyof typeof IOCTLS];
  const struct = /^struct (\w+)$/.exec(known.arg)?.[1];
  if (arg.byteLength < known.size) return members;
  const view = new DataView(arg.buffer, arg.byteOffset, arg.byteLength);
  if (struct === undefined) {
    if (known.size === 4 && name !== "MEDIA_IOC_REQUEST_ALLOC") members.set("value", view.getInt32(0, true));
    return members;
  }
  if (BUFFER_IOCTLS.has(name)) buffer(members, arg, array);
  else flatten(members, struct, structToJson(struct, arg));
  if (CONTROL_IOCTLS.has(name)) controls(members, array, payloads);
  return members;
}

function buffer(members: Map<string, Scalar>, arg: Uint8Array, planes: Uint8Array | undefined): void {
  const { index, type, bytesused, flags, field, sequence, memory, length } = new BufferView(arg);
  const isPlanes = type === 9 || type === 10;
  const compared = {
    index,
    type,
    ...(!isPlanes && { bytesused }),
    flags: (flags & ~FLAGS_OF_TIME) >>> 0,
    field,
    sequence,
    memory,
    length,
  };
  flatten(members, "v4l2_buffer", compared);
  for (let at = 0; isPlanes && at + 64 <= (planes?.byteLength ?? 0); at += 64) {
    const plane = new DataView(planes?.buffer ?? new ArrayBuffer(0), (planes?.byteOffset ?? 0) + at, 64);
    flatten(members, `v4l2_buffer.m.planes[${at / 64}]`, {
      bytesused: plane.getUint32(0, true),
      length: plane.getUint32(4, true),
      data_offset: plane.getUint32(16, true),
    });
  }
}

function controls(
  members: Map<string, Scalar>,
  array: Uint8Array | undefined,
  payloads: ReadonlyMap<number, Uint8Array>,
): void {
  const size = layouts.get("v4l2_ext_control").size;
  for (let at = 0; at + size <= (array?.byteLength ?? 0); at += size) {
    const view = new DataView(array?.buffer ?? new ArrayBuffer(0), (array?.byteOffset ?? 0) + at, size);
    const [id, length] = [view.getUint32(0, true), view.getUint32(4, true)];
    const name = `v4l2_ext_controls.controls[${at / size}]`;
    members.set(`${name}.id`, controlWord(id));
    members.set(`${name}.size`, length);
    if (length === 0) {
      members.set(`${name}.value`, view.getInt32(12, true));
      continue;
    }
    const payload = payloads.get(at / size);
    const struct = controlStructs.get(id);
    if (payload === undefined) continue;
    if (struct !== undefined && payload.byteLength >= layouts.get(struct).size)
      flatten(members, `${name}.${struct}`, structToJson(struct, payload));
    else members.set(`${name}.payload`, Buffer.from(payload).toString("hex"));
  }
}

function flatten(members: Map<string, Scalar>, name: string, json: Json): void {
  if (typeof json !== "object" || json === null) {
    members.set(name, json);
    return;
  }
  if (Array.isArray(json))
    for (const [index, item] of (json as readonly Json[]).entries())
      flatten(members, `${name}[${index}]`, item);
  else for (const [member, value] of Object.entries(json)) flatten(members, `${name}.${member}`, value);
}

const isSame = (a: Scalar, b: Scalar): boolean =>
  a === b || (a !== null && b !== null && String(a) === String(b));

function isIgnored(field: string, ignored: Ignored): boolean {
  const plain = field.replaceAll(/\[\d+\]/g, "");
  return [...NEVER_COMPARED, ...ignored].some((name) => plain === name || `${plain}.`.includes(`.${name}.`));
}
