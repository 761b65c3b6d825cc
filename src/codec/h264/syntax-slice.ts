/** H.264 slice headers: 7.3.3. */
import type { Coder } from "../bits/index.js";
import { shared } from "../shared.js";
import { ceilLog2, chromaArrayType, frameHeightInMbs, maxFrameNum, picSizeInMapUnits } from "./limits.js";
import { NalType, type NalHeader } from "./syntax-nal.js";
import type { Pps } from "./syntax-pps.js";
import type { Sps } from "./syntax-sps.js";

/** `slice_type % 5`: table 7-6. */
export const SliceType = { P: 0, B: 1, I: 2, SP: 3, SI: 4 } as const;

const INT32 = 2 ** 31 - 1;
/** Twice the 33 marking operations that 16 frames could need at most, and the end. Bounds the loop only. */
const MAX_OPERATIONS = 67;

/** One entry of `ref_pic_list_modification()`. */
export interface ListModification {
  /** 0 and 1 subtract from and add to the picture number, 2 names a long-term picture. */
  modification_of_pic_nums_idc: number;
  abs_diff_pic_num_minus1: number;
  long_term_pic_num: number;
}

/** What `pred_weight_table()` says of one list; an absent weight is 1 << denominator, an absent offset 0. */
export interface ListWeights {
  luma_weight_flag: boolean[];
  luma_weight: number[];
  luma_offset: number[];
  chroma_weight_flag: boolean[];
  /** `[i][0]` is Cb, `[i][1]` Cr. */
  chroma_weight: number[][];
  chroma_offset: number[][];
}

/** One `memory_management_control_operation` of `dec_ref_pic_marking()`, without the final 0. */
export interface MarkingOperation {
  memory_management_control_operation: number;
  difference_of_pic_nums_minus1: number;
  long_term_pic_num: number;
  long_term_frame_idx: number;
  max_long_term_frame_idx_plus1: number;
}

export interface SliceHeader {
  first_mb_in_slice: number;
  slice_type: number;
  pic_parameter_set_id: number;
  colour_plane_id: number;
  frame_num: number;
  field_pic_flag: boolean;
  bottom_field_flag: boolean;
  idr_pic_id: number;
  pic_order_cnt_lsb: number;
  delta_pic_order_cnt_bottom: number;
  delta_pic_order_cnt: [number, number];
  redundant_pic_cnt: number;
  direct_spatial_mv_pred_flag: boolean;
  num_ref_idx_active_override_flag: boolean;
  /** Of list 0 and list 1; as the PPS says when the slice does not. */
  num_ref_idx_active_minus1: [number, number];
  ref_pic_list_modification_flag: [boolean, boolean];
  /** Of list 0 and list 1. */
  modifications: [ListModification[], ListModification[]];
  luma_log2_weight_denom: number;
  chroma_log2_weight_denom: number;
  weights: [ListWeights, ListWeights];
  no_output_of_prior_pics_flag: boolean;
  long_term_reference_flag: boolean;
  adaptive_ref_pic_marking_mode_flag: boolean;
  operations: MarkingOperation[];
  cabac_init_idc: number;
  slice_qp_delta: number;
  sp_for_switch_flag: boolean;
  slice_qs_delta: number;
  disable_deblocking_filter_idc: number;
  slice_alpha_c0_offset_div2: number;
  slice_beta_offset_div2: number;
  slice_group_change_cycle: number;
  /**
   * Bits of the picture order count's elements, of `dec_ref_pic_marking()`, and of all with the NAL header. Emulation
   * prevention bytes do not count: hardware takes them out before it skips bits, and GStreamer does not count them.
   */
  pic_order_cnt_bit_size: number;
  dec_ref_pic_marking_bit_size: number;
  header_bit_size: number;
}

function emptyWeights(): ListWeights {
  return {
    luma_weight_flag: [],
    luma_weight: [],
    luma_offset: [],
    chroma_weight_flag: [],
    chroma_weight: [],
    chroma_offset: [],
  };
}

/** Of slices without `pred_weight_table()`. Their headers share it, so nobody may change it. */
const noWeights: ListWeights = shared(emptyWeights());

export function emptySliceHeader(): SliceHeader {
  return {
    first_mb_in_slice: 0,
    slice_type: 0,
    pic_parameter_set_id: 0,
    colour_plane_id: 0,
    frame_num: 0,
    field_pic_flag: false,
    bottom_field_flag: false,
    idr_pic_id: 0,
    pic_order_cnt_lsb: 0,
    delta_pic_order_cnt_bottom: 0,
    delta_pic_order_cnt: [0, 0],
    redundant_pic_cnt: 0,
    direct_spatial_mv_pred_flag: false,
    num_ref_idx_active_override_flag: false,
    num_ref_idx_active_minus1: [0, 0],
    ref_pic_list_modification_flag: [false, false],
    modifications: [[], []],
    luma_log2_weight_denom: 0,
    chroma_log2_weight_denom: 0,
    weights: [noWeights, noWeights],
    no_output_of_prior_pics_flag: false,
    long_term_reference_flag: false,
    adaptive_ref_pic_marking_mode_flag: false,
    operations: [],
    cabac_init_idc: 0,
    slice_qp_delta: 0,
    sp_for_switch_flag: false,
    slice_qs_delta: 0,
    disable_deblocking_filter_idc: 0,
    slice_alpha_c0_offset_div2: 0,
    slice_beta_offset_div2: 0,
    slice_group_change_cycle: 0,
    pic_order_cnt_bit_size: 0,
    dec_ref_pic_marking_bit_size: 0,
    header_bit_size: 0,
  };
}

/** `slice_type % 5`. */
export function sliceType(slice: SliceHeader): number {
  return slice.slice_type % 5;
}

/** Does the slice have reference list 0 (P, SP, B) or, by `list` 1, list 1 (B)? */
export function hasList(slice: SliceHeader, list: 0 | 1): boolean {
  const type = sliceType(slice);
  return type === SliceType.B || (list === 0 && (type === SliceType.P || type === SliceType.SP));
}

/** Does the slice have a `pred_weight_table()`? */
export function hasWeights(slice: SliceHeader, pps: Pps): boolean {
  const type = sliceType(slice);
  if (type === SliceType.B) return pps.weighted_bipred_idc === 1;
  return pps.weighted_pred_flag && (type === SliceType.P || type === SliceType.SP);
}

/** The parameter sets that a slice names. */
export interface ActiveSets {
  readonly sps: Sps;
  readonly pps: Pps;
}

/**
 * `slice_header()`.
 * @param setsOf - The parameter sets of a PPS id; undefined when there were none.
 */
export function sliceHeader(
  c: Coder,
  slice: SliceHeader,
  nal: Readonly<NalHeader>,
  setsOf: (picParameterSetId: number) => ActiveSets | undefined,
): ActiveSets {
  c.structure("slice_header", "7.3.3");
  const idr = nal.nal_unit_type === NalType.IdrSlice;
  const first = c.ue("first_mb_in_slice", slice.first_mb_in_slice, 0, 2 ** 32 - 2);
  slice.first_mb_in_slice = first;
  slice.slice_type = c.ue("slice_type", slice.slice_type, 0, 9);
  const type = sliceType(slice);
  if (idr && type !== SliceType.I && type !== SliceType.SI) {
    throw c.error(`slice_type is ${slice.slice_type} in an IDR picture`);
  }
  slice.pic_parameter_set_id = c.ue("pic_parameter_set_id", slice.pic_parameter_set_id, 0, 255);
  const sets = setsOf(slice.pic_parameter_set_id);
  if (sets === undefined) {
    throw c.error(`there was no picture parameter set ${slice.pic_parameter_set_id}`);
  }
  const { sps, pps } = sets;
  if (sps.separate_colour_plane_flag) {
    slice.colour_plane_id = c.uRange("colour_plane_id", 2, slice.colour_plane_id, 0, 2);
  }
  const frameNumBits = sps.log2_max_frame_num_minus4 + 4;
  slice.frame_num = c.u("frame_num", frameNumBits, slice.frame_num);
  if (idr && slice.frame_num !== 0) throw c.error(`frame_num is ${slice.frame_num} in an IDR picture`);
  if (!sps.frame_mbs_only_flag) {
    slice.field_pic_flag = c.flag("field_pic_flag", slice.field_pic_flag);
    if (slice.field_pic_flag) slice.bottom_field_flag = c.flag("bottom_field_flag", slice.bottom_field_flag);
  }
  checkFirstMacroblock(c, slice, sps);
  if (idr) slice.idr_pic_id = c.ue("idr_pic_id", slice.idr_pic_id, 0, 65535);
  pictureOrderCount(c, slice, sps, pps);
  if (pps.redundant_pic_cnt_present_flag) {
    slice.redundant_pic_cnt = c.ue("redundant_pic_cnt", slice.redundant_pic_cnt, 0, 127);
  }
  if (type === SliceType.B) {
    slice.direct_spatial_mv_pred_flag = c.flag(
      "direct_spatial_mv_pred_flag",
      slice.direct_spatial_mv_pred_flag,
    );
  }
  activeReferences(c, slice, pps);
  listModifications(c, slice, sps);
  if (hasWeights(slice, pps)) predWeightTable(c, slice, sps);
  if (nal.nal_ref_idc !== 0) marking(c, slice, sps, idr);
  else slice.dec_ref_pic_marking_bit_size = 0;
  c.structure("slice_header", "7.3.3");
  quantiserAndFilter(c, slice, sps, pps);
  if (pps.num_slice_groups_minus1 > 0 && pps.slice_group_map_type >= 3 && pps.slice_group_map_type <= 5) {
    const rate = pps.slice_group_change_rate_minus1 + 1;
    const largest = Math.ceil(picSizeInMapUnits(sps) / rate);
    const bits = ceilLog2(largest + 1);
    slice.slice_group_change_cycle = c.uRange(
      "slice_group_change_cycle",
      bits,
      slice.slice_group_change_cycle,
      0,
      largest,
    );
  }
  slice.header_bit_size = c.position;
  return sets;
}

function checkFirstMacroblock(c: Coder, slice: SliceHeader, sps: Sps): void {
  const height = frameHeightInMbs(sps) / (slice.field_pic_flag ? 2 : 1);
  const paired = sps.mb_adaptive_frame_field_flag && !slice.field_pic_flag;
  const last = ((sps.pic_width_in_mbs_minus1 + 1) * height) / (paired ? 2 : 1) - 1;
  if (slice.first_mb_in_slice > last) {
    throw c.error(`first_mb_in_slice is ${slice.first_mb_in_slice}, and the picture ends at ${last}`);
  }
}

function pictureOrderCount(c: Coder, slice: SliceHeader, sps: Sps, pps: Pps): void {
  const start = c.position;
  const both = pps.bottom_field_pic_order_in_frame_present_flag && !slice.field_pic_flag;
  if (sps.pic_order_cnt_type === 0) {
    const bits = sps.log2_max_pic_order_cnt_lsb_minus4 + 4;
    slice.pic_order_cnt_lsb = c.u("pic_order_cnt_lsb", bits, slice.pic_order_cnt_lsb);
    if (both) {
      slice.delta_pic_order_cnt_bottom = c.se(
        "delta_pic_order_cnt_bottom",
        slice.delta_pic_order_cnt_bottom,
        -INT32,
        INT32,
      );
    }
  } else if (sps.pic_order_cnt_type === 1 && !sps.delta_pic_order_always_zero_flag) {
    const delta = slice.delta_pic_order_cnt;
    delta[0] = c.se("delta_pic_order_cnt", delta[0], -INT32, INT32, 0);
    if (both) delta[1] = c.se("delta_pic_order_cnt", delta[1], -INT32, INT32, 1);
  }
  slice.pic_order_cnt_bit_size = c.position - start;
}

function activeReferences(c: Coder, slice: SliceHeader, pps: Pps): void {
  if (!hasList(slice, 0)) return;
  const active = slice.num_ref_idx_active_minus1;
  slice.num_ref_idx_active_override_flag = c.flag(
    "num_ref_idx_active_override_flag",
    slice.num_ref_idx_active_override_flag,
  );
  const largest = slice.field_pic_flag ? 31 : 15;
  if (slice.num_ref_idx_active_override_flag) {
    active[0] = c.ue("num_ref_idx_l0_active_minus1", active[0], 0, largest);
    if (hasList(slice, 1)) active[1] = c.ue("num_ref_idx_l1_active_minus1", active[1], 0, largest);
    return;
  }
  active[0] = pps.num_ref_idx_l0_default_active_minus1;
  if (hasList(slice, 1)) active[1] = pps.num_ref_idx_l1_default_active_minus1;
  if (active[0] > largest || active[1] > largest) {
    throw c.error(`the picture parameter set has more references than the ${largest + 1} of a frame`);
  }
}

/** `ref_pic_list_modification()`: 7.3.3.1. */
function listModifications(c: Coder, slice: SliceHeader, sps: Sps): void {
  if (!hasList(slice, 0)) return;
  c.structure("ref_pic_list_modification", "7.3.3.1");
  oneListModification(c, slice, sps, 0);
  if (hasList(slice, 1)) oneListModification(c, slice, sps, 1);
}

const flagNames = ["ref_pic_list_modification_flag_l0", "ref_pic_list_modification_flag_l1"] as const;

function oneListModification(c: Coder, slice: SliceHeader, sps: Sps, list: 0 | 1): void {
  const flags = slice.ref_pic_list_modification_flag;
  flags[list] = c.flag(flagNames[list], flags[list]);
  if (!flags[list]) return;
  const entries = slice.modifications[list];
  const maxPicNum = maxFrameNum(sps) * (slice.field_pic_flag ? 2 : 1);
  const limit = slice.num_ref_idx_active_minus1[list] + 1;
  for (let i = 0; ; i += 1) {
    const entry = entries[i];
    // A writer ends the list behind its last entry.
    const idc = c.ue("modification_of_pic_nums_idc", entry?.modification_of_pic_nums_idc ?? 3, 0, 3);
    if (idc === 3) {
      if (i === 0) throw c.error(`${flagNames[list]} is 1, and no modification follows`);
      return;
    }
    if (i === limit) throw c.error(`there are more list modifications than the ${limit} entries of the list`);
    const read = (entries[i] = {
      modification_of_pic_nums_idc: idc,
      abs_diff_pic_num_minus1: 0,
      long_term_pic_num: 0,
    });
    if (idc === 2) {
      read.long_term_pic_num = c.ue("long_term_pic_num", entry?.long_term_pic_num, 0, 31);
    } else {
      const value = entry?.abs_diff_pic_num_minus1;
      read.abs_diff_pic_num_minus1 = c.ue("abs_diff_pic_num_minus1", value, 0, maxPicNum - 1);
    }
  }
}

/** `pred_weight_table()`: 7.3.3.2. */
function predWeightTable(c: Coder, slice: SliceHeader, sps: Sps): void {
  c.structure("pred_weight_table", "7.3.3.2");
  slice.luma_log2_weight_denom = c.ue("luma_log2_weight_denom", slice.luma_log2_weight_denom, 0, 7);
  const chroma = chromaArrayType(sps) !== 0;
  if (chroma) {
    slice.chroma_log2_weight_denom = c.ue("chroma_log2_weight_denom", slice.chroma_log2_weight_denom, 0, 7);
  }
  listWeights(c, slice, chroma, 0);
  if (hasList(slice, 1)) listWeights(c, slice, chroma, 1);
}

const weightNames = [
  {
    lumaFlag: "luma_weight_l0_flag",
    luma: "luma_weight_l0",
    lumaOffset: "luma_offset_l0",
    chromaFlag: "chroma_weight_l0_flag",
    chroma: "chroma_weight_l0",
    chromaOffset: "chroma_offset_l0",
  },
  {
    lumaFlag: "luma_weight_l1_flag",
    luma: "luma_weight_l1",
    lumaOffset: "luma_offset_l1",
    chromaFlag: "chroma_weight_l1_flag",
    chroma: "chroma_weight_l1",
    chromaOffset: "chroma_offset_l1",
  },
] as const;

function listWeights(c: Coder, slice: SliceHeader, chroma: boolean, list: 0 | 1): void {
  if (slice.weights[list] === noWeights) slice.weights[list] = emptyWeights();
  const weights = slice.weights[list];
  const names = weightNames[list];
  const lumaDefault = 1 << slice.luma_log2_weight_denom;
  const chromaDefault = 1 << slice.chroma_log2_weight_denom;
  for (let i = 0; i <= slice.num_ref_idx_active_minus1[list]; i += 1) {
    const luma = c.flag(names.lumaFlag, weights.luma_weight_flag[i], i);
    weights.luma_weight_flag[i] = luma;
    weights.luma_weight[i] = luma ? c.se(names.luma, weights.luma_weight[i], -128, 127, i) : lumaDefault;
    weights.luma_offset[i] = luma ? c.se(names.lumaOffset, weights.luma_offset[i], -128, 127, i) : 0;
    if (!chroma) continue;
    const coded = c.flag(names.chromaFlag, weights.chroma_weight_flag[i], i);
    weights.chroma_weight_flag[i] = coded;
    const weight = (weights.chroma_weight[i] ??= []);
    const offset = (weights.chroma_offset[i] ??= []);
    for (let j = 0; j < 2; j += 1) {
      weight[j] = coded ? c.se(names.chroma, weight[j], -128, 127, i, j) : chromaDefault;
      offset[j] = coded ? c.se(names.chromaOffset, offset[j], -128, 127, i, j) : 0;
    }
  }
}

/** `dec_ref_pic_marking()`: 7.3.3.3. */
function marking(c: Coder, slice: SliceHeader, sps: Sps, idr: boolean): void {
  c.structure("dec_ref_pic_marking", "7.3.3.3");
  const start = c.position;
  if (idr) {
    slice.no_output_of_prior_pics_flag = c.flag(
      "no_output_of_prior_pics_flag",
      slice.no_output_of_prior_pics_flag,
    );
    slice.long_term_reference_flag = c.flag("long_term_reference_flag", slice.long_term_reference_flag);
  } else {
    slice.adaptive_ref_pic_marking_mode_flag = c.flag(
      "adaptive_ref_pic_marking_mode_flag",
      slice.adaptive_ref_pic_marking_mode_flag,
    );
    if (slice.adaptive_ref_pic_marking_mode_flag) markingOperations(c, slice, sps);
  }
  slice.dec_ref_pic_marking_bit_size = c.position - start;
}

function markingOperations(c: Coder, slice: SliceHeader, sps: Sps): void {
  const maxPicNum = maxFrameNum(sps) * (slice.field_pic_flag ? 2 : 1);
  const name = "memory_management_control_operation";
  for (let i = 0; ; i += 1) {
    const given = slice.operations[i];
    const operation = c.ue(name, given?.memory_management_control_operation ?? 0, 0, 6);
    if (operation === 0) return;
    if (i === MAX_OPERATIONS - 1) throw c.error(`there are more than ${MAX_OPERATIONS - 1} of ${name}`);
    const read = (slice.operations[i] = {
      memory_management_control_operation: operation,
      difference_of_pic_nums_minus1: 0,
      long_term_pic_num: 0,
      long_term_frame_idx: 0,
      max_long_term_frame_idx_plus1: 0,
    });
    if (operation === 1 || operation === 3) {
      const value = given?.difference_of_pic_nums_minus1;
      read.difference_of_pic_nums_minus1 = c.ue("difference_of_pic_nums_minus1", value, 0, maxPicNum - 1);
    }
    if (operation === 2) {
      read.long_term_pic_num = c.ue("long_term_pic_num", given?.long_term_pic_num, 0, 31);
    }
    if (operation === 3 || operation === 6) {
      read.long_term_frame_idx = c.ue("long_term_frame_idx", given?.long_term_frame_idx, 0, 15);
    }
    if (operation === 4) {
      const value = given?.max_long_term_frame_idx_plus1;
      read.max_long_term_frame_idx_plus1 = c.ue("max_long_term_frame_idx_plus1", value, 0, 16);
    }
  }
}

function quantiserAndFilter(c: Coder, slice: SliceHeader, sps: Sps, pps: Pps): void {
  const type = sliceType(slice);
  if (pps.entropy_coding_mode_flag && type !== SliceType.I && type !== SliceType.SI) {
    slice.cabac_init_idc = c.ue("cabac_init_idc", slice.cabac_init_idc, 0, 2);
  }
  // SliceQPY is -QpBdOffsetY to 51: (7-30).
  const qp = 26 + pps.pic_init_qp_minus26;
  const lowest = -6 * sps.bit_depth_luma_minus8 - qp;
  slice.slice_qp_delta = c.se("slice_qp_delta", slice.slice_qp_delta, lowest, 51 - qp);
  if (type === SliceType.SP || type === SliceType.SI) {
    if (type === SliceType.SP) {
      slice.sp_for_switch_flag = c.flag("sp_for_switch_flag", slice.sp_for_switch_flag);
    }
    const qs = 26 + pps.pic_init_qs_minus26;
    slice.slice_qs_delta = c.se("slice_qs_delta", slice.slice_qs_delta, -qs, 51 - qs);
  }
  if (!pps.deblocking_filter_control_present_flag) return;
  slice.disable_deblocking_filter_idc = c.ue(
    "disable_deblocking_filter_idc",
    slice.disable_deblocking_filter_idc,
    0,
    2,
  );
  if (slice.disable_deblocking_filter_idc === 1) return;
  slice.slice_alpha_c0_offset_div2 = c.se(
    "slice_alpha_c0_offset_div2",
    slice.slice_alpha_c0_offset_div2,
    -6,
    6,
  );
  slice.slice_beta_offset_div2 = c.se("slice_beta_offset_div2", slice.slice_beta_offset_div2, -6, 6);
}

/** How `slice_data()` starts, for CABAC: the bits up to the next byte. */
export function sliceDataAlignment(c: Coder, pps: Pps): void {
  if (!pps.entropy_coding_mode_flag) return;
  c.structure("slice_data", "7.3.4");
  c.alignWith("cabac_alignment_one_bit", 1);
}
