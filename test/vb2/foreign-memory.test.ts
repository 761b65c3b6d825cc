/** USERPTR and DMABUF: memory of the client, looked at in QBUF, and what is wrong with it. */
import { describe, expect, it, vi } from "vitest";
import { BufFlag, BufType, Memory } from "../../src/v4l2/index.js";
import type { Buffer, BufferPlane } from "../../src/v4l2/index.js";
import { client } from "./client.js";
import type { Client } from "./client.js";
import { at, expectErrno, FakeCall, FakeMemory } from "./fakes.js";

const count = (c: Client, op: string): number => c.driver.calls.filter((name) => name === op).length;

function withMemory(memory: Memory, ...options: Parameters<typeof client>): Client {
  const c = client(...options);
  c.ops.reqbufs(c.file, { type: c.queue.type, memory, count: 2, flags: 0 });
  return c;
}

function release(c: Client): void {
  c.queue.release();
  expect(c.queue.counters.balance()).toEqual([]);
  expect([c.memory.live, c.memory.budget.usedBytes]).toEqual([0, 0]);
}

describe("USERPTR", () => {
  const memory = new FakeMemory(1024);
  const call = new FakeCall({ memory });
  const plane = (more: Partial<BufferPlane> = {}): Partial<Buffer> => ({
    memory: Memory.Userptr,
    planes: [{ bytesused: 0, length: 100, dataOffset: 0, userptr: memory.base, ...more }],
  });
  const qbuf = (c: Client, more?: Partial<BufferPlane>, by = call): Buffer =>
    c.ops.qbuf(c.file, c.buffer(0, plane(more)), by);
  const output = (): Client => withMemory(Memory.Userptr, { type: BufType.VideoOutput });
  const capture = (): Client => withMemory(Memory.Userptr);

  it("needs no memory before the first QBUF, and has the driver's sizes", () => {
    const c = capture();
    expect(c.memory.live).toBe(0);
    expect(c.querybuf(0).planes[0]).toMatchObject({ length: 64, userptr: 0n });
    expect(count(c, "bufInit")).toBe(0);
  });

  it("OUTPUT: the driver sees what was there at QBUF", () => {
    const c = output();
    memory.bytes.fill(5);
    const reply = qbuf(c, { bytesused: 30 });
    memory.bytes.fill(6);
    expect(reply.planes[0]).toEqual({ bytesused: 30, length: 100, dataOffset: 0, userptr: memory.base });
    expect(at(c.queue, 0).planes[0]?.payload).toEqual(new Uint8Array(30).fill(5));
    release(c);
  });

  it("OUTPUT: a payload is measured by what the client gives, not by what the driver needs", () => {
    const c = output();
    expectErrno("EINVAL", () => qbuf(c, { bytesused: 101 }));
    expect(qbuf(c, { bytesused: 100 }).planes[0]).toMatchObject({ bytesused: 100, length: 100 });
    release(c);
  });

  it("OUTPUT: the same address again is copied again, not taken again", () => {
    const c = output();
    c.queue.streamon();
    for (const value of [1, 2, 3]) {
      memory.bytes.fill(value);
      qbuf(c, { bytesused: 30 });
      expect(at(c.queue, 0).planes[0]?.payload[29]).toBe(value);
      c.driver.complete();
      c.dqbuf();
    }
    expect([count(c, "bufInit"), c.queue.counters.memoryTaken]).toEqual([1, 1]);
    release(c);
  });

  it("CAPTURE: DQBUF writes the payload, and only that, to the client", () => {
    const c = capture();
    memory.bytes.fill(1);
    c.queue.streamon();
    qbuf(c);
    at(c.queue, 0).planes[0]?.bytes.fill(9);
    c.driver.complete("done", 40);
    expect(memory.bytes[0]).toBe(1);
    expect(c.ops.dqbuf(c.file, { type: c.queue.type, planeCapacity: 1 }, call)).toMatchObject({
      flags: BufFlag.TimestampMonotonic,
    });
    expect([memory.bytes[39], memory.bytes[40]]).toEqual([9, 1]);
    release(c);
  });

  it.each([
    ["another process dequeues", new FakeCall({ memory, pid: 2 })],
    ["the memory is gone", new FakeCall({ memory: new FakeMemory(10) })],
  ])("CAPTURE: %s: nothing is written, the buffer says that it is bad", (_, by) => {
    const c = capture();
    c.queue.streamon();
    memory.bytes.fill(1);
    qbuf(c);
    at(c.queue, 0).planes[0]?.bytes.fill(9);
    c.driver.complete("done", 40);
    const reply = c.ops.dqbuf(c.file, { type: c.queue.type, planeCapacity: 1 }, by);
    expect(reply).toMatchObject({ flags: BufFlag.TimestampMonotonic | BufFlag.Error });
    expect(memory.bytes[0]).toBe(1);
    // The next time it is fine again.
    qbuf(c);
    c.driver.complete("done", 40);
    expect(c.ops.dqbuf(c.file, { type: c.queue.type, planeCapacity: 1 }, call)).toMatchObject({
      flags: BufFlag.TimestampMonotonic,
    });
  });

  it("another address, length or process is taken anew, with the driver's cleanup and init", () => {
    const c = capture();
    const requeue = (more: Partial<BufferPlane>, by?: FakeCall): void => {
      qbuf(c, more, by);
      c.queue.streamoff();
    };
    requeue({});
    requeue({ userptr: memory.base + 8n });
    requeue({ userptr: memory.base + 8n, length: 200 });
    requeue({ userptr: memory.base + 8n, length: 200 }, new FakeCall({ memory, pid: 2 }));
    expect([count(c, "bufInit"), count(c, "bufCleanup")]).toEqual([4, 3]);
    // Memory of the right size is kept.
    expect([c.queue.counters.memoryTaken, c.memory.live]).toEqual([2, 1]);
    release(c);
  });

  it.each<[string, "EINVAL" | "EFAULT" | "ENOMEM", Partial<BufferPlane>]>([
    ["shorter than the driver needs", "EINVAL", { length: 63 }],
    ["not there", "EFAULT", { userptr: 0x1000n }],
    ["a null pointer", "EFAULT", { userptr: 0n }],
    ["not all of it there", "EFAULT", { length: 1025 }],
    ["an address near the end of all", "EFAULT", { userptr: 2n ** 64n - 1n }],
    ["more than there is memory for", "ENOMEM", { length: 2 ** 32 - 1 }],
  ])("%s: %s, and nothing is kept", (_, code, more) => {
    for (const c of [output(), capture()]) {
      c.memory.budget.take(Number.MAX_SAFE_INTEGER - 4096);
      expectErrno(code, () => qbuf(c, more));
      expect([at(c.queue, 0).state, c.memory.live]).toEqual(["dequeued", 0]);
      c.memory.budget.give(Number.MAX_SAFE_INTEGER - 4096);
      qbuf(c);
      release(c);
    }
  });

  it("EFAULT for CAPTURE memory that cannot be written, where OUTPUT is fine", () => {
    const readOnly = new FakeMemory(1024);
    readOnly.writableBytes = 50;
    const by = new FakeCall({ memory: readOnly });
    expectErrno("EFAULT", () => qbuf(capture(), {}, by));
    qbuf(output(), {}, by);
  });

  it("OUTPUT: nothing is written to the client, so DQBUF is fine with memory that cannot be written", () => {
    const readOnly = new FakeMemory(1024);
    readOnly.writableBytes = 0;
    const by = new FakeCall({ memory: readOnly });
    const c = output();
    c.queue.streamon();
    qbuf(c, { bytesused: 10 }, by);
    c.driver.complete();
    const reply = c.ops.dqbuf(c.file, { type: c.queue.type, planeCapacity: 1 }, by) as Buffer;
    expect(reply.flags & BufFlag.Error).toBe(0);
  });

  it("a bug of ours in DQBUF goes up, and is not taken for memory that is gone", () => {
    const c = capture();
    c.queue.streamon();
    qbuf(c);
    c.driver.complete();
    const by = new FakeCall({ memory: new FakeMemory(0) });
    by.memory.write = () => {
      throw new TypeError("a bug");
    };
    expect(() => c.ops.dqbuf(c.file, { type: c.queue.type, planeCapacity: 1 }, by)).toThrow("a bug");
  });

  it("needs the client's call, without which nobody's address can be looked up", () => {
    const c = capture();
    expect(() => c.queue.qbuf(at(c.queue, 0))).toThrow("buffer 0: userptr needs the client's call");
    expect(at(c.queue, 0).state).toBe("dequeued");
  });

  it("has no offset that mmap() could find", () => {
    const c = capture();
    qbuf(c);
    expectErrno("EINVAL", () => c.files.mmap(c.file, { offset: 0n, length: 64n, prot: 3, flags: 1 }));
  });

  it("memory that goes bad loses what the buffer had", () => {
    const c = output();
    qbuf(c);
    c.queue.streamoff();
    expectErrno("EFAULT", () => qbuf(c, { bytesused: 10 }, new FakeCall({ memory: new FakeMemory(5) })));
    expect([at(c.queue, 0).state, c.memory.live, count(c, "bufCleanup")]).toEqual(["dequeued", 0, 1]);
    release(c);
  });

  it("what bufInit or bufPrepare refuses is the client's errno, and nothing is kept", () => {
    for (const op of ["bufInit", "bufPrepare"]) {
      const c = capture();
      c.driver.refuse.set(op, "ENOSPC");
      expectErrno("ENOSPC", () => qbuf(c));
      expect([at(c.queue, 0).state, c.memory.live]).toEqual(["dequeued", 0]);
      release(c);
    }
  });
});

describe("DMABUF", () => {
  const plane = (fd: number, more: Partial<BufferPlane> = {}): Partial<Buffer> => ({
    memory: Memory.Dmabuf,
    planes: [{ bytesused: 0, length: 100, dataOffset: 0, fd, ...more }],
  });
  const make = (type: BufType = BufType.VideoCapture): Client => {
    const c = withMemory(Memory.Dmabuf, { type });
    c.memory.files.set("1:7", { bytes: new Uint8Array(100).fill(7) });
    c.memory.files.set("1:8", { bytes: new Uint8Array(200).fill(8) });
    return c;
  };
  const cycle = (c: Client, buffer: Partial<Buffer>): Buffer => {
    const reply = c.qbuf(0, buffer);
    c.queue.streamoff();
    return reply;
  };

  it("is the client's memory itself", () => {
    const c = make();
    c.queue.streamon();
    c.qbuf(0, plane(7));
    at(c.queue, 0).planes[0]?.bytes.fill(1);
    expect(c.memory.files.get("1:7")?.bytes[99]).toBe(1);
    release(c);
  });

  it.each([
    [BufType.VideoCapture, true],
    [BufType.VideoOutput, false],
  ])("type %i: is written by us or not, and as large as the driver needs", (type, writable) => {
    const c = make(type);
    const imported = vi.spyOn(c.memory, "importPlane");
    cycle(c, plane(7));
    expect(imported.mock.calls).toEqual([[{ pid: 1, fd: 7, lengthBytes: 100, minBytes: 64, writable }]]);
  });

  it("OUTPUT: is not read from the client's memory, also when it is the same as before", () => {
    const c = make(BufType.VideoOutput);
    const filled = plane(7, { bytesused: 50 });
    cycle(c, filled);
    expect(cycle(c, filled).planes[0]).toMatchObject({ bytesused: 50, fd: 7 });
    expect([c.memory.imports, count(c, "bufInit")]).toEqual([1, 1]);
  });

  it("length 0 is all of it", () => {
    const c = make();
    expect(cycle(c, plane(8, { length: 0 })).planes[0]).toMatchObject({ length: 200, fd: 8 });
    expect(cycle(c, plane(8, { length: 0 })).planes[0]).toMatchObject({ length: 200 });
    expect(c.memory.imports).toBe(1);
  });

  it("OUTPUT: length 0 and no payload are all of it, for single and for several planes", () => {
    for (const type of [BufType.VideoOutput, BufType.VideoOutputMplane]) {
      const c = make(type);
      expect(cycle(c, plane(8, { length: 0 })).planes[0]).toMatchObject({ length: 200, fd: 8 });
      release(c);
    }
  });

  it("the same file is mapped once, whatever its number", () => {
    const c = make();
    const file = c.memory.files.get("1:7");
    if (file === undefined) throw new Error("no file");
    c.memory.files.set("1:9", file);
    cycle(c, plane(7));
    expect(cycle(c, plane(9)).planes[0]).toMatchObject({ fd: 9 });
    expect(c.memory.imports).toBe(1);
    cycle(c, plane(8));
    cycle(c, plane(8, { length: 200 }));
    expect([c.memory.imports, c.memory.live, count(c, "bufInit"), count(c, "bufCleanup")]).toEqual([
      3, 1, 3, 2,
    ]);
    release(c);
  });

  it("a number that means another file now is noticed", () => {
    const c = make();
    cycle(c, plane(7));
    c.memory.files.set("1:7", { bytes: new Uint8Array(100).fill(3) });
    cycle(c, plane(7));
    expect(at(c.queue, 0).planes[0]?.bytes[0]).toBe(3);
  });

  it.each<[string, "EINVAL" | "EFAULT", Partial<Buffer>]>([
    ["no such fd", "EINVAL", plane(99)],
    ["fd -1", "EINVAL", plane(-1)],
    ["shorter than the driver needs", "EINVAL", plane(7, { length: 63 })],
    ["longer than the file", "EFAULT", plane(7, { length: 101 })],
  ])("%s: %s, and nothing is kept", (_, code, buffer) => {
    const c = make();
    expectErrno(code, () => c.qbuf(0, buffer));
    expect([at(c.queue, 0).state, c.memory.live]).toEqual(["dequeued", 0]);
    cycle(c, plane(7));
    expectErrno(code, () => c.qbuf(0, buffer));
    expect(c.memory.live).toBe(0);
    release(c);
  });

  it("OUTPUT: a payload that does not fit into a smaller file than before is EINVAL", () => {
    const c = make(BufType.VideoOutput);
    cycle(c, plane(8, { length: 200 }));
    expectErrno("EINVAL", () => c.qbuf(0, plane(7, { bytesused: 150 })));
    release(c);
  });

  it("several planes: when the second is bad, the first is given back", () => {
    const c = withMemory(Memory.Dmabuf, { type: BufType.VideoCaptureMplane }, (driver) => {
      driver.planeSizes = [64, 64];
    });
    c.memory.files.set("1:7", { bytes: new Uint8Array(100) });
    const [first] = plane(7).planes ?? [];
    const [second] = plane(6).planes ?? [];
    if (first === undefined || second === undefined) throw new Error("planes");
    expectErrno("EINVAL", () => c.qbuf(0, { memory: Memory.Dmabuf, planes: [first, second] }));
    expect(c.memory.live).toBe(0);
    cycle(c, { memory: Memory.Dmabuf, planes: [first, first] });
    expect(c.memory.live).toBe(2);
    release(c);
  });
});
