/** What a listener wants to know of a call besides its argument. Made only while somebody listens. */

/** More is not kept: a longer payload is no control that anybody has. */
const MAX_PAYLOAD_BYTES = 192 * 1024;
/** Index and length. */
const HEAD_BYTES = 8;

/** One control's payload: bytes behind a pointer in the array of `VIDIOC_*_EXT_CTRLS`. */
export interface ControlPayload {
  /** In the array of controls. */
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** Payloads in the form of {@link IoctlBytes}: of each its index and its length (both u32, little-endian), and its bytes. */
export class PayloadLog {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  /** One that does not fit any more is left out. */
  add(index: number, bytes: Uint8Array): void {
    const length = HEAD_BYTES + bytes.byteLength;
    if (this.#length + length > MAX_PAYLOAD_BYTES) return;
    const piece = new Uint8Array(length);
    const view = new DataView(piece.buffer);
    view.setUint32(0, index, true);
    view.setUint32(4, bytes.byteLength, true);
    piece.set(bytes, HEAD_BYTES);
    this.#pieces.push(piece);
    this.#length += length;
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.#pieces, this.#length);
  }
}

/** The payloads in bytes that {@link PayloadLog} made. Of others, as much as can be read. */
export function controlPayloads(bytes: Uint8Array | undefined): ControlPayload[] {
  const payloads: ControlPayload[] = [];
  if (bytes === undefined) return payloads;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEAD_BYTES <= bytes.byteLength;) {
    const index = view.getUint32(at, true);
    const end = at + HEAD_BYTES + view.getUint32(at + 4, true);
    if (end > bytes.byteLength) break;
    payloads.push({ index, bytes: bytes.subarray(at + HEAD_BYTES, end) });
    at = end;
  }
  return payloads;
}

/** Which way the argument of an ioctl goes: from the client, to the client. */
interface Directions {
  readonly writes: boolean;
  readonly reads: boolean;
}

export interface CallRecord {
  /** The nested array, once fetched. */
  array: Uint8Array | undefined;
  /** The same as the client had it. */
  askedArray: Uint8Array | undefined;
  /** Payloads of controls that were read from the client. */
  askedPayloads: PayloadLog | undefined;
  /** Payloads of controls that were written into the client. */
  givenPayloads: PayloadLog | undefined;
  /** Sees the argument as the driver gets to see it, before it is overwritten. */
  takeQuestion(definition: Directions, arg: Uint8Array): void;
}
