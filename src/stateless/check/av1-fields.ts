/** AV1's control fields: the syntax elements that they come from, and the clause for those that the stream leaves out. */
import type { ElementOrClause, FieldElements, FieldPlace } from "./compare.js";
import type { FlagName } from "./flags.js";

/** Where every flag has the name of its element. */
const sameNames = (section: string, names: string): FlagName[] =>
  names.split(" ").map((name) => [name, name.toLowerCase(), section]);

export const sequenceFlags = sameNames(
  "5.5",
  "STILL_PICTURE USE_128X128_SUPERBLOCK ENABLE_FILTER_INTRA ENABLE_INTRA_EDGE_FILTER ENABLE_INTERINTRA_COMPOUND " +
    "ENABLE_MASKED_COMPOUND ENABLE_WARPED_MOTION ENABLE_DUAL_FILTER ENABLE_ORDER_HINT ENABLE_JNT_COMP " +
    "ENABLE_REF_FRAME_MVS ENABLE_SUPERRES ENABLE_CDEF ENABLE_RESTORATION MONO_CHROME COLOR_RANGE SUBSAMPLING_X " +
    "SUBSAMPLING_Y FILM_GRAIN_PARAMS_PRESENT SEPARATE_UV_DELTA_Q",
);
export const frameFlags = sameNames(
  "5.9.2",
  "SHOW_FRAME SHOWABLE_FRAME ERROR_RESILIENT_MODE DISABLE_CDF_UPDATE ALLOW_SCREEN_CONTENT_TOOLS FORCE_INTEGER_MV " +
    "ALLOW_INTRABC USE_SUPERRES ALLOW_HIGH_PRECISION_MV IS_MOTION_MODE_SWITCHABLE USE_REF_FRAME_MVS " +
    "DISABLE_FRAME_END_UPDATE_CDF ALLOW_WARPED_MOTION REFERENCE_SELECT REDUCED_TX_SET SKIP_MODE_ALLOWED " +
    "SKIP_MODE_PRESENT FRAME_SIZE_OVERRIDE BUFFER_REMOVAL_TIME_PRESENT FRAME_REFS_SHORT_SIGNALING",
).map(([name, element, section]): FlagName =>
  name === "FRAME_SIZE_OVERRIDE" || name === "BUFFER_REMOVAL_TIME_PRESENT"
    ? [name, `${element}_flag`, section]
    : [name, element, section],
);
/** Of inter frames only. */
export const INTER_FLAGS = 0x80300;
export const tileFlags: readonly FlagName[] = [["UNIFORM_TILE_SPACING", "uniform_tile_spacing_flag"]];
export const quantizationFlags = sameNames("5.9.12", "DIFF_UV_DELTA USING_QMATRIX DELTA_Q_PRESENT");
export const segmentationFlags: readonly FlagName[] = [
  ["ENABLED", "segmentation_enabled"],
  ["UPDATE_MAP", "segmentation_update_map", "5.9.14"],
  ["TEMPORAL_UPDATE", "segmentation_temporal_update", "5.9.14"],
  ["UPDATE_DATA", "segmentation_update_data", "5.9.14"],
  ["SEG_ID_PRE_SKIP", "SegIdPreSkip", "5.9.14"],
];
/** Without meaning when segmentation is off. */
export const SEGMENTATION_UPDATES = 0xe;
export const filterFlags: readonly FlagName[] = [
  ["DELTA_ENABLED", "loop_filter_delta_enabled"],
  ["DELTA_UPDATE", "loop_filter_delta_update", "5.9.11"],
  ["DELTA_LF_PRESENT", "delta_lf_present", "5.9.18"],
  ["DELTA_LF_MULTI", "delta_lf_multi", "5.9.18"],
];
export const DELTA_ENABLED = 0x1;
export const DELTA_UPDATE = 0x2;
export const restorationFlags: readonly FlagName[] = [
  ["USES_LR", "UsesLr", "5.9.20"],
  ["USES_CHROMA_LR", "usesChromaLr", "5.9.20"],
];
export const motionFlags = (reference: number): readonly FlagName[] => [
  ["IS_GLOBAL", `is_global[${reference}]`, "5.9.24"],
  ["IS_ROT_ZOOM", `is_rot_zoom[${reference}]`, "5.9.24"],
  ["IS_TRANSLATION", `is_translation[${reference}]`, "5.9.24"],
];
export const grainFlags = sameNames(
  "5.9.30",
  "APPLY_GRAIN UPDATE_GRAIN CHROMA_SCALING_FROM_LUMA OVERLAP CLIP_TO_RESTRICTED_RANGE",
).map(([name, element, section]): FlagName => [name, name === "OVERLAP" ? "overlap_flag" : element, section]);

/** Fields of a part of the control: as in the specification unless `field=element`. */
function part(prefix: string, section: string, names: string): Record<string, ElementOrClause> {
  return Object.fromEntries(
    names.split(" ").map((text) => {
      const [field = "", element = field] = text.split("=");
      return [`AV1_${prefix}${field}`, [element.replace(/\[\]/g, ""), section]] as const;
    }),
  );
}

const slots: FieldPlace = { element: "reference slot as earlier requests left it", section: "7.20" };

export const elements: FieldElements = {
  ...part("SEQUENCE.", "5.5", "seq_profile max_frame_width_minus_1 max_frame_height_minus_1"),
  ...part("SEQUENCE.", "5.5.1", "order_hint_bits=order_hint_bits_minus_1 bit_depth=high_bitdepth"),
  ...part(
    "FRAME.tile_info.",
    "5.9.15",
    "context_update_tile_id tile_cols=TileCols tile_rows=TileRows mi_col_starts[]=MiColStarts " +
      "mi_row_starts[]=MiRowStarts width_in_sbs_minus_1[] height_in_sbs_minus_1[] " +
      "tile_size_bytes=tile_size_bytes_minus_1",
  ),
  ...part("FRAME.quantization.", "5.9.12", "base_q_idx qm_y qm_u qm_v delta_q_res"),
  "AV1_FRAME.quantization.delta_q_y_dc": ["delta_q[0]", "5.9.12"],
  "AV1_FRAME.quantization.delta_q_u_dc": ["delta_q[1]", "5.9.12"],
  "AV1_FRAME.quantization.delta_q_u_ac": ["delta_q[2]", "5.9.12"],
  "AV1_FRAME.quantization.delta_q_v_dc": ["delta_q[3]", "5.9.12"],
  "AV1_FRAME.quantization.delta_q_v_ac": ["delta_q[4]", "5.9.12"],
  ...part(
    "FRAME.segmentation.",
    "5.9.14",
    "last_active_seg_id=LastActiveSegId feature_enabled[] feature_data[][]=feature_value",
  ),
  ...part(
    "FRAME.loop_filter.",
    "5.9.11",
    "level[]=loop_filter_level sharpness=loop_filter_sharpness ref_deltas[]=loop_filter_ref_deltas " +
      "mode_deltas[]=loop_filter_mode_deltas delta_lf_res",
  ),
  ...part(
    "FRAME.cdef.",
    "5.9.19",
    "damping_minus_3=cdef_damping_minus_3 bits=cdef_bits y_pri_strength[]=cdef_y_pri_strength " +
      "y_sec_strength[]=cdef_y_sec_strength uv_pri_strength[]=cdef_uv_pri_strength " +
      "uv_sec_strength[]=cdef_uv_sec_strength",
  ),
  ...part(
    "FRAME.loop_restoration.",
    "5.9.20",
    "lr_unit_shift lr_uv_shift frame_restoration_type[]=lr_type loop_restoration_size[]=LoopRestorationSize",
  ),
  ...part("FRAME.global_motion.", "5.9.24", "type[]=GmType params[][]=gm_params"),
  ...part("FRAME.global_motion.", "7.11.3.6", "invalid=warpValid"),
  ...part("FRAME.", "5.9.22", "skip_mode_frame[]=SkipModeFrame"),
  ...part("FRAME.", "5.9.21", "tx_mode=tx_mode_select"),
  ...part("FRAME.", "5.9.8", "superres_denom=coded_denom upscaled_width=UpscaledWidth"),
  ...part("FRAME.", "5.9.5", "frame_width_minus_1 frame_height_minus_1"),
  ...part("FRAME.", "5.9.6", "render_width_minus_1 render_height_minus_1"),
  ...part(
    "FRAME.",
    "5.9.2",
    "primary_ref_frame frame_type order_hint interpolation_filter current_frame_id order_hints[]=OrderHints " +
      "ref_frame_idx[] refresh_frame_flags buffer_removal_time[]",
  ),
  "AV1_FRAME.reference_frame_ts[]": slots,
  ...part(
    "FILM_GRAIN.",
    "5.9.30",
    "cr_mult grain_seed film_grain_params_ref_idx num_y_points point_y_value[] point_y_scaling[] num_cb_points " +
      "point_cb_value[] point_cb_scaling[] num_cr_points point_cr_value[] point_cr_scaling[] grain_scaling_minus_8 " +
      "ar_coeff_lag ar_coeffs_y_plus_128[] ar_coeffs_cb_plus_128[] ar_coeffs_cr_plus_128[] ar_coeff_shift_minus_6 " +
      "grain_scale_shift cb_mult cb_luma_mult cr_luma_mult cb_offset cr_offset",
  ),
  "AV1_TILE_GROUP_ENTRY.[].tile_offset": {
    element: "tile data after the header of its tile",
    section: "5.11.1",
  },
  "AV1_TILE_GROUP_ENTRY.[].tile_size": ["tile_size_minus_1", "5.11.1"],
  "AV1_TILE_GROUP_ENTRY.[].tile_row": { element: "tileRow", section: "5.11.1" },
  "AV1_TILE_GROUP_ENTRY.[].tile_col": { element: "tileCol", section: "5.11.1" },
};

/** A sequence header changes what a key frame starts. */
export const sameSequence: FieldPlace = { element: "sequence of the requests before", section: "7.5" };
/** The header is not in the buffer, but nothing else explains what is. */
export const impliedSequence: FieldPlace = {
  element: "with which the frame header agrees with AV1_FRAME",
  section: "5.9.2",
};
