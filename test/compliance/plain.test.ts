/**
 * v4l2-compliance as it is, without the helper: on kernels with FUSE passthrough as clean as with it, on others nothing
 * fails beyond that there is no MMAP. What finds the media node of a video node needs the sysfs view of `v4l2-cuse run`.
 */
import { existsSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { cli, startCamera, withoutHelper } from "../device/support/camera.js";
import { until } from "../device/support/device.js";
import { kernelMaps } from "../device/support/plain.js";
import { complianceVersion, expectedFailures, findings } from "./support.js";

const timeoutMs = 250_000;

/** visl, whose nodes are removed when the test ends. */
async function startVisl(): Promise<{ readonly video: string; readonly media: string }> {
  const driver = cli(["visl", "--video", "41", "--media", "41", "--log", "none"], { timeoutMs: 300_000 });
  onTestFinished(async () => {
    driver.kill("SIGTERM");
    expect(await driver.result).toMatchObject({ code: 0 });
  });
  await until(() => existsSync("/dev/media41"), "/dev/media41 appears", 20_000);
  return { video: "/dev/video41", media: "/dev/media41" };
}

/**
 * Runs a command for which the file with the device number 0:0 belongs to the media node $0. "Requests" of v4l2-compliance
 * 1.30 finds the media node by the number of its descriptor, but asks for it after allocating buffers, when the
 * descriptor is a regular file. Nothing else of that test could be seen without.
 */
const NUMBERLESS = `
  set -e
  view=$(mktemp -d); mount -t tmpfs tmpfs "$view"; cp -a /sys/dev/char/. "$view"
  mkdir -p "$view/0:0/device/\${0##*/}"
  mount --move "$view" /sys/dev/char; rmdir "$view"
  exec "$@"`;

describe("v4l2-compliance without a helper", () => {
  it.each([
    ["camera", ["--unpaced"]],
    ["camera-multiplanar", ["--unpaced", "--multiplanar"]],
  ])("on the %s, streaming", async (run, args) => {
    const driver = await startCamera(...args);
    const streaming = (await kernelMaps()) ? ["-s"] : [];
    const found = await findings(
      withoutHelper(["v4l2-compliance", "-d", driver.node, ...streaming], { timeoutMs }),
    );
    const entry = (await kernelMaps()) ? run : "camera-no-helper";
    expect(found.failures, found.text).toEqual(expectedFailures(await complianceVersion(), entry));
    expect(found.warnings, found.text).toEqual([]);
    expect(await driver.stop()).toBe(0);
  });

  it("on visl's video node, streaming", async () => {
    const { video } = await startVisl();
    const found = await findings(withoutHelper(["v4l2-compliance", "-d", video, "-s"], { timeoutMs }));
    if (!(await kernelMaps())) {
      // Nothing can be streamed: it asks for MMAP first, which is not offered.
      expect(found.failures, found.text).toContain("VIDIOC_REQBUFS/CREATE_BUFS/QUERYBUF");
      return;
    }
    const version = await complianceVersion();
    const expected = ["visl-video", "visl-video-plain"].flatMap((run) => expectedFailures(version, run));
    expect([...found.failures].sort(), found.text).toEqual(expected.sort());
    expect(found.warnings, found.text).toEqual([]);
  });

  it("on visl's media node, in the view of sysfs, streaming", async () => {
    const { media } = await startVisl();
    const command = ["v4l2-compliance", "-m", media, "-s"];
    const found = await findings(
      cli(["run", "--no-helper", "--", "unshare", "-m", "sh", "-c", NUMBERLESS, media, ...command], {
        timeoutMs,
      }),
    );
    if (!(await kernelMaps())) {
      expect(found.failures, found.text).toContain("VIDIOC_REQBUFS/CREATE_BUFS/QUERYBUF");
      return;
    }
    const version = await complianceVersion();
    expect(found.failures, found.text).toEqual(expectedFailures(version, "visl"));
    expect(found.warnings, found.text).toEqual([]);
    if (version === "1.30") expect([found.succeeded, found.total]).toEqual([66, 66]);
  });
});
