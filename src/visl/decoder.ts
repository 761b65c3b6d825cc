/** One job: draws the frame that a bitstream buffer and its controls describe, and traces both. */
import type { JobState, M2mContext, M2mJob } from "../m2m/index.js";
import type { VideoBuffer } from "../vb2/index.js";
import type { CodecValues } from "./codec-values.js";
import { codecValues } from "./codec-values.js";
import type { Shared, VislFile } from "./file.js";
import type { Codec } from "./formats.js";
import { referencesOf, usedReferences } from "./references.js";
import type { FrameFacts, VerboseFacts } from "./text.js";
import { frameText, pictureOrder } from "./text.js";
import type { Tracepoints } from "./trace/tracepoints.js";

export type VislContext = M2mContext<VislFile>;

export interface DecoderParts extends Shared {
  /** False: CAPTURE buffers are given back as they are. For measurements. */
  readonly drawing: boolean;
  readonly tracepoints: Tracepoints;
  /** A sentence for the operator: why a job ended in an error. */
  warn(text: string): void;
}

export interface JobCounters {
  /** All jobs that ran. */
  readonly done: number;
  /** Those of them that ended in an error. */
  readonly failed: number;
}

export class Decoder {
  readonly #jobs = { done: 0, failed: 0 };
  readonly #parts: DecoderParts;
  /** The running job, while it pretends to take its time. */
  #pending: { readonly timer: NodeJS.Timeout; finish(): void } | undefined;

  constructor(parts: DecoderParts) {
    this.#parts = parts;
  }

  get jobs(): JobCounters {
    return this.#jobs;
  }

  /** Runs a job; it is over when `transtimeMs` has passed. */
  deviceRun(context: VislContext, job: M2mJob<VislFile>): void {
    const state = this.#decode(context, job);
    for (const jobs of [this.#jobs, job.state.jobs]) {
      jobs.done += 1;
      if (state === "error") jobs.failed += 1;
    }
    const finish = (): void => {
      this.#pending = undefined;
      job.finish(state);
    };
    const { transtimeMs } = this.#parts.parameters.values;
    if (transtimeMs === 0) finish();
    else this.#pending = { timer: setTimeout(finish, transtimeMs), finish };
  }

  /** STREAMOFF or close: the job is over at once. The original waits until it is. */
  jobAbort(): void {
    if (this.#pending === undefined) return;
    clearTimeout(this.#pending.timer);
    this.#pending.finish();
  }

  #decode(context: VislContext, { source, destination, request }: M2mJob<VislFile>): JobState {
    const { tracepoints, debug } = this.#parts;
    const { formats, controls } = context.state;
    const { sequence } = destination;
    destination.field = formats.decoded.field;
    debug.frame(
      sequence,
      "visl_device_run",
      `Got OUTPUT buffer sequence ${source.sequence}, timestamp ${source.timestampNs}`,
      `Got CAPTURE buffer sequence ${sequence}, timestamp ${destination.timestampNs}`,
    );
    const { codec } = formats.codec;
    const values = codecValues(codec, controls);
    // Without a request neither buffer nor controls need be meant for decoding: v4l2-compliance streams so.
    let problem = request === undefined ? undefined : unfitRequest(context, source, codec, values);
    problem ??= this.#draw(context, codec, values, destination);
    tracepoints.job(codec, values, context.file.client);
    this.#dump(source, sequence);
    if (problem === undefined) return "done";
    this.#parts.warn(`frame ${sequence} of file ${context.file.id} cannot be decoded: ${problem}`);
    return "error";
  }

  #draw<C extends Codec>(
    context: VislContext,
    codec: C,
    values: CodecValues[C],
    destination: VideoBuffer,
  ): string | undefined {
    const { parameters, debug } = this.#parts;
    const { formats, picture } = context.state;
    const [plane] = destination.planes;
    if (plane === undefined || plane.length < picture.sizeBytes) {
      return `its CAPTURE buffer has ${plane?.length ?? 0} bytes, the format set since needs ${picture.sizeBytes}`;
    }
    const { sequence, timestampNs } = destination;
    if (!this.#parts.drawing) return undefined;
    const facts: FrameFacts = {
      codec,
      sequence,
      timestampNs,
      order: pictureOrder(codec, values),
      references: referencesOf(codec, values),
      coded: formats.coded,
      decoded: formats.decoded,
      verbose: parameters.values.tpgVerbose ? verboseFacts(context) : undefined,
    };
    const lines = frameText(facts);
    picture.draw(plane.bytes, lines);
    debug.frame(sequence, "visl_tpg_fill", ...lines);
    return undefined;
  }

  #dump(source: VideoBuffer, sequence: number): void {
    const { parameters, bitstreams } = this.#parts;
    const [plane] = source.planes;
    if (plane === undefined || !parameters.dumpsFrame(sequence)) return;
    // From the start of the plane, whatever the data offset.
    const problem = bitstreams.add(source.sequence, plane.bytes.subarray(0, plane.bytesused));
    if (problem !== undefined) this.#parts.warn(`bitstream of frame ${sequence} is not dumped: ${problem}`);
  }
}

/** @returns A sentence about what a real decoder could not decode. */
function unfitRequest<C extends Codec>(
  context: VislContext,
  source: VideoBuffer,
  codec: C,
  values: CodecValues[C],
): string | undefined {
  return source.planes[0]?.input.isEmpty === true
    ? "its OUTPUT buffer is empty, bytesused is 0"
    : missingReference(context, codec, values);
}

/** @returns A sentence about the first frame that this one is made from and that no CAPTURE buffer holds. */
function missingReference<C extends Codec>(
  { destination }: VislContext,
  codec: C,
  values: CodecValues[C],
): string | undefined {
  const missing = usedReferences(codec, values).find(
    (timestampNs) => destination.findByTimestamp(timestampNs) === undefined,
  );
  return missing === undefined
    ? undefined
    : `no CAPTURE buffer has the time stamp ${missing} of a frame that it refers to`;
}

function verboseFacts(context: VislContext): VerboseFacts {
  const { source, destination, state } = context;
  return {
    streamTimeMs: Math.floor(performance.now() - state.captureStartedMs),
    findCapture: (timestampNs) => destination.findByTimestamp(timestampNs)?.index,
    output: source.buffers().map((buffer) => ({
      index: buffer.index,
      state: buffer.state,
      requestFd: buffer.requestFd ?? -1,
      planes: buffer.planes.map(({ input: { bytesused, length, dataOffset } }) => ({
        bytesused,
        length,
        dataOffset,
      })),
    })),
    capture: destination.buffers().map(({ index, state: bufferState, timestampNs, isHeld }) => ({
      index,
      state: bufferState,
      timestampNs,
      isHeld,
    })),
  };
}
