/**
 * `compare-streams.ts headers|controls FILE...`: our reading of each stream against ffmpeg's or GStreamer's. Exits with 1
 * where anything differs for a reason that is not known.
 */
import { readFileSync } from "node:fs";
import { openStream } from "../../src/cli/parse/stream.js";
import type { FrameControls } from "../../src/codec/index.js";
import { codecChecks } from "../../src/stateless/check/codecs.js";
import { describeDisagreement } from "../../src/stateless/check/compare.js";
import {
  compareHeaders,
  headerCodecs,
  tracesVp8,
  type HeaderCodec,
} from "../../test/codec/support/headers.js";
import { compareOnVisl } from "../../test/codec/support/on-visl.js";

const [, , what, ...files] = process.argv;
const hasVp8 = tracesVp8();
const sums = { files: 0, elements: 0, differences: 0, messages: 0, left: 0 };
const known = new Map<string, number>();

/** Lines of what is wrong; undefined where a file cannot be compared, and why. */
type Outcome = { readonly text: string; readonly wrong: readonly string[] } | string;

function headersOf(codec: HeaderCodec, file: string): Outcome {
  if (codec === "vp8" && !hasVp8) return "this ffmpeg does not trace VP8";
  if (/annex-?b\.obu$/.test(file))
    return "ffmpeg turns Annex B of AV1 into the other format before it traces it";
  const { units, elements, differences } = compareHeaders(codec, file);
  sums.elements += elements;
  sums.differences += differences.length;
  return { text: `${units} units, ${elements} elements`, wrong: differences };
}

/** What the check says of the controls that we derive: nothing. */
function messagesOf(codec: HeaderCodec, frames: Iterable<FrameControls>): string[] {
  const check = codecChecks[codec]?.start();
  const said: string[] = [];
  for (const { requests, timestampNs } of frames) {
    for (const { controls, payload, holdCapture } of requests) {
      const result = check?.check({ controls, bitstream: payload, timestampNs, holdCapture });
      if (result === undefined) continue;
      said.push(...result.disagreements.map(describeDisagreement));
      if (result.problem !== undefined) said.push(result.problem);
    }
  }
  return said;
}

function controlsOf(codec: HeaderCodec, file: string): Outcome {
  const found = compareOnVisl(codec, file);
  if (found.refused !== undefined) return `GStreamer does not decode it on visl: ${found.refused}`;
  for (const [why, count] of found.known) known.set(why, (known.get(why) ?? 0) + count);
  sums.elements += found.compared;
  sums.differences += found.differences.length;
  sums.messages += found.messages.length;
  return {
    text: `${found.jobs} requests, ${found.compared} lines`,
    wrong: [...found.differences, ...found.messages.map((text) => `--check: ${text}`)],
  };
}

for (const file of files) {
  const { name, codec: opened } = await openStream(file, undefined);
  const codec = headerCodecs.find((known) => known === name);
  if (codec === undefined) continue;
  const outcome = what === "controls" ? controlsOf(codec, file) : headersOf(codec, file);
  sums.files += 1;
  if (typeof outcome === "string") {
    sums.left += 1;
    console.log(`${file}: left out, ${outcome}`);
    continue;
  }
  const wrong = [...outcome.wrong];
  if (what !== "controls" && opened.frameControls !== undefined) {
    const said = messagesOf(codec, opened.frameControls(new Uint8Array(readFileSync(file))));
    sums.messages += said.length;
    wrong.push(...said.map((text) => `the check of our own controls: ${text}`));
  }
  console.log(`${file}: ${outcome.text}, ${wrong.length} differences`);
  for (const line of wrong.slice(0, 10)) console.log(`    ${line}`);
}

for (const [why, count] of known) console.log(`known, ${count} times: ${why}`);
console.log(
  `${sums.files} files, ${sums.left} left out, ${sums.elements} ${what === "controls" ? "lines" : "elements"} compared, ` +
    `${sums.differences} differences, ${sums.messages} messages of the check`,
);
if (sums.differences + sums.messages > 0) process.exitCode = 1;
