/** The commands of README.md, CONTRIBUTING.md and docs/, as a program finds them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const repo = fileURLToPath(new URL("../..", import.meta.url));

/** A block of code that has commands. */
export interface Block {
  /** `README.md`, `docs/run.md`. */
  readonly file: string;
  readonly line: number;
  /** In order; continued lines are one, comments and prompts are left out. */
  readonly commands: readonly string[];
}

/** What a line of a block that is not marked as `sh` begins with, if it is a command. */
const commandWords =
  /^(?:[A-Z_0-9]+=\S+ )*(?:v4l2-cuse(?! list \[| add \[| remove NAME)|v4l2loopback-ctl|sudo|scripts\/\S+|npx?|node|v4l2-ctl|v4l2-compliance|media-ctl|ffmpeg|gst-\S+|apt-get|docker|modprobe|git|make) /;

/** The changelog, which tells of the past, is none. */
export const pages: readonly string[] = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(repo, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** What a command between words begins with; a file of the checkout that has an ending is none. */
const inlineCommand = /^(?:(?:npx|npm run|make) \S.*|scripts\/(?:lib\/)?[a-z0-9-]+(?: .*)?)$/;

/** The commands between words, as CONTRIBUTING.md has them: each once, in order. */
export function inlineCommandsOf(text: string): string[] {
  // Within a table, a bar is written with a backslash.
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span.replaceAll("\\|", "|"));
  return [...new Set(spans.filter((span) => inlineCommand.test(span)))];
}

/** All commands of a page that somebody has to decide about. */
export function commandsOf(file: string): readonly string[] {
  const text = readFileSync(join(repo, file), "utf8");
  const inBlocks = blocksOf(file, text).flatMap(({ commands }) => commands);
  return file === "CONTRIBUTING.md" ? [...inBlocks, ...inlineCommandsOf(text)] : inBlocks;
}

export function blocksOf(file: string, text = readFileSync(join(repo, file), "utf8")): Block[] {
  const blocks: Block[] = [];
  let open: { readonly line: number; readonly isShell: boolean; readonly lines: string[] } | undefined;
  let fence: string | undefined;
  const close = (): void => {
    if (open !== undefined) {
      const commands = commandsIn(open.lines, open.isShell);
      if (commands.length > 0) blocks.push({ file, line: open.line, commands });
    }
    open = undefined;
  };
  for (const [index, line] of text.split("\n").entries()) {
    const [, marks, info] = /^(```+)(.*)$/.exec(line) ?? [];
    if (marks !== undefined) {
      close();
      if (fence === undefined) {
        fence = marks;
        const language = (info ?? "").split(" ")[0];
        if (language === "sh" || language === "" || language === "bash")
          open = { line: index + 1, isShell: language !== "", lines: [] };
      } else fence = undefined;
    } else if (fence !== undefined) open?.lines.push(line);
    else if (line.startsWith("    ")) {
      open ??= { line: index + 1, isShell: false, lines: [] };
      open.lines.push(line.slice(4));
    } else if (line.trim() !== "") close();
  }
  close();
  return blocks;
}

function commandsIn(lines: readonly string[], isShell: boolean): string[] {
  const whole: string[] = [];
  let continued = false;
  const isOpen = (text: string): boolean => (text.split("'").length - 1) % 2 === 1;
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? "";
    const text = line
      .replace(/^\$ /, "")
      .replace(/\s+# .*$/, "")
      .trimEnd();
    const last = whole.length - 1;
    if (continued) whole[last] = `${(whole[last] ?? "").slice(0, -1).trimEnd()} ${text.trim()}`;
    else if (isShell ? !/^\s*(?:#|$)/.test(text) : commandWords.test(text)) whole.push(text);
    else continue;
    continued = text.endsWith("\\");
    // A quoted script of several lines is one command.
    while (isShell && isOpen(whole.at(-1) ?? "") && index + 1 < lines.length) {
      index += 1;
      whole.push(`${whole.pop() ?? ""}\n${(lines[index] ?? "").trim()}`);
    }
  }
  return whole.map((command) => command.trim());
}
