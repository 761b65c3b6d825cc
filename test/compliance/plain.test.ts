/**
 * v4l2-compliance as it is, with no helper and no wrapper: on kernels with FUSE passthrough as clean as with the helper,
 * on others nothing fails beyond that there is no MMAP. Only what finds the media node of a video node by libudev needs
 * the sysfs view of `v4l2-cuse run`.
 */
import { existsSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { cli, startCamera, withoutHelper } from "../device/support/camera.js";
import { until } from "../device/support/device.js";
import { kernelMaps } from "../device/support/plain.js";
import { complianceVersion, expectedFailures, findings } from "./support.js";

const timeoutMs = 250_000;

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

  it.each([
    ["-m", "visl-plain"],
    ["-d", "visl-video-plain"],
  ])("on visl, %s, streaming", async (option, run) => {
    const driver = cli(["visl", "--video", "41", "--media", "41", "--log", "none"], { timeoutMs: 300_000 });
    onTestFinished(async () => {
      driver.kill("SIGTERM");
      expect(await driver.result).toMatchObject({ code: 0 });
    });
    await until(() => existsSync("/dev/media41"), "/dev/media41 appears", 20_000);
    const node = option === "-m" ? "/dev/media41" : "/dev/video41";
    const found = await findings(withoutHelper(["v4l2-compliance", option, node, "-s"], { timeoutMs }));
    if (!(await kernelMaps())) {
      // Nothing can be streamed: it asks for MMAP first, which is not offered.
      expect(found.failures, found.text).toContain("VIDIOC_REQBUFS/CREATE_BUFS/QUERYBUF");
      return;
    }
    expect(found.failures, found.text).toEqual(expectedFailures(await complianceVersion(), run));
    expect(found.warnings, found.text).toEqual([]);
  });
});
