/** `slice_segment_header()`: 7.3.6. */
import type { Coder } from "../bits/index.js";
import { shared } from "../shared.js";
import { isIdr, isIrap, type NalHeader } from "./nal.js";
import type { Pps } from "./syntax-pps.js";
import { emptyShortTermRps, shortTermRefPicSet, type ShortTermRps } from "./syntax-rps.js";
import { maxOtherPictures, type Sps } from "./syntax-sps.js";
import {
  emptyPredWeightTable,
  noPredWeightTable,
  predWeightTable,
  type PredWeightTable,
} from "./syntax-weights.js";

/** `slice_type`: Table 7-7. */
export const SliceType = { B: 0, P: 1, I: 2 } as const;

/** What the segment says of itself; the rest is in `slice`. */
export interface SliceSegmentHeader {
  first_slice_segment_in_pic_flag: boolean;
  no_output_of_prior_pics_flag: boolean;
  slice_pic_parameter_set_id: number;
  dependent_slice_segment_flag: boolean;
  slice_segment_address: number;
  /** A dependent segment shares that of the independent one before it. */
  slice: SliceHeader;
  num_entry_point_offsets: number;
  offset_len_minus1: number;
  entry_point_offset_minus1: number[];
  slice_segment_header_extension_length: number;
  slice_segment_header_extension_data: Uint8Array;
}

/** What an independent slice segment says for itself and for the dependent ones behind it. */
export interface SliceHeader {
  slice_reserved_flag: boolean[];
  slice_type: number;
  pic_output_flag: boolean;
  colour_plane_id: number;
  slice_pic_order_cnt_lsb: number;
  short_term_ref_pic_set_sps_flag: boolean;
  st_ref_pic_set: ShortTermRps;
  short_term_ref_pic_set_idx: number;
  num_long_term_sps: number;
  num_long_term_pics: number;
  lt_idx_sps: number[];
  poc_lsb_lt: number[];
  used_by_curr_pic_lt_flag: boolean[];
  delta_poc_msb_present_flag: boolean[];
  delta_poc_msb_cycle_lt: number[];
  slice_temporal_mvp_enabled_flag: boolean;
  slice_sao_luma_flag: boolean;
  slice_sao_chroma_flag: boolean;
  num_ref_idx_active_override_flag: boolean;
  num_ref_idx_l0_active_minus1: number;
  num_ref_idx_l1_active_minus1: number;
  ref_pic_list_modification_flag_l0: boolean;
  list_entry_l0: number[];
  ref_pic_list_modification_flag_l1: boolean;
  list_entry_l1: number[];
  mvd_l1_zero_flag: boolean;
  cabac_init_flag: boolean;
  collocated_from_l0_flag: boolean;
  collocated_ref_idx: number;
  pred_weight_table: PredWeightTable;
  five_minus_max_num_merge_cand: number;
  use_integer_mv_flag: boolean;
  slice_qp_delta: number;
  slice_cb_qp_offset: number;
  slice_cr_qp_offset: number;
  slice_act_y_qp_offset: number;
  slice_act_cb_qp_offset: number;
  slice_act_cr_qp_offset: number;
  cu_chroma_qp_offset_enabled_flag: boolean;
  deblocking_filter_override_flag: boolean;
  slice_deblocking_filter_disabled_flag: boolean;
  slice_beta_offset_div2: number;
  slice_tc_offset_div2: number;
  slice_loop_filter_across_slices_enabled_flag: boolean;
  /** The one of the slice header or of the SPS: `CurrRpsIdx`. Without pictures for IDR. */
  CurrRps: ShortTermRps;
  PocLsbLt: number[];
  UsedByCurrPicLt: boolean[];
  DeltaPocMsbCycleLt: number[];
  NumPicTotalCurr: number;
  /** Bits of `st_ref_pic_set()` in this header, 0 where it is in the SPS. */
  shortTermRefPicSetSize: number;
  /** Bits that `long_term_ref_pics_present_flag` brings into this header. */
  longTermRefPicSetSize: number;
}

/** Where a slice header finds what it depends on. */
export interface SliceContext {
  readonly nal: NalHeader;
  /** The PPS and the SPS that it refers to. @throws {CodecError} One of them is not there. */
  parameterSets(c: Coder, ppsId: number): { readonly pps: Pps; readonly sps: Sps };
  /** The slice header before, of the same picture. */
  readonly previous: SliceHeader | undefined;
  /** The set of the picture, for a reader who knows it from elsewhere and does not know the sets of the SPS. */
  readonly currentSet?: ShortTermRps;
}

/** Headers share it, so nobody may change it. */
const noPictures: ShortTermRps = shared(emptyShortTermRps());
const noBytes = new Uint8Array(0);

export function emptySliceSegmentHeader(): SliceSegmentHeader {
  return {
    first_slice_segment_in_pic_flag: true,
    no_output_of_prior_pics_flag: false,
    slice_pic_parameter_set_id: 0,
    dependent_slice_segment_flag: false,
    slice_segment_address: 0,
    slice: emptySliceHeader(),
    num_entry_point_offsets: 0,
    offset_len_minus1: 0,
    entry_point_offset_minus1: [],
    slice_segment_header_extension_length: 0,
    slice_segment_header_extension_data: noBytes,
  };
}

export function emptySliceHeader(): SliceHeader {
  return {
    slice_reserved_flag: [],
    slice_type: SliceType.I,
    pic_output_flag: true,
    colour_plane_id: 0,
    slice_pic_order_cnt_lsb: 0,
    short_term_ref_pic_set_sps_flag: false,
    st_ref_pic_set: noPictures,
    short_term_ref_pic_set_idx: 0,
    num_long_term_sps: 0,
    num_long_term_pics: 0,
    lt_idx_sps: [],
    poc_lsb_lt: [],
    used_by_curr_pic_lt_flag: [],
    delta_poc_msb_present_flag: [],
    delta_poc_msb_cycle_lt: [],
    slice_temporal_mvp_enabled_flag: false,
    slice_sao_luma_flag: false,
    slice_sao_chroma_flag: false,
    num_ref_idx_active_override_flag: false,
    num_ref_idx_l0_active_minus1: 0,
    num_ref_idx_l1_active_minus1: 0,
    ref_pic_list_modification_flag_l0: false,
    list_entry_l0: [],
    ref_pic_list_modification_flag_l1: false,
    list_entry_l1: [],
    mvd_l1_zero_flag: false,
    cabac_init_flag: false,
    collocated_from_l0_flag: true,
    collocated_ref_idx: 0,
    pred_weight_table: noPredWeightTable,
    five_minus_max_num_merge_cand: 0,
    use_integer_mv_flag: false,
    slice_qp_delta: 0,
    slice_cb_qp_offset: 0,
    slice_cr_qp_offset: 0,
    slice_act_y_qp_offset: 0,
    slice_act_cb_qp_offset: 0,
    slice_act_cr_qp_offset: 0,
    cu_chroma_qp_offset_enabled_flag: false,
    deblocking_filter_override_flag: false,
    slice_deblocking_filter_disabled_flag: false,
    slice_beta_offset_div2: 0,
    slice_tc_offset_div2: 0,
    slice_loop_filter_across_slices_enabled_flag: false,
    CurrRps: noPictures,
    PocLsbLt: [],
    UsedByCurrPicLt: [],
    DeltaPocMsbCycleLt: [],
    NumPicTotalCurr: 0,
    shortTermRefPicSetSize: 0,
    longTermRefPicSetSize: 0,
  };
}

export function sliceSegmentHeader(c: Coder, segment: SliceSegmentHeader, context: SliceContext): void {
  c.structure("slice_segment_header", "7.3.6.1");
  const { nal } = context;
  const first = c.flag("first_slice_segment_in_pic_flag", segment.first_slice_segment_in_pic_flag);
  segment.first_slice_segment_in_pic_flag = first;
  if (isIrap(nal.nal_unit_type)) {
    segment.no_output_of_prior_pics_flag = c.flag(
      "no_output_of_prior_pics_flag",
      segment.no_output_of_prior_pics_flag,
    );
  }
  const ppsId = c.ue("slice_pic_parameter_set_id", segment.slice_pic_parameter_set_id, 0, 63);
  segment.slice_pic_parameter_set_id = ppsId;
  const { pps, sps } = context.parameterSets(c, ppsId);
  if (!first) segmentAddress(c, segment, pps, sps);
  if (segment.dependent_slice_segment_flag) {
    if (context.previous === undefined) throw c.error("a dependent slice segment without a slice before it");
    segment.slice = context.previous;
  } else {
    sliceHeader(c, segment.slice, context, pps, sps);
  }
  if (pps.tiles_enabled_flag || pps.entropy_coding_sync_enabled_flag) entryPoints(c, segment, pps, sps);
  if (pps.slice_segment_header_extension_present_flag) extension(c, segment);
  c.structure("byte_alignment", "7.3.2.12");
  c.fixed("alignment_bit_equal_to_one", 1, 1);
  c.alignWith("alignment_bit_equal_to_zero", 0);
}

function segmentAddress(c: Coder, segment: SliceSegmentHeader, pps: Pps, sps: Sps): void {
  if (pps.dependent_slice_segments_enabled_flag) {
    segment.dependent_slice_segment_flag = c.flag(
      "dependent_slice_segment_flag",
      segment.dependent_slice_segment_flag,
    );
  }
  const bits = ceilLog2(sps.PicSizeInCtbsY);
  const last = sps.PicSizeInCtbsY - 1;
  if (last === 0) throw c.error("a second slice segment in a picture of one coding tree block");
  segment.slice_segment_address = c.uRange(
    "slice_segment_address",
    bits,
    segment.slice_segment_address,
    1,
    last,
  );
}

function sliceHeader(c: Coder, sh: SliceHeader, context: SliceContext, pps: Pps, sps: Sps): void {
  const { nal, currentSet } = context;
  for (let i = 0; i < pps.num_extra_slice_header_bits; i += 1) {
    sh.slice_reserved_flag[i] = c.flag("slice_reserved_flag", sh.slice_reserved_flag[i], i);
  }
  const type = c.ue("slice_type", sh.slice_type, 0, 2);
  sh.slice_type = type;
  const currentAsReference = pps.scc.pps_curr_pic_ref_enabled_flag;
  if (isIrap(nal.nal_unit_type) && type !== SliceType.I && !currentAsReference) {
    throw c.error(`slice_type is ${type} in an intra random access point picture`);
  }
  if (pps.output_flag_present_flag) sh.pic_output_flag = c.flag("pic_output_flag", sh.pic_output_flag);
  if (sps.separate_colour_plane_flag) {
    sh.colour_plane_id = c.uRange("colour_plane_id", 2, sh.colour_plane_id, 0, 2);
  }
  sh.CurrRps = noPictures;
  if (!isIdr(nal.nal_unit_type)) pictureOrder(c, sh, sps, currentSet);
  sh.NumPicTotalCurr = countPictures(sh) + (currentAsReference ? 1 : 0);
  if (sps.sample_adaptive_offset_enabled_flag) {
    sh.slice_sao_luma_flag = c.flag("slice_sao_luma_flag", sh.slice_sao_luma_flag);
    if (sps.ChromaArrayType !== 0) {
      sh.slice_sao_chroma_flag = c.flag("slice_sao_chroma_flag", sh.slice_sao_chroma_flag);
    }
  }
  if (type !== SliceType.I) prediction(c, sh, pps, sps);
  quantization(c, sh, pps);
  loopFilters(c, sh, pps);
}

function pictureOrder(c: Coder, sh: SliceHeader, sps: Sps, known: ShortTermRps | undefined): void {
  const lsbBits = sps.log2_max_pic_order_cnt_lsb_minus4 + 4;
  sh.slice_pic_order_cnt_lsb = c.u("slice_pic_order_cnt_lsb", lsbBits, sh.slice_pic_order_cnt_lsb);
  const count = sps.num_short_term_ref_pic_sets;
  const inSps = c.flag("short_term_ref_pic_set_sps_flag", sh.short_term_ref_pic_set_sps_flag);
  sh.short_term_ref_pic_set_sps_flag = inSps;
  if (!inSps) {
    const start = c.position;
    if (sh.st_ref_pic_set === noPictures) sh.st_ref_pic_set = emptyShortTermRps();
    shortTermRefPicSet(c, sh.st_ref_pic_set, count, sps.st_ref_pic_set, count, maxOtherPictures(sps));
    sh.shortTermRefPicSetSize = c.position - start;
    sh.CurrRps = sh.st_ref_pic_set;
    c.structure("slice_segment_header", "7.3.6.1");
  } else {
    if (count === 0) throw c.error("short_term_ref_pic_set_sps_flag is 1, and the SPS has no sets");
    sh.short_term_ref_pic_set_idx = c.uRange(
      "short_term_ref_pic_set_idx",
      ceilLog2(count),
      sh.short_term_ref_pic_set_idx,
      0,
      count - 1,
    );
    sh.CurrRps = sps.st_ref_pic_set[sh.short_term_ref_pic_set_idx] ?? noPictures;
  }
  sh.CurrRps = known ?? sh.CurrRps;
  if (sps.long_term_ref_pics_present_flag) {
    const start = c.position;
    longTerm(c, sh, sps, lsbBits);
    sh.longTermRefPicSetSize = c.position - start;
  }
  if (sps.sps_temporal_mvp_enabled_flag) {
    sh.slice_temporal_mvp_enabled_flag = c.flag(
      "slice_temporal_mvp_enabled_flag",
      sh.slice_temporal_mvp_enabled_flag,
    );
  }
}

function longTerm(c: Coder, sh: SliceHeader, sps: Sps, lsbBits: number): void {
  const inSps = sps.num_long_term_ref_pics_sps;
  const shortTerm = sh.CurrRps.DeltaPocS0.length + sh.CurrRps.DeltaPocS1.length;
  const room = maxOtherPictures(sps) - shortTerm;
  if (inSps > 0) {
    sh.num_long_term_sps = c.ue("num_long_term_sps", sh.num_long_term_sps, 0, Math.min(inSps, room));
  }
  const fromSps = sh.num_long_term_sps;
  sh.num_long_term_pics = c.ue("num_long_term_pics", sh.num_long_term_pics, 0, room - fromSps);
  for (let i = 0; i < fromSps + sh.num_long_term_pics; i += 1) {
    if (i < fromSps) {
      sh.lt_idx_sps[i] = c.uRange("lt_idx_sps", ceilLog2(inSps), sh.lt_idx_sps[i], 0, inSps - 1, i);
      const index = sh.lt_idx_sps[i] ?? 0;
      sh.PocLsbLt[i] = sps.lt_ref_pic_poc_lsb_sps[index] ?? 0;
      sh.UsedByCurrPicLt[i] = sps.used_by_curr_pic_lt_sps_flag[index] === true;
    } else {
      const lsb = c.u("poc_lsb_lt", lsbBits, sh.poc_lsb_lt[i], i);
      const used = c.flag("used_by_curr_pic_lt_flag", sh.used_by_curr_pic_lt_flag[i], i);
      sh.poc_lsb_lt[i] = lsb;
      sh.used_by_curr_pic_lt_flag[i] = used;
      sh.PocLsbLt[i] = lsb;
      sh.UsedByCurrPicLt[i] = used;
    }
    const present = c.flag("delta_poc_msb_present_flag", sh.delta_poc_msb_present_flag[i], i);
    sh.delta_poc_msb_present_flag[i] = present;
    // DeltaPocMsbCycleLt * MaxPicOrderCntLsb stays within 32 bits.
    const max = 2 ** (32 - lsbBits) - 1;
    const cycle = present ? c.ue("delta_poc_msb_cycle_lt", sh.delta_poc_msb_cycle_lt[i], 0, max, i) : 0;
    sh.delta_poc_msb_cycle_lt[i] = cycle;
    const before = i === 0 || i === fromSps ? 0 : (sh.DeltaPocMsbCycleLt[i - 1] ?? 0);
    sh.DeltaPocMsbCycleLt[i] = cycle + before;
  }
}

function countPictures(sh: SliceHeader): number {
  let count = 0;
  for (const used of sh.CurrRps.UsedByCurrPicS0) count += used ? 1 : 0;
  for (const used of sh.CurrRps.UsedByCurrPicS1) count += used ? 1 : 0;
  for (const used of sh.UsedByCurrPicLt) count += used ? 1 : 0;
  return count;
}

function prediction(c: Coder, sh: SliceHeader, pps: Pps, sps: Sps): void {
  const isB = sh.slice_type === SliceType.B;
  if (sh.NumPicTotalCurr === 0) throw c.error("a P or B slice has no reference pictures");
  const override = c.flag("num_ref_idx_active_override_flag", sh.num_ref_idx_active_override_flag);
  sh.num_ref_idx_active_override_flag = override;
  if (override) {
    const { num_ref_idx_l0_active_minus1: l0, num_ref_idx_l1_active_minus1: l1 } = sh;
    sh.num_ref_idx_l0_active_minus1 = c.ue("num_ref_idx_l0_active_minus1", l0, 0, 14);
    if (isB) sh.num_ref_idx_l1_active_minus1 = c.ue("num_ref_idx_l1_active_minus1", l1, 0, 14);
  } else {
    sh.num_ref_idx_l0_active_minus1 = pps.num_ref_idx_l0_default_active_minus1;
    sh.num_ref_idx_l1_active_minus1 = isB ? pps.num_ref_idx_l1_default_active_minus1 : 0;
  }
  if (pps.lists_modification_present_flag && sh.NumPicTotalCurr > 1) listModifications(c, sh, isB);
  if (isB) sh.mvd_l1_zero_flag = c.flag("mvd_l1_zero_flag", sh.mvd_l1_zero_flag);
  if (pps.cabac_init_present_flag) sh.cabac_init_flag = c.flag("cabac_init_flag", sh.cabac_init_flag);
  if (sh.slice_temporal_mvp_enabled_flag) {
    if (isB) sh.collocated_from_l0_flag = c.flag("collocated_from_l0_flag", sh.collocated_from_l0_flag);
    const last = sh.collocated_from_l0_flag
      ? sh.num_ref_idx_l0_active_minus1
      : sh.num_ref_idx_l1_active_minus1;
    if (last > 0) sh.collocated_ref_idx = c.ue("collocated_ref_idx", sh.collocated_ref_idx, 0, last);
  }
  if (isB ? pps.weighted_bipred_flag : pps.weighted_pred_flag) {
    // Weights are left out for the current picture, whose place depends on the picture buffer.
    if (pps.scc.pps_curr_pic_ref_enabled_flag) {
      throw c.error("weighted prediction with the current picture as a reference is not supported");
    }
    if (sh.pred_weight_table === noPredWeightTable) sh.pred_weight_table = emptyPredWeightTable();
    predWeightTable(
      c,
      sh.pred_weight_table,
      sps,
      sh.num_ref_idx_l0_active_minus1,
      isB ? sh.num_ref_idx_l1_active_minus1 : -1,
    );
    c.structure("slice_segment_header", "7.3.6.1");
  }
  sh.five_minus_max_num_merge_cand = c.ue(
    "five_minus_max_num_merge_cand",
    sh.five_minus_max_num_merge_cand,
    0,
    4,
  );
  const motionVectors = sps.scc.motion_vector_resolution_control_idc;
  sh.use_integer_mv_flag =
    motionVectors === 2 ? c.flag("use_integer_mv_flag", sh.use_integer_mv_flag) : motionVectors === 1;
}

function listModifications(c: Coder, sh: SliceHeader, isB: boolean): void {
  c.structure("ref_pic_lists_modification", "7.3.6.2");
  const bits = ceilLog2(sh.NumPicTotalCurr);
  const last = sh.NumPicTotalCurr - 1;
  const { list_entry_l0: l0, list_entry_l1: l1 } = sh;
  const modified0 = c.flag("ref_pic_list_modification_flag_l0", sh.ref_pic_list_modification_flag_l0);
  sh.ref_pic_list_modification_flag_l0 = modified0;
  for (let i = 0; modified0 && i <= sh.num_ref_idx_l0_active_minus1; i += 1) {
    l0[i] = c.uRange("list_entry_l0", bits, l0[i], 0, last, i);
  }
  if (isB) {
    const modified1 = c.flag("ref_pic_list_modification_flag_l1", sh.ref_pic_list_modification_flag_l1);
    sh.ref_pic_list_modification_flag_l1 = modified1;
    for (let i = 0; modified1 && i <= sh.num_ref_idx_l1_active_minus1; i += 1) {
      l1[i] = c.uRange("list_entry_l1", bits, l1[i], 0, last, i);
    }
  }
  c.structure("slice_segment_header", "7.3.6.1");
}

function quantization(c: Coder, sh: SliceHeader, pps: Pps): void {
  // SliceQpY is -QpBdOffsetY to 51, of which the bit depth may be 16.
  const base = 26 + pps.init_qp_minus26;
  sh.slice_qp_delta = c.se("slice_qp_delta", sh.slice_qp_delta, -48 - base, 51 - base);
  if (pps.pps_slice_chroma_qp_offsets_present_flag) {
    sh.slice_cb_qp_offset = c.se("slice_cb_qp_offset", sh.slice_cb_qp_offset, -12, 12);
    sh.slice_cr_qp_offset = c.se("slice_cr_qp_offset", sh.slice_cr_qp_offset, -12, 12);
  }
  if (pps.scc.pps_slice_act_qp_offsets_present_flag) {
    sh.slice_act_y_qp_offset = c.se("slice_act_y_qp_offset", sh.slice_act_y_qp_offset, -12, 12);
    sh.slice_act_cb_qp_offset = c.se("slice_act_cb_qp_offset", sh.slice_act_cb_qp_offset, -12, 12);
    sh.slice_act_cr_qp_offset = c.se("slice_act_cr_qp_offset", sh.slice_act_cr_qp_offset, -12, 12);
  }
  if (pps.range.chroma_qp_offset_list_enabled_flag) {
    sh.cu_chroma_qp_offset_enabled_flag = c.flag(
      "cu_chroma_qp_offset_enabled_flag",
      sh.cu_chroma_qp_offset_enabled_flag,
    );
  }
}

function loopFilters(c: Coder, sh: SliceHeader, pps: Pps): void {
  if (pps.deblocking_filter_override_enabled_flag) {
    sh.deblocking_filter_override_flag = c.flag(
      "deblocking_filter_override_flag",
      sh.deblocking_filter_override_flag,
    );
  }
  if (sh.deblocking_filter_override_flag) {
    const disabled = c.flag(
      "slice_deblocking_filter_disabled_flag",
      sh.slice_deblocking_filter_disabled_flag,
    );
    sh.slice_deblocking_filter_disabled_flag = disabled;
    if (!disabled) {
      sh.slice_beta_offset_div2 = c.se("slice_beta_offset_div2", sh.slice_beta_offset_div2, -6, 6);
      sh.slice_tc_offset_div2 = c.se("slice_tc_offset_div2", sh.slice_tc_offset_div2, -6, 6);
    } else {
      sh.slice_beta_offset_div2 = pps.pps_beta_offset_div2;
      sh.slice_tc_offset_div2 = pps.pps_tc_offset_div2;
    }
  } else {
    sh.slice_deblocking_filter_disabled_flag = pps.pps_deblocking_filter_disabled_flag;
    sh.slice_beta_offset_div2 = pps.pps_beta_offset_div2;
    sh.slice_tc_offset_div2 = pps.pps_tc_offset_div2;
  }
  const filtered =
    sh.slice_sao_luma_flag || sh.slice_sao_chroma_flag || !sh.slice_deblocking_filter_disabled_flag;
  sh.slice_loop_filter_across_slices_enabled_flag =
    pps.pps_loop_filter_across_slices_enabled_flag && filtered
      ? c.flag(
          "slice_loop_filter_across_slices_enabled_flag",
          sh.slice_loop_filter_across_slices_enabled_flag,
        )
      : pps.pps_loop_filter_across_slices_enabled_flag;
}

function entryPoints(c: Coder, segment: SliceSegmentHeader, pps: Pps, sps: Sps): void {
  const columns = pps.num_tile_columns_minus1 + 1;
  const rows = pps.entropy_coding_sync_enabled_flag ? sps.PicHeightInCtbsY : pps.num_tile_rows_minus1 + 1;
  const count = c.ue("num_entry_point_offsets", segment.num_entry_point_offsets, 0, columns * rows - 1);
  segment.num_entry_point_offsets = count;
  if (count === 0) return;
  const last = c.ue("offset_len_minus1", segment.offset_len_minus1, 0, 31);
  segment.offset_len_minus1 = last;
  const offsets = segment.entry_point_offset_minus1;
  for (let i = 0; i < count; i += 1) {
    offsets[i] = c.u("entry_point_offset_minus1", last + 1, offsets[i], i);
  }
}

function extension(c: Coder, segment: SliceSegmentHeader): void {
  const length = c.ue(
    "slice_segment_header_extension_length",
    segment.slice_segment_header_extension_length,
    0,
    256,
  );
  segment.slice_segment_header_extension_length = length;
  const bytes = c.reading ? new Uint8Array(length) : segment.slice_segment_header_extension_data;
  for (let i = 0; i < length; i += 1) {
    bytes[i] = c.u("slice_segment_header_extension_data_byte", 8, bytes[i], i);
  }
  segment.slice_segment_header_extension_data = bytes;
}

/** `Ceil( Log2( n ) )` for n of at least 1. */
function ceilLog2(n: number): number {
  return 32 - Math.clz32(n - 1);
}
