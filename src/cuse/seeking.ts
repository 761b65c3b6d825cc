/**
 * `lseek(2)` of files that can be mapped. The kernel gives them a position (it takes FOPEN_STREAM and FOPEN_PASSTHROUGH
 * only one at a time), which devices have none of. Where it asks us, the answer is a device's: ESPIPE. SEEK_SET, SEEK_CUR
 * and SEEK_END it answers itself.
 *
 * SEEK_END could be ESPIPE, too, if the kernel were not to remember attributes. But then each stat(2) would ask the driver,
 * and that of a client whose driver has died would fail.
 */
import { FUSE_GETATTR, FUSE_GETATTR_FH, FUSE_LSEEK, FuseGetattrInView } from "./gen/fuse.js";
import type { Message } from "./protocol.js";

/** Is it a seek? For SEEK_END a kernel that knows no attributes yet asks for the size, by the open file; stat(2) names none. */
export function isSeek({ opcode, body }: Message): boolean {
  if (opcode === FUSE_LSEEK) return true;
  if (opcode !== FUSE_GETATTR || body.byteLength < FuseGetattrInView.SIZE) return false;
  return (new FuseGetattrInView(body).getattr_flags & FUSE_GETATTR_FH) !== 0;
}

/** How long the kernel may remember attributes: they change through us only. Ten years, in seconds. */
export const ATTRIBUTES_LAST = 315_360_000n;
