/** Plain values: what is read can be written, byte for byte, for every struct; and what the log prints. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emit } from "../../../scripts/uapi/emit.js";
import { plainName } from "../../../scripts/uapi/names.js";
import type { FieldLayout, Layout } from "../../../src/uapi/layout.js";
import { fourcc } from "../../../src/v4l2/index.js";
import * as v4l2 from "../../../src/v4l2/gen/index.js";
import { facts, isScalar, layoutOf, namedTypes, placesOf, tableOf } from "./support.js";

const structs = namedTypes().filter((name) => layoutOf(name).kind === "struct");

const integer = (bits: number, signed: boolean): fc.Arbitrary<number> =>
  signed
    ? fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })
    : fc.integer({ min: 0, max: 2 ** bits - 1 });

/** Text of at most `size` - 1 bytes of UTF-8. */
const text = (size: number): fc.Arbitrary<string> =>
  fc
    .string({ unit: "grapheme", maxLength: size - 1 })
    .filter((value) => !value.includes("\0") && Buffer.byteLength(value) < size);

function scalarArbitrary(type: string): fc.Arbitrary<unknown> {
  if (type === "s64") return fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n });
  if (type === "u64" || type === "ptr") return fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
  return integer(Number(type.slice(1)), type.startsWith("s"));
}

const raw = (size: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: size, maxLength: size });

function fieldArbitrary(field: FieldLayout, depth = 0): fc.Arbitrary<unknown> {
  const dim = field.dims[depth];
  if (field.type === "str") return text(dim ?? 0);
  if (dim !== undefined)
    return fc.array(fieldArbitrary(field, depth + 1), { minLength: dim, maxLength: dim });
  if (isScalar(field.type)) return scalarArbitrary(field.type);
  const layout = layoutOf(field.type);
  return layout.kind === "union" ? raw(layout.size) : valueArbitrary(layout);
}

/** Any plain value of a struct. */
function valueArbitrary(layout: Layout): fc.Arbitrary<object> {
  const properties = (of: Layout): [string, fc.Arbitrary<unknown>][] =>
    of.fields.flatMap((field) => {
      if (field.dims[0] === 0) return [];
      if (field.name !== "") return [[field.name, fieldArbitrary(field)] as [string, fc.Arbitrary<unknown>]];
      const inner = layoutOf(field.type);
      if (inner.kind === "struct") return properties(inner);
      if (inner.stands === undefined) return [["anon", raw(inner.size)] as [string, fc.Arbitrary<unknown>]];
      return properties({ ...inner, fields: inner.fields.filter(({ name }) => name === inner.stands) });
    });
  return fc.record(Object.fromEntries(properties(layout)), { noNullPrototype: true });
}

describe.each(structs)("%s", (name) => {
  const layout = layoutOf(name);
  const struct = tableOf(name).struct(name);
  const runs = { numRuns: layout.size > 1000 ? 5 : 20 };

  it("reads back any value that was written", () => {
    fc.assert(
      fc.property(valueArbitrary(layout), (value) => {
        const bytes = new Uint8Array(layout.size).fill(0xa5);
        struct.write(bytes, value);
        expect(struct.read(bytes)).toEqual(value);
      }),
      runs,
    );
  });

  it("writes the bytes that were read, and none outside its members", () => {
    const texts = placesOf(layout).filter(({ field }) => field.type === "str");
    fc.assert(
      fc.property(raw(layout.size), (bytes) => {
        // Any bytes are a value but in text, where they must be UTF-8 and only what comes before a NUL counts.
        const source = bytes.slice();
        for (const { offset, size } of texts)
          source.fill(0x61, offset, offset + size - 1).fill(0, offset + size / 2, offset + size);
        const target = new Uint8Array(layout.size + 8).fill(0x5a);
        struct.write(target, struct.read(source));
        const expected = new Uint8Array(layout.size + 8).fill(0x5a);
        for (const { offset, size } of placesOf(layout))
          expected.set(withoutPadding(name, source, target, offset, size), offset);
        expect(target).toEqual(expected);
      }),
      runs,
    );
  });

  it("prints one line, whatever its bytes are", () => {
    fc.assert(
      fc.property(raw(layout.size), (bytes) => {
        const line = struct.print(bytes);
        expect(line).not.toMatch(/[\n\0]|undefined|NaN|\[object/);
        expect(line).toBe(struct.print(struct.read(bytes)));
      }),
      runs,
    );
  });

  it("refuses too few bytes", () => {
    const short = new Uint8Array(layout.size - 1);
    const value = struct.read(new Uint8Array(layout.size));
    expect(() => struct.read(short)).toThrow(RangeError);
    expect(() => struct.write(short, value)).toThrow(RangeError);
  });
});

/** A nested struct may have padding of its own, which keeps what was in the target. */
function withoutPadding(
  name: string,
  source: Uint8Array,
  target: Uint8Array,
  offset: number,
  size: number,
): Uint8Array {
  const place = placesOf(layoutOf(name)).find(
    (candidate) => candidate.offset === offset && candidate.size === size,
  );
  const from = source.subarray(offset, offset + size);
  if (place === undefined || isScalar(place.field.type) || layoutOf(place.field.type).kind === "union")
    return from;
  const inner = layoutOf(place.field.type);
  const merged = target.slice(offset, offset + size);
  for (let start = 0; start < size; start += inner.size) {
    for (const part of placesOf(inner)) {
      const bytes = withoutPadding(
        inner.name,
        from.subarray(start),
        merged.subarray(start),
        part.offset,
        part.size,
      );
      merged.set(bytes, start + part.offset);
    }
  }
  return merged;
}

/** The interfaces of the generated files, as text: field names and types. */
function declaredInterfaces(): Map<string, [field: string, type: string][]> {
  const declared = new Map<string, [string, string][]>();
  for (const text of emit(facts).values()) {
    for (const [, name = "", body = ""] of text.matchAll(/^export interface (\w+) \{\n(.*?)^\}/gms)) {
      declared.set(
        name,
        [...body.matchAll(/^ {2}readonly (\w+): (.*);$/gm)].map(([, field = "", type = ""]) => [field, type]),
      );
    }
  }
  return declared;
}

function kindOf(value: unknown): string {
  if (value instanceof Uint8Array) return "Uint8Array";
  if (Array.isArray(value)) return `readonly ${kindOf(value[0])}[]`;
  return typeof value;
}

describe("the interfaces", () => {
  const declared = declaredInterfaces();
  const ours = structs.filter((name) => v4l2.layouts.find(name) !== undefined);

  /** `readonly (readonly number[])[]` without brackets, structs as `object`. */
  const simple = (type: string): string =>
    type.replaceAll(/[()]/g, "").replace(/\b(?!Uint8Array\b)[A-Z]\w*/, "object");

  it.each(ours)("%s has the members that reading gives", (name) => {
    const value = tableOf(name).read(name, new Uint8Array(layoutOf(name).size));
    const actual = Object.entries(value).map(([field, item]) => [field, simple(kindOf(item))]);
    expect(declared.get(plainName(name))?.map(([field, type]) => [field, simple(type)])).toEqual(actual);
  });
});

describe("a plain value", () => {
  it("is a copy", () => {
    const bytes = new Uint8Array(v4l2.PlaneView.SIZE);
    const plane = v4l2.layouts.read("v4l2_plane", bytes);
    bytes.fill(0xff);
    expect(plane).toEqual({
      bytesused: 0,
      length: 0,
      m: new Uint8Array(8),
      data_offset: 0,
      reserved: new Array(11).fill(0),
    });
  });

  it("keeps the bytes of a union, to look at when its owner says what they are", () => {
    const view = new v4l2.PlaneView(new Uint8Array(v4l2.PlaneView.SIZE));
    view.m.mem_offset = 0x1000;
    expect(new v4l2.PlaneMView(v4l2.layouts.read("v4l2_plane", view).m).mem_offset).toBe(0x1000);
  });

  it("keeps arrays in the shape that C gives them", () => {
    const view = new v4l2.CtrlH264ScalingMatrixView(new Uint8Array(v4l2.CtrlH264ScalingMatrixView.SIZE));
    view.scaling_list_8x8[2 * 64 + 5] = 9;
    expect(v4l2.layouts.read("v4l2_ctrl_h264_scaling_matrix", view).scaling_list_8x8[2]?.[5]).toBe(9);
  });

  it("is read from a view as well as from bytes", () => {
    const view = new v4l2.RectView(new Uint8Array(16));
    view.left = -1;
    view.width = 640;
    expect(v4l2.layouts.read("v4l2_rect", view)).toEqual({ left: -1, top: 0, width: 640, height: 0 });
    v4l2.layouts.write("v4l2_rect", view, { left: 1, top: 2, width: 3, height: 4 });
    expect([...view.bytes]).toEqual([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]);
  });
});

describe("writing", () => {
  const rect = { left: 0, top: 0, width: 0, height: 0 };
  const target = new Uint8Array(16);

  it.each([-1, 2 ** 32, 0.5, NaN])("refuses %d for a u32, by name", (width) => {
    expect(() => v4l2.layouts.write("v4l2_rect", target, { ...rect, width })).toThrow(
      /^v4l2_rect\.width: .* is not a u32$/,
    );
  });

  it("refuses an array of another length, and bytes of a union of another size", () => {
    const plane = v4l2.layouts.read("v4l2_plane", new Uint8Array(64));
    expect(() => v4l2.layouts.write("v4l2_plane", new Uint8Array(64), { ...plane, reserved: [1] })).toThrow(
      "v4l2_plane.reserved: needs an array of 11",
    );
    expect(() =>
      v4l2.layouts.write("v4l2_plane", new Uint8Array(64), { ...plane, m: new Uint8Array(4) }),
    ).toThrow("needs a Uint8Array of 8 bytes");
  });

  it("refuses what a 64-bit field cannot hold", () => {
    expect(() => v4l2.layouts.write("timeval", target, { tv_sec: 1n << 63n, tv_usec: 0n })).toThrow(
      "timeval.tv_sec",
    );
  });
});

describe("printing", () => {
  it("names enums, shows flags in hex and fourccs as text, and leaves zero reserved fields out", () => {
    const view = new v4l2.BufferView(new Uint8Array(v4l2.BufferView.SIZE));
    view.type = v4l2.BufType.VideoOutputMplane;
    view.flags = v4l2.BufFlag.Mapped;
    view.memory = v4l2.Memory.Mmap;
    view.timestamp.tv_sec = 5n;
    view.m.planes = 0x7f0000001000n;
    view.request_fd = -1;
    expect(v4l2.layouts.print("v4l2_buffer", view)).toBe(
      "index=0, type=V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, bytesused=0, flags=0x00000001, field=V4L2_FIELD_ANY, " +
        "timestamp={tv_sec=5, tv_usec=0}, " +
        "timecode={type=0, flags=0x00000000, frames=0, seconds=0, minutes=0, hours=0, userbits=[0, 0, 0, 0]}, " +
        "sequence=0, memory=V4L2_MEMORY_MMAP, m=<8 bytes: 00100000007f>, length=0, request_fd=-1",
    );
    const pix = new v4l2.PixFormatView(new Uint8Array(v4l2.PixFormatView.SIZE));
    pix.pixelformat = fourcc("NV12");
    expect(v4l2.layouts.print("v4l2_pix_format", pix)).toContain("pixelformat='NV12'");
  });

  it("shows reserved fields that somebody filled", () => {
    const view = new v4l2.CapabilityView(new Uint8Array(v4l2.CapabilityView.SIZE));
    view.driver = 'a "b"';
    view.reserved = [0, 7];
    expect(v4l2.layouts.print("v4l2_capability", view)).toBe(
      'driver="a \\"b\\"", card="", bus_info="", version=0, capabilities=0x00000000, device_caps=0x00000000, reserved=[0, 7, 0]',
    );
  });

  it("cuts arrays", () => {
    const quantisation = v4l2.layouts.print(
      "v4l2_ctrl_mpeg2_quantisation",
      new Uint8Array(v4l2.CtrlMpeg2QuantisationView.SIZE).fill(3),
    );
    expect(quantisation).toContain("intra_quantiser_matrix=[3, 3, 3, 3, 3, 3, 3, 3, +56 more]");
    expect(quantisation.length).toBeLessThan(400);
  });
});
