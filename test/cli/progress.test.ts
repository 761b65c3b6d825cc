/** How far a command has read a long recording: on a terminal, on standard error, and gone when the result comes. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { examples, record, temporaryFile } from "../events/support/events.js";

const PART = 5000;
/** Of a recording in parts. A fast machine reads the first to its end before a bar is due, and is given a longer one. */
const LENGTHS = [20, 80, 320] as const;
const program = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** Parts that are read one after the other: all at once they would not have room until they are written. */
async function longRecording(parts: number): Promise<string> {
  const waits = examples.filter(({ kind }) => kind === "wait");
  const part = await record(Array.from({ length: PART }, () => waits).flat());
  const rest = part.subarray(16 + part.readUInt32LE(12));
  const path = temporaryFile("long");
  writeFileSync(path, Buffer.concat([part, ...Array.from({ length: parts }, () => rest)]));
  return path;
}

/** What a terminal shows of `explain`. */
async function shown(parts: number, words = ""): Promise<string> {
  const [long, output] = [await longRecording(parts), temporaryFile("typescript")];
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
    let output = "";
    for (const parts of LENGTHS) {
      output = await shown(parts);
      if (output.includes("%")) break;
    }
    expect(output).toMatch(BAR_AND_RESULT);
  }, 60_000);

  it("is not shown where standard error is no terminal", async () => {
    expect(await shown(LENGTHS[0], "2>/dev/null")).toMatch(/^No frame was late or lost\.\r\n/);
  });
});
