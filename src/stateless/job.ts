/** A job of a stateless decoder: a bitstream, the frame that its controls describe, and the picture to be made. */
import type { M2mContext, M2mJob } from "../m2m/index.js";
import type { DriverTasks, MediaRequest } from "../v4l2/index.js";
import type { VideoBuffer } from "../vb2/index.js";
import type { CodedFrame } from "./codec.js";
import type { StatelessFile } from "./file.js";

/** A job that runs. The controls of its request are in effect, in `state.controls`, until it ends. */
export class StatelessJob<State extends StatelessFile = StatelessFile> {
  readonly #job: M2mJob<State>;
  /** What the controls say. */
  readonly frame: CodedFrame;
  #problem: string | undefined;

  /** Made by the device, when the job starts. */
  constructor(job: M2mJob<State>) {
    this.#job = job;
    const { controls, formats } = job.state;
    this.frame = formats.codec.frame(controls);
    // Without a request neither buffer nor controls need be meant for decoding: v4l2-compliance streams so.
    this.#problem = job.request === undefined ? undefined : this.#unfit();
  }

  get context(): M2mContext<State> {
    return this.#job.context;
  }

  get state(): State {
    return this.#job.state;
  }

  get request(): MediaRequest | undefined {
    return this.#job.request;
  }

  /** The OUTPUT buffer. */
  get source(): VideoBuffer {
    return this.#job.source;
  }

  /** The CAPTURE buffer. */
  get destination(): VideoBuffer {
    return this.#job.destination;
  }

  /**
   * The payload of the OUTPUT buffer, from the start of the plane whatever its data offset. It is the client's memory:
   * it may change while it is looked at, and another job will find other bytes there.
   */
  get bitstream(): Uint8Array {
    const plane = this.source.plane(0);
    return plane.bytes.subarray(0, plane.bytesused);
  }

  /** Is this the first, or only, slice of a frame? */
  get isNewFrame(): boolean {
    return this.context.newFrame;
  }

  /** Timers and promises of this job; they end with it, and if one throws, the job ends with "error". */
  get tasks(): DriverTasks {
    return this.#job.tasks;
  }

  /** False once the job ended: STREAMOFF and close may end it at any time. */
  get isRunning(): boolean {
    return this.#job.isRunning;
  }

  /** A sentence about why the frame cannot be decoded as it was submitted; the first one that was found. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Something about the request is wrong: it will end in an error if its driver agrees. See {@link problem}. */
  report(problem: string): void {
    this.#problem ??= problem;
  }

  /** @returns A sentence about what a real decoder could not decode. */
  #unfit(): string | undefined {
    if (this.source.planes[0]?.input.isEmpty === true) return "its OUTPUT buffer is empty, bytesused is 0";
    const { destination } = this.context;
    const missing = this.frame.missingReference(
      (timestampNs) => destination.findByTimestamp(timestampNs) !== undefined,
    );
    return missing === undefined
      ? undefined
      : `no CAPTURE buffer has the time stamp ${missing} of a frame that it refers to`;
  }
}
