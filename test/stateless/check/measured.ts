/** What is measured: the codecs that have a check, by decode mode. */
import { measuredH264 } from "./measured-h264.js";
import { measuredHevc } from "./measured-hevc.js";
import type { MeasuredCodec } from "./mutations.js";

export const measuredCodecs: readonly MeasuredCodec[] = [...measuredH264, ...measuredHevc];
