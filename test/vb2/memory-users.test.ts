/** What EXPBUF gives out for a plane, and how it is told whether anybody has it still. */
import { closeSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMemfd, pageBytes, type OwnedFd } from "../../src/native.js";
import type { PlaneMemory } from "../../src/vb2/index.js";
import { isHeld, PlaneExports, reopen } from "../../src/vb2/memory-users.js";
import { expectErrno } from "./fakes.js";

const { O_RDONLY, O_RDWR, O_WRONLY } = constants;
const PAGE = pageBytes();

let place = "";
let memfd: OwnedFd;
let memory: PlaneMemory;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "exports-"));
  memfd = createMemfd("exports-test", 2 * PAGE);
  memory = {
    bytes: new Uint8Array(),
    sizeBytes: 100,
    fd: memfd.fd,
    fdOffset: PAGE,
    release: () => undefined,
  };
});
afterEach(() => {
  memfd.close();
  rmSync(place, { recursive: true });
});

/** Exports on a machine whose dma-bufs are files of the test's own. */
function exportsWith(fault?: Error): { exports: PlaneExports; asked: unknown[][]; made: OwnedFd[] } {
  const asked: unknown[][] = [];
  const made: OwnedFd[] = [];
  const exports = new PlaneExports({
    createDmabuf: (...wanted) => {
      asked.push(wanted);
      if (fault !== undefined) throw fault;
      const dmabuf = createMemfd("dmabuf", PAGE);
      made.push(dmabuf);
      return dmabuf;
    },
    facts: place,
    gpus: join(place, "dri"),
  });
  return { exports, asked, made };
}

const refusal = (code: string): Error => Object.assign(new Error(code), { code, errno: 1, syscall: "ioctl" });

/** Which of them EXPBUF gave: the dma-buf, a file of the memfd by its access mode, or nothing. */
function given(
  { exports, made }: ReturnType<typeof exportsWith>,
  mode: number,
  isAlone: boolean,
  mustStay: boolean,
): string {
  const exported = exports.make(memory, mode, { isAlone, mustStay });
  if (exported === undefined) return "nothing";
  if (exported.fd === made[0]?.fd)
    return exported.release === undefined ? "dma-buf" : "a dma-buf that is closed";
  const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${exported.fd}`, "latin1"))?.[1];
  exported.release?.();
  expect(() => readFileSync(`/proc/self/fdinfo/${exported.fd}`)).toThrow("ENOENT");
  return `memfd ${Number.parseInt(flags ?? "", 8) & 3}`;
}

describe("EXPBUF gives", () => {
  it.each([
    ["O_RDWR", O_RDWR, true, false, "dma-buf"],
    ["O_RDWR, in a pool", O_RDWR, false, false, "dma-buf"],
    ["O_RDONLY", O_RDONLY, true, false, "memfd 0"],
    ["O_WRONLY", O_WRONLY, true, false, "memfd 1"],
    ["O_RDONLY, in a pool", O_RDONLY, false, false, "nothing"],
    ["O_RDONLY of a plane that must stay", O_RDONLY, false, true, "dma-buf"],
  ])("for %s", (_what, mode, isAlone, mustStay, expected) => {
    const bench = exportsWith();
    expect(given(bench, mode, isAlone, mustStay)).toBe(expected);
    expect(bench.exports.isFile).toBe(expected.startsWith("memfd"));
    bench.exports.close();
  });

  it.each([
    ["a GPU that renders", ["card0", "renderD128"], "dma-buf"],
    ["a screen only", ["card0", "xrender"], "memfd 0"],
  ])("for O_RDONLY where there is %s", (_what, names, expected) => {
    mkdirSync(join(place, "dri"));
    for (const name of names) writeFileSync(join(place, "dri", name), "");
    const bench = exportsWith();
    expect(given(bench, O_RDONLY, true, false)).toBe(expected);
    bench.exports.close();
  });

  it("the memfd where the kernel makes no dma-buf, and nothing in a pool", () => {
    for (const code of ["ENODEV", "EACCES", "EINVAL"]) {
      expect(given(exportsWith(refusal(code)), O_RDWR, true, false)).toBe("memfd 2");
      expect(given(exportsWith(refusal(code)), O_RDWR, false, true)).toBe("nothing");
    }
    const { exports } = exportsWith(new TypeError("a bug"));
    expect(() => exports.make(memory, O_RDWR, { isAlone: true, mustStay: false })).toThrow("a bug");
  });

  it("one dma-buf for all, of the plane's pages, and another one after close", () => {
    const bench = exportsWith();
    for (let count = 0; count < 2; count += 1) given(bench, O_RDWR, true, false);
    expect(bench.asked).toEqual([[memfd.fd, PAGE, PAGE]]);
    bench.exports.close();
    bench.exports.close();
    expect(bench.made.map(({ fd }) => fd)).toEqual([-1]);
    bench.exports.make(memory, O_RDWR, { isAlone: true, mustStay: false });
    expect(bench.made).toHaveLength(2);
    bench.exports.close();
  });
});

describe("a dma-buf is in use", () => {
  it.each([
    ["by us alone", "pos:\t0\ncount:\t1\nname:\tx\n", false],
    ["by one more", "pos:\t0\ncount:\t2\n", true],
    ["by nobody knows whom", "pos:\t0\n", true],
  ])("%s", (_what, facts, isUsed) => {
    const bench = exportsWith();
    expect(bench.exports.isDmabufUsed).toBe(false);
    given(bench, O_RDWR, true, false);
    writeFileSync(join(place, String(bench.made[0]?.fd)), facts);
    expect(bench.exports.isDmabufUsed).toBe(isUsed);
    bench.exports.close();
    expect(bench.exports.isDmabufUsed).toBe(false);
  });
});

describe("a memfd", () => {
  it("is held by another open file of it, and by nobody where that cannot be told", () => {
    expect(isHeld(memfd.fd)).toBe(false);
    const { fd } = reopen(memfd.fd, O_RDWR);
    expect(isHeld(memfd.fd)).toBe(true);
    closeSync(fd);
    expect([isHeld(memfd.fd), isHeld(99_999)]).toEqual([false, false]);
    // Not a descriptor: our bug.
    expect(() => isHeld(-1)).toThrow(TypeError);
  });

  it("that is closed can be given to nobody: EINVAL", () => {
    expectErrno("EINVAL", () => reopen(-1, O_RDWR));
  });
});
