/** `v4l2-cuse expect FILE RULES...`: does a recording show what it should? For CI: an exit status, and a JUnit file. */
import { closeSync, openSync, readSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
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
import { escapeText, monotonicNow } from "../v4l2/index.js";
import { Failure, USAGE, UsageError } from "./failure.js";
import { keepInputs, LOST_OUTPUT, unwritable, writeOut } from "./output.js";
import { readRecordings } from "./recordings.js";
import { fromZero, parseMs } from "./times.js";

interface Options {
  readonly rules?: string;
  readonly junit?: string;
  readonly lateMs?: number;
  readonly allowIncomplete?: boolean;
  readonly wait?: number;
}

/** Exit status when a rule does not hold. */
const UNMET = 1;
/** No file of rules is larger. */
const MAX_RULES_BYTES = 1 << 20;
const NS_PER_MS = 1e6;
/** No wait is longer: eleven days. */
const MOST_WAIT_S = 1e6;
/** A recording that is being written is looked at so often. */
const LOOK_MS = 200;
/** One that did not grow for so long has all that its driver knows: four times what the driver keeps to itself at most. */
const QUIET_MS = 1000;

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
    .option(
      "--wait <s>",
      "for a driver that still runs: wait so long at most until all until now is written and the rules hold",
      fromZero("seconds", MOST_WAIT_S),
    )
    .action(async (file: string, words: string[], options: Options) => {
      const rules = readRules(words, options.rules);
      if (options.junit !== undefined)
        keepInputs(options.junit, options.rules === undefined ? [file] : [file, options.rules]);
      const startedMs = Date.now();
      const results =
        options.wait === undefined
          ? judge(file, rules, options).results
          : await judgeGrowing(file, rules, options, options.wait * 1000);
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

/**
 * Judges a recording whose driver runs, and which therefore lacks what happened last: again and again until it has all
 * that had happened before, and the rules hold.
 * @throws {Failure} It cannot be read in that time.
 */
async function judgeGrowing(
  file: string,
  rules: readonly Rule[],
  options: Options,
  limitMs: number,
): Promise<RuleResult[]> {
  const startedNs = monotonicNow();
  const endNs = startedNs + limitMs * NS_PER_MS;
  let size = -1;
  let grewNs = startedNs;
  for (;;) {
    // Before reading: what is written meanwhile is looked at next time.
    const nowNs = monotonicNow();
    const nowSize = statSync(file, { throwIfNoEntry: false })?.size ?? -1;
    if (nowSize !== size) [size, grewNs] = [nowSize, nowNs];
    const isLast = nowNs >= endNs;
    try {
      const { results, newestNs } = judge(file, rules, { ...options, allowIncomplete: true }, false);
      const hasAll = newestNs >= startedNs || nowNs - grewNs >= QUIET_MS * NS_PER_MS;
      if (isLast || (hasAll && results.every(({ holds }) => holds))) return results;
    } catch (error) {
      // Its beginning may not be written yet.
      if (isLast || !(error instanceof Failure)) throw error;
    }
    await sleep(LOOK_MS);
  }
}

interface Judgement {
  readonly results: RuleResult[];
  /** When the newest event happened, CLOCK_MONOTONIC. */
  readonly newestNs: number;
}

/** @throws {Failure} The recording cannot be read. */
function judge(
  file: string,
  rules: readonly Rule[],
  { lateMs, allowIncomplete }: Options,
  saysCut = true,
): Judgement {
  const expectations = new Expectations(rules, {
    lateNs: lateMs === undefined ? undefined : lateMs * NS_PER_MS,
  });
  let newestNs = 0;
  let isCut;
  try {
    isCut = readRecordings(
      [file],
      (event) => {
        newestNs = Math.max(newestNs, event.monotonicNs);
        expectations.take(event);
      },
      { saysCut },
    );
  } catch (error) {
    throw error instanceof Failure ? new Failure(error.message, USAGE) : error;
  }
  const results = expectations.end();
  const { dropped } = expectations;
  if (allowIncomplete === true || (!isCut && dropped === 0)) return { results, newestNs };
  // Counts of what is not there prove nothing.
  const found = [
    ...(isCut ? ["its driver was killed"] : []),
    ...(dropped > 0 ? [`${dropped} events came faster than they could be written`] : []),
  ];
  const complete = { rule: "the recording is complete", holds: false, found: found.join("; "), evidence: [] };
  return { results: [complete, ...results], newestNs };
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
