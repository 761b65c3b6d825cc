/** The folder of FUSE nodes: made, found in use, taken over, and given back. Mounts are those of a system of the test's own. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CuseError, FolderInUseError } from "../../src/cuse/errors.js";
import { claimFolder, FILE_SYSTEM_TYPE, mountLines, type MountSystem } from "../../src/cuse/node-folder.js";
import { MountFlag } from "../../src/native.js";
import { systemError } from "./support/fake-channel.js";

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

  // In scripts/mutate tests run in worker threads, which cannot set it.
  it.runIf(isMainThread)("lets every user pass, whatever the umask", async () => {
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
    // What is still there keeps its inode number, so the new one has another.
    renameSync(folder, join(place, "kept"));
    mkdirSync(folder);
    claimed.release();
    expect(readdirSync(place)).toEqual(["a", "kept"]);
    rmdirSync(folder);
    claimed.release();
    renameSync(join(place, "kept"), folder);
    claimed.release();
    expect(readdirSync(place)).toEqual([]);
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

/** Mounts that nobody else sees: the last one of a folder is on top. */
class Mounts implements MountSystem {
  readonly steps: string[] = [];
  readonly #on: { folder: string; type: string; minor: number; fault: string | undefined }[] = [];
  #lastMinor = 40;
  isShown = true;
  unmountError: Error | undefined;

  /** @param fault - What its STATFS fails with; undefined: its driver answers. */
  add(folder: string, type: string, fault?: string): number {
    this.#lastMinor += 1;
    this.#on.push({ folder, type, minor: this.#lastMinor, fault });
    return this.#lastMinor;
  }

  mount(...[source, folder, { type, flags, options }]: Parameters<MountSystem["mount"]>): void {
    this.steps.push(`mount ${source} ${type} ${String(flags)} ${String(options)}`);
    this.add(folder, type ?? "");
  }

  unmount(folder: string): void {
    this.steps.push("unmount");
    if (this.unmountError !== undefined) throw this.unmountError;
    this.#on.splice(
      this.#on.findLastIndex((line) => line.folder === folder),
      1,
    );
  }

  mountInfo(): string {
    if (!this.isShown) return "";
    return this.#on
      .map(({ folder, type, minor }) => `40 22 0:${minor} / ${folder} rw - ${type} none rw\n`)
      .join("");
  }

  statfs(folder: string): Promise<unknown> {
    this.steps.push("statfs");
    const fault = this.#on.findLast((line) => line.folder === folder)?.fault;
    return fault === undefined ? Promise.resolve({}) : Promise.reject(systemError(fault, "statfs"));
  }
}

describe("a mount on the folder", () => {
  it("is ours, for all users, and goes with the folder", async () => {
    const mounts = new Mounts();
    const claimed = await claimFolder(join(place, "a"), undefined, mounts);
    expect(claimed.mount(7)).toBe(41);
    const flags = MountFlag.NoSuid | MountFlag.NoDev | MountFlag.NoExec;
    const owner = `user_id=${process.getuid?.()},group_id=${process.getgid?.()}`;
    expect(mounts.steps).toEqual([
      `mount v4l2-cuse ${FILE_SYSTEM_TYPE} ${flags} fd=7,rootmode=40000,${owner},allow_other,default_permissions`,
    ]);
    claimed.release();
    expect([mounts.steps.slice(1), mounts.mountInfo(), readdirSync(place)]).toEqual([["unmount"], "", []]);
    claimed.release();
    expect(mounts.steps.slice(1)).toEqual(["unmount"]);
  });

  it("belongs to the user and the group that serve it", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(1000);
    vi.spyOn(process, "getgid").mockReturnValue(100);
    try {
      const mounts = new Mounts();
      (await claimFolder(join(place, "a"), undefined, mounts)).mount(7);
      expect(mounts.steps[0]).toContain("fd=7,rootmode=40000,user_id=1000,group_id=100,");
    } finally {
      vi.restoreAllMocks();
    }
  });

  it("is not unmounted if nothing was mounted, if somebody else did, or if another one is on top", async () => {
    const mounts = new Mounts();
    (await claimFolder(join(place, "a"), undefined, mounts)).release();
    const second = await claimFolder(join(place, "a"), undefined, mounts);
    second.mount(7);
    mounts.unmount(join(place, "a"));
    second.release();
    const third = await claimFolder(join(place, "a"), undefined, mounts);
    third.mount(7);
    mounts.add(join(place, "a"), "tmpfs");
    mounts.steps.length = 0;
    third.release();
    expect(mounts.steps).toEqual([]);
  });

  it("is taken back where /proc does not show it", async () => {
    const mounts = new Mounts();
    const claimed = await claimFolder(join(place, "a"), undefined, mounts);
    mounts.isShown = false;
    expect(() => claimed.mount(7)).toThrow("mount procfs on /proc");
    expect(mounts.steps.at(-1)).toBe("unmount");
    claimed.release();
    expect(mounts.steps).toHaveLength(2);
  });

  it.each([["EIO"], ["EACCES"], [undefined]])(
    "of a driver that lives keeps the folder in use, whatever it answers: %s",
    async (fault) => {
      const mounts = new Mounts();
      mounts.add(join(place, "a"), FILE_SYSTEM_TYPE, fault);
      const claim = claimFolder(join(place, "a"), undefined, mounts);
      await expect(claim).rejects.toThrow(/^The folder \S+ is in use by another driver/);
      await expect(claim).rejects.toThrow(FolderInUseError);
      expect(mounts.steps).toEqual(["statfs"]);
    },
  );

  it.each(["ENOTCONN", "ECONNABORTED"])("of a driver that is gone is unmounted: %s", async (fault) => {
    const mounts = new Mounts();
    for (let count = 0; count < 2; count += 1) mounts.add(join(place, "a"), FILE_SYSTEM_TYPE, fault);
    await claimFolder(join(place, "a"), undefined, mounts);
    expect([mounts.steps, mounts.mountInfo()]).toEqual([["statfs", "unmount", "statfs", "unmount"], ""]);
  });

  it("of another kind is left alone", async () => {
    const mounts = new Mounts();
    mounts.add(join(place, "a"), "tmpfs");
    await claimFolder(join(place, "a"), undefined, mounts);
    expect(mounts.steps).toEqual([]);
  });

  it("that cannot be unmounted is told with what to do", async () => {
    const mounts = new Mounts();
    mounts.add(join(place, "a"), FILE_SYSTEM_TYPE, "ENOTCONN");
    mounts.unmountError = systemError("EPERM", "umount2");
    const claim = claimFolder(join(place, "a"), undefined, mounts);
    await expect(claim).rejects.toThrow(/has left its mount on \S+ \(EPERM\): unmount it with "umount /);
    await expect(claim).rejects.toThrow(CuseError);
  });

  it("decides who has the folder that stands for a device", async () => {
    const own = join(place, "own");
    const folder = join(own, "video0");
    const claim = (mounts: Mounts) => claimFolder(folder, own, mounts);
    mkdirSync(folder, { recursive: true });
    age(folder, 60);

    const lives = new Mounts();
    lives.add(folder, FILE_SYSTEM_TYPE);
    await expect(claim(lives)).rejects.toThrow(FolderInUseError);
    const other = new Mounts();
    other.add(folder, "tmpfs", "ENOTCONN");
    await expect(claim(other)).rejects.toThrow(FolderInUseError);
    expect([lives.steps, other.steps, readdirSync(own)]).toEqual([["statfs"], [], ["video0"]]);

    // Of a mount whose driver is gone, the folder's age does not matter.
    age(folder, 0);
    const dead = new Mounts();
    dead.add(folder, FILE_SYSTEM_TYPE, "ENOTCONN");
    const claimed = await claim(dead);
    expect(dead.steps).toEqual(["statfs", "unmount"]);
    expect([claimed.path, readdirSync(own)]).toEqual([folder, ["video0"]]);
  });
});

describe("what is in the way", () => {
  it("the file system itself is told with its errno", async () => {
    // Nobody may make one in /proc, not even root.
    await expect(claimFolder("/proc/v4l2-cuse/nodes")).rejects.toThrow(
      /^The folder \/proc\/v4l2-cuse\/nodes .*cannot be made \(E[A-Z]+\)/,
    );
  });

  it("half of the path stays away when the other half cannot be made", async () => {
    const tooLong = "x".repeat(300);
    await expect(claimFolder(join(place, "a", tooLong))).rejects.toThrow("cannot be made (ENAMETOOLONG)");
    const own = claimFolder(join(place, "own", tooLong), join(place, "own"));
    await expect(own).rejects.toThrow("cannot be made (ENAMETOOLONG)");
    await expect(own).rejects.not.toThrow(FolderInUseError);
    expect(existsSync(join(place, "a"))).toBe(false);
  });

  it("a file where a device's folder should be is no folder of another driver", async () => {
    writeFileSync(join(place, "file"), "");
    const claim = claimFolder(join(place, "file", "dev", "video0"), join(place, "file", "dev"));
    await expect(claim).rejects.toThrow(/cannot be made \(ENOTDIR\)/);
    await expect(claim).rejects.not.toThrow(FolderInUseError);
  });
});

it("lines of mountinfo that are none are passed over", () => {
  const text = "36 35 0:45 / /run/a\\040b rw shared:1 - fuse.v4l2-cuse v4l2-cuse rw\n\n36 35 0:45 / /half\n";
  expect([...mountLines(text)]).toEqual([{ folder: "/run/a b", type: "fuse.v4l2-cuse", minor: 45 }]);
});
