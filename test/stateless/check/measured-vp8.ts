/** VP8 for the mutation measure: which fields a frame determines, and why not the others. */
import { fileURLToPath } from "node:url";
import { vp8 } from "../../../src/codec/index.js";
import { Vp8Check } from "../../../src/stateless/check/vp8.js";
import type { CheckedRequest } from "../../../src/stateless/check/stream-check.js";
import * as constants from "../../../src/v4l2/gen/controls.js";
import { vpxClip } from "../../codec/support/clips.js";
import { vectors } from "../../codec/support/vectors.js";
import { flagNames, type Field, type MeasuredCodec } from "./mutations.js";
import { requestsOf } from "./requests.js";

const realtime = ["-deadline", "realtime", "-cpu-used", "-5"];

const streams = [
  ...["vp8.ivf", "vp8_720p.ivf"].map((name) =>
    fileURLToPath(new URL(`../../gstreamer/data/${name}`, import.meta.url)),
  ),
  vpxClip("vp8-hidden", "libvpx", ["-b:v", "200k", "-auto-alt-ref", "1", "-lag-in-frames", "25"], 2),
  vpxClip("vp8-resilient", "libvpx", ["-error-resilient", "default+partitions", "-slices", "8"]),
  vpxClip("vp8-two", "libvpx", ["-static-thresh", "1000", "-slices", "2", ...realtime]),
  ...vectors("vp8", [".ivf"]),
];

/** Fields of a reference, of inter frames only. */
const INTER = /^(prob_(intra|last|gf)|\w+_frame_ts|flags & SIGN_BIAS_\w+)$/;

function undetermined(
  { kind, indices }: Field,
  { controls: { StatelessVp8Frame: frame }, bitstream }: CheckedRequest,
): string | undefined {
  if (frame === undefined) throw new Error("the control is missing");
  if (/\bpadding\b/.test(kind)) return "padding";
  const { key, header } = vp8.parseFrame(bitstream);
  const { segmentation, deltas } = header;
  if (INTER.test(kind)) return key === undefined ? undefined : "key frames refer to nothing";
  if (kind === "prob_skip_false") return header.mb_no_skip_coeff ? undefined : "no macroblock is skipped";
  if (kind === "dct_part_sizes[]")
    return (indices[0] ?? 0) < frame.num_dct_parts ? undefined : "there is no such partition";
  if (kind === "segment.segment_probs[]")
    return segmentation.update_mb_segmentation_map ? undefined : "no segment is coded";
  if (kind.startsWith("segment.") && kind !== "segment.flags & ENABLED")
    return segmentation.segmentation_enabled ? undefined : "there are no segments";
  if (/^lf\.(ref_frm|mb_mode)_delta|DELTA_UPDATE/.test(kind))
    return deltas.loop_filter_adj_enable ? undefined : "deltas are not used";
  return undefined;
}

export const measuredVp8: readonly MeasuredCodec[] = [
  {
    name: "vp8",
    streams,
    requestsOf: (path) => requestsOf(vp8.frameControls, path),
    start: () => new Vp8Check(),
    flags: {
      "StatelessVp8Frame.flags": flagNames(constants, "V4L2_VP8_FRAME_FLAG_"),
      "StatelessVp8Frame.segment.flags": flagNames(constants, "V4L2_VP8_SEGMENT_FLAG_"),
      "StatelessVp8Frame.lf.flags": flagNames(constants, "V4L2_VP8_LF_"),
    },
    undetermined,
  },
];
