/** The NAL units of an OUTPUT buffer, with or without start codes. */
import { startCodeUnits } from "../../codec/index.js";

/**
 * @param wanted - By the first byte of a unit.
 * @returns The wanted units of a byte stream, or of a buffer without start codes the buffer itself.
 */
export function nalUnitsOf(bitstream: Uint8Array, wanted: (firstByte: number) => boolean): Uint8Array[] {
  const [a, b, c, d] = bitstream;
  if (a === undefined) return [];
  const isByteStream = a === 0 && b === 0 && (c === 1 || (c === 0 && d === 1));
  if (!isByteStream) return wanted(a) ? [bitstream] : [];
  const units: Uint8Array[] = [];
  for (const { data } of startCodeUnits(bitstream)) {
    const [first] = data;
    if (first !== undefined && wanted(first)) units.push(data);
  }
  return units;
}
