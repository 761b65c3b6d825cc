/**
 * A driver with planted mistakes: each is one line that names the place, costs its own client what
 * docs/write-your-own-driver.md says, and neither another client nor the next stream hears of it.
 */
import { existsSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { withHelper, withoutHelper } from "./support/camera.js";
import { describeDevice, until } from "./support/device.js";
import { startProgram, type Client } from "./support/probe.js";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("support/broken-driver.ts", import.meta.url));

const camera = "video67";
const mem2mem = "video68";
const [cameraNode, mem2memNode] = [`/dev/${camera}`, `/dev/${mem2mem}`];

/** v4l2-ctl, its status and all that it printed. */
async function ctl(node: string, ...args: string[]): Promise<{ code: number | null; text: string }> {
  const { code, lines, stderr } = await withoutHelper(["v4l2-ctl", "-d", node, ...args]).result;
  return { code, text: `${lines.join("\n")}\n${stderr}` };
}

const stream = ["--stream-user", "--stream-count=5"];

interface Planted {
  /** Value of the control. */
  readonly mistake: number;
  /** What the client does, besides setting the control. */
  readonly args: readonly string[];
  /** What v4l2-ctl says; undefined: it notices nothing. */
  readonly told?: RegExp;
  /** The one line, without the device's name. */
  readonly line: RegExp;
}

const at = (where: string): string => String.raw`, at ${where}\(?\S*broken-driver\.ts:\d+:\d+\)?`;
const failed = "; the queue has failed until STREAMOFF$";
const v4l2ctl = String.raw`v4l2-ctl\[\d+\]`;
const inDriver = (text: string): RegExp => new RegExp(`^driver broken: ${text}`);

const planted: Readonly<Record<string, Planted>> = {
  "a task that throws": {
    mistake: 1,
    args: stream,
    told: /Input\/output error/,
    line: inDriver(`a task of ${camera} capture: planted in the task${at("captureFrame ")}${failed}`),
  },
  "a task whose promise is rejected": {
    mistake: 2,
    args: stream,
    told: /Input\/output error/,
    line: inDriver(`a task of ${camera} capture: planted in a promise${at(".*")}${failed}`),
  },
  "a buffer that is given back twice": {
    mistake: 3,
    args: stream,
    told: /Input\/output error/,
    line: inDriver(
      `bufferDone of ${camera} capture: buffer \\d belongs to the (vb2|client), not to the driver${at("captureFrame ")}${failed}`,
    ),
  },
  "buffers that stopStreaming keeps": {
    mistake: 4,
    args: stream,
    line: inDriver(
      String.raw`stopStreaming of ${camera} capture: it kept buffers \([\d, ]+\) that it has to give back$`,
    ),
  },
  "a payload that is larger than its plane": {
    mistake: 5,
    args: stream,
    told: /Input\/output error/,
    line: inDriver(
      `bufferDone of ${camera} capture: RangeError: a plane of 4096 bytes cannot hold a payload of 4097${at("captureFrame ")}${failed}`,
    ),
  },
  "a time stamp that is a number": {
    mistake: 6,
    args: stream,
    told: /Input\/output error/,
    line: inDriver(
      `bufferDone of ${camera} capture: TypeError: timestampNs is a number, not a bigint${at("captureFrame ")}${failed}`,
    ),
  },
  "a bufQueue that throws": {
    mistake: 7,
    args: [...stream, "--verbose"],
    told: /error/,
    line: inDriver(`bufQueue of ${camera} capture: planted in bufQueue${at(".*bufQueue ")}$`),
  },
  "an op that throws": {
    mistake: 8,
    args: ["--get-fmt-video"],
    told: /Input\/output error/,
    line: inDriver(`VIDIOC_G_FMT of ${v4l2ctl}: planted in gFmt${at(".*gFmt ")}; the client got EIO$`),
  },
  "an op that answers nonsense": {
    mistake: 9,
    args: ["--get-fmt-video"],
    told: /Input\/output error/,
    line: inDriver(
      `VIDIOC_G_FMT of ${v4l2ctl}: the driver answered with a format that is no picture format; the client got EIO$`,
    ),
  },
  "an op that never answers": {
    mistake: 10,
    args: ["--log-status"],
    line: inDriver(
      `VIDIOC_LOG_STATUS of ${v4l2ctl}: its promise has been pending for 500 ms; the client waits$`,
    ),
  },
  "a control that throws": {
    mistake: 11,
    args: [],
    told: /Input\/output error/,
    line: inDriver(
      `VIDIOC_S_(EXT_)?CTRLS? of ${v4l2ctl}: planted in the control${at(".*")}; the client got EIO$`,
    ),
  },
  "a task of the device that throws": {
    mistake: 12,
    args: ["--get-fmt-video"],
    line: inDriver(`a task of the device: planted in the device's task${at("throwInDeviceTask ")}$`),
  },
  "a promise that is never settled": {
    mistake: 13,
    args: ["--stream-user", "--stream-count=40"],
    line: inDriver(`a task of ${camera} capture: the promise of neverDone has been pending for 500 ms$`),
  },
  "a release that throws": {
    mistake: 14,
    args: [],
    // A process that has ended has no name any more.
    line: inDriver(`release of (?:${v4l2ctl}|\\?\\[\\d+\\]): planted in release${at(".*release ")}$`),
  },
};

describeDevice("a driver with mistakes", () => {
  let driver: Client;
  let neighbour: Client;
  /** Lines that were looked at. */
  let seen = 0;

  const all = (): string[] =>
    driver.stderr.split("\n").filter((line) => line !== "" && !line.includes("ready"));
  const said = (): string[] => all().slice(seen);
  beforeEach(() => {
    seen = all().length;
  });

  beforeAll(async () => {
    driver = startProgram(process.execPath, ["--import", "tsx", script, camera, mem2mem], {
      timeoutMs: 600_000,
    });
    await until(() => existsSync(mem2memNode), `${mem2memNode} appears`, 60_000);
    // A client of the other node, all the while.
    neighbour = withHelper(
      ["v4l2-ctl", "-d", mem2memNode, "--stream-out-mmap", "--stream-mmap", "--stream-count=1000000"],
      { timeoutMs: 600_000 },
    );
  }, 90_000);

  afterAll(async () => {
    neighbour.kill("SIGINT");
    expect((await neighbour.result).stderr).not.toMatch(/error|failed/i);
    driver.kill("SIGTERM");
    expect((await driver.result).code).toBe(0);
  });

  it.each(Object.entries(planted))("%s", async (_name, { mistake, args, told, line }) => {
    const client = withoutHelper(["v4l2-ctl", "-d", cameraNode, "-c", `mistake=${mistake}`, ...args], {
      timeoutMs: 20_000,
    });
    await until(() => said().length > 0, "the driver says something", 20_000);
    if (mistake === 10) client.kill("SIGINT");
    const { lines, stderr } = await client.result;
    const text = `${lines.join("\n")}\n${stderr}`;
    if (told !== undefined) expect(text).toMatch(told);

    const good = await ctl(cameraNode, "-c", "mistake=0");
    expect(good, good.text).toMatchObject({ code: 0 });
    await until(() => said().length > 0, "the driver says something");
    const lineOf = said().map((each) => each.replace(`${camera}: `, ""));
    expect(lineOf).toEqual([expect.stringMatching(line)]);
    seen = all().length;
    const next = await ctl(cameraNode, ...stream);
    expect(next, next.text).toMatchObject({ code: 0 });
    expect(next.text).not.toMatch(/error|failed/i);
    expect(said()).toEqual([]);
  });

  it.each([
    [1, "deviceRun", "planted in deviceRun"],
    [2, "a task of a job", "planted in the job's task"],
  ])("jobs of one file, whose driver throws: %i", async (mistake, where, what) => {
    const client = withHelper([
      ...["v4l2-ctl", "-d", mem2memNode, "-c", `mistake=${mistake}`],
      ...["--stream-out-mmap", "--stream-mmap", "--stream-count=3", "--verbose"],
    ]);
    // It takes frames in error for no frames, and asks for more.
    await client.saying(/error/);
    client.kill("SIGINT");
    await client.result;
    const [first = "", ...again] = said();
    expect(first).toMatch(
      new RegExp(`^${mem2mem}: driver broken-m2m: ${where}: ${what}${at(".*")}; the job has failed$`),
    );
    // Whoever does it on and on is told by powers of ten.
    for (const line of again) expect(line).toMatch(/ \(10+ times by now\)$/);
  });
});
