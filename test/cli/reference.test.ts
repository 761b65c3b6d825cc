/**
 * What packages have beside the command knows all that `--help` lists, and no more: the manual pages by their text, the
 * completions by the shells themselves.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  bashCompletion,
  describeCommands,
  fishCompletion,
  manualPages,
  zshCompletion,
} from "../../scripts/lib/cli-reference.js";
import { subcommands } from "../../src/cli/subcommands.js";

const reference = await describeCommands();
const pages = manualPages(reference, "1.2.3");
const folder = mkdtempSync(join(tmpdir(), "v4l2-cuse-reference-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The first column of a section of `--help`, "Options:" and so on. */
const listed = (help: string, section: string): string[] => {
  const [, text = ""] = help.split(`\n${section}:\n`);
  const [block = ""] = text.split(/\n(?! )/);
  return [...block.matchAll(/^ {2}(\S.*?)(?: {2,}.*)?$/gm)].map(([, term = ""]) => term);
};

/** The terms of a page's section. */
const entries = (name: string, section: string): string[] => {
  const text = pages.get(`${name}.1`) ?? "";
  const [, rest = ""] = text.split(`.SH ${section}\n`);
  const [block = ""] = rest.split("\n.SH ");
  return [...block.matchAll(/^\.TP\n\.[BI] (.*)$/gm)].map(([, term = ""]) =>
    term.replaceAll("\\-", "-").replaceAll("\\e", "\\"),
  );
};

/** `-u, --user <name>` as `-u` and `--user`. */
const names = (flags: readonly string[]): string[] =>
  flags.flatMap((flag) => flag.split(", ").map((one) => one.split(" ")[0] ?? "")).sort();

const programHelp = reference.program.helpInformation();
/** By the words of a command; "" is the whole one. */
const helps = new Map([
  ["", programHelp],
  ...reference.all.map(({ command }) => [command.name(), command.helpInformation()] as const),
]);
const flagsOf = (name: string): string[] => names(listed(helps.get(name) ?? "", "Options"));
const commands = listed(programHelp, "Commands").map((term) => term.split(" ")[0] ?? "");

it("is about every command of the list, and help", () => {
  expect(commands).toEqual([...subcommands.keys(), "help"]);
  expect([...pages.keys()]).toEqual([
    "v4l2-cuse.1",
    ...[...subcommands.keys()].map((name) => `v4l2-cuse-${name}.1`),
  ]);
  expect(flagsOf("")).toEqual(["--help", "--version", "-V", "-h"]);
});

describe("the manual page", () => {
  it("v4l2-cuse has the commands of --help, and its options", () => {
    expect(entries("v4l2-cuse", "COMMANDS")).toEqual(commands);
    expect(entries("v4l2-cuse", "OPTIONS")).toEqual(listed(programHelp, "Options"));
  });

  it.each([...subcommands.keys()])("v4l2-cuse-%s has the options and arguments of --help", (name) => {
    const help = helps.get(name) ?? "";
    expect(entries(`v4l2-cuse-${name}`, "OPTIONS")).toEqual(listed(help, "Options"));
    const args = entries(`v4l2-cuse-${name}`, "ARGUMENTS").map((term) => term.replaceAll(/[<>[\].]/g, ""));
    expect(args).toEqual(listed(help, "Arguments"));
  });
});

/** Runs a shell's script, whose lines are a command, a tab, and a word that it offers behind that one. */
function offered(shell: string, args: readonly string[], script: string): ReadonlyMap<string, string[]> {
  const lines = execFileSync(shell, [...args, script], { encoding: "utf8", timeout: 60_000 }).split("\n");
  const words = new Map<string, string[]>();
  for (const line of lines.filter((text) => text !== "")) {
    const [command = "", word = ""] = line.split("\t");
    words.set(command, [...(words.get(command) ?? []), word].sort());
  }
  return words;
}

const saved = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};
const all = ["", ...subcommands.keys()].join(" ");

/** What each shell offers behind a command: to "-", or to nothing for "commands" and "help". */
const shells: Readonly<Record<string, () => ReadonlyMap<string, string[]>>> = {
  bash: () => {
    const file = saved("v4l2-cuse", bashCompletion(reference));
    return offered(
      "bash",
      ["--norc", "-c"],
      `
      . ${file}
      ask() { # ask NAME WORD...
        local name=$1
        COMP_WORDS=(v4l2-cuse "\${@:2}") COMP_CWORD=$(($# - 1))
        _v4l2_cuse
        printf "$name\\t%s\\n" "\${COMPREPLY[@]}"
      }
      ask commands ''
      ask help help ''
      ask '' -
      for name in ${all}; do ask "$name" "$name" -; done`,
    );
  },
  zsh: () => {
    const file = saved("_v4l2-cuse", zshCompletion(reference));
    // In place of zsh's own functions, which want a terminal.
    return offered(
      "zsh",
      ["-f", "-c"],
      `
      _arguments() { for spec; do [[ $spec != \\*:* ]] && print -r -- "$name\t\${\${spec#\\*}%%\\[*}"; done }
      _describe() { for spec in "\${(@P)2}"; do print -r -- "$name\t\${spec%%:*}"; done }
      ask() { name=$1; words=(v4l2-cuse "\${@:2}"); CURRENT=$#; . ${file} }
      ask commands ''
      ask help help ''
      ask '' -
      for command in ${all}; do ask $command $command -; done
      true`,
    );
  },
  fish: () => {
    const file = saved("v4l2-cuse.fish", fishCompletion(reference));
    return offered(
      "fish",
      ["--no-config", "-c"],
      `
      source ${file}
      function ask
        complete -C $argv[2] | while read --delimiter \\t word help
          printf '%s\\t%s\\n' $argv[1] $word
        end
      end
      ask commands 'v4l2-cuse '
      ask help 'v4l2-cuse help '
      ask '' 'v4l2-cuse -'
      for name in ${all}; ask $name "v4l2-cuse $name -"; end`,
    );
  },
};

describe.each(Object.keys(shells))("%s", (shell) => {
  it("offers the commands and options of --help, and no others", () => {
    const words = shells[shell]?.();
    expect(words?.get("commands")).toEqual([...commands].sort());
    expect(words?.get("help")).toEqual([...commands].sort());
    for (const name of helps.keys()) expect([name, words?.get(name)]).toEqual([name, flagsOf(name)]);
  });
});
