/**
 * What the check of requests costs without a device: prints, for each file, the microseconds of processor time of one
 * request, in the best of some rounds. Other work of the machine counts little so. As in a device, controls are bytes,
 * and a value is made of them when it is first looked at. Bundled, as the command is, because tsx makes functions slower:
 *
 *     npx esbuild bench/check.ts --bundle --platform=node --format=esm --packages=external --outfile=out/check-bench.mjs
 *     node out/check-bench.mjs FILE...
 */
import { basename } from "node:path";
import { openStream } from "../src/cli/parse/stream.js";
import type { ControlValues, FrameControls, StatelessName } from "../src/codec/index.js";
import { codecChecks, type CodecCheck } from "../src/stateless/check/codecs.js";
import type { CheckedRequest } from "../src/stateless/check/stream-check.js";
import { encodeControl, decodeControl } from "../test/stateless/check/requests.js";

/** Node compiles what runs often: the first rounds are not those of a device that has run for a while. */
const ROUNDS = 40;
const ROUND_REQUESTS = 250;

interface Encoded {
  readonly request: Omit<CheckedRequest, "controls" | "bytesOf">;
  readonly bytes: ReadonlyMap<StatelessName, Uint8Array>;
  /** Controls that are no struct. */
  readonly plain: ControlValues;
}

/** A request has the controls that it sets, and those of the requests before that it does not set. */
function encodedRequests(check: CodecCheck, frames: Iterable<FrameControls>): Encoded[] {
  const encoded: Encoded[] = [];
  const inEffect = new Map<StatelessName, Uint8Array>();
  const plain: Record<string, unknown> = {};
  for (const { requests, timestampNs } of frames) {
    for (const { controls, payload, holdCapture } of requests) {
      for (const name of check.controls) {
        const value = controls[name];
        if (value === undefined) continue;
        const bytes = encodeControl(name, value);
        if (bytes === undefined) plain[name] = value;
        else if (Buffer.compare(bytes, inEffect.get(name) ?? new Uint8Array()) !== 0)
          inEffect.set(name, bytes);
      }
      encoded.push({
        request: { bitstream: payload, timestampNs, holdCapture },
        bytes: new Map(inEffect),
        plain: { ...plain },
      });
    }
  }
  return encoded;
}

/** What the device does: the same bytes are the same value; others are read when somebody asks. */
class Controls {
  readonly #values = new Map<StatelessName, { bytes: Uint8Array; value: unknown }>();
  readonly values: ControlValues;
  current: Encoded | undefined;

  constructor(names: readonly StatelessName[]) {
    this.values = {};
    for (const name of names)
      Object.defineProperty(this.values, name, { get: () => this.#valueOf(name), enumerable: true });
  }

  readonly bytesOf = (name: StatelessName): Uint8Array | undefined => this.current?.bytes.get(name);

  #valueOf(name: StatelessName): unknown {
    const bytes = this.bytesOf(name);
    if (bytes === undefined) return this.current?.plain[name];
    let known = this.#values.get(name);
    if (known?.bytes !== bytes) {
      known = { bytes, value: decodeControl(name, bytes) };
      this.#values.set(name, known);
    }
    return known.value;
  }
}

/** @returns How many disagreements there are. */
function checkAll(check: CodecCheck, encoded: readonly Encoded[]): number {
  const stream = check.start();
  const controls = new Controls(check.controls);
  const { bytesOf, values } = controls;
  let wrong = 0;
  for (const request of encoded) {
    controls.current = request;
    wrong += stream.check({ ...request.request, controls: values, bytesOf }).disagreements.length;
  }
  return wrong;
}

for (const file of process.argv.slice(2)) {
  const { name, codec, bytes } = await openStream(file, undefined);
  const check = codecChecks[name];
  if (check === undefined || codec.frameControls === undefined) throw new Error(`${file}: no check`);
  const encoded = encodedRequests(check, codec.frameControls(bytes));
  let best = Infinity;
  // A look at the clock takes long on some machines: a round has many requests.
  const passes = Math.ceil(ROUND_REQUESTS / encoded.length);
  const count = passes * encoded.length;
  for (let round = 0; round < ROUNDS; round += 1) {
    let wrong = 0;
    const start = process.cpuUsage();
    for (let pass = 0; pass < passes; pass += 1) wrong += checkAll(check, encoded);
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / count);
    if (wrong > 0) throw new Error(`${file}: ${wrong} disagreements`);
  }
  console.log(`${codec.title} ${basename(file)}: ${encoded.length} requests, ${best.toFixed(1)} us each`);
}
