/** `v4l2-cuse visl`: the virtual stateless decoder. */
import { closeSync, openSync } from "node:fs";
import { V4l2Error } from "../v4l2/index.js";
import { Command, InvalidArgumentError, Option } from "commander";
import type { TraceHit } from "../stateless/index.js";
import {
  checkJobs,
  DebugMount,
  ftraceLine,
  matchEvents,
  parseParameter,
  statelessTree,
  traceEvents,
  traceJsonLine,
} from "../stateless/index.js";
import type { ParameterKey, ParameterValues, VislDevice, VislGeneration } from "../visl/index.js";
import { createVisl, parameterDefinitions } from "../visl/index.js";
import { Failure } from "./failure.js";
import { LogSink } from "./log-sink.js";
import { writeOut } from "./output.js";
import type { NodeNames, NodeOptions } from "./node-options.js";
import { addNodeOptions, parseNodeNumber } from "./node-options.js";
import { serve, type Served } from "./serve-nodes.js";

/** What the original's parameters are called on the command line; the rest of the help is theirs. */
const parameterHelp: Readonly<Record<ParameterKey, readonly [flags: string, help: string]>> = {
  debug: ["--debug [level]", "log what the driver does (level 1)"],
  transtimeMs: ["--transtime-ms <ms>", "a job takes this long at least"],
  dprintkFrameStart: ["--dprintk-frame-start <n>", "with --debug: log the text of frames from this one on"],
  dprintkNframes: ["--dprintk-nframes <n>", "with --debug: log the text of so many frames"],
  keepBitstreamBuffers: ["--keep-bitstream-buffers", "keep bitstream dumps after streaming stops"],
  bitstreamTraceFrameStart: [
    "--bitstream-trace-frame-start <n>",
    "dump bitstream buffers from this frame on",
  ],
  bitstreamTraceNframes: ["--bitstream-trace-nframes <n>", "dump the bitstream of so many frames"],
  tpgVerbose: ["--tpg-verbose", "also draw stream time, buffer indices and queue states"],
};

type VislOptions = NodeOptions &
  Partial<ParameterValues> & {
    readonly media?: number;
    readonly kernel: VislGeneration;
    readonly trace?: readonly string[];
    readonly traceFile?: string;
    readonly traceFormat: "text" | "json";
    readonly debugfs: boolean;
    readonly drawing: boolean;
    readonly check?: "log" | "error";
  };

const STDERR = 2;
/** `--trace list` */
const LIST = "list";

export function vislCommand(): Command {
  const command = new Command("visl").description(
    "a virtual stateless decoder that shows what clients submit, as the kernel's visl does",
  );
  addNodeOptions(command).option(
    "--media <N>",
    "the number in /dev/mediaN (default: the first free one)",
    parseNodeNumber,
  );
  for (const definition of parameterDefinitions) {
    const [flags, help] = parameterHelp[definition.key];
    const option = new Option(flags, help);
    if (definition.kind !== "bool") {
      option.argParser((text) => refusedAsArgument(() => parseParameter(definition, text)));
    }
    // `--debug` alone.
    command.addOption(definition.key === "debug" ? option.preset("1") : option);
  }
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
    )
    .addOption(
      new Option("--kernel <version>", "the kernel whose visl clients see; 7.2 has more HEVC controls")
        .choices(["6.12", "7.2"])
        .default("7.2"),
    )
    .addOption(
      new Option(
        "--check [what]",
        "compare controls with the bitstream: log what differs, or give the buffers back with the error flag too",
      )
        .choices(["log", "error"])
        .preset("log"),
    )
    .option("--no-drawing", "leave frames as they are, to measure how fast requests are served")
    .option("--no-debugfs", "do not mount dumps, parameters and counters at /run/v4l2-cuse/<device>")
    .action(run);
}

function refusedAsArgument<T>(parse: () => T): T {
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

async function run(options: VislOptions): Promise<void> {
  if (options.trace?.includes(LIST) === true) {
    writeOut(eventList());
    return;
  }
  const fd = options.traceFile === undefined ? STDERR : openTraceFile(options.traceFile);
  try {
    await serve((names) => servedVisl(names, fd, options), options);
  } finally {
    if (fd !== STDERR) closeSync(fd);
  }
}

function servedVisl(names: NodeNames, traceFd: number, options: VislOptions): Served {
  const name = names.name("video");
  const visl = createVisl({
    name,
    mediaName: names.name("media"),
    generation: options.kernel,
    drawing: options.drawing,
    parameters: parametersOf(options),
  });
  const check = options.check === undefined ? undefined : checkJobs(visl, options.check === "error");
  const tree = new DebugMount(name);
  const traces = startTraces(visl, traceFd, options);
  return {
    logged: [visl.video, visl.media],
    start: async (access) => {
      const session = await visl.start(access);
      // The tree goes before the nodes: as long as it is there, nobody else has their names.
      return { ...session, close: () => tree.close().then(() => session.close()) };
    },
    started: async () => {
      const text = await tree.open(options.debugfs ? statelessTree(visl, check?.counters) : undefined);
      if (text !== undefined) process.stderr.write(`${text}\n`);
    },
    end: () => traces.end(),
  };
}

/** Those that the command line names. */
function parametersOf(options: VislOptions): Partial<ParameterValues> {
  const named = parameterDefinitions.filter(({ key }) => options[key] !== undefined);
  const entries: (readonly [ParameterKey, unknown])[] = named.map(({ key }) => [key, options[key]]);
  return Object.fromEntries(entries);
}

/** Writes the chosen events, and what is chosen later through the tree, until `end()`. */
function startTraces(visl: VislDevice, fd: number, options: VislOptions): { end(): Promise<void> } {
  for (const pattern of options.trace ?? []) visl.tracepoints.enable(pattern);
  const sink = new LogSink(
    fd,
    options.traceFile === undefined ? "the trace" : `the trace ${options.traceFile}`,
  );
  const line: (hit: TraceHit) => string = options.traceFormat === "json" ? traceJsonLine : ftraceLine;
  const stop = visl.tracepoints.subscribe((hit) => {
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
