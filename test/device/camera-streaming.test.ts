/** The camera as v4l2-ctl, ffmpeg and plain C clients see it. Every pixel that they capture is checked. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import {
  checkFile,
  checkFrame,
  cli,
  logged,
  startCamera,
  withHelper,
  withoutHelper,
  type Driver,
  type Reading,
} from "./support/camera.js";
import { helperPath } from "../../src/native.js";
import { casesHere, describeDevice, onFuseNodes, until } from "./support/device.js";
import { built } from "../support/built.js";

const client = built("v4l2-client");
const size = { width: 320, height: 240 };
const NOBODY = 65534;

function temporaryFile(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  chmodSync(folder, 0o777);
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return join(folder, name);
}

async function setFormat(driver: Driver, format: string, fps: number | null = 60): Promise<void> {
  const fmt = `width=${size.width},height=${size.height},pixelformat=${format}`;
  const parm = fps === null ? [] : [`--set-parm=${fps}`];
  const set = withoutHelper(["v4l2-ctl", "-d", driver.node, `--set-fmt-video=${fmt}`, ...parm]);
  expect(await set.result).toMatchObject({ code: 0 });
}

/** Numbers grow, times are monotonic, and frames that follow each other are one interval apart. */
function expectHonestTimes(readings: readonly Reading[], fps: number): void {
  for (const [index, reading] of readings.entries()) {
    const before = readings[index - 1];
    if (before === undefined) continue;
    const frames = reading.sequence - before.sequence;
    expect(frames).toBeGreaterThan(0);
    const seconds = Number(reading.seconds) - Number(before.seconds);
    expect(Math.abs(seconds - frames / fps)).toBeLessThan(1 / fps);
  }
}

describeDevice("v4l2-ctl", () => {
  it.each(casesHere(["YUYV", "NV12", "RGB3"]))(
    "streams %s with --stream-mmap, and every pixel is right",
    async (format) => {
      const driver = await startCamera();
      await setFormat(driver, format);
      const file = temporaryFile("frames.raw");
      const run = withHelper([
        "v4l2-ctl",
        "-d",
        driver.node,
        "--stream-mmap",
        "--stream-count=8",
        `--stream-to=${file}`,
      ]);
      expect(await run.result).toMatchObject({ code: 0 });
      const readings = checkFile(readFileSync(file), { format, ...size });
      expect(readings).toHaveLength(8);
      expectHonestTimes(readings, 60);
      // What the ioctl said is what the frame shows.
      const dequeued = logged(driver).filter(
        (event) => event["name"] === "VIDIOC_DQBUF" && event["errno"] === undefined,
      );
      expect(dequeued.length).toBeGreaterThanOrEqual(8);
      expect(await driver.stop()).toBe(0);
      expect(existsSync(driver.node)).toBe(false);
    },
  );

  it("streams with select (--stream-poll)", async () => {
    const driver = await startCamera();
    await setFormat(driver, "YUYV");
    const file = temporaryFile("frames.raw");
    const run = withHelper([
      ...["v4l2-ctl", "-d", driver.node, "--stream-poll", "--stream-mmap", "--stream-count=5"],
      `--stream-to=${file}`,
    ]);
    expect(await run.result).toMatchObject({ code: 0 });
    expect(checkFile(readFileSync(file), { format: "YUYV", ...size })).toHaveLength(5);
  });

  it("streams from a multi-planar device, luma and chroma in buffers of their own", async () => {
    const driver = await startCamera("--multiplanar");
    // v4l2-ctl 1.22 asks S_PARM for a single-planar type, whatever the device has: vivid refuses that as well.
    await setFormat(driver, "NM12", null);
    const file = temporaryFile("frames.raw");
    const run = withHelper([
      "v4l2-ctl",
      "-d",
      driver.node,
      "--stream-mmap",
      "--stream-count=4",
      `--stream-to=${file}`,
    ]);
    expect(await run.result).toMatchObject({ code: 0 });
    const bytes = readFileSync(file);
    const luma = size.width * size.height;
    const frame = (luma * 3) / 2;
    expect(bytes).toHaveLength(4 * frame);
    for (let offset = 0; offset < bytes.length; offset += frame) {
      checkFrame({ format: "NM12", ...size }, [
        { bytes: bytes.subarray(offset, offset + luma), bytesperline: size.width },
        { bytes: bytes.subarray(offset + luma, offset + frame), bytesperline: size.width },
      ]);
    }
  });

  it("streams into its own memory with --stream-user, without the helper", async () => {
    const driver = await startCamera();
    await setFormat(driver, "YUYV");
    const file = temporaryFile("frames.raw");
    const run = withoutHelper([
      ...["v4l2-ctl", "-d", driver.node, "--stream-user", "--stream-count=5"],
      `--stream-to=${file}`,
    ]);
    expect(await run.result).toMatchObject({ code: 0 });
    expect(checkFile(readFileSync(file), { format: "YUYV", ...size })).toHaveLength(5);
  });

  it.skipIf(onFuseNodes)(
    "is refused MMAP without helper and graft, at once, and everything else works",
    async () => {
      const driver = await startCamera("--graft", "off");
      const stream = withoutHelper(["v4l2-ctl", "-d", driver.node, "--stream-mmap", "--stream-count=2"], {
        timeoutMs: 10_000,
      });
      const { stderr, lines, signal } = await stream.result;
      expect(signal).toBe(null);
      expect(`${lines.join("\n")}${stderr}`).toContain("VIDIOC_REQBUFS returned -1 (Invalid argument)");
      const all = await withoutHelper(["v4l2-ctl", "-d", driver.node, "--all", "--list-formats-ext"]).result;
      expect(all.code).toBe(0);
      expect(all.lines.join("\n")).toContain("'NV12'");
    },
  );
});

describeDevice("read()", () => {
  it.each(casesHere(["YUYV", "NV12"]))("gives whole frames of %s, also in odd pieces", async (format) => {
    const driver = await startCamera();
    await setFormat(driver, format);
    const file = temporaryFile("frames.raw");
    const read = withoutHelper([client, driver.node, "read", "4", file]);
    expect(await read.result).toMatchObject({ code: 0 });
    const readings = checkFile(readFileSync(file), { format, ...size });
    expect(readings).toHaveLength(4);
    expectHonestTimes(readings, 60);

    const bytes = format === "YUYV" ? 2 * size.width * size.height : 1.5 * size.width * size.height;
    const dd = withoutHelper([
      "dd",
      `if=${driver.node}`,
      `of=${file}`,
      `bs=${bytes / 4}`,
      "count=8",
      "status=none",
    ]);
    expect(await dd.result).toMatchObject({ code: 0 });
    expect(checkFile(readFileSync(file), { format, ...size })).toHaveLength(2);
  });
});

describeDevice("ffmpeg", () => {
  it.each(
    casesHere([
      ["yuyv422", "YUYV"],
      ["uyvy422", "UYVY"],
      ["nv12", "NV12"],
      ["yuv420p", "YU12"],
      ["yuv422p", "422P"],
      ["gray", "GREY"],
      ["rgb24", "RGB3"],
      ["bgr24", "BGR3"],
      ["rgb565le", "RGBP"],
      ["bgr0", "XR24"],
      ["bgra", "AR24"],
      ["0rgb", "BX24"],
    ]),
  )("records %s without changing a pixel", async (ffmpegFormat, format) => {
    const driver = await startCamera();
    const file = temporaryFile("frames.raw");
    const run = withHelper([
      ...["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-f", "v4l2", "-input_format", ffmpegFormat],
      ...["-framerate", "30", "-video_size", `${size.width}x${size.height}`, "-i", driver.node],
      ...["-frames:v", "4", "-f", "rawvideo", "-pix_fmt", ffmpegFormat, "-fps_mode", "passthrough", file],
    ]);
    expect(await run.result).toMatchObject({ code: 0, stderr: "" });
    const readings = checkFile(readFileSync(file), { format, ...size });
    expect(readings).toHaveLength(4);
    expectHonestTimes(readings, 30);
  });
});

describeDevice("clients of another user", () => {
  it("stream with mmap when the node's mode lets them in, and are refused when not", async () => {
    const driver = await startCamera("--mode", "0666");
    await setFormat(driver, "YUYV");
    const file = temporaryFile("frames.raw");
    const args = ["--uid", String(NOBODY), driver.node, "capture", "block", "5", file];
    expect(await withHelper([client, ...args]).result).toMatchObject({ code: 0 });
    expect(checkFile(readFileSync(file), { format: "YUYV", ...size })).toHaveLength(5);

    const closed = await startCamera();
    const refused = await withHelper([client, "--uid", String(NOBODY), closed.node, "hold"]).result;
    expect(refused.code).not.toBe(0);
    expect(`${refused.stderr}${refused.lines.join("")}`).toMatch(/EACCES|Permission denied/);
  });
});

describeDevice("waiting clients", () => {
  it.each(casesHere(["block", "poll", "select", "epoll"]))("capture with %s", async (how) => {
    const driver = await startCamera();
    await setFormat(driver, "YUYV");
    const file = temporaryFile("frames.raw");
    const run = withHelper([client, driver.node, "capture", how, "6", file]);
    expect(await run.result).toMatchObject({ code: 0 });
    const readings = checkFile(readFileSync(file), { format: "YUYV", ...size });
    expect(readings).toHaveLength(6);
    expectHonestTimes(readings, 60);
  });

  it.each(casesHere(["open", "fcntl"]))("get EAGAIN at once when O_NONBLOCK was set by %s", async (how) => {
    const driver = await startCamera();
    const run = withHelper([client, driver.node, "nonblock-dqbuf", how], { timeoutMs: 10_000 });
    const { lines, signal } = await run.result;
    expect(signal).toBe(null);
    expect(lines.join("\n")).toContain("EAGAIN");
  });

  it.each(
    casesHere([
      // The kernel's drivers are asked again after the signal, if its handler wants that; poll(2) and its kin never.
      { how: "dqbuf", restarted: "ok" },
      { how: "dqevent", restarted: "ok" },
      // FUSE lets no server say that a read() be asked again.
      { how: "read", restarted: "EINTR" },
      { how: "poll", restarted: "EINTR" },
      { how: "select", restarted: "EINTR" },
      { how: "epoll", restarted: "EINTR" },
    ]),
  )("are interrupted by a signal in $how, and with SA_RESTART: $restarted", async ({ how, restarted }) => {
    const driver = await startCamera();
    await setFormat(driver, "YUYV", 1);
    const alarm = ["--alarm", "150"];
    const interrupted = await withHelper([client, ...alarm, driver.node, "wait", how]).result;
    expect(interrupted).toMatchObject({ code: 0, lines: [`${how}...`, `${how}: EINTR`] });
    const again = await withHelper([client, ...alarm, "--restart", driver.node, "wait", how]).result;
    expect(again).toMatchObject({ code: 0, lines: [`${how}...`, `${how}: ${restarted}`] });
    // Whoever comes next is not held up by what was left.
    const file = temporaryFile("frames.raw");
    await setFormat(driver, "YUYV", 60);
    const run = withHelper([client, driver.node, "capture", "block", "2", file]);
    expect(await run.result).toMatchObject({ code: 0 });
    expect(checkFile(readFileSync(file), { format: "YUYV", ...size })).toHaveLength(2);
  });

  it("killed in a blocked DQBUF are gone at once, and the next client streams", async () => {
    const driver = await startCamera();
    await setFormat(driver, "YUYV", 1);
    const env = { ...process.env, LD_PRELOAD: helperPath() };
    const blocked = withoutHelper([client, driver.node, "block-dqbuf", "0"], { env });
    await blocked.line("dqbuf...");
    blocked.kill("SIGKILL");
    expect((await blocked.result).signal).toBe("SIGKILL");
    await setFormat(driver, "YUYV", 60);
    const file = temporaryFile("frames.raw");
    const run = withHelper([client, driver.node, "capture", "block", "3", file]);
    expect(await run.result).toMatchObject({ code: 0 });
    checkFile(readFileSync(file), { format: "YUYV", ...size });
  });

  it("get an error, and end, when the driver is stopped while they stream", async () => {
    const driver = await startCamera();
    await setFormat(driver, "YUYV", 30);
    const file = temporaryFile("frames.raw");
    const run = withHelper([client, driver.node, "capture", "block", "100000", file], { timeoutMs: 20_000 });
    await until(() => driver.process.lines.some((line) => line.includes("VIDIOC_DQBUF")), "frames flow");
    expect(await driver.stop()).toBe(0);
    const { signal, code } = await run.result;
    expect(signal).toBe(null);
    expect(code).not.toBe(0);
    expect(existsSync(driver.node)).toBe(false);
  });
});

describeDevice("a second client", () => {
  it("may look and ask, but not take the queue of the first", async () => {
    const driver = await startCamera();
    const { code, lines } = await withHelper([client, driver.node, "two-opens"]).result;
    expect(lines.join("\n")).toContain("EBUSY");
    expect(code).toBe(0);
  });

  it("gets EBUSY for S_FMT while the first streams", async () => {
    const driver = await startCamera();
    await setFormat(driver, "YUYV", 30);
    const file = temporaryFile("frames.raw");
    const first = withHelper([client, driver.node, "capture", "block", "100000", file]);
    await until(() => driver.process.lines.some((line) => line.includes("VIDIOC_DQBUF")), "frames flow");
    const set = await withoutHelper(["v4l2-ctl", "-d", driver.node, "--set-fmt-video=width=640,height=480"])
      .result;
    expect(`${set.lines.join("\n")}${set.stderr}`).toContain("Device or resource busy");
    const read = await withoutHelper(["dd", `if=${driver.node}`, "of=/dev/null", "bs=4096", "count=1"])
      .result;
    expect(read.stderr).toContain("Device or resource busy");
    first.kill("SIGINT");
    await first.result;
  });
});

describeDevice("the command line", () => {
  it("says in one sentence that the node's name is taken", async () => {
    const driver = await startCamera();
    const number = driver.node.replace("/dev/video", "");
    const second = await cli(["sample", "--video", number, "--log", "none"]).result;
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/^v4l2-cuse: .*\n$/);
    expect(second.stderr).toContain(driver.node);
    expect(await driver.stop()).toBe(0);
  });
});

describeDevice("the log", () => {
  it("has an EXPBUF through the helper once, with the descriptor's number in the client", async () => {
    const driver = await startCamera();
    const env = { ...process.env, LD_PRELOAD: helperPath() };
    const { lines } = await withoutHelper([client, driver.node, "expbuf"], { env }).result;
    expect(lines.map((line) => line.replace(/\d{3,} same/, "N same"))).toEqual([
      "expbuf 2000002: ok",
      "  cloexec 1 access 2 size N same memory yes",
      "expbuf 2: ok",
      "  cloexec 0 access 2 size N same memory yes",
      "expbuf 2000000: ok",
      "  cloexec 1 access 0 size N same memory yes",
      "expbuf wrong index: EINVAL",
      "expbuf wrong plane: EINVAL",
    ]);
    const exports = (): Record<string, unknown>[] =>
      logged(driver).filter(({ name }) => name === "VIDIOC_EXPBUF");
    await until(() => exports().length >= 5, "the log has all EXPBUF");
    const lowest = 4; // After the device's own.
    expect(exports().map(({ errno, args }) => [errno, (args as { fd: number }).fd])).toEqual([
      ...new Array<unknown>(3).fill([undefined, lowest]),
      ...new Array<unknown>(2).fill(["EINVAL", 0]),
    ]);
  });
});
