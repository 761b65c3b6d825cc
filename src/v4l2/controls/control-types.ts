/**
 * The vocabulary of controls: types, flags, classes, and which plain TypeScript value a control type has.
 * Numbers are those of linux/videodev2.h; a test compares them with the generated bindings.
 */
import type {
  Area,
  CtrlAv1FilmGrain,
  CtrlAv1Frame,
  CtrlAv1Sequence,
  CtrlAv1TileGroupEntry,
  CtrlFwhtParams,
  CtrlH264DecodeParams,
  CtrlH264Pps,
  CtrlH264PredWeights,
  CtrlH264ScalingMatrix,
  CtrlH264SliceParams,
  CtrlH264Sps,
  CtrlHdr10CllInfo,
  CtrlHdr10MasteringDisplay,
  CtrlHevcDecodeParams,
  CtrlHevcExtSpsLtRps,
  CtrlHevcExtSpsStRps,
  CtrlHevcPps,
  CtrlHevcScalingMatrix,
  CtrlHevcSliceParams,
  CtrlHevcSps,
  CtrlMpeg2Picture,
  CtrlMpeg2Quantisation,
  CtrlMpeg2Sequence,
  CtrlVp8Frame,
  CtrlVp9CompressedHdr,
  CtrlVp9Frame,
  Rect,
} from "../gen/index.js";

/** `enum v4l2_ctrl_type`. */
export const CtrlType = {
  Integer: 1,
  Boolean: 2,
  Menu: 3,
  Button: 4,
  Integer64: 5,
  CtrlClass: 6,
  String: 7,
  Bitmask: 8,
  IntegerMenu: 9,
  U8: 0x0100,
  U16: 0x0101,
  U32: 0x0102,
  Area: 0x0106,
  Rect: 0x0107,
  Hdr10CllInfo: 0x0110,
  Hdr10MasteringDisplay: 0x0111,
  H264Sps: 0x0200,
  H264Pps: 0x0201,
  H264ScalingMatrix: 0x0202,
  H264SliceParams: 0x0203,
  H264DecodeParams: 0x0204,
  H264PredWeights: 0x0205,
  FwhtParams: 0x0220,
  Vp8Frame: 0x0240,
  Mpeg2Quantisation: 0x0250,
  Mpeg2Sequence: 0x0251,
  Mpeg2Picture: 0x0252,
  Vp9CompressedHdr: 0x0260,
  Vp9Frame: 0x0261,
  HevcSps: 0x0270,
  HevcPps: 0x0271,
  HevcSliceParams: 0x0272,
  HevcScalingMatrix: 0x0273,
  HevcDecodeParams: 0x0274,
  HevcExtSpsStRps: 0x0275,
  HevcExtSpsLtRps: 0x0276,
  Av1Sequence: 0x0280,
  Av1TileGroupEntry: 0x0281,
  Av1Frame: 0x0282,
  Av1FilmGrain: 0x0283,
} as const;
export type CtrlType = (typeof CtrlType)[keyof typeof CtrlType];

/** Types from here on (`V4L2_CTRL_COMPOUND_TYPES`) always have a payload, and are found with `NextCompound` only. */
export const COMPOUND_TYPES = 0x0100;

/** `V4L2_CTRL_FLAG_*`. */
export const CtrlFlag = {
  Disabled: 0x0001,
  Grabbed: 0x0002,
  ReadOnly: 0x0004,
  /** Changing this control changes others. */
  Update: 0x0008,
  Inactive: 0x0010,
  Slider: 0x0020,
  WriteOnly: 0x0040,
  /** The hardware changes it by itself; a getter is asked. */
  Volatile: 0x0080,
  /** Set for clients only: the value is behind a pointer. */
  HasPayload: 0x0100,
  /** Setting the value that it has already still reaches the driver. */
  ExecuteOnWrite: 0x0200,
  /** Changing it may change buffer sizes. */
  ModifyLayout: 0x0400,
  DynamicArray: 0x0800,
  /** `CtrlWhich.MinVal` and `MaxVal` can be read. */
  HasWhichMinMax: 0x1000,
} as const;

/** Bits of QUERYCTRL's id: go to the next control, the next compound or array control, or (both) the next of any kind. */
export const CtrlNext = { Ctrl: 0x80000000, Compound: 0x40000000 } as const;

/** `V4L2_CTRL_CLASS_*`. */
export const CtrlClass = {
  User: 0x00980000,
  Codec: 0x00990000,
  Camera: 0x009a0000,
  FmTx: 0x009b0000,
  Flash: 0x009c0000,
  Jpeg: 0x009d0000,
  ImageSource: 0x009e0000,
  ImageProc: 0x009f0000,
  Dv: 0x00a00000,
  FmRx: 0x00a10000,
  RfTuner: 0x00a20000,
  Detect: 0x00a30000,
  CodecStateless: 0x00a40000,
  Colorimetry: 0x00a50000,
} as const;

/** Bits of a `ctrl` event's `changes`, `V4L2_EVENT_CTRL_CH_*`. */
export const CtrlChange = { Value: 0x1, Flags: 0x2, Range: 0x4, Dimensions: 0x8 } as const;

/** Most dimensions of an array, `V4L2_CTRL_MAX_DIMS`. */
export const MAX_DIMS = 4;

const ID_MASK = 0x0fffffff;
const CLASS_MASK = 0x0fff0000;
/** Ids from here on number a device's private controls for old clients, `V4L2_CID_PRIVATE_BASE`. */
export const PRIVATE_BASE = 0x08000000;

/** The id without the {@link CtrlNext} bits. */
export const bareId = (id: number): number => id & ID_MASK;

/** The class of a control, `V4L2_CTRL_ID2WHICH`; leaves the special `which` values as they are. */
export const classOf = (id: number): number => id & CLASS_MASK;

/** Is the id one that a driver made up within its class, `V4L2_CTRL_DRIVER_PRIV`? */
export const isDriverPrivate = (id: number): boolean => (id & 0xffff) >= 0x1000;

/** What one element of a control of each type is to a driver. */
export interface ElementValues {
  [CtrlType.Integer]: number;
  [CtrlType.Boolean]: boolean;
  [CtrlType.Menu]: number;
  [CtrlType.Button]: number;
  [CtrlType.Integer64]: bigint;
  [CtrlType.CtrlClass]: number;
  [CtrlType.String]: string;
  /** As an unsigned number. */
  [CtrlType.Bitmask]: number;
  /** Index of the item. */
  [CtrlType.IntegerMenu]: number;
  [CtrlType.U8]: number;
  [CtrlType.U16]: number;
  [CtrlType.U32]: number;
  [CtrlType.Area]: Area;
  [CtrlType.Rect]: Rect;
  [CtrlType.Hdr10CllInfo]: CtrlHdr10CllInfo;
  [CtrlType.Hdr10MasteringDisplay]: CtrlHdr10MasteringDisplay;
  [CtrlType.H264Sps]: CtrlH264Sps;
  [CtrlType.H264Pps]: CtrlH264Pps;
  [CtrlType.H264ScalingMatrix]: CtrlH264ScalingMatrix;
  [CtrlType.H264SliceParams]: CtrlH264SliceParams;
  [CtrlType.H264DecodeParams]: CtrlH264DecodeParams;
  [CtrlType.H264PredWeights]: CtrlH264PredWeights;
  [CtrlType.FwhtParams]: CtrlFwhtParams;
  [CtrlType.Vp8Frame]: CtrlVp8Frame;
  [CtrlType.Mpeg2Quantisation]: CtrlMpeg2Quantisation;
  [CtrlType.Mpeg2Sequence]: CtrlMpeg2Sequence;
  [CtrlType.Mpeg2Picture]: CtrlMpeg2Picture;
  [CtrlType.Vp9CompressedHdr]: CtrlVp9CompressedHdr;
  [CtrlType.Vp9Frame]: CtrlVp9Frame;
  [CtrlType.HevcSps]: CtrlHevcSps;
  [CtrlType.HevcPps]: CtrlHevcPps;
  [CtrlType.HevcSliceParams]: CtrlHevcSliceParams;
  [CtrlType.HevcScalingMatrix]: CtrlHevcScalingMatrix;
  [CtrlType.HevcDecodeParams]: CtrlHevcDecodeParams;
  [CtrlType.HevcExtSpsStRps]: CtrlHevcExtSpsStRps;
  [CtrlType.HevcExtSpsLtRps]: CtrlHevcExtSpsLtRps;
  [CtrlType.Av1Sequence]: CtrlAv1Sequence;
  [CtrlType.Av1TileGroupEntry]: CtrlAv1TileGroupEntry;
  [CtrlType.Av1Frame]: CtrlAv1Frame;
  [CtrlType.Av1FilmGrain]: CtrlAv1FilmGrain;
}

/** The value of one element of a control of type `Type`. */
export type ElementValue<Type extends CtrlType> = ElementValues[Type];

/** Types whose range is four numbers. */
export type RangedType =
  | typeof CtrlType.Integer
  | typeof CtrlType.Integer64
  | typeof CtrlType.U8
  | typeof CtrlType.U16
  | typeof CtrlType.U32;

/** Minimum, maximum, step and default as the API has them: step is the skip mask for menus, 0 for bitmasks. */
export interface Range {
  readonly minimum: bigint;
  readonly maximum: bigint;
  readonly step: bigint;
  readonly defaultValue: bigint;
}
