#!/usr/bin/env node
/** The `v4l2-cuse` command: hands over to a subcommand, each of which has its own file and is loaded when it is used. */
import { createRequire } from "node:module";
import { Command } from "commander";
import { reportAndExit } from "./failure.js";

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

// `run` starts before every client of every test: it should not load the drivers.
const subcommands = new Map<string, () => Promise<Command>>([
  ["sample", async () => (await import("./sample.js")).sampleCommand()],
  ["visl", async () => (await import("./visl.js")).vislCommand()],
  ["decoder", async () => (await import("./decoder.js")).decoderCommand()],
  ["parse", async () => (await import("./parse.js")).parseCommand()],
  ["run", async () => (await import("./run.js")).runCommand()],
  ["doctor", async () => (await import("./doctor.js")).doctorCommand()],
]);

const program = new Command("v4l2-cuse")
  .description("V4L2 devices served from userspace: a real /dev/videoN without a kernel module")
  .version(version)
  .enablePositionalOptions()
  .showHelpAfterError("(v4l2-cuse --help shows the commands and options)");

try {
  const asked = subcommands.get(process.argv[2] ?? "");
  for (const load of asked === undefined ? subcommands.values() : [asked]) program.addCommand(await load());
  await program.parseAsync();
} catch (error) {
  reportAndExit(error);
}
