/** The root directory of a mount: what the kernel asks of names and inodes, and what it is told. */
import { describe, expect, it, vi } from "vitest";
import { Folder, assertMappable, NUMBER_ATTRIBUTE } from "../../src/cuse/fuse-folder.js";
import type { FolderEntry } from "../../src/cuse/fuse-folder.js";
import {
  FATTR_GID,
  FATTR_MODE,
  FATTR_SIZE,
  FATTR_UID,
  FUSE_ACCESS,
  FUSE_BATCH_FORGET,
  FUSE_FORGET,
  FUSE_GETATTR,
  FUSE_GETXATTR,
  FUSE_LOOKUP,
  FUSE_LSEEK,
  FUSE_OPENDIR,
  FUSE_READDIR,
  FUSE_RELEASEDIR,
  FUSE_ROOT_ID,
  FUSE_SETATTR,
  FUSE_STATFS,
  FuseAttrOutView,
  FuseDirentView,
  FuseEntryOutView,
  FuseGetxattrInView,
  FuseReadInView,
  FuseSetattrInView,
} from "../../src/cuse/gen/fuse.js";
import { Message } from "../../src/cuse/protocol.js";
import type { Reply } from "../../src/cuse/reply.js";
import { about, message } from "./support/messages.js";

const entry = (name: string, more: Partial<FolderEntry> = {}): FolderEntry => ({
  name,
  access: { mode: 0o640, uid: 5, gid: 44 },
  major: 81,
  minor: 7,
  sizeBytes: 4096,
  ...more,
});

/** What was answered: an errno, or bytes; "nobody" when the caller had gone. */
class Kernel {
  readonly folder = new Folder<FolderEntry>();
  /** Is somebody still there for the answer? */
  isThere = true;

  ask(opcode: number, nodeId: number, body: Uint8Array = new Uint8Array()): string | Uint8Array {
    let answer: string | Uint8Array = "ENOSYS"; // Of a reply that stays due.
    const reply = {
      fail: (code: string) => (answer = code),
      done: () => (answer = new Uint8Array()),
      opened: (fh: bigint, flags: number) => (answer = `opened ${fh} ${flags}`),
      data: (bytes: Uint8Array) => {
        answer = bytes.slice();
        return this.isThere;
      },
    };
    const request = new Message();
    const problem = request.load(about(nodeId, message(opcode, 1, body)));
    if (problem !== undefined) throw new Error(problem);
    this.folder.answer(request, reply as unknown as Reply);
    return answer;
  }

  forget(opcode: number, nodeId: number, body: Uint8Array): void {
    const request = new Message();
    request.load(about(nodeId, message(opcode, 0, body)));
    this.folder.forget(request);
  }

  lookup(name: string, parent = FUSE_ROOT_ID): FuseEntryOutView | string {
    const answer = this.ask(FUSE_LOOKUP, parent, Buffer.from(`${name}\0`));
    return typeof answer === "string" ? answer : new FuseEntryOutView(answer);
  }

  nodeOf(name: string): number {
    const found = this.lookup(name);
    if (typeof found === "string") throw new Error(found);
    return Number(found.nodeid);
  }

  setattr(nodeId: number, fields: Partial<FuseSetattrInView>): string | FuseAttrOutView {
    const view = Object.assign(new FuseSetattrInView(new Uint8Array(FuseSetattrInView.SIZE)), fields);
    const answer = this.ask(FUSE_SETATTR, nodeId, view.bytes);
    return typeof answer === "string" ? answer : new FuseAttrOutView(answer);
  }

  /** Names with type and number, from `offset` on. */
  list(size: number, offset = 0): string[] {
    const view = new FuseReadInView(new Uint8Array(FuseReadInView.SIZE));
    Object.assign(view, { size, offset: BigInt(offset) });
    const answer = this.ask(FUSE_READDIR, FUSE_ROOT_ID, view.bytes);
    if (typeof answer === "string") return [answer];
    const names: string[] = [];
    for (let at = 0; at < answer.byteLength;) {
      const { ino, off, namelen, type } = new FuseDirentView(answer.subarray(at));
      const start = at + FuseDirentView.SIZE;
      names.push(`${Buffer.from(answer.subarray(start, start + namelen)).toString()} ${type} ${ino} ${off}`);
      at += (FuseDirentView.SIZE + namelen + 7) & ~7;
    }
    return names;
  }

  xattr(nodeId: number, name: string, size: number): string | Uint8Array {
    const head = new FuseGetxattrInView(new Uint8Array(FuseGetxattrInView.SIZE));
    head.size = size;
    return this.ask(FUSE_GETXATTR, nodeId, Buffer.concat([head.bytes, Buffer.from(`${name}\0`)]));
  }
}

const forgetting = (lookups: number): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(lookups)).buffer);

describe("LOOKUP", () => {
  it("finds a name in the folder, and tells its attributes, which last", () => {
    const kernel = new Kernel();
    kernel.folder.add(entry("video0"));
    const found = kernel.lookup("video0");
    if (typeof found === "string") throw new Error(found);
    expect([found.nodeid, found.entry_valid]).toEqual([2n, 0n]);
    expect(found.attr_valid).toBeGreaterThan(86_400n);
    const { ino, mode, uid, gid, nlink, size, blksize } = found.attr;
    expect({ ino, mode, uid, gid, nlink, size, blksize }).toEqual({
      ...{ ino: 2n, mode: 0o100640, uid: 5, gid: 44, nlink: 1, size: 4096n, blksize: 4096 },
    });
    const age = BigInt(Math.floor(Date.now() / 1000)) - found.attr.mtime;
    expect(age >= 0n && age < 60n).toBe(true);
    expect([found.attr.atime, found.attr.ctime]).toEqual([found.attr.mtime, found.attr.mtime]);
  });

  it("is ENOENT for other names, those that were removed, and those below a node", () => {
    const kernel = new Kernel();
    const video0 = entry("video0");
    kernel.folder.add(video0);
    const node = kernel.nodeOf("video0");
    expect(kernel.lookup("video1")).toBe("ENOENT");
    expect(kernel.lookup("video0", node)).toBe("ENOENT");
    kernel.folder.remove(entry("video0"));
    expect(kernel.folder.get("video0")).toBe(video0);
    kernel.folder.remove(video0);
    expect(kernel.lookup("video0")).toBe("ENOENT");
    // Its inode stays as long as the kernel knows it.
    expect(kernel.folder.inode(node)?.entry).toBe(video0);
  });

  it("leads to one inode for each name, or to a new one each time where files are mapped", () => {
    const [plain, mapped] = [new Kernel(), new Kernel()];
    mapped.folder.hasInodePerFile = true;
    const nodes = [plain, mapped].map((kernel) => {
      for (const name of ["video0", "video1"]) kernel.folder.add(entry(name));
      return ["video1", "video0", "video1"].map((name) => kernel.nodeOf(name));
    });
    expect(nodes).toEqual([
      [2, 3, 2],
      [2, 3, 4],
    ]);
    expect([plain.folder.size, mapped.folder.size]).toEqual([2, 3]);
    expect(plain.folder.names).toEqual(["video0", "video1"]);
  });

  it("that is answered too late leaves no inode", () => {
    const kernel = new Kernel();
    kernel.folder.add(entry("video0"));
    kernel.isThere = false;
    kernel.lookup("video0");
    expect(kernel.folder.size).toBe(0);
  });
});

describe("FORGET", () => {
  it("lets an inode go when all its lookups are forgotten", () => {
    const kernel = new Kernel();
    kernel.folder.add(entry("video0"));
    const node = kernel.nodeOf("video0");
    for (let count = 0; count < 2; count += 1) kernel.lookup("video0");
    kernel.forget(FUSE_FORGET, node, forgetting(2));
    expect(kernel.folder.inode(node)?.lookups).toBe(1n);
    kernel.forget(FUSE_FORGET, 77, forgetting(1));
    kernel.forget(FUSE_FORGET, node, new Uint8Array(7));
    expect(kernel.folder.size).toBe(1);
    kernel.forget(FUSE_FORGET, node, forgetting(1));
    expect([kernel.folder.size, kernel.folder.inode(node)]).toEqual([0, undefined]);
  });

  it("of many reads as many as there are", () => {
    const kernel = new Kernel();
    kernel.folder.hasInodePerFile = true;
    kernel.folder.add(entry("video0"));
    const nodes = [1, 2, 3].map(() => kernel.nodeOf("video0"));
    const batch = (count: number, ids: readonly number[]): Uint8Array =>
      Buffer.concat([
        new Uint8Array(Uint32Array.of(count, 0).buffer),
        ...ids.map((id) => new Uint8Array(BigUint64Array.of(BigInt(id), 1n).buffer)),
      ]);
    kernel.forget(FUSE_BATCH_FORGET, 0, batch(1, nodes.slice(0, 2)));
    expect(kernel.folder.size).toBe(2);
    kernel.forget(FUSE_BATCH_FORGET, 0, batch(9, nodes.slice(1, 2)));
    expect(kernel.folder.size).toBe(1);
    kernel.forget(FUSE_BATCH_FORGET, 0, batch(1, nodes.slice(2)).subarray(0, 20));
    kernel.forget(FUSE_BATCH_FORGET, 0, new Uint8Array(7));
    kernel.forget(FUSE_ACCESS, nodes[2] ?? 0, forgetting(1));
    expect(kernel.folder.size).toBe(1);
    kernel.forget(FUSE_BATCH_FORGET, 0, batch(1, nodes.slice(2)));
    expect(kernel.folder.size).toBe(0);
  });
});

describe("attributes", () => {
  it("of the folder are its owner's", () => {
    const kernel = new Kernel();
    const answer = kernel.ask(FUSE_GETATTR, FUSE_ROOT_ID);
    if (typeof answer === "string") throw new Error(answer);
    const { attr, attr_valid } = new FuseAttrOutView(answer);
    const owner = [process.getuid?.(), process.getgid?.()];
    expect([attr.ino, attr.mode, attr.nlink, attr.size]).toEqual([1n, 0o040755, 2, 0n]);
    expect([attr.uid, attr.gid]).toEqual(owner);
    expect(attr_valid).toBeGreaterThan(86_400n);
  });

  it("of the folder are those of the user and the group that serve it", () => {
    vi.spyOn(process, "getuid").mockReturnValue(1000);
    vi.spyOn(process, "getgid").mockReturnValue(100);
    try {
      const answer = new Kernel().ask(FUSE_GETATTR, FUSE_ROOT_ID);
      if (typeof answer === "string") throw new Error(answer);
      const { attr } = new FuseAttrOutView(answer);
      expect([attr.uid, attr.gid]).toEqual([1000, 100]);
    } finally {
      vi.restoreAllMocks();
    }
  });

  it("of an inode that was forgotten: ESTALE", () => {
    expect(new Kernel().ask(FUSE_GETATTR, 9)).toBe("ESTALE");
  });

  it.each([
    ["nothing", { valid: 0, mode: 0o777, uid: 9, gid: 9 }, [0o640, 5, 44]],
    ["the mode", { valid: FATTR_MODE, mode: 0o106755, uid: 9, gid: 9 }, [0o755, 5, 44]],
    ["the user", { valid: FATTR_UID, mode: 0o777, uid: 9, gid: 9 }, [0o640, 9, 44]],
    ["the group", { valid: FATTR_GID, mode: 0o777, uid: 9, gid: 8 }, [0o640, 5, 8]],
  ])("SETATTR changes %s", (_what, fields, expected) => {
    const kernel = new Kernel();
    kernel.folder.add(entry("video0"));
    const answer = kernel.setattr(kernel.nodeOf("video0"), fields);
    if (typeof answer === "string") throw new Error(answer);
    const { mode, uid, gid } = answer.attr;
    expect([mode & 0o7777, uid, gid]).toEqual(expected);
    expect(kernel.folder.get("video0")?.access).toEqual({
      mode: expected[0],
      uid: expected[1],
      gid: expected[2],
    });
  });

  it("SETATTR of a size is EINVAL, as of any device; of the folder EPERM", () => {
    const kernel = new Kernel();
    kernel.folder.add(entry("video0"));
    const node = kernel.nodeOf("video0");
    expect(kernel.setattr(node, { valid: FATTR_SIZE | FATTR_MODE, mode: 0 })).toBe("EINVAL");
    expect(kernel.folder.get("video0")?.access.mode).toBe(0o640);
    expect(kernel.setattr(FUSE_ROOT_ID, { valid: FATTR_MODE })).toBe("EPERM");
    expect(kernel.ask(FUSE_SETATTR, node, new Uint8Array(FuseSetattrInView.SIZE - 1))).toBe("EPERM");
  });

  it("the device's number is an extended attribute", () => {
    const kernel = new Kernel();
    kernel.folder.add(entry("video0"));
    const node = kernel.nodeOf("video0");
    const size = kernel.xattr(node, NUMBER_ATTRIBUTE, 0);
    expect(size).toEqual(new Uint8Array(Uint32Array.of(4, 0).buffer));
    expect(kernel.xattr(node, NUMBER_ATTRIBUTE, 4)).toEqual(new TextEncoder().encode("81:7"));
    expect(kernel.xattr(node, NUMBER_ATTRIBUTE, 99)).toEqual(new TextEncoder().encode("81:7"));
    expect(kernel.xattr(node, NUMBER_ATTRIBUTE, 3)).toBe("ERANGE");
    expect(kernel.xattr(node, "security.capability", 4)).toBe("ENODATA");
    expect(kernel.xattr(FUSE_ROOT_ID, NUMBER_ATTRIBUTE, 4)).toBe("ENODATA");
    expect(kernel.ask(FUSE_GETXATTR, node, new Uint8Array(7))).toBe("ENODATA");
  });
});

describe("the listing", () => {
  const two = (): Kernel => {
    const kernel = new Kernel();
    for (const name of ["video0", "v4l-subdev12"]) kernel.folder.add(entry(name));
    return kernel;
  };

  it("has the folder, its parent, and the nodes, each with where the next begins", () => {
    expect(two().list(4096)).toEqual([". 4 1 1", ".. 4 1 2", "video0 8 2 3", "v4l-subdev12 8 3 4"]);
  });

  it("goes on where the last one ended, and is empty behind the end", () => {
    expect(two().list(4096, 3)).toEqual(["v4l-subdev12 8 3 4"]);
    expect(two().list(4096, 4)).toEqual([]);
  });

  it("has no part of an entry", () => {
    const room = 3 * 32; // ".", ".." and "video0" take 32 bytes each, padded to 8.
    expect(two().list(room)).toHaveLength(3);
    expect(two().list(room - 1)).toHaveLength(2);
    expect(two().list(room + 39)).toHaveLength(3);
    expect(two().list(room + 40)).toHaveLength(4);
    expect(two().list(0)).toEqual([]);
  });

  it("is EINVAL for a request that is too short", () => {
    const kernel = new Kernel();
    expect(kernel.ask(FUSE_READDIR, 1, new Uint8Array(FuseReadInView.SIZE)) instanceof Uint8Array).toBe(true);
    const request = new Message();
    request.load(message(FUSE_READDIR, 1, new Uint8Array(FuseReadInView.SIZE - 1)));
    let refused = "";
    kernel.folder.answer(request, { fail: (code: string) => (refused = code) } as unknown as Reply);
    expect(refused).toBe("EINVAL");
  });
});

describe("other requests", () => {
  it("a folder opens, closes, has a file system, and cannot be sought", () => {
    const kernel = new Kernel();
    expect(kernel.ask(FUSE_OPENDIR, FUSE_ROOT_ID)).toBe("opened 0 0");
    expect(kernel.ask(FUSE_RELEASEDIR, FUSE_ROOT_ID)).toEqual(new Uint8Array());
    expect(kernel.ask(FUSE_STATFS, FUSE_ROOT_ID)).toEqual(new Uint8Array(80));
    expect(kernel.ask(FUSE_LSEEK, FUSE_ROOT_ID, new Uint8Array(24))).toBe("ESPIPE");
    expect(kernel.ask(FUSE_ACCESS, FUSE_ROOT_ID)).toBe("ENOSYS");
  });

  it("one file of an inode maps memory, the next is EBUSY", () => {
    const kernel = new Kernel();
    kernel.folder.add(entry("video0"));
    const inode = kernel.folder.inode(kernel.nodeOf("video0"));
    if (inode === undefined) throw new Error("no inode");
    expect(() => {
      assertMappable(inode);
    }).not.toThrow();
    inode.isMapped = true;
    expect(() => {
      assertMappable(inode);
    }).toThrow(expect.objectContaining({ code: "EBUSY" }));
  });
});
