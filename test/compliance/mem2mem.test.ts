/** v4l2-compliance, the version that is installed, on the mem2mem example: as clean as the kernel's vim2m. */
import { describe, expect, it } from "vitest";
import { withHelper } from "../device/support/camera.js";
import { sharedMem2mem } from "../device/support/mem2mem.js";
import { complianceVersion, expectedFailures, findings } from "./support.js";

const timeoutMs = 250_000;

/** Tests by version: as many as the kernel's vim2m has with 1.30. */
const totals: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "1.22": { "mem2mem-video": 46, "mem2mem-video-streaming": 53, mem2mem: 54, "mem2mem-streaming": 61 },
  "1.30": { "mem2mem-video": 49, "mem2mem-video-streaming": 58, mem2mem: 57, "mem2mem-streaming": 66 },
};

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

describe("v4l2-compliance on the mem2mem example", () => {
  const device = sharedMem2mem();

  it.each(["mem2mem-video", "mem2mem-video-streaming", "mem2mem", "mem2mem-streaming"])("%s", async (run) => {
    const { video, media } = device();
    const node = run.startsWith("mem2mem-video") ? ["-d", video] : ["-m", media];
    const streaming = run.endsWith("-streaming") ? ["-s"] : [];
    const found = await findings(withHelper(["v4l2-compliance", ...node, ...streaming], { timeoutMs }));
    const version = await complianceVersion();
    expect(found.failures, found.text).toEqual(expectedFailures(version, run));
    expect(found.warnings, found.text).toEqual([]);
    expect(
      found.notSupported.filter((test) => !notClaimed.includes(test)),
      found.text,
    ).toEqual([]);
    const total = totals[version]?.[run];
    if (total !== undefined) expect([found.succeeded, found.total], found.text).toEqual([total, total]);
  });
});
