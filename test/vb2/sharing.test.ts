/** Who may use a queue and its buffers: EXPBUF, mmap(), the owning file, listeners of the trace, the driver's own class. */
import { describe, expect, it } from "vitest";
import { BufFlag, BufType, Memory, Poll, TraceStream } from "../../src/v4l2/index.js";
import type { ExportedFd, TraceEvent } from "../../src/v4l2/index.js";
import { bufferOps, VideoBuffer, VideoQueue } from "../../src/vb2/index.js";
import type { BufferInit, PlaneMemory } from "../../src/vb2/index.js";
import { client, ready, videoFormat } from "./client.js";
import { at, expectErrno, FakeDriver, FakeFileHandle, FakeProvider, settled } from "./fakes.js";

describe("EXPBUF", () => {
  it.each([
    ["no such buffer", { index: 5 }],
    ["no such plane", { plane: 1 }],
    ["flags beyond O_CLOEXEC and the access mode", { flags: 0o4000 }],
  ])("EINVAL: %s", (_, more) => {
    const c = ready();
    const request = { type: c.queue.type, index: 0, plane: 0, flags: 0, ...more };
    expectErrno("EINVAL", () => c.ops.expbuf(c.file, request, c.call));
  });

  it("EINVAL: the buffers are not MMAP", () => {
    const c = client();
    c.ops.reqbufs(c.file, { type: c.queue.type, memory: Memory.Userptr, count: 1, flags: 0 });
    expectErrno("EINVAL", () =>
      c.ops.expbuf(c.file, { type: c.queue.type, index: 0, plane: 0, flags: 0 }, c.call),
    );
  });
});

describe("EXPBUF of a buffer in the memory of its file", () => {
  /** Exports what has left its pool. */
  class Pool extends FakeProvider {
    readonly asked: boolean[] = [];
    hasLeft = false;
    override exportPlane(memory: PlaneMemory, accessMode: number, mustStay = false): ExportedFd {
      this.asked.push(mustStay);
      // Undefined is what a real provider answers.
      return this.hasLeft ? super.exportPlane(memory, accessMode) : (undefined as never);
    }
    moveOut(): void {
      this.hasLeft = true;
    }
  }
  const start = () => {
    const memory = new Pool();
    const c = ready({ memory });
    c.driver.calls.length = 0;
    const expbuf = () => c.ops.expbuf(c.file, { type: c.queue.type, index: 0, plane: 0, flags: 0 }, c.call);
    return { c, memory, expbuf };
  };

  it("gives it memory of its own, which the driver hears of", () => {
    const { c, memory, expbuf } = start();
    expbuf();
    expect(c.driver.calls).toEqual(["bufCleanup", "bufInit"]);
    expect(memory.asked).toEqual([false, false]);
    expbuf();
    expect(memory.asked).toEqual([false, false, true]); // It counts as mapped.
  });

  it("is EBUSY for one that is queued or prepared, and would rather have it stay", () => {
    for (const verb of ["qbuf", "prepareBuf"] as const) {
      const { c, memory, expbuf } = start();
      c.ops[verb](c.file, c.buffer(0), c.call);
      expectErrno("EBUSY", expbuf);
      expect([memory.asked, memory.hasLeft]).toEqual([[true], false]);
    }
  });

  it("is EINVAL where it cannot be exported at all", () => {
    const { memory, expbuf } = start();
    memory.moveOut = () => undefined;
    expectErrno("EINVAL", expbuf);
  });
});

describe("mmap", () => {
  const request = { offset: 0n, length: 64n, prot: 3, flags: 1 };

  it("gives the plane's fd for any file, up to whole pages", () => {
    const c = ready();
    const fd = at(c.queue, 0).planes[0]?.memory?.fd;
    expect(c.files.mmap(new FakeFileHandle(), { ...request, length: 4096n })).toEqual({
      fd,
      fdOffset: 0n,
    });
  });

  it.each([
    ["an offset that no buffer has", { offset: 4096n }],
    ["an offset beyond 32 bits", { offset: 1n << 40n }],
    ["more than the plane", { length: 4097n }],
    ["a private mapping", { flags: 2 }],
    ["no reading", { prot: 2 }],
  ])("EINVAL: %s", (_, more) => {
    const c = ready();
    expectErrno("EINVAL", () => c.files.mmap(c.file, { ...request, ...more }));
    expect(c.querybuf(0).flags & BufFlag.Mapped).toBe(0);
  });

  it("OUTPUT buffers are mapped for writing", () => {
    const c = ready({ type: BufType.VideoOutput });
    const offset = 0x4000_0000n;
    expectErrno("EINVAL", () => c.files.mmap(c.file, { ...request, offset, prot: 1 }));
    c.files.mmap(c.file, { ...request, offset, prot: 2 });
  });

  it("EINVAL without MMAP buffers", () => {
    expectErrno("EINVAL", () => client().files.mmap(new FakeFileHandle(), request));
  });
});

describe("the queue belongs to the file that allocated its buffers", () => {
  it("others get EBUSY, but may query and poll", () => {
    const c = ready();
    const { type } = c.queue;
    const other = new FakeFileHandle();
    const request = { type, memory: Memory.Mmap, count: 0, flags: 0 };
    const format = videoFormat(type, [64]);
    for (const verb of [
      () => c.ops.reqbufs(other, request),
      () => c.ops.createBufs(other, { count: 1, memory: Memory.Mmap, flags: 0, format }),
      () => c.ops.removeBufs(other, { type, index: 0, count: 1 }),
      () => c.ops.qbuf(other, c.buffer(0), c.call),
      () => c.ops.prepareBuf(other, c.buffer(0), c.call),
      () => c.ops.dqbuf(other, { type, planeCapacity: 1 }, c.call),
      () => c.ops.expbuf(other, { type, index: 0, plane: 0, flags: 0 }, c.call),
      () => c.ops.streamon(other, type),
      () => c.ops.streamoff(other, type),
    ]) {
      expectErrno("EBUSY", verb);
    }
    expect(() => c.ops.streamon(other, type)).toThrow(`the queue belongs to ffmpeg[123] (file ${c.file.id})`);
    expect(c.ops.querybuf(other, { type, index: 0, planeCapacity: 1 }, c.call).index).toBe(0);
    expect(c.files.poll(other, Poll.In)).toBe(Poll.Err);
    c.queue.releaseFile(other);
    expect(c.queue.numBuffers).toBe(2);
  });

  it("REQBUFS(0) and close let go of it", () => {
    const c = ready();
    const other = new FakeFileHandle();
    const request = { type: c.queue.type, memory: Memory.Mmap, count: 1, flags: 0 };
    c.ops.reqbufs(c.file, { ...request, count: 0 });
    c.ops.reqbufs(other, request);
    expectErrno("EBUSY", () => c.ops.reqbufs(c.file, request));
    c.queue.releaseFile(other);
    expect([c.queue.numBuffers, c.memory.live]).toEqual([0, 0]);
    c.ops.reqbufs(c.file, request);
  });

  it("a file that only asked owns nothing", () => {
    const c = client();
    const other = new FakeFileHandle();
    c.ops.createBufs(other, {
      count: 0,
      memory: Memory.Mmap,
      flags: 0,
      format: videoFormat(c.queue.type, [64]),
    });
    c.ops.reqbufs(c.file, { type: c.queue.type, memory: Memory.Mmap, count: 1, flags: 0 });
  });
});

it("poll of a device notifies the file when a buffer is done", async () => {
  const c = ready();
  c.qbuf(0);
  c.ops.streamon(c.file, c.queue.type);
  expect(c.files.poll(c.file, Poll.In)).toBe(0);
  c.driver.complete();
  await settled();
  expect(c.file.notified).toBe(1);
});

describe("the trace", () => {
  it("has an event for each transition, and nothing is built when nobody listens", async () => {
    const trace = new TraceStream();
    const c = ready({ trace });
    c.qbuf(0);
    const events: TraceEvent[] = [];
    const end = trace.subscribe((event) => events.push(event));
    c.ops.streamon(c.file, c.queue.type);
    c.driver.complete();
    c.dqbuf();
    end();
    c.qbuf(0);
    await settled();
    expect(
      events.map((event) => (event.kind === "buffer" ? `${event.index} ${event.from}>${event.to}` : "")),
    ).toEqual(["0 queued>active", "0 active>done", "0 done>dequeued"]);
    expect(events[1]).toMatchObject({
      device: "video0",
      type: c.queue.type,
      file: c.file.id,
      bytesused: [10],
    });
  });
});

it("a driver may keep things of its own with its buffers", () => {
  class Mine extends VideoBuffer {
    job = 0;
    constructor(init: BufferInit) {
      super(init);
    }
  }
  const driver = new FakeDriver();
  const queue = new VideoQueue<Mine>({
    type: BufType.VideoCapture,
    device: "video0",
    timestamps: "monotonic",
    io: ["mmap"],
    ops: { queueSetup: (ask) => driver.queueSetup(ask), bufQueue: (buffer) => (buffer.job += 1) },
    memory: new FakeProvider(),
    createBuffer: (init) => new Mine(init),
  });
  const ops = bufferOps<FakeFileHandle>(() => queue);
  const file = new FakeFileHandle();
  ops.reqbufs(file, { type: queue.type, memory: Memory.Mmap, count: 1, flags: 0 });
  const buffer = queue.buffer(0);
  if (buffer === undefined) throw new Error("no buffer");
  queue.qbuf(buffer);
  queue.streamon();
  expect(buffer.job).toBe(1);
});
