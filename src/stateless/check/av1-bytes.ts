/** AV1's controls compared as bytes; `av1-expected.ts` compares the same fields one by one. */
import { av1 } from "../../codec/index.js";
import { fieldOffsets, structSize } from "../../v4l2/index.js";
import { DELTA_ENABLED, DELTA_UPDATE, INTER_FLAGS, SEGMENTATION_UPDATES } from "./av1-fields.js";
import type { ExpectedTile } from "./av1-tiles.js";
import { ControlBytes } from "./control-bytes.js";

const frameAt = fieldOffsets("v4l2_ctrl_av1_frame");
const FRAME_SIZE = structSize("v4l2_ctrl_av1_frame");
const tileInfoAt = fieldOffsets("v4l2_av1_tile_info");
const quantizationAt = fieldOffsets("v4l2_av1_quantization");
const segmentationAt = fieldOffsets("v4l2_av1_segmentation");
const loopFilterAt = fieldOffsets("v4l2_av1_loop_filter");
const cdefAt = fieldOffsets("v4l2_av1_cdef");
const restorationAt = fieldOffsets("v4l2_av1_loop_restoration");
const motionAt = fieldOffsets("v4l2_av1_global_motion");
const entryAt = fieldOffsets("v4l2_ctrl_av1_tile_group_entry");
const ENTRY_SIZE = structSize("v4l2_ctrl_av1_tile_group_entry");
const GRAIN_SIZE = structSize("v4l2_ctrl_av1_film_grain");

/** Words of flags have no bits but these. */
const TILE_FLAGS = 0x1;
const QUANTIZATION_FLAGS = 0x7;
const SEGMENTATION_FLAGS = 0x1f;
const FILTER_FLAGS = 0xf;
const RESTORATION_FLAGS = 0x3;
const MOTION_FLAGS = 0x7;
const FRAME_FLAGS = 0xfffff;
/** Entry 0, INTRA_FRAME, means nothing in arrays by reference. */
const LAST_FRAME = 1;

const control = new ControlBytes();

/** Do all of `reference_frame_ts` in a FRAME control name the same frame? True also where the bytes are no such control. */
export function refersToOneFrame(bytes: Uint8Array): boolean {
  if (bytes.byteLength !== FRAME_SIZE) return true;
  const at = frameAt.reference_frame_ts;
  for (let i = 8; i < 64; i += 1) if (bytes[at + i] !== bytes[at + i - 8]) return false;
  return true;
}

/** Is a FRAME control as the header says? See `expectedFrame()`. */
export function isFrameControl(
  bytes: Uint8Array,
  header: av1.FrameHeader,
  seq: av1.SequenceHeader,
  timestamps: readonly (bigint | undefined)[],
  knowsSequence: boolean,
): boolean {
  if (bytes.byteLength !== FRAME_SIZE) return false;
  control.load(bytes);
  return (
    isFrame(control, header) &&
    isTileInfo(control, header) &&
    isQuantization(control, header) &&
    isSegmentation(control, header) &&
    isFilter(control, header, seq.numPlanes) &&
    isRestoration(control, header, seq.numPlanes) &&
    isMotion(control, header) &&
    (header.frameIsIntra || areReferences(control, header, timestamps)) &&
    (!knowsSequence ||
      !header.buffer_removal_time_present_flag ||
      control.areU32(frameAt.buffer_removal_time, header.buffer_removal_time, seq.operatingPoints.length))
  );
}

function isFrame(c: ControlBytes, frame: av1.FrameHeader): boolean {
  const flags = (c.u32(frameAt.flags) ^ av1.flagsOf.frame(frame)) & FRAME_FLAGS;
  return (
    (frame.frameIsIntra ? flags & ~INTER_FLAGS : flags) === 0 &&
    c.u32(frameAt.frame_type) === frame.frame_type &&
    c.u32(frameAt.order_hint) === frame.order_hint &&
    c.u32(frameAt.upscaled_width) === frame.upscaledWidth &&
    c.u32(frameAt.tx_mode) === frame.txMode &&
    c.u32(frameAt.frame_width_minus_1) === frame.frameWidth - 1 &&
    c.u32(frameAt.frame_height_minus_1) === frame.frameHeight - 1 &&
    c.u16(frameAt.render_width_minus_1) === frame.renderWidth - 1 &&
    c.u16(frameAt.render_height_minus_1) === frame.renderHeight - 1 &&
    c.u32(frameAt.current_frame_id) === frame.current_frame_id &&
    c.u8(frameAt.refresh_frame_flags) === frame.refresh_frame_flags &&
    c.u8(frameAt.superres_denom) === frame.superresDenom &&
    c.u8(frameAt.primary_ref_frame) === frame.primary_ref_frame &&
    (!frame.skipModeAllowed || c.areU8(frameAt.skip_mode_frame, frame.skipModeFrame))
  );
}

function areReferences(
  c: ControlBytes,
  frame: av1.FrameHeader,
  timestamps: readonly (bigint | undefined)[],
): boolean {
  if (c.u32(frameAt.interpolation_filter) !== frame.interpolation_filter) return false;
  if (!c.areU32(frameAt.order_hints, frame.orderHints, frame.orderHints.length, LAST_FRAME)) return false;
  if (!c.areS8(frameAt.ref_frame_idx, frame.ref_frame_idx)) return false;
  for (let i = 0; i < timestamps.length; i += 1) {
    const timestamp = timestamps[i];
    if (timestamp !== undefined && c.u64(frameAt.reference_frame_ts + 8 * i) !== timestamp) return false;
  }
  return true;
}

function isTileInfo(c: ControlBytes, frame: av1.FrameHeader): boolean {
  const at = frameAt.tile_info;
  const { tileCols: cols, tileRows: rows, uniform_tile_spacing_flag: isUniform } = frame;
  return (
    ((c.u8(at + tileInfoAt.flags) ^ av1.flagsOf.tileInfo(frame)) & TILE_FLAGS) === 0 &&
    c.u8(at + tileInfoAt.context_update_tile_id) === frame.context_update_tile_id &&
    c.u8(at + tileInfoAt.tile_cols) === cols &&
    c.u8(at + tileInfoAt.tile_rows) === rows &&
    c.areU32(at + tileInfoAt.mi_col_starts, frame.miColStarts, cols + 1) &&
    c.areU32(at + tileInfoAt.mi_row_starts, frame.miRowStarts, rows + 1) &&
    areSizes(c, at + tileInfoAt.width_in_sbs_minus_1, frame.width_in_sbs_minus_1, cols, isUniform) &&
    areSizes(c, at + tileInfoAt.height_in_sbs_minus_1, frame.height_in_sbs_minus_1, rows, isUniform) &&
    (cols * rows === 1 || c.u8(at + tileInfoAt.tile_size_bytes) === frame.tileSizeBytes)
  );
}

/** Clients tell the sizes of uniform tiles or leave all of them 0. */
function areSizes(
  c: ControlBytes,
  at: number,
  sizes: Uint32Array,
  count: number,
  isUniform: boolean,
): boolean {
  return c.areU32(at, sizes, count) || (isUniform && c.areU32(at, noSizes));
}

const noSizes = new Uint32Array(64);

function isQuantization(c: ControlBytes, frame: av1.FrameHeader): boolean {
  const at = frameAt.quantization;
  return (
    ((c.u8(at + quantizationAt.flags) ^ av1.flagsOf.quantization(frame)) & QUANTIZATION_FLAGS) === 0 &&
    c.u8(at + quantizationAt.base_q_idx) === frame.base_q_idx &&
    // Five fields in the order of the array.
    c.areS8(at + quantizationAt.delta_q_y_dc, frame.deltaQ) &&
    (!frame.using_qmatrix ||
      (c.u8(at + quantizationAt.qm_y) === frame.qm_y &&
        c.u8(at + quantizationAt.qm_u) === frame.qm_u &&
        c.u8(at + quantizationAt.qm_v) === frame.qm_v)) &&
    c.u8(at + quantizationAt.delta_q_res) === frame.delta_q_res
  );
}

function isSegmentation(c: ControlBytes, frame: av1.FrameHeader): boolean {
  const at = frameAt.segmentation;
  const compared = frame.segmentation_enabled
    ? SEGMENTATION_FLAGS
    : SEGMENTATION_FLAGS & ~SEGMENTATION_UPDATES;
  if (((c.u8(at + segmentationAt.flags) ^ av1.flagsOf.segmentation(frame)) & compared) !== 0) return false;
  if (c.u8(at + segmentationAt.last_active_seg_id) !== frame.lastActiveSegId) return false;
  const { featureEnabled } = frame;
  for (let segment = 0; segment < 8; segment += 1) {
    let enabled = 0;
    for (let i = 0; i < 8; i += 1) enabled |= (featureEnabled[8 * segment + i] ?? 0) << i;
    if (c.u8(at + segmentationAt.feature_enabled + segment) !== enabled) return false;
  }
  return c.areS16(at + segmentationAt.feature_data, frame.featureData);
}

/** Loop filter and CDEF. */
function isFilter(c: ControlBytes, frame: av1.FrameHeader, planes: number): boolean {
  const at = frameAt.loop_filter;
  const hasFilter = !frame.codedLossless && !frame.allow_intrabc;
  const hasDeltas = frame.loop_filter_delta_enabled && hasFilter;
  const level = frame.loop_filter_level;
  const hasChroma = planes > 1 && hasFilter && (level[0] !== 0 || level[1] !== 0);
  const ignored = (hasFilter ? 0 : DELTA_ENABLED) | (hasDeltas ? 0 : DELTA_UPDATE);
  const flags = (c.u8(at + loopFilterAt.flags) ^ av1.flagsOf.loopFilter(frame)) & FILTER_FLAGS & ~ignored;
  return (
    flags === 0 &&
    c.areU8(at + loopFilterAt.level, level, hasChroma ? 4 : 2) &&
    (!hasFilter || c.u8(at + loopFilterAt.sharpness) === frame.loop_filter_sharpness) &&
    c.areS8(at + loopFilterAt.ref_deltas, frame.loop_filter_ref_deltas) &&
    c.areS8(at + loopFilterAt.mode_deltas, frame.loop_filter_mode_deltas) &&
    c.u8(at + loopFilterAt.delta_lf_res) === frame.delta_lf_res &&
    isCdef(c, frame, planes)
  );
}

function isCdef(c: ControlBytes, frame: av1.FrameHeader, planes: number): boolean {
  const at = frameAt.cdef;
  const strengths = 1 << frame.cdef_bits;
  return (
    c.u8(at + cdefAt.damping_minus_3) === frame.cdef_damping_minus_3 &&
    c.u8(at + cdefAt.bits) === frame.cdef_bits &&
    c.areU8(at + cdefAt.y_pri_strength, frame.cdef_y_pri_strength, strengths) &&
    areSecondary(c, at + cdefAt.y_sec_strength, frame.cdef_y_sec_strength, strengths) &&
    (planes === 1 ||
      (c.areU8(at + cdefAt.uv_pri_strength, frame.cdef_uv_pri_strength, strengths) &&
        areSecondary(c, at + cdefAt.uv_sec_strength, frame.cdef_uv_sec_strength, strengths)))
  );
}

/** 5.9.19: a coded 3 is a strength of 4. */
function areSecondary(c: ControlBytes, at: number, coded: Uint8Array, count: number): boolean {
  for (let i = 0; i < count; i += 1) {
    const strength = coded[i] === 3 ? 4 : coded[i];
    if (c.u8(at + i) !== strength) return false;
  }
  return true;
}

function isRestoration(c: ControlBytes, frame: av1.FrameHeader, planes: number): boolean {
  const at = frameAt.loop_restoration;
  const flags = (c.u8(at + restorationAt.flags) ^ av1.flagsOf.loopRestoration(frame)) & RESTORATION_FLAGS;
  if (flags !== 0) return false;
  for (let plane = 0; plane < planes; plane += 1) {
    const type = av1.restorationTypeOf(frame.lr_type[plane] ?? 0);
    if (c.u32(at + restorationAt.frame_restoration_type + 4 * plane) !== type) return false;
  }
  return (
    !frame.usesLr ||
    (c.u8(at + restorationAt.lr_unit_shift) === frame.lrUnitShift &&
      c.u8(at + restorationAt.lr_uv_shift) === (frame.lr_uv_shift ? 1 : 0) &&
      c.areU32(at + restorationAt.loop_restoration_size, frame.loopRestorationSize, planes))
  );
}

function isMotion(c: ControlBytes, frame: av1.FrameHeader): boolean {
  const at = frameAt.global_motion;
  const { gmType: types, gmParams } = frame;
  for (let ref = LAST_FRAME; ref < types.length; ref += 1) {
    const flags = c.u8(at + motionAt.flags + ref) ^ av1.flagsOf.motion(types[ref] ?? 0);
    if ((flags & MOTION_FLAGS) !== 0) return false;
  }
  return (
    c.areU32(at + motionAt.type, types, types.length, LAST_FRAME) &&
    c.areS32(at + motionAt.params, gmParams, gmParams.length, 6 * LAST_FRAME) &&
    ((c.u8(at + motionAt.invalid) ^ av1.invalidWarps(frame)) & 0xfe) === 0
  );
}

/** Is a FILM_GRAIN control that of a frame without grain? One with grain is compared field by field. */
export function isNoGrainControl(bytes: Uint8Array, { filmGrain: grain }: av1.FrameHeader): boolean {
  if (bytes.byteLength !== GRAIN_SIZE || grain !== av1.noFilmGrain) return false;
  control.load(bytes);
  return control.areU8(0, noGrain);
}

const noGrain = new Uint8Array(GRAIN_SIZE);

/** Is a TILE_GROUP_ENTRY control that of the tiles? */
export function areTileEntries(bytes: Uint8Array, tiles: readonly ExpectedTile[]): boolean {
  if (bytes.byteLength !== tiles.length * ENTRY_SIZE) return false;
  control.load(bytes);
  for (let i = 0; i < tiles.length; i += 1) {
    const tile = tiles[i];
    const at = i * ENTRY_SIZE;
    if (tile === undefined) return false;
    if (control.u32(at + entryAt.tile_offset) !== tile.tile_offset) return false;
    if (tile.tile_size !== undefined && control.u32(at + entryAt.tile_size) !== tile.tile_size) return false;
    if (control.u32(at + entryAt.tile_row) !== tile.tile_row) return false;
    if (control.u32(at + entryAt.tile_col) !== tile.tile_col) return false;
  }
  return true;
}
