/** HEVC: parameter sets, slices, and a decoded picture buffer with each frame. */
import type { StandardValue } from "../../v4l2/index.js";
import { Cid } from "../../v4l2/index.js";
import { arrayOf, compound, defineCodec, hasFlag, menu, newer } from "../codec.js";
import { array, bits, dec, dump, event, hexOf, flagsOf } from "../trace/event.js";

type HevcSps = StandardValue<typeof Cid.StatelessHevcSps>;
type HevcPps = StandardValue<typeof Cid.StatelessHevcPps>;
type HevcSliceParams = StandardValue<typeof Cid.StatelessHevcSliceParams>;
type HevcScalingMatrix = StandardValue<typeof Cid.StatelessHevcScalingMatrix>;
type HevcDecodeParams = StandardValue<typeof Cid.StatelessHevcDecodeParams>;
type HevcExtSpsLtRps = StandardValue<typeof Cid.StatelessHevcExtSpsLtRps>;
type HevcExtSpsStRps = StandardValue<typeof Cid.StatelessHevcExtSpsStRps>;
type HevcDpbEntry = StandardValue<typeof Cid.StatelessHevcDecodeParams>["dpb"][number];
type HevcPredWeightTable = StandardValue<typeof Cid.StatelessHevcSliceParams>["pred_weight_table"];

// Trace events, under the names of the kernel's visl

export const sps = event<HevcSps>("hevc", "v4l2_ctrl_hevc_sps", [
  ["video_parameter_set_id", dec],
  ["seq_parameter_set_id", dec],
  ["pic_width_in_luma_samples", dec],
  ["pic_height_in_luma_samples", dec],
  ["bit_depth_luma_minus8", dec],
  ["bit_depth_chroma_minus8", dec],
  ["log2_max_pic_order_cnt_lsb_minus4", dec],
  ["sps_max_dec_pic_buffering_minus1", dec],
  ["sps_max_num_reorder_pics", dec],
  ["sps_max_latency_increase_plus1", dec],
  ["log2_min_luma_coding_block_size_minus3", dec],
  ["log2_diff_max_min_luma_coding_block_size", dec],
  ["log2_min_luma_transform_block_size_minus2", dec],
  ["log2_diff_max_min_luma_transform_block_size", dec],
  ["max_transform_hierarchy_depth_inter", dec],
  ["max_transform_hierarchy_depth_intra", dec],
  ["pcm_sample_bit_depth_luma_minus1", dec],
  ["pcm_sample_bit_depth_chroma_minus1", dec],
  ["log2_min_pcm_luma_coding_block_size_minus3", dec],
  ["log2_diff_max_min_pcm_luma_coding_block_size", dec],
  ["num_short_term_ref_pic_sets", dec],
  ["num_long_term_ref_pics_sps", dec],
  ["chroma_format_idc", dec],
  ["sps_max_sub_layers_minus1", dec],
  [
    "flags",
    bits(
      "SEPARATE_COLOUR_PLANE",
      "SCALING_LIST_ENABLED",
      "AMP_ENABLED",
      "SAMPLE_ADAPTIVE_OFFSET",
      "PCM_ENABLED",
      "V4L2_HEVC_SPS_FLAG_PCM_LOOP_FILTER_DISABLED",
      "LONG_TERM_REF_PICS_PRESENT",
      "TEMPORAL_MVP_ENABLED",
      "STRONG_INTRA_SMOOTHING_ENABLED",
    ),
  ],
]);

export const pps = event<HevcPps>("hevc", "v4l2_ctrl_hevc_pps", [
  ["pic_parameter_set_id", dec],
  ["num_extra_slice_header_bits", dec],
  ["num_ref_idx_l0_default_active_minus1", dec],
  ["num_ref_idx_l1_default_active_minus1", dec],
  ["init_qp_minus26", dec],
  ["diff_cu_qp_delta_depth", dec],
  ["pps_cb_qp_offset", dec],
  ["pps_cr_qp_offset", dec],
  ["num_tile_columns_minus1", dec],
  ["num_tile_rows_minus1", dec],
  ["column_width_minus1", array(1)],
  ["row_height_minus1", array(1)],
  ["pps_beta_offset_div2", dec],
  ["pps_tc_offset_div2", dec],
  ["log2_parallel_merge_level_minus2", dec],
  [
    "flags",
    flagsOf(
      [0x1, "DEPENDENT_SLICE_SEGMENT_ENABLED"],
      [0x2, "OUTPUT_FLAG_PRESENT"],
      [0x4, "SIGN_DATA_HIDING_ENABLED"],
      [0x8, "CABAC_INIT_PRESENT"],
      [0x10, "CONSTRAINED_INTRA_PRED"],
      [0x40, "CU_QP_DELTA_ENABLED"],
      [0x80, "PPS_SLICE_CHROMA_QP_OFFSETS_PRESENT"],
      [0x100, "WEIGHTED_PRED"],
      [0x200, "WEIGHTED_BIPRED"],
      [0x400, "TRANSQUANT_BYPASS_ENABLED"],
      [0x800, "TILES_ENABLED"],
      [0x1000, "ENTROPY_CODING_SYNC_ENABLED"],
      [0x2000, "LOOP_FILTER_ACROSS_TILES_ENABLED"],
      [0x4000, "PPS_LOOP_FILTER_ACROSS_SLICES_ENABLED"],
      [0x8000, "DEBLOCKING_FILTER_OVERRIDE_ENABLED"],
      [0x10000, "DISABLE_DEBLOCKING_FILTER"],
      [0x20000, "LISTS_MODIFICATION_PRESENT"],
      [0x40000, "SLICE_SEGMENT_HEADER_EXTENSION_PRESENT"],
      [0x80000, "DEBLOCKING_FILTER_CONTROL_PRESENT"],
      [0x100000, "UNIFORM_SPACING"],
    ),
  ],
]);

export const sliceParams = event<HevcSliceParams>("hevc", "v4l2_ctrl_hevc_slice_params", [
  ["bit_size", dec],
  ["data_byte_offset", dec],
  ["num_entry_point_offsets", dec],
  ["nal_unit_type", dec],
  ["nuh_temporal_id_plus1", dec],
  ["slice_type", dec],
  ["colour_plane_id", dec],
  ["slice_pic_order_cnt", dec],
  ["num_ref_idx_l0_active_minus1", dec],
  ["num_ref_idx_l1_active_minus1", dec],
  ["collocated_ref_idx", dec],
  ["five_minus_max_num_merge_cand", dec],
  ["slice_qp_delta", dec],
  ["slice_cb_qp_offset", dec],
  ["slice_cr_qp_offset", dec],
  ["slice_act_y_qp_offset", dec],
  ["slice_act_cb_qp_offset", dec],
  ["slice_act_cr_qp_offset", dec],
  ["slice_beta_offset_div2", dec],
  ["slice_tc_offset_div2", dec],
  ["pic_struct", dec],
  ["slice_segment_addr", dec],
  ["ref_idx_l0", array(1)],
  ["ref_idx_l1", array(1)],
  ["short_term_ref_pic_set_size", dec],
  ["long_term_ref_pic_set_size", dec],
  [
    "flags",
    bits(
      "SLICE_SAO_LUMA",
      "SLICE_SAO_CHROMA",
      "SLICE_TEMPORAL_MVP_ENABLED",
      "MVD_L1_ZERO",
      "CABAC_INIT",
      "COLLOCATED_FROM_L0",
      "USE_INTEGER_MV",
      "SLICE_DEBLOCKING_FILTER_DISABLED",
      "SLICE_LOOP_FILTER_ACROSS_SLICES_ENABLED",
      "DEPENDENT_SLICE_SEGMENT",
    ),
  ],
]);

export const scalingMatrix = event<HevcScalingMatrix>(
  "hevc",
  "v4l2_ctrl_hevc_scaling_matrix",
  [
    ["scaling_list_4x4", dump(1)],
    ["scaling_list_8x8", dump(1)],
    ["scaling_list_16x16", dump(1)],
    ["scaling_list_32x32", dump(1)],
    ["scaling_list_dc_coef_16x16", array(1)],
    ["scaling_list_dc_coef_32x32", array(1)],
  ],
  { end: "\n" },
);

export const decodeParams = event<HevcDecodeParams>("hevc", "v4l2_ctrl_hevc_decode_params", [
  ["pic_order_cnt_val", dec],
  ["short_term_ref_pic_set_size", dec],
  ["long_term_ref_pic_set_size", dec],
  ["num_active_dpb_entries", dec],
  ["num_poc_st_curr_before", dec],
  ["num_poc_st_curr_after", dec],
  ["num_poc_lt_curr", dec],
  ["poc_st_curr_before", array(1)],
  ["poc_st_curr_after", array(1)],
  ["poc_lt_curr", array(1)],
  ["flags", bits("IRAP_PIC", "IDR_PIC", "NO_OUTPUT_OF_PRIOR")],
]);

export const dpbEntry = event<HevcDpbEntry>(
  "hevc",
  "v4l2_hevc_dpb_entry",
  [
    ["timestamp", dec],
    ["flags", bits("LONG_TERM_REFERENCE")],
    ["field_pic", dec],
    ["pic_order_cnt_val", dec],
  ],
  { end: "\n" },
);

export const predWeightTable = event<HevcPredWeightTable>(
  "hevc",
  "v4l2_hevc_pred_weight_table",
  [
    ["delta_luma_weight_l0", array(1)],
    ["luma_offset_l0", array(1)],
    ["delta_chroma_weight_l0", dump(1)],
    ["chroma_offset_l0", dump(1)],
    ["delta_luma_weight_l1", array(1)],
    ["luma_offset_l1", array(1)],
    ["delta_chroma_weight_l1", dump(1)],
    ["chroma_offset_l1", dump(1)],
    ["luma_log2_weight_denom", dec],
    ["delta_chroma_log2_weight_denom", dec],
  ],
  { end: "\n" },
);

/** Of newer kernels, which print the first long-term candidate of the sequence, */
export const extSpsLtRps = event<HevcExtSpsLtRps>(
  "hevc",
  "v4l2_ctrl_hevc_ext_sps_lt_rps",
  [
    ["flags", bits("USED_LT")],
    ["lt_ref_pic_poc_lsb_sps", hexOf(1)],
  ],
  { end: "\n" },
);

/** and its first short-term set. */
export const extSpsStRps = event<HevcExtSpsStRps>(
  "hevc",
  "v4l2_ctrl_hevc_ext_sps_st_rps",
  [
    ["flags", bits("INTER_REF_PIC_SET_PRED"), "flags "],
    ["delta_idx_minus1", dec],
    ["delta_rps_sign", dec],
    ["abs_delta_rps_minus1", dec],
    ["num_negative_pics", dec],
    ["num_positive_pics", dec],
    ["used_by_curr_pic", hexOf(8)],
    ["use_delta_flag", hexOf(8)],
    ["delta_poc_s0_minus1", array(2)],
    ["delta_poc_s1_minus1", array(2)],
  ],
  { separator: ": ", end: "\n" },
);

/** Slices of a picture at the highest levels. */
const MAX_SLICES = 600;
const MAX_ENTRY_POINTS = 256;
/** Sets of reference pictures in a sequence. */
const MAX_RPS = 65;
/** `V4L2_HEVC_DECODE_PARAM_FLAG_IRAP_PIC` */
const IRAP_PIC = 0x1;

export const hevc = defineCodec({
  name: "hevc",
  fourcc: "S265",
  sizes: { min: [64, 64], max: [4096, 2304] },
  controls: [
    compound(Cid.StatelessHevcSps),
    compound(Cid.StatelessHevcPps),
    arrayOf(Cid.StatelessHevcSliceParams, MAX_SLICES),
    compound(Cid.StatelessHevcScalingMatrix),
    compound(Cid.StatelessHevcDecodeParams),
    menu(Cid.StatelessHevcDecodeMode),
    menu(Cid.StatelessHevcStartCode),
    arrayOf(Cid.StatelessHevcEntryPointOffsets, MAX_ENTRY_POINTS),
    newer(arrayOf(Cid.StatelessHevcExtSpsStRps, MAX_RPS)),
    newer(arrayOf(Cid.StatelessHevcExtSpsLtRps, MAX_RPS)),
  ],
  required: [Cid.StatelessHevcSps, Cid.StatelessHevcPps, Cid.StatelessHevcDecodeParams],
  values: (read) => ({
    sps: read.of(Cid.StatelessHevcSps),
    pps: read.of(Cid.StatelessHevcPps),
    // Of the first slice: the kernel's visl looks at no other.
    slice: read.of(Cid.StatelessHevcSliceParams),
    scalingMatrix: read.of(Cid.StatelessHevcScalingMatrix),
    decode: read.of(Cid.StatelessHevcDecodeParams),
    // The first of each.
    ltRps: read.ifAny(Cid.StatelessHevcExtSpsLtRps),
    stRps: read.ifAny(Cid.StatelessHevcExtSpsStRps),
  }),
  hasDpb: true,
  order: (values) => `HEVC: ${values.decode.pic_order_cnt_val}`,
  references: (values) =>
    values.decode.dpb.map((entry, index) => ({ name: `dpb[${index}]`, timestampNs: entry.timestamp })),
  usedReferences: ({ decode }) => {
    if (hasFlag(decode.flags, IRAP_PIC)) return [];
    const indices = [
      ...decode.poc_st_curr_before.slice(0, decode.num_poc_st_curr_before),
      ...decode.poc_st_curr_after.slice(0, decode.num_poc_st_curr_after),
      ...decode.poc_lt_curr.slice(0, decode.num_poc_lt_curr),
    ];
    return indices.flatMap((index) => decode.dpb[index]?.timestamp ?? []);
  },
  events: [
    sps,
    pps,
    sliceParams,
    scalingMatrix,
    decodeParams,
    dpbEntry,
    predWeightTable,
    extSpsLtRps,
    extSpsStRps,
  ],
  trace: (values, emit) => {
    emit(sps, values.sps);
    emit(pps, values.pps);
    emit(sliceParams, values.slice);
    emit(scalingMatrix, values.scalingMatrix);
    emit(decodeParams, values.decode);
    for (const entry of values.decode.dpb) emit(dpbEntry, entry);
    emit(predWeightTable, values.slice.pred_weight_table);
    if (values.ltRps !== undefined) emit(extSpsLtRps, values.ltRps);
    if (values.stRps !== undefined) emit(extSpsStRps, values.stRps);
  },
});
