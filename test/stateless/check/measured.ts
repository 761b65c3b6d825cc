/** What is measured: the codecs that have a check, by decode mode. */
import { measuredAv1 } from "./measured-av1.js";
import { measuredFwht } from "./measured-fwht.js";
import { measuredH264 } from "./measured-h264.js";
import { measuredHevc } from "./measured-hevc.js";
import { measuredMpeg2 } from "./measured-mpeg2.js";
import { measuredVp8 } from "./measured-vp8.js";
import { measuredVp9 } from "./measured-vp9.js";
import type { MeasuredCodec } from "./mutations.js";

export const measuredCodecs: readonly MeasuredCodec[] = [
  ...measuredH264,
  ...measuredHevc,
  ...measuredAv1,
  ...measuredFwht,
  ...measuredMpeg2,
  ...measuredVp8,
  ...measuredVp9,
];
