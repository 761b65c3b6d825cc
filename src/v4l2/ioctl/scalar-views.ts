/** Views for the ioctls whose argument is no struct. */

export class NoArgView {
  static readonly SIZE = 0;
  constructor(readonly bytes: Uint8Array) {}
}

/** `int` and `__u32` arguments. */
export class IntView {
  static readonly SIZE = 4;
  readonly #view: DataView;

  /** @throws {RangeError} `bytes` is shorter than {@link IntView.SIZE}. */
  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, IntView.SIZE);
    if (bytes.byteLength < IntView.SIZE) throw new RangeError("an int needs 4 bytes");
  }

  /** As `__u32`. */
  get value(): number {
    return this.#view.getUint32(0, true);
  }
  set value(value: number) {
    this.#view.setUint32(0, value, true);
  }
}

/** `v4l2_std_id` arguments. */
export class StdView {
  static readonly SIZE = 8;
  readonly #view: DataView;

  /** @throws {RangeError} `bytes` is shorter than {@link StdView.SIZE}. */
  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, StdView.SIZE);
    if (bytes.byteLength < StdView.SIZE) throw new RangeError("a v4l2_std_id needs 8 bytes");
  }

  get value(): bigint {
    return this.#view.getBigUint64(0, true);
  }
  set value(value: bigint) {
    this.#view.setBigUint64(0, value, true);
  }
}
