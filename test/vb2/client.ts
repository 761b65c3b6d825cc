/** A client of one queue: the ioctls with the arguments that tests do not care about filled in. */
import { BufType, Field, Memory } from "../../src/v4l2/index.js";
import type { Buffer, Format } from "../../src/v4l2/index.js";
import { bufferOps, fileOps } from "../../src/vb2/index.js";
import { bench } from "./fakes.js";
import type { Bench, FakeFileHandle } from "./fakes.js";

type Options = Parameters<typeof bench>;

export interface Client extends Bench {
  readonly ops: ReturnType<typeof bufferOps<FakeFileHandle>>;
  readonly files: ReturnType<typeof fileOps<FakeFileHandle>>;
  /** What QBUF and PREPARE_BUF are given for buffer `index`. */
  buffer(index: number, more?: Partial<Buffer>): Buffer;
  qbuf(index: number, more?: Partial<Buffer>): Buffer;
  dqbuf(): Buffer;
  querybuf(index: number): Buffer;
}

export function client(...options: Options): Client {
  const b = bench(...options);
  const ops = bufferOps<FakeFileHandle>(() => b.queue);
  const { type } = b.queue;
  const buffer = (index: number, more: Partial<Buffer> = {}): Buffer => ({
    index,
    type,
    memory: Memory.Mmap,
    flags: 0,
    field: Field.None,
    timestampNs: 0n,
    sequence: 0,
    planes: (b.queue.buffer(index)?.planes ?? [1]).map(() => ({
      bytesused: 0,
      length: 0,
      dataOffset: 0,
      offset: 0,
    })),
    ...more,
  });
  return {
    ...b,
    ops,
    files: fileOps<FakeFileHandle>(() => b.queue),
    buffer,
    qbuf: (index, more) => ops.qbuf(b.file, buffer(index, more), b.call),
    dqbuf: () => {
      const reply = ops.dqbuf(b.file, { type, planeCapacity: 8 }, b.call);
      if (reply instanceof Promise) throw new Error("nothing is done");
      return reply;
    },
    querybuf: (index) => ops.querybuf(b.file, { type, index, planeCapacity: 8 }, b.call),
  };
}

/** With two MMAP buffers. */
export function ready(...options: Options): Client {
  const c = client(...options);
  c.ops.reqbufs(c.file, { type: c.queue.type, memory: Memory.Mmap, count: 2, flags: 0 });
  return c;
}

/** A picture format that only says its plane sizes. */
export function videoFormat(type: BufType, sizes: number[]): Format {
  if (
    type !== BufType.VideoCapture &&
    type !== BufType.VideoCaptureMplane &&
    type !== BufType.VideoOutputMplane
  )
    throw new Error("not a picture");
  return {
    type,
    width: 0,
    height: 0,
    pixelformat: 0,
    field: Field.Any,
    planes: sizes.map((sizeimage) => ({ bytesperline: 0, sizeimage })),
    colorspace: 0,
    ycbcrEnc: 0,
    quantization: 0,
    xferFunc: 0,
    flags: 0,
  };
}
