/**
 * Numbers and names of the Linux system call interface that several layers need: errno, open(2), poll(2), mmap(2), and
 * who makes a call. Knows nothing of this project.
 */
import { constants as fs } from "node:fs";
import { constants as os } from "node:os";

/** Names that `errno(3)` knows on Linux, as Node lists them: `"EINVAL"`, `"EBUSY"`, `"ENOTTY"`, ... */
export type ErrnoName = keyof typeof os.errno | keyof typeof unlisted;

/** Numbers of the kernel's generic ABI (x86, arm) that Node's list leaves out: EBADR is how requests are refused. */
const unlisted = { EBADR: 53 } as const;

const numbers: Partial<Record<string, number>> = { ...unlisted, ...os.errno };

/** The positive number of an errno name, 22 for `EINVAL`; `EIO` for a name that this system does not have. */
export function errnoNumber(code: ErrnoName): number {
  return numbers[code] ?? os.errno.EIO;
}

export const { O_NONBLOCK, O_RDONLY, O_RDWR } = fs;
/** `O_ACCMODE`: read only, write only, or both. Fixed when the file is opened. */
export const O_ACCMODE = fs.O_RDONLY | fs.O_WRONLY | fs.O_RDWR;
/** The same number on all machines that the addon knows; Node does not list it. */
export const O_CLOEXEC = 0o2000000;

export const POLLIN = 0x001;
export const POLLPRI = 0x002;
export const POLLOUT = 0x004;
export const POLLERR = 0x008;
export const POLLHUP = 0x010;
export const POLLRDNORM = 0x040;
export const POLLWRNORM = 0x100;
/** A file without a poll handler is always ready (the kernel's DEFAULT_POLLMASK). */
export const ALWAYS_READY = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;

export const PROT_READ = 1;
export const PROT_WRITE = 2;
/** `MAP_SHARED` and `MAP_SHARED_VALIDATE` have this bit, `MAP_PRIVATE` has not. */
export const MAP_SHARED = 1;

/** The thread that makes a call, as the FUSE header says it. */
export interface Caller {
  /** The caller's *thread* id in the driver's pid namespace; 0 when it is not visible there. */
  readonly tid: number;
  /** The caller's file system user id, in the driver's user namespace. */
  readonly uid: number;
  /** The caller's file system group id, in the driver's user namespace. */
  readonly gid: number;
}
