/** Which mmap() of a queue's buffers is refused, and how: do_mmap() and vb2_mmap(). */
import { constants } from "node:fs";
import { describe, expect, it } from "vitest";
import { BufFlag, BufType } from "../../src/v4l2/index.js";
import type { MmapRequest } from "../../src/v4l2/index.js";
import { ready } from "./client.js";
import type { Client } from "./client.js";
import { expectErrno } from "./fakes.js";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const PAGE = 4096n;

/** Maps buffer 1, or what `more` says. */
function map(c: Client, more: Partial<MmapRequest> = {}): unknown {
  const offset = BigInt(c.querybuf(1).planes[0]?.offset ?? -1);
  const request = { offset, length: PAGE, prot: PROT_READ | PROT_WRITE, flags: MAP_SHARED, ...more };
  return c.files.mmap(c.file, request);
}

const opened = (c: Client, flags: number): Client => {
  Object.assign(c.file, { flags });
  return c;
};

describe("mmap() of a buffer", () => {
  it("gives its memory, and QUERYBUF says so", () => {
    const c = ready();
    expect(c.querybuf(1).flags & BufFlag.Mapped).toBe(0);
    expect(map(c)).toEqual({ fd: c.queue.buffer(1)?.planes[0]?.memory?.fd, fdOffset: 0n });
    expect(c.querybuf(1).flags & BufFlag.Mapped).not.toBe(0);
    expect(c.querybuf(0).flags & BufFlag.Mapped).toBe(0);
  });

  it("may be shorter than the plane, and as long as its pages: more is EINVAL", () => {
    const c = ready();
    expect(map(c, { length: 1n })).toBeDefined();
    expectErrno("EINVAL", () => map(c, { length: PAGE + 1n }));
  });

  it("needs the protection of its direction", () => {
    const [capture, output] = [ready(), ready({ type: BufType.VideoOutput })];
    expect(map(capture, { prot: PROT_READ })).toBeDefined();
    expectErrno("EINVAL", () => map(capture, { prot: PROT_WRITE }));
    expect(map(output, { prot: PROT_WRITE })).toBeDefined();
    expectErrno("EINVAL", () => map(output, { prot: PROT_READ }));
  });

  it("is EINVAL for a private mapping, and where no buffer begins", () => {
    const c = ready();
    expectErrno("EINVAL", () => map(c, { flags: MAP_PRIVATE }));
    expectErrno("EINVAL", () => map(c, { offset: 12_345_678n }));
  });

  it("is EACCES where the file was not opened for it, EINVAL where it was opened for reading only", () => {
    const [reader, writer] = [opened(ready(), constants.O_RDONLY), opened(ready(), constants.O_WRONLY)];
    expectErrno("EACCES", () => map(writer));
    expectErrno("EACCES", () => map(writer, { prot: PROT_READ }));
    expectErrno("EACCES", () => map(reader));
    expectErrno("EINVAL", () => map(reader, { prot: PROT_READ }));
    expect(map(opened(ready(), constants.O_RDWR | constants.O_NONBLOCK))).toBeDefined();
  });
});
