/** H.264: parameter sets, slice or frame, and a decoded picture buffer with each frame. */
import type { StandardValue } from "../../v4l2/index.js";
import { Cid } from "../../v4l2/index.js";
import { compound, defineCodec, hasFlag, menu } from "../codec.js";
import { array, bits, choices, dec, dump, ELEMENT, event, flagsOf, uns } from "../trace/event.js";

type H264Sps = StandardValue<typeof Cid.StatelessH264Sps>;
type H264Pps = StandardValue<typeof Cid.StatelessH264Pps>;
type H264ScalingMatrix = StandardValue<typeof Cid.StatelessH264ScalingMatrix>;
type H264SliceParams = StandardValue<typeof Cid.StatelessH264SliceParams>;
type H264Reference = StandardValue<typeof Cid.StatelessH264SliceParams>["ref_pic_list0"][number];
type H264DecodeParams = StandardValue<typeof Cid.StatelessH264DecodeParams>;
type H264DpbEntry = StandardValue<typeof Cid.StatelessH264DecodeParams>["dpb"][number];
type H264PredWeights = StandardValue<typeof Cid.StatelessH264PredWeights>;

// Trace events, under the names of the kernel's visl

export const sps = event<H264Sps>("h264", "v4l2_ctrl_h264_sps", [
  ["profile_idc", dec],
  [
    "constraint_set_flags",
    bits(
      "CONSTRAINT_SET0_FLAG",
      "CONSTRAINT_SET1_FLAG",
      "CONSTRAINT_SET2_FLAG",
      "CONSTRAINT_SET3_FLAG",
      "CONSTRAINT_SET4_FLAG",
      "CONSTRAINT_SET5_FLAG",
    ),
  ],
  ["level_idc", dec],
  ["seq_parameter_set_id", dec],
  ["chroma_format_idc", dec],
  ["bit_depth_luma_minus8", dec],
  ["bit_depth_chroma_minus8", dec],
  ["log2_max_frame_num_minus4", dec],
  ["pic_order_cnt_type", dec],
  ["log2_max_pic_order_cnt_lsb_minus4", dec],
  ["max_num_ref_frames", dec],
  ["num_ref_frames_in_pic_order_cnt_cycle", dec],
  ["offset_for_ref_frame", array(4)],
  ["offset_for_non_ref_pic", dec],
  ["offset_for_top_to_bottom_field", dec],
  ["pic_width_in_mbs_minus1", dec],
  ["pic_height_in_map_units_minus1", dec],
  [
    "flags",
    bits(
      "SEPARATE_COLOUR_PLANE",
      "QPPRIME_Y_ZERO_TRANSFORM_BYPASS",
      "DELTA_PIC_ORDER_ALWAYS_ZERO",
      "GAPS_IN_FRAME_NUM_VALUE_ALLOWED",
      "FRAME_MBS_ONLY",
      "MB_ADAPTIVE_FRAME_FIELD",
      "DIRECT_8X8_INFERENCE",
    ),
  ],
]);

export const pps = event<H264Pps>("h264", "v4l2_ctrl_h264_pps", [
  ["pic_parameter_set_id", dec],
  ["seq_parameter_set_id", dec],
  ["num_slice_groups_minus1", dec],
  ["num_ref_idx_l0_default_active_minus1", dec],
  ["num_ref_idx_l1_default_active_minus1", dec],
  ["weighted_bipred_idc", dec],
  ["pic_init_qp_minus26", dec],
  ["pic_init_qs_minus26", dec],
  ["chroma_qp_index_offset", dec],
  ["second_chroma_qp_index_offset", dec],
  [
    "flags",
    bits(
      "ENTROPY_CODING_MODE",
      "BOTTOM_FIELD_PIC_ORDER_IN_FRAME_PRESENT",
      "WEIGHTED_PRED",
      "DEBLOCKING_FILTER_CONTROL_PRESENT",
      "CONSTRAINED_INTRA_PRED",
      "REDUNDANT_PIC_CNT_PRESENT",
      "TRANSFORM_8X8_MODE",
      "SCALING_MATRIX_PRESENT",
    ),
  ],
]);

export const scalingMatrix = event<H264ScalingMatrix>("h264", "v4l2_ctrl_h264_scaling_matrix", [
  ["scaling_list_4x4", dump(1)],
  ["scaling_list_8x8", dump(1)],
]);

export const sliceParams = event<H264SliceParams>("h264", "v4l2_ctrl_h264_slice_params", [
  ["header_bit_size", dec],
  ["first_mb_in_slice", dec],
  ["slice_type", choices("P", "B", "I", "SP", "SI")],
  ["colour_plane_id", dec],
  ["redundant_pic_cnt", dec],
  ["cabac_init_idc", dec],
  ["slice_qp_delta", dec],
  ["slice_qs_delta", dec],
  ["disable_deblocking_filter_idc", dec],
  ["slice_alpha_c0_offset_div2", uns],
  ["slice_beta_offset_div2", uns],
  ["num_ref_idx_l0_active_minus1", dec],
  ["num_ref_idx_l1_active_minus1", dec],
  ["flags", bits("DIRECT_SPATIAL_MV_PRED", "SP_FOR_SWITCH")],
]);

export const refPicList0 = event<H264Reference>(
  "h264",
  "v4l2_h264_ref_pic_list0",
  [
    [ELEMENT, dec, "["],
    ["fields", flagsOf([0x1, "TOP_FIELD_REF"], [0x2, "BOTTOM_FIELD_REF"], [0x3, "FRAME_REF"]), "]: fields "],
    ["index", dec, " index "],
  ],
  { start: "", between: "" },
);

export const refPicList1 = event<H264Reference>(
  "h264",
  "v4l2_h264_ref_pic_list1",
  [
    [ELEMENT, dec, "["],
    ["fields", flagsOf([0x1, "TOP_FIELD_REF"], [0x2, "BOTTOM_FIELD_REF"], [0x3, "FRAME_REF"]), "]: fields "],
    ["index", dec, " index "],
  ],
  { start: "", between: "" },
);

export const decodeParams = event<H264DecodeParams>(
  "h264",
  "v4l2_ctrl_h264_decode_params",
  [
    ["nal_ref_idc", dec],
    ["frame_num", dec],
    ["top_field_order_cnt", dec],
    ["bottom_field_order_cnt", dec],
    ["idr_pic_id", dec],
    ["pic_order_cnt_lsb", dec],
    ["delta_pic_order_cnt_bottom", dec],
    ["delta_pic_order_cnt0", dec],
    ["delta_pic_order_cnt1", dec],
    ["dec_ref_pic_marking_bit_size", dec],
    ["pic_order_cnt_bit_size", dec],
    ["slice_group_change_cycle", dec],
    ["flags", bits("IDR_PIC", "FIELD_PIC", "BOTTOM_FIELD", "PFRAME", "BFRAME")],
  ],
  { end: "\n" },
);

export const dpbEntry = event<H264DpbEntry>(
  "h264",
  "v4l2_h264_dpb_entry",
  [
    [ELEMENT, dec, "["],
    ["reference_ts", dec, "]: reference_ts "],
    ["pic_num", dec, ", pic_num "],
    ["frame_num", dec, " frame_num "],
    ["fields", flagsOf([0x1, "TOP_FIELD_REF"], [0x2, "BOTTOM_FIELD_REF"], [0x3, "FRAME_REF"]), " fields "],
    ["top_field_order_cnt", dec, " top_field_order_cnt "],
    ["bottom_field_order_cnt", dec, " bottom_field_order_cnt "],
    ["flags", bits("VALID", "ACTIVE", "LONG_TERM", "FIELD"), " flags "],
  ],
  { start: "", between: "" },
);

export const predWeights = event<H264PredWeights>(
  "h264",
  "v4l2_ctrl_h264_pred_weights",
  [
    ["luma_log2_weight_denom", dec],
    ["chroma_log2_weight_denom", dec],
    ["weight_factors.0.luma_weight", array(2), "weight_factor[0].luma_weight "],
    ["weight_factors.0.luma_offset", array(2), "weight_factor[0].luma_offset "],
    ["weight_factors.0.chroma_weight", dump(2), "weight_factor[0].chroma_weight "],
    ["weight_factors.0.chroma_offset", dump(2), "weight_factor[0].chroma_offset "],
    ["weight_factors.1.luma_weight", array(2), "weight_factor[1].luma_weight "],
    ["weight_factors.1.luma_offset", array(2), "weight_factor[1].luma_offset "],
    ["weight_factors.1.chroma_weight", dump(2), "weight_factor[1].chroma_weight "],
    ["weight_factors.1.chroma_offset", dump(2), "weight_factor[1].chroma_offset "],
  ],
  { end: "\n" },
);

/** `V4L2_H264_DECODE_PARAM_FLAG_IDR_PIC` */
const IDR_PIC = 0x1;
/** `V4L2_H264_SPS_FLAG_GAPS_IN_FRAME_NUM_VALUE_ALLOWED` */
const GAPS_ALLOWED = 0x8;
/** `V4L2_H264_DPB_ENTRY_FLAG_ACTIVE` */
const ACTIVE = 0x2;

export const h264 = defineCodec({
  name: "h264",
  fourcc: "S264",
  sizes: { min: [64, 64], max: [4096, 2304] },
  controls: [
    compound(Cid.StatelessH264DecodeParams),
    compound(Cid.StatelessH264Sps),
    compound(Cid.StatelessH264Pps),
    compound(Cid.StatelessH264ScalingMatrix),
    menu(Cid.StatelessH264DecodeMode),
    menu(Cid.StatelessH264StartCode),
    compound(Cid.StatelessH264SliceParams),
    compound(Cid.StatelessH264PredWeights),
  ],
  required: [Cid.StatelessH264Sps, Cid.StatelessH264Pps, Cid.StatelessH264DecodeParams],
  values: (read) => ({
    sps: read.of(Cid.StatelessH264Sps),
    pps: read.of(Cid.StatelessH264Pps),
    scalingMatrix: read.of(Cid.StatelessH264ScalingMatrix),
    slice: read.of(Cid.StatelessH264SliceParams),
    decode: read.of(Cid.StatelessH264DecodeParams),
    predWeights: read.of(Cid.StatelessH264PredWeights),
  }),
  hasDpb: true,
  order: (values) => `H264: ${values.decode.pic_order_cnt_lsb}`,
  references: (values) =>
    values.decode.dpb.map((entry, index) => ({ name: `dpb[${index}]`, timestampNs: entry.reference_ts })),
  usedReferences: ({ decode }) =>
    hasFlag(decode.flags, IDR_PIC)
      ? []
      : decode.dpb.filter(({ flags }) => hasFlag(flags, ACTIVE)).map((entry) => entry.reference_ts),
  allowsGaps: ({ sps: { flags } }) => hasFlag(flags, GAPS_ALLOWED),
  events: [
    sps,
    pps,
    scalingMatrix,
    sliceParams,
    refPicList0,
    refPicList1,
    decodeParams,
    dpbEntry,
    predWeights,
  ],
  trace: (values, emit) => {
    emit(sps, values.sps);
    emit(pps, values.pps);
    emit(scalingMatrix, values.scalingMatrix);
    emit(sliceParams, values.slice);
    for (const [index, entry] of values.slice.ref_pic_list0.entries()) emit(refPicList0, entry, index);
    for (const [index, entry] of values.slice.ref_pic_list1.entries()) emit(refPicList1, entry, index);
    emit(decodeParams, values.decode);
    for (const [index, entry] of values.decode.dpb.entries()) emit(dpbEntry, entry, index);
    emit(predWeights, values.predWeights);
  },
});
