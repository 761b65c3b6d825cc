/** What devices with a clock tell of their frames: when one was due, and what became of it. */
import { readStat, statFields } from "../process-stat.js";
import { monotonicNow, wallTime } from "../v4l2/index.js";
import type { AnyFile, BufferKey, FrameEvent } from "../v4l2/index.js";

/** When a frame was due. */
export interface FrameTiming {
  /** Counts lost frames, too. */
  readonly sequence: number;
  /** CLOCK_MONOTONIC. */
  readonly dueNs: bigint;
  /** Time between frames; undefined: as fast as buffers come. */
  readonly intervalNs: bigint | undefined;
}

/** A frame that is in a buffer. */
export interface DrawnFrame extends FrameTiming {
  /** How long drawing it took, nanoseconds. */
  readonly drawNs: number;
}

/** @param key - Of the buffer; without an index the frame was lost, for `reason`. */
export function frameEvent(
  device: string,
  key: Omit<BufferKey, "index"> & { readonly index: number | undefined },
  frame: FrameTiming & Partial<DrawnFrame>,
  reason?: string,
  clientState?: string,
): FrameEvent {
  const monotonicNs = monotonicNow();
  const dueNs = Number(frame.dueNs);
  return {
    kind: "frame",
    timeMs: wallTime(monotonicNs),
    monotonicNs,
    device,
    action: key.index === undefined ? "lost" : "drawn",
    file: key.file,
    type: key.type,
    index: key.index,
    sequence: frame.sequence,
    dueNs,
    lateNs: Math.max(0, monotonicNs - dueNs),
    drawNs: Math.round(frame.drawNs ?? 0),
    intervalNs: frame.intervalNs === undefined ? undefined : Number(frame.intervalNs),
    reason,
    clientState,
  };
}

/** `T` while the process that opened the file is stopped; undefined if it cannot be seen. */
export function stateOfClient(file: AnyFile | undefined): string | undefined {
  const pid = file?.client?.pid;
  if (pid === undefined || pid <= 0) return undefined;
  return statFields(readStat(pid))[0];
}
