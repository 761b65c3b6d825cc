/** Files of v4l2-tracer, step by step. Whatever a file has, it gives steps or one {@link TracerError}. */
import { ExtControlView, IOCTLS, layouts } from "../v4l2/gen/index.js";
import { nodeKind, REQUEST_IOCTLS, type IoctlArgument, type Step } from "./session.js";
import {
  BUFFER_IOCTLS,
  CONTROL_IOCTLS,
  controlStructs,
  INTEGER_IOCTLS,
  menuValue,
  STRUCT_IOCTLS,
} from "./tracer-file.js";
import {
  bufferFlagsOf,
  bufTypeOf,
  controlOf,
  fieldOf,
  isObject,
  memoryOf,
  numberOf,
  structFromJson,
  whichOf,
  type Json,
  type JsonObject,
} from "./tracer-structs.js";

/** The file is none of v4l2-tracer's. `message` is one sentence. */
export class TracerError extends Error {
  override readonly name = "TracerError";
}

const MAX_CONTROLS = 1024;
const PLANE_BYTES = 64;
/** In one piece of a buffer. */
const MAX_DATA = 64 << 20;

const nothing: IoctlArgument = { arg: new Uint8Array(0), array: undefined, payloads: new Map() };

/** @throws {TracerError} It is no JSON of the tracer's. */
export function parseTracerFile(text: string, path: string): readonly JsonObject[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TracerError(`${path} is neither a recording of ours nor a file of v4l2-tracer`);
  }
  const [head] = Array.isArray(value) ? (value as Json[]) : [];
  if (!isObject(head) || typeof head["package_version"] !== "string")
    throw new TracerError(
      `${path} is JSON, but no file of v4l2-tracer: the first object names no package_version`,
    );
  return (value as Json[]).filter(isObject);
}

/** The steps of a parsed file. */
export function* tracerSteps(objects: readonly JsonObject[]): Generator<Step, void, undefined> {
  const buffers = new Map<number, string>();
  const files = new Set<string>();
  for (const [index, object] of objects.entries()) {
    const where = `object ${index + 1}`;
    const fd = Number(numberOf(object["fd"]));
    const file = String(fd);
    const opened = object["open64"] ?? object["open"];
    if (isObject(opened)) {
      const path = typeof opened["path"] === "string" ? opened["path"] : "";
      const flags = typeof opened["oflag"] === "string" ? openFlagsOf(opened["oflag"]) : 0;
      files.add(file);
      yield { kind: "open", where, file, node: nodeKind(path.replace(/^.*\//, "")), flags };
    } else if (object["close"] !== undefined) {
      if (files.delete(file)) yield { kind: "close", where, file };
    } else if (object["mem_array"] !== undefined) yield* dataOf(object, where, buffers);
    else if (typeof object["ioctl"] === "string") {
      const step = ioctlOf(object, object["ioctl"], where, file);
      if (step === undefined) continue;
      yield step;
      noteExport(step, buffers);
    }
  }
}

function openFlagsOf(word: string): number {
  const flag = ["O_RDONLY", "O_WRONLY", "O_RDWR"].indexOf(word);
  return flag >= 0 ? flag : Number(BigInt.asUintN(31, numberOf(word)));
}

/** Of which file an exported descriptor is. */
function noteExport(step: Step, buffers: Map<number, string>): void {
  if (step.kind !== "ioctl" || step.name !== "VIDIOC_EXPBUF" || step.errno !== undefined) return;
  const { arg } = step.given;
  buffers.set(new DataView(arg.buffer, arg.byteOffset).getInt32(16, true), step.file);
}

function* dataOf(
  object: JsonObject,
  where: string,
  buffers: Map<number, string>,
): Generator<Step, void, undefined> {
  const lines = object["mem_array"];
  if (!Array.isArray(lines)) return;
  const digits = (lines as readonly Json[])
    .filter((line) => typeof line === "string")
    .join("")
    .replaceAll(/\s/g, "");
  if (digits.length / 2 > MAX_DATA || !/^[0-9a-f]*$/i.test(digits))
    throw new TracerError(`${where} of the file holds no bytes of a buffer`);
  const fd = Number(numberOf(object["fd"]));
  const type = bufTypeOf(object["mem_dump"]);
  // Frames that a driver made are no question to it.
  if (![2, 7, 10, 12, 14].includes(type)) return;
  yield {
    kind: "data",
    where,
    file: buffers.get(fd) ?? String(fd),
    type,
    index: Number(BigInt.asUintN(32, numberOf(object["index"]))),
    plane: 0,
    offset: 0,
    bytes: Buffer.from(digits, "hex"),
  };
}

function ioctlOf(object: JsonObject, name: string, where: string, file: string): Step | undefined {
  if (!Object.hasOwn(IOCTLS, name))
    throw new TracerError(
      `${where} of the file is ${JSON.stringify(name.slice(0, 60))}, which is no ioctl of the uAPI`,
    );
  const { number: cmd, size } = IOCTLS[name as keyof typeof IOCTLS];
  const given = argumentOf(name, size, object["from_driver"]);
  const asked = argumentOf(name, size, object["from_userspace"] ?? object["from_driver"]);
  if (asked === undefined || given === undefined) return undefined;
  const errno = typeof object["errno"] === "string" ? object["errno"] : undefined;
  const requestFd = REQUEST_IOCTLS.has(name) ? Number(file) : undefined;
  const isGuessed = object["from_userspace"] === undefined;
  return { kind: "ioctl", where, file, name, cmd, process: "", asked, given, errno, isGuessed, requestFd };
}

/** @returns undefined: an ioctl whose argument the tracer does not write. */
function argumentOf(name: string, size: number, json: Json | undefined): IoctlArgument | undefined {
  if (REQUEST_IOCTLS.has(name)) return nothing;
  const arg = new Uint8Array(size);
  const view = new DataView(arg.buffer);
  const members = isObject(json) ? json : {};
  const struct = STRUCT_IOCTLS.get(name);
  const integer = INTEGER_IOCTLS[name];
  if (struct !== undefined) structFromJson(struct, members[struct], arg);
  else if (integer !== undefined)
    view.setInt32(0, Number(BigInt.asIntN(32, numberOf(members[integer]))), true);
  else if (name === "VIDIOC_STREAMON" || name === "VIDIOC_STREAMOFF")
    view.setUint32(0, bufTypeOf(members["type"]), true);
  else if (BUFFER_IOCTLS.has(name))
    return { arg, array: bufferOf(members["v4l2_buffer"], view), payloads: new Map() };
  else if (CONTROL_IOCTLS.has(name)) return controlsOf(members["v4l2_ext_controls"], arg);
  else return undefined;
  return { arg, array: undefined, payloads: new Map() };
}

/** @returns The planes; the tracer knows one. */
function bufferOf(json: Json | undefined, view: DataView): Uint8Array | undefined {
  const members = isObject(json) ? json : {};
  const u32 = (at: number, value: Json | undefined): void => {
    view.setUint32(at, Number(BigInt.asUintN(32, numberOf(value))), true);
  };
  const type = bufTypeOf(members["type"]);
  u32(0, members["index"]);
  view.setUint32(4, type, true);
  u32(8, members["bytesused"]);
  view.setUint32(12, typeof members["flags"] === "string" ? bufferFlagsOf(members["flags"]) : 0, true);
  view.setUint32(16, fieldOf(members["field"]), true);
  const timestamp = isObject(members["timestamp"]) ? members["timestamp"] : {};
  view.setBigInt64(24, BigInt.asIntN(64, numberOf(timestamp["tv_sec"])), true);
  view.setBigInt64(32, BigInt.asIntN(64, numberOf(timestamp["tv_usec"])), true);
  u32(56, members["sequence"]);
  view.setUint32(60, memoryOf(members["memory"]), true);
  const m = isObject(members["m"]) ? members["m"] : {};
  u32(72, members["length"]);
  u32(80, members["request_fd"]);
  if (type !== 9 && type !== 10) {
    u32(64, m["offset"]);
    return undefined;
  }
  const [first] = Array.isArray(m["planes"]) ? (m["planes"] as readonly Json[]) : [];
  const plane = isObject(first) ? first : {};
  // A buffer with more planes than the file has cannot be played; the driver says so.
  view.setUint32(72, 1, true);
  const bytes = new Uint8Array(PLANE_BYTES);
  const planeView = new DataView(bytes.buffer);
  const place = isObject(plane["m"]) ? plane["m"] : {};
  for (const [at, value] of [
    [0, plane["bytesused"]],
    [4, plane["length"]],
    [8, place["mem_offset"]],
    [16, plane["data_offset"]],
  ] as const)
    planeView.setUint32(at, Number(BigInt.asUintN(32, numberOf(value))), true);
  return bytes;
}

function controlsOf(json: Json | undefined, arg: Uint8Array): IoctlArgument {
  const members = isObject(json) ? json : {};
  const list = (Array.isArray(members["controls"]) ? (members["controls"] as readonly Json[]) : []).slice(
    0,
    MAX_CONTROLS,
  );
  const view = new DataView(arg.buffer);
  view.setUint32(0, whichOf(members["which"]), true);
  view.setUint32(4, list.length, true);
  view.setUint32(8, Number(BigInt.asUintN(32, numberOf(members["error_idx"]))), true);
  view.setInt32(12, Number(BigInt.asIntN(32, numberOf(members["request_fd"]))), true);
  const array = new Uint8Array(list.length * ExtControlView.SIZE);
  const payloads = new Map<number, Uint8Array>();
  for (const [index, item] of list.entries()) {
    const control = isObject(item) ? item : {};
    const at = index * ExtControlView.SIZE;
    const element = new ExtControlView(array.subarray(at, at + ExtControlView.SIZE));
    element.id = controlOf(control["id"]);
    element.size = Number(BigInt.asUintN(32, numberOf(control["size"])));
    const struct = controlStructs.get(element.id);
    if (element.size > 0) {
      const payload = new Uint8Array(Math.min(element.size, 1 << 20));
      element.size = payload.byteLength;
      if (struct !== undefined && payload.byteLength >= layouts.get(struct).size)
        structFromJson(struct, control[struct], payload);
      else if (Array.isArray(control["p_u32"])) {
        const words = new DataView(payload.buffer);
        for (const [place, word] of (control["p_u32"] as readonly Json[]).entries())
          if (place * 4 + 4 <= payload.byteLength)
            words.setUint32(place * 4, Number(BigInt.asUintN(32, numberOf(word))), true);
      }
      payloads.set(index, payload);
    } else if (control["value64"] !== undefined)
      element.value64 = BigInt.asIntN(64, numberOf(control["value64"]));
    else
      element.value =
        menuValue(element.id, control["value"]) ?? Number(BigInt.asIntN(32, numberOf(control["value"])));
  }
  return { arg, array, payloads };
}
