/**
 * `run --device`: a client with devices of its own, which nobody else sees and which end with it.
 *
 * Everything is in a mount namespace (as an ordinary user, in a user namespace with one in it): a /dev with the nodes,
 * the view of sysfs, the drivers and the client. A guard watches over the launcher: if that is killed, all are.
 */
import { closeSync, openSync } from "node:fs";
import { isSystemError, unshareMounts } from "../../native.js";
import { Failure } from "../failure.js";
import type { Account } from "./account.js";
import { parseDevice, type DeviceProgram } from "./device-option.js";
import { Drivers } from "./drivers.js";
import {
  clientEnvironment,
  prepareClient,
  sayWhatIsMissing,
  showView,
  startAndWait,
  startAs,
  type Client,
  type RunOptions,
} from "./launch.js";
import { insideView, keepMountsToOurselves } from "./mount-view.js";
import { deviceProblem } from "./prerequisites.js";
import { coverDev, hasPrivateDev } from "./private-dev.js";
import { insideCommand } from "./user-namespace.js";

export interface DeviceOptions extends RunOptions {
  /** Each a built-in driver with its options, or a module. */
  readonly device: readonly string[];
  /** Where the drivers' log goes; without it, what drivers print goes to standard error, and the built-in ones log nothing. */
  readonly logFile?: string | undefined;
  /** Where events are recorded; with several devices, those after the first get `.2`, `.3`, ... behind it. */
  readonly record?: string | undefined;
  /** The port of the first device's page, or true: any. Further devices have the ports behind it. */
  readonly watch?: number | true | undefined;
  readonly watchControl?: boolean | undefined;
}

/**
 * Starts the devices, runs `client`, and ends the devices.
 * @returns As `runClient`.
 * @throws {Failure} As `runClient`; 1 - a device did not start, or none can be made here. The client was not started.
 */
export async function runWithDevices(
  client: string,
  args: readonly string[],
  options: DeviceOptions,
): Promise<number> {
  // What is wrong with the options is said before anything is started.
  parseDevices(options);
  const prepared = prepareClient(options);
  if (hasPrivateDev() || insideView()) {
    throw new Failure("this is a client of another 'v4l2-cuse run' already: name all devices there");
  }
  const problem = deviceProblem();
  if (problem !== undefined) throw new Failure(problem);
  if (process.geteuid?.() === 0) return serveClient(client, args, options, prepared);
  const [program, ...rest] = insideCommand(client, args, options);
  return startAndWait(program, rest);
}

/** The same in a process that may mount. */
export async function serveClient(
  client: string,
  args: readonly string[],
  options: DeviceOptions,
  { helper, account }: Client,
  beforeClient: () => void = () => undefined,
): Promise<number> {
  const programs = parseDevices(options);
  const logFd = options.logFile === undefined ? undefined : openLog(options.logFile);
  makePrivate();
  const drivers = new Drivers();
  let status: number;
  let lost: number;
  try {
    await startAll(drivers, programs, logFd, account);
    const view = options.sysfs === false ? ({ is: "not wanted" } as const) : showView(drivers.nodes);
    if (options.quiet !== true) sayWhatIsMissing(view);
    const env = clientEnvironment(helper, view.is === "shown", account, drivers.nodes);
    beforeClient();
    status = await startAs(account, client, args, env);
  } finally {
    lost = await drivers.stop();
    if (logFd !== undefined) closeSync(logFd);
  }
  // A failure of the client's tells more than a lost log.
  return status === 0 ? lost : status;
}

function parseDevices({ device, logFile, record, watch, watchControl }: DeviceOptions): DeviceProgram[] {
  return device.map((option, index) => {
    const path = record === undefined || index === 0 ? record : `${record}.${index + 1}`;
    const port = typeof watch === "number" ? watch + index : watch;
    return parseDevice(option, { isLogged: logFile !== undefined, record: path, watch: port, watchControl });
  });
}

async function startAll(
  drivers: Drivers,
  programs: readonly DeviceProgram[],
  logFd: number | undefined,
  account: Account | undefined,
): Promise<void> {
  // One after the other: each takes the first number that is free.
  for (const program of programs) await drivers.start(program, { logFd, account });
}

function makePrivate(): void {
  try {
    unshareMounts();
    keepMountsToOurselves();
    coverDev();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new Failure(`a /dev for the client cannot be made: ${error.message}`);
  }
}

function openLog(path: string): number {
  try {
    return openSync(path, "a");
  } catch (error) {
    throw new Failure(
      `cannot write the log to ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
