/** `video_parameter_set_rbsp()`: 7.3.2.1. Its extension, for layers, is kept as bits. */
import type { Coder } from "../bits/index.js";
import { emptyHrd, hrdParameters, type Hrd } from "./syntax-hrd.js";
import { emptyProfileTierLevel, profileTierLevel, type ProfileTierLevel } from "./syntax-profile.js";

/** What VPS and SPS tell of the picture buffer, by sub-layer. */
export interface SubLayerOrdering {
  max_dec_pic_buffering_minus1: number[];
  max_num_reorder_pics: number[];
  max_latency_increase_plus1: number[];
}

export interface Vps {
  vps_video_parameter_set_id: number;
  vps_base_layer_internal_flag: boolean;
  vps_base_layer_available_flag: boolean;
  vps_max_layers_minus1: number;
  vps_max_sub_layers_minus1: number;
  vps_temporal_id_nesting_flag: boolean;
  vps_reserved_0xffff_16bits: number;
  profile_tier_level: ProfileTierLevel;
  vps_sub_layer_ordering_info_present_flag: boolean;
  ordering: SubLayerOrdering;
  vps_max_layer_id: number;
  vps_num_layer_sets_minus1: number;
  layer_id_included_flag: boolean[][];
  vps_timing_info_present_flag: boolean;
  vps_num_units_in_tick: number;
  vps_time_scale: number;
  vps_poc_proportional_to_timing_flag: boolean;
  vps_num_ticks_poc_diff_one_minus1: number;
  vps_num_hrd_parameters: number;
  hrd_layer_set_idx: number[];
  cprms_present_flag: boolean[];
  hrd_parameters: Hrd[];
  vps_extension_flag: boolean;
  extension_data_flag: boolean[];
}

export function emptyOrdering(): SubLayerOrdering {
  return { max_dec_pic_buffering_minus1: [], max_num_reorder_pics: [], max_latency_increase_plus1: [] };
}

export function emptyVps(): Vps {
  return {
    vps_video_parameter_set_id: 0,
    vps_base_layer_internal_flag: true,
    vps_base_layer_available_flag: true,
    vps_max_layers_minus1: 0,
    vps_max_sub_layers_minus1: 0,
    vps_temporal_id_nesting_flag: true,
    vps_reserved_0xffff_16bits: 0xffff,
    profile_tier_level: emptyProfileTierLevel(),
    vps_sub_layer_ordering_info_present_flag: true,
    ordering: emptyOrdering(),
    vps_max_layer_id: 0,
    vps_num_layer_sets_minus1: 0,
    layer_id_included_flag: [],
    vps_timing_info_present_flag: false,
    vps_num_units_in_tick: 0,
    vps_time_scale: 0,
    vps_poc_proportional_to_timing_flag: false,
    vps_num_ticks_poc_diff_one_minus1: 0,
    vps_num_hrd_parameters: 0,
    hrd_layer_set_idx: [],
    cprms_present_flag: [],
    hrd_parameters: [],
    vps_extension_flag: false,
    extension_data_flag: [],
  };
}

export function videoParameterSet(c: Coder, vps: Vps): void {
  c.structure("video_parameter_set_rbsp", "7.3.2.1");
  vps.vps_video_parameter_set_id = c.u("vps_video_parameter_set_id", 4, vps.vps_video_parameter_set_id);
  vps.vps_base_layer_internal_flag = c.flag("vps_base_layer_internal_flag", vps.vps_base_layer_internal_flag);
  vps.vps_base_layer_available_flag = c.flag(
    "vps_base_layer_available_flag",
    vps.vps_base_layer_available_flag,
  );
  vps.vps_max_layers_minus1 = c.u("vps_max_layers_minus1", 6, vps.vps_max_layers_minus1);
  vps.vps_max_sub_layers_minus1 = c.uRange(
    "vps_max_sub_layers_minus1",
    3,
    vps.vps_max_sub_layers_minus1,
    0,
    6,
  );
  vps.vps_temporal_id_nesting_flag = c.flag("vps_temporal_id_nesting_flag", vps.vps_temporal_id_nesting_flag);
  vps.vps_reserved_0xffff_16bits = c.u("vps_reserved_0xffff_16bits", 16, vps.vps_reserved_0xffff_16bits);
  profileTierLevel(c, vps.profile_tier_level, vps.vps_max_sub_layers_minus1);
  c.structure("video_parameter_set_rbsp", "7.3.2.1");
  vps.vps_sub_layer_ordering_info_present_flag = c.flag(
    "vps_sub_layer_ordering_info_present_flag",
    vps.vps_sub_layer_ordering_info_present_flag,
  );
  const all = vps.vps_sub_layer_ordering_info_present_flag;
  subLayerOrdering(c, vps.ordering, "vps", all, vps.vps_max_sub_layers_minus1);
  layerSets(c, vps);
  vps.vps_timing_info_present_flag = c.flag("vps_timing_info_present_flag", vps.vps_timing_info_present_flag);
  if (vps.vps_timing_info_present_flag) timing(c, vps);
  vps.vps_extension_flag = c.flag("vps_extension_flag", vps.vps_extension_flag);
  if (vps.vps_extension_flag) extensionData(c, "vps_extension_data_flag", vps.extension_data_flag);
  c.rbspTrailingBits();
}

/** The three elements of each sub-layer; where only the last ones are told, they are those of all. */
export function subLayerOrdering(
  c: Coder,
  ordering: SubLayerOrdering,
  prefix: "vps" | "sps",
  all: boolean,
  maxSubLayersMinus1: number,
): void {
  const { max_dec_pic_buffering_minus1: size, max_num_reorder_pics: reorder } = ordering;
  const latency = ordering.max_latency_increase_plus1;
  for (let i = all ? 0 : maxSubLayersMinus1; i <= maxSubLayersMinus1; i += 1) {
    // 15: MaxDpbSize is 16 at most, A.4.2.
    size[i] = c.ue(`${prefix}_max_dec_pic_buffering_minus1`, size[i], 0, 15, i);
    reorder[i] = c.ue(`${prefix}_max_num_reorder_pics`, reorder[i], 0, size[i] ?? 0, i);
    latency[i] = c.ue(`${prefix}_max_latency_increase_plus1`, latency[i], 0, 2 ** 32 - 2, i);
  }
  if (all) return;
  for (let i = 0; i < maxSubLayersMinus1; i += 1) {
    size[i] = size[maxSubLayersMinus1] ?? 0;
    reorder[i] = reorder[maxSubLayersMinus1] ?? 0;
    latency[i] = latency[maxSubLayersMinus1] ?? 0;
  }
}

/** Bits up to the trailing bits, which decoders of this version ignore. */
export function extensionData(c: Coder, name: string, flags: boolean[]): void {
  for (let i = 0; c.moreRbspData(i < flags.length); i += 1) flags[i] = c.flag(name, flags[i]);
}

function layerSets(c: Coder, vps: Vps): void {
  vps.vps_max_layer_id = c.uRange("vps_max_layer_id", 6, vps.vps_max_layer_id, 0, 62);
  vps.vps_num_layer_sets_minus1 = c.ue("vps_num_layer_sets_minus1", vps.vps_num_layer_sets_minus1, 0, 1023);
  for (let i = 1; i <= vps.vps_num_layer_sets_minus1; i += 1) {
    const set = (vps.layer_id_included_flag[i] ??= []);
    for (let j = 0; j <= vps.vps_max_layer_id; j += 1) {
      set[j] = c.flag("layer_id_included_flag", set[j], i, j);
    }
  }
}

function timing(c: Coder, vps: Vps): void {
  vps.vps_num_units_in_tick = c.u("vps_num_units_in_tick", 32, vps.vps_num_units_in_tick);
  vps.vps_time_scale = c.u("vps_time_scale", 32, vps.vps_time_scale);
  vps.vps_poc_proportional_to_timing_flag = c.flag(
    "vps_poc_proportional_to_timing_flag",
    vps.vps_poc_proportional_to_timing_flag,
  );
  if (vps.vps_poc_proportional_to_timing_flag) {
    vps.vps_num_ticks_poc_diff_one_minus1 = c.ue(
      "vps_num_ticks_poc_diff_one_minus1",
      vps.vps_num_ticks_poc_diff_one_minus1,
      0,
      2 ** 32 - 2,
    );
  }
  const sets = vps.vps_num_layer_sets_minus1;
  vps.vps_num_hrd_parameters = c.ue("vps_num_hrd_parameters", vps.vps_num_hrd_parameters, 0, sets + 1);
  for (let i = 0; i < vps.vps_num_hrd_parameters; i += 1) {
    const smallest = vps.vps_base_layer_internal_flag ? 0 : 1;
    vps.hrd_layer_set_idx[i] = c.ue("hrd_layer_set_idx", vps.hrd_layer_set_idx[i], smallest, sets, i);
    const common = i === 0 || c.flag("cprms_present_flag", vps.cprms_present_flag[i], i);
    vps.cprms_present_flag[i] = common;
    const hrd = (vps.hrd_parameters[i] ??= emptyHrd());
    const before = vps.hrd_parameters[i - 1];
    if (!common && before !== undefined) inheritCommon(hrd, before);
    hrdParameters(c, hrd, common, vps.vps_max_sub_layers_minus1);
    c.structure("video_parameter_set_rbsp", "7.3.2.1");
  }
}

/** Without common information of its own, a set has that of the one before: 7.4.3.1. */
function inheritCommon(hrd: Hrd, before: Hrd): void {
  hrd.nal_hrd_parameters_present_flag = before.nal_hrd_parameters_present_flag;
  hrd.vcl_hrd_parameters_present_flag = before.vcl_hrd_parameters_present_flag;
  hrd.sub_pic_hrd_params_present_flag = before.sub_pic_hrd_params_present_flag;
}
