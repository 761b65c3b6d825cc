/** What a driver does wrong is reported, and no client suffers for it. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Poll, TraceStream } from "../../src/v4l2/index.js";
import type { TraceEvent } from "../../src/v4l2/index.js";
import { OpCounters } from "../../src/vb2/index.js";
import type { DoneState } from "../../src/vb2/index.js";
import { at, bench, expectErrno } from "./fakes.js";
import type { Bench } from "./fakes.js";

let warnings: string[] = [];
beforeEach(() => {
  warnings = [];
  vi.spyOn(process.stderr, "write").mockImplementation((line) => {
    // Where in this file it was is not looked at.
    warnings.push(
      String(line)
        .replace(/, at .*?:\d+:\d+\)?/, "")
        .trimEnd(),
    );
    return true;
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
      "video0: stopStreaming of video0 capture: it kept buffers (0, 1) that it has to give back",
    ]);
    expectClean(b);
  });

  it("by a startStreaming that refuses are taken back, and stay queued", () => {
    const b = queued();
    b.driver.keepsBuffers = true;
    b.driver.refuse.set("startStreaming", "EIO");
    expectErrno("EIO", () => b.queue.streamon());
    expect(b.queue.buffers().map((buffer) => buffer.state)).toEqual(["queued", "queued"]);
    expect(warnings).toEqual([
      "video0: startStreaming of video0 capture: it kept buffers (0, 1) that it has to give back",
    ]);
    expectClean(b);
  });
});

describe("buffers that are given back wrongly", () => {
  const isOver = "; the queue has failed until STREAMOFF";

  it("twice: the stream has failed, and the client can start another", () => {
    const b = queued();
    b.queue.streamon();
    b.queue.bufferDone(b.driver.complete());
    expect(warnings).toEqual([
      `video0: bufferDone of video0 capture: buffer 0 belongs to the vb2, not to the driver${isOver}`,
    ]);
    expect([b.queue.doneCount, b.queue.ownedByDriver]).toEqual([1, 1]);
    expectErrno("EIO", () => b.queue.dequeue());
    expectErrno("EIO", () => b.queue.qbuf(at(b.queue, 0)));
    expect(b.queue.poll(Poll.In)).toBe(Poll.Err);
    b.queue.streamoff();
    for (const buffer of b.queue.buffers()) b.queue.qbuf(buffer);
    b.queue.streamon();
    b.driver.complete();
    expect(b.queue.dequeue()?.index).toBe(0);
    expectClean(b);
  });

  it("after STREAMOFF, or after the buffer was freed: the queue is as good as before", () => {
    const b = queued();
    const buffer = at(b.queue, 0);
    b.queue.streamon();
    b.queue.streamoff();
    b.queue.bufferDone(buffer);
    b.queue.reqbufs("mmap", 0);
    b.queue.bufferDone(buffer);
    expect(warnings).toEqual([
      "video0: bufferDone of video0 capture: buffer 0 belongs to the client, not to the driver",
      "video0: bufferDone of video0 capture: buffer 0 belongs to the client, not to the driver",
    ]);
    expect([b.queue.doneCount, b.queue.ownedByDriver, b.queue.failed]).toEqual([0, 0, false]);
    expectClean(b);
  });

  it("to another queue", () => {
    const [b, other] = [queued(), queued()];
    b.queue.streamon();
    other.queue.streamon();
    b.queue.bufferDone(at(other.queue, 1));
    expect(warnings).toEqual([`video0: bufferDone of video0 capture: buffer 1 is of another queue${isOver}`]);
    expect([b.queue.ownedByDriver, other.queue.ownedByDriver]).toEqual([2, 2]);
    expect(other.queue.failed).toBe(false);
    expectClean(b);
    expectClean(other);
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

  it.each<[string, Record<string, unknown>, string]>([
    [
      "a payload that does not fit",
      { bytesused: [65] },
      "RangeError: a plane of 64 bytes cannot hold a payload of 65",
    ],
    [
      "a payload that is no number",
      { bytesused: ["8"] },
      "RangeError: a plane of 64 bytes cannot hold a payload of 8",
    ],
    ["more payloads than planes", { bytesused: [1, 1] }, "RangeError: buffer 0 has no plane 1"],
    ["a time stamp that is a number", { timestampNs: 5 }, "TypeError: timestampNs is a number, not a bigint"],
    ["half a sequence number", { sequence: 0.5 }, "TypeError: sequence is 0.5, not an integer of 32 bits"],
    ["a field by its name", { field: "none" }, "TypeError: field is none, not an integer of 32 bits"],
    ["flags below 0", { flags: -1 }, "TypeError: flags is -1, not an integer of 32 bits"],
  ])("with %s: in error, and the stream has failed", (_what, details, said) => {
    const b = queued();
    b.queue.streamon();
    const buffer = b.driver.held.shift();
    if (buffer === undefined) throw new Error("no buffer");
    b.queue.bufferDone(buffer, "done", details);
    expect(warnings).toEqual([`video0: bufferDone of video0 capture: ${said}${isOver}`]);
    expect([buffer.state, b.queue.failed, b.queue.ownedByDriver]).toEqual(["error", true, 1]);
    expectClean(b);
  });

  it("in no state that there is: the buffer stays with the driver until STREAMOFF", () => {
    const b = queued();
    b.queue.streamon();
    b.queue.bufferDone(at(b.queue, 0), "finished" as DoneState);
    expect(warnings).toEqual([
      `video0: bufferDone of video0 capture: no buffer is given back as "finished"${isOver}`,
    ]);
    expect(at(b.queue, 0).state).toBe("active");
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
    expect(warnings).toContain(`video0: ${op} of video0 capture: TypeError: ${op} is broken`);
    expectClean(b);
  });

  it("stopStreaming: STREAMOFF goes on", () => {
    const b = queued();
    b.queue.streamon();
    b.driver.broken.add("stopStreaming");
    b.queue.streamoff();
    expect(warnings).toEqual(["video0: stopStreaming of video0 capture: TypeError: stopStreaming is broken"]);
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

  it("bufQueue that has given the buffer back already: that counts, once", () => {
    const b = queued();
    b.driver.bufQueue = (buffer) => {
      b.queue.bufferDone(buffer);
      throw new TypeError("bufQueue is broken");
    };
    b.queue.streamon();
    expect(b.queue.buffers().map((buffer) => buffer.state)).toEqual(["done", "done"]);
    expect(warnings).toEqual(["video0: bufQueue of video0 capture: TypeError: bufQueue is broken"]);
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
