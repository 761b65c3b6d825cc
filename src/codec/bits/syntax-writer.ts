/** The coder that writes what syntax functions describe. */
import { BitWriter } from "./bit-writer.js";
import type { Coder } from "./coder.js";
import { CodecError } from "./error.js";

/** Runs syntax functions to write values, each of which is checked as a reader would check it. */
export class SyntaxWriter extends BitWriter implements Coder {
  readonly reading = false;
  #section: string | undefined;

  constructor(readonly codec: string) {
    super();
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

  u(name: string, bits: number, value: number | undefined): number {
    return this.uRange(name, bits, value, 0, 2 ** bits - 1);
  }

  uRange(name: string, bits: number, value: number | undefined, min: number, max: number): number {
    const checked = this.#checked(name, value, min, Math.min(max, 2 ** bits - 1));
    this.writeU(checked, bits);
    return checked;
  }

  u64(name: string, bits: number, value: bigint | undefined): bigint {
    if (value === undefined) throw this.#missing(name);
    if (value < 0n || value >> BigInt(bits) !== 0n)
      throw this.error(`${name} is ${value}, which ${bits} bits do not hold`);
    this.writeU64(value, bits);
    return value;
  }

  flag(name: string, value: boolean | undefined): boolean {
    if (value === undefined) throw this.#missing(name);
    this.writeFlag(value);
    return value;
  }

  fixed(_name: string, bits: number, expected: number): void {
    this.writeU(expected, bits);
  }

  i(name: string, bits: number, value: number | undefined): number {
    const half = bits === 0 ? 0 : 2 ** (bits - 1);
    const checked = this.#checked(name, value, -half, Math.max(half - 1, 0));
    this.writeI(checked, bits);
    return checked;
  }

  s(name: string, bits: number, value: number | undefined): number {
    const largest = 2 ** bits - 1;
    const checked = this.#checked(name, value, -largest, largest);
    this.writeU(Math.abs(checked), bits);
    this.writeFlag(checked < 0);
    return checked;
  }

  ue(name: string, value: number | undefined, min: number, max: number): number {
    const checked = this.#checked(name, value, min, Math.min(max, 2 ** 32 - 2));
    this.writeUe(checked);
    return checked;
  }

  se(name: string, value: number | undefined, min: number, max: number): number {
    const largest = 2 ** 31 - 1;
    const checked = this.#checked(name, value, Math.max(min, -largest), Math.min(max, largest));
    this.writeSe(checked);
    return checked;
  }

  uvlc(name: string, value: number | undefined): number {
    const checked = this.#checked(name, value, 0, 2 ** 32 - 1);
    this.writeUvlc(checked);
    return checked;
  }

  leb128(name: string, value: number | undefined): number {
    const checked = this.#checked(name, value, 0, 2 ** 32 - 1);
    this.writeLeb128(checked);
    return checked;
  }

  le(name: string, bytes: number, value: number | undefined): number {
    const checked = this.#checked(name, value, 0, 2 ** (8 * bytes) - 1);
    this.writeLe(checked, bytes);
    return checked;
  }

  ns(name: string, count: number, value: number | undefined): number {
    const checked = this.#checked(name, value, 0, count - 1);
    this.writeNs(checked, count);
    return checked;
  }

  bytes(name: string, length: number, value: Uint8Array | undefined): Uint8Array {
    if (value === undefined) throw this.#missing(name);
    if (value.byteLength !== length)
      throw this.error(`${name} has ${value.byteLength} bytes instead of ${length}`);
    this.writeBytes(value);
    return value;
  }

  nextBits(_bits: number, wanted: number): number {
    return wanted;
  }

  alignWith(_name: string, bit: 0 | 1): void {
    while (!this.byteAligned) this.writeU(bit, 1);
  }

  rbspTrailingBits(): void {
    this.writeU(1, 1);
    this.alignWith("rbsp_alignment_zero_bit", 0);
  }

  moreRbspData(wanted: boolean): boolean {
    return wanted;
  }

  #checked(name: string, value: number | undefined, min: number, max: number): number {
    if (value === undefined) throw this.#missing(name);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw this.error(`${name} is ${value}, and the specification allows ${min} to ${max}`);
    }
    return value;
  }

  #missing(name: string): CodecError {
    return this.error(`${name} has no value to write`);
  }
}
