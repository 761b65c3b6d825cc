/** Which trace events are wanted, and who hears them. Nothing is built for an event that nobody wants. */
import type { AnyTraceEvent, CodedFrame } from "../codec.js";
import { statelessCodecs } from "../codecs/index.js";
import type { JsonValue } from "./event.js";

/** All events that there are. */
export const traceEvents: readonly AnyTraceEvent[] = statelessCodecs.flatMap(({ events }) => events);

/** Whose job an event is about. */
export interface TraceOrigin {
  readonly pid: number;
  readonly comm: string;
}

/** An event that happened; its text is made when asked for, and the values it is made of never change. */
export interface TraceHit {
  /** Milliseconds since 1970, with microseconds behind the point. */
  readonly timeMs: number;
  /** CLOCK_MONOTONIC, which ftrace shows too. */
  readonly monotonicUs: bigint;
  readonly device: string;
  readonly origin: TraceOrigin;
  /** `visl_vp8_controls`. */
  readonly group: string;
  /** `v4l2_ctrl_vp8_frame`. */
  readonly name: string;
  /** What ftrace prints behind the name. */
  readonly text: () => string;
  readonly json: () => Readonly<Record<string, JsonValue>>;
}

export type TraceHitListener = (hit: TraceHit) => void;

function globToRegExp(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\*/g, ".*").replace(/\?/g, ".")}$`);
}

/**
 * The full names of the events that a pattern means: `all`, a codec (`vp8`), a group (`visl_vp8_controls`), an event
 * (`v4l2_ctrl_vp8_frame`), or both with a colon as in ftrace's `set_event`; with `*` and `?` as wildcards.
 * @throws {RangeError} it means none.
 */
export function matchEvents(pattern: string): string[] {
  const [first = "", second] = pattern.split(":");
  const matches = (glob: string, text: string): boolean => globToRegExp(glob === "" ? "*" : glob).test(text);
  const found = traceEvents.filter(({ codec, group, name }) => {
    if (second !== undefined)
      return (matches(first, group) || matches(first, codec)) && matches(second, name);
    return first === "all" || matches(first, codec) || matches(first, group) || matches(first, name);
  });
  if (pattern === "" || found.length === 0) throw new RangeError(`No trace event is named ${pattern}`);
  return found.map(({ fullName }) => fullName);
}

export class Tracepoints {
  readonly #device: string;
  readonly #enabled = new Set<string>();
  readonly #listeners = new Set<TraceHitListener>();

  constructor(device: string) {
    this.#device = device;
  }

  /** Full names of the events that are on. */
  get enabled(): ReadonlySet<string> {
    return this.#enabled;
  }

  /** Is anybody listening to anything? */
  get active(): boolean {
    return this.#listeners.size > 0 && this.#enabled.size > 0;
  }

  /** @throws {RangeError} no event matches. */
  enable(pattern: string): void {
    for (const name of matchEvents(pattern)) this.#enabled.add(name);
  }

  /** @throws {RangeError} no event matches. */
  disable(pattern: string): void {
    for (const name of matchEvents(pattern)) this.#enabled.delete(name);
  }

  /** Are the events that match on ("1"), off ("0"), or some of both ("X")? @throws {RangeError} none matches. */
  state(pattern: string): "0" | "1" | "X" {
    const names = matchEvents(pattern);
    const on = names.filter((name) => this.#enabled.has(name)).length;
    if (on === 0) return "0";
    return on === names.length ? "1" : "X";
  }

  /** @returns The function that ends it. */
  subscribe(listener: TraceHitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Emits the wanted events of a job. */
  job(frame: CodedFrame, origin: TraceOrigin): void {
    if (!this.active) return;
    frame.trace((event, value, index = 0) => {
      if (!this.#enabled.has(event.fullName)) return;
      const hit: TraceHit = {
        timeMs: performance.timeOrigin + performance.now(),
        monotonicUs: process.hrtime.bigint() / 1000n,
        device: this.#device,
        origin,
        group: event.group,
        name: event.name,
        text: () => event.text(value, index),
        json: () => event.json(value, index),
      };
      for (const listener of this.#listeners) listener(hit);
    });
  }
}

/** In the layout of ftrace's `trace` file, without the last newline; the CPU is always 0. */
export function ftraceLine({ origin, monotonicUs, name, text }: TraceHit): string {
  const seconds = String(monotonicUs / 1_000_000n).padStart(5);
  const micros = String(monotonicUs % 1_000_000n).padStart(6, "0");
  const task = `${origin.comm.padStart(16)}-${String(origin.pid).padEnd(7)}`;
  return `${task} [000] ..... ${seconds}.${micros}: ${name}: ${text()}`;
}

/** One object in one line, without the newline. */
export function traceJsonLine(hit: TraceHit): string {
  const { timeMs, device, origin, group, name } = hit;
  return JSON.stringify({
    kind: "control",
    timeMs,
    device,
    pid: origin.pid,
    comm: origin.comm,
    group,
    event: name,
    fields: hit.json(),
  });
}
