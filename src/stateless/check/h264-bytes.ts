/** H.264's controls compared as bytes; `h264-expected.ts` and `h264-dpb.ts` compare the same fields one by one. */
import { h264 } from "../../codec/index.js";
import { fieldOffsets, structSize } from "../../v4l2/index.js";
import { ControlBytes } from "./control-bytes.js";

const { DecodeParamFlag, DpbEntryFlag, SliceFlag, Structure } = h264;

const decodeAt = fieldOffsets("v4l2_ctrl_h264_decode_params");
const DECODE_SIZE = structSize("v4l2_ctrl_h264_decode_params");
const entryAt = fieldOffsets("v4l2_h264_dpb_entry");
const ENTRY_SIZE = structSize("v4l2_h264_dpb_entry");
const ENTRIES = (decodeAt.nal_ref_idc - decodeAt.dpb) / ENTRY_SIZE;
const sliceAt = fieldOffsets("v4l2_ctrl_h264_slice_params");
const SLICE_SIZE = structSize("v4l2_ctrl_h264_slice_params");
const weightsAt = fieldOffsets("v4l2_ctrl_h264_pred_weights");
const WEIGHTS_SIZE = structSize("v4l2_ctrl_h264_pred_weights");
const factorsAt = fieldOffsets("v4l2_h264_weight_factors");
const FACTORS_SIZE = structSize("v4l2_h264_weight_factors");

const FRAME_FLAGS = DecodeParamFlag.IdrPic | DecodeParamFlag.FieldPic | DecodeParamFlag.BottomField;
const ENTRY_FLAGS = DpbEntryFlag.Valid | DpbEntryFlag.Active | DpbEntryFlag.LongTerm | DpbEntryFlag.Field;
const SLICE_FLAGS = SliceFlag.DirectSpatialMvPred | SliceFlag.SpForSwitch;

const decode = new ControlBytes();
const other = new ControlBytes();

/** Entries of the submitted DPB by the frames of {@link references}; those of one request. */
const entries: number[] = [];
let references: readonly h264.FrameStore[] = [];

/**
 * Is a DECODE_PARAMS control that of the picture? See `expectedDecodeParams()`.
 * @param most - What the control may call the picture after, of its slices: 0 for I, 1 for P, 2 for B.
 */
export function isDecodeParams(
  bytes: Uint8Array,
  picture: h264.CodedPicture,
  knowsReferences: boolean,
  first: number,
  most: number,
): boolean {
  const [firstSlice] = picture.slices;
  if (bytes.byteLength !== DECODE_SIZE || firstSlice === undefined) return false;
  decode.load(bytes);
  const { header: slice, pps } = firstSlice;
  const { structure, counts, idr } = picture;
  const knowsOrder = knowsReferences || idr;
  const flags = decode.u32(decodeAt.flags);
  const expected =
    (idr ? DecodeParamFlag.IdrPic : 0) |
    (slice.field_pic_flag ? DecodeParamFlag.FieldPic : 0) |
    (slice.bottom_field_flag ? DecodeParamFlag.BottomField : 0);
  const [p, b] = [(flags & DecodeParamFlag.PFrame) !== 0, (flags & DecodeParamFlag.BFrame) !== 0];
  const kind = b ? 2 : p ? 1 : 0;
  return (
    ((flags ^ expected) & FRAME_FLAGS) === 0 &&
    !(p && b) &&
    kind >= first &&
    kind <= most &&
    decode.u16(decodeAt.nal_ref_idc) === picture.nal.nal_ref_idc &&
    decode.u16(decodeAt.frame_num) === slice.frame_num &&
    (!knowsOrder ||
      ((structure === Structure.Bottom || decode.s32(decodeAt.top_field_order_cnt) === counts.top) &&
        (structure === Structure.Top || decode.s32(decodeAt.bottom_field_order_cnt) === counts.bottom))) &&
    decode.u16(decodeAt.idr_pic_id) === slice.idr_pic_id &&
    decode.u16(decodeAt.pic_order_cnt_lsb) === slice.pic_order_cnt_lsb &&
    decode.s32(decodeAt.delta_pic_order_cnt_bottom) === slice.delta_pic_order_cnt_bottom &&
    decode.s32(decodeAt.delta_pic_order_cnt0) === slice.delta_pic_order_cnt[0] &&
    decode.s32(decodeAt.delta_pic_order_cnt1) === slice.delta_pic_order_cnt[1] &&
    decode.u32(decodeAt.dec_ref_pic_marking_bit_size) === slice.dec_ref_pic_marking_bit_size &&
    decode.u32(decodeAt.pic_order_cnt_bit_size) === slice.pic_order_cnt_bit_size &&
    (pps.num_slice_groups_minus1 > 0 || decode.u32(decodeAt.slice_group_change_cycle) === 0) &&
    (!knowsReferences || isDpb(picture))
  );
}

/** Does each reference have an entry, and nothing else? Tells {@link entries}. */
function isDpb(picture: h264.CodedPicture): boolean {
  references = picture.references;
  let taken = 0;
  for (let i = 0; i < references.length; i += 1) {
    const frame = references[i];
    if (frame === undefined) return false;
    entries[i] = -1;
    if (frame.nonExisting) continue;
    const index = entryOf(frame.timestampNs);
    if (index < 0 || (taken & (1 << index)) !== 0 || !isEntry(index, frame, picture.structure)) return false;
    entries[i] = index;
    taken |= 1 << index;
  }
  for (let index = 0; index < ENTRIES; index += 1) {
    if ((taken & (1 << index)) !== 0) continue;
    if ((decode.u32(decodeAt.dpb + index * ENTRY_SIZE + entryAt.flags) & DpbEntryFlag.Active) !== 0)
      return false;
  }
  return true;
}

function entryOf(timestampNs: bigint): number {
  for (let index = 0; index < ENTRIES; index += 1) {
    const at = decodeAt.dpb + index * ENTRY_SIZE;
    if (decode.u32(at + entryAt.flags) !== 0 && decode.u64(at + entryAt.reference_ts) === timestampNs)
      return index;
  }
  return -1;
}

function isEntry(index: number, frame: h264.FrameStore, current: h264.Structure): boolean {
  const at = decodeAt.dpb + index * ENTRY_SIZE;
  const isLong = frame.long !== 0;
  const flags =
    DpbEntryFlag.Valid |
    DpbEntryFlag.Active |
    (isLong ? DpbEntryFlag.LongTerm : 0) |
    (frame.codedAsFields ? DpbEntryFlag.Field : 0);
  const fields = frame.short | frame.long;
  const picNum = decode.u32(at + entryAt.pic_num);
  const expected = h264.entryPicNum(frame, current) >>> 0;
  // Of a pair of fields, a field has two numbers.
  const isPair = current !== Structure.Frame && fields === Structure.Frame;
  return (
    ((decode.u32(at + entryAt.flags) ^ flags) & ENTRY_FLAGS) === 0 &&
    (picNum === expected || (isPair && picNum >>> 1 === expected >>> 1)) &&
    decode.u16(at + entryAt.frame_num) === (isLong ? frame.longTermFrameIdx : frame.frameNum) &&
    decode.u8(at + entryAt.fields) === fields &&
    ((frame.decoded & Structure.Top) === 0 ||
      decode.s32(at + entryAt.top_field_order_cnt) === frame.topPoc) &&
    ((frame.decoded & Structure.Bottom) === 0 ||
      decode.s32(at + entryAt.bottom_field_order_cnt) === frame.bottomPoc)
  );
}

/**
 * Is a SLICE_PARAMS control that of the slice? After {@link isDecodeParams} of its picture.
 * @param knowsReferences - The lists are compared, too.
 */
export function isSliceParams(
  bytes: Uint8Array,
  { header: slice, pps, lists }: h264.CodedSlice,
  knowsReferences: boolean,
): boolean {
  if (bytes.byteLength !== SLICE_SIZE) return false;
  other.load(bytes);
  const flags =
    (slice.direct_spatial_mv_pred_flag ? SliceFlag.DirectSpatialMvPred : 0) |
    (slice.sp_for_switch_flag ? SliceFlag.SpForSwitch : 0);
  return (
    ((other.u32(sliceAt.flags) ^ flags) & SLICE_FLAGS) === 0 &&
    (pps.num_slice_groups_minus1 > 0 || other.u32(sliceAt.header_bit_size) === slice.header_bit_size) &&
    other.u32(sliceAt.first_mb_in_slice) === slice.first_mb_in_slice &&
    other.u8(sliceAt.slice_type) === h264.sliceType(slice) &&
    other.u8(sliceAt.colour_plane_id) === slice.colour_plane_id &&
    other.u8(sliceAt.redundant_pic_cnt) === slice.redundant_pic_cnt &&
    other.u8(sliceAt.cabac_init_idc) === slice.cabac_init_idc &&
    other.s8(sliceAt.slice_qp_delta) === slice.slice_qp_delta &&
    other.s8(sliceAt.slice_qs_delta) === slice.slice_qs_delta &&
    other.u8(sliceAt.disable_deblocking_filter_idc) === slice.disable_deblocking_filter_idc &&
    other.s8(sliceAt.slice_alpha_c0_offset_div2) === slice.slice_alpha_c0_offset_div2 &&
    other.s8(sliceAt.slice_beta_offset_div2) === slice.slice_beta_offset_div2 &&
    (!h264.hasList(slice, 0) ||
      other.u8(sliceAt.num_ref_idx_l0_active_minus1) === slice.num_ref_idx_active_minus1[0]) &&
    (!h264.hasList(slice, 1) ||
      other.u8(sliceAt.num_ref_idx_l1_active_minus1) === slice.num_ref_idx_active_minus1[1]) &&
    (!knowsReferences || (isList(sliceAt.ref_pic_list0, lists[0]) && isList(sliceAt.ref_pic_list1, lists[1])))
  );
}

/** Bytes of an entry: `fields` and `index`. */
const LIST_ENTRY_SIZE = 2;

function isList(at: number, list: readonly (h264.Reference | undefined)[]): boolean {
  for (let i = 0; i < list.length; i += 1) {
    const reference = list[i];
    if (reference === undefined || reference.frame.nonExisting) continue;
    const index = indexOf(reference.frame.timestampNs);
    if (index < 0) return false;
    if (other.u8(at + LIST_ENTRY_SIZE * i) !== reference.structure) return false;
    if (other.u8(at + LIST_ENTRY_SIZE * i + 1) !== index) return false;
  }
  return true;
}

function indexOf(timestampNs: bigint): number {
  for (let i = 0; i < references.length; i += 1) {
    const frame = references[i];
    // A frame that frame_num left out has no time stamp of its own, and no entry.
    if (frame?.timestampNs === timestampNs && !frame.nonExisting) return entries[i] ?? -1;
  }
  return -1;
}

/** Is a PRED_WEIGHTS control that of a slice that has weights? @param hasChroma - The picture does. */
export function isPredWeights(bytes: Uint8Array, slice: h264.SliceHeader, hasChroma: boolean): boolean {
  if (bytes.byteLength !== WEIGHTS_SIZE) return false;
  other.load(bytes);
  if (other.u16(weightsAt.luma_log2_weight_denom) !== slice.luma_log2_weight_denom) return false;
  if (hasChroma && other.u16(weightsAt.chroma_log2_weight_denom) !== slice.chroma_log2_weight_denom)
    return false;
  return (
    areFactors(weightsAt.weight_factors, slice.weights[0]) &&
    areFactors(weightsAt.weight_factors + FACTORS_SIZE, slice.weights[1])
  );
}

function areFactors(at: number, weights: h264.ListWeights): boolean {
  return (
    other.areS16(at + factorsAt.luma_weight, weights.luma_weight) &&
    other.areS16(at + factorsAt.luma_offset, weights.luma_offset) &&
    arePairs(at + factorsAt.chroma_weight, weights.chroma_weight) &&
    arePairs(at + factorsAt.chroma_offset, weights.chroma_offset)
  );
}

function arePairs(at: number, pairs: readonly (readonly number[])[]): boolean {
  for (let i = 0; i < pairs.length; i += 1) {
    if (!other.areS16(at + 4 * i, pairs[i] ?? [])) return false;
  }
  return true;
}
