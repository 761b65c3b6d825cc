/**
 * The boolean entropy coder of VP8 (RFC 6386, 7) and VP9 (9.2), under the same pattern as {@link Coder}: one syntax
 * function, run by a reader, a recording reader or a writer.
 *
 * A symbol may take less than a bit. Its position is the number of bits that were shifted out before it, so the
 * length of a field may be 0.
 */
import type { FieldSink } from "./coder.js";
import { CodecError } from "./error.js";

type Subscript = number | undefined;

/** What a syntax function calls for each element of a boolean coded header. Up to six subscripts. */
export interface BoolCoder {
  readonly reading: boolean;
  /** Names the structure that follows. */
  structure(name: string, section?: string): void;
  /** `B(p)`: one symbol that is false with a probability of `probability` / 256. */
  bool(
    name: string,
    probability: number,
    value: boolean | undefined,
    i?: number,
    j?: number,
    k?: number,
    l?: number,
    m?: number,
    n?: number,
  ): boolean;
  /** `L(n)`: an unsigned literal of up to 31 bits, each with probability 128. */
  literal(
    name: string,
    bits: number,
    value: number | undefined,
    i?: number,
    j?: number,
    k?: number,
    l?: number,
    m?: number,
    n?: number,
  ): number;
  /**
   * Reads symbols with `probabilities[from]` and those behind it until one is true. Only a reader has it of which nobody
   * wants to hear each element.
   * @returns Its index; `to` if all are false.
   */
  firstTrue?(name: string, probabilities: Uint8Array, from: number, to: number): number;
  /** For a value that depends on several elements. */
  error(sentence: string): CodecError;
}

/** What a decoder of the data that follows needs in order to go on: `struct v4l2_vp8_entropy_coder_state`. */
export interface BoolState {
  /** 128 to 255. */
  readonly range: number;
  /** The 8 bits that are compared with the split. */
  readonly value: number;
  /** Bits already loaded behind `value`, 0 to 7. */
  readonly bitCount: number;
}

/** Decodes symbols. Never reads beyond the data: 0 bits follow it, as both specifications allow, up to a bound. */
class BoolDecoder implements BoolCoder {
  readonly reading = true;
  readonly #data: Uint8Array;
  /** Of `#data`, the next byte to load. */
  #next = 0;
  #value = 0;
  /** Bits in `#value` below its top 8. */
  #loaded = -8;
  #range = 255;
  #section: string | undefined;

  /** @param overrun - Bytes of 0 that may be read after the data before it is an error. */
  constructor(
    readonly codec: string,
    data: Uint8Array,
    readonly overrun = 0,
  ) {
    this.#data = data;
    this.#fill("the boolean coded data");
  }

  /** Bits that were shifted out so far. */
  get position(): number {
    return this.#next * 8 - this.#loaded - 8;
  }

  get state(): BoolState {
    return { range: this.#range, value: this.#value >>> this.#loaded, bitCount: this.#loaded & 7 };
  }

  structure(_name: string, section?: string): void {
    this.#section = section;
  }

  error(sentence: string): CodecError {
    return new CodecError(sentence, {
      codec: this.codec,
      bitPosition: this.position,
      section: this.#section,
    });
  }

  bool(
    name: string,
    probability: number,
    _value?: boolean,
    _i?: Subscript,
    _j?: Subscript,
    _k?: Subscript,
    _l?: Subscript,
    _m?: Subscript,
    _n?: Subscript,
  ): boolean {
    return this.read(probability, name);
  }

  literal(
    name: string,
    bits: number,
    _value?: number,
    _i?: Subscript,
    _j?: Subscript,
    _k?: Subscript,
    _l?: Subscript,
    _m?: Subscript,
    _n?: Subscript,
  ): number {
    let value = 0;
    for (let bit = 0; bit < bits; bit += 1) value = (value << 1) | (this.read(128, name) ? 1 : 0);
    return value;
  }

  /** One symbol. */
  read(probability: number, name = "the boolean coded data"): boolean {
    const split = 1 + (((this.#range - 1) * probability) >> 8);
    const bigSplit = split << this.#loaded;
    const symbol = this.#value >= bigSplit;
    if (symbol) {
      this.#range -= split;
      this.#value -= bigSplit;
    } else {
      this.#range = split;
    }
    const shift = Math.clz32(this.#range) - 24;
    if (shift > 0) {
      this.#range <<= shift;
      this.#loaded -= shift;
      if (this.#loaded < 0) this.#fill(name);
    }
    return symbol;
  }

  /**
   * As {@link read} in turn, but faster: frames have a thousand of these symbols, and hardly one is true.
   * @returns The index of the first that is true; `to` if there is none.
   */
  protected search(name: string, probabilities: Uint8Array, from: number, to: number): number {
    let value = this.#value;
    let loaded = this.#loaded;
    let range = this.#range;
    let at = from;
    for (; at < to; at += 1) {
      const split = 1 + (((range - 1) * (probabilities[at] ?? 0)) >> 8);
      const bigSplit = split << loaded;
      if (value >= bigSplit) break;
      range = split;
      if (range >= 128) continue;
      const shift = Math.clz32(range) - 24;
      range <<= shift;
      loaded -= shift;
      if (loaded >= 0) continue;
      this.#loaded = loaded;
      this.#fill(name);
      value = this.#value;
      loaded = this.#loaded;
    }
    this.#range = range;
    this.#loaded = loaded;
    if (at < to) this.read(probabilities[at] ?? 0, name);
    return at;
  }

  #fill(name: string): void {
    // Two bytes at a time: `#value` stays below 2^24.
    while (this.#loaded < 8) {
      if (this.#next >= this.#data.byteLength + this.overrun) {
        if (this.#loaded >= 0) return;
        throw this.error(`the data ends inside ${name}`);
      }
      this.#value = (this.#value << 8) | (this.#data[this.#next] ?? 0);
      this.#next += 1;
      this.#loaded += 8;
    }
  }
}

/** Decodes symbols. Allocates nothing per element. */
export class BoolReader extends BoolDecoder {
  firstTrue(name: string, probabilities: Uint8Array, from: number, to: number): number {
    return this.search(name, probabilities, from, to);
  }
}

/** Decodes symbols, and tells a sink about every element. Positions start at `origin`. */
export class RecordingBoolReader extends BoolDecoder {
  constructor(
    codec: string,
    readonly sink: FieldSink,
    data: Uint8Array,
    readonly origin = 0,
    overrun = 0,
  ) {
    super(codec, data, overrun);
  }

  override structure(name: string, section?: string): void {
    super.structure(name, section);
    this.sink.heading?.({ structure: name, section, bitPosition: this.origin + this.position });
  }

  override bool(
    name: string,
    probability: number,
    value?: boolean,
    i?: Subscript,
    j?: Subscript,
    k?: Subscript,
    l?: Subscript,
    m?: Subscript,
    n?: Subscript,
  ): boolean {
    const start = this.position;
    return this.#tell(name, start, super.bool(name, probability, value), [i, j, k, l, m, n]);
  }

  override literal(
    name: string,
    bits: number,
    value?: number,
    i?: Subscript,
    j?: Subscript,
    k?: Subscript,
    l?: Subscript,
    m?: Subscript,
    n?: Subscript,
  ): number {
    const start = this.position;
    return this.#tell(name, start, super.literal(name, bits, value), [i, j, k, l, m, n]);
  }

  #tell<Value extends number | boolean>(name: string, start: number, value: Value, all: Subscript[]): Value {
    const subscripts = all.filter((subscript) => subscript !== undefined);
    const bitLength = this.position - start;
    this.sink.field({ name, subscripts, bitPosition: this.origin + start, bitLength, value });
    return value;
  }
}

/** Encodes symbols: RFC 6386, 7.3. */
export class BoolWriter implements BoolCoder {
  readonly reading = false;
  readonly #bytes: number[] = [];
  #range = 255;
  #bottom = 0;
  /** Shifts until the next byte is complete. */
  #bitCount = 24;
  #section: string | undefined;

  constructor(readonly codec: string) {}

  structure(_name: string, section?: string): void {
    this.#section = section;
  }

  error(sentence: string): CodecError {
    return new CodecError(sentence, { codec: this.codec, section: this.#section });
  }

  bool(name: string, probability: number, value: boolean | undefined): boolean {
    if (value === undefined) throw this.error(`${name} has no value to write`);
    this.write(value, probability);
    return value;
  }

  literal(name: string, bits: number, value: number | undefined): number {
    if (value === undefined) throw this.error(`${name} has no value to write`);
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) {
      throw this.error(`${name} is ${value}, which ${bits} bits do not hold`);
    }
    for (let bit = bits - 1; bit >= 0; bit -= 1) this.write(((value >> bit) & 1) === 1, 128);
    return value;
  }

  /** One symbol. */
  write(symbol: boolean, probability: number): void {
    const split = 1 + (((this.#range - 1) * probability) >> 8);
    if (symbol) {
      this.#bottom += split;
      this.#range -= split;
    } else {
      this.#range = split;
    }
    while (this.#range < 128) {
      this.#range *= 2;
      if (this.#bottom >= 2 ** 31) {
        this.#carry();
        this.#bottom -= 2 ** 31;
      }
      this.#bottom *= 2;
      this.#bitCount -= 1;
      if (this.#bitCount === 0) {
        this.#bytes.push(Math.floor(this.#bottom / 2 ** 24));
        this.#bottom %= 2 ** 24;
        this.#bitCount = 8;
      }
    }
  }

  /** Ends the data. Nothing may be written after this. */
  finish(): Uint8Array {
    // Enough symbols that every bit of the interval's bottom leaves.
    for (let i = 0; i < 32; i += 1) this.write(false, 128);
    return Uint8Array.from(this.#bytes);
  }

  #carry(): void {
    for (let i = this.#bytes.length - 1; i >= 0; i -= 1) {
      const byte = this.#bytes[i] ?? 0;
      this.#bytes[i] = (byte + 1) & 255;
      if (byte < 255) return;
    }
  }
}
