/** MPEG-2 against ffmpeg's reading of the same streams, and against what GStreamer submitted for the clip. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CodecError, SyntaxReader, SyntaxWriter } from "../../../src/codec/bits/index.js";
import { startCodeUnits } from "../../../src/codec/files/index.js";
import { frameControls, Mpeg2Parser, parseUnits } from "../../../src/codec/mpeg2/index.js";
import * as syntax from "../../../src/codec/mpeg2/index.js";
import { compareWithGStreamer } from "../support/golden-controls.js";
import { compareHeaders } from "../support/headers.js";
import { mutations } from "../support/mutations.js";
import { clip, clips } from "./streams.js";

describe.each(clips)("MPEG-2, %s", (_name, file) => {
  it("has every field where ffmpeg has it, with the same value", () => {
    const { units, elements, differences } = compareHeaders("mpeg2", file());
    expect(differences).toEqual([]);
    expect(units).toBeGreaterThan(2);
    expect(elements).toBeGreaterThan(100);
  });

  it("is written again to the same bytes, header by header", () => {
    const parser = new Mpeg2Parser();
    let headers = 0;
    for (const { data } of startCodeUnits(readFileSync(file()), true)) {
      const reader = new SyntaxReader("MPEG-2", data);
      const unit = parser.parse(reader, data[0] ?? 0);
      if (!("header" in unit) && !("picture" in unit) && !("group" in unit)) continue;
      const writer = new SyntaxWriter("MPEG-2");
      if (unit.kind === "sequence") syntax.sequenceHeader(writer, unit.header);
      else if (unit.kind === "picture") syntax.pictureHeader(writer, unit.picture);
      else syntax.groupHeader(writer, unit.group);
      expect(writer.position).toBe(reader.position);
      writer.alignWith("next_start_code", 0);
      expect(Buffer.from(writer.finish())).toEqual(
        Buffer.from(data.subarray(0, Math.ceil(reader.position / 8))),
      );
      headers += 1;
    }
    expect(headers).toBeGreaterThan(2);
  });

  it("gives each P and B picture references that were decoded before", () => {
    const decoded = new Set<bigint>();
    let references = 0;
    for (const { timestampNs, requests } of frameControls(readFileSync(file()))) {
      for (const { controls, payload } of requests) {
        const picture = controls.StatelessMpeg2Picture;
        for (const reference of [picture?.forward_ref_ts, picture?.backward_ref_ts]) {
          if (reference === undefined || reference === syntax.NO_REFERENCE) continue;
          expect(decoded).toContain(reference);
          references += 1;
        }
        expect([...payload.subarray(0, 4)]).toEqual([0, 0, 1, 1]);
      }
      decoded.add(timestampNs);
    }
    expect(decoded.size).toBeGreaterThan(2);
    if (!file().includes("intra")) expect(references).toBeGreaterThan(0);
  });
});

describe("the controls of an MPEG-2 stream", () => {
  it("equal GStreamer's, but for the profile and level that it composes by itself", () => {
    const jobs = [...frameControls(readFileSync(clip))].flatMap(({ requests }) =>
      requests.map(({ controls }) => {
        const { StatelessMpeg2Sequence, StatelessMpeg2Picture, StatelessMpeg2Quantisation } = controls;
        if (!StatelessMpeg2Sequence || !StatelessMpeg2Picture || !StatelessMpeg2Quantisation)
          throw new Error("incomplete");
        return {
          sequence: StatelessMpeg2Sequence,
          picture: StatelessMpeg2Picture,
          quantisation: StatelessMpeg2Quantisation,
        };
      }),
    );
    const { compared, differences } = compareWithGStreamer("mpeg2", "mpeg2_b.m2v", jobs);
    expect(compared).toBeGreaterThan(100);
    // H.262, 8.2 and 8.3: Main profile at Main level is 0x48. GStreamer makes 0x50 of the two numbers.
    expect(new Set(differences.map((text) => text.replace(/^job \d+ /, "")))).toEqual(
      new Set([
        'v4l2_ctrl_mpeg2_sequence: "profile_and_level_indication 72", GStreamer "profile_and_level_indication 80"',
      ]),
    );
  });
});

describe("damaged MPEG-2", () => {
  it("gives values or a CodecError, in bounded time", () => {
    const whole = readFileSync(clip);
    let refused = 0;
    for (const bytes of mutations(whole, 300, 262)) {
      const start = performance.now();
      try {
        for (const frame of frameControls(bytes)) expect(frame.requests.length).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(CodecError);
        refused += 1;
      }
      for (const unit of parseUnits(bytes)) expect(unit.length).toBeGreaterThan(0);
      expect(performance.now() - start).toBeLessThan(500);
    }
    expect(refused).toBeGreaterThan(10);
  });
});
