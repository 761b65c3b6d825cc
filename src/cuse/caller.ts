/**
 * What the kernel's messages do not say about a caller: is its file `O_NONBLOCK` now, which process is it.
 *
 * Programs set `O_NONBLOCK` with `fcntl(2)` after `open(2)`; the messages of READ and WRITE carry the
 * current flags, that of IOCTL does not. `/proc/<tid>/fdinfo/<fd>` does, so the question is which of the
 * caller's descriptors the call came through. In order:
 *
 * 1. `/proc/<tid>/syscall` shows the system call that the caller sleeps in: number, then its arguments. When
 *    command and argument are those of our request, the first argument is the descriptor. This is exact.
 *    Kernels for real machines have the file; a caller that the kernel has not yet put to sleep reads as
 *    "running" for a moment; User-Mode Linux lacks the file.
 * 2. All of the caller's descriptors on our node. Usually they agree: one open file, perhaps duplicated
 *    (duplicates share their flags).
 * 3. When they do not agree: those that were opened with the access mode of the file in question; then, if
 *    the process has exactly as many different open files on the node as it has opened, and none was closed in
 *    between (whose number would be used again), the n-th file that it opened is the n-th by descriptor number.
 * 4. Else, non-blocking if any of them is: an unexpected EAGAIN is an error that a program can report, an
 *    unexpected wait has no end.
 * 5. When nothing can be read (no right to, or a caller that is invisible from here): the last flags known.
 *
 * All that a lying client can achieve is to wait, or not to wait, in its own call.
 */
import { closeSync, constants, existsSync, opendirSync, openSync, readlinkSync, readSync } from "node:fs";
import path from "node:path";
import type { IoctlCall, NonblockingProbe } from "./calls.js";
import { O_ACCMODE, O_NONBLOCK } from "../linux.js";
import { present } from "../present.js";
import type { OpenFileHandle } from "./open-file-handle.js";

export interface CallerFlagsOptions {
  /** The open files of the session. */
  readonly handles: () => Iterable<OpenFileHandle>;
  /** The device node: "/dev/video0". */
  readonly node: string;
  /** The inode number of the node: what fdinfo shows as `ino` for a file opened through it. */
  readonly ino: () => number | undefined;
  /** The inode of one open file, where a node has several: then nothing else counts. */
  readonly inoOf?: ((handle: OpenFileHandle) => number | undefined) | undefined;
  /** Are two descriptors of a process the same open file? Without it duplicates count as different files. */
  readonly sameFile?: ((pid: number, fdA: number, fdB: number) => boolean) | undefined;
  /** Default "/proc". */
  readonly proc?: string;
}

/** A descriptor of the caller that is open on our node. */
interface Candidate {
  readonly fd: number;
  readonly flags: number;
}

/** The ioctl that somebody asks about. */
export type AskedIoctl = Pick<IoctlCall, "caller" | "cmd" | "argAddress" | "compat">;

/** A caller with more descriptors than this is not searched: its last known flags have to do. */
const MAX_DESCRIPTORS = 1024;

/** How often "running" is read again before the descriptors are searched. */
const SYSCALL_ATTEMPTS = 4;

/** Text of a small file of /proc in three system calls, or undefined when it cannot be read. */
class SmallFiles {
  readonly #buffer = Buffer.alloc(1024);

  read(file: string): string | undefined {
    let fd: number | undefined;
    try {
      fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
      const size = readSync(fd, this.#buffer, 0, this.#buffer.length, null);
      return this.#buffer.toString("latin1", 0, size);
    } catch {
      return undefined; // The caller is gone, or not ours to look at.
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }
}

const files = new SmallFiles();

/**
 * Numbers of read(2) and write(2): of this machine's programs, then of its 32-bit programs. A thread whose read or write we
 * are serving is in no other call that has one of these numbers.
 */
const transferCalls: Partial<Record<NodeJS.Architecture, readonly number[]>> = {
  x64: [0, 1, 3, 4],
  arm64: [63, 64, 3, 4],
};

/** Looks at the system calls that callers sleep in, where the kernel shows them. */
export class CallWatch {
  readonly #proc: string;
  readonly #isPossible: boolean;

  constructor(proc: string) {
    this.#proc = proc;
    this.#isPossible = existsSync(`${proc}/self/syscall`);
  }

  /** The descriptor in the system call that the caller sleeps in, if it is this one. */
  descriptor(call: AskedIoctl): number | undefined {
    const text = this.#read(call.caller.tid);
    return text === undefined ? undefined : parseIoctlDescriptor(text, call);
  }

  /** How many bytes the caller's `read(2)` or `write(2)` asks for; undefined in any other call. */
  transferBytes(tid: number): number | undefined {
    const words = /^(\d+) 0x[0-9a-f]+ 0x[0-9a-f]+ 0x([0-9a-f]+) /.exec(this.#read(tid) ?? "");
    if (words === null) return undefined;
    const isTransfer = transferCalls[process.arch]?.includes(Number(words[1])) ?? false;
    return isTransfer ? Number.parseInt(group(words, 2), 16) : undefined;
  }

  #read(tid: number): string | undefined {
    if (!this.#isPossible) return undefined;
    for (let attempt = 0; attempt < SYSCALL_ATTEMPTS; attempt++) {
      const text = files.read(`${this.#proc}/${tid}/syscall`);
      if (text?.startsWith("running") !== true) return text;
    }
    return undefined;
  }
}

export class CallerFlags implements NonblockingProbe {
  readonly #options: CallerFlagsOptions;
  readonly #proc: string;
  readonly #calls: CallWatch;

  constructor(options: CallerFlagsOptions) {
    this.#options = options;
    this.#proc = options.proc ?? "/proc";
    this.#calls = new CallWatch(this.#proc);
  }

  isNonblocking(call: AskedIoctl, handle: OpenFileHandle): boolean {
    const flags = this.#currentFlags(call, handle);
    if (flags === undefined) return handle.lastKnownNonblocking;
    return (flags & O_NONBLOCK) !== 0;
  }

  /** The flags of the caller's file, or undefined when they cannot be found. */
  #currentFlags(call: AskedIoctl, handle: OpenFileHandle): number | undefined {
    const { tid } = call.caller;
    if (tid === 0) return undefined;
    const fd = this.#calls.descriptor(call);
    if (fd !== undefined) return this.#fdinfo(tid, fd)?.flags;
    return this.#choose(tid, this.#candidates(tid, handle), handle);
  }

  #fdinfo(tid: number, fd: number): { flags: number; ino: number | undefined } | undefined {
    const text = files.read(`${this.#proc}/${tid}/fdinfo/${fd}`);
    const flags = /^flags:\s+([0-7]+)$/m.exec(text ?? "")?.[1];
    if (flags === undefined) return undefined;
    const ino = /^ino:\s+(\d+)$/m.exec(text ?? "")?.[1];
    return { flags: Number.parseInt(flags, 8), ino: ino === undefined ? undefined : Number(ino) };
  }

  /**
   * The caller's descriptors on our node: those that lead to its path; else those that lead to its name (a
   * node in a container); else those that lead to its inode (a bind mount). stat(2) would be exact, but asks
   * the file system of whatever the client has open, and might wait for that.
   */
  #candidates(tid: number, handle: OpenFileHandle): readonly Candidate[] {
    const { node, inoOf } = this.#options;
    const ino = inoOf === undefined ? this.#options.ino() : inoOf(handle);
    const name = path.basename(node);
    const byPath: Candidate[] = [];
    const byName: Candidate[] = [];
    const byInode: Candidate[] = [];
    for (const fd of descriptorsOf(`${this.#proc}/${tid}/fd`)) {
      const target = readLink(`${this.#proc}/${tid}/fd/${fd}`);
      if (target === undefined || !target.startsWith("/")) continue; // A socket, a pipe, ...
      const info = this.#fdinfo(tid, fd);
      if (info === undefined) continue;
      const candidate = { fd, flags: info.flags };
      if (inoOf !== undefined) {
        // A name that leads to another inode by now reads as "video0 (deleted)".
        if (info.ino === ino && path.basename(target).split(" ", 1)[0] === name) byInode.push(candidate);
      } else if (target === node) byPath.push(candidate);
      else if (path.basename(target) === name) byName.push(candidate);
      else if (ino !== undefined && info.ino === ino) byInode.push(candidate);
    }
    return [byPath, byName, byInode].find((found) => found.length > 0) ?? [];
  }

  #choose(tid: number, candidates: readonly Candidate[], handle: OpenFileHandle): number | undefined {
    const possible = candidates.filter(({ flags }) => (flags & O_ACCMODE) === (handle.flags & O_ACCMODE));
    const first = possible[0];
    if (first === undefined) return undefined;
    if (possible.every(({ flags }) => ((flags ^ first.flags) & O_NONBLOCK) === 0)) return first.flags;

    const distinct = this.#distinctFiles(tid, candidates);
    const opened = this.#filesOfProcess(tid);
    const isInOrder = opened.every(({ closedBefore }) => closedBefore === opened[0]?.closedBefore);
    const chosen =
      isInOrder && distinct.length === opened.length ? distinct[opened.indexOf(handle)] : undefined;
    if (chosen !== undefined && (chosen.flags & O_ACCMODE) === (handle.flags & O_ACCMODE))
      return chosen.flags;
    return possible.find(({ flags }) => (flags & O_NONBLOCK) !== 0)?.flags;
  }

  /** The first descriptor of each open file, by number. */
  #distinctFiles(tid: number, candidates: readonly Candidate[]): Candidate[] {
    const { sameFile } = this.#options;
    const distinct: Candidate[] = [];
    for (const candidate of [...candidates].sort((a, b) => a.fd - b.fd)) {
      const isDuplicate = distinct.some(({ fd }) => {
        try {
          return sameFile?.(tid, fd, candidate.fd) ?? false;
        } catch {
          return false; // No kcmp(2) here.
        }
      });
      if (!isDuplicate) distinct.push(candidate);
    }
    return distinct;
  }

  /** The open files that the caller's process has opened, oldest first. */
  #filesOfProcess(tid: number): OpenFileHandle[] {
    const pid = processOf(tid, this.#proc)?.pid;
    if (pid === undefined) return [];
    return [...this.#options.handles()]
      .filter(({ openerTid }) => openerTid === tid || processOf(openerTid, this.#proc)?.pid === pid)
      .sort((a, b) => a.fh - b.fh);
  }
}

/** Numbers of open descriptors, none when there are too many or the folder cannot be read. */
export function descriptorsOf(folder: string): readonly number[] {
  const found: number[] = [];
  try {
    const entries = opendirSync(folder);
    try {
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
        if (found.length >= MAX_DESCRIPTORS) return [];
        found.push(Number(entry.name));
      }
    } finally {
      entries.closeSync();
    }
  } catch {
    return []; // The caller is gone, or not ours to look at.
  }
  return found;
}

/** A group of a pattern that every match has. */
const group = (match: RegExpExecArray, number: number): string =>
  present(match[number], "the pattern has that many groups");

function readLink(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined; // Closed meanwhile.
  }
}

/**
 * Finds the descriptor in a line of `/proc/<tid>/syscall`: `16 0x3 0xc0445611 0x7ffd... ...`, the number of
 * the call in decimal, its arguments and registers in hexadecimal.
 * @returns undefined when the call is not the ioctl in question.
 */
function parseIoctlDescriptor(line: string, call: AskedIoctl): number | undefined {
  const words = /^-?\d+ (0x[0-9a-f]+) (0x[0-9a-f]+) (0x[0-9a-f]+) /.exec(line);
  if (words === null) return undefined;
  const [fdText, cmdText, argText] = [group(words, 1), group(words, 2), group(words, 3)];
  // The kernel looks at the lower half of what it takes as unsigned int, and at all of a pointer; a 32-bit
  // caller's registers are 32 bits wide.
  if (Number(BigInt.asUintN(32, BigInt(cmdText))) !== call.cmd) return undefined;
  const bits = call.compat ? 32 : 64;
  if (BigInt.asUintN(bits, BigInt(argText)) !== BigInt.asUintN(bits, call.argAddress)) return undefined;
  return Number(BigInt.asUintN(32, BigInt(fdText)));
}

/** The process that a thread belongs to. */
export interface ProcessInfo {
  /** The process id that `ps` shows. */
  readonly pid: number;
  /** The thread's name, usually that of the program, at most 15 characters. */
  readonly comm: string;
}

/** @returns undefined when the thread has gone or is not visible from here. */
export function processOf(tid: number, proc = "/proc"): ProcessInfo | undefined {
  if (tid === 0) return undefined;
  const text = files.read(`${proc}/${tid}/status`);
  const pid = /^Tgid:\s+(\d+)$/m.exec(text ?? "")?.[1];
  if (text === undefined || pid === undefined) return undefined;
  return { pid: Number(pid), comm: /^Name:\s+(.*)$/m.exec(text)?.[1] ?? "" };
}
