/** The states of a buffer against the verbs of a client: what happens, or which errno. */
import { describe, expect, it, vi } from "vitest";
import { BufType } from "../../src/v4l2/index.js";
import { bufferEdges, bufferOwner } from "../../src/vb2/index.js";
import type { BufferState, VideoBuffer, VideoQueue } from "../../src/vb2/index.js";
import { at, bench, expectErrno, outcome } from "./fakes.js";
import type { Bench } from "./fakes.js";
import { FakeRequest } from "./fake-request.js";

const requestOptions = { supportsRequests: true, requests: { byFd: () => new FakeRequest() } } as const;

/** Two buffers; buffer 0 is in the state, buffer 1 at the client. */
const states: Readonly<Record<string, (b: Bench, buffer: VideoBuffer) => void>> = {
  dequeued: () => undefined,
  prepared: ({ queue }, buffer) => queue.prepareBuf(buffer),
  "in-request": ({ queue }, buffer) => queue.qbuf(buffer, undefined, undefined, new FakeRequest()),
  queued: ({ queue }, buffer) => queue.qbuf(buffer),
  active: ({ queue }, buffer) => {
    queue.qbuf(buffer);
    queue.streamon();
  },
  done: ({ queue, driver }, buffer) => {
    queue.qbuf(buffer);
    queue.streamon();
    driver.complete("done");
  },
  error: ({ queue, driver }, buffer) => {
    queue.qbuf(buffer);
    queue.streamon();
    driver.complete("error");
  },
  "in a failed queue": ({ queue }, buffer) => {
    queue.qbuf(buffer);
    queue.streamon();
    queue.error();
  },
};

/** A verb gives the state of the buffer afterwards, "gone" when it was dropped. */
const verbs: Readonly<Record<string, (queue: VideoQueue, buffer: VideoBuffer, bench: Bench) => unknown>> = {
  qbuf: (queue, buffer) => queue.qbuf(buffer),
  "qbuf into a request": (queue, buffer) => queue.qbuf(buffer, undefined, undefined, new FakeRequest()),
  prepareBuf: (queue, buffer) => queue.prepareBuf(buffer),
  dqbuf: (queue) => (queue.dequeue() === undefined ? "nothing" : undefined),
  removeBufs: (queue) => queue.removeBufs(0, 1),
  "reqbufs(0)": (queue) => void queue.reqbufs("mmap", 0),
  "reqbufs(2)": (queue) => void queue.reqbufs("mmap", 2),
  "createBufs(1)": (queue) => void queue.createBufs("mmap", 1, undefined),
  streamon: (queue) => queue.streamon(),
  streamoff: (queue) => queue.streamoff(),
  bufferDone: (queue, buffer, { driver }) => {
    const reported = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
    queue.bufferDone(buffer);
    const isBug = reported.mock.calls.length > 0;
    reported.mockRestore();
    if (isBug) return "bug";
    driver.held.length = 0;
    return undefined;
  },
};

const table: Readonly<Record<keyof typeof states, Readonly<Record<string, string>>>> = {
  dequeued: {
    qbuf: "queued",
    "qbuf into a request": "in-request",
    prepareBuf: "dequeued",
    dqbuf: "EINVAL",
    removeBufs: "gone",
    "reqbufs(0)": "gone",
    "reqbufs(2)": "gone",
    "createBufs(1)": "dequeued",
    streamon: "dequeued",
    streamoff: "dequeued",
    bufferDone: "bug",
  },
  prepared: {
    qbuf: "queued",
    "qbuf into a request": "in-request",
    prepareBuf: "EINVAL",
    dqbuf: "EINVAL",
    removeBufs: "gone",
    "reqbufs(0)": "gone",
    "reqbufs(2)": "gone",
    "createBufs(1)": "dequeued",
    streamon: "dequeued",
    streamoff: "dequeued",
    bufferDone: "bug",
  },
  "in-request": {
    qbuf: "EBUSY",
    "qbuf into a request": "EINVAL",
    prepareBuf: "EINVAL",
    dqbuf: "EINVAL",
    removeBufs: "EBUSY",
    "reqbufs(0)": "gone",
    "reqbufs(2)": "gone",
    "createBufs(1)": "in-request",
    streamon: "in-request",
    streamoff: "dequeued",
    bufferDone: "bug",
  },
  queued: {
    qbuf: "EINVAL",
    "qbuf into a request": "EBUSY",
    prepareBuf: "EINVAL",
    dqbuf: "EINVAL",
    removeBufs: "EBUSY",
    "reqbufs(0)": "gone",
    "reqbufs(2)": "gone",
    "createBufs(1)": "queued",
    streamon: "active",
    streamoff: "dequeued",
    bufferDone: "bug",
  },
  active: {
    qbuf: "EINVAL",
    "qbuf into a request": "EBUSY",
    prepareBuf: "EINVAL",
    dqbuf: "nothing",
    removeBufs: "EBUSY",
    "reqbufs(0)": "EBUSY",
    "reqbufs(2)": "EBUSY",
    "createBufs(1)": "active",
    streamon: "active",
    streamoff: "dequeued",
    bufferDone: "done",
  },
  done: {
    qbuf: "EINVAL",
    "qbuf into a request": "EBUSY",
    prepareBuf: "EINVAL",
    dqbuf: "dequeued",
    removeBufs: "EBUSY",
    "reqbufs(0)": "EBUSY",
    "reqbufs(2)": "EBUSY",
    "createBufs(1)": "done",
    streamon: "done",
    streamoff: "dequeued",
    bufferDone: "bug",
  },
  error: {
    qbuf: "EINVAL",
    "qbuf into a request": "EBUSY",
    prepareBuf: "EINVAL",
    dqbuf: "dequeued",
    removeBufs: "EBUSY",
    "reqbufs(0)": "EBUSY",
    "reqbufs(2)": "EBUSY",
    "createBufs(1)": "error",
    streamon: "error",
    streamoff: "dequeued",
    bufferDone: "bug",
  },
  "in a failed queue": {
    qbuf: "EIO",
    "qbuf into a request": "EIO",
    prepareBuf: "EINVAL",
    dqbuf: "EIO",
    removeBufs: "EBUSY",
    "reqbufs(0)": "EBUSY",
    "reqbufs(2)": "EBUSY",
    "createBufs(1)": "active",
    streamon: "active",
    streamoff: "dequeued",
    bufferDone: "done",
  },
};

describe.each(Object.keys(states))("a buffer that is %s", (state) => {
  it.each(Object.keys(verbs))("%s", (verb) => {
    const b = bench(requestOptions);
    b.queue.reqbufs("mmap", 2);
    const buffer = at(b.queue, 0);
    states[state]?.(b, buffer);

    const result = outcome(() => verbs[verb]?.(b.queue, buffer, b));
    const after = b.queue.buffer(0) === buffer ? buffer.state : "gone";
    expect(result ?? after).toBe(table[state]?.[verb]);

    b.queue.release();
    expect(b.queue.counters.balance()).toEqual([]);
    expect(b.memory.live).toBe(0);
  });
});

describe("the states as data", () => {
  const names = Object.keys(bufferEdges) as BufferState[];

  it("every state has an owner and can be reached", () => {
    for (const name of names) {
      expect(bufferOwner[name]).toBeDefined();
      expect(names.some((from) => bufferEdges[from].includes(name))).toBe(true);
    }
  });

  it("only the driver's own buffers can become done", () => {
    expect(names.filter((from) => bufferEdges[from].includes("done"))).toEqual(["active"]);
  });

  it("an illegal edge names the owner", () => {
    const { queue } = bench();
    queue.reqbufs("mmap", 1);
    expect(() => at(queue, 0).transition("done")).toThrow(
      'cannot go from "dequeued" to "done": it belongs to the client',
    );
  });
});

describe("streaming", () => {
  it("STREAMON without buffers is EINVAL, twice is nothing", () => {
    const { queue, driver } = bench();
    expectErrno("EINVAL", () => queue.streamon());
    queue.reqbufs("mmap", 1);
    queue.streamon();
    queue.streamon();
    expect(driver.calls.filter((op) => op === "startStreaming")).toHaveLength(1);
  });

  it("gives queued buffers in order before startStreaming, and later ones at once", () => {
    const { queue, driver } = bench();
    queue.reqbufs("mmap", 3);
    queue.qbuf(at(queue, 2));
    queue.qbuf(at(queue, 0));
    queue.streamon();
    expect(driver.held.map((buffer) => buffer.index)).toEqual([2, 0]);
    expect(driver.calls.slice(-4)).toEqual(["prepareStreaming", "bufQueue", "bufQueue", "startStreaming"]);
    queue.qbuf(at(queue, 1));
    expect(driver.held.map((buffer) => buffer.index)).toEqual([2, 0, 1]);
  });

  it("waits for minQueuedBuffers, and REQBUFS gives one more", () => {
    const { queue, driver } = bench({ minQueuedBuffers: 2 });
    expect(queue.reqbufs("mmap", 1)).toBe(3);
    queue.qbuf(at(queue, 0));
    queue.streamon();
    expect(queue.streaming).toBe(true);
    expect(queue.started).toBe(false);
    expect(at(queue, 0).state).toBe("queued");
    queue.qbuf(at(queue, 1));
    expect(queue.started).toBe(true);
    expect(driver.held).toHaveLength(2);
  });

  it("STREAMON with fewer buffers than minQueuedBuffers is EINVAL", () => {
    const { queue } = bench({ minQueuedBuffers: 2 });
    queue.createBufs("mmap", 1, undefined);
    expectErrno("EINVAL", () => queue.streamon());
  });

  it("a driver that refuses to start leaves the buffers queued and the queue off", () => {
    const { queue, driver } = bench();
    queue.reqbufs("mmap", 2);
    queue.qbuf(at(queue, 0));
    driver.refuse.set("startStreaming", "ENOSPC");
    expectErrno("ENOSPC", () => queue.streamon());
    expect([queue.streaming, queue.doneCount, queue.queuedCount]).toEqual([false, 0, 1]);
    expect(at(queue, 0).state).toBe("queued");
    expect(driver.calls.at(-1)).toBe("unprepareStreaming");
    driver.refuse.clear();
    queue.streamon();
    expect(at(queue, 0).state).toBe("active");
  });

  it("a start that fails in QBUF gives that buffer back to the client, the others stay queued", () => {
    const { queue, driver } = bench({ minQueuedBuffers: 2 });
    queue.reqbufs("mmap", 3);
    queue.streamon();
    queue.qbuf(at(queue, 0));
    driver.refuse.set("startStreaming", "EPIPE");
    expectErrno("EPIPE", () => queue.qbuf(at(queue, 1)));
    expect([at(queue, 0).state, at(queue, 1).state]).toEqual(["queued", "dequeued"]);
    expect(queue.queuedCount).toBe(1);
    driver.refuse.clear();
    queue.qbuf(at(queue, 1));
    expect(queue.ownedByDriver).toBe(2);
    queue.release();
    expect(queue.counters.balance()).toEqual([]);
  });

  it("prepareStreaming may refuse; nothing is undone then", () => {
    const { queue, driver } = bench();
    queue.reqbufs("mmap", 1);
    driver.refuse.set("prepareStreaming", "EBUSY");
    expectErrno("EBUSY", () => queue.streamon());
    expect(driver.calls).not.toContain("unprepareStreaming");
  });

  it("STREAMOFF returns every buffer, resets the error state and the way the queue is used", () => {
    const { queue, driver } = bench(requestOptions);
    queue.reqbufs("mmap", 3);
    for (const buffer of queue.buffers()) queue.qbuf(buffer);
    queue.streamon();
    driver.complete();
    queue.error();
    queue.streamoff();
    expect(queue.buffers().map((buffer) => buffer.state)).toEqual(["dequeued", "dequeued", "dequeued"]);
    expect([queue.queuedCount, queue.doneCount, queue.ownedByDriver]).toEqual([0, 0, 0]);
    expect([queue.failed, queue.usesQbuf, queue.streaming]).toEqual([false, false, false]);
    expect(queue.numBuffers).toBe(3);
  });

  it("buffers come back in the order in which the driver finished them", () => {
    const { queue, driver } = bench();
    queue.reqbufs("mmap", 3);
    for (const buffer of queue.buffers()) queue.qbuf(buffer);
    queue.streamon();
    const [first, second, third] = driver.held.splice(0);
    for (const buffer of [second, third, first]) if (buffer !== undefined) queue.bufferDone(buffer);
    expect([queue.dequeue()?.index, queue.dequeue()?.index, queue.dequeue()?.index]).toEqual([1, 2, 0]);
  });

  it("after the last buffer DQBUF is EPIPE, even with more done, until it is cleared", () => {
    const { queue, driver } = bench();
    queue.reqbufs("mmap", 2);
    for (const buffer of queue.buffers()) queue.qbuf(buffer);
    queue.streamon();
    driver.complete();
    queue.lastBufferDequeued = true;
    expectErrno("EPIPE", () => queue.dequeue());
    queue.lastBufferDequeued = false;
    expect(queue.dequeue()?.index).toBe(0);
    queue.lastBufferDequeued = true;
    queue.streamoff();
    expect(queue.lastBufferDequeued).toBe(false);
  });

  it("claimOldestQueued makes a buffer of a queue that has not started the driver's", () => {
    const { queue } = bench({ minQueuedBuffers: 2 });
    queue.reqbufs("mmap", 3);
    queue.qbuf(at(queue, 1));
    queue.streamon();
    const claimed = queue.claimOldestQueued();
    expect(claimed?.index).toBe(1);
    expect(queue.claimOldestQueued()).toBeUndefined();
    if (claimed !== undefined) queue.bufferDone(claimed, "done");
    expect(queue.dequeue()?.index).toBe(1);
    queue.release();
    expect(queue.counters.balance()).toEqual([]);
  });

  it("finds a reference frame by its copied time stamp", () => {
    const { queue } = bench({ type: BufType.VideoCapture, timestamps: "copy" });
    queue.reqbufs("mmap", 2);
    at(queue, 1).timestampNs = 5n;
    expect(queue.findByTimestamp(5n)).toBeUndefined();
    at(queue, 1).copiedTimestamp = true;
    expect(queue.findByTimestamp(5n)?.index).toBe(1);
    queue.streamoff();
    expect(queue.findByTimestamp(5n)).toBeUndefined();
  });

  it("CREATE_BUFS makes the queue busy, and a close ends that", () => {
    const { queue } = bench();
    expect(queue.busy).toBe(false);
    queue.createBufs("mmap", 1, undefined);
    expect(queue.busy).toBe(true);
    queue.lastBufferDequeued = true;
    queue.release();
    expect([queue.busy, queue.lastBufferDequeued]).toEqual([false, false]);
  });

  it("exactly minQueuedBuffers buffers are enough for STREAMON", () => {
    const { queue } = bench({ minQueuedBuffers: 2 });
    queue.createBufs("mmap", 2, undefined);
    queue.streamon();
    expect(queue.streaming).toBe(true);
  });

  it("a queue that failed before it had buffers is still failed after its first REQBUFS", () => {
    // vb2_core_reqbufs() cancels only where buffers are, or with count 0.
    const { queue } = bench();
    queue.error();
    queue.reqbufs("mmap", 1);
    expectErrno("EIO", () => queue.qbuf(at(queue, 0)));
    queue.reqbufs("mmap", 0);
    queue.reqbufs("mmap", 1);
    queue.qbuf(at(queue, 0));
  });

  it("a start leaves alone what was claimed before, and what of it is done", () => {
    const { queue, driver } = bench({ minQueuedBuffers: 3 });
    queue.reqbufs("mmap", 4);
    for (const index of [0, 1]) queue.qbuf(at(queue, index));
    queue.streamon();
    const claimed = [queue.claimOldestQueued(), queue.claimOldestQueued()];
    if (claimed[0] !== undefined) queue.bufferDone(claimed[0]);
    queue.qbuf(at(queue, 2));
    expect(queue.buffers().map(({ state }) => state)).toEqual(["done", "active", "active", "dequeued"]);
    expect(driver.held.map(({ index }) => index)).toEqual([2]);
  });

  it("a start that fails in QBUF takes back that buffer only, not one that is done", () => {
    const { queue, driver } = bench({ minQueuedBuffers: 2 });
    queue.reqbufs("mmap", 3);
    queue.qbuf(at(queue, 0));
    queue.streamon();
    const claimed = queue.claimOldestQueued();
    if (claimed !== undefined) queue.bufferDone(claimed);
    driver.refuse.set("startStreaming", "EPIPE");
    expectErrno("EPIPE", () => queue.qbuf(at(queue, 1)));
    expect(queue.doneCount).toBe(1);
    expect(queue.dequeue()?.index).toBe(0);
  });

  it("a REQBUFS that fails leaves the queue without buffers, and free", () => {
    const { queue, driver } = bench();
    queue.reqbufs("mmap", 2);
    driver.refuse.set("queueSetup", "EINVAL");
    expectErrno("EINVAL", () => queue.reqbufs("mmap", 2));
    expect([queue.numBuffers, queue.busy]).toEqual([0, false]);
  });
});

it.each(["validating", "queued", "complete", "cleaning"] as const)(
  "QBUF into a request that is %s is EBUSY, and the buffer stays the client's",
  (state) => {
    const { queue } = bench(requestOptions);
    queue.reqbufs("mmap", 1);
    const request = Object.assign(new FakeRequest(), { state });
    expectErrno("EBUSY", () => queue.qbuf(at(queue, 0), undefined, undefined, request));
    expect([at(queue, 0).state, request.objects]).toEqual(["dequeued", []]);
  },
);

describe("buf_out_validate", () => {
  const validations = ({ driver }: Bench): number =>
    driver.calls.filter((op) => op === "bufOutValidate").length;

  it.each([
    ["CAPTURE", BufType.VideoCapture, 0],
    ["OUTPUT", BufType.VideoOutput, 1],
  ] as const)("%s: once for a buffer, though it was prepared before", (_what, type, expected) => {
    // __buf_prepare() and vb2_core_qbuf(): a buffer that is prepared is not looked at again.
    const b = bench({ ...requestOptions, type });
    b.queue.reqbufs("mmap", 2);
    b.queue.prepareBuf(at(b.queue, 0));
    b.queue.qbuf(at(b.queue, 0), undefined, undefined, new FakeRequest());
    expect(validations(b)).toBe(expected);
    b.queue.qbuf(at(b.queue, 1), undefined, undefined, new FakeRequest());
    expect(validations(b)).toBe(2 * expected);
  });
});
