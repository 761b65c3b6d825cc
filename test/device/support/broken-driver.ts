/**
 * A driver with planted mistakes, one for each value of its control "Mistake": a camera, and a mem2mem device whose files
 * have the control each for itself. The log goes to standard error.
 *
 *     tsx broken-driver.ts CAMERA MEM2MEM (node names)
 */
import {
  anyFormat,
  bufferOps,
  BufType,
  Cap,
  Colorspace,
  ControlHandler,
  CtrlClass,
  CtrlType,
  deviceSession,
  Field,
  fileOps,
  fourcc,
  M2mDevice,
  serveUntilSignal,
  SharedMemoryProvider,
  singleInput,
  sizedByFormat,
  startVideoDevice,
  subscribeControlEvent,
  VideoBuffer,
  VideoDevice,
  VideoQueue,
} from "v4l2-cuse";
import type { DoneDetails, VideoFormat } from "v4l2-cuse";

const [camera = "", mem2mem = ""] = process.argv.slice(2);

export const mistakes = [
  "none",
  "task throws",
  "task rejects",
  "done twice",
  "kept in stopStreaming",
  "payload too large",
  "time stamp of wrong type",
  "bufQueue throws",
  "op throws",
  "op answers nonsense",
  "endless op",
  "control throws",
  "device task throws",
  "endless task",
  "release throws",
] as const;
type Mistake = (typeof mistakes)[number];

const MISTAKE = CtrlClass.User + 0x1901;

const format: VideoFormat = {
  ...anyFormat,
  type: BufType.VideoCapture,
  ...{ width: 64, height: 32, pixelformat: fourcc("YUYV"), field: Field.None, colorspace: Colorspace.Srgb },
  planes: [{ bytesperline: 128, sizeimage: 4096 }],
};

let current: Mistake = "none";
const controls = new ControlHandler();
controls.addCustom({
  id: MISTAKE,
  name: "Mistake",
  type: CtrlType.Integer,
  ...{ min: 0, max: mistakes.length - 1, default: 0 },
  set: (value) => {
    current = mistakes[value] ?? "none";
    if (current === "control throws") throw new Error("planted in the control");
    if (current === "device task throws") device.tasks.after(1, throwInDeviceTask);
  },
});

function throwInDeviceTask(): void {
  throw new Error("planted in the device's task");
}

const device = new VideoDevice({
  name: camera,
  driver: "broken",
  card: "Broken camera",
  deviceCaps: Cap.VideoCapture | Cap.Streaming | Cap.ReadWrite,
  controls,
  patienceMs: 500,
  ops: {
    enumFmt: (_file, { index }) => (index === 0 ? { pixelformat: format.pixelformat } : undefined),
    gFmt: () => {
      if (current === "op throws") throw new Error("planted in gFmt");
      return current === "op answers nonsense" ? ({ type: format.type } as VideoFormat) : format;
    },
    tryFmt: () => format,
    sFmt: () => format,
    ...singleInput("Broken"),
    logStatus: async () => {
      if (current === "endless op") await new Promise(() => undefined);
    },
    subscribeEvent: subscribeControlEvent,
    ...bufferOps(() => queue),
  },
  fileOps: fileOps(() => queue),
  open: () => undefined,
  release: (file) => {
    queue.releaseFile(file);
    if (current === "release throws") throw new Error("planted in release");
  },
});

const waiting: VideoBuffer[] = [];

function captureFrame(tick: number): void {
  if (current === "task throws") throw new Error("planted in the task");
  const buffer = waiting.shift();
  if (buffer === undefined) return;
  const details: { -readonly [Key in keyof DoneDetails]: DoneDetails[Key] } = {
    sequence: tick - 1,
    timestampNs: process.hrtime.bigint(),
    field: Field.None,
  };
  if (current === "payload too large") details.bytesused = [4097];
  if (current === "time stamp of wrong type") details.timestampNs = Date.now() as unknown as bigint;
  queue.bufferDone(buffer, "done", details);
  if (current === "done twice") queue.bufferDone(buffer, "done", details);
}

const queue: VideoQueue = new VideoQueue({
  device,
  type: BufType.VideoCapture,
  timestamps: "monotonic",
  io: ["mmap", "userptr", "dmabuf", "read"],
  memory: new SharedMemoryProvider({ name: camera }),
  createBuffer: (init) => new VideoBuffer(init),
  ops: {
    ...sizedByFormat(() => format, true),
    bufQueue: (buffer) => {
      if (current === "bufQueue throws") {
        current = "none";
        throw new Error("planted in bufQueue");
      }
      waiting.push(buffer);
    },
    startStreaming: () => {
      queue.tasks.every(20, captureFrame);
      if (current === "task rejects")
        queue.tasks.run(async () => Promise.reject(new Error("planted in a promise")));
      if (current === "endless task") queue.tasks.run(neverDone);
    },
    stopStreaming: () => {
      if (current === "kept in stopStreaming") waiting.length = 0;
      for (const buffer of waiting.splice(0)) queue.bufferDone(buffer, "error");
    },
  },
});

const neverDone = (): Promise<void> => new Promise(() => undefined);

/** What one file of the mem2mem device has. */
class Copier {
  readonly controls = new ControlHandler();
  readonly mistake = this.controls.addCustom({
    id: MISTAKE,
    name: "Mistake",
    type: CtrlType.Integer,
    ...{ min: 0, max: 2, default: 0 },
  });
}

const codec = new M2mDevice<Copier>({
  name: mem2mem,
  driver: "broken-m2m",
  card: "Broken mem2mem device",
  formats: {
    list: () => [format.pixelformat],
    current: (_context, type) => ({ ...format, type }),
    nearest: (_context, { type }) => ({ ...format, type }),
    set: () => undefined,
  },
  open: () => new Copier(),
  controls: (state) => state.controls,
  deviceRun: (job) => {
    if (job.state.mistake.value === 1) throw new Error("planted in deviceRun");
    job.tasks.after(5, () => {
      if (job.state.mistake.value === 2) throw new Error("planted in the job's task");
      job.destination.plane(0).bytes.set(job.source.plane(0).bytes);
      job.finish();
    });
  },
});

async function start() {
  const first = await startVideoDevice(device);
  const second = await codec.start();
  const both = deviceSession(first);
  return {
    nodes: [...both.nodes, ...second.nodes],
    closed: Promise.race([both.closed, second.closed]),
    close: async () => {
      await both.close();
      await second.close();
    },
  };
}

await serveUntilSignal(start());
