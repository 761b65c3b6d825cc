/**
 * One stream of structured events per device: what happened, in plain values. The terminal log, JSON lines
 * and later viewers are all listeners of it.
 *
 * Nothing may be built for an event nobody hears: ask {@link TraceStream.active} first.
 */
import type { Description } from "../ioctl/dialog.js";
import { unwatchLoop, watchLoop, type LoopDelay } from "./loop-watch.js";

/** What every event has. */
interface EventBase {
  /** Milliseconds since 1970, with microseconds behind the point. */
  readonly timeMs: number;
  /**
   * CLOCK_MONOTONIC when it happened, nanoseconds: the clock of buffers' time stamps. A number is exact to the nanosecond
   * for the first 104 days after boot, and to 2 ns after that.
   */
  readonly monotonicNs: number;
  /** Node name, `video0`. */
  readonly device: string;
}

/** The bytes of an ioctl's argument. They are another call's as soon as the listener returns: copy what is to be kept. */
export interface IoctlBytes {
  /** Before the call; undefined where nothing is passed in, or nothing comes back. */
  readonly asked: Uint8Array | undefined;
  /** After the call. */
  readonly given: Uint8Array;
  /** The nested array before the call. */
  readonly askedArray: Uint8Array | undefined;
  /** The nested array after the call. */
  readonly givenArray: Uint8Array | undefined;
  /** What the log says behind the argument: `request=12:7`. */
  readonly note: string | undefined;
  /** Payloads of controls, behind pointers in the array, that were read from the client; `controlPayloads` reads them. */
  readonly askedPayloads?: Uint8Array | undefined;
  /** The same that were written into the client. */
  readonly givenPayloads?: Uint8Array | undefined;
}

/** One ioctl, after it was answered. */
export interface IoctlEvent extends EventBase {
  readonly kind: "ioctl";
  /** `VIDIOC_QBUF`; for numbers that nobody knows the kernel's form, `'V', dir=r-, #0x...`. */
  readonly name: string;
  readonly cmd: number;
  readonly pid: number;
  readonly comm: string;
  readonly file: bigint;
  readonly durationUs: number;
  /** The result, or the errno that the client got. */
  readonly result: number;
  readonly errno: string | undefined;
  /** Why it was refused. */
  readonly detail: string | undefined;
  /** The argument as the client and the driver had it. */
  readonly bytes: IoctlBytes;
  /** The argument after the call, as the kernel's `dev_debug` prints it; built when called. */
  readonly text: () => string;
  /** The same with `asked->given` where the client was given something else than it asked: `width=701->640`. */
  readonly dialog: () => string;
  /** The argument after the call as a plain object; built when called. */
  readonly args: () => Readonly<Record<string, unknown>>;
  /** What the client asked, in the same form; undefined where it was given just that. */
  readonly asked: () => Readonly<Record<string, unknown>> | undefined;
}

/** open, release, read, write, mmap of a file. */
export interface FileEvent extends EventBase {
  readonly kind: "file";
  readonly action: "open" | "release" | "read" | "write" | "mmap";
  readonly pid: number;
  readonly comm: string;
  readonly file: bigint;
  /** read, write, mmap: bytes asked for; open: the flags; release: 0. */
  readonly size: number;
  /** read, write: bytes moved. */
  readonly value: number;
  readonly errno: string | undefined;
  readonly durationUs: number;
}

/** What names a buffer among all of a device. */
export interface BufferKey {
  /** Of the queue's owner; undefined while nobody owns it. */
  readonly file: bigint | undefined;
  /** `enum v4l2_buf_type`. */
  readonly type: number;
  readonly index: number;
}

/** A buffer went from one state to another. */
export interface BufferEvent extends EventBase, BufferKey {
  readonly kind: "buffer";
  readonly from: string;
  readonly to: string;
  readonly sequence: number;
  readonly timestampNs: bigint;
  /** Payload per plane, bytes. */
  readonly bytesused: readonly number[];
  /** The request that it is in, or was queued with, as request events name it. */
  readonly request: string | undefined;
  /** Buffers of the queue that wait for the driver, after this. */
  readonly queued: number;
  /** Buffers of the queue that are the driver's, after this. */
  readonly active: number;
  /** Buffers of the queue that wait for DQBUF, after this. */
  readonly done: number;
  /** Buffers that the queue has. */
  readonly buffers: number;
}

/** A media request went from one state to another. */
export interface RequestEvent extends EventBase {
  readonly kind: "request";
  readonly request: string;
  readonly from: string;
  readonly to: string;
  /** The buffers in it. */
  readonly buffers: readonly BufferKey[];
}

/** A mem2mem job. */
export interface JobEvent extends EventBase {
  readonly kind: "job";
  readonly file: bigint;
  readonly action: "queued" | "started" | "finished" | "aborted";
  /** Counts the jobs of the device, from 1. */
  readonly job: number;
  /** The request whose controls are in effect. */
  readonly request: string | undefined;
  /** Index of the OUTPUT buffer that it takes. */
  readonly source: number | undefined;
  /** Index of the CAPTURE buffer that it fills. */
  readonly destination: number | undefined;
}

/** A frame of a device that has a clock: it was drawn into a buffer, or lost. */
export interface FrameEvent extends EventBase {
  readonly kind: "frame";
  readonly action: "drawn" | "lost";
  readonly file: bigint | undefined;
  /** `enum v4l2_buf_type`. */
  readonly type: number;
  /** The buffer; undefined: it was lost. */
  readonly index: number | undefined;
  /** Counts lost frames, too. */
  readonly sequence: number;
  /** When it was due, CLOCK_MONOTONIC. */
  readonly dueNs: number;
  /** How long after that it was given to the client, or lost. */
  readonly lateNs: number;
  /** How long drawing it took. Lost: how long the device has been drawing the one before it, if that is why. */
  readonly drawNs: number;
  /** Time between frames; undefined: as fast as buffers come. */
  readonly intervalNs: number | undefined;
  /** Why it was lost. */
  readonly reason: string | undefined;
  /** Lost: the letter in /proc of the process that has the queue, `T` when it is stopped. */
  readonly clientState: string | undefined;
}

/** A call sleeps, a poll finds nothing, or a file that polls is told to look again. */
export interface WaitEvent extends EventBase {
  readonly kind: "wait";
  /** "begin": a call waits for its answer; its end is the event of the call itself. */
  readonly action: "begin" | "poll" | "wake";
  /** The call: `VIDIOC_DQBUF`, `read`, `poll`. */
  readonly name: string;
  readonly file: bigint;
  readonly pid: number | undefined;
  readonly comm: string | undefined;
}

/** The event loop, in which everything of a device runs, did nothing else for a while. Measured while somebody listens. */
export interface LoopEvent extends EventBase {
  readonly kind: "loop";
  /** When it was last seen to run, CLOCK_MONOTONIC. */
  readonly fromNs: number;
  /** How long it did not run, at the most. */
  readonly blockedNs: number;
  /** Processor time that the process used meanwhile. */
  readonly cpuNs: number;
  /** How long the loop's thread waited for a processor meanwhile; 0 where the kernel does not count it. */
  readonly waitedNs: number;
  /** Was the process continued after a stop (SIGCONT)? */
  readonly stopped: boolean;
}

/** A process that works for the driver. */
export interface WorkerEvent extends EventBase {
  readonly kind: "worker";
  readonly action: "started" | "sent" | "answered" | "ended";
  /** Of the worker; undefined: it did not start. */
  readonly pid: number | undefined;
  readonly file: bigint | undefined;
  /** Its number of the piece of work; sent and answered. */
  readonly serial: number | undefined;
  /** ended: how. */
  readonly detail: string | undefined;
}

/** A step in giving a client `mmap()`, or a descriptor. */
export interface GraftEvent extends EventBase {
  readonly kind: "graft";
  /** The client's descriptor is replaced; or the helper in the client asks. */
  readonly action: "begin" | "placed" | "grafted" | "refused" | "undone" | "hello" | "map" | "descriptor";
  readonly file: bigint;
  readonly pid: number;
  readonly comm: string;
  readonly detail: string | undefined;
}

/** Parts of a message by their names. */
export type MessageDetails = Readonly<Record<string, string | number | bigint>>;

/** A sentence for the operator: LOG_STATUS lines, warnings, refused 32-bit clients. */
export interface MessageEvent extends EventBase {
  readonly kind: "message";
  readonly level: "info" | "warning" | "error";
  readonly text: string;
  /** What the sentence says, in parts, for programs. */
  readonly details?: MessageDetails;
  /** Of a mistake of the driver: where it was. */
  readonly stack?: string;
}

/** What an OUTPUT buffer held when the client queued it. Only who asks for it is told. */
export interface DataEvent extends EventBase, BufferKey {
  readonly kind: "data";
  readonly plane: number;
  /** Where `bytes` begin in the plane. */
  readonly offset: number;
  /** Payload of the plane, bytes; what is missing of it was more than anybody asked for. */
  readonly bytesused: number;
  /** The buffer's own memory: copy what is to be kept. */
  readonly bytes: Uint8Array;
}

/** Of a recording: events that it does not have, for they came faster than they could be written. */
export interface DroppedEvent extends EventBase {
  readonly kind: "dropped";
  readonly count: number;
}

/** Anything that happens on a device; `kind` tells what. */
export type TraceEvent =
  | IoctlEvent
  | FileEvent
  | BufferEvent
  | RequestEvent
  | JobEvent
  | FrameEvent
  | WaitEvent
  | LoopEvent
  | WorkerEvent
  | GraftEvent
  | MessageEvent
  | DataEvent
  | DroppedEvent;

/** An ioctl as recorders get it: without what makes words of it, which takes longer to make than all the rest. */
export type RecordedIoctl = Omit<IoctlEvent, "text" | "dialog" | "args" | "asked">;
/** What a recorder is given. */
export type RecordedEvent = Exclude<TraceEvent, IoctlEvent> | RecordedIoctl;

/** As a {@link TraceListener}, for who keeps events and shows them to nobody. */
export type TraceRecorder = (event: RecordedEvent) => void;

/** Makes words of an ioctl's argument. */
export interface IoctlDescriber {
  describe(bytes: IoctlBytes): Description;
}

/** Is told every event, in order. If it throws, that becomes a warning of the process and disturbs nobody. */
export type TraceListener = (event: TraceEvent) => void;

const NS_PER_MS = 1e6;

const NS_PER_S = 1e9;

/** CLOCK_MONOTONIC, nanoseconds, as {@link TraceEvent.monotonicNs}. Without the `BigInt` it takes three quarters of the time. */
export function monotonicNow(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * NS_PER_S + nanoseconds;
}

/** What CLOCK_REALTIME is ahead. As `performance.timeOrigin`, it does not follow changes of the clock. */
const realtimeAheadMs = performance.timeOrigin + performance.now() - monotonicNow() / NS_PER_MS;

/** {@link TraceEvent.timeMs} at a time of CLOCK_MONOTONIC, nanoseconds. */
export function wallTime(monotonicNs: number): number {
  return realtimeAheadMs + monotonicNs / NS_PER_MS;
}

/** When the call began that is being carried out; 0: none is. Reading a clock can take longer than a buffer's step. */
let callNs = 0;

/** A call begins. @returns Now. */
export function callBegins(): number {
  return (callNs = monotonicNow());
}

/** It is answered, or will be later. */
export function callEnds(): void {
  callNs = 0;
}

/**
 * The time of a step that takes no time of its own.
 * @param isExact - Something may have taken long since the call began.
 */
export function stepTime(isExact: boolean): number {
  if (callNs === 0) return monotonicNow();
  return isExact ? (callNs = monotonicNow()) : callNs;
}

/** Now, by both clocks: `{ kind, ...traceTimes(), device }`. */
export function traceTimes(): Pick<TraceEvent, "timeMs" | "monotonicNs"> {
  const monotonicNs = monotonicNow();
  return { timeMs: wallTime(monotonicNs), monotonicNs };
}

/** The events of one device, for any number of listeners. */
export class TraceStream {
  #listeners: readonly TraceListener[] = [];
  #recorders: readonly TraceRecorder[] = [];
  /** Which recorders want to know what buffers hold, and how much of it. */
  readonly #readers = new Map<TraceRecorder, number>();
  /** So many bytes of each buffer are wanted at the most. */
  dataBytes = 0;
  /** Does anybody listen? */
  active = false;
  /** Hears warnings and errors while nobody shows them: it costs the other events nothing. */
  unheard: ((event: MessageEvent) => void) | undefined;
  readonly #loopOf: string | undefined;

  /** @param loopOf - The device that is told of delays of the event loop; undefined: none is. */
  constructor(loopOf?: string) {
    this.#loopOf = loopOf;
  }

  /** Does anybody listen who shows people what they have to know? */
  get isShown(): boolean {
    return this.#listeners.length > 0;
  }

  /** @returns The function that ends it. */
  subscribe(listener: TraceListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    this.#begins();
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
      this.#ends();
    };
  }

  /**
   * For who keeps events and shows them to nobody: {@link unheard} is still told.
   * @param dataBytes - It wants so much of each OUTPUT buffer, too.
   * @returns The function that ends it.
   */
  record(recorder: TraceRecorder, dataBytes = 0): () => void {
    if (dataBytes > 0) this.#readers.set(recorder, dataBytes);
    this.#recorders = [...this.#recorders, recorder];
    this.#begins();
    return () => {
      this.#recorders = this.#recorders.filter((other) => other !== recorder);
      this.#readers.delete(recorder);
      this.#ends();
    };
  }

  #begins(): void {
    this.dataBytes = Math.max(0, ...this.#readers.values());
    this.active = true;
    const loopOf = this.#loopOf;
    if (loopOf !== undefined) watchLoop(this, (delay) => this.emit(loopEvent(loopOf, delay)));
  }

  #ends(): void {
    this.dataBytes = Math.max(0, ...this.#readers.values());
    this.active = this.#listeners.length + this.#recorders.length > 0;
    if (!this.active) unwatchLoop(this);
  }

  /** A sentence for the operator: to every listener; if none shows it, warnings and errors to {@link unheard}. */
  message(event: MessageEvent): void {
    if (this.active) this.#tell(event);
    if (!this.isShown && event.level !== "info") this.unheard?.(event);
  }

  /** Gives `event` to every listener. Messages go by {@link message}, for they matter without a listener, too. */
  emit(event: Exclude<TraceEvent, MessageEvent | DataEvent>): void {
    this.#tell(event);
  }

  /** An ioctl: recorders get it as it is, the others with what makes words of it. */
  emitIoctl(event: RecordedIoctl, describer: IoctlDescriber): void {
    for (const recorder of this.#recorders) tellOne(recorder, event);
    if (this.#listeners.length === 0) return;
    const worded = withWords(event, describer);
    for (const listener of this.#listeners) tellOne(listener, worded);
  }

  /** What a buffer holds, to those who want so much of it. */
  emitData(event: DataEvent): void {
    for (const [listener, limit] of this.#readers) {
      if (event.offset >= limit) continue;
      const bytes = event.bytes.subarray(0, limit - event.offset);
      tellOne(listener, bytes.byteLength === event.bytes.byteLength ? event : { ...event, bytes });
    }
  }

  /** A listener that throws does not disturb the device or the others. */
  #tell(event: TraceEvent): void {
    for (const recorder of this.#recorders) tellOne(recorder, event);
    for (const listener of this.#listeners) tellOne(listener, event);
  }
}

function withWords(event: RecordedIoctl, describer: IoctlDescriber): IoctlEvent {
  let described: Description | undefined;
  const describe = (): Description => (described ??= describer.describe(event.bytes));
  return {
    ...event,
    text: () => describe().text,
    dialog: () => describe().dialog,
    args: () => describe().object,
    asked: () => describe().asked,
  };
}

function tellOne<Event>(listener: (event: Event) => void, event: Event): void {
  try {
    listener(event);
  } catch (error) {
    process.emitWarning(`trace listener failed: ${String(error)}`);
  }
}

function loopEvent(device: string, { nowNs, fromNs, cpuNs, waitedNs, stopped }: LoopDelay): LoopEvent {
  return {
    kind: "loop",
    timeMs: wallTime(nowNs),
    monotonicNs: nowNs,
    device,
    fromNs,
    blockedNs: nowNs - fromNs,
    cpuNs,
    waitedNs,
    stopped,
  };
}
