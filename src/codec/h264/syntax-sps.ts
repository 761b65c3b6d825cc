/** H.264 sequence parameter sets: 7.3.2.1.1, annex E. */
import type { Coder } from "../bits/index.js";
import { hasChromaFormat, MAX_FRAME_MBS, MAX_SIDE_MBS } from "./profiles.js";

const INT32 = 2 ** 31 - 1;

/** `scaling_list()`, as it is in the stream. */
export interface ScalingList {
  present: boolean;
  delta_scale: number[];
  /** In zig-zag or field scan order as coded; meaningless with `useDefault`. */
  values: number[];
  useDefault: boolean;
}

export interface Hrd {
  cpb_cnt_minus1: number;
  bit_rate_scale: number;
  cpb_size_scale: number;
  bit_rate_value_minus1: number[];
  cpb_size_value_minus1: number[];
  cbr_flag: boolean[];
  initial_cpb_removal_delay_length_minus1: number;
  cpb_removal_delay_length_minus1: number;
  dpb_output_delay_length_minus1: number;
  time_offset_length: number;
}

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
  timing_info_present_flag: boolean;
  num_units_in_tick: number;
  time_scale: number;
  fixed_frame_rate_flag: boolean;
  nal_hrd_parameters_present_flag: boolean;
  nal_hrd: Hrd;
  vcl_hrd_parameters_present_flag: boolean;
  vcl_hrd: Hrd;
  low_delay_hrd_flag: boolean;
  pic_struct_present_flag: boolean;
  bitstream_restriction_flag: boolean;
  motion_vectors_over_pic_boundaries_flag: boolean;
  max_bytes_per_pic_denom: number;
  max_bits_per_mb_denom: number;
  log2_max_mv_length_horizontal: number;
  log2_max_mv_length_vertical: number;
  max_num_reorder_frames: number;
  max_dec_frame_buffering: number;
}

export interface Sps {
  profile_idc: number;
  constraint_set_flag: boolean[];
  reserved_zero_2bits: number;
  level_idc: number;
  seq_parameter_set_id: number;
  chroma_format_idc: number;
  separate_colour_plane_flag: boolean;
  bit_depth_luma_minus8: number;
  bit_depth_chroma_minus8: number;
  qpprime_y_zero_transform_bypass_flag: boolean;
  seq_scaling_matrix_present_flag: boolean;
  /** Six of 4x4, then two or six of 8x8. */
  seq_scaling_list: ScalingList[];
  log2_max_frame_num_minus4: number;
  pic_order_cnt_type: number;
  log2_max_pic_order_cnt_lsb_minus4: number;
  delta_pic_order_always_zero_flag: boolean;
  offset_for_non_ref_pic: number;
  offset_for_top_to_bottom_field: number;
  num_ref_frames_in_pic_order_cnt_cycle: number;
  offset_for_ref_frame: number[];
  max_num_ref_frames: number;
  gaps_in_frame_num_value_allowed_flag: boolean;
  pic_width_in_mbs_minus1: number;
  pic_height_in_map_units_minus1: number;
  frame_mbs_only_flag: boolean;
  mb_adaptive_frame_field_flag: boolean;
  direct_8x8_inference_flag: boolean;
  frame_cropping_flag: boolean;
  frame_crop_left_offset: number;
  frame_crop_right_offset: number;
  frame_crop_top_offset: number;
  frame_crop_bottom_offset: number;
  vui_parameters_present_flag: boolean;
  vui: Vui;
}

function emptyHrd(): Hrd {
  return {
    cpb_cnt_minus1: 0,
    bit_rate_scale: 0,
    cpb_size_scale: 0,
    bit_rate_value_minus1: [],
    cpb_size_value_minus1: [],
    cbr_flag: [],
    initial_cpb_removal_delay_length_minus1: 23,
    cpb_removal_delay_length_minus1: 23,
    dpb_output_delay_length_minus1: 23,
    time_offset_length: 24,
  };
}

function emptyVui(): Vui {
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
    timing_info_present_flag: false,
    num_units_in_tick: 0,
    time_scale: 0,
    fixed_frame_rate_flag: false,
    nal_hrd_parameters_present_flag: false,
    nal_hrd: emptyHrd(),
    vcl_hrd_parameters_present_flag: false,
    vcl_hrd: emptyHrd(),
    low_delay_hrd_flag: false,
    pic_struct_present_flag: false,
    bitstream_restriction_flag: false,
    motion_vectors_over_pic_boundaries_flag: true,
    max_bytes_per_pic_denom: 2,
    max_bits_per_mb_denom: 1,
    log2_max_mv_length_horizontal: 15,
    log2_max_mv_length_vertical: 15,
    max_num_reorder_frames: 0,
    max_dec_frame_buffering: 0,
  };
}

/** A Baseline stream of one macroblock; the values that the specification infers where it infers any. */
export function emptySps(): Sps {
  return {
    profile_idc: 66,
    constraint_set_flag: [false, false, false, false, false, false],
    reserved_zero_2bits: 0,
    level_idc: 10,
    seq_parameter_set_id: 0,
    chroma_format_idc: 1,
    separate_colour_plane_flag: false,
    bit_depth_luma_minus8: 0,
    bit_depth_chroma_minus8: 0,
    qpprime_y_zero_transform_bypass_flag: false,
    seq_scaling_matrix_present_flag: false,
    seq_scaling_list: [],
    log2_max_frame_num_minus4: 0,
    pic_order_cnt_type: 0,
    log2_max_pic_order_cnt_lsb_minus4: 0,
    delta_pic_order_always_zero_flag: false,
    offset_for_non_ref_pic: 0,
    offset_for_top_to_bottom_field: 0,
    num_ref_frames_in_pic_order_cnt_cycle: 0,
    offset_for_ref_frame: [],
    max_num_ref_frames: 0,
    gaps_in_frame_num_value_allowed_flag: false,
    pic_width_in_mbs_minus1: 0,
    pic_height_in_map_units_minus1: 0,
    frame_mbs_only_flag: true,
    mb_adaptive_frame_field_flag: false,
    direct_8x8_inference_flag: false,
    frame_cropping_flag: false,
    frame_crop_left_offset: 0,
    frame_crop_right_offset: 0,
    frame_crop_top_offset: 0,
    frame_crop_bottom_offset: 0,
    vui_parameters_present_flag: false,
    vui: emptyVui(),
  };
}

/** `scaling_list()`: 7.3.2.1.1.1. */
export function scalingList(c: Coder, list: ScalingList, size: number): void {
  let last = 8;
  let next = 8;
  list.useDefault = false;
  for (let j = 0; j < size; j += 1) {
    if (next !== 0) {
      const delta = c.se("delta_scale", list.delta_scale[j], -128, 127, j);
      list.delta_scale[j] = delta;
      next = (last + delta + 256) % 256;
      if (j === 0 && next === 0) list.useDefault = true;
    }
    if (next !== 0) last = next;
    list.values[j] = last;
  }
}

/** The loop over scaling lists that SPS and PPS share. */
export function scalingLists(c: Coder, name: string, lists: ScalingList[], count: number): void {
  for (let i = 0; i < count; i += 1) {
    const list = (lists[i] ??= { present: false, delta_scale: [], values: [], useDefault: false });
    list.present = c.flag(name, list.present, i);
    if (list.present) scalingList(c, list, i < 6 ? 16 : 64);
  }
}

/** `seq_parameter_set_rbsp()`. */
export function seqParameterSet(c: Coder, sps: Sps): void {
  seqParameterSetData(c, sps);
  c.rbspTrailingBits();
}

/** `seq_parameter_set_data()`. */
export function seqParameterSetData(c: Coder, sps: Sps): void {
  c.structure("seq_parameter_set_data", "7.3.2.1.1");
  sps.profile_idc = c.u("profile_idc", 8, sps.profile_idc);
  for (let i = 0; i < 6; i += 1) {
    sps.constraint_set_flag[i] = c.flag(`constraint_set${i}_flag`, sps.constraint_set_flag[i]);
  }
  sps.reserved_zero_2bits = c.u("reserved_zero_2bits", 2, sps.reserved_zero_2bits);
  sps.level_idc = c.u("level_idc", 8, sps.level_idc);
  sps.seq_parameter_set_id = c.ue("seq_parameter_set_id", sps.seq_parameter_set_id, 0, 31);
  if (hasChromaFormat(sps.profile_idc)) chromaFormat(c, sps);
  sps.log2_max_frame_num_minus4 = c.ue("log2_max_frame_num_minus4", sps.log2_max_frame_num_minus4, 0, 12);
  pictureOrderCount(c, sps);
  sps.max_num_ref_frames = c.ue("max_num_ref_frames", sps.max_num_ref_frames, 0, 16);
  sps.gaps_in_frame_num_value_allowed_flag = c.flag(
    "gaps_in_frame_num_value_allowed_flag",
    sps.gaps_in_frame_num_value_allowed_flag,
  );
  pictureSize(c, sps);
  sps.vui_parameters_present_flag = c.flag("vui_parameters_present_flag", sps.vui_parameters_present_flag);
  if (sps.vui_parameters_present_flag) vuiParameters(c, sps.vui);
}

function chromaFormat(c: Coder, sps: Sps): void {
  sps.chroma_format_idc = c.ue("chroma_format_idc", sps.chroma_format_idc, 0, 3);
  if (sps.chroma_format_idc === 3) {
    sps.separate_colour_plane_flag = c.flag("separate_colour_plane_flag", sps.separate_colour_plane_flag);
  }
  sps.bit_depth_luma_minus8 = c.ue("bit_depth_luma_minus8", sps.bit_depth_luma_minus8, 0, 6);
  sps.bit_depth_chroma_minus8 = c.ue("bit_depth_chroma_minus8", sps.bit_depth_chroma_minus8, 0, 6);
  sps.qpprime_y_zero_transform_bypass_flag = c.flag(
    "qpprime_y_zero_transform_bypass_flag",
    sps.qpprime_y_zero_transform_bypass_flag,
  );
  sps.seq_scaling_matrix_present_flag = c.flag(
    "seq_scaling_matrix_present_flag",
    sps.seq_scaling_matrix_present_flag,
  );
  if (sps.seq_scaling_matrix_present_flag) {
    scalingLists(
      c,
      "seq_scaling_list_present_flag",
      sps.seq_scaling_list,
      sps.chroma_format_idc !== 3 ? 8 : 12,
    );
  }
}

function pictureOrderCount(c: Coder, sps: Sps): void {
  sps.pic_order_cnt_type = c.ue("pic_order_cnt_type", sps.pic_order_cnt_type, 0, 2);
  if (sps.pic_order_cnt_type === 0) {
    sps.log2_max_pic_order_cnt_lsb_minus4 = c.ue(
      "log2_max_pic_order_cnt_lsb_minus4",
      sps.log2_max_pic_order_cnt_lsb_minus4,
      0,
      12,
    );
  } else if (sps.pic_order_cnt_type === 1) {
    sps.delta_pic_order_always_zero_flag = c.flag(
      "delta_pic_order_always_zero_flag",
      sps.delta_pic_order_always_zero_flag,
    );
    sps.offset_for_non_ref_pic = c.se("offset_for_non_ref_pic", sps.offset_for_non_ref_pic, -INT32, INT32);
    sps.offset_for_top_to_bottom_field = c.se(
      "offset_for_top_to_bottom_field",
      sps.offset_for_top_to_bottom_field,
      -INT32,
      INT32,
    );
    sps.num_ref_frames_in_pic_order_cnt_cycle = c.ue(
      "num_ref_frames_in_pic_order_cnt_cycle",
      sps.num_ref_frames_in_pic_order_cnt_cycle,
      0,
      255,
    );
    for (let i = 0; i < sps.num_ref_frames_in_pic_order_cnt_cycle; i += 1) {
      sps.offset_for_ref_frame[i] = c.se(
        "offset_for_ref_frame",
        sps.offset_for_ref_frame[i],
        -INT32,
        INT32,
        i,
      );
    }
  }
}

function pictureSize(c: Coder, sps: Sps): void {
  const last = MAX_SIDE_MBS - 1;
  sps.pic_width_in_mbs_minus1 = c.ue("pic_width_in_mbs_minus1", sps.pic_width_in_mbs_minus1, 0, last);
  sps.pic_height_in_map_units_minus1 = c.ue(
    "pic_height_in_map_units_minus1",
    sps.pic_height_in_map_units_minus1,
    0,
    last,
  );
  sps.frame_mbs_only_flag = c.flag("frame_mbs_only_flag", sps.frame_mbs_only_flag);
  const width = sps.pic_width_in_mbs_minus1 + 1;
  const height = (sps.pic_height_in_map_units_minus1 + 1) * (sps.frame_mbs_only_flag ? 1 : 2);
  if (height > MAX_SIDE_MBS || width * height > MAX_FRAME_MBS) {
    throw c.error(`a frame of ${width} x ${height} macroblocks is larger than any level allows`);
  }
  if (!sps.frame_mbs_only_flag) {
    sps.mb_adaptive_frame_field_flag = c.flag(
      "mb_adaptive_frame_field_flag",
      sps.mb_adaptive_frame_field_flag,
    );
  }
  sps.direct_8x8_inference_flag = c.flag("direct_8x8_inference_flag", sps.direct_8x8_inference_flag);
  if (!sps.frame_mbs_only_flag && !sps.direct_8x8_inference_flag) {
    throw c.error("direct_8x8_inference_flag is 0, and interlaced streams need 1");
  }
  sps.frame_cropping_flag = c.flag("frame_cropping_flag", sps.frame_cropping_flag);
  if (sps.frame_cropping_flag) cropping(c, sps, width, height);
}

/** The crop units of table 6-1: offsets count chroma samples, and fields count twice. */
function cropping(c: Coder, sps: Sps, widthMbs: number, heightMbs: number): void {
  const chromaArrayType = sps.separate_colour_plane_flag ? 0 : sps.chroma_format_idc;
  const unitX = chromaArrayType === 1 || chromaArrayType === 2 ? 2 : 1;
  const unitY = (chromaArrayType === 1 ? 2 : 1) * (sps.frame_mbs_only_flag ? 1 : 2);
  const width = (widthMbs * 16) / unitX;
  const height = (heightMbs * 16) / unitY;
  const left = c.ue("frame_crop_left_offset", sps.frame_crop_left_offset, 0, width - 1);
  sps.frame_crop_left_offset = left;
  sps.frame_crop_right_offset = c.ue(
    "frame_crop_right_offset",
    sps.frame_crop_right_offset,
    0,
    width - 1 - left,
  );
  const top = c.ue("frame_crop_top_offset", sps.frame_crop_top_offset, 0, height - 1);
  sps.frame_crop_top_offset = top;
  sps.frame_crop_bottom_offset = c.ue(
    "frame_crop_bottom_offset",
    sps.frame_crop_bottom_offset,
    0,
    height - 1 - top,
  );
}

/** `aspect_ratio_idc` of a ratio that follows. */
const EXTENDED_SAR = 255;

/** `vui_parameters()`. */
function vuiParameters(c: Coder, vui: Vui): void {
  c.structure("vui_parameters", "E.1.1");
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
  videoSignalType(c, vui);
  vui.chroma_loc_info_present_flag = c.flag("chroma_loc_info_present_flag", vui.chroma_loc_info_present_flag);
  if (vui.chroma_loc_info_present_flag) {
    vui.chroma_sample_loc_type_top_field = c.ue(
      "chroma_sample_loc_type_top_field",
      vui.chroma_sample_loc_type_top_field,
      0,
      5,
    );
    vui.chroma_sample_loc_type_bottom_field = c.ue(
      "chroma_sample_loc_type_bottom_field",
      vui.chroma_sample_loc_type_bottom_field,
      0,
      5,
    );
  }
  vui.timing_info_present_flag = c.flag("timing_info_present_flag", vui.timing_info_present_flag);
  if (vui.timing_info_present_flag) {
    const largest = 2 ** 32 - 1;
    vui.num_units_in_tick = c.uRange("num_units_in_tick", 32, vui.num_units_in_tick, 1, largest);
    vui.time_scale = c.uRange("time_scale", 32, vui.time_scale, 1, largest);
    vui.fixed_frame_rate_flag = c.flag("fixed_frame_rate_flag", vui.fixed_frame_rate_flag);
  }
  hypotheticalDecoders(c, vui);
  vui.pic_struct_present_flag = c.flag("pic_struct_present_flag", vui.pic_struct_present_flag);
  vui.bitstream_restriction_flag = c.flag("bitstream_restriction_flag", vui.bitstream_restriction_flag);
  if (vui.bitstream_restriction_flag) bitstreamRestriction(c, vui);
}

function videoSignalType(c: Coder, vui: Vui): void {
  vui.video_signal_type_present_flag = c.flag(
    "video_signal_type_present_flag",
    vui.video_signal_type_present_flag,
  );
  if (!vui.video_signal_type_present_flag) return;
  vui.video_format = c.u("video_format", 3, vui.video_format);
  vui.video_full_range_flag = c.flag("video_full_range_flag", vui.video_full_range_flag);
  vui.colour_description_present_flag = c.flag(
    "colour_description_present_flag",
    vui.colour_description_present_flag,
  );
  if (!vui.colour_description_present_flag) return;
  vui.colour_primaries = c.u("colour_primaries", 8, vui.colour_primaries);
  vui.transfer_characteristics = c.u("transfer_characteristics", 8, vui.transfer_characteristics);
  vui.matrix_coefficients = c.u("matrix_coefficients", 8, vui.matrix_coefficients);
}

function hypotheticalDecoders(c: Coder, vui: Vui): void {
  vui.nal_hrd_parameters_present_flag = c.flag(
    "nal_hrd_parameters_present_flag",
    vui.nal_hrd_parameters_present_flag,
  );
  if (vui.nal_hrd_parameters_present_flag) hrdParameters(c, vui.nal_hrd);
  vui.vcl_hrd_parameters_present_flag = c.flag(
    "vcl_hrd_parameters_present_flag",
    vui.vcl_hrd_parameters_present_flag,
  );
  if (vui.vcl_hrd_parameters_present_flag) hrdParameters(c, vui.vcl_hrd);
  if (vui.nal_hrd_parameters_present_flag || vui.vcl_hrd_parameters_present_flag) {
    vui.low_delay_hrd_flag = c.flag("low_delay_hrd_flag", vui.low_delay_hrd_flag);
  }
}

/** `hrd_parameters()`. */
function hrdParameters(c: Coder, hrd: Hrd): void {
  c.structure("hrd_parameters", "E.1.2");
  const largest = 2 ** 32 - 2;
  hrd.cpb_cnt_minus1 = c.ue("cpb_cnt_minus1", hrd.cpb_cnt_minus1, 0, 31);
  hrd.bit_rate_scale = c.u("bit_rate_scale", 4, hrd.bit_rate_scale);
  hrd.cpb_size_scale = c.u("cpb_size_scale", 4, hrd.cpb_size_scale);
  for (let i = 0; i <= hrd.cpb_cnt_minus1; i += 1) {
    hrd.bit_rate_value_minus1[i] = c.ue("bit_rate_value_minus1", hrd.bit_rate_value_minus1[i], 0, largest, i);
    hrd.cpb_size_value_minus1[i] = c.ue("cpb_size_value_minus1", hrd.cpb_size_value_minus1[i], 0, largest, i);
    hrd.cbr_flag[i] = c.flag("cbr_flag", hrd.cbr_flag[i], i);
  }
  hrd.initial_cpb_removal_delay_length_minus1 = c.u(
    "initial_cpb_removal_delay_length_minus1",
    5,
    hrd.initial_cpb_removal_delay_length_minus1,
  );
  hrd.cpb_removal_delay_length_minus1 = c.u(
    "cpb_removal_delay_length_minus1",
    5,
    hrd.cpb_removal_delay_length_minus1,
  );
  hrd.dpb_output_delay_length_minus1 = c.u(
    "dpb_output_delay_length_minus1",
    5,
    hrd.dpb_output_delay_length_minus1,
  );
  hrd.time_offset_length = c.u("time_offset_length", 5, hrd.time_offset_length);
}

function bitstreamRestriction(c: Coder, vui: Vui): void {
  vui.motion_vectors_over_pic_boundaries_flag = c.flag(
    "motion_vectors_over_pic_boundaries_flag",
    vui.motion_vectors_over_pic_boundaries_flag,
  );
  vui.max_bytes_per_pic_denom = c.ue("max_bytes_per_pic_denom", vui.max_bytes_per_pic_denom, 0, 16);
  vui.max_bits_per_mb_denom = c.ue("max_bits_per_mb_denom", vui.max_bits_per_mb_denom, 0, 16);
  vui.log2_max_mv_length_horizontal = c.ue(
    "log2_max_mv_length_horizontal",
    vui.log2_max_mv_length_horizontal,
    0,
    16,
  );
  vui.log2_max_mv_length_vertical = c.ue(
    "log2_max_mv_length_vertical",
    vui.log2_max_mv_length_vertical,
    0,
    16,
  );
  vui.max_num_reorder_frames = c.ue("max_num_reorder_frames", vui.max_num_reorder_frames, 0, 16);
  vui.max_dec_frame_buffering = c.ue("max_dec_frame_buffering", vui.max_dec_frame_buffering, 0, 16);
  if (vui.max_num_reorder_frames > vui.max_dec_frame_buffering) {
    throw c.error(
      `max_num_reorder_frames is ${vui.max_num_reorder_frames}, more than max_dec_frame_buffering, ${vui.max_dec_frame_buffering}`,
    );
  }
}

export interface SpsExtension {
  seq_parameter_set_id: number;
  aux_format_idc: number;
  bit_depth_aux_minus8: number;
  alpha_incr_flag: boolean;
  alpha_opaque_value: number;
  alpha_transparent_value: number;
  additional_extension_flag: boolean;
}

export function emptySpsExtension(): SpsExtension {
  return {
    seq_parameter_set_id: 0,
    aux_format_idc: 0,
    bit_depth_aux_minus8: 0,
    alpha_incr_flag: false,
    alpha_opaque_value: 0,
    alpha_transparent_value: 0,
    additional_extension_flag: false,
  };
}

/** `seq_parameter_set_extension_rbsp()`. */
export function seqParameterSetExtension(c: Coder, extension: SpsExtension): void {
  c.structure("seq_parameter_set_extension_rbsp", "7.3.2.1.2");
  extension.seq_parameter_set_id = c.ue("seq_parameter_set_id", extension.seq_parameter_set_id, 0, 31);
  extension.aux_format_idc = c.ue("aux_format_idc", extension.aux_format_idc, 0, 3);
  if (extension.aux_format_idc !== 0) {
    extension.bit_depth_aux_minus8 = c.ue("bit_depth_aux_minus8", extension.bit_depth_aux_minus8, 0, 4);
    const bits = extension.bit_depth_aux_minus8 + 9;
    extension.alpha_incr_flag = c.flag("alpha_incr_flag", extension.alpha_incr_flag);
    extension.alpha_opaque_value = c.u("alpha_opaque_value", bits, extension.alpha_opaque_value);
    extension.alpha_transparent_value = c.u(
      "alpha_transparent_value",
      bits,
      extension.alpha_transparent_value,
    );
  }
  extension.additional_extension_flag = c.flag(
    "additional_extension_flag",
    extension.additional_extension_flag,
  );
  c.rbspTrailingBits();
}
