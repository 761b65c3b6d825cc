import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RbspBuffer } from "../../../src/codec/bits/index.js";
import { startCodeUnits } from "../../../src/codec/files/index.js";
import { NalReader, writeNalUnit } from "../../../src/codec/hevc/index.js";
import { temporaryFolder } from "../support/encode.js";
import { compareHeaders } from "../support/headers.js";
import { hasTraceHeaders } from "../support/trace-headers.js";
import { clips, conformance, encodedClips } from "./streams.js";
import { syntheticStreams } from "./synthetic.js";

const folder = temporaryFolder();
const streams = [...clips, ...conformance, ...encodedClips(folder), ...syntheticStreams(folder)];
const withOracle = hasTraceHeaders();
if (!withOracle) console.warn("No ffmpeg with trace_headers: nothing is compared with it.");

describe.each(streams)("$name", ({ path }) => {
  const stream = readFileSync(path);

  it.runIf(withOracle)("has the elements that ffmpeg sees: names, positions, lengths, values", () => {
    const { units, elements, differences } = compareHeaders("hevc", path);
    expect(differences).toEqual([]);
    expect(units).toBeGreaterThan(2);
    expect(elements).toBeGreaterThan(20);
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
