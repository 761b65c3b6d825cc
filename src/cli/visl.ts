/** `v4l2-cuse visl`: the virtual stateless decoder. */
import { Command, Option } from "commander";
import { checkJobs, DebugMount, parseParameter, statelessTree } from "../stateless/index.js";
import type { ParameterKey, ParameterValues, VislGeneration } from "../visl/index.js";
import { createVisl, parameterDefinitions } from "../visl/index.js";
import type { NodeOptions } from "./node-options.js";
import { addNodeOptions, nodeName, parseNodeNumber } from "./node-options.js";
import { serve } from "./serve-nodes.js";
import { addTraceOptions, refusedAsArgument, startTraces, type TraceOptions } from "./trace-options.js";

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
  TraceOptions &
  Partial<ParameterValues> & {
    readonly media?: number;
    readonly kernel: VislGeneration;
    readonly debugfs: boolean;
    readonly drawing: boolean;
    readonly check?: "log" | "error";
  };

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
  return addTraceOptions(command)
    .addOption(
      new Option("--kernel <version>", "the kernel whose visl clients see; 7.2 has more HEVC controls")
        .choices(["6.12", "7.2"])
        .default("7.2"),
    )
    .addOption(
      new Option(
        "--check [what]",
        "compare controls with the bitstream (H.264): log what differs, or give the buffers back with the error flag too",
      )
        .choices(["log", "error"])
        .preset("log"),
    )
    .option("--no-drawing", "leave frames as they are, to measure how fast requests are served")
    .option("--no-debugfs", "do not mount dumps, parameters and counters at /run/v4l2-cuse/<device>")
    .action(run);
}

async function run(options: VislOptions): Promise<void> {
  const name = nodeName("video", options.video);
  const visl = createVisl({
    name,
    mediaName: nodeName("media", options.media),
    generation: options.kernel,
    drawing: options.drawing,
    parameters: parametersOf(options),
  });
  if (options.check !== undefined) checkJobs(visl, options.check === "error");
  const tree = new DebugMount(name);
  const traces = startTraces(visl.tracepoints, options);
  try {
    await serve(
      {
        logged: [visl.video, visl.media],
        start: async (access) => {
          const session = await visl.start(access);
          // The tree goes before the nodes: as long as it is there, nobody else has their names.
          return { ...session, close: () => tree.close().then(() => session.close()) };
        },
        started: async () => {
          const text = await tree.open(options.debugfs ? statelessTree(visl) : undefined);
          if (text !== undefined) process.stderr.write(`${text}\n`);
        },
      },
      options,
    );
  } finally {
    await traces.end();
  }
}

/** Those that the command line names. */
function parametersOf(options: VislOptions): Partial<ParameterValues> {
  const named = parameterDefinitions.filter(({ key }) => options[key] !== undefined);
  const entries: (readonly [ParameterKey, unknown])[] = named.map(({ key }) => [key, options[key]]);
  return Object.fromEntries(entries);
}
