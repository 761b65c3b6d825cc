/**
 * One queue of buffers: what videobuf2-core.c does, without V4L2's structs. A buffer is in exactly one
 * place; who owns it is its state (`state.ts`).
 *
 * Client verbs have the ioctls' names and run to completion: the kernel's queue lock is the event loop.
 * Only {@link BufferQueue.waitDequeue} waits.
 */
import type { AnyFile, BufferKey, Call, FileBacking, MediaRequest, RequestObject } from "../v4l2/index.js";
import { Poll, V4l2Error } from "../v4l2/index.js";
import { BufferMemory } from "./buffer-memory.js";
import { keptBuffers, wrongDone } from "./buffer-mistakes.js";
import { BufferStore } from "./buffer-store.js";
import type { MemoryModel, Plane, QueueBuffer } from "./buffer.js";
import type { DequeueUser, DoneState, EnqueueUser } from "./buffer-user.js";
import type { OpCounters } from "./counters.js";
import { DriverCalls } from "./driver-calls.js";
import { Preparer } from "./preparer.js";
import type { MemoryProvider } from "./memory.js";
import { queueLimits, type QueueConfig } from "./queue-config.js";
import type { BufferState } from "./state.js";
import { WaitList } from "./waiters.js";

/** The state machine of a queue, without V4L2's structs; drivers make a {@link VideoQueue}. */
export abstract class BufferQueue<B extends QueueBuffer = QueueBuffer> {
  readonly name: string;
  readonly isOutput: boolean;
  readonly minQueuedBuffers: number;
  readonly minReqBufs: number;
  readonly maxNumBuffers: number;
  readonly supportsRequests: boolean;
  readonly requiresRequests: boolean;
  readonly counters: OpCounters;

  /** A buffer with the LAST flag was dequeued: DQBUF is EPIPE until STREAMOFF, or until a decoder clears this. */
  lastBufferDequeued = false;

  protected readonly config: QueueConfig<B>;
  protected readonly waiters = new WaitList();

  readonly #driver: DriverCalls<B>;
  readonly #bufferMemory: BufferMemory;
  readonly #store: BufferStore<B>;
  readonly #preparer: Preparer<B>;
  /** All between QBUF and DQBUF, oldest first. */
  readonly #queued = new Set<B>();
  readonly #done: B[] = [];
  #ownedByDriver = 0;
  #streaming = false;
  #started = false;
  #failed = false;
  #busy = false;
  #waitingForBuffers = false;
  #usesRequests = false;
  #usesQbuf = false;

  /** @throws {RangeError} the configuration contradicts itself. */
  constructor(config: QueueConfig<B>) {
    this.config = config;
    this.name = config.name;
    this.isOutput = config.isOutput;
    const limits = queueLimits(config);
    this.maxNumBuffers = limits.maxNumBuffers;
    this.minQueuedBuffers = limits.minQueuedBuffers;
    this.minReqBufs = limits.minReqBufs;
    this.supportsRequests = config.supportsRequests ?? false;
    this.requiresRequests = config.requiresRequests ?? false;

    this.#driver = new DriverCalls(config, (op, error) => this.reportBug(op, error));
    this.counters = this.#driver.counters;
    this.#bufferMemory = new BufferMemory(config.memory, this.isOutput, this.counters);
    this.#preparer = new Preparer(this.#driver, this.#bufferMemory, this.isOutput, config.copyTimestamp);
    this.#store = new BufferStore(config, this.#driver, this.#bufferMemory, this.maxNumBuffers, {
      onTransition: (buffer, from, to) => this.onTransition(buffer, from, to),
    });
  }

  // What a driver or the layer above may ask

  get numBuffers(): number {
    return this.#store.count;
  }

  /** Buffers between QBUF and DQBUF. */
  get queuedCount(): number {
    return this.#queued.size;
  }

  /** Buffers that the driver owes us. */
  get ownedByDriver(): number {
    return this.#ownedByDriver;
  }

  /** Buffers that wait for DQBUF. */
  get doneCount(): number {
    return this.#done.length;
  }

  /** The memory of the buffers there are; `undefined` without buffers. */
  get memory(): MemoryModel | undefined {
    return this.#store.memory;
  }

  /** From STREAMON until STREAMOFF. */
  get streaming(): boolean {
    return this.#streaming;
  }

  /** Did `startStreaming` run? Later than STREAMON when `minQueuedBuffers` asks for it. */
  get started(): boolean {
    return this.#started;
  }

  /** Formats must not change: buffers were allocated since the last REQBUFS(0) (`vb2_is_busy`). */
  get busy(): boolean {
    return this.#busy;
  }

  /** Did the driver report a fatal error? */
  get failed(): boolean {
    return this.#failed;
  }

  /** Was a buffer queued without a request since the last STREAMOFF? Then those with one are refused. */
  get usesQbuf(): boolean {
    return this.#usesQbuf;
  }

  buffer(index: number): B | undefined {
    return this.#store.get(index);
  }

  /** By index. */
  buffers(): B[] {
    return this.#store.values();
  }

  /** The CAPTURE buffer with this copied time stamp: reference frames of stateless codecs (`vb2_find_buffer`). */
  findByTimestamp(timestampNs: bigint): B | undefined {
    return this.buffers().find((buffer) => buffer.copiedTimestamp && buffer.timestampNs === timestampNs);
  }

  // Allocation

  /**
   * REQBUFS: drops all buffers and allocates `count` new ones; 0 only drops. What clients have mapped stays
   * theirs (orphaned buffers).
   * @param backing - MMAP: what the client maps to see the buffers, if it does not ask us for each.
   * @returns How many there are now.
   * @throws {V4l2Error} EBUSY - streaming, or a DQBUF waits; ENOMEM - fewer than needed could be allocated.
   */
  reqbufs(memory: MemoryModel, count: number, backing?: FileBacking): number {
    if (this.#streaming) throw new V4l2Error("EBUSY", "the queue is streaming");
    if (count > 0) this.#assertNobodyWaits();
    if (count === 0 || this.numBuffers > 0) {
      this.#cancel();
      this.#store.free(this.buffers());
      this.#busy = false;
      if (count === 0) return 0;
    }
    const wanted = Math.min(Math.max(count, this.minReqBufs), this.maxNumBuffers);
    const made = this.#store.create({ memory, count: wanted, least: this.minReqBufs, backing });
    this.#waitingForBuffers = !this.isOutput;
    this.#busy = true;
    return made.count;
  }

  /**
   * CREATE_BUFS: `count` (at least 1) buffers more, in one run of indices.
   * @throws {V4l2Error} ENOBUFS - the queue is full; EINVAL - other memory than the buffers there are, or the
   *   driver dislikes the sizes; ENOMEM; EBUSY - a DQBUF waits.
   */
  createBufs(
    memory: MemoryModel,
    count: number,
    planeSizes: readonly number[] | undefined,
    backing?: FileBacking,
  ): { index: number; count: number } {
    const before = this.numBuffers;
    if (before === this.maxNumBuffers) throw new V4l2Error("ENOBUFS", `${before} buffers are the most`);
    if (before === 0) {
      this.#assertNobodyWaits();
      this.#waitingForBuffers = !this.isOutput;
    } else if (this.memory !== memory) {
      throw new V4l2Error("EINVAL", `the buffers there are use ${this.memory}, not ${memory}`);
    }
    const wanted = Math.min(count, this.maxNumBuffers - before);
    const made = this.#store.create({ memory, count: wanted, planeSizes, least: 1, backing });
    this.#busy = true;
    return { index: made.first, count: made.count };
  }

  /**
   * REMOVE_BUFS: drops buffers `index` to `index + count - 1`.
   * @throws {V4l2Error} EINVAL - not all of them exist; EBUSY - one is not the client's.
   */
  removeBufs(index: number, count: number): void {
    this.#store.remove(index, count);
  }

  /** EXPBUF: `plane` gets memory of its own. @throws {V4l2Error} EBUSY - not the client's buffer; ENOMEM. */
  moveOut(buffer: B, plane: Plane): void {
    this.#store.moveOut(buffer, plane);
  }

  #assertNobodyWaits(): void {
    if (this.waiters.size > 0) throw new V4l2Error("EBUSY", "somebody waits for a buffer of this queue");
  }

  // To the driver and back

  /**
   * PREPARE_BUF.
   * @throws {V4l2Error} EINVAL - not the client's, or prepared already; EIO - the queue failed; what the driver throws.
   */
  prepareBuf(buffer: B, call?: Call): void {
    this.#assertDequeued(buffer);
    if (buffer.preparedBy !== undefined)
      throw new V4l2Error("EINVAL", `buffer ${buffer.index} is prepared already`);
    this.#prepare(buffer, call, "client");
  }

  /**
   * QBUF, directly or into `request`.
   * @param call - The client's call; needed where its memory or fds are.
   * @throws {V4l2Error} EIO - the queue failed; EBADR - requests are required; EBUSY - the queue is used the
   *   other way (directly, with requests), or the request is not idle; EINVAL - the buffer is not the
   *   client's; what the driver's ops throw.
   */
  qbuf(buffer: B, user?: EnqueueUser<B>, call?: Call, request?: MediaRequest): void {
    this.#assertWorking();
    if (request !== undefined) {
      this.#bindTo(request, buffer, call);
      user?.accept(buffer);
      user?.describe(buffer);
      return;
    }
    if (this.requiresRequests) throw new V4l2Error("EBADR", "the queue requires requests");
    if (this.#usesRequests) throw new V4l2Error("EBUSY", "the queue is used with requests");
    this.#usesQbuf = true;
    this.#assertDequeued(buffer);
    this.#enqueue(buffer, user, call);
  }

  #enqueue(buffer: B, user?: EnqueueUser<B>, call?: Call): void {
    this.#prepare(buffer, call, "queue");
    this.#queued.add(buffer);
    this.#waitingForBuffers = false;
    buffer.transition("queued");
    user?.accept(buffer);
    if (this.#started) this.#give(buffer);
    user?.describe(buffer);

    if (this.#streaming && !this.#started && this.queuedCount >= this.minQueuedBuffers) {
      try {
        this.#start();
      } catch (error) {
        // The error says that the buffer was not queued, so it must not be.
        this.#drop(buffer);
        throw error;
      }
    }
  }

  #assertWorking(): void {
    if (this.#failed) throw new V4l2Error("EIO", "the queue is in error; STREAMOFF clears that");
  }

  #assertDequeued(buffer: B): void {
    if (buffer.state !== "dequeued")
      throw new V4l2Error("EINVAL", `buffer ${buffer.index} is ${buffer.state}`);
  }

  #prepare(buffer: B, call: Call | undefined, by: "client" | "queue"): void {
    this.#assertWorking();
    this.#preparer.prepare(buffer, call, by);
  }

  #drop(buffer: B): void {
    this.#queued.delete(buffer);
    const at = this.#done.indexOf(buffer);
    if (at >= 0) this.#done.splice(at, 1);
    buffer.transition("dequeued");
  }

  // Requests

  #bindTo(request: MediaRequest, buffer: B, call: Call | undefined): void {
    if (this.#usesQbuf) throw new V4l2Error("EBUSY", "the queue is used without requests");
    this.#usesRequests = true;
    this.#assertDequeued(buffer);
    if (request.state !== "idle") {
      throw new V4l2Error("EBUSY", `request ${request.name} is ${request.state}`);
    }
    // Differs from vb2: addresses and fds are looked up now, not when the request is queued. Who queues it may be
    // another process.
    if (buffer.memory === "mmap") this.#preparer.validate(buffer);
    else this.#prepare(buffer, call, "queue");

    const object: RequestObject = {
      owner: this,
      kind: "buffer",
      key: () => this.keyOf(buffer),
      prepare: () => this.#prepare(buffer, undefined, "queue"),
      unprepare: () => {
        this.#toClient(buffer);
        buffer.transition("in-request");
      },
      queue: () => this.#queueFromRequest(buffer),
      release: () => this.#releaseFromRequest(buffer),
    };
    try {
      request.bind(object);
    } catch (error) {
      this.#finishOwn(buffer);
      throw error;
    }
    buffer.request = request;
    buffer.bound = { request, object };
    buffer.transition("in-request");
  }

  #queueFromRequest(buffer: B): void {
    try {
      this.#enqueue(buffer);
    } catch (error) {
      // EIO: the queue failed meanwhile. The client hears of it with its next call.
      if (!(error instanceof V4l2Error && error.code === "EIO")) this.reportBug("a request's QBUF", error);
    }
  }

  #releaseFromRequest(buffer: B): void {
    if (buffer.state !== "in-request") return;
    this.#finishOwn(buffer);
    this.#toClient(buffer);
    buffer.request = undefined;
    buffer.bound = undefined;
  }

  /** Differs from vb2: what was prepared for a request that came to nothing is looked at again in the next QBUF. */
  #finishOwn(buffer: B): void {
    if (buffer.preparedBy === "queue") this.#driver.finish(buffer);
  }

  #unbind(buffer: B): void {
    const { bound } = buffer;
    buffer.bound = undefined;
    bound?.request.unbind(bound.object);
  }

  // The driver

  #give(buffer: B): void {
    this.#own(buffer);
    if (!this.#driver.queue(buffer) && buffer.state === "active") this.bufferDone(buffer, "error");
  }

  #own(buffer: B): void {
    buffer.transition("active");
    this.#ownedByDriver += 1;
  }

  /**
   * The driver gives a buffer back. If it does not own the buffer, that is reported, and a queue that streams has failed
   * (see {@link error}): the driver has lost count, and nobody knows whose buffer it writes to.
   */
  bufferDone(buffer: B, state: DoneState = "done"): void {
    const wrong = wrongDone(buffer, this.buffer(buffer.index), state);
    if (wrong !== undefined) {
      this.fail("bufferDone", wrong);
      return;
    }
    buffer.transition(state);
    this.#ownedByDriver -= 1;
    this.counters.bufDone += 1;
    if (state === "queued") return;
    this.#done.push(buffer);
    this.#unbind(buffer);
    this.waiters.wake();
  }

  /**
   * The oldest queued buffer becomes the driver's although streaming has not started; `bufferDone` gives it back.
   * For mem2mem devices that must answer a drained CAPTURE queue.
   */
  claimOldestQueued(): B | undefined {
    for (const buffer of this.#queued) {
      if (buffer.state !== "queued") continue;
      this.#own(buffer);
      this.counters.bufQueue += 1;
      return buffer;
    }
    return undefined;
  }

  /** Fatal for the stream: QBUF and DQBUF fail with EIO and poll with POLLERR until STREAMOFF (`vb2_queue_error`). */
  error(): void {
    this.#failed = true;
    this.waiters.wake();
  }

  /** A mistake of the driver after which the stream cannot go on: it is reported, and is the end of it. */
  protected fail(op: string, error: unknown): void {
    if (this.#streaming) this.error();
    this.reportBug(op, error);
  }

  // To the client

  /**
   * DQBUF, if a buffer is ready.
   * @returns `undefined`: nothing is done yet.
   * @throws {V4l2Error} EBUSY - enough callers wait already; EINVAL - not streaming; EIO - the queue failed;
   *   EPIPE - the last buffer was dequeued; what `user.verify` throws.
   */
  dequeue(user?: DequeueUser<B>, call?: Call): B | undefined {
    if (this.waiters.size >= (this.config.maxWaiters ?? 1)) {
      throw new V4l2Error("EBUSY", "somebody else waits for a buffer already");
    }
    return this.#dequeueFirst(user, call, this.waiters.size);
  }

  /**
   * Waits for what {@link dequeue} did not find.
   * @throws {V4l2Error} as `dequeue`; EINTR - the caller was interrupted.
   */
  waitDequeue(user: DequeueUser<B> | undefined, call: Call): Promise<B> {
    return this.waiters.wait(() => this.#dequeueFirst(user, call, 0), call);
  }

  /** @param reserved - So many done buffers are for callers that came earlier. */
  #dequeueFirst(user: DequeueUser<B> | undefined, call: Call | undefined, reserved: number): B | undefined {
    if (!this.#streaming) throw new V4l2Error("EINVAL", "the queue is not streaming");
    this.#assertWorking();
    if (this.lastBufferDequeued) throw new V4l2Error("EPIPE", "the last buffer was dequeued");
    const buffer = this.#done[0];
    if (buffer === undefined || this.#done.length <= reserved) return undefined;
    user?.verify?.(buffer);

    this.#done.shift();
    this.#driver.finish(buffer);
    buffer.undelivered = false;
    if (buffer.memory === "userptr" && !this.isOutput && call !== undefined) this.#copyOut(buffer, call);
    user?.describe(buffer);
    this.#queued.delete(buffer);
    this.#toClient(buffer);
    buffer.request = undefined;
    return buffer;
  }

  #copyOut(buffer: B, call: Call): void {
    try {
      this.#bufferMemory.copyOut(buffer, call);
    } catch (error) {
      if (!(error instanceof V4l2Error)) throw error;
      // The memory was good at QBUF, so DQBUF does not fail.
      buffer.undelivered = true;
    }
  }

  #toClient(buffer: B): void {
    if (buffer.state === "dequeued") return;
    buffer.transition("dequeued");
    buffer.reset();
  }

  /** What of `events` is true for a queue that is used with QBUF and DQBUF; {@link Poll} bits. */
  poll(events: number): number {
    const asked = this.isOutput ? Poll.Out | Poll.WrNorm : Poll.In | Poll.RdNorm;
    if ((events & asked) === 0) return 0;
    if (!this.#streaming || this.#failed) return Poll.Err;
    if (this.#waitingForBuffers && (this.config.pollNeedsBuffers ?? true)) return Poll.Err;
    // After the last buffer DQBUF answers at once, with EPIPE.
    return this.#done.length > 0 || this.lastBufferDequeued ? asked : 0;
  }

  /** `file` is notified when poll may have another answer, once. */
  addPoller(file: AnyFile): void {
    this.waiters.addPoller(file);
  }

  /** The file is closed. */
  removePoller(file: AnyFile): void {
    this.waiters.removePoller(file);
  }

  /** Where memory comes from. */
  get provider(): MemoryProvider {
    return this.config.memory;
  }

  // Streaming

  /**
   * STREAMON; nothing happens when it is on.
   * @throws {V4l2Error} EINVAL - no buffers, or too few; what the driver throws.
   */
  streamon(): void {
    if (this.#streaming) return;
    if (this.numBuffers === 0) throw new V4l2Error("EINVAL", "no buffers are allocated");
    if (this.numBuffers < this.minQueuedBuffers) {
      throw new V4l2Error(
        "EINVAL",
        `${this.minQueuedBuffers} buffers are needed, ${this.numBuffers} are there`,
      );
    }
    this.#driver.prepareStreaming();
    try {
      if (this.queuedCount >= this.minQueuedBuffers) this.#start();
    } catch (error) {
      this.#driver.unprepareStreaming();
      throw error;
    }
    this.#streaming = true;
  }

  /** STREAMOFF: every buffer is the client's again, also when the queue was not streaming. */
  streamoff(): void {
    this.#cancel();
    this.#waitingForBuffers = !this.isOutput;
    this.lastBufferDequeued = false;
  }

  /** The queue's last user is gone: stops, drops all buffers, sends waiters away with EINTR. */
  release(): void {
    this.waiters.interruptAll();
    this.streamoff();
    this.#store.free(this.buffers());
    this.#busy = false;
  }

  #start(): void {
    this.onStream(true);
    for (const buffer of this.#queued) if (buffer.state === "queued") this.#give(buffer);
    this.#started = true;
    try {
      this.#driver.startStreaming(this.#ownedByDriver);
    } catch (error) {
      this.#started = false;
      this.onStream(false);
      this.#reclaim("queued", "startStreaming");
      throw error;
    }
  }

  /** Takes back what a driver forgot to give back. */
  #reclaim(to: DoneState, op: string): void {
    if (this.#ownedByDriver === 0) return;
    const left = this.buffers().filter(({ state }) => state === "active");
    this.reportBug(op, keptBuffers(left));
    for (const buffer of left) this.bufferDone(buffer, to);
  }

  /** Back to the state after REQBUFS, whatever the driver does (`__vb2_queue_cancel`). */
  #cancel(): void {
    this.onStream(false);
    if (this.#started) this.#driver.stopStreaming();
    if (this.#streaming) this.#driver.unprepareStreaming();
    this.#reclaim("error", "stopStreaming");

    this.#streaming = false;
    this.#started = false;
    this.#failed = false;
    this.#usesRequests = false;
    this.#usesQbuf = false;
    this.#queued.clear();
    this.#done.length = 0;
    this.waiters.wake();

    for (const buffer of this.buffers()) {
      if (buffer.bound?.request.state === "queued") this.#driver.requestComplete(buffer);
      this.#driver.finish(buffer);
      this.#toClient(buffer);
      this.#unbind(buffer);
      buffer.request = undefined;
      buffer.copiedTimestamp = false;
    }
  }

  protected abstract keyOf(buffer: B): BufferKey | undefined;
  /** Sees every change of a state; must be cheap when nobody listens. */
  protected abstract onTransition(buffer: B, from: BufferState, to: BufferState): void;

  /** The driver is about to get buffers, or has to give them back; the latter also when no stream was there. */
  protected abstract onStream(isOn: boolean): void;

  /** Something that a driver must not do. @param op - What of the driver ran. */
  protected abstract reportBug(op: string, error: unknown): void;
}
