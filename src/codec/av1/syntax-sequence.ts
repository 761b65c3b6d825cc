/** The sequence header OBU: 5.5. */
import type { Coder } from "../bits/index.js";

export const SELECT_SCREEN_CONTENT_TOOLS = 2;
export const SELECT_INTEGER_MV = 2;
const MAX_OPERATING_POINTS = 32;

/** One entry of the list of operating points. */
export interface OperatingPoint {
  operating_point_idc: number;
  seq_level_idx: number;
  seq_tier: boolean;
  decoder_model_present_for_this_op: boolean;
  decoder_buffer_delay: number;
  encoder_buffer_delay: number;
  low_delay_mode_flag: boolean;
  initial_display_delay_present_for_this_op: boolean;
  initial_display_delay_minus_1: number;
}

export function emptyOperatingPoint(): OperatingPoint {
  return {
    operating_point_idc: 0,
    seq_level_idx: 0,
    seq_tier: false,
    decoder_model_present_for_this_op: false,
    decoder_buffer_delay: 0,
    encoder_buffer_delay: 0,
    low_delay_mode_flag: false,
    initial_display_delay_present_for_this_op: false,
    initial_display_delay_minus_1: 0,
  };
}

/** `sequence_header_obu()`. Names in camel case are variables of the specification, the others its elements. */
export interface SequenceHeader {
  seq_profile: number;
  still_picture: boolean;
  reduced_still_picture_header: boolean;
  timing_info_present_flag: boolean;
  num_units_in_display_tick: number;
  time_scale: number;
  equal_picture_interval: boolean;
  num_ticks_per_picture_minus_1: number;
  decoder_model_info_present_flag: boolean;
  buffer_delay_length_minus_1: number;
  num_units_in_decoding_tick: number;
  buffer_removal_time_length_minus_1: number;
  frame_presentation_time_length_minus_1: number;
  initial_display_delay_present_flag: boolean;
  operating_points_cnt_minus_1: number;
  operatingPoints: OperatingPoint[];
  frame_width_bits_minus_1: number;
  frame_height_bits_minus_1: number;
  max_frame_width_minus_1: number;
  max_frame_height_minus_1: number;
  frame_id_numbers_present_flag: boolean;
  delta_frame_id_length_minus_2: number;
  additional_frame_id_length_minus_1: number;
  use_128x128_superblock: boolean;
  enable_filter_intra: boolean;
  enable_intra_edge_filter: boolean;
  enable_interintra_compound: boolean;
  enable_masked_compound: boolean;
  enable_warped_motion: boolean;
  enable_dual_filter: boolean;
  enable_order_hint: boolean;
  enable_jnt_comp: boolean;
  enable_ref_frame_mvs: boolean;
  seq_choose_screen_content_tools: boolean;
  seq_force_screen_content_tools: number;
  seq_choose_integer_mv: boolean;
  seq_force_integer_mv: number;
  orderHintBits: number;
  enable_superres: boolean;
  enable_cdef: boolean;
  enable_restoration: boolean;
  high_bitdepth: boolean;
  twelve_bit: boolean;
  bitDepth: number;
  mono_chrome: boolean;
  numPlanes: number;
  color_description_present_flag: boolean;
  color_primaries: number;
  transfer_characteristics: number;
  matrix_coefficients: number;
  color_range: boolean;
  subsampling_x: boolean;
  subsampling_y: boolean;
  chroma_sample_position: number;
  separate_uv_delta_q: boolean;
  film_grain_params_present: boolean;
}

export function emptySequenceHeader(): SequenceHeader {
  return {
    seq_profile: 0,
    still_picture: false,
    reduced_still_picture_header: false,
    timing_info_present_flag: false,
    num_units_in_display_tick: 0,
    time_scale: 0,
    equal_picture_interval: false,
    num_ticks_per_picture_minus_1: 0,
    decoder_model_info_present_flag: false,
    buffer_delay_length_minus_1: 0,
    num_units_in_decoding_tick: 0,
    buffer_removal_time_length_minus_1: 0,
    frame_presentation_time_length_minus_1: 0,
    initial_display_delay_present_flag: false,
    operating_points_cnt_minus_1: 0,
    operatingPoints: [],
    frame_width_bits_minus_1: 0,
    frame_height_bits_minus_1: 0,
    max_frame_width_minus_1: 0,
    max_frame_height_minus_1: 0,
    frame_id_numbers_present_flag: false,
    delta_frame_id_length_minus_2: 0,
    additional_frame_id_length_minus_1: 0,
    use_128x128_superblock: false,
    enable_filter_intra: false,
    enable_intra_edge_filter: false,
    enable_interintra_compound: false,
    enable_masked_compound: false,
    enable_warped_motion: false,
    enable_dual_filter: false,
    enable_order_hint: false,
    enable_jnt_comp: false,
    enable_ref_frame_mvs: false,
    seq_choose_screen_content_tools: false,
    seq_force_screen_content_tools: 0,
    seq_choose_integer_mv: false,
    seq_force_integer_mv: 0,
    orderHintBits: 0,
    enable_superres: false,
    enable_cdef: false,
    enable_restoration: false,
    high_bitdepth: false,
    twelve_bit: false,
    bitDepth: 8,
    mono_chrome: false,
    numPlanes: 3,
    color_description_present_flag: false,
    color_primaries: 2,
    transfer_characteristics: 2,
    matrix_coefficients: 2,
    color_range: false,
    subsampling_x: true,
    subsampling_y: true,
    chroma_sample_position: 0,
    separate_uv_delta_q: false,
    film_grain_params_present: false,
  };
}

export function sequenceHeader(c: Coder, seq: SequenceHeader): void {
  c.structure("sequence_header_obu", "5.5.1");
  seq.seq_profile = c.uRange("seq_profile", 3, seq.seq_profile, 0, 2);
  seq.still_picture = c.flag("still_picture", seq.still_picture);
  seq.reduced_still_picture_header = c.flag("reduced_still_picture_header", seq.reduced_still_picture_header);
  if (seq.reduced_still_picture_header && !seq.still_picture)
    throw c.error("reduced_still_picture_header is 1 and still_picture is 0");
  if (seq.reduced_still_picture_header) {
    seq.timing_info_present_flag = false;
    seq.decoder_model_info_present_flag = false;
    seq.initial_display_delay_present_flag = false;
    seq.operating_points_cnt_minus_1 = 0;
    const point = (seq.operatingPoints[0] ??= emptyOperatingPoint());
    point.seq_level_idx = c.u("seq_level_idx", 5, point.seq_level_idx, 0);
  } else {
    timing(c, seq);
    operatingPoints(c, seq);
  }
  c.structure("sequence_header_obu", "5.5.1");
  frameSizeAndIds(c, seq);
  seq.use_128x128_superblock = c.flag("use_128x128_superblock", seq.use_128x128_superblock);
  seq.enable_filter_intra = c.flag("enable_filter_intra", seq.enable_filter_intra);
  seq.enable_intra_edge_filter = c.flag("enable_intra_edge_filter", seq.enable_intra_edge_filter);
  if (seq.reduced_still_picture_header) {
    seq.seq_choose_screen_content_tools = true;
    seq.seq_force_screen_content_tools = SELECT_SCREEN_CONTENT_TOOLS;
    seq.seq_choose_integer_mv = true;
    seq.seq_force_integer_mv = SELECT_INTEGER_MV;
    seq.orderHintBits = 0;
  } else {
    interTools(c, seq);
  }
  seq.enable_superres = c.flag("enable_superres", seq.enable_superres);
  seq.enable_cdef = c.flag("enable_cdef", seq.enable_cdef);
  seq.enable_restoration = c.flag("enable_restoration", seq.enable_restoration);
  colorConfig(c, seq);
  c.structure("sequence_header_obu", "5.5.1");
  seq.film_grain_params_present = c.flag("film_grain_params_present", seq.film_grain_params_present);
}

function timing(c: Coder, seq: SequenceHeader): void {
  seq.timing_info_present_flag = c.flag("timing_info_present_flag", seq.timing_info_present_flag);
  seq.decoder_model_info_present_flag &&= seq.timing_info_present_flag;
  if (seq.timing_info_present_flag) {
    c.structure("timing_info", "5.5.3");
    const most = 2 ** 32 - 1;
    seq.num_units_in_display_tick = c.uRange(
      "num_units_in_display_tick",
      32,
      seq.num_units_in_display_tick,
      1,
      most,
    );
    seq.time_scale = c.uRange("time_scale", 32, seq.time_scale, 1, most);
    seq.equal_picture_interval = c.flag("equal_picture_interval", seq.equal_picture_interval);
    if (seq.equal_picture_interval) {
      seq.num_ticks_per_picture_minus_1 = c.uvlc(
        "num_ticks_per_picture_minus_1",
        seq.num_ticks_per_picture_minus_1,
      );
      if (seq.num_ticks_per_picture_minus_1 === most)
        throw c.error(
          `num_ticks_per_picture_minus_1 is ${most}, and the specification allows 0 to ${most - 1}`,
        );
    }
    c.structure("sequence_header_obu", "5.5.1");
    seq.decoder_model_info_present_flag = c.flag(
      "decoder_model_info_present_flag",
      seq.decoder_model_info_present_flag,
    );
    if (seq.decoder_model_info_present_flag) {
      c.structure("decoder_model_info", "5.5.4");
      seq.buffer_delay_length_minus_1 = c.u(
        "buffer_delay_length_minus_1",
        5,
        seq.buffer_delay_length_minus_1,
      );
      seq.num_units_in_decoding_tick = c.uRange(
        "num_units_in_decoding_tick",
        32,
        seq.num_units_in_decoding_tick,
        1,
        most,
      );
      seq.buffer_removal_time_length_minus_1 = c.u(
        "buffer_removal_time_length_minus_1",
        5,
        seq.buffer_removal_time_length_minus_1,
      );
      seq.frame_presentation_time_length_minus_1 = c.u(
        "frame_presentation_time_length_minus_1",
        5,
        seq.frame_presentation_time_length_minus_1,
      );
    }
  }
}

function operatingPoints(c: Coder, seq: SequenceHeader): void {
  c.structure("sequence_header_obu", "5.5.1");
  seq.initial_display_delay_present_flag = c.flag(
    "initial_display_delay_present_flag",
    seq.initial_display_delay_present_flag,
  );
  seq.operating_points_cnt_minus_1 = c.uRange(
    "operating_points_cnt_minus_1",
    5,
    seq.operating_points_cnt_minus_1,
    0,
    MAX_OPERATING_POINTS - 1,
  );
  for (let i = 0; i <= seq.operating_points_cnt_minus_1; i += 1) {
    const point = (seq.operatingPoints[i] ??= emptyOperatingPoint());
    point.operating_point_idc = c.u("operating_point_idc", 12, point.operating_point_idc, i);
    point.seq_level_idx = c.u("seq_level_idx", 5, point.seq_level_idx, i);
    point.seq_tier = point.seq_level_idx > 7 && c.flag("seq_tier", point.seq_tier, i);
    point.decoder_model_present_for_this_op =
      seq.decoder_model_info_present_flag &&
      c.flag("decoder_model_present_for_this_op", point.decoder_model_present_for_this_op, i);
    if (point.decoder_model_present_for_this_op) {
      c.structure("operating_parameters_info", "5.5.5");
      const n = seq.buffer_delay_length_minus_1 + 1;
      point.decoder_buffer_delay = c.u("decoder_buffer_delay", n, point.decoder_buffer_delay, i);
      point.encoder_buffer_delay = c.u("encoder_buffer_delay", n, point.encoder_buffer_delay, i);
      point.low_delay_mode_flag = c.flag("low_delay_mode_flag", point.low_delay_mode_flag, i);
      c.structure("sequence_header_obu", "5.5.1");
    }
    if (!seq.initial_display_delay_present_flag) continue;
    point.initial_display_delay_present_for_this_op = c.flag(
      "initial_display_delay_present_for_this_op",
      point.initial_display_delay_present_for_this_op,
      i,
    );
    if (point.initial_display_delay_present_for_this_op) {
      point.initial_display_delay_minus_1 = c.uRange(
        "initial_display_delay_minus_1",
        4,
        point.initial_display_delay_minus_1,
        0,
        9,
        i,
      );
    }
  }
}

function frameSizeAndIds(c: Coder, seq: SequenceHeader): void {
  seq.frame_width_bits_minus_1 = c.u("frame_width_bits_minus_1", 4, seq.frame_width_bits_minus_1);
  seq.frame_height_bits_minus_1 = c.u("frame_height_bits_minus_1", 4, seq.frame_height_bits_minus_1);
  const width = seq.frame_width_bits_minus_1 + 1;
  seq.max_frame_width_minus_1 = c.u("max_frame_width_minus_1", width, seq.max_frame_width_minus_1);
  const height = seq.frame_height_bits_minus_1 + 1;
  seq.max_frame_height_minus_1 = c.u("max_frame_height_minus_1", height, seq.max_frame_height_minus_1);
  seq.frame_id_numbers_present_flag =
    !seq.reduced_still_picture_header &&
    c.flag("frame_id_numbers_present_flag", seq.frame_id_numbers_present_flag);
  if (!seq.frame_id_numbers_present_flag) return;
  seq.delta_frame_id_length_minus_2 = c.u(
    "delta_frame_id_length_minus_2",
    4,
    seq.delta_frame_id_length_minus_2,
  );
  seq.additional_frame_id_length_minus_1 = c.u(
    "additional_frame_id_length_minus_1",
    3,
    seq.additional_frame_id_length_minus_1,
  );
  if (frameIdLength(seq) > 16)
    throw c.error(`idLen is ${frameIdLength(seq)}, and the specification allows 16`);
}

/** `idLen` of 5.9.2: bits of a frame id. */
export function frameIdLength(seq: SequenceHeader): number {
  return seq.additional_frame_id_length_minus_1 + seq.delta_frame_id_length_minus_2 + 3;
}

function interTools(c: Coder, seq: SequenceHeader): void {
  seq.enable_interintra_compound = c.flag("enable_interintra_compound", seq.enable_interintra_compound);
  seq.enable_masked_compound = c.flag("enable_masked_compound", seq.enable_masked_compound);
  seq.enable_warped_motion = c.flag("enable_warped_motion", seq.enable_warped_motion);
  seq.enable_dual_filter = c.flag("enable_dual_filter", seq.enable_dual_filter);
  seq.enable_order_hint = c.flag("enable_order_hint", seq.enable_order_hint);
  seq.enable_jnt_comp = seq.enable_order_hint && c.flag("enable_jnt_comp", seq.enable_jnt_comp);
  seq.enable_ref_frame_mvs =
    seq.enable_order_hint && c.flag("enable_ref_frame_mvs", seq.enable_ref_frame_mvs);
  seq.seq_choose_screen_content_tools = c.flag(
    "seq_choose_screen_content_tools",
    seq.seq_choose_screen_content_tools,
  );
  seq.seq_force_screen_content_tools = seq.seq_choose_screen_content_tools
    ? SELECT_SCREEN_CONTENT_TOOLS
    : c.u("seq_force_screen_content_tools", 1, seq.seq_force_screen_content_tools);
  if (seq.seq_force_screen_content_tools > 0) {
    seq.seq_choose_integer_mv = c.flag("seq_choose_integer_mv", seq.seq_choose_integer_mv);
    seq.seq_force_integer_mv = seq.seq_choose_integer_mv
      ? SELECT_INTEGER_MV
      : c.u("seq_force_integer_mv", 1, seq.seq_force_integer_mv);
  } else {
    seq.seq_force_integer_mv = SELECT_INTEGER_MV;
  }
  seq.orderHintBits = seq.enable_order_hint
    ? c.u("order_hint_bits_minus_1", 3, seq.orderHintBits - 1) + 1
    : 0;
}

function colorConfig(c: Coder, seq: SequenceHeader): void {
  c.structure("color_config", "5.5.2");
  seq.high_bitdepth = c.flag("high_bitdepth", seq.high_bitdepth);
  seq.twelve_bit = seq.seq_profile === 2 && seq.high_bitdepth && c.flag("twelve_bit", seq.twelve_bit);
  seq.bitDepth = seq.twelve_bit ? 12 : seq.high_bitdepth ? 10 : 8;
  seq.mono_chrome = seq.seq_profile !== 1 && c.flag("mono_chrome", seq.mono_chrome);
  seq.numPlanes = seq.mono_chrome ? 1 : 3;
  seq.color_description_present_flag = c.flag(
    "color_description_present_flag",
    seq.color_description_present_flag,
  );
  if (seq.color_description_present_flag) {
    seq.color_primaries = c.u("color_primaries", 8, seq.color_primaries);
    seq.transfer_characteristics = c.u("transfer_characteristics", 8, seq.transfer_characteristics);
    seq.matrix_coefficients = c.u("matrix_coefficients", 8, seq.matrix_coefficients);
  } else {
    seq.color_primaries = 2;
    seq.transfer_characteristics = 2;
    seq.matrix_coefficients = 2;
  }
  if (seq.mono_chrome) {
    seq.color_range = c.flag("color_range", seq.color_range);
    seq.subsampling_x = true;
    seq.subsampling_y = true;
    seq.chroma_sample_position = 0;
    seq.separate_uv_delta_q = false;
    return;
  }
  // CP_BT_709, TC_SRGB, MC_IDENTITY: RGB.
  if (seq.color_primaries === 1 && seq.transfer_characteristics === 13 && seq.matrix_coefficients === 0) {
    seq.color_range = true;
    seq.subsampling_x = false;
    seq.subsampling_y = false;
    if (seq.seq_profile !== 1 && !(seq.seq_profile === 2 && seq.bitDepth === 12))
      throw c.error(`sRGB needs 4:4:4, and seq_profile ${seq.seq_profile} has none at ${seq.bitDepth} bits`);
  } else {
    seq.color_range = c.flag("color_range", seq.color_range);
    subsampling(c, seq);
  }
  seq.separate_uv_delta_q = c.flag("separate_uv_delta_q", seq.separate_uv_delta_q);
}

function subsampling(c: Coder, seq: SequenceHeader): void {
  if (seq.seq_profile === 2 && seq.bitDepth === 12) {
    seq.subsampling_x = c.flag("subsampling_x", seq.subsampling_x);
    seq.subsampling_y = seq.subsampling_x && c.flag("subsampling_y", seq.subsampling_y);
  } else {
    seq.subsampling_x = seq.seq_profile !== 1;
    seq.subsampling_y = seq.seq_profile === 0;
  }
  if (seq.matrix_coefficients === 0 && (seq.subsampling_x || seq.subsampling_y))
    throw c.error("matrix_coefficients is MC_IDENTITY, which needs 4:4:4");
  seq.chroma_sample_position =
    seq.subsampling_x && seq.subsampling_y ? c.u("chroma_sample_position", 2, seq.chroma_sample_position) : 0;
}
