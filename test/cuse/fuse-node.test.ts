/** FUSE nodes on a kernel of the test's own: the folder's bytes, one inode per open file, and the end of a node. */
import { describe, expect, it, vi } from "vitest";
import type { MappedInode, OpenRequest } from "../../src/cuse/char-device.js";
import { CharDeviceError } from "../../src/cuse/errors.js";
import { FuseMount } from "../../src/cuse/fuse-mount.js";
import { FuseNode, type FuseNodeOptions } from "../../src/cuse/fuse-node.js";
import {
  FATTR_MODE,
  FATTR_SIZE,
  FUSE_BATCH_FORGET,
  FUSE_FORGET,
  FUSE_GETATTR,
  FUSE_GETXATTR,
  FUSE_READDIR,
  FUSE_SETATTR,
  FuseReadInView,
  FuseSetattrInView,
} from "../../src/cuse/gen/fuse.js";
import { findMount } from "../../src/cuse/node-folder.js";
import { systemError, turns } from "./support/fake-channel.js";
import { lookup, nodeIdOf, ROOT } from "./support/fuse-system.js";
import { FOLDER, MINOR, System } from "./support/mount-system.js";
import { digits, hex } from "../support/hex.js";
import * as send from "./support/messages.js";
import { RecordingDevice, RecordingLog, type TestFile } from "./support/recording-device.js";

class Bench {
  readonly log = new RecordingLog();

  private constructor(
    readonly system: System,
    readonly mount: FuseMount,
  ) {}

  static async start(isAdmin = true): Promise<Bench> {
    const system = new System();
    system.isAdmin = isAdmin;
    const log = new RecordingLog();
    const mount = await FuseMount.start({ folder: FOLDER, log }, system);
    system.steps.length = 0;
    system.channel.take();
    return new Bench(system, mount);
  }

  node(device = new RecordingDevice(), options: Partial<FuseNodeOptions> = {}): FuseNode {
    return FuseNode.start(device, { name: "video0", mount: this.mount, log: this.log, ...options });
  }

  /** @returns What was answered at once. */
  deliver(message: Uint8Array): string[] {
    this.system.channel.deliver(message);
    return this.system.channel.take();
  }

  lookup(name = "video0"): number {
    const inode = nodeIdOf(this.deliver(lookup(2, ROOT, name))[0] ?? "");
    if (inode === undefined) throw new Error(`no ${name}`);
    return inode;
  }

  forget(nodeId: number, lookups = 1): void {
    const body = new Uint8Array(BigUint64Array.of(BigInt(lookups)).buffer);
    expect(this.deliver(send.about(nodeId, send.message(FUSE_FORGET, 0, body)))).toEqual([]);
  }
}

/** A device whose files map memory, as those of a video node. */
class MappingDevice extends RecordingDevice {
  readonly inodes: MappedInode[] = [];

  override open(request: OpenRequest): TestFile | Promise<TestFile> {
    const file = super.open(request);
    if (request.mapMemory !== undefined) this.inodes.push(request.mapMemory({ fd: 60 + this.inodes.length }));
    return file;
  }
}

const error = (answer: string | undefined): number =>
  Buffer.from(answer?.split(" ")[1] ?? "", "hex").readInt32LE();
const [ENOENT, EBUSY, ENODEV, EINVAL, ENODATA] = [-2, -16, -19, -22, -61];

describe("the mount", () => {
  it("opens a channel, mounts, and tries whether memory can be registered", async () => {
    const system = new System();
    const mount = await FuseMount.start({ folder: FOLDER, log: new RecordingLog() }, system);
    expect(system.steps).toEqual([
      `claim ${FOLDER}`,
      "open /dev/fuse",
      "mount 30",
      "register fd 90",
      "forget memory 7",
    ]);
    expect(mount.canMap).toBe(true);
    // 7.40, PARALLEL_DIROPS, ATOMIC_O_TRUNC and INIT_EXT, PASSTHROUGH.
    expect(system.channel.take()[0]?.split(" ").slice(4, 8)).toEqual([
      "07000000",
      "28000000",
      "00000000",
      "08004440",
    ]);
    await mount.close();
    expect(system.steps.at(-1)).toBe("release");
  });

  it("maps nothing for a user who may not register memory", async () => {
    const { mount } = await Bench.start(false);
    expect(mount.canMap).toBe(false);
  });

  it.each([
    ["EPERM", /^\/dev\/fuse may not be used to mount by this user: run as root/],
    ["EACCES", /^\/dev\/fuse may not be used to mount by this user: run as root/],
    ["ENOENT", /^\/dev\/fuse is missing: load it with "modprobe fuse"/],
    ["ENODEV", /^\/dev\/fuse is missing: load it/],
    ["ENXIO", /^\/dev\/fuse is missing: load it/],
    ["EMFILE", /^FUSE nodes cannot be made: .*EMFILE/],
  ])("gives the folder back when it cannot be mounted (%s), and says what to do", async (code, sentence) => {
    const system = new System();
    system.mountError = systemError(code, "mount");
    const start = FuseMount.start({ folder: FOLDER, log: new RecordingLog() }, system);
    await expect(start).rejects.toThrow(sentence);
    expect(system.steps.at(-1)).toBe("release");
    expect(system.channel.isClosed).toBe(true);
  });

  it("ends with all its nodes when the kernel ends it", async () => {
    const bench = await Bench.start();
    const node = bench.node();
    bench.system.channel.handlers.onClose(systemError("ENODEV", "read"));
    expect(await node.closed).toMatchObject({ message: expect.stringContaining("was ended") as string });
    expect(await bench.mount.closed).toMatchObject({
      name: "CuseError",
      message: expect.stringMatching(/^The mount on \/run\/nodes was ended \(.*ENODEV.*\)\.$/) as string,
    });
    // Once: what comes later changes nothing.
    const steps = [...bench.system.steps];
    await bench.mount.close();
    bench.system.channel.handlers.onClose(undefined);
    expect(bench.system.steps).toEqual(steps);
  });

  it("says no reason where the kernel gives none", async () => {
    const bench = await Bench.start();
    bench.system.channel.handlers.onClose(undefined);
    expect(await bench.mount.closed).toMatchObject({ message: "The mount on /run/nodes was ended." });
  });
});

describe("the folder", () => {
  it("lists its nodes", async () => {
    const bench = await Bench.start();
    bench.node();
    bench.node(new RecordingDevice(), { name: "media0" });
    const body = new FuseReadInView(new Uint8Array(FuseReadInView.SIZE));
    body.size = 4096;
    const [listing] = bench.deliver(send.about(ROOT, send.message(FUSE_READDIR, 2, body.bytes)));
    expect(listing).toBe(
      "90000000 00000000 02000000 00000000 " +
        "01000000 00000000 01000000 00000000 01000000 04000000 2e000000 00000000 " + // ".", a folder
        "01000000 00000000 02000000 00000000 02000000 04000000 2e2e0000 00000000 " +
        "02000000 00000000 03000000 00000000 06000000 08000000 76696465 6f300000 " + // "video0", a file
        "03000000 00000000 04000000 00000000 06000000 08000000 6d656469 61300000",
    );
    body.offset = 4n;
    expect(bench.deliver(send.about(ROOT, send.message(FUSE_READDIR, 4, body.bytes)))[0]).toMatch(
      /^10000000 0/,
    );
    body.offset = 0n;
    body.size = 40; // One entry fits.
    expect(bench.deliver(send.about(ROOT, send.message(FUSE_READDIR, 4, body.bytes)))[0]).toMatch(
      /^30000000 0/,
    );
  });

  it("and its nodes belong to the user and the group that serve them", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(1000);
    vi.spyOn(process, "getgid").mockReturnValue(100);
    try {
      const bench = await Bench.start();
      expect(bench.node().access).toEqual({ mode: 0o600, uid: 1000, gid: 100 });
      const other = bench.node(new RecordingDevice(), { name: "media0", group: "44" });
      expect(other.access).toEqual({ mode: 0o660, uid: 1000, gid: 44 });
    } finally {
      vi.restoreAllMocks();
    }
  });

  it("has regular files with the mode and group asked for", async () => {
    const bench = await Bench.start();
    bench.node(new RecordingDevice(), { mode: 0o640, group: 44 });
    const words = bench.deliver(lookup(2, ROOT, "video0"))[0]?.split(" ") ?? [];
    expect(words.slice(8, 10)).toEqual(["00000000", "00000000"]); // The name is not kept.
    const attributes = words.slice(14);
    expect(attributes.slice(15, 19)).toEqual([
      "a0810000",
      "01000000",
      hexWord(process.getuid?.() ?? 0),
      "2c000000",
    ]);
  });

  it("takes chmod, and refuses truncate as a device does", async () => {
    const bench = await Bench.start();
    const node = bench.node();
    const inode = bench.lookup();
    const set = new FuseSetattrInView(new Uint8Array(FuseSetattrInView.SIZE));
    set.valid = FATTR_MODE;
    set.mode = 0o100666;
    expect(error(bench.deliver(send.about(inode, send.message(FUSE_SETATTR, 2, set.bytes)))[0])).toBe(0);
    expect(node.access.mode).toBe(0o666);
    set.valid = FATTR_SIZE;
    expect(error(bench.deliver(send.about(inode, send.message(FUSE_SETATTR, 4, set.bytes)))[0])).toBe(EINVAL);
  });

  it("tells the device number as an extended attribute, by which no two nodes are the same", async () => {
    const bench = await Bench.start();
    const video = bench.node();
    const media = bench.node(new RecordingDevice(), { name: "media0" });
    expect([video.major, video.minor, media.major, media.minor]).toEqual([1024, MINOR, 1025, MINOR]);
    const ask = (size: number, name = "system.v4l2-cuse.rdev"): string | undefined => {
      const head = new Uint8Array(Uint32Array.of(size, 0).buffer);
      const body = Buffer.concat([head, Buffer.from(`${name}\0`)]);
      return bench.deliver(send.about(bench.lookup("media0"), send.message(FUSE_GETXATTR, 2, body)))[0];
    };
    expect(ask(64)).toBe(`17000000 00000000 02000000 00000000 ${digits(Buffer.from("1025:35"))}`);
    expect(ask(0)).toBe("18000000 00000000 02000000 00000000 07000000 00000000");
    expect(error(ask(6))).toBe(-34); // ERANGE
    expect(error(ask(64, "security.capability"))).toBe(ENODATA);
  });

  it("does not take a name twice", async () => {
    const bench = await Bench.start();
    bench.node();
    expect(() => bench.node()).toThrow("/run/nodes/video0 exists already");
    expect(() => bench.node(new RecordingDevice(), { name: "../x" })).toThrow("no name for a device node");
  });

  it("survives messages that end too early", async () => {
    const bench = await Bench.start();
    bench.node();
    const inode = bench.lookup();
    const short = new Uint8Array(3);
    for (const opcode of [FUSE_GETATTR, FUSE_SETATTR, FUSE_GETXATTR, FUSE_READDIR]) {
      for (const nodeId of [ROOT, inode, 0xffff_ffff]) {
        expect(bench.deliver(send.about(nodeId, send.message(opcode, 2, short)))).toHaveLength(1);
      }
    }
    for (const opcode of [FUSE_FORGET, FUSE_BATCH_FORGET]) {
      expect(bench.deliver(send.about(inode, send.message(opcode, 2, short)))).toEqual([]);
      expect(bench.deliver(send.message(opcode, 2, hex`ffffffff 00000000`))).toEqual([]);
    }
    expect(bench.deliver(hex`010203`)).toEqual([]);
    expect(bench.lookup()).toBeGreaterThan(inode);
  });
});

describe("files that can be mapped", () => {
  it("have an inode each, and memory each", async () => {
    const bench = await Bench.start();
    const device = new MappingDevice();
    bench.node(device);
    const [first, second] = [bench.lookup(), bench.lookup()];
    expect(second).toBe(first + 1);
    // DIRECT_IO, NOFLUSH and PASSTHROUGH, and the memory's number.
    expect(bench.deliver(send.about(first, send.open(4)))).toEqual([
      "20000000 00000000 04000000 00000000 01000000 00000000 a1000000 08000000",
    ]);
    expect(bench.deliver(send.about(second, send.open(6)))).toEqual([
      "20000000 00000000 06000000 00000000 02000000 00000000 a1000000 09000000",
    ]);
    expect(device.inodes).toEqual([
      { ino: first, path: "/run/nodes/video0" },
      { ino: second, path: "/run/nodes/video0" },
    ]);
    // The kernel looks the memory up after the answer: it is registered until the release.
    expect(bench.system.steps).toEqual(["register fd 60", "register fd 61"]);
    bench.deliver(send.about(first, send.release(8, 1)));
    expect(bench.system.steps.at(-1)).toBe("forget memory 8");
    expect(device.events.at(-1)).toBe("release file1");
  });

  it("are refused with EBUSY where an inode is opened again, until it is released", async () => {
    const bench = await Bench.start();
    bench.node(new MappingDevice());
    const inode = bench.lookup();
    bench.deliver(send.about(inode, send.open(4)));
    expect(error(bench.deliver(send.about(inode, send.open(6)))[0])).toBe(EBUSY);
    expect(bench.log.warnings).toEqual([expect.stringContaining("bind its folder")]);
    bench.deliver(send.about(inode, send.release(8, 1)));
    expect(error(bench.deliver(send.about(inode, send.open(10)))[0])).toBe(0);
  });

  it("leave nothing registered when the device refuses", async () => {
    const bench = await Bench.start();
    const device = new RecordingDevice({
      open: (request) => {
        request.mapMemory?.({ fd: 60 });
        throw new CharDeviceError("EBUSY", "no");
      },
    });
    bench.node(device);
    expect(error(bench.deliver(send.about(bench.lookup(), send.open(4)))[0])).toBe(EBUSY);
    expect(bench.system.steps).toEqual(["register fd 60", "forget memory 8"]);
  });

  it("are forgotten with their inodes", async () => {
    const bench = await Bench.start();
    bench.node();
    const inodes = [bench.lookup(), bench.lookup(), bench.lookup()] as const;
    expect(bench.mount.inodes).toBe(3);
    bench.forget(inodes[0]);
    const [, second, third] = inodes;
    const batch = new Uint8Array(BigUint64Array.of(2n, BigInt(second), 1n, BigInt(third), 1n).buffer);
    bench.deliver(send.message(FUSE_BATCH_FORGET, 0, batch));
    expect(bench.mount.inodes).toBe(0);
  });

  it("tell the device where in its call each piece of a read(2) is", async () => {
    const bench = await Bench.start();
    const offsets: bigint[] = [];
    class Reading extends MappingDevice {
      override readonly read = (
        _file: TestFile,
        { offset, size }: { offset: bigint; size: number },
      ): Uint8Array => {
        offsets.push(offset);
        return new Uint8Array(size);
      };
    }
    bench.node(new Reading());
    const inode = bench.lookup();
    bench.deliver(send.about(inode, send.open(4)));
    for (const offset of [0n, 1_048_576n, 2_097_152n]) {
      bench.deliver(send.about(inode, send.read(6, 1, offset === 2_097_152n ? 100 : 1_048_576, 2, offset)));
    }
    bench.deliver(send.about(inode, send.read(6, 1, 100, 2, 2_097_252n)));
    expect(offsets).toEqual([0n, 1_048_576n, 2_097_152n, 0n]);
  });
});

describe.each([true, false])("files, mapped: %s,", (maps) => {
  it("read, write and write back what the device has", async () => {
    const bench = await Bench.start(maps);
    const calls: string[] = [];
    const device = new RecordingDevice({
      read: (_file, { size, offset }) => (calls.push(`read ${size} at ${offset}`), Uint8Array.of(1, 2)),
      write: (_file, { data, offset }) => (calls.push(`write ${data.length} at ${offset}`), data.length),
      fsync: () => void calls.push("fsync"),
    });
    bench.node(device);
    const inode = bench.lookup();
    bench.deliver(send.about(inode, send.open(4)));
    expect(bench.deliver(send.about(inode, send.read(6, 1, 100)))[0]).toMatch(/^12000000 00000000 .* 0102$/);
    expect(bench.deliver(send.about(inode, send.write(8, 1, new Uint8Array(7))))[0]).toMatch(
      /^18000000 00000000 .* 07000000 00000000$/,
    );
    expect(bench.deliver(send.about(inode, send.fsync(10, 1))).map(error)).toEqual([0]);
    expect(calls).toEqual(["read 100 at 0", "write 7 at 0", "fsync"]);
  });

  it("of a device without poll are always ready, as on a CUSE node", async () => {
    const bench = await Bench.start(maps);
    bench.node();
    const inode = bench.lookup();
    bench.deliver(send.about(inode, send.open(4)));
    expect(bench.deliver(send.about(inode, send.poll(6, 1, 77, false)))).toEqual([
      "18000000 00000000 06000000 00000000 45010000 00000000",
    ]);
    expect(bench.log.errors).toEqual([]);
  });

  it("of a device that has neither answer EINVAL", async () => {
    const bench = await Bench.start(maps);
    bench.node(new MappingDevice());
    const inode = bench.lookup();
    bench.deliver(send.about(inode, send.open(4)));
    for (const message of [send.read(6, 1, 100), send.write(8, 1, new Uint8Array(100)), send.fsync(10, 1)])
      expect(bench.deliver(send.about(inode, message)).map(error)).toEqual([EINVAL]);
  });
});

describe("memory that cannot be registered", () => {
  it.each([
    ["EMFILE", -24],
    ["EPERM", -12],
    ["ENOMEM", -12],
  ])("for %s is told to the client as errno %i", async (code, errno) => {
    const bench = await Bench.start();
    bench.node(new MappingDevice());
    const inode = bench.lookup();
    bench.system.ioctl = () => {
      throw systemError(code, "ioctl");
    };
    expect(bench.deliver(send.about(inode, send.open(4))).map(error)).toEqual([errno]);
  });
});

describe("files that cannot be mapped", () => {
  it("share the node's inode, and have no position", async () => {
    const bench = await Bench.start(false);
    bench.node(new MappingDevice());
    const inode = bench.lookup();
    expect(bench.lookup()).toBe(inode);
    for (const fh of ["01000000", "02000000"]) {
      // DIRECT_IO, STREAM, NOFLUSH.
      expect(bench.deliver(send.about(inode, send.open(4)))).toEqual([
        `20000000 00000000 04000000 00000000 ${fh} 00000000 31000000 00000000`,
      ]);
    }
    bench.forget(inode);
    expect(bench.mount.inodes).toBe(1); // Looked up twice.
    bench.forget(inode);
    expect(bench.mount.inodes).toBe(0);
  });
});

describe("nodes of one mount", () => {
  it("are told apart by inode, and interrupts find their call", async () => {
    const bench = await Bench.start();
    const waiting = (): RecordingDevice =>
      new RecordingDevice({ ioctl: () => new Promise<number>(() => undefined) });
    const [video, media] = [waiting(), waiting()];
    bench.node(video);
    bench.node(media, { name: "media0" });
    const inodes = [bench.lookup("video0"), bench.lookup("media0")] as const;
    for (const inode of inodes) bench.deliver(send.about(inode, send.open(4)));
    expect([video.files.length, media.files.length]).toEqual([1, 1]);
    bench.deliver(send.about(inodes[0], send.ioctl(10, 1, send.io(1))));
    bench.deliver(send.about(inodes[1], send.ioctl(20, 1, send.io(1))));
    bench.deliver(send.interrupt(20));
    await turns();
    // ERESTARTSYS to the one, and nothing to the other.
    expect(bench.system.channel.take()).toEqual([
      "20000000 00000000 14000000 00000000 00feffff 00000000 00000000 00000000",
    ]);
  });

  it("end one by one: ENODEV to whoever waits or comes later, and pollers wake", async () => {
    const bench = await Bench.start();
    const device = new RecordingDevice({
      ioctl: () => new Promise<number>(() => undefined),
      poll: () => 0,
    });
    const node = bench.node(device);
    const other = bench.node(new RecordingDevice({ ioctl: () => 0 }), { name: "media0" });
    const [inode, otherInode] = [bench.lookup("video0"), bench.lookup("media0")];
    bench.deliver(send.about(inode, send.open(4)));
    bench.deliver(send.about(otherInode, send.open(4)));
    bench.deliver(send.about(inode, send.poll(6, 1, 77, true)));
    bench.deliver(send.about(inode, send.ioctl(10, 1, send.io(1))));
    await node.close();
    const answers = bench.system.channel.take();
    expect(answers[0]?.split(" ")[4]).toBe("4d000000"); // Wakes poll handle 77.
    expect(error(answers[1])).toBe(ENODEV);
    expect(device.events.at(-1)).toBe("release file1");

    expect(error(bench.deliver(send.about(inode, send.ioctl(12, 1, send.io(1))))[0])).toBe(ENODEV);
    expect(error(bench.deliver(send.about(inode, send.open(14)))[0])).toBe(ENODEV);
    expect(bench.deliver(send.about(inode, send.poll(16, 1, 77, true)))[0]?.split(" ")[4]).toBe("18000000");
    expect(error(bench.deliver(send.about(inode, send.release(18, 1)))[0])).toBe(0);
    expect(error(bench.deliver(lookup(20, ROOT, "video0"))[0])).toBe(ENOENT);
    bench.forget(inode);
    expect(bench.mount.inodes).toBe(1);

    expect(error(bench.deliver(send.about(otherInode, send.ioctl(22, 1, send.io(1))))[0])).toBe(0);
    await bench.mount.close();
    expect(await other.closed).toBeUndefined();
    expect(bench.system.steps.at(-1)).toBe("release");
  });

  it("call what is to come before each message", async () => {
    const bench = await Bench.start();
    let count = 0;
    const node = bench.node(new RecordingDevice(), { before: () => (count += 1) });
    bench.lookup();
    expect(count).toBe(1);
    await node.close();
    bench.deliver(lookup(2, ROOT, "video0"));
    expect(count).toBe(1);
  });
});

describe("/proc/self/mountinfo", () => {
  const text = [
    "22 1 8:1 / / rw,relatime - ext4 /dev/root rw",
    "40 22 0:35 / /run/a\\040b rw,nosuid shared:7 master:1 - fuse.v4l2-cuse v4l2-cuse rw,user_id=0",
    "41 22 0:36 / /run/x rw - tmpfs none rw",
    "42 41 0:37 / /run/x rw - fuse.v4l2-cuse v4l2-cuse rw",
    "43 22 0:38 / /run/\u00c3\u00a4 rw - tmpfs none rw",
  ].join("\n");

  it.each([
    ["/run/a b", { type: "fuse.v4l2-cuse", minor: 35 }],
    ["/run/x", { type: "fuse.v4l2-cuse", minor: 37 }],
    ["/run/ä", { type: "tmpfs", minor: 38 }],
    ["/", { type: "ext4", minor: 1 }],
  ])("tells the topmost mount on %s", (folder, expected) => {
    expect(findMount(text, folder)).toEqual({ folder, ...expected });
  });

  it("tells nothing of other folders", () => {
    expect(findMount(text, "/run")).toBeUndefined();
  });
});

function hexWord(value: number): string {
  return digits(new Uint8Array(Uint32Array.of(value).buffer));
}
