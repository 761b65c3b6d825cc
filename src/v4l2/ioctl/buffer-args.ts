/** `struct v4l2_buffer` and plain buffers. Drivers and vb2 always see planes; a single-planar buffer has one. */
import type { ArgWriter } from "./arg-writer.js";
import { PlaneView, TimecodeView } from "../gen/index.js";
import type { BufferView, TimevalView, BufferMView, PlaneMView } from "../gen/index.js";
import { clearBytes } from "../../uapi/runtime.js";
import { bufTypeNames, fieldNames, memoryNames } from "../values/names.js";
import { parseField } from "./parse.js";
import { BufFlag, isMultiplanar, Memory } from "../values/types.js";
import type { Buffer, BufferPlane, BufType, Timecode } from "../values/types.js";

const NS_PER_SECOND = 1_000_000_000n;

/** Nanoseconds of a `struct timeval`, in 64 bits whatever a client wrote. CAPTURE buffers mostly carry none. */
function timevalToNs({ tv_sec: seconds, tv_usec: microseconds }: TimevalView): bigint {
  if (seconds === 0n && microseconds === 0n) return 0n;
  return BigInt.asUintN(64, seconds * NS_PER_SECOND + microseconds * 1000n);
}

/** The number of planes that the client's struct has room for. */
export function planeCapacity(view: BufferView): number {
  return isMultiplanar(view.type) ? view.length : 1;
}

function planeView(array: Uint8Array, index: number): PlaneView {
  return new PlaneView(array.subarray(index * PlaneView.SIZE, (index + 1) * PlaneView.SIZE));
}

// Objects of the hot path are written out: a spread costs as much as the rest of the function.

function parsePlane(
  { bytesused, length }: BufferView | PlaneView,
  dataOffset: number,
  memory: Memory,
  m: { readonly userptr: bigint; readonly fd: number },
  offset: number,
): BufferPlane {
  switch (memory) {
    case Memory.Userptr:
      return { bytesused, length, dataOffset, userptr: m.userptr };
    case Memory.Dmabuf:
      return { bytesused, length, dataOffset, fd: m.fd };
    case Memory.Mmap:
    case Memory.Overlay:
      return { bytesused, length, dataOffset, offset };
  }
}

function parsePlanes(view: BufferView, memory: Memory, array: Uint8Array | undefined): BufferPlane[] {
  if (!isMultiplanar(view.type)) {
    const { m } = view;
    return [parsePlane(view, 0, memory, m, m.offset)];
  }
  const planes: BufferPlane[] = [];
  if (array === undefined) return planes;
  for (let index = 0; index < view.length; index++) {
    const plane = planeView(array, index);
    planes.push(parsePlane(plane, plane.data_offset, memory, plane.m, plane.m.mem_offset));
  }
  return planes;
}

function parseTimecode(view: TimecodeView): Timecode {
  const [a = 0, b = 0, c = 0, d = 0] = view.userbits;
  const { type, flags, frames, seconds, minutes, hours } = view;
  return { type, flags, frames, seconds, minutes, hours, userbits: [a, b, c, d] };
}

/** What QBUF and PREPARE_BUF are given. `type` and `memory` are already narrowed. */
export function parseBuffer(
  view: BufferView,
  type: BufType,
  memory: Memory,
  array: Uint8Array | undefined,
): Buffer {
  const { flags } = view;
  const buffer: { -readonly [Key in keyof Buffer]: Buffer[Key] } = {
    index: view.index,
    type,
    memory,
    flags,
    field: parseField(view.field),
    timestampNs: timevalToNs(view.timestamp),
    sequence: view.sequence,
    planes: parsePlanes(view, memory, array),
  };
  if ((flags & BufFlag.Timecode) !== 0) buffer.timecode = parseTimecode(view.timecode);
  if ((flags & BufFlag.RequestFd) !== 0) buffer.requestFd = view.request_fd;
  return buffer;
}

function emitLocation(m: BufferMView | PlaneMView, memory: Memory, plane: BufferPlane): void {
  // The union is 8 bytes; the smaller members leave no rest of the client's behind.
  switch (memory) {
    case Memory.Userptr:
      m.userptr = plane.userptr ?? 0n;
      return;
    case Memory.Dmabuf:
      m.userptr = 0n;
      m.fd = plane.fd ?? -1;
      return;
    case Memory.Mmap:
    case Memory.Overlay:
      m.userptr = BigInt(plane.offset ?? 0);
      return;
  }
}

/**
 * Writes a buffer over the client's struct and, for multi-planar types, over its array of planes. The array's
 * address and the place for more planes stay; `length` becomes the number of planes.
 * @throws {Error} The array is smaller than the buffer: vb2 has to refuse that before.
 */
export function emitBuffer(view: BufferView, buffer: Buffer, array: Uint8Array | undefined): void {
  view.index = buffer.index;
  view.flags = buffer.flags;
  view.field = buffer.field;
  emitTimestamp(view.timestamp, buffer.timestampNs);
  if (buffer.timecode !== undefined) emitTimecode(view.timecode, buffer.timecode);
  else clearBytes(view.timecode.bytes, 0, TimecodeView.SIZE);
  view.sequence = buffer.sequence;
  view.memory = buffer.memory;
  view.reserved2 = 0;
  view.request_fd = buffer.requestFd ?? 0;
  if (!isMultiplanar(view.type)) {
    const [plane] = buffer.planes;
    if (plane === undefined) throw new Error("a buffer has at least one plane");
    view.bytesused = plane.bytesused;
    view.length = plane.length;
    emitLocation(view.m, buffer.memory, plane);
    return;
  }
  const { planes } = buffer;
  if (array === undefined || array.byteLength < planes.length * PlaneView.SIZE) {
    throw new Error(`the client's array has no room for ${planes.length} planes`);
  }
  view.bytesused = 0;
  view.length = planes.length;
  for (const [index, plane] of planes.entries()) {
    const target = planeView(array, index);
    target.bytes.fill(0);
    target.bytesused = plane.bytesused;
    target.length = plane.length;
    target.data_offset = plane.dataOffset;
    emitLocation(target.m, buffer.memory, plane);
  }
}

/** Nanoseconds are signed on the way out, as in the kernel: time before 1970 has negative seconds only. */
function emitTimestamp(view: TimevalView, timestampNs: bigint): void {
  if (timestampNs === 0n) {
    view.tv_sec = 0n;
    view.tv_usec = 0n;
    return;
  }
  const ns = BigInt.asIntN(64, timestampNs);
  const rest = ns % NS_PER_SECOND;
  view.tv_sec = ns / NS_PER_SECOND - (rest < 0n ? 1n : 0n);
  view.tv_usec = (rest < 0n ? rest + NS_PER_SECOND : rest) / 1000n;
}

function emitTimecode(view: TimecodeView, timecode: Timecode): void {
  view.type = timecode.type;
  view.flags = timecode.flags;
  view.frames = timecode.frames;
  view.seconds = timecode.seconds;
  view.minutes = timecode.minutes;
  view.hours = timecode.hours;
  view.userbits = timecode.userbits;
}

const pad = (value: number, digits: number): string => {
  const text = String(Math.abs(value)).padStart(value < 0 ? digits - 1 : digits, "0");
  return value < 0 ? `-${text}` : text;
};

/** `%02d:%02d:%02d.%06ld` of a timeval: the seconds are cut to 32 bits, the kernel's way of printing them. */
function timevalText(seconds: bigint, microseconds: bigint): string {
  const total = Number(BigInt.asIntN(32, seconds));
  const hours = Math.trunc(total / 3600);
  const minutes = Math.trunc(total / 60) % 60;
  const fraction =
    microseconds < 0n ? `-${String(-microseconds).padStart(5, "0")}` : String(microseconds).padStart(6, "0");
  return `${pad(hours, 2)}:${pad(minutes, 2)}:${pad(total % 60, 2)}.${fraction}`;
}

/** The argument of QBUF, DQBUF, QUERYBUF and PREPARE_BUF, as the kernel prints it. */
export function describeBuffer(out: ArgWriter, view: BufferView, array: Uint8Array | undefined): void {
  const { timestamp, timecode } = view;
  const time = timevalText(timestamp.tv_sec, timestamp.tv_usec);
  out.set("timestamp", time).raw(`${time} `);
  out.int("index", view.index).word("type", view.type, bufTypeNames).int("request_fd", view.request_fd);
  out.hex("flags", view.flags, 8).word("field", view.field, fieldNames).int("sequence", view.sequence);
  out.word("memory", view.memory, memoryNames);
  if (isMultiplanar(view.type) && view.m.planes !== 0n) {
    const length = Math.min(view.length, Math.floor((array?.byteLength ?? 0) / PlaneView.SIZE));
    out.list("planes", length, (_, index) => {
      if (array === undefined) return;
      const plane = planeView(array, index);
      out.line().raw(`plane ${index}: `);
      out.int("bytesused", plane.bytesused).hex("data_offset", plane.data_offset, 8);
      out.hex("offset/userptr", plane.m.userptr).int("length", plane.length);
    });
  } else {
    out.int("bytesused", view.bytesused).hex("offset/userptr", view.m.userptr).int("length", view.length);
  }
  const { hours, minutes, seconds, type, flags, frames, userbits } = timecode;
  out.line().raw(`timecode=${pad(hours, 2)}:${pad(minutes, 2)}:${pad(seconds, 2)} type=${type | 0}`);
  out.raw(`, flags=0x${flags.toString(16).padStart(8, "0")}, frames=${frames}`);
  const bits = [...userbits].reduceRight((word, byte) => word * 256 + byte, 0);
  out.raw(`, userbits=0x${bits.toString(16).padStart(8, "0")}`);
  if ((view.flags & BufFlag.Timecode) !== 0) {
    out.set("timecode", { hours, minutes, seconds, type, flags, frames });
  }
}
