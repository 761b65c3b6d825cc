/**
 * Watches the event loop while somebody listens: a timer that comes late tells that nothing else could run either. What
 * the kernel counts for the process tells a busy loop from one that had no processor.
 */

import { closeSync, openSync, readSync } from "node:fs";

/** How often the loop is looked at, ms. */
const TICK_MS = 10;
/** A tick that comes so much later than it should is told, ms. */
const TOLD_MS = 15;
const NS_PER_US = 1000;
const NS_PER_MS = 1e6;

/** The loop did not run for a while. Times are nanoseconds of CLOCK_MONOTONIC. */
export interface LoopDelay {
  readonly nowNs: number;
  readonly fromNs: number;
  /** Processor time of the process since then, all its threads. */
  readonly cpuNs: number;
  /** How long its main thread could have run, but had no processor; 0 where the kernel does not count it. */
  readonly waitedNs: number;
  /** SIGCONT came. */
  readonly stopped: boolean;
}

const watchers = new Map<object, (delay: LoopDelay) => void>();
let timer: NodeJS.Timeout | undefined;
let last = { nowNs: 0, cpuUs: 0, waitedNs: 0 };
let schedstat: number | undefined;
const line = Buffer.alloc(80);
let wasContinued = false;

/** Tells `told` of delays until {@link unwatchLoop}; harmless when repeated. */
export function watchLoop(who: object, told: (delay: LoopDelay) => void): void {
  watchers.set(who, told);
  if (timer !== undefined) return;
  schedstat = openSchedstat();
  last = look();
  wasContinued = false;
  process.on("SIGCONT", continued);
  timer = setInterval(tick, TICK_MS).unref();
}

export function unwatchLoop(who: object): void {
  watchers.delete(who);
  if (watchers.size > 0) return;
  clearInterval(timer);
  timer = undefined;
  if (schedstat !== undefined) closeSync(schedstat);
  schedstat = undefined;
  process.off("SIGCONT", continued);
}

function continued(): void {
  wasContinued = true;
}

function look(): typeof last {
  const { user, system } = process.cpuUsage();
  return { nowNs: Number(process.hrtime.bigint()), cpuUs: user + system, waitedNs: waitedSoFar() };
}

/** Of the thread that the event loop runs in: its processor time, its time without one, both in nanoseconds. */
function openSchedstat(): number | undefined {
  try {
    return openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
  } catch {
    return undefined; // A kernel without CONFIG_SCHED_INFO.
  }
}

function waitedSoFar(): number {
  if (schedstat === undefined) return 0;
  try {
    const length = readSync(schedstat, line, 0, line.byteLength, 0);
    return Number(line.toString("latin1", 0, length).split(" ")[1]);
  } catch {
    return 0;
  }
}

function tick(): void {
  const before = last;
  last = look();
  const { nowNs, cpuUs, waitedNs: waited } = last;
  if (nowNs - before.nowNs < (TICK_MS + TOLD_MS) * NS_PER_MS) {
    wasContinued = false;
    return;
  }
  const cpuNs = (cpuUs - before.cpuUs) * NS_PER_US;
  const waitedNs = Math.max(0, waited - before.waitedNs);
  // The signal is served in the loop's next phase, after this timer.
  setImmediate(() => {
    const delay = { nowNs, fromNs: before.nowNs, cpuNs, waitedNs, stopped: wasContinued };
    wasContinued = false;
    for (const told of watchers.values()) told(delay);
  });
}
