/** What a driver can do wrong with buffers, in words. */
import { withoutStack } from "../v4l2/index.js";
import type { QueueBuffer } from "./buffer.js";
import { bufferEdges, bufferOwner } from "./state.js";
import type { BufferState } from "./state.js";

/**
 * Why `buffer` cannot be given back; undefined: it can.
 * @param known - The queue's buffer of that index.
 */
export function wrongDone(
  buffer: QueueBuffer,
  known: QueueBuffer | undefined,
  to: BufferState,
): Error | undefined {
  const { index, state } = buffer;
  if (state !== "active") {
    return new Error(`buffer ${index} belongs to the ${bufferOwner[state]}, not to the driver`);
  }
  if (known !== buffer) return new Error(`buffer ${index} is of another queue`);
  return bufferEdges.active.includes(to) ? undefined : new Error(`no buffer is given back as "${to}"`);
}

/** An op that must give all buffers back kept these. */
export function keptBuffers(buffers: readonly QueueBuffer[]): Error {
  const names = buffers.map(({ index }) => index).join(", ");
  return withoutStack(() => new Error(`it kept buffers (${names}) that it has to give back`));
}
