/**
 * One stream of structured events per device: what happened, in plain values. The terminal log, JSON lines
 * and later viewers are all listeners of it.
 *
 * Nothing may be built for an event nobody hears: ask {@link TraceStream.active} first.
 */

interface EventBase {
  /** Milliseconds since 1970, with microseconds behind the point. */
  readonly timeMs: number;
  /** Node name, `video0`. */
  readonly device: string;
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

/** A buffer went from one state to another. */
export interface BufferEvent extends EventBase {
  readonly kind: "buffer";
  readonly file: bigint | undefined;
  /** `enum v4l2_buf_type`. */
  readonly type: number;
  readonly index: number;
  readonly from: string;
  readonly to: string;
  readonly sequence: number;
  readonly timestampNs: bigint;
  /** Payload per plane, bytes. */
  readonly bytesused: readonly number[];
}

/** A media request went from one state to another. */
export interface RequestEvent extends EventBase {
  readonly kind: "request";
  readonly request: string;
  readonly from: string;
  readonly to: string;
}

/** A mem2mem job. */
export interface JobEvent extends EventBase {
  readonly kind: "job";
  readonly file: bigint;
  readonly action: "queued" | "started" | "finished" | "aborted";
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

/** Anything that happens on a device; `kind` tells what. */
export type TraceEvent = IoctlEvent | FileEvent | BufferEvent | RequestEvent | JobEvent | MessageEvent;
/** Is told every event, in order. If it throws, that becomes a warning of the process and disturbs nobody. */
export type TraceListener = (event: TraceEvent) => void;

/** Now, for {@link TraceEvent.timeMs}. */
export function traceTime(): number {
  return performance.timeOrigin + performance.now();
}

/** The events of one device, for any number of listeners. */
export class TraceStream {
  #listeners: readonly TraceListener[] = [];
  /** Does anybody listen? */
  active = false;
  /** Hears warnings and errors while nobody listens: it costs the other events nothing. */
  unheard: ((event: MessageEvent) => void) | undefined;

  /** @returns The function that ends it. */
  subscribe(listener: TraceListener): () => void {
    this.#listeners = [...this.#listeners, listener];
    this.active = true;
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
      this.active = this.#listeners.length > 0;
    };
  }

  /** A sentence for the operator: to every listener; without one, warnings and errors to {@link unheard}. */
  message(event: MessageEvent): void {
    if (this.active) this.#tell(event);
    else if (event.level !== "info") this.unheard?.(event);
  }

  /** Gives `event` to every listener. Messages go by {@link message}, for they matter without a listener, too. */
  emit(event: Exclude<TraceEvent, MessageEvent>): void {
    this.#tell(event);
  }

  /** A listener that throws does not disturb the device or the others. */
  #tell(event: TraceEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        process.emitWarning(`trace listener failed: ${String(error)}`);
      }
    }
  }
}
