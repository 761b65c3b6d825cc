/** What other tools are given. That they read it is for test/run-device/recordings.test.ts. */
import { describe, expect, it } from "vitest";
import { ChromeTrace, ftraceLines } from "../../src/events/index.js";
import type { JobEvent, TraceEvent, WorkerEvent } from "../../src/v4l2/index.js";
import { base, bufferBytes, examples, ioctl } from "./support/events.js";

interface Item {
  readonly ph: string;
  readonly name?: string;
  readonly pid: number;
  readonly tid?: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly id?: number | string;
  readonly args?: Readonly<Record<string, unknown>>;
}

function chrome(events: readonly TraceEvent[]): readonly Item[] {
  let text = "";
  const trace = new ChromeTrace((piece) => (text += piece));
  for (const event of events) trace.take(event);
  trace.end();
  return (JSON.parse(text) as { readonly traceEvents: readonly Item[] }).traceEvents;
}

const us = 1000;
const call = (name: string, endUs: number, durationUs: number, index = 0): TraceEvent =>
  ioctl({
    name,
    monotonicNs: endUs * us,
    durationUs,
    bytes: {
      asked: undefined,
      given: bufferBytes(index),
      askedArray: undefined,
      givenArray: undefined,
      note: undefined,
    },
  });

describe("Chrome's format", () => {
  it("takes every kind of event", () => {
    const items = chrome(examples);
    expect(items.length).toBeGreaterThan(examples.length);
    expect(items.every(({ ph, ts }) => ph === "M" || (ts !== undefined && ts >= 0))).toBe(true);
  });

  it("is whole without any event", () => {
    expect(chrome([])).toEqual([]);
  });

  it("puts calls that overlap on tracks of their own", () => {
    const items = chrome([
      call("VIDIOC_QBUF", 30, 10),
      call("VIDIOC_G_FMT", 50, 10),
      call("VIDIOC_DQBUF", 60, 55),
    ]);
    const slices = items.filter(({ ph }) => ph === "X");
    expect(slices.map(({ name, tid, ts, dur }) => [name, tid, ts, dur])).toEqual([
      ["VIDIOC_QBUF", 10, 20, 10],
      ["VIDIOC_G_FMT", 10, 40, 10],
      ["VIDIOC_DQBUF", 11, 5, 55],
    ]);
  });

  it("puts jobs of a file that overlap, and what its worker does, on tracks of their own", () => {
    const at = (timeUs: number) => ({ ...base, monotonicNs: timeUs * us, file: 2n });
    const job = (timeUs: number, action: JobEvent["action"], number: number): JobEvent => ({
      ...at(timeUs),
      ...{ kind: "job", action, job: number, request: undefined, source: undefined, destination: undefined },
    });
    const worker = (timeUs: number, action: WorkerEvent["action"], serial: number): WorkerEvent => ({
      ...at(timeUs),
      ...{ kind: "worker", action, pid: 9, serial, detail: undefined },
    });
    const items = chrome([
      ...[job(10, "started", 1), worker(11, "sent", 1), job(12, "started", 2), worker(13, "sent", 2)],
      ...[worker(20, "answered", 1), job(21, "finished", 1), job(22, "started", 3), worker(23, "sent", 3)],
      ...[
        worker(30, "answered", 2),
        job(31, "finished", 2),
        worker(40, "answered", 3),
        job(41, "finished", 3),
      ],
    ]);
    const tracks = new Map(
      items.flatMap(({ name, tid, args }) =>
        name === "thread_name" ? [[tid, args?.["name"]] as const] : [],
      ),
    );
    const slices = items.filter(({ ph }) => ph === "X");
    expect(slices.map(({ name, tid, ts, dur }) => [name, tracks.get(tid), ts, dur])).toEqual([
      ["work 1", "worker", 11, 9],
      ["job 1", "jobs", 10, 11],
      ["work 2", "worker 2", 13, 17],
      ["job 2", "jobs 2", 12, 19],
      ["work 3", "worker", 23, 17],
      ["job 3", "jobs", 22, 19],
    ]);
  });

  it("draws an arrow from QBUF by the frame to DQBUF, each in the slice that it belongs to", () => {
    const frame: TraceEvent = {
      ...base,
      kind: "frame",
      action: "drawn",
      monotonicNs: 100 * us,
      file: 2n,
      type: 1,
      index: 5,
      sequence: 1,
      dueNs: 90 * us,
      lateNs: 10 * us,
      drawNs: 4 * us,
      intervalNs: 33_000_000,
      reason: undefined,
      clientState: undefined,
    };
    const items = chrome([call("VIDIOC_QBUF", 30, 10, 5), frame, call("VIDIOC_DQBUF", 130, 100, 5)]);
    const arrows = items.filter(({ ph }) => "stf".includes(ph));
    expect(arrows.map(({ ph, id }) => [ph, id])).toEqual([
      ["s", 1],
      ["t", 1],
      ["f", 1],
    ]);
    for (const { ts = 0, tid, pid } of arrows) {
      const slices = items.filter((item) => item.ph === "X" && item.pid === pid && item.tid === tid);
      expect(slices.some((slice) => (slice.ts ?? 0) <= ts && ts < (slice.ts ?? 0) + (slice.dur ?? 0))).toBe(
        true,
      );
    }
  });

  it("begins and ends each state of a buffer once", () => {
    const step = (to: string, atUs: number): TraceEvent => ({
      ...base,
      kind: "buffer",
      monotonicNs: atUs * us,
      file: 2n,
      type: 1,
      index: 0,
      from: "",
      to,
      sequence: 0,
      timestampNs: 0n,
      bytesused: [],
      request: undefined,
      queued: 1,
      active: 0,
      done: 0,
      buffers: 1,
    });
    const items = chrome([step("queued", 1), step("active", 2), step("done", 5), step("dequeued", 9)]);
    const states = items.filter(({ ph }) => ph === "b" || ph === "e");
    expect(states.map(({ ph, name, ts }) => `${ph} ${name ?? ""} ${ts ?? ""}`)).toEqual([
      "b vid-cap 0 queued 1",
      "e vid-cap 0 queued 2",
      "b vid-cap 0 active 2",
      "e vid-cap 0 active 5",
      "b vid-cap 0 done 5",
      "e vid-cap 0 done 9",
    ]);
    expect(items.filter(({ ph }) => ph === "C").map(({ args }) => args)).toHaveLength(4);
  });

  it("remembers nothing of files that are closed", () => {
    // With half a million of them the process would run out of memory otherwise; here their numbers tell.
    const opened = Array.from({ length: 200 }, (_, number): TraceEvent[] => {
      const file = {
        ...base,
        kind: "file",
        pid: 1,
        comm: "x",
        file: BigInt(number),
        size: 0,
        value: 0,
        errno: undefined,
        durationUs: 1,
      } as const;
      return [
        { ...file, action: "open" },
        { ...file, action: "release" },
      ];
    });
    const names = chrome(opened.flat()).filter(({ name }) => name === "process_name");
    expect(new Set(names.map(({ pid }) => pid)).size).toBe(200);
  });
});

describe("ftrace's text", () => {
  const lines = (events: readonly TraceEvent[]): (string | undefined)[] => {
    const line = ftraceLines();
    return events.map((event) => line(event));
  };

  it("has the kernel's words for QBUF", () => {
    const given = bufferBytes(1);
    const view = new DataView(given.buffer);
    view.setUint32(4, 10, true);
    view.setUint32(12, 0x4001 | 0x800080, true);
    view.setUint32(16, 1, true);
    view.setBigInt64(32, 1n, true);
    const bytes = { asked: undefined, given, askedArray: undefined, givenArray: undefined, note: undefined };
    // As Linux 6.12 wrote it for GStreamer on visl, but for the bits that are no flag of its table.
    expect(lines([ioctl({ comm: "ivfparse0:sink", pid: 385, monotonicNs: 42_821_488_000, bytes })])).toEqual([
      "  ivfparse0:sink-385     [000] .....    42.821488: v4l2_qbuf: minor = 0, index = 1, type = VIDEO_OUTPUT_MPLANE, " +
        "bytesused = 0, flags = MAPPED|TIMESTAMP_UNKNOWN|TIMESTAMP_COPY|0x800080, field = NONE, timestamp = 1000, " +
        "timecode = { type = 0x0, flags = , frames = 0, seconds = 0, minutes = 0, hours = 0, userbits = { 0 0 0 0 } }, sequence = 0",
    ]);
  });

  it("has what videobuf2 does with a buffer, under its client's name", () => {
    const open: TraceEvent = {
      ...base,
      kind: "file",
      action: "open",
      pid: 7,
      comm: "gst",
      file: 2n,
      size: 0,
      value: 0,
      errno: undefined,
      durationUs: 1,
    };
    const step = (from: string, to: string): TraceEvent => ({
      ...base,
      kind: "buffer",
      file: 2n,
      type: 9,
      index: 0,
      from,
      to,
      sequence: 0,
      timestampNs: 1000n,
      bytesused: [115200],
      request: undefined,
      queued: 0,
      active: 1,
      done: 0,
      buffers: 2,
    });
    const told = lines([
      open,
      step("dequeued", "preparing"),
      step("dequeued", "queued"),
      step("queued", "active"),
      step("active", "done"),
      step("done", "dequeued"),
    ]);
    expect(told.map((line) => / (vb2_\w+):/.exec(line ?? "")?.[1])).toEqual([
      undefined,
      undefined,
      "vb2_qbuf",
      "vb2_buf_queue",
      "vb2_buf_done",
      "vb2_dqbuf",
    ]);
    expect(told[3]).toBe(
      "             gst-7       [000] .....     5.000000: vb2_buf_queue: owner = 0000000000000000, queued = 1, " +
        "owned_by_drv = 1, index = 0, type = 9, bytesused = 115200, timestamp = 1000",
    );
  });
});
