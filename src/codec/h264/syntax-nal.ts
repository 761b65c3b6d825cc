/** H.264 NAL units: the header (7.3.1), and the short payloads: access unit delimiter, SEI messages. */
import type { Coder } from "../bits/index.js";

/** `nal_unit_type`: table 7-1. */
export const NalType = {
  Slice: 1,
  PartitionA: 2,
  PartitionB: 3,
  PartitionC: 4,
  IdrSlice: 5,
  Sei: 6,
  Sps: 7,
  Pps: 8,
  Delimiter: 9,
  EndOfSequence: 10,
  EndOfStream: 11,
  Filler: 12,
  SpsExtension: 13,
  Prefix: 14,
  SubsetSps: 15,
  DepthParameterSet: 16,
  AuxiliarySlice: 19,
  ExtensionSlice: 20,
  DepthSlice: 21,
} as const;

const names: Readonly<Partial<Record<number, string>>> = {
  1: "Coded slice of a non-IDR picture",
  2: "Coded slice data partition A",
  3: "Coded slice data partition B",
  4: "Coded slice data partition C",
  5: "Coded slice of an IDR picture",
  6: "Supplemental enhancement information",
  7: "Sequence parameter set",
  8: "Picture parameter set",
  9: "Access unit delimiter",
  10: "End of sequence",
  11: "End of stream",
  12: "Filler data",
  13: "Sequence parameter set extension",
  14: "Prefix NAL unit",
  15: "Subset sequence parameter set",
  16: "Depth parameter set",
  19: "Coded slice of an auxiliary coded picture",
  20: "Coded slice extension",
  21: "Coded slice extension for a depth view component or a 3D-AVC texture view component",
};

/** What table 7-1 calls a NAL unit. */
export function nalUnitName(type: number): string {
  return names[type] ?? (type >= 24 || type === 0 ? "Unspecified" : "Reserved");
}

export interface NalHeader {
  nal_ref_idc: number;
  nal_unit_type: number;
}

/** `nal_unit()`: the byte that every NAL unit starts with. */
export function nalUnitHeader(c: Coder, nal: NalHeader): void {
  c.structure("nal_unit", "7.3.1");
  c.fixed("forbidden_zero_bit", 1, 0);
  nal.nal_ref_idc = c.u("nal_ref_idc", 2, nal.nal_ref_idc);
  nal.nal_unit_type = c.u("nal_unit_type", 5, nal.nal_unit_type);
  const { nal_ref_idc: reference, nal_unit_type: type } = nal;
  if (reference === 0 && (type === NalType.IdrSlice || type === NalType.Sps || type === NalType.Pps)) {
    throw c.error(`nal_ref_idc is 0 in a NAL unit of type ${type}`);
  }
  if (reference !== 0 && (type === NalType.Sei || (type >= 9 && type <= 12))) {
    throw c.error(`nal_ref_idc is ${reference} in a NAL unit of type ${type}, where it must be 0`);
  }
}

export interface AccessUnitDelimiter {
  primary_pic_type: number;
}

/** `access_unit_delimiter_rbsp()`. */
export function accessUnitDelimiter(c: Coder, delimiter: AccessUnitDelimiter): void {
  c.structure("access_unit_delimiter_rbsp", "7.3.2.4");
  delimiter.primary_pic_type = c.u("primary_pic_type", 3, delimiter.primary_pic_type);
  c.rbspTrailingBits();
}

export interface SeiMessage {
  payloadType: number;
  payload: Uint8Array;
}

/** `recovery_point()`: where decoding may start without an IDR picture. */
export const SEI_RECOVERY_POINT = 6;

/** `sei_rbsp()`. Payloads stay bytes: nothing in them changes how pictures are decoded. */
export function supplementalEnhancementInformation(c: Coder, messages: SeiMessage[]): void {
  c.structure("sei_rbsp", "7.3.2.3");
  for (let i = 0; i === 0 || c.moreRbspData(i < messages.length); i += 1) {
    c.structure("sei_message", "7.3.2.3.1");
    const message = messages[i];
    const payloadType = seiNumber(c, "last_payload_type_byte", message?.payloadType);
    const length = seiNumber(c, "last_payload_size_byte", message?.payload.byteLength);
    const payload = c.bytes("sei_payload", length, message?.payload);
    messages[i] = { payloadType, payload };
  }
  c.rbspTrailingBits();
}

/** Bytes of 255, then one that is less; the number is their sum. */
function seiNumber(c: Coder, name: string, value: number | undefined): number {
  let sum = 0;
  while (c.nextBits(8, value !== undefined && value - sum >= 255 ? 255 : 0) === 255) {
    c.fixed("ff_byte", 8, 255);
    sum += 255;
  }
  return sum + c.u(name, 8, value === undefined ? undefined : value - sum);
}
