/** The two readers that run syntax functions: {@link SyntaxReader}, and {@link RecordingReader} that tells each field. */
import { BitReader } from "./bit-reader.js";
import type { Coder, Field, FieldSink } from "./coder.js";

type Subscript = number | undefined;

/** Runs syntax functions over bytes. Allocates nothing per element. */
export class SyntaxReader extends BitReader implements Coder {
  readonly reading = true;

  structure(_name: string, section?: string): void {
    this.section = section;
  }

  u(name: string, bits: number, _value?: number, _i?: Subscript, _j?: Subscript, _k?: Subscript): number {
    return this.readU(bits, name);
  }

  uRange(
    name: string,
    bits: number,
    _value: number | undefined,
    min: number,
    max: number,
    _i?: Subscript,
    _j?: Subscript,
    _k?: Subscript,
  ): number {
    const start = this.position;
    const value = this.readU(bits, name);
    if (value < min || value > max) throw this.#outside(name, value, min, max, start);
    return value;
  }

  u64(name: string, bits: number, _value?: bigint): bigint {
    return this.readU64(bits, name);
  }

  flag(name: string, _value?: boolean, _i?: Subscript, _j?: Subscript, _k?: Subscript): boolean {
    return this.readFlag(name);
  }

  fixed(name: string, bits: number, expected: number, _i?: Subscript): void {
    const start = this.position;
    const value = this.readU(bits, name);
    if (value !== expected) throw this.error(`${name} is ${value} instead of ${expected}`, start);
  }

  i(name: string, bits: number, _value?: number, _i?: Subscript, _j?: Subscript, _k?: Subscript): number {
    return this.readI(bits, name);
  }

  s(name: string, bits: number, _value?: number, _i?: Subscript, _j?: Subscript, _k?: Subscript): number {
    const magnitude = this.readU(bits, name);
    return this.readFlag(name) ? 0 - magnitude : magnitude;
  }

  ue(
    name: string,
    _value: number | undefined,
    min: number,
    max: number,
    _i?: Subscript,
    _j?: Subscript,
    _k?: Subscript,
  ): number {
    const start = this.position;
    const value = this.readUe(name);
    if (value < min || value > max) throw this.#outside(name, value, min, max, start);
    return value;
  }

  se(
    name: string,
    _value: number | undefined,
    min: number,
    max: number,
    _i?: Subscript,
    _j?: Subscript,
    _k?: Subscript,
  ): number {
    const start = this.position;
    const value = this.readSe(name);
    if (value < min || value > max) throw this.#outside(name, value, min, max, start);
    return value;
  }

  uvlc(name: string, _value?: number): number {
    return this.readUvlc(name);
  }

  leb128(name: string, _value?: number): number {
    return this.readLeb128(name);
  }

  le(name: string, bytes: number, _value?: number, _i?: Subscript): number {
    return this.readLe(bytes, name);
  }

  ns(name: string, count: number, _value?: number, _i?: Subscript, _j?: Subscript): number {
    return this.readNs(count, name);
  }

  bytes(name: string, length: number, _value?: Uint8Array): Uint8Array {
    return this.readBytes(length, name);
  }

  nextBits(bits: number, _wanted: number): number {
    return this.peekU(bits);
  }

  alignWith(name: string, bit: 0 | 1): void {
    while (!this.byteAligned) this.fixed(name, 1, bit);
  }

  rbspTrailingBits(): void {
    this.section = "7.3.2.11";
    this.fixed("rbsp_stop_one_bit", 1, 1);
    this.alignWith("rbsp_alignment_zero_bit", 0);
  }

  moreRbspData(_wanted: boolean): boolean {
    return this.hasMoreRbspData();
  }

  #outside(name: string, value: number, min: number, max: number, start: number): Error {
    const allowed = min === max ? `only ${min}` : `${min} to ${max}`;
    return this.error(`${name} is ${value}, and the specification allows ${allowed}`, start);
  }
}

/** A {@link SyntaxReader} that tells a sink about every element. */
export class RecordingReader extends SyntaxReader {
  constructor(
    codec: string,
    readonly sink: FieldSink,
    bytes?: Uint8Array,
  ) {
    super(codec, bytes);
  }

  override structure(name: string, section?: string): void {
    super.structure(name, section);
    this.sink.heading?.({ structure: name, section, bitPosition: this.position });
  }

  override u(
    name: string,
    bits: number,
    value?: number,
    i?: Subscript,
    j?: Subscript,
    k?: Subscript,
  ): number {
    const start = this.position;
    return this.#tell(name, start, super.u(name, bits, value), i, j, k);
  }

  override uRange(
    name: string,
    bits: number,
    value: number | undefined,
    min: number,
    max: number,
    i?: Subscript,
    j?: Subscript,
    k?: Subscript,
  ): number {
    const start = this.position;
    return this.#tell(name, start, super.uRange(name, bits, value, min, max), i, j, k);
  }

  override u64(name: string, bits: number, value?: bigint): bigint {
    const start = this.position;
    return this.#tell(name, start, super.u64(name, bits, value));
  }

  override flag(name: string, value?: boolean, i?: Subscript, j?: Subscript, k?: Subscript): boolean {
    const start = this.position;
    return this.#tell(name, start, super.flag(name, value), i, j, k);
  }

  override fixed(name: string, bits: number, expected: number, i?: Subscript): void {
    const start = this.position;
    super.fixed(name, bits, expected);
    this.#tell(name, start, expected, i);
  }

  override i(
    name: string,
    bits: number,
    value?: number,
    i?: Subscript,
    j?: Subscript,
    k?: Subscript,
  ): number {
    const start = this.position;
    return this.#tell(name, start, super.i(name, bits, value), i, j, k);
  }

  override s(
    name: string,
    bits: number,
    value?: number,
    i?: Subscript,
    j?: Subscript,
    k?: Subscript,
  ): number {
    const start = this.position;
    return this.#tell(name, start, super.s(name, bits, value), i, j, k);
  }

  override ue(
    name: string,
    value: number | undefined,
    min: number,
    max: number,
    i?: Subscript,
    j?: Subscript,
    k?: Subscript,
  ): number {
    const start = this.position;
    return this.#tell(name, start, super.ue(name, value, min, max), i, j, k);
  }

  override se(
    name: string,
    value: number | undefined,
    min: number,
    max: number,
    i?: Subscript,
    j?: Subscript,
    k?: Subscript,
  ): number {
    const start = this.position;
    return this.#tell(name, start, super.se(name, value, min, max), i, j, k);
  }

  override uvlc(name: string, value?: number): number {
    const start = this.position;
    return this.#tell(name, start, super.uvlc(name, value));
  }

  override leb128(name: string, value?: number): number {
    const start = this.position;
    return this.#tell(name, start, super.leb128(name, value));
  }

  override le(name: string, bytes: number, value?: number, i?: Subscript): number {
    const start = this.position;
    return this.#tell(name, start, super.le(name, bytes, value), i);
  }

  override ns(name: string, count: number, value?: number, i?: Subscript, j?: Subscript): number {
    const start = this.position;
    return this.#tell(name, start, super.ns(name, count, value), i, j);
  }

  override bytes(name: string, length: number, value?: Uint8Array): Uint8Array {
    const start = this.position;
    return this.#tell(name, start, super.bytes(name, length, value));
  }

  #tell<Value extends Field["value"]>(
    name: string,
    start: number,
    value: Value,
    i?: Subscript,
    j?: Subscript,
    k?: Subscript,
  ): Value {
    const subscripts = [i, j, k].filter((subscript) => subscript !== undefined);
    this.sink.field({ name, subscripts, bitPosition: start, bitLength: this.position - start, value });
    return value;
  }
}
