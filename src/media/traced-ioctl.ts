/** An ioctl of a media device or request that somebody may listen to: an event when it is answered. */
import type { Call, TraceStream } from "../v4l2/index.js";
import { errnoNumber, traceTime, V4l2Error } from "../v4l2/index.js";
import type { ArgWriter, Awaitable } from "../v4l2/index.js";
import { describeMediaIoctl, mediaIoctlName } from "./describe.js";

export interface TracedCall {
  readonly trace: TraceStream;
  /** Node name. */
  readonly device: string;
  /** Number of the open file. */
  readonly file: bigint;
  readonly cmd: number;
  readonly arg: Uint8Array;
  readonly call: Call;
  /** For the log, what the argument does not say. Asked when the call was answered. */
  readonly note?: () => string;
}

/** Runs a handler; throws what it throws. */
export function tracedMediaIoctl(traced: TracedCall, run: () => Awaitable<number>): Awaitable<number> {
  if (!traced.trace.active) return run();
  const started = performance.now();
  const succeeded = (result: number): number => {
    report(traced, started, result, undefined);
    return result;
  };
  const failed = (error: unknown): never => {
    report(traced, started, error instanceof V4l2Error ? error.errno : errnoNumber("EIO"), error);
    throw error;
  };
  let result: Awaitable<number>;
  try {
    result = run();
  } catch (error) {
    return failed(error);
  }
  return result instanceof Promise ? result.then(succeeded, failed) : succeeded(result);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : "not an Error");

function report(traced: TracedCall, started: number, result: number, error: unknown): void {
  const { trace, device, file, cmd, arg, call, note } = traced;
  const refusal = error instanceof V4l2Error ? error : undefined;
  let described: ArgWriter | undefined;
  const describe = (): ArgWriter => {
    if (described === undefined) {
      described = describeMediaIoctl(cmd, arg);
      if (note !== undefined && error === undefined) described.item(note());
    }
    return described;
  };
  trace.emit({
    kind: "ioctl",
    timeMs: traceTime(),
    device,
    name: mediaIoctlName(cmd),
    cmd,
    pid: call.client.pid,
    comm: call.client.comm,
    file,
    durationUs: Math.round((performance.now() - started) * 1000),
    result,
    errno: error === undefined ? undefined : (refusal?.code ?? "EIO"),
    detail: error === undefined ? undefined : (refusal?.detail ?? messageOf(error)),
    text: () => describe().text,
    args: () => describe().object,
  });
}
