/**
 * The plain values that drivers and the buffer queues see: what an ioctl means, not how its bytes lie.
 *
 * Enumerations are const objects with a type of the same name, so that `BufType.VideoCapture` is a
 * value and `BufType` the narrowed type. Flag words are plain numbers made of the bits listed there. Both are
 * generated. Inputs, tuners, timings and other rarer values are in `types-device.ts`.
 */
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDNORM, POLLWRNORM } from "../../linux.js";
import { BufType, VIDEO_MAX_PLANES } from "../gen/index.js";
import type { Colorspace, Field, Memory, Quantization, XferFunc, YcbcrEnc } from "../gen/index.js";

export {
  BufCap,
  BufFlag,
  BufType,
  Cap,
  Colorspace,
  Field,
  FmtFlag,
  Memory,
  MemoryFlag,
  PixFmtFlag,
  Priority,
  Quantization,
  SelectionFlag,
  SelectionTarget,
  XferFunc,
  YcbcrEnc,
} from "../gen/index.js";

export type { Awaitable } from "../../settle.js";

/** The four queue types that carry pictures. */
export type VideoBufType =
  | typeof BufType.VideoCapture
  | typeof BufType.VideoOutput
  | typeof BufType.VideoCaptureMplane
  | typeof BufType.VideoOutputMplane;

/** Is the number one of the buffer types? */
export function isBufType(value: number): value is BufType {
  return value >= BufType.VideoCapture && value <= BufType.MetaOutput;
}

/** Is it a type of picture buffers, single- or multi-planar? */
export function isVideoBufType(type: number): type is VideoBufType {
  return (
    type === BufType.VideoCapture ||
    type === BufType.VideoOutput ||
    type === BufType.VideoCaptureMplane ||
    type === BufType.VideoOutputMplane
  );
}

/** Does the buffer type use the multi-planar structs? */
export function isMultiplanar(type: number): boolean {
  return type === BufType.VideoCaptureMplane || type === BufType.VideoOutputMplane;
}

/** Does the client feed this queue (OUTPUT) rather than drain it (CAPTURE)? */
export function isOutput(type: number): boolean {
  return (
    type === BufType.VideoOutput ||
    type === BufType.VideoOutputMplane ||
    type === BufType.VideoOutputOverlay ||
    type === BufType.VbiOutput ||
    type === BufType.SlicedVbiOutput ||
    type === BufType.SdrOutput ||
    type === BufType.MetaOutput
  );
}

/** Bits that {@link FileOps.poll} returns; the numbers of `poll(2)`. */
export const Poll = {
  In: POLLIN,
  Pri: POLLPRI,
  Out: POLLOUT,
  Err: POLLERR,
  Hup: POLLHUP,
  RdNorm: POLLRDNORM,
  WrNorm: POLLWRNORM,
} as const;

/** `struct v4l2_rect`, pixels. Left and top may be negative. */
export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** `struct v4l2_fract`: of a frame interval seconds, of an aspect ratio height to width. */
export interface Fract {
  readonly numerator: number;
  readonly denominator: number;
}

/** The number of a four-character code, `fourcc("NV12")`; big endian formats set bit 31 (`V4L2_PIX_FMT_FLAG_BE`). */
export function fourcc(text: string, bigEndian = false): number {
  if (!/^[\x20-\x7e]{4}$/.test(text)) throw new RangeError(`"${text}" is not four printable characters`);
  const code =
    text.charCodeAt(0) | (text.charCodeAt(1) << 8) | (text.charCodeAt(2) << 16) | (text.charCodeAt(3) << 24);
  return (bigEndian ? code | 0x80000000 : code) >>> 0;
}

// Formats

/** Most planes of one buffer. */
export const MAX_PLANES = VIDEO_MAX_PLANES;

/** How one plane of a picture lies in memory. */
export interface PlaneFormat {
  /** Distance between two lines, bytes; 0 for compressed formats. */
  readonly bytesperline: number;
  /** Size of the plane, bytes. */
  readonly sizeimage: number;
}

/**
 * `struct v4l2_pix_format` or `v4l2_pix_format_mplane`. Always in the multi-planar form: the core converts
 * for single-planar queues, which have exactly one entry in `planes`.
 *
 * From a client, `planes` has as many entries (0 to 8) as the client named; the driver answers with as many
 * as the format has.
 */
export interface VideoFormat {
  readonly type: VideoBufType;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Four-character code. */
  readonly pixelformat: number;
  readonly field: Field;
  readonly planes: readonly PlaneFormat[];
  /**
   * From a multi-planar client that names no planes: its first plane all the same. GStreamer sets the size of its
   * bitstream buffers there but leaves `num_planes` at 0, and kernel drivers look.
   */
  readonly unnamedPlane?: PlaneFormat;
  readonly colorspace: Colorspace;
  readonly ycbcrEnc: YcbcrEnc;
  readonly quantization: Quantization;
  readonly xferFunc: XferFunc;
  /** {@link PixFmtFlag} bits. */
  readonly flags: number;
}

/** `struct v4l2_window`. The pointers (clips, bitmap) are not passed on: no driver on top of us has an overlay. */
export interface WindowFormat {
  readonly type: typeof BufType.VideoOverlay | typeof BufType.VideoOutputOverlay;
  readonly rect: Rect;
  readonly field: Field;
  readonly chromakey: number;
  readonly globalAlpha: number;
}

/** `struct v4l2_vbi_format`. */
export interface VbiFormat {
  readonly type: typeof BufType.VbiCapture | typeof BufType.VbiOutput;
  /** Hz. */
  readonly samplingRate: number;
  readonly offset: number;
  readonly samplesPerLine: number;
  readonly sampleFormat: number;
  /** First line of each field. */
  readonly start: readonly [number, number];
  /** Lines of each field. */
  readonly count: readonly [number, number];
  readonly flags: number;
}

/** `struct v4l2_sliced_vbi_format`. */
export interface SlicedVbiFormat {
  readonly type: typeof BufType.SlicedVbiCapture | typeof BufType.SlicedVbiOutput;
  readonly serviceSet: number;
  /** 48 entries: lines 0 to 23 of the first field, then of the second. */
  readonly serviceLines: readonly number[];
  readonly ioSize: number;
}

/** `struct v4l2_sdr_format`. */
export interface SdrFormat {
  readonly type: typeof BufType.SdrCapture | typeof BufType.SdrOutput;
  readonly pixelformat: number;
  readonly buffersize: number;
}

/** `struct v4l2_meta_format`. */
export interface MetaFormat {
  readonly type: typeof BufType.MetaCapture | typeof BufType.MetaOutput;
  readonly dataformat: number;
  readonly buffersize: number;
  /** Only for line based formats. */
  readonly width: number;
  readonly height: number;
  readonly bytesperline: number;
}

/** `struct v4l2_format`; `type` tells which. */
export type Format = VideoFormat | WindowFormat | VbiFormat | SlicedVbiFormat | SdrFormat | MetaFormat;

/** Is it a format of pictures, rather than of an overlay, VBI, SDR or metadata? */
export function isVideoFormat(format: Format): format is VideoFormat {
  return isVideoBufType(format.type);
}

/** ENUM_FMT: which format is asked for. */
export interface EnumFmtRequest {
  readonly index: number;
  readonly type: BufType;
  /** Only formats for this media bus code; 0 means all. */
  readonly mbusCode: number;
  /** `V4L2_FMT_FLAG_ENUM_ALL`: also what the current state (bit depth, say) rules out; `false` for older clients. */
  readonly all: boolean;
}

/** What a driver says of one format; the core adds description and the compressed flag from its table. */
export interface FormatDescription {
  readonly pixelformat: number;
  /** {@link FmtFlag} bits besides `Compressed`. */
  readonly flags?: number;
  /** Only for a format that the core's table does not know. At most 31 bytes. */
  readonly description?: string;
}

/** `struct v4l2_frmsizeenum`: one size, or a range with steps (a step of 1 is shown as continuous). */
export type FrameSize =
  | { readonly kind: "discrete"; readonly width: number; readonly height: number }
  | {
      readonly kind: "stepwise" | "continuous";
      readonly minWidth: number;
      readonly maxWidth: number;
      readonly stepWidth: number;
      readonly minHeight: number;
      readonly maxHeight: number;
      readonly stepHeight: number;
    };

/** `struct v4l2_frmivalenum`: seconds per frame. */
export type FrameInterval =
  | { readonly kind: "discrete"; readonly interval: Fract }
  | {
      readonly kind: "stepwise" | "continuous";
      readonly min: Fract;
      readonly max: Fract;
      readonly step: Fract;
    };

// Buffers

/** `struct v4l2_timecode`. */
export interface Timecode {
  readonly type: number;
  readonly flags: number;
  readonly frames: number;
  readonly seconds: number;
  readonly minutes: number;
  readonly hours: number;
  readonly userbits: readonly [number, number, number, number];
}

/** `struct v4l2_plane`; of `offset`, `userptr` and `fd` only the one that the buffer's memory calls for counts. */
export interface BufferPlane {
  /** Payload, bytes, from the start of the plane (`dataOffset` included). */
  readonly bytesused: number;
  /** Size of the plane, bytes. */
  readonly length: number;
  /** Bytes before the payload. 0 on single-planar queues. */
  readonly dataOffset: number;
  /** Memory `Mmap`: the cookie for `mmap()`. */
  readonly offset?: number;
  /** Memory `Userptr`: address in the client. */
  readonly userptr?: bigint;
  /** Memory `Dmabuf`: fd number in the client. */
  readonly fd?: number;
}

/**
 * `struct v4l2_buffer`, always in the multi-planar form: a single-planar buffer has exactly one plane.
 *
 * From a client (qbuf, prepareBuf): `planes` has as many entries as the client's array; exactly the one of
 * `offset`, `userptr`, `fd` that `memory` calls for is set. An unknown `memory` never gets here (EINVAL), an
 * unknown `field` arrives as `Any`, `flags` arrives unmasked.
 */
export interface Buffer {
  readonly index: number;
  readonly type: BufType;
  readonly memory: Memory;
  /** {@link BufFlag} bits. */
  readonly flags: number;
  readonly field: Field;
  /** Nanoseconds; the wire carries microseconds. */
  readonly timestampNs: bigint;
  /** Present when `flags` has `Timecode`. */
  readonly timecode?: Timecode;
  readonly sequence: number;
  /** Present when `flags` has `RequestFd`: fd number in the client. */
  readonly requestFd?: number;
  readonly planes: readonly BufferPlane[];
}

/** Names one buffer whose description the client wants (QUERYBUF). */
export interface QueryBufferRequest {
  readonly type: BufType;
  readonly index: number;
  /** How many planes the client can take; 1 on single-planar queues. vb2 answers EINVAL when it is too small. */
  readonly planeCapacity: number;
}

/** DQBUF. */
export interface DequeueRequest {
  readonly type: BufType;
  /** As in {@link QueryBufferRequest}; checked before a buffer leaves the queue. */
  readonly planeCapacity: number;
}

/** REQBUFS: how many buffers of which memory. */
export interface RequestBuffers {
  readonly type: BufType;
  readonly memory: Memory;
  readonly count: number;
  /** {@link MemoryFlag} bits, unknown ones included: vb2 drops them. */
  readonly flags: number;
}

/** REQBUFS: what there is now. */
export interface RequestBuffersReply {
  readonly count: number;
  /** {@link BufCap} bits. */
  readonly capabilities: number;
  readonly flags: number;
}

/** CREATE_BUFS: how many more buffers, large enough for which format. */
export interface CreateBuffers {
  /** 0 asks for `capabilities` and `index` only. */
  readonly count: number;
  readonly memory: Memory;
  /** As the client gave it (sanitized like TRY_FMT's); tells type and sizes. */
  readonly format: Format;
  readonly flags: number;
}

/** CREATE_BUFS: what was added, and what the queue can do. */
export interface CreateBuffersReply {
  /** Index of the first new buffer. */
  readonly index: number;
  readonly count: number;
  readonly capabilities: number;
  readonly flags: number;
  /** Sent when `capabilities` has `MaxNumBuffers`. */
  readonly maxNumBuffers: number;
}

/** REMOVE_BUFS: which buffers go. */
export interface RemoveBuffers {
  readonly type: BufType;
  readonly index: number;
  readonly count: number;
}

/** EXPBUF: which plane becomes a descriptor. */
export interface ExportBuffer {
  readonly type: BufType;
  readonly index: number;
  readonly plane: number;
  /** `O_CLOEXEC` and access mode bits of `open(2)`. */
  readonly flags: number;
}

/** An fd of this process that is to be sent to a client. */
export interface ExportedFd {
  readonly fd: number;
  /** Called after it was sent (or could not be): closes what was made for this call only. */
  readonly release?: () => void;
}

/** A client's `mmap()` of the device, by way of the helper library. */
export interface MmapRequest {
  /** Byte offset that the client passed: a buffer's cookie. */
  readonly offset: bigint;
  readonly length: bigint;
  /** `PROT_*` and `MAP_*` bits. */
  readonly prot: number;
  readonly flags: number;
}

/** The memory of an `mmap()`. */
export interface MmapReply extends ExportedFd {
  /** Where in `fd` the buffer starts, bytes. */
  readonly fdOffset: bigint;
}

// Selection

/** G_SELECTION: which rectangle of which queue. */
export interface SelectionRequest {
  /** Never a multi-planar type: the core maps those to the single-planar ones, as the kernel does. */
  readonly type: BufType;
  /** {@link SelectionTarget}, or a number this list does not know. */
  readonly target: number;
  readonly flags: number;
}

/** S_SELECTION: the rectangle that is wished for. */
export interface SetSelectionRequest extends SelectionRequest {
  readonly rect: Rect;
}
