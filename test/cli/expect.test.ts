/** `v4l2-cuse expect`: its exit statuses, and what it makes of files that are no good. */
import { execFile, spawnSync } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { ioctl, record, temporaryFile } from "../events/support/events.js";

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

function expectCommand(...args: string[]): {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
} {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, "expect", ...args], {
    encoding: "utf8",
    timeout: 30_000,
  });
  return { status, out: stdout, err: stderr };
}

async function recording(change: (bytes: Buffer) => Uint8Array = (bytes) => bytes): Promise<string> {
  const path = temporaryFile("recording");
  writeFileSync(
    path,
    change(await record([ioctl(), ioctl({ comm: "a\u001b[2J\nnot ok", errno: "EBUSY", result: 16 })])),
  );
  return path;
}

describe("v4l2-cuse expect", () => {
  it("exits with 0 when all rules hold, with 1 when one does not", async () => {
    const path = await recording();
    expect(expectCommand(path, "VIDIOC_QBUF", "errors = 1")).toEqual({
      status: 0,
      out: "TAP version 13\n1..2\nok 1 - VIDIOC_QBUF\nok 2 - errors = 1\n# all rules hold\n",
      err: "",
    });
    const { status, out } = expectCommand(path, "VIDIOC_QBUF", "no errors");
    expect(status).toBe(1);
    expect(out).toMatch(/^not ok 2 - no errors\n# 1\n# .*EBUSY.*\n# 1 of 2 rules do not hold$/m);
    // What a client is called is no line of ours.
    expect(out.split("\n").filter((line) => line.startsWith("not ok"))).toHaveLength(1);
    expect(out).not.toContain("\u001b");
  });

  it("reads rules of a file", async () => {
    const rules = temporaryFile("rules");
    writeFileSync(rules, "# what a camera is asked\nVIDIOC_QBUF\n\nerrors <= 1\n");
    expect(expectCommand(await recording(), "--rules", rules, "no frames")).toMatchObject({ status: 0 });
  });

  it("does not count what a driver that was killed may have left out", async () => {
    const path = await recording((bytes) => bytes.subarray(0, -3));
    const { status, out, err } = expectCommand(path, "VIDIOC_QBUF");
    expect(status).toBe(1);
    expect(out).toContain(
      "not ok 1 - the recording is complete\n# its driver was killed\nok 2 - VIDIOC_QBUF\n",
    );
    expect(err).toContain("ends in the middle of an event");
    expect(expectCommand(path, "VIDIOC_QBUF", "--allow-incomplete")).toMatchObject({ status: 0 });
  });

  it("waits for what a driver that runs has not written yet", async () => {
    const whole = await record([ioctl(), ioctl({ errno: "EBUSY", result: 16 })]);
    const path = temporaryFile("recording");
    // Its beginning, a part of an event, and later the rest.
    writeFileSync(path, whole.subarray(0, 60));
    const judged = promisify(execFile)(process.execPath, [
      program,
      "expect",
      path,
      "errors = 1",
      "--wait",
      "60",
    ]);
    await sleep(500);
    appendFileSync(path, whole.subarray(60, -3));
    await sleep(500);
    appendFileSync(path, whole.subarray(-3));
    await expect(judged).resolves.toEqual({
      stdout: "TAP version 13\n1..1\nok 1 - errors = 1\n# all rules hold\n",
      stderr: "",
    });
  });

  it("does not say that nothing happened before a driver has had its time to write", async () => {
    const path = await recording();
    const startedMs = Date.now();
    expect(expectCommand(path, "no frames", "--wait", "60")).toMatchObject({ status: 0 });
    expect(Date.now() - startedMs).toBeGreaterThan(1000);
  });

  it("waits no longer than it is told", async () => {
    const path = await recording();
    expect(expectCommand(path, "frames >= 1", "--wait", "0.5")).toMatchObject({ status: 1 });
    expect(expectCommand("/nonexistent", "no frames", "--wait", "0.5")).toMatchObject({ status: 2 });
    expect(expectCommand(path, "no frames", "--wait", "soon").err).toContain("Name seconds, 0 or more.");
  });

  it.each([
    ["is no recording", () => Buffer.from("hello\n")],
    ["is no recording", () => Buffer.alloc(0)],
    ["is damaged at its beginning", (bytes: Buffer) => bytes.subarray(0, 60)],
    ["is damaged at byte", (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(64, 0xff)])],
    // A name of 64 KiB, and a number that no name gets.
    ["is damaged at byte", (bytes: Buffer) => Buffer.concat([bytes, nameRecord(1, 1 << 16)])],
    ["is damaged at byte", (bytes: Buffer) => Buffer.concat([bytes, nameRecord(60_000, 16)])],
  ])("says that a file %s, in one sentence, and exits with 2", async (reason, change) => {
    const { status, out, err } = expectCommand(await recording(change), "VIDIOC_QBUF");
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toMatch(/^v4l2-cuse: [^\n]*\n$/);
    expect(err).toContain(reason);
  });

  it("exits with 2 when it is not told what to judge by", async () => {
    const path = await recording();
    const rules = temporaryFile("rules");
    writeFileSync(rules, "# nothing\n");
    expect(expectCommand(path)).toMatchObject({ status: 2 });
    expect(expectCommand(path, "--rules", rules)).toMatchObject({ status: 2 });
    expect(expectCommand(path, "--rules", "/nonexistent").err).toContain(
      "cannot read the rules of /nonexistent",
    );
    expect(expectCommand("/nonexistent", "VIDIOC_QBUF")).toMatchObject({ status: 2 });
    expect(expectCommand(path, "frames").err).toContain("it does not say how many");
  });

  it("exits with 74 when the JUnit file cannot be written", async () => {
    const { status, err } = expectCommand(await recording(), "VIDIOC_QBUF", "--junit", "/dev/full");
    expect(status).toBe(74);
    expect(err).toContain("/dev/full cannot be written (ENOSPC): the disk is full");
  });
});

function nameRecord(number: number, length: number): Buffer {
  const bytes = Buffer.alloc(8 + length, "x");
  bytes.writeUInt32LE(bytes.byteLength, 0);
  bytes.writeUInt16LE(0, 4);
  bytes.writeUInt16LE(number, 6);
  return bytes;
}
