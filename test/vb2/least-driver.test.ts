/** A driver with only the ops that it must have, and what is counted of it. */
import { expect, it, vi } from "vitest";
import { BufType, TraceStream } from "../../src/v4l2/index.js";
import { VideoBuffer, VideoQueue } from "../../src/vb2/index.js";
import { BufferMemory } from "../../src/vb2/buffer-memory.js";
import { OpCounters } from "../../src/vb2/counters.js";
import { at, bench, expectErrno, FakeFileHandle, FakeProvider } from "./fakes.js";

it("a driver needs no more than queueSetup and bufQueue, and all is counted", () => {
  const reportBug = vi.fn();
  const held: VideoBuffer[] = [];
  const queue = new VideoQueue({
    type: BufType.VideoOutput,
    device: { name: "video0", trace: new TraceStream(), patienceMs: 1000, reportBug },
    timestamps: "copy",
    io: ["mmap"],
    ops: {
      queueSetup: ({ count }) => ({ count, planeSizes: [64] }),
      bufQueue: (buffer) => held.push(buffer),
    },
    memory: new FakeProvider(),
    createBuffer: (init) => new VideoBuffer(init),
  });
  queue.reqbufs("mmap", 2);
  for (const buffer of queue.buffers()) queue.qbuf(buffer);
  queue.streamon();
  for (const buffer of held) queue.bufferDone(buffer);
  expect(queue.dequeue()?.index).toBe(0);
  queue.streamoff();
  expect(queue.busy).toBe(true);
  queue.release();
  expect([queue.busy, queue.numBuffers]).toEqual([false, 0]);
  expect({ ...queue.counters }).toEqual({
    ...{ queueSetup: 1, bufInit: 2, bufCleanup: 2, bufOutValidate: 2, bufPrepare: 2, bufFinish: 2 },
    ...{ bufQueue: 2, bufDone: 2, bufRequestComplete: 0, prepareStreaming: 1, unprepareStreaming: 1 },
    ...{ startStreaming: 1, stopStreaming: 1, memoryTaken: 2, memoryReleased: 2 },
  });
  expect(reportBug).not.toHaveBeenCalled();
  // The device hears of its driver's mistakes.
  queue.bufferDone(held[0] ?? new VideoBuffer({} as never));
  expect(reportBug).toHaveBeenCalledTimes(1);
});

it("memory that clients cannot map by themselves is a mistake where they would, and is given back", () => {
  const { queue } = bench();
  queue.reqbufs("mmap", 1);
  const provider = new FakeProvider();
  const memory = new BufferMemory(provider, false, new OpCounters());
  const backing = {
    fd: -1,
    sizeBytes: 0,
    settled: undefined,
    mappedAs: () => undefined,
    close: () => undefined,
  };
  const buffer = at(queue, 0);
  expect(() => memory.allocate(buffer, backing)).toThrow("makes no memory that clients can map");
  expect(provider.live).toBe(0);
  expect(() => memory.allocate(buffer, undefined)).not.toThrow();
});

it("a queue that is one file's is freed with it, and one that is nobody's with any file, whoever has it mapped", () => {
  class Held extends FakeProvider {
    override allocPlane(sizeBytes: number) {
      const users = { isUsed: () => true, isStillMapped: () => true };
      return Object.assign(super.allocPlane(sizeBytes), { users });
    }
  }
  const file = new FakeFileHandle();
  const ofFile = bench({ memory: new Held(), file });
  ofFile.queue.reqbufs("mmap", 1);
  ofFile.queue.owner = file;
  ofFile.queue.releaseFile(file);
  const ofNobody = bench({ memory: new Held() });
  ofNobody.queue.reqbufs("mmap", 1);
  ofNobody.queue.releaseFile(file);
  expect([ofFile.queue.numBuffers, ofNobody.queue.numBuffers]).toEqual([0, 0]);
  const shared = bench({ memory: new Held() });
  shared.queue.reqbufs("mmap", 1);
  shared.queue.owner = file;
  shared.queue.releaseFile(file);
  expect(shared.queue.numBuffers).toBe(1);
  expectErrno("EINVAL", () => bench().queue.streamon());
  shared.queue.release();
});
