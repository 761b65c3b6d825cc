/** `pic_parameter_set_rbsp()`: 7.3.2.3, with the range and screen content extensions. */
import type { Coder } from "../bits/index.js";
import { emptyScalingLists, scalingListData, type ScalingLists } from "./syntax-scaling.js";
import type { Sps } from "./syntax-sps.js";
import { extensionData } from "./syntax-vps.js";

export interface Pps {
  pps_pic_parameter_set_id: number;
  pps_seq_parameter_set_id: number;
  dependent_slice_segments_enabled_flag: boolean;
  output_flag_present_flag: boolean;
  num_extra_slice_header_bits: number;
  sign_data_hiding_enabled_flag: boolean;
  cabac_init_present_flag: boolean;
  num_ref_idx_l0_default_active_minus1: number;
  num_ref_idx_l1_default_active_minus1: number;
  init_qp_minus26: number;
  constrained_intra_pred_flag: boolean;
  transform_skip_enabled_flag: boolean;
  cu_qp_delta_enabled_flag: boolean;
  diff_cu_qp_delta_depth: number;
  pps_cb_qp_offset: number;
  pps_cr_qp_offset: number;
  pps_slice_chroma_qp_offsets_present_flag: boolean;
  weighted_pred_flag: boolean;
  weighted_bipred_flag: boolean;
  transquant_bypass_enabled_flag: boolean;
  tiles_enabled_flag: boolean;
  entropy_coding_sync_enabled_flag: boolean;
  num_tile_columns_minus1: number;
  num_tile_rows_minus1: number;
  uniform_spacing_flag: boolean;
  column_width_minus1: number[];
  row_height_minus1: number[];
  loop_filter_across_tiles_enabled_flag: boolean;
  pps_loop_filter_across_slices_enabled_flag: boolean;
  deblocking_filter_control_present_flag: boolean;
  deblocking_filter_override_enabled_flag: boolean;
  pps_deblocking_filter_disabled_flag: boolean;
  pps_beta_offset_div2: number;
  pps_tc_offset_div2: number;
  pps_scaling_list_data_present_flag: boolean;
  scaling_list_data: ScalingLists;
  lists_modification_present_flag: boolean;
  log2_parallel_merge_level_minus2: number;
  slice_segment_header_extension_present_flag: boolean;
  pps_extension_present_flag: boolean;
  pps_range_extension_flag: boolean;
  pps_multilayer_extension_flag: boolean;
  pps_3d_extension_flag: boolean;
  pps_scc_extension_flag: boolean;
  pps_extension_4bits: number;
  range: PpsRangeExtension;
  scc: PpsSccExtension;
  /** Of extensions that are skipped: those for layers, for 3D, and those to come. */
  extension_data_flag: boolean[];
}

/** `pps_range_extension()`: 7.3.2.3.2. */
export interface PpsRangeExtension {
  log2_max_transform_skip_block_size_minus2: number;
  cross_component_prediction_enabled_flag: boolean;
  chroma_qp_offset_list_enabled_flag: boolean;
  diff_cu_chroma_qp_offset_depth: number;
  chroma_qp_offset_list_len_minus1: number;
  cb_qp_offset_list: number[];
  cr_qp_offset_list: number[];
  log2_sao_offset_scale_luma: number;
  log2_sao_offset_scale_chroma: number;
}

/** `pps_scc_extension()`: 7.3.2.3.3. */
export interface PpsSccExtension {
  pps_curr_pic_ref_enabled_flag: boolean;
  residual_adaptive_colour_transform_enabled_flag: boolean;
  pps_slice_act_qp_offsets_present_flag: boolean;
  pps_act_y_qp_offset_plus5: number;
  pps_act_cb_qp_offset_plus5: number;
  pps_act_cr_qp_offset_plus3: number;
  pps_palette_predictor_initializers_present_flag: boolean;
  pps_num_palette_predictor_initializers: number;
  monochrome_palette_flag: boolean;
  luma_bit_depth_entry_minus8: number;
  chroma_bit_depth_entry_minus8: number;
  pps_palette_predictor_initializer: number[][];
}

export function emptyPps(): Pps {
  return {
    pps_pic_parameter_set_id: 0,
    pps_seq_parameter_set_id: 0,
    dependent_slice_segments_enabled_flag: false,
    output_flag_present_flag: false,
    num_extra_slice_header_bits: 0,
    sign_data_hiding_enabled_flag: false,
    cabac_init_present_flag: false,
    num_ref_idx_l0_default_active_minus1: 0,
    num_ref_idx_l1_default_active_minus1: 0,
    init_qp_minus26: 0,
    constrained_intra_pred_flag: false,
    transform_skip_enabled_flag: false,
    cu_qp_delta_enabled_flag: false,
    diff_cu_qp_delta_depth: 0,
    pps_cb_qp_offset: 0,
    pps_cr_qp_offset: 0,
    pps_slice_chroma_qp_offsets_present_flag: false,
    weighted_pred_flag: false,
    weighted_bipred_flag: false,
    transquant_bypass_enabled_flag: false,
    tiles_enabled_flag: false,
    entropy_coding_sync_enabled_flag: false,
    num_tile_columns_minus1: 0,
    num_tile_rows_minus1: 0,
    uniform_spacing_flag: true,
    column_width_minus1: [],
    row_height_minus1: [],
    loop_filter_across_tiles_enabled_flag: true,
    pps_loop_filter_across_slices_enabled_flag: false,
    deblocking_filter_control_present_flag: false,
    deblocking_filter_override_enabled_flag: false,
    pps_deblocking_filter_disabled_flag: false,
    pps_beta_offset_div2: 0,
    pps_tc_offset_div2: 0,
    pps_scaling_list_data_present_flag: false,
    scaling_list_data: emptyScalingLists(),
    lists_modification_present_flag: false,
    log2_parallel_merge_level_minus2: 0,
    slice_segment_header_extension_present_flag: false,
    pps_extension_present_flag: false,
    pps_range_extension_flag: false,
    pps_multilayer_extension_flag: false,
    pps_3d_extension_flag: false,
    pps_scc_extension_flag: false,
    pps_extension_4bits: 0,
    range: {
      log2_max_transform_skip_block_size_minus2: 0,
      cross_component_prediction_enabled_flag: false,
      chroma_qp_offset_list_enabled_flag: false,
      diff_cu_chroma_qp_offset_depth: 0,
      chroma_qp_offset_list_len_minus1: 0,
      cb_qp_offset_list: [],
      cr_qp_offset_list: [],
      log2_sao_offset_scale_luma: 0,
      log2_sao_offset_scale_chroma: 0,
    },
    scc: {
      pps_curr_pic_ref_enabled_flag: false,
      residual_adaptive_colour_transform_enabled_flag: false,
      pps_slice_act_qp_offsets_present_flag: false,
      pps_act_y_qp_offset_plus5: 0,
      pps_act_cb_qp_offset_plus5: 0,
      pps_act_cr_qp_offset_plus3: 0,
      pps_palette_predictor_initializers_present_flag: false,
      pps_num_palette_predictor_initializers: 0,
      monochrome_palette_flag: false,
      luma_bit_depth_entry_minus8: 0,
      chroma_bit_depth_entry_minus8: 0,
      pps_palette_predictor_initializer: [],
    },
    extension_data_flag: [],
  };
}

/** Ranges that depend on the SPS are checked by {@link checkPps}, since it may come later. */
export function picParameterSet(c: Coder, pps: Pps): void {
  const title = (): void => c.structure("pic_parameter_set_rbsp", "7.3.2.3.1");
  title();
  const ue = (name: string, value: number, max: number): number => c.ue(name, value, 0, max);
  pps.pps_pic_parameter_set_id = ue("pps_pic_parameter_set_id", pps.pps_pic_parameter_set_id, 63);
  pps.pps_seq_parameter_set_id = ue("pps_seq_parameter_set_id", pps.pps_seq_parameter_set_id, 15);
  pps.dependent_slice_segments_enabled_flag = c.flag(
    "dependent_slice_segments_enabled_flag",
    pps.dependent_slice_segments_enabled_flag,
  );
  pps.output_flag_present_flag = c.flag("output_flag_present_flag", pps.output_flag_present_flag);
  pps.num_extra_slice_header_bits = c.u("num_extra_slice_header_bits", 3, pps.num_extra_slice_header_bits);
  pps.sign_data_hiding_enabled_flag = c.flag(
    "sign_data_hiding_enabled_flag",
    pps.sign_data_hiding_enabled_flag,
  );
  pps.cabac_init_present_flag = c.flag("cabac_init_present_flag", pps.cabac_init_present_flag);
  const { num_ref_idx_l0_default_active_minus1: l0, num_ref_idx_l1_default_active_minus1: l1 } = pps;
  pps.num_ref_idx_l0_default_active_minus1 = ue("num_ref_idx_l0_default_active_minus1", l0, 14);
  pps.num_ref_idx_l1_default_active_minus1 = ue("num_ref_idx_l1_default_active_minus1", l1, 14);
  // -(26 + QpBdOffsetY), of which the bit depth may be 16.
  pps.init_qp_minus26 = c.se("init_qp_minus26", pps.init_qp_minus26, -(26 + 48), 25);
  pps.constrained_intra_pred_flag = c.flag("constrained_intra_pred_flag", pps.constrained_intra_pred_flag);
  pps.transform_skip_enabled_flag = c.flag("transform_skip_enabled_flag", pps.transform_skip_enabled_flag);
  pps.cu_qp_delta_enabled_flag = c.flag("cu_qp_delta_enabled_flag", pps.cu_qp_delta_enabled_flag);
  if (pps.cu_qp_delta_enabled_flag) {
    pps.diff_cu_qp_delta_depth = ue("diff_cu_qp_delta_depth", pps.diff_cu_qp_delta_depth, 3);
  }
  pps.pps_cb_qp_offset = c.se("pps_cb_qp_offset", pps.pps_cb_qp_offset, -12, 12);
  pps.pps_cr_qp_offset = c.se("pps_cr_qp_offset", pps.pps_cr_qp_offset, -12, 12);
  pps.pps_slice_chroma_qp_offsets_present_flag = c.flag(
    "pps_slice_chroma_qp_offsets_present_flag",
    pps.pps_slice_chroma_qp_offsets_present_flag,
  );
  pps.weighted_pred_flag = c.flag("weighted_pred_flag", pps.weighted_pred_flag);
  pps.weighted_bipred_flag = c.flag("weighted_bipred_flag", pps.weighted_bipred_flag);
  pps.transquant_bypass_enabled_flag = c.flag(
    "transquant_bypass_enabled_flag",
    pps.transquant_bypass_enabled_flag,
  );
  pps.tiles_enabled_flag = c.flag("tiles_enabled_flag", pps.tiles_enabled_flag);
  pps.entropy_coding_sync_enabled_flag = c.flag(
    "entropy_coding_sync_enabled_flag",
    pps.entropy_coding_sync_enabled_flag,
  );
  if (pps.tiles_enabled_flag) tiles(c, pps);
  pps.pps_loop_filter_across_slices_enabled_flag = c.flag(
    "pps_loop_filter_across_slices_enabled_flag",
    pps.pps_loop_filter_across_slices_enabled_flag,
  );
  pps.deblocking_filter_control_present_flag = c.flag(
    "deblocking_filter_control_present_flag",
    pps.deblocking_filter_control_present_flag,
  );
  if (pps.deblocking_filter_control_present_flag) deblocking(c, pps);
  pps.pps_scaling_list_data_present_flag = c.flag(
    "pps_scaling_list_data_present_flag",
    pps.pps_scaling_list_data_present_flag,
  );
  if (pps.pps_scaling_list_data_present_flag) {
    scalingListData(c, pps.scaling_list_data);
    title();
  }
  pps.lists_modification_present_flag = c.flag(
    "lists_modification_present_flag",
    pps.lists_modification_present_flag,
  );
  // Log2ParMrgLevel is at most CtbLog2SizeY.
  const merge = pps.log2_parallel_merge_level_minus2;
  pps.log2_parallel_merge_level_minus2 = ue("log2_parallel_merge_level_minus2", merge, 4);
  pps.slice_segment_header_extension_present_flag = c.flag(
    "slice_segment_header_extension_present_flag",
    pps.slice_segment_header_extension_present_flag,
  );
  extensions(c, pps);
  c.rbspTrailingBits();
}

/** What is wrong between a PPS and the SPS that it refers to, in a sentence. */
export function checkPps(pps: Pps, sps: Sps): string | undefined {
  const tileWidth = pps.column_width_minus1.reduce((sum, width) => sum + width + 1, 0);
  const tileHeight = pps.row_height_minus1.reduce((sum, height) => sum + height + 1, 0);
  const columns = pps.num_tile_columns_minus1 + 1;
  const rows = pps.num_tile_rows_minus1 + 1;
  if (columns > sps.PicWidthInCtbsY || tileWidth >= sps.PicWidthInCtbsY + (columns === 1 ? 1 : 0)) {
    return `the tile columns do not fit into ${sps.PicWidthInCtbsY} coding tree blocks`;
  }
  if (rows > sps.PicHeightInCtbsY || tileHeight >= sps.PicHeightInCtbsY + (rows === 1 ? 1 : 0)) {
    return `the tile rows do not fit into ${sps.PicHeightInCtbsY} coding tree blocks`;
  }
  if (pps.diff_cu_qp_delta_depth > sps.log2_diff_max_min_luma_coding_block_size) {
    return `diff_cu_qp_delta_depth is ${pps.diff_cu_qp_delta_depth}, and the SPS has ${sps.log2_diff_max_min_luma_coding_block_size} levels of coding blocks`;
  }
  if (pps.init_qp_minus26 < -(26 + 6 * sps.bit_depth_luma_minus8)) {
    return `init_qp_minus26 is ${pps.init_qp_minus26} for ${sps.bit_depth_luma_minus8 + 8} bits`;
  }
  if (pps.log2_parallel_merge_level_minus2 + 2 > sps.CtbLog2SizeY) {
    return `log2_parallel_merge_level_minus2 is ${pps.log2_parallel_merge_level_minus2} for coding tree blocks of ${2 ** sps.CtbLog2SizeY}`;
  }
  if (pps.scc.pps_curr_pic_ref_enabled_flag && !sps.scc.sps_curr_pic_ref_enabled_flag) {
    return "pps_curr_pic_ref_enabled_flag is 1 without that of the SPS";
  }
  return undefined;
}

function tiles(c: Coder, pps: Pps): void {
  // 20 columns and 22 rows are the most of any level, Table A.8, and what V4L2's control holds.
  pps.num_tile_columns_minus1 = c.ue("num_tile_columns_minus1", pps.num_tile_columns_minus1, 0, 19);
  pps.num_tile_rows_minus1 = c.ue("num_tile_rows_minus1", pps.num_tile_rows_minus1, 0, 21);
  if (pps.num_tile_columns_minus1 === 0 && pps.num_tile_rows_minus1 === 0) {
    throw c.error("tiles_enabled_flag is 1 and there is only one tile");
  }
  pps.uniform_spacing_flag = c.flag("uniform_spacing_flag", pps.uniform_spacing_flag);
  if (!pps.uniform_spacing_flag) {
    for (let i = 0; i < pps.num_tile_columns_minus1; i += 1) {
      pps.column_width_minus1[i] = c.ue("column_width_minus1", pps.column_width_minus1[i], 0, 4095, i);
    }
    for (let i = 0; i < pps.num_tile_rows_minus1; i += 1) {
      pps.row_height_minus1[i] = c.ue("row_height_minus1", pps.row_height_minus1[i], 0, 4095, i);
    }
  }
  pps.loop_filter_across_tiles_enabled_flag = c.flag(
    "loop_filter_across_tiles_enabled_flag",
    pps.loop_filter_across_tiles_enabled_flag,
  );
}

function deblocking(c: Coder, pps: Pps): void {
  pps.deblocking_filter_override_enabled_flag = c.flag(
    "deblocking_filter_override_enabled_flag",
    pps.deblocking_filter_override_enabled_flag,
  );
  pps.pps_deblocking_filter_disabled_flag = c.flag(
    "pps_deblocking_filter_disabled_flag",
    pps.pps_deblocking_filter_disabled_flag,
  );
  if (pps.pps_deblocking_filter_disabled_flag) return;
  pps.pps_beta_offset_div2 = c.se("pps_beta_offset_div2", pps.pps_beta_offset_div2, -6, 6);
  pps.pps_tc_offset_div2 = c.se("pps_tc_offset_div2", pps.pps_tc_offset_div2, -6, 6);
}

function extensions(c: Coder, pps: Pps): void {
  pps.pps_extension_present_flag = c.flag("pps_extension_present_flag", pps.pps_extension_present_flag);
  if (!pps.pps_extension_present_flag) return;
  pps.pps_range_extension_flag = c.flag("pps_range_extension_flag", pps.pps_range_extension_flag);
  pps.pps_multilayer_extension_flag = c.flag(
    "pps_multilayer_extension_flag",
    pps.pps_multilayer_extension_flag,
  );
  pps.pps_3d_extension_flag = c.flag("pps_3d_extension_flag", pps.pps_3d_extension_flag);
  pps.pps_scc_extension_flag = c.flag("pps_scc_extension_flag", pps.pps_scc_extension_flag);
  pps.pps_extension_4bits = c.u("pps_extension_4bits", 4, pps.pps_extension_4bits);
  if (pps.pps_range_extension_flag) rangeExtension(c, pps.range, pps.transform_skip_enabled_flag);
  // The extensions for layers say nothing about layer 0; what stands behind them cannot be reached without them.
  const layers = pps.pps_multilayer_extension_flag || pps.pps_3d_extension_flag;
  if (pps.pps_scc_extension_flag && !layers) sccExtension(c, pps.scc);
  if (layers || pps.pps_extension_4bits !== 0) {
    extensionData(c, "pps_extension_data_flag", pps.extension_data_flag);
  }
}

function rangeExtension(c: Coder, range: PpsRangeExtension, transformSkip: boolean): void {
  c.structure("pps_range_extension", "7.3.2.3.2");
  if (transformSkip) {
    range.log2_max_transform_skip_block_size_minus2 = c.ue(
      "log2_max_transform_skip_block_size_minus2",
      range.log2_max_transform_skip_block_size_minus2,
      0,
      3,
    );
  }
  range.cross_component_prediction_enabled_flag = c.flag(
    "cross_component_prediction_enabled_flag",
    range.cross_component_prediction_enabled_flag,
  );
  range.chroma_qp_offset_list_enabled_flag = c.flag(
    "chroma_qp_offset_list_enabled_flag",
    range.chroma_qp_offset_list_enabled_flag,
  );
  if (range.chroma_qp_offset_list_enabled_flag) {
    range.diff_cu_chroma_qp_offset_depth = c.ue(
      "diff_cu_chroma_qp_offset_depth",
      range.diff_cu_chroma_qp_offset_depth,
      0,
      3,
    );
    const last = c.ue("chroma_qp_offset_list_len_minus1", range.chroma_qp_offset_list_len_minus1, 0, 5);
    range.chroma_qp_offset_list_len_minus1 = last;
    for (let i = 0; i <= last; i += 1) {
      range.cb_qp_offset_list[i] = c.se("cb_qp_offset_list", range.cb_qp_offset_list[i], -12, 12, i);
      range.cr_qp_offset_list[i] = c.se("cr_qp_offset_list", range.cr_qp_offset_list[i], -12, 12, i);
    }
  }
  const { log2_sao_offset_scale_luma: luma, log2_sao_offset_scale_chroma: chroma } = range;
  // Max(0, BitDepth - 10), of which the bit depth may be 16.
  range.log2_sao_offset_scale_luma = c.ue("log2_sao_offset_scale_luma", luma, 0, 6);
  range.log2_sao_offset_scale_chroma = c.ue("log2_sao_offset_scale_chroma", chroma, 0, 6);
}

function sccExtension(c: Coder, scc: PpsSccExtension): void {
  c.structure("pps_scc_extension", "7.3.2.3.3");
  scc.pps_curr_pic_ref_enabled_flag = c.flag(
    "pps_curr_pic_ref_enabled_flag",
    scc.pps_curr_pic_ref_enabled_flag,
  );
  scc.residual_adaptive_colour_transform_enabled_flag = c.flag(
    "residual_adaptive_colour_transform_enabled_flag",
    scc.residual_adaptive_colour_transform_enabled_flag,
  );
  if (scc.residual_adaptive_colour_transform_enabled_flag) {
    scc.pps_slice_act_qp_offsets_present_flag = c.flag(
      "pps_slice_act_qp_offsets_present_flag",
      scc.pps_slice_act_qp_offsets_present_flag,
    );
    scc.pps_act_y_qp_offset_plus5 = c.se("pps_act_y_qp_offset_plus5", scc.pps_act_y_qp_offset_plus5, -7, 17);
    const { pps_act_cb_qp_offset_plus5: cb, pps_act_cr_qp_offset_plus3: cr } = scc;
    scc.pps_act_cb_qp_offset_plus5 = c.se("pps_act_cb_qp_offset_plus5", cb, -7, 17);
    scc.pps_act_cr_qp_offset_plus3 = c.se("pps_act_cr_qp_offset_plus3", cr, -9, 15);
  }
  scc.pps_palette_predictor_initializers_present_flag = c.flag(
    "pps_palette_predictor_initializers_present_flag",
    scc.pps_palette_predictor_initializers_present_flag,
  );
  if (!scc.pps_palette_predictor_initializers_present_flag) return;
  // PaletteMaxPredictorSize is at most 128 in every profile with palettes: A.3.7.
  const count = c.ue(
    "pps_num_palette_predictor_initializers",
    scc.pps_num_palette_predictor_initializers,
    0,
    128,
  );
  scc.pps_num_palette_predictor_initializers = count;
  if (count === 0) return;
  scc.monochrome_palette_flag = c.flag("monochrome_palette_flag", scc.monochrome_palette_flag);
  const luma = c.ue("luma_bit_depth_entry_minus8", scc.luma_bit_depth_entry_minus8, 0, 8);
  scc.luma_bit_depth_entry_minus8 = luma;
  if (!scc.monochrome_palette_flag) {
    const chroma = scc.chroma_bit_depth_entry_minus8;
    scc.chroma_bit_depth_entry_minus8 = c.ue("chroma_bit_depth_entry_minus8", chroma, 0, 8);
  }
  for (let comp = 0; comp < (scc.monochrome_palette_flag ? 1 : 3); comp += 1) {
    const bits = (comp === 0 ? luma : scc.chroma_bit_depth_entry_minus8) + 8;
    const values = (scc.pps_palette_predictor_initializer[comp] ??= []);
    for (let i = 0; i < count; i += 1) {
      values[i] = c.u("pps_palette_predictor_initializer", bits, values[i], comp, i);
    }
  }
}
