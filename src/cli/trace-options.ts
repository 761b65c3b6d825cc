/** The options of stateless decoders that say which controls are traced, and where the traces go. */
import { closeSync, openSync } from "node:fs";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { TraceHit, Tracepoints } from "../stateless/index.js";
import { ftraceLine, matchEvents, traceEvents, traceJsonLine } from "../stateless/index.js";
import { V4l2Error } from "../v4l2/index.js";
import { Failure } from "./failure.js";
import { LogSink } from "./log-sink.js";
import { writeOut } from "./output.js";

export interface TraceOptions {
  readonly trace?: readonly string[];
  readonly traceFile?: string;
  readonly traceFormat: "text" | "json";
}

const STDERR = 2;
/** `--trace list` */
const LIST = "list";

export function addTraceOptions(command: Command): Command {
  return command
    .option(
      "--trace <event...>",
      "trace controls: all, a codec (vp8), a group, or an event (v4l2_ctrl_vp8_frame); * matches anything; 'list' shows all",
      collectEvents,
    )
    .option("--trace-file <path>", "where traces go (default: standard error)")
    .addOption(
      new Option("--trace-format <form>", "ftrace's text, or a JSON object per line")
        .choices(["text", "json"])
        .default("text"),
    );
}

/** Parses an option's argument; what is wrong with it is told as commander tells it. */
export function refusedAsArgument<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof V4l2Error) throw new InvalidArgumentError(`${error.detail}.`);
    throw new InvalidArgumentError(error instanceof Error ? `${error.message}.` : String(error));
  }
}

function collectEvents(text: string, before: readonly string[] | undefined): string[] {
  if (text === LIST) return [...(before ?? []), LIST];
  const patterns = text.split(",").filter((pattern) => pattern !== "");
  for (const pattern of patterns) {
    try {
      matchEvents(pattern);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new InvalidArgumentError(`${error.message}: --trace list shows them.`);
    }
  }
  return [...(before ?? []), ...patterns];
}

/** Every trace event with its codec and group: what `--trace` takes. */
function eventList(): string {
  const rows = traceEvents.map(({ codec, group, name }) => [codec, group, name] as const);
  const [codecs, groups] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(([codec, group, name]) => `${codec.padEnd(codecs ?? 0)}  ${group.padEnd(groups ?? 0)}  ${name}\n`)
    .join("");
}

/** Writes the chosen events, and what is chosen later through the tree, until `end()`. */
export type StartTraces = (tracepoints: Tracepoints) => { end(): Promise<void> };

/**
 * Opens where traces go for as long as `serve` runs; only prints the list of events if that is what was asked for.
 * @throws {Failure} The file cannot be written.
 */
export async function withTraces(
  options: TraceOptions,
  serve: (start: StartTraces) => Promise<void>,
): Promise<void> {
  if (options.trace?.includes(LIST) === true) {
    writeOut(eventList());
    return;
  }
  const fd = options.traceFile === undefined ? STDERR : openTraceFile(options.traceFile);
  try {
    await serve((tracepoints) => startTraces(tracepoints, fd, options));
  } finally {
    if (fd !== STDERR) closeSync(fd);
  }
}

function startTraces(tracepoints: Tracepoints, fd: number, options: TraceOptions): { end(): Promise<void> } {
  for (const pattern of options.trace ?? []) tracepoints.enable(pattern);
  const sink = new LogSink(
    fd,
    options.traceFile === undefined ? "the trace" : `the trace ${options.traceFile}`,
  );
  const line: (hit: TraceHit) => string = options.traceFormat === "json" ? traceJsonLine : ftraceLine;
  const stop = tracepoints.subscribe((hit) => {
    sink.line(line(hit));
  });
  return {
    end: async () => {
      stop();
      await sink.flush();
    },
  };
}

function openTraceFile(path: string): number {
  try {
    return openSync(path, "a");
  } catch (error) {
    throw new Failure(
      `cannot write traces to ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
