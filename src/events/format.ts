/**
 * A recording's bytes, which docs/events.md describes: a head, then records, all numbers little-endian. What is longer than its
 * place is cut; a recording is for people, and must not be what ends a device.
 */
import type { MessageDetails } from "../v4l2/index.js";
import {
  eventFields,
  eventKinds,
  EVENTS_VERSION,
  fieldForms,
  type EventField,
  type FieldForm,
} from "./fields.js";

export const MAGIC = "V4L2REC\n";
/** Of the layout of records. */
export const FORMAT_VERSION = 1;
/** magic, version, length of the JSON. */
export const HEAD_BYTES = 16;
/** More is no head of ours. */
export const MAX_HEAD_JSON = 1 << 20;
/** size, kind, device, monotonicNs. */
export const RECORD_HEAD_BYTES = 16;
/** size, kind, number: the least that a record can be. */
export const NAME_HEAD_BYTES = 8;
/** No record is larger. */
export const MAX_RECORD = 1 << 20;
/** The kind of a record that gives a string its number; number 0 takes all numbers back. */
export const NAME_KIND = 0;
/**
 * So many strings have numbers, and a few more until the next event; then all get new ones, for clients choose their names
 * and may choose many. And the bytes of one.
 */
export const MAX_NAMES = 4096;
export const MAX_NAME_BYTES = 1024;
/** What stands for undefined in `u64?`, and as the length of `text?` and `bytes?`. `f64?` has NaN, `name?` the number 0. */
export const NO_U64 = 0xffff_ffff_ffff_ffffn;
export const NO_LENGTH = 0xffff_ffff;
/** Bytes of a buffer in `keys`: file, type, index. */
export const KEY_BYTES = 16;

/** `parts?` as they are stored: JSON, in which a 64-bit number is an array of one string. */
export function encodeParts(parts: MessageDetails): string {
  return JSON.stringify(parts, (_name, value: unknown) =>
    typeof value === "bigint" ? [String(value)] : value,
  );
}

/** @throws {RangeError} That is not what {@link encodeParts} makes. */
export function parseParts(text: string): MessageDetails {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (!isRecord(value)) throw new RangeError("not the parts of a message");
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, parsePart(part)]));
}

function parsePart(part: unknown): MessageDetails[string] {
  if (typeof part === "string" || typeof part === "number") return part;
  const [digits] = Array.isArray(part) ? (part as readonly unknown[]) : [];
  if (typeof digits === "string" && /^-?\d{1,20}$/.test(digits)) return BigInt(digits);
  throw new RangeError("not a part of a message");
}

/** The head of a recording. */
export interface RecordingHead {
  readonly events: number;
  /** What wrote it. */
  readonly program: string;
  /** Two clocks at one time: CLOCK_REALTIME in milliseconds, CLOCK_MONOTONIC in nanoseconds. */
  readonly timeMs: number;
  readonly monotonicNs: number;
  /** Kinds from number 1 on, and their members in order. */
  readonly kinds: readonly { readonly kind: string; readonly fields: readonly RecordedField[] }[];
}
export type RecordedField = readonly [name: string, form: FieldForm];

const recorded = ({ name, form }: EventField): RecordedField => [name, form];

export function encodeHead(head: Omit<RecordingHead, "events" | "kinds">): Uint8Array {
  const whole: RecordingHead = {
    events: EVENTS_VERSION,
    ...head,
    kinds: eventKinds.map((kind) => ({ kind, fields: eventFields[kind].map(recorded) })),
  };
  const json = Buffer.from(JSON.stringify(whole));
  const bytes = Buffer.alloc(HEAD_BYTES + json.byteLength);
  bytes.write(MAGIC, "latin1");
  bytes.writeUInt32LE(FORMAT_VERSION, 8);
  bytes.writeUInt32LE(json.byteLength, 12);
  bytes.set(json, HEAD_BYTES);
  return bytes;
}

/** The record that says that events are missing; it needs no names. */
export function encodeDropped(monotonicNs: number, count: number): Uint8Array {
  const bytes = Buffer.alloc(RECORD_HEAD_BYTES + 4);
  bytes.writeUInt32LE(bytes.byteLength, 0);
  bytes.writeUInt16LE(eventKinds.indexOf("dropped") + 1, 4);
  bytes.writeDoubleLE(monotonicNs, 8);
  bytes.writeUInt32LE(count >>> 0, RECORD_HEAD_BYTES);
  return bytes;
}

/** @returns undefined: it is not the head of a recording. */
export function parseHead(json: string): RecordingHead | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const { events, program, timeMs, monotonicNs, kinds } = value;
  if (typeof events !== "number" || typeof program !== "string") return undefined;
  if (typeof timeMs !== "number" || typeof monotonicNs !== "number") return undefined;
  if (!Array.isArray(kinds) || !kinds.every(isKind)) return undefined;
  return { events, program, timeMs, monotonicNs, kinds };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function isKind(value: unknown): value is RecordingHead["kinds"][number] {
  return (
    isRecord(value) &&
    typeof value["kind"] === "string" &&
    Array.isArray(value["fields"]) &&
    value["fields"].every(isField)
  );
}

function isField(value: unknown): value is RecordedField {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    typeof value[0] === "string" &&
    value[0] !== "__proto__" &&
    fieldForms.some((form) => form === value[1])
  );
}
