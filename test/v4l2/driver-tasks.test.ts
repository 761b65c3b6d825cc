import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DriverTasks } from "../../src/v4l2/index.js";

/** What the owner of the tasks hears. */
function tasksOf(patienceMs = 0) {
  const failures: { error: unknown; isOver: boolean }[] = [];
  const late: string[] = [];
  const tasks = new DriverTasks({
    patienceMs,
    failed: (error, isOver) => failures.push({ error, isOver }),
    late: ({ message }) => late.push(message),
  });
  return { tasks, failures, late };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("every", () => {
  it("counts intervals, without drift", () => {
    const { tasks } = tasksOf();
    vi.advanceTimersByTime(1000);
    const start = performance.now();
    const ticks: [number, number][] = [];
    tasks.every(40, (tick) => ticks.push([tick, performance.now() - start]));
    vi.advanceTimersByTime(125);
    expect(ticks).toEqual([
      [1, 40],
      [2, 80],
      [3, 120],
    ]);
  });

  it("takes intervals that are no whole milliseconds", () => {
    const { tasks } = tasksOf();
    const ticks: number[] = [];
    tasks.every(1000 / 60, (tick) => ticks.push(tick));
    vi.advanceTimersByTime(1001);
    expect(ticks.length).toBeGreaterThanOrEqual(59);
    expect(ticks.at(-1)).toBe(60);
    expect(() => tasks.every(0, () => undefined)).toThrow(RangeError);
    expect(() => tasks.every(NaN, () => undefined)).toThrow(RangeError);
  });

  it("does not overlap with itself: ticks pass while a promise is pending", async () => {
    const { tasks } = tasksOf();
    const ticks: number[] = [];
    tasks.every(10, async (tick) => {
      ticks.push(tick);
      await new Promise((resolve) => setTimeout(resolve, 35));
    });
    await vi.advanceTimersByTimeAsync(100);
    expect(ticks).toEqual([1, 5, 9]);
  });

  it("ends when it throws", () => {
    const { tasks, failures } = tasksOf();
    const broken = vi.fn(() => {
      throw new TypeError("broken");
    });
    const other = vi.fn();
    tasks.every(10, broken);
    tasks.every(10, other);
    vi.advanceTimersByTime(100);
    expect(broken).toHaveBeenCalledOnce();
    expect(other).toHaveBeenCalledTimes(10);
    expect(failures).toEqual([{ error: new TypeError("broken"), isOver: false }]);
  });

  it("can be stopped, from within too", () => {
    const { tasks } = tasksOf();
    const seen: number[] = [];
    const task = tasks.every(10, (tick) => {
      seen.push(tick);
      if (tick === 2) task.stop();
    });
    vi.advanceTimersByTime(100);
    expect(seen).toEqual([1, 2]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("after, soon and run", () => {
  it("run once: later, next, now", () => {
    const { tasks } = tasksOf();
    const order: string[] = [];
    tasks.after(5, () => order.push("after"));
    tasks.soon(() => order.push("soon"));
    tasks.run(() => order.push("run"));
    expect(order).toEqual(["run"]);
    vi.advanceTimersByTime(20);
    expect(order).toEqual(["run", "soon", "after"]);
  });

  it("wait longer than setTimeout can", () => {
    const { tasks } = tasksOf();
    const called = vi.fn();
    const days = 30 * 24 * 3600 * 1000;
    tasks.after(days, called);
    vi.advanceTimersByTime(days - 1);
    expect(called).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(called).toHaveBeenCalledOnce();
  });

  it("report what is thrown, and what a promise is rejected for", async () => {
    const { tasks, failures } = tasksOf();
    const fail = (text: string) => (): never => {
      throw new Error(text);
    };
    tasks.after(1, fail("after"));
    tasks.soon(fail("soon"));
    tasks.run(fail("run"));
    tasks.run(async () => Promise.reject(new Error("rejected")));
    await vi.advanceTimersByTimeAsync(5);
    expect(failures.map(({ error }) => (error as Error).message).sort()).toEqual([
      "after",
      "rejected",
      "run",
      "soon",
    ]);
  });

  it("can be stopped before", () => {
    const { tasks } = tasksOf();
    const called = vi.fn();
    tasks.after(5, called).stop();
    tasks.soon(called).stop();
    vi.advanceTimersByTime(20);
    expect(called).not.toHaveBeenCalled();
  });
});

describe("the end", () => {
  it("stops all that waits, and what is asked for later never runs", () => {
    const { tasks } = tasksOf();
    const called = vi.fn();
    tasks.every(10, called);
    tasks.after(10, called);
    tasks.soon(called);
    tasks.end();
    tasks.every(10, called);
    tasks.after(10, called);
    tasks.soon(called);
    tasks.run(called);
    vi.advanceTimersByTime(100);
    expect(called).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("aborts the signal, and an AbortError then is no mistake", async () => {
    const { tasks, failures } = tasksOf();
    const { signal } = tasks;
    tasks.run(
      () =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        }),
    );
    tasks.end();
    await vi.advanceTimersByTimeAsync(1);
    expect(signal.aborted).toBe(true);
    expect(failures).toEqual([]);
    tasks.open();
    expect(tasks.signal.aborted).toBe(false);
  });

  it.each<[string, boolean, unknown, boolean]>([
    ["an AbortError is heard of before it", false, new DOMException("given up", "AbortError"), true],
    ["an AbortError is not heard of after it", true, new DOMException("given up", "AbortError"), false],
    ["another error is heard of after it", true, new TypeError("broken"), true],
    ["what is no error is heard of after it", true, { name: "AbortError" }, true],
    ["nothing at all is heard of after it", true, undefined, true],
  ])("%s", async (_what, isOver, reason, isHeard) => {
    const { tasks, failures } = tasksOf();
    let fail: (reason: unknown) => void = () => undefined;
    tasks.run(() => new Promise((_resolve, reject) => (fail = reject)));
    if (isOver) tasks.end();
    fail(reason);
    await vi.advanceTimersByTimeAsync(1);
    expect(failures).toEqual(isHeard ? [{ error: reason, isOver }] : []);
  });

  it("may come twice", () => {
    const { tasks, failures } = tasksOf();
    const { signal } = tasks;
    tasks.end();
    tasks.end();
    expect(signal.aborted).toBe(true);
    tasks.open();
    tasks.open();
    const called = vi.fn();
    tasks.after(5, called);
    vi.advanceTimersByTime(20);
    expect(called).toHaveBeenCalledOnce();
    expect(failures).toEqual([]);
  });

  it("is told of what goes wrong after it, in the next stream too", async () => {
    const { tasks, failures } = tasksOf();
    let fail: (error: Error) => void = () => undefined;
    tasks.run(() => new Promise((_resolve, reject) => (fail = reject)));
    tasks.end();
    tasks.open();
    fail(new Error("too late"));
    await vi.advanceTimersByTimeAsync(1);
    expect(failures).toEqual([{ error: new Error("too late"), isOver: true }]);
  });
});

it("a promise that is pending for too long is named, once", async () => {
  const { tasks, late } = tasksOf(1000);
  const never = (): Promise<void> => new Promise(() => undefined);
  tasks.run(never);
  tasks.run(async () => {
    await never();
  });
  await vi.advanceTimersByTimeAsync(999);
  expect(late).toEqual([]);
  await vi.advanceTimersByTimeAsync(5000);
  expect(late).toEqual([
    "the promise of never has been pending for 1000 ms",
    expect.stringMatching(
      /^the promise of async \(\) => \{ await never\(\); \} has been pending for 1000 ms$/,
    ),
  ]);
});
