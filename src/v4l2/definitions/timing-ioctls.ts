/** What comes over the wire into or out of the device: analog standards, digital timings, EDID. */
import type { ArgWriter } from "../ioctl/arg-writer.js";
import { defineIoctl, orEnd } from "../ioctl/define-ioctl.js";
import type { IoctlContext, IoctlDefinition, NestedArray } from "../ioctl/define-ioctl.js";
import type { DeviceTraits } from "../device-traits.js";
import { V4l2Error } from "../error.js";
import { DvTimingsCapView, DvTimingsView, EdidView, EnumDvTimingsView, StandardView } from "../gen/index.js";
import { StdView } from "../ioctl/scalar-views.js";
import { frameLines, framePeriod, listStandards } from "../values/standards.js";
import { EDID_BLOCK_BYTES } from "../values/types-device.js";
import type { DvTimings, EdidReply } from "../values/types-device.js";

const hasSignal = (device: DeviceTraits): boolean => device.isVideo || device.isVbi || device.isMeta;
const receivesSignal = (device: DeviceTraits): boolean => device.isRx && hasSignal(device);

const tvnorms = ({ device }: IoctlContext): bigint => device.identity.tvnorms ?? 0n;

const describeStd = (out: ArgWriter, view: StdView): void => void out.hex("std", view.value, 8);

const gStd = defineIoctl({
  name: "VIDIOC_G_STD",
  arg: StdView,
  op: "gStd",
  scope: hasSignal,
  parse: () => undefined,
  emit: (view, std) => {
    view.value = std;
  },
  describe: describeStd,
});

const sStd = defineIoctl({
  name: "VIDIOC_S_STD",
  arg: StdView,
  prio: true,
  op: "sStd",
  scope: hasSignal,
  parse: (view, context) => {
    const norms = tvnorms(context);
    const std = view.value & norms;
    if (norms !== 0n && std === 0n) throw new V4l2Error("EINVAL", "the device has none of these standards");
    return std;
  },
  describe: describeStd,
});

const querystd = defineIoctl({
  name: "VIDIOC_QUERYSTD",
  arg: StdView,
  op: "querystd",
  scope: receivesSignal,
  parse: (_view, context) => tvnorms(context),
  emit: (view, std) => {
    view.value = std;
  },
  describe: describeStd,
});

/** Lists what the device declares. ENODATA: the current input or output has no standards. */
const enumstd = defineIoctl({
  name: "VIDIOC_ENUMSTD",
  note: "lists the tvnorms of the declaration",
  arg: StandardView,
  clearAfter: "index",
  op: "sStd",
  scope: hasSignal,
  servedBy: "core",
  run: (context) => {
    const { view } = context;
    const norms = tvnorms(context);
    if (norms === 0n) throw new V4l2Error("ENODATA", "the device has no standards");
    const { id, name } = orEnd(listStandards(norms)[view.index], "standard");
    const { numerator, denominator } = framePeriod(id);
    view.id = id;
    view.name = name;
    view.frameperiod.numerator = numerator;
    view.frameperiod.denominator = denominator;
    view.framelines = frameLines(id);
  },
  asks: ["index"],
  describe: (out, view) => {
    const { numerator, denominator } = view.frameperiod;
    out.uint("index", view.index).hex("id", view.id).string("name", view.name);
    out.set("frameperiod", { numerator, denominator }).item(`fps=${numerator}/${denominator}`);
    out.uint("framelines", view.framelines);
  },
});

function parseTimings(view: DvTimingsView): DvTimings {
  const { bt } = view;
  const { numerator, denominator } = bt.picture_aspect;
  return {
    type: view.type,
    width: bt.width,
    height: bt.height,
    interlaced: bt.interlaced,
    polarities: bt.polarities,
    pixelclock: bt.pixelclock,
    hfrontporch: bt.hfrontporch,
    hsync: bt.hsync,
    hbackporch: bt.hbackporch,
    vfrontporch: bt.vfrontporch,
    vsync: bt.vsync,
    vbackporch: bt.vbackporch,
    ilVfrontporch: bt.il_vfrontporch,
    ilVsync: bt.il_vsync,
    ilVbackporch: bt.il_vbackporch,
    standards: bt.standards,
    flags: bt.flags,
    pictureAspect: { numerator, denominator },
    cea861Vic: bt.cea861_vic,
    hdmiVic: bt.hdmi_vic,
  };
}

function emitTimings(view: DvTimingsView, timings: DvTimings): void {
  const { bt } = view;
  view.bytes.fill(0);
  view.type = timings.type;
  bt.width = timings.width;
  bt.height = timings.height;
  bt.interlaced = timings.interlaced;
  bt.polarities = timings.polarities;
  bt.pixelclock = timings.pixelclock;
  bt.hfrontporch = timings.hfrontporch;
  bt.hsync = timings.hsync;
  bt.hbackporch = timings.hbackporch;
  bt.vfrontporch = timings.vfrontporch;
  bt.vsync = timings.vsync;
  bt.vbackporch = timings.vbackporch;
  bt.il_vfrontporch = timings.ilVfrontporch;
  bt.il_vsync = timings.ilVsync;
  bt.il_vbackporch = timings.ilVbackporch;
  bt.standards = timings.standards;
  bt.flags = timings.flags;
  bt.picture_aspect.numerator = timings.pictureAspect.numerator;
  bt.picture_aspect.denominator = timings.pictureAspect.denominator;
  bt.cea861_vic = timings.cea861Vic;
  bt.hdmi_vic = timings.hdmiVic;
}

/** `V4L2_DV_BT_656_1120`, the only type that exists. */
const DV_BT_656_1120 = 0;

function describeTimings(out: ArgWriter, view: DvTimingsView): void {
  if (view.type !== DV_BT_656_1120) {
    out.int("type", view.type);
    return;
  }
  const { bt } = view;
  out.set("type", "bt-656/1120").item("type=bt-656/1120");
  out.uint("interlaced", bt.interlaced).big("pixelclock", bt.pixelclock);
  out.uint("width", bt.width).uint("height", bt.height).hex("polarities", bt.polarities);
  out.uint("hfrontporch", bt.hfrontporch).uint("hsync", bt.hsync).uint("hbackporch", bt.hbackporch);
  out.uint("vfrontporch", bt.vfrontporch).uint("vsync", bt.vsync).uint("vbackporch", bt.vbackporch);
  out.uint("il_vfrontporch", bt.il_vfrontporch).uint("il_vsync", bt.il_vsync);
  out.uint("il_vbackporch", bt.il_vbackporch).hex("standards", bt.standards).hex("flags", bt.flags);
}

const gDvTimings = defineIoctl({
  name: "VIDIOC_G_DV_TIMINGS",
  arg: DvTimingsView,
  op: "gDvTimings",
  scope: hasSignal,
  parse: () => undefined,
  emit: emitTimings,
  asks: [],
  describe: describeTimings,
});

const sDvTimings = defineIoctl({
  name: "VIDIOC_S_DV_TIMINGS",
  arg: DvTimingsView,
  clearAfter: "bt.flags",
  prio: true,
  op: "sDvTimings",
  scope: hasSignal,
  parse: parseTimings,
  emit: emitTimings,
  describe: describeTimings,
});

/**
 * The kernel marks this one to be copied back after a refusal, which never takes effect: the mark is looked at for
 * ioctls that write only (v4l2-ioctl.c, video_get_user). So it has no `alwaysCopy` here.
 */
const queryDvTimings = defineIoctl({
  name: "VIDIOC_QUERY_DV_TIMINGS",
  arg: DvTimingsView,
  op: "queryDvTimings",
  scope: receivesSignal,
  parse: () => undefined,
  emit: emitTimings,
  describe: describeTimings,
});

const enumDvTimings = defineIoctl({
  name: "VIDIOC_ENUM_DV_TIMINGS",
  arg: EnumDvTimingsView,
  clearAfter: "pad",
  op: "enumDvTimings",
  scope: hasSignal,
  parse: ({ index, pad }) => ({ index, pad }),
  emit: (view, timings) => {
    emitTimings(view.timings, orEnd(timings, "timings"));
  },
  asks: ["index"],
  describe: (out, view) => {
    out.uint("index", view.index);
    describeTimings(out, view.timings);
  },
});

const dvTimingsCap = defineIoctl({
  name: "VIDIOC_DV_TIMINGS_CAP",
  arg: DvTimingsCapView,
  clearAfter: "pad",
  op: "dvTimingsCap",
  scope: hasSignal,
  parse: ({ pad }) => ({ pad }),
  emit: (view, cap) => {
    const { bt } = view;
    view.type = cap.type;
    bt.min_width = cap.minWidth;
    bt.max_width = cap.maxWidth;
    bt.min_height = cap.minHeight;
    bt.max_height = cap.maxHeight;
    bt.min_pixelclock = cap.minPixelclock;
    bt.max_pixelclock = cap.maxPixelclock;
    bt.standards = cap.standards;
    bt.capabilities = cap.capabilities;
  },
  asks: [],
  describe: (out, view) => {
    if (view.type !== DV_BT_656_1120) {
      out.uint("type", view.type);
      return;
    }
    const { min_width, max_width, min_height, max_height, min_pixelclock, max_pixelclock } = view.bt;
    out.set("type", "bt-656/1120").item("type=bt-656/1120");
    out.set("width", [min_width, max_width]).item(`width=${min_width}-${max_width}`);
    out.set("height", [min_height, max_height]).item(`height=${min_height}-${max_height}`);
    out.set("pixelclock", [min_pixelclock, max_pixelclock]);
    out.item(`pixelclock=${min_pixelclock}-${max_pixelclock}`);
    out.hex("standards", view.bt.standards).hex("capabilities", view.bt.capabilities);
  },
});

/** The first byte of EDID blocks that the client's buffer begins with is that of `start_block`. */
const edidBlocks: NestedArray<EdidView> = {
  elementBytes: EDID_BLOCK_BYTES,
  max: 256,
  count: (view) => view.blocks,
  address: (view) => view.edid,
};

function emitEdid(view: EdidView, reply: EdidReply, { array }: IoctlContext<EdidView>): void {
  view.reserved.assign([]);
  view.blocks = reply.blocks;
  array?.set(reply.bytes.subarray(0, array.byteLength));
}

function describeEdid(out: ArgWriter, view: EdidView): void {
  out.uint("pad", view.pad).uint("start_block", view.start_block).uint("blocks", view.blocks);
}

const gEdid = defineIoctl({
  name: "VIDIOC_G_EDID",
  arg: EdidView,
  alwaysCopy: true,
  nested: edidBlocks,
  op: "gEdid",
  scope: (device) => hasSignal(device) || device.isEdid,
  parse: (view) => ({ pad: view.pad, startBlock: view.start_block, blocks: view.blocks }),
  emit: emitEdid,
  describe: describeEdid,
});

const sEdid = defineIoctl({
  name: "VIDIOC_S_EDID",
  note: "E2BIG beyond maxEdidBlocks of the declaration",
  arg: EdidView,
  prio: true,
  alwaysCopy: true,
  nested: edidBlocks,
  op: "sEdid",
  scope: (device) => device.isRx && (hasSignal(device) || device.isEdid),
  parse: (view, { array, device }) => {
    const { pad, start_block, blocks } = view;
    const { maxEdidBlocks } = device.identity;
    if (maxEdidBlocks !== undefined && blocks > maxEdidBlocks) {
      view.blocks = maxEdidBlocks;
      throw new V4l2Error("E2BIG", `${blocks} EDID blocks, the device has room for ${maxEdidBlocks}`);
    }
    return { pad, startBlock: start_block, blocks, bytes: array ?? new Uint8Array(0) };
  },
  emit: emitEdid,
  describe: describeEdid,
});

export const timingIoctls: readonly IoctlDefinition[] = [
  gStd,
  sStd,
  querystd,
  enumstd,
  gDvTimings,
  sDvTimings,
  queryDvTimings,
  enumDvTimings,
  dvTimingsCap,
  gEdid,
  sEdid,
];
