/** What HEVC's controls should hold, by what slice segment headers say and by the pictures before. */
import { hevc, type ControlValues } from "../../codec/index.js";
import type { ExpectedControl, ExpectedFlag, ExpectedValue, FieldElements, FieldPlace } from "./compare.js";
import { entriesOf, type DpbIndices } from "./dpb-entries.js";

const { DecodeParamFlag, DpbEntryFlag, SliceFlag, SliceType } = hevc;

export type DecodeParams = NonNullable<ControlValues["StatelessHevcDecodeParams"]>;
export type SliceParams = NonNullable<ControlValues["StatelessHevcSliceParams"]>[number];
type DpbEntry = DecodeParams["dpb"][number];
type Picture = hevc.DecodedPicture | undefined;

const pictureSet: FieldPlace = { element: "the reference picture set", section: "8.3.2" };
const lists: FieldPlace = { element: "the reference picture lists", section: "8.3.4" };
const order: FieldPlace = { element: "PicOrderCntVal", section: "8.3.1" };
const nalUnit: FieldPlace = { element: "the NAL unit", section: "7.3.1.1" };

/** Of `pred_weight_table`, `list` being l0 or l1. */
function weightElements(list: "l0" | "l1"): FieldElements {
  const table = "HEVC_SLICE_PARAMS[].pred_weight_table";
  return {
    [`${table}.delta_luma_weight_${list}[]`]: ([, i = 0]) => `delta_luma_weight_${list}[${i}]`,
    [`${table}.luma_offset_${list}[]`]: ([, i = 0]) => `luma_offset_${list}[${i}]`,
    [`${table}.delta_chroma_weight_${list}[][]`]: ([, i = 0, j = 0]) =>
      `delta_chroma_weight_${list}[${i}][${j}]`,
    [`${table}.chroma_offset_${list}[][]`]: ([, i = 0, j = 0]) => `delta_chroma_offset_${list}[${i}][${j}]`,
  };
}

/** Fields whose syntax elements have other names, and those that follow from pictures before. */
export const elements: FieldElements = {
  "HEVC_PPS.pic_parameter_set_id": "slice_pic_parameter_set_id",
  "HEVC_DECODE_PARAMS.pic_order_cnt_val": order,
  "HEVC_DECODE_PARAMS.short_term_ref_pic_set_size": { element: "st_ref_pic_set()", section: "7.3.6.1" },
  "HEVC_DECODE_PARAMS.long_term_ref_pic_set_size": { element: "its long-term part", section: "7.3.6.1" },
  "HEVC_DECODE_PARAMS.num_delta_pocs_of_ref_rps_idx": {
    element: "NumDeltaPocs[RefRpsIdx]",
    section: "7.4.8",
  },
  "HEVC_DECODE_PARAMS.num_active_dpb_entries": pictureSet,
  "HEVC_DECODE_PARAMS.num_poc_st_curr_before": { element: "NumPocStCurrBefore", section: "8.3.2" },
  "HEVC_DECODE_PARAMS.num_poc_st_curr_after": { element: "NumPocStCurrAfter", section: "8.3.2" },
  "HEVC_DECODE_PARAMS.num_poc_lt_curr": { element: "NumPocLtCurr", section: "8.3.2" },
  "HEVC_DECODE_PARAMS.poc_st_curr_before[]": { element: "PocStCurrBefore", section: "8.3.2" },
  "HEVC_DECODE_PARAMS.poc_st_curr_after[]": { element: "PocStCurrAfter", section: "8.3.2" },
  "HEVC_DECODE_PARAMS.poc_lt_curr[]": { element: "PocLtCurr", section: "8.3.2" },
  "HEVC_DECODE_PARAMS.dpb[].timestamp": pictureSet,
  "HEVC_DECODE_PARAMS.dpb[].pic_order_cnt_val": order,
  "HEVC_DECODE_PARAMS.dpb[].field_pic": { element: "pic_struct of an earlier request", section: "D.3.3" },
  "HEVC_SLICE_PARAMS[].bit_size": nalUnit,
  "HEVC_SLICE_PARAMS[].data_byte_offset": { element: "slice_segment_data()", section: "7.3.6.1" },
  "HEVC_SLICE_PARAMS[].slice_pic_order_cnt": order,
  "HEVC_SLICE_PARAMS[].slice_segment_addr": "slice_segment_address",
  "HEVC_SLICE_PARAMS[].short_term_ref_pic_set_size": { element: "st_ref_pic_set()", section: "7.3.6.1" },
  "HEVC_SLICE_PARAMS[].long_term_ref_pic_set_size": { element: "its long-term part", section: "7.3.6.1" },
  "HEVC_SLICE_PARAMS[].pic_struct": { element: "pic_struct of an earlier request", section: "D.3.3" },
  "HEVC_SLICE_PARAMS[].ref_idx_l0[]": lists,
  "HEVC_SLICE_PARAMS[].ref_idx_l1[]": lists,
  "HEVC_SLICE_PARAMS[].pred_weight_table.luma_log2_weight_denom": "luma_log2_weight_denom",
  "HEVC_SLICE_PARAMS[].pred_weight_table.delta_chroma_log2_weight_denom": "delta_chroma_log2_weight_denom",
  ...weightElements("l0"),
  ...weightElements("l1"),
  "HEVC_ENTRY_POINT_OFFSETS.[]": { element: "entry_point_offset_minus1 + 1", section: "7.3.6.1" },
  "HEVC_ENTRY_POINT_OFFSETS.length": { element: "num_entry_point_offsets of all slices", section: "7.3.6.1" },
  "HEVC_SLICE_PARAMS.length": { element: "the slice segments of the OUTPUT buffer", section: "7.3.6.1" },
};

const flag = (name: string, mask: bigint, isSet: boolean, element: string): ExpectedFlag => ({
  name,
  mask,
  isSet,
  element,
});

/** @param knowsPicStruct - Did slice parameters tell `pic_struct` of the pictures before? */
export function expectedDecodeParams(
  picture: hevc.CodedPicture,
  submitted: DecodeParams,
  knowsPicStruct: boolean,
): { readonly control: ExpectedControl; readonly indices: DpbIndices } {
  const { nal, references, set } = picture;
  const [{ segment }] = picture.slices;
  const header = segment.slice;
  const active = submitted.num_active_dpb_entries;
  const indices = entriesOf(references, submitted.dpb, [
    (entry, reference, i) => i < active && entry.timestamp === reference.timestampNs,
    (entry, reference, i) => i < active && entry.pic_order_cnt_val === reference.poc,
    (entry, reference) => entry.timestamp === reference.timestampNs,
    () => true,
  ]);
  const dpb: (ExpectedValue | undefined)[] = new Array<undefined>(submitted.dpb.length).fill(undefined);
  const flags: ExpectedFlag[] = [];
  for (const reference of references) {
    const index = indices.get(reference.timestampNs);
    const entry = index === undefined ? undefined : submitted.dpb[index];
    if (index === undefined || entry === undefined) continue;
    dpb[index] = {
      timestamp: reference.timestampNs,
      pic_order_cnt_val: reference.poc,
      field_pic: knowsPicStruct ? reference.picStruct : undefined,
    };
    flags.push(longTermFlag(index, entry, reference.longTerm));
  }
  const isIdr = hevc.isIdr(nal.nal_unit_type);
  const inSlice = !isIdr && !header.short_term_ref_pic_set_sps_flag;
  const control: ExpectedControl = {
    control: "HEVC_DECODE_PARAMS",
    fields: {
      pic_order_cnt_val: picture.poc,
      short_term_ref_pic_set_size: header.shortTermRefPicSetSize,
      long_term_ref_pic_set_size: header.longTermRefPicSetSize,
      num_active_dpb_entries: references.length,
      num_poc_st_curr_before: set.stCurrBefore.length,
      num_poc_st_curr_after: set.stCurrAfter.length,
      num_poc_lt_curr: set.ltCurr.length,
      poc_st_curr_before: indicesOf(set.stCurrBefore, indices),
      poc_st_curr_after: indicesOf(set.stCurrAfter, indices),
      poc_lt_curr: indicesOf(set.ltCurr, indices),
      num_delta_pocs_of_ref_rps_idx: inSlice ? header.CurrRps.NumDeltaPocsOfRefRpsIdx : 0,
      dpb,
    },
    flags: [
      flag("IRAP_PIC", DecodeParamFlag.IrapPic, hevc.isIrap(nal.nal_unit_type), "nal_unit_type"),
      flag("IDR_PIC", DecodeParamFlag.IdrPic, isIdr, "nal_unit_type"),
      flag(
        "NO_OUTPUT_OF_PRIOR",
        DecodeParamFlag.NoOutputOfPrior,
        segment.no_output_of_prior_pics_flag,
        "no_output_of_prior_pics_flag",
      ),
      ...flags,
    ],
  };
  return { control, indices };
}

function longTermFlag(index: number, { flags }: DpbEntry, isSet: boolean): ExpectedFlag {
  const word = { path: `dpb[${index}].flags`, value: flags };
  const mask = DpbEntryFlag.LongTermReference;
  return { name: "LONG_TERM_REFERENCE", mask, isSet, element: "the reference picture set", word };
}

/** Nothing is said of a picture that is not there. */
function indicesOf(pictures: readonly Picture[], indices: DpbIndices): (number | undefined)[] {
  return pictures.map((picture) => (picture === undefined ? undefined : indices.get(picture.timestampNs)));
}

/** @param picStruct - Undefined where no earlier request tells. */
export function expectedSliceParams(
  picture: hevc.CodedPicture,
  { nal, segment, data, dataByteOffset, lists: both }: hevc.CodedSlice,
  indices: DpbIndices | undefined,
  picStruct: number | undefined,
): ExpectedControl["fields"] {
  const header = segment.slice;
  const isB = header.slice_type === SliceType.B;
  const isInter = isB || header.slice_type === SliceType.P;
  return {
    bit_size: data.byteLength * 8,
    data_byte_offset: dataByteOffset,
    num_entry_point_offsets: segment.num_entry_point_offsets,
    nal_unit_type: nal.nal_unit_type,
    nuh_temporal_id_plus1: nal.nuh_temporal_id_plus1,
    slice_type: header.slice_type,
    colour_plane_id: header.colour_plane_id,
    slice_pic_order_cnt: picture.poc,
    num_ref_idx_l0_active_minus1: isInter ? header.num_ref_idx_l0_active_minus1 : undefined,
    num_ref_idx_l1_active_minus1: isB ? header.num_ref_idx_l1_active_minus1 : undefined,
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
    pic_struct: picStruct,
    slice_segment_addr: segment.slice_segment_address,
    ref_idx_l0: indices === undefined ? undefined : indicesOf(both[0], indices),
    ref_idx_l1: indices === undefined ? undefined : indicesOf(both[1], indices),
    short_term_ref_pic_set_size: header.shortTermRefPicSetSize,
    long_term_ref_pic_set_size: header.longTermRefPicSetSize,
    pred_weight_table: isInter ? expectedWeights(header, isB) : undefined,
  };
}

/** Undefined where the slice has no `pred_weight_table()`: then the fields mean nothing. */
function expectedWeights(header: hevc.SliceHeader, isB: boolean): ExpectedValue | undefined {
  const { l0, l1, ...denominators } = header.pred_weight_table;
  if (l0.luma_weight_flag.length === 0) return undefined;
  return {
    ...denominators,
    delta_luma_weight_l0: numbers(l0.delta_luma_weight, l0),
    luma_offset_l0: numbers(l0.luma_offset, l0),
    delta_chroma_weight_l0: pairs(l0.delta_chroma_weight, l0),
    chroma_offset_l0: pairs(l0.ChromaOffset, l0),
    delta_luma_weight_l1: isB ? numbers(l1.delta_luma_weight, l1) : undefined,
    luma_offset_l1: isB ? numbers(l1.luma_offset, l1) : undefined,
    delta_chroma_weight_l1: isB ? pairs(l1.delta_chroma_weight, l1) : undefined,
    chroma_offset_l1: isB ? pairs(l1.ChromaOffset, l1) : undefined,
  };
}

const numbers = (values: readonly (number | undefined)[], { luma_weight_flag }: hevc.ListWeights): number[] =>
  luma_weight_flag.map((_flag, i) => values[i] ?? 0);

const pairs = (
  values: readonly (readonly number[] | undefined)[],
  { luma_weight_flag }: hevc.ListWeights,
): number[][] => luma_weight_flag.map((_flag, i) => [values[i]?.[0] ?? 0, values[i]?.[1] ?? 0]);

export function expectedSliceFlags({ segment }: hevc.CodedSlice): ExpectedFlag[] {
  const { slice } = segment;
  return [
    flag("SLICE_SAO_LUMA", SliceFlag.SliceSaoLuma, slice.slice_sao_luma_flag, "slice_sao_luma_flag"),
    flag("SLICE_SAO_CHROMA", SliceFlag.SliceSaoChroma, slice.slice_sao_chroma_flag, "slice_sao_chroma_flag"),
    flag(
      "SLICE_TEMPORAL_MVP_ENABLED",
      SliceFlag.SliceTemporalMvpEnabled,
      slice.slice_temporal_mvp_enabled_flag,
      "slice_temporal_mvp_enabled_flag",
    ),
    flag("MVD_L1_ZERO", SliceFlag.MvdL1Zero, slice.mvd_l1_zero_flag, "mvd_l1_zero_flag"),
    flag("CABAC_INIT", SliceFlag.CabacInit, slice.cabac_init_flag, "cabac_init_flag"),
    flag(
      "COLLOCATED_FROM_L0",
      SliceFlag.CollocatedFromL0,
      slice.collocated_from_l0_flag,
      "collocated_from_l0_flag",
    ),
    flag("USE_INTEGER_MV", SliceFlag.UseIntegerMv, slice.use_integer_mv_flag, "use_integer_mv_flag"),
    flag(
      "SLICE_DEBLOCKING_FILTER_DISABLED",
      SliceFlag.SliceDeblockingFilterDisabled,
      slice.slice_deblocking_filter_disabled_flag,
      "slice_deblocking_filter_disabled_flag",
    ),
    flag(
      "SLICE_LOOP_FILTER_ACROSS_SLICES_ENABLED",
      SliceFlag.SliceLoopFilterAcrossSlicesEnabled,
      slice.slice_loop_filter_across_slices_enabled_flag,
      "slice_loop_filter_across_slices_enabled_flag",
    ),
    flag(
      "DEPENDENT_SLICE_SEGMENT",
      SliceFlag.DependentSliceSegment,
      segment.dependent_slice_segment_flag,
      "dependent_slice_segment_flag",
    ),
  ];
}
