/** VP9's control fields: the syntax elements that they come from, and the clause for those that the stream leaves out. */
import type { FlagName } from "./flags.js";

export const frameFlags: readonly FlagName[] = [
  ["KEY_FRAME", "frame_type"],
  ["SHOW_FRAME", "show_frame"],
  ["ERROR_RESILIENT", "error_resilient_mode"],
  ["INTRA_ONLY", "intra_only", "7.2"],
  ["ALLOW_HIGH_PREC_MV", "allow_high_precision_mv"],
  ["REFRESH_FRAME_CTX", "refresh_frame_context", "7.2"],
  ["PARALLEL_DEC_MODE", "frame_parallel_decoding_mode", "7.2"],
  ["X_SUBSAMPLING", "subsampling_x", "7.2.2"],
  ["Y_SUBSAMPLING", "subsampling_y", "7.2.2"],
  ["COLOR_RANGE_FULL_SWING", "color_range", "7.2.2"],
];
export const ALLOW_HIGH_PREC_MV = 0x10;

export const filterFlags: readonly FlagName[] = [
  ["DELTA_ENABLED", "loop_filter_delta_enabled"],
  ["DELTA_UPDATE", "loop_filter_delta_update"],
];
export const DELTA_UPDATE = 0x2;

/** Of `ref_frame_sign_bias`. */
export const signBiases: readonly FlagName[] = [
  ["SIGN_BIAS_LAST", "ref_frame_sign_bias[1]"],
  ["SIGN_BIAS_GOLDEN", "ref_frame_sign_bias[2]"],
  ["SIGN_BIAS_ALT", "ref_frame_sign_bias[3]"],
];
export const ALL_SIGN_BIASES = 0x7;

export const segmentationFlags: readonly FlagName[] = [
  ["ENABLED", "segmentation_enabled"],
  ["UPDATE_MAP", "segmentation_update_map"],
  ["TEMPORAL_UPDATE", "segmentation_temporal_update", "7.2.10"],
  ["UPDATE_DATA", "segmentation_update_data"],
  ["ABS_OR_DELTA_UPDATE", "segmentation_abs_or_delta_update", "7.2.10"],
];
export const ALL_BUT_ENABLED = 0x1e;

export const elements = {
  "VP9_FRAME.lf.ref_deltas[]": ["loop_filter_ref_deltas", "7.2.8"],
  "VP9_FRAME.lf.mode_deltas[]": ["loop_filter_mode_deltas", "7.2.8"],
  "VP9_FRAME.lf.level": "loop_filter_level",
  "VP9_FRAME.lf.sharpness": "loop_filter_sharpness",
  "VP9_FRAME.quant.base_q_idx": "base_q_idx",
  "VP9_FRAME.quant.delta_q_y_dc": ["delta_q_y_dc.delta_q", "7.2.9"],
  "VP9_FRAME.quant.delta_q_uv_dc": ["delta_q_uv_dc.delta_q", "7.2.9"],
  "VP9_FRAME.quant.delta_q_uv_ac": ["delta_q_uv_ac.delta_q", "7.2.9"],
  "VP9_FRAME.seg.feature_data[][]": ["feature_value", "7.2.10"],
  "VP9_FRAME.seg.feature_enabled[]": ["feature_enabled", "7.2.10"],
  "VP9_FRAME.seg.tree_probs[]": ["segmentation_tree_probs.prob", "7.2.10"],
  "VP9_FRAME.seg.pred_probs[]": ["segmentation_pred_prob.prob", "7.2.10"],
  "VP9_FRAME.compressed_header_size": "header_size_in_bytes",
  "VP9_FRAME.uncompressed_header_size": ["length of the uncompressed header", "6.1"],
  "VP9_FRAME.frame_width_minus_1": ["frame_width_minus_1", "7.2.5"],
  "VP9_FRAME.frame_height_minus_1": ["frame_height_minus_1", "7.2.5"],
  "VP9_FRAME.render_width_minus_1": ["render_width_minus_1", "7.2.4"],
  "VP9_FRAME.render_height_minus_1": ["render_height_minus_1", "7.2.4"],
  "VP9_FRAME.last_frame_ts": "ref_frame_idx[0]",
  "VP9_FRAME.golden_frame_ts": "ref_frame_idx[1]",
  "VP9_FRAME.alt_frame_ts": "ref_frame_idx[2]",
  "VP9_FRAME.ref_frame_sign_bias": "ref_frame_sign_bias[1]",
  "VP9_FRAME.profile": "profile_low_bit",
  "VP9_FRAME.bit_depth": ["ten_or_twelve_bit", "7.2.2"],
  "VP9_FRAME.interpolation_filter": ["raw_interpolation_filter", "7.2.7"],
  "VP9_FRAME.tile_cols_log2": ["increment_tile_cols_log2", "7.2.11"],
  "VP9_FRAME.reference_mode": ["non_single_reference", "7.3.6"],
  "VP9_COMPRESSED_HDR.tx_mode": ["tx_mode", "7.3.1"],
  "VP9_COMPRESSED_HDR.tx8[][]": ["tx_probs_8x8.update_prob", "6.3.2"],
  "VP9_COMPRESSED_HDR.tx16[][]": ["tx_probs_16x16.update_prob", "6.3.2"],
  "VP9_COMPRESSED_HDR.tx32[][]": ["tx_probs_32x32.update_prob", "6.3.2"],
  "VP9_COMPRESSED_HDR.coef[][][][][][]": ["coef_probs.update_prob", "6.3.7"],
  "VP9_COMPRESSED_HDR.skip[]": ["skip_prob.update_prob"],
  "VP9_COMPRESSED_HDR.inter_mode[][]": ["inter_mode_probs.update_prob", "6.3.9"],
  "VP9_COMPRESSED_HDR.interp_filter[][]": ["interp_filter_probs.update_prob", "6.3.10"],
  "VP9_COMPRESSED_HDR.is_inter[]": ["is_inter_prob.update_prob", "6.3.11"],
  "VP9_COMPRESSED_HDR.comp_mode[]": ["comp_mode_prob.update_prob", "6.3.13"],
  "VP9_COMPRESSED_HDR.single_ref[][]": ["single_ref_prob.update_prob", "6.3.13"],
  "VP9_COMPRESSED_HDR.comp_ref[]": ["comp_ref_prob.update_prob", "6.3.13"],
  "VP9_COMPRESSED_HDR.y_mode[][]": ["y_mode_probs.update_prob", "6.3.14"],
  "VP9_COMPRESSED_HDR.uv_mode[][]": ["uv_mode_probs, which the syntax never changes", "6.3"],
  "VP9_COMPRESSED_HDR.partition[][]": ["partition_probs.update_prob", "6.3.15"],
  "VP9_COMPRESSED_HDR.mv.joint[]": ["mv_joint_probs.update_mv_prob", "6.3.16"],
  "VP9_COMPRESSED_HDR.mv.sign[]": ["mv_sign_prob.update_mv_prob", "6.3.16"],
  "VP9_COMPRESSED_HDR.mv.classes[][]": ["mv_class_probs.update_mv_prob", "6.3.16"],
  "VP9_COMPRESSED_HDR.mv.class0_bit[]": ["mv_class0_bit_prob.update_mv_prob", "6.3.16"],
  "VP9_COMPRESSED_HDR.mv.bits[][]": ["mv_bits_prob.update_mv_prob", "6.3.16"],
  "VP9_COMPRESSED_HDR.mv.class0_fr[][][]": ["mv_class0_fr_probs.update_mv_prob", "6.3.16"],
  "VP9_COMPRESSED_HDR.mv.fr[][]": ["mv_fr_probs.update_mv_prob", "6.3.16"],
  "VP9_COMPRESSED_HDR.mv.class0_hp[]": ["mv_class0_hp_prob.update_mv_prob", "6.3.16"],
  "VP9_COMPRESSED_HDR.mv.hp[]": ["mv_hp_prob.update_mv_prob", "6.3.16"],
} as const;
