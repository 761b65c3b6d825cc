/** What H.264 allows in any profile and level. */

/** `MaxFS` of level 6.2: table A-1. */
export const MAX_FRAME_MBS = 139264;
/** `PicWidthInMbs` and `FrameHeightInMbs` at most, `Sqrt(MaxFS * 8)`: A.3.1. */
export const MAX_SIDE_MBS = 1055;

const chromaFormatProfiles: ReadonlySet<number> = new Set([
  44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244,
]);

/** Does the SPS of this `profile_idc` have `chroma_format_idc` and what follows it? */
export function hasChromaFormat(profile_idc: number): boolean {
  return chromaFormatProfiles.has(profile_idc);
}
