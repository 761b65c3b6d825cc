import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { helperPath } from "../../src/native.js";
import { clientPath } from "./support.js";

/** Runs a program of test/clients/; the sanitizers that the tests themselves may run under stay out. */
function run(name: string, preload: string, ...args: string[]): string {
  return execFileSync(clientPath(name), args, {
    encoding: "utf8",
    env: { ...process.env, LD_PRELOAD: preload },
  });
}

describe("the helper library", () => {
  it("changes nothing on files that are none of ours: outcome, errno, descriptors", () => {
    const without = run("preload-probe", "");
    expect(without).toContain("mmap pipe: ENODEV");
    expect(without).toContain("mmap terminal: ENODEV");
    expect(without).not.toContain("errno changed");
    expect(run("preload-probe", helperPath())).toBe(without);
  });

  it("maps, exports and announces as the protocol says, with a driver of any manners", () => {
    // native/test/helper-test.c has the library inside, with a driver made up for it.
    const { status, stdout } = spawnSync(clientPath("helper-test"), { encoding: "utf8" });
    expect(stdout).toBe("0 failed\n");
    expect(status).toBe(0);
  });

  /** What a library defines for others. */
  const exportsOf = (library: string): (string | undefined)[] =>
    execFileSync("nm", ["-D", "--defined-only", "--format=posix", library], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0])
      .sort();

  const wrapped = [
    ...["__fxstat", "__fxstat64", "__fxstatat", "__fxstatat64"],
    ...["__lxstat", "__lxstat64", "__xstat", "__xstat64"],
    ...["fstat", "fstat64", "fstatat", "fstatat64"],
    ...["ioctl", "lstat", "lstat64", "mmap", "mmap64"],
    ...["stat", "stat64", "statx"],
  ];

  it("exports the wrapped functions and nothing else", () => {
    expect(exportsOf(helperPath())).toEqual(wrapped);
  });

  // It is built where a compiler for 32-bit programs is installed; test/compliance/programs-32.test.ts needs it.
  const helper32 = join(dirname(helperPath()), "libv4l2-cuse-32.so");
  it.runIf(existsSync(helper32))("of 32-bit programs wraps what those call for 64-bit times, too", () => {
    const ofTime64 = ["__fstat64_time64", "__fstatat64_time64", "__ioctl_time64"];
    ofTime64.push("__lstat64_time64", "__stat64_time64");
    expect(exportsOf(helper32)).toEqual([...wrapped, ...ofTime64].sort());
  });
});
