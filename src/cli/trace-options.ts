/** The options of stateless decoders that say which controls are traced, and where the traces go. */
import { closeSync, openSync } from "node:fs";
import { InvalidArgumentError, Option, type Command } from "commander";
import type { TraceHit, Tracepoints } from "../stateless/index.js";
import { ftraceLine, matchEvents, traceJsonLine } from "../stateless/index.js";
import { V4l2Error } from "../v4l2/index.js";
import { Failure } from "./failure.js";
import { LogSink } from "./log-sink.js";

export interface TraceOptions {
  readonly trace?: readonly string[];
  readonly traceFile?: string;
  readonly traceFormat: "text" | "json";
}

const STDERR = 2;

export function addTraceOptions(command: Command): Command {
  return command
    .option(
      "--trace <event...>",
      "trace controls: all, a codec (vp8), a group, or an event (v4l2_ctrl_vp8_frame); * matches anything",
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
  const patterns = text.split(",").filter((pattern) => pattern !== "");
  for (const pattern of patterns) refusedAsArgument(() => matchEvents(pattern));
  return [...(before ?? []), ...patterns];
}

/** Writes the chosen events, and what is chosen later through the tree, until `end()`. */
export function startTraces(tracepoints: Tracepoints, options: TraceOptions): { end(): Promise<void> } {
  for (const pattern of options.trace ?? []) tracepoints.enable(pattern);
  const fd = options.traceFile === undefined ? STDERR : openTraceFile(options.traceFile);
  const sink = new LogSink(fd);
  const line: (hit: TraceHit) => string = options.traceFormat === "json" ? traceJsonLine : ftraceLine;
  const stop = tracepoints.subscribe((hit) => {
    sink.line(line(hit));
  });
  return {
    end: async () => {
      stop();
      await sink.flush();
      if (fd !== STDERR) closeSync(fd);
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
