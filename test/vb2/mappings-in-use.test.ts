/** Who has buffers mapped: what is looked at for an answer and what is not, and how long a closed file keeps its queue. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BufFlag, Memory } from "../../src/v4l2/index.js";
import type { MemoryUsers, PlaneMemory } from "../../src/vb2/index.js";
import { MappingWatch, type LookAt } from "../../src/vb2/mapping-watch.js";
import { client, type Client } from "./client.js";
import { expectErrno, FakeCall, FakeFileHandle, FakeMemory, FakeProvider } from "./fakes.js";

/** Memory of which the test says who has it. */
class WatchedProvider extends FakeProvider implements MemoryUsers {
  isIt: boolean | undefined = false;
  isStill = false;
  looks = 0;

  isUsed(): boolean | undefined {
    this.looks += 1;
    return this.isIt;
  }

  isStillMapped(): boolean {
    return this.isStill;
  }

  override allocPlane(sizeBytes: number): PlaneMemory {
    return Object.assign(super.allocPlane(sizeBytes), { users: this });
  }
}

function watched(): { c: Client; memory: WatchedProvider } {
  const memory = new WatchedProvider();
  const c = client({ memory });
  c.ops.reqbufs(c.file, { type: c.queue.type, memory: Memory.Mmap, count: 2, flags: 0 });
  return { c, memory };
}

const isMapped = ({ flags }: { flags: number }): boolean => (flags & BufFlag.Mapped) !== 0;

describe("V4L2_BUF_FLAG_MAPPED", () => {
  it("is looked up in QUERYBUF, and in QBUF before STREAMON", () => {
    const { c, memory } = watched();
    expect(isMapped(c.querybuf(0))).toBe(false);
    memory.isIt = true;
    expect([isMapped(c.querybuf(0)), isMapped(c.qbuf(0))]).toEqual([true, true]);
    memory.isIt = false;
    expect([isMapped(c.querybuf(0)), isMapped(c.qbuf(1))]).toEqual([false, false]);
    expect(memory.looks).toBe(5);
  });

  it("is not looked up again for each frame of a buffer that was mapped", () => {
    const { c, memory } = watched();
    memory.isIt = true;
    for (const index of [0, 1]) c.qbuf(index);
    c.ops.streamon(c.file, c.queue.type);
    const { looks } = memory;
    memory.isIt = false;
    for (let frame = 0; frame < 10; frame += 1) {
      c.driver.complete();
      const { index, flags } = c.dqbuf();
      expect([isMapped({ flags }), isMapped(c.qbuf(index))]).toEqual([true, true]);
    }
    expect(memory.looks).toBe(looks);
  });

  it("is looked up at most once in 200 ms while the queue streams and the buffer was not mapped", () => {
    const { c, memory } = watched();
    for (const index of [0, 1]) c.qbuf(index);
    c.ops.streamon(c.file, c.queue.type);
    const { looks } = memory;
    for (let frame = 0; frame < 10; frame += 1) {
      c.driver.complete();
      const { index } = c.dqbuf();
      c.qbuf(index);
    }
    expect(memory.looks).toBe(looks + 1);
  });

  it("is set by QBUF where the client cannot be looked at, and not by QUERYBUF", () => {
    const { c, memory } = watched();
    memory.isIt = undefined;
    expect([isMapped(c.querybuf(0)), isMapped(c.qbuf(0)), isMapped(c.querybuf(0))]).toEqual([
      false,
      true,
      true,
    ]);
  });

  it("is not for memory of the client's own, whoever else has it", () => {
    const memory = new WatchedProvider();
    const c = client({ memory });
    c.ops.reqbufs(c.file, { type: c.queue.type, memory: Memory.Userptr, count: 1, flags: 0 });
    const own = new FakeMemory(64);
    Object.assign(c.call, { memory: own });
    memory.isIt = true;
    const planes = [{ bytesused: 0, length: 64, dataOffset: 0, userptr: own.base }];
    expect(isMapped(c.qbuf(0, { memory: Memory.Userptr, planes }))).toBe(false);
    expect([isMapped(c.querybuf(0)), memory.looks]).toEqual([false, 0]);
  });

  it("is what was seen last to another file: its process has nothing to do with it", () => {
    const { c, memory } = watched();
    memory.isIt = true;
    c.querybuf(0);
    memory.isIt = false;
    const asked = { type: c.queue.type, index: 0, planeCapacity: 1 };
    expect(isMapped(c.ops.querybuf(new FakeFileHandle(), asked, c.call))).toBe(true);
  });
});

describe("a closed file", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());
  const request = (c: Client) => ({ type: c.queue.type, memory: Memory.Mmap, count: 1, flags: 0 });

  it("keeps the queue while its buffers are mapped, and streams on", () => {
    const { c, memory } = watched();
    const other = new FakeFileHandle();
    c.qbuf(0);
    c.ops.streamon(c.file, c.queue.type);
    memory.isStill = true;
    c.queue.releaseFile(c.file);
    expectErrno("EBUSY", () => c.ops.reqbufs(other, request(c)));
    expect(() => c.ops.reqbufs(other, request(c))).toThrow("which is closed, but has buffers mapped");
    expect([c.queue.streaming, c.queue.busy]).toEqual([true, true]);
    memory.isStill = false;
    expect(c.ops.reqbufs(other, request(c)).count).toBe(1);
    expect(c.queue.streaming).toBe(false);
  });

  it("lets go of it by itself, and of formats when a driver asks", async () => {
    const { c, memory } = watched();
    memory.isStill = true;
    c.queue.releaseFile(c.file);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(c.queue.numBuffers).toBe(2);
    memory.isStill = false;
    await vi.advanceTimersByTimeAsync(250);
    expect([c.queue.numBuffers, c.memory.live]).toEqual([0, 0]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("keeps nothing when its device goes", () => {
    const { c, memory } = watched();
    memory.isStill = true;
    const file = Object.assign(c.file, { device: { registered: false } });
    c.queue.releaseFile(file);
    expect(c.queue.numBuffers).toBe(0);
  });

  it("keeps nothing that is not MMAP, and no queue of its own (mem2mem)", () => {
    const { c, memory } = watched();
    memory.isStill = true;
    c.ops.reqbufs(c.file, { ...request(c), memory: Memory.Userptr });
    c.queue.releaseFile(c.file);
    expect(c.queue.numBuffers).toBe(0);

    const file = new FakeFileHandle();
    const own = client({ memory, file });
    own.ops.reqbufs(file, request(own));
    own.queue.releaseFile(file);
    expect(own.queue.numBuffers).toBe(0);
  });

  it("keeps nothing that read() has used", () => {
    const memory = new WatchedProvider();
    const c = client({ memory, io: ["mmap", "read"] });
    memory.isStill = true;
    c.queue.startFileIo("read");
    c.queue.owner = c.file;
    c.queue.releaseFile(c.file);
    expect(c.queue.numBuffers).toBe(0);
  });
});

describe("a watch of mappings", () => {
  const keys = ["7 /video0:7"];
  const line = (offset: number): string =>
    `10000-12000 rw-s ${offset.toString(16).padStart(8, "0")} 00:2a 7    /video0:7\n`;
  const callOf = (pid: number): FakeCall => new FakeCall({ pid });

  it("looks once for a call, and again for the next", () => {
    const looks: number[] = [];
    const watch = new MappingWatch((pid) => {
      looks.push(pid);
      return { lines: line(0x3000), readBytes: 100 };
    });
    const call = callOf(5);
    expect(watch.look(keys, call)).toEqual([{ offset: 0x3000, sizeBytes: 0x2000 }]);
    watch.look(keys, call);
    expect(looks).toHaveLength(1);
    watch.look(keys, callOf(5));
    expect(looks).toHaveLength(2);
  });

  it("looks where something was found before, too, until nothing is left there", () => {
    let isThere = true;
    const lookAt: LookAt = (pid) => ({ lines: isThere && pid !== 9 ? line(0) : "", readBytes: 1 });
    const watch = new MappingWatch(lookAt);
    const other = Object.assign(callOf(9), { caller: { tid: 9, uid: 0, gid: 0 } });
    watch.look(keys, callOf(5));
    expect(watch.look(keys, other)).toHaveLength(1);
    isThere = false;
    const again = Object.assign(callOf(9), { caller: { tid: 9, uid: 0, gid: 0 } });
    expect(watch.look(keys, again)).toEqual([]);
  });

  it("forgets a process in which nothing is left", () => {
    const looks: number[] = [];
    const mapping = new Set([5]);
    const watch = new MappingWatch((pid) => {
      looks.push(pid);
      return { lines: mapping.has(pid) ? line(0) : "", readBytes: 1 };
    });
    const look = (pid: number) =>
      watch.look(keys, Object.assign(callOf(pid), { caller: { tid: pid, uid: 0, gid: 0 } }))?.length;
    expect([look(5), look(9), look(9)]).toEqual([1, 1, 1]);
    mapping.clear();
    expect([look(9), look(9)]).toEqual([0, 0]);
    expect(looks).toEqual([5, 9, 5, 9, 5, 9, 5, 9]);
    // Its own process is looked at once.
    mapping.add(9);
    looks.length = 0;
    expect([look(9), look(9)]).toEqual([1, 1]);
    expect(looks).toEqual([9, 9]);
  });

  it("remembers eight processes", () => {
    const looks: number[] = [];
    const watch = new MappingWatch((pid) => {
      looks.push(pid);
      return { lines: line(0), readBytes: 1 };
    });
    for (let pid = 1; pid <= 10; pid += 1) {
      looks.length = 0;
      watch.look(keys, Object.assign(callOf(pid), { caller: { tid: pid, uid: pid, gid: 0 } }));
      expect(looks).toHaveLength(Math.min(pid, pid > 8 ? 9 : 8));
    }
  });

  it("looks for names, as the user that calls; in a process that it knows, as that one's user", () => {
    const asked: unknown[][] = [];
    const watch = new MappingWatch((...wanted) => {
      asked.push(wanted);
      return { lines: line(0), readBytes: 1 };
    });
    for (const [pid, uid] of [
      [5, 1000],
      [9, 33],
    ] as const)
      watch.look(keys, Object.assign(callOf(pid), { caller: { tid: pid, uid, gid: 0 } }));
    const names = keys.map((key) => key.replace(/^\d+ /, ""));
    expect(asked).toEqual([
      [5, 1000, names],
      [9, 33, names],
      [5, 1000, names],
    ]);
  });

  it.each([
    [2 ** 20, 2],
    [2 ** 20 + 1, 1],
  ])("counts for 200 ms when %i bytes had to be read: %i looks", (readBytes, expected) => {
    vi.useFakeTimers({ toFake: ["performance"] });
    try {
      let looks = 0;
      const watch = new MappingWatch(() => {
        looks += 1;
        return { lines: "", readBytes };
      });
      watch.look(keys, callOf(5));
      vi.advanceTimersByTime(199);
      watch.look(keys, callOf(5));
      expect(looks).toBe(expected);
      vi.advanceTimersByTime(200);
      watch.look(keys, callOf(5));
      expect(looks).toBe(expected + 1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("passes on what is no answer of the system", () => {
    const watch = new MappingWatch(() => {
      throw new TypeError("a bug");
    });
    expect(() => watch.look(keys, callOf(5))).toThrow("a bug");
  });

  it("looks again in processes where something was found, in none where nothing was, and in eight at most", () => {
    const looks: number[] = [];
    const mapping = new Set<number>();
    const watch = new MappingWatch((pid) => {
      looks.push(pid);
      return { lines: mapping.has(pid) ? line(0) : "", readBytes: 1 };
    });
    const look = (pid: number) =>
      watch.look(keys, Object.assign(callOf(pid), { caller: { tid: pid, uid: 0, gid: 0 } }))?.length;
    expect([look(99), look(98)]).toEqual([0, 0]);
    expect(looks).toEqual([99, 98]);
    for (let pid = 1; pid <= 10; pid += 1) {
      mapping.add(pid);
      look(pid);
    }
    looks.length = 0;
    expect(look(98)).toBe(8);
    expect(looks).toEqual([98, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("does not look again at once where a client has very many mappings", () => {
    let looks = 0;
    const watch = new MappingWatch(() => {
      looks += 1;
      return { lines: "", readBytes: 2 ** 21 };
    });
    for (let round = 0; round < 5; round += 1) watch.look(keys, callOf(5));
    expect(looks).toBe(1);
  });

  it("knows nothing of a caller that cannot be looked at", () => {
    const refused = Object.assign(new Error("EACCES"), { code: "EACCES", errno: 13, syscall: "open" });
    const watch = new MappingWatch(() => {
      throw refused;
    });
    expect(watch.look(keys, callOf(5))).toBeUndefined();
    const broken = new MappingWatch(() => {
      throw new TypeError("a bug");
    });
    expect(() => broken.look(keys, callOf(5))).toThrow("a bug");
    const invisible = Object.assign(callOf(5), { caller: { tid: 0, uid: 0, gid: 0 } });
    expect(new MappingWatch(() => ({ lines: line(0), readBytes: 1 })).look(keys, invisible)).toBeUndefined();
  });
});
