/** A media device and the requests that it makes, on files of the test's own. */
import { describe, expect, it } from "vitest";
import type { AnonymousFile, CharDevice, Identified, IoctlRequest, OpenFile } from "../../src/cuse/index.js";
import { CharDeviceError } from "../../src/cuse/index.js";
import { type MediaDevice, queueObjects, validateObjects } from "../../src/media/index.js";
import type { MediaDeviceOptions, Request } from "../../src/media/index.js";
import {
  MEDIA_IOC_DEVICE_INFO,
  MEDIA_IOC_REQUEST_ALLOC,
  MEDIA_REQUEST_IOC_QUEUE,
  MEDIA_REQUEST_IOC_REINIT,
} from "../../src/v4l2/gen/index.js";
import { kernelLine, Poll, prettyLine, V4l2Error, type TraceEvent } from "../../src/v4l2/index.js";
import { FakeCall } from "../v4l2/support/fakes.js";
import { mediaFile, vislMedia } from "../media/support/visl.js";
import { HELPER_FD, HELPER_HELLO, HELPER_MAP } from "../../src/serve/helper-protocol.js";
import { MediaCharDevice, RequestFiles } from "../../src/serve/index.js";
import type { AnonymousFiles } from "../../src/serve/index.js";

const TID = new FakeCall().caller.tid;

/** An errno of the system, as `FuseSession.create` throws it. */
const systemError = (code: string): Error =>
  Object.assign(new Error(code), { code, errno: 24, syscall: "openat" });

interface Made {
  readonly device: CharDevice<unknown>;
  readonly file: unknown;
  readonly label: string | undefined;
  wakeUps: number;
  isOurs: boolean;
}

/** Files that are there at once; the test says who holds which. */
class FakeFiles implements AnonymousFiles {
  readonly made: Made[] = [];
  readonly held = new Map<number, Identified>();
  error: Error | undefined;
  onCatchUp: () => void = () => undefined;

  async create<File>(
    device: CharDevice<File>,
    open: (file: OpenFile) => File,
    options?: { readonly label?: string },
  ): Promise<AnonymousFile> {
    await Promise.resolve();
    if (this.error !== undefined) throw this.error;
    const id = BigInt(this.made.length + 1);
    const made: Made = {
      device: device,
      file: open({ id, notifyPoll: () => (made.wakeUps += 1) }),
      label: options?.label,
      wakeUps: 0,
      isOurs: true,
    };
    this.made.push(made);
    return { ino: this.made.length, fd: 100 + this.made.length, close: () => (made.isOurs = false) };
  }

  identify(tid: number, fd: number): Identified | undefined {
    return tid === TID ? this.held.get(fd) : undefined;
  }

  catchUp(): void {
    this.onCatchUp();
  }
}

class Bench {
  readonly files = new FakeFiles();
  readonly events: TraceEvent[] = [];
  readonly device: MediaDevice;
  readonly requests: RequestFiles | undefined;

  constructor(options: Partial<MediaDeviceOptions> = {}) {
    const requests = { validate: validateObjects, queue: queueObjects };
    this.device = vislMedia({ requests, ...options });
    this.requests = this.device.hasRequests ? new RequestFiles(this.device, this.files) : undefined;
    this.device.useRequests(this.requests);
  }

  listen(): void {
    this.device.trace.subscribe((event) => this.events.push(event));
  }

  /** A client that can take descriptors: those that it got. */
  async allocate(call: FakeCall = new FakeCall()): Promise<number[]> {
    const got: number[] = [];
    call.sendFd ??= (fd) => got.push(fd);
    await this.device.ioctl(mediaFile, MEDIA_IOC_REQUEST_ALLOC, new Uint8Array(4), call);
    return got;
  }

  /** Allocates; the client calls the request by this number. */
  async request(fd: number): Promise<Made> {
    await this.allocate();
    const made = this.files.made.at(-1);
    if (made === undefined) throw new Error("no file");
    this.files.held.set(fd, made);
    return made;
  }

  byFd(fd: number): Request {
    return this.device.byFd(new FakeCall(), fd) as Request;
  }
}

const refusal = (code: string): object => expect.objectContaining({ code }) as object;

describe("MEDIA_IOC_REQUEST_ALLOC", () => {
  it("gives the client a descriptor and keeps none", async () => {
    const bench = new Bench();
    expect(await bench.allocate()).toEqual([101]);
    expect(bench.files.made).toMatchObject([{ label: "request", isOurs: false }]);
    expect(bench.device.openRequests).toBe(1);
  });

  it("is ENOTTY for a client that can take none", async () => {
    const bench = new Bench();
    const call = new FakeCall();
    await expect(
      bench.device.ioctl(mediaFile, MEDIA_IOC_REQUEST_ALLOC, new Uint8Array(4), call),
    ).rejects.toThrow("ENOTTY: the client cannot be given a descriptor");
    expect(bench.files.made).toEqual([]);
  });

  it("is ENOTTY where files cannot be made", async () => {
    const bench = new Bench();
    bench.device.useRequests(undefined);
    await expect(bench.allocate()).rejects.toThrow("ENOTTY");
  });

  it.each([
    ["EMFILE", "EMFILE"],
    ["ENFILE", "ENFILE"],
    ["EACCES", "ENOMEM"],
  ])("says %s of the system as %s", async (code, expected) => {
    const bench = new Bench();
    bench.files.error = systemError(code);
    await expect(bench.allocate()).rejects.toEqual(refusal(expected));
    expect(bench.device.openRequests).toBe(0);
  });

  it("leaves nothing when the client is gone", async () => {
    const bench = new Bench();
    const call = new FakeCall();
    call.sendFd = () => {
      throw new V4l2Error("EPIPE", "gone");
    };
    await expect(bench.allocate(call)).rejects.toThrow("EPIPE");
    expect(bench.files.made).toMatchObject([{ isOurs: false }]);
  });

  it("gives up when the client is interrupted", async () => {
    const bench = new Bench();
    const call = new FakeCall();
    const pending = bench.allocate(call);
    for (const interrupt of call.interrupts) interrupt();
    await expect(pending).rejects.toThrow("EINTR");
    expect(bench.files.made).toMatchObject([{ isOurs: false }]);
  });

  it("has a limit, in which requests that were just closed do not count", async () => {
    const bench = new Bench({ maxRequests: 2 });
    await bench.allocate();
    await bench.allocate();
    await expect(bench.allocate()).rejects.toThrow("ENOMEM: 2 requests are open");
    bench.files.onCatchUp = () => {
      const [first] = bench.files.made;
      first?.device.release(first.file);
    };
    await bench.allocate();
    expect(bench.device.openRequests).toBe(2);
    bench.files.onCatchUp = () => undefined;
    const many = await Promise.allSettled([bench.allocate(), bench.allocate()]);
    expect(many.every(({ status }) => status === "rejected")).toBe(true);
  });
});

describe("finding a request by its number", () => {
  it("is EBADR on a device without requests", () => {
    const device = vislMedia();
    expect(() => device.byFd(new FakeCall(), 3)).toThrow("EBADR");
  });

  it("is EINVAL for what is none of ours", async () => {
    const bench = new Bench();
    const other = new Bench();
    const foreign = await other.request(5);
    bench.files.held.set(5, foreign);
    const stranger = { open: () => 1, release: () => undefined, ioctl: () => 0 };
    bench.files.held.set(6, { device: stranger, file: {} });
    for (const fd of [3, 5, 6, -1]) expect(() => bench.byFd(fd)).toThrow(/^EINVAL/);
    bench.device.useRequests(undefined);
    expect(() => bench.byFd(5)).toThrow(/^EINVAL/);
  });

  it("is the same request by each of its numbers", async () => {
    const bench = new Bench();
    const made = await bench.request(5);
    bench.files.held.set(9, made);
    expect(bench.byFd(9)).toBe(bench.byFd(5));
    expect(bench.byFd(5).name).toBe("1:9");
  });
});

describe("a request's descriptor", () => {
  const io = (cmd: number): IoctlRequest => ({
    caller: { tid: TID, uid: 0, gid: 0 },
    cmd,
    argAddress: 0n,
    arg: new Uint8Array((cmd >>> 16) & 0x3fff),
    compat: false,
    isAnonymous: false,
    uninterruptible: () => undefined,
    nonblocking: () => false,
    onInterrupt: () => undefined,
  });

  const errnoOf = (made: Made, cmd: number): string => {
    try {
      const result = made.device.ioctl(made.file, io(cmd));
      return typeof result === "number" ? `${result}` : "later";
    } catch (error) {
      if (error instanceof CharDeviceError) return error.code;
      throw error;
    }
  };

  const buffer = { owner: {}, kind: "buffer" } as const;

  it("queues, completes, wakes, and is used again", async () => {
    const bench = new Bench();
    const made = await bench.request(5);
    const request = bench.byFd(5);
    const poll = (): number =>
      made.device.poll?.(made.file, { caller: { tid: 1, uid: 0, gid: 0 }, events: Poll.Pri }) ?? -1;
    expect(errnoOf(made, MEDIA_REQUEST_IOC_QUEUE)).toBe("ENOENT");
    expect(poll()).toBe(Poll.Err);
    request.bind(buffer);
    expect(errnoOf(made, MEDIA_REQUEST_IOC_QUEUE)).toBe("0");
    expect(poll()).toBe(0);
    expect(errnoOf(made, MEDIA_REQUEST_IOC_QUEUE)).toBe("EBUSY");
    expect(errnoOf(made, MEDIA_REQUEST_IOC_REINIT)).toBe("EBUSY");
    const before = made.wakeUps;
    request.unbind(buffer);
    expect(made.wakeUps).toBeGreaterThan(before);
    expect(poll()).toBe(Poll.Pri);
    expect(errnoOf(made, MEDIA_REQUEST_IOC_REINIT)).toBe("0");
    expect(request.state).toBe("idle");
  });

  it.each([MEDIA_IOC_DEVICE_INFO, MEDIA_IOC_REQUEST_ALLOC, 0x7c82, 0x5421])(
    "knows no other ioctl: %i",
    async (cmd) => {
      const bench = new Bench();
      expect(errnoOf(await bench.request(5), cmd)).toBe("ENOTTY");
    },
  );

  it("is no way to open a device", async () => {
    const bench = new Bench();
    const { device } = await bench.request(5);
    expect(() =>
      device.open({ caller: { tid: 1, uid: 0, gid: 0 }, flags: 0, file: { id: 1n, notifyPoll() {} } }),
    ).toThrow();
  });

  it("closed: the request is cleaned, or runs to its end first", async () => {
    const bench = new Bench();
    const made = await bench.request(5);
    const request = bench.byFd(5);
    request.bind(buffer);
    expect(errnoOf(made, MEDIA_REQUEST_IOC_QUEUE)).toBe("0");
    made.device.release(made.file);
    expect(bench.device.openRequests).toBe(0);
    expect(request.state).toBe("queued");
    request.unbind(buffer);
    expect(request.state).toBe("cleaning");
  });

  it("is heard of in the log", async () => {
    const bench = new Bench();
    bench.listen();
    const made = await bench.request(5);
    bench.byFd(5).bind(buffer);
    expect(errnoOf(made, MEDIA_REQUEST_IOC_QUEUE)).toBe("0");
    expect(errnoOf(made, MEDIA_REQUEST_IOC_QUEUE)).toBe("EBUSY");
    const lines = bench.events.map((event) =>
      event.kind === "ioctl" ? kernelLine(event) : prettyLine(event).replace(/^\S+ /, ""),
    );
    expect(lines).toEqual([
      expect.stringMatching(/^media0: file \d+: MEDIA_IOC_REQUEST_ALLOC waits$/),
      "media0: MEDIA_IOC_REQUEST_ALLOC: request=1",
      "media0: request 1:5: idle -> validating",
      "media0: request 1:5: validating -> queued",
      "media0: MEDIA_REQUEST_IOC_QUEUE",
      "media0: MEDIA_REQUEST_IOC_QUEUE: error -16",
    ]);
  });
});

describe("the log of a media device", () => {
  it("has a line per ioctl and file", async () => {
    const bench = new Bench();
    bench.listen();
    bench.device.open(mediaFile);
    await bench.device.ioctl(mediaFile, MEDIA_IOC_DEVICE_INFO, new Uint8Array(256), new FakeCall());
    expect(() => bench.device.ioctl(mediaFile, 0x80685600, new Uint8Array(0x68), new FakeCall())).toThrow(
      "ENOTTY",
    );
    bench.device.message("info", "hello");
    bench.device.release(mediaFile);
    expect(
      bench.events.map((event) =>
        prettyLine(event)
          .replace(/^\S+ /, "")
          .replace(/\(\d+ us/, "("),
      ),
    ).toEqual([
      "media-ctl[1234] media0: open (0) ()",
      "v4l2-ctl[1234] media0: MEDIA_IOC_DEVICE_INFO: driver=visl, model=visl, serial=, bus=platform:visl, hw_revision=0x0, media_version=6.12.107 ()",
      "v4l2-ctl[1234] media0: 'V', dir=r-, #0x80685600: error -25: driver-specific ioctl (; ENOTTY: no ioctl of a media device: 'V', dir=r-, #0x80685600)",
      "media0: hello",
      "media-ctl[1234] media0: release ()",
    ]);
  });

  it("costs nothing when nobody listens", () => {
    const bench = new Bench();
    bench.device.message("info", "hello");
    bench.device.open(mediaFile);
    expect(bench.events).toEqual([]);
  });
});

describe("the node", () => {
  const node = (
    bench: Bench,
    uninterruptible: () => void = () => undefined,
  ): { ioctl: (cmd: number, arg: Uint8Array) => number | Promise<number> } => {
    const device = new MediaCharDevice(bench.device);
    const file = device.open({
      caller: { tid: TID, uid: 0, gid: 0 },
      flags: 2,
      file: { id: 7n, notifyPoll: () => undefined },
    });
    return {
      ioctl: (cmd, arg) =>
        device.ioctl(file, {
          caller: { tid: TID, uid: 0, gid: 0 },
          cmd,
          argAddress: 0n,
          arg,
          compat: false,
          isAnonymous: false,
          uninterruptible,
          nonblocking: () => false,
          onInterrupt: () => undefined,
        }),
    };
  };

  it("answers clients' ioctls, refusals as the session knows them", () => {
    const { ioctl } = node(new Bench());
    const info = new Uint8Array(256);
    expect(ioctl(MEDIA_IOC_DEVICE_INFO, info)).toBe(0);
    expect(Buffer.from(info.subarray(0, 4)).toString()).toBe("visl");
    expect(() => ioctl(0x7c7f, new Uint8Array())).toThrow(CharDeviceError);
  });

  it("greets the helper: it hands out descriptors and has nothing to map", () => {
    const { ioctl } = node(new Bench());
    const hello = Uint8Array.of(1, 0, 0, 0, 3, 0, 0, 0);
    expect(ioctl(HELPER_HELLO, hello)).toBe(0);
    expect([...hello]).toEqual([1, 0, 0, 0, 2, 0, 0, 0]);
    expect(() => ioctl(HELPER_HELLO, Uint8Array.of(9, 0, 0, 0, 3, 0, 0, 0))).toThrow(refusal("EINVAL"));
    expect(() => ioctl(HELPER_MAP, new Uint8Array(40))).toThrow(refusal("ENODEV"));
  });

  it("makes requests for the helper only, and nothing else", async () => {
    const { ioctl } = node(new Bench());
    const fd = new Uint8Array(80);
    fd[0] = 1;
    new DataView(fd.buffer).setUint32(8, MEDIA_IOC_DEVICE_INFO, true);
    expect(() => ioctl(HELPER_FD, fd)).toThrow(refusal("ENOTTY"));
    await expect(ioctl(MEDIA_IOC_REQUEST_ALLOC, new Uint8Array(4))).rejects.toEqual(refusal("ENOTTY"));
  });

  it("lets no signal end what makes a request", async () => {
    let shielded = 0;
    const { ioctl } = node(new Bench(), () => {
      shielded += 1;
    });
    await expect(ioctl(MEDIA_IOC_REQUEST_ALLOC, new Uint8Array(4))).rejects.toEqual(refusal("ENOTTY"));
    expect(shielded).toBe(1);
    const fd = new Uint8Array(80);
    fd[0] = 1;
    new DataView(fd.buffer).setUint32(8, MEDIA_IOC_REQUEST_ALLOC, true);
    await expect(Promise.resolve(ioctl(HELPER_FD, fd))).rejects.toThrow();
    expect(shielded).toBe(2);
    expect(ioctl(MEDIA_IOC_DEVICE_INFO, new Uint8Array(256))).toBe(0);
    expect(shielded).toBe(2);
  });
});

describe("catching up with closed requests", () => {
  it("is asked of the files only while a request is being filled", async () => {
    const bench = new Bench();
    let asked = 0;
    bench.files.onCatchUp = () => {
      asked += 1;
    };
    const catchUp = (): boolean => {
      const before = asked;
      bench.requests?.catchUp();
      return asked > before;
    };
    await bench.request(7);
    expect(catchUp()).toBe(false);
    const request = bench.byFd(7);
    expect(catchUp()).toBe(true);
    // It stays filled when it is refused: here, for want of a buffer.
    expect(() => {
      request.queue();
    }).toThrow("ENOENT");
    expect(catchUp()).toBe(true);
    request.reinit();
    expect(catchUp()).toBe(false);
    bench.byFd(7);
    expect(catchUp()).toBe(true);
    const made = bench.files.held.get(7);
    made?.device.release(made.file);
    expect(catchUp()).toBe(false);
  });
});
