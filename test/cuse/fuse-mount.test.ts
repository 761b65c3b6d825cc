/** The mount by itself: how it starts and fails, what it numbers, whom it asks, and how it ends. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { CuseError } from "../../src/cuse/errors.js";
import { FuseMount } from "../../src/cuse/fuse-mount.js";
import { FuseNode } from "../../src/cuse/fuse-node.js";
import {
  FUSE_GETATTR,
  FUSE_INIT,
  FUSE_INTERRUPT,
  FUSE_NOTIFY_REPLY,
  FUSE_STATFS,
} from "../../src/cuse/gen/fuse.js";
import { systemError, turns } from "./support/fake-channel.js";
import { lookup, nodeIdOf, ROOT } from "./support/fuse-system.js";
import * as send from "./support/messages.js";
import { FOLDER, INIT, MINOR, System } from "./support/mount-system.js";
import { RecordingDevice, RecordingLog } from "./support/recording-device.js";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const start = async (system = new System(), log = new RecordingLog()): Promise<FuseMount> => {
  const mount = await FuseMount.start({ folder: FOLDER, log }, system);
  system.channel.take();
  system.steps.length = 0;
  return mount;
};

const errno = (answer: string | undefined): number =>
  Buffer.from(answer?.split(" ")[1] ?? "", "hex").readInt32LE();

const bare = (opcode: number, unique: number): Uint8Array => send.message(opcode, unique, new Uint8Array());

/** Delivers a message. @returns What was answered at once. */
function deliver(system: System, message: Uint8Array): string[] {
  system.channel.deliver(message);
  return system.channel.take();
}

describe("the start", () => {
  it("asks for the folder, in its root, and opens the device that is named", async () => {
    const system = new System();
    await FuseMount.start(
      { folder: FOLDER, ownRoot: "/run", devicePath: "/dev/other", log: new RecordingLog() },
      system,
    );
    expect(system.steps.slice(0, 2)).toEqual([`claim ${FOLDER} in /run`, "open /dev/other"]);
  });

  it("gives the folder back when there is no channel", async () => {
    const system = new System();
    system.channelError = systemError("ENOENT", "open");
    const started = FuseMount.start({ folder: FOLDER, log: new RecordingLog() }, system);
    await expect(started).rejects.toThrow('/dev/fuse is missing: load it with "modprobe fuse"');
    await expect(started).rejects.toThrow(CuseError);
    expect(system.steps).toEqual([`claim ${FOLDER}`, "open /dev/fuse", "release"]);
  });

  it("passes on what the folder says in a sentence", async () => {
    const system = new System();
    system.mountError = new CuseError("One sentence.");
    await expect(FuseMount.start({ folder: FOLDER }, system)).rejects.toBe(system.mountError);
  });

  it("fails after five seconds without a word of the kernel", async () => {
    vi.useFakeTimers();
    const system = new System();
    system.init = undefined;
    let outcome = "";
    FuseMount.start({ folder: FOLDER, log: new RecordingLog() }, system).catch((error: unknown) => {
      outcome = String(error);
    });
    await vi.advanceTimersByTimeAsync(4999);
    expect(outcome).toBe("");
    await vi.advanceTimersByTimeAsync(1);
    expect(outcome).toContain("The kernel did not offer a FUSE channel in time");
    expect([system.steps.at(-1), system.channel.isClosed]).toEqual(["release", true]);
  });

  it("fails when the kernel ends the channel before it has said anything", async () => {
    const system = new System();
    system.init = undefined;
    const started = FuseMount.start({ folder: FOLDER, log: new RecordingLog() }, system);
    await turns();
    system.channel.handlers.onClose(systemError("ENODEV", "read"));
    await expect(started).rejects.toThrow(`The mount on ${FOLDER} was ended (read: ENODEV).`);
    expect(system.steps.at(-1)).toBe("release");
  });

  it("answers a kernel of another protocol with EIO, and fails", async () => {
    const system = new System();
    system.init = INIT.slice();
    new DataView(system.init.buffer, system.init.byteOffset).setUint32(40, 6, true);
    await expect(FuseMount.start({ folder: FOLDER, log: new RecordingLog() }, system)).rejects.toThrow(
      CuseError,
    );
    expect(system.channel.take().map(errno)).toEqual([-5]);
  });

  it("maps nothing on a kernel without passthrough, and tries nothing", async () => {
    const system = new System();
    system.init = INIT.slice();
    // flags2
    new DataView(system.init.buffer, system.init.byteOffset).setUint32(56, 0, true);
    const mount = await FuseMount.start({ folder: FOLDER, log: new RecordingLog() }, system);
    expect([mount.canMap, system.steps.at(-1)]).toEqual([false, "mount 30"]);
  });

  it("reports to stderr where nobody gives a log", async () => {
    const told = vi.spyOn(console, "error").mockReturnValue();
    const mount = await FuseMount.start({ folder: FOLDER }, new System());
    mount.log.warn("one");
    mount.log.error("two");
    expect(told.mock.calls).toEqual([[`${FOLDER}: one`], [`${FOLDER}: two`]]);
  });
});

describe("device numbers", () => {
  it("are above those of real devices, and 1024 at the most", async () => {
    const mount = await start();
    for (let count = 0; count < 1024; count += 1)
      expect(mount.nextNumber()).toEqual({ major: 1024 + count, minor: MINOR });
    expect(() => mount.nextNumber()).toThrow("The folder has had too many nodes");
  });
});

describe("messages", () => {
  it("that are about no node are answered by the folder", async () => {
    const system = new System();
    const log = new RecordingLog();
    await start(system, log);
    // OPEN of an inode that is not known: ESTALE.
    expect(deliver(system, send.about(9, send.open(4))).map(errno)).toEqual([-116]);
    expect(deliver(system, send.about(0, bare(FUSE_STATFS, 6))).map(errno)).toEqual([0]);
    expect(deliver(system, send.interrupt(99))).toEqual([]);
    expect(log.warnings).toEqual([]);
    expect(deliver(system, new Uint8Array(20))).toEqual([]);
    expect(log.warnings).toHaveLength(1);
  });

  it("about a node that is gone: no answer to what wants none, attributes, and no inode any more", async () => {
    const system = new System();
    const mount = await start(system);
    const node = FuseNode.start(new RecordingDevice(), { name: "video0", mount });
    const inode = nodeIdOf(deliver(system, lookup(2, ROOT, "video0"))[0] ?? "") ?? 0;
    await node.close();
    expect(deliver(system, send.about(inode, send.interrupt(99)))).toEqual([]);
    expect(deliver(system, send.about(inode, bare(FUSE_INTERRUPT, 8)))).toEqual([]);
    expect(deliver(system, send.about(inode, bare(FUSE_NOTIFY_REPLY, 10)))).toEqual([]);
    const [attributes] = deliver(system, send.about(inode, bare(FUSE_GETATTR, 12)));
    expect([errno(attributes), attributes?.split(" ")[2]]).toEqual([0, "0c000000"]);
    expect(deliver(system, send.about(inode, bare(FUSE_INIT, 14))).map(errno)).toEqual([-19]);
  });

  it("that wait are served before a node goes, and not when it has gone", async () => {
    const system = new System();
    const mount = await start(system);
    const node = FuseNode.start(new RecordingDevice(), { name: "video0", mount });
    for (const left of [0, 1]) {
      system.waiting.push(send.about(ROOT, bare(FUSE_STATFS, 2)));
      await node.close();
      expect(system.waiting).toHaveLength(left);
    }
  });

  it("that wait are served by who is not serving one, and not after the end", async () => {
    const system = new System();
    const mount = await start(system);
    const statfs = (unique: number) => send.about(ROOT, bare(FUSE_STATFS, unique));
    system.waiting.push(statfs(2), statfs(4));
    mount.serveWaiting();
    expect(system.channel.take().map((answer) => answer.split(" ")[2])).toEqual(["02000000", "04000000"]);

    // From within a message: those that wait stay.
    system.waiting.push(statfs(6));
    const end = mount.before(() => mount.serveWaiting());
    expect(deliver(system, statfs(8))).toHaveLength(1);
    expect(system.waiting).toHaveLength(1);
    end();

    // One of them ends the mount: the rest is nobody's.
    system.waiting.push(statfs(10));
    const endHook = mount.before(() => void mount.close());
    mount.serveWaiting();
    expect(system.waiting).toHaveLength(1);
    endHook();
    mount.serveWaiting();
    expect(system.waiting).toHaveLength(1);
  });

  it("call each hook until that one ends", async () => {
    const system = new System();
    const mount = await start(system);
    const calls: string[] = [];
    const ends = ["a", "b"].map((name) => mount.before(() => calls.push(name)));
    deliver(system, lookup(2, ROOT, "x"));
    ends[0]?.();
    deliver(system, lookup(4, ROOT, "x"));
    expect(calls).toEqual(["a", "b", "b"]);
  });
});

describe("the end", () => {
  it("lets no node in, and leaves registered memory to the kernel", async () => {
    const system = new System();
    const mount = await start(system);
    await mount.close();
    expect(() => FuseNode.start(new RecordingDevice(), { name: "video0", mount })).toThrow(
      `The mount on ${FOLDER} is over.`,
    );
    mount.closeBacking(7);
    expect(system.steps).toEqual(["release"]);
    expect(await mount.closed).toBeUndefined();
  });

  it("tells of a folder that stays mounted", async () => {
    const system = new System();
    const log = new RecordingLog();
    const mount = await start(system, log);
    system.releaseError = systemError("EPERM", "umount2");
    await mount.close();
    expect(log.warnings).toEqual([expect.stringContaining(`${FOLDER} stays mounted: Error: umount2: EPERM`)]);
  });
});
