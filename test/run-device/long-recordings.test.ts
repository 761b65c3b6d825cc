/**
 * Long recordings: every command reads them in constant memory. A recording of a real
 * client, told again and again as the sessions of ever new clients, is read by a process whose heap has little more room than
 * Node.js and the command take by themselves: what is kept of each event, or of each session, does not fit.
 */
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fileSink, Recorder, Recording } from "../../src/events/index.js";
import type { TraceEvent } from "../../src/v4l2/index.js";
import { RequestbuffersView } from "../../src/v4l2/gen/index.js";
import { builtProgram } from "../device/support/camera.js";

const EVENTS = 100_000;
const HEAP_MIB = 24;
/** All of a recording may wait to be written: nothing is dropped. */
const ROOM_BYTES = 64 << 20;

const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
const long = join(folder, "long");
/** As `long`, but its last client asks for another number of buffers. */
const other = join(folder, "other");

/** The events of a recording, to keep. */
function eventsOf(path: string): TraceEvent[] {
  const fd = openSync(path, "r");
  const events: TraceEvent[] = [];
  for (const event of new Recording(fd, path).events()) {
    if (event.kind !== "ioctl") events.push(event);
    else {
      const { asked, given, askedArray, givenArray, askedPayloads, givenPayloads, note } = event.bytes;
      const bytes = {
        asked: asked && new Uint8Array(asked),
        given: new Uint8Array(given),
        askedArray: askedArray && new Uint8Array(askedArray),
        givenArray: givenArray && new Uint8Array(givenArray),
        askedPayloads: askedPayloads && new Uint8Array(askedPayloads),
        givenPayloads: givenPayloads && new Uint8Array(givenPayloads),
        note,
      };
      events.push({ ...event, bytes });
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

/** The same call that asks for one buffer more. */
function withMoreBuffers(event: TraceEvent): TraceEvent {
  if (event.kind !== "ioctl" || event.name !== "VIDIOC_REQBUFS") return event;
  const asked = new RequestbuffersView(new Uint8Array(event.bytes.asked ?? event.bytes.given));
  asked.count += 1;
  return { ...event, bytes: { ...event.bytes, asked: asked.bytes } };
}

/** Writes a recording of these sessions. */
async function tell(path: string, sessions: Iterable<readonly TraceEvent[]>): Promise<void> {
  const fd = openSync(path, "w");
  const recorder = new Recorder(fileSink(fd), {
    program: "test",
    failed: (error) => {
      throw error;
    },
    maxWaitingBytes: ROOM_BYTES,
  });
  for (const events of sessions) for (const event of events) recorder.take(event);
  expect(recorder.dropped).toBe(0);
  await recorder.end();
  closeSync(fd);
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
  const rounds = Math.ceil(EVENTS / events.length);
  function* sessions(last: readonly TraceEvent[]): Generator<readonly TraceEvent[]> {
    for (let round = 0; round < rounds; round++)
      yield (round < rounds - 1 ? events : last).map((event) => later(event, round, spanNs));
  }
  await tell(long, sessions(events));
  await tell(other, sessions(events.map(withMoreBuffers)));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const rules = ["frames >= 100", "no broken frames", "VIDIOC_REQBUFS before VIDIOC_STREAMON"];

function inSmallHeap(command: string, ...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [`--max-old-space-size=${HEAP_MIB}`, builtProgram(), command, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
}

describe("a recording of 100,000 events of ever new clients", () => {
  it.each([
    ["explain", [long]],
    ["expect", [long, ...rules]],
    ["export", [long, "--to", "perfetto", "-o", "/dev/null"]],
    ["export", [long, "--to", "ftrace", "-o", "/dev/null"]],
    ["export", [long, "--to", "v4l2-tracer", "-o", "/dev/null"]],
    ["events", [long, "--kinds", "frame"]],
    ["diff", [long, long]],
  ])("is read by %s %s in a small heap", (command, args) => {
    const { status, stderr } = inSmallHeap(command, ...args);
    expect(status, stderr.slice(-2000)).toBe(0);
  });

  it("is compared in a small heap with one whose last client asks for something else", () => {
    const { status, stdout, stderr } = inSmallHeap("diff", long, other, "--json");
    expect(status, stderr.slice(-2000)).toBe(1);
    const { compared, differences } = JSON.parse(stdout) as {
      readonly compared: number;
      readonly differences: readonly unknown[];
    };
    expect(compared).toBeGreaterThan(EVENTS / 4);
    const asked = [{ field: "v4l2_requestbuffers.count", a: 4, b: 5 }];
    expect(differences).toMatchObject([{ what: "asked", a: { name: "VIDIOC_REQBUFS" }, asked }]);
  });
});
