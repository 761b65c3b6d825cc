/** Where the values of controls lie: bytes in the API's own form, so that copying and comparing know no types. */
import type { BindRules, BoundRules } from "./rules.js";

/** Stands for "not decoded since the bytes changed". */
const STALE = Symbol("stale");

/** One value: `elems` elements of `elemSize` bytes each. Only dynamic arrays change their number of elements. */
export class ValueBytes {
  readonly elemSize: number;
  #elems: number;
  #bytes: Uint8Array;
  #view: DataView;
  /** Rules tied to the elements of the present buffer. */
  #bound: BoundRules[] = [];
  #decoded: unknown = STALE;

  constructor(elemSize: number, elems: number) {
    this.elemSize = elemSize;
    this.#elems = elems;
    this.#bytes = new Uint8Array(elemSize * elems);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get elems(): number {
    return this.#elems;
  }

  /** Over the whole buffer, which may have room for more elements than there are. */
  get view(): DataView {
    return this.#view;
  }

  /** The bytes of all elements. */
  get payload(): Uint8Array {
    const length = this.#elems * this.elemSize;
    return this.#bytes.length === length ? this.#bytes : this.#bytes.subarray(0, length);
  }

  /** Changes the number of elements. Bytes of elements that stay are kept, those of new ones are arbitrary. */
  resize(elems: number): void {
    const length = elems * this.elemSize;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(length);
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
      this.#bound = [];
    }
    this.#elems = elems;
    this.#decoded = STALE;
  }

  /** To be called after writing through `view` or `bound`. */
  changed(): void {
    this.#decoded = STALE;
  }

  /** What `decode` makes of the bytes, computed once until they change. */
  decoded(decode: (bytes: this) => unknown): unknown {
    if (this.#decoded === STALE) this.#decoded = decode(this);
    return this.#decoded;
  }

  copyFrom(other: ValueBytes): void {
    if (other.#elems !== this.#elems) this.resize(other.#elems);
    this.#bytes.set(other.payload);
    this.#decoded = other.#decoded;
  }

  /** Takes `payload` as `elems` elements. */
  assign(payload: Uint8Array, elems: number): void {
    if (elems !== this.#elems) this.resize(elems);
    this.#bytes.set(payload.subarray(0, elems * this.elemSize));
    this.#decoded = STALE;
  }

  equals(other: ValueBytes): boolean {
    return this.#elems === other.#elems && Buffer.compare(this.payload, other.payload) === 0;
  }

  clone(): ValueBytes {
    const copy = new ValueBytes(this.elemSize, this.#elems);
    copy.#bytes.set(this.payload);
    return copy;
  }

  /** The rules of element `index`, tied to its bytes when first asked for. */
  bound(index: number, bind: BindRules): BoundRules {
    const start = index * this.elemSize;
    return (this.#bound[index] ??= bind(this.#bytes.subarray(start, start + this.elemSize)));
  }
}
