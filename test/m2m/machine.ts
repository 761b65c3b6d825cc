/** A mem2mem device without a kernel: real queues, contexts and scheduler; the hardware does what the test says. */
import type { Buffer, BufferOps, ControlHandler, RequestResolver } from "../../src/v4l2/index.js";
import { BufFlag, BufType, Cap, Field, Memory, VideoDevice } from "../../src/v4l2/index.js";
import type { JobOps, JobState, M2mFile, M2mJob, M2mQueueConfig, M2mQueueOps } from "../../src/m2m/index.js";
import { M2mContext, M2mScheduler, m2mBufferOps, m2mFileOps, queueM2mRequest } from "../../src/m2m/index.js";
import { Request, validateObjects } from "../../src/media/index.js";
import type { M2mContextOptions } from "../../src/m2m/index.js";
import { FakeCall, FakeProvider, settled } from "../vb2/fakes.js";

/** What a test knows a client by. */
export type Name = string;

export const OUT = BufType.VideoOutput;
export const CAP = BufType.VideoCapture;
type Side = typeof OUT | typeof CAP;

export interface MachineOptions {
  readonly jobs?: Partial<JobOps<M2mContext<Name>>>;
  readonly context?: Partial<Pick<M2mContextOptions<Name>, "controls" | "metadata">>;
  readonly source?: Partial<M2mQueueConfig>;
  readonly destination?: Partial<M2mQueueConfig>;
  /** Of both queues. */
  readonly ops?: Partial<M2mQueueOps>;
  readonly supportsHold?: boolean;
  readonly maxJobs?: number;
}

export class Machine {
  /** Jobs that were started, all of them. */
  readonly started: M2mJob<Name>[] = [];
  readonly device: VideoDevice<M2mContext<Name>>;
  readonly scheduler: M2mScheduler<M2mContext<Name>>;
  readonly memory = new FakeProvider();
  readonly clients: Client[] = [];
  readonly requests = new Map<number, Request>();
  #next = 0;

  constructor(readonly options: MachineOptions = {}) {
    this.device = new VideoDevice<M2mContext<Name>>({
      name: "video0",
      driver: "machine",
      card: "machine",
      busInfo: "platform:machine",
      deviceCaps: Cap.VideoM2m | Cap.Streaming,
      ops: m2mBufferOps<Name>(),
      fileOps: m2mFileOps<Name>(),
      open: (file) => this.#newContext(file),
      release: (file) => {
        file.state.release();
      },
    });
    this.scheduler = new M2mScheduler<M2mContext<Name>>(
      this.device,
      {
        ...options.jobs,
        deviceRun: (context, job) => {
          this.started.push(job);
          return options.jobs?.deviceRun?.(context, job);
        },
      },
      options.maxJobs,
    );
  }

  #newContext(file: M2mFile<Name>): M2mContext<Name> {
    const { source, destination, ops, context, supportsHold = false } = this.options;
    const requests: RequestResolver = {
      byFd: (_call, fd) => {
        const request = this.requests.get(fd);
        if (request === undefined) throw new Error(`the test has no request ${fd}`);
        return request;
      },
    };
    const common: Omit<M2mQueueConfig, "type"> = {
      io: ["mmap"],
      memory: this.memory,
      ops: { queueSetup: ({ count }) => ({ count, planeSizes: [64] }), ...ops },
    };
    return new M2mContext<Name>({
      file,
      scheduler: this.scheduler,
      state: "abcdefgh"[this.#next++] ?? "?",
      source: { type: OUT, supportsRequests: true, requests, supportsHold, ...common, ...source },
      destination: { type: CAP, ...common, ...destination },
      ...context,
    });
  }

  open(): Client {
    const client = new Client(this);
    this.clients.push(client);
    return client;
  }

  /** Whose job runs. */
  get running(): Name | undefined {
    return this.scheduler.jobs[0]?.state;
  }

  /** Lets what is due happen, then ends the running job. @returns Whose it was. */
  async finish(state: JobState = "done"): Promise<Name | undefined> {
    await settled();
    const [job] = this.scheduler.jobs;
    job?.finish(state);
    await settled();
    return job?.state;
  }
}

let lastId = 0n;

/** One open file and its ioctls. */
export class Client {
  readonly file: M2mFile<Name>;
  readonly call = new FakeCall({ nonblocking: true });
  readonly ops: Required<BufferOps<M2mFile<Name>>> = m2mBufferOps<Name>();
  notified = 0;

  constructor(readonly machine: Machine) {
    this.file = machine.device.open({
      id: ++lastId,
      client: { pid: 1, comm: "client" },
      flags: 2,
      notifyPoll: () => {
        this.notified += 1;
      },
    });
    this.file.mapping = "by-asking";
  }

  get context(): M2mContext<Name> {
    return this.file.state;
  }

  get controls(): ControlHandler | undefined {
    return this.machine.options.context?.controls;
  }

  reqbufs(side: Side, count: number): void {
    void this.ops.reqbufs(this.file, { type: side, memory: Memory.Mmap, count, flags: 0 }, this.call);
  }

  qbuf(side: Side, index: number, more: Partial<Buffer> = {}): void {
    const buffer: Buffer = {
      index,
      type: side,
      memory: Memory.Mmap,
      flags: 0,
      field: Field.None,
      timestampNs: 0n,
      sequence: 0,
      planes: [{ bytesused: 0, length: 0, dataOffset: 0, offset: 0 }],
      ...more,
    };
    void this.ops.qbuf(this.file, buffer, this.call);
  }

  /** QBUF of OUTPUT into request `fd`, which is made when it is not there. */
  qbufInRequest(index: number, fd: number, more: Partial<Buffer> = {}): Request {
    const ops = { validate: validateObjects, queue: queueM2mRequest };
    const request = this.machine.requests.get(fd) ?? new Request(`${fd}`, ops, () => undefined);
    this.machine.requests.set(fd, request);
    this.qbuf(OUT, index, { flags: BufFlag.RequestFd, requestFd: fd, ...more });
    return request;
  }

  /** DQBUF that does not wait. @throws {V4l2Error} EAGAIN - nothing is done. */
  dqbuf(side: Side): Buffer {
    const reply = this.ops.dqbuf(this.file, { type: side, planeCapacity: 1 }, this.call);
    if (reply instanceof Promise) throw new Error("a DQBUF that does not wait answered by promise");
    return reply;
  }

  streamon(...sides: Side[]): void {
    for (const side of sides) void this.ops.streamon(this.file, side, this.call);
  }

  streamoff(...sides: Side[]): void {
    for (const side of sides) void this.ops.streamoff(this.file, side, this.call);
  }

  /** `count` buffers on each side, streaming, those of OUTPUT and CAPTURE with these indices queued. */
  stream(count: number, queued: { out?: readonly number[]; cap?: readonly number[] } = {}): void {
    this.reqbufs(OUT, count);
    this.reqbufs(CAP, count);
    this.streamon(OUT, CAP);
    for (const index of queued.out ?? []) this.qbuf(OUT, index);
    for (const index of queued.cap ?? []) this.qbuf(CAP, index);
  }

  poll(events: number): number {
    return this.machine.device.poll(this.file, events);
  }

  close(): void {
    this.machine.device.release(this.file);
  }
}
