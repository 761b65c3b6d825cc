/** What VP8 and VP9 have in common: three frames that a frame may refer to. */
import type { Reference } from "../codec.js";

interface VpxFrame {
  readonly last_frame_ts: bigint;
  readonly golden_frame_ts: bigint;
  readonly alt_frame_ts: bigint;
}

export const vpxReferences = (frame: VpxFrame): Reference[] => [
  { name: "last_ref_ts", timestampNs: frame.last_frame_ts },
  { name: "golden_ref_ts", timestampNs: frame.golden_frame_ts },
  { name: "alt_ref_ts", timestampNs: frame.alt_frame_ts },
];

export const vpxTimestamps = (frame: VpxFrame): bigint[] => [
  frame.last_frame_ts,
  frame.golden_frame_ts,
  frame.alt_frame_ts,
];
