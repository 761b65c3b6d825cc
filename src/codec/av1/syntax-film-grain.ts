/** Film grain parameters: 5.9.30. */
import type { Coder } from "../bits/index.js";
import { emptyFilmGrain, FrameType, noFilmGrain, type FilmGrain, type FrameHeader } from "./frame-header.js";
import type { ReferenceSlots } from "./references.js";
import type { SequenceHeader } from "./syntax-sequence.js";

const MAX_Y_POINTS = 14;
const MAX_CHROMA_POINTS = 10;

/** `load_grain_params()`: all of another frame's parameters but what this header says itself. */
export function loadFilmGrain(frame: FrameHeader, from: FilmGrain): void {
  const { apply_grain, update_grain, film_grain_params_ref_idx } = frame.filmGrain;
  frame.filmGrain = { ...from, apply_grain, update_grain, film_grain_params_ref_idx };
}

export function filmGrainParams(
  c: Coder,
  seq: SequenceHeader,
  slots: ReferenceSlots,
  frame: FrameHeader,
): void {
  c.structure("film_grain_params", "5.9.30");
  const present = seq.film_grain_params_present && (frame.show_frame || frame.showable_frame);
  if (!present || !c.flag("apply_grain", frame.filmGrain.apply_grain)) {
    frame.filmGrain = noFilmGrain;
    return;
  }
  if (frame.filmGrain === noFilmGrain) frame.filmGrain = emptyFilmGrain();
  const grain = frame.filmGrain;
  grain.apply_grain = true;
  grain.applied = true;
  grain.grain_seed = c.u("grain_seed", 16, grain.grain_seed);
  grain.update_grain = frame.frame_type !== FrameType.Inter || c.flag("update_grain", grain.update_grain);
  if (!grain.update_grain) {
    const index = c.u("film_grain_params_ref_idx", 3, grain.film_grain_params_ref_idx);
    const reference = slots.frames[index];
    if (reference === undefined || !frame.ref_frame_idx.includes(index))
      throw c.error(`film_grain_params_ref_idx is ${index}, which is no reference of this frame`);
    grain.film_grain_params_ref_idx = index;
    loadFilmGrain(frame, reference.filmGrain);
    frame.filmGrain.grain_seed = grain.grain_seed;
    return;
  }
  points(c, seq, grain);
  coefficients(c, grain);
  if (grain.num_cb_points > 0) {
    grain.cb_mult = c.u("cb_mult", 8, grain.cb_mult);
    grain.cb_luma_mult = c.u("cb_luma_mult", 8, grain.cb_luma_mult);
    grain.cb_offset = c.u("cb_offset", 9, grain.cb_offset);
  }
  if (grain.num_cr_points > 0) {
    grain.cr_mult = c.u("cr_mult", 8, grain.cr_mult);
    grain.cr_luma_mult = c.u("cr_luma_mult", 8, grain.cr_luma_mult);
    grain.cr_offset = c.u("cr_offset", 9, grain.cr_offset);
  }
  grain.overlap_flag = c.flag("overlap_flag", grain.overlap_flag);
  grain.clip_to_restricted_range = c.flag("clip_to_restricted_range", grain.clip_to_restricted_range);
}

function points(c: Coder, seq: SequenceHeader, grain: FilmGrain): void {
  grain.num_y_points = c.uRange("num_y_points", 4, grain.num_y_points, 0, MAX_Y_POINTS);
  curve(c, "y", grain.num_y_points, grain.point_y_value, grain.point_y_scaling);
  grain.chroma_scaling_from_luma =
    !seq.mono_chrome && c.flag("chroma_scaling_from_luma", grain.chroma_scaling_from_luma);
  const is420 = seq.subsampling_x && seq.subsampling_y;
  if (seq.mono_chrome || grain.chroma_scaling_from_luma || (is420 && grain.num_y_points === 0)) {
    grain.num_cb_points = 0;
    grain.num_cr_points = 0;
    return;
  }
  grain.num_cb_points = c.uRange("num_cb_points", 4, grain.num_cb_points, 0, MAX_CHROMA_POINTS);
  curve(c, "cb", grain.num_cb_points, grain.point_cb_value, grain.point_cb_scaling);
  grain.num_cr_points = c.uRange("num_cr_points", 4, grain.num_cr_points, 0, MAX_CHROMA_POINTS);
  curve(c, "cr", grain.num_cr_points, grain.point_cr_value, grain.point_cr_scaling);
  if (is420 && (grain.num_cb_points === 0) !== (grain.num_cr_points === 0))
    throw c.error("4:2:0 needs points for both of Cb and Cr or for none");
}

/** The points of one piecewise linear function, whose coordinates grow. */
function curve(
  c: Coder,
  plane: "y" | "cb" | "cr",
  count: number,
  values: Uint8Array,
  scalings: Uint8Array,
): void {
  const [value, scaling] = curveNames[plane];
  for (let i = 0; i < count; i += 1) {
    const min = i === 0 ? 0 : (values[i - 1] ?? 0) + 1;
    values[i] = c.uRange(value, 8, values[i], min, 255, i);
    scalings[i] = c.u(scaling, 8, scalings[i], i);
  }
}

const curveNames = {
  y: ["point_y_value", "point_y_scaling"],
  cb: ["point_cb_value", "point_cb_scaling"],
  cr: ["point_cr_value", "point_cr_scaling"],
} as const;

function coefficients(c: Coder, grain: FilmGrain): void {
  grain.grain_scaling_minus_8 = c.u("grain_scaling_minus_8", 2, grain.grain_scaling_minus_8);
  grain.ar_coeff_lag = c.u("ar_coeff_lag", 2, grain.ar_coeff_lag);
  const luma = 2 * grain.ar_coeff_lag * (grain.ar_coeff_lag + 1);
  const chroma = grain.num_y_points > 0 ? luma + 1 : luma;
  if (grain.num_y_points > 0) {
    const values = grain.ar_coeffs_y_plus_128;
    for (let i = 0; i < luma; i += 1) values[i] = c.u("ar_coeffs_y_plus_128", 8, values[i], i);
  }
  if (grain.chroma_scaling_from_luma || grain.num_cb_points > 0) {
    const values = grain.ar_coeffs_cb_plus_128;
    for (let i = 0; i < chroma; i += 1) values[i] = c.u("ar_coeffs_cb_plus_128", 8, values[i], i);
  }
  if (grain.chroma_scaling_from_luma || grain.num_cr_points > 0) {
    const values = grain.ar_coeffs_cr_plus_128;
    for (let i = 0; i < chroma; i += 1) values[i] = c.u("ar_coeffs_cr_plus_128", 8, values[i], i);
  }
  grain.ar_coeff_shift_minus_6 = c.u("ar_coeff_shift_minus_6", 2, grain.ar_coeff_shift_minus_6);
  grain.grain_scale_shift = c.u("grain_scale_shift", 2, grain.grain_scale_shift);
}
