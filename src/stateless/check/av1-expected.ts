/** What an AV1 frame header says of the FRAME and FILM_GRAIN controls, without what means nothing in the frame. */
import { av1 } from "../../codec/index.js";
import type { ControlValues } from "../../codec/index.js";
import {
  DELTA_ENABLED,
  DELTA_UPDATE,
  filterFlags,
  frameFlags,
  grainFlags,
  INTER_FLAGS,
  motionFlags,
  quantizationFlags,
  restorationFlags,
  SEGMENTATION_UPDATES,
  segmentationFlags,
  sequenceFlags,
  tileFlags,
} from "./av1-fields.js";
import type { ExpectedControl } from "./compare.js";
import { expectedFlags } from "./flags.js";

export type Sequence = NonNullable<ControlValues["StatelessAv1Sequence"]>;
export type Frame = NonNullable<ControlValues["StatelessAv1Frame"]>;
export type FilmGrain = NonNullable<ControlValues["StatelessAv1FilmGrain"]>;

/** @param sequence - As it should be. */
export const expectedSequence = (sequence: Sequence, submitted: Sequence): ExpectedControl => ({
  control: "AV1_SEQUENCE",
  fields: { ...sequence, flags: undefined, reserved: undefined },
  flags: expectedFlags(sequenceFlags, sequence.flags, submitted.flags),
});

/** Of the seven references; the first entry stands for INTRA_FRAME. */
const references = <Value>([, ...rest]: readonly Value[]): (Value | undefined)[] => [undefined, ...rest];

/**
 * @param timestamps - Of the frames in the slots before this frame; undefined where no request brought one.
 * @param knowsSequence - Is `seq` from a sequence header, operating points included?
 */
export function expectedFrame(
  header: av1.FrameHeader,
  seq: av1.SequenceHeader,
  timestamps: readonly (bigint | undefined)[],
  submitted: Frame,
  knowsSequence: boolean,
): ExpectedControl {
  const control = av1.frameControl(header, []);
  const { tile_info, quantization, segmentation, loop_filter, cdef, loop_restoration, global_motion } =
    control;
  const isInter = !header.frameIsIntra;
  const planes = seq.numPlanes;
  const inInterFrames = <Value>(value: Value): Value | undefined => (isInter ? value : undefined);
  const noFilter = header.codedLossless || header.allow_intrabc;
  const hasDeltas = header.loop_filter_delta_enabled && !noFilter;
  const hasChromaLevels =
    planes > 1 && !noFilter && (loop_filter.level[0] !== 0 || loop_filter.level[1] !== 0);
  const strengths = 1 << header.cdef_bits;
  const ofPlanes = <Value>(values: readonly Value[]): Value[] => values.slice(0, planes);
  const { invalid, flags: motionWords } = submitted.global_motion;
  const motion = global_motion.flags.flatMap((flags, i) =>
    i === 0 || flags === motionWords[i]
      ? []
      : expectedFlags(motionFlags(i), flags, motionWords[i] ?? 0, 0, `global_motion.flags[${i}]`),
  );
  return {
    control: "AV1_FRAME",
    fields: {
      ...control,
      tile_info: expectedTileInfo(header, tile_info, submitted.tile_info),
      quantization: {
        ...quantization,
        flags: undefined,
        ...(!header.using_qmatrix && { qm_y: undefined, qm_u: undefined, qm_v: undefined }),
      },
      segmentation: { ...segmentation, flags: undefined },
      loop_filter: {
        ...loop_filter,
        flags: undefined,
        level: loop_filter.level.slice(0, hasChromaLevels ? 4 : 2),
        sharpness: noFilter ? undefined : loop_filter.sharpness,
      },
      cdef: {
        damping_minus_3: cdef.damping_minus_3,
        bits: cdef.bits,
        y_pri_strength: cdef.y_pri_strength.slice(0, strengths),
        y_sec_strength: cdef.y_sec_strength.slice(0, strengths),
        uv_pri_strength: planes > 1 ? cdef.uv_pri_strength.slice(0, strengths) : undefined,
        uv_sec_strength: planes > 1 ? cdef.uv_sec_strength.slice(0, strengths) : undefined,
      },
      skip_mode_frame: header.skipModeAllowed ? control.skip_mode_frame : undefined,
      loop_restoration: {
        lr_unit_shift: header.usesLr ? loop_restoration.lr_unit_shift : undefined,
        lr_uv_shift: header.usesLr ? loop_restoration.lr_uv_shift : undefined,
        frame_restoration_type: ofPlanes(loop_restoration.frame_restoration_type),
        loop_restoration_size: header.usesLr ? ofPlanes(loop_restoration.loop_restoration_size) : undefined,
      },
      global_motion: {
        type: references(global_motion.type),
        params: references(global_motion.params),
        // Bit 0 would be that of INTRA_FRAME.
        invalid: ((invalid ^ global_motion.invalid) & 0xfe) === 0 ? undefined : global_motion.invalid,
      },
      flags: undefined,
      reserved: undefined,
      interpolation_filter: inInterFrames(control.interpolation_filter),
      buffer_removal_time:
        knowsSequence && header.buffer_removal_time_present_flag
          ? control.buffer_removal_time.slice(0, seq.operatingPoints.length)
          : undefined,
      order_hints: inInterFrames(references(control.order_hints)),
      reference_frame_ts: inInterFrames([...timestamps]),
      ref_frame_idx: inInterFrames(control.ref_frame_idx),
    },
    flags: [
      ...expectedFlags(tileFlags, tile_info.flags, submitted.tile_info.flags, 0, "tile_info.flags"),
      ...expectedFlags(
        quantizationFlags,
        quantization.flags,
        submitted.quantization.flags,
        0,
        "quantization.flags",
      ),
      ...expectedFlags(
        segmentationFlags,
        segmentation.flags,
        submitted.segmentation.flags,
        header.segmentation_enabled ? 0 : SEGMENTATION_UPDATES,
        "segmentation.flags",
      ),
      ...expectedFlags(
        filterFlags,
        loop_filter.flags,
        submitted.loop_filter.flags,
        (noFilter ? DELTA_ENABLED : 0) | (hasDeltas ? 0 : DELTA_UPDATE),
        "loop_filter.flags",
      ),
      ...expectedFlags(
        restorationFlags,
        loop_restoration.flags,
        submitted.loop_restoration.flags,
        0,
        "loop_restoration.flags",
      ),
      ...motion,
      ...expectedFlags(frameFlags, control.flags, submitted.flags, isInter ? 0 : INTER_FLAGS),
    ],
  };
}

function expectedTileInfo(
  header: av1.FrameHeader,
  info: Frame["tile_info"],
  submitted: Frame["tile_info"],
): ExpectedControl["fields"] {
  const { tile_cols: cols, tile_rows: rows } = info;
  // The elements are absent from uniform tiles, and clients tell sizes or leave 0.
  const sizes = (
    values: readonly number[],
    theirs: readonly number[],
    count: number,
  ): number[] | undefined =>
    header.uniform_tile_spacing_flag && theirs.every((size) => size === 0)
      ? undefined
      : values.slice(0, count);
  return {
    context_update_tile_id: info.context_update_tile_id,
    tile_cols: cols,
    tile_rows: rows,
    mi_col_starts: info.mi_col_starts.slice(0, cols + 1),
    mi_row_starts: info.mi_row_starts.slice(0, rows + 1),
    width_in_sbs_minus_1: sizes(info.width_in_sbs_minus_1, submitted.width_in_sbs_minus_1, cols),
    height_in_sbs_minus_1: sizes(info.height_in_sbs_minus_1, submitted.height_in_sbs_minus_1, rows),
    tile_size_bytes: cols * rows > 1 ? info.tile_size_bytes : undefined,
  };
}

export function expectedFilmGrain(header: av1.FrameHeader, submitted: FilmGrain): ExpectedControl {
  const control = av1.filmGrainControl(header);
  const flags = expectedFlags(grainFlags, control.flags, submitted.flags);
  const fields = { ...control, flags: undefined, reserved: undefined };
  const { filmGrain: grain } = header;
  if (!grain.applied) return { control: "AV1_FILM_GRAIN", fields, flags };
  const lumaCoefficients = 2 * grain.ar_coeff_lag * (grain.ar_coeff_lag + 1);
  const chromaCoefficients = lumaCoefficients + (grain.num_y_points > 0 ? 1 : 0);
  const coefficients = (isUsed: boolean, values: readonly number[], count: number): number[] | undefined =>
    isUsed ? values.slice(0, count) : undefined;
  const hasCb = grain.num_cb_points > 0;
  const hasCr = grain.num_cr_points > 0;
  const fromLuma = grain.chroma_scaling_from_luma;
  return {
    control: "AV1_FILM_GRAIN",
    fields: {
      ...fields,
      film_grain_params_ref_idx: grain.update_grain ? undefined : control.film_grain_params_ref_idx,
      point_y_value: control.point_y_value.slice(0, grain.num_y_points),
      point_y_scaling: control.point_y_scaling.slice(0, grain.num_y_points),
      point_cb_value: control.point_cb_value.slice(0, grain.num_cb_points),
      point_cb_scaling: control.point_cb_scaling.slice(0, grain.num_cb_points),
      point_cr_value: control.point_cr_value.slice(0, grain.num_cr_points),
      point_cr_scaling: control.point_cr_scaling.slice(0, grain.num_cr_points),
      ar_coeffs_y_plus_128: coefficients(
        grain.num_y_points > 0,
        control.ar_coeffs_y_plus_128,
        lumaCoefficients,
      ),
      ar_coeffs_cb_plus_128: coefficients(
        fromLuma || hasCb,
        control.ar_coeffs_cb_plus_128,
        chromaCoefficients,
      ),
      ar_coeffs_cr_plus_128: coefficients(
        fromLuma || hasCr,
        control.ar_coeffs_cr_plus_128,
        chromaCoefficients,
      ),
      ...(!hasCb && { cb_mult: undefined, cb_luma_mult: undefined, cb_offset: undefined }),
      ...(!hasCr && { cr_mult: undefined, cr_luma_mult: undefined, cr_offset: undefined }),
    },
    flags,
  };
}
