/**
 * Two judges of the bindings, both gcc's: a C program that prints `sizeof` and `offsetof` of every recorded field, and
 * the debug information of the same headers, which lists the members that there are.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FUSE_HEADER, HEADERS, parseType, type Abi32, type Facts, type StructFact } from "./facts.js";
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

/** Where the C library's headers for this processor are; 32-bit programs use the same. */
const X86_LIBC = "/usr/include/x86_64-linux-gnu";

/** What gcc says of one 32-bit ABI. */
export interface Probed32 {
  readonly places: Places;
  /** Request numbers. */
  readonly ioctls: ReadonlyMap<string, number>;
}

/**
 * The same for 32-bit programs, out of gcc's assembly: nothing is run, and no 32-bit C library is needed. Structs are laid
 * out on arm as on x86 with 64-bit members aligned to 8 bytes, for which gcc has an option. `armCompiler`: arm's own
 * compiler is asked instead.
 */
export function probe32(facts: Facts, root: string, abi: Abi32, armCompiler?: string): Probed32 {
  const structs = new Map(facts.structs.map((struct) => [struct.name, struct]));
  const named = facts.structs.filter(({ name, header }) => !name.includes(".") && header !== FUSE_HEADER);
  const rows = named.flatMap((struct): [path: string, offset: string, size: string][] => {
    const type = `${struct.kind} ${struct.name}`;
    const members = memberPaths(struct, structs).map(({ path, flexible }): [string, string, string] => {
      const size = flexible ? String(FLEXIBLE) : `sizeof(((${type} *)0)->${path})`;
      return [`${struct.name}.${path}`, `offsetof(${type}, ${path})`, size];
    });
    return [[struct.name, "0", `sizeof(${type})`], ...members];
  });
  const ioctls = facts.ioctls.filter(({ header }) => header !== FUSE_HEADER).map(({ name }) => name);
  const words = [...rows.flatMap(([, offset, size]) => [offset, size]), ...ioctls];
  const time = abi.endsWith("-time64") ? ["-D_TIME_BITS=64", "-D_FILE_OFFSET_BITS=64"] : [];
  const x86 = ["-m32", ...(abi.startsWith("arm") ? ["-malign-double"] : []), "-isystem", X86_LIBC];
  const values =
    armCompiler === undefined
      ? assembledWords(words, root, "gcc", [...x86, ...time])
      : assembledWords(words, root, armCompiler, time);
  return {
    places: new Map(
      rows.map(([path], index) => [
        path,
        { offset: values[2 * index] ?? NaN, size: values[2 * index + 1] ?? NaN },
      ]),
    ),
    ioctls: new Map(ioctls.map((name, index) => [name, values[2 * rows.length + index] ?? NaN])),
  };
}

/** The values of constant expressions of 32 bits, as gcc writes them into an array. */
function assembledWords(
  words: readonly string[],
  root: string,
  compiler: string,
  flags: readonly string[],
): number[] {
  const assembly = inWorkDirectory((directory) => {
    const source = join(directory, "probe.c");
    const output = join(directory, "probe.s");
    mkdirSync(join(directory, "gnu"));
    writeFileSync(join(directory, "gnu/stubs-32.h"), "");
    // Each is a symbol of its own: gcc writes neighbouring zeroes as one.
    const lines = words.map((word, index) => `const unsigned word_${index} = (unsigned)(${word});`);
    writeFileSync(source, [...PROGRAM_HEAD, ...lines, ""].join("\n"));
    const include = [...includeFlags(root), "-isystem", directory];
    execFileSync(compiler, ["-O0", "-w", "-S", ...include, ...flags, "-o", output, source]);
    return readFileSync(output, "utf8");
  });
  const found = new Map(
    [...assembly.matchAll(/^word_(\d+):\n\s+\.(?:(?:long|word)\s+(-?\d+)|(?:zero|space)\s+4)$/gm)].map(
      ([, index, value = "0"]) => [Number(index), Number(value) >>> 0],
    ),
  );
  return words.map((word, index) => {
    const value = found.get(index);
    if (value === undefined) throw new Error(`gcc's assembly has no value of ${word}`);
    return value;
  });
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
