/** Reads what ftrace printed of visl's events back into the values it was made of. */
import type { CodedFrame, DefinedCodec } from "../../src/stateless/codec.js";
import * as av1 from "../../src/stateless/codecs/av1.js";
import * as h264 from "../../src/stateless/codecs/h264.js";
import * as hevc from "../../src/stateless/codecs/hevc.js";
import * as mpeg2 from "../../src/stateless/codecs/mpeg2.js";
import * as vp8 from "../../src/stateless/codecs/vp8.js";
import * as vp9 from "../../src/stateless/codecs/vp9.js";
import type { FieldForm, TraceEvent } from "../../src/stateless/trace/event.js";
import type { Names, Nested, Scalar } from "../../src/stateless/trace/render.js";

export interface PrintedEvent {
  readonly name: string;
  /** Behind the name and its colon and space. */
  readonly text: string;
}

/** The events in the text of a trace file. */
export function splitTrace(trace: string): PrintedEvent[] {
  const parts = trace.split(/^ *\S+-\d+ +\[\d+\] \S+ +[\d.]+: (\w+): /m);
  const events: PrintedEvent[] = [];
  for (let index = 1; index < parts.length; index += 2) {
    events.push({ name: parts[index] ?? "", text: (parts[index + 1] ?? "").replace(/\n$/, "") });
  }
  return events;
}

function named(word: string, names: Names): Scalar {
  const known = names.find(([, name]) => name === word);
  return known === undefined ? BigInt(word) : known[0];
}

/** Values come out as unsigned numbers, and arrays flat: the same memory. */
function parse(text: string, form: FieldForm): Nested {
  switch (form.as) {
    case "array":
      return text.slice(1, -1).split(",").map(BigInt);
    case "dump": {
      const bytes = text
        .slice(2, -1)
        .trim()
        .split(/\s+/)
        .map((byte) => BigInt(`0x${byte}`));
      const values: bigint[] = [];
      for (let at = 0; at < bytes.length; at += form.size) {
        values.push(bytes.slice(at, at + form.size).reduceRight((sum, byte) => (sum << 8n) | byte, 0n));
      }
      return values;
    }
    case "flags":
      return text
        .split("|")
        .filter((word) => word !== "")
        .reduce((sum, word) => sum | BigInt(named(word, form.names)), 0n);
    case "symbol":
      return named(text, form.names);
    case "hex":
      return BigInt(`0x${text}`);
    default:
      return BigInt(text);
  }
}

function put(root: Record<string, unknown>, path: readonly string[], value: Nested): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) {
    root[key] = value;
    return;
  }
  const child = (root[key] ?? {}) as Record<string, unknown>;
  root[key] = child;
  put(child, rest, value);
}

/** The values that `text` shows, in an object with the paths of the event's fields. */
export function parseEvent<T>(event: TraceEvent<T>, text: string, into: Record<string, unknown> = {}): T {
  const { start, between, end } = event.layout;
  let rest = text.slice(start.length, text.length - end.length);
  event.fields.forEach(({ name, label, form }, index) => {
    if (!rest.startsWith(label)) throw new Error(`${event.name}: no "${label}" at "${rest.slice(0, 40)}"`);
    rest = rest.slice(label.length);
    const next = event.fields[index + 1];
    const stop = next === undefined ? rest.length : rest.indexOf(between + next.label);
    if (stop < 0) throw new Error(`${event.name}: nothing like "${next?.label}" behind ${name}`);
    put(into, name.split("."), parse(rest.slice(0, stop), form));
    rest = rest.slice(stop + between.length);
  });
  return into as T;
}

/** Takes events one by one, each by the table that a codec's job should use for it. */
class Reader {
  #next = 0;
  constructor(readonly events: readonly PrintedEvent[]) {}

  get done(): boolean {
    return this.#next >= this.events.length;
  }

  take<T>(event: TraceEvent<T>, into: object = {}): T {
    const printed = this.events[this.#next++];
    if (printed?.name !== event.name) throw new Error(`${event.name} expected, got ${printed?.name}`);
    return parseEvent(event, printed.text, into as Record<string, unknown>);
  }

  many<T>(event: TraceEvent<T>, count: number): T[] {
    return Array.from({ length: count }, () => this.take(event));
  }
}

export const codecs = {
  mpeg2: mpeg2.mpeg2,
  vp8: vp8.vp8,
  vp9: vp9.vp9,
  h264: h264.h264,
  hevc: hevc.hevc,
  av1: av1.av1,
};

/** Those with clips. */
export type Codec = keyof typeof codecs;
export type CodecValues = { readonly [C in Codec]: Parameters<(typeof codecs)[C]["frameOf"]>[0] };
type Readers = { readonly [C in Codec]: (read: Reader) => CodecValues[C] };

const readers: Readers = {
  mpeg2: (read) => ({
    sequence: read.take(mpeg2.sequence),
    picture: read.take(mpeg2.picture),
    quantisation: read.take(mpeg2.quantisation),
  }),
  vp8: (read) => {
    const frame = read.take(vp8.frame);
    return { frame: read.take(vp8.entropy, frame) };
  },
  vp9: (read) => {
    const frame = read.take(vp9.frame);
    const header = read.take(vp9.compressedHdr);
    const probabilities = read.take(vp9.compressedCoeff, header);
    return { frame, probabilities: { ...probabilities, mv: read.take(vp9.mvProbs) } };
  },
  h264: (read) => {
    const sps = read.take(h264.sps);
    const pps = read.take(h264.pps);
    const scalingMatrix = read.take(h264.scalingMatrix);
    const slice = {
      ...read.take(h264.sliceParams),
      ref_pic_list0: read.many(h264.refPicList0, 32),
      ref_pic_list1: read.many(h264.refPicList1, 32),
    };
    const decode = { ...read.take(h264.decodeParams), dpb: read.many(h264.dpbEntry, 16) };
    return { sps, pps, scalingMatrix, slice, decode, predWeights: read.take(h264.predWeights) };
  },
  hevc: (read) => {
    const sps = read.take(hevc.sps);
    const pps = read.take(hevc.pps);
    const slice = read.take(hevc.sliceParams);
    const scalingMatrix = read.take(hevc.scalingMatrix);
    const decode = { ...read.take(hevc.decodeParams), dpb: read.many(hevc.dpbEntry, 16) };
    const withWeights = { ...slice, pred_weight_table: read.take(hevc.predWeightTable) };
    return { sps, pps, slice: withWeights, scalingMatrix, decode, ltRps: undefined, stRps: undefined };
  },
  av1: (read) => ({
    sequence: read.take(av1.sequence),
    frame: read.take(av1.frame),
    filmGrain: read.take(av1.filmGrain),
    tile: read.take(av1.tileGroupEntry),
  }),
};

/** The values of each job in a trace of `codec`; what the events do not print is missing. */
export function readJobs<C extends Codec>(codec: C, trace: string): CodecValues[C][] {
  const read = new Reader(splitTrace(trace));
  const jobs: CodecValues[C][] = [];
  while (!read.done) jobs.push(readers[codec](read));
  return jobs;
}

/** The frames of a trace. */
export function readFrames<C extends Codec>(codec: C, trace: string): CodedFrame[] {
  const defined: { readonly [K in Codec]: DefinedCodec<CodecValues[K]> } = codecs;
  return readJobs(codec, trace).map((values) => defined[codec].frameOf(values));
}
