/**
 * Live events: what running devices tell from now on, as a recording that is written into a socket, or wherever its reader
 * is. Each follower has a bounded memory of its own. One that reads slowly loses events, is told how many (`dropped`), and
 * holds up neither the devices nor the others. Nothing is built for it before it follows, and after it has ended.
 */
import type { TraceStream } from "../v4l2/index.js";
import { Recorder } from "./recorder.js";
import type { RecordSink } from "./sinks.js";

/** What waits for a follower who does not read, at the most. */
const MAX_WAITING_BYTES = 4 << 20;
/** A person who looks on sees no delay in this. */
const FLUSH_MS = 50;

export interface FollowOptions {
  /** What tells the events: `v4l2-cuse 1.0`. */
  readonly program: string;
  /** Hears once that the follower is gone. */
  readonly failed?: ((error: Error) => void) | undefined;
  /** Default: 4 MiB. */
  readonly maxWaitingBytes?: number | undefined;
  /** Events are handed over after so long at the latest. Default: 50. */
  readonly flushMs?: number | undefined;
}

/** Somebody who hears events. */
export interface Follower {
  /** Events that it will be told to have missed. */
  readonly dropped: number;
  /** It hears no more from now on. */
  end(): void;
  /** The same, but what it has heard is written first, unless that takes five seconds or more. */
  finish(): Promise<void>;
}

/** Writes into `sink` what `streams` tell, until {@link Follower.end}, or until the sink fails. */
export function followEvents(
  streams: readonly TraceStream[],
  sink: RecordSink,
  { program, failed, maxWaitingBytes = MAX_WAITING_BYTES, flushMs = FLUSH_MS }: FollowOptions,
): Follower {
  const recorder = new Recorder(sink, {
    program,
    maxWaitingBytes,
    flushMs,
    failed: (error) => {
      recorder.abandon();
      failed?.(error);
    },
  });
  recorder.listen(streams);
  return {
    get dropped() {
      return recorder.dropped;
    },
    end: () => {
      recorder.abandon();
    },
    finish: () => recorder.end(),
  };
}
