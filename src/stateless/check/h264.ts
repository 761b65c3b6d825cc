/** What the slice header in an OUTPUT buffer says of H.264's controls. */
import { CodecError, h264, RbspBuffer, RecordingReader, startCodeUnits } from "../../codec/index.js";
import type { ControlValues } from "../../codec/index.js";
import { compareFields, FieldPlaces, type Disagreement, type ExpectedControl } from "./compare.js";

/** No slice header is longer; see src/codec/h264. */
const HEADER_BYTES = 4096;

const { DecodeParamFlag, PpsFlag, SliceFlag, SpsFlag } = h264;

type SpsControl = NonNullable<ControlValues["StatelessH264Sps"]>;
type PpsControl = NonNullable<ControlValues["StatelessH264Pps"]>;
type DecodeParams = NonNullable<ControlValues["StatelessH264DecodeParams"]>;

/** Controls in effect for a request. Without `StatelessH264SliceParams` the decode mode is frame based. */
export type H264Submitted = Pick<
  ControlValues,
  | "StatelessH264Sps"
  | "StatelessH264Pps"
  | "StatelessH264DecodeParams"
  | "StatelessH264SliceParams"
  | "StatelessH264PredWeights"
>;

/** Either what differs, or why nothing could be compared. */
export interface CheckResult {
  readonly disagreements: readonly Disagreement[];
  readonly problem?: string;
}

/** Fields whose syntax elements have other names. */
const elements = {
  "H264_PPS.pic_parameter_set_id": "pic_parameter_set_id",
  "H264_DECODE_PARAMS.delta_pic_order_cnt0": "delta_pic_order_cnt[0]",
  "H264_DECODE_PARAMS.delta_pic_order_cnt1": "delta_pic_order_cnt[1]",
  "H264_DECODE_PARAMS.top_field_order_cnt": "pic_order_cnt_lsb",
  "H264_DECODE_PARAMS.bottom_field_order_cnt": "pic_order_cnt_lsb",
};

const rbsp = new RbspBuffer();

/**
 * Checks one request.
 * @param bitstream - The OUTPUT buffer, or its start: a copy, which no client can change.
 */
export function checkH264(submitted: H264Submitted, bitstream: Uint8Array): CheckResult {
  const { StatelessH264Sps: spsControl, StatelessH264Pps: ppsControl } = submitted;
  const decode = submitted.StatelessH264DecodeParams;
  if (spsControl === undefined || ppsControl === undefined || decode === undefined) {
    return { disagreements: [] };
  }
  const unit = firstSlice(bitstream);
  if (unit === undefined) return { disagreements: [], problem: "there is no slice in its OUTPUT buffer" };
  const places = new FieldPlaces(elements);
  const reader = new RecordingReader("H.264", places);
  reader.load(rbsp.unescape(unit, HEADER_BYTES).bytes);
  const nal = { nal_ref_idc: 0, nal_unit_type: 0 };
  const slice = h264.emptySliceHeader();
  const sps = spsOf(spsControl);
  const pps = ppsOf(ppsControl);
  try {
    h264.nalUnitHeader(reader, nal);
    h264.sliceHeader(reader, slice, nal, () => ({ sps, pps }));
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    const problem = `the slice header cannot be parsed with the submitted SPS and PPS: ${error.message}`;
    return { disagreements: [], problem };
  }
  const expected = [
    [expectedPps(slice), ppsControl],
    [expectedDecodeParams(nal, slice, sps, pps, decode), decode],
    [expectedSliceParams(slice, pps), submitted.StatelessH264SliceParams],
    [expectedWeights(slice, sps, pps), submitted.StatelessH264PredWeights],
  ] as const;
  const perSlice = submitted.StatelessH264SliceParams !== undefined;
  const disagreements = expected.flatMap(([control, value], i) =>
    control === undefined || value === undefined || (i === 3 && !perSlice)
      ? []
      : compareFields(control, { ...value }, places),
  );
  return { disagreements };
}

/** The first slice: of a byte stream, or the buffer itself where it has no start codes. */
function firstSlice(bitstream: Uint8Array): Uint8Array | undefined {
  const [a, b, c, d] = bitstream;
  const isByteStream = a === 0 && b === 0 && (c === 1 || (c === 0 && d === 1));
  if (!isByteStream) return h264.isSlice(a) ? bitstream : undefined;
  for (const { data } of startCodeUnits(bitstream)) if (h264.isSlice(data[0])) return data;
  return undefined;
}

/** The parameter set as far as slice headers depend on it. */
function spsOf(control: SpsControl): h264.Sps {
  const has = (flag: number): boolean => (control.flags & flag) !== 0;
  return {
    ...h264.emptySps(),
    chroma_format_idc: control.chroma_format_idc,
    separate_colour_plane_flag: has(SpsFlag.SeparateColourPlane),
    bit_depth_luma_minus8: control.bit_depth_luma_minus8,
    bit_depth_chroma_minus8: control.bit_depth_chroma_minus8,
    log2_max_frame_num_minus4: Math.min(control.log2_max_frame_num_minus4, 12),
    pic_order_cnt_type: control.pic_order_cnt_type,
    log2_max_pic_order_cnt_lsb_minus4: Math.min(control.log2_max_pic_order_cnt_lsb_minus4, 12),
    delta_pic_order_always_zero_flag: has(SpsFlag.DeltaPicOrderAlwaysZero),
    max_num_ref_frames: control.max_num_ref_frames,
    pic_width_in_mbs_minus1: control.pic_width_in_mbs_minus1,
    pic_height_in_map_units_minus1: control.pic_height_in_map_units_minus1,
    frame_mbs_only_flag: has(SpsFlag.FrameMbsOnly),
    mb_adaptive_frame_field_flag: has(SpsFlag.MbAdaptiveFrameField),
  };
}

function ppsOf(control: PpsControl): h264.Pps {
  const has = (flag: number): boolean => (control.flags & flag) !== 0;
  return {
    ...h264.emptyPps(),
    pic_parameter_set_id: control.pic_parameter_set_id,
    num_slice_groups_minus1: control.num_slice_groups_minus1,
    num_ref_idx_l0_default_active_minus1: control.num_ref_idx_l0_default_active_minus1,
    num_ref_idx_l1_default_active_minus1: control.num_ref_idx_l1_default_active_minus1,
    weighted_bipred_idc: control.weighted_bipred_idc,
    pic_init_qp_minus26: control.pic_init_qp_minus26,
    pic_init_qs_minus26: control.pic_init_qs_minus26,
    entropy_coding_mode_flag: has(PpsFlag.EntropyCodingMode),
    bottom_field_pic_order_in_frame_present_flag: has(PpsFlag.BottomFieldPicOrderInFramePresent),
    weighted_pred_flag: has(PpsFlag.WeightedPred),
    deblocking_filter_control_present_flag: has(PpsFlag.DeblockingFilterControlPresent),
    redundant_pic_cnt_present_flag: has(PpsFlag.RedundantPicCntPresent),
  };
}

const expectedPps = (slice: h264.SliceHeader): ExpectedControl => ({
  control: "H264_PPS",
  fields: { pic_parameter_set_id: slice.pic_parameter_set_id },
});

function expectedDecodeParams(
  nal: Readonly<h264.NalHeader>,
  slice: h264.SliceHeader,
  sps: h264.Sps,
  pps: h264.Pps,
  submitted: DecodeParams,
): ExpectedControl {
  const idr = nal.nal_unit_type === h264.NalType.IdrSlice;
  return {
    control: "H264_DECODE_PARAMS",
    fields: {
      nal_ref_idc: nal.nal_ref_idc,
      frame_num: slice.frame_num,
      ...orderCounts(slice, sps, idr, submitted),
      idr_pic_id: slice.idr_pic_id,
      pic_order_cnt_lsb: slice.pic_order_cnt_lsb,
      delta_pic_order_cnt_bottom: slice.delta_pic_order_cnt_bottom,
      delta_pic_order_cnt0: slice.delta_pic_order_cnt[0],
      delta_pic_order_cnt1: slice.delta_pic_order_cnt[1],
      dec_ref_pic_marking_bit_size: slice.dec_ref_pic_marking_bit_size,
      pic_order_cnt_bit_size: slice.pic_order_cnt_bit_size,
      // Slice groups are described by fields that no control has.
      ...(pps.num_slice_groups_minus1 === 0 && { slice_group_change_cycle: 0 }),
    },
    flags: [
      { name: "IDR_PIC", mask: DecodeParamFlag.IdrPic, isSet: idr, element: "nal_unit_type" },
      {
        name: "FIELD_PIC",
        mask: DecodeParamFlag.FieldPic,
        isSet: slice.field_pic_flag,
        element: "field_pic_flag",
      },
      {
        name: "BOTTOM_FIELD",
        mask: DecodeParamFlag.BottomField,
        isSet: slice.bottom_field_flag,
        element: "bottom_field_flag",
      },
    ],
  };
}

/** Order counts of type 0: the low bits of each are in the slice header, the others follow from pictures before. 8.2.1.1 */
function orderCounts(
  slice: h264.SliceHeader,
  sps: h264.Sps,
  idr: boolean,
  submitted: DecodeParams,
): ExpectedControl["fields"] {
  if (sps.pic_order_cnt_type !== 0) return {};
  const size = 2 ** (sps.log2_max_pic_order_cnt_lsb_minus4 + 4);
  const like = (value: number, low: number): number =>
    idr ? low : value + ((((low - value) % size) + size) % size);
  const { top_field_order_cnt: top, bottom_field_order_cnt: bottom } = submitted;
  const lsb = slice.pic_order_cnt_lsb;
  const isTop = !slice.field_pic_flag || !slice.bottom_field_flag;
  const isBottom = !slice.field_pic_flag || slice.bottom_field_flag;
  return {
    ...(isTop && { top_field_order_cnt: like(top, lsb) }),
    ...(isBottom && { bottom_field_order_cnt: like(bottom, lsb + slice.delta_pic_order_cnt_bottom) }),
  };
}

function expectedSliceParams(slice: h264.SliceHeader, pps: h264.Pps): ExpectedControl {
  return {
    control: "H264_SLICE_PARAMS",
    fields: {
      ...(pps.num_slice_groups_minus1 === 0 && { header_bit_size: slice.header_bit_size }),
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
      ...(h264.hasList(slice, 0) && { num_ref_idx_l0_active_minus1: slice.num_ref_idx_active_minus1[0] }),
      ...(h264.hasList(slice, 1) && { num_ref_idx_l1_active_minus1: slice.num_ref_idx_active_minus1[1] }),
    },
    flags: [
      {
        name: "DIRECT_SPATIAL_MV_PRED",
        mask: SliceFlag.DirectSpatialMvPred,
        isSet: slice.direct_spatial_mv_pred_flag,
        element: "direct_spatial_mv_pred_flag",
      },
      {
        name: "SP_FOR_SWITCH",
        mask: SliceFlag.SpForSwitch,
        isSet: slice.sp_for_switch_flag,
        element: "sp_for_switch_flag",
      },
    ],
  };
}

/** Undefined where the slice has no `pred_weight_table()`: then the control means nothing. */
function expectedWeights(slice: h264.SliceHeader, sps: h264.Sps, pps: h264.Pps): ExpectedControl | undefined {
  if (!h264.hasWeights(slice, pps)) return undefined;
  const hasChroma = sps.chroma_format_idc !== 0 && !sps.separate_colour_plane_flag;
  return {
    control: "H264_PRED_WEIGHTS",
    fields: {
      luma_log2_weight_denom: slice.luma_log2_weight_denom,
      ...(hasChroma && { chroma_log2_weight_denom: slice.chroma_log2_weight_denom }),
      weight_factors: slice.weights.map(({ luma_weight, luma_offset, chroma_weight, chroma_offset }) => ({
        luma_weight,
        luma_offset,
        chroma_weight,
        chroma_offset,
      })),
    },
  };
}
