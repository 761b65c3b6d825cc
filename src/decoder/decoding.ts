/** Decodes the jobs of one open file, in a process that may be lost at any time. */
import { CodecError } from "../codec/index.js";
import type { StatelessFile, StatelessJob } from "../stateless/index.js";
import { BufFlag } from "../v4l2/index.js";
import type { PlaneMemory } from "../vb2/index.js";
import { layoutOf } from "./formats.js";
import type { Packet, PacketWriter, References } from "./packets/packet.js";
import { decoderCodec, type DecoderCodec } from "./packets/index.js";
import type { DecoderProcess } from "./process.js";
import type { Answer, JobOrder } from "./protocol.js";
import { JobFlag, MAX_PIECES } from "./protocol.js";

/** So many decoded frames are remembered; a client has fewer buffers. */
const REMEMBERED = 1024;

/** A decoder process, what it was given, and what it has decoded. */
interface Worker {
  readonly process: DecoderProcess;
  readonly codec: DecoderCodec;
  readonly writer: PacketWriter;
  /** Time stamps, nanoseconds, in the order of decoding. */
  readonly decoded: Set<bigint>;
}

export interface DecodingParts {
  /** Starts a process; tests have their own. */
  readonly start: () => DecoderProcess;
  readonly references: References;
  /** One line for the log. */
  readonly log: (text: string) => void;
}

export class Decoding {
  readonly #parts: DecodingParts;
  #worker: Worker | undefined;

  constructor(parts: DecodingParts) {
    this.#parts = parts;
  }

  /** The process, while there is one; for tests. */
  get process(): DecoderProcess | undefined {
    return this.#worker?.process;
  }

  /**
   * Decodes a job. Its controls and formats are read before this returns.
   * @returns A sentence about why there is no picture, or a broken one.
   */
  decode(job: StatelessJob<StatelessFile>): string | undefined | Promise<string | undefined> {
    const { codec, decoded: format } = job.state.formats;
    const [source] = job.source.planes;
    const [destination] = job.destination.planes;
    const buffers = memoryOf(source?.memory, destination?.memory);
    if (source === undefined || destination === undefined || buffers === undefined)
      return "a buffer has no memory";
    const needed = format.planes[0]?.sizeimage ?? 0;
    if (destination.length < needed) {
      return `its CAPTURE buffer has ${destination.length} bytes, the format set since needs ${needed}`;
    }
    const worker = this.#workerFor(codec.name);
    if (worker === undefined) return `${codec.name} is not decoded here`;
    const missing = job.frame.missingReference((timestampNs) => worker.decoded.has(timestampNs));
    if (missing !== undefined) {
      return `the frame with the time stamp ${missing} that it refers to was not decoded, or lost with its process`;
    }
    const order = orderOf(job, worker, layoutOf(format));
    if (typeof order === "string") return order;
    remember(worker.decoded, job.destination.timestampNs);
    const answer = worker.process.decode(order, {
      source: { index: job.source.index, memory: buffers.source },
      destination: { index: job.destination.index, memory: buffers.destination },
    });
    return answer.then((end) => this.#problemOf(end, worker));
  }

  /** The buffer's memory is going away. */
  forget(isOutput: boolean, index: number): void {
    this.#worker?.process.forget(isOutput, index);
  }

  /** The file is closed. */
  close(): void {
    this.#worker?.process.close();
    this.#worker = undefined;
  }

  #workerFor(name: string): Worker | undefined {
    const codec = decoderCodec(name);
    if (codec === undefined) return undefined;
    const before = this.#worker;
    if (before !== undefined && before.process.end === undefined && before.codec === codec) return before;
    if (before !== undefined) this.#replace(before);
    this.#worker = {
      process: this.#parts.start(),
      codec,
      writer: codec.makeWriter(this.#parts.references),
      decoded: new Set(),
    };
    return this.#worker;
  }

  /** Of another codec, or lost while it had nothing to do. */
  #replace(worker: Worker): void {
    if (worker.process.end === undefined) worker.process.close();
    else this.#lost(worker);
  }

  #lost(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#parts.log(
      `its decoder process ${worker.process.end ?? "ended"}; the next key frame goes on with another one`,
    );
  }

  #problemOf(answer: Answer | undefined, worker: Worker): string | undefined {
    if (answer !== undefined) return describe(answer);
    this.#lost(worker);
    return `its decoder process ${worker.process.end ?? "ended"}`;
  }
}

function memoryOf(
  source: PlaneMemory | undefined,
  destination: PlaneMemory | undefined,
): { readonly source: PlaneMemory; readonly destination: PlaneMemory } | undefined {
  return source === undefined || destination === undefined ? undefined : { source, destination };
}

/** @returns A sentence about why the job cannot be put into an order. */
function orderOf(
  job: StatelessJob<StatelessFile>,
  { writer, codec }: Worker,
  layout: number,
): Omit<JobOrder, "serial" | "source" | "destination"> | string {
  const { width, height, planes } = job.state.formats.decoded;
  const isHeld = (job.source.flags & BufFlag.M2mHoldCaptureBuf) !== 0;
  let packet: Packet;
  try {
    const { bitstream, isNewFrame } = job;
    const { controls } = job.state;
    const { timestampNs } = job.destination;
    packet = writer.packet({ controls, bitstream, timestampNs, isNewFrame, isHeld });
  } catch (error) {
    if (error instanceof CodecError) return error.message;
    throw error;
  }
  if (packet.pieces.length > MAX_PIECES) return `it has more than ${MAX_PIECES} parts`;
  return {
    codec: codec.number,
    flags: (packet.flags ?? 0) | (job.isNewFrame ? JobFlag.NewFrame : 0),
    layout,
    width,
    height,
    stride: planes[0]?.bytesperline ?? 0,
    pieces: packet.pieces,
  };
}

function remember(decoded: Set<bigint>, timestampNs: bigint): void {
  decoded.delete(timestampNs);
  decoded.add(timestampNs);
  if (decoded.size <= REMEMBERED) return;
  const [oldest] = decoded;
  if (oldest !== undefined) decoded.delete(oldest);
}

function describe({ status, width, height }: Answer): string | undefined {
  switch (status) {
    case "done":
      return undefined;
    case "no-picture":
      return "there is no picture in its bitstream";
    case "broken":
      return "its bitstream is broken";
    case "other-layout":
      return "its bit depth or chroma format is not that of the CAPTURE format";
    case "larger":
      return `its picture has ${width} x ${height} pixels, more than the CAPTURE format`;
    case "no-memory":
      return "the decoder process has no memory left";
    case "no-codec":
      return "this machine's libavcodec or libdav1d cannot decode it";
  }
}
