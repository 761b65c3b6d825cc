/** Serves a tree as a file system: the callbacks of `fuse-native`. */
import { constants } from "node:fs";
import { V4l2Error } from "../../v4l2/index.js";
import type { DirectoryNode, FileNode, TreeNode } from "./tree.js";
import { lookup } from "./tree.js";

export interface Stats {
  readonly mode: number;
  readonly nlink: number;
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Date;
  readonly atime: Date;
  readonly ctime: Date;
}

/** The operations that a tree needs, of those that fuse-native has. Errors are negative numbers. */
export interface FuseOperations {
  getattr(path: string, done: (error: number, stats?: Stats) => void): void;
  readdir(path: string, done: (error: number, names?: string[]) => void): void;
  open(path: string, flags: number, done: (error: number, fd?: number) => void): void;
  read(
    path: string,
    fd: number,
    into: Uint8Array,
    length: number,
    at: number,
    done: (count: number) => void,
  ): void;
  write(
    path: string,
    fd: number,
    from: Uint8Array,
    length: number,
    at: number,
    done: (count: number) => void,
  ): void;
  truncate(path: string, size: number, done: (error: number) => void): void;
  release(path: string, fd: number, done: (error: number) => void): void;
  create(path: string, mode: number, done: (error: number) => void): void;
  mknod(path: string, mode: number, device: number, done: (error: number) => void): void;
  mkdir(path: string, mode: number, done: (error: number) => void): void;
  unlink(path: string, done: (error: number) => void): void;
  rmdir(path: string, done: (error: number) => void): void;
  rename(from: string, to: string, done: (error: number) => void): void;
}

const Errno = { EPERM: -1, ENOENT: -2, EIO: -5, EBADF: -9, EACCES: -13, ENOTDIR: -20, EISDIR: -21 } as const;

interface OpenFile {
  readonly node: FileNode;
  /** The content as it was when the file was opened; a reader sees no mixture. */
  readonly bytes: Uint8Array;
}

/** As in debugfs: what is inside may be read by anyone, but only root gets inside. */
const ROOT_MODE = 0o700;
const DIRECTORY_MODE = 0o755;

const statsOf = (node: TreeNode, isRoot: boolean, now: Date): Stats => ({
  mode:
    node.kind === "directory"
      ? constants.S_IFDIR | (isRoot ? ROOT_MODE : DIRECTORY_MODE)
      : constants.S_IFREG | (node.write === undefined ? 0o444 : 0o644),
  nlink: node.kind === "directory" ? 2 : 1,
  size: node.kind === "directory" ? 0 : node.read().length,
  uid: 0,
  gid: 0,
  mtime: now,
  atime: now,
  ctime: now,
});

/** The reverse of what clients of a device get: a negative errno for FUSE. */
const errnoOf = (error: unknown): number => (error instanceof V4l2Error ? -error.errno : Errno.EIO);

export function fuseOperations(root: DirectoryNode): FuseOperations {
  const open = new Map<number, OpenFile>();
  let lastFd = 0;
  return {
    getattr: (path, done) => {
      const node = lookup(root, path);
      if (node === undefined) return done(Errno.ENOENT);
      return done(0, statsOf(node, node === root, new Date()));
    },
    readdir: (path, done) => {
      const node = lookup(root, path);
      if (node === undefined) return done(Errno.ENOENT);
      return node.kind === "directory" ? done(0, [...node.names()]) : done(Errno.ENOTDIR);
    },
    open: (path, flags, done) => {
      const node = lookup(root, path);
      if (node === undefined) return done(Errno.ENOENT);
      if (node.kind === "directory") return done(Errno.EISDIR);
      const isWriter = (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0;
      // Root may write anything, but not what nothing reads.
      if (isWriter && node.write === undefined) return done(Errno.EACCES);
      lastFd += 1;
      open.set(lastFd, { node, bytes: node.read() });
      return done(0, lastFd);
    },
    read: (_path, fd, into, length, at, done) => {
      const file = open.get(fd);
      if (file === undefined) return done(Errno.EBADF);
      const part = file.bytes.subarray(at, at + length);
      into.set(part);
      return done(part.length);
    },
    write: (_path, fd, from, length, _at, done) => {
      const write = open.get(fd)?.node.write;
      if (write === undefined) return done(Errno.EBADF);
      try {
        write(Buffer.from(from.subarray(0, length)).toString("utf8"));
        return done(length);
      } catch (error) {
        return done(errnoOf(error));
      }
    },
    // A shell empties a file before it writes; what is written counts alone.
    truncate: (path, _size, done) => {
      const node = lookup(root, path);
      if (node === undefined) return done(Errno.ENOENT);
      return done(node.kind === "file" && node.write !== undefined ? 0 : Errno.EACCES);
    },
    release: (_path, fd, done) => {
      open.delete(fd);
      return done(0);
    },
    // Files come and go by themselves.
    create: (_path, _mode, done) => done(Errno.EPERM),
    mknod: (_path, _mode, _device, done) => done(Errno.EPERM),
    mkdir: (_path, _mode, done) => done(Errno.EPERM),
    unlink: (_path, done) => done(Errno.EPERM),
    rmdir: (_path, done) => done(Errno.EPERM),
    rename: (_from, _to, done) => done(Errno.EPERM),
  };
}
