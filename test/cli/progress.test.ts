/** How far a command has read a long recording: on a terminal, on standard error, and gone when the result comes. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { examples, record, temporaryFile } from "../events/support/events.js";

const PART = 5000;
const PARTS = 20;
const program = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** Parts that are read one after the other: all at once they would not have room until they are written. */
async function longRecording(): Promise<string> {
  const waits = examples.filter(({ kind }) => kind === "wait");
  const part = await record(Array.from({ length: PART }, () => waits).flat());
  const rest = part.subarray(16 + part.readUInt32LE(12));
  const path = temporaryFile("long");
  writeFileSync(path, Buffer.concat([part, ...Array.from({ length: PARTS }, () => rest)]));
  return path;
}

/** What a terminal shows of `explain`. */
async function shown(words = ""): Promise<string> {
  const [long, output] = [await longRecording(), temporaryFile("typescript")];
  const command = `"${process.execPath}" --import tsx "${program}" explain "${long}" ${words}`;
  const { status, stderr } = spawnSync("script", ["-qec", command, "-E", "never", output], {
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  return readFileSync(output, "utf8").split("\n").slice(1).join("\n");
}

// eslint-disable-next-line no-control-regex
const BAR_AND_RESULT = /^(\r\[#*\.*\] \d+ %, \d+ events)+\r\x1b\[KNo frame was late or lost\.\r\n/;

describe("a bar", () => {
  it("moves on a terminal, and is gone before the result", async () => {
    expect(await shown()).toMatch(BAR_AND_RESULT);
  });

  it("is not shown where standard error is no terminal", async () => {
    expect(await shown("2>/dev/null")).toMatch(/^No frame was late or lost\.\r\n/);
  });
});
