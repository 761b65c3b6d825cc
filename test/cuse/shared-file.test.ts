/** One file of a device, reached by its node and by other files that took the node's place. */
import { describe, expect, it } from "vitest";
import { CharDeviceError } from "../../src/cuse/errors.js";
import type { OpenFile } from "../../src/cuse/char-device.js";
import { CuseSession, type SessionEnvironment } from "../../src/cuse/session.js";
import type { SharedFile } from "../../src/cuse/shared-file.js";
import { FakeChannel } from "./support/fake-channel.js";
import { hex } from "../support/hex.js";
import * as send from "./support/messages.js";
import { RecordingDevice, RecordingLog } from "./support/recording-device.js";

const INIT = hex`
  38000000 00100000 0200000000000000 0000000000000000
  00000000 00000000 00000000 0000 0000
  07000000 26000000 00000000 01000000
`;

const call = {
  caller: { tid: 1, uid: 2, gid: 3 },
  nonblocking: () => false,
  onInterrupt: () => undefined,
};
const ioctl = {
  ...call,
  cmd: 0x4501,
  argAddress: 0n,
  arg: new Uint8Array(),
  compat: false,
  isAnonymous: true,
  uninterruptible: () => undefined,
};

class Other implements OpenFile {
  readonly id = 99n;
  wakeUps = 0;
  notifyPoll(): void {
    this.wakeUps += 1;
  }
}

class Bench {
  constructor(
    readonly device: RecordingDevice,
    readonly session: CuseSession,
    readonly channel: FakeChannel,
  ) {
    channel.take();
  }

  static async start(handlers: ConstructorParameters<typeof RecordingDevice>[0] = {}): Promise<Bench> {
    const device = new RecordingDevice({ ioctl: () => 5, ...handlers });
    let channel: FakeChannel | undefined;
    const environment: SessionEnvironment = {
      openChannel: (_path, _bytes, given) => {
        const made = new FakeChannel(given);
        channel = made;
        setImmediate(() => made.deliver(INIT));
        return made;
      },
      readReady: () => -1,
      assertNameIsFree: () => undefined,
      settleNode: async () => ({ path: "/dev/x", rdev: 1, major: 1, minor: 1, ino: 1 }),
      waitUntilGone: async () => true,
    };
    const session = await CuseSession.start(device, { name: "x", log: new RecordingLog() }, environment);
    if (channel === undefined) throw new Error("no channel");
    return new Bench(device, session, channel);
  }

  deliver(message: Uint8Array): string[] {
    this.channel.deliver(message);
    return this.channel.take();
  }

  /** Opens the node's file 1 and shares it. */
  shared(): SharedFile {
    this.deliver(send.open(2));
    const shared = this.session.share(1n);
    if (shared === undefined) throw new Error("not open");
    this.device.events.length = 0;
    return shared;
  }
}

describe("sharing", () => {
  it("is for open files", async () => {
    const bench = await Bench.start();
    expect(bench.session.share(1n)).toBeUndefined();
    const shared = bench.shared();
    expect(bench.session.share(1n)).toBe(shared);
    expect(shared.id).toBe(1n);
    await bench.session.close();
    expect(bench.session.share(1n)).toBeUndefined();
  });

  it("changes nothing for a file that nothing else leads to", async () => {
    const bench = await Bench.start();
    const shared = bench.shared();
    bench.deliver(send.release(4, 1));
    expect(bench.device.events).toEqual(["release file1"]);
    expect(shared.isOpen).toBe(false);
  });
});

describe("other files", () => {
  it("reach the same file of the device", async () => {
    const seen: string[] = [];
    const bench = await Bench.start({
      ioctl: (file, { cmd }) => (seen.push(`ioctl ${file.name} ${cmd}`), 7),
      poll: (file, { events }) => (seen.push(`poll ${file.name} ${events}`), 4),
      read: (file, { size }) => (seen.push(`read ${file.name} ${size}`), Uint8Array.of(1)),
      write: (file, { data }) => (seen.push(`write ${file.name} ${data.length}`), 1),
      fsync: (file) => void seen.push(`fsync ${file.name}`),
    });
    const shared = bench.shared();
    const other = shared.attach(new Other());
    expect(shared.ioctl(other, ioctl)).toBe(7);
    expect(shared.poll(other, { ...call, events: 3 })).toBe(4);
    expect(shared.read(other, { ...call, offset: 0n, size: 8 })).toEqual(Uint8Array.of(1));
    expect(shared.write(other, { ...call, offset: 0n, data: Uint8Array.of(1, 2) })).toBe(1);
    expect(shared.fsync(other, { ...call, dataOnly: false })).toBeUndefined();
    expect(seen).toEqual([
      "ioctl file1 17665",
      "poll file1 3",
      "read file1 8",
      "write file1 2",
      "fsync file1",
    ]);
    expect(() => shared.open()).toThrow(CharDeviceError);
  });

  it("answer for what the device lacks as its node does", async () => {
    const bench = await Bench.start();
    const shared = bench.shared();
    const other = shared.attach(new Other());
    expect(shared.poll(other, { ...call, events: 3 })).toBe(0x145);
    expect(() => shared.read(other, { ...call, offset: 0n, size: 8 })).toThrow("EINVAL");
    expect(() => shared.write(other, { ...call, offset: 0n, data: new Uint8Array() })).toThrow("EINVAL");
    expect(() => shared.fsync(other, { ...call, dataOnly: false })).toThrow("EINVAL");
  });

  it("are woken together with the node's", async () => {
    const bench = await Bench.start({ poll: () => 0 });
    const shared = bench.shared();
    const others = [new Other(), new Other()];
    for (const other of others) shared.attach(other);
    bench.deliver(send.poll(6, 1, 77, true));
    bench.device.files[0]?.file.notifyPoll();
    expect(bench.channel.take()).toHaveLength(1);
    expect(others.map(({ wakeUps }) => wakeUps)).toEqual([1, 1]);
    const [first] = others;
    if (first !== undefined) shared.release(first);
    bench.device.files[0]?.file.notifyPoll();
    expect(others.map(({ wakeUps }) => wakeUps)).toEqual([1, 2]);
  });
});

describe("release comes with the last file", () => {
  it.each([
    ["the node's first", ["node", "a", "b"]],
    ["the node's last", ["a", "b", "node"]],
    ["the node's between", ["a", "node", "b"]],
  ])("%s", async (_title, order) => {
    const bench = await Bench.start();
    const shared = bench.shared();
    const others: Record<string, OpenFile> = {
      a: shared.attach(new Other()),
      b: shared.attach(new Other()),
    };
    for (const [index, which] of order.entries()) {
      expect(bench.device.events).toEqual([]);
      const other = others[which];
      if (other === undefined) bench.deliver(send.release(10 + 2 * index, 1));
      else shared.release(other);
    }
    expect(bench.device.events).toEqual(["release file1"]);
    expect(shared.isOpen).toBe(false);
    expect(() => shared.attach(new Other())).toThrow("ENODEV");
  });

  it("and when the device goes before", async () => {
    const bench = await Bench.start();
    const shared = bench.shared();
    const other = new Other();
    shared.attach(other);
    await bench.session.close();
    expect(bench.device.events).toEqual(["release file1"]);
    expect(other.wakeUps).toBe(1);
    expect(shared.poll(other, { ...call, events: 3 })).toBe(0x18);
    expect(() => shared.ioctl(other, ioctl)).toThrow("ENODEV");
    shared.release(other);
    expect(bench.device.events).toEqual(["release file1"]);
  });

  it("and when the device goes after the node's file was closed", async () => {
    const bench = await Bench.start();
    const shared = bench.shared();
    shared.attach(new Other());
    bench.deliver(send.release(4, 1));
    expect(bench.device.events).toEqual([]);
    await bench.session.close();
    expect(bench.device.events).toEqual(["release file1"]);
  });
});
