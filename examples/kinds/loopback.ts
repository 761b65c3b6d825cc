/**
 * A loopback: pictures that one program puts out are what another one captures. One node, two queues, no mem2mem: each
 * queue is the file's that allocates its buffers. `loopback.ts [video0]`
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
  isOutput,
  OutputType,
  SharedMemoryProvider,
  singleInput,
  sizedByFormat,
  V4l2Error,
  VideoBuffer,
  VideoDevice,
  VideoQueue,
} from "v4l2-cuse";
import type { FileHandle, VideoBufType, VideoFormat } from "v4l2-cuse";
import { nodeName, serve } from "./device.js";

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

/** A queue whose buffers wait for their counterparts. */
function newQueue(type: VideoBufType): { queue: VideoQueue; waiting: VideoBuffer[] } {
  const waiting: VideoBuffer[] = [];
  const queue = new VideoQueue({
    device,
    type,
    timestamps: "monotonic",
    io: ["mmap", "userptr", "dmabuf", isOutput(type) ? "write" : "read"],
    memory: new SharedMemoryProvider({ name: device.name }),
    createBuffer: (init) => new VideoBuffer(init),
    ops: {
      ...sizedByFormat(() => formatOf(type), true),
      bufOutValidate: (buffer) => {
        buffer.field = Field.None;
      },
      bufQueue: (buffer) => {
        waiting.push(buffer);
        pass();
      },
      startStreaming: () => {
        if (isOutput(type)) sequence = 0;
        pass();
      },
      stopStreaming: () => {
        for (const buffer of waiting.splice(0)) queue.bufferDone(buffer, "error");
      },
    },
  });
  return { queue, waiting };
}

let sequence = 0;
const output = newQueue(BufType.VideoOutput);
const capture = newQueue(BufType.VideoCapture);
const queues = [capture.queue, output.queue];

/** As long as there is one of each, and both sides stream. */
function pass(): void {
  if (!output.queue.started || !capture.queue.started) return;
  for (;;) {
    const [from, to] = [output.waiting[0], capture.waiting[0]];
    if (from === undefined || to === undefined) return;
    output.waiting.shift();
    capture.waiting.shift();
    to.plane(0).bytes.set(from.plane(0).payload);
    const details = { sequence, timestampNs: process.hrtime.bigint(), field: Field.None };
    sequence += 1;
    output.queue.bufferDone(from, "done", details);
    capture.queue.bufferDone(to, "done", details);
  }
}

await serve(device);
