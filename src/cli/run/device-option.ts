/** `--device 'sample --multiplanar'`, `--device ./dist/camera.js`: which program is started for it. */
import { fileURLToPath } from "node:url";
import { UsageError } from "../failure.js";
import { splitWords } from "./words.js";

/** A device that a client is to have. */
export interface DeviceProgram {
  /** As the option names it. */
  readonly label: string;
  /** What `node` is started with. */
  readonly args: readonly string[];
}

/**
 * The drivers of this package, and what they are started with unless the option says otherwise: the client's output is
 * not to be mixed with their log, and visl's files below /run would be the whole machine's.
 */
const builtIn: Readonly<Record<string, readonly string[]>> = {
  sample: ["--log", "none"],
  visl: ["--log", "none", "--no-debugfs"],
  decoder: ["--log", "none", "--no-debugfs"],
  loopback: ["--log", "none"],
};

/** Are these the drivers of this package? */
export const builtInNames = (): readonly string[] => Object.keys(builtIn);

/** What else a driver is started with. */
interface DriverTraits {
  /** The log goes where the client's output does not. */
  readonly isLogged: boolean;
  /** The recording of its events; only built-in drivers make one. */
  readonly record?: string | undefined;
  /** The port of its page, or true: any; only built-in drivers have one. */
  readonly watch?: number | true | undefined;
  /** May the page change controls? */
  readonly watchControl?: boolean | undefined;
}

export function parseDevice(option: string, traits: DriverTraits): DeviceProgram {
  const [name = "", ...words] = splitWords(option);
  const label = option.trim();
  const known = driverProgram(name, words, label, traits);
  if (known !== undefined) return known;
  throw new UsageError(
    `there is no built-in device "${name}": name ${builtInNames().join(" or ")}, or a module, as in --device ./camera.js`,
  );
}

/**
 * What is started for a driver and the words of its command line.
 * @returns undefined: the name is neither a built-in driver's nor a module's.
 */
export function driverProgram(
  name: string,
  words: readonly string[],
  label: string,
  { isLogged, record, watch, watchControl }: DriverTraits,
): DeviceProgram | undefined {
  const defaults = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined;
  if (defaults !== undefined) {
    const quiet = isLogged ? defaults.filter((word) => word !== "--log" && word !== "none") : defaults;
    const recorded = record === undefined ? [] : ["--record", record];
    const watched = watch === undefined ? [] : ["--watch", ...(watch === true ? [] : [String(watch)])];
    if (watchControl === true) watched.push("--watch-control");
    return {
      label,
      args: [...process.execArgv, commandPath(), name, ...quiet, ...recorded, ...watched, ...words],
    };
  }
  if (!name.includes("/") && !/\.[cm]?[jt]s$/.test(name)) return undefined;
  if (record !== undefined) {
    throw new UsageError(`--record is for the built-in devices: ${name} is a program of its own`);
  }
  if (watch !== undefined) {
    throw new UsageError(`--watch is for the built-in devices: ${name} is a program of its own`);
  }
  return { label, args: [...process.execArgv, name, ...words] };
}

/** The same kind of file as this one: compiled, or source under a loader that execArgv names. */
const commandPath = (): string =>
  fileURLToPath(import.meta.url).replace(/run\/device-option(\.\w+)$/, "main$1");
