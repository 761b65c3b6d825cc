import { describe, expect, it } from "vitest";
import type { ControlOps, ExtControls } from "../../src/v4l2/index.js";
import { BufFlag, Cid, ControlHandler, CtrlWhich, V4l2Error } from "../../src/v4l2/index.js";
import type { Request } from "../../src/media/index.js";
import { settled } from "../vb2/fakes.js";
import { CAP, Machine, OUT } from "./machine.js";
import type { Client } from "./machine.js";

interface Scene {
  readonly machine: Machine;
  readonly client: Client;
  readonly controls: ControlHandler;
}

/** A client that streams, with controls that requests can set. */
function scene(set?: (value: boolean) => void): Scene {
  const controls = new ControlHandler();
  controls.addStandard(Cid.Hflip, { max: 1, ...(set && { set }) });
  const machine = new Machine({ context: { controls } });
  controls.requests = {
    byFd: (_call, fd) => {
      const request = machine.requests.get(fd);
      if (request === undefined) throw new V4l2Error("EINVAL", `no request ${fd}`);
      return request;
    },
  };
  const client = machine.open();
  client.stream(4, { cap: [0, 1, 2, 3] });
  return { machine, client, controls };
}

const control = (value: number): ExtControls["controls"][number] => ({
  id: Cid.Hflip,
  size: 0,
  value,
  value64: 0n,
  readPayload: () => new Uint8Array(),
  writePayload: () => undefined,
});

function setFlip({ client, controls }: Scene, requestFd: number, value: number): void {
  const request: ExtControls = {
    which: CtrlWhich.RequestVal,
    requestFd,
    controls: [control(value)],
    errorIdx: 0,
  };
  const ops: ControlOps = controls;
  void ops.sExtCtrls(request, client.file, client.call);
}

const isComplete = (request: Request): boolean => request.state === "complete";

describe("requests", () => {
  it("run a job when they are queued, not when the buffer is", async () => {
    const { machine, client } = scene();
    const request = client.qbufInRequest(0, 7);
    await settled();
    expect(machine.started).toEqual([]);
    request.queue();
    await settled();
    expect(machine.started[0]?.request).toBe(request);
    expect(isComplete(request)).toBe(false);
    await machine.finish();
    expect(isComplete(request)).toBe(true);
    expect(client.dqbuf(OUT).flags & BufFlag.RequestFd).toBe(BufFlag.RequestFd);
    client.dqbuf(CAP);
  });

  it("put their controls into effect for their job only when it starts", async () => {
    const values: boolean[] = [];
    const set = scene((value) => values.push(value));
    const { machine, client, controls } = set;
    for (const [index, flip] of [1, 0, 1].entries()) {
      const request = client.qbufInRequest(index, index);
      setFlip(set, index, flip);
      request.queue();
    }
    await settled();
    const hflip = controls.find(Cid.Hflip);
    const seen: unknown[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      seen.push(hflip?.value);
      await machine.finish();
    }
    expect(seen).toEqual([true, false, true]);
    expect(values).toEqual([true, false, true]);
    expect([...machine.requests.values()].every(isComplete)).toBe(true);
  });

  it("complete after both buffers are done", async () => {
    const { machine, client } = scene();
    const request = client.qbufInRequest(0, 1);
    request.queue();
    await settled();
    const { destination } = client.context;
    let wasDone: number | undefined;
    const complete = request.unbind.bind(request);
    request.unbind = (object) => {
      complete(object);
      wasDone = destination.doneCount;
    };
    await machine.finish();
    expect(wasDone).toBe(1);
  });

  it("are completed by STREAMOFF, those that wait and the one that runs", async () => {
    const { machine, client } = scene();
    const requests = [0, 1, 2].map((index) => client.qbufInRequest(index, index));
    for (const request of requests.slice(0, 2)) request.queue();
    await settled();
    client.streamoff(OUT);
    expect(requests.map(({ state }) => state)).toEqual(["complete", "complete", "idle"]);
    expect(machine.running).toBeUndefined();
    client.close();
    expect(client.context.source.counters.balance()).toEqual([]);
  });

  it("are completed by close", async () => {
    const { machine, client, controls } = scene();
    const request = client.qbufInRequest(0, 0);
    request.queue();
    const waiting = client.qbufInRequest(1, 1);
    setFlip({ machine, client, controls }, 1, 1);
    await settled();
    client.close();
    expect(isComplete(request)).toBe(true);
    expect(waiting.objects).toEqual([]);
    expect(machine.memory.live).toBe(0);
  });

  it("whose controls cannot be put into effect give back an error", async () => {
    const { machine, client, ...rest } = scene(() => {
      throw new V4l2Error("EIO", "the hardware does not answer");
    });
    const request = client.qbufInRequest(0, 0);
    setFlip({ machine, client, ...rest }, 0, 1);
    request.queue();
    await settled();
    expect(machine.started).toEqual([]);
    expect(client.dqbuf(CAP).flags & BufFlag.Error).toBe(BufFlag.Error);
    expect(isComplete(request)).toBe(true);
  });

  it("of a driver that does it all itself reach its op", async () => {
    const seen: number[] = [];
    const machine = new Machine({
      ops: {
        bufRequestComplete: (buffer) => {
          seen.push(buffer.index);
        },
      },
    });
    const client = machine.open();
    client.stream(2);
    client.qbufInRequest(0, 0).queue();
    client.qbufInRequest(1, 1).queue();
    client.streamoff(OUT);
    expect(seen).toEqual([0, 1]);
  });
});
