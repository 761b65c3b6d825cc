/** How long a check takes for what a hostile client submits: the controls of a stream with other bitstreams. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { streamCodecs } from "../../../src/cli/parse/stream.js";
import { CodecError } from "../../../src/codec/index.js";
import { codecChecks } from "../../../src/stateless/check/codecs.js";
import type { CheckedRequest } from "../../../src/stateless/check/stream-check.js";
import { fuzzSeeds } from "../../codec/support/fuzz-seeds.js";
import { mutations } from "../../codec/support/mutations.js";
import { must } from "./requests.js";

/** Of the bitstream, and of the requests of a stream: as many as show all kinds of frames. */
const [BYTES, REQUESTS, CHANGES] = [2000, 4, 25];
/**
 * Processor time for a request that contradicts itself: some 300 other parameter sets are tried. Alone on a machine it is
 * 5 to 10 ms; other clients wait so long, which is less than a frame.
 */
const ALLOWED_MS = 30;
/** The code that searches is not compiled when it first runs. */
const RUNS = 12;

const seeds = fuzzSeeds((file) => new Uint8Array(readFileSync(file)));

function firstRequests(codec: string, bytes: Uint8Array): CheckedRequest[] {
  const requests: CheckedRequest[] = [];
  try {
    for (const { requests: all, timestampNs } of must(must(streamCodecs[codec]).frameControls)(bytes)) {
      for (const { controls, payload, holdCapture } of all)
        requests.push({ controls, bitstream: payload, timestampNs, holdCapture });
      if (requests.length >= REQUESTS) break;
    }
  } catch (error) {
    // Of a damaged stream, what comes before.
    if (!(error instanceof CodecError)) throw error;
  }
  return requests.slice(0, REQUESTS);
}

/** In the best of some runs. */
function millisecondsOf(check: () => void): number {
  let best = Infinity;
  for (let run = 0; run < RUNS && best > ALLOWED_MS / 2; run += 1) {
    const start = process.cpuUsage();
    check();
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}

describe.each(Object.entries(codecChecks))("the check of %s", (codec, row) => {
  it(`takes at most ${ALLOWED_MS} ms for a damaged bitstream under correct controls`, () => {
    const streams = seeds.filter((seed) => seed.codec === codec);
    expect(streams.length).toBeGreaterThan(0);
    for (const [number, { bytes }] of streams.entries()) {
      const stream = must(row).start();
      for (const request of firstRequests(codec, bytes)) {
        for (const bitstream of mutations(request.bitstream.slice(0, BYTES), CHANGES, number)) {
          const before = stream.clone();
          const ms = millisecondsOf(() => before.clone().check({ ...request, bitstream }));
          expect(ms).toBeLessThan(ALLOWED_MS);
        }
        stream.check(request);
      }
    }
  }, 120_000);
});
