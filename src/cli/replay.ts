/** `v4l2-cuse replay FILE -d NODE`: plays a session against a driver, and says where its answers are others. */
import { readFileSync, statSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import {
  parseTracerFile,
  Player,
  RecordedSteps,
  ReplayError,
  SessionFacts,
  TracerError,
  tracerSteps,
  type Parting,
  type Step,
} from "../replay/index.js";
import { controlPayloads } from "../v4l2/index.js";
import { Failure } from "./failure.js";
import { writeOut } from "./output.js";
import { readRecordings } from "./recordings.js";

interface Options {
  readonly device?: string;
  readonly media?: string;
  readonly subdev?: string;
  readonly all: number;
  readonly json?: boolean;
  readonly timeout: number;
  readonly ignore?: readonly string[];
}

/** A file of the tracer is read as a whole. */
const MAX_TRACER_BYTES = 256 << 20;
/** Neither the answers were the same, nor is it known where they part. */
const TROUBLE = 2;

export function replayCommand(): Command {
  return new Command("replay")
    .description("play a recording, or a file of v4l2-tracer, against a driver, and compare its answers")
    .argument(
      "<file>",
      "a recording (made with --record-bytes if buffers are to have their bytes), or JSON of v4l2-tracer",
    )
    .option("-d, --device <node>", "the video node that the session is played on")
    .option("-m, --media <node>", "its media node")
    .option("--subdev <node>", "its sub-device")
    .option("--all <count>", "go on until so many answers are others, not the first alone", parseCount, 1)
    .option("--json", "the result as a JSON object")
    .option("--timeout <ms>", "a driver is given so long for what the recorded one had done", parseMs, 5000)
    .option(
      "--ignore <field...>",
      "members that may differ, besides time stamps, offsets and descriptors: v4l2_capability.card, sequence",
    )
    .addHelpText(
      "after",
      "\nExit status: 0 if all answers are the same, 1 if one is not, 2 if the session cannot be played.",
    )
    .action((path: string, options: Options) => {
      try {
        play(path, options);
      } catch (error) {
        if (error instanceof ReplayError || error instanceof TracerError)
          throw new Failure(error.message, TROUBLE);
        throw error instanceof Failure ? new Failure(error.message, TROUBLE) : error;
      }
    });
}

/** Ends a replay before its end. */
class Enough extends Error {}

function play(
  path: string,
  { device, media, subdev, json, all, timeout: timeoutMs, ignore: ignored = [] }: Options,
): void {
  const nodes = {
    ...(device !== undefined && { video: device }),
    ...(media !== undefined && { media }),
    ...(subdev !== undefined && { "v4l-subdev": subdev }),
  };
  const player = new Player({ nodes, timeoutMs, ignored });
  const partings: Parting[] = [];
  try {
    forEachStep(path, (step) => {
      const found = player.play(step);
      if (found === undefined) return;
      partings.push(found);
      if (partings.length >= all) throw new Enough();
    });
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  } finally {
    player.end();
  }
  const { played } = player;
  const skipped = Object.fromEntries(player.skipped);
  if (json === true) writeOut(`${JSON.stringify({ played, skipped, partings }, bigText)}\n`);
  else {
    for (const { where, ioctl, differences } of partings)
      for (const { field, expected, got } of differences)
        writeOut(`${where}: ${ioctl}: ${field}: expected ${String(expected)}, got ${String(got)}\n`);
    if (partings.length === 0) writeOut(`${played} calls were answered as in ${path}\n`);
    else if (all > 1) writeOut(`${partings.length} of ${played} answers are others than in ${path}\n`);
    const names = Object.entries(skipped).map(([name, count]) => `${name} (${count})`);
    if (names.length > 0) process.stderr.write(`v4l2-cuse: not played: ${names.join(", ")}\n`);
  }
  if (partings.length > 0) process.exitCode = 1;
}

const bigText = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;

/** Gives each step of a session of either form. */
export function forEachStep(path: string, take: (step: Step) => void): void {
  if (isTracerFile(path)) {
    for (const step of tracerSteps(parseTracerFile(readFileSync(path, "utf8"), path))) take(step);
    return;
  }
  const facts = new SessionFacts();
  readRecordings([path], (event) => {
    facts.take(event);
  });
  const steps = new RecordedSteps(
    facts,
    (bytes) => new Map(controlPayloads(bytes).map(({ index, bytes: payload }) => [index, payload])),
  );
  readRecordings([path], (event) => {
    for (const step of steps.of(event)) take(step);
  });
}

/** Is it a file of v4l2-tracer, by its name? @throws {Failure} It cannot be read as a whole. */
export function isTracerFile(path: string): boolean {
  let size: number;
  try {
    const facts = statSync(path);
    if (!facts.isFile()) throw new Failure(`cannot read ${path}: it is no file`, TROUBLE);
    ({ size } = facts);
    if (!/\.json$/i.test(path)) return false;
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
      TROUBLE,
    );
  }
  if (size > MAX_TRACER_BYTES)
    throw new Failure(`${path} is larger than ${MAX_TRACER_BYTES >> 20} MiB`, TROUBLE);
  return true;
}

function parseMs(text: string): number {
  const number = Number(text);
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError("Name milliseconds, 0 or more.");
  return number;
}

function parseCount(text: string): number {
  const number = Number(text);
  if (!/^\d{1,6}$/.test(text) || number === 0) throw new InvalidArgumentError("Name a number, 1 or more.");
  return number;
}
