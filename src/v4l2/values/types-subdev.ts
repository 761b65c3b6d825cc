/** Plain values of the ioctls of sub-devices, v4l2-subdev.h. */
import type { Colorspace, Field, Fract, Quantization, Rect, XferFunc, YcbcrEnc } from "./types.js";
import type { SubdevFormatWhence } from "../gen/index.js";

export { MbusCode, RouteFlag, SubdevCap, SubdevFormatWhence } from "../gen/index.js";

/** Where a value of a sub-device belongs. The core has checked `which` and `pad`. */
export interface PadPlace {
  /** The file that tries, or the device. */
  readonly which: SubdevFormatWhence;
  readonly pad: number;
  /** 0 unless sub-device and client know streams. */
  readonly stream: number;
}

/** `struct v4l2_mbus_framefmt`. */
export interface MbusFormat {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** `MEDIA_BUS_FMT_*`, any number from a client: `MbusCode` has the known ones. */
  readonly code: number;
  readonly field: Field;
  readonly colorspace: Colorspace;
  readonly ycbcrEnc: YcbcrEnc;
  readonly quantization: Quantization;
  readonly xferFunc: XferFunc;
  /** `V4L2_MBUS_FRAMEFMT_SET_CSC` (1). */
  readonly flags: number;
}

/** VIDIOC_SUBDEV_ENUM_MBUS_CODE. */
export interface EnumMbusCode extends PadPlace {
  readonly index: number;
}

/** What it answers. */
export interface MbusCodeDescription {
  readonly code: number;
  /** `V4L2_SUBDEV_MBUS_CODE_CSC_*`. */
  readonly flags?: number;
}

/** VIDIOC_SUBDEV_ENUM_FRAME_SIZE. */
export interface EnumMbusFrameSize extends EnumMbusCode {
  readonly code: number;
}

/** What it answers: pixels; equal ends are one size. */
export interface MbusFrameSize {
  readonly minWidth: number;
  readonly maxWidth: number;
  readonly minHeight: number;
  readonly maxHeight: number;
}

/** VIDIOC_SUBDEV_ENUM_FRAME_INTERVAL. */
export interface EnumMbusFrameInterval extends EnumMbusFrameSize {
  readonly width: number;
  readonly height: number;
}

/** VIDIOC_SUBDEV_S_FMT. */
export interface SetMbusFormat extends PadPlace {
  readonly format: MbusFormat;
}

/** VIDIOC_SUBDEV_G_SELECTION; G_CROP asks for the target Crop. */
export interface PadSelection extends PadPlace {
  /** `SelectionTarget`, any number from a client. */
  readonly target: number;
  /** `SelectionFlag` bits. */
  readonly flags: number;
}

/** VIDIOC_SUBDEV_S_SELECTION. */
export interface SetPadSelection extends PadSelection {
  readonly rect: Rect;
}

/** VIDIOC_SUBDEV_S_FRAME_INTERVAL. */
export interface SetPadInterval extends PadPlace {
  /** Seconds. */
  readonly interval: Fract;
}

/** `struct v4l2_subdev_route`: from a stream of a sink pad to one of a source pad. */
export interface Route {
  readonly sinkPad: number;
  readonly sinkStream: number;
  readonly sourcePad: number;
  readonly sourceStream: number;
  /** `RouteFlag` bits. */
  readonly flags: number;
}

/** VIDIOC_SUBDEV_S_ROUTING. The core has checked that pads exist and lead in the right direction. */
export interface SetRouting {
  readonly which: SubdevFormatWhence;
  readonly routes: readonly Route[];
}
