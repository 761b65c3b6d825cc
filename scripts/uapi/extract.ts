/** Step 1 of scripts/gen-uapi: headers to facts. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Extractor, runCastxml, type CompilerRun } from "./castxml.js";
import {
  ABIS32,
  FUSE_HEADER,
  HEADERS,
  type Abi32,
  type Facts,
  type FieldFact,
  type Struct32Fact,
  type StructFact,
} from "./facts.js";
import { extractMacros, kernelVersion } from "./macros.js";

/** Multiarch directory of the LP64 headers, relative to an include directory. */
const MULTIARCH = "x86_64-linux-gnu";

type Processor32 = "i386" | "arm";

/** The same for the kernel's headers of 32-bit programs; its own for x86 serve both sizes. */
const KERNEL_HEADERS: Readonly<Record<Processor32, string>> = { i386: MULTIARCH, arm: "arm-linux-gnueabihf" };

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
    const layouts = (abi: Abi32): readonly StructFact[] => {
      const own = [include, join(include, KERNEL_HEADERS[processorOf(abi)])];
      const libc = [join(work, "stubs"), `/usr/include/${MULTIARCH}`, "/usr/include"];
      return extractTypes({ includes: [...own, ...libc], source, ...compilerOf(abi) }).structs;
    };

    const { structs, enums } = extractTypes({ includes, flags: [], source });
    return {
      package: "linux-libc-dev",
      version: packageVersion,
      kernel: kernelVersion(include),
      structs,
      structs32: differences(structs, layouts),
      enums,
      ...extractMacros(source, includes, work),
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const extractTypes = (run: CompilerRun) => new Extractor(runCastxml(run)).run();

const processorOf = (abi: Abi32): Processor32 => (abi.startsWith("i386") ? "i386" : "arm");

/** clang knows the rules of every processor: it needs no compiler for it. */
function compilerOf(abi: Abi32): Pick<CompilerRun, "flags" | "like"> {
  const time = abi.endsWith("-time64") ? ["-D_TIME_BITS=64", "-D_FILE_OFFSET_BITS=64"] : [];
  return processorOf(abi) === "i386"
    ? { flags: ["-m32", ...time] }
    : { flags: ["-target", "arm-linux-gnueabihf", ...time], like: "clang" };
}

/** The structs that 32-bit programs have in another way, each with the ABIs that agree on it. */
function differences(
  structs: readonly StructFact[],
  layouts: (abi: Abi32) => readonly StructFact[],
): readonly Struct32Fact[] {
  const found = new Map(
    ABIS32.map((abi) => [abi, new Map(layouts(abi).map((struct) => [struct.name, struct]))]),
  );
  return structs
    .filter(({ header }) => header !== FUSE_HEADER)
    .flatMap((struct): Struct32Fact[] => {
      const variants = new Map<string, Struct32Fact>();
      for (const abi of ABIS32) {
        const other = found.get(abi)?.get(struct.name);
        if (other === undefined) throw new Error(`${struct.name} is missing on ${abi}`);
        const { size } = other;
        const fields = other.fields.map(
          ([name, offset, type]) => [name, offset, type.replace(/^ptr\b/, "u32")] as const,
        );
        if (size === struct.size && sameFields(struct.fields, fields)) continue;
        const key = JSON.stringify([size, fields]);
        const abis = [...(variants.get(key)?.abis ?? []), abi];
        variants.set(key, { name: struct.name, abis, size, fields });
      }
      return [...variants.values()];
    });
}

const sameFields = (fields: readonly FieldFact[], others: Struct32Fact["fields"]): boolean =>
  fields.length === others.length &&
  fields.every(
    ([name, offset, type], index) => JSON.stringify([name, offset, type]) === JSON.stringify(others[index]),
  );
