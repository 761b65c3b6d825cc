/** Correct requests of a stream, as a client submits them. */
import { readFileSync } from "node:fs";
import type { FrameControls } from "../../../src/codec/index.js";
import { describeDisagreement } from "../../../src/stateless/check/compare.js";
import type { CheckedRequest, StreamCheck } from "../../../src/stateless/check/stream-check.js";

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
