/**
 * What visl says to bad input, and that clients killed at the worst moments leave nothing behind: the next one decodes
 * to the frames of the kernel's visl. `test/clients/visl-client.c` does what it is told, a word after the other.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { helperPath } from "../../src/native.js";
import { golden } from "../visl/golden.js";
import { describeDevice, until } from "./support/device.js";
import { temporaryFolder } from "./support/mem2mem.js";
import { startProgram, type Client, type ClientOptions } from "./support/probe.js";
import { startVisl, type Visl } from "./support/visl.js";
import { built } from "../support/built.js";

const program = built("visl-client");
const FRAME_SIZE = 115_200;
const MPEG2_SEQUENCE = 0x00a409dc;
const VP8_FRAME = 0x00a409c8;

/** With the helper and without the launcher, so that signals reach it. */
function startClient(visl: Visl, steps: string, options?: ClientOptions): Client {
  const env = { ...process.env, LD_PRELOAD: helperPath() };
  const words = steps.trim().split(/\s+/);
  return startProgram(program, [visl.video, visl.media, ...words], { env, timeoutMs: 60_000, ...options });
}

async function finished(client: Client): Promise<readonly string[]> {
  const { lines, stderr, code, signal } = await client.result;
  if (code !== 0) throw new Error(`the client ended with ${code ?? signal}: ${lines.join("\n")}\n${stderr}`);
  return lines;
}

/** The format that GStreamer set for the golden frames, and two buffers on each queue. */
const prepared = "format VP8F 320x240 262144 alloc 2 on both";

/** Two frames, the second made from the first. @returns Their MD5. */
async function decode(visl: Visl): Promise<string[]> {
  const output = join(temporaryFolder(), "frames.nv12");
  const frames = [0, 1].map(
    (index) =>
      `request ${index} vp8 ${index} ${index === 0 ? "key" : "0"} bitstream ${index} ${index} ${index}000 100 ` +
      `frame - ${index} submit ${index} wait ${index} 10000 dequeue out dequeue cap save ${output}`,
  );
  const lines = await finished(startClient(visl, `${prepared} ${frames.join(" ")}`));
  expect(lines.filter((line) => line.startsWith("dequeue"))).toEqual([
    "dequeue out: index 0 sequence 0 timestamp 0",
    "dequeue cap: index 0 sequence 0 timestamp 0",
    "dequeue out: index 1 sequence 1 timestamp 1000",
    "dequeue cap: index 1 sequence 1 timestamp 1000",
  ]);
  const bytes = readFileSync(output);
  expect(bytes.length).toBe(2 * FRAME_SIZE);
  return [0, 1].map((index) =>
    createHash("md5")
      .update(bytes.subarray(index * FRAME_SIZE, (index + 1) * FRAME_SIZE))
      .digest("hex"),
  );
}

const kernelSums = (): string[] =>
  [...golden("vp8.ivf/frame-md5.txt").matchAll(/[\da-f]{32}/g)].slice(0, 2).map(([sum]) => sum);

/**
 * Runs `disturb` between two clients that decode; the driver has the same descriptors and mappings after both. What it
 * opens at first use and keeps is no leak, so it is disturbed once before.
 */
async function expectUnhurt(visl: Visl, disturb: () => Promise<void>): Promise<void> {
  await disturb();
  expect(await decode(visl)).toEqual(kernelSums());
  const before = await visl.rest();
  await disturb();
  await visl.rest(before);
  expect(await decode(visl)).toEqual(kernelSums());
  await visl.rest(before);
}

describeDevice("a client of visl that is killed", () => {
  const request = "request 0 vp8 0 key bitstream 0 0 0 100";
  it.each([
    ["with controls and a buffer in a request that is not queued", `${prepared} ${request}`],
    ["with a request queued that waits for a CAPTURE buffer", `${prepared} ${request} submit 0`],
    [
      "with requests queued that wait for STREAMON",
      `format VP8F 320x240 262144 alloc 2 ${request} submit 0 frame - 0`,
    ],
    [
      "during a job, with another request waiting",
      `${prepared} frame - 0 frame - 1 ${request} submit 0 ` +
        "request 1 vp8 1 0 bitstream 1 1 1000 100 submit 1",
    ],
    [
      "with a complete request that nobody looked at",
      `${prepared} frame - 0 ${request} submit 0 wait 0 10000`,
    ],
  ])("%s", async (_, steps) => {
    const visl = await startVisl("--transtime-ms", "400");
    await expectUnhurt(visl, async () => {
      const client = startClient(visl, `${steps} mark ready sleep 60000`);
      await client.line("ready", 30_000);
      expect(client.lines.filter((line) => !/: (ok|complete)$|^ready$/.test(line))).toEqual([]);
      client.kill("SIGKILL");
      expect(await client.result).toMatchObject({ signal: "SIGKILL" });
    });
  });

  it("in the middle of a DQBUF that waits", async () => {
    const visl = await startVisl();
    await expectUnhurt(visl, async () => {
      const client = startClient(visl, `${prepared} mark ready dequeue cap`);
      await client.line("ready", 30_000);
      await new Promise((resolve) => setTimeout(resolve, 300));
      client.kill("SIGKILL");
      expect(await client.result).toMatchObject({ signal: "SIGKILL" });
    });
  });
});

describeDevice("a driver that is stopped under a client", () => {
  it("lets the client end: its calls fail, and nothing waits for ever", async () => {
    const visl = await startVisl("--transtime-ms", "30000");
    const client = startClient(
      visl,
      `${prepared} frame - 0 request 0 vp8 0 key bitstream 0 0 0 100 submit 0 mark ready wait 0 50000 dequeue cap`,
    );
    await client.line("ready", 30_000);
    expect(await visl.stop()).toMatchObject({ code: 0 });
    const { code, signal, lines } = await client.result;
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(lines.slice(-2)[0]).not.toBe("wait 0: timeout");
    expect(lines.at(-1)).toMatch(/^dequeue cap: E(NODEV|NOTCONN|CONNABORTED|IO|INVAL)$/);
  });
});

describeDevice("bad input to visl", () => {
  /** @returns The client's lines from "ready" on, and those of the log from its open to its release. */
  async function tried(visl: Visl, steps: string): Promise<{ lines: readonly string[]; log: string }> {
    const client = startClient(visl, `${prepared} mark ready ${steps}`);
    const lines = await finished(client);
    const at = (what: string): number =>
      visl.process.lines.findIndex((line) =>
        new RegExp(`\\[${client.pid}\\] video\\d+: ${what} `).test(line),
      );
    await until(() => at("release") >= 0, "the release is in the log", 20_000);
    return {
      lines: lines.slice(lines.indexOf("ready") + 1),
      log: visl.process.lines.slice(at("open"), at("release") + 1).join("\n"),
    };
  }

  const refused: readonly (readonly [string, string, readonly string[], RegExp])[] = [
    [
      "a request without the controls of its codec",
      "request 0 bitstream 0 0 0 100 submit 0",
      ["request 0: ok", "bitstream 0: ok", "submit 0: ENOENT"],
      /MEDIA_REQUEST_IOC_QUEUE: error -2.*; ENOENT: request \S+ lacks VP8 Frame Parameters\)/,
    ],
    [
      "a request with another codec's controls",
      "request 0 fwht 0 bitstream 0 0 0 100 submit 0",
      ["request 0: ok", "fwht 0: ok", "bitstream 0: ok", "submit 0: ENOENT"],
      /ENOENT: request \S+ lacks VP8 Frame Parameters\)/,
    ],
    [
      "a request without a buffer",
      "request 0 vp8 0 key submit 0",
      ["request 0: ok", "vp8 0: ok", "submit 0: ENOENT"],
      /ENOENT: request \S+ has no buffer\)/,
    ],
    [
      "a request with two buffers",
      "request 0 vp8 0 key bitstream 0 0 0 100 bitstream 0 1 0 100 submit 0",
      ["request 0: ok", "vp8 0: ok", "bitstream 0: ok", "bitstream 0: ok", "submit 0: EINVAL"],
      /EINVAL: request \S+ has 2 buffers, not one\)/,
    ],
    [
      "a request that is queued twice",
      "request 0 vp8 0 key bitstream 0 0 0 100 submit 0 submit 0",
      ["request 0: ok", "vp8 0: ok", "bitstream 0: ok", "submit 0: ok", "submit 0: EBUSY"],
      /MEDIA_REQUEST_IOC_QUEUE: error -16.*; EBUSY: .+\)/,
    ],
    [
      "a request that is queued again when it is complete",
      "frame - 0 request 0 vp8 0 key bitstream 0 0 0 100 submit 0 wait 0 10000 submit 0",
      [
        "frame -: ok",
        "request 0: ok",
        "vp8 0: ok",
        "bitstream 0: ok",
        "submit 0: ok",
        "wait 0: complete",
        "submit 0: EBUSY",
      ],
      /MEDIA_REQUEST_IOC_QUEUE: error -16.*; EBUSY: .+\)/,
    ],
    [
      "REINIT of a queued request, and controls for it",
      "request 0 vp8 0 key bitstream 0 0 0 100 submit 0 reinit 0 vp8 0 key",
      ["request 0: ok", "vp8 0: ok", "bitstream 0: ok", "submit 0: ok", "reinit 0: EBUSY", "vp8 0: EBUSY"],
      /MEDIA_REQUEST_IOC_REINIT: error -16.*; EBUSY: .+\)/,
    ],
    [
      "a control that is shorter than its struct",
      `request 0 control 0 ${VP8_FRAME} 1000`,
      ["request 0: ok", "control 0: EFAULT"],
      /VIDIOC_S_EXT_CTRLS: error -14.*; EFAULT: .+\)/,
    ],
    [
      "a control of no bytes",
      `request 0 control 0 ${VP8_FRAME} 0`,
      ["request 0: ok", "control 0: EFAULT"],
      /VIDIOC_S_EXT_CTRLS: error -14.*; EFAULT: .+\)/,
    ],
    [
      "a control whose bytes are nowhere",
      `request 0 wild 0 ${VP8_FRAME} 1232`,
      ["request 0: ok", "wild 0: EFAULT"],
      /VIDIOC_S_EXT_CTRLS: error -14.*; EFAULT: .+\)/,
    ],
    [
      "a control with values that its codec does not have",
      `request 0 control 0 ${MPEG2_SEQUENCE} 12`,
      ["request 0: ok", "control 0: EINVAL"],
      /VIDIOC_S_EXT_CTRLS: error -22.*; EINVAL: .+\)/,
    ],
    [
      "a control that does not exist",
      "request 0 control 0 0x00a40fff 4",
      ["request 0: ok", "control 0: EINVAL"],
      /VIDIOC_S_EXT_CTRLS: error -22.*; EINVAL: .+\)/,
    ],
    [
      "a request that was closed",
      "request 0 drop 0 vp8 0 key bitstream 0 0 0 100",
      ["request 0: ok", "drop 0: ok", "vp8 0: EINVAL", "bitstream 0: EINVAL"],
      /VIDIOC_QBUF: error -22.*; EINVAL: .+\)/,
    ],
    [
      "a file that is no request",
      "file 0 /dev/null vp8 0 key bitstream 0 0 0 100 submit 0",
      ["vp8 0: EINVAL", "bitstream 0: EINVAL", "submit 0: ENOTTY"],
      /VIDIOC_QBUF: error -22.*; EINVAL: .+\)/,
    ],
    [
      "a CAPTURE buffer in a request",
      "request 0 frame 0 0",
      ["request 0: ok", "frame 0: EPERM"],
      /VIDIOC_QBUF: error -1:.*; EPERM: .+\)/,
    ],
    [
      "a buffer that is in a request already",
      "request 0 request 1 bitstream 0 0 0 100 bitstream 1 0 0 100 bitstream - 0 0 100",
      ["request 0: ok", "request 1: ok", "bitstream 0: ok", "bitstream 1: EINVAL", "bitstream -: EBUSY"],
      /VIDIOC_QBUF: error -22.*; EINVAL: .+\)/,
    ],
    [
      "a request for an OUTPUT queue that was used without",
      "bitstream - 0 0 100 request 0 bitstream 0 1 0 100",
      ["bitstream -: ok", "request 0: ok", "bitstream 0: EBUSY"],
      /VIDIOC_QBUF: error -16.*; EBUSY: .+\)/,
    ],
    [
      "a payload larger than its buffer",
      "request 0 bitstream 0 0 0 262145",
      ["request 0: ok", "bitstream 0: EINVAL"],
      /VIDIOC_QBUF: error -22.*; EINVAL: .+262145.+\)/,
    ],
    [
      "an index beyond the buffers",
      "request 0 bitstream 0 2 0 100",
      ["request 0: ok", "bitstream 0: EINVAL"],
      /VIDIOC_QBUF: error -22.*; EINVAL: .+\)/,
    ],
    [
      "a format for OUTPUT while CAPTURE has buffers",
      "format VP8F 640x480 262144",
      ["format: EBUSY"],
      /VIDIOC_S_FMT: error -16.*; EBUSY: .+\)/,
    ],
    [
      "a frame that refers to one that is nowhere",
      "frame - 0 request 0 vp8 0 77000 bitstream 0 0 1000 100 submit 0 wait 0 10000 dequeue out dequeue cap",
      [
        "frame -: ok",
        "request 0: ok",
        "vp8 0: ok",
        "bitstream 0: ok",
        "submit 0: ok",
        "wait 0: complete",
        "dequeue out: index 0 sequence 0 timestamp 1000 error",
        "dequeue cap: index 0 sequence 0 timestamp 1000 error",
      ],
      /video\d+: frame 0 of file \d+ cannot be decoded: no CAPTURE buffer has the time stamp 77000 /,
    ],
    [
      "an empty bitstream buffer",
      "frame - 0 request 0 vp8 0 key bitstream 0 0 1000 0 submit 0 wait 0 10000 dequeue out dequeue cap",
      [
        "frame -: ok",
        "request 0: ok",
        "vp8 0: ok",
        "bitstream 0: ok",
        "submit 0: ok",
        "wait 0: complete",
        "dequeue out: index 0 sequence 0 timestamp 1000 error",
        "dequeue cap: index 0 sequence 0 timestamp 1000 error",
      ],
      /video\d+: frame 0 of file \d+ cannot be decoded: its OUTPUT buffer is empty, bytesused is 0/,
    ],
  ];

  it("is refused with the errno of the kernel, or comes back in error, and the log says why", async () => {
    const visl = await startVisl("--log", "pretty");
    await expectUnhurt(visl, async () => {
      for (const [what, steps, answers, reason] of refused) {
        const { lines, log } = await tried(visl, steps);
        expect.soft(lines, what).toEqual(answers);
        expect.soft(log, what).toMatch(reason);
      }
    });
  }, 180_000);

  it("a request of another device is no request of this one", async () => {
    const [visl, other] = [await startVisl("--log", "pretty"), await startVisl()];
    await expectUnhurt(visl, async () => {
      const { lines, log } = await tried(
        visl,
        `other 0 ${other.media} vp8 0 key bitstream 0 0 0 100 submit 0`,
      );
      expect(lines).toEqual(["other 0: ok", "vp8 0: EINVAL", "bitstream 0: EINVAL", "submit 0: ENOENT"]);
      expect(log).toMatch(/VIDIOC_QBUF: error -22.*; EINVAL: .+\)/);
    });
  });
});
