/** Every command of README.md and docs/ has a decision, and every decision a command. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { blocksOf, pages, repo } from "./blocks.js";
import { decisions } from "./decisions.js";

const commandsOf = (file: string): readonly string[] => blocksOf(file).flatMap(({ commands }) => commands);
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
