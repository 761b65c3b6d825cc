/**
 * Calls of a driver's ops, counted. Ops that cannot refuse are contained here: what they throw is the
 * driver's bug, is reported, and the queue goes on.
 */
import { MAX_PLANES } from "../v4l2/index.js";
import type { QueueBuffer } from "./buffer.js";
import { OpCounters } from "./counters.js";
import type { QueueConfig, SetupPlan, SetupRequest } from "./queue-config.js";

export class DriverCalls<B extends QueueBuffer> {
  readonly counters = new OpCounters();

  /** @param reportBug - Hears of something that a driver must not do, and that did no harm: the op, and what. */
  constructor(
    private readonly config: QueueConfig<B>,
    readonly reportBug: (op: string, error: unknown) => void,
  ) {}

  /** @throws {Error} the driver answered with impossible sizes. */
  queueSetup(ask: SetupRequest): SetupPlan {
    const plan = this.config.ops.queueSetup(ask);
    this.counters.queueSetup += 1;
    const { planeSizes } = plan;
    const isPossible = (size: number): boolean => Number.isInteger(size) && size > 0 && size < 2 ** 32;
    if (planeSizes.length < 1 || planeSizes.length > MAX_PLANES || !planeSizes.every(isPossible)) {
      throw new Error(
        `queueSetup of ${this.config.name} answered with plane sizes [${planeSizes.join(", ")}]`,
      );
    }
    return plan;
  }

  init(buffer: B): void {
    this.config.ops.bufInit?.(buffer);
    this.counters.bufInit += 1;
    buffer.initialized = true;
  }

  /** Does nothing unless `init` ran. */
  cleanup(buffer: B): void {
    if (!buffer.initialized) return;
    buffer.initialized = false;
    buffer.copiedTimestamp = false;
    this.counters.bufCleanup += 1;
    this.#contain("bufCleanup", () => this.config.ops.bufCleanup?.(buffer));
  }

  outValidate(buffer: B): void {
    this.config.ops.bufOutValidate?.(buffer);
    this.counters.bufOutValidate += 1;
  }

  prepare(buffer: B): void {
    this.config.ops.bufPrepare?.(buffer);
    this.counters.bufPrepare += 1;
  }

  /** Does nothing unless the buffer is prepared. */
  finish(buffer: B): void {
    if (buffer.preparedBy === undefined) return;
    this.counters.bufFinish += 1;
    try {
      this.config.ops.bufFinish?.(buffer);
    } catch (error) {
      this.reportBug("bufFinish", error);
    }
    buffer.preparedBy = undefined;
  }

  /** @returns false: the driver threw. */
  queue(buffer: B): boolean {
    this.counters.bufQueue += 1;
    try {
      this.config.ops.bufQueue(buffer);
      return true;
    } catch (error) {
      this.reportBug("bufQueue", error);
      return false;
    }
  }

  requestComplete(buffer: B): void {
    this.counters.bufRequestComplete += 1;
    this.#contain("bufRequestComplete", () => this.config.ops.bufRequestComplete?.(buffer));
  }

  prepareStreaming(): void {
    this.config.ops.prepareStreaming?.();
    this.counters.prepareStreaming += 1;
  }

  unprepareStreaming(): void {
    this.counters.unprepareStreaming += 1;
    this.#contain("unprepareStreaming", () => this.config.ops.unprepareStreaming?.());
  }

  startStreaming(count: number): void {
    this.config.ops.startStreaming?.(count);
    this.counters.startStreaming += 1;
  }

  stopStreaming(): void {
    this.counters.stopStreaming += 1;
    this.#contain("stopStreaming", () => this.config.ops.stopStreaming?.());
  }

  #contain(op: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.reportBug(op, error);
    }
  }
}
