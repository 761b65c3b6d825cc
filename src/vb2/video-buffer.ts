/** A buffer with what V4L2 says about it (`struct vb2_v4l2_buffer`), and the way from and to `Buffer` values. */
import { BufFlag, Field, isMultiplanar, isOutput, MAX_PLANES, Memory, V4l2Error } from "../v4l2/index.js";
import type { Buffer, BufferPlane, BufType, Timecode } from "../v4l2/index.js";
import { present } from "../present.js";
import { QueueBuffer } from "./buffer.js";
import type { BufferInit, MemoryModel, Plane } from "./buffer.js";

/** Flags that this layer computes; what a client or a driver has in them does not count. */
const STATE_FLAGS =
  BufFlag.Mapped |
  BufFlag.Queued |
  BufFlag.Done |
  BufFlag.Error |
  BufFlag.Prepared |
  BufFlag.InRequest |
  BufFlag.RequestFd |
  BufFlag.TimestampMask;

/** Flags of OUTPUT buffers that the driver hears of. */
const OUTPUT_FLAGS =
  BufFlag.Pframe | BufFlag.Bframe | BufFlag.Keyframe | BufFlag.Timecode | BufFlag.M2mHoldCaptureBuf;

/** Cache hints mean nothing to memory that caches keep coherent, so they are refused by clearing them. */
const CACHE_FLAGS = BufFlag.NoCacheInvalidate | BufFlag.NoCacheClean;

/** A buffer as drivers get it (`struct vb2_v4l2_buffer`); extend it to keep things of your own with each. */
export class VideoBuffer extends QueueBuffer {
  /** {@link BufFlag} bits of the contents: KEYFRAME, TIMECODE, LAST, ... The state's are not in here. */
  flags = 0;
  field: Field = Field.Any;
  sequence = 0;
  timecode: Timecode | undefined;
  /** The client's number of the request's fd, while the buffer is in one. */
  requestFd: number | undefined;
  /** A mem2mem device holds this CAPTURE buffer back for more slices of the frame. */
  isHeld = false;

  constructor(init: BufferInit) {
    super(init);
  }

  override reset(): void {
    this.requestFd = undefined;
  }
}

/** What of a queue matters for its buffers' descriptions. */
export interface BufferTraits {
  readonly type: BufType;
  readonly copyTimestamp: boolean;
  /** `TimestampMask` and `TstampSrcMask` bits of the queue; no source when time stamps are copied. */
  readonly timestampFlags: number;
  readonly allowZeroBytesused: boolean;
  readonly supportsHold: boolean;
}

export function memoryModel(memory: Memory): MemoryModel | undefined {
  switch (memory) {
    case Memory.Mmap:
      return "mmap";
    case Memory.Userptr:
      return "userptr";
    case Memory.Dmabuf:
      return "dmabuf";
    case Memory.Overlay:
      return undefined;
  }
}

const memoryNumbers: Readonly<Record<MemoryModel, Memory>> = {
  mmap: Memory.Mmap,
  userptr: Memory.Userptr,
  dmabuf: Memory.Dmabuf,
};

/** @throws {V4l2Error} EINVAL - the client's array of planes does not fit the buffer. */
export function assertPlaneCapacity(buffer: VideoBuffer, capacity: number): void {
  if (capacity < buffer.planes.length || capacity > MAX_PLANES) {
    throw new V4l2Error(
      "EINVAL",
      `room for ${capacity} planes, buffer ${buffer.index} has ${buffer.planes.length}`,
    );
  }
}

/**
 * Takes over what the client says of a buffer in QBUF or PREPARE_BUF; it counts once the buffer is prepared.
 * @returns Was a payload of 0 bytes given for an OUTPUT plane? It is taken for a full one, unless the queue allows it.
 * @throws {V4l2Error} EINVAL - a payload larger than its plane, or all of it before `dataOffset`; field ALTERNATE.
 */
export function takeFromClient(buffer: VideoBuffer, from: Buffer, traits: BufferTraits): boolean {
  const output = isOutput(traits.type);
  if (output) {
    verifyPayload(buffer, from, traits.type);
    if (from.field === Field.Alternate) {
      // A buffer holds one field or the other; the driver must be told which.
      throw new V4l2Error("EINVAL", "field ALTERNATE does not say which field the buffer holds");
    }
  }
  let sawZero = false;
  for (const [index, plane] of buffer.planes.entries()) {
    const given = present(from.planes[index], "the planes' number was checked before");
    sawZero = takePlane(plane, given, from.memory, traits) || sawZero;
  }

  buffer.sequence = 0;
  buffer.requestFd = undefined;
  buffer.isHeld = false;
  let flags = from.flags & ~(STATE_FLAGS | CACHE_FLAGS);
  if (!traits.copyTimestamp || !output) flags &= ~BufFlag.TstampSrcMask;
  if (output) {
    // The time code comes with the time stamp, when the buffer is queued.
    flags &= ~BufFlag.Timecode;
    if (!traits.supportsHold) flags &= ~BufFlag.M2mHoldCaptureBuf;
    buffer.field = from.field;
  } else {
    flags &= ~(OUTPUT_FLAGS | BufFlag.Last);
  }
  buffer.flags = flags;
  return sawZero;
}

function takePlane(plane: Plane, given: BufferPlane, memory: Memory, traits: BufferTraits): boolean {
  const { input } = plane;
  const isMmap = memory === Memory.Mmap;
  input.userptr = given.userptr ?? 0n;
  input.fd = given.fd ?? -1;
  input.length = isMmap ? plane.length : given.length;
  input.bytesused = 0;
  input.dataOffset = 0;
  input.isEmpty = isOutput(traits.type) && given.bytesused === 0;
  if (!isOutput(traits.type)) return false;
  input.bytesused = input.isEmpty && !traits.allowZeroBytesused ? input.length : given.bytesused;
  input.dataOffset = isMultiplanar(traits.type) ? given.dataOffset : 0;
  return input.isEmpty;
}

function verifyPayload(buffer: VideoBuffer, from: Buffer, type: BufType): void {
  const multiplanar = isMultiplanar(type);
  for (const [index, plane] of buffer.planes.entries()) {
    const given = present(from.planes[index], "the planes' number was checked before");
    // vb2: single-planar DMABUF is measured against the buffer as it was, multi-planar against the client's word.
    const isOwnLength = from.memory === Memory.Userptr || (multiplanar && from.memory === Memory.Dmabuf);
    const length = isOwnLength ? given.length : plane.length;
    if (given.bytesused > length) {
      throw new V4l2Error("EINVAL", `plane ${index}: a payload of ${given.bytesused} bytes in ${length}`);
    }
    const end = given.bytesused === 0 ? length : given.bytesused;
    if (multiplanar && given.dataOffset > 0 && given.dataOffset >= end) {
      throw new V4l2Error(
        "EINVAL",
        `plane ${index}: data at ${given.dataOffset}, the payload ends at ${end}`,
      );
    }
  }
}

/** OUTPUT: the time stamp and time code that came with an accepted buffer. */
export function takeTimestamp(buffer: VideoBuffer, from: Buffer, traits: BufferTraits): void {
  if (!isOutput(traits.type)) return;
  if (traits.copyTimestamp) buffer.timestampNs = from.timestampNs;
  if ((from.flags & BufFlag.Timecode) === 0) return;
  buffer.flags |= BufFlag.Timecode;
  buffer.timecode = from.timecode;
}

function stateFlags(buffer: VideoBuffer): number {
  switch (buffer.state) {
    case "queued":
    case "active":
      return BufFlag.Queued;
    case "in-request":
      return BufFlag.InRequest | (buffer.preparedBy === "client" ? BufFlag.Prepared : 0);
    case "dequeued":
      return buffer.preparedBy === undefined ? 0 : BufFlag.Prepared;
    case "done":
      return BufFlag.Done | (buffer.undelivered ? BufFlag.Error : 0);
    case "error":
      return BufFlag.Done | BufFlag.Error;
    case "preparing":
      return 0;
  }
}

function describePlane(plane: Plane, memory: MemoryModel): BufferPlane {
  const { bytesused, length, dataOffset } = plane;
  switch (memory) {
    case "mmap":
      return { bytesused, length, dataOffset, offset: plane.offset };
    case "userptr":
      return { bytesused, length, dataOffset, userptr: plane.userptr };
    case "dmabuf":
      return { bytesused, length, dataOffset, fd: plane.fd };
  }
}

/** What the client is told of a buffer, but for the flags `without`. */
export function describeBuffer(buffer: VideoBuffer, traits: BufferTraits, without = 0): Buffer {
  const { index, memory, field, timestampNs, sequence, timecode, requestFd } = buffer;
  let flags = buffer.flags & ~STATE_FLAGS;
  // Copied time stamps come with their buffer's source bits.
  if (!traits.copyTimestamp) flags &= ~BufFlag.TstampSrcMask;
  flags |= traits.timestampFlags | stateFlags(buffer);
  if (buffer.mapped) flags |= BufFlag.Mapped;
  if (requestFd !== undefined) flags |= BufFlag.RequestFd;
  flags &= ~without;
  const described: { -readonly [Key in keyof Buffer]: Buffer[Key] } = {
    index,
    type: traits.type,
    memory: memoryNumbers[memory],
    flags,
    field,
    timestampNs,
    sequence,
    planes: buffer.planes.map((plane) => describePlane(plane, memory)),
  };
  if ((flags & BufFlag.Timecode) !== 0 && timecode !== undefined) described.timecode = timecode;
  if (requestFd !== undefined) described.requestFd = requestFd;
  return described;
}
