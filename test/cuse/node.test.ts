import { execFileSync } from "node:child_process";
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CuseError } from "../../src/cuse/errors.js";
import {
  assertNameIsFree,
  checkName,
  makeRdev,
  resolveAccess,
  settleNode,
  waitUntilGone,
  type NodeFolders,
} from "../../src/cuse/node.js";

let root: string;
let folders: NodeFolders;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "node-"));
  folders = { dev: `${root}/dev`, sysfsClass: `${root}/cuse`, groupFile: `${root}/group` };
  mkdirSync(folders.dev);
  mkdirSync(folders.sysfsClass);
  writeFileSync(folders.groupFile, "root:x:0:\nvideo:x:44:me,you\nvideo2:x:45:\nbroken\nodd:x:-1:\n");
});
afterEach(() => rmSync(root, { recursive: true }));

function register(name: string, number: string): void {
  mkdirSync(`${folders.sysfsClass}/${name}`);
  writeFileSync(`${folders.sysfsClass}/${name}/dev`, `${number}\n`);
}

describe("checkName", () => {
  it.each(["video0", "v4l-subdev3", "media_2", "a", "x".repeat(63), "cec.0"])("takes %j", (name) => {
    expect(() => checkName(name)).not.toThrow();
  });

  it.each(["", ".", "..", ".hidden", "-a", "a/b", "a b", "a\n", "a\0b", "ü", "a=b", "x".repeat(64)])(
    "refuses %j",
    (name) => {
      expect(() => checkName(name)).toThrow(CuseError);
    },
  );
});

describe("resolveAccess", () => {
  it("is root's alone by default", () => {
    expect(resolveAccess(undefined, undefined, folders)).toEqual({ mode: 0o600, gid: undefined });
  });

  it.each([
    ["video", 44],
    ["44", 44],
    [7, 7],
    [0, 0],
  ])("group %j is let in", (group, gid) => {
    expect(resolveAccess(undefined, group, folders)).toEqual({ mode: 0o660, gid });
  });

  it("takes the mode as asked", () => {
    expect(resolveAccess(0o640, "video2", folders)).toEqual({ mode: 0o640, gid: 45 });
    expect(resolveAccess(0, undefined, folders)).toEqual({ mode: 0, gid: undefined });
  });

  it.each(["vid", "broken", "odd", "", -1, 1.5, 2 ** 32 - 1])("refuses group %j", (group) => {
    expect(() => resolveAccess(undefined, group, folders)).toThrow(/There is no group/);
  });

  it.each([
    [0o1000, "01000"],
    [0o4755, "04755"],
    [-1, "-1"],
    [1.5, "1.5"],
  ])("names the refused mode as people write modes: %d", (mode, text) => {
    expect(() => resolveAccess(mode, undefined, folders)).toThrow(`from 0 to 0777, not ${text}.`);
  });

  it("takes every permission bit", () => {
    expect(resolveAccess(0o777, undefined, folders).mode).toBe(0o777);
  });

  it.each([0o1777, 0o4755, -1, 1.5, Number.NaN])("refuses mode %d", (mode) => {
    expect(() => resolveAccess(mode, undefined, folders)).toThrow(/The mode of a device node/);
  });
});

describe("assertNameIsFree", () => {
  it("accepts a name that nobody has", () => {
    expect(() => assertNameIsFree("video0", folders)).not.toThrow();
  });

  it("refuses a name in /dev, be it a link to nowhere, and one of a CUSE device whose node was removed", () => {
    writeFileSync(`${folders.dev}/video0`, "");
    symlinkSync("nowhere", `${folders.dev}/video1`);
    register("video2", "240:0");
    for (const name of ["video0", "video1", "video2"]) {
      expect(() => assertNameIsFree(name, folders)).toThrow(`${folders.dev}/${name} exists already`);
    }
  });
});

describe("settleNode", () => {
  const access = { mode: 0o600, gid: undefined };

  it.runIf(process.geteuid?.() === 0)("lets in whom it is told to, and has udev look once more", async () => {
    register("video2", "1:3");
    execFileSync("mknod", [`${folders.dev}/video2`, "c", "1", "3"]);
    await settleNode("video2", { mode: 0o640, gid: 44 }, 30, folders);
    const { mode, gid } = statSync(`${folders.dev}/video2`);
    expect([mode & 0o777, gid]).toEqual([0o640, 44]);
    expect(readFileSync(`${folders.sysfsClass}/video2/uevent`, "utf8")).toBe("change");
  });

  it.runIf(process.geteuid?.() === 0)("waits for a node that comes later", async () => {
    const settled = settleNode("video2", access, 20_000, folders);
    await sleep(20);
    register("video2", "1:3");
    await sleep(20);
    execFileSync("mknod", [`${folders.dev}/video2`, "c", "1", "3"]);
    const { ino } = statSync(`${folders.dev}/video2`);
    expect(await settled).toEqual({
      path: `${folders.dev}/video2`,
      rdev: makeRdev(1, 3),
      major: 1,
      minor: 3,
      ino,
    });
  });

  it.runIf(process.geteuid?.() === 0)("changes only what is not as it is asked for", async () => {
    register("video2", "1:3");
    const node = `${folders.dev}/video2`;
    execFileSync("mknod", ["-m", "0640", node, "c", "1", "3"]);
    chownSync(node, 0, 44);
    const before = statSync(node, { bigint: true }).ctimeNs;
    await sleep(20); // Times of a file go by the timer's ticks.
    await settleNode("video2", { mode: 0o640, gid: undefined }, 30, folders);
    await settleNode("video2", { mode: 0o640, gid: 44 }, 30, folders);
    expect(statSync(node, { bigint: true }).ctimeNs).toBe(before);
    await settleNode("video2", { mode: 0o600, gid: undefined }, 30, folders);
    expect(statSync(node)).toMatchObject({ mode: 0o020600, uid: 0, gid: 44 });
  });

  it.runIf(process.geteuid?.() === 0)("does not take a block device, or another number", async () => {
    register("video0", "1:3");
    execFileSync("mknod", [`${folders.dev}/video0`, "b", "1", "3"]);
    await expect(settleNode("video0", access, 30, folders)).rejects.toThrow(/is not our device/);
    register("video1", "1:3");
    execFileSync("mknod", [`${folders.dev}/video1`, "c", "1", "5"]);
    await expect(settleNode("video1", access, 30, folders)).rejects.toThrow(/is not our device/);
    await expect(settleNode("video1", access, 30, folders)).rejects.toMatchObject({ nodeName: "video1" });
  });

  it("takes no device for registered whose number cannot be read", async () => {
    for (const [index, text] of ["", "1", "1:", ":3", "1:3:5", "a:b"].entries()) {
      register(`video${index}`, text);
      await expect(settleNode(`video${index}`, access, 1, folders)).rejects.toThrow(/does not show it/);
    }
  });

  it("says when the device is not in sysfs", async () => {
    await expect(settleNode("video0", access, 30, folders)).rejects.toThrow(/does not show it: mount sysfs/);
  });

  it("says when no node appears", async () => {
    register("video0", "240:3");
    await expect(settleNode("video0", access, 30, folders)).rejects.toThrow(
      /has the device as 240:3, but .*video0 did not appear/,
    );
  });

  it("does not take another file, or a link to a device, for the node", async () => {
    register("video0", "1:3");
    writeFileSync(`${folders.dev}/video0`, "");
    await expect(settleNode("video0", access, 30, folders)).rejects.toThrow(/is not our device/);
    register("video1", "1:3");
    symlinkSync("/dev/null", `${folders.dev}/video1`);
    await expect(settleNode("video1", access, 30, folders)).rejects.toThrow(/is not our device/);
  });
});

describe("waitUntilGone", () => {
  const node = (name: string): Parameters<typeof waitUntilGone>[0] => ({
    path: `${folders.dev}/${name}`,
    rdev: makeRdev(240, 0),
    major: 240,
    minor: 0,
    ino: 1,
  });

  it.runIf(process.geteuid?.() === 0)("is false while our device is there", async () => {
    execFileSync("mknod", [`${folders.dev}/video2`, "c", "240", "0"]);
    const before = Date.now();
    expect(await waitUntilGone(node("video2"), 30)).toBe(false);
    expect(Date.now() - before).toBeGreaterThanOrEqual(29);
    const going = waitUntilGone(node("video2"), 10_000);
    rmSync(`${folders.dev}/video2`);
    expect(await going).toBe(true);
  });

  it("is true when there is nothing, or something else", async () => {
    expect(await waitUntilGone(node("video0"), 30)).toBe(true);
    writeFileSync(`${folders.dev}/video1`, "");
    expect(await waitUntilGone(node("video1"), 30)).toBe(true);
  });
});

describe("makeRdev", () => {
  it.each([
    [81, 7, 0x5107],
    [240, 255, 0xf0ff],
    [240, 256, 0x10f000],
    [511, 0xfffff, 0xfff1ffff],
  ])("%i:%i is what stat(2) shows", (major, minor, rdev) => {
    expect(makeRdev(major, minor)).toBe(rdev);
  });
});
