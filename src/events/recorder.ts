/** Records the events of any number of devices into one file. */
import { traceTimes, type RecordedEvent, type TraceStream } from "../v4l2/index.js";
import { ChunkWriter, type ChunkOptions } from "./chunks.js";
import { RecordEncoder } from "./encoder.js";
import { encodeHead } from "./format.js";
import type { RecordSink } from "./sinks.js";

/** What the end of a recording gets to be written. */
const END_MS = 5000;

export interface RecorderOptions extends ChunkOptions {
  /** So much of what each OUTPUT buffer holds is recorded, too. Default: nothing. */
  readonly dataBytes?: number | undefined;
  /** What writes it: `v4l2-cuse 1.0`. */
  readonly program: string;
  /** Hears once that all from here on is lost, and why. The devices go on. */
  readonly failed: (error: Error) => void;
}

/** A recording that is being made. */
export class Recorder {
  readonly #chunks: ChunkWriter;
  readonly #encoder: RecordEncoder;
  readonly #failed: (error: Error) => void;
  readonly #stops: (() => void)[] = [];
  readonly #dataBytes: number;

  constructor(sink: RecordSink, { program, failed, dataBytes = 0, ...options }: RecorderOptions) {
    this.#dataBytes = dataBytes;
    this.#failed = failed;
    this.#chunks = new ChunkWriter(sink, failed, options);
    this.#encoder = new RecordEncoder(this.#chunks);
    const head = encodeHead({ program, ...traceTimes() });
    const chunk = this.#chunks.room(head.byteLength);
    if (chunk === undefined) throw new Error("no room for the head of a recording");
    chunk.bytes.set(head);
    chunk.used = head.byteLength;
  }

  /** Takes an event; never throws for it, and never waits. */
  readonly take = (event: RecordedEvent): void => {
    if (!this.#chunks.hasFailed) this.#encoder.encode(event);
  };

  /** Records what `streams` tell from now on, until {@link end}, or until the function that is returned is called. */
  listen(streams: readonly TraceStream[]): () => void {
    const stops = streams.map((stream) => stream.record(this.take, this.#dataBytes));
    this.#stops.push(...stops);
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** Events that have no place in the recording so far, and of which it does not say so yet. */
  get dropped(): number {
    return this.#encoder.dropped;
  }

  /** Takes no more, and writes nothing more: nobody reads it. */
  abandon(): void {
    for (const stop of this.#stops) stop();
    this.#chunks.end();
  }

  /** Writes the rest. What cannot be written in five seconds is told as a failure. */
  async end(): Promise<void> {
    for (const stop of this.#stops) stop();
    if (this.#chunks.hasFailed) return;
    // What was dropped can be told once there is room again.
    let isWritten = await this.#chunks.settled(END_MS);
    if (isWritten && this.#encoder.dropped > 0) {
      this.#encoder.tellDropped({ device: "", ...traceTimes() });
      isWritten = await this.#chunks.settled(END_MS);
    }
    this.#chunks.end();
    if (isWritten || this.#chunks.hasFailed) return;
    this.#failed(new Error(`its end was not written in ${END_MS / 1000} seconds`));
  }
}
