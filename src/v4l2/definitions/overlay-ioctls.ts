/** Overlays and sliced VBI: old hardware, complete so that the table has no holes. */
import { defineIoctl } from "../ioctl/define-ioctl.js";
import type { IoctlDefinition } from "../ioctl/define-ioctl.js";
import type { ArgWriter } from "../ioctl/arg-writer.js";
import type { DeviceTraits } from "../device-traits.js";
import { describeServiceLines } from "../ioctl/format-args.js";
import { FramebufferView, SlicedVbiCapView } from "../gen/index.js";
import { bufTypeNames } from "../values/names.js";
import { parseDeviceBufType } from "../ioctl/parse.js";
import { IntView } from "../ioctl/scalar-views.js";

const isVideo = (device: DeviceTraits): boolean => device.isVideo;

/** `base` is a physical address that nobody gets to see or set. */
function describeFramebuffer(out: ArgWriter, view: FramebufferView): void {
  const { fmt } = view;
  out.hex("capability", view.capability).hex("flags", view.flags).hex("base", view.base);
  out.uint("width", fmt.width).uint("height", fmt.height).fourcc("pixelformat", fmt.pixelformat);
  out.uint("bytesperline", fmt.bytesperline).uint("sizeimage", fmt.sizeimage);
  out.int("colorspace", fmt.colorspace);
}

const gFbuf = defineIoctl({
  name: "VIDIOC_G_FBUF",
  note: "the address of the frame buffer is hidden",
  arg: FramebufferView,
  op: "gFbuf",
  scope: isVideo,
  parse: () => undefined,
  emit: (view, reply) => {
    const { fmt } = view;
    view.capability = reply.capability;
    view.flags = reply.flags;
    fmt.width = reply.width;
    fmt.height = reply.height;
    fmt.pixelformat = reply.pixelformat;
    fmt.field = reply.field;
    fmt.bytesperline = reply.bytesperline;
    fmt.sizeimage = reply.sizeimage;
    fmt.colorspace = reply.colorspace;
  },
  describe: describeFramebuffer,
});

const sFbuf = defineIoctl({
  name: "VIDIOC_S_FBUF",
  note: "the address of the frame buffer is hidden",
  arg: FramebufferView,
  prio: true,
  op: "sFbuf",
  scope: isVideo,
  parse: (view) => {
    view.base = 0n;
    const { width, height, pixelformat, field, bytesperline, sizeimage, colorspace } = view.fmt;
    const { capability, flags } = view;
    return { capability, flags, width, height, pixelformat, field, bytesperline, sizeimage, colorspace };
  },
  describe: describeFramebuffer,
});

const overlay = defineIoctl({
  name: "VIDIOC_OVERLAY",
  arg: IntView,
  prio: true,
  op: "overlay",
  scope: isVideo,
  parse: (view) => view.value !== 0,
  describe: (out, view) => void out.uint("value", view.value),
});

/** What is before the type is the driver's to say. */
const VBI_CAP_TYPE_OFFSET = 100;

const gSlicedVbiCap = defineIoctl({
  name: "VIDIOC_G_SLICED_VBI_CAP",
  arg: SlicedVbiCapView,
  clearAfter: "type",
  op: "gSlicedVbiCap",
  scope: (device) => device.isVbi,
  parse: (view, { device }) => {
    const type = parseDeviceBufType(view.type, device.traits);
    view.bytes.fill(0, 0, VBI_CAP_TYPE_OFFSET);
    return type;
  },
  emit: (view, reply) => {
    view.service_set = reply.serviceSet;
    view.service_lines.assign(reply.serviceLines);
  },
  asks: ["type"],
  describe: (out, view) => {
    out.word("type", view.type, bufTypeNames).hex("service_set", view.service_set, 8);
    describeServiceLines(out, view.service_lines.toArray());
  },
});

export const overlayIoctls: readonly IoctlDefinition[] = [gFbuf, sFbuf, overlay, gSlicedVbiCap];
