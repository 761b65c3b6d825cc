/**
 * The part of scripts/mutate that runs in the copy of the tree: lists all changes that StrykerJS would make, chooses a
 * sample, has each folder's sample tried, and sums up.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [sampleText = "", seedText = "", allTests = "no", jobsText = "", ...folders] = process.argv.slice(2);
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
        readonly source: string;
        readonly mutants: readonly {
          readonly status: string;
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

const sources = (folder: string): string[] =>
  readdirSync(join("src", folder), { recursive: true, encoding: "utf8" })
    .map((name) => join("src", folder, name))
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

function choose(changes: readonly Change[], count: number, random: () => number): Change[] {
  const left = [...changes];
  const chosen: Change[] = [];
  while (chosen.length < count && left.length > 0) {
    const [change] = left.splice(Math.floor(random() * left.length), 1);
    if (change !== undefined) chosen.push(change);
  }
  return chosen;
}

/** The same for the same change, whoever tells of it. */
const nameOf = (
  file: string,
  { start, end }: { readonly start: Place; readonly end: Place },
  replacement: string,
): string => `${file}:${start.line}:${start.column}-${end.line}:${end.column} ${replacement}`;

/** Runs StrykerJS on the chosen changes of a folder. */
function tryChanges(folder: string, changes: readonly Change[]): Report {
  const tests = allTests === "yes" ? "test/**/*.test.ts" : `test/${folder}/**/*.test.ts`;
  writeFileSync(
    "vitest.mutate.config.ts",
    `import { defineConfig } from "vitest/config";
export default defineConfig({ test: { include: ["${tests}"], exclude: ["test/{device,compliance,gstreamer,emulated,fuse-node,run-device}/**"], testTimeout: 30000, pool: "forks" } });\n`,
  );
  // Within a chosen range StrykerJS would try all, of which only what is as large was chosen.
  writeFileSync(
    "mutate-chosen.mjs",
    `import { declareValuePlugin, PluginKind } from "@stryker-mutator/api/plugin";
const chosen = ${JSON.stringify(changes.map(({ start, end }) => [start.line + 1, start.column, end.line + 1, end.column]))};
const isBefore = (lineA, columnA, lineB, columnB) => lineA < lineB || (lineA === lineB && columnA <= columnB);
const shouldIgnore = ({ node: { loc } }) =>
  loc && !chosen.some(([line, column, lastLine, lastColumn]) =>
    isBefore(loc.start.line, loc.start.column, line, column) && isBefore(lastLine, lastColumn, loc.end.line, loc.end.column))
    ? "was not chosen" : undefined;
export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, "chosen", { shouldIgnore })];\n`,
  );
  const report = join(RESULTS, `report-${folder}.json`);
  writeFileSync(
    "stryker.config.json",
    JSON.stringify({
      testRunner: "vitest",
      vitest: { configFile: "vitest.mutate.config.ts", related: true },
      plugins: ["@stryker-mutator/vitest-runner", "./mutate-chosen.mjs"],
      ignorers: ["chosen"],
      mutate: changes.map(
        ({ file, start, end }) => `${file}:${start.line + 1}:${start.column}-${end.line + 1}:${end.column}`,
      ),
      mutator: { excludedMutations: EXCLUDED },
      inPlace: true,
      concurrency: Number(jobsText),
      coverageAnalysis: "perTest",
      timeoutMS: 10_000,
      reporters: ["progress-append-only", "json"],
      jsonReporter: { fileName: report },
      checkers: [],
      allowEmpty: true,
      disableTypeChecks: false,
    }),
  );
  const { status } = spawnSync("node_modules/.bin/stryker", ["run", "stryker.config.json"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error(`StrykerJS failed on src/${folder}`);
  return JSON.parse(readFileSync(report, "utf8")) as Report;
}

const random = randomNumbers(Number(seedText));
const byFolder = await Promise.all(
  folders.map(async (folder) => (await allChanges(sources(folder))).map((change) => ({ folder, change }))),
);
const all = byFolder.flat();
const folderOf = new Map(all.map(({ folder, change }) => [change, folder]));
const chosen = choose(
  all.map(({ change }) => change),
  Number(sampleText),
  random,
);
console.log(`${chosen.length} of ${all.length} changes`);

const survivors: string[] = [];
let caught = 0;
let timedOut = 0;
for (const folder of folders) {
  const own = chosen.filter((change) => folderOf.get(change) === folder);
  if (own.length === 0) continue;
  // StrykerJS is told ranges, and tries every change of one: the others are no part of the sample.
  const wanted = new Set(own.map((change) => nameOf(change.file, change, change.replacement)));
  for (const [file, { source, mutants }] of Object.entries(tryChanges(folder, own).files)) {
    const lines = source.split("\n");
    for (const { status, mutatorName, replacement = "", location } of mutants) {
      const { start, end } = location;
      // Counted from 1 there.
      const place = {
        start: { line: start.line - 1, column: start.column - 1 },
        end: { line: end.line - 1, column: end.column - 1 },
      };
      if (!wanted.delete(nameOf(file, place, replacement))) continue;
      if (status === "Killed" || status === "Timeout" || status === "RuntimeError") caught += 1;
      if (status === "Timeout") timedOut += 1;
      else if (status === "Survived" || status === "NoCoverage")
        survivors.push(
          `${file}:${location.start.line} ${mutatorName} (${status}) -> ${replacement.replace(/\s+/g, " ")}\n    ${lines[location.start.line - 1]?.trim() ?? ""}`,
        );
    }
  }
  for (const name of wanted) console.error(`not tried: ${name}`);
}
writeFileSync(join(RESULTS, "survivors.txt"), `${survivors.join("\n")}\n`);
const tried = caught + survivors.length;
console.log(survivors.join("\n"));
console.log(
  `${caught} of ${tried} changes caught (${((100 * caught) / Math.max(1, tried)).toFixed(1)} %), ${timedOut} of them by tests that did not end`,
);
