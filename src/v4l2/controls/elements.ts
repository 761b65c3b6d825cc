/** How one element of a control lies in memory, for every control type. */
import { COMPOUND_TYPES as payloads, readCString, writeCString } from "../gen/index.js";
import type { CompoundType } from "../gen/index.js";
import { anything } from "./rules.js";
import type { BindRules } from "./rules.js";
import { av1FilmGrain, av1Frame, av1Sequence } from "./rules-av1.js";
import {
  h264DecodeParams,
  h264Pps,
  h264PredWeights,
  h264ScalingMatrix,
  h264SliceParams,
  h264Sps,
} from "./rules-h264.js";
import {
  hevcDecodeParams,
  hevcExtSpsLtRps,
  hevcExtSpsStRps,
  hevcPps,
  hevcSliceParams,
  hevcSps,
} from "./rules-hevc.js";
import {
  area,
  fwhtParams,
  hdr10MasteringDisplay,
  mpeg2Picture,
  mpeg2Quantisation,
  mpeg2Sequence,
  rect,
} from "./rules-other.js";
import { vp8Frame, vp9CompressedHdr, vp9Frame } from "./rules-vpx.js";
import { CtrlType } from "./control-types.js";
import type { ElementValue } from "./control-types.js";

/** Reads and writes one element. */
export interface ElementType<Value> {
  /** Bytes; 0 where the control decides (strings). */
  readonly size: number;
  read(view: DataView, offset: number, size: number): Value;
  /** @throws {RangeError} The value does not fit: the driver's mistake. */
  write(view: DataView, offset: number, size: number, value: Value): void;
  /** Only compound types have rules; the others have ranges. */
  readonly rules?: BindRules;
  /** One value as LOG_STATUS prints it; menus print their items instead. */
  log(value: Value): string;
}

function inRange(value: number, low: number, high: number): number {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`control value ${value} is not an integer from ${low} to ${high}`);
  }
  return value;
}

const s32: ElementType<number> = {
  size: 4,
  read: (view, offset) => view.getInt32(offset, true),
  write: (view, offset, _size, value) => view.setInt32(offset, inRange(value, -0x80000000, 0x7fffffff), true),
  log: String,
};

const bitmask: ElementType<number> = {
  size: 4,
  read: (view, offset) => view.getUint32(offset, true),
  write: (view, offset, _size, value) =>
    view.setUint32(offset, inRange(value, -0x80000000, 0xffffffff), true),
  log: (value) => `0x${value.toString(16).padStart(8, "0")}`,
};

const bool: ElementType<boolean> = {
  size: 4,
  read: (view, offset) => view.getInt32(offset, true) !== 0,
  write: (view, offset, _size, value) => view.setInt32(offset, value ? 1 : 0, true),
  log: String,
};

const s64: ElementType<bigint> = {
  size: 8,
  read: (view, offset) => view.getBigInt64(offset, true),
  write: (view, offset, _size, value) => {
    if (BigInt.asIntN(64, value) !== value)
      throw new RangeError(`control value ${value} has more than 64 bits`);
    view.setBigInt64(offset, value, true);
  },
  log: String,
};

const u8: ElementType<number> = {
  size: 1,
  read: (view, offset) => view.getUint8(offset),
  write: (view, offset, _size, value) => view.setUint8(offset, inRange(value, 0, 0xff)),
  log: String,
};

const u16: ElementType<number> = {
  size: 2,
  read: (view, offset) => view.getUint16(offset, true),
  write: (view, offset, _size, value) => view.setUint16(offset, inRange(value, 0, 0xffff), true),
  log: String,
};

const u32: ElementType<number> = {
  size: 4,
  read: (view, offset) => view.getUint32(offset, true),
  write: (view, offset, _size, value) => view.setUint32(offset, inRange(value, 0, 0xffffffff), true),
  log: String,
};

const bytesOf = (view: DataView, offset: number, size: number): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + offset, size);

/** NUL terminated; a longer text is cut, as v4l2_ctrl_s_ctrl_string does. */
const string: ElementType<string> = {
  size: 0,
  read: (view, offset, size) => readCString(bytesOf(view, offset, size), 0, size),
  write: (view, offset, size, value) => writeCString(bytesOf(view, offset, size), 0, size, value),
  log: (value) => value,
};

const TYPE_PREFIX = "V4L2_CTRL_TYPE_";

function compound<Payload>(
  payload: CompoundType<Payload>,
  rules: BindRules = anything,
): ElementType<Payload> {
  return {
    size: payload.size,
    read: (view, offset, size) => payload.read(bytesOf(view, offset, size)),
    write: (view, offset, size, value) => payload.write(bytesOf(view, offset, size), value),
    rules,
    log: () => payload.name.slice(TYPE_PREFIX.length),
  };
}

export const elementTypes: { readonly [Type in CtrlType]: ElementType<ElementValue<Type>> } = {
  [CtrlType.Integer]: s32,
  [CtrlType.Boolean]: bool,
  [CtrlType.Menu]: s32,
  [CtrlType.Button]: s32,
  [CtrlType.Integer64]: s64,
  [CtrlType.CtrlClass]: s32,
  [CtrlType.String]: string,
  [CtrlType.Bitmask]: bitmask,
  [CtrlType.IntegerMenu]: s32,
  [CtrlType.U8]: u8,
  [CtrlType.U16]: u16,
  [CtrlType.U32]: u32,
  [CtrlType.Area]: {
    ...compound(payloads.V4L2_CTRL_TYPE_AREA, area),
    log: ({ width, height }) => `${width}x${height}`,
  },
  [CtrlType.Rect]: {
    ...compound(payloads.V4L2_CTRL_TYPE_RECT, rect),
    log: ({ left, top, width, height }) => `(${left},${top})/${width}x${height}`,
  },
  [CtrlType.Hdr10CllInfo]: compound(payloads.V4L2_CTRL_TYPE_HDR10_CLL_INFO),
  [CtrlType.Hdr10MasteringDisplay]: compound(
    payloads.V4L2_CTRL_TYPE_HDR10_MASTERING_DISPLAY,
    hdr10MasteringDisplay,
  ),
  [CtrlType.H264Sps]: compound(payloads.V4L2_CTRL_TYPE_H264_SPS, h264Sps),
  [CtrlType.H264Pps]: compound(payloads.V4L2_CTRL_TYPE_H264_PPS, h264Pps),
  [CtrlType.H264ScalingMatrix]: compound(payloads.V4L2_CTRL_TYPE_H264_SCALING_MATRIX, h264ScalingMatrix),
  [CtrlType.H264SliceParams]: compound(payloads.V4L2_CTRL_TYPE_H264_SLICE_PARAMS, h264SliceParams),
  [CtrlType.H264DecodeParams]: compound(payloads.V4L2_CTRL_TYPE_H264_DECODE_PARAMS, h264DecodeParams),
  [CtrlType.H264PredWeights]: compound(payloads.V4L2_CTRL_TYPE_H264_PRED_WEIGHTS, h264PredWeights),
  [CtrlType.FwhtParams]: compound(payloads.V4L2_CTRL_TYPE_FWHT_PARAMS, fwhtParams),
  [CtrlType.Vp8Frame]: compound(payloads.V4L2_CTRL_TYPE_VP8_FRAME, vp8Frame),
  [CtrlType.Mpeg2Quantisation]: compound(payloads.V4L2_CTRL_TYPE_MPEG2_QUANTISATION, mpeg2Quantisation),
  [CtrlType.Mpeg2Sequence]: compound(payloads.V4L2_CTRL_TYPE_MPEG2_SEQUENCE, mpeg2Sequence),
  [CtrlType.Mpeg2Picture]: compound(payloads.V4L2_CTRL_TYPE_MPEG2_PICTURE, mpeg2Picture),
  [CtrlType.Vp9CompressedHdr]: compound(payloads.V4L2_CTRL_TYPE_VP9_COMPRESSED_HDR, vp9CompressedHdr),
  [CtrlType.Vp9Frame]: compound(payloads.V4L2_CTRL_TYPE_VP9_FRAME, vp9Frame),
  [CtrlType.HevcSps]: compound(payloads.V4L2_CTRL_TYPE_HEVC_SPS, hevcSps),
  [CtrlType.HevcPps]: compound(payloads.V4L2_CTRL_TYPE_HEVC_PPS, hevcPps),
  [CtrlType.HevcSliceParams]: compound(payloads.V4L2_CTRL_TYPE_HEVC_SLICE_PARAMS, hevcSliceParams),
  [CtrlType.HevcScalingMatrix]: compound(payloads.V4L2_CTRL_TYPE_HEVC_SCALING_MATRIX),
  [CtrlType.HevcDecodeParams]: compound(payloads.V4L2_CTRL_TYPE_HEVC_DECODE_PARAMS, hevcDecodeParams),
  [CtrlType.HevcExtSpsStRps]: compound(payloads.V4L2_CTRL_TYPE_HEVC_EXT_SPS_ST_RPS, hevcExtSpsStRps),
  [CtrlType.HevcExtSpsLtRps]: compound(payloads.V4L2_CTRL_TYPE_HEVC_EXT_SPS_LT_RPS, hevcExtSpsLtRps),
  [CtrlType.Av1Sequence]: compound(payloads.V4L2_CTRL_TYPE_AV1_SEQUENCE, av1Sequence),
  [CtrlType.Av1TileGroupEntry]: compound(payloads.V4L2_CTRL_TYPE_AV1_TILE_GROUP_ENTRY),
  [CtrlType.Av1Frame]: compound(payloads.V4L2_CTRL_TYPE_AV1_FRAME, av1Frame),
  [CtrlType.Av1FilmGrain]: compound(payloads.V4L2_CTRL_TYPE_AV1_FILM_GRAIN, av1FilmGrain),
};

/** The element of a type; undefined for a number that is no control type. */
export function elementType<Type extends CtrlType>(type: Type): ElementType<ElementValue<Type>> | undefined {
  return elementTypes[type];
}
