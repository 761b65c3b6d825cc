/** Cropping and composing. The old crop ioctls are served from the selection ops, as in the kernel. */
import { defineIoctl } from "../ioctl/define-ioctl.js";
import type { IoctlContext, IoctlDefinition } from "../ioctl/define-ioctl.js";
import type { DeviceTraits } from "../device-traits.js";
import { V4l2Error } from "../error.js";
import { CropcapView, CropView, SelectionView } from "../gen/index.js";
import type { RectView } from "../gen/index.js";
import { bufTypeNames } from "../values/names.js";
import { parseBufType } from "../ioctl/parse.js";
import { attempt, settle, unchanged } from "../../settle.js";
import { BufType, isOutput, SelectionTarget } from "../values/types.js";
import type { Awaitable, Fract, Rect } from "../values/types.js";

/** Clients may name the multi-planar types; drivers see the others only. @throws {V4l2Error} EINVAL */
function parseSelectionType(value: number): BufType {
  const type = parseBufType(value);
  if (type === BufType.VideoCaptureMplane) return BufType.VideoCapture;
  if (type === BufType.VideoOutputMplane) return BufType.VideoOutput;
  return type;
}

export function parseRect({ left, top, width, height }: RectView): Rect {
  return { left, top, width, height };
}

export function emitRect(view: RectView, rect: Rect): void {
  view.left = rect.left;
  view.top = rect.top;
  view.width = rect.width;
  view.height = rect.height;
}

const isVideo = (device: DeviceTraits): boolean => device.isVideo;

const describeSelection: IoctlDefinition<SelectionView>["describe"] = (out, view) => {
  out.word("type", view.type, bufTypeNames).int("target", view.target).hex("flags", view.flags);
  out.rect("", view.r);
};

const gSelection = defineIoctl({
  name: "VIDIOC_G_SELECTION",
  arg: SelectionView,
  clearAfter: "r",
  op: "gSelection",
  scope: isVideo,
  parse: (view) => ({ type: parseSelectionType(view.type), target: view.target, flags: view.flags }),
  emit: (view, rect) => {
    emitRect(view.r, rect);
  },
  asks: ["type", "target", "flags"],
  describe: describeSelection,
});

const sSelection = defineIoctl({
  name: "VIDIOC_S_SELECTION",
  arg: SelectionView,
  clearAfter: "r",
  prio: true,
  op: "sSelection",
  scope: isVideo,
  parse: (view) => ({
    type: parseSelectionType(view.type),
    target: view.target,
    flags: view.flags,
    rect: parseRect(view.r),
  }),
  emit: (view, rect) => {
    emitRect(view.r, rect);
  },
  describe: describeSelection,
});

/** On output devices "crop" always meant what is now called composing; some drivers have it the other way round. */
function usesCompose(type: BufType, { device }: IoctlContext): boolean {
  return isOutput(type) !== (device.identity.invertedCrop === true);
}

const gCrop = defineIoctl({
  name: "VIDIOC_G_CROP",
  note: "made of gSelection",
  arg: CropView,
  clearAfter: "type",
  op: "gSelection",
  scope: isVideo,
  parse: (view, context) => {
    const type = parseSelectionType(view.type);
    const target = usesCompose(type, context) ? SelectionTarget.Compose : SelectionTarget.Crop;
    return { type, target, flags: 0 };
  },
  emit: (view, rect) => {
    emitRect(view.c, rect);
  },
  asks: ["type"],
  describe: (out, view) => void out.word("type", view.type, bufTypeNames).rect("", view.c),
});

const sCrop = defineIoctl({
  name: "VIDIOC_S_CROP",
  note: "made of sSelection",
  arg: CropView,
  prio: true,
  op: "sSelection",
  scope: isVideo,
  parse: (view, context) => {
    const type = parseSelectionType(view.type);
    const target = usesCompose(type, context) ? SelectionTarget.Compose : SelectionTarget.Crop;
    return { type, target, flags: 0, rect: parseRect(view.c) };
  },
  describe: (out, view) => void out.word("type", view.type, bufTypeNames).rect("", view.c),
});

const squarePixels: Fract = { numerator: 1, denominator: 1 };

/** An op that refuses with ENOTTY has nothing to say: pixels are square then. */
function pixelAspect({ ops, file }: IoctlContext, type: BufType): Awaitable<Fract> {
  const square = (error: unknown): Fract => {
    if (error instanceof V4l2Error && error.code === "ENOTTY") return squarePixels;
    throw error;
  };
  return attempt<Fract, Fract>(() => ops.gPixelaspect?.(file, type) ?? squarePixels, unchanged, square);
}

const cropcap = defineIoctl({
  name: "VIDIOC_CROPCAP",
  note: "made of gSelection and, if there, gPixelaspect",
  arg: CropcapView,
  clearAfter: "type",
  op: "gSelection",
  scope: isVideo,
  run: (context) => {
    const { view, ops, file } = context;
    const type = parseSelectionType(view.type);
    const compose = usesCompose(type, context);
    const get = (target: number): Awaitable<Rect> => {
      if (ops.gSelection === undefined) throw new V4l2Error("ENOTTY", "the driver has no gSelection");
      return ops.gSelection(file, { type, target, flags: 0 });
    };
    return settle(pixelAspect(context, type), (aspect) => {
      view.pixelaspect.numerator = aspect.numerator;
      view.pixelaspect.denominator = aspect.denominator;
      return settle(get(compose ? SelectionTarget.ComposeBounds : SelectionTarget.CropBounds), (bounds) => {
        emitRect(view.bounds, bounds);
        return settle(
          get(compose ? SelectionTarget.ComposeDefault : SelectionTarget.CropDefault),
          (defrect) => {
            emitRect(view.defrect, defrect);
          },
        );
      });
    });
  },
  asks: ["type"],
  describe: (out, view) => {
    const { numerator, denominator } = view.pixelaspect;
    out.word("type", view.type, bufTypeNames).rect("bounds", view.bounds).rect("defrect", view.defrect);
    out
      .set("pixelaspect", { numerator, denominator })
      .item(`pixelaspect ${numerator | 0}/${denominator | 0}`);
  },
});

export const selectionIoctls: readonly IoctlDefinition[] = [gSelection, sSelection, gCrop, sCrop, cropcap];
