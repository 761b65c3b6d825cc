/** `v4l2-cuse decoder`: the stateless decoder that decodes. */
import { Command, InvalidArgumentError, Option } from "commander";
import { createDecoder, decoderCodecs, decoderProblem } from "../decoder/index.js";
import type { References } from "../decoder/index.js";
import type { DumpParameters, StatelessCodec } from "../stateless/index.js";
import { dumpParameterDefinitions, parseParameter } from "../stateless/index.js";
import { Failure } from "./failure.js";
import { addStatelessNodeOptions, addStatelessOptions, serveStateless } from "./serve-stateless.js";
import type { StatelessOptions } from "./serve-stateless.js";
import { refusedAsArgument } from "./trace-options.js";

type DecoderCommandOptions = StatelessOptions &
  Partial<DumpParameters> & {
    readonly codec?: readonly StatelessCodec[];
    readonly references: References;
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
  addStatelessNodeOptions(command)
    .option(
      "--codec <name...>",
      `what the device decodes (default: ${decoderCodecs.map(({ name }) => name).join(", ")})`,
      collectCodecs,
    )
    .addOption(
      new Option(
        "--references <whose>",
        "decode from the pictures that the bitstream means, or from those that the client names by their time stamps " +
          "(HEVC and AV1; H.264, MPEG-2, VP8 and VP9 can only do the first)",
      )
        .choices(["bitstream", "client"])
        .default("bitstream"),
    );
  for (const definition of dumpParameterDefinitions) {
    const [flags, help] = parameterHelp[definition.key];
    const option = new Option(flags, help);
    if (definition.kind !== "bool") {
      option.argParser((text) => refusedAsArgument(() => parseParameter(definition, text)));
    }
    command.addOption(option);
  }
  return addStatelessOptions(command).action(async (options: DecoderCommandOptions) => {
    const problem = decoderProblem();
    if (problem !== undefined) throw new Failure(problem);
    const parameters = parametersOf(options);
    const codecs = options.codec === undefined ? {} : { codecs: options.codec };
    const { references } = options;
    await serveStateless((names) => createDecoder({ ...names, ...codecs, references, parameters }), options);
  });
}

function collectCodecs(text: string, before: readonly StatelessCodec[] | undefined): StatelessCodec[] {
  const named = text.split(",").map((word) => {
    const codec = decoderCodecs.find(({ name }) => name === word);
    if (codec !== undefined) return codec;
    throw new InvalidArgumentError(`There are ${decoderCodecs.map(({ name }) => name).join(", ")}.`);
  });
  return [...new Set([...(before ?? []), ...named])];
}

/** Those that the command line names. */
function parametersOf(options: DecoderCommandOptions): Partial<DumpParameters> {
  const named = dumpParameterDefinitions.filter(({ key }) => options[key] !== undefined);
  return Object.fromEntries(named.map(({ key }) => [key, options[key]]));
}
