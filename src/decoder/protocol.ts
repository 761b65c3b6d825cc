/** Messages to and from `v4l2-cuse-decoder`; native/decoder/protocol.h explains them, and a test compares the two. */

export const PROTOCOL = 1;

export const Order = { Memory: 1, Forget: 2, Job: 3 } as const;

/** `decoder_hello.features` */
export const Feature = { HasDav1d: 0x1, IsNobody: 0x2, IsFiltered: 0x4 } as const;

/** Slots of OUTPUT buffers come first. */
export const SLOTS = 128;
export const CAPTURE_SLOT = 64;

export const CodecNumber = { h264: 1, hevc: 2, mpeg2: 3, vp8: 4, vp9: 5, av1: 6, fwht: 7 } as const;

export const JobFlag = { NewFrame: 0x1, More: 0x2, Slices: 0x4, Restart: 0x8 } as const;

export const LayoutNumber = { NV12: 1, YU12: 2, P010: 3 } as const;

export const MAX_PIECES = 4096;
export const MAX_INLINE = 65536;

/** A part of what is decoded together: bytes of our own, or bytes of the OUTPUT buffer. */
export type Piece = Uint8Array | { readonly offset: number; readonly size: number };

export interface JobOrder {
  readonly serial: number;
  readonly codec: number;
  readonly flags: number;
  /** Slots. */
  readonly source: number;
  readonly destination: number;
  readonly layout: number;
  /** Of the CAPTURE format, pixels. */
  readonly width: number;
  readonly height: number;
  /** Bytes of a luma line. */
  readonly stride: number;
  readonly pieces: readonly Piece[];
}

const JOB_BYTES = 48;
const PIECE_BYTES = 12;

/** @throws {RangeError} More pieces, or more bytes of ours, than a message holds. */
export function encodeJob(job: JobOrder): Uint8Array {
  const { pieces } = job;
  const inlined = pieces.reduce(
    (sum, piece) => sum + (piece instanceof Uint8Array ? piece.byteLength : 0),
    0,
  );
  if (pieces.length > MAX_PIECES || inlined > MAX_INLINE) {
    throw new RangeError(`a job of ${pieces.length} pieces with ${inlined} bytes of headers`);
  }
  const start = JOB_BYTES + pieces.length * PIECE_BYTES;
  const message = new Uint8Array(start + inlined);
  const words = new Uint32Array(message.buffer, 0, start / 4);
  words.set([
    ...[Order.Job, job.serial, job.codec, job.flags, job.source, job.destination],
    ...[job.layout, job.width, job.height, job.stride, pieces.length, inlined],
  ]);
  let offset = 0;
  for (const [i, piece] of pieces.entries()) {
    const isOurs = piece instanceof Uint8Array;
    const size = isOurs ? piece.byteLength : piece.size;
    words.set([isOurs ? 0 : 1, isOurs ? offset : piece.offset, size], (JOB_BYTES + i * PIECE_BYTES) / 4);
    if (!isOurs) continue;
    message.set(piece, start + offset);
    offset += size;
  }
  return message;
}

/** The memory of a buffer; its descriptor goes with the message. @param offset - Where it starts in the file, bytes. */
export function encodeMemory(slot: number, offset: number, sizeBytes: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  view.setUint32(0, Order.Memory, true);
  view.setUint32(4, slot, true);
  view.setBigUint64(8, BigInt(offset), true);
  view.setBigUint64(16, BigInt(sizeBytes), true);
  return new Uint8Array(view.buffer);
}

export function encodeForget(first: number, count: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(Order.Forget, first, count).buffer);
}

export const ANSWER_BYTES = 16;

/** How a job ended; the names of `decoder_answer.status`. */
export type AnswerStatus =
  "done" | "no-picture" | "broken" | "other-layout" | "larger" | "no-memory" | "no-codec";

const statuses: readonly AnswerStatus[] = [
  "done",
  "no-picture",
  "broken",
  "other-layout",
  "larger",
  "no-memory",
  "no-codec",
];

export interface Answer {
  readonly serial: number;
  readonly status: AnswerStatus;
  /** Of the picture, pixels; 0 where there is none. */
  readonly width: number;
  readonly height: number;
}

/** @returns undefined: nothing that we understand. A bitstream may have taken the process over. */
export function decodeAnswer(message: Uint8Array): Answer | undefined {
  if (message.byteLength !== ANSWER_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, ANSWER_BYTES);
  const status = statuses[view.getUint32(4, true)];
  if (status === undefined) return undefined;
  return {
    serial: view.getUint32(0, true),
    status,
    width: view.getUint32(8, true),
    height: view.getUint32(12, true),
  };
}
