/** `pred_weight_table()`: 7.3.6.3, and the offsets that follow from it: 7.4.7.3. */
import type { Coder } from "../bits/index.js";
import { shared } from "../shared.js";
import type { Sps } from "./syntax-sps.js";

/** Of one reference picture list. */
export interface ListWeights {
  luma_weight_flag: boolean[];
  chroma_weight_flag: boolean[];
  delta_luma_weight: number[];
  luma_offset: number[];
  /** Cb and Cr. */
  delta_chroma_weight: number[][];
  delta_chroma_offset: number[][];
  /** `ChromaOffsetL0`, `ChromaOffsetL1`. */
  ChromaOffset: number[][];
}

export interface PredWeightTable {
  luma_log2_weight_denom: number;
  delta_chroma_log2_weight_denom: number;
  l0: ListWeights;
  l1: ListWeights;
}

export function emptyPredWeightTable(): PredWeightTable {
  return {
    luma_log2_weight_denom: 0,
    delta_chroma_log2_weight_denom: 0,
    l0: emptyListWeights(),
    l1: emptyListWeights(),
  };
}

/** Of slices without `pred_weight_table()`. Their headers share it, so nobody may change it. */
export const noPredWeightTable: PredWeightTable = shared(emptyPredWeightTable());

/** @param last0 - `num_ref_idx_l0_active_minus1`. @param last1 - The same of list 1, -1 for a P slice. */
export function predWeightTable(
  c: Coder,
  table: PredWeightTable,
  sps: Sps,
  last0: number,
  last1: number,
): void {
  c.structure("pred_weight_table", "7.3.6.3");
  const denominator = c.ue("luma_log2_weight_denom", table.luma_log2_weight_denom, 0, 7);
  table.luma_log2_weight_denom = denominator;
  if (sps.ChromaArrayType !== 0) {
    table.delta_chroma_log2_weight_denom = c.se(
      "delta_chroma_log2_weight_denom",
      table.delta_chroma_log2_weight_denom,
      -denominator,
      7 - denominator,
    );
  }
  const chromaDenominator = denominator + table.delta_chroma_log2_weight_denom;
  listWeights(c, table.l0, sps, names0, last0, chromaDenominator);
  if (last1 >= 0) listWeights(c, table.l1, sps, names1, last1, chromaDenominator);
}

function emptyListWeights(): ListWeights {
  return {
    luma_weight_flag: [],
    chroma_weight_flag: [],
    delta_luma_weight: [],
    luma_offset: [],
    delta_chroma_weight: [],
    delta_chroma_offset: [],
    ChromaOffset: [],
  };
}

/** Made once, not for each element. */
const namesOf = (list: "l0" | "l1") => ({
  luma_weight_flag: `luma_weight_${list}_flag`,
  chroma_weight_flag: `chroma_weight_${list}_flag`,
  delta_luma_weight: `delta_luma_weight_${list}`,
  luma_offset: `luma_offset_${list}`,
  delta_chroma_weight: `delta_chroma_weight_${list}`,
  delta_chroma_offset: `delta_chroma_offset_${list}`,
});
const names0 = namesOf("l0");
const names1 = namesOf("l1");

function listWeights(
  c: Coder,
  w: ListWeights,
  sps: Sps,
  names: typeof names0,
  last: number,
  chromaDenominator: number,
): void {
  const hasChroma = sps.ChromaArrayType !== 0;
  const precise = sps.range.high_precision_offsets_enabled_flag;
  const halfY = precise ? 2 ** (sps.bit_depth_luma_minus8 + 7) : 128;
  const halfC = precise ? 2 ** (sps.bit_depth_chroma_minus8 + 7) : 128;
  for (let i = 0; i <= last; i += 1) {
    w.luma_weight_flag[i] = c.flag(names.luma_weight_flag, w.luma_weight_flag[i], i);
  }
  for (let i = 0; i <= last; i += 1) {
    w.chroma_weight_flag[i] = hasChroma && c.flag(names.chroma_weight_flag, w.chroma_weight_flag[i], i);
  }
  for (let i = 0; i <= last; i += 1) {
    if (w.luma_weight_flag[i] === true) {
      w.delta_luma_weight[i] = c.se(names.delta_luma_weight, w.delta_luma_weight[i], -128, 127, i);
      w.luma_offset[i] = c.se(names.luma_offset, w.luma_offset[i], -halfY, halfY - 1, i);
    }
    if (w.chroma_weight_flag[i] !== true) continue;
    const weights = (w.delta_chroma_weight[i] ??= []);
    const deltas = (w.delta_chroma_offset[i] ??= []);
    const offsets: number[] = [];
    for (let j = 0; j < 2; j += 1) {
      const weight = c.se(names.delta_chroma_weight, weights[j], -128, 127, i, j);
      const delta = c.se(names.delta_chroma_offset, deltas[j], -4 * halfC, 4 * halfC - 1, i, j);
      weights[j] = weight;
      deltas[j] = delta;
      // Equation 7-56.
      const chromaWeight = 2 ** chromaDenominator + weight;
      const offset = halfC + delta - ((halfC * chromaWeight) >> chromaDenominator);
      offsets[j] = Math.min(Math.max(offset, -halfC), halfC - 1);
    }
    w.ChromaOffset[i] = offsets;
  }
}
