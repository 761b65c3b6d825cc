/** VP9 headers against ffmpeg's reading of the same streams, and written again to the same bytes. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BoolWriter, SyntaxWriter } from "../../../src/codec/bits/index.js";
import { ivfFrames } from "../../../src/codec/files/index.js";
import type { ParsedUnit } from "../../../src/codec/index.js";
import * as vp9 from "../../../src/codec/vp9/index.js";
import { traceHeaders, type TracedField } from "../support/trace-headers.js";
import { streams } from "./streams.js";

/** Our fields of a unit as ffmpeg prints them: it has no compressed header, and sums up flags that count. */
function printed({ items }: ParsedUnit): TracedField[] {
  const fields: TracedField[] = [];
  for (const item of items) {
    if ("heading" in item) {
      if (item.heading.structure === "compressed_header") break;
      continue;
    }
    const { name, subscripts, bitPosition: position, bitLength: length, value } = item.field;
    const before = fields.at(-1);
    const counted = name.replace(/^increment_/, "");
    if (counted !== name && before?.name === counted) {
      const sum = { length: before.length + length, value: before.value + Number(value) };
      fields[fields.length - 1] = { ...before, ...sum };
    } else {
      const indices = subscripts.map((i) => `[${i}]`).join("");
      const [element = "", part] = counted.split(".");
      const indexed = `${element}${indices}${part === undefined ? "" : `.${part}`}`;
      fields.push({ name: theirNames[indexed] ?? indexed, position, length, value: Number(value) });
    }
  }
  return fields;
}

/** Where ffmpeg differs from the specification. */
const theirNames: Readonly<Record<string, string>> = {
  raw_interpolation_filter: "raw_interpolation_filter_type",
};

/** ffmpeg prints a count that has no bits, too. */
const hasBits = ({ length }: TracedField): boolean => length > 0;

describe.each(streams)("VP9, %s", (_name, file) => {
  const path = file();
  const stream = readFileSync(path);

  it("has every field of its uncompressed headers where ffmpeg has it, with the same value", () => {
    const units = [...vp9.parseUnits(stream)];
    expect(units.filter(({ error }) => error !== undefined)).toEqual([]);
    const traced = traceHeaders(path);
    for (const title of ["Frame", "Superframe Index"]) {
      const theirs = traced
        .filter((unit) => unit.title === title)
        .map(({ fields }) => fields.filter(hasBits));
      const ours = units.filter(({ name }) => name === title).map(printed);
      expect(ours).toEqual(theirs);
    }
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
