/** The headers of a VP8 frame: RFC 6386, section 9 and, as syntax tables, section 19.2. */
import type { BoolCoder, Coder } from "../bits/index.js";
import { COEFF_PROBS, coeffUpdateProbs, MV_PROBS, mvUpdateProbs } from "./probabilities.js";

/** The bytes `9d 01 2a` in front of the size of a key frame. */
const START_CODE = 0x9d012a;

export const FRAME_TAG_BYTES = 3;
/** Of a key frame, behind the frame tag. */
export const KEY_FRAME_HEADER_BYTES = 7;
export const PARTITION_SIZE_BYTES = 3;
const SEGMENTS = 4;
const noCoeffProbs = new Int16Array(COEFF_PROBS).fill(-1);
const updateProbs = Uint8Array.from(coeffUpdateProbs);
/** Of the tree that tells the segment of a macroblock. */
const SEGMENT_PROBS = 3;

/** 9.1: a little-endian number of three bytes, described from its least significant bit on. */
export interface FrameTag {
  /** As in the stream: 0 for a key frame, 1 for an inter frame. */
  key_frame: number;
  /** Tells the filters; 4 to 7 are reserved, and decoded like 3. */
  version: number;
  show_frame: boolean;
  /** In bytes. */
  first_part_size: number;
}

/** 9.1, of key frames. */
export interface KeyFrameHeader {
  width: number;
  /** How to enlarge for display: 0 for not at all, 1 for 5/4, 2 for 5/3, 3 for 2. */
  horizontal_scale: number;
  height: number;
  vertical_scale: number;
}

/** 9.3. */
export interface Segmentation {
  segmentation_enabled: boolean;
  update_mb_segmentation_map: boolean;
  update_segment_feature_data: boolean;
  /** 1: values are absolute; 0: they are added to those of the frame. */
  segment_feature_mode: number;
  /** An update replaces all four: absent values are 0. */
  quantizer_update: (number | undefined)[];
  lf_update: (number | undefined)[];
  /** Absent ones are 255. */
  segment_prob: (number | undefined)[];
}

/** 9.6. */
export interface LoopFilterDeltas {
  loop_filter_adj_enable: boolean;
  mode_ref_lf_delta_update: boolean;
  /** Of intra, last, golden and alternate reference frames; `undefined` keeps the one before. */
  ref_frame_delta: (number | undefined)[];
  mb_mode_delta: (number | undefined)[];
}

/** 9.6. An index, and differences to it; absent ones are 0. */
export interface QuantIndices {
  y_ac_qi: number;
  y_dc_delta: number | undefined;
  y2_dc_delta: number | undefined;
  y2_ac_delta: number | undefined;
  uv_dc_delta: number | undefined;
  uv_ac_delta: number | undefined;
}

/** 19.2: what the first partition starts with. */
export interface FrameHeader {
  color_space: number;
  clamping_type: number;
  segmentation: Segmentation;
  filter_type: number;
  loop_filter_level: number;
  sharpness_level: number;
  deltas: LoopFilterDeltas;
  log2_nbr_of_dct_partitions: number;
  quant_indices: QuantIndices;
  refresh_entropy_probs: boolean;
  refresh_golden_frame: boolean;
  refresh_alternate_frame: boolean;
  /** 1: from the last frame, 2: from the alternate reference frame. */
  copy_buffer_to_golden: number;
  /** 1: from the last frame, 2: from the golden frame. */
  copy_buffer_to_alternate: number;
  sign_bias_golden: boolean;
  sign_bias_alternate: boolean;
  refresh_last: boolean;
  /** By block type, band, context and node; -1 for those that are not updated. */
  coeff_prob: Int16Array;
  mb_no_skip_coeff: boolean;
  prob_skip_false: number;
  prob_intra: number;
  prob_last: number;
  prob_gf: number;
  intra_16x16_prob: number[] | undefined;
  intra_chroma_prob: number[] | undefined;
  /** Rows, then columns; -1 for those that are not updated. */
  mv_prob: Int16Array;
}

export const emptyFrameTag = (): FrameTag => ({
  key_frame: 0,
  version: 0,
  show_frame: false,
  first_part_size: 0,
});

export const emptyKeyFrameHeader = (): KeyFrameHeader => ({
  width: 0,
  horizontal_scale: 0,
  height: 0,
  vertical_scale: 0,
});

/** @param key - Of a key frame, which replaces all references. */
export const emptyFrameHeader = (key: boolean): FrameHeader => ({
  color_space: 0,
  clamping_type: 0,
  segmentation: {
    segmentation_enabled: false,
    update_mb_segmentation_map: false,
    update_segment_feature_data: false,
    segment_feature_mode: 0,
    quantizer_update: [],
    lf_update: [],
    segment_prob: [],
  },
  filter_type: 0,
  loop_filter_level: 0,
  sharpness_level: 0,
  deltas: {
    loop_filter_adj_enable: false,
    mode_ref_lf_delta_update: false,
    ref_frame_delta: [],
    mb_mode_delta: [],
  },
  log2_nbr_of_dct_partitions: 0,
  quant_indices: {
    y_ac_qi: 0,
    y_dc_delta: undefined,
    y2_dc_delta: undefined,
    y2_ac_delta: undefined,
    uv_dc_delta: undefined,
    uv_ac_delta: undefined,
  },
  refresh_entropy_probs: false,
  refresh_golden_frame: key,
  refresh_alternate_frame: key,
  copy_buffer_to_golden: 0,
  copy_buffer_to_alternate: 0,
  sign_bias_golden: false,
  sign_bias_alternate: false,
  refresh_last: key,
  coeff_prob: new Int16Array(noCoeffProbs),
  mb_no_skip_coeff: false,
  prob_skip_false: 0,
  prob_intra: 0,
  prob_last: 0,
  prob_gf: 0,
  intra_16x16_prob: undefined,
  intra_chroma_prob: undefined,
  mv_prob: new Int16Array(2 * MV_PROBS).fill(-1),
});

/** Reads or writes the frame tag, most significant bit of each byte first. */
export function frameTag(c: Coder, tag: FrameTag): void {
  c.structure("frame_tag", "9.1");
  const low = c.u("first_part_size[2:0]", 3, tag.first_part_size & 7);
  tag.show_frame = c.flag("show_frame", tag.show_frame);
  tag.version = c.u("version", 3, tag.version);
  tag.key_frame = c.u("key_frame", 1, tag.key_frame);
  tag.first_part_size = low + 8 * c.le("first_part_size[18:3]", 2, tag.first_part_size >> 3);
}

/** Sizes are little-endian numbers of 14 bits, and the scales the 2 bits above. */
export function keyFrameHeader(c: Coder, header: KeyFrameHeader): void {
  c.structure("key_frame_header", "9.1");
  c.fixed("start_code", 24, START_CODE);
  const width = c.u("width[7:0]", 8, header.width & 255);
  header.horizontal_scale = c.u("horizontal_scale", 2, header.horizontal_scale);
  header.width = width + 256 * c.u("width[13:8]", 6, header.width >> 8);
  const height = c.u("height[7:0]", 8, header.height & 255);
  header.vertical_scale = c.u("vertical_scale", 2, header.vertical_scale);
  header.height = height + 256 * c.u("height[13:8]", 6, header.height >> 8);
  if (header.width === 0 || header.height === 0)
    throw c.error(`a frame of ${header.width}x${header.height} has no pixels`);
}

/** The sizes in front of the DCT partitions; that of the last one is what is left. */
export function partitionSizes(c: Coder, sizes: number[], partitions: number): void {
  c.structure("partition_sizes", "9.5");
  for (let i = 0; i < partitions - 1; i += 1) {
    sizes[i] = c.le("partition_size", PARTITION_SIZE_BYTES, sizes[i], i);
  }
}

/** Reads or writes the header in the first partition. @param key - Of a key frame. */
export function frameHeader(c: BoolCoder, key: boolean, header: FrameHeader): void {
  c.structure("frame_header", "19.2");
  if (key) {
    header.color_space = c.literal("color_space", 1, header.color_space);
    header.clamping_type = c.literal("clamping_type", 1, header.clamping_type);
  }
  segmentation(c, header.segmentation);
  header.filter_type = c.literal("filter_type", 1, header.filter_type);
  header.loop_filter_level = c.literal("loop_filter_level", 6, header.loop_filter_level);
  header.sharpness_level = c.literal("sharpness_level", 3, header.sharpness_level);
  loopFilterDeltas(c, header.deltas);
  const partitions = c.literal("log2_nbr_of_dct_partitions", 2, header.log2_nbr_of_dct_partitions);
  header.log2_nbr_of_dct_partitions = partitions;
  quantIndices(c, header.quant_indices);
  if (key) header.refresh_entropy_probs = flag(c, "refresh_entropy_probs", header.refresh_entropy_probs);
  else references(c, header);
  tokenProbUpdate(c, header.coeff_prob);
  header.mb_no_skip_coeff = flag(c, "mb_no_skip_coeff", header.mb_no_skip_coeff);
  const hasProb = header.mb_no_skip_coeff;
  header.prob_skip_false = hasProb ? c.literal("prob_skip_false", 8, header.prob_skip_false) : 0;
  if (key) return;
  header.prob_intra = c.literal("prob_intra", 8, header.prob_intra);
  header.prob_last = c.literal("prob_last", 8, header.prob_last);
  header.prob_gf = c.literal("prob_gf", 8, header.prob_gf);
  header.intra_16x16_prob = modeProbs(c, lumaModes, 4, header.intra_16x16_prob);
  header.intra_chroma_prob = modeProbs(c, chromaModes, 3, header.intra_chroma_prob);
  mvProbUpdate(c, header.mv_prob);
}

/** `L(1)`. */
const flag = (c: BoolCoder, name: string, value: boolean): boolean => c.bool(name, 128, value);

/** A flag, then a magnitude and a sign. -0 is the 0 whose sign is set. @param names - Of the three elements. */
function optionalSigned(
  c: BoolCoder,
  names: readonly [flag: string, magnitude: string, sign: string],
  bits: number,
  value: number | undefined,
  i?: number,
): number | undefined {
  if (!c.bool(names[0], 128, value !== undefined, i)) return undefined;
  const magnitude = c.literal(names[1], bits, value === undefined ? undefined : Math.abs(value), i);
  const isNegative = value !== undefined && (value < 0 || Object.is(value, -0));
  return c.bool(names[2], 128, isNegative, i) ? -magnitude : magnitude;
}

const quantizerUpdate = ["quantizer_update", "quantizer_update_value", "quantizer_update_sign"] as const;
const lfUpdate = ["loop_filter_update", "lf_update_value", "lf_update_sign"] as const;
const refFrameDelta = ["ref_frame_delta_update_flag", "delta_magnitude", "delta_sign"] as const;
const mbModeDelta = ["mb_mode_delta_update_flag", "delta_magnitude", "delta_sign"] as const;

function segmentation(c: BoolCoder, s: Segmentation): void {
  s.segmentation_enabled = flag(c, "segmentation_enabled", s.segmentation_enabled);
  if (!s.segmentation_enabled) {
    s.update_mb_segmentation_map = s.update_segment_feature_data = false;
    return;
  }
  c.structure("update_segmentation", "9.3");
  s.update_mb_segmentation_map = flag(c, "update_mb_segmentation_map", s.update_mb_segmentation_map);
  s.update_segment_feature_data = flag(c, "update_segment_feature_data", s.update_segment_feature_data);
  if (s.update_segment_feature_data) {
    s.segment_feature_mode = c.literal("segment_feature_mode", 1, s.segment_feature_mode);
    for (let i = 0; i < SEGMENTS; i += 1)
      s.quantizer_update[i] = optionalSigned(c, quantizerUpdate, 7, s.quantizer_update[i], i);
    for (let i = 0; i < SEGMENTS; i += 1) s.lf_update[i] = optionalSigned(c, lfUpdate, 6, s.lf_update[i], i);
  }
  if (s.update_mb_segmentation_map) {
    for (let i = 0; i < SEGMENT_PROBS; i += 1) {
      const prob = s.segment_prob[i];
      const isUpdate = c.bool("segment_prob_update", 128, prob !== undefined, i);
      s.segment_prob[i] = isUpdate ? c.literal("segment_prob", 8, prob, i) : undefined;
    }
  }
}

function loopFilterDeltas(c: BoolCoder, deltas: LoopFilterDeltas): void {
  c.structure("mb_lf_adjustments", "9.6");
  deltas.loop_filter_adj_enable = flag(c, "loop_filter_adj_enable", deltas.loop_filter_adj_enable);
  deltas.mode_ref_lf_delta_update =
    deltas.loop_filter_adj_enable && flag(c, "mode_ref_lf_delta_update", deltas.mode_ref_lf_delta_update);
  if (!deltas.mode_ref_lf_delta_update) return;
  for (let i = 0; i < 4; i += 1)
    deltas.ref_frame_delta[i] = optionalSigned(c, refFrameDelta, 6, deltas.ref_frame_delta[i], i);
  for (let i = 0; i < 4; i += 1)
    deltas.mb_mode_delta[i] = optionalSigned(c, mbModeDelta, 6, deltas.mb_mode_delta[i], i);
}

function quantIndices(c: BoolCoder, quant: QuantIndices): void {
  c.structure("quant_indices", "9.6");
  quant.y_ac_qi = c.literal("y_ac_qi", 7, quant.y_ac_qi);
  quant.y_dc_delta = optionalSigned(c, quantDelta.y_dc_delta, 4, quant.y_dc_delta);
  quant.y2_dc_delta = optionalSigned(c, quantDelta.y2_dc_delta, 4, quant.y2_dc_delta);
  quant.y2_ac_delta = optionalSigned(c, quantDelta.y2_ac_delta, 4, quant.y2_ac_delta);
  quant.uv_dc_delta = optionalSigned(c, quantDelta.uv_dc_delta, 4, quant.uv_dc_delta);
  quant.uv_ac_delta = optionalSigned(c, quantDelta.uv_ac_delta, 4, quant.uv_ac_delta);
}

/** Names of the elements of each difference: made once, not for each frame. */
const quantDelta = {
  y_dc_delta: ["y_dc_delta_present", "y_dc_delta_magnitude", "y_dc_delta_sign"],
  y2_dc_delta: ["y2_dc_delta_present", "y2_dc_delta_magnitude", "y2_dc_delta_sign"],
  y2_ac_delta: ["y2_ac_delta_present", "y2_ac_delta_magnitude", "y2_ac_delta_sign"],
  uv_dc_delta: ["uv_dc_delta_present", "uv_dc_delta_magnitude", "uv_dc_delta_sign"],
  uv_ac_delta: ["uv_ac_delta_present", "uv_ac_delta_magnitude", "uv_ac_delta_sign"],
} as const;

/** 9.7, 9.10 and 9.11, of inter frames. */
function references(c: BoolCoder, h: FrameHeader): void {
  h.refresh_golden_frame = flag(c, "refresh_golden_frame", h.refresh_golden_frame);
  h.refresh_alternate_frame = flag(c, "refresh_alternate_frame", h.refresh_alternate_frame);
  const golden = h.copy_buffer_to_golden;
  h.copy_buffer_to_golden = h.refresh_golden_frame ? 0 : copyBuffer(c, "copy_buffer_to_golden", golden);
  const alternate = h.copy_buffer_to_alternate;
  h.copy_buffer_to_alternate = h.refresh_alternate_frame
    ? 0
    : copyBuffer(c, "copy_buffer_to_alternate", alternate);
  h.sign_bias_golden = flag(c, "sign_bias_golden", h.sign_bias_golden);
  h.sign_bias_alternate = flag(c, "sign_bias_alternate", h.sign_bias_alternate);
  h.refresh_entropy_probs = flag(c, "refresh_entropy_probs", h.refresh_entropy_probs);
  h.refresh_last = flag(c, "refresh_last", h.refresh_last);
}

function copyBuffer(c: BoolCoder, name: string, value: number): number {
  const source = c.literal(name, 2, value);
  if (source === 3) throw c.error(`${name} is 3, which names no frame`);
  return source;
}

/** @param probs - Without updates, if it is to be read. */
function tokenProbUpdate(c: BoolCoder, probs: Int16Array): void {
  c.structure("token_prob_update", "13.4");
  if (c.firstTrue !== undefined) {
    for (let i = 0; i < COEFF_PROBS; i += 1) {
      i = c.firstTrue("coeff_prob_update_flag", updateProbs, i, COEFF_PROBS);
      if (i < COEFF_PROBS) probs[i] = c.literal("coeff_prob", 8, undefined);
    }
    return;
  }
  let at = 0;
  for (let i = 0; i < 4; i += 1)
    for (let j = 0; j < 8; j += 1)
      for (let k = 0; k < 3; k += 1)
        for (let l = 0; l < 11; l += 1, at += 1) {
          const old = probs[at] ?? -1;
          const isUpdate = c.bool(
            "coeff_prob_update_flag",
            coeffUpdateProbs[at] ?? 255,
            old >= 0,
            i,
            j,
            k,
            l,
          );
          probs[at] = isUpdate ? c.literal("coeff_prob", 8, Math.max(old, 0), i, j, k, l) : -1;
        }
}

const lumaModes = ["intra_16x16_prob_update_flag", "intra_16x16_prob"] as const;
const chromaModes = ["intra_chroma_prob_update_flag", "intra_chroma_prob"] as const;

/** @param names - Of the two elements. */
function modeProbs(
  c: BoolCoder,
  [flagName, name]: readonly [string, string],
  count: number,
  probs: number[] | undefined,
): number[] | undefined {
  if (!c.bool(flagName, 128, probs !== undefined)) return undefined;
  return Array.from({ length: count }, (_, i) => c.literal(name, 8, probs?.[i], i));
}

/** Seven bits for each: the least significant one is 0, but probability 0 is 1. */
function mvProbUpdate(c: BoolCoder, probs: Int16Array): void {
  c.structure("mv_prob_update", "17.2");
  let at = 0;
  for (let i = 0; i < 2; i += 1)
    for (let j = 0; j < MV_PROBS; j += 1, at += 1) {
      const old = probs[at] ?? -1;
      const isUpdate = c.bool("mv_prob_update_flag", mvUpdateProbs[at] ?? 255, old >= 0, i, j);
      const coded = isUpdate ? c.literal("mv_prob", 7, Math.max(old, 0) >> 1, i, j) : 0;
      probs[at] = isUpdate ? coded * 2 || 1 : -1;
    }
}
