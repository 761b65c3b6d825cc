/** A client of the camera in the same process: the driver's ops with plain values, frames by `read()`'s way of MMAP. */
import { Camera } from "../../../src/sample/index.js";
import type { CameraOptions } from "../../../src/sample/index.js";
import { BufType, Field, fourcc, Memory, SelectionTarget } from "../../../src/v4l2/index.js";
import type {
  Buffer,
  FileHandle,
  IoctlOps,
  Rect,
  SetSelectionRequest,
  VideoFormat,
} from "../../../src/v4l2/index.js";
import type { CapturedPlane } from "../../support/tpg-reference.js";
import { FakeCall, openFile } from "../../v4l2/support/fakes.js";

type Ops = IoctlOps<FileHandle<undefined>>;
type Op<Name extends keyof Ops> = Extract<Ops[Name], (...args: never[]) => unknown>;

export interface Frame {
  readonly buffer: Buffer;
  readonly planes: readonly CapturedPlane[];
}

export class CameraClient {
  readonly camera: Camera;
  readonly file: FileHandle<undefined>;
  readonly call = new FakeCall();
  readonly #type: typeof BufType.VideoCapture | typeof BufType.VideoCaptureMplane;

  constructor(options: Partial<CameraOptions> = {}) {
    this.camera = new Camera({ name: "video0", unpaced: true, ...options });
    this.#type = options.multiplanar === true ? BufType.VideoCaptureMplane : BufType.VideoCapture;
    this.file = this.open();
  }

  /** Another client. */
  open(): FileHandle<undefined> {
    const file = openFile(this.camera.device);
    file.mapping = "by-asking";
    return file;
  }

  op<Name extends keyof Ops>(name: Name): Op<Name> {
    const op = this.camera.device.ops[name];
    if (op === undefined) throw new Error(`the camera has no ${name}`);
    return op as Op<Name>;
  }

  format(wish: Partial<VideoFormat> & { readonly name?: string }): VideoFormat {
    const { name, ...rest } = wish;
    return {
      type: this.#type,
      width: 96,
      height: 64,
      pixelformat: fourcc(name ?? "YUYV"),
      field: Field.Any,
      planes: [],
      colorspace: 0,
      ycbcrEnc: 0,
      quantization: 0,
      xferFunc: 0,
      flags: 0,
      ...rest,
    };
  }

  setFormat(wish: Parameters<CameraClient["format"]>[0]): VideoFormat {
    return this.op("sFmt")(this.file, this.format(wish)) as VideoFormat;
  }

  setControl(id: number, value: number): void {
    const controls = this.file.requireControls();
    void controls.sCtrl({ id, value }, this.file);
  }

  crop(rect: Rect, more: Partial<SetSelectionRequest> = {}): Rect {
    const request = { type: BufType.VideoCapture, target: SelectionTarget.Crop, flags: 0, rect, ...more };
    return this.op("sSelection")(this.file, request) as Rect;
  }

  selection(target: number, type: BufType = BufType.VideoCapture): Rect {
    return this.op("gSelection")(this.file, { type, target, flags: 0 }) as Rect;
  }

  /** Allocates, queues and starts. */
  start(count = 2): void {
    void this.op("reqbufs")(this.file, { type: this.#type, memory: Memory.Mmap, count, flags: 0 }, this.call);
    for (let index = 0; index < count; index++) this.queue(index);
    void this.op("streamon")(this.file, this.#type, this.call);
  }

  queue(index: number): void {
    const planes = (this.camera.queue.buffer(index)?.planes ?? []).map(() => ({
      bytesused: 0,
      length: 0,
      dataOffset: 0,
      offset: 0,
    }));
    const buffer = {
      ...{ index, type: this.#type, memory: Memory.Mmap, flags: 0, field: Field.Any },
      ...{ timestampNs: 0n, sequence: 0, planes },
    };
    void this.op("qbuf")(this.file, buffer, this.call);
  }

  /** The next frame; its memory stays as it is until {@link queue}. */
  async dequeue(): Promise<Frame> {
    const reply = await this.op("dqbuf")(this.file, { type: this.#type, planeCapacity: 8 }, this.call);
    const memory = this.camera.queue.buffer(reply.index)?.planes ?? [];
    const format = (await this.op("gFmt")(this.file, this.#type)).planes;
    const planes = memory.map(({ bytes }, index) => ({
      bytes,
      bytesperline: format[index]?.bytesperline ?? 0,
    }));
    return { buffer: reply, planes };
  }

  stop(): void {
    void this.op("streamoff")(this.file, this.#type, this.call);
    const free = { type: this.#type, memory: Memory.Mmap, count: 0, flags: 0 };
    void this.op("reqbufs")(this.file, free, this.call);
  }

  close(): void {
    this.camera.device.release(this.file);
  }
}
