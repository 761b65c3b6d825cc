/** `sei_rbsp()`: 7.3.2.4, 7.3.5, Annex D. Messages without a function here are kept as bytes. */
import type { Coder } from "../bits/index.js";
import { NalType } from "./nal.js";
import type { Hrd } from "./syntax-hrd.js";
import type { Sps } from "./syntax-sps.js";

/** `payloadType`: D.2.1. */
export const SeiType = {
  BUFFERING_PERIOD: 0,
  PIC_TIMING: 1,
  USER_DATA_UNREGISTERED: 5,
  RECOVERY_POINT: 6,
  ACTIVE_PARAMETER_SETS: 129,
  DECODED_PICTURE_HASH: 132,
  MASTERING_DISPLAY: 137,
  CONTENT_LIGHT_LEVEL: 144,
} as const;

/** `pic_timing()`: D.2.3. */
export interface PicTiming {
  pic_struct: number;
  source_scan_type: number;
  duplicate_flag: boolean;
  au_cpb_removal_delay_minus1: number;
  pic_dpb_output_delay: number;
  pic_dpb_output_du_delay: number;
  num_decoding_units_minus1: number;
  du_common_cpb_removal_delay_flag: boolean;
  du_common_cpb_removal_delay_increment_minus1: number;
  num_nalus_in_du_minus1: number[];
  du_cpb_removal_delay_increment_minus1: number[];
}

export interface SeiMessage {
  payloadType: number;
  payloadSize: number;
  /** Of a message that has no function here, and what is left of the others, whose last byte may be incomplete. */
  payload: Uint8Array;
  /** Of the message types that are parsed. */
  picTiming: PicTiming | undefined;
}

export interface Sei {
  messages: SeiMessage[];
}

export function emptySei(): Sei {
  return { messages: [] };
}

/** @param sps - The active one; messages that depend on it are kept as bytes without it. */
export function seiRbsp(c: Coder, sei: Sei, nalType: number, sps: Sps | undefined): void {
  c.structure("sei_rbsp", "7.3.2.4");
  let i = 0;
  do {
    const message = (sei.messages[i] ??= {
      payloadType: 0,
      payloadSize: 0,
      payload: new Uint8Array(0),
      picTiming: undefined,
    });
    seiMessage(c, message, nalType, sps);
    i += 1;
  } while (c.moreRbspData(i < sei.messages.length));
  c.rbspTrailingBits();
}

function seiMessage(c: Coder, message: SeiMessage, nalType: number, sps: Sps | undefined): void {
  c.structure("sei_message", "7.3.5");
  message.payloadType = extended(c, "last_payload_type_byte", message.payloadType);
  message.payloadSize = extended(c, "last_payload_size_byte", message.payloadSize);
  if (message.payloadType === SeiType.PIC_TIMING && nalType === NalType.PREFIX_SEI && sps !== undefined) {
    const start = c.position;
    message.picTiming ??= emptyPicTiming();
    picTiming(c, message.picTiming, sps);
    finish(c, start, message.payloadSize);
  } else {
    message.payload = payloadBytes(c, message);
  }
}

/** Bytes of 255, then one that is less; the number is their sum. */
function extended(c: Coder, name: string, value: number): number {
  let sum = 0;
  while (c.nextBits(8, value - sum >= 255 ? 255 : 0) === 255) {
    c.fixed("ff_byte", 8, 255);
    sum += 255;
  }
  return sum + c.u(name, 8, value - sum);
}

function payloadBytes(c: Coder, message: SeiMessage): Uint8Array {
  c.structure("sei_payload", "D.2.1");
  return c.bytes("sei_payload", message.payloadSize, message.payload);
}

/** The end of a payload: a bit of 1 and zeros up to the byte, where the payload does not end at one. */
function finish(c: Coder, start: number, size: number): void {
  if (!c.byteAligned) {
    c.fixed("bit_equal_to_one", 1, 1);
    c.alignWith("bit_equal_to_zero", 0);
  }
  if (c.position - start !== size * 8) {
    throw c.error(`the payload has ${(c.position - start) / 8} bytes instead of ${size}`);
  }
}

function emptyPicTiming(): PicTiming {
  return {
    pic_struct: 0,
    source_scan_type: 2,
    duplicate_flag: false,
    au_cpb_removal_delay_minus1: 0,
    pic_dpb_output_delay: 0,
    pic_dpb_output_du_delay: 0,
    num_decoding_units_minus1: 0,
    du_common_cpb_removal_delay_flag: false,
    du_common_cpb_removal_delay_increment_minus1: 0,
    num_nalus_in_du_minus1: [],
    du_cpb_removal_delay_increment_minus1: [],
  };
}

function picTiming(c: Coder, t: PicTiming, sps: Sps): void {
  c.structure("pic_timing", "D.2.3");
  const { vui } = sps;
  if (vui.frame_field_info_present_flag) {
    t.pic_struct = c.uRange("pic_struct", 4, t.pic_struct, 0, 12);
    t.source_scan_type = c.u("source_scan_type", 2, t.source_scan_type);
    t.duplicate_flag = c.flag("duplicate_flag", t.duplicate_flag);
  }
  const hrd = vui.hrd_parameters;
  const delays = hrd.nal_hrd_parameters_present_flag || hrd.vcl_hrd_parameters_present_flag;
  if (delays) cpbDpbDelays(c, t, hrd, sps);
}

function cpbDpbDelays(c: Coder, t: PicTiming, hrd: Hrd, sps: Sps): void {
  const removalBits = hrd.au_cpb_removal_delay_length_minus1 + 1;
  t.au_cpb_removal_delay_minus1 = c.u(
    "au_cpb_removal_delay_minus1",
    removalBits,
    t.au_cpb_removal_delay_minus1,
  );
  const outputBits = hrd.dpb_output_delay_length_minus1 + 1;
  t.pic_dpb_output_delay = c.u("pic_dpb_output_delay", outputBits, t.pic_dpb_output_delay);
  if (!hrd.sub_pic_hrd_params_present_flag) return;
  const duBits = hrd.dpb_output_delay_du_length_minus1 + 1;
  t.pic_dpb_output_du_delay = c.u("pic_dpb_output_du_delay", duBits, t.pic_dpb_output_du_delay);
  if (!hrd.sub_pic_cpb_params_in_pic_timing_sei_flag) return;
  const last = c.ue(
    "num_decoding_units_minus1",
    t.num_decoding_units_minus1,
    0,
    Math.max(sps.PicSizeInCtbsY - 1, 0),
  );
  t.num_decoding_units_minus1 = last;
  const common = c.flag("du_common_cpb_removal_delay_flag", t.du_common_cpb_removal_delay_flag);
  t.du_common_cpb_removal_delay_flag = common;
  const bits = hrd.du_cpb_removal_delay_increment_length_minus1 + 1;
  if (common) {
    t.du_common_cpb_removal_delay_increment_minus1 = c.u(
      "du_common_cpb_removal_delay_increment_minus1",
      bits,
      t.du_common_cpb_removal_delay_increment_minus1,
    );
  }
  const { num_nalus_in_du_minus1: nalus, du_cpb_removal_delay_increment_minus1: increments } = t;
  for (let i = 0; i <= last; i += 1) {
    nalus[i] = c.ue("num_nalus_in_du_minus1", nalus[i], 0, Math.max(sps.PicSizeInCtbsY - 1, 0), i);
    if (!common && i < last) {
      increments[i] = c.u("du_cpb_removal_delay_increment_minus1", bits, increments[i], i);
    }
  }
}
