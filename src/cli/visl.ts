/** `v4l2-cuse visl`: the virtual stateless decoder. */
import { Command, Option } from "commander";
import { parseParameter } from "../stateless/index.js";
import type { ParameterKey, ParameterValues, VislGeneration } from "../visl/index.js";
import { createVisl, parameterDefinitions } from "../visl/index.js";
import { addStatelessNodeOptions, addStatelessOptions, serveStateless } from "./serve-stateless.js";
import type { StatelessOptions } from "./serve-stateless.js";
import { refusedAsArgument } from "./trace-options.js";

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

type VislOptions = StatelessOptions &
  Partial<ParameterValues> & {
    readonly kernel: VislGeneration;
    readonly drawing: boolean;
  };

export function vislCommand(): Command {
  const command = new Command("visl").description(
    "a virtual stateless decoder that shows what clients submit, as the kernel's visl does",
  );
  addStatelessNodeOptions(command);
  for (const definition of parameterDefinitions) {
    const [flags, help] = parameterHelp[definition.key];
    const option = new Option(flags, help);
    if (definition.kind !== "bool") {
      option.argParser((text) => refusedAsArgument(() => parseParameter(definition, text)));
    }
    // `--debug` alone.
    command.addOption(definition.key === "debug" ? option.preset("1") : option);
  }
  return addStatelessOptions(command)
    .addOption(
      new Option("--kernel <version>", "the kernel whose visl clients see; 7.2 has more HEVC controls")
        .choices(["6.12", "7.2"])
        .default("7.2"),
    )
    .option("--no-drawing", "leave frames as they are, to measure how fast requests are served")
    .action(async (options: VislOptions) => {
      const { kernel: generation, drawing } = options;
      const parameters = parametersOf(options);
      await serveStateless((names) => createVisl({ ...names, generation, drawing, parameters }), options);
    });
}

/** Those that the command line names. */
function parametersOf(options: VislOptions): Partial<ParameterValues> {
  const named = parameterDefinitions.filter(({ key }) => options[key] !== undefined);
  const entries: (readonly [ParameterKey, unknown])[] = named.map(({ key }) => [key, options[key]]);
  return Object.fromEntries(entries);
}
