/** The mem2mem example as its users start it, and a client for it that does what it is told. */
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { helperPath } from "../../../src/native.js";
import { until } from "./device.js";
import { startProgram, type Client, type ClientOptions } from "./probe.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface Mem2mem {
  readonly video: string;
  readonly media: string;
  /** The example's own process; its lines are the log. */
  readonly process: Client;
  /** Ends it. @returns The exit status. @throws When it said anything but that it is ready. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

let lastNumber = 40;

/** Starts the example on nodes that no other test uses. Whoever starts it stops it. */
export async function startMem2mem(...args: string[]): Promise<Mem2mem> {
  const number = String(++lastNumber);
  const [video, media] = [`/dev/video${number}`, `/dev/media${number}`];
  const nodes = ["--video", number, "--media", number];
  const child = startProgram(
    process.execPath,
    ["--import", "tsx", `${root}examples/mem2mem.ts`, ...nodes, ...args],
    { timeoutMs: 600_000 },
  );
  let ended = false;
  void child.result.then(() => {
    ended = true;
  });
  await until(() => ended || existsSync(media), `${media} appears`, 60_000);
  if (ended) throw new Error(`the example ended: ${(await child.result).stderr}`);
  const stop = async (signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> => {
    child.kill(signal);
    const { code, stderr } = await child.result;
    if (!/^[^\n]* ready; Ctrl-C ends it\.\n$/.test(stderr)) throw new Error(`the example said: ${stderr}`);
    return code;
  };
  return { video, media, process: child, stop };
}

/** One device with its log for all tests of a `describe`, which must end well. To start it takes seconds. */
export function sharedMem2mem(): () => Mem2mem {
  let device: Mem2mem | undefined;
  beforeAll(async () => {
    device = await startMem2mem("--log");
  });
  afterAll(async () => {
    expect(await device?.stop()).toBe(0);
  });
  return () => {
    if (device === undefined) throw new Error("the device did not start");
    return device;
  };
}

/** A folder that is gone when the test ends. @param mode - 0o777: other users may write, too. */
export function temporaryFolder(mode = 0o700): string {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-"));
  chmodSync(folder, mode);
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

let built: Promise<string> | undefined;

/** Compiles m2m-client.c for this root; not static, or the helper would not reach it. */
function clientProgram(): Promise<string> {
  built ??= (async () => {
    const program = join(mkdtempSync(join(tmpdir(), "v4l2-cuse-client-")), "m2m-client");
    const source = fileURLToPath(new URL("m2m-client.c", import.meta.url));
    await promisify(execFile)("cc", ["-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-o", program, source]);
    return program;
  })();
  return built;
}

/** As a program that knows nothing of us, without the helper. */
export async function startPlainClient({ video }: Mem2mem, steps: string): Promise<Client> {
  return startProgram(await clientProgram(), [video, ...steps.trim().split(/\s+/)]);
}

/** With the helper, without the launcher. Steps are words, see m2m-client.c: `"open alloc 2 on both"`. */
export async function startClient(
  { video }: Mem2mem,
  steps: string,
  options?: ClientOptions,
): Promise<Client> {
  const env = { ...process.env, LD_PRELOAD: helperPath() };
  return startProgram(await clientProgram(), [video, ...steps.trim().split(/\s+/)], { env, ...options });
}

/** @returns The lines that it printed. @throws When it did not end by itself, with success. */
export async function runClient(
  device: Mem2mem,
  steps: string,
  options?: ClientOptions,
): Promise<readonly string[]> {
  const { lines, stderr, code, signal } = await (await startClient(device, steps, options)).result;
  if (code !== 0) throw new Error(`the client ended with ${code ?? signal}: ${lines.join("\n")}\n${stderr}`);
  return lines;
}

/** The example's controls. */
export const Control = { hflip: 0x00980914, vflip: 0x00980915, transactionTimeMs: 0x00981900 } as const;
