/** A stream as the requests that a client submits, in a file for test/clients/request-client.c, which says what is in it. */
import type { ControlValues, FrameControls, RequestControls } from "../../src/codec/index.js";
import { decodedFormats, type BitDepth } from "../../src/decoder/formats.js";
import { StatelessControls, statelessCodecs, type StatelessCodec } from "../../src/stateless/index.js";
import type { AnyFile, Call, ExtControls } from "../../src/v4l2/index.js";
import { Cid, CtrlWhich, fourcc } from "../../src/v4l2/index.js";
import { framesOf, type CodecName, type Mode } from "./stream.js";

const MAGIC = 0x59504c52;
const HOLD = 1;
const SHOWN = 2;
/** CAPTURE buffers of frames that may still be under way are not queued again. */
const IN_FLIGHT = 4;
const MOST_CAPTURES = 32;
const ANY_SIZE = 1 << 16;

export interface RecordOptions {
  readonly mode?: Mode;
  /** Of CAPTURE; NV12 or P010 unless given. */
  readonly format?: string;
  /** A client that queues the frames of two streams in turn: the stream, and from its fourth frame on once more. */
  readonly isMixed?: boolean;
}

interface Control {
  readonly id: number;
  readonly isCompound: boolean;
  readonly bytes: Uint8Array;
}

/** The bytes that a client would hand to S_EXT_CTRLS. */
class ControlBytes {
  readonly controls: StatelessControls;

  constructor(codec: StatelessCodec) {
    this.controls = new StatelessControls({ codecs: [codec], newer: true });
  }

  of(values: ControlValues): Control[] {
    return Object.entries(values).map(([name, value]) => this.set(Cid[name as keyof typeof Cid], value));
  }

  set(id: number, value: unknown): Control {
    const control = this.controls.find(id);
    if (control === undefined) throw new Error(`no control 0x${id.toString(16)}`);
    control.setValue(value);
    let bytes: Uint8Array | undefined;
    const asked = {
      id,
      size: ANY_SIZE,
      value: 0,
      value64: 0n,
      readPayload: () => new Uint8Array(),
      writePayload: (payload: Uint8Array) => {
        bytes = payload.slice();
      },
    };
    const request: ExtControls = { which: CtrlWhich.CurVal, requestFd: 0, controls: [asked], errorIdx: 0 };
    this.controls.gExtCtrls(request, {} as AnyFile, {} as Call);
    const isCompound = bytes !== undefined;
    return { id, isCompound, bytes: bytes ?? new Uint8Array(Int32Array.of(asked.value).buffer) };
  }
}

class Words {
  readonly #parts: Uint8Array[] = [];

  words(...values: readonly number[]): void {
    this.#parts.push(new Uint8Array(Uint32Array.from(values).buffer));
  }

  bytes(bytes: Uint8Array): void {
    this.#parts.push(bytes, new Uint8Array((4 - (bytes.byteLength % 4)) % 4));
  }

  controls(controls: readonly Control[]): void {
    this.words(controls.length);
    for (const { id, isCompound, bytes } of controls) {
      this.words(id, isCompound ? 1 : 0, bytes.byteLength);
      this.bytes(bytes);
    }
  }

  get whole(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts));
  }
}

/** What of a request's controls says how large pictures are, coded, and how deep. */
export function sizeOf(controls: ControlValues): { width: number; height: number; depth: BitDepth } {
  const depth = (bits: number): BitDepth => (bits === 10 ? 10 : 8);
  const { StatelessH264Sps: avc, StatelessHevcSps: hevc, StatelessVp9Frame: vp9 } = controls;
  const { StatelessMpeg2Sequence: mpeg2, StatelessVp8Frame: vp8, StatelessFwhtParams: fwht } = controls;
  const { StatelessAv1Sequence: av1 } = controls;
  if (avc !== undefined) {
    const isFrame = (avc.flags & 0x10) !== 0;
    const height = 16 * (avc.pic_height_in_map_units_minus1 + 1) * (isFrame ? 1 : 2);
    return {
      width: 16 * (avc.pic_width_in_mbs_minus1 + 1),
      height,
      depth: depth(8 + avc.bit_depth_luma_minus8),
    };
  }
  if (hevc !== undefined) {
    const { pic_width_in_luma_samples: width, pic_height_in_luma_samples: height } = hevc;
    return { width, height, depth: depth(8 + hevc.bit_depth_luma_minus8) };
  }
  if (vp9 !== undefined) {
    const { frame_width_minus_1: width, frame_height_minus_1: height, bit_depth: bits } = vp9;
    return { width: width + 1, height: height + 1, depth: depth(bits) };
  }
  if (av1 !== undefined) {
    const { max_frame_width_minus_1: width, max_frame_height_minus_1: height, bit_depth: bits } = av1;
    return { width: width + 1, height: height + 1, depth: depth(bits) };
  }
  if (mpeg2 !== undefined) return { width: mpeg2.horizontal_size, height: mpeg2.vertical_size, depth: 8 };
  const { width, height } = vp8 ?? fwht ?? { width: 0, height: 0 };
  return { width, height, depth: 8 };
}

interface Submitted {
  readonly frame: FrameControls;
  readonly request: RequestControls;
  readonly controls: readonly Control[];
}

/** The requests of a stream. */
export function recorded(codecName: CodecName, stream: Uint8Array, options: RecordOptions = {}): Uint8Array {
  const codec = statelessCodecs.find(({ name }) => name === codecName);
  if (codec === undefined) throw new Error(`there is no ${codecName}`);
  const bytes = new ControlBytes(codec);
  const lastUse = new Map<bigint, number>();
  const submitted: Submitted[] = [];
  const shownLater = new Set<bigint>();
  let count = 0;
  for (const frame of framesIn(codecName, stream, options)) {
    if (frame.showsExistingNs !== undefined) {
      shownLater.add(frame.showsExistingNs);
      continue;
    }
    lastUse.set(frame.timestampNs, count);
    for (const request of frame.requests) {
      const controls = bytes.of(request.controls);
      for (const used of codec.frame(bytes.controls).usedReferences()) lastUse.set(used, count);
      submitted.push({ frame, request, controls });
    }
    count += 1;
  }
  const captures = captureBuffers(submitted, lastUse);
  const [first] = submitted;
  if (first === undefined) throw new Error("no frame");
  const { width, height, depth } = sizeOf(first.request.controls);
  const file = new Words();
  const decoded = options.format === undefined ? (decodedFormats(depth)[0] ?? 0) : fourcc(options.format);
  const largest = Math.max(...submitted.map(({ request }) => request.payload.byteLength), 65536);
  file.words(MAGIC, codec.pixelformat, width, height, decoded, largest, Math.max(...captures.values()) + 1);
  const modes = modeControls(codecName, options.mode).map(([id, value]) => bytes.set(id, value));
  file.controls([...modes, ...sequenceControls(first.controls)]);
  for (const { frame, request, controls } of submitted) {
    const { timestampNs, shown } = frame;
    const flags = (request.holdCapture ? HOLD : 0) | (shown || shownLater.has(timestampNs) ? SHOWN : 0);
    file.words(1, Number(timestampNs & 0xffff_ffffn), Number(timestampNs >> 32n), flags);
    file.words(captures.get(timestampNs) ?? 0);
    file.controls(controls);
    file.words(request.payload.byteLength);
    file.bytes(request.payload);
  }
  file.words(0);
  return file.whole;
}

function framesIn(codec: CodecName, stream: Uint8Array, { mode, isMixed }: RecordOptions): FrameControls[] {
  const frames = [...framesOf(codec, stream, mode)];
  if (isMixed !== true) return frames;
  const later = [...framesOf(codec, stream, mode, (decodeIndex) => BigInt(1_000_000 + decodeIndex) * 1000n)];
  return frames.flatMap((frame, i) => [frame, ...later.slice(Math.max(i - 3, 0), Math.max(i - 2, 0))]);
}

/** @returns For each frame, by its time stamp, a buffer that no later frame needs for another one. */
function captureBuffers(
  submitted: readonly Submitted[],
  lastUse: ReadonlyMap<bigint, number>,
): Map<bigint, number> {
  const busyUntil: number[] = [];
  const buffers = new Map<bigint, number>();
  for (const { frame } of submitted) {
    if (buffers.has(frame.timestampNs)) continue;
    const number = buffers.size;
    const free = busyUntil.findIndex((until) => until + IN_FLIGHT < number);
    const buffer = free < 0 ? busyUntil.length : free;
    if (buffer >= MOST_CAPTURES) throw new Error("more references than CAPTURE buffers");
    busyUntil[buffer] = lastUse.get(frame.timestampNs) ?? number;
    buffers.set(frame.timestampNs, buffer);
  }
  return buffers;
}

function modeControls(codec: CodecName, mode?: Mode): [number, number][] {
  const decode = mode?.decode === "slice" ? 0 : 1;
  const startCode = mode?.startCode === "none" ? 0 : 1;
  if (codec === "h264")
    return [
      [Cid.StatelessH264DecodeMode, decode],
      [Cid.StatelessH264StartCode, startCode],
    ];
  if (codec === "hevc")
    return [
      [Cid.StatelessHevcDecodeMode, decode],
      [Cid.StatelessHevcStartCode, startCode],
    ];
  return [];
}

/** What clients set without a request, so that the formats of CAPTURE follow. */
function sequenceControls(controls: readonly Control[]): readonly Control[] {
  const ids: readonly number[] = [
    ...[Cid.StatelessH264Sps, Cid.StatelessHevcSps, Cid.StatelessVp9Frame, Cid.StatelessAv1Sequence],
  ];
  return controls.filter(({ id }) => ids.includes(id));
}
