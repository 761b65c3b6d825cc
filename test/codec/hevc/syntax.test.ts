import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RbspBuffer, type Field } from "../../../src/codec/bits/index.js";
import { startCodeUnits } from "../../../src/codec/files/index.js";
import { NalReader, parseUnits, writeNalUnit } from "../../../src/codec/hevc/index.js";
import { temporaryFolder } from "../support/encode.js";
import { hasTraceHeaders, traceHeaders, type TracedField } from "../support/trace-headers.js";
import { clips, conformance, encodedClips } from "./streams.js";
import { syntheticStreams } from "./synthetic.js";

const folder = temporaryFolder();
const streams = [...clips, ...conformance, ...encodedClips(folder), ...syntheticStreams(folder)];
const withOracle = hasTraceHeaders();
if (!withOracle) console.warn("No ffmpeg with trace_headers: nothing is compared with it.");

/** ffmpeg's names where they are not the specification's. */
const ffmpegNames: Readonly<Record<string, string>> = {
  scaling_list_delta_coef: "scaling_list_delta_coeff",
  delta_chroma_offset_l0: "chroma_offset_l0",
  delta_chroma_offset_l1: "chroma_offset_l1",
};

function ourLine({ name, subscripts, bitPosition, bitLength, value }: Field): string {
  const spelled = (ffmpegNames[name] ?? name) + subscripts.map((i) => `[${i}]`).join("");
  return `${bitPosition} ${bitLength} ${spelled} ${Number(value)}`;
}

/** One line for an element that ffmpeg reads in pieces: those of more than 32 reserved bits. */
function theirLines(fields: readonly TracedField[]): string[] {
  const lines: string[] = [];
  let pieces: TracedField | undefined;
  const flush = () => {
    if (pieces !== undefined)
      lines.push(`${pieces.position} ${pieces.length} ${pieces.name} ${pieces.value}`);
    pieces = undefined;
  };
  for (const field of fields) {
    if (
      pieces !== undefined &&
      /reserved_zero_(33|34|35|43)bits$/.test(field.name) &&
      pieces.name === field.name
    ) {
      const { name, position, length, value } = pieces;
      pieces = {
        name,
        position,
        length: length + field.length,
        value: value * 2 ** field.length + field.value,
      };
      continue;
    }
    flush();
    pieces = field;
  }
  flush();
  return lines;
}

/** ffmpeg's fields by NAL unit: titles that stand within one are no new unit. */
function nalUnits(path: string): TracedField[][] {
  const units: TracedField[][] = [];
  for (const { fields } of traceHeaders(path, "hevc")) {
    if (fields[0]?.name === "forbidden_zero_bit") units.push([...fields]);
    else units.at(-1)?.push(...fields);
  }
  return units;
}

describe.each(streams)("$name", ({ path }) => {
  const stream = readFileSync(path);

  it.runIf(withOracle)("has the elements that ffmpeg sees: names, positions, lengths, values", () => {
    const theirs = nalUnits(path);
    const ours = [...parseUnits(stream)];
    expect(ours.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(ours).toHaveLength(theirs.length);
    for (const [index, unit] of ours.entries()) {
      const fields = unit.items.flatMap((item) => ("field" in item ? [item.field] : []));
      const payloads = fields.filter(({ name }) => name === "sei_payload");
      const inPayload = ({ position }: TracedField) =>
        payloads.some((one) => position >= one.bitPosition && position < one.bitPosition + one.bitLength);
      const expected = (theirs[index] ?? []).filter((field) => !inPayload(field));
      expect(fields.filter(({ name }) => name !== "sei_payload").map(ourLine)).toEqual(theirLines(expected));
    }
  });

  it("is written again, byte for byte, with its slice data behind the headers", () => {
    const reader = new NalReader();
    const buffer = new RbspBuffer();
    const kinds = new Map<string, number>();
    for (const { data } of startCodeUnits(stream)) {
      const unit = reader.read(data);
      kinds.set(unit.kind, (kinds.get(unit.kind) ?? 0) + 1);
      if (unit.kind === "other") continue;
      const { bytes } = buffer.unescape(data);
      const sliceData = unit.kind === "slice" ? bytes.slice(unit.headerBytes) : undefined;
      expect(Buffer.from(writeNalUnit(unit, sliceData)).equals(data)).toBe(true);
    }
    expect(kinds.get("slice")).toBeGreaterThan(2);
    expect(kinds.get("vps")).toBeGreaterThan(0);
    expect(kinds.get("sps")).toBeGreaterThan(0);
    expect(kinds.get("pps")).toBeGreaterThan(0);
  });
});
