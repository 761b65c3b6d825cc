/** An output: a display that takes pictures, and says on LOG_STATUS how bright the last one was. `output.ts [video0]` */
import {
  anyFormat,
  bufferOps,
  BufType,
  Cap,
  Colorspace,
  Field,
  fileOps,
  fourcc,
  OutputType,
  V4l2Error,
  VideoDevice,
} from "v4l2-cuse";
import type { VideoFormat } from "v4l2-cuse";
import { nodeName, serve, steadyQueue } from "./device.js";

const format: VideoFormat = {
  ...anyFormat,
  type: BufType.VideoOutput,
  ...{ width: 320, height: 240, pixelformat: fourcc("GREY"), field: Field.None, colorspace: Colorspace.Srgb },
  planes: [{ bytesperline: 320, sizeimage: 320 * 240 }],
};
let brightness = 0;

const device = new VideoDevice({
  name: nodeName("video0"),
  driver: "display",
  card: "Grey display",
  deviceCaps: Cap.VideoOutput | Cap.Streaming | Cap.ReadWrite,
  ops: {
    enumFmt: (_file, { index }) => (index === 0 ? { pixelformat: format.pixelformat } : undefined),
    gFmt: () => format,
    tryFmt: () => format,
    sFmt: () => format,
    enumoutput: (_file, index) => (index === 0 ? { name: "Panel", type: OutputType.Analog } : undefined),
    gOutput: () => 0,
    sOutput: (_file, index) => {
      if (index !== 0) throw new V4l2Error("EINVAL", `there is no output ${index}`);
    },
    logStatus: (_file, print) => print(`Brightness: ${brightness}`),
    ...bufferOps(() => queue),
  },
  fileOps: fileOps(() => queue),
  open: () => undefined,
  release: (file) => queue.releaseFile(file),
});

const queue = steadyQueue(device, {
  type: BufType.VideoOutput,
  perSecond: 50,
  sizeBytes: () => 320 * 240,
  work: (pixels) => {
    brightness = Math.round(pixels.reduce((sum, pixel) => sum + pixel, 0) / pixels.length);
  },
});

await serve(device);
