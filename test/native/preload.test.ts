import { execFileSync, spawnSync } from "node:child_process";
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

  it("exports the wrapped functions and nothing else", () => {
    const symbols = execFileSync("nm", ["-D", "--defined-only", "--format=posix", helperPath()], {
      encoding: "utf8",
    });
    const names = symbols.trim().split("\n");
    expect(names.map((line) => line.split(" ")[0]).sort()).toEqual([
      ...["__fxstat", "__fxstat64", "__fxstatat", "__fxstatat64"],
      ...["__lxstat", "__lxstat64", "__xstat", "__xstat64"],
      ...["fstat", "fstat64", "fstatat", "fstatat64"],
      ...["ioctl", "lstat", "lstat64", "mmap", "mmap64"],
      ...["stat", "stat64", "statx"],
    ]);
  });
});
