import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
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

describe("a program that stands on libraries of the distribution", () => {
  let folder = "";
  beforeEach(() => {
    vi.resetModules();
    folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
    vi.stubEnv("V4L2_CUSE_NATIVE", folder);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  const problem = async (): Promise<string | undefined> => {
    const { decoderPath, programProblem } = await import("../../src/native.js");
    return programProblem(decoderPath(), "libavcodec-dev");
  };
  const build = "install the packages libavcodec-dev (Debian and Ubuntu call them so), then run `npm run build:native`";

  it("is told to be missing, and how it is built", async () => {
    expect(await problem()).toBe(`${folder}/v4l2-cuse-decoder is not built: ${build}`);
  });

  it("is told to be there for other libraries than the system's", async () => {
    for (const library of ["libavcodec.so.1", "libavcodec.so.2"])
      writeFileSync(join(folder, `v4l2-cuse-decoder.${library}`), "");
    expect(await problem()).toBe(
      "v4l2-cuse-decoder is there for libavcodec.so.1 and libavcodec.so.2, which this system does not have: " +
        `install one of them, or ${build}`,
    );
  });

  it("is taken when it is built", async () => {
    writeFileSync(join(folder, "v4l2-cuse-decoder"), "");
    expect(await problem()).toBeUndefined();
  });
});

describe("an addon that only worker threads have loaded", () => {
  it("stays loaded when they are gone: its own threads may still run", async () => {
    const addon = fileURLToPath(new URL("../../native/build/v4l2_cuse.node", import.meta.url));
    const inWorker = `
      const { openSync } = require("node:fs");
      require(${JSON.stringify(process.env["V4L2_CUSE_NATIVE"] === undefined ? addon : join(process.env["V4L2_CUSE_NATIVE"], "v4l2_cuse.node"))}).startOpener(openSync("/", "r"));`;
    const script = `
      const { Worker } = require("node:worker_threads");
      (async () => {
        for (let count = 0; count < 20; count++)
          await new Promise((ended) => new Worker(${JSON.stringify(inWorker)}, { eval: true }).on("exit", ended));
        console.log("alive");
      })();`;
    // Without that it ends with SIGSEGV.
    expect((await promisify(execFile)(process.execPath, ["-e", script])).stdout).toBe("alive\n");
  });
});
