/** Events: subscriptions are the driver's to allow, the queue is `file.events`. */
import type { ArgWriter } from "../ioctl/arg-writer.js";
import { defineIoctl } from "../ioctl/define-ioctl.js";
import type { IoctlContext, IoctlDefinition } from "../ioctl/define-ioctl.js";
import { V4l2Error } from "../error.js";
import type { FileEvents } from "../file-handle.js";
import { EventSubscriptionView, EventView } from "../gen/index.js";
import { fieldNames } from "../values/names.js";
import { settle } from "../../settle.js";
import { EventType } from "../values/types-device.js";
import type { EventPayload, EventSubscription, V4l2Event } from "../values/types-device.js";

/** `V4L2_CTRL_TYPE_INTEGER64`: the one control type whose event shows the whole union. */
const CTRL_TYPE_INTEGER64 = 5;
const NS_PER_SECOND = 1_000_000_000n;

function requireEvents({ file }: IoctlContext): FileEvents {
  if (file.events === undefined) throw new V4l2Error("ENOTTY", "the device has no events");
  return file.events;
}

function emitPayload({ u }: EventView, payload: EventPayload): void {
  switch (payload.kind) {
    case "none":
      return;
    case "vsync":
      u.vsync.field = payload.field;
      return;
    case "ctrl":
      u.ctrl.changes = payload.changes;
      u.ctrl.type = payload.ctrlType;
      u.ctrl.value64 = payload.value64;
      u.ctrl.flags = payload.flags;
      u.ctrl.minimum = payload.minimum;
      u.ctrl.maximum = payload.maximum;
      u.ctrl.step = payload.step;
      u.ctrl.default_value = payload.defaultValue;
      return;
    case "frame-sync":
      u.frame_sync.frame_sequence = payload.frameSequence;
      return;
    case "source-change":
      u.src_change.changes = payload.changes;
      return;
    case "motion-det":
      u.motion_det.flags = payload.flags;
      u.motion_det.frame_sequence = payload.frameSequence;
      u.motion_det.region_mask = payload.regionMask;
      return;
    case "raw":
      u.data.set(payload.bytes.subarray(0, u.data.byteLength));
      return;
  }
}

function emitEvent(view: EventView, event: V4l2Event): void {
  view.bytes.fill(0);
  view.type = event.type;
  view.id = event.id;
  view.pending = event.pending;
  view.sequence = event.sequence;
  view.timestamp.tv_sec = event.timestampNs / NS_PER_SECOND;
  view.timestamp.tv_nsec = event.timestampNs % NS_PER_SECOND;
  emitPayload(view, event.payload);
}

/** The kernel starts a new line for some payloads and not for others; the log does for all. */
function describePayload(out: ArgWriter, { type, u }: EventView): void {
  switch (type) {
    case EventType.Vsync:
      out.line().word("field", u.vsync.field, fieldNames);
      return;
    case EventType.Ctrl: {
      const { ctrl } = u;
      out.line().hex("changes", ctrl.changes).uint("type", ctrl.type);
      if (ctrl.type === CTRL_TYPE_INTEGER64) out.big("value64", ctrl.value64);
      else out.int("value", ctrl.value);
      out.hex("flags", ctrl.flags).int("minimum", ctrl.minimum).int("maximum", ctrl.maximum);
      out.int("step", ctrl.step).int("default_value", ctrl.default_value);
      return;
    }
    case EventType.FrameSync:
      out.line().uint("frame_sequence", u.frame_sync.frame_sequence);
      return;
  }
}

const dqevent = defineIoctl({
  name: "VIDIOC_DQEVENT",
  note: "served from file.events",
  arg: EventView,
  op: "subscribeEvent",
  run: (context) =>
    settle(requireEvents(context).dequeue(context.call), (event) => {
      emitEvent(context.view, event);
    }),
  describe: (out, view) => {
    const { tv_sec, tv_nsec } = view.timestamp;
    const seconds = BigInt.asUintN(64, tv_sec);
    const nanoseconds = String(BigInt.asUintN(64, tv_nsec)).padStart(9, "0");
    out.hex("type", view.type).uint("pending", view.pending).uint("sequence", view.sequence);
    out.uint("id", view.id).set("timestamp", `${seconds}.${nanoseconds}`);
    out.item(`timestamp=${seconds}.${nanoseconds}`);
    out.group("payload", () => {
      describePayload(out, view);
    });
  },
});

const parseSubscription = ({ type, id, flags }: EventSubscriptionView): EventSubscription => ({
  type,
  id,
  flags,
});

function describeSubscription(out: ArgWriter, view: EventSubscriptionView): void {
  out.hex("type", view.type).hex("id", view.id).hex("flags", view.flags);
}

const subscribeEvent = defineIoctl({
  name: "VIDIOC_SUBSCRIBE_EVENT",
  arg: EventSubscriptionView,
  op: "subscribeEvent",
  parse: parseSubscription,
  describe: describeSubscription,
});

/** A driver without an op of its own for this has nothing to add to dropping the subscription. */
const unsubscribeEvent = defineIoctl({
  name: "VIDIOC_UNSUBSCRIBE_EVENT",
  note: "without an op of its own: drops the subscription from file.events",
  arg: EventSubscriptionView,
  op: ["unsubscribeEvent", "subscribeEvent"],
  run: (context) => {
    const { view, ops, file } = context;
    const subscription = parseSubscription(view);
    if (ops.unsubscribeEvent !== undefined) return ops.unsubscribeEvent(file, subscription);
    requireEvents(context).unsubscribe(subscription);
  },
  describe: describeSubscription,
});

export const eventIoctls: readonly IoctlDefinition[] = [dqevent, subscribeEvent, unsubscribeEvent];
