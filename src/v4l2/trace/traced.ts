/** A call that somebody may listen to: an event when it is answered. The only place where calls are timed. */
import { isLater } from "../../settle.js";
import type { Awaitable } from "../../settle.js";
import type { Client } from "../call.js";
import { errnoNumber, V4l2Error } from "../error.js";
import type { ErrnoName } from "../error.js";
import { callBegins, callEnds, monotonicNow, traceTimes, wallTime } from "./trace.js";
import type {
  FileEvent,
  IoctlBytes,
  IoctlDescriber,
  RecordedIoctl,
  TraceStream,
  WaitEvent,
} from "./trace.js";

const NS_PER_US = 1000;

/** How a call ended. */
export interface Outcome<Result> {
  /** What it answered; undefined when it was refused. */
  readonly result: Result | undefined;
  readonly durationUs: number;
  readonly timeMs: number;
  readonly monotonicNs: number;
  /** What the client got as errno; `EIO` for whatever is no V4l2Error. */
  readonly errno: ErrnoName | undefined;
  /** Why it was refused. */
  readonly detail: string | undefined;
}

/** A call that may have to wait: what the log calls it, and whose it is. */
export interface WaitingCall {
  readonly device: string;
  readonly name: string;
  readonly file: bigint;
  readonly client: Client;
}

/** A call that somebody may listen to. One object, because a closure for each question costs more than most calls. */
export interface TracedCall<Result> extends WaitingCall {
  /** Carries it out. */
  run(): Awaitable<Result>;
  /** Emits its event. Called after the time was taken: to look a client up takes longer than most calls. */
  ended(outcome: Outcome<Result>): void;
}

/** Runs a call; returns what it returns, throws what it throws. */
export function traced<Result>(stream: TraceStream, call: TracedCall<Result>): Awaitable<Result> {
  if (!stream.active) return call.run();
  const started = callBegins();
  let value: Awaitable<Result>;
  try {
    value = call.run();
    callEnds();
  } catch (error) {
    callEnds();
    call.ended(refusedAt(started, error));
    throw error;
  }
  if (!isLater(value)) {
    call.ended(outcomeAt(started, value, undefined, undefined));
    return value;
  }
  stream.emit(waitEvent(call));
  return value.then(
    (result) => {
      call.ended(outcomeAt(started, result, undefined, undefined));
      return result;
    },
    (error: unknown) => {
      call.ended(refusedAt(started, error));
      throw error;
    },
  );
}

function outcomeAt<Result>(
  started: number,
  result: Result | undefined,
  errno: ErrnoName | undefined,
  detail: string | undefined,
): Outcome<Result> {
  const monotonicNs = monotonicNow();
  const durationUs = Math.round((monotonicNs - started) / NS_PER_US);
  return { result, durationUs, timeMs: wallTime(monotonicNs), monotonicNs, errno, detail };
}

function refusedAt(started: number, error: unknown): Outcome<never> {
  const { errno, detail } = reasonOf(error);
  return outcomeAt<never>(started, undefined, errno, detail);
}

function waitEvent({ device, name, file, client }: WaitingCall): WaitEvent {
  const { pid, comm } = client;
  return { kind: "wait", ...traceTimes(), device, action: "begin", name, file, pid, comm };
}

function reasonOf(error: unknown): Pick<Outcome<unknown>, "errno" | "detail"> {
  if (error instanceof V4l2Error) return { errno: error.code, detail: error.detail };
  return { errno: "EIO", detail: error instanceof Error ? error.message : "not an Error" };
}

/** An ioctl, as the log wants to know it. */
export interface IoctlFacts extends WaitingCall, IoctlDescriber {
  readonly cmd: number;
  /** The argument itself. */
  readonly bytes: IoctlBytes;
}

/** Tells of an ioctl that was answered. */
export function emitIoctl(stream: TraceStream, facts: IoctlFacts, outcome: Outcome<number>): void {
  const { device, name, cmd, file, client, bytes } = facts;
  const { timeMs, monotonicNs, durationUs, result = 0, errno, detail } = outcome;
  const event: RecordedIoctl = {
    kind: "ioctl",
    timeMs,
    monotonicNs,
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
    bytes,
  };
  stream.emitIoctl(event, facts);
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
  const { timeMs, monotonicNs, durationUs, result: value = 0, errno } = outcome;
  const { pid, comm } = client;
  return {
    kind: "file",
    timeMs,
    monotonicNs,
    device,
    action,
    pid,
    comm,
    file,
    size,
    value,
    errno,
    durationUs,
  };
}
