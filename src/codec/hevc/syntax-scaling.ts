/** `scaling_list_data()`: 7.3.4, and the lists that follow from it: 7.4.5. */
import type { Coder } from "../bits/index.js";

/** By `sizeId` (4x4, 8x8, 16x16, 32x32) and `matrixId`; 32x32 has matrices 0 and 3 only. */
export interface ScalingLists {
  scaling_list_pred_mode_flag: boolean[][];
  scaling_list_pred_matrix_id_delta: number[][];
  /** By `sizeId - 2`. */
  scaling_list_dc_coef_minus8: number[][];
  scaling_list_delta_coef: number[][][];
  /** `ScalingList`, in the order of the up-right diagonal scan. */
  ScalingList: number[][][];
  /** `scaling_list_dc_coef_minus8 + 8`, by `sizeId - 2`. */
  ScalingListDc: number[][];
}

/** Table 7-6 for `matrixId` 0 to 2 and 3 to 5. */
const defaultIntra = [
  16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 17, 16, 17, 16, 17, 18, 17, 18, 18, 17, 18, 21, 19, 20, 21, 20, 19,
  21, 24, 22, 22, 24, 24, 22, 22, 24, 25, 25, 27, 30, 27, 25, 25, 29, 31, 35, 35, 31, 29, 36, 41, 44, 41, 36,
  47, 54, 54, 47, 65, 70, 65, 88, 88, 115,
];
const defaultInter = [
  16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 17, 17, 17, 17, 17, 18, 18, 18, 18, 18, 18, 20, 20, 20, 20, 20, 20,
  20, 24, 24, 24, 24, 24, 24, 24, 24, 25, 25, 25, 25, 25, 25, 25, 28, 28, 28, 28, 28, 28, 33, 33, 33, 33, 33,
  41, 41, 41, 41, 54, 54, 54, 71, 71, 91,
];
const flat4x4 = new Array<number>(16).fill(16);

function defaultList(sizeId: number, matrixId: number): number[] {
  return sizeId === 0 ? flat4x4 : matrixId < 3 ? defaultIntra : defaultInter;
}

export function emptyScalingLists(): ScalingLists {
  return {
    scaling_list_pred_mode_flag: [[], [], [], []],
    scaling_list_pred_matrix_id_delta: [[], [], [], []],
    scaling_list_dc_coef_minus8: [[], []],
    scaling_list_delta_coef: [[], [], [], []],
    ScalingList: [[], [], [], []],
    ScalingListDc: [[], []],
  };
}

/** Those that apply where neither SPS nor PPS has any: Tables 7-5 and 7-6. */
export function defaultScalingLists(): ScalingLists {
  const lists = emptyScalingLists();
  for (let sizeId = 0; sizeId < 4; sizeId += 1) {
    for (let matrixId = 0; matrixId < 6; matrixId += 1) {
      row(lists.ScalingList, sizeId)[matrixId] = defaultList(sizeId, matrixId);
      if (sizeId > 1) row(lists.ScalingListDc, sizeId - 2)[matrixId] = 16;
    }
  }
  return lists;
}

export function scalingListData(c: Coder, lists: ScalingLists): void {
  c.structure("scaling_list_data", "7.3.4");
  for (let sizeId = 0; sizeId < 4; sizeId += 1) {
    const step = sizeId === 3 ? 3 : 1;
    for (let matrixId = 0; matrixId < 6; matrixId += step) {
      const modes = row(lists.scaling_list_pred_mode_flag, sizeId);
      const explicit = c.flag("scaling_list_pred_mode_flag", modes[matrixId], sizeId, matrixId);
      modes[matrixId] = explicit;
      if (explicit) coefficients(c, lists, sizeId, matrixId);
      else reference(c, lists, sizeId, matrixId, step);
    }
  }
}

function reference(c: Coder, lists: ScalingLists, sizeId: number, matrixId: number, step: number): void {
  const deltas = row(lists.scaling_list_pred_matrix_id_delta, sizeId);
  const delta = c.ue(
    "scaling_list_pred_matrix_id_delta",
    deltas[matrixId],
    0,
    matrixId / step,
    sizeId,
    matrixId,
  );
  deltas[matrixId] = delta;
  const list = row(lists.ScalingList, sizeId);
  const from = matrixId - delta * step;
  list[matrixId] = delta === 0 ? defaultList(sizeId, matrixId) : (list[from] ?? []);
  if (sizeId > 1) {
    const dc = row(lists.ScalingListDc, sizeId - 2);
    dc[matrixId] = delta === 0 ? 16 : (dc[from] ?? 16);
  }
}

function coefficients(c: Coder, lists: ScalingLists, sizeId: number, matrixId: number): void {
  let next = 8;
  if (sizeId > 1) {
    const dc = row(lists.scaling_list_dc_coef_minus8, sizeId - 2);
    const value = c.se("scaling_list_dc_coef_minus8", dc[matrixId], -7, 247, sizeId - 2, matrixId);
    dc[matrixId] = value;
    next = value + 8;
    row(lists.ScalingListDc, sizeId - 2)[matrixId] = next;
  }
  const deltas = (row(lists.scaling_list_delta_coef, sizeId)[matrixId] ??= []);
  const list: number[] = [];
  const count = sizeId === 0 ? 16 : 64;
  for (let i = 0; i < count; i += 1) {
    const delta = c.se("scaling_list_delta_coef", deltas[i], -128, 127, sizeId, matrixId, i);
    deltas[i] = delta;
    next = (next + delta + 256) % 256;
    if (next === 0) throw c.error(`ScalingList[${sizeId}][${matrixId}][${i}] is 0`);
    list[i] = next;
  }
  row(lists.ScalingList, sizeId)[matrixId] = list;
}

function row<T>(rows: T[][], index: number): T[] {
  return (rows[index] ??= []);
}
