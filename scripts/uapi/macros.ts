/** Values of the headers' macros: gcc lists them, a program built from the list prints what they are worth. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HEADERS, type ConstantFact, type ConstantType, type IoctlFact } from "./facts.js";

interface Macro {
  readonly name: string;
  readonly header: string;
  readonly body: string;
}

export interface MacroFacts {
  readonly constants: Readonly<Record<string, readonly ConstantFact[]>>;
  readonly ioctls: readonly IoctlFact[];
  readonly skipped: readonly string[];
}

const gccFlags = (includes: readonly string[]): string[] =>
  includes.flatMap((directory) => ["-isystem", directory]);

/** Object-like macros with a body, in the order of the headers. */
function listMacros(source: string, includes: readonly string[]): Macro[] {
  const text = execFileSync("gcc", ["-E", "-dD", ...gccFlags(includes), source], {
    encoding: "utf8",
    maxBuffer: 64 << 20,
  });
  const macros = new Map<string, Macro>();
  let header: string | undefined;
  for (const line of text.split("\n")) {
    const marker = /^# \d+ "([^"]+)"/.exec(line);
    if (marker !== null) header = HEADERS.find((candidate) => (marker[1] ?? "").endsWith(`/${candidate}`));
    const define = /^#define (\w+) (.+)$/.exec(line);
    if (define === null || header === undefined) continue;
    const [, name = "", body = ""] = define;
    macros.set(name, { name, header, body: body.trim() });
  }
  return [...macros.values()];
}

/** Some values need this macro of the kernel, which its headers do not give to programs. */
export const GENMASK = "#define GENMASK(high, low) ((~0u << (low)) & (~0u >> (31 - (high))))";

const PROLOGUE = `#include <stdio.h>
#include <stddef.h>
#include <stdint.h>
${HEADERS.map((header) => `#include <${header}>`).join("\n")}
${GENMASK}
#define TYPE(x) _Generic((x), int: "s32", unsigned: "u32", long: "long", unsigned long: "ulong", \\
  long long: "s64", unsigned long long: "u64", char *: "str", default: "?")
#define SHOW(name, x) { #name, TYPE(x), _Generic((x), char *: 0, default: (x)), _Generic((x), char *: (x), default: 0) },
static const struct { const char *name, *type; unsigned long long value; const char *text; } all[] = {
`;

const EPILOGUE = `};
int main(void) {
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    printf("%s %s ", all[i].name, all[i].type);
    if (all[i].text) puts(all[i].text);
    else if (*all[i].type == 'u') printf("%llu\\n", all[i].value);
    else printf("%lld\\n", (long long)all[i].value);
  }
}
`;

/** Drops the macros that gcc refuses as an expression: they name types, or need what only the kernel has. */
function evaluable(macros: readonly Macro[], includes: readonly string[], work: string): Macro[] {
  const file = join(work, "try.c");
  const first = PROLOGUE.split("\n").length;
  writeFileSync(file, PROLOGUE + macros.map(({ name }) => `SHOW(${name}, ${name})\n`).join("") + EPILOGUE);
  const args = ["-w", "-fsyntax-only", "-fmax-errors=0", ...gccFlags(includes), file];
  const { stderr } = spawnSync("gcc", args, { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
  const bad = new Set(
    [...stderr.matchAll(/try\.c:(\d+):\d+: error/g)].map((match) => Number(match[1]) - first),
  );
  return macros.filter((_, index) => !bad.has(index));
}

/** What `_IOR('V', 0, struct x)` was given as its type. */
const ioctlArgument = (body: string): string | undefined => {
  const match = /^_IO(R|W|WR)?\s*\((.*)\)$/.exec(body);
  if (match === null) return undefined;
  return match[1] === undefined ? "" : (match[2] ?? "").split(",").slice(2).join(",").trim();
};

export function extractMacros(source: string, includes: readonly string[], work: string): MacroFacts {
  const all = listMacros(source, includes);
  const usable = evaluable(all, includes, work);
  const program = join(work, "values.c");
  const binary = join(work, "values");
  writeFileSync(program, PROLOGUE + usable.map(({ name }) => `SHOW(${name}, ${name})\n`).join("") + EPILOGUE);
  execFileSync("gcc", ["-w", ...gccFlags(includes), "-o", binary, program]);
  const printed = execFileSync(binary, { encoding: "utf8", maxBuffer: 64 << 20 })
    .trimEnd()
    .split("\n");

  const constants: Record<string, ConstantFact[]> = Object.fromEntries(HEADERS.map((header) => [header, []]));
  const ioctls: IoctlFact[] = [];
  usable.forEach((macro, index) => {
    const match = /^(\w+) (\S+) (.*)$/.exec(printed[index] ?? "");
    if (match === null || match[1] !== macro.name || match[2] === "?")
      throw new Error(`no value for ${macro.name}: ${printed[index] ?? ""}`);
    const [, name, type, value = ""] = match;
    const arg = ioctlArgument(macro.body);
    if (arg === undefined) constants[macro.header]?.push([name, type as ConstantType, value]);
    else ioctls.push({ name, header: macro.header, number: Number(BigInt(value) & 0xffffffffn), arg });
  });
  const kept = new Set(usable);
  return { constants, ioctls, skipped: all.filter((macro) => !kept.has(macro)).map(({ name }) => name) };
}

/** `7.2.12` out of `linux/version.h`. */
export function kernelVersion(includeDirectory: string): string {
  const code = Number(
    /LINUX_VERSION_CODE\s+(\d+)/.exec(readFileSync(join(includeDirectory, "linux/version.h"), "utf8"))?.[1],
  );
  return [code >> 16, (code >> 8) & 0xff, code & 0xff].join(".");
}
