/**
 * A loopback: the picture that one program has put out last is what another one captures. One node, two queues, no mem2mem:
 * each queue is the file's that allocates its buffers. `loopback.ts [video0]`
 */
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
  singleInput,
  V4l2Error,
  VideoDevice,
} from "v4l2-cuse";
import type { FileHandle, VideoBufType, VideoFormat } from "v4l2-cuse";
import { nodeName, serve, steadyQueue } from "./device.js";

const formatOf = (type: VideoBufType): VideoFormat => ({
  ...anyFormat,
  type,
  ...{ width: 320, height: 240, pixelformat: fourcc("YUYV"), field: Field.None, colorspace: Colorspace.Srgb },
  planes: [{ bytesperline: 640, sizeimage: 640 * 240 }],
});
type File = FileHandle<undefined>;

const device = new VideoDevice<undefined>({
  name: nodeName("video0"),
  driver: "loopback",
  card: "Loopback",
  deviceCaps: Cap.VideoCapture | Cap.VideoOutput | Cap.Streaming | Cap.ReadWrite,
  ops: {
    enumFmt: (_file, { index }) => (index === 0 ? { pixelformat: fourcc("YUYV") } : undefined),
    gFmt: (_file, type) => formatOf(type),
    tryFmt: (_file, { type }) => formatOf(type),
    sFmt: (_file, { type }) => formatOf(type),
    ...singleInput<File>("Loop"),
    enumoutput: (_file, index) => (index === 0 ? { name: "Loop", type: OutputType.Analog } : undefined),
    gOutput: () => 0,
    sOutput: (_file, index) => {
      if (index !== 0) throw new V4l2Error("EINVAL", `there is no output ${index}`);
    },
    ...bufferOps<File>(() => queues),
  },
  fileOps: fileOps<File>(() => queues),
  open: () => undefined,
  release: (file) => {
    for (const queue of queues) queue.releaseFile(file);
  },
});

/** What was put out last. */
const picture = new Uint8Array(640 * 240);
const common = { perSecond: 50, sizeBytes: () => picture.length };
const output = steadyQueue(device, {
  ...common,
  type: BufType.VideoOutput,
  work: (pixels) => picture.set(pixels.subarray(0, picture.length)),
});
const capture = steadyQueue(device, {
  ...common,
  type: BufType.VideoCapture,
  work: (pixels) => pixels.set(picture),
});
const queues = [capture, output];

await serve(device);
