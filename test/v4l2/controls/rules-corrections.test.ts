/** What a compound control's rules correct instead of refusing it, and its default. */
import { describe, expect, it } from "vitest";
import { CtrlType } from "../../../src/v4l2/controls/index.js";
import * as uapi from "../../../src/v4l2/gen/index.js";
import { control, set } from "./compound-control.js";

const vp9Flags = uapi.V4L2_VP9_FRAME_FLAG_X_SUBSAMPLING | uapi.V4L2_VP9_FRAME_FLAG_Y_SUBSAMPLING;
const AV1_X = uapi.V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_X;
const AV1_Y = uapi.V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_Y;

describe("corrections", () => {
  it("H264_SPS: syntax elements that a profile or a type of order count does not have", () => {
    const { code, result } = set(CtrlType.H264Sps, uapi.CtrlH264SpsView, (sps) => {
      Object.assign(sps, {
        profile_idc: 66,
        chroma_format_idc: 3,
        bit_depth_luma_minus8: 2,
        bit_depth_chroma_minus8: 2,
      });
      Object.assign(sps, { num_ref_frames_in_pic_order_cnt_cycle: 9, offset_for_non_ref_pic: -1 });
      sps.offset_for_ref_frame.set(254, 7);
      sps.flags =
        uapi.V4L2_H264_SPS_FLAG_SEPARATE_COLOUR_PLANE |
        uapi.V4L2_H264_SPS_FLAG_QPPRIME_Y_ZERO_TRANSFORM_BYPASS |
        uapi.V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY |
        uapi.V4L2_H264_SPS_FLAG_MB_ADAPTIVE_FRAME_FIELD;
    });
    expect(code).toBe("ok");
    expect(uapi.layouts.read("v4l2_ctrl_h264_sps", result)).toMatchObject({
      chroma_format_idc: 1,
      bit_depth_luma_minus8: 0,
      bit_depth_chroma_minus8: 0,
      num_ref_frames_in_pic_order_cnt_cycle: 0,
      offset_for_non_ref_pic: 0,
      offset_for_ref_frame: new Array(255).fill(0),
      flags: uapi.V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY,
    });
  });

  it("H264_SPS: order count type 1 keeps its offsets and loses the lsb size", () => {
    const { result } = set(CtrlType.H264Sps, uapi.CtrlH264SpsView, (sps) => {
      Object.assign(sps, {
        pic_order_cnt_type: 1,
        log2_max_pic_order_cnt_lsb_minus4: 99,
        offset_for_non_ref_pic: 5,
      });
    });
    expect(result).toMatchObject({ log2_max_pic_order_cnt_lsb_minus4: 0, offset_for_non_ref_pic: 5 });
  });

  it("H264_SLICE_PARAMS: what only B slices have, and reserved bytes", () => {
    const { result } = set(CtrlType.H264SliceParams, uapi.CtrlH264SliceParamsView, (slice) => {
      Object.assign(slice, {
        slice_type: 2,
        num_ref_idx_l0_active_minus1: 3,
        num_ref_idx_l1_active_minus1: 3,
      });
      Object.assign(slice, { reserved: 9, flags: 0x3 });
    });
    expect(uapi.layouts.read("v4l2_ctrl_h264_slice_params", result)).toMatchObject({
      num_ref_idx_l0_active_minus1: 0,
      num_ref_idx_l1_active_minus1: 0,
      reserved: 0,
      flags: 0x3 & ~uapi.V4L2_H264_SLICE_FLAG_DIRECT_SPATIAL_MV_PRED,
    });
  });

  it("H264_DECODE_PARAMS: reserved bytes of each DPB entry", () => {
    const { result } = set(CtrlType.H264DecodeParams, uapi.CtrlH264DecodeParamsView, (params) => {
      params.reserved = 7;
      params.dpb.get(15).reserved.fill(7);
    });
    expect([result.reserved, ...result.dpb.get(15).reserved]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it("HEVC_SPS: PCM fields without PCM", () => {
    const fields = {
      pcm_sample_bit_depth_luma_minus1: 7,
      pcm_sample_bit_depth_chroma_minus1: 7,
      log2_min_pcm_luma_coding_block_size_minus3: 1,
      log2_diff_max_min_pcm_luma_coding_block_size: 1,
    };
    const without = set(CtrlType.HevcSps, uapi.CtrlHevcSpsView, (sps) => Object.assign(sps, fields));
    expect(without.result).toMatchObject(Object.fromEntries(Object.keys(fields).map((name) => [name, 0])));
    const withPcm = set(CtrlType.HevcSps, uapi.CtrlHevcSpsView, (sps) => {
      Object.assign(sps, fields, { flags: uapi.V4L2_HEVC_SPS_FLAG_PCM_ENABLED });
    });
    expect(withPcm.result).toMatchObject(fields);
  });

  it("HEVC_PPS: tiles and deblocking offsets that are switched off", () => {
    const { result } = set(CtrlType.HevcPps, uapi.CtrlHevcPpsView, (pps) => {
      Object.assign(pps, {
        diff_cu_qp_delta_depth: 2,
        num_tile_rows_minus1: 3,
        pps_beta_offset_div2: 1,
        pps_tc_offset_div2: -1,
      });
      pps.column_width_minus1.fill(9);
      pps.flags =
        uapi.V4L2_HEVC_PPS_FLAG_LOOP_FILTER_ACROSS_TILES_ENABLED |
        uapi.V4L2_HEVC_PPS_FLAG_PPS_DISABLE_DEBLOCKING_FILTER;
    });
    expect(uapi.layouts.read("v4l2_ctrl_hevc_pps", result)).toMatchObject({
      diff_cu_qp_delta_depth: 0,
      num_tile_rows_minus1: 0,
      column_width_minus1: new Array(20).fill(0),
      pps_beta_offset_div2: 0,
      pps_tc_offset_div2: 0,
      flags: uapi.V4L2_HEVC_PPS_FLAG_PPS_DISABLE_DEBLOCKING_FILTER,
    });
  });

  it("VP8_FRAME and VP9_FRAME: padding", () => {
    const vp8 = set(CtrlType.Vp8Frame, uapi.CtrlVp8FrameView, (frame) => {
      Object.assign(frame.segment, { padding: 1 });
      Object.assign(frame.lf, { padding: 1 });
      Object.assign(frame.quant, { padding: 1 });
      Object.assign(frame.coder_state, { padding: 1 });
      frame.entropy.padding.fill(1);
    });
    expect(vp8.result.bytes).toEqual(control(CtrlType.Vp8Frame).payload);
    const vp9 = set(CtrlType.Vp9Frame, uapi.CtrlVp9FrameView, (frame) => {
      for (const part of [frame.lf, frame.quant, frame.seg, frame]) part.reserved.fill(1);
    });
    expect(vp9.result.bytes).toEqual(control(CtrlType.Vp9Frame).payload);
  });
});

describe("defaults", () => {
  it.each<[string, CtrlType, object]>([
    ["MPEG2_SEQUENCE", CtrlType.Mpeg2Sequence, { chroma_format: 1 }],
    ["MPEG2_PICTURE", CtrlType.Mpeg2Picture, { picture_structure: 1, picture_coding_type: 1 }],
    ["VP8_FRAME", CtrlType.Vp8Frame, { num_dct_parts: 1 }],
    ["VP9_FRAME", CtrlType.Vp9Frame, { profile: 0, bit_depth: 8, flags: vp9Flags }],
    ["AV1_SEQUENCE", CtrlType.Av1Sequence, { bit_depth: 8, flags: AV1_X | AV1_Y }],
    ["FWHT_PARAMS", CtrlType.FwhtParams, { version: 3, width: 1280, height: 720, flags: 0xa0000 }],
    ["H264_SPS", CtrlType.H264Sps, { profile_idc: 0, chroma_format_idc: 0 }],
  ])("%s", (_, type, expected) => {
    expect(control(type).made.value).toMatchObject(expected);
  });

  it("matrices: flat for H.264, those of the specification for MPEG-2", () => {
    expect(control(CtrlType.H264ScalingMatrix).payload.every((value) => value === 16)).toBe(true);
    const { payload } = control(CtrlType.Mpeg2Quantisation);
    const { intra_quantiser_matrix: intra, non_intra_quantiser_matrix: inter } = uapi.layouts.read(
      "v4l2_ctrl_mpeg2_quantisation",
      payload,
    );
    expect([intra[0], intra[8], intra[63], intra.length]).toEqual([8, 22, 83, 64]);
    expect(intra.reduce((sum, value) => sum + value, 0)).toBe(2114);
    expect(new Set(inter)).toEqual(new Set([16]));
  });
});
