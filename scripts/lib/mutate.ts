/**
 * The part of scripts/mutate that runs in the copy of the tree: lists all changes that StrykerJS would make, chooses a
 * sample, has each folder's sample tried, and sums up.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [sampleText = "", seedText = "", allTests = "no", jobsText = "", ...paths] = process.argv.slice(2);
/** Results lie beside the copy. */
const RESULTS = "..";
/** Of no use: what takes away a whole body or value, which types or the first test notice. */
const EXCLUDED = [
  "Regex",
  "ObjectLiteral",
  "ArrayDeclaration",
  "ArrowFunction",
  "BlockStatement",
  "MethodExpression",
];
/** Of texts only the errnos: the others are for people. */
const ERRNO = /^"E[A-Z0-9]{2,}"$/;

interface Place {
  readonly line: number;
  readonly column: number;
}
interface Change {
  readonly file: string;
  readonly start: Place;
  readonly end: Place;
  readonly replacement: string;
}
interface Report {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly mutants: readonly {
          readonly status: string;
          readonly statusReason?: string;
          readonly static?: boolean;
          readonly mutatorName: string;
          readonly replacement?: string;
          readonly location: { readonly start: Place; readonly end: Place };
        }[];
      }
    >
  >;
}

/** A small generator of random numbers below 1 (mulberry32): the same seed, the same choice. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param path - Below src: a folder or a file. */
const sources = (path: string): string[] =>
  (statSync(join("src", path)).isFile()
    ? [join("src", path)]
    : readdirSync(join("src", path), { recursive: true, encoding: "utf8" }).map((name) =>
        join("src", path, name),
      )
  )
    .filter((path) => path.endsWith(".ts") && !path.includes("/gen/"))
    .sort();

/** Of one line. */
const textAt = (text: string, { start, end }: { readonly start: Place; readonly end: Place }): string =>
  start.line === end.line ? (text.split("\n")[start.line]?.slice(start.column, end.column) ?? "") : "";

/** Every change that StrykerJS would make. */
async function allChanges(files: readonly string[]): Promise<Change[]> {
  // Installed by scripts/mutate, and no dependency that types could come from.
  const load = createRequire(join(process.cwd(), "stryker.js"));
  const { createInjector } = load("typed-inject") as {
    readonly createInjector: () => { provideValue(token: string, value: unknown): Injector };
  };
  interface Injector {
    injectFunction(factory: unknown): Instrumenter;
  }
  interface Instrumenter {
    instrument(
      files: readonly { name: string; content: string; mutate: true }[],
      options: { ignorers: []; plugins: null; excludedMutations: readonly string[] },
    ): Promise<{
      mutants: readonly {
        fileName: string;
        mutatorName: string;
        replacement: string;
        location: { start: Place; end: Place };
      }[];
    }>;
  }
  const { createInstrumenter } = (await import(load.resolve("@stryker-mutator/instrumenter"))) as {
    createInstrumenter: unknown;
  };
  const silent = Object.fromEntries(
    ["isDebugEnabled", "debug", "info", "warn"].map((name) => [name, () => undefined]),
  );
  const instrumenter = createInjector().provideValue("logger", silent).injectFunction(createInstrumenter);
  const texts = new Map(files.map((name) => [name, readFileSync(name, "utf8")]));
  const { mutants } = await instrumenter.instrument(
    files.map((name) => ({ name, content: texts.get(name) ?? "", mutate: true as const })),
    { ignorers: [], plugins: null, excludedMutations: EXCLUDED },
  );
  return mutants
    .filter(
      ({ mutatorName, fileName, location }) =>
        !EXCLUDED.includes(mutatorName) &&
        (mutatorName !== "StringLiteral" || ERRNO.test(textAt(texts.get(fileName) ?? "", location))),
    )
    .map(({ fileName, location, replacement }) => ({ file: fileName, ...location, replacement }));
}

function choose<Item>(changes: readonly Item[], count: number, random: () => number): Item[] {
  const left = [...changes];
  const chosen: Item[] = [];
  while (chosen.length < count && left.length > 0) {
    const [change] = left.splice(Math.floor(random() * left.length), 1);
    if (change !== undefined) chosen.push(change);
  }
  return chosen;
}

/** The same for the same change, whoever tells of it. */
const nameOf = ({ file, start, end, replacement }: Change): string =>
  `${file}:${start.line}:${start.column}-${end.line}:${end.column} ${replacement}`;

/** How long StrykerJS waits for the tests of a change beyond what they took without one, and how many it tries at a time. */
interface Patience {
  readonly timeoutMs: number;
  readonly jobs: number;
  /** Part of the report's name. */
  readonly again: "" | "-again";
}
const USUAL: Patience = { timeoutMs: 10_000, jobs: Number(jobsText), again: "" };
/**
 * For what did not end in time: one by one, so that a busy machine is no reason. And for what acts while modules are
 * loaded and tests are declared, if the tests that reach it otherwise do not notice: all tests, in a new worker each.
 */
const AGAIN: Patience = { timeoutMs: 60_000, jobs: 1, again: "-again" };

type Outcome = "killed" | "endless" | "late" | "static" | "survived" | "not covered";
interface Tried {
  readonly change: Change;
  readonly mutator: string;
  readonly outcome: Outcome;
}

/** What StrykerJS says, of which a test's own limit of time is no failed assertion. */
function outcomeOf(status: string, reason: string, isStatic: boolean): Outcome {
  switch (status) {
    case "Killed":
    case "RuntimeError":
      return /\btimed out in \d+ ?ms\b/.test(reason) ? "late" : "killed";
    case "Timeout":
      // It counts how often a changed place is reached, which no other program can slow down.
      return reason.startsWith("Hit limit") ? "endless" : "late";
    case "Survived":
      return isStatic ? "static" : "survived";
    case "Ignored":
      return "static";
    case "NoCoverage":
      return "not covered";
    default:
      throw new Error(`StrykerJS says ${status} of a change: ${reason}`);
  }
}

/** Runs StrykerJS on the chosen changes of a folder. */
function tryChanges(
  folder: string,
  changes: readonly Change[],
  { timeoutMs, jobs, again }: Patience,
): Tried[] {
  const tests = allTests === "yes" ? "test/**/*.test.ts" : `test/${folder}/**/*.test.ts`;
  writeFileSync(
    "vitest.mutate.config.ts",
    `import { defineConfig } from "vitest/config";
export default defineConfig({ test: { include: ["${tests}"], exclude: ["test/{device,compliance,gstreamer,emulated,fuse-node,run-device,page}/**"], testTimeout: 30000, pool: "forks" } });\n`,
  );
  // Within a range that is to be changed StrykerJS makes all changes. The ignorer keeps those of smaller parts out of the
  // program, the checker those of the same part from being tried.
  writeFileSync(
    "mutate-chosen.mjs",
    `import { relative } from "node:path";
import { declareClassPlugin, declareValuePlugin, PluginKind } from "@stryker-mutator/api/plugin";
const chosen = ${JSON.stringify(changes.map(({ start, end }) => [start.line + 1, start.column, end.line + 1, end.column]))};
const names = new Set(${JSON.stringify(changes.map(nameOf))});
const nameOf = ${nameOf.toString()};
const isBefore = (lineA, columnA, lineB, columnB) => lineA < lineB || (lineA === lineB && columnA <= columnB);
const shouldIgnore = ({ node: { loc } }) =>
  loc && !chosen.some(([line, column, lastLine, lastColumn]) =>
    isBefore(loc.start.line, loc.start.column, line, column) && isBefore(lastLine, lastColumn, loc.end.line, loc.end.column))
    ? "was not chosen" : undefined;
class Chosen {
  async init() {}
  async check(mutants) {
    return Object.fromEntries(mutants.map(({ id, fileName, location, replacement }) => [id,
      names.has(nameOf({ file: relative(process.cwd(), fileName), ...location, replacement }))
        ? { status: "passed" } : { status: "compileError", reason: "was not chosen" }]));
  }
  async group(mutants) {
    return [mutants.map(({ id }) => id)];
  }
}
export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, "chosen", { shouldIgnore }),
  declareClassPlugin(PluginKind.Checker, "chosen", Chosen),
];\n`,
  );
  const report = join(RESULTS, `report-${folder}${again}.json`);
  writeFileSync(
    "stryker.config.json",
    JSON.stringify({
      testRunner: "vitest",
      vitest: { configFile: "vitest.mutate.config.ts", related: true },
      plugins: ["@stryker-mutator/vitest-runner", "./mutate-chosen.mjs"],
      ignorers: ["chosen"],
      checkers: ["chosen"],
      mutate: changes.map(
        ({ file, start, end }) => `${file}:${start.line + 1}:${start.column}-${end.line + 1}:${end.column}`,
      ),
      mutator: { excludedMutations: EXCLUDED },
      inPlace: true,
      concurrency: jobs,
      coverageAnalysis: "perTest",
      ignoreStatic: again === "",
      timeoutMS: timeoutMs,
      dryRunTimeoutMinutes: 15,
      reporters: ["progress-append-only", "json"],
      jsonReporter: { fileName: report },
      allowEmpty: true,
      disableTypeChecks: false,
    }),
  );
  const { status } = spawnSync("node_modules/.bin/stryker", ["run", "stryker.config.json"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error(`StrykerJS failed on src/${folder}`);
  const { files } = JSON.parse(readFileSync(report, "utf8")) as Report;
  const wanted = new Map(changes.map((change) => [nameOf(change), change]));
  const tried: Tried[] = [];
  for (const [file, { mutants }] of Object.entries(files)) {
    for (const mutant of mutants) {
      const { status, statusReason = "", mutatorName, replacement = "", location } = mutant;
      const { start, end } = location;
      // Counted from 1 there.
      const name = nameOf({
        file,
        start: { line: start.line - 1, column: start.column - 1 },
        end: { line: end.line - 1, column: end.column - 1 },
        replacement,
      });
      const change = wanted.get(name);
      if (change === undefined) continue;
      wanted.delete(name);
      tried.push({
        change,
        mutator: mutatorName,
        outcome: outcomeOf(status, statusReason, again === "" && mutant.static === true),
      });
    }
  }
  if (wanted.size > 0) throw new Error(`StrykerJS did not try ${[...wanted.keys()].join(", ")}`);
  return tried;
}

/** Of several lines the first and the last. */
function textOf({ file, start, end }: Change): string {
  const lines = readFileSync(file, "utf8")
    .split("\n")
    .slice(start.line, end.line + 1);
  const last = lines.length - 1;
  lines[last] = (lines[last] ?? "").slice(0, end.column);
  lines[0] = (lines[0] ?? "").slice(start.column);
  return lines.length > 2
    ? `${lines[0]} ... ${lines[last]?.trim() ?? ""}`
    : lines.join(" ").replace(/\s+/g, " ");
}

function describe({ change, mutator, outcome }: Tried): string {
  const { file, start, replacement } = change;
  return `${file}:${start.line + 1}:${start.column + 1} ${outcome} (${mutator})
    - ${textOf(change)}
    + ${replacement.replace(/\s+/g, " ")}`;
}

function score(tried: readonly Tried[], late: number): string {
  const count = (...outcomes: readonly Outcome[]): number =>
    tried.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const caught = count("killed", "endless", "late");
  const percent = ((100 * caught) / Math.max(1, tried.length)).toFixed(1);
  return (
    `${percent} %: ${caught} of ${tried.length} changes caught (${count("killed")} killed, ` +
    `${count("endless", "late")} timed out), ${count("survived")} survived, ${count("not covered")} not covered` +
    (late === 0
      ? ""
      : `; ${late} timed out at first and were tried again alone, ${count("late")} of them timed out again`)
  );
}

const random = randomNumbers(Number(seedText));
const folderOf = (path: string): string => path.split("/")[0] ?? path;
const all = (
  await Promise.all(
    paths.map(async (path) =>
      (await allChanges(sources(path))).map((change) => ({ ...change, folder: folderOf(path) })),
    ),
  )
).flat();
const chosen = choose(all, Number(sampleText), random);
console.log(`${chosen.length} of ${all.length} changes`);

/** What is known so far. */
function tell(): string {
  const left = results
    .filter(({ outcome }) => outcome === "survived" || outcome === "not covered")
    .map(describe);
  const summary = `${[...left, ...scores].join("\n")}\nall, seed ${seedText}: ${score(results, lateInAll)}\n`;
  writeFileSync(join(RESULTS, "survivors.txt"), summary);
  return summary;
}

const results: Tried[] = [];
const scores: string[] = [];
let lateInAll = 0;
for (const folder of new Set(paths.map(folderOf))) {
  const own = chosen.filter((change) => change.folder === folder);
  if (own.length === 0) continue;
  const first = tryChanges(folder, own, USUAL);
  const unsure = first.filter(({ outcome }) => outcome === "late" || outcome === "static");
  const again =
    unsure.length === 0
      ? []
      : tryChanges(
          folder,
          unsure.map(({ change }) => change),
          AGAIN,
        );
  const tried = [...first.filter((one) => !unsure.includes(one)), ...again];
  results.push(...tried);
  const lateHere = unsure.filter(({ outcome }) => outcome === "late").length;
  lateInAll += lateHere;
  scores.push(`${folder}: ${score(tried, lateHere)}`);
  console.log(scores.at(-1));
  tell();
}
console.log(tell());
