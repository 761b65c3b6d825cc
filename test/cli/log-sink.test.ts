/** The log must never hold up the device: lines wait in the background, and what is too much is dropped and counted. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { LogSink } from "../../src/cli/log-sink.js";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

it("writes lines in order, also those that wait when the process ends", async () => {
  const file = join(temporaryFolder(), "log");
  const fd = openSync(file, "w");
  const sink = new LogSink(fd, "the log");
  sink.line("one");
  await turn();
  sink.line("two");
  sink.line("three");
  await sink.flush();
  closeSync(fd);
  expect(readFileSync(file, "utf8")).toBe("one\ntwo\nthree\n");
});

it("drops and counts lines that a stalled reader leaves no room for, and goes on when it reads again", async () => {
  const pipe = join(temporaryFolder(), "pipe");
  execFileSync("mkfifo", [pipe]);
  const fd = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  onTestFinished(() => {
    closeSync(fd);
  });
  const sink = new LogSink(fd, "the log");
  const long = "x".repeat(1023);
  for (let line = 0; line < 6000; line++) sink.line(long);
  await turn();

  let text = "";
  const buffer = Buffer.alloc(1 << 20);
  const read = async (isEnough: () => boolean): Promise<void> => {
    for (const end = Date.now() + 20_000; !isEnough() && Date.now() < end;) {
      try {
        text += buffer.toString("latin1", 0, readSync(fd, buffer));
      } catch {
        await turn();
      }
    }
  };
  await read(() => text.length >= 4 * 1024 * 1024); // What the sink holds.
  sink.line("more");
  await read(() => text.endsWith("more\n"));
  expect(text.slice(-200)).toMatch(/\(\d+ lines were lost: the log was not read fast enough\)\nmore\n$/);
});
