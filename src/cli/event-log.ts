/** What a driver command prints: one view of the device's event stream, on standard output. */
import createDebug from "debug";
import type { MessageEvent, TraceEvent, TraceStream } from "../v4l2/index.js";
import { escapeText, jsonLine, prettyLine } from "../v4l2/index.js";
import { LogSink } from "./log-sink.js";
import type { LogForm } from "./node-options.js";

const NAMESPACE = "v4l2-cuse";
/** The number, since Node makes the stream behind `process.stdout` non-blocking when it is first touched. */
const STDOUT = 1;

export interface EventLog {
  /** Writes what still waits. */
  end(): Promise<void>;
}

/** Whose events are printed. */
export interface Logged {
  readonly trace: TraceStream;
  /** `video0` */
  readonly name: string;
}

/**
 * Prints the events of these devices until `end()`, through one sink: lines of a video node and its media node stay in
 * the order in which things happened.
 *
 * The pretty form goes through `debug` namespaces, `v4l2-cuse:<device>:<kind>`: with DEBUG in the environment it
 * selects what is shown, else ioctls, files and messages are.
 */
export function startEventLog(devices: readonly Logged[], form: LogForm): EventLog {
  if (form === "none") {
    for (const { trace } of devices) trace.unheard = tellOperator;
    return { end: () => Promise.resolve() };
  }
  const sink = new LogSink(STDOUT, "the log");
  const stops = devices.map(({ trace, name }) =>
    trace.subscribe(
      form === "json"
        ? (event) => {
            sink.line(jsonLine(event));
          }
        : prettyListener(name, sink),
    ),
  );
  return {
    end: async () => {
      for (const stop of stops) stop();
      await sink.flush();
    },
  };
}

/** Without a log, what an operator has to know goes where errors go: why a client is refused, say. */
function tellOperator({ device, text }: MessageEvent): void {
  process.stderr.write(`v4l2-cuse: ${device}: ${escapeText(text)}\n`);
}

function prettyListener(device: string, sink: LogSink): (event: TraceEvent) => void {
  const selected = process.env["DEBUG"] ?? "";
  if (!selected.includes(NAMESPACE)) {
    const kinds = ["ioctl", "file", "message"].map((kind) => `${NAMESPACE}:*:${kind}`);
    createDebug.enable([selected, ...kinds].filter((part) => part !== "").join(","));
  }
  const enabled = new Map<TraceEvent["kind"], boolean>();
  return (event) => {
    let show = enabled.get(event.kind);
    if (show === undefined) {
      show = createDebug.enabled(`${NAMESPACE}:${device}:${event.kind}`);
      enabled.set(event.kind, show);
    }
    if (show) sink.line(prettyLine(event));
  };
}
