/** `vui_parameters()`: Annex E.2.1. */
import type { Coder } from "../bits/index.js";
import { emptyHrd, hrdParameters, type Hrd } from "./syntax-hrd.js";

export interface Vui {
  aspect_ratio_info_present_flag: boolean;
  aspect_ratio_idc: number;
  sar_width: number;
  sar_height: number;
  overscan_info_present_flag: boolean;
  overscan_appropriate_flag: boolean;
  video_signal_type_present_flag: boolean;
  video_format: number;
  video_full_range_flag: boolean;
  colour_description_present_flag: boolean;
  colour_primaries: number;
  transfer_characteristics: number;
  matrix_coefficients: number;
  chroma_loc_info_present_flag: boolean;
  chroma_sample_loc_type_top_field: number;
  chroma_sample_loc_type_bottom_field: number;
  neutral_chroma_indication_flag: boolean;
  field_seq_flag: boolean;
  frame_field_info_present_flag: boolean;
  default_display_window_flag: boolean;
  def_disp_win_left_offset: number;
  def_disp_win_right_offset: number;
  def_disp_win_top_offset: number;
  def_disp_win_bottom_offset: number;
  vui_timing_info_present_flag: boolean;
  vui_num_units_in_tick: number;
  vui_time_scale: number;
  vui_poc_proportional_to_timing_flag: boolean;
  vui_num_ticks_poc_diff_one_minus1: number;
  vui_hrd_parameters_present_flag: boolean;
  hrd_parameters: Hrd;
  bitstream_restriction_flag: boolean;
  tiles_fixed_structure_flag: boolean;
  motion_vectors_over_pic_boundaries_flag: boolean;
  restricted_ref_pic_lists_flag: boolean;
  min_spatial_segmentation_idc: number;
  max_bytes_per_pic_denom: number;
  max_bits_per_min_cu_denom: number;
  log2_max_mv_length_horizontal: number;
  log2_max_mv_length_vertical: number;
}

const EXTENDED_SAR = 255;

export function emptyVui(): Vui {
  return {
    aspect_ratio_info_present_flag: false,
    aspect_ratio_idc: 0,
    sar_width: 0,
    sar_height: 0,
    overscan_info_present_flag: false,
    overscan_appropriate_flag: false,
    video_signal_type_present_flag: false,
    video_format: 5,
    video_full_range_flag: false,
    colour_description_present_flag: false,
    colour_primaries: 2,
    transfer_characteristics: 2,
    matrix_coefficients: 2,
    chroma_loc_info_present_flag: false,
    chroma_sample_loc_type_top_field: 0,
    chroma_sample_loc_type_bottom_field: 0,
    neutral_chroma_indication_flag: false,
    field_seq_flag: false,
    frame_field_info_present_flag: false,
    default_display_window_flag: false,
    def_disp_win_left_offset: 0,
    def_disp_win_right_offset: 0,
    def_disp_win_top_offset: 0,
    def_disp_win_bottom_offset: 0,
    vui_timing_info_present_flag: false,
    vui_num_units_in_tick: 0,
    vui_time_scale: 0,
    vui_poc_proportional_to_timing_flag: false,
    vui_num_ticks_poc_diff_one_minus1: 0,
    vui_hrd_parameters_present_flag: false,
    hrd_parameters: emptyHrd(),
    bitstream_restriction_flag: false,
    tiles_fixed_structure_flag: false,
    motion_vectors_over_pic_boundaries_flag: true,
    restricted_ref_pic_lists_flag: false,
    min_spatial_segmentation_idc: 0,
    max_bytes_per_pic_denom: 2,
    max_bits_per_min_cu_denom: 1,
    log2_max_mv_length_horizontal: 15,
    log2_max_mv_length_vertical: 15,
  };
}

/** @param largestOffset - A bound for the display window's offsets. */
export function vuiParameters(c: Coder, vui: Vui, maxSubLayersMinus1: number, largestOffset: number): void {
  c.structure("vui_parameters", "E.2.1");
  signal(c, vui);
  vui.neutral_chroma_indication_flag = c.flag(
    "neutral_chroma_indication_flag",
    vui.neutral_chroma_indication_flag,
  );
  vui.field_seq_flag = c.flag("field_seq_flag", vui.field_seq_flag);
  vui.frame_field_info_present_flag = c.flag(
    "frame_field_info_present_flag",
    vui.frame_field_info_present_flag,
  );
  vui.default_display_window_flag = c.flag("default_display_window_flag", vui.default_display_window_flag);
  if (vui.default_display_window_flag) {
    const max = largestOffset;
    vui.def_disp_win_left_offset = c.ue("def_disp_win_left_offset", vui.def_disp_win_left_offset, 0, max);
    vui.def_disp_win_right_offset = c.ue("def_disp_win_right_offset", vui.def_disp_win_right_offset, 0, max);
    vui.def_disp_win_top_offset = c.ue("def_disp_win_top_offset", vui.def_disp_win_top_offset, 0, max);
    vui.def_disp_win_bottom_offset = c.ue(
      "def_disp_win_bottom_offset",
      vui.def_disp_win_bottom_offset,
      0,
      max,
    );
  }
  vui.vui_timing_info_present_flag = c.flag("vui_timing_info_present_flag", vui.vui_timing_info_present_flag);
  if (vui.vui_timing_info_present_flag) timing(c, vui, maxSubLayersMinus1);
  vui.bitstream_restriction_flag = c.flag("bitstream_restriction_flag", vui.bitstream_restriction_flag);
  if (vui.bitstream_restriction_flag) restrictions(c, vui);
}

function signal(c: Coder, vui: Vui): void {
  vui.aspect_ratio_info_present_flag = c.flag(
    "aspect_ratio_info_present_flag",
    vui.aspect_ratio_info_present_flag,
  );
  if (vui.aspect_ratio_info_present_flag) {
    vui.aspect_ratio_idc = c.u("aspect_ratio_idc", 8, vui.aspect_ratio_idc);
    if (vui.aspect_ratio_idc === EXTENDED_SAR) {
      vui.sar_width = c.u("sar_width", 16, vui.sar_width);
      vui.sar_height = c.u("sar_height", 16, vui.sar_height);
    }
  }
  vui.overscan_info_present_flag = c.flag("overscan_info_present_flag", vui.overscan_info_present_flag);
  if (vui.overscan_info_present_flag) {
    vui.overscan_appropriate_flag = c.flag("overscan_appropriate_flag", vui.overscan_appropriate_flag);
  }
  vui.video_signal_type_present_flag = c.flag(
    "video_signal_type_present_flag",
    vui.video_signal_type_present_flag,
  );
  if (vui.video_signal_type_present_flag) {
    vui.video_format = c.u("video_format", 3, vui.video_format);
    vui.video_full_range_flag = c.flag("video_full_range_flag", vui.video_full_range_flag);
    vui.colour_description_present_flag = c.flag(
      "colour_description_present_flag",
      vui.colour_description_present_flag,
    );
    if (vui.colour_description_present_flag) {
      vui.colour_primaries = c.u("colour_primaries", 8, vui.colour_primaries);
      vui.transfer_characteristics = c.u("transfer_characteristics", 8, vui.transfer_characteristics);
      vui.matrix_coefficients = c.u("matrix_coefficients", 8, vui.matrix_coefficients);
    }
  }
  vui.chroma_loc_info_present_flag = c.flag("chroma_loc_info_present_flag", vui.chroma_loc_info_present_flag);
  if (vui.chroma_loc_info_present_flag) {
    const { chroma_sample_loc_type_top_field: top, chroma_sample_loc_type_bottom_field: bottom } = vui;
    vui.chroma_sample_loc_type_top_field = c.ue("chroma_sample_loc_type_top_field", top, 0, 5);
    vui.chroma_sample_loc_type_bottom_field = c.ue("chroma_sample_loc_type_bottom_field", bottom, 0, 5);
  }
}

function timing(c: Coder, vui: Vui, maxSubLayersMinus1: number): void {
  vui.vui_num_units_in_tick = c.u("vui_num_units_in_tick", 32, vui.vui_num_units_in_tick);
  vui.vui_time_scale = c.u("vui_time_scale", 32, vui.vui_time_scale);
  vui.vui_poc_proportional_to_timing_flag = c.flag(
    "vui_poc_proportional_to_timing_flag",
    vui.vui_poc_proportional_to_timing_flag,
  );
  if (vui.vui_poc_proportional_to_timing_flag) {
    vui.vui_num_ticks_poc_diff_one_minus1 = c.ue(
      "vui_num_ticks_poc_diff_one_minus1",
      vui.vui_num_ticks_poc_diff_one_minus1,
      0,
      2 ** 32 - 2,
    );
  }
  vui.vui_hrd_parameters_present_flag = c.flag(
    "vui_hrd_parameters_present_flag",
    vui.vui_hrd_parameters_present_flag,
  );
  if (vui.vui_hrd_parameters_present_flag) {
    hrdParameters(c, vui.hrd_parameters, true, maxSubLayersMinus1);
    c.structure("vui_parameters", "E.2.1");
  }
}

function restrictions(c: Coder, vui: Vui): void {
  vui.tiles_fixed_structure_flag = c.flag("tiles_fixed_structure_flag", vui.tiles_fixed_structure_flag);
  vui.motion_vectors_over_pic_boundaries_flag = c.flag(
    "motion_vectors_over_pic_boundaries_flag",
    vui.motion_vectors_over_pic_boundaries_flag,
  );
  vui.restricted_ref_pic_lists_flag = c.flag(
    "restricted_ref_pic_lists_flag",
    vui.restricted_ref_pic_lists_flag,
  );
  const ue = (name: string, value: number, max: number): number => c.ue(name, value, 0, max);
  vui.min_spatial_segmentation_idc = ue(
    "min_spatial_segmentation_idc",
    vui.min_spatial_segmentation_idc,
    4095,
  );
  vui.max_bytes_per_pic_denom = ue("max_bytes_per_pic_denom", vui.max_bytes_per_pic_denom, 16);
  vui.max_bits_per_min_cu_denom = ue("max_bits_per_min_cu_denom", vui.max_bits_per_min_cu_denom, 16);
  const { log2_max_mv_length_horizontal: horizontal, log2_max_mv_length_vertical: vertical } = vui;
  // Version 2 of the specification lowered 16 to 15; encoders of the first version write 16.
  vui.log2_max_mv_length_horizontal = ue("log2_max_mv_length_horizontal", horizontal, 16);
  vui.log2_max_mv_length_vertical = ue("log2_max_mv_length_vertical", vertical, 16);
}
