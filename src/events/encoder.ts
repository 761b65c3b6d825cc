/**
 * Events as records. The two kinds that come with each frame, ioctls and buffers, are written field by field; all
 * others by the table. Nothing is described here: of ioctls the bytes are kept, and described when somebody reads.
 */
import type { BufferEvent, MessageDetails, RecordedEvent, RecordedIoctl } from "../v4l2/index.js";
import type { Chunk, Chunks } from "./chunks.js";
import { eventFields, eventKinds, type EventField } from "./fields.js";
import {
  encodeParts,
  KEY_BYTES,
  MAX_NAME_BYTES,
  MAX_NAMES,
  NAME_HEAD_BYTES,
  NAME_KIND,
  NO_LENGTH,
  NO_U64,
  RECORD_HEAD_BYTES,
} from "./format.js";

const MAX_TEXT_BYTES = 64 * 1024;
const MAX_BYTES = 192 * 1024;
const MAX_U16 = 0xffff;

const numberOf = new Map(eventKinds.map((kind, index) => [kind, index + 1]));
const IOCTL = numberOf.get("ioctl") ?? 0;
const BUFFER = numberOf.get("buffer") ?? 0;

/** Of fixed size: head and members, without bytes and text. */
const IOCTL_BYTES = RECORD_HEAD_BYTES + 66;
const BUFFER_BYTES = RECORD_HEAD_BYTES + 44;

export class RecordEncoder {
  readonly #chunks: Chunks;
  readonly #names = new Map<string, number>();
  #dropped = 0;
  #lastDropNs = 0;
  #lastDevice: string | undefined;
  #lastNumber = 0;

  constructor(chunks: Chunks) {
    this.#chunks = chunks;
  }

  /** Events that are not in the recording, and of which it does not say so yet. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes an event, or counts it among those that were dropped. */
  encode(event: RecordedEvent): void {
    if (this.#dropped > 0 && !this.tellDropped(event)) {
      this.#dropped += 1;
      return;
    }
    if (!this.#encode(event)) {
      this.#dropped += 1;
      this.#lastDropNs = event.monotonicNs;
    }
  }

  /** Writes that events were dropped. @returns false: there is no room. */
  tellDropped({
    device,
    timeMs,
    monotonicNs,
  }: Pick<RecordedEvent, "device" | "timeMs" | "monotonicNs">): boolean {
    const count = this.#dropped;
    if (
      !this.#encode({ kind: "dropped", device, timeMs, monotonicNs: this.#lastDropNs || monotonicNs, count })
    )
      return false;
    this.#dropped = 0;
    return true;
  }

  #encode(event: RecordedEvent): boolean {
    if (this.#names.size > MAX_NAMES && !this.forgetNames()) return false;
    switch (event.kind) {
      case "ioctl":
        return this.#ioctl(event);
      case "buffer":
        return this.#buffer(event);
      default:
        return this.#byTable(event);
    }
  }

  // Names

  /** The number of a string, 0 for undefined; -1: there is no room for its record. */
  #nameOf(text: string | undefined): number {
    if (text === undefined) return 0;
    return this.#names.get(text) ?? this.#newName(text);
  }

  /** A recording has few devices, and mostly one. */
  #deviceNumber(device: string): number {
    return device === this.#lastDevice ? this.#lastNumber : this.#changeDevice(device);
  }

  #changeDevice(device: string): number {
    const number = this.#nameOf(device);
    this.#lastDevice = number < 0 ? undefined : device;
    return (this.#lastNumber = number);
  }

  #newName(text: string): number {
    const bytes = Buffer.from(text).subarray(0, MAX_NAME_BYTES);
    const size = NAME_HEAD_BYTES + bytes.byteLength;
    const chunk = this.#chunks.room(size);
    if (chunk === undefined) return -1;
    const number = this.#names.size + 1;
    nameHead(chunk, size, number);
    chunk.bytes.set(bytes, chunk.used + NAME_HEAD_BYTES);
    chunk.used += size;
    this.#names.set(text, number);
    return number;
  }

  /** From here on records can be read without those before. @returns false: there is no room. */
  forgetNames(): boolean {
    const chunk = this.#chunks.room(NAME_HEAD_BYTES);
    if (chunk === undefined) return false;
    nameHead(chunk, NAME_HEAD_BYTES, 0);
    chunk.used += NAME_HEAD_BYTES;
    this.#names.clear();
    this.#lastDevice = undefined;
    return true;
  }

  // Records

  #ioctl(event: RecordedIoctl): boolean {
    const { asked, given, askedArray, givenArray, note, askedPayloads, givenPayloads } = event.bytes;
    const device = this.#deviceNumber(event.device);
    const name = this.#nameOf(event.name);
    const comm = this.#nameOf(event.comm);
    const errno = this.#nameOf(event.errno);
    if ((device | name | comm | errno) < 0) return false;
    // Most calls have an argument and nothing else.
    const isPlain =
      askedArray === undefined &&
      givenArray === undefined &&
      note === undefined &&
      askedPayloads === undefined &&
      givenPayloads === undefined;
    const detail = event.detail === undefined ? undefined : textBytes(event.detail);
    const noteBytes = isPlain ? undefined : textBytes(note);
    let size = IOCTL_BYTES + lengthOf(asked) + lengthOf(given);
    if (detail !== undefined) size += detail.byteLength;
    if (!isPlain)
      size +=
        lengthOf(askedArray) +
        lengthOf(givenArray) +
        lengthOf(noteBytes) +
        lengthOf(askedPayloads) +
        lengthOf(givenPayloads);
    const chunk = this.#chunks.room(size);
    if (chunk === undefined) return false;
    const { view } = chunk;
    let at = recordHead(chunk, size, IOCTL, device, event.monotonicNs);
    view.setUint16(at, name, true);
    view.setUint32(at + 2, event.cmd, true);
    view.setUint32(at + 6, event.pid, true);
    view.setUint16(at + 10, comm, true);
    view.setBigUint64(at + 12, event.file, true);
    view.setFloat64(at + 20, event.durationUs, true);
    view.setInt32(at + 28, event.result, true);
    view.setUint16(at + 32, errno, true);
    at = putBytes(chunk, at + 34, detail);
    at = putBytes(chunk, at, asked);
    at = putBytes(chunk, at, given);
    if (isPlain) {
      for (let end = at + 20; at < end; at += 4) view.setUint32(at, NO_LENGTH, true);
    } else {
      at = putBytes(chunk, at, askedArray);
      at = putBytes(chunk, at, givenArray);
      at = putBytes(chunk, at, noteBytes);
      at = putBytes(chunk, at, askedPayloads);
      putBytes(chunk, at, givenPayloads);
    }
    chunk.used += size;
    return true;
  }

  #buffer(event: BufferEvent): boolean {
    const device = this.#deviceNumber(event.device);
    const from = this.#nameOf(event.from);
    const to = this.#nameOf(event.to);
    const request = this.#nameOf(event.request);
    if ((device | from | to | request) < 0) return false;
    const { bytesused } = event;
    const size = BUFFER_BYTES + 4 + 4 * bytesused.length;
    const chunk = this.#chunks.room(size);
    if (chunk === undefined) return false;
    const { view } = chunk;
    let at = recordHead(chunk, size, BUFFER, device, event.monotonicNs);
    view.setBigUint64(at, event.file ?? NO_U64, true);
    view.setUint32(at + 8, event.type, true);
    view.setUint32(at + 12, event.index, true);
    view.setUint16(at + 16, from, true);
    view.setUint16(at + 18, to, true);
    view.setUint32(at + 20, event.sequence, true);
    view.setBigUint64(at + 24, event.timestampNs, true);
    view.setUint16(at + 32, request, true);
    view.setUint16(at + 34, event.queued, true);
    view.setUint16(at + 36, event.active, true);
    view.setUint16(at + 38, event.done, true);
    view.setUint16(at + 40, event.buffers, true);
    view.setUint32(at + 42, bytesused.length, true);
    at += 46;
    for (const bytes of bytesused) {
      view.setUint32(at, bytes, true);
      at += 4;
    }
    chunk.used += size;
    return true;
  }

  #byTable(event: RecordedEvent): boolean {
    const fields = eventFields[event.kind];
    const members = event as unknown as Readonly<Record<string, unknown>>;
    const device = this.#nameOf(event.device);
    if (device < 0) return false;
    const values: StoredValue[] = [];
    let size = RECORD_HEAD_BYTES;
    for (const field of fields) {
      const value = this.#stored(field, members[field.name]);
      if (value === undefined) return false;
      values.push(value);
      size += sizeOf(field, value);
    }
    const chunk = this.#chunks.room(size);
    if (chunk === undefined) return false;
    let at = recordHead(chunk, size, numberOf.get(event.kind) ?? 0, device, event.monotonicNs);
    for (const [index, field] of fields.entries()) at = put(chunk, at, field, values[index] ?? 0);
    chunk.used += size;
    return true;
  }

  /** What a member becomes before it has a place; undefined: there is no room for a name's record. */
  #stored({ form }: EventField, value: unknown): StoredValue | undefined {
    switch (form) {
      case "name":
      case "name?": {
        const number = this.#nameOf(typeof value === "string" ? value : undefined);
        return number < 0 ? undefined : number;
      }
      case "text":
      case "text?":
        return textBytes(typeof value === "string" ? value : undefined) ?? NOTHING;
      case "bytes?":
        return value instanceof Uint8Array ? value : NOTHING;
      case "parts?":
        return (value === undefined ? undefined : partsBytes(value as MessageDetails)) ?? NOTHING;
      case "u64":
      case "u64?":
        return typeof value === "bigint" ? value : NO_U64;
      case "f64?":
        return typeof value === "number" ? value : Number.NaN;
      case "bool":
        return value === true ? 1 : 0;
      case "keys":
      case "u32[]":
        return Array.isArray(value) ? (value as StoredValue) : [];
      case "u16":
      case "u32":
      case "i32":
      case "f64":
        return typeof value === "number" ? value : 0;
    }
  }
}

interface Key {
  readonly file: bigint | undefined;
  readonly type: number;
  readonly index: number;
}
/** No bytes at all, unlike none. */
const NOTHING = Symbol("undefined");
type StoredValue = number | bigint | Uint8Array | typeof NOTHING | readonly number[] | readonly Key[];

function nameHead(chunk: Chunk, size: number, number: number): void {
  const { view, used } = chunk;
  view.setUint32(used, size, true);
  view.setUint16(used + 4, NAME_KIND, true);
  view.setUint16(used + 6, number, true);
}

/** @returns Where its members begin. */
function recordHead(chunk: Chunk, size: number, kind: number, device: number, monotonicNs: number): number {
  const { view, used } = chunk;
  view.setUint32(used, size, true);
  view.setUint16(used + 4, kind, true);
  view.setUint16(used + 6, device, true);
  view.setFloat64(used + 8, monotonicNs, true);
  return used + RECORD_HEAD_BYTES;
}

const textBytes = (text: string | undefined): Uint8Array | undefined =>
  text === undefined ? undefined : Buffer.from(text).subarray(0, MAX_TEXT_BYTES);

/** Parts that are too long are left out: what is left of cut ones could not be read. */
function partsBytes(parts: MessageDetails): Uint8Array | undefined {
  const bytes = Buffer.from(encodeParts(parts));
  return bytes.byteLength > MAX_TEXT_BYTES ? undefined : bytes;
}

/** `length` is compiled to one load where `byteLength` is a call. */
const lengthOf = (bytes: Uint8Array | undefined): number =>
  bytes === undefined ? 0 : Math.min(bytes.length, MAX_BYTES);

function putBytes({ view, bytes: target }: Chunk, at: number, bytes: Uint8Array | undefined): number {
  if (bytes === undefined) {
    view.setUint32(at, NO_LENGTH, true);
    return at + 4;
  }
  const length = lengthOf(bytes);
  view.setUint32(at, length, true);
  target.set(length === bytes.length ? bytes : bytes.subarray(0, length), at + 4);
  return at + 4 + length;
}

function sizeOf({ form }: EventField, value: StoredValue): number {
  if (value === NOTHING) return 4;
  if (value instanceof Uint8Array) return 4 + lengthOf(value);
  if (typeof value === "object") return 4 + value.length * (form === "keys" ? KEY_BYTES : 4);
  return scalarBytes[form] ?? 8;
}

const scalarBytes: Readonly<Partial<Record<EventField["form"], number>>> = {
  u16: 2,
  name: 2,
  "name?": 2,
  u32: 4,
  i32: 4,
  bool: 2,
};

function put(chunk: Chunk, at: number, { form }: EventField, value: StoredValue): number {
  const { view } = chunk;
  if (value === NOTHING) return putBytes(chunk, at, undefined);
  if (value instanceof Uint8Array) return putBytes(chunk, at, value);
  if (typeof value === "bigint") {
    view.setBigUint64(at, value, true);
    return at + 8;
  }
  if (typeof value === "object") {
    view.setUint32(at, value.length, true);
    let place = at + 4;
    for (const item of value) {
      if (typeof item === "number") {
        view.setUint32(place, item, true);
        place += 4;
        continue;
      }
      view.setBigUint64(place, item.file ?? NO_U64, true);
      view.setUint32(place + 8, item.type, true);
      view.setUint32(place + 12, item.index, true);
      place += KEY_BYTES;
    }
    return place;
  }
  switch (scalarBytes[form]) {
    case 2:
      view.setUint16(at, Math.min(value, MAX_U16), true);
      return at + 2;
    case 4:
      if (form === "i32") view.setInt32(at, value, true);
      else view.setUint32(at, value, true);
      return at + 4;
    default:
      view.setFloat64(at, value, true);
      return at + 8;
  }
}
