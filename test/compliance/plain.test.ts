/**
 * v4l2-compliance as it is, without the helper: on kernels with FUSE passthrough as clean as with it, on others nothing
 * fails beyond that there is no MMAP. What finds the media node of a video node needs the sysfs view of `v4l2-cuse run`.
 */
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cli, launchCamera, withoutHelper } from "../device/support/camera.js";
import { until } from "../device/support/device.js";
import { kernelMaps } from "../device/support/plain.js";
import type { Client } from "../device/support/probe.js";
import { complianceVersion, expectedFailures, findings, runAtOnce, type Findings } from "./support.js";

const timeoutMs = 250_000;

/** visl, with nodes of a number that no other run uses. */
async function onVisl(
  number: number,
  run: (nodes: { readonly video: string; readonly media: string }) => Client,
): Promise<Findings> {
  const [video, media] = [`/dev/video${number}`, `/dev/media${number}`];
  const nodes = ["--video", String(number), "--media", String(number)];
  const driver = cli(["visl", ...nodes, "--log", "none"], { timeoutMs: 300_000 });
  try {
    await until(() => existsSync(media), `${media} appears`, 20_000);
    return await findings(run({ video, media }));
  } finally {
    driver.kill("SIGTERM");
    expect(await driver.result).toMatchObject({ code: 0 });
  }
}

async function onCamera(args: readonly string[]): Promise<Findings> {
  const { driver, end } = await launchCamera(args);
  try {
    const streaming = (await kernelMaps()) ? ["-s"] : [];
    const client = ["v4l2-compliance", "-d", driver.node, ...streaming];
    const found = await findings(withoutHelper(client, { timeoutMs }));
    expect(await driver.stop()).toBe(0);
    return found;
  } finally {
    await end();
  }
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

const cameras: Readonly<Record<string, readonly string[]>> = {
  camera: ["--unpaced"],
  "camera-multiplanar": ["--unpaced", "--multiplanar"],
};

describe("v4l2-compliance without a helper", () => {
  const result = runAtOnce(
    new Map([
      ...Object.entries(cameras).map(([run, args]) => [run, () => onCamera(args)] as const),
      [
        "visl-video",
        () => onVisl(44, ({ video }) => withoutHelper(["v4l2-compliance", "-d", video, "-s"], { timeoutMs })),
      ],
      [
        "visl",
        () =>
          onVisl(45, ({ media }) => {
            const client = [
              "unshare",
              "-m",
              "sh",
              "-c",
              NUMBERLESS,
              media,
              "v4l2-compliance",
              "-m",
              media,
              "-s",
            ];
            return cli(["run", "--no-helper", "--", ...client], { timeoutMs });
          }),
      ],
    ]),
  );

  it.each(Object.keys(cameras))("on the %s, streaming", async (run) => {
    const found = await result(run);
    const entry = (await kernelMaps()) ? run : "camera-no-helper";
    expect(found.failures, found.text).toEqual(expectedFailures(await complianceVersion(), entry));
    expect(found.warnings, found.text).toEqual([]);
  });

  it("on visl's video node, streaming", async () => {
    const found = await result("visl-video");
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
    const found = await result("visl");
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
