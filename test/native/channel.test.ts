import { spawnSync } from "node:child_process";
import { openSync, closeSync, readSync, unlinkSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Channel, type ProcessFd } from "../../src/native.js";
import { fixtureCommand, openFds, packetPair, systemError, until } from "./support.js";

/** Messages as numbers in one byte each, and what else happened. */
class Record {
  readonly messages: number[] = [];
  readonly closed: (Error | undefined)[] = [];
  onMessage = (message: Uint8Array): void => {
    this.messages.push(message[0] ?? -1);
  };
  onClose = (error: Error | undefined): void => {
    this.closed.push(error);
  };
}

let near: ProcessFd;
let far: ProcessFd;
let record: Record;
let channel: Channel;

beforeEach(async () => {
  [near, far] = await packetPair();
  record = new Record();
  channel = new Channel(near.fd, 4096, {
    onMessage: (message) => record.onMessage(message),
    onClose: (error) => record.onClose(error),
  });
});
afterEach(() => {
  channel.close();
  near.close();
  far.close();
});

const send = (...bytes: number[]): void => {
  for (const byte of bytes) writeSync(far.fd, Uint8Array.of(byte));
};

describe("messages", () => {
  it("arrive whole, in order, in views of their own length", async () => {
    const lengths: number[] = [];
    record.onMessage = (message) => {
      lengths.push(message.byteLength);
      record.messages.push(message.at(-1) ?? -1);
    };
    writeSync(far.fd, Uint8Array.of(0, 0, 1));
    writeSync(far.fd, Uint8Array.of(2));
    writeSync(far.fd, Uint8Array.of(0, 0, 3));
    await until(() => record.messages.length === 3);
    expect(record.messages).toEqual([1, 2, 3]);
    expect(lengths).toEqual([3, 1, 3]);
  });

  it("of one request at a time cost one read each", async () => {
    for (let round = 0; round < 1000; round++) {
      send(round & 0xff);
      await until(() => record.messages.length === round + 1);
    }
    const { reads, messages, wakeups } = channel.counters();
    expect(messages).toBe(1000);
    expect(wakeups).toBe(1000);
    expect(reads - messages).toBeLessThan(30);
  });

  it("that wait together are taken together, 32 at most", async () => {
    const burst = Array.from({ length: 100 }, (_, index) => index);
    for (let round = 0; round < 20; round++) {
      send(...burst);
      await until(() => record.messages.length === (round + 1) * 100);
    }
    const { wakeups, messages } = channel.counters();
    expect(messages).toBe(2000);
    expect(wakeups).toBeGreaterThanOrEqual(2000 / 32);
    expect(wakeups).toBeLessThan(200);
  });

  it("without end do not keep timers waiting", async () => {
    send(1, 2, 3, 4, 5, 6, 7, 8);
    record.onMessage = () => {
      record.messages.push(0);
      send(1);
    };
    const start = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(Date.now() - start).toBeLessThan(1000);
    expect(record.messages.length).toBeGreaterThan(8);
    channel.close();
  });

  it("let the promise jobs of one handler run before the next handler", async () => {
    const order: string[] = [];
    record.onMessage = (message) => {
      const name = String(message[0]);
      order.push(name);
      void Promise.resolve().then(() => order.push(`job ${name}`));
      process.nextTick(() => order.push(`tick ${name}`));
    };
    send(1, 2, 3);
    await until(() => order.length === 9);
    expect(order).toEqual([1, 2, 3].flatMap((name) => [`${name}`, `tick ${name}`, `job ${name}`]));
  });
});

describe("Channel.answer", () => {
  const unsent: unknown[] = [];
  const onUnsent = (error: unknown): void => void unsent.push(error);
  const received = (): number[] => {
    const bytes = new Uint8Array(16);
    return [...bytes.subarray(0, readSync(far.fd, bytes))];
  };

  beforeEach(() => {
    unsent.length = 0;
  });

  it("sends when the handler returns, before the next message is handed out", async () => {
    record.onMessage = (message) => {
      record.messages.push(message[0] ?? -1);
      if (record.messages.length > 1) expect(received()).toEqual([record.messages.at(-2), 9]);
      channel.answer(Uint8Array.of(message[0] ?? 0, 9), onUnsent);
    };
    send(1, 2, 3);
    await until(() => record.messages.length === 3);
    expect(received()).toEqual([3, 9]);
    expect(unsent).toEqual([]);
  });

  it("sends at once outside of a handler", () => {
    channel.answer(Uint8Array.of(5), onUnsent);
    expect(received()).toEqual([5]);
  });

  it("keeps the order of all that is sent", async () => {
    record.onMessage = () => {
      channel.answer(Uint8Array.of(1), onUnsent);
      channel.answer(Uint8Array.of(2), onUnsent);
      channel.write(Uint8Array.of(3));
      channel.answer(Uint8Array.of(4), onUnsent);
      record.messages.push(0);
    };
    send(1);
    await until(() => record.messages.length === 1);
    expect([received(), received(), received(), received()]).toEqual([[1], [2], [3], [4]]);
  });

  it("has sent it when the channel is closed, and when the handler throws", async () => {
    record.onMessage = () => {
      channel.answer(Uint8Array.of(1), onUnsent);
      channel.close();
      record.messages.push(0);
    };
    send(1);
    await until(() => record.messages.length === 1);
    expect(received()).toEqual([1]);
    expect(unsent).toEqual([]);
  });

  it("reports what cannot be sent, and the next message is served", async () => {
    record.onMessage = (message) => {
      // One packet of nothing is more than this socket takes.
      const tooLarge = new Uint8Array(message[0] === 1 ? 1 << 26 : 1);
      channel.answer(tooLarge, onUnsent);
      record.messages.push(message[0] ?? -1);
    };
    send(1, 2);
    await until(() => record.messages.length === 2);
    expect(unsent).toMatchObject([{ code: "EMSGSIZE", syscall: "write" }]);
    expect(received()).toEqual([0]);
  });

  it("lets promise jobs run after 32 messages at most, though none waits for them", async () => {
    const order: string[] = [];
    record.onMessage = (message) => {
      const name = String(message[0]);
      order.push(name);
      void Promise.resolve().then(() => order.push(`job ${name}`));
      channel.answer(Uint8Array.of(0), onUnsent);
    };
    for (let round = 0; round < 4; round++) send(...Array.from({ length: 50 }, (_, index) => index));
    await until(() => order.length === 400);
    let waiting = 0;
    for (const entry of order) {
      waiting = entry.startsWith("job") ? 0 : waiting + 1;
      expect(waiting).toBeLessThanOrEqual(32);
    }
  });

  it("serves a message with one read, and takes no more than 32 in a row", async () => {
    record.onMessage = (message) => {
      record.messages.push(message[0] ?? -1);
      channel.answer(Uint8Array.of(0), onUnsent);
    };
    for (let round = 0; round < 100; round++) {
      send(round);
      await until(() => record.messages.length === round + 1);
    }
    const { reads, messages } = channel.counters();
    expect(messages).toBe(100);
    expect(reads - messages).toBeLessThan(20);
  });

  it("refuses what is no bytes", async () => {
    record.onMessage = () => {
      channel.answer([1] as unknown as Uint8Array, onUnsent);
      record.messages.push(0);
    };
    send(1);
    await until(() => record.messages.length === 1);
    expect(unsent).toMatchObject([{ message: "exchange(answer): argument 1 must be a Uint8Array" }]);
  });
});

describe("Channel.write", () => {
  it("sends message and payload as one", () => {
    expect(channel.write(Uint8Array.of(1, 2), Uint8Array.of(3))).toBe(3);
    expect(channel.write(Buffer.from([4]))).toBe(1);
    const bytes = new Uint8Array(16);
    expect(readSync(far.fd, bytes)).toBe(3);
    expect([...bytes.subarray(0, 3)]).toEqual([1, 2, 3]);
    expect(readSync(far.fd, bytes)).toBe(1);
  });

  it("takes nothing but bytes", () => {
    const wrong = [1, 2] as unknown as Uint8Array;
    expect(() => channel.write(wrong)).toThrow(TypeError);
    expect(() => channel.write(Uint8Array.of(1), wrong)).toThrow(TypeError);
  });

  it("reports the errno, and never dies of SIGPIPE", async () => {
    far.close();
    expect(systemError(() => channel.write(Uint8Array.of(1)))).toMatchObject({
      code: "EPIPE",
      errno: 32,
      syscall: "write",
    });
    await until(() => record.closed.length === 1);
  });
});

describe("closing", () => {
  it("inside a handler ends the messages, even those of the same wake-up", async () => {
    send(1, 2, 3);
    await until(() => record.messages.length === 3); // From here on several are taken at once.
    record.onMessage = (message) => {
      record.messages.push(message[0] ?? -1);
      if (message[0] === 5) channel.close();
    };
    send(4, 5, 6, 7);
    await until(() => record.messages.includes(5));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(record.messages).toEqual([1, 2, 3, 4, 5]);
    expect(record.closed).toEqual([]);
    expect(channel.fd).toBe(-1);
  });

  it("twice is harmless, and a closed channel refuses to write", () => {
    const before = openFds();
    channel.close();
    channel.close();
    channel.ref();
    channel.unref();
    expect(openFds()).toBe(before - 1);
    expect(systemError(() => channel.write(Uint8Array.of(1))).code).toBe("EBADF");
  });

  it("by the other side is told once, after the messages that were on their way", async () => {
    send(1, 2, 3);
    far.close();
    await until(() => record.closed.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(record.messages).toEqual([1, 2, 3]);
    expect(record.closed).toEqual([undefined]);
    expect(channel.fd).toBe(-1);
  });

  it("is not what a handler can bring about by giving the receive buffer away", async () => {
    record.onMessage = (message) => {
      // Memory that is not Node's own is not handed on: Node 20 copies it, later ones refuse.
      try {
        structuredClone(message.buffer, { transfer: [message.buffer as ArrayBuffer] });
      } catch (error) {
        expect(error).toMatchObject({ name: "DataCloneError" });
      }
      record.messages.push(message[0] ?? -1);
    };
    send(1, 2);
    await until(() => record.messages.length === 2);
    expect(record.messages).toEqual([1, 2]);
    expect(record.closed).toEqual([]);
  });
});

describe("opening", () => {
  const handlers = { onMessage: (): void => undefined, onClose: (): void => undefined };

  it("fails with the errno and the path, and leaves nothing open", () => {
    const path = join(tmpdir(), `native-channel-${process.pid}`);
    writeFileSync(path, "");
    const fd = openSync(path, "r+");
    const before = openFds();
    expect(systemError(() => new Channel("/nowhere", 4096, handlers))).toMatchObject({
      code: "ENOENT",
      errno: 2,
      syscall: "open",
      message: "ENOENT: no such file or directory, open '/nowhere'",
    });
    // A plain file is always ready, so epoll refuses it.
    expect(systemError(() => new Channel(path, 4096, handlers)).code).toBe("EPERM");
    expect(systemError(() => new Channel(100_000, 4096, handlers)).code).toBe("EBADF");
    expect(() => new Channel(near.fd, 0, handlers)).toThrow(TypeError);
    expect(() => new Channel(-1, 4096, handlers)).toThrow(TypeError);
    expect(openFds()).toBe(before);
    closeSync(fd);
    unlinkSync(path);
  });

  it("and closing leaves nothing behind", async () => {
    const before = openFds();
    for (let round = 0; round < 500; round++) new Channel(near.fd, 4096, handlers).close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(openFds()).toBe(before);
  });
});

/** In a Node.js of its own: what these do to a process is the point. */
describe("a process", () => {
  const run = (scenario: string): { status: number | null; stdout: string; stderr: string } => {
    const [command, args] = fixtureCommand("channel-process");
    return spawnSync(command, [...args, scenario], { encoding: "utf8", timeout: 30_000 });
  };

  it("hears of a handler's exception as uncaughtException, and goes on", () => {
    expect(run("throw-caught")).toMatchObject({
      stdout: "message 1\nuncaught: from the handler of 1\nmessage 2\nmessage 3\n",
      status: 0,
    });
  });

  it("dies of a handler's exception, with its stack, when nobody listens", () => {
    const { status, stdout, stderr } = run("throw-uncaught");
    expect(stdout).toBe("message 1\n");
    expect(stderr).toContain("Error: from the handler of 1\n    at ");
    expect(status).toBe(1);
  });

  it("hears of an exception in onClose, too", () => {
    expect(run("throw-on-close")).toMatchObject({ stdout: "uncaught: from onClose\n", status: 0 });
  });

  it("ends when its channel is unref'd, and by exit() inside a handler", () => {
    expect(run("unref")).toMatchObject({ stdout: "end\n", status: 0 });
    expect(run("exit")).toMatchObject({ stdout: "message 1\n", status: 3 });
  });

  it("may have channels in workers, and may end them at any time", () => {
    expect(run("workers")).toMatchObject({
      stdout: "from the handler of 255\nleft: 0 fds, 0 mappings\n",
      stderr: "",
      status: 0,
    });
  });
});
