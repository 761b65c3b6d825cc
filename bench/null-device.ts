/**
 * The capture device of scripts/bench that does nothing with its buffers: what a QBUF and DQBUF cost, and no frame.
 * `npx tsx bench/null-device.ts video91 [messages]`: with the second word, it prints what the log says of grafts.
 */
import {
  BufType,
  bufferOps,
  Cap,
  deviceSession,
  Field,
  fileOps,
  serveUntilSignal,
  SharedMemoryProvider,
  startVideoDevice,
  tpg,
  VideoBuffer,
  VideoDevice,
  VideoQueue,
  type FileHandle,
  type VideoFormat,
} from "../src/index.js";

const [, , name = "video91", messages] = process.argv;

const SIZE = 4096;

const queue: VideoQueue = new VideoQueue({
  device: name,
  type: BufType.VideoCapture,
  timestamps: "monotonic",
  io: ["mmap"],
  memory: new SharedMemoryProvider({ name }),
  createBuffer: (init) => new VideoBuffer(init),
  ops: {
    queueSetup: ({ count }) => ({ count, planeSizes: [SIZE] }),
    bufQueue: (buffer) => {
      queue.bufferDone(buffer, "done", { bytesused: [SIZE] });
    },
    stopStreaming: () => undefined,
  },
});

/** 4096 bytes, of no meaning. */
const format: VideoFormat = {
  type: BufType.VideoCapture,
  width: 64,
  height: 64,
  pixelformat: tpg.fourcc("GREY"),
  field: Field.None,
  planes: [{ bytesperline: 64, sizeimage: SIZE }],
  colorspace: 8,
  ycbcrEnc: 0,
  quantization: 0,
  xferFunc: 0,
  flags: 0,
};

const device = new VideoDevice({
  name,
  driver: "bench",
  card: "bench",
  busInfo: "platform:bench",
  deviceCaps: Cap.VideoCapture | Cap.Streaming,
  // A device has buffers of the types that it has formats of.
  ops: { ...bufferOps<FileHandle<undefined>>(() => queue), gFmt: () => format },
  fileOps: fileOps<FileHandle<undefined>>(() => queue),
  open: () => undefined,
  release: (file) => {
    queue.releaseFile(file);
  },
});

if (messages !== undefined) {
  device.trace.subscribe((event) => {
    if (event.kind === "message") console.log(event.text);
  });
}
await serveUntilSignal(deviceSession(await startVideoDevice(device)));
