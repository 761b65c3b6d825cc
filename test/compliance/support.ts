/** Runs v4l2-compliance and says what it found, as data. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { beforeAll } from "vitest";
import type { ClientResult } from "../device/support/probe.js";

export interface Findings {
  /** `"VIDIOC_ENUM_FMT/FRAMESIZES/FRAMEINTERVALS"`; a test that ran for several inputs is named once. */
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
  /** Tests that the device does not claim. */
  readonly notSupported: readonly string[];
  readonly succeeded: number;
  readonly total: number;
  readonly text: string;
}

/** `"1.22"` */
export async function complianceVersion(): Promise<string> {
  const { stdout } = await promisify(execFile)("v4l2-compliance", ["--version"]);
  const version = /v4l2-compliance (\d+\.\d+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`v4l2-compliance does not say its version: ${stdout}`);
  return version;
}

/** @throws When it did not come to its last line. */
export async function findings(run: { readonly result: Promise<ClientResult> }): Promise<Findings> {
  const { lines, stderr, signal } = await run.result;
  // Progress is written over itself; only what stays on the line counts.
  const rows = lines.map((line) => line.slice(line.lastIndexOf("\r") + 1));
  const text = rows.join("\n");
  // With -m there is a total for each node, and the grand total last.
  const totals = /^(?:Grand )?Total for .*: (\d+), Succeeded: (\d+), Failed: (\d+), Warnings: (\d+)/gm;
  const total = [...text.matchAll(totals)].at(-1);
  if (total === undefined)
    throw new Error(`v4l2-compliance did not finish (${signal ?? "no signal"}): ${text}\n${stderr}`);
  const tests = [...text.matchAll(/\btest (.+?): (OK|FAIL)( \(Not Supported\))?$/gm)];
  const named = (wanted: (match: RegExpExecArray) => boolean): string[] => [
    ...new Set(tests.filter(wanted).map((match) => match[1] ?? "")),
  ];
  const result: Findings = {
    failures: named((match) => match[2] === "FAIL"),
    notSupported: named((match) => match[3] !== undefined),
    warnings: rows.filter((row) => /^\s*warn:/.test(row)).map((row) => row.trim()),
    total: Number(total[1]),
    succeeded: Number(total[2]),
    text,
  };
  if (Number(total[3]) > 0 && result.failures.length === 0) {
    throw new Error(`failures that this parser does not see: ${text}`);
  }
  return result;
}

/** As many have room in a guest. */
const LANES = 3;

/**
 * Runs of the tool beside each other: of the 19 s that a streaming run of version 1.30 takes on an idle device, it sleeps
 * 16. They begin before the first test of the file, and each test waits for its own.
 * @param runs - By name. Each starts devices of its own, and ends them.
 */
export function runAtOnce(
  runs: ReadonlyMap<string, () => Promise<Findings>>,
): (name: string) => Promise<Findings> {
  const outcomes = new Map<string, Promise<Findings>>();
  beforeAll(() => {
    const lanes = Array.from({ length: LANES }, (): Promise<unknown> => Promise.resolve());
    [...runs].forEach(([name, run], index) => {
      const outcome = (lanes[index % LANES] ?? Promise.resolve()).then(run);
      outcomes.set(name, outcome);
      lanes[index % LANES] = outcome.catch(() => undefined);
    });
  });
  return (name) => outcomes.get(name) ?? Promise.reject(new Error(`there is no run ${name}`));
}

/** Entries of expected-failures.txt for one version of the tool and one run: the failing tests' names. */
export function expectedFailures(version: string, run: string): string[] {
  const file = new URL("expected-failures.txt", import.meta.url);
  return readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "")
    .flatMap((line) => {
      const [entryVersion, entryRun, ...name] = line.split(/\s+/);
      if (name.length === 0) throw new Error(`expected-failures.txt: "${line}" is not: VERSION RUN TEST`);
      return entryVersion === version && entryRun === run ? [name.join(" ")] : [];
    });
}
