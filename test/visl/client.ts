/** A stateless client of a visl device in this process: no CUSE, buffers in ordinary memory. */
import type { Buffer, Call, ExtControl, FileHandle, VideoFormat } from "../../src/v4l2/index.js";
import type { CreateBuffersReply } from "../../src/v4l2/values/types.js";
import { BufFlag, BufType, CtrlWhich, Field, fourcc, Memory, V4l2Error } from "../../src/v4l2/index.js";
import { Request } from "../../src/media/index.js";
import type { VislContext, VislDevice, VislOptions } from "../../src/visl/index.js";
import { createVisl } from "../../src/visl/index.js";
import { FakeCall, FakeProvider } from "../vb2/fakes.js";

export const OUTPUT = BufType.VideoOutputMplane;
export const CAPTURE = BufType.VideoCaptureMplane;
type QueueType = typeof OUTPUT | typeof CAPTURE;

/** Lets jobs run that are due. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** A device, and requests by their fd. */
export class Bench {
  readonly visl: VislDevice;
  readonly memory = new FakeProvider();
  readonly requests = new Map<number, Request>();
  readonly messages: string[] = [];

  /** @param create - Makes the device, if not visl's. */
  constructor(options: Partial<VislOptions> = {}, create: (options: VislOptions) => VislDevice = createVisl) {
    this.visl = create({
      name: "video0",
      mediaName: "media0",
      requests: {
        byFd: (_call, fd) => {
          const request = this.requests.get(fd);
          if (request === undefined) throw new V4l2Error("EINVAL", `no request ${fd}`);
          return request;
        },
      },
      memory: () => this.memory,
      ...options,
    });
    this.visl.video.trace.subscribe((event) => {
      if (event.kind === "message") this.messages.push(event.text);
    });
  }

  /** MEDIA_IOC_REQUEST_ALLOC. */
  request(fd: number): Request {
    const request = new Request(`1:${fd}`, this.visl.requestOps, () => undefined);
    this.requests.set(fd, request);
    return request;
  }

  open(): Client {
    return new Client(this);
  }
}

let nextFile = 1n;

export class Client {
  readonly file: FileHandle<VislContext>;
  readonly call: Call & FakeCall = new FakeCall({ nonblocking: true });

  constructor(readonly bench: Bench) {
    this.file = bench.visl.video.open({
      id: nextFile++,
      client: { pid: 42, comm: "client" },
      flags: 2,
      notifyPoll: () => undefined,
    });
    this.file.mapping = "by-asking";
  }

  get #ops() {
    return this.bench.visl.video.ops;
  }

  get context(): VislContext {
    return this.file.state;
  }

  close(): void {
    this.bench.visl.video.release(this.file);
  }

  getFormat(type: QueueType): VideoFormat {
    return now(this.#ops.gFmt?.(this.file, type));
  }

  setFormat(format: VideoFormat): VideoFormat {
    return now(this.#ops.sFmt?.(this.file, format));
  }

  /** S_FMT of OUTPUT as GStreamer does it: nothing but size and pixel format. */
  setCoded(name: string, width: number, height: number): VideoFormat {
    const unnamedPlane = { bytesperline: 0, sizeimage: Math.max(256 * 1024, (width * height * 3) / 2) };
    const wish: VideoFormat = {
      type: OUTPUT,
      width,
      height,
      pixelformat: fourcc(name),
      field: Field.Any,
      planes: [],
      unnamedPlane,
      colorspace: 0,
      ycbcrEnc: 0,
      quantization: 0,
      xferFunc: 0,
      flags: 0,
    };
    return this.setFormat(wish);
  }

  formats(type: QueueType, all = false): number[] {
    const found: number[] = [];
    for (;;) {
      const request = { index: found.length, type, mbusCode: 0, all };
      const description = this.#ops.enumFmt?.(this.file, request);
      if (description === undefined || description instanceof Promise) return found;
      found.push(description.pixelformat);
    }
  }

  frameSizes(pixelformat: number): unknown {
    return this.#ops.enumFramesizes?.(this.file, { index: 0, pixelformat });
  }

  reqbufs(type: QueueType, count: number): number {
    const request = { type, memory: Memory.Mmap, count, flags: 0 };
    return now(this.#ops.reqbufs?.(this.file, request, this.call)).count;
  }

  /** One buffer more, as GStreamer makes them. */
  createBuf(type: QueueType, count = 1): CreateBuffersReply {
    const format = this.getFormat(type);
    return now(
      this.#ops.createBufs?.(this.file, { count, memory: Memory.Mmap, format, flags: 0 }, this.call),
    );
  }

  streamon(type: QueueType): void {
    void this.#ops.streamon?.(this.file, type, this.call);
  }

  streamoff(type: QueueType): void {
    void this.#ops.streamoff?.(this.file, type, this.call);
  }

  qbuf(type: QueueType, index: number, more: Partial<Buffer> = {}): Buffer {
    const plane = { bytesused: type === OUTPUT ? 100 : 0, length: 0, dataOffset: 0, offset: 0 };
    const buffer: Buffer = {
      index,
      type,
      memory: Memory.Mmap,
      flags: more.requestFd === undefined ? 0 : BufFlag.RequestFd,
      field: Field.Any,
      timestampNs: 0n,
      sequence: 0,
      planes: [plane],
      ...more,
    };
    return now(this.#ops.qbuf?.(this.file, buffer, this.call));
  }

  /** @throws {V4l2Error} EAGAIN - nothing is done. */
  dqbuf(type: QueueType): Buffer {
    return now(this.#ops.dqbuf?.(this.file, { type, planeCapacity: 8 }, this.call));
  }

  /** S_EXT_CTRLS, into the request with that fd or at once. */
  setControls(
    requestFd: number | undefined,
    ...controls: readonly (readonly [id: number, bytes: Uint8Array])[]
  ): void {
    const request = {
      which: requestFd === undefined ? CtrlWhich.CurVal : CtrlWhich.RequestVal,
      requestFd: requestFd ?? 0,
      controls: controls.map(([id, bytes]) => extControl(id, bytes)),
      errorIdx: controls.length,
    };
    void this.file.controls?.sExtCtrls(request, this.file, this.call);
  }

  /** What lies in a buffer's memory. */
  bytes(type: QueueType, index: number): Uint8Array {
    const plane = this.context.queue(type)?.buffer(index)?.planes[0];
    if (plane === undefined) throw new Error(`no buffer ${index}`);
    return plane.bytes;
  }
}

function now<T>(value: T | Promise<T> | undefined): T {
  if (value === undefined || value instanceof Promise) throw new Error("no answer at once");
  return value;
}

function extControl(id: number, bytes: Uint8Array): ExtControl {
  return {
    id,
    size: bytes.length,
    value: bytes.length === 4 ? new DataView(bytes.buffer).getInt32(0, true) : 0,
    value64: 0n,
    readPayload: (sizeBytes) => bytes.slice(0, sizeBytes),
    writePayload: () => undefined,
  };
}
