/** What goes into a recording comes out of it, and whatever bytes are in a file, they end in one sentence at the worst. */
import { closeSync, openSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import {
  fileSink,
  followEvents,
  LiveRecording,
  mergedEvents,
  Recorder,
  RecordingError,
} from "../../src/events/index.js";
import {
  controlPayloads,
  jsonLine,
  PayloadLog,
  prettyLine,
  TraceStream,
  type RecordedEvent,
  type TraceEvent,
} from "../../src/v4l2/index.js";
import { base, bufferBytes, examples, ioctl, read, record } from "./support/events.js";

/** Without what is made when it is asked for, and without the time of day, which is derived. */
function stored(event: TraceEvent): unknown {
  const { timeMs: _timeMs, ...rest } = event;
  if (event.kind !== "ioctl") return rest;
  const { name, cmd, pid, comm, file, durationUs, result, errno, detail, bytes } = event;
  return {
    name,
    cmd,
    pid,
    comm,
    file,
    durationUs,
    result,
    errno,
    detail,
    given: Buffer.from(bytes.given),
    asked: bytes.asked,
  };
}

/** The bytes of ioctls, copied: they are there until the next event only. */
function bytesOfEach(recording: Uint8Array): unknown[] {
  const kept: unknown[] = [];
  for (const event of new LiveRecording("test").push(recording))
    if (event.kind === "ioctl") kept.push(structuredClone(event.bytes));
  return kept;
}

describe("a recording", () => {
  it("gives every event of every kind back", async () => {
    const { events, isCut } = read(await record(examples));
    expect(events.map(stored)).toEqual(examples.map(stored));
    expect(isCut).toBe(false);
  });

  it("tells the time of day by the clocks of its head", async () => {
    const now = Number(process.hrtime.bigint());
    const [event] = read(
      await record([{ ...base, kind: "message", level: "info", text: "", monotonicNs: now }]),
    ).events;
    expect(Math.abs((event?.timeMs ?? 0) - Date.now())).toBeLessThan(5000);
  });

  it("describes an ioctl from its bytes as the log would have", async () => {
    const asked = bufferBytes(7);
    const bytes = {
      asked,
      given: bufferBytes(),
      askedArray: undefined,
      givenArray: undefined,
      note: undefined,
    };
    const [event] = read(await record([ioctl({ bytes })])).events;
    if (event === undefined) throw new Error("no event");
    expect(prettyLine(event)).toContain(
      "v4l2-ctl[1234] video0: VIDIOC_QBUF: 00:00:00.000000 index=7->3, type=vid-cap",
    );
    expect(JSON.parse(jsonLine(event))).toMatchObject({ args: { index: 3 }, asked: { index: 7 } });
  });

  it("of an ioctl whose bytes are too few or too many describes nothing, and throws nothing", async () => {
    const sizes = [0, 1, 87, 89, 4096];
    const events = sizes.map((size) =>
      ioctl({
        bytes: {
          asked: new Uint8Array(size),
          given: new Uint8Array(size),
          askedArray: new Uint8Array(3),
          givenArray: new Uint8Array(5),
          note: undefined,
        },
      }),
    );
    for (const event of read(await record(events)).events) expect(() => prettyLine(event)).not.toThrow();
  });

  it("that ends in the middle of a record gives all before it", async () => {
    const bytes = await record(examples);
    const whole = read(bytes).events.length;
    const headBytes = 16 + bytes.readUInt32LE(12);
    let last = -1;
    for (let length = headBytes; length < bytes.byteLength; length += 61) {
      const { events, isCut } = read(bytes.subarray(0, length));
      expect(events.length).toBeLessThan(whole);
      expect(events.length).toBeGreaterThanOrEqual(last);
      last = events.length;
      if (events.length === 0 || length % 2 !== 0) continue;
      expect(typeof isCut).toBe("boolean");
    }
  });

  it("of another kind of file, or of a later version, is refused in one sentence", async () => {
    const bytes = await record(examples);
    const later = Buffer.from(bytes);
    later.writeUInt32LE(99, 8);
    expect(() => read(later)).toThrow(
      /recording is a recording of version 99.*read it with the one that wrote it/,
    );
    expect(() => read(Buffer.from("hello"))).toThrow(/recording is no recording/);
    expect(() => read(new Uint8Array(0))).toThrow(RecordingError);
    expect(() => read(bytes.subarray(0, 40))).toThrow(/damaged at its beginning/);
  });

  it("with any byte changed gives events or one sentence", async () => {
    const bytes = await record(examples);
    let damaged = 0;
    for (let at = 0; at < bytes.byteLength; at += 13) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      try {
        for (const event of read(changed).events) prettyLine(event);
      } catch (error) {
        expect(error).toBeInstanceOf(RecordingError);
        damaged += 1;
      }
    }
    expect(damaged).toBeGreaterThan(3);
  });

  it("whose head gives members another form than they have is refused", async () => {
    const bytes = await record(examples);
    const text = bytes.toString("latin1").replace('["bytesused","u32[]"]', '["bytesused","bool" ]');
    expect(() => read(Buffer.from(text, "latin1"))).toThrow(/damaged at its beginning/);
  });

  it("passes over kinds and members that it does not know", async () => {
    const bytes = await record(examples);
    const renamed = bytes
      .toString("latin1")
      .replace('"kind":"wait"', '"kind":"wxyz"')
      .replace('["blockedNs"', '["blockedXy"');
    const { events } = read(Buffer.from(renamed, "latin1"));
    expect(events).toHaveLength(examples.filter(({ kind }) => kind !== "wait").length);
    const loop = events.find(({ kind }) => kind === "loop");
    expect(loop).toMatchObject({ blockedNs: 0, cpuNs: 29_000_000 });
    expect(loop).not.toHaveProperty("blockedXy");
  });

  it("numbers the strings anew when clients have chosen too many names", async () => {
    const names = Array.from({ length: 10_000 }, (_, number) => ioctl({ comm: `client ${number}` }));
    const { events } = read(await record(names));
    expect(events.map((event) => (event.kind === "ioctl" ? event.comm : ""))).toEqual(
      names.map(({ comm }) => comm),
    );
  });

  it("has all events of several devices in their order, more than are written at once, when it has ended", async () => {
    const told = Array.from({ length: 6000 }, (_, pid) => ioctl({ device: `video${pid % 3}`, pid }));
    const { events, isCut } = read(await record(told));
    expect(isCut).toBe(false);
    expect(events.map((event) => [event.device, event.kind === "ioctl" && event.pid])).toEqual(
      told.map(({ device, pid }) => [device, pid]),
    );
  });

  it("of an ioctl with an array, a note and payloads has each of them, and of one with none has none", async () => {
    const bytes = (value: number): Uint8Array => Uint8Array.of(value, value, value);
    const whole = {
      ...{ asked: bytes(1), given: bytes(2), askedArray: bytes(3), givenArray: bytes(4) },
      ...{ note: "request=1:7", askedPayloads: bytes(5), givenPayloads: bytes(6) },
    };
    const none = Object.fromEntries(Object.keys(whole).map((name) => [name, undefined]));
    const parts = Object.keys(whole).map((name) => ({
      ...{ ...none, given: bytes(2) },
      [name]: whole[name as keyof typeof whole],
    }));
    const all = [whole, { ...none, given: bytes(2) }, ...parts] as (typeof whole)[];
    expect(bytesOfEach(await record(all.map((part) => ioctl({ bytes: part }))))).toEqual(all);
  });

  it("says how many events came faster than they could be written", async () => {
    // All in one turn of the event loop: nothing is written meanwhile.
    const given = new Uint8Array(60_000);
    const bytes = { asked: undefined, given, askedArray: undefined, givenArray: undefined, note: undefined };
    const count = 1000;
    const { events } = read(await record(Array.from({ length: count }, () => ioctl({ bytes }))));
    const kept = events.filter(({ kind }) => kind === "ioctl").length;
    const dropped = events.filter((event) => event.kind === "dropped");
    expect(kept).toBeGreaterThan(100);
    expect(kept).toBeLessThan(count);
    expect(dropped).toMatchObject([{ count: count - kept }]);
  });

  it("that cannot be written is told once, and the devices go on", async () => {
    const fd = openSync("/dev/full", "w");
    const errors: string[] = [];
    const recorder = new Recorder(fileSink(fd), {
      program: "test",
      failed: (error) => errors.push(error.message),
    });
    const stream = new TraceStream();
    recorder.listen([stream]);
    for (const event of examples) if (event.kind !== "message" && event.kind !== "data") stream.emit(event);
    await recorder.end();
    recorder.take(ioctl());
    closeSync(fd);
    expect(errors).toEqual([expect.stringContaining("ENOSPC")]);
    expect(stream.active).toBe(false);
  });

  it("shows nobody what an operator has to know: he is told as without it", () => {
    const stream = new TraceStream();
    const told: string[] = [];
    stream.unheard = ({ text }) => told.push(text);
    const stop = stream.record(() => undefined);
    stream.message({ ...base, kind: "message", level: "warning", text: "recorded only" });
    const stopLog = stream.subscribe(() => undefined);
    stream.message({ ...base, kind: "message", level: "warning", text: "in the log" });
    stopLog();
    stop();
    expect(told).toEqual(["recorded only"]);
  });
});

describe("what buffers and controls hold", () => {
  it("control payloads come back with their places in the array", async () => {
    const log = new PayloadLog();
    log.add(0, Buffer.from("first"));
    log.add(3, new Uint8Array(0));
    const event = ioctl();
    const { events } = read(
      await record([{ ...event, bytes: { ...event.bytes, askedPayloads: log.bytes } }]),
    );
    const [found] = events;
    if (found?.kind !== "ioctl") throw new Error("no ioctl");
    expect(controlPayloads(found.bytes.askedPayloads)).toEqual([
      { index: 0, bytes: Buffer.from("first") },
      { index: 3, bytes: Buffer.alloc(0) },
    ]);
    expect(found.bytes.givenPayloads).toBeUndefined();
  });

  it("payloads that are cut give those before", () => {
    const log = new PayloadLog();
    log.add(0, Buffer.from("first"));
    log.add(1, Buffer.from("second"));
    const whole = log.bytes;
    const counts = Array.from(
      { length: whole.byteLength },
      (_, end) => controlPayloads(whole.subarray(0, end)).length,
    );
    expect(Math.max(...counts)).toBe(1);
    expect(controlPayloads(whole)).toHaveLength(2);
  });

  it("a payload that is too large is left out, and the others stay", () => {
    const log = new PayloadLog();
    log.add(0, new Uint8Array(1 << 20));
    log.add(1, Uint8Array.of(7));
    expect(controlPayloads(log.bytes)).toEqual([{ index: 1, bytes: Buffer.of(7) }]);
  });

  it("buffers' bytes go to those who asked, as many as they asked for", () => {
    const stream = new TraceStream();
    const told: Record<string, number[]> = { none: [], some: [], all: [] };
    const tell =
      (who: string) =>
      (event: RecordedEvent): void => {
        if (event.kind === "data") told[who]?.push(event.bytes.byteLength);
      };
    stream.subscribe(tell("none"));
    const stop = stream.record(tell("some"), 70_000);
    expect(stream.dataBytes).toBe(70_000);
    stream.record(tell("all"), 1 << 20);
    const whole = new Uint8Array(65_536 * 2);
    for (const offset of [0, 65_536]) {
      const bytes = whole.subarray(offset, offset + 65_536);
      stream.emitData({
        ...base,
        file: 1n,
        type: 10,
        index: 0,
        kind: "data",
        plane: 0,
        offset,
        bytesused: 131_072,
        bytes,
      });
    }
    expect(told).toEqual({ none: [], some: [65_536, 4464], all: [65_536, 65_536] });
    stop();
    expect(stream.dataBytes).toBe(1 << 20);
  });
});

describe("a follower", () => {
  const message = (text: string): TraceEvent & { kind: "message" } => ({
    ...base,
    kind: "message",
    level: "info",
    text,
  });

  it("hears what happens from now on as a recording, until it ends", async () => {
    const stream = new TraceStream();
    const pieces: Buffer[] = [];
    stream.message(message("before"));
    const follower = followEvents(
      [stream],
      {
        write: (written, done) => {
          pieces.push(...written.map((piece) => Buffer.from(piece)));
          setImmediate(done);
        },
      },
      { program: "test", flushMs: 1 },
    );
    stream.message(message("during"));
    await vi.waitFor(() => {
      expect(Buffer.concat(pieces).includes("during")).toBe(true);
    });
    follower.end();
    stream.message(message("after"));
    expect(stream.active).toBe(false);
    const { events } = read(Buffer.concat(pieces));
    expect(events.map((event) => event.kind === "message" && event.text)).toEqual(["during"]);
  });

  it("that reads nothing loses events, counted, and the others lose none", async () => {
    const stream = new TraceStream();
    const fast: Buffer[] = [];
    const slow = followEvents(
      [stream],
      { write: () => undefined },
      { program: "test", maxWaitingBytes: 1 << 20 },
    );
    const other = followEvents(
      [stream],
      {
        write: (written, done) => {
          fast.push(...written.map((piece) => Buffer.from(piece)));
          setImmediate(done);
        },
      },
      { program: "test", flushMs: 1 },
    );
    const text = "x".repeat(10_000);
    for (let sent = 0; sent < 500; sent++) {
      stream.message(message(text));
      if (sent % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await vi.waitFor(() => {
      expect(read(Buffer.concat(fast)).events).toHaveLength(500);
    });
    expect(slow.dropped).toBeGreaterThan(300);
    expect(other.dropped).toBe(0);
    slow.end();
    other.end();
  });

  it("whose reader is gone ends by itself, and says so once", async () => {
    const stream = new TraceStream();
    const failed: string[] = [];
    followEvents(
      [stream],
      {
        write: (_pieces, done) => {
          setImmediate(done, new Error("gone"));
        },
      },
      { program: "test", flushMs: 1, failed: ({ message: text }) => failed.push(text) },
    );
    await vi.waitFor(() => {
      expect(failed).toEqual(["gone"]);
    });
    expect(stream.active).toBe(false);
  });
});

it("several recordings are put in order by time", () => {
  const at = (monotonicNs: number, text: string): TraceEvent => ({
    ...base,
    kind: "message",
    level: "info",
    monotonicNs,
    text,
  });
  const merged = mergedEvents([[at(1, "a"), at(4, "d")], [], [at(2, "b"), at(3, "c")]]);
  expect([...merged].map((event) => event.kind === "message" && event.text)).toEqual(["a", "b", "c", "d"]);
});
