/** Which kind of node it is to be; what no kernel is asked for. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CuseError, FolderInUseError, NameTakenError } from "../../src/cuse/errors.js";
import { FuseMount, type FuseMountOptions } from "../../src/cuse/fuse-mount.js";
import { CuseSession } from "../../src/cuse/session.js";
import { mountForNodes, startNode } from "../../src/cuse/start-node.js";
import { System } from "./support/mount-system.js";
import { RecordingDevice, RecordingLog } from "./support/recording-device.js";

let folder = "";
beforeEach(() => {
  // With something in it: no mount is made.
  folder = mkdtempSync(join(tmpdir(), "start-node-"));
  writeFileSync(join(folder, "file"), "");
  vi.stubEnv("V4L2_CUSE_NODE", undefined);
  vi.stubEnv("V4L2_CUSE_NODE_FOLDER", undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

type Options = Partial<Parameters<typeof mountForNodes>[1]>;

/** "cuse", or why there is no folder for FUSE nodes. */
async function kind(options: Options): Promise<string> {
  try {
    const mount = await mountForNodes("video0", { log: new RecordingLog(), folder, ...options });
    return mount === undefined ? "cuse" : "fuse";
  } catch (error) {
    expect(error).toBeInstanceOf(CuseError);
    return (error as Error).message;
  }
}

const NOT_EMPTY = /^The folder \S+ is not empty/;
const NEITHER =
  /^There is no CUSE here \(see "modprobe cuse"\), and no FUSE either: The folder \S+ is not empty/;

describe("the kind of a node", () => {
  it("is what the driver says, before the environment", async () => {
    vi.stubEnv("V4L2_CUSE_NODE", "fuse");
    expect(await kind({ node: "cuse" })).toBe("cuse");
    expect(await kind({})).toMatch(NOT_EMPTY);
    vi.stubEnv("V4L2_CUSE_NODE", "cuse");
    expect(await kind({ node: "fuse" })).toMatch(NOT_EMPTY);
    expect(await kind({})).toBe("cuse");
  });

  it("is CUSE where its device opens, or is held up by something that passes", async () => {
    vi.stubEnv("V4L2_CUSE_NODE", "auto");
    expect(await kind({ devicePath: "/dev/null" })).toBe("cuse");
    // EISDIR
    mkdirSync(join(folder, "folder"));
    expect(await kind({ devicePath: join(folder, "folder") })).toBe("cuse");
  });

  it("is FUSE where there is no CUSE, and both are told where neither can be", async () => {
    // ENOENT, ENOTDIR
    for (const devicePath of ["/dev/no-cuse", "/dev/null/cuse"])
      expect(await kind({ devicePath })).toMatch(NEITHER);
  });

  it("is named in the environment by one of three words", async () => {
    vi.stubEnv("V4L2_CUSE_NODE", "chardev");
    expect(await kind({})).toBe('V4L2_CUSE_NODE is "chardev": use cuse, fuse or auto.');
    vi.stubEnv("V4L2_CUSE_NODE", "");
    expect(await kind({})).toBe('V4L2_CUSE_NODE is "": use cuse, fuse or auto.');
  });

  it("has a folder from the environment unless the driver names one", async () => {
    const other = join(folder, "file");
    vi.stubEnv("V4L2_CUSE_NODE_FOLDER", other);
    expect(await kind({ node: "fuse" })).toContain(folder);
    expect(await kind({ node: "fuse", folder: undefined })).toContain(`${other} cannot be read (ENOTDIR)`);
  });
});

/** FUSE mounts on a kernel of the test's own. */
function fakeMounts(): { readonly asked: FuseMountOptions[]; readonly systems: System[]; error?: Error } {
  const start = FuseMount.start.bind(FuseMount);
  const fake: ReturnType<typeof fakeMounts> = { asked: [], systems: [] };
  vi.spyOn(FuseMount, "start").mockImplementation((options) => {
    fake.asked.push(options);
    if (fake.error !== undefined) return Promise.reject(fake.error);
    const system = new System();
    fake.systems.push(system);
    return start(options, system);
  });
  return fake;
}

describe("a FUSE node", () => {
  const log = new RecordingLog();
  const options = { name: "video0", node: "fuse", log } as const;

  it("has a mount of its own, which goes with it", async () => {
    const { asked, systems } = fakeMounts();
    const node = await startNode(new RecordingDevice(), { ...options, folder, fusePath: "/dev/other" });
    expect(asked).toEqual([{ folder, ownRoot: undefined, devicePath: "/dev/other", log }]);
    const { nodes, major, minor, rdev, canShare, canMap } = node;
    expect([node.node, nodes]).toEqual([`${folder}/video0`, [`${folder}/video0`]]);
    expect({ major, minor, rdev, canShare, canMap }).toEqual({
      ...{ major: 1024, minor: 35, rdev: 1024 * 256 + 35, canShare: false, canMap: true },
    });
    expect(node.share(1n)).toBeUndefined();
    await node.close();
    expect([systems[0]?.steps.at(-1), await node.closed]).toEqual(["release", undefined]);
  });

  it("has a folder by its name in one of ours, where nobody names one", async () => {
    const { asked } = fakeMounts();
    await startNode(new RecordingDevice(), options);
    expect(asked).toEqual([
      { folder: "/run/v4l2-cuse/dev/video0", ownRoot: "/run/v4l2-cuse", devicePath: undefined, log },
    ]);
  });

  it("that cannot be made leaves no mount of its own, but one that is the caller's", async () => {
    const { systems } = fakeMounts();
    const device = new RecordingDevice();
    const wrong = startNode(device, { ...options, group: "no such group" });
    await expect(wrong).rejects.toThrow(CuseError);
    expect(systems[0]?.steps.at(-1)).toBe("release");

    const mount = await mountForNodes("video0", options);
    if (mount === undefined) throw new Error("no mount");
    await expect(startNode(device, { ...options, mount, group: "no such group" })).rejects.toThrow(CuseError);
    expect(systems[1]?.steps).not.toContain("release");
    // Whatever kind the driver names: it is in that folder, and leaves it there.
    const node = await startNode(device, { ...options, node: "cuse", mount });
    expect(mount.names).toEqual(["video0"]);
    await node.close();
    expect([mount.names, systems[1]?.steps.includes("release")]).toEqual([[], false]);
  });

  it("whose folder another driver has: the name is taken, unless the folder was named", async () => {
    const fake = fakeMounts();
    fake.error = new FolderInUseError("In use.");
    const taken = startNode(new RecordingDevice(), { ...options, node: "auto", devicePath: "/dev/no-cuse" });
    await expect(taken).rejects.toThrow(NameTakenError);
    await expect(taken).rejects.toMatchObject({ message: "In use.", nodeName: "video0" });
    const named = startNode(new RecordingDevice(), { ...options, folder });
    await expect(named).rejects.toBe(fake.error);
    fake.error = new TypeError("a bug");
    await expect(
      startNode(new RecordingDevice(), { ...options, node: "auto", devicePath: "/dev/no-cuse" }),
    ).rejects.toBe(fake.error);
    fake.error = new CuseError("No mount.");
    await expect(startNode(new RecordingDevice(), { ...options, folder })).rejects.toBe(fake.error);
  });
});

it("a CUSE node is a session with the same options", async () => {
  const start = vi.spyOn(CuseSession, "start").mockRejectedValue(new CuseError("no kernel"));
  const device = new RecordingDevice();
  const options = { name: "video0", node: "cuse", log: new RecordingLog() } as const;
  await expect(startNode(device, options)).rejects.toThrow("no kernel");
  expect(start.mock.calls).toEqual([[device, options]]);
});
