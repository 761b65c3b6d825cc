/** A recording that is still being made: its bytes come in pieces, and give the events that they complete. */
import type { TraceEvent } from "../v4l2/index.js";
import { HEAD_BYTES, MAGIC, MAX_HEAD_JSON } from "./format.js";
import { Recording } from "./reader.js";

export class LiveRecording {
  readonly #name: string;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #recording: Recording | undefined;

  /** @param name - For messages. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Does it end in the middle of an event, if it ends here? */
  get isCut(): boolean {
    return this.#recording?.isCut ?? this.#bytes > 0;
  }

  /**
   * Takes the bytes that come next. Of an ioctl, the argument is there until the next event is asked for.
   * @returns The events that are whole by now; to be read to the end.
   * @throws {RecordingError} It is no recording, or is damaged.
   */
  *push(bytes: Uint8Array): Generator<TraceEvent, void, undefined> {
    this.#waiting.push(bytes);
    this.#bytes += bytes.byteLength;
    this.#recording ??= this.#begin();
    if (this.#recording !== undefined) yield* this.#recording.events();
  }

  /** @returns undefined: its head is not there yet. */
  #begin(): Recording | undefined {
    if (this.#bytes < HEAD_BYTES) return undefined;
    const [head] = (this.#waiting = [Buffer.concat(this.#waiting)]);
    // What is none is refused by the reader, in its words.
    const isOurs = head?.toString("latin1", 0, MAGIC.length) === MAGIC;
    const length = isOurs ? head.readUInt32LE(HEAD_BYTES - 4) : 0;
    if (length <= MAX_HEAD_JSON && this.#bytes < HEAD_BYTES + length) return undefined;
    return new Recording((into) => this.#take(into), this.#name);
  }

  #take(into: Uint8Array): number {
    let taken = 0;
    for (
      let piece = this.#waiting[0];
      piece !== undefined && taken < into.byteLength;
      piece = this.#waiting[0]
    ) {
      const part = piece.subarray(0, into.byteLength - taken);
      into.set(part, taken);
      taken += part.byteLength;
      if (part.byteLength === piece.byteLength) this.#waiting.shift();
      else this.#waiting[0] = piece.subarray(part.byteLength);
    }
    this.#bytes -= taken;
    return taken;
  }
}
