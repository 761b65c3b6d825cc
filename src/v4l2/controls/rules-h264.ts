/** H.264 stateless controls. */
import {
  CtrlH264DecodeParamsView,
  CtrlH264PpsView,
  CtrlH264PredWeightsView,
  CtrlH264ScalingMatrixView,
  CtrlH264SliceParamsView,
  CtrlH264SpsView,
  V4L2_H264_REF_LIST_LEN,
  V4L2_H264_SLICE_FLAG_DIRECT_SPATIAL_MV_PRED,
  V4L2_H264_SLICE_TYPE_B,
  V4L2_H264_SLICE_TYPE_I,
  V4L2_H264_SLICE_TYPE_SI,
  V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY,
  V4L2_H264_SPS_FLAG_MB_ADAPTIVE_FRAME_FIELD,
  V4L2_H264_SPS_FLAG_QPPRIME_Y_ZERO_TRANSFORM_BYPASS,
  V4L2_H264_SPS_FLAG_SEPARATE_COLOUR_PLANE,
} from "../gen/index.js";
import { atMost, between, refuse, rules } from "./rules.js";

const LAST_REFERENCE = V4L2_H264_REF_LIST_LEN - 1;

/** Profiles whose SPS carries a chroma format (`V4L2_H264_SPS_HAS_CHROMA_FORMAT`). */
const chromaFormatProfiles = new Set([44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244]);
const HIGH_422 = 122;
const HIGH_444 = 244;

/** Zeroes the syntax elements that this SPS does not have. */
function clearAbsentSpsFields(sps: CtrlH264SpsView): void {
  if (sps.pic_order_cnt_type !== 0) {
    sps.log2_max_pic_order_cnt_lsb_minus4 = 0;
  } else {
    // As in the kernel, type 2 keeps these although it has no use for them.
    sps.num_ref_frames_in_pic_order_cnt_cycle = 0;
    sps.offset_for_non_ref_pic = 0;
    sps.offset_for_top_to_bottom_field = 0;
    sps.offset_for_ref_frame.assign([]);
  }
  let flags = sps.flags;
  if (!chromaFormatProfiles.has(sps.profile_idc)) {
    sps.chroma_format_idc = 1;
    sps.bit_depth_luma_minus8 = 0;
    sps.bit_depth_chroma_minus8 = 0;
    flags &= ~V4L2_H264_SPS_FLAG_QPPRIME_Y_ZERO_TRANSFORM_BYPASS;
  }
  if (sps.chroma_format_idc < 3) flags &= ~V4L2_H264_SPS_FLAG_SEPARATE_COLOUR_PLANE;
  if ((flags & V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY) !== 0) flags &= ~V4L2_H264_SPS_FLAG_MB_ADAPTIVE_FRAME_FIELD;
  sps.flags = flags >>> 0;
}

export const h264Sps = rules(CtrlH264SpsView, {
  check(sps) {
    clearAbsentSpsFields(sps);
    const { profile_idc: profile, chroma_format_idc: chroma } = sps;
    if (profile < HIGH_422 && chroma > 1) refuse(`chroma_format_idc is ${chroma} in profile_idc ${profile}`);
    if (profile < HIGH_444 && chroma > 2) refuse(`chroma_format_idc is ${chroma} in profile_idc ${profile}`);
    atMost(chroma, 3, "chroma_format_idc");
    atMost(sps.bit_depth_luma_minus8, 6, "bit_depth_luma_minus8");
    atMost(sps.bit_depth_chroma_minus8, 6, "bit_depth_chroma_minus8");
    atMost(sps.log2_max_frame_num_minus4, 12, "log2_max_frame_num_minus4");
    atMost(sps.pic_order_cnt_type, 2, "pic_order_cnt_type");
    atMost(sps.log2_max_pic_order_cnt_lsb_minus4, 12, "log2_max_pic_order_cnt_lsb_minus4");
    atMost(sps.max_num_ref_frames, V4L2_H264_REF_LIST_LEN, "max_num_ref_frames");
  },
});

export const h264Pps = rules(CtrlH264PpsView, {
  check(pps) {
    atMost(pps.num_slice_groups_minus1, 7, "num_slice_groups_minus1");
    atMost(pps.num_ref_idx_l0_default_active_minus1, LAST_REFERENCE, "num_ref_idx_l0_default_active_minus1");
    atMost(pps.num_ref_idx_l1_default_active_minus1, LAST_REFERENCE, "num_ref_idx_l1_default_active_minus1");
    atMost(pps.weighted_bipred_idc, 2, "weighted_bipred_idc");
    // Down to -(26 + 6 * bit_depth_luma_minus8), whose greatest value is 6.
    between(pps.pic_init_qp_minus26, -62, 25, "pic_init_qp_minus26");
    between(pps.pic_init_qs_minus26, -26, 25, "pic_init_qs_minus26");
    between(pps.chroma_qp_index_offset, -12, 12, "chroma_qp_index_offset");
    between(pps.second_chroma_qp_index_offset, -12, 12, "second_chroma_qp_index_offset");
  },
});

export const h264ScalingMatrix = rules(CtrlH264ScalingMatrixView, {
  /** Flat, as (7-8) and (7-9) of the specification say when the stream has none. */
  init(matrix) {
    matrix.bytes.fill(16, 0, CtrlH264ScalingMatrixView.SIZE);
  },
});

export const h264PredWeights = rules(CtrlH264PredWeightsView, {
  check(weights) {
    atMost(weights.luma_log2_weight_denom, 7, "luma_log2_weight_denom");
    atMost(weights.chroma_log2_weight_denom, 7, "chroma_log2_weight_denom");
  },
});

export const h264SliceParams = rules(CtrlH264SliceParamsView, {
  check(slice) {
    const type = slice.slice_type;
    if (type !== V4L2_H264_SLICE_TYPE_B) {
      slice.flags = (slice.flags & ~V4L2_H264_SLICE_FLAG_DIRECT_SPATIAL_MV_PRED) >>> 0;
      slice.num_ref_idx_l1_active_minus1 = 0;
    }
    if (type === V4L2_H264_SLICE_TYPE_I || type === V4L2_H264_SLICE_TYPE_SI) {
      slice.num_ref_idx_l0_active_minus1 = 0;
    }
    atMost(slice.colour_plane_id, 2, "colour_plane_id");
    atMost(slice.cabac_init_idc, 2, "cabac_init_idc");
    atMost(slice.disable_deblocking_filter_idc, 2, "disable_deblocking_filter_idc");
    between(slice.slice_alpha_c0_offset_div2, -6, 6, "slice_alpha_c0_offset_div2");
    between(slice.slice_beta_offset_div2, -6, 6, "slice_beta_offset_div2");
    atMost(slice.num_ref_idx_l0_active_minus1, LAST_REFERENCE, "num_ref_idx_l0_active_minus1");
    atMost(slice.num_ref_idx_l1_active_minus1, LAST_REFERENCE, "num_ref_idx_l1_active_minus1");
    slice.reserved = 0;
  },
});

export const h264DecodeParams = rules(CtrlH264DecodeParamsView, {
  check(params) {
    atMost(params.nal_ref_idc, 3, "nal_ref_idc");
    for (const entry of params.dpb) entry.reserved.fill(0);
    params.reserved = 0;
  },
});
