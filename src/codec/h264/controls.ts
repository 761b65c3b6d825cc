/** The V4L2 stateless controls of H.264 that follow from a stream. */
import type { Cid, StandardValue } from "../../v4l2/index.js";
import { joinNalUnits } from "../files/index.js";
import type {
  ControlValues,
  FrameControls,
  FrameControlsOptions,
  RequestControls,
} from "../frame-controls.js";
import { Structure, type FrameStore } from "./dpb.js";
import { DecodeParamFlag, DpbEntryFlag, PpsFlag, SliceFlag, SpsFlag } from "./flags.js";
import { codedFrames, type CodedFrame, type CodedPicture, type CodedSlice } from "./pictures.js";
import { entryPicNum, type ReferenceList } from "./reference-lists.js";
import { hasScalingMatrix, scalingMatrix } from "./scaling.js";
import type { Pps } from "./syntax-pps.js";
import {
  hasList,
  hasWeights,
  SliceType,
  sliceType,
  type ListWeights,
  type SliceHeader,
} from "./syntax-slice.js";
import type { Sps } from "./syntax-sps.js";

type CtrlSps = StandardValue<typeof Cid.StatelessH264Sps>;
type CtrlPps = StandardValue<typeof Cid.StatelessH264Pps>;
type CtrlSliceParams = StandardValue<typeof Cid.StatelessH264SliceParams>;
type CtrlDecodeParams = StandardValue<typeof Cid.StatelessH264DecodeParams>;
type CtrlPredWeights = StandardValue<typeof Cid.StatelessH264PredWeights>;
type DpbEntry = CtrlDecodeParams["dpb"][number];
type ListEntry = CtrlSliceParams["ref_pic_list0"][number];

const DPB_ENTRIES = 16;
const LIST_LENGTH = 32;

export interface H264ControlsOptions extends FrameControlsOptions {
  /** `V4L2_CID_STATELESS_H264_DECODE_MODE`: a request for each slice, or for each picture (a frame or a field). */
  readonly decodeMode?: "slice" | "frame";
  /** `V4L2_CID_STATELESS_H264_START_CODE`. */
  readonly startCode?: "annex-b" | "none";
}

/**
 * What a stateless decoder is told to decode a byte stream (Annex B).
 * @throws {CodecError} At the first thing that the specification does not allow.
 */
export function* frameControls(
  stream: Uint8Array,
  options: H264ControlsOptions = {},
): Generator<FrameControls> {
  for (const frame of codedFrames(stream, options.timestampOf)) yield controlsOf(frame, options);
}

function controlsOf({ store, pictures }: CodedFrame, options: H264ControlsOptions): FrameControls {
  const requests: RequestControls[] = [];
  for (const picture of pictures) {
    const shared = sharedControls(picture, pictures[0]);
    if (options.decodeMode === "frame") {
      requests.push({ controls: shared, payload: payload(picture.slices, options), holdCapture: true });
      continue;
    }
    for (const slice of picture.slices) {
      const controls = { ...shared, ...sliceControls(picture, slice, shared) };
      requests.push({ controls, payload: payload([slice], options), holdCapture: true });
    }
  }
  return {
    decodeIndex: store.decodeIndex,
    timestampNs: store.timestampNs,
    requests: requests.map((request, i) => ({ ...request, holdCapture: i + 1 < requests.length })),
    shown: true,
    streamOffset: pictures[0]?.streamOffset ?? 0,
  };
}

function payload(slices: readonly CodedSlice[], { startCode }: H264ControlsOptions): Uint8Array {
  const units = slices.map(({ data }) => data);
  return startCode === "none" ? Buffer.concat(units) : joinNalUnits(units);
}

/** Controls that all slices of a picture have in common; slices may name different PPSs. */
function sharedControls(picture: CodedPicture, first: CodedPicture | undefined): ControlValues {
  const pps = picture.slices[0]?.pps;
  return {
    StatelessH264Sps: spsControl(picture.sps),
    ...(pps === undefined ? {} : ppsControls(picture.sps, pps)),
    StatelessH264DecodeParams: decodeParams(picture, first),
  };
}

function ppsControls(sps: Sps, pps: Pps): ControlValues {
  return { StatelessH264Pps: ppsControl(sps, pps), StatelessH264ScalingMatrix: scalingMatrix(sps, pps) };
}

function sliceControls(picture: CodedPicture, slice: CodedSlice, shared: ControlValues): ControlValues {
  const samePps = picture.slices[0]?.pps === slice.pps;
  return {
    ...(samePps ? {} : ppsControls(picture.sps, slice.pps)),
    StatelessH264SliceParams: sliceParams(picture, slice, shared.StatelessH264DecodeParams?.dpb ?? []),
    ...(hasWeights(slice.header, slice.pps) ? { StatelessH264PredWeights: predWeights(slice.header) } : {}),
  };
}

/** The sum of the flags that are true. */
function flags(...pairs: readonly (readonly [boolean, number])[]): number {
  return pairs.reduce((sum, [isSet, flag]) => (isSet ? sum | flag : sum), 0);
}

/** `V4L2_CID_STATELESS_H264_SPS`. */
export function spsControl(sps: Sps): CtrlSps {
  return {
    profile_idc: sps.profile_idc,
    constraint_set_flags: flags(...sps.constraint_set_flag.map((flag, i) => [flag, 1 << i] as const)),
    level_idc: sps.level_idc,
    seq_parameter_set_id: sps.seq_parameter_set_id,
    chroma_format_idc: sps.chroma_format_idc,
    bit_depth_luma_minus8: sps.bit_depth_luma_minus8,
    bit_depth_chroma_minus8: sps.bit_depth_chroma_minus8,
    log2_max_frame_num_minus4: sps.log2_max_frame_num_minus4,
    pic_order_cnt_type: sps.pic_order_cnt_type,
    log2_max_pic_order_cnt_lsb_minus4: sps.log2_max_pic_order_cnt_lsb_minus4,
    max_num_ref_frames: sps.max_num_ref_frames,
    num_ref_frames_in_pic_order_cnt_cycle: sps.num_ref_frames_in_pic_order_cnt_cycle,
    offset_for_ref_frame: filled(255, (i) => sps.offset_for_ref_frame[i] ?? 0),
    offset_for_non_ref_pic: sps.offset_for_non_ref_pic,
    offset_for_top_to_bottom_field: sps.offset_for_top_to_bottom_field,
    pic_width_in_mbs_minus1: sps.pic_width_in_mbs_minus1,
    pic_height_in_map_units_minus1: sps.pic_height_in_map_units_minus1,
    flags: flags(
      [sps.separate_colour_plane_flag, SpsFlag.SeparateColourPlane],
      [sps.qpprime_y_zero_transform_bypass_flag, SpsFlag.QpprimeYZeroTransformBypass],
      [sps.delta_pic_order_always_zero_flag, SpsFlag.DeltaPicOrderAlwaysZero],
      [sps.gaps_in_frame_num_value_allowed_flag, SpsFlag.GapsInFrameNumValueAllowed],
      [sps.frame_mbs_only_flag, SpsFlag.FrameMbsOnly],
      [sps.mb_adaptive_frame_field_flag, SpsFlag.MbAdaptiveFrameField],
      [sps.direct_8x8_inference_flag, SpsFlag.Direct8x8Inference],
    ),
  };
}

/** `V4L2_CID_STATELESS_H264_PPS`. The matrix flag is set where the matrix must be used, be it of SPS or PPS. */
export function ppsControl(sps: Sps, pps: Pps): CtrlPps {
  return {
    pic_parameter_set_id: pps.pic_parameter_set_id,
    seq_parameter_set_id: pps.seq_parameter_set_id,
    num_slice_groups_minus1: pps.num_slice_groups_minus1,
    num_ref_idx_l0_default_active_minus1: pps.num_ref_idx_l0_default_active_minus1,
    num_ref_idx_l1_default_active_minus1: pps.num_ref_idx_l1_default_active_minus1,
    weighted_bipred_idc: pps.weighted_bipred_idc,
    pic_init_qp_minus26: pps.pic_init_qp_minus26,
    pic_init_qs_minus26: pps.pic_init_qs_minus26,
    chroma_qp_index_offset: pps.chroma_qp_index_offset,
    second_chroma_qp_index_offset: pps.second_chroma_qp_index_offset,
    flags: flags(
      [pps.entropy_coding_mode_flag, PpsFlag.EntropyCodingMode],
      [pps.bottom_field_pic_order_in_frame_present_flag, PpsFlag.BottomFieldPicOrderInFramePresent],
      [pps.weighted_pred_flag, PpsFlag.WeightedPred],
      [pps.deblocking_filter_control_present_flag, PpsFlag.DeblockingFilterControlPresent],
      [pps.constrained_intra_pred_flag, PpsFlag.ConstrainedIntraPred],
      [pps.redundant_pic_cnt_present_flag, PpsFlag.RedundantPicCntPresent],
      [pps.transform_8x8_mode_flag, PpsFlag.Transform8x8Mode],
      [hasScalingMatrix(sps, pps), PpsFlag.ScalingMatrixPresent],
    ),
  };
}

/** `V4L2_CID_STATELESS_H264_DECODE_PARAMS`. @param first - The first field of the frame, if the picture may be its second. */
export function decodeParams(picture: CodedPicture, first: CodedPicture = picture): CtrlDecodeParams {
  const { nal, structure, counts, references, slices } = picture;
  const countsOf = (field: Structure): CodedPicture["counts"] =>
    (structure & field) === 0 && (first.structure & field) !== 0 ? first.counts : counts;
  const entries = references.filter((frame) => !frame.nonExisting).map((frame) => dpbEntry(frame, structure));
  const header = slices[0]?.header;
  const types = slices.map((slice) => sliceType(slice.header));
  const isB = types.includes(SliceType.B);
  const isP = types.includes(SliceType.P) || types.includes(SliceType.SP);
  return {
    dpb: filled(DPB_ENTRIES, (i) => entries[i] ?? noEntry),
    nal_ref_idc: nal.nal_ref_idc,
    frame_num: header?.frame_num ?? 0,
    top_field_order_cnt: countsOf(Structure.Top).top,
    bottom_field_order_cnt: countsOf(Structure.Bottom).bottom,
    idr_pic_id: header?.idr_pic_id ?? 0,
    pic_order_cnt_lsb: header?.pic_order_cnt_lsb ?? 0,
    delta_pic_order_cnt_bottom: header?.delta_pic_order_cnt_bottom ?? 0,
    delta_pic_order_cnt0: header?.delta_pic_order_cnt[0] ?? 0,
    delta_pic_order_cnt1: header?.delta_pic_order_cnt[1] ?? 0,
    dec_ref_pic_marking_bit_size: header?.dec_ref_pic_marking_bit_size ?? 0,
    pic_order_cnt_bit_size: header?.pic_order_cnt_bit_size ?? 0,
    slice_group_change_cycle: header?.slice_group_change_cycle ?? 0,
    reserved: 0,
    flags: flags(
      [picture.idr, DecodeParamFlag.IdrPic],
      [structure !== Structure.Frame, DecodeParamFlag.FieldPic],
      [structure === Structure.Bottom, DecodeParamFlag.BottomField],
      [isP && !isB, DecodeParamFlag.PFrame],
      [isB, DecodeParamFlag.BFrame],
    ),
  };
}

const noEntry: DpbEntry = {
  reference_ts: 0n,
  pic_num: 0,
  frame_num: 0,
  fields: 0,
  reserved: [0, 0, 0, 0, 0],
  top_field_order_cnt: 0,
  bottom_field_order_cnt: 0,
  flags: 0,
};

function dpbEntry(frame: FrameStore, current: Structure): DpbEntry {
  const long = frame.long !== 0;
  return {
    reference_ts: frame.timestampNs,
    // An unsigned 32 bit field, for a number that may be negative.
    pic_num: entryPicNum(frame, current) >>> 0,
    frame_num: long ? frame.longTermFrameIdx : frame.frameNum,
    fields: frame.short | frame.long,
    reserved: [0, 0, 0, 0, 0],
    top_field_order_cnt: (frame.decoded & Structure.Top) !== 0 ? frame.topPoc : 0,
    bottom_field_order_cnt: (frame.decoded & Structure.Bottom) !== 0 ? frame.bottomPoc : 0,
    flags: flags(
      [true, DpbEntryFlag.Valid | DpbEntryFlag.Active],
      [long, DpbEntryFlag.LongTerm],
      [frame.codedAsFields, DpbEntryFlag.Field],
    ),
  };
}

/** `V4L2_CID_STATELESS_H264_SLICE_PARAMS`. @param dpb - The entries that the lists point to. */
export function sliceParams(
  picture: CodedPicture,
  { header, lists }: CodedSlice,
  dpb: readonly DpbEntry[],
): CtrlSliceParams {
  return {
    header_bit_size: header.header_bit_size,
    first_mb_in_slice: header.first_mb_in_slice,
    slice_type: sliceType(header),
    colour_plane_id: header.colour_plane_id,
    redundant_pic_cnt: header.redundant_pic_cnt,
    cabac_init_idc: header.cabac_init_idc,
    slice_qp_delta: header.slice_qp_delta,
    slice_qs_delta: header.slice_qs_delta,
    disable_deblocking_filter_idc: header.disable_deblocking_filter_idc,
    slice_alpha_c0_offset_div2: header.slice_alpha_c0_offset_div2,
    slice_beta_offset_div2: header.slice_beta_offset_div2,
    num_ref_idx_l0_active_minus1: hasList(header, 0) ? header.num_ref_idx_active_minus1[0] : 0,
    num_ref_idx_l1_active_minus1: hasList(header, 1) ? header.num_ref_idx_active_minus1[1] : 0,
    reserved: 0,
    ref_pic_list0: listControl(lists[0], dpb),
    ref_pic_list1: listControl(lists[1], dpb),
    flags: flags(
      [header.direct_spatial_mv_pred_flag, SliceFlag.DirectSpatialMvPred],
      [header.sp_for_switch_flag, SliceFlag.SpForSwitch],
    ),
  };
}

/** No entry of the DPB: `index` of a list entry without a picture, as GStreamer has it too. */
export const NO_REFERENCE = 0xff;
const noReference: ListEntry = { fields: 0, index: NO_REFERENCE };

function listControl(list: ReferenceList, dpb: readonly DpbEntry[]): ListEntry[] {
  return filled(LIST_LENGTH, (i) => {
    const entry = list[i];
    if (entry === undefined || entry.frame.nonExisting) return noReference;
    const index = dpb.findIndex(
      ({ flags: set, reference_ts }) => set !== 0 && reference_ts === entry.frame.timestampNs,
    );
    return index < 0 ? noReference : { fields: entry.structure, index };
  });
}

/** `V4L2_CID_STATELESS_H264_PRED_WEIGHTS`. */
export function predWeights(header: SliceHeader): CtrlPredWeights {
  return {
    luma_log2_weight_denom: header.luma_log2_weight_denom,
    chroma_log2_weight_denom: header.chroma_log2_weight_denom,
    weight_factors: header.weights.map(weightFactors),
  };
}

function weightFactors(weights: ListWeights): CtrlPredWeights["weight_factors"][number] {
  return {
    luma_weight: filled(LIST_LENGTH, (i) => weights.luma_weight[i] ?? 0),
    luma_offset: filled(LIST_LENGTH, (i) => weights.luma_offset[i] ?? 0),
    chroma_weight: filled(LIST_LENGTH, (i) => filled(2, (j) => weights.chroma_weight[i]?.[j] ?? 0)),
    chroma_offset: filled(LIST_LENGTH, (i) => filled(2, (j) => weights.chroma_offset[i]?.[j] ?? 0)),
  };
}

function filled<Value>(length: number, at: (index: number) => Value): Value[] {
  return Array.from({ length }, (_, i) => at(i));
}
