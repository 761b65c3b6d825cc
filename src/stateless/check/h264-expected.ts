/** What H.264's controls should hold, by what a slice header says and by the pictures before it. */
import { h264, type ControlValues } from "../../codec/index.js";
import type { ExpectedControl, ExpectedFlag, FieldElements } from "./compare.js";
import type { DpbIndices } from "./dpb-entries.js";
import { expectedDpb, expectedList } from "./h264-dpb.js";

const { DecodeParamFlag, SliceFlag, Structure, SliceType } = h264;

export type SpsControl = NonNullable<ControlValues["StatelessH264Sps"]>;
export type PpsControl = NonNullable<ControlValues["StatelessH264Pps"]>;
export type DecodeParams = NonNullable<ControlValues["StatelessH264DecodeParams"]>;

const order = { element: "the pictures before", section: "8.2.1" };
const marking = { element: "the marking of the pictures before", section: "8.2.5" };
const lists = { element: "the reference picture lists", section: "8.2.4" };

/** Fields whose syntax elements have other names, and those that follow from pictures before. */
export const elements: FieldElements = {
  "H264_PPS.seq_parameter_set_id": { element: "H264_SPS.seq_parameter_set_id", section: "7.4.2.2" },
  "H264_DECODE_PARAMS.delta_pic_order_cnt0": "delta_pic_order_cnt[0]",
  "H264_DECODE_PARAMS.delta_pic_order_cnt1": "delta_pic_order_cnt[1]",
  "H264_DECODE_PARAMS.top_field_order_cnt": { element: "TopFieldOrderCnt", section: "8.2.1" },
  "H264_DECODE_PARAMS.bottom_field_order_cnt": { element: "BottomFieldOrderCnt", section: "8.2.1" },
  "H264_DECODE_PARAMS.dpb[].reference_ts": marking,
  "H264_DECODE_PARAMS.dpb[].pic_num": { element: "PicNum or LongTermPicNum", section: "8.2.4.1" },
  "H264_DECODE_PARAMS.dpb[].frame_num": { element: "frame_num or LongTermFrameIdx", section: "8.2.4.1" },
  "H264_DECODE_PARAMS.dpb[].fields": marking,
  "H264_DECODE_PARAMS.dpb[].top_field_order_cnt": order,
  "H264_DECODE_PARAMS.dpb[].bottom_field_order_cnt": order,
  "H264_SLICE_PARAMS.num_ref_idx_l0_active_minus1": "num_ref_idx_l0_active_minus1",
  "H264_SLICE_PARAMS.ref_pic_list0[].index": lists,
  "H264_SLICE_PARAMS.ref_pic_list0[].fields": lists,
  "H264_SLICE_PARAMS.ref_pic_list1[].index": lists,
  "H264_SLICE_PARAMS.ref_pic_list1[].fields": lists,
  "H264_PRED_WEIGHTS.weight_factors[].luma_weight[]": ([list = 0, i = 0]) => `luma_weight_l${list}[${i}]`,
  "H264_PRED_WEIGHTS.weight_factors[].luma_offset[]": ([list = 0, i = 0]) => `luma_offset_l${list}[${i}]`,
  "H264_PRED_WEIGHTS.weight_factors[].chroma_weight[][]": ([list = 0, i = 0, j = 0]) =>
    `chroma_weight_l${list}[${i}][${j}]`,
  "H264_PRED_WEIGHTS.weight_factors[].chroma_offset[][]": ([list = 0, i = 0, j = 0]) =>
    `chroma_offset_l${list}[${i}][${j}]`,
};

/** @param allSlices - The request has all slices of its picture. */
export function expectedDecodeParams(
  picture: h264.CodedPicture,
  submitted: DecodeParams,
  knowsReferences: boolean,
  allSlices: boolean,
): { readonly control: ExpectedControl; readonly indices: DpbIndices | undefined } {
  const { nal, idr, structure, counts, slices } = picture;
  const [first] = slices;
  const slice = first?.header ?? h264.emptySliceHeader();
  // Order counts that come from pictures which nobody saw are only known in their low bits, if at all.
  const knowsOrder = knowsReferences || idr;
  const dpb = knowsReferences ? expectedDpb(picture, submitted.dpb) : undefined;
  const hasSliceGroups = (first?.pps.num_slice_groups_minus1 ?? 0) > 0;
  const control: ExpectedControl = {
    control: "H264_DECODE_PARAMS",
    fields: {
      nal_ref_idc: nal.nal_ref_idc,
      frame_num: slice.frame_num,
      top_field_order_cnt: knowsOrder && structure !== Structure.Bottom ? counts.top : undefined,
      bottom_field_order_cnt: knowsOrder && structure !== Structure.Top ? counts.bottom : undefined,
      idr_pic_id: slice.idr_pic_id,
      pic_order_cnt_lsb: slice.pic_order_cnt_lsb,
      delta_pic_order_cnt_bottom: slice.delta_pic_order_cnt_bottom,
      delta_pic_order_cnt0: slice.delta_pic_order_cnt[0],
      delta_pic_order_cnt1: slice.delta_pic_order_cnt[1],
      dec_ref_pic_marking_bit_size: slice.dec_ref_pic_marking_bit_size,
      pic_order_cnt_bit_size: slice.pic_order_cnt_bit_size,
      // Slice groups are described by fields that no control has.
      slice_group_change_cycle: hasSliceGroups ? undefined : 0,
      dpb: dpb?.entries,
    },
    flags: [
      { name: "IDR_PIC", mask: DecodeParamFlag.IdrPic, isSet: idr, element: "nal_unit_type" },
      flag("FIELD_PIC", DecodeParamFlag.FieldPic, slice.field_pic_flag, "field_pic_flag"),
      flag("BOTTOM_FIELD", DecodeParamFlag.BottomField, slice.bottom_field_flag, "bottom_field_flag"),
      ...frameTypeFlags(slices, submitted.flags, allSlices),
      ...(dpb?.flags ?? []),
    ],
  };
  return { control, indices: dpb?.indices };
}

const flag = (name: string, mask: number, isSet: boolean, element: string): ExpectedFlag => ({
  name,
  mask,
  isSet,
  element,
});

/**
 * `PFRAME` and `BFRAME`. A picture of slices of several types is called after its first slice by some clients and after
 * the one with the most references by others; both will do.
 */
function frameTypeFlags(
  slices: h264.CodedPicture["slices"],
  submitted: number,
  allSlices: boolean,
): ExpectedFlag[] {
  const { first, most } = kindsOf(slices, allSlices);
  const { PFrame, BFrame } = DecodeParamFlag;
  const [p, b] = [(submitted & PFrame) !== 0, (submitted & BFrame) !== 0];
  const kind = b ? 2 : p ? 1 : 0;
  if (!(p && b) && kind >= first && kind <= most) return [];
  return [
    flag("PFRAME", PFrame, first === 1, "slice_type"),
    flag("BFRAME", BFrame, first === 2, "slice_type"),
  ];
}

/** What a picture may be called after: the kind of its first slice, or up to that of the one with the most references. */
export function kindsOf(
  slices: h264.CodedPicture["slices"],
  allSlices: boolean,
): { readonly first: number; readonly most: number } {
  let first = -1;
  let most = 0;
  for (const { header } of slices) {
    const kind = kindOf(header);
    if (first < 0) first = kind;
    if (kind > most) most = kind;
  }
  return { first: Math.max(first, 0), most: allSlices ? most : 2 };
}

/** 0 for I and SI, 1 for P and SP, 2 for B. */
function kindOf(slice: h264.SliceHeader): number {
  const type = h264.sliceType(slice);
  if (type === SliceType.B) return 2;
  return type === SliceType.P || type === SliceType.SP ? 1 : 0;
}

/** @param indices - Where the references are in the submitted DPB; without, the lists are not looked at. */
export function expectedSliceParams(
  { header: slice, pps, lists: both }: h264.CodedSlice,
  indices: DpbIndices | undefined,
): ExpectedControl {
  return {
    control: "H264_SLICE_PARAMS",
    fields: {
      header_bit_size: pps.num_slice_groups_minus1 === 0 ? slice.header_bit_size : undefined,
      first_mb_in_slice: slice.first_mb_in_slice,
      slice_type: h264.sliceType(slice),
      colour_plane_id: slice.colour_plane_id,
      redundant_pic_cnt: slice.redundant_pic_cnt,
      cabac_init_idc: slice.cabac_init_idc,
      slice_qp_delta: slice.slice_qp_delta,
      slice_qs_delta: slice.slice_qs_delta,
      disable_deblocking_filter_idc: slice.disable_deblocking_filter_idc,
      slice_alpha_c0_offset_div2: slice.slice_alpha_c0_offset_div2,
      slice_beta_offset_div2: slice.slice_beta_offset_div2,
      num_ref_idx_l0_active_minus1: h264.hasList(slice, 0) ? slice.num_ref_idx_active_minus1[0] : undefined,
      num_ref_idx_l1_active_minus1: h264.hasList(slice, 1) ? slice.num_ref_idx_active_minus1[1] : undefined,
      ref_pic_list0: indices === undefined ? undefined : expectedList(both[0], indices),
      ref_pic_list1: indices === undefined ? undefined : expectedList(both[1], indices),
    },
    flags: [
      flag(
        "DIRECT_SPATIAL_MV_PRED",
        SliceFlag.DirectSpatialMvPred,
        slice.direct_spatial_mv_pred_flag,
        "direct_spatial_mv_pred_flag",
      ),
      flag("SP_FOR_SWITCH", SliceFlag.SpForSwitch, slice.sp_for_switch_flag, "sp_for_switch_flag"),
    ],
  };
}

/** Undefined where the slice has no `pred_weight_table()`: then the control means nothing. */
export function expectedWeights(
  slice: h264.SliceHeader,
  sps: h264.Sps,
  pps: h264.Pps,
): ExpectedControl | undefined {
  if (!h264.hasWeights(slice, pps)) return undefined;
  const hasChroma = sps.chroma_format_idc !== 0 && !sps.separate_colour_plane_flag;
  return {
    control: "H264_PRED_WEIGHTS",
    fields: {
      luma_log2_weight_denom: slice.luma_log2_weight_denom,
      chroma_log2_weight_denom: hasChroma ? slice.chroma_log2_weight_denom : undefined,
      weight_factors: slice.weights.map(({ luma_weight, luma_offset, chroma_weight, chroma_offset }) => ({
        luma_weight,
        luma_offset,
        chroma_weight,
        chroma_offset,
      })),
    },
  };
}
