/**
 * A client that closes a descriptor which can be mapped does not wait until we know of it: the kernel tells us on
 * another channel than what the client does next on the node, and neither channel waits for the other. So the door
 * drains the other channel before each call that could depend on it, which costs one read(2). This file lists those
 * calls. What is called for each frame is none of them: if such a call is refused because of another file, the door
 * drains the channel then, and asks once more.
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
    case VIDIOC_G_EXT_CTRLS:
    case VIDIOC_TRY_EXT_CTRLS:
    case VIDIOC_S_EXT_CTRLS:
      // Not where the values are the file's own. What its priority allows, it allows when others are gone, too.
      return file.controls === file.device.controls || !file.device.priorities.allows(file);
    default:
      return true;
  }
}

/** Is the ioctl called for each frame? Another file's close changes its answer only where it was refused with EBUSY. */
export function isHot(cmd: number): boolean {
  return cmd === VIDIOC_QBUF || cmd === VIDIOC_DQBUF || cmd === VIDIOC_PREPARE_BUF;
}

/**
 * The same for poll(). An event may come of a close. Where files share a queue, what poll() says of buffers is another
 * thing once the file that streams is gone: a poll of the next one starts read() of its own, and is not refused before.
 * Files of a mem2mem device have queues of their own.
 */
export function pollDependsOnCloses(file: FileHandle, events: number): boolean {
  if ((events & Poll.Pri) !== 0 && file.events?.subscribed === true) return true;
  return (events & BUFFER_EVENTS) !== 0 && file.device.traits.direction !== "m2m";
}

const BUFFER_EVENTS = Poll.In | Poll.RdNorm | Poll.Out | Poll.WrNorm;
