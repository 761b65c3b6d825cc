/**
 * What a decoder is given of one job: the client's bitstream, and around it the headers that a stateless client leaves
 * out, written anew from the controls. A file beside this one for each codec that needs some.
 */
import type { ControlHandler } from "../../v4l2/index.js";
import { ValueReader } from "../../stateless/index.js";
import type { Piece } from "../protocol.js";

/** What a writer of packets looks at. The client may write to its bitstream at any time: look at a copy. */
export interface PacketSource {
  /** The controls in effect. */
  readonly controls: Pick<ControlHandler, "find">;
  /** The OUTPUT buffer's payload: `offset` and `size` of pieces are of it. */
  readonly bitstream: Uint8Array;
  /** Of the CAPTURE buffer: later frames refer to this one by it. */
  readonly timestampNs: bigint;
  /** The first job of its CAPTURE buffer. */
  readonly isNewFrame: boolean;
  /** The CAPTURE buffer waits for more: `V4L2_BUF_FLAG_M2M_HOLD_CAPTURE_BUF`. */
  readonly isHeld: boolean;
}

export interface Packet {
  readonly pieces: readonly Piece[];
  /** More `JobFlag`s than follow from the source. */
  readonly flags?: number;
}

/**
 * Which pictures a frame is decoded from: those that its bitstream means, or those that the client names by their time
 * stamps, so that a wrong reference shows in the picture. HEVC and AV1 only: the others refer as their bitstreams say.
 */
export type References = "bitstream" | "client";

/** Makes the packets of one decoder process: it knows which headers that has got already. */
export interface PacketWriter {
  /** @throws {CodecError} The controls say what no stream can say. */
  packet(source: PacketSource): Packet;
}

/** The whole bitstream of a job. */
export const wholeBitstream = ({ bitstream }: PacketSource): Piece => ({
  offset: 0,
  size: bitstream.byteLength,
});

/** For codecs whose frames carry all that there is to know. */
export const wholeFrames: PacketWriter = { packet: (source) => ({ pieces: [wholeBitstream(source)] }) };

/** Reads values of controls. */
export const reader = (source: PacketSource): ValueReader => new ValueReader(source.controls);

/** Tells whether the bits of a flag word are set. */
export const flagReader =
  (flags: number) =>
  (mask: number): boolean =>
    (flags & mask) !== 0;

/** Headers by their number, as the decoder has them: the same again need not be sent. */
export class SentHeaders {
  readonly #sent = new Map<number, Uint8Array>();

  /** @returns Must it be sent? Then it counts as sent. */
  changes(id: number, header: Uint8Array): boolean {
    const before = this.#sent.get(id);
    if (before !== undefined && Buffer.compare(before, header) === 0) return false;
    this.#sent.set(id, header);
    return true;
  }

  clear(): void {
    this.#sent.clear();
  }
}
