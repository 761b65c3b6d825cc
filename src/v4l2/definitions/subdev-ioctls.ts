/**
 * The ioctls of sub-devices (v4l2-subdev.h). Controls, events, LOG_STATUS and registers are those of video devices.
 * In the order of v4l2-subdev.c: an ioctl without an op is ENOTTY, a read-only node refuses what changes the device,
 * a client that does not know streams means stream 0, then `which` and `pad` are looked at.
 */
import type { SubdevTraits } from "../device-traits.js";
import { DEFAULT_VERSION } from "../device.js";
import type { Device } from "../device.js";
import { V4l2Error } from "../error.js";
import type { FileHandle } from "../file-handle.js";
import {
  SubdevCapabilityView,
  SubdevClientCapabilityView,
  SubdevCropView,
  SubdevFormatView,
  SubdevFrameIntervalEnumView,
  SubdevFrameIntervalView,
  SubdevFrameSizeEnumView,
  SubdevMbusCodeEnumView,
  SubdevRouteView,
  SubdevRoutingView,
  SubdevSelectionView,
  V4L2_SUBDEV_CLIENT_CAP_INTERVAL_USES_WHICH,
  V4L2_SUBDEV_CLIENT_CAP_STREAMS,
} from "../gen/index.js";
import type { FractView, MbusFramefmtView } from "../gen/index.js";
import type { ArgWriter } from "../ioctl/arg-writer.js";
import { defineIoctl, orEnd } from "../ioctl/define-ioctl.js";
import type { IoctlContext, IoctlDefinition, NestedArray } from "../ioctl/define-ioctl.js";
import { settle } from "../../settle.js";
import {
  parseColorspace,
  parseField,
  parseQuantization,
  parseXferFunc,
  parseYcbcrEnc,
} from "../ioctl/parse.js";
import { fieldNames, mbusName } from "../values/names.js";
import { SelectionTarget } from "../values/types.js";
import type { Fract, Rect } from "../values/types.js";
import { SubdevCap, SubdevFormatWhence } from "../values/types-subdev.js";
import type { MbusFormat, PadPlace, Route } from "../values/types-subdev.js";
import { emitRect, parseRect } from "./selection-ioctls.js";

/** V4L2_SUBDEV_MAX_STREAM_ID of v4l2-subdev.h of the kernel. */
const MAX_STREAM_ID = 63;
/** More routes are EINVAL before anything is allocated (v4l2-ioctl.c, check_array_args). */
const MAX_ROUTES = 256;

function traitsOf({ identity }: Device<FileHandle>): SubdevTraits {
  if (identity.subdev === undefined) throw new V4l2Error("ENOTTY", "the device is no sub-device");
  return identity.subdev;
}

const knowsStreams = ({ subdevClientCaps }: FileHandle): boolean =>
  (subdevClientCaps & V4L2_SUBDEV_CLIENT_CAP_STREAMS) !== 0n;

/** @throws {V4l2Error} EINVAL */
function parseWhich(which: number): SubdevFormatWhence {
  if (which !== SubdevFormatWhence.Try && which !== SubdevFormatWhence.Active)
    throw new V4l2Error("EINVAL", `which ${which} is neither TRY nor ACTIVE`);
  return which;
}

interface PlaceView {
  readonly which: number;
  readonly pad: number;
  stream: number;
}

/** A client that does not know streams reads back the 0 that it meant. @throws {V4l2Error} EINVAL - no such pad or stream. */
function parsePlace(view: PlaceView, { file, device }: IoctlContext): PadPlace {
  const { pads, streams } = traitsOf(device);
  if (!knowsStreams(file)) view.stream = 0;
  const which = parseWhich(view.which);
  if (view.pad >= pads.length) throw new V4l2Error("EINVAL", `there is no pad ${view.pad}`);
  if (view.stream !== 0 && streams !== true) throw new V4l2Error("EINVAL", "the sub-device has no streams");
  return { which, pad: view.pad, stream: view.stream };
}

/** @throws {V4l2Error} EPERM - the node only shows the device. */
function requireWritable(which: number, { device }: IoctlContext): void {
  if (traitsOf(device).readOnly === true && which !== SubdevFormatWhence.Try)
    throw new V4l2Error("EPERM", "the node is read-only");
}

function parseFormat(view: MbusFramefmtView): MbusFormat {
  return {
    width: view.width,
    height: view.height,
    code: view.code,
    field: parseField(view.field),
    colorspace: parseColorspace(view.colorspace),
    ycbcrEnc: parseYcbcrEnc(view.ycbcr_enc, false),
    quantization: parseQuantization(view.quantization),
    xferFunc: parseXferFunc(view.xfer_func),
    flags: view.flags,
  };
}

function emitFormat(view: MbusFramefmtView, format: MbusFormat): void {
  view.bytes.fill(0);
  view.width = format.width;
  view.height = format.height;
  view.code = format.code;
  view.field = format.field;
  view.colorspace = format.colorspace;
  view.ycbcr_enc = format.ycbcrEnc;
  view.quantization = format.quantization;
  view.xfer_func = format.xferFunc;
  view.flags = format.flags;
}

const parseFract = ({ numerator, denominator }: FractView): Fract => ({ numerator, denominator });

function emitFract(view: FractView, { numerator, denominator }: Fract): void {
  view.numerator = numerator;
  view.denominator = denominator;
}

const whichNames = ["try", "active"] as const;

function describePlace(out: ArgWriter, { which, pad, stream }: PlaceView): ArgWriter {
  out.word("which", which, whichNames).uint("pad", pad);
  return stream === 0 ? out.set("stream", 0) : out.uint("stream", stream);
}

function describeCode(out: ArgWriter, code: number): ArgWriter {
  const name = mbusName(code);
  return out.set("code", name).item(`code=${name}`);
}

const describeInterval = (out: ArgWriter, { numerator, denominator }: FractView): ArgWriter =>
  out.set("interval", { numerator, denominator }).item(`interval=${numerator}/${denominator}`);

/** Differs from videodev2.h's QUERYCAP: a version and capabilities are all there is. */
const querycap = defineIoctl({
  name: "VIDIOC_SUBDEV_QUERYCAP",
  arg: SubdevCapabilityView,
  run: ({ view, device }) => {
    const { streams, readOnly } = traitsOf(device);
    view.bytes.fill(0);
    view.version = device.identity.version ?? DEFAULT_VERSION;
    view.capabilities =
      (readOnly === true ? SubdevCap.ReadOnly : 0) | (streams === true ? SubdevCap.Streams : 0);
  },
  describe: (out, view) => {
    out.hex("version", view.version, 8).hex("capabilities", view.capabilities, 8);
  },
});

const enumMbusCode = defineIoctl({
  name: "VIDIOC_SUBDEV_ENUM_MBUS_CODE",
  arg: SubdevMbusCodeEnumView,
  asks: ["which", "pad", "stream", "index"],
  op: "subdevEnumMbusCode",
  parse: (view, context) => ({ ...parsePlace(view, context), index: view.index }),
  emit: (view, reply) => {
    const { code, flags = 0 } = orEnd(reply, "media bus code");
    view.code = code;
    view.flags = flags;
    view.reserved.assign([]);
  },
  describe: (out, view) => {
    describeCode(describePlace(out, view).uint("index", view.index), view.code).hex("flags", view.flags);
  },
});

const enumFrameSize = defineIoctl({
  name: "VIDIOC_SUBDEV_ENUM_FRAME_SIZE",
  arg: SubdevFrameSizeEnumView,
  asks: ["which", "pad", "stream", "index", "code"],
  op: "subdevEnumFrameSize",
  parse: (view, context) => ({ ...parsePlace(view, context), index: view.index, code: view.code }),
  emit: (view, reply) => {
    const size = orEnd(reply, "frame size");
    view.min_width = size.minWidth;
    view.max_width = size.maxWidth;
    view.min_height = size.minHeight;
    view.max_height = size.maxHeight;
    view.reserved.assign([]);
  },
  describe: (out, view) => {
    describeCode(describePlace(out, view).uint("index", view.index), view.code);
    out.set("min", { width: view.min_width, height: view.min_height });
    out.set("max", { width: view.max_width, height: view.max_height });
    out.item(`wxh=${view.min_width}x${view.min_height}..${view.max_width}x${view.max_height}`);
  },
});

const enumFrameInterval = defineIoctl({
  name: "VIDIOC_SUBDEV_ENUM_FRAME_INTERVAL",
  arg: SubdevFrameIntervalEnumView,
  asks: ["which", "pad", "stream", "index", "code", "width", "height"],
  op: "subdevEnumFrameInterval",
  parse: (view, context) => {
    const { index, code, width, height } = view;
    return { ...parsePlace(view, context), index, code, width, height };
  },
  emit: (view, reply) => {
    emitFract(view.interval, orEnd(reply, "frame interval"));
    view.reserved.assign([]);
  },
  describe: (out, view) => {
    describeCode(describePlace(out, view).uint("index", view.index), view.code);
    out.set("width", view.width).set("height", view.height).item(`wxh=${view.width}x${view.height}`);
    describeInterval(out, view.interval);
  },
});

function emitSubdevFormat(view: SubdevFormatView, format: MbusFormat): void {
  emitFormat(view.format, format);
  view.reserved.assign([]);
}

function describeFormat(out: ArgWriter, view: SubdevFormatView): void {
  const { width, height, code, field, colorspace, ycbcr_enc, quantization, xfer_func } = view.format;
  describePlace(out, view).set("width", width).set("height", height).item(`wxh=${width}x${height}`);
  describeCode(out, code).word("field", field, fieldNames).uint("colorspace", colorspace);
  out.uint("ycbcr_enc", ycbcr_enc).uint("quantization", quantization).uint("xfer_func", xfer_func);
}

const gFmt = defineIoctl({
  name: "VIDIOC_SUBDEV_G_FMT",
  arg: SubdevFormatView,
  asks: ["which", "pad", "stream"],
  op: "subdevGFmt",
  parse: parsePlace,
  emit: emitSubdevFormat,
  describe: describeFormat,
});

const sFmt = defineIoctl({
  name: "VIDIOC_SUBDEV_S_FMT",
  arg: SubdevFormatView,
  op: "subdevSFmt",
  parse: (view, context) => {
    requireWritable(view.which, context);
    return { ...parsePlace(view, context), format: parseFormat(view.format) };
  },
  emit: emitSubdevFormat,
  describe: describeFormat,
});

const describeSelection = (out: ArgWriter, view: SubdevSelectionView): void => {
  describePlace(out, view).hex("target", view.target).hex("flags", view.flags).rect("", view.r);
};

function emitSelection(view: SubdevSelectionView, rect: Rect): void {
  emitRect(view.r, rect);
  view.reserved.assign([]);
}

const gSelection = defineIoctl({
  name: "VIDIOC_SUBDEV_G_SELECTION",
  arg: SubdevSelectionView,
  asks: ["which", "pad", "stream", "target", "flags"],
  op: "subdevGSelection",
  parse: (view, context) => ({ ...parsePlace(view, context), target: view.target, flags: view.flags }),
  emit: emitSelection,
  describe: describeSelection,
});

const sSelection = defineIoctl({
  name: "VIDIOC_SUBDEV_S_SELECTION",
  arg: SubdevSelectionView,
  op: "subdevSSelection",
  parse: (view, context) => {
    requireWritable(view.which, context);
    const { target, flags, r } = view;
    return { ...parsePlace(view, context), target, flags, rect: parseRect(r) };
  },
  emit: emitSelection,
  describe: describeSelection,
});

const describeCrop = (out: ArgWriter, view: SubdevCropView): void => {
  describePlace(out, view).rect("", view.rect);
};

function emitCrop(view: SubdevCropView, rect: Rect): void {
  emitRect(view.rect, rect);
  view.reserved.assign([]);
}

const gCrop = defineIoctl({
  name: "VIDIOC_SUBDEV_G_CROP",
  note: "made of subdevGSelection",
  arg: SubdevCropView,
  asks: ["which", "pad", "stream"],
  op: "subdevGSelection",
  parse: (view, context) => ({ ...parsePlace(view, context), target: SelectionTarget.Crop, flags: 0 }),
  emit: emitCrop,
  describe: describeCrop,
});

const sCrop = defineIoctl({
  name: "VIDIOC_SUBDEV_S_CROP",
  note: "made of subdevSSelection",
  arg: SubdevCropView,
  op: "subdevSSelection",
  parse: (view, context) => {
    requireWritable(view.which, context);
    const rect = parseRect(view.rect);
    return { ...parsePlace(view, context), target: SelectionTarget.Crop, flags: 0, rect };
  },
  emit: emitCrop,
  describe: describeCrop,
});

/** A client that has not said that it sets `which` of intervals means the device's. */
function parseIntervalPlace(view: SubdevFrameIntervalView, context: IoctlContext): PadPlace {
  const known = (context.file.subdevClientCaps & V4L2_SUBDEV_CLIENT_CAP_INTERVAL_USES_WHICH) !== 0n;
  if (!known) view.which = SubdevFormatWhence.Active;
  return parsePlace(view, context);
}

function emitInterval(view: SubdevFrameIntervalView, interval: Fract): void {
  emitFract(view.interval, interval);
  view.reserved.assign([]);
}

const describeFrameInterval = (out: ArgWriter, view: SubdevFrameIntervalView): void => {
  describeInterval(describePlace(out, view), view.interval);
};

const gFrameInterval = defineIoctl({
  name: "VIDIOC_SUBDEV_G_FRAME_INTERVAL",
  arg: SubdevFrameIntervalView,
  asks: ["which", "pad", "stream"],
  op: "subdevGFrameInterval",
  parse: parseIntervalPlace,
  emit: emitInterval,
  describe: describeFrameInterval,
});

const sFrameInterval = defineIoctl({
  name: "VIDIOC_SUBDEV_S_FRAME_INTERVAL",
  arg: SubdevFrameIntervalView,
  op: "subdevSFrameInterval",
  parse: (view, context) => {
    const place = parseIntervalPlace(view, context);
    requireWritable(view.which, context);
    return { ...place, interval: parseFract(view.interval) };
  },
  emit: emitInterval,
  describe: describeFrameInterval,
});

const routeArray: NestedArray<SubdevRoutingView> = {
  elementBytes: SubdevRouteView.SIZE,
  max: MAX_ROUTES,
  count: (view) => view.len_routes,
  address: (view) => view.routes,
};

const routeView = (array: Uint8Array, index: number): SubdevRouteView =>
  new SubdevRouteView(array.subarray(index * SubdevRouteView.SIZE, (index + 1) * SubdevRouteView.SIZE));

/** @throws {V4l2Error} EINVAL - a pad or stream that cannot be, or a route in the wrong direction. */
function parseRoutes({ view, array, device }: IoctlContext<SubdevRoutingView>): Route[] {
  const { pads } = traitsOf(device);
  if (view.num_routes > view.len_routes)
    throw new V4l2Error("EINVAL", `${view.num_routes} routes in an array of ${view.len_routes}`);
  return Array.from({ length: view.num_routes }, (_, index) => {
    // There is an array: `len_routes` is not 0.
    const { sink_pad, sink_stream, source_pad, source_stream, flags } = routeView(array ?? NO_BYTES, index);
    if (sink_stream > MAX_STREAM_ID || source_stream > MAX_STREAM_ID)
      throw new V4l2Error("EINVAL", `route ${index}: a stream is 0 to ${MAX_STREAM_ID}`);
    if (pads[sink_pad] !== "sink" || pads[source_pad] !== "source")
      throw new V4l2Error(
        "EINVAL",
        `route ${index}: ${sink_pad} is no sink pad, or ${source_pad} no source pad`,
      );
    return {
      sinkPad: sink_pad,
      sinkStream: sink_stream,
      sourcePad: source_pad,
      sourceStream: source_stream,
      flags,
    };
  });
}

const NO_BYTES = new Uint8Array(0);

/** As many as fit; `num_routes` tells how many there are. */
function emitRoutes({ view, array }: IoctlContext<SubdevRoutingView>, routes: readonly Route[]): void {
  view.num_routes = routes.length;
  view.reserved.assign([]);
  if (array === undefined) return;
  for (const [index, route] of routes.slice(0, view.len_routes).entries()) {
    const out = routeView(array, index);
    out.bytes.fill(0);
    out.sink_pad = route.sinkPad;
    out.sink_stream = route.sinkStream;
    out.source_pad = route.sourcePad;
    out.source_stream = route.sourceStream;
    out.flags = route.flags;
  }
}

const describeRouting: IoctlDefinition<SubdevRoutingView>["describe"] = (out, view, { array }) => {
  out.word("which", view.which, whichNames).uint("len_routes", view.len_routes);
  out.uint("num_routes", view.num_routes);
  const fetched = Math.floor((array?.byteLength ?? 0) / SubdevRouteView.SIZE);
  out.list("routes", Math.min(view.num_routes, fetched), (_, index) => {
    const route = routeView(array ?? NO_BYTES, index);
    const { sink_pad, sink_stream, source_pad, source_stream, flags } = route;
    out.set("sink", { pad: sink_pad, stream: sink_stream });
    out.set("source", { pad: source_pad, stream: source_stream });
    out.set("flags", flags);
    out.item(`${sink_pad}/${sink_stream}->${source_pad}/${source_stream}[${flags}]`);
  });
};

const gRouting = defineIoctl({
  name: "VIDIOC_SUBDEV_G_ROUTING",
  note: "sub-devices with streams only",
  arg: SubdevRoutingView,
  asks: ["which", "len_routes"],
  nested: routeArray,
  op: "subdevGRouting",
  parse: (view) => parseWhich(view.which),
  emit: (_, routes, context) => {
    emitRoutes(context, routes);
  },
  describe: describeRouting,
});

const sRouting = defineIoctl({
  name: "VIDIOC_SUBDEV_S_ROUTING",
  note: "without an op of its own: answers with the routes as they are",
  arg: SubdevRoutingView,
  nested: routeArray,
  op: "subdevGRouting",
  run: (context) => {
    const { view, ops, file } = context;
    requireWritable(view.which, context);
    const routes = parseRoutes(context);
    const which = parseWhich(view.which);
    const set =
      ops.subdevSRouting === undefined
        ? ops.subdevGRouting?.(file, which)
        : ops.subdevSRouting(file, { which, routes });
    return settle(set, (now = []) => {
      emitRoutes(context, now);
    });
  },
  describe: describeRouting,
});

const describeClientCap = (out: ArgWriter, view: SubdevClientCapabilityView): void => {
  out.hex("capabilities", view.capabilities);
};

const gClientCap = defineIoctl({
  name: "VIDIOC_SUBDEV_G_CLIENT_CAP",
  arg: SubdevClientCapabilityView,
  run: ({ view, file }) => {
    view.capabilities = file.subdevClientCaps;
  },
  describe: describeClientCap,
});

/** What is unknown is dropped, and the client told. */
const sClientCap = defineIoctl({
  name: "VIDIOC_SUBDEV_S_CLIENT_CAP",
  arg: SubdevClientCapabilityView,
  run: ({ view, file }) => {
    view.capabilities &= V4L2_SUBDEV_CLIENT_CAP_STREAMS | V4L2_SUBDEV_CLIENT_CAP_INTERVAL_USES_WHICH;
    file.subdevClientCaps = view.capabilities;
  },
  describe: describeClientCap,
});

export const subdevIoctls: readonly IoctlDefinition[] = [
  querycap,
  enumMbusCode,
  enumFrameSize,
  enumFrameInterval,
  gFmt,
  sFmt,
  gSelection,
  sSelection,
  gCrop,
  sCrop,
  gFrameInterval,
  sFrameInterval,
  gRouting,
  sRouting,
  gClientCap,
  sClientCap,
];
