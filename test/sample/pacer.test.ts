import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DriverTasks } from "../../src/v4l2/index.js";
import { Pacer } from "../../src/sample/pacer.js";

const MS = 1_000_000n;

function newTasks(): DriverTasks {
  const fail = (error: unknown): never => {
    throw error;
  };
  return new DriverTasks({ patienceMs: 0, failed: fail, late: fail });
}

/** Sequence numbers and times, in milliseconds, of the frames that were due. */
function pace(intervalMs: bigint | undefined) {
  const frames: [number, number][] = [];
  const pacer = new Pacer({
    tasks: newTasks(),
    intervalNs: intervalMs === undefined ? undefined : intervalMs * MS,
    now: () => BigInt(Date.now()) * MS,
    onFrame: (sequence, dueNs) => {
      frames.push([sequence, Number(dueNs / MS)]);
    },
  });
  return { pacer, frames };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1000 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("frames are due", () => {
  it("at multiples of the interval", () => {
    const { pacer, frames } = pace(40n);
    vi.advanceTimersByTime(130);
    expect(frames).toEqual([
      [0, 1040],
      [1, 1080],
      [2, 1120],
    ]);
    pacer.stop();
    vi.advanceTimersByTime(100);
    expect(frames).toHaveLength(3);
  });

  it("at their own time, also when the process was busy", () => {
    const { pacer, frames } = pace(40n);
    vi.setSystemTime(1100);
    vi.advanceTimersByTime(40);
    expect(frames.map(([, time]) => time)).toEqual([1040, 1080, 1120]);
    pacer.stop();
  });

  it("an interval after the last one when the interval changes; numbers go on", () => {
    const { pacer, frames } = pace(40n);
    vi.advanceTimersByTime(90);
    pacer.setInterval(100n * MS);
    vi.advanceTimersByTime(200);
    pacer.setInterval(10n * MS);
    vi.advanceTimersByTime(2);
    expect(frames).toEqual([
      [0, 1040],
      [1, 1080],
      [2, 1180],
      [3, 1280],
      [4, 1290],
    ]);
    pacer.stop();
  });

  it("not again when the interval changes from within a frame", () => {
    const due: number[] = [];
    const pacer: Pacer = new Pacer({
      tasks: newTasks(),
      intervalNs: 10n * MS,
      now: () => BigInt(Date.now()) * MS,
      onFrame: (sequence, dueNs) => {
        due.push(Number(dueNs / MS));
        if (sequence === 0) pacer.setInterval(30n * MS);
      },
    });
    vi.advanceTimersByTime(75);
    pacer.stop();
    expect(due).toEqual([1010, 1040, 1070]);
  });

  it("after one timer each, rounded up to the next millisecond", () => {
    const tasks = newTasks();
    const after = vi.spyOn(tasks, "after");
    const due: bigint[] = [];
    const pacer = new Pacer({
      tasks,
      intervalNs: 2_500_000n,
      now: () => BigInt(Date.now()) * MS,
      onFrame: (_sequence, dueNs) => {
        due.push(dueNs - 1000n * MS);
      },
    });
    vi.advanceTimersByTime(7);
    // 2.5 ms is 3; at 3 ms, 5 ms is 2 away; at 5 ms, 7.5 ms is 3.
    expect(after.mock.calls.map(([waitMs]) => waitMs)).toEqual([3, 2, 3]);
    expect(due).toEqual([2_500_000n, 5_000_000n]);
    pacer.stop();
  });

  it("by a virtual clock when there is room, an interval after the one before, and never lost", () => {
    const due: bigint[] = [];
    const pacer = new Pacer({
      tasks: newTasks(),
      intervalNs: 33_366_700n,
      clock: "virtual",
      now: () => BigInt(Date.now()) * MS,
      onFrame: (_sequence, dueNs) => due.push(dueNs),
    });
    vi.advanceTimersByTime(500);
    expect(due).toEqual([]);
    const taken = (afterMs: number): void => {
      vi.advanceTimersByTime(afterMs);
      pacer.poke();
      pacer.poke();
      vi.advanceTimersByTime(1);
    };
    taken(0);
    taken(7000);
    pacer.setInterval(10n * MS);
    taken(0);
    expect(due).toEqual([33_366_700n, 66_733_400n, 76_733_400n]);
    pacer.stop();
    taken(0);
    expect(due).toHaveLength(3);
  });

  it("when there is room, unpaced", () => {
    const { pacer, frames } = pace(undefined);
    vi.advanceTimersByTime(1000);
    expect(frames).toEqual([]);
    pacer.setInterval(10n * MS);
    pacer.poke();
    pacer.poke();
    vi.advanceTimersByTime(1);
    expect(frames.map(([sequence]) => sequence)).toEqual([0]);
    pacer.stop();
    pacer.poke();
    vi.advanceTimersByTime(1);
    expect(frames).toHaveLength(1);
  });
});
