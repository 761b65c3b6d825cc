/**
 * A recording in Chrome's trace format (JSON), which ui.perfetto.dev and trace_processor open. Each open file is a process
 * of the trace, with tracks for calls, jobs, frames and workers; buffers and requests are asynchronous slices; arrows
 * follow a buffer from QBUF by its job or frame to DQBUF. Written piece by piece, in constant memory.
 */
import { bufTypeName } from "../v4l2/index.js";
import type {
  BufferEvent,
  BufferKey,
  FrameEvent,
  IoctlEvent,
  JobEvent,
  TraceEvent,
  WorkerEvent,
} from "../v4l2/index.js";

/** Tracks of a file; of those whose slices may overlap, the first of {@link MAX_LANES}. */
const Track = { Loop: 4, Messages: 5, Calls: 10, Jobs: 100, Frames: 200, Workers: 300 } as const;
const firstTracks = Object.values(Track).sort((a, b) => b - a);
const trackNames: Readonly<Record<number, string>> = {
  [Track.Loop]: "event loop",
  [Track.Messages]: "messages",
  [Track.Calls]: "calls",
  [Track.Jobs]: "jobs",
  [Track.Frames]: "frames",
  [Track.Workers]: "worker",
};
const MAX_LANES = 32;
/** What is remembered of each kind, in case the end of it is not in the recording. */
const MAX_OPEN = 65_536;
/** Frames that are later are marked; see late.ts. */
const LATE_PART = 4;

type Json = Readonly<Record<string, unknown>>;

/** One file, or a device without a file. */
interface Process {
  readonly pid: number;
  client: string | undefined;
  /** Those that have a name. */
  readonly tracks: Set<number>;
  /** When the last slice on each track ended. */
  readonly ends: Map<number, number>;
}

export class ChromeTrace {
  readonly #write: (text: string) => void;
  readonly #processes = new Map<string, Process>();
  #processCount = 0;
  /** State that a buffer or request is in, and its slice's name. */
  readonly #open = new Map<string, string>();
  /** Arrows that have begun, by buffer. */
  readonly #arrows = new Map<string, number>();
  readonly #jobs = new Map<string, JobEvent>();
  readonly #work = new Map<string, WorkerEvent>();
  #arrowCount = 0;
  #isFirst = true;

  /** @param write - Takes pieces of the file, in order. */
  constructor(write: (text: string) => void) {
    this.#write = write;
    write('{"displayTimeUnit":"ns","traceEvents":[');
  }

  take(event: TraceEvent): void {
    switch (event.kind) {
      case "ioctl":
        this.#ioctl(event);
        return;
      case "file": {
        const { device, file, action, size, value, errno } = event;
        const process = this.#process(device, file, `${event.comm}[${event.pid}]`);
        this.#call(process, event, action, { size, value, errno });
        if (action === "release") this.#processes.delete(`${device}/${file}`);
        return;
      }
      case "buffer":
        this.#buffer(event);
        return;
      case "request":
        this.#slice(
          this.#process(event.device, undefined),
          `${event.device}/${numberOf(event.request)}`,
          event,
          {
            category: "request",
            name: `request ${event.request} ${event.to}`,
            isEnd: event.to === "cleaning",
            args: { request: event.request, buffers: event.buffers.map(keyText) },
          },
        );
        return;
      case "job":
        this.#job(event);
        return;
      case "frame":
        this.#frame(event);
        return;
      case "wait":
        this.#instant(
          this.#process(event.device, event.file),
          Track.Calls,
          event,
          `${event.name} ${event.action}`,
          {},
        );
        return;
      case "loop":
        this.#complete(this.#process(event.device, undefined), Track.Loop, event.fromNs, event.blockedNs, {
          name: event.stopped ? "stopped" : "blocked",
          args: { cpuNs: event.cpuNs, waitedNs: event.waitedNs },
        });
        return;
      case "worker":
        this.#worker(event);
        return;
      case "graft":
        this.#instant(this.#process(event.device, event.file), Track.Calls, event, `graft ${event.action}`, {
          detail: event.detail,
        });
        return;
      case "message":
        this.#instant(this.#process(event.device, undefined), Track.Messages, event, event.text, {
          level: event.level,
        });
        return;
      case "data":
        return; // What buffers hold has no place on a time line.
      case "dropped":
        this.#instant(
          this.#process("recording", undefined),
          Track.Messages,
          event,
          `${event.count} events were dropped`,
          {},
        );
        return;
    }
  }

  end(): void {
    this.#write("\n]}\n");
  }

  // Calls

  #ioctl(event: IoctlEvent): void {
    const { device, file, name, result, errno, detail } = event;
    const process = this.#process(device, file, `${event.comm}[${event.pid}]`);
    const track = this.#call(process, event, name, { text: event.dialog(), result, errno, detail });
    if (errno !== undefined) return;
    if (name !== "VIDIOC_QBUF" && name !== "VIDIOC_DQBUF") return;
    const { given } = event.bytes;
    const view = new DataView(given.buffer, given.byteOffset, given.byteLength);
    if (given.byteLength < 8) return;
    const key = keyOf(device, { file, index: view.getUint32(0, true), type: view.getUint32(4, true) });
    // Of its last nanosecond: an arrow binds to the slice that is there.
    const at = { process, track, atNs: event.monotonicNs - 1 };
    if (name === "VIDIOC_QBUF") this.#arrow("s", key, at);
    else this.#arrow("f", key, at);
  }

  /** @returns The track. */
  #call(
    process: Process,
    { monotonicNs, durationUs }: { readonly monotonicNs: number; readonly durationUs: number },
    name: string,
    args: Json,
  ): number {
    const startNs = monotonicNs - durationUs * 1000;
    return this.#inLane(process, Track.Calls, startNs, durationUs * 1000, { name, args });
  }

  /** A slice beside others of its kind, where it overlaps none. @returns The track. */
  #inLane(
    process: Process,
    first: number,
    startNs: number,
    durationNs: number,
    slice: { readonly name: string; readonly args: Json },
  ): number {
    const { ends } = process;
    const last = first + MAX_LANES - 1;
    let track = first;
    while (track < last && (ends.get(track) ?? 0) > startNs) track += 1;
    ends.set(track, Math.max(ends.get(track) ?? 0, startNs + durationNs));
    this.#complete(process, track, startNs, durationNs, slice);
    return track;
  }

  // Buffers and what is done with them

  #buffer(event: BufferEvent): void {
    const { device, file, type, index, to, sequence, timestampNs, request, queued, active, done } = event;
    const process = this.#process(device, file);
    const queue = bufTypeName(type);
    this.#slice(process, keyOf(device, event), event, {
      category: "buffer",
      name: `${queue} ${index} ${to}`,
      isEnd: to === "dequeued",
      args: { queue, index, state: to, sequence, timestampNs: String(timestampNs), request },
    });
    this.#emit({
      ph: "C",
      pid: process.pid,
      ts: us(event.monotonicNs),
      name: `${queue} queue`,
      args: { queued, active, done },
    });
  }

  #job(event: JobEvent): void {
    const { device, file, action, job, request, source, destination, monotonicNs } = event;
    // Jobs of one file may overlap.
    const key = `${device}/${file}/${job}`;
    if (action === "queued") return;
    if (action === "started") {
      this.#jobs.set(key, event);
      bound(this.#jobs);
      return;
    }
    const started = this.#jobs.get(key);
    this.#jobs.delete(key);
    if (started === undefined) return;
    const process = this.#process(device, file);
    const startNs = started.monotonicNs;
    const track = this.#inLane(process, Track.Jobs, startNs, monotonicNs - startNs, {
      name: action === "aborted" ? `job ${job} aborted` : `job ${job}`,
      args: { job, request, source, destination },
    });
    for (const [arrow, index] of [
      [(type: number) => isOutputType(type), source],
      [(type: number) => !isOutputType(type), destination],
    ] as const) {
      if (index === undefined) continue;
      for (const type of bufferTypes) {
        if (arrow(type))
          this.#arrow("t", keyOf(device, { file, type, index }), {
            process,
            track,
            atNs: startNs,
          });
      }
    }
  }

  #frame(event: FrameEvent): void {
    const { device, file, type, index, sequence, lateNs, drawNs, intervalNs, monotonicNs, reason } = event;
    const process = this.#process(device, file);
    if (index === undefined) {
      this.#instant(process, Track.Frames, event, `frame ${sequence} lost`, { sequence, reason, lateNs });
      return;
    }
    const startNs = monotonicNs - drawNs;
    const track = this.#inLane(process, Track.Frames, startNs, drawNs, {
      name: `frame ${sequence}`,
      args: { sequence, index, lateNs },
    });
    this.#arrow("t", keyOf(device, { file, type, index }), { process, track, atNs: startNs });
    if (intervalNs !== undefined && lateNs > intervalNs / LATE_PART)
      this.#instant(process, Track.Frames, event, `frame ${sequence} late`, { sequence, lateNs });
  }

  #worker(event: WorkerEvent): void {
    const { device, file, action, serial, monotonicNs, pid, detail } = event;
    const process = this.#process(device, file);
    const key = `${device}/${file ?? ""}/${serial ?? ""}`;
    const sent = this.#work.get(key);
    if (action === "sent") {
      this.#work.set(key, event);
      bound(this.#work);
    } else if (action === "answered" && sent !== undefined) {
      this.#work.delete(key);
      this.#inLane(process, Track.Workers, sent.monotonicNs, monotonicNs - sent.monotonicNs, {
        name: `work ${serial ?? ""}`,
        args: { pid },
      });
    } else this.#instant(process, Track.Workers, event, `worker ${action}`, { pid, detail });
  }

  // What the file is made of

  #process(device: string, file: bigint | undefined, client?: string): Process {
    const key = `${device}/${file ?? ""}`;
    let process = this.#processes.get(key);
    if (process === undefined) {
      process = { pid: ++this.#processCount, client: undefined, tracks: new Set(), ends: new Map() };
      this.#processes.set(key, process);
      bound(this.#processes);
      this.#meta(process.pid, "process_name", file === undefined ? device : `${device} file ${file}`);
    }
    if (client !== undefined && process.client === undefined) {
      process.client = client;
      this.#meta(process.pid, "process_name", `${client} ${device} file ${file ?? ""}`);
    }
    return process;
  }

  #meta(pid: number, name: string, value: string, tid = 0): void {
    this.#emit({ ph: "M", pid, tid, name, args: { name: value } });
  }

  #track({ pid, tracks }: Process, tid: number): number {
    if (!tracks.has(tid)) {
      tracks.add(tid);
      const first = firstTracks.find((track) => track <= tid) ?? tid;
      const name = trackNames[first] ?? "";
      this.#meta(pid, "thread_name", tid === first ? name : `${name} ${tid - first + 1}`, tid);
    }
    return tid;
  }

  #complete(
    process: Process,
    track: number,
    startNs: number,
    durationNs: number,
    { name, args }: { readonly name: string; readonly args: Json },
  ): void {
    const tid = this.#track(process, track);
    this.#emit({
      ph: "X",
      pid: process.pid,
      tid,
      ts: us(startNs),
      dur: us(Math.max(1, durationNs)),
      name,
      args,
    });
  }

  #instant(process: Process, track: number, { monotonicNs }: TraceEvent, name: string, args: Json): void {
    const tid = this.#track(process, track);
    this.#emit({ ph: "i", s: "t", pid: process.pid, tid, ts: us(monotonicNs), name, args });
  }

  /** The next slice of something that is always in one state. */
  #slice(
    { pid }: Process,
    id: string,
    { monotonicNs }: TraceEvent,
    slice: { readonly category: string; readonly name: string; readonly isEnd: boolean; readonly args: Json },
  ): void {
    const { category: cat, name, isEnd, args } = slice;
    const key = `${cat} ${id}`;
    const before = this.#open.get(key);
    const common = { cat, id: key, pid, tid: 0, ts: us(monotonicNs) };
    if (before !== undefined) this.#emit({ ph: "e", ...common, name: before });
    this.#open.delete(key);
    if (isEnd) return;
    this.#open.set(key, name);
    bound(this.#open);
    this.#emit({ ph: "b", ...common, name, args });
  }

  #arrow(
    ph: "s" | "t" | "f",
    key: string,
    { process, track, atNs }: { readonly process: Process; readonly track: number; readonly atNs: number },
  ): void {
    let id = this.#arrows.get(key);
    if (ph === "s") {
      id = ++this.#arrowCount;
      this.#arrows.set(key, id);
      bound(this.#arrows);
    }
    if (id === undefined) return;
    if (ph === "f") this.#arrows.delete(key);
    const end = ph === "f" ? { bp: "e" } : {};
    this.#emit({
      ph,
      ...end,
      id,
      cat: "buffer",
      name: "buffer",
      pid: process.pid,
      tid: this.#track(process, track),
      ts: us(atNs),
    });
  }

  #emit(item: Json): void {
    this.#write(`${this.#isFirst ? "" : ","}\n${JSON.stringify(item)}`);
    this.#isFirst = false;
  }
}

/** Microseconds, with nanoseconds behind the point. */
const us = (ns: number): number => Math.round(ns) / 1000;

const keyOf = (device: string, { file, type, index }: BufferKey): string =>
  `${device}/${file ?? ""}/${type}/${index}`;
const keyText = ({ file, type, index }: BufferKey): string =>
  `${bufTypeName(type)} ${index} of file ${file ?? ""}`;
/** Of `12:7`, which a request is called once a client has named it, the number that it has had from the start. */
const numberOf = (request: string): string => request.split(":")[0] ?? request;

/** Types that mem2mem devices have: `V4L2_BUF_TYPE_VIDEO_CAPTURE`, `_OUTPUT`, and the same with several planes. */
const bufferTypes = [1, 2, 9, 10];
const isOutputType = (type: number): boolean => type === 2 || type === 10;

function bound(map: Map<unknown, unknown>): void {
  if (map.size <= MAX_OPEN) return;
  const [oldest] = map.keys();
  map.delete(oldest);
}
