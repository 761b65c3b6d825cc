import { describe, expect, it } from "vitest";
import type { Buffer, Call, VideoFormat } from "../../src/v4l2/index.js";
import { anyFormat, BufCap, BufType, Cap, ControlHandler, fourcc, Memory } from "../../src/v4l2/index.js";
import type { M2mContext, M2mDeviceOptions, M2mFile } from "../../src/m2m/index.js";
import { M2mDevice } from "../../src/m2m/index.js";
import { Request } from "../../src/media/index.js";
import { expectErrno, FakeCall, FakeProvider, settled } from "../vb2/fakes.js";

const { VideoOutput, VideoCapture } = BufType;
const call: Call & FakeCall = new FakeCall({ nonblocking: true });
const format: VideoFormat = {
  ...anyFormat,
  pixelformat: fourcc("GREY"),
  width: 8,
  height: 8,
  planes: [{ bytesperline: 8, sizeimage: 64 }],
};

type Options = M2mDeviceOptions<string>;

function makeDevice(
  more: Partial<Options> = {},
  formats: Partial<Options["formats"]> = {},
): M2mDevice<string> {
  const memory = new FakeProvider();
  return new M2mDevice<string>({
    ...{ name: "video0", mediaName: "media0", driver: "device", card: "device", io: ["mmap"] },
    source: { memory: () => memory },
    destination: { memory: () => memory },
    formats: {
      list: () => [format.pixelformat],
      current: (_context, type) => ({ ...format, type }),
      nearest: (_context, wish) => wish,
      set: () => undefined,
      ...formats,
    },
    open: (file) => `file ${file.id}`,
    deviceRun: (job) => {
      job.finish();
    },
    ...more,
  });
}

let lastId = 0n;

function open(device: M2mDevice<string>): M2mFile<string> {
  const client = { pid: 1, comm: "client" };
  const file = device.video.open({ id: ++lastId, client, flags: 2, notifyPoll: () => undefined });
  file.mapping = "by-asking";
  return file;
}

const reqbufs = (device: M2mDevice<string>, file: M2mFile<string>, type: BufType, count: number): void => {
  void device.video.ops.reqbufs?.(file, { type, memory: Memory.Mmap, count, flags: 0 }, call);
};

describe("the open files of a device", () => {
  it("are its contexts, until they are closed", () => {
    const device = makeDevice();
    const first = open(device);
    const second = open(device);
    expect([...device.contexts]).toEqual([first.state, second.state]);
    device.video.release(first);
    expect([...device.contexts]).toEqual([second.state]);
  });

  it("are told of twice when they are closed: with their buffers, and after them", () => {
    const told: unknown[] = [];
    const device: M2mDevice<string> = makeDevice({
      closing: ({ state, source }) => told.push(["closing", state, source.numBuffers]),
      release: (state) => told.push(["release", state, [...device.contexts].length]),
    });
    const file = open(device);
    const { state } = file.state;
    reqbufs(device, file, VideoOutput, 2);
    device.video.release(file);
    expect(told).toEqual([
      ["closing", state, 2],
      ["release", state, 0],
    ]);
  });
});

describe("what the driver declares", () => {
  it("of the node is the video device's", () => {
    const identity = { version: 0x060100, title: "Scaler", oldFormatNames: true, invertedCrop: true };
    const { options } = makeDevice({ ...identity, busInfo: "pci:1", patienceMs: 7 }).video;
    expect(options).toMatchObject({ ...identity, busInfo: "pci:1", patienceMs: 7, driver: "device" });
    const disabled = makeDevice({ disabled: ["VIDIOC_REQBUFS"] }).video;
    expect(disabled.accepts("VIDIOC_REQBUFS")).toBe(false);
    expect(makeDevice().video.accepts("VIDIOC_REQBUFS")).toBe(true);
  });

  it("and leaves out is not there: whoever reads it has the default", () => {
    const { options } = makeDevice().video;
    for (const name of ["version", "title", "disabled", "oldFormatNames", "invertedCrop", "patienceMs"])
      expect(options).not.toHaveProperty(name);
    expect(options.busInfo).toBe("platform:video0");
    expect(options.enumAllFormats).toBe(false);
    expect(makeDevice({}, { listAll: () => [] }).video.options.enumAllFormats).toBe(true);
  });

  it("single-planar or multi-planar is both queues'", () => {
    const types = (multiplanar?: boolean): unknown[] => {
      const device = makeDevice(multiplanar === undefined ? {} : { multiplanar });
      const { source, destination } = open(device).state;
      return [source.type, destination.type, device.video.options.deviceCaps];
    };
    const { Streaming, VideoM2m, VideoM2mMplane } = Cap;
    expect(types()).toEqual([VideoOutput, VideoCapture, VideoM2m | Streaming]);
    expect(types(true)).toEqual([
      BufType.VideoOutputMplane,
      BufType.VideoCaptureMplane,
      VideoM2mMplane | Streaming,
    ]);
  });

  it("of requests and of kinds of memory is the queues'", () => {
    const capabilities = (more: Partial<Options>): number[] => {
      const device = makeDevice(more);
      const file = open(device);
      return [VideoOutput, VideoCapture].map((type) => {
        const asked = { type, memory: Memory.Mmap, count: 0, flags: 0 };
        const reply = device.video.ops.reqbufs?.(file, asked, call);
        if (reply === undefined || reply instanceof Promise) throw new Error("no reply");
        return reply.capabilities;
      });
    };
    const { Mmap, Userptr, Dmabuf, OrphanedBufs, Requests, M2mHoldCaptureBuf, RemoveBufs } = BufCap;
    const both = Mmap | OrphanedBufs | RemoveBufs;
    expect(capabilities({ mediaName: undefined as never })).toEqual([both, both]);
    expect(capabilities({})).toEqual([both | Requests, both]);
    expect(capabilities({ supportsHold: true })).toEqual([both | Requests | M2mHoldCaptureBuf, both]);
    expect(capabilities({ io: undefined as never })).toEqual([
      both | Userptr | Dmabuf | Requests,
      both | Userptr | Dmabuf,
    ]);
  });

  it("of memory is used for that side's buffers", () => {
    const [source, destination] = [new FakeProvider(), new FakeProvider()];
    const device = makeDevice({
      source: { memory: () => source },
      destination: { memory: () => destination },
    });
    const file = open(device);
    reqbufs(device, file, VideoOutput, 3);
    reqbufs(device, file, VideoCapture, 2);
    expect([source.live, destination.live]).toEqual([3, 2]);
  });

  it("CREATE_BUFS tells the most buffers where a side says so", () => {
    const tells = (more: Partial<Options>): boolean[] => {
      const device = makeDevice(more);
      const file = open(device);
      return [VideoOutput, VideoCapture].map((type) => {
        const asked = { count: 0, memory: Memory.Mmap, format: { ...format, type }, flags: 0 };
        const reply = device.video.ops.createBufs?.(file, asked, call);
        if (reply === undefined || reply instanceof Promise) throw new Error("no reply");
        return (reply.capabilities & BufCap.MaxNumBuffers) !== 0;
      });
    };
    const memory = (): FakeProvider => new FakeProvider();
    expect(tells({})).toEqual([false, false]);
    expect(tells({ source: { memory, tellsMaxNumBuffers: true } })).toEqual([true, false]);
    expect(tells({ destination: { memory, tellsMaxNumBuffers: true } })).toEqual([false, true]);
  });

  it("of controls is each file's, with the requests of the device", () => {
    const handlers = new Map<string, ControlHandler>();
    const device = makeDevice({
      controls: (state) => {
        const controls = new ControlHandler();
        handlers.set(state, controls);
        return controls;
      },
    });
    const file = open(device);
    expect(file.controls).toBe(handlers.get(file.state.state));
    expect(handlers.get(file.state.state)?.requests).toBe(device.media);
    const own = { byFd: () => undefined as never };
    const kept = makeDevice({
      controls: () => Object.assign(new ControlHandler(), { requests: own }),
      requestResolver: { byFd: () => undefined as never },
    });
    expect((open(kept).controls as ControlHandler).requests).toBe(own);
    expect(open(makeDevice()).controls).toBeUndefined();
  });

  it("of requests is asked with the files of this device that a request has buffers of", () => {
    const asked: unknown[] = [];
    const device = makeDevice({
      requests: {
        validate: (_request, contexts) => asked.push(["validate", ...contexts]),
        queue: (_request, contexts) => asked.push(["queue", ...contexts]),
      },
    });
    const request = new Request("1:1", device.requestOps, () => undefined);
    expectErrno("ENOENT", () => {
      device.requestOps.validate(request);
    });
    device.requestOps.queue(request);
    expect(asked).toEqual([["validate"], ["queue"]]);
    const silent = makeDevice();
    silent.requestOps.queue(request);
  });
});

describe("the ops of one side", () => {
  it("are made for each file, with its state and its queue, and replace those that follow from the format", () => {
    const setUp: unknown[] = [];
    const memory = new FakeProvider();
    const device = makeDevice({
      destination: {
        memory: () => memory,
        ops: (state, queue) => ({
          queueSetup: ({ count }) => {
            setUp.push([state, queue().type]);
            return { count, planeSizes: [128] };
          },
        }),
      },
    });
    const file = open(device);
    reqbufs(device, file, VideoCapture, 1);
    reqbufs(device, file, VideoOutput, 1);
    expect(setUp).toEqual([[file.state.state, VideoCapture]]);
    expect(file.state.destination.buffer(0)?.plane(0).length).toBe(128);
    expect(file.state.source.buffer(0)?.plane(0).length).toBe(64);
  });
});

describe("S_FMT while the queue has buffers", () => {
  it.each([
    [undefined, "EBUSY"],
    [true, undefined],
  ] as const)("with setsWhileBusy %s: %s", (setsWhileBusy, errno) => {
    const device = makeDevice({}, { ...(setsWhileBusy && { setsWhileBusy }) });
    const file = open(device);
    reqbufs(device, file, VideoCapture, 1);
    const set = (): unknown => device.video.ops.sFmt?.(file, { ...format, type: VideoCapture });
    if (errno === undefined) expect(set()).toMatchObject({ width: 8 });
    else expectErrno(errno, set);
  });
});

describe("all formats", () => {
  const list = (device: M2mDevice<string>): unknown =>
    device.video.ops.enumFmt?.(open(device), { type: VideoCapture, index: 0, mbusCode: 0, all: true });

  it("are listed by a driver that has such a list", () => {
    const device = makeDevice({}, { listAll: () => [fourcc("NV12")] });
    expect(list(device)).toEqual({ pixelformat: fourcc("NV12") });
    expect(device.video.options.enumAllFormats).toBe(true);
  });

  it("are no flag that clients are told of without one", () => {
    expect(makeDevice().video.options.enumAllFormats).toBe(false);
  });
});

describe("a request", () => {
  const bufferOf = (context: M2mContext<string>) => ({
    kind: "buffer" as const,
    owner: context.source,
    validate: () => undefined,
    queue: () => undefined,
  });

  it("is shown to the driver before it is queued, with the file of each buffer, and no other device's", () => {
    const seen: unknown[] = [];
    const device = makeDevice({
      requests: {
        validate: (_request, contexts) => seen.push(["validate", ...contexts.map(({ state }) => state)]),
        queue: (_request, contexts) => seen.push(["queue", ...contexts.map(({ state }) => state)]),
      },
    });
    const context = open(device).state;
    const request = new Request("1:2", device.requestOps, () => undefined);
    request.bind(bufferOf(context));
    request.bind(bufferOf(open(makeDevice()).state));
    request.queue();
    expect(seen).toEqual([
      ["validate", context.state],
      ["queue", context.state],
    ]);
  });

  it("that the driver refuses stays idle, and is not queued", () => {
    let queued = 0;
    const device = makeDevice({
      requests: {
        validate: () => {
          throw new Error("refused");
        },
        queue: () => {
          queued += 1;
        },
      },
    });
    const request = new Request("1:2", device.requestOps, () => undefined);
    request.bind(bufferOf(open(device).state));
    expect(() => {
      request.queue();
    }).toThrow("refused");
    expect([request.state, queued]).toEqual(["idle", 0]);
  });
});

describe("a job of the device", () => {
  it.each<[string, Pick<Options, "jobReady">, boolean]>([
    ["runs when both buffers are there", {}, true],
    ["runs when the driver says so", { jobReady: () => true }, true],
    ["does not run while the driver says no", { jobReady: () => false }, false],
  ])("%s", async (_what, hooks, runs) => {
    let jobs = 0;
    const device = makeDevice({
      ...hooks,
      // Some hooks, but neither of those that are asked.
      requests: {},
      deviceRun: (job) => {
        jobs += 1;
        job.finish();
      },
    });
    const file = open(device);
    for (const type of [VideoOutput, VideoCapture] as const) {
      reqbufs(device, file, type, 1);
      const planes = [{ bytesused: 64, length: 64, dataOffset: 0, offset: 0 }];
      const buffer = {
        index: 0,
        type,
        memory: Memory.Mmap,
        flags: 0,
        field: 1,
        timestampNs: 0n,
        sequence: 0,
      };
      void device.video.ops.qbuf?.(file, { ...buffer, planes } as Buffer, call);
      void device.video.ops.streamon?.(file, type, call);
    }
    await settled();
    expect(jobs).toBe(runs ? 1 : 0);
    device.video.release(file);
  });

  it("needs no hooks for requests", () => {
    const device = makeDevice({ requests: {} });
    const request = new Request("1:1", device.requestOps, () => undefined);
    expectErrno("ENOENT", () => request.queue());
    device.requestOps.queue(request);
    expect(request.state).toBe("idle");
  });
});

it("what VideoDevice can do besides is passed on", () => {
  const { video } = makeDevice({ disabled: ["VIDIOC_CREATE_BUFS"], title: "Scaler", oldFormatNames: true });
  expect(video.options).toMatchObject({ title: "Scaler", oldFormatNames: true });
  expect(video.options.disabled).toEqual(["VIDIOC_CREATE_BUFS"]);
});

describe("what a driver declares of its device", () => {
  const declared = {
    version: 0x06_01_02,
    disabled: ["VIDIOC_G_PARM"],
    oldFormatNames: true,
    title: "a title",
    invertedCrop: true,
    busInfo: "platform:other",
  } as const;

  it("becomes the video device's identity", () => {
    const { disabled, ...identity } = declared;
    const { video } = makeDevice({ ...declared });
    expect(video.identity).toMatchObject(identity);
    expect(disabled.map((name) => video.accepts(name))).toEqual([false]);
  });

  it("lists formats as numbers or with more, and all of them only to who asks for all", () => {
    const described = { pixelformat: fourcc("NV12"), flags: 1 };
    const listAll = (): readonly (number | typeof described)[] => [fourcc("YU12"), described, fourcc("GREY")];
    const listed = (device: M2mDevice<string>, all: boolean): unknown[] => {
      const file = open(device);
      return [0, 1, 2, 3].map((index) =>
        device.video.ops.enumFmt?.(file, { index, type: VideoOutput, mbusCode: 0, all }),
      );
    };
    const device = makeDevice({}, { list: () => [format.pixelformat, described], listAll });
    expect(listed(device, false)).toEqual([{ pixelformat: fourcc("GREY") }, described, undefined, undefined]);
    const everything = [
      { pixelformat: fourcc("YU12") },
      described,
      { pixelformat: fourcc("GREY") },
      undefined,
    ];
    expect(listed(device, true)).toEqual(everything);
    expect(device.video.identity.enumAllFormats).toBe(true);
    const without = makeDevice();
    expect(without.video.identity.enumAllFormats).toBe(false);
    expect(listed(without, true)).toEqual([undefined, undefined, undefined, undefined]);
    const file = open(without);
    const other = without.video.ops.enumFmt?.(file, {
      ...{ index: 0, type: BufType.MetaCapture, mbusCode: 0, all: false },
    });
    expect(other).toBeUndefined();
  });

  it("is not there unless it was said", () => {
    const { identity } = makeDevice().video;
    const { version, oldFormatNames, title, invertedCrop } = identity;
    expect([version, oldFormatNames, title, invertedCrop]).toEqual(Array(4).fill(undefined));
    expect(identity.busInfo).toBe("platform:video0");
    expect(makeDevice().media?.info.version).toBe(0x06_0c_00);
  });

  it("says how long its ops may take", () => {
    expect(makeDevice({ patienceMs: 123 }).video.patienceMs).toBe(123);
    expect(makeDevice({ patienceMs: 0 }).video.patienceMs).toBe(0);
    expect(makeDevice().video.patienceMs).toBeGreaterThan(123);
  });
});
