/** The memory of an open file whose client maps it without asking: what is where, and when it may be used again. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants, fstatSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { inspectFd, SharedMemory } from "../../src/native.js";
import { SharedMemoryProvider } from "../../src/vb2/index.js";
import { findMappings, parseMappings, type Mappings } from "../../src/vb2/mappings.js";
import { MemoryPool, reclaimAll, RETIRED_BYTES } from "../../src/vb2/memory-pool.js";
import { FreeRanges, overlap } from "../../src/vb2/free-ranges.js";
import { reopen } from "../../src/vb2/memory-users.js";
import { expectErrno, FakeProvider } from "./fakes.js";

const mapper = fileURLToPath(new URL("fixtures/mapper.ts", import.meta.url));
const PAGE = 4096;
const MIB = 2 ** 20;
const pools: MemoryPool[] = [];

function newPool(): MemoryPool {
  const pool = MemoryPool.create("pool-test");
  pools.push(pool);
  return pool;
}

afterEach(() => {
  for (const pool of pools.splice(0)) pool.close();
});

/** What nobody has mapped. */
const nothing = (): Promise<Mappings> => Promise.resolve(new Map());

describe("free ranges", () => {
  it("are taken from the lowest place that fits", () => {
    const free = new FreeRanges(100);
    expect([free.take(10), free.take(20), free.take(30)]).toEqual([0, 10, 30]);
    free.give({ offset: 10, sizeBytes: 20 });
    expect([free.take(25), free.take(20), free.take(20), free.take(1)]).toEqual([60, 10, undefined, 85]);
  });

  it("join their neighbours again", () => {
    const free = new FreeRanges(90);
    for (let count = 0; count < 3; count += 1) free.take(30);
    for (const offset of [0, 60, 30]) free.give({ offset, sizeBytes: 30 });
    expect(free.take(90)).toBe(0);
  });

  it("overlap when they have a byte in common", () => {
    const range = { offset: 10, sizeBytes: 10 };
    expect(overlap(range, { offset: 19, sizeBytes: 1 })).toBe(true);
    expect(overlap(range, { offset: 0, sizeBytes: 11 })).toBe(true);
    expect(overlap(range, { offset: 20, sizeBytes: 5 })).toBe(false);
    expect(overlap(range, { offset: 0, sizeBytes: 10 })).toBe(false);
  });
});

describe("a pool", () => {
  it("has each plane at an offset of its own, in whole pages, where its descriptor shows it", () => {
    const pool = newPool();
    const planes = [5000, 1, PAGE].map((size) => pool.allocPlane(size, () => undefined));
    expect(planes.map(({ mapOffset }) => mapOffset)).toEqual([0, 2 * PAGE, 3 * PAGE]);
    for (const [index, plane] of planes.entries()) plane.bytes.fill(index + 1);
    const whole = SharedMemory.fromFd(pool.fd, 4 * PAGE, false);
    expect(
      [0, 4999, 5000, 2 * PAGE, 2 * PAGE + 1, 3 * PAGE, 4 * PAGE - 1].map((at) => whole.bytes[at]),
    ).toEqual([1, 1, 0, 2, 0, 3, 3]);
    whole.close();
    for (const plane of planes) plane.release();
  });

  it("is sealed: nobody can take pages away or make it longer", () => {
    const F_SEAL_SEAL_SHRINK_GROW = 7;
    const pool = newPool();
    expect(inspectFd(pool.fd).seals & F_SEAL_SEAL_SHRINK_GROW).toBe(F_SEAL_SEAL_SHRINK_GROW);
    const last = SharedMemory.fromFd(pool.fd, PAGE, true, 2 ** 32 - 65_536 - PAGE);
    expect(last.bytes[0]).toBe(0);
    last.close();
  });

  it("empties the bytes of a released plane", () => {
    const plane = newPool().allocPlane(PAGE, () => undefined);
    const { bytes } = plane;
    plane.release();
    plane.release();
    expect([bytes.length, plane.bytes.length, plane.fd]).toEqual([0, 0, -1]);
  });

  it("does not use a freed range again before somebody has looked who has it mapped", async () => {
    const pool = newPool();
    const given = vi.fn();
    const first = pool.allocPlane(PAGE, given);
    first.bytes.fill(7);
    first.release();
    expect(given).toHaveBeenCalledTimes(1);
    expect(pool.allocPlane(PAGE, () => undefined).mapOffset).toBe(PAGE);
    const asked: ReadonlySet<string>[] = [];
    await reclaimAll((keys) => {
      asked.push(keys);
      return nothing();
    });
    expect(asked.map((keys) => [...keys])).toEqual([pool.keys]);
    const again = pool.allocPlane(PAGE, () => undefined);
    expect([again.mapOffset, again.bytes[0]]).toEqual([0, 0]);
  });

  it("keeps what is mapped, by any of the files that show it, and looks again later", async () => {
    const pool = newPool();
    pool.mappedAs({ ino: 17, path: "/video0:17" });
    const planes = [1, 2, 3].map(() => pool.allocPlane(2 * PAGE, () => undefined));
    for (const plane of planes) plane.release();
    const mapped: Mappings = new Map([["17 /video0:17", [{ offset: 3 * PAGE, sizeBytes: PAGE }]]]);
    await reclaimAll(() => Promise.resolve(mapped));
    expect(pool.retiredBytes).toBe(2 * PAGE);
    expect(pool.allocPlane(4 * PAGE, () => undefined).mapOffset).toBe(4 * PAGE);
    await reclaimAll(nothing);
    expect(pool.retiredBytes).toBe(0);
  });

  it("keeps what was freed while somebody looked, and everything when that cannot be found out", async () => {
    const pool = newPool();
    const [early, late] = [pool.allocPlane(PAGE, () => undefined), pool.allocPlane(PAGE, () => undefined)];
    early.release();
    await reclaimAll(() => Promise.resolve(undefined));
    expect(pool.retiredBytes).toBe(PAGE);
    await reclaimAll(() => {
      late.release();
      return nothing();
    });
    expect(pool.retired).toEqual([{ offset: PAGE, sizeBytes: PAGE }]);
  });

  it("looks by itself when much has been freed, and who allocates can wait for it", async () => {
    const pool = newPool();
    pool.allocPlane(RETIRED_BYTES - PAGE, () => undefined).release();
    expect(pool.settled).toBeUndefined();
    pool.allocPlane(PAGE, () => undefined).release();
    expect(pool.settled).toBeInstanceOf(Promise);
    await pool.settled;
    expect([pool.retiredBytes, pool.settled]).toEqual([0, undefined]);
  });

  it("lets who allocates wait for no search that is not about it", async () => {
    const pool = newPool();
    pool.allocPlane(PAGE, () => undefined).release();
    const search = reclaimAll(nothing);
    expect(pool.settled).toBeUndefined();
    await search;
  });

  it("keeps nothing in mind that is freed after its end", () => {
    const pool = newPool();
    const plane = pool.allocPlane(PAGE, () => undefined);
    pool.close();
    plane.release();
    expect([pool.retiredBytes, pool.fd]).toEqual([0, -1]);
  });

  it("looks again when as much again has been freed", async () => {
    const pool = newPool();
    pool.allocPlane(PAGE, () => undefined).release();
    await reclaimAll(() => Promise.resolve(undefined));
    expect(pool.retiredBytes).toBe(PAGE);
    pool.allocPlane(RETIRED_BYTES - PAGE, () => undefined).release();
    expect(pool.settled).toBeUndefined();
    pool.allocPlane(PAGE, () => undefined).release();
    expect(pool.settled).toBeInstanceOf(Promise);
    await pool.settled;
    expect(pool.retiredBytes).toBe(0);
  });

  it("has one search at a time, which is about pools with freed ranges only", async () => {
    const [used, unused] = [newPool(), newPool()];
    const plane = unused.allocPlane(PAGE, () => undefined);
    used.allocPlane(PAGE, () => undefined).release();
    const asked: ReadonlySet<string>[] = [];
    let finish: (mappings: Mappings) => void = () => undefined;
    const find = (keys: ReadonlySet<string>): Promise<Mappings> => {
      asked.push(keys);
      return new Promise((resolve) => (finish = resolve));
    };
    const first = reclaimAll(find);
    expect(reclaimAll(find)).toBe(first);
    // Little was freed: nobody need wait for it.
    expect([used.settled, unused.settled]).toEqual([undefined, undefined]);
    finish(new Map());
    await first;
    expect(asked.map((keys) => [...keys])).toEqual([used.keys]);
    const second = reclaimAll(nothing);
    expect(second).not.toBe(first);
    await second;
    plane.release();
  });

  it("gives the pages back", async () => {
    const pool = newPool();
    const blocks = (): number => fstatSync(pool.fd).blocks;
    const plane = pool.allocPlane(MIB, () => undefined);
    plane.bytes.fill(1);
    expect(blocks()).toBe(MIB / 512);
    plane.release();
    await reclaimAll(nothing);
    expect(blocks()).toBe(0);
  });

  it("may be closed before its planes, and while somebody looks", async () => {
    const pool = newPool();
    const given = vi.fn();
    const [early, late] = [pool.allocPlane(PAGE, given), pool.allocPlane(PAGE, given)];
    early.release();
    await reclaimAll(() => {
      pool.close();
      return nothing();
    });
    late.release();
    expect(given).toHaveBeenCalledTimes(2);
    expect([pool.fd, pool.retiredBytes]).toEqual([-1, 0]);
  });

  it("has no more than an offset can name", () => {
    const pool = newPool();
    expectErrno("ENOMEM", () => pool.allocPlane(2 ** 32 - 1, () => undefined));
  });

  it("lets a plane move to a file that shows nothing else, with its contents and its place", () => {
    const pool = newPool();
    const other = pool.allocPlane(PAGE, () => undefined);
    const plane = pool.allocPlane(5000, () => undefined);
    other.bytes.fill(1);
    plane.bytes.fill(2);
    plane.moveOut("moved");
    expect([plane.isAlone, plane.fdOffset, plane.mapOffset]).toEqual([true, 0, PAGE]);
    const shown = SharedMemory.fromFd(plane.fd, 2 * PAGE, true);
    expect([shown.bytes[0], shown.bytes[4999], shown.bytes[5000]]).toEqual([2, 2, 0]);
    plane.bytes[0] = 9;
    expect(shown.bytes[0]).toBe(9);
    shown.close();
    plane.release();
    expect(pool.retiredBytes).toBe(2 * PAGE);
  });
});

describe("who uses a plane of a pool", () => {
  const ofNobody = { caller: { tid: 0, uid: 0, gid: 0 }, client: { pid: 0, comm: "" } };

  it("cannot be told of a caller that is invisible; another open file of the pool keeps it mapped", () => {
    const pool = newPool();
    const plane = pool.allocPlane(PAGE, () => undefined);
    expect([plane.isUsed(ofNobody), plane.isStillMapped()]).toEqual([undefined, false]);
    const other = reopen(pool.fd, constants.O_RDWR);
    expect(plane.isStillMapped()).toBe(true);
    other.release?.();
    expect(plane.isStillMapped()).toBe(false);
    plane.release();
  });

  it("is told of a plane that has moved by its own file, which keeps no queue", () => {
    const pool = newPool();
    const plane = pool.allocPlane(PAGE, () => undefined);
    plane.moveOut("moved");
    const { fd } = plane;
    plane.moveOut("moved again");
    expect([plane.fd, plane.isUsed(ofNobody)]).toEqual([fd, false]);
    const ofPool = reopen(pool.fd, constants.O_RDWR);
    expect(plane.isUsed(ofNobody)).toBe(false);
    const own = reopen(fd, constants.O_RDWR);
    expect([plane.isUsed(ofNobody), plane.isStillMapped()]).toEqual([true, false]);
    for (const each of [own, ofPool]) each.release?.();
    plane.release();
    plane.moveOut("too late");
    expect([plane.fd, plane.bytes.length]).toEqual([-1, 0]);
  });

  it("is a process that has its range mapped", async () => {
    const pool = newPool();
    const planes = [1, 2, 3].map(() => pool.allocPlane(PAGE, () => undefined));
    const child = spawn(process.execPath, ["--import", "tsx", mapper, String(PAGE)], {
      stdio: ["pipe", "pipe", "inherit", pool.fd],
    });
    await once(child.stdout ?? child, "data");
    const [pid, uid] = [child.pid ?? 0, process.getuid?.() ?? 0];
    const call = { caller: { tid: pid, uid, gid: 0 }, client: { pid, comm: "mapper" } };
    expect(planes.map((plane) => plane.isUsed(call))).toEqual([false, true, false]);
    child.stdin?.end();
    await once(child, "exit");
  });
});

it("a plane that gets no memory of its own is ENOMEM, and stays in its pool", () => {
  const provider = new SharedMemoryProvider({ name: "x".repeat(300) });
  const plane = provider.allocPlane(PAGE, newPool());
  expectErrno("ENOMEM", () => provider.moveOut(plane));
  expect(plane).toMatchObject({ isAlone: false, mapOffset: 0 });
  plane.release();
});

it("a pool that the kernel does not make is ENOMEM", () => {
  expectErrno("ENOMEM", () => MemoryPool.create("x".repeat(300)));
});

describe("a provider", () => {
  it("moves a plane out of its pool, and leaves others where they are", () => {
    const provider = new SharedMemoryProvider({ name: "pool-test" });
    const inPool = provider.allocPlane(PAGE, newPool());
    const other = provider.allocPlane(PAGE, {
      ...{ fd: -1, sizeBytes: 0, settled: undefined },
      mappedAs: () => undefined,
      close: () => undefined,
    });
    expect([inPool.mapOffset, other.mapOffset]).toEqual([0, undefined]);
    expect(provider.exportPlane(inPool, constants.O_RDONLY, false)).toBeUndefined();
    const { fd } = other;
    for (const plane of [inPool, other]) provider.moveOut(plane);
    expect(other.fd).toBe(fd);
    const exported = provider.exportPlane(inPool, constants.O_RDONLY, false);
    expect(exported).toBeDefined();
    exported?.release?.();
    for (const plane of [inPool, other]) plane.release();
    const foreign = new FakeProvider();
    expectErrno("EINVAL", () => provider.exportPlane(foreign.allocPlane(PAGE), constants.O_RDWR, false));
  });

  it("bounds what is in the pool; what is freed counts no more", () => {
    const provider = new SharedMemoryProvider({ name: "pool-test", limitBytes: 4 * PAGE });
    const pool = newPool();
    const plane = provider.allocPlane(3 * PAGE, pool);
    expectErrno("ENOMEM", () => provider.allocPlane(2 * PAGE, pool));
    plane.release();
    expect(provider.budget.usedBytes).toBe(0);
    provider.allocPlane(4 * PAGE, pool).release();
    expect(provider.budget.usedBytes).toBe(0);
  });
});

describe("/proc/<pid>/maps", () => {
  const text = `
55d0c0a00000-55d0c0a01000 r--p 00000000 fe:01 17                         /usr/bin/cat
7f0000000000-7f0000003000 rw-s 00002000 00:2d 17                         /video0:17
7f0000004000-7f0000005000 rw-s 12c000000 00:01 99                        /memfd:pool name (deleted)
7f0000006000-7f0000007000 rw-p 00000000 00:00 0
7f0000008000-7f0000009000 rw-s 00000000 00:01 98                         /memfd:pool name (deleted)
`;

  it("says what is mapped of a file, known by inode and name", () => {
    const found = parseMappings(text, new Set(["17 /video0:17", "99 /memfd:pool name"]));
    expect([...found]).toEqual([
      ["17 /video0:17", [{ offset: 0x2000, sizeBytes: 0x3000 }]],
      ["99 /memfd:pool name", [{ offset: 0x12c000000, sizeBytes: 0x1000 }]],
    ]);
  });

  it("of other processes is looked at, not of this one", async () => {
    const pool = newPool();
    const plane = pool.allocPlane(PAGE, () => undefined);
    expect(await findMappings(new Set(pool.keys))).toEqual(new Map());
    const child = spawn(process.execPath, ["--import", "tsx", mapper, String(2 * PAGE)], {
      stdio: ["pipe", "pipe", "inherit", pool.fd],
    });
    await once(child.stdout ?? child, "data");
    const found = await findMappings(new Set(pool.keys));
    expect([...(found ?? [])]).toEqual([[pool.keys[0], [{ offset: 2 * PAGE, sizeBytes: PAGE }]]]);
    child.stdin?.end();
    await once(child, "exit");
    expect(await findMappings(new Set(pool.keys))).toEqual(new Map());
    plane.release();
  });

  it("are not known when the program that looks fails, or is not there", async () => {
    const keys = new Set(newPool().keys);
    expect(await findMappings(keys, "/bin/false")).toBeUndefined();
    expect(await findMappings(keys, "/nowhere/program")).toBeUndefined();
    expect(await findMappings(keys, "/bin/true")).toEqual(new Map());
  });
});
