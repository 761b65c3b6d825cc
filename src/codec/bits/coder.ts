/**
 * A syntax structure of a specification is one function over a {@link Coder}. A reader, a writer and a reader that
 * records run the same function, so parser, writer and explanation cannot disagree.
 */
import type { CodecError } from "./error.js";

/** One syntax element, as a recording reader tells it. */
export interface Field {
  /** As the specification spells it. */
  readonly name: string;
  /** `[1, 0]` for `luma_weight_l0[1][0]`. */
  readonly subscripts: readonly number[];
  /** Bits from the first one of the unit, after emulation prevention bytes were removed. */
  readonly bitPosition: number;
  readonly bitLength: number;
  readonly value: number | bigint | boolean | Uint8Array;
}

/** A syntax structure starts here: the title above the fields that follow. */
export interface Heading {
  /** `seq_parameter_set_data`. */
  readonly structure: string;
  readonly section: string | undefined;
  readonly bitPosition: number;
}

/** Takes what a recording reader finds, in the order of the stream. */
export interface FieldSink {
  field(field: Field): void;
  heading?(heading: Heading): void;
}

/**
 * What a syntax function calls for each element. `value` is what a writer writes, and it must be within the range of
 * the element; a reader ignores it. All return the value that is in the stream. `i`, `j` and `k` are subscripts.
 *
 * All throw a {@link CodecError}: the data ends, a value is outside its range, or a writer has no value.
 */
export interface Coder {
  /** Does this coder take values from a stream? Only for values that the syntax does not carry. */
  readonly reading: boolean;
  /** Bits from the first one of the unit. */
  readonly position: number;
  readonly byteAligned: boolean;

  /** Names the structure that follows, for errors and explanations. */
  structure(name: string, section?: string): void;

  /** `u(n)`, `f(n)`: 0 to 32 bits, any value unless a range is given by {@link Coder.uRange}. */
  u(name: string, bits: number, value: number | undefined, i?: number, j?: number, k?: number): number;
  /** `u(n)` of which the specification allows `min` to `max`. */
  uRange(
    name: string,
    bits: number,
    value: number | undefined,
    min: number,
    max: number,
    i?: number,
    j?: number,
    k?: number,
  ): number;
  /** `u(n)` for up to 64 bits. */
  u64(name: string, bits: number, value: bigint | undefined): bigint;
  /** `u(1)` as a boolean. */
  flag(name: string, value: boolean | undefined, i?: number, j?: number, k?: number): boolean;
  /** `u(n)` that must be `expected`: marker bits, forbidden bits. */
  fixed(name: string, bits: number, expected: number, i?: number): void;
  /** `i(n)`, and AV1's `su(n)`: two's complement. */
  i(name: string, bits: number, value: number | undefined, i?: number, j?: number, k?: number): number;
  /** VP9's `s(n)`: a magnitude of `bits` bits, then the sign. */
  s(name: string, bits: number, value: number | undefined, i?: number, j?: number, k?: number): number;
  /** `ue(v)`, of which the specification allows `min` to `max`. */
  ue(
    name: string,
    value: number | undefined,
    min: number,
    max: number,
    i?: number,
    j?: number,
    k?: number,
  ): number;
  /** `se(v)`, of which the specification allows `min` to `max`. */
  se(
    name: string,
    value: number | undefined,
    min: number,
    max: number,
    i?: number,
    j?: number,
    k?: number,
  ): number;
  /** AV1's `uvlc()`. */
  uvlc(name: string, value: number | undefined): number;
  /** AV1's `leb128()`. A writer uses the fewest bytes. */
  leb128(name: string, value: number | undefined): number;
  /** AV1's `le(n)`: `bytes` bytes, the least significant first. */
  le(name: string, bytes: number, value: number | undefined, i?: number): number;
  /** AV1's `ns(n)`: 0 to `count` - 1. */
  ns(name: string, count: number, value: number | undefined, i?: number, j?: number): number;
  /** `length` whole bytes. A reader's answer borrows the data. */
  bytes(name: string, length: number, value: Uint8Array | undefined): Uint8Array;

  /** `next_bits(n)`, up to 32: what comes, without taking it; 0 bits follow the data. @param wanted - A writer's answer. */
  nextBits(bits: number, wanted: number): number;
  /** Bits of value `bit` up to the next byte. */
  alignWith(name: string, bit: 0 | 1): void;
  /** `rbsp_trailing_bits()`. */
  rbspTrailingBits(): void;
  /** `more_rbsp_data()`. @param wanted - What a writer answers: does the caller have more to write? */
  moreRbspData(wanted: boolean): boolean;

  /** For a value that depends on several elements. */
  error(sentence: string): CodecError;
}
