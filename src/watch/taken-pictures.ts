/**
 * Pictures of queues that somebody looks at, in the driver's thread: a copy of a finished buffer's bytes, made before its
 * client can have it, ten times a second at the most and no more bytes than the driver can spare.
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

interface Wanted {
  untilNs: number;
  nextNs: number;
  number: number;
}

export type TakePicture = (queue: QueueKey, head: PictureHead, bytes: Uint8Array<ArrayBuffer>) => void;

export class TakenPictures {
  readonly #wanted = new Map<string, Wanted>();
  readonly #take: TakePicture;

  constructor(take: TakePicture) {
    this.#take = take;
  }

  /** @param nowNs - CLOCK_MONOTONIC. */
  want({ device, type, file }: QueueKey, nowNs: number): void {
    const name = `${device}/${type}/${file}`;
    const known = this.#wanted.get(name);
    if (known !== undefined) {
      known.untilNs = nowNs + WANTED_NS;
      return;
    }
    for (const [other, { untilNs }] of this.#wanted) {
      if (untilNs < nowNs) this.#wanted.delete(other);
    }
    if (this.#wanted.size >= MAX_QUEUES) return;
    this.#wanted.set(name, { untilNs: nowNs + WANTED_NS, nextNs: 0, number: nowNs });
  }

  /** A buffer of the device is done, and not its client's yet. */
  done(device: VideoDevice, event: BufferEvent): void {
    if (this.#wanted.size === 0 || event.file === undefined) return;
    const file = String(event.file);
    const wanted = this.#wanted.get(`${event.device}/${event.type}/${file}`);
    const nowNs = event.monotonicNs;
    if (wanted === undefined || nowNs < wanted.nextNs || nowNs > wanted.untilNs) return;
    const planes = payloadOf(device, event);
    if (planes === undefined) return;
    const sizes = planes.map(({ byteLength }) => byteLength);
    const size = sizes.reduce((sum, each) => sum + each, 0);
    wanted.nextNs = nowNs + Math.max(MIN_INTERVAL_NS, (size / BYTES_PER_SECOND) * 1e9);
    const format = formatOf(device, { id: event.file }, event.type);
    if (format === undefined || size === 0 || size > MAX_BYTES) return;
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const plane of planes) {
      bytes.set(plane, at);
      at += plane.byteLength;
    }
    wanted.number += 1;
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

function payloadOf(
  device: VideoDevice,
  { file, type, index }: BufferEvent,
): readonly Uint8Array[] | undefined {
  for (const queue of device.queues) {
    if (queue.type !== type || (queue.file ?? queue.owner)?.id !== file) continue;
    const buffer = queue.buffer(index);
    return buffer?.state === "done" ? buffer.planes.map(({ payload }) => payload) : undefined;
  }
  return undefined;
}
