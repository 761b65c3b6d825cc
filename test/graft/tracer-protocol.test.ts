import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { outcomeOf } from "../../src/graft/outcome.js";
import {
  decodeEvent,
  decodeHello,
  encodeJob,
  encodeResume,
  EventKind,
  Feature,
  JobFlag,
  MAX_FDS,
  PROTOCOL,
  Step,
  type TracerEvent,
} from "../../src/graft/tracer-protocol.js";
import { clientPath } from "../native/support.js";

const job = encodeJob({
  flags: 0xb,
  thread: 1234,
  fd: -1,
  call: 2n ** 33n,
  arguments: [
    { value: 1n, mask: 2n },
    { value: 3n, mask: 2n ** 64n - 1n },
    { value: 5n, mask: 6n },
  ],
  device: 0x5_0000_0007n,
  numberAt: 0x7_0000_0009n,
  failure: 8,
  answerMs: 9,
  stepMs: 10,
  pauseStep: 11,
});

const inC = new Map(
  execFileSync(clientPath("graft-protocol"), { input: job })
    .toString()
    .trimEnd()
    .split("\n")
    .map((line): [string, string] => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]),
);
const number = (name: string): number => Number(inC.get(name));
const bytes = (name: string): Uint8Array => Uint8Array.from(Buffer.from(inC.get(name) ?? "", "hex"));

const event: TracerEvent = {
  kind: 1,
  reason: 2,
  step: 3,
  errno: 4,
  detail: -5n,
  stoppedNs: 0x6_0000_0007n,
  registrationsMoved: 8,
  registrationsLost: 9,
  fds: [10, 11, 12],
};

describe("the tracer's protocol", () => {
  it("has the same numbers in C", () => {
    expect({
      PROTOCOL: number("TRACER_PROTOCOL"),
      MAX_FDS: number("TRACER_MAX_FDS"),
      Feature: {
        SuspendsSeccomp: number("TRACER_SUSPENDS_SECCOMP"),
        HasKcmp: number("TRACER_HAS_KCMP"),
        CanSeize: number("TRACER_CAN_SEIZE"),
      },
      JobFlag: {
        Swap: number("TRACER_SWAP"),
        CloseOnExec: number("TRACER_CLOEXEC"),
        CheckDevice: number("TRACER_CHECK_DEVICE"),
        Unfinished: number("TRACER_UNFINISHED"),
      },
      EventKind: {
        Seized: number("TRACER_SEIZED"),
        Placed: number("TRACER_PLACED"),
        Done: number("TRACER_DONE"),
        Paused: number("TRACER_PAUSED"),
        Undone: number("TRACER_UNDONE"),
        Unplaced: number("TRACER_UNPLACED"),
      },
      Step: Object.fromEntries(
        Object.keys(Step).map((name) => [name, number(`TRACER_STEP_${name.toUpperCase()}`)]),
      ),
    }).toEqual({ PROTOCOL, MAX_FDS, Feature, JobFlag, EventKind, Step });
  });

  it("has the same layout in C", () => {
    expect(decodeHello(bytes("hello"))).toEqual({ protocol: PROTOCOL, features: 0x12345678 });
    expect(decodeEvent(bytes("event"))).toEqual(event);
    expect(encodeResume(0x01020304)).toEqual(bytes("resume"));
    expect(inC.get("job")).toBe(
      `3 0xb 1234 -1 8589934592 1/2 3/18446744073709551615 5/6 21474836487 0x700000009 8 9 10 11`,
    );
  });

  it("tells messages of other lengths from its own", () => {
    expect(decodeHello(new Uint8Array(7))).toBeUndefined();
    expect(decodeEvent(new Uint8Array(0))).toBeUndefined();
    expect(decodeEvent(new Uint8Array(177))).toBeUndefined();
  });

  it("has a sentence for every reason", () => {
    const reasons = [...inC.keys()]
      .slice([...inC.keys()].indexOf("TRACER_TRACED"))
      .filter((name) => name.startsWith("TRACER_"));
    expect(reasons).toHaveLength(16);
    const found = reasons.map((name) =>
      outcomeOf({ ...event, reason: number(name), step: Step.Dup }, 77, true),
    );
    for (const [index, outcome] of found.entries()) {
      const reason = reasons[index]?.slice("TRACER_".length).toLowerCase().replaceAll("_", "-");
      expect(outcome).toMatchObject({ kind: "refused", reason, answered: true, placed: [10, 11, 12] });
      expect(outcome).toHaveProperty(
        "sentence",
        expect.stringMatching(/^the client \(thread 77\) [a-z].*[^.]$/),
      );
    }
    expect(outcomeOf({ ...event, reason: number("TRACER_GONE") }, 77, false)).toEqual({
      kind: "gone",
      answered: false,
      placed: [10, 11, 12],
    });
    expect(outcomeOf({ ...event, reason: 1000 }, 77, false)).toMatchObject({ reason: "unexpected" });
  });
});
