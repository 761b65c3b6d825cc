/** NAL units in a byte stream: Annex B of H.264 and HEVC. MPEG-2's start codes are the same three bytes. */

const startCode = Uint8Array.of(0, 0, 1);

/** One NAL unit, or whatever follows a start code. */
export interface StartCodeUnit {
  /** Of the start code in the stream, its leading zero byte included if it has one. */
  readonly offset: number;
  /** Of the first byte after the start code. */
  readonly dataOffset: number;
  /** From the start code to the end, without trailing zero bytes. Borrows the stream. */
  readonly data: Uint8Array;
}

/**
 * The units of a byte stream. Bytes before the first start code belong to none.
 * @param keepTrailingZeros - For MPEG-2, whose units may end with 00.
 */
export function* startCodeUnits(stream: Uint8Array, keepTrailingZeros = false): Generator<StartCodeUnit> {
  const source = Buffer.from(stream.buffer, stream.byteOffset, stream.byteLength);
  let start = source.indexOf(startCode);
  while (start >= 0) {
    const dataOffset = start + 3;
    const next = source.indexOf(startCode, dataOffset);
    const limit = next < 0 ? source.byteLength : next;
    let end = limit;
    if (!keepTrailingZeros) while (end > dataOffset && source[end - 1] === 0) end -= 1;
    const offset = start > 0 && source[start - 1] === 0 ? start - 1 : start;
    yield { offset, dataOffset, data: stream.subarray(dataOffset, end) };
    start = next;
  }
}

/** A byte stream of NAL units, each behind a start code of four bytes. */
export function joinNalUnits(units: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(units.reduce((sum, unit) => sum + 4 + unit.byteLength, 0));
  let offset = 0;
  for (const unit of units) {
    joined[offset + 3] = 1;
    joined.set(unit, offset + 4);
    offset += 4 + unit.byteLength;
  }
  return joined;
}
