/** Correct requests of a stream, as a client submits them. */
import { readFileSync } from "node:fs";
import type { ControlValues, FrameControls, StatelessName } from "../../../src/codec/index.js";
import { describeDisagreement } from "../../../src/stateless/check/compare.js";
import type { CheckedRequest, StreamCheck } from "../../../src/stateless/check/stream-check.js";
import { layouts } from "../../../src/v4l2/gen/index.js";

/** Stands for the value of any struct. */
type Vp8Frame = NonNullable<ControlValues["StatelessVp8Frame"]>;
type Deriver = (stream: Uint8Array) => Iterable<FrameControls>;

export function requestsOf(derive: Deriver, path: string): CheckedRequest[] {
  return [...derive(new Uint8Array(readFileSync(path)))].flatMap(({ requests, timestampNs }) =>
    requests.map(({ controls, payload, holdCapture }) => ({
      controls,
      bitstream: payload,
      timestampNs,
      holdCapture,
    })),
  );
}

/** The bytes of the controls, as a client would pass them; each is encoded when it is first asked for. */
export function bytesOf(controls: ControlValues): NonNullable<CheckedRequest["bytesOf"]> {
  const encoded = new Map<StatelessName, Uint8Array | undefined>();
  return (name) => {
    if (!encoded.has(name)) encoded.set(name, encodeControl(name, controls[name]));
    return encoded.get(name);
  };
}

/** Undefined for a control that is neither a struct nor an array. */
export function encodeControl(name: StatelessName, value: unknown): Uint8Array | undefined {
  const type = structOf(name);
  if (name === "StatelessHevcEntryPointOffsets" && value !== undefined)
    return new Uint8Array(Uint32Array.from(value as readonly number[]).buffer);
  if (value === undefined || type === undefined) return undefined;
  const elements = (Array.isArray(value) ? value : [value]) as readonly Vp8Frame[];
  const bytes = new Uint8Array(type.size * elements.length);
  for (const [i, element] of elements.entries()) type.write(bytes.subarray(type.size * i), element);
  return bytes;
}

const arrays: ReadonlySet<StatelessName> = new Set<StatelessName>([
  "StatelessHevcSliceParams",
  "StatelessHevcExtSpsStRps",
  "StatelessHevcExtSpsLtRps",
  "StatelessAv1TileGroupEntry",
]);

/** The value of a control's bytes. */
export function decodeControl(name: StatelessName, bytes: Uint8Array): unknown {
  const type = structOf(name);
  if (name === "StatelessHevcEntryPointOffsets") return [...new Uint32Array(bytes.slice().buffer)];
  if (type === undefined) return undefined;
  if (!arrays.has(name)) return type.read(bytes);
  const count = bytes.byteLength / type.size;
  return Array.from({ length: count }, (_, i) => type.read(bytes.subarray(type.size * i)));
}

function structOf(name: StatelessName): ReturnType<typeof layouts.struct<"v4l2_ctrl_vp8_frame">> | undefined {
  const words = name.replace(/^Stateless/, "").replace(/(?<!^)([A-Z])/g, "_$1");
  const struct = `v4l2_ctrl_${words.toLowerCase()}`;
  if (layouts.find(struct) === undefined) return undefined;
  return layouts.struct(struct as "v4l2_ctrl_vp8_frame");
}

/** What a check says of one request: a line for each disagreement, and the problem if there is one. */
export function linesOf(check: StreamCheck, request: CheckedRequest): string[] {
  const { disagreements, problem } = check.check(request);
  return [...disagreements.map(describeDisagreement), ...(problem === undefined ? [] : [problem])];
}

/** What a check says of all requests, with the number of the request in front. */
export const linesOfAll = (check: StreamCheck, requests: readonly CheckedRequest[]): string[] =>
  requests.flatMap((request, i) => linesOf(check, request).map((line) => `request ${i}: ${line}`));

/** The element, or an error where there is none. */
export function must<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("it is not there");
  return value;
}
