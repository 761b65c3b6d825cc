/** Declarations that contradict themselves: one sentence, before there is a node. */
import { expect, it } from "vitest";
import { anyFormat, BufType, Cap, VideoDevice } from "../../src/v4l2/index.js";
import type { VideoDeviceOptions } from "../../src/v4l2/index.js";
import { startVideoDevice } from "../../src/serve/index.js";

type Options = Partial<VideoDeviceOptions<undefined>>;
const reqbufs = (): never => {
  throw new Error("nobody calls it");
};
const ops = { reqbufs, gFmt: () => ({ ...anyFormat, type: BufType.VideoCapture }) };
const capture = Cap.VideoCapture | Cap.Streaming;

const device = (options: Options): VideoDevice<undefined> =>
  new VideoDevice<undefined>({
    name: "video0",
    driver: "test",
    card: "Test",
    deviceCaps: capture,
    ops,
    open: () => undefined,
    ...options,
  });

it.each<[string, Options, string | undefined]>([
  ["a capture device", {}, undefined],
  [
    "a capture device whose format is an output's, which anyFormat is",
    { ops: { reqbufs, gFmt: () => anyFormat } },
    "The format of the device has the type vid-out, which its capabilities do not have.",
  ],
  [
    "a format for each type is nobody's business",
    { ops: { reqbufs, gFmt: (_file) => anyFormat } },
    undefined,
  ],
  [
    "no format",
    { ops: { reqbufs } },
    "The device says Cap.VideoCapture, but has no op gFmt that tells the format.",
  ],
  [
    "no buffers",
    { ops: { gFmt: ops.gFmt } },
    "The device says Cap.Streaming, but has no buffer ops: bufferOps().",
  ],
  [
    "a camera on a radio's node",
    { type: "radio" },
    'Cap.VideoCapture needs a device of type "video", and this one is of type "radio".',
  ],
  ["a touch device", { deviceCaps: capture | Cap.Touch }, undefined],
  [
    "VBI without a format",
    { deviceCaps: Cap.VbiCapture | Cap.Streaming },
    "The device says Cap.VbiCapture, but has no op gFmtVbi that tells the format.",
  ],
  ["a radio", { deviceCaps: Cap.Radio | Cap.Tuner, ops: {} }, undefined],
])("%s", (_what, options, sentence) => {
  expect(device(options).contradiction).toBe(sentence);
});

it.each([
  [Cap.VideoCapture, "video"],
  [Cap.MetaOutput, "video"],
  [Cap.VbiCapture, "vbi"],
  [Cap.SlicedVbiOutput, "vbi"],
  [Cap.SdrCapture | Cap.Tuner, "sdr"],
  [Cap.Radio | Cap.Tuner, "radio"],
  [Cap.Touch | Cap.VideoCapture, "touch"],
  [Cap.VideoCapture | Cap.VbiCapture, "video"],
])("capabilities 0x%s are of a node of type %s", (deviceCaps, type) => {
  expect(device({ deviceCaps }).traits.type).toBe(type);
});

it("no node is made", async () => {
  const wrong = device({ ops: { reqbufs, gFmt: () => anyFormat } });
  await expect(startVideoDevice(wrong)).rejects.toThrow(/^video0 was not made\. The format of the device/);
});
