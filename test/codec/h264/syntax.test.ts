import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RbspBuffer, SyntaxReader, SyntaxWriter } from "../../../src/codec/bits/index.js";
import { startCodeUnits } from "../../../src/codec/files/index.js";
import {
  accessUnitDelimiter,
  emptySps,
  nalUnitHeader,
  ParameterSets,
  picParameterSet,
  readNalUnit,
  seqParameterSet,
  seqParameterSetExtension,
  sliceHeader,
  supplementalEnhancementInformation,
  type NalUnit,
} from "../../../src/codec/h264/index.js";
import { temporaryFolder } from "../support/encode.js";
import { compareHeaders } from "../support/headers.js";
import { hasTraceHeaders } from "../support/trace-headers.js";
import { clips, conformance, encodedClips } from "./streams.js";

const streams = [...clips, ...conformance, ...encodedClips(temporaryFolder())];
const withOracle = hasTraceHeaders();
if (!withOracle) console.warn("No ffmpeg with trace_headers: nothing is compared with it.");

describe.each(streams)("$name", ({ path }) => {
  const stream = readFileSync(path);

  it.runIf(withOracle)("has the elements that ffmpeg sees: names, positions, lengths, values", () => {
    const { units, elements, differences } = compareHeaders("h264", path);
    expect(differences).toEqual([]);
    expect(units).toBeGreaterThan(2);
    expect(elements).toBeGreaterThan(20);
  });

  it("is written again, bit for bit", () => {
    const sets = new ParameterSets();
    const buffer = new RbspBuffer();
    const reader = new SyntaxReader("H.264");
    let written = 0;
    for (const { data } of startCodeUnits(stream)) {
      const { bytes } = buffer.unescape(data);
      const unit = readNalUnit(reader, bytes, sets);
      const writer = new SyntaxWriter("H.264");
      nalUnitHeader(writer, unit.nal);
      if (!writePayload(writer, unit, sets)) continue;
      written += 1;
      const bits = unit.kind === "slice" ? unit.slice.header_bit_size : writer.position;
      expect(writer.position).toBe(bits);
      expect(bitText(writer.finish(), bits)).toBe(bitText(bytes, bits));
    }
    expect(written).toBeGreaterThan(2);
  });
});

function bitText(bytes: Uint8Array, bits: number): string {
  return [...bytes.subarray(0, Math.ceil(bits / 8))]
    .map((byte) => byte.toString(2).padStart(8, "0"))
    .join("")
    .slice(0, bits);
}

function writePayload(writer: SyntaxWriter, unit: NalUnit, sets: ParameterSets): boolean {
  switch (unit.kind) {
    case "sps":
      seqParameterSet(writer, unit.sps);
      return true;
    case "pps":
      picParameterSet(writer, unit.pps, sets.spsOf);
      return true;
    case "spsExtension":
      seqParameterSetExtension(writer, unit.extension);
      return true;
    case "slice":
      sliceHeader(writer, unit.slice, unit.nal, sets.setsOf);
      return true;
    case "delimiter":
      accessUnitDelimiter(writer, unit.delimiter);
      return true;
    case "sei":
      supplementalEnhancementInformation(writer, [...unit.messages]);
      return true;
    case "other":
      return false;
  }
}

describe("seq_parameter_set_data()", () => {
  const written = (change: Partial<ReturnType<typeof emptySps>>) => {
    const writer = new SyntaxWriter("H.264");
    seqParameterSet(writer, { ...emptySps(), ...change });
    return writer.finish();
  };

  it("takes the largest frame of level 6.2 and nothing wider", () => {
    expect(written({ pic_width_in_mbs_minus1: 1054, pic_height_in_map_units_minus1: 131 })).toBeInstanceOf(
      Uint8Array,
    );
    expect(() => written({ pic_width_in_mbs_minus1: 1055 })).toThrow(/allows 0 to 1054/);
    expect(() => written({ pic_width_in_mbs_minus1: 400, pic_height_in_map_units_minus1: 400 })).toThrow(
      /401 x 401 macroblocks is larger than any level allows/,
    );
  });

  it("refuses interlaced streams without direct_8x8_inference_flag", () => {
    expect(() => written({ frame_mbs_only_flag: false })).toThrow(/direct_8x8_inference_flag is 0/);
  });

  it("refuses cropping that leaves nothing", () => {
    expect(() =>
      written({ frame_cropping_flag: true, frame_crop_left_offset: 4, frame_crop_right_offset: 4 }),
    ).toThrow(/frame_crop_right_offset is 4, and the specification allows 0 to 3/);
  });
});
