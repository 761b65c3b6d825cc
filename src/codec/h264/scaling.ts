/** Scaling matrices: the lists of SPS and PPS, their fall-back rules, and raster order. 7.4.2.1.1, table 7-2. */
import type { Pps } from "./syntax-pps.js";
import type { ScalingList, Sps } from "./syntax-sps.js";

/** Frame zig-zag scan of 4x4 and 8x8 blocks: where the n-th coefficient is in raster order. */
const zigzag4x4 = zigzag(4);
const zigzag8x8 = zigzag(8);

/** Tables 7-3 and 7-4: `Default_4x4_Intra` and the others, in zig-zag order. */
const default4x4 = [
  [6, 13, 13, 20, 20, 20, 28, 28, 28, 28, 32, 32, 32, 37, 37, 42],
  [10, 14, 14, 20, 20, 20, 24, 24, 24, 24, 27, 27, 27, 30, 30, 34],
] as const;
const default8x8 = [
  [
    6, 10, 10, 13, 11, 13, 16, 16, 16, 16, 18, 18, 18, 18, 18, 23, 23, 23, 23, 23, 23, 25, 25, 25, 25, 25, 25,
    25, 27, 27, 27, 27, 27, 27, 27, 27, 29, 29, 29, 29, 29, 29, 29, 31, 31, 31, 31, 31, 31, 33, 33, 33, 33,
    33, 36, 36, 36, 36, 38, 38, 38, 40, 40, 42,
  ],
  [
    9, 13, 13, 15, 13, 15, 17, 17, 17, 17, 19, 19, 19, 19, 19, 21, 21, 21, 21, 21, 21, 22, 22, 22, 22, 22, 22,
    22, 24, 24, 24, 24, 24, 24, 24, 24, 25, 25, 25, 25, 25, 25, 25, 27, 27, 27, 27, 27, 27, 28, 28, 28, 28,
    28, 30, 30, 30, 30, 32, 32, 32, 33, 33, 35,
  ],
] as const;

/** `scaling_list_4x4` and `scaling_list_8x8` of `v4l2_ctrl_h264_scaling_matrix`: six each, in raster order. */
export interface ScalingMatrix {
  readonly scaling_list_4x4: readonly (readonly number[])[];
  readonly scaling_list_8x8: readonly (readonly number[])[];
}

/** Do the parameter sets carry lists, so that the matrix is not flat? */
export function hasScalingMatrix(sps: Sps, pps: Pps): boolean {
  return sps.seq_scaling_matrix_present_flag || pps.pic_scaling_matrix_present_flag;
}

/**
 * The matrix that applies with these parameter sets. The 4x4 lists are Intra Y, Cb, Cr, Inter Y, Cb, Cr; the 8x8
 * lists alternate: Intra Y, Inter Y, Intra Cb, Inter Cb, Intra Cr, Inter Cr.
 */
export function scalingMatrix(sps: Sps, pps: Pps): ScalingMatrix {
  let lists = Array.from({ length: 12 }, (_, i) => flat(i));
  if (sps.seq_scaling_matrix_present_flag) {
    lists = resolve(sps.seq_scaling_list, defaults);
  }
  if (pps.pic_scaling_matrix_present_flag) {
    // Rule B falls back to the lists of the SPS where there are any, and to the default lists otherwise.
    const sequence = lists;
    lists = resolve(
      pps.pic_scaling_list,
      sps.seq_scaling_matrix_present_flag ? (i) => sequence[i] ?? [] : defaults,
    );
  }
  return {
    scaling_list_4x4: lists.slice(0, 6).map((list) => toRaster(list, zigzag4x4)),
    scaling_list_8x8: lists.slice(6).map((list) => toRaster(list, zigzag8x8)),
  };
}

/**
 * The lists of a matrix as a parameter set carries them, all of them present: what {@link scalingMatrix} undoes.
 * @param is444 - The chroma format is 4:4:4: there are six lists of 8x8, not two.
 */
export function codedScalingLists(matrix: ScalingMatrix, is444: boolean): ScalingList[] {
  return [
    ...matrix.scaling_list_4x4.slice(0, 6).map((raster) => codedList(raster, zigzag4x4)),
    ...matrix.scaling_list_8x8.slice(0, is444 ? 6 : 2).map((raster) => codedList(raster, zigzag8x8)),
  ];
}

function codedList(raster: readonly number[], scan: readonly number[]): ScalingList {
  const values = scan.map((position) => raster[position] ?? 0);
  const delta_scale = values.map((value, i) => {
    // Differences are modulo 256.
    const difference = value - (i === 0 ? 8 : (values[i - 1] ?? 0));
    return ((difference + 128 + 256) % 256) - 128;
  });
  return { present: true, delta_scale, values, useDefault: false };
}

function flat(index: number): readonly number[] {
  return new Array<number>(index < 6 ? 16 : 64).fill(16);
}

function defaults(index: number): readonly number[] {
  return index < 6 ? default4x4[index < 3 ? 0 : 1] : default8x8[index % 2 === 0 ? 0 : 1];
}

/** @param fallBack - For the first list of each kind; the others fall back to the one before of their kind. */
function resolve(
  coded: readonly ScalingList[],
  fallBack: (index: number) => readonly number[],
): (readonly number[])[] {
  const lists: (readonly number[])[] = [];
  for (let i = 0; i < 12; i += 1) {
    const list = coded[i];
    const isFirst = i === 0 || i === 3 || i === 6 || i === 7;
    if (list?.present !== true) lists[i] = (isFirst ? undefined : lists[i - (i < 6 ? 1 : 2)]) ?? fallBack(i);
    else lists[i] = list.useDefault ? defaults(i) : list.values;
  }
  return lists;
}

function toRaster(list: readonly number[], scan: readonly number[]): number[] {
  const raster = new Array<number>(scan.length).fill(0);
  scan.forEach((position, i) => {
    raster[position] = list[i] ?? 0;
  });
  return raster;
}

/** Along the diagonals, alternately up and down: 8.5.6. */
function zigzag(size: number): number[] {
  const order: number[] = [];
  for (let diagonal = 0; diagonal <= 2 * (size - 1); diagonal += 1) {
    const cells: number[] = [];
    for (let y = Math.max(0, diagonal - size + 1); y <= Math.min(diagonal, size - 1); y += 1) {
      cells.push(y * size + (diagonal - y));
    }
    order.push(...(diagonal % 2 === 0 ? cells.reverse() : cells));
  }
  return order;
}
