/** A client of the loopback in the same process: the driver's ops with plain values, and memory as the driver has it. */
import type { Loopback } from "../../src/loopback/index.js";
import { anyFormat, BufType, Field, fourcc, Memory } from "../../src/v4l2/index.js";
import type { Buffer, IoctlOps, VideoBufType, VideoFormat } from "../../src/v4l2/index.js";
import { FakeCall, openFile } from "../v4l2/support/fakes.js";

type Device = Loopback["devices"][number];
type File = Parameters<NonNullable<Device["options"]["release"]>>[0];
type Ops = IoctlOps<File>;
type Op<Name extends keyof Ops> = Extract<Ops[Name], (...args: never[]) => unknown>;

export class LoopbackClient {
  readonly file: File;
  readonly call = new FakeCall();

  /** @param pid - Of its process; clients of one share it. */
  constructor(
    private readonly device: Device,
    private readonly type: VideoBufType,
    pid: number,
  ) {
    this.file = openFile(device);
    this.file.mapping = "by-asking";
    Object.assign(this.file.client, { pid });
  }

  op<Name extends keyof Ops>(name: Name): Op<Name> {
    return this.device.ops[name] as Op<Name>;
  }

  get queue() {
    const { consumer, producer } = this.file.state;
    const side = this.type === BufType.VideoOutput ? producer : consumer;
    if (side === undefined) throw new Error("the node has no such side");
    return side.queue;
  }

  set(name: string, width: number, height: number): VideoFormat {
    const wish = { ...anyFormat, type: this.type, width, height, pixelformat: fourcc(name) };
    return this.op("sFmt")(this.file, wish) as VideoFormat;
  }

  get format(): VideoFormat {
    return this.op("gFmt")(this.file, this.type) as VideoFormat;
  }

  setRate(denominator: number): void {
    const parm = { type: this.type, capability: 0, mode: 0, extendedmode: 0, buffers: 0 };
    void this.op("sParm")(this.file, { ...parm, timeperframe: { numerator: 1, denominator } });
  }

  allocate(count: number): void {
    const request = { type: this.type, memory: Memory.Mmap, count, flags: 0 };
    void this.op("reqbufs")(this.file, request, this.call);
  }

  start(count = 3): void {
    this.allocate(count);
    if (this.type === BufType.VideoCapture) for (let index = 0; index < count; index++) this.enqueue(index);
    void this.op("streamon")(this.file, this.type, this.call);
  }

  enqueue(index: number, bytesused = 0, timestampNs = 0n): void {
    const length = this.queue.buffer(index)?.plane(0).length ?? 0;
    const planes = [{ bytesused, length, dataOffset: 0, offset: 0 }];
    const buffer = {
      index,
      type: this.type,
      memory: Memory.Mmap,
      flags: 0,
      field: Field.None,
      timestampNs,
      sequence: 0,
      planes,
    };
    void this.op("qbuf")(this.file, buffer, this.call);
  }

  /** OUTPUT: puts a frame out that has `value` in every byte, and takes the buffer back. */
  async show(value: number): Promise<void> {
    this.queue.buffer(0)?.plane(0).bytes.fill(value);
    this.enqueue(0);
    await this.dequeue();
  }

  dequeue(): Promise<Buffer> {
    return Promise.resolve(this.op("dqbuf")(this.file, { type: this.type, planeCapacity: 1 }, this.call));
  }

  /** CAPTURE: the next frame's bytes, whose buffer is queued again. */
  async capture(): Promise<{ readonly bytes: Uint8Array; readonly buffer: Buffer }> {
    const buffer = await this.dequeue();
    const bytes = this.queue.buffer(buffer.index)?.plane(0).payload.slice() ?? new Uint8Array();
    this.enqueue(buffer.index);
    return { bytes, buffer };
  }

  async write(data: Uint8Array): Promise<number> {
    return this.device.write(this.file, { data, offset: 0n }, this.call);
  }

  stop(): void {
    void this.op("streamoff")(this.file, this.type, this.call);
  }

  close(): void {
    this.device.release(this.file);
  }
}

/** A producer or consumer of each kind, in a process of its own. */
export class Programs {
  #pid = 1000;

  constructor(readonly loopback: Loopback) {}

  producer(): LoopbackClient {
    const [device] = this.loopback.devices;
    if (device === undefined) throw new Error("a loopback has a node");
    return new LoopbackClient(device, BufType.VideoOutput, this.#pid++);
  }

  /** @param pid - Of a program that has other files open. */
  consumer(pid = this.#pid++): LoopbackClient {
    const device = this.loopback.devices.at(-1);
    if (device === undefined) throw new Error("a loopback has a node");
    return new LoopbackClient(device, BufType.VideoCapture, pid);
  }
}
