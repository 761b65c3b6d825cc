import { closeSync, ftruncateSync, openSync, readlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createDmabuf, inspectFd, ProcessFd, SharedMemory } from "../../src/native.js";
import { collectGarbage, mappings, openFds, Peer, systemError } from "./support.js";

const PAGE = 4096;
const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;
const F_SEAL_EXEC = 0x20;

describe("SharedMemory.create", () => {
  it("gives exactly the bytes that were asked for, zeroed, on whole pages", () => {
    const memory = SharedMemory.create("test", 5000);
    expect(memory.sizeBytes).toBe(5000);
    expect(memory.bytes.byteLength).toBe(5000);
    expect(memory.bytes.buffer.byteLength).toBe(5000);
    expect(memory.bytes.every((byte) => byte === 0)).toBe(true);
    expect(inspectFd(memory.fd).sizeBytes).toBe(2 * PAGE);
    memory.close();
  });

  it("is sealed, so that whoever holds the descriptor can change contents only", () => {
    const memory = SharedMemory.create("test", PAGE);
    const { seals, isDmabuf } = inspectFd(memory.fd);
    expect(seals & ~F_SEAL_EXEC).toBe(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    expect(isDmabuf).toBe(false);
    expect(() => ftruncateSync(memory.fd, 0)).toThrow(expect.objectContaining({ code: "EPERM" }) as Error);
    expect(() => ftruncateSync(memory.fd, 2 * PAGE)).toThrow(
      expect.objectContaining({ code: "EPERM" }) as Error,
    );
    memory.close();
  });

  it("carries its name where a person looks for it", () => {
    const memory = SharedMemory.create("vb2 OUTPUT 3", PAGE);
    expect(readlinkSync(`/proc/self/fd/${memory.fd}`)).toContain("memfd:vb2 OUTPUT 3");
    memory.close();
  });

  it("refuses sizes and names that cannot be, and leaves nothing open", () => {
    const before = openFds();
    for (const size of [0, -1, 1.5, Number.NaN, 2 ** 32]) {
      expect(() => SharedMemory.create("test", size)).toThrow(TypeError);
    }
    expect(systemError(() => SharedMemory.create("n".repeat(250), PAGE))).toMatchObject({
      code: "EINVAL",
      errno: 22,
      syscall: "memfd_create",
    });
    expect(openFds()).toBe(before);
  });
});

describe("SharedMemory.close", () => {
  it("detaches all views, unmaps, closes; a second time does nothing", () => {
    const memory = SharedMemory.create("close-test", PAGE);
    const words = new Uint32Array(memory.bytes.buffer);
    const before = openFds();
    expect(mappings("close-test")).toBe(1);
    memory.close();
    expect(memory.bytes.byteLength).toBe(0);
    expect(words.length).toBe(0);
    expect(memory.fd).toBe(-1);
    expect(memory.sizeBytes).toBe(PAGE);
    expect(mappings("close-test")).toBe(0);
    expect(openFds()).toBe(before - 1);
    memory.close();
    expect(openFds()).toBe(before - 1);
  });

  it("leaves no descriptor and no mapping after 1000 rounds", () => {
    const fds = openFds();
    for (let round = 0; round < 1000; round++) {
      const memory = SharedMemory.create("round-test", 1 + (round % 3) * PAGE);
      memory.bytes.fill(round);
      memory.close();
    }
    expect(openFds()).toBe(fds);
    expect(mappings("round-test")).toBe(0);
  });
});

describe("forgotten memory", () => {
  it("is released by the collector", async () => {
    const fds = openFds();
    for (let round = 0; round < 100; round++) SharedMemory.create("forgotten-test", PAGE).bytes.fill(1);
    await collectGarbage();
    expect(openFds()).toBe(fds);
    expect(mappings("forgotten-test")).toBe(0);
  });

  it("stays mapped as long as its bytes are in use", async () => {
    // In a function of its own: what stays in this one's registers would count as in use.
    const kept = new Set<Uint8Array>();
    const keep = (): unknown => kept.add(SharedMemory.create("outlives-test", PAGE).bytes.fill(7));
    const lastByte = (): number | undefined => [...kept][0]?.at(-1);
    keep();
    await collectGarbage();
    expect(mappings("outlives-test")).toBe(1);
    expect(lastByte()).toBe(7);
    kept.clear();
    await collectGarbage();
    expect(mappings("outlives-test")).toBe(0);
  });

  it("is known to V8 as external memory", () => {
    const before = process.memoryUsage().external;
    const memory = SharedMemory.create("test", 64 * 1024 * 1024);
    // Not exactly: the collector may free something else meanwhile.
    expect(process.memoryUsage().external - before).toBeGreaterThan(memory.sizeBytes * 0.9);
    memory.close();
    expect(process.memoryUsage().external - before).toBeLessThan(memory.sizeBytes / 2);
  });
});

describe("SharedMemory.fromFd", () => {
  it("maps the same memory, on a descriptor of its own", () => {
    const memory = SharedMemory.create("test", PAGE);
    const other = SharedMemory.fromFd(memory.fd, PAGE, true);
    expect(other.fd).not.toBe(memory.fd);
    other.bytes[10] = 42;
    expect(memory.bytes[10]).toBe(42);
    memory.close();
    expect(other.bytes[10]).toBe(42);
    other.close();
  });

  it("maps a part", () => {
    const memory = SharedMemory.create("test", 2 * PAGE);
    const part = SharedMemory.fromFd(memory.fd, 100, false);
    expect(part.bytes.byteLength).toBe(100);
    part.close();
    memory.close();
  });

  it("refuses what is smaller than asked, with EINVAL", () => {
    const memory = SharedMemory.create("test", PAGE);
    expect(systemError(() => SharedMemory.fromFd(memory.fd, PAGE + 1, false)).code).toBe("EINVAL");
    memory.close();
  });

  it("refuses a memfd that its owner can shrink, with EINVAL", async () => {
    const peer = await Peer.start();
    const foreign = ProcessFd.takeMemory(peer.pid, peer.facts.unsealed);
    expect(inspectFd(foreign.fd)).toEqual({ sizeBytes: PAGE, seals: 0, isDmabuf: false });
    expect(systemError(() => SharedMemory.fromFd(foreign.fd, PAGE, false)).code).toBe("EINVAL");
    foreign.close();
    await peer.stop();
  });

  it("refuses a plain file with EINVAL, a number that is none with EBADF, and leaves nothing open", () => {
    const path = join(tmpdir(), `native-memory-${process.pid}`);
    writeFileSync(path, "x".repeat(PAGE));
    const before = openFds();
    const fd = openSync(path, "r+");
    expect(systemError(() => SharedMemory.fromFd(fd, PAGE, true)).code).toBe("EINVAL");
    closeSync(fd);
    unlinkSync(path);
    expect(systemError(() => SharedMemory.fromFd(fd + 1000, PAGE, true)).code).toBe("EBADF");
    expect(openFds()).toBe(before);
  });

  it("refuses writing through a descriptor that was opened for reading, with EACCES", () => {
    const memory = SharedMemory.create("test", PAGE);
    const readOnly = openSync(`/proc/self/fd/${memory.fd}`, "r");
    expect(systemError(() => SharedMemory.fromFd(readOnly, PAGE, true))).toMatchObject({
      code: "EACCES",
      syscall: "mmap",
    });
    SharedMemory.fromFd(readOnly, PAGE, false).close();
    closeSync(readOnly);
    memory.close();
  });
});

describe("createDmabuf", () => {
  it("wraps a memfd, or says that this machine has no udmabuf", () => {
    const memory = SharedMemory.create("test", 2 * PAGE);
    const dmabuf = createDmabuf(memory.fd, 2 * PAGE);
    if (dmabuf !== undefined) {
      expect(inspectFd(dmabuf.fd)).toMatchObject({ sizeBytes: 2 * PAGE, isDmabuf: true });
      const mapped = SharedMemory.fromFd(dmabuf.fd, 2 * PAGE, true);
      mapped.bytes[PAGE] = 9;
      expect(memory.bytes[PAGE]).toBe(9);
      mapped.close();
      dmabuf.close();
    }
    memory.close();
  });
});
