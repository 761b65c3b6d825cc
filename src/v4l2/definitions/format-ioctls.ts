/** Formats, frame sizes, frame rates. */
import type { ArgWriter } from "../ioctl/arg-writer.js";
import { defineIoctl, orEnd } from "../ioctl/define-ioctl.js";
import type { IoctlContext, IoctlDefinition } from "../ioctl/define-ioctl.js";
import type { DeviceTraits } from "../device-traits.js";
import { V4l2Error } from "../error.js";
import {
  describeFormat,
  emitOtherFormat,
  emitVideoFormat,
  parseFormat,
  touchFormat,
} from "../ioctl/format-args.js";
import {
  FmtdescView,
  FormatView,
  FrmivalenumView,
  FrmsizeenumView,
  StreamparmView,
  V4L2_FMTDESC_FLAG_ENUM_ALL,
} from "../gen/index.js";
import type { FractView } from "../gen/index.js";
import { bufTypeNames } from "../values/names.js";
import { parseDeviceBufType } from "../ioctl/parse.js";
import { describePixelFormat, oldDescription } from "../values/pixel-formats.js";
import { settle } from "../../settle.js";
import { framePeriod } from "../values/standards.js";
import { BufType, Cap, isOutput, isVideoBufType } from "../values/types.js";
import type { Awaitable, Format, Fract, VideoBufType, VideoFormat } from "../values/types.js";
import type { StreamParm } from "../values/types-device.js";

const noFormat = (type: number): V4l2Error => new V4l2Error("EINVAL", `no formats of buffer type ${type}`);

/** Types that ENUM_FMT serves: the others have one format each. */
const enumerable: ReadonlySet<BufType> = new Set([
  BufType.VideoCapture,
  BufType.VideoCaptureMplane,
  BufType.VideoOverlay,
  BufType.VideoOutput,
  BufType.VideoOutputMplane,
  BufType.SdrCapture,
  BufType.SdrOutput,
  BufType.MetaCapture,
  BufType.MetaOutput,
]);

/**
 * Description and compressed flag come from the core's table. `V4L2_FMTDESC_FLAG_ENUM_ALL` in the index is EINVAL for
 * a device that does not declare it, as the documentation asks of drivers that do not know the flag.
 */
const enumFmt = defineIoctl({
  name: "VIDIOC_ENUM_FMT",
  note: "description and compressed flag are filled in; all formats (ENUM_ALL) if the device declares it",
  arg: FmtdescView,
  op: "enumFmt",
  scope: (device) => device.isVideo || device.isMeta || device.isTouch || device.isSdr,
  run: ({ view, device, ops, file }) => {
    const type = parseDeviceBufType(view.type, device.traits);
    const { index } = view;
    const mbusCode = device.traits.isIoMc ? view.mbus_code : 0;
    view.bytes.fill(0, FMTDESC_CLEARED_FROM);
    view.mbus_code = mbusCode;
    if (!enumerable.has(type) || !device.traits.hasPlanarity(type)) throw noFormat(type);
    const all = (index & V4L2_FMTDESC_FLAG_ENUM_ALL) !== 0;
    if (all && device.identity.enumAllFormats !== true) {
      throw new V4l2Error("EINVAL", "the device does not list formats beyond its current state");
    }
    const request = { index: index & 0x7fffffff, type, mbusCode, all };
    return settle(ops.enumFmt?.(file, request), (reply) => {
      const format = orEnd(reply, "format");
      const { description, flags } = describePixelFormat(format, type);
      view.index = request.index;
      view.pixelformat = format.pixelformat;
      view.description = device.identity.oldFormatNames === true ? oldDescription(description) : description;
      view.flags = flags;
    });
  },
  asks: ["index", "type", "mbus_code"],
  describe: (out, view) => {
    out.uint("index", view.index).word("type", view.type, bufTypeNames).hex("flags", view.flags);
    out.fourcc("pixelformat", view.pixelformat).hex("mbus_code", view.mbus_code, 4);
    out.quoted("description", view.description);
  },
});

/** Behind `type` nothing but `mbus_code` is the client's. */
const FMTDESC_CLEARED_FROM = 8;

/** Is there a format op of this verb for a queue that this device can have? */
function hasFormatOp(verb: "g" | "s" | "try"): (device: DeviceTraits) => boolean {
  return (device) =>
    ((device.isVideo || device.isTouch) && device.has(`${verb}Fmt`)) ||
    (device.isVideo && device.has(`${verb}FmtOverlay`)) ||
    (device.isMeta && device.has(`${verb}FmtMeta`)) ||
    (device.isVbi && (device.has(`${verb}FmtVbi`) || device.has(`${verb}FmtSlicedVbi`))) ||
    (device.isSdr && device.has(`${verb}FmtSdr`));
}

function emitPicture(
  { view, device }: IoctlContext<FormatView>,
  type: VideoBufType,
  format: VideoFormat,
): void {
  emitVideoFormat(view, type, device.traits.isTouch ? touchFormat(format) : format);
}

/** What the op for a type answers; `undefined` when the driver has no such op. */
function getFormat({ ops, file }: IoctlContext<FormatView>, type: BufType): Awaitable<Format> | undefined {
  switch (type) {
    case BufType.VideoCapture:
    case BufType.VideoCaptureMplane:
    case BufType.VideoOutput:
    case BufType.VideoOutputMplane:
      return ops.gFmt?.(file, type);
    case BufType.VideoOverlay:
    case BufType.VideoOutputOverlay:
      return ops.gFmtOverlay?.(file, type);
    case BufType.VbiCapture:
    case BufType.VbiOutput:
      return ops.gFmtVbi?.(file, type);
    case BufType.SlicedVbiCapture:
    case BufType.SlicedVbiOutput:
      return ops.gFmtSlicedVbi?.(file, type);
    case BufType.SdrCapture:
    case BufType.SdrOutput:
      return ops.gFmtSdr?.(file, type);
    case BufType.MetaCapture:
    case BufType.MetaOutput:
      return ops.gFmtMeta?.(file, type);
  }
}

function setFormat(
  { ops, file }: IoctlContext<FormatView>,
  verb: "s" | "try",
  format: Format,
): Awaitable<Format> | undefined {
  switch (format.type) {
    case BufType.VideoCapture:
    case BufType.VideoCaptureMplane:
    case BufType.VideoOutput:
    case BufType.VideoOutputMplane:
      return ops[`${verb}Fmt`]?.(file, format);
    case BufType.VideoOverlay:
    case BufType.VideoOutputOverlay:
      return ops[`${verb}FmtOverlay`]?.(file, format);
    case BufType.VbiCapture:
    case BufType.VbiOutput:
      return ops[`${verb}FmtVbi`]?.(file, format);
    case BufType.SlicedVbiCapture:
    case BufType.SlicedVbiOutput:
      return ops[`${verb}FmtSlicedVbi`]?.(file, format);
    case BufType.SdrCapture:
    case BufType.SdrOutput:
      return ops[`${verb}FmtSdr`]?.(file, format);
    case BufType.MetaCapture:
    case BufType.MetaOutput:
      return ops[`${verb}FmtMeta`]?.(file, format);
  }
}

/** Writes what an op answered. A driver that answers with another kind of format has a bug. */
function emitFormat(
  context: IoctlContext<FormatView>,
  type: BufType,
  reply: Awaitable<Format> | undefined,
): Awaitable<void> {
  if (reply === undefined) throw noFormat(type);
  return settle(reply, (format) => {
    if (isVideoBufType(type)) {
      if (!("planes" in format))
        throw new Error("the driver answered with a format that is no picture format");
      emitPicture(context, type, format);
      return;
    }
    if ("planes" in format || format.type !== type)
      throw new Error("the driver answered for another buffer type");
    emitOtherFormat(context.view, format);
  });
}

const gFmt = defineIoctl({
  name: "VIDIOC_G_FMT",
  arg: FormatView,
  op: ["gFmt", "gFmtOverlay", "gFmtVbi", "gFmtSlicedVbi", "gFmtSdr", "gFmtMeta"],
  scope: hasFormatOp("g"),
  run: (context) => {
    const { view, device } = context;
    const type = parseDeviceBufType(view.type, device.traits);
    view.fmt.raw_data.fill(0);
    if (!device.traits.hasPlanarity(type)) throw noFormat(type);
    return emitFormat(context, type, getFormat(context, type));
  },
  asks: ["type"],
  describe: describeFormat,
});

function defineSetFmt(
  name: "VIDIOC_S_FMT" | "VIDIOC_TRY_FMT",
  verb: "s" | "try",
): IoctlDefinition<FormatView> {
  return defineIoctl({
    name,
    arg: FormatView,
    ...(verb === "s" && { prio: true }),
    op: [
      `${verb}Fmt`,
      `${verb}FmtOverlay`,
      `${verb}FmtVbi`,
      `${verb}FmtSlicedVbi`,
      `${verb}FmtSdr`,
      `${verb}FmtMeta`,
    ],
    scope: hasFormatOp(verb),
    run: (context) => {
      const { view, device } = context;
      const type = parseDeviceBufType(view.type, device.traits);
      const format = parseFormat(view, type);
      if (!device.traits.hasPlanarity(type)) throw noFormat(type);
      return emitFormat(context, type, setFormat(context, verb, format));
    },
    describe: describeFormat,
  });
}

const FrmType = { Discrete: 1, Continuous: 2, Stepwise: 3 } as const;

const enumFramesizes = defineIoctl({
  name: "VIDIOC_ENUM_FRAMESIZES",
  arg: FrmsizeenumView,
  clearAfter: "pixel_format",
  op: "enumFramesizes",
  scope: (device) => device.isVideo || device.isTouch,
  parse: (view) => ({ index: view.index, pixelformat: view.pixel_format }),
  emit: (view, reply) => {
    const size = orEnd(reply, "frame size");
    if (size.kind === "discrete") {
      view.type = FrmType.Discrete;
      view.discrete.width = size.width;
      view.discrete.height = size.height;
      return;
    }
    const { stepwise } = view;
    view.type = size.kind === "stepwise" ? FrmType.Stepwise : FrmType.Continuous;
    stepwise.min_width = size.minWidth;
    stepwise.max_width = size.maxWidth;
    stepwise.step_width = size.stepWidth;
    stepwise.min_height = size.minHeight;
    stepwise.max_height = size.maxHeight;
    stepwise.step_height = size.stepHeight;
  },
  asks: ["index", "pixelformat"],
  describe: (out, view) => {
    const { discrete, stepwise } = view;
    out.uint("index", view.index).fourcc("pixelformat", view.pixel_format).uint("type", view.type);
    if (view.type === FrmType.Discrete) {
      const { width, height } = discrete;
      out.set("size", { width, height }).item(`wxh=${width}x${height}`);
    } else if (view.type === FrmType.Stepwise) {
      const { min_width, min_height, max_width, max_height, step_width, step_height } = stepwise;
      out.set("min", { width: min_width, height: min_height }).item(`min=${min_width}x${min_height}`);
      out.set("max", { width: max_width, height: max_height }).item(`max=${max_width}x${max_height}`);
      out.set("step", { width: step_width, height: step_height }).item(`step=${step_width}x${step_height}`);
    }
  },
});

function emitFract(view: FractView, fract: Fract): void {
  view.numerator = fract.numerator;
  view.denominator = fract.denominator;
}

function describeFract(out: ArgWriter, name: string, { numerator, denominator }: FractView): void {
  out.set(name, { numerator, denominator }).item(`${name}=${numerator | 0}/${denominator | 0}`);
}

const enumFrameintervals = defineIoctl({
  name: "VIDIOC_ENUM_FRAMEINTERVALS",
  arg: FrmivalenumView,
  clearAfter: "height",
  op: "enumFrameintervals",
  scope: (device) => device.isVideo || device.isTouch,
  parse: (view) => ({
    index: view.index,
    pixelformat: view.pixel_format,
    width: view.width,
    height: view.height,
  }),
  emit: (view, reply) => {
    const interval = orEnd(reply, "frame interval");
    if (interval.kind === "discrete") {
      view.type = FrmType.Discrete;
      emitFract(view.discrete, interval.interval);
      return;
    }
    view.type = interval.kind === "stepwise" ? FrmType.Stepwise : FrmType.Continuous;
    emitFract(view.stepwise.min, interval.min);
    emitFract(view.stepwise.max, interval.max);
    emitFract(view.stepwise.step, interval.step);
  },
  asks: ["index", "pixelformat", "width", "height"],
  describe: (out, view) => {
    out.uint("index", view.index).fourcc("pixelformat", view.pixel_format);
    out.set("width", view.width).set("height", view.height).item(`wxh=${view.width}x${view.height}`);
    out.uint("type", view.type);
    if (view.type === FrmType.Discrete) {
      // The kernel prints the interval under the name of its inverse.
      describeFract(out, "fps", view.discrete);
    } else if (view.type === FrmType.Stepwise) {
      describeFract(out, "min", view.stepwise.min);
      describeFract(out, "max", view.stepwise.max);
      describeFract(out, "step", view.stepwise.step);
    }
  },
});

/** Only bit of the mode that a client may set. */
const MODE_HIGHQUALITY = 0x0001;
/** Buffers that G_PARM names for a device that can `read()` but has no gParm. */
const DEFAULT_READ_BUFFERS = 2;

const hasParm = (device: DeviceTraits): boolean =>
  device.isVideo || device.isVbi || device.isMeta || device.isTouch;

function emitParm(view: StreamparmView, parm: StreamParm): void {
  const { capture, output } = view.parm;
  capture.bytes.fill(0);
  capture.capability = parm.capability;
  capture.capturemode = parm.mode;
  emitFract(capture.timeperframe, parm.timeperframe);
  capture.extendedmode = parm.extendedmode;
  // The struct of an OUTPUT queue has the same fields at the same places under other names.
  output.writebuffers = parm.buffers;
}

function describeParm(out: ArgWriter, view: StreamparmView): void {
  const { type, parm } = view;
  out.word("type", type, bufTypeNames);
  if (!isVideoBufType(type)) return;
  const output = isOutput(type);
  const { capability, capturemode, timeperframe, extendedmode, readbuffers } = parm.capture;
  out.hex("capability", capability).hex(output ? "outputmode" : "capturemode", capturemode);
  describeFract(out, "timeperframe", timeperframe);
  out.int("extendedmode", extendedmode).int(output ? "writebuffers" : "readbuffers", readbuffers);
}

const gParm = defineIoctl({
  name: "VIDIOC_G_PARM",
  note: "without gParm: the frame period of the current standard",
  arg: StreamparmView,
  clearAfter: "type",
  op: ["gParm", "gStd"],
  scope: (device) => hasParm(device) && (device.has("gParm") || !device.isTouch),
  run: ({ view, device, ops, file }) => {
    const type = parseDeviceBufType(view.type, device.traits);
    if (ops.gParm !== undefined) return settle(ops.gParm(file, type), (parm) => emitParm(view, parm));
    if (type !== BufType.VideoCapture && type !== BufType.VideoCaptureMplane) throw noFormat(type);
    if (ops.gStd === undefined) throw new V4l2Error("ENOTTY", "neither gParm nor gStd");
    return settle(ops.gStd(file), (std) => {
      const buffers = (device.identity.deviceCaps & Cap.ReadWrite) === 0 ? 0 : DEFAULT_READ_BUFFERS;
      emitParm(view, {
        type,
        capability: 0,
        mode: 0,
        timeperframe: framePeriod(std),
        extendedmode: 0,
        buffers,
      });
    });
  },
  asks: ["type"],
  describe: describeParm,
});

/** All but the capability. */
const S_PARM_ASKS = [
  "type",
  "capturemode",
  "outputmode",
  "timeperframe",
  "extendedmode",
  "readbuffers",
  "writebuffers",
];

const sParm = defineIoctl({
  name: "VIDIOC_S_PARM",
  arg: StreamparmView,
  prio: true,
  op: "sParm",
  scope: hasParm,
  parse: (view, { device }) => {
    const { capture } = view.parm;
    const { numerator, denominator } = capture.timeperframe;
    return {
      type: parseDeviceBufType(view.type, device.traits),
      capability: capture.capability,
      mode: capture.capturemode & MODE_HIGHQUALITY,
      timeperframe: { numerator, denominator },
      extendedmode: 0,
      buffers: capture.readbuffers,
    };
  },
  emit: emitParm,
  asks: S_PARM_ASKS,
  describe: describeParm,
});

export const formatIoctls: readonly IoctlDefinition[] = [
  enumFmt,
  gFmt,
  defineSetFmt("VIDIOC_S_FMT", "s"),
  defineSetFmt("VIDIOC_TRY_FMT", "try"),
  enumFramesizes,
  enumFrameintervals,
  gParm,
  sParm,
];
