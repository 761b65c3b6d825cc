/** A call that somebody may listen to: an event when it is answered. The only place where calls are timed. */
import { attempt } from "../../settle.js";
import type { Awaitable } from "../../settle.js";
import type { Client } from "../call.js";
import { errnoNumber, V4l2Error } from "../error.js";
import type { ErrnoName } from "../error.js";
import type { Description } from "../ioctl/dialog.js";
import { traceTime } from "./trace.js";
import type { FileEvent, IoctlEvent, TraceStream } from "./trace.js";

/** How a call ended. */
export interface Outcome<Result> {
  /** What it answered; undefined when it was refused. */
  readonly result: Result | undefined;
  readonly durationUs: number;
  readonly timeMs: number;
  /** What the client got as errno; `EIO` for whatever is no V4l2Error. */
  readonly errno: ErrnoName | undefined;
  /** Why it was refused. */
  readonly detail: string | undefined;
}

/**
 * Runs a call; returns what it returns, throws what it throws.
 * @param describe - Makes the event. Asked after the time was taken: to look a client up takes longer than most calls.
 */
export function traced<Result>(
  stream: TraceStream,
  run: () => Awaitable<Result>,
  describe: (outcome: Outcome<Result>) => FileEvent | IoctlEvent,
): Awaitable<Result> {
  if (!stream.active) return run();
  const started = performance.now();
  const report = (result: Result | undefined, error?: unknown): void => {
    const durationUs = Math.round((performance.now() - started) * 1000);
    stream.emit(describe({ result, durationUs, timeMs: traceTime(), ...reasonOf(error) }));
  };
  return attempt<Result, Result>(
    run,
    (result) => {
      report(result);
      return result;
    },
    (error) => {
      report(undefined, error);
      throw error;
    },
  );
}

function reasonOf(error: unknown): Pick<Outcome<unknown>, "errno" | "detail"> {
  if (error === undefined) return { errno: undefined, detail: undefined };
  if (error instanceof V4l2Error) return { errno: error.code, detail: error.detail };
  return { errno: "EIO", detail: error instanceof Error ? error.message : "not an Error" };
}

/** An ioctl, as the log wants to know it. */
export interface IoctlFacts {
  /** Node name. */
  readonly device: string;
  readonly name: string;
  readonly cmd: number;
  /** Number of the open file. */
  readonly file: bigint;
  readonly client: Client;
  /** The argument after the call; asked at most once, and only if somebody reads it. */
  describe(): Description;
}

/** The event of an ioctl that was answered. */
export function ioctlEvent(facts: IoctlFacts, outcome: Outcome<number>): IoctlEvent {
  const { device, name, cmd, file, client } = facts;
  const { timeMs, durationUs, result = 0, errno, detail } = outcome;
  let described: ReturnType<IoctlFacts["describe"]> | undefined;
  const describe = (): ReturnType<IoctlFacts["describe"]> => (described ??= facts.describe());
  return {
    kind: "ioctl",
    timeMs,
    device,
    name,
    cmd,
    pid: client.pid,
    comm: client.comm,
    file,
    durationUs,
    result: errno === undefined ? result : errnoNumber(errno),
    errno,
    detail,
    text: () => describe().text,
    dialog: () => describe().dialog,
    args: () => describe().object,
    asked: () => describe().asked,
  };
}

/** A file operation, as the log wants to know it. */
export interface FileOperation {
  /** Node name. */
  readonly device: string;
  readonly action: FileEvent["action"];
  /** Number of the open file. */
  readonly file: bigint;
  readonly client: Client;
  /** See {@link FileEvent.size}. */
  readonly size: number;
}

/** The event of a file operation that was answered. */
export function fileEvent(operation: FileOperation, outcome: Outcome<number>): FileEvent {
  const { device, action, file, client, size } = operation;
  const { timeMs, durationUs, result: value = 0, errno } = outcome;
  const { pid, comm } = client;
  return { kind: "file", timeMs, device, action, pid, comm, file, size, value, errno, durationUs };
}
