/** How often a queue called the driver and moved memory. What belongs in pairs must come out even. */

/** Calls that cancel each other: after `release()` of a queue both numbers are equal. */
const pairs = [
  ["bufInit", "bufCleanup"],
  ["bufPrepare", "bufFinish"],
  ["bufQueue", "bufDone"],
  ["prepareStreaming", "unprepareStreaming"],
  ["startStreaming", "stopStreaming"],
  ["memoryTaken", "memoryReleased"],
] as const;

/** Successful calls only, as the kernel's `CONFIG_VIDEO_ADV_DEBUG` counts them. */
export class OpCounters {
  queueSetup = 0;
  bufInit = 0;
  bufCleanup = 0;
  bufOutValidate = 0;
  bufPrepare = 0;
  bufFinish = 0;
  bufQueue = 0;
  /** Not an op, but what the driver owes for each `bufQueue`. */
  bufDone = 0;
  bufRequestComplete = 0;
  prepareStreaming = 0;
  unprepareStreaming = 0;
  startStreaming = 0;
  stopStreaming = 0;
  /** Planes that got memory: allocated, copied from the client, or imported. */
  memoryTaken = 0;
  memoryReleased = 0;

  /** @returns One line for each pair that is not even, `"bufInit 3, bufCleanup 2"`; empty when all is well. */
  balance(): string[] {
    return pairs
      .filter(([open, close]) => this[open] !== this[close])
      .map(([open, close]) => `${open} ${this[open]}, ${close} ${this[close]}`);
  }
}
