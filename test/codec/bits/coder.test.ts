import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bitInNal,
  BitReader,
  CodecError,
  escapeRbsp,
  RbspBuffer,
  RecordingReader,
  signedSubexpWithRef,
  SyntaxReader,
  SyntaxWriter,
  type Coder,
  type Field,
} from "../../../src/codec/bits/index.js";

/** One element of a random syntax: how it is coded and a value that fits. */
const element = fc.oneof(
  fc
    .integer({ min: 0, max: 32 })
    .chain((bits) =>
      fc.tuple(fc.constant("u" as const), fc.constant(bits), fc.integer({ min: 0, max: 2 ** bits - 1 })),
    ),
  fc
    .integer({ min: 1, max: 31 })
    .chain((bits) =>
      fc.tuple(
        fc.constant("i" as const),
        fc.constant(bits),
        fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 }),
      ),
    ),
  fc
    .integer({ min: 1, max: 31 })
    .chain((bits) =>
      fc.tuple(
        fc.constant("s" as const),
        fc.constant(bits),
        fc.integer({ min: 1 - 2 ** bits, max: 2 ** bits - 1 }),
      ),
    ),
  fc.tuple(fc.constant("ue" as const), fc.constant(0), fc.integer({ min: 0, max: 2 ** 32 - 2 })),
  fc.tuple(fc.constant("se" as const), fc.constant(0), fc.integer({ min: 1 - 2 ** 31, max: 2 ** 31 - 1 })),
  fc.tuple(
    fc.constant("uvlc" as const),
    fc.constant(0),
    fc.constantFrom(0, 1, 77, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1),
  ),
  fc.tuple(fc.constant("leb128" as const), fc.constant(0), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  fc
    .integer({ min: 1, max: 4 })
    .chain((bytes) =>
      fc.tuple(fc.constant("le" as const), fc.constant(bytes), fc.integer({ min: 0, max: 256 ** bytes - 1 })),
    ),
  fc
    .integer({ min: 1, max: 100_000 })
    .chain((count) =>
      fc.tuple(fc.constant("ns" as const), fc.constant(count), fc.integer({ min: 0, max: count - 1 })),
    ),
);
type Element = typeof element extends fc.Arbitrary<infer Value> ? Value : never;

/** Runs one element; `value` undefined when reading. */
function code(c: Coder, [kind, size]: Element, value: number | undefined): number {
  switch (kind) {
    case "u":
      return c.u("x", size, value);
    case "i":
      return c.i("x", size, value);
    case "s":
      return c.s("x", size, value);
    case "ue":
      return c.ue("x", value, 0, 2 ** 32 - 2);
    case "se":
      return c.se("x", value, 1 - 2 ** 31, 2 ** 31 - 1);
    case "uvlc":
      return c.uvlc("x", value);
    case "leb128":
      return c.leb128("x", value);
    case "le":
      return c.le("x", size, value);
    case "ns":
      return c.ns("x", size, value);
  }
}

function write(syntax: (c: Coder) => void): Uint8Array {
  const writer = new SyntaxWriter("test");
  syntax(writer);
  return writer.finish();
}

describe("a syntax function", () => {
  it("reads what it wrote, whatever the elements and their alignment", () => {
    fc.assert(
      fc.property(fc.array(element, { maxLength: 40 }), (elements) => {
        const bytes = write((c) => elements.forEach((one) => code(c, one, one[2])));
        const reader = new SyntaxReader("test", bytes);
        for (const one of elements) expect(code(reader, one, undefined)).toBe(one[2]);
        expect(reader.remaining).toBeLessThan(8);
      }),
    );
  });

  it("tells a sink fields that cover the stream without holes", () => {
    fc.assert(
      fc.property(fc.array(element, { maxLength: 40 }), (elements) => {
        const bytes = write((c) => elements.forEach((one) => code(c, one, one[2])));
        const fields: Field[] = [];
        const reader = new RecordingReader("test", { field: (field) => fields.push(field) }, bytes);
        for (const one of elements) code(reader, one, undefined);
        let position = 0;
        for (const [index, field] of fields.entries()) {
          expect(field.bitPosition).toBe(position);
          expect(field.value).toBe(elements[index]?.[2]);
          position += field.bitLength;
        }
        expect(fields).toHaveLength(elements.length);
        expect(position).toBe(reader.position);
      }),
    );
  });

  it("gives values or a CodecError for any bytes, and never reads beyond them", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.array(element, { maxLength: 40 }),
        (bytes, elements) => {
          const reader = new SyntaxReader("test", bytes);
          try {
            for (const one of elements) code(reader, one, undefined);
          } catch (error) {
            expect(error).toBeInstanceOf(CodecError);
          }
          expect(reader.position).toBeLessThanOrEqual(bytes.length * 8);
        },
      ),
    );
  });

  it("does not write a value that a reader would refuse", () => {
    const writer = new SyntaxWriter("test");
    expect(() => writer.ue("log2", 13, 0, 12)).toThrow(/log2 is 13, and the specification allows 0 to 12/);
    expect(() => writer.u("x", 3, 8)).toThrow(CodecError);
    expect(() => writer.u("x", 3, 0.5)).toThrow(CodecError);
    expect(() => writer.u("x", 3, undefined)).toThrow(/x has no value/);
    expect(() => writer.u64("x", 40, 1n << 40n)).toThrow(CodecError);
    expect(writer.position).toBe(0);
  });
});

describe("BitReader", () => {
  it("reads the Exp-Golomb codes of the specification's table 9-2", () => {
    const reader = new BitReader(
      "H.264",
      Uint8Array.of(0b10100110, 0b01000010, 0b10011000, 0b11100010, 0b00000000),
    );
    expect([0, 1, 2, 3, 4, 5, 6, 7].map(() => reader.readUe())).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("names the element in which the data ends, the place and the clause", () => {
    const reader = new SyntaxReader("H.264", Uint8Array.of(0xff, 0xff));
    reader.structure("pic_parameter_set_rbsp", "7.3.2.2");
    reader.u("a", 10);
    expect(() => reader.u("level_idc", 8)).toThrow(
      "H.264: the data ends inside level_idc (section 7.3.2.2, bit 10)",
    );
  });

  it("refuses an Exp-Golomb code of more than 32 bits", () => {
    const reader = new BitReader("H.264", new Uint8Array(20));
    expect(() => reader.readUe("x")).toThrow(/more than 32 leading zeros/);
  });

  it("keeps all 64 bits", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 7 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (before, value) => {
          const bytes = write((c) => {
            c.u("before", before, 0);
            c.u64("x", 64, value);
          });
          const reader = new SyntaxReader("test", bytes);
          reader.skip(before);
          expect(reader.u64("x", 64)).toBe(value);
        },
      ),
    );
  });

  it.each([
    [[0x80], 0, false],
    [[0xc0], 0, true],
    [[0xc0], 1, false],
    [[0x01, 0x80, 0x00, 0x00], 7, true],
    [[0x01, 0x80, 0x00, 0x00], 8, false],
    [[0x00], 0, false],
    [[], 0, false],
  ])("more_rbsp_data() of %j at bit %i is %s", (bytes, position, expected) => {
    const reader = new BitReader("H.264", Uint8Array.from(bytes));
    reader.seek(position);
    expect(reader.hasMoreRbspData()).toBe(expected);
  });

  it("refuses leb128() beyond 32 bits and beyond 8 bytes", () => {
    const large = new BitReader("AV1", Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x1f));
    expect(() => large.readLeb128("size")).toThrow(/leb128\(\) ends at 4294967295/);
    const endless = new BitReader("AV1", new Uint8Array(9).fill(0x80));
    expect(() => endless.readLeb128("size")).toThrow(/does not end within the 8 bytes/);
  });
});

describe("emulation prevention", () => {
  /** With the trailing bits, or the cabac_zero_words, that every RBSP ends with. */
  const ends = fc.constantFrom([0x80], [0x80, 0, 0], [0x80, 0, 0, 0, 0]);
  const zeros = fc
    .tuple(fc.array(fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 255), { maxLength: 60 }), ends)
    .map((parts) => parts.flat());

  it("is taken out again as it was put in, and hides every start code", () => {
    const buffer = new RbspBuffer();
    fc.assert(
      fc.property(zeros, (values) => {
        const rbsp = Uint8Array.from(values);
        const nal = escapeRbsp(rbsp);
        for (let i = 0; i + 2 < nal.length; i += 1) {
          expect(nal[i] === 0 && nal[i + 1] === 0 && (nal[i + 2] ?? 0) < 3).toBe(false);
        }
        const found = buffer.unescape(nal);
        expect([...found.bytes]).toEqual(values);
        for (let i = 0; i < values.length; i += 1) {
          expect(nal[bitInNal(found, i * 8) / 8]).toBe(values[i]);
        }
      }),
    );
  });
});

describe("signed_subexp_with_ref()", () => {
  it("reads what it wrote", () => {
    const parameters = fc
      .tuple(fc.integer({ min: -5000, max: 0 }), fc.integer({ min: 1, max: 5000 }))
      .chain(([low, high]) => {
        const inside = fc.integer({ min: low, max: high - 1 });
        return fc.tuple(fc.constant(low), fc.constant(high), inside, inside);
      });
    fc.assert(
      fc.property(parameters, ([low, high, reference, value]) => {
        const bytes = write((c) => void signedSubexpWithRef(c, low, high, reference, value));
        const reader = new SyntaxReader("AV1", bytes);
        expect(signedSubexpWithRef(reader, low, high, reference, undefined)).toBe(value);
      }),
    );
  });
});
