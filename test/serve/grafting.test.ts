/** When a client is grafted, what its call is answered with, and what is left if it fails. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { CharDeviceError } from "../../src/cuse/index.js";
import type { IoctlRequest, SharedFile } from "../../src/cuse/index.js";
import type { GraftOutcome, RefusalReason } from "../../src/graft/index.js";
import type { Graft, Installation } from "../../src/serve/client-files.js";
import { IOCTLS, RemoveBuffersView, RequestbuffersView } from "../../src/v4l2/gen/index.js";
import { BufType, Memory, Poll, Priority, V4l2Error } from "../../src/v4l2/index.js";
import type { FileEvents } from "../../src/v4l2/file-handle.js";
import type { ControlOps, FileBacking, FileHandle, TraceEvent } from "../../src/v4l2/index.js";
import { fakeDevice } from "../v4l2/support/fakes.js";
import type { ClientPlaces } from "../../src/serve/client-files.js";
import { HELPER_HELLO, HELPER_HELLO_BYTES } from "../../src/serve/helper-protocol.js";
import { VideoCharDevice } from "../../src/serve/index.js";

const caller = { tid: process.pid, uid: 0, gid: 0 };

const refused = (answered: boolean, reason: RefusalReason = "traced"): GraftOutcome => ({
  kind: "refused",
  reason,
  sentence: "the client (thread 1) is already traced",
  answered,
  placed: [],
});
const grafted: GraftOutcome = {
  kind: "grafted",
  fdNumbers: [3],
  registrations: 0,
  lostRegistrations: 0,
  stoppedNs: 2_000_000n,
};

class FakeBacking implements FileBacking {
  readonly fd = 9;
  readonly sizeBytes = 2 ** 20;
  isClosed = false;
  settled: Promise<void> | undefined;
  mappedAs = (): void => undefined;
  close(): void {
    this.isClosed = true;
  }
}

/** Grafts as told. */
class FakePlaces implements ClientPlaces {
  canMap = true;
  canInstall = true;
  mapProblem: string | undefined;
  installProblem: string | undefined;
  readonly tasks: Graft[] = [];
  readonly installed: Installation[] = [];
  readonly catchUp = vi.fn();
  /** What becomes of the next graft. */
  next: (task: Graft) => GraftOutcome | Promise<GraftOutcome> = (task) => {
    task.answer();
    task.placed();
    return grafted;
  };

  graft(task: Graft): Promise<GraftOutcome> {
    this.tasks.push(task);
    return Promise.resolve(this.next(task));
  }

  install(installation: Installation): Promise<void> {
    this.installed.push(installation);
    return Promise.resolve();
  }
}

type File = FileHandle<undefined>;

class Bench {
  readonly places = new FakePlaces();
  readonly backings: FakeBacking[] = [];
  /** Buffers that the driver was asked for, or to remove: `[count, in the file's own memory]`. */
  readonly asked: [number, boolean][] = [];
  readonly notified = vi.fn();
  readonly messages: string[] = [];
  refusal: V4l2Error | undefined;
  readonly device = fakeDevice({
    ops: {
      gFmt: () => {
        throw new V4l2Error("EINVAL", "asked by nobody");
      },
      reqbufs: (file, { count }) => {
        this.#assertOffered(file);
        this.asked.push([count, file.backing !== undefined]);
        return { count, capabilities: 0, flags: 0 };
      },
      createBufs: (file, { count }) => {
        this.#assertOffered(file);
        this.asked.push([count, file.backing !== undefined]);
        return { index: 2, count, capabilities: 0, flags: 0, maxNumBuffers: 32 };
      },
      removeBufs: (_file, { index, count }) => void this.asked.push([-100 * index - count, false]),
      expbuf: () => ({ fd: 77 }),
    },
    fileOps: {
      makeBacking: () => {
        const backing = new FakeBacking();
        this.backings.push(backing);
        return backing;
      },
    },
  });
  readonly charDevice = new VideoCharDevice(this.device, this.places);

  constructor() {
    this.device.trace.subscribe((event: TraceEvent) => {
      if (event.kind === "message") this.messages.push(event.text);
    });
    this.charDevice.started({
      node: "/dev/video0",
      rdev: 20_000,
      canShare: true,
      share: () => ({}) as SharedFile,
    });
  }

  #assertOffered(file: File): void {
    if (this.refusal !== undefined) throw this.refusal;
    if (!file.canMap) throw new V4l2Error("EINVAL", "memory mmap is not offered");
  }

  open(id = 1n): File {
    const file = this.charDevice.open({ caller, flags: 2, file: { id, notifyPoll: this.notified } });
    if (file instanceof Promise) throw new Error("open answers at once");
    return file;
  }

  /** @returns What the ioctl returns, or its errno. */
  async ioctl(file: File, cmd: number, arg: Uint8Array, more: Partial<IoctlRequest> = {}): Promise<unknown> {
    const request: IoctlRequest = {
      caller,
      cmd,
      arg,
      argAddress: 0x1000n,
      compat: false,
      isAnonymous: false,
      uninterruptible: vi.fn(),
      nonblocking: () => false,
      onInterrupt: () => undefined,
      ...more,
    };
    try {
      return await this.charDevice.ioctl(file, request);
    } catch (error) {
      if (error instanceof CharDeviceError) return error.code;
      throw error;
    }
  }

  reqbufs(
    file: File,
    count: number,
    memory: number = Memory.Mmap,
    more?: Partial<IoctlRequest>,
  ): Promise<unknown> {
    const view = new RequestbuffersView(new Uint8Array(RequestbuffersView.SIZE));
    view.count = count;
    view.type = BufType.VideoCapture;
    view.memory = memory;
    return this.ioctl(file, IOCTLS.VIDIOC_REQBUFS.number, view.bytes, more);
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe("REQBUFS with MMAP", () => {
  it("is carried out while the client is grafted, with memory of the file's own", async () => {
    const file = bench.open();
    const uninterruptible = vi.fn();
    expect(await bench.reqbufs(file, 4, Memory.Mmap, { uninterruptible })).toBe(0);
    expect(bench.asked).toEqual([[4, true]]);
    expect(bench.places.tasks).toMatchObject([{ flags: 2, backing: bench.backings[0] }]);
    expect(uninterruptible).toHaveBeenCalledOnce();
    expect(bench.notified).toHaveBeenCalledOnce();
    expect(bench.messages).toEqual([
      expect.stringMatching(/\[\d+\] can map buffers now: fd 3 replaced in 2\.0 ms$/),
    ]);
    bench.charDevice.release(file);
    expect(bench.backings.map(({ isClosed }) => isClosed)).toEqual([true]);
  });

  it.each([
    ["count 0", 0, Memory.Mmap, {}],
    ["USERPTR", 4, Memory.Userptr, {}],
    ["a descriptor that can be mapped already", 4, Memory.Mmap, { isAnonymous: true }],
  ])("is served as it is: %s", async (_what, count, memory, more) => {
    expect(await bench.reqbufs(bench.open(), count, memory, more)).toBe(0);
    expect(bench.places.tasks).toEqual([]);
  });

  it("of a client with the helper is served as it is", async () => {
    const file = bench.open();
    const hello = new Uint8Array(HELPER_HELLO_BYTES);
    hello.set([1, 0, 0, 0, 3]);
    expect(await bench.ioctl(file, HELPER_HELLO, hello)).toBe(0);
    expect(await bench.reqbufs(file, 4)).toBe(0);
    expect([bench.places.tasks, bench.asked]).toEqual([[], [[4, false]]]);
  });

  it("is EINVAL when the client cannot be grafted, until it can, and the log says why once", async () => {
    const file = bench.open();
    const { next } = bench.places;
    bench.places.next = () => refused(false);
    expect(await bench.reqbufs(file, 4)).toBe("EINVAL");
    expect(await bench.reqbufs(file, 4)).toBe("EINVAL");
    expect([file.canMap, file.backing, bench.asked]).toEqual([false, undefined, []]);
    expect(bench.backings.every(({ isClosed }) => isClosed)).toBe(true);
    expect(bench.messages).toEqual([
      expect.stringContaining(
        'cannot be given mmap(): the client (thread 1) is already traced; start it with "v4l2-cuse run',
      ),
    ]);
    bench.places.next = next;
    expect(await bench.reqbufs(file, 4)).toBe(0);
    expect([file.canMap, bench.asked]).toEqual([true, [[4, true]]]);
  });

  it.runIf(process.arch === "x64")(
    "of a 32-bit client is EINVAL without the tracer, and the log says why once",
    async () => {
      const file = bench.open();
      expect(await bench.reqbufs(file, 4, Memory.Mmap, { compat: true })).toBe("EINVAL");
      expect(await bench.reqbufs(file, 4, Memory.Mmap, { compat: true })).toBe("EINVAL");
      expect([bench.places.tasks, file.backing]).toEqual([[], undefined]);
      expect(bench.messages).toHaveLength(1);
      expect(bench.messages[0]).toMatch(/cannot be given mmap\(\): it is a 32-bit program; start it with/);
      // A 64-bit process that shares the file is not concerned.
      expect(await bench.reqbufs(file, 4)).toBe(0);
    },
  );

  it("of a client that may not be traced is told with doctor: the helper may be forbidden what it needs, too", async () => {
    bench.places.next = () => refused(false, "forbidden");
    expect(await bench.reqbufs(bench.open(), 4)).toBe("EINVAL");
    expect(bench.messages).toEqual([
      expect.stringMatching(/; "v4l2-cuse doctor" says why, and whether "v4l2-cuse run --" helps$/),
    ]);
  });

  it("is taken back when the graft fails after the answer", async () => {
    const file = bench.open();
    bench.places.next = (task) => {
      task.answer();
      return refused(true);
    };
    await bench.reqbufs(file, 4);
    expect(bench.asked).toEqual([
      [4, true],
      [0, true],
    ]);
    expect([file.canMap, file.backing, bench.backings[0]?.isClosed]).toEqual([false, undefined, true]);
  });

  it("is taken back before the client runs on, and once", async () => {
    const file = bench.open();
    bench.places.next = async (task) => {
      task.answer();
      await task.undone();
      expect([file.canMap, file.backing, bench.asked.at(-1)]).toEqual([false, undefined, [0, true]]);
      return refused(true);
    };
    await bench.reqbufs(file, 4);
    expect(bench.asked).toHaveLength(2);
  });

  it("has left nothing when the client hears that it failed", async () => {
    const file = bench.open();
    bench.refusal = new V4l2Error("ENOMEM", "no room");
    bench.places.next = (task) => {
      task.answer();
      expect([file.canMap, file.backing]).toEqual([true, undefined]);
      return refused(true, "call-failed");
    };
    expect(await bench.reqbufs(file, 4)).toBe("ENOMEM");
  });

  it("that fails by itself leaves everything as it was", async () => {
    const file = bench.open();
    bench.refusal = new V4l2Error("EBUSY", "another file's");
    bench.places.next = (task) => {
      task.answer();
      return refused(true, "call-failed");
    };
    expect(await bench.reqbufs(file, 4)).toBe("EBUSY");
    expect([file.canMap, file.backing, bench.messages]).toEqual([true, undefined, []]);
    expect(bench.backings[0]?.isClosed).toBe(true);
  });

  it("that the driver carried out, and whose answer finds no memory, leaves buffers that can be mapped later", async () => {
    const file = bench.open();
    bench.places.next = (task) => {
      task.answer();
      return refused(true, "call-failed");
    };
    expect(await bench.reqbufs(file, 4)).toBe(0);
    await vi.waitFor(() => expect(bench.places.tasks).toHaveLength(1));
    bench.places.next = (task) => {
      task.answer();
      return grafted;
    };
    expect(await bench.reqbufs(file, 3)).toBe(0);
    expect([file.canMap, bench.backings.length, bench.backings[0]?.isClosed]).toEqual([true, 1, false]);
    expect(bench.places.tasks[1]?.backing).toBe(bench.backings[0]);
    expect(bench.messages).toHaveLength(1);
  });

  it("of a second process of the file is grafted onto the same memory, and its failure harms nobody", async () => {
    const file = bench.open();
    await bench.reqbufs(file, 4);
    bench.places.next = () => refused(false);
    expect(await bench.reqbufs(file, 2)).toBe("EINVAL");
    expect([bench.backings.length, bench.backings[0]?.isClosed, file.canMap]).toEqual([1, false, true]);
    expect(await bench.reqbufs(file, 3, Memory.Mmap, { isAnonymous: true })).toBe(0);
  });

  it("of a second thread waits, and finds its descriptor replaced", async () => {
    const file = bench.open();
    const steps: (() => void)[] = [];
    bench.places.next = async (task) => {
      await new Promise<void>((resolve) => steps.push(resolve));
      task.answer();
      return grafted;
    };
    const both = [bench.reqbufs(file, 4), bench.reqbufs(file, 5)];
    await vi.waitFor(() => expect(steps).toHaveLength(1));
    steps[0]?.();
    expect(await Promise.all(both)).toEqual([0, 0]);
    expect(bench.asked.map(([count]) => count)).toEqual([4, 5]);
    expect(bench.places.tasks).toHaveLength(1);
  });

  it("that was on its way while another thread's was served stays as it was answered", async () => {
    const file = bench.open();
    await bench.reqbufs(file, 4);
    const messages = [...bench.messages];
    bench.places.next = (task) => {
      task.answer();
      return refused(true, "replaced");
    };
    expect(await bench.reqbufs(file, 3)).toBe(0);
    expect([bench.asked.map(([count]) => count), bench.messages]).toEqual([[4, 3], messages]);
    expect([file.canMap, bench.backings.length, bench.backings[0]?.isClosed]).toEqual([true, 1, false]);
  });

  it("of a client that has replaced its descriptor is refused, and the log has no remedy", async () => {
    const file = bench.open();
    bench.places.next = (task) => {
      task.answer();
      return refused(true, "other-file");
    };
    await bench.reqbufs(file, 4);
    expect(bench.messages).toEqual([expect.stringMatching(/cannot be given mmap\(\): the client [^;]*$/)]);
  });

  it("of a client that dies in it leaves nothing once the file is released", async () => {
    const file = bench.open();
    bench.places.next = (task) => {
      task.answer();
      return { kind: "gone", answered: true, placed: [] };
    };
    await bench.reqbufs(file, 4);
    bench.charDevice.release(file);
    expect(bench.backings[0]?.isClosed).toBe(true);
  });

  it("waits while freed memory is being given back, whatever signals come", async () => {
    const file = bench.open();
    await bench.reqbufs(file, 4);
    const [backing] = bench.backings;
    if (backing === undefined) throw new Error("no memory was made");
    let settle: () => void = () => undefined;
    backing.settled = new Promise((resolve) => (settle = resolve));
    const uninterruptible = vi.fn();
    const again = bench.reqbufs(file, 3, Memory.Mmap, { isAnonymous: true, uninterruptible });
    await new Promise((resolve) => setImmediate(resolve));
    expect(bench.asked).toHaveLength(1);
    expect(uninterruptible).toHaveBeenCalledOnce();
    settle();
    expect(await again).toBe(0);
    expect(bench.asked).toHaveLength(2);
  });

  it("after the file has gone closes what was made for it", async () => {
    const file = bench.open();
    bench.places.next = (task) => {
      bench.charDevice.release(file);
      task.answer();
      return grafted;
    };
    await bench.reqbufs(file, 4);
    expect(bench.backings[0]?.isClosed).toBe(true);
  });
});

describe("that a grafted client has closed its descriptor, we may be told late", () => {
  const QUERYCAP = { name: "VIDIOC_QUERYCAP", late: false } as const;
  const ioctls = [
    QUERYCAP,
    { name: "VIDIOC_QBUF", late: false },
    { name: "VIDIOC_DQBUF", late: false },
    { name: "VIDIOC_PREPARE_BUF", late: false },
    { name: "VIDIOC_S_FMT", late: true },
    { name: "VIDIOC_REQBUFS", late: true },
    { name: "VIDIOC_STREAMON", late: true },
    { name: "VIDIOC_QUERYBUF", late: true },
    { name: "VIDIOC_G_CTRL", late: true },
    { name: "VIDIOC_S_EXT_CTRLS", late: true },
    { name: "VIDIOC_S_PRIORITY", late: true },
    { name: "VIDIOC_DQEVENT", late: true },
  ] as const;
  const call = (file: File, name: keyof typeof IOCTLS): Promise<unknown> =>
    bench.ioctl(file, IOCTLS[name].number, new Uint8Array(IOCTLS[name].size));

  it.each(ioctls)("so $name has it looked for: $late", async ({ name, late }) => {
    const other = bench.open(2n);
    await bench.reqbufs(bench.open(), 4);
    bench.places.catchUp.mockClear();
    await call(other, name);
    expect(bench.places.catchUp).toHaveBeenCalledTimes(late ? 1 : 0);
  });

  it("open() has it looked for; nobody does before there is one, and after it is gone", async () => {
    const file = bench.open();
    await call(file, "VIDIOC_S_FMT");
    expect(bench.places.catchUp).not.toHaveBeenCalled();
    await bench.reqbufs(file, 4);
    const other = bench.open(2n);
    expect(bench.places.catchUp).toHaveBeenCalledTimes(1);
    bench.charDevice.release(file);
    await call(other, "VIDIOC_S_FMT");
    bench.open(3n);
    expect(bench.places.catchUp).toHaveBeenCalledTimes(1);
  });

  it("it is served before the call is", async () => {
    const file = bench.open();
    const other = bench.open(2n);
    await bench.reqbufs(file, 4);
    bench.places.catchUp.mockImplementation(() => bench.charDevice.release(file));
    bench.device.priorities.change(file, Priority.Record);
    // Who wants the highest priority that anybody has gets EBUSY from whoever has it.
    expect(await call(other, "VIDIOC_STREAMON")).not.toBe("EBUSY");
    expect(bench.device.hasFile(file)).toBe(false);
  });

  it("values of a file's own are not looked after, unless its priority forbids", async () => {
    const file = bench.open();
    const other = bench.open(2n);
    other.controls = { sExtCtrls: () => undefined } as Partial<ControlOps> as ControlOps;
    await bench.reqbufs(file, 4);
    bench.places.catchUp.mockClear();
    await call(other, "VIDIOC_S_EXT_CTRLS");
    expect(bench.places.catchUp).not.toHaveBeenCalled();
    bench.device.priorities.change(file, Priority.Record);
    await call(other, "VIDIOC_S_EXT_CTRLS");
    expect(bench.places.catchUp).toHaveBeenCalledTimes(1);
  });

  it("poll() has it looked for where an event may come of it", async () => {
    const file = bench.open();
    const other = bench.open(2n);
    await bench.reqbufs(file, 4);
    bench.places.catchUp.mockClear();
    const poll = (events: number): number => bench.charDevice.poll(other, { caller, events });
    poll(Poll.Pri);
    other.events = { subscribed: true, pending: 0 } as FileEvents;
    poll(Poll.Err);
    expect(bench.places.catchUp).not.toHaveBeenCalled();
    poll(Poll.Pri);
    expect(bench.places.catchUp).toHaveBeenCalledTimes(1);
  });
});

describe("CREATE_BUFS with MMAP", () => {
  it("is taken back with REMOVE_BUFS", async () => {
    expect(RemoveBuffersView.SIZE).toBe(64);
    const arg = new Uint8Array(IOCTLS.VIDIOC_CREATE_BUFS.size);
    const words = new DataView(arg.buffer);
    words.setUint32(4, 3, true); // count
    words.setUint32(8, Memory.Mmap, true);
    words.setUint32(16, BufType.VideoCapture, true);
    bench.places.next = (task) => {
      task.answer();
      return refused(true);
    };
    await bench.ioctl(bench.open(), IOCTLS.VIDIOC_CREATE_BUFS.number, arg);
    expect(bench.asked).toEqual([
      [3, true],
      [-203, false],
    ]);
  });
});

describe("where no client can be grafted", () => {
  beforeEach(() => {
    bench.places.canMap = false;
    bench.places.mapProblem = "the kernel has no FUSE passthrough";
  });

  it("MMAP is not offered, and the log says why", async () => {
    const file = bench.open();
    expect(file.canMap).toBe(false);
    expect(await bench.reqbufs(file, 4)).toBe("EINVAL");
    expect(bench.places.tasks).toEqual([]);
    expect(bench.messages).toEqual([
      expect.stringContaining("mmap(): the kernel has no FUSE passthrough; start"),
    ]);
  });
});

describe("EXPBUF", () => {
  const expbuf = (more?: Partial<IoctlRequest>): Promise<unknown> => {
    const arg = new Uint8Array(IOCTLS.VIDIOC_EXPBUF.size);
    const words = new DataView(arg.buffer);
    words.setUint32(0, BufType.VideoCapture, true);
    words.setUint32(12, 0o2000002, true); // O_RDWR | O_CLOEXEC
    return bench.ioctl(bench.open(), IOCTLS.VIDIOC_EXPBUF.number, arg, more);
  };

  it.each([false, true])("puts the descriptor into the client, grafted: %s", async (isAnonymous) => {
    expect(await expbuf({ isAnonymous })).toBe(0);
    expect(bench.places.installed).toMatchObject([{ fd: 77, closeOnExec: true, numberAt: 16 }]);
  });

  it("is ENOTTY where that cannot be done", async () => {
    bench.places.canInstall = false;
    expect(await expbuf()).toBe("ENOTTY");
    expect(bench.places.installed).toEqual([]);
  });
});
