import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

describe("an addon that is not there", () => {
  beforeEach(() => {
    vi.resetModules();
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it("is told in one sentence, at first use and not at import", async () => {
    vi.stubEnv("V4L2_CUSE_NATIVE", "/nowhere");
    const { nativeProblem, SharedMemory } = await import("../../src/native.js");
    const problem = "The native addon /nowhere/v4l2_cuse.node is not built: run `npm run build:native`.";
    expect(nativeProblem()).toBe(problem);
    expect(() => SharedMemory.create("test", 1)).toThrow(problem);
  });

  it("is told apart from one that does not load", async () => {
    vi.stubEnv("V4L2_CUSE_NATIVE", join(dirname(fileURLToPath(import.meta.url)), "fixtures", "broken"));
    const { nativeProblem } = await import("../../src/native.js");
    expect(nativeProblem()).toMatch(/^The native addon does not load \(.*\): run `npm run build:native` again\.$/s);
  });

  it("is sought in native/build of the package", async () => {
    const { helperPath, nativeProblem } = await import("../../src/native.js");
    if (process.env["V4L2_CUSE_NATIVE"] === undefined) {
      const root = fileURLToPath(new URL("../..", import.meta.url));
      expect(helperPath()).toBe(join(root, "native/build/libv4l2-cuse.so"));
    }
    expect(nativeProblem()).toBeUndefined();
  });
});
