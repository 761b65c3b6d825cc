/** The file of `v4l2-cuse up`: YAML, of which JSON is a part; docs/devices-file.md describes it. */
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node, type Pair, type YAMLMap } from "yaml";
import { reasonOf, UsageError } from "../failure.js";
import {
  checkDriver,
  checkName,
  claimsOf,
  freeName,
  optionsOf,
  SpecError,
  wordsOf,
  type DeviceSpec,
} from "./spec.js";

const MAX_FILE_BYTES = 1 << 20;
const MAX_DEVICES = 256;

/** Reads a file's devices. @throws {UsageError} `FILE:LINE: what is wrong`. */
export async function readDevicesFile(path: string): Promise<readonly DeviceSpec[]> {
  let text: string;
  try {
    if (statSync(path).size > MAX_FILE_BYTES) throw new Error("it is larger than 1 MiB");
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${reasonOf(error)}`);
  }
  const directory = dirname(resolve(path));
  return (await parseDevices(text, path)).map((spec) => ({ ...spec, directory }));
}

/** @param path - For messages, and where paths of modules start. @throws {UsageError} */
export async function parseDevices(text: string, path: string): Promise<readonly DeviceSpec[]> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const refuse = (offset: number | undefined, message: string): never => {
    throw new UsageError(`${path}:${lines.linePos(offset ?? 0).line || 1}: ${message}`);
  };
  const [error] = document.errors;
  if (error !== undefined) refuse(error.pos[0], error.message.split("\n")[0] ?? "");
  const root = document.contents;
  if (!isMap(root)) return refuse(root?.range?.[0], 'the file is no mapping: it begins with "devices:"');
  const devices = root.get("devices", true) as Node | undefined;
  for (const { key } of root.items) {
    if (isScalar(key) && key.value === "devices") continue;
    refuse(offsetOf(key), `unknown "${String(key)}": the file has only "devices"`);
  }
  if (!isSeq(devices)) return refuse(offsetOf(devices ?? root), '"devices" is no list of devices');
  if (devices.items.length > MAX_DEVICES) refuse(offsetOf(devices), `more than ${MAX_DEVICES} devices`);
  const specs: DeviceSpec[] = [];
  const taken = new Set<string>();
  /** Of what one device can have, whose it is. */
  const claimed = new Map<string, string>();
  const folder = dirname(resolve(path));
  for (const item of devices.items) {
    if (!isMap(item)) return refuse(offsetOf(item), 'a device is a mapping with a "driver" and its options');
    const reader = new DeviceReader(item, folder);
    try {
      const spec = await reader.read(taken);
      reader.offset = offsetOf(item);
      for (const claim of await claimsOf(spec.driver, spec.args)) {
        const other = claimed.get(claim);
        if (other !== undefined) throw new SpecError(`"${spec.name}" has ${claim}, as "${other}" has`);
        claimed.set(claim, spec.name);
      }
      taken.add(spec.name);
      specs.push(spec);
    } catch (problem) {
      if (!(problem instanceof SpecError)) throw problem;
      refuse(reader.offset, problem.message);
    }
  }
  return specs;
}

function offsetOf(node: unknown): number | undefined {
  const { range } = (node ?? {}) as { range?: readonly number[] | null };
  return range?.[0];
}

/** One entry of the list. */
class DeviceReader {
  readonly #map: YAMLMap;
  readonly #folder: string;
  /** Where it reads, for messages. */
  offset: number | undefined;

  constructor(map: YAMLMap, folder: string) {
    this.#map = map;
    this.#folder = folder;
    this.offset = offsetOf(map);
  }

  /** @throws {SpecError} What is at {@link offset}. */
  async read(taken: ReadonlySet<string>): Promise<DeviceSpec> {
    const driver = this.#text("driver");
    if (driver === undefined) throw new SpecError('the device has no "driver"');
    const checked = checkDriver(driver, this.#folder);
    const name = this.#text("name");
    if (name !== undefined && taken.has(checkName(name)))
      throw new SpecError(`another device is "${name}", too`);
    const args = await this.#args(checked);
    return { name: name ?? freeName(checked, taken), driver: checked, args };
  }

  async #args(driver: string): Promise<readonly string[]> {
    const options = await optionsOf(driver);
    const words: string[] = [];
    for (const pair of this.#map.items) {
      const key = this.#enter(pair);
      if (key === "driver" || key === "name") continue;
      const value = plainOf(pair.value);
      if (key === "args") words.push(...argsOf(value));
      else if (options === undefined)
        throw new SpecError(`unknown "${key}": a module takes its options as "args"`);
      else words.push(...wordsOf(options, driver, key, value));
    }
    return words;
  }

  #text(wanted: string): string | undefined {
    const pair = this.#map.items.find((each) => this.#enter(each) === wanted);
    if (pair === undefined) {
      this.offset = offsetOf(this.#map);
      return undefined;
    }
    const value = plainOf(pair.value);
    if (typeof value === "string" && value !== "") return value;
    throw new SpecError(`"${wanted}" is a text`);
  }

  #enter({ key }: Pair): string {
    this.offset = offsetOf(key) ?? this.offset;
    return isScalar(key) ? String(key.value) : "";
  }
}

function plainOf(node: unknown): unknown {
  if (isSeq(node)) return node.items.map(plainOf);
  // A number as it is written: 0660 is no 660.
  if (isScalar(node)) return typeof node.value === "number" ? (node.source ?? node.value) : node.value;
  return node;
}

function argsOf(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((each): each is string => typeof each === "string")) return value;
  throw new SpecError('"args" is a list of texts');
}
