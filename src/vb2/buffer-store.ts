/** The buffers that a queue has: making, dropping and finding them. Knows nothing of streaming. */
import { V4l2Error, type FileBacking } from "../v4l2/index.js";
import type { BufferMemory } from "./buffer-memory.js";
import { Plane } from "./buffer.js";
import type { MemoryModel, QueueBuffer } from "./buffer.js";
import type { DriverCalls } from "./driver-calls.js";
import type { QueueConfig, SetupPlan } from "./queue-config.js";
import { SlotTable } from "./slots.js";
import type { BufferState } from "./state.js";

/**
 * An `mmap()` cookie: 12 bits of page (0), 3 of plane, 15 of buffer index. Bit 30 is left for mem2mem devices,
 * which tell their two queues apart with it.
 */
const PLANE_SHIFT = 12;
const INDEX_SHIFT = 15;

export interface CreateRequest {
  readonly memory: MemoryModel;
  readonly count: number;
  /** As in {@link SetupRequest.planeSizes}. */
  readonly planeSizes?: readonly number[] | undefined;
  /** Fewer buffers are of no use. */
  readonly least: number;
  /** MMAP: see {@link BufferMemory.allocate}. */
  readonly backing: FileBacking | undefined;
}

interface Allocation<B> {
  readonly memory: MemoryModel;
  readonly plan: SetupPlan;
  /** Buffers that could be made are put here. */
  readonly made: B[];
  readonly backing: FileBacking | undefined;
}

/** Sees every change of a buffer's state. */
export interface TransitionObserver<B> {
  onTransition(buffer: B, from: BufferState, to: BufferState): void;
}

export class BufferStore<B extends QueueBuffer> {
  readonly #slots: SlotTable<B>;
  #memory: MemoryModel | undefined;

  constructor(
    private readonly config: QueueConfig<B>,
    private readonly driver: DriverCalls<B>,
    private readonly bufferMemory: BufferMemory,
    readonly capacity: number,
    private readonly observer: TransitionObserver<B>,
  ) {
    this.#slots = new SlotTable(capacity);
  }

  get count(): number {
    return this.#slots.count;
  }

  /** The memory of the buffers there are, or are being made; `undefined` without buffers. */
  get memory(): MemoryModel | undefined {
    return this.#memory;
  }

  get(index: number): B | undefined {
    return this.#slots.get(index);
  }

  values(): B[] {
    return this.#slots.values();
  }

  /**
   * Asks the driver, allocates, asks again when fewer fit. Leaves everything as before when it throws.
   * @throws {V4l2Error} ENOMEM; what `queueSetup` throws.
   */
  create({ memory, count, planeSizes, least, backing }: CreateRequest): { first: number; count: number } {
    const before = this.count;
    const made: B[] = [];
    this.#memory = memory; // The driver may look.
    try {
      const plan = this.driver.queueSetup({ count, allocated: before, memory, planeSizes });
      const first = this.#allocate({ memory, plan, made, backing });
      this.#assertEnough(made.length, least);
      if (made.length < plan.count) {
        const again = this.driver.queueSetup({
          count: made.length,
          allocated: before,
          memory,
          planeSizes: planeSizes && plan.planeSizes,
        });
        this.#assertEnough(made.length, again.count);
      }
      return { first, count: made.length };
    } catch (error) {
      this.free(made);
      throw error;
    }
  }

  #assertEnough(made: number, needed: number): void {
    if (made < needed) throw new V4l2Error("ENOMEM", `memory for ${made} of ${needed} buffers`);
  }

  /** Puts into `made` as much of the plan as can be had, as one run of indices. @returns The first index. */
  #allocate({ memory, plan, made, backing }: Allocation<B>): number {
    const run = this.#slots.findRun(plan.count);
    for (let index = run.first; index < run.first + run.count; index += 1) {
      try {
        made.push(this.#newBuffer(memory, index, plan.planeSizes, backing));
      } catch (error) {
        if (error instanceof V4l2Error) break; // Fewer, then.
        throw error;
      }
    }
    return run.first;
  }

  #newBuffer(
    memory: MemoryModel,
    index: number,
    planeSizes: readonly number[],
    backing: FileBacking | undefined,
  ): B {
    const base = (this.config.offsetBase ?? 0) + index * 2 ** INDEX_SHIFT;
    const planes = planeSizes.map(
      (size, at) => new Plane(size, memory === "mmap" ? base + (at << PLANE_SHIFT) : 0),
    );
    const buffer = this.config.createBuffer({ index, memory, planes });
    buffer.observe((from, to) => this.observer.onTransition(buffer, from, to));
    if (memory === "mmap") {
      this.bufferMemory.allocate(buffer, backing);
      try {
        this.driver.init(buffer);
      } catch (error) {
        this.bufferMemory.release(buffer);
        throw error;
      }
    }
    this.#slots.set(index, buffer);
    return buffer;
  }

  /** Drops buffers that nobody but the client owns. What clients have mapped stays mapped. */
  free(buffers: readonly B[]): void {
    for (const buffer of buffers) {
      // Differs from vb2, which forgets this after PREPARE_BUF: the ops stay in pairs.
      this.driver.finish(buffer);
      this.driver.cleanup(buffer);
      this.bufferMemory.release(buffer);
      this.#slots.delete(buffer.index);
    }
    if (this.count === 0) this.#memory = undefined;
  }

  /**
   * REMOVE_BUFS.
   * @throws {V4l2Error} EINVAL - not all of them exist; EBUSY - one is not the client's.
   */
  remove(index: number, count: number): void {
    if (count === 0) return;
    if (count > this.count || index > this.capacity - count) {
      throw new V4l2Error("EINVAL", `${count} buffers from ${index} on are more than there are`);
    }
    const buffers: B[] = [];
    for (let at = index; at < index + count; at += 1) {
      const buffer = this.get(at);
      if (buffer === undefined) throw new V4l2Error("EINVAL", `there is no buffer ${at}`);
      if (buffer.state !== "dequeued") throw new V4l2Error("EBUSY", `buffer ${at} is ${buffer.state}`);
      buffers.push(buffer);
    }
    this.free(buffers);
  }

  /**
   * Gives a plane memory of its own, whose contents are those it had; for the driver that is a new buffer.
   * @throws {V4l2Error} EBUSY - the client does not own the buffer; ENOMEM; what `bufInit` throws.
   */
  moveOut(buffer: B, plane: Plane): void {
    if (buffer.state !== "dequeued" || buffer.preparedBy !== undefined) {
      throw new V4l2Error(
        "EBUSY",
        `buffer ${buffer.index} is ${buffer.state}: export it before it is queued`,
      );
    }
    this.driver.cleanup(buffer);
    try {
      this.bufferMemory.moveOut(plane);
    } finally {
      this.driver.init(buffer);
    }
  }
}
