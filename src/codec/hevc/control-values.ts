/** V4L2's controls for parameter sets: what is in SPS and PPS, in the structs of linux/v4l2-controls.h. */
import type { Cid, StandardValue } from "../../v4l2/index.js";
import { LtRpsFlag, PpsFlag, SpsFlag, StRpsFlag } from "./flags.js";
import type { Pps } from "./syntax-pps.js";
import type { ShortTermRps } from "./syntax-rps.js";
import { defaultScalingLists, emptyScalingLists, type ScalingLists } from "./syntax-scaling.js";
import type { Sps } from "./syntax-sps.js";

type CtrlSps = StandardValue<typeof Cid.StatelessHevcSps>;
type CtrlPps = StandardValue<typeof Cid.StatelessHevcPps>;
type CtrlScalingMatrix = StandardValue<typeof Cid.StatelessHevcScalingMatrix>;
type CtrlStRps = StandardValue<typeof Cid.StatelessHevcExtSpsStRps>;
type CtrlLtRps = StandardValue<typeof Cid.StatelessHevcExtSpsLtRps>;

/** `Array.from` with an index, which all arrays of the structs need. */
export function filled<Value>(length: number, at: (index: number) => Value): Value[] {
  return Array.from({ length }, (_, i) => at(i));
}

/** The sum of the flags that are true. */
export function flags64(...pairs: readonly (readonly [boolean, bigint])[]): bigint {
  return pairs.reduce((sum, [isSet, flag]) => (isSet ? sum | flag : sum), 0n);
}

/** `V4L2_CID_STATELESS_HEVC_SPS`. The picture buffer is that of the highest sub-layer. */
export function spsControl(sps: Sps): CtrlSps {
  const top = sps.sps_max_sub_layers_minus1;
  const { ordering } = sps;
  return {
    video_parameter_set_id: sps.sps_video_parameter_set_id,
    seq_parameter_set_id: sps.sps_seq_parameter_set_id,
    pic_width_in_luma_samples: sps.pic_width_in_luma_samples,
    pic_height_in_luma_samples: sps.pic_height_in_luma_samples,
    bit_depth_luma_minus8: sps.bit_depth_luma_minus8,
    bit_depth_chroma_minus8: sps.bit_depth_chroma_minus8,
    log2_max_pic_order_cnt_lsb_minus4: sps.log2_max_pic_order_cnt_lsb_minus4,
    sps_max_dec_pic_buffering_minus1: ordering.max_dec_pic_buffering_minus1[top] ?? 0,
    sps_max_num_reorder_pics: ordering.max_num_reorder_pics[top] ?? 0,
    // 8 bits for a number of up to 32: what does not fit is no limit that a decoder could reach.
    sps_max_latency_increase_plus1: Math.min(ordering.max_latency_increase_plus1[top] ?? 0, 255),
    log2_min_luma_coding_block_size_minus3: sps.log2_min_luma_coding_block_size_minus3,
    log2_diff_max_min_luma_coding_block_size: sps.log2_diff_max_min_luma_coding_block_size,
    log2_min_luma_transform_block_size_minus2: sps.log2_min_luma_transform_block_size_minus2,
    log2_diff_max_min_luma_transform_block_size: sps.log2_diff_max_min_luma_transform_block_size,
    max_transform_hierarchy_depth_inter: sps.max_transform_hierarchy_depth_inter,
    max_transform_hierarchy_depth_intra: sps.max_transform_hierarchy_depth_intra,
    pcm_sample_bit_depth_luma_minus1: sps.pcm_sample_bit_depth_luma_minus1,
    pcm_sample_bit_depth_chroma_minus1: sps.pcm_sample_bit_depth_chroma_minus1,
    log2_min_pcm_luma_coding_block_size_minus3: sps.log2_min_pcm_luma_coding_block_size_minus3,
    log2_diff_max_min_pcm_luma_coding_block_size: sps.log2_diff_max_min_pcm_luma_coding_block_size,
    num_short_term_ref_pic_sets: sps.num_short_term_ref_pic_sets,
    num_long_term_ref_pics_sps: sps.num_long_term_ref_pics_sps,
    chroma_format_idc: sps.chroma_format_idc,
    sps_max_sub_layers_minus1: sps.sps_max_sub_layers_minus1,
    reserved: filled(6, () => 0),
    flags: flags64(
      [sps.separate_colour_plane_flag, SpsFlag.SeparateColourPlane],
      [sps.scaling_list_enabled_flag, SpsFlag.ScalingListEnabled],
      [sps.amp_enabled_flag, SpsFlag.AmpEnabled],
      [sps.sample_adaptive_offset_enabled_flag, SpsFlag.SampleAdaptiveOffset],
      [sps.pcm_enabled_flag, SpsFlag.PcmEnabled],
      [sps.pcm_loop_filter_disabled_flag, SpsFlag.PcmLoopFilterDisabled],
      [sps.long_term_ref_pics_present_flag, SpsFlag.LongTermRefPicsPresent],
      [sps.sps_temporal_mvp_enabled_flag, SpsFlag.SpsTemporalMvpEnabled],
      [sps.strong_intra_smoothing_enabled_flag, SpsFlag.StrongIntraSmoothingEnabled],
    ),
  };
}

/** `V4L2_CID_STATELESS_HEVC_PPS`. Tile sizes are only filled where the stream tells them: not for uniform spacing. */
export function ppsControl(pps: Pps): CtrlPps {
  return {
    pic_parameter_set_id: pps.pps_pic_parameter_set_id,
    num_extra_slice_header_bits: pps.num_extra_slice_header_bits,
    num_ref_idx_l0_default_active_minus1: pps.num_ref_idx_l0_default_active_minus1,
    num_ref_idx_l1_default_active_minus1: pps.num_ref_idx_l1_default_active_minus1,
    init_qp_minus26: pps.init_qp_minus26,
    diff_cu_qp_delta_depth: pps.diff_cu_qp_delta_depth,
    pps_cb_qp_offset: pps.pps_cb_qp_offset,
    pps_cr_qp_offset: pps.pps_cr_qp_offset,
    num_tile_columns_minus1: pps.num_tile_columns_minus1,
    num_tile_rows_minus1: pps.num_tile_rows_minus1,
    column_width_minus1: filled(20, (i) => pps.column_width_minus1[i] ?? 0),
    row_height_minus1: filled(22, (i) => pps.row_height_minus1[i] ?? 0),
    pps_beta_offset_div2: pps.pps_beta_offset_div2,
    pps_tc_offset_div2: pps.pps_tc_offset_div2,
    log2_parallel_merge_level_minus2: pps.log2_parallel_merge_level_minus2,
    reserved: 0,
    flags: ppsFlags(pps),
  };
}

function ppsFlags(pps: Pps): bigint {
  return flags64(
    [pps.dependent_slice_segments_enabled_flag, PpsFlag.DependentSliceSegmentEnabled],
    [pps.output_flag_present_flag, PpsFlag.OutputFlagPresent],
    [pps.sign_data_hiding_enabled_flag, PpsFlag.SignDataHidingEnabled],
    [pps.cabac_init_present_flag, PpsFlag.CabacInitPresent],
    [pps.constrained_intra_pred_flag, PpsFlag.ConstrainedIntraPred],
    [pps.transform_skip_enabled_flag, PpsFlag.TransformSkipEnabled],
    [pps.cu_qp_delta_enabled_flag, PpsFlag.CuQpDeltaEnabled],
    [pps.pps_slice_chroma_qp_offsets_present_flag, PpsFlag.PpsSliceChromaQpOffsetsPresent],
    [pps.weighted_pred_flag, PpsFlag.WeightedPred],
    [pps.weighted_bipred_flag, PpsFlag.WeightedBipred],
    [pps.transquant_bypass_enabled_flag, PpsFlag.TransquantBypassEnabled],
    [pps.tiles_enabled_flag, PpsFlag.TilesEnabled],
    [pps.entropy_coding_sync_enabled_flag, PpsFlag.EntropyCodingSyncEnabled],
    [pps.loop_filter_across_tiles_enabled_flag, PpsFlag.LoopFilterAcrossTilesEnabled],
    [pps.pps_loop_filter_across_slices_enabled_flag, PpsFlag.PpsLoopFilterAcrossSlicesEnabled],
    [pps.deblocking_filter_override_enabled_flag, PpsFlag.DeblockingFilterOverrideEnabled],
    [pps.pps_deblocking_filter_disabled_flag, PpsFlag.PpsDisableDeblockingFilter],
    [pps.lists_modification_present_flag, PpsFlag.ListsModificationPresent],
    [pps.slice_segment_header_extension_present_flag, PpsFlag.SliceSegmentHeaderExtensionPresent],
    [pps.deblocking_filter_control_present_flag, PpsFlag.DeblockingFilterControlPresent],
    [pps.uniform_spacing_flag, PpsFlag.UniformSpacing],
  );
}

/** The raster position of each coefficient of the up-right diagonal scan: 6.5.3. */
function diagonalScan(size: number): number[] {
  const order: number[] = [];
  for (let diagonal = 0; diagonal < 2 * size - 1; diagonal += 1) {
    for (let y = Math.min(diagonal, size - 1); y >= 0 && diagonal - y < size; y -= 1) {
      order.push(y * size + diagonal - y);
    }
  }
  return order;
}

const scan4 = diagonalScan(4);
const scan8 = diagonalScan(8);
const defaults = defaultScalingLists();

function raster(list: readonly number[] | undefined, scan: readonly number[]): number[] {
  const values = new Array<number>(scan.length).fill(0);
  scan.forEach((position, i) => (values[position] = list?.[i] ?? 0));
  return values;
}

const noLists: CtrlScalingMatrix = {
  scaling_list_4x4: filled(6, () => filled(16, () => 0)),
  scaling_list_8x8: filled(6, () => filled(64, () => 0)),
  scaling_list_16x16: filled(6, () => filled(64, () => 0)),
  scaling_list_32x32: filled(2, () => filled(64, () => 0)),
  scaling_list_dc_coef_16x16: filled(6, () => 0),
  scaling_list_dc_coef_32x32: filled(2, () => 0),
};

/**
 * `V4L2_CID_STATELESS_HEVC_SCALING_MATRIX`, in raster order; all 0 without `scaling_list_enabled_flag`.
 * 32x32 has lists for luma only. With 4:4:4 a decoder takes those of 16x16 for chroma: equation 7-43.
 */
export function scalingMatrix(sps: Sps, pps: Pps): CtrlScalingMatrix {
  if (!sps.scaling_list_enabled_flag) return noLists;
  const lists = pps.pps_scaling_list_data_present_flag
    ? pps.scaling_list_data
    : sps.sps_scaling_list_data_present_flag
      ? sps.scaling_list_data
      : defaults;
  return matrixOf(lists);
}

const matrices = new WeakMap<ScalingLists, CtrlScalingMatrix>();

/** Made once for each set of lists: they are the same for many pictures. */
function matrixOf(lists: ScalingLists): CtrlScalingMatrix {
  const made = matrices.get(lists);
  if (made !== undefined) return made;
  const { ScalingList: list, ScalingListDc: dc } = lists;
  const matrix: CtrlScalingMatrix = {
    scaling_list_4x4: filled(6, (i) => raster(list[0]?.[i], scan4)),
    scaling_list_8x8: filled(6, (i) => raster(list[1]?.[i], scan8)),
    scaling_list_16x16: filled(6, (i) => raster(list[2]?.[i], scan8)),
    scaling_list_32x32: filled(2, (i) => raster(list[3]?.[3 * i], scan8)),
    scaling_list_dc_coef_16x16: filled(6, (i) => dc[0]?.[i] ?? 0),
    scaling_list_dc_coef_32x32: filled(2, (i) => dc[1]?.[3 * i] ?? 0),
  };
  matrices.set(lists, matrix);
  return matrix;
}

/** The lists of a matrix as a parameter set carries them, each of them explicit: what {@link scalingMatrix} undoes. */
export function codedScalingLists(matrix: CtrlScalingMatrix): ScalingLists {
  const lists = emptyScalingLists();
  const code = (sizeId: number, matrixId: number, values: readonly number[] = [], dc?: number): void => {
    const scan = sizeId === 0 ? scan4 : scan8;
    let last = dc ?? 8;
    // Differences are modulo 256.
    const deltas = scan.map((position) => {
      const value = values[position] ?? 0;
      const delta = ((value - last + 128 + 256) % 256) - 128;
      last = value;
      return delta;
    });
    (lists.scaling_list_pred_mode_flag[sizeId] ??= [])[matrixId] = true;
    (lists.scaling_list_delta_coef[sizeId] ??= [])[matrixId] = deltas;
    if (dc !== undefined) (lists.scaling_list_dc_coef_minus8[sizeId - 2] ??= [])[matrixId] = dc - 8;
  };
  for (let i = 0; i < 6; i += 1) {
    code(0, i, matrix.scaling_list_4x4[i]);
    code(1, i, matrix.scaling_list_8x8[i]);
    code(2, i, matrix.scaling_list_16x16[i], matrix.scaling_list_dc_coef_16x16[i] ?? 0);
  }
  for (const i of [0, 1]) {
    code(3, 3 * i, matrix.scaling_list_32x32[i], matrix.scaling_list_dc_coef_32x32[i] ?? 0);
  }
  return lists;
}

/** `V4L2_CID_STATELESS_HEVC_EXT_SPS_ST_RPS`: the syntax elements of each set, and its numbers of pictures. */
export function shortTermSets(sps: Sps): CtrlStRps[] {
  return sps.st_ref_pic_set.map((rps) => ({
    delta_idx_minus1: rps.delta_idx_minus1,
    delta_rps_sign: rps.delta_rps_sign ? 1 : 0,
    num_negative_pics: rps.DeltaPocS0.length,
    num_positive_pics: rps.DeltaPocS1.length,
    ...usedMasks(rps),
    abs_delta_rps_minus1: rps.abs_delta_rps_minus1,
    delta_poc_s0_minus1: filled(16, (i) => rps.delta_poc_s0_minus1[i] ?? 0),
    delta_poc_s1_minus1: filled(16, (i) => rps.delta_poc_s1_minus1[i] ?? 0),
    flags: rps.inter_ref_pic_set_prediction_flag ? StRpsFlag.InterRefPicSetPred : 0,
  }));
}

/** For an explicit set, the flags of the pictures before and then those of the pictures behind. */
function usedMasks(rps: ShortTermRps): { used_by_curr_pic: number; use_delta_flag: number } {
  const used = rps.inter_ref_pic_set_prediction_flag
    ? rps.used_by_curr_pic_flag
    : [...rps.used_by_curr_pic_s0_flag, ...rps.used_by_curr_pic_s1_flag];
  return { used_by_curr_pic: mask(used), use_delta_flag: mask(rps.use_delta_flag) };
}

function mask(bits: readonly boolean[]): number {
  return bits.reduce((sum, bit, i) => (bit ? sum + 2 ** i : sum), 0);
}

/** `V4L2_CID_STATELESS_HEVC_EXT_SPS_LT_RPS`. */
export function longTermPictures(sps: Sps): CtrlLtRps[] {
  return sps.lt_ref_pic_poc_lsb_sps.map((lsb, i) => ({
    lt_ref_pic_poc_lsb_sps: lsb,
    flags: sps.used_by_curr_pic_lt_sps_flag[i] === true ? LtRpsFlag.UsedLt : 0,
  }));
}
