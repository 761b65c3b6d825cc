/** What the types refuse of queues and buffers. Compiled by `npm run lint:types`, never run. */
import { BufType, SharedMemoryProvider, VideoBuffer, VideoQueue } from "v4l2-cuse";
import type { QueueOps, VideoQueueConfig } from "v4l2-cuse";

declare const buffer: VideoBuffer;
declare const queue: VideoQueue;
declare const config: VideoQueueConfig<VideoBuffer>;

// What a driver gives back

// @ts-expect-error "done", "error" or "queued"
queue.bufferDone(buffer, "dequeued");
// @ts-expect-error time stamps are 64 bits of nanoseconds
queue.bufferDone(buffer, "done", { timestampNs: 40_000_000 });
// @ts-expect-error the payload is given per plane
queue.bufferDone(buffer, "done", { bytesused: 614_400 });
// @ts-expect-error a field order is one of Field's
queue.bufferDone(buffer, "done", { field: 99 });
// @ts-expect-error the data goes into the buffer's own memory
queue.bufferDone(buffer, "done", { data: new Uint8Array(1) });
// @ts-expect-error a buffer, not its index
queue.bufferDone(0, "done");

// What a driver does with one

// @ts-expect-error only the queue moves it from state to state
buffer.state = "done";
// @ts-expect-error the memory is there, and stays where it is
buffer.plane(0).bytes = new Uint8Array(1);
// @ts-expect-error bytes, not text
buffer.plane(0).bytes.set("picture");
// @ts-expect-error planes come with the buffer
buffer.planes[0] = buffer.plane(1);
// @ts-expect-error and it keeps its place in the queue
buffer.index = 1;
// @ts-expect-error a number of bytes
buffer.plane(0).bytesused = 12n;

// What a queue is made from

export const wrongOps: QueueOps<VideoBuffer>[] = [
  // @ts-expect-error without bufQueue nobody takes the buffers
  { queueSetup: ({ count }) => ({ count, planeSizes: [1] }) },
  // @ts-expect-error without queueSetup nobody knows how large they are
  { bufQueue: () => undefined },
  // @ts-expect-error one size per plane
  { queueSetup: ({ count }) => ({ count, planeSizes: 614_400 }), bufQueue: () => undefined },
  // @ts-expect-error vb2's names
  { queueSetup: ({ count }) => ({ count, planeSizes: [1] }), buf_queue: () => undefined },
];

const { ops: _ops, ...opless } = config;
// @ts-expect-error a queue has a driver
export const withoutOps = new VideoQueue(opless);
// @ts-expect-error ways to bring data
export const wrongIo = new VideoQueue({ ...config, io: ["overlay"] });
// @ts-expect-error whose time it is
export const wrongTimestamps = new VideoQueue({ ...config, timestamps: "realtime" });
// @ts-expect-error one of the types
export const wrongType = new VideoQueue({ ...config, type: 99 });

class FrameBuffer extends VideoBuffer {
  frame = 0;
}
export const own: VideoQueue<FrameBuffer> = new VideoQueue<FrameBuffer>({
  ...config,
  type: BufType.VideoCapture,
  memory: new SharedMemoryProvider({ name: "video0" }),
  createBuffer: (init) => new FrameBuffer(init),
  ops: { queueSetup: ({ count }) => ({ count, planeSizes: [1] }), bufQueue: ({ frame }) => frame },
});
// @ts-expect-error a queue of the driver's own buffers takes no others
own.bufferDone(buffer, "done");
