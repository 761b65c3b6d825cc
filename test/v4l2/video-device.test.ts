import { describe, expect, it, vi } from "vitest";
import { directionOf, typeOf } from "../../src/v4l2/device-traits.js";
import { V4l2Error } from "../../src/v4l2/error.js";
import { IOCTLS } from "../../src/v4l2/gen/index.js";
import { ioctlTable } from "../../src/v4l2/ioctl/ioctl-table.js";
import { IntView, StdView } from "../../src/v4l2/ioctl/scalar-views.js";
import { bufTypeName, mbusName, nameOf } from "../../src/v4l2/values/names.js";
import {
  BufType,
  Cap,
  fourcc,
  isBufType,
  isOutput,
  isVideoBufType,
  Poll,
  Priority,
} from "../../src/v4l2/values/types.js";
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

  it("mmap() goes to the op, which may know nothing at that offset: ENODEV", async () => {
    const mmap = vi.fn((_file: unknown, { offset }: { offset: bigint }) =>
      offset === 0n ? { fd: 7, fdOffset: 4096n } : undefined,
    );
    const device = fakeDevice({ fileOps: { mmap } as never });
    const file = openFile(device);
    const map = { offset: 0n, length: 4096n, prot: 3, flags: 1 };
    expect(await device.mmap(file, map, call)).toEqual({ fd: 7, fdOffset: 4096n });
    expect(mmap).toHaveBeenCalledWith(file, map, call);
    expect(await errnoOf(() => device.mmap(file, { ...map, offset: 1n }, call))).toBe("ENODEV");
    device.unregister();
    expect(await errnoOf(() => device.mmap(file, map, call))).toBe("ENODEV");
  });

  it.each([
    ["more bytes than there is room for", { read: () => new Uint8Array(10) }, "10 bytes"],
    ["no bytes", { read: () => "text" }, "a value of type string"],
    ["more than it was given", { write: () => 4 }, "4"],
    ["less than nothing", { write: () => -1 }, "-1"],
    ["part of a byte", { write: () => 1.5 }, "1.5"],
    ["a descriptor that is none", { mmap: () => ({ fd: 0.5, fdOffset: 0n }) }, "a value of type object"],
    ["an offset that is none", { mmap: () => ({ fd: 3, fdOffset: 0 }) }, "a value of type object"],
  ])("a driver that answers with %s has a bug: EIO", async (_what, fileOps, told) => {
    const device = fakeDevice({ fileOps: fileOps as never });
    const file = openFile(device);
    const said: string[] = [];
    device.trace.subscribe((event) => {
      if (event.kind === "message") said.push(event.text);
    });
    const data = new Uint8Array(3);
    const run = {
      read: () => device.read(file, { size: 9, offset: 0n }, call),
      write: () => device.write(file, { data, offset: 0n }, call),
      mmap: () => device.mmap(file, { offset: 0n, length: 4096n, prot: 3, flags: 1 }, call),
    };
    const [op] = Object.keys(fileOps) as (keyof typeof run)[];
    expect(await errnoOf(run[op ?? "read"])).toBe("EIO");
    expect(said).toEqual([
      expect.stringMatching(new RegExp(`${op}\\(\\) of .*the op answered with ${told}.*the client got EIO`)),
    ]);
  });

  it("may fill all the room that there is, and take nothing", async () => {
    const device = fakeDevice({ fileOps: { read: () => new Uint8Array(9), write: () => 0 } });
    const file = openFile(device);
    expect(await device.read(file, { size: 9, offset: 0n }, call)).toHaveLength(9);
    expect(await device.write(file, { data: new Uint8Array(3), offset: 0n }, call)).toBe(0);
  });

  it("a poll that throws is EPOLLERR: its refusals are silent, its bugs told", () => {
    const errors = [new V4l2Error("EBUSY", "no"), new TypeError("oops")];
    const device = fakeDevice({
      fileOps: {
        poll: () => {
          throw errors.shift() ?? new Error("no more");
        },
      },
    });
    const said: string[] = [];
    device.trace.subscribe((event) => {
      if (event.kind === "message") said.push(event.text);
    });
    const file = openFile(device);
    expect(device.poll(file, Poll.In)).toBe(Poll.Err);
    expect(said).toEqual([]);
    expect(device.poll(file, Poll.In)).toBe(Poll.Err);
    expect(said).toEqual([expect.stringMatching(/poll\(\) of .*oops.*the client got EPOLLERR/)]);
  });

  it("a sub-device's poll tells events only, and an error where there can be none", () => {
    const subdev = { type: "subdev", deviceCaps: 0, subdev: { pads: [] } } as const;
    const silent = fakeDevice(subdev);
    expect(silent.poll(openFile(silent), Poll.In)).toBe(Poll.Err);
    const device = fakeDevice({ ...subdev, ops: { subscribeEvent: () => undefined } });
    expect(device.poll(openFile(device), Poll.In)).toBe(0);
    expect(device.accepts("VIDIOC_SUBDEV_QUERYCAP")).toBe(true);
    expect(device.accepts("VIDIOC_QUERYCAP")).toBe(false);
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

describe("an op whose promise takes longer than the driver's patience", () => {
  const late = (parts: Parameters<typeof fakeDevice>[0]) => {
    const device = fakeDevice({ patienceMs: 20, ...parts });
    const said: string[] = [];
    device.trace.subscribe((event) => {
      if (event.kind === "message") said.push(event.text);
    });
    return { device, file: openFile(device), said };
  };
  const { VIDIOC_G_INPUT, VIDIOC_DQBUF, VIDIOC_DQEVENT } = IOCTLS;

  it("is reported once it is over, and the call goes on", async () => {
    vi.useFakeTimers();
    try {
      let answer: (index: number) => void = () => undefined;
      const gInput = (): Promise<number> => new Promise((resolve) => (answer = resolve));
      const { device, file, said } = late({ ops: { gInput } });
      const pending = device.ioctl(file, VIDIOC_G_INPUT.number, new Uint8Array(4), call);
      await vi.advanceTimersByTimeAsync(19);
      expect(said).toEqual([]);
      await vi.advanceTimersByTimeAsync(2);
      expect(said).toEqual([
        expect.stringMatching(/VIDIOC_G_INPUT of .*pending for 20 ms; the client waits$/),
      ]);
      answer(1);
      expect(await pending).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is never reported for a driver whose patience is 0", async () => {
    vi.useFakeTimers();
    try {
      const gInput = (): Promise<number> => new Promise(() => undefined);
      const { device, file, said } = late({ patienceMs: 0, ops: { gInput } });
      void device.ioctl(file, VIDIOC_G_INPUT.number, new Uint8Array(4), call);
      await vi.advanceTimersByTimeAsync(100_000);
      expect(said).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([
    ["DQBUF", VIDIOC_DQBUF.number, Uint8Array.from(new Uint8Array(88).fill(0)).fill(1, 4, 5)],
    ["DQEVENT", VIDIOC_DQEVENT.number, new Uint8Array(136)],
    ["a private ioctl", 0xc00456c0, new Uint8Array(4)],
  ])("%s may wait as long as it likes", async (_what, cmd, arg) => {
    vi.useFakeTimers();
    try {
      const { device, file, said } = late({
        ops: {
          ...allOps,
          dqbuf: () => new Promise(() => undefined),
          default: () => new Promise(() => undefined),
        },
      });
      void device.ioctl(file, cmd, arg, call);
      await vi.advanceTimersByTimeAsync(1000);
      expect(said).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("what capabilities imply", () => {
  it.each([
    ["touch", Cap.Touch | Cap.VideoCapture],
    ["video", Cap.VideoOutput],
    ["video", Cap.MetaCapture],
    ["vbi", Cap.VbiCapture],
    ["vbi", Cap.VbiOutput],
    ["vbi", Cap.SlicedVbiCapture],
    ["vbi", Cap.SlicedVbiOutput],
    ["sdr", Cap.SdrCapture],
    ["sdr", Cap.SdrOutput],
    ["radio", Cap.Radio | Cap.Tuner],
    ["radio", Cap.Modulator],
    ["video", Cap.Edid],
  ] as const)("a node of type %s: 0x%s", (type, caps) => {
    expect(typeOf(caps)).toBe(type);
  });

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

  it("a direction that the driver states by hand decides over its capabilities", () => {
    const accepted = (parts: Parameters<typeof fakeDevice>[0]): number[] => {
      const { traits } = fakeDevice({ ...parts, ops: allOps });
      return Object.values(BufType).filter((type) => traits.accepts(type));
    };
    expect(accepted({ direction: "rx", deviceCaps: Cap.VideoM2mMplane })).toEqual([1, 3, 9]);
    expect(accepted({ direction: "tx", deviceCaps: Cap.VideoM2mMplane })).toEqual([2, 8, 10]);
    expect(accepted({ type: "vbi", direction: "rx", deviceCaps: Cap.VideoM2mMplane })).toEqual([4, 6]);
    expect(accepted({ type: "vbi", direction: "tx", deviceCaps: Cap.VideoM2mMplane })).toEqual([5, 7]);
    expect(accepted({ type: "sdr", direction: "tx", deviceCaps: Cap.SdrCapture })).toEqual([12]);
    expect(accepted({ direction: "tx", deviceCaps: Cap.MetaCapture })).toEqual([14]);
    expect(accepted({ type: "radio", deviceCaps: Cap.VideoM2mMplane | Cap.MetaCapture })).toEqual([]);
  });

  it("the structs of a queue follow from the capabilities of its direction", () => {
    const planarity = (deviceCaps: number): boolean[] => {
      const { traits } = fakeDevice({ deviceCaps, ops: allOps });
      return [1, 2, 9, 10, 4].map((type) => traits.hasPlanarity(type as BufType));
    };
    expect(planarity(Cap.VideoM2m)).toEqual([true, true, false, false, true]);
    expect(planarity(Cap.VideoM2mMplane)).toEqual([false, false, true, true, true]);
    expect(planarity(Cap.VideoCaptureMplane | Cap.VideoOutput)).toEqual([false, true, true, false, true]);
    expect(planarity(Cap.VideoCapture | Cap.VideoOutputMplane)).toEqual([true, false, false, true, true]);
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

  it("which buffer types carry pictures", () => {
    expect(Object.values(BufType).filter(isVideoBufType)).toEqual([1, 2, 9, 10]);
    expect([0, 15].map(isVideoBufType)).toEqual([false, false]);
  });

  it("words of enumerations: a hole and what is behind the end are told apart", () => {
    const table = [undefined, "one"];
    expect([0, 1, 2, 0xffffffff].map((value) => nameOf(table, value))).toEqual([
      "(null)",
      "one",
      "unknown",
      "unknown",
    ]);
    expect([bufTypeName(1), bufTypeName(14), bufTypeName(15)]).toEqual(["vid-cap", "meta-out", "unknown"]);
    expect([mbusName(0x200f), mbusName(0x12)]).toEqual(["MEDIA_BUS_FMT_UYVY8_1X16", "0x0012"]);
  });

  it("an int and a set of standards need their bytes", () => {
    expect(() => new IntView(new Uint8Array(3))).toThrow(RangeError);
    expect(() => new StdView(new Uint8Array(7))).toThrow(RangeError);
    const std = new StdView(Uint8Array.from([0xff, 0, 0, 0, 0, 0, 0, 1]));
    expect([new IntView(Uint8Array.from([1, 2, 0, 0])).value, std.value]).toEqual([
      0x201,
      0x1000000000000ffn,
    ]);
  });

  it("buffer types", () => {
    expect([0, 1, 14, 15, 0x80].map(isBufType)).toEqual([false, true, true, false, false]);
    expect(Object.values(BufType).filter(isOutput)).toEqual([2, 5, 7, 8, 10, 12, 14]);
  });
});
