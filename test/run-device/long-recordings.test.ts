/**
 * Long recordings: every command reads them in constant memory. A recording of a real
 * client, told again and again as the sessions of ever new clients, is read by a process whose heap has little more room than
 * Node.js and the command take by themselves: what is kept of each event, or of each session, does not fit.
 */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fileSink, Recorder, Recording } from "../../src/events/index.js";
import type { TraceEvent } from "../../src/v4l2/index.js";
import { builtProgram } from "../device/support/camera.js";

const EVENTS = 100_000;
const HEAP_MIB = 24;

const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
const long = join(folder, "long");

/** The events of a recording, to keep. */
function eventsOf(path: string): TraceEvent[] {
  const fd = openSync(path, "r");
  const events: TraceEvent[] = [];
  for (const event of new Recording(fd, path).events()) {
    if (event.kind !== "ioctl") events.push(event);
    else {
      const { asked, given } = event.bytes;
      events.push({ ...event, bytes: { ...event.bytes, asked: asked?.slice(), given: given.slice() } });
    }
  }
  closeSync(fd);
  return events;
}

/** The same session later, of another process and other files. */
function later(event: TraceEvent, round: number, spanNs: number): TraceEvent {
  const pid = "pid" in event && event.pid !== undefined && { pid: event.pid + round };
  const file = "file" in event && event.file !== undefined && { file: event.file + BigInt(round) * 100n };
  return { ...event, monotonicNs: event.monotonicNs + round * spanNs, ...pid, ...file };
}

beforeAll(async () => {
  const short = join(folder, "short");
  const client = ["v4l2-ctl", "-d", "/dev/video0", "--stream-mmap=4", "--stream-count=5"];
  const options = ["run", "--quiet", "--device", "sample", "--record", short];
  const run = spawnSync(process.execPath, [builtProgram(), ...options, "--", ...client], {
    encoding: "utf8",
  });
  expect(run.status, run.stderr).toBe(0);
  const events = eventsOf(short);
  const spanNs = (events.at(-1)?.monotonicNs ?? 0) - (events[0]?.monotonicNs ?? 0) + 1e6;
  const fd = openSync(long, "w");
  const recorder = new Recorder(fileSink(fd), {
    program: "test",
    failed: (error) => {
      throw error;
    },
  });
  for (let count = 0, round = 0; count < EVENTS; round++) {
    for (const event of events) recorder.take(later(event, round, spanNs));
    count += events.length;
    // It is written meanwhile: what has no room is dropped.
    while (recorder.dropped > 0) await sleep(10);
    if (round % 10 === 0) await sleep(1);
  }
  await recorder.end();
  closeSync(fd);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const rules = ["frames >= 100", "no broken frames", "VIDIOC_REQBUFS before VIDIOC_STREAMON"];

describe("a recording of 100,000 events of ever new clients", () => {
  it.each([
    ["explain", [long]],
    ["expect", [long, ...rules]],
    ["export", [long, "--to", "perfetto", "-o", "/dev/null"]],
    ["export", [long, "--to", "ftrace", "-o", "/dev/null"]],
    ["export", [long, "--to", "v4l2-tracer", "-o", "/dev/null"]],
    ["events", [long, "--kinds", "frame"]],
  ])("is read by %s %s in a small heap", (command, args) => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [`--max-old-space-size=${HEAP_MIB}`, builtProgram(), command, ...args],
      { encoding: "utf8", maxBuffer: 1 << 28 },
    );
    expect(status, stderr.slice(-2000)).toBe(0);
  });
});
