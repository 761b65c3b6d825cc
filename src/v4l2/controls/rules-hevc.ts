/** HEVC stateless controls. */
import {
  CtrlHevcDecodeParamsView,
  CtrlHevcExtSpsLtRpsView,
  CtrlHevcExtSpsStRpsView,
  CtrlHevcPpsView,
  CtrlHevcSliceParamsView,
  CtrlHevcSpsView,
  V4L2_HEVC_DPB_ENTRIES_NUM_MAX,
  V4L2_HEVC_EXT_SPS_LT_RPS_FLAG_USED_LT,
  V4L2_HEVC_EXT_SPS_ST_RPS_FLAG_INTER_REF_PIC_SET_PRED,
  V4L2_HEVC_PPS_FLAG_CU_QP_DELTA_ENABLED,
  V4L2_HEVC_PPS_FLAG_LOOP_FILTER_ACROSS_TILES_ENABLED,
  V4L2_HEVC_PPS_FLAG_PPS_DISABLE_DEBLOCKING_FILTER,
  V4L2_HEVC_PPS_FLAG_TILES_ENABLED,
  V4L2_HEVC_SLICE_TYPE_B,
  V4L2_HEVC_SPS_FLAG_LONG_TERM_REF_PICS_PRESENT,
  V4L2_HEVC_SPS_FLAG_PCM_ENABLED,
} from "../gen/index.js";
import { atMost, onlyFlags, rules } from "./rules.js";

/** Of one SPS, from the specification. */
const MAX_SHORT_TERM_REF_PIC_SETS = 64;
const MAX_LONG_TERM_REF_PICS = 32;
/** Pictures of one short term reference picture set. */
const MAX_PICS = 16;
const LAST_DPB_ENTRY = V4L2_HEVC_DPB_ENTRIES_NUM_MAX - 1;

export const hevcSps = rules(CtrlHevcSpsView, {
  check(sps) {
    atMost(sps.num_short_term_ref_pic_sets, MAX_SHORT_TERM_REF_PIC_SETS, "num_short_term_ref_pic_sets");
    if ((sps.flags & V4L2_HEVC_SPS_FLAG_PCM_ENABLED) === 0n) {
      sps.pcm_sample_bit_depth_luma_minus1 = 0;
      sps.pcm_sample_bit_depth_chroma_minus1 = 0;
      sps.log2_min_pcm_luma_coding_block_size_minus3 = 0;
      sps.log2_diff_max_min_pcm_luma_coding_block_size = 0;
    }
    if ((sps.flags & V4L2_HEVC_SPS_FLAG_LONG_TERM_REF_PICS_PRESENT) === 0n)
      sps.num_long_term_ref_pics_sps = 0;
    atMost(sps.num_long_term_ref_pics_sps, MAX_LONG_TERM_REF_PICS, "num_long_term_ref_pics_sps");
  },
});

export const hevcPps = rules(CtrlHevcPpsView, {
  check(pps) {
    if ((pps.flags & V4L2_HEVC_PPS_FLAG_CU_QP_DELTA_ENABLED) === 0n) pps.diff_cu_qp_delta_depth = 0;
    if ((pps.flags & V4L2_HEVC_PPS_FLAG_TILES_ENABLED) === 0n) {
      pps.num_tile_columns_minus1 = 0;
      pps.num_tile_rows_minus1 = 0;
      pps.column_width_minus1.fill(0);
      pps.row_height_minus1.fill(0);
      pps.flags &= ~V4L2_HEVC_PPS_FLAG_LOOP_FILTER_ACROSS_TILES_ENABLED;
    } else {
      // Drivers use both as bounds of loops over the arrays.
      atMost(pps.num_tile_columns_minus1, pps.column_width_minus1.length - 1, "num_tile_columns_minus1");
      atMost(pps.num_tile_rows_minus1, pps.row_height_minus1.length - 1, "num_tile_rows_minus1");
    }
    if ((pps.flags & V4L2_HEVC_PPS_FLAG_PPS_DISABLE_DEBLOCKING_FILTER) !== 0n) {
      pps.pps_beta_offset_div2 = 0;
      pps.pps_tc_offset_div2 = 0;
    }
  },
});

export const hevcSliceParams = rules(CtrlHevcSliceParamsView, {
  check(slice) {
    atMost(slice.num_ref_idx_l0_active_minus1, LAST_DPB_ENTRY, "num_ref_idx_l0_active_minus1");
    if (slice.slice_type !== V4L2_HEVC_SLICE_TYPE_B) return;
    atMost(slice.num_ref_idx_l1_active_minus1, LAST_DPB_ENTRY, "num_ref_idx_l1_active_minus1");
  },
});

export const hevcDecodeParams = rules(CtrlHevcDecodeParamsView, {
  check(params) {
    atMost(params.num_active_dpb_entries, V4L2_HEVC_DPB_ENTRIES_NUM_MAX, "num_active_dpb_entries");
  },
});

export const hevcExtSpsStRps = rules(CtrlHevcExtSpsStRpsView, {
  check(set) {
    onlyFlags(set.flags, V4L2_HEVC_EXT_SPS_ST_RPS_FLAG_INTER_REF_PIC_SET_PRED, "flags");
    atMost(set.num_negative_pics, MAX_PICS, "num_negative_pics");
    atMost(set.num_positive_pics, MAX_PICS, "num_positive_pics");
    atMost(set.num_negative_pics + set.num_positive_pics, MAX_PICS, "num_negative_pics + num_positive_pics");
  },
});

export const hevcExtSpsLtRps = rules(CtrlHevcExtSpsLtRpsView, {
  check(set) {
    onlyFlags(set.flags, V4L2_HEVC_EXT_SPS_LT_RPS_FLAG_USED_LT, "flags");
  },
});
