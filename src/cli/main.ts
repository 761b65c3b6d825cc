#!/usr/bin/env node
/** The `v4l2-cuse` command: hands over to a subcommand, each of which has its own file and is loaded when it is used. */
import { Command, CommanderError } from "commander";
import { reportAndExit, USAGE } from "./failure.js";
import { LOST_OUTPUT, writeOut } from "./output.js";
import { packageVersion } from "./version.js";

// `run` starts before every client of every test: it should not load the drivers.
const subcommands = new Map<string, () => Promise<Command>>([
  ["sample", async () => (await import("./sample.js")).sampleCommand()],
  ["visl", async () => (await import("./visl.js")).vislCommand()],
  ["decoder", async () => (await import("./decoder.js")).decoderCommand()],
  ["parse", async () => (await import("./parse.js")).parseCommand()],
  ["run", async () => (await import("./run.js")).runCommand()],
  ["events", async () => (await import("./events.js")).eventsCommand()],
  ["export", async () => (await import("./export.js")).exportCommand()],
  ["explain", async () => (await import("./explain.js")).explainCommand()],
  ["doctor", async () => (await import("./doctor.js")).doctorCommand()],
]);

/** Errors of the command line look as all others do, and exit with 2; whatever is listed is written, or said not to be. */
function inOurStyle(command: Command): Command {
  return command
    .configureOutput({
      writeOut,
      outputError: (text, write) => {
        const sentence = text.replace(/^error: /, "").trimEnd();
        write(`v4l2-cuse: ${sentence}\n(${commandPath(command)} --help shows commands and options)\n`);
      },
    })
    .exitOverride((error) => {
      throw error;
    });
}

function commandPath(command: Command): string {
  return command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`;
}

const program = inOurStyle(new Command("v4l2-cuse"))
  .description("V4L2 devices served from userspace: a real /dev/videoN without a kernel module")
  .version(packageVersion)
  .enablePositionalOptions();

// Nobody reads what we would say: that is no reason to end, and for an operator no success.
process.stderr.on("error", () => {
  process.exitCode ??= LOST_OUTPUT;
});

try {
  const asked = subcommands.get(process.argv[2] ?? "");
  for (const load of asked === undefined ? subcommands.values() : [asked]) {
    program.addCommand(inOurStyle(await load()));
  }
  await program.parseAsync();
} catch (error) {
  // It has been reported. Help that was asked for is no error.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  else reportAndExit(error);
}
