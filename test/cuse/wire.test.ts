/** Golden bytes: what each request of the kernel looks like, and the answer to it. */
import { describe, expect, it } from "vitest";
import { CharDeviceError } from "../../src/cuse/errors.js";
import { CUSE_INIT, FUSE_INIT, FUSE_OPEN, FuseIoctlInView } from "../../src/cuse/gen/fuse.js";
import { Message, MAX_IOCTL_BYTES } from "../../src/cuse/protocol.js";
import { layoutOf } from "../v4l2/gen/support.js";
import { Bench } from "./support/bench.js";
import { hex } from "../support/hex.js";
import * as send from "./support/messages.js";
import { RecordingDevice } from "./support/recording-device.js";

const caller = `e8030000 e9030000 92100000 0000 0000`; // uid 1000, gid 1001, tid 4242, no extensions

/** The `size` bytes that an ioctl carries. */
function dataOf(message: Message, size: number): Uint8Array {
  const into = new Uint8Array(size);
  expect(message.copyIoctlData(size, new DataView(into.buffer), 0)).toBe(true);
  return into;
}

describe("FUSE_OPEN", () => {
  const request = hex`
    30000000 0e000000        # length 48, OPEN
    0a00000000000000         # unique 10
    0000000000000000 ${caller}
    02880000                 # O_RDWR | O_NONBLOCK | O_LARGEFILE
    00000000                 # open_flags
  `;

  it("gives the file a number, and the device the caller and the flags", () => {
    const device = new RecordingDevice();
    const bench = new Bench(device);
    expect(bench.deliver(request)).toEqual([
      // length 32, no error, unique 10; fh 1; DIRECT_IO | NONSEEKABLE; no backing file
      "20000000 00000000 0a000000 00000000 01000000 00000000 05000000 00000000",
    ]);
    expect(device.events).toEqual(["open flags=34818 by 4242/1000/1001"]);
    expect(bench.files.get(1)?.handle.id).toBe(1n);
  });

  it("passes a refusal on", () => {
    const bench = new Bench(
      new RecordingDevice({
        open: () => {
          throw new CharDeviceError("EBUSY", "one file at a time");
        },
      }),
    );
    expect(bench.deliver(request)).toEqual(["10000000 f0ffffff 0a000000 00000000"]); // -16
    expect(bench.files.size).toBe(0);
  });

  it("never says ENOSYS, which would stop the kernel from asking for any file", () => {
    const bench = new Bench(
      new RecordingDevice({
        open: () => {
          throw new CharDeviceError("ENOSYS", "");
        },
      }),
    );
    expect(bench.deliver(request)).toEqual(["10000000 a1ffffff 0a000000 00000000"]); // -95, EOPNOTSUPP
  });
});

describe("FUSE_RELEASE", () => {
  it("is answered when the device has released the file", () => {
    const device = new RecordingDevice();
    const bench = new Bench(device);
    bench.open();
    device.events.length = 0;
    const answer = bench.deliver(hex`
      40000000 12000000 0c00000000000000 0000000000000000
      00000000 00000000 00000000 0000 0000   # nobody: the kernel gives no credentials here
      0100000000000000                       # fh 1
      02800000 00000000                      # flags, release_flags
      0000000000000000                       # lock_owner
    `);
    expect(answer).toEqual(["10000000 00000000 0c000000 00000000"]);
    expect(device.events).toEqual(["release file1"]);
    expect(bench.files.size).toBe(0);
  });
});

describe("FUSE_READ", () => {
  const request = hex`
    50000000 0f000000 0e00000000000000 0000000000000000 ${caller}
    0100000000000000         # fh 1
    0000020000000000         # offset 128 KiB: the second piece of one read(2)
    08000000 02000000        # size 8, read_flags LOCKOWNER
    8877665544332211         # lock_owner
    02880000 00000000        # O_RDWR | O_NONBLOCK | O_LARGEFILE
  `;

  it("returns the bytes behind a header", () => {
    const bench = new Bench(
      new RecordingDevice({
        read: (_file, { offset, size }) => {
          expect({ offset, size }).toEqual({ offset: 131072n, size: 8 });
          return hex`0102030405`;
        },
      }),
    );
    bench.open();
    expect(bench.deliver(request)).toEqual(["15000000 00000000 0e000000 00000000 01020304 05"]);
  });

  it("ends the file with a header alone", () => {
    const bench = new Bench(new RecordingDevice({ read: () => new Uint8Array() }));
    bench.open();
    expect(bench.deliver(request)).toEqual(["10000000 00000000 0e000000 00000000"]);
  });

  it("knows from the message that the file does not block now, and remembers it", () => {
    const bench = new Bench(
      new RecordingDevice({
        read: (_file, call) => {
          if (call.nonblocking()) throw new CharDeviceError("EAGAIN", "");
          return new Uint8Array();
        },
      }),
    );
    bench.open(2);
    expect(bench.files.get(1)?.handle.lastKnownNonblocking).toBe(false);
    expect(bench.deliver(request)).toEqual(["10000000 f5ffffff 0e000000 00000000"]); // -11
    expect(bench.files.get(1)?.handle.lastKnownNonblocking).toBe(true);
  });

  it("is EINVAL on a device that cannot be read", () => {
    const bench = new Bench(new RecordingDevice());
    bench.open();
    expect(bench.deliver(request)).toEqual(["10000000 eaffffff 0e000000 00000000"]); // -22
  });
});

describe("FUSE_WRITE", () => {
  const request = hex`
    53000000 10000000 1000000000000000 0000000000000000 ${caller}
    0100000000000000 0000000000000000   # fh 1, offset 0
    03000000 02000000                   # size 3, write_flags LOCKOWNER
    8877665544332211
    02800000 00000000                   # O_RDWR | O_LARGEFILE
    616263
  `;

  it("gives the device the bytes, to keep, and returns how many it took", async () => {
    const seen: Uint8Array[] = [];
    const bench = new Bench(
      new RecordingDevice({
        write: (_file, { data }) => {
          seen.push(data);
          return 2;
        },
      }),
    );
    bench.open();
    expect(bench.deliver(request)).toEqual(["18000000 00000000 10000000 00000000 02000000 00000000"]);
    expect(seen).toEqual([hex`616263`]);
  });

  it("is EINVAL on a device that cannot be written", () => {
    const bench = new Bench(new RecordingDevice());
    bench.open();
    expect(bench.deliver(request)).toEqual(["10000000 eaffffff 10000000 00000000"]);
  });

  it("is EIO when the bytes are fewer than it says", () => {
    const bench = new Bench(new RecordingDevice({ write: () => 0 }));
    bench.open();
    const short = request.slice(0, -1);
    short[0] = short.length;
    expect(bench.deliver(short)).toEqual(["10000000 fbffffff 10000000 00000000"]);
    expect(bench.log.warnings).toEqual(["malformed message refused: FUSE_WRITE lacks its 3 bytes"]);
  });
});

describe("FUSE_IOCTL", () => {
  const head = (length: string): string => `${length} 27000000 1200000000000000 0000000000000000 ${caller}`;
  const iowr = hex`
    ${head("50000000")}
    0100000000000000         # fh 1
    00000000 0745 08c0       # flags, _IOWR('E', 7, 8)
    f0debc9a78563412         # the caller's pointer
    08000000 08000000        # 8 bytes in, 8 out
    1111111122222222
  `;
  const ior = hex`
    ${head("48000000")}
    0100000000000000 00000000 0845 0880 f0debc9a78563412
    00000000 08000000        # none in, 8 out
  `;

  it("gives the device command, pointer and bytes, and sends the changed bytes back", () => {
    const bench = new Bench(
      new RecordingDevice({
        ioctl: (_file, request) => {
          expect(request.cmd).toBe(0xc0084507);
          expect(request.argAddress).toBe(0x123456789abcdef0n);
          expect(request.compat).toBe(false);
          expect(request.caller).toEqual({ tid: 4242, uid: 1000, gid: 1001 });
          expect(Buffer.from(request.arg).toString("hex")).toBe("1111111122222222");
          request.arg.fill(0x33, 4);
          return 5;
        },
      }),
    );
    bench.open();
    expect(bench.deliver(iowr)).toEqual([
      // length 40, no error; result 5, no flags, no iovecs; the argument
      "28000000 00000000 12000000 00000000 05000000 00000000 00000000 00000000 11111111 33333333",
    ]);
  });

  it("starts from zeroes when the caller gives no bytes", () => {
    const bench = new Bench(
      new RecordingDevice({
        ioctl: (_file, { arg }) => {
          arg[0] = 0xaa;
          return 0;
        },
      }),
    );
    bench.open();
    bench.deliver(iowr); // leaves bytes in the frame
    expect(bench.deliver(ior)).toEqual([
      "28000000 00000000 12000000 00000000 00000000 00000000 00000000 00000000 aa000000 00000000",
    ]);
  });

  it("sends no bytes back for _IOW", () => {
    const bench = new Bench(new RecordingDevice({ ioctl: () => 0 }));
    bench.open();
    const iow = hex`
      ${head("4c000000")}
      0100000000000000 00000000 0945 0440 0000000000000000 04000000 00000000 44444444
    `;
    expect(bench.deliver(iow)).toEqual([
      "20000000 00000000 12000000 00000000 00000000 00000000 00000000 00000000",
    ]);
  });

  it("refuses with the header alone, so that the caller's bytes stay as they were", () => {
    const bench = new Bench(
      new RecordingDevice({
        ioctl: (_file, { arg }) => {
          arg.fill(0x99);
          throw new CharDeviceError("ENOTTY", "");
        },
      }),
    );
    bench.open();
    expect(bench.deliver(iowr)).toEqual(["10000000 e7ffffff 12000000 00000000"]); // -25
  });

  it("refuses with the result and the bytes when the device says copyOut", () => {
    const bench = new Bench(
      new RecordingDevice({
        ioctl: (_file, { arg }) => {
          arg.fill(0x99);
          throw new CharDeviceError("EINVAL", "", { copyOut: true });
        },
      }),
    );
    bench.open();
    expect(bench.deliver(iowr)).toEqual([
      "28000000 00000000 12000000 00000000 eaffffff 00000000 00000000 00000000 99999999 99999999",
    ]);
  });

  it("says that a 32-bit program asks", () => {
    const seen: boolean[] = [];
    const bench = new Bench(
      new RecordingDevice({
        ioctl: (_file, { compat }) => {
          seen.push(compat);
          return 0;
        },
      }),
    );
    bench.open();
    const compat = iowr.slice();
    compat[48] = 0x09; // FUSE_IOCTL_COMPAT | FUSE_IOCTL_32BIT
    bench.deliver(compat);
    expect(seen).toEqual([true]);
  });

  it("takes the largest argument that a command can name", () => {
    const bench = new Bench(
      new RecordingDevice({
        ioctl: (_file, { arg }) => {
          expect(arg.length).toBe(MAX_IOCTL_BYTES);
          arg[MAX_IOCTL_BYTES - 1] = 0x77;
          return 0;
        },
      }),
    );
    bench.open();
    const large = hex`
      48000000 27000000 1200000000000000 0000000000000000 ${caller}
      0100000000000000 00000000 0845 ffbf 0000000000000000 00000000 ff3f0000
    `;
    const [answer] = bench.deliver(large);
    expect(answer?.startsWith("1f400000 00000000")).toBe(true); // 32 + 16383
    expect(answer?.endsWith("000077")).toBe(true);
  });

  it.each([
    ["fewer bytes in than the command says", 64],
    ["fewer bytes out than the command says", 68],
  ])("is EIO with %s", (_what, at) => {
    const bench = new Bench(new RecordingDevice({ ioctl: () => 0 }));
    bench.open();
    const wrong = iowr.slice();
    wrong[at] = 4;
    expect(bench.deliver(wrong)).toEqual(["10000000 fbffffff 12000000 00000000"]);
    expect(bench.log.warnings).toHaveLength(1);
  });

  it("is EIO when the bytes are not there", () => {
    const bench = new Bench(new RecordingDevice({ ioctl: () => 0 }));
    bench.open();
    const wrong = iowr.slice(0, -4);
    wrong[0] = wrong.length;
    expect(bench.deliver(wrong)).toEqual(["10000000 fbffffff 12000000 00000000"]);
    expect(bench.log.warnings).toEqual(["malformed message refused: ioctl 0xc0084507 lacks its 8 bytes"]);
  });
});

describe("FUSE_POLL", () => {
  const request = hex`
    40000000 28000000 1400000000000000 0000000000000000 ${caller}
    0100000000000000         # fh 1
    efcdab8967452301         # kh
    01000000 43000000        # SCHEDULE_NOTIFY; POLLIN | POLLPRI | POLLRDNORM
  `;

  it("answers what is true, and wakes the sleeper once with FUSE_NOTIFY_POLL", () => {
    const device = new RecordingDevice({
      poll: (_file, { events, caller: { tid } }) => {
        expect({ events, tid }).toEqual({ events: 0x43, tid: 4242 });
        return 0x41;
      },
    });
    const bench = new Bench(device);
    bench.open();
    expect(bench.deliver(request)).toEqual(["18000000 00000000 14000000 00000000 41000000 00000000"]);
    device.files[0]?.file.notifyPoll();
    // length 24, code 1 in place of an error, unique 0; kh
    expect(bench.channel.take()).toEqual(["18000000 01000000 00000000 00000000 efcdab89 67452301"]);
    device.files[0]?.file.notifyPoll();
    expect(bench.channel.take()).toEqual([]);
  });

  it("finds a device without a poll handler always ready", () => {
    const bench = new Bench(new RecordingDevice());
    bench.open();
    expect(bench.deliver(request)).toEqual(["18000000 00000000 14000000 00000000 45010000 00000000"]);
  });
});

describe("FUSE_FLUSH and FUSE_FSYNC", () => {
  const flush = hex`
    40000000 19000000 1600000000000000 0000000000000000 ${caller}
    0100000000000000 00000000 00000000 8877665544332211
  `;
  const fsync = hex`
    38000000 14000000 1800000000000000 0000000000000000 ${caller}
    0100000000000000 01000000 00000000   # FDATASYNC
  `;

  it("reach the device", () => {
    const seen: unknown[] = [];
    const bench = new Bench(
      new RecordingDevice({
        flush: (_file, { lockOwner }) => void seen.push(lockOwner),
        fsync: (_file, { dataOnly }) => void seen.push(dataOnly),
      }),
    );
    bench.open();
    expect(bench.deliver(flush)).toEqual(["10000000 00000000 16000000 00000000"]);
    expect(bench.deliver(fsync)).toEqual(["10000000 00000000 18000000 00000000"]);
    expect(seen).toEqual([0x1122334455667788n, true]);
  });

  it("are 0 and EINVAL on a device without them, as on a kernel driver", () => {
    const bench = new Bench(new RecordingDevice());
    bench.open();
    // ENOSYS: the kernel takes it for 0 and does not ask again.
    expect(bench.deliver(flush)).toEqual(["10000000 daffffff 16000000 00000000"]);
    expect(bench.deliver(fsync)).toEqual(["10000000 eaffffff 18000000 00000000"]);
  });
});

describe("other requests", () => {
  const other = (opcode: string): Uint8Array =>
    hex`28000000 ${opcode} 1a00000000000000 0100000000000000 ${caller}`;

  it("FUSE_DESTROY succeeds", () => {
    expect(new Bench(new RecordingDevice()).deliver(other("26000000"))).toEqual([
      "10000000 00000000 1a000000 00000000",
    ]);
  });

  it.each([
    ["FUSE_GETATTR", "03000000"],
    ["FUSE_LSEEK", "2e000000"],
    ["an opcode of the future", "e7030000"],
  ])("%s is ENOSYS", (_name, opcode) => {
    expect(new Bench(new RecordingDevice()).deliver(other(opcode))).toEqual([
      "10000000 daffffff 1a000000 00000000", // -38
    ]);
  });

  it.each([
    ["FUSE_FORGET", "02000000"],
    ["FUSE_BATCH_FORGET", "2a000000"],
    ["FUSE_NOTIFY_REPLY", "29000000"],
  ])("%s has no answer", (_name, opcode) => {
    expect(new Bench(new RecordingDevice()).deliver(other(opcode))).toEqual([]);
  });
});

describe("malformed messages", () => {
  it.each([
    ["is shorter than a header", hex`28000000 27000000 1a000000`, []],
    ["is empty", hex``, []],
    [
      "is longer than it says",
      hex`28000000 27000000 1a00000000000000 0000000000000000 ${caller} 00`,
      ["10000000 fbffffff 1a000000 00000000"],
    ],
    [
      "lacks the struct of its opcode",
      hex`2c000000 27000000 1a00000000000000 0000000000000000 ${caller} 01000000`,
      ["10000000 fbffffff 1a000000 00000000"],
    ],
    [
      "is an INTERRUPT without its target",
      hex`28000000 24000000 1b00000000000000 0000000000000000 ${caller}`,
      [],
    ],
    [
      "names a file that is not open",
      hex`
        40000000 28000000 1a00000000000000 0000000000000000 ${caller}
        ffffffffffffffff 0000000000000000 00000000 00000000
      `,
      ["10000000 f7ffffff 1a000000 00000000"], // -9, EBADF
    ],
  ])("a message that %s is refused and logged, and the next is served", (_what, bytes, answer) => {
    const device = new RecordingDevice();
    const bench = new Bench(device);
    expect(bench.deliver(bytes)).toEqual(answer);
    expect(bench.log.warnings).toHaveLength(1);
    bench.open();
    expect(device.files).toHaveLength(1);
  });
});

describe("Message", () => {
  it("reads 64-bit fields where the kernel's header has them", () => {
    const at = (struct: string, field: string): number | undefined =>
      layoutOf(struct).fields.find(({ name }) => name === field)?.offset;
    expect(at("fuse_in_header", "unique")).toBe(8);
    expect(at("fuse_ioctl_in", "arg")).toBe(16);
    expect(at("fuse_poll_in", "kh")).toBe(8);
    for (const struct of [
      "fuse_read_in",
      "fuse_write_in",
      "fuse_ioctl_in",
      "fuse_poll_in",
      "fuse_release_in",
      "fuse_flush_in",
      "fuse_fsync_in",
    ]) {
      expect(layoutOf(struct).fields[0]).toMatchObject({ name: "fh", offset: 0 });
    }
  });

  it("reads both halves of them", () => {
    const message = new Message();
    const bytes = hex`
      50000000 27000000 0201000004030000 1211000014130000 ${caller}
      2221000024230000 00000000 09450440 3231000034330000 04000000 00000000 44444444 00000000
    `;
    expect(message.load(bytes)).toBeUndefined();
    const half = 2 ** 32;
    expect([message.uniqueLow, message.uniqueHigh]).toEqual([0x102, 0x304]);
    expect([message.nodeId, message.fh]).toEqual([0x1314 * half + 0x1112, 0x2324 * half + 0x2122]);
    expect([message.ioctlArgLow, message.ioctlArgHigh]).toEqual([0x3132, 0x3334]);
    expect([message.pollHandleLow, message.pollHandleHigh]).toEqual([0, 0x40044509]);
    expect(message.hasHeader).toBe(true);
  });

  it("has a header or not", () => {
    const message = new Message();
    expect(message.load(hex`28000000 01000000 0200000000000000 0000000000000000 ${caller}`)).toBeUndefined();
    expect([message.hasHeader, message.body.byteLength]).toEqual([true, 0]);
    expect(message.load(hex`27000000 01000000 0200000000000000 0000000000000000 00`)).toBeDefined();
    expect(message.hasHeader).toBe(false);
  });

  it("follows messages that lie at several places of one buffer", () => {
    const message = new Message();
    const place = new Uint8Array(4096);
    const at = (offset: number, fh: number): Uint8Array => {
      const bytes = hex`
        4c000000 27000000 1200000000000000 0000000000000000 ${caller}
        0000000000000000 00000000 09450440 0000000000000000 04000000 00000000 44444444
      `;
      bytes[40] = fh;
      place.set(bytes, offset);
      return place.subarray(offset, offset + bytes.byteLength);
    };
    const [first, second] = [at(0, 7), at(200, 9)];
    // The last one ends with the buffer: what stands behind it is not read.
    const third = at(4096 - first.byteLength, 11);
    for (const [bytes, fh] of [
      [first, 7],
      [second, 9],
      [third, 11],
      [first, 7],
    ] as const) {
      expect(message.load(bytes)).toBeUndefined();
      expect(message.fh).toBe(fh);
    }
    first[40] = 8;
    expect(message.load(first)).toBeUndefined();
    expect(message.fh).toBe(8);
  });

  it.each([
    ["29000000", "header says 41 bytes, 40 arrived"],
    ["27000000", "header says 39 bytes, 40 arrived"],
  ])("of a length that is not its own is none: %s", (length, wrong) => {
    const bytes = hex`${length} 01000000 0200000000000000 0000000000000000 ${caller}`;
    expect(new Message().load(bytes)).toBe(wrong);
  });

  it("reads a buffer of a message's own size again when it has changed", () => {
    const message = new Message();
    const bytes = hex`28000000 01000000 0200000000000000 0000000000000000 ${caller}`;
    expect(message.load(bytes)).toBeUndefined();
    bytes[4] = 39; // IOCTL has more than a header.
    bytes[8] = 9;
    expect(message.load(bytes)).toContain("needs 72 bytes, got 40");
    expect([message.opcode, message.uniqueLow]).toEqual([39, 9]);
  });

  it("that is too short is refused for opcodes of every size", () => {
    for (const [opcode, size] of [
      [FUSE_OPEN, 8],
      [FUSE_INIT, 16],
      [CUSE_INIT, 16],
    ] as const) {
      const load = (length: number): string | undefined =>
        new Message().load(send.message(opcode, 2, new Uint8Array(length)));
      expect(load(size)).toBeUndefined();
      expect(load(size - 1)).toContain(`needs ${40 + size} bytes, got ${39 + size}`);
    }
  });

  it("follows a channel that uses another buffer for each message", () => {
    const message = new Message();
    const first = hex`
      4c000000 27000000 1200000000000000 0000000000000000 ${caller}
      0700000000000000 00000000 0945 0440 0000000000000000 04000000 00000000 44444444
    `;
    const second = first.slice();
    second[FuseIoctlInView.SIZE + 8] = 8; // the low byte of fh
    second[75] = 0x55;
    expect(message.load(first)).toBeUndefined();
    expect(message.fh).toBe(7);
    expect(dataOf(message, 4)).toEqual(hex`44444444`);
    expect(message.load(second)).toBeUndefined();
    expect(message.fh).toBe(8);
    expect(dataOf(message, 4)).toEqual(hex`44444455`);
  });

  it.each([1, 2, 3, 5, 7, 8, 23])("copies the %i bytes of an ioctl and none more", (size) => {
    const message = new Message();
    const bytes = new Uint8Array(200).fill(0xee);
    const whole = 40 + FuseIoctlInView.SIZE + size;
    const view = new DataView(bytes.buffer);
    view.setUint32(0, whole, true);
    view.setUint32(4, 39, true); // FUSE_IOCTL
    for (let at = 0; at < size; at++) bytes[whole - size + at] = at + 1;
    expect(message.load(bytes.subarray(0, whole))).toBeUndefined();
    const into = new Uint8Array(40).fill(0xaa);
    expect(message.copyIoctlData(size, new DataView(into.buffer), 8)).toBe(true);
    expect([...into.subarray(8, 8 + size)]).toEqual(Array.from({ length: size }, (_, at) => at + 1));
    expect(into.subarray(0, 8).every((byte) => byte === 0xaa)).toBe(true);
    expect(into.subarray(8 + size).every((byte) => byte === 0xaa)).toBe(true);
    expect(message.copyIoctlData(size + 1, new DataView(into.buffer), 0)).toBe(false);
  });
});
