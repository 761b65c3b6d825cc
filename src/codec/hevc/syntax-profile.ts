/** `profile_tier_level()`: 7.3.3. */
import type { Coder } from "../bits/index.js";

/** What is told of the whole stream and of each sub-layer in the same 88 bits. */
export interface ProfileTier {
  profile_space: number;
  tier_flag: boolean;
  profile_idc: number;
  profile_compatibility_flag: boolean[];
  progressive_source_flag: boolean;
  interlaced_source_flag: boolean;
  non_packed_constraint_flag: boolean;
  frame_only_constraint_flag: boolean;
  max_12bit_constraint_flag: boolean;
  max_10bit_constraint_flag: boolean;
  max_8bit_constraint_flag: boolean;
  max_422chroma_constraint_flag: boolean;
  max_420chroma_constraint_flag: boolean;
  max_monochrome_constraint_flag: boolean;
  intra_constraint_flag: boolean;
  one_picture_only_constraint_flag: boolean;
  lower_bit_rate_constraint_flag: boolean;
  max_14bit_constraint_flag: boolean;
  inbld_flag: boolean;
  /** In front of `one_picture_only_constraint_flag` for profile 2. */
  reserved_zero_7bits: number;
  /** 33, 34, 35 or 43 bits, which decoders ignore. */
  reserved_zero_bits: bigint;
}

export interface ProfileTierLevel {
  general: ProfileTier;
  general_level_idc: number;
  sub_layer_profile_present_flag: boolean[];
  sub_layer_level_present_flag: boolean[];
  reserved_zero_2bits: number[];
  sub_layer: ProfileTier[];
  sub_layer_level_idc: number[];
}

export function emptyProfileTier(): ProfileTier {
  return {
    profile_space: 0,
    tier_flag: false,
    profile_idc: 0,
    profile_compatibility_flag: new Array<boolean>(32).fill(false),
    progressive_source_flag: false,
    interlaced_source_flag: false,
    non_packed_constraint_flag: false,
    frame_only_constraint_flag: false,
    max_12bit_constraint_flag: false,
    max_10bit_constraint_flag: false,
    max_8bit_constraint_flag: false,
    max_422chroma_constraint_flag: false,
    max_420chroma_constraint_flag: false,
    max_monochrome_constraint_flag: false,
    intra_constraint_flag: false,
    one_picture_only_constraint_flag: false,
    lower_bit_rate_constraint_flag: false,
    max_14bit_constraint_flag: false,
    inbld_flag: false,
    reserved_zero_7bits: 0,
    reserved_zero_bits: 0n,
  };
}

export function emptyProfileTierLevel(): ProfileTierLevel {
  return {
    general: emptyProfileTier(),
    general_level_idc: 0,
    sub_layer_profile_present_flag: [],
    sub_layer_level_present_flag: [],
    reserved_zero_2bits: [],
    sub_layer: [],
    sub_layer_level_idc: [],
  };
}

/** `profile_tier_level( 1, maxNumSubLayersMinus1 )`; the profile is always present outside of VPS extensions. */
export function profileTierLevel(c: Coder, ptl: ProfileTierLevel, maxSubLayersMinus1: number): void {
  c.structure("profile_tier_level", "7.3.3");
  profileTier(c, ptl.general, "general");
  ptl.general_level_idc = c.u("general_level_idc", 8, ptl.general_level_idc);
  for (let i = 0; i < maxSubLayersMinus1; i += 1) {
    ptl.sub_layer_profile_present_flag[i] = c.flag(
      "sub_layer_profile_present_flag",
      ptl.sub_layer_profile_present_flag[i],
      i,
    );
    ptl.sub_layer_level_present_flag[i] = c.flag(
      "sub_layer_level_present_flag",
      ptl.sub_layer_level_present_flag[i],
      i,
    );
  }
  if (maxSubLayersMinus1 > 0) {
    for (let i = maxSubLayersMinus1; i < 8; i += 1) {
      ptl.reserved_zero_2bits[i] = c.u("reserved_zero_2bits", 2, ptl.reserved_zero_2bits[i], i);
    }
  }
  for (let i = 0; i < maxSubLayersMinus1; i += 1) {
    const subLayer = (ptl.sub_layer[i] ??= emptyProfileTier());
    if (ptl.sub_layer_profile_present_flag[i] === true) profileTier(c, subLayer, "sub_layer", i);
    if (ptl.sub_layer_level_present_flag[i] === true) {
      ptl.sub_layer_level_idc[i] = c.u("sub_layer_level_idc", 8, ptl.sub_layer_level_idc[i], i);
    }
  }
}

function profileTier(c: Coder, p: ProfileTier, prefix: "general" | "sub_layer", i?: number): void {
  p.profile_space = c.u(`${prefix}_profile_space`, 2, p.profile_space, i);
  p.tier_flag = c.flag(`${prefix}_tier_flag`, p.tier_flag, i);
  p.profile_idc = c.u(`${prefix}_profile_idc`, 5, p.profile_idc, i);
  for (let j = 0; j < 32; j += 1) {
    const value = p.profile_compatibility_flag[j];
    const name = `${prefix}_profile_compatibility_flag`;
    p.profile_compatibility_flag[j] = i === undefined ? c.flag(name, value, j) : c.flag(name, value, i, j);
  }
  const flag = (name: string, value: boolean): boolean => c.flag(`${prefix}_${name}`, value, i);
  p.progressive_source_flag = flag("progressive_source_flag", p.progressive_source_flag);
  p.interlaced_source_flag = flag("interlaced_source_flag", p.interlaced_source_flag);
  p.non_packed_constraint_flag = flag("non_packed_constraint_flag", p.non_packed_constraint_flag);
  p.frame_only_constraint_flag = flag("frame_only_constraint_flag", p.frame_only_constraint_flag);
  const reserved = (bits: number): void => {
    p.reserved_zero_bits = c.u64(`${prefix}_reserved_zero_${bits}bits`, bits, p.reserved_zero_bits);
  };
  if (isOneOf(p, 4, 5, 6, 7, 8, 9, 10, 11)) {
    p.max_12bit_constraint_flag = flag("max_12bit_constraint_flag", p.max_12bit_constraint_flag);
    p.max_10bit_constraint_flag = flag("max_10bit_constraint_flag", p.max_10bit_constraint_flag);
    p.max_8bit_constraint_flag = flag("max_8bit_constraint_flag", p.max_8bit_constraint_flag);
    p.max_422chroma_constraint_flag = flag("max_422chroma_constraint_flag", p.max_422chroma_constraint_flag);
    p.max_420chroma_constraint_flag = flag("max_420chroma_constraint_flag", p.max_420chroma_constraint_flag);
    p.max_monochrome_constraint_flag = flag(
      "max_monochrome_constraint_flag",
      p.max_monochrome_constraint_flag,
    );
    p.intra_constraint_flag = flag("intra_constraint_flag", p.intra_constraint_flag);
    p.one_picture_only_constraint_flag = flag(
      "one_picture_only_constraint_flag",
      p.one_picture_only_constraint_flag,
    );
    p.lower_bit_rate_constraint_flag = flag(
      "lower_bit_rate_constraint_flag",
      p.lower_bit_rate_constraint_flag,
    );
    if (isOneOf(p, 5, 9, 10, 11)) {
      p.max_14bit_constraint_flag = flag("max_14bit_constraint_flag", p.max_14bit_constraint_flag);
      reserved(33);
    } else {
      reserved(34);
    }
  } else if (isOneOf(p, 2)) {
    p.reserved_zero_7bits = c.u(`${prefix}_reserved_zero_7bits`, 7, p.reserved_zero_7bits, i);
    p.one_picture_only_constraint_flag = flag(
      "one_picture_only_constraint_flag",
      p.one_picture_only_constraint_flag,
    );
    reserved(35);
  } else {
    reserved(43);
  }
  const last = isOneOf(p, 1, 2, 3, 4, 5, 9, 11) ? "inbld_flag" : "reserved_zero_bit";
  p.inbld_flag = flag(last, p.inbld_flag);
}

function isOneOf(p: ProfileTier, ...profiles: readonly number[]): boolean {
  return profiles.some((idc) => p.profile_idc === idc || p.profile_compatibility_flag[idc] === true);
}
