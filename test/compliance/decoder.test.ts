/** v4l2-compliance on the decoder: with v4l-utils 1.30 as clean as on visl, 66 of 66 with `-m -s`, 58 of 58 with `-d -s`. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { builtProgram, withHelper } from "../device/support/camera.js";
import { onFuseNodes, until } from "../device/support/device.js";
import { startProgram } from "../device/support/probe.js";
import { complianceVersion, expectedFailures, findings, runAtOnce, type Findings } from "./support.js";

const timeoutMs = 250_000;
/** Of the first device. */
const NUMBER = 47;
/** The program that decodes is built for the libraries of the root that this runs in. */
const withDecoder = fileURLToPath(new URL("../../scripts/lib/with-decoder", import.meta.url));

async function onDecoder(number: number, option: string): Promise<Findings> {
  const nodes = ["--video", String(number), "--media", String(number)];
  const command = [process.execPath, builtProgram(), "decoder", ...nodes, "--log", "none"];
  const driver = startProgram(withDecoder, command, { timeoutMs: 300_000 });
  try {
    await until(() => existsSync(`/dev/media${number}`), `/dev/media${number} appears`, 60_000);
    const node = `/dev/${option === "-m" ? "media" : "video"}${number}`;
    return await findings(withHelper(["v4l2-compliance", option, node, "-s"], { timeoutMs }));
  } finally {
    driver.kill("SIGTERM");
    expect(await driver.result).toMatchObject({ code: 0 });
  }
}

describe.runIf(onFuseNodes)("v4l2-compliance on the decoder", () => {
  beforeAll(() => {
    const built = spawnSync(withDecoder, ["true"], { encoding: "utf8" });
    expect(built.status, built.stderr).toBe(0);
  }, 120_000);

  const runs = [
    ["media", "-m", 66],
    ["video", "-d", 58],
  ] as const;
  const result = runAtOnce(
    new Map(runs.map(([run, option], index) => [run, () => onDecoder(NUMBER + index, option)])),
  );

  it.each(runs)("%s: %s, streaming", async (run, _option, total) => {
    const found = await result(run);
    const version = await complianceVersion();
    // What 1.22 is too old for is the same as in visl.
    const same = run === "media" ? "visl" : "visl-video";
    expect(found.failures, found.text).toEqual(expectedFailures(version, same));
    expect(found.warnings, found.text).toEqual([]);
    // v4l-utils 1.22 has fewer tests.
    if (version === "1.30") expect([found.succeeded, found.total]).toEqual([total, total]);
  });
});
