/** `v4l2-cuse up FILE`, `list`, `add` and `remove`: several devices under one command (up/). */
import { Command } from "commander";
import { Failure, UsageError } from "./failure.js";
import { writeOut } from "./output.js";
import { ask, defaultSocket } from "./up/control.js";
import { readDevicesFile } from "./up/devices-file.js";
import { serveUp } from "./up/serve-up.js";
import { checkDriver, checkName, SpecError } from "./up/spec.js";
import type { DeviceStatus } from "./up/supervisor.js";

const SOCKET = [
  "--socket <path>",
  "the socket of the running one (default: /run/v4l2-cuse/up/control, or below XDG_RUNTIME_DIR; V4L2_CUSE_SOCKET)",
] as const;

interface SocketOption {
  readonly socket?: string;
}

const fileHelp = `
A file:
  devices:
    - name: webcam
      driver: loopback
      card: My camera
      video: 10
    - driver: sample
      multiplanar: true
    - driver: ./camera.js
      args: [--fast]

Options are those of 'v4l2-cuse DRIVER --help', without the dashes.`;

export function upCommand(): Command {
  return new Command("up")
    .description("start the devices of a YAML or JSON file, and keep them until a signal ends all")
    .argument("[file]", "the devices; without it none yet, until 'v4l2-cuse add'")
    .option(...SOCKET)
    .option("--check", "say what is wrong with the file, and start nothing")
    .addHelpText("after", fileHelp)
    .action(
      async (file: string | undefined, { socket, check }: SocketOption & { readonly check?: boolean }) => {
        if (check === true && file === undefined)
          throw new UsageError("--check needs a file: up --check devices.yaml");
        const specs = file === undefined ? [] : await readDevicesFile(file);
        if (check === true) return;
        process.exitCode = await serveUp(specs, socket ?? defaultSocket());
      },
    );
}

export function listCommand(): Command {
  return new Command("list")
    .description("the devices of the running 'v4l2-cuse up'")
    .option(...SOCKET)
    .option("--json", "as JSON")
    .action(async ({ socket, json }: SocketOption & { readonly json?: boolean }) => {
      const devices = await ask(socket ?? defaultSocket(), { do: "list" });
      writeOut(json === true ? `${JSON.stringify(devices, undefined, 2)}\n` : table(devices));
    });
}

export function addCommand(): Command {
  return new Command("add")
    .description("start a further device in the running 'v4l2-cuse up'")
    .argument("<driver>", "a built-in driver, or a module")
    .argument("[options...]", "its options")
    .option("--name <name>", "what 'list' and 'remove' call it (default: after the driver)")
    .option(...SOCKET)
    .option("--json", "print the device as JSON")
    .passThroughOptions()
    .action(
      async (driver: string, args: string[], options: SocketOption & { name?: string; json?: boolean }) => {
        const { socket, name, json } = options;
        const request = {
          do: "add",
          driver: inOurWords(() => checkDriver(driver, process.cwd())),
          args,
          directory: process.cwd(),
          ...(name !== undefined && { name: inOurWords(() => checkName(name)) }),
        } as const;
        const [device] = await ask(socket ?? defaultSocket(), request);
        if (device === undefined) throw new Failure("the device was not started");
        writeOut(
          json === true ? `${JSON.stringify(device)}\n` : `${device.name}: ${device.nodes.join(" and ")}\n`,
        );
      },
    );
}

export function removeCommand(): Command {
  return new Command("remove")
    .description("end a device of the running 'v4l2-cuse up'; its clients hear ENODEV")
    .argument("<name>", "as 'v4l2-cuse list' has it")
    .option(...SOCKET)
    .action(async (name: string, { socket }: SocketOption) => {
      await ask(socket ?? defaultSocket(), { do: "remove", name });
    });
}

function inOurWords<Result>(check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    throw error instanceof SpecError ? new UsageError(error.message) : error;
  }
}

function table(devices: readonly DeviceStatus[]): string {
  const rows = devices.map(({ name, driver, state, nodes, problem }) => [
    name,
    driver,
    state,
    nodes.join(" ") + (problem === undefined ? "" : problem),
  ]);
  const all = [["NAME", "DRIVER", "STATE", "NODES"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}
