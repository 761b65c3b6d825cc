/**
 * A client that closes a descriptor which can be mapped does not wait until we know of it: the kernel tells us on
 * another channel than what the client does next on the node, and neither channel waits for the other. So the other
 * one is looked at before each call whose answer could depend on that, which costs a read(2). Here is which calls
 * those are; what is called for each frame is none.
 */
import {
  VIDIOC_DQBUF,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_PREPARE_BUF,
  VIDIOC_QBUF,
  VIDIOC_QUERYCAP,
  VIDIOC_S_EXT_CTRLS,
  VIDIOC_TRY_EXT_CTRLS,
} from "../v4l2/gen/index.js";
import { Poll } from "../v4l2/index.js";
import type { FileHandle } from "../v4l2/index.js";

/** Could the answer of `file`'s ioctl be another one because somebody else has closed a file? */
export function ioctlDependsOnCloses(file: FileHandle, cmd: number): boolean {
  switch (cmd) {
    case VIDIOC_QUERYCAP:
      return false;
    case VIDIOC_QBUF:
    case VIDIOC_DQBUF:
    case VIDIOC_PREPARE_BUF:
      // Only where the queue is another file's; an op that finds it so asks itself (VideoDevice.catchUp).
      return false;
    case VIDIOC_G_EXT_CTRLS:
    case VIDIOC_TRY_EXT_CTRLS:
    case VIDIOC_S_EXT_CTRLS:
      // Not where the values are the file's own. What its priority allows, it allows when others are gone, too.
      return file.controls === file.device.controls || !file.device.priorities.allows(file);
    default:
      return true;
  }
}

/** The same for poll(): buffers are as above, but an event may come of a close. */
export function pollDependsOnCloses(file: FileHandle, events: number): boolean {
  return (events & Poll.Pri) !== 0 && file.events?.subscribed === true;
}
