/** `seq_parameter_set_rbsp()`: 7.3.2.2, with the range and screen content extensions. */
import type { Coder } from "../bits/index.js";
import { emptyProfileTierLevel, profileTierLevel, type ProfileTierLevel } from "./syntax-profile.js";
import { emptyShortTermRps, shortTermRefPicSet, type ShortTermRps } from "./syntax-rps.js";
import { emptyScalingLists, scalingListData, type ScalingLists } from "./syntax-scaling.js";
import { emptyOrdering, extensionData, subLayerOrdering, type SubLayerOrdering } from "./syntax-vps.js";
import { emptyVui, vuiParameters, type Vui } from "./syntax-vui.js";

export interface Sps {
  sps_video_parameter_set_id: number;
  sps_max_sub_layers_minus1: number;
  sps_temporal_id_nesting_flag: boolean;
  profile_tier_level: ProfileTierLevel;
  sps_seq_parameter_set_id: number;
  chroma_format_idc: number;
  separate_colour_plane_flag: boolean;
  pic_width_in_luma_samples: number;
  pic_height_in_luma_samples: number;
  conformance_window_flag: boolean;
  conf_win_left_offset: number;
  conf_win_right_offset: number;
  conf_win_top_offset: number;
  conf_win_bottom_offset: number;
  bit_depth_luma_minus8: number;
  bit_depth_chroma_minus8: number;
  log2_max_pic_order_cnt_lsb_minus4: number;
  sps_sub_layer_ordering_info_present_flag: boolean;
  ordering: SubLayerOrdering;
  log2_min_luma_coding_block_size_minus3: number;
  log2_diff_max_min_luma_coding_block_size: number;
  log2_min_luma_transform_block_size_minus2: number;
  log2_diff_max_min_luma_transform_block_size: number;
  max_transform_hierarchy_depth_inter: number;
  max_transform_hierarchy_depth_intra: number;
  scaling_list_enabled_flag: boolean;
  sps_scaling_list_data_present_flag: boolean;
  scaling_list_data: ScalingLists;
  amp_enabled_flag: boolean;
  sample_adaptive_offset_enabled_flag: boolean;
  pcm_enabled_flag: boolean;
  pcm_sample_bit_depth_luma_minus1: number;
  pcm_sample_bit_depth_chroma_minus1: number;
  log2_min_pcm_luma_coding_block_size_minus3: number;
  log2_diff_max_min_pcm_luma_coding_block_size: number;
  pcm_loop_filter_disabled_flag: boolean;
  num_short_term_ref_pic_sets: number;
  st_ref_pic_set: ShortTermRps[];
  long_term_ref_pics_present_flag: boolean;
  num_long_term_ref_pics_sps: number;
  lt_ref_pic_poc_lsb_sps: number[];
  used_by_curr_pic_lt_sps_flag: boolean[];
  sps_temporal_mvp_enabled_flag: boolean;
  strong_intra_smoothing_enabled_flag: boolean;
  vui_parameters_present_flag: boolean;
  vui: Vui;
  sps_extension_present_flag: boolean;
  sps_range_extension_flag: boolean;
  sps_multilayer_extension_flag: boolean;
  sps_3d_extension_flag: boolean;
  sps_scc_extension_flag: boolean;
  sps_extension_4bits: number;
  range: SpsRangeExtension;
  inter_view_mv_vert_constraint_flag: boolean;
  scc: SpsSccExtension;
  /** Of extensions that are skipped: the one for 3D and those to come. */
  extension_data_flag: boolean[];
  /** 0 where the three colour planes are coded as monochrome pictures. */
  ChromaArrayType: number;
  CtbLog2SizeY: number;
  PicWidthInCtbsY: number;
  PicHeightInCtbsY: number;
  PicSizeInCtbsY: number;
}

/** `sps_range_extension()`: 7.3.2.2.2. */
export interface SpsRangeExtension {
  transform_skip_rotation_enabled_flag: boolean;
  transform_skip_context_enabled_flag: boolean;
  implicit_rdpcm_enabled_flag: boolean;
  explicit_rdpcm_enabled_flag: boolean;
  extended_precision_processing_flag: boolean;
  intra_smoothing_disabled_flag: boolean;
  high_precision_offsets_enabled_flag: boolean;
  persistent_rice_adaptation_enabled_flag: boolean;
  cabac_bypass_alignment_enabled_flag: boolean;
}

/** `sps_scc_extension()`: 7.3.2.2.3. */
export interface SpsSccExtension {
  sps_curr_pic_ref_enabled_flag: boolean;
  palette_mode_enabled_flag: boolean;
  palette_max_size: number;
  delta_palette_max_predictor_size: number;
  sps_palette_predictor_initializers_present_flag: boolean;
  sps_num_palette_predictor_initializers_minus1: number;
  sps_palette_predictor_initializer: number[][];
  motion_vector_resolution_control_idc: number;
  intra_boundary_filtering_disabled_flag: boolean;
}

export function emptySps(): Sps {
  return {
    sps_video_parameter_set_id: 0,
    sps_max_sub_layers_minus1: 0,
    sps_temporal_id_nesting_flag: true,
    profile_tier_level: emptyProfileTierLevel(),
    sps_seq_parameter_set_id: 0,
    chroma_format_idc: 1,
    separate_colour_plane_flag: false,
    pic_width_in_luma_samples: 0,
    pic_height_in_luma_samples: 0,
    conformance_window_flag: false,
    conf_win_left_offset: 0,
    conf_win_right_offset: 0,
    conf_win_top_offset: 0,
    conf_win_bottom_offset: 0,
    bit_depth_luma_minus8: 0,
    bit_depth_chroma_minus8: 0,
    log2_max_pic_order_cnt_lsb_minus4: 0,
    sps_sub_layer_ordering_info_present_flag: true,
    ordering: emptyOrdering(),
    log2_min_luma_coding_block_size_minus3: 0,
    log2_diff_max_min_luma_coding_block_size: 0,
    log2_min_luma_transform_block_size_minus2: 0,
    log2_diff_max_min_luma_transform_block_size: 0,
    max_transform_hierarchy_depth_inter: 0,
    max_transform_hierarchy_depth_intra: 0,
    scaling_list_enabled_flag: false,
    sps_scaling_list_data_present_flag: false,
    scaling_list_data: emptyScalingLists(),
    amp_enabled_flag: false,
    sample_adaptive_offset_enabled_flag: false,
    pcm_enabled_flag: false,
    pcm_sample_bit_depth_luma_minus1: 0,
    pcm_sample_bit_depth_chroma_minus1: 0,
    log2_min_pcm_luma_coding_block_size_minus3: 0,
    log2_diff_max_min_pcm_luma_coding_block_size: 0,
    pcm_loop_filter_disabled_flag: false,
    num_short_term_ref_pic_sets: 0,
    st_ref_pic_set: [],
    long_term_ref_pics_present_flag: false,
    num_long_term_ref_pics_sps: 0,
    lt_ref_pic_poc_lsb_sps: [],
    used_by_curr_pic_lt_sps_flag: [],
    sps_temporal_mvp_enabled_flag: false,
    strong_intra_smoothing_enabled_flag: false,
    vui_parameters_present_flag: false,
    vui: emptyVui(),
    sps_extension_present_flag: false,
    sps_range_extension_flag: false,
    sps_multilayer_extension_flag: false,
    sps_3d_extension_flag: false,
    sps_scc_extension_flag: false,
    sps_extension_4bits: 0,
    range: {
      transform_skip_rotation_enabled_flag: false,
      transform_skip_context_enabled_flag: false,
      implicit_rdpcm_enabled_flag: false,
      explicit_rdpcm_enabled_flag: false,
      extended_precision_processing_flag: false,
      intra_smoothing_disabled_flag: false,
      high_precision_offsets_enabled_flag: false,
      persistent_rice_adaptation_enabled_flag: false,
      cabac_bypass_alignment_enabled_flag: false,
    },
    inter_view_mv_vert_constraint_flag: false,
    scc: {
      sps_curr_pic_ref_enabled_flag: false,
      palette_mode_enabled_flag: false,
      palette_max_size: 0,
      delta_palette_max_predictor_size: 0,
      sps_palette_predictor_initializers_present_flag: false,
      sps_num_palette_predictor_initializers_minus1: 0,
      sps_palette_predictor_initializer: [],
      motion_vector_resolution_control_idc: 0,
      intra_boundary_filtering_disabled_flag: false,
    },
    extension_data_flag: [],
    ChromaArrayType: 1,
    CtbLog2SizeY: 4,
    PicWidthInCtbsY: 0,
    PicHeightInCtbsY: 0,
    PicSizeInCtbsY: 0,
  };
}

/** The specification has no largest width and height; V4L2's control has 16 bits for them. */
const MAX_SIZE = 65535;

export function seqParameterSet(c: Coder, sps: Sps): void {
  const title = (): void => c.structure("seq_parameter_set_rbsp", "7.3.2.2.1");
  title();
  sps.sps_video_parameter_set_id = c.u("sps_video_parameter_set_id", 4, sps.sps_video_parameter_set_id);
  sps.sps_max_sub_layers_minus1 = c.uRange(
    "sps_max_sub_layers_minus1",
    3,
    sps.sps_max_sub_layers_minus1,
    0,
    6,
  );
  sps.sps_temporal_id_nesting_flag = c.flag("sps_temporal_id_nesting_flag", sps.sps_temporal_id_nesting_flag);
  profileTierLevel(c, sps.profile_tier_level, sps.sps_max_sub_layers_minus1);
  title();
  sps.sps_seq_parameter_set_id = c.ue("sps_seq_parameter_set_id", sps.sps_seq_parameter_set_id, 0, 15);
  pictureFormat(c, sps);
  sps.log2_max_pic_order_cnt_lsb_minus4 = c.ue(
    "log2_max_pic_order_cnt_lsb_minus4",
    sps.log2_max_pic_order_cnt_lsb_minus4,
    0,
    12,
  );
  const all = c.flag(
    "sps_sub_layer_ordering_info_present_flag",
    sps.sps_sub_layer_ordering_info_present_flag,
  );
  sps.sps_sub_layer_ordering_info_present_flag = all;
  subLayerOrdering(c, sps.ordering, "sps", all, sps.sps_max_sub_layers_minus1);
  blockSizes(c, sps);
  sps.scaling_list_enabled_flag = c.flag("scaling_list_enabled_flag", sps.scaling_list_enabled_flag);
  if (sps.scaling_list_enabled_flag) {
    sps.sps_scaling_list_data_present_flag = c.flag(
      "sps_scaling_list_data_present_flag",
      sps.sps_scaling_list_data_present_flag,
    );
    if (sps.sps_scaling_list_data_present_flag) {
      scalingListData(c, sps.scaling_list_data);
      title();
    }
  }
  sps.amp_enabled_flag = c.flag("amp_enabled_flag", sps.amp_enabled_flag);
  sps.sample_adaptive_offset_enabled_flag = c.flag(
    "sample_adaptive_offset_enabled_flag",
    sps.sample_adaptive_offset_enabled_flag,
  );
  sps.pcm_enabled_flag = c.flag("pcm_enabled_flag", sps.pcm_enabled_flag);
  if (sps.pcm_enabled_flag) pcm(c, sps);
  referencePictureSets(c, sps);
  title();
  sps.sps_temporal_mvp_enabled_flag = c.flag(
    "sps_temporal_mvp_enabled_flag",
    sps.sps_temporal_mvp_enabled_flag,
  );
  sps.strong_intra_smoothing_enabled_flag = c.flag(
    "strong_intra_smoothing_enabled_flag",
    sps.strong_intra_smoothing_enabled_flag,
  );
  sps.vui_parameters_present_flag = c.flag("vui_parameters_present_flag", sps.vui_parameters_present_flag);
  if (sps.vui_parameters_present_flag) {
    vuiParameters(c, sps.vui, sps.sps_max_sub_layers_minus1, MAX_SIZE);
    title();
  }
  extensions(c, sps);
  c.rbspTrailingBits();
}

/** `sps_max_dec_pic_buffering_minus1` of the highest sub-layer. */
export function maxOtherPictures(sps: Sps): number {
  return sps.ordering.max_dec_pic_buffering_minus1[sps.sps_max_sub_layers_minus1] ?? 0;
}

function pictureFormat(c: Coder, sps: Sps): void {
  sps.chroma_format_idc = c.ue("chroma_format_idc", sps.chroma_format_idc, 0, 3);
  if (sps.chroma_format_idc === 3) {
    sps.separate_colour_plane_flag = c.flag("separate_colour_plane_flag", sps.separate_colour_plane_flag);
  }
  sps.ChromaArrayType = sps.separate_colour_plane_flag ? 0 : sps.chroma_format_idc;
  sps.pic_width_in_luma_samples = c.ue(
    "pic_width_in_luma_samples",
    sps.pic_width_in_luma_samples,
    1,
    MAX_SIZE,
  );
  sps.pic_height_in_luma_samples = c.ue(
    "pic_height_in_luma_samples",
    sps.pic_height_in_luma_samples,
    1,
    MAX_SIZE,
  );
  sps.conformance_window_flag = c.flag("conformance_window_flag", sps.conformance_window_flag);
  if (sps.conformance_window_flag) conformanceWindow(c, sps);
  sps.bit_depth_luma_minus8 = c.ue("bit_depth_luma_minus8", sps.bit_depth_luma_minus8, 0, 8);
  sps.bit_depth_chroma_minus8 = c.ue("bit_depth_chroma_minus8", sps.bit_depth_chroma_minus8, 0, 8);
}

function conformanceWindow(c: Coder, sps: Sps): void {
  // Table 6-1: SubWidthC and SubHeightC.
  const unitX = sps.chroma_format_idc === 1 || sps.chroma_format_idc === 2 ? 2 : 1;
  const unitY = sps.chroma_format_idc === 1 ? 2 : 1;
  const width = Math.ceil(sps.pic_width_in_luma_samples / unitX) - 1;
  const height = Math.ceil(sps.pic_height_in_luma_samples / unitY) - 1;
  const left = c.ue("conf_win_left_offset", sps.conf_win_left_offset, 0, width);
  sps.conf_win_left_offset = left;
  sps.conf_win_right_offset = c.ue("conf_win_right_offset", sps.conf_win_right_offset, 0, width - left);
  const top = c.ue("conf_win_top_offset", sps.conf_win_top_offset, 0, height);
  sps.conf_win_top_offset = top;
  sps.conf_win_bottom_offset = c.ue("conf_win_bottom_offset", sps.conf_win_bottom_offset, 0, height - top);
}

function blockSizes(c: Coder, sps: Sps): void {
  sps.log2_min_luma_coding_block_size_minus3 = c.ue(
    "log2_min_luma_coding_block_size_minus3",
    sps.log2_min_luma_coding_block_size_minus3,
    0,
    3,
  );
  const minCb = sps.log2_min_luma_coding_block_size_minus3 + 3;
  sps.log2_diff_max_min_luma_coding_block_size = c.ue(
    "log2_diff_max_min_luma_coding_block_size",
    sps.log2_diff_max_min_luma_coding_block_size,
    Math.max(4 - minCb, 0),
    6 - minCb,
  );
  const ctb = minCb + sps.log2_diff_max_min_luma_coding_block_size;
  sps.CtbLog2SizeY = ctb;
  sps.PicWidthInCtbsY = Math.ceil(sps.pic_width_in_luma_samples / 2 ** ctb);
  sps.PicHeightInCtbsY = Math.ceil(sps.pic_height_in_luma_samples / 2 ** ctb);
  sps.PicSizeInCtbsY = sps.PicWidthInCtbsY * sps.PicHeightInCtbsY;
  const mask = 2 ** minCb - 1;
  if ((sps.pic_width_in_luma_samples & mask) !== 0 || (sps.pic_height_in_luma_samples & mask) !== 0) {
    throw c.error(
      `a picture of ${sps.pic_width_in_luma_samples}x${sps.pic_height_in_luma_samples} has no whole number of coding blocks of ${2 ** minCb} samples`,
    );
  }
  sps.log2_min_luma_transform_block_size_minus2 = c.ue(
    "log2_min_luma_transform_block_size_minus2",
    sps.log2_min_luma_transform_block_size_minus2,
    0,
    Math.min(minCb - 1, 5) - 2,
  );
  const minTb = sps.log2_min_luma_transform_block_size_minus2 + 2;
  sps.log2_diff_max_min_luma_transform_block_size = c.ue(
    "log2_diff_max_min_luma_transform_block_size",
    sps.log2_diff_max_min_luma_transform_block_size,
    0,
    Math.min(ctb, 5) - minTb,
  );
  sps.max_transform_hierarchy_depth_inter = c.ue(
    "max_transform_hierarchy_depth_inter",
    sps.max_transform_hierarchy_depth_inter,
    0,
    ctb - minTb,
  );
  sps.max_transform_hierarchy_depth_intra = c.ue(
    "max_transform_hierarchy_depth_intra",
    sps.max_transform_hierarchy_depth_intra,
    0,
    ctb - minTb,
  );
}

function pcm(c: Coder, sps: Sps): void {
  const { pcm_sample_bit_depth_luma_minus1: luma, pcm_sample_bit_depth_chroma_minus1: chroma } = sps;
  sps.pcm_sample_bit_depth_luma_minus1 = c.uRange(
    "pcm_sample_bit_depth_luma_minus1",
    4,
    luma,
    0,
    sps.bit_depth_luma_minus8 + 7,
  );
  sps.pcm_sample_bit_depth_chroma_minus1 = c.uRange(
    "pcm_sample_bit_depth_chroma_minus1",
    4,
    chroma,
    0,
    sps.bit_depth_chroma_minus8 + 7,
  );
  const minCb = sps.log2_min_luma_coding_block_size_minus3 + 3;
  const largest = Math.min(sps.CtbLog2SizeY, 5);
  sps.log2_min_pcm_luma_coding_block_size_minus3 = c.ue(
    "log2_min_pcm_luma_coding_block_size_minus3",
    sps.log2_min_pcm_luma_coding_block_size_minus3,
    Math.min(minCb, 5) - 3,
    largest - 3,
  );
  sps.log2_diff_max_min_pcm_luma_coding_block_size = c.ue(
    "log2_diff_max_min_pcm_luma_coding_block_size",
    sps.log2_diff_max_min_pcm_luma_coding_block_size,
    0,
    largest - sps.log2_min_pcm_luma_coding_block_size_minus3 - 3,
  );
  sps.pcm_loop_filter_disabled_flag = c.flag(
    "pcm_loop_filter_disabled_flag",
    sps.pcm_loop_filter_disabled_flag,
  );
}

function referencePictureSets(c: Coder, sps: Sps): void {
  const count = c.ue("num_short_term_ref_pic_sets", sps.num_short_term_ref_pic_sets, 0, 64);
  sps.num_short_term_ref_pic_sets = count;
  for (let i = 0; i < count; i += 1) {
    const set = (sps.st_ref_pic_set[i] ??= emptyShortTermRps());
    shortTermRefPicSet(c, set, i, sps.st_ref_pic_set, count, maxOtherPictures(sps));
  }
  c.structure("seq_parameter_set_rbsp", "7.3.2.2.1");
  sps.long_term_ref_pics_present_flag = c.flag(
    "long_term_ref_pics_present_flag",
    sps.long_term_ref_pics_present_flag,
  );
  if (!sps.long_term_ref_pics_present_flag) return;
  const longTerm = c.ue("num_long_term_ref_pics_sps", sps.num_long_term_ref_pics_sps, 0, 32);
  sps.num_long_term_ref_pics_sps = longTerm;
  for (let i = 0; i < longTerm; i += 1) {
    sps.lt_ref_pic_poc_lsb_sps[i] = c.u(
      "lt_ref_pic_poc_lsb_sps",
      sps.log2_max_pic_order_cnt_lsb_minus4 + 4,
      sps.lt_ref_pic_poc_lsb_sps[i],
      i,
    );
    sps.used_by_curr_pic_lt_sps_flag[i] = c.flag(
      "used_by_curr_pic_lt_sps_flag",
      sps.used_by_curr_pic_lt_sps_flag[i],
      i,
    );
  }
}

function extensions(c: Coder, sps: Sps): void {
  sps.sps_extension_present_flag = c.flag("sps_extension_present_flag", sps.sps_extension_present_flag);
  if (!sps.sps_extension_present_flag) return;
  sps.sps_range_extension_flag = c.flag("sps_range_extension_flag", sps.sps_range_extension_flag);
  sps.sps_multilayer_extension_flag = c.flag(
    "sps_multilayer_extension_flag",
    sps.sps_multilayer_extension_flag,
  );
  sps.sps_3d_extension_flag = c.flag("sps_3d_extension_flag", sps.sps_3d_extension_flag);
  sps.sps_scc_extension_flag = c.flag("sps_scc_extension_flag", sps.sps_scc_extension_flag);
  sps.sps_extension_4bits = c.u("sps_extension_4bits", 4, sps.sps_extension_4bits);
  if (sps.sps_range_extension_flag) rangeExtension(c, sps.range);
  if (sps.sps_multilayer_extension_flag) {
    c.structure("sps_multilayer_extension", "F.7.3.2.2.4");
    sps.inter_view_mv_vert_constraint_flag = c.flag(
      "inter_view_mv_vert_constraint_flag",
      sps.inter_view_mv_vert_constraint_flag,
    );
  }
  // Only layers above 0 are in 3D; what stands behind its extension cannot be reached without it.
  if (sps.sps_scc_extension_flag && !sps.sps_3d_extension_flag) sccExtension(c, sps);
  if (sps.sps_3d_extension_flag || sps.sps_extension_4bits !== 0) {
    extensionData(c, "sps_extension_data_flag", sps.extension_data_flag);
  }
}

function rangeExtension(c: Coder, range: SpsRangeExtension): void {
  c.structure("sps_range_extension", "7.3.2.2.2");
  const flag = (name: keyof SpsRangeExtension): void => {
    range[name] = c.flag(name, range[name]);
  };
  flag("transform_skip_rotation_enabled_flag");
  flag("transform_skip_context_enabled_flag");
  flag("implicit_rdpcm_enabled_flag");
  flag("explicit_rdpcm_enabled_flag");
  flag("extended_precision_processing_flag");
  flag("intra_smoothing_disabled_flag");
  flag("high_precision_offsets_enabled_flag");
  flag("persistent_rice_adaptation_enabled_flag");
  flag("cabac_bypass_alignment_enabled_flag");
}

function sccExtension(c: Coder, sps: Sps): void {
  const { scc } = sps;
  c.structure("sps_scc_extension", "7.3.2.2.3");
  scc.sps_curr_pic_ref_enabled_flag = c.flag(
    "sps_curr_pic_ref_enabled_flag",
    scc.sps_curr_pic_ref_enabled_flag,
  );
  scc.palette_mode_enabled_flag = c.flag("palette_mode_enabled_flag", scc.palette_mode_enabled_flag);
  if (scc.palette_mode_enabled_flag) {
    // At most 64 and 128 in every profile with palettes: A.3.7.
    scc.palette_max_size = c.ue("palette_max_size", scc.palette_max_size, 0, 64);
    scc.delta_palette_max_predictor_size = c.ue(
      "delta_palette_max_predictor_size",
      scc.delta_palette_max_predictor_size,
      0,
      128,
    );
    scc.sps_palette_predictor_initializers_present_flag = c.flag(
      "sps_palette_predictor_initializers_present_flag",
      scc.sps_palette_predictor_initializers_present_flag,
    );
    if (scc.sps_palette_predictor_initializers_present_flag) {
      const last = c.ue(
        "sps_num_palette_predictor_initializers_minus1",
        scc.sps_num_palette_predictor_initializers_minus1,
        0,
        scc.palette_max_size + scc.delta_palette_max_predictor_size - 1,
      );
      scc.sps_num_palette_predictor_initializers_minus1 = last;
      for (let comp = 0; comp < (sps.chroma_format_idc === 0 ? 1 : 3); comp += 1) {
        const bits = (comp === 0 ? sps.bit_depth_luma_minus8 : sps.bit_depth_chroma_minus8) + 8;
        const values = (scc.sps_palette_predictor_initializer[comp] ??= []);
        for (let i = 0; i <= last; i += 1) {
          values[i] = c.u("sps_palette_predictor_initializer", bits, values[i], comp, i);
        }
      }
    }
  }
  scc.motion_vector_resolution_control_idc = c.uRange(
    "motion_vector_resolution_control_idc",
    2,
    scc.motion_vector_resolution_control_idc,
    0,
    2,
  );
  scc.intra_boundary_filtering_disabled_flag = c.flag(
    "intra_boundary_filtering_disabled_flag",
    scc.intra_boundary_filtering_disabled_flag,
  );
}
