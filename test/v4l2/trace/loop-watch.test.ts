import { availableParallelism } from "node:os";
import { isMainThread } from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { unwatchLoop, watchLoop } from "../../../src/v4l2/trace/loop-watch.js";
import type { LoopDelay } from "../../../src/v4l2/trace/loop-watch.js";
import { TraceStream } from "../../../src/v4l2/trace/trace.js";
import type { TraceEvent } from "../../../src/v4l2/trace/trace.js";

const MS = 1e6;

/** Keeps the event loop from running. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const turn = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Timers that are due after a delay see the time before it: the second one sees what the first brought. */
async function afterwards(): Promise<void> {
  await turn(1);
  await turn(15);
}

const who = {};
afterEach(() => {
  unwatchLoop(who);
});

describe("the event loop", () => {
  it("is told of when it did not run: since when, and whether the process was busy meanwhile", async () => {
    const delays: LoopDelay[] = [];
    watchLoop(who, (delay) => delays.push(delay));
    await turn(30);
    delays.length = 0;
    const from = Number(process.hrtime.bigint());
    block(80);
    await afterwards();
    const delay = delays.find(({ nowNs, fromNs }) => nowNs - fromNs >= 80 * MS);
    if (delay === undefined) throw new Error("it was not told");
    expect(delay.fromNs).toBeLessThanOrEqual(from + MS);
    expect(delay.nowNs).toBeGreaterThan(from + 79 * MS);
    expect(delay.stopped).toBe(false);
    // Busy, or without a processor on a machine that has much to do.
    expect(delay.cpuNs + delay.waitedNs).toBeGreaterThan(40 * MS);
    expect(delay.cpuNs).toBeGreaterThan(0);
    // Of this delay, not of all before it; both clocks are not read at once.
    expect(delay.cpuNs).toBeLessThan(availableParallelism() * (delay.nowNs - delay.fromNs + 50 * MS));
  });

  it("is late when it comes 15 ms after it should have, and not before", async () => {
    await turn(1); // What the loop was late for in the test before is told in its next turn.
    let nowNs = 1000 * MS;
    const clock = vi.spyOn(process.hrtime, "bigint").mockImplementation(() => BigInt(nowNs));
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    try {
      const delays: LoopDelay[] = [];
      watchLoop(who, (delay) => delays.push(delay));
      for (const ns of [10 * MS, 25 * MS - 1, 25 * MS]) {
        nowNs += ns;
        vi.advanceTimersByTime(10);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(delays).toEqual([expect.objectContaining({ fromNs: 1035 * MS - 1, nowNs: 1060 * MS - 1 })]);
    } finally {
      unwatchLoop(who);
      vi.useRealTimers();
      clock.mockRestore();
    }
  });

  it("is told to each who watches, until they do not", async () => {
    const [first, second]: [LoopDelay[], LoopDelay[]] = [[], []];
    const other = {};
    watchLoop(who, (delay) => first.push(delay));
    watchLoop(other, (delay) => second.push(delay));
    await turn(15);
    block(60);
    await afterwards();
    expect([first.length, second.length].every((count) => count >= 1)).toBe(true);
    unwatchLoop(other);
    unwatchLoop(other);
    const before = second.length;
    const firstBefore = first.length;
    block(60);
    await afterwards();
    expect(first.length).toBeGreaterThan(firstBefore);
    expect(second.length).toBe(before);
  });

  // No signal comes to a worker thread, which is what scripts/mutate runs tests in.
  it.runIf(isMainThread)(
    "SIGCONT says that the process was stopped, and nobody listens for it afterwards",
    async () => {
      const listeners = process.listenerCount("SIGCONT");
      const delays: LoopDelay[] = [];
      watchLoop(who, (delay) => delays.push(delay));
      expect(process.listenerCount("SIGCONT")).toBe(listeners + 1);
      await turn(15);
      process.kill(process.pid, "SIGCONT");
      block(60);
      await afterwards();
      expect(delays.some(({ stopped }) => stopped)).toBe(true);
      unwatchLoop(who);
      expect(process.listenerCount("SIGCONT")).toBe(listeners);
    },
  );

  it("is watched while anybody listens to the device that was named for it", () => {
    const listeners = process.listenerCount("SIGCONT");
    const stream = new TraceStream("video0");
    const ends = [1, 2].map(() => stream.subscribe(() => undefined));
    expect(process.listenerCount("SIGCONT")).toBe(listeners + 1);
    ends[0]?.();
    expect(process.listenerCount("SIGCONT")).toBe(listeners + 1);
    ends[1]?.();
    expect(process.listenerCount("SIGCONT")).toBe(listeners);
  });

  it("is an event of the device that was named for it", async () => {
    const [named, unnamed] = [new TraceStream("video0"), new TraceStream()];
    const events: TraceEvent[] = [];
    const stops = [named, unnamed].map((stream) => stream.subscribe((event) => events.push(event)));
    await turn(15);
    block(60);
    await afterwards();
    for (const stop of stops) stop();
    const loops = events.filter((event) => event.kind === "loop");
    expect(loops.length).toBeGreaterThanOrEqual(1);
    for (const event of loops) {
      expect(event.device).toBe("video0");
      expect(event.blockedNs).toBe(event.monotonicNs - event.fromNs);
      expect(Math.abs(event.timeMs - Date.now())).toBeLessThan(60_000);
    }
  });
});
