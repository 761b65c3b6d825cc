/** The NAL units of an OUTPUT buffer, with or without start codes. */
import { startCodeUnits } from "../../codec/index.js";

/**
 * @param wanted - Does a unit belong to the answer? It is not empty.
 * @param sizes - Of the units of a buffer without start codes, in bytes, as far as they are known.
 * @returns The wanted units of a byte stream, or of a buffer without start codes.
 */
export function nalUnitsOf(
  bitstream: Uint8Array,
  wanted: (unit: Uint8Array) => boolean,
  sizes: () => readonly number[] | undefined = () => undefined,
): Uint8Array[] {
  const [a, b, c, d] = bitstream;
  const isByteStream = a === 0 && b === 0 && (c === 1 || (c === 0 && d === 1));
  const units: Uint8Array[] = [];
  for (const data of isByteStream
    ? unitsBehindStartCodes(bitstream)
    : unitsOfSizes(bitstream, sizes() ?? [])) {
    if (data.byteLength > 0 && wanted(data)) units.push(data);
  }
  return units;
}

function* unitsBehindStartCodes(bitstream: Uint8Array): Generator<Uint8Array> {
  for (const { data } of startCodeUnits(bitstream)) yield data;
}

/** The last unit is all that is left. */
function* unitsOfSizes(bitstream: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let start = 0;
  for (const size of sizes.slice(0, -1)) {
    if (size <= 0 || start + size >= bitstream.byteLength) break;
    yield bitstream.subarray(start, start + size);
    start += size;
  }
  yield bitstream.subarray(start);
}
