/**
 * Mistakes of a driver: an exception that is no refusal, a buffer that is given back twice, an answer of the wrong type.
 * Each is one line that says where it was: the driver, what of it ran and for which client, and the line of its code. It
 * goes to the device's log, or to standard error while nobody reads one.
 */
import { fileURLToPath } from "node:url";
import type { Client } from "./call.js";
import { traceTimes } from "./trace/trace.js";
import type { TraceStream } from "./trace/trace.js";
import { escapeText } from "./values/names.js";

/** One mistake of a driver. */
export interface DriverBug {
  /** What of the driver ran: `VIDIOC_G_FMT`, `stopStreaming of video0 capture`, `a task of the device`. */
  readonly where: string;
  /** For whom, if for one client. */
  readonly client?: Client | undefined;
  /** What it threw, whatever that is; or a sentence about what it did, in an `Error` made at that point. */
  readonly error: unknown;
  /** What became of it: `the client got EIO`. */
  readonly outcome?: string | undefined;
}

/** Where mistakes of a driver are reported; a `VideoDevice` is one. */
export interface BugReporter {
  /** Node name, `video0`. */
  readonly name: string;
  readonly trace: TraceStream;
  /** Tells the operator, and does nothing else. */
  reportBug(bug: DriverBug): void;
}

/** Different mistakes that are counted; more are not reported, so that nobody can fill the log or the memory. */
const MAX_KINDS = 256;

/** `<folder>/src/` or `<folder>/dist/`, whichever runs. */
const ownFolder = fileURLToPath(new URL("../", import.meta.url));
/** Layers that are no drivers. */
const frameworkFile = /^(?:v4l2|vb2|media|m2m|serve|cuse|graft|uapi|native|linux|settle)\b/;

/** The line of the driver that is nearest to where `error` was made: `captureFrame (/home/me/dist/camera.js:41:9)`. */
export function placeOf(error: unknown): string | undefined {
  const stack = error instanceof Error ? error.stack : undefined;
  const frames = stack?.split("\n").map((line) => /^\s*at (?:async )?(.+)$/.exec(line)?.[1]) ?? [];
  return frames
    .map((frame) => frame?.replace("file://", "").replace(/^Object\./, ""))
    .find((frame) => isOfDriver(frame));
}

function isOfDriver(frame: string | undefined): boolean {
  const path = /(?:^|\()(\/.+?):\d+:\d+\)?$/.exec(frame ?? "")?.[1];
  if (path === undefined) return false;
  return !(path.startsWith(ownFolder) && frameworkFile.test(path.slice(ownFolder.length)));
}

/** What was thrown, in one sentence. */
export const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  return error.name === "Error" ? error.message : `${error.name}: ${error.message}`;
};

/** Reports the mistakes of one driver. The same one again is only said to have happened 10, 100, ... times. */
export class DriverBugs {
  readonly #identity: { readonly name: string; readonly driver?: string | undefined };
  readonly #trace: TraceStream | undefined;
  readonly #counts = new Map<string, number>();

  constructor(
    identity: { readonly name: string; readonly driver?: string | undefined },
    trace: TraceStream | undefined,
  ) {
    this.#identity = identity;
    this.#trace = trace;
  }

  /** As {@link BugReporter.reportBug}. */
  report({ where, client, error, outcome }: DriverBug): void {
    const place = placeOf(error);
    const what = `${messageOf(error)}${place === undefined ? "" : `, at ${place}`}`;
    const count = this.#count(`${where}\n${what}`);
    if (count === undefined) return;
    const { name, driver } = this.#identity;
    const text =
      (driver === undefined ? "" : `driver ${driver}: `) +
      `${where}${client === undefined ? "" : ` of ${client.comm}[${client.pid}]`}: ${what}` +
      (outcome === undefined ? "" : `; ${outcome}`) +
      (count === 1 ? "" : ` (${count} times by now)`);
    const line = escapeText(text.replaceAll(/\s*\n\s*/g, " "));
    const trace = this.#trace;
    // Somebody has to be told, if only by a program that writes no log.
    if (trace === undefined || !(trace.isShown || (trace.active && trace.unheard !== undefined)))
      process.stderr.write(`${name}: ${line}\n`);
    if (trace?.active !== true) return;
    const stack = error instanceof Error ? error.stack : undefined;
    const event = { kind: "message", ...traceTimes(), device: name, level: "error", text: line } as const;
    trace.message(stack === undefined ? event : { ...event, stack });
  }

  /** @returns How often it happened; undefined: not to be reported this time. */
  #count(kind: string): number | undefined {
    const before = this.#counts.get(kind) ?? 0;
    if (before === 0 && this.#counts.size >= MAX_KINDS) return undefined;
    const count = before + 1;
    this.#counts.set(kind, count);
    return /^10*$/.test(String(count)) ? count : undefined;
  }
}
