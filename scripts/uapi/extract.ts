/** Step 1 of scripts/gen-uapi: headers to facts. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Extractor, runCastxml, type CompilerRun } from "./castxml.js";
import { HEADERS, type Facts, type StructFact } from "./facts.js";
import { extractMacros, kernelVersion } from "./macros.js";

/** Multiarch directory of the LP64 headers, relative to an include directory. */
const MULTIARCH = "x86_64-linux-gnu";

/**
 * @param root - A directory that the package was unpacked in (holds `usr/include`).
 * @param packageVersion - Version of Debian's linux-libc-dev.
 */
export function extractFacts(root: string, packageVersion: string): Facts {
  const work = mkdtempSync(join(tmpdir(), "gen-uapi-"));
  try {
    const source = join(work, "all.c");
    writeFileSync(source, HEADERS.map((header) => `#include <${header}>\n`).join(""));
    const include = join(root, "usr/include");
    const includes = [include, join(include, MULTIARCH)];

    // The C library's 64-bit headers serve for the 32-bit layouts, but for this one file and their own directory.
    const stubs = join(work, "stubs/gnu");
    mkdirSync(stubs, { recursive: true });
    writeFileSync(join(stubs, "stubs-32.h"), "");
    const ilp32 = {
      includes: [...includes, join(work, "stubs"), `/usr/include/${MULTIARCH}`, "/usr/include"],
      source,
    };

    const { structs, enums } = extractTypes({ includes, flags: [], source });
    const time32 = sizes({ ...ilp32, flags: ["-m32"] });
    const time64 = sizes({ ...ilp32, flags: ["-m32", "-D_TIME_BITS=64", "-D_FILE_OFFSET_BITS=64"] });
    return {
      package: "linux-libc-dev",
      version: packageVersion,
      kernel: kernelVersion(include),
      structs: structs.map((struct) => withSizes32(struct, time32, time64)),
      enums,
      ...extractMacros(source, includes, work),
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const extractTypes = (run: CompilerRun) => new Extractor(runCastxml(run)).run();

const sizes = (run: CompilerRun): Map<string, number> =>
  new Map(extractTypes(run).structs.map(({ name, size }) => [name, size]));

function withSizes32(
  struct: StructFact,
  time32: Map<string, number>,
  time64: Map<string, number>,
): StructFact {
  const { fields, ...head } = struct;
  const size32 = time32.get(struct.name);
  const size32Time64 = time64.get(struct.name);
  if (size32 === undefined || size32Time64 === undefined)
    throw new Error(`${struct.name} is missing on ILP32`);
  return {
    ...head,
    ...(size32 !== struct.size ? { size32 } : {}),
    ...(size32Time64 !== struct.size ? { size32Time64 } : {}),
    fields,
  };
}
