/** AV1 sequence and frame headers from the controls: what src/codec/av1/controls.ts undoes. */
import { av1 } from "../../codec/index.js";
import type { StandardValue } from "../../v4l2/index.js";
import type { Cid } from "../../v4l2/index.js";
import { flagReader } from "./packet.js";

export type SequenceControl = StandardValue<typeof Cid.StatelessAv1Sequence>;
export type FrameControl = StandardValue<typeof Cid.StatelessAv1Frame>;
export type GrainControl = StandardValue<typeof Cid.StatelessAv1FilmGrain>;

/** `seq_level_idx` without limits: A.3. */
const NO_LEVEL = 31;
/** Bits of frame sizes: as many as there can be. */
const SIZE_BITS = 16;
/** `SELECT_SCREEN_CONTENT_TOOLS` and `SELECT_INTEGER_MV`: each frame says it. */
const SELECT = 2;
/** `TX_MODE_SELECT`, and `SWITCHABLE` of interpolation filters. */
const TX_MODE_SELECT = 2;
const SWITCHABLE = 4;
const SWITCH_FRAME = 3;
/** `tile_size_bytes` of what we write: any tile fits. */
const TILE_SIZE_BYTES = 4;

/** A control's flag word as booleans, bit i the i-th. */
const bit =
  (flags: number) =>
  (index: number): boolean =>
    flagReader(flags)(2 ** index);

export function sequenceOf(control: SequenceControl): av1.SequenceHeader {
  const has = bit(control.flags);
  const seq = av1.emptySequenceHeader();
  return {
    ...seq,
    seq_profile: control.seq_profile,
    still_picture: has(0),
    operatingPoints: [
      {
        operating_point_idc: 0,
        seq_level_idx: NO_LEVEL,
        seq_tier: false,
        decoder_model_present_for_this_op: false,
        decoder_buffer_delay: 0,
        encoder_buffer_delay: 0,
        low_delay_mode_flag: false,
        initial_display_delay_present_for_this_op: false,
        initial_display_delay_minus_1: 0,
      },
    ],
    frame_width_bits_minus_1: SIZE_BITS - 1,
    frame_height_bits_minus_1: SIZE_BITS - 1,
    max_frame_width_minus_1: control.max_frame_width_minus_1,
    max_frame_height_minus_1: control.max_frame_height_minus_1,
    use_128x128_superblock: has(1),
    enable_filter_intra: has(2),
    enable_intra_edge_filter: has(3),
    enable_interintra_compound: has(4),
    enable_masked_compound: has(5),
    enable_warped_motion: has(6),
    enable_dual_filter: has(7),
    enable_order_hint: has(8),
    enable_jnt_comp: has(9),
    enable_ref_frame_mvs: has(10),
    seq_choose_screen_content_tools: true,
    seq_force_screen_content_tools: SELECT,
    seq_choose_integer_mv: true,
    seq_force_integer_mv: SELECT,
    orderHintBits: control.order_hint_bits,
    enable_superres: has(11),
    enable_cdef: has(12),
    enable_restoration: has(13),
    high_bitdepth: control.bit_depth > 8,
    twelve_bit: control.bit_depth === 12,
    mono_chrome: has(14),
    color_range: has(15),
    subsampling_x: has(16),
    subsampling_y: has(17),
    film_grain_params_present: has(18),
    separate_uv_delta_q: has(19),
  };
}

/** @param ref_frame_idx - The slots of the references; the control's, unless a client has its own order. */
export function frameOf(
  control: FrameControl,
  grain: GrainControl,
  seq: av1.SequenceHeader,
  slots: av1.ReferenceSlots,
  ref_frame_idx: readonly number[],
): av1.FrameHeader {
  const has = bit(control.flags);
  const frame = av1.emptyFrameHeader();
  const width = control.upscaled_width;
  const height = control.frame_height_minus_1 + 1;
  const isOtherSize =
    width !== seq.max_frame_width_minus_1 + 1 || height !== seq.max_frame_height_minus_1 + 1;
  Object.assign(frame, {
    frame_type: control.frame_type,
    show_frame: has(0),
    showable_frame: has(1),
    error_resilient_mode: has(2),
    disable_cdf_update: has(3),
    allow_screen_content_tools: has(4),
    force_integer_mv: has(5),
    frame_size_override_flag: isOtherSize || control.frame_type === SWITCH_FRAME,
    order_hint: control.order_hint,
    primary_ref_frame: control.primary_ref_frame,
    refresh_frame_flags: control.refresh_frame_flags,
    frame_width_minus_1: width - 1,
    frame_height_minus_1: height - 1,
    use_superres: has(7),
    superresDenom: control.superres_denom,
    allow_intrabc: has(6),
    allow_high_precision_mv: has(8),
    is_filter_switchable: control.interpolation_filter === SWITCHABLE,
    interpolation_filter: control.interpolation_filter,
    is_motion_mode_switchable: has(9),
    use_ref_frame_mvs: has(10),
    disable_frame_end_update_cdf: has(11),
    tx_mode_select: control.tx_mode === TX_MODE_SELECT,
    reference_select: has(13),
    skip_mode_present: has(16),
    allow_warped_motion: has(12),
    reduced_tx_set: has(14),
  } satisfies Partial<av1.FrameHeader>);
  frame.ref_frame_idx.set(ref_frame_idx);
  frame.ref_order_hint.set(slots.frames.map((reference) => reference?.order_hint ?? 0));
  tiles(frame, control.tile_info);
  quantization(frame, control.quantization);
  segmentation(frame, control.segmentation);
  filters(frame, control);
  frame.gmType.set(control.global_motion.type);
  frame.gmParams.set(control.global_motion.params.flat());
  frame.filmGrain = av1.emptyFilmGrain();
  filmGrain(frame.filmGrain, grain);
  return frame;
}

function tiles(frame: av1.FrameHeader, info: FrameControl["tile_info"]): void {
  const log2 = (count: number): number => Math.ceil(Math.log2(Math.max(count, 1)));
  frame.uniform_tile_spacing_flag = bit(info.flags)(0);
  // The logarithm that was coded is that of the count, rounded up: a smaller one gives fewer tiles.
  frame.tileColsLog2 = log2(info.tile_cols);
  frame.tileRowsLog2 = log2(info.tile_rows);
  frame.width_in_sbs_minus_1.set(info.width_in_sbs_minus_1.slice(0, frame.width_in_sbs_minus_1.length));
  frame.height_in_sbs_minus_1.set(info.height_in_sbs_minus_1.slice(0, frame.height_in_sbs_minus_1.length));
  frame.context_update_tile_id = info.context_update_tile_id;
  frame.tileSizeBytes = TILE_SIZE_BYTES;
}

function quantization(frame: av1.FrameHeader, control: FrameControl["quantization"]): void {
  const has = bit(control.flags);
  const { DeltaQ } = av1;
  frame.base_q_idx = control.base_q_idx;
  frame.deltaQ[DeltaQ.YDc] = control.delta_q_y_dc;
  frame.deltaQ[DeltaQ.UDc] = control.delta_q_u_dc;
  frame.deltaQ[DeltaQ.UAc] = control.delta_q_u_ac;
  frame.deltaQ[DeltaQ.VDc] = control.delta_q_v_dc;
  frame.deltaQ[DeltaQ.VAc] = control.delta_q_v_ac;
  frame.deltaQCoded.set(Array.from(frame.deltaQ, (delta) => (delta === 0 ? 0 : 1)));
  frame.diff_uv_delta = has(0);
  frame.using_qmatrix = has(1);
  frame.qm_y = control.qm_y;
  frame.qm_u = control.qm_u;
  frame.qm_v = control.qm_v;
  frame.delta_q_present = has(2);
  frame.delta_q_res = control.delta_q_res;
}

function segmentation(frame: av1.FrameHeader, control: FrameControl["segmentation"]): void {
  const has = bit(control.flags);
  frame.segmentation_enabled = has(0);
  frame.segmentation_update_map = has(1);
  frame.segmentation_temporal_update = has(2);
  frame.segmentation_update_data = has(3);
  for (const [segment, data] of control.feature_data.entries()) {
    const at = segment * av1.SEG_LVL_MAX;
    const isEnabled = bit(control.feature_enabled[segment] ?? 0);
    frame.feature_value.set(data, at);
    frame.featureEnabled.set(
      data.map((_, feature) => (isEnabled(feature) ? 1 : 0)),
      at,
    );
  }
}

function filters(frame: av1.FrameHeader, { loop_filter, cdef, loop_restoration }: FrameControl): void {
  const has = bit(loop_filter.flags);
  frame.loop_filter_level.set(loop_filter.level);
  frame.loop_filter_sharpness = loop_filter.sharpness;
  frame.loop_filter_delta_enabled = has(0);
  frame.loop_filter_delta_update = has(1);
  // The control has all values, so all are told.
  frame.update_ref_delta.fill(1);
  frame.loop_filter_ref_deltas.set(loop_filter.ref_deltas);
  frame.update_mode_delta.fill(1);
  frame.loop_filter_mode_deltas.set(loop_filter.mode_deltas);
  frame.delta_lf_present = has(2);
  frame.delta_lf_multi = has(3);
  frame.delta_lf_res = loop_filter.delta_lf_res;

  // 5.9.19: a strength of 4 is coded as 3.
  const secondary = (strengths: readonly number[]): number[] => strengths.map((s) => (s === 4 ? 3 : s));
  frame.cdef_damping_minus_3 = cdef.damping_minus_3;
  frame.cdef_bits = cdef.bits;
  frame.cdef_y_pri_strength.set(cdef.y_pri_strength);
  frame.cdef_y_sec_strength.set(secondary(cdef.y_sec_strength));
  frame.cdef_uv_pri_strength.set(cdef.uv_pri_strength);
  frame.cdef_uv_sec_strength.set(secondary(cdef.uv_sec_strength));

  const types = loop_restoration.frame_restoration_type.map((type) => av1.remapLrType.indexOf(type));
  frame.lr_type.set(types.map((type) => Math.max(type, 0)));
  frame.lrUnitShift = loop_restoration.lr_unit_shift;
  frame.lr_uv_shift = loop_restoration.lr_uv_shift !== 0;
}

function filmGrain(grain: av1.FilmGrain, control: GrainControl): void {
  const has = bit(control.flags);
  grain.apply_grain = has(0);
  grain.update_grain = has(1);
  grain.chroma_scaling_from_luma = has(2);
  grain.overlap_flag = has(3);
  grain.clip_to_restricted_range = has(4);
  grain.grain_seed = control.grain_seed;
  grain.film_grain_params_ref_idx = control.film_grain_params_ref_idx;
  grain.num_y_points = control.num_y_points;
  grain.point_y_value.set(control.point_y_value.slice(0, grain.point_y_value.length));
  grain.point_y_scaling.set(control.point_y_scaling.slice(0, grain.point_y_scaling.length));
  grain.num_cb_points = control.num_cb_points;
  grain.point_cb_value.set(control.point_cb_value.slice(0, grain.point_cb_value.length));
  grain.point_cb_scaling.set(control.point_cb_scaling.slice(0, grain.point_cb_scaling.length));
  grain.num_cr_points = control.num_cr_points;
  grain.point_cr_value.set(control.point_cr_value.slice(0, grain.point_cr_value.length));
  grain.point_cr_scaling.set(control.point_cr_scaling.slice(0, grain.point_cr_scaling.length));
  grain.grain_scaling_minus_8 = control.grain_scaling_minus_8;
  grain.ar_coeff_lag = control.ar_coeff_lag;
  grain.ar_coeffs_y_plus_128.set(control.ar_coeffs_y_plus_128.slice(0, grain.ar_coeffs_y_plus_128.length));
  grain.ar_coeffs_cb_plus_128.set(control.ar_coeffs_cb_plus_128.slice(0, grain.ar_coeffs_cb_plus_128.length));
  grain.ar_coeffs_cr_plus_128.set(control.ar_coeffs_cr_plus_128.slice(0, grain.ar_coeffs_cr_plus_128.length));
  grain.ar_coeff_shift_minus_6 = control.ar_coeff_shift_minus_6;
  grain.grain_scale_shift = control.grain_scale_shift;
  grain.cb_mult = control.cb_mult;
  grain.cb_luma_mult = control.cb_luma_mult;
  grain.cb_offset = control.cb_offset;
  grain.cr_mult = control.cr_mult;
  grain.cr_luma_mult = control.cr_luma_mult;
  grain.cr_offset = control.cr_offset;
}
