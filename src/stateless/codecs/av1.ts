/** AV1: sequence, frame, tiles, and the film grain that goes over the picture. */
import type { StandardValue } from "../../v4l2/index.js";
import { Cid } from "../../v4l2/index.js";
import { arrayOf, compound, defineCodec } from "../codec.js";
import { array, bits, dec, event } from "../trace/event.js";

type Av1Sequence = StandardValue<typeof Cid.StatelessAv1Sequence>;
type Av1Frame = StandardValue<typeof Cid.StatelessAv1Frame>;
type Av1FilmGrain = StandardValue<typeof Cid.StatelessAv1FilmGrain>;
type Av1TileGroupEntry = StandardValue<typeof Cid.StatelessAv1TileGroupEntry>;

// Trace events, under the names of the kernel's visl

export const sequence = event<Av1Sequence>(
  "av1",
  "v4l2_ctrl_av1_sequence",
  [
    [
      "flags",
      bits(
        "STILL_PICTURE",
        "USE_128X128_SUPERBLOCK",
        "ENABLE_FILTER_INTRA",
        "ENABLE_INTRA_EDGE_FILTER",
        "ENABLE_INTERINTRA_COMPOUND",
        "ENABLE_MASKED_COMPOUND",
        "ENABLE_WARPED_MOTION",
        "ENABLE_DUAL_FILTER",
        "ENABLE_ORDER_HINT",
        "ENABLE_JNT_COMP",
        "ENABLE_REF_FRAME_MVS",
        "ENABLE_SUPERRES",
        "ENABLE_CDEF",
        "ENABLE_RESTORATION",
        "MONO_CHROME",
        "COLOR_RANGE",
        "SUBSAMPLING_X",
        "SUBSAMPLING_Y",
        "FILM_GRAIN_PARAMS_PRESENT",
        "SEPARATE_UV_DELTA_Q",
      ),
      "flags ",
    ],
    ["seq_profile", dec],
    ["order_hint_bits", dec],
    ["bit_depth", dec],
    ["max_frame_width_minus_1", dec],
    ["max_frame_height_minus_1", dec],
  ],
  { separator: ": ", end: "\n" },
);

export const frame = event<Av1Frame>(
  "av1",
  "v4l2_ctrl_av1_frame",
  [
    ["tile_info.flags", bits("UNIFORM_TILE_SPACING")],
    ["tile_info.context_update_tile_id", dec],
    ["tile_info.tile_cols", dec],
    ["tile_info.tile_rows", dec],
    ["tile_info.mi_col_starts", array(4)],
    ["tile_info.mi_row_starts", array(4)],
    ["tile_info.width_in_sbs_minus_1", array(4)],
    ["tile_info.height_in_sbs_minus_1", array(4)],
    ["tile_info.tile_size_bytes", dec],
    ["quantization.flags", bits("DIFF_UV_DELTA", "USING_QMATRIX", "DELTA_Q_PRESENT")],
    ["quantization.base_q_idx", dec],
    ["quantization.delta_q_y_dc", dec],
    ["quantization.delta_q_u_dc", dec],
    ["quantization.delta_q_u_ac", dec],
    ["quantization.delta_q_v_dc", dec],
    ["quantization.delta_q_v_ac", dec],
    ["quantization.qm_y", dec],
    ["quantization.qm_u", dec],
    ["quantization.qm_v", dec],
    ["quantization.delta_q_res", dec],
    ["superres_denom", dec],
    [
      "segmentation.flags",
      bits("ENABLED", "UPDATE_MAP", "TEMPORAL_UPDATE", "UPDATE_DATA", "SEG_ID_PRE_SKIP"),
    ],
    ["segmentation.last_active_seg_id", dec],
    ["segmentation.feature_enabled", array(1), "segmentation.feature_enabled:"],
    ["loop_filter.flags", bits("DELTA_ENABLED", "DELTA_UPDATE", "DELTA_LF_PRESENT", "DELTA_LF_MULTI")],
    ["loop_filter.level", array(1)],
    ["loop_filter.sharpness", dec],
    ["loop_filter.ref_deltas", array(1)],
    ["loop_filter.mode_deltas", array(1)],
    ["loop_filter.delta_lf_res", dec],
    ["cdef.damping_minus_3", dec],
    ["cdef.bits", dec],
    ["cdef.y_pri_strength", array(1)],
    ["cdef.y_sec_strength", array(1)],
    ["cdef.uv_pri_strength", array(1)],
    ["cdef.uv_sec_strength", array(1), "cdef.uv_sec_strength:"],
    ["skip_mode_frame", array(1)],
    ["primary_ref_frame", dec],
    ["loop_restoration.flags", bits("USES_LR", "USES_CHROMA_LR")],
    ["loop_restoration.lr_unit_shift", dec],
    ["loop_restoration.lr_uv_shift", dec],
    ["loop_restoration.frame_restoration_type", array(4)],
    ["loop_restoration.loop_restoration_size", array(4)],
    [
      "flags",
      bits(
        "SHOW_FRAME",
        "SHOWABLE_FRAME",
        "ERROR_RESILIENT_MODE",
        "DISABLE_CDF_UPDATE",
        "ALLOW_SCREEN_CONTENT_TOOLS",
        "FORCE_INTEGER_MV",
        "ALLOW_INTRABC",
        "USE_SUPERRES",
        "ALLOW_HIGH_PRECISION_MV",
        "IS_MOTION_MODE_SWITCHABLE",
        "USE_REF_FRAME_MVS",
        "DISABLE_FRAME_END_UPDATE_CDF",
        "ALLOW_WARPED_MOTION",
        "REFERENCE_SELECT",
        "REDUCED_TX_SET",
        "SKIP_MODE_ALLOWED",
        "SKIP_MODE_PRESENT",
        "FRAME_SIZE_OVERRIDE",
        "BUFFER_REMOVAL_TIME_PRESENT",
        "FRAME_REFS_SHORT_SIGNALING",
      ),
    ],
    ["order_hint", dec],
    ["upscaled_width", dec],
    ["frame_width_minus_1", dec],
    ["frame_height_minus_1", dec],
    ["render_width_minus_1", dec],
    ["render_height_minus_1", dec],
    ["current_frame_id", dec],
    ["buffer_removal_time", array(4)],
    ["order_hints", array(4)],
    ["reference_frame_ts", array(8)],
    ["ref_frame_idx", array(1)],
    ["refresh_frame_flags", dec],
  ],
  { separator: ": ", end: "\n" },
);

export const filmGrain = event<Av1FilmGrain>(
  "av1",
  "v4l2_ctrl_av1_film_grain",
  [
    [
      "flags",
      bits("APPLY_GRAIN", "UPDATE_GRAIN", "CHROMA_SCALING_FROM_LUMA", "OVERLAP", "CLIP_TO_RESTRICTED_RANGE"),
      "flags ",
    ],
    ["cr_mult", dec],
    ["grain_seed", dec],
    ["film_grain_params_ref_idx", dec],
    ["num_y_points", dec],
    ["point_y_value", array(1)],
    ["point_y_scaling", array(1)],
    ["num_cb_points", dec],
    ["point_cb_value", array(1)],
    ["point_cb_scaling", array(1)],
    ["num_cr_points", dec],
    ["point_cr_value", array(1)],
    ["point_cr_scaling", array(1)],
    ["grain_scaling_minus_8", dec],
    ["ar_coeff_lag", dec],
    ["ar_coeffs_y_plus_128", array(1)],
    ["ar_coeffs_cb_plus_128", array(1)],
    ["ar_coeffs_cr_plus_128", array(1)],
    ["ar_coeff_shift_minus_6", dec],
    ["grain_scale_shift", dec],
    ["cb_mult", dec],
    ["cb_luma_mult", dec],
    ["cr_luma_mult", dec],
    ["cb_offset", dec],
    ["cr_offset", dec],
  ],
  { separator: ": ", end: "\n" },
);

export const tileGroupEntry = event<Av1TileGroupEntry>(
  "av1",
  "v4l2_ctrl_av1_tile_group_entry",
  [
    ["tile_offset", dec],
    ["tile_size", dec, " tile_size: "],
    ["tile_row", dec, " tile_row: "],
    ["tile_col", dec],
  ],
  { separator: ": ", end: "\n" },
);

/** `V4L2_AV1_MAX_TILE_COUNT` */
const MAX_TILES = 512;
/** `frame_type` of frames that refer to others: INTER_FRAME and SWITCH_FRAME. */
const INTER_TYPES: readonly number[] = [1, 3];
/** In the order of `ref_frame_idx`. */
const referenceNames = ["last", "last2", "last3", "golden", "bwd", "alt2", "alt"];

/**
 * `reference_frame_ts[index]`, read as C reads it: clients say -1 for "none", and the eight bytes before the array
 * are the last two order hints.
 */
function timestampAt(
  { reference_frame_ts: timestamps, order_hints: hints }: Av1Frame,
  index: number,
): bigint {
  if (index >= 0) return timestamps[index] ?? 0n;
  const at = hints.length + 2 * index;
  return BigInt(hints[at] ?? 0) | (BigInt(hints[at + 1] ?? 0) << 32n);
}

export const av1 = defineCodec({
  name: "av1",
  fourcc: "AV1F",
  sizes: { min: [64, 64], max: [4096, 2304] },
  controls: [
    compound(Cid.StatelessAv1Frame),
    arrayOf(Cid.StatelessAv1TileGroupEntry, MAX_TILES),
    compound(Cid.StatelessAv1Sequence),
    compound(Cid.StatelessAv1FilmGrain),
  ],
  required: [Cid.StatelessAv1Sequence, Cid.StatelessAv1Frame],
  values: (read) => ({
    sequence: read.of(Cid.StatelessAv1Sequence),
    frame: read.of(Cid.StatelessAv1Frame),
    filmGrain: read.of(Cid.StatelessAv1FilmGrain),
    // The first tile.
    tile: read.of(Cid.StatelessAv1TileGroupEntry),
  }),
  references: (values) =>
    referenceNames.map((name, index) => ({
      name: `ref_${name}_ts`,
      timestampNs: timestampAt(values.frame, values.frame.ref_frame_idx[index] ?? 0),
    })),
  usedReferences: (values) =>
    INTER_TYPES.includes(values.frame.frame_type)
      ? values.frame.ref_frame_idx.flatMap((index) => values.frame.reference_frame_ts[index] ?? [])
      : [],
  events: [sequence, frame, filmGrain, tileGroupEntry],
  trace: (values, emit) => {
    emit(sequence, values.sequence);
    emit(frame, values.frame);
    emit(filmGrain, values.filmGrain);
    emit(tileGroupEntry, values.tile);
  },
});
