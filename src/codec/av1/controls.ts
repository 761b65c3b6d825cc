/**
 * The stateless controls of AV1 as the kernel documents them (ext-ctrls-codec-stateless.rst), and the frames that they
 * belong to.
 */
import type { Cid, StandardValue } from "../../v4l2/index.js";
import { CodecError } from "../bits/index.js";
import {
  defaultTimestampOf,
  flagBits,
  type FrameControls,
  type FrameControlsOptions,
} from "../frame-controls.js";
import { NUM_REF_FRAMES, REFS_PER_FRAME, SEG_LVL_MAX, WarpModel, type FrameHeader } from "./frame-header.js";
import { ObuType } from "./obu.js";
import { Av1Parser, streamObus, type Av1Frame } from "./parse.js";
import { remapLrType } from "./syntax-filters.js";
import { isWarpValid } from "./syntax-global-motion.js";
import { DeltaQ } from "./syntax-quantization.js";
import type { SequenceHeader } from "./syntax-sequence.js";

type Sequence = StandardValue<typeof Cid.StatelessAv1Sequence>;
type Frame = StandardValue<typeof Cid.StatelessAv1Frame>;
type FilmGrainControl = StandardValue<typeof Cid.StatelessAv1FilmGrain>;
type TileGroupEntry = StandardValue<typeof Cid.StatelessAv1TileGroupEntry>;

/** `V4L2_AV1_MAX_TILE_COUNT`; the specification's levels stop at 128. */
const MAX_TILE_COUNT = 512;

export interface Av1ControlsOptions extends FrameControlsOptions {
  /** Which entry of the sequence header's list to decode; 0, the one with everything, when left out. */
  readonly operatingPoint?: number;
}

/**
 * The pictures of a stream in decoding order.
 *
 * With spatial layers one picture of a temporal unit is displayed, the highest that it has (7.18): the others have
 * `shown` false.
 * @param stream - IVF, or OBUs of the low-overhead format or of Annex B.
 * @throws {CodecError} Where the stream breaks the specification; the pictures before were handed out.
 */
export function* frameControls(
  stream: Uint8Array,
  options: Av1ControlsOptions = {},
): Generator<FrameControls> {
  const { timestampOf = defaultTimestampOf, operatingPoint = 0 } = options;
  const parser = new Av1Parser(operatingPoint);
  const timestamps = new Array<bigint>(NUM_REF_FRAMES).fill(0n);
  let decodeIndex = 0;
  /** The last picture of the temporal unit, which waits for a higher layer. */
  let waiting: FrameControls | undefined;
  for (const obu of streamObus(stream)) {
    if (obu.header.obu_type === ObuType.TemporalDelimiter && waiting !== undefined) {
      yield waiting;
      waiting = undefined;
    }
    const { frame } = parser.parse(obu);
    if (frame === undefined) continue;
    // The time stamps are still those before the frame takes slots.
    const picture = pictureOf(frame, timestamps, decodeIndex, timestampOf(decodeIndex));
    if (frame.shown === undefined) decodeIndex += 1;
    const stored = picture.showsExistingNs ?? picture.timestampNs;
    for (let i = 0; i < NUM_REF_FRAMES; i += 1) {
      if ((frame.header.refresh_frame_flags >> i) & 1) timestamps[i] = stored;
    }
    if (waiting !== undefined) {
      const hidden = picture.shown && waiting.shown && parser.operatingPointIdc >> 9 !== 0;
      yield hidden ? { ...waiting, shown: false } : waiting;
    }
    waiting = picture;
  }
  if (waiting !== undefined) yield waiting;
}

function pictureOf(
  frame: Av1Frame,
  timestamps: readonly bigint[],
  decodeIndex: number,
  timestampNs: bigint,
): FrameControls {
  const { header, seq, offset } = frame;
  const picture = { decodeIndex, timestampNs, streamOffset: offset, shown: header.show_frame };
  if (frame.shown !== undefined) {
    const showsExistingNs = timestamps[header.frame_to_show_map_idx] ?? 0n;
    return { ...picture, requests: [], showsExistingNs };
  }
  const { payload, entries } = tileData(frame);
  const controls = {
    StatelessAv1Sequence: sequenceControl(seq),
    StatelessAv1Frame: frameControl(header, timestamps),
    StatelessAv1FilmGrain: filmGrainControl(header),
    StatelessAv1TileGroupEntry: entries,
  };
  return { ...picture, requests: [{ controls, payload, holdCapture: false }] };
}

/**
 * What the OUTPUT buffer of V4L2_PIX_FMT_AV1_FRAME holds: the payloads of the OBUs with the tiles, one after the other,
 * as GStreamer submits them. Of a Frame OBU that includes the frame header. `tile_offset` counts from their start.
 */
function tileData({ tileGroups }: Av1Frame): { payload: Uint8Array; entries: TileGroupEntry[] } {
  const entries: TileGroupEntry[] = [];
  const payloads: Uint8Array[] = [];
  let start = 0;
  for (const { obu, tiles } of tileGroups) {
    const payload = obu.bytes.subarray(obu.payloadOffset);
    for (const { row, col, offset, size } of tiles) {
      const tile_offset = start + offset - obu.payloadOffset;
      entries.push({ tile_offset, tile_size: size, tile_row: row, tile_col: col });
    }
    payloads.push(payload);
    start += payload.byteLength;
  }
  if (entries.length > MAX_TILE_COUNT)
    throw new CodecError(`the frame has ${entries.length} tiles, and V4L2 has room for ${MAX_TILE_COUNT}`, {
      codec: "AV1",
    });
  const [first] = payloads;
  return {
    payload: first !== undefined && payloads.length === 1 ? first : new Uint8Array(Buffer.concat(payloads)),
    entries,
  };
}

/** A loop: `Array.from()` takes ten times as long, and every frame has some fifty of these. */
function list(values: ArrayLike<number>): number[] {
  const numbers: number[] = [];
  for (let i = 0; i < values.length; i += 1) numbers.push(values[i] ?? 0);
  return numbers;
}

/** `V4L2_CID_STATELESS_AV1_SEQUENCE`. */
export function sequenceControl(seq: SequenceHeader): Sequence {
  return {
    flags: flagBits(
      seq.still_picture,
      seq.use_128x128_superblock,
      seq.enable_filter_intra,
      seq.enable_intra_edge_filter,
      seq.enable_interintra_compound,
      seq.enable_masked_compound,
      seq.enable_warped_motion,
      seq.enable_dual_filter,
      seq.enable_order_hint,
      seq.enable_jnt_comp,
      seq.enable_ref_frame_mvs,
      seq.enable_superres,
      seq.enable_cdef,
      seq.enable_restoration,
      seq.mono_chrome,
      seq.color_range,
      seq.subsampling_x,
      seq.subsampling_y,
      seq.film_grain_params_present,
      seq.separate_uv_delta_q,
    ),
    seq_profile: seq.seq_profile,
    order_hint_bits: seq.orderHintBits,
    bit_depth: seq.bitDepth,
    reserved: 0,
    max_frame_width_minus_1: seq.max_frame_width_minus_1,
    max_frame_height_minus_1: seq.max_frame_height_minus_1,
  };
}

/**
 * `V4L2_CID_STATELESS_AV1_FRAME`.
 * @param timestamps - Of the frames in the slots before this frame updates them.
 */
export function frameControl(frame: FrameHeader, timestamps: readonly bigint[]): Frame {
  return {
    tile_info: tileInfo(frame),
    quantization: quantization(frame),
    superres_denom: frame.superresDenom,
    segmentation: segmentation(frame),
    loop_filter: loopFilter(frame),
    cdef: cdef(frame),
    skip_mode_frame: list(frame.skipModeFrame),
    primary_ref_frame: frame.primary_ref_frame,
    loop_restoration: loopRestoration(frame),
    global_motion: globalMotion(frame),
    flags: frameFlags(frame),
    frame_type: frame.frame_type,
    order_hint: frame.order_hint,
    upscaled_width: frame.upscaledWidth,
    interpolation_filter: frame.interpolation_filter,
    tx_mode: frame.txMode,
    frame_width_minus_1: frame.frameWidth - 1,
    frame_height_minus_1: frame.frameHeight - 1,
    render_width_minus_1: frame.renderWidth - 1,
    render_height_minus_1: frame.renderHeight - 1,
    current_frame_id: frame.current_frame_id,
    buffer_removal_time: list(frame.buffer_removal_time),
    reserved: [0, 0, 0, 0],
    order_hints: list(frame.orderHints),
    reference_frame_ts: timestamps.slice(),
    // The element is absent from intra frames; -1, which names no slot, is what GStreamer says there.
    ref_frame_idx: list(frame.ref_frame_idx),
    refresh_frame_flags: frame.refresh_frame_flags,
  };
}

/** The words of flags in the FRAME control. */
export const flagsOf = {
  frame: frameFlags,
  tileInfo: (frame: FrameHeader): number => flagBits(frame.uniform_tile_spacing_flag),
  quantization: (frame: FrameHeader): number =>
    flagBits(frame.diff_uv_delta, frame.using_qmatrix, frame.delta_q_present),
  segmentation: (frame: FrameHeader): number =>
    flagBits(
      frame.segmentation_enabled,
      frame.segmentation_update_map,
      frame.segmentation_temporal_update,
      frame.segmentation_update_data,
      frame.segIdPreSkip,
    ),
  loopFilter: (frame: FrameHeader): number =>
    flagBits(
      frame.loop_filter_delta_enabled,
      frame.loop_filter_delta_update,
      frame.delta_lf_present,
      frame.delta_lf_multi,
    ),
  loopRestoration: (frame: FrameHeader): number => flagBits(frame.usesLr, frame.usesChromaLr),
  /** @param type - Of the warp model. */
  motion: (type: number): number =>
    flagBits(type !== WarpModel.Identity, type === WarpModel.RotZoom, type === WarpModel.Translation),
} as const;

/** `global_motion.invalid`: a bit for each reference. */
export function invalidWarps(frame: FrameHeader): number {
  let invalid = 0;
  for (let ref = 1; ref <= REFS_PER_FRAME; ref += 1) {
    if (!isWarpValid(frame.gmParams, ref * 6)) invalid |= 1 << ref;
  }
  return invalid;
}

/** What the control has for `lr_type`. */
export const restorationTypeOf = (lrType: number): number => remapLrType[lrType] ?? 0;

function frameFlags(frame: FrameHeader): number {
  return flagBits(
    frame.show_frame,
    frame.showable_frame,
    frame.error_resilient_mode,
    frame.disable_cdf_update,
    frame.allow_screen_content_tools,
    frame.forceIntegerMv,
    frame.allow_intrabc,
    frame.use_superres,
    frame.allow_high_precision_mv,
    frame.is_motion_mode_switchable,
    frame.use_ref_frame_mvs,
    frame.disable_frame_end_update_cdf,
    frame.allow_warped_motion,
    frame.reference_select,
    frame.reduced_tx_set,
    frame.skipModeAllowed,
    frame.skip_mode_present,
    frame.frame_size_override_flag,
    frame.buffer_removal_time_present_flag,
    frame.frame_refs_short_signaling,
  );
}

function tileInfo(frame: FrameHeader): Frame["tile_info"] {
  return {
    flags: flagsOf.tileInfo(frame),
    context_update_tile_id: frame.context_update_tile_id,
    tile_cols: frame.tileCols,
    tile_rows: frame.tileRows,
    mi_col_starts: list(frame.miColStarts),
    mi_row_starts: list(frame.miRowStarts),
    width_in_sbs_minus_1: list(frame.width_in_sbs_minus_1),
    height_in_sbs_minus_1: list(frame.height_in_sbs_minus_1),
    tile_size_bytes: frame.tileSizeBytes,
    reserved: [0, 0, 0],
  };
}

function quantization(frame: FrameHeader): Frame["quantization"] {
  const { deltaQ } = frame;
  return {
    flags: flagsOf.quantization(frame),
    base_q_idx: frame.base_q_idx,
    delta_q_y_dc: deltaQ[DeltaQ.YDc] ?? 0,
    delta_q_u_dc: deltaQ[DeltaQ.UDc] ?? 0,
    delta_q_u_ac: deltaQ[DeltaQ.UAc] ?? 0,
    delta_q_v_dc: deltaQ[DeltaQ.VDc] ?? 0,
    delta_q_v_ac: deltaQ[DeltaQ.VAc] ?? 0,
    qm_y: frame.qm_y,
    qm_u: frame.qm_u,
    qm_v: frame.qm_v,
    delta_q_res: frame.delta_q_res,
  };
}

function segmentation(frame: FrameHeader): Frame["segmentation"] {
  const feature_enabled: number[] = [];
  const feature_data: number[][] = [];
  for (let at = 0; at < frame.featureData.length; at += SEG_LVL_MAX) {
    const data: number[] = [];
    let enabled = 0;
    for (let i = 0; i < SEG_LVL_MAX; i += 1) {
      enabled |= (frame.featureEnabled[at + i] ?? 0) << i;
      data.push(frame.featureData[at + i] ?? 0);
    }
    feature_enabled.push(enabled);
    feature_data.push(data);
  }
  return {
    flags: flagsOf.segmentation(frame),
    last_active_seg_id: frame.lastActiveSegId,
    feature_enabled,
    feature_data,
  };
}

function loopFilter(frame: FrameHeader): Frame["loop_filter"] {
  return {
    flags: flagsOf.loopFilter(frame),
    level: list(frame.loop_filter_level),
    sharpness: frame.loop_filter_sharpness,
    ref_deltas: list(frame.loop_filter_ref_deltas),
    mode_deltas: list(frame.loop_filter_mode_deltas),
    delta_lf_res: frame.delta_lf_res,
  };
}

function cdef(frame: FrameHeader): Frame["cdef"] {
  // 5.9.19: a coded 3 is a strength of 4.
  const secondary = (coded: Uint8Array): number[] => list(coded).map((s) => (s === 3 ? 4 : s));
  return {
    damping_minus_3: frame.cdef_damping_minus_3,
    bits: frame.cdef_bits,
    y_pri_strength: list(frame.cdef_y_pri_strength),
    y_sec_strength: secondary(frame.cdef_y_sec_strength),
    uv_pri_strength: list(frame.cdef_uv_pri_strength),
    uv_sec_strength: secondary(frame.cdef_uv_sec_strength),
  };
}

function loopRestoration(frame: FrameHeader): Frame["loop_restoration"] {
  return {
    flags: flagsOf.loopRestoration(frame),
    lr_unit_shift: frame.lrUnitShift,
    lr_uv_shift: frame.lr_uv_shift ? 1 : 0,
    reserved: 0,
    frame_restoration_type: list(frame.lr_type).map(restorationTypeOf),
    loop_restoration_size: list(frame.loopRestorationSize),
  };
}

function globalMotion(frame: FrameHeader): Frame["global_motion"] {
  // INTRA_FRAME has no motion: zeros, as GStreamer has it.
  const flags = [0];
  const params = [[0, 0, 0, 0, 0, 0]];
  for (let ref = 1; ref <= REFS_PER_FRAME; ref += 1) {
    flags.push(flagsOf.motion(frame.gmType[ref] ?? 0));
    params.push(list(frame.gmParams.subarray(ref * 6, ref * 6 + 6)));
  }
  return { flags, type: list(frame.gmType), params, invalid: invalidWarps(frame), reserved: [0, 0, 0] };
}

/** `V4L2_CID_STATELESS_AV1_FILM_GRAIN`: all zeros without grain. */
export function filmGrainControl({ filmGrain: grain }: FrameHeader): FilmGrainControl {
  return {
    flags: flagBits(
      grain.applied,
      grain.update_grain,
      grain.chroma_scaling_from_luma,
      grain.overlap_flag,
      grain.clip_to_restricted_range,
    ),
    cr_mult: grain.cr_mult,
    grain_seed: grain.grain_seed,
    film_grain_params_ref_idx: grain.film_grain_params_ref_idx,
    num_y_points: grain.num_y_points,
    point_y_value: list(grain.point_y_value),
    point_y_scaling: list(grain.point_y_scaling),
    num_cb_points: grain.num_cb_points,
    point_cb_value: list(grain.point_cb_value),
    point_cb_scaling: list(grain.point_cb_scaling),
    num_cr_points: grain.num_cr_points,
    point_cr_value: list(grain.point_cr_value),
    point_cr_scaling: list(grain.point_cr_scaling),
    grain_scaling_minus_8: grain.grain_scaling_minus_8,
    ar_coeff_lag: grain.ar_coeff_lag,
    ar_coeffs_y_plus_128: list(grain.ar_coeffs_y_plus_128),
    ar_coeffs_cb_plus_128: list(grain.ar_coeffs_cb_plus_128),
    ar_coeffs_cr_plus_128: list(grain.ar_coeffs_cr_plus_128),
    ar_coeff_shift_minus_6: grain.ar_coeff_shift_minus_6,
    grain_scale_shift: grain.grain_scale_shift,
    cb_mult: grain.cb_mult,
    cb_luma_mult: grain.cb_luma_mult,
    cr_luma_mult: grain.cr_luma_mult,
    cb_offset: grain.cb_offset,
    cr_offset: grain.cr_offset,
    reserved: [0, 0, 0, 0],
  };
}
