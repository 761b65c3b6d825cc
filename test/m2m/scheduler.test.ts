import { afterEach, describe, expect, it, vi } from "vitest";
import { V4l2Error } from "../../src/v4l2/index.js";
import type { TraceEvent } from "../../src/v4l2/index.js";
import { expectErrno, settled } from "../vb2/fakes.js";
import { CAP, Machine, OUT } from "./machine.js";

describe("a job", () => {
  it("starts when both queues stream and each has a buffer, not before", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.reqbufs(OUT, 2);
    client.reqbufs(CAP, 2);
    client.qbuf(OUT, 0);
    client.qbuf(CAP, 0);
    client.streamon(OUT);
    await settled();
    expect(machine.started).toHaveLength(0);
    client.streamon(CAP);
    expect(machine.started).toHaveLength(0);
    await settled();
    expect(machine.started).toHaveLength(1);
    expect(machine.scheduler.isRunning(client.context)).toBe(true);
  });

  it("has the oldest buffer of each queue, gives them back when it finishes, and the next one starts", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(2, { out: [1, 0], cap: [0, 1] });
    await settled();
    const [job] = machine.started;
    expect(job?.source.index).toBe(1);
    expect(job?.destination.index).toBe(0);
    expect(job?.state).toBe("a");
    expectErrno("EAGAIN", () => client.dqbuf(OUT));

    await machine.finish();
    expect(client.dqbuf(OUT)).toMatchObject({ index: 1, sequence: 0 });
    expect(client.dqbuf(CAP)).toMatchObject({ index: 0, sequence: 0 });
    expect(machine.started).toHaveLength(2);
    await machine.finish();
    expect(client.dqbuf(OUT)).toMatchObject({ index: 0, sequence: 1 });
    expect(client.dqbuf(CAP)).toMatchObject({ index: 1, sequence: 1 });
    expect(machine.running).toBeUndefined();
  });

  it("that is finished twice counts once", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(2, { out: [0, 1], cap: [0, 1] });
    await machine.finish();
    const [first, second] = machine.started;
    expect(first?.isRunning).toBe(false);
    first?.finish();
    expect(second?.isRunning).toBe(true);
    expect(client.context.source.doneCount).toBe(1);
  });

  it("waits for what the driver needs besides buffers", async () => {
    let isReady = false;
    const machine = new Machine({ jobs: { jobReady: () => isReady } });
    const client = machine.open();
    client.stream(1, { out: [0], cap: [0] });
    await settled();
    expect(machine.started).toHaveLength(0);
    isReady = true;
    client.context.trySchedule();
    await settled();
    expect(machine.started).toHaveLength(1);
  });

  it("needs no OUTPUT buffer while the driver has input of its own, and no CAPTURE buffer likewise", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(2);
    client.context.sourceBuffered = true;
    client.qbuf(CAP, 0);
    await settled();
    expect(machine.started).toHaveLength(1);
    expect(() => machine.started[0]?.source).toThrow("without an OUTPUT buffer");
    await machine.finish();
    expect(client.dqbuf(CAP)).toMatchObject({ index: 0 });

    client.context.sourceBuffered = false;
    client.context.destinationBuffered = true;
    client.qbuf(OUT, 0);
    await settled();
    expect(() => machine.started[1]?.destination).toThrow("without a CAPTURE buffer");
    await machine.finish();
    expect(client.dqbuf(OUT)).toMatchObject({ index: 0 });
  });

  it("needs a CAPTURE buffer, though the driver has input of its own", async () => {
    const machine = new Machine({ supportsHold: true });
    const client = machine.open();
    expect(client.context.newFrame).toBe(true);
    client.stream(1, { out: [0], cap: [0] });
    await machine.finish();
    client.dqbuf(CAP);
    client.context.sourceBuffered = true;
    client.context.trySchedule();
    await settled();
    expect(machine.started).toHaveLength(1);
    // A buffer that has a time stamp already, of no OUTPUT buffer that is there.
    client.qbuf(CAP, 0);
    await settled();
    expect(machine.started).toHaveLength(2);
  });

  it("runs without CAPTURE streaming when the driver wants to look at the stream first", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.context.ignoreCaptureStreaming = true;
    client.context.destinationBuffered = true;
    client.reqbufs(OUT, 1);
    client.streamon(OUT);
    client.qbuf(OUT, 0);
    await settled();
    expect(machine.running).toBe("a");
    // The driver keeps the buffer and ends the job.
    expect(client.context.jobFinish()).toBe(true);
    expect(client.context.jobFinish()).toBe(false);
    expect(client.context.readyCounts).toEqual({ source: 1, destination: 0 });
  });

  it("may take its buffers out and give them back by itself", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(3, { out: [0], cap: [2, 1] });
    await settled();
    const { context } = client;
    const second = context.destination.buffer(1);
    expect(context.removeDestination(second)).toBe(second);
    expect(context.removeDestination(second)).toBeUndefined();
    if (second !== undefined) context.destination.bufferDone(second);
    expect(client.dqbuf(CAP)).toMatchObject({ index: 1 });
    expect(context.removeSource()?.index).toBe(0);
    expect(context.readyCounts).toEqual({ source: 0, destination: 1 });
  });
});

describe("jobs of several files", () => {
  it("take turns in the order in which they became ready", async () => {
    const machine = new Machine();
    const clients = [machine.open(), machine.open(), machine.open()];
    for (const client of clients) client.stream(4, { out: [0, 1, 2, 3], cap: [0, 1, 2, 3] });
    const order: (string | undefined)[] = [];
    for (let turn = 0; turn < 12; turn += 1) order.push(await machine.finish());
    expect(order.join("")).toBe("abcabcabcabc");
    expect(await machine.finish()).toBeUndefined();
  });

  it("run one at a time", async () => {
    const machine = new Machine();
    for (const client of [machine.open(), machine.open()]) client.stream(1, { out: [0], cap: [0] });
    await settled();
    expect(machine.running).toBe("a");
    expect(machine.scheduler.waiting.map(({ state }) => state)).toEqual(["b"]);
    await machine.finish();
    expect(machine.running).toBe("b");
  });
});

describe("STREAMOFF and close in the middle of a job", () => {
  it.each([
    ["OUTPUT", OUT, CAP],
    ["CAPTURE", CAP, OUT],
  ] as const)("of %s ends the job with an error, for the other queue too", async (_name, off, other) => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(2, { out: [0, 1], cap: [0, 1] });
    await settled();
    client.streamoff(off);
    expect(machine.running).toBeUndefined();
    const buffer = client.dqbuf(other);
    expect(buffer).toMatchObject({ index: 0 });
    expect(buffer.flags & 0x40).toBe(0x40);
    // The driver learns too late; nothing happens to the next job.
    const [late] = machine.started;
    client.streamon(off);
    client.qbuf(off, 0);
    await settled();
    late?.finish();
    expect(machine.scheduler.jobs[0]).toBe(machine.started[1]);
    expect(machine.scheduler.jobs[0]?.isRunning).toBe(true);
  });

  it("lets the driver finish the job properly", async () => {
    const machine = new Machine({
      jobs: {
        jobAbort: (_context, job) => {
          job.finish("done");
        },
      },
    });
    const client = machine.open();
    client.stream(2, { out: [0, 1], cap: [0, 1] });
    await settled();
    client.streamoff(OUT);
    expect(client.dqbuf(CAP).flags & 0x40).toBe(0);
    await settled();
    expect(machine.started).toHaveLength(1);
  });

  it("is not what STREAMOFF of a queue that is not there does", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(1, { out: [0], cap: [0] });
    await settled();
    expectErrno("EINVAL", () => client.ops.streamoff(client.file, 9, client.call));
    expect(machine.running).toBe("a");
  });

  it("takes a job that waits out of the queue", async () => {
    const machine = new Machine();
    const [first, second] = [machine.open(), machine.open()];
    first.stream(1, { out: [0], cap: [0] });
    second.stream(1, { out: [0], cap: [0] });
    await settled();
    second.streamoff(CAP);
    expect(machine.scheduler.waiting).toEqual([]);
    await machine.finish();
    expect(machine.running).toBeUndefined();
  });

  it("lets the others go on, and frees everything", async () => {
    const machine = new Machine();
    const [first, second] = [machine.open(), machine.open()];
    first.stream(2, { out: [0, 1], cap: [0, 1] });
    second.stream(1, { out: [0], cap: [0] });
    await settled();
    expect(machine.running).toBe("a");
    const { source, destination } = first.context;
    first.close();
    expect(source.counters.balance()).toEqual([]);
    expect(destination.counters.balance()).toEqual([]);
    await settled();
    expect(machine.running).toBe("b");
    expect(machine.memory.live).toBe(2);
    second.close();
    expect(machine.memory.live).toBe(0);
    await settled();
    expect(machine.running).toBeUndefined();
  });

  it("a job that never started leaves its buffers for the next STREAMON", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(1, { out: [0], cap: [0] });
    client.streamoff(CAP);
    await settled();
    expect(machine.started).toEqual([]);
    client.streamon(CAP);
    client.qbuf(CAP, 0);
    await settled();
    expect(machine.started[0]?.source.index).toBe(0);
  });
});

describe("a driver's mistake", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("in deviceRun costs a frame, and the other files go on", async () => {
    const warning = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
    let isBroken = true;
    const machine = new Machine({
      jobs: {
        deviceRun: () => {
          if (isBroken) throw new TypeError("broken");
        },
      },
    });
    const [first, second] = [machine.open(), machine.open()];
    first.stream(1, { out: [0], cap: [0] });
    second.stream(1, { out: [0], cap: [0] });
    await settled();
    isBroken = false;
    expect(first.dqbuf(CAP).flags & 0x40).toBe(0x40);
    expect(first.dqbuf(OUT).flags & 0x40).toBe(0x40);
    expect(warning).toHaveBeenCalledOnce();
    expect(warning.mock.calls[0]?.[0]).toMatch(
      /^video0: driver machine: deviceRun: TypeError: broken, at .*scheduler\.test\.ts:\d+:\d+\)?; the job has failed\n$/,
    );
    await settled();
    expect(machine.running).toBe("b");
  });

  it("in jobReady or jobAbort does not reach the client", async () => {
    const warning = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
    let isBroken = false;
    const fail = (): boolean => {
      if (isBroken) throw new TypeError("broken");
      return true;
    };
    const machine = new Machine({ jobs: { jobReady: fail, jobAbort: fail } });
    const client = machine.open();
    client.stream(2, { out: [0], cap: [0] });
    await settled();
    isBroken = true;
    client.streamoff(OUT);
    expect(machine.running).toBeUndefined();
    client.streamon(OUT);
    client.qbuf(OUT, 0);
    expect(warning).toHaveBeenCalledTimes(1);
    client.qbuf(CAP, 1);
    expect(warning).toHaveBeenCalledTimes(2);
    expect(warning.mock.calls.map(([line]) => /(job\w+): .*; (.*)\n$/.exec(String(line))?.slice(1))).toEqual([
      ["jobAbort", "the job has failed"],
      ["jobReady", "no job is run"],
    ]);
    await settled();
    expect(machine.started).toHaveLength(1);
  });

  it("that is a rejected promise costs a frame, too", async () => {
    const warning = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
    const machine = new Machine({ jobs: { deviceRun: () => Promise.reject(new TypeError("broken")) } });
    const client = machine.open();
    client.stream(1, { out: [0], cap: [0] });
    await settled();
    await settled();
    expect(client.dqbuf(CAP).flags & 0x40).toBe(0x40);
    expect(warning.mock.calls[0]?.[0]).toContain("deviceRun: TypeError: broken");
  });

  it.each(["the log", "the operator, without a log"])(
    "a refusal in deviceRun is an error buffer and a line for %s",
    async (whom) => {
      const machine = new Machine({
        jobs: {
          deviceRun: () => {
            throw new V4l2Error("EINVAL", "no such picture");
          },
        },
      });
      const { trace } = machine.device;
      const events: TraceEvent[] = [];
      if (whom === "the log") trace.subscribe((event) => events.push(event));
      else trace.unheard = (event) => events.push(event);
      const client = machine.open();
      client.stream(1, { out: [0], cap: [0] });
      await settled();
      expect(client.dqbuf(CAP).flags & 0x40).toBe(0x40);
      expect(events.filter((event) => event.kind === "message").at(-1)).toMatchObject({
        level: "warning",
        text: "a job failed: EINVAL: no such picture",
      });
    },
  );
});

describe("the log", () => {
  it("tells of each job", async () => {
    const machine = new Machine();
    const actions: string[] = [];
    machine.device.trace.subscribe((event) => {
      if (event.kind === "job") actions.push(event.action);
    });
    const client = machine.open();
    client.stream(2, { out: [0, 1], cap: [0, 1] });
    await machine.finish();
    client.streamoff(OUT);
    expect(actions).toEqual(["queued", "started", "finished", "queued", "started", "aborted"]);
  });
});

describe("a job in the log", () => {
  it("has its number, its file, its buffers and its request, from the beginning to the end", async () => {
    const machine = new Machine();
    const told: unknown[] = [];
    machine.device.trace.subscribe((event) => {
      if (event.kind !== "job") return;
      const { device, file, action, job, request, source, destination } = event;
      told.push([device, file, action, job, request, source, destination]);
    });
    const client = machine.open();
    const { id } = client.file;
    client.stream(3, { cap: [2, 1] });
    const requests = [client.qbufInRequest(1, 7), client.qbufInRequest(0, 8)];
    for (const request of requests) {
      request.queue();
      await machine.finish();
    }
    const [first, second] = requests.map(({ name }) => name);
    expect(told).toEqual([
      ["video0", id, "queued", 1, first, 1, 2],
      ["video0", id, "started", 1, first, 1, 2],
      ["video0", id, "finished", 1, first, 1, 2],
      ["video0", id, "queued", 2, second, 0, 1],
      ["video0", id, "started", 2, second, 0, 1],
      ["video0", id, "finished", 2, second, 0, 1],
    ]);
  });
});

describe("several jobs at once", () => {
  /** Each job starts in a turn of the event loop of its own. */
  const allSettled = async (): Promise<void> => {
    for (let turns = 0; turns < 3; turns++) await settled();
  };
  const stream = (machine: Machine, buffers: number) => {
    const client = machine.open();
    const indices = Array.from({ length: buffers }, (_, index) => index);
    client.stream(buffers, { out: indices, cap: indices });
    return client;
  };

  it("are of different files, as many as the driver can run, the longest waiting first", async () => {
    const machine = new Machine({ maxJobs: 2 });
    for (let count = 0; count < 3; count++) stream(machine, 2);
    await allSettled();
    expect(machine.scheduler.jobs.map(({ state }) => state)).toEqual(["a", "b"]);
    expect(machine.scheduler.waiting.map(({ state }) => state)).toEqual(["c"]);
    machine.started[1]?.finish();
    await allSettled();
    expect(machine.scheduler.jobs.map(({ state }) => state)).toEqual(["a", "c"]);
    expect(machine.scheduler.waiting.map(({ state }) => state)).toEqual(["b"]);
  });

  it("are never two of one file, though it has the buffers for them", async () => {
    const machine = new Machine({ maxJobs: 2 });
    stream(machine, 3);
    await allSettled();
    expect(machine.started).toHaveLength(1);
  });

  it("end each for itself: STREAMOFF of one file leaves the other's job alone", async () => {
    const machine = new Machine({ maxJobs: 2 });
    const gone = stream(machine, 1);
    const other = stream(machine, 1);
    await allSettled();
    const [first, second] = machine.started;
    gone.streamoff(OUT, CAP);
    expect([first?.isRunning, second?.isRunning]).toEqual([false, true]);
    first?.finish();
    second?.finish();
    expect(other.dqbuf(CAP)).toMatchObject({ index: 0, sequence: 0 });
    expect(machine.scheduler.jobs).toEqual([]);
  });
});
