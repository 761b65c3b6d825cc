/** A queue whose owner's last descriptor was closed, of which we have not been told yet: nobody gets EBUSY from that. */
import { describe, expect, it } from "vitest";
import { CharDeviceError } from "../../src/cuse/index.js";
import type { IoctlRequest, SharedFile } from "../../src/cuse/index.js";
import type { ClientPlaces } from "../../src/serve/client-files.js";
import { VideoCharDevice } from "../../src/serve/index.js";
import {
  BufferView,
  CreateBuffersView,
  ExportbufferView,
  IOCTLS,
  RequestbuffersView,
} from "../../src/v4l2/gen/index.js";
import { BufType, Cap, Memory, Poll } from "../../src/v4l2/index.js";
import type { FileHandle, IoctlName } from "../../src/v4l2/index.js";
import { bufferOps, fileOps, SharedMemoryProvider, VideoBuffer, VideoQueue } from "../../src/vb2/index.js";
import type { BufferInit, IoMode } from "../../src/vb2/index.js";
import { fakeDevice } from "../v4l2/support/fakes.js";

const type = BufType.VideoCapture;
const caller = { tid: process.pid, uid: 0, gid: 0 };
const grafted = {
  kind: "grafted",
  fdNumbers: [3],
  registrations: 0,
  stoppedNs: 1n,
  lostRegistrations: 0,
} as const;

/** A camera whose files share a queue; every client is grafted at once. */
class Bench {
  /** Files whose close will be told when the other channel is looked at. */
  readonly late: FileHandle<undefined>[] = [];
  drains = 0;
  readonly #places: ClientPlaces = {
    canMap: true,
    canInstall: true,
    mapProblem: undefined,
    installProblem: undefined,
    graft: (task) => {
      task.answer();
      task.placed();
      return Promise.resolve(grafted);
    },
    install: () => Promise.resolve(),
    catchUp: () => {
      this.drains += 1;
      for (const file of this.late.splice(0)) this.charDevice.release(file);
    },
  };
  readonly queue: VideoQueue;
  readonly charDevice: VideoCharDevice<undefined>;
  #lastId = 0n;

  constructor(io: readonly IoMode[]) {
    this.queue = new VideoQueue({
      type,
      io,
      device: "video0",
      memory: new SharedMemoryProvider({ name: "video0" }),
      ops: {
        queueSetup: ({ count }) => ({ count, planeSizes: [64] }),
        bufQueue: () => undefined,
        stopStreaming: () => {
          for (const buffer of this.queue.buffers()) {
            if (buffer.state === "active") this.queue.bufferDone(buffer, "error");
          }
        },
      },
      timestamps: "monotonic",
      createBuffer: (init: BufferInit) => new VideoBuffer(init),
    });
    const device = fakeDevice({
      deviceCaps: Cap.VideoCapture | Cap.Streaming | Cap.ReadWrite,
      ops: {
        gFmt: () => {
          throw new Error("asked by nobody");
        },
        ...bufferOps<FileHandle<undefined>>(() => this.queue),
      },
      fileOps: fileOps<FileHandle<undefined>>(() => this.queue),
      release: (file) => this.queue.releaseFile(file),
    });
    this.charDevice = new VideoCharDevice(device, this.#places);
    this.charDevice.started({
      node: "/dev/video0",
      rdev: 20_000,
      canShare: true,
      share: () => ({}) as SharedFile,
    });
  }

  open(): FileHandle<undefined> {
    this.#lastId += 1n;
    const file = { id: this.#lastId, notifyPoll: () => undefined };
    const opened = this.charDevice.open({ caller, flags: 2, file });
    if (opened instanceof Promise) throw new Error("open answers at once");
    return opened;
  }

  /** @returns What the ioctl returns, or its errno. */
  ioctl(file: FileHandle<undefined>, name: IoctlName, arg: Uint8Array): Promise<unknown> {
    return outcome(() => this.charDevice.ioctl(file, { ...call, cmd: IOCTLS[name].number, arg }));
  }

  reqbufs(file: FileHandle<undefined>, count = 2): Promise<unknown> {
    return this.ioctl(
      file,
      "VIDIOC_REQBUFS",
      Object.assign(new RequestbuffersView(new Uint8Array(RequestbuffersView.SIZE)), {
        count,
        type,
        memory: Memory.Mmap,
      }).bytes,
    );
  }
}

const call: Omit<IoctlRequest, "cmd" | "arg"> = {
  caller,
  argAddress: 0x1000n,
  compat: false,
  isAnonymous: false,
  uninterruptible: () => undefined,
  nonblocking: () => true,
  onInterrupt: () => undefined,
};

async function outcome(run: () => unknown): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof CharDeviceError) return error.code;
    throw error;
  }
}

const buffer = (): Uint8Array =>
  Object.assign(new BufferView(new Uint8Array(BufferView.SIZE)), { type, memory: Memory.Mmap }).bytes;

const createBufs = (): Uint8Array => {
  const view = new CreateBuffersView(new Uint8Array(CreateBuffersView.SIZE));
  view.count = 1;
  view.memory = Memory.Mmap;
  view.format.type = type;
  view.format.fmt.pix.sizeimage = 64;
  return view.bytes;
};

const exportBuffer = (): Uint8Array =>
  Object.assign(new ExportbufferView(new Uint8Array(ExportbufferView.SIZE)), { type }).bytes;

const streamType = (): Uint8Array => new Uint8Array(Uint32Array.of(type).buffer);

type Verb = (bench: Bench, other: FileHandle<undefined>) => unknown;

const verbs: Record<string, Verb> = {
  reqbufs: (bench, other) => bench.reqbufs(other),
  createBufs: (bench, other) => bench.ioctl(other, "VIDIOC_CREATE_BUFS", createBufs()),
  qbuf: (bench, other) => bench.ioctl(other, "VIDIOC_QBUF", buffer()),
  prepareBuf: (bench, other) => bench.ioctl(other, "VIDIOC_PREPARE_BUF", buffer()),
  dqbuf: (bench, other) => bench.ioctl(other, "VIDIOC_DQBUF", buffer()),
  expbuf: (bench, other) => bench.ioctl(other, "VIDIOC_EXPBUF", exportBuffer()),
  streamon: (bench, other) => bench.ioctl(other, "VIDIOC_STREAMON", streamType()),
  read: (bench, other) => outcome(() => bench.charDevice.read(other, { ...call, size: 64, offset: 0n })),
  poll: (bench, other) => bench.charDevice.poll(other, { caller, events: Poll.In }),
};

async function answers(io: readonly IoMode[], isClosed: boolean): Promise<Record<string, unknown>> {
  const got: Record<string, unknown> = {};
  for (const [verb, run] of Object.entries(verbs)) {
    const bench = new Bench(io);
    const owner = bench.open();
    expect(await bench.reqbufs(owner)).toBe(0);
    const other = bench.open();
    if (isClosed) bench.late.push(owner);
    got[verb] = await run(bench, other);
    // A device that cannot be read says so, whoever owns the queue.
    if (verb !== "read" || io.includes("read")) expect(bench.late).toHaveLength(0);
  }
  return got;
}

describe("another file owns the queue", () => {
  it("and is open: EBUSY", async () => {
    expect(await answers(["mmap", "read"], false)).toEqual({
      reqbufs: "EBUSY",
      createBufs: "EBUSY",
      qbuf: "EBUSY",
      prepareBuf: "EBUSY",
      dqbuf: "EBUSY",
      expbuf: "EBUSY",
      streamon: "EBUSY",
      read: "EBUSY",
      poll: Poll.Err,
    });
  });

  it("and was closed, though we have not been told: as if nobody had owned it", async () => {
    expect(await answers(["mmap"], true)).toEqual({
      reqbufs: 0,
      createBufs: 0,
      qbuf: "EINVAL",
      prepareBuf: "EINVAL",
      dqbuf: "EINVAL",
      expbuf: "EINVAL",
      streamon: "EINVAL",
      read: "EINVAL",
      poll: Poll.Err,
    });
  });

  it("and was closed, on a device that can be read: read() and poll() start", async () => {
    const { read, poll } = await answers(["mmap", "read"], true);
    expect([read, poll]).toEqual(["EAGAIN", 0]);
  });
});

describe("what is called for each frame", () => {
  const frame: readonly string[] = ["qbuf", "dqbuf", "poll"];

  it("costs its own client no look at the other channel", async () => {
    const bench = new Bench(["mmap"]);
    const owner = bench.open();
    await bench.reqbufs(owner);
    bench.drains = 0;
    for (const verb of frame) await verbs[verb]?.(bench, owner);
    expect(bench.drains).toBe(0);
  });

  it("is not run again when no close was waiting", async () => {
    const bench = new Bench(["mmap"]);
    await bench.reqbufs(bench.open());
    const other = bench.open();
    bench.drains = 0;
    expect(await verbs["qbuf"]?.(bench, other)).toBe("EBUSY");
    expect(bench.drains).toBe(1);
  });
});
