/** The text on a frame: one string for each line of 16 pixels, an empty one where a line stays free. */
import type { CodedFrame, Reference } from "../stateless/index.js";
import type { VideoFormat } from "../v4l2/index.js";
import type { BufferState } from "../vb2/index.js";

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
  readonly frame: Pick<CodedFrame, "codec" | "order" | "references">;
  readonly sequence: number;
  readonly timestampNs: bigint;
  readonly coded: VideoFormat;
  readonly decoded: VideoFormat;
  readonly verbose: VerboseFacts | undefined;
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
  const { frame, sequence, timestampNs, coded, decoded, verbose } = facts;
  const time = verbose === undefined ? "" : `stream time: ${clock(verbose.streamTimeMs)} `;
  const lines = [`${time}sequence:${sequence} timestamp:${signed(timestampNs)} field:none`, ""];
  if (frame.order !== undefined) lines.push(frame.order, "");
  lines.push("Reference frames:", ...frame.references().map((named) => referenceLine(facts, named)), "");
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

function referenceLine({ frame, verbose }: FrameFacts, { name, timestampNs }: Reference): string {
  const index = verbose?.findCapture(timestampNs);
  if (frame.codec.hasDpb) {
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
