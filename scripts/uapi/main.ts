/**
 * The generator behind scripts/gen-uapi, which fetches the headers and calls this from the top of the repository:
 *
 *     main.ts write HEADERS VERSION          facts and bindings from the headers
 *     main.ts offline                        bindings from the committed facts
 *     main.ts check-bindings                 do the committed bindings follow from the committed facts?
 *     main.ts check-headers HEADERS VERSION  do the committed facts follow from the headers?
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { compareFacts } from "./compare.js";
import { emit } from "./emit.js";
import { extractFacts } from "./extract.js";
import { serialize, type Facts } from "./facts.js";

const FACTS = "scripts/uapi/uapi.json";
const OUTPUT_DIRECTORIES = ["src/v4l2/gen", "src/cuse/gen"];
/** Lines of differences shown before "and N more". */
const MAX_SHOWN = 40;

const readFacts = (): Facts => JSON.parse(readFileSync(FACTS, "utf8")) as Facts;

function committedFiles(): string[] {
  return OUTPUT_DIRECTORIES.flatMap((directory) => {
    try {
      return readdirSync(directory).map((file) => join(directory, file));
    } catch {
      return [];
    }
  });
}

function writeBindings(facts: Facts): void {
  const files = emit(facts);
  for (const stale of committedFiles()) if (!files.has(stale)) rmSync(stale);
  for (const [file, text] of files) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  console.log(`${files.size} files from ${facts.package} ${facts.version} (kernel ${facts.kernel})`);
}

function fail(summary: string, details: readonly string[], advice: string): void {
  console.error(`gen-uapi: ${summary}`);
  for (const line of details.slice(0, MAX_SHOWN)) console.error(`  ${line}`);
  if (details.length > MAX_SHOWN) console.error(`  and ${details.length - MAX_SHOWN} more`);
  console.error(`gen-uapi: ${advice}`);
  process.exitCode = 1;
}

/** The first line in which two texts differ, and how many lines they have. */
function firstDifference(file: string, committed: string, fresh: string): string {
  const [old, now] = [committed.split("\n"), fresh.split("\n")];
  const line = now.findIndex((text, index) => text !== old[index]);
  const at = line < 0 ? now.length : line;
  return `${file}:${at + 1}: has "${(old[at] ?? "").slice(0, 80)}", generated is "${(now[at] ?? "").slice(0, 80)}" (${old.length} and ${now.length} lines)`;
}

function checkBindings(): void {
  const facts = readFacts();
  const files = emit(facts);
  const differences: string[] = [];
  for (const file of committedFiles())
    if (!files.has(file)) differences.push(`${file}: nothing generates this file`);
  for (const [file, text] of files) {
    let committed: string;
    try {
      committed = readFileSync(file, "utf8");
    } catch {
      differences.push(`${file}: missing`);
      continue;
    }
    if (committed !== text) differences.push(firstDifference(file, committed, text));
  }
  if (serialize(facts) !== readFileSync(FACTS, "utf8"))
    differences.push(`${FACTS}: not in the generator's own form`);
  if (differences.length > 0) {
    fail(
      "the committed bindings are not what the generator makes of the committed facts",
      differences,
      "run scripts/gen-uapi --offline and look at the difference",
    );
  } else console.log(`${files.size} files agree with ${FACTS}`);
}

function checkHeaders(root: string, version: string): void {
  const recorded = readFacts();
  const found = extractFacts(root, version);
  const { contradictions, additions } = compareFacts(recorded, found);
  if (version === recorded.version) {
    const all = [...contradictions, ...additions];
    if (all.length > 0 || serialize(recorded) !== serialize(found)) {
      fail(
        `${FACTS} is not what the headers of ${version} say`,
        all,
        "run scripts/gen-uapi and look at the difference",
      );
    } else console.log(`${FACTS} agrees with the headers of ${version}`);
    return;
  }
  if (contradictions.length > 0) {
    fail(
      `headers ${version} contradict ${FACTS}, which is of ${recorded.version}`,
      contradictions,
      "run scripts/gen-uapi and see whether the kernel changed its uAPI or the generator is wrong",
    );
    return;
  }
  console.log(`${FACTS} (${recorded.version}) still holds in the headers of ${version}`);
  console.log(`newer headers ${version} are available (${additions.length} additions): run scripts/gen-uapi`);
}

function main([command = "", root = "", version = ""]: readonly string[]): void {
  switch (command) {
    case "write": {
      const facts = extractFacts(root, version);
      writeFileSync(FACTS, serialize(facts));
      return writeBindings(facts);
    }
    case "offline":
      return writeBindings(readFacts());
    case "check-bindings":
      return checkBindings();
    case "check-headers":
      return checkHeaders(root, version);
    default:
      throw new Error(`unknown command "${command}"; run scripts/gen-uapi`);
  }
}

main(process.argv.slice(2));
