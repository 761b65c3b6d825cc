/** The copy between two layouts of a struct: which byte goes where, and what is refused when it is worked out. */
import { describe, expect, it } from "vitest";
import type { Definition } from "../../src/uapi/layout.js";
import { LayoutTable } from "../../src/uapi/table.js";
import { compileTranslation } from "../../src/uapi/translate.js";
import type { Translation, UnionChoice } from "../../src/uapi/translate.js";
import { hex } from "../support/hex.js";

type Definitions = Readonly<Record<string, Definition>>;

function compile(ours: Definitions, theirs: Definitions, choices: readonly UnionChoice[] = []): Translation {
  const [our, their] = [new LayoutTable<object>(ours), new LayoutTable<object>(theirs)];
  return compileTranslation("thing", {
    ours: (name) => our.get(name),
    theirs: (name) => their.get(name),
    choices,
  });
}

function toOurs(translation: Translation, theirs: Uint8Array): Uint8Array {
  const ours = new Uint8Array(translation.ourSize).fill(0xee);
  translation.toOurs(theirs, ours);
  return ours;
}

function toTheirs(translation: Translation, ours: Uint8Array): Uint8Array {
  const theirs = new Uint8Array(translation.theirSize).fill(0xee);
  translation.toTheirs(ours, theirs);
  return theirs;
}

const thing = (size: number, ...fields: Definition["fields"]): Definitions => ({ thing: { size, fields } });

describe("a member", () => {
  it("moves, and what is between members is zero here and stays there", () => {
    const translation = compile(
      thing(16, ["a", 0, "u32"], ["b", 8, "u64"]),
      thing(16, ["a", 0, "u32"], ["b", 4, "u64"]),
    );
    expect(toOurs(translation, hex`01020304 1112131415161718 ffffffff`)).toEqual(
      hex`01020304 00000000 1112131415161718`,
    );
    expect(toTheirs(translation, hex`01020304 ffffffff 1112131415161718`)).toEqual(
      hex`01020304 1112131415161718 eeeeeeee`,
    );
  });

  it("of 4 bytes is a pointer or an unsigned long of 8", () => {
    const translation = compile(
      thing(16, ["p", 0, "ptr"], ["n", 8, "u64"]),
      thing(8, ["p", 0, "u32"], ["n", 4, "u32"]),
    );
    expect(toOurs(translation, hex`ffffffff 010000ff`)).toEqual(hex`ffffffff00000000 010000ff00000000`);
    expect(toTheirs(translation, hex`0102030405060708 1112131415161718`)).toEqual(hex`01020304 11121314`);
  });

  it("that is signed keeps its sign", () => {
    const translation = compile(
      thing(16, ["s", 0, "s64"], ["t", 8, "s64"]),
      thing(8, ["s", 0, "s32"], ["t", 4, "s32"]),
    );
    expect(toOurs(translation, hex`ffffffff ffffff7f`)).toEqual(hex`ffffffffffffffff ffffff7f00000000`);
  });

  it("is found in structs and arrays inside", () => {
    const translation = compile(
      {
        ...thing(40, ["x", 0, "u32"], ["pair", 8, "pair", [2]]),
        pair: {
          size: 16,
          fields: [
            ["p", 0, "ptr"],
            ["c", 8, "u8", [3]],
          ],
        },
      },
      {
        ...thing(20, ["x", 0, "u32"], ["pair", 4, "pair", [2]]),
        pair: {
          size: 8,
          fields: [
            ["p", 0, "u32"],
            ["c", 4, "u8", [3]],
          ],
        },
      },
    );
    const theirs = hex`01000000 11000000 a1a2a300 22000000 b1b2b300`;
    const ours = toOurs(translation, theirs);
    expect(ours).toEqual(
      hex`01000000 00000000 1100000000000000 a1a2a30000000000 2200000000000000 b1b2b30000000000`,
    );
    const back = new Uint8Array(20);
    translation.toTheirs(ours, back);
    expect(back).toEqual(theirs);
  });

  it("that is missing, narrower here, or of another kind, is refused", () => {
    const one = thing(4, ["a", 0, "u32"]);
    expect(() => compile(one, thing(4, ["b", 0, "u32"]))).toThrow("no such member");
    expect(() => compile(one, thing(8, ["a", 0, "u64"]))).toThrow("is a u32 here and a u64 there");
    expect(() => compile(one, thing(8, ["a", 0, "u32"], ["b", 4, "u32"]))).toThrow("not the same members");
    expect(() => compile(one, thing(8, ["a", 0, "u32", [2]]))).toThrow("no such member");
  });
});

describe("a union", () => {
  const union = (size: number, ...fields: Definition["fields"]): Definition => ({
    size,
    union: true,
    fields,
  });

  it("is copied as its widest member where that does for all", () => {
    const translation = compile(
      {
        ...thing(16, ["k", 0, "u32"], ["m", 8, "m"]),
        m: union(8, ["offset", 0, "u32"], ["userptr", 0, "u64"], ["fd", 0, "s32"]),
      },
      {
        ...thing(8, ["k", 0, "u32"], ["m", 4, "m"]),
        m: union(4, ["offset", 0, "u32"], ["userptr", 0, "u32"], ["fd", 0, "s32"]),
      },
    );
    // A descriptor of -1 has no sign beyond its 4 bytes, and nobody looks there.
    expect(toOurs(translation, hex`01000000 ffffffff`)).toEqual(hex`01000000 00000000 ffffffff00000000`);
  });

  const ours = {
    ...thing(24, ["type", 0, "u32"], ["fmt", 8, "fmt"]),
    fmt: union(16, ["win", 0, "win"], ["raw", 0, "u8", [16]]),
    win: {
      size: 16,
      fields: [
        ["clips", 0, "ptr"],
        ["count", 8, "u32"],
      ] as const,
    },
  };
  const theirs = {
    ...thing(20, ["type", 0, "u32"], ["fmt", 4, "fmt"]),
    fmt: union(16, ["win", 0, "win"], ["raw", 0, "u8", [16]]),
    win: {
      size: 8,
      fields: [
        ["clips", 0, "u32"],
        ["count", 4, "u32"],
      ] as const,
    },
  };

  it("whose members go different ways needs a choice", () => {
    expect(() => compile(ours, theirs)).toThrow("which member is valid decides");
  });

  it("is copied by what a neighbour says", () => {
    const translation = compile(ours, theirs, [
      { struct: "thing", union: "fmt", by: "type", members: { 3: "win" }, others: "raw" },
    ]);
    const bytes = hex`01020304 05060708 090a0b0c 0d0e0f10`;
    const raw = new Uint8Array([1, 0, 0, 0, ...bytes]);
    expect(toOurs(translation, raw)).toEqual(new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, ...bytes]));
    expect(toTheirs(translation, toOurs(translation, raw))).toEqual(raw);
    const window = new Uint8Array([3, 0, 0, 0, ...bytes]);
    expect(toOurs(translation, window)).toEqual(hex`03000000 00000000 0102030400000000 05060708 00000000`);
    expect(toTheirs(translation, toOurs(translation, window)).subarray(0, 12)).toEqual(
      window.subarray(0, 12),
    );
  });
});
