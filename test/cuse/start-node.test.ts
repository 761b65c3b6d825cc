/** Which kind of node it is to be; what no kernel is asked for. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CuseError } from "../../src/cuse/errors.js";
import { mountForNodes } from "../../src/cuse/start-node.js";
import { RecordingLog } from "./support/recording-device.js";

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
