/** A node with several queues that is no mem2mem device: a loopback, VBI beside video. */
import { describe, expect, it } from "vitest";
import { BufType, Memory, Poll } from "../../src/v4l2/index.js";
import type { Buffer } from "../../src/v4l2/index.js";
import { bufferOps, fileOps } from "../../src/vb2/index.js";
import type { VideoQueueConfig, VideoBuffer } from "../../src/vb2/index.js";
import { bench, expectErrno, FakeCall, FakeFileHandle } from "./fakes.js";
import type { Bench } from "./fakes.js";

type Options = Partial<VideoQueueConfig<VideoBuffer>>;
const io = ["mmap", "read", "write"] as const;

function node(...queues: Options[]) {
  const benches: Bench[] = queues.map((options) => bench({ io, ...options }));
  const all = benches.map(({ queue }) => queue);
  return {
    benches,
    ops: bufferOps<FakeFileHandle>(() => all),
    files: fileOps<FakeFileHandle>(() => all),
  };
}

const loopback = () => node({ type: BufType.VideoOutput }, { type: BufType.VideoCapture });
type Node = ReturnType<typeof node>;

const call = new FakeCall({ nonblocking: true });

/** Two MMAP buffers, all queued, and STREAMON. */
function stream({ ops }: Node, file: FakeFileHandle, type: BufType): void {
  ops.reqbufs(file, { type, memory: Memory.Mmap, count: 2, flags: 0 });
  for (const index of [0, 1]) {
    const planes = [{ bytesused: 8, length: 0, dataOffset: 0, offset: 0 }];
    const buffer = {
      index,
      type,
      memory: Memory.Mmap,
      flags: 0,
      field: 1,
      timestampNs: 0n,
      sequence: 0,
      planes,
    };
    ops.qbuf(file, buffer as Buffer, call);
  }
  ops.streamon(file, type);
}

describe("the buffers of several queues", () => {
  it("have offsets of their own, by which mmap() finds them", () => {
    const types = [BufType.VideoOutput, BufType.VideoCapture, BufType.VbiCapture, BufType.MetaOutput];
    const n = node(...types.map((type) => ({ type })));
    const file = new FakeFileHandle();
    const offsets = types.map((type) => {
      n.ops.reqbufs(file, { type, memory: Memory.Mmap, count: 2, flags: 0 });
      return n.ops.querybuf(file, { type, index: 0, planeCapacity: 1 }, call).planes[0]?.offset ?? -1;
    });
    expect(offsets).toEqual([0x4000_0000, 0, 0x8000_0000, 0xc000_0000]);
    const fds = offsets.map((offset) => {
      const request = { offset: BigInt(offset), length: 64n, prot: 3, flags: 1 };
      return (n.files.mmap(file, request) as { fd: number }).fd;
    });
    const expected = n.benches.map(({ queue }) => queue.buffer(0)?.planes[0]?.memory?.fd);
    expect(fds).toEqual(expected);
    expectErrno("EINVAL", () => n.files.mmap(file, { offset: 0x1234n, length: 64n, prot: 3, flags: 1 }));
  });

  it("belong to files one by one", () => {
    const n = loopback();
    const [producer, consumer] = [new FakeFileHandle(), new FakeFileHandle()];
    stream(n, producer, BufType.VideoOutput);
    stream(n, consumer, BufType.VideoCapture);
    expectErrno("EBUSY", () => n.ops.streamoff(consumer, BufType.VideoOutput));
    expectErrno("EINVAL", () => n.ops.streamoff(consumer, BufType.MetaCapture));
  });
});

describe("poll()", () => {
  it("is about the queue of the direction that is asked for", () => {
    const n = loopback();
    const [producer, consumer] = [new FakeFileHandle(), new FakeFileHandle()];
    stream(n, producer, BufType.VideoOutput);
    stream(n, consumer, BufType.VideoCapture);
    expect(n.files.poll(producer, Poll.Out)).toBe(0);
    n.benches[0]?.driver.complete();
    expect(n.files.poll(producer, Poll.Out)).toBe(Poll.Out | Poll.WrNorm);
    expect(n.files.poll(consumer, Poll.In)).toBe(0);
    n.benches[1]?.driver.complete();
    expect(n.files.poll(consumer, Poll.In | Poll.Out)).toBe(Poll.In | Poll.RdNorm);
    expect(n.files.poll(producer, Poll.In | Poll.Out)).toBe(Poll.Out | Poll.WrNorm);
  });

  it("wakes for any of them", async () => {
    const n = node({ type: BufType.VideoCapture }, { type: BufType.VbiCapture });
    const file = new FakeFileHandle();
    for (const type of [BufType.VideoCapture, BufType.VbiCapture]) stream(n, file, type);
    expect(n.files.poll(file, Poll.In)).toBe(0);
    n.benches[1]?.driver.complete();
    await Promise.resolve();
    expect(file.notified).toBe(1);
    expect(n.files.poll(file, Poll.In)).toBe(Poll.In | Poll.RdNorm);
  });

  it("is POLLERR when none of them can become ready, and not before", () => {
    const n = node({ type: BufType.VideoCapture }, { type: BufType.VbiCapture });
    const file = new FakeFileHandle();
    for (const type of [BufType.VideoCapture, BufType.VbiCapture]) stream(n, file, type);
    n.benches[0]?.queue.error();
    expect(n.files.poll(file, Poll.In)).toBe(0);
    n.benches[1]?.queue.error();
    expect(n.files.poll(file, Poll.In)).toBe(Poll.Err);
    expect(n.files.poll(file, Poll.Pri)).toBe(0);
  });

  it("begins read() for a file that has no queue, and for no other", () => {
    const n = loopback();
    const [producer, reader] = [new FakeFileHandle(), new FakeFileHandle()];
    stream(n, producer, BufType.VideoOutput);
    n.files.poll(producer, Poll.In | Poll.Out);
    expect(n.benches[1]?.queue.fileIo).toBeUndefined();
    n.files.poll(reader, Poll.In);
    expect(n.benches[1]?.queue.fileIo).toBeDefined();
  });

  it("begins read() on the queue that read() is for, and on no other", () => {
    const n = node(
      { type: BufType.MetaCapture, io: ["mmap"] },
      { type: BufType.VideoCapture },
      { type: BufType.VbiCapture },
    );
    n.files.poll(new FakeFileHandle(), Poll.In);
    expect(n.benches.map(({ queue }) => queue.fileIo !== undefined)).toEqual([false, true, false]);
  });
});

describe("read() and write()", () => {
  it("go to the queue of their direction", async () => {
    const n = loopback();
    const [producer, reader] = [new FakeFileHandle(), new FakeFileHandle()];
    expect(await n.files.write(producer, { data: new Uint8Array(64).fill(7), offset: 0n }, call)).toBe(64);
    expect(n.benches[0]?.driver.held).toHaveLength(1);
    expectErrno("EAGAIN", () => n.files.read(reader, { size: 64, offset: 0n }, call));
    n.benches[1]?.driver.complete();
    expect(await n.files.read(reader, { size: 64, offset: 0n }, call)).toHaveLength(10);
  });

  it("EINVAL without one", () => {
    const n = node({ type: BufType.VideoCapture }, { type: BufType.VbiCapture });
    const data = new Uint8Array(1);
    expectErrno("EINVAL", () => n.files.write(new FakeFileHandle(), { data, offset: 0n }, call));
  });
});
