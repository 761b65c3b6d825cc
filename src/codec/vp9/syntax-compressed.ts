/**
 * The compressed header of a VP9 frame: section 6.3. It changes probabilities that a decoder keeps and adapts. Nothing
 * in it depends on them, so what is kept here are the changes as they are coded.
 */
import type { BoolCoder } from "../bits/index.js";
import { isIntra, isLossless, SWITCHABLE, type UncompressedHeader } from "./syntax.js";

/** Of the flag in front of every change. */
const UPDATE_PROBABILITY = 252;
/** No change. */
export const NO_CHANGE = -1;
/** The largest change. */
export const MAX_CHANGE = 254;

export const TxMode = { Only4x4: 0, Allow32x32: 3, Select: 4 } as const;
export const ReferenceMode = { Single: 0, Compound: 1, Select: 2 } as const;

/** Coefficient probabilities of one transform size: 2 planes, 2 references, 6 bands, 6 contexts, 3 nodes. */
export const COEF_PROBS = 2 * 2 * 6 * 6 * 3;
export const TX_SIZES = 4;
/** All tables, and one more, so that their number is even. */
const ALL_CHANGES = 2040;
/** Those in front of the tables of motion vectors. */
export const FIRST_MV_CHANGE = 1970;
/** Contexts of the first band; the table has room for as many as the other bands have. */
const FIRST_BAND_CONTEXTS = 3;

/** The places of one transform size that are coded, in their order. */
export const codedCoefficients: readonly number[] = Array.from({ length: COEF_PROBS }, (_, at) => at).filter(
  (at) => {
    const [band, context] = [Math.floor(at / 18) % 6, Math.floor(at / 3) % 6];
    return band > 0 || context < FIRST_BAND_CONTEXTS;
  },
);
const updateProbabilities = new Uint8Array(COEF_PROBS).fill(UPDATE_PROBABILITY);

/** A table of changes, the last index fastest; {@link NO_CHANGE} where there is none. */
export type Changes = Int16Array;

export interface CompressedHeader {
  /** All tables one after the other, in the order of `struct v4l2_ctrl_vp9_compressed_hdr`, and one value that is no change. */
  readonly all: Changes;
  /** `TxMode`, and 1 and 2 for at most 8x8 and 16x16. */
  tx_mode: number;
  /** `ReferenceMode`. */
  reference_mode: number;
  readonly tx_probs_8x8: Changes;
  readonly tx_probs_16x16: Changes;
  readonly tx_probs_32x32: Changes;
  /** By transform size. The first band has 3 contexts only. */
  readonly coef_probs: readonly Changes[];
  /** By transform size: does the header go through its table? */
  readonly coef_update: boolean[];
  readonly skip_prob: Changes;
  readonly inter_mode_probs: Changes;
  readonly interp_filter_probs: Changes;
  readonly is_inter_prob: Changes;
  readonly comp_mode_prob: Changes;
  readonly single_ref_prob: Changes;
  readonly comp_ref_prob: Changes;
  readonly y_mode_probs: Changes;
  /** The syntax has no changes of these. */
  readonly uv_mode_probs: Changes;
  readonly partition_probs: Changes;
  /** Those of motion vectors are the upper 7 bits of new probabilities. */
  readonly mv_joint_probs: Changes;
  readonly mv_sign_prob: Changes;
  readonly mv_class_probs: Changes;
  readonly mv_class0_bit_prob: Changes;
  readonly mv_bits_prob: Changes;
  readonly mv_class0_fr_probs: Changes;
  readonly mv_fr_probs: Changes;
  readonly mv_class0_hp_prob: Changes;
  readonly mv_hp_prob: Changes;
}

/** A header without changes. */
export function emptyCompressedHeader(): CompressedHeader {
  const all = new Int16Array(ALL_CHANGES).fill(NO_CHANGE);
  let end = 0;
  const changes = (count: number): Changes => {
    end += count;
    return all.subarray(end - count, end);
  };
  // In the order of `struct v4l2_ctrl_vp9_compressed_hdr`.
  return {
    all,
    tx_mode: TxMode.Only4x4,
    reference_mode: ReferenceMode.Single,
    tx_probs_8x8: changes(2),
    tx_probs_16x16: changes(2 * 2),
    tx_probs_32x32: changes(2 * 3),
    coef_probs: Array.from({ length: TX_SIZES }, () => changes(COEF_PROBS)),
    coef_update: new Array<boolean>(TX_SIZES).fill(false),
    skip_prob: changes(3),
    inter_mode_probs: changes(7 * 3),
    interp_filter_probs: changes(4 * 2),
    is_inter_prob: changes(4),
    comp_mode_prob: changes(5),
    single_ref_prob: changes(5 * 2),
    comp_ref_prob: changes(5),
    y_mode_probs: changes(4 * 9),
    uv_mode_probs: changes(10 * 9),
    partition_probs: changes(16 * 3),
    mv_joint_probs: changes(3),
    mv_sign_prob: changes(2),
    mv_class_probs: changes(2 * 10),
    mv_class0_bit_prob: changes(2),
    mv_bits_prob: changes(2 * 10),
    mv_class0_fr_probs: changes(2 * 2 * 3),
    mv_fr_probs: changes(2 * 3),
    mv_class0_hp_prob: changes(2),
    mv_hp_prob: changes(2),
  };
}

/** Makes a header one without changes again: to make another takes longer than to read most. */
export function clearCompressedHeader(header: CompressedHeader): void {
  header.all.fill(NO_CHANGE);
  header.coef_update.fill(false);
  header.tx_mode = TxMode.Only4x4;
  header.reference_mode = ReferenceMode.Single;
}

/** Reads or writes `compressed_header()` and the marker in front of it. @param frame - The header before. */
export function compressedHeader(c: BoolCoder, header: CompressedHeader, frame: UncompressedHeader): void {
  c.structure("compressed_header", "6.3");
  if (c.bool("marker_bit", 128, false)) throw c.error("marker_bit is 1");
  txMode(c, header, isLossless(frame));
  coefProbs(c, header);
  c.structure("read_skip_prob", "6.3.8");
  rows(c, "skip_prob.update_prob", header.skip_prob);
  if (isIntra(frame)) return;
  c.structure("read_inter_mode_probs", "6.3.9");
  rows(c, "inter_mode_probs.update_prob", header.inter_mode_probs, 3);
  if (frame.interpolation_filter === SWITCHABLE) {
    c.structure("read_interp_filter_probs", "6.3.10");
    rows(c, "interp_filter_probs.update_prob", header.interp_filter_probs, 2);
  }
  c.structure("read_is_inter_probs", "6.3.11");
  rows(c, "is_inter_prob.update_prob", header.is_inter_prob);
  referenceMode(c, header, frame);
  c.structure("read_y_mode_probs", "6.3.14");
  rows(c, "y_mode_probs.update_prob", header.y_mode_probs, 9);
  c.structure("read_partition_probs", "6.3.15");
  rows(c, "partition_probs.update_prob", header.partition_probs, 3);
  mvProbs(c, header, frame.allow_high_precision_mv);
}

function txMode(c: BoolCoder, header: CompressedHeader, lossless: boolean): void {
  c.structure("read_tx_mode", "6.3.1");
  if (lossless) {
    header.tx_mode = TxMode.Only4x4;
    return;
  }
  const { Allow32x32, Select } = TxMode;
  const wantsSelect = header.tx_mode === Select;
  header.tx_mode = c.literal("tx_mode", 2, Math.min(header.tx_mode, Allow32x32));
  if (header.tx_mode === Allow32x32 && c.bool("tx_mode_select", 128, wantsSelect)) header.tx_mode = Select;
  if (header.tx_mode !== Select) return;
  c.structure("tx_mode_probs", "6.3.2");
  rows(c, "tx_probs_8x8.update_prob", header.tx_probs_8x8, 1);
  rows(c, "tx_probs_16x16.update_prob", header.tx_probs_16x16, 2);
  rows(c, "tx_probs_32x32.update_prob", header.tx_probs_32x32, 3);
}

function coefProbs(c: BoolCoder, header: CompressedHeader): void {
  c.structure("read_coef_probs", "6.3.7");
  const largest = Math.min(header.tx_mode, TxMode.Allow32x32);
  for (const [size, table] of header.coef_probs.entries()) {
    if (size > largest) break;
    const isUpdate = c.bool("update_probs", 128, header.coef_update[size], size);
    header.coef_update[size] = isUpdate;
    if (!isUpdate) continue;
    if (c.firstTrue !== undefined) {
      const count = codedCoefficients.length;
      for (let i = 0; i < count; i += 1) {
        i = c.firstTrue("coef_probs.update_prob", updateProbabilities, i, count);
        const at = codedCoefficients[i];
        if (at !== undefined) table[at] = termSubexp(c, NO_CHANGE);
      }
      continue;
    }
    for (let i = 0; i < 2; i += 1)
      for (let j = 0; j < 2; j += 1)
        for (let k = 0; k < 6; k += 1)
          for (let l = 0; l < (k === 0 ? FIRST_BAND_CONTEXTS : 6); l += 1)
            for (let m = 0; m < 3; m += 1) {
              const at = (((i * 2 + j) * 6 + k) * 6 + l) * 3 + m;
              table[at] = diffUpdateProb(c, "coef_probs.update_prob", table[at], size, i, j, k, l, m);
            }
  }
}

/** 6.3.12. Compound prediction needs references on both sides. */
function referenceMode(c: BoolCoder, header: CompressedHeader, frame: UncompressedHeader): void {
  c.structure("frame_reference_mode", "6.3.12");
  const { Single, Compound, Select } = ReferenceMode;
  const [, last, golden, alternate] = frame.ref_frame_sign_bias;
  const allowsCompound = golden !== last || alternate !== last;
  const old = header.reference_mode;
  if (!allowsCompound || !c.bool("non_single_reference", 128, old !== Single)) header.reference_mode = Single;
  else header.reference_mode = c.bool("reference_select", 128, old === Select) ? Select : Compound;
  c.structure("frame_reference_mode_probs", "6.3.13");
  if (header.reference_mode === Select) rows(c, "comp_mode_prob.update_prob", header.comp_mode_prob);
  if (header.reference_mode !== Compound) rows(c, "single_ref_prob.update_prob", header.single_ref_prob, 2);
  if (header.reference_mode !== Single) rows(c, "comp_ref_prob.update_prob", header.comp_ref_prob);
}

function mvProbs(c: BoolCoder, h: CompressedHeader, highPrecision: boolean): void {
  c.structure("mv_probs", "6.3.16");
  for (let j = 0; j < 3; j += 1) mvProb(c, "mv_joint_probs.update_mv_prob", h.mv_joint_probs, j, j);
  for (let i = 0; i < 2; i += 1) {
    mvProb(c, "mv_sign_prob.update_mv_prob", h.mv_sign_prob, i, i);
    for (let j = 0; j < 10; j += 1)
      mvProb(c, "mv_class_probs.update_mv_prob", h.mv_class_probs, 10 * i + j, i, j);
    mvProb(c, "mv_class0_bit_prob.update_mv_prob", h.mv_class0_bit_prob, i, i);
    for (let j = 0; j < 10; j += 1)
      mvProb(c, "mv_bits_prob.update_mv_prob", h.mv_bits_prob, 10 * i + j, i, j);
  }
  for (let i = 0; i < 2; i += 1) {
    for (let j = 0; j < 2; j += 1)
      for (let k = 0; k < 3; k += 1)
        mvProb(c, "mv_class0_fr_probs.update_mv_prob", h.mv_class0_fr_probs, 6 * i + 3 * j + k, i, j, k);
    for (let k = 0; k < 3; k += 1) mvProb(c, "mv_fr_probs.update_mv_prob", h.mv_fr_probs, 3 * i + k, i, k);
  }
  if (!highPrecision) return;
  for (let i = 0; i < 2; i += 1) {
    mvProb(c, "mv_class0_hp_prob.update_mv_prob", h.mv_class0_hp_prob, i, i);
    mvProb(c, "mv_hp_prob.update_mv_prob", h.mv_hp_prob, i, i);
  }
}

/**
 * `diff_update_prob()` for each of a table, which is without changes if it is to be read.
 * @param name - Of its flags.
 * @param columns - Of the second dimension, if there is one.
 */
function rows(c: BoolCoder, name: string, table: Changes, columns?: number): void {
  if (c.firstTrue !== undefined) {
    const count = table.length;
    for (let i = 0; i < count; i += 1) {
      i = c.firstTrue(name, updateProbabilities, i, count);
      if (i < count) table[i] = termSubexp(c, NO_CHANGE);
    }
    return;
  }
  for (let at = 0; at < table.length; at += 1) {
    const i = columns === undefined ? at : Math.floor(at / columns);
    table[at] = diffUpdateProb(c, name, table[at], i, columns === undefined ? undefined : at % columns);
  }
}

function diffUpdateProb(
  c: BoolCoder,
  name: string,
  change = NO_CHANGE,
  i?: number,
  j?: number,
  k?: number,
  l?: number,
  m?: number,
  n?: number,
): number {
  if (!c.bool(name, UPDATE_PROBABILITY, change !== NO_CHANGE, i, j, k, l, m, n)) return NO_CHANGE;
  return termSubexp(c, change);
}

/** `decode_term_subexp()`, 6.3.4: 0 to {@link MAX_CHANGE}, small values in fewer bits. */
function termSubexp(c: BoolCoder, value: number): number {
  if (value > MAX_CHANGE)
    throw c.error(`a probability is changed by ${value}, and ${MAX_CHANGE} is the most`);
  if (!c.bool("bit", 128, value >= 16)) return c.literal("sub_exp_val", 4, clamp(value, 15));
  if (!c.bool("bit", 128, value >= 32))
    return 16 + c.literal("sub_exp_val_minus_16", 4, clamp(value - 16, 15));
  if (!c.bool("bit", 128, value >= 64))
    return 32 + c.literal("sub_exp_val_minus_32", 5, clamp(value - 32, 31));
  // 7 bits, and an eighth one for the larger values.
  const v = c.literal("v", 7, clamp(value < 129 ? value - 64 : (value + 1) >> 1, 127));
  return v < 65 ? v + 64 : 2 * v - 1 + c.literal("bit", 1, (value + 1) & 1);
}

/** A reader has no value yet, but the same expressions. */
const clamp = (value: number, max: number): number => Math.min(Math.max(value, 0), max);

/** `update_mv_prob()`. */
function mvProb(
  c: BoolCoder,
  name: string,
  table: Changes,
  at: number,
  i: number,
  j?: number,
  k?: number,
): void {
  const old = table[at] ?? NO_CHANGE;
  const isUpdate = c.bool(name, UPDATE_PROBABILITY, old !== NO_CHANGE, i, j, k);
  table[at] = isUpdate ? c.literal("mv_prob", 7, Math.max(old, 0)) : NO_CHANGE;
}
