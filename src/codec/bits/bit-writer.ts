/** Bits into bytes, most significant first: the counterpart of {@link BitReader}. Values are not checked here. */

export class BitWriter {
  #bytes = new Uint8Array(64);
  #position = 0;

  /** Bits that were written. */
  get position(): number {
    return this.#position;
  }

  get byteAligned(): boolean {
    return (this.#position & 7) === 0;
  }

  /** A copy of what was written; an unfinished last byte is filled with zeros. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, (this.#position + 7) >>> 3);
  }

  /** `u(n)`: 0 to 32 bits. */
  writeU(value: number, bits: number): void {
    this.#reserve(bits);
    let left = bits;
    while (left > 0) {
      const room = 8 - (this.#position & 7);
      const take = Math.min(room, left);
      const piece = Math.floor(value / 2 ** (left - take)) & ((1 << take) - 1);
      const index = this.#position >>> 3;
      this.#bytes[index] = (this.#bytes[index] ?? 0) | (piece << (room - take));
      this.#position += take;
      left -= take;
    }
  }

  writeU64(value: bigint, bits: number): void {
    if (bits > 32) this.writeU(Number((value >> 32n) & 0xffffffffn), bits - 32);
    this.writeU(Number(value & 0xffffffffn), Math.min(bits, 32));
  }

  writeFlag(value: boolean): void {
    this.writeU(value ? 1 : 0, 1);
  }

  /** `i(n)`: two's complement. */
  writeI(value: number, bits: number): void {
    this.writeU(value < 0 ? value + 2 ** bits : value, bits);
  }

  /** `ue(v)`. */
  writeUe(value: number): void {
    const length = 32 - Math.clz32(value + 1);
    this.writeU(0, length - 1);
    this.writeU(value + 1, length);
  }

  /** `se(v)`. */
  writeSe(value: number): void {
    this.writeUe(value > 0 ? 2 * value - 1 : -2 * value);
  }

  writeUvlc(value: number): void {
    if (value < 2 ** 32 - 1) return this.writeUe(value);
    this.writeU(0, 32);
    this.writeU(1, 1);
  }

  /** `leb128()`. @param length - Bytes to fill; the fewest when left out. */
  writeLeb128(value: number, length = 0): void {
    let rest = value;
    for (let i = 1; ; i += 1) {
      const low = rest % 128;
      rest = (rest - low) / 128;
      const more = rest > 0 || i < length;
      this.writeU(low + (more ? 128 : 0), 8);
      if (!more) return;
    }
  }

  writeLe(value: number, bytes: number): void {
    for (let i = 0; i < bytes; i += 1) this.writeU(Math.floor(value / 2 ** (8 * i)) % 256, 8);
  }

  writeNs(value: number, count: number): void {
    const width = 32 - Math.clz32(count);
    const short = 2 ** width - count;
    if (value < short) return this.writeU(value, width - 1);
    this.writeU(Math.floor((value + short) / 2), width - 1);
    this.writeU((value + short) % 2, 1);
  }

  writeBytes(bytes: Uint8Array): void {
    if (!this.byteAligned) {
      for (const byte of bytes) this.writeU(byte, 8);
      return;
    }
    this.#reserve(bytes.byteLength * 8);
    this.#bytes.set(bytes, this.#position >>> 3);
    this.#position += bytes.byteLength * 8;
  }

  #reserve(bits: number): void {
    const needed = ((this.#position + bits + 7) >>> 3) + 1;
    if (needed <= this.#bytes.byteLength) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.byteLength * 2));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
