/** Analog video standards: what ENUMSTD lists for a set of them, and the timing that follows from one. */
import {
  V4L2_STD_525_60,
  V4L2_STD_625_50,
  V4L2_STD_ALL,
  V4L2_STD_NTSC,
  V4L2_STD_NTSC_443,
  V4L2_STD_NTSC_M,
  V4L2_STD_NTSC_M_JP,
  V4L2_STD_NTSC_M_KR,
  V4L2_STD_PAL,
  V4L2_STD_PAL_60,
  V4L2_STD_PAL_B,
  V4L2_STD_PAL_B1,
  V4L2_STD_PAL_BG,
  V4L2_STD_PAL_D,
  V4L2_STD_PAL_D1,
  V4L2_STD_PAL_DK,
  V4L2_STD_PAL_G,
  V4L2_STD_PAL_H,
  V4L2_STD_PAL_I,
  V4L2_STD_PAL_K,
  V4L2_STD_PAL_M,
  V4L2_STD_PAL_N,
  V4L2_STD_PAL_Nc,
  V4L2_STD_SECAM,
  V4L2_STD_SECAM_B,
  V4L2_STD_SECAM_D,
  V4L2_STD_SECAM_DK,
  V4L2_STD_SECAM_G,
  V4L2_STD_SECAM_H,
  V4L2_STD_SECAM_K,
  V4L2_STD_SECAM_K1,
  V4L2_STD_SECAM_L,
  V4L2_STD_SECAM_LC,
} from "../gen/index.js";
import type { Fract } from "./types.js";

/** Sets of standards for `tvnorms`: the families, those of one line count, single ones by their members. */
export const Std = {
  Pal: V4L2_STD_PAL,
  Ntsc: V4L2_STD_NTSC,
  Secam: V4L2_STD_SECAM,
  Lines525: V4L2_STD_525_60,
  Lines625: V4L2_STD_625_50,
  All: V4L2_STD_ALL,
} as const;

export interface Standard {
  readonly id: bigint;
  readonly name: string;
}

/** Order and names of ENUMSTD. The three families come before their members and do not swallow them. */
const order: readonly (Standard & { readonly family?: true })[] = [
  { id: V4L2_STD_NTSC, name: "NTSC", family: true },
  { id: V4L2_STD_NTSC_M, name: "NTSC-M" },
  { id: V4L2_STD_NTSC_M_JP, name: "NTSC-M-JP" },
  { id: V4L2_STD_NTSC_M_KR, name: "NTSC-M-KR" },
  { id: V4L2_STD_NTSC_443, name: "NTSC-443" },
  { id: V4L2_STD_PAL, name: "PAL", family: true },
  { id: V4L2_STD_PAL_BG, name: "PAL-BG" },
  { id: V4L2_STD_PAL_B, name: "PAL-B" },
  { id: V4L2_STD_PAL_B1, name: "PAL-B1" },
  { id: V4L2_STD_PAL_G, name: "PAL-G" },
  { id: V4L2_STD_PAL_H, name: "PAL-H" },
  { id: V4L2_STD_PAL_I, name: "PAL-I" },
  { id: V4L2_STD_PAL_DK, name: "PAL-DK" },
  { id: V4L2_STD_PAL_D, name: "PAL-D" },
  { id: V4L2_STD_PAL_D1, name: "PAL-D1" },
  { id: V4L2_STD_PAL_K, name: "PAL-K" },
  { id: V4L2_STD_PAL_M, name: "PAL-M" },
  { id: V4L2_STD_PAL_N, name: "PAL-N" },
  { id: V4L2_STD_PAL_Nc, name: "PAL-Nc" },
  { id: V4L2_STD_PAL_60, name: "PAL-60" },
  { id: V4L2_STD_SECAM, name: "SECAM", family: true },
  { id: V4L2_STD_SECAM_B, name: "SECAM-B" },
  { id: V4L2_STD_SECAM_G, name: "SECAM-G" },
  { id: V4L2_STD_SECAM_H, name: "SECAM-H" },
  { id: V4L2_STD_SECAM_DK, name: "SECAM-DK" },
  { id: V4L2_STD_SECAM_D, name: "SECAM-D" },
  { id: V4L2_STD_SECAM_K, name: "SECAM-K" },
  { id: V4L2_STD_SECAM_K1, name: "SECAM-K1" },
  { id: V4L2_STD_SECAM_L, name: "SECAM-L" },
  { id: V4L2_STD_SECAM_LC, name: "SECAM-Lc" },
];

/** The standards that ENUMSTD shows for a set, in its order: a member of a listed group is not listed again. */
export function listStandards(set: bigint): readonly Standard[] {
  const listed: Standard[] = [];
  let rest = set;
  for (const { id, name, family } of order) {
    if (rest === 0n) break;
    if ((id & rest) !== id) continue;
    listed.push({ id, name });
    if (family === undefined) rest &= ~id;
  }
  return listed;
}

/** Seconds per frame. */
export function framePeriod(std: bigint): Fract {
  return (std & V4L2_STD_525_60) !== 0n
    ? { numerator: 1001, denominator: 30000 }
    : { numerator: 1, denominator: 25 };
}

/** Lines per frame, the invisible ones included. */
export function frameLines(std: bigint): number {
  return (std & V4L2_STD_525_60) !== 0n ? 525 : 625;
}
