/** `v4l2-cuse run -- CLIENT ARGS`: the command line of run/launch.ts. */
import { Command } from "commander";
import { UsageError } from "./failure.js";
import { runClient, type RunOptions } from "./run/launch.js";
import { runWithDevices } from "./run/with-devices.js";
import { addWatchOptions, type WatchCommandOptions } from "./watching.js";

interface Options extends RunOptions, WatchCommandOptions {
  readonly device?: readonly string[];
  readonly logFile?: string;
  readonly record?: string;
}

const examples = `
Examples:
  v4l2-cuse run --device sample -- ffplay /dev/video0
  v4l2-cuse run --device 'sample --multiplanar' --device visl --log-file ioctls.log -- bash
  v4l2-cuse run --device ./camera.js -- v4l2-compliance -d /dev/video0
  v4l2-cuse run -- v4l2-ctl -d /dev/video0 --stream-mmap

Without --device the client sees the devices that are there when it starts.`;

export function runCommand(): Command {
  const command = new Command("run")
    .description(
      "start a client program so that it finds our devices, or devices of its own, and can stream with mmap",
    )
    .argument("<client>", "the program to start")
    .argument("[args...]", "its arguments")
    .option(
      "--device <driver>",
      "start a device that only this client sees, for as long as it runs: 'sample', 'visl', 'decoder' or 'loopback', with options, or a module; may be repeated",
      (text, before: readonly string[] | undefined) => [...(before ?? []), text],
    )
    .option("--log-file <path>", "with --device: append the ioctls of the devices to this file")
    .option(
      "--record <path>",
      "with --device: record all events of the devices in this file, of further ones in <path>.2, <path>.3",
    );
  return addWatchOptions(command)
    .option("--no-sysfs", "leave the client's sysfs as it is; it gets the helper library only")
    .option(
      "--no-helper",
      "no helper library: the client maps buffers as programs do without 'run' (Linux 6.9 and later)",
    )
    .option("-u, --user <name>", "run the client as this user (needs root)")
    .option("-q, --quiet", "do not say what the client has to do without")
    .addHelpText("after", examples)
    .passThroughOptions()
    .action(
      async (
        client: string,
        args: string[],
        { device, logFile, record, watch, watchControl, ...options }: Options,
      ) => {
        if (device !== undefined) {
          process.exitCode = await runWithDevices(client, args, {
            ...options,
            device,
            logFile,
            record,
            watch,
            watchControl,
          });
          return;
        }
        if (logFile !== undefined)
          throw new UsageError("--log-file needs --device: other devices have a log of their own");
        if (record !== undefined)
          throw new UsageError("--record needs --device: other devices are recorded by their own command");
        if (watch !== undefined || watchControl === true)
          throw new UsageError("--watch needs --device: other devices are watched by their own command");
        process.exitCode = await runClient(client, args, options);
      },
    );
}
