/**
 * Reads a recording, record by record, in constant memory. A recording that ends in the middle of a record, because its
 * driver was killed, ends with the record before. Whatever bytes a file has, they give events or one
 * {@link RecordingError}.
 */
import { readSync } from "node:fs";
import { mediaDeviceIoctls, mediaRequestIoctls } from "../media/index.js";
import { describeVideoIoctl } from "../v4l2/index.js";
import type { Description, IoctlBytes, IoctlEvent, TraceEvent } from "../v4l2/index.js";
import { eventFields, EVENTS_VERSION, type FieldForm } from "./fields.js";
import {
  FORMAT_VERSION,
  HEAD_BYTES,
  KEY_BYTES,
  MAGIC,
  MAX_HEAD_JSON,
  MAX_NAME_BYTES,
  MAX_NAMES,
  MAX_RECORD,
  NAME_HEAD_BYTES,
  NAME_KIND,
  NO_LENGTH,
  NO_U64,
  parseHead,
  parseParts,
  RECORD_HEAD_BYTES,
} from "./format.js";
import type { RecordingHead } from "./format.js";

/** The file is no recording, or is damaged. `message` is one sentence. */
export class RecordingError extends Error {
  override readonly name = "RecordingError";
}

const PIECE_BYTES = 1 << 20;

/** Copies what comes next into `into`, and says how many bytes; 0: there are none (yet). */
export type ReadBytes = (into: Uint8Array) => number;

/** A file, read in large pieces, or memory, or what comes little by little. */
class Input {
  readonly #read: (into: Buffer, at: number) => number;
  #bytes = Buffer.allocUnsafeSlow(PIECE_BYTES);
  #start = 0;
  #end = 0;
  /** Bytes of the file before `#start`. */
  consumed = 0;

  constructor(source: number | Uint8Array | ReadBytes) {
    let place = 0;
    if (typeof source === "function") this.#read = (into, at) => source(into.subarray(at));
    else
      this.#read =
        typeof source === "number"
          ? (into, at) => readSync(source, into, at, into.byteLength - at, null)
          : (into, at) => {
              const piece = source.subarray(place, place + into.byteLength - at);
              into.set(piece, at);
              place += piece.byteLength;
              return piece.byteLength;
            };
  }

  /** The next `size` bytes, without taking them; valid until the next call. undefined: the file ends before. */
  peek(size: number): Buffer | undefined {
    while (this.#end - this.#start < size) {
      this.#makeRoom(size);
      const read = this.#read(this.#bytes, this.#end);
      if (read === 0) return undefined;
      this.#end += read;
    }
    return this.#bytes.subarray(this.#start, this.#start + size);
  }

  /** Bytes that are there but too few. */
  get hasRest(): boolean {
    return this.#end > this.#start;
  }

  #makeRoom(size: number): void {
    const waiting = this.#bytes.subarray(this.#start, this.#end);
    if (size > this.#bytes.byteLength) {
      const larger = Buffer.allocUnsafeSlow(size + PIECE_BYTES);
      larger.set(waiting);
      this.#bytes = larger;
    } else if (this.#start > 0) this.#bytes.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }

  take(size: number): void {
    this.#start += size;
    this.consumed += size;
  }
}

/** A recording that is read once, from its beginning. */
export class Recording {
  readonly head: RecordingHead;
  readonly #path: string;
  readonly #input: Input;
  readonly #names = new Map<number, string>();
  readonly #layouts: readonly (Layout | "unknown")[];
  #isCut = false;

  /**
   * @param source - A descriptor at the file's beginning, which stays the caller's; or what such a file has; or what gives
   *   its bytes one after the other, and has the head already.
   * @param path - For messages.
   * @throws {RecordingError} It is no recording, or a later version's.
   */
  constructor(source: number | Uint8Array | ReadBytes, path: string) {
    this.#path = path;
    this.#input = new Input(source);
    this.head = this.#readHead();
    this.#layouts = this.head.kinds.map((kind) => {
      const layout = layoutOf(kind);
      if (layout === undefined) throw new RecordingError(`${path} is damaged at its beginning`);
      return layout;
    });
  }

  /** Bytes that were read. */
  get offset(): number {
    return this.#input.consumed;
  }

  /** Does the file end in the middle of a record? Known at its end. */
  get isCut(): boolean {
    return this.#isCut;
  }

  #readHead(): RecordingHead {
    const input = this.#input;
    const head = input.peek(HEAD_BYTES);
    if (head?.toString("latin1", 0, MAGIC.length) !== MAGIC) {
      throw new RecordingError(`${this.#path} is no recording: 'v4l2-cuse sample --record FILE' makes one`);
    }
    const version = head.readUInt32LE(8);
    if (version !== FORMAT_VERSION) throw this.#otherVersion(version);
    const length = head.readUInt32LE(12);
    input.take(HEAD_BYTES);
    const json = length > MAX_HEAD_JSON ? undefined : input.peek(length)?.toString();
    const parsed = json === undefined ? undefined : parseHead(json);
    if (parsed === undefined) throw new RecordingError(`${this.#path} is damaged at its beginning`);
    if (parsed.events > EVENTS_VERSION) throw this.#otherVersion(parsed.events);
    input.take(length);
    return parsed;
  }

  #otherVersion(version: number): RecordingError {
    return new RecordingError(
      `${this.#path} is a recording of version ${version}, which this v4l2-cuse does not know: read it with the one that wrote it`,
    );
  }

  /**
   * The events, in the order in which they happened, up to the last that is there whole: the next call goes on from there. Of an ioctl, the argument is there until the next event is asked for.
   * @throws {RecordingError} The file is damaged.
   */
  *events(): Generator<TraceEvent, void, undefined> {
    const input = this.#input;
    for (;;) {
      const size = input.peek(4)?.readUInt32LE(0);
      if (size === undefined) break;
      if (size < NAME_HEAD_BYTES || size > MAX_RECORD) throw this.#damaged();
      const record = input.peek(size);
      if (record === undefined) break;
      const kind = record.readUInt16LE(4);
      if (kind === NAME_KIND) this.#learn(record);
      else {
        const event = this.#decode(kind, record);
        if (event !== undefined) yield event;
      }
      input.take(size);
    }
    this.#isCut = input.hasRest;
  }

  #damaged(): RecordingError {
    return new RecordingError(`${this.#path} is damaged at byte ${this.#input.consumed}`);
  }

  #learn(record: Buffer): void {
    const number = record.readUInt16LE(6);
    // More than the recorder writes: they would not fit into constant memory.
    if (number > 2 * MAX_NAMES || record.byteLength > NAME_HEAD_BYTES + MAX_NAME_BYTES) throw this.#damaged();
    if (number === 0) this.#names.clear();
    else this.#names.set(number, record.toString("utf8", NAME_HEAD_BYTES));
  }

  /** @returns undefined: a kind that this version does not know. */
  #decode(number: number, record: Buffer): TraceEvent | undefined {
    const { timeMs, monotonicNs: baseNs } = this.head;
    const layout = this.#layouts[number - 1];
    if (layout === undefined || record.byteLength < RECORD_HEAD_BYTES) throw this.#damaged();
    if (layout === "unknown") return undefined;
    const monotonicNs = record.readDoubleLE(8);
    if (!Number.isFinite(monotonicNs)) throw this.#damaged();
    // All members are there from the start: to add them one by one takes longer than all else.
    const event: Record<string, unknown> = { ...layout.template };
    event["timeMs"] = timeMs + (monotonicNs - baseNs) / 1e6;
    event["monotonicNs"] = monotonicNs;
    event["device"] = this.#name(record.readUInt16LE(6)) ?? "";
    const bytes: Record<string, unknown> | undefined = layout.isIoctl ? { ...NO_BYTES } : undefined;
    const values = new Values(record, (name) => this.#name(name));
    try {
      for (const { name, form, isOfBytes } of layout.fields) {
        const value = values.read(form);
        if (name === undefined) continue;
        if (!isOfBytes) event[name] = value;
        else if (bytes !== undefined && value !== undefined) bytes[name] = value;
      }
    } catch (error) {
      if (error instanceof RangeError) throw this.#damaged();
      throw error;
    }
    return complete(event, bytes as IoctlBytes | undefined);
  }

  /** @throws {RecordingError} Nothing has that number. */
  #name(number: number): string | undefined {
    if (number === 0) return undefined;
    const name = this.#names.get(number);
    if (name === undefined) throw this.#damaged();
    return name;
  }
}

/** How the records of a kind are read. */
interface Layout {
  /** Without a name: a member that this version does not know. */
  readonly fields: readonly {
    readonly name: string | undefined;
    readonly form: FieldForm;
    /** Is it a member of `bytes`? */
    readonly isOfBytes: boolean;
  }[];
  /** An event of the kind, in which members that the recording does not have are as they stay. */
  readonly template: Readonly<Record<string, unknown>>;
  readonly isIoctl: boolean;
}

const NO_BYTES: IoctlBytes = {
  asked: undefined,
  given: new Uint8Array(0),
  askedArray: undefined,
  givenArray: undefined,
  note: undefined,
  askedPayloads: undefined,
  givenPayloads: undefined,
};
/** What members of ioctl events are called in `bytes`. */
const byteMembers: Readonly<Partial<Record<string, string>>> = {
  askedBytes: "asked",
  givenBytes: "given",
  askedArray: "askedArray",
  givenArray: "givenArray",
  note: "note",
  askedPayloads: "askedPayloads",
  givenPayloads: "givenPayloads",
};

/** @returns undefined: a member has another form than it should. */
function layoutOf({ kind, fields }: RecordingHead["kinds"][number]): Layout | "unknown" | undefined {
  const known = Object.entries(eventFields).find(([name]) => name === kind)?.[1];
  if (known === undefined) return "unknown";
  const stored = new Map(fields);
  if (stored.size !== fields.length) return undefined;
  if (known.some(({ name, form }) => (stored.get(name) ?? form) !== form)) return undefined;
  const isIoctl = kind === "ioctl";
  const ofBytes = (name: string): string | undefined => (isIoctl ? byteMembers[name] : undefined);
  const members = known.filter(({ name }) => ofBytes(name) === undefined);
  return {
    fields: fields.map(([name, form]) => ({
      name: known.some((field) => field.name === name) ? (ofBytes(name) ?? name) : undefined,
      form,
      isOfBytes: ofBytes(name) !== undefined,
    })),
    template: {
      ...{ kind, timeMs: 0, monotonicNs: 0, device: "" },
      ...Object.fromEntries(members.map(({ name, form }) => [name, defaultOf(form)])),
      ...(isIoctl && { bytes: NO_BYTES, text: noText, dialog: noText, args: noText, asked: noText }),
    },
    isIoctl,
  };
}

const noText = (): string => "";

function defaultOf(form: FieldForm): unknown {
  if (form.endsWith("?")) return undefined;
  if (form === "name" || form === "text") return "";
  if (form === "u64") return 0n;
  if (form === "bool") return false;
  return form === "keys" || form === "u32[]" ? [] : 0;
}

/** The members of one record. Reading behind its end is a RangeError. */
class Values {
  readonly #record: Buffer;
  readonly #name: (number: number) => string | undefined;
  #at = RECORD_HEAD_BYTES;

  constructor(record: Buffer, name: (number: number) => string | undefined) {
    this.#record = record;
    this.#name = name;
  }

  read(form: FieldForm): unknown {
    const at = this.#at;
    switch (form) {
      case "u16":
        return this.#record.readUInt16LE(this.#skip(at, 2));
      case "bool":
        return this.#record.readUInt16LE(this.#skip(at, 2)) !== 0;
      case "name":
        return this.#name(this.#record.readUInt16LE(this.#skip(at, 2))) ?? "";
      case "name?":
        return this.#name(this.#record.readUInt16LE(this.#skip(at, 2)));
      case "u32":
        return this.#record.readUInt32LE(this.#skip(at, 4));
      case "i32":
        return this.#record.readInt32LE(this.#skip(at, 4));
      case "u64":
        return this.#record.readBigUInt64LE(this.#skip(at, 8));
      case "u64?": {
        const value = this.#record.readBigUInt64LE(this.#skip(at, 8));
        return value === NO_U64 ? undefined : value;
      }
      case "f64":
        return this.#record.readDoubleLE(this.#skip(at, 8));
      case "f64?": {
        const value = this.#record.readDoubleLE(this.#skip(at, 8));
        return Number.isNaN(value) ? undefined : value;
      }
      case "text":
        return this.#bytes()?.toString() ?? "";
      case "text?":
        return this.#bytes()?.toString();
      case "bytes?":
        return this.#bytes();
      case "parts?": {
        const text = this.#bytes()?.toString();
        return text === undefined ? undefined : parseParts(text);
      }
      case "u32[]":
        return this.#list(4, (place) => this.#record.readUInt32LE(place));
      case "keys":
        return this.#list(KEY_BYTES, (place) => {
          const file = this.#record.readBigUInt64LE(place);
          const [type, index] = [this.#record.readUInt32LE(place + 8), this.#record.readUInt32LE(place + 12)];
          return { file: file === NO_U64 ? undefined : file, type, index };
        });
    }
  }

  #skip(at: number, size: number): number {
    this.#at = at + size;
    return at;
  }

  #bytes(): Buffer | undefined {
    const length = this.#record.readUInt32LE(this.#skip(this.#at, 4));
    if (length === NO_LENGTH) return undefined;
    this.#assertRoom(length);
    return this.#record.subarray(this.#at, (this.#at += length));
  }

  #list<Item>(size: number, read: (place: number) => Item): Item[] {
    const count = this.#record.readUInt32LE(this.#skip(this.#at, 4));
    this.#assertRoom(count * size);
    return Array.from({ length: count }, () => read(this.#skip(this.#at, size)));
  }

  #assertRoom(size: number): void {
    if (this.#at + size > this.#record.byteLength) throw new RangeError("behind the end of the record");
  }
}

/** Makes an event of its stored members. */
function complete(event: Record<string, unknown>, bytes: IoctlBytes | undefined): TraceEvent {
  if (bytes !== undefined) {
    const ioctl = event as unknown as IoctlEvent;
    return Object.assign(ioctl, description(ioctl, bytes));
  }
  if (event["kind"] === "data") event["bytes"] ??= new Uint8Array(0);
  if (event["kind"] === "message")
    for (const name of ["details", "stack"])
      if (event[name] === undefined) Reflect.deleteProperty(event, name);
  return event as unknown as TraceEvent;
}

const UNKNOWN: Description = { text: "", dialog: "", object: {}, asked: undefined };

/** The same event with these bytes, which it is described by when somebody asks. */
export function withDescription(event: IoctlEvent, bytes: IoctlBytes): IoctlEvent {
  return { ...event, ...description(event, bytes) };
}

function description(
  { cmd, device }: IoctlEvent,
  bytes: IoctlBytes,
): Pick<IoctlEvent, "bytes" | "text" | "dialog" | "args" | "asked"> {
  let described: Description | undefined;
  const describe = (): Description =>
    (described ??=
      mediaDeviceIoctls.describe(cmd, bytes) ??
      mediaRequestIoctls.describe(cmd, bytes) ??
      describeVideoIoctl(cmd, device.startsWith("v4l-subdev"), bytes) ??
      UNKNOWN);
  return {
    bytes,
    text: () => describe().text,
    dialog: () => describe().dialog,
    args: () => describe().object,
    asked: () => describe().asked,
  };
}
