/** Calls that wait, fail, or are interrupted; and what a session leaves behind. */
import { describe, expect, it } from "vitest";
import type { IoctlRequest, OpenRequest, PendingCall } from "../../src/cuse/char-device.js";
import { CharDeviceError } from "../../src/cuse/errors.js";
import { Bench } from "./support/bench.js";
import { systemError, turns } from "./support/fake-channel.js";
import * as send from "./support/messages.js";
import { RecordingDevice, type TestFile } from "./support/recording-device.js";

const WAIT = send.iowr(1, 4);
const QUICK = send.iowr(2, 4);

interface Waiting {
  readonly request: IoctlRequest;
  resolve(result: number): void;
  reject(error: unknown): void;
}

/** A device on which WAIT waits until the test settles it, and QUICK adds one to its first byte. */
function waitingDevice(): { device: RecordingDevice; waiting: Waiting[] } {
  const waiting: Waiting[] = [];
  const device = new RecordingDevice({
    ioctl: (_file, request) => {
      if (request.cmd === QUICK) {
        request.arg[0] = (request.arg[0] ?? 0) + 1;
        return 0;
      }
      return new Promise<number>((resolve, reject) => waiting.push({ request, resolve, reject }));
    },
  });
  return { device, waiting };
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const ok = (unique: string, result: string, data: string): string =>
  `24000000 00000000 ${unique} 00000000 ${result} 00000000 00000000 00000000 ${data}`;
const failed = (unique: string, error: string): string => `10000000 ${error} ${unique} 00000000`;
/** -ERESTARTSYS in the ioctl's result. */
const restart = (unique: string): string =>
  `20000000 00000000 ${unique} 00000000 00feffff 00000000 00000000 00000000`;

describe("calls that wait", () => {
  it("do not keep others from being served, and keep their own bytes", async () => {
    const { device, waiting } = waitingDevice();
    const bench = new Bench(device);
    bench.open();
    expect(bench.deliver(send.ioctl(0x10, 1, WAIT, bytes(1, 2, 3, 4)))).toEqual([]);
    expect(bench.deliver(send.ioctl(0x12, 1, WAIT, bytes(5, 6, 7, 8)))).toEqual([]);
    expect(bench.deliver(send.ioctl(0x14, 1, QUICK, bytes(9, 9, 9, 9)))).toEqual([
      ok("14000000", "00000000", "0a090909"),
    ]);
    expect(bench.connection.pendingCalls).toBe(2);

    const [first, second] = waiting;
    expect(first?.request.arg).toEqual(bytes(1, 2, 3, 4));
    if (second) second.request.arg[0] = 0x50;
    second?.resolve(2);
    await turns();
    first?.resolve(1);
    await turns();
    expect(bench.channel.take()).toEqual([
      ok("12000000", "02000000", "50060708"),
      ok("10000000", "01000000", "01020304"),
    ]);
    expect(bench.connection.pendingCalls).toBe(0);
  });

  it("use one request object and one buffer as long as the device answers at once", () => {
    const seen = new Set<unknown>();
    const bench = new Bench(
      new RecordingDevice({
        ioctl: (_file, request) => {
          seen.add(request);
          seen.add(request.arg);
          seen.add(request.caller);
          return 0;
        },
      }),
    );
    bench.open();
    for (let unique = 10; unique < 30; unique += 2)
      bench.deliver(send.ioctl(unique, 1, QUICK, bytes(0, 0, 0, 0)));
    expect(seen.size).toBe(3);
  });

  it("survive more sizes of arguments than are remembered", () => {
    const bench = new Bench(
      new RecordingDevice({
        ioctl: (_file, { arg }) => {
          arg.reverse();
          return 0;
        },
      }),
    );
    bench.open();
    for (let size = 1; size <= 200; size++) {
      const data = Uint8Array.from({ length: size }, (_, index) => index);
      const [answer] = bench.deliver(send.ioctl(10, 1, send.iowr(3, size), data));
      const expected = Buffer.from(data.slice().reverse()).toString("hex");
      expect(answer?.replaceAll(" ", "").slice(64)).toBe(expected);
    }
  });

  it("may read and write, too", async () => {
    const bench = new Bench(
      new RecordingDevice({
        read: async () => {
          await turns(1);
          return bytes(1, 2);
        },
        write: async (_file, { data }) => {
          await turns(1);
          return data[0] ?? 0;
        },
      }),
    );
    bench.open();
    expect(bench.deliver(send.read(0x10, 1, 16))).toEqual([]);
    expect(bench.deliver(send.write(0x12, 1, bytes(3, 3, 3)))).toEqual([]);
    await turns();
    expect(bench.channel.take()).toEqual([
      "12000000 00000000 10000000 00000000 0102",
      "18000000 00000000 12000000 00000000 03000000 00000000",
    ]);
  });

  it("know whether the file can be mapped as it is: not where nobody says so", () => {
    const answers: unknown[] = [];
    const device = new RecordingDevice({
      ioctl: (_file, request) => {
        answers.push(request.isAnonymous);
        return 0;
      },
    });
    for (const isAnonymous of [undefined, false, true]) {
      const bench = new Bench(device, isAnonymous);
      bench.open();
      bench.deliver(send.ioctl(10, 1, send.io(1)));
    }
    expect(answers).toEqual([false, false, true]);
  });

  it("know whether the file blocks", () => {
    const answers: boolean[] = [];
    const bench = new Bench(
      new RecordingDevice({
        ioctl: (_file, request) => {
          answers.push(request.nonblocking());
          return 0;
        },
      }),
    );
    bench.open();
    bench.deliver(send.ioctl(10, 1, send.io(1)));
    bench.nonblocking = true;
    bench.deliver(send.ioctl(12, 1, send.io(1)));
    expect(answers).toEqual([false, true]);
  });

  it("has what was written for itself until it has settled, and only so long", async () => {
    const held: { readonly data: Uint8Array; settle(): void }[] = [];
    const bench = new Bench(
      new RecordingDevice({
        write: (_file, { data }) =>
          new Promise((resolve) => held.push({ data, settle: () => resolve(data.length) })),
      }),
    );
    bench.open();
    for (let value = 1; value <= 3; value++)
      bench.deliver(send.write(10 + 2 * value, 1, new Uint8Array(100_000 + value).fill(value)));
    const [first, second] = held;
    first?.settle();
    await turns();
    bench.deliver(send.write(20, 1, new Uint8Array(5).fill(8)));
    bench.deliver(send.write(22, 1, new Uint8Array(70_000).fill(9)));
    const [, , third, small, large] = held;
    const rest = [second, third, small, large];
    expect(rest.map((each) => [...new Set(each?.data)])).toEqual([[2], [3], [8], [9]]);
    expect(rest.map((each) => each?.data.length)).toEqual([100_002, 100_003, 5, 70_000]);
    expect(large?.data.buffer === first?.data.buffer).toBe(true);
    // What waits is bounded by what is counted.
    expect(small?.data.buffer.byteLength).toBe(5);
  });

  it("of a small write keeps no memory for a large one", () => {
    const sizes: number[] = [];
    const bench = new Bench(
      new RecordingDevice({ write: (_file, { data }) => (sizes.push(data.length), data.length) }),
    );
    bench.open();
    for (const [index, size] of [5, 100_000, 65_536, 65_537, 131_072].entries())
      bench.deliver(send.write(10 + 2 * index, 1, new Uint8Array(size)));
    expect(sizes).toEqual([5, 100_000, 65_536, 65_537, 131_072]);
  });

  it("may not hold more written bytes than 32 MiB", async () => {
    const release: (() => void)[] = [];
    const bench = new Bench(
      new RecordingDevice({
        write: (_file, { data }) => new Promise((resolve) => release.push(() => resolve(data.length))),
      }),
    );
    bench.open();
    const data = new Uint8Array(128 * 1024);
    for (let index = 0; index < 256; index++)
      expect(bench.deliver(send.write(10 + 2 * index, 1, data))).toEqual([]);
    expect(bench.deliver(send.write(0x1000, 1, data))).toEqual([failed("00100000", "f4ffffff")]); // ENOMEM
    for (const settle of release.splice(0)) settle();
    await turns();
    bench.channel.take();
    expect(bench.deliver(send.write(0x1002, 1, data))).toEqual([]);
  });
});

describe("a handler that fails", () => {
  const NONSENSE: readonly (readonly [string, unknown])[] = [
    ["undefined", undefined],
    ["null", null],
    ["a negative number", -1],
    ["a fraction", 0.5],
    ["2^31", 2 ** 31],
    ["text", "0"],
  ];

  it("with a bug: EIO, logged with name and stack, and the next call is served", async () => {
    const bench = new Bench(
      new RecordingDevice({
        ioctl: (_file, { cmd }) => {
          if (cmd === QUICK) return 0;
          throw new RangeError("off by one");
        },
      }),
    );
    bench.open();
    expect(bench.deliver(send.ioctl(0x10, 1, WAIT, bytes(0, 0, 0, 0)))).toEqual([
      failed("10000000", "fbffffff"),
    ]);
    expect(bench.log.errors).toHaveLength(1);
    expect(bench.log.errors[0]).toMatch(/^FUSE_IOCTL 0xc0044501 failed .*RangeError: off by one\n +at /s);
    expect(bench.deliver(send.ioctl(0x12, 1, QUICK, bytes(0, 0, 0, 0)))).toHaveLength(1);
  });

  it("later, with a bug: EIO", async () => {
    const { device, waiting } = waitingDevice();
    const bench = new Bench(device);
    bench.open();
    bench.deliver(send.ioctl(0x10, 1, WAIT, bytes(0, 0, 0, 0)));
    waiting[0]?.reject(new RangeError("off by one"));
    await turns();
    expect(bench.channel.take()).toEqual([failed("10000000", "fbffffff")]);
    expect(bench.log.errors).toHaveLength(1);
  });

  it("later, with a refusal", async () => {
    const { device, waiting } = waitingDevice();
    const bench = new Bench(device);
    bench.open();
    bench.deliver(send.ioctl(0x10, 1, WAIT, bytes(0, 0, 0, 0)));
    waiting[0]?.request.arg.fill(7);
    waiting[0]?.reject(new CharDeviceError("ERANGE", "", { copyOut: true }));
    await turns();
    expect(bench.channel.take()).toEqual([ok("10000000", "deffffff", "07070707")]);
    expect(bench.log.errors).toEqual([]);
  });

  it.each(NONSENSE)("by returning %s: EIO", async (_what, value) => {
    for (const outcome of [value, Promise.resolve(value)]) {
      const bench = new Bench(new RecordingDevice({ ioctl: () => outcome as number }));
      bench.open();
      const answers = bench.deliver(send.ioctl(0x10, 1, WAIT, bytes(0, 0, 0, 0)));
      await turns();
      expect([...answers, ...bench.channel.take()]).toEqual([failed("10000000", "fbffffff")]);
      expect(bench.log.errors).toHaveLength(1);
    }
  });

  it("by reading or writing more than asked: EIO", () => {
    const bench = new Bench(new RecordingDevice({ read: () => bytes(1, 2, 3), write: () => 4 }));
    bench.open();
    expect(bench.deliver(send.read(0x10, 1, 2))).toEqual([failed("10000000", "fbffffff")]);
    expect(bench.deliver(send.write(0x12, 1, bytes(1, 2, 3)))).toEqual([failed("12000000", "fbffffff")]);
    expect(bench.log.errors).toHaveLength(2);
  });

  it("in poll: an error, which the kernel turns into POLLERR, and never ENOSYS", () => {
    for (const [error, code] of [
      [new Error("bug"), "fbffffff"],
      [new CharDeviceError("ENODEV", ""), "edffffff"],
      [new CharDeviceError("ENOSYS", ""), "a1ffffff"],
    ] as const) {
      const bench = new Bench(
        new RecordingDevice({
          poll: () => {
            throw error;
          },
        }),
      );
      bench.open();
      expect(bench.deliver(send.poll(0x10, 1, 1, true))).toEqual([failed("10000000", code)]);
    }
  });

  it("in release: logged, and close(2) succeeds", () => {
    const device = new RecordingDevice();
    device.release = () => {
      throw new Error("bug");
    };
    const bench = new Bench(device);
    bench.open();
    expect(bench.deliver(send.release(0x10, 1))).toEqual(["10000000 00000000 10000000 00000000"]);
    expect(bench.log.errors).toHaveLength(1);
  });
});

describe("FUSE_INTERRUPT", () => {
  it("makes an ioctl start again (ERESTARTSYS), once, and drops what the handler says later", async () => {
    const { device, waiting } = waitingDevice();
    const bench = new Bench(device);
    bench.open();
    bench.deliver(send.ioctl(0x10, 1, WAIT, bytes(0, 0, 0, 0)));
    let told = 0;
    waiting[0]?.request.onInterrupt(() => void told++);
    bench.deliver(send.interrupt(0x10));
    bench.deliver(send.interrupt(0x10));
    expect(told).toBe(1);
    await turns();
    expect(bench.channel.take()).toEqual([restart("10000000")]);
    waiting[0]?.resolve(0);
    await turns();
    expect(bench.channel.take()).toEqual([]);
    expect(bench.connection.pendingCalls).toBe(0);
  });

  it("makes a read fail with EINTR", async () => {
    const bench = new Bench(new RecordingDevice({ read: () => new Promise(() => undefined) }));
    bench.open();
    bench.deliver(send.read(0x10, 1, 16));
    bench.deliver(send.interrupt(0x10));
    await turns();
    expect(bench.channel.take()).toEqual([failed("10000000", "fcffffff")]);
  });

  it("leaves the answer to a handler that gives up at once", async () => {
    const settle = (request: PendingCall): Promise<Uint8Array> =>
      new Promise((resolve) => request.onInterrupt(() => resolve(bytes(1, 2, 3))));
    const bench = new Bench(
      new RecordingDevice({
        read: async (_file, request) => {
          const partial = await settle(request);
          return await Promise.resolve(partial);
        },
      }),
    );
    bench.open();
    bench.deliver(send.read(0x10, 1, 16));
    bench.deliver(send.interrupt(0x10));
    await turns();
    expect(bench.channel.take()).toEqual(["13000000 00000000 10000000 00000000 010203"]);
  });

  it("takes EINTR of a handler that was told to give up as the usual answer", async () => {
    const { device, waiting } = waitingDevice();
    const bench = new Bench(device);
    bench.open();
    bench.deliver(send.ioctl(0x10, 1, WAIT, bytes(0, 0, 0, 0)));
    const [call] = waiting;
    call?.request.onInterrupt(() => call.reject(new CharDeviceError("EINTR", "a signal")));
    bench.deliver(send.interrupt(0x10));
    await turns();
    expect(bench.channel.take()).toEqual([restart("10000000")]);
  });

  it("runs a callback at once that is added too late", async () => {
    const { device, waiting } = waitingDevice();
    const bench = new Bench(device);
    bench.open();
    bench.deliver(send.ioctl(0x10, 1, WAIT, bytes(0, 0, 0, 0)));
    bench.deliver(send.interrupt(0x10));
    let told = 0;
    waiting[0]?.request.onInterrupt(() => void told++);
    expect(told).toBe(1);
    await turns();
  });

  it("survives a callback that throws", async () => {
    const { device, waiting } = waitingDevice();
    const bench = new Bench(device);
    bench.open();
    bench.deliver(send.ioctl(0x10, 1, WAIT, bytes(0, 0, 0, 0)));
    let told = 0;
    waiting[0]?.request.onInterrupt(() => {
      throw new Error("bug");
    });
    waiting[0]?.request.onInterrupt(() => void told++);
    bench.deliver(send.interrupt(0x10));
    await turns();
    expect(told).toBe(1);
    expect(bench.channel.take()).toEqual([restart("10000000")]);
    expect(bench.log.errors).toHaveLength(1);
  });

  it("is ignored for a request that has been answered", async () => {
    const { device } = waitingDevice();
    const bench = new Bench(device);
    bench.open();
    bench.deliver(send.ioctl(0x10, 1, QUICK, bytes(0, 0, 0, 0)));
    expect(bench.deliver(send.interrupt(0x10))).toEqual([]);
    await turns();
    expect(bench.channel.take()).toEqual([]);
    expect(bench.log.warnings).toEqual([]);
  });
});

describe("open", () => {
  function slowOpen(): { device: RecordingDevice; opens: ((fail?: Error) => void)[] } {
    const opens: ((fail?: Error) => void)[] = [];
    const device = new RecordingDevice({
      open: (request: OpenRequest) =>
        new Promise<TestFile>((resolve, reject) =>
          opens.push((fail) => (fail ? reject(fail) : resolve(device.newFile(request)))),
        ),
    });
    return { device, opens };
  }

  it("may take its time", async () => {
    const { device, opens } = slowOpen();
    const bench = new Bench(device);
    expect(bench.deliver(send.open(0x10))).toEqual([]);
    opens[0]?.();
    await turns();
    expect(bench.channel.take()).toHaveLength(1);
    expect(bench.files.size).toBe(1);
  });

  it("is undone when a signal has sent the opener away meanwhile", async () => {
    const { device, opens } = slowOpen();
    const bench = new Bench(device);
    bench.deliver(send.open(0x10));
    bench.deliver(send.interrupt(0x10));
    await turns();
    expect(bench.channel.take()).toEqual([failed("10000000", "fcffffff")]); // EINTR
    opens[0]?.();
    await turns();
    expect(device.events.at(-1)).toBe("release file1");
    expect(bench.files.size).toBe(0);
  });

  it("is undone when nobody takes the answer", () => {
    const device = new RecordingDevice();
    const bench = new Bench(device);
    bench.channel.writeErrors.push(systemError("ENOENT"));
    bench.deliver(send.open(0x10));
    expect(device.events.at(-1)).toBe("release file1");
    expect(bench.files.size).toBe(0);
    expect(bench.log.errors).toEqual([]);
  });

  it("gives each file a number of its own", () => {
    const device = new RecordingDevice();
    const bench = new Bench(device);
    bench.open();
    bench.open();
    bench.deliver(send.release(0x10, 1));
    bench.open();
    expect(device.files.map(({ file }) => file.id)).toEqual([1n, 2n, 3n]);
  });
});

describe("release", () => {
  it("is told once, whatever the kernel says", () => {
    const device = new RecordingDevice();
    const bench = new Bench(device);
    bench.open();
    bench.deliver(send.release(0x10, 1));
    bench.deliver(send.release(0x12, 1));
    expect(device.events.filter((event) => event.startsWith("release"))).toHaveLength(1);
    expect(bench.log.warnings).toHaveLength(1);
  });

  it("leaves a call of that file that still waits to its handler", async () => {
    const { device, waiting } = waitingDevice();
    const bench = new Bench(device);
    bench.open();
    bench.deliver(send.ioctl(0x10, 1, WAIT, bytes(0, 0, 0, 0)));
    bench.deliver(send.release(0x12, 1));
    bench.channel.take();
    waiting[0]?.resolve(3);
    await turns();
    expect(bench.channel.take()).toEqual([ok("10000000", "03000000", "00000000")]);
  });

  it("ends all waking", () => {
    const device = new RecordingDevice({ poll: () => 0 });
    const bench = new Bench(device);
    bench.open();
    bench.deliver(send.poll(0x10, 1, 5, true));
    bench.deliver(send.release(0x12, 1));
    device.files[0]?.file.notifyPoll();
    expect(bench.channel.take()).toEqual([]);
  });
});

describe("notifyPoll", () => {
  it("wakes nobody when nobody sleeps", () => {
    const device = new RecordingDevice({ poll: () => 0 });
    const bench = new Bench(device);
    bench.open();
    bench.deliver(send.poll(0x10, 1, 5, false));
    device.files[0]?.file.notifyPoll();
    expect(bench.channel.take()).toEqual([]);
  });

  it("wakes again each time that somebody goes to sleep", () => {
    const device = new RecordingDevice({ poll: () => 0 });
    const bench = new Bench(device);
    bench.open();
    for (let round = 0; round < 3; round++) {
      bench.deliver(send.poll(0x10, 1, 5, true));
      device.files[0]?.file.notifyPoll();
      expect(bench.channel.take()).toEqual(["18000000 01000000 00000000 00000000 05000000 00000000"]);
    }
  });

  it("is not answered by itself: a handler that notifies what it has just answered wakes nobody", () => {
    const device = new RecordingDevice({
      poll: ({ file }) => {
        file.notifyPoll();
        return 1;
      },
    });
    const bench = new Bench(device);
    bench.open();
    expect(bench.deliver(send.poll(0x10, 1, 5, true))).toHaveLength(1);
  });
});

describe("the end of a session", () => {
  it("answers everybody who waits, tells the handlers, and hears no more of them", async () => {
    const { device, waiting } = waitingDevice();
    const bench = new Bench(device);
    bench.open();
    bench.deliver(send.ioctl(0x10, 1, WAIT, bytes(0, 0, 0, 0)));
    bench.deliver(send.ioctl(0x12, 1, WAIT, bytes(0, 0, 0, 0)));
    const told: number[] = [];
    waiting.forEach(({ request }, index) => request.onInterrupt(() => told.push(index)));
    bench.connection.end("ENODEV");
    expect(bench.channel.take()).toEqual([failed("10000000", "edffffff"), failed("12000000", "edffffff")]);
    expect(told).toEqual([0, 1]);
    waiting[0]?.resolve(0);
    waiting[1]?.reject(new CharDeviceError("EINTR", ""));
    await turns();
    expect(bench.channel.take()).toEqual([]);
    expect(bench.log.warnings).toEqual([]);
  });
});

describe("answers that the kernel does not take", () => {
  it.each(["ENOENT", "ENODEV", "EBADF"])("%s: nobody waits any more, nothing to report", (code) => {
    const { device } = waitingDevice();
    const bench = new Bench(device);
    bench.open();
    bench.channel.writeErrors.push(systemError(code));
    bench.deliver(send.ioctl(0x10, 1, QUICK, bytes(0, 0, 0, 0)));
    expect(bench.log.errors).toEqual([]);
    expect(bench.deliver(send.ioctl(0x12, 1, QUICK, bytes(0, 0, 0, 0)))).toHaveLength(1);
  });

  it("EINVAL is our bug", () => {
    const { device } = waitingDevice();
    const bench = new Bench(device);
    bench.open();
    bench.channel.writeErrors.push(systemError("EINVAL"));
    bench.deliver(send.ioctl(0x10, 1, QUICK, bytes(0, 0, 0, 0)));
    expect(bench.log.errors).toHaveLength(1);
  });
});
