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
