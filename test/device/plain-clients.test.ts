/** Programs that know nothing of us, with no helper and no wrapper: they map buffers as from any device. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkFile, checkFrame, logged, startCamera, withoutHelper, type Driver } from "./support/camera.js";
import { describeDevice, until } from "./support/device.js";
import { Control, sharedMem2mem, startPlainClient, temporaryFolder } from "./support/mem2mem.js";
import { expectGrafts, expectRefusal, kernelMaps, NO_PASSTHROUGH, staticClient } from "./support/plain.js";

const size = { width: 320, height: 240 };
const NOBODY = "65534";

async function setFormat(driver: Driver, format: string): Promise<void> {
  const fmt = `width=${size.width},height=${size.height},pixelformat=${format}`;
  const set = withoutHelper(["v4l2-ctl", "-d", driver.node, `--set-fmt-video=${fmt}`]);
  expect(await set.result).toMatchObject({ code: 0 });
}

/** Runs a client that streams YUYV into a file. Where the kernel cannot, it must be refused. */
async function expectStream(
  driver: Driver,
  count: number,
  command: (file: string) => readonly string[],
): Promise<void> {
  const file = join(temporaryFolder(0o777), "frames.raw");
  const { code, signal, lines, stderr } = await withoutHelper(command(file)).result;
  if (!(await kernelMaps())) {
    expect(signal).toBe(null);
    await expectRefusal(driver, NO_PASSTHROUGH);
    expect(`${lines.join("\n")}${stderr}`).toMatch(/EINVAL|Invalid argument/);
    return;
  }
  expect(code, `${lines.join("\n")}\n${stderr}`).toBe(0);
  expect(checkFile(readFileSync(file), { format: "YUYV", ...size })).toHaveLength(count);
  await expectGrafts(driver, 1);
}

const v4l2ctl = (driver: Driver, file: string, ...more: string[]): string[] => [
  ...["v4l2-ctl", "-d", driver.node, "--stream-mmap", "--stream-count=5", `--stream-to=${file}`],
  ...more,
];

describeDevice("without a helper, on the camera,", () => {
  it.each([[[]], [["--stream-poll"]]])("v4l2-ctl streams with mmap %s", async (more) => {
    const driver = await startCamera();
    await setFormat(driver, "YUYV");
    await expectStream(driver, 5, (file) => v4l2ctl(driver, file, ...more));
    expect(await driver.stop()).toBe(0);
  });

  it("ffmpeg records without changing a pixel", async () => {
    const driver = await startCamera();
    await expectStream(driver, 4, (file) => [
      ...["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-f", "v4l2", "-input_format", "yuyv422"],
      ...["-framerate", "30", "-video_size", `${size.width}x${size.height}`, "-i", driver.node],
      ...["-frames:v", "4", "-f", "rawvideo", "-pix_fmt", "yuyv422", "-fps_mode", "passthrough", file],
    ]);
  });

  it.each(["block", "poll", "select", "epoll"])(
    "a static client of another user streams, waiting with %s",
    async (how) => {
      const driver = await startCamera("--mode", "0666");
      await setFormat(driver, "YUYV");
      await expectStream(driver, 6, (file) => [
        ...[staticClient, "--uid", NOBODY, driver.node, "capture", how, "6", file],
      ]);
    },
  );

  it("a client that maps exported buffers streams", async () => {
    const driver = await startCamera("--mode", "0666");
    await setFormat(driver, "YUYV");
    await expectStream(driver, 5, (file) => [
      ...[staticClient, "--uid", NOBODY, "--export", driver.node, "capture", "poll", "5", file],
    ]);
  });

  it("luma and chroma come in planes of their own from a multi-planar device", async () => {
    const driver = await startCamera("--multiplanar");
    await setFormat(driver, "NM12");
    const file = join(temporaryFolder(), "frames.raw");
    const { code, signal } = await withoutHelper(v4l2ctl(driver, file)).result;
    expect(signal).toBe(null);
    if (!(await kernelMaps())) return expectRefusal(driver, NO_PASSTHROUGH);
    expect(code).toBe(0);
    const bytes = readFileSync(file);
    const luma = size.width * size.height;
    const frame = (luma * 3) / 2;
    expect(bytes).toHaveLength(5 * frame);
    for (let offset = 0; offset < bytes.length; offset += frame) {
      checkFrame({ format: "NM12", ...size }, [
        { bytes: bytes.subarray(offset, offset + luma), bytesperline: size.width },
        { bytes: bytes.subarray(offset + luma, offset + frame), bytesperline: size.width },
      ]);
    }
    await expectGrafts(driver, 1);
  });

  it.each(["open", "fcntl"])("EAGAIN comes at once when O_NONBLOCK was set by %s", async (how) => {
    const driver = await startCamera();
    const run = withoutHelper([staticClient, driver.node, "nonblock-dqbuf", how], { timeoutMs: 10_000 });
    const { lines, signal, stderr } = await run.result;
    expect(signal).toBe(null);
    const wanted = (await kernelMaps()) ? "EAGAIN" : "EINVAL";
    expect(`${lines.join("\n")}${stderr}`).toContain(wanted);
  });

  it("two open files are two, and the queue belongs to one of them", async () => {
    const driver = await startCamera();
    const { lines, code, signal } = await withoutHelper([staticClient, driver.node, "two-opens"]).result;
    expect(signal).toBe(null);
    if (!(await kernelMaps())) return;
    expect(code).toBe(0);
    expect(lines.join("\n")).toContain("EBUSY");
  });

  it("who closes a file that streams finds the queue free at once, however busy the driver is", async () => {
    const driver = await startCamera("--log", "none");
    const rounds = 2;
    // Calls come in so fast that the driver reads several in a row, without a look at the other channel between.
    const others = [1, 2].map(() =>
      withoutHelper([staticClient, driver.node, "bench", "0x80685600", "", "1000000"], {
        timeoutMs: 100_000,
      }),
    );
    const run = withoutHelper([staticClient, driver.node, "take-over", String(rounds)]);
    const { lines, code, stderr } = await run.result;
    for (const other of others) other.kill("SIGKILL");
    await Promise.all(others.map(({ result }) => result));
    if (!(await kernelMaps())) return expect(`${lines.join("\n")}${stderr}`).toContain("EINVAL");
    expect(code, `${lines.join("\n")}${stderr}`).toBe(0);
    const verbs = ["streamon", "reqbufs 0", "s_fmt", "qbuf", "dqbuf", "read", "poll"];
    expect(lines).toEqual(verbs.map((verb) => `${verb}: ${rounds} busy before, 0 after`));
  });

  it("a mapping outlives REQBUFS(0) and close()", async () => {
    const driver = await startCamera();
    const run = withoutHelper([staticClient, driver.node, "mmap-after-close"]);
    const { lines, code, stderr } = await run.result;
    if (!(await kernelMaps())) return expect(`${lines.join("\n")}${stderr}`).toContain("EINVAL");
    expect(code, `${lines.join("\n")}${stderr}`).toBe(0);
    expect(lines).toEqual(["reqbufs 0 while mapped: ok", "still there: yes", "after close: yes"]);
  });

  it("a freed buffer that is mapped keeps its bytes while others take and give back memory", async () => {
    const driver = await startCamera("--log", "none");
    // 640x480 YUYV, four buffers: 2.3 MiB a round, and 32 MiB are retired before somebody looks.
    const { lines, code, stderr } = await withoutHelper([staticClient, driver.node, "orphans", "40"]).result;
    if (!(await kernelMaps())) return expect(`${lines.join("\n")}${stderr}`).toContain("EINVAL");
    expect(code, `${lines.join("\n")}${stderr}`).toBe(0);
    expect(lines).toEqual(["reqbufs 0 while mapped: ok", "bytes that are not as they should be: 0"]);
  });

  it("a client that is killed while it streams leaves a device that serves the next", async () => {
    const driver = await startCamera();
    await setFormat(driver, "YUYV");
    if (await kernelMaps()) {
      const file = join(temporaryFolder(), "frames.raw");
      const first = withoutHelper([staticClient, driver.node, "capture", "block", "100000", file]);
      await until(() => logged(driver).some(({ name }) => name === "VIDIOC_DQBUF"), "frames flow", 20_000);
      first.kill("SIGKILL");
      await first.result;
      await until(() => logged(driver).some(({ action }) => action === "release"), "it is released", 20_000);
    }
    const file = join(temporaryFolder(), "frames.raw");
    expect((await withoutHelper(v4l2ctl(driver, file)).result).signal).toBe(null);
    if (await kernelMaps()) checkFile(readFileSync(file), { format: "YUYV", ...size });
    else await expectRefusal(driver, NO_PASSTHROUGH);
    expect(await driver.stop()).toBe(0);
  });

  it("nobody is grafted with --graft off", async () => {
    const driver = await startCamera("--graft", "off");
    const file = join(temporaryFolder(), "frames.raw");
    const { lines, stderr } = await withoutHelper(v4l2ctl(driver, file)).result;
    expect(`${lines.join("\n")}${stderr}`).toContain("VIDIOC_REQBUFS returned -1 (Invalid argument)");
    await expectRefusal(driver, /grafts are switched off/);
  });
});

describeDevice("without a helper, on the mem2mem example,", () => {
  const shared = sharedMem2mem();
  const streaming = `open size 32x32 ctrl ${Control.transactionTimeMs} 1`;

  async function run(steps: string): Promise<readonly string[] | undefined> {
    const { lines, stderr, code, signal } = await (await startPlainClient(shared(), steps)).result;
    if (!(await kernelMaps())) {
      expect(signal).toBe(null);
      expect(lines).toContain("alloc: EINVAL");
      return undefined;
    }
    expect(code, `${lines.join("\n")}\n${stderr}`).toBe(0);
    return lines;
  }

  it.each(["", "export"])("both queues are mapped, and pictures go through %s", async (how) => {
    const lines = await run(
      `${streaming} ${how} alloc 3 on both queue cap 0 queue cap 1 queue out 0 5 queue out 1 9
       dequeue cap dequeue out dequeue cap dequeue out`,
    );
    expect(lines?.slice(-4) ?? []).toEqual(
      (await kernelMaps())
        ? [
            "dequeue cap: index 0 sequence 0 frame 5 plain",
            "dequeue out: index 0 sequence 0 frame 5",
            "dequeue cap: index 1 sequence 1 frame 9 plain",
            "dequeue out: index 1 sequence 1 frame 9",
          ]
        : [],
    );
  });

  it("requests carry controls and buffers", async () => {
    const lines = await run(
      `${streaming} alloc 2 media ${shared().media} on both queue cap 0
       request 0 rctrl 0 ${Control.hflip} 1 rqueue 0 0 7 submit 0 rwait 0 20000 dequeue cap drop 0`,
    );
    if (lines === undefined) return;
    expect(lines).toContain("rwait 0: complete");
    expect(lines).toContain("dequeue cap: index 0 sequence 0 frame 7 hflip");
  });

  it("v4l2-ctl copies frames", async () => {
    const folder = temporaryFolder();
    const output = join(folder, "out");
    const { code, signal } = await withoutHelper([
      ...["v4l2-ctl", "-d", shared().video, "--set-fmt-video-out=width=64,height=48,pixelformat=RGB3"],
      ...["--stream-out-mmap", "--stream-mmap", "--stream-count=3", `--stream-to=${output}`],
    ]).result;
    expect(signal).toBe(null);
    if (!(await kernelMaps())) return;
    expect(code).toBe(0);
    const bytes = readFileSync(output);
    expect(bytes.length).toBeGreaterThanOrEqual(2 * 64 * 48 * 3);
    expect(new Set(bytes).size).toBeGreaterThan(1);
  });
});
