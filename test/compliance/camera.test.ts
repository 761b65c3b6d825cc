/** v4l2-compliance, the version that is installed, on the camera. */
import { describe, expect, it } from "vitest";
import { cli, startCamera, withHelper, withoutHelper } from "../device/support/camera.js";
import { complianceVersion, expectedFailures, findings } from "./support.js";

const timeoutMs = 250_000;

describe("v4l2-compliance on the camera", () => {
  it.each([
    // Unpaced: on a starved machine a paced camera loses frames, and each loss is a warning of its own.
    ["camera", ["--unpaced"]],
    ["camera-multiplanar", ["--unpaced", "--multiplanar"]],
  ])("%s: streaming, with the helper", async (run, args) => {
    const driver = await startCamera(...args);
    const found = await findings(withHelper(["v4l2-compliance", "-d", driver.node, "-s"], { timeoutMs }));
    expect(found.failures, found.text).toEqual(expectedFailures(await complianceVersion(), run));
    expect(found.warnings, found.text).toEqual([]);
    expect(await driver.stop()).toBe(0);
  });

  it("camera: without the helper, nothing fails beyond that there is no MMAP", async () => {
    const driver = await startCamera();
    const found = await findings(withoutHelper(["v4l2-compliance", "-d", driver.node], { timeoutMs }));
    expect(found.failures, found.text).toEqual(
      expectedFailures(await complianceVersion(), "camera-no-helper"),
    );
    expect(found.warnings, found.text).toEqual([]);
  });

  it("says in its own version what it is", async () => {
    expect((await cli(["--version"]).result).lines[0]).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
