/** From CUSE_INIT to the end, on a channel and a file system of the test's own. */
import { describe, expect, it, vi } from "vitest";
import { CuseError, NameTakenError } from "../../src/cuse/errors.js";
import { answerCuseInit, checkDeviceNumber } from "../../src/cuse/init.js";
import { CuseSession, type SessionEnvironment, type SessionOptions } from "../../src/cuse/session.js";
import { FakeChannel, systemError, turns } from "./support/fake-channel.js";
import { digits, hex } from "../support/hex.js";
import { FUSE_STATFS } from "../../src/cuse/gen/fuse.js";
import * as send from "./support/messages.js";
import { RecordingDevice, RecordingLog } from "./support/recording-device.js";

const INIT = hex`
  38000000 00100000 0200000000000000 0000000000000000
  00000000 00000000 00000000 0000 0000
  07000000 26000000 00000000 01000000   # 7.38; the kernel offers unrestricted ioctls
`;

/** major 7, minor 38, no flags: restricted; max_read and max_write 128 KiB; device 81:3; spare; DEVNAME=video3 */
const ANSWER =
  "67000000 00000000 02000000 00000000 " +
  "07000000 26000000 00000000 00000000 00000200 00000200 51000000 03000000 " +
  "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 " +
  "4445564e 414d453d 76696465 6f3300";

class FakeSystem implements SessionEnvironment {
  readonly steps: string[] = [];
  channel: FakeChannel | undefined;
  openError: Error | undefined;
  taken = false;
  /** What the kernel does when the answer to CUSE_INIT arrives. */
  afterInit: (channel: FakeChannel) => void = () => undefined;
  init: Uint8Array | undefined = INIT;
  gone = true;
  /** Messages that wait in the channel. */
  readonly waiting: Uint8Array[] = [];

  openChannel(...[path, bufferBytes, handlers]: Parameters<SessionEnvironment["openChannel"]>): FakeChannel {
    this.steps.push(`open ${path} ${bufferBytes}`);
    if (this.openError) throw this.openError;
    const channel = new FakeChannel(handlers, bufferBytes);
    this.channel = channel;
    setImmediate(() => {
      if (this.init === undefined || channel.isClosed) return;
      channel.deliver(this.init);
      this.afterInit(channel);
    });
    return channel;
  }

  assertNameIsFree(name: string): void {
    this.steps.push(`free? ${name}`);
    if (this.taken) throw new CuseError("taken");
  }

  async settleNode(
    ...[name, access]: Parameters<SessionEnvironment["settleNode"]>
  ): ReturnType<SessionEnvironment["settleNode"]> {
    this.steps.push(`settle ${name} 0${access.mode.toString(8)} ${access.gid}`);
    return { path: `/dev/${name}`, rdev: 0x5103, major: 81, minor: 3, ino: 7 };
  }

  readReady(_fd: number, into: Uint8Array): number {
    const next = this.waiting.shift();
    if (next === undefined) return -1;
    into.set(next);
    return next.byteLength;
  }

  async waitUntilGone(): Promise<boolean> {
    this.steps.push(`gone? closed=${this.channel?.isClosed}`);
    return this.gone;
  }
}

interface Started {
  readonly session: CuseSession;
  readonly system: FakeSystem;
  readonly channel: FakeChannel;
  readonly device: RecordingDevice;
  readonly log: RecordingLog;
}

async function start(
  device = new RecordingDevice(),
  options: Partial<SessionOptions> = {},
): Promise<Started> {
  const system = new FakeSystem();
  const log = new RecordingLog();
  const session = await CuseSession.start(device, { name: "video3", log, ...options }, system);
  if (!system.channel) throw new Error("no channel was opened");
  system.channel.take();
  return { session, system, channel: system.channel, device, log };
}

describe("start", () => {
  it("answers CUSE_INIT, waits for the node, and serves", async () => {
    const system = new FakeSystem();
    const device = new RecordingDevice();
    const options = { name: "video3", major: 81, minor: 3, mode: 0o660, group: 44 };
    const session = await CuseSession.start(device, options, system);
    expect(system.channel?.take()).toEqual([ANSWER]);
    expect(system.steps).toEqual(["free? video3", "open /dev/cuse 135168", "settle video3 0660 44"]);
    expect(session).toMatchObject({ node: "/dev/video3", rdev: 0x5103, major: 81, minor: 3 });
    system.channel?.deliver(send.open(4));
    expect(device.files).toHaveLength(1);
    await session.close();
  });

  it.each([
    ["ENOENT", '/dev/cuse is missing: load it with "modprobe cuse" (the kernel needs CONFIG_CUSE).'],
    [
      "ENODEV",
      '/dev/cuse has no driver in this kernel: load it with "modprobe cuse" (the kernel needs CONFIG_CUSE).',
    ],
    ["EACCES", '/dev/cuse may not be opened by this user: run as root, with "sudo" for example.'],
    ["EPERM", '/dev/cuse may not be opened by this user: run as root, with "sudo" for example.'],
    ["EMFILE", "/dev/cuse cannot be opened: open: EMFILE"],
  ])("says what to do about %s", async (code, message) => {
    const system = new FakeSystem();
    system.openError = systemError(code, "open");
    const started = CuseSession.start(new RecordingDevice(), { name: "video3" }, system);
    await expect(started).rejects.toThrow(new CuseError(message));
  });

  it("opens nothing when the name is taken or invalid", async () => {
    const system = new FakeSystem();
    system.taken = true;
    await expect(CuseSession.start(new RecordingDevice(), { name: "video3" }, system)).rejects.toThrow(
      "taken",
    );
    await expect(CuseSession.start(new RecordingDevice(), { name: "a/b" }, system)).rejects.toThrow(
      CuseError,
    );
    expect(system.channel).toBeUndefined();
  });

  it("says so when the kernel refuses, which it does by closing the channel without a word", async () => {
    const system = new FakeSystem();
    system.afterInit = (channel) =>
      setImmediate(() => channel.handlers.onClose(systemError("ENODEV", "read")));
    const options = { name: "video3", major: 81, minor: 3 };
    await expect(CuseSession.start(new RecordingDevice(), options, system)).rejects.toThrow(
      'The kernel refused the device "video3": the name or the device number 81:3 is taken (dmesg may say more), choose another.',
    );
    expect(system.channel?.isClosed).toBe(true);
    expect(system.steps).toEqual(["free? video3", "open /dev/cuse 135168"]); // There is no node to wait for.
  });

  it("says that another name is needed when the kernel was to choose the number", async () => {
    const system = new FakeSystem();
    system.afterInit = (channel) => setImmediate(() => channel.handlers.onClose(undefined));
    const refused = async (major?: number): Promise<unknown> =>
      CuseSession.start(new RecordingDevice(), { name: "video3", major, minor: 0 }, system).catch(
        (error: unknown) => error,
      );
    expect(await refused()).toEqual(
      new NameTakenError(
        'The kernel refused the device "video3": the name is taken (dmesg may say more), choose another.',
        "video3",
      ),
    );
    expect(await refused(81)).not.toBeInstanceOf(NameTakenError);
  });

  it("says so when the kernel ends the session before the node is settled", async () => {
    const system = new FakeSystem();
    const settleNode = system.settleNode.bind(system);
    system.settleNode = (...given) => {
      system.channel?.handlers.onClose(systemError("ECONNABORTED", "read"));
      return settleNode(...given);
    };
    await expect(CuseSession.start(new RecordingDevice(), { name: "video3" }, system)).rejects.toThrow(
      "The kernel ended the session of /dev/video3 (read: ECONNABORTED).",
    );
  });

  it("gives up when the kernel does not ask who it is", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const system = new FakeSystem();
      system.init = undefined;
      const started = CuseSession.start(new RecordingDevice(), { name: "video3" }, system);
      const refused = expect(started).rejects.toThrow("The kernel did not offer a CUSE channel in time");
      vi.advanceTimersByTime(4999);
      await turns();
      expect(system.channel?.isClosed).toBe(false);
      vi.advanceTimersByTime(1);
      await refused;
      expect(system.channel?.isClosed).toBe(true);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("leaves no timer, and opens the CUSE device that it is told", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { session, system } = await start(undefined, { devicePath: "/dev/other" });
      expect(system.steps[1]).toBe("open /dev/other 135168");
      expect(vi.getTimerCount()).toBe(0);
      await session.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it("closes the channel when the node cannot be settled", async () => {
    const system = new FakeSystem();
    system.settleNode = () => Promise.reject(new CuseError("no node"));
    await expect(CuseSession.start(new RecordingDevice(), { name: "video3" }, system)).rejects.toThrow(
      "no node",
    );
    expect(system.channel?.isClosed).toBe(true);
  });

  it("refuses a kernel of another protocol", async () => {
    const system = new FakeSystem();
    system.init = INIT.slice();
    system.init[40] = 8;
    await expect(CuseSession.start(new RecordingDevice(), { name: "video3" }, system)).rejects.toThrow(
      "This kernel speaks FUSE 8.38, but 7.16 or later is needed: use a newer kernel.",
    );
    expect(system.channel?.isClosed).toBe(true);
    expect(system.channel?.sent).toEqual(["10000000 fbffffff 02000000 00000000"]);
  });
});

describe("close", () => {
  it("answers who waits, closes the channel, releases the files, and waits until the node is gone", async () => {
    const order: string[] = [];
    const device = new RecordingDevice({
      ioctl: (_file, request) => {
        request.onInterrupt(() => order.push("give up"));
        return new Promise(() => undefined);
      },
    });
    const { session, system, channel } = await start(device);
    channel.deliver(send.open(4));
    channel.deliver(send.open(6));
    channel.deliver(send.ioctl(8, 1, send.iowr(1, 4), new Uint8Array(4)));
    channel.take();
    const release = device.release.bind(device);
    device.release = (file) => {
      order.push(`release ${file.name} closed=${channel.isClosed}`);
      release(file);
    };
    await session.close();
    expect(channel.take()).toEqual(["10000000 edffffff 08000000 00000000"]); // ENODEV
    expect(order).toEqual(["give up", "release file1 closed=true", "release file2 closed=true"]);
    expect(system.steps.at(-1)).toBe("gone? closed=true");
    expect(await session.closed).toBeUndefined();
    await session.close();
    expect(order).toHaveLength(3);
  });

  it("answers calls with ENODEV that came but were not looked at yet", async () => {
    const device: RecordingDevice = new RecordingDevice({ ioctl: () => new Promise(() => undefined) });
    const { session, system, channel } = await start(device);
    channel.deliver(send.open(4));
    channel.take();
    system.waiting.push(send.ioctl(8, 1, send.iowr(1, 4), new Uint8Array(4)), send.open(10));
    await session.close();
    expect(channel.take()).toEqual([
      expect.stringMatching(/ 00000000 0a000000 /), // The file is opened, and goes with the others.
      "10000000 edffffff 08000000 00000000", // ENODEV
    ]);
    expect(device.events.slice(-2)).toEqual(["release file1", "release file2"]);
  });

  it("reads nothing more of the channel in a call, or when the kernel has ended it", async () => {
    let session: CuseSession | undefined;
    const device = new RecordingDevice({ ioctl: () => (void session?.close(), 0) });
    for (const end of [
      (channel: FakeChannel) => channel.deliver(send.ioctl(8, 1, send.io(1))),
      (channel: FakeChannel) => channel.handlers.onClose(undefined),
    ]) {
      const started = await start(device);
      ({ session } = started);
      started.channel.deliver(send.open(4));
      started.system.waiting.push(send.open(10));
      end(started.channel);
      await session.closed;
      expect(started.system.waiting).toHaveLength(1);
    }
  });

  it("tells to the console what no log was given for", async () => {
    const told = vi.spyOn(console, "error").mockReturnValue();
    try {
      const { session, system } = await start(undefined, { log: undefined });
      system.gone = false;
      await session.close();
      expect(told.mock.calls).toEqual([["video3: /dev/video3 is still there"]]);
    } finally {
      told.mockRestore();
    }
  });

  it("ends though nobody can see whether the node is gone", async () => {
    const { session, system, log } = await start();
    system.waitUntilGone = () => Promise.reject(systemError("EIO", "lstat"));
    await session.close();
    expect(log.warnings).toEqual(["/dev/video3: Error: lstat: EIO"]);
  });

  it("releases a file whose open settles afterwards", async () => {
    let settle: (() => void) | undefined;
    const device: RecordingDevice = new RecordingDevice({
      open: (request) =>
        new Promise((resolve) => {
          settle = () => resolve(device.newFile(request));
        }),
    });
    const { session, channel } = await start(device);
    channel.deliver(send.open(4));
    await session.close();
    settle?.();
    await turns();
    expect(device.events.at(-1)).toBe("release file1");
  });

  it("reports a node that stays", async () => {
    const { session, system, log } = await start();
    system.gone = false;
    await session.close();
    expect(log.warnings).toEqual(["/dev/video3 is still there"]);
    const other = await start();
    await other.session.close();
    expect(other.log.warnings).toEqual([]);
  });
});

describe("the kernel", () => {
  it("may end the session: files are released, closed tells why", async () => {
    const { session, channel, device } = await start();
    channel.deliver(send.open(4));
    channel.handlers.onClose(systemError("ECONNABORTED", "read"));
    const reason = await session.closed;
    expect(reason).toBeInstanceOf(CuseError);
    expect(reason?.message).toBe("The kernel ended the session of /dev/video3 (read: ECONNABORTED).");
    expect(device.events.at(-1)).toBe("release file1");
    await session.close();
  });
});

it("answers what it does not know with ENOSYS, once", async () => {
  const { channel } = await start();
  channel.take();
  channel.deliver(send.message(FUSE_STATFS, 6, new Uint8Array()));
  expect(channel.take()).toEqual(["10000000 daffffff 06000000 00000000"]);
});

it("the kernel may end the session without a reason", async () => {
  const { session, channel } = await start();
  channel.handlers.onClose(undefined);
  expect((await session.closed)?.message).toBe("The kernel ended the session of /dev/video3.");
});

describe("checkDeviceNumber", () => {
  it.each([
    [undefined, undefined],
    [0, 5],
    [81, 0],
    [511, 0xfffff],
  ])("takes %s:%s", (major, minor) => {
    expect(checkDeviceNumber(major, minor)).toEqual({ major: major ?? 0, minor: minor ?? 0 });
  });

  it.each([
    [512, 0],
    [-1, 0],
    [1.5, 0],
    [81, 0x100000],
    [81, -1],
  ])("refuses %d:%d", (major, minor) => {
    expect(() => checkDeviceNumber(major, minor)).toThrow(CuseError);
  });
});

describe("answerCuseInit", () => {
  it("speaks the older of both versions", () => {
    const offer = (minor: string): Uint8Array => hex`07000000 ${minor} 00000000 00000000`;
    const number = { major: 0, minor: 0 };
    expect(digits(answerCuseInit(offer("2d000000"), "a", number)).slice(0, 17)).toBe("07000000 26000000"); // 45: 38
    expect(digits(answerCuseInit(offer("10000000"), "a", number)).slice(0, 17)).toBe("07000000 10000000"); // 16
    expect(() => answerCuseInit(offer("0f000000"), "a", number)).toThrow(CuseError);
  });
});
