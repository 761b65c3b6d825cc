/** `--watch [PORT]`: the page that shows a driver's devices while they run. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { Watch, type WatchedDevice } from "../watch/index.js";
import { Failure } from "./failure.js";
import { packageVersion } from "./version.js";

export interface WatchCommandOptions {
  /** A port, or true: any that is free. */
  readonly watch?: number | true;
  readonly watchControl?: boolean;
}

/** Adds `--watch` and `--watch-control`. */
export function addWatchOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--watch [port]",
        "serve a page that shows clients, buffers, pictures and times, at 127.0.0.1 (default: any free port)",
      ).argParser(parsePort),
    )
    .option("--watch-control", "the page may change controls");
}

export function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65535) return port;
  throw new InvalidArgumentError("A port is 1 to 65535.");
}

/** A page that shows devices, or none. */
export interface Watching {
  /** Shows these from now on. @returns The function that ends it. */
  listen(devices: readonly WatchedDevice[]): () => void;
  /** Serves the page, and says where. @throws {Failure} It cannot be served. */
  announce(): Promise<void>;
  end(): Promise<void>;
}

const none: Watching = {
  listen: () => () => undefined,
  announce: () => Promise.resolve(),
  end: () => Promise.resolve(),
};

export function startWatching({
  watch: port,
  watchControl: mayControl = false,
}: WatchCommandOptions): Watching {
  if (port === undefined) {
    if (mayControl) throw new Failure("--watch-control needs --watch: there is no page otherwise");
    return none;
  }
  const watch = new Watch({
    // The same kind of file as this one: compiled, or source under a loader.
    thread: new URL(import.meta.url.replace(/watching(\.\w+)$/, "watch-thread$1")),
    port: port === true ? 0 : port,
    mayControl,
    program: `v4l2-cuse ${packageVersion}`,
    failed: say,
  });
  let name = "video";
  return {
    listen: (devices) => {
      name = devices[0]?.name ?? name;
      return watch.listen(devices);
    },
    announce: async () => {
      try {
        const address = await watch.start(name);
        say(`${name} can be watched at ${address}`);
      } catch (error) {
        throw new Failure(`the page cannot be served: ${reasonOf(error, port)}`);
      }
    },
    end: () => watch.end(),
  };
}

function reasonOf(error: unknown, port: number | true): string {
  const text = error instanceof Error ? error.message : String(error);
  if (/EADDRINUSE/.test(text)) return `port ${port} is taken: name another one, or none`;
  if (/EACCES/.test(text)) return `port ${port} is for root only: name one from 1024 on`;
  if (/ENOENT.*page/.test(text)) return "it is not built; run 'npm run build'";
  return text;
}

function say(sentence: string): void {
  process.stderr.write(`v4l2-cuse: ${sentence}\n`);
}
