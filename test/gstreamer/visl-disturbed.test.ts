/**
 * Clients of visl that seek, change the resolution, come in pairs, are killed, or lose the driver. Whatever they do, the
 * next client gets the frames of the kernel's visl, and the driver keeps nothing of those before.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withHelper } from "../device/support/camera.js";
import { until } from "../device/support/device.js";
import { temporaryFolder } from "../device/support/mem2mem.js";
import type { Client } from "../device/support/probe.js";
import { startVisl, type Visl } from "../device/support/visl.js";
import { drawnSums, sayFrames } from "./drawn.js";
import { data, decode, frameSums, goldenSums, gstLaunch } from "./support.js";
import { built } from "../support/built.js";

const timeoutMs = 100_000;
const seeker = built("gst-seek");

/** A client that decodes undisturbed. */
async function expectGolden(clip = "vp8.ivf", decoder = "v4l2slvp8dec"): Promise<void> {
  const output = join(temporaryFolder(), "frames.nv12");
  expect(await decode(clip, decoder, output).result).toMatchObject({ code: 0 });
  expect(frameSums(output, 320, 240)).toEqual(goldenSums(clip));
}

/** Runs `disturb` between two undisturbed clients; the driver has the same descriptors and mappings after both. */
async function expectUnhurt(visl: Visl, disturb: () => Promise<void>): Promise<void> {
  await expectGolden();
  const before = await visl.rest();
  await disturb();
  await visl.rest(before);
  await expectGolden();
  await visl.rest(before);
}

const sums = (file: string, sizes: readonly number[]): string[] => {
  const bytes = readFileSync(file);
  let at = 0;
  const found = sizes.map((size) => {
    at += size;
    return createHash("md5")
      .update(bytes.subarray(at - size, at))
      .digest("hex");
  });
  expect(bytes.length).toBe(at);
  return found;
};

/** Starts a decoder that can be killed: without a launcher between us and it. */
async function startVictim(output: string): Promise<{ readonly run: Client; readonly kill: () => void }> {
  const pipeline = `filesrc location=${data("vp9.ivf")} ! parsebin ! v4l2slvp9dec ! filesink location=${output}`;
  const run = withHelper(["sh", "-c", `echo "pid $$"; exec gst-launch-1.0 -q ${pipeline}`], { timeoutMs });
  const pid = Number((await run.line(/^pid \d+$/, 30_000)).slice(4));
  return {
    run,
    kill: () => {
      process.kill(pid, "SIGKILL");
    },
  };
}

const hasFrame = (output: string): Promise<void> =>
  until(() => existsSync(output) && readFileSync(output).length > 0, "the first frame", 60_000);

describe("disturbed clients of visl", () => {
  it("two at the same time, with different codecs", async () => {
    const visl = await startVisl("--transtime-ms", "20");
    await expectUnhurt(visl, async () => {
      await Promise.all([
        expectGolden("vp9.ivf", "v4l2slvp9dec"),
        expectGolden("h264_main_b.h264", "v4l2slh264dec"),
      ]);
    });
  });

  it("one that is killed during a job", async () => {
    const visl = await startVisl("--transtime-ms", "250");
    await expectUnhurt(visl, async () => {
      const output = join(temporaryFolder(), "killed.nv12");
      const { run, kill } = await startVictim(output);
      await hasFrame(output);
      kill();
      expect(await run.result).toMatchObject({ code: 128 + 9 });
    });
  });

  it("one that seeks, with frames in flight", async () => {
    const visl = await startVisl(...sayFrames, "--transtime-ms", "50");
    await expectUnhurt(visl, async () => {
      const before = visl.process.lines.length;
      const pipeline =
        `filesrc location=${data("vp8.webm")} ! matroskademux ! v4l2slvp8dec ! ` +
        "checksumsink hash=md5 sync=false";
      const { code, lines, stderr } = await withHelper([seeker, "2", "180", pipeline], { timeoutMs }).result;
      expect({ code, stderr, end: lines.at(-1) }).toEqual({ code: 0, stderr: "", end: "eos" });
      const shown = lines.map((line) => /^\d:\d\d:\d\d\.\d{9} ([\da-f]{32})$/.exec(line)?.[1]);
      const lastSeek = lines.lastIndexOf("seek");
      expect(lastSeek).toBeGreaterThan(0);
      const drawn = drawnSums(visl.process.lines.slice(before));
      // Behind the last seek there is the whole clip, frame by frame; before, what was not thrown away.
      expect(shown.slice(lastSeek + 1, -1)).toEqual(drawn.slice(-10));
      for (const sum of shown.slice(0, lastSeek)) if (sum !== undefined) expect(drawn).toContain(sum);
      expect(drawn.length).toBeGreaterThan(10);
    });
  });

  it("one whose stream changes its resolution, twice", async () => {
    const visl = await startVisl(...sayFrames);
    await expectUnhurt(visl, async () => {
      const before = visl.process.lines.length;
      const output = join(temporaryFolder(), "frames.nv12");
      // The sink must not keep a frame: GStreamer sets the new format while it does, which is EBUSY.
      const client = gstLaunch(
        `filesrc location=${data("h264_resolutions.h264")} ! parsebin ! v4l2slh264dec ! ` +
          `filesink enable-last-sample=false location=${output}`,
      );
      expect(await client.result).toMatchObject({ code: 0 });
      const [small, large] = [Array<number>(4).fill(115_200), Array<number>(4).fill(460_800)];
      expect(sums(output, [...small, ...large, ...small])).toEqual(
        drawnSums(visl.process.lines.slice(before)),
      );
    });
  });

  it("one with frames of 4096x2176", async () => {
    const visl = await startVisl(...sayFrames);
    await expectUnhurt(visl, async () => {
      const before = visl.process.lines.length;
      const output = join(temporaryFolder(), "frames.nv12");
      expect(await decode("h264_4096x2176.h264", "v4l2slh264dec", output).result).toMatchObject({ code: 0 });
      const size = (4096 * 2176 * 3) / 2;
      expect(sums(output, [size, size, size])).toEqual(drawnSums(visl.process.lines.slice(before)));
    });
  });

  it("one whose driver is stopped: both end", async () => {
    const visl = await startVisl("--transtime-ms", "1000");
    const output = join(temporaryFolder(), "frames.nv12");
    const client = gstLaunch(
      `filesrc location=${data("vp9.ivf")} ! parsebin ! v4l2slvp9dec ! filesink location=${output}`,
    );
    await hasFrame(output);
    const started = Date.now();
    expect(await visl.stop()).toMatchObject({ code: 0 });
    expect(existsSync(visl.video)).toBe(false);
    const { code, stderr } = await client.result;
    expect(code).toBe(1);
    expect(stderr).toContain("ERROR");
    expect(Date.now() - started).toBeLessThan(20_000);
  });
});
