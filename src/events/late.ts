/**
 * Why frames were late or lost, from the events alone. docs/late-frames.md says what the causes are and how they are told
 * from each other.
 *
 * A frame is judged some time after it came: that the event loop was blocked is known when it runs again.
 */
import type { BufferEvent, FrameEvent, JobEvent, LoopEvent, TraceEvent, WorkerEvent } from "../v4l2/index.js";
import { forgetOldest } from "./forget.js";

/** Why a frame was late or lost. */
export const lateCauses = [
  "slow client",
  "starved queue",
  "blocked loop",
  "slow worker",
  "paused process",
  "other file's job",
  "unknown",
] as const;
export type LateCause = (typeof lateCauses)[number];

/** A frame that was late or lost. */
export interface LateFrame {
  readonly timeMs: number;
  readonly monotonicNs: number;
  readonly device: string;
  readonly file: bigint | undefined;
  readonly what: "late" | "lost";
  /** `frame 41`, `job 12`. */
  readonly frame: string;
  /** How late, nanoseconds. */
  readonly lateNs: number;
  readonly cause: LateCause;
  /** One sentence. */
  readonly sentence: string;
}

/** A mem2mem frame that took longer is late: one of 25 in a second. */
const LATE_JOB_NS = 40e6;
/** A frame of a camera is late by a quarter of the time between frames, but not by less than timers are late anyway. */
const LATE_PART = 4;
const LEAST_LATE_NS = 5e6;
/** A frame is judged so much later. */
const DELAY_NS = 500e6;
/** A process that lacked a processor for so much of a delay could not have done better. */
const PAUSED_PART = 0.5;
/** Intervals that are remembered of each kind. */
const REMEMBERED = 256;
/** Frames that wait to be judged: more cannot be due within the delay, unless the clock of the recording stands still. */
const MAX_PENDING = 4096;

interface Interval {
  readonly fromNs: number;
  readonly toNs: number;
}
interface Delay extends Interval {
  readonly verdict: Verdict;
}
interface OwnedInterval extends Interval {
  readonly owner: string;
}

/** Where the buffers of a queue are. */
interface QueueState {
  readonly buffers: Map<number, { readonly state: string; readonly sinceNs: number }>;
  /** Since when neither waits for the driver nor is the driver's any; undefined: one does, or is. */
  emptySinceNs: number | undefined;
  /** When the client was last seen to be stopped. */
  stoppedNs: number;
}

interface RunningJob {
  readonly readyNs: number;
  startedNs: number | undefined;
}

type Verdict = readonly [cause: LateCause, reason: string];
interface Pending {
  readonly judgeNs: number;
  readonly judge: () => LateFrame | undefined;
}

export interface LateOptions {
  /** A frame is late when it comes so much after it should, nanoseconds; see docs/late-frames.md for what else. */
  readonly lateNs?: number | undefined;
}

/** Takes events in order, and tells of late and lost frames. */
export class LateFrames {
  readonly #lateNs: number | undefined;
  readonly #told: (frame: LateFrame) => void;
  readonly #queues = new Map<string, QueueState>();
  readonly #jobs = new Map<string, RunningJob>();
  readonly #lastJobEnd = new Map<string, number>();
  readonly #work = new Map<string, number>();
  #delays: Delay[] = [];
  #jobRuns: OwnedInterval[] = [];
  #workRuns: OwnedInterval[] = [];
  #pending: Pending[] = [];

  constructor(told: (frame: LateFrame) => void, { lateNs }: LateOptions = {}) {
    this.#told = told;
    this.#lateNs = lateNs;
  }

  take(event: TraceEvent): void {
    while (this.#pending[0] !== undefined && this.#pending[0].judgeNs <= event.monotonicNs) this.#judge();
    switch (event.kind) {
      case "buffer":
        this.#buffer(event);
        break;
      case "frame":
        this.#frame(event);
        break;
      case "loop":
        this.#loop(event);
        break;
      case "job":
        this.#job(event);
        break;
      case "worker":
        this.#worker(event);
        break;
      case "file":
        if (event.action === "release") this.#closed(event.device, event.file);
        break;
      default:
    }
  }

  /** There are no more events. */
  end(): void {
    while (this.#pending.length > 0) this.#judge();
  }

  #judge(): void {
    const frame = this.#pending.shift()?.judge();
    if (frame !== undefined) this.#told(frame);
  }

  #later(atNs: number, judge: () => LateFrame | undefined): void {
    this.#pending.push({ judgeNs: atNs + DELAY_NS, judge });
    if (this.#pending.length > MAX_PENDING) this.#judge();
  }

  // What is remembered

  #queue(device: string, file: bigint | undefined, type: number): QueueState {
    const key = `${device}/${file ?? ""}/${type}`;
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = { buffers: new Map(), emptySinceNs: undefined, stoppedNs: 0 };
      this.#queues.set(key, queue);
      forgetOldest(this.#queues);
    }
    return queue;
  }

  #buffer({ device, file, type, index, to, monotonicNs, queued, active }: BufferEvent): void {
    const queue = this.#queue(device, file, type);
    if (queue.buffers.size < REMEMBERED || queue.buffers.has(index))
      queue.buffers.set(index, { state: to, sinceNs: monotonicNs });
    if (queued + active > 0) queue.emptySinceNs = undefined;
    else queue.emptySinceNs ??= monotonicNs;
  }

  #closed(device: string, file: bigint): void {
    for (const key of this.#queues.keys()) if (key.startsWith(`${device}/${file}/`)) this.#queues.delete(key);
    for (const key of this.#jobs.keys()) if (key.startsWith(`${device}/${file}/`)) this.#jobs.delete(key);
    this.#lastJobEnd.delete(`${device}/${file}`);
  }

  #loop(event: LoopEvent): void {
    const { fromNs, blockedNs } = event;
    this.#delays = remember(this.#delays, { fromNs, toNs: fromNs + blockedNs, verdict: delayVerdict(event) });
  }

  #worker({ action, device, file, serial, monotonicNs }: WorkerEvent): void {
    const owner = `${device}/${file ?? ""}`;
    const key = `${owner}/${serial ?? ""}`;
    if (action === "sent") {
      this.#work.set(key, monotonicNs);
      forgetOldest(this.#work);
    } else if (action === "answered") {
      const fromNs = this.#work.get(key);
      this.#work.delete(key);
      if (fromNs !== undefined)
        this.#workRuns = remember(this.#workRuns, { fromNs, toNs: monotonicNs, owner });
    } else if (action === "ended") {
      // With what it had to do.
      for (const [other, fromNs] of this.#work) {
        if (!other.startsWith(`${owner}/`)) continue;
        this.#work.delete(other);
        this.#workRuns = remember(this.#workRuns, { fromNs, toNs: monotonicNs, owner });
      }
    }
  }

  // Frames of a camera

  #frame(event: FrameEvent): void {
    const { lateNs, intervalNs, action, device, file, type } = event;
    // Without an interval a frame is due whenever there is a buffer.
    if (action === "drawn" && intervalNs === undefined) return;
    const least = this.#lateNs ?? Math.max(LEAST_LATE_NS, (intervalNs ?? 0) / LATE_PART);
    if (action === "drawn" && lateNs <= least) return;
    if (action === "drawn") {
      this.#later(event.monotonicNs, () => {
        const delay = this.#inDelay({ fromNs: event.dueNs, toNs: event.monotonicNs });
        const verdict =
          delay === undefined || (delay[0] === "blocked loop" && wasDrawing(event)) ? drawing(event) : delay;
        return told(event, "late", `frame ${event.sequence}`, lateNs, verdict);
      });
      return;
    }
    const { sinceNs, verdict } = whyNoBuffer(event, this.#queue(device, file, type));
    this.#later(event.monotonicNs, () => {
      // What had lasted for longer before the delay than the delay itself does not come of it.
      const fromNs = Math.min(event.dueNs, sinceNs);
      const delay = this.#inDelay({ fromNs, toNs: event.monotonicNs }, (event.monotonicNs - fromNs) / 2);
      return told(event, "lost", `frame ${event.sequence}`, lateNs, delay ?? verdict);
    });
  }

  /** The longest delay of the event loop that covers more than `least` of this time. */
  #inDelay(frame: Interval, least = 0): Verdict | undefined {
    const delay = longest(this.#delays.filter((candidate) => overlap(candidate, frame) > least));
    return delay?.verdict;
  }

  // Jobs

  #job(event: JobEvent): void {
    const { device, file, action, monotonicNs } = event;
    const owner = `${device}/${file}`;
    // Jobs of one file may overlap.
    const key = `${owner}/${event.job}`;
    if (action === "queued") {
      this.#jobs.set(key, { readyNs: monotonicNs, startedNs: undefined });
      forgetOldest(this.#jobs);
      return;
    }
    const job = this.#jobs.get(key);
    if (job === undefined) return;
    if (action === "started") {
      job.startedNs = monotonicNs;
      return;
    }
    this.#jobs.delete(key);
    const { readyNs, startedNs } = job;
    const lastEndNs = this.#lastJobEnd.get(owner) ?? 0;
    this.#lastJobEnd.set(owner, monotonicNs);
    forgetOldest(this.#lastJobEnd);
    if (startedNs === undefined) return;
    this.#jobRuns = remember(this.#jobRuns, { fromNs: startedNs, toNs: monotonicNs, owner: owner });
    if (action === "finished") this.#judgeJob(event, { readyNs, startedNs, lastEndNs });
  }

  #judgeJob(
    event: JobEvent,
    {
      readyNs,
      startedNs,
      lastEndNs,
    }: { readonly readyNs: number; readonly startedNs: number; readonly lastEndNs: number },
  ): void {
    const { device, file, job, monotonicNs: endNs } = event;
    const owner = `${device}/${file}`;
    // From when it was this frame's turn: its file's job before was over, and it was ready.
    const fromNs = Math.max(readyNs, lastEndNs);
    const lateNs = endNs - fromNs;
    const limitNs = this.#lateNs ?? LATE_JOB_NS;
    if (lateNs <= limitNs) return;
    this.#later(endNs, () => {
      const turnNs = Math.max(startedNs, fromNs);
      const waitNs = covered(
        this.#jobRuns,
        { fromNs, toNs: startedNs },
        (other) => other !== owner && other.startsWith(`${device}/`),
      );
      const workNs = covered(this.#workRuns, { fromNs: turnNs, toNs: endNs }, (other) => other === owner);
      const runNs = endNs - turnNs;
      const verdict: Verdict =
        this.#inDelay({ fromNs, toNs: endNs }, lateNs / 2) ??
        (waitNs > 0 && (waitNs >= runNs / 2 || lateNs - waitNs <= limitNs)
          ? ["other file's job", `jobs of other files ran for ${ms(waitNs)} before it`]
          : [
              "slow worker",
              workNs > runNs / 2
                ? `the worker took ${ms(workNs)}`
                : `the driver took ${ms(runNs)} to carry it out`,
            ]);
      return told(event, "late", `job ${job}`, lateNs, verdict);
    });
  }
}

const ms = (ns: number): string => `${ns < 9.95e6 ? (ns / 1e6).toFixed(1) : Math.round(ns / 1e6)} ms`;
const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

function delayVerdict({ blockedNs, cpuNs, waitedNs, stopped }: LoopEvent): Verdict {
  const length = ms(blockedNs);
  if (stopped) return ["paused process", `the driver's process was stopped for ${length}`];
  if (waitedNs > blockedNs * PAUSED_PART)
    return ["paused process", `the driver's process had no processor for ${ms(waitedNs)} of ${length}`];
  const how = cpuNs > blockedNs * PAUSED_PART ? "it was busy" : "it waited for something";
  return ["blocked loop", `the driver's event loop was blocked for ${length}: ${how}`];
}

/** A frame was due, and no buffer was there for it. `sinceNs`: since when it has been so. */
function whyNoBuffer(
  { clientState, monotonicNs, drawNs, reason }: FrameEvent,
  queue: QueueState,
): { readonly sinceNs: number; readonly verdict: Verdict } {
  const { buffers, emptySinceNs } = queue;
  const held = [...buffers.values()];
  if (clientState === "T" || clientState === "t") {
    queue.stoppedNs = monotonicNs;
    if (held.length === 0)
      return { sinceNs: monotonicNs, verdict: ["paused process", "the client was stopped"] };
    const sinceNs = Math.max(...held.map((buffer) => buffer.sinceNs));
    const stopped = `the client was stopped, and has queued no buffer for ${ms(monotonicNs - sinceNs)}`;
    return { sinceNs, verdict: ["paused process", stopped] };
  }
  if (drawNs > 0) {
    const reason = `the device had been drawing the one before it for ${ms(drawNs)}`;
    return { sinceNs: monotonicNs - drawNs, verdict: ["slow worker", reason] };
  }
  if (reason !== undefined && held.some(({ state }) => state === "active"))
    return { sinceNs: monotonicNs, verdict: ["unknown", reason] };
  const done = held.filter(({ state }) => state === "done" || state === "error");
  if (done.length > 0) {
    const sinceNs = Math.min(...done.map((buffer) => buffer.sinceNs));
    if (queue.stoppedNs > sinceNs) return { sinceNs, verdict: wasStopped(monotonicNs - sinceNs) };
    const waited = `${plural(done.length, "buffer")} waited for DQBUF, the first of them for ${ms(monotonicNs - sinceNs)}`;
    return { sinceNs, verdict: ["slow client", waited] };
  }
  if (held.length === 0)
    return { sinceNs: monotonicNs, verdict: ["starved queue", "the client had queued no buffer"] };
  const sinceNs = emptySinceNs ?? monotonicNs;
  if (queue.stoppedNs > sinceNs) return { sinceNs, verdict: wasStopped(monotonicNs - sinceNs) };
  const all = held.length === 1 ? "the buffer" : `all ${held.length} buffers`;
  return {
    sinceNs,
    verdict: [
      "starved queue",
      `the client held ${all}, and had none queued for ${ms(monotonicNs - sinceNs)}`,
    ],
  };
}

/** It goes on, and has not done yet what it would have done meanwhile. */
const wasStopped = (ns: number): Verdict => [
  "paused process",
  `the client had been stopped, and has queued no buffer for ${ms(ns)}`,
];

/** Did drawing the frame take most of the time that it was late? */
const wasDrawing = ({ drawNs, lateNs }: FrameEvent): boolean => drawNs > lateNs / 2;

function drawing(event: FrameEvent): Verdict {
  const { drawNs } = event;
  return wasDrawing(event)
    ? ["slow worker", `drawing it took ${ms(drawNs)}`]
    : ["unknown", "no event tells why: the driver's process may not have had the processor"];
}

function told(
  { timeMs, monotonicNs, device, file }: FrameEvent | JobEvent,
  what: "late" | "lost",
  frame: string,
  lateNs: number,
  [cause, reason]: Verdict,
): LateFrame {
  const of = file === undefined ? "" : ` of file ${file}`;
  const how = what === "lost" ? "was lost" : `was ${ms(lateNs)} late`;
  return {
    timeMs,
    monotonicNs,
    device,
    file,
    what,
    frame,
    lateNs,
    cause,
    sentence: `${frame}${of} ${how}: ${reason}`,
  };
}

function remember<Item>(items: Item[], item: Item): Item[] {
  items.push(item);
  if (items.length > 2 * REMEMBERED) return items.slice(-REMEMBERED);
  return items;
}

const overlap = (a: Interval, b: Interval): number => Math.min(a.toNs, b.toNs) - Math.max(a.fromNs, b.fromNs);

function longest<Item extends Interval>(items: readonly Item[]): Item | undefined {
  let best: Item | undefined;
  for (const item of items) {
    if (best === undefined || item.toNs - item.fromNs > best.toNs - best.fromNs) best = item;
  }
  return best;
}

/** How much of `within` these cover. They may overlap each other. */
function covered(
  items: readonly OwnedInterval[],
  { fromNs, toNs }: Interval,
  isOf: (owner: string) => boolean,
): number {
  let total = 0;
  let doneNs = fromNs;
  for (const item of items.filter(({ owner }) => isOf(owner)).sort((a, b) => a.fromNs - b.fromNs)) {
    total += Math.max(0, Math.min(item.toNs, toNs) - Math.max(item.fromNs, doneNs));
    doneNs = Math.max(doneNs, item.toNs);
  }
  return total;
}
