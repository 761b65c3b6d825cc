/** VP9 headers against ffmpeg's reading of the same streams, and written again to the same bytes. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BoolWriter, SyntaxWriter } from "../../../src/codec/bits/index.js";
import { ivfFrames } from "../../../src/codec/files/index.js";
import * as vp9 from "../../../src/codec/vp9/index.js";
import { compareHeaders } from "../support/headers.js";
import { streams } from "./streams.js";

describe.each(streams)("VP9, %s", (_name, file) => {
  const path = file();
  const stream = readFileSync(path);

  it("has every field of its uncompressed headers where ffmpeg has it, with the same value", () => {
    const { units, elements, differences } = compareHeaders("vp9", path);
    expect(differences).toEqual([]);
    expect(units).toBeGreaterThan(2);
    expect(elements).toBeGreaterThan(50);
  });

  it("is written again to the same bytes, header by header", () => {
    const state = new vp9.Vp9State();
    for (const { data: chunk } of ivfFrames(stream)) {
      for (const { data } of vp9.chunkFrames(chunk)) {
        const { header, compressed, uncompressedHeaderSize } = vp9.parseFrame(data, state);
        const writer = new SyntaxWriter("VP9");
        vp9.uncompressedHeader(writer, structuredClone(header), state);
        const end = uncompressedHeaderSize + header.header_size_in_bytes;
        expect(Buffer.from(writer.finish())).toEqual(Buffer.from(data.subarray(0, uncompressedHeaderSize)));
        if (compressed !== undefined) {
          const bools = new BoolWriter("VP9");
          vp9.compressedHeader(bools, structuredClone(compressed), header);
          const written = [...bools.finish()];
          // An encoder keeps the end from looking like a superframe's index.
          if ((written.at(-1) ?? 0) >> 5 === 6) written.push(0);
          expect(Buffer.from(written)).toEqual(Buffer.from(data.subarray(uncompressedHeaderSize, end)));
        }
        state.apply(header);
        state.finish(header, 0n);
      }
    }
  });
});
