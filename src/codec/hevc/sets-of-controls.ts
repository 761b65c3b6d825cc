/** The way back from V4L2's controls to parameter sets, as far as slice segment headers depend on them. */
import type { Cid, StandardValue } from "../../v4l2/index.js";
import { DpbEntryFlag, LtRpsFlag, PpsFlag, SpsFlag, StRpsFlag } from "./flags.js";
import { emptyPps, type Pps } from "./syntax-pps.js";
import { emptyShortTermRps, predictShortTermRps, type ShortTermRps } from "./syntax-rps.js";
import { emptySps, type Sps } from "./syntax-sps.js";

type CtrlSps = StandardValue<typeof Cid.StatelessHevcSps>;
type CtrlPps = StandardValue<typeof Cid.StatelessHevcPps>;
type CtrlStRps = StandardValue<typeof Cid.StatelessHevcExtSpsStRps>;
type CtrlLtRps = StandardValue<typeof Cid.StatelessHevcExtSpsLtRps>;

/**
 * @param control - Any values: those that would make a parser read without end are cut.
 * @param shortTerm - `st_ref_pic_set` of the SPS.
 */
export function spsOfControl(
  control: CtrlSps,
  shortTerm: readonly ShortTermRps[],
  longTerm: readonly CtrlLtRps[],
): Sps {
  const has = (flag: bigint): boolean => (control.flags & flag) !== 0n;
  const separate = has(SpsFlag.SeparateColourPlane);
  const sps = emptySps();
  const top = Math.min(control.sps_max_sub_layers_minus1, 6);
  const ctb = Math.min(
    control.log2_min_luma_coding_block_size_minus3 + 3 + control.log2_diff_max_min_luma_coding_block_size,
    16,
  );
  const width = Math.ceil(control.pic_width_in_luma_samples / 2 ** ctb);
  const height = Math.ceil(control.pic_height_in_luma_samples / 2 ** ctb);
  const ordering = {
    ...sps.ordering,
    max_dec_pic_buffering_minus1: [...sps.ordering.max_dec_pic_buffering_minus1],
  };
  ordering.max_dec_pic_buffering_minus1[top] = Math.min(control.sps_max_dec_pic_buffering_minus1, 15);
  return {
    ...sps,
    sps_seq_parameter_set_id: control.seq_parameter_set_id,
    sps_max_sub_layers_minus1: top,
    chroma_format_idc: control.chroma_format_idc,
    separate_colour_plane_flag: separate,
    pic_width_in_luma_samples: control.pic_width_in_luma_samples,
    pic_height_in_luma_samples: control.pic_height_in_luma_samples,
    bit_depth_luma_minus8: control.bit_depth_luma_minus8,
    bit_depth_chroma_minus8: control.bit_depth_chroma_minus8,
    log2_max_pic_order_cnt_lsb_minus4: Math.min(control.log2_max_pic_order_cnt_lsb_minus4, 12),
    ordering,
    log2_min_luma_coding_block_size_minus3: control.log2_min_luma_coding_block_size_minus3,
    log2_diff_max_min_luma_coding_block_size: control.log2_diff_max_min_luma_coding_block_size,
    sample_adaptive_offset_enabled_flag: has(SpsFlag.SampleAdaptiveOffset),
    num_short_term_ref_pic_sets: Math.min(control.num_short_term_ref_pic_sets, 64),
    st_ref_pic_set: [...shortTerm],
    long_term_ref_pics_present_flag: has(SpsFlag.LongTermRefPicsPresent),
    num_long_term_ref_pics_sps: Math.min(control.num_long_term_ref_pics_sps, 32),
    lt_ref_pic_poc_lsb_sps: longTerm.map((entry) => entry.lt_ref_pic_poc_lsb_sps),
    used_by_curr_pic_lt_sps_flag: longTerm.map((entry) => (entry.flags & LtRpsFlag.UsedLt) !== 0),
    sps_temporal_mvp_enabled_flag: has(SpsFlag.SpsTemporalMvpEnabled),
    ChromaArrayType: separate ? 0 : control.chroma_format_idc,
    CtbLog2SizeY: ctb,
    PicWidthInCtbsY: width,
    PicHeightInCtbsY: height,
    PicSizeInCtbsY: width * height,
  };
}

export function ppsOfControl(control: CtrlPps): Pps {
  const has = (flag: bigint): boolean => (control.flags & flag) !== 0n;
  return {
    ...emptyPps(),
    pps_pic_parameter_set_id: control.pic_parameter_set_id,
    dependent_slice_segments_enabled_flag: has(PpsFlag.DependentSliceSegmentEnabled),
    output_flag_present_flag: has(PpsFlag.OutputFlagPresent),
    num_extra_slice_header_bits: Math.min(control.num_extra_slice_header_bits, 7),
    cabac_init_present_flag: has(PpsFlag.CabacInitPresent),
    num_ref_idx_l0_default_active_minus1: Math.min(control.num_ref_idx_l0_default_active_minus1, 15),
    num_ref_idx_l1_default_active_minus1: Math.min(control.num_ref_idx_l1_default_active_minus1, 15),
    init_qp_minus26: control.init_qp_minus26,
    pps_slice_chroma_qp_offsets_present_flag: has(PpsFlag.PpsSliceChromaQpOffsetsPresent),
    weighted_pred_flag: has(PpsFlag.WeightedPred),
    weighted_bipred_flag: has(PpsFlag.WeightedBipred),
    tiles_enabled_flag: has(PpsFlag.TilesEnabled),
    entropy_coding_sync_enabled_flag: has(PpsFlag.EntropyCodingSyncEnabled),
    num_tile_columns_minus1: Math.min(control.num_tile_columns_minus1, 19),
    num_tile_rows_minus1: Math.min(control.num_tile_rows_minus1, 21),
    diff_cu_qp_delta_depth: control.diff_cu_qp_delta_depth,
    log2_parallel_merge_level_minus2: control.log2_parallel_merge_level_minus2,
    pps_loop_filter_across_slices_enabled_flag: has(PpsFlag.PpsLoopFilterAcrossSlicesEnabled),
    deblocking_filter_override_enabled_flag: has(PpsFlag.DeblockingFilterOverrideEnabled),
    pps_deblocking_filter_disabled_flag: has(PpsFlag.PpsDisableDeblockingFilter),
    pps_beta_offset_div2: control.pps_beta_offset_div2,
    pps_tc_offset_div2: control.pps_tc_offset_div2,
    lists_modification_present_flag: has(PpsFlag.ListsModificationPresent),
    slice_segment_header_extension_present_flag: has(PpsFlag.SliceSegmentHeaderExtensionPresent),
  };
}

/** The sets of an SPS. One that is predicted from none that is there has no pictures. */
export function shortTermSetsOfControls(controls: readonly CtrlStRps[]): ShortTermRps[] {
  const sets: ShortTermRps[] = [];
  for (const [i, control] of controls.entries()) {
    const set = emptyShortTermRps();
    const bit = (mask: number, at: number): boolean => ((mask >>> at) & 1) !== 0;
    set.delta_idx_minus1 = control.delta_idx_minus1;
    set.delta_rps_sign = control.delta_rps_sign !== 0;
    set.abs_delta_rps_minus1 = control.abs_delta_rps_minus1;
    set.inter_ref_pic_set_prediction_flag = (control.flags & StRpsFlag.InterRefPicSetPred) !== 0;
    sets.push(set);
    if (set.inter_ref_pic_set_prediction_flag) {
      const ref = sets[i - control.delta_idx_minus1 - 1];
      if (ref === undefined) continue;
      const length = ref.DeltaPocS0.length + ref.DeltaPocS1.length + 1;
      set.NumDeltaPocsOfRefRpsIdx = length - 1;
      for (let j = 0; j < length; j += 1) {
        set.used_by_curr_pic_flag.push(bit(control.used_by_curr_pic, j));
        set.use_delta_flag.push(bit(control.use_delta_flag, j));
      }
      predictShortTermRps(set, ref);
    } else {
      const negative = Math.min(control.num_negative_pics, 16);
      const positive = Math.min(control.num_positive_pics, 16 - negative);
      set.DeltaPocS0 = running(control.delta_poc_s0_minus1, negative, -1);
      set.DeltaPocS1 = running(control.delta_poc_s1_minus1, positive, 1);
      set.UsedByCurrPicS0 = set.DeltaPocS0.map((_, j) => bit(control.used_by_curr_pic, j));
      set.UsedByCurrPicS1 = set.DeltaPocS1.map((_, j) => bit(control.used_by_curr_pic, negative + j));
    }
  }
  return sets;
}

function running(minus1: readonly number[], count: number, sign: -1 | 1): number[] {
  let poc = 0;
  return Array.from({ length: count }, (_, i) => (poc += sign * ((minus1[i] ?? 0) + 1)));
}

/**
 * The short-term set of a picture as its decode parameters describe it, for a client that does not submit those of the
 * SPS. It has the pictures that are there, and stands for any set of the SPS.
 * @param pocOf - The order count of a picture by its time stamp, where it is known.
 */
export function shortTermSetOfPicture(
  decode: StandardValue<typeof Cid.StatelessHevcDecodeParams>,
  pocOf: (timestampNs: bigint) => number | undefined,
): ShortTermRps {
  const { dpb, poc_st_curr_before, poc_st_curr_after, poc_lt_curr } = decode;
  const before = poc_st_curr_before.slice(0, decode.num_poc_st_curr_before);
  const after = poc_st_curr_after.slice(0, decode.num_poc_st_curr_after);
  const others = new Set([...before, ...after, ...poc_lt_curr.slice(0, decode.num_poc_lt_curr)]);
  const distance = (index: number): number => {
    const entry = dpb[index];
    if (entry === undefined) return 0;
    return (pocOf(entry.timestamp) ?? entry.pic_order_cnt_val) - decode.pic_order_cnt_val;
  };
  const following = dpb.slice(0, decode.num_active_dpb_entries).flatMap(({ flags }, i) => {
    return others.has(i) || (flags & DpbEntryFlag.LongTermReference) !== 0 ? [] : [distance(i)];
  });
  const used = (indices: readonly number[]): boolean[] => indices.map(() => true);
  const unused = (deltas: readonly number[]): boolean[] => deltas.map(() => false);
  const earlier = following.filter((delta) => delta < 0);
  const later = following.filter((delta) => delta > 0);
  return {
    ...emptyShortTermRps(),
    DeltaPocS0: [...before.map(distance), ...earlier],
    UsedByCurrPicS0: [...used(before), ...unused(earlier)],
    DeltaPocS1: [...after.map(distance), ...later],
    UsedByCurrPicS1: [...used(after), ...unused(later)],
  };
}
