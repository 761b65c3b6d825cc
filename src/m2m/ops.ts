/** The ready-made ops of a mem2mem device: vb2's, plus what both queues together ask for. */
import type { BufferOps, FileHandle, FileOps } from "../v4l2/index.js";
import { BufFlag, DecCmd, EncCmd, Poll, V4l2Error, isOutput } from "../v4l2/index.js";
import type { DecoderCmd, EncoderCmd, VideoOps } from "../v4l2/index.js";
import type { VideoQueue } from "../vb2/index.js";
import { bufferOps, mmap } from "../vb2/index.js";
import { CAPTURE_OFFSET_BASE } from "./context.js";
import type { M2mContext } from "./context.js";

type M2mFile<State> = FileHandle<M2mContext<State>>;

/** REQBUFS to STREAMOFF for a device whose files' state is an {@link M2mContext}. */
export function m2mBufferOps<State>(): Required<BufferOps<M2mFile<State>>> {
  const vb2 = bufferOps<M2mFile<State>>((file, type) => file.state.queue(type));
  return {
    ...vb2,
    qbuf: (file, buffer, call) => {
      if (!isOutput(buffer.type) && (buffer.flags & BufFlag.RequestFd) !== 0) {
        throw new V4l2Error("EPERM", "CAPTURE buffers cannot be part of a request");
      }
      const reply = vb2.qbuf(file, buffer, call);
      if ((buffer.flags & BufFlag.RequestFd) === 0) file.state.trySchedule();
      return reply;
    },
    streamon: (file, type) => {
      const done = vb2.streamon(file, type);
      file.state.trySchedule();
      return done;
    },
    streamoff: (file, type) => {
      if (file.state.queue(type) !== undefined) file.state.cancelJob();
      const done = vb2.streamoff(file, type);
      // The other queue may still stream, and a job of it may have been cancelled.
      file.state.trySchedule();
      return done;
    },
  };
}

/** poll() and mmap(); mem2mem devices have no read() and write(). */
export function m2mFileOps<State>(): Pick<Required<FileOps<M2mFile<State>>>, "poll" | "mmap"> {
  return {
    poll: (file, events) => {
      file.state.source.addPoller(file);
      file.state.destination.addPoller(file);
      return pollForData(file.state, events);
    },
    mmap: (file, request, _call) => {
      const base = BigInt(CAPTURE_OFFSET_BASE);
      return mmap(request.offset < base ? file.state.source : file.state.destination, request);
    },
  };
}

const DATA = Poll.In | Poll.RdNorm | Poll.Out | Poll.WrNorm;

function pollForData<State>(context: M2mContext<State>, events: number): number {
  if ((events & DATA) === 0) return 0;
  const { source, destination } = context;
  // Nothing queued on either side: nothing would ever wake the caller.
  if (idle(source) && idle(destination)) return Poll.Err;
  let revents = 0;
  if (source.doneCount > 0) revents |= Poll.Out | Poll.WrNorm;
  // After the last buffer DQBUF fails with EPIPE, and the client should learn that at once.
  if (destination.doneCount > 0 || destination.lastBufferDequeued) revents |= Poll.In | Poll.RdNorm;
  return revents;
}

const idle = (queue: VideoQueue): boolean => !queue.streaming || queue.queuedCount === 0;

/** ENCODER_CMD and DECODER_CMD with STOP and START, as stateful codecs have them. */
export function drainOps<State>(): Required<
  Pick<VideoOps<M2mFile<State>>, "decoderCmd" | "tryDecoderCmd" | "encoderCmd" | "tryEncoderCmd">
> {
  const decoder = (cmd: DecoderCmd): DecoderCmd => {
    if (cmd.cmd !== DecCmd.Stop && cmd.cmd !== DecCmd.Start)
      throw new V4l2Error("EINVAL", `no command ${cmd.cmd}`);
    return { cmd: cmd.cmd, flags: 0, speed: 0, format: 0, pts: 0n };
  };
  const encoder = (cmd: EncoderCmd): EncoderCmd => {
    if (cmd.cmd !== EncCmd.Stop && cmd.cmd !== EncCmd.Start)
      throw new V4l2Error("EINVAL", `no command ${cmd.cmd}`);
    return { cmd: cmd.cmd, flags: 0 };
  };
  const run = (context: M2mContext<State>, isStop: boolean): void => {
    if (isStop) context.stop();
    else context.start();
  };
  return {
    tryDecoderCmd: (_file, cmd) => decoder(cmd),
    decoderCmd: (file, cmd) => {
      const understood = decoder(cmd);
      run(file.state, cmd.cmd === DecCmd.Stop);
      return understood;
    },
    tryEncoderCmd: (_file, cmd) => encoder(cmd),
    encoderCmd: (file, cmd) => {
      const understood = encoder(cmd);
      run(file.state, cmd.cmd === EncCmd.Stop);
      return understood;
    },
  };
}

/** DECODER_CMD of stateless decoders: FLUSH only. */
export function statelessDecoderOps<State>(): Required<
  Pick<VideoOps<M2mFile<State>>, "decoderCmd" | "tryDecoderCmd">
> {
  const understand = (cmd: DecoderCmd): DecoderCmd => {
    if (cmd.cmd !== DecCmd.Flush) throw new V4l2Error("EINVAL", "a stateless decoder only knows FLUSH");
    return { ...cmd, flags: 0 };
  };
  return {
    tryDecoderCmd: (_file, cmd) => understand(cmd),
    decoderCmd: (file, cmd) => {
      const understood = understand(cmd);
      file.state.flush();
      return understood;
    },
  };
}
