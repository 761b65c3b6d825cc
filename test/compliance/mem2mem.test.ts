/** v4l2-compliance, the version that is installed, on the mem2mem example: as clean as the kernel's vim2m. */
import { chmodSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cli } from "../device/support/camera.js";
import { startMem2mem } from "../device/support/mem2mem.js";
import { complianceVersion, expectedFailures, findings, runAtOnce, type Findings } from "./support.js";

const timeoutMs = 250_000;

interface Run {
  /** Names the run in expected-failures.txt. */
  readonly run: string;
  readonly user?: string;
  /** @param video - The device's own node also exports the buffers for DMABUF. */
  readonly args: (video: string, media: string) => readonly string[];
  /** Tests by version: as many as the kernel's vim2m has with 1.30. */
  readonly totals: Readonly<Record<string, number>>;
}

const runs: readonly Run[] = [
  { run: "mem2mem-video", args: (video) => ["-d", video], totals: { "1.22": 46, "1.30": 49 } },
  {
    run: "mem2mem-video-streaming",
    args: (video) => ["-d", video, "-s", "-e", video],
    totals: { "1.22": 55, "1.30": 60 },
  },
  { run: "mem2mem", args: (_video, media) => ["-m", media], totals: { "1.22": 54, "1.30": 57 } },
  {
    run: "mem2mem-streaming",
    args: (_video, media) => ["-m", media, "-s"],
    totals: { "1.22": 61, "1.30": 66 },
  },
  {
    run: "mem2mem-user",
    user: "nobody",
    args: (_video, media) => ["-m", media, "-s"],
    totals: { "1.22": 61, "1.30": 66 },
  },
];

/** What a mem2mem device that neither scales nor encodes does not claim. All else must really have been tested. */
const notClaimed = [
  "VIDIOC_DBG_G/S_REGISTER",
  "VIDIOC_LOG_STATUS",
  "VIDIOC_G/S_TUNER/ENUM_FREQ_BANDS",
  "VIDIOC_G/S_FREQUENCY",
  "VIDIOC_S_HW_FREQ_SEEK",
  "VIDIOC_ENUMAUDIO",
  "VIDIOC_G/S/ENUMINPUT",
  "VIDIOC_G/S_AUDIO",
  "VIDIOC_G/S_MODULATOR",
  "VIDIOC_ENUMAUDOUT",
  "VIDIOC_G/S/ENUMOUTPUT",
  "VIDIOC_G/S_AUDOUT",
  "VIDIOC_ENUM/G/S/QUERY_STD",
  "VIDIOC_ENUM/G/S/QUERY_DV_TIMINGS",
  "VIDIOC_DV_TIMINGS_CAP",
  "VIDIOC_G/S_EDID",
  "VIDIOC_G/S_JPEGCOMP",
  "VIDIOC_G/S_PARM",
  "VIDIOC_G_FBUF",
  "VIDIOC_G_SLICED_VBI_CAP",
  "Cropping",
  "Composing",
  "Scaling",
  "VIDIOC_(TRY_)ENCODER_CMD",
  "VIDIOC_G_ENC_INDEX",
  "VIDIOC_(TRY_)DECODER_CMD",
  "read/write",
];

async function onMem2mem({ user, args }: Run): Promise<Findings> {
  const device = await startMem2mem();
  try {
    const { video, media } = device;
    for (const node of [video, media]) chmodSync(node, user === undefined ? 0o600 : 0o666);
    const as = user === undefined ? [] : ["--user", user];
    const command = ["run", ...as, "--", "v4l2-compliance", ...args(video, media)];
    return await findings(cli(command, { timeoutMs }));
  } finally {
    expect(await device.stop()).toBe(0);
  }
}

describe("v4l2-compliance on the mem2mem example", () => {
  const result = runAtOnce(new Map(runs.map((run) => [run.run, () => onMem2mem(run)])));

  it.each(runs)("$run", async ({ run, totals }) => {
    const found = await result(run);
    const version = await complianceVersion();
    expect(found.failures, found.text).toEqual(expectedFailures(version, run));
    expect(found.warnings, found.text).toEqual([]);
    expect(
      found.notSupported.filter((test) => !notClaimed.includes(test)),
      found.text,
    ).toEqual([]);
    const total = totals[version];
    if (total !== undefined) expect([found.succeeded, found.total], found.text).toEqual([total, total]);
  });
});
