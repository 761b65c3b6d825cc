/** Sequences that a client of the decoder may describe, and those that it may not. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { unsupportedValues } from "../../src/decoder/unsupported.js";
import { Cid } from "../../src/v4l2/index.js";
import { framesOf, type CodecName } from "./stream.js";

const codecOf = (name: string): CodecName =>
  /h264$/.test(name)
    ? "h264"
    : /h265$/.test(name)
      ? "hevc"
      : /m2v$/.test(name)
        ? "mpeg2"
        : /av1/.test(name)
          ? "av1"
          : /vp9/.test(name)
            ? "vp9"
            : "vp8";

const folder = new URL("data/", import.meta.url);

describe("what cannot be decoded", () => {
  it("is in no request of a stream that can", () => {
    const names = readdirSync(folder).filter((name) => /\.(h264|h265|m2v|ivf)$/.test(name));
    let looked = 0;
    for (const name of names) {
      for (const { requests } of framesOf(codecOf(name), readFileSync(new URL(name, folder)))) {
        for (const [control, value] of requests.flatMap(({ controls }) => Object.entries(controls))) {
          const problemOf = unsupportedValues.get(Cid[control as keyof typeof Cid]);
          if (problemOf === undefined) continue;
          looked += 1;
          expect(problemOf(value), name).toBeUndefined();
        }
      }
    }
    expect(looked).toBeGreaterThan(names.length);
  });

  const depths = (luma: number, chroma = luma): object => ({
    bit_depth_luma_minus8: luma,
    bit_depth_chroma_minus8: chroma,
  });
  it.each([
    ["H.264 4:2:2", Cid.StatelessH264Sps, { chroma_format_idc: 2, ...depths(2) }, "4:2:0"],
    ["H.264 with 9 bits", Cid.StatelessH264Sps, { chroma_format_idc: 1, ...depths(1) }, "8 or 10"],
    ["H.264 with 8 and 10 bits", Cid.StatelessH264Sps, { chroma_format_idc: 1, ...depths(0, 2) }, "8 or 10"],
    ["HEVC 4:4:4", Cid.StatelessHevcSps, { chroma_format_idc: 3, ...depths(0) }, "4:2:0"],
    ["HEVC with 12 bits", Cid.StatelessHevcSps, { chroma_format_idc: 1, ...depths(4) }, "8 or 10"],
    ["MPEG-2 4:2:2", Cid.StatelessMpeg2Sequence, { chroma_format: 2 }, "4:2:0"],
    ["AV1 4:2:2", Cid.StatelessAv1Sequence, { flags: 0x10000, bit_depth: 8 }, "4:2:0"],
    ["AV1 4:4:4", Cid.StatelessAv1Sequence, { flags: 0x100, bit_depth: 8 }, "4:2:0"],
    ["AV1 with 12 bits", Cid.StatelessAv1Sequence, { flags: 0x30000, bit_depth: 12 }, "8 or 10"],
  ])("is %s", (_, id, value, said) => {
    expect(unsupportedValues.get(id)?.(value)).toContain(said);
  });
});
