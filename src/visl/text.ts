/** The text on a frame: one string for each line of 16 pixels, an empty one where a line stays free. */
import type { VideoFormat } from "../v4l2/index.js";
import type { BufferState } from "../vb2/index.js";
import type { CodecValues } from "./codec-values.js";
import type { Codec } from "./formats.js";
import type { Reference } from "./references.js";

/** An OUTPUT buffer, as the client queued it last. */
export interface OutputBufferStatus {
  readonly index: number;
  readonly state: BufferState;
  /** Number in the client; -1: none. */
  readonly requestFd: number;
  readonly planes: readonly {
    readonly bytesused: number;
    readonly length: number;
    readonly dataOffset: number;
  }[];
}

export interface CaptureBufferStatus {
  readonly index: number;
  readonly state: BufferState;
  readonly timestampNs: bigint;
  readonly isHeld: boolean;
}

/** What `tpg_verbose` adds. */
export interface VerboseFacts {
  /** Since STREAMON of CAPTURE. */
  readonly streamTimeMs: number;
  /** Index of the CAPTURE buffer with this time stamp. */
  findCapture(timestampNs: bigint): number | undefined;
  readonly output: readonly OutputBufferStatus[];
  readonly capture: readonly CaptureBufferStatus[];
}

/** All that the text of one frame is made of. */
export interface FrameFacts {
  readonly codec: Codec;
  readonly sequence: number;
  readonly timestampNs: bigint;
  /** `H264: 6`, where the codec has a picture order. */
  readonly order: string | undefined;
  readonly references: readonly Reference[];
  readonly coded: VideoFormat;
  readonly decoded: VideoFormat;
  readonly verbose: VerboseFacts | undefined;
}

type Orders = { readonly [C in Codec]?: (values: CodecValues[C]) => string };

const orders: Orders = {
  h264: ({ decode }) => `H264: ${decode.pic_order_cnt_lsb}`,
  hevc: ({ decode }) => `HEVC: ${decode.pic_order_cnt_val}`,
};

/** A value that tells frames apart beyond their number: the order in which pictures are shown. */
export function pictureOrder<C extends Codec>(codec: C, values: CodecValues[C]): string | undefined {
  const order: ((values: CodecValues[C]) => string) | undefined = orders[codec];
  return order?.(values);
}

const states: Readonly<Record<BufferState, string>> = {
  dequeued: "Dequeued",
  "in-request": "In request",
  preparing: "Preparing",
  queued: "Queued",
  active: "Active",
  done: "Done",
  error: "Error",
};

/** The original puts the lines of a queue's buffers into one string of so many bytes; what is beyond is cut off. */
const STATUS_CHARS = 2047;

/** Time stamps are unsigned, but drawn as `%lld`. */
const signed = (timestampNs: bigint): string => BigInt.asIntN(64, timestampNs).toString();

/** The lines of the frame, from top to bottom. */
export function frameText(facts: FrameFacts): string[] {
  const { sequence, timestampNs, order, references, coded, decoded, verbose } = facts;
  const time = verbose === undefined ? "" : `stream time: ${clock(verbose.streamTimeMs)} `;
  const lines = [`${time}sequence:${sequence} timestamp:${signed(timestampNs)} field:none`, ""];
  if (order !== undefined) lines.push(order, "");
  lines.push("Reference frames:", ...references.map((reference) => referenceLine(facts, reference)), "");
  lines.push(...formatLines("OUTPUT", coded));
  if (verbose !== undefined)
    lines.push("", "Output queue status:", ...limited(verbose.output.map(outputLine)));
  lines.push("", ...formatLines("CAPTURE", decoded));
  if (verbose !== undefined) {
    lines.push("", "Capture queue status:", ...limited(verbose.capture.map(captureLine)));
  }
  return lines;
}

function clock(ms: number): string {
  const part = (value: number, digits: number): string => String(Math.floor(value)).padStart(digits, "0");
  const seconds = ms / 1000;
  return [
    part((seconds / 3600) % 24, 2),
    part((seconds / 60) % 60, 2),
    part(seconds % 60, 2),
    part(ms % 1000, 3),
  ].join(":");
}

function referenceLine({ codec, verbose }: FrameFacts, { name, timestampNs }: Reference): string {
  const index = verbose?.findCapture(timestampNs);
  if (codec === "h264" || codec === "hevc") {
    // The original prints these time stamps as 32-bit numbers.
    const short = BigInt.asUintN(32, timestampNs);
    return `${name}:${short}${index === undefined ? "" : `, vb2_index: ${index}`}`;
  }
  return `${name}: ${signed(timestampNs)}${index === undefined ? "" : `, vb2_idx: ${index}`}`;
}

const fourccText = (code: number): string =>
  String.fromCharCode(code & 0xff, (code >> 8) & 0xff, (code >> 16) & 0xff, code >>> 24);

function formatLines(queue: string, { pixelformat, width, height, planes }: VideoFormat): string[] {
  const head = `${queue} pixelformat: ${fourccText(pixelformat)}, resolution: ${width}x${height}`;
  return [
    `${head}, num_planes: ${planes.length}`,
    ...planes.map(
      ({ bytesperline, sizeimage }, index) =>
        `plane[${index}]: bytesperline: ${bytesperline}, sizeimage: ${sizeimage}`,
    ),
  ];
}

function outputLine({ index, state, requestFd, planes }: OutputBufferStatus): string {
  const sizes = planes.map(
    ({ bytesused, length, dataOffset }, plane) =>
      `bytesused[${plane}]: ${bytesused} length[${plane}]: ${length} data_offset[${plane}]: ${dataOffset}`,
  );
  return `index: ${index}, state: ${states[state]}, request_fd: ${requestFd}, ${sizes.join("")}`;
}

function captureLine({ index, state, timestampNs, isHeld }: CaptureBufferStatus): string {
  return `index: ${index}, status: ${states[state]}, timestamp: ${timestampNs}, is_held: ${isHeld ? 1 : 0}`;
}

function limited(lines: readonly string[]): string[] {
  let room = STATUS_CHARS;
  return lines.map((line) => {
    const shown = line.slice(0, room);
    room -= shown.length;
    return shown;
  });
}
