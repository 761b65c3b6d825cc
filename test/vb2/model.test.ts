/**
 * Random clients and drivers against a model that is simple enough to be believed, and then without a
 * model: whatever happens, a buffer is in one place, ops come in pairs, nobody waits for ever.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { V4l2Error } from "../../src/v4l2/index.js";
import type { BufferState, VideoBuffer } from "../../src/vb2/index.js";
import { FakeRequest } from "./fake-request.js";
import { bench, FakeCall, outcome, settled } from "./fakes.js";
import type { Bench } from "./fakes.js";

const MAX = 6;
/** Thousands were tried; so many are for every day. */
const RUNS = 500;

type Step =
  | { readonly op: "reqbufs" | "createBufs"; readonly count: number }
  | { readonly op: "removeBufs"; readonly index: number; readonly count: number }
  | { readonly op: "qbuf" | "prepareBuf"; readonly index: number }
  | { readonly op: "complete"; readonly isGood: boolean }
  | { readonly op: "dqbuf" | "wait" | "interrupt" | "error" | "streamon" | "streamoff" | "release" };

const index = fc.nat({ max: MAX - 1 });
const only = (
  op: "dqbuf" | "wait" | "interrupt" | "error" | "streamon" | "streamoff" | "release",
): fc.Arbitrary<Step> => fc.constant({ op });
/** Weighted so that buffers go round, and the verbs that start from scratch are rare. */
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ op: fc.constant("reqbufs"), count: fc.nat({ max: MAX + 1 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant("createBufs"), count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("removeBufs"), index, count: fc.nat({ max: 3 }) }) },
  { weight: 20, arbitrary: fc.record({ op: fc.constant("qbuf"), index }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("prepareBuf"), index }) },
  { weight: 16, arbitrary: fc.record({ op: fc.constant("complete"), isGood: fc.boolean() }) },
  { weight: 12, arbitrary: only("dqbuf") },
  { weight: 8, arbitrary: only("wait") },
  { weight: 2, arbitrary: only("interrupt") },
  { weight: 4, arbitrary: only("streamon") },
  { weight: 2, arbitrary: only("streamoff") },
  { weight: 1, arbitrary: only("error") },
  { weight: 1, arbitrary: only("release") },
);
const steps = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { maxLength: 60, size: "max" });
/** Half of the clients start like any sensible one. */
const prefix = fc.constantFrom<readonly Step[]>([], [{ op: "reqbufs", count: 4 }, { op: "streamon" }]);

/** What a client of a kernel driver would expect, and nothing about how it is done. */
class Model {
  /** By index; holes are undefined. */
  slots: ({ state: string; isPrepared: boolean } | undefined)[] = new Array<undefined>(MAX).fill(undefined);
  queued: number[] = [];
  driver: number[] = [];
  done: { index: number; state: string }[] = [];
  isStreaming = false;
  isStarted = false;
  hasFailed = false;
  isWaiting = false;
  /** What the waiting caller gets, once it does. */
  waited: string | number | undefined;

  constructor(readonly minQueued: number) {}

  get count(): number {
    return this.slots.filter((slot) => slot !== undefined).length;
  }

  #wake(result: string | number): void {
    if (!this.isWaiting) return;
    this.isWaiting = false;
    this.waited = result;
  }

  #reset(): void {
    for (const slot of this.slots)
      if (slot !== undefined) Object.assign(slot, { state: "dequeued", isPrepared: false });
    this.queued = [];
    this.driver = [];
    this.done = [];
    this.isStreaming = this.isStarted = this.hasFailed = false;
  }

  #startWhenReady(): void {
    if (this.isStarted || this.queued.length < this.minQueued) return;
    this.isStarted = true;
    for (const at of this.queued) this.#give(at);
  }

  #give(at: number): void {
    const slot = this.slots[at];
    if (slot !== undefined) slot.state = "active";
    this.driver.push(at);
  }

  #take(): number {
    const [first] = this.done.splice(0, 1);
    if (first === undefined) throw new Error("model: nothing is done");
    this.slots[first.index] = { state: "dequeued", isPrepared: false };
    this.queued = this.queued.filter((other) => other !== first.index);
    return first.index;
  }

  #freeRun(count: number): { first: number; length: number } {
    let best = { first: 0, length: 0 };
    for (let first = 0; first < MAX; first += 1) {
      let length = 0;
      while (first + length < MAX && this.slots[first + length] === undefined && length < count) length += 1;
      if (length > best.length) best = { first, length };
    }
    return best;
  }

  #fill(first: number, length: number): void {
    for (let at = first; at < first + length; at += 1)
      this.slots[at] = { state: "dequeued", isPrepared: false };
  }

  /** @returns The errno, or what the verb returns. */
  run(step: Step): unknown {
    switch (step.op) {
      case "reqbufs": {
        if (this.isStreaming) return "EBUSY";
        // Like in the kernel, an error of a queue without buffers outlives REQBUFS.
        if (step.count === 0 || this.count > 0) this.#reset();
        this.slots.fill(undefined);
        if (step.count === 0) return 0;
        const count = Math.min(Math.max(step.count, this.minQueued + 1), MAX);
        this.#fill(0, count);
        return count;
      }
      case "createBufs": {
        if (this.count === MAX) return "ENOBUFS";
        const run = this.#freeRun(Math.min(step.count, MAX - this.count));
        this.#fill(run.first, run.length);
        return { index: run.first, count: run.length };
      }
      case "removeBufs": {
        if (step.count === 0) return undefined;
        if (step.count > this.count || step.index > MAX - step.count) return "EINVAL";
        const range = this.slots.slice(step.index, step.index + step.count);
        for (const slot of range) {
          if (slot === undefined) return "EINVAL";
          if (slot.state !== "dequeued") return "EBUSY";
        }
        this.slots.fill(undefined, step.index, step.index + step.count);
        return undefined;
      }
      case "prepareBuf": {
        const slot = this.slots[step.index];
        if (slot === undefined) return "none";
        if (slot.state !== "dequeued" || slot.isPrepared) return "EINVAL";
        if (this.hasFailed) return "EIO";
        slot.isPrepared = true;
        return undefined;
      }
      case "qbuf": {
        const slot = this.slots[step.index];
        if (slot === undefined) return "none";
        if (this.hasFailed) return "EIO";
        if (slot.state !== "dequeued") return "EINVAL";
        slot.state = "queued";
        this.queued.push(step.index);
        if (this.isStarted) this.#give(step.index);
        else if (this.isStreaming) this.#startWhenReady();
        return undefined;
      }
      case "dqbuf":
      case "wait":
        if (this.isWaiting) return "EBUSY";
        if (!this.isStreaming) return "EINVAL";
        if (this.hasFailed) return "EIO";
        if (this.done.length > 0) return this.#take();
        this.isWaiting = step.op === "wait";
        return "nothing";
      case "complete": {
        const at = this.driver.shift();
        if (at === undefined) return undefined;
        const slot = this.slots[at];
        const state = step.isGood ? "done" : "error";
        if (slot !== undefined) slot.state = state;
        this.done.push({ index: at, state });
        if (this.isWaiting && !this.hasFailed) this.#wake(this.#take());
        return undefined;
      }
      case "error":
        this.hasFailed = true;
        this.#wake("EIO");
        return undefined;
      case "interrupt":
        this.#wake("EINTR");
        return undefined;
      case "streamon":
        if (this.isStreaming) return undefined;
        if (this.count === 0 || this.count < this.minQueued) return "EINVAL";
        this.isStreaming = true;
        this.#startWhenReady();
        return undefined;
      case "streamoff":
        this.#reset();
        this.#wake("EINVAL");
        return undefined;
      case "release":
        this.#reset();
        this.slots.fill(undefined);
        this.#wake("EINTR");
        return undefined;
    }
  }
}

/** A waiting DQBUF and what came of it. */
class Waiting {
  result: string | number | undefined;

  constructor(
    promise: Promise<VideoBuffer>,
    readonly call: FakeCall,
  ) {
    promise.then(
      (buffer) => (this.result = buffer.index),
      (error: unknown) => (this.result = error instanceof V4l2Error ? error.code : String(error)),
    );
  }
}

class Real {
  readonly bench: Bench;
  readonly waiting: Waiting[] = [];

  constructor(config: Parameters<typeof bench>[0]) {
    this.bench = bench({ maxNumBuffers: MAX, ...config });
  }

  run(step: Step): unknown {
    const { queue, driver } = this.bench;
    return outcome<unknown>(() => {
      switch (step.op) {
        case "reqbufs":
          return queue.reqbufs("mmap", step.count);
        case "createBufs":
          return queue.createBufs("mmap", step.count, undefined);
        case "removeBufs":
          return queue.removeBufs(step.index, step.count);
        case "qbuf":
        case "prepareBuf": {
          const buffer = queue.buffer(step.index);
          return buffer === undefined ? "none" : queue[step.op](buffer);
        }
        case "dqbuf":
          return queue.dequeue()?.index ?? "nothing";
        case "wait": {
          const buffer = queue.dequeue();
          if (buffer !== undefined) return buffer.index;
          const call = new FakeCall();
          this.waiting.push(new Waiting(queue.waitDequeue(undefined, call), call));
          return "nothing";
        }
        case "complete":
          if (driver.held.length > 0) driver.complete(step.isGood ? "done" : "error");
          return undefined;
        case "error":
          return queue.error();
        case "interrupt":
          this.waiting.at(-1)?.call.interrupt();
          return undefined;
        case "streamon":
          return queue.streamon();
        case "streamoff":
          return queue.streamoff();
        case "release":
          return queue.release();
      }
    });
  }

  /** Every buffer is in exactly one place, and the counts agree. */
  expectSound(): void {
    const { queue, driver, memory } = this.bench;
    const buffers = queue.buffers();
    const states = buffers.map((buffer) => buffer.state);
    const inStates = (...wanted: BufferState[]): number =>
      states.filter((state) => wanted.includes(state)).length;
    expect({
      buffers: queue.numBuffers,
      memory: memory.live,
      withDriver: queue.ownedByDriver,
      heldOnce: new Set(driver.held).size,
      heldAndActive: driver.held.filter((buffer) => buffer.state === "active").length,
      done: queue.doneCount,
      queued: queue.queuedCount,
      preparing: inStates("preparing"),
    }).toEqual({
      buffers: buffers.length,
      memory: buffers.length,
      withDriver: inStates("active"),
      heldOnce: driver.held.length,
      heldAndActive: driver.held.length,
      done: inStates("done", "error"),
      queued: inStates("queued", "active", "done", "error"),
      preparing: 0,
    });
    if (!queue.started) expect(queue.ownedByDriver).toBe(0);
  }

  async expectCleanEnd(): Promise<void> {
    this.bench.queue.release();
    await settled();
    expect(this.waiting.filter(({ result }) => result === undefined)).toEqual([]);
    expect(this.bench.queue.counters.balance()).toEqual([]);
    expect(this.bench.memory.live).toBe(0);
    expect(this.bench.memory.budget.usedBytes).toBe(0);
  }
}

describe("random verbs", () => {
  it("behave as the model says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 2 }), prefix, steps(step), async (minQueued, first, rest) => {
        const model = new Model(minQueued);
        const real = new Real({ minQueuedBuffers: minQueued });
        for (const next of [...first, ...rest]) {
          expect(real.run(next)).toEqual(model.run(next));
          await settled();
          real.expectSound();
          expect(real.bench.queue.buffers().map(({ index: at, state }) => `${at} ${state}`)).toEqual(
            model.slots.flatMap((slot, at) => (slot === undefined ? [] : [`${at} ${slot.state}`])),
          );
          if (model.waited !== undefined) {
            expect(real.waiting.at(-1)?.result).toBe(model.waited);
            model.waited = undefined;
          }
        }
        await real.expectCleanEnd();
      }),
      { numRuns: RUNS },
    );
  });
});

describe("random verbs, a hasty client and a careless driver", () => {
  interface RequestStep {
    readonly request: "fill" | "queue" | "clean";
    readonly index: number;
  }
  const requestStep: fc.Arbitrary<RequestStep> = fc.record({
    request: fc.constantFrom("fill", "queue", "clean"),
    index,
  });
  const wild = fc.oneof({ weight: 3, arbitrary: step }, { weight: 1, arbitrary: requestStep });
  const failing = fc.constantFrom(
    "bufInit",
    "bufPrepare",
    "prepareStreaming",
    "startStreaming",
    "queueSetup",
  );

  it("leave everything sound", async () => {
    await fc.assert(
      fc.asyncProperty(
        prefix,
        steps(fc.record({ next: wild, isSlow: fc.boolean(), refuses: fc.option(failing, { freq: 8 }) })),
        fc.record({ completesAtOnce: fc.boolean(), maxWaiters: fc.integer({ min: 1, max: 3 }) }),
        async (first, rest, { completesAtOnce, maxWaiters }) => {
          const real = new Real({
            maxWaiters,
            supportsRequests: true,
            requests: { byFd: () => new FakeRequest() },
          });
          const { queue, driver } = real.bench;
          driver.completesAtOnce = completesAtOnce;
          const requests = Array.from({ length: MAX }, () => new FakeRequest());
          for (const next of first) real.run(next);
          for (const { next, isSlow, refuses } of rest) {
            driver.refuse.clear();
            if (refuses !== null) driver.refuse.set(refuses, "ENOSPC");
            if ("request" in next) runRequest(real.bench, requests, next);
            else real.run(next);
            if (isSlow) await settled();
            real.expectSound();
          }
          driver.refuse.clear();
          await real.expectCleanEnd();
          expect(requests.flatMap((request) => request.objects)).toEqual([]);
          expect(queue.numBuffers).toBe(0);
        },
      ),
      { numRuns: RUNS },
    );
  });

  function runRequest({ queue }: Bench, requests: readonly FakeRequest[], next: RequestStep): void {
    const request = requests[next.index];
    const buffer = queue.buffer(next.index);
    if (request === undefined) return;
    outcome(() => {
      switch (next.request) {
        case "fill":
          return buffer && queue.qbuf(buffer, undefined, undefined, request);
        case "queue":
          return request.state === "idle" && request.queue();
        case "clean":
          return request.state !== "queued" && request.clean();
      }
    });
  }
});
