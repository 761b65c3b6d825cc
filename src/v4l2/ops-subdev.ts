/** A sub-device's ops, one for each ioctl of v4l2-subdev.h; `SubDevice` of src/subdev makes them of its driver's pad ops. */
import type { Awaitable, Fract, Rect } from "./values/types.js";
import type {
  EnumMbusCode,
  EnumMbusFrameInterval,
  EnumMbusFrameSize,
  MbusCodeDescription,
  MbusFormat,
  MbusFrameSize,
  PadPlace,
  PadSelection,
  Route,
  SetMbusFormat,
  SetPadInterval,
  SetPadSelection,
  SetRouting,
} from "./values/types-subdev.js";

/** Formats, selections, intervals and routes of pads. What is absent is ENOTTY. */
export interface SubdevOps<File> {
  /** Undefined: no such index. */
  subdevEnumMbusCode?(file: File, request: EnumMbusCode): Awaitable<MbusCodeDescription | undefined>;
  subdevEnumFrameSize?(file: File, request: EnumMbusFrameSize): Awaitable<MbusFrameSize | undefined>;
  subdevEnumFrameInterval?(file: File, request: EnumMbusFrameInterval): Awaitable<Fract | undefined>;
  subdevGFmt?(file: File, place: PadPlace): Awaitable<MbusFormat>;
  /** @returns What was set. @throws {V4l2Error} EBUSY - streaming. */
  subdevSFmt?(file: File, request: SetMbusFormat): Awaitable<MbusFormat>;
  /** Serves G_SELECTION and G_CROP. @throws {V4l2Error} EINVAL - no such target. */
  subdevGSelection?(file: File, request: PadSelection): Awaitable<Rect>;
  /** Serves S_SELECTION and S_CROP. @returns What was set. */
  subdevSSelection?(file: File, request: SetPadSelection): Awaitable<Rect>;
  subdevGFrameInterval?(file: File, place: PadPlace): Awaitable<Fract>;
  /** @returns What was set. */
  subdevSFrameInterval?(file: File, request: SetPadInterval): Awaitable<Fract>;
  subdevGRouting?(file: File, which: PadPlace["which"]): Awaitable<readonly Route[]>;
  /** Absent: S_ROUTING answers with the routes as they are. @returns What was set. */
  subdevSRouting?(file: File, request: SetRouting): Awaitable<readonly Route[]>;
}
