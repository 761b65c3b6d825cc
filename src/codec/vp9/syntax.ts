/** The uncompressed header of a VP9 frame, section 6.2 of the specification, and the index of a superframe, annex B. */
import type { Coder } from "../bits/index.js";

export const FrameType = { Key: 0, NonKey: 1 } as const;
/** `color_space` of BT.601, which profile 0 implies in frames that are intra only. */
const CS_BT_601 = 1;
/** `color_space` of RGB, which implies more than the others. */
const CS_RGB = 7;
const FRAME_MARKER = 2;
const SUPERFRAME_MARKER = 6;
const SYNC_CODE = [0x49, 0x83, 0x42] as const;
const REFS_PER_FRAME = 3;
export const SEGMENTS = 8;
export const SEG_FEATURES = 4;
/** Of the value of each segmentation feature: quantiser, loop filter, reference, skip. */
const featureBits = [8, 6, 2, 0] as const;
const featureIsSigned = [true, true, false, false] as const;
/** `interpolation_filter` of a frame whose blocks tell theirs. */
export const SWITCHABLE = 4;

/** `color_config()`: 6.2.2. */
export interface ColorConfig {
  /** 8, 10 or 12. */
  bit_depth: number;
  color_space: number;
  /** Full swing? */
  color_range: boolean;
  subsampling_x: boolean;
  subsampling_y: boolean;
}

export interface FrameSize {
  width: number;
  height: number;
}

/** 6.2.8. An absent delta keeps the one before. */
export interface LoopFilter {
  level: number;
  sharpness: number;
  delta_enabled: boolean;
  delta_update: boolean;
  /** Of intra, last, golden and alternate reference frames. */
  ref_deltas: (number | undefined)[];
  mode_deltas: (number | undefined)[];
}

/** 6.2.9. Absent differences are 0. */
export interface Quantization {
  base_q_idx: number;
  delta_q_y_dc: number | undefined;
  delta_q_uv_dc: number | undefined;
  delta_q_uv_ac: number | undefined;
}

/** 6.2.11. Absent probabilities are 255. */
export interface SegmentationParams {
  enabled: boolean;
  update_map: boolean;
  tree_probs: (number | undefined)[];
  temporal_update: boolean;
  pred_probs: (number | undefined)[];
  update_data: boolean;
  abs_or_delta_update: boolean;
  /** By segment and feature; absent where the feature is not enabled. */
  features: (number | undefined)[][];
}

/** 6.2. */
export interface UncompressedHeader {
  profile: number;
  show_existing_frame: boolean;
  frame_to_show_map_idx: number;
  frame_type: number;
  show_frame: boolean;
  error_resilient_mode: boolean;
  intra_only: boolean;
  /** 0 and 1: nothing, 2: the context that is named, 3: all. */
  reset_frame_context: number;
  color: ColorConfig;
  /** One bit per slot, slot 0 the least significant. */
  refresh_frame_flags: number;
  ref_frame_idx: number[];
  /** Of last, golden and alternate reference frames, from index 1. */
  ref_frame_sign_bias: boolean[];
  /** Which of the three references tells the size; absent where the size is sent. */
  found_ref: number | undefined;
  size: FrameSize;
  /** Absent: as the frame. */
  render_size: FrameSize | undefined;
  allow_high_precision_mv: boolean;
  /** The code in the stream: 0 smooth, 1 regular, 2 sharp, 3 bilinear; {@link SWITCHABLE} by block. */
  interpolation_filter: number;
  refresh_frame_context: boolean;
  frame_parallel_decoding_mode: boolean;
  frame_context_idx: number;
  loop_filter: LoopFilter;
  quantization: Quantization;
  segmentation: SegmentationParams;
  tile_cols_log2: number;
  tile_rows_log2: number;
  header_size_in_bytes: number;
}

/** What the header of a frame depends on. */
export interface HeaderContext {
  /** Of the frame before. */
  readonly color: ColorConfig;
  /** Of the picture in a slot. */
  sizeOf(slot: number): FrameSize | undefined;
}

export const emptyColorConfig = (): ColorConfig => ({
  bit_depth: 8,
  color_space: 0,
  color_range: false,
  subsampling_x: true,
  subsampling_y: true,
});

export const emptyUncompressedHeader = (): UncompressedHeader => ({
  profile: 0,
  show_existing_frame: false,
  frame_to_show_map_idx: 0,
  frame_type: FrameType.Key,
  show_frame: false,
  error_resilient_mode: false,
  intra_only: false,
  reset_frame_context: 0,
  color: emptyColorConfig(),
  refresh_frame_flags: 0,
  ref_frame_idx: [],
  ref_frame_sign_bias: [],
  found_ref: undefined,
  size: { width: 0, height: 0 },
  render_size: undefined,
  allow_high_precision_mv: false,
  interpolation_filter: 0,
  refresh_frame_context: false,
  frame_parallel_decoding_mode: false,
  frame_context_idx: 0,
  loop_filter: {
    level: 0,
    sharpness: 0,
    delta_enabled: false,
    delta_update: false,
    ref_deltas: [],
    mode_deltas: [],
  },
  quantization: {
    base_q_idx: 0,
    delta_q_y_dc: undefined,
    delta_q_uv_dc: undefined,
    delta_q_uv_ac: undefined,
  },
  segmentation: {
    enabled: false,
    update_map: false,
    tree_probs: [],
    temporal_update: false,
    pred_probs: [],
    update_data: false,
    abs_or_delta_update: false,
    features: [],
  },
  tile_cols_log2: 0,
  tile_rows_log2: 0,
  header_size_in_bytes: 0,
});

/** `FrameIsIntra`. */
export const isIntra = ({ frame_type, intra_only }: UncompressedHeader): boolean =>
  frame_type === FrameType.Key || intra_only;

/** `Lossless`: 6.2.9. */
export const isLossless = ({ quantization: q }: UncompressedHeader): boolean =>
  [q.base_q_idx, q.delta_q_y_dc, q.delta_q_uv_dc, q.delta_q_uv_ac].every((value) => (value ?? 0) === 0);

/** Reads or writes `uncompressed_header()` and the bits up to the next byte. */
export function uncompressedHeader(c: Coder, header: UncompressedHeader, context: HeaderContext): void {
  c.structure("uncompressed_header", "6.2");
  c.fixed("frame_marker", 2, FRAME_MARKER);
  const low = c.u("profile_low_bit", 1, header.profile & 1);
  header.profile = low + 2 * c.u("profile_high_bit", 1, header.profile >> 1);
  if (header.profile === 3) c.fixed("reserved_zero", 1, 0);
  header.show_existing_frame = c.flag("show_existing_frame", header.show_existing_frame);
  if (header.show_existing_frame) {
    header.frame_to_show_map_idx = c.u("frame_to_show_map_idx", 3, header.frame_to_show_map_idx);
    header.show_frame = true;
  } else {
    newFrame(c, header, context);
  }
  c.structure("trailing_bits", "6.1.1");
  c.alignWith("zero_bit", 0);
}

function newFrame(c: Coder, header: UncompressedHeader, context: HeaderContext): void {
  header.frame_type = c.u("frame_type", 1, header.frame_type);
  header.show_frame = c.flag("show_frame", header.show_frame);
  header.error_resilient_mode = c.flag("error_resilient_mode", header.error_resilient_mode);
  if (header.frame_type === FrameType.Key) {
    frameSyncCode(c);
    colorConfig(c, header);
    frameSize(c, header.size);
    renderSize(c, header);
    header.refresh_frame_flags = 255;
  } else {
    nonKeyFrame(c, header, context);
  }
  const isResilient = header.error_resilient_mode;
  const { refresh_frame_context: refresh, frame_parallel_decoding_mode: parallel } = header;
  header.refresh_frame_context = !isResilient && c.flag("refresh_frame_context", refresh);
  header.frame_parallel_decoding_mode = isResilient || c.flag("frame_parallel_decoding_mode", parallel);
  header.frame_context_idx = c.u("frame_context_idx", 2, header.frame_context_idx);
  loopFilterParams(c, header.loop_filter);
  quantizationParams(c, header.quantization);
  segmentationParams(c, header.segmentation);
  tileInfo(c, header);
  const bytes = c.uRange("header_size_in_bytes", 16, header.header_size_in_bytes, 1, 2 ** 16 - 1);
  header.header_size_in_bytes = bytes;
}

function nonKeyFrame(c: Coder, header: UncompressedHeader, context: HeaderContext): void {
  header.intra_only = !header.show_frame && c.flag("intra_only", header.intra_only);
  header.reset_frame_context = header.error_resilient_mode
    ? 0
    : c.u("reset_frame_context", 2, header.reset_frame_context);
  if (header.intra_only) {
    frameSyncCode(c);
    // Profile 0 has one format only, and such a frame does not tell it.
    if (header.profile > 0) colorConfig(c, header);
    else header.color = { ...emptyColorConfig(), color_space: CS_BT_601 };
    header.refresh_frame_flags = c.u("refresh_frame_flags", 8, header.refresh_frame_flags);
    frameSize(c, header.size);
    renderSize(c, header);
    return;
  }
  header.color = { ...context.color };
  header.refresh_frame_flags = c.u("refresh_frame_flags", 8, header.refresh_frame_flags);
  for (let i = 0; i < REFS_PER_FRAME; i += 1) {
    header.ref_frame_idx[i] = c.u("ref_frame_idx", 3, header.ref_frame_idx[i], i);
    const bias = header.ref_frame_sign_bias[i + 1];
    header.ref_frame_sign_bias[i + 1] = c.flag("ref_frame_sign_bias", bias, i + 1);
  }
  frameSizeWithRefs(c, header, context);
  header.allow_high_precision_mv = c.flag("allow_high_precision_mv", header.allow_high_precision_mv);
  const isSwitchable = c.flag("is_filter_switchable", header.interpolation_filter === SWITCHABLE);
  header.interpolation_filter = isSwitchable
    ? SWITCHABLE
    : c.u("raw_interpolation_filter", 2, header.interpolation_filter);
}

function frameSyncCode(c: Coder): void {
  for (const [i, byte] of SYNC_CODE.entries()) c.fixed(`frame_sync_byte_${i}`, 8, byte);
}

/** 6.2.2. Profiles 1 and 3 are for all formats but 4:2:0, profiles 2 and 3 for more than 8 bits. */
function colorConfig(c: Coder, header: UncompressedHeader): void {
  c.structure("color_config", "6.2.2");
  const { color, profile } = header;
  const tellsSubsampling = (profile & 1) === 1;
  const isDeep = profile >= 2;
  color.bit_depth = isDeep ? (c.flag("ten_or_twelve_bit", color.bit_depth === 12) ? 12 : 10) : 8;
  color.color_space = c.u("color_space", 3, color.color_space);
  const isRgb = color.color_space === CS_RGB;
  if (isRgb && !tellsSubsampling) throw c.error(`profile ${profile} has no RGB`);
  color.color_range = isRgb || c.flag("color_range", color.color_range);
  if (!tellsSubsampling) {
    color.subsampling_x = color.subsampling_y = true;
    return;
  }
  color.subsampling_x = !isRgb && c.flag("subsampling_x", color.subsampling_x);
  color.subsampling_y = !isRgb && c.flag("subsampling_y", color.subsampling_y);
  if (color.subsampling_x && color.subsampling_y) throw c.error(`profile ${profile} has no 4:2:0`);
  c.fixed("reserved_zero", 1, 0);
}

function frameSize(c: Coder, size: FrameSize): void {
  c.structure("frame_size", "6.2.3");
  size.width = 1 + c.u("frame_width_minus_1", 16, size.width - 1);
  size.height = 1 + c.u("frame_height_minus_1", 16, size.height - 1);
}

function renderSize(c: Coder, header: UncompressedHeader): void {
  c.structure("render_size", "6.2.4");
  const old = header.render_size;
  if (!c.flag("render_and_frame_size_different", old !== undefined)) {
    header.render_size = undefined;
    return;
  }
  header.render_size = {
    width: 1 + c.u("render_width_minus_1", 16, old && old.width - 1),
    height: 1 + c.u("render_height_minus_1", 16, old && old.height - 1),
  };
}

function frameSizeWithRefs(c: Coder, header: UncompressedHeader, context: HeaderContext): void {
  c.structure("frame_size_with_refs", "6.2.5");
  let found: number | undefined;
  for (let i = 0; i < REFS_PER_FRAME && found === undefined; i += 1) {
    if (c.flag("found_ref", header.found_ref === i, i)) found = i;
  }
  header.found_ref = found;
  if (found === undefined) {
    frameSize(c, header.size);
  } else {
    const slot = header.ref_frame_idx[found] ?? 0;
    const size = context.sizeOf(slot);
    if (size === undefined) throw c.error(`slot ${slot}, which tells the frame's size, is empty`);
    header.size = { width: size.width, height: size.height };
  }
  renderSize(c, header);
}

function loopFilterParams(c: Coder, filter: LoopFilter): void {
  c.structure("loop_filter_params", "6.2.8");
  filter.level = c.u("loop_filter_level", 6, filter.level);
  filter.sharpness = c.u("loop_filter_sharpness", 3, filter.sharpness);
  filter.delta_enabled = c.flag("loop_filter_delta_enabled", filter.delta_enabled);
  filter.delta_update = filter.delta_enabled && c.flag("loop_filter_delta_update", filter.delta_update);
  if (!filter.delta_update) return;
  for (let i = 0; i < 4; i += 1) {
    const delta = filter.ref_deltas[i];
    const isUpdate = c.flag("update_ref_delta", delta !== undefined, i);
    filter.ref_deltas[i] = isUpdate ? c.s("loop_filter_ref_deltas", 6, delta, i) : undefined;
  }
  for (let i = 0; i < 2; i += 1) {
    const delta = filter.mode_deltas[i];
    const isUpdate = c.flag("update_mode_delta", delta !== undefined, i);
    filter.mode_deltas[i] = isUpdate ? c.s("loop_filter_mode_deltas", 6, delta, i) : undefined;
  }
}

function quantizationParams(c: Coder, quant: Quantization): void {
  c.structure("quantization_params", "6.2.9");
  quant.base_q_idx = c.u("base_q_idx", 8, quant.base_q_idx);
  quant.delta_q_y_dc = deltaQ(c, "delta_q_y_dc", quant.delta_q_y_dc);
  quant.delta_q_uv_dc = deltaQ(c, "delta_q_uv_dc", quant.delta_q_uv_dc);
  quant.delta_q_uv_ac = deltaQ(c, "delta_q_uv_ac", quant.delta_q_uv_ac);
}

/** `read_delta_q()`. */
function deltaQ(c: Coder, name: string, value: number | undefined): number | undefined {
  return c.flag(`${name}.delta_coded`, value !== undefined) ? c.s(`${name}.delta_q`, 4, value) : undefined;
}

function segmentationParams(c: Coder, s: SegmentationParams): void {
  c.structure("segmentation_params", "6.2.11");
  s.enabled = c.flag("segmentation_enabled", s.enabled);
  s.update_map = s.enabled && c.flag("segmentation_update_map", s.update_map);
  if (s.update_map) {
    for (let i = 0; i < 7; i += 1) s.tree_probs[i] = prob(c, "segmentation_tree_probs", s.tree_probs[i], i);
    s.temporal_update = c.flag("segmentation_temporal_update", s.temporal_update);
    for (let i = 0; i < 3; i += 1) {
      const old = s.pred_probs[i];
      s.pred_probs[i] = s.temporal_update ? prob(c, "segmentation_pred_prob", old, i) : undefined;
    }
  } else {
    s.temporal_update = false;
  }
  s.update_data = s.enabled && c.flag("segmentation_update_data", s.update_data);
  if (!s.update_data) return;
  s.abs_or_delta_update = c.flag("segmentation_abs_or_delta_update", s.abs_or_delta_update);
  for (let i = 0; i < SEGMENTS; i += 1) {
    const features = (s.features[i] ??= []);
    for (let j = 0; j < SEG_FEATURES; j += 1) features[j] = feature(c, features[j], i, j);
  }
}

/** `read_prob()`. */
function prob(c: Coder, name: string, value: number | undefined, i: number): number | undefined {
  return c.flag(`${name}.prob_coded`, value !== undefined, i) ? c.u(`${name}.prob`, 8, value, i) : undefined;
}

/** -0 is the 0 whose sign is set. */
function feature(c: Coder, value: number | undefined, i: number, j: number): number | undefined {
  if (!c.flag("feature_enabled", value !== undefined, i, j)) return undefined;
  const bits = featureBits[j] ?? 0;
  const old = value === undefined ? undefined : Math.abs(value);
  const magnitude = bits === 0 ? 0 : c.u("feature_value", bits, old, i, j);
  if (featureIsSigned[j] !== true) return magnitude;
  const isNegative = value !== undefined && (value < 0 || Object.is(value, -0));
  return c.flag("feature_sign", isNegative, i, j) ? -magnitude : magnitude;
}

/** 6.2.13. Tiles are 256 to 4096 pixels wide. */
function tileInfo(c: Coder, header: UncompressedHeader): void {
  c.structure("tile_info", "6.2.13");
  const columns = Math.ceil(header.size.width / 64);
  let log2 = 0;
  while (64 << log2 < columns) log2 += 1;
  let most = 1;
  while (columns >> most >= 4) most += 1;
  most -= 1;
  while (log2 < most && c.flag("increment_tile_cols_log2", header.tile_cols_log2 > log2)) log2 += 1;
  header.tile_cols_log2 = log2;
  let rows = Number(c.flag("tile_rows_log2", header.tile_rows_log2 > 0));
  if (rows > 0) rows += Number(c.flag("increment_tile_rows_log2", header.tile_rows_log2 > 1));
  header.tile_rows_log2 = rows;
}

/** The two equal bytes around the sizes in a superframe's index. */
export interface SuperframeIndex {
  bytes_per_framesize_minus_1: number;
  /** Of the frames, in bytes: 1 to 8 of them. */
  frame_sizes: number[];
}

/** Reads or writes `superframe_index()`: B.3. */
export function superframeIndex(c: Coder, index: SuperframeIndex): void {
  c.structure("superframe_index", "B.3");
  const header = (): number => {
    c.fixed("superframe_marker", 3, SUPERFRAME_MARKER);
    const bytes = c.u("bytes_per_framesize_minus_1", 2, index.bytes_per_framesize_minus_1);
    index.bytes_per_framesize_minus_1 = bytes;
    return 1 + c.u("frames_in_superframe_minus_1", 3, index.frame_sizes.length - 1);
  };
  const frames = header();
  const bytes = index.bytes_per_framesize_minus_1 + 1;
  for (let i = 0; i < frames; i += 1) {
    index.frame_sizes[i] = c.le("frame_sizes", bytes, index.frame_sizes[i], i);
  }
  header();
}

/** How many bytes the index at the end of a chunk has; 0 where the chunk is one frame. */
export function superframeIndexLength(chunk: Uint8Array): number {
  const last = chunk.at(-1) ?? 0;
  if (last >> 5 !== SUPERFRAME_MARKER) return 0;
  const length = 2 + (((last >> 3) & 3) + 1) * ((last & 7) + 1);
  return length <= chunk.byteLength && chunk[chunk.byteLength - length] === last ? length : 0;
}
