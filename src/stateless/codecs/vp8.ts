/** VP8: one control describes a frame, its probabilities among it. */
import type { StandardValue } from "../../v4l2/index.js";
import { Cid } from "../../v4l2/index.js";
import { compound, defineCodec, hasFlag } from "../codec.js";
import { array, bits, dec, dump, event } from "../trace/event.js";
import { vpxReferences, vpxTimestamps } from "./vpx.js";

type Vp8Frame = StandardValue<typeof Cid.StatelessVp8Frame>;

// Trace events, under the names of the kernel's visl

export const frame = event<Vp8Frame>("vp8", "v4l2_ctrl_vp8_frame", [
  ["segment.quant_update", array(1)],
  ["segment.lf_update", array(1)],
  ["segment.segment_probs", array(1)],
  [
    "segment.flags",
    bits("SEGMENT_ENABLED", "SEGMENT_UPDATE_MAP", "SEGMENT_UPDATE_FEATURE_DATA", "SEGMENT_DELTA_VALUE_MODE"),
  ],
  ["lf.ref_frm_delta", array(1)],
  ["lf.mb_mode_delta", array(1)],
  ["lf.sharpness_level", dec],
  ["lf.level", dec],
  ["lf.flags", bits("LF_ADJ_ENABLED", "LF_DELTA_UPDATE", "LF_FILTER_TYPE_SIMPLE")],
  ["quant.y_ac_qi", dec],
  ["quant.y_dc_delta", dec],
  ["quant.y2_dc_delta", dec],
  ["quant.y2_ac_delta", dec],
  ["quant.uv_dc_delta", dec],
  ["quant.uv_ac_delta", dec],
  ["coder_state.range", dec],
  ["coder_state.value", dec],
  ["coder_state.bit_count", dec],
  ["width", dec],
  ["height", dec],
  ["horizontal_scale", dec],
  ["vertical_scale", dec],
  ["version", dec],
  ["prob_skip_false", dec],
  ["prob_intra", dec],
  ["prob_last", dec],
  ["prob_gf", dec],
  ["num_dct_parts", dec],
  ["first_part_size", dec],
  ["first_part_header_bits", dec],
  ["dct_part_sizes", array(4)],
  ["last_frame_ts", dec],
  ["golden_frame_ts", dec],
  ["alt_frame_ts", dec],
  [
    "flags",
    bits("KEY_FRAME", "EXPERIMENTAL", "SHOW_FRAME", "MB_NO_SKIP_COEFF", "SIGN_BIAS_GOLDEN", "SIGN_BIAS_ALT"),
  ],
]);

export const entropy = event<Vp8Frame>("vp8", "v4l2_ctrl_vp8_entropy", [
  ["entropy.coeff_probs", dump(1)],
  ["entropy.y_mode_probs", array(1)],
  ["entropy.uv_mode_probs", array(1)],
  ["entropy.mv_probs", dump(1)],
]);

/** `V4L2_VP8_FRAME_FLAG_KEY_FRAME` */
const KEY_FRAME = 0x1;

export const vp8 = defineCodec({
  name: "vp8",
  fourcc: "VP8F",
  sizes: { min: [64, 64], max: [16383, 16383] },
  controls: [compound(Cid.StatelessVp8Frame)],
  required: [Cid.StatelessVp8Frame],
  values: (read) => ({ frame: read.of(Cid.StatelessVp8Frame) }),
  references: (values) => vpxReferences(values.frame),
  usedReferences: (values) => (hasFlag(values.frame.flags, KEY_FRAME) ? [] : vpxTimestamps(values.frame)),
  events: [frame, entropy],
  trace: (values, emit) => {
    emit(frame, values.frame);
    emit(entropy, values.frame);
  },
});
