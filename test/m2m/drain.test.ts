import { describe, expect, it } from "vitest";
import { BufFlag, DecCmd, EncCmd } from "../../src/v4l2/index.js";
import type { Buffer, DecoderCmd } from "../../src/v4l2/index.js";
import { statefulDecoderOps, statefulEncoderOps, statelessDecoderOps } from "../../src/m2m/index.js";
import { expectErrno, settled } from "../vb2/fakes.js";
import { CAP, Machine, OUT } from "./machine.js";
import type { Client, Name } from "./machine.js";

const ops = { ...statefulDecoderOps<Name>(), ...statefulEncoderOps<Name>() };
const command = (cmd: number): DecoderCmd => ({ cmd, flags: 1, speed: 5, format: 5, pts: 7n });

function decoderCmd(client: Client, cmd: number): void {
  void ops.decoderCmd(client.file, command(cmd));
}

const isLast = ({ flags }: Buffer): boolean => (flags & BufFlag.Last) !== 0;

describe("DECODER_CMD and ENCODER_CMD", () => {
  it("know STOP and START, and clear what those do not take", () => {
    const { file } = new Machine().open();
    const bare = { flags: 0, speed: 0, format: 0, pts: 0n };
    expect(ops.tryDecoderCmd(file, command(DecCmd.Stop))).toEqual({ cmd: DecCmd.Stop, ...bare });
    expect(ops.decoderCmd(file, command(DecCmd.Start))).toEqual({ cmd: DecCmd.Start, ...bare });
    expect(ops.tryEncoderCmd(file, { cmd: EncCmd.Stop, flags: 1 })).toEqual({ cmd: EncCmd.Stop, flags: 0 });
    expect(ops.encoderCmd(file, { cmd: EncCmd.Start, flags: 1 })).toEqual({ cmd: EncCmd.Start, flags: 0 });
    for (const cmd of [DecCmd.Pause, DecCmd.Resume, DecCmd.Flush, 99]) {
      expectErrno("EINVAL", () => ops.tryDecoderCmd(file, command(cmd)));
      expectErrno("EINVAL", () => ops.decoderCmd(file, command(cmd)));
    }
    expectErrno("EINVAL", () => ops.tryEncoderCmd(file, { cmd: EncCmd.Pause, flags: 0 }));
    expectErrno("EINVAL", () => ops.encoderCmd(file, { cmd: EncCmd.Resume, flags: 0 }));
  });

  it("are each for their own kind of codec", () => {
    expect(Object.keys(statefulDecoderOps()).sort()).toEqual(["decoderCmd", "tryDecoderCmd"]);
    expect(Object.keys(statefulEncoderOps()).sort()).toEqual(["encoderCmd", "tryEncoderCmd"]);
  });

  it("do nothing before OUTPUT streams", () => {
    const client = new Machine().open();
    decoderCmd(client, DecCmd.Stop);
    decoderCmd(client, DecCmd.Stop);
    expect(client.context.hasStopped).toBe(false);
  });

  it("of encoders are the same", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(1, { out: [0], cap: [0] });
    void ops.encoderCmd(client.file, { cmd: EncCmd.Stop, flags: 0 });
    await machine.finish();
    expect(isLast(client.dqbuf(CAP))).toBe(true);
    void ops.encoderCmd(client.file, { cmd: EncCmd.Start, flags: 0 });
    expect(client.context.hasStopped).toBe(false);
  });
});

describe("STOP", () => {
  it("works off what is queued, marks the last CAPTURE buffer, and nothing runs until START", async () => {
    const machine = new Machine();
    const client = machine.open();
    let stopped = 0;
    client.context.onStopped = () => (stopped += 1);
    client.stream(4, { out: [0, 1], cap: [0, 1, 2, 3] });
    decoderCmd(client, DecCmd.Stop);
    expectErrno("EBUSY", () => {
      decoderCmd(client, DecCmd.Stop);
    });
    expectErrno("EBUSY", () => {
      decoderCmd(client, DecCmd.Start);
    });
    client.qbuf(OUT, 2);
    await machine.finish();
    expect(isLast(client.dqbuf(CAP))).toBe(false);
    expect(stopped).toBe(0);
    await machine.finish();
    expect(stopped).toBe(1);
    expect(client.dqbuf(CAP)).toSatisfy(isLast);
    expectErrno("EPIPE", () => client.dqbuf(CAP));
    await settled();
    expect(machine.started).toHaveLength(2);
    decoderCmd(client, DecCmd.Stop); // Stopped already.

    decoderCmd(client, DecCmd.Start);
    await machine.finish();
    expect(client.dqbuf(CAP)).toMatchObject({ index: 2, sequence: 2 });
  });

  it("with nothing to work off gives back an empty CAPTURE buffer", () => {
    const client = new Machine().open();
    client.stream(2, { cap: [1, 0] });
    decoderCmd(client, DecCmd.Stop);
    const buffer = client.dqbuf(CAP);
    expect(buffer).toSatisfy(isLast);
    expect(buffer).toMatchObject({ index: 1, field: 1, planes: [{ bytesused: 0 }] });
    expect(client.context.hasStopped).toBe(true);
  });

  it.each([
    ["the next number of a stream", "copy", 1],
    ["the number that the driver gave it", "driver", 0],
  ] as const)("an empty last buffer has %s", async (_what, metadata, sequence) => {
    const machine = new Machine({ context: { metadata } });
    const client = machine.open();
    client.stream(2, { out: [0], cap: [0, 1] });
    await machine.finish();
    client.dqbuf(CAP);
    decoderCmd(client, DecCmd.Stop);
    const buffer = client.dqbuf(CAP);
    expect(buffer).toSatisfy(isLast);
    expect(buffer.sequence).toBe(sequence);
  });

  it("with nothing to work off and no CAPTURE buffer takes the next one", () => {
    const client = new Machine().open();
    client.stream(2);
    decoderCmd(client, DecCmd.Stop);
    expectErrno("EAGAIN", () => client.dqbuf(CAP));
    client.qbuf(CAP, 1);
    expect(client.dqbuf(CAP)).toSatisfy(isLast);
    client.qbuf(CAP, 0);
    expectErrno("EPIPE", () => client.dqbuf(CAP));
  });

  it("before STREAMON of CAPTURE: the first buffer that was queued is the last", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.reqbufs(OUT, 1);
    client.reqbufs(CAP, 2);
    client.streamon(OUT);
    decoderCmd(client, DecCmd.Stop);
    client.qbuf(CAP, 1);
    client.qbuf(CAP, 0);
    // Not before STREAMON.
    expect([client.context.hasStopped, client.context.destination.doneCount]).toEqual([false, 0]);
    client.streamon(CAP);
    expect(client.dqbuf(CAP)).toMatchObject({ index: 1 });
    expectErrno("EPIPE", () => client.dqbuf(CAP));
    expect(client.context.destination.buffer(0)?.state).toBe("active");
    client.qbuf(OUT, 0);
    await settled();
    expect(machine.started).toEqual([]);
  });

  it("before STREAMON of CAPTURE, with something to work off: what is made of that is the last", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.reqbufs(OUT, 1);
    client.reqbufs(CAP, 2);
    client.streamon(OUT);
    client.qbuf(OUT, 0);
    decoderCmd(client, DecCmd.Stop);
    for (const index of [0, 1]) client.qbuf(CAP, index);
    client.streamon(CAP);
    await machine.finish();
    expect(client.dqbuf(CAP)).toSatisfy(isLast);
    expect(client.dqbuf(OUT)).toMatchObject({ index: 0 });
  });

  it("and then QBUF of OUTPUT: that takes no CAPTURE buffer (v4l2_m2m_qbuf)", () => {
    const client = new Machine({ destination: { minQueuedBuffers: 2 } }).open();
    client.stream(3, { cap: [0] });
    decoderCmd(client, DecCmd.Stop);
    client.qbuf(OUT, 0);
    expectErrno("EAGAIN", () => client.dqbuf(CAP));
    client.qbuf(CAP, 1);
    expect(client.dqbuf(CAP)).toSatisfy(isLast);
  });

  it("and then STREAMOFF of OUTPUT: there is a last buffer all the same", async () => {
    for (const cap of [[0], []]) {
      const machine = new Machine();
      const client = machine.open();
      client.stream(2, { out: [0, 1], cap: [] });
      decoderCmd(client, DecCmd.Stop);
      for (const index of cap) client.qbuf(CAP, index);
      client.streamoff(OUT);
      if (cap.length === 0) client.qbuf(CAP, 1);
      expect(client.dqbuf(CAP)).toSatisfy(isLast);
      await settled();
      expect(machine.started).toEqual([]);
    }
  });

  it("and then STREAMOFF of CAPTURE: all is forgotten", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(2, { out: [0], cap: [] });
    decoderCmd(client, DecCmd.Stop);
    client.streamoff(CAP);
    client.streamon(CAP);
    client.qbuf(CAP, 0);
    await machine.finish();
    expect(isLast(client.dqbuf(CAP))).toBe(false);
    decoderCmd(client, DecCmd.Stop);
  });

  it("and then STREAMOFF of CAPTURE: a last buffer that was owed is not owed by the next STOP", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(2);
    decoderCmd(client, DecCmd.Stop);
    client.streamoff(CAP);
    client.streamon(CAP);
    client.qbuf(OUT, 0);
    decoderCmd(client, DecCmd.Stop);
    client.qbuf(CAP, 0);
    expectErrno("EAGAIN", () => client.dqbuf(CAP));
    await machine.finish();
    expect(client.dqbuf(CAP)).toSatisfy(isLast);
  });

  it("and then STREAMOFF and STREAMON of OUTPUT: the old last buffer is an ordinary one", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(2, { out: [0], cap: [0, 1] });
    decoderCmd(client, DecCmd.Stop);
    client.streamoff(OUT);
    expect(client.dqbuf(CAP)).toSatisfy(isLast);
    client.streamon(OUT);
    decoderCmd(client, DecCmd.Start);
    client.qbuf(OUT, 0);
    await machine.finish();
    expect(isLast(client.dqbuf(CAP))).toBe(false);
  });

  it("marks the buffer of a job that failed", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(1, { out: [0], cap: [0] });
    decoderCmd(client, DecCmd.Stop);
    await machine.finish("error");
    const { flags } = client.dqbuf(CAP);
    expect(flags & (BufFlag.Last | BufFlag.Error)).toBe(BufFlag.Last | BufFlag.Error);
  });

  it("while CAPTURE streams but has not started takes the next CAPTURE buffer that is queued", () => {
    const client = new Machine({ destination: { minQueuedBuffers: 2 } }).open();
    client.stream(3);
    expect(client.context.destination.started).toBe(false);
    decoderCmd(client, DecCmd.Stop);
    client.qbuf(CAP, 2);
    const buffer = client.dqbuf(CAP);
    expect(buffer).toSatisfy(isLast);
    expect(buffer).toMatchObject({ index: 2, planes: [{ bytesused: 0 }], field: 1 });
    // Stopped: the same goes for what comes later.
    client.context.destination.lastBufferDequeued = false;
    client.qbuf(CAP, 1);
    expect(client.dqbuf(CAP)).toSatisfy(isLast);
    const { source, destination } = client.context;
    client.close();
    expect([...source.counters.balance(), ...destination.counters.balance()]).toEqual([]);
  });

  it("lets a driver say itself which buffer is the last", async () => {
    const machine = new Machine({ context: { metadata: "driver" } });
    const client = machine.open();
    client.stream(2, { out: [0], cap: [0, 1] });
    decoderCmd(client, DecCmd.Stop);
    await settled();
    const { context } = client;
    const source = context.removeSource();
    const destination = context.removeDestination();
    if (source === undefined || destination === undefined) throw new Error("a job without buffers");
    expect(context.isLastSource(source)).toBe(true);
    context.source.bufferDone(source);
    context.lastBufferDone(destination);
    context.jobFinish();
    expect(client.dqbuf(CAP)).toSatisfy(isLast);
    expect(context.hasStopped).toBe(true);
  });
});

describe("holding CAPTURE buffers for more slices", () => {
  const held = (timestampNs: bigint): Partial<Buffer> => ({ timestampNs, flags: BufFlag.M2mHoldCaptureBuf });

  it("keeps the buffer for OUTPUT buffers of the same time stamp", async () => {
    const machine = new Machine({ supportsHold: true });
    const client = machine.open();
    client.stream(4, { cap: [0, 1] });
    client.qbuf(OUT, 0, held(1000n));
    client.qbuf(OUT, 1, held(1000n));
    client.qbuf(OUT, 2, { timestampNs: 1000n });
    const seen: unknown[] = [];
    for (let slice = 0; slice < 3; slice += 1) {
      await settled();
      seen.push([client.context.newFrame, machine.scheduler.jobs[0]?.destination.index]);
      await machine.finish();
      client.dqbuf(OUT);
    }
    expect(seen).toEqual([
      [true, 0],
      [false, 0],
      [false, 0],
    ]);
    // Jobs are counted, not frames.
    expect(client.dqbuf(CAP)).toMatchObject({ index: 0, sequence: 2 });
    expectErrno("EAGAIN", () => client.dqbuf(CAP));
  });

  it("gives it back when a buffer of another frame comes", async () => {
    const machine = new Machine({ supportsHold: true });
    const client = machine.open();
    client.stream(3, { cap: [0, 1] });
    client.qbuf(OUT, 0, held(1000n));
    await machine.finish();
    expectErrno("EAGAIN", () => client.dqbuf(CAP));
    client.qbuf(OUT, 1, held(2000n));
    expect(client.dqbuf(CAP)).toMatchObject({ index: 0, timestampNs: 1000n });
    await settled();
    expect(client.context.newFrame).toBe(true);
    expect(machine.scheduler.jobs[0]?.destination.index).toBe(1);
  });

  it("waits for another CAPTURE buffer when the held one was the only one", async () => {
    const machine = new Machine({ supportsHold: true });
    const client = machine.open();
    client.stream(3, { cap: [0] });
    client.qbuf(OUT, 0, held(1000n));
    await machine.finish();
    client.qbuf(OUT, 1, { timestampNs: 2000n });
    await settled();
    expect(machine.running).toBeUndefined();
    expect(client.dqbuf(CAP)).toMatchObject({ index: 0 });
    client.qbuf(CAP, 1);
    await machine.finish();
    expect(client.dqbuf(CAP)).toMatchObject({ index: 1, timestampNs: 2000n });
  });

  it("does not look at time stamps that the driver has not copied", async () => {
    // v4l2_m2m_try_schedule asks for copied_timestamp, too.
    const machine = new Machine({ supportsHold: true, context: { metadata: "driver" } });
    const client = machine.open();
    client.stream(3, { cap: [0, 1] });
    client.qbuf(OUT, 0, held(1000n));
    await machine.finish();
    client.qbuf(OUT, 1, held(2000n));
    await settled();
    expect(machine.scheduler.jobs[0]?.destination.index).toBe(0);
    expectErrno("EAGAIN", () => client.dqbuf(CAP));
  });

  it("is not done by queues without it", async () => {
    const machine = new Machine();
    const client = machine.open();
    client.stream(2, { cap: [0] });
    client.qbuf(OUT, 0, held(1000n));
    await machine.finish();
    expect(client.dqbuf(CAP)).toMatchObject({ index: 0 });
  });

  it("ends with FLUSH, for a buffer that waits and for one to come", async () => {
    const { decoderCmd: flush, tryDecoderCmd } = statelessDecoderOps<Name>();
    const machine = new Machine({ supportsHold: true });
    const client = machine.open();
    expectErrno("EINVAL", () => tryDecoderCmd(client.file, command(DecCmd.Stop)));
    expectErrno("EINVAL", () => flush(client.file, command(DecCmd.Start)));
    expect(tryDecoderCmd(client.file, command(DecCmd.Flush))).toMatchObject({ cmd: DecCmd.Flush, flags: 0 });
    client.stream(3, { cap: [0, 1] });
    client.qbuf(OUT, 0, held(1000n));
    void flush(client.file, command(DecCmd.Flush));
    await machine.finish();
    expect(client.dqbuf(CAP)).toMatchObject({ index: 0 });

    client.qbuf(OUT, 1, held(2000n));
    await machine.finish();
    expectErrno("EAGAIN", () => client.dqbuf(CAP));
    void flush(client.file, command(DecCmd.Flush));
    expect(client.dqbuf(CAP)).toMatchObject({ index: 1 });
    void flush(client.file, command(DecCmd.Flush)); // Nothing to flush.
  });

  it("goes back with an error when the stream stops", async () => {
    const machine = new Machine({ supportsHold: true });
    const client = machine.open();
    client.stream(3, { cap: [0] });
    client.qbuf(OUT, 0, held(1000n));
    await machine.finish();
    client.streamoff(CAP);
    const { destination } = client.context;
    expect(destination.buffer(0)?.state).toBe("dequeued");
    client.close();
    expect(destination.counters.balance()).toEqual([]);
  });
});
