/**
 * The capture device of scripts/bench that does nothing with its buffers: what a QBUF and DQBUF cost, and no frame. To be
 * bundled, as the command is, because tsx makes functions slower:
 *
 *     npx esbuild bench/null-device.ts --bundle --platform=node --format=esm --packages=external --outfile=out/null-device.mjs
 *     node out/null-device.mjs video91 [messages | watched | FILE]
 *
 * With "messages" it prints what the log says of grafts, with "watched" it keeps the newest events as `--watch` does, with
 * another word it records all events in that file.
 */
import { openSync } from "node:fs";
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
import { EventRing, fileSink, Recorder } from "../src/events/index.js";

const [, , name = "video91", word] = process.argv;

const SIZE = 4096;

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

const queue: VideoQueue = new VideoQueue({
  device,
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

/** Who listens, as the word says. */
function listen(): void {
  switch (word) {
    case undefined:
      return;
    case "messages":
      device.trace.subscribe((event) => {
        if (event.kind === "message") console.log(event.text);
      });
      return;
    case "watched":
      device.trace.record(new EventRing().take);
      return;
    default: {
      const failed = (error: Error): void => {
        console.error(error.message);
      };
      new Recorder(fileSink(openSync(word, "w")), { program: "bench", failed }).listen([device.trace]);
    }
  }
}

listen();
await serveUntilSignal(deviceSession(await startVideoDevice(device)));
