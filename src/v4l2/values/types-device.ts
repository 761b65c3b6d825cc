/** Plain values of the rarer ioctls: streaming parameters, inputs, audio, standards, timings, tuners, codec commands. */
import { V4L2_CAP_TIMEPERFRAME } from "../gen/index.js";
import type { BufType, Fract } from "./types.js";

export {
  CtrlWhich,
  DecCmd,
  EncCmd,
  EventSubFlag,
  EventType,
  InputCap,
  InputType,
  OutputType,
  TunerCap,
  TunerType,
} from "../gen/index.js";

/** `struct v4l2_streamparm`. `type` is an OUTPUT type or a CAPTURE type; the fields mean the same for both. */
export interface StreamParm {
  readonly type: BufType;
  /** `V4L2_CAP_TIMEPERFRAME` (0x1000) when the rate can be set. */
  readonly capability: number;
  /** `capturemode` or `outputmode`. */
  readonly mode: number;
  /** Seconds per frame. */
  readonly timeperframe: Fract;
  readonly extendedmode: number;
  /** `readbuffers` or `writebuffers`: buffers that `read()` or `write()` uses. */
  readonly buffers: number;
}

/** Value of {@link StreamParm.capability}. */
export const CAP_TIMEPERFRAME = V4L2_CAP_TIMEPERFRAME;

/** `struct v4l2_input`. */
export interface Input {
  /** At most 31 bytes. */
  readonly name: string;
  readonly type: number;
  readonly audioset?: number;
  readonly tuner?: number;
  readonly std?: bigint;
  readonly status?: number;
  readonly capabilities?: number;
}

/** `struct v4l2_output`. */
export interface Output {
  readonly name: string;
  readonly type: number;
  readonly audioset?: number;
  readonly modulator?: number;
  readonly std?: bigint;
  readonly capabilities?: number;
}

/** `struct v4l2_audio` and `struct v4l2_audioout`. */
export interface Audio {
  readonly index: number;
  readonly name: string;
  readonly capability: number;
  readonly mode: number;
}

/** `struct v4l2_bt_timings`: the only kind of `struct v4l2_dv_timings`. */
export interface DvTimings {
  /** `V4L2_DV_BT_656_1120` (0), or what a client sent; a driver refuses others with EINVAL. */
  readonly type: number;
  readonly width: number;
  readonly height: number;
  readonly interlaced: number;
  readonly polarities: number;
  /** Hz. */
  readonly pixelclock: bigint;
  readonly hfrontporch: number;
  readonly hsync: number;
  readonly hbackporch: number;
  readonly vfrontporch: number;
  readonly vsync: number;
  readonly vbackporch: number;
  readonly ilVfrontporch: number;
  readonly ilVsync: number;
  readonly ilVbackporch: number;
  readonly standards: number;
  readonly flags: number;
  readonly pictureAspect: Fract;
  readonly cea861Vic: number;
  readonly hdmiVic: number;
}

/** `struct v4l2_bt_timings_cap`. */
export interface DvTimingsCap {
  readonly type: number;
  readonly minWidth: number;
  readonly maxWidth: number;
  readonly minHeight: number;
  readonly maxHeight: number;
  /** Hz. */
  readonly minPixelclock: bigint;
  readonly maxPixelclock: bigint;
  readonly standards: number;
  readonly capabilities: number;
}

/** Bytes of one EDID block. */
export const EDID_BLOCK_BYTES = 128;

/** G_EDID. Blocks are 128 bytes; at most 256 of them. */
export interface EdidRequest {
  readonly pad: number;
  readonly startBlock: number;
  readonly blocks: number;
}

/** S_EDID: `bytes` holds `blocks` times 128 bytes. */
export interface SetEdidRequest extends EdidRequest {
  readonly bytes: Uint8Array;
}

/** G_EDID and S_EDID: the blocks there are. */
export interface EdidReply {
  /** Blocks that the answer really covers. */
  readonly blocks: number;
  /** G_EDID: that many blocks; S_EDID: empty. */
  readonly bytes: Uint8Array;
}

/** `struct v4l2_tuner`. */
export interface Tuner {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly capability: number;
  readonly rangelow: number;
  readonly rangehigh: number;
  readonly rxsubchans: number;
  readonly audmode: number;
  readonly signal: number;
  readonly afc: number;
}

/** `struct v4l2_modulator`. */
export interface Modulator {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly capability: number;
  readonly rangelow: number;
  readonly rangehigh: number;
  readonly txsubchans: number;
}

/** `struct v4l2_frequency`; the unit is 62.5 kHz, 62.5 Hz (`TunerCap.Low`) or 1 Hz (`TunerCap.OneHz`). */
export interface Frequency {
  readonly tuner: number;
  readonly type: number;
  readonly frequency: number;
}

/** `struct v4l2_frequency_band`. */
export interface FrequencyBand {
  readonly capability: number;
  readonly rangelow: number;
  readonly rangehigh: number;
  readonly modulation: number;
}

/** `struct v4l2_hw_freq_seek`. */
export interface HwFreqSeek {
  readonly tuner: number;
  readonly type: number;
  readonly seekUpward: boolean;
  readonly wrapAround: boolean;
  readonly spacing: number;
  readonly rangelow: number;
  readonly rangehigh: number;
}

/** `struct v4l2_sliced_vbi_cap`. */
export interface SlicedVbiCap {
  readonly serviceSet: number;
  /** 48 entries, as in `SlicedVbiFormat`. */
  readonly serviceLines: readonly number[];
}

/** `struct v4l2_framebuffer` without its address. */
export interface Framebuffer {
  readonly capability: number;
  readonly flags: number;
  readonly width: number;
  readonly height: number;
  readonly pixelformat: number;
  readonly field: number;
  readonly bytesperline: number;
  readonly sizeimage: number;
  readonly colorspace: number;
}

/** `struct v4l2_jpegcompression`; `appData` and `comData` are 60 bytes. */
export interface JpegCompression {
  readonly quality: number;
  readonly appN: number;
  readonly appLen: number;
  readonly appData: Uint8Array;
  readonly comLen: number;
  readonly comData: Uint8Array;
  readonly jpegMarkers: number;
}

/** One entry of an encoder's index, `struct v4l2_enc_idx_entry`. */
export interface EncIndexEntry {
  readonly offset: bigint;
  readonly pts: bigint;
  readonly length: number;
  readonly flags: number;
}

/** `struct v4l2_enc_idx`; at most 64 entries. */
export interface EncIndex {
  readonly entries: readonly EncIndexEntry[];
  readonly entriesCap: number;
}

/** `struct v4l2_encoder_cmd`. */
export interface EncoderCmd {
  readonly cmd: number;
  readonly flags: number;
}

/** `struct v4l2_decoder_cmd`: `speed` and `format` belong to START, `pts` to STOP; 0 elsewhere. */
export interface DecoderCmd {
  readonly cmd: number;
  readonly flags: number;
  /** 1000 is normal speed. */
  readonly speed: number;
  readonly format: number;
  readonly pts: bigint;
}

/** `struct v4l2_dbg_match`. */
export interface DbgMatch {
  /** 0: bridge, 4: sub-device. */
  readonly type: number;
  readonly addr: number;
}

/** DBG_S_REGISTER: a register and its new value. */
export interface DbgRegister {
  readonly match: DbgMatch;
  readonly reg: bigint;
  readonly val: bigint;
}

/** DBG_G_REGISTER: a register's value, and its size in bytes. */
export interface DbgRegisterReply {
  readonly val: bigint;
  /** Bytes of the register. */
  readonly size: number;
}

/** DBG_G_CHIP_INFO: the chip's name, and whether its registers can be read and written. */
export interface DbgChipInfo {
  readonly name: string;
  /** `V4L2_CHIP_FL_*`. */
  readonly flags: number;
}

// Controls

/** `struct v4l2_queryctrl` as answered. */
export interface QueryCtrlReply {
  readonly id: number;
  readonly type: number;
  readonly name: string;
  readonly minimum: number;
  readonly maximum: number;
  readonly step: number;
  readonly defaultValue: number;
  readonly flags: number;
}

/** `struct v4l2_query_ext_ctrl` as answered. */
export interface QueryExtCtrlReply {
  readonly id: number;
  readonly type: number;
  readonly name: string;
  readonly minimum: bigint;
  readonly maximum: bigint;
  readonly step: bigint;
  readonly defaultValue: bigint;
  readonly flags: number;
  readonly elemSize: number;
  readonly elems: number;
  /** Up to 4 entries; their number is `nr_of_dims`. */
  readonly dims: readonly number[];
}

/** `struct v4l2_querymenu` as answered: text of a menu item, or the value of an integer menu item. */
export type QueryMenuReply = { readonly name: string } | { readonly value: bigint };

/**
 * One `struct v4l2_ext_control` of the client's array. Which of `value`, `value64` or the payload behind the
 * pointer counts is known by the control's type only, so the control handler decides.
 */
export interface ExtControl {
  readonly id: number;
  /** Payload bytes that the client offers; set to the needed size along with ENOSPC (G_EXT_CTRLS). */
  size: number;
  /** The union as `__s32`. Setting it leaves the upper half alone. */
  value: number;
  /** The union as `__s64`. */
  value64: bigint;
  /** @throws {V4l2Error} EFAULT - the pointer does not lead to `sizeBytes` readable bytes. */
  readPayload(sizeBytes: number): Uint8Array;
  /** @throws {V4l2Error} EFAULT */
  writePayload(bytes: Uint8Array): void;
}

/** `struct v4l2_ext_controls`. Goes back to the client (with the array) after a refusal too. */
export interface ExtControls {
  /** Control class, or {@link CtrlWhich}. */
  readonly which: number;
  /** Of a request, in the client; only with `CtrlWhich.RequestVal`. */
  readonly requestFd: number;
  readonly controls: readonly ExtControl[];
  /**
   * Index of the offending control. The core sets it to `controls.length` before the call, the handler
   * to the index of the control that it refuses where the API tells it to.
   */
  errorIdx: number;
}

// Events

/** `struct v4l2_event_subscription`: what a client wants to hear of. */
export interface EventSubscription {
  /** {@link EventType}, or a number this list does not know. */
  readonly type: number;
  /** Control id for `Ctrl`, input for `SourceChange`. */
  readonly id: number;
  readonly flags: number;
}

/** The union of `struct v4l2_event`. */
export type EventPayload =
  | { readonly kind: "none" }
  | { readonly kind: "vsync"; readonly field: number }
  | {
      readonly kind: "ctrl";
      readonly changes: number;
      readonly ctrlType: number;
      /** Put into the union whole; a 32-bit value is sign-extended. */
      readonly value64: bigint;
      readonly flags: number;
      readonly minimum: number;
      readonly maximum: number;
      readonly step: number;
      readonly defaultValue: number;
    }
  | { readonly kind: "frame-sync"; readonly frameSequence: number }
  | { readonly kind: "source-change"; readonly changes: number }
  | {
      readonly kind: "motion-det";
      readonly flags: number;
      readonly frameSequence: number;
      readonly regionMask: number;
    }
  /** Private events; at most 64 bytes. */
  | { readonly kind: "raw"; readonly bytes: Uint8Array };

/** `struct v4l2_event` as DQEVENT hands it out. */
export interface V4l2Event {
  readonly type: number;
  readonly id: number;
  readonly payload: EventPayload;
  /** Events still waiting. */
  readonly pending: number;
  readonly sequence: number;
  /** CLOCK_MONOTONIC. */
  readonly timestampNs: bigint;
}
