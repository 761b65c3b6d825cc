import { describe, expect, it, vi } from "vitest";
import { directionOf } from "../../src/v4l2/device-traits.js";
import { V4l2Error } from "../../src/v4l2/error.js";
import { ioctlTable } from "../../src/v4l2/ioctl/ioctl-table.js";
import { BufType, Cap, fourcc, isBufType, isOutput, Poll, Priority } from "../../src/v4l2/values/types.js";
import { VideoDevice } from "../../src/v4l2/video-device.js";
import { allOps } from "./support/all-ops.js";
import { errnoOf, FakeCall, fakeDevice, openFile } from "./support/fakes.js";

const call = new FakeCall();

describe("files", () => {
  it("have what the open hook returned, the device's controls, an event queue if there are events", () => {
    const device = new VideoDevice<{ count: number }>({
      name: "video3",
      driver: "d",
      card: "c",
      busInfo: "b",
      deviceCaps: Cap.VideoCapture,
      ops: { subscribeEvent: () => undefined },
      open: (file) => ({ count: Number(file.id) }),
    });
    const file = device.open({ id: 7n, client: call.client, flags: 0, notifyPoll: () => undefined });
    expect(file.state.count).toBe(7);
    expect(file.events?.pending).toBe(0);
    expect([...device.files]).toEqual([file]);
    expect(file.priority).toBe(Priority.Interactive);
    expect(file.canMap).toBe(false);
  });

  it("have no state before the open hook returned", () => {
    const device = fakeDevice({
      open: (file) => {
        expect(() => file.state).toThrow("before the open hook");
        return undefined;
      },
    });
    expect(() => {
      openFile(device).setState(undefined);
    }).toThrow("set once");
  });

  it("an open that is refused leaves nothing behind", async () => {
    const device = fakeDevice({
      open: () => {
        throw new V4l2Error("EBUSY", "one at a time");
      },
    });
    expect(await errnoOf(() => openFile(device))).toBe("EBUSY");
    expect(device.openCount).toBe(0);
    expect(device.priorities.max).toBe(Priority.Unset);
  });

  it("release runs once, and gives the priority back even if the driver's hook throws", () => {
    const release = vi.fn(() => {
      throw new Error("bug");
    });
    const device = fakeDevice({ release });
    const file = openFile(device);
    const said = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
    device.release(file);
    expect(said.mock.calls.map(([line]) => String(line))).toEqual([
      expect.stringMatching(
        /^video0: driver \w+: release of [^:]+: bug, at .*video-device\.test\.ts:\d+:\d+\)\n$/,
      ),
    ]);
    said.mockRestore();
    device.release(file);
    expect(release).toHaveBeenCalledOnce();
    expect(device.priorities.max).toBe(Priority.Unset);
  });
});

describe("read, write, poll, mmap", () => {
  it("are EINVAL, EINVAL, always ready and ENODEV without ops", async () => {
    const device = fakeDevice();
    const file = openFile(device);
    expect(await errnoOf(() => device.read(file, { size: 1, offset: 0n }, call))).toBe("EINVAL");
    expect(await errnoOf(() => device.write(file, { data: new Uint8Array(1), offset: 0n }, call))).toBe(
      "EINVAL",
    );
    expect(device.poll(file, Poll.In)).toBe(Poll.In | Poll.Out | Poll.RdNorm | Poll.WrNorm);
    const map = { offset: 0n, length: 4096n, prot: 3, flags: 1 };
    expect(await errnoOf(() => device.mmap(file, map, call))).toBe("ENODEV");
  });

  it("go to the ops, with the ops as `this`", async () => {
    class Files {
      readonly data = Uint8Array.of(1, 2);
      read(): Uint8Array {
        return this.data;
      }
      write(_file: unknown, { data }: { data: Uint8Array }): number {
        return data.byteLength - this.data.byteLength;
      }
      poll(): number {
        return this.data.byteLength;
      }
    }
    const device = fakeDevice({ fileOps: new Files() });
    const file = openFile(device);
    expect(await device.read(file, { size: 9, offset: 0n }, call)).toEqual(Uint8Array.of(1, 2));
    expect(await device.write(file, { data: new Uint8Array(3), offset: 0n }, call)).toBe(1);
    expect(device.poll(file, 0)).toBe(2);
  });

  it("say so when the device is gone, and pollers wake", async () => {
    const device = fakeDevice({ fileOps: { read: () => new Uint8Array(0), poll: () => Poll.In } });
    const notifyPoll = vi.fn();
    const file = device.open({ id: 1n, client: call.client, flags: 0, notifyPoll });
    device.unregister();
    device.unregister();
    expect(notifyPoll).toHaveBeenCalledOnce();
    expect(await errnoOf(() => device.read(file, { size: 1, offset: 0n }, call))).toBe("ENODEV");
    expect(device.poll(file, Poll.In)).toBe(Poll.Err | Poll.Hup | Poll.Pri);
  });
});

describe("what capabilities imply", () => {
  it.each([
    [Cap.VideoCapture, "rx"],
    [Cap.VideoOutput, "tx"],
    [Cap.VideoOutputMplane | Cap.Streaming, "tx"],
    [Cap.VideoM2m, "m2m"],
    [Cap.VideoM2mMplane | Cap.Streaming, "m2m"],
    [Cap.VideoCapture | Cap.VideoOutput, "m2m"],
    [Cap.MetaOutput, "tx"],
    [Cap.Modulator | Cap.Radio, "tx"],
    [Cap.Radio | Cap.Tuner, "rx"],
  ] as const)("direction of %i: %s", (caps, direction) => {
    expect(directionOf(caps)).toBe(direction);
  });

  it("the ioctls of a mem2mem decoder: visl's", () => {
    const device = fakeDevice({
      deviceCaps: Cap.VideoM2mMplane | Cap.Streaming,
      controls: {} as never,
      ops: {
        enumFmt: allOps.enumFmt,
        gFmt: allOps.gFmt,
        sFmt: allOps.sFmt,
        tryFmt: allOps.tryFmt,
        enumFramesizes: allOps.enumFramesizes,
        reqbufs: allOps.reqbufs,
        querybuf: allOps.querybuf,
        qbuf: allOps.qbuf,
        dqbuf: allOps.dqbuf,
        prepareBuf: allOps.prepareBuf,
        createBufs: allOps.createBufs,
        removeBufs: allOps.removeBufs,
        expbuf: allOps.expbuf,
        streamon: allOps.streamon,
        streamoff: allOps.streamoff,
        subscribeEvent: allOps.subscribeEvent,
      },
    });
    const names = ioctlTable.all.filter(({ name }) => device.accepts(name)).map(({ name }) => name.slice(7));
    expect(names.sort()).toEqual(
      `CREATE_BUFS DQBUF DQEVENT ENUM_FMT ENUM_FRAMESIZES EXPBUF G_CTRL G_EXT_CTRLS G_FMT G_PRIORITY PREPARE_BUF
       QBUF QUERYBUF QUERYCAP QUERYCTRL QUERYMENU QUERY_EXT_CTRL REMOVE_BUFS REQBUFS STREAMOFF STREAMON SUBSCRIBE_EVENT
       S_CTRL S_EXT_CTRLS S_FMT S_PRIORITY TRY_EXT_CTRLS TRY_FMT UNSUBSCRIBE_EVENT`.split(/\s+/),
    );
  });

  it("buffer types and device kinds", () => {
    const accepted = (parts: Parameters<typeof fakeDevice>[0]): number[] => {
      const { traits } = fakeDevice({ ...parts, ops: allOps });
      return Object.values(BufType).filter((type) => traits.accepts(type));
    };
    expect(accepted({ deviceCaps: Cap.VideoCapture })).toEqual([1, 3]);
    expect(accepted({ deviceCaps: Cap.VideoCaptureMplane })).toEqual([1, 3, 9]);
    expect(accepted({ deviceCaps: Cap.VideoOutput })).toEqual([2, 8]);
    expect(accepted({ deviceCaps: Cap.VideoM2mMplane })).toEqual([1, 2, 3, 8, 9, 10]);
    expect(accepted({ type: "vbi", deviceCaps: Cap.VbiCapture })).toEqual([4, 6]);
    expect(accepted({ type: "vbi", deviceCaps: Cap.VbiOutput })).toEqual([5, 7]);
    expect(accepted({ type: "sdr", deviceCaps: Cap.SdrCapture })).toEqual([11]);
    expect(accepted({ type: "sdr", deviceCaps: Cap.SdrOutput })).toEqual([12]);
    expect(accepted({ deviceCaps: Cap.MetaCapture })).toEqual([13]);
    expect(accepted({ deviceCaps: Cap.MetaOutput })).toEqual([14]);
    expect(accepted({ type: "touch", deviceCaps: Cap.VideoCapture | Cap.Touch })).toEqual([1]);
    expect(accepted({ type: "radio", deviceCaps: Cap.Tuner })).toEqual([]);
  });

  it("no format op, no buffer type", () => {
    expect(fakeDevice({ deviceCaps: Cap.VideoCapture }).traits.accepts(BufType.VideoCapture)).toBe(false);
  });
});

describe("types", () => {
  it("fourcc", () => {
    expect(fourcc("NV12")).toBe(0x3231564e);
    expect(fourcc("AR15", true)).toBe(0xb5315241);
    expect(() => fourcc("NV1")).toThrow(RangeError);
  });

  it("buffer types", () => {
    expect([0, 1, 14, 15, 0x80].map(isBufType)).toEqual([false, true, true, false, false]);
    expect(Object.values(BufType).filter(isOutput)).toEqual([2, 5, 7, 8, 10, 12, 14]);
  });
});
