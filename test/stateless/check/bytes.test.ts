/** Controls compared as bytes: what is said of a request does not depend on whether there are bytes to compare. */
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import type { ControlValues, StatelessName } from "../../../src/codec/index.js";
import { measuredCodecs } from "./measured.js";
import { bytesOf, decodeControl, encodeControl, linesOf } from "./requests.js";

/** A few requests behind the first ones of each stream, and in these some bytes of each control. */
const REQUESTS = 4;
const STEP = 13;

/** Each byte in its turn, so that no field and no byte of a field is left out over all streams. */
function* otherControls(
  controls: ControlValues,
  turn: number,
): Generator<{ what: string; changed: ControlValues }> {
  for (const [key, value] of Object.entries(controls)) {
    const name = key as StatelessName;
    const bytes = encodeControl(name, value);
    if (bytes === undefined) continue;
    for (let at = turn % STEP; at < bytes.byteLength; at += STEP) {
      const other = bytes.slice();
      other[at] = (other[at] ?? 0) ^ 1;
      yield { what: `${name}, byte ${at}`, changed: { ...controls, [name]: decodeControl(name, other) } };
    }
  }
}

describe.each(measuredCodecs)("the check of $name", (codec) => {
  const [path = ""] = codec.streams;
  it(`says the same of requests of ${basename(path)} with and without the bytes of their controls`, () => {
    const check = codec.start();
    let seen = 0;
    for (const request of codec.requestsOf(path)) {
      if (seen >= REQUESTS) break;
      for (const { what, changed } of otherControls(request.controls, seen)) {
        const fields = linesOf(check.clone(), { ...request, controls: changed });
        const bytes = linesOf(check.clone(), { ...request, controls: changed, bytesOf: bytesOf(changed) });
        expect(bytes, `request ${seen}, ${what}`).toEqual(fields);
      }
      check.check({ ...request, bytesOf: bytesOf(request.controls) });
      seen += 1;
    }
    expect(seen).toBeGreaterThan(0);
  });
});
