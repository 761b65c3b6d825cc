import { describe, expect, it } from "vitest";
import { CtrlType } from "../../../src/v4l2/controls/index.js";
import * as uapi from "../../../src/v4l2/gen/index.js";
import { set } from "./compound-control.js";

type Case<View> = readonly [string, "ok" | "EINVAL", (view: View) => void];

function table<View>(
  name: string,
  type: CtrlType,
  view: uapi.ViewClass<View>,
  cases: readonly Case<View>[],
): void {
  describe(name, () => {
    it.each(cases)("%s: %s", (_, code, change) => {
      expect(set(type, view, change).code).toBe(code);
    });
  });
}

table("H264_SPS", CtrlType.H264Sps, uapi.CtrlH264SpsView, [
  ["zeroes", "ok", () => undefined],
  [
    "High, 4:2:0, 14 bits",
    "ok",
    (sps) => Object.assign(sps, { profile_idc: 100, chroma_format_idc: 1, bit_depth_luma_minus8: 6 }),
  ],
  ["High, 4:2:2", "EINVAL", (sps) => Object.assign(sps, { profile_idc: 100, chroma_format_idc: 2 })],
  ["High 4:2:2, 4:2:2", "ok", (sps) => Object.assign(sps, { profile_idc: 122, chroma_format_idc: 2 })],
  ["High 4:2:2, 4:4:4", "EINVAL", (sps) => Object.assign(sps, { profile_idc: 122, chroma_format_idc: 3 })],
  ["High 4:4:4, 4:4:4", "ok", (sps) => Object.assign(sps, { profile_idc: 244, chroma_format_idc: 3 })],
  ["chroma format 4", "EINVAL", (sps) => Object.assign(sps, { profile_idc: 244, chroma_format_idc: 4 })],
  [
    "Main with any chroma format: corrected",
    "ok",
    (sps) => Object.assign(sps, { profile_idc: 77, chroma_format_idc: 9 }),
  ],
  ["15 bits of luma", "EINVAL", (sps) => Object.assign(sps, { profile_idc: 110, bit_depth_luma_minus8: 7 })],
  [
    "15 bits of chroma",
    "EINVAL",
    (sps) => Object.assign(sps, { profile_idc: 110, bit_depth_chroma_minus8: 7 }),
  ],
  ["log2_max_frame_num_minus4 of 13", "EINVAL", (sps) => (sps.log2_max_frame_num_minus4 = 13)],
  ["pic_order_cnt_type of 3", "EINVAL", (sps) => (sps.pic_order_cnt_type = 3)],
  [
    "log2_max_pic_order_cnt_lsb_minus4 of 13",
    "EINVAL",
    (sps) => (sps.log2_max_pic_order_cnt_lsb_minus4 = 13),
  ],
  ["33 reference frames", "EINVAL", (sps) => (sps.max_num_ref_frames = 33)],
]);

table("H264_PPS", CtrlType.H264Pps, uapi.CtrlH264PpsView, [
  ["9 slice groups", "EINVAL", (pps) => (pps.num_slice_groups_minus1 = 8)],
  ["33 references in list 0", "EINVAL", (pps) => (pps.num_ref_idx_l0_default_active_minus1 = 32)],
  ["33 references in list 1", "EINVAL", (pps) => (pps.num_ref_idx_l1_default_active_minus1 = 32)],
  ["weighted_bipred_idc of 3", "EINVAL", (pps) => (pps.weighted_bipred_idc = 3)],
  ["pic_init_qp_minus26 of -62", "ok", (pps) => (pps.pic_init_qp_minus26 = -62)],
  ["pic_init_qp_minus26 of -63", "EINVAL", (pps) => (pps.pic_init_qp_minus26 = -63)],
  ["pic_init_qs_minus26 of 26", "EINVAL", (pps) => (pps.pic_init_qs_minus26 = 26)],
  ["chroma_qp_index_offset of -13", "EINVAL", (pps) => (pps.chroma_qp_index_offset = -13)],
  ["second_chroma_qp_index_offset of 13", "EINVAL", (pps) => (pps.second_chroma_qp_index_offset = 13)],
]);

table("H264_SLICE_PARAMS", CtrlType.H264SliceParams, uapi.CtrlH264SliceParamsView, [
  ["colour_plane_id of 3", "EINVAL", (slice) => (slice.colour_plane_id = 3)],
  ["cabac_init_idc of 3", "EINVAL", (slice) => (slice.cabac_init_idc = 3)],
  ["disable_deblocking_filter_idc of 3", "EINVAL", (slice) => (slice.disable_deblocking_filter_idc = 3)],
  ["slice_alpha_c0_offset_div2 of -7", "EINVAL", (slice) => (slice.slice_alpha_c0_offset_div2 = -7)],
  ["slice_beta_offset_div2 of 7", "EINVAL", (slice) => (slice.slice_beta_offset_div2 = 7)],
  ["33 references in list 0", "EINVAL", (slice) => (slice.num_ref_idx_l0_active_minus1 = 32)],
  [
    "33 references of an I slice: corrected",
    "ok",
    (slice) => Object.assign(slice, { slice_type: 2, num_ref_idx_l0_active_minus1: 32 }),
  ],
  ...(
    [
      ["I", 2, "ok"],
      ["SI", 4, "ok"],
      ["P", 0, "EINVAL"],
      ["SP", 3, "EINVAL"],
      ["B", 1, "EINVAL"],
    ] as const
  ).map(([name, slice_type, code]): Case<uapi.CtrlH264SliceParamsView> => [
    `33 references in list 0 of a slice of type ${name}, which ${code === "ok" ? "has none: corrected" : "is wrong"}`,
    code,
    (slice) => Object.assign(slice, { slice_type, num_ref_idx_l0_active_minus1: 32 }),
  ]),
  [
    "33 references in list 1 of a P slice: corrected",
    "ok",
    (slice) => (slice.num_ref_idx_l1_active_minus1 = 32),
  ],
  [
    "33 references in list 1 of a B slice",
    "EINVAL",
    (slice) => Object.assign(slice, { slice_type: 1, num_ref_idx_l1_active_minus1: 32 }),
  ],
]);

table("H264_PRED_WEIGHTS", CtrlType.H264PredWeights, uapi.CtrlH264PredWeightsView, [
  [
    "denominators of 7",
    "ok",
    (weights) => Object.assign(weights, { luma_log2_weight_denom: 7, chroma_log2_weight_denom: 7 }),
  ],
  ["a luma denominator of 8", "EINVAL", (weights) => (weights.luma_log2_weight_denom = 8)],
  ["a chroma denominator of 8", "EINVAL", (weights) => (weights.chroma_log2_weight_denom = 8)],
]);

table("H264_DECODE_PARAMS", CtrlType.H264DecodeParams, uapi.CtrlH264DecodeParamsView, [
  ["nal_ref_idc of 3", "ok", (params) => (params.nal_ref_idc = 3)],
  ["nal_ref_idc of 4", "EINVAL", (params) => (params.nal_ref_idc = 4)],
]);

table("HEVC_SPS", CtrlType.HevcSps, uapi.CtrlHevcSpsView, [
  ["64 short term sets", "ok", (sps) => (sps.num_short_term_ref_pic_sets = 64)],
  ["65 short term sets", "EINVAL", (sps) => (sps.num_short_term_ref_pic_sets = 65)],
  [
    "33 long term pictures that are not present: corrected",
    "ok",
    (sps) => (sps.num_long_term_ref_pics_sps = 33),
  ],
  [
    "33 long term pictures",
    "EINVAL",
    (sps) =>
      Object.assign(sps, {
        num_long_term_ref_pics_sps: 33,
        flags: uapi.V4L2_HEVC_SPS_FLAG_LONG_TERM_REF_PICS_PRESENT,
      }),
  ],
]);

table("HEVC_PPS", CtrlType.HevcPps, uapi.CtrlHevcPpsView, [
  ["tiles that are not enabled: corrected", "ok", (pps) => (pps.num_tile_columns_minus1 = 255)],
  [
    "20 columns, 22 rows",
    "ok",
    (pps) =>
      Object.assign(pps, {
        flags: uapi.V4L2_HEVC_PPS_FLAG_TILES_ENABLED,
        num_tile_columns_minus1: 19,
        num_tile_rows_minus1: 21,
      }),
  ],
  [
    "21 columns",
    "EINVAL",
    (pps) =>
      Object.assign(pps, { flags: uapi.V4L2_HEVC_PPS_FLAG_TILES_ENABLED, num_tile_columns_minus1: 20 }),
  ],
  [
    "23 rows",
    "EINVAL",
    (pps) => Object.assign(pps, { flags: uapi.V4L2_HEVC_PPS_FLAG_TILES_ENABLED, num_tile_rows_minus1: 22 }),
  ],
]);

table("HEVC_SLICE_PARAMS", CtrlType.HevcSliceParams, uapi.CtrlHevcSliceParamsView, [
  [
    "17 references in list 0",
    "EINVAL",
    (slice) => Object.assign(slice, { slice_type: 1, num_ref_idx_l0_active_minus1: 16 }),
  ],
  ["17 references in list 1 of a B slice", "EINVAL", (slice) => (slice.num_ref_idx_l1_active_minus1 = 16)],
  [
    "17 references in list 1 of a P slice",
    "ok",
    (slice) => Object.assign(slice, { slice_type: 1, num_ref_idx_l1_active_minus1: 16 }),
  ],
]);

table("HEVC_DECODE_PARAMS", CtrlType.HevcDecodeParams, uapi.CtrlHevcDecodeParamsView, [
  ["16 active entries", "ok", (params) => (params.num_active_dpb_entries = 16)],
  ["17 active entries", "EINVAL", (params) => (params.num_active_dpb_entries = 17)],
]);

table("HEVC_EXT_SPS_ST_RPS", CtrlType.HevcExtSpsStRps, uapi.CtrlHevcExtSpsStRpsView, [
  [
    "16 pictures",
    "ok",
    (rps) => Object.assign(rps, { num_negative_pics: 8, num_positive_pics: 8, flags: 1 }),
  ],
  ["17 pictures", "EINVAL", (rps) => Object.assign(rps, { num_negative_pics: 8, num_positive_pics: 9 })],
  [
    "255 + 2 pictures",
    "EINVAL",
    (rps) => Object.assign(rps, { num_negative_pics: 255, num_positive_pics: 2 }),
  ],
  ["an unknown flag", "EINVAL", (rps) => (rps.flags = 2)],
]);

table("HEVC_EXT_SPS_LT_RPS", CtrlType.HevcExtSpsLtRps, uapi.CtrlHevcExtSpsLtRpsView, [
  ["its flag", "ok", (rps) => (rps.flags = 1)],
  ["an unknown flag", "EINVAL", (rps) => (rps.flags = 2)],
]);

table("VP8_FRAME", CtrlType.Vp8Frame, uapi.CtrlVp8FrameView, [
  ["8 partitions", "ok", (frame) => (frame.num_dct_parts = 8)],
  ["3 partitions", "EINVAL", (frame) => (frame.num_dct_parts = 3)],
  ["no partition", "EINVAL", (frame) => (frame.num_dct_parts = 0)],
]);

const vp9Flags = uapi.V4L2_VP9_FRAME_FLAG_X_SUBSAMPLING | uapi.V4L2_VP9_FRAME_FLAG_Y_SUBSAMPLING;
table("VP9_FRAME", CtrlType.Vp9Frame, uapi.CtrlVp9FrameView, [
  ["the default", "ok", () => undefined],
  ["an unknown flag", "EINVAL", (frame) => (frame.flags |= 0x400)],
  ["resilient and refreshing", "EINVAL", (frame) => (frame.flags |= 0x4 | 0x20)],
  ["profile 4", "EINVAL", (frame) => (frame.profile = 4)],
  ["profile 0 with 10 bits", "EINVAL", (frame) => (frame.bit_depth = 10)],
  ["profile 2 with 10 bits", "ok", (frame) => Object.assign(frame, { profile: 2, bit_depth: 10 })],
  ["profile 2 with 8 bits", "EINVAL", (frame) => (frame.profile = 2)],
  ["profile 0 with 4:4:4", "EINVAL", (frame) => (frame.flags &= ~vp9Flags)],
  ["profile 1 with 4:2:0", "EINVAL", (frame) => (frame.profile = 1)],
  [
    "profile 1 with 4:4:0",
    "ok",
    (frame) => Object.assign(frame, { profile: 1, flags: uapi.V4L2_VP9_FRAME_FLAG_Y_SUBSAMPLING }),
  ],
  ["reset_frame_context of 3", "EINVAL", (frame) => (frame.reset_frame_context = 3)],
  ["frame_context_idx of 4", "EINVAL", (frame) => (frame.frame_context_idx = 4)],
  ["interpolation_filter of 5", "EINVAL", (frame) => (frame.interpolation_filter = 5)],
  ["tile_cols_log2 of 7", "EINVAL", (frame) => (frame.tile_cols_log2 = 7)],
  ["reference_mode of 3", "EINVAL", (frame) => (frame.reference_mode = 3)],
  ["lf.flags of 4", "EINVAL", (frame) => (frame.lf.flags = 4)],
  ["lf.level of 64", "EINVAL", (frame) => (frame.lf.level = 64)],
  ["lf.sharpness of 8", "EINVAL", (frame) => (frame.lf.sharpness = 8)],
  ["lf.ref_deltas of -64", "EINVAL", (frame) => frame.lf.ref_deltas.set(3, -64)],
  ["lf.mode_deltas of 64", "EINVAL", (frame) => frame.lf.mode_deltas.set(1, 64)],
  ["quant.delta_q_y_dc of 16", "EINVAL", (frame) => (frame.quant.delta_q_y_dc = 16)],
  ["quant.delta_q_uv_dc of -16", "EINVAL", (frame) => (frame.quant.delta_q_uv_dc = -16)],
  ["quant.delta_q_uv_ac of -16", "EINVAL", (frame) => (frame.quant.delta_q_uv_ac = -16)],
  ["seg.flags of 0x20", "EINVAL", (frame) => (frame.seg.flags = 0x20)],
  ["seg.feature_enabled of 0x10", "EINVAL", (frame) => (frame.seg.feature_enabled[7] = 0x10)],
  ["seg.feature_data at its limits", "ok", (frame) => frame.seg.feature_data.assign([-255, 63, 3, 0])],
  ["seg.feature_data: reference 4", "EINVAL", (frame) => frame.seg.feature_data.set(30, 4)],
]);

table("VP9_COMPRESSED_HDR", CtrlType.Vp9CompressedHdr, uapi.CtrlVp9CompressedHdrView, [
  ["tx_mode of 4", "ok", (header) => (header.tx_mode = 4)],
  ["tx_mode of 5", "EINVAL", (header) => (header.tx_mode = 5)],
]);

const AV1_X = uapi.V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_X;
const AV1_Y = uapi.V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_Y;
const MONO = uapi.V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME;
const sequence =
  (seq_profile: number, bit_depth: number, flags: number) =>
  (view: uapi.CtrlAv1SequenceView): unknown =>
    Object.assign(view, { seq_profile, bit_depth, flags });
table("AV1_SEQUENCE", CtrlType.Av1Sequence, uapi.CtrlAv1SequenceView, [
  ["the default", "ok", () => undefined],
  ["an unknown flag", "EINVAL", sequence(0, 8, AV1_X | AV1_Y | 0x100000)],
  ["profile 3", "EINVAL", sequence(3, 8, AV1_X | AV1_Y)],
  ["profile 0, 12 bits", "EINVAL", sequence(0, 12, AV1_X | AV1_Y)],
  ["profile 0, 4:4:4", "EINVAL", sequence(0, 8, 0)],
  ["profile 0, 4:2:2", "EINVAL", sequence(0, 8, AV1_X)],
  ["profile 0, 4:4:0", "EINVAL", sequence(0, 8, AV1_Y)],
  ["monochrome with the flag of 4:2:2", "EINVAL", sequence(0, 8, AV1_X | MONO)],
  ["monochrome with the flag of 4:4:0", "EINVAL", sequence(2, 12, AV1_Y | MONO)],
  ["profile 1, 4:2:2", "EINVAL", sequence(1, 8, AV1_X)],
  ["profile 1, 4:4:0", "EINVAL", sequence(1, 8, AV1_Y)],
  ["profile 1, 12 bits", "EINVAL", sequence(1, 12, 0)],
  ["profile 2, 8 bits, 4:2:2", "ok", sequence(2, 8, AV1_X)],
  ["profile 2, 8 bits, 4:2:0", "EINVAL", sequence(2, 8, AV1_X | AV1_Y)],
  ["profile 2, 8 bits, 4:4:0", "EINVAL", sequence(2, 8, AV1_Y)],
  ["profile 2, 12 bits, 4:2:2", "ok", sequence(2, 12, AV1_X)],
  ["profile 2, 9 bits", "EINVAL", sequence(2, 9, AV1_X)],
  ["profile 0, monochrome", "ok", sequence(0, 8, AV1_X | AV1_Y | MONO)],
  ["profile 0, monochrome with 4:4:4 flags", "EINVAL", sequence(0, 8, MONO)],
  ["monochrome with uv_delta_q", "EINVAL", sequence(0, 8, AV1_X | AV1_Y | MONO | 0x80000)],
  ["profile 1, 4:4:4", "ok", sequence(1, 10, 0)],
  ["profile 1, 4:2:0", "EINVAL", sequence(1, 8, AV1_X | AV1_Y)],
  ["profile 1, monochrome", "EINVAL", sequence(1, 8, AV1_X | AV1_Y | MONO)],
  ["profile 2, 10 bits, 4:2:2", "ok", sequence(2, 10, AV1_X)],
  ["profile 2, 10 bits, 4:4:4", "EINVAL", sequence(2, 10, 0)],
  ["profile 2, 12 bits, 4:4:4", "ok", sequence(2, 12, 0)],
  ["profile 2, 12 bits, 4:2:0", "ok", sequence(2, 12, AV1_X | AV1_Y)],
  ["profile 2, 12 bits, 4:4:0", "EINVAL", sequence(2, 12, AV1_Y)],
]);

table("AV1_FRAME", CtrlType.Av1Frame, uapi.CtrlAv1FrameView, [
  ["zeroes", "ok", () => undefined],
  ["an unknown flag", "EINVAL", (frame) => (frame.flags = 0x100000)],
  ["superres_denom of 17", "EINVAL", (frame) => (frame.superres_denom = 17)],
  ["65 tile columns", "EINVAL", (frame) => (frame.tile_info.tile_cols = 65)],
  ["65 tile rows", "EINVAL", (frame) => (frame.tile_info.tile_rows = 65)],
  ["513 tiles", "EINVAL", (frame) => Object.assign(frame.tile_info, { tile_cols: 27, tile_rows: 19 })],
  ["512 tiles", "ok", (frame) => Object.assign(frame.tile_info, { tile_cols: 64, tile_rows: 8 })],
  ["quantization.flags of 8", "EINVAL", (frame) => (frame.quantization.flags = 8)],
  ["delta_q_y_dc of 64", "EINVAL", (frame) => (frame.quantization.delta_q_y_dc = 64)],
  ["delta_q_u_dc of -65", "EINVAL", (frame) => (frame.quantization.delta_q_u_dc = -65)],
  ["delta_q_v_dc of -65", "EINVAL", (frame) => (frame.quantization.delta_q_v_dc = -65)],
  ["delta_q_u_ac of -65", "EINVAL", (frame) => (frame.quantization.delta_q_u_ac = -65)],
  ["delta_q_v_ac of 64", "EINVAL", (frame) => (frame.quantization.delta_q_v_ac = 64)],
  ["delta_q_res of 4", "EINVAL", (frame) => (frame.quantization.delta_q_res = 4)],
  ["qm_y of 16", "EINVAL", (frame) => (frame.quantization.qm_y = 16)],
  ["qm_u of 16", "EINVAL", (frame) => (frame.quantization.qm_u = 16)],
  ["qm_v of 16", "EINVAL", (frame) => (frame.quantization.qm_v = 16)],
  ["segmentation.flags of 0x20", "EINVAL", (frame) => (frame.segmentation.flags = 0x20)],
  [
    "segmentation features at their limits",
    "ok",
    (frame) => frame.segmentation.feature_data.assign([-255, 63, -63, 63, -63, 7, 0, 0]),
  ],
  ["a negative reference feature", "EINVAL", (frame) => frame.segmentation.feature_data.set(5, -1)],
  ["a skip feature of 1", "EINVAL", (frame) => frame.segmentation.feature_data.set(62, 1)],
  ["loop_filter.flags of 0x10", "EINVAL", (frame) => (frame.loop_filter.flags = 0x10)],
  ["loop_filter.level of 64", "EINVAL", (frame) => (frame.loop_filter.level[3] = 64)],
  ["loop_filter.sharpness of 8", "EINVAL", (frame) => (frame.loop_filter.sharpness = 8)],
  ["loop_filter.ref_deltas of -65", "EINVAL", (frame) => frame.loop_filter.ref_deltas.set(7, -65)],
  ["loop_filter.mode_deltas of 64", "EINVAL", (frame) => frame.loop_filter.mode_deltas.set(0, 64)],
  ["cdef.damping_minus_3 of 4", "EINVAL", (frame) => (frame.cdef.damping_minus_3 = 4)],
  ["cdef.bits of 4", "EINVAL", (frame) => (frame.cdef.bits = 4)],
  ["an unused cdef strength", "ok", (frame) => (frame.cdef.y_pri_strength[1] = 99)],
  [
    "a used cdef strength of 16",
    "EINVAL",
    (frame) => {
      frame.cdef.bits = 1;
      frame.cdef.uv_pri_strength[1] = 16;
    },
  ],
  ["a secondary cdef strength of 5", "EINVAL", (frame) => (frame.cdef.y_sec_strength[0] = 5)],
  ["lr_unit_shift of 4", "EINVAL", (frame) => (frame.loop_restoration.lr_unit_shift = 4)],
  ["lr_uv_shift of 2", "EINVAL", (frame) => (frame.loop_restoration.lr_uv_shift = 2)],
]);

const APPLY = uapi.V4L2_AV1_FILM_GRAIN_FLAG_APPLY_GRAIN;
table("AV1_FILM_GRAIN", CtrlType.Av1FilmGrain, uapi.CtrlAv1FilmGrainView, [
  ["flags of 0x20", "EINVAL", (grain) => (grain.flags = 0x20)],
  ["film_grain_params_ref_idx of 8", "EINVAL", (grain) => (grain.film_grain_params_ref_idx = 8)],
  ["15 y points", "EINVAL", (grain) => (grain.num_y_points = 15)],
  ["11 cb points", "EINVAL", (grain) => (grain.num_cb_points = 11)],
  ["16 cr points", "EINVAL", (grain) => (grain.num_cr_points = 16)],
  ["grain_scaling_minus_8 of 4", "EINVAL", (grain) => (grain.grain_scaling_minus_8 = 4)],
  ["ar_coeff_lag of 4", "EINVAL", (grain) => (grain.ar_coeff_lag = 4)],
  ["ar_coeff_shift_minus_6 of 4", "EINVAL", (grain) => (grain.ar_coeff_shift_minus_6 = 4)],
  ["grain_scale_shift of 4", "EINVAL", (grain) => (grain.grain_scale_shift = 4)],
  ["points that do not grow, unused", "ok", (grain) => (grain.num_y_points = 2)],
  ["y points that do not grow", "EINVAL", (grain) => Object.assign(grain, { flags: APPLY, num_y_points: 2 })],
  [
    "cb points that do not grow",
    "EINVAL",
    (grain) => Object.assign(grain, { flags: APPLY, num_cb_points: 2 }),
  ],
  [
    "cr points that do not grow",
    "EINVAL",
    (grain) => Object.assign(grain, { flags: APPLY, num_cr_points: 2 }),
  ],
  [
    "points that grow",
    "ok",
    (grain) => {
      Object.assign(grain, { flags: APPLY, num_y_points: 3 });
      grain.point_y_value.set([1, 2, 9]);
    },
  ],
]);

table("MPEG2_SEQUENCE", CtrlType.Mpeg2Sequence, uapi.CtrlMpeg2SequenceView, [
  ["the default", "ok", () => undefined],
  ["chroma_format of 0", "EINVAL", (view) => (view.chroma_format = 0)],
  ["chroma_format of 4", "EINVAL", (view) => (view.chroma_format = 4)],
]);

table("MPEG2_PICTURE", CtrlType.Mpeg2Picture, uapi.CtrlMpeg2PictureView, [
  ["the default", "ok", () => undefined],
  ["intra_dc_precision of 4", "EINVAL", (picture) => (picture.intra_dc_precision = 4)],
  ["picture_structure of 0", "EINVAL", (picture) => (picture.picture_structure = 0)],
  ["a D picture", "EINVAL", (picture) => (picture.picture_coding_type = 4)],
]);

table("FWHT_PARAMS", CtrlType.FwhtParams, uapi.CtrlFwhtParamsView, [
  ["the default", "ok", () => undefined],
  ["version 2", "EINVAL", (params) => (params.version = 2)],
  ["a width of 0", "EINVAL", (params) => (params.width = 0)],
  ["a height of 0", "EINVAL", (params) => (params.height = 0)],
]);

const primaries = (display: uapi.CtrlHdr10MasteringDisplayView): void => {
  display.display_primaries_x.assign([34000, 13250, 7500]);
  display.display_primaries_y.assign([16000, 34500, 3000]);
};
const mastering =
  (change: Partial<uapi.CtrlHdr10MasteringDisplayView>) =>
  (display: uapi.CtrlHdr10MasteringDisplayView): void => {
    primaries(display);
    Object.assign(display, change);
  };
table("HDR10_MASTERING_DISPLAY", CtrlType.Hdr10MasteringDisplay, uapi.CtrlHdr10MasteringDisplayView, [
  ["the default: primaries of 0", "EINVAL", () => undefined],
  ["primaries, the rest unknown", "ok", mastering({})],
  ["a white point", "ok", mastering({ white_point_x: 15635, white_point_y: 16450 })],
  ["half a white point", "EINVAL", mastering({ white_point_x: 15635 })],
  ["a white point outside", "EINVAL", mastering({ white_point_x: 15635, white_point_y: 42001 })],
  [
    "luminances",
    "ok",
    mastering({ max_display_mastering_luminance: 10000000, min_display_mastering_luminance: 50 }),
  ],
  ["a low maximum luminance", "EINVAL", mastering({ max_display_mastering_luminance: 49999 })],
  ["a high minimum luminance", "EINVAL", mastering({ min_display_mastering_luminance: 50001 })],
  ["the lowest maximum luminance, no minimum", "ok", mastering({ max_display_mastering_luminance: 50000 })],
  ["the highest minimum luminance, no maximum", "ok", mastering({ min_display_mastering_luminance: 50000 })],
  [
    "the lowest maximum luminance with a lower minimum",
    "ok",
    mastering({ max_display_mastering_luminance: 50000, min_display_mastering_luminance: 49999 }),
  ],
  [
    "luminances that are equal",
    "EINVAL",
    mastering({ max_display_mastering_luminance: 50000, min_display_mastering_luminance: 50000 }),
  ],
  [
    "a primary outside",
    "EINVAL",
    (display) => {
      primaries(display);
      display.display_primaries_x.set(2, 4);
    },
  ],
]);

table("AREA", CtrlType.Area, uapi.AreaView, [
  ["1x1", "ok", (view) => Object.assign(view, { width: 1, height: 1 })],
  ["0x1", "EINVAL", (view) => Object.assign(view, { width: 0, height: 1 })],
  ["1x0", "EINVAL", (view) => Object.assign(view, { width: 1, height: 0 })],
]);

table("RECT", CtrlType.Rect, uapi.RectView, [
  ["1x1 anywhere", "ok", (view) => Object.assign(view, { left: -5, width: 1, height: 1 })],
  ["0x1", "EINVAL", (view) => Object.assign(view, { width: 0, height: 1 })],
  ["1x0", "EINVAL", (view) => Object.assign(view, { width: 1, height: 0 })],
]);
