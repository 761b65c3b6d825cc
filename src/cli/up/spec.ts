/** A device that `v4l2-cuse up` keeps: a driver, and the words of its command line. */
import { existsSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { CommanderError, type Command, type Option } from "commander";
import { builtInNames, driverProgram, type DeviceProgram } from "../run/device-option.js";

export interface DeviceSpec {
  /** What `list` and `remove` call it; of its own among the devices. */
  readonly name: string;
  /** A built-in driver, or the absolute path of a module. */
  readonly driver: string;
  readonly args: readonly string[];
  /** Where relative paths of `args` start; without it where `up` was started. */
  readonly directory?: string;
}

/** What is wrong with a device, as one sentence without its place. */
export class SpecError extends Error {
  override readonly name = "SpecError";
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** @throws {SpecError} */
export function checkName(name: string): string {
  if (NAME.test(name)) return name;
  throw new SpecError(
    `"${name.slice(0, 64)}" is no name of a device: use up to 64 letters, digits, dots, dashes and underlines`,
  );
}

/**
 * The driver as a device has it.
 * @param folder - Where the path of a module starts.
 * @throws {SpecError} There is no such driver, or no such module.
 */
export function checkDriver(driver: string, folder: string): string {
  if (builtInNames().includes(driver)) return driver;
  const path = isAbsolute(driver) ? driver : resolve(folder, driver);
  if (driverProgram(driver, [], driver, { isLogged: false }) !== undefined) {
    // Node.js completes a name that has no ending.
    if ([path, `${path}.js`].some((file) => existsSync(file))) return path;
    throw new SpecError(`there is no module "${path}"`);
  }
  throw new SpecError(
    `there is no driver "${driver}": name ${builtInNames().join(", ")}, or the path of a module, as in ./camera.js`,
  );
}

/** The first of "sample", "sample-2" ... that no device has. */
export function freeName(driver: string, taken: ReadonlySet<string>): string {
  const base = (driver.split("/").pop() ?? "device").replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9._-]/g, "-");
  const first = NAME.test(base) ? base : "device";
  for (let number = 1; ; number++) {
    const name = number === 1 ? first : `${first}-${number}`;
    if (!taken.has(name)) return name;
  }
}

/** @throws {SpecError} */
export function programOf({ name, driver, args }: DeviceSpec): DeviceProgram {
  const program = driverProgram(driver, args, name, { isLogged: false });
  if (program === undefined) throw new SpecError(`there is no driver "${driver}"`);
  return program;
}

const commands: Readonly<Record<string, () => Promise<Command>>> = {
  sample: async () => (await import("../sample.js")).sampleCommand(),
  loopback: async () => (await import("../loopback.js")).loopbackCommand(),
  visl: async () => (await import("../visl.js")).vislCommand(),
  decoder: async () => (await import("../decoder.js")).decoderCommand(),
};

/** The options of a built-in driver; undefined: a module has its own. */
export async function optionsOf(driver: string): Promise<readonly Option[] | undefined> {
  const load = Object.hasOwn(commands, driver) ? commands[driver] : undefined;
  return load === undefined ? undefined : (await load()).options;
}

/** What no two devices can share: options of drivers by commander's names, and by their own. */
const exclusiveOptions = {
  video: "video",
  media: "media",
  nodeFolder: "node-folder",
  record: "record",
  readyFile: "ready-file",
} as const;

/**
 * What a device has for itself, as a line of text each: `video 7`. Two devices with the same line cannot both run.
 * @throws {SpecError} The driver refuses the words: an unknown one, a value that is missing, two options that contradict.
 */
export async function claimsOf(driver: string, words: readonly string[]): Promise<readonly string[]> {
  const load = Object.hasOwn(commands, driver) ? commands[driver] : undefined;
  if (load === undefined) return [];
  const command = (await load())
    .configureOutput({ writeOut: () => undefined, outputError: () => undefined })
    .exitOverride((error) => {
      throw error;
    })
    .allowExcessArguments(false)
    .showSuggestionAfterError(false)
    .action(() => undefined);
  try {
    await command.parseAsync(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) throw new SpecError(`${driver} shows its help and does not start`);
    throw new SpecError(`${driver}: ${error.message.replace(/^error: /, "")}`);
  }
  const options = command.opts<Record<string, unknown>>();
  return Object.entries(exclusiveOptions).flatMap(([key, name]) => {
    const value = options[key];
    return typeof value === "string" || typeof value === "number" ? [`${name} ${value}`] : [];
  });
}

/**
 * The words of an option that a file names: `pair: true` is `--pair`, `debugfs: false` is `--no-debugfs`.
 * @param key - As the command line has it, without dashes in front; `keepFormat` and `keep_format` are `keep-format`.
 * @throws {SpecError}
 */
export function wordsOf(
  options: readonly Option[],
  driver: string,
  key: string,
  value: unknown,
): readonly string[] {
  const name = key.replace(/_/g, "-").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const named = (wanted: string): Option | undefined => options.find(({ long }) => long === `--${wanted}`);
  const negated = named(`no-${name}`);
  if (typeof value === "boolean" && negated !== undefined && named(name) === undefined) {
    return value ? [] : [`--no-${name}`];
  }
  const option = named(name);
  if (option === undefined) {
    const known = options.map(({ long }) => long?.slice(2) ?? "").filter((each) => each !== "");
    throw new SpecError(`${driver} has no option "${key}": it has ${known.join(", ")}`);
  }
  if (typeof value === "boolean" && !option.required) return value ? [`--${name}`] : [];
  if (option.isBoolean()) throw new SpecError(`"${key}" of ${driver} is true or false`);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (values.length === 0 || (values.length > 1 && !option.variadic)) {
    throw new SpecError(`"${key}" of ${driver} takes one value`);
  }
  return values.flatMap((each) => [`--${name}`, textOf(option, driver, key, each)]);
}

function textOf(option: Option, driver: string, key: string, value: unknown): string {
  if (typeof value !== "string" && typeof value !== "number") {
    throw new SpecError(`"${key}" of ${driver} takes a number or a text`);
  }
  // As people write permissions: YAML reads 0660 as a number.
  const text = String(value);
  try {
    option.parseArg?.(text, undefined);
  } catch (error) {
    throw new SpecError(
      `"${key}" of ${driver} cannot be "${text}": ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return text;
}
