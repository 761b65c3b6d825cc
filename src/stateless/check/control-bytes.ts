/**
 * Controls compared as they lie in memory. Nearly all requests are right, and to find that out takes no value of the
 * control: only when a comparison here fails, its fields are looked at one by one to name the wrong one. So the
 * comparisons may be stricter than those by field, but never miss what those would tell.
 */

/** Bytes of a control, or of an element of an array control. */
export class ControlBytes {
  bytes: Uint8Array = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);

  /** Looks at other bytes. They are borrowed. */
  load(bytes: Uint8Array): void {
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(at: number): number {
    return this.view.getUint8(at);
  }

  s8(at: number): number {
    return this.view.getInt8(at);
  }

  u16(at: number): number {
    return this.view.getUint16(at, true);
  }

  s16(at: number): number {
    return this.view.getInt16(at, true);
  }

  u32(at: number): number {
    return this.view.getUint32(at, true);
  }

  s32(at: number): number {
    return this.view.getInt32(at, true);
  }

  u64(at: number): bigint {
    return this.view.getBigUint64(at, true);
  }

  /** @param count - Of `values`, so many are compared; absent ones are 0. */
  areU8(at: number, values: ArrayLike<number>, count = values.length): boolean {
    for (let i = 0; i < count; i += 1) if (this.bytes[at + i] !== (values[i] ?? 0)) return false;
    return true;
  }

  areS8(at: number, values: ArrayLike<number>, count = values.length): boolean {
    for (let i = 0; i < count; i += 1) if (this.view.getInt8(at + i) !== (values[i] ?? 0)) return false;
    return true;
  }

  areS16(at: number, values: ArrayLike<number>, count = values.length): boolean {
    for (let i = 0; i < count; i += 1) {
      if (this.view.getInt16(at + 2 * i, true) !== (values[i] ?? 0)) return false;
    }
    return true;
  }

  areU32(at: number, values: ArrayLike<number>, count = values.length, first = 0): boolean {
    for (let i = first; i < count; i += 1) {
      if (this.view.getUint32(at + 4 * i, true) !== (values[i] ?? 0)) return false;
    }
    return true;
  }

  areS32(at: number, values: ArrayLike<number>, count = values.length, first = 0): boolean {
    for (let i = first; i < count; i += 1) {
      if (this.view.getInt32(at + 4 * i, true) !== (values[i] ?? 0)) return false;
    }
    return true;
  }
}
