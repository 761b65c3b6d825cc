/** `v4l2-cuse expect FILE RULES...`: does a recording show what it should? For CI: an exit status, and a JUnit file. */
import { closeSync, openSync, readSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import {
  Expectations,
  junitXml,
  MAX_RULES,
  parseRule,
  parseRules,
  RuleError,
  type Rule,
  type RuleResult,
} from "../events/index.js";
import { escapeText } from "../v4l2/index.js";
import { Failure, USAGE, UsageError } from "./failure.js";
import { parseMs } from "./explain.js";
import { LOST_OUTPUT, unwritable, writeOut } from "./output.js";
import { readRecordings } from "./recordings.js";

interface Options {
  readonly rules?: string;
  readonly junit?: string;
  readonly lateMs?: number;
  readonly allowIncomplete?: boolean;
}

/** Exit status when a rule does not hold. */
const UNMET = 1;
/** No file of rules is larger. */
const MAX_RULES_BYTES = 1 << 20;
const NS_PER_MS = 1e6;

export function expectCommand(): Command {
  return new Command("expect")
    .description(
      "say which of these rules hold in a recording that --record has made; exit status 0: all do, 1: one does not, 2: it cannot be said",
    )
    .argument("<file>", "the recording")
    .argument("[rules...]", "such as 'frames >= 100', 'no errors except EINVAL'; docs/expect.md has them all")
    .option("--rules <path>", "a file with a rule in each line; a line that begins with # is a comment")
    .option("--junit <path>", "write the results as a JUnit file, too")
    .option("--late-ms <ms>", "a frame is late when it comes so much after it should; as of explain", parseMs)
    .option("--allow-incomplete", "go by what is there, if the driver was killed or events are missing")
    .action((file: string, words: string[], options: Options) => {
      const rules = readRules(words, options.rules);
      const startedMs = Date.now();
      const results = judge(file, rules, options);
      writeOut(tapText(results));
      if (options.junit !== undefined)
        writeJunit(options.junit, junitXml(file, results, (Date.now() - startedMs) / 1000));
      if (results.some(({ holds }) => !holds)) process.exitCode = UNMET;
    });
}

/** @throws {UsageError} There is none, or one is none. */
function readRules(words: readonly string[], path: string | undefined): Rule[] {
  try {
    const rules = [...words.map(parseRule), ...(path === undefined ? [] : parseRules(readText(path)))];
    if (rules.length === 0)
      throw new UsageError("there are no rules: name some, or a file of them with --rules");
    if (rules.length > MAX_RULES) throw new UsageError(`there are more than ${MAX_RULES} rules`);
    return rules;
  } catch (error) {
    throw error instanceof RuleError ? new UsageError(error.message) : error;
  }
}

/** @throws {UsageError} It cannot be read, or is too large. */
function readText(path: string): string {
  try {
    const fd = openSync(path, "r");
    try {
      const bytes = Buffer.alloc(MAX_RULES_BYTES + 1);
      let length = 0;
      for (let read = -1; read !== 0 && length < bytes.byteLength; length += read)
        read = readSync(fd, bytes, length, bytes.byteLength - length, null);
      if (length > MAX_RULES_BYTES) throw new UsageError(`${path} has more than 1 MiB of rules`);
      return bytes.toString("utf8", 0, length);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `cannot read the rules of ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** @throws {Failure} The recording cannot be read. */
function judge(file: string, rules: readonly Rule[], { lateMs, allowIncomplete }: Options): RuleResult[] {
  const expectations = new Expectations(rules, {
    lateNs: lateMs === undefined ? undefined : lateMs * NS_PER_MS,
  });
  let isCut;
  try {
    isCut = readRecordings([file], (event) => {
      expectations.take(event);
    });
  } catch (error) {
    throw error instanceof Failure ? new Failure(error.message, USAGE) : error;
  }
  const results = expectations.end();
  const { dropped } = expectations;
  if (allowIncomplete === true || (!isCut && dropped === 0)) return results;
  // Counts of what is not there prove nothing.
  const found = [
    ...(isCut ? ["its driver was killed"] : []),
    ...(dropped > 0 ? [`${dropped} events came faster than they could be written`] : []),
  ];
  return [
    { rule: "the recording is complete", holds: false, found: found.join("; "), evidence: [] },
    ...results,
  ];
}

/** In the Test Anything Protocol. Clients choose their own names: nothing of theirs begins a line or moves a cursor. */
function tapText(results: readonly RuleResult[]): string {
  const lines = results.flatMap(({ rule, holds, found, evidence }, index) => [
    `${holds ? "ok" : "not ok"} ${index + 1} - ${escapeText(rule.replaceAll("#", "\\#"))}`,
    ...(holds ? [] : [found, ...evidence].map((line) => `# ${escapeText(line)}`)),
  ]);
  const failed = results.filter(({ holds }) => !holds).length;
  const sum = failed === 0 ? "all rules hold" : `${failed} of ${results.length} rules do not hold`;
  return ["TAP version 13", `1..${results.length}`, ...lines, `# ${sum}`, ""].join("\n");
}

/** @throws {Failure} It cannot be written. */
function writeJunit(path: string, xml: string): void {
  try {
    writeFileSync(path, xml);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new Failure(unwritable(path, error), LOST_OUTPUT);
  }
}
