/** One job of visl: draws the frame that a bitstream buffer and its controls describe, and pretends to take its time. */
import type { M2mContext } from "../m2m/index.js";
import type { StatelessJob } from "../stateless/index.js";
import type { DriverTask } from "../v4l2/index.js";
import type { DebugLog } from "./debug-log.js";
import type { VislFile } from "./file.js";
import type { VislParameters } from "./parameters.js";
import type { FrameFacts, VerboseFacts } from "./text.js";
import { frameText } from "./text.js";

export type VislContext = M2mContext<VislFile>;
type VislJob = StatelessJob<VislFile>;

export interface DrawingParts {
  readonly parameters: VislParameters;
  readonly debug: DebugLog;
  /** False: CAPTURE buffers are given back as they are. For measurements. */
  readonly drawing: boolean;
}

export class DrawingDecoder {
  readonly #parts: DrawingParts;
  /** The running job, while it pretends to take its time. */
  #pending: { readonly task: DriverTask; finish(): void } | undefined;

  constructor(parts: DrawingParts) {
    this.#parts = parts;
  }

  /** @returns A sentence about why a decoder could not make the frame. */
  decode(job: VislJob): string | undefined {
    const { source, destination, state } = job;
    const { sequence } = destination;
    destination.field = state.formats.decoded.field;
    this.#parts.debug.frame(
      sequence,
      "visl_device_run",
      `Got OUTPUT buffer sequence ${source.sequence}, timestamp ${source.timestampNs}`,
      `Got CAPTURE buffer sequence ${sequence}, timestamp ${destination.timestampNs}`,
    );
    return job.problem ?? this.#draw(job);
  }

  /** The job is over when `transtimeMs` has passed. */
  decoded(job: VislJob, finish: () => void): void {
    const { transtimeMs } = this.#parts.parameters.values;
    if (transtimeMs === 0) {
      finish();
      return;
    }
    const end = (): void => {
      this.#pending = undefined;
      finish();
    };
    this.#pending = { task: job.tasks.after(transtimeMs, end), finish: end };
  }

  /** STREAMOFF or close: the job is over at once. The original waits until it is. */
  jobAbort(): void {
    if (this.#pending === undefined) return;
    this.#pending.task.stop();
    this.#pending.finish();
  }

  #draw({ context, frame, destination }: VislJob): string | undefined {
    const { parameters, debug, drawing } = this.#parts;
    const { formats, picture } = context.state;
    const [plane] = destination.planes;
    if (plane === undefined || plane.length < picture.sizeBytes) {
      return `its CAPTURE buffer has ${plane?.length ?? 0} bytes, the format set since needs ${picture.sizeBytes}`;
    }
    if (!drawing) return undefined;
    const { sequence, timestampNs } = destination;
    const facts: FrameFacts = {
      frame,
      sequence,
      timestampNs,
      coded: formats.coded,
      decoded: formats.decoded,
      verbose: parameters.values.tpgVerbose ? verboseFacts(context) : undefined,
    };
    const lines = frameText(facts);
    picture.draw(plane.bytes, lines);
    debug.frame(sequence, "visl_tpg_fill", ...lines);
    return undefined;
  }
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
