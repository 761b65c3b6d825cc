/**
 * V4L2_BUF_FLAG_MAPPED: does a client have the buffer mapped, or what EXPBUF gave it? A kernel driver sees that. Here it is
 * looked up when an answer depends on it: in QUERYBUF, and in QBUF and PREPARE_BUF as long as the queue does not stream.
 *
 * Differs from vb2: while it streams, what was seen last counts, for looking costs system calls for each frame. Only that
 * a buffer is not mapped is looked up again, a few times a second. Where it cannot be seen, a client that queues MMAP
 * buffers has them mapped.
 */
import type { Call } from "../v4l2/index.js";
import type { QueueBuffer } from "./buffer.js";

/** While a queue streams: how long "not mapped" counts. */
const AGAIN_MS = 200;

export class MappedFlag {
  #againMs = 0;

  /** QUERYBUF. */
  query(buffer: QueueBuffer, call: Call): void {
    buffer.mapped = isUsed(buffer, call) ?? buffer.mapped;
  }

  /** The owner's QBUF, PREPARE_BUF and DQBUF. */
  passing(buffer: QueueBuffer, call: Call, isStreaming: boolean): void {
    if (buffer.memory !== "mmap") return;
    if (isStreaming) {
      if (buffer.mapped || performance.now() < this.#againMs) return;
      this.#againMs = performance.now() + AGAIN_MS;
    } else this.#againMs = 0;
    const canTell = buffer.planes.some(({ users }) => users !== undefined);
    buffer.mapped = isUsed(buffer, call) ?? (canTell || buffer.mapped);
  }
}

/** Is one of its planes in use? Undefined: it cannot be told. */
function isUsed(buffer: QueueBuffer, call: Call): boolean | undefined {
  let known: boolean | undefined;
  if (buffer.memory !== "mmap") return undefined;
  for (const { users } of buffer.planes) {
    const isOne = users?.isUsed(call);
    if (isOne === true) return true;
    known ??= isOne;
  }
  return known;
}
