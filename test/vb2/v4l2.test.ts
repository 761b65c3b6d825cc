/** The ioctls as a client sees them: capabilities, flags, payload rules, ownership, errnos. */
import { describe, expect, it } from "vitest";
import { BufCap, BufFlag, BufType, Field, Memory, Poll } from "../../src/v4l2/index.js";
import type { Buffer, Format, TraceEvent } from "../../src/v4l2/index.js";
import { TraceStream } from "../../src/v4l2/index.js";
import type { VideoBuffer, VideoQueueConfig } from "../../src/vb2/index.js";
import { client, ready, videoFormat } from "./client.js";
import type { Client } from "./client.js";
import { at, expectErrno, expectRejection, FakeFileHandle } from "./fakes.js";

const STATE_FLAGS =
  BufFlag.Mapped | BufFlag.Queued | BufFlag.Done | BufFlag.Error | BufFlag.Prepared | BufFlag.InRequest;

describe("capabilities", () => {
  const requests = { supportsRequests: true, requests: { byFd: () => undefined as never } };
  const request = (c: Client, count: number): { capabilities: number } =>
    c.ops.createBufs(c.file, {
      count,
      memory: Memory.Mmap,
      flags: 1,
      format: videoFormat(c.queue.type, [64]),
    });

  it("are those of the kernel's visl: OUTPUT 0x1bd, CAPTURE 0x195", () => {
    const io = ["mmap", "dmabuf"] as const;
    const tells = { tellsMaxNumBuffers: true };
    const output = client({
      type: BufType.VideoOutputMplane,
      io,
      supportsHold: true,
      ...tells,
      ...requests,
    });
    expect(request(output, 0)).toEqual({
      index: 0,
      count: 0,
      capabilities: 0x1bd,
      flags: 0,
      maxNumBuffers: 32,
    });
    const capture = client({ type: BufType.VideoCaptureMplane, io, ...tells });
    expect(request(capture, 0).capabilities).toBe(0x195);
    expect(request(capture, 1)).toMatchObject({ index: 0, count: 1, capabilities: 0x195 });
  });

  it("tell the most buffers only when they are not 32, for clients that take the field for reserved", () => {
    const tells = (config: Parameters<typeof client>[0]): boolean =>
      (request(client(config), 0).capabilities & BufCap.MaxNumBuffers) !== 0;
    expect(tells({})).toBe(false);
    expect(tells({ maxNumBuffers: 64 })).toBe(true);
    expect(tells({ maxNumBuffers: 4 })).toBe(true);
    expect(tells({ maxNumBuffers: 64, tellsMaxNumBuffers: false })).toBe(false);
  });

  it("REQBUFS does not tell the most buffers", () => {
    const c = client();
    const reply = c.ops.reqbufs(c.file, { type: c.queue.type, memory: Memory.Mmap, count: 1, flags: 1 });
    expect(reply.capabilities).toBe(
      BufCap.Mmap | BufCap.Userptr | BufCap.Dmabuf | BufCap.OrphanedBufs | BufCap.RemoveBufs,
    );
    expect(reply.flags).toBe(0);
  });

  it("MMAP is not offered to a client that cannot map", () => {
    const c = client();
    c.file.canMap = false;
    const reqbufs = (memory: Memory, count: number): unknown =>
      c.ops.reqbufs(c.file, { type: c.queue.type, memory, count, flags: 0 });
    expectErrno("EINVAL", () => reqbufs(Memory.Mmap, 2));
    expectErrno("EINVAL", () => reqbufs(Memory.Mmap, 0));
    expectErrno("EINVAL", () => request(c, 0));
    expect(reqbufs(Memory.Userptr, 1)).toMatchObject({
      capabilities: BufCap.Userptr | BufCap.Dmabuf | BufCap.OrphanedBufs | BufCap.RemoveBufs,
    });
  });

  it.each([Memory.Userptr, Memory.Dmabuf, Memory.Overlay])(
    "memory %d is EINVAL where it is not offered",
    (memory) => {
      const c = client({ io: ["mmap"] });
      const request = { type: c.queue.type, memory, count: 1, flags: 0 };
      expectErrno("EINVAL", () => c.ops.reqbufs(c.file, request));
      const name = { [Memory.Userptr]: "userptr", [Memory.Dmabuf]: "dmabuf" }[memory as number] ?? memory;
      expect(() => c.ops.reqbufs(c.file, request)).toThrow(`memory ${name} is not offered by video0 capture`);
    },
  );
});

describe("CREATE_BUFS takes the sizes from the format", () => {
  it.each<[string, BufType, Format]>([
    [
      "VBI",
      BufType.VbiCapture,
      {
        type: BufType.VbiCapture,
        samplingRate: 0,
        offset: 0,
        samplesPerLine: 100,
        sampleFormat: 0,
        start: [0, 0],
        count: [2, 3],
        flags: 0,
      },
    ],
    [
      "sliced VBI",
      BufType.SlicedVbiCapture,
      { type: BufType.SlicedVbiCapture, serviceSet: 0, serviceLines: [], ioSize: 500 },
    ],
    ["SDR", BufType.SdrCapture, { type: BufType.SdrCapture, pixelformat: 0, buffersize: 500 }],
    [
      "metadata",
      BufType.MetaCapture,
      { type: BufType.MetaCapture, dataformat: 0, buffersize: 500, width: 0, height: 0, bytesperline: 0 },
    ],
    ["pictures", BufType.VideoCapture, videoFormat(BufType.VideoCapture, [500])],
  ])("%s", (_, type, format) => {
    const c = client({ type });
    c.ops.createBufs(c.file, { count: 1, memory: Memory.Mmap, flags: 0, format });
    expect(c.queue.buffer(0)?.planes.map((plane) => plane.length)).toEqual([500]);
  });

  it("EINVAL for a format that has no size", () => {
    const type = BufType.VideoOverlay;
    const c = client({ type });
    const format = { type } as Format;
    expectErrno("EINVAL", () =>
      c.ops.createBufs(c.file, { count: 1, memory: Memory.Mmap, flags: 0, format }),
    );
  });

  it.each([[[]], [[0]], [[64, 0]]])("EINVAL for plane sizes %j", (sizes) => {
    const c = client({ type: BufType.VideoCaptureMplane });
    const format = videoFormat(c.queue.type, sizes);
    expectErrno("EINVAL", () =>
      c.ops.createBufs(c.file, { count: 1, memory: Memory.Mmap, flags: 0, format }),
    );
    expect(c.ops.createBufs(c.file, { count: 0, memory: Memory.Mmap, flags: 0, format }).count).toBe(0);
  });
});

describe("flags of a buffer", () => {
  const stateOf = (buffer: Buffer): number => buffer.flags & STATE_FLAGS;

  it("follow its state", () => {
    const c = ready();
    expect(stateOf(c.querybuf(0))).toBe(0);
    expect(stateOf(c.ops.prepareBuf(c.file, c.buffer(0), c.call))).toBe(BufFlag.Prepared);
    expect(stateOf(c.qbuf(0))).toBe(BufFlag.Queued);
    c.ops.streamon(c.file, c.queue.type);
    expect(stateOf(c.querybuf(0))).toBe(BufFlag.Queued);
    c.driver.complete();
    expect(stateOf(c.querybuf(0))).toBe(BufFlag.Done);
    expect(stateOf(c.dqbuf())).toBe(0);
    c.qbuf(0);
    c.driver.complete("error");
    expect(stateOf(c.querybuf(0))).toBe(BufFlag.Done | BufFlag.Error);
    expect(stateOf(c.dqbuf())).toBe(BufFlag.Error);
    expect(stateOf(c.querybuf(0))).toBe(0);
  });

  it("MAPPED once a client mapped or exported it, until it is freed", () => {
    const c = ready();
    c.files.mmap(c.file, { offset: 0x8000n, length: 4096n, prot: 3, flags: 1 });
    expect(stateOf(c.querybuf(1))).toBe(BufFlag.Mapped);
    expect(stateOf(c.querybuf(0))).toBe(0);
    c.ops.expbuf(c.file, { type: c.queue.type, index: 0, plane: 0, flags: 0o2000002 }, c.call);
    expect(stateOf(c.querybuf(0))).toBe(BufFlag.Mapped);
    expect(c.memory.exported).toEqual([2]);
  });

  it.each([
    ["monotonic", {}, BufFlag.TimestampMonotonic],
    [
      "monotonic, at the start of the frame",
      { timestampsAtStart: true },
      BufFlag.TimestampMonotonic | BufFlag.TstampSrcSoe,
    ],
    ["copied", { timestamps: "copy" }, BufFlag.TimestampCopy],
  ] as const)("time stamps: %s", (_, config, expected) => {
    const c = ready(config);
    expect(c.querybuf(0).flags).toBe(expected);
    expect(
      c.qbuf(0, { flags: 0xffffffff & ~BufFlag.RequestFd }).flags &
        (BufFlag.TimestampMask | BufFlag.TstampSrcMask),
    ).toBe(expected);
  });

  it("CAPTURE: none that a client sets reaches the driver; the driver's reach the client", () => {
    const c = ready();
    c.qbuf(0, {
      flags: BufFlag.Keyframe | BufFlag.Last | BufFlag.Error | BufFlag.Done | BufFlag.NoCacheClean,
    });
    expect(at(c.queue, 0).flags).toBe(0);
    c.ops.streamon(c.file, c.queue.type);
    const [buffer] = c.driver.held.splice(0);
    if (buffer === undefined) throw new Error("no buffer");
    c.queue.bufferDone(buffer, "done", {
      timestampNs: 5_000n,
      sequence: 7,
      field: Field.Top,
      flags: BufFlag.Keyframe,
      bytesused: [33],
    });
    expect(c.dqbuf()).toMatchObject({
      timestampNs: 5_000n,
      sequence: 7,
      field: Field.Top,
      flags: BufFlag.TimestampMonotonic | BufFlag.Keyframe,
      planes: [{ bytesused: 33, length: 64, dataOffset: 0, offset: 0 }],
    });
  });

  it("OUTPUT: frame types, field and time code reach the driver; hold only where it works", () => {
    const timecode = {
      type: 1,
      flags: 2,
      frames: 3,
      seconds: 4,
      minutes: 5,
      hours: 6,
      userbits: [1, 2, 3, 4],
    } as const;
    const flags = BufFlag.Keyframe | BufFlag.Timecode | BufFlag.M2mHoldCaptureBuf | BufFlag.TstampSrcSoe;
    const c = ready({ type: BufType.VideoOutput, timestamps: "copy" });
    const reply = c.qbuf(0, { flags, timecode, field: Field.Top, timestampNs: 9_000n });
    expect(at(c.queue, 0)).toMatchObject({
      flags: BufFlag.Keyframe | BufFlag.Timecode | BufFlag.TstampSrcSoe,
      timecode,
      field: Field.Top,
      timestampNs: 9_000n,
    });
    expect(reply).toMatchObject({ timecode, timestampNs: 9_000n });
    const holds = ready({ type: BufType.VideoOutput, timestamps: "copy", supportsHold: true });
    holds.qbuf(0, { flags, timecode });
    expect(at(holds.queue, 0).flags & BufFlag.M2mHoldCaptureBuf).not.toBe(0);
  });

  it("stay as they are when a buffer is queued once more: EINVAL", () => {
    const c = ready({ type: BufType.VideoOutput });
    c.qbuf(0, { flags: BufFlag.Keyframe, field: Field.Top });
    expectErrno("EINVAL", () => c.qbuf(0, { flags: BufFlag.Pframe, field: Field.Bottom }));
    expect(at(c.queue, 0)).toMatchObject({ flags: BufFlag.Keyframe, field: Field.Top });
  });

  it("QBUF forgets what the buffer carried before", () => {
    const c = ready();
    Object.assign(at(c.queue, 0), { sequence: 9, requestFd: 3, isHeld: true });
    const reply = c.qbuf(0);
    expect([reply.sequence, reply.requestFd, at(c.queue, 0).isHeld]).toEqual([0, undefined, false]);
  });

  it.each([
    ["copied come with the source that their driver says", "copy", BufFlag.TstampSrcSoe],
    ["the driver takes have the source of their queue", "monotonic", 0],
  ] as const)("time stamps that %s", (_what, timestamps, source) => {
    const c = ready({ timestamps });
    const buffer = at(c.queue, 0);
    buffer.flags |= BufFlag.TstampSrcSoe;
    expect(c.querybuf(0).flags & BufFlag.TstampSrcMask).toBe(source);
  });

  it("QBUF tells of the buffer as it was queued, also when it starts the stream", () => {
    const c = ready({ minQueuedBuffers: 2 });
    c.driver.completesAtOnce = true;
    c.ops.streamon(c.file, c.queue.type);
    c.qbuf(0);
    const { flags } = c.qbuf(1);
    expect(flags & (BufFlag.Queued | BufFlag.Done)).toBe(BufFlag.Queued);
    expect(c.querybuf(1).flags & (BufFlag.Queued | BufFlag.Done)).toBe(BufFlag.Done);
  });

  it("a time stamp that is not copied is forgotten in QBUF", () => {
    const c = ready({ type: BufType.VideoOutput });
    at(c.queue, 0).timestampNs = 4n;
    expect(c.qbuf(0, { timestampNs: 9n }).timestampNs).toBe(0n);
  });

  it("the LAST buffer ends DQBUF with EPIPE, and poll is ready", () => {
    const c = ready();
    c.qbuf(0);
    c.qbuf(1);
    c.ops.streamon(c.file, c.queue.type);
    const [first, second] = c.driver.held.splice(0);
    if (first === undefined || second === undefined) throw new Error("no buffers");
    c.queue.bufferDone(first, "done", { flags: BufFlag.Last, bytesused: [0] });
    c.queue.bufferDone(second);
    expect(c.dqbuf().flags & BufFlag.Last).not.toBe(0);
    expectErrno("EPIPE", () => c.dqbuf());
    expect(c.files.poll(c.file, Poll.In)).toBe(Poll.In | Poll.RdNorm);
  });
});

it("LAST means nothing on an OUTPUT queue: DQBUF goes on (vb2_dqbuf)", () => {
  const c = ready({ type: BufType.VideoOutput });
  for (const index of [0, 1]) c.qbuf(index);
  c.ops.streamon(c.file, c.queue.type);
  for (const buffer of c.driver.held.splice(0)) c.queue.bufferDone(buffer, "done", { flags: BufFlag.Last });
  expect([c.dqbuf().index, c.dqbuf().index]).toEqual([0, 1]);
});

describe("payload of OUTPUT buffers", () => {
  const single = (plane: { bytesused: number; dataOffset?: number }): [Client, Partial<Buffer>] => [
    ready({ type: BufType.VideoOutput }),
    { planes: [{ length: 0, offset: 0, dataOffset: 0, ...plane }] },
  ];
  const multi = (...planes: { bytesused: number; dataOffset?: number }[]): [Client, Partial<Buffer>] => [
    ready({ type: BufType.VideoOutputMplane }, (driver) => (driver.planeSizes = [64, 32])),
    { planes: planes.map((plane) => ({ length: 0, offset: 0, dataOffset: 0, ...plane })) },
  ];

  it("is what the client says", () => {
    const [c, buffer] = multi({ bytesused: 20, dataOffset: 4 }, { bytesused: 32 });
    expect(c.qbuf(0, buffer).planes).toEqual([
      { bytesused: 20, length: 64, dataOffset: 4, offset: 0x4000_0000 },
      { bytesused: 32, length: 32, dataOffset: 0, offset: 0x4000_1000 },
    ]);
  });

  it("0 stands for all of it, with one warning", () => {
    const trace = new TraceStream();
    const events: TraceEvent[] = [];
    trace.subscribe((event) => events.push(event));
    const c = ready({ type: BufType.VideoOutput, trace });
    expect(c.qbuf(0).planes[0]?.bytesused).toBe(64);
    c.qbuf(1);
    expect(events.filter((event) => event.kind === "message")).toHaveLength(1);
  });

  it("the warning of 0 reaches the operator without a log", () => {
    const trace = new TraceStream();
    const said: string[] = [];
    trace.unheard = ({ device, text }) => said.push(`${device}: ${text}`);
    const c = ready({ type: BufType.VideoOutput, trace });
    c.qbuf(0);
    expect(said).toEqual([expect.stringMatching(/^video0: .* queues with bytesused 0, /)]);
  });

  it("0 stays 0 where that means something", () => {
    const c = ready({ type: BufType.VideoOutput, allowZeroBytesused: true });
    expect(c.qbuf(0).planes[0]?.bytesused).toBe(0);
  });

  it.each<[string, Partial<VideoQueueConfig<VideoBuffer>>, number[], RegExp[]]>([
    ["CAPTURE, where it means nothing", { type: BufType.VideoCaptureMplane }, [0, 0], []],
    ["full planes", {}, [64, 32], []],
    ["the first plane", {}, [0, 32], [/ is taken for the whole plane/]],
    ["the second plane", {}, [64, 0], [/ is taken for the whole plane/]],
    [
      "the end of a stream",
      { allowZeroBytesused: true },
      [0, 0],
      [/ a client ends a stream with bytesused 0/],
    ],
  ])("the warning of 0: %s", (_what, config, bytesused, expected) => {
    const trace = new TraceStream();
    const said: string[] = [];
    trace.unheard = ({ text }) => said.push(text);
    const c = ready({ type: BufType.VideoOutputMplane, trace, ...config }, (driver) => {
      driver.planeSizes = [64, 32];
    });
    c.qbuf(0, {
      planes: bytesused.map((bytes) => ({ bytesused: bytes, length: 0, dataOffset: 0, offset: 0 })),
    });
    expect(said).toEqual(expected.map((text) => expect.stringMatching(text) as string));
  });

  it.each([
    ["larger than the plane", single({ bytesused: 65 })],
    ["larger than the second plane", multi({ bytesused: 1 }, { bytesused: 33 })],
    ["data starts where the payload ends", multi({ bytesused: 20, dataOffset: 20 }, { bytesused: 1 })],
    ["data starts behind an implied payload", multi({ bytesused: 0, dataOffset: 64 }, { bytesused: 1 })],
    ["fewer planes than the buffer has", multi({ bytesused: 1 })],
    ["no planes", multi()],
  ])("EINVAL: %s", (_, [c, buffer]) => {
    expectErrno("EINVAL", () => c.qbuf(0, buffer));
    expect(at(c.queue, 0).state).toBe("dequeued");
  });

  it("data offsets mean nothing to single planes, payloads nothing to CAPTURE", () => {
    const [c, buffer] = single({ bytesused: 5, dataOffset: 60 });
    expect(c.qbuf(0, buffer).planes[0]).toMatchObject({ bytesused: 5, dataOffset: 0 });
    const capture = ready();
    expect(
      capture.qbuf(0, { planes: [{ bytesused: 99, length: 0, dataOffset: 99, offset: 0 }] }).planes[0],
    ).toMatchObject({
      bytesused: 0,
      dataOffset: 0,
    });
  });

  it("field ALTERNATE does not say which, EINVAL; a CAPTURE client may say anything", () => {
    expectErrno("EINVAL", () => ready({ type: BufType.VideoOutput }).qbuf(0, { field: Field.Alternate }));
    ready().qbuf(0, { field: Field.Alternate });
  });
});

describe("QBUF, PREPARE_BUF and QUERYBUF refuse with EINVAL", () => {
  it.each<[string, Partial<Buffer>]>([
    ["an index beyond the last", { index: 2 }],
    ["a huge index", { index: 2 ** 32 - 1 }],
    ["another memory", { memory: Memory.Userptr }],
    ["a type that the device has not", { type: BufType.VideoOutput }],
    [
      "more planes than any buffer",
      {
        planes: new Array(9).fill({ bytesused: 0, length: 0, dataOffset: 0, offset: 0 }) as Buffer["planes"],
      },
    ],
  ])("%s", (_, more) => {
    const c = ready();
    expectErrno("EINVAL", () => c.qbuf(0, more));
    expectErrno("EINVAL", () => c.ops.prepareBuf(c.file, c.buffer(0, more), c.call));
  });

  it("an array of planes that is too small", () => {
    const c = ready({ type: BufType.VideoCaptureMplane }, (driver) => (driver.planeSizes = [10, 20, 30]));
    const { type } = c.queue;
    expectErrno("EINVAL", () => c.ops.querybuf(c.file, { type, index: 0, planeCapacity: 2 }, c.call));
    expect(c.ops.querybuf(c.file, { type, index: 0, planeCapacity: 3 }, c.call).planes).toHaveLength(3);
    expectErrno("EINVAL", () => c.ops.querybuf(c.file, { type, index: 9, planeCapacity: 3 }, c.call));
    c.qbuf(0);
    c.ops.streamon(c.file, type);
    c.driver.complete();
    expectErrno("EINVAL", () => c.ops.dqbuf(c.file, { type, planeCapacity: 2 }, c.call));
    expect(c.dqbuf().index).toBe(0);
  });

  it("what was said in PREPARE_BUF counts, not what is said in QBUF", () => {
    const c = ready({ type: BufType.VideoOutput });
    const payload = (bytesused: number): Partial<Buffer> => ({
      planes: [{ bytesused, length: 0, dataOffset: 0, offset: 0 }],
    });
    c.ops.prepareBuf(c.file, c.buffer(0, payload(10)), c.call);
    expect(c.qbuf(0, payload(20)).planes[0]?.bytesused).toBe(10);
    expect(c.driver.calls.filter((op) => op === "bufPrepare")).toHaveLength(1);
  });
});

describe("DQBUF", () => {
  it("waits, unless the file is O_NONBLOCK; asks for that only when it must", async () => {
    const c = ready();
    const { type } = c.queue;
    let asked = 0;
    c.call.nonblocking = () => ++asked > 1;
    c.qbuf(0);
    c.qbuf(1);
    c.ops.streamon(c.file, type);
    c.driver.complete();
    expect(c.dqbuf().index).toBe(0);
    expect(asked).toBe(0);
    const waiting = c.ops.dqbuf(c.file, { type, planeCapacity: 1 }, c.call);
    expect(asked).toBe(1);
    c.driver.complete();
    expect(await waiting).toMatchObject({ index: 1 });
    expectErrno("EAGAIN", () => c.dqbuf());
  });

  it("EINVAL when the queue is off", () => {
    expectErrno("EINVAL", () => ready().dqbuf());
  });

  it("a waiting caller hears of STREAMOFF and of the device's end", async () => {
    const c = ready();
    const { type } = c.queue;
    c.ops.streamon(c.file, type);
    const first = c.ops.dqbuf(c.file, { type, planeCapacity: 1 }, c.call);
    c.ops.streamoff(c.file, type);
    await expectRejection("EINVAL", first);
    c.ops.streamon(c.file, type);
    const second = c.ops.dqbuf(c.file, { type, planeCapacity: 1 }, c.call);
    c.queue.releaseFile(c.file);
    await expectRejection("EINTR", second);
  });
});

describe("what a client is told of a buffer", () => {
  const timecode = {
    type: 1,
    flags: 0,
    frames: 2,
    seconds: 3,
    minutes: 4,
    hours: 5,
    userbits: [0, 0, 0, 0],
  } as never;

  it("has a time code and a request only where there are some", () => {
    const c = ready({ type: BufType.VideoOutput, timestamps: "copy" });
    for (const name of ["timecode", "requestFd"]) expect(c.querybuf(0)).not.toHaveProperty(name);
    const told = c.qbuf(0, { flags: BufFlag.Timecode, timecode, timestampNs: 77n });
    expect(told).toMatchObject({ timecode, timestampNs: 77n });
    expect(told.flags & BufFlag.Timecode).not.toBe(0);
    // A time code without its flag is no time code.
    const without = c.qbuf(1, { timecode });
    expect(without).not.toHaveProperty("timecode");
    expect(without.flags & BufFlag.Timecode).toBe(0);
  });

  it("of a CAPTURE queue has neither the client's time nor its time code", () => {
    const c = ready({ type: BufType.VideoCapture, timestamps: "copy" });
    const told = c.qbuf(0, { flags: BufFlag.Timecode, timecode, timestampNs: 77n });
    expect(told.timestampNs).toBe(0n);
    expect(told).not.toHaveProperty("timecode");
    expect(told.flags & BufFlag.Timecode).toBe(0);
  });
});

describe("REMOVE_BUFS", () => {
  const range = (c: Client, count: number) => ({ type: c.queue.type, index: 0, count });

  it("of no buffers is nothing, whoever asks; of some it is the owner's: EBUSY", () => {
    const c = ready();
    const other = new FakeFileHandle();
    void c.ops.removeBufs(other, range(c, 0));
    expectErrno("EBUSY", () => c.ops.removeBufs(other, range(c, 1)));
    expect(c.queue.numBuffers).toBe(2);
    void c.ops.removeBufs(c.file, range(c, 1));
    expect(c.queue.numBuffers).toBe(1);
  });
});

describe("CREATE_BUFS refuses, whatever the driver would take", () => {
  it.each([
    ["no planes", []],
    ["a plane without a size", [64, 0]],
    ["a plane of 4 GiB", [64, 2 ** 32]],
  ])("%s: EINVAL", (_what, sizes) => {
    const type = BufType.VideoCaptureMplane;
    const c = client({ type }, (driver) => {
      driver.planeSizes = sizes;
    });
    const request = { count: 1, memory: Memory.Mmap, flags: 0, format: videoFormat(type, [...sizes]) };
    expectErrno("EINVAL", () => c.ops.createBufs(c.file, request));
    expect(c.queue.numBuffers).toBe(0);
  });

  it("nothing of 4 GiB less a byte", () => {
    const type = BufType.VideoCaptureMplane;
    const c = client({ type }, (driver) => {
      driver.queueSetup = ({ count }) => ({ count, planeSizes: [64] });
    });
    const request = { count: 1, memory: Memory.Mmap, flags: 0, format: videoFormat(type, [2 ** 32 - 1]) };
    expect(c.ops.createBufs(c.file, request).count).toBe(1);
  });
});
