/**
 * Makes the programs of dist/cli from few files: the command itself, and what `run` starts beside the client. Loading
 * two hundred modules one by one takes longer than all else that a driver does until its node is there. Each
 * subcommand is a file of its own, what several of them share is in chunks, and nothing is minified: a stack trace
 * names functions, and source maps lead to the lines.
 *
 * The library, dist/index.js, stays as the compiler makes it.
 */
import { readFile, rm } from "node:fs/promises";
import { dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const source = `${root}/src`;
const output = `${root}/dist`;

/** Where chunks are, below dist/. */
const CHUNKS = "cli/chunks";

/**
 * Modules find their neighbours (the addon, another program) from `import.meta.url`, which in a chunk is the chunk's. So
 * each gets the URL that it has when the compiler makes a file of it. All files of the bundle are two folders below the
 * root, but for those programs that are three: see {@link entries}.
 */
const ownUrls: Plugin = {
  name: "own-urls",
  setup(bundler) {
    bundler.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      if (!text.includes("import.meta.url")) return undefined;
      const compiled = relative(source, path).replace(/\.ts$/, ".js");
      const url = `new URL(${JSON.stringify(compiled)}, distUrl).href`;
      return { contents: text.replaceAll("import.meta.url", url), loader: "ts", resolveDir: dirname(path) };
    });
  },
};

/** What the compiler leaves to us: tsconfig.build.json excludes these. */
const entries = ["cli/main", "cli/loopback-ctl", "cli/watch-thread", "cli/run/inside", "cli/run/guard"];

// Names of chunks change with their contents.
await rm(`${output}/${CHUNKS}`, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: entries.map((entry) => ({ in: `${source}/${entry}.ts`, out: entry })),
  outdir: output,
  chunkNames: `${CHUNKS}/[name]-[hash]`,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  sourcemap: "linked",
  legalComments: "inline",
  plugins: [ownUrls],
  banner: {
    // CommonJS modules of dependencies want `require`, which ES modules lack.
    js: [
      `import { createRequire as requireOf } from "node:module";`,
      `const require = requireOf(import.meta.url);`,
      `const distUrl = import.meta.url.slice(0, import.meta.url.lastIndexOf("/cli/") + 1);`,
    ].join("\n"),
  },
});
