/** `st_ref_pic_set()`: 7.3.7, and what follows from it: 7.4.8. */
import type { Coder } from "../bits/index.js";

export interface ShortTermRps {
  inter_ref_pic_set_prediction_flag: boolean;
  delta_idx_minus1: number;
  delta_rps_sign: boolean;
  abs_delta_rps_minus1: number;
  used_by_curr_pic_flag: boolean[];
  use_delta_flag: boolean[];
  num_negative_pics: number;
  num_positive_pics: number;
  delta_poc_s0_minus1: number[];
  used_by_curr_pic_s0_flag: boolean[];
  delta_poc_s1_minus1: number[];
  used_by_curr_pic_s1_flag: boolean[];
  /** Pictures before and after the current one in output order, the nearest first, as differences of the order count. */
  DeltaPocS0: number[];
  UsedByCurrPicS0: boolean[];
  DeltaPocS1: number[];
  UsedByCurrPicS1: boolean[];
  /** Of the set that this one was predicted from; 0 when it was not. */
  NumDeltaPocsOfRefRpsIdx: number;
}

export function emptyShortTermRps(): ShortTermRps {
  return {
    inter_ref_pic_set_prediction_flag: false,
    delta_idx_minus1: 0,
    delta_rps_sign: false,
    abs_delta_rps_minus1: 0,
    used_by_curr_pic_flag: [],
    use_delta_flag: [],
    num_negative_pics: 0,
    num_positive_pics: 0,
    delta_poc_s0_minus1: [],
    used_by_curr_pic_s0_flag: [],
    delta_poc_s1_minus1: [],
    used_by_curr_pic_s1_flag: [],
    DeltaPocS0: [],
    UsedByCurrPicS0: [],
    DeltaPocS1: [],
    UsedByCurrPicS1: [],
    NumDeltaPocsOfRefRpsIdx: 0,
  };
}

/**
 * @param index - `stRpsIdx`; the number of `sets` for one in a slice header.
 * @param sets - Those of the SPS.
 * @param maxPictures - `sps_max_dec_pic_buffering_minus1` of the highest sub-layer.
 */
export function shortTermRefPicSet(
  c: Coder,
  rps: ShortTermRps,
  index: number,
  sets: readonly ShortTermRps[],
  count: number,
  maxPictures: number,
): void {
  c.structure("st_ref_pic_set", "7.3.7");
  rps.inter_ref_pic_set_prediction_flag =
    index !== 0 && c.flag("inter_ref_pic_set_prediction_flag", rps.inter_ref_pic_set_prediction_flag);
  if (rps.inter_ref_pic_set_prediction_flag) predicted(c, rps, index, sets, count);
  else explicit(c, rps, maxPictures);
  if (rps.DeltaPocS0.length + rps.DeltaPocS1.length > maxPictures) {
    throw c.error(
      `the set has ${rps.DeltaPocS0.length + rps.DeltaPocS1.length} pictures, and the buffer holds ${maxPictures} others`,
    );
  }
}

function explicit(c: Coder, rps: ShortTermRps, max: number): void {
  const negative = c.ue("num_negative_pics", rps.num_negative_pics, 0, max);
  const positive = c.ue("num_positive_pics", rps.num_positive_pics, 0, max - negative);
  rps.num_negative_pics = negative;
  rps.num_positive_pics = positive;
  rps.DeltaPocS0 = [];
  rps.DeltaPocS1 = [];
  let poc = 0;
  for (let i = 0; i < negative; i += 1) {
    const delta = c.ue("delta_poc_s0_minus1", rps.delta_poc_s0_minus1[i], 0, 2 ** 15 - 1, i);
    const used = c.flag("used_by_curr_pic_s0_flag", rps.used_by_curr_pic_s0_flag[i], i);
    rps.delta_poc_s0_minus1[i] = delta;
    rps.used_by_curr_pic_s0_flag[i] = used;
    poc -= delta + 1;
    rps.DeltaPocS0[i] = poc;
  }
  poc = 0;
  for (let i = 0; i < positive; i += 1) {
    const delta = c.ue("delta_poc_s1_minus1", rps.delta_poc_s1_minus1[i], 0, 2 ** 15 - 1, i);
    const used = c.flag("used_by_curr_pic_s1_flag", rps.used_by_curr_pic_s1_flag[i], i);
    rps.delta_poc_s1_minus1[i] = delta;
    rps.used_by_curr_pic_s1_flag[i] = used;
    poc += delta + 1;
    rps.DeltaPocS1[i] = poc;
  }
  rps.UsedByCurrPicS0 = rps.used_by_curr_pic_s0_flag;
  rps.UsedByCurrPicS1 = rps.used_by_curr_pic_s1_flag;
}

function predicted(
  c: Coder,
  rps: ShortTermRps,
  index: number,
  sets: readonly ShortTermRps[],
  count: number,
): void {
  if (index === count) {
    rps.delta_idx_minus1 = c.ue("delta_idx_minus1", rps.delta_idx_minus1, 0, index - 1);
  }
  rps.delta_rps_sign = c.flag("delta_rps_sign", rps.delta_rps_sign);
  rps.abs_delta_rps_minus1 = c.ue("abs_delta_rps_minus1", rps.abs_delta_rps_minus1, 0, 2 ** 15 - 1);
  const ref = sets[index - rps.delta_idx_minus1 - 1];
  if (ref === undefined) throw c.error("the set is predicted from one that is not there");
  const length = ref.DeltaPocS0.length + ref.DeltaPocS1.length;
  rps.NumDeltaPocsOfRefRpsIdx = length;
  for (let j = 0; j <= length; j += 1) {
    const used = c.flag("used_by_curr_pic_flag", rps.used_by_curr_pic_flag[j], j);
    rps.used_by_curr_pic_flag[j] = used;
    rps.use_delta_flag[j] = used || c.flag("use_delta_flag", rps.use_delta_flag[j], j);
  }
  predictShortTermRps(rps, ref);
}

/** What follows for a set that is predicted from `ref`. */
export function predictShortTermRps(rps: ShortTermRps, ref: ShortTermRps): void {
  const deltaRps = (rps.delta_rps_sign ? -1 : 1) * (rps.abs_delta_rps_minus1 + 1);
  predict(rps, ref, deltaRps, -1);
  predict(rps, ref, deltaRps, 1);
}

/** Equations 7-61 (`direction` -1) and 7-62 (1), which mirror each other. */
function predict(rps: ShortTermRps, ref: ShortTermRps, deltaRps: number, direction: -1 | 1): void {
  const negatives = ref.DeltaPocS0.length;
  const length = negatives + ref.DeltaPocS1.length;
  const deltas: number[] = [];
  const used: boolean[] = [];
  const take = (delta: number, j: number): void => {
    if (delta * direction <= 0 || rps.use_delta_flag[j] !== true) return;
    deltas.push(delta);
    used.push(rps.used_by_curr_pic_flag[j] === true);
  };
  const far = direction < 0 ? ref.DeltaPocS1 : ref.DeltaPocS0;
  const near = direction < 0 ? ref.DeltaPocS0 : ref.DeltaPocS1;
  const farStart = direction < 0 ? negatives : 0;
  const nearStart = direction < 0 ? 0 : negatives;
  for (let j = far.length - 1; j >= 0; j -= 1) take((far[j] ?? 0) + deltaRps, farStart + j);
  take(deltaRps, length);
  for (let j = 0; j < near.length; j += 1) take((near[j] ?? 0) + deltaRps, nearStart + j);
  if (direction < 0) {
    rps.DeltaPocS0 = deltas;
    rps.UsedByCurrPicS0 = used;
  } else {
    rps.DeltaPocS1 = deltas;
    rps.UsedByCurrPicS1 = used;
  }
}
