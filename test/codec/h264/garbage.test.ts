import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CodecError } from "../../../src/codec/index.js";
import { codedFrames, frameControls, parseUnits } from "../../../src/codec/h264/index.js";
import { clips } from "./streams.js";

const streams = clips.map(({ path }) => readFileSync(path));

/** A stream with some bytes changed, cut off somewhere. */
const damaged = fc
  .tuple(
    fc.constantFrom(...streams),
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 12 }),
    fc.nat(),
    fc.boolean(),
  )
  .map(([stream, changes, length, atHeaders]) => {
    const bytes = Uint8Array.from(stream);
    const range = atHeaders ? 60 : bytes.length;
    for (const [at, value] of changes) bytes[at % range] = value;
    return bytes.subarray(0, 1 + (length % bytes.length));
  });

function derive(stream: Uint8Array): void {
  try {
    for (const _ of frameControls(stream)) continue;
  } catch (error) {
    expect(error).toBeInstanceOf(CodecError);
  }
}

describe("damaged streams", () => {
  it("give controls or a CodecError", () => {
    fc.assert(fc.property(damaged, derive), { numRuns: 300 });
  });

  it("are explained up to the error, for every unit", () => {
    fc.assert(
      fc.property(damaged, (stream) => {
        for (const unit of parseUnits(stream)) {
          for (const item of unit.items) {
            const position = "field" in item ? item.field.bitPosition : item.heading.bitPosition;
            expect(position).toBeLessThanOrEqual(unit.length * 8);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("of random bytes behind start codes do no harm either", () => {
    const unit = fc.tuple(
      fc.constantFrom(0x67, 0x68, 0x65, 0x41, 0x06, 0x09, 0x6d, 0x42),
      fc.uint8Array({ maxLength: 60 }),
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 12 }), (units) => {
        derive(Buffer.concat(units.flatMap(([header, data]) => [Uint8Array.of(0, 0, 1, header), data])));
      }),
      { numRuns: 500 },
    );
  });
});

describe("streams that are not whole", () => {
  const [stream = new Uint8Array()] = streams;

  it("say which parameter set is missing", () => {
    const slice = [...parseUnits(stream)].find(({ name }) => name.startsWith("Coded slice"));
    expect(() => [...codedFrames(stream.subarray((slice?.offset ?? 0) - 4))]).toThrow(
      /there was no picture parameter set 0/,
    );
  });

  it("say where frames are missing", () => {
    const frames = [...codedFrames(stream)];
    const [second, third] = [frames[1]?.pictures[0]?.streamOffset, frames[2]?.pictures[0]?.streamOffset];
    const without = Buffer.concat([stream.subarray(0, second), stream.subarray(third)]);
    expect(() => [...codedFrames(without)]).toThrow(
      /frame_num is 2 after 0, and the sequence allows no gaps: frames are missing \(section 7.4.3\)/,
    );
  });

  it("may start at a picture that is no IDR picture: what it never saw is no reference", () => {
    const frames = [...codedFrames(stream)];
    const firstSlice = frames[0]?.pictures[0]?.streamOffset;
    const later = frames[4]?.pictures[0]?.streamOffset;
    const joined = Buffer.concat([stream.subarray(0, firstSlice), stream.subarray(later)]);
    const [first] = codedFrames(joined);
    expect(first?.pictures[0]?.references).toEqual([]);
    expect(first?.pictures[0]?.slices[0]?.lists[0]).toEqual([undefined, undefined, undefined, undefined]);
  });
});
