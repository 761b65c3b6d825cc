/** HEVC's controls compared as bytes; `hevc-expected.ts` compares the same fields one by one. */
import { hevc } from "../../codec/index.js";
import { fieldOffsets, structSize } from "../../v4l2/index.js";
import { ControlBytes } from "./control-bytes.js";

const { DecodeParamFlag, DpbEntryFlag, SliceFlag, SliceType } = hevc;

const decodeAt = fieldOffsets("v4l2_ctrl_hevc_decode_params");
const DECODE_SIZE = structSize("v4l2_ctrl_hevc_decode_params");
const entryAt = fieldOffsets("v4l2_hevc_dpb_entry");
const ENTRY_SIZE = structSize("v4l2_hevc_dpb_entry");
const sliceAt = fieldOffsets("v4l2_ctrl_hevc_slice_params");
export const SLICE_PARAMS_SIZE = structSize("v4l2_ctrl_hevc_slice_params");
const weightsAt = fieldOffsets("v4l2_hevc_pred_weight_table");

/** All flags are in the lower half of their words. */
const flagsOf = (...flags: readonly bigint[]): number => Number(flags.reduce((sum, flag) => sum | flag, 0n));
const IRAP_PIC = Number(DecodeParamFlag.IrapPic);
const IDR_PIC = Number(DecodeParamFlag.IdrPic);
const NO_OUTPUT_OF_PRIOR = Number(DecodeParamFlag.NoOutputOfPrior);
const DECODE_FLAGS = IRAP_PIC | IDR_PIC | NO_OUTPUT_OF_PRIOR;
const LONG_TERM_REFERENCE = Number(DpbEntryFlag.LongTermReference);
const SAO_LUMA = Number(SliceFlag.SliceSaoLuma);
const SAO_CHROMA = Number(SliceFlag.SliceSaoChroma);
const TEMPORAL_MVP = Number(SliceFlag.SliceTemporalMvpEnabled);
const MVD_L1_ZERO = Number(SliceFlag.MvdL1Zero);
const CABAC_INIT = Number(SliceFlag.CabacInit);
const COLLOCATED_FROM_L0 = Number(SliceFlag.CollocatedFromL0);
const USE_INTEGER_MV = Number(SliceFlag.UseIntegerMv);
const DEBLOCKING_DISABLED = Number(SliceFlag.SliceDeblockingFilterDisabled);
const ACROSS_SLICES = Number(SliceFlag.SliceLoopFilterAcrossSlicesEnabled);
const DEPENDENT = Number(SliceFlag.DependentSliceSegment);
const SLICE_FLAGS = flagsOf(...Object.values(SliceFlag));

/** `pic_struct` of the first element of a SLICE_PARAMS control; undefined where there is none, or one of no slice. */
export function picStructIn(bytes: Uint8Array): number | undefined {
  if (bytes.byteLength < SLICE_PARAMS_SIZE) return undefined;
  slice.load(bytes);
  return slice.u32(sliceAt.bit_size) === 0 ? undefined : slice.u8(sliceAt.pic_struct);
}

const decode = new ControlBytes();
const slice = new ControlBytes();

/** Is a DECODE_PARAMS control that of the picture? See `expectedDecodeParams()`. */
export function isDecodeParams(
  bytes: Uint8Array,
  picture: hevc.CodedPicture,
  knowsPicStruct: boolean,
): boolean {
  if (bytes.byteLength !== DECODE_SIZE) return false;
  decode.load(bytes);
  const { nal, set, references } = picture;
  const [{ segment }] = picture.slices;
  const header = segment.slice;
  const isIdr = hevc.isIdr(nal.nal_unit_type);
  const inSlice = !isIdr && !header.short_term_ref_pic_set_sps_flag;
  const flags =
    (hevc.isIrap(nal.nal_unit_type) ? IRAP_PIC : 0) |
    (isIdr ? IDR_PIC : 0) |
    (segment.no_output_of_prior_pics_flag ? NO_OUTPUT_OF_PRIOR : 0);
  return (
    ((decode.u32(decodeAt.flags) ^ flags) & DECODE_FLAGS) === 0 &&
    decode.s32(decodeAt.pic_order_cnt_val) === picture.poc &&
    decode.u16(decodeAt.short_term_ref_pic_set_size) === header.shortTermRefPicSetSize &&
    decode.u16(decodeAt.long_term_ref_pic_set_size) === header.longTermRefPicSetSize &&
    decode.u8(decodeAt.num_active_dpb_entries) === references.length &&
    decode.u8(decodeAt.num_delta_pocs_of_ref_rps_idx) ===
      (inSlice ? header.CurrRps.NumDeltaPocsOfRefRpsIdx : 0) &&
    isDpb(references, knowsPicStruct) &&
    decode.u8(decodeAt.num_poc_st_curr_before) === set.stCurrBefore.length &&
    decode.u8(decodeAt.num_poc_st_curr_after) === set.stCurrAfter.length &&
    decode.u8(decodeAt.num_poc_lt_curr) === set.ltCurr.length &&
    areIndices(decode, decodeAt.poc_st_curr_before, set.stCurrBefore, references) &&
    areIndices(decode, decodeAt.poc_st_curr_after, set.stCurrAfter, references) &&
    areIndices(decode, decodeAt.poc_lt_curr, set.ltCurr, references)
  );
}

/** Is reference `i` entry `i`, as clients have it? Where the order is another one, that of the fields decides. */
function isDpb(references: readonly hevc.DecodedPicture[], knowsPicStruct: boolean): boolean {
  for (let i = 0; i < references.length; i += 1) {
    const reference = references[i];
    const at = decodeAt.dpb + i * ENTRY_SIZE;
    if (reference === undefined) return false;
    const flags = decode.u8(at + entryAt.flags) ^ (reference.longTerm ? LONG_TERM_REFERENCE : 0);
    if ((flags & LONG_TERM_REFERENCE) !== 0) return false;
    if (decode.u64(at + entryAt.timestamp) !== reference.timestampNs) return false;
    if (decode.s32(at + entryAt.pic_order_cnt_val) !== reference.poc) return false;
    if (knowsPicStruct && decode.u8(at + entryAt.field_pic) !== reference.picStruct) return false;
    // Two of one time stamp: the fields tell which is which.
    for (let j = 0; j < i; j += 1) if (references[j]?.timestampNs === reference.timestampNs) return false;
  }
  return true;
}

function areIndices(
  c: ControlBytes,
  at: number,
  pictures: readonly (hevc.DecodedPicture | undefined)[],
  references: readonly hevc.DecodedPicture[],
): boolean {
  for (let i = 0; i < pictures.length; i += 1) {
    const picture = pictures[i];
    if (picture === undefined) continue;
    const index = c.u8(at + i);
    if (references[index]?.timestampNs !== picture.timestampNs) return false;
  }
  return true;
}

/**
 * Is element `index` of a SLICE_PARAMS control that of the slice segment? After {@link isDecodeParams} of its picture.
 * @param picStruct - Undefined: it is not known.
 */
export function isSliceParams(
  bytes: Uint8Array,
  index: number,
  picture: hevc.CodedPicture,
  { nal, segment, data, dataByteOffset, lists }: hevc.CodedSlice,
  picStruct: number | undefined,
): boolean {
  const at = index * SLICE_PARAMS_SIZE;
  if (bytes.byteLength < at + SLICE_PARAMS_SIZE) return false;
  slice.load(bytes);
  const header = segment.slice;
  const isB = header.slice_type === SliceType.B;
  const isInter = isB || header.slice_type === SliceType.P;
  return (
    ((slice.u32(at + sliceAt.flags) ^ sliceFlags(segment)) & SLICE_FLAGS) === 0 &&
    slice.u32(at + sliceAt.bit_size) === data.byteLength * 8 &&
    slice.u32(at + sliceAt.data_byte_offset) === dataByteOffset &&
    slice.u32(at + sliceAt.num_entry_point_offsets) === segment.num_entry_point_offsets &&
    slice.u8(at + sliceAt.nal_unit_type) === nal.nal_unit_type &&
    slice.u8(at + sliceAt.nuh_temporal_id_plus1) === nal.nuh_temporal_id_plus1 &&
    slice.u8(at + sliceAt.slice_type) === header.slice_type &&
    slice.u8(at + sliceAt.colour_plane_id) === header.colour_plane_id &&
    slice.s32(at + sliceAt.slice_pic_order_cnt) === picture.poc &&
    (!isInter ||
      slice.u8(at + sliceAt.num_ref_idx_l0_active_minus1) === header.num_ref_idx_l0_active_minus1) &&
    (!isB || slice.u8(at + sliceAt.num_ref_idx_l1_active_minus1) === header.num_ref_idx_l1_active_minus1) &&
    slice.u8(at + sliceAt.collocated_ref_idx) === header.collocated_ref_idx &&
    slice.u8(at + sliceAt.five_minus_max_num_merge_cand) === header.five_minus_max_num_merge_cand &&
    slice.s8(at + sliceAt.slice_qp_delta) === header.slice_qp_delta &&
    slice.s8(at + sliceAt.slice_cb_qp_offset) === header.slice_cb_qp_offset &&
    slice.s8(at + sliceAt.slice_cr_qp_offset) === header.slice_cr_qp_offset &&
    slice.s8(at + sliceAt.slice_act_y_qp_offset) === header.slice_act_y_qp_offset &&
    slice.s8(at + sliceAt.slice_act_cb_qp_offset) === header.slice_act_cb_qp_offset &&
    slice.s8(at + sliceAt.slice_act_cr_qp_offset) === header.slice_act_cr_qp_offset &&
    slice.s8(at + sliceAt.slice_beta_offset_div2) === header.slice_beta_offset_div2 &&
    slice.s8(at + sliceAt.slice_tc_offset_div2) === header.slice_tc_offset_div2 &&
    (picStruct === undefined || slice.u8(at + sliceAt.pic_struct) === picStruct) &&
    slice.u32(at + sliceAt.slice_segment_addr) === segment.slice_segment_address &&
    areIndices(slice, at + sliceAt.ref_idx_l0, lists[0], picture.references) &&
    areIndices(slice, at + sliceAt.ref_idx_l1, lists[1], picture.references) &&
    slice.u16(at + sliceAt.short_term_ref_pic_set_size) === header.shortTermRefPicSetSize &&
    slice.u16(at + sliceAt.long_term_ref_pic_set_size) === header.longTermRefPicSetSize &&
    (!isInter || areWeights(at + sliceAt.pred_weight_table, header, isB))
  );
}

function sliceFlags({ slice: header, dependent_slice_segment_flag }: hevc.CodedSlice["segment"]): number {
  return (
    (header.slice_sao_luma_flag ? SAO_LUMA : 0) |
    (header.slice_sao_chroma_flag ? SAO_CHROMA : 0) |
    (header.slice_temporal_mvp_enabled_flag ? TEMPORAL_MVP : 0) |
    (header.mvd_l1_zero_flag ? MVD_L1_ZERO : 0) |
    (header.cabac_init_flag ? CABAC_INIT : 0) |
    (header.collocated_from_l0_flag ? COLLOCATED_FROM_L0 : 0) |
    (header.use_integer_mv_flag ? USE_INTEGER_MV : 0) |
    (header.slice_deblocking_filter_disabled_flag ? DEBLOCKING_DISABLED : 0) |
    (header.slice_loop_filter_across_slices_enabled_flag ? ACROSS_SLICES : 0) |
    (dependent_slice_segment_flag ? DEPENDENT : 0)
  );
}

function areWeights(at: number, { pred_weight_table: table }: hevc.SliceHeader, isB: boolean): boolean {
  const { l0, l1 } = table;
  const [count0, count1] = [l0.luma_weight_flag.length, l1.luma_weight_flag.length];
  if (count0 === 0) return true;
  return (
    slice.u8(at + weightsAt.luma_log2_weight_denom) === table.luma_log2_weight_denom &&
    slice.s8(at + weightsAt.delta_chroma_log2_weight_denom) === table.delta_chroma_log2_weight_denom &&
    slice.areS8(at + weightsAt.delta_luma_weight_l0, l0.delta_luma_weight, count0) &&
    slice.areS8(at + weightsAt.luma_offset_l0, l0.luma_offset, count0) &&
    arePairs(at + weightsAt.delta_chroma_weight_l0, l0.delta_chroma_weight, count0) &&
    arePairs(at + weightsAt.chroma_offset_l0, l0.ChromaOffset, count0) &&
    (!isB ||
      (slice.areS8(at + weightsAt.delta_luma_weight_l1, l1.delta_luma_weight, count1) &&
        slice.areS8(at + weightsAt.luma_offset_l1, l1.luma_offset, count1) &&
        arePairs(at + weightsAt.delta_chroma_weight_l1, l1.delta_chroma_weight, count1) &&
        arePairs(at + weightsAt.chroma_offset_l1, l1.ChromaOffset, count1)))
  );
}

const noPair: readonly number[] = [0, 0];

function arePairs(at: number, pairs: readonly (readonly number[] | undefined)[], count: number): boolean {
  for (let i = 0; i < count; i += 1) if (!slice.areS8(at + 2 * i, pairs[i] ?? noPair, 2)) return false;
  return true;
}

/** Is an ENTRY_POINT_OFFSETS control that of the slice segments? Any is where none of them has entry points. */
export function areEntryPoints(bytes: Uint8Array | undefined, units: readonly hevc.CodedSlice[]): boolean {
  let at = 0;
  for (const { segment } of units) {
    const offsets = segment.entry_point_offset_minus1;
    if (offsets.length === 0) continue;
    if (bytes === undefined || bytes.byteLength < at + 4 * offsets.length) return false;
    slice.load(bytes);
    for (let i = 0; i < offsets.length; i += 1, at += 4) {
      if (slice.u32(at) !== (offsets[i] ?? 0) + 1) return false;
    }
  }
  return at === 0 || bytes?.byteLength === at;
}
