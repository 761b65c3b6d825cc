/** The bitstream dumps of visl, read from its mounted tree: those that the kernel's own visl had in debugfs. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { cli, withHelper } from "../device/support/camera.js";

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

let number = 80;

it.each([
  ["vp8.ivf", "v4l2slvp8dec"],
  ["vp9.ivf", "v4l2slvp9dec"],
  ["av1.ivf", "v4l2slav1dec"],
  ["h264_main_b.h264", "v4l2slh264dec"],
  ["hevc_main_b.h265", "v4l2slh265dec"],
  ["mpeg2_b.m2v", "v4l2slmpeg2dec"],
])("dumps the bitstream of %s", async (clip, decoder) => {
  number += 1;
  const nodes = ["--video", String(number), "--media", String(number), "--log", "none"];
  const dumps = ["--bitstream-trace-frame-start", "0", "--bitstream-trace-nframes", "1000"];
  const driver = cli(["visl", ...nodes, ...dumps, "--keep-bitstream-buffers"], { timeoutMs: 200_000 });
  onTestFinished(async () => {
    driver.kill("SIGTERM");
    expect(await driver.result).toMatchObject({ code: 0 });
  });
  await driver.saying(/ are ready; /, 30_000);
  const decoded = await withHelper(
    [
      ...["gst-launch-1.0", "-q", "filesrc", `location=${file(`data/${clip}`)}`],
      ...["!", "parsebin", "!", decoder, "!", "fakesink"],
    ],
    { timeoutMs: 100_000 },
  ).result;
  expect(decoded).toMatchObject({ code: 0 });
  const folder = `/run/v4l2-cuse/video${number}/bitstream`;
  const sums = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const sum = createHash("md5").update(await readFile(join(folder, name)));
      return `${sum.digest("hex")}  ${name}`;
    }),
  );
  const golden = readFileSync(file(`../visl/data/${clip}/bitstream-md5.txt`), "utf8");
  expect(sums.sort()).toEqual(golden.trim().split("\n").sort());
});
