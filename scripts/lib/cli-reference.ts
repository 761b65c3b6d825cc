/**
 * Makes the manual pages and the shells' completions of the command, from what `--help` is made from.
 *
 *   tsx scripts/lib/cli-reference.ts FOLDER     man/*.1, bash/v4l2-cuse, zsh/_v4l2-cuse, fish/v4l2-cuse.fish
 */
import { mkdirSync, writeFileSync } from "node:fs";
import type { Argument, Command, Option } from "commander";
import { mainCommand, subcommands } from "../../src/cli/subcommands.js";
import { packageVersion } from "../../src/cli/version.js";

const NAME = "v4l2-cuse";

/** A subcommand, and what its help says after the options. */
interface Described {
  readonly command: Command;
  readonly examples: string;
}

/** The whole command, and its subcommands in the order of its help. */
export interface Reference {
  readonly program: Command;
  readonly all: readonly Described[];
}

/** Reads the commands of {@link subcommands}. */
export async function describeCommands(): Promise<Reference> {
  const program = mainCommand();
  const all: Described[] = [];
  for (const load of subcommands.values()) {
    const command = await load();
    program.addCommand(command);
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    all.push({ command, examples: help.slice(command.helpInformation().length).trim() });
  }
  return { program, all };
}

// ---- Manual pages ----

/** Text that roff takes for nothing else. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(?=[.'])/gm, "\\&");
}

/** What the help says behind an option: choices and default are its words. */
function optionHelp({ description, argChoices, defaultValue, defaultValueDescription }: Option): string {
  const parts = [description.replace(/^./, (letter) => letter.toUpperCase())];
  if (argChoices !== undefined) parts.push(`One of: ${argChoices.join(", ")}.`);
  const preset = defaultValueDescription ?? (typeof defaultValue === "string" ? defaultValue : undefined);
  if (preset !== undefined) parts.push(`Default: ${preset}.`);
  return parts.map((part) => (/[.)]$/.test(part) ? part : `${part}.`)).join(" ");
}

const argumentText = (argument: Argument): string => {
  const dots = argument.variadic ? "..." : "";
  return argument.required ? `<${argument.name()}>${dots}` : `[${argument.name()}${dots}]`;
};

function page(title: string, name: string, description: string, body: string, version: string): string {
  return `.TH ${title.toUpperCase()} 1 "" "v4l2\\-cuse ${version}" "User Commands"
.SH NAME
${roff(name)} \\- ${roff(description)}
${body}`;
}

function optionSection(command: Command): string {
  const options = command.createHelp().visibleOptions(command);
  const entries = options.map((option) => `.TP\n.B ${roff(option.flags)}\n${roff(optionHelp(option))}\n`);
  return `.SH OPTIONS\n${entries.join("")}`;
}

/** What follows {@link NAME}: our commands, and `help`. */
const commandsOf = (program: Command): readonly Command[] => program.createHelp().visibleCommands(program);

function commandPage({ command, examples }: Described, version: string): string {
  const name = `${NAME}-${command.name()}`;
  const args = command.registeredArguments.map(argumentText).join(" ");
  const operands = command.registeredArguments
    .map((argument) => `.TP\n.I ${roff(argumentText(argument))}\n${roff(argument.description)}\n`)
    .join("");
  const sections = [
    `.SH SYNOPSIS\n.B ${roff(`${NAME} ${command.name()}`)}\n[options] ${roff(args)}\n`,
    `.SH DESCRIPTION\n${roff(command.description().replace(/^./, (letter) => letter.toUpperCase()))}.\n`,
    operands === "" ? "" : `.SH ARGUMENTS\n${operands}`,
    optionSection(command),
    examples === "" ? "" : `.SH NOTES\n.nf\n${roff(examples)}\n.fi\n`,
    `.SH SEE ALSO\n.BR ${roff(NAME)} (1)\n`,
  ];
  return page(name, name, command.description(), sections.join(""), version);
}

function mainPage({ program, all }: Reference, version: string): string {
  const list = commandsOf(program)
    .map((command) => `.TP\n.B ${roff(command.name())}\n${roff(command.description())}\n`)
    .join("");
  const also = all.map(({ command }) => `.BR ${roff(`${NAME}-${command.name()}`)} (1)`).join(",\n");
  const body = `.SH SYNOPSIS
.B ${roff(NAME)}
.I command
[options]
.SH COMMANDS
${list}${optionSection(program)}.SH EXIT STATUS
.TP
.B 0
It ended as asked.
.TP
.B 1
A device cannot be served, or its node was taken away.
.TP
.B 2
The command line is wrong.
.TP
.B 74
A log, a trace or a list could not be written.
.SH SEE ALSO
${also},
.BR v4l2\\-ctl (1),
.BR v4l2\\-compliance (1)
`;
  return page(NAME, NAME, program.description(), body, version);
}

/** @returns File name to roff text: one page for the command, one for each subcommand. */
export function manualPages(reference: Reference, version: string): ReadonlyMap<string, string> {
  const pages = reference.all.map(
    (one) => [`${NAME}-${one.command.name()}.1`, commandPage(one, version)] as const,
  );
  return new Map([[`${NAME}.1`, mainPage(reference, version)], ...pages]);
}

// ---- Completions ----

interface Flag {
  readonly names: readonly string[];
  readonly help: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

const flagsOf = (command: Command): readonly Flag[] =>
  command
    .createHelp()
    .visibleOptions(command)
    .map((option) => ({
      names: [option.short, option.long].filter((name) => typeof name === "string"),
      help: option.description,
      takesValue: option.required || option.optional,
      choices: option.argChoices ?? [],
    }));

/** Does the command start another one, whose words are not ours to complete? */
const startsClient = (command: Command): boolean =>
  command.registeredArguments.some(({ variadic }) => variadic);

/** For bash, with bash-completion or without. */
export function bashCompletion({ program, all }: Reference): string {
  const names = commandsOf(program).map((command) => command.name());
  const flags = flagsOf(program).flatMap((flag) => flag.names);
  const cases = all.map(({ command }) => {
    const flags = flagsOf(command);
    const values = flags
      .filter(({ takesValue }) => takesValue)
      .map(({ names, choices }) => {
        const words =
          choices.length === 0 ? `compgen -f -- "$word"` : `compgen -W '${choices.join(" ")}' -- "$word"`;
        return `        ${names.join("|")}) mapfile -t COMPREPLY < <(${words}); return ;;`;
      });
    const rest = startsClient(command) ? `compgen -c -- "$word"` : `compgen -f -- "$word"`;
    return `    ${command.name()})
      case $before in
${values.join("\n")}
      esac
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '${flags.flatMap(({ names }) => names).join(" ")}' -- "$word")
      else
        mapfile -t COMPREPLY < <(${rest})
      fi
      ;;`;
  });
  return `# bash completion of ${NAME}
_v4l2_cuse() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    local words='${names.join(" ")}'
    [[ $word != -* ]] || words='${flags.join(" ")}'
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    return
  fi
  case \${COMP_WORDS[1]} in
    help) mapfile -t COMPREPLY < <(compgen -W '${names.join(" ")}' -- "$word") ;;
${cases.join("\n")}
  esac
}
complete -o filenames -F _v4l2_cuse ${NAME}
`;
}

const zshText = (text: string): string => text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, "\\$&");

const zshFlags = (command: Command): readonly string[] =>
  flagsOf(command).map(({ names, help, takesValue, choices }) => {
    const words = choices.length === 0 ? "_files" : `(${choices.join(" ")})`;
    const value = takesValue ? `:value:${words}` : "";
    return names.map((name) => `'*${name}[${zshText(help)}]${value}'`).join(" ");
  });

/** For zsh: a file of a folder in \`fpath\`. */
export function zshCompletion({ program, all }: Reference): string {
  const list = commandsOf(program)
    .map((command) => `    '${command.name()}:${zshText(command.description())}'`)
    .join("\n");
  const cases = all.map(({ command }) => {
    const specs = zshFlags(command);
    const rest = startsClient(command) ? "'*::client:_normal'" : "'*:file:_files'";
    return `    ${command.name()})
      _arguments ${[...specs, rest].join(" \\\n        ")} ;;`;
  });
  return `#compdef ${NAME}
_v4l2_cuse() {
  local -a commands=(
${list}
  )
  if ((CURRENT == 2)) && [[ $words[2] == -* ]]; then
    _arguments ${zshFlags(program).join(" \\\n      ")}
    return
  fi
  if ((CURRENT == 2)) || [[ $words[2] == help ]]; then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT -= 1))
  case $command in
${cases.join("\n")}
  esac
}
_v4l2_cuse "$@"
`;
}

const fishText = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

/** For fish: a file of its completions folder. */
export function fishCompletion({ program, all }: Reference): string {
  const flags = (command: Command, when: string): readonly string[] =>
    flagsOf(command).map(({ names, help, takesValue, choices }) => {
      const words = names.map((flag) =>
        flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
      );
      const value = !takesValue ? "" : choices.length === 0 ? " -r" : ` -x -a ${fishText(choices.join(" "))}`;
      return `complete -c ${NAME} -n ${when} ${words.join(" ")}${value} -d ${fishText(help)}`;
    });
  const list = (when: string): readonly string[] =>
    commandsOf(program).map(
      (command) =>
        `complete -c ${NAME} -n ${when} -f -a ${command.name()} -d ${fishText(command.description())}`,
    );
  const lines = [
    ...list("__fish_use_subcommand"),
    ...flags(program, "__fish_use_subcommand"),
    ...list("'__fish_seen_subcommand_from help'"),
    ...all.flatMap(({ command }) => flags(command, `'__fish_seen_subcommand_from ${command.name()}'`)),
  ];
  return `# fish completion of ${NAME}\n${lines.join("\n")}\n`;
}

async function main(folder: string): Promise<void> {
  const reference = await describeCommands();
  const write = (kind: string, name: string, text: string): void => {
    mkdirSync(`${folder}/${kind}`, { recursive: true });
    writeFileSync(`${folder}/${kind}/${name}`, text);
  };
  for (const [name, text] of manualPages(reference, packageVersion)) write("man", name, text);
  write("bash", NAME, bashCompletion(reference));
  write("zsh", `_${NAME}`, zshCompletion(reference));
  write("fish", `${NAME}.fish`, fishCompletion(reference));
}

const [, program, folder] = process.argv;
if (program?.endsWith("cli-reference.ts") === true && folder !== undefined) await main(folder);
