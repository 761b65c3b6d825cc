/** The codecs that have a check. */
import type { StatelessName } from "../../codec/index.js";
import { Av1Check } from "./av1.js";
import { FwhtCheck } from "./fwht.js";
import { H264Check } from "./h264.js";
import { HevcCheck } from "./hevc.js";
import { Mpeg2Check } from "./mpeg2.js";
import type { StreamCheck } from "./stream-check.js";
import { Vp8Check } from "./vp8.js";
import { Vp9Check } from "./vp9.js";

export interface CodecCheck {
  /** What it looks at. */
  readonly controls: readonly StatelessName[];
  start(): StreamCheck;
}

/** By the name of the codec's row in `codecs/`. */
export const codecChecks: Readonly<Partial<Record<string, CodecCheck>>> = {
  av1: {
    controls: [
      "StatelessAv1Sequence",
      "StatelessAv1Frame",
      "StatelessAv1FilmGrain",
      "StatelessAv1TileGroupEntry",
    ],
    start: () => new Av1Check(),
  },
  fwht: { controls: ["StatelessFwhtParams"], start: () => new FwhtCheck() },
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
  mpeg2: {
    controls: ["StatelessMpeg2Sequence", "StatelessMpeg2Picture", "StatelessMpeg2Quantisation"],
    start: () => new Mpeg2Check(),
  },
  vp8: { controls: ["StatelessVp8Frame"], start: () => new Vp8Check() },
  vp9: { controls: ["StatelessVp9Frame", "StatelessVp9CompressedHdr"], start: () => new Vp9Check() },
};
