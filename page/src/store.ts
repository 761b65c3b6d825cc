/**
 * The newest events of the page, in columns: what a timeline of a hundred thousand of them can be drawn from. An event takes
 * its place where it ends; lanes are the rows of the timeline.
 */
import { bufTypeName } from "./names.js";
import type { PageEvent } from "./recording.js";

/** Events that are kept. */
export const CAPACITY = 1 << 18;
/** A call that began before is drawn from its end only. */
export const MAX_SPAN_NS = 60e9;

export const Kind = {
  Call: 0,
  Failed: 1,
  Waited: 2,
  Poll: 3,
  Job: 4,
  Drawn: 5,
  Late: 6,
  Lost: 7,
  Blocked: 8,
  Message: 9,
  Warning: 10,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** A row of the timeline. */
export interface Lane {
  readonly device: string;
  /** The open file; undefined: the device. */
  readonly file: string | undefined;
  readonly row: "calls" | "jobs" | "frames" | "loop" | "messages";
  comm: string;
  pid: number | undefined;
}

const rowOrder: readonly Lane["row"][] = ["messages", "loop", "calls", "jobs", "frames"];
/** A client can open files without end; the rows of the oldest are taken again. */
const MAX_LANES = 256;
const LATE_PART = 4;

interface Counts {
  calls: number;
  lost: number;
  late: number;
  drawn: number;
  /** Events that the driver could not send us in time. */
  missed: number;
}

/** A media request that has not come back. */
export interface OpenRequest {
  readonly device: string;
  readonly request: string;
  readonly state: string;
  /** `VIDEO_OUTPUT_MPLANE 0` */
  readonly buffers: readonly string[];
  /** When it was queued. */
  readonly sinceNs: number;
  /** What the driver has said of it, as `--check` does. */
  readonly messages: readonly PageEvent[];
  /** Said of it besides. */
  readonly moreMessages: number;
}
const MAX_REQUESTS = 256;
/** Of those that have come back, with something said of them. */
const MAX_BLAMED = 12;
/** Of one request; if nothing of it is right, there are hundreds. */
const MAX_SAID = 8;
const MAX_MESSAGES = 200;

export class EventStore {
  readonly start = new Float64Array(CAPACITY);
  readonly end = new Float64Array(CAPACITY);
  readonly lane = new Uint16Array(CAPACITY);
  readonly kind = new Uint8Array(CAPACITY);
  readonly events: (PageEvent | undefined)[] = new Array<PageEvent | undefined>(CAPACITY);
  /** Of all that ever came; event n is at n modulo {@link CAPACITY}. */
  count = 0;
  readonly lanes: Lane[] = [];
  /** Rows in the order of the timeline. */
  order: number[] = [];
  readonly counts: Counts = { calls: 0, lost: 0, late: 0, drawn: 0, missed: 0 };
  readonly messages: PageEvent[] = [];
  readonly requests = new Map<string, OpenRequest>();
  /** Requests that have come back, of which the driver has said something; newest last. */
  blamed: readonly OpenRequest[] = [];
  /** States of buffers by queue, `video0/1/3`, and index. */
  readonly buffers = new Map<string, Map<number, PageEvent>>();
  newestNs = 0;
  readonly #laneOf = new Map<string, number>();
  /** Waits that have begun: `video0/3/VIDIOC_DQBUF`. */
  readonly #waits = new Map<string, number>();
  readonly #jobs = new Map<string, number>();

  /** The oldest that is there. */
  get first(): number {
    return Math.max(0, this.count - CAPACITY);
  }

  /** Forgets all, as when the driver was started again. */
  clear(): void {
    this.count = 0;
    this.newestNs = 0;
    this.lanes.length = 0;
    this.order = [];
    this.messages.length = 0;
    this.blamed = [];
    for (const map of [this.requests, this.buffers, this.#laneOf, this.#waits, this.#jobs]) map.clear();
    Object.assign(this.counts, { calls: 0, lost: 0, late: 0, drawn: 0, missed: 0 });
  }

  take(event: PageEvent): void {
    const now = event.monotonicNs;
    if (now > this.newestNs) this.newestNs = now;
    const file = text(event["file"]);
    const { device } = event;
    switch (event.kind) {
      case "ioctl":
      case "file":
        this.#call(event, file ?? "");
        return;
      case "wait":
        this.#wait(event, file ?? "");
        return;
      case "job":
        this.#job(event, file);
        return;
      case "frame":
        this.#frame(event, file);
        return;
      case "loop":
        this.#add(event, this.#lane(device, undefined, "loop"), Kind.Blocked, number(event["fromNs"]), now);
        return;
      case "message":
        this.#add(
          event,
          this.#lane(device, undefined, "messages"),
          event["level"] === "info" ? Kind.Message : Kind.Warning,
          now,
          now,
        );
        this.messages.push(event);
        if (this.messages.length > MAX_MESSAGES) this.messages.shift();
        this.#blame(event);
        return;
      case "buffer": {
        const key = `${device}/${number(event["type"])}/${file ?? ""}`;
        let queue = this.buffers.get(key);
        if (queue === undefined) this.buffers.set(key, (queue = new Map<number, PageEvent>()));
        if (this.buffers.size > MAX_LANES) this.buffers.delete([...this.buffers.keys()][0] ?? "");
        queue.set(number(event["index"]), event);
        return;
      }
      case "request":
        this.#request(event);
        return;
      case "dropped":
        this.counts.missed += number(event["count"]);
        return;
      default:
    }
  }

  #call(event: PageEvent, file: string): void {
    const name = text(event["name"]) ?? text(event["action"]) ?? "";
    const end = event.monotonicNs;
    const start = end - 1000 * number(event["durationUs"]);
    const lane = this.#lane(event.device, file, "calls", event);
    const hasWaited = this.#waits.delete(`${event.device}/${file}/${name}`);
    this.counts.calls += 1;
    this.#add(
      event,
      lane,
      event["errno"] !== undefined ? Kind.Failed : hasWaited ? Kind.Waited : Kind.Call,
      start,
      end,
    );
  }

  #wait(event: PageEvent, file: string): void {
    const name = text(event["name"]) ?? "";
    const key = `${event.device}/${file}/${name}`;
    const action = event["action"];
    if (action === "wake") {
      const since = this.#waits.get(key);
      if (since === undefined) return;
      this.#waits.delete(key);
      this.#add(event, this.#lane(event.device, file, "calls", event), Kind.Poll, since, event.monotonicNs);
      return;
    }
    // Who polls again waits since the first time.
    if (action === "begin" || !this.#waits.has(key)) this.#waits.set(key, event.monotonicNs);
    if (this.#waits.size > MAX_LANES) this.#waits.delete([...this.#waits.keys()][0] ?? "");
  }

  #job(event: PageEvent, file: string | undefined): void {
    const key = `${event.device}/${number(event["job"])}`;
    if (event["action"] === "started") {
      this.#jobs.set(key, event.monotonicNs);
      if (this.#jobs.size > MAX_LANES) this.#jobs.delete([...this.#jobs.keys()][0] ?? "");
      return;
    }
    if (event["action"] === "queued") return;
    const start = this.#jobs.get(key) ?? event.monotonicNs;
    this.#jobs.delete(key);
    this.#add(event, this.#lane(event.device, file, "jobs", event), Kind.Job, start, event.monotonicNs);
  }

  #frame(event: PageEvent, file: string | undefined): void {
    const interval = event["intervalNs"];
    const isLost = event["action"] === "lost";
    const isLate =
      !isLost && interval !== undefined && number(event["lateNs"]) > number(interval) / LATE_PART;
    this.counts[isLost ? "lost" : isLate ? "late" : "drawn"] += 1;
    const kind = isLost ? Kind.Lost : isLate ? Kind.Late : Kind.Drawn;
    const end = event.monotonicNs;
    const start = isLost ? number(event["dueNs"]) : end - Math.max(number(event["drawNs"]), 0);
    this.#add(event, this.#lane(event.device, file, "frames", event), kind, start, end);
  }

  #request(event: PageEvent): void {
    const name = text(event["request"]) ?? "";
    const key = `${event.device}/${numberOf(name)}`;
    const state = text(event["to"]) ?? "";
    const known = this.requests.get(key);
    if (state === "cleaning" || state === "idle") {
      this.requests.delete(key);
      if (known !== undefined && known.messages.length > 0) this.#keepBlamed(known);
      return;
    }
    const buffers = event["buffers"] as readonly { readonly type: number; readonly index: number }[];
    this.requests.set(key, {
      device: event.device,
      request: name,
      state,
      buffers: buffers.map(({ type, index }) => `${bufTypeName(type)} ${index}`),
      sinceNs: known?.sinceNs ?? event.monotonicNs,
      messages: known?.messages ?? [],
      moreMessages: known?.moreMessages ?? 0,
    });
    if (this.requests.size > MAX_REQUESTS) this.requests.delete([...this.requests.keys()][0] ?? "");
  }

  /** Puts a message to the request that it is about. It is of the video device, and the request of its media device. */
  #blame(event: PageEvent): void {
    const request = text((event["details"] as Readonly<Record<string, unknown>> | undefined)?.["request"]);
    if (request === undefined) return;
    const isOurs = (other: OpenRequest): boolean => numberOf(other.request) === numberOf(request);
    const said = (to: OpenRequest): OpenRequest => ({
      ...to,
      ...(to.messages.length < MAX_SAID
        ? { messages: [...to.messages, event] }
        : { moreMessages: to.moreMessages + 1 }),
    });
    for (const [key, open] of this.requests) {
      if (!isOurs(open)) continue;
      this.requests.set(key, said(open));
      return;
    }
    // Its client has closed it already, or it was queued before all that we know.
    const last = this.blamed.findLastIndex(isOurs);
    if (last >= 0) this.blamed = this.blamed.map((each, at) => (at === last ? said(each) : each));
    else {
      const { device, monotonicNs: sinceNs } = event;
      const messages = [event];
      this.#keepBlamed({ device, request, state: "closed", buffers: [], sinceNs, messages, moreMessages: 0 });
    }
  }

  #keepBlamed(request: OpenRequest): void {
    this.blamed = [...this.blamed, request].slice(-MAX_BLAMED);
  }

  #lane(device: string, file: string | undefined, row: Lane["row"], event?: PageEvent): number {
    const key = `${device}/${file ?? ""}/${row}`;
    const known = this.#laneOf.get(key);
    const comm = text(event?.["comm"]);
    if (known !== undefined) {
      const lane = this.lanes[known];
      if (lane !== undefined && comm !== undefined && comm !== "") {
        lane.comm = comm;
        lane.pid = number(event?.["pid"]);
      }
      return known;
    }
    const index = this.lanes.length < MAX_LANES ? this.lanes.length : this.#oldestLane();
    const pid = event?.["pid"] === undefined ? undefined : number(event["pid"]);
    this.lanes[index] = { device, file, row, comm: comm ?? "", pid };
    this.#laneOf.set(key, index);
    this.order = this.lanes.map((_lane, at) => at).sort((a, b) => this.#compare(a, b));
    return index;
  }

  #oldestLane(): number {
    const [oldest] = this.#laneOf;
    if (oldest === undefined) return 0;
    this.#laneOf.delete(oldest[0]);
    return oldest[1];
  }

  #compare(a: number, b: number): number {
    const [left, right] = [this.lanes[a], this.lanes[b]];
    if (left === undefined || right === undefined) return 0;
    return (
      left.device.localeCompare(right.device, undefined, { numeric: true }) ||
      Number(left.file ?? -1) - Number(right.file ?? -1) ||
      rowOrder.indexOf(left.row) - rowOrder.indexOf(right.row)
    );
  }

  #add(event: PageEvent, lane: number, kind: Kind, start: number, end: number): void {
    const at = this.count % CAPACITY;
    this.start[at] = Math.max(start, end - MAX_SPAN_NS);
    this.end[at] = end;
    this.lane[at] = lane;
    this.kind[at] = kind;
    this.events[at] = event;
    this.count += 1;
  }

  /** The first event that ends at `ns` or later; they are in the order of their ends. */
  firstEndingAt(ns: number): number {
    let [low, high] = [this.first, this.count];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.end[middle % CAPACITY] ?? 0) < ns) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Of `12:7`, which a request is called once its client has named it, the number that it always has. */
const numberOf = (request: string): string => request.split(":")[0] ?? request;

export const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
export const number = (value: unknown): number => (typeof value === "number" ? value : 0);
/** CLOCK_MONOTONIC, as the log has it. */
export const secondsOf = (ns: number): string => (ns / 1e9).toFixed(3);

/** How often a call is made, and how long it takes. */
export interface CallFigures {
  readonly name: string;
  readonly perSecond: number;
  readonly failed: number;
  /** Microseconds, of those that did not wait. */
  readonly median: number;
  readonly p99: number;
  readonly most: number;
}

/** Figures of the calls of the last `spanNs` before `untilNs`. */
export function callFigures(store: EventStore, untilNs: number, spanNs: number): readonly CallFigures[] {
  const times = new Map<string, { count: number; failed: number; times: number[] }>();
  for (let n = store.firstEndingAt(untilNs - spanNs); n < store.count; n++) {
    const at = n % CAPACITY;
    const event = store.events[at];
    if ((store.end[at] ?? 0) > untilNs) break;
    if (event === undefined || (event.kind !== "ioctl" && event.kind !== "file")) continue;
    const name = text(event["name"]) ?? text(event["action"]) ?? "";
    let figures = times.get(name);
    if (figures === undefined) times.set(name, (figures = { count: 0, failed: 0, times: [] }));
    figures.count += 1;
    if (event["errno"] !== undefined) figures.failed += 1;
    if (store.kind[at] !== Kind.Waited) figures.times.push(number(event["durationUs"]));
  }
  return [...times]
    .map(([name, { count, failed, times: taken }]) => {
      const sorted = Float64Array.from(taken).sort();
      const at = (part: number): number =>
        sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
      return { name, perSecond: count / (spanNs / 1e9), failed, median: at(0.5), p99: at(0.99), most: at(1) };
    })
    .sort((a, b) => b.perSecond - a.perSecond);
}
