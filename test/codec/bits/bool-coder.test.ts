import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  BoolReader,
  BoolWriter,
  CodecError,
  RecordingBoolReader,
  type Field,
} from "../../../src/codec/bits/index.js";

const symbols = fc.array(fc.tuple(fc.integer({ min: 1, max: 255 }), fc.boolean()), { maxLength: 400 });

describe("the boolean coder", () => {
  it("reads what it wrote, whatever the probabilities", () => {
    fc.assert(
      fc.property(symbols, (list) => {
        const writer = new BoolWriter("VP8");
        for (const [probability, symbol] of list) writer.bool("x", probability, symbol);
        const reader = new BoolReader("VP8", writer.finish());
        for (const [probability, symbol] of list) expect(reader.bool("x", probability)).toBe(symbol);
      }),
    );
  });

  it("resumes from its state: range, the 8 bits of value, and the bits behind them", () => {
    fc.assert(
      fc.property(symbols, symbols, (before, after) => {
        const writer = new BoolWriter("VP8");
        for (const [probability, symbol] of [...before, ...after]) writer.bool("x", probability, symbol);
        const bytes = writer.finish();
        const reader = new BoolReader("VP8", bytes);
        for (const [probability] of before) reader.bool("x", probability);
        const { range, value, bitCount } = reader.state;
        // A decoder that starts anew: `value`, then the stream from the byte behind the `bitCount` bits.
        let bit = reader.position + 8;
        expect((8 - (bit % 8)) % 8).toBe(bitCount);
        let window = value;
        let width = range;
        for (const [probability, symbol] of after) {
          const split = 1 + (((width - 1) * probability) >> 8);
          expect(window >= split).toBe(symbol);
          if (symbol) [window, width] = [window - split, width - split];
          else width = split;
          while (width < 128) {
            width *= 2;
            window = window * 2 + (((bytes[bit >> 3] ?? 0) >> (7 - (bit % 8))) & 1);
            bit += 1;
          }
        }
      }),
    );
  });

  it("tells the bits that each element took, which may be none", () => {
    const writer = new BoolWriter("VP8");
    writer.literal("y_ac_qi", 7, 77);
    writer.bool("certain", 255, false);
    const fields: Field[] = [];
    const reader = new RecordingBoolReader(
      "VP8",
      { field: (field) => fields.push(field) },
      writer.finish(),
      24,
    );
    reader.literal("y_ac_qi", 7, undefined, 1, 2);
    reader.bool("certain", 255);
    expect(fields).toEqual([
      { name: "y_ac_qi", subscripts: [1, 2], bitPosition: 24, bitLength: 7, value: 77 },
      {
        name: "certain",
        subscripts: [],
        bitPosition: 31,
        bitLength: expect.any(Number) as number,
        value: false,
      },
    ]);
  });

  it("stops with a CodecError where the data ends", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), fc.integer({ min: 0, max: 4 }), (bytes, overrun) => {
        const readAll = () => {
          const reader = new BoolReader("VP8", bytes, overrun);
          for (let i = 0; i < 10_000; i += 1) reader.literal("x", 8);
        };
        expect(readAll).toThrow(CodecError);
      }),
    );
  });
});
