/** Metadata OBUs: 5.8. Only what explains a stream needs them, so nothing is kept. */
import type { Coder } from "../bits/index.js";

/** `metadata_type`, table in 6.7.1. */
const names = ["", "HDR CLL", "HDR MDCV", "Scalability", "ITU-T T.35", "Timecode"] as const;

/** What the specification calls a type. */
export function metadataName(type: number): string {
  return names[type] || `type ${type}`;
}

/**
 * `metadata_obu()`, read only.
 * @param payloadBits - From the present position to `trailing_bits()`.
 * @returns `metadata_type`.
 */
export function metadata(c: Coder, payloadBits: number): number {
  const end = c.position + payloadBits;
  c.structure("metadata_obu", "5.8.1");
  const type = c.leb128("metadata_type", undefined);
  if (type === 1) {
    c.structure("metadata_hdr_cll", "5.8.3");
    c.u("max_cll", 16, undefined);
    c.u("max_fall", 16, undefined);
  } else if (type === 2) {
    masteringDisplay(c);
  } else if (type === 3) {
    c.structure("metadata_scalability", "5.8.5");
    const SCALABILITY_SS = 14;
    if (c.u("scalability_mode_idc", 8, undefined) === SCALABILITY_SS) scalabilityStructure(c);
  } else if (type === 4) {
    c.structure("metadata_itut_t35", "5.8.2");
    const country = c.u("itu_t_t35_country_code", 8, undefined);
    if (country === 0xff) c.u("itu_t_t35_country_code_extension_byte", 8, undefined);
    c.bytes("itu_t_t35_payload_bytes", Math.max(end - c.position, 0) >> 3, undefined);
  } else if (type === 5) {
    timecode(c);
  } else {
    c.bytes("metadata_bytes", Math.max(end - c.position, 0) >> 3, undefined);
  }
  return type;
}

function masteringDisplay(c: Coder): void {
  c.structure("metadata_hdr_mdcv", "5.8.4");
  for (let i = 0; i < 3; i += 1) {
    c.u("primary_chromaticity_x", 16, undefined, i);
    c.u("primary_chromaticity_y", 16, undefined, i);
  }
  c.u("white_point_chromaticity_x", 16, undefined);
  c.u("white_point_chromaticity_y", 16, undefined);
  c.u("luminance_max", 32, undefined);
  c.u("luminance_min", 32, undefined);
}

function scalabilityStructure(c: Coder): void {
  c.structure("scalability_structure", "5.8.6");
  const layers = c.u("spatial_layers_cnt_minus_1", 2, undefined) + 1;
  const dimensions = c.flag("spatial_layer_dimensions_present_flag", undefined);
  const description = c.flag("spatial_layer_description_present_flag", undefined);
  const group = c.flag("temporal_group_description_present_flag", undefined);
  c.u("scalability_structure_reserved_3bits", 3, undefined);
  for (let i = 0; dimensions && i < layers; i += 1) {
    c.u("spatial_layer_max_width", 16, undefined, i);
    c.u("spatial_layer_max_height", 16, undefined, i);
  }
  for (let i = 0; description && i < layers; i += 1) c.u("spatial_layer_ref_id", 8, undefined, i);
  if (!group) return;
  const size = c.u("temporal_group_size", 8, undefined);
  for (let i = 0; i < size; i += 1) {
    c.u("temporal_group_temporal_id", 3, undefined, i);
    c.flag("temporal_group_temporal_switching_up_point_flag", undefined, i);
    c.flag("temporal_group_spatial_switching_up_point_flag", undefined, i);
    const references = c.u("temporal_group_ref_cnt", 3, undefined, i);
    for (let j = 0; j < references; j += 1) c.u("temporal_group_ref_pic_diff", 8, undefined, i, j);
  }
}

function timecode(c: Coder): void {
  c.structure("metadata_timecode", "5.8.7");
  c.u("counting_type", 5, undefined);
  const full = c.flag("full_timestamp_flag", undefined);
  c.flag("discontinuity_flag", undefined);
  c.flag("cnt_dropped_flag", undefined);
  c.u("n_frames", 9, undefined);
  const has = (name: string): boolean => full || c.flag(name, undefined);
  if (has("seconds_flag")) {
    c.uRange("seconds_value", 6, undefined, 0, 59);
    if (has("minutes_flag")) {
      c.uRange("minutes_value", 6, undefined, 0, 59);
      if (has("hours_flag")) c.uRange("hours_value", 5, undefined, 0, 23);
    }
  }
  const length = c.u("time_offset_length", 5, undefined);
  if (length > 0) c.u("time_offset_value", length, undefined);
}
