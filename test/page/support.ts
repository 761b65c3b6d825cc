/** A driver with its page, clients of it, and Debian's Chromium. */
import { spawn, type ChildProcess } from "node:child_process";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { builtProgram } from "../support/built.js";

const CHROMIUM = "/usr/bin/chromium";
let lastNumber = 59;

export interface WatchedDriver {
  readonly node: string;
  /** Of a decoder. */
  readonly media: string;
  /** With the token. */
  readonly address: string;
  readonly port: number;
  stop(): Promise<void>;
  /** Stops the process, as Ctrl-Z does. */
  pause(): void;
  proceed(): void;
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
    ...(driver === "decoder" ? ["--media", String(lastNumber)] : []),
    ...(args.includes("--watch") ? [] : ["--watch"]),
    ...args,
  ];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    child.kill("SIGCONT");
    await ended(child);
  };
  onTestFinished(stop);
  const address = await until(() => {
    if (child.exitCode !== null) throw new Error(`the driver ended: ${said}`);
    return / (?:is|are) ready/.test(said) && existsSync(node) ? /http:\S+/.exec(said)?.[0] : undefined;
  }, `${node} is there`);
  const port = Number(new URL(address).port);
  return {
    node,
    media: node.replace("video", "media"),
    address,
    port,
    stop,
    pause: () => child.kill("SIGSTOP"),
    proceed: () => child.kill("SIGCONT"),
  };
}

export interface Proxy {
  readonly port: number;
  /** Breaks all connections, and takes no new ones. */
  close(): Promise<void>;
  /** Takes connections again. */
  open(): Promise<void>;
}

/** Hands TCP connections on to a port of 127.0.0.1, until the test ends. */
export async function startProxy(to: number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  };
  const server = createServer((socket) => {
    const other = keep(connect(to, "127.0.0.1"));
    keep(socket)
      .on("close", () => other.destroy())
      .pipe(other)
      .on("close", () => socket.destroy())
      .pipe(socket);
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  onTestFinished(close);
  return { port, close, open: () => listen(port) };
}

export interface Client {
  /** All that it has printed. */
  said(): string;
  /** Its exit status. */
  readonly result: Promise<number | null>;
  stop(): void;
}

/** A program of the system, as `v4l2-cuse run` starts it; it ends with the test. */
export const startClient = (...command: string[]): Client =>
  startProgram(process.execPath, builtProgram(), "run", "--quiet", "--", ...command);

/** A program that opens the nodes that it is told; it ends with the test. */
export function startProgram(program: string, ...args: string[]): Client {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  const result = ended(child).then(() => child.exitCode);
  const stop = (): boolean => child.kill("SIGTERM");
  onTestFinished(async () => {
    stop();
    await result;
  });
  return { said: () => said, result, stop };
}

/** Its plugins that the clients below need: it looks through no others, and finds the decoder at once. */
const gstreamerPlugins = ["coreelements", "ivfparse", "v4l2codecs", "videotestsrc"];

/** GStreamer decodes an IVF file, and does not end with it. */
export function startDecoding(element: string, file: string): Client {
  const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-gstreamer-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const installed = readdirSync("/usr/lib")
    .map((machine) => `/usr/lib/${machine}/gstreamer-1.0`)
    .find((path) => existsSync(path));
  for (const name of gstreamerPlugins.map((plugin) => `libgst${plugin}.so`))
    symlinkSync(`${installed}/${name}`, join(folder, name));
  return startClient(
    ...["env", `GST_PLUGIN_SYSTEM_PATH_1_0=${folder}`, `GST_REGISTRY_1_0=${join(folder, "registry")}`],
    ...[
      "gst-launch-1.0",
      "-q",
      "filesrc",
      `location=${file}`,
      "!",
      "ivfparse",
      "!",
      element,
      "!",
      "fakesink",
    ],
    ...["videotestsrc", "is-live=true", "!", "fakesink"],
  );
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

/** The canvas of a queue's picture, once it shows frame `sequence` or a later one. */
async function canvasOf(page: Page, queue: string, sequence: number): Promise<string> {
  const canvas = `canvas[data-queue*="${queue}"]`;
  await page.waitForFunction(
    ([selector, least]) =>
      Number(document.querySelector<HTMLElement>(selector)?.dataset["sequence"]) >= least,
    [canvas, sequence] as const,
    { timeout: 40_000 },
  );
  return canvas;
}

export interface PagePicture {
  readonly width: number;
  readonly height: number;
  /** 3 bytes for each pixel. */
  readonly rgb: readonly number[];
}

/** A queue's whole picture, once it shows frame `sequence` or a later one. */
export async function pictureOf(page: Page, queue: string, sequence: number): Promise<PagePicture> {
  return page.$eval(await canvasOf(page, queue, sequence), (element) => {
    const { width, height } = element as HTMLCanvasElement;
    const data = (element as HTMLCanvasElement).getContext("2d")?.getImageData(0, 0, width, height).data;
    return { width, height, rgb: [...(data ?? [])].filter((_value, at) => at % 4 !== 3) };
  });
}

/** Colours of a queue's picture, at the middles of eight columns, once it shows frame `sequence` or a later one. */
export async function barsOf(page: Page, queue: string, sequence = 3): Promise<readonly Rgb[]> {
  const canvas = await canvasOf(page, queue, sequence);
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
