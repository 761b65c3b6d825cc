import { describe, expect, it, vi } from "vitest";
import type { EventPayload } from "../../../src/v4l2/values/types-device.js";
import { eventQueue, subscribeEvent } from "../../../src/v4l2/events.js";
import { Poll } from "../../../src/v4l2/values/types.js";
import { hex, padded } from "../support/bytes.js";
import { argOf, errnoOf, Harness } from "../support/fakes.js";

const subscription = padded(32, hex`03000000 00099800 01000000`, 0xff);

describe("subscribing", () => {
  it("asks the driver", () => {
    const subscribe = vi.fn();
    const harness = new Harness({ ops: { subscribeEvent: subscribe } });
    expect(harness.ioctl("VIDIOC_SUBSCRIBE_EVENT", subscription.slice())).toBe(0);
    expect(subscribe).toHaveBeenCalledWith(harness.file, { type: 3, id: 0x980900, flags: 1 }, harness.call);
  });

  it("unsubscribing needs no op, but subscribing does", async () => {
    const harness = new Harness({ ops: { subscribeEvent: () => undefined } });
    expect(harness.ioctl("VIDIOC_UNSUBSCRIBE_EVENT", subscription.slice())).toBe(0);
    const without = new Harness();
    expect(await errnoOf(() => without.ioctl("VIDIOC_UNSUBSCRIBE_EVENT"))).toBe("ENOTTY");
    expect(await errnoOf(() => without.ioctl("VIDIOC_DQEVENT"))).toBe("ENOTTY");
  });

  it("the driver's own op for it comes first", () => {
    const unsubscribeEvent = vi.fn();
    const harness = new Harness({ ops: { subscribeEvent: () => undefined, unsubscribeEvent } });
    void harness.ioctl("VIDIOC_UNSUBSCRIBE_EVENT", subscription.slice());
    expect(unsubscribeEvent).toHaveBeenCalledOnce();
  });
});

describe("VIDIOC_DQEVENT", () => {
  const forms: readonly (readonly [string, EventPayload, Uint8Array])[] = [
    ["none", { kind: "none" }, hex``],
    ["vsync", { kind: "vsync", field: 2 }, hex`02`],
    [
      "ctrl",
      {
        kind: "ctrl",
        changes: 1,
        ctrlType: 1,
        value64: -5n,
        flags: 0x20,
        minimum: -128,
        maximum: 127,
        step: 1,
        defaultValue: 3,
      },
      hex`01000000 01000000 fbffffffffffffff 20000000 80ffffff 7f000000 01000000 03000000`,
    ],
    ["frame-sync", { kind: "frame-sync", frameSequence: 7 }, hex`07000000`],
    ["source-change", { kind: "source-change", changes: 1 }, hex`01000000`],
    [
      "motion-det",
      { kind: "motion-det", flags: 1, frameSequence: 2, regionMask: 3 },
      hex`01000000 02000000 03000000`,
    ],
    ["raw", { kind: "raw", bytes: new Uint8Array(70).fill(7) }, new Uint8Array(64).fill(7)],
  ];

  it.each(forms)("%s", (_name, payload, expected) => {
    const harness = new Harness({ ops: { subscribeEvent: () => undefined } });
    harness.file.events = {
      pending: 1,
      subscribed: true,
      dequeue: () => ({ type: 9, id: 4, payload, pending: 2, sequence: 3, timestampNs: 5_000_000_006n }),
      unsubscribe: () => undefined,
      close: () => undefined,
    };
    const arg = argOf("VIDIOC_DQEVENT");
    expect(harness.ioctl("VIDIOC_DQEVENT", arg)).toBe(0);
    expect(arg).toEqual(
      Uint8Array.from([
        ...hex`09000000 00000000`,
        ...padded(64, expected),
        ...hex`02000000 03000000 0500000000000000 0600000000000000 04000000`,
        ...new Uint8Array(36),
      ]),
    );
  });

  it("works with the real queue: ENOENT, poll, order", async () => {
    const harness = new Harness({
      ops: { subscribeEvent: (file, request) => subscribeEvent(file, request) },
    });
    harness.call.isNonblocking = true;
    const subscribe = padded(32, hex`02000000 00000000 00000000`); // EOS
    void harness.ioctl("VIDIOC_SUBSCRIBE_EVENT", subscribe);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_DQEVENT"))).toBe("ENOENT");
    expect(harness.device.poll(harness.file, Poll.Pri) & Poll.Pri).toBe(0);
    eventQueue(harness.file).queue({ type: 2, id: 0, payload: { kind: "none" } });
    expect(harness.device.poll(harness.file, Poll.Pri) & Poll.Pri).toBe(Poll.Pri);
    const arg = argOf("VIDIOC_DQEVENT");
    expect(await harness.ioctl("VIDIOC_DQEVENT", arg)).toBe(0);
    expect(arg[0]).toBe(2);
    expect(harness.device.poll(harness.file, Poll.Pri) & Poll.Pri).toBe(0);
  });
});
