/** Every command of README.md, CONTRIBUTING.md and docs/ has a decision, and every decision a command. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { blocksOf, commandsOf, inlineCommandsOf, pages, repo } from "./blocks.js";
import { decisions } from "./decisions.js";

const withCommands = pages.filter((file) => commandsOf(file).length > 0);

describe("the commands of", () => {
  it.each(withCommands)("%s are run, or it is said why not", (file) => {
    const decided = (decisions[file] ?? []).map(([command]) => command);
    expect(decided).toEqual(commandsOf(file));
  });

  it("no other page are decided about", () => {
    expect(Object.keys(decisions).sort()).toEqual([...withCommands].sort());
  });
});

describe("a command that another test runs", () => {
  const others = Object.values(decisions)
    .flat()
    .flatMap(([command, decision]) =>
      "by" in decision ? [[command, decision.by, decision.text] as const] : [],
    );
  it.each(others)("is there: %s", (_command, path, text) => {
    expect(readFileSync(join(repo, path), "utf8").includes(text), `"${text}" in ${path}`).toBe(true);
  });
});

describe("a script of the checkout", () => {
  const text = readFileSync(join(repo, "package.json"), "utf8");
  const { scripts } = JSON.parse(text) as { readonly scripts: Readonly<Record<string, string>> };
  const named = pages.flatMap((file) => commandsOf(file).map((command) => [file, command] as const));

  it.each(named.filter(([, command]) => /(?:^| )scripts\//.test(command)))(
    "that %s names is there: %s",
    (_file, command) => {
      const [, script = ""] = /(?:^| )(scripts\/\S+)/.exec(command) ?? [];
      expect(existsSync(join(repo, script)), script).toBe(true);
    },
  );

  it.each(named.filter(([, command]) => command.startsWith("npm run ")))(
    "that %s names is in package.json: %s",
    (_file, command) => {
      expect(Object.keys(scripts)).toContain(command.split(" ")[2]);
    },
  );
});

describe("commands between words", () => {
  it("are told from files, options and names", () => {
    const text =
      "`scripts/test`, as `npm run lint`; `scripts/uapi/selection.ts`, then `scripts/gen-uapi --offline`, `--check`, `npm`.";
    expect(inlineCommandsOf(`${text} \`scripts/test\``)).toEqual([
      "scripts/test",
      "npm run lint",
      "scripts/gen-uapi --offline",
    ]);
  });
});

describe("blocks of commands", () => {
  it("are fenced or indented, and have whole commands", () => {
    const page = [
      "Text `v4l2-cuse sample`.",
      "",
      "    v4l2-cuse sample   # a comment",
      "    0.1 s of output",
      "",
      "```sh",
      "# a comment",
      "true \\",
      "  --option",
      "sh -c '",
      "  one",
      "  two'",
      "```",
      "```ts",
      "v4l2-cuse none",
      "```",
      "```",
      "$ ffmpeg -i x",
      "output",
      "```",
    ].join("\n");
    expect(blocksOf("x.md", page).map(({ line, commands }) => ({ line, commands }))).toEqual([
      { line: 3, commands: ["v4l2-cuse sample"] },
      { line: 6, commands: ["true --option", "sh -c '\none\ntwo'"] },
      { line: 17, commands: ["ffmpeg -i x"] },
    ]);
  });
});
