/** The codecs that have a check. */
import type { StatelessName } from "../../codec/index.js";
import { H264Check } from "./h264.js";
import { HevcCheck } from "./hevc.js";
import type { StreamCheck } from "./stream-check.js";

export interface CodecCheck {
  /** What it looks at. */
  readonly controls: readonly StatelessName[];
  start(): StreamCheck;
}

/** By the name of the codec's row in `codecs/`. */
export const codecChecks: Readonly<Partial<Record<string, CodecCheck>>> = {
  h264: {
    controls: [
      "StatelessH264DecodeMode",
      "StatelessH264Sps",
      "StatelessH264Pps",
      "StatelessH264DecodeParams",
      "StatelessH264SliceParams",
      "StatelessH264PredWeights",
    ],
    start: () => new H264Check(),
  },
  hevc: {
    controls: [
      "StatelessHevcSps",
      "StatelessHevcPps",
      "StatelessHevcDecodeParams",
      "StatelessHevcSliceParams",
      "StatelessHevcEntryPointOffsets",
      "StatelessHevcExtSpsStRps",
      "StatelessHevcExtSpsLtRps",
    ],
    start: () => new HevcCheck(),
  },
};
