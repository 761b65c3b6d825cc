/** NAL units behind their length, as MP4 and Matroska store them (ISO/IEC 14496-15: `avcC`, `hvcC`). */
import { CodecError } from "../bits/index.js";

/**
 * The NAL units of one sample.
 * @param lengthSize - Bytes of each length: 1, 2 or 4.
 * @throws {CodecError} A unit is longer than what is left.
 */
export function* lengthPrefixedUnits(sample: Uint8Array, lengthSize: 1 | 2 | 4): Generator<Uint8Array> {
  let offset = 0;
  while (offset < sample.byteLength) {
    let length = 0;
    for (let i = 0; i < lengthSize; i += 1) length = length * 256 + (sample[offset + i] ?? 0);
    const start = offset + lengthSize;
    if (start + length > sample.byteLength) {
      throw new CodecError(
        `a NAL unit of ${length} bytes does not fit into the ${Math.max(sample.byteLength - start, 0)} bytes that are left`,
        { codec: "MP4", bitPosition: offset * 8 },
      );
    }
    yield sample.subarray(start, start + length);
    offset = start + length;
  }
}

/** One sample. @throws {CodecError} A unit is too long for `lengthSize` bytes. */
export function joinLengthPrefixed(units: readonly Uint8Array[], lengthSize: 1 | 2 | 4): Uint8Array {
  const joined = new Uint8Array(units.reduce((sum, unit) => sum + lengthSize + unit.byteLength, 0));
  let offset = 0;
  for (const unit of units) {
    if (unit.byteLength >= 256 ** lengthSize) {
      throw new CodecError(`a NAL unit of ${unit.byteLength} bytes is too long for ${lengthSize} bytes`, {
        codec: "MP4",
      });
    }
    for (let i = 0; i < lengthSize; i += 1) {
      joined[offset + i] = Math.floor(unit.byteLength / 256 ** (lengthSize - 1 - i)) % 256;
    }
    joined.set(unit, offset + lengthSize);
    offset += lengthSize + unit.byteLength;
  }
  return joined;
}

/** What an `avcC` or `hvcC` box says of the samples of its track. */
export interface DecoderConfiguration {
  /** Bytes of the length in front of each NAL unit of a sample. */
  readonly lengthSize: 1 | 2 | 4;
  /** Parameter sets and SEI, in the order of the box. They borrow it. */
  readonly units: readonly Uint8Array[];
}

/** Takes a box apart, and never reads beyond it. */
class BoxReader {
  #offset = 0;
  constructor(
    readonly box: string,
    readonly bytes: Uint8Array,
  ) {}

  error(sentence: string): CodecError {
    return new CodecError(sentence, { codec: this.box, bitPosition: this.#offset * 8 });
  }

  take(length: number): Uint8Array {
    if (this.#offset + length > this.bytes.byteLength) throw this.error("the box ends too early");
    this.#offset += length;
    return this.bytes.subarray(this.#offset - length, this.#offset);
  }

  number(size: 1 | 2): number {
    return this.take(size).reduce((value, byte) => value * 256 + byte, 0);
  }

  lengthSize(): 1 | 2 | 4 {
    const size = (this.number(1) & 3) + 1;
    if (size === 3) throw this.error("lengthSizeMinusOne is 2, and the specification allows 0, 1 and 3");
    return size as 1 | 2 | 4;
  }

  /** NAL units behind lengths of two bytes. */
  *units(count: number): Generator<Uint8Array> {
    for (let i = 0; i < count; i += 1) yield this.take(this.number(2));
  }
}

/** `AVCDecoderConfigurationRecord`: ISO/IEC 14496-15, 5.3.3.1. @param box - Its content, without size and type. */
export function readAvcC(box: Uint8Array): DecoderConfiguration {
  const reader = new BoxReader("avcC", box);
  const version = reader.number(1);
  if (version !== 1) throw reader.error(`configurationVersion is ${version} instead of 1`);
  reader.take(3);
  const lengthSize = reader.lengthSize();
  const sets = [...reader.units(reader.number(1) & 31)];
  return { lengthSize, units: [...sets, ...reader.units(reader.number(1))] };
}

/** `HEVCDecoderConfigurationRecord`: ISO/IEC 14496-15, 8.3.3.1. @param box - Its content, without size and type. */
export function readHvcC(box: Uint8Array): DecoderConfiguration {
  const reader = new BoxReader("hvcC", box);
  const version = reader.number(1);
  if (version !== 1) throw reader.error(`configurationVersion is ${version} instead of 1`);
  reader.take(20);
  const lengthSize = reader.lengthSize();
  const arrays = reader.number(1);
  const units: Uint8Array[] = [];
  for (let i = 0; i < arrays; i += 1) {
    reader.take(1);
    units.push(...reader.units(reader.number(2)));
  }
  return { lengthSize, units };
}
