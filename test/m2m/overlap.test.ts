/** Jobs that let the next one of their file start: what is at the device at once, and in which order buffers come back. */
import { describe, expect, it } from "vitest";
import type { ControlOps } from "../../src/v4l2/index.js";
import { BufFlag, Cid, ControlHandler, CtrlWhich } from "../../src/v4l2/index.js";
import { expectErrno, settled } from "../vb2/fakes.js";
import { CAP, Machine, OUT, type Client, type MachineOptions } from "./machine.js";

/** Hardware that takes a job while another one runs. */
const overlapping = (options: MachineOptions = {}): Machine =>
  new Machine({
    ...options,
    jobs: {
      deviceRun: (_context, job) => {
        job.overlap();
      },
    },
  });

async function fourJobs(machine = overlapping()): Promise<Client> {
  const client = machine.open();
  client.stream(4, { out: [0, 1, 2, 3], cap: [3, 2, 1, 0] });
  await turns();
  return client;
}

/** A job that starts in a turn of the event loop lets another one start in the next. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await settled();
}

const noPayload = { readPayload: () => new Uint8Array(), writePayload: () => undefined };

const indices = (client: Client): number[] => {
  const done: number[] = [];
  while (client.context.destination.doneCount > 0) {
    const { index } = client.dqbuf(CAP);
    expect(client.dqbuf(OUT).index).toBe(3 - index);
    done.push(3 - index);
  }
  return done;
};

describe("a job that lets the next one start", () => {
  it("runs beside it, with buffers of its own, and no third one does", async () => {
    const machine = overlapping();
    const client = await fourJobs(machine);
    expect(machine.started.map(({ source, destination }) => [source.index, destination.index])).toEqual([
      [0, 3],
      [1, 2],
    ]);
    expect(machine.started.map(({ isRunning }) => isRunning)).toEqual([true, true]);
    expectErrno("EAGAIN", () => client.dqbuf(OUT));
    machine.started[0]?.finish();
    await turns();
    expect(indices(client)).toEqual([0]);
    expect(machine.started.map(({ isRunning }) => isRunning)).toEqual([false, true, true]);
  });

  it("gives its buffers back in its turn, whichever is finished first", async () => {
    const machine = overlapping();
    const client = await fourJobs(machine);
    machine.started[1]?.finish("error");
    machine.started[1]?.finish("done");
    await turns();
    expect(indices(client)).toEqual([]);
    expect(machine.started).toHaveLength(2);
    machine.started[0]?.finish();
    const both = [client.dqbuf(CAP), client.dqbuf(CAP)];
    expect(both.map(({ index, sequence, flags }) => [index, sequence, isError(flags)])).toEqual([
      [3, 0, false],
      [2, 1, true],
    ]);
    await turns();
    for (const job of machine.started) job.finish();
    await turns();
    expect(machine.started).toHaveLength(4);
    for (const job of machine.started) job.finish();
    expect(client.dqbuf(CAP)).toMatchObject({ index: 1, sequence: 2 });
    expect(client.dqbuf(CAP)).toMatchObject({ index: 0, sequence: 3 });
  });

  it("keeps its number, buffers and end in the events, whichever is finished first", async () => {
    const machine = overlapping();
    const told: unknown[] = [];
    machine.device.trace.subscribe((event) => {
      if (event.kind !== "job") return;
      const { job, action, source, destination } = event;
      told.push([job, action, source, destination]);
    });
    const client = await fourJobs(machine);
    expect(told.splice(0)).toEqual([
      [1, "queued", 0, 3],
      [1, "started", 0, 3],
      [2, "queued", 1, 2],
      [2, "started", 1, 2],
    ]);
    machine.started[1]?.finish();
    expect(told.splice(0)).toEqual([]);
    machine.started[0]?.finish();
    client.streamoff(OUT);
    await turns();
    const ends = told.filter((step) => /finished|aborted/.test(String(step)));
    expect(ends.slice(0, 2)).toEqual([
      [1, "finished", 0, 3],
      [2, "finished", 1, 2],
    ]);
    expect(ends.slice(2).every((step) => String(step).includes("aborted"))).toBe(true);
  });

  it.each([
    ["STREAMOFF of OUTPUT", (client: Client) => client.streamoff(OUT)],
    ["STREAMOFF of CAPTURE", (client: Client) => client.streamoff(CAP)],
  ])("ends with %s, and so do those beside it", async (_, stop) => {
    const machine = overlapping();
    const client = await fourJobs(machine);
    stop(client);
    expect(machine.started.map(({ isRunning }) => isRunning)).toEqual([false, false]);
    for (const job of machine.started) job.finish();
    await turns();
    expect(machine.started).toHaveLength(2);
    expect(client.context.overlappingJobs).toEqual([]);
    client.streamoff(OUT, CAP);
    client.streamon(OUT, CAP);
    for (const index of [0, 1]) client.qbuf(OUT, index);
    for (const index of [0, 1]) client.qbuf(CAP, 3 - index);
    await turns();
    for (const job of machine.started) job.finish();
    expect(indices(client)).toEqual([0, 1]);
  });

  it("ends with close, and so do those beside it", async () => {
    const machine = overlapping();
    const client = await fourJobs(machine);
    client.close();
    expect(machine.started.map(({ isRunning }) => isRunning)).toEqual([false, false]);
    for (const job of machine.started) job.finish();
  });

  it("does not while its CAPTURE buffer is held for more", async () => {
    const machine = overlapping({ supportsHold: true });
    const client = machine.open();
    client.stream(3);
    client.qbuf(OUT, 0, { timestampNs: 5000n, flags: BufFlag.M2mHoldCaptureBuf });
    client.qbuf(OUT, 1, { timestampNs: 5000n });
    client.qbuf(OUT, 2, { timestampNs: 6000n });
    for (const index of [0, 1, 2]) client.qbuf(CAP, index);
    await turns();
    expect(machine.started).toHaveLength(1);
    machine.started[0]?.finish();
    await turns();
    expect(client.context.newFrame).toBe(false);
    expect(machine.started.map(({ destination }) => destination.index)).toEqual([0, 0]);
  });

  it("is the last one after STOP: what is queued later waits for START", async () => {
    const machine = overlapping();
    const client = machine.open();
    client.stream(3, { out: [0], cap: [0, 1, 2] });
    await turns();
    client.context.stop();
    client.qbuf(OUT, 1);
    await turns();
    expect(machine.started).toHaveLength(1);
    machine.started[0]?.finish();
    await turns();
    expect(client.dqbuf(CAP).flags & BufFlag.Last).toBe(BufFlag.Last);
    expect(machine.started).toHaveLength(1);
    client.context.start();
    await turns();
    expect(machine.started).toHaveLength(2);
  });

  it("has its request's controls recorded before the next one's are in effect", async () => {
    const controls = new ControlHandler();
    controls.addStandard(Cid.Hflip, { max: 1 });
    const machine = overlapping({ context: { controls } });
    controls.requests = {
      byFd: (_call, fd) => {
        const request = machine.requests.get(fd);
        if (request === undefined) throw new Error(`the test has no request ${fd}`);
        return request;
      },
    };
    const client = machine.open();
    client.stream(2, { cap: [0, 1] });
    const requests = [0, 1].map((index) => client.qbufInRequest(index, index));
    const control = { id: Cid.Hflip, size: 0, value: 1, value64: 0n, ...noPayload };
    const { RequestVal: which } = CtrlWhich;
    const set = { which, requestFd: 1, controls: [control], errorIdx: 0 };
    void (controls as ControlOps).sExtCtrls(set, client.file, client.call);
    for (const request of requests) request.queue();
    await turns();
    expect(machine.started).toHaveLength(2);
    for (const job of machine.started) job.finish();
    const values = requests.map((_, requestFd) => {
      const asked = { ...control, value: 99 };
      const get = { which, requestFd, controls: [asked], errorIdx: 0 };
      void (controls as ControlOps).gExtCtrls(get, client.file, client.call);
      return asked.value;
    });
    expect(values).toEqual([0, 1]);
  });
});

function isError(flags: number): boolean {
  return (flags & BufFlag.Error) !== 0;
}
