/** Single calls of a connection: how much they transfer, whose file they are about, and that each is answered once. */
import { describe, expect, it } from "vitest";
import { CharDeviceError } from "../../src/cuse/errors.js";
import { Bench } from "./support/bench.js";
import { turns } from "./support/fake-channel.js";
import * as send from "./support/messages.js";
import { RecordingDevice, type TestFile } from "./support/recording-device.js";

const errno = (answer: string | undefined): number =>
  Buffer.from(answer?.split(" ")[1] ?? "", "hex").readInt32LE();

describe("a call", () => {
  it("on a file that nobody has open is EBADF, once, and reaches no device", () => {
    const reached: string[] = [];
    const bench = new Bench(
      new RecordingDevice({
        ioctl: () => (reached.push("ioctl"), 0),
        read: () => (reached.push("read"), new Uint8Array()),
        write: () => (reached.push("write"), 0),
        fsync: () => void reached.push("fsync"),
        poll: () => (reached.push("poll"), 0),
      }),
    );
    bench.open();
    const messages = [
      send.ioctl(10, 7, send.io(1)),
      send.read(12, 7, 4),
      send.write(14, 7, new Uint8Array(4)),
      send.fsync(16, 7),
      send.poll(18, 7, 77, true),
    ];
    expect(messages.map((message) => bench.deliver(message).map(errno))).toEqual(messages.map(() => [-9]));
    expect([reached, bench.log.errors]).toEqual([[], []]);
  });

  it("to read takes as much as was asked for, and no more", () => {
    let bytes = 4;
    const bench = new Bench(new RecordingDevice({ read: () => new Uint8Array(bytes).fill(1) }));
    bench.open();
    expect(bench.deliver(send.read(10, 1, 4))).toEqual(["14000000 00000000 0a000000 00000000 01010101"]);
    bytes = 5;
    expect(bench.deliver(send.read(12, 1, 4)).map(errno)).toEqual([-5]);
    bytes = 0;
    expect(bench.deliver(send.read(14, 1, 4))).toEqual(["10000000 00000000 0e000000 00000000"]);
  });

  it("to read or write waits, or not, as the file does at that moment", () => {
    const asked: boolean[] = [];
    const bench = new Bench(
      new RecordingDevice({
        read: (_file, call) => (asked.push(call.nonblocking()), new Uint8Array()),
        write: (_file, call) => (asked.push(call.nonblocking()), 1),
      }),
    );
    bench.open();
    for (const flags of [2, 2 | 0o4000]) {
      bench.deliver(send.read(10, 1, 4, flags));
      bench.deliver(send.write(12, 1, new Uint8Array(1), flags));
    }
    expect(asked).toEqual([false, false, true, true]);
  });

  it("to poll is EIO when the device has a bug", () => {
    const bench = new Bench(
      new RecordingDevice({
        poll: () => {
          throw new TypeError("a bug");
        },
      }),
    );
    bench.open();
    expect(bench.deliver(send.poll(10, 1, 77, true)).map(errno)).toEqual([-5]);
    expect(bench.log.errors).toHaveLength(1);
  });

  it("to write to a device that cannot be written is EINVAL, and nobody's mistake", () => {
    const bench = new Bench(new RecordingDevice());
    bench.open();
    expect(bench.deliver(send.write(10, 1, new Uint8Array(4))).map(errno)).toEqual([-22]);
    expect([bench.log.warnings, bench.log.errors]).toEqual([[], []]);
    const short = send.write(12, 1, new Uint8Array(4)).slice(0, -1);
    new DataView(short.buffer).setUint32(0, short.byteLength, true);
    expect(bench.deliver(short).map(errno)).toEqual([-5]);
    expect(bench.log.warnings).toEqual(["malformed message refused: FUSE_WRITE lacks its 4 bytes"]);
  });

  it("to open may make a file of anything but a promise", () => {
    for (const file of [undefined, null, 0, "text", () => undefined, { then: true }, { and: 1 }]) {
      const seen: unknown[] = [];
      const device = new RecordingDevice({ ioctl: (it) => (seen.push(it), 0) });
      device.open = () => file as unknown as TestFile;
      const bench = new Bench(device);
      bench.open();
      expect(bench.deliver(send.ioctl(10, 1, send.io(1))).map(errno)).toEqual([0]);
      expect(seen).toEqual([file]);
    }
  });

  it("that a signal has ended may fail afterwards: a refusal is nobody's business, a bug is a warning", async () => {
    for (const [error, warnings] of [
      [new CharDeviceError("EBUSY", "too late"), 0],
      [new TypeError("a bug"), 1],
    ] as const) {
      let fail: (error: Error) => void = () => undefined;
      const device = new RecordingDevice({
        ioctl: () => new Promise<number>((_resolve, reject) => (fail = reject)),
      });
      const bench = new Bench(device);
      bench.open();
      bench.deliver(send.ioctl(10, 1, send.io(1)));
      bench.deliver(send.interrupt(10));
      await turns();
      expect(bench.channel.take()).toHaveLength(1);
      fail(error);
      await turns();
      expect(bench.channel.take()).toEqual([]);
      expect(bench.log.errors).toEqual([]);
      expect(bench.log.warnings).toHaveLength(warnings);
    }
  });

  it.each([true, false])(
    "in which the device ends fails as those that wait do; later: %s",
    async (isLater) => {
      const device: RecordingDevice = new RecordingDevice({
        open: (request) => {
          bench.connection.end("ENODEV");
          const file = device.newFile(request);
          return isLater ? Promise.resolve(file) : file;
        },
      });
      const bench = new Bench(device);
      expect(bench.deliver(send.open(2)).map(errno)).toEqual([-19]);
      await turns();
      expect(bench.channel.take()).toEqual([]);
      expect(device.events.at(-1)).toBe("release file1");
    },
  );

  it("that a signal has ended is not answered again when all are refused", async () => {
    const bench = new Bench(new RecordingDevice({ ioctl: () => new Promise<number>(() => undefined) }));
    bench.open();
    for (const unique of [10, 12]) bench.deliver(send.ioctl(unique, 1, send.io(1)));
    bench.deliver(send.interrupt(10));
    await turns();
    bench.channel.take();
    bench.connection.refusePending("ENODEV");
    expect(bench.channel.take().map((answer) => answer.split(" ")[2])).toEqual(["0c000000"]);
    bench.connection.refusePending("ENODEV");
    expect(bench.channel.take()).toEqual([]);
  });
});
