/** ENCODER_CMD and DECODER_CMD of codecs whose files' state is an {@link M2mContext}. */
import type { DecoderCmd, EncoderCmd, VideoOps } from "../v4l2/index.js";
import { DecCmd, EncCmd, V4l2Error } from "../v4l2/index.js";
import type { M2mContext } from "./context.js";
import type { M2mFile } from "./ops.js";

/** @throws {V4l2Error} EINVAL - neither STOP nor START. */
function understandDecoder({ cmd }: DecoderCmd): DecoderCmd {
  if (cmd !== DecCmd.Stop && cmd !== DecCmd.Start) throw new V4l2Error("EINVAL", `no command ${cmd}`);
  return { cmd, flags: 0, speed: 0, format: 0, pts: 0n };
}

/** @throws {V4l2Error} EINVAL - neither STOP nor START. */
function understandEncoder({ cmd }: EncoderCmd): EncoderCmd {
  if (cmd !== EncCmd.Stop && cmd !== EncCmd.Start) throw new V4l2Error("EINVAL", `no command ${cmd}`);
  return { cmd, flags: 0 };
}

/** Before OUTPUT streams there is nothing to drain, and nothing happens. @throws {V4l2Error} EBUSY - still draining. */
function run<State>(context: M2mContext<State>, isStop: boolean): void {
  if (!context.source.streaming) return;
  if (isStop) context.stop();
  else context.start();
}

/** DECODER_CMD of stateful decoders, STOP and START: see `M2mContext.stop`. */
export function statefulDecoderOps<State>(): Required<
  Pick<VideoOps<M2mFile<State>>, "decoderCmd" | "tryDecoderCmd">
> {
  return {
    tryDecoderCmd: (_file, cmd) => understandDecoder(cmd),
    decoderCmd: (file, cmd) => {
      const understood = understandDecoder(cmd);
      run(file.state, cmd.cmd === DecCmd.Stop);
      return understood;
    },
  };
}

/** ENCODER_CMD of stateful encoders, STOP and START: see `M2mContext.stop`. */
export function statefulEncoderOps<State>(): Required<
  Pick<VideoOps<M2mFile<State>>, "encoderCmd" | "tryEncoderCmd">
> {
  return {
    tryEncoderCmd: (_file, cmd) => understandEncoder(cmd),
    encoderCmd: (file, cmd) => {
      const understood = understandEncoder(cmd);
      run(file.state, cmd.cmd === EncCmd.Stop);
      return understood;
    },
  };
}

/** @throws {V4l2Error} EINVAL - not FLUSH. */
function understandStateless(cmd: DecoderCmd): DecoderCmd {
  if (cmd.cmd !== DecCmd.Flush) throw new V4l2Error("EINVAL", "a stateless decoder only knows FLUSH");
  return { ...cmd, flags: 0 };
}

/** DECODER_CMD of stateless decoders that hold CAPTURE buffers: FLUSH only. */
export function statelessDecoderOps<State>(): Required<
  Pick<VideoOps<M2mFile<State>>, "decoderCmd" | "tryDecoderCmd">
> {
  return {
    tryDecoderCmd: (_file, cmd) => understandStateless(cmd),
    decoderCmd: (file, cmd) => {
      const understood = understandStateless(cmd);
      file.state.flush();
      return understood;
    },
  };
}
