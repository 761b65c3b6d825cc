/** Whatever bytes a recording has, it is played or compared, or refused in one sentence. The driver is /dev/null: it refuses all. */
import { describe, expect, it } from "vitest";
import { Recording, RecordingError } from "../../src/events/index.js";
import {
  Player,
  RecordedCalls,
  RecordedSteps,
  ReplayError,
  sessionDifferences,
  SessionFacts,
  type DiffCall,
  type Parting,
} from "../../src/replay/index.js";
import { IOCTLS } from "../../src/v4l2/gen/index.js";
import { controlPayloads, type IoctlEvent, type TraceEvent } from "../../src/v4l2/index.js";
import { bufferBytes, examples, ioctl, record } from "../events/support/events.js";

const noBytes = {
  askedArray: undefined,
  givenArray: undefined,
  note: undefined,
  askedPayloads: undefined,
  givenPayloads: undefined,
};

function call(name: keyof typeof IOCTLS, members: Partial<IoctlEvent["bytes"]> = {}): IoctlEvent {
  const { number: cmd, size } = IOCTLS[name];
  const bytes = { ...noBytes, asked: new Uint8Array(size), given: new Uint8Array(size), ...members };
  return ioctl({ name, cmd, bytes, errno: "ENOTTY", result: -25 });
}

/** An argument of extended controls that says it has so many. */
function controls(count: number): Uint8Array {
  const bytes = new Uint8Array(IOCTLS.VIDIOC_S_EXT_CTRLS.size);
  new DataView(bytes.buffer).setUint32(4, count, true);
  return bytes;
}

/** One control that says its payload has so many bytes. */
function control(size: number): Uint8Array {
  const bytes = new Uint8Array(20);
  new DataView(bytes.buffer).setUint32(4, size, true);
  return bytes;
}

function play(events: Iterable<TraceEvent>): { readonly partings: Parting[]; readonly played: number } {
  const player = new Player({ nodes: { video: "/dev/null" }, timeoutMs: 0, ignored: [] });
  const steps = new RecordedSteps(
    new SessionFacts(),
    (bytes) => new Map(controlPayloads(bytes).map(({ index, bytes: payload }) => [index, payload])),
  );
  const partings: Parting[] = [];
  try {
    for (const event of events)
      for (const step of steps.of(event)) {
        const parting = player.play(step);
        if (parting !== undefined) partings.push(parting);
      }
  } finally {
    player.end();
  }
  return { partings, played: player.played };
}

function* callsOf(events: Iterable<TraceEvent>): Generator<DiffCall, void, undefined> {
  const calls = new RecordedCalls();
  for (const event of events) yield* calls.of(event);
}

const session: readonly TraceEvent[] = [
  call("VIDIOC_QUERYCAP"),
  call("VIDIOC_S_FMT"),
  call("VIDIOC_QBUF", { asked: bufferBytes(), given: bufferBytes() }),
  call("VIDIOC_S_EXT_CTRLS", { asked: controls(1), askedArray: control(0), givenArray: control(0) }),
  ...examples.filter(({ kind }) => kind === "file" || kind === "data"),
];

/** The bytes with one of them another; and the bytes up to there. */
function* damaged(bytes: Buffer): Generator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.byteLength; at += 29) {
    for (const value of [0xff, 0x00]) {
      const wrong = Buffer.from(bytes);
      wrong[at] = value;
      yield wrong;
    }
    yield bytes.subarray(0, at);
  }
}

describe("a session that is played", () => {
  it("is compared answer by answer", () => {
    const { partings, played } = play([call("VIDIOC_S_FMT"), { ...call("VIDIOC_G_FMT"), errno: undefined }]);
    expect(played).toBe(2);
    expect(partings).toEqual([
      {
        where: "call 2",
        ioctl: "VIDIOC_G_FMT",
        differences: [{ field: "errno", expected: "success", got: "ENOTTY" }],
      },
    ]);
  });

  it("sends no ioctl whose number is not that of its name, or that the uAPI does not know", () => {
    for (const wrong of [
      { ...call("VIDIOC_S_FMT"), cmd: 0x5401 },
      { ...call("VIDIOC_S_FMT"), name: "__proto__" },
      { ...call("VIDIOC_S_FMT"), name: "TIOCSTI", cmd: 0x5412 },
    ])
      expect(() => play([wrong])).toThrow(ReplayError);
  });

  it("with counts and sizes larger than what is there has the memory of what is there", () => {
    const huge = 0xffff_fff0;
    const counted = call("VIDIOC_S_EXT_CTRLS", { asked: controls(huge), askedArray: control(0) });
    expect(play([counted]).played).toBe(1);
    const sized = call("VIDIOC_S_EXT_CTRLS", { asked: controls(1), askedArray: control(huge) });
    expect(play([sized]).played).toBe(0);
    const planes = bufferBytes();
    new DataView(planes.buffer).setUint32(4, 9, true);
    new DataView(planes.buffer).setUint32(72, huge, true);
    expect(play([call("VIDIOC_QBUF", { asked: planes, given: planes })]).played).toBe(1);
    const short = call("VIDIOC_QBUF", { asked: new Uint8Array(3), given: new Uint8Array(0) });
    expect(play([short]).played).toBe(1);
  });

  it("whose bytes are cut or wrong is played or refused, and nothing else", async () => {
    for (const wrong of damaged(await record(session))) {
      try {
        play(new Recording(wrong, "x").events());
      } catch (error) {
        if (!(error instanceof RecordingError || error instanceof ReplayError)) throw error;
      }
    }
  });
});

describe("a session that is compared with another", () => {
  it("whose bytes are cut or wrong differs or is refused, and nothing else", async () => {
    const bytes = await record(session);
    for (const wrong of damaged(bytes)) {
      try {
        const [a, b] = [new Recording(bytes, "a"), new Recording(wrong, "b")];
        const { differences } = sessionDifferences(callsOf(a.events()), callsOf(b.events()), { most: 5 });
        for (const { a: left, b: right } of differences) for (const one of [left, right]) one?.line();
      } catch (error) {
        if (!(error instanceof RecordingError)) throw error;
      }
    }
  });
});
