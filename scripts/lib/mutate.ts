/**
 * The part of scripts/mutate that runs in the copy of the tree: lists all changes that StrykerJS would make, chooses a
 * sample, has each folder's sample tried, and sums up.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [sampleText = "", seedText = "", allTests = "no", ...folders] = process.argv.slice(2);
/** Results lie beside the copy. */
const RESULTS = "..";
/** What is never worth a change: texts for people. */
const EXCLUDED = [
  "StringLiteral",
  "Regex",
  "ObjectLiteral",
  "ArrayDeclaration",
  "BlockStatement",
  "MethodExpression",
];

interface Place {
  readonly line: number;
  readonly column: number;
}
interface Change {
  readonly file: string;
  readonly start: Place;
  readonly end: Place;
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
    ): Promise<{ mutants: readonly { fileName: string; location: { start: Place; end: Place } }[] }>;
  }
  const { createInstrumenter } = (await import(load.resolve("@stryker-mutator/instrumenter"))) as {
    createInstrumenter: unknown;
  };
  const silent = Object.fromEntries(
    ["isDebugEnabled", "debug", "info", "warn"].map((name) => [name, () => undefined]),
  );
  const instrumenter = createInjector().provideValue("logger", silent).injectFunction(createInstrumenter);
  const { mutants } = await instrumenter.instrument(
    files.map((name) => ({ name, content: readFileSync(name, "utf8"), mutate: true as const })),
    { ignorers: [], plugins: null, excludedMutations: EXCLUDED },
  );
  return mutants.map(({ fileName, location }) => ({ file: fileName, ...location }));
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

/** Runs StrykerJS on the chosen changes of a folder. */
function tryChanges(folder: string, changes: readonly Change[]): Report {
  const tests = allTests === "yes" ? "test/**/*.test.ts" : `test/${folder}/**/*.test.ts`;
  writeFileSync(
    "vitest.mutate.config.ts",
    `import { defineConfig } from "vitest/config";
export default defineConfig({ test: { include: ["${tests}"], exclude: ["test/{device,compliance,gstreamer,emulated,fuse-node,run-device}/**"], testTimeout: 30000, pool: "forks" } });\n`,
  );
  const report = join(RESULTS, `report-${folder}.json`);
  writeFileSync(
    "stryker.config.json",
    JSON.stringify({
      testRunner: "vitest",
      vitest: { configFile: "vitest.mutate.config.ts", related: true },
      plugins: ["@stryker-mutator/vitest-runner"],
      mutate: changes.map(
        ({ file, start, end }) => `${file}:${start.line + 1}:${start.column}-${end.line + 1}:${end.column}`,
      ),
      mutator: { excludedMutations: EXCLUDED },
      inPlace: true,
      concurrency: 2,
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
for (const folder of folders) {
  const own = chosen.filter((change) => folderOf.get(change) === folder);
  if (own.length === 0) continue;
  for (const [file, { source, mutants }] of Object.entries(tryChanges(folder, own).files)) {
    const lines = source.split("\n");
    for (const { status, mutatorName, replacement = "", location } of mutants) {
      if (status === "Killed" || status === "Timeout" || status === "RuntimeError") caught += 1;
      else if (status === "Survived" || status === "NoCoverage")
        survivors.push(
          `${file}:${location.start.line} ${mutatorName} (${status}) -> ${replacement.replace(/\s+/g, " ")}\n    ${lines[location.start.line - 1]?.trim() ?? ""}`,
        );
    }
  }
}
writeFileSync(join(RESULTS, "survivors.txt"), `${survivors.join("\n")}\n`);
const tried = caught + survivors.length;
console.log(survivors.join("\n"));
console.log(`${caught} of ${tried} changes caught (${((100 * caught) / Math.max(1, tried)).toFixed(1)} %)`);
