/** The two sides of a loopback as the hub between them knows them. */
import type { AnyFile, Fract } from "../v4l2/index.js";
import type { VideoQueue } from "../vb2/index.js";
import type { Frame } from "./frame.js";
import type { Shape } from "./shape.js";

/** Brings frames. */
export interface FrameSource {
  readonly file: AnyFile;
  readonly queue: Pick<VideoQueue, "busy" | "streaming">;
  /** The newest frame, as long as its memory is there. */
  readonly lastFrame: Frame | undefined;
}

/** Gets frames. */
export interface FrameSink {
  readonly shape: Shape;
  readonly interval: Fract;
  /** The producer has brought a frame. */
  offer(frame: Frame): void;
}
