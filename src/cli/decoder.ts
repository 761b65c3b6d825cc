/** `v4l2-cuse decoder`: the stateless decoder that decodes. */
import { Command, InvalidArgumentError, Option } from "commander";
import { createDecoder, decoderCodecs, decoderProblem } from "../decoder/index.js";
import type { DumpParameters, StatelessCodec } from "../stateless/index.js";
import {
  checkJobs,
  DebugMount,
  dumpParameterDefinitions,
  parseParameter,
  statelessTree,
} from "../stateless/index.js";
import { Failure } from "./failure.js";
import type { NodeOptions } from "./node-options.js";
import { addNodeOptions, nodeName, parseNodeNumber } from "./node-options.js";
import { serve } from "./serve-nodes.js";
import { addTraceOptions, refusedAsArgument, startTraces, type TraceOptions } from "./trace-options.js";

type DecoderCommandOptions = NodeOptions &
  TraceOptions &
  Partial<DumpParameters> & {
    readonly media?: number;
    readonly codec?: readonly StatelessCodec[];
    readonly debugfs: boolean;
    readonly check?: "log" | "error";
  };

/** What the parameters are called on the command line; names and meaning are those of the kernel's visl. */
const parameterHelp: Readonly<Record<keyof DumpParameters, readonly [flags: string, help: string]>> = {
  keepBitstreamBuffers: ["--keep-bitstream-buffers", "keep bitstream dumps after streaming stops"],
  bitstreamTraceFrameStart: [
    "--bitstream-trace-frame-start <n>",
    "dump bitstream buffers from this frame on",
  ],
  bitstreamTraceNframes: ["--bitstream-trace-nframes <n>", "dump the bitstream of so many frames"],
};

export function decoderCommand(): Command {
  const command = new Command("decoder").description(
    "a stateless decoder that decodes, so that a client's frames can be compared to the last bit",
  );
  addNodeOptions(command)
    .option("--media <N>", "the number in /dev/mediaN (default: the first free one)", parseNodeNumber)
    .option(
      "--codec <name...>",
      `what the device decodes (default: ${decoderCodecs.map(({ name }) => name).join(", ")})`,
      collectCodecs,
    );
  for (const definition of dumpParameterDefinitions) {
    const [flags, help] = parameterHelp[definition.key];
    const option = new Option(flags, help);
    if (definition.kind !== "bool") {
      option.argParser((text) => refusedAsArgument(() => parseParameter(definition, text)));
    }
    command.addOption(option);
  }
  return addTraceOptions(command)
    .addOption(
      new Option(
        "--check [what]",
        "compare controls with the bitstream: log what differs, or give the buffers back with the error flag too",
      )
        .choices(["log", "error"])
        .preset("log"),
    )
    .option("--no-debugfs", "do not mount dumps, parameters and counters at /run/v4l2-cuse/<device>")
    .action(run);
}

function collectCodecs(text: string, before: readonly StatelessCodec[] | undefined): StatelessCodec[] {
  const named = text.split(",").map((word) => {
    const codec = decoderCodecs.find(({ name }) => name === word);
    if (codec !== undefined) return codec;
    throw new InvalidArgumentError(`There are ${decoderCodecs.map(({ name }) => name).join(", ")}.`);
  });
  return [...new Set([...(before ?? []), ...named])];
}

async function run(options: DecoderCommandOptions): Promise<void> {
  const problem = decoderProblem();
  if (problem !== undefined) throw new Failure(problem);
  const name = nodeName("video", options.video);
  const decoder = createDecoder({
    name,
    mediaName: nodeName("media", options.media),
    ...(options.codec !== undefined && { codecs: options.codec }),
    parameters: parametersOf(options),
  });
  if (options.check !== undefined) checkJobs(decoder, options.check === "error");
  const tree = new DebugMount(name);
  const traces = startTraces(decoder.tracepoints, options);
  try {
    await serve(
      {
        logged: [decoder.video, decoder.media],
        start: async (access) => {
          const session = await decoder.start(access);
          // The tree goes before the nodes: as long as it is there, nobody else has their names.
          return { ...session, close: () => tree.close().then(() => session.close()) };
        },
        started: async () => {
          const text = await tree.open(options.debugfs ? statelessTree(decoder) : undefined);
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
function parametersOf(options: DecoderCommandOptions): Partial<DumpParameters> {
  const named = dumpParameterDefinitions.filter(({ key }) => options[key] !== undefined);
  return Object.fromEntries(named.map(({ key }) => [key, options[key]]));
}
