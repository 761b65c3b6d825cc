/** Variables that follow from an H.264 parameter set. */
import type { Sps } from "./syntax-sps.js";

/** `ChromaArrayType`: 7.4.2.1.1. */
export function chromaArrayType(sps: Sps): number {
  return sps.separate_colour_plane_flag ? 0 : sps.chroma_format_idc;
}

/** `MaxFrameNum`: (7-10). */
export function maxFrameNum(sps: Sps): number {
  return 2 ** (sps.log2_max_frame_num_minus4 + 4);
}

/** `PicSizeInMapUnits`: (7-14). */
export function picSizeInMapUnits(sps: Sps): number {
  return (sps.pic_width_in_mbs_minus1 + 1) * (sps.pic_height_in_map_units_minus1 + 1);
}

/** `FrameHeightInMbs`: (7-16). */
export function frameHeightInMbs(sps: Sps): number {
  return (sps.frame_mbs_only_flag ? 1 : 2) * (sps.pic_height_in_map_units_minus1 + 1);
}

/** `Ceil(Log2(value))`. */
export function ceilLog2(value: number): number {
  return value <= 1 ? 0 : 32 - Math.clz32(value - 1);
}
