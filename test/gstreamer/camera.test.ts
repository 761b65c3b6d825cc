/** GStreamer's v4l2src on the camera, with the helper (plain.test.ts: without). Every pixel is checked. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { checkFile, startCamera, withHelper } from "../device/support/camera.js";
import { describeDevice } from "../device/support/device.js";

const size = { width: 320, height: 180 };

function hasV4l2src(): boolean {
  try {
    execFileSync("gst-inspect-1.0", ["v4l2src"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Runs a pipeline that begins with v4l2src in one of its modes. @returns What came out at its end. */
async function record(mode: string, format: string, ...rest: string[]): Promise<Buffer> {
  const driver = await startCamera();
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  chmodSync(folder, 0o777);
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, "frames.raw");
  const caps = `video/x-raw,format=${format},width=${size.width},height=${size.height},framerate=30/1`;
  const run = withHelper(
    [
      ...["gst-launch-1.0", "-q", "v4l2src", `device=${driver.node}`, `io-mode=${mode}`, "num-buffers=4"],
      ...["!", caps, ...rest, "!", "filesink", `location=${file}`],
    ],
    { timeoutMs: 60_000 },
  );
  expect(await run.result).toMatchObject({ code: 0 });
  return readFileSync(file);
}

function tests(): void {
  it.each([
    ["mmap", "NV12", "NV12"],
    ["mmap", "YUY2", "YUYV"],
    ["mmap", "I420", "YU12"],
    ["mmap", "RGB", "RGB3"],
    ["mmap", "BGRx", "XR24"],
    ["mmap", "GRAY8", "GREY"],
    ["dmabuf", "NV12", "NV12"],
    ["dmabuf", "YUY2", "YUYV"],
  ])(
    "io-mode=%s, %s",
    async (mode, gstFormat, format) => {
      expect(checkFile(await record(mode, gstFormat), { format, ...size })).toHaveLength(4);
    },
    90_000,
  );

  it("io-mode=userptr, into memory of the element behind it", async () => {
    // v4l2src takes other elements' memory only; videoconvert has some, and just swaps the bytes of each pair.
    const bytes = await record("userptr", "YUY2", "!", "videoconvert", "!", "video/x-raw,format=UYVY");
    expect(checkFile(bytes.swap16(), { format: "YUYV", ...size })).toHaveLength(4);
  }, 90_000);
}

if (hasV4l2src()) describeDevice("GStreamer", tests);
else
  describe.skip("GStreamer (skipped: there is no v4l2src; run it with scripts/guest --root trixie)", tests);
