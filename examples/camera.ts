/**
 * A camera, the example for driver authors: one format, a ramp that moves, a control for its brightness and an event for
 * each frame. docs/write-your-own-driver.md makes it step by step, and test/docs/example.test.ts keeps the two the same.
 *
 *     sudo npx tsx examples/camera.ts video0
 *     v4l2-cuse run -- v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=5 --stream-to=frames
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
  serveUntilSignal,
  SharedMemoryProvider,
  singleInput,
  sizedByFormat,
  startVideoDevice,
  VideoBuffer,
  VideoDevice,
  VideoQueue,
} from "v4l2-cuse";
import { Cid, ControlHandler, subscribeControlEvent } from "v4l2-cuse";
import { EventType, queueEvent, subscribeEvent } from "v4l2-cuse";
import type { VideoFormat } from "v4l2-cuse";

const name = process.argv[2] ?? "video0";

/** The only format: 320 x 240 pixels of Y'CbCr 4:2:2, two bytes each. */
const format: VideoFormat = {
  ...anyFormat,
  type: BufType.VideoCapture,
  width: 320,
  height: 240,
  pixelformat: fourcc("YUYV"),
  field: Field.None,
  colorspace: Colorspace.Srgb,
  planes: [{ bytesperline: 320 * 2, sizeimage: 320 * 2 * 240 }],
};

const controls = new ControlHandler();
const brightness = controls.addStandard(Cid.Brightness, { max: 255, default: 0 });

/** A grey ramp that moves to the left by one pixel a frame. */
function draw(bytes: Uint8Array, sequence: number): void {
  for (let at = 0; at < format.width * format.height * 2; at += 2) {
    bytes[at] = at / 2 + sequence + brightness.value;
    bytes[at + 1] = 128;
  }
}

const device = new VideoDevice({
  name,
  driver: "ramp",
  card: "My first camera",
  deviceCaps: Cap.VideoCapture | Cap.Streaming | Cap.ReadWrite,
  controls,
  ops: {
    enumFmt: (_file, { index }) => (index === 0 ? { pixelformat: format.pixelformat } : undefined),
    gFmt: () => format,
    tryFmt: () => format,
    sFmt: () => format,
    ...singleInput("Ramp"),
    subscribeEvent: (file, subscription) => {
      if (subscription.type === EventType.FrameSync) subscribeEvent(file, subscription);
      else subscribeControlEvent(file, subscription);
    },
    ...bufferOps(() => queue),
  },
  fileOps: fileOps(() => queue),
  open: () => undefined,
  release: (file) => queue.releaseFile(file),
});

/** Buffers to fill, oldest first. */
const waiting: VideoBuffer[] = [];

function captureFrame(tick: number): void {
  const sequence = tick - 1;
  const payload = { kind: "frame-sync", frameSequence: sequence } as const;
  queueEvent(device.files, { type: EventType.FrameSync, id: 0, payload });
  const buffer = waiting.shift();
  if (buffer !== undefined) {
    draw(buffer.plane(0).bytes, sequence);
    queue.bufferDone(buffer, "done", { sequence, timestampNs: process.hrtime.bigint(), field: Field.None });
  }
}

const queue: VideoQueue = new VideoQueue({
  device,
  type: BufType.VideoCapture,
  timestamps: "monotonic",
  io: ["mmap", "userptr", "dmabuf", "read"],
  memory: new SharedMemoryProvider({ name }),
  createBuffer: (init) => new VideoBuffer(init),
  ops: {
    ...sizedByFormat(() => format, true),
    bufQueue: (buffer) => waiting.push(buffer),
    startStreaming: () => {
      queue.tasks.every(1000 / 25, captureFrame);
    },
    stopStreaming: () => {
      for (const buffer of waiting.splice(0)) queue.bufferDone(buffer, "error");
    },
  },
});

await serveUntilSignal(startVideoDevice(device));
