/** A touch panel: how near a finger is, for each of its points, as signed numbers. `touch.ts [v4l-touch0]` */
import {
  anyFormat,
  bufferOps,
  BufType,
  Cap,
  Field,
  fileOps,
  fourcc,
  InputType,
  V4l2Error,
  VideoDevice,
} from "v4l2-cuse";
import type { VideoFormat } from "v4l2-cuse";
import { nodeName, serve, steadyQueue } from "./device.js";

const [width, height] = [32, 18];
const format: VideoFormat = {
  ...anyFormat,
  type: BufType.VideoCapture,
  ...{ width, height, pixelformat: fourcc("TD16"), field: Field.None },
  planes: [{ bytesperline: width * 2, sizeimage: width * height * 2 }],
};
const parm = {
  ...{ type: BufType.VideoCapture, capability: 0x1000, mode: 0, extendedmode: 0, buffers: 2 },
  timeperframe: { numerator: 1, denominator: 10 },
};

const device = new VideoDevice({
  name: nodeName("v4l-touch0"),
  driver: "finger",
  card: "A finger that goes around",
  deviceCaps: Cap.VideoCapture | Cap.Touch | Cap.Streaming | Cap.ReadWrite,
  ops: {
    enumFmt: (_file, { index }) => (index === 0 ? { pixelformat: format.pixelformat } : undefined),
    gFmt: () => format,
    tryFmt: () => format,
    sFmt: () => format,
    enumFramesizes: (_file, { index, pixelformat }) =>
      index === 0 && pixelformat === format.pixelformat ? { kind: "discrete", width, height } : undefined,
    enumFrameintervals: (_file, wish) =>
      wish.index === 0 &&
      wish.pixelformat === format.pixelformat &&
      wish.width === width &&
      wish.height === height
        ? { kind: "discrete", interval: parm.timeperframe }
        : undefined,
    gParm: () => parm,
    sParm: () => parm,
    enuminput: (_file, index) => (index === 0 ? { name: "Panel", type: InputType.Touch } : undefined),
    gInput: () => 0,
    sInput: (_file, index) => {
      if (index !== 0) throw new V4l2Error("EINVAL", `there is no input ${index}`);
    },
    ...bufferOps(() => queue),
  },
  fileOps: fileOps(() => queue),
  open: () => undefined,
  release: (file) => queue.releaseFile(file),
});

const queue = steadyQueue(device, {
  type: BufType.VideoCapture,
  perSecond: 10,
  sizeBytes: () => width * height * 2,
  work: (bytes, sequence) => {
    const points = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const finger = { x: 16 + 10 * Math.cos(sequence / 5), y: 9 + 6 * Math.sin(sequence / 5) };
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const distance = Math.hypot(x - finger.x, y - finger.y);
        points.setInt16(2 * (y * width + x), Math.max(0, 200 - 60 * distance), true);
      }
    }
  },
});

await serve(device);
