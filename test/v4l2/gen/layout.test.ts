/**
 * gcc is the judge: what it says of the kernel's headers, in a running program and in its debug information, is
 * compared with the generated layouts and with what the views really do.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { isReserved } from "../../../scripts/uapi/compare.js";
import { dwarfOffsets, probe, type Places } from "../../../scripts/uapi/probe.js";
import { BigIntArray, NumberArray, StructArray } from "../../../src/uapi/runtime.js";
import {
  DOWNLOAD_TIMEOUT_MS,
  facts,
  headers,
  isScalar,
  layoutOf,
  namedTypes,
  placesOf,
  sizeOfType,
  viewedTypes,
  viewOf,
  type AnyView,
  type Place,
} from "./support.js";

let compiled: Places;
let debugInfo: Map<string, number>;
/** Headers newer than the facts may have made fields out of reserved space; nothing else may differ. */
let tolerate: (path: string) => boolean;

beforeAll(() => {
  const { root, exact } = headers();
  tolerate = (path) => !exact && isReserved(path.slice(path.lastIndexOf(".") + 1));
  compiled = probe(facts, root);
  debugInfo = dwarfOffsets(root);
}, DOWNLOAD_TIMEOUT_MS);

/** Everything the generated layouts know, in the form of the C program's output. */
function generatedPlaces(): Places {
  const places: Places = new Map();
  for (const name of namedTypes()) {
    const layout = layoutOf(name);
    places.set(name, { offset: 0, size: layout.size });
    for (const { path, offset, size } of placesOf(layout)) places.set(`${name}.${path}`, { offset, size });
  }
  return places;
}

const lines = (places: Places): string[] =>
  [...places]
    .filter(([path]) => !tolerate(path))
    .map(([path, { offset, size }]) => `${path}: ${size} bytes at ${offset}`)
    .sort();

describe("layouts", () => {
  it("are those that a compiled C program prints, member by member", () => {
    expect(lines(generatedPlaces())).toEqual(lines(compiled));
  });

  it("have every member that gcc's debug information has", () => {
    const ours = /^(?:v4l2|media|fuse|cuse)_/;
    const seen = [...debugInfo.keys()].filter((path) => ours.test(path) && !tolerate(path)).sort();
    const places = generatedPlaces();
    const known = [...places.keys()]
      .filter((path) => path.includes(".") && ours.test(path) && !tolerate(path))
      .sort();
    expect(known).toEqual(seen);
    expect(known.filter((path) => places.get(path)?.offset !== debugInfo.get(path))).toEqual([]);
  });

  it("are many: the judges did see the headers", () => {
    expect(namedTypes().length).toBeGreaterThan(200);
    expect(compiled.size).toBeGreaterThan(1500);
  });
});

describe("views", () => {
  it.each(viewedTypes())("%s has the size that C gives it", (name) => {
    expect(viewOf(name)?.SIZE).toBe(compiled.get(name)?.size);
  });

  it.each(viewedTypes())("%s reads and writes each member where C has it", (name) => {
    for (const place of placesOf(layoutOf(name))) {
      const where = compiled.get(`${name}.${place.path}`);
      if (where === undefined) throw new Error(`the C program has no ${name}.${place.path}`);
      if (place.field.dims.includes(0) || tolerate(place.path)) continue;
      expectAt(name, place, where.offset);
    }
  });

  it.each(viewedTypes())("%s refuses one byte less", (name) => {
    const View = viewOf(name);
    if (View === undefined) throw new Error(`no view of ${name}`);
    const short = new Uint8Array(View.SIZE - 1);
    expect(() => new View(short)).toThrow(RangeError);
    expect(() => new View(short)).toThrow(`${name} needs ${View.SIZE} bytes, got ${View.SIZE - 1}`);
  });
});

/** A different value in every byte, as far as that goes. */
const pattern = (size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, index) => (index * 37 + 11) & 0xff);

function littleEndian(bytes: Uint8Array, offset: number, width: number, signed: boolean): bigint {
  let value = 0n;
  for (let index = width - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[offset + index] ?? 0);
  return signed ? BigInt.asIntN(width * 8, value) : value;
}

/** A view in the middle of a larger buffer, at an odd place: drivers get their bytes like that. */
function viewAt(name: string, fill: (size: number) => Uint8Array): AnyView {
  const View = viewOf(name);
  if (View === undefined) throw new Error(`no view of ${name}`);
  const buffer = new Uint8Array(View.SIZE + 7);
  const bytes = buffer.subarray(3, 3 + View.SIZE);
  bytes.set(fill(View.SIZE));
  return new View(bytes);
}

/** Follows `m.planes` down to the view that holds the last member. */
function holder(view: AnyView, path: string): [AnyView, string] {
  const [first = "", ...rest] = path.split(".");
  return rest.length === 0 ? [view, first] : holder(view[first] as AnyView, rest.join("."));
}

function expectAt(name: string, place: Place, offset: number): void {
  const { path, size, field } = place;
  const label = `${name}.${path}`;
  const [owner, key] = holder(viewAt(name, pattern), path);
  const bytes = pattern(viewOf(name)?.SIZE ?? 0);

  if (!isScalar(field.type)) {
    const width = sizeOfType(field.type);
    const value = owner[key];
    const views = value instanceof StructArray ? ([...value] as AnyView[]) : [value as AnyView];
    expect(views.length, label).toBe(size / width);
    views.forEach((view, index) => {
      const start = offset + index * width;
      expect(view.bytes, label).toEqual(bytes.subarray(start, start + width));
    });
    return;
  }
  const width = sizeOfType(field.type);
  const expected = Array.from({ length: size / width }, (_, index) =>
    littleEndian(bytes, offset + index * width, width, field.type.startsWith("s") && field.type !== "str"),
  );
  const raw = field.type === "str" ? owner[`${key}_bytes`] : owner[key];
  const elements =
    raw instanceof NumberArray || raw instanceof BigIntArray || raw instanceof Uint8Array
      ? [...raw]
      : [raw as number | bigint];
  expect(elements.map(BigInt), label).toEqual(expected);

  // Writing the same value over zeroes must bring back these bytes and no others.
  const [target, last] = holder(
    viewAt(name, (length) => new Uint8Array(length)),
    path,
  );
  const whole = new Uint8Array(target.bytes.buffer, 3, viewOf(name)?.SIZE);
  target[field.type === "str" ? `${last}_bytes` : last] = field.dims.length === 0 ? raw : elements;
  const only = new Uint8Array(whole.length);
  only.set(bytes.subarray(offset, offset + size), offset);
  expect(whole, label).toEqual(only);
  expect(new Uint8Array(target.bytes.buffer).subarray(0, 3), label).toEqual(new Uint8Array(3));
}
