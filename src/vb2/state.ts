/**
 * The states of a buffer and who owns it in each: data, and the one place that changes a state.
 *
 * Source of the states: `enum vb2_buffer_state`. The edges are what videobuf2-core.c does, seen from outside.
 */

/** Where a buffer is on its way from the client to the driver and back. */
export type BufferState =
  | "dequeued" // the client owns it
  | "in-request" // waits in a media request that was not queued yet
  | "preparing" // between the two, while its memory is looked at
  | "queued" // vb2 owns it
  | "active" // the driver owns it
  | "done" // waits for the client
  | "error"; // waits for the client, which is told that the contents are bad

/** Only the owner may touch a buffer's memory. */
export type BufferOwner = "client" | "request" | "vb2" | "driver";

/** Who owns a buffer in each of its states. */
export const bufferOwner: Readonly<Record<BufferState, BufferOwner>> = {
  dequeued: "client",
  "in-request": "request",
  preparing: "vb2",
  queued: "vb2",
  active: "driver",
  done: "vb2",
  error: "vb2",
};

/** From each state the ones that may follow. */
export const bufferEdges: Readonly<Record<BufferState, readonly BufferState[]>> = {
  dequeued: ["preparing", "in-request", "queued"],
  // Back to the client when the request is dropped, or on STREAMOFF.
  "in-request": ["preparing", "queued", "dequeued"],
  // Back to where it came from, prepared or refused.
  preparing: ["dequeued", "in-request"],
  queued: ["active", "dequeued"],
  // "queued" again when the driver could not start streaming.
  active: ["done", "error", "queued"],
  done: ["dequeued"],
  error: ["dequeued"],
};

/** @throws {Error} `to` does not follow `from`: a bug of the driver or of this layer, never a client's doing. */
export function assertEdge(from: BufferState, to: BufferState, index: number): void {
  if (!bufferEdges[from].includes(to)) {
    throw new Error(
      `buffer ${index} cannot go from "${from}" to "${to}": it belongs to the ${bufferOwner[from]}`,
    );
  }
}
