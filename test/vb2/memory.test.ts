/** Real memory: memfds, their descriptors, budgets; and another process's memory where that can be had. */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { constants, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nativeProblem, SharedMemory } from "../../src/native.js";
import { MemoryBudget, pageAlign, processBudget, SharedMemoryProvider } from "../../src/vb2/index.js";
import { bench, expectErrno } from "./fakes.js";

const openFds = (): number => readdirSync("/proc/self/fd").length;

describe("a budget", () => {
  it("ends with ENOMEM, its own or its parent's, and takes nothing then", () => {
    const parent = new MemoryBudget(100);
    const child = new MemoryBudget(80, parent);
    const sibling = new MemoryBudget(80, parent);
    child.take(60);
    expectErrno("ENOMEM", () => child.take(21));
    expectErrno("ENOMEM", () => sibling.take(41));
    expect([child.usedBytes, sibling.usedBytes, parent.usedBytes]).toEqual([60, 0, 60]);
    child.give(60);
    sibling.take(80);
    expect(parent.usedBytes).toBe(80);
  });

  it("counts whole pages", () => {
    const page = Number(execFileSync("getconf", ["PAGESIZE"], { encoding: "utf8" }));
    expect([pageAlign(1), pageAlign(page), pageAlign(page + 1)]).toEqual([page, page, 2 * page]);
  });
});

const problem = nativeProblem();
if (problem !== undefined) console.warn(`Skipping tests of real memory: ${problem}`);

describe.skipIf(problem !== undefined)("shared memory", () => {
  const provider = new SharedMemoryProvider({
    name: "vb2-test",
    limitBytes: 1 << 20,
    maxPlaneBytes: 1 << 19,
  });

  it("is written here and read through its fd", () => {
    const plane = provider.allocPlane(5000);
    plane.bytes.fill(7);
    const seen = new Uint8Array(10);
    readSync(plane.fd, seen, 0, 10, 4990);
    expect(seen).toEqual(new Uint8Array(10).fill(7));
    expect([plane.sizeBytes, plane.bytes.length, plane.fdOffset]).toEqual([5000, 5000, 0]);
    expect(provider.budget.usedBytes).toBe(8192);
    plane.release();
    plane.release();
    expect([plane.bytes.length, plane.fd, provider.budget.usedBytes]).toEqual([0, -1, 0]);
  });

  it("ENOMEM over the largest plane, over the limit, over the process's; descriptors and budgets come back", () => {
    const fds = openFds();
    const before = processBudget.usedBytes;
    const greedy = new SharedMemoryProvider({
      name: "vb2-test",
      limitBytes: Infinity,
      maxPlaneBytes: Infinity,
    });
    expectErrno("ENOMEM", () => provider.allocPlane((1 << 19) + 1));
    expectErrno("ENOMEM", () => greedy.allocPlane(2 ** 45));
    const planes = [provider.allocPlane(1 << 19), provider.allocPlane(1 << 19)];
    expectErrno("ENOMEM", () => provider.allocPlane(1));
    expect(openFds()).toBe(fds + 2);
    for (const plane of planes) plane.release();
    expect([openFds(), processBudget.usedBytes]).toEqual([fds, before]);
  });

  it("a queue gives back every descriptor, in whatever state it is closed", () => {
    const fds = openFds();
    const { queue, driver } = bench({ memory: provider }, (fake) => (fake.planeSizes = [4096, 100]));
    for (let round = 0; round < 3; round += 1) queue.reqbufs("mmap", 4 + round);
    queue.createBufs("mmap", 2, [4096, 100]);
    for (const buffer of queue.buffers()) queue.qbuf(buffer);
    queue.streamon();
    driver.complete();
    expect(openFds()).toBe(fds + 16);
    queue.release();
    expect([openFds(), provider.budget.usedBytes]).toEqual([fds, 0]);
  });

  it("is exported with an access mode, and lives on when the plane is gone", () => {
    const fds = openFds();
    const plane = provider.allocPlane(4096);
    plane.bytes.fill(3);
    const exported = provider.exportPlane(plane, constants.O_RDONLY, false);
    if (exported === undefined) throw new Error("not exported");
    plane.release();
    const kept = SharedMemory.fromFd(exported.fd, 4096, false);
    expect(kept.bytes[4095]).toBe(3);
    kept.close();
    exported.release?.();
    expect(openFds()).toBe(fds);
  });

  it.each([
    ["O_RDONLY", constants.O_RDONLY],
    ["O_WRONLY", constants.O_WRONLY],
    ["O_RDWR", constants.O_RDWR],
  ])("the access mode %s is the exported descriptor's", (_name, mode) => {
    const plane = provider.allocPlane(4096);
    const exported = provider.exportPlane(plane, mode, false);
    if (exported === undefined) throw new Error("not exported");
    const flags =
      /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${exported.fd}`, "latin1"))?.[1] ?? "";
    expect(Number.parseInt(flags, 8) & 3).toBe(mode);
    exported.release?.();
    plane.release();
  });

  it("is in use while a client has an open file of it, whatever the access mode", () => {
    const call = { caller: { tid: 1, uid: 0, gid: 0 }, client: { pid: 1, comm: "init" } };
    const plane = provider.allocPlane(4096);
    expect(plane.users?.isUsed(call)).toBe(false);
    for (const mode of [constants.O_RDONLY, constants.O_WRONLY, constants.O_RDWR]) {
      const exported = provider.exportPlane(plane, mode, false);
      expect(plane.users?.isUsed(call)).toBe(true);
      // An export does not keep the queue, as a mapping of the device does.
      expect(plane.users?.isStillMapped()).toBe(false);
      exported?.release?.();
      if (exported?.release !== undefined) expect(plane.users?.isUsed(call)).toBe(false);
    }
    plane.release();
  });

  it("is still mapped as long as a client has what mmap() gave it", () => {
    const plane = provider.allocPlane(4096);
    const given = provider.mapPlane(plane);
    const mapping = SharedMemory.fromFd(given.fd, 4096, true);
    given.release?.();
    expect(plane.users?.isStillMapped()).toBe(true);
    mapping.close();
    expect(plane.users?.isStillMapped()).toBe(false);
    plane.release();
  });

  it("has limits of 1 GiB for a file and 512 MiB for a plane where nobody says others", () => {
    const usual = new SharedMemoryProvider({ name: "vb2-test" });
    expect([usual.budget.limitBytes, usual.budget.parent]).toEqual([2 ** 30, processBudget]);
    expect(() => usual.allocPlane(2 ** 29 + 1)).toThrow("536870912 are the most");
  });

  it("of our own process can be imported, too: the bounds of its length", () => {
    const plane = provider.allocPlane(8192);
    const take = (more: { lengthBytes?: number; minBytes?: number; pid?: number; fd?: number }): number => {
      const asked = { pid: process.pid, fd: plane.fd, lengthBytes: 0, minBytes: 1, writable: true, ...more };
      const imported = provider.importPlane(asked);
      imported.release();
      return imported.sizeBytes;
    };
    expect([take({ minBytes: 8192 }), take({ lengthBytes: 8192 }), take({ lengthBytes: 1 })]).toEqual([
      8192, 8192, 1,
    ]);
    for (const more of [
      { minBytes: 8193 },
      { lengthBytes: 99, minBytes: 100 },
      { lengthBytes: 8193, minBytes: 8194 },
    ])
      expect(() => take(more)).toThrow(/EINVAL.*are needed/);
    expect(() => take({ lengthBytes: 8193 })).toThrow(/EFAULT/);
    for (const more of [{ pid: 0 }, { pid: -1 }, { fd: -1 }])
      expect(() => take(more)).toThrow(/EINVAL.*cannot exist/);
    expect(() => take({ fd: 0 })).not.toThrow(/cannot exist/);
    plane.release();
  });

  it("a file is known by the process's descriptor, whatever its number", () => {
    const plane = provider.allocPlane(4096);
    const { pid } = process;
    const imported = provider.importPlane({ pid, fd: plane.fd, lengthBytes: 0, minBytes: 1, writable: true });
    expect([imported.isFile(pid, plane.fd), imported.isFile(pid, -1), imported.isFile(pid, 0)]).toEqual([
      true,
      false,
      false,
    ]);
    imported.release();
    plane.release();
  });

  describe("imported from a client", () => {
    // A client: node is one that a test can have anywhere. It holds a duplicate of our memfd as fd 3.
    const source = new SharedMemoryProvider({ name: "vb2-client" }).allocPlane(8192);
    let client: ChildProcess;
    let pid = 0;
    beforeAll(async () => {
      client = spawn(process.execPath, ["-e", "process.stdin.resume(); console.log('up')"], {
        stdio: ["pipe", "pipe", "inherit", source.fd, openSync("/proc/self/exe", "r")],
      });
      pid = client.pid ?? 0;
      if (client.stdout !== null) await once(client.stdout, "data");
      // The thread that takes descriptors is started with the first one.
      provider.importPlane({ ...request, pid, fd: 3 }).release();
    });
    afterAll(async () => {
      client.stdin?.end();
      await once(client, "exit");
      source.release();
    });

    const request = { lengthBytes: 0, minBytes: 100, writable: true };

    it("is the client's memory, all of it or a part", () => {
      const fds = openFds();
      const whole = provider.importPlane({ ...request, pid, fd: 3 });
      const part = provider.importPlane({ ...request, pid, fd: 3, lengthBytes: 5000 });
      whole.bytes[4999] = 77;
      expect([source.bytes[4999], part.bytes[4999]]).toEqual([77, 77]);
      expect([whole.sizeBytes, part.sizeBytes, part.fileBytes]).toEqual([8192, 5000, 8192]);
      expect([whole.isFile(pid, 3), whole.isFile(pid, 4), whole.isFile(pid, 99), whole.isFile(0, 3)]).toEqual(
        [true, false, false, false],
      );
      whole.release();
      part.release();
      expect([openFds(), provider.budget.usedBytes]).toEqual([fds, 0]);
    });

    it.each([
      ["no such fd", "EINVAL", { fd: 99 }],
      ["a negative fd", "EINVAL", { fd: -1 }],
      ["a file that can shrink", "EINVAL", { fd: 4, minBytes: 0 }],
      ["a pipe", "EINVAL", { fd: 0 }],
      ["too small", "EINVAL", { minBytes: 8193 }],
      ["a length beyond the end", "EFAULT", { lengthBytes: 8193 }],
      ["no such process", "EINVAL", { pid: 2 ** 22 + 1 }],
    ] as const)("%s is %s, and costs no descriptor", (_, code, more) => {
      const fds = openFds();
      expectErrno(code, () => provider.importPlane({ ...request, pid, fd: 3, ...more }));
      expect([openFds(), provider.budget.usedBytes]).toEqual([fds, 0]);
    });

    it("counts against the budget", () => {
      const small = new SharedMemoryProvider({ name: "vb2-test", limitBytes: 4096 });
      expectErrno("ENOMEM", () => small.importPlane({ ...request, pid, fd: 3 }));
    });
  });
});
