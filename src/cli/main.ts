#!/usr/bin/env node
/** The `v4l2-cuse` command: parses arguments and hands over; each subcommand has its own file. */
import { createRequire } from "node:module";
import { Command } from "commander";
import { reportAndExit } from "./failure.js";
import { doctorCommand } from "./doctor.js";
import { runCommand } from "./run.js";
import { sampleCommand } from "./sample.js";

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

const program = new Command("v4l2-cuse")
  .description("V4L2 devices served from userspace: a real /dev/videoN without a kernel module")
  .version(version)
  .enablePositionalOptions()
  .showHelpAfterError("(v4l2-cuse --help shows the commands and options)")
  .addCommand(sampleCommand())
  .addCommand(runCommand())
  .addCommand(doctorCommand());

try {
  await program.parseAsync();
} catch (error) {
  reportAndExit(error);
}
