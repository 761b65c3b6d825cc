/** What a FUSE server needs: a thread that opens files, what /proc tells about descriptors, reads that do not wait. */
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FileOpener } from "../../src/cuse/file-opener.js";
import { mountFuse, openFileFacts, readReady, receiveFd, startOpener } from "../../src/native.js";
import { openFds, systemError } from "./support.js";

let folder: string;
let directory: number;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "native-files-"));
  for (const name of ["a", "b"]) writeFileSync(join(folder, name), `file ${name}`);
  directory = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
});

afterAll(() => {
  closeSync(directory);
  rmSync(folder, { recursive: true });
});

/** Lets a thread of the addon come to its end. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

describe("openFileFacts", () => {
  it("tells flags, mount and inode of a process's descriptor", () => {
    const fd = openSync(join(folder, "a"), constants.O_RDWR | constants.O_NONBLOCK);
    const facts = openFileFacts(process.pid, fd);
    expect(facts?.ino).toBe(statSync(join(folder, "a")).ino);
    expect((facts?.flags ?? 0) & (constants.O_RDWR | constants.O_NONBLOCK)).toBe(
      constants.O_RDWR | constants.O_NONBLOCK,
    );
    expect(facts?.mountId).toBe(openFileFacts(process.pid, directory)?.mountId);
    closeSync(fd);
  });

  it("knows nothing of a descriptor or process that is not there", () => {
    expect(openFileFacts(process.pid, 123_456)).toBeUndefined();
    expect(openFileFacts(2 ** 31 - 1, 0)).toBeUndefined();
  });

  it("leaves nothing open", () => {
    const before = openFds();
    openFileFacts(process.pid, 0);
    openFileFacts(process.pid, 123_456);
    expect(openFds()).toBe(before);
  });

  it.each([
    [0, 0],
    [1.5, 0],
    [1, -1],
    [1, 2 ** 31],
  ])("refuses (%s, %s) with a TypeError", (pid, fd) => {
    expect(() => openFileFacts(pid, fd)).toThrow(TypeError);
  });
});

describe("FileOpener", () => {
  it("opens files of a directory, each its own, in any order of asking", async () => {
    const opener = new FileOpener(directory);
    const files = await Promise.all(["a", "b", "a"].map((name) => opener.open(name, constants.O_RDONLY)));
    expect(files.map(({ fd }) => readFileSync(fd, "utf8"))).toEqual(["file a", "file b", "file a"]);
    for (const file of files) file.close();
    opener.close();
  });

  it("gives descriptors that are close-on-exec and follows no link", async () => {
    const opener = new FileOpener(directory);
    const file = await opener.open("a", constants.O_RDONLY);
    expect((openFileFacts(process.pid, file.fd)?.flags ?? 0) & 0o2000000).not.toBe(0);
    file.close();
    await expect(opener.open("missing", 0)).rejects.toMatchObject({ code: "ENOENT", errno: 2, syscall: "openat" });
    await expect(opener.open("a", constants.O_DIRECTORY)).rejects.toMatchObject({ code: "ENOTDIR" });
    opener.close();
  });

  it("runs on a thread that has the directory and two sockets, and nothing else of the process", async () => {
    const threads = (): string[] => readdirSync("/proc/self/task");
    const before = threads();
    const opener = new FileOpener(directory);
    const thread = threads().find((tid) => !before.includes(tid));
    const links = (): string[] =>
      readdirSync(`/proc/self/task/${thread}/fd`).map((fd) => readlinkSync(`/proc/self/task/${thread}/fd/${fd}`));
    const kept = [folder, expect.stringContaining("socket:"), expect.stringContaining("socket:")];
    expect(links()).toEqual(kept);
    const file = await opener.open("a", 0);
    expect(links()).toEqual(kept);
    file.close();
    opener.close();
    await settle();
    expect(threads()).not.toContain(thread);
  });

  it("close: what waits fails, and so does what is asked later", async () => {
    const opener = new FileOpener(directory);
    const pending = opener.open("a", 0);
    opener.close();
    await expect(pending).rejects.toMatchObject({ code: "ECANCELED" });
    await expect(opener.open("a", 0)).rejects.toMatchObject({ code: "EBADF" });
    opener.close();
  });

  it("leaves nothing open when it is closed", async () => {
    const before = openFds();
    for (let round = 0; round < 10; round++) {
      const opener = new FileOpener(directory);
      const file = await opener.open("a", 0);
      file.close();
      opener.close();
    }
    await settle();
    expect(openFds()).toBe(before);
  });

  it("refuses what is no directory when it opens", async () => {
    const fd = openSync(join(folder, "a"), 0);
    const opener = new FileOpener(fd);
    await expect(opener.open("a", 0)).rejects.toMatchObject({ code: "ENOTDIR" });
    opener.close();
    closeSync(fd);
  });
});

describe("receiveFd", () => {
  it("says EAGAIN when nothing was sent, EBADF and ENOTSOCK where nothing can be", () => {
    const { orders, files } = startOpener(directory);
    expect(systemError(() => receiveFd(files.fd)).code).toBe("EAGAIN");
    expect(systemError(() => receiveFd(directory)).code).toBe("ENOTSOCK");
    expect(systemError(() => receiveFd(123_456)).code).toBe("EBADF");
    orders.close();
    files.close();
  });
});

describe("readReady", () => {
  it("reads what is there", () => {
    const fd = openSync(join(folder, "a"), 0);
    const into = new Uint8Array(16);
    expect(readReady(fd, into)).toBe(6);
    expect(Buffer.from(into.subarray(0, 6)).toString()).toBe("file a");
    expect(readReady(fd, into)).toBe(0);
    closeSync(fd);
    expect(systemError(() => readReady(123_456, into)).code).toBe("EBADF");
  });
});

describe("mountFuse", () => {
  it("fails for what is no FUSE channel, and leaves nothing open", () => {
    const before = openFds();
    // EPERM without the right, ENOSYS or ENODEV without FUSE, EINVAL with both.
    expect(systemError(() => mountFuse(directory)).code).toMatch(/^E(PERM|NOSYS|NODEV|INVAL)$/);
    expect(openFds()).toBe(before);
  });
});
