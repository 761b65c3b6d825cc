/** How a device is right now, for a page: open files, queues and their buffers, controls. Asks the driver's ops and changes nothing. */
import { isLater } from "../settle.js";
import { CtrlType, isOutput, isVideoBufType, V4l2Error } from "../v4l2/index.js";
import type {
  AnyFile,
  ControlOps,
  FileHandle,
  QueryExtCtrlReply,
  VideoDevice,
  VideoFormat,
  WatchedQueue,
} from "../v4l2/index.js";
import type { ShownControl, ShownDevice, ShownFile, ShownFormat, ShownQueue } from "./protocol.js";

const NEXT_CONTROL = 0x8000_0000;
const O_NONBLOCK = 0o4000;
/** More are not shown. */
const MAX_FILES = 64;
const MAX_CONTROLS = 256;
const MAX_ITEMS = 128;

export function showDevice(device: VideoDevice): ShownDevice {
  const { driver, card } = device.identity;
  const shared = device.controls;
  const files = [...device.files].slice(0, MAX_FILES);
  return {
    name: device.name,
    driver,
    card,
    files: files.map((file) => showFile(file, shared)),
    queues: [...device.queues].flatMap((queue) => showQueue(device, queue) ?? []).slice(0, 2 * MAX_FILES),
    controls: shared === undefined ? [] : showControls(shared),
  };
}

function showFile({ id, client, flags, controls }: FileHandle, shared: ControlOps | undefined): ShownFile {
  return {
    file: String(id),
    pid: client.pid,
    comm: client.comm,
    nonblocking: (flags & O_NONBLOCK) !== 0,
    ...(controls !== undefined && controls !== shared && { controls: showControls(controls) }),
  };
}

/** @returns undefined: nobody uses it. */
function showQueue(device: VideoDevice, queue: WatchedQueue): ShownQueue | undefined {
  const file = queue.file ?? queue.owner;
  if (file === undefined) return undefined;
  const { type, streaming, memory } = queue;
  return {
    type,
    isOutput: isOutput(type),
    file: String(file.id),
    streaming,
    memory,
    format: formatOf(device, file, type),
    buffers: queue.buffers().map(({ index, state, sequence, planes }) => ({
      index,
      state,
      sequence,
      bytesused: planes.map(({ bytesused }) => bytesused),
    })),
  };
}

/** @returns undefined: it is not one of pictures, or the driver answers later. */
export function formatOf(
  device: VideoDevice,
  { id }: Pick<AnyFile, "id">,
  type: number,
): ShownFormat | undefined {
  const file = [...device.files].find((each) => each.id === id);
  if (file === undefined || !isVideoBufType(type)) return undefined;
  try {
    const format = device.ops.gFmt?.(file, type);
    if (format === undefined) return undefined;
    if (isLater(format)) {
      format.catch(() => undefined);
      return undefined;
    }
    return showFormat(format);
  } catch (error) {
    if (error instanceof V4l2Error) return undefined;
    throw error;
  }
}

function showFormat(format: VideoFormat): ShownFormat {
  const { width, height, pixelformat, field, colorspace, ycbcrEnc, quantization, xferFunc } = format;
  return {
    ...{ width, height, pixelformat, fourcc: shortFourcc(pixelformat), field },
    planes: format.planes.map(({ bytesperline, sizeimage }) => ({ bytesperline, sizeimage })),
    ...{ colorspace, ycbcrEnc, quantization, xferFunc },
  };
}

/** `YUYV`; of big-endian formats `Y16-BE`. */
function shortFourcc(code: number): string {
  const letters = [0, 8, 16, 24].map((shift) => String.fromCharCode((code >>> shift) & 0x7f)).join("");
  return letters.replace(/[^ -~]/g, "?").trimEnd() + (code >>> 31 === 1 ? "-BE" : "");
}

// Controls

const kinds: Readonly<Partial<Record<number, ShownControl["type"]>>> = {
  [CtrlType.Integer]: "integer",
  [CtrlType.Boolean]: "boolean",
  [CtrlType.Menu]: "menu",
  [CtrlType.IntegerMenu]: "menu",
  [CtrlType.Button]: "button",
  [CtrlType.CtrlClass]: "class",
  [CtrlType.Bitmask]: "bitmask",
};
/** `V4L2_CTRL_FLAG_*` */
const Flag = { Disabled: 0x1, Grabbed: 0x2, ReadOnly: 0x4, Inactive: 0x10, WriteOnly: 0x40 } as const;
const hasValue: ReadonlySet<ShownControl["type"]> = new Set(["integer", "boolean", "menu", "bitmask"]);

function showControls(controls: ControlOps): readonly ShownControl[] {
  const shown: ShownControl[] = [];
  for (let id = 0; shown.length < MAX_CONTROLS;) {
    let reply: QueryExtCtrlReply;
    try {
      reply = controls.queryExtCtrl((id | NEXT_CONTROL) >>> 0);
    } catch (error) {
      if (error instanceof V4l2Error) return shown;
      throw error;
    }
    if (reply.id <= id) return shown;
    id = reply.id;
    if ((reply.flags & Flag.Disabled) === 0) shown.push(showControl(controls, reply));
  }
  return shown;
}

function showControl(controls: ControlOps, reply: QueryExtCtrlReply): ShownControl {
  const { id, name, flags } = reply;
  const type = kinds[reply.type] ?? "other";
  const [minimum, maximum, step, defaultValue] = [
    reply.minimum,
    reply.maximum,
    reply.step,
    reply.defaultValue,
  ].map(Number) as [number, number, number, number];
  return {
    ...{ id, name, type, minimum, maximum, step, defaultValue },
    value: hasValue.has(type) && (flags & Flag.WriteOnly) === 0 ? valueOf(controls, id) : undefined,
    isReadOnly: (flags & Flag.ReadOnly) !== 0,
    isInactive: (flags & Flag.Inactive) !== 0,
    isGrabbed: (flags & Flag.Grabbed) !== 0,
    ...(type === "menu" && { items: itemsOf(controls, id, minimum, maximum) }),
  };
}

/** @returns undefined: the driver answers later, or refuses. */
function valueOf(controls: ControlOps, id: number): number | undefined {
  try {
    const value = controls.gCtrl(id);
    if (!isLater(value)) return value;
    value.catch(() => undefined);
  } catch (error) {
    if (!(error instanceof V4l2Error)) throw error;
  }
  return undefined;
}

function itemsOf(
  controls: ControlOps,
  id: number,
  minimum: number,
  maximum: number,
): NonNullable<ShownControl["items"]> {
  const items: { index: number; name: string }[] = [];
  for (let index = Math.max(0, minimum); index <= maximum && items.length < MAX_ITEMS; index++) {
    try {
      const item = controls.querymenu({ id, index });
      items.push({ index, name: "name" in item ? item.name : String(item.value) });
    } catch (error) {
      // A menu may have gaps.
      if (!(error instanceof V4l2Error)) throw error;
    }
  }
  return items;
}
