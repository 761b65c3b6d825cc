/** What a driver does wrong is reported, and no client suffers for it. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TraceStream } from "../../src/v4l2/index.js";
import type { TraceEvent } from "../../src/v4l2/index.js";
import { OpCounters } from "../../src/vb2/index.js";
import { at, bench, expectErrno } from "./fakes.js";
import type { Bench } from "./fakes.js";

let warnings: string[] = [];
beforeEach(() => {
  warnings = [];
  vi.spyOn(process, "emitWarning").mockImplementation((warning) => {
    warnings.push(warning instanceof Error ? warning.message : warning);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

function queued(...options: Parameters<typeof bench>): Bench {
  const b = bench(...options);
  b.queue.reqbufs("mmap", 2);
  for (const buffer of b.queue.buffers()) b.queue.qbuf(buffer);
  return b;
}

function expectClean({ queue, memory, driver }: Bench): void {
  driver.broken.clear();
  driver.held.length = 0;
  queue.release();
  expect(queue.counters.balance()).toEqual([]);
  expect(memory.live).toBe(0);
}

describe("buffers that are not given back", () => {
  it("by stopStreaming are taken back", () => {
    const b = queued();
    b.queue.streamon();
    b.driver.keepsBuffers = true;
    b.queue.streamoff();
    expect(b.queue.buffers().map((buffer) => buffer.state)).toEqual(["dequeued", "dequeued"]);
    expect(b.queue.ownedByDriver).toBe(0);
    expect(warnings).toEqual([
      "stopStreaming of video0 capture left buffer 0 with the driver",
      "stopStreaming of video0 capture left buffer 1 with the driver",
    ]);
    expectClean(b);
  });

  it("by a startStreaming that refuses are taken back, and stay queued", () => {
    const b = queued();
    b.driver.keepsBuffers = true;
    b.driver.refuse.set("startStreaming", "EIO");
    expectErrno("EIO", () => b.queue.streamon());
    expect(b.queue.buffers().map((buffer) => buffer.state)).toEqual(["queued", "queued"]);
    expect(warnings).toHaveLength(2);
    expectClean(b);
  });
});

describe("buffers that are given back wrongly", () => {
  it("twice: an exception for the driver", () => {
    const b = queued();
    b.queue.streamon();
    const buffer = b.driver.complete();
    expect(() => b.queue.bufferDone(buffer)).toThrow("it belongs to the vb2");
    expect(b.queue.doneCount).toBe(1);
    expectClean(b);
  });

  it("after STREAMOFF, or after the buffer was freed", () => {
    const b = queued();
    const buffer = at(b.queue, 0);
    b.queue.streamon();
    b.queue.streamoff();
    expect(() => b.queue.bufferDone(buffer)).toThrow("it belongs to the client");
    b.queue.reqbufs("mmap", 0);
    expect(() => b.queue.bufferDone(buffer)).toThrow("it belongs to the client");
    expect([b.queue.doneCount, b.queue.ownedByDriver]).toEqual([0, 0]);
    expectClean(b);
  });

  it("done by a startStreaming that refuses: the QBUF that failed has its buffer back, once", () => {
    const b = bench({ minQueuedBuffers: 1 });
    b.queue.reqbufs("mmap", 2);
    b.queue.streamon();
    b.driver.startStreaming = () => {
      b.driver.complete("error");
      b.driver.prepareStreaming();
    };
    b.driver.refuse.set("prepareStreaming", "EIO");
    expectErrno("EIO", () => b.queue.qbuf(at(b.queue, 0)));
    expect([at(b.queue, 0).state, b.queue.doneCount, b.queue.queuedCount]).toEqual(["dequeued", 0, 0]);
    expectClean(b);
  });

  it("with a payload that does not fit", () => {
    const b = queued();
    b.queue.streamon();
    const [buffer] = b.driver.held;
    if (buffer === undefined) throw new Error("no buffer");
    expect(() => b.queue.bufferDone(buffer, "done", { bytesused: [65] })).toThrow(RangeError);
    expect(() => b.queue.bufferDone(buffer, "done", { bytesused: [1, 1] })).toThrow(RangeError);
    expect(buffer.state).toBe("active");
    expectClean(b);
  });
});

it("ops that do not come in pairs are counted", () => {
  const counters = new OpCounters();
  expect(counters.balance()).toEqual([]);
  Object.assign(counters, { bufQueue: 3, bufDone: 2, startStreaming: 1 });
  expect(counters.balance()).toEqual(["bufQueue 3, bufDone 2", "startStreaming 1, stopStreaming 0"]);
});

describe("ops that throw", () => {
  it.each(["bufFinish", "bufCleanup", "unprepareStreaming"])("%s: the verb goes on", (op) => {
    const b = queued();
    b.queue.streamon();
    b.driver.complete();
    b.driver.broken.add(op);
    b.queue.dequeue();
    b.queue.streamoff();
    b.queue.reqbufs("mmap", 0);
    expect(warnings).toContain(`${op} is broken`);
    expectClean(b);
  });

  it("stopStreaming: STREAMOFF goes on", () => {
    const b = queued();
    b.queue.streamon();
    b.driver.broken.add("stopStreaming");
    b.queue.streamoff();
    expect(warnings).toEqual(["stopStreaming is broken"]);
    expectClean(b);
  });

  it("bufQueue: the buffer comes back as bad, the others are fine", () => {
    const b = queued();
    b.driver.bufQueue = (buffer) => {
      if (buffer.index === 0) throw new TypeError("bufQueue is broken");
      b.driver.held.push(buffer);
    };
    b.queue.streamon();
    expect(b.queue.buffers().map((buffer) => buffer.state)).toEqual(["error", "active"]);
    expect(b.queue.dequeue()?.index).toBe(0);
    expectClean(b);
  });

  it("bufPrepare with what is no refusal goes up, and the buffer stays the client's", () => {
    const b = bench();
    b.queue.reqbufs("mmap", 1);
    b.driver.broken.add("bufPrepare");
    expect(() => b.queue.qbuf(at(b.queue, 0))).toThrow(TypeError);
    expect(at(b.queue, 0).state).toBe("dequeued");
    expectClean(b);
  });

  it("bufInit with what is no refusal goes up, and nothing is allocated", () => {
    const b = bench();
    b.driver.broken.add("bufInit");
    expect(() => b.queue.reqbufs("mmap", 2)).toThrow(TypeError);
    expect([b.queue.numBuffers, b.memory.live]).toEqual([0, 0]);
    expectClean(b);
  });

  it("are heard of in the trace", () => {
    const trace = new TraceStream();
    const events: TraceEvent[] = [];
    trace.subscribe((event) => events.push(event));
    const b = queued({ trace });
    b.driver.broken.add("bufFinish");
    b.queue.streamoff();
    expect(events.find((event) => event.kind === "message")).toMatchObject({
      level: "error",
      device: "video0",
    });
    expectClean(b);
  });
});
