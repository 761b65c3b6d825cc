/** HEVC parameter sets from the controls. What changes no sample is left out: usability information, cropping. */
import { hevc } from "../../codec/index.js";
import type { StandardValue } from "../../v4l2/index.js";
import type { Cid } from "../../v4l2/index.js";

type SpsControl = StandardValue<typeof Cid.StatelessHevcSps>;
type PpsControl = StandardValue<typeof Cid.StatelessHevcPps>;
type MatrixControl = StandardValue<typeof Cid.StatelessHevcScalingMatrix>;
type LongTermControl = StandardValue<typeof Cid.StatelessHevcExtSpsLtRps>;

const { LtRpsFlag, PpsFlag, SpsFlag } = hevc;

/** `general_profile_idc` of Main and Main 10. */
const MAIN = 1;
const MAIN_10 = 2;
/** Level 6.2: no limit that a client could break. */
const LEVEL = 186;

function profile(control: SpsControl): hevc.ProfileTierLevel {
  const { profile_tier_level } = hevc.emptySps();
  const { general } = profile_tier_level;
  general.profile_idc = control.bit_depth_luma_minus8 === 0 ? MAIN : MAIN_10;
  general.profile_compatibility_flag[general.profile_idc] = true;
  return { ...profile_tier_level, general_level_idc: LEVEL };
}

/** Of the highest sub-layer, which then counts for all. */
function ordering(control: SpsControl): Pick<hevc.Sps, "ordering"> {
  const top = control.sps_max_sub_layers_minus1;
  const max_dec_pic_buffering_minus1: number[] = [];
  const max_num_reorder_pics: number[] = [];
  const max_latency_increase_plus1: number[] = [];
  max_dec_pic_buffering_minus1[top] = control.sps_max_dec_pic_buffering_minus1;
  max_num_reorder_pics[top] = control.sps_max_num_reorder_pics;
  max_latency_increase_plus1[top] = control.sps_max_latency_increase_plus1;
  return { ordering: { max_dec_pic_buffering_minus1, max_num_reorder_pics, max_latency_increase_plus1 } };
}

export function vpsOf(control: SpsControl): hevc.Vps {
  return {
    ...hevc.emptyVps(),
    vps_video_parameter_set_id: control.video_parameter_set_id,
    vps_max_sub_layers_minus1: control.sps_max_sub_layers_minus1,
    profile_tier_level: profile(control),
    vps_sub_layer_ordering_info_present_flag: false,
    ...ordering(control),
  };
}

/**
 * Without short-term sets, which the control only counts.
 * @param longTerm - `V4L2_CID_STATELESS_HEVC_EXT_SPS_LT_RPS`: as many as the SPS has.
 */
export function spsOf(control: SpsControl, longTerm: readonly LongTermControl[]): hevc.Sps {
  const has = (flag: bigint): boolean => (control.flags & flag) !== 0n;
  return {
    ...hevc.emptySps(),
    sps_video_parameter_set_id: control.video_parameter_set_id,
    sps_max_sub_layers_minus1: control.sps_max_sub_layers_minus1,
    profile_tier_level: profile(control),
    sps_seq_parameter_set_id: control.seq_parameter_set_id,
    chroma_format_idc: control.chroma_format_idc,
    separate_colour_plane_flag: has(SpsFlag.SeparateColourPlane),
    pic_width_in_luma_samples: control.pic_width_in_luma_samples,
    pic_height_in_luma_samples: control.pic_height_in_luma_samples,
    bit_depth_luma_minus8: control.bit_depth_luma_minus8,
    bit_depth_chroma_minus8: control.bit_depth_chroma_minus8,
    log2_max_pic_order_cnt_lsb_minus4: control.log2_max_pic_order_cnt_lsb_minus4,
    sps_sub_layer_ordering_info_present_flag: false,
    ...ordering(control),
    log2_min_luma_coding_block_size_minus3: control.log2_min_luma_coding_block_size_minus3,
    log2_diff_max_min_luma_coding_block_size: control.log2_diff_max_min_luma_coding_block_size,
    log2_min_luma_transform_block_size_minus2: control.log2_min_luma_transform_block_size_minus2,
    log2_diff_max_min_luma_transform_block_size: control.log2_diff_max_min_luma_transform_block_size,
    max_transform_hierarchy_depth_inter: control.max_transform_hierarchy_depth_inter,
    max_transform_hierarchy_depth_intra: control.max_transform_hierarchy_depth_intra,
    // The lists that apply are in the PPS.
    scaling_list_enabled_flag: has(SpsFlag.ScalingListEnabled),
    amp_enabled_flag: has(SpsFlag.AmpEnabled),
    sample_adaptive_offset_enabled_flag: has(SpsFlag.SampleAdaptiveOffset),
    pcm_enabled_flag: has(SpsFlag.PcmEnabled),
    pcm_sample_bit_depth_luma_minus1: control.pcm_sample_bit_depth_luma_minus1,
    pcm_sample_bit_depth_chroma_minus1: control.pcm_sample_bit_depth_chroma_minus1,
    log2_min_pcm_luma_coding_block_size_minus3: control.log2_min_pcm_luma_coding_block_size_minus3,
    log2_diff_max_min_pcm_luma_coding_block_size: control.log2_diff_max_min_pcm_luma_coding_block_size,
    pcm_loop_filter_disabled_flag: has(SpsFlag.PcmLoopFilterDisabled),
    long_term_ref_pics_present_flag: has(SpsFlag.LongTermRefPicsPresent),
    num_long_term_ref_pics_sps: longTerm.length,
    lt_ref_pic_poc_lsb_sps: longTerm.map((entry) => entry.lt_ref_pic_poc_lsb_sps),
    used_by_curr_pic_lt_sps_flag: longTerm.map(({ flags }) => (flags & LtRpsFlag.UsedLt) !== 0),
    sps_temporal_mvp_enabled_flag: has(SpsFlag.SpsTemporalMvpEnabled),
    strong_intra_smoothing_enabled_flag: has(SpsFlag.StrongIntraSmoothingEnabled),
  };
}

export function ppsOf(control: PpsControl, sps: SpsControl, matrix: MatrixControl): hevc.Pps {
  const has = (flag: bigint): boolean => (control.flags & flag) !== 0n;
  const hasLists = (sps.flags & SpsFlag.ScalingListEnabled) !== 0n;
  return {
    ...hevc.emptyPps(),
    pps_pic_parameter_set_id: control.pic_parameter_set_id,
    pps_seq_parameter_set_id: sps.seq_parameter_set_id,
    dependent_slice_segments_enabled_flag: has(PpsFlag.DependentSliceSegmentEnabled),
    output_flag_present_flag: has(PpsFlag.OutputFlagPresent),
    num_extra_slice_header_bits: control.num_extra_slice_header_bits,
    sign_data_hiding_enabled_flag: has(PpsFlag.SignDataHidingEnabled),
    cabac_init_present_flag: has(PpsFlag.CabacInitPresent),
    num_ref_idx_l0_default_active_minus1: control.num_ref_idx_l0_default_active_minus1,
    num_ref_idx_l1_default_active_minus1: control.num_ref_idx_l1_default_active_minus1,
    init_qp_minus26: control.init_qp_minus26,
    constrained_intra_pred_flag: has(PpsFlag.ConstrainedIntraPred),
    transform_skip_enabled_flag: has(PpsFlag.TransformSkipEnabled),
    cu_qp_delta_enabled_flag: has(PpsFlag.CuQpDeltaEnabled),
    diff_cu_qp_delta_depth: control.diff_cu_qp_delta_depth,
    pps_cb_qp_offset: control.pps_cb_qp_offset,
    pps_cr_qp_offset: control.pps_cr_qp_offset,
    pps_slice_chroma_qp_offsets_present_flag: has(PpsFlag.PpsSliceChromaQpOffsetsPresent),
    weighted_pred_flag: has(PpsFlag.WeightedPred),
    weighted_bipred_flag: has(PpsFlag.WeightedBipred),
    transquant_bypass_enabled_flag: has(PpsFlag.TransquantBypassEnabled),
    tiles_enabled_flag: has(PpsFlag.TilesEnabled),
    entropy_coding_sync_enabled_flag: has(PpsFlag.EntropyCodingSyncEnabled),
    num_tile_columns_minus1: control.num_tile_columns_minus1,
    num_tile_rows_minus1: control.num_tile_rows_minus1,
    uniform_spacing_flag: has(PpsFlag.UniformSpacing),
    column_width_minus1: [...control.column_width_minus1],
    row_height_minus1: [...control.row_height_minus1],
    loop_filter_across_tiles_enabled_flag: has(PpsFlag.LoopFilterAcrossTilesEnabled),
    pps_loop_filter_across_slices_enabled_flag: has(PpsFlag.PpsLoopFilterAcrossSlicesEnabled),
    deblocking_filter_control_present_flag: has(PpsFlag.DeblockingFilterControlPresent),
    deblocking_filter_override_enabled_flag: has(PpsFlag.DeblockingFilterOverrideEnabled),
    pps_deblocking_filter_disabled_flag: has(PpsFlag.PpsDisableDeblockingFilter),
    pps_beta_offset_div2: control.pps_beta_offset_div2,
    pps_tc_offset_div2: control.pps_tc_offset_div2,
    pps_scaling_list_data_present_flag: hasLists,
    ...(hasLists && { scaling_list_data: hevc.codedScalingLists(matrix) }),
    lists_modification_present_flag: has(PpsFlag.ListsModificationPresent),
    log2_parallel_merge_level_minus2: control.log2_parallel_merge_level_minus2,
    slice_segment_header_extension_present_flag: has(PpsFlag.SliceSegmentHeaderExtensionPresent),
  };
}
