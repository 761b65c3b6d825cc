/** Streams of headers that no encoder here makes, written by our writer. Their slice data is no picture. */
import { writeFileSync } from "node:fs";
import { joinNalUnits } from "../../../src/codec/files/index.js";
import {
  emptyPps,
  emptyShortTermRps,
  emptySliceHeader,
  emptySliceSegmentHeader,
  emptySps,
  emptyVps,
  NalType,
  NalReader,
  SliceType,
  writeNalUnit,
  type NalUnit,
  type Pps,
  type ShortTermRps,
  type SliceHeader,
  type SliceSegmentHeader,
  type Sps,
} from "../../../src/codec/hevc/index.js";
import type { Stream } from "./streams.js";

const sliceData = Uint8Array.of(0xa5, 0x5a, 0, 0, 1, 0x80);

export interface Segment {
  readonly type: number;
  readonly segment?: Partial<SliceSegmentHeader>;
  readonly slice?: Partial<SliceHeader>;
}

/** A byte stream of one VPS, SPS and PPS and the slice segments. */
export function streamOf(sps: Sps, pps: Pps, segments: readonly Segment[]): Uint8Array {
  const header = (nal_unit_type: number) => ({ nal_unit_type, nuh_layer_id: 0, nuh_temporal_id_plus1: 1 });
  const vps = emptyVps();
  vps.ordering = sps.ordering;
  const sets = [
    writeNalUnit({ nal: header(NalType.VPS), kind: "vps", vps }),
    writeNalUnit({ nal: header(NalType.SPS), kind: "sps", sps }),
    writeNalUnit({ nal: header(NalType.PPS), kind: "pps", pps }),
  ];
  // What a reader derives of the sets is what slice headers depend on.
  const reader = new NalReader();
  const read = sets.map((unit) => reader.read(unit));
  const readSps = read.find((unit) => unit.kind === "sps")?.sps ?? sps;
  const readPps = read.find((unit) => unit.kind === "pps")?.pps ?? pps;
  let slice = emptySliceHeader();
  const slices = segments.map((one) => {
    if (one.segment?.dependent_slice_segment_flag !== true) slice = { ...emptySliceHeader(), ...one.slice };
    const segment = { ...emptySliceSegmentHeader(), ...one.segment, slice };
    const unit: NalUnit = {
      nal: header(one.type),
      kind: "slice",
      segment,
      sets: { pps: readPps, sps: readSps },
      dataByteOffset: 0,
      headerBytes: 0,
    };
    return writeNalUnit(unit, sliceData);
  });
  return joinNalUnits([...sets, ...slices]);
}

/** An SPS of 416x240 samples in 7x4 coding tree blocks of 64, with a buffer of `pictures`. */
export function spsOf(change: Partial<Sps> = {}, pictures = 6): Sps {
  return {
    ...emptySps(),
    pic_width_in_luma_samples: 416,
    pic_height_in_luma_samples: 240,
    log2_max_pic_order_cnt_lsb_minus4: 4,
    ordering: {
      max_dec_pic_buffering_minus1: [pictures - 1],
      max_num_reorder_pics: [2],
      max_latency_increase_plus1: [0],
    },
    log2_diff_max_min_luma_coding_block_size: 3,
    log2_diff_max_min_luma_transform_block_size: 3,
    ...change,
  };
}

/** A set of pictures that are all used, by the differences of their order counts. */
export function rpsOf(before: readonly number[], after: readonly number[] = []): ShortTermRps {
  const steps = (deltas: readonly number[]) =>
    deltas.map((delta, i) => Math.abs(delta) - Math.abs(deltas[i - 1] ?? 0) - 1);
  return {
    ...emptyShortTermRps(),
    num_negative_pics: before.length,
    num_positive_pics: after.length,
    delta_poc_s0_minus1: steps(before),
    used_by_curr_pic_s0_flag: before.map(() => true),
    delta_poc_s1_minus1: steps(after),
    used_by_curr_pic_s1_flag: after.map(() => true),
  };
}

function everything(): Uint8Array {
  const sps = spsOf({
    chroma_format_idc: 3,
    bit_depth_luma_minus8: 2,
    bit_depth_chroma_minus8: 2,
    scaling_list_enabled_flag: true,
    sps_scaling_list_data_present_flag: true,
    amp_enabled_flag: true,
    sample_adaptive_offset_enabled_flag: true,
    pcm_enabled_flag: true,
    pcm_sample_bit_depth_luma_minus1: 7,
    pcm_sample_bit_depth_chroma_minus1: 6,
    log2_diff_max_min_pcm_luma_coding_block_size: 2,
    pcm_loop_filter_disabled_flag: true,
    num_short_term_ref_pic_sets: 3,
    st_ref_pic_set: [
      rpsOf([-1, -4], [2]),
      {
        ...emptyShortTermRps(),
        inter_ref_pic_set_prediction_flag: true,
        delta_rps_sign: true,
        used_by_curr_pic_flag: [true, false, true, true],
        use_delta_flag: [true, false, true, true],
      },
      {
        ...emptyShortTermRps(),
        inter_ref_pic_set_prediction_flag: true,
        abs_delta_rps_minus1: 2,
        used_by_curr_pic_flag: [true, true, false, true],
        use_delta_flag: [true, true, true, true],
      },
    ],
    long_term_ref_pics_present_flag: true,
    num_long_term_ref_pics_sps: 3,
    lt_ref_pic_poc_lsb_sps: [0, 17, 200],
    used_by_curr_pic_lt_sps_flag: [true, false, true],
    sps_temporal_mvp_enabled_flag: true,
    strong_intra_smoothing_enabled_flag: true,
    sps_extension_present_flag: true,
    sps_range_extension_flag: true,
  });
  sps.range.transform_skip_rotation_enabled_flag = true;
  sps.range.persistent_rice_adaptation_enabled_flag = true;
  const lists = sps.scaling_list_data;
  for (let size = 0; size < 4; size += 1) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      const explicit = matrix === 0 || matrix === 4;
      (lists.scaling_list_pred_mode_flag[size] ??= [])[matrix] = explicit;
      (lists.scaling_list_pred_matrix_id_delta[size] ??= [])[matrix] = matrix === 3 || matrix === 5 ? 1 : 0;
      if (!explicit) continue;
      if (size > 1) (lists.scaling_list_dc_coef_minus8[size - 2] ??= [])[matrix] = 3 + matrix;
      const count = size === 0 ? 16 : 64;
      (lists.scaling_list_delta_coef[size] ??= [])[matrix] = Array.from(
        { length: count },
        (_, i) => (i % 3) - (i % 7 === 6 ? 2 : 0),
      );
    }
  }
  const pps: Pps = {
    ...emptyPps(),
    pps_pic_parameter_set_id: 5,
    dependent_slice_segments_enabled_flag: true,
    output_flag_present_flag: true,
    num_extra_slice_header_bits: 2,
    cabac_init_present_flag: true,
    num_ref_idx_l0_default_active_minus1: 1,
    init_qp_minus26: -3,
    transform_skip_enabled_flag: true,
    cu_qp_delta_enabled_flag: true,
    diff_cu_qp_delta_depth: 2,
    pps_cb_qp_offset: -5,
    pps_cr_qp_offset: 6,
    pps_slice_chroma_qp_offsets_present_flag: true,
    weighted_pred_flag: true,
    weighted_bipred_flag: true,
    transquant_bypass_enabled_flag: true,
    tiles_enabled_flag: true,
    num_tile_columns_minus1: 2,
    num_tile_rows_minus1: 1,
    uniform_spacing_flag: false,
    column_width_minus1: [1, 2],
    row_height_minus1: [0],
    loop_filter_across_tiles_enabled_flag: false,
    pps_loop_filter_across_slices_enabled_flag: true,
    deblocking_filter_control_present_flag: true,
    deblocking_filter_override_enabled_flag: true,
    pps_beta_offset_div2: -2,
    pps_tc_offset_div2: 3,
    lists_modification_present_flag: true,
    log2_parallel_merge_level_minus2: 2,
    slice_segment_header_extension_present_flag: true,
    pps_extension_present_flag: true,
    pps_range_extension_flag: true,
  };
  pps.range.log2_max_transform_skip_block_size_minus2 = 1;
  pps.range.cross_component_prediction_enabled_flag = true;
  pps.range.chroma_qp_offset_list_enabled_flag = true;
  pps.range.chroma_qp_offset_list_len_minus1 = 1;
  pps.range.cb_qp_offset_list = [3, -4];
  pps.range.cr_qp_offset_list = [-5, 6];
  const common = {
    slice_pic_parameter_set_id: 5,
    num_entry_point_offsets: 2,
    offset_len_minus1: 8,
    entry_point_offset_minus1: [0, 1],
  };
  const reserved = { slice_reserved_flag: [true, false] };
  return streamOf(sps, pps, [
    { type: NalType.IDR_W_RADL, segment: common, slice: { ...reserved, slice_sao_luma_flag: true } },
    {
      type: NalType.IDR_W_RADL,
      segment: {
        ...common,
        first_slice_segment_in_pic_flag: false,
        dependent_slice_segment_flag: true,
        slice_segment_address: 9,
        slice_segment_header_extension_length: 3,
        slice_segment_header_extension_data: Uint8Array.of(1, 0, 0),
      },
    },
    {
      type: NalType.TRAIL_R,
      segment: common,
      slice: {
        ...reserved,
        slice_type: SliceType.B,
        pic_output_flag: false,
        slice_pic_order_cnt_lsb: 4,
        st_ref_pic_set: {
          ...emptyShortTermRps(),
          inter_ref_pic_set_prediction_flag: true,
          delta_idx_minus1: 1,
          delta_rps_sign: true,
          abs_delta_rps_minus1: 1,
          used_by_curr_pic_flag: [false, true, true, false],
          use_delta_flag: [false, true, true, false],
        },
        num_long_term_sps: 1,
        num_long_term_pics: 1,
        lt_idx_sps: [2],
        poc_lsb_lt: [0, 250],
        used_by_curr_pic_lt_flag: [false, true],
        delta_poc_msb_present_flag: [false, true],
        delta_poc_msb_cycle_lt: [0, 1],
        slice_temporal_mvp_enabled_flag: true,
        slice_sao_chroma_flag: true,
        num_ref_idx_active_override_flag: true,
        num_ref_idx_l0_active_minus1: 2,
        num_ref_idx_l1_active_minus1: 1,
        ref_pic_list_modification_flag_l0: true,
        list_entry_l0: [1, 0, 1],
        ref_pic_list_modification_flag_l1: true,
        list_entry_l1: [0, 1],
        mvd_l1_zero_flag: true,
        cabac_init_flag: true,
        collocated_from_l0_flag: false,
        collocated_ref_idx: 1,
        pred_weight_table: {
          luma_log2_weight_denom: 6,
          delta_chroma_log2_weight_denom: -2,
          l0: {
            luma_weight_flag: [true, false, true],
            chroma_weight_flag: [false, true, true],
            delta_luma_weight: [-128, 0, 127],
            luma_offset: [-128, 0, 127],
            delta_chroma_weight: [[], [-7, 9], [0, 1]],
            delta_chroma_offset: [[], [-512, 511], [33, -44]],
            ChromaOffset: [],
          },
          l1: {
            luma_weight_flag: [false, true],
            chroma_weight_flag: [false, false],
            delta_luma_weight: [0, 1],
            luma_offset: [0, -1],
            delta_chroma_weight: [],
            delta_chroma_offset: [],
            ChromaOffset: [],
          },
        },
        five_minus_max_num_merge_cand: 3,
        slice_qp_delta: -9,
        slice_cb_qp_offset: -7,
        slice_cr_qp_offset: 8,
        cu_chroma_qp_offset_enabled_flag: true,
        deblocking_filter_override_flag: true,
        slice_beta_offset_div2: 6,
        slice_tc_offset_div2: -6,
        slice_loop_filter_across_slices_enabled_flag: true,
      },
    },
  ]);
}

/** Written to `folder`, for programs that read files. */
export function syntheticStreams(folder: string): Stream[] {
  const path = `${folder}/everything.h265`;
  writeFileSync(path, everything());
  return [{ name: "synthetic: what no encoder here writes", path }];
}
