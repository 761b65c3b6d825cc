/** `v4l2-cuse diff A B`: the first place where the clients of two sessions differ. */
import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import {
  parseTracerFile,
  RecordedCalls,
  sessionDifferences,
  SessionDiffError,
  TracerError,
  tracerCalls,
  tracerSteps,
  type DiffCall,
  type Difference,
  type SessionDiffOptions,
  type SessionDifference,
} from "../replay/index.js";
import { escapeText } from "../v4l2/index.js";
import { Failure } from "./failure.js";
import { writeOut } from "./output.js";
import { Progress, recordedEvents } from "./recordings.js";
import { isTracerFile } from "./replay.js";

interface Options {
  readonly json?: boolean;
  readonly all: number;
  readonly ignore?: readonly string[];
}

/** Exit status when it cannot be said. */
const TROUBLE = 2;
const MAX_SHOWN = 100_000;
const MAX_FIELDS = 12;
const MAX_VALUE_CHARACTERS = 100;

export function diffCommand(): Command {
  return new Command("diff")
    .description(
      "say where the clients of two recordings first differ: in what they asked, or in what they were answered",
    )
    .argument("<a>", "a recording that --record has made, or JSON of v4l2-tracer")
    .argument("<b>", "another one")
    .option("--json", "the result as a JSON object")
    .option("--all <count>", "show so many differences, not the first alone", parseCount, 1)
    .option("--ignore <field...>", "members that may differ: v4l2_capability.card, sequence")
    .addHelpText(
      "after",
      "\nExit status: 0 if there is no difference, 1 if there is one, 2 if it cannot be said.",
    )
    .action((a: string, b: string, options: Options) => {
      try {
        compare([a, b], options);
      } catch (error) {
        if (error instanceof SessionDiffError || error instanceof TracerError)
          throw new Failure(error.message, TROUBLE);
        throw error instanceof Failure && error.exitStatus === 1
          ? new Failure(error.message, TROUBLE)
          : error;
      }
    });
}

function compare(
  [a, b]: readonly [string, string],
  { json, all: most, ignore: ignored = [] }: Options,
): void {
  const progress = Progress.onTerminal();
  const sessions = [new Session(a, progress), new Session(b, progress)] as const;
  const { differences, compared } = differencesOf(sessions, { most, ignored }, progress);
  if (json === true)
    writeOut(`${JSON.stringify({ compared, differences: differences.map(asJson) }, bigText)}\n`);
  else if (differences.length === 0) writeOut(`${compared} calls are the same in both\n`);
  else writeOut(differences.map((difference) => `${asText(difference, [a, b])}\n`).join("\n"));
  for (const { path, dropped } of sessions)
    if (dropped > 0)
      process.stderr.write(
        `v4l2-cuse: ${path} lacks ${dropped} events, which came faster than they could be written\n`,
      );
  if (differences.length > 0) process.exitCode = 1;
  // What is not there may be different.
  else if (sessions.some(({ dropped }) => dropped > 0)) process.exitCode = TROUBLE;
}

function differencesOf(
  [a, b]: readonly [Session, Session],
  options: SessionDiffOptions,
  progress: Progress | undefined,
): ReturnType<typeof sessionDifferences> {
  try {
    return sessionDifferences(a.calls(), b.calls(), options);
  } finally {
    progress?.end();
  }
}

class Session {
  readonly path: string;
  readonly #progress: Progress | undefined;
  #recorded: RecordedCalls | undefined;

  constructor(path: string, progress: Progress | undefined) {
    this.path = path;
    this.#progress = progress;
  }

  get dropped(): number {
    return this.#recorded?.dropped ?? 0;
  }

  *calls(): Generator<DiffCall, void, undefined> {
    if (isTracerFile(this.path)) {
      yield* tracerCalls(tracerSteps(parseTracerFile(readFileSync(this.path, "utf8"), this.path)));
      return;
    }
    this.#recorded = new RecordedCalls();
    for (const event of recordedEvents(this.path, this.#progress)) yield* this.#recorded.of(event);
  }
}

const sentences: Readonly<Record<SessionDifference["what"], string>> = {
  asked: "the clients asked for something else",
  answered: "they asked the same, and the answers differ",
  other: "the clients did something else",
  missing: "one of them did not do this",
};

function asText(
  { stream, what, a, b, asked, answered }: SessionDifference,
  paths: readonly string[],
): string {
  const lines = [
    `${stream}: ${a !== undefined && a.name === b?.name ? `${a.name}: ` : ""}${sentences[what]}`,
  ];
  for (const [index, call] of [a, b].entries()) {
    const path = escapeText(paths[index] ?? "");
    lines.push(call === undefined ? `  ${path}: no such call` : `  ${path}: ${call.where}: ${call.line()}`);
  }
  return [...lines, ...fieldLines("asked", asked), ...fieldLines("answered", answered)].join("\n");
}

function fieldLines(title: string, differences: readonly Difference[]): string[] {
  const shown = differences.slice(0, MAX_FIELDS).map(({ field, expected, got }) => {
    return `  ${title} ${field}: ${shortText(expected)}, ${shortText(got)}`;
  });
  const more = differences.length - shown.length;
  return more > 0 ? [...shown, `  ${title}: ${more} more`] : shown;
}

function shortText(value: Difference["got"]): string {
  if (value === null) return "nothing";
  const text = escapeText(String(value));
  return text.length > MAX_VALUE_CHARACTERS ? `${text.slice(0, MAX_VALUE_CHARACTERS)}...` : text;
}

function asJson({ stream, what, a, b, asked, answered }: SessionDifference): object {
  const call = (found: DiffCall | undefined): object | null =>
    found === undefined ? null : { where: found.where, name: found.name, line: found.line() };
  const fields = (differences: readonly Difference[]): object[] =>
    differences.map(({ field, expected, got }) => ({ field, a: expected, b: got }));
  return { stream, what, a: call(a), b: call(b), asked: fields(asked), answered: fields(answered) };
}

const bigText = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;

function parseCount(text: string): number {
  const number = Number(text);
  if (!/^\d{1,6}$/.test(text) || number < 1 || number > MAX_SHOWN)
    throw new InvalidArgumentError(`A count is 1 to ${MAX_SHOWN}.`);
  return number;
}
