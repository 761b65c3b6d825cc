import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CallWatch, CallerFlags, descriptorsOf, processOf } from "../../src/cuse/caller.js";
import { OpenFileHandle } from "../../src/cuse/open-file-handle.js";

const RDWR = 0o2;
const NONBLOCK = 0o4000;
const CMD = 0xc0445611;
const ARG = 0x7ffd_1234_5678n;
const NODE_INO = 555;

let proc: string;
beforeEach(() => {
  proc = mkdtempSync(path.join(tmpdir(), "proc-"));
});
afterEach(() => rmSync(proc, { recursive: true }));

/** A kernel that has /proc/<tid>/syscall. */
function withSyscallFiles(): void {
  mkdirSync(`${proc}/self`);
  writeFileSync(`${proc}/self/syscall`, "running\n");
}

function addThread(tid: number, pid = tid, comm = "client"): void {
  mkdirSync(`${proc}/${tid}/fd`, { recursive: true });
  mkdirSync(`${proc}/${tid}/fdinfo`);
  writeFileSync(`${proc}/${tid}/status`, `Name:\t${comm}\nUmask:\t0022\nTgid:\t${pid}\nPid:\t${tid}\n`);
}

function addFd(
  tid: number,
  fd: number,
  flags: number,
  target = "/dev/video7",
  ino: number | null = NODE_INO,
): void {
  symlinkSync(target, `${proc}/${tid}/fd/${fd}`);
  const inoLine = ino === null ? "" : `ino:\t${ino}\n`;
  writeFileSync(
    `${proc}/${tid}/fdinfo/${fd}`,
    `pos:\t0\nflags:\t0${flags.toString(8).padStart(7, "0")}\nmnt_id:\t25\n${inoLine}`,
  );
}

const sleepsIn = (tid: number, text: string): void => writeFileSync(`${proc}/${tid}/syscall`, text);
const inIoctl = (fd: number, cmd = CMD, arg = ARG): string =>
  `16 0x${fd.toString(16)} 0x${cmd.toString(16)} 0x${arg.toString(16)} 0x0 0x0 0x0 0x7ffd12345000 0x7f0011223344\n`;

interface Question {
  readonly tid?: number;
  readonly handles?: readonly OpenFileHandle[];
  readonly handle?: OpenFileHandle;
  readonly ino?: number | undefined;
  readonly compat?: boolean;
  readonly argAddress?: bigint;
  readonly sameFile?: (pid: number, fdA: number, fdB: number) => boolean;
  readonly inoOf?: (handle: OpenFileHandle) => number | undefined;
}

function ask(question: Question = {}): boolean {
  const handle = question.handle ?? new OpenFileHandle(1, RDWR, 100);
  const flags = new CallerFlags({
    handles: () => question.handles ?? [handle],
    node: "/dev/video7",
    ino: () => ("ino" in question ? question.ino : NODE_INO),
    sameFile: question.sameFile,
    inoOf: question.inoOf,
    proc,
  });
  const call = {
    caller: { tid: question.tid ?? 100, uid: 0, gid: 0 } as never,
    cmd: CMD,
    argAddress: question.argAddress ?? ARG,
    compat: question.compat ?? false,
  };
  return flags.isNonblocking(call, handle);
}

describe("with /proc/<tid>/syscall", () => {
  beforeEach(() => {
    withSyscallFiles();
    addThread(100);
    addFd(100, 3, RDWR);
    addFd(100, 4, RDWR | NONBLOCK);
  });

  it.each([
    [3, false],
    [4, true],
  ])("descriptor %i is the one in the caller's ioctl", (fd, nonblocking) => {
    sleepsIn(100, inIoctl(fd));
    expect(ask()).toBe(nonblocking);
  });

  it("sign extensions of the command do not matter", () => {
    sleepsIn(100, `16 0x4 0xffffffffc0445611 0x${ARG.toString(16)} 0x0 0x0 0x0 0x0 0x0\n`);
    addFd(100, 5, RDWR);
    expect(ask()).toBe(true);
  });

  it("a 32-bit caller has the lower half of the pointer", () => {
    sleepsIn(100, `54 0x4 0xc0445611 0xffffd000 0x0 0x0 0x0 0x0 0x0\n`);
    expect(ask({ compat: true, argAddress: 0xffffd000n })).toBe(true);
  });

  it("a 64-bit caller's pointer counts as a whole, a 32-bit caller's as its lower half", () => {
    rmSync(`${proc}/100/fd/4`);
    // The right descriptor is 4, which only the system call tells: its link is gone.
    sleepsIn(100, `54 0x4 0xc0445611 0x1ffffd000 0x0 0x0 0x0 0x0 0x0\n`);
    expect(ask({ compat: true, argAddress: 0xffffd000n })).toBe(true);
    expect(ask({ argAddress: 0xffffd000n })).toBe(false);
  });

  it("a descriptor is the lower half of its register", () => {
    rmSync(`${proc}/100/fd/4`);
    sleepsIn(100, `16 0xffffffff00000004 0xc0445611 0x${ARG.toString(16)} 0x0 0x0 0x0 0x0 0x0\n`);
    expect(ask()).toBe(true);
  });

  it("a descriptor that has gone meanwhile leaves the flags last known", () => {
    sleepsIn(100, inIoctl(9));
    expect(ask()).toBe(false);
  });

  it.each([
    [3, true],
    [4, false],
  ])("a caller that is on its way to sleep is looked at four times: %i times running", (times, isSeen) => {
    rmSync(`${proc}/100/fd/4`);
    const file = `${proc}/100/syscall`;
    execFileSync("mkfifo", [file]);
    const fifo = openSync(file, "r+");
    // One look reads 1024 bytes.
    writeFileSync(fifo, "running".padEnd(1024).repeat(times) + inIoctl(4));
    expect(ask()).toBe(isSeen);
    closeSync(fifo);
  });

  it.each([
    ["another command", inIoctl(3, 0xc0445610)],
    ["another argument", inIoctl(3, CMD, ARG + 8n)],
    ["no system call", "-1 0x7ffd12345000 0x7f0011223344\n"],
    ["the processor, still", "running\n"],
    ["nonsense", "\n"],
  ])("a caller that is in %s is searched for descriptors", (_what, text) => {
    sleepsIn(100, text);
    rmSync(`${proc}/100/fd/3`);
    expect(ask()).toBe(true);
  });
});

describe("without it", () => {
  beforeEach(() => addThread(100));

  it("one descriptor of the node tells", () => {
    addFd(100, 0, RDWR, "/dev/pts/0", 3);
    addFd(100, 1, NONBLOCK, "socket:[12345]", 12345);
    addFd(100, 5, RDWR | NONBLOCK);
    expect(ask()).toBe(true);
  });

  it("several that agree tell", () => {
    addFd(100, 5, RDWR);
    addFd(100, 6, RDWR);
    expect(ask({ handle: new OpenFileHandle(1, RDWR | NONBLOCK, 100) })).toBe(false);
  });

  it("a node with another path in the caller's mount namespace is known by its inode", () => {
    addFd(100, 5, RDWR | NONBLOCK, "/newroot/dev/camera");
    expect(ask()).toBe(true);
  });

  it("a node of a container is known by its name", () => {
    addFd(100, 5, RDWR | NONBLOCK, "/container/dev/video7", 9);
    expect(ask()).toBe(true);
  });

  it("a kernel without inodes in fdinfo (before 5.14) is served by name", () => {
    addFd(100, 4, RDWR, "/dev/video6", null);
    addFd(100, 5, RDWR | NONBLOCK, "/dev/video7", null);
    expect(ask()).toBe(true);
  });

  it("a socket is no node, whatever number it has; nor is what is no link", () => {
    addFd(100, 4, RDWR | NONBLOCK, "socket:[555]");
    addFd(100, 5, RDWR);
    addFd(100, 6, RDWR | NONBLOCK);
    rmSync(`${proc}/100/fd/6`);
    writeFileSync(`${proc}/100/fd/6`, "");
    expect(ask({ handle: new OpenFileHandle(1, RDWR | NONBLOCK, 100) })).toBe(false);
  });

  it("a descriptor whose flags cannot be read does not count", () => {
    addFd(100, 4, RDWR | NONBLOCK);
    writeFileSync(`${proc}/100/fdinfo/4`, "pos:\t0\n");
    expect(ask()).toBe(false);
    rmSync(`${proc}/100/fdinfo/4`);
    expect(ask()).toBe(false);
    addFd(100, 5, RDWR);
    expect(ask({ handle: new OpenFileHandle(1, RDWR | NONBLOCK, 100) })).toBe(false);
  });

  it("its path goes before its name, its name before its inode", () => {
    addFd(100, 4, RDWR | NONBLOCK, "/newroot/dev/camera");
    addFd(100, 5, RDWR, "/container/dev/video7", 9);
    const asked = { handle: new OpenFileHandle(1, RDWR | NONBLOCK, 100) };
    expect(ask(asked)).toBe(false);
    addFd(100, 6, RDWR | NONBLOCK);
    expect(ask()).toBe(true);
  });

  it("an inode that nobody knows is that of no descriptor", () => {
    addFd(100, 5, RDWR | NONBLOCK, "/newroot/dev/camera", null);
    addFd(100, 6, RDWR | NONBLOCK, "/newroot/dev/other");
    expect(ask({ ino: undefined })).toBe(false);
  });

  it("where a node has several inodes, that of the file and the node's name count, and nothing else", () => {
    const inoOf = ({ fh }: OpenFileHandle): number => 900 + fh;
    const handle = new OpenFileHandle(1, RDWR, 100);
    addFd(100, 4, RDWR | NONBLOCK); // another file of the node
    addFd(100, 5, RDWR | NONBLOCK, "/dev/other", 901);
    expect(ask({ handle, inoOf })).toBe(false);
    addFd(100, 6, RDWR, "/dev/video7", 901);
    expect(ask({ handle: new OpenFileHandle(1, RDWR | NONBLOCK, 100), inoOf })).toBe(false);
    expect(ask({ handle: new OpenFileHandle(2, RDWR, 100), inoOf })).toBe(false);
    addFd(100, 7, RDWR | NONBLOCK, "/dev/video7 (deleted)", 902);
    expect(ask({ handle: new OpenFileHandle(2, RDWR, 100), inoOf })).toBe(true);
  });

  it("descriptors that disagree are told by access mode", () => {
    addFd(100, 4, 0);
    addFd(100, 5, RDWR | NONBLOCK);
    expect(ask({ handle: new OpenFileHandle(1, RDWR, 100) })).toBe(true);
    expect(ask({ handle: new OpenFileHandle(1, 0, 100) })).toBe(false);
  });

  it("or by order, when the process has as many files as it opened", () => {
    const first = new OpenFileHandle(3, RDWR, 100);
    const second = new OpenFileHandle(8, RDWR, 100);
    const others = new OpenFileHandle(5, RDWR, 200);
    addThread(200);
    addFd(100, 5, RDWR);
    addFd(100, 9, RDWR | NONBLOCK);
    const handles = [second, others, first];
    expect(ask({ handle: first, handles })).toBe(false);
    expect(ask({ handle: second, handles })).toBe(true);
  });

  it.each([
    ["upwards", [5, 9, 12]],
    ["downwards", [12, 9, 5]],
  ])("order is by number, however the descriptors are listed: made %s", (_how, made) => {
    for (const fd of made) addFd(100, fd, fd === 9 ? RDWR | NONBLOCK : RDWR);
    const handles = [1, 2, 3].map((fh) => new OpenFileHandle(fh, RDWR, 100));
    expect(handles.map((handle) => ask({ handle, handles }))).toEqual([false, true, false]);
  });

  it("order that leads to a file of another access mode says nothing", () => {
    const handles = [RDWR, RDWR, 0].map((mode, index) => new OpenFileHandle(index + 1, mode, 100));
    addFd(100, 4, 0); // dup2() has put the third file before the first.
    addFd(100, 5, RDWR);
    addFd(100, 9, RDWR | NONBLOCK);
    expect(ask({ handle: handles[0] ?? new OpenFileHandle(9, RDWR, 100), handles })).toBe(true);
  });

  it("order says nothing of a process that cannot be told", () => {
    const handles = [1, 2].map((fh) => new OpenFileHandle(fh, RDWR, 100));
    addFd(100, 5, RDWR);
    addFd(100, 9, RDWR | NONBLOCK);
    rmSync(`${proc}/100/status`);
    expect(handles.map((handle) => ask({ handle, handles }))).toEqual([true, true]);
  });

  it("order says nothing when a file was closed in between, whose descriptor the next one got", () => {
    const first = new OpenFileHandle(3, RDWR, 100);
    const reopened = new OpenFileHandle(8, RDWR, 100, 1);
    addFd(100, 3, RDWR | NONBLOCK); // that of the second file
    addFd(100, 5, RDWR);
    expect(ask({ handle: reopened, handles: [first, reopened] })).toBe(true);
  });

  it("order: duplicates count once, threads belong to their process", () => {
    const first = new OpenFileHandle(3, RDWR, 101);
    const second = new OpenFileHandle(8, RDWR, 100);
    addThread(101, 100);
    addFd(100, 5, RDWR);
    addFd(100, 6, RDWR); // a duplicate of 5
    addFd(100, 9, RDWR | NONBLOCK);
    const sameFile = (pid: number, a: number, b: number): boolean => pid === 100 && a === 5 && b === 6;
    expect(ask({ handle: first, handles: [first, second], sameFile })).toBe(false);
    expect(ask({ handle: second, handles: [first, second], sameFile })).toBe(true);
    // Without kcmp(2) the count does not fit, and nobody waits for ever.
    const fails = (): boolean => {
      throw new Error("ENOSYS");
    };
    expect(ask({ handle: first, handles: [first, second], sameFile: fails })).toBe(true);
  });

  it("else nobody waits for ever: non-blocking if any is", () => {
    addFd(100, 5, RDWR);
    addFd(100, 9, RDWR | NONBLOCK);
    expect(ask()).toBe(true);
  });

  it.each([
    ["is gone", 999],
    ["is not visible here", 0],
    ["has no descriptor of ours", 100],
  ])("a caller that %s has the flags last known", (_what, tid) => {
    addFd(100, 5, RDWR | NONBLOCK, "/dev/video70", 7);
    expect(ask({ tid })).toBe(false);
    expect(ask({ tid, handle: new OpenFileHandle(1, RDWR | NONBLOCK, 100) })).toBe(true);
  });

  it("a caller that is not visible here is nobody, whatever is found by its number", () => {
    addThread(0);
    addFd(0, 5, RDWR | NONBLOCK);
    expect(ask({ tid: 0 })).toBe(false);
  });

  it("a caller with very many descriptors is not searched to the end", () => {
    for (let fd = 3; fd < 1100; fd++) symlinkSync("/dev/null", `${proc}/100/fd/${fd}`);
    addFd(100, 2000, RDWR | NONBLOCK);
    expect(ask()).toBe(false);
  });
});

describe("descriptorsOf", () => {
  it("lists a folder of 1024 descriptors, and none of a larger one", () => {
    const folder = path.join(proc, "fd");
    expect(descriptorsOf(folder)).toEqual([]);
    mkdirSync(folder);
    const all = Array.from({ length: 1024 }, (_, fd) => fd);
    for (const fd of all) symlinkSync("/dev/null", path.join(folder, String(fd)));
    expect([...descriptorsOf(folder)].sort((a, b) => a - b)).toEqual(all);
    symlinkSync("/dev/null", path.join(folder, "1024"));
    expect(descriptorsOf(folder)).toEqual([]);
  });
});

describe("processOf", () => {
  it("needs no name, but a process", () => {
    mkdirSync(`${proc}/7`);
    writeFileSync(`${proc}/7/status`, "Tgid:\t7\n");
    expect(processOf(7, proc)).toEqual({ pid: 7, comm: "" });
    writeFileSync(`${proc}/7/status`, "Name:\tcat\n");
    expect(processOf(7, proc)).toBeUndefined();
    mkdirSync(`${proc}/0`);
    writeFileSync(`${proc}/0/status`, "Tgid:\t7\n");
    expect(processOf(0, proc)).toBeUndefined();
  });

  it("names the process of a thread", () => {
    addThread(101, 100, "v4l2 (ctl)\\n");
    expect(processOf(101, proc)).toEqual({ pid: 100, comm: "v4l2 (ctl)\\n" });
  });

  it("knows nothing of a thread that has gone or is not visible", () => {
    expect(processOf(7, proc)).toBeUndefined();
    expect(processOf(0, proc)).toBeUndefined();
  });
});

describe("how much a caller's read(2) or write(2) asks for", () => {
  const [read, write] = process.arch === "arm64" ? [63, 64] : [0, 1];
  const asks = (text: string | undefined, isShown = true): number | undefined => {
    if (isShown) withSyscallFiles();
    addThread(100);
    if (text !== undefined) sleepsIn(100, text);
    return new CallWatch(proc).transferBytes(100);
  };

  it.each([
    ["read", `${read} 0x3 0x7f00 0x1000 0x0 0x0 0x0 0x7ffd 0x7f00\n`, 4096],
    ["write", `${write} 0x3 0x7f00 0x10 0x0 0x0 0x0 0x7ffd 0x7f00\n`, 16],
    ["a 32-bit read", "3 0x3 0x7f00 0x20 0x0 0x0 0x0 0x7ffd 0x7f00\n", 32],
    ["a 32-bit write", "4 0x3 0x7f00 0x20 0x0 0x0 0x0 0x7ffd 0x7f00\n", 32],
    ["another call", "7 0x3 0x7f00 0x1000 0x0 0x0 0x0 0x7ffd 0x7f00\n", undefined],
    ["no call", "-1 0x7ffd 0x7f00\n", undefined],
    ["a caller that runs", "running\n", undefined],
    ["a caller that is not there", undefined, undefined],
  ])("is told of %s", (_title, text, bytes) => {
    expect(asks(text)).toBe(bytes);
  });

  it("is not known where the kernel does not show calls", () => {
    expect(asks(`${read} 0x3 0x7f00 0x1000 0x0 0x0 0x0 0x7ffd 0x7f00\n`, false)).toBeUndefined();
  });

  it("is not known of a machine whose calls have other numbers", () => {
    vi.spyOn(process, "arch", "get").mockReturnValue("s390x");
    try {
      expect(asks(`${read} 0x3 0x7f00 0x1000 0x0 0x0 0x0 0x7ffd 0x7f00\n`)).toBeUndefined();
    } finally {
      vi.restoreAllMocks();
    }
  });
});
