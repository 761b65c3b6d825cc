import { describe, expect, it } from "vitest";
import {
  callBegins,
  callEnds,
  monotonicNow,
  stepTime,
  traceTimes,
  TraceStream,
  wallTime,
} from "../../../src/v4l2/trace/trace.js";
import type { TraceEvent } from "../../../src/v4l2/trace/trace.js";
import { workerEvents } from "../../../src/v4l2/trace/worker-events.js";

describe("the time of a step", () => {
  it("is the call's, unless something may have taken long since", () => {
    const began = callBegins();
    expect(stepTime(false)).toBe(began);
    const exact = stepTime(true);
    expect(exact).toBeGreaterThan(began);
    expect(stepTime(false)).toBe(exact);
    callEnds();
  });

  it("outside of calls it is now", () => {
    callEnds();
    const [first, second] = [stepTime(false), stepTime(false)];
    expect(second).toBeGreaterThan(first);
    expect(Math.abs(first - monotonicNow())).toBeLessThan(60e9);
  });
});

describe("both clocks", () => {
  it("tell the same moment", () => {
    const { timeMs, monotonicNs } = traceTimes();
    expect(timeMs).toBe(wallTime(monotonicNs));
    expect(Math.abs(timeMs - Date.now())).toBeLessThan(60_000);
    expect(wallTime(monotonicNs + 5e6) - timeMs).toBeCloseTo(5, 1);
  });
});

describe("a process that works for the device", () => {
  it("is told of while somebody listens", () => {
    const trace = new TraceStream();
    const tell = workerEvents({ trace, name: "video0" }, 4n);
    const events: TraceEvent[] = [];
    tell("started", 7);
    const stop = trace.subscribe((event) => events.push(event));
    tell("sent", 7, 3);
    tell("ended", undefined, undefined, "killed by SIGKILL");
    stop();
    tell("started", 8);
    expect(events).toMatchObject([
      { kind: "worker", device: "video0", action: "sent", pid: 7, file: 4n, serial: 3, detail: undefined },
      { kind: "worker", action: "ended", pid: undefined, serial: undefined, detail: "killed by SIGKILL" },
    ]);
  });
});
