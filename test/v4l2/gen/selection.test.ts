/** What the generator is asked for is what is used, no more and no less. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { StructEmitter } from "../../../scripts/uapi/emit-structs.js";
import { ENUMERATIONS } from "../../../scripts/uapi/enumerations.js";
import { viewName } from "../../../scripts/uapi/names.js";
import { CONSTANT_FAMILIES, FUSE_CONSTANTS, VIEWS } from "../../../scripts/uapi/selection.js";
import { facts, repository, viewOf } from "./support.js";

/** Hand-written code, without these tests of the generator. */
function sources(): string[] {
  return ["src", "test", "examples", "bench"].flatMap((folder) =>
    readdirSync(`${repository}${folder}`, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !/(?:^|\/)gen\//.test(path))
      .map((path) => readFileSync(`${repository}${folder}/${path}`, "utf8")),
  );
}

/** Every word outside comments. */
const words = new Set(
  sources().flatMap((text) => text.replace(/\/\*[^]*?\*\/|\/\/.*/g, "").match(/\b\w+\b/g) ?? []),
);

const emitter = new StructEmitter(new Map(facts.structs.map((struct) => [struct.name, struct])));

describe("views", () => {
  it("are listed when code names them, and only then", () => {
    const named = facts.structs.map(({ name }) => name).filter((name) => words.has(viewName(name)));
    expect([...VIEWS].sort()).toEqual(named.sort());
  });

  it("are made of the listed structs and their members, and of no others", () => {
    const wanted = emitter.withMembers(VIEWS);
    const made = facts.structs.filter(({ name }) => viewOf(name) !== undefined).map(({ name }) => name);
    const expected = facts.structs.filter((struct) => wanted.has(struct.name) && emitter.hasView(struct));
    expect(made).toEqual(expected.map(({ name }) => name));
  });
});

describe("constants", () => {
  it("of FUSE are each used", () => {
    expect(FUSE_CONSTANTS.filter((name) => !words.has(name))).toEqual([]);
  });

  it.each(Object.values(CONSTANT_FAMILIES).flat())("of the family %s are used", (family) => {
    expect([...words].some((word) => word.startsWith(family))).toBe(true);
  });

  it.each(ENUMERATIONS.map(({ name }) => name))("of %s are used", (name) => {
    expect(words.has(name)).toBe(true);
  });
});
