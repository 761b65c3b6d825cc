/** What kind of device this is, as the kernel's core asks before it allows an ioctl or a buffer type. */
import type { IoctlOps } from "./ops.js";
import { BufType, Cap, isVideoBufType } from "./values/types.js";

/** Kind of node (`enum vfl_devnode_type`). A metadata device is a `video` device with metadata capabilities. */
export type DeviceType = "video" | "vbi" | "radio" | "sdr" | "touch" | "subdev";

/** What the core must know of a sub-device. */
export interface SubdevTraits {
  /** Direction of each pad; an entity's pads have the same numbers. */
  readonly pads: readonly ("sink" | "source")[];
  /** Does it route streams (`V4L2_SUBDEV_CAP_STREAMS`)? */
  readonly streams?: boolean;
  /** Its node only shows the device (`V4L2_SUBDEV_CAP_RO_SUBDEV`): changes are EPERM, trying is not. */
  readonly readOnly?: boolean;
}

/** Receiver, transmitter, or both (`enum vfl_devnode_direction`). */
export type DeviceDirection = "rx" | "tx" | "m2m";

const videoCaps =
  Cap.VideoCapture |
  Cap.VideoCaptureMplane |
  Cap.VideoOutput |
  Cap.VideoOutputMplane |
  Cap.VideoM2m |
  Cap.VideoM2mMplane;
const metaCaps = Cap.MetaCapture | Cap.MetaOutput;
const outputCaps =
  Cap.VideoOutput |
  Cap.VideoOutputMplane |
  Cap.VideoOutputOverlay |
  Cap.VbiOutput |
  Cap.SlicedVbiOutput |
  Cap.SdrOutput |
  Cap.MetaOutput |
  Cap.Modulator |
  Cap.RdsOutput;
const captureCaps =
  Cap.VideoCapture |
  Cap.VideoCaptureMplane |
  Cap.VideoOverlay |
  Cap.VbiCapture |
  Cap.SlicedVbiCapture |
  Cap.SdrCapture |
  Cap.MetaCapture |
  Cap.Tuner |
  Cap.RdsCapture;

/** The direction that capabilities imply; drivers of the kernel state it by hand. */
export function directionOf(deviceCaps: number): DeviceDirection {
  const output = (deviceCaps & outputCaps) !== 0;
  const capture = (deviceCaps & captureCaps) !== 0;
  if ((deviceCaps & (Cap.VideoM2m | Cap.VideoM2mMplane)) !== 0 || (output && capture)) return "m2m";
  return output ? "tx" : "rx";
}

/** The type of node that capabilities imply; drivers of the kernel state it by hand. */
export function typeOf(deviceCaps: number): DeviceType {
  const has = (caps: number): boolean => (deviceCaps & caps) !== 0;
  if (has(Cap.Touch)) return "touch";
  if (has(videoCaps | metaCaps)) return "video";
  if (has(Cap.VbiCapture | Cap.VbiOutput | Cap.SlicedVbiCapture | Cap.SlicedVbiOutput)) return "vbi";
  if (has(Cap.SdrCapture | Cap.SdrOutput)) return "sdr";
  return has(Cap.Radio | Cap.Modulator) ? "radio" : "video";
}

/** What kind of device it is: type, direction and capabilities in the words of the kernel's checks. */
export class DeviceTraits {
  readonly isVideo: boolean;
  readonly isMeta: boolean;
  readonly isVbi: boolean;
  readonly isRadio: boolean;
  readonly isSdr: boolean;
  readonly isTouch: boolean;
  readonly isSubdev: boolean;
  readonly isRx: boolean;
  readonly isTx: boolean;
  readonly isIoMc: boolean;
  readonly isEdid: boolean;
  readonly isStreaming: boolean;
  readonly #ops: Partial<Record<keyof IoctlOps<never>, unknown>>;

  constructor(
    readonly type: DeviceType,
    readonly direction: DeviceDirection,
    readonly deviceCaps: number,
    ops: IoctlOps<never>,
    readonly hasControls: boolean,
  ) {
    this.#ops = ops;
    this.isVideo = type === "video" && (deviceCaps & videoCaps) !== 0;
    this.isMeta = type === "video" && (deviceCaps & metaCaps) !== 0;
    this.isVbi = type === "vbi";
    this.isRadio = type === "radio";
    this.isSdr = type === "sdr";
    this.isTouch = type === "touch";
    this.isSubdev = type === "subdev";
    this.isRx = direction !== "tx";
    this.isTx = direction !== "rx";
    this.isIoMc = (deviceCaps & Cap.IoMc) !== 0;
    this.isEdid = (deviceCaps & Cap.Edid) !== 0;
    this.isStreaming = (deviceCaps & Cap.Streaming) !== 0;
  }

  has(op: keyof IoctlOps<never>): boolean {
    return this.#ops[op] !== undefined;
  }

  /** Does this queue use the multi-planar structs? Decided by the capabilities, not by what a client says. */
  usesMplane(output: boolean): boolean {
    const caps = output ? Cap.VideoOutputMplane : Cap.VideoCaptureMplane;
    return (this.deviceCaps & (caps | Cap.VideoM2mMplane)) !== 0;
  }

  /**
   * Does a buffer type belong to this device, and can it tell its format (the kernel's check_fmt)?
   * A single-planar picture type passes on a multi-planar device too, as in the kernel: the op refuses it.
   */
  accepts(type: BufType): boolean {
    const { isRx, isTx } = this;
    switch (type) {
      case BufType.VideoCapture:
        return (this.isVideo || this.isTouch) && isRx && this.has("gFmt");
      case BufType.VideoCaptureMplane:
        return (this.isVideo || this.isTouch) && isRx && this.has("gFmt") && this.usesMplane(false);
      case BufType.VideoOutput:
        return this.isVideo && isTx && this.has("gFmt");
      case BufType.VideoOutputMplane:
        return this.isVideo && isTx && this.has("gFmt") && this.usesMplane(true);
      case BufType.VideoOverlay:
        return this.isVideo && isRx && this.has("gFmtOverlay");
      case BufType.VideoOutputOverlay:
        return this.isVideo && isTx && this.has("gFmtOverlay");
      case BufType.VbiCapture:
        return this.isVbi && isRx && this.has("gFmtVbi");
      case BufType.VbiOutput:
        return this.isVbi && isTx && this.has("gFmtVbi");
      case BufType.SlicedVbiCapture:
        return this.isVbi && isRx && this.has("gFmtSlicedVbi");
      case BufType.SlicedVbiOutput:
        return this.isVbi && isTx && this.has("gFmtSlicedVbi");
      case BufType.SdrCapture:
        return this.isSdr && isRx && this.has("gFmtSdr");
      case BufType.SdrOutput:
        return this.isSdr && isTx && this.has("gFmtSdr");
      case BufType.MetaCapture:
        return this.isMeta && isRx && this.has("gFmtMeta");
      case BufType.MetaOutput:
        return this.isMeta && isTx && this.has("gFmtMeta");
    }
  }

  /** Does a picture type use the structs that this device uses for that queue? */
  hasPlanarity(type: BufType): boolean {
    if (!isVideoBufType(type)) return true;
    const output = type === BufType.VideoOutput || type === BufType.VideoOutputMplane;
    const mplane = type === BufType.VideoCaptureMplane || type === BufType.VideoOutputMplane;
    return this.usesMplane(output) === mplane;
  }
}
