/** VP9 for the mutation measure: which fields a frame determines, and why not the others. */
import { vp9 } from "../../../src/codec/index.js";
import { Vp9Check } from "../../../src/stateless/check/vp9.js";
import type { CheckedRequest } from "../../../src/stateless/check/stream-check.js";
import type { ControlValues } from "../../../src/codec/index.js";
import * as constants from "../../../src/v4l2/gen/controls.js";
import { streams } from "../../codec/vp9/streams.js";
import { flagNames, type Field, type MeasuredCodec } from "./mutations.js";
import { requestsOf } from "./requests.js";

/** Of a frame that does not refer to others, without meaning. */
const INTER = new Set([
  "last_frame_ts",
  "golden_frame_ts",
  "alt_frame_ts",
  "ref_frame_sign_bias & SIGN_BIAS_LAST",
  "ref_frame_sign_bias & SIGN_BIAS_GOLDEN",
  "ref_frame_sign_bias & SIGN_BIAS_ALT",
  "interpolation_filter",
  "reference_mode",
  "flags & ALLOW_HIGH_PREC_MV",
]);

function undetermined(
  { name, kind, indices }: Field,
  { controls: { StatelessVp9Frame: frame } }: CheckedRequest,
  changed: ControlValues,
): string | undefined {
  if (frame === undefined) throw new Error("the control is missing");
  if (name === "StatelessVp9CompressedHdr") {
    if (kind !== "coef[][][][][][]") return undefined;
    return indices[3] === 0 && (indices[4] ?? 0) > 2 ? "the first band has three contexts" : undefined;
  }
  const has = (bit: number): boolean => (frame.flags & bit) !== 0;
  const isKey = has(constants.V4L2_VP9_FRAME_FLAG_KEY_FRAME);
  const isIntra = isKey || has(constants.V4L2_VP9_FRAME_FLAG_INTRA_ONLY);
  const isResilient = has(constants.V4L2_VP9_FRAME_FLAG_ERROR_RESILIENT);
  if (INTER.has(kind)) return isIntra ? "intra frames refer to nothing" : undefined;
  if (kind === "reset_frame_context") return isKey || isResilient ? "all contexts are reset" : undefined;
  if (kind === "frame_context_idx")
    return (isIntra || isResilient) && changed.StatelessVp9Frame?.frame_context_idx === 0
      ? "it is reset, too"
      : undefined;
  if (/^lf\.(ref_deltas|mode_deltas|flags & DELTA_UPDATE)/.test(kind))
    return (frame.lf.flags & 1) === 1 ? undefined : "deltas are not used";
  const { flags, feature_enabled } = frame.seg;
  if (/^seg\.(tree|pred)_probs/.test(kind)) return (flags & 2) === 2 ? undefined : "no segment is coded";
  if (!kind.startsWith("seg.") || kind === "seg.flags & ENABLED") return undefined;
  if ((flags & 1) === 0) return "there are no segments";
  if (kind !== "seg.feature_data[][]") return undefined;
  const [segment = 0, feature = 0] = indices;
  return (((feature_enabled[segment] ?? 0) >> feature) & 1) === 1 ? undefined : "the feature is not enabled";
}

export const measuredVp9: readonly MeasuredCodec[] = [
  {
    name: "vp9",
    streams: streams.map(([, file]) => file()),
    requestsOf: (path) => requestsOf(vp9.frameControls, path),
    start: () => new Vp9Check(),
    flags: {
      "StatelessVp9Frame.flags": flagNames(constants, "V4L2_VP9_FRAME_FLAG_"),
      "StatelessVp9Frame.ref_frame_sign_bias": { SIGN_BIAS_LAST: 1, SIGN_BIAS_GOLDEN: 2, SIGN_BIAS_ALT: 4 },
      "StatelessVp9Frame.seg.flags": flagNames(constants, "V4L2_VP9_SEGMENTATION_FLAG_"),
      "StatelessVp9Frame.lf.flags": flagNames(constants, "V4L2_VP9_LOOP_FILTER_FLAG_"),
    },
    undetermined,
  },
];
