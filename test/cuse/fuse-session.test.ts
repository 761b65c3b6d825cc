/** Anonymous files on a kernel of the test's own: the bytes of the file system, who is known, and the end. */
import { constants } from "node:fs";
import { describe, expect, it } from "vitest";
import type { CharDevice, IoctlRequest, OpenFile, PollRequest } from "../../src/cuse/char-device.js";
import { CharDeviceError, CuseError } from "../../src/cuse/errors.js";
import { FuseSession, type AnonymousFile, type AnonymousFileOptions } from "../../src/cuse/fuse-session.js";
import {
  FUSE_ACCESS,
  FUSE_GETATTR,
  FUSE_OPENDIR,
  FUSE_SETATTR,
  FUSE_STATFS,
} from "../../src/cuse/gen/fuse.js";
import { systemError, turns } from "./support/fake-channel.js";
import { FakeFuse, lookup, ROOT } from "./support/fuse-system.js";
import { digits, hex } from "../support/hex.js";
import * as send from "./support/messages.js";
import { RecordingLog } from "./support/recording-device.js";

/** From a Linux 6.12: 7.41, max_readahead 128 KiB, flags, flags2 with FUSE_PASSTHROUGH. */
const INIT = hex`
  68000000 1a000000 0200000000000000 0000000000000000
  00000000 00000000 00000000 0000 0000
  07000000 29000000 00000200 fbfbff73 bd000000
  00000000 00000000 00000000 00000000 00000000 00000000
  00000000 00000000 00000000 00000000 00000000
`;

/** From a Linux 5.15, 7.34: 16 bytes without flags2. */
const OLD_INIT = hex`
  38000000 1a000000 0200000000000000 0000000000000000
  00000000 00000000 00000000 0000 0000
  07000000 22000000 00000200 fbfbff33
`;

interface File {
  readonly name: string;
  readonly file: OpenFile;
  revents: number;
}

class Device implements CharDevice<File> {
  readonly events: string[] = [];
  readonly files: File[] = [];
  onIoctl: (file: File, request: IoctlRequest) => number | Promise<number> = () => 0;

  constructor(readonly name = "device") {}

  readonly make = (file: OpenFile): File => {
    const made = { name: `${this.name}${this.files.length + 1}`, file, revents: 0 };
    this.files.push(made);
    return made;
  };

  open(): File {
    throw new Error("opened by create() only");
  }

  release(file: File): void {
    this.events.push(`release ${file.name}`);
  }

  ioctl(file: File, request: IoctlRequest): number | Promise<number> {
    this.events.push(`ioctl ${file.name} 0x${request.cmd.toString(16)} by ${request.caller.tid}`);
    return this.onIoctl(file, request);
  }

  poll(file: File, request: PollRequest): number {
    this.events.push(`poll ${file.name} for ${request.events}`);
    return file.revents;
  }
}

class Bench {
  readonly system = new FakeFuse();
  readonly log = new RecordingLog();
  readonly session: FuseSession;
  readonly device = new Device();

  constructor() {
    this.session = new FuseSession({ log: this.log }, this.system);
  }

  create(options?: AnonymousFileOptions, device = this.device): Promise<AnonymousFile> {
    return this.session.create(device, device.make, options);
  }

  /** Delivers a message. @returns What was answered at once. */
  deliver(message: Uint8Array): string[] {
    this.system.channel.deliver(message);
    return this.system.channel.take();
  }
}

/** The header of an answer that is an error, after its length. */
const refusal = (code: string, unique: number): string => `10000000 ${code} ${hex32(unique)} 00000000`;
const hex32 = (value: number): string => digits(new Uint8Array(Uint32Array.of(value).buffer));
const EPERM = "ffffffff";
const ENOENT = "feffffff";
const EACCES = "f3ffffff";
const EINVAL = "eaffffff";
const EBADF = "f7ffffff";
const ENODEV = "edffffff";
const ENOSYS = "daffffff";

describe("FUSE_INIT", () => {
  it("is answered with 7.40, passthrough, and room for every RELEASE", () => {
    const bench = new Bench();
    expect(bench.deliver(INIT)).toEqual([
      "50000000 00000000 02000000 00000000 " +
        "07000000 28000000 00000000 00004440 " + // flags: PARALLEL_DIROPS, MAX_PAGES, INIT_EXT
        "ffffffff 00001000 01000000 00010000 " + // backgrounds, max_write, time_gran, max_pages
        "20000000 01000000 00000000 00000000 00000000 00000000 00000000 00000000",
    ]);
  });

  it("of an older kernel is answered without passthrough", () => {
    const bench = new Bench();
    expect(bench.deliver(OLD_INIT)).toEqual([
      "50000000 00000000 02000000 00000000 " +
        "07000000 22000000 00000000 00004400 ffffffff 00001000 01000000 00010000 " +
        "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000",
    ]);
  });

  it.each([
    ["another protocol", 40, 8],
    ["a kernel that does not tell inodes", 44, 33],
  ])("of %s is refused", (_title, offset, value) => {
    const bench = new Bench();
    const init = INIT.slice();
    init[offset] = value;
    expect(bench.deliver(init)).toEqual([refusal("fbffffff", 2)]);
    expect(bench.log.errors).toEqual([expect.stringMatching(/^This kernel speaks FUSE \d\.\d+, but 7\.34/)]);
  });
});

describe("making a file", () => {
  it("is LOOKUP and OPEN, after which the device has a file", async () => {
    const { system, device, session } = new Bench();
    const pending = session.create(device, device.make, { label: "request" });
    expect(session.size).toBe(1);
    const file = await pending;
    expect(file).toMatchObject({ ino: 2, fd: 51 });
    expect(device.files).toMatchObject([{ name: "device1", file: { id: 1n } }]);
    expect(system.opener.answers).toEqual([
      "90000000 00000000 02000000 00000000 " +
        "02000000 00000000 00000000 00000000 " + // inode 2, generation
        "00000000 00000000 0003cc12 00000000 00000000 00000000 " + // the name lasts 0 s, attributes ten years
        "02000000 00000000 00000000 00000000 00000000 00000000 " + // ino, size, blocks
        "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 " + // times
        "80810000 01000000 00000000 00000000 00000000 00100000 00000000", // S_IFREG 0600, one link, root's
      "20000000 00000000 04000000 00000000 01000000 00000000 31000000 00000000", // DIRECT_IO, STREAM, NOFLUSH
    ]);
    file.close();
    expect(file.fd).toBe(-1);
  });

  it("numbers inodes once", async () => {
    const bench = new Bench();
    const numbers: number[] = [];
    for (let round = 1; round <= 3; round++) {
      numbers.push((await bench.create()).ino);
      bench.deliver(send.about(round + 1, send.release(2, round)));
    }
    expect(numbers).toEqual([2, 3, 4]);
    expect(bench.session.size).toBe(0);
  });

  it.each([
    ["O_RDONLY", undefined, constants.O_RDONLY],
    ["what was asked for", constants.O_RDWR | constants.O_NONBLOCK, constants.O_RDWR | constants.O_NONBLOCK],
  ])("opens with %s", async (_title, flags, expected) => {
    const bench = new Bench();
    let seen: number | undefined;
    bench.device.onIoctl = (_file, request) => (seen = request.nonblocking() ? 1 : 0);
    await bench.create(flags === undefined ? {} : { flags });
    bench.deliver(send.ioctl(6, 1, send.io(1)));
    expect(seen).toBe((expected & constants.O_NONBLOCK) === 0 ? 0 : 1);
  });

  it("fails with what open(2) failed with, and leaves nothing", async () => {
    const bench = new Bench();
    bench.system.opener.failures.set("anon", "EMFILE");
    await expect(bench.create()).rejects.toMatchObject({ code: "EMFILE" });
    expect(bench.session.size).toBe(0);
    expect(bench.device.events).toEqual([]);
  });

  it("fails when the device cannot make its file", async () => {
    const bench = new Bench();
    const made = bench.session.create(bench.device, () => {
      throw new Error("a bug");
    });
    await expect(made).rejects.toMatchObject({ code: "EACCES" });
    expect(bench.log.errors[0]).toMatch(/FUSE_OPEN failed .*a bug/);
    expect(bench.session.size).toBe(0);
    expect(bench.device.events).toEqual([]);
  });

  it("gives several at once their own", async () => {
    const bench = new Bench();
    const files = await Promise.all([1, 2, 3].map(() => bench.create()));
    expect(files.map(({ ino }) => ino)).toEqual([2, 3, 4]);
    expect(bench.device.files.map(({ file }) => file.id)).toEqual([1n, 2n, 3n]);
  });
});

describe("memory behind a file", () => {
  it("is registered, named in the answer to OPEN, and forgotten: the open file has it then", async () => {
    const bench = new Bench();
    bench.deliver(INIT);
    expect(await bench.session.canMap).toBe(true);
    await bench.create({ backing: 33, flags: constants.O_RDWR });
    expect(bench.system.opener.answers[1]).toBe(
      "20000000 00000000 04000000 00000000 01000000 00000000 a1000000 07000000", // DIRECT_IO, NOFLUSH, PASSTHROUGH
    );
    expect(bench.system.steps.slice(-2)).toEqual([
      "ioctl 10 0x4010e501 21000000 00000000 00000000 00000000",
      "ioctl 10 0x4004e502 07000000",
    ]);
  });

  it("waits for what the kernel says it can", async () => {
    const bench = new Bench();
    const pending = bench.create({ backing: 33 });
    await turns();
    expect(bench.session.size).toBe(0);
    bench.deliver(INIT);
    await pending;
    expect(bench.session.size).toBe(1);
  });

  it("is EOPNOTSUPP on a kernel without passthrough", async () => {
    const bench = new Bench();
    bench.deliver(OLD_INIT);
    expect(await bench.session.canMap).toBe(false);
    await expect(bench.create({ backing: 33 })).rejects.toMatchObject({ code: "EOPNOTSUPP" });
    expect(bench.session.size).toBe(0);
  });

  it("is forgotten when the file cannot be opened", async () => {
    const bench = new Bench();
    bench.deliver(INIT);
    bench.system.opener.failures.set("anon", "EMFILE");
    await expect(bench.create({ backing: 33 })).rejects.toMatchObject({ code: "EMFILE" });
    expect(bench.system.steps.at(-1)).toBe("ioctl 10 0x4004e502 07000000");
  });

  it("fails when the session ends meanwhile", async () => {
    const bench = new Bench();
    const pending = bench.create({ backing: 33 });
    await bench.session.close();
    await expect(pending).rejects.toMatchObject({ code: "EOPNOTSUPP" });
    expect(await bench.session.canMap).toBe(false);
  });
});

describe("the file system", () => {
  it("finds nothing by name but what we open", async () => {
    const bench = new Bench();
    await bench.create();
    expect(bench.deliver(lookup(8, ROOT, "anon:2"))).toEqual([refusal(ENOENT, 8)]);
    expect(bench.deliver(lookup(10, ROOT, "anon:3"))).toEqual([refusal(ENOENT, 10)]);
    expect(bench.deliver(lookup(12, 2, "anon:2"))).toEqual([refusal(ENOENT, 12)]);
  });

  it("finds nothing below a file, not even what we are about to open", async () => {
    const bench = new Bench();
    const pending = bench.create();
    await Promise.resolve();
    expect(bench.deliver(lookup(12, 2, "anon:2"))).toEqual([refusal(ENOENT, 12)]);
    await pending;
  });

  it("opens no file again, whoever asks", async () => {
    const bench = new Bench();
    await bench.create();
    expect(bench.deliver(send.about(2, send.open(6)))).toEqual([refusal(EACCES, 6)]);
    expect(bench.deliver(send.about(99, send.open(8)))).toEqual([refusal(EACCES, 8)]);
    expect(bench.deliver(send.about(ROOT, send.open(10)))).toEqual([refusal(EACCES, 10)]);
    expect(bench.device.files.length).toBe(1);
    expect(bench.session.size).toBe(1);
  });

  it("tells attributes that last", () => {
    const bench = new Bench();
    const getattr = send.about(5, send.message(FUSE_GETATTR, 6, new Uint8Array(16)));
    expect(bench.deliver(getattr)).toEqual([
      "78000000 00000000 06000000 00000000 0003cc12 00000000 00000000 00000000 " +
        "05000000 00000000 00000000 00000000 00000000 00000000 " +
        "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 " +
        "80810000 01000000 00000000 00000000 00000000 00100000 00000000",
    ]);
    const ofRoot = send.about(ROOT, send.message(FUSE_GETATTR, 6, new Uint8Array(16)));
    expect(bench.deliver(ofRoot)[0]).toContain("40410000"); // S_IFDIR 0500
  });

  it.each([
    ["SETATTR", FUSE_SETATTR, EPERM],
    ["OPENDIR", FUSE_OPENDIR, EACCES],
    ["ACCESS", FUSE_ACCESS, ENOSYS],
  ])("refuses %s", (_name, opcode, code) => {
    const bench = new Bench();
    expect(bench.deliver(send.message(opcode, 6, new Uint8Array(88)))).toEqual([refusal(code, 6)]);
  });

  it("has no blocks and no names", () => {
    const bench = new Bench();
    const [answer] = bench.deliver(send.message(FUSE_STATFS, 6, new Uint8Array()));
    expect(answer).toBe(`60000000 00000000 06000000 00000000${" 00000000".repeat(20)}`);
  });

  it("has nothing to flush, so that our own close(2) never waits for us", async () => {
    const bench = new Bench();
    await bench.create();
    expect(bench.deliver(send.flush(6, 1))).toEqual([refusal(ENOSYS, 6)]);
  });
});

describe("calls on a file", () => {
  it("reach the device that made it, with its own file", async () => {
    const bench = new Bench();
    const other = new Device("other");
    await bench.create();
    await bench.create({}, other);
    other.onIoctl = () => {
      throw new CharDeviceError("EBUSY", "not now");
    };
    expect(bench.deliver(send.ioctl(6, 1, send.io(0x80)))).toEqual([
      "20000000 00000000 06000000 00000000 00000000 00000000 00000000 00000000",
    ]);
    expect(bench.deliver(send.ioctl(8, 2, send.io(0x81)))).toEqual([refusal("f0ffffff", 8)]);
    expect(bench.device.events).toEqual(["ioctl device1 0x4580 by 4242"]);
    expect(other.events).toEqual(["ioctl other1 0x4581 by 4242"]);
  });

  it("are calls on files that can be mapped as they are; those that wait can be refused", async () => {
    const bench = new Bench();
    const asked: boolean[] = [];
    const device: CharDevice<string> = {
      open: () => "",
      release: () => undefined,
      ioctl: (_file, { isAnonymous }) => {
        asked.push(isAnonymous);
        return new Promise<number>(() => undefined);
      },
    };
    await bench.session.create(device, () => "it");
    expect(bench.deliver(send.ioctl(6, 1, send.io(0x80)))).toEqual([]);
    expect(asked).toEqual([true]);
    bench.session.refusePending("EBUSY");
    expect(bench.system.channel.take()).toEqual([refusal("f0ffffff", 6)]);
    await bench.session.close();
    bench.session.refusePending("EBUSY");
    expect(bench.system.channel.take()).toEqual([]);
  });

  it("poll: asks the device, and wakes who waits", async () => {
    const bench = new Bench();
    await bench.create();
    expect(bench.deliver(send.poll(6, 1, 77, true, 2))).toEqual([
      "18000000 00000000 06000000 00000000 00000000 00000000",
    ]);
    const [file] = bench.device.files;
    if (file === undefined) throw new Error("no file");
    file.revents = 2;
    file.file.notifyPoll();
    file.file.notifyPoll();
    expect(bench.system.channel.take()).toEqual(["18000000 01000000 00000000 00000000 4d000000 00000000"]);
    expect(bench.deliver(send.poll(8, 1, 77, false, 2))).toEqual([
      "18000000 00000000 08000000 00000000 02000000 00000000",
    ]);
  });

  it("a device without poll, read, write and fsync: always ready, EINVAL", async () => {
    const bench = new Bench();
    const bare: CharDevice<object> = { open: () => ({}), release: () => undefined, ioctl: () => 0 };
    await bench.session.create(bare, () => ({}));
    expect(bench.deliver(send.poll(6, 1, 77, false))).toEqual([
      "18000000 00000000 06000000 00000000 45010000 00000000",
    ]);
    expect(bench.deliver(send.read(8, 1, 16))).toEqual([refusal(EINVAL, 8)]);
    expect(bench.deliver(send.write(10, 1, Uint8Array.of(1)))).toEqual([refusal(EINVAL, 10)]);
    expect(bench.deliver(send.fsync(12, 1))).toEqual([refusal(EINVAL, 12)]);
  });

  it("read, write and fsync reach a device that has them", async () => {
    const bench = new Bench();
    const calls: string[] = [];
    const device: CharDevice<string> = {
      open: () => "",
      release: () => undefined,
      ioctl: () => 0,
      read: (file, { size }) => (calls.push(`read ${file} ${size}`), Uint8Array.of(1, 2)),
      write: (file, { data }) => (calls.push(`write ${file} ${data.length}`), data.length),
      fsync: (file) => void calls.push(`fsync ${file}`),
    };
    await bench.session.create(device, () => "it");
    expect(bench.deliver(send.read(8, 1, 16))).toEqual(["12000000 00000000 08000000 00000000 0102"]);
    expect(bench.deliver(send.write(10, 1, Uint8Array.of(7)))[0]).toContain("01000000");
    expect(bench.deliver(send.fsync(12, 1))).toEqual(["10000000 00000000 0c000000 00000000"]);
    expect(calls).toEqual(["read it 16", "write it 1", "fsync it"]);
  });

  it("read: a file without memory has the position that the kernel says", async () => {
    const bench = new Bench();
    const offsets: bigint[] = [];
    const device: CharDevice<string> = {
      open: () => "",
      release: () => undefined,
      ioctl: () => 0,
      read: (_file, { offset }) => (offsets.push(offset), Uint8Array.of(1)),
      write: (_file, { data, offset }) => (offsets.push(offset), data.length),
    };
    await bench.session.create(device, () => "it");
    for (const [index, offset] of [0n, 4096n, 100n].entries())
      bench.deliver(send.read(8 + 2 * index, 1, 16, 2, offset));
    bench.deliver(send.write(20, 1, Uint8Array.of(1)));
    expect(offsets).toEqual([0n, 4096n, 100n, 0n]);
  });

  it("release: the device hears it once, and the file is known no more", async () => {
    const bench = new Bench();
    const { ino } = await bench.create();
    bench.system.holds(4242, 5, ino);
    expect(bench.deliver(send.about(ino, send.release(6, 1)))).toEqual([
      "10000000 00000000 06000000 00000000",
    ]);
    expect(bench.device.events).toEqual(["release device1"]);
    expect(bench.session.identify(4242, 5)).toBeUndefined();
    expect(bench.deliver(send.ioctl(8, 1, send.io(1)))).toEqual([refusal(EBADF, 8)]);
    expect(bench.session.size).toBe(0);
  });
});

describe("identify", () => {
  it("finds the file behind a client's descriptor, in whichever process", async () => {
    const bench = new Bench();
    const { ino } = await bench.create();
    const second = await bench.create();
    bench.system.holds(4242, 5, ino);
    bench.system.holds(4242, 6, second.ino);
    bench.system.holds(777, 0, ino, constants.O_NONBLOCK);
    expect(bench.session.identify(4242, 5)).toEqual({ device: bench.device, file: bench.device.files[0] });
    expect(bench.session.identify(4242, 6)?.file).toBe(bench.device.files[1]);
    expect(bench.session.identify(777, 0)?.file).toBe(bench.device.files[0]);
  });

  it.each([
    ["is not open", undefined],
    ["is on another mount with the same inode", { flags: 0, mountId: 28, ino: 2 }],
    ["is the mount's root", { flags: 0, mountId: 27, ino: 1 }],
    ["is an inode that we do not have", { flags: 0, mountId: 27, ino: 3 }],
    ["only names the file (O_PATH)", { flags: 0o10000000, mountId: 27, ino: 2 }],
  ])("knows none that %s", async (_title, facts) => {
    const bench = new Bench();
    await bench.create();
    if (facts !== undefined) bench.system.descriptors.set("4242/5", facts);
    expect(bench.session.identify(4242, 5)).toBeUndefined();
  });

  it.each([-1, 2 ** 31, 1.5, Number.NaN])("knows none with the number %s", async (fd) => {
    const bench = new Bench();
    await bench.create();
    bench.system.factsError = new TypeError("openFileFacts: argument 2 must be a file descriptor");
    expect(bench.session.identify(4242, fd)).toBeUndefined();
  });

  it("knows none of a client that cannot be seen", async () => {
    const bench = new Bench();
    const { ino } = await bench.create();
    bench.system.holds(0, 5, ino);
    expect(bench.session.identify(0, 5)).toBeUndefined();
    bench.system.holds(4242, 5, ino);
    bench.system.factsError = systemError("EACCES", "open");
    expect(bench.session.identify(4242, 5)).toBeUndefined();
  });

  it("knows none before it is open", async () => {
    const bench = new Bench();
    const pending = bench.create();
    bench.system.holds(4242, 5, 2);
    expect(bench.session.identify(4242, 5)).toBeUndefined();
    await pending;
    expect(bench.session.identify(4242, 5)).toBeDefined();
  });
});

describe("catchUp", () => {
  it("serves what waits in the channel", async () => {
    const bench = new Bench();
    await bench.create();
    await bench.create();
    bench.system.waiting.push(
      send.about(2, send.release(6, 1)),
      systemError("ENOENT", "read"), // was aborted
      send.ioctl(8, 2, send.io(1)),
    );
    bench.session.catchUp();
    expect(bench.device.events).toEqual(["release device1", "ioctl device2 0x4501 by 4242"]);
  });

  it("asks the kernel nothing while no file is open", async () => {
    const bench = new Bench();
    bench.system.waiting.push(systemError("EIO", "read"));
    bench.session.catchUp();
    expect(bench.system.waiting).toHaveLength(1);
    await bench.create();
    bench.session.catchUp();
    expect(bench.system.waiting).toEqual([]);
  });

  it("does nothing while a message is served", async () => {
    const bench = new Bench();
    await bench.create();
    bench.system.waiting.push(send.about(2, send.release(8, 1)));
    bench.device.onIoctl = () => {
      bench.session.catchUp();
      return 0;
    };
    bench.deliver(send.ioctl(6, 1, send.io(1)));
    expect(bench.device.events).toEqual(["ioctl device1 0x4501 by 4242"]);
    bench.session.catchUp();
    expect(bench.device.events).toEqual(["ioctl device1 0x4501 by 4242", "release device1"]);
  });

  it("comes back from clients that never pause", async () => {
    const bench = new Bench();
    await bench.create();
    for (let unique = 6; unique < 2006; unique += 2)
      bench.system.waiting.push(send.ioctl(unique, 1, send.io(1)));
    bench.session.catchUp();
    expect(bench.device.events.length).toBe(256);
  });
});

describe("the end", () => {
  it("close: callers get ENODEV, files are released, nothing stays open", async () => {
    const bench = new Bench();
    await bench.create();
    await bench.create();
    let interrupted = false;
    bench.device.onIoctl = (_file, request) => {
      request.onInterrupt(() => (interrupted = true));
      return new Promise(() => undefined);
    };
    bench.deliver(send.ioctl(6, 1, send.io(1)));
    await bench.session.close();
    expect(bench.system.channel.take()).toEqual([refusal(ENODEV, 6)]);
    expect(interrupted).toBe(true);
    expect(bench.device.events.slice(1)).toEqual(["release device1", "release device2"]);
    expect(bench.system.channel.isClosed).toBe(true);
    expect(bench.system.opener.isClosed).toBe(true);
    expect(bench.system.steps).toEqual(["open /dev/fuse 1052672", "mount 10", "opener 11", "unmount"]);
    expect(await bench.session.closed).toBeUndefined();
    await expect(bench.create()).rejects.toThrow(CuseError);
    bench.session.catchUp();
    await bench.session.close();
  });

  it("by the kernel: the same, and the reason is told", async () => {
    const bench = new Bench();
    const { ino } = await bench.create();
    bench.system.holds(4242, 5, ino);
    bench.system.waiting.push(send.ioctl(8, 1, send.io(1)));
    bench.system.channel.handlers.onClose(systemError("ENODEV", "read"));
    // There is nothing to read from any more.
    expect(bench.system.waiting).toHaveLength(1);
    expect((await bench.session.closed)?.message).toBe(
      "The kernel ended the session that serves clients' files (read: ENODEV).",
    );
    expect(bench.device.events).toEqual(["release device1"]);
    expect(bench.session.identify(4242, 5)).toBeUndefined();
  });

  it("by the kernel without a reason: none is told", async () => {
    const bench = new Bench();
    bench.system.channel.handlers.onClose(undefined);
    expect((await bench.session.closed)?.message).toBe(
      "The kernel ended the session that serves clients' files.",
    );
  });

  it("while a file is being made: that fails, and its device hears nothing more", async () => {
    const bench = new Bench();
    bench.system.opener.failures.set("anon", "ECANCELED");
    const pending = bench.create();
    await bench.session.close();
    await expect(pending).rejects.toMatchObject({ code: "ECANCELED" });
    await turns();
    expect(bench.device.events).toEqual([]);
    expect(bench.session.size).toBe(0);
  });
});
