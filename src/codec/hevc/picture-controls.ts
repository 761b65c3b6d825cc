/** V4L2's controls for a picture and its slices: decode parameters and slice parameters. */
import type { Cid, StandardValue } from "../../v4l2/index.js";
import { CodecError } from "../bits/index.js";
import { filled, flags64 } from "./control-values.js";
import type { DecodedPicture } from "./dpb.js";
import { DecodeParamFlag, DpbEntryFlag, SliceFlag } from "./flags.js";
import { isIdr, isIrap } from "./nal.js";
import { CODEC } from "./parse.js";
import type { CodedPicture, CodedSlice } from "./pictures.js";
import { SliceType, type SliceHeader } from "./syntax-slice.js";
import type { ListWeights } from "./syntax-weights.js";

type CtrlSliceParams = StandardValue<typeof Cid.StatelessHevcSliceParams>;
type CtrlDecodeParams = StandardValue<typeof Cid.StatelessHevcDecodeParams>;
type CtrlPredWeights = CtrlSliceParams["pred_weight_table"];
type DpbEntry = CtrlDecodeParams["dpb"][number];

const DPB_ENTRIES = 16;

/** No entry of the DPB: in the lists of both controls, as GStreamer has it too. */
export const NO_REFERENCE = 0xff;

const noEntry: DpbEntry = { timestamp: 0n, flags: 0, field_pic: 0, reserved: 0, pic_order_cnt_val: 0 };

/** `V4L2_CID_STATELESS_HEVC_DECODE_PARAMS`. The `poc_` arrays are indices into `dpb`, despite their names. */
export function decodeParams(picture: CodedPicture): CtrlDecodeParams {
  const { nal, references, set } = picture;
  const [first] = picture.slices;
  const header = first.segment.slice;
  const inSlice = !isIdr(nal.nal_unit_type) && !header.short_term_ref_pic_set_sps_flag;
  const indices = (pictures: readonly (DecodedPicture | undefined)[]): number[] =>
    filled(DPB_ENTRIES, (i) => indexOf(references, pictures[i]));
  return {
    pic_order_cnt_val: picture.poc,
    short_term_ref_pic_set_size: header.shortTermRefPicSetSize,
    long_term_ref_pic_set_size: header.longTermRefPicSetSize,
    num_active_dpb_entries: references.length,
    num_poc_st_curr_before: set.stCurrBefore.length,
    num_poc_st_curr_after: set.stCurrAfter.length,
    num_poc_lt_curr: set.ltCurr.length,
    poc_st_curr_before: indices(set.stCurrBefore),
    poc_st_curr_after: indices(set.stCurrAfter),
    poc_lt_curr: indices(set.ltCurr),
    num_delta_pocs_of_ref_rps_idx: inSlice ? header.CurrRps.NumDeltaPocsOfRefRpsIdx : 0,
    reserved: [0, 0, 0],
    dpb: filled(DPB_ENTRIES, (i) => dpbEntry(references[i])),
    flags: flags64(
      [isIrap(nal.nal_unit_type), DecodeParamFlag.IrapPic],
      [isIdr(nal.nal_unit_type), DecodeParamFlag.IdrPic],
      [first.segment.no_output_of_prior_pics_flag, DecodeParamFlag.NoOutputOfPrior],
    ),
  };
}

function dpbEntry(picture: DecodedPicture | undefined): DpbEntry {
  if (picture === undefined) return noEntry;
  return {
    timestamp: picture.timestampNs,
    flags: picture.longTerm ? DpbEntryFlag.LongTermReference : 0,
    field_pic: picture.picStruct,
    reserved: 0,
    pic_order_cnt_val: picture.poc,
  };
}

function indexOf(references: readonly DecodedPicture[], picture: DecodedPicture | undefined): number {
  const index = picture === undefined ? -1 : references.indexOf(picture);
  return index < 0 ? NO_REFERENCE : index;
}

/**
 * `V4L2_CID_STATELESS_HEVC_SLICE_PARAMS` for one slice segment.
 * @throws {CodecError} A weight offset of high precision does not fit into the 8 bits that the control has.
 */
export function sliceParams(picture: CodedPicture, slice: CodedSlice): CtrlSliceParams {
  const { nal, segment } = slice;
  const header = segment.slice;
  const list = (entries: readonly (DecodedPicture | undefined)[]): number[] =>
    filled(DPB_ENTRIES, (i) => indexOf(picture.references, entries[i]));
  return {
    bit_size: slice.data.byteLength * 8,
    data_byte_offset: slice.dataByteOffset,
    num_entry_point_offsets: segment.num_entry_point_offsets,
    nal_unit_type: nal.nal_unit_type,
    nuh_temporal_id_plus1: nal.nuh_temporal_id_plus1,
    slice_type: header.slice_type,
    colour_plane_id: header.colour_plane_id,
    slice_pic_order_cnt: picture.poc,
    num_ref_idx_l0_active_minus1: header.num_ref_idx_l0_active_minus1,
    num_ref_idx_l1_active_minus1: header.num_ref_idx_l1_active_minus1,
    collocated_ref_idx: header.collocated_ref_idx,
    five_minus_max_num_merge_cand: header.five_minus_max_num_merge_cand,
    slice_qp_delta: header.slice_qp_delta,
    slice_cb_qp_offset: header.slice_cb_qp_offset,
    slice_cr_qp_offset: header.slice_cr_qp_offset,
    slice_act_y_qp_offset: header.slice_act_y_qp_offset,
    slice_act_cb_qp_offset: header.slice_act_cb_qp_offset,
    slice_act_cr_qp_offset: header.slice_act_cr_qp_offset,
    slice_beta_offset_div2: header.slice_beta_offset_div2,
    slice_tc_offset_div2: header.slice_tc_offset_div2,
    pic_struct: picture.picStruct,
    reserved0: [0, 0, 0],
    slice_segment_addr: segment.slice_segment_address,
    ref_idx_l0: list(slice.lists[0]),
    ref_idx_l1: list(slice.lists[1]),
    short_term_ref_pic_set_size: header.shortTermRefPicSetSize,
    long_term_ref_pic_set_size: header.longTermRefPicSetSize,
    pred_weight_table: predWeights(header),
    reserved1: [0, 0],
    flags: flags64(
      [header.slice_sao_luma_flag, SliceFlag.SliceSaoLuma],
      [header.slice_sao_chroma_flag, SliceFlag.SliceSaoChroma],
      [header.slice_temporal_mvp_enabled_flag, SliceFlag.SliceTemporalMvpEnabled],
      [header.mvd_l1_zero_flag, SliceFlag.MvdL1Zero],
      [header.cabac_init_flag, SliceFlag.CabacInit],
      [header.collocated_from_l0_flag, SliceFlag.CollocatedFromL0],
      [header.use_integer_mv_flag, SliceFlag.UseIntegerMv],
      [header.slice_deblocking_filter_disabled_flag, SliceFlag.SliceDeblockingFilterDisabled],
      [header.slice_loop_filter_across_slices_enabled_flag, SliceFlag.SliceLoopFilterAcrossSlicesEnabled],
      [segment.dependent_slice_segment_flag, SliceFlag.DependentSliceSegment],
    ),
  };
}

const zeros = filled(DPB_ENTRIES, () => 0);
const zeroPairs = filled(DPB_ENTRIES, () => [0, 0]);
const noWeights: CtrlPredWeights = {
  delta_luma_weight_l0: zeros,
  luma_offset_l0: zeros,
  delta_chroma_weight_l0: zeroPairs,
  chroma_offset_l0: zeroPairs,
  delta_luma_weight_l1: zeros,
  luma_offset_l1: zeros,
  delta_chroma_weight_l1: zeroPairs,
  chroma_offset_l1: zeroPairs,
  luma_log2_weight_denom: 0,
  delta_chroma_log2_weight_denom: 0,
};

/** `chroma_offset` is `ChromaOffsetL0` and `ChromaOffsetL1`: what the slice header has does not fit into 8 bits. */
function predWeights(header: SliceHeader): CtrlPredWeights {
  const table = header.pred_weight_table;
  if (header.slice_type === SliceType.I || table.l0.luma_weight_flag.length === 0) return noWeights;
  const { l0, l1 } = table;
  return {
    delta_luma_weight_l0: numbers(l0.delta_luma_weight),
    luma_offset_l0: offsets(l0.luma_offset),
    delta_chroma_weight_l0: pairs(l0.delta_chroma_weight),
    chroma_offset_l0: chromaOffsets(l0),
    delta_luma_weight_l1: numbers(l1.delta_luma_weight),
    luma_offset_l1: offsets(l1.luma_offset),
    delta_chroma_weight_l1: pairs(l1.delta_chroma_weight),
    chroma_offset_l1: chromaOffsets(l1),
    luma_log2_weight_denom: table.luma_log2_weight_denom,
    delta_chroma_log2_weight_denom: table.delta_chroma_log2_weight_denom,
  };
}

function numbers(values: readonly (number | undefined)[]): number[] {
  return filled(DPB_ENTRIES, (i) => values[i] ?? 0);
}

function pairs(values: readonly (readonly number[] | undefined)[]): number[][] {
  return filled(DPB_ENTRIES, (i) => [values[i]?.[0] ?? 0, values[i]?.[1] ?? 0]);
}

function chromaOffsets(weights: ListWeights): number[][] {
  weights.ChromaOffset.forEach(offsets);
  return pairs(weights.ChromaOffset);
}

function offsets(values: readonly (number | undefined)[]): number[] {
  const wrong = values.find((value) => value !== undefined && (value < -128 || value > 127));
  if (wrong !== undefined) {
    throw new CodecError(`a weight offset of ${wrong} does not fit into the 8 bits of V4L2's control`, {
      codec: CODEC,
      section: "7.4.7.3",
    });
  }
  return numbers(values);
}
