/** Is an anonymous file nonblocking? Told by the descriptors of the caller that lead to it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AnonymousFlags } from "../../src/cuse/anonymous-flags.js";
import type { AskedIoctl } from "../../src/cuse/caller.js";
import type { OpenFileHandle } from "../../src/cuse/open-file-handle.js";
import { O_NONBLOCK } from "../../src/linux.js";

let proc = "";
beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), "anonymous-flags-"));
  for (const fd of ["3", "4", "5"]) {
    mkdirSync(join(proc, "7/fd"), { recursive: true });
    writeFileSync(join(proc, "7/fd", fd), "");
  }
});
afterEach(() => {
  rmSync(proc, { recursive: true });
});

/** @param known - Flags of descriptors that lead to the file. */
function ask(known: Readonly<Record<number, number>>, tid = 7, lastKnown = false) {
  const asked: number[] = [];
  const probe = new AnonymousFlags({
    proc,
    flagsOf: (_handle, ofTid, fd) => {
      expect(ofTid).toBe(tid);
      asked.push(fd);
      return known[fd];
    },
  });
  const call = { caller: { tid, uid: 0, gid: 0 }, cmd: 0xc0105500, arg: 0n } as unknown as AskedIoctl;
  const handle = { lastKnownNonblocking: lastKnown } as OpenFileHandle;
  return { isNonblocking: probe.isNonblocking(call, handle), asked: asked.sort() };
}

describe("the flags of an anonymous file", () => {
  it("are those of a descriptor that leads to it", () => {
    expect(ask({ 4: 0 }, 7, true).isNonblocking).toBe(false);
    expect(ask({ 4: O_NONBLOCK | 2 }).isNonblocking).toBe(true);
    // The first will do: they share their flags.
    expect(ask({ 3: 0, 4: 0, 5: 0 }, 7, true)).toMatchObject({ isNonblocking: false, asked: { length: 1 } });
  });

  it("are the last that were known where none does, or the caller is not there", () => {
    for (const lastKnown of [true, false]) {
      expect(ask({}, 7, lastKnown)).toEqual({ isNonblocking: lastKnown, asked: [3, 4, 5] });
      expect(ask({ 3: O_NONBLOCK }, 0, lastKnown)).toEqual({ isNonblocking: lastKnown, asked: [] });
      expect(ask({ 3: O_NONBLOCK }, 8, lastKnown)).toEqual({ isNonblocking: lastKnown, asked: [] });
    }
  });
});
