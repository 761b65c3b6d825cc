/** v4l2-compliance on visl: with v4l-utils 1.30 as clean as the kernel's own, 66 of 66 with `-m -s`, 58 of 58 with `-d -s`. */
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cli, withHelper } from "../device/support/camera.js";
import { until } from "../device/support/device.js";
import { complianceVersion, expectedFailures, findings, runAtOnce, type Findings } from "./support.js";

const timeoutMs = 250_000;
/** Of the first device. */
const NUMBER = 42;

async function onVisl(number: number, option: string): Promise<Findings> {
  const nodes = ["--video", String(number), "--media", String(number)];
  const driver = cli(["visl", ...nodes, "--log", "none"], { timeoutMs: 300_000 });
  try {
    await until(() => existsSync(`/dev/media${number}`), `/dev/media${number} appears`, 20_000);
    const node = `/dev/${option === "-m" ? "media" : "video"}${number}`;
    return await findings(withHelper(["v4l2-compliance", option, node, "-s"], { timeoutMs }));
  } finally {
    driver.kill("SIGTERM");
    expect(await driver.result).toMatchObject({ code: 0 });
  }
}

describe("v4l2-compliance on visl", () => {
  const runs = [
    ["visl", "-m", 66],
    ["visl-video", "-d", 58],
  ] as const;
  const result = runAtOnce(
    new Map(runs.map(([run, option], index) => [run, () => onVisl(NUMBER + index, option)])),
  );

  it.each(runs)("%s: %s, streaming", async (run, _option, total) => {
    const found = await result(run);
    const version = await complianceVersion();
    expect(found.failures, found.text).toEqual(expectedFailures(version, run));
    expect(found.warnings, found.text).toEqual([]);
    // v4l-utils 1.22 has fewer tests.
    if (version === "1.30") expect([found.succeeded, found.total]).toEqual([total, total]);
  });
});
