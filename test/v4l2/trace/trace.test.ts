import { describe, expect, it, vi } from "vitest";
import {
  callBegins,
  callEnds,
  monotonicNow,
  stepTime,
  traceTimes,
  TraceStream,
  wallTime,
} from "../../../src/v4l2/trace/trace.js";
import type { RecordedEvent, RecordedIoctl, TraceEvent } from "../../../src/v4l2/trace/trace.js";
import { allOps } from "../support/all-ops.js";
import { errnoOf, Harness } from "../support/fakes.js";
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

describe("an ioctl that is told of", () => {
  const bytes = { asked: undefined, given: new Uint8Array(4), askedArray: undefined, givenArray: undefined };
  const event: RecordedIoctl = {
    ...{ kind: "ioctl", timeMs: 0, device: "video0", name: "VIDIOC_G_INPUT", cmd: 0x80045626, pid: 1 },
    ...{ comm: "a", file: 1n, durationUs: 2, result: 0, errno: undefined, detail: undefined },
    monotonicNs: 5,
    bytes: { ...bytes, note: undefined },
  };
  const described = { text: "value=0", dialog: "value=0", object: { value: 0 }, asked: undefined };

  it("has words for listeners, made once and if they ask; a recorder gets the facts alone, and no words are made", () => {
    const trace = new TraceStream();
    const describer = { describe: vi.fn(() => described) };
    const recorded: RecordedEvent[] = [];
    const heard: TraceEvent[] = [];
    trace.record((told) => recorded.push(told));
    trace.emitIoctl(event, describer);
    expect(recorded).toEqual([event]);
    trace.subscribe((told) => heard.push(told));
    trace.emitIoctl(event, describer);
    expect(describer.describe).not.toHaveBeenCalled();
    expect(recorded).toEqual([event, event]);
    const [first] = heard;
    if (first?.kind !== "ioctl") throw new Error("no ioctl");
    expect([first.text(), first.dialog(), first.args(), first.asked()]).toEqual([
      "value=0",
      "value=0",
      { value: 0 },
      undefined,
    ]);
    expect(describer.describe).toHaveBeenCalledTimes(1);
  });

  it("comes to recorders and listeners alike in its order among other events", () => {
    const trace = new TraceStream();
    const told: string[][] = [[], []];
    trace.record(({ kind }) => told[0]?.push(kind));
    trace.subscribe(({ kind }) => told[1]?.push(kind));
    trace.emit({ ...traceTimes(), kind: "dropped", device: "video0", count: 1 });
    trace.emitIoctl(event, { describe: () => described });
    trace.message({ ...traceTimes(), kind: "message", device: "video0", level: "info", text: "" });
    expect(told).toEqual([
      ["dropped", "ioctl", "message"],
      ["dropped", "ioctl", "message"],
    ]);
  });

  it("says what was asked of a device that is gone", async () => {
    const harness = new Harness({ ops: allOps });
    const events: RecordedEvent[] = [];
    harness.device.trace.record((told) => told.kind === "ioctl" && events.push(told));
    harness.device.unregister();
    expect(await errnoOf(() => harness.ioctl("VIDIOC_G_FMT"))).toBe("ENODEV");
    expect(events).toMatchObject([
      { errno: "ENODEV", bytes: { asked: expect.any(Uint8Array) as Uint8Array } },
    ]);
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
