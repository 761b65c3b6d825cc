/** v4l2-compliance on visl: with v4l-utils 1.30 as clean as the kernel's own, 66 of 66 with `-m -s`, 58 of 58 with `-d -s`. */
import { existsSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { cli, withHelper } from "../device/support/camera.js";
import { until } from "../device/support/device.js";
import { complianceVersion, expectedFailures, findings } from "./support.js";

const timeoutMs = 250_000;

async function startVisl(): Promise<{ video: string; media: string }> {
  const driver = cli(["visl", "--video", "40", "--media", "40", "--log", "none"], { timeoutMs: 300_000 });
  onTestFinished(async () => {
    driver.kill("SIGTERM");
    expect(await driver.result).toMatchObject({ code: 0 });
  });
  await until(() => existsSync("/dev/media40"), "/dev/media40 appears", 20_000);
  return { video: "/dev/video40", media: "/dev/media40" };
}

describe("v4l2-compliance on visl", () => {
  it.each([
    ["visl", "-m", 66],
    ["visl-video", "-d", 58],
  ])("%s: %s, streaming", async (run, option, total) => {
    const { video, media } = await startVisl();
    const node = option === "-m" ? media : video;
    const found = await findings(withHelper(["v4l2-compliance", option, node, "-s"], { timeoutMs }));
    const version = await complianceVersion();
    expect(found.failures, found.text).toEqual(expectedFailures(version, run));
    expect(found.warnings, found.text).toEqual([]);
    // v4l-utils 1.22 has fewer tests.
    if (version === "1.30") expect([found.succeeded, found.total]).toEqual([total, total]);
  });
});
