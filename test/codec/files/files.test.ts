import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CodecError, escapeRbsp } from "../../../src/codec/bits/index.js";
import {
  ivfFrames,
  joinLengthPrefixed,
  joinNalUnits,
  lengthPrefixedUnits,
  readIvfHeader,
  startCodeUnits,
  writeIvf,
} from "../../../src/codec/files/index.js";

const units = fc.array(
  fc
    .array(fc.constantFrom(0, 0, 1, 3, 200), { minLength: 1, maxLength: 30 })
    .map((bytes) => escapeRbsp(Uint8Array.of(...bytes, 0x80))),
  { maxLength: 10 },
);

describe("a byte stream", () => {
  it("splits into the NAL units it was made of", () => {
    fc.assert(
      fc.property(units, (list) => {
        const found = [...startCodeUnits(joinNalUnits(list))];
        expect(found.map(({ data }) => [...data])).toEqual(list.map((unit) => [...unit]));
        let offset = 0;
        for (const unit of found) {
          expect(unit.offset).toBe(offset);
          expect(unit.dataOffset).toBe(offset + 4);
          offset += 4 + unit.data.length;
        }
      }),
    );
  });

  it("takes short start codes, leading bytes and trailing zeros", () => {
    const found = [...startCodeUnits(Uint8Array.of(9, 0, 0, 1, 0x67, 5, 0, 0, 0, 0, 1, 0x68, 0, 0))];
    expect(found.map(({ offset, dataOffset, data }) => [offset, dataOffset, ...data])).toEqual([
      [1, 4, 0x67, 5],
      [7, 11, 0x68],
    ]);
  });
});

describe("length-prefixed samples", () => {
  it.each([1, 2, 4] as const)("with lengths of %i bytes split into their units", (size) => {
    fc.assert(
      fc.property(units, (list) => {
        expect([...lengthPrefixedUnits(joinLengthPrefixed(list, size), size)]).toEqual(list);
      }),
    );
  });

  it("refuse a length beyond the sample", () => {
    expect(() => [...lengthPrefixedUnits(Uint8Array.of(0, 0, 0, 3, 1, 2), 4)]).toThrow(CodecError);
    expect(() => [...lengthPrefixedUnits(Uint8Array.of(0, 0), 4)]).toThrow(CodecError);
  });
});

describe("IVF", () => {
  const header = { fourcc: "VP80", width: 320, height: 240, timebaseDenominator: 30, timebaseNumerator: 1 };
  const frames = fc.array(
    fc.record({ timestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), data: fc.uint8Array() }),
  );

  it("reads what it wrote", () => {
    fc.assert(
      fc.property(frames, (list) => {
        const file = writeIvf(header, list);
        expect(readIvfHeader(file)).toEqual({ ...header, frameCount: list.length });
        expect([...ivfFrames(file)].map(({ timestamp, data }) => ({ timestamp, data }))).toEqual(list);
      }),
    );
  });

  it("gives frames or a CodecError for any bytes", () => {
    fc.assert(
      fc.property(frames, fc.nat(), fc.nat({ max: 255 }), fc.nat(), (list, at, value, length) => {
        const file = writeIvf(header, list);
        file[at % file.length] = value;
        try {
          for (const frame of ivfFrames(file.subarray(0, length % (file.length + 1)))) {
            expect(frame.data.length).toBeLessThan(file.length);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
        }
      }),
    );
  });
});
