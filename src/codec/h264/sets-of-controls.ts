/** The way back from V4L2's controls to parameter sets, as far as slice headers depend on them. */
import type { Cid, StandardValue } from "../../v4l2/index.js";
import { PpsFlag, SpsFlag } from "./flags.js";
import { emptyPps, type Pps } from "./syntax-pps.js";
import { emptySps, type Sps } from "./syntax-sps.js";

/** @param control - Any values: those that would make a parser read without end are cut. */
export function spsOfControl(control: StandardValue<typeof Cid.StatelessH264Sps>): Sps {
  const has = (flag: number): boolean => (control.flags & flag) !== 0;
  const cycle = Math.min(control.num_ref_frames_in_pic_order_cnt_cycle, 255);
  return {
    ...emptySps(),
    profile_idc: control.profile_idc,
    constraint_set_flag: [0, 1, 2, 3, 4, 5].map((i) => (control.constraint_set_flags & (1 << i)) !== 0),
    level_idc: control.level_idc,
    seq_parameter_set_id: control.seq_parameter_set_id,
    chroma_format_idc: control.chroma_format_idc,
    separate_colour_plane_flag: has(SpsFlag.SeparateColourPlane),
    bit_depth_luma_minus8: control.bit_depth_luma_minus8,
    bit_depth_chroma_minus8: control.bit_depth_chroma_minus8,
    log2_max_frame_num_minus4: Math.min(control.log2_max_frame_num_minus4, 12),
    pic_order_cnt_type: control.pic_order_cnt_type,
    log2_max_pic_order_cnt_lsb_minus4: Math.min(control.log2_max_pic_order_cnt_lsb_minus4, 12),
    delta_pic_order_always_zero_flag: has(SpsFlag.DeltaPicOrderAlwaysZero),
    offset_for_non_ref_pic: control.offset_for_non_ref_pic,
    offset_for_top_to_bottom_field: control.offset_for_top_to_bottom_field,
    num_ref_frames_in_pic_order_cnt_cycle: cycle,
    offset_for_ref_frame: control.offset_for_ref_frame.slice(0, cycle),
    max_num_ref_frames: Math.min(control.max_num_ref_frames, 16),
    gaps_in_frame_num_value_allowed_flag: has(SpsFlag.GapsInFrameNumValueAllowed),
    pic_width_in_mbs_minus1: control.pic_width_in_mbs_minus1,
    pic_height_in_map_units_minus1: control.pic_height_in_map_units_minus1,
    frame_mbs_only_flag: has(SpsFlag.FrameMbsOnly),
    mb_adaptive_frame_field_flag: has(SpsFlag.MbAdaptiveFrameField),
    direct_8x8_inference_flag: has(SpsFlag.Direct8x8Inference),
  };
}

export function ppsOfControl(control: StandardValue<typeof Cid.StatelessH264Pps>): Pps {
  const has = (flag: number): boolean => (control.flags & flag) !== 0;
  return {
    ...emptyPps(),
    pic_parameter_set_id: control.pic_parameter_set_id,
    seq_parameter_set_id: control.seq_parameter_set_id,
    num_slice_groups_minus1: control.num_slice_groups_minus1,
    num_ref_idx_l0_default_active_minus1: control.num_ref_idx_l0_default_active_minus1,
    num_ref_idx_l1_default_active_minus1: control.num_ref_idx_l1_default_active_minus1,
    weighted_bipred_idc: control.weighted_bipred_idc,
    pic_init_qp_minus26: control.pic_init_qp_minus26,
    pic_init_qs_minus26: control.pic_init_qs_minus26,
    entropy_coding_mode_flag: has(PpsFlag.EntropyCodingMode),
    bottom_field_pic_order_in_frame_present_flag: has(PpsFlag.BottomFieldPicOrderInFramePresent),
    weighted_pred_flag: has(PpsFlag.WeightedPred),
    deblocking_filter_control_present_flag: has(PpsFlag.DeblockingFilterControlPresent),
    redundant_pic_cnt_present_flag: has(PpsFlag.RedundantPicCntPresent),
  };
}
