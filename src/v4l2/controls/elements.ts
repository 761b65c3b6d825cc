/** How one element of a control lies in memory, for every control type. */
import { COMPOUND_STRUCTS, enums, layouts, readCString, writeCString } from "../gen/index.js";
import type { CompoundPayloads, StructType } from "../gen/index.js";
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

function compound<Type extends keyof CompoundPayloads>(
  type: Type,
  rules: BindRules = anything,
): ElementType<CompoundPayloads[Type]> {
  // The generated tables pair the two, which the compiler cannot see for a type that is only a parameter.
  const payload = layouts.struct(COMPOUND_STRUCTS[type]) as StructType<unknown> as StructType<
    CompoundPayloads[Type]
  >;
  const name = enums.nameOf("v4l2_ctrl_type", type)?.slice(TYPE_PREFIX.length) ?? "";
  return {
    size: payload.size,
    read: (view, offset, size) => payload.read(bytesOf(view, offset, size)),
    write: (view, offset, size, value) => payload.write(bytesOf(view, offset, size), value),
    rules,
    log: () => name,
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
    ...compound(CtrlType.Area, area),
    log: ({ width, height }) => `${width}x${height}`,
  },
  [CtrlType.Rect]: {
    ...compound(CtrlType.Rect, rect),
    log: ({ left, top, width, height }) => `(${left},${top})/${width}x${height}`,
  },
  [CtrlType.Hdr10CllInfo]: compound(CtrlType.Hdr10CllInfo),
  [CtrlType.Hdr10MasteringDisplay]: compound(CtrlType.Hdr10MasteringDisplay, hdr10MasteringDisplay),
  [CtrlType.H264Sps]: compound(CtrlType.H264Sps, h264Sps),
  [CtrlType.H264Pps]: compound(CtrlType.H264Pps, h264Pps),
  [CtrlType.H264ScalingMatrix]: compound(CtrlType.H264ScalingMatrix, h264ScalingMatrix),
  [CtrlType.H264SliceParams]: compound(CtrlType.H264SliceParams, h264SliceParams),
  [CtrlType.H264DecodeParams]: compound(CtrlType.H264DecodeParams, h264DecodeParams),
  [CtrlType.H264PredWeights]: compound(CtrlType.H264PredWeights, h264PredWeights),
  [CtrlType.FwhtParams]: compound(CtrlType.FwhtParams, fwhtParams),
  [CtrlType.Vp8Frame]: compound(CtrlType.Vp8Frame, vp8Frame),
  [CtrlType.Mpeg2Quantisation]: compound(CtrlType.Mpeg2Quantisation, mpeg2Quantisation),
  [CtrlType.Mpeg2Sequence]: compound(CtrlType.Mpeg2Sequence, mpeg2Sequence),
  [CtrlType.Mpeg2Picture]: compound(CtrlType.Mpeg2Picture, mpeg2Picture),
  [CtrlType.Vp9CompressedHdr]: compound(CtrlType.Vp9CompressedHdr, vp9CompressedHdr),
  [CtrlType.Vp9Frame]: compound(CtrlType.Vp9Frame, vp9Frame),
  [CtrlType.HevcSps]: compound(CtrlType.HevcSps, hevcSps),
  [CtrlType.HevcPps]: compound(CtrlType.HevcPps, hevcPps),
  [CtrlType.HevcSliceParams]: compound(CtrlType.HevcSliceParams, hevcSliceParams),
  [CtrlType.HevcScalingMatrix]: compound(CtrlType.HevcScalingMatrix),
  [CtrlType.HevcDecodeParams]: compound(CtrlType.HevcDecodeParams, hevcDecodeParams),
  [CtrlType.HevcExtSpsStRps]: compound(CtrlType.HevcExtSpsStRps, hevcExtSpsStRps),
  [CtrlType.HevcExtSpsLtRps]: compound(CtrlType.HevcExtSpsLtRps, hevcExtSpsLtRps),
  [CtrlType.Av1Sequence]: compound(CtrlType.Av1Sequence, av1Sequence),
  [CtrlType.Av1TileGroupEntry]: compound(CtrlType.Av1TileGroupEntry),
  [CtrlType.Av1Frame]: compound(CtrlType.Av1Frame, av1Frame),
  [CtrlType.Av1FilmGrain]: compound(CtrlType.Av1FilmGrain, av1FilmGrain),
};

/** The element of a type; undefined for a number that is no control type. */
export function elementType<Type extends CtrlType>(type: Type): ElementType<ElementValue<Type>> | undefined {
  return elementTypes[type];
}
