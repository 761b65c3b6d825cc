/**
 * The mutation measure: correct requests of a stream, each with one field of one control changed, and what a check says
 * of them. It knows no codec; `measured.ts` has a row for each.
 */
import type { ControlValues, StatelessName } from "../../../src/codec/index.js";
import {
  describeDisagreement,
  type Disagreement,
  type Scalar,
} from "../../../src/stateless/check/compare.js";
import type { CheckedRequest, StreamCheck } from "../../../src/stateless/check/stream-check.js";

import { bytesOf } from "./requests.js";

/** Names of the bits of a flag word. */
export type FlagNames = Readonly<Record<string, number | bigint>>;

/** A scalar of a control, or one bit of its flags. */
export interface Field {
  readonly name: StatelessName;
  /** `H264_DECODE_PARAMS` */
  readonly control: string;
  /** `dpb[2].pic_num`, `flags & IDR_PIC`; of an array control `[1].slice_type`, and `length` of all. */
  readonly path: string;
  /** The path without indices: `dpb[].pic_num`. */
  readonly kind: string;
  /** Indices in the order of the path. */
  readonly indices: readonly number[];
  readonly value: Scalar;
}

/** What the measure has to know of a codec, or of one of its decode modes. */
export interface MeasuredCodec {
  /** `h264, slice-based` */
  readonly name: string;
  /** Full paths. */
  readonly streams: readonly string[];
  /** The correct requests of a stream in decoding order. */
  requestsOf(path: string): Iterable<CheckedRequest>;
  start(): StreamCheck;
  /** By `StatelessH264DecodeParams.flags`, `StatelessH264DecodeParams.dpb[].flags`. */
  readonly flags: Readonly<Record<string, FlagNames>>;
  /**
   * Why the bitstream of a request does not determine a field; undefined: it does. Must not ask the check.
   * @param changed - The request with the changed field.
   */
  undetermined(field: Field, request: CheckedRequest, changed: ControlValues): string | undefined;
}

/** `StatelessH264DecodeParams` is `H264_DECODE_PARAMS`. */
export function controlName(name: StatelessName): string {
  return name
    .replace(/^Stateless/, "")
    .replace(/(?<!^)([A-Z])/g, "_$1")
    .toUpperCase();
}

/** Constants of linux/v4l2-controls.h that start with a prefix, under what is left of their names. */
export function flagNames(constants: Readonly<Record<string, unknown>>, prefix: string): FlagNames {
  return Object.fromEntries(
    Object.entries(constants).flatMap(([name, value]) =>
      name.startsWith(prefix) && (typeof value === "number" || typeof value === "bigint")
        ? [[name.slice(prefix.length), value] as const]
        : [],
    ),
  );
}

interface Mutation {
  readonly field: Field;
  readonly changedTo: Scalar;
  /** The controls with the change. */
  readonly controls: () => ControlValues;
}

/** All single changes of a request. Fields that the uAPI reserves are left out. */
export function* mutationsOf(controls: ControlValues, flags: MeasuredCodec["flags"]): Generator<Mutation> {
  for (const [key, value] of Object.entries(controls)) {
    const name = key as StatelessName;
    const control = controlName(name);
    for (const { path, keys, value: was } of leaves(value)) {
      const kind = path.replace(/\[\d+\]/g, "[]");
      if (/\breserved\d?\b/.test(kind)) continue;
      const indices = keys.filter((part) => typeof part === "number");
      const field = { name, control, path, kind, indices };
      const change = (to: unknown) => (): ControlValues => ({
        ...controls,
        [name]: replaced(value, keys, to),
      });
      const bits = flags[`${name}${kind.startsWith("[") ? "" : "."}${kind}`];
      if (bits !== undefined) {
        for (const [bit, mask] of Object.entries(bits)) {
          const isSet = (BigInt(was) & BigInt(mask)) !== 0n;
          const to = BigInt(was) ^ BigInt(mask);
          yield {
            field: { ...field, path: `${path} & ${bit}`, kind: `${kind} & ${bit}`, value: isSet },
            changedTo: !isSet,
            controls: change(typeof was === "bigint" ? to : Number(to)),
          };
        }
        continue;
      }
      const changedTo = other(was);
      yield { field: { ...field, value: was }, changedTo, controls: change(changedTo) };
    }
    if (!Array.isArray(value)) continue;
    const list: readonly unknown[] = value;
    const field = { name, control, path: "length", kind: "length", indices: [], value: list.length };
    const longer = [...list, list.at(-1)];
    yield { field, changedTo: longer.length, controls: () => ({ ...controls, [name]: longer }) };
  }
}

/** Values that are the largest of their types somewhere. */
const largest = new Set([127, 255, 32767, 65535, 2 ** 31 - 1, 2 ** 32 - 1]);

function other(value: Scalar): Scalar {
  if (typeof value === "boolean") return !value;
  if (typeof value === "bigint") return value + 1n;
  return largest.has(value) ? value - 1 : value + 1;
}

interface Leaf {
  readonly path: string;
  readonly keys: readonly (string | number)[];
  readonly value: Scalar;
}

function* leaves(value: unknown, path = "", keys: readonly (string | number)[] = []): Generator<Leaf> {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") {
    yield { path, keys, value };
  } else if (ArrayBuffer.isView(value) || Array.isArray(value)) {
    const elements = Array.from(value as unknown as ArrayLike<unknown>);
    for (const [i, element] of elements.entries()) yield* leaves(element, `${path}[${i}]`, [...keys, i]);
  } else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      yield* leaves(member, path === "" ? name : `${path}.${name}`, [...keys, name]);
    }
  }
}

function replaced(value: unknown, keys: readonly (string | number)[], to: unknown): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return to;
  if (ArrayBuffer.isView(value)) {
    const copy = (value as unknown as { slice(): Record<number, unknown> }).slice();
    copy[Number(key)] = to;
    return copy;
  }
  if (Array.isArray(value)) {
    return value.map((element: unknown, i) => (i === key ? replaced(element, rest, to) : element));
  }
  const member: unknown = Reflect.get(Object(value), key);
  return { ...Object(value), [key]: replaced(member, rest, to) };
}

/** What came of the changes of one stream. */
export interface Measure {
  requests: number;
  /** Changes of fields that the bitstream determines, and those of them that were named exactly. */
  determined: number;
  exact: number;
  /** Changes of other fields. */
  undetermined: number;
  /** Changes that another field was blamed for, and how. */
  readonly misblamed: string[];
  /** Messages about correct requests. */
  readonly falseAlarms: string[];
  /** How often a change was not named exactly, by kind of field. */
  readonly missed: Map<string, number>;
}

export interface MeasureOptions {
  /** Of the changes of a request, about so many are tried; all unless given. */
  readonly perRequest?: number;
  /** Only so many requests of the stream, from its start. */
  readonly requests?: number;
}

/** Checks the requests of a stream as they are, and each with its changes. */
export function measure(codec: MeasuredCodec, path: string, options: MeasureOptions = {}): Measure {
  const result: Measure = {
    requests: 0,
    determined: 0,
    exact: 0,
    undetermined: 0,
    misblamed: [],
    falseAlarms: [],
    missed: new Map(),
  };
  const { perRequest = Infinity, requests = Infinity } = options;
  const check = codec.start();
  for (const request of codec.requestsOf(path)) {
    if (result.requests < requests) {
      const all = [...mutationsOf(request.controls, codec.flags)];
      const step = Math.max(1, all.length / perRequest);
      // Another start in each request, so that all fields have their turn.
      for (let at = (result.requests * 0.618) % step; at < all.length; at += step) {
        const mutation = all[Math.floor(at)];
        if (mutation !== undefined) judge(codec, check.clone(), request, mutation, result);
      }
    }
    const { disagreements, problem } = check.check({ ...request, bytesOf: bytesOf(request.controls) });
    for (const text of [
      ...disagreements.map(describeDisagreement),
      ...(problem === undefined ? [] : [problem]),
    ])
      result.falseAlarms.push(`request ${result.requests}: ${text}`);
    result.requests += 1;
  }
  return result;
}

function judge(
  codec: MeasuredCodec,
  check: StreamCheck,
  request: CheckedRequest,
  { field, changedTo, controls: changed }: Mutation,
  result: Measure,
): void {
  const controls = changed();
  const { disagreements, problem } = check.check({ ...request, controls, bytesOf: bytesOf(controls) });
  const own = (found: Disagreement): boolean => found.control === field.control && found.field === field.path;
  const others = disagreements.filter((found) => !own(found));
  if (others.length > 0) {
    const blamed = others.slice(0, 3).map(describeDisagreement).join("; ");
    result.misblamed.push(
      `request ${result.requests}, ${field.control}.${field.path} ${field.value} -> ${changedTo}: ${blamed}`,
    );
  }
  if (codec.undetermined(field, request, controls) !== undefined) {
    result.undetermined += 1;
    return;
  }
  result.determined += 1;
  const [named] = disagreements;
  const exact =
    others.length === 0 &&
    problem === undefined &&
    named?.submitted === changedTo &&
    named.expected === field.value;
  if (exact) result.exact += 1;
  else {
    const kind = `${field.control}.${field.kind}`;
    result.missed.set(kind, (result.missed.get(kind) ?? 0) + 1);
  }
}

/** One line for people. */
export function describeMeasure({
  requests,
  determined,
  exact,
  undetermined,
  misblamed,
  falseAlarms,
}: Measure): string {
  const share = determined === 0 ? 100 : (100 * exact) / determined;
  return (
    `${requests} requests, ${determined} changes of determined fields, ${share.toFixed(2)} % named exactly; ` +
    `${undetermined} of others; ${misblamed.length} misblamed, ${falseAlarms.length} false alarms`
  );
}
