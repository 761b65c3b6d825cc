/** One job: draws the frame that a bitstream buffer and its controls describe, and traces both. */
import type { M2mContext } from "../m2m/index.js";
import { copyMetadata } from "../m2m/index.js";
import { V4l2Error } from "../v4l2/index.js";
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
  readonly tracepoints: Tracepoints;
  /** A sentence for the operator: why a job ended in an error. */
  warn(text: string): void;
}

export class Decoder {
  readonly #parts: DecoderParts;
  /** The running job, while it pretends to take its time. */
  #pending: { readonly timer: NodeJS.Timeout; finish(): void } | undefined;

  constructor(parts: DecoderParts) {
    this.#parts = parts;
  }

  /** Runs the next job of `context`; it is over when `transtimeMs` has passed. */
  deviceRun(context: VislContext): void {
    const { parameters } = this.#parts;
    const source = context.nextSource;
    const destination = context.nextDestination;
    if (source === undefined || destination === undefined) throw new Error("a job without buffers");
    const state = this.#decode(context, source, destination);
    const { jobs } = context.state;
    jobs.done += 1;
    if (state === "error") jobs.failed += 1;

    const finish = (): void => {
      this.#pending = undefined;
      context.bufDoneAndJobFinish(state);
    };
    const { transtimeMs } = parameters.values;
    if (transtimeMs === 0) return finish();
    this.#pending = { timer: setTimeout(finish, transtimeMs), finish };
  }

  /** STREAMOFF or close: the job is over at once. The original waits until it is. */
  jobAbort(): void {
    if (this.#pending === undefined) return;
    clearTimeout(this.#pending.timer);
    this.#pending.finish();
  }

  #decode(context: VislContext, source: VideoBuffer, destination: VideoBuffer): "done" | "error" {
    const { tracepoints, debug } = this.#parts;
    const file = context.state;
    const { request } = source;
    let problem = request === undefined ? undefined : this.#applyControls(file, request);

    copyMetadata(source, destination);
    destination.sequence = file.sequence.destination++;
    source.sequence = file.sequence.source++;
    destination.field = file.formats.decoded.field;

    const { codec } = file.formats.codec;
    const values = codecValues(codec, file.controls);
    const { sequence } = destination;
    debug.frame(
      sequence,
      "visl_device_run",
      `Got OUTPUT buffer sequence ${source.sequence}, timestamp ${source.timestampNs}`,
      `Got CAPTURE buffer sequence ${sequence}, timestamp ${destination.timestampNs}`,
    );
    if (request !== undefined) problem ??= missingReference(context, codec, values);
    problem ??= this.#draw(context, codec, values, destination);
    tracepoints.job(codec, values, context.file.client);
    this.#dump(source, sequence);
    if (request !== undefined) file.controls.complete(request);
    if (problem === undefined) return "done";
    this.#parts.warn(`frame ${sequence} of file ${context.file.id} cannot be decoded: ${problem}`);
    return "error";
  }

  /** @returns Why not, if the controls of the request could not be put into effect. */
  #applyControls({ controls }: VislFile, request: NonNullable<VideoBuffer["request"]>): string | undefined {
    try {
      controls.setup(request);
      return undefined;
    } catch (error) {
      if (error instanceof V4l2Error) return error.message;
      throw error;
    }
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
