/** A driver with its page, clients of it, and Debian's Chromium. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { builtProgram } from "../support/built.js";

const CHROMIUM = "/usr/bin/chromium";
let lastNumber = 59;

export interface WatchedDriver {
  readonly node: string;
  /** With the token. */
  readonly address: string;
  readonly port: number;
  stop(): Promise<void>;
}

async function until<Value>(
  look: () => Value | undefined | false,
  what: string,
  ms = 20_000,
): Promise<Value> {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = look();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once("close", () => resolve()));

/** Starts a driver with --watch; it ends with the test. */
export async function startWatched(driver: string, ...args: string[]): Promise<WatchedDriver> {
  // A pair has the number behind it, too.
  lastNumber += 2;
  const node = `/dev/video${lastNumber}`;
  const command = [
    builtProgram(),
    driver,
    "--video",
    String(lastNumber),
    "--log",
    "none",
    "--watch",
    ...args,
  ];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended(child);
  };
  onTestFinished(stop);
  const address = await until(() => {
    if (child.exitCode !== null) throw new Error(`the driver ended: ${said}`);
    return / (?:is|are) ready/.test(said) && existsSync(node) ? /http:\S+/.exec(said)?.[0] : undefined;
  }, `${node} is there`);
  return { node, address, port: Number(new URL(address).port), stop };
}

export interface Client {
  /** All that it has printed. */
  said(): string;
  /** Its exit status. */
  readonly result: Promise<number | null>;
}

/** A program of the system, as `v4l2-cuse run` starts it; it ends with the test. */
export function startClient(...command: string[]): Client {
  const child = spawn(process.execPath, [builtProgram(), "run", "--quiet", "--", ...command], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended(child);
  });
  return { said: () => said, result: ended(child).then(() => child.exitCode) };
}

/** Chromium with an empty profile. @returns What opens pages; errors of a page fail the test. */
export async function startBrowser(...flags: string[]): Promise<BrowserContext> {
  const profile = mkdtempSync(join(tmpdir(), "v4l2-cuse-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    viewport: { width: 1280, height: 900 },
    args: [
      ...[
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
      ],
      ...["--disable-component-update", "--disable-sync", ...flags],
    ],
  });
  onTestFinished(async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  });
  return context;
}

/** Opens a driver's page. What it prints to the console, or throws, is a failure: its own policy forbids nothing that it does. */
export async function openPage(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    // The driver ends before its page, or refuses what it is asked: that is no fault.
    if (message.type() === "error" && !/net::ERR_|a status of 403/.test(message.text()))
      faults.push(message.text());
  });
  onTestFinished(() => {
    expect(faults).toEqual([]);
  });
  await page.goto(address);
  return page;
}

export type Rgb = readonly [number, number, number];

/** Colours of a queue's picture, at the middles of eight columns, once it shows frame `sequence` or a later one. */
export async function barsOf(page: Page, queue: string, sequence = 3): Promise<readonly Rgb[]> {
  const canvas = `canvas[data-queue*="${queue}"]`;
  await page.waitForFunction(
    ([selector, least]) =>
      Number(document.querySelector<HTMLElement>(selector)?.dataset["sequence"]) >= least,
    [canvas, sequence] as const,
    { timeout: 20_000 },
  );
  return page.$eval(canvas, (element) => {
    const { width, height } = element as HTMLCanvasElement;
    const context = (element as HTMLCanvasElement).getContext("2d");
    return Array.from({ length: 8 }, (_none, index) => {
      const x = Math.floor(((index + 0.5) * width) / 8);
      const data = context?.getImageData(x, Math.floor(height / 2), 1, 1).data ?? [];
      return [data[0] ?? -1, data[1] ?? -1, data[2] ?? -1] as const;
    });
  });
}
