/** A media device without a kernel: who has it open, its requests, and the end. */
import { describe, expect, it, vi } from "vitest";
import { MediaDevice, mediaDeviceIoctls, mediaIoctlName, Request } from "../../src/media/index.js";
import type { MediaDeviceOptions, MediaFile } from "../../src/media/index.js";
import { IOCTLS, MediaDeviceInfoView } from "../../src/v4l2/gen/index.js";
import { Poll } from "../../src/v4l2/index.js";
import type { TraceEvent } from "../../src/v4l2/index.js";
import { errnoOf, FakeCall } from "../v4l2/support/fakes.js";

const requests = { validate: () => undefined, queue: () => undefined };

function makeDevice(more: Partial<MediaDeviceOptions> = {}): MediaDevice {
  const info = { driver: "fake", model: "Fake", busInfo: "platform:fake", version: 1 };
  return new MediaDevice({ name: "media0", info, requests, ...more });
}

const file = (notifyPoll?: () => void): MediaFile => ({
  id: 3n,
  client: { pid: 7, comm: "media-ctl" },
  ...(notifyPoll !== undefined && { notifyPoll }),
});

/** A place for requests, as src/serve has it. */
class Store {
  size = 0;
  closed = 0;
  readonly request = new Request("7:1", requests, () => undefined);
  readonly allocate = vi.fn(async () => {
    this.size += 1;
    return { request: this.request, file: { fd: 42, close: () => void (this.closed += 1) } };
  });
  readonly byFd = vi.fn(() => this.request);
}

describe("a media device", () => {
  it("counts its open files and requests", () => {
    const device = makeDevice();
    const [first, second] = [file(), file()];
    device.open(first);
    device.open(second);
    expect([device.openCount, device.openRequests]).toEqual([2, 0]);
    const store = new Store();
    store.size = 3;
    device.useRequests(store);
    expect([device.openCount, device.openRequests]).toEqual([5, 3]);
    device.release(first);
    expect(device.openCount).toBe(4);
    device.useRequests(undefined);
    expect(device.openCount).toBe(1);
  });

  it("tells of files that come and go, and of sentences for the operator", () => {
    const device = makeDevice();
    const events: TraceEvent[] = [];
    device.trace.subscribe((event) => events.push(event));
    const opened = file();
    device.open(opened);
    device.release(opened);
    device.message("warning", "mind the gap");
    const facts = { kind: "file", device: "media0", file: 3n, pid: 7, comm: "media-ctl", size: 0 };
    expect(events).toMatchObject([
      { ...facts, action: "open" },
      { ...facts, action: "release" },
      { kind: "message", device: "media0", level: "warning", text: "mind the gap" },
    ]);
  });

  it("that is gone: ENXIO for open, EIO for ioctls, an error for who polls, and they wake", async () => {
    const device = makeDevice();
    const notify = vi.fn();
    device.open(file(notify));
    device.open(file());
    const { number, size } = IOCTLS.MEDIA_IOC_DEVICE_INFO;
    expect(device.ioctl(file(), number, new Uint8Array(size), new FakeCall())).toBe(0);
    expect(device.poll()).toBe(Poll.In | Poll.Out | Poll.RdNorm | Poll.WrNorm);
    device.unregister();
    device.unregister();
    expect(notify).toHaveBeenCalledOnce();
    expect(device.registered).toBe(false);
    expect(device.poll()).toBe(Poll.Err | Poll.Hup);
    expect(await errnoOf(() => device.open(file()))).toBe("ENXIO");
    expect(await errnoOf(() => device.ioctl(file(), number, new Uint8Array(size), new FakeCall()))).toBe(
      "EIO",
    );
  });
});

describe("requests", () => {
  it("are found by descriptor: EBADR where there are none, EINVAL while none can be made", async () => {
    const call = new FakeCall();
    const without = new MediaDevice({ name: "media0", info: makeDevice().info });
    expect(without.hasRequests).toBe(false);
    expect(await errnoOf(() => without.byFd(call, 5))).toBe("EBADR");
    const device = makeDevice();
    expect(device.hasRequests).toBe(true);
    expect(await errnoOf(() => device.byFd(call, 5))).toBe("EINVAL");
    const store = new Store();
    device.useRequests(store);
    expect(device.byFd(call, 5)).toBe(store.request);
    expect(store.byFd).toHaveBeenCalledWith(call, 5);
  });

  it("are 16384 at the most unless the driver says otherwise", () => {
    expect([makeDevice().maxRequests, makeDevice({ maxRequests: 2 }).maxRequests]).toEqual([16_384, 2]);
  });

  it("are made for callers that can take a descriptor; ours is closed then", async () => {
    const device = makeDevice();
    const call = new FakeCall();
    expect(await errnoOf(() => device.allocateRequest(call))).toBe("ENOTTY");
    const store = new Store();
    device.useRequests(store);
    expect(await errnoOf(() => device.allocateRequest(call))).toBe("ENOTTY");
    expect(store.allocate).not.toHaveBeenCalled();
    const sent: number[] = [];
    call.sendFd = (fd) => void sent.push(fd);
    expect(await device.allocateRequest(call)).toBe(store.request);
    expect([sent, store.closed]).toEqual([[42], 1]);
  });

  it("that a signal interrupts are EINTR, and leave no descriptor", async () => {
    const device = makeDevice();
    const store = new Store();
    device.useRequests(store);
    const call = new FakeCall();
    const sendFd = vi.fn();
    call.sendFd = sendFd;
    const made = device.allocateRequest(call);
    for (const interrupt of call.interrupts) interrupt();
    expect(await errnoOf(() => made)).toBe("EINTR");
    expect(sendFd).not.toHaveBeenCalled();
    expect(store.closed).toBe(1);
  });
});

describe("the log of media ioctls", () => {
  const info = (driver: string): Uint8Array => {
    const view = new MediaDeviceInfoView(new Uint8Array(MediaDeviceInfoView.SIZE));
    view.driver = driver;
    return view.bytes;
  };
  const { MEDIA_IOC_DEVICE_INFO, MEDIA_IOC_SETUP_LINK, MEDIA_IOC_REQUEST_ALLOC } = IOCTLS;
  const none = { asked: undefined, askedArray: undefined, givenArray: undefined, note: undefined };

  it("describes recorded bytes, with what the argument does not say", () => {
    const given = info("fake");
    const described = mediaDeviceIoctls.describe(MEDIA_IOC_DEVICE_INFO.number, { ...none, given });
    expect(described?.text).toContain("driver=fake");
    const noted = mediaDeviceIoctls.describe(MEDIA_IOC_DEVICE_INFO.number, { ...none, given, note: "by 7" });
    expect(noted?.text).toBe(`${described?.text}, by 7`);
  });

  it("describes neither others' ioctls nor bytes of another size", () => {
    const { number, size } = MEDIA_IOC_DEVICE_INFO;
    const given = new Uint8Array(size);
    expect(mediaDeviceIoctls.describe(0x1234, { ...none, given })).toBeUndefined();
    expect(mediaDeviceIoctls.describe(number, { ...none, given: given.subarray(1) })).toBeUndefined();
    const asked = new Uint8Array(size + 1);
    expect(mediaDeviceIoctls.describe(number, { ...none, given, asked })).toBeUndefined();
    expect(mediaDeviceIoctls.describe(number, { ...none, given, asked: given })).toBeDefined();
  });

  it("tells of each call: what was asked, of those that read and write", () => {
    const device = makeDevice();
    const events: { name: string; asked: boolean; text: string; errno: unknown }[] = [];
    device.trace.subscribe((event) => {
      if (event.kind !== "ioctl") return;
      const { name, errno, bytes } = event;
      events.push({ name, errno, asked: bytes.asked !== undefined, text: event.text() });
    });
    const run = ({ number, size }: { number: number; size: number }): void => {
      try {
        void device.ioctl(file(), number, new Uint8Array(size), new FakeCall());
      } catch {
        // Its event is what counts.
      }
    };
    run(MEDIA_IOC_DEVICE_INFO);
    run(MEDIA_IOC_SETUP_LINK);
    run({ number: 0x80047c77, size: 4 });
    expect(events).toMatchObject([
      { name: "MEDIA_IOC_DEVICE_INFO", asked: true, errno: undefined },
      { name: "MEDIA_IOC_SETUP_LINK", asked: true, errno: "EINVAL" },
      { name: "'|', dir=r-, #0x80047c77", asked: false, errno: "ENOTTY", text: "driver-specific ioctl" },
    ]);
    expect(mediaIoctlName(MEDIA_IOC_REQUEST_ALLOC.number)).toBe("MEDIA_IOC_REQUEST_ALLOC");
  });

  it("names unknown numbers as the kernel does", () => {
    expect(mediaIoctlName(0x00002001)).toBe("' ', dir=--, #0x00002001");
    expect(mediaIoctlName(0x00007e01)).toBe("'~', dir=--, #0x00007e01");
    expect(mediaIoctlName(0xc0007f01)).toBe("'v', dir=rw, #0xc0007f01");
    expect(mediaIoctlName(0x40001f01)).toBe("'v', dir=-w, #0x40001f01");
  });
});
