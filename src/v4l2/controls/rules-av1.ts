/** AV1 stateless controls. */
import {
  CtrlAv1FilmGrainView,
  CtrlAv1FrameView,
  CtrlAv1SequenceView,
  V4L2_AV1_FILM_GRAIN_FLAG_APPLY_GRAIN,
  V4L2_AV1_FILM_GRAIN_FLAG_CLIP_TO_RESTRICTED_RANGE,
  V4L2_AV1_FRAME_FLAG_FRAME_REFS_SHORT_SIGNALING,
  V4L2_AV1_MAX_TILE_COLS,
  V4L2_AV1_MAX_TILE_COUNT,
  V4L2_AV1_MAX_TILE_ROWS,
  V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME,
  V4L2_AV1_SEQUENCE_FLAG_SEPARATE_UV_DELTA_Q,
  V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_X,
  V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_Y,
} from "../gen/index.js";
import type {
  Av1CdefView,
  Av1LoopFilterView,
  Av1QuantizationView,
  Av1SegmentationView,
  Av1TileInfoView,
} from "../gen/index.js";
import { allBetween, atMost, between, oneOf, onlyFlags, refuse, rules } from "./rules.js";

/** `last` and all lower bits: the flags of these structs have no holes. */
const upTo = (last: number): number => 2 * last - 1;

const SEQUENCE_FLAGS = upTo(V4L2_AV1_SEQUENCE_FLAG_SEPARATE_UV_DELTA_Q);
const FRAME_FLAGS = upTo(V4L2_AV1_FRAME_FLAG_FRAME_REFS_SHORT_SIGNALING);
const FILM_GRAIN_FLAGS = upTo(V4L2_AV1_FILM_GRAIN_FLAG_CLIP_TO_RESTRICTED_RANGE);

/** Bit depth and subsampling as color_config() of the specification, 5.5.2, allows them. */
function checkColorConfig(sequence: CtrlAv1SequenceView): void {
  const { flags, seq_profile: profile, bit_depth: depth } = sequence;
  const horizontal = (flags & V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_X) !== 0;
  const vertical = (flags & V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_Y) !== 0;
  const subsampling = `subsampling of profile ${profile}, ${depth} bits`;
  if ((flags & V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME) !== 0) {
    if (profile === 1) refuse("profile 1 has no monochrome");
    if (!horizontal || !vertical) refuse("monochrome needs both subsampling flags");
    if ((flags & V4L2_AV1_SEQUENCE_FLAG_SEPARATE_UV_DELTA_Q) !== 0) refuse("monochrome has no uv_delta_q");
    return;
  }
  oneOf(depth, profile === 2 ? [8, 10, 12] : [8, 10], `bit_depth of profile ${profile}`);
  if (profile === 0) {
    if (!horizontal || !vertical) refuse(`${subsampling}: not 4:2:0`);
  } else if (profile === 1) {
    if (horizontal || vertical) refuse(`${subsampling}: not 4:4:4`);
  } else if (depth === 12) {
    if (!horizontal && vertical) refuse(`${subsampling}: 4:4:0`);
  } else if (!horizontal || vertical) {
    refuse(`${subsampling}: not 4:2:2`);
  }
}

export const av1Sequence = rules(CtrlAv1SequenceView, {
  check(sequence) {
    onlyFlags(sequence.flags, SEQUENCE_FLAGS, "flags");
    atMost(sequence.seq_profile, 2, "seq_profile");
    checkColorConfig(sequence);
  },
  /** Profile 0 knows 4:2:0 only. */
  init(sequence) {
    sequence.bit_depth = 8;
    sequence.flags =
      (sequence.flags | V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_X | V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_Y) >>> 0;
  },
});

/** Drivers use these as indices and loop bounds. */
function checkTileInfo(tiles: Av1TileInfoView): void {
  atMost(tiles.tile_cols, V4L2_AV1_MAX_TILE_COLS, "tile_info.tile_cols");
  atMost(tiles.tile_rows, V4L2_AV1_MAX_TILE_ROWS, "tile_info.tile_rows");
  atMost(tiles.tile_cols * tiles.tile_rows, V4L2_AV1_MAX_TILE_COUNT, "tile_cols * tile_rows");
}

function checkQuantization(quantization: Av1QuantizationView): void {
  atMost(quantization.flags, 0x7, "quantization.flags");
  between(quantization.delta_q_y_dc, -64, 63, "quantization.delta_q_y_dc");
  between(quantization.delta_q_u_dc, -64, 63, "quantization.delta_q_u_dc");
  between(quantization.delta_q_v_dc, -64, 63, "quantization.delta_q_v_dc");
  between(quantization.delta_q_u_ac, -64, 63, "quantization.delta_q_u_ac");
  between(quantization.delta_q_v_ac, -64, 63, "quantization.delta_q_v_ac");
  atMost(quantization.delta_q_res, 3, "quantization.delta_q_res");
  atMost(quantization.qm_y, 15, "quantization.qm_y");
  atMost(quantization.qm_u, 15, "quantization.qm_u");
  atMost(quantization.qm_v, 15, "quantization.qm_v");
}

/** Lowest and highest value of each segmentation feature. */
const FEATURE_LIMITS = [
  [-255, 255],
  [-63, 63],
  [-63, 63],
  [-63, 63],
  [-63, 63],
  [0, 7],
  [0, 0],
  [0, 0],
] as const;

function checkSegmentation(segmentation: Av1SegmentationView): void {
  atMost(segmentation.flags, 0x1f, "segmentation.flags");
  const data = segmentation.feature_data;
  for (let index = 0; index < data.length; index++) {
    const [low, high] = FEATURE_LIMITS[index % FEATURE_LIMITS.length] ?? [0, 0];
    between(data.get(index), low, high, "segmentation.feature_data");
  }
}

function checkLoopFilter(filter: Av1LoopFilterView): void {
  atMost(filter.flags, 0xf, "loop_filter.flags");
  allBetween(filter.level, 0, 63, "loop_filter.level");
  atMost(filter.sharpness, 7, "loop_filter.sharpness");
  allBetween(filter.ref_deltas, -64, 63, "loop_filter.ref_deltas");
  allBetween(filter.mode_deltas, -64, 63, "loop_filter.mode_deltas");
}

function checkCdef(cdef: Av1CdefView): void {
  atMost(cdef.damping_minus_3, 3, "cdef.damping_minus_3");
  atMost(cdef.bits, 3, "cdef.bits");
  const used = 1 << cdef.bits;
  allBetween(cdef.y_pri_strength.subarray(0, used), 0, 15, "cdef.y_pri_strength");
  allBetween(cdef.y_sec_strength.subarray(0, used), 0, 4, "cdef.y_sec_strength");
  allBetween(cdef.uv_pri_strength.subarray(0, used), 0, 15, "cdef.uv_pri_strength");
  allBetween(cdef.uv_sec_strength.subarray(0, used), 0, 4, "cdef.uv_sec_strength");
}

export const av1Frame = rules(CtrlAv1FrameView, {
  check(frame) {
    checkTileInfo(frame.tile_info);
    checkQuantization(frame.quantization);
    checkSegmentation(frame.segmentation);
    checkLoopFilter(frame.loop_filter);
    checkCdef(frame.cdef);
    atMost(frame.loop_restoration.lr_unit_shift, 3, "loop_restoration.lr_unit_shift");
    atMost(frame.loop_restoration.lr_uv_shift, 1, "loop_restoration.lr_uv_shift");
    onlyFlags(frame.flags, FRAME_FLAGS, "flags");
    atMost(frame.superres_denom, 16, "superres_denom");
  },
});

/** The points of a scaling function grow strictly. */
function checkPoints(values: Uint8Array, count: number, field: string): void {
  for (let index = 1; index < count; index++) {
    if ((values[index] ?? 0) <= (values[index - 1] ?? 0)) refuse(`${field}[${index}] does not grow`);
  }
}

export const av1FilmGrain = rules(CtrlAv1FilmGrainView, {
  check(grain) {
    onlyFlags(grain.flags, FILM_GRAIN_FLAGS, "flags");
    atMost(grain.film_grain_params_ref_idx, 7, "film_grain_params_ref_idx");
    atMost(grain.num_y_points, 14, "num_y_points");
    atMost(grain.num_cb_points, 10, "num_cb_points");
    atMost(grain.num_cr_points, 15, "num_cr_points");
    atMost(grain.grain_scaling_minus_8, 3, "grain_scaling_minus_8");
    atMost(grain.ar_coeff_lag, 3, "ar_coeff_lag");
    atMost(grain.ar_coeff_shift_minus_6, 3, "ar_coeff_shift_minus_6");
    atMost(grain.grain_scale_shift, 3, "grain_scale_shift");
    if ((grain.flags & V4L2_AV1_FILM_GRAIN_FLAG_APPLY_GRAIN) === 0) return;
    checkPoints(grain.point_y_value, grain.num_y_points, "point_y_value");
    checkPoints(grain.point_cb_value, grain.num_cb_points, "point_cb_value");
    checkPoints(grain.point_cr_value, grain.num_cr_points, "point_cr_value");
  },
});
