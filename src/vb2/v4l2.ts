/**
 * The buffer ioctls, read(), write(), poll() and mmap() of a device, ready-made over its queues: what
 * videobuf2-v4l2.c and the vb2_ioctl and vb2_fop helpers are. A driver spreads {@link bufferOps} into its
 * ops and {@link fileOps} into its file ops; `src/m2m` does so with two queues per file.
 */
import { MAP_SHARED, O_ACCMODE, O_CLOEXEC, O_RDONLY, O_RDWR, PROT_READ, PROT_WRITE } from "../linux.js";
import { BufCap, BufFlag, isVideoFormat, Poll, V4l2Error } from "../v4l2/index.js";
import type {
  AnyFile,
  Awaitable,
  Buffer,
  BufferOps,
  BufType,
  Call,
  CreateBuffers,
  CreateBuffersReply,
  DequeueRequest,
  ExportBuffer,
  ExportedFd,
  FileBacking,
  FileOps,
  Format,
  MediaRequest,
  Memory,
  MmapReply,
  MmapRequest,
  QueryBufferRequest,
  RequestBuffers,
  RequestBuffersReply,
} from "../v4l2/index.js";
import { present } from "../present.js";
import type { MemoryModel, Plane } from "./buffer.js";
import type { DequeueUser, EnqueueUser } from "./buffer-user.js";
import { pageAlign, type PlaneMemory } from "./memory.js";
import { MemoryPool } from "./memory-pool.js";
import { assertPlaneCapacity, memoryModel, takeFromClient, takeTimestamp } from "./video-buffer.js";
import type { VideoBuffer } from "./video-buffer.js";
import type { VideoQueue } from "./video-queue.js";

/** What is needed to know of a file: who it is, whether its client can map buffers, and whether by itself. */
export interface QueueFile extends AnyFile {
  readonly canMap: boolean;
  /** Of `open(2)`. */
  readonly flags?: number;
  readonly backing?: FileBacking | undefined;
}

type Queue = VideoQueue<VideoBuffer>;

/**
 * Finds the queues of a device, or of one file, or the one that has that type.
 * @returns `undefined`: no queue has that type.
 */
export type SelectQueue<File> = (file: File, type: BufType) => Queue | readonly Queue[] | undefined;

/** @throws {V4l2Error} EINVAL - not offered by this queue to this client. */
function verifyMemory(queue: Queue, file: QueueFile, memory: Memory): MemoryModel {
  const model = memoryModel(memory);
  if (model === undefined || !offers(queue, file, model)) {
    throw new V4l2Error("EINVAL", `memory ${model ?? memory} is not offered by ${queue.name}`);
  }
  return model;
}

/** A client that cannot map buffers (there is no helper in it, and none of our files either) is not offered any. */
function offers(queue: Queue, file: QueueFile, model: MemoryModel): boolean {
  return queue.io.includes(model) && (model !== "mmap" || file.canMap);
}

/** {@link BufCap} bits that REQBUFS and CREATE_BUFS report. */
export function capabilities(queue: Queue, file: QueueFile): number {
  return (
    BufCap.OrphanedBufs |
    BufCap.RemoveBufs |
    (offers(queue, file, "mmap") ? BufCap.Mmap : 0) |
    (offers(queue, file, "userptr") ? BufCap.Userptr : 0) |
    (offers(queue, file, "dmabuf") ? BufCap.Dmabuf : 0) |
    (queue.supportsRequests ? BufCap.Requests : 0) |
    (queue.traits.supportsHold ? BufCap.M2mHoldCaptureBuf : 0)
  );
}

/** Of `V4L2_MEMORY_FLAG_*`: our memory is always coherent, so none is ever granted. */
const GRANTED_MEMORY_FLAGS = 0;

/** VIDIOC_REQBUFS. @throws {V4l2Error} see `BufferOps.reqbufs`. */
export function reqbufs(queue: Queue, file: QueueFile, request: RequestBuffers): RequestBuffersReply {
  const model = verifyMemory(queue, file, request.memory);
  queue.assertNoFileIo();
  queue.assertOwner(file);
  const count = queue.reqbufs(model, request.count, file.backing);
  queue.owner = count === 0 ? undefined : file;
  return { count, capabilities: capabilities(queue, file), flags: GRANTED_MEMORY_FLAGS };
}

/** VIDIOC_CREATE_BUFS. @throws {V4l2Error} as `BufferQueue.createBufs`; EBUSY - another file owns the queue. */
export function createBufs(queue: Queue, file: QueueFile, request: CreateBuffers): CreateBuffersReply {
  const reply = {
    index: queue.numBuffers,
    count: 0,
    capabilities: capabilities(queue, file) | (queue.tellsMaxNumBuffers ? BufCap.MaxNumBuffers : 0),
    flags: GRANTED_MEMORY_FLAGS,
    maxNumBuffers: queue.maxNumBuffers,
  };
  const model = verifyMemory(queue, file, request.memory);
  // Only a question: that the queue is busy does not matter.
  if (request.count === 0) return reply;
  queue.assertNoFileIo();
  queue.assertOwner(file);
  const made = queue.createBufs(model, request.count, requestedSizes(request.format), file.backing);
  queue.owner = file;
  return { ...reply, ...made };
}

/** Plane sizes, bytes, that CREATE_BUFS asks for. @throws {V4l2Error} EINVAL - no planes, or one without a size. */
function requestedSizes(format: Format): number[] {
  const sizes = formatSizes(format);
  if (sizes.length === 0 || sizes.some((size) => size === 0 || size >= 2 ** 32)) {
    throw new V4l2Error("EINVAL", `plane sizes [${sizes.join(", ")}]`);
  }
  return sizes;
}

function formatSizes(format: Format): number[] {
  if (isVideoFormat(format)) return format.planes.map((plane) => plane.sizeimage);
  if ("samplesPerLine" in format) return [format.samplesPerLine * (format.count[0] + format.count[1])];
  if ("ioSize" in format) return [format.ioSize];
  if ("buffersize" in format) return [format.buffersize];
  return [];
}

/** @throws {V4l2Error} EINVAL - there is none. */
function findBuffer(queue: Queue, index: number): VideoBuffer {
  const buffer = queue.buffer(index);
  if (buffer === undefined) throw new V4l2Error("EINVAL", `${queue.name} has no buffer ${index}`);
  return buffer;
}

/** VIDIOC_QUERYBUF; any file may ask. @throws {V4l2Error} EINVAL */
export function querybuf(queue: Queue, file: QueueFile, request: QueryBufferRequest, call: Call): Buffer {
  const buffer = findBuffer(queue, request.index);
  assertPlaneCapacity(buffer, request.planeCapacity);
  return queue.query(call, file, buffer);
}

/** What QBUF and PREPARE_BUF have in common: the buffer, with what the client says of it. */
function bufferFrom(queue: Queue, file: QueueFile, from: Buffer): VideoBuffer {
  queue.assertOwner(file);
  queue.assertNoFileIo();
  const buffer = findBuffer(queue, from.index);
  if (memoryModel(from.memory) !== buffer.memory) {
    throw new V4l2Error("EINVAL", `buffer ${buffer.index} has memory ${buffer.memory}`);
  }
  assertPlaneCapacity(buffer, from.planes.length);
  return buffer;
}

function takeInputs(queue: Queue, buffer: VideoBuffer, from: Buffer): void {
  if (buffer.preparedBy !== undefined) return;
  if (takeFromClient(buffer, from, queue.traits)) queue.noteZeroBytesused();
}

/** VIDIOC_PREPARE_BUF. @throws {V4l2Error} as `BufferQueue.prepareBuf`; EBUSY - another file owns the queue. */
export function prepareBuf(queue: Queue, file: QueueFile, from: Buffer, call: Call): Buffer {
  queue.assertOwner(file);
  if ((from.flags & BufFlag.RequestFd) !== 0) {
    throw new V4l2Error("EINVAL", "a buffer cannot be prepared in a request");
  }
  const buffer = bufferFrom(queue, file, from);
  takeInputs(queue, buffer, from);
  queue.prepareBuf(buffer, call);
  return queue.describeTo(call, buffer);
}

/** QBUF: keeps what the client gave until the buffer is accepted, and what it is told. */
class Enqueued implements EnqueueUser<VideoBuffer> {
  reply: Buffer | undefined;

  constructor(
    private readonly queue: Queue,
    private readonly from: Buffer,
    private readonly call: Call,
  ) {}

  accept(buffer: VideoBuffer): void {
    takeTimestamp(buffer, this.from, this.queue.traits);
  }

  describe(buffer: VideoBuffer): void {
    this.reply = this.queue.describeTo(this.call, buffer);
  }
}

/**
 * VIDIOC_QBUF.
 * @throws {V4l2Error} as `BufferQueue.qbuf`; EBUSY - another file owns the queue; EINVAL - wrong index, memory or
 *   planes, no such request; EBADR - with a request on a queue without, or without one where they are required.
 */
export function qbuf(queue: Queue, file: QueueFile, from: Buffer, call: Call): Buffer {
  const buffer = bufferFrom(queue, file, from);
  const isForRequest = (from.flags & BufFlag.RequestFd) !== 0;
  if (isForRequest && buffer.state !== "dequeued") {
    throw new V4l2Error("EINVAL", `buffer ${buffer.index} is ${buffer.state}`);
  }
  takeInputs(queue, buffer, from);
  const request = isForRequest ? findRequest(queue, from, call) : undefined;
  if (request !== undefined) buffer.requestFd = from.requestFd;

  const user = new Enqueued(queue, from, call);
  queue.qbuf(buffer, user, call, request);
  return user.reply ?? queue.describe(buffer);
}

function findRequest(queue: Queue, from: Buffer, call: Call): MediaRequest {
  if (queue.requests === undefined) {
    throw new V4l2Error("EBADR", `${queue.name} does not support requests`);
  }
  if (queue.usesQbuf) throw new V4l2Error("EBUSY", `${queue.name} is used without requests`);
  if (from.requestFd === undefined) throw new V4l2Error("EINVAL", "no request is named");
  const request = queue.requests.byFd(call, from.requestFd);
  if (request.state !== "idle") {
    throw new V4l2Error("EBUSY", `request ${request.name} is ${request.state}`);
  }
  return request;
}

/** DQBUF: may the client have the buffer, and what it is told. */
class Dequeued implements DequeueUser<VideoBuffer> {
  #reply: Buffer | undefined;

  constructor(
    private readonly queue: Queue,
    private readonly planeCapacity: number,
    private readonly call: Call,
  ) {}

  verify(buffer: VideoBuffer): void {
    assertPlaneCapacity(buffer, this.planeCapacity);
  }

  describe(buffer: VideoBuffer): void {
    // The buffer is the client's now, no longer done.
    const reply = this.queue.describeTo(this.call, buffer, BufFlag.Done);
    if (!this.queue.isOutput && (reply.flags & BufFlag.Last) !== 0) this.queue.lastBufferDequeued = true;
    this.#reply = reply;
  }

  get reply(): Buffer {
    return present(this.#reply, "a dequeued buffer was described");
  }
}

/** VIDIOC_DQBUF. @throws {V4l2Error} see `BufferOps.dqbuf`; EBUSY - another file owns the queue, or somebody waits. */
export function dqbuf(queue: Queue, file: QueueFile, request: DequeueRequest, call: Call): Awaitable<Buffer> {
  queue.assertOwner(file);
  queue.assertNoFileIo();
  const user = new Dequeued(queue, request.planeCapacity, call);
  if (queue.dequeue(user, call) !== undefined) return user.reply;
  if (call.nonblocking()) throw new V4l2Error("EAGAIN", "no buffer is done");
  return queue.waitDequeue(user, call).then(() => user.reply);
}

/** VIDIOC_EXPBUF. @throws {V4l2Error} EINVAL - no such plane, or not MMAP; EBUSY - another file owns the queue. */
export function expbuf(queue: Queue, file: QueueFile, request: ExportBuffer, call: Call): ExportedFd {
  queue.assertOwner(file);
  const buffer = findBuffer(queue, request.index);
  if (buffer.memory !== "mmap")
    throw new V4l2Error("EINVAL", `buffer ${buffer.index} has memory ${buffer.memory}`);
  if ((request.flags & ~(O_CLOEXEC | O_ACCMODE)) !== 0) {
    throw new V4l2Error("EINVAL", `flags 0x${request.flags.toString(16)}: only O_CLOEXEC and an access mode`);
  }
  const plane = buffer.planes[request.plane];
  if (plane?.memory === undefined) {
    throw new V4l2Error("EINVAL", `buffer ${buffer.index} has no plane ${request.plane}`);
  }
  queue.assertNoFileIo();
  queue.query(call, file, buffer);
  const exported = exportPlane(queue, buffer, plane, plane.memory, request.flags & O_ACCMODE);
  buffer.mapped = true;
  return exported;
}

/**
 * Where a plane in the memory of its file cannot be shown alone, it needs memory of its own. What the client has mapped of
 * it by its own descriptor does not follow; clients map a buffer one way or the other.
 */
function exportPlane(
  queue: Queue,
  buffer: VideoBuffer,
  plane: Plane,
  memory: PlaneMemory,
  accessMode: number,
): ExportedFd {
  const mustStay = buffer.mapped || buffer.state !== "dequeued" || buffer.preparedBy !== undefined;
  let exported = queue.provider.exportPlane(memory, accessMode, mustStay);
  if (exported === undefined) {
    queue.moveOut(buffer, plane);
    exported = queue.provider.exportPlane(memory, accessMode, mustStay);
  }
  if (exported === undefined) throw new V4l2Error("EINVAL", `buffer ${buffer.index} cannot be exported`);
  return exported;
}

/** A plane with memory, and whose it is. */
interface FoundPlane {
  readonly buffer: VideoBuffer;
  readonly plane: Plane;
  readonly memory: PlaneMemory;
}

/** The plane that a client means by this offset of `mmap()`. Undefined: none. */
export function findPlane(queue: Queue, offset: number): FoundPlane | undefined {
  if (queue.memory !== "mmap") return undefined;
  for (const buffer of queue.buffers()) {
    const plane = buffer.planes.find((candidate) => candidate.offset === offset);
    if (plane?.memory !== undefined) return { buffer, plane, memory: plane.memory };
  }
  return undefined;
}

/**
 * `mmap()`.
 * @throws {V4l2Error} EACCES - the file was not opened for that; EINVAL - no such offset, not a whole shared mapping, or the
 *   file was opened for reading only; EBUSY - read() or write() goes on.
 */
export function mmap(queue: Queue, file: QueueFile, request: MmapRequest): MmapReply {
  assertAccess(file, request);
  if ((request.flags & MAP_SHARED) === 0) throw new V4l2Error("EINVAL", "buffers are mapped MAP_SHARED");
  const needed = queue.isOutput ? PROT_WRITE : PROT_READ;
  if ((request.prot & needed) === 0) {
    throw new V4l2Error(
      "EINVAL",
      `buffers of ${queue.name} are mapped ${queue.isOutput ? "PROT_WRITE" : "PROT_READ"}`,
    );
  }
  const found = findPlane(queue, Number(request.offset));
  if (found === undefined) throw new V4l2Error("EINVAL", `no buffer has the offset ${request.offset}`);
  const { buffer, plane, memory } = found;
  queue.assertNoFileIo();
  if (request.length > BigInt(pageAlign(plane.length))) {
    throw new V4l2Error("EINVAL", `${request.length} bytes of a plane of ${plane.length}`);
  }
  const shared = queue.provider.mapPlane?.(memory) ?? { fd: memory.fd };
  buffer.mapped = true;
  return { ...shared, fdOffset: BigInt(memory.fdOffset) };
}

/** do_mmap() and vb2_mmap(): what may be mapped is what the file was opened for. */
function assertAccess({ flags = O_RDWR }: QueueFile, { prot }: MmapRequest): void {
  const mode = flags & O_ACCMODE;
  if (mode === O_RDWR) return;
  if (mode !== O_RDONLY || (prot & PROT_WRITE) !== 0) {
    throw new V4l2Error("EACCES", "the file was not opened for reading and writing");
  }
  // The kernel makes a shared mapping of such a file a private one, which vb2 refuses.
  throw new V4l2Error("EINVAL", "the file was opened O_RDONLY: its buffers cannot be mapped");
}

/** Memory for all MMAP buffers of a file, whatever its queues. @throws {V4l2Error} ENOMEM */
export function makeBacking(file: AnyFile): FileBacking {
  return MemoryPool.create(`v4l2-cuse-${file.id}`);
}

/** The buffer ioctls over the queues that `select` finds. All but DQBUF answer at once. */
export function bufferOps<File extends QueueFile>(select: SelectQueue<File>) {
  const find = (file: File, type: BufType): Queue => {
    const found = select(file, type);
    const queue = isList(found) ? found.find((each) => each.type === type) : found;
    if (queue?.type !== type) throw new V4l2Error("EINVAL", `the device has no queue of type ${type}`);
    return queue;
  };
  return {
    reqbufs: (file, request) => reqbufs(find(file, request.type), file, request),
    createBufs: (file, request) => createBufs(find(file, request.format.type), file, request),
    removeBufs: (file, request) => {
      const queue = find(file, request.type);
      if (request.count === 0) return;
      queue.assertOwner(file);
      queue.assertNoFileIo();
      queue.removeBufs(request.index, request.count);
    },
    querybuf: (file, request, call) => querybuf(find(file, request.type), file, request, call),
    qbuf: (file, buffer, call) => qbuf(find(file, buffer.type), file, buffer, call),
    prepareBuf: (file, buffer, call) => prepareBuf(find(file, buffer.type), file, buffer, call),
    dqbuf: (file, request, call) => dqbuf(find(file, request.type), file, request, call),
    expbuf: (file, request, call) => expbuf(find(file, request.type), file, request, call),
    streamon: (file, type) => {
      const queue = find(file, type);
      queue.assertOwner(file);
      queue.assertNoFileIo();
      if (queue.streamsByWrite) queue.owner = file;
      else queue.streamon();
    },
    streamoff: (file, type) => {
      const queue = find(file, type);
      queue.assertOwner(file);
      if (queue.endFileIo()) return;
      queue.assertNoFileIo();
      queue.streamoff();
      if (queue.streamsByWrite) queue.owner = undefined;
    },
  } satisfies Required<BufferOps<File>>;
}

type Queues = Queue | readonly Queue[];

/** `Array.isArray` does not know readonly arrays. */
const isList = (queues: Queues | undefined): queues is readonly Queue[] => Array.isArray(queues);

function fileIo(queue: Queue, file: QueueFile, mode: "read" | "write"): ReturnType<Queue["startFileIo"]> {
  if (!queue.io.includes(mode)) throw new V4l2Error("EINVAL", `${queue.name} has no ${mode}()`);
  queue.assertOwner(file);
  const io = queue.startFileIo(mode);
  queue.owner = file;
  return io;
}

/**
 * poll() of a device. Of several queues those count that this file uses: what is true of any of them, and `Poll.Err` only if
 * none of them can ever become ready.
 * @returns {@link Poll} bits.
 */
export function poll(queues: Queues, file: QueueFile, events: number): number {
  if (isList(queues)) return pollSeveral(queues, file, events);
  const revents = pollNow(queues, file, events);
  queues.addPoller(file);
  return revents;
}

function pollSeveral(queues: readonly Queue[], file: QueueFile, events: number): number {
  let ready = 0;
  let hope = false;
  for (const queue of queues) {
    queue.addPoller(file);
    if ((events & asked(queue)) === 0) continue;
    // One that another file has, or that nobody has set up, is not what the caller waits for.
    if (queue.isForeign(file) || (queue.numBuffers === 0 && !startsByPoll(queue, file, queues))) continue;
    const revents = pollNow(queue, file, events);
    if ((revents & Poll.Err) !== 0) continue;
    hope = true;
    ready |= revents;
  }
  const wanted = queues.some((queue) => (events & asked(queue)) !== 0);
  return wanted && !hope ? Poll.Err : ready;
}

/** poll() begins read() or write() for a file that has none of the queues, on the queue that those would use. */
function startsByPoll(queue: Queue, file: QueueFile, queues: readonly Queue[]): boolean {
  return queues.every(({ owner }) => owner !== file) && queue === firstWith(queues, modeOf(queue));
}

const asked = ({ isOutput }: Queue): number => (isOutput ? Poll.Out | Poll.WrNorm : Poll.In | Poll.RdNorm);

const modeOf = ({ isOutput }: Queue): "read" | "write" => (isOutput ? "write" : "read");

/** The queue that read() or write() is for: the first of its direction that offers it. @throws {V4l2Error} EINVAL - none. */
function ioQueue(queues: Queues, mode: "read" | "write"): Queue {
  if (!isList(queues)) return queues;
  const queue = firstWith(queues, mode);
  if (queue === undefined) throw new V4l2Error("EINVAL", `the device has no ${mode}()`);
  return queue;
}

const firstWith = (queues: readonly Queue[], mode: "read" | "write"): Queue | undefined =>
  queues.find((queue) => modeOf(queue) === mode && queue.io.includes(mode));

function mappedQueue(queues: Queues, request: MmapRequest): Queue {
  if (!isList(queues)) return queues;
  const offset = Number(request.offset);
  const queue = queues.find((each) => findPlane(each, offset) !== undefined);
  if (queue === undefined) throw new V4l2Error("EINVAL", `no buffer has the offset ${request.offset}`);
  return queue;
}

function pollNow(queue: Queue, file: QueueFile, events: number): number {
  if ((events & asked(queue)) === 0) return 0;
  const mode = modeOf(queue);
  if (queue.numBuffers === 0 && queue.io.includes(mode)) {
    try {
      // A client that polls before anything else is one that reads and writes.
      fileIo(queue, file, mode);
    } catch (error) {
      if (!(error instanceof V4l2Error)) throw error;
      return Poll.Err;
    }
  }
  return queue.fileIo?.poll(events) ?? queue.poll(events);
}

/**
 * read(), write(), poll() and mmap() of a device.
 * @param select - The device's queue, or its queues, or those of one file. read() and write() are for the first queue that
 *   offers them.
 */
export function fileOps<File extends QueueFile>(select: (file: File) => Queues) {
  return {
    read: (file, request, call) => fileIo(ioQueue(select(file), "read"), file, "read").read(request, call),
    write: (file, request, call) =>
      fileIo(ioQueue(select(file), "write"), file, "write").write(request, call),
    poll: (file, events) => poll(select(file), file, events),
    mmap: (file, request) => mmap(mappedQueue(select(file), request), file, request),
    makeBacking: (file) => makeBacking(file),
  } satisfies Required<FileOps<File>>;
}
