/** Buffer queues. vb2 supplies the ops; the core checks that the queue's type belongs to the device. */
import type { Call } from "../call.js";
import { describeBuffer, emitBuffer, parseBuffer, planeCapacity } from "../ioctl/buffer-args.js";
import { defineIoctl } from "../ioctl/define-ioctl.js";
import type { IoctlDefinition, NestedArray } from "../ioctl/define-ioctl.js";
import type { DeviceTraits } from "../device-traits.js";
import { V4l2Error } from "../error.js";
import { describeFormat, parseFormat } from "../ioctl/format-args.js";
import {
  BufferView,
  CreateBuffersView,
  ExportbufferView,
  PlaneView,
  RemoveBuffersView,
  RequestbuffersView,
} from "../gen/index.js";
import { bufTypeNames, memoryNames } from "../values/names.js";
import { parseBufferMemory, parseBufType, parseDeviceBufType, parseMemory } from "../ioctl/parse.js";
import { IntView } from "../ioctl/scalar-views.js";
import { isLater, settle } from "../../settle.js";
import { BufCap, isMultiplanar, MAX_PLANES } from "../values/types.js";
import type { Awaitable, ExportedFd } from "../values/types.js";

const isStreaming = (device: DeviceTraits): boolean => device.isStreaming;

/** REMOVE_BUFS needs CREATE_BUFS beside it. */
const canRemove = (device: DeviceTraits): boolean => device.has("createBufs");

/**
 * Of a device that streams. The core knows whether the driver has removeBufs, so it tells the client; vb2 has the other
 * capabilities.
 */
const removeCap = (device: DeviceTraits): number =>
  canRemove(device) && device.has("removeBufs") ? BufCap.RemoveBufs : 0;

const reqbufs = defineIoctl({
  name: "VIDIOC_REQBUFS",
  arg: RequestbuffersView,
  prio: true,
  op: "reqbufs",
  scope: isStreaming,
  parse: (view, { device }) => {
    const type = parseDeviceBufType(view.type, device.traits);
    view.reserved.fill(0);
    view.capabilities = 0;
    return { type, memory: parseMemory(view.memory), count: view.count, flags: view.flags };
  },
  emit: (view, reply, { device }) => {
    view.count = reply.count;
    view.capabilities = reply.capabilities | removeCap(device.traits);
    view.flags = reply.flags;
  },
  asks: ["count", "type", "memory", "flags"],
  describe: (out, view) => {
    out.int("count", view.count).word("type", view.type, bufTypeNames);
    out.word("memory", view.memory, memoryNames);
    out.set("capabilities", view.capabilities).set("flags", view.flags);
  },
});

/** The planes of a multi-planar buffer. */
const planes: NestedArray<BufferView> = {
  elementBytes: PlaneView.SIZE,
  struct32: "v4l2_plane",
  max: MAX_PLANES,
  count: (view) => (isMultiplanar(view.type) ? view.length : 0),
  address: (view) => view.m.planes,
};

const describePlanes: IoctlDefinition<BufferView>["describe"] = (out, view, { array }) => {
  describeBuffer(out, view, array);
};

const querybuf = defineIoctl({
  name: "VIDIOC_QUERYBUF",
  arg: BufferView,
  clearAfter: "length",
  nested: planes,
  op: "querybuf",
  scope: isStreaming,
  parse: (view, { device }) => ({
    type: parseDeviceBufType(view.type, device.traits),
    index: view.index,
    planeCapacity: planeCapacity(view),
  }),
  emit: (view, buffer, { array }) => {
    emitBuffer(view, buffer, array);
  },
  asks: ["index", "type"],
  describe: describePlanes,
});

function defineQueueing(
  name: "VIDIOC_QBUF" | "VIDIOC_PREPARE_BUF",
  op: "qbuf" | "prepareBuf",
): IoctlDefinition<BufferView> {
  return defineIoctl({
    name,
    arg: BufferView,
    nested: planes,
    op,
    scope: isStreaming,
    parse: (view, { device, array }) => {
      const type = parseDeviceBufType(view.type, device.traits);
      return parseBuffer(view, type, parseBufferMemory(view.memory), array);
    },
    emit: (view, buffer, { array }) => {
      emitBuffer(view, buffer, array);
    },
    // What is queued is taken as it is, or refused: the rest comes back as the buffer's state.
    asks: ["index", "type", "memory"],
    describe: describePlanes,
  });
}

const dqbuf = defineIoctl({
  name: "VIDIOC_DQBUF",
  arg: BufferView,
  nested: planes,
  op: "dqbuf",
  scope: isStreaming,
  parse: (view, { device }) => ({
    type: parseDeviceBufType(view.type, device.traits),
    planeCapacity: planeCapacity(view),
  }),
  emit: (view, buffer, { array }) => {
    emitBuffer(view, buffer, array);
  },
  asks: ["type", "memory"],
  describe: describePlanes,
});

/**
 * A reply carries bytes, not an fd. It reaches the client through its helper library, or is put into its process
 * (docs/graft.md). Where neither is possible this device has no EXPBUF.
 */
const expbuf = defineIoctl({
  name: "VIDIOC_EXPBUF",
  note: "ENOTTY for clients that can neither be grafted nor have the helper library: a reply cannot carry an fd",
  arg: ExportbufferView,
  clearAfter: "flags",
  op: "expbuf",
  scope: isStreaming,
  run: ({ view, ops, file, call }) => {
    if (call.sendFd === undefined) {
      throw new V4l2Error("ENOTTY", "the client cannot be given an fd (no graft, no helper library)");
    }
    const { index, plane, flags } = view;
    const request = { type: parseBufType(view.type), index, plane, flags };
    return settle(ops.expbuf?.(file, request, call), (exported) => {
      if (exported === undefined) throw new V4l2Error("ENOTTY", "the driver has no expbuf");
      // Whoever gives the client the fd also puts its number here, when it is known.
      view.fd = -1;
      return sendAndRelease(call, exported);
    });
  },
  asks: ["type", "index", "plane", "flags"],
  describe: (out, view) => {
    out.int("fd", view.fd).word("type", view.type, bufTypeNames).uint("index", view.index);
    out.uint("plane", view.plane).hex("flags", view.flags, 8);
  },
});

function sendAndRelease(call: Call, exported: ExportedFd): Awaitable<void> {
  const release = (): void => exported.release?.();
  let sent: Awaitable<void> = undefined;
  try {
    sent = call.sendFd?.(exported.fd);
  } finally {
    if (!isLater(sent)) release();
  }
  return sent?.finally(release);
}

function defineStreaming(
  name: "VIDIOC_STREAMON" | "VIDIOC_STREAMOFF",
  op: "streamon" | "streamoff",
): IoctlDefinition<IntView> {
  return defineIoctl({
    name,
    arg: IntView,
    prio: true,
    op,
    scope: isStreaming,
    parse: (view) => parseBufType(view.value),
    describe: (out, view) => void out.word("type", view.value, bufTypeNames),
  });
}

const createBufs = defineIoctl({
  name: "VIDIOC_CREATE_BUFS",
  arg: CreateBuffersView,
  prio: true,
  op: "createBufs",
  scope: isStreaming,
  parse: (view, { device }) => {
    const type = parseDeviceBufType(view.format.type, device.traits);
    view.max_num_buffers = 0;
    view.reserved.assign([]);
    const format = parseFormat(view.format, type);
    view.capabilities = 0;
    return { count: view.count, memory: parseMemory(view.memory), format, flags: view.flags };
  },
  emit: (view, reply, { device }) => {
    view.index = reply.index;
    view.count = reply.count;
    view.capabilities = reply.capabilities | removeCap(device.traits);
    view.flags = reply.flags;
    if ((reply.capabilities & BufCap.MaxNumBuffers) !== 0) view.max_num_buffers = reply.maxNumBuffers;
  },
  asks: ["count", "memory", "format"],
  describe: (out, view) => {
    out.int("index", view.index).int("count", view.count).word("memory", view.memory, memoryNames);
    out.hex("capabilities", view.capabilities, 8);
    out.set("max_num_buffers", view.max_num_buffers).item(`max num buffers=${view.max_num_buffers}`);
    out.group("format", () => {
      describeFormat(out, view.format);
    });
  },
});

const removeBufs = defineIoctl({
  name: "VIDIOC_REMOVE_BUFS",
  note: "needs createBufs, too",
  arg: RemoveBuffersView,
  clearAfter: "type",
  prio: true,
  op: "removeBufs",
  scope: (device) => device.isStreaming && canRemove(device),
  parse: (view) => ({ type: parseBufType(view.type), index: view.index, count: view.count }),
  describe: (out, view) => {
    out.word("type", view.type, bufTypeNames).uint("index", view.index).uint("count", view.count);
  },
});

export const bufferIoctls: readonly IoctlDefinition[] = [
  reqbufs,
  querybuf,
  defineQueueing("VIDIOC_QBUF", "qbuf"),
  defineQueueing("VIDIOC_PREPARE_BUF", "prepareBuf"),
  dqbuf,
  expbuf,
  defineStreaming("VIDIOC_STREAMON", "streamon"),
  defineStreaming("VIDIOC_STREAMOFF", "streamoff"),
  createBufs,
  removeBufs,
];
