/**
 * Emulation prevention of H.264 and HEVC: 00 00 03 in a NAL unit stands for 00 00 in its payload (RBSP).
 *
 * Positions in errors and recorded fields count the bits of the NAL unit without those bytes, its header included.
 */

/** A NAL unit without its emulation prevention bytes. */
export interface Rbsp {
  /** The header and the payload. Borrows the NAL unit or a scratch buffer. */
  readonly bytes: Uint8Array;
  /** Ascending positions in `bytes` before which an emulation prevention byte was taken out. */
  readonly removed: readonly number[];
}

const pattern = Uint8Array.of(0, 0, 3);
const nothing: readonly number[] = [];

/** Takes emulation prevention bytes out, into a buffer that is used again and again. */
export class RbspBuffer {
  #scratch = new Uint8Array(1024);

  /**
   * @param limit - Bytes of the NAL unit to look at, for headers in front of much data.
   * @returns What is valid until the next call.
   */
  unescape(nal: Uint8Array, limit = nal.byteLength): Rbsp {
    const source = Buffer.from(nal.buffer, nal.byteOffset, Math.min(limit, nal.byteLength));
    let found = source.indexOf(pattern);
    if (found < 0) return { bytes: source, removed: nothing };
    if (this.#scratch.byteLength < source.byteLength) {
      this.#scratch = new Uint8Array(Math.max(source.byteLength, this.#scratch.byteLength * 2));
    }
    const removed: number[] = [];
    let copied = 0;
    let length = 0;
    while (found >= 0) {
      const end = found + 2;
      this.#scratch.set(source.subarray(copied, end), length);
      length += end - copied;
      removed.push(length);
      copied = end + 1;
      found = source.indexOf(pattern, copied);
    }
    this.#scratch.set(source.subarray(copied), length);
    length += source.byteLength - copied;
    return { bytes: this.#scratch.subarray(0, length), removed };
  }
}

/** Where a bit of the RBSP is in the NAL unit. */
export function bitInNal(rbsp: Rbsp, bitPosition: number): number {
  return bitPosition + 8 * countRemoved(rbsp, bitPosition);
}

/** How many emulation prevention bytes were in front of a bit of the RBSP. */
export function countRemoved(rbsp: Rbsp, bitPosition: number): number {
  let count = 0;
  for (const index of rbsp.removed) {
    if (index * 8 > bitPosition) break;
    count += 1;
  }
  return count;
}

/** Puts emulation prevention bytes in: a NAL unit from its header and RBSP. */
export function escapeRbsp(bytes: Uint8Array): Uint8Array {
  const escaped = new Uint8Array(bytes.byteLength + Math.floor(bytes.byteLength / 2) + 1);
  let length = 0;
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros >= 2 && byte <= 3) {
      escaped[length++] = 3;
      zeros = 0;
    }
    escaped[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  // A NAL unit never ends with 00; an RBSP only does so in cabac_zero_words: 7.4.1.
  if (zeros >= 2) escaped[length++] = 3;
  return escaped.slice(0, length);
}
