/**
 * The terminal log: one view of a device's trace events. Ioctls look as the kernel's own `dev_debug` prints them,
 * with time and client before and the duration behind:
 *
 * `12:34:56.789012 v4l2-ctl[1234] video0: VIDIOC_G_INPUT: value=0 (85 us)`
 *
 * What the client asked stands before what it was given where they differ (`width=701->640, height=501->480`),
 * or as JSON, one object per line. Nothing is built unless an event comes, and an argument is described only when
 * its line is written.
 */
import { errnoNumber } from "../error.js";
import type { ErrnoName } from "../error.js";
import { constants } from "node:os";
import { bufTypeNames, escapeText, nameOf } from "../values/names.js";
import type {
  BufferEvent,
  FileEvent,
  FrameEvent,
  GraftEvent,
  IoctlEvent,
  TraceEvent,
  TraceListener,
  WaitEvent,
  WorkerEvent,
} from "./trace.js";

/** For people, or for programs. */
export type LogFormat = "pretty" | "json";

/** What goes to the log, and how. */
export interface LogOptions {
  readonly format?: LogFormat;
  /** Kinds of events to show; all unless given. */
  readonly kinds?: readonly TraceEvent["kind"][];
}

/**
 * A listener for `TraceStream.subscribe` that writes lines.
 * @param write - Takes one line (pretty: of several rows when the kernel has several) without its newline.
 */
export function logListener(write: (line: string) => void, options: LogOptions = {}): TraceListener {
  const { kinds, format = "pretty" } = options;
  const toLine = format === "json" ? jsonLine : prettyLine;
  return (event) => {
    if (kinds === undefined || kinds.includes(event.kind)) write(toLine(event));
  };
}

/** `12:34:56.789012`, local time. */
export function clockText(timeMs: number): string {
  const date = new Date(timeMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const fraction = timeMs - Math.floor(timeMs / 1000) * 1000;
  const microseconds = String(Math.min(999_999, Math.floor(fraction * 1000))).padStart(6, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${microseconds}`;
}

/** The kernel's part of an ioctl's line, what follows the clock in `dmesg`: `video0: VIDIOC_G_FMT: type=vid-cap, ...`. */
export function kernelLine(event: IoctlEvent): string {
  return ioctlLine(event, event.text);
}

function ioctlLine({ device, name, cmd, errno, result }: IoctlEvent, text: () => string): string {
  const refused = errno === undefined ? "" : `: error -${result}`;
  // An ioctl without argument has no colon behind its name.
  return `${device}: ${name}${refused}${cmd >>> 30 === 0 ? "" : `: ${text()}`}`;
}

/** One event as a line for people, without its line end. */
export function prettyLine(event: TraceEvent): string {
  const clock = clockText(event.timeMs);
  switch (event.kind) {
    case "ioctl": {
      const [first = "", ...rest] = ioctlLine(event, event.dialog).split("\n");
      const reason = event.errno === undefined ? "" : `; ${event.errno}: ${escapeText(event.detail ?? "")}`;
      const rows = rest.map((row) => `\n    ${row}`).join("");
      return `${clock} ${clientText(event)} ${first} (${event.durationUs} us${reason})${rows}`;
    }
    case "file":
      return `${clock} ${clientText(event)} ${event.device}: ${fileText(event)} (${event.durationUs} us)`;
    case "buffer":
      return `${clock} ${event.device}: ${bufferText(event)}`;
    case "request":
      return `${clock} ${event.device}: request ${escapeText(event.request)}: ${event.from} -> ${event.to}`;
    case "job":
      return `${clock} ${event.device}: job ${event.job} of file ${event.file} ${event.action}`;
    case "frame":
      return `${clock} ${event.device}: ${frameText(event)}`;
    case "wait":
      return `${clock} ${event.device}: file ${event.file}: ${event.name} ${waitWords[event.action]}`;
    case "loop":
      return `${clock} ${event.device}: the event loop did not run for ${inMs(event.blockedNs)}${event.stopped ? ": the process was stopped" : ""}`;
    case "worker":
      return `${clock} ${event.device}: worker ${event.pid ?? "-"} ${workerText(event)}`;
    case "graft":
      return `${clock} ${clientText(event)} ${event.device}: ${graftWords[event.action]}${event.detail === undefined ? "" : `: ${escapeText(event.detail)}`}`;
    case "data": {
      const { type, index, plane, offset, bytesused, bytes } = event;
      const what = `${bytes.byteLength} of ${bytesused} bytes from ${offset}`;
      return `${clock} ${event.device}: buffer ${nameOf(bufTypeNames, type)} ${index} plane ${plane}: ${what}`;
    }
    case "dropped":
      return `${clock} ${event.device}: ${event.count} events were lost: they came faster than they could be written`;
    case "message":
      return `${clock} ${event.device}: ${escapeText(event.text)}`;
  }
}

const inMs = (ns: number): string => `${(ns / 1e6).toFixed(1)} ms`;

function frameText({ action, sequence, index, lateNs, reason }: FrameEvent): string {
  if (action === "lost") return `frame ${sequence} lost: ${reason ?? "?"}`;
  return `frame ${sequence} drawn into buffer ${index ?? "?"}, ${inMs(lateNs)} after it was due`;
}

const waitWords: Readonly<Record<WaitEvent["action"], string>> = {
  begin: "waits",
  poll: "finds nothing",
  wake: "is told to look again",
};

const graftWords: Readonly<Record<GraftEvent["action"], string>> = {
  begin: "its descriptor is to be replaced",
  placed: "its descriptor is replaced",
  grafted: "can map buffers",
  refused: "was not grafted",
  undone: "the replacement is undone",
  hello: "has the helper",
  map: "the helper maps",
  descriptor: "the helper takes a descriptor",
};

function workerText({ action, serial, detail }: WorkerEvent): string {
  return `${action}${serial === undefined ? "" : ` job ${serial}`}${detail === undefined ? "" : `: ${escapeText(detail)}`}`;
}

const clientText = ({ comm, pid }: { readonly comm: string; readonly pid: number }): string =>
  `${escapeText(comm)}[${pid}]`;

/** As the kernel: `open (0)`, `read: 4096 (4096)`. */
function fileText(event: FileEvent): string {
  const result = event.errno === undefined ? undefined : -errnoOf(event.errno);
  switch (event.action) {
    case "open":
      return `open (${result ?? 0})`;
    case "release":
      return "release";
    case "mmap":
      return `mmap (${result ?? 0})`;
    case "read":
    case "write":
      return `${event.action}: ${event.size} (${result ?? event.value})`;
  }
}

const isErrnoName = (code: string): code is ErrnoName => code in constants.errno;
const errnoOf = (code: string): number => errnoNumber(isErrnoName(code) ? code : "EIO");

function bufferText({ type, index, from, to, sequence, timestampNs, bytesused }: BufferEvent): string {
  const bytes = bytesused.join("+");
  return (
    `buffer ${nameOf(bufTypeNames, type)} ${index}: ${from} -> ${to}, ` +
    `sequence=${sequence}, timestamp=${timestampNs}, bytesused=${bytes === "" ? "0" : bytes}`
  );
}

/**
 * A JSON object. Of an ioctl, `args` is what the client was given, and `asked` what it had asked, where that is not the
 * same. 64-bit numbers that JSON's would round are strings, bytes are hex. */
export function jsonLine(event: TraceEvent): string {
  // A Buffer would describe itself.
  if (event.kind === "data")
    return JSON.stringify({ ...event, bytes: Buffer.from(event.bytes).toString("hex") }, jsonValue);
  if (event.kind !== "ioctl") return JSON.stringify(event, jsonValue);
  const { text: _text, dialog: _dialog, bytes: _bytes, args, asked, ...rest } = event;
  return JSON.stringify({ ...rest, asked: asked(), args: args() }, jsonValue);
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}
