/** Messages to and from `v4l2-cuse-convert`; native/convert/protocol.h explains them, and a test compares the two. */

export const PROTOCOL = 1;

export const Order = { Memory: 1, Forget: 2, Job: 3 } as const;

/** Memories that the process has at the same time. */
export const SLOTS = 1024;

/** Slots in one message. */
export const MAX_FORGOTTEN = 62;

export const MatrixNumber = { bt601: 1, bt709: 2, bt2020: 3, smpte240m: 4 } as const;

export const FitNumber = { stretch: 0, bars: 1, cut: 2 } as const;

export const JobFlag = { Greyed: 0x1, Fast: 0x2 } as const;

/** A picture, as the process is told of it. */
export interface PictureOrder {
  readonly slot: number;
  readonly format: number;
  readonly width: number;
  readonly height: number;
  readonly matrix: number;
  readonly isFull: boolean;
  readonly planes: readonly { readonly offset: number; readonly bytesPerLine: number }[];
  /** Of compressed ones: those that are there, or the room there is. */
  readonly bytes: number;
}

export interface JobOrder {
  readonly serial: number;
  readonly source: PictureOrder;
  readonly destination: PictureOrder;
  /** Left, top, width, height; a width of 0: all of it. */
  readonly part: readonly [number, number, number, number];
  readonly fit: number;
  readonly flags: number;
  readonly quality: number;
}

const PLANES = [0, 1, 2];

function pictureWords({
  slot,
  format,
  width,
  height,
  matrix,
  isFull,
  planes,
  bytes,
}: PictureOrder): number[] {
  return [
    ...[slot, format, width, height, matrix, Number(isFull)],
    ...PLANES.map((plane) => planes[plane]?.offset ?? 0),
    ...PLANES.map((plane) => planes[plane]?.bytesPerLine ?? 0),
    bytes,
  ];
}

export function encodeJob({ serial, source, destination, part, fit, flags, quality }: JobOrder): Uint8Array {
  const words = [
    ...[Order.Job, serial],
    ...pictureWords(source),
    ...pictureWords(destination),
    ...[...part, fit, flags, quality],
  ];
  return new Uint8Array(Uint32Array.from(words).buffer);
}

/** A memory; its descriptor goes with the message. @param offset - Where it starts in the file, bytes. */
export function encodeMemory(
  slot: number,
  offset: number,
  sizeBytes: number,
  isWritable: boolean,
): Uint8Array {
  const view = new DataView(new ArrayBuffer(32));
  view.setUint32(0, Order.Memory, true);
  view.setUint32(4, slot, true);
  view.setBigUint64(8, BigInt(offset), true);
  view.setBigUint64(16, BigInt(sizeBytes), true);
  view.setUint32(24, Number(isWritable), true);
  return new Uint8Array(view.buffer);
}

/** @param slots - At most {@link MAX_FORGOTTEN}. */
export function encodeForget(slots: readonly number[]): Uint8Array {
  const words = new Uint32Array(2 + MAX_FORGOTTEN);
  words.set([Order.Forget, slots.length, ...slots]);
  return new Uint8Array(words.buffer);
}

export const ANSWER_BYTES = 12;

/** How a job ended; the names of `convert_answer.status`. */
export type AnswerStatus = "done" | "broken" | "too-large" | "no-memory" | "outside";

const statuses: readonly AnswerStatus[] = ["done", "broken", "too-large", "no-memory", "outside"];

export interface Answer {
  readonly serial: number;
  readonly status: AnswerStatus;
  /** Of the destination, to the last one written. */
  readonly bytes: number;
}

/** @returns undefined: nothing that we understand. A picture may have taken the process over. */
export function decodeAnswer(message: Uint8Array): Answer | undefined {
  if (message.byteLength !== ANSWER_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, ANSWER_BYTES);
  const status = statuses[view.getUint32(4, true)];
  if (status === undefined) return undefined;
  return { serial: view.getUint32(0, true), status, bytes: view.getUint32(8, true) };
}
