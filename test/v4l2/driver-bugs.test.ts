/** What the operator reads about a driver's mistakes, and how often. */
import { describe, expect, it, vi } from "vitest";
import { DriverBugs, messageOf, placeOf } from "../../src/v4l2/driver-bugs.js";
import { TraceStream } from "../../src/v4l2/trace/trace.js";
import type { RecordedEvent } from "../../src/v4l2/trace/trace.js";

function told(run: (trace: TraceStream) => void): { shown: string[]; stderr: string[] } {
  const trace = new TraceStream();
  const said = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  const shown: string[] = [];
  try {
    trace.subscribe((event) => {
      if (event.kind === "message") shown.push(event.text);
    });
    run(trace);
    return { shown, stderr: said.mock.calls.map(([line]) => String(line)) };
  } finally {
    said.mockRestore();
  }
}

const silent = (run: () => void): string[] => {
  const said = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  try {
    run();
    return said.mock.calls.map(([line]) => String(line));
  } finally {
    said.mockRestore();
  }
};

describe("a mistake of a driver", () => {
  it("names the driver, what ran, for whom, what was thrown, where, and what became of it", () => {
    const { shown } = told((trace) => {
      const error = new TypeError("oh\n   no");
      new DriverBugs({ name: "video0", driver: "fake" }, trace).report({
        ...{ where: "VIDIOC_G_FMT", client: { pid: 7, comm: "cat" }, error, outcome: "the client got EIO" },
      });
    });
    expect(shown).toEqual([
      expect.stringMatching(
        /^driver fake: VIDIOC_G_FMT of cat\[7\]: TypeError: oh no, at .*driver-bugs\.test\.ts:\d+:\d+\)?; the client got EIO$/,
      ),
    ]);
  });

  it("without a driver's name, a client, a place or an outcome has none of them", () => {
    const { shown } = told((trace) => {
      new DriverBugs({ name: "video0" }, trace).report({ where: "a task", error: "text" });
    });
    expect(shown).toEqual(["a task: threw text"]);
  });

  it("is told again after 10, 100, ... times, and another one at once", () => {
    const { shown } = told((trace) => {
      const bugs = new DriverBugs({ name: "video0" }, trace);
      for (let count = 0; count < 100; count += 1) bugs.report({ where: "poll", error: 1 });
      bugs.report({ where: "poll", error: 2 });
      bugs.report({ where: "read", error: 1 });
    });
    expect(shown).toEqual([
      "poll: threw 1",
      "poll: threw 1 (10 times by now)",
      "poll: threw 1 (100 times by now)",
      "poll: threw 2",
      "read: threw 1",
    ]);
  });

  it("is told of up to 256 kinds, and goes on with those", () => {
    const { shown } = told((trace) => {
      const bugs = new DriverBugs({ name: "video0" }, trace);
      for (let kind = 0; kind < 300; kind += 1) bugs.report({ where: `op ${kind}`, error: 1 });
      for (let count = 1; count < 10; count += 1) bugs.report({ where: "op 255", error: 1 });
    });
    expect(shown).toHaveLength(257);
    expect(shown[256]).toBe("op 255: threw 1 (10 times by now)");
  });

  it("goes to standard error while nobody shows it", () => {
    const bug = { where: "poll", error: 1 };
    expect(silent(() => new DriverBugs({ name: "video0" }, undefined).report(bug))).toEqual([
      "video0: poll: threw 1\n",
    ]);
    expect(silent(() => new DriverBugs({ name: "video0" }, new TraceStream()).report(bug))).toHaveLength(1);
    expect(told((trace) => new DriverBugs({ name: "video0" }, trace).report(bug)).stderr).toEqual([]);
  });

  it("a recording keeps it with its stack; standard error has it unless somebody hears for the recording", () => {
    const trace = new TraceStream();
    const kept: RecordedEvent[] = [];
    trace.record((event) => kept.push(event));
    const bugs = new DriverBugs({ name: "video0" }, trace);
    expect(silent(() => bugs.report({ where: "poll", error: new Error("a") }))).toHaveLength(1);
    expect(kept).toEqual([
      expect.objectContaining({ level: "error", stack: expect.stringContaining("a") as string }),
    ]);
    const heard: string[] = [];
    trace.unheard = ({ text }) => heard.push(text);
    expect(silent(() => bugs.report({ where: "poll", error: "b" }))).toEqual([]);
    expect(heard).toEqual(["poll: threw b"]);
    expect(kept[1]).not.toHaveProperty("stack");
  });
});

describe("the place of a mistake", () => {
  const thrown = (stack: string): Error => Object.assign(new Error("x"), { stack });

  it("is the driver's line that is nearest, not one of the framework or of Node.js", () => {
    const own = new URL("../../src/", import.meta.url).pathname;
    const error = thrown(
      `Error: x\n    at EventQueue.send (${own}v4l2/events.ts:1:1)\n    at settle (${own}settle.ts:2:2)\n` +
        "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)\n" +
        "    at async Object.capture (file:///home/me/camera.js:41:9)\n    at /home/me/other.js:1:1",
    );
    expect(placeOf(error)).toBe("capture (/home/me/camera.js:41:9)");
    expect(placeOf(thrown("Error: x\n    at /home/me/other.js:3:4"))).toBe("/home/me/other.js:3:4");
  });

  it("may be in a driver of this project", () => {
    const own = new URL("../../src/", import.meta.url).pathname;
    const error = thrown(`Error: x\n    at draw (${own}sample/camera.ts:1:1)`);
    expect(placeOf(error)).toBe(`draw (${own}sample/camera.ts:1:1)`);
  });

  it("is unknown of what is no Error, or has no stack", () => {
    expect(placeOf("text")).toBeUndefined();
    expect(placeOf(Object.assign(new Error("x"), { stack: undefined }))).toBeUndefined();
    expect(placeOf(thrown("Error: x\n    at node:internal/timers:1:1"))).toBeUndefined();
  });

  it("the message says which kind of Error it was, unless it is just that", () => {
    expect([messageOf(new RangeError("x")), messageOf(new Error("x")), messageOf(null)]).toEqual([
      "RangeError: x",
      "x",
      "threw null",
    ]);
  });
});
