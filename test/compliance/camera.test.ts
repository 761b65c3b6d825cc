/** v4l2-compliance, the version that is installed, on the camera. */
import { describe, expect, it } from "vitest";
import { cli, launchCamera, startCamera, withHelper, withoutHelper } from "../device/support/camera.js";
import { onFuseNodes } from "../device/support/device.js";
import { startProgram } from "../device/support/probe.js";
import { complianceVersion, expectedFailures, findings, runAtOnce, type Findings } from "./support.js";

const timeoutMs = 250_000;
/** For hundreds of streams, of which the largest allocate 100 MB. */
const allFormatsMs = 900_000;

// Unpaced: on a starved machine a paced camera loses frames, and each loss is a warning of its own.
const camera = ["--unpaced"];
const multiplanar = ["--unpaced", "--multiplanar"];

interface Run {
  readonly args: readonly string[];
  readonly options: readonly string[];
  readonly limitMs?: number;
}

const streaming = { args: camera, options: ["-s"] };
const everyFormat = { args: camera, options: ["-s2", "-f1"], limitMs: allFormatsMs };
/** test/run-device does every format where there are FUSE nodes, and nothing in it is about CUSE. */
const isElsewhere = process.env["V4L2_CUSE_FUSE_STAGES"] === "yes";
const runs: Readonly<Record<string, Run>> = {
  "camera: streaming": streaming,
  "camera-multiplanar: streaming": { args: multiplanar, options: ["-s"] },
  ...(isElsewhere ? {} : { "camera: every format, size and rate": everyFormat }),
};

async function onCamera({ args, options, limitMs = timeoutMs }: Run): Promise<Findings> {
  const { driver, end } = await launchCamera(args);
  try {
    const client = ["v4l2-compliance", "-d", driver.node, ...options];
    const found = await findings(withHelper(client, { timeoutMs: limitMs }));
    expect(await driver.stop()).toBe(0);
    return found;
  } finally {
    await end();
  }
}

describe("v4l2-compliance on the camera", () => {
  const result = runAtOnce(new Map(Object.entries(runs).map(([name, run]) => [name, () => onCamera(run)])));

  it.each(Object.keys(runs))(
    "%s, with the helper",
    async (run) => {
      const found = await result(run);
      const expected = expectedFailures(await complianceVersion(), run.replace(/:.*/, ""));
      expect(found.failures, found.text).toEqual(expected);
      expect(found.warnings, found.text).toEqual([]);
      // As many tests as that, or something was left out.
      if (runs[run] === everyFormat) expect(found.total).toBeGreaterThan(1500);
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
