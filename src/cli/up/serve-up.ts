/** `v4l2-cuse up`: starts the devices of a file, obeys what the socket says, and ends all when a signal comes. */
import { statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { Readiness } from "../../serve/index.js";
import { UsageError } from "../failure.js";
import { listen, type ControlAnswer } from "./control.js";
import { checkDriver, checkName, freeName, SpecError, type DeviceSpec } from "./spec.js";
import { Supervisor, type DeviceStatus } from "./supervisor.js";

const say = (text: string): void => {
  process.stderr.write(text);
};

/** One line about a device that was started. */
function describe({ name, state, nodes, problem }: DeviceStatus): string {
  return state === "running"
    ? `${name}: ${nodes.join(" and ")}\n`
    : `v4l2-cuse: the device "${name}" does not run: ${problem ?? "it ended"}\n`;
}

/**
 * Runs until SIGINT, SIGTERM or SIGHUP.
 * @param socket - Where it listens.
 * @returns Exit status: 1 when devices were named and none could be started.
 */
export async function serveUp(specs: readonly DeviceSpec[], socket: string): Promise<number> {
  // Before any driver is started, for it is not told.
  const readiness = new Readiness();
  const supervisor = new Supervisor(say);
  let isStopping = false;
  const signalled = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(signal, () => {
        isStopping = true;
        resolve();
      });
  });
  const control = await listen(socket, (line) => obey(supervisor, line, () => isStopping));
  let status = 0;
  try {
    // One after another, so that each takes the first number that is free, in the order of the file.
    const all = (async () => {
      for (const spec of specs) {
        if (isStopping) return;
        say(describe(await supervisor.add(spec)));
      }
      const isNone = !supervisor.list().some(({ state }) => state === "running");
      if (specs.length > 0 && isNone && !isStopping) {
        status = 1;
        isStopping = true;
        return;
      }
      readiness.ready(nodesOf(supervisor));
      say(`${count(supervisor)}; Ctrl-C ends all. "v4l2-cuse list", "add" and "remove" change them.\n`);
      await signalled;
    })();
    await Promise.race([all, signalled]);
  } finally {
    readiness.stopping();
    await supervisor.stop();
    control.close();
  }
  return status;
}

const nodesOf = (supervisor: Supervisor): string[] => supervisor.list().flatMap(({ nodes }) => nodes);

function count(supervisor: Supervisor): string {
  const number = supervisor.list().filter(({ state }) => state === "running").length;
  return number === 0 ? "No devices yet" : number === 1 ? "1 device runs" : `${number} devices run`;
}

/** Does what a line says. */
async function obey(supervisor: Supervisor, line: string, isStopping: () => boolean): Promise<ControlAnswer> {
  try {
    if (isStopping()) throw new SpecError("it is about to end");
    return { devices: await answer(supervisor, requestOf(line)) };
  } catch (error) {
    if (error instanceof SpecError || error instanceof UsageError) return { error: error.message };
    return { error: `it failed: ${error instanceof Error ? error.message : String(error)}` };
  }
}

type Fields = Readonly<Record<string, unknown>>;

function requestOf(line: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new SpecError("a request is one line of JSON");
  }
  if (typeof value !== "object" || value === null) throw new SpecError("a request is an object");
  return value as Fields;
}

async function answer(supervisor: Supervisor, request: Fields): Promise<readonly DeviceStatus[]> {
  switch (request["do"]) {
    case "list":
      return supervisor.list();
    case "add": {
      const status = await supervisor.add(specOf(request, supervisor.names()));
      if (status.state === "running") return [status];
      await supervisor.remove(status.name).catch(() => undefined);
      throw new SpecError(`the device does not start: ${status.problem ?? "it ended"}`);
    }
    case "remove": {
      const { name } = request;
      if (typeof name !== "string") throw new SpecError("the name of a device is missing");
      await supervisor.remove(name);
      return [];
    }
    default:
      throw new SpecError(`a request does "list", "add" or "remove"`);
  }
}

/** Else the driver could not be started, and nobody would know why. */
const isFolder = (path: string): boolean =>
  isAbsolute(path) && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);

function specOf({ driver, args, name, directory }: Fields, taken: ReadonlySet<string>): DeviceSpec {
  if (typeof driver !== "string") throw new SpecError("the driver is missing");
  const words: readonly unknown[] = Array.isArray(args) ? args : [];
  if (!words.every((word): word is string => typeof word === "string"))
    throw new SpecError('"args" is a list of texts');
  const checked = checkDriver(driver, "/");
  return {
    driver: checked,
    args: words,
    ...(typeof directory === "string" && isFolder(directory) && { directory }),
    name: typeof name === "string" ? checkName(name) : freeName(checked, taken),
  };
}
