/** v4l2-compliance, the version that is installed, on the examples of docs/device-kinds.md. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { cli } from "../device/support/camera.js";
import { onFuseNodes, until } from "../device/support/device.js";
import { startProgram } from "../device/support/probe.js";
import { complianceVersion, expectedFailures, findings } from "./support.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Kind {
  readonly node: string;
  /** v4l2-compliance's option for that kind of node. */
  readonly option: string;
  /** Tests that must have been run, not left out. */
  readonly claims: readonly string[];
}

const streaming = ["MMAP (no poll, REQBUFS)", "USERPTR (no poll)", "read/write"];
const kinds: Readonly<Record<string, Kind>> = {
  output: { node: "video71", option: "-d", claims: ["VIDIOC_G/S/ENUMOUTPUT", "VIDIOC_LOG_STATUS"] },
  vbi: { node: "vbi72", option: "-V", claims: ["VIDIOC_ENUM/G/S/QUERY_STD"] },
  sdr: { node: "swradio73", option: "-S", claims: ["VIDIOC_G/S_FREQUENCY"] },
  radio: { node: "radio74", option: "-r", claims: ["VIDIOC_G/S_TUNER/ENUM_FREQ_BANDS"] },
  touch: { node: "v4l-touch75", option: "-t", claims: ["VIDIOC_G/S_PARM"] },
  metadata: { node: "video76", option: "-d", claims: ["VIDIOC_G_FMT"] },
  decoder: { node: "video78", option: "-d", claims: ["VIDIOC_(TRY_)DECODER_CMD"] },
};

const page = readFileSync(`${root}docs/device-kinds.md`, "utf8");

// On a starved machine frames are lost, and each loss is a warning of v4l2-compliance.
process.env["V4L2_CUSE_EXAMPLE_PATIENT"] = "yes";

/** Starts an example; it is stopped when the test ends, and has to end well. @returns Its node. */
async function startExample(name: string, node: string): Promise<string> {
  // Only nodes of video and media are linked to in /dev where nodes are FUSE files.
  const path =
    onFuseNodes && !node.startsWith("video") ? `/run/v4l2-cuse/dev/${node}/${node}` : `/dev/${node}`;
  const program = `${root}examples/kinds/${name}.ts`;
  const driver = startProgram(process.execPath, ["--import", "tsx", program, node], { timeoutMs: 600_000 });
  let ended = false;
  void driver.result.then(() => (ended = true));
  onTestFinished(async () => {
    driver.kill("SIGTERM");
    const { code, stderr } = await driver.result;
    expect(stderr).toMatch(/^[^\n]*: ready; Ctrl-C ends it\.\n$/);
    expect(code).toBe(0);
  });
  await until(() => ended || existsSync(path), `${path} appears`, 60_000);
  return path;
}

describe("v4l2-compliance on each kind of device", () => {
  // Where nodes are FUSE files, programs only find video and media nodes; guests run the others.
  const here = Object.entries(kinds).filter(([, { node }]) => !onFuseNodes || node.startsWith("video"));
  it.each(here)("%s", async (name, { node, option, claims }) => {
    expect(page).toContain(`../examples/kinds/${name}.ts`);
    const path = await startExample(name, node);
    const args = name === "radio" ? [option, path] : [option, path, "-s"];
    const found = await findings(cli(["run", "--", "v4l2-compliance", ...args], { timeoutMs: 250_000 }));
    expect(found.failures, found.text).toEqual(expectedFailures(await complianceVersion(), name));
    expect(found.warnings, found.text).toEqual([]);
    const wanted =
      name === "radio" ? claims : [...claims, ...(name === "decoder" ? [] : streaming.slice(0, 1))];
    expect(
      wanted.filter((test) => found.notSupported.includes(test)),
      found.text,
    ).toEqual([]);
    expect(found.succeeded).toBe(found.total);
  });

  /** v4l2-compliance takes a node that captures and puts out for a mistake unless it is mem2mem. */
  it("loopback, which v4l2-compliance does not know, captures what was put out", async () => {
    expect(page).toContain("../examples/kinds/loopback.ts");
    const path = await startExample("loopback", "video77");
    const run = (...args: string[]) => cli(["run", "--", "v4l2-ctl", "-d", path, ...args]).result;
    expect(await run("--stream-out-mmap", "--stream-count=3")).toMatchObject({ code: 0 });
    expect(await run("--stream-mmap", "--stream-count=3")).toMatchObject({ code: 0 });
  });
});
