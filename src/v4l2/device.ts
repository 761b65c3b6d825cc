/** What ioctl definitions and their dispatch need of a device; {@link VideoDevice} is one. */
import type { DeviceTraits, SubdevTraits } from "./device-traits.js";
import type { BugReporter } from "./driver-bugs.js";
import type { IOCTLS } from "./gen/index.js";
import type { ControlOps, IoctlOps } from "./ops.js";
import type { Priorities } from "./priorities.js";

/** Every ioctl of videodev2.h and v4l2-subdev.h. */
export type IoctlName = Extract<keyof typeof IOCTLS, `VIDIOC_${string}`>;

/** `KERNEL_VERSION(6, 12, 0)`: whose behaviour this core follows, unless a device says otherwise. */
export const DEFAULT_VERSION = 0x00060c00;

/** What a device says of itself. */
export interface DeviceIdentity {
  /** Node name, `video0`: names the device in the log. */
  readonly name: string;
  /** QUERYCAP: at most 15, 31 and 31 bytes. `busInfo` is `platform:<name>` unless given. */
  readonly driver: string;
  readonly card: string;
  readonly busInfo?: string;
  /** QUERYCAP, `KERNEL_VERSION(a, b, c)`; 6.12.0 unless given. */
  readonly version?: number;
  /** `Cap` bits of this node; the core adds `ExtPixFormat`. */
  readonly deviceCaps: number;
  /** Name of the one input or output of a `Cap.IoMc` device; the card's name unless given. */
  readonly title?: string;
  /** `V4L2_STD_*` that the device can do at all. */
  readonly tvnorms?: bigint;
  /** EDID blocks that S_EDID takes; more are E2BIG, and the client is told this number. */
  readonly maxEdidBlocks?: number;
  /** Of a sub-device, and only of one. */
  readonly subdev?: SubdevTraits;
  /** Does enumFmt know `request.all`? */
  readonly enumAllFormats?: boolean;
  /**
   * ENUM_FMT describes semi-planar formats as kernels before 6.0 did ("Y/CbCr 4:2:0") instead of "Y/UV 4:2:0". Both
   * mean the same; v4l2-compliance before 1.24 takes the newer words for a mistake, later ones accept either.
   */
  readonly oldFormatNames?: boolean;
  /** The driver's cropping means what others call composing, and the reverse (V4L2_FL_QUIRK_INVERTED_CROP). */
  readonly invertedCrop?: boolean;
}

/** `File` is the open file that the device's ops are given. */
export interface Device<File> extends BugReporter {
  readonly identity: DeviceIdentity;
  /** False once the device is unplugged: calls answer ENODEV. */
  readonly registered: boolean;
  readonly traits: DeviceTraits;
  readonly priorities: Priorities;
  readonly ops: IoctlOps<File>;
  /** Controls of the device; a file may have its own instead. */
  readonly controls: ControlOps | undefined;
  /** Is the ioctl valid for this device (not counting controls that only a file has)? */
  accepts(name: IoctlName): boolean;
  /** The same by the number of the ioctl, 0 to 255. */
  acceptsNr(nr: number): boolean;
  /** How long an op's promise may take before that is reported, ms; 0: any time. */
  readonly patienceMs: number;
  /** A sentence for the operator. */
  message(level: "info" | "warning" | "error", text: string): void;
}
