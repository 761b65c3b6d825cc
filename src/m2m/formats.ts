/** The format ioctls of a mem2mem device, from what its driver says of its formats. */
import type { FormatDescription, FormatOps, FrameSize, VideoBufType, VideoFormat } from "../v4l2/index.js";
import { V4l2Error, isVideoBufType } from "../v4l2/index.js";
import type { M2mContext } from "./context.js";
import type { M2mFile } from "./ops.js";

/**
 * What both queues of a file can carry. The methods know the queue by its type (`isOutput(type)`); of the formats that
 * they return, `type` does not count.
 */
export interface M2mFormats<State> {
  /** ENUM_FMT: pixel formats of the queue, the preferred one first; with a description where the core knows none. */
  list(context: M2mContext<State>, type: VideoBufType): readonly (number | FormatDescription)[];
  /** ENUM_FMT with `V4L2_FMTDESC_FLAG_ENUM_ALL`: whatever is set. Left out, clients learn that there is no such flag. */
  listAll?(type: VideoBufType): readonly (number | FormatDescription)[];
  /** ENUM_FRAMESIZES; `undefined`: there is no such pixel format. */
  sizes?(pixelformat: number): FrameSize | readonly FrameSize[] | undefined;
  /** G_FMT: the format that is set. */
  current(context: M2mContext<State>, type: VideoBufType): VideoFormat;
  /** TRY_FMT: the nearest that the hardware can do to what the client wishes; never refuses. */
  nearest(context: M2mContext<State>, wish: VideoFormat): VideoFormat;
  /**
   * S_FMT: sets what {@link nearest} has answered. The queue has no buffers then, unless `setsWhileBusy`; the other may
   * have.
   * @param wish - What the client asked for.
   * @throws {V4l2Error} EBUSY - the other queue's format would change too, and it has buffers.
   */
  set(context: M2mContext<State>, format: VideoFormat, wish: VideoFormat): void;
  /** S_FMT works while the queue has buffers; each job must look whether they are still large enough. Default false. */
  readonly setsWhileBusy?: boolean;
}

type Ops<State> = Required<
  Pick<FormatOps<M2mFile<State>>, "enumFmt" | "gFmt" | "tryFmt" | "sFmt" | "enumFramesizes">
>;

/** The format ops of a device whose formats are `formats`. */
export function m2mFormatOps<State>(formats: M2mFormats<State>): Ops<State> {
  return {
    enumFmt: (file, { type, index, all }) => {
      const listed = !isVideoBufType(type)
        ? undefined
        : all
          ? formats.listAll?.(type)
          : formats.list(file.state, type);
      const format = listed?.[index];
      return typeof format === "number" ? { pixelformat: format } : format;
    },
    gFmt: (file, type) => formats.current(file.state, type),
    tryFmt: (file, wish) => formats.nearest(file.state, wish),
    sFmt: (file, wish) => {
      if (formats.setsWhileBusy !== true && file.state.queue(wish.type)?.busy === true) {
        throw new V4l2Error("EBUSY", "buffers are allocated for the current format");
      }
      // Which queue it is for is the client's word, whatever the driver made the format of.
      const format = { ...formats.nearest(file.state, wish), type: wish.type };
      formats.set(file.state, format, wish);
      return format;
    },
    enumFramesizes: (_file, { index, pixelformat }) => {
      const sizes = formats.sizes?.(pixelformat) ?? [];
      return ("kind" in sizes ? [sizes] : sizes)[index];
    },
  };
}
