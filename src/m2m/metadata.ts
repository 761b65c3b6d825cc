/** What a CAPTURE buffer has from the OUTPUT buffer that it was made of. */
import { BufFlag } from "../v4l2/index.js";
import type { VideoBuffer } from "../vb2/index.js";

/**
 * Copies time stamp, time code, field, and the frame type flags unless `frameFlags` is false (encoders decide those).
 */
export function copyMetadata(source: VideoBuffer, destination: VideoBuffer, frameFlags = true): void {
  let mask = BufFlag.Timecode | BufFlag.TstampSrcMask;
  if (frameFlags) mask |= BufFlag.Keyframe | BufFlag.Pframe | BufFlag.Bframe;
  destination.timestampNs = source.timestampNs;
  if ((source.flags & BufFlag.Timecode) !== 0) destination.timecode = source.timecode;
  destination.field = source.field;
  destination.flags = (destination.flags & ~mask) | (source.flags & mask);
  destination.copiedTimestamp = true;
}
