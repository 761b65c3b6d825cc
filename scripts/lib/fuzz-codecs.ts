/**
 * `fuzz-codecs.ts COUNT [SEED]`: mutated streams through every parser: units, controls and the check of those. Each gives
 * a value or a CodecError, and soon, and memory stays flat; anything else ends the run with the input in a file.
 *
 * Most streams are two units with what they need in front, cut behind their headers: many more of these can be read in a
 * second than of whole ones, and more of the changes are in headers. Whole streams take their turn among them.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { streamCodecs } from "../../src/cli/parse/stream.js";
import { CodecError } from "../../src/codec/index.js";
import { codecChecks } from "../../src/stateless/check/codecs.js";
import { mutations, randomNumbers } from "../../test/codec/support/mutations.js";
import { fuzzSeeds, shortSeeds, type FuzzSeed } from "../../test/codec/support/fuzz-seeds.js";

const [, , countText = "100000", seedText = String(Date.now() % 2 ** 31)] = process.argv;
const [count, seed] = [Number(countText), Number(seedText)];
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed))
  throw new Error("usage: fuzz-codecs.ts COUNT [SEED]");

/** Ten milliseconds for 100 KB, and for less: what is below cannot be told from a pause of the machine. */
const allowedMs = (bytes: number): number => Math.max(10, (10 * bytes) / 100_000);
/** Of one seed in turn: a batch is one sequence of mutations. */
const BATCH = 500;
/** The best of so many runs counts where the first was slow. */
const RUNS = 6;
const MAX_GROWTH = 64 * 2 ** 20;

/** Units and controls. @returns Is it a stream without errors? */
function consume(name: string, bytes: Uint8Array): boolean {
  const codec = streamCodecs[name];
  if (codec === undefined) throw new Error(`there is no codec ${name}`);
  let isWhole = true;
  try {
    for (const { error } of codec.parseUnits(bytes)) {
      if (error === undefined) continue;
      isWhole = false;
      if (!(error instanceof CodecError)) throw error as Error;
    }
  } catch (error) {
    // The container is damaged.
    if (!(error instanceof CodecError)) throw error;
    isWhole = false;
  }
  if (codec.frameControls === undefined) return isWhole;
  try {
    for (const _ of codec.frameControls(bytes)) continue;
    return isWhole;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return false;
  }
}

/** The requests that follow, through the check: it may look for what explains them, so it is not timed. */
function checkAll(name: string, bytes: Uint8Array): void {
  const frames = streamCodecs[name]?.frameControls?.(bytes) ?? [];
  const check = codecChecks[name]?.start();
  try {
    for (const { requests, timestampNs } of frames) {
      for (const { controls, payload, holdCapture } of requests)
        check?.check({ controls, bitstream: payload, timestampNs, holdCapture });
    }
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
  }
}

/** In processor time, which other work of the machine does not change. */
function timedMs(name: string, bytes: Uint8Array): { readonly isWhole: boolean; readonly ms: number } {
  const start = performance.now();
  const isWhole = consume(name, bytes);
  let ms = performance.now() - start;
  for (let run = 1; run < RUNS && ms > allowedMs(bytes.byteLength) / 2; run += 1) {
    const before = process.cpuUsage();
    consume(name, bytes);
    const { user, system } = process.cpuUsage(before);
    ms = Math.min(ms, (user + system) / 1000);
  }
  return { isWhole, ms };
}

/** Do all of its units and controls come without an error, and is there a frame? */
function isWholeStream({ codec: name, bytes }: FuzzSeed): boolean {
  let frames = 0;
  try {
    for (const _ of streamCodecs[name]?.frameControls?.(bytes) ?? []) frames += 1;
  } catch {
    return false;
  }
  return frames > 0 && consume(name, bytes);
}

function keep(name: string, bytes: Uint8Array): string {
  const folder = "out/fuzz/";
  mkdirSync(folder, { recursive: true });
  const file = `${folder}${name}-${seed}.bin`;
  writeFileSync(file, bytes);
  return file;
}

const whole = fuzzSeeds((file) => new Uint8Array(readFileSync(file)));
const short = shortSeeds(whole, isWholeStream);
/** Of whole streams that are long, so many times fewer inputs, which take so many times longer. */
const WHOLE_SHARE = 25;
const LONG_BYTES = 1000;
const seeds = [
  ...short.map((seed) => ({ ...seed, batch: BATCH })),
  ...whole.map((seed) => ({
    ...seed,
    batch: seed.bytes.byteLength > LONG_BYTES ? BATCH / WHOLE_SHARE : BATCH,
  })),
];
const random = randomNumbers(seed);
const sums = new Map<string, { inputs: number; whole: number; slowestMs: number; perKb: number }>();
let done = 0;
let memory = 0;
let told = Date.now();

console.log(
  `seed ${seed}, ${count} inputs, ${whole.length} streams and ${short.length} short ones to start from`,
);
const begun = Date.now();
for (let batch = 0; done < count; batch += 1) {
  const start = seeds[batch % seeds.length];
  if (start === undefined) throw new Error("there is no stream");
  const { codec, bytes, batch: size } = start;
  const sum = sums.get(codec) ?? { inputs: 0, whole: 0, slowestMs: 0, perKb: 0 };
  sums.set(codec, sum);
  for (const input of mutations(bytes, Math.min(size, count - done), random())) {
    try {
      const { isWhole, ms } = timedMs(codec, input);
      if (ms > allowedMs(input.byteLength))
        throw new Error(`${ms.toFixed(1)} ms of processor time for ${input.byteLength} bytes`);
      checkAll(codec, input);
      sum.inputs += 1;
      if (isWhole) sum.whole += 1;
      sum.slowestMs = Math.max(sum.slowestMs, ms);
    } catch (error) {
      console.error(`${codec}, input ${done}: kept in ${keep(codec, input)}`);
      throw error;
    }
    done += 1;
  }
  // After all codecs had their turn, nothing is left behind by more of the same.
  if (batch === 2 * seeds.length) memory = heapBytes();
  else if (batch % (20 * seeds.length) === 0 && memory > 0 && heapBytes() - memory > MAX_GROWTH)
    throw new Error(`memory grew from ${memory} to ${heapBytes()} bytes`);
  if (Date.now() - told < 60_000) continue;
  told = Date.now();
  console.log(`seed ${seed}: ${done} inputs, ${Math.round(process.memoryUsage().rss / 2 ** 20)} MB resident`);
}

/** Without what a collection frees, where the collector can be asked (node --expose-gc). */
function heapBytes(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

for (const [codec, { inputs, whole, slowestMs }] of sums)
  console.log(
    `${codec}: ${inputs} inputs, ${whole} of them streams, the slowest took ${slowestMs.toFixed(1)} ms`,
  );
console.log(
  `${done} inputs in ${Math.round((Date.now() - begun) / 1000)} s, no exception but CodecError; memory ${heapBytes() - memory} bytes more than after the start`,
);
