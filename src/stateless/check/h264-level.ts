/** What the level of H.264's SPS allows: table A-1 of the specification. */
import type { SpsControl } from "./h264-expected.js";

/** By `level_idc`: macroblocks of a frame, and of all frames of the decoded picture buffer. */
const levels: ReadonlyMap<number, readonly [maxFs: number, maxDpbMbs: number]> = new Map([
  [9, [99, 396]],
  [10, [99, 396]],
  [11, [396, 900]],
  [12, [396, 2376]],
  [13, [396, 2376]],
  [20, [396, 2376]],
  [21, [792, 4752]],
  [22, [1620, 8100]],
  [30, [1620, 8100]],
  [31, [3600, 18000]],
  [32, [5120, 20480]],
  [40, [8192, 32768]],
  [41, [8192, 32768]],
  [42, [8704, 34816]],
  [50, [22080, 110400]],
  [51, [36864, 184320]],
  [52, [36864, 184320]],
  [60, [139264, 696320]],
  [61, [139264, 696320]],
  [62, [139264, 696320]],
]);

/** Levels hold for these profiles as in table A-1; those of annexes F to I have limits of their own. */
const profiles: ReadonlySet<number> = new Set([44, 66, 77, 88, 100, 110, 122, 244]);
/** With it, and in these profiles, level 1.1 is level 1b. */
const CONSTRAINT_SET_3 = 0x8;
const profilesWith1b: ReadonlySet<number> = new Set([66, 77, 88]);
const FRAME_MBS_ONLY = 0x10;
const MOST_FRAMES = 16;

/** @returns A sentence about what the SPS has more of than its level allows. */
export function beyondLevel(sps: SpsControl): string | undefined {
  const { level_idc, profile_idc, constraint_set_flags, max_num_ref_frames } = sps;
  const is1b =
    level_idc === 11 && (constraint_set_flags & CONSTRAINT_SET_3) !== 0 && profilesWith1b.has(profile_idc);
  const level = levels.get(is1b ? 9 : level_idc);
  if (level === undefined || !profiles.has(profile_idc)) return undefined;
  const [maxFs, maxDpbMbs] = level;
  const width = sps.pic_width_in_mbs_minus1 + 1;
  const isFrameOnly = (Number(sps.flags) & FRAME_MBS_ONLY) !== 0;
  const height = (sps.pic_height_in_map_units_minus1 + 1) * (isFrameOnly ? 1 : 2);
  const subject = `H264_SPS.level_idc is ${level_idc}, and`;
  if (width * height > maxFs || width ** 2 > 8 * maxFs || height ** 2 > 8 * maxFs)
    return `${subject} a frame of ${width}x${height} macroblocks is too large for it (table A-1)`;
  const frames = Math.min(Math.floor(maxDpbMbs / (width * height)), MOST_FRAMES);
  if (max_num_ref_frames <= frames) return undefined;
  return `${subject} it allows ${frames} reference frames of this size, not the ${max_num_ref_frames} of max_num_ref_frames (table A-1)`;
}
