/** v4l2-compliance, the version that is installed, on the camera. */
import { describe, expect, it } from "vitest";
import { cli, startCamera, withHelper, withoutHelper } from "../device/support/camera.js";
import { onFuseNodes } from "../device/support/device.js";
import { startProgram } from "../device/support/probe.js";
import { complianceVersion, expectedFailures, findings } from "./support.js";

const timeoutMs = 250_000;
/** For hundreds of streams, of which the largest allocate 100 MB. */
const allFormatsMs = 900_000;

// Unpaced: on a starved machine a paced camera loses frames, and each loss is a warning of its own.
const camera = ["--unpaced"];
const multiplanar = ["--unpaced", "--multiplanar"];

const runs = [
  { run: "camera: streaming", args: camera, options: ["-s"] },
  {
    run: "camera: every format, size and rate",
    args: camera,
    options: ["-s2", "-f1"],
    limitMs: allFormatsMs,
  },
  { run: "camera-multiplanar: streaming", args: multiplanar, options: ["-s"] },
];
/** Every format is some minutes in a guest, and nothing in it is about CUSE. */
const isElsewhere = ({ options }: { options: readonly string[] }): boolean =>
  process.env["V4L2_CUSE_FUSE_STAGES"] === "yes" && !onFuseNodes && options.includes("-f1");

describe("v4l2-compliance on the camera", () => {
  it.each(runs.filter((run) => !isElsewhere(run)))(
    "$run, with the helper",
    async ({ run, args, options, limitMs = timeoutMs }) => {
      const driver = await startCamera(...args);
      const client = ["v4l2-compliance", "-d", driver.node, ...options];
      const found = await findings(withHelper(client, { timeoutMs: limitMs }));
      const expected = expectedFailures(await complianceVersion(), run.replace(/:.*/, ""));
      expect(found.failures, found.text).toEqual(expected);
      expect(found.warnings, found.text).toEqual([]);
      // As many tests as that, or something was left out.
      if (options.includes("-f1")) expect(found.total).toBeGreaterThan(1500);
      expect(await driver.stop()).toBe(0);
    },
    allFormatsMs + 60_000,
  );

  it.runIf(onFuseNodes)("takes no FUSE node for a device without the helper", async () => {
    const { node } = await startCamera();
    const { lines, stderr, code } = await startProgram("v4l2-compliance", ["-d", node]).result;
    expect(code).toBe(1);
    expect([...lines, stderr].join("\n")).toContain(`Unable to detect what device ${node} is, exiting.`);
  });

  it.skipIf(onFuseNodes)(
    "camera: without helper and graft, nothing fails beyond that there is no MMAP",
    async () => {
      const driver = await startCamera("--graft", "off");
      const found = await findings(withoutHelper(["v4l2-compliance", "-d", driver.node], { timeoutMs }));
      expect(found.failures, found.text).toEqual(
        expectedFailures(await complianceVersion(), "camera-no-helper"),
      );
      expect(found.warnings, found.text).toEqual([]);
    },
  );

  it("says in its own version what it is", async () => {
    expect((await cli(["--version"]).result).lines[0]).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
