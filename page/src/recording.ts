/**
 * Reads a recording as it comes (docs/events.md, "The file"): its head says which members records have, so that a page of
 * an older driver shows a newer one's events. Bytes of arguments are passed over: the driver describes them when asked.
 */

/** An event: the members of docs/events.md. 64-bit numbers are strings. */
export interface PageEvent {
  readonly kind: string;
  readonly device: string;
  readonly monotonicNs: number;
  readonly [member: string]: unknown;
}

export class StreamError extends Error {
  override readonly name = "StreamError";
}

const MAGIC = "V4L2REC\n";
const HEAD_BYTES = 16;
const RECORD_HEAD_BYTES = 16;
const NO_LENGTH = 0xffff_ffff;
const NO_U64 = 0xffff_ffff_ffff_ffffn;
/** No record is larger, nor a head. */
const MAX_BYTES = 1 << 20;

interface Kind {
  readonly kind: string;
  readonly fields: readonly (readonly [name: string, form: string])[];
}

/** `parts?` as they are stored: a 64-bit number is an array of one string. */
function partsOf(json: string): Readonly<Record<string, string | number>> | undefined {
  try {
    const parts = JSON.parse(json) as Record<string, string | number | [string]>;
    return Object.fromEntries(
      Object.entries(parts).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
    );
  } catch {
    throw new StreamError("the stream is damaged");
  }
}

export class RecordingStream {
  /** Of the driver. */
  program = "";
  readonly #take: (event: PageEvent) => void;
  readonly #names = new Map<number, string>();
  readonly #decoder = new TextDecoder();
  #kinds: readonly Kind[] | undefined;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  constructor(take: (event: PageEvent) => void) {
    this.#take = take;
  }

  /** The next piece. @throws {StreamError} It is no recording. */
  push(piece: Uint8Array): void {
    this.#append(piece);
    let at = 0;
    if (this.#kinds === undefined) {
      at = this.#readHead();
      if (at === 0) return;
    }
    const { byteLength } = this.#bytes;
    while (at + 8 <= byteLength) {
      const size = this.#view.getUint32(at, true);
      if (size < 8 || size > MAX_BYTES) throw new StreamError("the stream is damaged");
      if (at + size > byteLength) break;
      this.#record(at, size);
      at += size;
    }
    this.#bytes = this.#bytes.slice(at);
    this.#view = new DataView(this.#bytes.buffer);
  }

  #append(piece: Uint8Array): void {
    const whole = new Uint8Array(this.#bytes.byteLength + piece.byteLength);
    whole.set(this.#bytes);
    whole.set(piece, this.#bytes.byteLength);
    this.#bytes = whole;
    this.#view = new DataView(whole.buffer);
  }

  /** @returns Where records begin; 0: not all of it is there. */
  #readHead(): number {
    if (this.#bytes.byteLength < HEAD_BYTES) return 0;
    const length = this.#view.getUint32(12, true);
    if (this.#text(0, MAGIC.length) !== MAGIC || length > MAX_BYTES)
      throw new StreamError("this is no recording");
    if (this.#bytes.byteLength < HEAD_BYTES + length) return 0;
    const head = JSON.parse(this.#text(HEAD_BYTES, length)) as { program: string; kinds: readonly Kind[] };
    this.program = head.program;
    this.#kinds = head.kinds;
    return HEAD_BYTES + length;
  }

  #text(at: number, length: number): string {
    return this.#decoder.decode(this.#bytes.subarray(at, at + length));
  }

  #record(start: number, size: number): void {
    const view = this.#view;
    const number = view.getUint16(start + 4, true);
    const name = view.getUint16(start + 6, true);
    if (number === 0) {
      if (name === 0) this.#names.clear();
      else this.#names.set(name, this.#text(start + 8, size - 8));
      return;
    }
    const kind = this.#kinds?.[number - 1];
    if (kind === undefined || size < RECORD_HEAD_BYTES) return;
    const event: Record<string, unknown> = {
      kind: kind.kind,
      device: this.#names.get(name) ?? "",
      monotonicNs: view.getFloat64(start + 8, true),
    };
    this.#at = start + RECORD_HEAD_BYTES;
    try {
      for (const [member, form] of kind.fields) {
        const value = this.#value(form);
        if (value !== undefined) event[member] = value;
      }
    } catch (error) {
      if (error instanceof RangeError) throw new StreamError("the stream is damaged");
      throw error;
    }
    this.#take(event as unknown as PageEvent);
  }

  /** @throws {RangeError} Behind the end of what is there. */
  #value(form: string): unknown {
    const view = this.#view;
    const at = this.#at;
    switch (form) {
      case "u16":
        this.#at += 2;
        return view.getUint16(at, true);
      case "bool":
        this.#at += 2;
        return view.getUint16(at, true) !== 0;
      case "name":
      case "name?":
        this.#at += 2;
        return this.#names.get(view.getUint16(at, true));
      case "u32":
        this.#at += 4;
        return view.getUint32(at, true);
      case "i32":
        this.#at += 4;
        return view.getInt32(at, true);
      case "u64":
      case "u64?": {
        this.#at += 8;
        const value = view.getBigUint64(at, true);
        return form === "u64?" && value === NO_U64 ? undefined : String(value);
      }
      case "f64":
      case "f64?": {
        this.#at += 8;
        const value = view.getFloat64(at, true);
        return Number.isNaN(value) ? undefined : value;
      }
      case "text":
      case "text?":
      case "bytes?":
      case "parts?": {
        const length = view.getUint32(at, true);
        this.#at += 4;
        if (length === NO_LENGTH) return undefined;
        this.#at += length;
        if (form.startsWith("bytes")) return undefined;
        return form === "parts?" ? partsOf(this.#text(at + 4, length)) : this.#text(at + 4, length);
      }
      case "u32[]":
        return this.#list(4, (place) => view.getUint32(place, true));
      case "keys":
        return this.#list(16, (place) => ({
          file: String(view.getBigUint64(place, true)),
          type: view.getUint32(place + 8, true),
          index: view.getUint32(place + 12, true),
        }));
      default:
        throw new StreamError(`this page does not know members of the form ${form}: reload it`);
    }
  }

  #list<Item>(size: number, read: (place: number) => Item): Item[] {
    const count = this.#view.getUint32(this.#at, true);
    if (count * size > this.#bytes.byteLength) throw new RangeError("behind the end");
    const first = this.#at + 4;
    this.#at = first + count * size;
    return Array.from({ length: count }, (_none, index) => read(first + index * size));
  }
}
