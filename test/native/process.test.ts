import { closeSync, openSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  inspectFd,
  processRead,
  ProcessFd,
  processWrite,
  sameFile,
  sendFd,
  SharedMemory,
  socketPeer,
} from "../../src/native.js";
import { collectGarbage, openFds, Peer, systemError } from "./support.js";

let peer: Peer;
beforeAll(async () => {
  peer = await Peer.start();
});
afterAll(async () => {
  await peer.stop();
});

const letters = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

describe("memory of a user who is not trusted with our time", () => {
  const uid = 12345;

  it("is read and written as anybody's", async () => {
    const { address, page } = peer.facts;
    const bytes = new Uint8Array(2 * page);
    processWrite(peer.pid, address, Buffer.from("guarded"), uid);
    processRead(peer.pid, address, bytes, uid);
    expect(letters(bytes.subarray(0, 8))).toBe("guardeda");
    expect(await peer.ask("peek 0")).toBe("g");
    processWrite(peer.pid, address, Buffer.from("aaaaaaa"), uid);
  });

  it("is EFAULT where there is none, and ESRCH of nobody", () => {
    const { address, page } = peer.facts;
    const hole = address + BigInt(2 * page);
    expect(systemError(() => processRead(peer.pid, hole, new Uint8Array(1), uid))).toMatchObject({
      code: "EFAULT",
      syscall: "process_vm_readv",
    });
    expect(systemError(() => processWrite(peer.pid, hole, new Uint8Array(1), uid))).toMatchObject({
      code: "EFAULT",
      syscall: "process_vm_writev",
    });
    processRead(peer.pid, address, new Uint8Array(0), uid);
    expect(systemError(() => processRead(2 ** 22 + 1, address, new Uint8Array(1), uid)).code).toBe("ESRCH");
  });
});

describe("another process's memory", () => {
  it("is read and written, by process or thread id", async () => {
    const { address, thread } = peer.facts;
    const bytes = new Uint8Array(4);
    processWrite(peer.pid, address + 1n, Buffer.from("xyz"));
    processRead(peer.pid, address, bytes);
    expect(letters(bytes)).toBe("axyz");
    processWrite(thread, address + 1n, Buffer.from("aaa"));
    processRead(thread, address, bytes);
    expect(letters(bytes)).toBe("aaaa");
    expect(await peer.ask("peek 1")).toBe("a");
  });

  it("can be read up to the last byte of a mapping", () => {
    const { address, page } = peer.facts;
    const bytes = new Uint8Array(2);
    processRead(peer.pid, address + BigInt(2 * page - 2), bytes);
    expect(letters(bytes)).toBe("aa");
  });

  it("is EFAULT beyond a mapping's end, even if a part was there", () => {
    const { address, page } = peer.facts;
    const end = address + BigInt(2 * page);
    for (const [at, size] of [
      [end, 1],
      [end - 2n, 4],
      [end - BigInt(page) - 1n, 2 * page],
      [address, 256 * 1024 * 1024],
    ] as const) {
      const bytes = new Uint8Array(size);
      expect(systemError(() => processRead(peer.pid, at, bytes))).toMatchObject({
        code: "EFAULT",
        errno: 14,
        syscall: "process_vm_readv",
      });
      expect(systemError(() => processWrite(peer.pid, at, bytes))).toMatchObject({
        code: "EFAULT",
        syscall: "process_vm_writev",
      });
    }
  });

  it("is EFAULT where it may be read but not written", () => {
    const readOnly = peer.facts.address + BigInt(3 * peer.facts.page);
    processRead(peer.pid, readOnly, new Uint8Array(8));
    expect(systemError(() => processWrite(peer.pid, readOnly, new Uint8Array(8))).code).toBe("EFAULT");
  });

  it("is EFAULT at addresses that no process has", () => {
    for (const address of [0n, 1n, 0xffff_8000_0000_0000n, 2n ** 64n - 1n]) {
      expect(systemError(() => processRead(peer.pid, address, new Uint8Array(8))).code).toBe("EFAULT");
    }
  });

  it("takes no bytes from anywhere when none are asked for", () => {
    processRead(peer.pid, 0n, new Uint8Array(0));
    processWrite(peer.pid, 2n ** 64n - 1n, new Uint8Array(0));
  });

  it("is ESRCH when the process is gone", async () => {
    const gone = await Peer.start();
    await gone.stop();
    const { address } = gone.facts;
    expect(systemError(() => processRead(gone.pid, address, new Uint8Array(1))).code).toBe("ESRCH");
    expect(systemError(() => ProcessFd.takeMemory(gone.pid, 0)).code).toBe("ESRCH");
  });

  it("refuses arguments of the wrong type", () => {
    const bytes = new Uint8Array(1);
    for (const call of [
      () => processRead(0, 0n, bytes),
      () => processRead(-1, 0n, bytes),
      () => processRead(1.5, 0n, bytes),
      () => processRead(peer.pid, -1n, bytes),
      () => processRead(peer.pid, 2n ** 64n, bytes),
      () => processRead(peer.pid, 0 as unknown as bigint, bytes),
      () => processRead(peer.pid, 0n, new Uint16Array(1) as unknown as Uint8Array),
      () => processRead(peer.pid, 0n, undefined as unknown as Uint8Array),
    ]) {
      expect(call).toThrow(TypeError);
    }
  });
});

describe("another process's descriptor", () => {
  it("can be taken from any of its threads, and shares the open file", () => {
    const byProcess = ProcessFd.takeMemory(peer.pid, peer.facts.unsealed);
    const byThread = ProcessFd.takeMemory(peer.facts.thread, peer.facts.unsealed);
    expect(inspectFd(byProcess.fd).sizeBytes).toBe(peer.facts.page);
    try {
      expect(sameFile(process.pid, byProcess.fd, process.pid, byThread.fd)).toBe(true);
      expect(sameFile(process.pid, byProcess.fd, peer.facts.thread, peer.facts.unsealed)).toBe(true);
      expect(sameFile(process.pid, byProcess.fd, peer.pid, peer.facts.packets[0])).toBe(false);
    } catch (error) {
      expect(error).toMatchObject({ code: "ENOSYS" }); // A kernel without kcmp.
    }
    byThread.close();
    byProcess.close();
    byProcess.close();
    expect(byProcess.fd).toBe(-1);
  });

  it("is EBADF when there is none", () => {
    expect(systemError(() => ProcessFd.takeMemory(peer.pid, 1000))).toMatchObject({
      code: "EBADF",
      syscall: "pidfd_getfd",
    });
  });

  it("is closed by the collector when forgotten, and leaves nothing else", async () => {
    const { unsealed } = peer.facts;
    ProcessFd.takeMemory(peer.pid, unsealed).close();
    const before = openFds();
    for (let round = 0; round < 100; round++) ProcessFd.takeMemory(peer.pid, unsealed);
    await collectGarbage();
    expect(openFds()).toBe(before);
  });

  it("is refused when it is not what is wanted, and not kept", () => {
    const { unsealed, stream } = peer.facts;
    ProcessFd.takeMemory(peer.pid, unsealed).close();
    const before = openFds();
    const file = openSync("/dev/null", "r");
    expect(systemError(() => ProcessFd.takeMemory(process.pid, file)).code).toBe("EINVAL");
    expect(systemError(() => ProcessFd.takeSocket(process.pid, file)).code).toBe("ENOTSOCK");
    closeSync(file);
    // Sockets and memory are of use in their own place only.
    expect(systemError(() => ProcessFd.takeMemory(peer.pid, stream[0])).code).toBe("EINVAL");
    expect(systemError(() => ProcessFd.takeSocket(peer.pid, unsealed)).code).toBe("ENOTSOCK");
    expect(openFds()).toBe(before);
  });

  it("is refused when it is memory of huge pages", ({ skip }) => {
    if (peer.facts.huge < 0) skip("this kernel has no huge pages");
    expect(systemError(() => ProcessFd.takeMemory(peer.pid, peer.facts.huge)).code).toBe("EINVAL");
  });
});

describe("sendFd", () => {
  it("delivers memory that the receiver can write but not shrink", async () => {
    const memory = SharedMemory.create("test", 3 * peer.facts.page);
    memory.bytes[0] = 55;
    const socket = ProcessFd.takeSocket(peer.pid, peer.facts.stream[1]);
    sendFd(socket.fd, memory.fd);
    expect(await peer.ask("receive")).toBe(`${3 * peer.facts.page} 55 truncate EPERM`);
    expect(memory.bytes[1]).toBe("c".charCodeAt(0));
    expect(await peer.ask("receive")).toBe("nothing");
    socket.close();
    memory.close();
  });

  it("never waits: a full socket is EAGAIN", () => {
    const socket = ProcessFd.takeSocket(peer.pid, peer.facts.packets[1]);
    let sent = 0;
    const error = systemError(() => {
      for (; sent < 10_000; sent++) sendFd(socket.fd, 0);
    });
    // Linux also limits descriptors in flight (ETOOMANYREFS), for users without CAP_SYS_RESOURCE.
    expect(["EAGAIN", "ETOOMANYREFS"]).toContain(error.code);
    expect(sent).toBeGreaterThan(0);
    socket.close();
  });

  it("refuses what is no socket, and what is no descriptor", () => {
    const socket = ProcessFd.takeSocket(peer.pid, peer.facts.stream[1]);
    const memory = SharedMemory.create("test", 1);
    expect(systemError(() => sendFd(memory.fd, memory.fd)).code).toBe("ENOTSOCK");
    expect(systemError(() => sendFd(socket.fd, 100_000)).code).toBe("EBADF");
    expect(() => sendFd(-1, 0)).toThrow(TypeError);
    memory.close();
    socket.close();
  });
});

describe("socketPeer", () => {
  it("names the process that made the pair", () => {
    const socket = ProcessFd.takeSocket(peer.pid, peer.facts.stream[1]);
    expect(socketPeer(socket.fd)).toEqual({
      pid: peer.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    });
    socket.close();
  });
});
