/** Each cause of lateness in a row of events of its own, and no other is named. */
import { describe, expect, it } from "vitest";
import { LateFrames, type LateFrame, type LateOptions } from "../../src/events/index.js";
import type {
  BufferEvent,
  FrameEvent,
  JobEvent,
  LoopEvent,
  TraceEvent,
  WorkerEvent,
} from "../../src/v4l2/index.js";

const MS = 1e6;
const at = (ms: number): { timeMs: number; monotonicNs: number; device: string } => ({
  timeMs: ms,
  monotonicNs: ms * MS,
  device: "video0",
});
const INTERVAL = 33 * MS;

/** @param depth - Buffers that are queued or the driver's. */
const buffer = (ms: number, index: number, to: string, depth: number, file = 1n): BufferEvent => ({
  ...at(ms),
  kind: "buffer",
  file,
  type: 1,
  index,
  from: "",
  to,
  sequence: 0,
  timestampNs: 0n,
  bytesused: [],
  request: undefined,
  queued: 0,
  active: depth,
  done: 0,
  buffers: 3,
});
const frame = (ms: number, dueMs: number, members: Partial<FrameEvent> = {}): FrameEvent => ({
  ...at(ms),
  kind: "frame",
  action: "drawn",
  file: 1n,
  type: 1,
  index: 0,
  sequence: 41,
  dueNs: dueMs * MS,
  lateNs: (ms - dueMs) * MS,
  drawNs: 0,
  intervalNs: INTERVAL,
  reason: undefined,
  clientState: undefined,
  ...members,
});
const lost = (ms: number, dueMs: number, clientState = "S"): FrameEvent =>
  frame(ms, dueMs, { action: "lost", index: undefined, reason: "no buffer is queued", clientState });
const loop = (ms: number, blockedMs: number, members: Partial<LoopEvent> = {}): LoopEvent => ({
  ...at(ms),
  kind: "loop",
  fromNs: (ms - blockedMs) * MS,
  blockedNs: blockedMs * MS,
  cpuNs: blockedMs * MS,
  waitedNs: 0,
  stopped: false,
  ...members,
});
const job = (ms: number, action: JobEvent["action"], number: number, file = 1n): JobEvent => ({
  ...at(ms),
  kind: "job",
  file,
  action,
  job: number,
  request: undefined,
  source: 0,
  destination: 0,
});
const worker = (ms: number, action: WorkerEvent["action"], serial = 1): WorkerEvent => ({
  ...at(ms),
  kind: "worker",
  action,
  pid: 9,
  file: 1n,
  serial,
  detail: undefined,
});

function explain(events: readonly TraceEvent[], options?: LateOptions): LateFrame[] {
  const frames: LateFrame[] = [];
  const late = new LateFrames((found) => frames.push(found), options);
  for (const event of events) late.take(event);
  late.end();
  return frames;
}

const all = (to: string, ms: number): BufferEvent[] =>
  [0, 1, 2].map((index) => buffer(ms, index, to, to === "active" ? 1 : 0));

const cases: readonly (readonly [
  title: string,
  events: readonly TraceEvent[],
  cause: string,
  sentences: string | readonly string[],
])[] = [
  [
    "buffers wait for DQBUF",
    [...all("active", 0), ...all("done", 50), buffer(60, 0, "dequeued", 0), lost(101, 100)],
    "slow client",
    "frame 41 of file 1 was lost: 2 buffers waited for DQBUF, the first of them for 51 ms",
  ],
  [
    "the client holds all buffers",
    [...all("active", 0), ...all("done", 50), ...all("dequeued", 60), lost(101, 100)],
    "starved queue",
    "frame 41 of file 1 was lost: the client held all 3 buffers, and had none queued for 51 ms",
  ],
  [
    "the event loop calculates",
    [frame(300, 100), loop(300, 250)],
    "blocked loop",
    "frame 41 of file 1 was 200 ms late: the driver's event loop was blocked for 250 ms: it was busy",
  ],
  [
    "the event loop waits for the system, and no buffer is left when it goes on",
    [...all("done", 50), lost(300, 100), loop(300, 250, { cpuNs: 0 })],
    "blocked loop",
    "frame 41 of file 1 was lost: the driver's event loop was blocked for 250 ms: it waited for something",
  ],
  [
    "the driver is stopped",
    [frame(300, 100), loop(301, 250, { cpuNs: 0, stopped: true })],
    "paused process",
    "frame 41 of file 1 was 200 ms late: the driver's process was stopped for 250 ms",
  ],
  [
    "the driver has no processor",
    [frame(300, 100), loop(301, 250, { cpuNs: 0, waitedNs: 240 * MS })],
    "paused process",
    "frame 41 of file 1 was 200 ms late: the driver's process had no processor for 240 ms of 250 ms",
  ],
  [
    "the client is stopped",
    [...all("done", 50), lost(101, 100, "T")],
    "paused process",
    "frame 41 of file 1 was lost: the client was stopped, and has queued no buffer for 51 ms",
  ],
  [
    "drawing takes long",
    [frame(150, 100, { drawNs: 45 * MS })],
    "slow worker",
    "frame 41 of file 1 was 50 ms late: drawing it took 45 ms",
  ],
  [
    "buffers waited for DQBUF for long when the event loop was blocked, too",
    [...all("active", 0), ...all("done", 50), lost(1130, 1100), loop(1130, 60)],
    "slow client",
    "frame 41 of file 1 was lost: 3 buffers waited for DQBUF, the first of them for 1080 ms",
  ],
  [
    "the client is stopped before it has queued a buffer",
    [lost(101, 100, "T")],
    "paused process",
    "frame 41 of file 1 was lost: the client was stopped",
  ],
  [
    "the client was stopped, and has just gone on",
    [...all("active", 0), ...all("done", 50), lost(101, 100, "T"), lost(134, 133)],
    "paused process",
    [
      "frame 41 of file 1 was lost: the client was stopped, and has queued no buffer for 51 ms",
      "frame 41 of file 1 was lost: the client had been stopped, and has queued no buffer for 84 ms",
    ],
  ],
  [
    "drawing takes long, and blocks the event loop with it",
    [frame(400, 100, { drawNs: 290 * MS }), loop(401, 295)],
    "slow worker",
    "frame 41 of file 1 was 300 ms late: drawing it took 290 ms",
  ],
  [
    "the driver is stopped while it draws",
    [frame(400, 100, { drawNs: 290 * MS }), loop(401, 295, { stopped: true })],
    "paused process",
    "frame 41 of file 1 was 300 ms late: the driver's process was stopped for 295 ms",
  ],
  [
    "the worker takes long",
    [
      job(0, "queued", 5),
      job(1, "started", 5),
      worker(2, "sent"),
      worker(98, "answered"),
      job(100, "finished", 5),
    ],
    "slow worker",
    "job 5 of file 1 was 100 ms late: the worker took 96 ms",
  ],
  [
    "the driver itself takes long",
    [job(0, "queued", 5), job(1, "started", 5), job(100, "finished", 5)],
    "slow worker",
    "job 5 of file 1 was 100 ms late: the driver took 99 ms to carry it out",
  ],
  [
    "the job of another file runs",
    [
      job(0, "queued", 4, 2n),
      job(0, "started", 4, 2n),
      job(5, "queued", 5),
      job(35, "finished", 4, 2n),
      job(35, "started", 5),
      job(66, "finished", 5),
    ],
    "other file's job",
    "job 5 of file 1 was 61 ms late: jobs of other files ran for 30 ms before it",
  ],
  [
    "the job would have come in time without that of another file",
    [
      job(0, "queued", 4, 2n),
      job(0, "started", 4, 2n),
      job(5, "queued", 5),
      job(20, "finished", 4, 2n),
      job(20, "started", 5),
      job(56, "finished", 5),
    ],
    "other file's job",
    "job 5 of file 1 was 51 ms late: jobs of other files ran for 15 ms before it",
  ],
  [
    "jobs of its own file overlap it, and two of another file each other",
    [
      job(0, "queued", 3, 2n),
      job(0, "queued", 4, 2n),
      job(0, "started", 3, 2n),
      job(1, "started", 4, 2n),
      job(2, "queued", 5),
      job(30, "finished", 3, 2n),
      job(31, "finished", 4, 2n),
      job(32, "started", 5),
      job(33, "queued", 6),
      job(33, "started", 6),
      job(60, "finished", 5),
      job(61, "finished", 6),
    ],
    "other file's job",
    "job 5 of file 1 was 58 ms late: jobs of other files ran for 29 ms before it",
  ],
  [
    "the worker has two jobs at once, each for its own time",
    [
      ...[job(0, "queued", 5), job(0, "started", 5), worker(0, "sent", 1)],
      ...[job(1, "queued", 6), job(1, "started", 6), worker(1, "sent", 2)],
      ...[worker(30, "answered", 1), job(30, "finished", 5), worker(90, "answered", 2)],
      job(90, "finished", 6),
    ],
    "slow worker",
    "job 6 of file 1 was 60 ms late: the worker took 60 ms",
  ],
  [
    "the device fills a buffer, and is not done with it",
    [buffer(60, 0, "active", 1), { ...lost(101, 100), drawNs: 40 * MS }],
    "slow worker",
    "frame 41 of file 1 was lost: the device had been drawing the one before it for 40 ms",
  ],
  [
    "a buffer is there, but it is too small",
    [buffer(60, 0, "active", 1), { ...lost(101, 100), reason: "it does not fit into the buffer" }],
    "unknown",
    "frame 41 of file 1 was lost: it does not fit into the buffer",
  ],
  [
    "nothing that is recorded",
    [frame(115, 100)],
    "unknown",
    "frame 41 of file 1 was 15 ms late: no event tells why: the driver's process may not have had the processor",
  ],
];

describe("a late or lost frame", () => {
  it.each(cases)("when %s", (_title, events, cause, sentences) => {
    expect(explain(events).map((found) => [found.cause, found.sentence])).toEqual(
      [sentences].flat().map((sentence) => [cause, sentence]),
    );
  });

  it("is told once the events of the half second after it are known, and not later", () => {
    const frames: LateFrame[] = [];
    const late = new LateFrames((found) => frames.push(found));
    late.take(frame(300, 100));
    late.take(loop(310, 250));
    late.take(frame(790, 789));
    expect(frames).toHaveLength(0);
    late.take(frame(801, 800));
    expect(frames.map(({ cause }) => cause)).toEqual(["blocked loop"]);
  });
});

describe("no frame is late", () => {
  it.each<[string, readonly TraceEvent[]]>([
    ["that came in time, though the loop was blocked before", [loop(90, 80), frame(101, 100)]],
    ["that came within a quarter of its interval", [frame(108, 100)]],
    ["of a device that is not paced", [frame(500, 100, { intervalNs: undefined })]],
    ["whose job was aborted", [job(0, "queued", 1), job(1, "started", 1), job(500, "aborted", 1)]],
    [
      "whose job had to wait for its own file's",
      [
        job(0, "queued", 1),
        job(0, "started", 1),
        job(30, "finished", 1),
        job(30, "queued", 2),
        job(30, "started", 2),
        job(60, "finished", 2),
      ],
    ],
  ])("%s", (_title, events) => {
    expect(explain(events)).toEqual([]);
  });

  it("but with another limit it is", () => {
    expect(explain([frame(103, 100)], { lateNs: 2 * MS })).toHaveLength(1);
    expect(explain([frame(150, 100)], { lateNs: 60 * MS })).toHaveLength(0);
  });
});
