/**
 * 32-bit programs on this machine's own kernel: Debian 13's v4l2-compliance and v4l2-ctl for i386, which have a 32-bit
 * `time_t`, with a helper library of 32 bits. They are as clean as the 64-bit ones.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkFile } from "../support/camera-frame.js";
import { cli, launchCamera, withHelper } from "../device/support/camera.js";
import { onFuseNodes, until } from "../device/support/device.js";
import { compileClient32 } from "../device/support/programs-32.js";
import { findings, type Findings } from "./support.js";

const repository = new URL("../../", import.meta.url).pathname;
const timeoutMs = 250_000;
const testMs = 2 * timeoutMs;

/** Of the devices. */
const VISL = 70;

let folder: string | undefined;
/** A program of v4l-utils for i386. Downloads them once. */
function i386(name: string): string {
  folder ??= execFileSync(`${repository}scripts/lib/i386-programs`, { encoding: "utf8" }).trim();
  return join(folder, "bin", name);
}

async function onCamera(options: readonly string[]): Promise<Findings> {
  const { driver, end } = await launchCamera(["--unpaced", ...options]);
  try {
    const client = [i386("v4l2-compliance"), "-d", driver.node, "-s"];
    return await findings(withHelper(client, { timeoutMs }));
  } finally {
    await driver.stop();
    await end();
  }
}

async function onVisl(number: number, option: string): Promise<Findings> {
  const nodes = ["--video", String(number), "--media", String(number)];
  const driver = cli(["visl", ...nodes, "--log", "none"], { timeoutMs: 300_000 });
  try {
    await until(() => existsSync(`/dev/media${number}`), `/dev/media${number} appears`, 20_000);
    const node = `/dev/${option === "-m" ? "media" : "video"}${number}`;
    return await findings(withHelper([i386("v4l2-compliance"), option, node, "-s"], { timeoutMs }));
  } finally {
    driver.kill("SIGTERM");
    await driver.result;
  }
}

function expectClean({ failures, warnings, succeeded, total, text }: Findings, atLeast: number): void {
  expect(text).toMatch(/^v4l2-compliance 1\.30\.\d+, 32 bits, 32-bit time_t/m);
  expect(failures, text).toEqual([]);
  expect(warnings, text).toEqual([]);
  expect(succeeded).toBe(total);
  // One more than of 64 bits: "TIME32/64".
  expect(total).toBeGreaterThanOrEqual(atLeast);
}

// User-Mode Linux runs no 32-bit programs, and test/emulated has some for CUSE.
describe.runIf(onFuseNodes && process.arch === "x64")("v4l2-compliance for i386", () => {
  it("camera, streaming", async () => expectClean(await onCamera([]), 84), testMs);
  it(
    "multi-planar camera, streaming",
    async () => expectClean(await onCamera(["--multiplanar"]), 84),
    testMs,
  );
  it("visl with its media node", async () => expectClean(await onVisl(VISL, "-m"), 67), testMs);
  it("visl's video node", async () => expectClean(await onVisl(VISL + 1, "-d"), 59), testMs);
});

describe.runIf(onFuseNodes && process.arch === "x64")("32-bit clients", () => {
  /** Runs a client on a camera of 320x180 and checks every byte of what it wrote. */
  async function capture(
    options: readonly string[],
    client: (node: string, file: string) => readonly string[],
  ): Promise<number> {
    const scratch = mkdtempSync(join(tmpdir(), "programs-32-"));
    const { driver, end } = await launchCamera(["--unpaced", ...options]);
    try {
      const file = join(scratch, "frames.raw");
      const { code, stderr, lines } = await withHelper(client(driver.node, file), { timeoutMs: 60_000 })
        .result;
      expect(code, [...lines, stderr].join("\n")).toBe(0);
      return checkFile(readFileSync(file), { format: "YUYV", width: 320, height: 180 }).length;
    } finally {
      await driver.stop();
      await end();
      rmSync(scratch, { recursive: true });
    }
  }

  const format = "--set-fmt-video=width=320,height=180,pixelformat=YUYV";

  it.each(["--stream-mmap", "--stream-user"])("v4l2-ctl for i386 %s gets every byte", async (how) => {
    const frames = await capture([], (node, file) => [
      i386("v4l2-ctl"),
      ...["-d", node, format, how, "--stream-count=5", `--stream-to=${file}`],
    ]);
    expect(frames).toBe(5);
  });

  it.each(["time32", "time64"] as const)(
    "a program with %s gets every byte, and knows when",
    async (time) => {
      const client = await compileClient32(time);
      const frames = await capture([], (node, file) => [client, node, file]);
      expect(frames).toBe(3);
    },
  );

  it("a program without large file support cannot open a FUSE node, which has 4 GiB", async () => {
    const client = await compileClient32("small-files");
    const { driver, end } = await launchCamera(["--unpaced"]);
    try {
      const { code, lines } = await withHelper([client, driver.node, "/dev/null"]).result;
      expect(lines).toEqual(["open (Value too large for defined data type)"]);
      expect(code).toBe(1);
    } finally {
      await driver.stop();
      await end();
    }
  });
});
