/** The folder of FUSE nodes: made, found in use, taken over, and given back; nothing is mounted here. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CuseError, FolderInUseError } from "../../src/cuse/errors.js";
import { claimFolder, mountLines } from "../../src/cuse/node-folder.js";

let place = "";
beforeEach(() => {
  place = realpathSync(mkdtempSync(join(tmpdir(), "node-folder-")));
});
afterEach(() => {
  rmSync(place, { recursive: true });
});

/** Made so long ago. */
function age(folder: string, seconds: number): void {
  const then = Date.now() / 1000 - seconds;
  utimesSync(folder, then, then);
}

describe("a folder that anybody may name", () => {
  it("is made with those above it, and goes with them", async () => {
    const folder = join(place, "a/b");
    const claimed = await claimFolder(folder);
    expect([claimed.path, existsSync(folder)]).toEqual([folder, true]);
    claimed.release();
    expect(readdirSync(place)).toEqual([]);
  });

  it("lets every user pass, whatever the umask", async () => {
    const before = process.umask(0o077);
    try {
      await claimFolder(join(place, "a/b"));
      await claimFolder(join(place, "own/dev/video0"), join(place, "own/dev"));
    } finally {
      process.umask(before);
    }
    const made = ["a", "a/b", "own", "own/dev", "own/dev/video0"];
    expect(made.map((folder) => statSync(join(place, folder)).mode & 0o777)).toEqual(made.map(() => 0o755));
  });

  it("stays if it was there, and so does what somebody else uses meanwhile", async () => {
    mkdirSync(join(place, "old"));
    (await claimFolder(join(place, "old"))).release();
    expect(readdirSync(place)).toEqual(["old"]);
    const claimed = await claimFolder(join(place, "a/b"));
    writeFileSync(join(place, "a/other"), "");
    claimed.release();
    expect(readdirSync(join(place, "a"))).toEqual(["other"]);
  });

  it("stays if it is another one by then", async () => {
    const folder = join(place, "a");
    const claimed = await claimFolder(folder);
    // Its inode is not free for the new one while it exists.
    mkdirSync(join(place, "new"));
    rmSync(folder, { recursive: true });
    mkdirSync(join(place, "a"));
    rmSync(join(place, "new"), { recursive: true });
    const isSame = readdirSync(place).length === 1;
    expect(isSame).toBe(true);
    claimed.release();
  });

  it("is refused, in one sentence, if it cannot be made, cannot be read, or has something in it", async () => {
    writeFileSync(join(place, "file"), "");
    mkdirSync(join(place, "full/part"), { recursive: true });
    const sentence = async (folder: string): Promise<string> => {
      const error: unknown = await claimFolder(join(place, folder)).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(CuseError);
      expect(error).not.toBeInstanceOf(FolderInUseError);
      return String(error);
    };
    expect(await sentence("file/nodes")).toContain("cannot be made (ENOTDIR)");
    expect(await sentence("file")).toContain("cannot be read (ENOTDIR)");
    expect(await sentence("full")).toContain("is not empty");
    expect(readdirSync(place)).toEqual(["file", "full"]);
  });
});

describe("a folder that stands for a device", () => {
  const claim = (name: string) => claimFolder(join(place, "own", name), join(place, "own"));

  it("is one driver's, however many want it at once; the last one takes the root away", async () => {
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => claim("video0")));
    const [winner, ...others] = outcomes.filter(({ status }) => status === "fulfilled");
    expect(others).toEqual([]);
    for (const outcome of outcomes)
      if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(FolderInUseError);
    const second = await claim("video1");
    if (winner?.status === "fulfilled") winner.value.release();
    expect(readdirSync(join(place, "own"))).toEqual(["video1"]);
    second.release();
    expect(readdirSync(place)).toEqual([]);
  });

  it("is in use while it is young, and taken over when nobody has mounted on it for long", async () => {
    await claim("video0");
    await expect(claim("video0")).rejects.toThrow(FolderInUseError);
    age(join(place, "own/video0"), 4);
    await expect(claim("video0")).rejects.toThrow(FolderInUseError);
    age(join(place, "own/video0"), 6);
    expect((await claim("video0")).path).toBe(join(place, "own/video0"));
    expect(readdirSync(join(place, "own"))).toEqual(["video0"]);
  });

  it("is left alone while somebody else clears it; a lock that was left behind goes", async () => {
    mkdirSync(join(place, "own/video0"), { recursive: true });
    age(join(place, "own/video0"), 60);
    const lock = join(place, "own/video0.clearing");
    mkdirSync(lock);
    await expect(claim("video0")).rejects.toThrow(FolderInUseError);
    expect(existsSync(lock)).toBe(true);
    age(lock, 6);
    await expect(claim("video0")).rejects.toThrow(FolderInUseError);
    expect(existsSync(lock)).toBe(false);
    await claim("video0");
  });

  it("is not taken over with something in it", async () => {
    mkdirSync(join(place, "own/video0/part"), { recursive: true });
    age(join(place, "own/video0"), 60);
    await expect(claim("video0")).rejects.toThrow(FolderInUseError);
    expect(existsSync(join(place, "own/video0/part"))).toBe(true);
  });

  it("is refused where it cannot be made", async () => {
    writeFileSync(join(place, "own"), "");
    await expect(claim("video0")).rejects.toThrow("cannot be made (");
  });
});

it("lines of mountinfo that are none are passed over", () => {
  const text = "36 35 0:45 / /run/a\\040b rw shared:1 - fuse.v4l2-cuse v4l2-cuse rw\n\n36 35 0:45 / /half\n";
  expect([...mountLines(text)]).toEqual([{ folder: "/run/a b", type: "fuse.v4l2-cuse", minor: 45 }]);
});
