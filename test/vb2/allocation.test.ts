/** REQBUFS, CREATE_BUFS, REMOVE_BUFS: how many buffers, of which size, at which index. */
import { describe, expect, it } from "vitest";
import { BufType } from "../../src/v4l2/index.js";
import { findPlane } from "../../src/vb2/index.js";
import { at, bench, expectErrno, FakeProvider } from "./fakes.js";

describe("reqbufs", () => {
  it.each([
    ["as asked", {}, 4, 4],
    ["at least minReqBufs", { minReqBufs: 3 }, 1, 3],
    ["at least minQueuedBuffers and one more", { minQueuedBuffers: 4 }, 1, 5],
    ["at most maxNumBuffers", {}, 1000, 32],
    ["at most maxNumBuffers, configured", { maxNumBuffers: 64 }, 1000, 64],
  ])("gives %s", (_, config, count, expected) => {
    const { queue } = bench(config);
    expect(queue.reqbufs("mmap", count)).toBe(expected);
    expect(queue.numBuffers).toBe(expected);
    expect(queue.busy).toBe(true);
  });

  it("asks the driver once, without sizes, and takes its count", () => {
    const { queue, driver } = bench({}, (fake) => {
      fake.queueSetup = (ask) => {
        fake.setups.push(ask);
        return { count: ask.count + 2, planeSizes: [10, 20] };
      };
    });
    expect(queue.reqbufs("mmap", 2)).toBe(4);
    expect(driver.setups).toEqual([{ count: 2, allocated: 0, memory: "mmap", planeSizes: undefined }]);
    expect(at(queue, 3).planes.map((plane) => plane.length)).toEqual([10, 20]);
  });

  it("offsets are unique per buffer and plane, and lead back to them", () => {
    const { queue } = bench({ offsetBase: 0x40000000 }, (fake) => (fake.planeSizes = [10, 20, 30]));
    queue.reqbufs("mmap", 2);
    expect(queue.buffers().flatMap((buffer) => buffer.planes.map((plane) => plane.offset))).toEqual([
      0x40000000, 0x40001000, 0x40002000, 0x40008000, 0x40009000, 0x4000a000,
    ]);
    expect(findPlane(queue, 0x4000a000)?.plane).toBe(at(queue, 1).planes[2]);
    for (const wrong of [0, 0x40003000, 0x40000001, 0x40010000, 0x7fffffff, 2 ** 40]) {
      expect(findPlane(queue, wrong)).toBeUndefined();
    }
  });

  it("a second REQBUFS replaces the buffers", () => {
    const { queue, driver, memory } = bench();
    queue.reqbufs("mmap", 4);
    const before = at(queue, 0);
    queue.reqbufs("mmap", 2);
    expect(queue.numBuffers).toBe(2);
    expect(at(queue, 0)).not.toBe(before);
    expect(memory.live).toBe(2);
    expect(driver.calls.filter((op) => op === "bufCleanup")).toHaveLength(4);
  });

  it("another kind of memory may follow", () => {
    const { queue } = bench();
    queue.reqbufs("mmap", 2);
    queue.reqbufs("userptr", 2);
    expect(queue.memory).toBe("userptr");
    queue.reqbufs("userptr", 0);
    expect(queue.memory).toBeUndefined();
    expect(queue.busy).toBe(false);
  });

  it("fewer than asked is fine when the driver agrees", () => {
    const memory = new FakeProvider(64 * 3);
    const { queue, driver } = bench({ memory });
    expect(queue.reqbufs("mmap", 5)).toBe(3);
    expect(driver.setups.map((ask) => ask.count)).toEqual([5, 3]);
    // No sizes are what tells REQBUFS from CREATE_BUFS, the second time, too (vb2_core_reqbufs).
    expect(driver.setups.map((ask) => ask.planeSizes)).toEqual([undefined, undefined]);
  });

  it("fewer than CREATE_BUFS asked for is checked with the sizes that the driver made of its", () => {
    const memory = new FakeProvider(128 * 3);
    const { queue, driver } = bench({ memory });
    driver.queueSetup = (ask) => {
      driver.setups.push(ask);
      return { count: ask.count, planeSizes: [128] };
    };
    expect(queue.createBufs("mmap", 5, [100])).toEqual({ index: 0, count: 3 });
    expect(driver.setups.map(({ count, planeSizes }) => [count, planeSizes])).toEqual([
      [5, [100]],
      [3, [128]],
    ]);
  });

  it("ENOMEM when the driver needs more than can be had", () => {
    const memory = new FakeProvider(64 * 3);
    const { queue } = bench({ memory }, (fake) => {
      fake.queueSetup = () => ({ count: 4, planeSizes: [64] });
    });
    expectErrno("ENOMEM", () => queue.reqbufs("mmap", 4));
    expect(memory.live).toBe(0);
    expect(queue.memory).toBeUndefined();
    expect(queue.counters.balance()).toEqual([]);
  });

  it.each([
    ["nothing can be had", 0],
    ["a second plane cannot be had", 100],
    ["minReqBufs cannot be had", 128 * 2],
  ])("ENOMEM when %s; nothing is kept", (_, limit) => {
    const memory = new FakeProvider(limit);
    const { queue } = bench({ memory, minReqBufs: 3 }, (fake) => (fake.planeSizes = [64, 64]));
    expectErrno("ENOMEM", () => queue.reqbufs("mmap", 3));
    expect(memory.live).toBe(0);
    expect(memory.budget.usedBytes).toBe(0);
    expect(queue.numBuffers).toBe(0);
  });

  it("what queueSetup refuses is the client's errno; the buffers before are gone", () => {
    const { queue, driver } = bench();
    queue.reqbufs("mmap", 2);
    driver.refuse.set("queueSetup", "ENODATA");
    expectErrno("ENODATA", () => queue.reqbufs("mmap", 2));
    expect(queue.numBuffers).toBe(0);
  });

  it("bufInit that refuses ends the allocation there", () => {
    const { queue, driver } = bench();
    let made = 0;
    driver.bufInit = () => {
      if (++made > 2) driver.prepareStreaming();
    };
    driver.refuse.set("prepareStreaming", "EIO");
    expect(queue.reqbufs("mmap", 5)).toBe(2);
    queue.release();
    expect(queue.counters.balance()).toEqual([]);
  });

  it.each([[[]], [[0]], [[-1]], [[1.5]], [[2 ** 32]], [new Array<number>(9).fill(1)]])(
    "plane sizes %j from a driver are its bug",
    (planeSizes) => {
      const { queue, driver, memory } = bench();
      driver.queueSetup = () => ({ count: 1, planeSizes });
      expect(() => queue.reqbufs("mmap", 1)).toThrow("queueSetup of video0 capture answered");
      expect([queue.numBuffers, memory.live]).toEqual([0, 0]);
    },
  );
});

it("eight planes from a driver are fine", () => {
  const { queue, driver } = bench();
  const planeSizes = [1, 2, 3, 4, 5, 6, 7, 8];
  driver.queueSetup = () => ({ count: 1, planeSizes });
  queue.reqbufs("mmap", 1);
  expect(at(queue, 0).planes.map(({ length }) => length)).toEqual(planeSizes);
});

describe("createBufs", () => {
  it("appends, and tells the first index", () => {
    const { queue, driver } = bench();
    queue.reqbufs("mmap", 2);
    expect(queue.createBufs("mmap", 3, [100])).toEqual({ index: 2, count: 3 });
    expect(driver.setups.at(-1)).toEqual({ count: 3, allocated: 2, memory: "mmap", planeSizes: [100] });
    expect(at(queue, 4).planes[0]?.length).toBe(100);
  });

  it("does not know minReqBufs", () => {
    const { queue } = bench({ minReqBufs: 3 });
    expect(queue.createBufs("mmap", 1, [64])).toEqual({ index: 0, count: 1 });
  });

  it("ENOBUFS when the queue is full, fewer when it nearly is", () => {
    const { queue, driver } = bench({ maxNumBuffers: 4 });
    queue.reqbufs("mmap", 3);
    expect(queue.createBufs("mmap", 5, [64])).toEqual({ index: 3, count: 1 });
    expect(driver.setups.at(-1)?.count).toBe(1);
    expectErrno("ENOBUFS", () => queue.createBufs("mmap", 1, [64]));
  });

  it("EINVAL for other memory, or for sizes that the driver dislikes; the buffers there stay", () => {
    const { queue } = bench();
    queue.reqbufs("mmap", 2);
    expectErrno("EINVAL", () => queue.createBufs("userptr", 1, [64]));
    expectErrno("EINVAL", () => queue.createBufs("mmap", 1, [63]));
    expectErrno("EINVAL", () => queue.createBufs("mmap", 1, [64, 64]));
    expect([queue.numBuffers, queue.memory]).toEqual([2, "mmap"]);
  });

  it("forgets the memory when the first of all fails", () => {
    const { queue } = bench();
    expectErrno("EINVAL", () => queue.createBufs("mmap", 1, [1]));
    expect(queue.memory).toBeUndefined();
  });

  it("works while streaming", () => {
    const { queue, driver } = bench();
    queue.reqbufs("mmap", 1);
    queue.streamon();
    queue.createBufs("mmap", 1, [64]);
    queue.qbuf(at(queue, 1));
    expect(driver.held).toHaveLength(1);
  });
});

describe("removeBufs", () => {
  it("leaves holes, which CREATE_BUFS fills with one run of indices", () => {
    const { queue } = bench({ maxNumBuffers: 8 });
    queue.reqbufs("mmap", 8);
    queue.removeBufs(1, 2);
    queue.removeBufs(5, 1);
    expect(queue.buffers().map((buffer) => buffer.index)).toEqual([0, 3, 4, 6, 7]);
    expect(queue.createBufs("mmap", 2, [64])).toEqual({ index: 1, count: 2 });
    expect(queue.createBufs("mmap", 2, [64])).toEqual({ index: 5, count: 1 });
  });

  it("takes the longest run there is when none is long enough", () => {
    const { queue } = bench({ maxNumBuffers: 8 });
    queue.reqbufs("mmap", 8);
    queue.removeBufs(0, 1);
    queue.removeBufs(2, 3);
    expect(queue.createBufs("mmap", 4, [64])).toEqual({ index: 2, count: 3 });
  });

  it.each([
    ["no buffer there", 3, 1],
    ["a run that is not all there", 2, 2],
    ["more than there are, though there is room", 0, 4],
    ["more than there are", 0, 5],
    ["beyond the end", 2 ** 32 - 1, 1],
  ])("EINVAL: %s", (_, index, count) => {
    const { queue } = bench();
    queue.reqbufs("mmap", 3);
    expectErrno("EINVAL", () => queue.removeBufs(index, count));
    expect(queue.numBuffers).toBe(3);
  });

  it("count 0 is nothing, wherever", () => {
    const { queue } = bench();
    queue.removeBufs(99, 0);
  });

  it("EBUSY when one is not the client's, and none is removed", () => {
    const { queue } = bench();
    queue.reqbufs("mmap", 3);
    queue.qbuf(at(queue, 1));
    expectErrno("EBUSY", () => queue.removeBufs(0, 3));
    expect(queue.numBuffers).toBe(3);
  });

  it.each([
    ["more than there are", {}, 0, 4],
    ["beyond the end", { maxNumBuffers: 3 }, 1, 3],
  ])("EINVAL, not EBUSY, for %s, though one is not the client's", (_what, config, index, count) => {
    // vb2_core_remove_bufs() looks at the range first.
    const { queue } = bench(config);
    queue.reqbufs("mmap", 3);
    queue.qbuf(at(queue, 1));
    queue.qbuf(at(queue, 0));
    expectErrno("EINVAL", () => queue.removeBufs(index, count));
  });

  it("without buffers the memory is free again, the queue stays busy until REQBUFS(0)", () => {
    const { queue } = bench();
    queue.reqbufs("mmap", 2);
    queue.removeBufs(0, 2);
    expect(queue.memory).toBeUndefined();
    expect(queue.busy).toBe(true);
    queue.createBufs("userptr", 1, [64]);
    queue.reqbufs("userptr", 0);
    expect(queue.busy).toBe(false);
  });

  it("finishes a prepared buffer before it cleans it up", () => {
    const { queue, driver } = bench();
    queue.reqbufs("mmap", 1);
    queue.prepareBuf(at(queue, 0));
    queue.removeBufs(0, 1);
    expect(driver.calls.slice(-2)).toEqual(["bufFinish", "bufCleanup"]);
  });
});

describe("a queue's configuration", () => {
  const requests = { supportsRequests: true, requests: { byFd: () => undefined as never } };
  it.each([
    ["no I/O mode", { io: [] }],
    ["maxNumBuffers is not", { maxNumBuffers: 0 }],
    ["maxNumBuffers is not", { maxNumBuffers: 2 ** 15 }],
    ["minReqBufs exceeds", { minReqBufs: 33 }],
    ["fileIoBuffers is less", { minReqBufs: 3, fileIoBuffers: 2 }],
    ["fileIoBuffers exceeds", { fileIoBuffers: 33 }],
    ["minReqBufs exceeds", { minQueuedBuffers: 32 }],
    ["requiresRequests without", { requiresRequests: true }],
    ["minQueuedBuffers with", { ...requests, minQueuedBuffers: 1 }],
    ["supportsRequests without requests", { supportsRequests: true }],
    ["fileIoBuffers exceeds", { maxNumBuffers: 4, fileIoBuffers: 5 }],
  ])("that contradicts itself is refused: %s", (message, config) => {
    expect(() => bench(config)).toThrow(RangeError);
    expect(() => bench(config)).toThrow(message);
  });

  it.each([
    [{ maxNumBuffers: 1 }],
    [{ maxNumBuffers: 2 ** 15 - 1 }],
    [{ minReqBufs: 32 }],
    [{ minQueuedBuffers: 31 }],
    [{ minReqBufs: 3, fileIoBuffers: 3 }],
    [{ fileIoBuffers: 32 }],
    [{ ...requests, requiresRequests: true, type: BufType.VideoOutput }],
    [{ requiresRequests: false }],
  ])("may go to its limits: %j", (config) => {
    expect(() => bench(config)).not.toThrow();
  });

  it("requests need the driver's ops for them", () => {
    const without = (op: "bufRequestComplete" | "bufOutValidate") => () =>
      bench({ ...requests, type: BufType.VideoOutput }, (driver) =>
        Object.assign(driver, { [op]: undefined }),
      );
    expect(without("bufRequestComplete")).toThrow("without bufRequestComplete");
    expect(without("bufOutValidate")).toThrow("without bufOutValidate");
    // What a client says of CAPTURE buffers is not looked at.
    expect(() =>
      bench({ ...requests, type: BufType.VideoCapture }, (driver) =>
        Object.assign(driver, { bufOutValidate: undefined }),
      ),
    ).not.toThrow();
  });
});
