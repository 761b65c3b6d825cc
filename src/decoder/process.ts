/** The process `v4l2-cuse-decoder` of one open file, which native/decoder/main.cc explains. */
import { decoderPath, programProblem } from "../native.js";
import type { PlaneMemory } from "../vb2/index.js";
import { WorkerProcess, type WorkerObserver } from "../worker/index.js";
import type { Answer, JobOrder } from "./protocol.js";
import {
  ANSWER_BYTES,
  CAPTURE_SLOT,
  decodeAnswer,
  encodeForget,
  encodeJob,
  encodeMemory,
  PROTOCOL,
  SLOTS,
} from "./protocol.js";

/** A job that takes longer has met a bitstream that means harm: the largest picture takes a fraction of it. */
const JOB_LIMIT_MS = 20_000;

/** Where the memory of a job's buffers goes. */
export interface JobBuffers {
  readonly source: { readonly index: number; readonly memory: PlaneMemory };
  readonly destination: { readonly index: number; readonly memory: PlaneMemory };
}

/** One sentence that says why nothing can be decoded here, and what to do about it; undefined when it can. */
export const decoderProblem = (): string | undefined =>
  programProblem(decoderPath(), "libavcodec-dev and libdav1d-dev");

export class DecoderProcess {
  readonly #worker: WorkerProcess<Answer>;
  /** What each slot of the process holds. */
  readonly #slots = new Array<{ readonly memory: PlaneMemory; readonly fd: number } | undefined>(SLOTS);

  /**
   * Starts it. What goes wrong with that is the end of its first job.
   * @param observer - Hears what it is given and what it does.
   */
  constructor(
    readonly path: string = decoderPath(),
    observer?: WorkerObserver,
  ) {
    this.#worker = new WorkerProcess({
      path,
      protocol: PROTOCOL,
      answerBytes: ANSWER_BYTES,
      limitMs: JOB_LIMIT_MS,
      decode: decodeAnswer,
      ...(observer !== undefined && { observer }),
    });
  }

  /** Its process id; for tests. */
  get pid(): number | undefined {
    return this.#worker.pid;
  }

  /** Why it takes no jobs any more; undefined while it does. */
  get end(): string | undefined {
    return this.#worker.end;
  }

  /**
   * Hands over a job.
   * @param job - Without the numbers of its buffers, which `buffers` are.
   * @returns undefined: the process ended before; see {@link end}. Never rejects.
   */
  decode(
    job: Omit<JobOrder, "serial" | "source" | "destination">,
    buffers: JobBuffers,
  ): Promise<Answer | undefined> {
    const source = buffers.source.index;
    const destination = CAPTURE_SLOT + buffers.destination.index;
    return this.#worker.ask((serial) => {
      this.#share(source, buffers.source.memory);
      this.#share(destination, buffers.destination.memory);
      this.#worker.send(encodeJob({ ...job, serial, source, destination }));
    });
  }

  /** The memory of this buffer is the process's business no more. */
  forget(isOutput: boolean, index: number): void {
    const slot = isOutput ? index : CAPTURE_SLOT + index;
    if (this.#slots[slot] === undefined) return;
    this.#slots[slot] = undefined;
    this.#worker.send(encodeForget(slot, 1));
  }

  /** @param reason - What {@link end} says then: "was ..." */
  kill(reason: string): void {
    this.#worker.kill(reason);
  }

  /** The file is closed. */
  close(): void {
    this.#worker.close();
  }

  #share(slot: number, memory: PlaneMemory): void {
    const { fd } = memory;
    const shared = this.#slots[slot];
    // A plane that leaves its pool keeps its memory object and gets another file.
    if (shared?.memory === memory && shared.fd === fd) return;
    this.#slots[slot] = { memory, fd };
    this.#worker.send(encodeMemory(slot, memory.fdOffset, memory.sizeBytes), [fd]);
  }
}
