/** What listeners are told of buffers and frames. */
import { describe, expect, it } from "vitest";
import { BufType, Memory, TraceStream } from "../../src/v4l2/index.js";
import type { DriverBug, FrameEvent, TraceEvent, WatchedQueue } from "../../src/v4l2/index.js";
import type { BufferEvent } from "../../src/v4l2/trace/trace.js";
import { frameEvent, stateOfClient } from "../../src/vb2/frame-event.js";
import { ready } from "./client.js";
import type { Client } from "./client.js";
import { at, FakeFileHandle } from "./fakes.js";

/** A queue with two buffers, and what is told of it. */
function traced(isRecorder = false, config: Parameters<typeof ready>[0] = {}) {
  const trace = new TraceStream();
  const events: TraceEvent[] = [];
  const c = ready({ trace, ...config });
  const stop = isRecorder
    ? trace.record((event) => event.kind !== "ioctl" && events.push(event))
    : trace.subscribe((event) => events.push(event));
  const buffers = (): BufferEvent[] => events.flatMap((event) => (event.kind === "buffer" ? [event] : []));
  return { c, events, buffers, stop };
}

const start = (c: Client): void => {
  c.ops.streamon(c.file, c.queue.type);
};

describe("a buffer", () => {
  it("is told with each state it comes to, and how many are in which", () => {
    const { c, buffers } = traced();
    c.qbuf(0);
    c.qbuf(1);
    start(c);
    c.driver.complete("done", 10);
    c.driver.complete("error", 10);
    c.dqbuf();
    c.ops.streamoff(c.file, c.queue.type);
    expect(
      buffers().map(({ index, from, to, queued, active, done }) =>
        [index, `${from} > ${to}`, queued, active, done].join(" "),
      ),
    ).toEqual([
      "0 dequeued > preparing 0 0 0",
      "0 preparing > dequeued 0 0 0",
      "0 dequeued > queued 1 0 0",
      "1 dequeued > preparing 1 0 0",
      "1 preparing > dequeued 1 0 0",
      "1 dequeued > queued 2 0 0",
      "0 queued > active 1 1 0",
      "1 queued > active 0 2 0",
      "0 active > done 0 1 1",
      "1 active > error 0 0 2",
      "0 done > dequeued 0 0 1",
      "1 error > dequeued 0 0 0",
    ]);
  });

  it("is named by file, type and index, with what it carries", () => {
    const { c, buffers } = traced(false, { type: BufType.VideoCapture });
    c.qbuf(1);
    start(c);
    c.queue.bufferDone(at(c.queue, 1), "done", { sequence: 8, timestampNs: 7n, bytesused: [33] });
    expect(buffers().at(-1)).toMatchObject({
      ...{ device: "video0", file: c.file.id, type: BufType.VideoCapture, index: 1 },
      ...{ sequence: 8, timestampNs: 7n, bytesused: [33], request: undefined, buffers: 2 },
    });
  });

  it("its instant within a call is for people, not for recordings", () => {
    const { c, buffers } = traced(true);
    c.qbuf(0);
    start(c);
    expect(buffers().map(({ to }) => to)).toEqual(["queued", "active"]);
  });

  it("is told to nobody while nobody listens, and counted all the same", () => {
    const { c, events, stop } = traced();
    stop();
    c.qbuf(0);
    expect(events).toEqual([]);
    c.queue.releaseFile(c.file);
    expect(c.queue.counters.balance()).toEqual([]);
  });
});

describe("a frame", () => {
  const timing = { sequence: 5, dueNs: 1_000n, intervalNs: 33_000_000n };
  const key = { file: 2n, type: BufType.VideoCapture, index: 1 };

  it("was drawn into a buffer, so long after it was due", () => {
    const event = frameEvent("video0", key, { ...timing, drawNs: 12.6 });
    expect(event).toMatchObject({
      ...{ kind: "frame", device: "video0", action: "drawn", file: 2n, type: 1, index: 1 },
      ...{ sequence: 5, dueNs: 1000, drawNs: 13, intervalNs: 33_000_000, reason: undefined },
    });
    expect(event.lateNs).toBe(event.monotonicNs - 1000);
    const wall = event.timeMs - Date.now();
    expect(Math.abs(wall)).toBeLessThan(60_000);
  });

  it("is never early, and has no interval where frames come as buffers do", () => {
    const future = process.hrtime.bigint() + 10_000_000_000n;
    expect(frameEvent("video0", key, { sequence: 0, dueNs: future, intervalNs: undefined })).toMatchObject({
      lateNs: 0,
      drawNs: 0,
      intervalNs: undefined,
    });
  });

  it("was lost, for a reason, and with the state of the process that has the queue", () => {
    const { c, events } = traced();
    c.queue.owner = { ...c.file, client: { comm: "vitest", pid: process.pid } } as never;
    c.queue.frameLost(timing, "no buffer is queued");
    c.queue.frameDrawn(at(c.queue, 1), { ...timing, drawNs: 1 });
    const frames = events.filter((event): event is FrameEvent => event.kind === "frame");
    expect(frames[0]).toMatchObject({ action: "lost", index: undefined, reason: "no buffer is queued" });
    expect(frames[0]?.clientState).toMatch(/^[RSD]$/);
    expect(frames[1]).toMatchObject({ action: "drawn", index: 1, reason: undefined, clientState: undefined });
  });

  it("is told to nobody while nobody listens", () => {
    const { c, events, stop } = traced();
    stop();
    c.queue.frameLost(timing, "no buffer is queued");
    c.queue.frameDrawn(at(c.queue, 0), { ...timing, drawNs: 1 });
    expect(events).toEqual([]);
  });

  it("the state of a process that cannot be seen is not known", () => {
    const file = (pid: number) => ({ client: { comm: "x", pid } }) as never;
    expect(stateOfClient(undefined)).toBeUndefined();
    expect(stateOfClient({} as never)).toBeUndefined();
    for (const pid of [0, -1, 2 ** 22 + 1]) expect(stateOfClient(file(pid))).toBeUndefined();
    expect(stateOfClient(file(process.pid))).toMatch(/^[RSD]$/);
  });
});

describe("what a driver says of a buffer that is done", () => {
  it.each([
    [{ sequence: -1 }, "sequence is -1"],
    [{ sequence: 2 ** 32 }, "sequence is 4294967296"],
    [{ field: 1.5 }, "field is 1.5"],
    [{ flags: NaN }, "flags is NaN"],
    [{ timestampNs: 5 }, "timestampNs is a number"],
  ])("%j is a bug: the queue has failed until STREAMOFF", (details, told) => {
    const { c, events } = traced();
    c.qbuf(0);
    start(c);
    c.queue.bufferDone(at(c.queue, 0), "done", details as never);
    const said = events.flatMap((event) => (event.kind === "message" ? [event.text] : []));
    expect(said).toEqual([expect.stringContaining(told)]);
    expect(said[0]).toContain("the queue has failed until STREAMOFF");
    expect(at(c.queue, 0).state).toBe("error");
  });

  it("may be the greatest numbers there are", () => {
    const { c } = traced();
    c.qbuf(0);
    start(c);
    c.queue.bufferDone(at(c.queue, 0), "done", { sequence: 2 ** 32 - 1, field: 0, bytesused: [1] });
    expect(c.dqbuf().sequence).toBe(2 ** 32 - 1);
  });
});

describe("the device that a queue is of", () => {
  /** A device that takes down what it hears. */
  function device() {
    const [trace, told] = [new TraceStream(), [] as TraceEvent[]];
    trace.subscribe((event) => told.push(event));
    const [queues, bugs] = [new Set<WatchedQueue>(), [] as DriverBug[]];
    const reportBug = (bug: DriverBug): void => void bugs.push(bug);
    return { trace, told, queues, bugs, reportBug, name: "video7", patienceMs: 1000 };
  }

  it("hears of its buffers and of its driver's mistakes", () => {
    const d = device();
    const c = ready({ device: d });
    c.qbuf(0);
    expect(d.told.map(({ device }) => device)).toEqual(["video7", "video7", "video7"]);
    c.queue.bufferDone(at(c.queue, 1));
    expect(d.bugs.map(({ where }) => where)).toEqual(["bufferDone of video7 capture"]);
  });

  it("hears of nothing where another trace is given", () => {
    const d = device();
    const other = new TraceStream();
    const said: string[] = [];
    other.subscribe((event) => said.push(event.kind === "message" ? event.text : event.kind));
    const c = ready({ device: d, trace: other });
    c.qbuf(0);
    c.queue.bufferDone(at(c.queue, 1));
    expect([d.told, d.bugs]).toEqual([[], []]);
    expect(said.slice(0, -1)).toEqual(["buffer", "buffer", "buffer"]);
    expect(said.at(-1)).toMatch(/^bufferDone of video7 capture: buffer 1 belongs to the client/);
  });

  it("can be asked for its queues: all the time, or as long as the file is open that has it", () => {
    const d = device();
    const file = new FakeFileHandle();
    const [shared, own] = [ready({ device: d }), ready({ device: d, file })];
    expect([...d.queues]).toEqual([shared.queue, own.queue]);
    own.queue.releaseFile(new FakeFileHandle());
    shared.queue.releaseFile(shared.file);
    expect([...d.queues]).toEqual([shared.queue, own.queue]);
    own.queue.releaseFile(file);
    expect([...d.queues]).toEqual([shared.queue]);
  });

  it("tells of a queue that a file has by that file, of another by its owner", () => {
    const file = new FakeFileHandle();
    const own = traced(false, { file });
    own.c.qbuf(0);
    const shared = traced();
    shared.c.qbuf(0);
    expect(own.buffers().map((event) => event.file)).toEqual([file.id, file.id, file.id]);
    expect(shared.buffers().at(-1)?.file).toBe(shared.c.file.id);
  });
});

describe("whose a queue is", () => {
  it("is told by program, process and file", () => {
    const { c } = traced();
    const refused = (): string => {
      try {
        c.queue.assertOwner({ id: 99n } as never);
      } catch (error) {
        return String((error as Error).message);
      }
      return "";
    };
    expect(refused()).toContain(`the queue belongs to ffmpeg[123] (file ${c.file.id})`);
    c.queue.owner = { id: 7n } as never;
    expect(refused()).toContain("the queue belongs to file 7");
  });

  it("memory of a kind says nothing of the other queue's", () => {
    const { c } = traced();
    expect(c.queue.memory).toBe("mmap");
    c.ops.reqbufs(c.file, { type: c.queue.type, memory: Memory.Mmap, count: 0, flags: 0 });
    expect(c.queue.isForeign(c.file)).toBe(false);
  });
});
