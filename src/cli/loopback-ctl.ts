#!/usr/bin/env node
/**
 * `v4l2loopback-ctl`: the command of the kernel module's users, for our loopback devices. Arguments, output and the device's
 * place in them are the original's; what is asked of the module there is asked of the running `v4l2-cuse up` here.
 */
import { spawn, spawnSync } from "node:child_process";
import { realpathSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, reportAndExit, UsageError } from "./failure.js";
import {
  addArguments,
  capsText,
  deviceNumber,
  parseCaps,
  parseFps,
  reducedRate,
  usage,
} from "./loopback-ctl/words.js";
import { writeOut } from "./output.js";
import { ask, defaultSocket } from "./up/control.js";
import { optionsOf } from "./up/spec.js";
import type { DeviceStatus } from "./up/supervisor.js";

/** How long an `up` that we start may take; in an emulated machine Node.js alone takes seconds. */
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 50;

const inDev = (node: string): string => `/dev/${basename(node)}`;

/** The command itself. */
const mainPath = (): string => fileURLToPath(import.meta.url).replace(/loopback-ctl(\.\w+)$/, "main$1");

/** As programs find it: a FUSE node is a file elsewhere, to which /dev may lead. */
function shown(node: string): string {
  try {
    return realpathSync(inDev(node)) === realpathSync(node) ? inDev(node) : node;
  } catch {
    return node;
  }
}

const numberOf = (node: string): number => Number(/\d+$/.exec(basename(node))?.[0] ?? NaN);

/** Our loopback devices. */
async function loopbacks(): Promise<readonly DeviceStatus[]> {
  const devices = await ask(defaultSocket(), { do: "list" });
  return devices.filter(({ driver, state }) => driver === "loopback" && state === "running");
}

/** The loopback device that has a node of this name or number. @throws {Failure} */
async function find(device: string): Promise<{ readonly status: DeviceStatus; readonly node: string }> {
  const number = deviceNumber(device);
  for (const status of await loopbacks()) {
    const node = status.nodes.find((each) => numberOf(each) === number);
    if (node !== undefined) return { status, node: shown(node) };
  }
  throw new Failure(`${device} is no loopback device of "v4l2-cuse up": "v4l2loopback-ctl list" shows them`);
}

/** Starts a `v4l2-cuse up` that stays, if none runs, as the module stays when it has been loaded. */
async function ensureUp(): Promise<void> {
  const isThere = (): Promise<boolean> =>
    ask(defaultSocket(), { do: "list" }).then(
      () => true,
      () => false,
    );
  if (await isThere()) return;
  const child = spawn(process.execPath, [...process.execArgv, mainPath(), "up"], {
    detached: true,
    stdio: "ignore",
    // A loader that is named in execArgv is found from here.
    ...(process.execArgv.length === 0 && { cwd: "/" }),
  });
  child.unref();
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isThere())) {
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Failure('"v4l2-cuse up" does not start: run it to see why');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function add(args: readonly string[]): Promise<void> {
  const options = (await optionsOf("loopback")) ?? [];
  const wanted = addArguments(args, (name) => options.some(({ long }) => long === `--${name}`));
  for (const sentence of wanted.ignored) process.stderr.write(`v4l2loopback-ctl: ${sentence}\n`);
  await ensureUp();
  const [device] = await ask(defaultSocket(), { do: "add", driver: "loopback", args: wanted.words });
  if (device === undefined) throw new Failure("the device was not started");
  const [first = ""] = device.nodes;
  writeOut(`${shown(first)}\n`);
  if (wanted.isVerbose) writeOut(await description(device));
}

async function description({ nodes, args }: DeviceStatus): Promise<string> {
  const [output = "", capture = output] = nodes;
  return (
    `\tcapture_device#  : ${numberOf(capture)}\n` +
    `\toutput_device#   : ${numberOf(output)}\n` +
    `\tcard_label       : ${await cardOf(args)}\n`
  );
}

async function cardOf(args: readonly string[]): Promise<string> {
  const at = args.indexOf("--card");
  if (at >= 0) return args[at + 1] ?? "";
  const option = (await optionsOf("loopback"))?.find(({ long }) => long === "--card");
  return String(option?.defaultValue ?? "");
}

async function remove(devices: readonly string[]): Promise<void> {
  if (devices.length === 0) throw new UsageError("delete wants devices: v4l2loopback-ctl delete /dev/video7");
  for (const device of devices) {
    const { status } = await find(device);
    await ask(defaultSocket(), { do: "remove", name: status.name });
  }
}

async function list(): Promise<void> {
  let text = "OUTPUT\tCAPTURE\tNAME\n";
  for (const { nodes, args } of await loopbacks()) {
    const [output = "", capture = output] = nodes;
    text += `${shown(output)}\t${shown(capture)}\t${await cardOf(args)}\n`;
  }
  writeOut(text);
}

async function query(devices: readonly string[]): Promise<void> {
  if (devices.length === 0) throw new UsageError("query wants devices: v4l2loopback-ctl query /dev/video7");
  for (const device of devices) {
    const { status } = await find(device);
    writeOut(`${device}\n${await description(status)}`);
  }
}

/** Asks the device as any program does. @throws {Failure} It refuses. */
function v4l2ctl(node: string, ...args: readonly string[]): string {
  const [program = "", ...words] = statSync(node).isCharacterDevice()
    ? ["v4l2-ctl", "-d", node]
    : // v4l2-ctl takes files of a FUSE mount for no devices: it needs the view that `run` gives.
      [process.execPath, ...process.execArgv, mainPath(), "run", "-q", "--", "v4l2-ctl", "-d", inDev(node)];
  const { status, stdout, stderr, error } = spawnSync(program, [...words, ...args], { encoding: "utf8" });
  if (error !== undefined) throw new Failure(`v4l2-ctl does not start (${error.message}): install v4l-utils`);
  // It says what failed on standard error, and does not always end with another status.
  const problem = stderr.split("\n").find((line) => /fail|error|unknown|cannot/i.test(line));
  if (status !== 0 || problem !== undefined) {
    throw new Failure(
      `${node}: ${problem ?? (stderr.trim() || `v4l2-ctl ended with status ${status ?? 0}`)}`,
    );
  }
  return stdout;
}

function two(args: readonly string[], what: string): readonly [string, string] {
  // Before 0.13 the device came last.
  const [first, second] = args;
  if (first === undefined || second === undefined || args.length > 2)
    throw new UsageError(`${what} wants two words`);
  return /^\/dev\/|^\d+$/.test(second) && !/^\/dev\//.test(first) ? [second, first] : [first, second];
}

async function setFps(args: readonly string[]): Promise<void> {
  const [device, fps] = two(args, "set-fps <device> <fps>:");
  const { numerator, denominator } = parseFps(fps);
  const { node } = await find(device);
  v4l2ctl(node, `--set-output-parm=${numerator / denominator}`);
}

function parmOf(node: string): string {
  const text = v4l2ctl(node, "--get-output-parm");
  return reducedRate(/Frames per second: [\d.]+ \((\d+\/\d+)\)/.exec(text)?.[1] ?? "");
}

async function getFps([device]: readonly string[]): Promise<void> {
  if (device === undefined) throw new UsageError("get-fps wants a device");
  writeOut(`${parmOf((await find(device)).node)}\n`);
}

async function setCaps(args: readonly string[]): Promise<void> {
  const [device, text] = two(args, "set-caps <device> <caps>:");
  const caps = parseCaps(text);
  const { node } = await find(device);
  const hasKeep = v4l2ctl(node, "--list-ctrls").includes("keep_format");
  if (!hasKeep)
    throw new Failure(`${device} has no control "keep_format": start it with --compat v4l2loopback`);
  if (caps === undefined) {
    v4l2ctl(node, "--set-ctrl=keep_format=0");
    return;
  }
  const { fourcc, width, height, fps } = caps;
  v4l2ctl(node, `--set-fmt-video-out=width=${width},height=${height},pixelformat=${fourcc}`);
  v4l2ctl(node, "--set-ctrl=keep_format=1");
  if (fps !== undefined) v4l2ctl(node, `--set-output-parm=${fps.numerator / fps.denominator}`);
}

async function getCaps([device]: readonly string[]): Promise<void> {
  if (device === undefined) throw new UsageError("get-caps wants a device");
  const { node } = await find(device);
  writeOut(`${capsText(v4l2ctl(node, "--get-fmt-video-out"), parmOf(node))}\n`);
}

const verbs: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  ...{ add, delete: remove, list, query },
  ...{ "set-fps": setFps, "get-fps": getFps, "set-caps": setCaps, "get-caps": getCaps },
  "set-timeout-image": () =>
    Promise.reject(new Failure("the picture is an option of the device: v4l2-cuse loopback --help shows it")),
};

async function main([verb, ...args]: readonly string[]): Promise<void> {
  if (verb === "-h" || verb === "--help" || verb === "-?") {
    writeOut(usage);
    return;
  }
  if (verb === "-v" || verb === "--version") {
    const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
    writeOut(`v4l2loopback-ctl of v4l2-cuse ${version}\n`);
    return;
  }
  const run = verb !== undefined && Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (run === undefined) {
    if (verb !== undefined) process.stderr.write(`v4l2loopback-ctl: there is no command "${verb}"\n`);
    process.stderr.write(usage);
    process.exitCode = 1;
    return;
  }
  await run(args);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  reportAndExit(error, "v4l2loopback-ctl");
}
