/**
 * Bits from bytes, most significant first, with the variable length codes of the video specifications.
 *
 * No read goes beyond the data: it is a {@link CodecError} instead, and the position stays where it was or before the
 * end. Nothing is allocated per value.
 */
import { CodecError } from "./error.js";

/** Bit positions are 32 bit numbers. */
const MAX_BYTES = 2 ** 29 - 1;

export class BitReader {
  #data: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#data.buffer);
  #bitLength = 0;
  #position = 0;
  /** The position of the last bit that is 1; -2 while nobody has asked. */
  #lastOneBit = -2;
  /** The clause that is being read; goes into errors. */
  section: string | undefined;

  /** @param codec - Its name, for errors. */
  constructor(
    readonly codec: string,
    bytes?: Uint8Array,
  ) {
    if (bytes !== undefined) this.load(bytes);
  }

  /** Starts at the first bit of other bytes. They are borrowed, not copied. */
  load(bytes: Uint8Array): void {
    if (bytes.byteLength > MAX_BYTES) {
      throw new CodecError(`a unit of ${bytes.byteLength} bytes is longer than ${MAX_BYTES}`, {
        codec: this.codec,
      });
    }
    this.#data = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bitLength = bytes.byteLength * 8;
    this.#position = 0;
    this.#lastOneBit = -2;
    this.section = undefined;
  }

  /** Bits from the first one. */
  get position(): number {
    return this.#position;
  }

  get bitLength(): number {
    return this.#bitLength;
  }

  /** Bits that are left. */
  get remaining(): number {
    return this.#bitLength - this.#position;
  }

  /** `byte_aligned()`. */
  get byteAligned(): boolean {
    return (this.#position & 7) === 0;
  }

  /** Goes to a position. @throws {CodecError} It is outside the data. */
  seek(position: number): void {
    if (!(position >= 0 && position <= this.#bitLength)) throw this.#ends("the data");
    this.#position = position;
  }

  /** Leaves bits out. */
  skip(bits: number): void {
    this.seek(this.#position + bits);
  }

  /** An error at the present position. */
  error(sentence: string, bitPosition = this.#position): CodecError {
    return new CodecError(sentence, { codec: this.codec, bitPosition, section: this.section });
  }

  /** `u(n)`, `f(n)`: 0 to 32 bits. */
  readU(bits: number, name = "the data"): number {
    if (bits > this.#bitLength - this.#position) throw this.#ends(name);
    if (bits === 0) return 0;
    const value = this.#peek32() >>> (32 - bits);
    this.#position += bits;
    return value;
  }

  /** `next_bits(n)`: 0 to 32 bits that are not taken. 0 bits follow the data. */
  peekU(bits: number): number {
    return bits === 0 ? 0 : this.#peek32() >>> (32 - bits);
  }

  /** `u(n)` for up to 64 bits. */
  readU64(bits: number, name = "the data"): bigint {
    if (bits <= 32) return BigInt(this.readU(bits, name));
    if (bits > this.#bitLength - this.#position) throw this.#ends(name);
    const high = BigInt(this.readU(bits - 32, name));
    return (high << 32n) | BigInt(this.readU(32, name));
  }

  /** `u(1)`. */
  readFlag(name = "the data"): boolean {
    const position = this.#position;
    if (position >= this.#bitLength) throw this.#ends(name);
    this.#position = position + 1;
    return ((this.#view.getUint8(position >>> 3) >>> (7 - (position & 7))) & 1) === 1;
  }

  /** `i(n)`, and AV1's `su(n)`: two's complement. */
  readI(bits: number, name = "the data"): number {
    const value = this.readU(bits, name);
    return bits === 0 ? 0 : (value << (32 - bits)) >> (32 - bits);
  }

  /** `ue(v)`: 0 to 2^32 - 2. */
  readUe(name = "the data"): number {
    const window = this.#peek32();
    const zeros = Math.clz32(window);
    if (zeros >= 32) throw this.remaining <= 32 ? this.#ends(name) : this.#tooLong(name);
    const length = 2 * zeros + 1;
    if (length > this.#bitLength - this.#position) throw this.#ends(name);
    if (zeros <= 15) {
      this.#position += length;
      return (window >>> (31 - 2 * zeros)) - 1;
    }
    this.#position += zeros;
    return this.readU(zeros + 1, name) - 1;
  }

  /** `se(v)`: -(2^31 - 1) to 2^31 - 1. */
  readSe(name = "the data"): number {
    const code = this.readUe(name);
    // Not by a shift: the code may have 32 bits. 0 must not become -0.
    return code % 2 === 1 ? (code + 1) / 2 : 0 - code / 2;
  }

  /** AV1's `uvlc()`: 0 to 2^32 - 1. 32 zeros or more mean the largest value, and a bound on them is the data's end. */
  readUvlc(name = "the data"): number {
    if (this.#peek32() !== 0) return this.readUe(name);
    while (!this.readFlag(name)) continue;
    return 2 ** 32 - 1;
  }

  /** AV1's `leb128()`: 0 to 2^32 - 1, in at most 8 bytes. */
  readLeb128(name = "the data"): number {
    const start = this.#position;
    let value = 0;
    for (let i = 0; i < 8; i += 1) {
      const byte = this.readU(8, name);
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) {
        if (value > 2 ** 32 - 1)
          throw this.error(`${name} is ${value}, and leb128() ends at 4294967295`, start);
        return value;
      }
    }
    throw this.error(`${name} does not end within the 8 bytes of leb128()`, start);
  }

  /** AV1's `le(n)`: 0 to 6 bytes, the least significant first. */
  readLe(bytes: number, name = "the data"): number {
    let value = 0;
    for (let i = 0; i < bytes; i += 1) value += this.readU(8, name) * 2 ** (8 * i);
    return value;
  }

  /** AV1's `ns(n)`: 0 to `count` - 1. */
  readNs(count: number, name = "the data"): number {
    const width = 32 - Math.clz32(count);
    const short = 2 ** width - count;
    const value = this.readU(width - 1, name);
    if (value < short) return value;
    return value * 2 - short + this.readU(1, name);
  }

  /** A view of whole bytes, which borrows the data. @throws {CodecError} Not byte aligned, or too few bytes. */
  readBytes(length: number, name = "the data"): Uint8Array {
    if (!this.byteAligned) throw this.error(`${name} does not start at a byte`);
    if (length * 8 > this.remaining) throw this.#ends(name);
    const start = this.#position >>> 3;
    this.#position += length * 8;
    return this.#data.subarray(start, start + length);
  }

  /** `more_rbsp_data()`: is there anything before the trailing bits? */
  hasMoreRbspData(): boolean {
    if (this.#lastOneBit === -2) this.#lastOneBit = this.#findLastOneBit();
    return this.#position < this.#lastOneBit;
  }

  #findLastOneBit(): number {
    let last = this.#data.length - 1;
    while (last >= 0 && this.#view.getUint8(last) === 0) last -= 1;
    if (last < 0) return -1;
    const byte = this.#view.getUint8(last);
    return last * 8 + 7 - (31 - Math.clz32(byte & -byte));
  }

  /** 32 bits from the present position; those beyond the data are 0. */
  #peek32(): number {
    const position = this.#position;
    const byte = position >>> 3;
    const shift = position & 7;
    const left = this.#view.byteLength - byte;
    if (left >= 5) {
      const window = this.#view.getUint32(byte);
      return shift === 0
        ? window
        : ((window << shift) | (this.#view.getUint8(byte + 4) >>> (8 - shift))) >>> 0;
    }
    let window = 0;
    for (let i = 0; i < left; i += 1) window += this.#view.getUint8(byte + i) * 2 ** (32 - 8 * i);
    // 40 bits in `window`: left * 8 of them are from the data.
    return Math.floor(window / 2 ** (8 - shift)) >>> 0;
  }

  #ends(name: string): CodecError {
    return this.error(`the data ends inside ${name}`);
  }

  #tooLong(name: string): CodecError {
    return this.error(`${name} is an Exp-Golomb code of more than 32 leading zeros`);
  }
}
