/** The ready-made ops of a mem2mem device: vb2's, plus what both queues together ask for. */
import { queueObjects } from "../media/index.js";
import type { Request } from "../media/index.js";
import type { BufferOps, FileHandle, FileOps } from "../v4l2/index.js";
import { BufFlag, Poll, V4l2Error, isOutput } from "../v4l2/index.js";
import type { VideoQueue } from "../vb2/index.js";
import { bufferOps, findPlane, makeBacking, mmap } from "../vb2/index.js";
import { contextOf } from "./context.js";
import type { M2mContext } from "./context.js";

/** A file of a mem2mem device. */
export type M2mFile<State = unknown> = FileHandle<M2mContext<State>>;

/** REQBUFS to STREAMOFF for a device whose files' state is an {@link M2mContext}. */
export function m2mBufferOps<State>(): Required<BufferOps<M2mFile<State>>> {
  const vb2 = bufferOps<M2mFile<State>>((file, type) => file.state.queue(type));
  return {
    ...vb2,
    qbuf: (file, buffer, call) => {
      const { state } = file;
      const isForRequest = (buffer.flags & BufFlag.RequestFd) !== 0;
      if (!isOutput(buffer.type) && isForRequest) {
        throw new V4l2Error("EPERM", "CAPTURE buffers cannot be part of a request");
      }
      const reply = vb2.qbuf(file, buffer, call);
      if (!isOutput(buffer.type) && state.forceLastBufDone()) return reply;
      // A buffer in a request is only ready when the request is queued.
      if (!isForRequest) state.trySchedule();
      return reply;
    },
    streamon: (file, type) => {
      const done = vb2.streamon(file, type);
      file.state.trySchedule();
      return done;
    },
    streamoff: (file, type) => {
      if (file.state.queue(type) !== undefined) file.state.cancelJob();
      return vb2.streamoff(file, type);
    },
  };
}

/** poll() and mmap(); mem2mem devices have no read() and write(). */
export function m2mFileOps<State>(): Pick<
  Required<FileOps<M2mFile<State>>>,
  "poll" | "mmap" | "makeBacking"
> {
  return {
    poll: (file, events) => {
      file.state.source.addPoller(file);
      file.state.destination.addPoller(file);
      return pollForData(file.state, events);
    },
    mmap: (file, request, _call) => {
      const { source, destination } = file.state;
      const isOfSource = findPlane(source, Number(request.offset)) !== undefined;
      return mmap(isOfSource ? source : destination, file, request);
    },
    makeBacking,
  };
}

const DATA = Poll.In | Poll.RdNorm | Poll.Out | Poll.WrNorm;

function pollForData<State>({ source, destination }: M2mContext<State>, events: number): number {
  if ((events & DATA) === 0) return 0;
  // Nothing queued on either side: nothing would ever wake the caller.
  if (isIdle(source) && isIdle(destination)) return Poll.Err;
  let revents = 0;
  if (source.doneCount > 0) revents |= Poll.Out | Poll.WrNorm;
  // After the last buffer DQBUF fails with EPIPE, and the client should learn that at once.
  if (destination.doneCount > 0 || destination.lastBufferDequeued) revents |= Poll.In | Poll.RdNorm;
  return revents;
}

const isIdle = (queue: VideoQueue): boolean =>
  !queue.streaming || queue.failed || (queue.queuedCount === 0 && !queue.lastBufferDequeued);

/**
 * MEDIA_REQUEST_IOC_QUEUE of a validated request (`v4l2_m2m_request_queue`): puts its objects to work, controls
 * before buffers, and lets the file's job run.
 */
export function queueM2mRequest(request: Request): void {
  const contexts = new Set(contextsIn(request));
  queueObjects(request);
  for (const context of contexts) context.trySchedule();
}

/** For each buffer of a request, the context of the file that it belongs to. */
export function contextsIn(request: Request): readonly M2mContext[] {
  return request.objects.map(({ owner }) => contextOf(owner)).filter((context) => context !== undefined);
}
