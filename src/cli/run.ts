/** `v4l2-cuse run -- CLIENT ARGS`: the command line of run/launch.ts. */
import { Command } from "commander";
import { runClient, type RunOptions } from "./run/launch.js";

export function runCommand(): Command {
  return new Command("run")
    .description("start a client program so that it finds our devices and can stream with mmap")
    .argument("<client>", "the program to start")
    .argument("[args...]", "its arguments")
    .option("--no-sysfs", "leave the client's sysfs as it is; it gets the helper library only")
    .option(
      "--no-helper",
      "no helper library: the client maps buffers as programs do without 'run' (Linux 6.9 and later)",
    )
    .option("-u, --user <name>", "run the client as this user (needs root)")
    .option("-q, --quiet", "do not say what the client has to do without")
    .addHelpText("after", "\nDevices that appear after the client has started are missing in its sysfs.")
    .passThroughOptions()
    .action(async (client: string, args: string[], options: RunOptions) => {
      process.exitCode = await runClient(client, args, options);
    });
}
