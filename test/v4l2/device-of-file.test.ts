/** A node with several roles: what a file is shown, and what its calls are judged by. */
import { describe, expect, it, vi } from "vitest";
import { CapabilityView } from "../../src/v4l2/gen/index.js";
import { BufType, Cap } from "../../src/v4l2/values/types.js";
import { allOps } from "./support/all-ops.js";
import { argOf, errnoOf, fakeDevice, FakeCall, Harness, openFile } from "./support/fakes.js";
import { IOCTLS } from "../../src/v4l2/gen/index.js";

const both = Cap.VideoCapture | Cap.VideoOutput | Cap.Streaming;

describe("a device whose files have roles", () => {
  it("shows each file its own capabilities, and the whole device's to all", () => {
    const shown = { caps: Cap.VideoOutput | Cap.Streaming };
    const harness = new Harness({ deviceCaps: both, ops: allOps, capsOf: () => shown.caps });
    const capsNow = (): readonly number[] => {
      const view = new CapabilityView(argOf("VIDIOC_QUERYCAP"));
      void harness.ioctl("VIDIOC_QUERYCAP", view.bytes);
      return [view.device_caps, view.capabilities & both];
    };
    expect(capsNow()[0]).toBe((Cap.VideoOutput | Cap.Streaming | Cap.ExtPixFormat) >>> 0);
    shown.caps = Cap.VideoCapture | Cap.Streaming;
    expect(capsNow()[0]).toBe((Cap.VideoCapture | Cap.Streaming | Cap.ExtPixFormat) >>> 0);
  });

  it("cannot show a file what the device lacks", () => {
    const harness = new Harness({
      deviceCaps: Cap.VideoCapture | Cap.Streaming,
      ops: allOps,
      capsOf: () => both | Cap.ReadWrite,
    });
    expect(harness.file.device.identity.deviceCaps).toBe(Cap.VideoCapture | Cap.Streaming);
  });

  it("judges a file's calls by its role, anew with every call", async () => {
    let caps: number = Cap.VideoCapture | Cap.Streaming;
    const harness = new Harness({ deviceCaps: both, ops: allOps, capsOf: () => caps });
    expect(harness.ioctl("VIDIOC_G_INPUT")).toBe(0);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_G_OUTPUT"))).toBe("ENOTTY");
    expect(harness.file.device.accepts("VIDIOC_G_INPUT")).toBe(true);
    expect(harness.file.device.accepts("VIDIOC_G_OUTPUT")).toBe(false);
    caps = Cap.VideoOutput | Cap.Streaming;
    expect(harness.ioctl("VIDIOC_G_OUTPUT")).toBe(0);
    expect(await errnoOf(() => harness.ioctl("VIDIOC_G_INPUT"))).toBe("ENOTTY");
    expect(harness.file.device.traits.accepts(BufType.VideoOutput)).toBe(true);
    expect(harness.file.device.traits.accepts(BufType.VideoCapture)).toBe(false);
    expect(harness.file.device.accepts("VIDIOC_SUBDEV_G_FMT")).toBe(false);
  });

  it("shares all else with the device", () => {
    const reported = vi.fn();
    const device = fakeDevice({ deviceCaps: both, ops: allOps, capsOf: () => both, patienceMs: 77 });
    device.trace.subscribe((event) => {
      if (event.kind === "message") reported(event.level, event.text);
    });
    const file = openFile(device);
    const seen = file.device;
    expect(seen).not.toBe(device);
    expect(seen.name).toBe("video0");
    expect(seen.ops).toBe(device.ops);
    expect(seen.trace).toBe(device.trace);
    expect(seen.priorities).toBe(device.priorities);
    expect(seen.patienceMs).toBe(77);
    expect(seen.controls).toBe(device.controls);
    seen.message("warning", "mind the gap");
    expect(reported).toHaveBeenLastCalledWith("warning", "mind the gap");
    seen.reportBug({ where: "open", error: new Error("planted") });
    expect(reported).toHaveBeenLastCalledWith("error", expect.stringContaining("planted"));
    expect(seen.registered).toBe(true);
    device.unregister();
    expect(seen.registered).toBe(false);
  });

  it("that say nothing of it have one role, the device's", () => {
    const device = fakeDevice({ ops: allOps });
    const file = openFile(device);
    expect(file.device).toBe(device);
    expect(device.ioctl(file, IOCTLS.VIDIOC_G_INPUT.number, argOf("VIDIOC_G_INPUT"), new FakeCall())).toBe(0);
  });
});
