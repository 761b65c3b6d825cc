/**
 * `lseek(2)` of files that can be mapped. The kernel gives them a position (it takes FOPEN_STREAM and FOPEN_PASSTHROUGH
 * only one at a time), which devices have none of. Where it asks us, the answer is a device's: ESPIPE. SEEK_SET and
 * SEEK_CUR it answers itself.
 */
import { FUSE_GETATTR, FUSE_GETATTR_FH, FUSE_LSEEK, FuseGetattrInView } from "./gen/fuse.js";
import type { Message } from "./protocol.js";

/**
 * Is it a seek? For SEEK_END the kernel asks for the size, by the open file; stat(2) names none. It asks only if it may
 * not remember the size ({@link attributesLast}).
 */
export function isSeek({ opcode, body }: Message): boolean {
  if (opcode === FUSE_LSEEK) return true;
  if (opcode !== FUSE_GETATTR || body.byteLength < FuseGetattrInView.SIZE) return false;
  return (new FuseGetattrInView(body).getattr_flags & FUSE_GETATTR_FH) !== 0;
}

/** Attributes change through us only: ten years, in seconds. */
const ATTRIBUTES_LAST = 315_360_000n;

/** How long the kernel may remember the attributes of a file, seconds: its size is told to stat(2) only. */
export const attributesLast = (sizeBytes: number): bigint => (sizeBytes > 0 ? 0n : ATTRIBUTES_LAST);
