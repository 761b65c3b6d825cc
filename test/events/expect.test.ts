/** What rules say of a recording's events: how they are read, and when they hold. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { Expectations, junitXml, parseRule, parseRules, RuleError } from "../../src/events/index.js";
import type { BufferEvent, FrameEvent, TraceEvent } from "../../src/v4l2/index.js";
import { base, examples, ioctl } from "./support/events.js";

const VID_CAP = 1;
const VID_OUT = 2;

/** A buffer that its client gets back. */
const fetched = (members: Partial<BufferEvent> = {}): TraceEvent => ({
  ...base,
  kind: "buffer",
  file: 2n,
  type: VID_CAP,
  index: 0,
  from: "done",
  to: "dequeued",
  sequence: 0,
  timestampNs: 0n,
  bytesused: [10],
  request: undefined,
  queued: 0,
  active: 0,
  done: 0,
  buffers: 4,
  ...members,
});
const call = (name: string, members: Parameters<typeof ioctl>[0] = {}): TraceEvent =>
  ioctl({ name, ...members });
const refused = (name: string, errno: string): TraceEvent => call(name, { errno, result: 22 });
const dqbuf = (members: Partial<BufferEvent> = {}): TraceEvent[] => [fetched(members), call("VIDIOC_DQBUF")];
const frame = (members: Partial<FrameEvent>): TraceEvent => ({
  ...base,
  kind: "frame",
  action: "lost",
  file: 2n,
  type: VID_CAP,
  index: undefined,
  sequence: 3,
  dueNs: 1e9,
  lateNs: 0,
  drawNs: 0,
  intervalNs: 33e6,
  reason: "no buffer is queued",
  clientState: undefined,
  ...members,
});
const read: TraceEvent = {
  ...base,
  kind: "file",
  action: "read",
  pid: 1,
  comm: "cat",
  file: 2n,
  size: 10,
  value: 10,
  errno: undefined,
  durationUs: 3,
};

function judge(
  rule: string,
  events: readonly TraceEvent[],
): { readonly holds: boolean; readonly found: string } {
  const expectations = new Expectations([parseRule(rule)]);
  for (const event of events) expectations.take(event);
  const [result] = expectations.end();
  if (result === undefined) throw new Error("no result");
  return { holds: result.holds, found: result.found };
}

const session: readonly TraceEvent[] = [
  call("VIDIOC_QUERYCAP", { comm: "ffmpeg" }),
  refused("VIDIOC_G_CTRL", "EINVAL"),
  call("VIDIOC_S_FMT", { args: () => ({ width: 640, pixelformat: "YUYV", rect: { left: 8 } }) }),
  call("VIDIOC_STREAMON"),
  ...dqbuf(),
  ...dqbuf({ sequence: 1 }),
  ...dqbuf({ from: "error", sequence: 2 }),
  ...dqbuf({ type: VID_OUT }),
  frame({}),
  // What STREAMOFF gives back was never fetched.
  fetched(),
  call("VIDIOC_STREAMOFF"),
];

describe("a rule", () => {
  it.each([
    ["frames = 2", true, "2"],
    ["frames >= 3", false, "2"],
    ["frames>=2", true, "2"],
    ["frames queue vid-out = 1", true, "1"],
    ["frames on video1 > 0", false, "0"],
    ["frames by v4l2-ctl = 2", true, "2"],
    ["frames by ffmpeg = 2", false, "0"],
    ["broken frames <= 1", true, "1"],
    ["no broken frames", false, "1"],
    ["lost frames = 1", true, "1"],
    ["no lost frames queue vid-out", true, "0"],
    ["no errors", false, "1"],
    ["no errors except EINVAL", true, "0"],
    ["no errors except EBUSY,EINVAL", true, "0"],
    ["no errors except EBUSY ENOTTY", false, "1"],
    ["errors < 2", true, "1"],
    ["VIDIOC_G_CTRL errors = 1", true, "1"],
    ["no VIDIOC_G_CTRL", true, "0"],
    ["VIDIOC_S_FMT", true, "1"],
    ["VIDIOC_S_FMT with width=640 pixelformat=YUYV", true, "1"],
    ['VIDIOC_S_FMT with width="640" rect.left=8', true, "1"],
    ["VIDIOC_S_FMT with width=320", false, "0"],
    ["VIDIOC_S_FMT with constructor=1", false, "0"],
    ["VIDIOC_S_FMT with width=640 != 0", true, "1"],
    ["VIDIOC_S_FMT before VIDIOC_STREAMON", true, "in this order"],
    ["VIDIOC_STREAMON before VIDIOC_S_FMT", false, "no VIDIOC_STREAMON before the first VIDIOC_S_FMT"],
    ["VIDIOC_QUERYCAP by ffmpeg before VIDIOC_STREAMON by v4l2-ctl", true, "in this order"],
    ["VIDIOC_S_FMT before VIDIOC_REQBUFS", false, "no VIDIOC_REQBUFS"],
    // A call does not come before itself.
    ["VIDIOC_STREAMON before VIDIOC_STREAMON", false, "no VIDIOC_STREAMON before the first VIDIOC_STREAMON"],
    ["VIDIOC_G_CTRL errors before VIDIOC_STREAMON", true, "in this order"],
  ])("%s: %s", (rule, holds, found) => {
    expect(judge(rule, session)).toEqual({ holds, found });
  });

  it("counts the frames of read()", () => {
    const events = [fetched(), read, { ...read, value: 3 } as TraceEvent, fetched({ sequence: 1 }), read];
    expect(judge("frames = 2", events)).toEqual({ holds: true, found: "2" });
  });

  it("about messages tells those of --check from others", () => {
    expect(judge("warnings = 3", examples)).toEqual({ holds: true, found: "3" });
    expect(judge("check messages = 1", examples)).toEqual({ holds: true, found: "1" });
  });

  it("about late frames goes by the limit that it is given", () => {
    const late = frame({ action: "drawn", index: 0, lateNs: 12e6 });
    for (const [lateNs, holds] of [
      [undefined, false],
      [20e6, true],
    ] as const) {
      const expectations = new Expectations([parseRule("no late frames on video0")], { lateNs });
      expectations.take(late);
      expect(expectations.end()).toMatchObject([{ holds }]);
    }
  });

  it("that does not hold names the first few events", () => {
    const expectations = new Expectations([parseRule("no errors")]);
    for (const event of Array.from({ length: 10 }, () => refused("VIDIOC_S_CTRL", "ERANGE")))
      expectations.take(event);
    const [result] = expectations.end();
    expect(result).toMatchObject({ holds: false, found: "10" });
    expect(result?.evidence).toHaveLength(3);
    expect(result?.evidence[0]).toContain("video0: VIDIOC_S_CTRL: error");
  });

  it("is about events that the recording has, and says how many it lacks", () => {
    const expectations = new Expectations([parseRule("frames = 0")]);
    expectations.take({ ...base, kind: "dropped", count: 7 });
    expect(expectations.dropped).toBe(7);
  });

  it.each([
    ["", "it ends before what it is about"],
    ["frames", "it does not say how many"],
    ["frames >=", "it ends before what stands after '>='"],
    ["frames >= many", "'many' is not a number"],
    ["frames >= -1", "'-1' is not a number"],
    ["no frames >= 1", "'>=' has no place there"],
    ["no", "it ends before what it is about"],
    ["pictures >= 1", "there is nothing called 'pictures'"],
    ["VIDIOC_S_FORMAT", "there is no call VIDIOC_S_FORMAT"],
    ["frames queue vid >= 1", "there is no queue 'vid'"],
    ["frames except EINVAL >= 1", "'except' belongs to errors"],
    ["no errors except", "'except' needs errnos"],
    ["no errors except einval", "'except' needs errnos"],
    ["no frames with width=1", "'with' belongs to an ioctl"],
    ["open with width=1", "'with' belongs to an ioctl"],
    ["VIDIOC_S_FMT with", "'with' needs members"],
    ["no late frames queue vid-cap", "'queue' belongs to frames"],
    ["no warnings by ffmpeg", "a message has no client"],
    ["frames before VIDIOC_STREAMON", "'before' stands between two calls"],
    ["VIDIOC_S_FMT >= 1 before VIDIOC_STREAMON", "'before' has no place there"],
    ['VIDIOC_S_FMT with name="x', "cannot be read"],
    ["frames >= 1 frames >= 2", "'frames' has no place there"],
  ])("cannot be %j", (rule, reason) => {
    expect(() => parseRule(rule)).toThrow(RuleError);
    expect(() => parseRule(rule)).toThrow(reason);
  });

  it("of any characters is a rule or one sentence", () => {
    const words = [
      "frames",
      "no",
      ">=",
      "1",
      "=",
      '"',
      "with",
      "by",
      "on",
      "before",
      "VIDIOC_QBUF",
      "\0",
      "x=1",
    ];
    for (let seed = 0; seed < 3000; seed++) {
      const text = [seed % 13, (seed >> 2) % 13, (seed >> 5) % 13, (seed >> 8) % 13]
        .map((index) => words[index])
        .join(seed % 3 === 0 ? "" : " ");
      try {
        parseRule(text);
      } catch (error) {
        expect(error).toBeInstanceOf(RuleError);
        expect((error as Error).message).toMatch(/^the rule '/);
      }
    }
    expect(() => parseRule("x".repeat(5000))).toThrow("more than 1024 characters");
  });

  it("stands in a line of a file", () => {
    const rules = parseRules("# a comment\r\n\n  frames >= 1  \nno errors\n");
    expect(rules.map(({ text }) => text)).toEqual(["frames >= 1", "no errors"]);
  });
});

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

describe("expectations", () => {
  it("take memory that does not grow with the recording", () => {
    const expectations = new Expectations(
      ["frames >= 0", "no late frames", "no errors"].map((rule) => parseRule(rule)),
    );
    // The clock stands still, files are never closed, buffers never fetched: more than any recorder writes.
    const feed = (count: number): void => {
      for (let n = 0; n < count; n++) {
        const file = BigInt(n);
        expectations.take(call("VIDIOC_QUERYCAP", { file }));
        expectations.take(fetched({ file }));
        expectations.take(fetched({ file: 1n }));
        expectations.take(frame({ action: "drawn", index: 0, lateNs: 50e6, file }));
      }
    };
    const used = (): number => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    feed(6000);
    const before = used();
    feed(12_000);
    expect(used() - before).toBeLessThan(3e6);
  });
});

describe("a JUnit file", () => {
  it("has only what XML can have", () => {
    const xml = junitXml(
      "a<b",
      [
        {
          rule: 'no "errors"',
          holds: false,
          found: "1 & more",
          evidence: ["\u0000\u001b[2J\ud800</failure>", "x"],
        },
        { rule: "frames >= 1", holds: true, found: "2", evidence: [] },
      ],
      0.5,
    );
    expect(xml).toContain('<testsuite name="a&lt;b" tests="2" failures="1"');
    expect(xml).toContain('name="no &quot;errors&quot;"');
    expect(xml).toContain("\ufffd\ufffd[2J\ufffd&lt;/failure&gt;\nx</failure>");
    // eslint-disable-next-line no-control-regex -- finding them is the point
    expect(xml).not.toMatch(/[\0-\x08\x0b-\x1f]/);
  });
});
