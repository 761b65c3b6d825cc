#!/usr/bin/env node
/** The `v4l2-cuse` command: hands over to a subcommand, each of which has its own file and is loaded when it is used. */
import { CommanderError, type Command } from "commander";
import { reportAndExit, USAGE } from "./failure.js";
import { LOST_OUTPUT, writeOut } from "./output.js";
import { hideSecrets } from "./secrets.js";
import { mainCommand, subcommands } from "./subcommands.js";

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

hideSecrets();

const program = inOurStyle(mainCommand());

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
