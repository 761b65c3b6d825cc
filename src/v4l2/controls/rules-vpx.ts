/** VP8 and VP9 stateless controls. */
import {
  CtrlVp8FrameView,
  CtrlVp9CompressedHdrView,
  CtrlVp9FrameView,
  V4L2_VP9_FRAME_FLAG_ALLOW_HIGH_PREC_MV,
  V4L2_VP9_FRAME_FLAG_COLOR_RANGE_FULL_SWING,
  V4L2_VP9_FRAME_FLAG_ERROR_RESILIENT,
  V4L2_VP9_FRAME_FLAG_INTRA_ONLY,
  V4L2_VP9_FRAME_FLAG_KEY_FRAME,
  V4L2_VP9_FRAME_FLAG_PARALLEL_DEC_MODE,
  V4L2_VP9_FRAME_FLAG_REFRESH_FRAME_CTX,
  V4L2_VP9_FRAME_FLAG_SHOW_FRAME,
  V4L2_VP9_FRAME_FLAG_X_SUBSAMPLING,
  V4L2_VP9_FRAME_FLAG_Y_SUBSAMPLING,
  V4L2_VP9_INTERP_FILTER_SWITCHABLE,
  V4L2_VP9_LOOP_FILTER_FLAG_DELTA_ENABLED,
  V4L2_VP9_LOOP_FILTER_FLAG_DELTA_UPDATE,
  V4L2_VP9_NUM_FRAME_CTX,
  V4L2_VP9_PROFILE_MAX,
  V4L2_VP9_REFERENCE_MODE_SELECT,
  V4L2_VP9_RESET_FRAME_CTX_ALL,
  V4L2_VP9_SEGMENTATION_FLAG_ABS_OR_DELTA_UPDATE,
  V4L2_VP9_SEGMENTATION_FLAG_ENABLED,
  V4L2_VP9_SEGMENTATION_FLAG_TEMPORAL_UPDATE,
  V4L2_VP9_SEGMENTATION_FLAG_UPDATE_DATA,
  V4L2_VP9_SEGMENTATION_FLAG_UPDATE_MAP,
  V4L2_VP9_SEGMENT_FEATURE_ENABLED_MASK,
  V4L2_VP9_TX_MODE_SELECT,
} from "../gen/index.js";
import type { Vp9LoopFilterView, Vp9QuantizationView, Vp9SegmentationView } from "../gen/index.js";
import { allBetween, atMost, between, oneOf, onlyFlags, refuse, rules } from "./rules.js";

export const vp8Frame = rules(CtrlVp8FrameView, {
  check(frame) {
    oneOf(frame.num_dct_parts, [1, 2, 4, 8], "num_dct_parts");
    frame.segment.padding = 0;
    frame.lf.padding = 0;
    frame.quant.padding = 0;
    frame.entropy.padding.fill(0);
    frame.coder_state.padding = 0;
  },
  init(frame) {
    frame.num_dct_parts = 1;
  },
});

const SUBSAMPLING = V4L2_VP9_FRAME_FLAG_X_SUBSAMPLING | V4L2_VP9_FRAME_FLAG_Y_SUBSAMPLING;
const RESILIENT_AND_REFRESH = V4L2_VP9_FRAME_FLAG_ERROR_RESILIENT | V4L2_VP9_FRAME_FLAG_REFRESH_FRAME_CTX;

const FRAME_FLAGS =
  V4L2_VP9_FRAME_FLAG_KEY_FRAME |
  V4L2_VP9_FRAME_FLAG_SHOW_FRAME |
  V4L2_VP9_FRAME_FLAG_INTRA_ONLY |
  V4L2_VP9_FRAME_FLAG_ALLOW_HIGH_PREC_MV |
  V4L2_VP9_FRAME_FLAG_PARALLEL_DEC_MODE |
  V4L2_VP9_FRAME_FLAG_COLOR_RANGE_FULL_SWING |
  RESILIENT_AND_REFRESH |
  SUBSAMPLING;

const LOOP_FILTER_FLAGS = V4L2_VP9_LOOP_FILTER_FLAG_DELTA_ENABLED | V4L2_VP9_LOOP_FILTER_FLAG_DELTA_UPDATE;

const SEGMENTATION_FLAGS =
  V4L2_VP9_SEGMENTATION_FLAG_ENABLED |
  V4L2_VP9_SEGMENTATION_FLAG_UPDATE_MAP |
  V4L2_VP9_SEGMENTATION_FLAG_TEMPORAL_UPDATE |
  V4L2_VP9_SEGMENTATION_FLAG_UPDATE_DATA |
  V4L2_VP9_SEGMENTATION_FLAG_ABS_OR_DELTA_UPDATE;

/** Greatest magnitude of each segmentation feature: quantizer, loop filter, reference, skip. */
const FEATURE_LIMITS = [255, 63, 3, 0] as const;

function checkLoopFilter(filter: Vp9LoopFilterView): void {
  onlyFlags(filter.flags, LOOP_FILTER_FLAGS, "lf.flags");
  atMost(filter.level, 63, "lf.level");
  atMost(filter.sharpness, 7, "lf.sharpness");
  allBetween(filter.ref_deltas, -63, 63, "lf.ref_deltas");
  allBetween(filter.mode_deltas, -63, 63, "lf.mode_deltas");
  filter.reserved.fill(0);
}

function checkQuantization(quant: Vp9QuantizationView): void {
  between(quant.delta_q_y_dc, -15, 15, "quant.delta_q_y_dc");
  between(quant.delta_q_uv_dc, -15, 15, "quant.delta_q_uv_dc");
  between(quant.delta_q_uv_ac, -15, 15, "quant.delta_q_uv_ac");
  quant.reserved.fill(0);
}

function checkSegmentation(segmentation: Vp9SegmentationView): void {
  onlyFlags(segmentation.flags, SEGMENTATION_FLAGS, "seg.flags");
  for (const enabled of segmentation.feature_enabled) {
    onlyFlags(enabled, V4L2_VP9_SEGMENT_FEATURE_ENABLED_MASK, "seg.feature_enabled");
  }
  const data = segmentation.feature_data;
  for (let index = 0; index < data.length; index++) {
    const limit = FEATURE_LIMITS[index % FEATURE_LIMITS.length] ?? 0;
    between(data.get(index), -limit, limit, "seg.feature_data");
  }
  segmentation.reserved.fill(0);
}

/** Bit depth and chroma subsampling that the profile calls for. */
function checkProfile({ profile, bit_depth: depth, flags }: CtrlVp9FrameView): void {
  atMost(profile, V4L2_VP9_PROFILE_MAX, "profile");
  oneOf(depth, profile < 2 ? [8] : [10, 12], `bit_depth of profile ${profile}`);
  const is420 = (flags & SUBSAMPLING) === SUBSAMPLING;
  const wants420 = profile === 0 || profile === 2;
  if (is420 !== wants420) refuse(`profile ${profile} ${wants420 ? "needs" : "excludes"} 4:2:0 subsampling`);
}

export const vp9Frame = rules(CtrlVp9FrameView, {
  check(frame) {
    onlyFlags(frame.flags, FRAME_FLAGS, "flags");
    if ((frame.flags & RESILIENT_AND_REFRESH) === RESILIENT_AND_REFRESH) {
      refuse("flags has both ERROR_RESILIENT and REFRESH_FRAME_CTX");
    }
    checkProfile(frame);
    atMost(frame.reset_frame_context, V4L2_VP9_RESET_FRAME_CTX_ALL, "reset_frame_context");
    atMost(frame.frame_context_idx, V4L2_VP9_NUM_FRAME_CTX - 1, "frame_context_idx");
    atMost(frame.interpolation_filter, V4L2_VP9_INTERP_FILTER_SWITCHABLE, "interpolation_filter");
    atMost(frame.tile_cols_log2, 6, "tile_cols_log2");
    atMost(frame.reference_mode, V4L2_VP9_REFERENCE_MODE_SELECT, "reference_mode");
    checkLoopFilter(frame.lf);
    checkQuantization(frame.quant);
    checkSegmentation(frame.seg);
    frame.reserved.fill(0);
  },
  init(frame) {
    frame.profile = 0;
    frame.bit_depth = 8;
    frame.flags = (frame.flags | SUBSAMPLING) >>> 0;
  },
});

export const vp9CompressedHdr = rules(CtrlVp9CompressedHdrView, {
  check(header) {
    atMost(header.tx_mode, V4L2_VP9_TX_MODE_SELECT, "tx_mode");
  },
});
