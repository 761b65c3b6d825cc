/**
 * Two judges of the bindings, both gcc's: a C program that prints `sizeof` and `offsetof` of every recorded field, and
 * the debug information of the same headers, which lists the members that there are.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HEADERS, parseType, type Facts, type StructFact } from "./facts.js";
import { GENMASK } from "./macros.js";

/** Where a member is, by its C path from a named struct: `v4l2_buffer.m.offset`. The struct itself has no dot. */
export type Places = Map<string, { readonly offset: number; readonly size: number }>;

/** Flexible arrays have no size. */
const FLEXIBLE = 0;

interface Member {
  readonly path: string;
  readonly flexible: boolean;
}

/** Paths that C can name: unnamed members are left out, what is in them is not. */
function memberPaths(struct: StructFact, structs: ReadonlyMap<string, StructFact>, prefix = ""): Member[] {
  return struct.fields.flatMap(([name, , type]): Member[] => {
    const { base, aggregate, dims } = parseType(type);
    const inner = aggregate ? structs.get(base) : undefined;
    if (name === "") return inner === undefined ? [] : memberPaths(inner, structs, prefix);
    const path = prefix + name;
    const own = { path, flexible: dims.includes(0) };
    // Members of an anonymous type can be reached only through their parent.
    const anonymous = inner !== undefined && base.includes(".") && dims.length === 0;
    return anonymous ? [own, ...memberPaths(inner, structs, `${path}.`)] : [own];
  });
}

const PROGRAM_HEAD = [
  "#include <stdio.h>",
  "#include <stddef.h>",
  "#include <time.h>",
  ...HEADERS.map((header) => `#include <${header}>`),
];

/** The C program: one line per struct and per member. */
export function probeProgram(facts: Facts): string {
  const structs = new Map(facts.structs.map((struct) => [struct.name, struct]));
  const lines = facts.structs
    .filter(({ name }) => !name.includes("."))
    .flatMap((struct) => {
      const type = `${struct.kind} ${struct.name}`;
      const members = memberPaths(struct, structs).map(({ path, flexible }) => {
        const size = flexible ? FLEXIBLE : `sizeof(((${type} *)0)->${path})`;
        return `  show("${struct.name}.${path}", offsetof(${type}, ${path}), ${size});`;
      });
      return [`  show("${struct.name}", 0, sizeof(${type}));`, ...members];
    });
  return [
    ...PROGRAM_HEAD,
    "static void show(const char *path, size_t offset, size_t size) {",
    `  printf("%s %zu %zu\\n", path, offset, size);`,
    "}",
    "int main(void) {",
    ...lines,
    "}",
    "",
  ].join("\n");
}

function inWorkDirectory<Result>(run: (directory: string) => Result): Result {
  const directory = mkdtempSync(join(tmpdir(), "uapi-probe-"));
  try {
    return run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const includeFlags = (root: string): string[] =>
  ["usr/include", "usr/include/x86_64-linux-gnu"].flatMap((directory) => ["-isystem", join(root, directory)]);

/** Compiles a program against the headers in `root` and returns its lines, each cut at spaces. */
function runProgram(program: string, root: string): string[][] {
  const output = inWorkDirectory((directory) => {
    const source = join(directory, "probe.c");
    const binary = join(directory, "probe");
    writeFileSync(source, program);
    execFileSync("gcc", ["-O0", "-w", ...includeFlags(root), "-o", binary, source], { encoding: "utf8" });
    return execFileSync(binary, { encoding: "utf8", maxBuffer: 16 << 20 });
  });
  return output
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" "));
}

/** What {@link probeProgram} prints. */
export function probe(facts: Facts, root: string): Places {
  const rows = runProgram(probeProgram(facts), root);
  return new Map(
    rows.map(([path = "", offset, size]) => [path, { offset: Number(offset), size: Number(size) }]),
  );
}

/** The values of constants, as unsigned 64-bit numbers: macros and enumerators alike. */
export function probeConstants(names: readonly string[], root: string): Map<string, bigint> {
  const program = [
    ...PROGRAM_HEAD,
    GENMASK,
    "int main(void) {",
    ...names.map((name) => `  printf("${name} %llu\\n", (unsigned long long)(${name}));`),
    "}",
    "",
  ];
  return new Map(
    runProgram(program.join("\n"), root).map(([name = "", value = ""]) => [name, BigInt(value)]),
  );
}

interface Entry {
  readonly tag: string;
  readonly attributes: Map<string, string>;
  readonly children: Entry[];
}

/** Reads `readelf --debug-dump=info`: entries with their depth, then one attribute per line. */
function parseDwarf(text: string): Map<string, Entry> {
  const byOffset = new Map<string, Entry>();
  const stack: Entry[] = [];
  let entry: Entry | undefined;
  for (const line of text.split("\n")) {
    const head = /^ *<([0-9a-f]+)><([0-9a-f]+)>: Abbrev Number: \d+ \((\w+)\)/.exec(line);
    if (head !== null) {
      entry = { tag: head[3] ?? "", attributes: new Map(), children: [] };
      const depth = parseInt(head[1] ?? "0", 16);
      stack.length = depth;
      stack[depth - 1]?.children.push(entry);
      stack[depth] = entry;
      byOffset.set(head[2] ?? "", entry);
      continue;
    }
    const attribute = /^ +<[0-9a-f]+> +(DW_AT_\w+) *: (?:\([^)]*\): )?(.*)$/.exec(line);
    if (attribute !== null) entry?.attributes.set(attribute[1] ?? "", (attribute[2] ?? "").trim());
  }
  return byOffset;
}

/** Offsets of all members that gcc sees in the named structs and unions, by path. Sizes are not looked at. */
export function dwarfOffsets(root: string): Map<string, number> {
  const text = inWorkDirectory((directory) => {
    const source = join(directory, "all.c");
    const object = join(directory, "all.o");
    writeFileSync(source, HEADERS.map((header) => `#include <${header}>\n`).join(""));
    execFileSync("gcc", [
      "-g",
      "-fno-eliminate-unused-debug-types",
      ...includeFlags(root),
      "-c",
      "-o",
      object,
      source,
    ]);
    return execFileSync("readelf", ["--debug-dump=info", object], { encoding: "utf8", maxBuffer: 64 << 20 });
  });
  const entries = parseDwarf(text);
  const typeOf = (entry: Entry): Entry | undefined =>
    entries.get(/<0x([0-9a-f]+)>/.exec(entry.attributes.get("DW_AT_type") ?? "")?.[1] ?? "");
  const isAggregate = (entry: Entry | undefined): entry is Entry =>
    entry !== undefined && /^DW_TAG_(?:structure|union)_type$/.test(entry.tag);

  const offsets = new Map<string, number>();
  const walk = (aggregate: Entry, prefix: string, base: number): void => {
    for (const member of aggregate.children) {
      if (member.tag !== "DW_TAG_member") continue;
      const name = member.attributes.get("DW_AT_name");
      const offset = base + Number(member.attributes.get("DW_AT_data_member_location") ?? 0);
      const type = typeOf(member);
      if (name === undefined) {
        if (isAggregate(type)) walk(type, prefix, offset);
        continue;
      }
      offsets.set(prefix + name, offset);
      if (isAggregate(type) && !type.attributes.has("DW_AT_name")) walk(type, `${prefix}${name}.`, offset);
    }
  };
  for (const entry of entries.values()) {
    const name = entry.attributes.get("DW_AT_name");
    if (isAggregate(entry) && name !== undefined && entry.attributes.has("DW_AT_byte_size"))
      walk(entry, `${name}.`, 0);
  }
  return offsets;
}
