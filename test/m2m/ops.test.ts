import { describe, expect, it } from "vitest";
import { BufFlag, Memory, Poll } from "../../src/v4l2/index.js";
import { CAPTURE_OFFSET_BASE } from "../../src/m2m/index.js";
import { expectErrno, settled } from "../vb2/fakes.js";
import { CAP, Machine, OUT } from "./machine.js";

describe("QBUF", () => {
  it("of CAPTURE into a request is EPERM, whatever else is wrong", () => {
    const client = new Machine().open();
    expectErrno("EPERM", () => {
      client.qbuf(CAP, 7, { flags: BufFlag.RequestFd, requestFd: -1 });
    });
  });

  it("copies time stamp, time code and frame type of OUTPUT to CAPTURE", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(1);
    const timecode = {
      type: 1,
      flags: 0,
      frames: 1,
      seconds: 2,
      minutes: 3,
      hours: 4,
      userbits: [1, 2, 3, 4],
    };
    client.qbuf(OUT, 0, {
      timestampNs: 1_234_000n,
      flags: BufFlag.Keyframe | BufFlag.Timecode | BufFlag.TstampSrcSoe,
      timecode: timecode as never,
    });
    client.qbuf(CAP, 0);
    await machine.finish();
    const { flags, ...reply } = client.dqbuf(CAP);
    expect(reply).toMatchObject({ timestampNs: 1_234_000n, timecode, field: 1 });
    const copied = BufFlag.Keyframe | BufFlag.Timecode | BufFlag.TstampSrcSoe | BufFlag.TimestampCopy;
    expect(flags & copied).toBe(copied);
  });

  it("leaves the frame type to encoders, and everything to drivers that want it so", async () => {
    const encoder = new Machine({ context: { metadata: "copy-without-frame-type" } });
    const bare = new Machine({ context: { metadata: "driver" } });
    for (const machine of [encoder, bare]) {
      const client = machine.open();
      client.stream(2, { cap: [0, 1] });
      client.qbuf(OUT, 0, { timestampNs: 5000n });
      client.qbuf(OUT, 1, { timestampNs: 7000n, flags: BufFlag.Keyframe });
      await machine.finish();
      await machine.finish();
      client.dqbuf(CAP);
      const { flags, timestampNs, sequence } = client.dqbuf(CAP);
      expect(flags & BufFlag.Keyframe).toBe(0);
      expect({ timestampNs, sequence }).toEqual(
        machine === bare ? { timestampNs: 0n, sequence: 0 } : { timestampNs: 7000n, sequence: 1 },
      );
    }
  });
});

describe("STREAMON", () => {
  it("that the driver refuses leaves the buffers queued", () => {
    let refuses = true;
    const machine = new Machine({
      ops: {
        startStreaming: () => {
          if (refuses) throw new Error("not now");
        },
      },
    });
    const client = machine.open();
    client.reqbufs(OUT, 2);
    client.qbuf(OUT, 1);
    expect(() => {
      client.streamon(OUT);
    }).toThrow("not now");
    expect(client.context.source.buffer(1)?.state).toBe("queued");
    expect(client.context.readyCounts.source).toBe(0);
    refuses = false;
    client.streamon(OUT);
    expect(client.context.readyCounts.source).toBe(1);
  });

  it("of CAPTURE that the driver refuses leaves those buffers queued, and OUTPUT's alone", () => {
    let refuses = false;
    const startStreaming = (): void => {
      if (refuses) throw new Error("not now");
    };
    const machine = new Machine({ ops: { startStreaming } });
    const client = machine.open();
    for (const side of [OUT, CAP] as const) client.reqbufs(side, 1);
    client.streamon(OUT);
    for (const side of [OUT, CAP] as const) client.qbuf(side, 0);
    refuses = true;
    expect(() => client.streamon(CAP)).toThrow("not now");
    const { source, destination, readyCounts } = client.context;
    expect([source.buffer(0)?.state, destination.buffer(0)?.state]).toEqual(["active", "queued"]);
    expect(readyCounts).toEqual({ source: 1, destination: 0 });
  });

  it("counts sequence numbers from 0 again", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(1, { out: [0], cap: [0] });
    await machine.finish();
    client.streamoff(CAP);
    client.streamon(CAP);
    client.dqbuf(OUT);
    client.qbuf(OUT, 0);
    client.qbuf(CAP, 0);
    await machine.finish();
    expect(client.dqbuf(CAP).sequence).toBe(0);
    expect(client.dqbuf(OUT).sequence).toBe(1);
  });
});

describe("the driver's ops", () => {
  it("all reach it", () => {
    const seen: string[] = [];
    const note = (name: string) => (): void => {
      seen.push(name);
    };
    const machine = new Machine({
      ops: {
        bufInit: note("bufInit"),
        bufOutValidate: note("bufOutValidate"),
        bufPrepare: note("bufPrepare"),
        bufFinish: note("bufFinish"),
        bufCleanup: note("bufCleanup"),
        prepareStreaming: note("prepareStreaming"),
        startStreaming: note("startStreaming"),
        stopStreaming: note("stopStreaming"),
        unprepareStreaming: note("unprepareStreaming"),
      },
    });
    const client = machine.open();
    client.reqbufs(OUT, 1);
    client.streamon(OUT);
    client.qbuf(OUT, 0);
    client.close();
    expect(seen).toEqual([
      "bufInit",
      "prepareStreaming",
      "startStreaming",
      "bufOutValidate",
      "bufPrepare",
      "stopStreaming",
      "unprepareStreaming",
      "bufFinish",
      "bufCleanup",
    ]);
  });
});

describe("mmap()", () => {
  it("tells the queues apart by the offset", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.reqbufs(OUT, 2);
    client.reqbufs(CAP, 2);
    const offsetOf = async (type: typeof OUT | typeof CAP, index: number): Promise<number> => {
      const reply = await client.ops.querybuf(client.file, { type, index, planeCapacity: 1 }, client.call);
      return reply.planes[0]?.offset ?? -1;
    };
    expect(await offsetOf(OUT, 1)).toBe(1 << 15);
    expect(await offsetOf(CAP, 1)).toBe(CAPTURE_OFFSET_BASE + (1 << 15));
    const map = (offset: number, prot: number): unknown =>
      machine.device.mmap(client.file, { offset: BigInt(offset), length: 64n, prot, flags: 1 }, client.call);
    const fdOf = (type: typeof OUT | typeof CAP): number | undefined =>
      client.context.queue(type)?.buffer(1)?.planes[0]?.memory?.fd;
    expect(map(1 << 15, 2)).toMatchObject({ fd: fdOf(OUT) });
    expect(map(CAPTURE_OFFSET_BASE + (1 << 15), 1)).toMatchObject({ fd: fdOf(CAP) });
    expectErrno("EINVAL", () => map(2 << 15, 2));
  });
});

describe("poll()", () => {
  const DATA = Poll.In | Poll.Out;

  it("is POLLERR while nothing is queued on either side, or nothing streams", () => {
    const client = new Machine().open();
    expect(client.poll(DATA)).toBe(Poll.Err);
    client.reqbufs(OUT, 1);
    client.qbuf(OUT, 0);
    expect(client.poll(DATA)).toBe(Poll.Err);
    client.streamon(OUT);
    expect(client.poll(DATA)).toBe(0);
  });

  it("says nothing to who waits for events only", () => {
    const client = new Machine().open();
    expect(client.poll(Poll.Pri)).toBe(0);
  });

  it("tells of each queue, and wakes the poller once", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(1, { out: [0], cap: [0] });
    expect(client.poll(DATA)).toBe(0);
    await machine.finish();
    expect(client.notified).toBeGreaterThan(0);
    const all = Poll.In | Poll.RdNorm | Poll.Out | Poll.WrNorm;
    expect(client.poll(all)).toBe(all);
    client.dqbuf(CAP);
    expect(client.poll(all)).toBe(Poll.Out | Poll.WrNorm);
    client.dqbuf(OUT);
    expect(client.poll(all)).toBe(Poll.Err);
  });

  it("is POLLERR when both queues failed", () => {
    const client = new Machine().open();
    client.stream(1, { out: [0], cap: [0] });
    client.context.source.error();
    expect(client.poll(DATA)).toBe(0);
    client.context.destination.error();
    expect(client.poll(DATA)).toBe(Poll.Err);
  });

  it("after the last buffer is readable, so that the client learns of EPIPE", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(2, { out: [0], cap: [0] });
    await settled();
    client.context.stop();
    await machine.finish();
    client.dqbuf(OUT);
    client.dqbuf(CAP);
    expect(client.poll(DATA)).toBe(Poll.In | Poll.RdNorm);
    expectErrno("EPIPE", () => client.dqbuf(CAP));
  });
});

describe("CREATE_BUFS and the rest", () => {
  it("are vb2's, for both queues", () => {
    const client = new Machine().open();
    const { ops, file, call } = client;
    expectErrno("EINVAL", () =>
      ops.reqbufs(file, { type: 9, memory: Memory.Mmap, count: 1, flags: 0 }, call),
    );
    expectErrno("EINVAL", () => ops.streamoff(file, 9, call));
    client.reqbufs(CAP, 2);
    expect(ops.removeBufs(file, { type: CAP, index: 0, count: 1 }, call)).toBeUndefined();
    expect(client.context.destination.numBuffers).toBe(1);
  });
});
