/**
 * docs/write-your-own-driver.md as a program reads it: every block of code has a name, and is run by
 * `scripts/lib/own-driver` and test/device/own-driver.test.ts.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const guide = fileURLToPath(new URL("../../docs/write-your-own-driver.md", import.meta.url));

interface Block {
  readonly language: string;
  /** Of `sh`: what it is for. Of the others: the file that it is or changes. */
  readonly name: string;
  /** Of `diff`: the step that makes the change. */
  readonly step: string;
  readonly text: string;
}

/** @throws {Error} A block has no name, so nobody would run it. */
export function readBlocks(markdown = readFileSync(guide, "utf8")): readonly Block[] {
  return [...markdown.matchAll(/^```(.+)\n([^]*?)^```$/gm)].map(([, info = "", text = ""]) => {
    const [language = "", name = "", step = ""] = info.split(" ");
    if (name === "") throw new Error(`the guide has a block of ${language} that nothing runs:\n${text}`);
    return { language, name, step, text };
  });
}

/** The one block of this language and name. */
export function block(language: string, name: string): string {
  const [found, other] = readBlocks().filter((each) => each.language === language && each.name === name);
  if (found === undefined || other !== undefined) throw new Error(`not one block of ${language} ${name}`);
  return found.text;
}

/** Applies a unified diff: what each hunk shows has to be there, once. */
export function patched(source: string, diff: string): string {
  let result = source;
  for (const hunk of diff.split(/^@@.*@@\n/m).slice(1)) {
    const lines = hunk.split("\n").slice(0, -1);
    const side = (left: string): string =>
      lines
        .filter((line) => line.startsWith(" ") || line.startsWith(left))
        .map((line) => `${line.slice(1)}\n`)
        .join("");
    const parts = result.split(side("-"));
    if (parts.length !== 2) throw new Error(`the change does not fit:\n${hunk}`);
    result = parts.join(side("+"));
  }
  return result;
}

export const cameraSteps = ["camera", "control", "event"] as const;
export type CameraStep = (typeof cameraSteps)[number];

/** `src/camera.ts` after a step of the guide. */
export function cameraSource(until: CameraStep): string {
  let source = block("ts", "src/camera.ts");
  for (const step of cameraSteps.slice(1, cameraSteps.indexOf(until) + 1)) {
    const change = readBlocks().find((each) => each.language === "diff" && each.step === step);
    if (change?.name !== "src/camera.ts") throw new Error(`the guide has no step ${step}`);
    source = patched(source, change.text);
  }
  return source;
}

/** `guide.ts sh NAME` prints a block of commands; `guide.ts write FOLDER STEP` writes the files of a step. */
function main([command = "", where = "", step = ""]: readonly string[]): void {
  if (command === "sh") {
    process.stdout.write(block("sh", where));
    return;
  }
  const wanted = cameraSteps.find((each) => each === step);
  if (command !== "write" || wanted === undefined)
    throw new Error("usage: guide.ts sh NAME | write FOLDER STEP");
  const files = { "tsconfig.json": block("json", "tsconfig.json"), "src/camera.ts": cameraSource(wanted) };
  for (const [name, text] of Object.entries(files)) {
    const file = join(where, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
