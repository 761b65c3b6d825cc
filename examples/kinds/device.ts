/** What the examples of device kinds have in common: a node's name, one queue at a steady rate, and the last line. */
import {
  Field,
  isOutput,
  logListener,
  serveUntilSignal,
  SharedMemoryProvider,
  startVideoDevice,
  V4l2Error,
  VideoBuffer,
  VideoQueue,
} from "v4l2-cuse";
import type { BufType, IoMode, VideoDevice } from "v4l2-cuse";

/** `/dev/NAME`: the program's argument, or else `fallback`. */
export const nodeName = (fallback: string): string => process.argv[2] ?? fallback;

export interface SteadyQueue {
  readonly type: BufType;
  /** Size of a buffer, bytes, as the format that is set says. */
  readonly sizeBytes: () => number;
  readonly perSecond: number;
  /** Fills a buffer that the client is to get, or takes one that came from it. */
  readonly work: (bytes: Uint8Array, sequence: number) => void;
}

/** Hardware does not wait: a frame that finds no buffer is lost. With this in the environment it is late instead. */
const isPatient = process.env["V4L2_CUSE_EXAMPLE_PATIENT"] !== undefined;

/** A queue whose device takes one buffer at a time, `perSecond` times a second. */
export function steadyQueue(
  device: VideoDevice<undefined>,
  { type, sizeBytes, perSecond, work }: SteadyQueue,
): VideoQueue {
  const waiting: VideoBuffer[] = [];
  const io: IoMode[] = ["mmap", "userptr", "dmabuf", isOutput(type) ? "write" : "read"];
  const queue: VideoQueue = new VideoQueue({
    device,
    type,
    timestamps: "monotonic",
    io,
    memory: new SharedMemoryProvider({ name: device.name }),
    createBuffer: (init) => new VideoBuffer(init),
    ops: {
      queueSetup: ({ count, planeSizes }) => ({
        count,
        planeSizes: checked(planeSizes ?? [sizeBytes()], sizeBytes()),
      }),
      bufOutValidate: (buffer) => {
        buffer.field = Field.None; // Nothing that is put out here is interlaced.
      },
      bufPrepare: (buffer) => {
        checked([buffer.plane(0).length], sizeBytes());
        if (!isOutput(type)) buffer.plane(0).bytesused = sizeBytes();
      },
      bufQueue: (buffer) => waiting.push(buffer),
      startStreaming: () => {
        let taken = 0;
        queue.tasks.every(1000 / perSecond, (tick) => {
          const buffer = waiting.shift();
          if (buffer === undefined) return;
          const sequence = isPatient ? taken : tick - 1;
          taken += 1;
          work(buffer.plane(0).payload, sequence);
          queue.bufferDone(buffer, "done", {
            sequence,
            timestampNs: process.hrtime.bigint(),
            field: Field.None,
          });
        });
      },
      stopStreaming: () => {
        for (const buffer of waiting.splice(0)) queue.bufferDone(buffer, "error");
      },
    },
  });
  return queue;
}

function checked(sizes: readonly number[], needed: number): readonly number[] {
  if (sizes.length !== 1 || (sizes[0] ?? 0) < needed)
    throw new V4l2Error("EINVAL", `a buffer has ${needed} bytes`);
  return sizes;
}

/** Makes the node; with V4L2_CUSE_EXAMPLE_LOG in the environment, prints what clients do. */
export async function serve(device: VideoDevice<undefined>): Promise<void> {
  if (process.env["V4L2_CUSE_EXAMPLE_LOG"] !== undefined) device.trace.subscribe(logListener(console.log));
  await serveUntilSignal(startVideoDevice(device));
}
