/** The camera as its users run it, from the command line; `checkFile` and the like check what clients captured. */
import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { describeForHelper, findFileNodes } from "../../../src/cli/run/file-nodes.js";
import { helperPath } from "../../../src/native.js";
import { onFuseNodes, until } from "./device.js";
import { startProgram, type Client, type ClientOptions } from "./probe.js";
import { builtProgram } from "../../support/built.js";

export { builtProgram } from "../../support/built.js";
export { checkFile, checkFrame, type CameraScene, type Reading } from "../../support/camera-frame.js";

/** Any v4l2-cuse command. */
export function cli(args: readonly string[], options?: ClientOptions): Client {
  return startProgram(process.execPath, [builtProgram(), ...args], options);
}

/** A client with the helper. */
export function withHelper(args: readonly string[], options?: ClientOptions): Client {
  return cli(["run", "--", ...args], options);
}

/**
 * A client as it is. On FUSE nodes programs of the system get what `run` gives, without which a node is no device to them.
 * Ours do not look into sysfs: they get the helper without the launcher, so that signals reach them.
 */
export function withoutHelper(command: readonly string[], options?: ClientOptions): Client {
  const [name = "", ...args] = command;
  if (!onFuseNodes) return startProgram(name, args, options);
  if (!name.startsWith("/")) return withHelper(command, options);
  const env = {
    ...(options?.env ?? process.env),
    LD_PRELOAD: helperPath(),
    V4L2_CUSE_VIEW: describeForHelper(findFileNodes()),
  };
  return startProgram(name, args, { ...options, env });
}

export interface Driver {
  readonly node: string;
  /** The command's own process; its lines are the log. */
  readonly process: Client;
  /** SIGTERM, and the exit status. */
  stop(): Promise<number | null>;
}

let lastNumber = 9;

/** Starts `v4l2-cuse sample` on a node that no other test uses; it is stopped when the test ends. */
export async function startCamera(...args: string[]): Promise<Driver> {
  const { driver, end } = await launchCamera(args);
  onTestFinished(end);
  return driver;
}

/** One camera for all tests of a `describe`, which must end well. */
export function sharedCamera(...args: string[]): () => Driver {
  let driver: Driver | undefined;
  beforeAll(async () => {
    ({ driver } = await launchCamera(args));
  });
  afterAll(async () => {
    expect(await driver?.stop()).toBe(0);
  });
  return () => {
    if (driver === undefined) throw new Error("the camera did not start");
    return driver;
  };
}

/** @param wrapper - A program that starts it, with arguments. */
export async function launchCamera(
  args: readonly string[],
  wrapper: readonly string[] = [],
): Promise<{ driver: Driver; end: () => Promise<void> }> {
  lastNumber += 1;
  const node = `/dev/video${lastNumber}`;
  const sample = ["sample", "--video", String(lastNumber), "--log", "json", ...args];
  const [first = "", ...rest] = [...wrapper, process.execPath, builtProgram(), ...sample];
  const child = startProgram(first, rest, { timeoutMs: 1_000_000 });
  let ended = false;
  void child.result.then(() => {
    ended = true;
  });
  const stop = async (): Promise<number | null> => {
    child.kill("SIGTERM");
    const { code, stderr } = await child.result;
    if (code !== 0) throw new Error(`the driver ended with status ${code}: ${stderr}`);
    return code;
  };
  const end = async (): Promise<void> => {
    if (ended) return;
    child.kill("SIGTERM");
    await child.result;
  };
  try {
    await until(() => ended || existsSync(node), `${node} appears`, 20_000);
    if (ended) throw new Error(`the driver ended: ${(await child.result).stderr}`);
  } catch (error) {
    await end();
    throw error;
  }
  return { driver: { node, process: child, stop }, end };
}

/** What the log says: one object per event. */
export function logged(driver: Driver): Record<string, unknown>[] {
  return driver.process.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
