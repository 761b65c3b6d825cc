import { describe, expect, it, vi } from "vitest";
import { V4l2Error } from "../../../src/v4l2/error.js";
import { clockText, jsonLine, kernelLine, logListener, prettyLine } from "../../../src/v4l2/trace/log.js";
import { TraceStream } from "../../../src/v4l2/trace/trace.js";
import type {
  BufferEvent,
  FrameEvent,
  IoctlEvent,
  RecordedEvent,
  TraceEvent,
} from "../../../src/v4l2/trace/trace.js";
import { ioctlTable } from "../../../src/v4l2/ioctl/ioctl-table.js";
import { allOps, someBuffer } from "../support/all-ops.js";
import { hex, padded } from "../support/bytes.js";
import { argOf, errnoOf, Harness, openFile } from "../support/fakes.js";

/** A harness, and the events of its device, but for those of who waits. */
function traced(parts: ConstructorParameters<typeof Harness>[0]): { harness: Harness; events: TraceEvent[] } {
  const harness = new Harness(parts);
  const events: TraceEvent[] = [];
  harness.device.trace.subscribe((event) => {
    // Arguments are there during the call of the listener only: look now.
    if (event.kind === "ioctl") events.push({ ...event, ...frozen(event) });
    else if (event.kind !== "wait") events.push(event);
  });
  return { harness, events };
}

function frozen(event: IoctlEvent): Pick<IoctlEvent, "text" | "args"> {
  const [text, args] = [event.text(), event.args()];
  return { text: () => text, args: () => args };
}

const only = (events: readonly TraceEvent[]): TraceEvent => {
  const [event] = events;
  if (event === undefined || events.length !== 1) throw new Error(`${events.length} events`);
  return event;
};

const stamp = /^\d\d:\d\d:\d\d\.\d{6} /;
const strip = (line: string): string => line.replace(stamp, "").replace(/\(\d+ us/, "(N us");

describe("one line per ioctl", () => {
  it("looks like the kernel's, with time and client before and the duration behind", () => {
    const { harness, events } = traced({ ops: { gInput: () => 3, enuminput: () => undefined } });
    void harness.ioctl("VIDIOC_G_INPUT");
    const line = prettyLine(only(events));
    expect(line).toMatch(stamp);
    expect(strip(line)).toBe("v4l2-ctl[1234] video0: VIDIOC_G_INPUT: value=3 (N us)");
  });

  it("shows a refusal as the kernel does, and the reason behind", async () => {
    const { harness, events } = traced({ ops: { gInput: () => 3, enuminput: () => undefined } });
    expect(await errnoOf(() => harness.ioctl("VIDIOC_ENUMINPUT"))).toBe("EINVAL");
    expect(strip(prettyLine(only(events)))).toBe(
      "v4l2-ctl[1234] video0: VIDIOC_ENUMINPUT: error -22: index=0, name=, type=0, audioset=0x0, tuner=0, " +
        "std=0x00000000, status=0x0, capabilities=0x0 (N us; EINVAL: no such input)",
    );
  });

  it("shows a driver's bug as EIO", () => {
    const { harness, events } = traced({
      ops: {
        gInput: () => {
          throw new TypeError("oh\nno");
        },
      },
    });
    expect(() => harness.ioctl("VIDIOC_G_INPUT")).toThrow("EIO");
    const lines = events.map((event) => strip(prettyLine(event)));
    expect(lines).toEqual([
      "v4l2-ctl[1234] video0: VIDIOC_G_INPUT: error -5: value=0 (N us; EIO: oh\\x0ano)",
      expect.stringMatching(
        /video0: driver \w+: VIDIOC_G_INPUT of v4l2-ctl\[1234\]: TypeError: oh no, at .*gInput .*log\.test\.ts:\d+:\d+\); the client got EIO$/,
      ),
    ]);
  });

  it("waits for ops that answer later", async () => {
    const { harness, events } = traced({
      ops: {
        ...allOps,
        dqbuf: async () => someBuffer,
        gInput: async () => Promise.reject(new V4l2Error("EBUSY", "b")),
      },
    });
    const pending = harness.ioctl("VIDIOC_DQBUF", padded(88, hex`00000000 01000000`));
    expect(events).toEqual([]);
    await pending;
    expect(await errnoOf(() => harness.ioctl("VIDIOC_G_INPUT"))).toBe("EBUSY");
    expect(events.map((event) => event.kind === "ioctl" && event.errno)).toEqual([undefined, "EBUSY"]);
  });

  it("has further rows where the kernel has", () => {
    const { harness, events } = traced({ ops: allOps });
    void harness.ioctl("VIDIOC_QUERYBUF", padded(88, hex`00000000 01000000`));
    expect(strip(prettyLine(only(events)))).toBe(
      "v4l2-ctl[1234] video0: VIDIOC_QUERYBUF: 00:00:00.000000 index=0, type=vid-cap, request_fd=0, " +
        "flags=0x00000000, field=none, sequence=0, memory=mmap, bytesused=0, offset/userptr=0x0, length=614400 (N us)\n" +
        "    timecode=00:00:00 type=0, flags=0x00000000, frames=0, userbits=0x00000000",
    );
  });

  it("shows numbers that are not V4L2's", async () => {
    const { harness, events } = traced({ ops: { default: () => 0 } });
    await harness.device.ioctl(harness.file, 0xc00456c0, new Uint8Array(4), harness.call);
    expect(kernelLine(only(events) as IoctlEvent)).toBe(
      "video0: v4l2 ioctl 'V', dir=rw, #192 (0xc00456c0): driver-specific ioctl",
    );
  });

  it("an ioctl without argument has none to show", () => {
    const { harness, events } = traced({ ops: { logStatus: () => undefined } });
    void harness.ioctl("VIDIOC_LOG_STATUS");
    const event = events.find(({ kind }) => kind === "ioctl");
    expect(kernelLine(event as IoctlEvent)).toBe("video0: VIDIOC_LOG_STATUS");
  });

  it("escapes the client's name", () => {
    const { harness, events } = traced({ ops: { gInput: () => 0 } });
    Object.assign(harness.call.client, { comm: "evil\n12:00 \x1b[2J" });
    void harness.ioctl("VIDIOC_G_INPUT");
    expect(prettyLine(only(events))).toContain("evil\\x0a12:00 \\x1b[2J[1234]");
  });
});

describe("JSON lines", () => {
  it("carry name, arguments, client, result", async () => {
    const { harness, events } = traced({ ops: allOps });
    await errnoOf(() => harness.ioctl("VIDIOC_ENUMINPUT", padded(80, hex`05000000`)));
    const line: unknown = JSON.parse(jsonLine(only(events)));
    expect(line).toMatchObject({
      kind: "ioctl",
      device: "video0",
      name: "VIDIOC_ENUMINPUT",
      pid: 1234,
      comm: "v4l2-ctl",
      result: 22,
      errno: "EINVAL",
      args: { index: 5, name: "", std: 0 },
    });
  });

  it("nested arrays are arrays", () => {
    const { harness, events } = traced({
      deviceCaps: 0x04004000,
      ops: { ...allOps, qbuf: () => someBuffer },
    });
    harness.memory.map(0x1000n, new Uint8Array(64));
    const arg = padded(88, hex`00000000 09000000`);
    arg[60] = 1;
    arg.set(hex`0010000000000000 01000000`, 64);
    void harness.ioctl("VIDIOC_QBUF", arg);
    const line: unknown = JSON.parse(jsonLine(only(events)));
    expect(line).toMatchObject({
      args: { type: "vid-cap-mplane", memory: "mmap", planes: [{ bytesused: 0, length: 614400 }] },
    });
  });

  it("keep 64-bit numbers exact", () => {
    const event: BufferEvent = {
      kind: "buffer",
      timeMs: 0,
      device: "video0",
      file: 1n,
      type: 1,
      index: 0,
      from: "queued",
      to: "active",
      sequence: 0,
      timestampNs: 2n ** 63n,
      bytesused: [],
      monotonicNs: 0,
      request: undefined,
      queued: 0,
      active: 1,
      done: 0,
      buffers: 1,
    };
    expect(JSON.parse(jsonLine(event))).toMatchObject({ file: 1, timestampNs: "9223372036854775808" });
  });

  it("every ioctl can be written, whatever it refuses", async () => {
    const { harness, events } = traced({ ops: allOps });
    harness.call.isNonblocking = true;
    for (const { name } of ioctlTable.all) {
      try {
        await harness.ioctl(name, argOf(name).fill(0xff));
      } catch (error) {
        expect(error).toBeInstanceOf(V4l2Error);
      }
    }
    const lines = events.map((event) => JSON.parse(jsonLine(event)) as object);
    expect(lines.filter((line) => "args" in line)).toHaveLength(ioctlTable.all.length);
  });
});

const job = { kind: "job", file: 1n, job: 7, request: undefined, source: 2, destination: 3 } as const;

describe("who waits", () => {
  it("a call that is not answered at once, whoever it is of", async () => {
    const harness = new Harness({
      ops: { gInput: () => Promise.resolve(3), enuminput: () => undefined },
      fileOps: { read: async () => new Uint8Array(7) },
    });
    const events: TraceEvent[] = [];
    harness.device.trace.subscribe((event) => events.push(event));
    await harness.ioctl("VIDIOC_G_INPUT");
    await harness.device.read(harness.file, { size: 8, offset: 0n }, harness.call);
    const file = harness.file.id;
    const who = { pid: 1234, comm: "v4l2-ctl", file };
    expect(events).toMatchObject([
      { kind: "wait", action: "begin", name: "VIDIOC_G_INPUT", ...who },
      { kind: "ioctl", name: "VIDIOC_G_INPUT" },
      { kind: "wait", action: "begin", name: "read", ...who },
      { kind: "file", action: "read" },
    ]);
  });

  it("a poll that finds nothing, and its wake-up", () => {
    let ready = 0;
    const harness = new Harness({ fileOps: { poll: () => ready } });
    const events: TraceEvent[] = [];
    harness.device.trace.subscribe((event) => events.push(event));
    const file = openFile(harness.device);
    expect(harness.device.poll(file, 1)).toBe(0);
    file.notifyPoll();
    ready = 1;
    expect(harness.device.poll(file, 1)).toBe(1);
    const of = { kind: "wait", name: "poll", file: file.id };
    expect(events.slice(1)).toMatchObject([
      { ...of, action: "poll" },
      { ...of, action: "wake" },
    ]);
  });
});

describe("other events", () => {
  it("open, release, read, as the kernel writes them", async () => {
    const { harness, events } = traced({ fileOps: { read: async () => new Uint8Array(7) } });
    const file = openFile(harness.device);
    await harness.device.read(file, { size: 4096, offset: 0n }, harness.call);
    harness.device.release(file);
    expect(events.map((event) => strip(prettyLine(event)))).toEqual([
      "v4l2-ctl[1234] video0: open (0) (N us)",
      "v4l2-ctl[1234] video0: read: 4096 (7) (N us)",
      "v4l2-ctl[1234] video0: release (N us)",
    ]);
  });

  it("a refused open and a refused write", async () => {
    const { harness, events } = traced({
      fileOps: {
        write: () => {
          throw new V4l2Error("EAGAIN", "full");
        },
      },
    });
    expect(
      await errnoOf(() =>
        harness.device.write(harness.file, { data: new Uint8Array(3), offset: 0n }, harness.call),
      ),
    ).toBe("EAGAIN");
    harness.device.unregister();
    expect(await errnoOf(() => openFile(harness.device))).toBe("ENODEV");
    expect(events.map((event) => strip(prettyLine(event)))).toEqual([
      "v4l2-ctl[1234] video0: write: 3 (-11) (N us)",
      "v4l2-ctl[1234] video0: open (-19) (N us)",
    ]);
  });

  it("buffers, requests, jobs, messages", () => {
    const base = { timeMs: 0, monotonicNs: 0, device: "video0" };
    const events: TraceEvent[] = [
      {
        ...base,
        kind: "buffer",
        file: 1n,
        type: 9,
        index: 2,
        from: "active",
        to: "done",
        sequence: 3,
        timestampNs: 1000n,
        bytesused: [10, 20],
        request: undefined,
        queued: 0,
        active: 0,
        done: 1,
        buffers: 2,
      },
      { ...base, kind: "request", request: "1234:24", from: "idle", to: "queued", buffers: [] },
      { ...base, ...job, action: "started" },
      { ...base, kind: "message", level: "info", text: "a\tb" },
    ];
    expect(events.map((event) => strip(prettyLine(event)))).toEqual([
      "video0: buffer vid-cap-mplane 2: active -> done, sequence=3, timestamp=1000, bytesused=10+20",
      "video0: request 1234:24: idle -> queued",
      "video0: job 7 of file 1 started",
      "video0: a\\x09b",
    ]);
  });
});

describe("what only people who look for time read", () => {
  const base = { timeMs: 0, monotonicNs: 0, device: "video0" };
  const frame: FrameEvent = {
    ...base,
    kind: "frame",
    action: "drawn",
    file: 1n,
    type: 1,
    index: 2,
    sequence: 8,
    dueNs: 0,
    lateNs: 1_250_000,
    drawNs: 0,
    intervalNs: 33_000_000,
    reason: undefined,
    clientState: undefined,
  };
  const wait = { ...base, kind: "wait", name: "poll", file: 3n, pid: 1, comm: "c" } as const;
  const loop = { ...base, kind: "loop", fromNs: 0, blockedNs: 31_400_000, cpuNs: 0, waitedNs: 0 } as const;
  const worker = { ...base, kind: "worker", file: 1n, serial: undefined, detail: undefined } as const;
  const graft = { ...base, kind: "graft", file: 1n, pid: 12, comm: "cat", detail: undefined } as const;

  it.each<[TraceEvent, string]>([
    [frame, "frame 8 drawn into buffer 2, 1.3 ms after it was due"],
    [{ ...frame, action: "lost", index: undefined, reason: "no buffer" }, "frame 8 lost: no buffer"],
    [{ ...wait, action: "begin", name: "VIDIOC_DQBUF" }, "file 3: VIDIOC_DQBUF waits"],
    [{ ...wait, action: "poll" }, "file 3: poll finds nothing"],
    [{ ...wait, action: "wake" }, "file 3: poll is told to look again"],
    [{ ...loop, stopped: false }, "the event loop did not run for 31.4 ms"],
    [{ ...loop, stopped: true }, "the event loop did not run for 31.4 ms: the process was stopped"],
    [{ ...worker, action: "started", pid: 7 }, "worker 7 started"],
    [{ ...worker, action: "sent", pid: 7, serial: 4 }, "worker 7 sent job 4"],
    [{ ...worker, action: "ended", pid: undefined, detail: "SIGSEGV\n" }, "worker - ended: SIGSEGV\\x0a"],
    [
      { ...base, kind: "dropped", count: 3 },
      "3 events were lost: they came faster than they could be written",
    ],
  ])("%$: $1", (event, text) => {
    expect(strip(prettyLine(event))).toBe(`video0: ${text}`);
  });

  it.each<[TraceEvent, string]>([
    [{ ...graft, action: "begin" }, "its descriptor is to be replaced"],
    [{ ...graft, action: "grafted" }, "can map buffers"],
    [{ ...graft, action: "refused", detail: "no\tptrace" }, "was not grafted: no\\x09ptrace"],
    [{ ...graft, action: "hello" }, "has the helper"],
  ])("%$: $1", (event, text) => {
    expect(strip(prettyLine(event))).toBe(`cat[12] video0: ${text}`);
  });

  it("a client maps, or may not; an errno that nobody knows is EIO", () => {
    const mmap = {
      ...base,
      ...{ kind: "file", action: "mmap", pid: 12, comm: "cat", file: 1n, size: 1, value: 0, durationUs: 2 },
    } as const;
    const lines = [undefined, "EINVAL", "ENOTHING"].map((errno) =>
      strip(prettyLine({ ...mmap, errno } as TraceEvent)),
    );
    expect(lines).toEqual([
      "cat[12] video0: mmap (0) (N us)",
      "cat[12] video0: mmap (-22) (N us)",
      "cat[12] video0: mmap (-5) (N us)",
    ]);
  });
});

describe("the listener and the stream", () => {
  it("writes people's lines of every kind unless told otherwise", () => {
    const lines: string[] = [];
    logListener((line) => lines.push(line))({
      ...{ kind: "message", timeMs: 0, monotonicNs: 0, device: "video0" },
      ...{ level: "info", text: "hello" },
    } as const);
    expect(lines.map(strip)).toEqual(["video0: hello"]);
  });

  it("is shown to people by any listener but a recorder", () => {
    const { trace } = new Harness({ ops: allOps }).device;
    expect(trace.isShown).toBe(false);
    const stopRecorder = trace.record(() => undefined);
    expect([trace.active, trace.isShown]).toEqual([true, false]);
    const stopLog = trace.subscribe(() => undefined);
    expect([trace.active, trace.isShown]).toEqual([true, true]);
    stopRecorder();
    expect([trace.active, trace.isShown]).toEqual([true, true]);
    stopLog();
    expect([trace.active, trace.isShown]).toEqual([false, false]);
  });

  it("a recorder keeps a warning, and whoever must hear it is told too", () => {
    const harness = new Harness({ ops: allOps });
    const said: string[] = [];
    const kept: RecordedEvent[] = [];
    harness.device.trace.unheard = ({ text }) => said.push(text);
    harness.device.trace.record((event) => kept.push(event));
    harness.device.message("warning", "hot", { celsius: 90 });
    expect(said).toEqual(["hot"]);
    expect(kept).toEqual([expect.objectContaining({ text: "hot", details: { celsius: 90 } })]);
  });

  it("writes the kinds asked for, in the form asked for", () => {
    const lines: string[] = [];
    const listener = logListener((line) => lines.push(line), { format: "json", kinds: ["job"] });
    const base = { timeMs: 0, monotonicNs: 5, device: "video0" };
    listener({ ...base, kind: "message", level: "info", text: "no" });
    listener({ ...base, ...job, action: "queued" });
    expect(lines).toEqual([
      '{"timeMs":0,"monotonicNs":5,"device":"video0","kind":"job","file":1,"job":7,"source":2,"destination":3,"action":"queued"}',
    ]);
  });

  it("nothing is built while nobody listens", () => {
    const harness = new Harness({ ops: { gInput: () => 0 } });
    const emit = [
      vi.spyOn(TraceStream.prototype, "emit"),
      vi.spyOn(TraceStream.prototype, "emitIoctl"),
    ] as const;
    void harness.ioctl("VIDIOC_G_INPUT");
    for (const spy of emit) expect(spy).not.toHaveBeenCalled();
    const stop = harness.device.trace.record(() => undefined);
    void harness.ioctl("VIDIOC_G_INPUT");
    expect(emit[1]).toHaveBeenCalledTimes(1);
    stop();
    for (const spy of emit) spy.mockRestore();
  });

  it("an argument is described only for those who ask", () => {
    const harness = new Harness({ ops: { gInput: () => 0 } });
    const described = vi.spyOn(ioctlTable.byName("VIDIOC_G_INPUT"), "describe");
    const stop = harness.device.trace.subscribe(() => undefined);
    void harness.ioctl("VIDIOC_G_INPUT");
    expect(described).not.toHaveBeenCalled();
    stop();
    expect(harness.device.trace.active).toBe(false);
  });

  it("a listener that throws disturbs neither the client nor other listeners", () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const harness = new Harness({ ops: { gInput: () => 0 } });
    const seen: string[] = [];
    harness.device.trace.subscribe(() => {
      throw new Error("broken");
    });
    harness.device.trace.subscribe((event) => seen.push(event.kind));
    expect(harness.ioctl("VIDIOC_G_INPUT")).toBe(0);
    expect(seen).toEqual(["ioctl"]);
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });

  it("clock", () => {
    expect(clockText(1_700_000_000_123.456)).toMatch(/^\d\d:\d\d:\d\d\.1234\d\d$/);
  });
});

it("a warning that no log shows reaches the operator, and the device is not traced for it", () => {
  const harness = new Harness({ ops: allOps });
  const said: string[] = [];
  harness.device.trace.unheard = ({ level, text }) => said.push(`${level}: ${text}`);
  expect(harness.device.trace.active).toBe(false);
  harness.device.message("info", "one");
  harness.device.message("warning", "two");
  const stop = harness.device.trace.subscribe(() => undefined);
  harness.device.message("warning", "three");
  stop();
  harness.device.message("error", "four");
  expect(said).toEqual(["warning: two", "error: four"]);
});
