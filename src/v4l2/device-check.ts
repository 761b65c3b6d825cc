/** What contradicts itself in the declaration of a device, before its node is there. */
import { isLater } from "../settle.js";
import type { DeviceType } from "./device-traits.js";
import type { FileHandle } from "./file-handle.js";
import type { IoctlOps } from "./ops.js";
import { bufTypeNames, nameOf } from "./values/names.js";
import { BufType, Cap } from "./values/types.js";
import type { VideoFormat } from "./values/types.js";

/** What is looked at. */
export interface Declaration<State> {
  readonly type: DeviceType;
  readonly deviceCaps: number;
  readonly ops: IoctlOps<FileHandle<State>>;
}

/** Capabilities of queues, the type of node that they need, and the op that tells their format. */
const queueCaps = [
  ["VideoCapture", "video", "gFmt"],
  ["VideoCaptureMplane", "video", "gFmt"],
  ["VideoOutput", "video", "gFmt"],
  ["VideoOutputMplane", "video", "gFmt"],
  ["VideoM2m", "video", "gFmt"],
  ["VideoM2mMplane", "video", "gFmt"],
  ["VbiCapture", "vbi", "gFmtVbi"],
  ["VbiOutput", "vbi", "gFmtVbi"],
  ["SlicedVbiCapture", "vbi", "gFmtSlicedVbi"],
  ["SlicedVbiOutput", "vbi", "gFmtSlicedVbi"],
  ["SdrCapture", "sdr", "gFmtSdr"],
  ["SdrOutput", "sdr", "gFmtSdr"],
  ["MetaCapture", "video", "gFmtMeta"],
  ["MetaOutput", "video", "gFmtMeta"],
] as const;

/** @returns A sentence about the first contradiction; undefined: there is none. */
export function contradictionIn<State>({ type, deviceCaps, ops }: Declaration<State>): string | undefined {
  const has = (cap: keyof typeof Cap): boolean => (deviceCaps & Cap[cap]) !== 0;
  if ((deviceCaps & Cap.Streaming) !== 0) {
    for (const [cap, node, op] of queueCaps) {
      if (!has(cap)) continue;
      // A touch device captures pictures; the kernel's TV cards have VBI on their video nodes, too.
      const isRight = node === type || (type === "touch" && cap === "VideoCapture");
      if (!isRight && node !== "vbi") {
        return `Cap.${cap} needs a device of type "${node}", and this one is of type "${type}".`;
      }
      if (isRight && ops[op] === undefined) {
        return `The device says Cap.${cap}, but has no op ${op} that tells the format.`;
      }
    }
    if (ops.reqbufs === undefined)
      return "The device says Cap.Streaming, but has no buffer ops: bufferOps().";
  }
  return wrongPicture(deviceCaps, ops);
}

/** A `gFmt` that looks at neither file nor type has one format for all: it has to be one of this device. */
function wrongPicture<State>(deviceCaps: number, ops: IoctlOps<FileHandle<State>>): string | undefined {
  if (ops.gFmt === undefined || ops.gFmt.length > 0) return undefined;
  const format = oneFormat(ops.gFmt.bind(ops) as () => unknown);
  if (format === undefined) return undefined;
  const m2m = Cap.VideoM2m | Cap.VideoM2mMplane;
  const wanted: Partial<Record<BufType, number>> = {
    [BufType.VideoCapture]: Cap.VideoCapture | m2m,
    [BufType.VideoCaptureMplane]: Cap.VideoCaptureMplane | m2m,
    [BufType.VideoOutput]: Cap.VideoOutput | m2m,
    [BufType.VideoOutputMplane]: Cap.VideoOutputMplane | m2m,
  };
  const caps = wanted[format.type];
  // A touch device has pictures without a capability of video.
  if (caps === undefined || (deviceCaps & (caps | Cap.Touch)) !== 0) return undefined;
  return `The format of the device has the type ${nameOf(bufTypeNames, format.type)}, which its capabilities do not have.`;
}

function oneFormat(gFmt: () => unknown): VideoFormat | undefined {
  try {
    const format = gFmt();
    return isLater(format) ? undefined : (format as VideoFormat | undefined);
  } catch {
    return undefined; // It does so for clients too, and is told then.
  }
}
