/** What the layer above a queue does where a verb meets the client, and how a driver gives buffers back. */

/** What the layer above does at the points where a verb meets the client (`struct vb2_buf_ops`). */
export interface BufferUser<B> {
  /** The moment whose state the client is told. */
  describe(buffer: B): void;
}

/** QBUF. */
export interface EnqueueUser<B> extends BufferUser<B> {
  /** The buffer was accepted; take over what came with it (time stamp). */
  accept(buffer: B): void;
}

/** DQBUF. */
export interface DequeueUser<B> extends BufferUser<B> {
  /** Can the client take this buffer? It stays where it is when this throws. */
  verify?(buffer: B): void;
}

/** How a driver gives a buffer back; "queued" only when streaming could not start. */
export type DoneState = "done" | "error" | "queued";
