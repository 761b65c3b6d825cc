/** What a command could not write is an error; a reader that has enough is none. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { LogSink } from "../../src/cli/log-sink.js";
import { ioctl, record, temporaryFile } from "../events/support/events.js";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

interface Outcome {
  readonly status: number | null;
  readonly stderr: string;
  readonly stdout: string;
}

/** Runs a line of shell in which $CLI is our command. */
function shell(line: string, args: readonly string[] = []): Outcome {
  const env = { ...process.env, CLI: `${process.execPath} ${program}` };
  const options = { env, encoding: "utf8", timeout: 60_000 } as const;
  const { status, stderr, stdout } = spawnSync("bash", ["-c", line, "bash", ...args], options);
  return { status, stderr, stdout };
}

/** An FWHT-like stream that is longer than any pipe holds: JPEG pictures, one after the other. */
function longStream(): string {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, "long.jpg");
  const segment = Buffer.from("ffd8fffe000401020000", "hex").subarray(0, 8);
  writeFileSync(path, Buffer.concat(Array<Buffer>(20_000).fill(segment)));
  return path;
}

describe("a list that cannot be written", () => {
  it.each([
    ["the help", "$CLI --help"],
    ["the help of a command", "$CLI sample --help"],
    ["the version", "$CLI --version"],
    ["what doctor says", "$CLI doctor"],
    ["the same as JSON", "$CLI doctor --json"],
    ["the trace events", "$CLI visl --trace list"],
  ])("%s, on a full disk: one sentence, and exit status 74", (_what, command) => {
    expect(shell(`${command} >/dev/full`)).toEqual({
      status: 74,
      stdout: "",
      stderr: "v4l2-cuse: the output cannot be written (ENOSPC): the disk is full\n",
    });
  });

  it("what parse says, on a full disk", () => {
    expect(shell(`$CLI parse "$1" >/dev/full`, [longStream()])).toEqual({
      status: 74,
      stdout: "",
      stderr: "v4l2-cuse: the output cannot be written (ENOSPC): the disk is full\n",
    });
  });

  it("a descriptor that is not open for writing", () => {
    expect(shell("$CLI --version 1</dev/null")).toEqual({
      status: 74,
      stdout: "",
      stderr: "v4l2-cuse: the output cannot be written (EBADF): its descriptor is not open for writing\n",
    });
  });
});

describe("a reader that has enough", () => {
  it.each([
    ["--help", "$CLI --help"],
    ["parse", '$CLI parse "$1"'],
    ["parse --json", '$CLI parse --json "$1"'],
  ])("ends %s quietly", (_what, command) => {
    const { stdout, stderr } = shell(`${command} | head -n 1`, [longStream()]);
    expect(stdout.split("\n")).toHaveLength(2);
    expect(stderr).toBe("");
  });
});

describe("a file that is written of another one", () => {
  const files = async (): Promise<{ readonly recording: string; readonly folder: string }> => {
    const recording = temporaryFile("recording");
    writeFileSync(recording, await record([ioctl()]));
    return { recording, folder: dirname(recording) };
  };

  it("is not the one that is read, by whatever name", async () => {
    const { recording, folder } = await files();
    const before = readFileSync(recording);
    symlinkSync(recording, join(folder, "link"));
    for (const command of [
      '$CLI export "$1/recording" --to ftrace -o "$1/link"',
      '$CLI expect "$1/recording" "no frames" --junit "$1/recording"',
    ]) {
      const { status, stderr } = shell(command, [folder]);
      expect({ status, stderr }).toEqual({
        status: 2,
        stderr: expect.stringMatching(
          /^v4l2-cuse: [^\n]* is a file that is read, and would be overwritten\n$/,
        ) as string,
      });
    }
    expect(readFileSync(recording)).toEqual(before);
  });

  it("stays as it was when there is nothing to write", async () => {
    const { recording, folder } = await files();
    expect(shell('$CLI export "$1" --to ftrace -o "$2/out"', [recording, folder]).status).toBe(0);
    const before = readFileSync(join(folder, "out"), "utf8");
    expect(before).toContain("# tracer: nop");
    writeFileSync(recording, "hello\n");
    expect(shell('$CLI export "$1" --to ftrace -o "$2/out"', [recording, folder]).status).toBe(1);
    expect(readFileSync(join(folder, "out"), "utf8")).toBe(before);
  });
});

describe("a log that cannot be written", () => {
  it("is told once, whatever else comes", async () => {
    const { openSync, closeSync } = await import("node:fs");
    const fd = openSync("/dev/full", "w");
    onTestFinished(() => {
      closeSync(fd);
    });
    const told: string[] = [];
    const sink = new LogSink(fd, "the log", (sentence) => told.push(sentence));
    for (let line = 0; line < 3; line++) {
      sink.line("one");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await sink.flush();
    expect(told).toEqual(["the log cannot be written (ENOSPC): the disk is full"]);
  });

  it("a reader that does not read at the end is told of, too", async () => {
    const { openSync, closeSync, constants } = await import("node:fs");
    const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
    const pipe = join(folder, "pipe");
    spawnSync("mkfifo", [pipe]);
    const fd = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    onTestFinished(() => {
      closeSync(fd);
      rmSync(folder, { recursive: true });
    });
    const told: string[] = [];
    const sink = new LogSink(fd, "the log", (sentence) => told.push(sentence));
    sink.line("x".repeat(1 << 20));
    await sink.flush();
    expect(told).toEqual(["the end of the log is lost: it was not read fast enough"]);
  });
});
