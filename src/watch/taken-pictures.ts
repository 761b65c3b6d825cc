/**
 * Pictures of queues that somebody looks at, in the driver's thread: a copy of a finished buffer's bytes, made before its
 * client can have it, ten times a second at the most and no more bytes than the driver can spare. The last picture of a queue
 * that has come to rest is copied from the buffer that its client has: nobody may have looked when it was finished, or it
 * came too soon after the one before.
 */
import type { BufferEvent, VideoDevice } from "../v4l2/index.js";
import type { PictureHead, QueueKey } from "./protocol.js";
import { formatOf } from "./snapshot.js";

/** Somebody has looked so lately. */
const WANTED_NS = 3e9;
const MIN_INTERVAL_NS = 1e8;
/** Copying so much takes about 1 % of a processor. */
const BYTES_PER_SECOND = 48 * 2 ** 20;
/** 4096x4096 with 32 bits for each pixel. */
const MAX_BYTES = 64 * 2 ** 20;
const MAX_QUEUES = 16;
/** Whose newest finished buffers are remembered. */
const MAX_LAST = 64;

interface Wanted {
  untilNs: number;
  nextNs: number;
  number: number;
  /** When the picture that was copied last was finished. */
  takenNs: number;
}

export type TakePicture = (queue: QueueKey, head: PictureHead, bytes: Uint8Array<ArrayBuffer>) => void;

export class TakenPictures {
  readonly #wanted = new Map<string, Wanted>();
  /** Of each queue, the buffer that was finished last. */
  readonly #last = new Map<string, BufferEvent>();
  readonly #take: TakePicture;

  constructor(take: TakePicture) {
    this.#take = take;
  }

  /**
   * Somebody looks at a queue.
   * @param device - That has the queue.
   * @param nowNs - CLOCK_MONOTONIC.
   */
  want(device: VideoDevice | undefined, queue: QueueKey, nowNs: number): void {
    const name = nameOf(queue.device, queue.type, queue.file);
    let wanted = this.#wanted.get(name);
    if (wanted === undefined) {
      for (const [other, { untilNs }] of this.#wanted) {
        if (untilNs < nowNs) this.#wanted.delete(other);
      }
      if (this.#wanted.size >= MAX_QUEUES) return;
      this.#wanted.set(name, (wanted = { untilNs: 0, nextNs: 0, number: nowNs, takenNs: 0 }));
    }
    wanted.untilNs = nowNs + WANTED_NS;
    const last = this.#last.get(name);
    if (device === undefined || last === undefined || last.monotonicNs <= wanted.takenNs) return;
    if (nowNs >= wanted.nextNs) this.#copy(device, last, wanted, nowNs);
  }

  /** A buffer of the device is done, and not its client's yet. */
  done(device: VideoDevice, event: BufferEvent): void {
    if (event.file === undefined) return;
    const name = nameOf(event.device, event.type, String(event.file));
    this.#last.set(name, event);
    if (this.#last.size > MAX_LAST) this.#last.delete(this.#last.keys().next().value ?? "");
    const wanted = this.#wanted.get(name);
    const nowNs = event.monotonicNs;
    if (wanted === undefined || nowNs < wanted.nextNs || nowNs > wanted.untilNs) return;
    this.#copy(device, event, wanted, nowNs);
  }

  #copy(device: VideoDevice, event: BufferEvent, wanted: Wanted, nowNs: number): void {
    const planes = payloadOf(device, event);
    if (planes === undefined) return;
    const file = String(event.file);
    const sizes = planes.map(({ byteLength }) => byteLength);
    const size = sizes.reduce((sum, each) => sum + each, 0);
    wanted.nextNs = nowNs + Math.max(MIN_INTERVAL_NS, (size / BYTES_PER_SECOND) * 1e9);
    const format = event.file === undefined ? undefined : formatOf(device, { id: event.file }, event.type);
    if (format === undefined || size === 0 || size > MAX_BYTES) return;
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const plane of planes) {
      bytes.set(plane, at);
      at += plane.byteLength;
    }
    wanted.number += 1;
    wanted.takenNs = event.monotonicNs;
    const { sequence, timestampNs } = event;
    this.#take(
      { device: event.device, type: event.type, file },
      {
        ...{ format, sequence, timestampNs: String(timestampNs), monotonicNs: nowNs },
        planes: sizes,
        number: wanted.number,
      },
      bytes,
    );
  }
}

const nameOf = (device: string, type: number, file: string): string => `${device}/${type}/${file}`;

/** @returns undefined: the buffer has been queued again, or has other memory than the driver's. */
function payloadOf(
  device: VideoDevice,
  { file, type, index, sequence }: BufferEvent,
): readonly Uint8Array[] | undefined {
  for (const queue of device.queues) {
    if (queue.type !== type || (queue.file ?? queue.owner)?.id !== file) continue;
    const buffer = queue.buffer(index);
    if (buffer === undefined || buffer.sequence !== sequence) return undefined;
    // The memory of a client's own buffers is there while the driver has them.
    const isThere = buffer.state === "done" || (buffer.state === "dequeued" && queue.memory === "mmap");
    return isThere ? buffer.planes.map(({ payload }) => payload) : undefined;
  }
  return undefined;
}
