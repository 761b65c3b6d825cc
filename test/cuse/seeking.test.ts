/** Which messages are a seek. */
import { expect, it } from "vitest";
import {
  FUSE_GETATTR,
  FUSE_GETATTR_FH,
  FUSE_LSEEK,
  FUSE_STATFS,
  FuseGetattrInView,
} from "../../src/cuse/gen/fuse.js";
import { Message } from "../../src/cuse/protocol.js";
import { isSeek } from "../../src/cuse/seeking.js";
import { message } from "./support/messages.js";

function getattr(flags: number, size = FuseGetattrInView.SIZE): Uint8Array {
  const view = new FuseGetattrInView(new Uint8Array(FuseGetattrInView.SIZE));
  view.getattr_flags = flags;
  return message(FUSE_GETATTR, 2, view.bytes.subarray(0, size));
}

it.each([
  ["lseek(2)", message(FUSE_LSEEK, 2, new Uint8Array(24)), true],
  ["the size for SEEK_END, asked by an open file", getattr(FUSE_GETATTR_FH), true],
  ["stat(2)", getattr(0), false],
  ["stat(2) with another flag", getattr(FUSE_GETATTR_FH << 1), false],
  ["a message that ends too early", getattr(FUSE_GETATTR_FH, FuseGetattrInView.SIZE - 1), false],
  ["statfs(2)", message(FUSE_STATFS, 2, new Uint8Array(16).fill(0xff)), false],
])("%s: is it a seek?", (_what, bytes, expected) => {
  const asked = new Message();
  asked.load(bytes);
  expect(isSeek(asked)).toBe(expected);
});
