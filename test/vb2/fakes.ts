/** What the tests of the queues use instead of a client, a driver and the kernel's memory. */
import { expect } from "vitest";
import type { AnyFile, Call, ErrnoName, ExportedFd } from "../../src/v4l2/index.js";
import { BufType, V4l2Error } from "../../src/v4l2/index.js";
import { MemoryBudget, VideoBuffer, VideoQueue } from "../../src/vb2/index.js";
import type {
  ImportedMemory,
  ImportRequest,
  MemoryProvider,
  PlaneMemory,
  QueueOps,
  SetupPlan,
  SetupRequest,
  VideoQueueConfig,
} from "../../src/vb2/index.js";

/** Runs `verb` and gives its errno, or what it returned. */
export function outcome<T>(verb: () => T): T | ErrnoName {
  try {
    return verb();
  } catch (error) {
    if (error instanceof V4l2Error) return error.code;
    throw error;
  }
}

export function expectErrno(code: ErrnoName, verb: () => unknown): void {
  expect(outcome(verb)).toBe(code);
}

export async function expectRejection(code: ErrnoName, promise: unknown): Promise<void> {
  await expect(promise).rejects.toMatchObject({ name: "V4l2Error", code });
}

/** Lets everything that is due in this turn happen. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class FakePlane implements PlaneMemory {
  bytes: Uint8Array;
  readonly fdOffset = 0;
  #released = false;

  constructor(
    readonly sizeBytes: number,
    readonly fd: number,
    private readonly onRelease: () => void,
    bytes?: Uint8Array,
  ) {
    this.bytes = bytes ?? new Uint8Array(sizeBytes);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.bytes = new Uint8Array(0);
    this.onRelease();
  }
}

class FakeImport extends FakePlane implements ImportedMemory {
  constructor(
    readonly file: FakeFile,
    lengthBytes: number,
    private readonly provider: FakeProvider,
    onRelease: () => void,
  ) {
    super(lengthBytes, 0, onRelease, file.bytes.subarray(0, lengthBytes));
  }

  get fileBytes(): number {
    return this.file.bytes.length;
  }

  isFile(pid: number, fd: number): boolean {
    return this.provider.files.get(`${pid}:${fd}`) === this.file;
  }
}

/** A dma-buf of a client. */
export interface FakeFile {
  readonly bytes: Uint8Array;
}

/** Memory that counts itself. */
export class FakeProvider implements MemoryProvider {
  live = 0;
  imports = 0;
  exported: number[] = [];
  /** By `pid:fd`. */
  readonly files = new Map<string, FakeFile>();
  readonly budget: MemoryBudget;
  #nextFd = 100;

  constructor(limitBytes = Number.MAX_SAFE_INTEGER) {
    this.budget = new MemoryBudget(limitBytes);
  }

  #count(sizeBytes: number): () => void {
    this.budget.take(sizeBytes);
    this.live += 1;
    return () => {
      this.budget.give(sizeBytes);
      this.live -= 1;
    };
  }

  allocPlane(sizeBytes: number): PlaneMemory {
    return new FakePlane(sizeBytes, this.#nextFd++, this.#count(sizeBytes));
  }

  importPlane({ pid, fd, lengthBytes, minBytes }: ImportRequest): ImportedMemory {
    const file = this.files.get(`${pid}:${fd}`);
    if (file === undefined) throw new V4l2Error("EINVAL", `no fd ${fd}`);
    const length = lengthBytes === 0 ? file.bytes.length : lengthBytes;
    if (length < minBytes) throw new V4l2Error("EINVAL", "too small");
    if (length > file.bytes.length) throw new V4l2Error("EFAULT", "beyond the end");
    this.imports += 1;
    return new FakeImport(file, length, this, this.#count(length));
  }

  exportPlane(memory: PlaneMemory, accessMode: number): ExportedFd {
    this.exported.push(accessMode);
    return { fd: memory.fd };
  }
}

/** One client's memory: a range of addresses, some of it read-only. */
export class FakeMemory {
  readonly bytes: Uint8Array;
  readonly base = 0x10000n;
  /** Addresses from here on cannot be written. */
  writableBytes: number;

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
    this.writableBytes = sizeBytes;
  }

  #at(address: bigint, length: number, end: number): number {
    const at = Number(address - this.base);
    if (at < 0 || at + length > end) throw new V4l2Error("EFAULT", `0x${address.toString(16)}`);
    return at;
  }

  read(address: bigint, into: Uint8Array): void {
    const at = this.#at(address, into.length, this.bytes.length);
    into.set(this.bytes.subarray(at, at + into.length));
  }

  write(address: bigint, from: Uint8Array): void {
    this.bytes.set(from, this.#at(address, from.length, this.writableBytes));
  }
}

export class FakeCall implements Call {
  readonly caller = { tid: 1, uid: 1000, gid: 1000 };
  readonly client: { pid: number; comm: string };
  readonly memory: FakeMemory;
  readonly #interrupts: (() => void)[] = [];
  isNonblocking = false;

  constructor(options: { pid?: number; memory?: FakeMemory; nonblocking?: boolean } = {}) {
    this.client = { pid: options.pid ?? 1, comm: "client" };
    this.memory = options.memory ?? new FakeMemory(0);
    this.isNonblocking = options.nonblocking ?? false;
  }

  nonblocking(): boolean {
    return this.isNonblocking;
  }
  onInterrupt(callback: () => void): void {
    this.#interrupts.push(callback);
  }
  isAdmin(): boolean {
    return false;
  }
  /** A signal hits the caller. */
  interrupt(): void {
    for (const callback of this.#interrupts.splice(0)) callback();
  }
}

export class FakeFileHandle implements AnyFile {
  static #next = 1n;
  readonly id = FakeFileHandle.#next++;
  readonly client = { comm: "ffmpeg", pid: 123 };
  canMap = true;
  notified = 0;

  notifyPoll(): void {
    this.notified += 1;
  }
}

/** A driver that keeps what it is given until the test says what becomes of it. */
export class FakeDriver implements QueueOps<VideoBuffer> {
  planeSizes: number[] = [64];
  /** Ops that were called, in order. */
  readonly calls: string[] = [];
  /** What the driver owns, oldest first. */
  readonly held: VideoBuffer[] = [];
  readonly setups: SetupRequest[] = [];
  /** Ops that refuse, with this errno. */
  readonly refuse = new Map<string, ErrnoName>();
  /** Ops that throw what is no refusal. */
  readonly broken = new Set<string>();
  /** Gives every buffer back at once. */
  completesAtOnce = false;
  /** Forgets to give buffers back when streaming stops, or could not start. */
  keepsBuffers = false;
  queue!: VideoQueue;

  #called(op: string): void {
    this.calls.push(op);
    const code = this.refuse.get(op);
    if (code !== undefined) throw new V4l2Error(code, `${op} refuses`);
    if (this.broken.has(op)) throw new TypeError(`${op} is broken`);
  }

  queueSetup(ask: SetupRequest): SetupPlan {
    this.setups.push(ask);
    this.#called("queueSetup");
    const { planeSizes } = ask;
    if (planeSizes === undefined) return { count: ask.count, planeSizes: this.planeSizes };
    if (planeSizes.length !== this.planeSizes.length) throw new V4l2Error("EINVAL", "planes");
    if (planeSizes.some((size, at) => size < (this.planeSizes[at] ?? 0)))
      throw new V4l2Error("EINVAL", "small");
    return { count: ask.count, planeSizes };
  }
  bufInit(): void {
    this.#called("bufInit");
  }
  bufOutValidate(): void {
    this.#called("bufOutValidate");
  }
  bufPrepare(): void {
    this.#called("bufPrepare");
  }
  bufFinish(): void {
    this.#called("bufFinish");
  }
  bufCleanup(): void {
    this.#called("bufCleanup");
  }
  prepareStreaming(): void {
    this.#called("prepareStreaming");
  }
  startStreaming(): void {
    try {
      this.#called("startStreaming");
    } catch (error) {
      if (!this.keepsBuffers) this.#giveBack("queued");
      throw error;
    }
  }
  stopStreaming(): void {
    if (!this.keepsBuffers) this.#giveBack("error");
    else this.held.length = 0;
    this.#called("stopStreaming");
  }
  unprepareStreaming(): void {
    this.#called("unprepareStreaming");
  }
  bufQueue(buffer: VideoBuffer): void {
    this.#called("bufQueue");
    this.held.push(buffer);
    if (this.completesAtOnce) this.complete();
  }
  bufRequestComplete(): void {
    this.#called("bufRequestComplete");
  }

  /** The oldest buffer is done. */
  complete(state: "done" | "error" = "done", bytesused = 10): VideoBuffer {
    const buffer = this.held.shift();
    if (buffer === undefined) throw new Error("the driver has no buffer");
    const details = this.queue.isOutput ? undefined : { bytesused: buffer.planes.map(() => bytesused) };
    this.queue.bufferDone(buffer, state, details);
    return buffer;
  }

  #giveBack(state: "queued" | "error"): void {
    for (const buffer of this.held.splice(0)) this.queue.bufferDone(buffer, state);
  }
}

export interface Bench {
  readonly queue: VideoQueue;
  readonly driver: FakeDriver;
  readonly memory: FakeProvider;
  readonly file: FakeFileHandle;
  readonly call: FakeCall;
}

/** A queue with everything around it; CAPTURE with MMAP, USERPTR and DMABUF unless told otherwise. */
export function bench(
  config: Partial<VideoQueueConfig<VideoBuffer>> = {},
  setup: (driver: FakeDriver) => void = () => undefined,
): Bench {
  const driver = new FakeDriver();
  setup(driver);
  const memory = new FakeProvider();
  const queue = new VideoQueue({
    type: BufType.VideoCapture,
    device: "video0",
    timestamps: "monotonic",
    io: ["mmap", "userptr", "dmabuf"],
    ops: driver,
    memory,
    createBuffer: (init) => new VideoBuffer(init),
    ...config,
  });
  driver.queue = queue;
  return {
    queue,
    driver,
    memory: config.memory instanceof FakeProvider ? config.memory : memory,
    file: new FakeFileHandle(),
    call: new FakeCall(),
  };
}

/** The buffer with that index, which must be there. */
export function at(queue: VideoQueue, index: number): VideoBuffer {
  const buffer = queue.buffer(index);
  if (buffer === undefined) throw new Error(`no buffer ${index}`);
  return buffer;
}
