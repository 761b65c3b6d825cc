/** The sockets to the tracer, and the tracer process itself. What it does to clients is in test/graft/. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readSync, writeSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  Channel,
  receiveFd,
  sameFile,
  sendMessage,
  SharedMemory,
  socketPair,
  tracerPath,
  type OwnedFd,
} from "../../src/native.js";
import { openFds, systemError, until } from "./support.js";

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe("socketPair", () => {
  it("gives two ends that keep messages apart, until both are closed", () => {
    const before = openFds();
    const [one, other] = socketPair();
    sendMessage(one.fd, bytes("first"), []);
    sendMessage(one.fd, bytes("second"), []);
    const buffer = Buffer.alloc(64);
    expect(buffer.toString("latin1", 0, readSync(other.fd, buffer))).toBe("first");
    expect(buffer.toString("latin1", 0, readSync(other.fd, buffer))).toBe("second");
    one.close();
    expect(systemError(() => sendMessage(other.fd, bytes("x"), []))).toMatchObject({ code: "EPIPE", syscall: "sendmsg" });
    other.close();
    expect(openFds()).toBe(before);
  });
});

describe("sendMessage", () => {
  it("sends descriptors along", () => {
    const [one, other] = socketPair();
    const memory = SharedMemory.create("test", 1);
    sendMessage(one.fd, bytes("x"), [memory.fd]);
    const received = receiveFd(other.fd);
    try {
      expect(sameFile(process.pid, received.fd, process.pid, memory.fd)).toBe(true);
    } catch (error) {
      expect(error).toMatchObject({ code: "ENOSYS" }); // A kernel without kcmp.
    }
    for (const owned of [one, other, memory, received]) owned.close();
  });

  it("never waits: a full socket is EAGAIN", () => {
    const [one, other] = socketPair();
    const error = systemError(() => {
      for (let sent = 0; sent < 100_000; sent++) sendMessage(one.fd, bytes("x"), []);
    });
    expect(error.code).toBe("EAGAIN");
    one.close();
    other.close();
  });

  it("refuses what is no socket, no descriptor, and too much", () => {
    const [one, other] = socketPair();
    const memory = SharedMemory.create("test", 1);
    expect(systemError(() => sendMessage(memory.fd, bytes("x"), [])).code).toBe("ENOTSOCK");
    expect(systemError(() => sendMessage(one.fd, bytes("x"), [100_000])).code).toBe("EBADF");
    expect(() => sendMessage(one.fd, bytes("x"), Array(9).fill(0))).toThrow(RangeError);
    for (const fds of [[-1], [1.5], ["0"], undefined, 0]) {
      expect(() => sendMessage(one.fd, bytes("x"), fds as unknown as number[])).toThrow(TypeError);
    }
    expect(() => sendMessage(one.fd, "x" as unknown as Uint8Array, [])).toThrow(TypeError);
    for (const owned of [one, other, memory]) owned.close();
  });
});

describe("the tracer process", () => {
  /** Starts it with our own hands. */
  async function start(): Promise<{ socket: OwnedFd; exit: Promise<unknown[]>; hello: Buffer }> {
    const [socket, theirs] = socketPair();
    const child = spawn(tracerPath(), [], { stdio: [theirs.fd, "ignore", "inherit"], env: {} });
    theirs.close();
    const exit = once(child, "exit");
    let hello = Buffer.alloc(0);
    const channel = new Channel(socket.fd, 64, {
      onMessage: (message) => (hello = Buffer.from(message)),
      onClose: () => undefined,
    });
    await until(() => hello.length > 0);
    channel.close();
    return { socket, exit, hello };
  }

  it("says hello, and ends with its driver", async () => {
    const { socket, exit, hello } = await start();
    expect(hello).toHaveLength(8);
    expect(hello.readUInt32LE(0)).toBe(3);
    socket.close();
    expect(await exit).toEqual([0, null]);
  });

  it("ignores messages that are no jobs, and closes what came with them", async () => {
    const { socket, exit } = await start();
    const [link, theirs] = socketPair();
    writeSync(socket.fd, "rubbish");
    sendMessage(socket.fd, new Uint8Array(104), [theirs.fd, theirs.fd, theirs.fd]); // Version 0.
    sendMessage(socket.fd, Buffer.concat([Uint8Array.of(2, 0, 0, 0), new Uint8Array(100)]), [theirs.fd]);
    sendMessage(socket.fd, new Uint8Array(8), [theirs.fd, theirs.fd, theirs.fd, theirs.fd]);
    theirs.close();
    // The end of file: it has closed them all.
    expect(readSync(link.fd, Buffer.alloc(8))).toBe(0);
    socket.close();
    expect(await exit).toEqual([0, null]);
    link.close();
  });

  it("fails at once when its input is no socket", () => {
    expect(() => execFileSync(tracerPath(), { stdio: ["ignore", "ignore", "ignore"] })).toThrow(/failed/);
  });
});
