/** The tables of media ioctls. */
import { describe, expect, it } from "vitest";
import { mediaDeviceIoctls, mediaIoctlName, mediaRequestIoctls, Request } from "../../src/media/index.js";
import { IOCTLS } from "../../src/v4l2/gen/index.js";
import type { TraceEvent, V4l2Error } from "../../src/v4l2/index.js";
import { TraceStream } from "../../src/v4l2/index.js";
import { FakeCall } from "../v4l2/support/fakes.js";
import { mediaFile, vislMedia } from "./support/visl.js";

const names = Object.keys(IOCTLS).filter((name) => name.startsWith("MEDIA_"));

describe("the tables of media ioctls", () => {
  it("have every ioctl of media.h, once", () => {
    const all = [...mediaDeviceIoctls.all, ...mediaRequestIoctls.all].map(({ name }) => name);
    expect(all.sort()).toEqual([...names].sort());
  });

  it("know an ioctl by its whole number only", () => {
    const { number } = IOCTLS.MEDIA_IOC_DEVICE_INFO;
    expect(mediaIoctlName(number)).toBe("MEDIA_IOC_DEVICE_INFO");
    expect(mediaIoctlName(number ^ 0x8000_0000)).toBe("'|', dir=-w, #0x41007c00");
  });

  it("measure a call before its client is looked up", () => {
    const trace = new TraceStream();
    const events: TraceEvent[] = [];
    trace.subscribe((event) => events.push(event));
    const slow = 30;
    const call = Object.defineProperty(new FakeCall(), "client", {
      get: () => {
        const until = performance.now() + slow;
        while (performance.now() < until);
        return { pid: 1, comm: "slow to look up" };
      },
    });
    const request = new Request("1", { validate: () => undefined, queue: () => undefined }, () => undefined);
    const target = { on: request, trace, device: "media0", file: 1n };
    void mediaRequestIoctls.serve(target, IOCTLS.MEDIA_REQUEST_IOC_REINIT.number, new Uint8Array(0), call);
    expect(events).toMatchObject([
      { kind: "ioctl", name: "MEDIA_REQUEST_IOC_REINIT", comm: "slow to look up" },
    ]);
    const [event] = events;
    expect(event?.kind === "ioctl" && event.durationUs).toBeLessThan(slow * 1000);
  });

  it("refuse what belongs to the other kind of file, with ENOTTY", () => {
    const request = new Request("1", { validate: () => undefined, queue: () => undefined }, () => undefined);
    const target = { on: request, trace: new TraceStream(), device: "media0", file: 1n };
    const { number, size } = IOCTLS.MEDIA_IOC_DEVICE_INFO;
    expect(() => mediaRequestIoctls.serve(target, number, new Uint8Array(size), new FakeCall())).toThrow(
      expect.objectContaining({ code: "ENOTTY" }) as V4l2Error,
    );
  });
});

describe("the trace of media ioctls", () => {
  /** What the log says of one, and of what was asked. */
  function described(
    name: "MEDIA_IOC_DEVICE_INFO" | "MEDIA_IOC_SETUP_LINK" | "MEDIA_IOC_ENUM_LINKS",
    arg: Uint8Array,
  ) {
    const device = vislMedia();
    const events: TraceEvent[] = [];
    device.trace.subscribe((event) => events.push(event));
    try {
      void device.ioctl(mediaFile, IOCTLS[name].number, arg, new FakeCall());
    } catch {
      // Refused: the event says so.
    }
    const [event] = events;
    if (event?.kind !== "ioctl") throw new Error("no event");
    return event;
  }

  it("has an event for each, with its device, its file, and its errno", () => {
    const info = described("MEDIA_IOC_DEVICE_INFO", new Uint8Array(IOCTLS.MEDIA_IOC_DEVICE_INFO.size));
    expect(info).toMatchObject({ name: "MEDIA_IOC_DEVICE_INFO", file: mediaFile.id });
    expect(info.errno).toBeUndefined();
    const link = described("MEDIA_IOC_SETUP_LINK", new Uint8Array(IOCTLS.MEDIA_IOC_SETUP_LINK.size));
    expect(link).toMatchObject({ name: "MEDIA_IOC_SETUP_LINK", errno: "EINVAL" });
  });
});
