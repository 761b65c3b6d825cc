/** NAL unit types and the NAL unit header: 7.3.1.2, Table 7-1. */
import type { Coder } from "../bits/index.js";

/** `nal_unit_type` by the names of Table 7-1. */
export const NalType = {
  TRAIL_N: 0,
  TRAIL_R: 1,
  TSA_N: 2,
  TSA_R: 3,
  STSA_N: 4,
  STSA_R: 5,
  RADL_N: 6,
  RADL_R: 7,
  RASL_N: 8,
  RASL_R: 9,
  BLA_W_LP: 16,
  BLA_W_RADL: 17,
  BLA_N_LP: 18,
  IDR_W_RADL: 19,
  IDR_N_LP: 20,
  CRA: 21,
  VPS: 32,
  SPS: 33,
  PPS: 34,
  AUD: 35,
  EOS: 36,
  EOB: 37,
  FD: 38,
  PREFIX_SEI: 39,
  SUFFIX_SEI: 40,
} as const;

const otherNames: Readonly<Record<number, string>> = {
  [NalType.VPS]: "Video parameter set",
  [NalType.SPS]: "Sequence parameter set",
  [NalType.PPS]: "Picture parameter set",
  [NalType.AUD]: "Access unit delimiter",
  [NalType.EOS]: "End of sequence",
  [NalType.EOB]: "End of bitstream",
  [NalType.FD]: "Filler data",
  [NalType.PREFIX_SEI]: "Supplemental enhancement information (prefix)",
  [NalType.SUFFIX_SEI]: "Supplemental enhancement information (suffix)",
};

const sliceNames = new Map<number, string>(
  Object.entries(NalType)
    .filter(([, type]) => type < 32)
    .map(([name, type]) => [type, `Coded slice segment, ${name}`]),
);

/** What a unit contains, in words. */
export function nalName(type: number): string {
  return otherNames[type] ?? sliceNames.get(type) ?? (type < 48 ? "Reserved" : "Unspecified");
}

/** Does the unit hold a slice segment that this version of the specification defines? */
export function isSlice(type: number): boolean {
  return type <= NalType.RASL_R || (type >= NalType.BLA_W_LP && type <= NalType.CRA);
}

/** Intra random access point, the two reserved types included. */
export function isIrap(type: number): boolean {
  return type >= 16 && type <= 23;
}

export function isIdr(type: number): boolean {
  return type === NalType.IDR_W_RADL || type === NalType.IDR_N_LP;
}

export function isBla(type: number): boolean {
  return type >= NalType.BLA_W_LP && type <= NalType.BLA_N_LP;
}

/** Random access skipped leading: may refer to pictures before its random access point. */
export function isRasl(type: number): boolean {
  return type === NalType.RASL_N || type === NalType.RASL_R;
}

/** Random access decodable leading. */
export function isRadl(type: number): boolean {
  return type === NalType.RADL_N || type === NalType.RADL_R;
}

/** Sub-layer non-reference: an even type up to RSV_VCL_N14. */
export function isSubLayerNonReference(type: number): boolean {
  return type <= 14 && type % 2 === 0;
}

export interface NalHeader {
  nal_unit_type: number;
  nuh_layer_id: number;
  nuh_temporal_id_plus1: number;
}

export function emptyNalHeader(): NalHeader {
  return { nal_unit_type: 0, nuh_layer_id: 0, nuh_temporal_id_plus1: 1 };
}

export function nalUnitHeader(c: Coder, header: NalHeader): void {
  c.structure("nal_unit_header", "7.3.1.2");
  c.fixed("forbidden_zero_bit", 1, 0);
  header.nal_unit_type = c.u("nal_unit_type", 6, header.nal_unit_type);
  header.nuh_layer_id = c.uRange("nuh_layer_id", 6, header.nuh_layer_id, 0, 62);
  header.nuh_temporal_id_plus1 = c.uRange("nuh_temporal_id_plus1", 3, header.nuh_temporal_id_plus1, 1, 7);
}
