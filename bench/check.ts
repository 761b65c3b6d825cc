/**
 * What the check of requests costs without a device: `npx tsx bench/check.ts FILE...` prints, for each file, the
 * microseconds of processor time of one request, in the best of some rounds. Other work of the machine counts little so.
 */
import { basename } from "node:path";
import { openStream } from "../src/cli/parse/stream.js";
import type { ControlValues, FrameControls } from "../src/codec/index.js";
import { codecChecks } from "../src/stateless/check/codecs.js";
import type { CheckedRequest } from "../src/stateless/check/stream-check.js";

const ROUNDS = 12;

function requestsOf(frames: Iterable<FrameControls>): CheckedRequest[] {
  return [...frames].flatMap(({ requests, timestampNs }) =>
    requests.map(({ controls, payload, holdCapture }) => ({
      // As the device does: each request has values of its own.
      controls: structuredClone<ControlValues>(controls),
      bitstream: payload,
      timestampNs,
      holdCapture,
    })),
  );
}

for (const file of process.argv.slice(2)) {
  const { name, codec, bytes } = await openStream(file, undefined);
  const check = codecChecks[name];
  if (check === undefined || codec.frameControls === undefined) throw new Error(`${file}: no check`);
  let best = Infinity;
  let count = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const requests = requestsOf(codec.frameControls(bytes));
    count = requests.length;
    const stream = check.start();
    const start = process.cpuUsage();
    let wrong = 0;
    for (const request of requests) wrong += stream.check(request).disagreements.length;
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / count);
    if (wrong > 0) throw new Error(`${file}: ${wrong} disagreements`);
  }
  console.log(`${codec.title} ${basename(file)}: ${count} requests, ${best.toFixed(1)} us each`);
}
