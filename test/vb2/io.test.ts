/** read() and write() on a queue: frames, pieces of 128 KiB, waiting, and who may use the queue meanwhile. */
import { describe, expect, it } from "vitest";
import { BufType, Memory, Poll } from "../../src/v4l2/index.js";
import type { Awaitable } from "../../src/v4l2/index.js";
import { bufferOps, fileOps } from "../../src/vb2/index.js";
import { bench, expectErrno, expectRejection, FakeFileHandle } from "./fakes.js";
import type { Bench } from "./fakes.js";

/** One FUSE message carries at most so much. */
const PIECE = 128 * 1024;

interface Client extends Bench {
  read(size: number, offset?: number): Awaitable<Uint8Array>;
  write(data: Uint8Array, offset?: number): Awaitable<number>;
  /** `read(2)` as the kernel cuts it into pieces. */
  readAll(size: number): Promise<Uint8Array>;
  writeAll(data: Uint8Array): Promise<number>;
  readonly ops: ReturnType<typeof bufferOps<FakeFileHandle>>;
  readonly fileOps: ReturnType<typeof fileOps<FakeFileHandle>>;
}

it("allocates buffers of its own number, REQBUFS as few as it is asked for", async () => {
  const { queue, ops, file, fileOps: files, call } = client({ fileIoBuffers: 4 }, [8]);
  const request = { type: queue.type, memory: Memory.Mmap, flags: 0 };
  expect(ops.reqbufs(file, { ...request, count: 1 }).count).toBe(2);
  ops.reqbufs(file, { ...request, count: 0 });
  void Promise.resolve(files.read(file, { size: 8, offset: 0n }, call)).catch(() => undefined);
  await Promise.resolve();
  expect(queue.numBuffers).toBe(4);
});

function client(config: Parameters<typeof bench>[0], planeSizes: number[]): Client {
  const b = bench({ io: ["mmap", "read", "write"], minReqBufs: 2, ...config }, (driver) => {
    driver.planeSizes = planeSizes;
  });
  const files = fileOps<FakeFileHandle>(() => b.queue);
  const read = (size: number, offset = 0): Awaitable<Uint8Array> =>
    files.read(b.file, { size, offset: BigInt(offset) }, b.call);
  const write = (data: Uint8Array, offset = 0): Awaitable<number> =>
    files.write(b.file, { data, offset: BigInt(offset) }, b.call);
  return {
    ...b,
    ops: bufferOps<FakeFileHandle>(() => b.queue),
    fileOps: files,
    read,
    write,
    readAll: async (size) => {
      const parts: Uint8Array[] = [];
      let done = 0;
      while (done < size) {
        const asked = Math.min(PIECE, size - done);
        const part = await read(asked, done);
        parts.push(part.slice());
        done += part.length;
        if (part.length < asked) break;
      }
      return Buffer.concat(parts);
    },
    writeAll: async (data) => {
      let done = 0;
      while (done < data.length) {
        const piece = data.subarray(done, done + PIECE);
        const taken = await write(piece, done);
        done += taken;
        if (taken < piece.length) break;
      }
      return done;
    },
  };
}

const capture = (size = 100, config: Parameters<typeof bench>[0] = {}): Client =>
  client({ type: BufType.VideoCapture, ...config }, [size]);
const output = (size = 100, config: Parameters<typeof bench>[0] = {}): Client =>
  client({ type: BufType.VideoOutput, ...config }, [size]);

/** The driver finishes its oldest buffer, filled with `value`. */
function frame({ driver }: Client, value: number, bytesused: number): void {
  driver.held[0]?.planes[0]?.bytes.fill(value, 0, bytesused);
  driver.complete("done", bytesused);
}

describe("read", () => {
  it("starts streaming with all buffers queued, at the first call", () => {
    const c = capture();
    c.call.isNonblocking = true;
    expectErrno("EAGAIN", () => c.read(10));
    expect(c.driver.held).toHaveLength(2);
    expect(c.queue.streaming).toBe(true);
    expect(c.queue.owner).toBe(c.file);
  });

  it("waits for a frame when it may", async () => {
    const c = capture();
    const reading = c.read(10);
    frame(c, 7, 10);
    expect(await reading).toEqual(new Uint8Array(10).fill(7));
  });

  it("gives a frame in parts, then the next one; a frame's buffer goes back when it is read", async () => {
    const c = capture();
    c.fileOps.poll(c.file, Poll.In);
    frame(c, 1, 25);
    frame(c, 2, 25);
    expect((await c.readAll(20)).length).toBe(20);
    expect(c.driver.held).toHaveLength(0);
    expect(await c.readAll(20)).toEqual(Buffer.alloc(5, 1));
    expect(c.driver.held).toHaveLength(1);
    expect(await c.readAll(100)).toEqual(Buffer.alloc(25, 2));
    expect(c.driver.held).toHaveLength(2);
  });

  it.each([
    ["smaller than a piece", 1000],
    ["exactly a piece", PIECE],
    ["a piece and a bit", PIECE + 1],
    ["exactly two pieces", 2 * PIECE],
    ["two and a half pieces", 2.5 * PIECE],
  ])("one read(2) ends with the frame: %s", async (_, bytesused) => {
    const c = capture(3 * PIECE);
    c.fileOps.poll(c.file, Poll.In);
    frame(c, 1, bytesused);
    frame(c, 2, bytesused);
    const first = await c.readAll(4 * 1024 * 1024);
    expect(first.length).toBe(bytesused);
    expect(first.every((byte) => byte === 1)).toBe(true);
    expect((await c.readAll(bytesused)).every((byte) => byte === 2)).toBe(true);
  });

  it("the end of one call is not taken for the end of a later one", async () => {
    const c = capture(3 * PIECE);
    c.fileOps.poll(c.file, Poll.In);
    frame(c, 1, PIECE);
    frame(c, 2, 2 * PIECE);
    expect((await c.readAll(PIECE)).length).toBe(PIECE);
    // The second piece of this call starts where the frame before ended.
    expect((await c.readAll(2 * PIECE)).length).toBe(2 * PIECE);
  });

  it("a driver that fills the buffer again at once does not change what was read", async () => {
    const c = capture();
    c.fileOps.poll(c.file, Poll.In);
    frame(c, 1, 50);
    c.driver.bufQueue = (buffer) => void buffer.planes[0]?.bytes.fill(9);
    expect(await c.readAll(50)).toEqual(Buffer.alloc(50, 1));
  });

  it("starts where the frame's data starts", async () => {
    const c = capture();
    c.fileOps.poll(c.file, Poll.In);
    const plane = c.driver.held[0]?.planes[0];
    if (plane === undefined) throw new Error("no plane");
    plane.bytes.set([9, 9, 9, 1, 2]);
    plane.dataOffset = 3;
    c.driver.complete("done", 5);
    expect(await c.readAll(10)).toEqual(Buffer.from([1, 2]));
  });

  it("an empty frame is an empty read", async () => {
    const c = capture();
    c.fileOps.poll(c.file, Poll.In);
    frame(c, 1, 0);
    expect(await c.readAll(10)).toHaveLength(0);
    expect(c.driver.held).toHaveLength(2);
  });

  it("an empty frame does not end the next call", async () => {
    const c = capture(10);
    const io = c.queue.startFileIo("read");
    c.driver.complete("done", 0);
    c.driver.complete("done", 5);
    const lengths: number[] = [];
    for (let call = 0; call < 2; call += 1)
      lengths.push((await io.read({ size: 10, offset: 0n }, c.call)).length);
    expect(lengths).toEqual([0, 5]);
  });

  it("a signal ends the wait with EINTR", async () => {
    const c = capture();
    const reading = c.read(10);
    c.call.interrupt();
    await expectRejection("EINTR", reading);
  });

  it("a second thread that reads meanwhile is EBUSY", async () => {
    const c = capture();
    const reading = c.read(10);
    expectErrno("EBUSY", () => c.read(10));
    frame(c, 1, 10);
    await reading;
  });

  it("two threads that just miss each other share the frame, and lose no buffer", async () => {
    const c = capture();
    const first = c.read(4);
    frame(c, 1, 10);
    await Promise.resolve();
    const second = await c.read(4);
    expect([second.length, (await first).length]).toEqual([4, 4]);
    expect(await c.readAll(10)).toHaveLength(2);
    expect(c.driver.held).toHaveLength(2);
  });

  it("EIO when the queue fails", async () => {
    const c = capture();
    const reading = c.read(10);
    c.queue.error();
    await expectRejection("EIO", reading);
  });

  it("EINVAL when the queue has no read(), EBUSY when frames have several planes or the driver refuses", () => {
    expectErrno("EINVAL", () => capture(10, { io: ["mmap"] }).read(1));
    const planes = client({ type: BufType.VideoCaptureMplane }, [10, 10]);
    expectErrno("EBUSY", () => planes.read(1));
    expect([planes.queue.numBuffers, planes.queue.owner]).toEqual([0, undefined]);
    const c = capture();
    c.driver.refuse.set("startStreaming", "ENOLINK");
    expectErrno("ENOLINK", () => c.read(1));
    expect([c.queue.numBuffers, c.memory.live]).toEqual([0, 0]);
  });
});

describe("read and streaming exclude each other", () => {
  it("read is EBUSY when buffers are allocated, and the owner stays", () => {
    const c = capture();
    c.ops.reqbufs(c.file, { type: BufType.VideoCapture, memory: Memory.Mmap, count: 2, flags: 0 });
    expectErrno("EBUSY", () => c.read(1));
    expect(c.queue.owner).toBe(c.file);
    expectErrno("EBUSY", () => c.ops.streamon(new FakeFileHandle(), BufType.VideoCapture));
  });

  it("every streaming ioctl is EBUSY while it is read, for the reader too", () => {
    const c = capture();
    c.fileOps.poll(c.file, Poll.In);
    const type = BufType.VideoCapture;
    const { ops, file, call } = c;
    const buffer = {
      type,
      index: 0,
      memory: Memory.Mmap,
      flags: 0,
      field: 0,
      timestampNs: 0n,
      sequence: 0,
      planes: [{ bytesused: 0, length: 0, dataOffset: 0, offset: 0 }],
    } as const;
    const format = {
      type: BufType.SdrCapture,
      pixelformat: 0,
      buffersize: 100,
    } as const;
    expectErrno("EBUSY", () => ops.reqbufs(file, { type, memory: Memory.Mmap, count: 0, flags: 0 }));
    expectErrno("EBUSY", () => ops.qbuf(file, buffer, call));
    expectErrno("EBUSY", () => ops.prepareBuf(file, buffer, call));
    expectErrno("EBUSY", () => ops.dqbuf(file, { type, planeCapacity: 1 }, call));
    expectErrno("EBUSY", () => ops.streamon(file, type));
    expectErrno("EBUSY", () => ops.streamoff(file, type));
    expectErrno("EBUSY", () => ops.expbuf(file, { type, index: 0, plane: 0, flags: 0 }, call));
    expectErrno("EBUSY", () => ops.removeBufs(file, { type, index: 0, count: 1 }));
    const sdr = bench({ type: BufType.SdrCapture, io: ["mmap", "read"] });
    fileOps<FakeFileHandle>(() => sdr.queue).poll(sdr.file, Poll.In);
    const create = { count: 1, memory: Memory.Mmap, format, flags: 0 };
    const sdrOps = bufferOps<FakeFileHandle>(() => sdr.queue);
    expectErrno("EBUSY", () => sdrOps.createBufs(sdr.file, create));
    // With count 0 it is only a question.
    expect(sdrOps.createBufs(sdr.file, { ...create, count: 0 })).toMatchObject({ count: 0, index: 1 });
    expectErrno("EBUSY", () => c.fileOps.mmap(file, { offset: 0n, length: 100n, prot: 1, flags: 1 }));
  });

  it("another file is EBUSY; when the reader closes, the queue is free", () => {
    const c = capture();
    c.fileOps.poll(c.file, Poll.In);
    const other = new FakeFileHandle();
    expectErrno("EBUSY", () => c.fileOps.read(other, { size: 1, offset: 0n }, c.call));
    c.queue.releaseFile(other);
    expect(c.queue.fileIo).toBeDefined();
    c.queue.releaseFile(c.file);
    expect([c.queue.fileIo, c.queue.owner, c.memory.live]).toEqual([undefined, undefined, 0]);
    expect(c.queue.counters.balance()).toEqual([]);
  });
});

describe("write", () => {
  it("fills a buffer over several calls and queues it when it is full", async () => {
    const c = output(100);
    expect(await c.writeAll(new Uint8Array(60).fill(1))).toBe(60);
    expect(c.driver.held).toHaveLength(0);
    expect(await c.writeAll(new Uint8Array(60).fill(2))).toBe(40);
    expect(c.driver.held).toHaveLength(1);
    const plane = c.driver.held[0]?.planes[0];
    expect(plane?.bytesused).toBe(100);
    expect(plane?.payload).toEqual(
      new Uint8Array([...Array<number>(60).fill(1), ...Array<number>(40).fill(2)]),
    );
  });

  it.each([[1000], [PIECE], [2 * PIECE], [2 * PIECE + 5]])(
    "one write(2) ends with the buffer: %d bytes",
    async (size) => {
      const c = output(size);
      expect(await c.writeAll(new Uint8Array(4 * PIECE))).toBe(size);
      expect(c.driver.held).toHaveLength(1);
    },
  );

  it("waits when all buffers are with the driver, or is EAGAIN", async () => {
    const c = output(10);
    await c.writeAll(new Uint8Array(10));
    await c.writeAll(new Uint8Array(10));
    c.call.isNonblocking = true;
    expectErrno("EAGAIN", () => c.write(new Uint8Array(10)));
    c.call.isNonblocking = false;
    const writing = c.write(new Uint8Array(10).fill(5));
    c.driver.complete();
    expect(await writing).toBe(10);
    expect(c.driver.held.at(-1)?.planes[0]?.payload).toEqual(new Uint8Array(10).fill(5));
  });

  it("may queue after each call, with the payload there is", async () => {
    const c = output(100, { writeImmediately: true });
    await c.writeAll(new Uint8Array(30));
    expect(c.driver.held[0]?.planes[0]?.bytesused).toBe(30);
  });

  it("puts the time of the call on the buffer when time stamps are copied", async () => {
    const c = output(10, { timestamps: "copy" });
    await c.writeAll(new Uint8Array(10));
    const stamp = c.driver.held[0]?.timestampNs ?? 0n;
    expect(process.hrtime.bigint() - stamp).toBeLessThan(10_000_000_000n);
  });

  it("leaves the time stamp alone when time stamps are not copied", async () => {
    const c = output(10);
    await c.writeAll(new Uint8Array(10));
    expect(c.driver.held[0]?.timestampNs).toBe(0n);
  });

  it("starts at the buffer's begin, whatever offset its data had before", async () => {
    const c = output(10);
    await c.writeAll(new Uint8Array(10));
    const plane = c.driver.held[0]?.planes[0];
    if (plane === undefined) throw new Error("no plane");
    plane.dataOffset = 4;
    await c.writeAll(new Uint8Array(10));
    c.driver.complete();
    expect(await c.writeAll(new Uint8Array(10).fill(5))).toBe(10);
    expect(c.driver.held.at(-1)?.planes[0]?.bytes).toEqual(new Uint8Array(10).fill(5));
  });

  it("goes on over two waits", async () => {
    const c = output(10);
    await c.writeAll(new Uint8Array(20));
    await c.writeAll(new Uint8Array(10));
    const writing = c.write(new Uint8Array(4).fill(5));
    c.driver.complete();
    expect(await writing).toBe(4);
    expect(await c.write(new Uint8Array(6).fill(6))).toBe(6);
    expect(c.driver.held.at(-1)?.planes[0]?.bytesused).toBe(10);
  });

  it("EBUSY for write() while the file is read, and for read() while it is written", () => {
    // One queue that offers both is not a queue of the kernel's; the file I/O refuses by itself.
    const reading = capture(10);
    reading.fileOps.poll(reading.file, Poll.In);
    expectErrno("EBUSY", () =>
      reading.queue.fileIo?.write({ data: new Uint8Array(1), offset: 0n }, reading.call),
    );
    const writing = output(10);
    writing.fileOps.poll(writing.file, Poll.Out);
    expectErrno("EBUSY", () => writing.queue.fileIo?.read({ size: 1, offset: 0n }, writing.call));
  });

  describe("of a frame with each call", () => {
    const frames = (size: number): Client => output(size, { framePerWrite: () => true });

    it("queues what a call brought, full or not", async () => {
      const c = frames(100);
      expect(await c.writeAll(new Uint8Array(30))).toBe(30);
      expect(await c.writeAll(new Uint8Array(40))).toBe(40);
      expect(c.driver.held.map(({ planes }) => planes[0]?.bytesused)).toEqual([30, 40]);
    });

    it("waits for the rest of a call of several pieces", async () => {
      const c = frames(3 * PIECE);
      await c.write(new Uint8Array(PIECE), 0);
      expect(c.driver.held).toHaveLength(0);
      await c.write(new Uint8Array(PIECE - 4096), PIECE);
      expect(c.driver.held).toHaveLength(0); // A first piece may lack a page.
      await c.write(new Uint8Array(5), 2 * PIECE - 4096);
      expect(c.driver.held.map(({ planes }) => planes[0]?.bytesused)).toEqual([2 * PIECE - 4096 + 5]);
    });

    it("ends a call of whole pieces when the next one begins", async () => {
      const c = frames(3 * PIECE);
      await c.write(new Uint8Array(PIECE), 0);
      expect(c.driver.held).toHaveLength(0);
      await c.write(new Uint8Array(PIECE), 0);
      expect(c.driver.held.map(({ planes }) => planes[0]?.bytesused)).toEqual([PIECE]);
      const third = c.write(new Uint8Array(7), 0);
      expect(c.driver.held.map(({ planes }) => planes[0]?.bytesused)).toEqual([PIECE, PIECE]);
      c.driver.complete();
      expect(await third).toBe(7);
      expect(c.driver.held.map(({ planes }) => planes[0]?.bytesused)).toEqual([PIECE, 7]);
    });

    it("does not queue a frame of no bytes", async () => {
      const c = frames(100);
      c.fileOps.poll(c.file, Poll.Out);
      c.driver.held.length = 0;
      await c.write(new Uint8Array(PIECE), 0);
      await c.write(new Uint8Array(3), 0);
      expect(c.driver.held.map(({ planes }) => planes[0]?.bytesused)).toEqual([100, 3]);
    });

    it("is asked for at the start only", async () => {
      let wishes = false;
      const c = output(100, { framePerWrite: () => wishes });
      await c.writeAll(new Uint8Array(30));
      wishes = true;
      await c.writeAll(new Uint8Array(30));
      expect(c.driver.held).toHaveLength(0);
    });
  });

  describe("announced by STREAMON without buffers", () => {
    const type = BufType.VideoOutput;
    const announcing = (size = 100): Client => output(size, { streamsByWrite: () => true });

    it("gives the queue to its file, and STREAMOFF takes it back", () => {
      const c = announcing();
      c.ops.streamon(c.file, type);
      expect([c.queue.owner, c.queue.streaming]).toEqual([c.file, false]);
      expectErrno("EBUSY", () => c.ops.streamon(new FakeFileHandle(), type));
      c.ops.streamoff(c.file, type);
      expect(c.queue.owner).toBeUndefined();
    });

    it("STREAMOFF ends write(), and frees its buffers", async () => {
      const c = announcing(10);
      c.ops.streamon(c.file, type);
      await c.writeAll(new Uint8Array(10));
      expect(c.queue.streaming).toBe(true);
      c.ops.streamoff(c.file, type);
      expect([c.queue.fileIo, c.queue.owner, c.queue.streaming, c.memory.live]).toEqual([
        undefined,
        undefined,
        false,
        0,
      ]);
    });

    it("not with buffers: they stream, and stay their file's", () => {
      const c = announcing();
      c.ops.reqbufs(c.file, { type, memory: Memory.Mmap, count: 2, flags: 0 });
      c.ops.streamon(c.file, type);
      expect(c.queue.streaming).toBe(true);
      c.ops.streamoff(c.file, type);
      expect([c.queue.streaming, c.queue.owner]).toEqual([false, c.file]);
    });

    it("a driver that has no such clients streams: EBUSY while the file is written", async () => {
      const c = output(10);
      await c.writeAll(new Uint8Array(10));
      expectErrno("EBUSY", () => c.ops.streamoff(c.file, type));
      expect(c.queue.fileIo).toBeDefined();
    });

    it("is nothing for a driver that has no such clients: EINVAL, as without buffers", () => {
      for (const c of [output(10), output(10, { streamsByWrite: () => false })]) {
        expectErrno("EINVAL", () => c.ops.streamon(c.file, type));
        expect(c.queue.owner).toBeUndefined();
      }
    });

    it("is nothing for a capture queue", () => {
      const c = capture(10, { streamsByWrite: () => true });
      expect(c.queue.streamsByWrite).toBe(false);
    });
  });

  it("read() on a queue for write() is EINVAL", () => {
    const c = output(10, { io: ["mmap", "write"] });
    expectErrno("EINVAL", () => c.read(1));
  });
});

describe("poll starts read() and write()", () => {
  it("CAPTURE: ready when a frame is", () => {
    const c = capture();
    expect(c.fileOps.poll(c.file, Poll.In)).toBe(0);
    frame(c, 1, 5);
    expect(c.fileOps.poll(c.file, Poll.In)).toBe(Poll.In | Poll.RdNorm);
  });

  it("OUTPUT: ready while a buffer is free", async () => {
    const c = output(10);
    expect(c.fileOps.poll(c.file, Poll.Out)).toBe(Poll.Out | Poll.WrNorm);
    await c.writeAll(new Uint8Array(10));
    expect(c.fileOps.poll(c.file, Poll.Out)).toBe(Poll.Out | Poll.WrNorm);
    await c.writeAll(new Uint8Array(10));
    expect(c.fileOps.poll(c.file, Poll.Out)).toBe(0);
    c.driver.complete();
    expect(c.fileOps.poll(c.file, Poll.Out)).toBe(Poll.Out | Poll.WrNorm);
  });

  it("says nothing of writing while the file is read", () => {
    const c = capture(10);
    const io = c.queue.startFileIo("read");
    c.driver.complete();
    void io.read({ size: 1, offset: 0n }, c.call); // A part of it: the buffer is ours.
    expect(c.queue.queuedCount).toBeLessThan(c.queue.numBuffers);
    expect(io.poll(Poll.Out)).toBeUndefined();
  });

  it("not for other events, not without read(), and an error when it cannot", () => {
    const c = capture();
    expect(c.fileOps.poll(c.file, Poll.Pri)).toBe(0);
    expect(c.queue.numBuffers).toBe(0);
    const streaming = capture(10, { io: ["mmap"] });
    expect(streaming.fileOps.poll(streaming.file, Poll.In)).toBe(Poll.Err);
    c.driver.refuse.set("queueSetup", "EIO");
    expect(c.fileOps.poll(c.file, Poll.In)).toBe(Poll.Err);
    expect(c.queue.owner).toBeUndefined();
    c.driver.refuse.clear();
    c.driver.broken.add("queueSetup");
    expect(() => c.fileOps.poll(c.file, Poll.In)).toThrow(TypeError);
  });
});

it("everything is given back when the file is closed with a half-read frame", async () => {
  const c = capture();
  c.fileOps.poll(c.file, Poll.In);
  frame(c, 1, 50);
  await c.readAll(10);
  c.queue.releaseFile(c.file);
  expect(c.memory.live).toBe(0);
  expect(c.queue.counters.balance()).toEqual([]);
});
