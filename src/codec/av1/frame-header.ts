/** What an AV1 frame header says, and what later frames take from it. */
import { shared } from "../shared.js";

export const NUM_REF_FRAMES = 8;
export const REFS_PER_FRAME = 7;
export const PRIMARY_REF_NONE = 7;
export const MAX_SEGMENTS = 8;
export const SEG_LVL_MAX = 8;
const SEG_LVL_REF_FRAME = 5;
const MAX_TILES = 64;

export const FrameType = { Key: 0, Inter: 1, IntraOnly: 2, Switch: 3 } as const;

/** Warp models, `GmType`. */
export const WarpModel = { Identity: 0, Translation: 1, RotZoom: 2, Affine: 3 } as const;

/** `film_grain_params()`. */
export interface FilmGrain {
  /** Of the header that has it; {@link FilmGrain.applied} is what counts. */
  apply_grain: boolean;
  /** After `load_grain_params()`, which may say that no grain is applied. */
  applied: boolean;
  grain_seed: number;
  update_grain: boolean;
  film_grain_params_ref_idx: number;
  num_y_points: number;
  readonly point_y_value: Uint8Array;
  readonly point_y_scaling: Uint8Array;
  chroma_scaling_from_luma: boolean;
  num_cb_points: number;
  readonly point_cb_value: Uint8Array;
  readonly point_cb_scaling: Uint8Array;
  num_cr_points: number;
  readonly point_cr_value: Uint8Array;
  readonly point_cr_scaling: Uint8Array;
  grain_scaling_minus_8: number;
  ar_coeff_lag: number;
  readonly ar_coeffs_y_plus_128: Uint8Array;
  readonly ar_coeffs_cb_plus_128: Uint8Array;
  readonly ar_coeffs_cr_plus_128: Uint8Array;
  ar_coeff_shift_minus_6: number;
  grain_scale_shift: number;
  cb_mult: number;
  cb_luma_mult: number;
  cb_offset: number;
  cr_mult: number;
  cr_luma_mult: number;
  cr_offset: number;
  overlap_flag: boolean;
  clip_to_restricted_range: boolean;
}

/** `reset_grain_params()`. */
export function emptyFilmGrain(): FilmGrain {
  return {
    apply_grain: false,
    applied: false,
    grain_seed: 0,
    update_grain: false,
    film_grain_params_ref_idx: 0,
    num_y_points: 0,
    point_y_value: new Uint8Array(16),
    point_y_scaling: new Uint8Array(16),
    chroma_scaling_from_luma: false,
    num_cb_points: 0,
    point_cb_value: new Uint8Array(16),
    point_cb_scaling: new Uint8Array(16),
    num_cr_points: 0,
    point_cr_value: new Uint8Array(16),
    point_cr_scaling: new Uint8Array(16),
    grain_scaling_minus_8: 0,
    ar_coeff_lag: 0,
    ar_coeffs_y_plus_128: new Uint8Array(25),
    ar_coeffs_cb_plus_128: new Uint8Array(25),
    ar_coeffs_cr_plus_128: new Uint8Array(25),
    ar_coeff_shift_minus_6: 0,
    grain_scale_shift: 0,
    cb_mult: 0,
    cb_luma_mult: 0,
    cb_offset: 0,
    cr_mult: 0,
    cr_luma_mult: 0,
    cr_offset: 0,
    overlap_flag: false,
    clip_to_restricted_range: false,
  };
}

/** Of frames without grain. Their headers share it, so nobody may change it. */
export const noFilmGrain: FilmGrain = shared(emptyFilmGrain());

/**
 * `uncompressed_header()`. Names in camel case are variables of the specification, the others its elements. A header
 * that was parsed is not changed any more: reference slots keep it.
 */
export interface FrameHeader {
  show_existing_frame: boolean;
  frame_to_show_map_idx: number;
  frame_presentation_time: number;
  display_frame_id: number;
  frame_type: number;
  frameIsIntra: boolean;
  show_frame: boolean;
  showable_frame: boolean;
  error_resilient_mode: boolean;
  /** `RefValid` as this header leaves it, a bit for each slot. */
  refValid: number;
  disable_cdf_update: boolean;
  allow_screen_content_tools: boolean;
  /** As coded or inferred from the sequence; {@link FrameHeader.forceIntegerMv} is what counts. */
  force_integer_mv: boolean;
  forceIntegerMv: boolean;
  current_frame_id: number;
  frame_size_override_flag: boolean;
  order_hint: number;
  primary_ref_frame: number;
  buffer_removal_time_present_flag: boolean;
  readonly buffer_removal_time: Uint32Array;
  refresh_frame_flags: number;
  readonly ref_order_hint: Uint8Array;
  frame_refs_short_signaling: boolean;
  last_frame_idx: number;
  gold_frame_idx: number;
  /** -1 for all in intra frames. */
  readonly ref_frame_idx: Int8Array;
  readonly delta_frame_id_minus_1: Uint16Array;
  /** The first reference whose size this frame takes; 7 for none. */
  foundRef: number;
  frame_width_minus_1: number;
  frame_height_minus_1: number;
  use_superres: boolean;
  superresDenom: number;
  upscaledWidth: number;
  frameWidth: number;
  frameHeight: number;
  miCols: number;
  miRows: number;
  render_and_frame_size_different: boolean;
  renderWidth: number;
  renderHeight: number;
  allow_intrabc: boolean;
  allow_high_precision_mv: boolean;
  is_filter_switchable: boolean;
  interpolation_filter: number;
  is_motion_mode_switchable: boolean;
  use_ref_frame_mvs: boolean;
  /** Subscripts are reference names: 1 is `LAST_FRAME`. */
  readonly orderHints: Uint8Array;
  readonly refFrameSignBias: Uint8Array;
  disable_frame_end_update_cdf: boolean;

  uniform_tile_spacing_flag: boolean;
  tileColsLog2: number;
  tileRowsLog2: number;
  tileCols: number;
  tileRows: number;
  readonly miColStarts: Uint32Array;
  readonly miRowStarts: Uint32Array;
  /** Of uniform tiles too. */
  readonly width_in_sbs_minus_1: Uint32Array;
  readonly height_in_sbs_minus_1: Uint32Array;
  context_update_tile_id: number;
  /** 0 if there is one tile only. */
  tileSizeBytes: number;

  base_q_idx: number;
  /** Y DC, U DC, U AC, V DC, V AC. */
  readonly deltaQCoded: Uint8Array;
  readonly deltaQ: Int8Array;
  diff_uv_delta: boolean;
  using_qmatrix: boolean;
  qm_y: number;
  qm_u: number;
  qm_v: number;

  segmentation_enabled: boolean;
  segmentation_update_map: boolean;
  segmentation_temporal_update: boolean;
  segmentation_update_data: boolean;
  /** `[segment * 8 + feature]`. */
  readonly featureEnabled: Uint8Array;
  /** As coded, before it is clipped. */
  readonly feature_value: Int16Array;
  readonly featureData: Int16Array;
  segIdPreSkip: boolean;
  lastActiveSegId: number;

  delta_q_present: boolean;
  delta_q_res: number;
  delta_lf_present: boolean;
  delta_lf_res: number;
  delta_lf_multi: boolean;
  codedLossless: boolean;
  allLossless: boolean;

  readonly loop_filter_level: Uint8Array;
  loop_filter_sharpness: number;
  loop_filter_delta_enabled: boolean;
  loop_filter_delta_update: boolean;
  readonly update_ref_delta: Uint8Array;
  readonly loop_filter_ref_deltas: Int8Array;
  readonly update_mode_delta: Uint8Array;
  readonly loop_filter_mode_deltas: Int8Array;

  cdef_damping_minus_3: number;
  cdef_bits: number;
  readonly cdef_y_pri_strength: Uint8Array;
  /** As coded: 3 stands for a strength of 4. */
  readonly cdef_y_sec_strength: Uint8Array;
  readonly cdef_uv_pri_strength: Uint8Array;
  readonly cdef_uv_sec_strength: Uint8Array;

  usesLr: boolean;
  usesChromaLr: boolean;
  readonly lr_type: Uint8Array;
  /** With the extra shift, 0 to 2. */
  lrUnitShift: number;
  lr_uv_shift: boolean;
  /** In samples of the plane; 0 without loop restoration. */
  readonly loopRestorationSize: Uint16Array;

  tx_mode_select: boolean;
  txMode: number;
  reference_select: boolean;
  skipModeAllowed: boolean;
  skip_mode_present: boolean;
  readonly skipModeFrame: Uint8Array;
  allow_warped_motion: boolean;
  reduced_tx_set: boolean;

  /** Subscripts are reference names. */
  readonly gmType: Uint8Array;
  /** `[reference * 6 + parameter]`. */
  readonly gmParams: Int32Array;
  /** {@link noFilmGrain} until there are parameters. */
  filmGrain: FilmGrain;

  /** Of the sequence that the frame belongs to. */
  bitDepth: number;
  subsampling: number;
}

/** Loop filter deltas of `setup_past_independence()` for `INTRA_FRAME` to `ALTREF_FRAME`. */
export const defaultRefDeltas: readonly number[] = [1, 0, 0, 0, -1, 0, -1, -1];

/** Six parameters for each reference that move nothing. */
export const identityWarp = Int32Array.from({ length: 48 }, (_, i) => (i % 3 === 2 ? 1 << 16 : 0));

/** Bytes of the longer arrays of a header, by their order in {@link emptyFrameHeader}. */
const TILES_BYTES = 4 * MAX_TILES;
const STARTS_BYTES = TILES_BYTES + 4;
const FEATURES_BYTES = 2 * MAX_SEGMENTS * SEG_LVL_MAX;
const LONG_BYTES = 128 + 2 * STARTS_BYTES + 2 * TILES_BYTES + 4 * identityWarp.length + 2 * FEATURES_BYTES;

export function emptyFrameHeader(): FrameHeader {
  // One allocation for what V8 would not keep with the object: that takes a third of the time.
  const memory = new ArrayBuffer(LONG_BYTES);
  let end = 0;
  const take = (bytes: number): number => (end += bytes) - bytes;
  const buffer_removal_time = new Uint32Array(memory, take(128), 32);
  const miColStarts = new Uint32Array(memory, take(STARTS_BYTES), MAX_TILES + 1);
  const miRowStarts = new Uint32Array(memory, take(STARTS_BYTES), MAX_TILES + 1);
  const width_in_sbs_minus_1 = new Uint32Array(memory, take(TILES_BYTES), MAX_TILES);
  const height_in_sbs_minus_1 = new Uint32Array(memory, take(TILES_BYTES), MAX_TILES);
  const gmParams = new Int32Array(memory, take(4 * identityWarp.length), identityWarp.length);
  gmParams.set(identityWarp);
  const feature_value = new Int16Array(memory, take(FEATURES_BYTES), MAX_SEGMENTS * SEG_LVL_MAX);
  const featureData = new Int16Array(memory, take(FEATURES_BYTES), MAX_SEGMENTS * SEG_LVL_MAX);
  return {
    show_existing_frame: false,
    frame_to_show_map_idx: 0,
    frame_presentation_time: 0,
    display_frame_id: 0,
    frame_type: FrameType.Key,
    frameIsIntra: true,
    show_frame: true,
    showable_frame: false,
    error_resilient_mode: true,
    refValid: 0,
    disable_cdf_update: false,
    allow_screen_content_tools: false,
    force_integer_mv: false,
    forceIntegerMv: false,
    current_frame_id: 0,
    frame_size_override_flag: false,
    order_hint: 0,
    primary_ref_frame: PRIMARY_REF_NONE,
    buffer_removal_time_present_flag: false,
    buffer_removal_time,
    refresh_frame_flags: 0,
    ref_order_hint: new Uint8Array(NUM_REF_FRAMES),
    frame_refs_short_signaling: false,
    last_frame_idx: 0,
    gold_frame_idx: 0,
    ref_frame_idx: new Int8Array(REFS_PER_FRAME).fill(-1),
    delta_frame_id_minus_1: new Uint16Array(REFS_PER_FRAME),
    foundRef: REFS_PER_FRAME,
    frame_width_minus_1: 0,
    frame_height_minus_1: 0,
    use_superres: false,
    superresDenom: 8,
    upscaledWidth: 0,
    frameWidth: 0,
    frameHeight: 0,
    miCols: 0,
    miRows: 0,
    render_and_frame_size_different: false,
    renderWidth: 0,
    renderHeight: 0,
    allow_intrabc: false,
    allow_high_precision_mv: false,
    is_filter_switchable: false,
    interpolation_filter: 0,
    is_motion_mode_switchable: false,
    use_ref_frame_mvs: false,
    orderHints: new Uint8Array(NUM_REF_FRAMES),
    refFrameSignBias: new Uint8Array(NUM_REF_FRAMES),
    disable_frame_end_update_cdf: false,
    uniform_tile_spacing_flag: false,
    tileColsLog2: 0,
    tileRowsLog2: 0,
    tileCols: 0,
    tileRows: 0,
    miColStarts,
    miRowStarts,
    width_in_sbs_minus_1,
    height_in_sbs_minus_1,
    context_update_tile_id: 0,
    tileSizeBytes: 0,
    base_q_idx: 0,
    deltaQCoded: new Uint8Array(5),
    deltaQ: new Int8Array(5),
    diff_uv_delta: false,
    using_qmatrix: false,
    qm_y: 0,
    qm_u: 0,
    qm_v: 0,
    segmentation_enabled: false,
    segmentation_update_map: false,
    segmentation_temporal_update: false,
    segmentation_update_data: false,
    featureEnabled: new Uint8Array(MAX_SEGMENTS * SEG_LVL_MAX),
    feature_value,
    featureData,
    segIdPreSkip: false,
    lastActiveSegId: 0,
    delta_q_present: false,
    delta_q_res: 0,
    delta_lf_present: false,
    delta_lf_res: 0,
    delta_lf_multi: false,
    codedLossless: false,
    allLossless: false,
    loop_filter_level: new Uint8Array(4),
    loop_filter_sharpness: 0,
    loop_filter_delta_enabled: true,
    loop_filter_delta_update: false,
    update_ref_delta: new Uint8Array(NUM_REF_FRAMES),
    loop_filter_ref_deltas: Int8Array.from(defaultRefDeltas),
    update_mode_delta: new Uint8Array(2),
    loop_filter_mode_deltas: new Int8Array(2),
    cdef_damping_minus_3: 0,
    cdef_bits: 0,
    cdef_y_pri_strength: new Uint8Array(8),
    cdef_y_sec_strength: new Uint8Array(8),
    cdef_uv_pri_strength: new Uint8Array(8),
    cdef_uv_sec_strength: new Uint8Array(8),
    usesLr: false,
    usesChromaLr: false,
    lr_type: new Uint8Array(3),
    lrUnitShift: 0,
    lr_uv_shift: false,
    loopRestorationSize: new Uint16Array(3),
    tx_mode_select: false,
    txMode: 0,
    reference_select: false,
    skipModeAllowed: false,
    skip_mode_present: false,
    skipModeFrame: new Uint8Array(2),
    allow_warped_motion: false,
    reduced_tx_set: false,
    gmType: new Uint8Array(NUM_REF_FRAMES),
    gmParams,
    filmGrain: noFilmGrain,
    bitDepth: 8,
    subsampling: 0,
  };
}

const nothing = emptyFrameHeader();

/**
 * For a header that is known to show an existing frame: that says so little that the arrays of all such headers are the
 * same. A hostile stream has tens of thousands of them in 100 KB.
 */
export function emptyExistingFrameHeader(): FrameHeader {
  return { ...nothing };
}

/** `SegIdPreSkip` and `LastActiveSegId`. */
export function summarizeFeatures(frame: FrameHeader): void {
  frame.segIdPreSkip = false;
  frame.lastActiveSegId = 0;
  for (let i = 0; i < frame.featureEnabled.length; i += 1) {
    if (frame.featureEnabled[i] === 0) continue;
    frame.lastActiveSegId = Math.floor(i / SEG_LVL_MAX);
    if (i % SEG_LVL_MAX >= SEG_LVL_REF_FRAME) frame.segIdPreSkip = true;
  }
}
